//! Reading and printing of a decimal number with a unit, without floats.

use std::fmt;

/// A kind of quantity: what it is called, its units, and how an example looks.
#[derive(Debug)]
pub struct Dimension {
    /// What was expected, with an example: `a rate such as "10 Mbit/s"`.
    pub expecting: &'static str,
    /// What it is called.
    noun: &'static str,
    /// Units from small to large: name, and how many of the smallest unit it stands for.
    units: &'static [(&'static str, u64)],
    /// The unit to suggest where none was written.
    usual: &'static str,
    /// Other spellings, and what to write instead, where that is certain.
    aliases: &'static [(&'static str, &'static str)],
    /// What the smallest countable part is, for numbers that are finer.
    finest: &'static str,
}

impl Dimension {
    /// The units that are read, from small to large.
    pub(super) fn unit_names(&self) -> impl Iterator<Item = &'static str> {
        self.units.iter().map(|(name, _)| *name)
    }
}

pub(super) static SPAN: Dimension = Dimension {
    expecting: "a duration with a unit, such as \"20 ms\"",
    noun: "duration",
    units: &[
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ],
    usual: "ms",
    aliases: &[
        ("µs", "us"),
        ("μs", "us"),
        ("usec", "us"),
        ("msec", "ms"),
        ("sec", "s"),
        ("secs", "s"),
        ("seconds", "s"),
        ("second", "s"),
        ("minutes", "min"),
        ("mins", "min"),
        ("hours", "h"),
        ("hour", "h"),
        ("days", "d"),
        ("m", "min"),
    ],
    finest: "one nanosecond",
};

pub(super) static RATE: Dimension = Dimension {
    expecting: "a rate with a unit, such as \"10 Mbit/s\"",
    noun: "rate",
    units: &[
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
        ("Tbit/s", 1_000_000_000_000),
    ],
    usual: "Mbit/s",
    aliases: &[
        ("k", "kbit/s"),
        ("K", "kbit/s"),
        ("M", "Mbit/s"),
        ("G", "Gbit/s"),
        ("bps", "bit/s"),
        ("b/s", "bit/s"),
        ("kbps", "kbit/s"),
        ("kb/s", "kbit/s"),
        ("Kbps", "kbit/s"),
        ("Mbps", "Mbit/s"),
        ("Mb/s", "Mbit/s"),
        ("Gbps", "Gbit/s"),
        ("Gb/s", "Gbit/s"),
        ("mbit/s", "Mbit/s"),
        ("mb/s", "Mbit/s"),
        ("mbps", "Mbit/s"),
    ],
    finest: "one bit per second",
};

pub(super) static SIZE: Dimension = Dimension {
    expecting: "a size with a unit, such as \"64 KiB\" or \"1500 B\"",
    noun: "size",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("KiB", 1_024),
        ("MB", 1_000_000),
        ("MiB", 1_048_576),
        ("GB", 1_000_000_000),
        ("GiB", 1_073_741_824),
    ],
    usual: "B",
    aliases: &[
        ("bytes", "B"),
        ("byte", "B"),
        ("b", "B"),
        ("KB", "kB"),
        ("K", "KiB"),
        ("kb", "kB"),
        ("kib", "KiB"),
        ("M", "MiB"),
        ("mb", "MB"),
        ("mib", "MiB"),
        ("G", "GiB"),
    ],
    finest: "one byte",
};

pub(super) static RATIO: Dimension = Dimension {
    expecting: "a share in percent, such as \"1 %\"",
    noun: "share",
    units: &[("%", 10_000_000_000_000_000)],
    usual: "%",
    aliases: &[("percent", "%"), ("pct", "%")],
    finest: "10^-16 percent",
};

/// Why a text is not the quantity that was asked for; says what would be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}{}", help.as_ref().map(|h| format!("; {h}")).unwrap_or_default())]
pub struct QuantityError {
    message: String,
    help: Option<String>,
}

impl QuantityError {
    pub(super) fn new(message: String, help: impl Into<Option<String>>) -> Self {
        Self { message, help: help.into() }
    }

    pub(super) fn bare_number(number: &str, dimension: &Dimension) -> Self {
        let usual = format!("write \"{number} {}\"", dimension.usual);
        let help = match in_percent(number).filter(|_| dimension.usual == "%") {
            Some(percent) => format!("{usual}, or \"{percent} %\" if that part of one is meant"),
            None => format!("{usual}?"),
        };
        Self::new(format!("a {} needs a unit", dimension.noun), help)
    }

    pub(super) fn zero(text: &str, dimension: &Dimension) -> Self {
        Self::new(format!("a {} must be above zero, not `{text}`", dimension.noun), None)
    }

    pub(super) fn above(text: &str, dimension: &Dimension, most: &str) -> Self {
        Self::new(format!("a {} is at most {most}, not `{text}`", dimension.noun), format!("write \"{most}\" or less"))
    }
}

/// Reads `text` as a whole number of the dimension's smallest unit.
pub(super) fn integer(text: &str, dimension: &Dimension) -> Result<u64, QuantityError> {
    let trimmed = text.trim();
    let split =
        trimmed.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_'))).unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..split], trimmed[split..].trim());
    if number.is_empty() {
        return Err(QuantityError::new(format!("expected {}, found \"{text}\"", dimension.expecting), None));
    }
    if number.starts_with('-') {
        let help = format!("did you mean \"{}\"?", trimmed.trim_start_matches('-').trim_start());
        return Err(QuantityError::new(format!("a {} cannot be negative, as `{text}` is", dimension.noun), help));
    }
    if unit.is_empty() {
        return Err(QuantityError::bare_number(number, dimension));
    }
    let factor = unit_factor(number, unit, dimension)?;
    let (digits, decimals) = decimal(number).ok_or_else(|| {
        QuantityError::new(format!("`{number}` is not a number; expected {}", dimension.expecting), None)
    })?;
    let too_large = || QuantityError::new(format!("`{text}` is too large a {}", dimension.noun), None);
    let scaled = digits.checked_mul(u128::from(factor)).ok_or_else(too_large)?;
    let divisor = 10_u128.pow(decimals);
    if scaled % divisor != 0 {
        return Err(QuantityError::new(format!("`{text}` is finer than {}", dimension.finest), None));
    }
    u64::try_from(scaled / divisor).map_err(|_| too_large())
}

fn unit_factor(number: &str, unit: &str, dimension: &Dimension) -> Result<u64, QuantityError> {
    if let Some((_, factor)) = dimension.units.iter().find(|(name, _)| *name == unit) {
        return Ok(*factor);
    }
    let names: Vec<&str> = dimension.units.iter().map(|(name, _)| *name).collect();
    let alias = dimension.aliases.iter().find(|(name, _)| *name == unit).map(|(_, right)| *right);
    let folded = || names.iter().copied().find(|name| name.eq_ignore_ascii_case(unit));
    if let Some(help) = bits_or_bytes(number, unit, dimension) {
        return Err(QuantityError::new(format!("`{unit}` is not a unit of a {}", dimension.noun), help));
    }
    let help = match alias.or_else(folded) {
        Some(right) => format!("did you mean \"{number} {right}\"?"),
        None => format!("units are {}", names.join(", ")),
    };
    Err(QuantityError::new(format!("`{unit}` is not a unit of a {}", dimension.noun), help))
}

/// A rate in `mb/s`, `MB/s` and the like may mean bits or bytes: what to write for each.
fn bits_or_bytes(number: &str, unit: &str, dimension: &Dimension) -> Option<String> {
    let prefix = unit.strip_suffix("B/s").or_else(|| unit.strip_suffix("b/s"))?;
    let (right, of_bytes) = match prefix {
        "" => ("bit/s", "bytes"),
        "k" | "K" => ("kbit/s", "kilobytes"),
        "m" | "M" => ("Mbit/s", "megabytes"),
        "g" | "G" => ("Gbit/s", "gigabytes"),
        _ => return None,
    };
    if !dimension.units.iter().any(|(name, _)| *name == right) {
        return None;
    }
    // Whole numbers alone: eight times a decimal fraction would need care to print.
    let eightfold = number.parse::<u64>().ok().and_then(|number| number.checked_mul(8));
    let eightfold = eightfold.map_or_else(|| format!("8 times as many {right}"), |bits| format!("\"{bits} {right}\""));
    Some(format!("write \"{number} {right}\" if bits are meant, or {eightfold} if {of_bytes} are"))
}

/// The digits of a decimal number as an integer, and how many of them follow the point.
fn decimal(number: &str) -> Option<(u128, u32)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut digits: u128 = 0;
    let mut any = false;
    for c in whole.chars().chain(fraction.chars()) {
        if c == '_' {
            continue;
        }
        digits = digits.checked_mul(10)?.checked_add(u128::from(c.to_digit(10)?))?;
        any = true;
    }
    let decimals = fraction.chars().filter(char::is_ascii_digit).count();
    (any && decimals <= 30).then_some((digits, u32::try_from(decimals).ok()?))
}

/// A number between 0 and 1 as percent: `0.01` as `1`.
fn in_percent(number: &str) -> Option<String> {
    let (digits, decimals) = decimal(number).filter(|(digits, decimals)| *digits > 0 && *decimals > 0)?;
    let parts = 10_u128.pow(decimals);
    let scaled = digits.checked_mul(100).filter(|_| digits < parts)?;
    let (whole, rest) = (scaled / parts, scaled % parts);
    let fraction = format!("{rest:0width$}", width = decimals as usize);
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") })
}

/// Prints `value` in the largest unit that needs no decimals.
pub(super) fn display(value: u64, dimension: &Dimension, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = |(_, factor): &&(&str, u64)| value != 0 && value.is_multiple_of(*factor);
    let (name, factor) = dimension.units.iter().rev().find(whole).unwrap_or(&dimension.units[0]);
    write!(f, "{} {name}", value / factor)
}
