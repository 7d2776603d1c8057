//! From text and overrides to a scenario and its points.

use super::check::{check_paths, check_references, check_scenario, check_values, span_of, warn};
use super::library;
use super::made_up::MadeUp;
use super::{Point, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Kind as NodeKind, Node, Path, Sources, Span, Tree, read, suggest};
use std::collections::BTreeMap;
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
    let mut idle = Vec::new();
    if let Some(scenario) = reading.value.as_ref().or(reading.draft.as_ref()) {
        idle = further_mistakes(&tree, scenario, &MadeUp::new(&tree, &reading.made_up), &mut mistakes);
    }
    let mut points = Vec::new();
    match reading.value.as_ref().filter(|_| !mistakes.has_errors()) {
        Some(scenario) => {
            points = self::points(&tree, scenario, &mut mistakes);
            warn(&tree, scenario, &mut mistakes);
        }
        // Without points nobody knows better.
        None => idle.into_iter().for_each(|found| mistakes.push(found)),
    }
    mistakes.sort();
    let rendered = mistakes.render(&sources, colours);
    match reading.value {
        Some(scenario) if !mistakes.has_errors() => {
            Ok(Loaded { name: name.to_owned(), scenario, text: tree.to_ron(), points, warnings: rendered })
        }
        _ => Err(rendered),
    }
}

/// Everything beyond types, in a scenario that may be a draft. What has to do with a mistake that is known already may
/// come of a value that was made up, and is left out. Returns fields that have no effect here, but may have one at a point.
fn further_mistakes(tree: &Tree, scenario: &Scenario, made_up: &MadeUp, mistakes: &mut Diagnostics) -> Vec<Diagnostic> {
    let mut further = Diagnostics::default();
    let known = mistakes.clone();
    let sound = |list: &str, further: &Diagnostics| {
        let span = span_of(tree, list);
        // A field without effect leaves the network what it is.
        let harmless = |found: &&Diagnostic| matches!(found.id, "scenario::no-effect" | "scenario::out-of-range");
        let mut grave = Diagnostics::default();
        further.iter().filter(|found| !harmless(found)).for_each(|found| grave.push(found.clone()));
        let lies_there = tree.root.field(list).is_some_and(|node| made_up.lie_in(node));
        !mistakes.touch(span) && !grave.touch(span) && !lies_there
    };
    check_scenario(tree, scenario, &mut further);
    if sound("nodes", &further) && sound("links", &further) {
        check_paths(tree, scenario, &mut further);
    }
    if sound("axes", &further) {
        check_values(tree, scenario, &mut further);
        check_each_value(tree, scenario, &mut further);
    }
    let mut idle = Vec::new();
    let tables = TABLES.map(|list| tree.root.field(list).map(|node| node.span));
    let may_vary = |found: &Diagnostic| {
        let apart = |table: &Span| table.source != found.primary.span.source || !within(found.primary.span, *table);
        is_idle(found) && !scenario.axes.is_empty() && tables.iter().flatten().all(apart)
    };
    for found in further.iter() {
        let mut places = [&found.primary].into_iter().chain(&found.secondary);
        if mistakes.contains(found) || made_up.explains(found) || places.any(|label| known.touch(label.span)) {
            continue;
        }
        if may_vary(found) {
            idle.push(found.clone());
        } else {
            mistakes.push(found.clone());
        }
    }
    idle
}

/// Parts of a scenario that are the same for all points and take long to read.
const TABLES: [&str; 3] = ["axes", "figures", "expect"];

fn within(inner: Span, outer: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// True for a field that has no effect beside the others. Where axes vary those, it is one only if it has none at any
/// point.
fn is_idle(found: &Diagnostic) -> bool {
    found.id == "scenario::no-effect" && found.message.contains("has no effect")
}

/// Each value of each axis, in the place of what the axis varies.
fn check_each_value(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    // More than anyone would want to read; the rest is found with the points.
    const MOST: usize = 1000;
    let base = without_tables(tree);
    let values =
        scenario.axes.iter().enumerate().flat_map(|(axis, spec)| (0..spec.values.len()).map(move |k| (axis, k)));
    for (axis, choice) in values.take(MOST) {
        let mut varied = base.clone();
        put_value(tree, scenario, &mut varied, axis, choice);
        let mut found = Diagnostics::default();
        let reading = read::<Scenario>(&varied, &mut found);
        check_references(&varied, &reading.references, &mut found);
        if let Some(scenario) = &reading.value {
            check_scenario(&varied, scenario, &mut found);
        }
        let place = span_of(tree, &format!("axes.{axis}.values.{choice}"));
        // A field that the path makes up stands at the path.
        let path = span_of(tree, &format!("axes.{axis}.path"));
        let is_of_value = |found: &&Diagnostic| {
            let is_here = [place, path].contains(&found.primary.span);
            (is_here || found.secondary.iter().any(|label| label.span == place)) && !is_idle(found)
        };
        for found in found.iter().filter(is_of_value) {
            // A field that is not there is so for all values.
            if !mistakes.iter().any(|known| (known.id, &known.message) == (found.id, &found.message)) {
                mistakes.push(found.clone());
            }
        }
    }
}

/// The tree without what is the same for all points and takes long to read.
fn without_tables(tree: &Tree) -> Tree {
    let mut base = tree.clone();
    for list in TABLES {
        if let (Ok(path), Some(span)) = (list.parse::<Path>(), base.root.field(list).map(|node| node.span)) {
            // The field is there.
            let _ = base.set(&path, Node::new(span, NodeKind::List(Vec::new())));
        }
    }
    base
}

/// Puts a value of an axis where it belongs. That the path exists was checked with the scenario.
fn put_value(tree: &Tree, scenario: &Scenario, into: &mut Tree, axis: usize, choice: usize) {
    let spec = &scenario.axes[axis];
    let place: Result<Path, _> = format!("axes.{axis}.values.{choice}").parse();
    let node = place.ok().and_then(|place| tree.get(&place).ok()).unwrap_or(&tree.root);
    if let Ok(path) = spec.path.parse::<Path>() {
        let place = span_of(tree, &format!("axes.{axis}.path"));
        let _ = into.set_from(&path, spec.values[choice].node(node), place);
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
    let base = without_tables(tree);
    let mut points = Vec::with_capacity(total);
    let mut idle = IdleFields::of(tree, scenario);
    for index in 0..total {
        let mut point_tree = base.clone();
        let mut values = Vec::with_capacity(counts.len());
        let mut rest = index;
        for (number, axis) in scenario.axes.iter().enumerate().rev() {
            let choice = rest % counts[number];
            rest /= counts[number];
            values.push(axis.values[choice].number().map_or(0.0, |(x, _)| x));
            put_value(tree, scenario, &mut point_tree, number, choice);
        }
        values.reverse();
        let mut found = Diagnostics::default();
        let reading = read::<Scenario>(&point_tree, &mut found);
        check_references(&point_tree, &reading.references, &mut found);
        if let Some(scenario) = reading.value {
            check_scenario(&point_tree, &scenario, &mut found);
            check_paths(&point_tree, &scenario, &mut found);
            points.push(Point { values, scenario });
        }
        idle.at_point(&found);
        let grave: Vec<&Diagnostic> = found.iter().filter(|found| !is_idle(found)).collect();
        grave.iter().for_each(|found| mistakes.push((*found).clone()));
        if !grave.is_empty() {
            return points;
        }
    }
    idle.at_all_points().for_each(|found| mistakes.push(found));
    points
}

/// Fields that have had no effect at any point so far.
struct IdleFields {
    /// By place. `None` before the first point.
    fields: Option<BTreeMap<Span, Diagnostic>>,
    /// The values of one axis stand for one field: where each value is written, and the axis's path.
    fields_of_values: BTreeMap<Span, Span>,
}

impl IdleFields {
    fn of(tree: &Tree, scenario: &Scenario) -> Self {
        let values = scenario.axes.iter().enumerate().flat_map(|(axis, spec)| {
            let path = span_of(tree, &format!("axes.{axis}.path"));
            (0..spec.values.len()).map(move |value| (span_of(tree, &format!("axes.{axis}.values.{value}")), path))
        });
        Self { fields: None, fields_of_values: values.collect() }
    }

    fn at_point(&mut self, found: &Diagnostics) {
        let field = |found: &Diagnostic| {
            let place = found.primary.span;
            self.fields_of_values.get(&place).copied().unwrap_or(place)
        };
        let here: BTreeMap<Span, Diagnostic> =
            found.iter().filter(|found| is_idle(found)).map(|found| (field(found), found.clone())).collect();
        match &mut self.fields {
            Some(fields) => fields.retain(|place, _| here.contains_key(place)),
            None => self.fields = Some(here),
        }
    }

    fn at_all_points(self) -> impl Iterator<Item = Diagnostic> {
        self.fields.unwrap_or_default().into_values()
    }
}
