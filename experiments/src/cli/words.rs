//! Times and sizes as people say them, to two figures or so.

/// A time.
pub(super) fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str, f64, &str); 3] =
        [(86_400.0, "d", 3_600.0, "h"), (3_600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s")];
    for (unit, name, part, part_name) in UNITS {
        // To whole parts first: 59.9 s behind a minute are the next minute.
        let parts = (seconds / part).round();
        if parts * part >= unit {
            let whole = (parts * part / unit).floor();
            return format!("{whole} {name} {} {part_name}", (parts - whole * unit / part).round());
        }
    }
    if seconds >= 0.9995 {
        return format!("{} s", figures(seconds));
    }
    format!("{} ms", figures(seconds * 1000.0))
}

/// A time between two.
pub(super) fn range(least: f64, most: f64) -> String {
    let (from, to) = (duration(least), duration(most));
    if from == to { to } else { format!("{from} to {to}") }
}

/// A size on a disk.
pub(super) fn size(bytes: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{} {name}", figures(bytes / unit)),
        None => format!("{bytes:.0} B"),
    }
}

/// Memory, as the log of a run has it.
pub(super) fn memory(bytes: u64) -> String {
    format!("{} MiB", figures(bytes as f64 / 1_048_576.0))
}

/// A number to two figures, or all before its point.
fn figures(x: f64) -> String {
    match x {
        x if x >= 9.95 => format!("{x:.0}"),
        x if x >= 0.995 => format!("{x:.1}"),
        x if x > 0.0 => format!("{x:.2}"),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_said_shortly() {
        for (seconds, words) in [
            (0.0, "0 ms"),
            (0.000_42, "0.42 ms"),
            (0.0123, "12 ms"),
            (0.99, "990 ms"),
            (1.0, "1.0 s"),
            (59.7, "1 min 0 s"),
            (61.0, "1 min 1 s"),
            (3599.9, "1 h 0 min"),
            (5_400.0, "1 h 30 min"),
            (200_000.0, "2 d 8 h"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        assert_eq!(range(1.0, 1.01), "1.0 s");
        assert_eq!(range(1.0, 1.2), "1.0 s to 1.2 s");
        assert_eq!((size(999.0), size(2_340.0), size(56e9)), ("999 B".into(), "2.3 kB".into(), "56 GB".into()));
        assert_eq!(memory(3 << 20), "3.0 MiB");
    }
}
