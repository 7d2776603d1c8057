//! A script at work on a stack, in virtual time.
//!
//! The clock moves only here: to the time of the next event, or of the next timer, whichever is earlier. At one instant an
//! arrival or a call comes before a timer, as in the simulator.

mod arguments;
mod calls;
mod options;
mod show;
mod sockets;
mod wire;

use super::ast::{Action, Code, Event, IcmpError, Packet, Script, Segment as Spec, Time};
use super::check::Checked;
use super::python::{self, Names};
use super::settings::{Settings, Unsupported};
use super::tcp_info;
use super::verdict::{Failure, Skipped, Verdict};
use super::{Hook, commands};
use crate::tree::{Sources, Span as Place};
use calls::Pending;

pub(super) use calls::KNOWN_CALLS;
pub(super) use options::known_option;
use protosim_core::{IdealEnv, LocalTime, Span};
use protosim_models::tcp::{ConnectionId, Output, Stack, TcpInfo};
use sockets::Sockets;
use std::collections::VecDeque;
use std::net::SocketAddr;
use wire::{Cookies, Flow, Seen, Sent};

/// Port of sockets that a script binds anywhere, and of peers that it connects to.
const PORT: u16 = 8080;
/// The first port of peers.
const FIRST_REMOTE_PORT: u16 = 40_000;
/// A segment that may come at any time comes within this, or never.
const ANY_TIME: Span = Span::from_secs(300);
/// Timers that fall due at one instant: more of them are an endless loop.
const MOST_TIMEOUTS: u32 = 10_000;

/// Why a run ends before the last event.
pub(super) enum Stop {
    Failed(Box<Failure>),
    Unsupported(Unsupported),
}

impl From<Unsupported> for Stop {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported)
    }
}

/// What a step of a run gives.
pub(super) type Step<T> = Result<T, Stop>;

pub(super) struct Runner<'a> {
    sources: &'a Sources,
    settings: Settings,
    env: IdealEnv,
    stack: Stack,
    hook: Hook,
    flows: Vec<Flow>,
    /// The flow that packets without ports are of.
    current: Option<usize>,
    /// Sockets opened so far.
    generation: u32,
    sent: VecDeque<Sent>,
    cookies: Cookies,
    sockets: Sockets,
    pending: Option<Pending<'a>>,
    /// When the event before was to be.
    last: LocalTime,
    names: Names,
    /// What happens, line by line, where someone wants to read it.
    log: Option<Vec<String>>,
}

/// Runs a script that is free of mistakes. The lines that follow a verdict tell what happened, if `is_told`.
pub(super) fn run(
    script: &Script,
    checked: &Checked,
    settings: Settings,
    (seed, hook, is_told): (u64, Hook, bool),
    sources: &Sources,
) -> (Verdict, Vec<String>) {
    let mut runner = Runner {
        sources,
        settings,
        env: IdealEnv::new(seed),
        stack: Stack::default(),
        hook,
        flows: Vec::new(),
        current: None,
        generation: 0,
        sent: VecDeque::new(),
        cookies: Cookies::new(),
        sockets: Sockets::default(),
        pending: None,
        last: LocalTime::ZERO,
        names: Names::new(),
        log: is_told.then(Vec::new),
    };
    let verdict = match runner.all(script, checked) {
        Ok(()) => Verdict::Passed,
        Err(Stop::Failed(failure)) => Verdict::Failed(failure),
        Err(Stop::Unsupported(unsupported)) => Verdict::Skipped(Skipped {
            reason: unsupported.reason,
            place: unsupported.place.map(|place| sources.place(place)),
        }),
    };
    (verdict, runner.log.unwrap_or_default())
}

impl<'a> Runner<'a> {
    fn all(&mut self, script: &'a Script, checked: &Checked) -> Step<()> {
        if let Some(command) = &script.set_up {
            commands::apply(command, &mut self.settings)?;
        }
        for (number, event) in script.events.iter().enumerate() {
            self.event(event, checked, number)?;
        }
        self.finish_pending()?;
        self.nothing_is_left(script)
    }

    fn event(&mut self, event: &'a Event, checked: &Checked, number: usize) -> Step<()> {
        if matches!(event.action, Action::Call(_)) {
            self.finish_pending()?;
        }
        let now = self.env.now;
        let (from, to) = match event.time {
            Time::Absolute(at) => (LocalTime::ZERO + at, LocalTime::ZERO + at),
            Time::Relative(after) => (now.saturating_add(after), now.saturating_add(after)),
            Time::Any => (now, now.saturating_add(ANY_TIME)),
            Time::AbsoluteRange(from, to) => (LocalTime::ZERO + from, LocalTime::ZERO + to),
            Time::RelativeRange(from, to) => (now.saturating_add(from), now.saturating_add(to)),
        };
        let gap = from.saturating_since(self.last);
        if let Action::Expect(packet) = &event.action {
            let Packet::Tcp(spec) = packet else {
                return Err(Unsupported::new("packets that are not TCP, from this side", event.place).into());
            };
            self.expect(event, spec, (from, to), gap)?;
        } else {
            let late = now.saturating_since(from);
            if late > self.settings.tolerance.after(gap) {
                let message =
                    format!("this was to be at {}, but it is {} already", show::seconds(from), show::seconds(now));
                return Err(self.failure(event.place, message, Vec::new()));
            }
            self.advance(from);
            match &event.action {
                Action::Inject(Packet::Tcp(spec)) => self.inject(spec, event.place)?,
                Action::Inject(Packet::Icmp(error)) => self.inject_icmp(error, event.place)?,
                Action::Inject(Packet::Foreign(what)) | Action::Expect(Packet::Foreign(what)) => {
                    return Err(Unsupported::new(*what, event.place).into());
                }
                Action::Expect(_) => {}
                Action::Call(call) => self.call(event, call)?,
                Action::Command(command) => commands::apply(command, &mut self.settings)?,
                Action::Code(code) => self.code(code, &checked.code[number])?,
            }
        }
        self.last = if event.time == Time::Any { self.env.now } else { from };
        Ok(())
    }

    /// Lets time run to `at`: all timers before it.
    fn advance(&mut self, at: LocalTime) {
        while self.timeout_before(at, false) {}
        self.env.now = self.env.now.max(at);
    }

    /// Lets the next timer run off, if it is due before `limit`, or at it if `inclusive`. False if none is.
    fn timeout_before(&mut self, limit: LocalTime, inclusive: bool) -> bool {
        let Some((mut connection, deadline)) = self.stack.poll_timeout() else { return false };
        if deadline.at > limit || deadline.at == limit && !inclusive {
            return false;
        }
        self.env.now = self.env.now.max(deadline.at);
        for _ in 0..MOST_TIMEOUTS {
            self.stack.handle_timeout(connection, &mut self.env);
            match self.stack.poll_timeout() {
                Some((next, deadline)) if deadline.at <= self.env.now => connection = next,
                _ => break,
            }
        }
        self.settle();
        true
    }

    /// All inputs of the instant are in: takes what comes out, and tries again what waits for it.
    fn settle(&mut self) {
        self.stack.flush(&mut self.env);
        self.take_outputs();
        self.retry_pending();
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.stack.next_output() {
            match output {
                Output::Transmit { packet, .. } => {
                    let ends = packet.source_socket().zip(packet.destination_socket());
                    if let (Some((local, remote)), Some(segment)) = (ends, protosim_models::tcp::Segment::of(packet))
                        && (self.hook)(&segment)
                    {
                        self.sent.push_back(Sent { at: self.env.now, local, remote, segment });
                    }
                }
                Output::Notify { connection, notice, .. } => self.sockets.notice(connection, notice),
                Output::Observe { .. } => {}
            }
        }
        while self.stack.next_rescheduled().is_some() {}
    }

    fn inject(&mut self, spec: &Spec, place: Place) -> Step<()> {
        let unsupported = |reason: &str| Stop::from(Unsupported::new(reason, place));
        let number = self.flow_of(spec);
        let has_key = self.settings.has_cookie_key;
        let flow = &mut self.flows[number];
        let segment = flow.inject(spec, &self.cookies, has_key).map_err(|reason| unsupported(&reason))?;
        let (local, remote) = (flow.local.ip(), flow.remote.ip());
        self.tell("<", || show::spec(spec));
        self.stack.handle_segment(local, remote, segment, self.settings.mtu, &mut self.env);
        self.settle();
        Ok(())
    }

    /// The flow of a packet that arrives: by its ports, or the one that the script is at.
    fn flow_of(&mut self, spec: &Spec) -> usize {
        if let Some(ports) = spec.ports {
            let is_it = |flow: &Flow| flow.ports == Some(ports);
            if let Some(number) = self.flows.iter().rposition(is_it) {
                self.current = Some(number);
                return number;
            }
            // The first packet that names ports gives them to the flow that is there, if it has none.
            if let Some(current) = self.current
                && self.flows[current].ports.is_none()
                && !spec.flags.has(protosim_models::packet::TcpFlags::SYN)
            {
                self.flows[current].ports = Some(ports);
                return current;
            }
        } else if let Some(current) = self.current {
            return current;
        }
        let remote = spec.ports.map_or(FIRST_REMOTE_PORT + self.flows.len() as u16, |(from, _)| from);
        let port = self.sockets.listening_port().unwrap_or(PORT);
        let number =
            self.new_flow(SocketAddr::new(self.settings.local, port), SocketAddr::new(self.settings.remote, remote));
        self.flows[number].ports = spec.ports;
        number
    }

    /// A flow, which the script is at from now on.
    fn new_flow(&mut self, local: SocketAddr, remote: SocketAddr) -> usize {
        self.flows.push(Flow::new(local, remote, self.generation));
        self.current = Some(self.flows.len() - 1);
        self.flows.len() - 1
    }

    fn inject_icmp(&mut self, error: &IcmpError, place: Place) -> Step<()> {
        let Some(number) = self.current else {
            return Err(Unsupported::new("ICMP without a connection", place).into());
        };
        let flow = &mut self.flows[number];
        let (local, remote) = (flow.local, flow.remote);
        let about = error.about.unwrap_or(0);
        let sequence = about.wrapping_add(flow.local_offset(about == 0));
        let code = error.code.as_deref().unwrap_or("net_unreachable");
        match (error.kind.as_str(), code) {
            ("unreachable", "frag_needed") | ("packet_too_big", _) => {
                let mtu = error.mtu.unwrap_or(0);
                self.stack.handle_path_mtu(local, remote, sequence, mtu, &mut self.env);
            }
            ("unreachable", code) => {
                let Some((errno, is_hard)) = unreachable(code) else {
                    return Err(Unsupported::new(format!("the ICMP code `{code}`"), place).into());
                };
                flow.icmp_error = Some(errno);
                self.sockets.icmp_error(number, errno);
                self.stack.handle_unreachable(local, remote, sequence, is_hard, &mut self.env);
            }
            (kind, _) => return Err(Unsupported::new(format!("ICMP of type `{kind}`"), place).into()),
        }
        self.settle();
        Ok(())
    }

    /// A segment that is to leave between two times.
    fn expect(&mut self, event: &Event, spec: &Spec, (from, to): (LocalTime, LocalTime), gap: Span) -> Step<()> {
        if spec.has_ace {
            return Err(Unsupported::new("accurate ECN", event.place).into());
        }
        let tolerance = self.settings.tolerance.after(gap);
        let limit = to.saturating_add(tolerance);
        self.forget_old_flows();
        while self.sent.is_empty() {
            if !self.timeout_before(limit, true) {
                let next = self.stack.poll_timeout().map(|(_, deadline)| deadline);
                let next = next.map_or("no timer is set".to_owned(), |deadline| {
                    format!("the next timer, {}, is due at {}", deadline.timer, show::seconds(deadline.at))
                });
                let sides = vec![("expected", expected(spec, (from, to))), ("actual", format!("nothing; {next}"))];
                return Err(self.failure(event.place, "no segment is sent".to_owned(), sides));
            }
            self.forget_old_flows();
        }
        let (flow, at, seen) = self.next_seen(spec);
        let since_start = from.saturating_since(LocalTime::ZERO);
        let mut differences = self.flows[flow].differences(spec, &seen, &mut self.cookies, &self.settings, since_start);
        if let (Some(ports), Some(own)) = (spec.ports, self.flows[flow].ports)
            && ports != (own.1, own.0)
        {
            differences.push("ports");
        }
        let is_in_time = at.saturating_add(tolerance) >= from && at <= limit;
        if event.time != Time::Any && !is_in_time {
            differences.push("time");
        }
        self.tell(">", || show::seen(&seen));
        if differences.is_empty() {
            return Ok(());
        }
        let sides = vec![
            ("expected", expected(spec, (from, to))),
            ("actual", format!("{} > {}", show::seconds(at), show::seen(&seen))),
        ];
        Err(self.failure(event.place, format!("the segment differs in {}", differences.join(", ")), sides))
    }

    /// The next segment that was sent, with those of its burst that are awaited with it.
    fn next_seen(&mut self, spec: &Spec) -> (usize, LocalTime, Seen) {
        // There is one: callers have waited for it.
        let first = self.sent.pop_front().expect("a segment that was waited for");
        let number = match self.flows.iter().rposition(|flow| (flow.local, flow.remote) == (first.local, first.remote))
        {
            Some(number) => number,
            None => self.new_flow(first.local, first.remote),
        };
        if spec.ports.is_some() && self.flows[number].ports.is_none() {
            self.flows[number].ports = spec.ports.map(|(from, to)| (to, from));
        }
        let mut seen = self.flows[number].seen(spec, &first);
        while seen.len < spec.len && !self.settings.strict_segments {
            let is_of_burst =
                |next: &&Sent| next.at == first.at && (next.local, next.remote) == (first.local, first.remote);
            let Some(next) = self.sent.front().filter(is_of_burst).cloned() else { break };
            let next = self.flows[number].seen(spec, &next);
            if !seen.join(&next) {
                break;
            }
            self.sent.pop_front();
        }
        (number, first.at, seen)
    }

    /// Segments of connections that the script has left behind with a new socket are of no interest, unless it names ports.
    fn forget_old_flows(&mut self) {
        let (flows, generation) = (&self.flows, self.generation);
        let is_old = |sent: &Sent| {
            let flow = flows.iter().rfind(|flow| (flow.local, flow.remote) == (sent.local, sent.remote));
            flow.is_some_and(|flow| flow.ports.is_none() && flow.generation < generation)
        };
        self.sent.retain(|sent| !is_old(sent));
    }

    fn code(&mut self, code: &Code, statements: &[python::Statement]) -> Step<()> {
        if let Some(connection) = self.sockets.current() {
            let info = match connection {
                Some(connection) => self.stack.info(connection, &self.env).unwrap_or_default(),
                None => TcpInfo::default(),
            };
            self.names.extend(tcp_info::names(&info));
        }
        python::run(statements, &mut self.names).map_err(|message| self.failure(code.place, message, Vec::new()))
    }

    /// What was sent and nobody awaited.
    fn nothing_is_left(&mut self, script: &Script) -> Step<()> {
        self.forget_old_flows();
        if self.sent.is_empty() {
            return Ok(());
        }
        let Some(last) = script.events.last() else { return Ok(()) };
        // Numbers as if it had been awaited.
        let any = Spec {
            ip: super::ast::IpInfo::default(),
            ports: None,
            flags: protosim_models::packet::TcpFlags::NONE,
            has_ace: false,
            start: 0,
            len: 0,
            ack: None,
            window: None,
            urgent: None,
            options: super::ast::Options::Unchecked,
        };
        let (_, at, seen) = self.next_seen(&any);
        let sides = vec![("actual", format!("{} > {}", show::seconds(at), show::seen(&seen)))];
        Err(self.failure(last.place, "after the last event there is a segment that nobody awaits".to_owned(), sides))
    }

    fn failure(&self, place: Place, message: String, sides: Vec<(&'static str, String)>) -> Stop {
        Stop::Failed(Box::new(Failure { place: self.sources.place(place), message, sides }))
    }

    fn tell(&mut self, sign: &str, what: impl FnOnce() -> String) {
        let now = self.env.now;
        if let Some(log) = &mut self.log {
            log.push(format!("{} {sign} {}", show::seconds(now), what()));
        }
    }

    /// The flow of a connection, made known if it is not.
    pub(super) fn flow_of_connection(&mut self, connection: ConnectionId) -> Option<usize> {
        let (local, remote) = self.stack.ends(connection).ok()?;
        let found = self.flows.iter().rposition(|flow| (flow.local, flow.remote) == (local, remote));
        Some(found.unwrap_or_else(|| self.new_flow(local, remote)))
    }
}

/// A segment that is awaited, with its times.
fn expected(spec: &Spec, (from, to): (LocalTime, LocalTime)) -> String {
    let time = show::seconds(from);
    let range = if from == to { time } else { format!("{time}~{}", show::seconds(to)) };
    format!("{range} > {}", show::spec(spec))
}

/// What a code of "destination unreachable" means to a socket, and whether it ends a connection (RFC 1122 §4.2.3.9, and
/// `icmp_err_convert` of Linux).
fn unreachable(code: &str) -> Option<(&'static str, bool)> {
    Some(match code {
        "net_unreachable" => ("ENETUNREACH", false),
        "host_unreachable" => ("EHOSTUNREACH", false),
        "protocol_unreachable" => ("ENOPROTOOPT", true),
        "port_unreachable" => ("ECONNREFUSED", true),
        "source_route_failed" => ("EOPNOTSUPP", false),
        "net_unknown" => ("ENETUNREACH", true),
        "host_unknown" => ("EHOSTDOWN", true),
        "source_host_isolated" => ("ENONET", true),
        "net_prohibited" => ("ENETUNREACH", true),
        "host_prohibited" => ("EHOSTUNREACH", true),
        "net_unreachable_for_tos" => ("ENETUNREACH", false),
        "host_unreachable_for_tos" => ("EHOSTUNREACH", false),
        "packet_filtered" => ("EHOSTUNREACH", true),
        "precedence_violation" | "precedence_cutoff" => ("EHOSTUNREACH", true),
        _ => return None,
    })
}
