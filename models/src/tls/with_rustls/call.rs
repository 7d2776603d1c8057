//! What rustls reaches while it is called: luck, time, and what the connections of its application share.
//!
//! rustls takes providers of randomness, time and memory for sessions that know nothing of the connection that asks: ours look here. It is there for as
//! long as one call to rustls takes, on the thread that makes it: an argument that cannot be handed through.

use super::sessions::Sessions;
use crate::observe::TlsSecret;
use crate::tls::certificate::Trust;
use crate::tls::crypto::Generator;
use protosim_core::LocalTime;
use std::cell::RefCell;

thread_local! {
    static PRESENT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// What the connections of one application share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What peers have to be certified by.
    pub(super) trust: Trust,
    /// Sessions that can be taken up again.
    pub(super) sessions: Sessions,
}

/// One call.
pub(super) struct Call {
    /// The luck of the connection.
    pub(super) luck: Generator,
    /// The time on the host's clock.
    pub(super) now: LocalTime,
    /// What its application's connections share.
    pub(super) shared: Shared,
    /// What rustls tells on its way.
    pub(super) told: Told,
}

/// What rustls tells while it is called.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Secrets for captures.
    pub(super) secrets: Vec<TlsSecret>,
    /// The alert that it sent last under protection.
    pub(super) alert: Option<u8>,
}

/// Calls rustls with all that it may ask for.
pub(super) fn during<R>(
    shared: &mut Shared,
    luck: &mut Generator,
    now: LocalTime,
    call: impl FnOnce() -> R,
) -> (R, Told) {
    let told = Told::default();
    PRESENT.set(Some(Call { luck: luck.clone(), now, shared: std::mem::take(shared), told }));
    let result = call();
    let Call { luck: left, shared: kept, told, .. } = PRESENT.take().expect("it was put there above");
    (*luck, *shared) = (left, kept);
    (result, told)
}

/// The call that is being made; `None` outside of one.
pub(super) fn with<R>(ask: impl FnOnce(&mut Call) -> R) -> Option<R> {
    PRESENT.with_borrow_mut(|call| call.as_mut().map(ask))
}
