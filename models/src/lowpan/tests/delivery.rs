//! Datagrams in fragments over a hop with losses, against (1 - p^(n+1))^m.
//!
//! Bounds are Hoeffding's, as in `ieee802154`'s tests: N datagrams, and ε such that all shares here are within it but for one seed in a
//! million. The seed was fixed beforehand.

use super::*;
use crate::ieee802154::closed_form::Hop;
use protosim_core::{LocalTime, Purpose, RunSeed, Span, maths};

const DATAGRAMS: u64 = 20_000;
const SHARES: f64 = 16.0;

fn epsilon() -> f64 {
    (maths::ln(2.0 * SHARES / 1e-6) / (2.0 * DATAGRAMS as f64)).sqrt()
}

/// The share of datagrams of `len` bytes that come, each frame being lost with probability `loss` in each of its transmissions; and how many
/// frames one takes.
fn delivered(len: usize, loss: f64, retries: u8) -> (f64, u32) {
    let mut luck = RunSeed { seed: 4944, replication: 0 }.stream("fragments", Purpose("loss"));
    let header = Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688");
    let datagram = rope(&header.udp_datagram((0xf0b1, 0xf0b2), &vec![1; len - 48]));
    let mut node = Adapter::new(Contexts::default(), CompressOptions::default(), ReassemblyLimits::default(), 0);
    let (mut came, mut drops, mut frames, mut timeouts) = (0, Vec::new(), 0, 0);
    for index in 0..DATAGRAMS {
        // One datagram in 20 s: at most three are being put together.
        let now = LocalTime::ZERO + Span::from_secs(20 * index);
        let fragments = node.send(datagram.clone(), A, B, 104).unwrap();
        frames = fragments.left() as u32;
        for content in fragments {
            if (0..=retries).any(|_| luck.uniform() >= loss) {
                came += u64::from(node.receive(&content, (A, B), now, &mut drops).is_some());
            }
        }
        timeouts += drops.drain(..).filter(|dropped| dropped.cause == DropCause::Timeout).count() as u64;
    }
    node.expire(LocalTime::MAX, &mut drops);
    timeouts += drops.len() as u64;
    // What did not come was given up in the end, unless not one fragment of it came.
    assert!(drops.iter().all(|dropped| dropped.cause == DropCause::Timeout));
    assert!(came + timeouts <= DATAGRAMS);
    assert_eq!(node.reassembler().len(), 0);
    (came as f64 / DATAGRAMS as f64, frames)
}

#[test]
fn a_datagram_comes_if_all_of_its_frames_do() {
    for (len, loss, retries, expected_frames) in
        [(128, 0.3, 0, 1), (320, 0.1, 0, 3), (1280, 0.05, 0, 13), (1280, 0.3, 3, 13), (1280, 0.5, 3, 13)]
    {
        let (share, frames) = delivered(len, loss, retries);
        assert_eq!(frames, expected_frames, "{len} bytes");
        let expected = Hop { frame_loss: loss, ack_loss: 0.0, retries }.datagram_delivered(frames);
        assert!((share - expected).abs() <= epsilon(), "{len} bytes, {loss}: {share}, not {expected} ± {}", epsilon());
    }
}
