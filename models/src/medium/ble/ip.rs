//! IPv6 in what a connection carries (RFC 7668 §3.2.4): headers are compressed, and nothing is fragmented, as L2CAP does that.

use super::{Ble, Settings};
use crate::energy::ble::End;
use crate::lowpan::{CompressOptions, Ends, Iid, compress, expand};
use crate::rope::Rope;

/// So much of a packet's content is looked at for headers \[bytes\].
const LOOK: u64 = 2_048;

/// The device address of a station: static and random (Vol 6 Part B §1.3.2.1), with its number.
const fn device_address(station: usize) -> [u8; 6] {
    let [high, low] = (station as u16 + 1).to_be_bytes();
    [0xc0, 0, 0, 0, high, low]
}

impl Ble {
    /// Which interface identifiers go without saying between both ends: of the peripheral, that of the address which it has registered, with its number; of the central, that of its link-local
    /// address. So the address of the central in the prefix of all takes its eight last bytes.
    pub(super) fn ends(&self, link: usize, from: End) -> Ends {
        let registered = Some(Iid((self.station_of(link) as u64 + 1).to_be_bytes()));
        let central = Some(Iid::from_bluetooth(device_address(self.central)));
        match from {
            End::Central => Ends { source: central, destination: registered },
            End::Peripheral => Ends { source: registered, destination: central },
        }
    }
}

impl Settings {
    /// What a packet becomes on the link; none if it is not of IPv6.
    pub(super) fn compress(&self, packet: &Rope, ends: Ends) -> Option<Rope> {
        let compressed = compress(packet, ends, &self.contexts, CompressOptions::default(), LOOK as usize).ok()?;
        Some(compressed.whole(packet))
    }

    /// The packet that has come so; none if that cannot be read.
    pub(super) fn expand(&self, content: &Rope, ends: Ends) -> Option<Rope> {
        let head = expand(&content.slice(0, LOOK).to_bytes(), ends, &self.contexts).ok()?;
        let used = head.used() as u64;
        head.finish(&content.slice(used, content.len().saturating_sub(used))).ok()
    }
}
