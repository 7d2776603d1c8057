//! ICE, Interactive Connectivity Establishment (RFC 8445): which pair of addresses two agents behind NATs can talk over.

pub mod agent;
pub mod candidate;
pub mod sdp;
pub mod wire;

pub use agent::Agent;
pub use candidate::{Candidate, CandidateAddress, CandidateKind, Protocol, TcpType};

#[cfg(test)]
mod tests;
