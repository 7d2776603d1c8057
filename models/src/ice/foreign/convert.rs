//! Candidates as str0m has them, and as we have them.

use crate::ice::candidate::{Candidate, CandidateKind, Protocol};
use std::net::SocketAddr;

/// How an address was found.
pub(super) fn kind(kind: is::CandidateKind) -> CandidateKind {
    match kind {
        is::CandidateKind::Host => CandidateKind::Host,
        is::CandidateKind::ServerReflexive => CandidateKind::ServerReflexive,
        is::CandidateKind::PeerReflexive => CandidateKind::PeerReflexive,
        is::CandidateKind::Relayed => CandidateKind::Relayed,
    }
}

/// One that was gathered; `None` where str0m has no use for its address.
pub(super) fn own(candidate: &Candidate, address: SocketAddr) -> Option<is::Candidate> {
    // Of a server-reflexive one that is the base, of a relayed one where its server sees this end.
    let related = candidate.related.unwrap_or(address);
    let made = match candidate.kind {
        CandidateKind::Host => is::Candidate::host(address, "udp"),
        CandidateKind::ServerReflexive => is::Candidate::server_reflexive(address, related, "udp"),
        CandidateKind::Relayed => is::Candidate::relayed(address, related, "udp"),
        // Those are found by checks, and str0m makes them itself.
        CandidateKind::PeerReflexive => return None,
    };
    made.ok()
}

/// As it is told to the peer: what str0m writes.
pub(super) fn told(candidate: &is::Candidate) -> Option<Candidate> {
    let text = candidate.to_sdp_string();
    Candidate::parse(text.strip_prefix("candidate:")?).ok()?
}

/// One of the peer's; `None` for what str0m cannot take: names, and others than UDP.
pub(super) fn remote(candidate: &Candidate) -> Option<is::Candidate> {
    let (address, Protocol::Udp) = (candidate.address.ip()?, candidate.protocol) else { return None };
    let kind = match candidate.kind {
        CandidateKind::Host => is::CandidateKind::Host,
        CandidateKind::ServerReflexive => is::CandidateKind::ServerReflexive,
        CandidateKind::PeerReflexive => is::CandidateKind::PeerReflexive,
        CandidateKind::Relayed => is::CandidateKind::Relayed,
    };
    Some(is::Candidate::from_parts(
        candidate.foundation.to_string(),
        candidate.component,
        is::Protocol::Udp,
        candidate.priority,
        address,
        kind,
        candidate.related,
        None,
        None,
    ))
}
