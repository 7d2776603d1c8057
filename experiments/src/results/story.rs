//! Diagrams and event logs of single runs, as they are written.

use crate::run::events::EventLine;
use crate::run::{Drawing, Outputs};
use crate::scenario::Loaded;
use protosim_reports::figure::scene::Scene;

/// The diagrams of all points by their files' names without ending, and notes on those that show nothing.
pub(super) fn draw_diagrams(loaded: &Loaded, outputs: &dyn Outputs, notes: &mut Vec<String>) -> Vec<(String, Scene)> {
    let mut scenes = Vec::new();
    let sights = (0..outputs.points()).flat_map(|point| outputs.sights(point).into_iter().map(move |run| (point, run)));
    for (point, (spec, drawing)) in
        sights.flat_map(|(point, run)| run.story.diagrams.iter().map(move |told| (point, told)))
    {
        let name = spec.file(point, &loaded.points);
        let scene = match drawing {
            Drawing::Ladder(ladder) => {
                if !ladder.caption.is_empty() {
                    notes.push(format!("diagram `{name}`: {}", ladder.caption));
                }
                ladder.to_scene()
            }
            Drawing::TimeSequence(Some(figure)) => figure.to_scene(),
            Drawing::TimeSequence(None) => {
                notes.push(format!("diagram `{name}` is not drawn: no data of TCP leave there in this time"));
                continue;
            }
        };
        match scene {
            Ok(scene) => scenes.push((name, scene)),
            Err(error) => notes.push(format!("diagram `{name}` is not drawn: {error}")),
        }
    }
    scenes
}

/// The event log of all runs that have one, a line for each event; `None` if none has.
pub(super) fn event_lines(loaded: &Loaded, outputs: &dyn Outputs) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut is_asked_for = false;
    let sights = (0..outputs.points()).flat_map(|point| outputs.sights(point).into_iter().map(move |run| (point, run)));
    for (point, run) in sights {
        let Some(events) = &run.story.events else { continue };
        is_asked_for = true;
        for event in events {
            let line = EventLine {
                point,
                replication: run.replication,
                time_ns: event.at.as_nanos(),
                node: &run.entities[event.node as usize],
                app: event.app.map(|app| loaded.scenario.apps[app].name.as_str()),
                stream: event.stream,
                what: &event.what,
            };
            // Writing numbers and texts to memory does not fail.
            let _ = serde_json::to_writer(&mut out, &line);
            out.push(b'\n');
        }
    }
    is_asked_for.then_some(out)
}
