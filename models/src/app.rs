//! Applications: what runs on a host and owns conversations, with socket-style calls.
//!
//! An [`App`] is a boxed trait object: one virtual call per message, never per packet-hop. The
//! same App runs on a simulated host and, through `protosim live`, over real sockets: [`Host`] is
//! all it can reach.

use crate::ledger::MessageEvent;
use crate::observe::{Observation, TlsSecret};
use crate::packet::Ecn;
use crate::rope::Rope;
use crate::tcp;
use protosim_core::{CannotClone, Env, LocalTime};
use std::any::Any;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An application on a host: a client, a server, a broker, a traffic source.
///
/// Calls come in the order of events. Within one instant all inputs come first; then
/// [`App::on_flush`] is called once, where [`Host::ask_flush`] has asked for it.
pub trait App: Debug + Send {
    /// The host has started: bind sockets, set the first timer.
    fn on_start(&mut self, host: &mut dyn Host);

    /// A datagram has arrived at `socket`.
    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host);

    /// The timer that was set with `token` is due.
    fn on_timer(&mut self, token: u64, host: &mut dyn Host);

    /// A packet sent from `socket` to `to` came back with an ICMP error. Applications that do not
    /// care, as most do not over UDP, leave this out.
    fn on_unreachable(&mut self, socket: SocketId, to: SocketAddr, host: &mut dyn Host) {
        let _ = (socket, to, host);
    }

    /// What a layer beneath had with a peer is over, such as a session of DTLS, and with it what was agreed there: to protocols above, whoever comes from
    /// there next is another one. Applications that agree nothing that lasts leave this out.
    fn on_peer_gone(&mut self, socket: SocketId, peer: SocketAddr, host: &mut dyn Host) {
        let _ = (socket, peer, host);
    }

    /// Something has happened to a stream.
    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        let _ = (stream, event, host);
    }

    /// An answer to [`Host::echo_request`] has come from `from`.
    fn on_echo_reply(&mut self, from: IpAddr, sequence: u16, payload: Rope, host: &mut dyn Host) {
        let _ = (from, sequence, payload, host);
    }

    /// A message has come over `channel`, which this App has asked for ([`Host::channel`]).
    fn on_signal(&mut self, channel: ChannelId, message: Rope, host: &mut dyn Host) {
        let _ = (channel, message, host);
    }

    /// All inputs of this instant have been taken: decide what waits to be decided. Called where [`Host::ask_flush`] has asked for it in
    /// this instant.
    fn on_flush(&mut self, host: &mut dyn Host) {
        let _ = host;
    }

    /// What this App has counted, for the results: names of [`Total`] with their values.
    fn totals(&self) -> Vec<Total> {
        Vec::new()
    }

    /// Exchanges that it was due to begin so far, those that something holds back included. 0 for an App that begins each
    /// one when it is due.
    fn exchanges_due(&self) -> u64 {
        0
    }

    /// Called on a copy of the App as it was configured, before [`App::on_start`], when its node has lost power and starts
    /// anew. Nothing that it does may depend on it; what it counts may.
    fn begin_anew(&mut self) {}

    /// Its node loses power: what it has on disc, for the one that begins in its place. All else is lost. `None` for one that has
    /// nothing there.
    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// What the one before it had on disc ([`App::take_durable`]), between [`App::begin_anew`] and [`App::on_start`].
    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        let _ = durable;
    }

    /// A copy for a snapshot.
    ///
    /// # Errors
    /// When the App holds something that cannot be copied, such as a foreign implementation.
    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone>;
}

/// What a host offers its applications, besides its clock, luck, processor and memory ([`Env`]).
pub trait Host: Env {
    /// Asks for [`App::on_flush`] in this instant.
    fn ask_flush(&mut self);

    /// Opens a UDP socket on `port`, or on a free one from the dynamic range (RFC 6335 §6) for 0.
    ///
    /// # Errors
    /// When the port is taken.
    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError>;

    /// The host's own addresses that applications may bind sockets to: those of interfaces whose link is up, in order of interfaces,
    /// which is that of the names of their links. A live host has the one that it was told to bind to, or none if it binds to all.
    fn addresses(&self) -> Vec<IpAddr>;

    /// As [`Host::udp_bind`], at one of the host's addresses: the socket sends from it, by the interface that has it, and takes what
    /// was sent to it alone. Two sockets may have one port at different addresses. Once the host does not have the address any
    /// more, nothing arrives, and nothing can be sent.
    ///
    /// # Errors
    /// When the host does not have the address, or the port is taken there.
    fn udp_bind_to(&mut self, address: IpAddr, port: u16) -> Result<SocketId, HostError>;

    /// Closes a socket. Its port is free again, and datagrams to it are answered by ICMP. Its number is not used again while this App
    /// is alive.
    ///
    /// # Errors
    /// When the socket is not this App's.
    fn udp_close(&mut self, socket: SocketId) -> Result<(), HostError>;

    /// Sends a datagram. As over real UDP, success says only that it left the application.
    ///
    /// # Errors
    /// When the socket is not this App's, the payload exceeds what UDP can carry, or the host has
    /// no address of the destination's family, or not the one any more that the socket is bound to.
    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError>;

    /// Marks what this socket sends from now on: differentiated services (RFC 2474) and congestion notification (RFC
    /// 3168).
    ///
    /// # Errors
    /// When the socket is not this App's; for any class but the default where the host offers none, as the standard
    /// library's sockets do.
    fn udp_traffic_class(&mut self, socket: SocketId, class: TrafficClass) -> Result<(), HostError> {
        let _ = socket;
        if class == TrafficClass::default() { Ok(()) } else { Err(HostError::NoTrafficClass) }
    }

    /// What this socket sends from now on is protected: its bytes are as good as drawn, others in each mode of cryptography, and digests have
    /// their number alone. Does nothing where nobody makes digests, as over real sockets.
    ///
    /// # Errors
    /// When the socket is not this App's.
    fn udp_protected(&mut self, socket: SocketId) -> Result<(), HostError> {
        let _ = socket;
        Ok(())
    }

    /// The congestion notification of the datagram that is being delivered; [`Ecn::NotEct`] outside of
    /// [`App::on_datagram`], and where the host does not tell, as over the standard library's sockets.
    fn received_ecn(&self) -> Ecn {
        Ecn::NotEct
    }

    /// The group that the datagram was sent to that is being delivered; `None` where it was sent to this host alone, outside of
    /// [`App::on_datagram`], and where the host does not tell, as over the standard library's sockets.
    fn received_for_group(&self) -> Option<IpAddr> {
        None
    }

    /// Reports the delivery of the datagram from `from` with `bytes` of payload that is being delivered, with the
    /// moment of its sending, which no protocol may know. Costs nothing where nobody asks for delays, and does nothing
    /// where nobody knows that moment, as over real sockets.
    fn observe_received(&mut self, from: SocketAddr, bytes: u64) {
        let _ = (from, bytes);
    }

    /// Reports that this application has read `bytes` from a stream of `from`. Costs nothing where nobody asks for it.
    fn observe_read(&mut self, from: SocketAddr, bytes: u64) {
        let _ = (from, bytes);
    }

    /// Reports a secret, for whoever keeps the packets that it opens. Does nothing where nobody does.
    fn observe_secret(&mut self, secret: TlsSecret) {
        let _ = secret;
    }

    /// Whether someone asks for what becomes of messages.
    fn observes_messages(&self) -> bool {
        false
    }

    /// Reports what becomes of a message between applications. Nothing is kept or allocated where nobody asks for it, as over real sockets; and it
    /// is reported at once, also where the processor is busy: what the application remembers is as it says from now on.
    fn observe_message(&mut self, event: MessageEvent) {
        let _ = event;
    }

    /// Sends an ICMP echo request ("ping"); answers come to [`App::on_echo_reply`].
    ///
    /// # Errors
    /// As for [`Host::udp_send`]; always where the host offers no ICMP, as over ordinary sockets.
    fn echo_request(&mut self, to: IpAddr, sequence: u16, payload: Rope) -> Result<(), HostError> {
        let _ = (to, sequence, payload);
        Err(HostError::NoIcmp)
    }

    /// Takes connections on a port. Each one comes as [`StreamEvent::Accepted`].
    ///
    /// # Errors
    /// When the port is taken; always where the host offers no streams.
    fn stream_listen(&mut self, port: u16, options: &StreamOptions) -> Result<(), HostError> {
        let _ = (port, options);
        Err(HostError::NoStreams)
    }

    /// Opens a connection; [`StreamEvent::Connected`] or [`StreamEvent::Closed`] follows. Data may be written at once.
    ///
    /// # Errors
    /// When no port or no memory is left, or the host has no address of the destination's family; always where the host
    /// offers no streams.
    fn stream_connect(&mut self, to: SocketAddr, options: &StreamOptions) -> Result<StreamId, HostError> {
        let _ = (to, options);
        Err(HostError::NoStreams)
    }

    /// Writes to a stream; says how many bytes were taken, from the start. If not all were, [`StreamEvent::Writable`] follows
    /// when there is room.
    ///
    /// # Errors
    /// When the stream is not this App's or is over, or its direction is finished.
    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        let _ = data;
        Err(HostError::NoSuchStream(stream))
    }

    /// Reads at most `most` bytes. What is not read closes the window that the peer sees.
    ///
    /// # Errors
    /// When the stream is not this App's, or is over and empty.
    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        let _ = most;
        Err(HostError::NoSuchStream(stream))
    }

    /// Finishes the direction away from this App, after what has been written; the other one goes on.
    ///
    /// # Errors
    /// When the stream is not this App's or is over.
    fn stream_finish(&mut self, stream: StreamId) -> Result<(), HostError> {
        Err(HostError::NoSuchStream(stream))
    }

    /// This App wants no more of the stream. What it has written still goes out; [`StreamEvent::Closed`] says when the
    /// stream is gone.
    ///
    /// # Errors
    /// When the stream is not this App's or is over.
    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        Err(HostError::NoSuchStream(stream))
    }

    /// Gives the stream up at once: the peer gets a reset.
    ///
    /// # Errors
    /// When the stream is not this App's or is over.
    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        Err(HostError::NoSuchStream(stream))
    }

    /// How a stream stands.
    ///
    /// # Errors
    /// When the stream is not this App's or is over.
    fn stream_info(&self, stream: StreamId) -> Result<StreamInfo, HostError> {
        Err(HostError::NoSuchStream(stream))
    }

    /// This node's end of the channel ([`crate::channel`]) called `name`. Where a group of channels is called so, `call-0`, `call-1`
    /// and on, it is the one that ends here, if there is one and no more. From now on what arrives there comes to this App
    /// ([`App::on_signal`]), and no more to one that has asked for it before. `None` where there is no such channel, as over
    /// real sockets.
    fn channel(&self, name: &str) -> Option<ChannelId> {
        let _ = name;
        None
    }

    /// Sends a message over a channel. Success says only that it left the application.
    ///
    /// # Errors
    /// When the node has no such channel, or the message is longer than [`MAX_MESSAGE_LEN`](crate::channel::MAX_MESSAGE_LEN);
    /// always where the host offers no channels, as over real sockets.
    fn signal(&mut self, channel: ChannelId, message: Rope) -> Result<(), HostError> {
        let _ = (channel, message);
        Err(HostError::NoChannels)
    }

    /// The address and port that datagrams from `socket` to `to` carry as their source.
    ///
    /// # Errors
    /// As for [`Host::udp_send`].
    fn udp_local_addr(&self, socket: SocketId, to: SocketAddr) -> Result<SocketAddr, HostError>;

    /// Calls [`App::on_timer`] with `token` when the local clock reads `at`, or at once after this
    /// call if that has passed. A timer that was set with the same token before is moved.
    fn set_timer(&mut self, token: u64, at: LocalTime, name: &'static str);

    /// Takes back the timer with `token`, if it is set.
    fn cancel_timer(&mut self, token: u64);

    /// Reports something for results and traces. Nothing may depend on it.
    fn observe(&mut self, observation: Observation);
}

/// Something an App has counted over the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Total {
    /// What, with its unit last: `datagrams`, `payload_bytes`. What begins with `largest_`, `smallest_` or `last_` is not a count.
    pub name: &'static str,
    /// How many.
    pub value: u64,
}

impl Total {
    /// The value over two lives of an App, `other` being that of the other one.
    pub fn joined(&self, other: u64) -> u64 {
        match self.name {
            name if name.starts_with("largest_") => self.value.max(other),
            name if name.starts_with("last_") => self.value,
            name if name.starts_with("smallest_") => self.value.min(other),
            _ => self.value.saturating_add(other),
        }
    }
}

/// A socket of one App on one host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SocketId(pub u32);

/// A stream of bytes of one App on one host: a TCP connection, or what is layered over one. A number is not used again while its
/// App can know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct StreamId(pub u32);

/// An end of a channel ([`crate::channel`]) on one host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ChannelId(pub u32);

/// What a stream is made of.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// Its TCP.
    pub tcp: Arc<tcp::Parameters>,
    /// Data that may go with the first segment (RFC 7413); they are written first in any case.
    pub early_data: Rope,
}

/// Something that happens to a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamEvent {
    /// It has come in.
    Accepted {
        /// On which port this App listens.
        port: u16,
        /// From whom.
        peer: SocketAddr,
    },
    /// It is there, after [`Host::stream_connect`].
    Connected,
    /// There is more to be read than before.
    Readable,
    /// There is room to write again.
    Writable,
    /// The peer has finished: what is there to be read is the rest.
    Finished,
    /// It is over.
    Closed(tcp::CloseReason),
}

/// How a stream stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Its TCP.
    pub tcp: tcp::TcpInfo,
}

/// What the eight bits of the traffic class of IP say (RFC 2474 §3, RFC 3168 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TrafficClass {
    /// Differentiated services codepoint, 0 to 63.
    pub dscp: u8,
    /// Explicit congestion notification.
    pub ecn: Ecn,
}

/// Why a host refused a call.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HostError {
    /// Another UDP socket has the port.
    #[error("UDP port {0} is taken")]
    PortTaken(u16),
    /// Every port of the dynamic range of UDP is taken.
    #[error("no UDP port is free")]
    NoFreePort,
    /// Someone listens for streams there already.
    #[error("TCP port {0} is taken")]
    StreamPortTaken(u16),
    /// Every port of the dynamic range is taken, towards this peer.
    #[error("no TCP port is free")]
    NoFreeStreamPort,
    /// The host does not have this address, or its interface's link is down.
    #[error("this host has no interface with the address {0}")]
    NoSuchAddress(IpAddr),
    /// The socket is closed, or belongs to another App.
    #[error("{0:?} is not a socket of this application")]
    NoSuchSocket(SocketId),
    /// More than fits the length field of UDP or IP.
    #[error("a datagram of {0} bytes is too large for UDP")]
    TooLarge(u64),
    /// The host has no address of this family, or none any more that the socket is bound to.
    #[error("this host has no address to reach {0} from")]
    NoSourceAddress(IpAddr),
    /// This host lets applications set no traffic class.
    #[error("this host lets applications set neither DSCP nor ECN")]
    NoTrafficClass,
    /// This host offers no streams to applications.
    #[error("this host offers no streams")]
    NoStreams,
    /// The stream is over, or belongs to another App.
    #[error("{0:?} is not a stream of this application")]
    NoSuchStream(StreamId),
    /// The direction has been finished.
    #[error("nothing can be written to {0:?} after its end")]
    StreamFinished(StreamId),
    /// No memory is left on this host.
    #[error("this host has no memory left")]
    OutOfMemory,
    /// This host offers no ICMP to applications.
    #[error("this host offers no ICMP")]
    NoIcmp,
    /// This host offers no channels beside the network.
    #[error("this host offers no channels")]
    NoChannels,
    /// No channel of this number ends at this host.
    #[error("{0:?} is not a channel of this host")]
    NoSuchChannel(ChannelId),
    /// More than a channel takes.
    #[error("a message of {0} bytes is too long for a channel, which takes at most {max}", max = crate::channel::MAX_MESSAGE_LEN)]
    MessageTooLong(u64),
}
