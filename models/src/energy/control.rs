//! What a node and the station that has its device tell each other: until when the processor works, whether there is power.

use crate::packet::Packet;
use crate::rope::Rope;
use protosim_core::SimTime;

/// A word between a node and its station, on a wire that carries nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Control {
    /// To the station: the processor works from now until then.
    Works(SimTime),
    /// To the station: the node has lost power, or has it again.
    Power(bool),
    /// To the node: the battery does not run the device any more.
    BatteryDead,
}

impl Control {
    /// As a packet that no network carries.
    pub(crate) fn into_packet(self) -> Box<Packet> {
        let (what, value) = match self {
            Self::Works(until) => (1, until.as_nanos()),
            Self::Power(is_on) => (2, u64::from(is_on)),
            Self::BatteryDead => (3, 0),
        };
        let mut packet = Packet::control(Rope::new());
        packet.ip.set_dscp(what);
        // It is numbered by what it says, so that digests have that.
        packet.provenance.packet_id = value;
        packet
    }

    /// What a packet says, which is used up.
    pub(crate) fn of_packet(packet: Box<Packet>) -> Option<Self> {
        let (what, value) = (packet.ip.dscp(), packet.provenance.packet_id);
        packet.recycle();
        match what {
            1 => Some(Self::Works(SimTime::from_nanos(value))),
            2 => Some(Self::Power(value == 1)),
            3 => Some(Self::BatteryDead),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protosim_core::Fingerprint;

    #[test]
    fn words_come_as_they_were_said() {
        let all = [
            Control::Works(SimTime::from_nanos(1)),
            Control::Works(SimTime::MAX),
            Control::Power(true),
            Control::Power(false),
        ];
        for control in all.into_iter().chain([Control::BatteryDead]) {
            let packet = control.into_packet();
            assert!(packet.is_control() && packet.is_message());
            assert_eq!(Control::of_packet(packet), Some(control));
        }
        let prints = all.map(|control| control.into_packet().fingerprint());
        assert!(prints.iter().enumerate().all(|(i, print)| !prints[..i].contains(print)), "digests tell them apart");
        assert_eq!(Control::of_packet(Packet::message(Rope::new())), None);
        assert!(!Packet::message(Rope::new()).is_control());
    }
}
