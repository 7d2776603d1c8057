//! Frames of LoRaWAN 1.0.x on the wire (LoRaWAN 1.0.3 §4, §6.2). Numbers are little-endian.
//!
//! ```text
//! data          MHDR 1 | DevAddr 4 | FCtrl 1 | FCnt 2 | FOpts 0..15 | FPort 0..1 | FRMPayload | MIC 4
//! join request  MHDR 1 | JoinEUI 8 | DevEUI 8 | DevNonce 2 | MIC 4
//! join accept   MHDR 1 | AES⁻¹ of (AppNonce 3 | NetID 3 | DevAddr 4 | DLSettings 1 | RxDelay 1 | CFList 0 or 16 | MIC 4)
//! ```
//!
//! A frame without payload needs no port (§4.3.2). Wireshark 4.0 takes one for given all the same, reads the code's first byte as it, and
//! calls such a frame malformed; with a port it reads frames as they are meant.

use super::crypto::{Direction, Key, Mic, SessionKeys};

/// The longest physical payload.
pub const MAX_FRAME: usize = 255;
/// A data frame without options, port and payload.
pub const MIN_DATA: usize = 12;
/// A join request.
pub const JOIN_REQUEST: usize = 23;
/// The most options in a frame's header.
pub const MAX_OPTIONS: usize = 15;

/// Why bytes are no frame, or why there is none with such fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// It has too few bytes for its kind, or not as many as its kind has.
    #[error("a frame of {0} bytes is not as long as its kind")]
    Length(usize),
    /// Its major version is another one.
    #[error("major version {0} of LoRaWAN is not known")]
    Major(u8),
    /// More options than a header has room for.
    #[error("{0} bytes of options, of at most 15")]
    Options(usize),
    /// A payload needs a port.
    #[error("a payload without a port")]
    NoPort,
    /// Options in the header and in the payload of port 0.
    #[error("options both in the header and on port 0")]
    TwiceOptions,
    /// The integrity code is wrong.
    #[error("the integrity code is wrong")]
    Mic,
}

/// The kind of a frame (§4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A device wants to join.
    JoinRequest,
    /// The network lets it.
    JoinAccept,
    /// From a device, not to be acknowledged.
    UnconfirmedUp,
    /// To a device, not to be acknowledged.
    UnconfirmedDown,
    /// From a device, to be acknowledged.
    ConfirmedUp,
    /// To a device, to be acknowledged.
    ConfirmedDown,
    /// Rejoin request of LoRaWAN 1.1.
    Rejoin,
    /// Of a vendor's own.
    Proprietary,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::JoinRequest,
        Self::JoinAccept,
        Self::UnconfirmedUp,
        Self::UnconfirmedDown,
        Self::ConfirmedUp,
        Self::ConfirmedDown,
        Self::Rejoin,
        Self::Proprietary,
    ];

    /// The way of data; none for other kinds.
    pub const fn direction(self) -> Option<Direction> {
        match self {
            Self::UnconfirmedUp | Self::ConfirmedUp => Some(Direction::Up),
            Self::UnconfirmedDown | Self::ConfirmedDown => Some(Direction::Down),
            _ => None,
        }
    }
}

/// A data frame, its payload as it is on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataFrame {
    /// One of the four kinds of data.
    pub kind: Kind,
    /// Bits of the header that have no meaning yet, as they came: three.
    pub reserved: u8,
    /// The device's address.
    pub dev_addr: u32,
    /// The network controls the data rate.
    pub adr: bool,
    /// Up: the device asks whether it is heard at all. Down: reserved.
    pub adr_ack_request: bool,
    /// A confirmed frame has come.
    pub ack: bool,
    /// Down: more waits. Up: class B.
    pub pending: bool,
    /// The low half of the counter.
    pub counter: u16,
    /// Commands of the MAC; at most 15 bytes.
    pub options: Vec<u8>,
    /// 0: the payload is commands of the MAC.
    pub port: Option<u8>,
    /// The payload, encrypted.
    pub payload: Vec<u8>,
    /// The integrity code.
    pub mic: Mic,
}

impl DataFrame {
    /// A frame of that kind without anything in it; `None` for kinds that are no data.
    pub fn new(kind: Kind, dev_addr: u32, counter: u16) -> Option<Self> {
        kind.direction()?;
        Some(Self {
            kind,
            reserved: 0,
            dev_addr,
            adr: false,
            adr_ack_request: false,
            ack: false,
            pending: false,
            counter,
            options: Vec::new(),
            port: None,
            payload: Vec::new(),
            mic: [0; 4],
        })
    }

    /// How long it is.
    pub fn wire_len(&self) -> usize {
        MIN_DATA + self.options.len() + usize::from(self.port.is_some()) + self.payload.len()
    }

    /// The frame.
    ///
    /// # Errors
    /// When there is no such frame.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let mut bytes = self.before_mic()?;
        bytes.extend_from_slice(&self.mic);
        Ok(bytes)
    }

    fn before_mic(&self) -> Result<Vec<u8>, FrameError> {
        if self.options.len() > MAX_OPTIONS {
            return Err(FrameError::Options(self.options.len()));
        }
        if self.port.is_none() && !self.payload.is_empty() {
            return Err(FrameError::NoPort);
        }
        if self.port == Some(0) && !self.options.is_empty() {
            return Err(FrameError::TwiceOptions);
        }
        if self.wire_len() > MAX_FRAME {
            return Err(FrameError::Length(self.wire_len()));
        }
        let flags = [(self.adr, 0x80), (self.adr_ack_request, 0x40), (self.ack, 0x20), (self.pending, 0x10)];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, bit)| all | bit);
        let mut bytes = Vec::with_capacity(self.wire_len());
        bytes.push(header(self.kind, self.reserved));
        bytes.extend_from_slice(&self.dev_addr.to_le_bytes());
        bytes.push(flags | self.options.len() as u8);
        bytes.extend_from_slice(&self.counter.to_le_bytes());
        bytes.extend_from_slice(&self.options);
        bytes.extend(self.port);
        bytes.extend_from_slice(&self.payload);
        Ok(bytes)
    }

    /// Encrypts the payload that it has, and sets its code, with the whole counter, whose low half is this frame's.
    ///
    /// # Errors
    /// When there is no such frame.
    pub fn seal(mut self, keys: &SessionKeys, counter: u32) -> Result<Self, FrameError> {
        self.counter = counter as u16;
        // Blocks of a payload are counted in a byte: what is too long is refused before.
        self.before_mic()?;
        self.crypt(keys, counter);
        self.mic = self.expected_mic(keys, counter)?;
        Ok(self)
    }

    /// Checks the code, and decrypts the payload.
    ///
    /// # Errors
    /// When the code is wrong.
    pub fn open(mut self, keys: &SessionKeys, counter: u32) -> Result<Self, FrameError> {
        if self.counter != counter as u16 || self.expected_mic(keys, counter)? != self.mic {
            return Err(FrameError::Mic);
        }
        self.crypt(keys, counter);
        Ok(self)
    }

    fn expected_mic(&self, keys: &SessionKeys, counter: u32) -> Result<Mic, FrameError> {
        let direction = self.kind.direction().unwrap_or(Direction::Up);
        Ok(keys.network.data_mic(direction, self.dev_addr, counter, &self.before_mic()?))
    }

    fn crypt(&mut self, keys: &SessionKeys, counter: u32) {
        let key = if self.port == Some(0) { &keys.network } else { &keys.application };
        let direction = self.kind.direction().unwrap_or(Direction::Up);
        key.crypt(direction, self.dev_addr, counter, &mut self.payload);
    }

    fn decode(kind: Kind, reserved: u8, bytes: &[u8]) -> Result<Self, FrameError> {
        let wrong = FrameError::Length(bytes.len());
        if bytes.len() > MAX_FRAME {
            return Err(wrong);
        }
        let (before, mic) = bytes.split_last_chunk::<4>().ok_or(wrong)?;
        let [_, a, b, c, d, control, low, high, rest @ ..] = before else { return Err(wrong) };
        let (options, rest) = rest.split_at_checked(usize::from(control & 0x0f)).ok_or(wrong)?;
        let (port, payload) = rest.split_first().map_or((None, &[][..]), |(port, payload)| (Some(*port), payload));
        if port == Some(0) && !options.is_empty() {
            return Err(FrameError::TwiceOptions);
        }
        Ok(Self {
            kind,
            reserved,
            dev_addr: u32::from_le_bytes([*a, *b, *c, *d]),
            adr: control & 0x80 != 0,
            adr_ack_request: control & 0x40 != 0,
            ack: control & 0x20 != 0,
            pending: control & 0x10 != 0,
            counter: u16::from_le_bytes([*low, *high]),
            options: options.to_vec(),
            port,
            payload: payload.to_vec(),
            mic: *mic,
        })
    }
}

/// A join request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JoinRequest {
    /// Reserved bits of the header, as they came.
    pub reserved: u8,
    /// JoinEUI, formerly AppEUI.
    pub join_eui: u64,
    /// The device's own identifier.
    pub dev_eui: u64,
    /// Never the same twice.
    pub dev_nonce: u16,
    /// The integrity code.
    pub mic: Mic,
}

impl JoinRequest {
    fn before_mic(&self) -> Vec<u8> {
        let mut bytes = vec![header(Kind::JoinRequest, self.reserved)];
        bytes.extend_from_slice(&self.join_eui.to_le_bytes());
        bytes.extend_from_slice(&self.dev_eui.to_le_bytes());
        bytes.extend_from_slice(&self.dev_nonce.to_le_bytes());
        bytes
    }

    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        [&self.before_mic()[..], &self.mic[..]].concat()
    }

    /// Sets the code.
    pub fn seal(mut self, app_key: &Key) -> Self {
        self.mic = app_key.join_mic(&self.before_mic());
        self
    }

    /// True if the code is right.
    pub fn is_genuine(&self, app_key: &Key) -> bool {
        app_key.join_mic(&self.before_mic()) == self.mic
    }

    fn decode(reserved: u8, bytes: &[u8]) -> Result<Self, FrameError> {
        let wrong = FrameError::Length(bytes.len());
        let (fixed, mic) = bytes.split_last_chunk::<4>().filter(|_| bytes.len() == JOIN_REQUEST).ok_or(wrong)?;
        let (join_eui, rest) = fixed[1..].split_first_chunk::<8>().ok_or(wrong)?;
        let (dev_eui, rest) = rest.split_first_chunk::<8>().ok_or(wrong)?;
        let (dev_nonce, _) = rest.split_first_chunk::<2>().ok_or(wrong)?;
        Ok(Self {
            reserved,
            join_eui: u64::from_le_bytes(*join_eui),
            dev_eui: u64::from_le_bytes(*dev_eui),
            dev_nonce: u16::from_le_bytes(*dev_nonce),
            mic: *mic,
        })
    }
}

/// A join accept, in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JoinAccept {
    /// Reserved bits of the header.
    pub reserved: u8,
    /// The network's nonce, 24 bits.
    pub app_nonce: u32,
    /// The network's identifier, 24 bits.
    pub net_id: u32,
    /// The device's address from now on.
    pub dev_addr: u32,
    /// Offset of the first window's data rate (bits 6 to 4), and the second window's data rate (bits 3 to 0).
    pub dl_settings: u8,
    /// Seconds to the first window; 0 means 1.
    pub rx_delay: u8,
    /// Further channels.
    pub cf_list: Option<[u8; 16]>,
}

impl JoinAccept {
    fn before_mic(&self) -> Vec<u8> {
        let mut bytes = vec![header(Kind::JoinAccept, self.reserved)];
        bytes.extend_from_slice(&self.app_nonce.to_le_bytes()[..3]);
        bytes.extend_from_slice(&self.net_id.to_le_bytes()[..3]);
        bytes.extend_from_slice(&self.dev_addr.to_le_bytes());
        bytes.extend([self.dl_settings, self.rx_delay]);
        bytes.extend(self.cf_list.iter().flatten());
        bytes
    }

    /// The frame, encrypted by AES's inverse, so that a device needs AES alone (§6.2.5).
    pub fn seal(&self, app_key: &Key) -> Vec<u8> {
        let mut bytes = self.before_mic();
        bytes.extend(app_key.join_mic(&self.before_mic()));
        each_block(&mut bytes[1..], |block| app_key.decrypt_block(block));
        bytes
    }

    /// Decrypts a frame and checks its code.
    ///
    /// # Errors
    /// When it has no length of a join accept, is none, or its code is wrong.
    pub fn open(bytes: &[u8], app_key: &Key) -> Result<Self, FrameError> {
        let wrong = FrameError::Length(bytes.len());
        let (kind, reserved) = read_header(bytes)?;
        if kind != Kind::JoinAccept || !matches!(bytes.len(), 17 | 33) {
            return Err(wrong);
        }
        let mut clear = bytes.to_vec();
        each_block(&mut clear[1..], |block| app_key.encrypt_block(block));
        let (before, mic) = clear.split_last_chunk::<4>().ok_or(wrong)?;
        if app_key.join_mic(before) != *mic {
            return Err(FrameError::Mic);
        }
        let [_, n0, n1, n2, i0, i1, i2, a, b, c, d, dl_settings, rx_delay, list @ ..] = before else {
            return Err(wrong);
        };
        Ok(Self {
            reserved,
            app_nonce: u32::from_le_bytes([*n0, *n1, *n2, 0]),
            net_id: u32::from_le_bytes([*i0, *i1, *i2, 0]),
            dev_addr: u32::from_le_bytes([*a, *b, *c, *d]),
            dl_settings: *dl_settings,
            rx_delay: *rx_delay,
            cf_list: list.try_into().ok(),
        })
    }

    /// The keys that it gives, with the nonce of the request.
    pub fn session(&self, app_key: &Key, dev_nonce: u16) -> SessionKeys {
        SessionKeys::derive(app_key, self.app_nonce, self.net_id, dev_nonce)
    }
}

fn each_block(bytes: &mut [u8], cipher: impl Fn([u8; 16]) -> [u8; 16]) {
    let (blocks, _) = bytes.as_chunks_mut::<16>();
    blocks.iter_mut().for_each(|block| *block = cipher(*block));
}

fn header(kind: Kind, reserved: u8) -> u8 {
    let index = Kind::ALL.iter().position(|other| *other == kind).unwrap_or(0);
    (index as u8) << 5 | (reserved & 7) << 2
}

fn read_header(bytes: &[u8]) -> Result<(Kind, u8), FrameError> {
    let first = *bytes.first().ok_or(FrameError::Length(0))?;
    match first & 3 {
        0 => Ok((Kind::ALL[usize::from(first >> 5)], first >> 2 & 7)),
        major => Err(FrameError::Major(major)),
    }
}

/// A frame as far as it can be read without keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// Data.
    Data(DataFrame),
    /// A join request.
    JoinRequest(JoinRequest),
    /// A join accept, encrypted: its bytes.
    JoinAccept(Vec<u8>),
    /// Another kind: its bytes.
    Other(Vec<u8>),
}

impl Frame {
    /// Reads a physical payload.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (kind, reserved) = read_header(bytes)?;
        match kind {
            Kind::JoinRequest => JoinRequest::decode(reserved, bytes).map(Self::JoinRequest),
            Kind::JoinAccept if matches!(bytes.len(), 17 | 33) => Ok(Self::JoinAccept(bytes.to_vec())),
            Kind::JoinAccept => Err(FrameError::Length(bytes.len())),
            kind if kind.direction().is_some() => DataFrame::decode(kind, reserved, bytes).map(Self::Data),
            _ => Ok(Self::Other(bytes.to_vec())),
        }
    }

    /// The physical payload.
    ///
    /// # Errors
    /// When there is no such frame.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        match self {
            Self::Data(frame) => frame.encode(),
            Self::JoinRequest(request) => Ok(request.encode()),
            Self::JoinAccept(bytes) | Self::Other(bytes) => Ok(bytes.clone()),
        }
    }
}

/// The whole counter of a frame whose low half is `low`, where `last` was the last one that was accepted: the next one above it. `None` if
/// it were more than `MAX_FCNT_GAP` = 16384 above (§4.3.1.5).
pub fn whole_counter(last: Option<u32>, low: u16) -> Option<u32> {
    let Some(last) = last else { return Some(u32::from(low)) };
    let step = low.wrapping_sub(last as u16);
    // The same low half again is a repetition, or 65536 later, which the gap excludes.
    if step == 0 || step > 16_384 {
        return None;
    }
    last.checked_add(u32::from(step))
}
