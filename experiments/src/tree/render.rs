//! Mistakes as text, in the manner of rustc.

use super::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
use super::source::{SourceId, Sources};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// How many mistakes are written out; of the others only the number is given.
pub const MAX_SHOWN: usize = 50;

impl Diagnostics {
    /// All mistakes as text for a terminal, in the order they are in; without colours it is plain
    /// ASCII but for the user's own text.
    ///
    /// # Panics
    /// If they do not belong to these sources.
    pub fn render(&self, sources: &Sources, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for diagnostic in self.iter().take(MAX_SHOWN) {
            out.push_str(&renderer.render(&[group(diagnostic, sources)]));
            out.push_str("\n\n");
        }
        match self.len().saturating_sub(MAX_SHOWN) {
            0 => drop(out.pop()),
            1 => out.push_str("and 1 more mistake\n"),
            more => out.push_str(&format!("and {more} more mistakes\n")),
        }
        out
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level.primary_title(&diagnostic.message).id(diagnostic.id).elements(snippets(diagnostic, sources));
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// One snippet per source, that of the primary place first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let home = diagnostic.primary.span.source;
    let mut ids: Vec<SourceId> = vec![home];
    for label in &diagnostic.secondary {
        if !ids.contains(&label.span.source) {
            ids.push(label.span.source);
        }
    }
    let annotation = |kind: AnnotationKind, label: &'a Label| {
        kind.span(label.span.range()).label((!label.text.is_empty()).then_some(label.text.as_str()))
    };
    let snippet = |id: SourceId| {
        let source = sources.get(id);
        let primary = (id == home).then(|| annotation(AnnotationKind::Primary, &diagnostic.primary));
        let others = diagnostic.secondary.iter().filter(move |label| label.span.source == id);
        Snippet::source(source.text())
            .path(source.name())
            .annotations(primary)
            .annotations(others.map(|label| annotation(AnnotationKind::Context, label)))
    };
    ids.into_iter().map(snippet).collect()
}
