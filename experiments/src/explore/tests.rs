//! A scenario that is known to break: a client whose request is lost when its link is down, and one that starts anew.

use super::*;
use crate::run::on_threads;
use crate::scenario::{Request, load_text};
use protosim_core::Span;
use protosim_topologies::faults::Target;

/// A datagram every 100 ms over 10 s; whoever sends while the link is down loses it. Without faults 100 of 100 are answered.
fn loaded(most: &str, faults: &str) -> Loaded {
    let text = format!(
        r#"(
            format: 1, title: "Requests over a link that fails",
            nodes: [(name: "a"), (name: "b"), (name: "c")],
            links: [(name: "ab", ends: ("a", "b"), delay: "1 ms"), (name: "bc", ends: ("b", "c"), delay: "1 ms")],
            faults: [{faults}],
            apps: [
                (name: "server", on: "c", run: UdpServer(port: 7, response: "32 B")),
                (name: "client", on: "a", run: UdpClient(to: "c", port: 7, request: "64 B", think: "100 ms", timeout: "50 ms", stop: "10 s")),
            ],
            until: After("20 s"),
            expect: [(app: "client", metric: Total("timed_out"), must: BeAtMost("{most}"), in_each_run: true)],
        )"#
    );
    load_text("found", "found.ron", &text, &Request::default(), false).unwrap()
}

/// Of 12 faults each lasts at most 60 ms, so that it hits a request now and then; both links are as bad.
const SHORT: &str =
    r#"(links: ["ab", "bc"], count: 12, from: "1 s", until: "9 s", lasts: Uniform(low: "10 ms", high: "60 ms"))"#;

fn explored(loaded: &Loaded, runs: u64, jobs: usize) -> Explored {
    let wanted = Wanted { points: explorable(loaded), runs, first: 0 };
    on_threads(jobs, || explore(loaded, &wanted, &Stop::default(), || ()))
}

/// What is found is the same with one thread and with two; it is the first run that breaks something; one fault is enough for one lost
/// request, and no more is left of it than that takes.
#[test]
fn one_fault_is_enough_to_lose_a_request() {
    let loaded = loaded("0", SHORT);
    let Explored::Found(found) = explored(&loaded, 1000, 1) else { panic!("nothing was found") };
    assert_eq!(explored(&loaded, 1000, 2), Explored::Found(found.clone()));
    assert!(found.broken[0].starts_with("total timed_out of `client` is "), "{:?}", found.broken);
    assert_eq!(found.faults.len(), 12);
    let before = explored(&loaded, found.before, 2);
    assert_eq!(before, Explored::Nothing { runs: found.before, faults: 12 * found.before, is_interrupted: false });
    let shrunk = shrink(&loaded, &found, &Stop::default());
    assert_eq!(shrunk.faults.len(), 1, "{:?}", shrunk.faults);
    assert_eq!(shrunk.broken, ["total timed_out of `client` is 1, and must be at most 0"]);
    let lasts = shrunk.faults[0].until.saturating_sub(shrunk.faults[0].from);
    assert!(lasts <= Span::from_millis(60), "{lasts}");
    assert_eq!(shrunk, shrink(&loaded, &found, &Stop::default()));
}

/// Three lost requests take three faults where none is long enough for two: requests are 104 ms apart, faults last 60 ms at most.
#[test]
fn no_fault_that_is_needed_is_left_out() {
    let loaded = loaded("2", SHORT);
    let Explored::Found(found) = explored(&loaded, 1000, 2) else { panic!("nothing was found") };
    let shrunk = shrink(&loaded, &found, &Stop::default());
    assert_eq!(shrunk.faults.len(), 3, "{:?}", shrunk.faults);
    assert_eq!(shrunk.broken, ["total timed_out of `client` is 3, and must be at most 2"]);
    assert!(shrunk.faults.iter().all(|fault| found.faults.iter().any(|other| other.target == fault.target)));
}

/// A client that loses power while it rests asks again when it starts: nothing is lost, and nothing is found.
#[test]
fn what_does_no_harm_is_not_found() {
    let harmless = r#"(nodes: ["b"], count: 1, from: "11 s", until: "12 s", lasts: "100 ms")"#;
    let nothing = Explored::Nothing { runs: 600, faults: 600, is_interrupted: false };
    assert_eq!(explored(&loaded("0", harmless), 600, 2), nothing);
}

/// Faults of a run are those that the run has: the same replication by `run_one` on the drawn timeline breaks the same.
#[test]
fn a_drawn_schedule_in_the_timeline_is_the_same_run() {
    let loaded = loaded("0", SHORT);
    let scenario = &loaded.points[0].scenario;
    let drawn = scenario.of_replication(3).into_owned();
    assert_eq!(drawn.timeline.iter().filter(|event| event.up == Some(false)).count(), {
        let faults = scenario.drawn_faults(3);
        assert!(faults.iter().all(|fault| matches!(&fault.target, Target::Link(_))));
        protosim_topologies::faults::events(&faults).len() / 2
    });
    let digests = |scenario: &Scenario| run_one(&setup(scenario), scenario, 3, 1, &Watch::default()).unwrap().digests;
    assert_eq!(digests(scenario), digests(&drawn));
}
