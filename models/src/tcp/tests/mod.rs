//! Two hosts and a link under the kernel, against times that are worked out by hand.
//!
//! The link takes 50 ms each way. Where it has a rate, it has 12 Mbit/s forward and none backward: a full packet of 1500 B, which carries
//! 1448 B of data beside its timestamps, takes 1 ms to the server and answers take none.

mod devices;
mod handshake;
mod losses;
mod rates;
mod windows;

use super::app::{TcpSink, TcpSinkConfig, TcpSource, TcpSourceConfig};
use super::{Profile, State, TcpConfig, Trace, Why};
use crate::app::App;
use crate::link::impair::{DropRule, StreamPart, Which};
use crate::link::{DirectionConfig, ImpairConfig, LinkConfig};
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{Observation, Outcome};
use crate::testing::{Net, World, link};
use protosim_core::kernel::{Interests, Reported};
use protosim_core::{Size, Span, Until};
use std::net::SocketAddr;

/// Data of a full segment with timestamps: 1500 B less 20 of IP, 20 of TCP and 12 of stamps.
const MSS: u64 = 1448;
const MS: u64 = 1_000_000;
/// 60 B of a SYN at 12 Mbit/s: 40 us.
const SYN_TIME: u64 = 40_000;

fn profile(profile: Profile) -> TcpConfig {
    TcpConfig { profile, ..TcpConfig::default() }
}

fn server() -> NodeName {
    NodeName("n001".to_owned())
}

/// What is dropped of `of` on the way, at first sight of each kind.
fn drop(of: &str, which: Which) -> DropRule {
    DropRule { of: Some(of.to_owned()), bytes: None, exchange: None, message: None, each: None, which }
}

/// Transmissions of the k-th segment of data, counted from 1.
fn drop_segment(k: u64, which: Which) -> DropRule {
    DropRule { message: Some(k), ..drop("tcp.data", which) }
}

/// Segments that carry a byte of this part of the stream.
fn drop_bytes(from: u64, which: Which) -> DropRule {
    DropRule { bytes: Some(StreamPart { from: Size::from_bytes(from), to: None }), ..drop("tcp.data", which) }
}

/// A link that drops this, forward and backward.
fn lane(rate: &str, drops: [Vec<DropRule>; 2]) -> LinkConfig {
    let [forward, backward] = drops.map(|drop| {
        let impair = ImpairConfig { drop, ..ImpairConfig::default() };
        (!impair.is_idle()).then_some(impair)
    });
    let direction = |rate: &str, impair: Option<ImpairConfig>| {
        let rate = (!rate.is_empty()).then(|| rate.parse().unwrap());
        let config = DirectionConfig { rate, impair, ..DirectionConfig::default() };
        (config != DirectionConfig::default()).then(|| Box::new(config))
    };
    LinkConfig { forward: direction(rate, forward), backward: direction("", backward), ..link("", "50 ms") }
}

/// A client's and a server's application at the ends of a link, with all reports listened to.
fn pair(link: LinkConfig, client: impl App + 'static, server: impl App + 'static) -> World {
    let mut net = Net::chain(&[link]);
    net.app(0, "client", client);
    net.app(1, "server", server);
    let mut world = net.build(1);
    world.listen(all());
    world
}

fn all() -> Interests {
    Interests::RESULTS.and(Interests::DELIVERIES).and(Interests::TRACES).and(Interests::PACKETS)
}

/// The server's socket in a [`pair`].
fn socket(port: u16) -> SocketAddr {
    Net::chain(&[link("", "50 ms")]).socket(1, port)
}

/// A source of `bytes` and its sink, both of this TCP.
fn bulk(link: LinkConfig, bytes: u64, tcp: &TcpConfig, sink: TcpSinkConfig) -> World {
    let config = TcpSourceConfig {
        bytes: Some(Size::from_bytes(bytes)),
        tcp: tcp.clone(),
        ..TcpSourceConfig::new(server(), sink.port)
    };
    let to = socket(sink.port);
    pair(link, TcpSource::new(config, to), TcpSink::new(sink))
}

fn sink(tcp: &TcpConfig) -> TcpSinkConfig {
    TcpSinkConfig { tcp: tcp.clone(), ..TcpSinkConfig::new(5001) }
}

/// What a host's connections told: when \[ns\], what.
fn traces(reports: &[Reported<Report>], node: u32) -> Vec<(u64, Trace)> {
    let of_node = reports.iter().filter(|reported| reported.entity.0 == node);
    let traces = of_node.filter_map(|reported| match &reported.report {
        Report::App { observation: Observation::Stream { trace, .. }, .. } => Some((reported.at.as_nanos(), *trace)),
        _ => None,
    });
    traces.collect()
}

/// When a host's connection has come into a state \[ns\].
fn entered(reports: &[Reported<Report>], node: u32, state: State) -> Vec<u64> {
    let is_it = |(at, trace): (u64, Trace)| matches!(trace, Trace::State { to, .. } if to == state).then_some(at);
    traces(reports, node).into_iter().filter_map(is_it).collect()
}

/// What the client sent again: when \[ns\], which full segment, counted from 1, and why.
fn retransmissions(reports: &[Reported<Report>]) -> Vec<(u64, u64, Why)> {
    let again = traces(reports, 0).into_iter().filter_map(|(at, trace)| match trace {
        Trace::Sent { offset, transmission, why, .. } if transmission > 1 && offset > 0 => {
            Some((at, (offset - 1) / MSS + 1, why))
        }
        _ => None,
    });
    again.collect()
}

/// When the client's SYN was sent \[ns\].
fn syns(reports: &[Reported<Report>]) -> Vec<u64> {
    let syn = |(at, trace): (u64, Trace)| matches!(trace, Trace::Sent { offset: 0, .. }).then_some(at);
    traces(reports, 0).into_iter().filter_map(syn).collect()
}

/// When an exchange was delivered, and when and how it ended \[ns\].
fn exchange(reports: &[Reported<Report>]) -> (Option<u64>, Option<(u64, Outcome)>) {
    let (mut delivered, mut ended) = (None, None);
    for Reported { at, report, .. } in reports {
        match report {
            Report::App { observation: Observation::RequestDelivered(_), .. } => delivered = Some(at.as_nanos()),
            Report::App { observation: Observation::ExchangeEnded { outcome, .. }, .. } => {
                ended = Some((at.as_nanos(), *outcome));
            }
            _ => {}
        }
    }
    (delivered, ended)
}

/// What the server's application has read: when \[ns\], how much in all by then.
fn read(reports: &[Reported<Report>]) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = Vec::new();
    for Reported { at, report, .. } in reports {
        if let Report::App { observation: Observation::Received { bytes, .. }, .. } = report {
            let sum = all.last().map_or(0, |(_, sum)| *sum) + bytes;
            match all.last_mut().filter(|(last, _)| *last == at.as_nanos()) {
                Some(last) => last.1 = sum,
                None => all.push((at.as_nanos(), sum)),
            }
        }
    }
    all
}

fn until(world: &mut World, end: Span) -> Vec<Reported<Report>> {
    world.run(Until::Time(protosim_core::SimTime::ZERO + end));
    world.take_reports()
}
