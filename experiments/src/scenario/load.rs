//! From text and overrides to a scenario and its points.

use super::check::{check_references, check_scenario, check_values, span_of, warn};
use super::library;
use super::{Point, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Path, Sources, Tree, read, suggest};
use std::path::Path as FilePath;

/// What a user asks for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The name of a shipped experiment, or a file.
    pub scenario: String,
    /// Overrides, `path=value`.
    pub set: Vec<String>,
    /// Another seed.
    pub seed: Option<u64>,
}

/// A scenario that is ready to run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The experiment's name: that of the shipped one, or the file's without its ending.
    pub name: String,
    /// The scenario, overrides applied.
    pub scenario: Scenario,
    /// The same as canonical text.
    pub text: String,
    /// What to run, in order.
    pub points: Vec<Point>,
    /// What can run but is probably not meant, rendered for people; often empty.
    pub warnings: String,
}

/// Most points of one experiment.
const MOST_POINTS: usize = 1_000_000;

/// Brings in a scenario.
///
/// # Errors
/// Everything that is wrong with it, rendered for people.
pub fn load(request: &Request, colours: bool) -> Result<Loaded, String> {
    let (name, label, text) = find(&request.scenario)?;
    load_text(&name, &label, &text, request, colours)
}

/// Brings in a scenario from its text, shown as `label` in messages.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_text(
    name: &str,
    label: &str,
    text: &str,
    request: &Request,
    colours: bool,
) -> Result<Loaded, String> {
    let mut sources = Sources::default();
    let mut mistakes = Diagnostics::default();
    let mut tree = Tree::parse(&mut sources, label, text, &mut mistakes);
    for argument in &request.set {
        tree.apply_override(&mut sources, argument, &mut mistakes);
    }
    if let Some(seed) = request.seed {
        tree.apply_override(&mut sources, &format!("seed={seed}"), &mut mistakes);
    }
    let reading = read::<Scenario>(&tree, &mut mistakes);
    check_references(&tree, &reading.references, &mut mistakes);
    let mut loaded = None;
    if let Some(scenario) = reading.value {
        check_scenario(&tree, &scenario, &mut mistakes);
        if !mistakes.has_errors() {
            let points = points(&tree, &scenario, &mut mistakes);
            check_values(&tree, &scenario, &points, &mut mistakes);
            warn(&tree, &scenario, &mut mistakes);
            let warnings = String::new();
            loaded = Some(Loaded { name: name.to_owned(), scenario, text: tree.to_ron(), points, warnings });
        }
    }
    mistakes.sort();
    match loaded {
        Some(loaded) if !mistakes.has_errors() => Ok(Loaded { warnings: mistakes.render(&sources, colours), ..loaded }),
        _ => Err(mistakes.render(&sources, colours)),
    }
}

/// Name, label and text of a scenario given by name or file.
fn find(scenario: &str) -> Result<(String, String, String), String> {
    if let Some(shipped) = library::find(scenario) {
        return Ok((shipped.name.to_owned(), format!("{scenario}.ron"), shipped.text.to_owned()));
    }
    let path = FilePath::new(scenario);
    let is_file_name = path.extension().is_some_and(|ending| ending == "ron") || scenario.contains(['/', '\\']);
    if !is_file_name && !path.is_file() {
        let names = library::SHIPPED.iter().map(|shipped| shipped.name);
        let help = match suggest(scenario, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("shipped experiments: {}", names.collect::<Vec<_>>().join(", ")),
        };
        return Err(format!("error: there is no experiment or file `{scenario}`\nhelp: {help}\n"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("error: cannot read `{scenario}`: {error}\n"))?;
    let stem = path.file_stem().map_or_else(|| scenario.to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok((stem, scenario.to_owned(), text))
}

/// All combinations of the axes' values, the last axis fastest, each read and checked as a scenario of its own.
fn points(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) -> Vec<Point> {
    let counts: Vec<usize> = scenario.axes.iter().map(|axis| axis.values.len()).collect();
    let total = counts.iter().try_fold(1_usize, |product, count| product.checked_mul(*count));
    let Some(total) = total.filter(|total| *total <= MOST_POINTS) else {
        let span = span_of(tree, "axes");
        let message = format!("the axes make more than {MOST_POINTS} points");
        mistakes.push(Diagnostic::error("scenario::too-many-points", span, message));
        return Vec::new();
    };
    let mut points = Vec::with_capacity(total);
    for index in 0..total {
        let mut point_tree = tree.clone();
        let mut values = Vec::with_capacity(counts.len());
        let mut rest = index;
        for (number, axis) in scenario.axes.iter().enumerate().rev() {
            let choice = rest % counts[number];
            rest /= counts[number];
            let value = &axis.values[choice];
            values.push(value.number().map_or(0.0, |(x, _)| x));
            let place: Result<Path, _> = format!("axes.{number}.values.{choice}").parse();
            let node = place.ok().and_then(|place| tree.get(&place).ok().cloned()).unwrap_or_else(|| tree.root.clone());
            if let Ok(path) = axis.path.parse::<Path>() {
                // That the path exists was checked with the scenario.
                let _ = point_tree.set(&path, value.node(&node));
            }
        }
        values.reverse();
        let before = mistakes.len();
        if let Some(scenario) = read::<Scenario>(&point_tree, mistakes).value {
            check_scenario(&point_tree, &scenario, mistakes);
            points.push(Point { values, scenario });
        }
        if mistakes.len() > before {
            break;
        }
    }
    points
}
