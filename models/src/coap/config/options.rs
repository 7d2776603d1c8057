//! What clients and servers can be told beyond RFC 7252's exchanges of one request and one response each.

use super::{Finding, MAX_DATAGRAM, Method};
use crate::coap::wire::BlockSize;
use protosim_core::{Rate, Size, Span};
use serde::{Deserialize, Serialize};

/// How a client ends its observation (RFC 7641 §3.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Cancel {
    /// By a GET with Observe 1 under the same token.
    #[default]
    Deregister,
    /// By forgetting it: the next notification gets a Reset.
    Reset,
}

/// When a client says how large it wants the blocks of responses to be (RFC 7959 §2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Negotiation {
    /// In its first request.
    #[default]
    Early,
    /// From its second request on: the first response is as large as the server makes it.
    Late,
}

/// A class of responses (RFC 7252 §12.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ResponseClass {
    /// 2.xx.
    Success,
    /// 4.xx.
    ClientError,
    /// 5.xx.
    ServerError,
}

impl ResponseClass {
    /// Its bit in No-Response (RFC 7967 §2.1).
    pub const fn bit(self) -> u32 {
        match self {
            Self::Success => 2,
            Self::ClientError => 8,
            Self::ServerError => 16,
        }
    }
}

/// How a server notifies observers (RFC 7641 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Notifications {
    /// By non-confirmable messages, and a confirmable one every 24 hours.
    #[default]
    NonConfirmable,
    /// By confirmable messages.
    Confirmable,
}

/// What `/.well-known/core` says of a resource, beside its content format, its size if it is above 1024 B, and that it can be observed
/// (RFC 6690 §3, RFC 7641 §6).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinkAttributes {
    /// `rt`: what the resource is; several names with spaces between them.
    pub rt: Option<String>,
    /// `if`: how it is used; several names with spaces between them.
    pub interface: Option<String>,
    /// `title`.
    pub title: Option<String>,
}

impl LinkAttributes {
    /// What is wrong with it.
    pub(super) fn flaw(&self) -> Option<String> {
        if *self == Self::default() {
            return Some("says nothing: give it an `rt`, an `interface` or a `title`".into());
        }
        [&self.rt, &self.interface, &self.title].into_iter().flatten().find_map(|text| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
            let is_quotable = !text.contains(['"', '\\']);
            (!is_plain || !is_quotable).then(|| format!("`{text}` is no text of ASCII without quotes and backslashes"))
        })
    }
}

/// A size of blocks as written.
pub(super) fn block_size(written: Option<Size>) -> Option<BlockSize> {
    written.and_then(|size| BlockSize::from_bytes(size.as_bytes()))
}

/// Why a size of blocks cannot be.
pub(super) fn block_flaw(written: Option<Size>) -> Option<Finding> {
    let size = written.filter(|size| BlockSize::from_bytes(size.as_bytes()).is_none())?;
    Some((
        "block_size",
        format!("{size} is no size of blocks: they are 16, 32, 64, 128, 256, 512 or 1024 B (RFC 7959 §2.2)"),
    ))
}

/// The longest interval, a year: what is beyond it is a mistake.
const YEAR: Span = Span::from_secs(365 * 86_400);

/// No state lasts less (our choice): what is drawn below is this.
pub(in crate::coap) const SHORTEST_STATE: Span = Span::from_micros(1);

/// The rate at which a client may talk to a peer that says nothing [B/s], at least 1.
pub(super) fn probing_bytes(rate: Rate) -> u64 {
    (rate.as_bits_per_sec() / 8).max(1)
}

impl super::ClientConfig {
    /// Findings on observing, blocks and No-Response.
    pub(super) fn check_options(&self, to_find: &mut Vec<Finding>) {
        let mut find = |field, message: &str| to_find.push((field, message.to_owned()));
        if self.observe {
            if self.method != Method::Get {
                find("observe", "is for Get alone (RFC 7641 §2)");
            }
            if self.requests != 1 {
                find("requests", "has no effect on an observer, which registers once and again when it hears nothing");
            }
            if !self.no_response.is_empty() {
                find("no_response", "would suppress what is observed");
            }
        } else {
            if self.observe_for.is_some() {
                find("observe_for", "has no effect without `observe`");
            }
        }
        if self.cancel.is_some() && self.observe_for.is_none() {
            find("cancel", "has no effect without `observe_for`: nothing ends the observation");
        }
        if self.observe_for.is_some_and(|span| span.is_zero() || span > YEAR) {
            find("observe_for", "is above zero and at most a year");
        }
        if self.negotiation.is_some() && (self.block_size.is_none() || self.method != Method::Get) {
            find("negotiation", "has no effect without the `block_size` of a Get");
        }
        if self.confirmable && !self.no_response.is_empty() {
            find(
                "no_response",
                "is for requests that are non-confirmable: a confirmable one is answered by its ACK at least",
            );
        }
        let repeats = (1..self.no_response.len()).any(|at| self.no_response[..at].contains(&self.no_response[at]));
        if repeats {
            find("no_response", "says one class twice");
        }
        if !self.confirmable && self.expects_silence() && self.nstart.is_some() {
            find("nstart", "has no effect: no answer is expected where successes are suppressed (RFC 7252 §4.7)");
        }
        let goes_in_blocks = self.block_size().is_some_and(|size| self.payload.as_bytes() > size.bytes());
        if goes_in_blocks && self.expects_silence() {
            find(
                "no_response",
                "leaves out what each block of the payload waits for before the next one goes (RFC 7959 §2.3)",
            );
        } else if goes_in_blocks && self.nstart.is_some() && self.requests > 1 {
            find("nstart", "has no effect: payloads in blocks go one after the other (RFC 7959 §2.5)");
        }
        if self.no_response.len() == 3 && !repeats && self.response_wait.is_some() {
            find("response_wait", "has no effect: with all of `no_response` a request is over once it is sent");
        }
        if self.confirmable && self.probing_rate.is_some() {
            find("probing_rate", "has no effect: it limits non-confirmable requests (RFC 7252 §4.7)");
        }
        if self.probing_rate.is_some_and(|rate| rate.as_bits_per_sec() < 8 || rate.as_bits_per_sec() % 8 != 0) {
            find("probing_rate", "is a whole number of bytes per second, at least 1 B/s, which is 8 bit/s");
        }
        if self.block_size().is_some_and(|size| self.payload.as_bytes().div_ceil(size.bytes()) > 1 << 20) {
            find(
                "payload",
                "has more blocks than 2^20, which can be numbered (RFC 7959 §2.2): choose a larger `block_size`",
            );
        }
        if self.query.iter().any(|query| query.len() > 255) {
            find("query", "has a part of more than 255 bytes (RFC 7252 §5.10)");
        }
        to_find.extend(block_flaw(self.block_size));
    }
}

impl super::ClientConfig {
    /// Why it cannot talk to a multicast group (RFC 7252 §8).
    pub fn unfit_for_groups(&self) -> Option<(&'static str, String)> {
        if self.confirmable {
            return Some((
                "confirmable",
                "requests to a group are non-confirmable: `confirmable: false` (RFC 7252 §8.1)".into(),
            ));
        }
        if self.observe {
            return Some(("observe", "has no effect on a group, which notifies nobody".into()));
        }
        if self.nstart.is_some() {
            return Some((
                "nstart",
                "is towards one server, not a group (RFC 7252 §4.7): `probing_rate` limits".into(),
            ));
        }
        if self.dtls.is_some() {
            return Some(("dtls", "is between two, and no group has a session".into()));
        }
        let is_cut = self.block_size.is_some();
        is_cut.then(|| ("block_size", "has no effect on a group, which is asked once".into()))
    }

    /// Fields that `server` does not grant or that have no effect there, and what happens.
    pub fn unmet_by(&self, server: &super::ServerConfig) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.observe && server.changes.is_none() {
            found.push((
                "observe".to_owned(),
                "what it serves does not change: no state comes by itself, and it asks again each Max-Age and 5 to 15 s".to_owned(),
            ));
        }
        let goes_in_blocks = self.block_size().is_some_and(|size| self.payload.as_bytes() > size.bytes());
        if goes_in_blocks && self.payload.as_bytes() > server.max_body() {
            let most = server.max_body();
            found.push((
                "payload".to_owned(),
                format!("is more than the {most} B of its `max_body`: the answer is 4.13"),
            ));
        }
        found
    }
}

impl super::ServerConfig {
    /// Findings on changes, observers, blocks and links.
    pub(super) fn check_options(&self, to_find: &mut Vec<Finding>) {
        let mut find = |field, message: String| to_find.push((field, message));
        match &self.changes {
            Some(changes) if changes.is_zero() => find("changes", "takes longer than no time".into()),
            Some(changes) => {
                if let Some(flaw) = changes.check() {
                    find("changes", flaw);
                } else if changes.law().mean() < SHORTEST_STATE.as_nanos() as f64 {
                    find("changes", format!("lasts less than {SHORTEST_STATE}, which no state does"));
                }
            }
            None => {
                let idle = [
                    ("notifications", self.notifications.is_some()),
                    ("notification_gap", self.notification_gap.is_some()),
                    ("observers", self.observers.is_some()),
                ];
                for (field, _) in idle.into_iter().filter(|(_, is_written)| *is_written) {
                    find(field, "has no effect without `changes`: there is nothing to observe".into());
                }
            }
        }
        if self.notifications == Some(Notifications::Confirmable) && self.notification_gap.is_some() {
            find(
                "notification_gap",
                "has no effect: confirmable notifications wait for their ACKs (RFC 7641 §4.5.1)".into(),
            );
        }
        if self.observers == Some(0) {
            find("observers", "is at least 1: leave out `changes` where nobody may observe".into());
        }
        if self.max_age.is_some_and(|age| age.as_nanos() % 1_000_000_000 != 0 || age > YEAR) {
            find("max_age", "is a whole number of seconds, and at most a year".into());
        }
        to_find.extend(block_flaw(self.block_size));
        let mut find = |field, message: String| to_find.push((field, message));
        if self.max_body.is_some_and(|most| most.as_bytes() > 1 << 30 || most.as_bytes() == 0) {
            find("max_body", "is above zero and at most 1 GiB".into());
        }
        for (path, attributes) in &self.attributes {
            if !self.paths.contains(path) {
                find("attributes", format!("`{path}` is none of `paths`"));
            }
            if let Some(flaw) = attributes.flaw() {
                find("attributes", format!("`{path}`: {flaw}"));
            }
        }
        if self.block_size.is_none() && self.payload.as_bytes() > MAX_DATAGRAM - 15 {
            find("payload", format!("a response with {} does not fit into UDP; `block_size` cuts it", self.payload));
        }
        if self.payload.as_bytes() > 1 << 24 {
            find("payload", "is at most 16 MiB: 2^20 blocks of 16 B (RFC 7959 §2.2)".into());
        }
    }
}
