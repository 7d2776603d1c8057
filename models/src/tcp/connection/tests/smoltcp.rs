//! smoltcp, a TCP for small devices that others have written, as the other end of ours.

use super::any_profile;
use super::ours::Host;
use super::pair::{End, Exchange, PORT, Pair, address};
use super::path::Path;
use proptest::prelude::*;
use protosim_core::{LocalTime, Span};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// The IP packets on their way in and out of an interface.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct Incoming(Vec<u8>);

struct Outgoing<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut bytes = vec![0; len];
        let result = f(&mut bytes);
        self.0.push(bytes);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let bytes = self.incoming.pop_front()?;
        Some((Incoming(bytes), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    /// Checksums are verified and filled in by smoltcp: that is the default.
    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

thread_local! {
    /// smoltcp asks a plain function for the value of its timestamps.
    static MILLISECONDS: Cell<u32> = const { Cell::new(0) };
}

fn milliseconds() -> u32 {
    MILLISECONDS.get()
}

/// What a smoltcp end goes by.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    receive_buffer: usize,
    send_buffer: usize,
    congestion: CongestionControl,
    nagle: bool,
    timestamps: bool,
    delayed_ack: bool,
}

/// A host with smoltcp.
pub(super) struct Small {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    pub(super) exchange: Exchange,
}

impl Small {
    pub(super) fn new(seed: u64, index: usize, own: Ipv4Addr, settings: &Settings, exchange: Exchange) -> Self {
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed ^ (index as u64 + 1);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::Ipv4(own), 24)).unwrap();
        });
        let buffer = |len: usize| SocketBuffer::new(vec![0; len]);
        let mut socket = Socket::new(buffer(settings.receive_buffer), buffer(settings.send_buffer));
        socket.set_congestion_control(settings.congestion);
        socket.set_nagle_enabled(settings.nagle);
        socket.set_tsval_generator(settings.timestamps.then_some(milliseconds));
        if !settings.delayed_ack {
            socket.set_ack_delay(None);
        }
        // It never gives up.
        socket.set_timeout(None);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Self { wire, interface, sockets, socket, exchange }
    }

    fn client(seed: u64, settings: &Settings, to_write: u64, read_step: u64) -> Self {
        let mut small = Self::new(seed, 0, address(0), settings, Exchange::new(0, to_write, read_step));
        small.connect(seed, address(1));
        small
    }

    pub(super) fn connect(&mut self, seed: u64, to: Ipv4Addr) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        // One of the ports for this (RFC 6335 §6).
        let port = 49_152 + (seed % 16_384) as u16;
        socket.connect(self.interface.context(), (to, PORT), port).unwrap();
    }

    pub(super) fn listen(&mut self) {
        self.sockets.get_mut::<Socket<'_>>(self.socket).listen(PORT).unwrap();
    }

    fn server(seed: u64, settings: &Settings, to_write: u64, read_step: u64) -> Self {
        let mut small = Self::new(seed, 1, address(1), settings, Exchange::new(1, to_write, read_step));
        small.listen();
        small
    }

    fn state(&self) -> State {
        self.sockets.get::<Socket<'_>>(self.socket).state()
    }

    /// Writes and reads what can be, and finishes when all is written. False if there was nothing to do.
    fn work(&mut self) -> bool {
        let exchange = &mut self.exchange;
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let before = (exchange.written, exchange.read, exchange.is_finished);
        while socket.can_send() && !exchange.has_written_all() {
            let room = socket.send_capacity() - socket.send_queue();
            exchange.written += socket.send_slice(&exchange.unwritten(room as u64).to_bytes()).unwrap() as u64;
        }
        // Before that it would give the connection up.
        if exchange.wants_to_finish() && socket.may_send() {
            socket.close();
            exchange.is_finished = true;
        }
        while socket.can_recv() {
            let taken = socket.recv(|data| {
                let len = data.len().min(usize::try_from(exchange.read_step).unwrap_or(usize::MAX));
                (len, data[..len].to_vec())
            });
            exchange.take(&taken.unwrap());
        }
        // As the code of smoltcp 0.14 reads, it neither resends nor probes once its time-out passes with the window closed by an old
        // acknowledgement: the window update that would set it going may be lost. A keepalive segment asks for another one. It has none
        // while it has nothing to send: they would do for our stack what our own probes have to do.
        socket.set_keep_alive((socket.send_queue() > 0).then_some(Duration::from_secs(30)));
        before != (exchange.written, exchange.read, exchange.is_finished)
    }

    fn instant(now: LocalTime) -> Instant {
        Instant::from_micros((now.as_nanos() / 1000).cast_signed())
    }
}

impl End for Small {
    fn deliver(&mut self, bytes: Vec<u8>, _: LocalTime) {
        self.wire.incoming.push_back(bytes);
    }

    /// Comes with [`End::settle`].
    fn expire(&mut self, _: LocalTime) {}

    fn settle(&mut self, now: LocalTime) -> Vec<Vec<u8>> {
        MILLISECONDS.set((now.as_nanos() / 1_000_000) as u32);
        for round in 0.. {
            assert!(round < 1000, "it does not come to rest");
            self.interface.poll(Self::instant(now), &mut self.wire, &mut self.sockets);
            if !self.work() {
                break;
            }
        }
        std::mem::take(&mut self.wire.outgoing)
    }

    fn deadline(&mut self, now: LocalTime) -> Option<LocalTime> {
        let at = self.interface.poll_at(Self::instant(now), &self.sockets)?;
        let at = LocalTime::from_nanos(at.total_micros().max(0).cast_unsigned() * 1000);
        // It says 0 for `at once`; all that can be done at this instant has been done.
        Some(at.max(now.saturating_add(Span::from_micros(1))))
    }

    fn is_closed(&self) -> bool {
        self.exchange.is_finished && self.state() == State::Closed
    }

    fn check(&self, expected: u64, now: LocalTime) {
        assert_eq!(self.exchange.read, expected, "smoltcp at {now}: {}", self.state());
        assert!(self.is_closed(), "smoltcp at {now}: {}", self.state());
    }
}

pub(super) fn any_settings() -> impl Strategy<Value = Settings> {
    let congestion =
        prop_oneof![Just(CongestionControl::None), Just(CongestionControl::Reno), Just(CongestionControl::Cubic)];
    let buffer = || prop_oneof![2048_usize..8192, 8192_usize..300_000];
    (buffer(), buffer(), congestion, any::<[bool; 3]>()).prop_map(|(receive_buffer, send_buffer, congestion, on)| {
        Settings { receive_buffer, send_buffer, congestion, nagle: on[0], timestamps: on[1], delayed_ack: on[2] }
    })
}

/// Up to 20 % of the packets are lost, and as many come late.
fn any_path() -> impl Strategy<Value = Path> {
    (0_u64..=20, 0_u64..10, 0_u64..20, 0_u64..4)
        .prop_map(|(loss, duplicate, reorder, corrupt)| Path::new(loss, duplicate, reorder, corrupt))
}

/// Bytes of the client and of the server: much one way, or much both ways.
pub(super) fn any_bytes() -> impl Strategy<Value = [u64; 2]> {
    let much = || (1_u64 << 20)..(4 << 20);
    prop_oneof![
        (much(), 0_u64..60_000).prop_map(|(much, little)| [much, little]),
        (0_u64..60_000, much()).prop_map(|(little, much)| [little, much]),
        (much(), much()).prop_map(|(one, other)| [one, other]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Our stack is one end, smoltcp the other, over a path that does everything. With 20 % of loss one exchange in three fails, so that
    /// the six retransmissions of RFC 9293's least would now and then not do: here nobody gives up, and all has to arrive.
    #[test]
    fn smoltcp_and_ours_understand_each_other(
        seed in any::<u64>(),
        path in any_path(),
        mut parameters in any_profile(),
        settings in any_settings(),
        is_client in any::<bool>(),
        bytes in any_bytes(),
        read_step in prop_oneof![Just(u64::MAX), 100_u64..5000],
    ) {
        for retries in [&mut parameters.data_retries, &mut parameters.syn_retries, &mut parameters.syn_ack_retries] {
            *retries = 40;
        }
        let limit = Span::from_secs(1_000_000);
        if is_client {
            let ours = Host::client(seed, parameters, bytes[0], read_step);
            let mut pair = Pair::new(seed, path, ours, Small::server(seed, &settings, bytes[1], read_step));
            pair.run(limit);
            pair.check(bytes);
        } else {
            let ours = Host::server(seed, parameters, bytes[1], read_step);
            let mut pair = Pair::new(seed, path, Small::client(seed, &settings, bytes[0], read_step), ours);
            pair.run(limit);
            pair.check(bytes);
        }
    }
}
