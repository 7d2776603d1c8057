//! Lengths with units, as texts: what distances on a radio channel and lengths of cables share.

/// Why a text is no length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotALength {
    /// It is no decimal number with one of the units.
    Form,
    /// It has more decimals than there are.
    TooFine,
    /// No number is so large.
    TooLong,
}

/// Reads a decimal number with a unit, such as `2.5 km`, in the finest unit. Of each unit `units` says how many decimals of it there
/// are until the finest one.
///
/// # Errors
/// Why it is none.
pub fn parse_length(text: &str, units: &[(&str, usize)]) -> Result<u64, NotALength> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or(NotALength::Form)?;
    let (number, unit) = (&text[..split], text[split..].trim());
    let known = units.iter().find(|(known, _)| *known == unit);
    let decimals = known.ok_or(NotALength::Form)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.contains('.') {
        return Err(NotALength::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals {
        return Err(NotALength::TooFine);
    }
    format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| NotALength::TooLong)
}
