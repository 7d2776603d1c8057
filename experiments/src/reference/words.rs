//! Doc comments as users read them.
//!
//! A doc comment is written for rustdoc: it has links to items, brackets behind backslashes, and breaks its lines where the
//! source does.

/// A doc comment as plain text: links are names, lines are joined.
pub(super) fn plain(text: &str) -> String {
    joined(&unescaped(&with_links(text, |path| format!("`{}`", last(path)))))
}

/// A doc comment as Markdown: links go where `anchor` says for the name of a type.
pub(super) fn markdown(text: &str, anchor: impl Fn(&str) -> Option<String>) -> String {
    let link = |path: &str| {
        let shown = last(path);
        // A field or variant has no place of its own, but its type has.
        let target = path.rsplit("::").find_map(&anchor);
        target.map_or_else(|| format!("`{shown}`"), |target| format!("[`{shown}`]({target})"))
    };
    joined(&unescaped(&with_links(text, link)))
}

/// "See [`Type::field`]." and whatever follows, with what `description` says of that field in its place; `None` for any other
/// text. What holds where the field is left out is said of the other type, and not repeated.
pub(super) fn see<'t>(text: &str, description: impl Fn(&str) -> Option<&'t str>) -> Option<String> {
    let (path, rest) = text.strip_prefix("See [`")?.split_once("`].")?;
    let described = description(path)?.replace('\n', " ");
    let is_own = |sentence: &&str| !(sentence.starts_with("Default") || sentence.starts_with("Without it"));
    let kept: Vec<&str> = sentences(&described).into_iter().take_while(is_own).collect();
    let owner = path.rsplit("::").nth(1).unwrap_or_default();
    Some(format!("{} As [`{path}`] of `{owner}`.{rest}", kept.join(" ")))
}

/// The sentences of a text, each with its full stop.
fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some(at) = rest.find(". ") {
        found.push(&rest[..=at]);
        rest = rest[at + 1..].trim_start();
    }
    found.push(rest);
    found
}

/// The last name of a path.
fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Puts what `link` makes of a path in the place of each link to an item: [`path`], or [`text`](path).
fn with_links(text: &str, link: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("[`") {
        let (before, from) = rest.split_at(at);
        let Some((path, after)) = from[2..].split_once("`]") else { break };
        out.push_str(before);
        out.push_str(&link(path));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

/// Brackets that rustdoc should not take for links.
fn unescaped(text: &str) -> String {
    text.replace(r"\[", "[").replace(r"\]", "]")
}

/// Lines of a paragraph as one; paragraphs, items of lists and fenced blocks stay.
fn joined(text: &str) -> String {
    let mut out = String::new();
    let mut in_fence = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        let stands_alone = in_fence || is_fence || line.starts_with("- ") || line.trim().is_empty();
        if !out.is_empty() && !out.ends_with('\n') {
            out.push(if stands_alone { '\n' } else { ' ' });
        }
        out.push_str(line);
        in_fence ^= is_fence;
        // What follows a fence or an empty line begins a line.
        if (is_fence && !in_fence) || line.trim().is_empty() {
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_names_or_links() {
        let text = "A time is [`Jitter::Uniform`], see [`read`](crate::tree::read)\nand \\[bytes\\].";
        assert_eq!(plain(text), "A time is `Uniform`, see `read` and [bytes].");
        let anchor = |name: &str| (name == "Jitter").then(|| "#jitter".to_owned());
        assert_eq!(markdown(text, anchor), "A time is [`Uniform`](#jitter), see `read` and [bytes].");
    }

    #[test]
    fn a_pointer_takes_on_what_it_points_to() {
        let description = |path: &str| (path == "Link::rate").then_some("Bits per\nsecond. Default: none.");
        let full = see("See [`Link::rate`]. It replaces it.", description);
        assert_eq!(full.as_deref(), Some("Bits per second. As [`Link::rate`] of `Link`. It replaces it."));
        assert_eq!(see("See the manual.", description), None);
    }

    #[test]
    fn lines_are_joined_and_blocks_stay() {
        let text = "One\ntwo.\n\n```ron\n(a: 1)\n(b: 2)\n```\nThree\n- four";
        assert_eq!(joined(text), "One two.\n\n```ron\n(a: 1)\n(b: 2)\n```\nThree\n- four");
    }
}
