//! 6LoWPAN: IPv6 datagrams in frames of IEEE 802.15.4 (RFC 4944, RFC 6282).
//!
//! Pure: no clock, no medium; times come with calls. Payloads are ropes: bulk data stays virtual, in fragments, too.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | `headers.rs` | [`Headers`]: mesh, broadcast, fragmentation; [`Dispatch`] |
//! | `iid.rs` | [`Iid`], [`Ends`]: identifiers from addresses of the link |
//! | `context.rs` | [`Contexts`]: prefixes that all know |
//! | `address.rs` | modes of addresses, both ways |
//! | `next_header.rs` | numbers and padding that both ways of NHC share |
//! | `compress.rs`, `expand.rs` | [`compress`], [`expand`]: IPHC and NHC |
//! | `fragment.rs` | [`Fragments`]: a datagram in frames |
//! | `reassembly.rs` | [`Reassembler`], its limits and causes of drops |
//! | `adapter.rs` | [`Adapter`]: all of it, for one node |
//! | `tests/` | vectors, properties, reassembly, Wireshark |
//!
//! # A frame's content
//! ```text
//!  mesh 5–18 │ broadcast 2 │ FRAG1 4 or FRAGN 5 │ 0x41, datagram
//!                                               │ IPHC 2–3, fields │ NHC, fields │ … │ rest of the datagram
//! ```
//! All but the last part may be missing. Length fields are never sent: they follow from the frame, or from the size that fragments name.
//! A fragment's offset and size are those of the uncompressed datagram, and all compressed headers are in the first fragment.
//!
//! # What is modelled
//! RFC 4944 §5 (dispatch, mesh, fragments), §11.1 (broadcast); RFC 6282 §3 (all forms of traffic class, next header, hop limit, both
//! kinds of addresses, contexts, multicast) and §4 (UDP; hop-by-hop, routing, fragment, destination and mobility headers; IPv6 in IPv6);
//! identifiers of RFC 7668 §3.2.2.
//!
//! A datagram expands to the bytes that it had: a header is only compressed if it does. Padding other than what a receiver puts there, a UDP length that is not
//! that of the datagram, and headers over 257 bytes go as they are.
//!
//! # What is not modelled, and what that does to results
//! - HC1 and HC2 of RFC 4944 §10 (deprecated), the escape, routing headers of RFC 8138, header compression of RFC 7400: such frames are
//!   dropped as not decodable.
//! - Recovery of fragments and forwarding of single ones (RFC 8930, RFC 8931): one lost fragment loses its datagram.
//! - Mesh headers are read and written; nobody forwards by them.
//! - A checksum that was left out behind a routing header with stops left is computed for the destination in the IPv6 header.

mod adapter;
mod address;
mod compress;
mod context;
mod error;
mod expand;
mod fragment;
mod headers;
mod iid;
mod next_header;
mod reassembly;
#[cfg(test)]
mod tests;

pub use adapter::{Adapter, SendError};
pub use compress::{CompressError, CompressOptions, Compressed, compress};
pub use context::{Context, Contexts};
pub use error::LowpanError;
pub use expand::{Expanded, expand};
pub use fragment::{FragmentError, Fragments};
pub use headers::{Dispatch, FRAG1_LEN, FRAGN_LEN, FragmentHeader, Headers, IPV6_DISPATCH, MAX_FRAGMENTED, Mesh};
pub use iid::{Ends, Iid};
pub use reassembly::{DropCause, Dropped, Fragment, Key, MAX_TIMEOUT, Reassembler, ReassemblyLimits};
