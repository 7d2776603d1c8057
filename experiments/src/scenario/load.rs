//! From text and overrides to a scenario and its points.

use super::check::{
    case_settings, check_paths, check_references, check_scenario, check_values, settings, span_of, target_place,
    value_place, warn,
};
use super::expand::{Expansion, expand, for_member, is_of_member, warn_of_notes};
use super::files::{Files, Inputs};
use super::grid::{Choice, Grid};
use super::library::{self, identity, included, read_file};
use super::made_up::MadeUp;
use super::profile::Profiles;
use super::shorthand::for_axis;
use super::{AxisValue, Measures, Point, PointFilter, Scenario};
use crate::tree::{
    Diagnostic, Diagnostics, Finder, Kind as NodeKind, Node, Path, PathError, Reading, Sources, Span, Tree, read,
    suggest,
};
use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;

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
    /// The files that it names.
    pub inputs: Inputs,
    /// What can run but is probably not meant, rendered for people; often empty.
    pub warnings: String,
}

impl Loaded {
    /// The numbers of the points that a filter includes, in order.
    pub fn chosen<'a>(&'a self, filter: PointFilter<'a>) -> impl Iterator<Item = usize> + 'a {
        (0..self.points.len()).filter(move |point| self.is_chosen(*point, filter))
    }

    /// Whether a filter includes a point.
    pub fn is_chosen(&self, point: usize, filter: PointFilter<'_>) -> bool {
        let Point { variant, values, .. } = &self.points[point];
        filter.includes(&self.scenario.axes, variant.as_deref(), values)
    }
}

/// Most points of one experiment.
const MOST_POINTS: usize = 1_000_000;

/// Brings in a scenario.
///
/// # Errors
/// Everything that is wrong with it, rendered for people.
pub fn load(request: &Request, colours: bool) -> Result<Loaded, String> {
    let Text { name, key, label, text } = find(&request.scenario)?;
    load_with(&name, (&key, &label), &text, request, colours, &mut included)
}

/// Brings in a scenario from its text, shown as `label` in messages.
///
/// # Errors
/// As [`load`].
#[cfg(test)]
pub(crate) fn load_text(
    name: &str,
    label: &str,
    text: &str,
    request: &Request,
    colours: bool,
) -> Result<Loaded, String> {
    load_with(name, (label, label), text, request, colours, &mut included)
}

/// Brings in a scenario from its text, shown as `label` in messages, with the files that it names in a folder of their own.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_text_within(
    name: &str,
    label: &str,
    text: &str,
    folder: &FilePath,
    colours: bool,
) -> Result<Loaded, String> {
    let request = Request::default();
    load_from(name, (label, label), text, (&request, Files::within(folder)), colours, &mut included)
}

/// Brings in a scenario whose includes `finder` finds. `(key, label)` are what the finder calls the text itself.
pub(super) fn load_with(
    name: &str,
    (key, label): (&str, &str),
    text: &str,
    request: &Request,
    colours: bool,
    finder: &mut Finder<'_>,
) -> Result<Loaded, String> {
    load_from(name, (key, label), text, (request, Files::beside(label)), colours, finder)
}

fn load_from(
    name: &str,
    (key, label): (&str, &str),
    text: &str,
    (request, mut files): (&Request, Files),
    colours: bool,
    finder: &mut Finder<'_>,
) -> Result<Loaded, String> {
    let mut sources = Sources::default();
    let mut mistakes = Diagnostics::default();
    let mut tree = Tree::parse(&mut sources, label, text, &mut mistakes);
    tree.include((key, label), finder, &mut sources, &mut mistakes);
    // Templates first, where an override is of them; else what they give is there to be overridden.
    let (of_templates, others): (Vec<&String>, Vec<&String>) =
        request.set.iter().partition(|argument| argument.trim_start().starts_with("templates."));
    for argument in of_templates {
        tree.apply_override(&mut sources, argument, &mut mistakes);
    }
    let mut profiles = Profiles::default();
    tree.apply_templates(&mut |name| profiles.template(name, &mut sources), &mut mistakes);
    for argument in others {
        let argument = for_axis(&mut tree, argument);
        let argument = for_member(&mut tree, &argument);
        tree.apply_override(&mut sources, &argument, &mut mistakes);
    }
    if let Some(seed) = request.seed {
        tree.apply_override(&mut sources, &format!("seed={seed}"), &mut mistakes);
    }
    refuse_overridden_axes(&tree, &request.set, &mut mistakes);
    let (made, mut reading) = read_expanded(&tree, &mut files, &mut mistakes);
    if let Some(scenario) = reading.value.as_mut().or(reading.draft.as_mut()) {
        files.provide(&made.tree, scenario, &mut sources, &mut mistakes);
        scenario.measures = Arc::new(Measures::of(scenario));
    }
    let mut idle = Vec::new();
    if let Some(scenario) = reading.value.as_ref().or(reading.draft.as_ref()) {
        let made_up = MadeUp::new(&made.tree, &reading.made_up);
        idle = further_mistakes(&tree, &made, scenario, (&mut files, &made_up), &mut mistakes);
    }
    let mut points = Vec::new();
    match reading.value.as_ref().filter(|_| !mistakes.has_errors()) {
        Some(scenario) => {
            points = self::points(&tree, scenario, (&mut files, &mut sources), &mut mistakes);
            warn(&made.tree, scenario, &points, &mut mistakes);
            warn_of_notes(&made.notes, &mut mistakes);
        }
        // Without points nobody knows better.
        None => idle.into_iter().for_each(|found| mistakes.push(found)),
    }
    mistakes.sort();
    let rendered = mistakes.render(&sources, colours);
    match reading.value {
        Some(scenario) if !mistakes.has_errors() => Ok(Loaded {
            name: name.to_owned(),
            scenario,
            text: tree.to_ron(),
            points,
            inputs: files.into_inputs(),
            warnings: rendered,
        }),
        _ => Err(rendered),
    }
}

/// An override of a field that an axis varies would be lost: each value of the axis takes its place.
fn refuse_overridden_axes(tree: &Tree, set: &[String], mistakes: &mut Diagnostics) {
    let Some(NodeKind::List(axes)) = tree.root.field("axes").map(|axes| &axes.kind) else { return };
    for argument in set {
        let path = argument.split('=').next().unwrap_or_default().trim();
        let Ok(parsed) = path.parse::<Path>() else { continue };
        let Some(node) = tree.find(&parsed) else { continue };
        let canonical = tree.canonical(&parsed);
        let is_same = |other: &str| other.parse::<Path>().is_ok_and(|other| tree.canonical(&other) == canonical);
        let varies = |axis: &&Node| {
            let many = match axis.field("paths").map(|paths| &paths.kind) {
                Some(NodeKind::List(paths)) => paths.as_slice(),
                _ => &[],
            };
            let sets = |case: &Node| match case.field("set").map(|set| &set.kind) {
                Some(NodeKind::Map(entries)) => entries.iter().filter_map(|(key, _)| key.as_str()).any(is_same),
                _ => false,
            };
            // Where one case leaves it alone, what is said has an effect.
            let in_all_cases = match axis.field("cases").map(|cases| &cases.kind) {
                Some(NodeKind::List(cases)) => !cases.is_empty() && cases.iter().all(sets),
                _ => false,
            };
            in_all_cases || axis.field("path").into_iter().chain(many).filter_map(Node::as_str).any(is_same)
        };
        if let Some(axis) = axes.iter().find(varies) {
            let name = axis.field("name").and_then(Node::as_str).unwrap_or("NAME");
            let message = format!("`{path}` has no effect here: an axis gives it a value at every point");
            let error = Diagnostic::error("scenario::no-effect", node.span, message).also(axis.span, "this axis");
            mistakes.push(error.help(format!("override the axis: `--set {name}=VALUE`")));
        }
    }
}

/// Everything beyond types, in a scenario that may be a draft. What has to do with a mistake that is known already may
/// come of a value that was made up, and is left out. Returns fields that have no effect here, but may have one at a point.
fn further_mistakes(
    tree: &Tree,
    made: &Expansion,
    scenario: &Scenario,
    (files, made_up): (&mut Files, &MadeUp),
    mistakes: &mut Diagnostics,
) -> Vec<Diagnostic> {
    let mut further = Diagnostics::default();
    let known = mistakes.clone();
    let sound = |list: &str, further: &Diagnostics| {
        let node = made.tree.root.field(list).unwrap_or(&made.tree.root);
        // Parts of a list may come from another text.
        let parts = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => &[],
        };
        let spans = || [node].into_iter().chain(parts).map(|node| node.span);
        // A field without effect leaves the network what it is.
        let harmless = |found: &&Diagnostic| matches!(found.id, "scenario::no-effect" | "scenario::out-of-range");
        let mut grave = Diagnostics::default();
        further.iter().filter(|found| !harmless(found)).for_each(|found| grave.push(found.clone()));
        let lies_there = made.tree.root.field(list).is_some_and(|node| made_up.lie_in(node));
        !lies_there && !spans().any(|span| mistakes.touch(span) || grave.touch(span))
    };
    check_scenario(tree, made, scenario, &mut further);
    let are_sound = ["nodes", "links"].into_iter().all(|list| sound(list, &further));
    let are_media_sound = made.tree.root.field("media").is_none() || sound("media", &further);
    if made.is_whole && are_sound && are_media_sound {
        check_paths(&made.tree, scenario, &mut further);
    }
    if sound("axes", &further) && sound("variants", &further) {
        check_values(tree, scenario, &mut further);
        check_each_value(tree, scenario, files, &mut further);
        check_each_variant(tree, scenario, files, &mut further);
    }
    let mut idle = Vec::new();
    let tables = TABLES.map(|list| tree.root.field(list).map(|node| node.span));
    let may_vary = |found: &Diagnostic| {
        let apart = |table: &Span| !found.primary.span.lies_in(*table);
        is_idle(found)
            && (!scenario.axes.is_empty() || !scenario.variants.is_empty())
            && tables.iter().flatten().all(apart)
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
const TABLES: [&str; 8] = ["axes", "design", "variants", "only_if", "measure", "figures", "diagrams", "expect"];

/// True for a field that has no effect beside the others. Where axes vary those, it is one only if it has none at any
/// point.
fn is_idle(found: &Diagnostic) -> bool {
    found.id == "scenario::no-effect" && found.message.contains("has no effect")
}

/// Each value of each axis, in the place of what the axis varies.
fn check_each_value(tree: &Tree, scenario: &Scenario, files: &mut Files, mistakes: &mut Diagnostics) {
    // More than anyone would want to read, or to wait for where a network is large; the rest is found with the points.
    const MOST: usize = 1000;
    const MOST_NODES: usize = 1_000_000;
    let most = (MOST_NODES / scenario.nodes.len().max(1)).clamp(1, MOST);
    let base = without_tables(tree);
    let grid = Grid::new(scenario);
    let values = grid.values.iter().enumerate().flat_map(|(axis, values)| (0..values.len()).map(move |k| (axis, k)));
    for (axis, choice) in values.take(most) {
        let mut varied = base.clone();
        // That the path exists was checked with the scenario.
        let _ = put_value(tree, scenario, &grid, &mut varied, (axis, choice));
        let found = mistakes_of(&varied, files);
        let place = value_place(tree, (axis, choice), &grid.values[axis][choice]);
        // A field that a path makes up stands at the path.
        let targets = 0..scenario.axes[axis].targets().count();
        let paths = targets.map(|number| target_place(tree, &scenario.axes[axis], axis, number));
        add_those_within(&paths.chain([place]).collect::<Vec<_>>(), &found, mistakes);
    }
}

/// Each variant, with all that it sets.
fn check_each_variant(tree: &Tree, scenario: &Scenario, files: &mut Files, mistakes: &mut Diagnostics) {
    let base = without_tables(tree);
    for index in 0..scenario.variants.len() {
        let mut varied = base.clone();
        // That the paths exist was checked with the scenario.
        let _ = put_variant(tree, index, &mut varied);
        let found = mistakes_of(&varied, files);
        let place = span_of(tree, &format!("variants.{index}"));
        add_those_within(&[place], &found, mistakes);
    }
}

/// Everything that is wrong with a scenario where something was put in.
fn mistakes_of(varied: &Tree, files: &mut Files) -> Diagnostics {
    let mut found = Diagnostics::default();
    let (made, reading) = read_expanded(varied, files, &mut found);
    if let Some(scenario) = &reading.value {
        check_scenario(varied, &made, scenario, &mut found);
    }
    found
}

/// The typed scenario of a tree, with its groups and networks made, and all names in it looked up.
fn read_expanded(tree: &Tree, files: &mut Files, mistakes: &mut Diagnostics) -> (Expansion, Reading<Scenario>) {
    let made = expand(tree, files, mistakes);
    let mut reading = read::<Scenario>(&made.tree, mistakes);
    if let Some(scenario) = reading.value.as_mut().or(reading.draft.as_mut()) {
        scenario.sets = Arc::new(made.sets.clone());
    }
    check_references(&made, &reading.references, mistakes);
    (made, reading)
}

/// Adds what was found within one of `places`. A field that is not there is so for all values, and said once; one that has no
/// effect here may have one elsewhere.
fn add_those_within(places: &[Span], found: &Diagnostics, mistakes: &mut Diagnostics) {
    let within = |span: Span| places.iter().any(|place| span.lies_in(*place));
    let is_of_value =
        |found: &&Diagnostic| within(found.primary.span) || found.secondary.iter().any(|label| within(label.span));
    for found in found.iter().filter(|found| is_of_value(found) && !is_idle(found)) {
        if !mistakes.iter().any(|known| (known.id, &known.message) == (found.id, &found.message)) {
            mistakes.push(found.clone());
        }
    }
}

/// The tree without what is the same for all points and takes long to read.
fn without_tables(tree: &Tree) -> Tree {
    let mut base = tree.clone();
    if let NodeKind::Struct { fields, .. } = &mut base.root.kind {
        fields.retain(|field| !TABLES.contains(&field.name.text.as_str()));
    }
    base
}

/// Puts a value of an axis where it belongs.
fn put_value(
    tree: &Tree,
    scenario: &Scenario,
    grid: &Grid<'_>,
    into: &mut Tree,
    (axis, choice): (usize, usize),
) -> Result<(), Box<Diagnostic>> {
    let Some(value) = grid.values[axis].get(choice) else { return Ok(()) };
    if let AxisValue::Case { index, .. } = value {
        return put_settings(case_settings(tree, axis, *index), into);
    }
    let place = value_place(tree, (axis, choice), value);
    for (number, target) in scenario.axes[axis].targets().enumerate() {
        // A field that the path makes up stands at the path.
        let written = target_place(tree, &scenario.axes[axis], axis, number);
        let result = target.parse::<Path>().and_then(|path| match is_of_member(into, &path) {
            true => into.adjust_later(target, value.node(place), written),
            false => into.set_from(&path, value.node(place), written),
        });
        result.map_err(|error| no_such_path(place, target, error))?;
    }
    Ok(())
}

/// Puts all that a variant sets where it belongs.
fn put_variant(tree: &Tree, variant: usize, into: &mut Tree) -> Result<(), Box<Diagnostic>> {
    put_settings(settings(tree, variant), into)
}

/// Puts all that a variant or a case sets where it belongs.
fn put_settings(settings: &[(Node, Node)], into: &mut Tree) -> Result<(), Box<Diagnostic>> {
    for (key, value) in settings {
        let target = key.as_str().unwrap_or_default();
        let result = target.parse::<Path>().and_then(|path| match is_of_member(into, &path) {
            true => into.adjust_later(target, value.clone(), key.span),
            false => into.set(&path, value.clone()),
        });
        result.map_err(|error| no_such_path(key.span, target, error))?;
    }
    Ok(())
}

fn no_such_path(place: Span, target: &str, error: PathError) -> Box<Diagnostic> {
    let message = format!("`{target}` leads nowhere: {}", error.message);
    Box::new(Diagnostic::error("scenario::unknown-path", place, message).help(error.help))
}

/// The scenario called `name`, as a text.
struct Text {
    name: String,
    key: String,
    label: String,
    text: String,
}

/// Name, label and text of a scenario given by name or file.
fn find(scenario: &str) -> Result<Text, String> {
    if let Some(shipped) = library::find(scenario) {
        return Ok(Text {
            name: shipped.name.to_owned(),
            key: format!("@{scenario}"),
            label: format!("{scenario}.ron"),
            text: shipped.text.to_owned(),
        });
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
    let text = read_file(path).map_err(|error| format!("error: cannot read `{scenario}`: {error}\n"))?;
    let stem = path.file_stem().map_or_else(|| scenario.to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok(Text { name: stem, key: identity(path), label: scenario.to_owned(), text })
}

/// All combinations of variants and values that `only_if` keeps, each read and checked as a scenario of its own.
fn points(
    tree: &Tree,
    scenario: &Scenario,
    (files, sources): (&mut Files, &mut Sources),
    mistakes: &mut Diagnostics,
) -> Vec<Point> {
    let grid = Grid::new(scenario);
    let Some(total) = grid.total().filter(|total| *total <= MOST_POINTS) else {
        let span = tree.root.field("axes").map_or(tree.root.head(), Node::head);
        let message = format!("the axes make more than {MOST_POINTS} points");
        mistakes.push(Diagnostic::error("scenario::too-many-points", span, message));
        return Vec::new();
    };
    let base = without_tables(tree);
    let mut points = Vec::new();
    let mut idle = IdleFields::of(tree, scenario, &grid);
    for index in 0..total {
        let choice = grid.choice(index);
        let values = grid.numbers(&choice);
        match grid.keeps(&values) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(why) => {
                let message = format!("the condition has no value at {}: {why}", grid.describe(&choice));
                mistakes.push(Diagnostic::error("scenario::bad-formula", span_of(tree, "only_if"), message));
                break;
            }
        }
        let mut found = Diagnostics::default();
        let at_point = scenario_at(tree, &base, scenario, (&grid, &choice), (files, sources), &mut found);
        idle.at_point(&found, &choice);
        match at_point {
            Some(mut at_point) if found.iter().all(is_idle) => {
                at_point.share(scenario);
                points.last().into_iter().for_each(|last: &Point| at_point.share(&last.scenario));
                let variant = choice.variant.map(|variant| scenario.variants[variant].name.clone());
                points.push(Point { values, variant, scenario: at_point });
            }
            _ => {
                let at = if total > 1 { format!(" (at {})", grid.describe(&choice)) } else { String::new() };
                for mut found in found.iter().filter(|found| !is_idle(found)).cloned() {
                    found.message += &at;
                    mistakes.push(found);
                }
                return points;
            }
        }
    }
    idle.at_all_points().for_each(|found| mistakes.push(found));
    if points.is_empty() && !mistakes.has_errors() {
        let message = "this condition holds at no point: nothing would run";
        mistakes.push(Diagnostic::error("scenario::no-point", span_of(tree, "only_if"), message));
    }
    points
}

/// The scenario of one combination, and everything that is wrong with it.
fn scenario_at(
    tree: &Tree,
    base: &Tree,
    scenario: &Scenario,
    (grid, choice): (&Grid<'_>, &Choice),
    (files, sources): (&mut Files, &mut Sources),
    found: &mut Diagnostics,
) -> Option<Scenario> {
    let mut varied = base.clone();
    let variant = choice.variant.map_or(Ok(()), |variant| put_variant(tree, variant, &mut varied));
    let mut axes = choice.values.iter().enumerate();
    let values = axes.try_for_each(|(axis, pick)| put_value(tree, scenario, grid, &mut varied, (axis, *pick)));
    if let Err(mistake) = variant.and(values) {
        found.push(*mistake);
        return None;
    }
    let (made, reading) = read_expanded(&varied, files, found);
    let mut at_point = reading.value?;
    files.provide(&made.tree, &mut at_point, sources, found);
    at_point.measures = match at_point.warmup == scenario.warmup {
        true => Arc::clone(&scenario.measures),
        false => Arc::new((*scenario.measures).clone().with_warmup(&at_point)),
    };
    check_scenario(&varied, &made, &at_point, found);
    if !found.has_errors() {
        check_paths(&made.tree, &at_point, found);
    }
    Some(at_point)
}

/// Fields that have had no effect at any point so far.
struct IdleFields {
    /// By place. `None` before the first point.
    fields: Option<BTreeMap<Span, Diagnostic>>,
    /// The values of one axis stand for one field: where each value is written, and the axis's path.
    fields_of_values: BTreeMap<Span, Span>,
    /// For each variant: where it is written, and what it says that has had no effect at any of its own points.
    of_variants: Vec<OfForm>,
    /// The same for the cases of each axis that has some, by their numbers among its values.
    of_cases: BTreeMap<usize, Vec<OfForm>>,
}

/// Where a variant or a case is written, and what it says that has had no effect at any of its own points; `None` before the first.
type OfForm = (Span, Option<BTreeMap<Span, Diagnostic>>);

impl IdleFields {
    fn of(tree: &Tree, scenario: &Scenario, grid: &Grid<'_>) -> Self {
        let numbers = scenario.axes.iter().enumerate().filter(|(_, spec)| !spec.has_cases());
        let values = numbers.flat_map(|(axis, spec)| {
            let path = target_place(tree, spec, axis, 0);
            let values = grid.values[axis].iter().enumerate();
            values.map(move |(choice, value)| (value_place(tree, (axis, choice), value), path))
        });
        let variants = (0..scenario.variants.len()).map(|index| (span_of(tree, &format!("variants.{index}")), None));
        let cases = scenario.axes.iter().enumerate().filter(|(_, spec)| spec.has_cases()).map(|(axis, _)| {
            let values = grid.values[axis].iter().enumerate();
            (axis, values.map(|(choice, value)| (value_place(tree, (axis, choice), value), None)).collect())
        });
        let (fields_of_values, of_cases) = (values.collect(), cases.collect());
        Self { fields: None, fields_of_values, of_variants: variants.collect(), of_cases }
    }

    fn at_point(&mut self, found: &Diagnostics, choice: &Choice) {
        let field = |found: &Diagnostic| {
            let place = found.primary.span;
            self.fields_of_values.get(&place).copied().unwrap_or(place)
        };
        let mut here: BTreeMap<Span, Diagnostic> =
            found.iter().filter(|found| is_idle(found)).map(|found| (field(found), found.clone())).collect();
        let narrow = |fields: &mut Option<BTreeMap<Span, Diagnostic>>, here: BTreeMap<Span, Diagnostic>| match fields {
            Some(fields) => fields.retain(|place, _| here.contains_key(place)),
            None => *fields = Some(here),
        };
        // What a variant or a case sets is there at its own points alone.
        let variant = choice.variant.map(|variant| &mut self.of_variants[variant]);
        let cases = self.of_cases.iter_mut().map(|(axis, of_axis)| &mut of_axis[choice.values[*axis]]);
        for (whole, own) in variant.into_iter().chain(cases) {
            let is_own = |place: &Span| place.lies_in(*whole);
            let (set, rest) = here.into_iter().partition(|(place, _)| is_own(place));
            here = rest;
            narrow(own, set);
        }
        narrow(&mut self.fields, here);
    }

    fn at_all_points(self) -> impl Iterator<Item = Diagnostic> {
        let forms = self.of_variants.into_iter().chain(self.of_cases.into_values().flatten());
        let of_forms = forms.filter_map(|(_, fields)| fields);
        self.fields.into_iter().chain(of_forms).flat_map(BTreeMap::into_values)
    }
}
