//! Two stacks and a path between them that loses, delays, repeats and damages: every byte arrives, once and in order.
//!
//! | file | what |
//! |---|---|
//! | `path` | what becomes of the packets |
//! | `pair` | two ends, the path and the clock; what the applications exchange |
//! | `ours` | our stack as an end |
//! | `smoltcp` | smoltcp as an end, and ours against it |
//! | `kernel` | the same under the kernel, with a node, an application and a link of ours |

mod kernel;
mod ours;
mod pair;
mod path;
mod smoltcp;

use super::super::congestion::{CongestionConfig, CubicConfig, VegasConfig};
use super::super::{EcnPolicy, FastOpen, Parameters, Profile, TcpConfig};
use ours::ours;
use path::Path;
use proptest::prelude::*;
use protosim_core::Span;

fn of(profile: Profile) -> Parameters {
    Parameters::of(profile)
}

#[test]
fn a_clean_path_carries_all_bytes_without_retransmission() {
    for profile in [Profile::Rfc, Profile::Linux, Profile::Lwip, Profile::Uip] {
        let bytes = [300_000, 50_000];
        let mut pair = ours(1, Path::new(0, 0, 0, 0), [of(profile), of(profile)], bytes, u64::MAX);
        pair.run(Span::from_secs(400));
        pair.check(bytes);
    }
}

#[test]
fn losses_are_repaired() {
    for seed in 0..20 {
        let bytes = [1 << 20, 3000];
        let mut pair = ours(seed, Path::new(5, 0, 0, 0), [of(Profile::Linux), of(Profile::Rfc)], bytes, u64::MAX);
        pair.run(Span::from_secs(4000));
        pair.check(bytes);
    }
}

fn any_congestion() -> impl Strategy<Value = Option<CongestionConfig>> {
    prop_oneof![
        Just(None),
        Just(Some(CongestionConfig::NewReno)),
        Just(Some(CongestionConfig::Cubic(CubicConfig::default()))),
        Just(Some(CongestionConfig::Bbr)),
        Just(Some(CongestionConfig::BbrV3)),
        Just(Some(CongestionConfig::Vegas(VegasConfig::default()))),
    ]
}

fn any_profile() -> impl Strategy<Value = Parameters> {
    let profile = prop_oneof![Just(Profile::Rfc), Just(Profile::Linux), Just(Profile::Lwip), Just(Profile::Uip)];
    (profile, any_congestion(), any::<[bool; 16]>(), 1_u64..200_000, 88_u16..1460).prop_map(
        |(profile, congestion, on, buffer, mss)| {
            let buffer = Some(protosim_core::Size::from_bytes(buffer.max(2000)));
            let config = TcpConfig {
                profile,
                congestion,
                mss: on[0].then_some(mss),
                receive_buffer: buffer.filter(|_| on[1]),
                timestamps: on[2].then_some(on[3]),
                sack: on[4].then_some(on[5]),
                pacing: Some(on[6]),
                prr: Some(on[7]),
                limited_transmit: on[8].then_some(on[9]),
                rack: on[10].then_some(on[11]),
                ecn: on[12].then_some(EcnPolicy::Request),
                fast_open: on[13].then_some(FastOpen::Both),
                ..TcpConfig::default()
            };
            // So that nobody gives up: with 20 % of loss and more, seven retransmissions in a row are lost now and then.
            Parameters {
                data_retries: 40,
                retries_by_time: false,
                syn_retries: 40,
                syn_ack_retries: 40,
                ..config.resolve()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Our stack against itself, with random profiles, over a path that does everything.
    #[test]
    fn every_byte_arrives_once_and_in_order(
        seed in any::<u64>(),
        loss in 0_u64..=20,
        duplicate in 0_u64..10,
        reorder in 0_u64..20,
        corrupt in 0_u64..4,
        client in any_profile(),
        server in any_profile(),
        bytes in (prop_oneof![1_u64..4, Just(1 << 20), 0_u64..1_500_000], 0_u64..60_000),
        read_step in prop_oneof![Just(u64::MAX), 1_u64..5000],
    ) {
        let bytes = [bytes.0, bytes.1];
        let mut pair = ours(seed, Path::new(loss, duplicate, reorder, corrupt), [client, server], bytes, read_step);
        pair.run(Span::from_secs(1_000_000));
        pair.check(bytes);
    }
}

/// Memory is promised to users by the number of connections: an idle one, with its place in the table of ends, takes less than 1 KiB.
#[test]
fn a_connection_that_has_carried_much_and_is_idle_is_small() {
    let mut parameters = of(Profile::Linux);
    parameters.time_wait = Span::from_secs(60);
    let bytes = [10 << 20, 0];
    let mut pair = ours(3, Path::new(1, 0, 1, 0), [parameters.clone(), parameters], bytes, u64::MAX);
    pair.client.exchange.keeps_open = true;
    pair.server.exchange.keeps_open = true;
    pair.run(Span::from_secs(4000));
    for host in [&pair.client, &pair.server] {
        let (connection, entry) = host.stack.footprint();
        assert_eq!(host.exchange.written + host.exchange.read, 10 << 20);
        assert!(connection + entry < 1024, "{connection} + {entry} bytes: {}", host.stack.anatomy());
    }
}
