//! Who listens: connections being opened, those that wait to be accepted, cookies in place of either (RFC 4987 §3.6, RFC 7413 §4.1.2).

use super::connection::Offer;
use super::ends::Ends;
use super::{ConnectionId, FastOpen, Parameters, Segment};
use crate::packet::{Ecn, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::{Digest, LocalTime};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// A port that is listened to.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) port: u16,
    pub(super) owner: u32,
    pub(super) parameters: Arc<Parameters>,
    /// Connections whose handshake is not over.
    pub(super) opening: u32,
    /// Connections that wait to be accepted, in order.
    pub(super) ready: VecDeque<ConnectionId>,
    /// When the backlog last overflowed: cookies are believed for a while after it.
    overflowed_at: Option<LocalTime>,
}

/// The segment sizes that a cookie can tell, two bits of it: those of Linux and the usual ones.
const COOKIE_MSS: [u16; 4] = [536, 1220, 1440, 1460];
/// Cookies change with a clock of 64 s, and live for two of its ticks at most, as on Linux.
const COOKIE_TICK_NANOS: u64 = 64_000_000_000;
/// One more for each tick of this clock (RFC 9293 §3.4.1): once around in 4.77 h.
const ISN_TICK_NANOS: u64 = 4000;
/// Bits of a stamp that say what the SYN had offered: shift of the window (15 for none), selective acknowledgements.
const STAMP_BITS: u32 = 6;

impl Listener {
    pub(super) fn new(port: u16, owner: u32, parameters: Arc<Parameters>) -> Self {
        Self { port, owner, parameters, opening: 0, ready: VecDeque::new(), overflowed_at: None }
    }

    /// True if one more connection may be opened.
    pub(super) fn has_room(&self) -> bool {
        self.opening < self.parameters.syn_backlog
    }

    /// True if one more connection may wait to be accepted.
    pub(super) fn can_queue(&self) -> bool {
        (self.ready.len() as u64) < u64::from(self.parameters.accept_backlog)
    }

    pub(super) const fn overflow(&mut self, now: LocalTime) {
        self.overflowed_at = Some(now);
    }

    /// True if an acknowledgement without a connection may carry a cookie.
    pub(super) fn believes_cookies(&self, now: LocalTime) -> bool {
        let lately = |at: LocalTime| now.saturating_since(at).as_nanos() <= 2 * COOKIE_TICK_NANOS;
        self.parameters.syn_cookies && self.overflowed_at.is_some_and(lately)
    }

    /// True if data that come with a SYN are taken.
    pub(super) fn takes_early_data(&self) -> bool {
        matches!(self.parameters.fast_open, FastOpen::Server | FastOpen::Both)
    }
}

/// The secret of a host, by which it knows its cookies again and chooses initial sequence numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secret(pub(super) u64);

impl Secret {
    fn mix(self, words: &[u64], ends: &Ends) -> u64 {
        let mut digest = Digest::START;
        digest.mix(self.0);
        for (address, port) in [(ends.local, ends.local_port()), (ends.remote, ends.remote_port())] {
            match address {
                IpAddr::V4(v4) => digest.mix_bytes(&v4.octets()),
                IpAddr::V6(v6) => digest.mix_bytes(&v6.octets()),
            }
            digest.mix(u64::from(port));
        }
        words.iter().for_each(|word| digest.mix(*word));
        digest.mix(self.0);
        digest.value()
    }

    /// RFC 9293 §3.4.1 (MUST-8), RFC 6528 §3: ISN = M + F(local address and port, remote address and port, secret), where M is a clock of
    /// 4 us.
    pub(super) fn initial_sequence(self, ends: &Ends, now: LocalTime) -> u32 {
        ((now.as_nanos() / ISN_TICK_NANOS) as u32).wrapping_add(self.mix(&[0x6528], ends) as u32)
    }

    /// What is added to the clock of timestamps. One for all connections between two hosts, so that stamps of a later one are later
    /// (RFC 7323 §5.4, RFC 6191 §2), as on Linux (`secure_tcp_ts_off`).
    pub(super) fn timestamp_offset(self, ends: &Ends) -> u32 {
        let hosts = Ends { ports: 0, ..*ends };
        self.mix(&[0x7323], &hosts) as u32
    }

    /// The cookie of a client for data with its SYN: 8 bytes, of its address alone (RFC 7413 §4.1.2).
    pub(super) fn fast_open(self, local: IpAddr, client: IpAddr) -> Bytes {
        let ends = Ends { ports: 0, local, remote: client };
        Bytes::copy_from_slice(&self.mix(&[0x7413], &ends).to_be_bytes())
    }

    /// The initial sequence number that stands for a SYN: the peer's, plus a hash, the clock's tick and the size of segments.
    fn cookie(self, ends: &Ends, irs: u32, tick: u64, mss_index: u32) -> u32 {
        // 24 bits of hash above 5 of the clock and 2 of the size; the highest bit stays 0.
        let hash = (self.mix(&[u64::from(irs), tick, u64::from(mss_index)], ends) & 0x00ff_ffff) as u32;
        hash << 7 | ((tick & 0x1f) as u32) << 2 | mss_index
    }

    /// The answer to a SYN of which nothing is remembered; `None` if not even that can be said.
    pub(super) fn answer(
        self,
        ends: &Ends,
        syn: &Segment,
        parameters: &Parameters,
        offer: &Offer,
        now: LocalTime,
    ) -> Segment {
        let header = &syn.header;
        let none = TcpOptions::default();
        let options = header.options.as_deref().unwrap_or(&none);
        let peer_mss = options.mss.unwrap_or(COOKIE_MSS[0]);
        let index = COOKIE_MSS.iter().rposition(|mss| *mss <= peer_mss).unwrap_or(0) as u32;
        let tick = now.as_nanos() / COOKIE_TICK_NANOS;
        let stamps = header.timestamps.filter(|_| parameters.timestamps);
        // RFC 4987 §3.6: options other than the size survive in the stamp alone, which the peer echoes.
        let scale = options.window_scale.filter(|_| stamps.is_some() && parameters.window_scaling);
        let sack = options.sack_permitted && stamps.is_some() && parameters.sack;
        let said = u32::from(scale.unwrap_or(15).min(15)) | u32::from(sack) << 4;
        let value = ((now.as_nanos() / 1_000_000) as u32 & !((1 << STAMP_BITS) - 1)) | said;
        let own_mss = offer.mtu.saturating_sub(offer.ends.ip_header() + 20).min(u64::from(u16::MAX)) as u16;
        let options = TcpOptions {
            mss: Some(parameters.mss.map_or(own_mss, |mss| mss.min(own_mss))),
            window_scale: scale.map(|_| super::connection::shift_for(parameters.receive_buffer)),
            sack_permitted: sack,
            ..TcpOptions::default()
        };
        let header = TcpHeader {
            source_port: ends.local_port(),
            destination_port: ends.remote_port(),
            sequence: self.cookie(ends, header.sequence, tick, index),
            acknowledgment: header.sequence.wrapping_add(1),
            flags: TcpFlags::SYN.with(TcpFlags::ACK),
            window: parameters.receive_buffer.min(u64::from(u16::MAX)) as u16,
            urgent: 0,
            timestamps: stamps.map(|stamps| Timestamps { value, echo: stamps.value }),
            options: Some(Box::new(options)),
        };
        Segment { header, payload: Rope::new(), ecn: Ecn::NotEct }
    }

    /// The SYN that a cookie stands for, as far as it tells, if the acknowledgement carries one of ours that is not too old.
    pub(super) fn read(self, ends: &Ends, ack: &Segment, now: LocalTime) -> Option<Segment> {
        let header = &ack.header;
        let cookie = header.acknowledgment.wrapping_sub(1);
        let irs = header.sequence.wrapping_sub(1);
        let index = cookie & 3;
        let tick = now.as_nanos() / COOKIE_TICK_NANOS;
        let is_of = |tick: u64| self.cookie(ends, irs, tick, index) == cookie;
        if !(is_of(tick) || tick > 0 && is_of(tick - 1)) {
            return None;
        }
        let echo = header.timestamps.map(|stamps| stamps.echo);
        let scale = echo.map(|echo| (echo & 15) as u8).filter(|scale| *scale < 15);
        let options = TcpOptions {
            mss: Some(COOKIE_MSS[index as usize]),
            window_scale: scale,
            sack_permitted: echo.is_some_and(|echo| echo >> 4 & 1 == 1),
            ..TcpOptions::default()
        };
        let syn = TcpHeader {
            sequence: irs,
            acknowledgment: 0,
            flags: TcpFlags::SYN,
            options: Some(Box::new(options)),
            ..header.clone()
        };
        Some(Segment { header: syn, payload: Rope::new(), ecn: Ecn::NotEct })
    }
}

/// The cookie as a sequence number, of the acknowledgement that carries it.
pub(super) const fn cookie_of(ack: &TcpHeader) -> u32 {
    ack.acknowledgment.wrapping_sub(1)
}
