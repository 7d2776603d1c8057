//! Our stack as an end.

use super::super::super::{CloseReason, ConnectionId, FastOpen, Notice, Opening, Output, Parameters, Segment, Stack};
use super::pair::{End, Exchange, PORT, Pair, address};
use super::path::Path;
use crate::packet::{Packet, Transport};
use crate::rope::Rope;
use protosim_core::{IdealEnv, LocalTime};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The largest packet of the path, in bytes.
const MTU: u64 = 1500;

/// A host with our stack.
pub(super) struct Host {
    pub(super) stack: Stack,
    env: IdealEnv,
    address: IpAddr,
    connection: Option<ConnectionId>,
    pub(super) exchange: Exchange,
    pub(super) closed: Option<CloseReason>,
}

impl Host {
    fn new(seed: u64, index: usize, exchange: Exchange) -> Self {
        Self {
            stack: Stack::default(),
            env: IdealEnv::new(seed ^ (index as u64 + 1)),
            address: IpAddr::V4(address(index)),
            connection: None,
            exchange,
            closed: None,
        }
    }

    /// End 0.
    pub(super) fn client(seed: u64, parameters: Parameters, to_write: u64, read_step: u64) -> Self {
        Self::client_with(seed, parameters, to_write, read_step, None)
    }

    /// End 0, which may have a cookie of the server: then its first data go with the SYN.
    fn client_with(
        seed: u64,
        parameters: Parameters,
        to_write: u64,
        read_step: u64,
        cookie: Option<bytes::Bytes>,
    ) -> Self {
        let mut host = Self::new(seed, 0, Exchange::new(0, to_write, read_step));
        let mut early_data = Rope::new();
        if let Some(cookie) = cookie {
            host.stack.learn_cookie(IpAddr::V4(address(1)), cookie);
            early_data = host.exchange.unwritten(1000.min(parameters.send_buffer));
            host.exchange.written += early_data.len();
        }
        let opening = Opening {
            local: SocketAddr::new(host.address, 0),
            remote: SocketAddr::new(IpAddr::V4(address(1)), PORT),
            mtu: MTU,
            early_data,
            owner: 0,
            parameters: Arc::new(parameters),
        };
        host.connection = Some(host.stack.connect(opening, &mut host.env).unwrap());
        host
    }

    /// End 1.
    pub(super) fn server(seed: u64, parameters: Parameters, to_write: u64, read_step: u64) -> Self {
        let mut host = Self::new(seed, 1, Exchange::new(1, to_write, read_step));
        host.stack.listen(PORT, 0, Arc::new(parameters)).unwrap();
        host
    }

    /// Writes and reads what can be, and finishes when all is written.
    fn work(&mut self) {
        let Some(connection) = self.connection else { return };
        while !self.exchange.has_written_all() {
            match self.stack.write(connection, &self.exchange.unwritten(u64::MAX), &mut self.env) {
                Ok(0) | Err(_) => break,
                Ok(taken) => self.exchange.written += taken,
            }
        }
        if self.exchange.wants_to_finish() {
            self.exchange.is_finished = self.stack.finish(connection, &mut self.env).is_ok();
        }
        while let Ok(data) = self.stack.read(connection, self.exchange.read_step, &mut self.env) {
            if data.is_empty() {
                break;
            }
            self.exchange.take(&data.to_bytes());
        }
    }

    fn take(&mut self, connection: ConnectionId, notice: Notice) {
        match notice {
            Notice::Incoming(listener) => self.connection = self.stack.accept(listener),
            Notice::Closed(reason) => {
                assert_eq!(Some(connection), self.connection);
                self.closed = Some(reason);
                self.connection = None;
            }
            _ => {}
        }
    }
}

impl End for Host {
    fn deliver(&mut self, bytes: Vec<u8>, now: LocalTime) {
        // What a checksum or a length shows to be damaged is dropped, as a host does.
        let Ok(packet) = Packet::decode(&bytes) else { return };
        let (local, remote, ecn) = (packet.dst(), packet.src(), packet.ip.ecn());
        if local != self.address {
            return;
        }
        let Transport::Tcp(header) = packet.transport else { return };
        self.env.now = now;
        let segment = Segment { header, payload: packet.payload, ecn };
        self.stack.handle_segment(local, remote, segment, MTU, &mut self.env);
    }

    fn expire(&mut self, now: LocalTime) {
        self.env.now = now;
        while let Some((connection, deadline)) = self.stack.poll_timeout().filter(|(_, due)| due.at <= now) {
            self.stack.handle_timeout(connection, &mut self.env);
            let next = self.stack.deadline(connection);
            assert!(next.is_none_or(|next| next.at > now), "{deadline:?} is followed by {next:?}");
        }
    }

    fn settle(&mut self, now: LocalTime) -> Vec<Vec<u8>> {
        let mut outgoing = Vec::new();
        for round in 0.. {
            assert!(round < 1000, "it does not come to rest");
            self.env.now = now;
            self.work();
            self.stack.flush(&mut self.env);
            let mut is_idle = true;
            while let Some(output) = self.stack.next_output() {
                match output {
                    Output::Transmit { packet, .. } => {
                        // Also what goes again, beside selective acknowledgements (RFC 6691 §4).
                        assert!(packet.wire_len() <= MTU, "{packet:?}");
                        outgoing.push(packet.encode());
                        is_idle = false;
                    }
                    Output::Notify { connection, notice, .. } => {
                        self.take(connection, notice);
                        is_idle = false;
                    }
                    Output::Observe { .. } => {}
                }
            }
            if is_idle {
                break;
            }
        }
        outgoing
    }

    fn deadline(&mut self, _: LocalTime) -> Option<LocalTime> {
        self.stack.poll_timeout().map(|(_, deadline)| deadline.at)
    }

    fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    fn check(&self, expected: u64, now: LocalTime) {
        assert_eq!(self.exchange.read, expected, "{} at {now}: {:?}", self.address, self.closed);
        assert_eq!(self.closed, Some(CloseReason::Done), "{} at {now}", self.address);
    }
}

/// Two of ours.
pub(super) fn ours(
    seed: u64,
    path: Path,
    [client, server]: [Parameters; 2],
    bytes: [u64; 2],
    read_step: u64,
) -> Pair<Host, Host> {
    let mut server = Host::server(seed, server, bytes[1], read_step);
    let has_cookie = client.fast_open != FastOpen::Off && bytes[0] > 0;
    let cookie = has_cookie.then(|| server.stack.cookie_for(server.address, IpAddr::V4(address(0)), &mut server.env));
    let client = Host::client_with(seed, client, bytes[0], read_step, cookie);
    Pair::new(seed, path, client, server)
}
