//! What clients and servers have in common, over UDP and over TCP: defaults and checks of what a user says, and numbers of requests.

use super::config::Finding;
use super::duration::TimeDistribution;
use super::size::SizeDistribution;
use crate::app::Host;
use protosim_core::{Purpose, Size, Span};

/// Length of requests and responses: 64 B (our choice).
pub(crate) fn usual_message() -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(64))
}

/// From the end of one exchange to the next: 1 s (our choice).
pub(crate) fn usual_think() -> TimeDistribution {
    TimeDistribution::Fixed(Span::from_secs(1))
}

/// From a request to its response: no time.
pub(crate) fn no_processing() -> TimeDistribution {
    TimeDistribution::Fixed(Span::ZERO)
}

/// The number of a client's first request: drawn, so that two clients have others. The upper half is drawn, the lower one counts.
pub(crate) fn first_number(purpose: Purpose, host: &mut dyn Host) -> u64 {
    host.rng(purpose).next_u64() & !u64::from(u32::MAX)
}

/// What a client asks, of `least` to `most` bytes, how long it thinks and waits.
pub(crate) fn check_asking(
    request: &SizeDistribution,
    [least, most]: [u64; 2],
    think: &TimeDistribution,
    timeout: Span,
    found: &mut Vec<Finding>,
) {
    found.extend(request.check(least, most).map(|why| ("request", why)));
    found.extend(think.check().map(|why| ("think", why)));
    if timeout.is_zero() {
        found.push(("timeout", "is longer than zero: every request would time out at once".to_owned()));
    }
}

/// What a server answers, of `least` to `most` bytes, and after how long.
pub(crate) fn check_answering(
    response: &SizeDistribution,
    [least, most]: [u64; 2],
    processing: &TimeDistribution,
    found: &mut Vec<Finding>,
) {
    found.extend(response.check(least, most).map(|why| ("response", why)));
    found.extend(processing.check().map(|why| ("processing", why)));
}
