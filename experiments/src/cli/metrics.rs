//! `protosim metrics`: the catalogue of metrics, or one of them.

use super::terminal::say;
use crate::scenario::{Metric, Scope, TotalName};
use crate::tree::suggest;
use std::sync::LazyLock;

/// The names of all metrics in scenarios.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| catalogue().map(word).collect());

/// All metrics, and one that stands for all totals.
fn catalogue() -> impl Iterator<Item = Metric> {
    Metric::ALL.into_iter().chain([Metric::Total(TotalName::new("NAME"))])
}

/// Prints the catalogue, or the entry of the metric that is named.
pub(super) fn metrics(name: Option<&str>) -> Result<(), String> {
    if let Some(name) = name {
        return one(name);
    }
    for of in [
        Scope::Exchanges,
        Scope::Traffic,
        Scope::Rates,
        Scope::Sink,
        Scope::Connections,
        Scope::Devices,
        Scope::DevicesPerExchange,
        Scope::Direction,
        Scope::Counts,
    ] {
        say(format_args!("Of {}:", of.name()));
        catalogue().filter(|metric| metric.of() == of).for_each(print);
        say("");
    }
    say("In the file of a scenario, the first word is what stands behind `metric:`; in tables, the name behind it.");
    Ok(())
}

fn one(name: &str) -> Result<(), String> {
    let is_total =
        |metric: &Metric| matches!(metric, Metric::Total(_)) && name.to_ascii_lowercase().starts_with("total");
    let is_meant =
        |metric: &Metric| word(*metric).eq_ignore_ascii_case(name) || metric.entry().name == name || is_total(metric);
    if let Some(metric) = catalogue().find(is_meant) {
        say(format_args!("Of {}:", metric.of().name()));
        print(metric);
        return Ok(());
    }
    let help = match suggest(name, words()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`protosim metrics` lists them all".to_owned(),
    };
    Err(format!("error: there is no metric `{name}`\nhelp: {help}\n"))
}

/// The names of all metrics, as scenarios have them.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(String::as_str)
}

/// The name of a metric in scenarios.
fn word(metric: Metric) -> String {
    match metric {
        Metric::Total(_) => "Total".to_owned(),
        _ => format!("{metric:?}"),
    }
}

fn print(metric: Metric) {
    let entry = metric.entry();
    let unit = if entry.unit.is_empty() { String::new() } else { format!(" [{}]", entry.unit) };
    say(format_args!("  {:<21} {}{unit}: {}", word(metric), entry.name, entry.definition));
    say(format_args!("  {:<21} over {}", "", entry.condition));
    if let Metric::Total(_) = metric {
        say(format_args!("  {:<21} written `Total(\"timed_out\")`; the table `counters` has all names", ""));
    }
    if metric.is_series() {
        say(format_args!("  {:<21} for panels with `x: Time`", ""));
    } else if !metric.is_summary() {
        say(format_args!("  {:<21} for panels with `x: Distribution` and `x: Time`", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_goes_by_both_of_its_names() {
        assert!(one("P95Completion").is_ok() && one("completion p95").is_ok());
        assert!(one("P95Completoin").unwrap_err().contains("did you mean `P95Completion`?"));
    }
}
