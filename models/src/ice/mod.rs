//! ICE, Interactive Connectivity Establishment (RFC 8445): which pair of addresses two agents behind NATs can talk over.

pub mod agent;
pub mod app;
pub mod candidate;
pub mod config;
#[cfg(feature = "str0m")]
pub mod foreign;
mod party;
pub mod sdp;
mod signalling;
pub mod wire;

pub use agent::Agent;
pub use app::IceAgent;
pub use candidate::{Candidate, CandidateAddress, CandidateKind, Protocol, TcpType};
pub use config::{IceAgentConfig, IceImplementation, IceServer};

#[cfg(test)]
mod tests;
