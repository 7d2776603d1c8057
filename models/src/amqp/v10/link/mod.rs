//! Links (§2.6): what their two ends know, and what outlives a session.
//!
//! | file | what |
//! |---|---|
//! | `sender` | [`SenderState`], which outlives a session, and what a session has of it |
//! | `receiver` | [`ReceiverState`], likewise |
//!
//! # A delivery that is sent (§2.6.12)
//! ```text
//!           send           credit, window           last transfer
//!  settled   ───▶ queued ──────────────────▶ sent ──────────────▶ done: at most once
//!
//!           send           credit, window       disposition, settled, outcome
//!  first     ───▶ queued ──────────────────▶ unsettled ──────────────────────▶ done: at least once
//!
//!           send           credit, window       disposition, outcome
//!  second    ───▶ queued ──────────────────▶ unsettled ─────────────────▶ done; disposition, settled: exactly once
//! ```
//! With `second`, the receiver holds the outcome until it hears that the sender has settled.
//!
//! # A link that is resumed (§2.6.13)
//! Both ends attach with what they consider unsettled. Of each delivery the sender finds:
//! | at the receiver | the sender |
//! |---|---|
//! | an outcome | is done, and says so: a transfer without payload, resumed, settled |
//! | nothing final | sends it again as resumed: the receiver has it, and takes its number alone |
//! | not known | sends it again as new, under its tag |
//!
//! A receiver settles what the sender does not consider unsettled any more. A delivery of which only a part has come is forgotten with
//! the session; the whole is sent again.
//!
//! # Choices
//! - A delivery takes credit with its first transfer, also one that is resumed and one that is aborted later.
//! - Tags are numbers of the link, in as few bytes as can be.
//! - A settled delivery whose last transfer was not sent goes back to the queue when its session is lost: it cannot have come.
//! - Deliveries of one link do not interleave; those of several links do, by turns.

mod receiver;
mod sender;

pub use receiver::{Credit, ReceiverState};
pub use sender::{Outgoing, SenderState};

#[cfg(test)]
pub(super) use receiver::delivery_size;
pub(super) use receiver::{Arrived, Receiving};
pub(super) use sender::{Answered, Cut, Sending};

use super::wire::{AnyTarget, Attach, ReceiverSettleMode, SenderSettleMode, Source};
use std::sync::Arc;

/// What both ends have agreed upon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The name of the link: one of each in each direction between two containers (§2.6.1).
    pub name: Arc<str>,
    /// Where messages come from.
    pub source: Option<Box<Source>>,
    /// Where they go to.
    pub target: Option<AnyTarget>,
    /// How the sender settles.
    pub snd_settle_mode: SenderSettleMode,
    /// How the receiver settles.
    pub rcv_settle_mode: ReceiverSettleMode,
}

impl Terms {
    /// Of a link between these, in the default modes.
    pub fn new(name: &str, source: Source, target: super::wire::Target) -> Self {
        Self {
            name: name.into(),
            source: Some(Box::new(source)),
            target: Some(AnyTarget::Node(Box::new(target))),
            snd_settle_mode: SenderSettleMode::default(),
            rcv_settle_mode: ReceiverSettleMode::default(),
        }
    }

    /// With these modes.
    #[must_use]
    pub fn with_modes(mut self, snd: SenderSettleMode, rcv: ReceiverSettleMode) -> Self {
        (self.snd_settle_mode, self.rcv_settle_mode) = (snd, rcv);
        self
    }

    /// What the peer asks for.
    pub fn of(attach: &Attach) -> Self {
        Self {
            name: attach.name.clone(),
            source: attach.source.clone(),
            target: attach.target.clone(),
            snd_settle_mode: attach.snd_settle_mode.unwrap_or_default(),
            rcv_settle_mode: attach.rcv_settle_mode.unwrap_or_default(),
        }
    }
}

/// An end of a link, without a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkEnd {
    /// Which sends.
    Sender(SenderState),
    /// Which receives.
    Receiver(ReceiverState),
}

impl LinkEnd {
    /// What was agreed upon.
    pub const fn terms(&self) -> &Terms {
        match self {
            Self::Sender(state) => &state.terms,
            Self::Receiver(state) => &state.terms,
        }
    }
}
