//! A table as CSV (RFC 4180, but lines end with LF): a header line, then a line per row.
//!
//! Numbers are written with the fewest digits that read back to the same value, plainly from 1e-5 up to 1e16 and with
//! an exponent beyond. A missing cell is empty; so is an empty text (in Parquet the two differ). Written without the `csv`
//! library, which copies every field twice and asks of each byte of a number whether it must be quoted.

use std::io::Write;

use super::{Cell, ColumnType, Table, TableError};

/// Bytes that are gathered before they are written.
const GATHERED: usize = 1 << 16;

impl Table {
    /// Writes the table as CSV.
    ///
    /// # Errors
    /// [`TableError::Io`].
    pub fn write_csv(&self, mut out: impl Write) -> Result<(), TableError> {
        let mut text = Vec::with_capacity(GATHERED + 1024);
        for (index, column) in self.columns().iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            text.extend_from_slice(column.name().as_bytes());
        }
        text.push(b'\n');
        let mut floats = vec![Float::default(); self.columns().len()];
        // The first columns say of which run a row is, and are the same in many that follow each other.
        let of_run = self.columns().iter().take_while(|column| column.column_type() != ColumnType::Text).count();
        let mut first = Vec::new();
        for row in 0..self.rows() {
            let start = text.len();
            let is_same = row > 0 && of_run > 0 && self.columns()[..of_run].iter().all(|column| column.repeats(row));
            if is_same {
                text.extend_from_slice(&first);
            }
            let written = if is_same { of_run } else { 0 };
            for (index, (column, float)) in self.columns().iter().zip(&mut floats).enumerate().skip(written) {
                if index > 0 {
                    text.push(b',');
                }
                if let Some(cell) = column.cell(row) {
                    write_cell(cell, float, &mut text)?;
                }
                if index + 1 == of_run {
                    first.clear();
                    first.extend_from_slice(&text[start..]);
                }
            }
            // A line of nothing would be no row.
            if text.len() == start {
                text.extend_from_slice(b"\"\"");
            }
            text.push(b'\n');
            if text.len() >= GATHERED {
                out.write_all(&text)?;
                text.clear();
            }
        }
        out.write_all(&text)?;
        out.flush()?;
        Ok(())
    }
}

/// The number that a column had last, as text: the value of an axis is the same for many rows.
#[derive(Clone, Default)]
struct Float {
    bits: u64,
    text: Vec<u8>,
}

fn write_cell(cell: Cell<'_>, float: &mut Float, out: &mut Vec<u8>) -> std::io::Result<()> {
    match cell {
        Cell::U64(value) => write_u64(value, out),
        Cell::I64(value) => write!(out, "{value}")?,
        Cell::F64(value) => {
            if float.text.is_empty() || float.bits != value.to_bits() {
                float.bits = value.to_bits();
                float.text.clear();
                // Both forms of the standard library have the fewest digits that read back, on every platform.
                let plain = value == 0.0 || (1e-5..1e16).contains(&value.abs());
                if plain { write!(float.text, "{value}")? } else { write!(float.text, "{value:e}")? }
            }
            out.extend_from_slice(&float.text);
        }
        Cell::Text(text) => write_text(text.as_bytes(), out),
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Missing => {}
    }
    Ok(())
}

fn write_u64(mut value: u64, out: &mut Vec<u8>) {
    // As many digits as the largest has.
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// In quotes where it has to be (RFC 4180 §2.6, §2.7).
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
