//! Agents by hand, two of them over a wire, and what holds whatever happens.

mod checks;
mod conflicts;
mod consent;
mod nominations;
mod properties;
mod requests;
mod world;

use super::agent::{
    Agent, AgentConfig, Base, Command, Component, Envelope, Misuse, Mode, Notice, Place, RemoteDescription, Role,
    SECRETS, Selected, State,
};
use super::candidate::{CandidateAddress, CandidateKind, Protocol};
use protosim_core::{LocalTime, Span};
use std::net::SocketAddr;
use world::{ALICE, BOB, World};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn millis(millis: u64) -> LocalTime {
    LocalTime::ZERO.saturating_add(Span::from_millis(millis))
}

const ONLY: Component = Component { stream: 0, number: 1 };

fn base(text: &str, rank: u32) -> Base {
    Base { component: ONLY, address: address(text), protocol: Protocol::Udp, rank }
}
