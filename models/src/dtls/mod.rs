//! DTLS.
pub mod codes;
pub mod crypto;
pub mod wire;
#[cfg(test)]
mod tests;
