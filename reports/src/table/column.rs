//! One column: its name, its type, its cells side by side.

use super::TableError;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Unsigned integers of 64 bits.
    U64,
    /// Signed integers of 64 bits.
    I64,
    /// Finite numbers of double precision.
    F64,
    /// UTF-8 text.
    Text,
    /// True or false.
    Bool,
}

impl std::fmt::Display for ColumnType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Text => "text",
            Self::Bool => "bool",
        })
    }
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// An unsigned integer.
    U64(u64),
    /// A signed integer.
    I64(i64),
    /// A finite number.
    F64(f64),
    /// Text.
    Text(&'a str),
    /// True or false.
    Bool(bool),
    /// No value; in optional columns only.
    Missing,
}

impl Cell<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F64(_) => "f64",
            Self::Text(_) => "text",
            Self::Bool(_) => "bool",
            Self::Missing => "a missing cell",
        }
    }
}

impl From<u64> for Cell<'_> {
    fn from(value: u64) -> Self {
        Self::U64(value)
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::I64(value)
    }
}

impl From<f64> for Cell<'_> {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl From<bool> for Cell<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

/// A named column and its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    name: String,
    cells: Cells,
    /// For an optional column, which cells have a value; cells without one hold 0, false or "".
    present: Option<Vec<bool>>,
}

/// The cells of a column, side by side.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cells {
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    Text(Texts),
    Bool(Vec<bool>),
}

/// Many texts in one buffer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Texts {
    buffer: String,
    /// Where each text ends in the buffer.
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.buffer.push_str(text);
        self.ends.push(self.buffer.len());
    }

    pub(super) fn get(&self, row: usize) -> &str {
        &self.buffer[self.range(row)]
    }

    /// Where the text of a row lies in [`Texts::buffer`].
    pub(super) fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.start(row)..self.ends[row]
    }

    pub(super) fn buffer(&self) -> &str {
        &self.buffer
    }

    /// Where the text of a row begins.
    pub(super) fn start(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    fn tail(&self, from: usize) -> Self {
        let start = self.start(from);
        let ends = self.ends[from..].iter().map(|end| end - start).collect();
        Self { buffer: self.buffer[start..].to_owned(), ends }
    }

    fn append(&mut self, other: &Self) {
        let shift = self.buffer.len();
        self.buffer.push_str(&other.buffer);
        self.ends.extend(other.ends.iter().map(|end| end + shift));
    }
}

impl Column {
    /// An empty column of unsigned integers.
    pub fn u64(name: impl Into<String>) -> Self {
        Self::empty(name, Cells::U64(Vec::new()))
    }

    /// An empty column of signed integers.
    pub fn i64(name: impl Into<String>) -> Self {
        Self::empty(name, Cells::I64(Vec::new()))
    }

    /// An empty column of numbers.
    pub fn f64(name: impl Into<String>) -> Self {
        Self::empty(name, Cells::F64(Vec::new()))
    }

    /// An empty column of texts.
    pub fn text(name: impl Into<String>) -> Self {
        Self::empty(name, Cells::Text(Texts::default()))
    }

    /// An empty column of truth values.
    pub fn bool(name: impl Into<String>) -> Self {
        Self::empty(name, Cells::Bool(Vec::new()))
    }

    fn empty(name: impl Into<String>, cells: Cells) -> Self {
        Self { name: name.into(), cells, present: None }
    }

    /// The same column, but cells may be missing.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.present = Some(vec![true; self.len()]);
        self
    }

    /// The same column with these cells added, in order.
    ///
    /// # Errors
    /// As [`Column::push`].
    pub fn with<'a, T: Into<Cell<'a>>>(mut self, cells: impl IntoIterator<Item = T>) -> Result<Self, TableError> {
        cells.into_iter().try_for_each(|cell| self.push(cell.into()))?;
        Ok(self)
    }

    /// Adds a cell. One that is refused leaves the column as it was.
    ///
    /// # Errors
    /// [`TableError::Type`], [`TableError::Missing`] and [`TableError::NotFinite`].
    pub fn push(&mut self, cell: Cell<'_>) -> Result<(), TableError> {
        self.check(&cell)?;
        self.push_checked(cell);
        Ok(())
    }

    /// Adds a cell that [`Column::check`] takes.
    #[inline]
    pub(super) fn push_checked(&mut self, cell: Cell<'_>) {
        match (&mut self.cells, cell) {
            (Cells::U64(cells), cell) => cells.push(if let Cell::U64(value) = cell { value } else { 0 }),
            (Cells::I64(cells), cell) => cells.push(if let Cell::I64(value) = cell { value } else { 0 }),
            (Cells::F64(cells), cell) => cells.push(if let Cell::F64(value) = cell { value } else { 0.0 }),
            (Cells::Text(cells), cell) => cells.push(if let Cell::Text(value) = cell { value } else { "" }),
            (Cells::Bool(cells), cell) => cells.push(matches!(cell, Cell::Bool(true))),
        }
        if let Some(present) = &mut self.present {
            present.push(!matches!(cell, Cell::Missing));
        }
    }

    /// Whether the column takes this cell.
    #[inline]
    pub(super) fn check(&self, cell: &Cell<'_>) -> Result<(), TableError> {
        match (self.column_type(), cell) {
            (_, Cell::Missing) if self.present.is_none() => Err(TableError::Missing { column: self.name.clone() }),
            (ColumnType::F64, Cell::F64(value)) if !value.is_finite() => {
                Err(TableError::NotFinite { column: self.name.clone(), value: *value })
            }
            (_, Cell::Missing)
            | (ColumnType::U64, Cell::U64(_))
            | (ColumnType::I64, Cell::I64(_))
            | (ColumnType::F64, Cell::F64(_))
            | (ColumnType::Text, Cell::Text(_))
            | (ColumnType::Bool, Cell::Bool(_)) => Ok(()),
            (expected, _) => Err(TableError::Type { column: self.name.clone(), expected, found: cell.kind() }),
        }
    }

    /// The name, its unit last.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its cells are.
    pub fn column_type(&self) -> ColumnType {
        match self.cells {
            Cells::U64(_) => ColumnType::U64,
            Cells::I64(_) => ColumnType::I64,
            Cells::F64(_) => ColumnType::F64,
            Cells::Text(_) => ColumnType::Text,
            Cells::Bool(_) => ColumnType::Bool,
        }
    }

    /// Whether cells may be missing.
    pub fn is_optional(&self) -> bool {
        self.present.is_some()
    }

    /// Number of cells, missing ones included.
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::U64(cells) => cells.len(),
            Cells::I64(cells) => cells.len(),
            Cells::F64(cells) => cells.len(),
            Cells::Text(cells) => cells.ends.len(),
            Cells::Bool(cells) => cells.len(),
        }
    }

    /// Whether it has no cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell of a row; `None` beyond the last.
    pub fn cell(&self, row: usize) -> Option<Cell<'_>> {
        if row >= self.len() {
            return None;
        }
        if self.present.as_ref().is_some_and(|present| !present[row]) {
            return Some(Cell::Missing);
        }
        Some(match &self.cells {
            Cells::U64(cells) => Cell::U64(cells[row]),
            Cells::I64(cells) => Cell::I64(cells[row]),
            Cells::F64(cells) => Cell::F64(cells[row]),
            Cells::Text(cells) => Cell::Text(cells.get(row)),
            Cells::Bool(cells) => Cell::Bool(cells[row]),
        })
    }

    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    pub(super) fn present(&self) -> Option<&[bool]> {
        self.present.as_deref()
    }

    /// The same column without its cells.
    pub(super) fn emptied(&self) -> Self {
        let column = match self.column_type() {
            ColumnType::U64 => Self::u64(&self.name),
            ColumnType::I64 => Self::i64(&self.name),
            ColumnType::F64 => Self::f64(&self.name),
            ColumnType::Text => Self::text(&self.name),
            ColumnType::Bool => Self::bool(&self.name),
        };
        if self.is_optional() { column.optional() } else { column }
    }

    /// The same column with the cells from a row on.
    pub(super) fn tail(&self, from: usize) -> Self {
        let cells = match &self.cells {
            Cells::U64(cells) => Cells::U64(cells[from..].to_vec()),
            Cells::I64(cells) => Cells::I64(cells[from..].to_vec()),
            Cells::F64(cells) => Cells::F64(cells[from..].to_vec()),
            Cells::Text(cells) => Cells::Text(cells.tail(from)),
            Cells::Bool(cells) => Cells::Bool(cells[from..].to_vec()),
        };
        let present = self.present.as_ref().map(|present| present[from..].to_vec());
        Self { name: self.name.clone(), cells, present }
    }

    /// Same name, type and optionality.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.name == other.name
            && self.column_type() == other.column_type()
            && self.is_optional() == other.is_optional()
    }

    /// Adds the cells of a column that is like this one.
    pub(super) fn append(&mut self, other: Self) {
        match (&mut self.cells, other.cells) {
            (Cells::U64(ours), Cells::U64(theirs)) => ours.extend(theirs),
            (Cells::I64(ours), Cells::I64(theirs)) => ours.extend(theirs),
            (Cells::F64(ours), Cells::F64(theirs)) => ours.extend(theirs),
            (Cells::Text(ours), Cells::Text(theirs)) => ours.append(&theirs),
            (Cells::Bool(ours), Cells::Bool(theirs)) => ours.extend(theirs),
            _ => unreachable!("the caller compares the types"),
        }
        if let (Some(ours), Some(theirs)) = (&mut self.present, other.present) {
            ours.extend(theirs);
        }
    }
}
