//! What a node takes in memory.

use super::*;
use crate::link::Transmitter;

/// A node is one of tens of thousands in some networks: what most of them do not need lies outside.
#[test]
fn sizes() {
    let sizes = [
        ("Element", size_of::<crate::Element>()),
        ("Node", size_of::<Node>()),
        ("Interface", size_of::<Interface>()),
        ("Transmitter", size_of::<Transmitter>()),
        ("AppSlot", size_of::<AppSlot>()),
        ("IpState", size_of::<IpState>()),
        ("Routes", size_of::<Routes>()),
        ("UdpPorts", size_of::<UdpPorts>()),
        ("AppTimers", size_of::<AppTimers>()),
        ("Counts", size_of::<PacketCounts>()),
        ("Tcp", size_of::<tcp::Tcp>()),
        ("Cpu", size_of::<Cpu>()),
        ("Memory", size_of::<Memory>()),
        ("UdpClient", size_of::<crate::traffic::UdpClient>()),
        ("Streams", size_of::<protosim_core::Streams>()),
        ("Stream", size_of::<protosim_core::Stream>()),
        ("Packet", size_of::<Packet>()),
        ("Report", size_of::<Report>()),
        ("LinkConfig", size_of::<crate::link::LinkConfig>()),
        ("DirectionConfig", size_of::<crate::link::DirectionConfig>()),
        ("ImpairConfig", size_of::<crate::link::ImpairConfig>()),
        ("QueueConfig", size_of::<crate::queue::QueueConfig>()),
        ("ShaperConfig", size_of::<crate::queue::ShaperConfig>()),
        ("Observation", size_of::<crate::Observation>()),
        ("Trace", size_of::<crate::tcp::Trace>()),
        ("AppConfig", size_of::<crate::registry::AppConfig>()),
    ];
    panic!("{sizes:?}");
}
