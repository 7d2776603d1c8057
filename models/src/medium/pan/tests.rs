//! IEEE 802.15.4 channels under the kernel, against times worked out by hand and closed forms.

use super::super::testing::{Field, SentFrame, address_v6, micros, names};
use super::*;
use crate::app::App;
use crate::energy::{DeviceProfile, Hardware, PROFILES, RadioMode};
use crate::ieee802154::closed_form::Hop;
use crate::ieee802154::{Command, Content};
use crate::medium::{GroupStations, MediumConfig};
use crate::name::NodeName;
use crate::testing::Probe;
use protosim_core::{Purpose, Ratio, RunSeed, Size, Until, maths};
use std::net::SocketAddr;

/// Stations in a row, so many metres apart, that reach 10 m.
fn pan(places: &[i64]) -> Ieee802154Config {
    let station = |(node, metres): (NodeName, &i64)| PanStationConfig {
        node,
        at: (format!("{metres} m").parse().unwrap(), "0 m".parse().unwrap()),
        spacing: None,
        parent: None,
        poll: None,
        fast_poll: None,
        fast_poll_for: None,
    };
    let stations = names(places.len()).into_iter().zip(places).map(station).collect();
    Ieee802154Config::new("m", stations, "10 m".parse().unwrap())
}

/// Nobody waits before it listens.
fn at_once(config: Ieee802154Config) -> Ieee802154Config {
    Ieee802154Config { access: PanAccess { min_exponent: 0, ..PanAccess::default() }, ..config }
}

/// The station is a child of another one, which it asks so often, and no oftener.
fn child(config: &mut Ieee802154Config, index: usize, parent: usize, poll: Span) {
    let station = &mut config.stations[index];
    station.parent = Some(NodeName(format!("s{parent:03}")));
    (station.poll, station.fast_poll_for) = (Some(poll), Some(Span::ZERO));
}

/// Datagrams of `len` bytes to a station, each of so many at its time in microseconds.
fn sender(to: usize, len: u64, times: &[(u64, u64)]) -> Option<Box<dyn App>> {
    let to = SocketAddr::new(address_v6(to), 9);
    let burst = |probe: Probe, (micros, count): &(u64, u64)| probe.burst(micros * 1000, to, len, *count);
    Some(Box::new(times.iter().fold(Probe::new(9), burst)))
}

/// It listens, so that nobody answers with errors.
fn sink() -> Option<Box<dyn App>> {
    Some(Box::new(Probe::new(9)))
}

fn field(config: Ieee802154Config, seed: u64, apps: Vec<Option<Box<dyn App>>>) -> Field {
    Field::new(&MediumConfig::Ieee802154(config), seed, apps, 1)
}

fn stream(seed: u64, station: &str, purpose: &'static str) -> protosim_core::Stream {
    RunSeed { seed, replication: 0 }.stream(station, Purpose(purpose))
}

/// What a frame is, in a word.
fn word(sent: &SentFrame) -> &'static str {
    match &sent.frame.content {
        Content::Ack if sent.frame.is_pending => "ack, more",
        Content::Ack => "ack",
        Content::Command(Command::DataRequest) => "request",
        Content::Data(_) if sent.frame.is_pending => "data, more",
        Content::Data(_) => "data",
        _ => "other",
    }
}

/// A datagram of 30 bytes is 2 bytes of IPHC (all of both addresses follows from context 0 and the frame), 1 + 4 + 2 of UDP (kind, two ports that are not
/// short, checksum) and the data: 39 bytes. With 9 of header and 2 of check sequence the frame has 50, which take (50 + 6) · 32 = 1792 µs.
/// Each frame waits for r · 320 µs, r drawn below 8, listens for 128 µs and turns around for 192. Its acknowledgement begins 192 µs later
/// and takes 352; then 640 µs pass before the next one. Handing over takes a nanosecond each way.
#[test]
fn an_exchange_takes_what_the_standard_says() {
    for seed in 0..8 {
        let mut field = field(pan(&[0, 5]), seed, vec![sender(1, 30, &[(0, 2)]), sink()]).listening();
        field.run(Until::Quiet);
        let mut waits = stream(seed, "m:s000", "medium.backoff");
        let first = 1 + waits.below(8) * 320_000 + 320_000 + 1_792_000;
        let second = first + 544_000 + 640_000 + waits.below(8) * 320_000 + 320_000 + 1_792_000;
        let frames = field.frames();
        let seen: Vec<_> = frames.iter().map(|sent| (sent.at, sent.from, word(sent), sent.lost)).collect();
        assert_eq!(
            seen,
            [
                (first, 0, "data", None),
                (first + 544_000, 1, "ack", None),
                (second, 0, "data", None),
                (second + 544_000, 1, "ack", None),
            ]
        );
        assert_eq!(frames[0].frame.mpdu_len(), 50);
        assert_eq!(frames[2].frame.sequence, frames[0].frame.sequence.wrapping_add(1));
        let own = field.medium().pan_counts().unwrap();
        // 56 and 11 bytes, twice.
        assert_eq!((own.bytes, own.acks, own.silences), (134, 2, 0));
        assert_eq!(field.medium().busy(), Some(Span::from_micros(2 * (1792 + 352))));
    }
}

/// A packet arrives as it was sent, a nanosecond after its last frame is over. One of 600 bytes of data has 648: 2 + 7 bytes of headers stand for 48 in the
/// first of its frames, which have room for 127 − 11 = 116 bytes. FRAG1 takes 4 of them: 103 are left, 96 in multiples of eight, and 48 + 96 = 144 bytes
/// have gone. FRAGN takes 5: 111 are left, 104. (648 − 144) / 104 is 4.8: six frames in all. With extended addresses there is room for
/// 104, of which the first has 91 for data, 88, and others 99, 96: (648 − 136) / 96 is 5.3, seven frames.
#[test]
fn packets_are_cut_and_put_together() {
    for (addresses, count) in [(LinkAddresses::Short, 6), (LinkAddresses::Extended, 7)] {
        let config = Ieee802154Config { addresses, ..pan(&[0, 5]) };
        let mut field = field(config, 1, vec![sender(1, 600, &[(0, 1)]), sink()]).listening();
        field.run(Until::Quiet);
        let own = *field.medium().pan_counts().unwrap();
        assert_eq!((own.fragments, field.medium().counts().delivered), (count, 1));
        assert_eq!(field.medium().counts().frames, 2 * count);
    }
    let mut field = field(pan(&[0, 5]), 1, vec![sender(1, 600, &[(0, 1)]), sink()]).listening();
    field.run(Until::Quiet);
    let arrived = field.arrivals(1);
    assert_eq!((arrived.len(), arrived[0].1.wire_len()), (1, 648));
    let crate::rope::Run::Fill { len, .. } = arrived[0].1.payload.runs()[0] else { panic!("data stays virtual") };
    assert_eq!(len, 600);
}

/// So many datagrams are sent for each share, at intervals in which each is over.
const DATAGRAMS: u64 = 8000;
const INTERVAL: u64 = 500_000;
/// More than the shares that are compared.
const SHARES: f64 = 32.0;

/// By Hoeffding's inequality a share of N independent datagrams is farther than ε from its mean with probability 2·exp(−2Nε²) at most: ε such
/// that all are within it but for one seed in a million. Seeds were fixed beforehand.
fn epsilon() -> f64 {
    (maths::ln(2.0 * SHARES / 1e-6) / (2.0 * DATAGRAMS as f64)).sqrt()
}

/// Datagrams of so many bytes from one station to another one that loses with this probability, as does the sender.
fn lossy(percent: u64, len: u64, change: impl Fn(&mut Ieee802154Config)) -> Field {
    let mut config = pan(&[0, 5]);
    config.loss = Some(Ratio::from_percent(percent));
    // What is left of one datagram is gone before the next one comes.
    config.reassembly.timeout = Span::from_millis(300);
    change(&mut config);
    let times: Vec<(u64, u64)> = (0..DATAGRAMS).map(|k| (k * INTERVAL, 1)).collect();
    let mut field = field(config, 20_261_130, vec![sender(1, len, &times), sink()]);
    field.run(Until::Quiet);
    field
}

fn assert_near(count: u64, expected: f64, range: f64, what: &str) {
    let share = count as f64 / DATAGRAMS as f64;
    assert!((share - expected).abs() <= range * epsilon(), "{what}: {share}, not {expected} ± {}", range * epsilon());
}

/// Of n frames that nobody repeats all must come: (1 − p)^n. 264 bytes of IP are three frames: 144 in the first one, 104 in the second one.
#[test]
fn without_acknowledgements_all_of_n_frames_must_come() {
    for (percent, len, frames) in [(10, 30, 1), (10, 216, 3), (30, 216, 3), (10, 600, 6)] {
        let field = lossy(percent, len, |config| config.acknowledge = Some(false));
        let p = percent as f64 / 100.0;
        let expected = maths::pow(1.0 - p, frames as f64);
        assert_near(field.medium().counts().delivered, expected, 1.0, &format!("{percent} % of {frames}"));
        assert_eq!(field.medium().counts().frames, DATAGRAMS * frames);
        assert_eq!(field.dropped(DropCause::Lost), DATAGRAMS - field.medium().counts().delivered);
    }
}

/// With up to r retries, frames and acknowledgements are lost with p each. A frame is acknowledged with 1 − s^(r+1), s = 1 − (1 − p)², and comes with 1 −
/// p^(r+1). Who sends goes on with the next frame when one is acknowledged: the first n − 1 must be, the last one must come. A frame is sent
/// (1 − s^(r+1)) / (1 − s) times in the mean, once to r + 1 times.
#[test]
fn with_acknowledgements_frames_are_repeated() {
    for (percent, len, frames) in [(10, 30, 1), (30, 30, 1), (30, 216, 3)] {
        for retries in [0, 1, 3, 7] {
            let field = lossy(percent, len, |config| config.access.max_retries = retries);
            let p = percent as f64 / 100.0;
            let hop = Hop { frame_loss: p, ack_loss: p, retries };
            let expected = maths::pow(hop.acknowledged(), frames as f64 - 1.0) * hop.delivered();
            let counts = field.medium().counts();
            let what = format!("{percent} % of {frames}, {retries} retries");
            assert_near(counts.delivered, expected, 1.0, &what);
            assert_eq!(field.dropped(DropCause::RetryLimit), DATAGRAMS - counts.delivered, "{what}");
            if frames == 1 {
                let sent = counts.frames - field.medium().pan_counts().unwrap().acks;
                assert_near(sent, hop.mean_transmissions(), f64::from(retries), &what);
            }
        }
    }
}

/// The mean time from the first moment to the end of the acknowledgement on an idle channel: 3.5 · 320 µs of waiting and what is fixed. Waits
/// are between 0 and 7 · 320 µs.
#[test]
fn waits_are_as_long_as_they_should_be() {
    let times: Vec<(u64, u64)> = (0..DATAGRAMS).map(|k| (k * INTERVAL, 1)).collect();
    let mut field = field(pan(&[0, 5]), 20_261_130, vec![sender(1, 30, &times), sink()]).listening();
    field.run(Until::Quiet);
    let frames = field.frames();
    let acks = frames.iter().filter(|sent| word(sent) == "ack");
    let spans: Vec<f64> = acks.zip(&times).map(|(sent, (micros, _))| (sent.at - micros * 1000) as f64 / 1e9).collect();
    assert_eq!(spans.len() as u64, DATAGRAMS);
    let mean = spans.iter().sum::<f64>() / DATAGRAMS as f64;
    let expected = CsmaParameters::default().mean_exchange(50) - 640e-6 + 1e-9;
    assert!((mean - expected).abs() <= 7.0 * 320e-6 * epsilon(), "{mean}, not {expected}");
}

/// Who finds the channel busy as often as it may gives the frame up. The first station talks from 320 µs on, 1.8 ms long; the third one listens from 400 to
/// 528 µs.
#[test]
fn a_busy_channel_makes_frames_wait_or_go() {
    let run = |max_backoffs| {
        let mut config = at_once(pan(&[0, 5, 10]));
        config.access.max_backoffs = max_backoffs;
        let mut field = field(config, 3, vec![sender(1, 30, &[(0, 1)]), sink(), sender(1, 30, &[(400, 1)])]);
        field.run(Until::Quiet);
        let own = *field.medium().pan_counts().unwrap();
        (field.medium().counts().delivered, field.dropped(DropCause::NoAccess), own.busy >= 1)
    };
    assert_eq!(run(0), (1, 1, true));
    assert_eq!(run(5), (2, 0, true));
}

/// Hidden from each other, both ends send at once, 1.8 ms each after waits of 0 to 7 units of 320 µs: within 2.24 ms of each other. Neither retry nor luck saves
/// all of them, but nobody is told of a packet that did not come.
#[test]
fn hidden_stations_meet() {
    let times: Vec<(u64, u64)> = (0..200).map(|k| (k * 100_000, 1)).collect();
    let mut field = field(pan(&[0, 10, 20]), 5, vec![sender(1, 90, &times), sink(), sender(1, 90, &times)]).listening();
    field.run(Until::Quiet);
    let counts = field.medium().counts();
    assert!(counts.collisions > 100 && counts.retries > 100, "{counts:?}");
    assert_eq!(counts.delivered + field.dropped(DropCause::RetryLimit), 400);
    assert_eq!(field.arrivals(1).len() as u64, counts.delivered);
}

/// One that is a millimetre too far never acknowledges: four times the frame goes out.
#[test]
fn who_is_out_of_range_gets_nothing() {
    let mut config = pan(&[0, 10]);
    config.stations[1].at.0 = "10.001 m".parse().unwrap();
    let mut field = field(config, 1, vec![sender(1, 30, &[(0, 1)]), sink()]);
    field.run(Until::Quiet);
    assert_eq!((field.medium().counts().frames, field.dropped(DropCause::OutOfRange)), (4, 1));
    assert_eq!(field.medium().pan_counts().unwrap().silences, 4);
}

// Memory.

/// Two packets of five fragments each come in at once, where there is one buffer: of the second one to begin, the first fragment finds none. Now and
/// then one has no access to the channel. And one comes in that is larger than all memory.
#[test]
fn reassembly_is_bounded() {
    let mut without_buffer = 0;
    for seed in 0..20 {
        let both = vec![sender(1, 500, &[(0, 1)]), sink(), sender(1, 500, &[(1000, 1)])];
        let mut config = pan(&[0, 5, 10]);
        config.reassembly.buffers = 1;
        let mut one = field(config, seed, both);
        one.run(Until::Quiet);
        let given_up = one.dropped(DropCause::NoAccess) + one.dropped(DropCause::RetryLimit);
        let refused = one.dropped(DropCause::ReassemblyBuffers);
        assert_eq!(one.medium().counts().delivered + refused + given_up, 2, "seed {seed}");
        without_buffer += refused;
    }
    assert!(without_buffer >= 10, "{without_buffer}");

    let mut config = pan(&[0, 5]);
    config.reassembly.bytes = Size::from_bytes(547);
    let mut small = field(config, 1, vec![sender(1, 500, &[(0, 1)]), sink()]);
    small.run(Until::Quiet);
    assert_eq!((small.medium().counts().delivered, small.dropped(DropCause::ReassemblyMemory)), (0, 1));
    // Nothing of it is kept, and 48 + 500 bytes fit into 548.
    let mut config = pan(&[0, 5]);
    config.reassembly.bytes = Size::from_bytes(548);
    let mut large = field(config, 1, vec![sender(1, 500, &[(0, 2)]), sink()]);
    large.run(Until::Quiet);
    assert_eq!(large.medium().counts().delivered, 2);
}

// Children that sleep.

/// A child asks first after a time that is drawn, and then every second. Each request has 12 bytes: 576 µs. Without back-off: listening, turning, the request, the
/// acknowledgement after its turn; the parent listens, turns and sends 50 bytes. From the request's beginning to the packet 128 + 192 + 576 + 192 + 352 +
/// 128 + 192 + 1792 = 3552 µs.
#[test]
fn a_child_gets_what_waits_when_it_asks() {
    let mut config = at_once(pan(&[0, 5]));
    child(&mut config, 1, 0, Span::from_secs(1));
    let mut field = field(config, 9, vec![sender(1, 30, &[(1_100_000, 1)]), sink()]).listening();
    field.run(Until::Time(micros(3_900_000)));
    let mut luck = stream(9, "m:s001", "medium.pan");
    luck.below(1 << 8);
    luck.below(1 << 16);
    let first = luck.below(1_000_000_000) + 1;
    // The first time that is later than the packet.
    let asked = (0..3).map(|k| first + k * 1_000_000_000).find(|at| *at > 1_100_000_001).unwrap();
    let seen: Vec<_> = field.frames().iter().map(|sent| (sent.at, sent.from, word(sent))).collect();
    let at = asked + 128_000 + 192_000 + 576_000;
    let start = seen.iter().position(|sent| sent.0 == at).unwrap();
    assert_eq!(
        seen[start..start + 4],
        [
            (at, 1, "request"),
            (at + 544_000, 0, "ack, more"),
            (asked + 3_552_000, 0, "data"),
            (asked + 3_552_000 + 544_000, 1, "ack"),
        ]
    );
    assert_eq!(field.medium().counts().delivered, 1);
    // All other requests were in vain, one a second.
    let vain: Vec<&(u64, usize, &str)> = seen.iter().filter(|sent| sent.2 == "request" && sent.0 != at).collect();
    assert!(
        vain.len() >= 2
            && vain.iter().all(|sent| (sent.0 - at.min(sent.0)).is_multiple_of(1_000_000_000) || sent.0 < at)
    );
    assert_eq!(seen.iter().filter(|sent| sent.2 == "ack, more").count(), 1);
}

/// The six frames of a packet are fetched one after the other: each but the last says that more waits, and the child asks again at once.
#[test]
fn a_child_fetches_all_frames_of_a_packet() {
    let mut config = pan(&[0, 5]);
    child(&mut config, 1, 0, Span::from_secs(5));
    let mut field = field(config, 2, vec![sender(1, 600, &[(0, 1)]), sink()]).listening();
    field.run(Until::Time(micros(5_400_000)));
    assert_eq!(field.medium().counts().delivered, 1);
    let words: Vec<&str> = field.frames().iter().map(word).collect();
    let more = ["request", "ack, more", "data, more", "ack"];
    let last = ["request", "ack, more", "data", "ack"];
    let start = words.iter().position(|word| *word == "ack, more").unwrap() - 1;
    assert_eq!(words[start..start + 24], [&more.repeat(5)[..], &last[..]].concat());
}

/// What a child sends goes at once; and for 1.5 s after it, it asks eight times, each 188 ms.
#[test]
fn a_child_that_has_sent_asks_more_often() {
    let mut config = at_once(pan(&[0, 5]));
    child(&mut config, 1, 0, Span::from_secs(100));
    config.stations[1].fast_poll_for = None;
    let mut field = field(config, 4, vec![sink(), sender(0, 30, &[(50_000_000, 1)])]).listening();
    field.run(Until::Time(micros(99_000_000)));
    let frames = field.frames();
    let sent = frames.iter().position(|sent| word(sent) == "data").unwrap();
    // Listening, turning, the frame.
    assert_eq!(frames[sent].at, 50_000_000_001 + 320_000 + 1_792_000);
    let acknowledged = frames[sent + 1].at;
    let requests = frames[sent + 2..].iter().filter(|sent| word(sent) == "request").map(|sent| sent.at);
    // The last one that is asked for before the 1.5 s are over is the eighth: 7 · 188 = 1316 ms after the first one.
    let fast: Vec<u64> = requests.filter(|at| *at < acknowledged + 2_000_000_000).collect();
    let expected: Vec<u64> = (1..=8).map(|k| acknowledged + k * 188_000_000 + 896_000).collect();
    assert_eq!(fast, expected);
}

/// With the queue's two places taken, the third packet is dropped. The others are too when they have waited for 7.68 s: the child does not ask in so long a time.
#[test]
fn parents_keep_so_much_for_so_long() {
    let mut config = pan(&[0, 5]);
    child(&mut config, 1, 0, Span::from_secs(1000));
    config.indirect = PanIndirect { frames: 2, frames_per_child: 2, ..PanIndirect::default() };
    let mut field = field(config, 1, vec![sender(1, 30, &[(0, 3)]), sink()]);
    let full = |field: &Field| (field.dropped(DropCause::IndirectFull), field.dropped(DropCause::Expired));
    field.run(Until::Time(SimTime::from_nanos(7_680_000_000)));
    assert_eq!(full(&field), (1, 0));
    field.run(Until::Time(SimTime::from_nanos(7_680_000_002)));
    assert_eq!(full(&field), (1, 2));
    assert_eq!(field.medium().held(), 0);
}

/// A frame for a group goes to all at once. The sender's child gets a copy when it asks; the child of another station sleeps.
#[test]
fn groups_reach_who_is_awake_and_own_children() {
    let mut config = pan(&[0, 5, 2, 7]);
    child(&mut config, 2, 0, Span::from_secs(1));
    child(&mut config, 3, 1, Span::from_secs(1000));
    let group: std::net::IpAddr = "ff15::7".parse().unwrap();
    let groups = vec![GroupStations { from: 1, group, source: address_v6(0), to: vec![2, 3, 4] }];
    let probe = Probe::new(9).burst(0, SocketAddr::new(group, 9), 30, 1);
    let apps: Vec<Option<Box<dyn App>>> = vec![Some(Box::new(probe)), sink(), sink(), sink()];
    let mut field = Field::with(&MediumConfig::Ieee802154(config), 1, apps, 1, (groups, None)).listening();
    field.run(Until::Time(micros(1_500_000)));
    let counts = field.medium().counts();
    assert_eq!((counts.delivered, counts.copied, field.dropped(DropCause::MissedWindow)), (2, 2, 1));
    let data: Vec<_> = field.frames().into_iter().filter(|sent| word(sent) == "data").collect();
    assert_eq!(data.len(), 2);
    assert!(data[0].frame.destination.unwrap().address.is_broadcast() && !data[0].frame.wants_ack);
    assert_eq!(data[0].lost, Some(DropCause::MissedWindow));
}

// Energy.

/// A child of which the first station is the parent sends one packet. Its radio: asleep until then; on to listen (128 µs) and turn around (192 µs); 1792 µs
/// of sending; on for 192 + 352 µs until the acknowledgement is there; idle for nothing, as it has nothing more to send; asleep. A radio sets out for sending when it
/// begins to turn around, which takes all of that time, so that the time on the air is all sending. What another device of the same kind is told by hand draws the same, by cause.
#[test]
fn radios_are_metered_at_each_change() {
    let mut config = at_once(pan(&[0, 5]));
    child(&mut config, 1, 0, Span::from_secs(100));
    let device = || {
        let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let profiles: Vec<DeviceProfile> = options.from_str(PROFILES).unwrap();
        let profile = profiles.into_iter().find(|profile| profile.name == "nrf52840").unwrap();
        Hardware::new(SimTime::ZERO, profile, Some("802.15.4")).unwrap()
    };
    let apps = vec![sink(), sender(0, 30, &[(1_000_000, 1)])];
    let config = MediumConfig::Ieee802154(config);
    let mut field = Field::with(&config, 4, apps, 1, (Vec::new(), Some(device())));
    let end = micros(2_000_000);
    field.run(Until::Time(end));
    let mut expected = device();
    let start = 1_000_000_001;
    for (after, mode) in [
        (0, RadioMode::Listen),
        (128_000, RadioMode::Transmit(RadioPower::from_centi_dbm(0))),
        (320_000 + 1_792_000, RadioMode::Listen),
        (320_000 + 1_792_000 + 192_000, RadioMode::Receive),
        (320_000 + 1_792_000 + 544_000, RadioMode::Sleep),
    ] {
        expected.radio(SimTime::from_nanos(start + after), mode).unwrap();
    }
    let got = field.medium().hardware(1).unwrap();
    assert_eq!(got.meter().bill(end), expected.meter().bill(end));
    // The parent listens, receives, turns, answers and listens.
    let mut expected = device();
    for (at, mode) in [
        (0, RadioMode::Listen),
        (start + 320_000, RadioMode::Receive),
        (start + 320_000 + 1_792_000, RadioMode::Transmit(RadioPower::from_centi_dbm(0))),
        (start + 320_000 + 1_792_000 + 544_000, RadioMode::Listen),
    ] {
        expected.radio(SimTime::from_nanos(at), mode).unwrap();
    }
    let got = field.medium().hardware(0).unwrap();
    assert_eq!(got.meter().bill(end), expected.meter().bill(end));
}

// Determinism.

/// Any number of threads, with and without someone who looks, and from a snapshot on: the same.
#[test]
fn looking_and_threads_change_nothing() {
    let mut config = pan(&[0, 5, 10, 2]);
    config.loss = Some(Ratio::from_percent(10));
    child(&mut config, 3, 0, Span::from_millis(700));
    let config = MediumConfig::Ieee802154(config);
    let times: Vec<(u64, u64)> = (0..40).map(|k| (k * 61_000, 1)).collect();
    let world = |threads| {
        let apps = vec![sender(3, 150, &times), sender(2, 300, &times), sender(0, 80, &times), sender(0, 40, &times)];
        Field::new(&config, 1, apps, threads)
    };
    let end = Until::Time(micros(20_000_000));
    let run = |mut field: Field| {
        field.run(end);
        (field.digests(), field.medium().counts())
    };
    let one = run(world(1));
    assert!(one.1.delivered > 100 && one.1.retries > 10, "{:?}", one.1);
    for other in [run(world(2)), run(world(8)), run(world(1).listening())] {
        assert_eq!(other, one);
    }
    let mut first = world(1);
    first.run(Until::Time(micros(1_000_000)));
    let mut copy = first.sim.try_clone().unwrap();
    copy.run(end, &mut protosim_core::Sinks::deaf()).unwrap();
    assert_eq!([copy.entity_digests(), copy.wire_digests()].concat(), one.0);
}

/// What has expired while the parent sends an answer is dropped behind that; packets that are handed over meanwhile, for any child, do not disturb it. A frame waits for 50 ms at most,
/// and children ask every 60 ms, so that many expire.
#[test]
fn packets_may_come_while_others_expire() {
    for seed in 0..8 {
        let mut config = pan(&[0, 3, 5, 7]);
        config.indirect.persistence = Span::from_millis(50);
        (1..4).for_each(|index| child(&mut config, index, 0, Span::from_millis(60)));
        let times = |shift: u64| (0..400).map(|k| (shift + k * 9_700, 1)).collect::<Vec<_>>();
        let bursts = (1..4).flat_map(|to| times(to * 3_100).into_iter().map(move |(at, _)| (at, to)));
        let burst = |probe: Probe, (at, to): (u64, u64)| {
            probe.burst(at * 1000, SocketAddr::new(address_v6(to as usize), 9), 50, 1)
        };
        let parent: Box<dyn App> = Box::new(bursts.fold(Probe::new(9), burst));
        let mut field = field(config, seed, vec![Some(parent), sink(), sink(), sink()]);
        field.run(Until::Time(micros(6_000_000)));
        let gone = field.dropped(DropCause::Expired) + field.dropped(DropCause::MissedWindow);
        assert!(gone > 0 && field.medium().counts().delivered + gone == 1200, "seed {seed}: {gone}");
    }
}

/// A packet that is handed over at 0 is at the parent at 1 ns, and expires 50 ms later: in the very nanosecond in which the one of 50 ms comes.
#[test]
fn a_packet_may_come_when_another_one_expires() {
    let mut config = pan(&[0, 5]);
    config.indirect.persistence = Span::from_millis(50);
    child(&mut config, 1, 0, Span::from_secs(600));
    let mut field = field(config, 1, vec![sender(1, 30, &[(0, 1), (50_000, 1)]), sink()]);
    field.run(Until::Time(micros(99_000)));
    assert_eq!(field.dropped(DropCause::Expired), 1);
    field.run(Until::Time(micros(101_000)));
    assert_eq!(field.dropped(DropCause::Expired), 2);
}
