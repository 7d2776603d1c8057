//! Lines of a text, within limits.

use super::{Malformed, SdpError};

/// What a reader takes at most; our choice, beyond what descriptions of many media have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the text. Default: 64 KiB.
    pub text: usize,
    /// Its lines. Default: 1000. Each brings at most one candidate.
    pub lines: usize,
    /// Bytes of a line, without its end. Default: 4 KiB.
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text: 64 << 10, lines: 1000, line: 4 << 10 }
    }
}

impl Limits {
    /// None but what memory has.
    pub const NONE: Self = Self { text: usize::MAX, lines: usize::MAX, line: usize::MAX };
}

/// A line: a letter, an equals sign and a value (RFC 8866 §5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// From 1.
    pub number: usize,
    pub kind: char,
    pub value: &'a str,
}

impl Line<'_> {
    pub(super) const fn error(&self, reason: Malformed) -> SdpError {
        SdpError { line: self.number, reason }
    }
}

/// The lines, which end with CRLF or LF; the last one may lack its end.
pub(super) fn lines(text: &str, limits: Limits) -> impl Iterator<Item = Result<Line<'_>, SdpError>> {
    let whole = if text.len() > limits.text { Err(Malformed("the text is too long")) } else { Ok(()) };
    text.lines().zip(1..).map(move |(line, number)| {
        let read = || {
            whole?;
            if number > limits.lines {
                return Err(Malformed("there are too many lines"));
            }
            split(line, limits)
        };
        read().map(|(kind, value)| Line { number, kind, value }).map_err(|reason| SdpError { line: number, reason })
    })
}

fn split(line: &str, limits: Limits) -> Result<(char, &str), Malformed> {
    if line.len() > limits.line {
        return Err(Malformed("the line is too long"));
    }
    if line.contains(['\0', '\r']) {
        return Err(Malformed("a line has no NUL, and no CR but before its LF"));
    }
    let mut chars = line.chars();
    match (chars.next(), chars.next()) {
        (Some(kind), Some('=')) => Ok((kind, chars.as_str())),
        _ => Err(Malformed("a line is a letter, an equals sign and a value")),
    }
}

/// Which kinds of lines may follow each other (RFC 8866 §9): groups in their order, each a text of the letters in it.
pub(super) struct Order {
    groups: &'static [&'static str],
    /// The group of the line before.
    last: Option<usize>,
}

impl Order {
    /// Of a session; `t`, `r` and `z` alternate.
    pub(super) const SESSION: Self =
        Self { groups: &["v", "o", "s", "i", "u", "e", "p", "c", "b", "trz", "k", "a"], last: None };
    /// Of a medium, behind its `m`.
    pub(super) const MEDIA: Self = Self { groups: &["m", "i", "c", "b", "k", "a"], last: Some(0) };
    /// Of a fragment, before its media.
    pub(super) const FRAGMENT: Self = Self { groups: &["a"], last: None };
    /// Of a medium of a fragment, behind its `m`.
    pub(super) const FRAGMENT_MEDIA: Self = Self { groups: &["m", "a"], last: Some(0) };
    /// Kinds of which there are several.
    const REPEATED: &'static str = "epbtrza";

    /// Takes the next line, but for `m`, which begins an order.
    pub(super) fn check(&mut self, kind: char) -> Result<(), Malformed> {
        let Some(place) = self.groups.iter().position(|group| group.contains(kind)) else {
            return Err(Malformed("this kind of line may not be here"));
        };
        let last = self.last.replace(place);
        if last.is_some_and(|last| place < last) {
            return Err(Malformed("this line stands too late"));
        }
        if last == Some(place) && !Self::REPEATED.contains(kind) {
            return Err(Malformed("there are two of this line"));
        }
        Ok(())
    }
}
