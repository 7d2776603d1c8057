//! Addresses in IPHC: which mode stands for an address, and which address a mode stands for (RFC 6282 §3.1.1).
//!
//! A mode is only chosen if reading it gives the address again, so that both directions cannot disagree.

use super::context::{Context, Contexts};
use super::error::{LowpanError, Reader};
use super::iid::{Iid, with_prefix};
use std::net::Ipv6Addr;

/// fe80::/64.
const LINK_LOCAL: u128 = 0xfe80 << 112;

/// How an address is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    /// SAC or DAC: a context is used.
    pub(super) stateful: bool,
    /// SAM or DAM.
    pub(super) mode: u8,
    /// Which context.
    pub(super) context: u8,
    inline: [u8; 16],
    inline_len: usize,
}

impl Choice {
    /// Sent as the last `inline_len` bytes of `address`.
    fn tail(stateful: bool, mode: u8, context: u8, address: u128, inline_len: usize) -> Self {
        let mut inline = [0; 16];
        inline[..inline_len].copy_from_slice(&address.to_be_bytes()[16 - inline_len..]);
        Self { stateful, mode, context, inline, inline_len }
    }

    fn of_bytes(stateful: bool, mode: u8, context: u8, bytes: &[u8]) -> Self {
        let mut inline = [0; 16];
        inline[..bytes.len()].copy_from_slice(bytes);
        Self { stateful, mode, context, inline, inline_len: bytes.len() }
    }

    /// What is sent of the address.
    pub(super) fn inline(&self) -> &[u8] {
        &self.inline[..self.inline_len]
    }
}

/// Bytes that a unicast mode sends.
const fn unicast_len(mode: u8) -> usize {
    match mode {
        0 => 16,
        1 => 8,
        2 => 2,
        _ => 0,
    }
}

/// The address of a unicast mode from 1 to 3: its identifier is sent, or half of it, or nothing.
fn unicast(mode: u8, inline: &[u8], context: Option<&Context>, iid: Option<Iid>) -> Result<u128, LowpanError> {
    let iid = match (mode, inline) {
        (1, _) => {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(inline);
            Iid(bytes)
        }
        (2, [high, low]) => Iid::from_short(u16::from_be_bytes([*high, *low])),
        _ => iid.ok_or(LowpanError::NoIid)?,
    };
    Ok(match context {
        None => with_prefix(LINK_LOCAL, iid),
        // Bits between the prefix and the identifier are zero.
        Some(context) => context.overlay(with_prefix(0, iid)),
    })
}

/// The shortest way to send a unicast `address` without an extra byte for its context, and one with it if that is shorter.
fn unicast_choices(address: u128, iid: Option<Iid>, contexts: &Contexts) -> (Choice, Option<Choice>) {
    let mut plain = Choice::tail(false, 0, 0, address, 16);
    let mut extended: Option<Choice> = None;
    let ways = std::iter::once((0, None)).chain(contexts.usable().map(|(id, context)| (id, Some(context))));
    for (id, context) in ways {
        let found = (1..=3).rev().find_map(|mode| {
            let choice = Choice::tail(context.is_some(), mode, id, address, unicast_len(mode));
            (unicast(mode, choice.inline(), context, iid) == Ok(address)).then_some(choice)
        });
        let Some(choice) = found else { continue };
        if id == 0 {
            plain = if choice.inline_len < plain.inline_len { choice } else { plain };
        } else if extended.is_none_or(|best| choice.inline_len < best.inline_len) {
            extended = Some(choice);
        }
    }
    (plain, extended.filter(|extended| extended.inline_len < plain.inline_len))
}

/// The ways to send a source.
fn source_choices(address: u128, iid: Option<Iid>, contexts: &Contexts) -> (Choice, Option<Choice>) {
    match address {
        // The unspecified address has a mode of its own.
        0 => (Choice::of_bytes(true, 0, 0, &[]), None),
        _ => unicast_choices(address, iid, contexts),
    }
}

/// The ways to send a multicast destination.
fn multicast_choices(address: u128, contexts: &Contexts) -> (Choice, Option<Choice>) {
    let bytes = address.to_be_bytes();
    let is_zero = |range: std::ops::Range<usize>| bytes[range].iter().all(|byte| *byte == 0);
    let plain = if bytes[1] == 2 && is_zero(2..15) {
        Choice::of_bytes(false, 3, 0, &bytes[15..])
    } else if is_zero(2..13) {
        Choice::of_bytes(false, 2, 0, &[bytes[1], bytes[13], bytes[14], bytes[15]])
    } else if is_zero(2..11) {
        Choice::of_bytes(false, 1, 0, &[bytes[1], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]])
    } else {
        Choice::of_bytes(false, 0, 0, &bytes)
    };
    let inline = [bytes[1], bytes[2], bytes[12], bytes[13], bytes[14], bytes[15]];
    let matching = contexts.usable().find(|(_, context)| prefix_multicast(&inline, context) == address);
    let stateful = matching.map(|(id, _)| Choice::of_bytes(true, 0, id, &inline));
    match stateful.filter(|stateful| stateful.inline_len < plain.inline_len) {
        Some(stateful) if stateful.context == 0 => (stateful, None),
        other => (plain, other),
    }
}

/// How both addresses are sent in the fewest bytes. An extra byte for contexts other than 0 counts once.
pub(super) fn choose(
    (source, destination): (Ipv6Addr, Ipv6Addr),
    (source_iid, destination_iid): (Option<Iid>, Option<Iid>),
    contexts: &Contexts,
) -> (Choice, Choice) {
    let sources = source_choices(source.into(), source_iid, contexts);
    let destinations = match destination.is_multicast() {
        true => multicast_choices(destination.into(), contexts),
        false => unicast_choices(destination.into(), destination_iid, contexts),
    };
    let plain = (sources.0, destinations.0);
    let extended = (sources.1.unwrap_or(sources.0), destinations.1.unwrap_or(destinations.0));
    let len = |(source, destination): &(Choice, Choice)| source.inline_len + destination.inline_len;
    if len(&extended) + 1 < len(&plain) { extended } else { plain }
}

/// The context that a stateful mode names.
fn context(contexts: &Contexts, id: u8) -> Result<&Context, LowpanError> {
    contexts.get(id).ok_or(LowpanError::UnknownContext(id))
}

/// Reads a source of mode `mode`.
pub(super) fn read_source(
    (stateful, mode, id): (bool, u8, u8),
    iid: Option<Iid>,
    contexts: &Contexts,
    reader: &mut Reader<'_>,
) -> Result<Ipv6Addr, LowpanError> {
    match (stateful, mode) {
        (true, 0) => Ok(Ipv6Addr::UNSPECIFIED),
        (false, 0) => reader.array::<16>().map(Ipv6Addr::from),
        _ => {
            let context = if stateful { Some(context(contexts, id)?) } else { None };
            unicast(mode, reader.take(unicast_len(mode))?, context, iid).map(Ipv6Addr::from)
        }
    }
}

/// Reads a destination; `modes` is the second byte of IPHC.
pub(super) fn read_destination(
    (modes, id): (u8, u8),
    iid: Option<Iid>,
    contexts: &Contexts,
    reader: &mut Reader<'_>,
) -> Result<Ipv6Addr, LowpanError> {
    let (is_multicast, stateful, mode) = (modes & 8 != 0, modes & 4 != 0, modes & 3);
    let reserved = Err(LowpanError::ReservedMode(modes));
    match (is_multicast, stateful, mode) {
        (_, false, 0) => reader.array::<16>().map(Ipv6Addr::from),
        (false, true, 0) => reserved,
        (false, ..) => {
            let context = if stateful { Some(context(contexts, id)?) } else { None };
            unicast(mode, reader.take(unicast_len(mode))?, context, iid).map(Ipv6Addr::from)
        }
        (true, true, 0) => {
            let context = context(contexts, id)?;
            Ok(prefix_multicast(&reader.array()?, context).into())
        }
        (true, true, _) => reserved,
        (true, false, 1) => {
            let [flags, group @ ..] = reader.array::<6>()?;
            Ok(multicast(flags, &group))
        }
        (true, false, 2) => {
            let [flags, group @ ..] = reader.array::<4>()?;
            Ok(multicast(flags, &group))
        }
        (true, false, _) => Ok(multicast(2, &[reader.u8()?])),
    }
}

/// `ffXX::` with `group` at its end; `flags` are flags and scope.
fn multicast(flags: u8, group: &[u8]) -> Ipv6Addr {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1]) = (0xff, flags);
    bytes[16 - group.len()..].copy_from_slice(group);
    bytes.into()
}

/// `ffXX:XXLL:PPPP:PPPP:PPPP:PPPP:XXXX:XXXX`, with length L and prefix P of `context` (RFC 3306, RFC 3956).
fn prefix_multicast(inline: &[u8; 6], context: &Context) -> u128 {
    let [flags, reserved, group @ ..] = *inline;
    let (len, prefix) = context.multicast();
    let head = u128::from(u32::from_be_bytes([0xff, flags, reserved, len]));
    head << 96 | u128::from(prefix) << 32 | u128::from(u32::from_be_bytes(group))
}
