//! A table as Parquet, and back.
//!
//! The bytes depend on the rows alone: row groups have a fixed number of rows, the writer's name is fixed, and no time
//! is stored. Columns are compressed with Zstandard.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use ::parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::record::Field;
use ::parquet::schema::types::{Type, TypePtr};
use bytes::Bytes;

use super::column::{Cells, Texts};
use super::{Cell, Column, ColumnType, Table, TableError};

/// Rows of every row group but the last.
pub const ROWS_PER_GROUP: usize = 1 << 17;

/// Stored in the file as its writer, without a version: a release must not change the bytes of old results.
const CREATED_BY: &str = "protosim";

impl Table {
    /// Writes the table as Parquet; the same rows give the same bytes.
    ///
    /// # Errors
    /// [`TableError::Io`] and [`TableError::Parquet`].
    pub fn write_parquet(&self, out: impl Write + Send) -> Result<(), TableError> {
        let mut writer = file_writer(self, out)?;
        let texts: Vec<SharedText> =
            self.columns().iter().map(|column| SharedText::of(column, 0..self.rows())).collect();
        for start in (0..self.rows()).step_by(ROWS_PER_GROUP) {
            let rows = start..self.rows().min(start + ROWS_PER_GROUP);
            let mut group = writer.next_row_group()?;
            for (column, text) in self.columns().iter().zip(&texts) {
                let mut open =
                    group.next_column()?.ok_or_else(|| ParquetError::General("a column too few".to_owned()))?;
                write_column(open.untyped(), column, text, rows.clone())?;
                open.close()?;
            }
            group.close()?;
        }
        writer.close()?;
        Ok(())
    }

    /// Reads a Parquet file that [`Table::write_parquet`] wrote, from a file or from bytes. Row by row, so for modest
    /// sizes.
    ///
    /// # Errors
    /// [`TableError::Parquet`] where it is no Parquet or holds types of other kinds; where the content is no table, as
    /// [`Table::new`].
    pub fn read_parquet(input: impl ChunkReader + 'static) -> Result<Self, TableError> {
        let reader = SerializedFileReader::new(input)?;
        let schema = reader.metadata().file_metadata().schema();
        let columns = schema.get_fields().iter().map(|field| empty_column(field)).collect::<Result<Vec<_>, _>>()?;
        let mut table = Self::new(schema.name(), columns)?;
        for row in reader.get_row_iter(None)? {
            let row = row?;
            let cells = row.get_column_iter().map(|(_, field)| cell_of(field)).collect::<ParquetResult<Vec<_>>>()?;
            table.push_row(&cells)?;
        }
        Ok(table)
    }
}

/// A writer for tables like this one.
pub(super) fn file_writer<W: Write + Send>(table: &Table, out: W) -> Result<SerializedFileWriter<W>, TableError> {
    let level = ZstdLevel::try_new(1)?;
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .build();
    Ok(SerializedFileWriter::new(out, schema(table)?, Arc::new(properties))?)
}

fn schema(table: &Table) -> ParquetResult<TypePtr> {
    let fields = table.columns().iter().map(|column| {
        let (physical, logical) = match column.column_type() {
            ColumnType::U64 => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
            ColumnType::I64 => (PhysicalType::INT64, None),
            ColumnType::F64 => (PhysicalType::DOUBLE, None),
            ColumnType::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnType::Bool => (PhysicalType::BOOLEAN, None),
        };
        let repetition = if column.is_optional() { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let field = Type::primitive_type_builder(column.name(), physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()?;
        Ok(Arc::new(field))
    });
    let fields = fields.collect::<ParquetResult<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder(table.name()).with_fields(fields).build()?))
}

/// A column's texts of some rows in a buffer that cells can share without a copy each; empty for other columns.
pub(super) struct SharedText {
    bytes: Bytes,
    /// Where it begins in the column's own buffer.
    start: usize,
}

impl SharedText {
    pub(super) fn of(column: &Column, rows: Range<usize>) -> Self {
        let Cells::Text(texts) = column.cells() else { return Self { bytes: Bytes::new(), start: 0 } };
        let (start, end) = (texts.start(rows.start), texts.start(rows.end));
        Self { bytes: Bytes::copy_from_slice(&texts.buffer().as_bytes()[start..end]), start }
    }
}

pub(super) fn write_column(
    writer: &mut ColumnWriter<'_>,
    column: &Column,
    text: &SharedText,
    rows: Range<usize>,
) -> ParquetResult<()> {
    let present = column.present().map(|present| &present[rows.clone()]);
    let levels: Option<Vec<i16>> = present.map(|present| present.iter().map(|&is| i16::from(is)).collect());
    let levels = levels.as_deref();
    match (writer, column.cells()) {
        (ColumnWriter::Int64ColumnWriter(writer), Cells::U64(cells)) => {
            // Unsigned integers are stored as the signed ones of the same bits (Parquet format, logical type INTEGER).
            writer.write_batch(&values(&cells[rows], present, |cell| cell.cast_signed()), levels, None)?
        }
        (ColumnWriter::Int64ColumnWriter(writer), Cells::I64(cells)) => {
            writer.write_batch(&values(&cells[rows], present, |cell| *cell), levels, None)?
        }
        (ColumnWriter::DoubleColumnWriter(writer), Cells::F64(cells)) => {
            writer.write_batch(&values(&cells[rows], present, |cell| *cell), levels, None)?
        }
        (ColumnWriter::BoolColumnWriter(writer), Cells::Bool(cells)) => {
            writer.write_batch(&values(&cells[rows], present, |cell| *cell), levels, None)?
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Cells::Text(texts)) => {
            writer.write_batch(&text_values(texts, text, present, rows), levels, None)?
        }
        _ => return Err(ParquetError::General(format!("column {} is not of its schema's type", column.name()))),
    };
    Ok(())
}

/// The cells that have a value, converted.
fn values<T, U>(cells: &[T], present: Option<&[bool]>, convert: impl Fn(&T) -> U) -> Vec<U> {
    match present {
        None => cells.iter().map(convert).collect(),
        Some(present) => cells.iter().zip(present).filter(|(_, is)| **is).map(|(cell, _)| convert(cell)).collect(),
    }
}

fn text_values(texts: &Texts, text: &SharedText, present: Option<&[bool]>, rows: Range<usize>) -> Vec<ByteArray> {
    let rows: Vec<usize> = rows.collect();
    let slice = |row: usize| {
        let range = texts.range(row);
        text.bytes.slice(range.start - text.start..range.end - text.start)
    };
    values(&rows, present, |row| ByteArray::from(slice(*row)))
}

fn empty_column(field: &Type) -> Result<Column, TableError> {
    let name = field.name();
    if !field.is_primitive() {
        return Err(ParquetError::General(format!("column {name} is a group")).into());
    }
    let is_unsigned =
        matches!(field.get_basic_info().logical_type_ref(), Some(LogicalType::Integer(integer)) if !integer.is_signed);
    let column = match field.get_physical_type() {
        PhysicalType::INT64 if is_unsigned => Column::u64(name),
        PhysicalType::INT64 => Column::i64(name),
        PhysicalType::DOUBLE => Column::f64(name),
        PhysicalType::BYTE_ARRAY => Column::text(name),
        PhysicalType::BOOLEAN => Column::bool(name),
        other => return Err(ParquetError::General(format!("column {name} is of type {other}")).into()),
    };
    let is_required = field.get_basic_info().repetition() == Repetition::REQUIRED;
    Ok(if is_required { column } else { column.optional() })
}

fn cell_of(field: &Field) -> ParquetResult<Cell<'_>> {
    Ok(match field {
        Field::Null => Cell::Missing,
        Field::ULong(value) => Cell::U64(*value),
        Field::Long(value) => Cell::I64(*value),
        Field::Double(value) => Cell::F64(*value),
        Field::Str(text) => Cell::Text(text),
        Field::Bool(value) => Cell::Bool(*value),
        other => return Err(ParquetError::General(format!("a cell of another kind: {other}"))),
    })
}
