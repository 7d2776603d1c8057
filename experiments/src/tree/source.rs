//! Texts that nodes come from, and places in them.

use std::ops::Range;

/// Which text of [`Sources`] a place lies in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(u32);

/// A range of bytes in one source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The text it lies in.
    pub source: SourceId,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// True if it lies within another one, or is that.
    pub(crate) fn lies_in(self, outer: Self) -> bool {
        self.source == outer.source && outer.start <= self.start && self.end <= outer.end
    }
}

/// One text: a scenario file, or one `--set` of the command line.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

/// All texts that a scenario was made of.
#[derive(Clone, Default, Debug)]
pub struct Sources {
    all: Vec<Source>,
}

/// A place as people write it: `home.ron:7:28`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Name of the source.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Span {
    /// Bytes `range` of `source`.
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        Self { source, start: range.start, end: range.end }
    }

    /// The byte range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// From the start of `self` to the end of `other`, which lies in the same source.
    pub fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }
}

impl Sources {
    /// Adds a text under the name to show, such as a file's path.
    ///
    /// # Panics
    /// At 2^32 sources.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.all.len()).expect("fewer than 2^32 sources"));
        let (name, text) = (name.into(), text.into());
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1))
            .collect();
        self.all.push(Source { name, text, line_starts });
        id
    }

    /// The source with this id.
    ///
    /// # Panics
    /// If the id comes from other `Sources`.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.all[id.0 as usize]
    }

    /// What is written in `span`.
    ///
    /// # Panics
    /// If the span comes from other `Sources`.
    pub fn text(&self, span: Span) -> &str {
        &self.get(span.source).text[span.range()]
    }

    /// File, line and column where `span` starts.
    ///
    /// # Panics
    /// If the span comes from other `Sources`.
    pub fn place(&self, span: Span) -> Place {
        let source = self.get(span.source);
        let line = source.line_starts.partition_point(|start| *start <= span.start);
        let column = source.text[source.line_starts[line - 1]..span.start].chars().count() + 1;
        Place { file: source.name.clone(), line, column }
    }
}

impl Source {
    /// The name it is shown under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
