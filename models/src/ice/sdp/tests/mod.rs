//! Descriptions and fragments: the standards' examples, what is wrong with wrong ones, and properties.

mod properties;
mod refusals;
mod vectors;

use super::super::wire::Malformed;
use super::{Description, Fragment, SdpError};

/// A text as it is sent: its indented lines with CRLF.
fn sent(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect()
}

fn description(text: &str) -> Description {
    Description::parse(&sent(text)).unwrap()
}

fn fragment(text: &str) -> Fragment {
    Fragment::parse(&sent(text)).unwrap()
}

fn error(line: usize, why: &'static str) -> SdpError {
    SdpError { line, reason: Malformed(why) }
}
