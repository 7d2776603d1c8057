//! What an application sees of its node: the simulated [`Host`].

use super::udp::UdpSocket;
use super::{Node, Report};
use crate::app::{App, ChannelId, Host, HostError, SocketId, StreamId, StreamInfo, StreamOptions, Total, TrafficClass};
use crate::element::Element;
use crate::ledger::MessageEvent;
use crate::observe::{Observation, TlsSecret};
use crate::packet::{BuildError, Echo, Ecn, Packet};
use crate::rope::Rope;
use crate::tcp::{ConnectionId, Opening, Stack, StackError};
use protosim_core::kernel::Interests;
use protosim_core::{CannotClone, Cx, Env, LocalTime, Operation, OutOfMemory, Purpose, SimTime, Stream, Streams};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An application and what the node keeps beside it.
#[derive(Debug)]
pub(super) struct AppSlot {
    pub(super) name: Box<str>,
    /// Taken out while it is being called.
    pub(super) app: Option<Box<dyn App>>,
    /// Its luck: streams of its own, so that applications of one node do not share draws.
    streams: Option<Streams>,
    /// It is owed a flush in this instant.
    pub(super) touched: bool,
    /// What reaches it is reported to those who listen to deliveries.
    pub(super) is_measured: bool,
    /// As it is when the node starts, for nodes that the timeline lets crash.
    blueprint: Option<Box<dyn App>>,
    /// What it had counted before it crashed.
    past: Vec<Total>,
    /// Exchanges that it was due to begin before it crashed.
    past_due: u64,
}

impl AppSlot {
    pub(super) fn new(name: &str, app: Box<dyn App>) -> Self {
        let (name, app) = (name.into(), Some(app));
        Self {
            name,
            app,
            streams: None,
            touched: false,
            is_measured: true,
            blueprint: None,
            past: Vec::new(),
            past_due: 0,
        }
    }

    pub(super) fn try_clone(&self) -> Result<Self, CannotClone> {
        let copy = |app: &dyn App| {
            app.try_clone().map_err(|e| CannotClone { endpoint: format!("{}: {}", self.name, e.endpoint), ..e })
        };
        Ok(Self {
            name: self.name.clone(),
            app: self.app.as_deref().map(copy).transpose()?,
            streams: self.streams.clone(),
            touched: self.touched,
            is_measured: self.is_measured,
            blueprint: self.blueprint.as_deref().map(copy).transpose()?,
            past: self.past.clone(),
            past_due: self.past_due,
        })
    }

    /// Keeps a copy, for [`AppSlot::restart`].
    pub(super) fn keep_blueprint(&mut self) -> Result<(), CannotClone> {
        self.blueprint = self.app.as_deref().map(|app| app.try_clone()).transpose()?;
        Ok(())
    }

    /// The application is gone with all that it knew and had not on disc. What it counted stays; its luck goes on from where it was.
    pub(super) fn restart(&mut self) {
        (self.past, self.past_due) = (self.totals(), self.exchanges_due());
        let durable = self.app.as_deref_mut().and_then(App::take_durable);
        self.app = self.blueprint.as_deref().and_then(|app| app.try_clone().ok());
        if let Some(app) = &mut self.app {
            app.begin_anew();
            if let Some(durable) = durable {
                app.recover(durable);
            }
        }
        self.touched = false;
    }

    /// Exchanges that it was due to begin, over all its lives.
    pub(super) fn exchanges_due(&self) -> u64 {
        self.past_due + self.app.as_deref().map_or(0, App::exchanges_due)
    }

    /// What it has counted, over all its lives.
    pub(super) fn totals(&self) -> Vec<Total> {
        let mut totals = self.app.as_deref().map(|app| app.totals()).unwrap_or_default();
        for earlier in &self.past {
            match totals.iter_mut().find(|total| total.name == earlier.name) {
                Some(total) => total.value = total.joined(earlier.value),
                None => totals.push(*earlier),
            }
        }
        totals
    }
}

/// A node, seen from one of its applications.
struct SimHost<'a, 'b> {
    node: &'a mut Node,
    cx: &'a mut Cx<'b, Element>,
    app: u32,
    /// What is known of the datagram that is being delivered, beside what the application gets.
    arrival: Option<Arrival>,
}

/// What comes with a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// When it was sent: for results alone.
    pub(super) sent_at: SimTime,
    pub(super) ecn: Ecn,
    /// The group that it was sent to.
    pub(super) group: Option<IpAddr>,
}

/// What an application has done that waits until its processor has done the work before it.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// Sends a packet.
    Send(Box<Packet>),
    /// Sends a message over this channel.
    Signal(u32, Box<Packet>),
    /// Sends a packet that is bound to leave by this interface.
    SendFrom(u32, Box<Packet>),
    /// Tells the outside; this application.
    Observe(u32, Observation),
}

impl Node {
    /// Calls an application.
    pub(super) fn with_app(
        &mut self,
        app: u32,
        cx: &mut Cx<'_, Element>,
        call: impl FnOnce(&mut dyn App, &mut dyn Host),
    ) {
        self.call(app, None, cx, call);
    }

    /// Calls an application with a datagram.
    pub(super) fn with_app_on_arrival(
        &mut self,
        app: u32,
        arrival: Arrival,
        cx: &mut Cx<'_, Element>,
        call: impl FnOnce(&mut dyn App, &mut dyn Host),
    ) {
        self.call(app, Some(arrival), cx, call);
    }

    fn call(
        &mut self,
        app: u32,
        arrival: Option<Arrival>,
        cx: &mut Cx<'_, Element>,
        call: impl FnOnce(&mut dyn App, &mut dyn Host),
    ) {
        let Some(mut callee) = self.apps[app as usize].app.take() else {
            debug_assert!(false, "an application is not called while it is being called");
            return;
        };
        call(&mut *callee, &mut SimHost { node: self, cx, app, arrival });
        self.apps[app as usize].app = Some(callee);
    }

    /// Does what the processor has finished by now.
    pub(super) fn empty_outbox(&mut self, cx: &mut Cx<'_, Element>) {
        while let Some((_, effect)) = self.outbox.pop_front_if(|(at, _)| *at <= cx.now()) {
            self.take_effect(effect, cx);
        }
        if let (Some((at, _)), Some(timer)) = (self.outbox.front(), self.outbox_timer) {
            cx.arm(timer, *at);
        }
    }

    #[inline]
    fn take_effect(&mut self, effect: Pending, cx: &mut Cx<'_, Element>) {
        match effect {
            Pending::Send(packet) => self.originate(packet, cx),
            Pending::Signal(channel, message) => self.send_message(channel, message, cx),
            Pending::SendFrom(interface, packet) => self.originate_from(interface, packet, cx),
            Pending::Observe(app, observation) => {
                if cx.wants(Interests::RESULTS) {
                    cx.report(Report::App { app, observation });
                }
            }
        }
    }

    /// Takes effect now, or when the processor has done what comes before.
    pub(super) fn when_free(&mut self, effect: Pending, cx: &mut Cx<'_, Element>) {
        let at = self.cpu.free_at(cx.now());
        if at <= cx.now() {
            // What came before and is done at this very instant goes first.
            if !self.outbox.is_empty() {
                self.empty_outbox(cx);
            }
            return self.take_effect(effect, cx);
        }
        self.outbox.push_back((at, effect));
        let timer = *self.outbox_timer.get_or_insert_with(|| cx.new_timer(0, "processor"));
        if cx.deadline(timer).is_none() {
            cx.arm(timer, at);
        }
    }
}

impl Env for SimHost<'_, '_> {
    /// While it works, time passes for the application: what it sets, it sets from when its work is done.
    fn now(&self) -> LocalTime {
        self.node.clock.reading(self.node.cpu.free_at(self.cx.now()))
    }

    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        let slot = &mut self.node.apps[self.app as usize];
        let streams = slot.streams.get_or_insert_with(|| self.cx.streams_for(&slot.name));
        streams.get(purpose)
    }

    fn spend(&mut self, operation: Operation) {
        if !self.node.cpu.is_ideal() {
            self.node.cpu.spend(self.cx.now(), operation);
            self.node.stirred |= self.node.is_metered();
        }
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.node.memory.reserve(bytes)
    }

    fn release(&mut self, bytes: u64) {
        self.node.memory.release(bytes);
    }
}

impl Host for SimHost<'_, '_> {
    fn ask_flush(&mut self) {
        (self.node.touched, self.node.stirred) = (true, true);
        self.node.apps[self.app as usize].touched = true;
    }

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        self.node.udp.bind(None, port, self.app)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.node.addresses().collect()
    }

    fn udp_bind_to(&mut self, address: IpAddr, port: u16) -> Result<SocketId, HostError> {
        self.node.interface_with(address).ok_or(HostError::NoSuchAddress(address))?;
        self.node.udp.bind(Some(address), port, self.app)
    }

    fn udp_close(&mut self, socket: SocketId) -> Result<(), HostError> {
        self.node.udp.close(socket, self.app)
    }

    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        let socket = self.node.udp.socket(socket, self.app)?;
        if socket.address.is_some() {
            let socket = *socket;
            return self.udp_send_bound(&socket, to, payload);
        }
        let source = self.node.primary_address(to.ip()).ok_or(HostError::NoSourceAddress(to.ip()))?;
        let packet = datagram(socket, source, to, payload)?;
        self.node.when_free(Pending::Send(packet), self.cx);
        Ok(())
    }

    fn udp_local_addr(&self, socket: SocketId, to: SocketAddr) -> Result<SocketAddr, HostError> {
        let socket = self.node.udp.socket(socket, self.app)?;
        let source = match socket.address {
            None => self.node.primary_address(to.ip()),
            Some(address) => self.node.interface_from(address, to.ip()).map(|_| address),
        };
        let source = source.ok_or(HostError::NoSourceAddress(to.ip()))?;
        Ok(SocketAddr::new(source, socket.port))
    }

    fn udp_traffic_class(&mut self, socket: SocketId, class: TrafficClass) -> Result<(), HostError> {
        self.node.udp.set_class(socket, self.app, class)
    }

    fn received_for_group(&self) -> Option<IpAddr> {
        self.arrival.and_then(|arrival| arrival.group)
    }

    fn udp_protected(&mut self, socket: SocketId) -> Result<(), HostError> {
        self.node.udp.set_protected(socket, self.app)
    }

    fn received_ecn(&self) -> Ecn {
        self.arrival.map_or(Ecn::NotEct, |arrival| arrival.ecn)
    }

    fn observe_received(&mut self, from: SocketAddr, bytes: u64) {
        if let Some(Arrival { sent_at, .. }) = self.arrival {
            self.observe_delivery(Observation::Received { from, sent_at: Some(sent_at), bytes });
        }
    }

    fn observe_read(&mut self, from: SocketAddr, bytes: u64) {
        self.observe_delivery(Observation::Received { from, sent_at: None, bytes });
    }

    fn observe_secret(&mut self, secret: TlsSecret) {
        if self.cx.wants(Interests::PACKETS) {
            // It is looked at and no more, which decides nothing.
            self.cx.report_packet(Report::App { app: self.app, observation: Observation::TlsSecret(Box::new(secret)) });
        }
    }

    fn observes_messages(&self) -> bool {
        self.cx.wants(Interests::MESSAGES)
    }

    fn observe_message(&mut self, event: MessageEvent) {
        if self.cx.wants(Interests::MESSAGES) {
            // It is looked at and no more, which decides nothing.
            let observation = Observation::Message(Box::new(event));
            self.cx.report_packet(Report::App { app: self.app, observation });
        }
    }

    fn echo_request(&mut self, to: IpAddr, sequence: u16, payload: Rope) -> Result<(), HostError> {
        let source = self.node.primary_address(to).ok_or(HostError::NoSourceAddress(to))?;
        // The application's number on the node tells its answers from those of others.
        let identifier = u16::try_from(self.app).map_err(|_| HostError::NoIcmp)?;
        let echo = Echo { is_reply: false, identifier, sequence };
        let packet = Packet::echo(source, to, echo, payload).map_err(refused)?;
        self.node.when_free(Pending::Send(packet.into_pooled()), self.cx);
        Ok(())
    }

    fn channel(&self, name: &str) -> Option<ChannelId> {
        self.node.channels.claim(name, self.app)
    }

    fn signal(&mut self, channel: ChannelId, message: Rope) -> Result<(), HostError> {
        self.node.signal(channel, message, self.cx)
    }

    fn stream_listen(&mut self, port: u16, options: &StreamOptions) -> Result<(), HostError> {
        let parameters = Arc::clone(&options.tcp);
        self.node.tcp.stack.listen(port, self.app, parameters).map_err(|_| HostError::StreamPortTaken(port))?;
        Ok(())
    }

    fn stream_connect(&mut self, to: SocketAddr, options: &StreamOptions) -> Result<StreamId, HostError> {
        let source = self.node.primary_address(to.ip()).ok_or(HostError::NoSourceAddress(to.ip()))?;
        let opening = Opening {
            local: SocketAddr::new(source, 0),
            remote: to,
            mtu: self.node.mtu_towards(to.ip(), self.cx),
            early_data: options.early_data.clone(),
            owner: self.app,
            parameters: Arc::clone(&options.tcp),
        };
        let opened = self.node.with_stack(self.cx, |stack, env| stack.connect(opening, env));
        opened.map(|connection| StreamId(connection.0)).map_err(|error| match error {
            StackError::OutOfMemory => HostError::OutOfMemory,
            _ => HostError::NoFreeStreamPort,
        })
    }

    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        self.with_stream(stream, |stack, connection, env| stack.write(connection, data, env))
    }

    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        self.with_stream(stream, |stack, connection, env| stack.read(connection, most, env))
    }

    fn stream_finish(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.with_stream(stream, Stack::finish)
    }

    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.with_stream(stream, Stack::close)
    }

    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.with_stream(stream, Stack::abort)
    }

    fn stream_info(&self, stream: StreamId) -> Result<StreamInfo, HostError> {
        let connection = ConnectionId(stream.0);
        let stack = &self.node.tcp.stack;
        let is_own = stack.owner(connection) == Some(self.app);
        let ends = stack.ends(connection).ok().filter(|_| is_own).ok_or(HostError::NoSuchStream(stream))?;
        let tcp = stack.info(connection, self).map_err(|_| HostError::NoSuchStream(stream))?;
        Ok(StreamInfo { local: ends.0, peer: ends.1, tcp })
    }

    fn set_timer(&mut self, token: u64, at: LocalTime, name: &'static str) {
        self.cancel_timer_if_due(token);
        let instant = self.node.clock.instant(at);
        if instant <= self.cx.now() {
            self.cancel_timer(token);
            self.node.due.push_back((self.app, token));
            self.node.stirred = true;
            return;
        }
        let timer = match self.node.timers.find(self.app, token) {
            Some(timer) => {
                self.cx.rename_timer(timer, name);
                timer
            }
            None => {
                let timer = self.cx.new_timer(token, name);
                self.node.timers.add(self.app, token, timer);
                timer
            }
        };
        if instant == SimTime::MAX {
            self.cx.disarm(timer);
        } else {
            self.cx.arm(timer, instant);
        }
    }

    fn cancel_timer(&mut self, token: u64) {
        self.cancel_timer_if_due(token);
        if let Some(timer) = self.node.timers.cancel(self.app, token) {
            self.cx.remove_timer(timer);
        }
    }

    fn observe(&mut self, observation: Observation) {
        self.node.when_free(Pending::Observe(self.app, observation), self.cx);
    }
}

/// What a socket sends from an address of its host's.
#[inline(always)]
fn datagram(socket: &UdpSocket, source: IpAddr, to: SocketAddr, payload: Rope) -> Result<Box<Packet>, HostError> {
    let mut packet = Packet::udp(SocketAddr::new(source, socket.port), to, payload).map_err(refused)?;
    if socket.class != TrafficClass::default() {
        packet.ip.set_dscp(socket.class.dscp);
        packet.ip.set_ecn(socket.class.ecn);
    }
    // One from the pool has a provenance of its own.
    let mut packet = packet.into_pooled();
    packet.provenance.is_protected = socket.is_protected;
    Ok(packet)
}

impl SimHost<'_, '_> {
    /// [`Host::udp_send`] of a socket that is bound to an address.
    // Beside the usual way of packets, which it must not make longer.
    #[inline(never)]
    fn udp_send_bound(&mut self, socket: &UdpSocket, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        let bound = socket.address.and_then(|address| Some((address, self.node.interface_from(address, to.ip())?)));
        let (source, interface) = bound.ok_or(HostError::NoSourceAddress(to.ip()))?;
        let packet = datagram(socket, source, to, payload)?;
        self.node.when_free(Pending::SendFrom(interface, packet), self.cx);
        Ok(())
    }

    /// Reports a delivery at once, and not when the processor is free: it has happened now.
    fn observe_delivery(&mut self, observation: Observation) {
        let report = Report::App { app: self.app, observation };
        if self.cx.wants(Interests::DELIVERIES) && self.node.apps[self.app as usize].is_measured {
            self.cx.report(report);
        } else if self.cx.wants(Interests::TRACES) {
            // No results are made of it: it is looked at and no more, which decides nothing.
            self.cx.report_packet(report);
        }
    }

    /// Calls the stack for a stream of this application.
    fn with_stream<R>(
        &mut self,
        stream: StreamId,
        call: impl FnOnce(&mut Stack, ConnectionId, &mut dyn Env) -> Result<R, StackError>,
    ) -> Result<R, HostError> {
        let connection = ConnectionId(stream.0);
        if self.node.tcp.stack.owner(connection) != Some(self.app) {
            return Err(HostError::NoSuchStream(stream));
        }
        let result = self.node.with_stack(self.cx, |stack, env| call(stack, connection, env));
        result.map_err(|error| match error {
            StackError::Finished => HostError::StreamFinished(stream),
            StackError::OutOfMemory => HostError::OutOfMemory,
            _ => HostError::NoSuchStream(stream),
        })
    }

    /// Takes a timer back that was due at once and has not been run yet.
    fn cancel_timer_if_due(&mut self, token: u64) {
        let app = self.app;
        self.node.due.retain(|due| *due != (app, token));
    }
}

fn refused(error: BuildError) -> HostError {
    match error {
        BuildError::MixedFamilies { dst, .. } => HostError::NoSourceAddress(dst),
        BuildError::TooLarge(bytes) => HostError::TooLarge(bytes),
    }
}
