//! What holds under random operations and times.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Clone, Debug)]
enum Step {
    Allocate(u16),
    Refresh(u16, u32),
    Permit(u16, u8),
    Bind(u16, u16, u8),
    Send(u16, u8),
    SendOn(u16, u16),
    FromPeer(u16, u8),
    Wait(u64),
    Garbage(u16, Vec<u8>),
}

fn any_step() -> impl Strategy<Value = Step> {
    let (client, peer, channel) = (1_u16..3, 0_u8..4, 0_u16..3);
    let lifetime = prop_oneof![Just(0_u32), Just(600), Just(900)];
    // Times at which something ends, and some about them.
    let wait = prop_oneof![Just(1_u64), Just(60), Just(299), Just(300), Just(301), Just(600), 1_u64..1_000];
    prop_oneof![
        client.clone().prop_map(Step::Allocate),
        (client.clone(), lifetime).prop_map(|(client, lifetime)| Step::Refresh(client, lifetime)),
        (client.clone(), peer.clone()).prop_map(|(client, peer)| Step::Permit(client, peer)),
        (client.clone(), channel.clone(), peer.clone())
            .prop_map(|(client, number, peer)| Step::Bind(client, number, peer)),
        (client.clone(), peer.clone()).prop_map(|(client, peer)| Step::Send(client, peer)),
        (client.clone(), channel).prop_map(|(client, number)| Step::SendOn(client, number)),
        (client.clone(), peer).prop_map(|(client, peer)| Step::FromPeer(client, peer)),
        wait.prop_map(Step::Wait),
        (client, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(client, bytes)| Step::Garbage(client, bytes)),
    ]
}

/// Two peers to an address.
fn peer(index: u8) -> SocketAddr {
    SocketAddr::new([203, 0, 113, index / 2].into(), 1000 + u16::from(index))
}

/// What the rules say, kept beside the server: when each client was last given what.
#[derive(Default)]
struct Ledger {
    /// Relayed address and end of each client's allocation.
    allocations: BTreeMap<u16, (SocketAddr, LocalTime)>,
    permissions: BTreeMap<(u16, IpAddr), LocalTime>,
    bindings: BTreeMap<(u16, u16), (SocketAddr, LocalTime)>,
}

impl Ledger {
    fn is_alive(&self, client: u16, now: LocalTime) -> bool {
        self.allocations.get(&client).is_some_and(|(_, end)| now < *end)
    }

    fn permits(&self, client: u16, ip: IpAddr, now: LocalTime) -> bool {
        let granted = self.permissions.get(&(client, ip));
        self.is_alive(client, now) && granted.is_some_and(|at| now.saturating_since(*at) < Span::from_secs(300))
    }

    fn forget(&mut self, client: u16) {
        self.allocations.remove(&client);
        self.permissions.retain(|(of, _), _| *of != client);
        self.bindings.retain(|(of, _), _| *of != client);
    }
}

/// Takes one step; says what passed, as client and peer.
fn take(bench: &mut Bench, ledger: &mut Ledger, step: &Step) -> Result<(), TestCaseError> {
    let now = bench.env.now;
    match *step {
        Step::Allocate(client) => {
            let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
            let answer = bench.ask(tuple(client), request);
            let message = Message::parse(&answer).unwrap();
            let fields = Fields::read(&message);
            prop_assert_eq!(fields.relayed.is_some(), !ledger.is_alive(client, now));
            if let Some(relayed) = fields.relayed {
                ledger.forget(client);
                let end = now.saturating_add(Span::from_secs(u64::from(fields.lifetime.unwrap())));
                prop_assert!(ledger.allocations.values().all(|(other, end)| *other != relayed || *end <= now));
                ledger.allocations.insert(client, (relayed, end));
            }
        }
        Step::Refresh(client, lifetime) => {
            let answer = bench.refresh(tuple(client), Some(lifetime));
            prop_assert_eq!(error_of(&answer).is_none(), ledger.is_alive(client, now));
            match lifetime_of(&answer) {
                Some(0) => ledger.forget(client),
                Some(granted) => {
                    let (relayed, _) = ledger.allocations[&client];
                    let end = now.saturating_add(Span::from_secs(u64::from(granted)));
                    ledger.allocations.insert(client, (relayed, end));
                }
                None => {}
            }
        }
        Step::Permit(client, index) => {
            if bench.permit(tuple(client), peer(index)).is_none() {
                ledger.permissions.insert((client, peer(index).ip()), now);
            }
        }
        Step::Bind(client, number, index) => {
            if bench.bind(tuple(client), 0x4000 + number, peer(index)).is_none() {
                ledger.permissions.insert((client, peer(index).ip()), now);
                // Not while another peer has it, or had it less than 300 s ago.
                let before = ledger.bindings.insert((client, number), (peer(index), now));
                if let Some((other, at)) = before.filter(|(other, _)| *other != peer(index)) {
                    prop_assert!(now.saturating_since(at) >= Span::from_secs(900), "{:?}", other);
                }
            }
        }
        Step::Wait(secs) => bench.wait(Span::from_secs(secs)),
        ref traffic => pass(bench, ledger, traffic)?,
    }
    Ok(())
}

/// Takes a step that may let something pass.
fn pass(bench: &mut Bench, ledger: &mut Ledger, step: &Step) -> Result<(), TestCaseError> {
    let (data, now) = (Rope::fill(1, 0, 5), bench.env.now);
    match *step {
        Step::Send(client, index) => {
            let passed = bench.send(tuple(client), peer(index), &data).is_some();
            prop_assert_eq!(passed, ledger.permits(client, peer(index).ip(), now));
        }
        Step::SendOn(client, number) => {
            let passed = bench.send_on(tuple(client), 0x4000 + number, &data);
            let bound = ledger
                .bindings
                .get(&(client, number))
                .filter(|(_, at)| now.saturating_since(*at) < Span::from_secs(600));
            let expected = bound.filter(|(peer, _)| ledger.permits(client, peer.ip(), now)).map(|(peer, _)| *peer);
            let to = passed.map(|envelope| match envelope.place {
                Place::Peer { peer, .. } => peer,
                Place::Client(_) => tuple(client).client,
            });
            prop_assert_eq!(to, expected);
        }
        Step::FromPeer(client, index) => {
            let Some((relayed, _)) = ledger.allocations.get(&client).copied() else { return Ok(()) };
            let passed = bench.put_from_peer(relayed, peer(index), &data).is_some();
            prop_assert_eq!(passed, ledger.permits(client, peer(index).ip(), now));
        }
        Step::Garbage(client, ref bytes) => {
            let sent = bench.put(Place::Client(tuple(client)), Rope::from(bytes.clone()));
            prop_assert!(
                sent.is_none_or(|sent| matches!(sent.place, Place::Client(_))) || bytes.first() == Some(&0x40)
            );
        }
        _ => unreachable!("it lets nothing pass"),
    }
    Ok(())
}

proptest! {
    /// A packet passes exactly when its allocation is alive, its peer's address was permitted less than 300 s ago, and, on a channel,
    /// that one was bound less than 600 s ago: as a ledger of what was granted says.
    #[test]
    fn what_is_not_permitted_does_not_pass(steps in prop::collection::vec(any_step(), 1..80)) {
        let (mut bench, mut ledger) = (Bench::new(config()), Ledger::default());
        for step in &steps {
            take(&mut bench, &mut ledger, step)?;
        }
        // All of it is over, and nothing is kept.
        bench.wait(Span::from_secs(3_600));
        prop_assert_eq!(bench.server.allocations(), 0);
        prop_assert_eq!(bench.server.poll_timeout(), None);
        let opened = bench.notices.iter().filter(|notice| matches!(notice, Notice::Opened(_))).count();
        prop_assert_eq!(bench.notices.len(), 2 * opened);
    }
}
