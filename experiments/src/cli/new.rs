//! `protosim new`: a scenario to begin with.

use super::args::NewArgs;
use super::terminal::{remark, say};
use crate::scenario::library;
use crate::tree::suggest;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The scenario with comments. Lines whose first word is `//-` are examples of more, a block of such lines at a time; a test
/// takes each block in and loads what comes out.
const TEMPLATE: &str = include_str!("new.ron");

/// Writes a scenario to a file.
pub(super) fn new(args: &NewArgs) -> Result<(), String> {
    let text = match &args.from {
        Some(name) => shipped(name)?,
        None => TEMPLATE,
    };
    let path = with_ending(&args.file);
    write(&path, text, args.force)?;
    let shown = path.display();
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    say(format_args!("{shown} is written. Next:"));
    for (command, what) in [
        (format!("protosim check {shown}"), "says everything that is wrong with it".to_owned()),
        (format!("protosim run {shown}"), format!("runs it; tables and figures go to results/{name}")),
        ("protosim reference".to_owned(), "says what each field means".to_owned()),
    ] {
        remark(format_args!("  {command:<32} {what}"));
    }
    Ok(())
}

/// The text of a shipped experiment.
fn shipped(name: &str) -> Result<&'static str, String> {
    let names = || library::SHIPPED.iter().map(|shipped| shipped.name);
    library::find(name.trim_start_matches('@')).map(|shipped| shipped.text).ok_or_else(|| {
        let help = match suggest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("shipped experiments: {}", names().collect::<Vec<_>>().join(", ")),
        };
        format!("error: there is no shipped experiment `{name}`\nhelp: {help}\n")
    })
}

/// A scenario's file ends in `.ron`, so that other commands take it for a file.
fn with_ending(file: &Path) -> PathBuf {
    if file.extension().is_some() { file.to_owned() } else { file.with_extension("ron") }
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true);
    // Asking first whether it is there would leave time for someone to make it.
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let shown = path.display();
            format!("error: `{shown}` is there already\nhelp: name another file, or say `--force` to overwrite it\n")
        }
        _ => format!("error: cannot write `{}`: {error}\n", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Request, load_text};

    /// The line without the marker of an example, if it has one.
    fn example(line: &str) -> Option<String> {
        let indent = line.len() - line.trim_start().len();
        line.trim_start().strip_prefix("//- ").map(|rest| format!("{}{rest}", &line[..indent]))
    }

    /// The first and the last line of each block of examples.
    fn blocks() -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (number, _) in TEMPLATE.lines().enumerate().filter(|(_, line)| example(line).is_some()) {
            match found.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => found.push((number, number)),
            }
        }
        found
    }

    /// The template with the examples of these lines taken in.
    fn with_examples((first, last): (usize, usize)) -> String {
        let line = |(number, line): (usize, &str)| {
            let taken = example(line).filter(|_| (first..=last).contains(&number));
            taken.unwrap_or_else(|| line.to_owned()) + "\n"
        };
        TEMPLATE.lines().enumerate().map(line).collect()
    }

    #[test]
    fn the_template_has_no_mistakes_and_neither_has_any_example_in_it() {
        let load = |text: &str| load_text("new", "new.ron", text, &Request::default(), false);
        let plain = load(TEMPLATE).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(plain.warnings, "");
        assert!(!plain.scenario.figures.is_empty() && plain.points.len() > 1 && plain.scenario.replications > 1);
        assert!(blocks().len() >= 15, "{:?}", blocks());
        for block in blocks() {
            let text = with_examples(block);
            let loaded = load(&text).unwrap_or_else(|mistakes| panic!("lines {block:?}: {mistakes}"));
            assert_eq!(loaded.warnings, "", "lines {block:?}");
            assert_ne!(loaded.text, plain.text, "lines {block:?} change nothing");
        }
    }

    #[test]
    fn files_get_an_ending() {
        assert_eq!(with_ending(Path::new("a/b")), Path::new("a/b.ron"));
        assert_eq!(with_ending(Path::new("b.ron")), Path::new("b.ron"));
        assert!(shipped("coap-los").unwrap_err().contains("did you mean `coap-loss`?"));
    }
}
