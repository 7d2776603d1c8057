//! Where applications run: one on a group of nodes is one on each of them.

use super::{AppSpec, Scenario};
use protosim_core::Span;
use protosim_models::registry::AppConfig;

/// An application on one node.
#[derive(Clone, Debug)]
pub struct Placement<'a> {
    /// Index of the application in the scenario.
    pub app: usize,
    /// What the scenario says of it.
    pub spec: &'a AppSpec,
    /// Which member of its group it runs on; 0 on a single node.
    pub member: usize,
    /// The node.
    pub on: &'a str,
    /// The node or multicast group that it talks to by itself, if any.
    pub to: Option<&'a str>,
    /// The further nodes that it names ([`AppConfig::further`]), in their order.
    pub further: Vec<&'a str>,
}

impl Scenario {
    /// The applications on each of their nodes, in the order of the scenario.
    pub fn placements(&self) -> impl Iterator<Item = Placement<'_>> {
        self.apps.iter().enumerate().flat_map(|(app, _)| self.placements_of(app))
    }

    /// One application on each of its nodes. A member of a group does not send to itself: it has none.
    pub fn placements_of(&self, app: usize) -> impl Iterator<Item = Placement<'_>> {
        let spec = &self.apps[app];
        let is_group = self.sets.get(&spec.on.0).is_some();
        let all = self.sets.members(&spec.on.0).enumerate().map(move |(member, on)| {
            let to = spec.run.destination().map(|to| match self.group(to) {
                Some(_) => to.0.as_str(),
                None => self.sets.partner(&to.0, member),
            });
            let further =
                spec.run.further().into_iter().map(|named| self.sets.partner(&named.node.0, member)).collect();
            Placement { app, spec, member, on, to, further }
        });
        all.filter(move |placed| !is_group || placed.to != Some(placed.on))
    }
}

impl Placement<'_> {
    /// What runs there: it begins later than the one before, where that is said.
    pub fn config(&self) -> AppConfig {
        let later = self.spec.stagger.unwrap_or(Span::ZERO).saturating_mul(self.member as u64);
        let mut config = self.spec.run.clone();
        if let Some(start) = config.start_mut() {
            *start = start.saturating_add(later);
        }
        config
    }
}
