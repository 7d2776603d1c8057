//! Scenarios with shared media: all that a user sees of them.

use super::{RunOutput, Total, Watch, run_one, setup};
use crate::scenario::{Loaded, Request, load_text};

const TEXT: &str = include_str!("../../../.ci/scenarios/media.ron");

fn loaded() -> Loaded {
    load_text("media", "media.ron", TEXT, &Request::default(), false).unwrap()
}

fn run(loaded: &Loaded, point: usize, threads: usize, capture: bool) -> RunOutput {
    let scenario = &loaded.points[point].scenario;
    run_one(&setup(scenario), scenario, 0, threads, &Watch { capture, ..Watch::default() }).unwrap()
}

fn total(output: &RunOutput, node: &str, name: &str) -> u64 {
    let is_it =
        |total: &Total| *output.entities[total.node as usize] == *node && total.app.is_none() && total.name == name;
    let found = output.totals.iter().find(is_it);
    found.unwrap_or_else(|| panic!("{node} does not count {name}")).value
}

/// Packets are conserved, or a run fails. Listening and threads change nothing; three media have digests of their own.
#[test]
fn threads_and_captures_change_nothing() {
    let loaded = loaded();
    for point in [0, 3, 4] {
        let one = run(&loaded, point, 1, false);
        for (threads, capture) in [(2, false), (8, true)] {
            let other = run(&loaded, point, threads, capture);
            assert_eq!((&one.digests, &one.totals, &one.exchanges), (&other.digests, &other.totals, &other.exchanges));
        }
        let media: Vec<&str> =
            one.digests.iter().filter(|(kind, ..)| kind.0 == "medium").map(|(_, path, _)| &**path).collect();
        assert_eq!(media, ["bus", "field", "lan"]);
    }
}

/// What the nodes of the bus hand over is sent, given up, or for nobody: frames are first attempts and retries.
#[test]
fn counters_list_what_happened_on_media() {
    let loaded = loaded();
    let output = run(&loaded, 0, 1, false);
    let of = |medium: &str, name: &str| total(&output, &format!("medium:{medium}"), name);
    assert!(of("bus", "collided frames") > 100 && of("bus", "retries") > 100);
    // A frame that is on its way when the run ends is none: the run ends when all is quiet. Each frame that did not collide was
    // delivered, once or to several.
    let alone = of("bus", "frames") - of("bus", "collided frames");
    assert_eq!(alone + of("bus", "copies for several stations"), of("bus", "delivered packets"));
    assert!(of("lan", "dropped packets: queue full") > 0 && of("lan", "dropped packets: lost on the link") > 0);
    assert!(of("field", "busy ns") > 0 && of("field", "retries") > 0);
    assert_eq!(of("lan", "collided frames"), 0);
}

/// A station's interface is one of the capture's; what a medium drops is there with its cause.
#[test]
fn captures_show_stations() {
    let loaded = loaded();
    let output = run(&loaded, 0, 1, true);
    let capture = output.capture.unwrap();
    let names: Vec<&str> = capture.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names[..4], ["uplink@router", "uplink@server", "bus@c", "bus@d"]);
    assert_eq!(names.len(), 2 + 4 + 4 + 4);
    let station = names.iter().position(|name| *name == "field@far").unwrap() as u32;
    assert!(capture.packets.iter().any(|packet| packet.interface == station && packet.dropped.is_none()));
    for cause in ["collision", "retry limit", "queue full", "lost on the link"] {
        assert!(capture.packets.iter().any(|packet| packet.dropped.is_some_and(|own| own.name() == cause)), "{cause}");
    }
    assert!(capture.packets.iter().all(|packet| (packet.interface as usize) < names.len()));
}
