//! A table as CSV (RFC 4180, but lines end with LF): a header line, then a line per row.
//!
//! Numbers are written with the fewest digits that read back to the same value, plainly from 1e-5 up to 1e16 and with
//! an exponent beyond. A missing cell is empty; so is an empty text (in Parquet the two differ).

use std::io::Write;
use std::ops::Range;

use super::{Cell, Table, TableError};

impl Table {
    /// Writes the table as CSV.
    ///
    /// # Errors
    /// [`TableError::Io`].
    pub fn write_csv(&self, out: impl Write) -> Result<(), TableError> {
        let mut writer = writer(out);
        write_head(self, &mut writer)?;
        write_rows(self, 0..self.rows(), &mut writer)?;
        writer.flush()?;
        Ok(())
    }

    /// The line with the columns' names.
    pub(super) fn csv_head(&self) -> Result<Vec<u8>, TableError> {
        text_of(|writer| write_head(self, writer))
    }

    /// The lines of some rows.
    pub(super) fn csv_rows(&self, rows: Range<usize>) -> Result<Vec<u8>, TableError> {
        text_of(|writer| write_rows(self, rows, writer))
    }
}

fn writer<W: Write>(out: W) -> ::csv::Writer<W> {
    ::csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out)
}

fn failed(error: ::csv::Error) -> TableError {
    TableError::Io(error.into())
}

fn text_of(
    write: impl FnOnce(&mut ::csv::Writer<&mut Vec<u8>>) -> Result<(), TableError>,
) -> Result<Vec<u8>, TableError> {
    let mut text = Vec::new();
    let mut writer = writer(&mut text);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    Ok(text)
}

fn write_head<W: Write>(table: &Table, writer: &mut ::csv::Writer<W>) -> Result<(), TableError> {
    writer.write_record(table.columns().iter().map(|column| column.name())).map_err(failed)
}

fn write_rows<W: Write>(table: &Table, rows: Range<usize>, writer: &mut ::csv::Writer<W>) -> Result<(), TableError> {
    let mut field = Vec::new();
    for row in rows {
        for column in table.columns() {
            field.clear();
            if let Some(cell) = column.cell(row) {
                write_cell(cell, &mut field)?;
            }
            writer.write_field(&field).map_err(failed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(failed)?;
    }
    Ok(())
}

fn write_cell(cell: Cell<'_>, field: &mut Vec<u8>) -> std::io::Result<()> {
    match cell {
        Cell::U64(value) => write!(field, "{value}"),
        Cell::I64(value) => write!(field, "{value}"),
        Cell::F64(value) => {
            // Both forms of the standard library have the fewest digits that read back, on every platform.
            let plain = value == 0.0 || (1e-5..1e16).contains(&value.abs());
            if plain { write!(field, "{value}") } else { write!(field, "{value:e}") }
        }
        Cell::Text(text) => field.write_all(text.as_bytes()),
        Cell::Bool(value) => write!(field, "{value}"),
        Cell::Missing => Ok(()),
    }
}
