//! TLS and DTLS of two ends: fields that have no effect because of what the other one says, and those that have none in any simulation.

use super::{head_of, span_of};
use crate::scenario::{AppSpec, Point, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Span as Place, Tree};
use protosim_models::registry::{AppConfig, Dtls, Port, Tls};
use protosim_models::tls::agreement::{End, FieldUse};
use std::collections::{BTreeMap, BTreeSet};

/// A field of an application, and all that comes of it.
#[derive(Clone, Copy, Debug)]
struct Use {
    app: usize,
    /// The first of those whom it had no effect with.
    other: usize,
    end: End,
    why: &'static str,
    /// It has an effect with someone.
    works: bool,
}

/// By application and field.
type Uses = BTreeMap<(usize, &'static str), Use>;

/// Fields that are written, and have no effect with any other end at any point. What stands in a template has its effect where one of those that are
/// like it has one.
pub(super) fn warn_of_idle_fields(tree: &Tree, scenario: &Scenario, points: &[Point], warnings: &mut Diagnostics) {
    if scenario.apps.iter().all(|app| !app.run.is_secured()) && points.len() < 2 {
        return;
    }
    let mut uses = Uses::new();
    for point in points {
        note_all(&point.scenario, &mut uses);
    }
    let mut places: BTreeMap<(Place, &'static str), Use> = BTreeMap::new();
    for ((app, field), found) in uses {
        let place = span_of(tree, &format!("apps.{app}.run.{field}"));
        places.entry((place, field)).or_insert(found).works |= found.works;
    }
    for ((place, field), found) in places.into_iter().filter(|(_, found)| !found.works) {
        let (app, why) = (&scenario.apps[found.app].name, found.why);
        let other = head_of(tree, &format!("apps.{}.run", found.other));
        let who = match found.end {
            End::Client => "the server",
            End::Server => "a client",
        };
        let message = format!("`{field}` of `{app}` has no effect: {why}");
        let warning = Diagnostic::warning("scenario::no-effect", place, message).also(other, who);
        warnings.push(warning.help("leave it out, or change the other end".to_owned()));
    }
}

/// What comes of the fields of every two applications that meet.
fn note_all(scenario: &Scenario, uses: &mut Uses) {
    let port_of = |server: &AppSpec| match (server.run.tls(), server.run.dtls()) {
        (Some(Tls::Server(_)), _) => server.run.listens_for_streams(),
        (_, Some(Dtls::Server(_))) => server.run.listens_on(),
        _ => None,
    };
    let is_client =
        |run: &AppConfig| matches!(run.tls(), Some(Tls::Client(_))) || matches!(run.dtls(), Some(Dtls::Client(_)));
    let all: Vec<(usize, &AppSpec)> = scenario.apps.iter().enumerate().collect();
    let mut servers: BTreeMap<Port, Vec<(usize, &AppSpec)>> = BTreeMap::new();
    for (index, server) in &all {
        if let Some(port) = port_of(server) {
            servers.entry(port).or_default().push((*index, server));
        }
    }
    for (client, spec) in all.iter().filter(|(_, app)| is_client(&app.run)) {
        let Some(there) = spec.run.destination_port().and_then(|port| servers.get(&port)) else { continue };
        let asked: BTreeSet<&str> = scenario.placements_of(*client).filter_map(|placed| placed.to).collect();
        for (server, other) in there {
            if scenario.sets.members(&other.on.0).any(|on| asked.contains(on)) {
                let of_tls = spec.run.tls_fields_with(&other.run);
                for found in of_tls.into_iter().chain(spec.run.dtls_fields_with(&other.run)) {
                    note(&found, (*client, *server), uses);
                }
            }
        }
    }
}

fn note(found: &FieldUse, (client, server): (usize, usize), uses: &mut Uses) {
    let FieldUse { end, field, idle } = *found;
    let (app, other) = match end {
        End::Client => (client, server),
        End::Server => (server, client),
    };
    let (why, works) = (idle.unwrap_or_default(), idle.is_none());
    uses.entry((app, field)).or_insert(Use { app, other, end, why, works }).works |= works;
}

/// Everyone here has a certificate of one of our authorities: to check less changes nothing.
pub(super) fn check_verification(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let run = &scenario.apps[index].run;
    let of_tls = matches!(run.tls(), Some(Tls::Client(config)) if !config.verify);
    let of_dtls = matches!(run.dtls(), Some(Dtls::Client(config)) if !config.verify);
    for (field, _) in [("tls.verify", of_tls), ("dtls.verify", of_dtls)].into_iter().filter(|(_, is_set)| *is_set) {
        let place = span_of(tree, &format!("apps.{index}.run.{field}"));
        let message = format!(
            "`{field}` has no effect in a simulation, where all certificates lead to our authorities: it is for `protosim live`"
        );
        mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
    }
}
