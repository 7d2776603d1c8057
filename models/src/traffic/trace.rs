//! Recorded traffic: when to send how much.
//!
//! A trace is text, one datagram a line, its time in seconds and its size in bytes: `0.000125,1200`. The first line may
//! be the heading `time_s,payload_bytes`; blank lines and lines that begin with `#` are passed over. Times are
//! decimals with at most nine places, and never go back; they are read exactly.

use protosim_core::Span;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

use super::size::MAX_PAYLOAD_BYTES;

/// The heading that a trace may have.
const HEADING: &str = "time_s,payload_bytes";

/// Most mistakes that are reported of one trace.
const MOST_MISTAKES: usize = 20;

/// Recorded traffic by the name of its file: a line for each datagram, with its time in seconds and its size in bytes, as in
/// `0.000125,1200`; times do not go back.
// The models read no files: whoever loads a scenario gives them the text (`TraceFile::resolve`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct TraceFile {
    /// The file, relative to the folder of the scenario.
    path: String,
    #[serde(skip)]
    trace: Option<Arc<Trace>>,
}

/// What a trace says: when to send how many bytes, in order of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace(Vec<(Span, u64)>);

/// A line of a trace that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TraceError {
    /// The line, from 1.
    pub line: usize,
    /// The bytes of the text that are wrong.
    pub range: Range<usize>,
    /// What is wrong with them.
    pub message: String,
}

impl TraceFile {
    /// A trace of this file, without its text.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), trace: None }
    }

    /// The file, relative to the folder of the scenario.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it says, once that is known.
    pub fn trace(&self) -> Option<&Arc<Trace>> {
        self.trace.as_ref()
    }

    /// Takes the text of the file.
    ///
    /// # Errors
    /// See [`Trace::parse`].
    pub fn resolve(&mut self, text: &str) -> Result<(), Vec<TraceError>> {
        self.trace = Some(Arc::new(Trace::parse(text)?));
        Ok(())
    }
}

impl Trace {
    /// Reads a trace; see the module for its format.
    ///
    /// # Errors
    /// The first 20 lines that are wrong, or one mistake at the end if there is no datagram at all.
    pub fn parse(text: &str) -> Result<Self, Vec<TraceError>> {
        let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
        let (mut start, mut last) = (0, Span::ZERO);
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let at = start + (line.len() - line.trim_start().len());
            start += line.len();
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') || (index == 0 && content == HEADING) {
                continue;
            }
            match entry(content, last) {
                Ok(entry) => {
                    last = entry.0;
                    entries.push(entry);
                }
                Err((range, message)) => {
                    mistakes.push(TraceError { line: index + 1, range: at + range.start..at + range.end, message });
                    if mistakes.len() == MOST_MISTAKES {
                        break;
                    }
                }
            }
        }
        if entries.is_empty() && mistakes.is_empty() {
            let message = "a trace has at least one datagram".to_owned();
            let line = text.lines().count().max(1);
            mistakes.push(TraceError { line, range: text.len()..text.len(), message });
        }
        if mistakes.is_empty() { Ok(Self(entries)) } else { Err(mistakes) }
    }

    /// Datagram `index`: when, after the source's start, and its size in bytes.
    pub fn get(&self, index: u64) -> Option<(Span, u64)> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }

    /// How many datagrams.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Never true of a trace that was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The largest size in it [bytes].
    pub fn longest(&self) -> u64 {
        self.0.iter().map(|(_, size)| *size).max().unwrap_or_default()
    }
}

type Wrong = (Range<usize>, String);

/// Time and size of a line without white space around it; else the part that is wrong, and why.
fn entry(line: &str, last: Span) -> Result<(Span, u64), Wrong> {
    let Some((time, size)) = line.split_once(',') else {
        let message = format!("`{}` is not `{HEADING}`, such as `0.000125,1200`", shown(line));
        return Err((0..line.len(), message));
    };
    let time_place = 0..time.len();
    let (time, size) = (time.trim(), size.trim());
    let Some(at) = seconds(time) else {
        let message = format!("`{}` is not a time in seconds with at most nine decimals", shown(time));
        return Err((time_place, message));
    };
    if at < last {
        let message = format!("the time {time} s is before that of the datagram before it, {last}");
        return Err((time_place, message));
    }
    match size.parse::<u64>() {
        Ok(bytes) if (1..=MAX_PAYLOAD_BYTES).contains(&bytes) && !size.starts_with('+') => Ok((at, bytes)),
        _ => {
            let message = format!("`{}` is not a number of bytes from 1 to {MAX_PAYLOAD_BYTES}", shown(size));
            Err((time_place.end + 1..line.len(), message))
        }
    }
}

/// A decimal number of seconds, exactly, up to 100 years.
fn seconds(text: &str) -> Option<Span> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 9 {
        return None;
    }
    let nanos: u64 = format!("{decimals:0<9}").parse().ok()?;
    let secs: u64 = whole.parse().ok()?;
    let span = Span::from_nanos(secs.checked_mul(protosim_core::time::NANOS_PER_SEC)?.checked_add(nanos)?);
    (span <= Span::LONGEST_WRITTEN).then_some(span)
}

/// Offending text, cut to what a line of a message holds.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
