//! Result tables by family (summary, exchanges, time series), in columns, written as CSV and Parquet.
//!
//! A table's cells have one type per column; a cell may be missing where its column is optional, and no cell is NaN or
//! infinite. A column's name ends with its unit (`completion_s`, `size_bytes`), and is all lower case, so that it is a
//! plain identifier in pandas, R and Polars. The same rows give the same bytes, whoever writes them and when.
//!
//! ```
//! use protosim_reports::table::{Cell, Column, Table};
//! let columns = vec![Column::u64("replication"), Column::f64("completion_s").optional()];
//! let mut exchanges = Table::new("exchanges", columns)?;
//! exchanges.push_row(&[Cell::U64(0), Cell::F64(0.25)])?;
//! exchanges.push_row(&[Cell::U64(1), Cell::Missing])?;
//! let mut csv = Vec::new();
//! exchanges.write_csv(&mut csv)?;
//! assert_eq!(csv, b"replication,completion_s\n0,0.25\n1,\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A table that is too long for memory is written as it comes, by a [`TableWriter`], with the same bytes.

mod column;
mod csv;
mod parquet;
mod stream;
#[cfg(test)]
mod tests;

pub use column::{Cell, Column, ColumnType};
pub use parquet::ROWS_PER_GROUP;
pub use stream::TableWriter;

use thiserror::Error;

/// Rows of one kind; see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
    rows: usize,
}

/// A table that cannot be, or cannot be written.
#[derive(Debug, Error)]
pub enum TableError {
    /// A table's or column's name is not a lower-case letter followed by lower-case letters, digits and `_`.
    #[error("`{name}` cannot name a table or column: a-z, then a-z, 0-9 and _")]
    Name {
        /// The name as given.
        name: String,
    },
    /// Two columns of one name.
    #[error("two columns are named `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
    /// A table without columns.
    #[error("table `{table}` has no columns")]
    NoColumns {
        /// The table.
        table: String,
    },
    /// A column is longer or shorter than the first one.
    #[error("column `{column}` has {found} rows, but the first column has {expected}")]
    Length {
        /// The column.
        column: String,
        /// Rows of the first column.
        expected: usize,
        /// Rows of this column.
        found: usize,
    },
    /// A row has more or fewer cells than the table has columns.
    #[error("a row of {found} cells for the {expected} columns of table `{table}`")]
    Width {
        /// The table.
        table: String,
        /// Number of columns.
        expected: usize,
        /// Number of cells.
        found: usize,
    },
    /// A cell of another type than its column.
    #[error("column `{column}` takes {expected}, not {found}")]
    Type {
        /// The column.
        column: String,
        /// The column's type.
        expected: ColumnType,
        /// What was to be put in.
        found: &'static str,
    },
    /// A missing cell in a column that is not optional.
    #[error("column `{column}` is not optional, but a cell is missing")]
    Missing {
        /// The column.
        column: String,
    },
    /// NaN or an infinity.
    #[error("column `{column}`: {value} is not finite; leave the cell out where there is no value")]
    NotFinite {
        /// The column.
        column: String,
        /// The value.
        value: f64,
    },
    /// Two tables that differ in name or columns were to be joined.
    #[error("table `{from}` cannot be appended to `{to}`: their names or columns differ")]
    Unlike {
        /// The table to append.
        from: String,
        /// The table to append to.
        to: String,
    },
    /// The output failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The Parquet library failed.
    #[error("Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

impl Table {
    /// A table of these columns, filled or empty.
    ///
    /// # Errors
    /// [`TableError::Name`], [`TableError::Twice`], [`TableError::NoColumns`] and [`TableError::Length`].
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Result<Self, TableError> {
        let name = name.into();
        check_name(&name)?;
        let Some(first) = columns.first() else {
            return Err(TableError::NoColumns { table: name });
        };
        let rows = first.len();
        for (index, column) in columns.iter().enumerate() {
            check_name(column.name())?;
            if columns[..index].iter().any(|earlier| earlier.name() == column.name()) {
                return Err(TableError::Twice { name: column.name().to_owned() });
            }
            if column.len() != rows {
                let column_name = column.name().to_owned();
                return Err(TableError::Length { column: column_name, expected: rows, found: column.len() });
            }
        }
        Ok(Self { name, columns, rows })
    }

    /// The family's name, which is also its files'.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row, one cell per column in their order. A row that is refused leaves the table as it was.
    ///
    /// # Errors
    /// [`TableError::Width`], [`TableError::Type`], [`TableError::Missing`] and [`TableError::NotFinite`].
    pub fn push_row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.push_row_behind(&[], cells)
    }

    /// As [`Table::push_row`], of a row whose first cells many rows have.
    ///
    /// # Errors
    /// As [`Table::push_row`].
    pub fn push_row_behind(&mut self, first: &[Cell<'_>], rest: &[Cell<'_>]) -> Result<(), TableError> {
        let found = first.len() + rest.len();
        if found != self.columns.len() {
            return Err(TableError::Width { table: self.name.clone(), expected: self.columns.len(), found });
        }
        let cells = || first.iter().chain(rest);
        for (column, cell) in self.columns.iter().zip(cells()) {
            column.check(cell)?;
        }
        for (column, cell) in self.columns.iter_mut().zip(cells()) {
            column.push_checked(*cell);
        }
        self.rows += 1;
        Ok(())
    }

    /// A table of the same family without rows.
    #[must_use]
    pub fn emptied(&self) -> Self {
        let columns = self.columns.iter().map(Column::emptied).collect();
        Self { name: self.name.clone(), columns, rows: 0 }
    }

    /// A table of the same family with the rows from one on.
    fn tail(&self, from: usize) -> Self {
        let columns = self.columns.iter().map(|column| column.tail(from)).collect();
        Self { name: self.name.clone(), columns, rows: self.rows - from }
    }

    /// Adds the rows of a table of the same family at the end.
    ///
    /// # Errors
    /// [`TableError::Unlike`] where names, types or optionality differ.
    pub fn append(&mut self, other: Self) -> Result<(), TableError> {
        if !self.is_like(&other) {
            return Err(TableError::Unlike { from: other.name, to: self.name.clone() });
        }
        for (ours, theirs) in self.columns.iter_mut().zip(other.columns) {
            ours.append(theirs);
        }
        self.rows += other.rows;
        Ok(())
    }

    /// Same name and columns, but for their cells.
    fn is_like(&self, other: &Self) -> bool {
        let columns = || self.columns.iter().zip(&other.columns);
        self.name == other.name
            && self.columns.len() == other.columns.len()
            && columns().all(|(ours, theirs)| ours.is_like(theirs))
    }
}

fn check_name(name: &str) -> Result<(), TableError> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_inner) {
        Ok(())
    } else {
        Err(TableError::Name { name: name.to_owned() })
    }
}
