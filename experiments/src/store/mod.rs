//! Runs that are kept: nothing is computed twice, nothing is lost.
//!
//! A run is known by its [`RunKey`], a hash of everything that decides its output: the resolved scenario of its point, the files that this names, seed
//! and replication, and the sources of the program. What came out of it is a record in a journal: a file that one process
//! appends to and nobody changes, each record with its key and a checksum. A folder of journals is a [`Store`]: it finds a run by its
//! key, whoever ran it.
//!
//! So a sweep that was killed goes on where it was (`--resume`: the store lies in the folder of results, and goes when they are whole), a
//! run that another experiment has made already is taken from there (`--cache`: the store lies where one says), and shards of a sweep are
//! folders whose stores are read together.
//!
//! What is looked at beside results, captures and diagrams and event logs, is not in a record: such runs are made again.

mod journal;
mod key;
#[cfg(test)]
mod tests;

pub use journal::StoreError;
pub(crate) use key::all_keys;
pub use key::{KeyOfPoint, RunKey, keys};

use crate::run::RunOutput;
use journal::Place;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How the names of journals end.
const ENDING: &str = ".journal";

/// A folder of journals, as it was when it was opened, and what was added since.
#[derive(Debug, Default)]
pub struct Store {
    /// Where runs are added.
    folder: PathBuf,
    journals: Vec<(PathBuf, Mutex<File>)>,
    /// Which of them is ours.
    own: Option<usize>,
    records: BTreeMap<RunKey, (usize, Place)>,
    /// What is broken, in words.
    pub complaints: Vec<String>,
    /// How many records are of runs that another one is of already.
    pub repeated: usize,
}

impl Store {
    /// Reads all journals of a folder; of one that is not there, none. Each record is checked; what is broken is left out, and named in
    /// `complaints`. A record cut short at the end of a journal is what a killed process leaves, and no complaint.
    ///
    /// # Errors
    /// When the folder or a journal cannot be read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut store = Self { folder: folder.to_owned(), ..Self::default() };
        store.include(folder)?;
        Ok(store)
    }

    /// Finds runs in the journals of another folder, too.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn include(&mut self, folder: &Path) -> Result<(), StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| StoreError { path, doing: "read", error }
        };
        let mut paths = Vec::new();
        match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(folder)(error)),
            Ok(entries) => {
                for entry in entries {
                    let path = entry.map_err(failed(folder))?.path();
                    if path.to_string_lossy().ends_with(ENDING) {
                        paths.push(path);
                    }
                }
            }
        }
        // Of records of one run any is right; the order of complaints is that of names.
        paths.sort();
        for path in paths {
            let file = File::open(&path).map_err(failed(&path))?;
            let number = self.journals.len();
            let scanned = journal::scan(&file).map_err(failed(&path))?;
            for (key, place) in scanned.records {
                let known = self.records.len();
                self.records.entry(key).or_insert((number, place));
                self.repeated += usize::from(self.records.len() == known);
            }
            self.complaints.extend(scanned.complaint.map(|complaint| format!("`{}`: {complaint}", path.display())));
            self.journals.push((path, Mutex::new(file)));
        }
        Ok(())
    }

    /// Whether it has a run.
    pub fn contains(&self, key: &RunKey) -> bool {
        self.records.contains_key(key)
    }

    /// What the record of a run takes \[bytes\]; 0 if it has none.
    pub(crate) fn bytes(&self, key: &RunKey) -> usize {
        self.records.get(key).map_or(0, |(_, place)| place.length)
    }

    /// How many runs it has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a run, to a journal of its own.
    ///
    /// # Errors
    /// When the file system refuses; the store is then as it was.
    pub fn add(&mut self, record: &Record) -> Result<(), StoreError> {
        let own = match self.own {
            Some(own) => own,
            None => {
                let failed = |error| StoreError { path: self.folder.clone(), doing: "write to", error };
                let (path, file) = journal::begin(&self.folder).map_err(failed)?;
                self.journals.push((path, Mutex::new(file)));
                *self.own.insert(self.journals.len() - 1)
            }
        };
        let (path, file) = &mut self.journals[own];
        let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let place = journal::append(file, &record.bytes);
        let place = place.map_err(|error| StoreError { path: path.clone(), doing: "write to", error })?;
        self.records.entry(record.key).or_insert((own, place));
        Ok(())
    }

    /// The output of a run, if the store has it.
    ///
    /// # Errors
    /// When the journal cannot be read any more, or has changed since it was opened.
    pub fn output(&self, key: &RunKey) -> Result<Option<RunOutput>, StoreError> {
        let Some((journal, place)) = self.records.get(key) else { return Ok(None) };
        let (path, file) = &self.journals[*journal];
        let failed = |error| StoreError { path: path.clone(), doing: "read", error };
        let mut payload = vec![0; place.length];
        {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.offset)).and_then(|_| file.read_exact(&mut payload)).map_err(failed)?;
        }
        let output = postcard::from_bytes(&payload);
        output.map(Some).map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))
    }
}

/// A run as it is kept.
#[derive(Debug)]
pub struct Record {
    key: RunKey,
    bytes: Vec<u8>,
}

impl Record {
    /// Of an output; this is most of the work of keeping it.
    ///
    /// # Errors
    /// For one of more than 2 GiB.
    pub fn new(key: RunKey, output: &RunOutput) -> io::Result<Self> {
        let payload = postcard::to_allocvec(output).map_err(io::Error::other)?;
        Ok(Self { key, bytes: journal::record(&key, &payload)? })
    }

    /// What it takes in a journal \[bytes\].
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }
}
