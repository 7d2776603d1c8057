//! What frames carry: beacons and commands (IEEE 802.15.4-2006 §7.2.2.1 and §7.3).

use super::error::{FrameError, Reader};
use super::{Address, PanId};
use crate::rope::Rope;

/// What a frame carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A coordinator describes its PAN.
    Beacon(Beacon),
    /// Data of a higher layer.
    Data(Rope),
    /// The frame with this sequence number came.
    Ack,
    /// MAC command.
    Command(Command),
}

/// What a beacon says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Beacon {
    /// The superframe.
    pub superframe: Superframe,
    /// Guaranteed time slots.
    pub gts: Gts,
    /// Short addresses of stations for which something waits. The first seven are sent.
    pub pending_short: Vec<u16>,
    /// Extended addresses of such stations. They are sent as far as short ones leave room: seven of both kinds together.
    pub pending_extended: Vec<u64>,
    /// What a higher layer adds.
    pub payload: Rope,
}

/// The superframe of a PAN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Superframe {
    /// Beacon order; 15 for a PAN without regular beacons. Four bits.
    pub beacon_order: u8,
    /// Superframe order; 15 with the former. Four bits.
    pub superframe_order: u8,
    /// The last slot of contention. Four bits.
    pub final_cap_slot: u8,
    /// Receivers of the coordinator sleep soon after the beacon.
    pub battery_life_extension: bool,
    /// It comes from the PAN's coordinator.
    pub is_pan_coordinator: bool,
    /// Who wants to join may.
    pub permits_association: bool,
}

/// Guaranteed time slots of a superframe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gts {
    /// Requests for slots are taken.
    pub is_permitted: bool,
    /// The slots, of which the first seven are sent.
    pub slots: Vec<GtsSlot>,
}

/// Guaranteed time slots of one station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GtsSlot {
    /// Whose.
    pub address: u16,
    /// The first. Four bits.
    pub start: u8,
    /// How many. Four bits.
    pub len: u8,
    /// The station receives in it.
    pub is_receive: bool,
}

/// MAC commands. Those that are encrypted, or not of the length that the standard says, are [`Command::Other`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A station wants to join; its capabilities ([`Capability`]).
    AssociationRequest(Capability),
    /// The answer.
    AssociationResponse {
        /// The short address that it has from now on.
        short: u16,
        /// 0 for success, 1 for a full PAN, 2 for refusal.
        status: u8,
    },
    /// Who leaves, or is made to leave, and why: 1 for the coordinator's wish, 2 for the station's.
    DisassociationNotification {
        /// Why.
        reason: u8,
    },
    /// A station asks for what waits for it.
    DataRequest,
    /// Two PANs have one identifier.
    PanIdConflict,
    /// A station looks for its coordinator.
    OrphanNotification,
    /// A station looks for PANs.
    BeaconRequest,
    /// A coordinator changes its PAN, or answers an orphan.
    CoordinatorRealignment {
        /// The PAN.
        pan: PanId,
        /// The coordinator.
        coordinator: u16,
        /// The channel.
        channel: u8,
        /// The orphan's short address, or 0xffff for all.
        short: u16,
        /// The channel page, in frames of version 2006.
        page: Option<u8>,
    },
    /// A station wants guaranteed slots, or gives them back.
    GtsRequest {
        /// How many. Four bits.
        len: u8,
        /// To receive in them.
        is_receive: bool,
        /// They are wanted.
        is_allocation: bool,
    },
    /// Any other.
    Other {
        /// Its identifier.
        id: u8,
        /// What follows it.
        body: Vec<u8>,
    },
}

/// What a station that joins can do: the capability information field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capability {
    /// It could be another coordinator of the PAN.
    pub alternate_coordinator: bool,
    /// It is a full-function device.
    pub full_function: bool,
    /// It has mains power.
    pub mains_powered: bool,
    /// It listens when idle; others sleep and poll.
    pub listens_when_idle: bool,
    /// It can secure frames.
    pub security: bool,
    /// It wants a short address.
    pub wants_address: bool,
}

/// Most pending addresses, and most guaranteed slots, that a beacon can have.
pub const MAX_LISTED: usize = 7;

impl Default for Superframe {
    /// Without regular beacons.
    fn default() -> Self {
        Self {
            beacon_order: 15,
            superframe_order: 15,
            final_cap_slot: 15,
            battery_life_extension: false,
            is_pan_coordinator: true,
            permits_association: false,
        }
    }
}

impl Superframe {
    fn bits(self) -> u16 {
        let flag = |is_set: bool, bit: u16| u16::from(is_set) << bit;
        u16::from(self.beacon_order & 15)
            | u16::from(self.superframe_order & 15) << 4
            | u16::from(self.final_cap_slot & 15) << 8
            | flag(self.battery_life_extension, 12)
            | flag(self.is_pan_coordinator, 14)
            | flag(self.permits_association, 15)
    }

    fn from_bits(bits: u16) -> Self {
        let four = |shift: u16| (bits >> shift & 15) as u8;
        let flag = |bit: u16| bits >> bit & 1 == 1;
        Self {
            beacon_order: four(0),
            superframe_order: four(4),
            final_cap_slot: four(8),
            battery_life_extension: flag(12),
            is_pan_coordinator: flag(14),
            permits_association: flag(15),
        }
    }
}

impl Gts {
    /// The slots that a beacon has room for.
    fn listed(&self) -> &[GtsSlot] {
        &self.slots[..self.slots.len().min(MAX_LISTED)]
    }

    fn len(&self) -> usize {
        match self.listed().len() {
            0 => 1,
            slots => 2 + 3 * slots,
        }
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        // Seven at most: three bits.
        let slots = self.listed();
        out.push(slots.len() as u8 | u8::from(self.is_permitted) << 7);
        if slots.is_empty() {
            return;
        }
        out.push(slots.iter().enumerate().map(|(index, slot)| u8::from(slot.is_receive) << index).sum());
        for slot in slots {
            out.extend_from_slice(&slot.address.to_le_bytes());
            out.push(slot.start & 15 | slot.len << 4);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let specification = reader.u8()?;
        let count = specification & 7;
        let directions = if count > 0 { reader.u8()? } else { 0 };
        let slot = |index: u8| {
            let (address, place) = (reader.u16_le()?, reader.u8()?);
            let is_receive = directions >> index & 1 == 1;
            Ok::<_, FrameError>(GtsSlot { address, start: place & 15, len: place >> 4, is_receive })
        };
        Ok(Self { is_permitted: specification >> 7 == 1, slots: (0..count).map(slot).collect::<Result<_, _>>()? })
    }
}

impl Beacon {
    /// True if something waits for `address`.
    pub fn has_pending(&self, address: Address) -> bool {
        match address {
            Address::Short(short) => self.pending_short.contains(&short),
            Address::Extended(extended) => self.pending_extended.contains(&extended),
        }
    }

    /// The addresses that it has room for: seven of both kinds together (§7.2.2.1.6), short ones first.
    fn listed(&self) -> (&[u16], &[u64]) {
        let short = self.pending_short.len().min(MAX_LISTED);
        let extended = self.pending_extended.len().min(MAX_LISTED - short);
        (&self.pending_short[..short], &self.pending_extended[..extended])
    }

    pub(super) fn wire_len(&self) -> u64 {
        let (short, extended) = self.listed();
        let listed = 2 * short.len() + 8 * extended.len();
        (2 + self.gts.len() + 1 + listed) as u64 + self.payload.len()
    }

    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.superframe.bits().to_le_bytes());
        self.gts.encode_into(out);
        let (short, extended) = self.listed();
        out.push(short.len() as u8 | (extended.len() as u8) << 4);
        short.iter().for_each(|short| out.extend_from_slice(&short.to_le_bytes()));
        extended.iter().for_each(|extended| out.extend_from_slice(&extended.to_le_bytes()));
        self.payload.write_to(out);
    }

    pub(super) fn read(content: &[u8]) -> Result<Self, FrameError> {
        let mut reader = Reader::new(content);
        let superframe = Superframe::from_bits(reader.u16_le()?);
        let gts = Gts::read(&mut reader)?;
        let counts = reader.u8()?;
        let listed = (counts & 7) + (counts >> 4 & 7);
        if usize::from(listed) > MAX_LISTED {
            return Err(FrameError::Pending(listed));
        }
        let pending_short = (0..counts & 7).map(|_| reader.u16_le()).collect::<Result<_, _>>()?;
        let extended = |_| reader.array().map(u64::from_le_bytes);
        let pending_extended = (0..counts >> 4 & 7).map(extended).collect::<Result<_, _>>()?;
        let payload = Rope::from(reader.rest().to_vec());
        Ok(Self { superframe, gts, pending_short, pending_extended, payload })
    }
}

impl Capability {
    fn bits(self) -> u8 {
        let flag = |is_set: bool, bit: u8| u8::from(is_set) << bit;
        flag(self.alternate_coordinator, 0)
            | flag(self.full_function, 1)
            | flag(self.mains_powered, 2)
            | flag(self.listens_when_idle, 3)
            | flag(self.security, 6)
            | flag(self.wants_address, 7)
    }

    fn from_bits(bits: u8) -> Self {
        let flag = |bit: u8| bits >> bit & 1 == 1;
        Self {
            alternate_coordinator: flag(0),
            full_function: flag(1),
            mains_powered: flag(2),
            listens_when_idle: flag(3),
            security: flag(6),
            wants_address: flag(7),
        }
    }
}

impl Command {
    /// Its identifier.
    pub const fn id(&self) -> u8 {
        match self {
            Self::AssociationRequest(_) => 1,
            Self::AssociationResponse { .. } => 2,
            Self::DisassociationNotification { .. } => 3,
            Self::DataRequest => 4,
            Self::PanIdConflict => 5,
            Self::OrphanNotification => 6,
            Self::BeaconRequest => 7,
            Self::CoordinatorRealignment { .. } => 8,
            Self::GtsRequest { .. } => 9,
            Self::Other { id, .. } => *id,
        }
    }

    pub(super) fn wire_len(&self) -> u64 {
        let body = match self {
            Self::DataRequest | Self::PanIdConflict | Self::OrphanNotification | Self::BeaconRequest => 0,
            Self::AssociationRequest(_) | Self::DisassociationNotification { .. } | Self::GtsRequest { .. } => 1,
            Self::AssociationResponse { .. } => 3,
            Self::CoordinatorRealignment { page, .. } => 7 + u64::from(page.is_some()),
            Self::Other { body, .. } => body.len() as u64,
        };
        1 + body
    }

    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.id());
        match self {
            Self::DataRequest | Self::PanIdConflict | Self::OrphanNotification | Self::BeaconRequest => {}
            Self::AssociationRequest(capability) => out.push(capability.bits()),
            Self::AssociationResponse { short, status } => {
                out.extend_from_slice(&short.to_le_bytes());
                out.push(*status);
            }
            Self::DisassociationNotification { reason } => out.push(*reason),
            Self::CoordinatorRealignment { pan, coordinator, channel, short, page } => {
                out.extend_from_slice(&pan.0.to_le_bytes());
                out.extend_from_slice(&coordinator.to_le_bytes());
                out.push(*channel);
                out.extend_from_slice(&short.to_le_bytes());
                out.extend(page);
            }
            Self::GtsRequest { len, is_receive, is_allocation } => {
                out.push(len & 15 | u8::from(*is_receive) << 4 | u8::from(*is_allocation) << 5);
            }
            Self::Other { body, .. } => out.extend_from_slice(body),
        }
    }

    /// Reads a command; an encrypted one has an identifier that can be read, and no more.
    pub(super) fn read(content: &[u8], is_encrypted: bool) -> Result<Self, FrameError> {
        let (id, body) = content.split_first().ok_or(FrameError::Truncated { need: 1, have: 0 })?;
        let other = Self::Other { id: *id, body: body.to_vec() };
        if is_encrypted && !body.is_empty() {
            return Ok(other);
        }
        let word = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
        Ok(match (id, body) {
            (1, [bits]) => Self::AssociationRequest(Capability::from_bits(*bits)),
            (2, [_, _, status]) => Self::AssociationResponse { short: word(0), status: *status },
            (3, [reason]) => Self::DisassociationNotification { reason: *reason },
            (4, []) => Self::DataRequest,
            (5, []) => Self::PanIdConflict,
            (6, []) => Self::OrphanNotification,
            (7, []) => Self::BeaconRequest,
            (8, [_, _, _, _, channel, _, _, page @ ..]) if page.len() <= 1 => Self::CoordinatorRealignment {
                pan: PanId(word(0)),
                coordinator: word(2),
                channel: *channel,
                short: word(5),
                page: page.first().copied(),
            },
            (9, [bits]) => {
                Self::GtsRequest { len: bits & 15, is_receive: bits >> 4 & 1 == 1, is_allocation: bits >> 5 & 1 == 1 }
            }
            _ => other,
        })
    }
}
