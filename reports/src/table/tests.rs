//! Tables: what they refuse, their CSV byte by byte, their Parquet through the library's row reader.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn sample() -> Table {
    let columns = vec![
        Column::u64("run"),
        Column::i64("offset_ns").optional(),
        Column::f64("completion_s").optional(),
        Column::text("node").optional(),
        Column::bool("delivered"),
    ];
    let mut table = Table::new("exchanges", columns).expect("a table");
    let missing = Cell::Missing;
    for row in [
        [Cell::U64(0), Cell::I64(-5), Cell::F64(0.1), Cell::Text("sensor-1"), Cell::Bool(true)],
        [Cell::U64(u64::MAX), Cell::I64(i64::MIN), Cell::F64(1e300), Cell::Text("a,\"b\"\nc"), Cell::Bool(false)],
        [Cell::U64(2), missing, missing, missing, Cell::Bool(true)],
        [Cell::U64(3), Cell::I64(0), Cell::F64(-0.0), Cell::Text(""), Cell::Bool(true)],
    ] {
        table.push_row(&row).expect("a row");
    }
    table
}

fn parquet(table: &Table) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.write_parquet(&mut bytes).expect("written");
    bytes
}

fn csv(table: &Table) -> String {
    let mut bytes = Vec::new();
    table.write_csv(&mut bytes).expect("written");
    String::from_utf8(bytes).expect("UTF-8")
}

/// By hand, after RFC 4180 §2: fields with commas, quotes or line breaks are quoted, quotes inside doubled.
#[test]
fn csv_has_the_bytes_of_rfc_4180_with_lf() {
    let expected = "run,offset_ns,completion_s,node,delivered\n\
                    0,-5,0.1,sensor-1,true\n\
                    18446744073709551615,-9223372036854775808,1e300,\"a,\"\"b\"\"\nc\",false\n\
                    2,,,,true\n\
                    3,0,-0,,true\n";
    assert_eq!(csv(&sample()), expected);
}

/// Columns that come before those of a row stand in each of its lines: what differs, is missing, or is minus zero too; and a lone text
/// that is empty is a row all the same.
#[test]
fn csv_rows_that_begin_alike_are_whole() {
    let columns = vec![Column::u64("run"), Column::f64("loss").optional(), Column::text("node"), Column::u64("value")];
    let mut table = Table::new("t", columns).expect("a table");
    let losses = [Some(0.0), Some(0.0), Some(-0.0), None, None, Some(0.5), Some(0.5)];
    for (row, loss) in losses.into_iter().enumerate() {
        let first = [Cell::from(u64::from(row == 6)), Cell::from(loss)];
        table.push_row_behind(&first, &[Cell::from("n"), Cell::from(row as u64)]).expect("a row");
    }
    assert_eq!(csv(&table), "run,loss,node,value\n0,0,n,0\n0,0,n,1\n0,-0,n,2\n0,,n,3\n0,,n,4\n0,0.5,n,5\n1,0.5,n,6\n");
    let numbers = Column::u64("run").with([7_u64, 7, 70]).expect("a column");
    assert_eq!(csv(&Table::new("t", vec![numbers]).expect("a table")), "run\n7\n7\n70\n");
    let texts = Column::text("node").with(["", "n"]).expect("a column");
    assert_eq!(csv(&Table::new("t", vec![texts]).expect("a table")), "node\n\"\"\nn\n");
}

#[test]
fn csv_numbers_are_plain_near_one_and_exponential_far_away() {
    let numbers = [1.0, 0.00001, 9.5e-6, 123_456_789.25, 9_999_999_999_999_998.0, 1e16, 0.1 + 0.2, 5e-324];
    let column = Column::f64("x").with(numbers).expect("finite");
    let text = csv(&Table::new("t", vec![column]).expect("a table"));
    let expected =
        ["x", "1", "0.00001", "9.5e-6", "123456789.25", "9999999999999998", "1e16", "0.30000000000000004", "5e-324"];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn parquet_reads_back_as_it_was() {
    let table = sample();
    assert_eq!(Table::read_parquet(Bytes::from(parquet(&table))).expect("read"), table);
}

#[test]
fn an_empty_table_is_written_and_read() {
    let table = Table::new("empty", vec![Column::u64("run"), Column::text("node").optional()]).expect("a table");
    assert_eq!(csv(&table), "run,node\n");
    assert_eq!(Table::read_parquet(Bytes::from(parquet(&table))).expect("read"), table);
}

#[test]
fn parquet_keeps_row_groups_of_a_fixed_number_of_rows() {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    let rows = ROWS_PER_GROUP as u64 + 3;
    let table = Table::new("t", vec![Column::u64("run").with(0..rows).expect("cells")]).expect("a table");
    let reader = SerializedFileReader::new(Bytes::from(parquet(&table))).expect("parquet");
    let groups = reader.metadata().row_groups();
    assert_eq!(groups.iter().map(|group| group.num_rows()).collect::<Vec<_>>(), [ROWS_PER_GROUP as i64, 3]);
    assert_eq!(reader.metadata().file_metadata().created_by(), Some("protosim"));
    assert_eq!(Table::read_parquet(Bytes::from(parquet(&table))).expect("read"), table);
}

#[test]
fn the_same_rows_give_the_same_bytes_however_they_came_together() {
    let whole = sample();
    let mut rows: Vec<Vec<Cell<'_>>> = Vec::new();
    for row in 0..whole.rows() {
        rows.push(whole.columns().iter().filter_map(|column| column.cell(row)).collect());
    }
    let empty = || {
        let columns = whole.columns().iter().map(|column| {
            let empty = match column.column_type() {
                ColumnType::U64 => Column::u64(column.name()),
                ColumnType::I64 => Column::i64(column.name()),
                ColumnType::F64 => Column::f64(column.name()),
                ColumnType::Text => Column::text(column.name()),
                ColumnType::Bool => Column::bool(column.name()),
            };
            if column.is_optional() { empty.optional() } else { empty }
        });
        Table::new("exchanges", columns.collect()).expect("a table")
    };
    let (mut first, mut second) = (empty(), empty());
    rows[..1].iter().for_each(|row| first.push_row(row).expect("a row"));
    rows[1..].iter().for_each(|row| second.push_row(row).expect("a row"));
    first.append(second).expect("alike");
    assert_eq!(first, whole);
    assert_eq!(parquet(&first), parquet(&whole));
    assert_eq!(csv(&first), csv(&whole));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut table = sample();
    let before = table.clone();
    let text = |result: Result<(), TableError>| result.expect_err("refused").to_string();
    let good = [Cell::U64(0), Cell::I64(0), Cell::F64(0.0), Cell::Text("x"), Cell::Bool(true)];
    let with = |index: usize, cell| {
        let mut row = good;
        row[index] = cell;
        row
    };
    assert_eq!(text(table.push_row(&good[..4])), "a row of 4 cells for the 5 columns of table `exchanges`");
    assert_eq!(
        text(table.push_row(&with(4, Cell::Missing))),
        "column `delivered` is not optional, but a cell is missing"
    );
    assert_eq!(text(table.push_row(&with(0, Cell::I64(1)))), "column `run` takes u64, not i64");
    for value in [f64::NAN, f64::INFINITY] {
        assert!(text(table.push_row(&with(2, Cell::F64(value)))).contains("is not finite"));
    }
    let other = Table::new("exchanges", vec![Column::u64("run")]).expect("a table");
    assert!(text(table.append(other)).contains("cannot be appended"));
    assert_eq!(table, before);
}

#[test]
fn tables_with_unlike_columns_or_odd_names_are_refused() {
    let column = |name: &str, cells: &[u64]| Column::u64(name).with(cells.iter().copied()).expect("cells");
    let refused = |name: &str, columns| Table::new(name, columns).expect_err("refused").to_string();
    assert_eq!(
        refused("t", vec![column("a", &[1]), column("b", &[1, 2])]),
        "column `b` has 2 rows, but the first column has 1"
    );
    assert_eq!(refused("t", vec![column("a", &[]), column("a", &[])]), "two columns are named `a`");
    assert_eq!(refused("t", vec![]), "table `t` has no columns");
    for name in ["", "Completion", "delay ms", "1st", "../up", "é"] {
        assert!(refused(name, vec![column("a", &[])]).contains("cannot name"), "{name}");
        assert!(refused("t", vec![column(name, &[])]).contains("cannot name"), "{name}");
    }
}

#[test]
fn an_option_is_a_cell_or_a_missing_one() {
    let column = Column::f64("x_s").optional().with([Some(1.5), None]).expect("cells");
    assert_eq!((column.cell(0), column.cell(1), column.cell(2)), (Some(Cell::F64(1.5)), Some(Cell::Missing), None));
}

fn any_row() -> impl Strategy<Value = (u64, Option<f64>, Option<String>)> {
    let finite = any::<f64>().prop_filter("finite", |x| x.is_finite());
    (any::<u64>(), prop::option::of(finite), prop::option::of(any::<String>()))
}

proptest! {
    #[test]
    fn any_rows_survive_parquet_and_csv(
        rows in prop::collection::vec(any_row(), 0..50),
    ) {
        let columns = vec![Column::u64("n"), Column::f64("x_s").optional(), Column::text("note").optional()];
        let mut table = Table::new("any_rows", columns).expect("a table");
        for (n, x, note) in &rows {
            table.push_row(&[Cell::U64(*n), (*x).into(), note.as_deref().into()]).expect("a row");
        }
        prop_assert_eq!(&Table::read_parquet(Bytes::from(parquet(&table))).expect("read"), &table);
        let text = csv(&table);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let read: Vec<(u64, Option<f64>, String)> = reader.deserialize().map(|row| row.expect("a row")).collect();
        let expected: Vec<_> = rows.into_iter().map(|(n, x, note)| (n, x, note.unwrap_or_default())).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn arbitrary_bytes_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Table::read_parquet(Bytes::from(bytes)).is_err());
    }
}

/// A table of many rows, in which texts and numbers repeat, vary and miss by the bits of a seed.
fn long(rows: usize, seed: u64) -> Table {
    let mut table = sample().emptied();
    let mut state = seed;
    for row in 0..rows as u64 {
        // Knuth's MMIX generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = state >> 33;
        let text = format!("n-{}", if draw.is_multiple_of(3) { draw } else { row % 5 });
        let some = |is: bool, cell| if is { cell } else { Cell::Missing };
        let cells = [
            Cell::U64(row / 7),
            some(!draw.is_multiple_of(5), Cell::I64(draw.cast_signed() - (1 << 30))),
            some(row % 50_000 > 100, Cell::F64(draw as f64 / 64.0)),
            some(!draw.is_multiple_of(11), Cell::Text(&text)),
            Cell::Bool(draw.is_multiple_of(2)),
        ];
        table.push_row(&cells).expect("a row");
    }
    table
}

/// The rows from `from` on, up to `to`.
fn part(table: &Table, from: usize, to: usize) -> Table {
    let mut part = table.emptied();
    for row in from..to {
        let cells: Vec<Cell<'_>> = table.columns().iter().map(|column| column.cell(row).expect("a cell")).collect();
        part.push_row(&cells).expect("a row");
    }
    part
}

/// What a writer makes of a table that comes in parts.
fn streamed(table: &Table, cuts: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (table.rows() + 1)).chain([0, table.rows()]).collect();
    places.sort_unstable();
    let mut writer = TableWriter::new(table.emptied(), Vec::new(), Vec::new()).expect("begun");
    for pair in places.windows(2) {
        writer.append(part(table, pair[0], pair[1])).expect("appended");
    }
    writer.finish().expect("finished")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the rows are cut, on however many threads: the bytes are those of the whole table.
    #[test]
    fn a_table_that_comes_in_parts_has_the_bytes_of_the_whole(
        rows in prop_oneof![0_usize..40, 0_usize..40_000, 120_000_usize..150_000],
        seed: u64,
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        threads in 1_usize..4,
    ) {
        let table = long(rows, seed);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let (text, bytes) = pool.install(|| streamed(&table, &cuts));
        prop_assert!(text == csv(&table).into_bytes());
        prop_assert!(bytes == parquet(&table));
    }
}

/// Rows that end where a block or a row group does.
#[test]
fn tables_that_end_with_a_block_have_the_bytes_of_the_whole() {
    for rows in [1024, 16_384, 2 * 16_384, ROWS_PER_GROUP, ROWS_PER_GROUP + 1, 2 * ROWS_PER_GROUP] {
        let table = long(rows, 7);
        let (text, bytes) = streamed(&table, &[1000, 70_000]);
        assert!(text == csv(&table).into_bytes() && bytes == parquet(&table), "{rows}");
    }
}

#[test]
fn a_writer_refuses_rows_of_another_table() {
    let mut writer = TableWriter::new(sample(), Vec::new(), Vec::new()).expect("begun");
    let other = Table::new("exchanges", vec![Column::u64("run")]).expect("a table");
    assert!(matches!(writer.append(other), Err(TableError::Unlike { .. })));
    let (text, _) = writer.finish().expect("finished");
    assert_eq!(text, csv(&sample()).into_bytes());
}
