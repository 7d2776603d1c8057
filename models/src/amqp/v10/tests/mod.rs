//! Properties of the encodings; scripts; cut connections.

mod apps;
mod broker;
mod checks;
mod codec;
mod connections;
mod cuts;
mod flood;
mod peer;
mod recovery;
mod scripts;
mod together;
