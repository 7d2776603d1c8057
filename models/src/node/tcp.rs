//! TCP of a node: its [`Stack`], driven by packets, the kernel's timers and applications.

use super::Node;
use super::host::Pending;
use super::report::Report;
use super::routes::Hop;
use crate::app::{StreamEvent, StreamId};
use crate::device::{Clock, Cpu, Memory};
use crate::element::Element;
use crate::observe::Observation;
use crate::packet::{IcmpMessage, Icmpv6Message, Icmpv6Unreachable, Packet, Quoted, Transport, Unreachable};
use crate::tcp::{ConnectionId, Notice, Output, Segment, Stack};
use protosim_core::kernel::Interests;
use protosim_core::{Cx, Env, LocalTime, Operation, OutOfMemory, Purpose, Stream, Streams, TimerId};
use std::net::{IpAddr, SocketAddr};

/// The stack and what ties it to its node.
#[derive(Clone, Debug, Default)]
pub(super) struct Tcp {
    pub(super) stack: Stack,
    /// Its luck.
    streams: Option<Streams>,
    /// The kernel's timer of each connection, by number.
    timers: Vec<Option<TimerId>>,
    /// Which connection a timer is for, by number of the kernel's slot.
    owners: Vec<Option<ConnectionId>>,
    /// Connections whose deadline is now.
    due: Vec<ConnectionId>,
}

impl Tcp {
    /// True if there is something to be done in this instant, before the flush.
    pub(super) fn is_restless(&self) -> bool {
        self.stack.has_output() || !self.due.is_empty() || (self.stack.has_rescheduled() && !self.stack.is_dirty())
    }

    /// Which connection a timer is for.
    pub(super) fn owner(&self, timer: TimerId) -> Option<ConnectionId> {
        *self.owners.get(timer.0 as usize)?
    }

    /// Forgets everything, as a node does that loses power. Its luck goes on from where it was.
    pub(super) fn crash(&mut self) -> impl Iterator<Item = TimerId> + use<> {
        let fresh = Self { streams: self.streams.take(), stack: self.stack.begin_anew(), ..Self::default() };
        std::mem::replace(self, fresh).timers.into_iter().flatten()
    }
}

/// What a stack sees of its node.
struct StackEnv<'a, 'b> {
    /// The reading of the clock, once the processor has done its work.
    now: LocalTime,
    clock: &'a Clock,
    cpu: &'a mut Cpu,
    memory: &'a mut Memory,
    streams: &'a mut Option<Streams>,
    cx: &'a mut Cx<'b, Element>,
}

impl Env for StackEnv<'_, '_> {
    #[inline]
    fn now(&self) -> LocalTime {
        self.now
    }

    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.streams.get_or_insert_with(|| self.cx.streams_for("tcp")).get(purpose)
    }

    #[inline]
    fn spend(&mut self, operation: Operation) {
        if !self.cpu.is_ideal() {
            self.cpu.spend(self.cx.now(), operation);
            self.now = self.clock.reading(self.cpu.free_at(self.cx.now()));
        }
    }

    #[inline]
    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.memory.reserve(bytes)
    }

    #[inline]
    fn release(&mut self, bytes: u64) {
        self.memory.release(bytes);
    }
}

impl Node {
    /// Calls the stack; what it wants done waits for [`Node::tend_tcp`].
    #[inline]
    pub(super) fn with_stack<R>(
        &mut self,
        cx: &mut Cx<'_, Element>,
        call: impl FnOnce(&mut Stack, &mut dyn Env) -> R,
    ) -> R {
        self.stirred = true;
        let Self { clock, cpu, memory, tcp, .. } = self;
        let tcp = &mut **tcp;
        let now = clock.reading(cpu.free_at(cx.now()));
        let mut env = StackEnv { now, clock, cpu, memory, streams: &mut tcp.streams, cx };
        call(&mut tcp.stack, &mut env)
    }

    /// A segment for this node.
    pub(super) fn deliver_tcp(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.counts.delivered += 1;
        let (local, remote) = (packet.dst(), packet.src());
        if local.is_multicast() || !crate::packet::is_single_host(remote) {
            // RFC 9293 §3.10: such segments are dropped without an answer.
            return;
        }
        let Some(segment) = Segment::of(packet) else { return };
        let mtu = self.mtu_towards(remote, cx);
        self.with_stack(cx, |stack, env| stack.handle_segment(local, remote, segment, mtu, env));
    }

    /// An ICMP error about a segment of ours (RFC 5927).
    pub(super) fn take_error_about_tcp(&mut self, packet: &Packet, quoted: &Quoted, cx: &mut Cx<'_, Element>) {
        let (Some((source, destination)), Some(sequence)) = (quoted.ports, quoted.sequence) else { return };
        let (local, remote) = (quoted.ip.src(), quoted.ip.dst());
        let (local, remote) = (SocketAddr::new(local, source), SocketAddr::new(remote, destination));
        let is_hard = match packet.transport {
            Transport::Icmp(IcmpMessage::FragmentationNeeded { .. })
            | Transport::Icmpv6(Icmpv6Message::PacketTooBig { .. }) => {
                let mtu = self.mtu_towards(remote.ip(), cx);
                return self.with_stack(cx, |stack, env| stack.handle_path_mtu(local, remote, sequence, mtu, env));
            }
            // RFC 1122 §4.2.3.9: protocol and port unreachable are hard errors, all others may pass.
            Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Protocol | Unreachable::Port))
            | Transport::Icmpv6(Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Port)) => true,
            _ => false,
        };
        self.with_stack(cx, |stack, env| stack.handle_unreachable(local, remote, sequence, is_hard, env));
    }

    /// The largest packet that should go to an address, as far as is known \[bytes\].
    pub(super) fn mtu_towards(&mut self, to: IpAddr, cx: &Cx<'_, Element>) -> u64 {
        let interface = match &*self.interfaces {
            [only] => Some(only),
            all => match self.routes.lookup(to) {
                Hop::Interface(index) => all.get(index as usize),
                Hop::Station { .. } | Hop::OnLink(_) => {
                    self.routes.lookup(to).station(to).and_then(|(index, _)| all.get(index as usize))
                }
                Hop::Local | Hop::Group | Hop::None => None,
            },
        };
        let first_link = interface.map_or(LOOPBACK_MTU, |interface| interface.mtu_bytes);
        self.ip.mtu_to(to, first_link, cx.now())
    }

    /// Does what the stack wants done in this instant.
    pub(super) fn tend_tcp(&mut self, cx: &mut Cx<'_, Element>) {
        if let Some(connection) = self.tcp.due.pop() {
            self.with_stack(cx, |stack, env| stack.handle_timeout(connection, env));
        }
        while let Some(output) = self.tcp.stack.next_output() {
            match output {
                Output::Transmit { mut packet, dont_fragment } => {
                    if !dont_fragment {
                        self.ip.let_routers_cut(&mut packet);
                    }
                    self.when_free(Pending::Send(packet), cx);
                }
                Output::Notify { owner, connection, notice } => self.notify_stream(owner, connection, notice, cx),
                Output::Observe { owner, connection, trace } => {
                    if cx.wants(Interests::TRACES) {
                        let observation = Observation::Stream { stream: StreamId(connection.0), trace };
                        // It is looked at and no more, which must not decide where a run ends.
                        cx.report_packet(Report::App { app: owner, observation });
                    }
                }
            }
        }
        // What is owed a flush in this instant may change its deadline once more.
        if !self.tcp.stack.is_dirty() {
            self.arm_tcp(cx);
        }
    }

    fn notify_stream(&mut self, owner: u32, connection: ConnectionId, notice: Notice, cx: &mut Cx<'_, Element>) {
        let (stream, event) = match notice {
            Notice::Incoming(listener) => {
                let accepted = self.tcp.stack.accept(listener);
                let Some(accepted) = accepted else { return };
                let Ok((local, peer)) = self.tcp.stack.ends(accepted) else { return };
                (StreamId(accepted.0), StreamEvent::Accepted { port: local.port(), peer })
            }
            Notice::Connected => (StreamId(connection.0), StreamEvent::Connected),
            Notice::Readable => (StreamId(connection.0), StreamEvent::Readable),
            Notice::Writable => (StreamId(connection.0), StreamEvent::Writable),
            Notice::Finished => (StreamId(connection.0), StreamEvent::Finished),
            Notice::Closed(reason) => (StreamId(connection.0), StreamEvent::Closed(reason)),
        };
        self.with_app(owner, cx, |app, host| app.on_stream(stream, event, host));
    }

    /// Has the kernel call at the deadlines that have changed.
    fn arm_tcp(&mut self, cx: &mut Cx<'_, Element>) {
        while let Some(connection) = self.tcp.stack.next_rescheduled() {
            let index = connection.0 as usize;
            let deadline = self.tcp.stack.deadline(connection);
            let known = self.tcp.timers.get(index).copied().flatten();
            match (deadline, known) {
                (None, None) => {}
                (None, Some(timer)) if self.tcp.stack.ends(connection).is_ok() => cx.disarm(timer),
                (None, Some(timer)) => {
                    cx.remove_timer(timer);
                    self.tcp.timers[index] = None;
                    self.tcp.owners[timer.0 as usize] = None;
                }
                (Some(deadline), known) => {
                    let instant = self.clock.instant(deadline.at);
                    if instant <= cx.now() {
                        self.tcp.due.push(connection);
                        continue;
                    }
                    let timer = known.unwrap_or_else(|| self.new_tcp_timer(connection, cx));
                    cx.rename_timer(timer, deadline.timer);
                    if instant == protosim_core::SimTime::MAX {
                        cx.disarm(timer);
                    } else {
                        cx.arm(timer, instant);
                    }
                }
            }
        }
    }

    fn new_tcp_timer(&mut self, connection: ConnectionId, cx: &mut Cx<'_, Element>) -> TimerId {
        let timer = cx.new_timer(u64::from(connection.0), "tcp");
        let (index, slot) = (connection.0 as usize, timer.0 as usize);
        if self.tcp.timers.len() <= index {
            self.tcp.timers.resize(index + 1, None);
        }
        if self.tcp.owners.len() <= slot {
            self.tcp.owners.resize(slot + 1, None);
        }
        self.tcp.timers[index] = Some(timer);
        self.tcp.owners[slot] = Some(connection);
        timer
    }

    /// A timer of a connection is due.
    pub(super) fn on_tcp_timer(&mut self, connection: ConnectionId, cx: &mut Cx<'_, Element>) {
        self.with_stack(cx, |stack, env| stack.handle_timeout(connection, env));
    }

    /// Lets the stack decide what is sent, at the end of an instant.
    pub(super) fn flush_tcp(&mut self, cx: &mut Cx<'_, Element>) {
        self.with_stack(cx, |stack, env| stack.flush(env));
        self.tend_tcp(cx);
    }
}

/// Linux's MTU of the loopback device \[bytes\], less what a packet's length field cannot say.
const LOOPBACK_MTU: u64 = 65_535;
