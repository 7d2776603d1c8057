//! What becomes of commands, whoever's code the agent is that gets them.

use super::interface::{Base, Command, Component, Misuse, Place, RemoteDescription};
use super::{Agent, Cx};
use crate::ice::candidate::Candidate;
use crate::rope::Rope;
use protosim_core::LocalTime;

/// Has an act for each command; [`Obey::obey`] is the one place where commands are told apart.
pub(in crate::ice) trait Obey {
    /// [`Command::Gather`].
    fn on_gather(&mut self, bases: Vec<Base>, cx: &mut Cx<'_>) -> Result<(), Misuse>;
    /// [`Command::Remote`].
    fn on_remote(&mut self, description: RemoteDescription, cx: &mut Cx<'_>) -> Result<(), Misuse>;
    /// [`Command::RemoteCandidate`].
    fn on_remote_candidate(&mut self, stream: usize, candidate: Candidate, cx: &mut Cx<'_>);
    /// [`Command::RemoteEnd`]: where it is noted; nowhere while there is no peer.
    fn peer_is_complete(&mut self) -> Option<&mut bool>;
    /// [`Command::Check`].
    fn on_check(&mut self, cx: &mut Cx<'_>) -> Result<(), Misuse>;
    /// [`Command::Send`].
    fn on_send(&mut self, component: Component, payload: Rope, cx: &mut Cx<'_>) -> Result<(), Misuse>;
    /// [`Command::Unreachable`].
    fn on_unreachable(&mut self, place: Place, cx: &mut Cx<'_>);
    /// [`Command::Close`].
    fn on_close(&mut self, cx: &mut Cx<'_>);
    /// Looks whether the session has come to something.
    fn look(&mut self, cx: &mut Cx<'_>);
    /// Sets when it does the next thing by itself.
    fn plan(&mut self, now: LocalTime);

    /// Does what is wanted.
    ///
    /// # Errors
    /// When that cannot be done now.
    fn obey(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let mut outcome = Ok(());
        match command {
            Command::Gather(bases) => outcome = self.on_gather(bases, cx),
            Command::Remote(description) => outcome = self.on_remote(description, cx),
            Command::RemoteCandidate(stream, candidate) => self.on_remote_candidate(stream, candidate, cx),
            Command::RemoteEnd => {
                if let Some(is_complete) = self.peer_is_complete() {
                    *is_complete = true;
                }
                self.look(cx);
            }
            Command::Check => outcome = self.on_check(cx),
            Command::Send(component, payload) => outcome = self.on_send(component, payload, cx),
            Command::Unreachable(place) => self.on_unreachable(place, cx),
            Command::Close => self.on_close(cx),
        }
        self.plan(cx.now());
        outcome
    }
}

impl Obey for Agent {
    fn on_gather(&mut self, bases: Vec<Base>, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        if self.gathering.has_begun() {
            return Err(Misuse::Again);
        }
        self.gather(&bases, cx);
        Ok(())
    }

    fn on_remote(&mut self, description: RemoteDescription, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.remote(description, cx)
    }

    fn on_remote_candidate(&mut self, stream: usize, candidate: Candidate, cx: &mut Cx<'_>) {
        self.remote_candidate(stream, candidate, cx);
    }

    fn peer_is_complete(&mut self) -> Option<&mut bool> {
        self.peer.as_mut().map(|peer| &mut peer.is_complete)
    }

    fn on_check(&mut self, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.begin_checks(cx)
    }

    fn on_send(&mut self, component: Component, payload: Rope, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.send_data(component, payload, cx)
    }

    fn on_unreachable(&mut self, place: Place, cx: &mut Cx<'_>) {
        self.server_unreachable(place, cx);
        self.check_unreachable(place, cx);
    }

    fn on_close(&mut self, cx: &mut Cx<'_>) {
        self.close(cx);
    }

    fn look(&mut self, cx: &mut Cx<'_>) {
        self.judge(cx);
    }

    fn plan(&mut self, now: LocalTime) {
        self.arrange_turn(now);
    }
}
