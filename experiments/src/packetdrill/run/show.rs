//! Segments as text, in the words of scripts.

use super::super::ast::{EcnBits, Options, Segment as Spec, TcpOption};
use super::super::parse_packet::FLAGS;
use super::wire::Seen;
use protosim_core::LocalTime;
use protosim_models::packet::{Ecn, TcpFlags};

/// A time in seconds to the microsecond.
pub(super) fn seconds(at: LocalTime) -> String {
    let micros = at.as_nanos() / 1000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn flags(flags: TcpFlags) -> String {
    let set: String = FLAGS.iter().filter(|(_, flag)| flags.has(*flag)).map(|(name, _)| *name).collect();
    if set.is_empty() { "-".to_owned() } else { set }
}

fn option(option: &TcpOption) -> String {
    match option {
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::Eol => "eol".to_owned(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackPermitted => "sackOK".to_owned(),
        TcpOption::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        TcpOption::Timestamps(value, echo) => format!("TS val {value} ecr {echo}"),
        TcpOption::FastOpen(cookie) => format!("FO {cookie}").trim_end().to_owned(),
        TcpOption::Other(name) => name.clone(),
    }
}

fn options(all: &[TcpOption]) -> String {
    if all.is_empty() {
        return String::new();
    }
    format!(" <{}>", all.iter().map(option).collect::<Vec<_>>().join(","))
}

/// What a script awaits.
pub(super) fn spec(spec: &Spec) -> String {
    let ip = match spec.ip.ecn {
        None => "",
        Some(EcnBits::NotEct) => "[noecn] ",
        Some(EcnBits::Ect0) => "[ect0] ",
        Some(EcnBits::Ect1) => "[ect1] ",
        Some(EcnBits::Ce) => "[ce] ",
        Some(EcnBits::Ect01) => "[ect01] ",
    };
    let mut text = format!("{ip}{} {}:{}({})", flags(spec.flags), spec.start, spec.start.wrapping_add(spec.len), spec.len);
    if spec.flags.has(TcpFlags::ACK) {
        text.push_str(&format!(" ack {}", spec.ack.unwrap_or(0)));
    }
    if let Some(window) = spec.window {
        text.push_str(&format!(" win {window}"));
    }
    match &spec.options {
        Options::Unchecked => text.push_str(" <...>"),
        Options::List(list) => text.push_str(&options(list)),
    }
    text
}

/// What has been sent.
pub(super) fn seen(seen: &Seen) -> String {
    let ip = match seen.ecn {
        Ecn::NotEct => "",
        Ecn::Ect0 => "[ect0] ",
        Ecn::Ect1 => "[ect1] ",
        Ecn::Ce => "[ce] ",
    };
    let mut text = format!("{ip}{} {}:{}({})", flags(seen.flags), seen.start, seen.start.wrapping_add(seen.len), seen.len);
    if seen.flags.has(TcpFlags::ACK) {
        text.push_str(&format!(" ack {}", seen.ack));
    }
    text.push_str(&format!(" win {}{}", seen.window, options(&seen.options)));
    text
}
