//! `protosim explain ERROR-ID`: what a mistake means, with an example and its mend.

use super::terminal::say;
use crate::tree::suggest;

/// All pages: `# id`, and behind it what to print.
const PAGES: &str = include_str!("explain.txt");

/// Prints the page of an identifier, or all identifiers.
pub(super) fn explain(id: Option<&str>) -> Result<(), String> {
    let Some(id) = id else {
        pages().for_each(|(id, page)| say(format_args!("{id:<34} {}", page.lines().next().unwrap_or_default())));
        return Ok(());
    };
    // As in a message: `error[scenario::no-effect]`.
    let id = id.trim_start_matches("error").trim_start_matches("warning").trim_matches(['[', ']', ':', ' ']);
    // With or without what stands before the colons.
    let is_wanted = |page: &&(&str, &str)| page.0 == id || page.0.rsplit("::").next() == Some(id);
    let found: Vec<(&str, &str)> = pages().filter(|page| is_wanted(&page)).collect();
    if found.is_empty() {
        let help = match suggest(id, pages().map(|(id, _)| id)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`protosim explain` lists them all".to_owned(),
        };
        return Err(format!("error: no message has the identifier `{id}`\nhelp: {help}\n"));
    }
    for (id, page) in found {
        say(format_args!("{id}\n\n{page}"));
    }
    Ok(())
}

/// All identifiers, in order.
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    pages().map(|(id, _)| id)
}

/// Identifiers with their pages, in the order of the file.
fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    let parts = PAGES.split("\n# ").map(|part| part.trim_start_matches("# "));
    parts.filter_map(|part| part.split_once('\n')).map(|(id, page)| (id.trim(), page.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// All texts in quotes that look like an identifier of a message, in the sources of a crate.
    fn used(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                used(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let quoted = text.split('"');
                let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                let is_id =
                    |text: &&str| text.split_once("::").is_some_and(|(group, id)| is_word(group) && is_word(id));
                found.extend(quoted.filter(is_id).map(str::to_owned));
            }
        }
    }

    #[test]
    fn each_identifier_has_a_page_and_each_page_an_identifier() {
        let mut in_sources = BTreeSet::new();
        for of in ["sim-core", "models", "topologies", "reports", "experiments"] {
            used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(of).join("src"), &mut in_sources);
        }
        assert!(in_sources.len() > 50, "{in_sources:?}");
        let explained: BTreeSet<String> = pages().map(|(id, _)| id.to_owned()).collect();
        let missing: Vec<_> = in_sources.difference(&explained).collect();
        assert!(missing.is_empty(), "no page in explain.txt for {missing:?}");
        let idle: Vec<_> = explained.difference(&in_sources).collect();
        assert!(idle.is_empty(), "nothing uses {idle:?}");
        assert!(pages().map(|(id, _)| id).is_sorted());
    }

    /// A page says what it means in its first line, shows an example of what is wrong, and how to mend it.
    #[test]
    fn each_page_has_an_example_and_a_mend() {
        for (id, page) in pages() {
            assert!(page.contains("\nWrong:") && page.contains("\nMend:"), "{id}");
        }
    }

    #[test]
    fn a_misspelt_identifier_names_the_nearest() {
        let misspelt = ["scenario", "no-efect"].join("::");
        assert!(explain(Some(&misspelt)).unwrap_err().contains("scenario::no-effect"));
        assert!(explain(Some("error[scenario::no-effect]:")).is_ok());
    }
}
