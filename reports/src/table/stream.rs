//! A table that is written as its rows come, on all threads of the pool that the caller is in: in memory are some thousand rows, and of the
//! Parquet file the pages of one row group, which are compressed.
//!
//! The bytes are those of [`Table::write_csv`] and [`Table::write_parquet`], however the rows are cut. The Parquet library looks whether a page is
//! full after each [`MINI_BATCH`] rows of a call: columns are given whole multiples of that, but for the last rows of all.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::properties::WriterPropertiesPtr;
use ::parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use bytes::Bytes;
use rayon::prelude::*;

use super::parquet::{ROWS_PER_GROUP, SharedText, file_writer, write_column};
use super::{Table, TableError};

/// Rows between two looks of the Parquet library at the size of a page (its `write_batch_size`).
const MINI_BATCH: usize = 1024;
/// Rows that are encoded at once: a whole number of them makes a row group.
const BLOCK: usize = 16 * MINI_BATCH;
/// Rows that one thread makes text of.
const PIECE: usize = 2 * MINI_BATCH;

const _: () = assert!(ROWS_PER_GROUP.is_multiple_of(BLOCK));

/// Writes a table as CSV and as Parquet while its rows come.
pub struct TableWriter<C, P: Write + Send> {
    /// Rows that are not written yet, fewer than a block.
    pending: Table,
    csv: C,
    parquet: SerializedFileWriter<P>,
    /// The columns of the row group that is open; none between groups.
    columns: Vec<OpenColumn>,
    /// Rows in it.
    in_group: usize,
}

impl<C: Write + Send, P: Write + Send> TableWriter<C, P> {
    /// For rows like those of a table, which are the first ones.
    ///
    /// # Errors
    /// [`TableError::Io`] and [`TableError::Parquet`].
    pub fn new(table: Table, mut csv: C, parquet: P) -> Result<Self, TableError> {
        csv.write_all(&table.csv_head()?)?;
        let parquet = file_writer(&table, parquet)?;
        let mut writer = Self { pending: table.emptied(), csv, parquet, columns: Vec::new(), in_group: 0 };
        writer.append(table)?;
        Ok(writer)
    }

    /// Adds the rows of a table of the same family.
    ///
    /// # Errors
    /// [`TableError::Unlike`], [`TableError::Io`] and [`TableError::Parquet`].
    pub fn append(&mut self, rows: Table) -> Result<(), TableError> {
        // A long table is not copied to no end.
        if self.pending.rows() == 0 && self.pending.is_like(&rows) {
            self.pending = rows;
        } else {
            self.pending.append(rows)?;
        }
        let whole = self.pending.rows() - self.pending.rows() % BLOCK;
        if whole > 0 {
            self.write_pending(whole)?;
            self.pending = self.pending.tail(whole);
        }
        Ok(())
    }

    /// Ends both files, and returns them.
    ///
    /// # Errors
    /// [`TableError::Io`] and [`TableError::Parquet`].
    pub fn finish(mut self) -> Result<(C, P), TableError> {
        self.write_pending(self.pending.rows())?;
        self.close_group()?;
        self.csv.flush()?;
        Ok((self.csv, self.parquet.into_inner()?))
    }

    /// Writes the first pending rows: whole blocks, or all.
    fn write_pending(&mut self, rows: usize) -> Result<(), TableError> {
        for start in (0..rows).step_by(BLOCK) {
            let block = start..rows.min(start + BLOCK);
            if self.columns.is_empty() {
                let descriptors = self.parquet.schema_descr().columns();
                self.columns =
                    descriptors.iter().map(|column| OpenColumn::new(column, self.parquet.properties())).collect();
            }
            let (table, csv, columns) = (&self.pending, &mut self.csv, &mut self.columns);
            let text = || {
                let pieces: Vec<usize> = block.clone().step_by(PIECE).collect();
                let lines = |start: usize| table.csv_rows(start..block.end.min(start + PIECE));
                let pieces: Vec<Result<Vec<u8>, TableError>> = pieces.into_par_iter().map(lines).collect();
                pieces.into_iter().try_for_each(|piece| Ok::<(), TableError>(csv.write_all(&piece?)?))
            };
            let cells = || {
                columns.par_iter_mut().zip(table.columns()).try_for_each(|(open, column)| {
                    let text = SharedText::of(column, block.clone());
                    write_column(&mut open.writer, column, &text, block.clone())
                })
            };
            let (text, cells) = rayon::join(text, cells);
            text.and(cells.map_err(TableError::from))?;
            self.in_group += block.len();
            if self.in_group == ROWS_PER_GROUP {
                self.close_group()?;
            }
        }
        Ok(())
    }

    /// Ends the open row group, if there is one.
    fn close_group(&mut self) -> Result<(), TableError> {
        self.in_group = 0;
        let columns = std::mem::take(&mut self.columns);
        if columns.is_empty() {
            return Ok(());
        }
        let closed = columns.into_par_iter().map(OpenColumn::close).collect::<ParquetResult<Vec<_>>>()?;
        let mut group = self.parquet.next_row_group()?;
        for (pages, result) in closed {
            group.append_column(&pages, result)?;
        }
        group.close()?;
        Ok(())
    }
}

/// A column of a row group while its cells come.
struct OpenColumn {
    writer: ColumnWriter<'static>,
    pages: Pages,
}

impl OpenColumn {
    fn new(descriptor: &ColumnDescPtr, properties: &WriterPropertiesPtr) -> Self {
        let pages = Pages::default();
        let writer = get_column_writer(Arc::clone(descriptor), Arc::clone(properties), Box::new(pages.clone()));
        Self { writer, pages }
    }

    /// Its pages one behind the other, and what the file has to say of them.
    fn close(self) -> ParquetResult<(Bytes, ColumnCloseResult)> {
        let result = self.writer.close()?;
        let pages = std::mem::take(&mut *self.pages.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((pages.into(), result))
    }
}

/// Pages as they stand in the file. Two hold them: the column's writer, which takes its part along when it ends, and the column.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl PageWriter for Pages {
    fn write_page(&mut self, page: CompressedPage) -> ParquetResult<PageWriteSpec> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = pages.len() as u64;
        let mut sink = TrackedWrite::new(&mut *pages);
        let mut spec = SerializedPageWriter::new(&mut sink).write_page(page)?;
        sink.flush()?;
        spec.offset += before;
        Ok(spec)
    }

    fn close(&mut self) -> ParquetResult<()> {
        Ok(())
    }
}
