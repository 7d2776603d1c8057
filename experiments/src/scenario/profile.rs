//! Access profiles as templates: `like: "@dsl"`.

use crate::tree::{Diagnostics, Kind, Node, Sources, Tree};
use protosim_models::link::Framing;
use protosim_topologies::generate::LinkTemplate;
use protosim_topologies::profile::{self, profile};
use std::collections::BTreeMap;

/// Profiles that have been used, as trees.
#[derive(Debug, Default)]
pub(super) struct Profiles(BTreeMap<String, Node>);

impl Profiles {
    /// What a link of the profile called `name` says. Mistakes about it point into a text of their own.
    ///
    /// # Errors
    /// What to do where there is no such profile.
    pub(super) fn template(&mut self, name: &str, sources: &mut Sources) -> Result<Node, String> {
        if let Some(known) = self.0.get(name) {
            return Ok(known.clone());
        }
        let Some(found) = profile(name) else {
            return Err(match profile::nearest_name(name) {
                Some(near) => format!("did you mean `@{near}`?"),
                None => format!("there are: {}", profile::names().collect::<Vec<_>>().join(", ")),
            });
        };
        // Nothing around packets is what a link has anyway; its name in RON would be taken for the absence of a value.
        let template = found.template();
        let framing = template.framing.filter(|framing| *framing != Framing::None);
        let template = LinkTemplate { framing, ..template };
        let text = ron::ser::to_string_pretty(&template, ron::ser::PrettyConfig::new());
        let text = text.map_err(|error| format!("internal error: {error}"))?;
        let mut node = Tree::parse(sources, &format!("profile {name}"), &text, &mut Diagnostics::default()).root;
        leave_out_defaults(&mut node);
        self.0.insert(name.to_owned(), node.clone());
        Ok(node)
    }
}

/// Takes out what says nothing: `None`.
fn leave_out_defaults(node: &mut Node) {
    if let Kind::Some(inner) = &mut node.kind {
        *node = (**inner).clone();
    }
    match &mut node.kind {
        Kind::Struct { fields, .. } => {
            fields.retain(|field| field.value.kind != Kind::None);
            fields.iter_mut().for_each(|field| leave_out_defaults(&mut field.value));
        }
        Kind::List(items) | Kind::Tuple { items, .. } => items.iter_mut().for_each(leave_out_defaults),
        _ => {}
    }
}
