//! The form of a journal: records one behind the other, each checked by itself.
//!
//! | bytes | |
//! |---|---|
//! | 8 | `protosim`, once, at the start of the file |
//! | 4 | length of the payload, little-endian |
//! | 32 | key of the run |
//! | 16 | first half of the SHA-256 of the three others |
//! | … | payload: the output, by postcard |
//!
//! A process writes a record by one call, and makes a journal of its own for what it has to add: no two write to one. What a kill leaves
//! at the end is a record that is cut short; after it nothing follows, since nobody appends to a journal that he has not begun.

use super::{ENDING, RunKey};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// What a journal begins with.
const MAGIC: &[u8; 8] = b"protosim";
/// Bytes before a payload.
const HEAD: usize = 4 + 32 + 16;
/// Bytes that a payload has at most: a longer one is a broken length.
const MOST: usize = 1 << 31;
/// Journals in one folder at most.
const MOST_JOURNALS: u32 = 1_000_000;

/// A journal that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`: {error}", path.display())]
pub struct StoreError {
    /// Which file.
    pub path: PathBuf,
    /// What could not be done to it.
    pub doing: &'static str,
    /// Why.
    pub error: io::Error,
}

/// Where a payload lies in its journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) records: Vec<(RunKey, Place)>,
    /// What is broken in it.
    pub(super) complaint: Option<String>,
}

/// The start of the hash over a record.
fn checksum(length: [u8; 4], key: &RunKey, payload: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(length);
    hash.update(key.0);
    hash.update(payload);
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

/// Reads a whole journal, and checks it.
pub(super) fn scan(file: &File) -> io::Result<Scanned> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut found = Scanned::default();
    let mut magic = [0; MAGIC.len()];
    let begun = read_up_to(&mut reader, &mut magic)?;
    if begun < MAGIC.len() && MAGIC.starts_with(&magic[..begun]) {
        return Ok(found);
    }
    if magic != *MAGIC {
        found.complaint = Some("is no journal of runs".to_owned());
        return Ok(found);
    }
    let mut offset = MAGIC.len() as u64;
    let mut payload = Vec::new();
    let mut broken = 0_usize;
    loop {
        let mut head = [0; HEAD];
        // Nothing more, or a record that is cut short.
        if read_up_to(&mut reader, &mut head)? < HEAD {
            break;
        }
        let (length_bytes, rest) = head.split_at(4);
        let (key_bytes, sum) = rest.split_at(32);
        let mut length = [0; 4];
        length.copy_from_slice(length_bytes);
        let mut key = RunKey([0; 32]);
        key.0.copy_from_slice(key_bytes);
        let size = u32::from_le_bytes(length) as usize;
        if size > MOST {
            found.complaint = Some(format!("broken from byte {offset} on; the runs behind it are made again"));
            return Ok(found);
        }
        payload.clear();
        let got = reader.by_ref().take(size as u64).read_to_end(&mut payload)?;
        if got < size {
            break;
        }
        let at = offset + HEAD as u64;
        offset = at + size as u64;
        if checksum(length, &key, &payload)[..] == *sum {
            found.records.push((key, Place { offset: at, length: size }));
        } else {
            broken += 1;
        }
    }
    if broken > 0 {
        let records = if broken == 1 { "a record is" } else { "records are" };
        found.complaint = Some(format!("{broken} {records} broken; made again").replacen("1 a", "a", 1));
    }
    Ok(found)
}

/// Fills `bytes` as far as there is something to read.
fn read_up_to(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A record as it is written.
pub(super) fn record(key: &RunKey, payload: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= MOST);
    let length = length.ok_or_else(|| io::Error::other("a run of more than 2 GiB"))?.to_le_bytes();
    let mut record = Vec::with_capacity(HEAD + payload.len());
    record.extend(length);
    record.extend(key.0);
    record.extend(checksum(length, key, payload));
    record.extend(payload);
    Ok(record)
}

/// Adds a record to a journal that was opened for appending. When the process is killed afterwards, the run is there; when it is killed meanwhile,
/// it is not. After an error the journal is as it was.
pub(super) fn append(mut file: &File, record: &[u8]) -> io::Result<Place> {
    let before = file.metadata()?.len();
    match file.write_all(record) {
        Ok(()) => Ok(Place { offset: before + HEAD as u64, length: record.len() - HEAD }),
        Err(error) => {
            // On a full disk half of it may be there; a reader would leave it out, and all that comes behind it too.
            let _ = file.set_len(before);
            Err(error)
        }
    }
}

/// A new journal with a name of its own.
pub(super) fn begin(folder: &Path) -> io::Result<(PathBuf, File)> {
    std::fs::create_dir_all(folder)?;
    for number in 0..MOST_JOURNALS {
        let path = folder.join(format!("runs-{number:04}{ENDING}"));
        match OpenOptions::new().read(true).append(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(MAGIC)?;
                return Ok((path, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many journals"))
}
