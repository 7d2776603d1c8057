//! CoAP, the Constrained Application Protocol, over UDP (RFC 7252).
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | messages, options, codes and their encoding |
//! | [`config`] | what a user writes: [`ClientConfig`], [`ServerConfig`], and the RFC's timing formulas |
//! | [`endpoint`] | [`Endpoint`], the machine: message layer, client's and server's side of exchanges, states told to observers, CoCoA |
//! | `driver.rs` | runs an endpoint on a socket for an App |
//! | [`client`], [`server`] | the Apps: observing, transfers in blocks; resources, observers, bodies |
//! | [`proxy`] | the App of a forward proxy with its cache |
//! | `links.rs`, `observe.rs`, `uri.rs` | the link format with its filters; which notification is newer; URIs |
//! | [`closed_form`] | delivery, completion time and transmissions under loss, as formulas |
//! | `meaning.rs` | what a datagram is, for rules that name what a link drops |
//! | `vectors.rs`, `tests/` | messages in hexadecimal; scripts, lossy pairs and whole Apps |
//!
//! # What is modelled
//! RFC 7252 §3 (format), §4 (messages: reliability, deduplication, Reset, ping, message ids,
//! NSTART, timing), §5.1 to §5.5 (requests and responses, piggybacked and separate, tokens,
//! options), §5.8 (methods), the preconditions, ETag and Accept of §5.10, §8 (groups: silence on errors, leisure, no Reset); PROBING_RATE
//! (§4.7); forward proxies and their caches (§5.6, §5.7, §5.9, the options of §5.4.2 and §5.10.2; Hop-Limit of RFC 8768); Observe (RFC 7641), block-wise transfer (RFC 7959), `/.well-known/core` with filters (RFC 6690 §4), No-Response (RFC
//! 7967), CoCoA (draft-ietf-core-cocoa-03). Option numbers and codes of later RFCs have names and encodings.
//!
//! # A confirmable request
//! ```text
//!              NSTART and a message id are free: send, draw T
//!  Queued ──────────────────────────────────────────────────▶ AwaitingAcknowledgement ─┐ T passes, n < MAX_RETRANSMIT:
//!                                                              │   │   │   ▲           │ send again, n + 1, T doubles
//!                                          empty ACK           │   │   │   └───────────┘
//!  AwaitingResponse ◀──────────────────────────────────────────┘   │   └─▶ Ended: T passes, n = MAX_RETRANSMIT (timed out),
//!   │                                                              │              or RST (reset)
//!   └─▶ Ended: CON or NON response (an ACK answers the CON),       └─▶ Ended: ACK with the response, or the response
//!              or response_wait passes (timed out)                            in a message of its own
//! ```
//! A non-confirmable request goes from Queued to AwaitingResponse at once.
//!
//! # A request at the server
//! ```text
//!  CON ──▶ with the application ──answer──▶ ACK with the response
//!               │ piggyback_limit passes: empty ACK
//!               └──▶ with the application ──answer──▶ CON response, retransmitted until ACK or RST
//!  NON ──▶ with the application ──answer──▶ NON response
//! ```
//!
//! # An observation
//! ```text
//!  client: Queued … ─answer with Observe─▶ Observing ─▶ notifications: newer ones are states, older ones are not
//!                                            │  ▲  └─ Max-Age and 5 to 15 s without one: GET under the same token
//!                    error, or GET with ◀────┘  └────── ACK with the answer, or empty after a CON that may be the answer, or
//!                    Observe 1, or Reset                the last wait, if anything has come under the token since
//!
//!  server: list of observers ─change─▶ NON (at most one in 3 s), or CON (one outstanding; the newest state is sent again)
//!                └─ Reset to a CON of the series or a NON of the last 145 s (of 64 at most), the last time-out, Observe 1: off the list
//! ```
//! A notification is confirmable where the observer has had no such one for 12 h, and stays so if a newer state takes its place: RFC 7641
//! §4.5 wants one every 24 h, and so it is while states last no longer than 12 h; if they do, each is confirmable. Blocks of notifications
//! are no larger than the registration asks for (RFC 7959 §2.6).
//!
//! # Choices where standards leave one
//! - A proxy asks with the type of message that its client has used (§5.7 leaves that open), and about its own stored response alone: ETags of clients are compared when there is
//!   an answer. Requests for what is asked for already wait for that; a response that was under way while the resource changed is passed on and not kept. No-Response is not passed on.
//! - PROBING_RATE (RFC 7252 §4.7): a peer "does not respond" from ACK_TIMEOUT · ACK_RANDOM_FACTOR (3 s; 5 s more for a group) after the first
//!   non-confirmable request since anything came from it. Until then NSTART alone limits, and what was sent until then does not count.
//! - A renewal's separate answer looks like a notification. One that is confirmable and comes before the empty ACK counts as both.
//! - CoCoA: the granularity G of RFC 6298 §2.3 is that of our clock, a nanosecond, so that with a constant round trip the time-out comes down to that. The draw of
//!   up to ACK_RANDOM_FACTOR on top is then all that is left between a slower answer and a needless retransmission. Of exchanges beside others (§4.1 of the
//!   draft) those count that NSTART counts; separate responses do not.
//!
//! # What is not modelled, and what that does to results
//! - Clients keep no responses themselves. Reverse proxies (§5.7.3), and proxies to other protocols (§10): 5.05. What a proxy answers of itself is 4.04.
//! - A proxy passes Observe on to nobody (RFC 7641 §5 leaves that open): its client gets the state, and asks again. Nor does it ask groups (§8.2.2: 5.02), or resolve names (5.02).
//! - It passes blocks on as they come, and keeps each for itself: it puts no bodies together. Bodies of two clients for one resource at once meet at the server as one client's,
//!   which answers 4.08. It asks on behalf of all as one endpoint, so that NSTART holds for all of them together (§4.7).
//! - It keeps responses to GET alone, and none of its own (5.02, 5.04). A stale one is not used where its server does not answer.
//! - TCP (RFC 8323), OSCORE, Q-Block (RFC 9177), FETCH and PATCH (RFC 8132).
//! - A server does not measure round trips to its observers (RFC 7641 §4.5.1 leaves 3 s between notifications where it does not).
//! - Requests do not change resources. Bodies of requests are counted and not kept; one per client, method and resource is
//!   put together at a time, until EXCHANGE_LIFETIME has passed without a further block. So clients send one at a time, without Request-Tag (RFC 9175 §3).
//! - CoCoA: EXCHANGE_LIFETIME and what goes with it stay as RFC 7252 §4.8.2 has them for the configured constants. The cap of
//!   32 s is of the estimate; a message that is sent again waits longer.
//! - Over DTLS (§9, [`dtls::layer`](crate::dtls::layer)) retransmission goes on while a handshake does: what waits for its end
//!   is there once. A peer is the address at which its session began (§9.1.1). An exchange under way while its client moves has two names.
//!   Libcoap's timers begin when a message is really sent. Requests to one server share a session.
//! - Tokens of clients and numbers of states go on over a loss of power, as if kept in flash; RFC 7641 §4.4 takes the clock for those who keep nothing. A resource's state
//!   after a loss of power is a new one.
//! - States that began and ended while the server's processor was busy are nobody's exchanges; beyond 65,536 at a time their number is by the mean of the law.
//! - A state that a registration's answer has told is told again by the notification that waits or is under way: the client takes it for an old
//!   one, and it is never delivered. Behind a NAT the ends of non-confirmable notifications are not known: clients report them by their own address.
//! - A state that comes in blocks counts among fresh notifications with its first one, whether the rest comes or not.
//! - The list of observers is bounded by the host's memory and `observers` alone; where neither says anything, and peers are real, so is nothing.
//!   What the endpoint keeps of an observer beside that list is not charged.
//! - A body whose client has left holds its memory until a block of another one comes, after EXCHANGE_LIFETIME.
//! - A `block_size` of a client whose own payload fits into one block has no effect where, as of our servers, the answer is empty.
//! - Requests to groups, and those whose success is not answered, are not outstanding (§4.7): NSTART does not hold them back.
//! - ICMP errors do not end an exchange: it runs into its time-out (§4.2 leaves that open).
//! - What is known of a peer, its message ids, is kept for the whole run and not charged to the
//!   host's memory; exchanges, duplicates' records and kept replies are charged.

pub mod client;
pub mod closed_form;
pub mod config;
mod driver;
pub mod endpoint;
mod links;
mod meaning;
mod observe;
pub mod proxy;
pub mod server;
mod uri;
pub mod wire;

pub use client::Client;
pub use config::{ClientConfig, Method, Naming, Parameters, ProxyConfig, ServerConfig, Transmission};
pub use endpoint::{Endpoint, EndpointConfig};
pub use meaning::{KINDS, meaning};
pub use proxy::Proxy;
pub use server::Server;

/// Processor time of reading a message, per message and byte.
const DECODE: &str = "coap.decode";
/// Processor time of writing one.
const ENCODE: &str = "coap.encode";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 2] = [DECODE, ENCODE];

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
