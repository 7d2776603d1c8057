//! Media under the kernel, against closed forms and timings worked out by hand.

use super::testing::{Field, address, micros, names, socket};
use super::{Access, CarrierSense, CsmaConfig, MediumConfig, RadioConfig, StationConfig, SwitchConfig};
use crate::app::App;
use crate::link::Mtu;
use crate::name::NodeName;
use crate::node::DropCause;
use crate::queue::{CoDelConfig, QueueConfig};
use crate::testing::{Probe, drop_tail};
use crate::traffic::{Pattern, SizeDistribution, SizesOf, UdpSink, UdpSinkConfig, UdpSource, UdpSourceConfig};
use protosim_core::{Purpose, Ratio, RunSeed, Size, Span, Until};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

/// Bytes of headers before a payload: UDP over IPv4.
const HEADERS: u64 = 28;

fn switch(count: usize) -> SwitchConfig {
    let config = SwitchConfig::new("m", names(count), "10 Mbit/s".parse().unwrap());
    SwitchConfig { delay: Some("7 us".parse().unwrap()), ..config }
}

fn bus(count: usize) -> CsmaConfig {
    CsmaConfig::new("m", names(count))
}

/// Stations in a row, so many metres apart, that reach 10 m. At 1 Mbit/s a byte takes 8 µs.
fn radio(places: &[i64], access: Access) -> RadioConfig {
    let station = |(node, metres): (NodeName, &i64)| StationConfig {
        node,
        spacing: None,
        at: (format!("{metres} m").parse().unwrap(), "0 m".parse().unwrap()),
    };
    let stations = names(places.len()).into_iter().zip(places).map(station).collect();
    let config = RadioConfig::new("m", stations, "10 m".parse().unwrap(), "1 Mbit/s".parse().unwrap());
    RadioConfig { access, ..config }
}

fn mtu(text: &str) -> Mtu {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    Mtu::deserialize(text).unwrap()
}

fn sink() -> Option<Box<dyn App>> {
    Some(Box::new(UdpSink::new(UdpSinkConfig { port: 9 })))
}

/// Packets of `len` IP bytes to a station, each of so many at its time in microseconds.
fn sender(to: usize, len: u64, times: &[(u64, u64)]) -> Option<Box<dyn App>> {
    let burst =
        |probe: Probe, (micros, count): &(u64, u64)| probe.burst(micros * 1000, socket(to, 9), len - HEADERS, *count);
    // It listens on port 9 too, so that nobody answers with errors.
    Some(Box::new(times.iter().fold(Probe::new(9), burst)))
}

/// Poisson arrivals of packets of `len` IP bytes at `load` of 1 Mbit/s.
fn poisson(to: usize, len: u64, load: f64, until: Span) -> Option<Box<dyn App>> {
    let bits = protosim_core::maths::round_to_u64(load * 1e6);
    let config = UdpSourceConfig {
        rate: protosim_core::Rate::from_bits_per_sec(bits),
        payload: Some(SizeDistribution::Fixed(Size::from_bytes(len))),
        sizes_of: SizesOf::Packet,
        pattern: Pattern::Poisson,
        stop: Some(until),
        ..UdpSourceConfig::constant(
            NodeName(String::new()),
            9,
            "1 bit/s".parse().unwrap(),
            Size::from_bytes(len - HEADERS),
        )
    };
    Some(Box::new(UdpSource::new(config, socket(to, 9))))
}

fn times(field: &mut Field, station: usize) -> Vec<u64> {
    field.arrivals(station).into_iter().map(|(at, _)| at).collect()
}

// The switch.

/// 972 bytes of IP and 38 of Ethernet are 808 µs at 10 Mbit/s; twice that and two cables of 7 µs are 1630 µs. The second of two
/// that are sent at once comes one frame later: it is on the first cable while the first one is on the second.
#[test]
fn a_switch_stores_and_forwards() {
    let config = MediumConfig::Switch(switch(3));
    let mut field = Field::new(&config, 1, vec![sender(1, 972, &[(0, 2)]), sink(), sink()], 1).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 1), [1_630_000, 2_438_000]);
    assert_eq!((field.total(1, "datagrams"), field.total(2, "datagrams")), (2, 0));
    let counts = field.medium().counts();
    assert_eq!((counts.frames, counts.delivered, counts.collisions, field.medium().busy()), (2, 2, 0, None));
}

/// Two stations send to a third at once, five frames each: the port takes one at a time and holds two more. Frames come in two by two each 808
/// µs, one leaves in that time. Of the first two, one is served and one waits; in each further pair, one finds the place that was
/// freed, and from the third pair on the queue of two is full: of the ten, one each leaves in the rounds 1 to 5, two wait at the
/// end and are sent too, and 3 are dropped.
#[test]
fn a_port_that_overflows_drops_and_counts() {
    let config = MediumConfig::Switch(SwitchConfig { queue: drop_tail("2 packets"), ..switch(3) });
    let apps = vec![sender(2, 972, &[(0, 5)]), sender(2, 972, &[(0, 5)]), sink()];
    let mut field = Field::new(&config, 1, apps, 1);
    field.run(Until::Quiet);
    assert_eq!((field.total(2, "datagrams"), field.dropped(DropCause::QueueFull)), (7, 3));
    assert_eq!(field.medium().counts().delivered, 7);
}

/// A station that is not there, and the sender itself, take nothing.
#[test]
fn frames_for_nobody_are_dropped() {
    let config = MediumConfig::Switch(switch(2));
    let apps = vec![sender(77, 100, &[(0, 3)]), sink()];
    let mut field = Field::new(&config, 1, apps, 1);
    field.run(Until::Quiet);
    assert_eq!(field.dropped(DropCause::OutOfRange), 3);
}

// The bus.

/// A frame of 46 bytes and 26 around them takes 57.6 µs at 10 Mbit/s; it is handed over in 1 ns, and a signal takes 5 µs. The second
/// frame begins a gap of 9.6 µs later.
#[test]
fn a_frame_alone_on_the_bus() {
    let config = MediumConfig::Csma(bus(2));
    let mut field = Field::new(&config, 1, vec![sender(1, 46, &[(0, 2)]), sink()], 1).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 1), [62_601, 62_601 + 57_600 + 9_600]);
    let counts = field.medium().counts();
    assert_eq!((counts.frames, counts.collisions, counts.retries), (2, 0, 0));
    assert_eq!(field.medium().busy(), Some("115200 ns".parse().unwrap()));
}

/// Two stations begin at 1 ns and 2001 ns: each hears the other one 5 µs after that began, jams for 3.2 µs, and stops: at 10 201 and
/// 8201 ns. Each waits r slots of 51.2 µs from there, r from its own stream below 2, and then begins, or a gap after it has heard
/// the end of the other one, whichever is later; a longer wait of the other one decides the collision. So it goes on until they
/// draw different numbers: worked out here with the streams' own draws, by the rule of the standard (IEEE 802.3 §4.2.3.2.5).
#[test]
fn a_collision_is_resolved_by_binary_exponential_backoff() {
    let mut seen_rounds = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let config = MediumConfig::Csma(bus(3));
        let mut apps = vec![sender(2, 46, &[(0, 1)]), sender(2, 46, &[(2, 1)]), sink()];
        let mut field = Field::new(&config, seed, std::mem::take(&mut apps), 1).listening();
        field.run(Until::Quiet);
        let (expected, rounds) = resolved(seed, [1, 2001]);
        assert_eq!(times(&mut field, 2), expected, "seed {seed}");
        let counts = field.medium().counts();
        assert_eq!((counts.collisions, counts.retries), (2 * rounds, 2 * rounds), "seed {seed}");
        assert_eq!((counts.frames, counts.delivered), (2 + 2 * rounds, 2));
        seen_rounds.insert(rounds);
    }
    // One collision, and several: half of all first draws agree.
    assert!(seen_rounds.contains(&1) && seen_rounds.len() >= 3, "{seen_rounds:?}");
}

/// When the frames of two stations that begin at these nanoseconds arrive, and after how many collisions.
fn resolved(seed: u64, mut begins: [u64; 2]) -> (Vec<u64>, u64) {
    const DELAY: u64 = 5000;
    const JAM: u64 = 3200;
    const SLOT: u64 = 51_200;
    const GAP: u64 = 9600;
    const FRAME: u64 = 57_600;
    let stream = |station: &str| RunSeed { seed, replication: 0 }.stream(station, Purpose("medium.backoff"));
    let mut streams = [stream("m:s000"), stream("m:s001")];
    let mut rounds = 0;
    // Who begins within a delay of the other one has not heard it.
    while begins[0].abs_diff(begins[1]) <= DELAY {
        rounds += 1;
        let ends = [0, 1].map(|own| begins[1 - own] + DELAY + JAM);
        begins = [0, 1].map(|own| {
            let waited = ends[own] + SLOT * streams[own].below(1 << rounds.min(10));
            waited.max(ends[own] + GAP).max(ends[1 - own] + DELAY + GAP)
        });
    }
    let first = usize::from(begins[1] < begins[0]);
    let second = begins[1 - first].max(begins[first] + FRAME + DELAY + GAP);
    (vec![begins[first] + FRAME + DELAY, second + FRAME + DELAY], rounds)
}

/// With one attempt, a frame that collides is given up.
#[test]
fn attempts_are_limited() {
    let config = MediumConfig::Csma(CsmaConfig { attempts: Some(1), ..bus(3) });
    let apps = vec![sender(2, 46, &[(0, 1)]), sender(2, 46, &[(2, 1)]), sink()];
    let mut field = Field::new(&config, 1, apps, 1);
    field.run(Until::Quiet);
    assert_eq!((field.dropped(DropCause::RetryLimit), field.total(2, "datagrams")), (2, 0));
}

/// Ten stations have more to send than the bus carries. Nothing is sent faster than its rate: a frame of 1500 + 26 bytes and its
/// gap take 1230.4 µs, so that a second holds at most 812. Metcalfe and Boggs (1976) give the efficiency (P/C) / (P/C + W T), W = (1 − A) / A slots
/// lost for a frame with A = (1 − 1/Q)^(Q−1), at least 1/e: with P/C = 1220.8 µs and T = 51.2 µs, 0.93 or more of the
/// time for Q = 10 stations that choose their chance well. Ethernet's back-off is no better than that, and by its capture effect
/// not much worse: three quarters at least.
#[test]
fn a_busy_bus_stays_within_its_capacity() {
    let config = MediumConfig::Csma(bus(11));
    let mut apps: Vec<_> = (0..10).map(|_| sender(10, 1500, &[(0, 2000)])).collect();
    apps.push(sink());
    let mut field = Field::new(&config, 3, apps, 1);
    field.run(Until::Time(micros(1_000_000)));
    let got = field.total(10, "datagrams");
    assert!((609..=812).contains(&got), "{got}");
    let counts = field.medium().counts();
    assert!(counts.collisions > 100 && counts.retries + field.dropped(DropCause::RetryLimit) >= counts.collisions - 20);
    assert!(field.dropped(DropCause::QueueFull) > 0);
}

/// Without detection, two that begin within a delay of each other are lost both, and nobody tries again. A third one that finds them
/// talking waits and comes through.
#[test]
fn without_detection_what_meets_is_lost() {
    let config = MediumConfig::Csma(CsmaConfig { detection: Some(false), ..bus(4) });
    let apps = vec![sender(3, 46, &[(0, 1)]), sender(3, 46, &[(2, 1)]), sender(3, 46, &[(20, 1)]), sink()];
    let mut field = Field::new(&config, 1, apps, 1).listening();
    field.run(Until::Quiet);
    let counts = field.medium().counts();
    assert_eq!((counts.frames, counts.collisions, field.dropped(DropCause::Collision)), (3, 2, 2));
    assert_eq!((counts.delivered, field.total(3, "datagrams")), (1, 1));
    // The second one ends at 2001 + 57 600 ns and is heard for 5 µs more; then come the gap and r slots, and the frame.
    let arrived = times(&mut field, 3)[0] - 2001 - 57_600 - 5000 - 9600 - 57_600 - 5000;
    assert!(arrived.is_multiple_of(51_200) && arrived / 51_200 < 2 && counts.retries == 1, "{arrived}");
}

// The radio channel.

/// 125 bytes at 1 Mbit/s are 1 ms. The first frame of each pair is heard alone; those of 10 ms and 10.5 ms overlap; one that begins
/// as another ends does not overlap it.
#[test]
fn frames_that_overlap_at_a_station_are_lost_there() {
    let config = MediumConfig::Radio(radio(&[0, 5, 10], Access::Aloha));
    let apps = vec![
        sender(1, 125, &[(0, 1), (10_000, 1), (20_000, 1)]),
        sink(),
        sender(1, 125, &[(5000, 1), (10_500, 1), (21_000, 1)]),
    ];
    let mut field = Field::new(&config, 1, apps, 1).listening();
    field.run(Until::Quiet);
    // 1 ns to the medium, and 1 ns back.
    assert_eq!(times(&mut field, 1), [1_000_002, 6_000_002, 21_000_002, 22_000_002]);
    assert_eq!((field.dropped(DropCause::Collision), field.medium().counts().frames), (2, 6));
    assert_eq!(field.medium().busy(), Some("5500 us".parse().unwrap()));
}

/// Who talks hears nothing, whichever began first; and who is a millimetre too far hears nothing ever.
#[test]
fn stations_are_half_duplex_and_have_a_range() {
    let mut far = radio(&[0, 10, 20], Access::Aloha);
    far.stations[2].at.0 = "20.001 m".parse().unwrap();
    let config = MediumConfig::Radio(far);
    let apps = vec![sender(1, 125, &[(0, 1), (5000, 1)]), sender(0, 125, &[(500, 1)]), sender(1, 125, &[(9000, 1)])];
    let mut field = Field::new(&config, 1, apps, 1);
    field.run(Until::Quiet);
    assert_eq!((field.dropped(DropCause::Collision), field.dropped(DropCause::OutOfRange)), (2, 1));
    assert_eq!(field.medium().counts().delivered, 1);
}

/// A and C do not hear each other, but B hears both. Both have a frame of 4 ms at the same time: with the ranges of back-off of 0 to
/// 7 units of 320 µs, both are on the air before either ends, whatever they draw. Where A, B and C all hear each other, and turn
/// to talking at once, they only meet where both draw the same.
#[test]
fn hidden_stations_meet_and_neighbours_do_not() {
    let sense = CarrierSense { turnaround: Span::ZERO, max_backoffs: 100, ..CarrierSense::default() };
    let run = |places: &[i64], seed| {
        let config = MediumConfig::Radio(radio(places, Access::Csma(sense)));
        let apps = vec![sender(1, 500, &[(0, 1)]), sink(), sender(1, 500, &[(0, 1)])];
        let mut field = Field::new(&config, seed, apps, 1);
        field.run(Until::Quiet);
        let draw = |station| RunSeed { seed, replication: 0 }.stream(station, Purpose("medium.backoff")).below(8);
        (field.total(1, "datagrams"), draw("m:s000") == draw("m:s002"))
    };
    let mut equal = 0;
    for seed in 0..50 {
        assert_eq!(run(&[0, 10, 20], seed).0, 0, "seed {seed}");
        let (got, is_equal) = run(&[0, 5, 10], seed);
        assert_eq!(got, if is_equal { 0 } else { 2 }, "seed {seed}");
        equal += u32::from(is_equal);
    }
    assert!(equal > 0);
}

/// What begins while a station turns from listening to talking is not heard: with a turnaround of 192 µs, two whose listening ends
/// within it meet. And who finds the medium busy too often gives its frame up.
#[test]
fn turning_takes_time_and_patience_ends() {
    let sense = CarrierSense { min_exponent: 0, max_exponent: 0, max_backoffs: 1, ..CarrierSense::default() };
    let run = |late: u64| {
        let config = MediumConfig::Radio(radio(&[0, 5, 10], Access::Csma(sense)));
        let apps = vec![sender(1, 500, &[(0, 1)]), sink(), sender(1, 500, &[(late, 1)])];
        let mut field = Field::new(&config, 1, apps, 1);
        field.run(Until::Quiet);
        let counts = field.medium().counts();
        (counts.delivered, field.dropped(DropCause::Collision), field.dropped(DropCause::RetryLimit), counts.retries)
    };
    // Without back-off: each listens for 128 µs and talks 192 µs later.
    assert_eq!(run(191), (0, 2, 0, 0));
    // It hears the first one, which talks for 4 ms, twice.
    assert_eq!(run(193), (1, 0, 1, 1));
    // Its second look is after the end: the first frame is on the air from 320 to 4320 µs, and the listening windows end at
    // 4230 + 128 and, one such window later, at 4486.
    assert_eq!(run(4230), (2, 0, 0, 1));
}

/// Frames wait for the start of a slot of 12 ms: those of 0.3 and 1.2 ms begin at 12 ms, and meet; one that comes a
/// microsecond before 36 ms begins then. A slot begins a nanosecond after its multiple, and handing over takes another.
#[test]
fn slots_begin_at_multiples() {
    // What is handed over at the start of a slot is in that slot: frames of 0 and 3 ms in slots of 12 ms do not meet.
    let slotted = MediumConfig::Radio(radio(&[0, 5, 10], Access::SlottedAloha { slot: "12 ms".parse().unwrap() }));
    let apps = vec![sender(1, 125, &[(12_000, 1)]), sink(), sender(1, 125, &[(15_000, 1)])];
    let mut aligned = Field::new(&slotted, 1, apps, 1).listening();
    aligned.run(Until::Quiet);
    assert_eq!(times(&mut aligned, 1), [13_000_002, 25_000_002]);

    let config = MediumConfig::Radio(radio(&[0, 5, 10], Access::SlottedAloha { slot: "12 ms".parse().unwrap() }));
    let apps = vec![sender(1, 125, &[(300, 1), (35_999, 1)]), sink(), sender(1, 125, &[(1200, 1)])];
    let mut field = Field::new(&config, 1, apps, 1).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 1), [37_000_002]);
    assert_eq!(field.dropped(DropCause::Collision), 2);
}

/// Throughput of ALOHA. N stations of a circle have Poisson arrivals of G/N frames in a frame's time each, and a queue, so each talks for a share G/N
/// of the time (M/D/1). A frame comes through if every other station is silent when it begins, 1 − G/N, and begins nothing until it ends,
/// e^(−G/N), as arrivals of others do not know of it: S = G ((1 − G/N) e^(−G/N))^(N−1), which becomes G e^(−2G) (Abramson 1970). In slots, a
/// station talks in one with G/N: S = G (1 − G/N)^(N−1), which becomes G e^(−G) (Roberts 1975). With N = 50 these differ from
/// their limits by some 1 %, so that they are what is compared with.
///
/// 12 runs of each point with seeds of their own are independent: their mean is within t standard errors of the true value, t being
/// the quantile of Student's distribution with 11 degrees of freedom for 0.1 % in 12 points, 0.0083 % for each, both sides: 6.05.
#[test]
fn throughput_of_aloha_is_that_of_abramson_and_roberts() {
    const STATIONS: usize = 50;
    const RUNS: u64 = 12;
    const T: f64 = 6.05;
    for is_slotted in [false, true] {
        for load in [0.1, 0.25, 0.5, 0.75, 1.0, 1.5] {
            let got: Vec<f64> = (0..RUNS).map(|seed| throughput(is_slotted, load, seed, STATIONS)).collect();
            let mean = got.iter().sum::<f64>() / RUNS as f64;
            let variance = got.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (RUNS - 1) as f64;
            let half = T * (variance / RUNS as f64).sqrt();
            let (n, share) = (STATIONS as f64, load / STATIONS as f64);
            let silent = if is_slotted { 1.0 - share } else { (1.0 - share) * protosim_core::maths::exp(-share) };
            let expected = load * protosim_core::maths::pow(silent, n - 1.0);
            assert!((mean - expected).abs() <= half, "{is_slotted} {load}: {mean} ± {half}, not {expected}");
            assert!(half < 0.06 * expected, "the interval says something: {half}");
        }
    }
}

/// Frames that come through in a frame's time.
fn throughput(is_slotted: bool, load: f64, seed: u64, stations: usize) -> f64 {
    const FRAMES: u64 = 20_000;
    // 125 bytes are 1 ms.
    let frame = Span::from_millis(1);
    let access = if is_slotted { Access::SlottedAloha { slot: frame } } else { Access::Aloha };
    // Senders to the left and to the right of the sink, which hears all.
    let places: Vec<i64> = std::iter::once(0).chain((0..stations).map(|index| [-10, 10][index % 2])).collect();
    let mut radio = radio(&places, access);
    radio.mtu = Some(mtu("125 B"));
    let until = frame.saturating_mul(FRAMES);
    let mut apps = vec![sink()];
    apps.extend((0..stations).map(|_| poisson(0, 125, load / stations as f64, until)));
    let mut field = Field::new(&MediumConfig::Radio(radio), seed, apps, 1);
    field.run(Until::Quiet);
    field.total(0, "datagrams") as f64 / FRAMES as f64
}

// All of them.

/// 10 % of 5000 frames are lost, within five standard deviations (21.2).
#[test]
fn loss_is_drawn_for_each_receiver() {
    for config in [
        MediumConfig::Switch(SwitchConfig { loss: Some(Ratio::from_percent(10)), ..switch(2) }),
        MediumConfig::Csma(CsmaConfig { loss: Some(Ratio::from_percent(10)), ..bus(2) }),
        MediumConfig::Radio(RadioConfig { loss: Some(Ratio::from_percent(10)), ..radio(&[0, 1], Access::Aloha) }),
    ] {
        let times: Vec<(u64, u64)> = (0..5000).map(|k| (k * 2000, 1)).collect();
        let mut field = Field::new(&config, 1, vec![sender(1, 125, &times), sink()], 1);
        field.run(Until::Quiet);
        let lost = field.dropped(DropCause::Lost);
        assert!((394..=606).contains(&lost), "{lost}");
        assert_eq!(field.medium().counts().delivered, 5000 - lost);
    }
}

/// Stations of one medium share a thread, and what comes out is the same for any number of them; a switch with cables of some length
/// needs no company.
#[test]
fn threads_change_nothing() {
    let sense = Access::Csma(CarrierSense::default());
    for config in [
        MediumConfig::Switch(SwitchConfig { queue: drop_tail("3 packets"), ..switch(6) }),
        MediumConfig::Csma(bus(6)),
        MediumConfig::Radio(radio(&[0, 4, 8, 12, 16, 20], sense)),
    ] {
        let run = |threads| {
            let apps = (0..6).map(|index| poisson((index + 1) % 6, 500, 0.3, Span::from_millis(300))).collect();
            let mut field = Field::new(&config, 1, apps, threads);
            field.run(Until::Quiet);
            (field.digests(), field.medium().counts(), field.sim.partitioned())
        };
        let one = run(1);
        let parts: Vec<usize> = [2, 8]
            .map(run)
            .into_iter()
            .map(|(digests, counts, parts)| {
                assert_eq!((&digests, &counts), (&one.0, &one.1));
                parts
            })
            .collect();
        let is_switch = matches!(config, MediumConfig::Switch(_));
        assert_eq!(parts, if is_switch { [2, 7] } else { [1, 1] });
        assert!(one.1.frames > 100 && one.1.delivered > 10, "{:?}", one.1);
    }
}

/// Queues may be of any discipline; all have their counts.
#[test]
fn a_snapshot_goes_on_as_the_world_does() {
    let config = MediumConfig::Csma(CsmaConfig { queue: Some(QueueConfig::CoDel(CoDelConfig::default())), ..bus(4) });
    let apps = (0..4).map(|index| poisson((index + 1) % 4, 500, 2.0, Span::from_millis(200))).collect();
    let mut field = Field::new(&config, 1, apps, 1);
    field.run(Until::Time(micros(50_000)));
    let mut copy = field.sim.try_clone().unwrap();
    copy.run(Until::Quiet, &mut protosim_core::Sinks::deaf()).unwrap();
    field.run(Until::Quiet);
    assert_eq!(copy.entity_digests(), field.sim.entity_digests());
    assert_eq!(address(3), "172.16.0.4".parse::<std::net::IpAddr>().unwrap());
}
