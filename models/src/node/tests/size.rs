//! What a node takes in memory.

use super::*;
use crate::link::LinkConfig;
use crate::traffic::UdpClient;
use protosim_core::Stream;

/// Large networks have tens of thousands of nodes, each with a link of two ends, an application and three streams: what most nodes do
/// not need lies outside (connections of TCP, counts of drops), and what is the same for many is kept once. Bounds in bytes, some
/// percent above what it is today.
#[test]
fn a_node_is_small() {
    let parts = [
        ("node", size_of::<crate::Element>(), 848),
        ("interface", size_of::<Interface>(), 240),
        ("application's place", size_of::<AppSlot>(), 144),
        ("client", size_of::<UdpClient>(), 288),
        ("stream", size_of::<Stream>(), 104),
        ("report", size_of::<Report>(), 96),
        ("a link's configuration", size_of::<LinkConfig>(), 384),
    ];
    for (part, size, most) in parts {
        assert!(size <= most, "{part}: {size} bytes, at most {most} wanted");
    }
}
