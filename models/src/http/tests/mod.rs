//! Whole applications: against each other under the kernel, with times that are worked out by hand, and on a bench that plays their
//! streams, with what curl 7.88.1 and nginx 1.22.1 (Debian 12) send.

mod caches;
mod clients;
mod pages;
mod servers;

use super::wire::{Part, RequestHead, RequestReader};
use super::{
    CountDistribution, HttpClient, HttpClientConfig, HttpMethod, HttpServer, HttpServerConfig, LevelConfig, PageConfig,
};
use crate::app::{App, StreamId};
use crate::name::NodeName;
use crate::observe::{Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::app::tests::bench::{Bench, peer};
use crate::traffic::{SizeDistribution, TimeDistribution};
use protosim_core::{Size, Span};

const MS: u64 = 1_000_000;

fn client_config() -> HttpClientConfig {
    HttpClientConfig::new(NodeName("n001".to_owned()))
}

fn fixed(bytes: u64) -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(bytes))
}

/// A text with its line ends written as `\n`.
fn lines(text: &str) -> Rope {
    Rope::from(text.replace('\n', "\r\n").into_bytes())
}

/// Bytes as a text of the same length.
fn text(rope: &Rope) -> String {
    rope.to_bytes().iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
}

/// A client on a bench.
fn client(config: HttpClientConfig) -> (HttpClient, Bench) {
    assert_eq!(config.check(), []);
    let (mut client, mut bench) = (HttpClient::new(config, peer()), Bench::new(1 << 20));
    client.on_start(&mut bench);
    (client, bench)
}

/// A server on a bench with one connection.
fn server(config: HttpServerConfig) -> (HttpServer, Bench) {
    assert_eq!(config.check(), []);
    let (mut server, mut bench) = (HttpServer::new(config), Bench::new(1 << 20));
    server.on_start(&mut bench);
    bench.accept(&mut server, 80);
    (server, bench)
}

/// What a client has asked for on a stream.
fn asked(bench: &Bench, stream: usize) -> Vec<RequestHead> {
    let (mut reader, mut parts) = (RequestReader::default(), Vec::new());
    assert_eq!(reader.feed(&bench.streams[stream].written, &mut parts), Ok(()));
    let heads = parts.into_iter().filter_map(|part| match part {
        Part::Head(head) => Some(head),
        _ => None,
    });
    heads.collect()
}

fn outcomes(bench: &Bench) -> Vec<(Outcome, u32)> {
    let ended = bench.observed.iter().filter_map(|observation| match observation {
        Observation::ExchangeEnded { outcome, transmissions, .. } => Some((*outcome, *transmissions)),
        _ => None,
    });
    ended.collect()
}

/// The totals of an application with these names.
fn totals<const N: usize>(app: &dyn App, names: [&str; N]) -> [u64; N] {
    names.map(|name| crate::tcp::app::tests::bench::total(app, name))
}

/// The stream is connected.
fn connect(bench: &mut Bench, client: &mut HttpClient, stream: u32) {
    client.on_stream(StreamId(stream), crate::app::StreamEvent::Connected, bench);
}
