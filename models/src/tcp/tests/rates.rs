//! Throughput: T18 and T19 of the sheet of checks, and the formula of Padhye and others.

use super::*;
use crate::link::QueueLimit;
use crate::link::impair::Bursts;
use crate::queue::QueueConfig;
use crate::tcp::closed_form::Pftk;
use crate::tcp::congestion::{CongestionConfig, Phase};
use protosim_core::{Ratio, SimTime};

/// Bytes that reach the application from 20 s to `end`, over a link with this configuration each way.
fn goodput(link: LinkConfig, seed: u64, tcp: &TcpConfig, end: u64) -> f64 {
    let mut net = Net::new(seed);
    net.node("n000", false);
    net.node("n001", false);
    net.link("l000", 0, 1, link);
    let config = TcpSourceConfig { tcp: tcp.clone(), ..TcpSourceConfig::new(server(), 5001) };
    net.app(0, "client", TcpSource::new(config, socket(5001)));
    net.app(1, "server", TcpSink::new(sink(tcp)));
    let mut world = net.build(1);
    world.listen(Interests::NONE);
    let mut read_by = |secs: u64| {
        world.run(Until::Time(SimTime::ZERO + Span::from_secs(secs)));
        world.total(1, "server", "payload_bytes")
    };
    let before = read_by(20);
    (read_by(end) - before) as f64 * 8.0 / (end - 20) as f64
}

/// T19: 10 Mbit/s, R = 100 ms and a queue of one bandwidth-delay product, 125 kB: the window swings between one and two of them, and the link never runs
/// dry. Of its rate 1448 of 1500 B are data.
#[test]
fn a_queue_of_one_bdp_keeps_the_link_busy() {
    let queue = Some(QueueConfig::DropTail(QueueLimit::Bytes(Size::from_bytes(125_000))));
    let forward = DirectionConfig { rate: "10 Mbit/s".parse().ok(), queue, ..DirectionConfig::default() };
    let bottleneck = LinkConfig { forward: Some(Box::new(forward)), ..link("", "50 ms") };
    for congestion in [CongestionConfig::NewReno, CongestionConfig::default()] {
        for whose in [Profile::Rfc, Profile::Linux] {
            let tcp = TcpConfig { congestion: Some(congestion.clone()), ..profile(whose) };
            let share = goodput(bottleneck.clone(), 1, &tcp, 120) / (10e6 * 1448.0 / 1500.0);
            assert!((0.99..=1.0001).contains(&share), "{congestion:?}, {whose:?}: {share}");
        }
    }
}

/// NewReno over 1 Gbit/s and R = 40 ms, with an acknowledgement for each segment, from 20 s to 320 s, in units of Mathis et al.: segments in flight in the
/// mean times sqrt(p).
fn mathis_constant(losses: &DirectionConfig, p: f64, seeds: u64) -> f64 {
    let tcp = TcpConfig {
        timestamps: Some(false),
        delayed_ack: Some(Span::ZERO),
        congestion: Some(CongestionConfig::NewReno),
        ..profile(Profile::Rfc)
    };
    let rate = "1 Gbit/s".parse().ok();
    let lossy = LinkConfig { forward: Some(Box::new(losses.clone())), rate, ..link("", "20 ms") };
    let mean = (1..=seeds).map(|seed| goodput(lossy.clone(), seed, &tcp, 320)).sum::<f64>() / seeds as f64;
    mean * 0.04 / (1460.0 * 8.0) * p.sqrt()
}

/// T18, Mathis et al. (1997), table 1: sqrt(3/2) = 1.22 where each 1/p-th segment is lost. Fixed beforehand: within 8 %.
#[test]
fn periodic_losses_give_the_constant_of_mathis() {
    for every in [100, 1_000, 10_000] {
        let impair =
            Some(ImpairConfig { drop: vec![drop("tcp.data", Which::Every(every))], ..ImpairConfig::default() });
        let losses = DirectionConfig { impair, ..DirectionConfig::default() };
        let constant = mathis_constant(&losses, 1.0 / every as f64, 1);
        assert!((constant / 1.5_f64.sqrt() - 1.0).abs() < 0.08, "1 in {every}: {constant}");
    }
}

/// The same table: 1.31 where segments are lost by chance. Fixed beforehand: the mean of four runs within 8 %.
#[test]
fn random_losses_give_the_constant_of_mathis() {
    for (p, text) in [(1e-2, "1 %"), (1e-3, "0.1 %"), (1e-4, "0.01 %")] {
        let losses = DirectionConfig { loss: text.parse().ok(), ..DirectionConfig::default() };
        let constant = mathis_constant(&losses, p, 4);
        assert!((constant / 1.31 - 1.0).abs() < 0.08, "{text}: {constant}");
    }
}

/// BBR v1 takes no loss for congestion: it paces at up to 1.25 times what is delivered, so that it holds up while 1.25 (1 - p) is above 1, to 20 %, and
/// falls beyond. BBR v3 backs off where more than 2 % are lost in a round trip. Fixed beforehand: at 10 % v1 delivers at least 70 % of what the loss
/// leaves, at 30 % less than half of that, and v3 at 10 % less than half of v1.
#[test]
fn bbr_holds_up_to_a_fifth_of_loss_and_its_third_version_does_not() {
    let share = |congestion: CongestionConfig, percent: u64| {
        let loss = Some(Ratio::from_percent(percent));
        let queue = Some(QueueConfig::DropTail(QueueLimit::Bytes(Size::from_bytes(100_000))));
        let forward = DirectionConfig { rate: "20 Mbit/s".parse().ok(), loss, queue, ..DirectionConfig::default() };
        let lossy = LinkConfig { forward: Some(Box::new(forward)), ..link("", "20 ms") };
        let tcp = TcpConfig { congestion: Some(congestion), ..profile(Profile::Linux) };
        goodput(lossy, 1, &tcp, 80) / (20e6 * 1448.0 / 1500.0)
    };
    let [at_10, at_30] = [10, 30].map(|percent| share(CongestionConfig::Bbr, percent));
    let third = share(CongestionConfig::BbrV3, 10);
    assert!(at_10 > 0.7 * 0.9 && at_30 < at_10 / 2.0 && third < at_10 / 2.0, "{at_10}, {at_30}, {third}");
}

/// What a trace of a sender says, as Padhye and others (1998, §3) take the parameters of their formula from traces.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    secs: f64,
    /// Segments of data, each as often as it was sent.
    segments: f64,
    /// Fast retransmissions, and rows of time-outs without an acknowledgement between them: a row is one indication of loss.
    recoveries: f64,
    rows: f64,
    /// Seconds in which nothing had been sent when the first time-out of a row passed, their sum.
    silence: f64,
}

impl Measured {
    /// Adds what NewReno with this TCP does from 20 s to `end`, over 1 Gbit/s and a round trip of `rtt_ms`.
    fn add(&mut self, losses: &DirectionConfig, rtt_ms: u64, tcp: &TcpConfig, (seed, end): (u64, u64)) {
        let delay = format!("{} us", rtt_ms * 500);
        let lossy =
            LinkConfig { forward: Some(Box::new(losses.clone())), rate: "1 Gbit/s".parse().ok(), ..link("", &delay) };
        let mut net = Net::new(seed);
        net.node("n000", false);
        net.node("n001", false);
        net.link("l000", 0, 1, lossy);
        let config = TcpSourceConfig { tcp: tcp.clone(), ..TcpSourceConfig::new(server(), 5001) };
        net.app(0, "client", TcpSource::new(config, socket(5001)));
        net.app(1, "server", TcpSink::new(sink(tcp)));
        let mut world = net.build(1);
        world.listen(Interests::TRACES);
        let (mut last_sent, mut acked, mut acked_at_timeout) = (0, 0, None);
        for secs in (0..end).step_by(20) {
            for (at, trace) in traces(&until(&mut world, Span::from_secs(secs + 20)), 0) {
                let one = if secs >= 20 { 1.0 } else { 0.0 };
                match trace {
                    Trace::Sent { len, .. } => {
                        self.segments += one * len.div_ceil(MSS) as f64;
                        last_sent = at;
                    }
                    Trace::Acked { una, .. } => acked = una,
                    Trace::Phase { to: Phase::Recovery, .. } => self.recoveries += one,
                    Trace::Timer("retransmission time-out") if acked_at_timeout != Some(acked) => {
                        acked_at_timeout = Some(acked);
                        self.rows += one;
                        self.silence += one * (at - last_sent) as f64 / 1e9;
                    }
                    _ => {}
                }
            }
        }
        self.secs += (end - 20) as f64;
    }
}

/// NewReno by the RFCs with an acknowledgement for each segment, and this least time-out.
fn new_reno(min_rto: &str) -> TcpConfig {
    TcpConfig { delayed_ack: Some(Span::ZERO), min_rto: min_rto.parse().ok(), ..profile(Profile::Rfc) }
}

/// Segments sent by the formula of Padhye and others (1998), in units of it, where p and T0 are the link's.
fn share_of_padhye(losses: &DirectionConfig, rtt_ms: u64, tcp: &TcpConfig, p: f64) -> (f64, Measured) {
    let mut all = Measured::default();
    (1..=8).for_each(|seed| all.add(losses, rtt_ms, tcp, (seed, 620)));
    let rto = tcp.min_rto.unwrap().as_secs_f64();
    let path = Pftk { rtt: rtt_ms as f64 / 1e3, rto, b: 1.0, max_window: 1e9 };
    (all.segments / all.secs / path.send_rate(p), all)
}

/// The formula of Padhye and others (1998) with the losses that it assumes: each segment is lost with probability p unless an earlier one of
/// its round is, and all after it in the round with it. Outages of half a round trip do that: at 1 Gbit/s a round leaves within a
/// millisecond, and the next one a round trip later. Nothing is fitted: p and R are the link's, T0 is the least time-out (RFC 6298
/// §2.4; the round trip does not vary), b is 1, and what is compared is the rate at which segments are sent, lost ones too.
///
/// By hand for p = 0.1, R = 0.1 s, T0 = 1 s: E[W] = 1 + sqrt(8 · 0.9 / 0.3 + 1) = 6; 0.9^3 = 0.729, 0.9^6 = 0.531441, so that
/// Q = 0.271 (1 + 0.729 · 0.271) / 0.468559 = 0.69263; f = 1.124992. Segments 9 + 6 + 0.69263 / 0.9 = 15.7696 in
/// 0.1 (3 + 1) + 0.69263 · 1.124992 / 0.9 = 1.26579 s: 12.46 segments/s. For p = 0.01, 0.02, 0.05: 98.8, 59.2, 26.0.
///
/// Fixed beforehand: seeds 1 to 8, 600 s each, within 15 %, for T0 of 10 and of 5 round trips. Two things that the formula leaves out
/// nearly cancel there: the repair of the lost tail and slow start after a time-out cost rounds, and limited transmit (RFC 3042),
/// which 1998 had not, saves time-outs. Without it the rate is below the formula, by a fifth at most: a lost retransmission is found
/// by the time-out alone (RFC 6675 tells no second loss), where the formula takes it for any segment of a new round. At T0 = 50 R what
/// limited transmit saves is all that counts: the formula does not apply there, and is exceeded.
#[test]
fn with_losses_to_the_end_of_the_round_the_rate_is_that_of_padhye() {
    let share = |rtt_ms: u64, tcp: TcpConfig, p: f64| {
        let bursts = Bursts::Outages { chance: Ratio::from_f64(p), length: Span::from_micros(rtt_ms * 500) };
        let impair = Some(ImpairConfig { bursts: Some(bursts), ..ImpairConfig::default() });
        let losses = DirectionConfig { impair, ..DirectionConfig::default() };
        share_of_padhye(&losses, rtt_ms, &tcp, p).0
    };
    for p in [0.01, 0.02, 0.05, 0.1] {
        for rtt_ms in [100, 200] {
            let found = share(rtt_ms, new_reno("1 s"), p);
            assert!((found - 1.0).abs() < 0.15, "p {p}, R {rtt_ms} ms: {found}");
        }
        let without = share(100, TcpConfig { limited_transmit: Some(false), ..new_reno("1 s") }, p);
        assert!((0.8..1.0).contains(&without), "p {p}: {without}");
    }
    let found = share(100, new_reno("5 s"), 0.02);
    assert!(found > 1.15, "{found}");
}

/// Where segments are lost independently of each other, those of a round that come through tell of the lost one: of the losses
/// that the formula expects to end in time-outs, one in five or fewer do. With p and T0 of the link it is far below then, by a half at
/// p = 0.05. With what the paper takes from traces it holds: p is the indications of loss, fast retransmissions and rows of
/// time-outs, by segments sent; T0 is for how long nothing has been sent when the first time-out of a row passes (with selective
/// acknowledgements new data leave while a lost retransmission waits for its time-out, so that this is shorter than the time-out). The
/// doubled time-outs are taken as multiples of that, which matters at p = 0.1 alone, where one row in ten has a second one.
///
/// Fixed beforehand: seeds 1 to 8, 600 s each, R = 100 ms, a least time-out of 1 s, within 15 %.
#[test]
fn with_random_losses_the_rate_is_that_of_padhye_for_measured_parameters() {
    for p in [0.01, 0.02, 0.05, 0.1] {
        let losses = DirectionConfig { loss: Some(Ratio::from_f64(p)), ..DirectionConfig::default() };
        let (of_link, all) = share_of_padhye(&losses, 100, &new_reno("1 s"), p);
        let measured = Pftk { rtt: 0.1, rto: all.silence / all.rows, b: 1.0, max_window: 1e9 };
        let of_trace = all.segments / all.secs / measured.send_rate((all.recoveries + all.rows) / all.segments);
        assert!((of_trace - 1.0).abs() < 0.15 && of_link > 1.15, "p {p}: {of_trace}, {of_link}");
    }
}
