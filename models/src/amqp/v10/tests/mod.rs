//! Properties of the encodings; scripts; cut connections.

mod codec;
mod connections;
mod recovery;
mod scripts;
