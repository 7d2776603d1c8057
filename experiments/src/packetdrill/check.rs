//! What can be said of a script before it runs: mistakes in its expressions, and what makes it one that cannot be judged here.

use super::ast::{Action, Code, Options, Packet, Script, Segment, TcpOption};
use super::python::{Statement, Unread, parse};
use super::run::{KNOWN_CALLS, known_option};
use super::settings::{Settings, Unsupported};
use super::{commands, tcp_info};
use crate::tree::{Diagnostic, Diagnostics, Span as Place};
use protosim_models::tcp::TcpInfo;

/// What a check has found out.
pub(super) struct Checked {
    /// The statements of each event; none where it is not code.
    pub(super) code: Vec<Vec<Statement>>,
}

/// Checks a script.
///
/// # Errors
/// When it cannot be judged here.
pub(super) fn check(script: &Script, settings: &Settings, mistakes: &mut Diagnostics) -> Result<Checked, Unsupported> {
    let mut unsupported = None;
    let mut note = |found: Result<(), Unsupported>| {
        if let Err(found) = found {
            unsupported.get_or_insert(found);
        }
    };
    // Commands are tried on settings that nobody uses.
    let mut settings = settings.clone();
    let mut checked = Checked { code: Vec::new() };
    if let Some(command) = &script.set_up {
        note(commands::apply(command, &mut settings));
    }
    for event in &script.events {
        let mut statements = Vec::new();
        match &event.action {
            Action::Inject(packet) | Action::Expect(packet) => note(check_packet(packet, event.place)),
            Action::Call(call) if !KNOWN_CALLS.contains(&call.name.as_str()) => {
                note(Err(Unsupported::new(format!("the call `{}`", call.name), call.place)));
            }
            Action::Call(call) => note(known_option(call)),
            Action::Command(command) => note(commands::apply(command, &mut settings)),
            Action::Code(code) => match check_code(code, mistakes) {
                Ok(found) => statements = found,
                Err(found) => note(Err(found)),
            },
        }
        checked.code.push(statements);
    }
    match unsupported {
        Some(unsupported) => Err(unsupported),
        None => Ok(checked),
    }
}

fn check_packet(packet: &Packet, place: Place) -> Result<(), Unsupported> {
    match packet {
        Packet::Foreign(what) => Err(Unsupported::new(*what, place)),
        Packet::Icmp(_) => Ok(()),
        Packet::Tcp(Segment { has_ace: true, .. }) => Err(Unsupported::new("accurate ECN", place)),
        Packet::Tcp(Segment { ip, .. }) if ip.has_flow_label => Err(Unsupported::new("flow labels", place)),
        Packet::Tcp(segment) => match &segment.options {
            Options::List(list) => list.iter().try_for_each(|option| match option {
                TcpOption::Other(name) => Err(Unsupported::new(format!("the TCP option `{name}`"), place)),
                _ => Ok(()),
            }),
            Options::Unchecked => Ok(()),
        },
    }
}

fn check_code(code: &Code, mistakes: &mut Diagnostics) -> Result<Vec<Statement>, Unsupported> {
    // The text begins behind `%{`.
    let place = |at: usize| {
        let start = code.place.start + 2 + at;
        Place { source: code.place.source, start, end: (start + 1).min(code.place.end).max(start) }
    };
    match parse(&code.text) {
        Ok(statements) => {
            let known = tcp_info::names(&TcpInfo::default());
            let words = code.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            for word in words.filter(|word| word.starts_with("tcpi_") && !known.contains_key(*word)) {
                return Err(Unsupported::new(format!("`{word}`"), code.place));
            }
            Ok(statements)
        }
        Err(Unread::Unknown(at, what)) => Err(Unsupported::new(format!("{what} in an expression"), place(at))),
        Err(Unread::Mistake(at, what)) => {
            let place = if at >= code.text.len() { code.place } else { place(at) };
            mistakes.push(Diagnostic::error("packetdrill::expression", place, what).label("here"));
            Ok(Vec::new())
        }
    }
}
