//! What simulations allocate: nothing that grows with packets once they are under way, and no more bytes than budgeted for each host,
//! connection, packet, stream and event. The budgets stand in the table of `docs/performance.md`, from where they are read.
//!
//! This binary has an allocator of its own, which counts what the calling thread asks for (`allocation-counter`); worlds on one
//! thread run on the caller's. What a thing takes is the difference between 2 N and N of them, over N: what does not
//! depend on their number cancels out, and the slack of tables that double their size is in it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::{AllocationInfo, measure};
use protosim_core::kernel::Interests;
use protosim_core::{
    CannotClone, Class, EventKey, EventQueue, LocalTime, Purpose, RunSeed, SimTime, Simulation, Sinks, Span, Streams,
    Until,
};
use protosim_experiments::run::{build, setup};
use protosim_experiments::scenario::{Request, Scenario, load};
use protosim_models::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions};
use protosim_models::element::{Element, nodes};
use protosim_models::mqtt::session::{Limits, Link, LinkOptions, Message, Offered, Outgoing, Session};
use protosim_models::mqtt::wire::{QoS, Text, Version};
use protosim_models::node::DropCause;
use protosim_models::rope::Rope;
use protosim_models::tcp::TcpConfig;
use protosim_topologies::plan::{Installation, Plan};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One test measures at a time: threads hand each other rooms of packets, which one would have allocated and another freed.
static MEASURING: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    MEASURING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something, and says what it has allocated.
fn counted<T>(work: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut made = None;
    let info = measure(|| made = Some(work()));
    (made.unwrap(), info)
}

/// The world of the only point of a shipped experiment.
fn shipped(name: &str, set: &[&str]) -> (Simulation<Element>, AllocationInfo) {
    let set = set.iter().map(|&argument| argument.to_owned()).collect();
    let loaded = load(&Request { scenario: name.to_owned(), set, seed: None }, false).unwrap();
    let scenario = &loaded.points[0].scenario;
    let plan = setup(scenario);
    let (world, built) = counted(|| build(&plan, scenario, 0, 1).unwrap());
    assert!(built.count_total > 0, "nothing is counted");
    (world, built)
}

/// The world of a scenario's text.
fn written(text: &str) -> (Simulation<Element>, AllocationInfo) {
    let mut file = tempfile::Builder::new().suffix(".ron").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    shipped(file.path().to_str().unwrap(), &[])
}

/// Runs to `millis` from the start, reporting what results are made of, and says what that has allocated.
fn run_to(simulation: &mut Simulation<Element>, millis: u64) -> AllocationInfo {
    let mut sinks = Sinks::new(Interests::RESULTS);
    let until = Until::Time(SimTime::ZERO + Span::from_millis(millis));
    counted(|| simulation.run(until, &mut sinks).unwrap()).1
}

/// Packets that hosts have made so far.
fn made(simulation: &Simulation<Element>) -> u64 {
    nodes(simulation).map(|(_, node)| node.counts().originated).sum()
}

/// Packets that were dropped so far, wherever and why.
fn lost_so_far(simulation: &Simulation<Element>) -> u64 {
    nodes(simulation).map(|(_, node)| DropCause::ALL.iter().map(|cause| node.dropped(*cause)).sum::<u64>()).sum()
}

/// Packets made between two instants in milliseconds, and allocations in that time; the world stands at the first.
fn between(simulation: &mut Simulation<Element>, from: u64, to: u64) -> (u64, u64) {
    run_to(simulation, from);
    let before = made(simulation);
    let allocations = run_to(simulation, to).count_total;
    (made(simulation) - before, allocations)
}

/// What a second in steady state may allocate, however many packets are made in it: a table that grows when more is under way than ever
/// before. Packets themselves lie in a pool.
const ALLOCATIONS_PER_SECOND: u64 = 64;

/// Checks the allocations of one second in which so many packets were made.
fn nothing_by_the_packet(what: &str, (packets, allocations): (u64, u64)) {
    eprintln!("{what}: {allocations} allocations for {packets} packets in a second");
    assert!(packets > 100 * ALLOCATIONS_PER_SECOND, "{what}: too few packets to tell: {packets}");
    let budget = ALLOCATIONS_PER_SECOND;
    assert!(allocations <= budget, "{what}: {allocations} allocations for {packets} packets, more than {budget}");
}

/// One second of 12,500 packets, each over ten links: 125,000 packet-hops.
#[test]
fn a_hop_allocates_nothing() {
    let _alone = alone();
    let (mut world, _) = shipped("bench-chain", &[]);
    let second = between(&mut world, 1000, 2000);
    assert_eq!(second.0, 12_500);
    nothing_by_the_packet("bench-chain", second);
}

/// In its third second the dumbbell loses nothing: slow start is over, and the queue not yet full again.
#[test]
fn a_segment_without_loss_allocates_nothing() {
    let _alone = alone();
    let (mut world, _) = shipped("bench-dumbbell", &[]);
    run_to(&mut world, 2000);
    let lost = lost_so_far(&world);
    let second = between(&mut world, 2000, 3000);
    assert_eq!(lost_so_far(&world), lost, "a second with losses; take another one");
    nothing_by_the_packet("bench-dumbbell without loss", second);
}

/// An acknowledgement that reports what is missing costs seven allocations: its options lie out of line, being rare, and ranges are
/// gathered at both ends. A packet in twenty is such a one.
const ALLOCATIONS_PER_PACKET_WITH_LOSSES: f64 = 0.2;

#[test]
fn losses_allocate_little() {
    let _alone = alone();
    let (mut world, _) = shipped("bench-dumbbell", &[]);
    let (packets, allocations) = between(&mut world, 1000, 10_000);
    eprintln!("bench-dumbbell with losses: {allocations} allocations for {packets} packets in nine seconds");
    let budget = ALLOCATIONS_PER_PACKET_WITH_LOSSES * packets as f64;
    assert!(allocations as f64 <= budget, "{allocations} allocations for {packets} packets, more than {budget}");
}

/// What one more of many takes in bytes, if `of` says what so many take in all.
fn each(number: u64, of: impl Fn(u64) -> i64) -> f64 {
    // The thread's pool of packets is left by the first as by the others.
    of(2 * number);
    (of(2 * number) - of(number)) as f64 / number as f64
}

/// The budget in bytes that the documentation names.
fn budget(what: &str) -> f64 {
    let (_, section) = include_str!("../../docs/performance.md").split_once("## Memory budget").unwrap();
    let rows = section.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let row = rows.into_iter().find(|cells| cells.get(1) == Some(&what));
    row.unwrap_or_else(|| panic!("docs/performance.md has no budget for {what}"))[3].replace(',', "").parse().unwrap()
}

/// Holds bytes to their budget; `--nocapture` shows them.
fn holds(what: &str, bytes: f64) {
    let budget = budget(what);
    eprintln!("{what}: {bytes:.1} bytes, budget {budget}");
    assert!(bytes > 0.0, "{what}: nothing is counted");
    assert!(bytes <= budget, "{what}: {bytes:.1} bytes, more than {budget}");
}

/// A leaf of a star, nothing running on it, with both directions of its link and its place in the tables of the hub.
#[test]
fn bytes_of_an_idle_host() {
    let _alone = alone();
    let star = |leaves: u64| {
        let text = format!(
            r#"(format: 1, title: "Star",
            networks: [Star(name: "s", leaves: {leaves}, link: (rate: "250 kbit/s", delay: "10 ms", loss: "1 %"))],
            apps: [(name: "server", on: "s-hub", run: UdpServer(port: 7))], until: After("1 s"))"#
        );
        let (_world, built) = written(&text);
        built.bytes_current
    };
    holds("idle host", each(1000, star));
}

/// A node of `bench-star` after two requests: application, socket, timers, the losses' random streams and the application's own.
#[test]
fn bytes_of_a_host_that_asks() {
    let _alone = alone();
    let star = |leaves: u64| {
        let stagger = Span::from_secs(10).as_nanos() / leaves;
        let (mut world, built) =
            shipped("bench-star", &[&format!("nodes={leaves}"), &format!("stagger=\"{stagger} ns\"")]);
        let mut sinks = Sinks::new(Interests::NONE);
        let (_, run) = counted(|| world.run(Until::Time(SimTime::ZERO + Span::from_secs(20)), &mut sinks).unwrap());
        built.bytes_current + run.bytes_current
    };
    holds("host that asks", each(1000, star));
}

/// Both ends of a connection that has carried 1 MiB and is idle, with what a client and its server keep of it. One end by itself is
/// held to 1 KiB where TCP is.
#[test]
fn bytes_of_an_idle_connection() {
    let _alone = alone();
    let connections = |number: u64| {
        let clients: String = (0..number)
            .map(|n| {
                format!(
                    r#"(name: "c{n}", on: "a", run: TcpClient(to: "b", port: 80, request: "64 B", think: "1000 s",
                    start: "{n} ms")),"#
                )
            })
            .collect();
        let text = format!(
            r#"(format: 1, title: "Connections", nodes: [(name: "a"), (name: "b")],
            links: [(ends: ("a", "b"), rate: "10 Gbit/s", delay: "1 ms")],
            apps: [(name: "server", on: "b", run: TcpServer(port: 80, response: "1 MiB")), {clients}], until: After("60 s"))"#
        );
        let (mut world, built) = written(&text);
        let mut sinks = Sinks::new(Interests::NONE);
        let (_, run) = counted(|| world.run(Until::Time(SimTime::ZERO + Span::from_secs(50)), &mut sinks).unwrap());
        built.bytes_current + run.bytes_current
    };
    holds("idle connection, both ends", each(100, connections));
}

/// A session of ICE that is connected and asks for consent: both agents with sockets, timers and luck, the channel between them, and
/// the mappings that there are at two carriers' NATs beyond those of hosts that ask a STUN server once, which are what is compared.
#[test]
fn bytes_of_a_session_of_ice() {
    let _alone = alone();
    let text = protosim_experiments::scenario::library::find("bench-ice").unwrap().text;
    let with_clients: String = {
        let lines = text.lines().filter(|line| !line.contains("channels: [") && !line.contains("app: \"call\""));
        let client = r#"run: StunClient(to: "stun", count: 1)),"#;
        let replaced = lines.map(|line| match line.split_once("run: IceAgent(") {
            Some((head, _)) => format!("{head}{client}\n"),
            None => format!("{line}\n"),
        });
        replaced.collect()
    };
    let sessions = |text: &str, number: u64| {
        let text = text.replace("values: [100]", &format!("values: [{number}]"));
        let (mut world, built) = written(&text);
        let mut sinks = Sinks::new(Interests::NONE);
        let (_, run) = counted(|| world.run(Until::Time(SimTime::ZERO + Span::from_secs(50)), &mut sinks).unwrap());
        built.bytes_current + run.bytes_current
    };
    let hosts = each(200, |number| sessions(&with_clients, number));
    holds("session of ICE", each(200, |number| sessions(text, number)) - hosts);
}

/// Holds one connection, of a client or of many at a server, and keeps nothing of its own but where it goes.
#[derive(Clone, Debug)]
struct Bare {
    /// The server, and how streams are.
    common: Arc<(SocketAddr, StreamOptions)>,
    /// When it connects; `None` for the server itself.
    start: Option<Span>,
}

impl App for Bare {
    fn on_start(&mut self, host: &mut dyn Host) {
        match self.start {
            Some(start) => host.set_timer(1, host.now().saturating_add(start), "connect"),
            None => host.stream_listen(1883, &self.common.1).unwrap(),
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        let stream = host.stream_connect(self.common.0, &self.common.1).unwrap();
        assert_eq!(host.stream_write(stream, &Rope::from(vec![1; 64])), Ok(64));
    }

    /// Servers answer with as much as has come.
    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if event == StreamEvent::Readable {
            let data = host.stream_read(stream, u64::MAX).unwrap();
            if self.start.is_none() && !data.is_empty() {
                assert_eq!(host.stream_write(stream, &data), Ok(data.len()));
            }
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}

/// What the world of `bench-mqtt` without its collector takes after 19.9 s: all clients have connected within 10 s and published, the next
/// messages are due 20 s after those, and nothing is under way. `bare`: other applications hold the same connections.
fn clients_of_mqtt(clients: u64, bare: bool) -> i64 {
    let text = protosim_experiments::scenario::library::find("bench-mqtt").unwrap().text;
    let lines = text.lines().filter(|line| !line.contains("name: \"collector\""));
    clients_at_rest(&lines.collect::<Vec<_>>().join("\n"), clients, bare)
}

/// The same of `bench-amqp`, with this half of its channels: publications and consumers have a line each.
fn clients_of_amqp(clients: u64, queues: u64, bare: bool) -> i64 {
    let text = protosim_experiments::scenario::library::find("bench-amqp").unwrap().text;
    let is_left = |line: &&str| {
        let is_of_more = |number: u64| {
            [format!("(key: \"work-{number}\""), format!("(queue: \"work-{number}\"")]
                .iter()
                .any(|own| line.contains(own))
        };
        !(queues + 1..=5).any(is_of_more)
    };
    let lines = text.lines().filter(is_left);
    clients_at_rest(&lines.collect::<Vec<_>>().join("\n"), clients, bare)
}

fn clients_at_rest(text: &str, clients: u64, bare: bool) -> i64 {
    let mut file = tempfile::Builder::new().suffix(".ron").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let stagger = Span::from_secs(10).as_nanos() / clients;
    let set = vec![format!("clients={clients}"), format!("stagger=\"{stagger} ns\"")];
    let scenario = file.path().to_str().unwrap().to_owned();
    let loaded = load(&Request { scenario, set, seed: None }, false).unwrap();
    let scenario = &loaded.points[0].scenario;
    let plan = setup(scenario);
    let build = || match bare {
        true => bare_connections(scenario, &plan),
        false => build(&plan, scenario, 0, 1).unwrap(),
    };
    let (mut world, built) = counted(build);
    let mut sinks = Sinks::new(Interests::NONE);
    let until = Until::Time(SimTime::ZERO + Span::from_millis(19_900));
    let (_, run) = counted(|| world.run(until, &mut sinks).unwrap());
    built.bytes_current + run.bytes_current
}

/// A world with [`Bare`] in place of each application.
fn bare_connections(scenario: &Scenario, plan: &Plan) -> Simulation<Element> {
    let hub = plan.node("s-hub").unwrap();
    let server = SocketAddr::new(plan.addresses(hub).next().unwrap(), 1883);
    let mut parameters = TcpConfig::default().resolve();
    parameters.nagle = false;
    let common = Arc::new((server, StreamOptions { tcp: Arc::new(parameters), early_data: Rope::new() }));
    let apps = scenario.placements().map(|placed| {
        let start = placed.to.map(|_| placed.config().starts_at());
        let (node, name) = (plan.node(placed.on).unwrap(), placed.spec.name.clone());
        let app = Box::new(Bare { common: Arc::clone(&common), start });
        Installation { node, name, app, is_measured: false }
    });
    let seed = RunSeed { seed: scenario.seed, replication: 0 };
    plan.simulation_with(seed, scenario.limits(), apps.collect(), 1, plan.acts()).unwrap()
}

/// A client of `bench-mqtt` and all that the broker has of it, above the two ends of its TCP connection: compared with a star in which
/// applications without any state hold the same connections.
#[test]
fn bytes_of_an_idle_client_of_mqtt() {
    let _alone = alone();
    let number = 1000;
    let connections = each(number, |clients| clients_of_mqtt(clients, true));
    let all = each(number, |clients| clients_of_mqtt(clients, false));
    eprintln!("a node with its connection: {connections:.0} bytes, with MQTT {all:.0}");
    holds("idle client of MQTT", all - connections);
}

/// A client of `bench-amqp` with ten channels, on five of which it publishes and on five consumes, and all that the broker has of it, above the two ends of its TCP connection; and
/// of that a channel: what it takes less with three publications and three consumers less, over six.
#[test]
fn bytes_of_an_idle_client_of_amqp() {
    let _alone = alone();
    let number = 1000;
    let connections = each(number, |clients| clients_of_amqp(clients, 5, true));
    let all = each(number, |clients| clients_of_amqp(clients, 5, false));
    let few = each(number, |clients| clients_of_amqp(clients, 2, false));
    eprintln!("a node with its connection: {connections:.0} bytes, with AMQP {all:.0}, with four channels {few:.0}");
    holds("idle client of AMQP with ten channels", all - connections);
    holds("channel of a client of AMQP", (all - few) / 6.0);
}

/// What the world of `bench-sleepy` takes after 119 min and a half, with so many meters in each of its 25 cells: the last one has asked for the second
/// time 50 s ago and listened for 10 s, and all are asleep.
fn sleeping_meters(meters: u64, are_metered: bool) -> i64 {
    let text = protosim_experiments::scenario::library::find("bench-sleepy").unwrap().text;
    let device = r#", device: (profile: "bg96")"#;
    assert!(text.contains(device), "bench-sleepy says otherwise what its meters are");
    // Without devices there is nothing to measure of them.
    let lines = text.lines().filter(|line| are_metered || !line.trim_start().starts_with("measure:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = if are_metered { text } else { text.replace(device, "") };
    let stagger = Span::from_secs(58 * 60).as_nanos() / meters;
    let mut file = tempfile::Builder::new().suffix(".ron").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let set = [format!("meters={meters}"), format!("stagger=\"{stagger} ns\"")];
    let (mut world, built) = shipped(file.path().to_str().unwrap(), &set.each_ref().map(String::as_str));
    let mut sinks = Sinks::new(Interests::NONE);
    let until = Until::Time(SimTime::ZERO + Span::from_secs(119 * 60 + 30));
    let (_, run) = counted(|| world.run(until, &mut sinks).unwrap());
    built.bytes_current + run.bytes_current
}

/// A meter of `bench-sleepy`: its host, its application, what its cell has of it, its device; and of that what there is for being metered.
#[test]
fn bytes_of_a_sleeping_meter() {
    let _alone = alone();
    let cells = 25.0;
    let metered = each(40, |meters| sleeping_meters(meters, true)) / cells;
    let others = each(40, |meters| sleeping_meters(meters, false)) / cells;
    holds("sleeping meter", metered);
    holds("device of a sleeping meter", metered - others);
}

/// What a broker has of one message of 64 KiB for each of its subscribers: queued for those who are away, or sent and not answered. Its
/// payload is there once, in the packets too.
#[test]
fn bytes_of_a_copy_for_a_subscriber() {
    let _alone = alone();
    let limits = Limits::default();
    let message = Message::new(Text::new("command").unwrap(), Rope::from(vec![7; 1 << 16]), QoS::AtLeastOnce);
    let copies = |number: u64, is_there: bool| {
        let mut subscribers: Vec<(Session, Option<Link>)> = (0..number)
            .map(|_| {
                let session = Session::new();
                let link = is_there.then(|| Link::new(&session, LinkOptions::new(Version::V5)));
                (session, link)
            })
            .collect();
        let publish = || {
            let send = |(session, link): &mut (Session, Option<Link>)| {
                assert_eq!(session.publish(link.as_mut(), &limits, message.clone()), Offered::Taken(Vec::new()));
                match session.next(link.as_mut()?, &limits, LocalTime::ZERO) {
                    Some(Outgoing::Packet(packet)) => Some(packet.encode(Version::V5).unwrap()),
                    other => panic!("{other:?}"),
                }
            };
            subscribers.iter_mut().filter_map(send).collect::<Vec<Rope>>()
        };
        let (packets, info) = counted(publish);
        assert_eq!(packets.len() as u64, if is_there { number } else { 0 });
        info.bytes_current
    };
    holds("copy for a subscriber who is away", each(1000, |number| copies(number, false)));
    holds("copy for a subscriber, with its packet", each(1000, |number| copies(number, true)));
}

/// Packets of 1000 B that wait for a link of 1 kbit/s.
fn waiting(number: u64, queue: &str) -> i64 {
    let text = format!(
        r#"(format: 1, title: "Queue", nodes: [(name: "a"), (name: "b")],
        links: [(ends: ("a", "b"), rate: "1 kbit/s", delay: "1 ms", forward: (queue: {queue}))],
        apps: [(name: "sink", on: "b", run: UdpSink(port: 9)),
            (name: "source", on: "a", run: UdpSource(to: "b", port: 9, rate: "1 Gbit/s", payload: "1000 B", count: {number}))],
        until: After("1 s"))"#
    );
    let (mut world, _) = written(&text);
    let first = run_to(&mut world, 0);
    let then = run_to(&mut world, 900);
    assert_eq!((made(&world), world.counts().deliveries), (number, 0), "all wait");
    first.bytes_current + then.bytes_current
}

/// In a queue that drops from its tail, departures are computed, and packets lie on the wire from the start.
#[test]
fn bytes_of_a_queued_packet() {
    let _alone = alone();
    let queue = r#""1000000 packets""#;
    holds("queued packet, drop-tail", each(10_000, |number| waiting(number, queue)));
}

#[test]
fn bytes_of_a_packet_in_a_managed_queue() {
    let _alone = alone();
    let queue = r#"CoDel(limit: "1000000 packets", target: "60 s", interval: "1000 s")"#;
    holds("queued packet, managed", each(10_000, |number| waiting(number, queue)));
}

/// The streams of entities that have drawn from `hot` of them, names of eight bytes.
fn streams(number: u64, hot: usize) -> i64 {
    const PURPOSES: [Purpose; 3] = [Purpose("loss"), Purpose("delay"), Purpose("think")];
    let run = RunSeed { seed: 1, replication: 0 };
    let make = || {
        let mut all = Vec::with_capacity(number as usize);
        for entity in 0..number {
            let mut streams = Streams::new(run, &format!("n{entity:07}"));
            for purpose in &PURPOSES[..hot] {
                streams.get(*purpose).next_u64();
            }
            all.push(streams);
        }
        all
    };
    counted(make).1.bytes_current
}

#[test]
fn bytes_of_random_streams() {
    let _alone = alone();
    let [cold, one, three] = [0, 1, 3].map(|hot| each(1000, |number| streams(number, hot)));
    holds("random streams, before the first draw", cold);
    holds("random stream, the first of an entity", one - cold);
    holds("random stream, each further", (three - one) / 2.0);
}

/// Timers at random within a second.
#[test]
fn bytes_of_a_pending_event() {
    let _alone = alone();
    let queue = |number: u64| {
        let mut draws = RunSeed { seed: 1, replication: 0 }.stream("queue", Purpose("times"));
        let fill = || {
            let mut queue = EventQueue::default();
            for sequence in 0..number {
                let at = SimTime::from_nanos(1 + draws.below(1_000_000_000));
                queue.push(EventKey::new(at, Class::Timer, 1, sequence));
            }
            queue
        };
        counted(fill).1.bytes_current
    };
    holds("pending event", each(100_000, queue));
}
