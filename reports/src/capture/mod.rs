//! Captures: pcapng files that Wireshark opens.
//!
//! One section, one interface per link end, one enhanced packet block per packet, little-endian,
//! stamps in nanoseconds (pcapng, draft-ietf-opsawg-pcapng). Simulated time starts at zero, which
//! a reader shows as 1 January 1970. Nothing in the file depends on the clock or the machine, so
//! the same packets give the same bytes.
//!
//! The blocks are encoded by the crate `pcap-file`, of which 2.0 is the newest stable release (3.0
//! has been a release candidate so far): typed blocks and options for all we need, and few
//! dependencies. Two of its traits matter here: stamps are written in nanoseconds whatever the
//! interface says, which is right only because ours say nanoseconds; and an option longer than its
//! 16-bit length field is cut in the length alone, so [`CaptureWriter`] refuses those. `pcap-parser`
//! is kept as well, but would bring an asynchronous runtime's futures for its encoder; it reads our
//! files back in the tests. `pcapng-writer` stopped at 0.1.

#[cfg(test)]
mod tests;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::unknown::UnknownBlock;
use pcap_file::{DataLink, Endianness, PcapError};
use protosim_core::SimTime;
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// What the section header names as the writing application. Without a version, so that a release
/// alone changes no capture.
const APPLICATION: &str = "protosim";

/// Block type of a Decryption Secrets Block, which the crate has no type for.
const DECRYPTION_SECRETS: u32 = 0x0000_000a;
/// Secrets type of the TLS key log: "TLSK".
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// if_tsresol: stamps count units of 10^-9 s.
const NANOSECONDS: u8 = 9;

/// What an interface sees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LinkType {
    /// Packets of either version of IP (link type 101).
    #[default]
    RawIp,
    /// Frames of IEEE 802.15.4 with their check sequence (link type 195).
    Ieee802154,
}

/// One end of a link, at which packets are seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureInterface {
    /// What is seen there.
    pub link_type: LinkType,
    /// Name, such as the path of the link's end.
    pub name: String,
    /// What a reader should know about it; may be empty.
    pub description: String,
}

/// One packet at one interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureRecord {
    /// When it was seen.
    pub at: SimTime,
    /// Where: an index into the capture's interfaces.
    pub interface: u32,
    /// The IP packet or the frame, or its start if a snap length cuts it.
    pub bytes: Vec<u8>,
    /// Length of the whole packet in bytes.
    pub original_len: u32,
    /// A remark, such as the reason why it was dropped.
    pub comment: Option<String>,
}

/// Writes a capture packet by packet. Buffered; [`CaptureWriter::finish`] has to be called.
pub struct CaptureWriter<W: Write> {
    blocks: PcapNgWriter<BufWriter<W>>,
    interfaces: usize,
}

impl<W: Write> CaptureWriter<W> {
    /// Starts a capture that sees packets at `interfaces`.
    ///
    /// # Errors
    /// When `out` cannot be written, or a name or description is longer than 65535 bytes.
    pub fn new(out: W, interfaces: &[CaptureInterface]) -> io::Result<Self> {
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(APPLICATION))],
            ..SectionHeaderBlock::default()
        };
        let mut blocks = PcapNgWriter::with_section_header(BufWriter::new(out), section).map_err(into_io)?;
        for interface in interfaces {
            blocks.write_pcapng_block(interface_block(interface)?).map_err(into_io)?;
        }
        Ok(Self { blocks, interfaces: interfaces.len() })
    }

    /// Adds secrets that decrypt the packets which follow: lines of an SSLKEYLOGFILE, as a Decryption Secrets Block (§4.7 of the draft).
    ///
    /// # Errors
    /// When `out` cannot be written, or there are 4 GiB of them.
    pub fn write_keys(&mut self, keys: &str) -> io::Result<()> {
        let len = u32::try_from(keys.len())
            .map_err(|_| invalid("a key log of 4 GiB does not fit in a capture".to_owned()))?;
        let mut value = TLS_KEY_LOG.to_le_bytes().to_vec();
        value.extend(len.to_le_bytes());
        value.extend(keys.as_bytes());
        value.resize(value.len().next_multiple_of(4), 0);
        let length = value.len() as u32 + 12;
        let block = UnknownBlock { type_: DECRYPTION_SECRETS, length, value: Cow::Owned(value) };
        self.blocks.write_pcapng_block(block).map(|_| ()).map_err(into_io)
    }

    /// Adds one packet.
    ///
    /// # Errors
    /// When `out` cannot be written, the interface does not exist, more bytes are stored than the
    /// packet has, or the comment is longer than 65535 bytes.
    pub fn write(&mut self, record: &CaptureRecord) -> io::Result<()> {
        let CaptureRecord { at, interface, bytes, original_len, comment } = record;
        if *interface as usize >= self.interfaces {
            return Err(invalid(format!("interface {interface} of a capture with {}", self.interfaces)));
        }
        if bytes.len() as u64 > u64::from(*original_len) {
            return Err(invalid(format!("{} bytes stored of a packet of {original_len}", bytes.len())));
        }
        let mut options = Vec::new();
        if let Some(comment) = comment {
            options.push(EnhancedPacketOption::Comment(Cow::Borrowed(checked("a comment", comment)?)));
        }
        let block = EnhancedPacketBlock {
            interface_id: *interface,
            timestamp: Duration::from_nanos(at.as_nanos()),
            original_len: *original_len,
            data: Cow::Borrowed(bytes),
            options,
        };
        self.blocks.write_pcapng_block(block).map(|_| ()).map_err(into_io)
    }

    /// Writes what is still buffered and gives `out` back.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.blocks.into_inner().into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// Writes a whole capture: `records`, in the order given, as seen at `interfaces`, after the `keys` that decrypt them, if there are any.
///
/// # Errors
/// As [`CaptureWriter`]'s.
pub fn write_capture(
    out: impl Write,
    interfaces: &[CaptureInterface],
    keys: &str,
    records: impl IntoIterator<Item = CaptureRecord>,
) -> io::Result<()> {
    let mut capture = CaptureWriter::new(out, interfaces)?;
    if !keys.is_empty() {
        capture.write_keys(keys)?;
    }
    for record in records {
        capture.write(&record)?;
    }
    capture.finish().map(|_| ())
}

/// The block that describes `interface`, uncut.
fn interface_block(interface: &CaptureInterface) -> io::Result<InterfaceDescriptionBlock<'_>> {
    let CaptureInterface { link_type, name, description } = interface;
    let mut options = vec![InterfaceDescriptionOption::IfName(Cow::Borrowed(checked("an interface name", name)?))];
    if !description.is_empty() {
        let description = checked("an interface description", description)?;
        options.push(InterfaceDescriptionOption::IfDescription(Cow::Borrowed(description)));
    }
    options.push(InterfaceDescriptionOption::IfTsResol(NANOSECONDS));
    let linktype = match link_type {
        LinkType::RawIp => DataLink::RAW,
        LinkType::Ieee802154 => DataLink::IEEE802_15_4,
    };
    Ok(InterfaceDescriptionBlock { linktype, snaplen: 0, options })
}

/// `text`, if the 16-bit length of an option can say how long it is.
fn checked<'a>(what: &str, text: &'a str) -> io::Result<&'a str> {
    match u16::try_from(text.len()) {
        Ok(_) => Ok(text),
        Err(_) => Err(invalid(format!("{what} of {} bytes does not fit in a capture", text.len()))),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn into_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidInput, other),
    }
}
