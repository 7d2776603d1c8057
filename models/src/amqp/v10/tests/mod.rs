//! Properties of the encodings; scripts; cut connections.

mod broker;
mod codec;
mod connections;
mod recovery;
mod scripts;
