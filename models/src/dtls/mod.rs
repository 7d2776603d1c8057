//! DTLS.
pub mod codes;
pub mod config;
pub mod connection;
pub mod crypto;
pub mod endpoint;
pub mod gate;
pub mod reassembly;
pub mod replay;
pub mod session;
pub mod wire;
#[cfg(test)]
mod tests;
