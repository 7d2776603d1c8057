//! How long a NAT remembers, seen from outside of it (RFC 5780 §4.6): check N15 of the sheet on NATs.

use super::super::wire::{Attribute, Class, Fields, Message, MessageType, Method, TransactionId, Writer};
use super::super::{StunAlternate, StunServer, StunServerConfig};
use crate::app::{App, Host, SocketId, Total};
use crate::nat::{NatConfig, NatTimers};
use crate::rope::Rope;
use crate::testing::{Net, link};
use protosim_core::{CannotClone, Span, Until};
use std::net::SocketAddr;

/// How long an answer is waited for.
const PATIENCE: Span = Span::from_secs(1);

/// Halves what it knows until it knows the time to a `step`: the first socket asks, which makes or renews its mapping; a while later the second
/// one asks for an answer to the first one's external port, which comes if the mapping is still there.
#[derive(Clone, Debug)]
struct Search {
    server: SocketAddr,
    step: Span,
    sockets: Vec<SocketId>,
    /// It lasts longer than the first, and not longer than the second.
    bounds: [Span; 2],
    /// The external port of the first socket.
    port: Option<u16>,
    has_answer: bool,
    rounds: u64,
}

impl Search {
    fn new(server: SocketAddr, most: Span, step: Span) -> Self {
        Self { server, step, sockets: Vec::new(), bounds: [Span::ZERO, most], port: None, has_answer: false, rounds: 0 }
    }

    fn middle(&self) -> Span {
        Span::from_nanos((self.bounds[0].as_nanos() + self.bounds[1].as_nanos()) / 2)
    }

    /// The transaction says which of the two asks.
    fn ask(&self, socket: usize, host: &mut dyn Host) {
        let id = TransactionId([socket as u8; 12]);
        let writer = Writer::new(MessageType::new(Class::Request, Method::BINDING), id);
        let writer = writer.with_if(self.port.filter(|_| socket == 1).map(Attribute::ResponsePort));
        host.udp_send(self.sockets[socket], self.server, writer.finish().into()).unwrap();
    }
}

impl App for Search {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.sockets = vec![host.udp_bind(1000).unwrap(), host.udp_bind(1001).unwrap()];
        self.on_timer(0, host);
    }

    fn on_datagram(&mut self, socket: SocketId, _: SocketAddr, payload: Rope, _: &mut dyn Host) {
        let bytes = payload.to_bytes();
        let message = Message::parse(&bytes).unwrap();
        let fields = Fields::read(&message);
        assert_eq!(socket, self.sockets[0], "no answer goes to the port of the second socket");
        match message.transaction().0[0] {
            0 => self.port = fields.xor_mapped.map(|mapped| mapped.port()),
            _ => self.has_answer = true,
        }
    }

    fn on_timer(&mut self, what: u64, host: &mut dyn Host) {
        match what {
            0 => {
                (self.port, self.has_answer) = (None, false);
                self.rounds += 1;
                self.ask(0, host);
                host.set_timer(1, host.now().saturating_add(self.middle()), "ask from the other socket");
            }
            1 => {
                assert!(self.port.is_some(), "each wait is longer than a round trip");
                self.ask(1, host);
                host.set_timer(2, host.now().saturating_add(PATIENCE), "no answer");
            }
            _ => {
                let known = usize::from(!self.has_answer);
                self.bounds[known] = self.middle();
                if self.bounds[1] - self.bounds[0] > self.step {
                    self.on_timer(0, host);
                }
            }
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let [low, high] = self.bounds.map(|span| span.as_nanos() / 1_000_000);
        vec![total("lasts_longer_than_ms", low), total("ends_by_ms", high), total("rounds", self.rounds)]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}

/// N15. The answer of the second question is at the NAT 4 ms later after its first one than the questions are apart: the host's packet is there
/// after 1 ms; the server, two links further, has the other one 3 ms after it was sent, and the answer is back at 5 ms. A mapping of exactly its
/// timer's age is over. So what is found is below the timer and at most a step away from it: 1 s, by halving 512 s nine times.
#[test]
fn n15_a_client_finds_the_timer_of_its_nat_to_a_step() {
    for timer in [Span::from_secs(30), Span::from_millis(119_500), Span::from_secs(300)] {
        let mut net = Net::new(1);
        let [host, nat, r, server] =
            ["host", "nat", "r", "server"].map(|name| net.node(name, name == "nat" || name == "r"));
        let ends = [(host, nat), (nat, r), (r, server), (r, server)];
        for (index, (first, second)) in ends.into_iter().enumerate() {
            net.link(&format!("l{index}"), first, second, link("", "1 ms"));
        }
        let timers = Some(NatTimers { udp: Some(timer), ..NatTimers::default() });
        let config = NatConfig { timers, ..NatConfig::to("l1") };
        net.nat(nat, config.policy(), 1, &[]);
        let at = SocketAddr::new(net.end(2, false), 3478);
        net.app(host, "search", Search::new(at, Span::from_secs(512), Span::from_secs(1)));
        let alternate = Some(StunAlternate::default());
        net.app(server, "stun", StunServer::new(StunServerConfig { alternate, ..StunServerConfig::new() }));
        let mut world = net.build(1);
        world.run(Until::Quiet);
        let found = |name| world.total(host, "search", name);
        let (low, high, millis) = (found("lasts_longer_than_ms"), found("ends_by_ms"), timer.as_nanos() / 1_000_000);
        assert!(low + 4 < millis && millis <= high + 4 && high - low == 1_000, "{low} to {high}, and it is {millis}");
        assert_eq!(found("rounds"), 9);
        assert_eq!(world.total(server, "stun", "successes"), 18);
    }
}
