//! Segments between script and stack: numbers that count from initial sequence numbers there, real ones here.

use super::super::ast::{EcnBits, Options, Segment as Spec, TcpOption};
use super::super::settings::Settings;
use bytes::Bytes;
use protosim_core::{LocalTime, Span};
use protosim_models::packet::{
    Ecn, Packet, SackBlock, TcpFlags, TcpHeader, TcpOptions, Timestamps, Transport,
};
use protosim_models::rope::Rope;
use protosim_models::tcp::Segment;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Key of the bytes that arrive.
pub(super) const ARRIVING: u32 = 1;
/// Key of the bytes that the script's calls write.
pub(super) const WRITTEN: u32 = 2;

/// The peer's initial sequence number where a script says 0: near the end of the range, so that scripts go over it.
const REMOTE_ISN: u32 = 0xffff_f830;

/// Two ends, and how a script's numbers become theirs.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// Ports as the script writes them: the peer's, ours.
    pub(super) ports: Option<(u16, u16)>,
    /// How many sockets the script had opened before it.
    pub(super) generation: u32,
    /// Our initial sequence number, once a SYN has been seen, and the script's number for it.
    local_isn: Option<(u32, u32)>,
    /// The peer's, and the script's number for it.
    remote_isn: (u32, u32),
    /// Those of the peer's last SYN, which hold once it is answered.
    offered_isn: Option<(u32, u32)>,
    /// A SYN has been seen since the last one of ours: the next of ours may be of another connection.
    pub(super) may_begin_anew: bool,
    /// The first timestamp of ours that the script knows: its number, ours.
    first_timestamp: Option<(u32, u32)>,
    /// All such timestamps.
    timestamps: BTreeMap<u32, u32>,
    /// What the last ICMP error stands for.
    pub(super) icmp_error: Option<&'static str>,
}

/// A segment that the stack has sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: LocalTime,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) segment: Segment,
}

/// Cookies of Fast Open as a script writes them, and as they are.
pub(super) type Cookies = BTreeMap<String, Bytes>;

/// A segment of ours in the script's numbers.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Seen {
    pub(super) flags: TcpFlags,
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: Vec<TcpOption>,
    pub(super) ecn: Ecn,
    pub(super) payload: Rope,
}

impl Flow {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr, generation: u32) -> Self {
        Self {
            local,
            remote,
            ports: None,
            generation,
            local_isn: None,
            remote_isn: (REMOTE_ISN, 0),
            offered_isn: None,
            may_begin_anew: false,
            first_timestamp: None,
            timestamps: BTreeMap::new(),
            icmp_error: None,
        }
    }

    /// What to add to a script's number to have one of ours. In a SYN the script's count begins at its own number.
    pub(super) fn local_offset(&self, is_syn: bool) -> u32 {
        let (isn, script) = self.local_isn.unwrap_or_default();
        isn.wrapping_sub(if is_syn { script } else { 0 })
    }

    fn remote_offset(&self, is_syn: bool) -> u32 {
        let (isn, script) = self.remote_isn;
        isn.wrapping_sub(if is_syn { script } else { 0 })
    }

    /// The segment that a script lets arrive.
    ///
    /// # Errors
    /// What cannot be made of it.
    pub(super) fn inject(&mut self, spec: &Spec, cookies: &Cookies, has_cookie_key: bool) -> Result<Segment, String> {
        let is_syn = spec.flags.has(TcpFlags::SYN);
        if is_syn {
            let offered = (REMOTE_ISN.wrapping_add(spec.start), spec.start);
            if self.offered_isn.is_none() {
                self.remote_isn = offered;
            }
            self.offered_isn = Some(offered);
            self.may_begin_anew |= !spec.flags.has(TcpFlags::ACK);
        }
        let (mut timestamps, mut options) = (None, TcpOptions::default());
        let Options::List(list) = &spec.options else { return Err("options that are not given".to_owned()) };
        let mut any = false;
        for option in list {
            any |= !matches!(option, TcpOption::Nop | TcpOption::Eol | TcpOption::Timestamps(..));
            match option {
                TcpOption::Nop | TcpOption::Eol => {}
                TcpOption::Mss(mss) => options.mss = Some(*mss),
                TcpOption::WindowScale(shift) => options.window_scale = Some(*shift),
                TcpOption::SackPermitted => options.sack_permitted = true,
                TcpOption::Sack(blocks) => {
                    let offset = self.local_offset(is_syn);
                    let block = |(left, right): &(u32, u32)| SackBlock {
                        left: left.wrapping_add(offset),
                        right: right.wrapping_add(offset),
                    };
                    options.sack = blocks.iter().map(block).collect();
                }
                TcpOption::Timestamps(value, echo) => {
                    let echo = if spec.flags.has(TcpFlags::ACK) { self.echo(*echo) } else { *echo };
                    timestamps = Some(Timestamps { value: *value, echo });
                }
                TcpOption::FastOpen(cookie) => options.fast_open = Some(cookie_bytes(cookie, cookies, has_cookie_key)?),
                TcpOption::Other(name) => return Err(format!("the TCP option `{name}`")),
            }
        }
        let is_ack = spec.flags.has(TcpFlags::ACK);
        let header = TcpHeader {
            source_port: self.remote.port(),
            destination_port: self.local.port(),
            sequence: spec.start.wrapping_add(self.remote_offset(is_syn)),
            acknowledgment: if is_ack { spec.ack.unwrap_or(0).wrapping_add(self.local_offset(is_syn)) } else { 0 },
            flags: spec.flags,
            window: spec.window.unwrap_or(0),
            urgent: spec.urgent.unwrap_or(0),
            timestamps,
            options: any.then(|| Box::new(options)),
        };
        let payload = Rope::fill(ARRIVING, self.remote_place(spec), u64::from(spec.len));
        Ok(Segment { header, payload, ecn: ecn(spec.ip.ecn, spec.ip.tos) })
    }

    /// Where in the peer's stream this segment's bytes are.
    fn remote_place(&self, spec: &Spec) -> u64 {
        let is_syn = spec.flags.has(TcpFlags::SYN);
        let first = spec.start.wrapping_sub(if is_syn { self.remote_isn.1 } else { 1 });
        u64::from(first)
    }

    /// The timestamp of ours that the script means by this.
    fn echo(&self, script: u32) -> u32 {
        if let Some(ours) = self.timestamps.get(&script) {
            return *ours;
        }
        match self.first_timestamp {
            Some((first, ours)) => script.wrapping_sub(first).wrapping_add(ours),
            None => script,
        }
    }

    /// A segment of ours in the script's numbers.
    pub(super) fn seen(&mut self, spec: &Spec, sent: &Sent) -> Seen {
        let header = &sent.segment.header;
        let is_syn = header.flags.has(TcpFlags::SYN);
        if is_syn && (self.local_isn.is_none() || self.may_begin_anew) {
            // Numbers of a RST that answers nothing known stay what they are.
            self.local_isn = Some((header.sequence, spec.start));
            self.remote_isn = self.offered_isn.unwrap_or(self.remote_isn);
            self.may_begin_anew = false;
        }
        let remote = self.remote_offset(false);
        let mut options = options_in_order(sent);
        for option in &mut options {
            match option {
                TcpOption::Sack(blocks) => blocks.iter_mut().for_each(|(left, right)| {
                    *left = left.wrapping_sub(remote);
                    *right = right.wrapping_sub(remote);
                }),
                TcpOption::Timestamps(value, _) => *value = self.timestamp(spec, *value),
                _ => {}
            }
        }
        let is_ack = header.flags.has(TcpFlags::ACK);
        Seen {
            flags: header.flags,
            start: header.sequence.wrapping_sub(self.local_offset(is_syn)),
            // Longer than a packet it is not.
            len: sent.segment.payload.len() as u32,
            ack: if is_ack { header.acknowledgment.wrapping_sub(self.remote_offset(is_syn)) } else { 0 },
            window: header.window,
            urgent: header.urgent,
            options,
            ecn: sent.segment.ecn,
            payload: sent.segment.payload.clone(),
        }
    }

    /// The script's number for a timestamp of ours; from the first one on they run alike.
    fn timestamp(&mut self, spec: &Spec, ours: u32) -> u32 {
        let in_script = match &spec.options {
            Options::List(list) => list.iter().find_map(|option| match option {
                TcpOption::Timestamps(value, _) => Some(*value),
                _ => None,
            }),
            Options::Unchecked => None,
        };
        if let Some(script) = in_script {
            self.timestamps.insert(script, ours);
            self.first_timestamp.get_or_insert((script, ours));
        }
        let Some((script, first)) = self.first_timestamp else { return ours };
        ours.wrapping_sub(first).wrapping_add(script)
    }

    /// Bytes as they should be in a segment of ours.
    fn is_intact(&self, seen: &Seen) -> bool {
        let begins_at_zero = self.local_isn.is_some_and(|(_, script)| script == 0);
        let first = if seen.flags.has(TcpFlags::SYN) { seen.start } else { seen.start.wrapping_sub(1) };
        !begins_at_zero || seen.payload == Rope::fill(WRITTEN, u64::from(first), u64::from(seen.len))
    }

    /// What of a segment differs from what a script awaits. `since_start` is the script's time of the event.
    pub(super) fn differences(
        &self,
        spec: &Spec,
        seen: &Seen,
        cookies: &mut Cookies,
        settings: &Settings,
        since_start: Span,
    ) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut check = |what: &'static str, is_equal: bool| {
            if !is_equal {
                found.push(what);
            }
        };
        check("flags", spec.flags == seen.flags);
        check("sequence number", spec.start == seen.start);
        check("length", spec.len == seen.len);
        check("acknowledgment number", !spec.flags.has(TcpFlags::ACK) || spec.ack.unwrap_or(0) == seen.ack);
        check("window", spec.window.is_none_or(|window| window == seen.window));
        check("urgent pointer", !spec.flags.has(TcpFlags::URG) || spec.urgent.unwrap_or(0) == seen.urgent);
        let is_capable = matches!(seen.ecn, Ecn::Ect0 | Ecn::Ect1);
        check("ECN", match (spec.ip.ecn, spec.ip.tos) {
            (Some(EcnBits::Ect01), _) => is_capable,
            (None, None) => true,
            (bits, tos) => ecn(bits, tos) == seen.ecn && tos.is_none_or(|tos| tos < 4),
        });
        // Every host here starts with 64.
        check("time to live", spec.ip.ttl.is_none_or(|ttl| ttl == 64));
        if let Options::List(list) = &spec.options {
            let tolerance = settings.tolerance.after(since_start);
            let is_equal = list.len() == seen.options.len()
                && list.iter().zip(&seen.options).all(|(a, b)| same_option(a, b, cookies, settings, tolerance));
            check("options", is_equal);
        }
        check("bytes of data", self.is_intact(seen));
        found
    }
}

impl Seen {
    /// Puts what was sent right after it behind it, if the two are of one burst.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let continues = self.start.wrapping_add(self.len) == next.start
            && self.ack == next.ack
            && self.ecn == next.ecn
            && next.len > 0
            && self.options == next.options
            && !self.flags.has_any(TcpFlags::SYN.with(TcpFlags::FIN).with(TcpFlags::RST))
            && !next.flags.has_any(TcpFlags::SYN.with(TcpFlags::RST));
        if continues {
            self.len += next.len;
            self.payload.append(&next.payload);
            let last = next.flags.bits() & TcpFlags::PSH.with(TcpFlags::FIN).bits();
            self.flags = self.flags.without(TcpFlags::PSH).with(TcpFlags::from_bits(last));
        }
        continues
    }
}

/// Bits as a script gives them.
fn ecn(bits: Option<EcnBits>, tos: Option<u8>) -> Ecn {
    match bits {
        Some(EcnBits::Ect0) => Ecn::Ect0,
        Some(EcnBits::Ect1) => Ecn::Ect1,
        Some(EcnBits::Ce) => Ecn::Ce,
        Some(EcnBits::NotEct | EcnBits::Ect01) => Ecn::NotEct,
        None => Ecn::from_bits(tos.unwrap_or(0)),
    }
}

/// A cookie that the stack has given, by the script's name for it; or its digits.
fn cookie_bytes(cookie: &str, cookies: &Cookies, has_key: bool) -> Result<Bytes, String> {
    if cookie.is_empty() {
        return Ok(Bytes::new());
    }
    if let Some(live) = cookies.get(cookie) {
        return Ok(live.clone());
    }
    if has_key {
        return Err("a Fast Open cookie made with a key of the script".to_owned());
    }
    match hexadecimal(cookie) {
        Some(bytes) => Ok(bytes.into()),
        None => Err(format!("the Fast Open cookie `{cookie}`")),
    }
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| (byte as char).to_digit(16);
        u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// Whether an option is as the script has it. A cookie that it names for the first time is what it is from then on.
fn same_option(
    spec: &TcpOption,
    seen: &TcpOption,
    cookies: &mut Cookies,
    settings: &Settings,
    tolerance: Span,
) -> bool {
    match (spec, seen) {
        (TcpOption::Timestamps(spec, spec_echo), TcpOption::Timestamps(seen, seen_echo)) => {
            let apart = spec.wrapping_sub(*seen).min(seen.wrapping_sub(*spec));
            let is_near = settings
                .timestamp_tick
                .is_none_or(|tick| tick.saturating_mul(u64::from(apart)) <= tolerance);
            is_near && spec_echo == seen_echo
        }
        (TcpOption::FastOpen(spec), TcpOption::FastOpen(seen)) => {
            let live = hexadecimal(seen).unwrap_or_default();
            if spec.is_empty() || live.is_empty() {
                return spec.is_empty() && live.is_empty();
            }
            *cookies.entry(spec.clone()).or_insert_with(|| live.clone().into()) == live
        }
        _ => spec == seen,
    }
}

/// The options of a segment as they are on the wire, padding included.
fn options_in_order(sent: &Sent) -> Vec<TcpOption> {
    let transport = Transport::Tcp(sent.segment.header.clone());
    let Ok(packet) = Packet::new(sent.local.ip(), sent.remote.ip(), transport, Rope::new()) else {
        return Vec::new();
    };
    let bytes = packet.encode();
    let ip = if sent.local.is_ipv4() { 20 } else { 40 };
    let header = bytes.get(ip..).unwrap_or_default();
    let len = header.get(12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    read_options(header.get(20..len).unwrap_or_default())
}

/// Options from their bytes (RFC 9293 §3.1).
fn read_options(mut bytes: &[u8]) -> Vec<TcpOption> {
    let mut found = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        if kind < 2 {
            found.push(if kind == 0 { TcpOption::Eol } else { TcpOption::Nop });
            bytes = rest;
            // What follows the end is padding.
            if kind == 0 {
                break;
            }
            continue;
        }
        let len = usize::from(rest.first().copied().unwrap_or(0)).clamp(2, bytes.len().max(2));
        let Some(data) = bytes.get(2..len) else { break };
        found.push(read_option(kind, data));
        bytes = &bytes[len..];
    }
    found
}

fn read_option(kind: u8, data: &[u8]) -> TcpOption {
    let word = |at: usize| data.get(at..at + 4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    let known = match (kind, data) {
        (2, [high, low]) => Some(TcpOption::Mss(u16::from_be_bytes([*high, *low]))),
        (3, [shift]) => Some(TcpOption::WindowScale(*shift)),
        (4, []) => Some(TcpOption::SackPermitted),
        (5, _) => {
            let block = |at: usize| Some((word(at)?, word(at + 4)?));
            (0..data.len()).step_by(8).map(block).collect::<Option<_>>().map(TcpOption::Sack)
        }
        (8, _) => word(0).zip(word(4)).map(|(value, echo)| TcpOption::Timestamps(value, echo)),
        (34, cookie) => Some(TcpOption::FastOpen(cookie.iter().map(|byte| format!("{byte:02x}")).collect())),
        _ => None,
    };
    known.unwrap_or_else(|| TcpOption::Other(format!("kind {kind}")))
}
