//! What lies between an application and its host, and is seen by neither: TLS beneath streams, DTLS beneath datagrams.
//!
//! A [`Layered`] application is an App around another one. Whatever comes from the host goes through the [`Layer`] first, which says what the inner
//! App is told of it; whatever the inner App asks of its host goes through the layer too. A layer changes what it is there for, and
//! leaves all else as it is.

use crate::app::{
    App, ChannelId, Host, HostError, SocketId, StreamEvent, StreamId, StreamInfo, StreamOptions, Total, TrafficClass,
};
use crate::ledger::MessageEvent;
use crate::observe::{Observation, TlsSecret};
use crate::packet::Ecn;
use crate::rope::Rope;
use protosim_core::{CannotClone, Env, LocalTime, Operation, OutOfMemory, Purpose, Stream};
use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};

/// What the inner App is to be told.
#[derive(Clone, Debug)]
pub enum Told {
    /// See [`App::on_datagram`].
    Datagram(SocketId, SocketAddr, Rope),
    /// See [`App::on_peer_gone`].
    Gone(SocketId, SocketAddr),
    /// See [`App::on_stream`].
    Stream(StreamId, StreamEvent),
}

/// What is done between an App and its host. All that a layer does not say goes through as it is.
pub trait Layer: Debug + Send + Sized + 'static {
    /// What the inner App has not been told yet, in order.
    fn told(&mut self) -> &mut VecDeque<Told>;

    /// A datagram has come from the host.
    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let _ = host;
        self.told().push_back(Told::Datagram(socket, from, payload));
    }

    /// Something has happened to a stream of the host.
    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        let _ = host;
        self.told().push_back(Told::Stream(stream, event));
    }

    /// A timer is due. True if it was the layer's.
    fn on_timer(&mut self, token: u64, host: &mut dyn Host) -> bool;

    /// The inner App has been told all there was: set timers.
    fn settle(&mut self, host: &mut dyn Host) {
        let _ = host;
    }

    /// What it has counted, for the results.
    fn totals(&self) -> Vec<Total>;

    /// A copy for a snapshot.
    ///
    /// # Errors
    /// When it holds something that cannot be copied.
    fn try_clone(&self) -> Result<Self, CannotClone>;

    /// The App has opened this socket.
    ///
    /// # Errors
    /// As for [`Host::udp_bind`].
    fn on_bound(&mut self, socket: SocketId, host: &mut dyn Host) -> Result<(), HostError> {
        let _ = (socket, host);
        Ok(())
    }

    /// The App closes this socket.
    fn on_close(&mut self, socket: SocketId, host: &mut dyn Host) {
        let _ = (socket, host);
    }

    /// Where the peer really is that the App calls `name`.
    fn whereabouts(&self, name: SocketAddr) -> SocketAddr {
        name
    }

    /// See [`Host::udp_send`].
    ///
    /// # Errors
    /// As there.
    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, data: Rope, host: &mut dyn Host) -> Result<(), HostError> {
        host.udp_send(socket, to, data)
    }

    /// See [`Host::stream_listen`].
    ///
    /// # Errors
    /// As there.
    fn listen(&mut self, port: u16, options: &StreamOptions, host: &mut dyn Host) -> Result<(), HostError> {
        host.stream_listen(port, options)
    }

    /// See [`Host::stream_connect`].
    ///
    /// # Errors
    /// As there.
    fn connect(&mut self, to: SocketAddr, options: &StreamOptions, host: &mut dyn Host) -> Result<StreamId, HostError> {
        host.stream_connect(to, options)
    }

    /// See [`Host::stream_write`].
    ///
    /// # Errors
    /// As there.
    fn write(&mut self, stream: StreamId, data: &Rope, host: &mut dyn Host) -> Result<u64, HostError> {
        host.stream_write(stream, data)
    }

    /// See [`Host::stream_read`].
    ///
    /// # Errors
    /// As there.
    fn read(&mut self, stream: StreamId, most: u64, host: &mut dyn Host) -> Result<Rope, HostError> {
        host.stream_read(stream, most)
    }

    /// See [`Host::stream_finish`].
    ///
    /// # Errors
    /// As there.
    fn finish(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), HostError> {
        host.stream_finish(stream)
    }

    /// See [`Host::stream_close`].
    ///
    /// # Errors
    /// As there.
    fn close(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), HostError> {
        host.stream_close(stream)
    }

    /// See [`Host::stream_abort`].
    ///
    /// # Errors
    /// As there.
    fn abort(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), HostError> {
        host.stream_abort(stream)
    }
}

/// An application with a layer beneath it.
#[derive(Debug)]
pub struct Layered<L> {
    app: Box<dyn App>,
    layer: L,
}

impl<L: Layer> Layered<L> {
    /// `app` with `layer` beneath it.
    pub fn new(app: Box<dyn App>, layer: L) -> Self {
        Self { app, layer }
    }

    /// Calls the App, and tells it what has come of that.
    fn call(&mut self, host: &mut dyn Host, call: impl FnOnce(&mut dyn App, &mut dyn Host)) {
        call(&mut *self.app, &mut LayeredHost { host, layer: &mut self.layer });
        self.tell(host);
    }

    fn tell(&mut self, host: &mut dyn Host) {
        while let Some(told) = self.layer.told().pop_front() {
            let host = &mut LayeredHost { host, layer: &mut self.layer };
            match told {
                Told::Datagram(socket, from, payload) => self.app.on_datagram(socket, from, payload, host),
                Told::Gone(socket, peer) => self.app.on_peer_gone(socket, peer, host),
                Told::Stream(stream, event) => self.app.on_stream(stream, event, host),
            }
        }
        self.layer.settle(host);
    }
}

impl<L: Layer> App for Layered<L> {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_start(host));
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.layer.on_datagram(socket, from, payload, host);
        self.tell(host);
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if self.layer.on_timer(token, host) {
            self.tell(host);
        } else {
            self.call(host, |app, host| app.on_timer(token, host));
        }
    }

    fn on_unreachable(&mut self, socket: SocketId, to: SocketAddr, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_unreachable(socket, to, host));
    }

    fn on_peer_gone(&mut self, socket: SocketId, peer: SocketAddr, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_peer_gone(socket, peer, host));
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        self.layer.on_stream(stream, event, host);
        self.tell(host);
    }

    fn on_echo_reply(&mut self, from: IpAddr, sequence: u16, payload: Rope, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_echo_reply(from, sequence, payload, host));
    }

    fn on_signal(&mut self, channel: ChannelId, message: Rope, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_signal(channel, message, host));
    }

    fn on_flush(&mut self, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_flush(host));
    }

    /// The App's own, and the layer's.
    fn totals(&self) -> Vec<Total> {
        let mut totals = self.app.totals();
        totals.extend(self.layer.totals());
        totals
    }

    fn exchanges_due(&self) -> u64 {
        self.app.exchanges_due()
    }

    fn begin_anew(&mut self) {
        self.app.begin_anew();
    }

    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        self.app.take_durable()
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        self.app.recover(durable);
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(Self { app: self.app.try_clone()?, layer: self.layer.try_clone()? }))
    }
}

/// The host that the inner App sees.
struct LayeredHost<'a, L> {
    host: &'a mut dyn Host,
    layer: &'a mut L,
}

impl<L: Layer> LayeredHost<'_, L> {
    fn bound(&mut self, socket: Result<SocketId, HostError>) -> Result<SocketId, HostError> {
        let socket = socket?;
        self.layer.on_bound(socket, self.host)?;
        Ok(socket)
    }
}

impl<L: Layer> Env for LayeredHost<'_, L> {
    fn now(&self) -> LocalTime {
        self.host.now()
    }

    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.host.rng(purpose)
    }

    fn spend(&mut self, operation: Operation) {
        self.host.spend(operation);
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.host.reserve(bytes)
    }

    fn release(&mut self, bytes: u64) {
        self.host.release(bytes);
    }
}

impl<L: Layer> Host for LayeredHost<'_, L> {
    fn ask_flush(&mut self) {
        self.host.ask_flush();
    }

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        let socket = self.host.udp_bind(port);
        self.bound(socket)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.host.addresses()
    }

    fn udp_bind_to(&mut self, address: IpAddr, port: u16) -> Result<SocketId, HostError> {
        let socket = self.host.udp_bind_to(address, port);
        self.bound(socket)
    }

    fn udp_close(&mut self, socket: SocketId) -> Result<(), HostError> {
        self.layer.on_close(socket, self.host);
        self.host.udp_close(socket)
    }

    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        self.layer.udp_send(socket, to, payload, self.host)
    }

    fn udp_traffic_class(&mut self, socket: SocketId, class: TrafficClass) -> Result<(), HostError> {
        self.host.udp_traffic_class(socket, class)
    }

    fn udp_protected(&mut self, socket: SocketId) -> Result<(), HostError> {
        self.host.udp_protected(socket)
    }

    fn received_for_group(&self) -> Option<IpAddr> {
        self.host.received_for_group()
    }

    fn received_ecn(&self) -> Ecn {
        self.host.received_ecn()
    }

    fn observe_received(&mut self, from: SocketAddr, bytes: u64) {
        self.host.observe_received(self.layer.whereabouts(from), bytes);
    }

    fn observe_read(&mut self, from: SocketAddr, bytes: u64) {
        self.host.observe_read(self.layer.whereabouts(from), bytes);
    }

    fn observe_secret(&mut self, secret: TlsSecret) {
        self.host.observe_secret(secret);
    }

    fn observes_messages(&self) -> bool {
        self.host.observes_messages()
    }

    fn observe_message(&mut self, event: MessageEvent) {
        self.host.observe_message(event);
    }

    fn echo_request(&mut self, to: IpAddr, sequence: u16, payload: Rope) -> Result<(), HostError> {
        self.host.echo_request(to, sequence, payload)
    }

    fn channel(&self, name: &str) -> Option<ChannelId> {
        self.host.channel(name)
    }

    fn signal(&mut self, channel: ChannelId, message: Rope) -> Result<(), HostError> {
        self.host.signal(channel, message)
    }

    fn stream_listen(&mut self, port: u16, options: &StreamOptions) -> Result<(), HostError> {
        self.layer.listen(port, options, self.host)
    }

    fn stream_connect(&mut self, to: SocketAddr, options: &StreamOptions) -> Result<StreamId, HostError> {
        self.layer.connect(to, options, self.host)
    }

    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        self.layer.write(stream, data, self.host)
    }

    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        self.layer.read(stream, most, self.host)
    }

    fn stream_finish(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.layer.finish(stream, self.host)
    }

    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.layer.close(stream, self.host)
    }

    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.layer.abort(stream, self.host)
    }

    fn stream_info(&self, stream: StreamId) -> Result<StreamInfo, HostError> {
        self.host.stream_info(stream)
    }

    fn udp_local_addr(&self, socket: SocketId, to: SocketAddr) -> Result<SocketAddr, HostError> {
        self.host.udp_local_addr(socket, self.layer.whereabouts(to))
    }

    fn set_timer(&mut self, token: u64, at: LocalTime, name: &'static str) {
        self.host.set_timer(token, at, name);
    }

    fn cancel_timer(&mut self, token: u64) {
        self.host.cancel_timer(token);
    }

    fn observe(&mut self, mut observation: Observation) {
        // Both ends of an exchange report it by the addresses that clients have.
        if let Observation::ExchangeStarted(exchange)
        | Observation::RequestDelivered(exchange)
        | Observation::ResponseBegan(exchange)
        | Observation::ExchangeEnded { exchange, .. } = &mut observation
        {
            exchange.client = self.layer.whereabouts(exchange.client);
            exchange.server = self.layer.whereabouts(exchange.server);
        }
        self.host.observe(observation);
    }
}
