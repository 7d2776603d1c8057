//! The host that an application over DTLS sees: datagrams are the layer's, all else is the real host's.

use super::Layer;
use crate::app::{ChannelId, Host, HostError, SocketId, StreamId, StreamInfo, StreamOptions, TrafficClass};
use crate::ledger::MessageEvent;
use crate::observe::{Observation, TlsSecret};
use crate::packet::Ecn;
use crate::rope::Rope;
use protosim_core::{Env, LocalTime, Operation, OutOfMemory, Purpose, Stream};
use std::net::{IpAddr, SocketAddr};

/// The host that the inner App sees.
pub(super) struct SecureHost<'a> {
    pub(super) host: &'a mut dyn Host,
    pub(super) layer: &'a mut Layer,
}

impl Env for SecureHost<'_> {
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

impl Host for SecureHost<'_> {
    fn ask_flush(&mut self) {
        self.host.ask_flush();
    }

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        let socket = self.host.udp_bind(port)?;
        self.host.udp_protected(socket)?;
        Ok(socket)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.host.addresses()
    }

    fn udp_bind_to(&mut self, address: IpAddr, port: u16) -> Result<SocketId, HostError> {
        let socket = self.host.udp_bind_to(address, port)?;
        self.host.udp_protected(socket)?;
        Ok(socket)
    }

    fn udp_close(&mut self, socket: SocketId) -> Result<(), HostError> {
        self.layer.close(socket, self.host);
        self.host.udp_close(socket)
    }

    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        self.layer.send(socket, to, &payload, self.host)
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
        self.host.stream_listen(port, options)
    }

    fn stream_connect(&mut self, to: SocketAddr, options: &StreamOptions) -> Result<StreamId, HostError> {
        self.host.stream_connect(to, options)
    }

    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        self.host.stream_write(stream, data)
    }

    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        self.host.stream_read(stream, most)
    }

    fn stream_finish(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.host.stream_finish(stream)
    }

    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.host.stream_close(stream)
    }

    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.host.stream_abort(stream)
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
