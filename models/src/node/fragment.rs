//! Cutting packets into fragments (RFC 791 §3.2, RFC 8200 §4.5), and the identifications that tell whose fragments they are (RFC
//! 6864).

use crate::packet::{Fragment, IpHeader, Ipv4Header, Packet, Transport};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The largest offset that its 13 bits can say, in units of 8 bytes.
const MAX_OFFSET: u64 = 0x1fff;

/// The next identification for each source, destination and protocol (RFC 791 §2.3; IPv6 goes without the protocol, RFC 8200 §4.5).
///
/// Counted from 1, over IPv4 modulo 2^16: fast senders of fragments meet their own old identifications again, as RFC 4963
/// describes.
#[derive(Clone, Debug, Default)]
pub(super) struct Identifications(BTreeMap<(IpAddr, IpAddr, u8), u32>);

impl Identifications {
    /// An identification for a packet.
    pub(super) fn next(&mut self, packet: &Packet) -> u32 {
        let protocol = if packet.src().is_ipv4() { packet.transport.protocol() } else { 0 };
        let last = self.0.entry((packet.src(), packet.dst(), protocol)).or_default();
        *last = last.wrapping_add(1);
        *last
    }

    /// Starts anew, as a host does that has lost power.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Lets routers fragment an IPv4 packet that forbade it until now, under the identification `id`.
pub(super) fn allow_fragmentation(header: &mut Ipv4Header, id: u32) {
    header.dont_fragment = false;
    header.identification = id as u16; // modulo 2^16, as documented
}

/// Cuts a packet into fragments of at most `mtu` bytes. Over IPv6 it must have a fragment header, as only its source gives it.
/// `None` if it has none, or nothing would fit.
///
/// A fragment is cut like a whole packet. The bytes are those of the packet; what of them is virtual stays so.
pub(super) fn cut(packet: &Packet, mtu: u64) -> Option<Vec<Packet>> {
    let base = match &packet.ip {
        IpHeader::V4(header) => header.fragment(),
        IpHeader::V6(header) => header.extensions.as_ref()?.fragment?,
    };
    let protocol = packet.transport.protocol();
    let whole = packet.transport_rope();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < whole.len() {
        let mut ip = packet.ip.clone();
        if at > 0
            && let IpHeader::V4(header) = &mut ip
        {
            // RFC 791 §3.1: some options go into every fragment, the others into the first alone.
            header.options = header.options.as_ref().and_then(|options| options.copied()).map(Box::new);
        }
        let (room, left) = (mtu.checked_sub(ip.wire_len())?, whole.len() - at);
        let len = if left <= room { left } else { room / 8 * 8 };
        let offset = u64::from(base.offset) + at / 8;
        if len == 0 || offset > MAX_OFFSET {
            return None;
        }
        let more = base.more || len < left;
        set_fragment(&mut ip, Fragment { offset: offset as u16, more, ..base });
        let payload = whole.slice(at, len);
        let transport = Transport::Other { protocol };
        parts.push(Packet { ip, transport, payload, provenance: packet.provenance.unsealed(), lost: None });
        at += len;
    }
    Some(parts)
}

/// Says which part of a larger packet this is; over IPv6, by a fragment header.
pub(super) fn set_fragment(ip: &mut IpHeader, fragment: Fragment) {
    match ip {
        IpHeader::V4(header) => {
            header.fragment_offset = fragment.offset;
            header.more_fragments = fragment.more;
        }
        IpHeader::V6(header) => header.extensions.get_or_insert_default().fragment = Some(fragment),
    }
}

/// Makes it the header of a whole packet again.
pub(super) fn clear_fragment(ip: &mut IpHeader) {
    match ip {
        IpHeader::V4(header) => (header.fragment_offset, header.more_fragments) = (0, false),
        IpHeader::V6(header) => {
            if let Some(extensions) = &mut header.extensions {
                extensions.fragment = None;
            }
            header.extensions.take_if(|extensions| extensions.headers.is_empty());
        }
    }
}
