//! Whose code an agent is: ours, or that of others, with the same calls.

use super::agent::{Agent, Command, Component, Counts, Envelope, Misuse, Role, Selected, SharedConfig, State};
use super::candidate::Candidate;
use super::config::IceImplementation;
#[cfg(feature = "str0m")]
use super::foreign::Foreign;
use protosim_core::{Deadline, Machine, MachineCx, Stream};
use std::net::SocketAddr;

/// All of them speak as ours does.
pub(super) type Cx<'a> = MachineCx<'a, Agent>;

/// An agent.
#[derive(Debug)]
pub(super) enum Party {
    /// Ours.
    Own(Box<Agent>),
    /// str0m's.
    #[cfg(feature = "str0m")]
    Str0m(Box<Foreign>),
}

/// Calls the agent, whichever it is.
macro_rules! on {
    ($party:expr, $agent:ident => $call:expr) => {
        match $party {
            Self::Own($agent) => $call,
            #[cfg(feature = "str0m")]
            Self::Str0m($agent) => $call,
        }
    };
}

impl Party {
    /// One that has done nothing yet, as [`Agent::new`].
    pub(super) fn new(whose: IceImplementation, config: SharedConfig, role: Role, secrets: &mut Stream) -> Self {
        match whose {
            #[cfg(feature = "str0m")]
            IceImplementation::Str0m => Self::Str0m(Box::new(Foreign::new(config, role, secrets))),
            // Where str0m is not compiled in, `check` has refused it.
            _ => Self::Own(Box::new(Agent::new(config, role, secrets))),
        }
    }

    /// A copy, where there can be one.
    pub(super) fn try_clone(&self) -> Option<Self> {
        match self {
            Self::Own(agent) => Some(Self::Own(agent.clone())),
            #[cfg(feature = "str0m")]
            Self::Str0m(_) => None,
        }
    }

    pub(super) fn ufrag(&self) -> &str {
        on!(self, agent => agent.ufrag())
    }

    pub(super) fn pwd(&self) -> &str {
        on!(self, agent => agent.pwd())
    }

    pub(super) fn role(&self) -> Role {
        on!(self, agent => agent.role())
    }

    pub(super) fn state(&self) -> State {
        on!(self, agent => agent.state())
    }

    pub(super) fn selected(&self, component: Component) -> Option<Selected> {
        match self {
            Self::Own(agent) => agent.selected(component),
            // It has one component.
            #[cfg(feature = "str0m")]
            Self::Str0m(agent) => agent.selected(),
        }
    }

    pub(super) fn has_peer(&self) -> bool {
        on!(self, agent => agent.has_peer())
    }

    pub(super) fn peer_ufrag(&self) -> Option<&str> {
        on!(self, agent => agent.peer_ufrag())
    }

    pub(super) fn is_gathered(&self) -> bool {
        on!(self, agent => agent.is_gathered())
    }

    pub(super) fn candidates(&self, stream: usize) -> Box<dyn Iterator<Item = &Candidate> + '_> {
        match self {
            Self::Own(agent) => Box::new(agent.candidates(stream)),
            #[cfg(feature = "str0m")]
            Self::Str0m(agent) => Box::new(agent.candidates(stream)),
        }
    }

    pub(super) fn server_of_relay(&self, relay: usize) -> Option<SocketAddr> {
        on!(self, agent => agent.server_of_relay(relay))
    }

    pub(super) fn counts(&self) -> Counts {
        on!(self, agent => agent.counts())
    }

    pub(super) fn handle_message(&mut self, message: Envelope, cx: &mut Cx<'_>) {
        on!(self, agent => agent.handle_message(message, cx));
    }

    pub(super) fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        on!(self, agent => agent.handle_command(command, cx))
    }

    pub(super) fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        on!(self, agent => agent.handle_timeout(cx));
    }

    pub(super) fn poll_timeout(&self) -> Option<Deadline> {
        on!(self, agent => agent.poll_timeout())
    }
}
