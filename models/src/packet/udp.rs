//! The UDP header (RFC 768; over IPv6 RFC 8200 §8.1).

use super::error::{DecodeError, Layer, first};
use super::ip::{IpHeader, protocol};
use crate::rope::Rope;

/// Length of the header in bytes.
pub(super) const HEADER_LEN: usize = 8;

/// A UDP header. Length and checksum follow from the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpHeader {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
}

impl UdpHeader {
    /// Writes the header of a datagram with `payload`, with the right checksum. Our senders always
    /// compute one, over IPv4 too.
    pub(super) fn encode_into(&self, ip: &IpHeader, payload: &Rope, out: &mut Vec<u8>) {
        let len = HEADER_LEN as u64 + payload.len();
        let mut checksum = ip.pseudo_header(protocol::UDP, len);
        checksum.add_u16(self.source_port);
        checksum.add_u16(self.destination_port);
        checksum.add_u16(len as u16);
        checksum.add_rope(payload);
        // RFC 768: zero says that there is no checksum, so a computed zero is sent as all ones.
        let checksum = match checksum.finish() {
            0 => 0xffff,
            other => other,
        };
        for word in [self.source_port, self.destination_port, len as u16, checksum] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Reads the datagram that `content`, the payload of an IP packet, starts with: header, and length of what it carries in bytes.
    /// Bytes beyond the UDP length are no part of it. What is virtual is summed up without being written out.
    pub(super) fn decode(ip: &IpHeader, content: &Rope) -> Result<(Self, u64), DecodeError> {
        let start = content.slice(0, HEADER_LEN as u64).to_bytes();
        let fixed: &[u8; HEADER_LEN] = first(&start, Layer::Udp)?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let len = u64::from(word(4));
        if !(HEADER_LEN as u64..=content.len()).contains(&len) {
            return Err(DecodeError::Length { layer: Layer::Udp, found: usize::from(word(4)) });
        }
        match (ip, word(6)) {
            // RFC 768: the sender has not computed a checksum.
            (IpHeader::V4(_), 0) => {}
            // RFC 8200 §8.1; the exceptions of RFC 6935 are for tunnels.
            (IpHeader::V6(_), 0) => return Err(DecodeError::MissingChecksum),
            _ => {
                let mut checksum = ip.pseudo_header(protocol::UDP, len);
                checksum.add_rope(&content.slice(0, len));
                if checksum.finish() != 0 {
                    return Err(DecodeError::Checksum(Layer::Udp));
                }
            }
        }
        Ok((Self { source_port: word(0), destination_port: word(2) }, len - HEADER_LEN as u64))
    }
}
