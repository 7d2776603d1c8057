//! What the sessions of one application have come to.

use crate::app::Total;
use crate::dtls::connection::{Connection, Failure, Handshaked, Trace};
use crate::dtls::endpoint::Ending;
use protosim_core::{LocalTime, Span};

/// By the names of [`Counts::totals`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    handshakes: u64,
    resumed: u64,
    retried: u64,
    alerts_sent: u64,
    alerts_received: u64,
    timed_out: u64,
    out_of_memory: u64,
    handshake_bytes: u64,
    handshake_time: Span,
    longest_handshake: Span,
    resent_flights: u64,
    closed: u64,
    /// Datagrams that nobody waited for.
    pub(super) dropped: u64,
    /// The App's, that were lost before they could be sent.
    pub(super) unsent: u64,
    /// The App's, that did not fit into a record.
    pub(super) too_long: u64,
    /// Copies of what waited already.
    pub(super) merged: u64,
    /// Sessions that a client has given up since nothing came.
    pub(super) abandoned: u64,
    evicted: u64,
    idle: u64,
    /// Hellos without a place.
    pub(super) refused: u64,
    /// Peers whose address has changed.
    pub(super) moved: u64,
    /// Hellos that were answered with a cookie or an alert, and forgotten.
    pub(super) answered: u64,
}

impl Counts {
    /// A handshake is over that began at `begun`.
    pub(super) fn connected(&mut self, handshaked: &Handshaked, connection: &Connection, took: (LocalTime, LocalTime)) {
        let (begun, now) = took;
        let took = now.saturating_since(begun);
        self.handshakes += 1;
        self.resumed += u64::from(handshaked.is_resumed);
        self.retried += u64::from(handshaked.was_retried);
        self.handshake_bytes += connection.counts().handshake_bytes;
        self.handshake_time = self.handshake_time.saturating_add(took);
        self.longest_handshake = self.longest_handshake.max(took);
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        *match failure {
            Failure::Alert { is_ours: true, .. } => &mut self.alerts_sent,
            Failure::Alert { is_ours: false, .. } => &mut self.alerts_received,
            Failure::TimedOut => &mut self.timed_out,
            Failure::OutOfMemory => &mut self.out_of_memory,
        } += 1;
    }

    /// The peer has ended a session.
    pub(super) fn closed(&mut self) {
        self.closed += 1;
    }

    pub(super) fn ended(&mut self, ending: Ending) {
        *match ending {
            Ending::Evicted => &mut self.evicted,
            Ending::Idle => &mut self.idle,
            Ending::Replaced => &mut self.closed,
        } += 1;
    }

    pub(super) fn observe(&mut self, trace: &Trace) {
        self.resent_flights += u64::from(matches!(trace, Trace::Resent(..)));
    }

    pub(super) fn totals(&self, is_server: bool) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let us = |span: Span| span.as_nanos() / 1_000;
        let mut totals = vec![
            total("dtls_handshakes", self.handshakes),
            total("dtls_resumed_handshakes", self.resumed),
            total("dtls_retried_handshakes", self.retried),
            total("dtls_alerts_sent", self.alerts_sent),
            total("dtls_alerts_received", self.alerts_received),
            total("dtls_timed_out_handshakes", self.timed_out),
            total("dtls_out_of_memory", self.out_of_memory),
            total("dtls_resent_flights", self.resent_flights),
            total("dtls_closed_sessions", self.closed),
            total("dtls_dropped_datagrams", self.dropped),
            total("dtls_unsent_datagrams", self.unsent),
            total("dtls_too_long_datagrams", self.too_long),
            total("dtls_handshake_bytes", self.handshake_bytes),
            total("dtls_handshakes_us", us(self.handshake_time)),
            total("largest_dtls_handshake_us", us(self.longest_handshake)),
        ];
        totals.extend(if is_server {
            vec![
                total("dtls_answered_hellos", self.answered),
                total("dtls_refused_hellos", self.refused),
                total("dtls_evicted_sessions", self.evicted),
                total("dtls_idle_sessions", self.idle),
                total("dtls_moved_peers", self.moved),
            ]
        } else {
            vec![total("dtls_merged_datagrams", self.merged), total("dtls_abandoned_sessions", self.abandoned)]
        });
        totals
    }
}
