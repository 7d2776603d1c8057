//! Frames and their encoding (IEEE 802.15.4-2006 §7.2).

use super::content::{Beacon, Command, Content};
use super::error::{FrameError, Reader};
use super::fcs::{FCS_LEN, fcs};
use super::security::Security;
use super::timing::{MAX_PHY_PACKET_SIZE, air_time, interframe_space};
use super::{Address, Endpoint, PanId};
use crate::rope::Rope;
use protosim_core::Span;

/// One frame.
///
/// Reserved bits of its frame control are sent as zero and not looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Which edition of the standard a receiver needs.
    pub version: Version,
    /// More waits at the sender for who receives this; in an acknowledgement of a data request: something waits.
    pub is_pending: bool,
    /// An acknowledgement is wanted.
    pub wants_ack: bool,
    /// Source and destination are in one PAN, whose identifier is there once. It takes effect only if both have addresses in one PAN.
    pub compresses_pan: bool,
    /// Its number: data and commands share a counter, beacons have their own.
    pub sequence: u8,
    /// Whom it is for; none means the PAN's coordinator, or everyone, for beacons.
    pub destination: Option<Endpoint>,
    /// Who sends it; none means the PAN's coordinator.
    pub source: Option<Endpoint>,
    /// How it is secured.
    pub security: Option<Security>,
    /// What it carries.
    pub content: Content,
}

/// The frame version field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// 0: any edition reads it. Security, where there is some, is that of 2003, which is not read here.
    V2003,
    /// 1: security of 2006, or more than 102 bytes of content. Frames of 2015 without its new parts have it, too.
    V2006,
}

/// What a station is, for those who ask whether a frame is for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Station {
    /// Its PAN.
    pub pan: PanId,
    /// Its short address, if it has one.
    pub short: Option<u16>,
    /// Its extended address.
    pub extended: u64,
    /// It coordinates the PAN: frames without a destination are for it.
    pub is_pan_coordinator: bool,
}

/// aMaxMACSafePayloadSize: data up to this length goes into frames that devices of 2003 read \[bytes\].
pub const MAX_SAFE_PAYLOAD: u64 = 102;

const FRAME_CONTROL_LEN: usize = 2;
const SEQUENCE_LEN: usize = 1;
const PAN_LEN: usize = 2;

/// Bits of the frame control.
mod bit {
    pub(super) const SECURITY: u16 = 1 << 3;
    pub(super) const PENDING: u16 = 1 << 4;
    pub(super) const ACK_REQUEST: u16 = 1 << 5;
    pub(super) const PAN_COMPRESSION: u16 = 1 << 6;
    pub(super) const DESTINATION_MODE: u16 = 10;
    pub(super) const VERSION: u16 = 12;
    pub(super) const SOURCE_MODE: u16 = 14;
}

/// Of an addressing mode field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    None,
    Short,
    Extended,
}

impl Mode {
    fn of(endpoint: Option<Endpoint>) -> u16 {
        match endpoint.map(|endpoint| endpoint.address) {
            None => 0,
            Some(Address::Short(_)) => 2,
            Some(Address::Extended(_)) => 3,
        }
    }

    fn from_bits(bits: u16) -> Result<Self, FrameError> {
        match bits & 3 {
            0 => Ok(Self::None),
            2 => Ok(Self::Short),
            3 => Ok(Self::Extended),
            _ => Err(FrameError::AddressingMode),
        }
    }
}

impl Frame {
    /// Data from `source` to `destination`, acknowledged unless it is for everyone. Its version is the lowest that may carry it.
    pub fn data(sequence: u8, source: Endpoint, destination: Endpoint, payload: Rope) -> Self {
        let version = if payload.len() > MAX_SAFE_PAYLOAD { Version::V2006 } else { Version::V2003 };
        Self {
            version,
            is_pending: false,
            wants_ack: !destination.address.is_broadcast(),
            compresses_pan: source.pan == destination.pan,
            sequence,
            destination: Some(destination),
            source: Some(source),
            security: None,
            content: Content::Data(payload),
        }
    }

    /// A command from `source` to `destination`, acknowledged unless it is for everyone.
    pub fn command(sequence: u8, source: Endpoint, destination: Endpoint, command: Command) -> Self {
        Self { content: Content::Command(command), ..Self::data(sequence, source, destination, Rope::new()) }
    }

    /// A child asks its parent for what waits for it.
    pub fn data_request(sequence: u8, child: Endpoint, parent: Endpoint) -> Self {
        Self::command(sequence, child, parent, Command::DataRequest)
    }

    /// A beacon of `source`.
    pub fn beacon(sequence: u8, source: Endpoint, beacon: Beacon) -> Self {
        Self {
            version: Version::V2003,
            is_pending: false,
            wants_ack: false,
            compresses_pan: false,
            sequence,
            destination: None,
            source: Some(source),
            security: None,
            content: Content::Beacon(beacon),
        }
    }

    /// The acknowledgement of the frame with this number.
    pub const fn ack(sequence: u8, is_pending: bool) -> Self {
        Self {
            version: Version::V2003,
            is_pending,
            wants_ack: false,
            compresses_pan: false,
            sequence,
            destination: None,
            source: None,
            security: None,
            content: Content::Ack,
        }
    }

    /// The same, secured: its version is that of 2006.
    pub fn secured(self, security: Security) -> Self {
        Self { version: Version::V2006, security: Some(security), ..self }
    }

    /// True if the source's PAN is left out.
    fn leaves_pan_out(&self) -> bool {
        let same = |(source, destination): (Endpoint, Endpoint)| source.pan == destination.pan;
        self.compresses_pan && self.source.zip(self.destination).is_some_and(same)
    }

    /// Length of all that stands before the content: header and security header \[bytes\].
    pub fn header_len(&self) -> usize {
        let endpoint =
            |endpoint: Option<Endpoint>| endpoint.map_or(0, |endpoint| PAN_LEN + endpoint.address.wire_len());
        let pan = if self.leaves_pan_out() { PAN_LEN } else { 0 };
        let addresses = endpoint(self.destination) + endpoint(self.source) - pan;
        let security = self.security.as_ref().map_or(0, Security::header_len);
        FRAME_CONTROL_LEN + SEQUENCE_LEN + addresses + security
    }

    /// What there is room for behind this frame's headers \[bytes\].
    pub fn room(&self) -> usize {
        let mic = self.security.as_ref().map_or(0, |security| security.level.mic_len());
        MAX_PHY_PACKET_SIZE.saturating_sub(self.header_len() + mic + FCS_LEN)
    }

    /// Length of the frame, check sequence included \[bytes\]. A frame of more than [`MAX_PHY_PACKET_SIZE`] cannot be sent.
    pub fn mpdu_len(&self) -> usize {
        let content = match &self.content {
            Content::Beacon(beacon) => beacon.wire_len(),
            Content::Data(payload) => payload.len(),
            Content::Ack => 0,
            Content::Command(command) => command.wire_len(),
        };
        let mic = self.security.as_ref().map_or(0, |security| security.mic.len());
        self.header_len() + content as usize + mic + FCS_LEN
    }

    /// How long it is on the air.
    pub fn air_time(&self) -> Span {
        air_time(self.mpdu_len())
    }

    /// The pause behind it.
    pub fn interframe_space(&self) -> Span {
        interframe_space(self.mpdu_len())
    }

    fn control(&self) -> u16 {
        let flag = |is_set: bool, bit: u16| if is_set { bit } else { 0 };
        let kind = match self.content {
            Content::Beacon(_) => 0,
            Content::Data(_) => 1,
            Content::Ack => 2,
            Content::Command(_) => 3,
        };
        let version = match self.version {
            Version::V2003 => 0,
            Version::V2006 => 1,
        };
        kind | flag(self.security.is_some(), bit::SECURITY)
            | flag(self.is_pending, bit::PENDING)
            | flag(self.wants_ack, bit::ACK_REQUEST)
            | flag(self.leaves_pan_out(), bit::PAN_COMPRESSION)
            | Mode::of(self.destination) << bit::DESTINATION_MODE
            | version << bit::VERSION
            | Mode::of(self.source) << bit::SOURCE_MODE
    }

    /// The frame without its check sequence, as captures of link type 230 have it.
    pub fn encode_without_fcs(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.mpdu_len());
        out.extend_from_slice(&self.control().to_le_bytes());
        out.push(self.sequence);
        if let Some(destination) = self.destination {
            out.extend_from_slice(&destination.pan.0.to_le_bytes());
            put_address(destination.address, &mut out);
        }
        if let Some(source) = self.source {
            if !self.leaves_pan_out() {
                out.extend_from_slice(&source.pan.0.to_le_bytes());
            }
            put_address(source.address, &mut out);
        }
        if let Some(security) = &self.security {
            security.encode_into(&mut out);
        }
        match &self.content {
            Content::Beacon(beacon) => beacon.encode_into(&mut out),
            Content::Data(payload) => payload.write_to(&mut out),
            Content::Ack => {}
            Content::Command(command) => command.encode_into(&mut out),
        }
        if let Some(security) = &self.security {
            out.extend_from_slice(&security.mic);
        }
        out
    }

    /// The frame with its check sequence, as it is on the air and in captures of link type 195.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.encode_without_fcs();
        let fcs = fcs(&out);
        out.extend_from_slice(&fcs.to_le_bytes());
        out
    }

    /// Reads a frame with its check sequence.
    ///
    /// # Errors
    /// When the check sequence is wrong, or the bytes are not a frame of 2003 or 2006.
    pub fn decode(mpdu: &[u8]) -> Result<Self, FrameError> {
        if mpdu.len() > MAX_PHY_PACKET_SIZE {
            return Err(FrameError::TooLong(mpdu.len()));
        }
        let short = FrameError::Truncated { need: FRAME_CONTROL_LEN + SEQUENCE_LEN + FCS_LEN, have: mpdu.len() };
        let (frame, found) = mpdu.split_last_chunk::<FCS_LEN>().ok_or(short)?;
        let (found, computed) = (u16::from_le_bytes(*found), fcs(frame));
        if found != computed {
            return Err(FrameError::Fcs { found, computed });
        }
        Self::decode_without_fcs(frame)
    }

    /// Reads a frame whose check sequence is not there.
    ///
    /// # Errors
    /// When the bytes are not a frame of 2003 or 2006.
    pub fn decode_without_fcs(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() + FCS_LEN > MAX_PHY_PACKET_SIZE {
            return Err(FrameError::TooLong(bytes.len() + FCS_LEN));
        }
        let mut reader = Reader::new(bytes);
        let (control, sequence) = (reader.u16_le()?, reader.u8()?);
        let is_set = |bit: u16| control & bit != 0;
        let version = match control >> bit::VERSION & 3 {
            0 => Version::V2003,
            1 => Version::V2006,
            other => return Err(FrameError::Version(other as u8)),
        };
        let compresses_pan = is_set(bit::PAN_COMPRESSION);
        let (destination, source) = read_endpoints(control, compresses_pan, &mut reader)?;
        let mut security = match (is_set(bit::SECURITY), version) {
            (false, _) => None,
            (true, Version::V2003) => return Err(FrameError::LegacySecurity),
            (true, Version::V2006) => Some(Security::read(&mut reader)?),
        };
        let mut content = reader.rest();
        if let Some(security) = &mut security {
            content = security.split(content, reader.at())?;
        }
        let content = match control & 7 {
            0 => Content::Beacon(Beacon::read(content)?),
            1 => Content::Data(Rope::from(content.to_vec())),
            2 if content.is_empty() && security.is_none() && destination.is_none() && source.is_none() => Content::Ack,
            2 => return Err(FrameError::Acknowledgement),
            3 => {
                let is_encrypted = security.as_ref().is_some_and(|security| security.level.encrypts());
                Content::Command(Command::read(content, is_encrypted)?)
            }
            other => return Err(FrameError::Type(other as u8)),
        };
        let (is_pending, wants_ack) = (is_set(bit::PENDING), is_set(bit::ACK_REQUEST));
        Ok(Self { version, is_pending, wants_ack, compresses_pan, sequence, destination, source, security, content })
    }
}

fn put_address(address: Address, out: &mut Vec<u8>) {
    match address {
        Address::Short(short) => out.extend_from_slice(&short.to_le_bytes()),
        Address::Extended(extended) => out.extend_from_slice(&extended.to_le_bytes()),
    }
}

/// Destination and source.
type Endpoints = (Option<Endpoint>, Option<Endpoint>);

fn read_endpoints(control: u16, compresses_pan: bool, reader: &mut Reader<'_>) -> Result<Endpoints, FrameError> {
    let destination_mode = Mode::from_bits(control >> bit::DESTINATION_MODE)?;
    let source_mode = Mode::from_bits(control >> bit::SOURCE_MODE)?;
    if compresses_pan && (destination_mode == Mode::None || source_mode == Mode::None) {
        return Err(FrameError::PanCompression);
    }
    let mut endpoint = |mode: Mode, shared: Option<PanId>| {
        if mode == Mode::None {
            return Ok(None);
        }
        let pan = match shared {
            Some(pan) => pan,
            None => PanId(reader.u16_le()?),
        };
        let address = match mode {
            Mode::Extended => Address::Extended(u64::from_le_bytes(reader.array()?)),
            Mode::Short | Mode::None => Address::Short(reader.u16_le()?),
        };
        Ok::<_, FrameError>(Some(Endpoint { pan, address }))
    };
    let destination = endpoint(destination_mode, None)?;
    let shared = destination.filter(|_| compresses_pan).map(|destination| destination.pan);
    let source = endpoint(source_mode, shared)?;
    Ok((destination, source))
}

impl Station {
    /// True if the station takes `frame` (§7.5.6.2, third level of filtering). Acknowledgements name nobody: who waits for one knows
    /// its number.
    pub fn takes(&self, frame: &Frame) -> bool {
        let is_here = |pan: PanId| pan == self.pan || pan == PanId::BROADCAST;
        let is_own = |address: Address| match address {
            Address::Short(short) => address.is_broadcast() || self.short == Some(short),
            Address::Extended(extended) => extended == self.extended,
        };
        match (&frame.content, frame.destination, frame.source) {
            (Content::Ack, _, _) => true,
            (_, Some(destination), _) => is_here(destination.pan) && is_own(destination.address),
            // Who belongs to no PAN hears the beacons of all.
            (Content::Beacon(_), None, Some(source)) => self.pan == PanId::BROADCAST || source.pan == self.pan,
            (_, None, Some(source)) => self.is_pan_coordinator && source.pan == self.pan,
            (_, None, None) => false,
        }
    }

    /// True if the station answers `frame` with an acknowledgement: one is wanted, and the frame is for the station and not
    /// for everyone (§7.5.6.4). An orphan is answered in the PAN of everyone and acknowledges that.
    pub fn acknowledges(&self, frame: &Frame) -> bool {
        let is_for_all = frame.destination.is_some_and(|destination| destination.address.is_broadcast());
        let is_answered = matches!(frame.content, Content::Data(_) | Content::Command(_));
        frame.wants_ack && is_answered && !is_for_all && self.takes(frame)
    }
}
