//! What it costs to write a table of a million rows: `cargo bench -p protosim-reports --bench tables`.

use divan::counter::ItemsCount;
use protosim_reports::table::{Cell, Column, Table};

const ROWS: u64 = 1_000_000;

fn main() {
    divan::main();
}

/// Six columns as an exchanges table has them: counters, a time that hardly repeats, one in ten missing, few distinct
/// texts.
fn exchanges() -> Table {
    let columns = vec![
        Column::u64("run"),
        Column::u64("exchange"),
        Column::f64("loss"),
        Column::f64("completion_s").optional(),
        Column::text("node"),
        Column::bool("delivered"),
    ];
    let mut table = Table::new("exchanges", columns).expect("the columns are sound");
    let mut state = 1_u64;
    for row in 0..ROWS {
        // Knuth's MMIX generator; the upper 53 bits make a fraction.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let completion_s = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let delivered = row % 10 != 0;
        let node = ["sensor-1", "sensor-2", "gateway"][(row % 3) as usize];
        let cells = [
            Cell::U64(row / 1000),
            Cell::U64(row % 1000),
            Cell::F64((row / 100_000) as f64 / 20.0),
            delivered.then_some(completion_s).into(),
            Cell::Text(node),
            Cell::Bool(delivered),
        ];
        table.push_row(&cells).expect("the cells fit");
    }
    table
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn push_rows(bencher: divan::Bencher) {
    bencher.counter(ItemsCount::new(ROWS)).bench(exchanges);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn write_parquet(bencher: divan::Bencher) {
    let table = exchanges();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let mut out = Vec::new();
        table.write_parquet(&mut out).expect("memory takes all");
        out.len()
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn write_csv(bencher: divan::Bencher) {
    let table = exchanges();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let mut out = Vec::new();
        table.write_csv(&mut out).expect("memory takes all");
        out.len()
    });
}
