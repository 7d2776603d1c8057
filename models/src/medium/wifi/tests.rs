//! Wi-Fi under the kernel: timings worked out by hand, closed forms, Bianchi's model, power save, and what a station draws.
//!
//! The stations are 0, 1, ...; the access point is the last one. What a node hands over is at the medium 1 ns later, and what the medium hands over is at the node 1 ns later.

use super::super::testing::{Field, names, shipped, socket};
use super::super::{GroupStations, MediumConfig, PowerSave, WifiConfig, WifiStation};
use super::timing::Phy;
use crate::app::App;
use crate::energy::Hardware;
use crate::energy::meter::{Cause, Part};
use crate::node::DropCause;
use crate::testing::{Probe, drop_tail};
use crate::traffic::{UdpSink, UdpSinkConfig};
use protosim_core::{Purpose, RunSeed, SimTime, Span, Until};

const HEADERS: u64 = 28;
const US: u64 = 1_000;
/// 100 time units.
const BEACON: u64 = 102_400_000;

/// So many stations at a rate.
fn lan(stations: usize, rate: &str) -> WifiConfig {
    let mut names = names(stations + 1);
    let access_point = names.pop().unwrap();
    let config = WifiConfig::new("m", access_point, names.into_iter().map(WifiStation::new).collect());
    WifiConfig { rate: Some(rate.parse().unwrap()), ..config }
}

/// One station that saves power, at 6 Mbit/s.
fn dozing(listen_every: u32) -> WifiConfig {
    let mut config = lan(1, "6 Mbit/s");
    config.stations[0].power_save = Some(PowerSave { listen_every, ..PowerSave::default() });
    config
}

fn sink() -> Option<Box<dyn App>> {
    Some(Box::new(UdpSink::new(UdpSinkConfig { port: 9 })))
}

/// Packets of `len` IP bytes to a station: so many at each of these nanoseconds.
fn sender(to: usize, len: u64, times: &[(u64, u64)]) -> Option<Box<dyn App>> {
    let send = |probe: Probe, (nanos, count): &(u64, u64)| probe.burst(*nanos, socket(to, 9), len - HEADERS, *count);
    Some(Box::new(times.iter().fold(Probe::new(9), send)))
}

fn run(config: &WifiConfig, seed: u64, apps: Vec<Option<Box<dyn App>>>, until: Until) -> Field {
    let mut field = Field::new(&MediumConfig::Wifi(config.clone()), seed, apps, 1).listening();
    field.run(until);
    field
}

/// The back-offs that a station draws, by stage: each draw below 2^exponent.
struct Luck(protosim_core::Stream);

impl Luck {
    fn of(seed: u64, station: usize) -> Self {
        let seed = RunSeed { seed, replication: 0 };
        Self(seed.stream(&format!("m:s{station:03}"), Purpose("medium.backoff")))
    }

    fn slots(&mut self, exponent: u32) -> u64 {
        self.0.below(1 << exponent)
    }
}

/// IEEE 802.11-2020: ACK of 14 bytes at 24 Mbit/s is 20 + 4 × ⌈(22 + 112) / 96⌉ = 28 us; 1500 bytes at 54 Mbit/s are 20 + 4 × ⌈12022 / 216⌉ = 244 us. With DSSS at 1 Mbit/s 192 us and 8 us
/// for each byte. Gaps: 802.11a 16, 25 and 34 us, 802.11b 10, 30 and 50 us.
#[test]
fn times_of_the_standard() {
    let us = |span: Span| span.as_nanos() / US;
    let fast = Phy::of(54_000_000).unwrap();
    assert_eq!([fast.ack(), fast.data(1_500), fast.sifs(), fast.pifs(), fast.difs()].map(us), [28, 244, 16, 25, 34]);
    let slow = Phy::of(1_000_000).unwrap();
    assert_eq!(
        [slow.ack(), slow.data(1_500), slow.sifs(), slow.pifs(), slow.difs()].map(us),
        [304, 12_192, 10, 30, 50]
    );
    // At 5.5 Mbit/s: 192 + ⌈12000 / 5.5⌉, acknowledged at 2 Mbit/s: 192 + 56.
    let middle = Phy::of(5_500_000).unwrap();
    assert_eq!([middle.ack(), middle.data(1_500), middle.ps_poll()].map(us), [248, 192 + 2_182, 192 + 160]);
    assert_eq!((Phy::of(7_000_000), Phy::nearest(7_000_000)), (None, 6_000_000));
}

/// The air has been idle for long: a packet that is handed over at 1 ns goes at the next slot, 9 us. 64 + 36 bytes at 6 Mbit/s are 20 + 4 × ⌈822 / 24⌉ = 160 us. Then
/// SIFS, an acknowledgement of 44 us, a DIFS of 34 us and a back-off; the second frame is there behind it.
#[test]
fn a_frame_alone() {
    for seed in 0..20 {
        let mut field = run(&lan(1, "6 Mbit/s"), seed, vec![sender(1, 64, &[(0, 2)]), sink()], Until::Quiet);
        let backoff = Luck::of(seed, 0).slots(4);
        let first = 9 * US + 160 * US;
        let second = first + (16 + 44 + 34 + 9 * backoff + 160) * US;
        assert_eq!(field.all_arrivals(), [(1, first + 1), (1, second + 1)], "seed {seed}");
        let counts = field.medium().counts();
        assert_eq!((counts.frames, counts.collisions, counts.retries), (2, 0, 0));
        assert_eq!(field.medium().busy(), Some(Span::from_micros(2 * (160 + 44))));
    }
}

/// A packet that comes while another station's frame is on the air draws a back-off, which begins a DIFS behind the acknowledgement.
#[test]
fn who_finds_the_air_busy_backs_off() {
    for seed in 0..20 {
        let apps = vec![sender(2, 64, &[(0, 1)]), sender(2, 64, &[(50 * US, 1)]), sink()];
        let mut field = run(&lan(2, "6 Mbit/s"), seed, apps, Until::Quiet);
        let backoff = Luck::of(seed, 1).slots(4);
        let first = (9 + 160) * US;
        let second = first + (16 + 44 + 34 + 9 * backoff + 160) * US;
        assert_eq!(field.all_arrivals(), [(2, first + 1), (2, second + 1)], "seed {seed}");
    }
}

/// Packets that come one by one, each in the middle of the own frame before: each next frame goes a DIFS and one back-off behind the acknowledgement, with one draw for each frame.
#[test]
fn who_gets_a_packet_during_its_frame_draws_once() {
    for seed in 0..20 {
        let mut luck = Luck::of(seed, 0);
        let (mut begins, mut times, mut expected) = (9 * US, vec![(0, 1)], Vec::new());
        for _ in 0..5 {
            times.push((begins + 80 * US, 1));
            expected.push((1, begins + 160 * US + 1));
            begins += (160 + 16 + 44 + 34 + 9 * luck.slots(4)) * US;
        }
        expected.push((1, begins + 160 * US + 1));
        let mut field = run(&lan(1, "6 Mbit/s"), seed, vec![sender(1, 64, &times), sink()], Until::Quiet);
        assert_eq!(field.all_arrivals(), expected, "seed {seed}");
    }
}

/// Two stations whose packets come within one slot collide at the next one. At 6 Mbit/s their frames are 160 and 228 us long (100 and 151 bytes: 20 + 4 × ⌈1230 / 24⌉ = 228), at 54 Mbit/s
/// 20 + 4 × ⌈822 / 216⌉ = 36 and 20 + 4 × ⌈1230 / 216⌉ = 44 us, with acknowledgements of 44 and 28 us. After a collision all wait for EIFS (§10.3.7): 16 us, 44 of an acknowledgement at 6 Mbit/s, the lowest
/// mandatory rate, and a DIFS. Each draws below 32, again and again with twice the window if they draw the same: worked out here by the rule, with the
/// streams' own draws.
#[test]
fn a_collision_is_resolved_by_longer_backoffs() {
    let mut again = 0;
    for (seed, (rate, span, ack)) in
        (0..60).flat_map(|seed| [(seed, ("6 Mbit/s", [160, 228], 44)), (seed, ("54 Mbit/s", [36, 44], 28))])
    {
        let apps = vec![sender(2, 64, &[(US, 1)]), sender(2, 115, &[(2 * US, 1)]), sink()];
        let mut field = run(&lan(2, rate), seed, apps, Until::Quiet);
        let mut luck = [Luck::of(seed, 0), Luck::of(seed, 1)];
        let (mut at, mut exponent) = (9, 5);
        let slots = loop {
            at += span[1] + 16 + 44 + 34;
            let slots = [0, 1].map(|station: usize| luck[station].slots(exponent));
            if slots[0] != slots[1] {
                break slots;
            }
            at += 9 * slots[0];
            exponent += 1;
            again += 1;
        };
        let winner = usize::from(slots[1] < slots[0]);
        let first = at + 9 * slots[winner] + span[winner];
        // The other one's back-off stood still meanwhile.
        let left = slots[1 - winner] - slots[winner];
        let second = first + 16 + ack + 34 + 9 * left + span[1 - winner];
        assert_eq!(field.all_arrivals(), [(2, first * US + 1), (2, second * US + 1)], "seed {seed}");
        let counts = field.medium().counts();
        let rounds = u64::from(exponent - 4);
        assert_eq!((counts.collisions, counts.retries, counts.frames), (2 * rounds, 2 * rounds, 2 * rounds + 2));
    }
    assert!(again > 0);
}

/// One sender with a queue that is never empty: a cycle is DIFS, a back-off of 7.5 slots in the mean (15.5 with DSSS), the frame, SIFS and ACK. Of 4000 cycles, back-offs
/// have a standard deviation of √((CW + 1)² − 1)/12) slots, 4.61 and 9.23, by √4000 in the mean; bounds of 4 deviations leave
/// 1 in 8000 outside for both.
#[test]
fn saturation_of_one_sender() {
    for (rate, mean, deviation) in [("54 Mbit/s", 7.5, 4.61), ("1 Mbit/s", 15.5, 9.233)] {
        let config = lan(1, rate);
        let phy = config.phy().unwrap();
        let count = 4_000;
        let config = WifiConfig { queue: drop_tail("5000 packets"), ..config };
        let mut field = run(&config, 5, vec![sender(1, 1_000, &[(0, count)]), sink()], Until::Quiet);
        let times: Vec<u64> = field.all_arrivals().into_iter().map(|(_, at)| at).collect();
        assert_eq!(times.len() as u64, count);
        let cycle = (times[times.len() - 1] - times[0]) as f64 / (count - 1) as f64;
        let fixed = phy.difs() + phy.data(1_036) + phy.sifs() + phy.ack();
        let slots = (cycle - fixed.as_nanos() as f64) / phy.slot().as_nanos() as f64;
        assert!((slots - mean).abs() < 4.0 * deviation / (count as f64).sqrt(), "{rate}: {slots}");
    }
}

/// Frames and acknowledgements are lost by 30 % each: a packet has come through after seven attempts but with 0.3^7; the sender knows it after an attempt with 0.49, so that it
/// sends (1 − 0.51^7) / 0.49 = 2.0225 frames for each. Of 3000 packets none is there twice. In one packet of 10^4 seven attempts are not enough.
#[test]
fn attempts_are_repeated_until_acknowledged() {
    let count = 3_000;
    let queue = drop_tail("5000 packets");
    let config = WifiConfig { loss: Some("30 %".parse().unwrap()), queue, ..lan(1, "54 Mbit/s") };
    let field = run(&config, 9, vec![sender(1, 200, &[(0, count)]), sink()], Until::Quiet);
    let counts = field.medium().counts();
    assert_eq!(counts.delivered + counts.dropped(DropCause::RetryLimit), count);
    assert_eq!(
        (field.total(1, "datagrams"), field.total(1, "late_datagrams")),
        (counts.delivered, 0),
        "none is there twice"
    );
    let mean = counts.frames as f64 / count as f64;
    // Attempts until acknowledged are geometric, cut at seven: their variance is below 0.51 / 0.49² = 2.12.
    assert!((mean - 2.0225).abs() < 4.0 * (2.12_f64 / count as f64).sqrt(), "{mean}");
    assert!(counts.dropped(DropCause::RetryLimit) < 6, "a mean of 0.66");
    // One attempt: 70 % of packets come through, acknowledged or not; of 3000 with a deviation of 25.1.
    let config = WifiConfig { attempts: Some(1), ..config };
    let field = run(&config, 9, vec![sender(1, 200, &[(0, count)]), sink()], Until::Quiet);
    let (counts, lost) = (field.medium().counts(), field.dropped(DropCause::RetryLimit) as f64);
    assert!((lost - 900.0).abs() < 4.0 * 25.1, "{lost}");
    assert_eq!((counts.frames, counts.retries), (count, 0));
}

/// Bianchi's model (2000), with an end after seven attempts (Wu and others, 2002): a station whose attempts fail with p talks in a slot with τ = Σ p^i / Σ p^i (W_i + 1) / 2, where p = 1 − (1 − τ)^(n − 1). The
/// model counts the slot in which others talk as one of back-off, and a station here does not, as in the standard; so it talks a little less than the model says. For 5 and 20
/// stations collisions are within 0.02 of p, and the throughput within 4 % of the model's; whether all packets are there from the start or come one by one, at more than twice the rate at which
/// they can be sent.
#[test]
fn many_saturated_stations() {
    for (n, is_steady) in [(5_usize, false), (20, false), (5, true), (20, true)] {
        let count = 2_000;
        let config = WifiConfig { queue: drop_tail("5000 packets"), ..lan(n, "6 Mbit/s") };
        let phy = config.phy().unwrap();
        let steady: Vec<(u64, u64)> = (0..count).map(|k| (k * if n == 5 { 3_900 } else { 12_300 } * US, 1)).collect();
        let times = if is_steady { &steady[..] } else { &[(0, count)] };
        let mut apps: Vec<_> = (0..n).map(|_| sender(n, 1_000, times)).collect();
        apps.push(sink());
        // While all have something to send: the run ends before any of them is through.
        let end = SimTime::ZERO + Span::from_secs(if n == 5 { 8 } else { 25 });
        let field = run(&config, 3, apps, Until::Time(end));
        let counts = field.medium().counts();
        assert!(counts.delivered < (n as u64) * count * 9 / 10, "not saturated any more");
        let windows: Vec<f64> = (0..7).map(|i| f64::from(16_u32 << i)).collect();
        let tau = |p: f64| {
            let powers = windows.iter().scan(1.0, |power, window| {
                let own = (*power, *window);
                *power *= p;
                Some(own)
            });
            let (attempts, slots) =
                powers.fold((0.0, 0.0), |(a, s), (power, w)| (a + power, s + power * (w + 1.0) / 2.0));
            attempts / slots
        };
        let quiet = |tau: f64, n: usize| (0..n).fold(1.0, |all, _| all * (1.0 - tau));
        let mut p = 0.5;
        for _ in 0..200 {
            p = 0.5 * p + 0.5 * (1.0 - quiet(tau(p), n - 1));
        }
        let t = tau(p);
        let own = counts.collisions as f64 / counts.frames as f64;
        assert!((own - p).abs() < 0.02, "{n} stations: {own} and {p}");
        let busy = 1.0 - quiet(t, n);
        let success = n as f64 * t * quiet(t, n - 1);
        let span = (phy.data(1_036) + phy.sifs() + phy.ack() + phy.difs()).as_secs_f64();
        let rate = success / ((1.0 - busy) * phy.slot().as_secs_f64() + busy * span);
        let measured = counts.delivered as f64 / end.as_secs_f64();
        assert!((measured / rate - 1.0).abs() < 0.04, "{n} stations: {measured} and {rate}");
    }
}

/// A packet for a station that dozes, at 50 ms: the beacon of 102.4 ms is on air for 292 us; the station draws a back-off b behind it and a DIFS, polls for 52 us, and gets its
/// frame of 160 us a SIFS later. Of three packets, each further one is asked for behind SIFS, ACK of 44 us, DIFS and the next back-off.
#[test]
fn a_station_fetches_what_is_held() {
    for seed in 0..20 {
        let apps = vec![sink(), sender(0, 64, &[(50_000 * US, 3)])];
        let until = Until::Time(SimTime::from_nanos(200_000 * US));
        let mut field = run(&dozing(1), seed, apps, until);
        let mut luck = Luck::of(seed, 0);
        let mut at = BEACON + 292 * US;
        let mut expected = Vec::new();
        for _ in 0..3 {
            at += (34 + 9 * luck.slots(4) + 52 + 16 + 160) * US;
            expected.push((0, at + 1));
            at += (16 + 44) * US;
        }
        assert_eq!(field.all_arrivals(), expected, "seed {seed}");
        // A beacon, three polls.
        assert_eq!(field.medium().counts().frames, 4);
    }
}

/// It wakes for each third beacon: what comes at 310 ms, behind the third, waits for the sixth, at 614.4 ms. With room for two frames the third of three is dropped; with 250 ms
/// of patience all that is left are dropped when the beacon of 614.4 ms is due.
#[test]
fn what_is_held_is_bounded() {
    let run = |held, hold_time: Option<&str>| {
        let hold_time = hold_time.map(|text| text.parse().unwrap());
        let config = WifiConfig { held, hold_time, ..dozing(3) };
        let apps = vec![sink(), sender(0, 64, &[(310_000 * US, 3)])];
        let mut field = run(&config, 1, apps, Until::Time(SimTime::from_nanos(700_000 * US)));
        let first = field.all_arrivals().first().map_or(0, |(_, at)| *at);
        assert!(first == 0 || first > 6 * BEACON && first < 6 * BEACON + 1_000 * US, "{first}");
        let dropped = [DropCause::HeldFull, DropCause::HeldTooLong].map(|cause| field.dropped(cause));
        (dropped, field.total(0, "datagrams"))
    };
    assert_eq!(run(None, None), ([0, 0], 3));
    assert_eq!(run(Some(2), None), ([1, 0], 2));
    assert_eq!(run(None, Some("250 ms")), ([0, 3], 0));
}

/// A station that dozes sends at once: here at the next slot, 50.004 ms (a multiple of 9 us behind 50 ms).
#[test]
fn uplink_does_not_wait_for_beacons() {
    let apps = vec![sender(1, 64, &[(50_000 * US, 1)]), sink()];
    let mut field = run(&dozing(1), 1, apps, Until::Time(SimTime::from_nanos(100_000 * US)));
    assert_eq!(field.all_arrivals(), [(1, (50_004 + 160) * US + 1)]);
}

/// With half of all frames lost, beacons and polls too, nothing comes twice, and what is lost has a cause.
#[test]
fn power_save_survives_losses() {
    let config = WifiConfig { loss: Some("50 %".parse().unwrap()), held: Some(1_000), ..dozing(1) };
    let times: Vec<(u64, u64)> = (0..300).map(|k| (k * 100_000 * US, 1)).collect();
    let apps = vec![sender(1, 64, &times), sender(0, 64, &times)];
    let mut field = run(&config, 2, apps, Until::Time(SimTime::from_nanos(60_000_000 * US)));
    let counts = field.medium().counts();
    let lost = counts.dropped(DropCause::RetryLimit);
    assert_eq!((counts.delivered + lost, field.medium().held()), (600, 0));
    assert!(
        lost > 0 && lost < 60,
        "{lost}: with 0.5^7 each way, 4.7 are expected, and more downlink, whose polls may fail too"
    );
    let down = field.all_arrivals().into_iter().filter(|(station, _)| *station == 0).count() as u64;
    assert!(down <= 300 && down + lost >= 300);
}

fn device(profile: &str) -> Hardware {
    let mut profile = shipped(profile);
    profile.battery = None;
    Hardware::new(SimTime::ZERO, profile, Some("wifi")).unwrap()
}

/// In nJ at 3.3 V: pA ns are 10^-21 C.
fn nanojoules(hardware: &Hardware, at: SimTime, cause: Cause) -> f64 {
    hardware.meter().bill(at).get(Part::Radio, cause).at(hardware.profile().supply.value).as_joules() * 1e9
}

/// An ESP32 sends 1464 bytes of IP with 1 Mbit/s: 1500 bytes on air, 12.192 ms at 240 mA and 3.3 V are 9.656064 mJ (sheet, check 4). It receives the acknowledgement for 304 us.
#[test]
fn a_frame_of_an_esp32() {
    let config = WifiConfig { power: Some("19.5 dBm".parse().unwrap()), ..lan(1, "1 Mbit/s") };
    let config = MediumConfig::Wifi(config);
    let apps = vec![sender(1, 1_464, &[(0, 1)]), sink()];
    let mut field = Field::metered(&config, 1, apps, 1, Some(device("esp32")));
    field.run(Until::Quiet);
    let at = SimTime::from_nanos(20_000 * US);
    let hardware = field.medium().hardware(0).unwrap();
    assert!((nanojoules(hardware, at, Cause::Transmit) - 9_656_064.0).abs() < 1e-3);
    let receive = hardware.profile().radio("wifi").unwrap().receive.value;
    let expected = receive.over(Span::from_micros(304)).at(hardware.profile().supply.value).as_joules() * 1e9;
    assert!((nanojoules(hardware, at, Cause::Receive) - expected).abs() < 1e-3);
}

/// A station that saves power and is left alone for 100 beacons: each is heard for 292 us, behind 1 ms of being awake, of which the radio of an ESP32 takes 500 us to start; else it dozes. Without power save it
/// starts once and listens all the time. All these draw 100 mA.
#[test]
fn a_station_left_alone_dozes() {
    let end = SimTime::from_nanos(100 * BEACON + 50_000 * US);
    let spans = |config: WifiConfig| {
        let config = MediumConfig::Wifi(config);
        let mut field = Field::metered(&config, 1, vec![sink(), sink()], 1, Some(device("esp32")));
        field.run(Until::Time(end));
        let bill = field.medium().hardware(0).unwrap().meter().bill(end);
        // 100 mA are 10^11 pA.
        let micros = |cause| bill.get(Part::Radio, cause).as_units() / 100_000_000_000 / u128::from(US);
        [Cause::Receive, Cause::Listen, Cause::Transition, Cause::Transmit].map(micros)
    };
    assert_eq!(spans(dozing(1)), [100 * 292, 100 * 500, 100 * 500, 0]);
    assert_eq!(spans(dozing(4)), [25 * 292, 25 * 500, 25 * 500, 0]);
    assert_eq!(spans(lan(1, "6 Mbit/s")), [0, 10_290_000 - 500, 500, 0]);
}

/// Packets for a group take longer than a beacon interval: at 1 Mbit/s 1500 bytes of IP and 36 of headers are 192 + 12288 us, and nine of these fill 112 ms. Of 30 that wait for the beacon of 102.4 ms each is sent once,
/// and is at the one station that takes it, but for none of its own; beside them there are beacons alone.
#[test]
fn groups_that_take_long_are_sent_once() {
    let mut config = lan(1, "1 Mbit/s");
    config.stations[0].power_save = Some(PowerSave::default());
    let (group, source) = ("239.1.2.3".parse().unwrap(), super::super::testing::address(1));
    let groups = vec![GroupStations { from: 2, group, source, to: vec![1] }];
    let to = std::net::SocketAddr::new(group, 9);
    let source: Box<dyn App> = Box::new(Probe::new(9).burst(10_000 * US, to, 1_500 - HEADERS, 30));
    let apps = vec![sink(), Some(source)];
    let mut field = Field::with(&MediumConfig::Wifi(config), 1, apps, 1, (groups, None));
    // Beacons of 102.4 to 921.6 ms.
    field.run(Until::Time(SimTime::from_nanos(1_000_000 * US)));
    let counts = field.medium().counts();
    assert_eq!((counts.delivered, counts.frames), (30, 30 + 9));
}

/// Acknowledgements and polls are lost, what is held ages, and no packet is given up as often sent: so many attempts nobody makes.
#[test]
fn what_was_not_sent_is_not_given_up() {
    let hold_time = Some(Span::from_millis(5));
    let loss = Some("60 %".parse().unwrap());
    let config = WifiConfig { loss, hold_time, attempts: Some(60_000), rate: lan(1, "1 Mbit/s").rate, ..dozing(1) };
    // Beside the beat of beacons, so that many come during polls.
    let times: Vec<(u64, u64)> = (0..20_000).map(|k| (k * 7_013 * US, 1)).collect();
    let field =
        run(&config, 2, vec![sink(), sender(0, 48, &times)], Until::Time(SimTime::from_nanos(150_000_000 * US)));
    assert_eq!(field.dropped(DropCause::RetryLimit), 0);
    assert!(field.dropped(DropCause::HeldTooLong) > 0 && field.medium().counts().delivered > 0);
}

#[test]
fn what_cannot_be_is_refused() {
    let fields =
        |config: WifiConfig| MediumConfig::Wifi(config).check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(lan(2, "11 Mbit/s")), [""; 0]);
    assert_eq!(fields(dozing(3)), [""; 0]);
    assert_eq!(fields(lan(2, "7 Mbit/s")), ["rate"]);
    assert_eq!(
        fields(WifiConfig { cw_min: Some(16), attempts: Some(0), ..lan(1, "6 Mbit/s") }),
        ["cw_min", "attempts"]
    );
    assert_eq!(fields(WifiConfig { cw_min: Some(63), cw_max: Some(31), ..lan(1, "6 Mbit/s") }), ["cw_min"]);
    assert_eq!(fields(WifiConfig { dtim: Some(3), held: Some(9), ..lan(1, "6 Mbit/s") }), ["dtim", "held"]);
    let interval = Some(Span::from_millis(100));
    assert_eq!(fields(WifiConfig { beacon_interval: interval, ..dozing(1) }), ["beacon_interval"]);
    let mut early = dozing(1);
    early.stations[0].power_save = Some(PowerSave { listen_every: 1, early: Span::from_millis(103) });
    assert_eq!(fields(early), ["stations.0.power_save.early"]);
    let same = WifiConfig { access_point: names(1)[0].clone(), ..lan(1, "6 Mbit/s") };
    assert_eq!(fields(same), ["access_point"]);
}
