//! Diagrams and event logs of whole runs.

use super::events::{EventLine, What, events_schema_text};
use super::{Drawing, Options, RunOutput, run_all};
use crate::scenario::{Loaded, Request, load_text};
use protosim_core::SimTime;
use protosim_reports::diagram::{Arrow, Ladder};

/// Two requests over a link that drops the first and the second transmission of the first one, and the third packet that comes back;
/// and a router on the way.
const SCENARIO: &str = r#"(
    format: 1,
    title: "Twice again",
    nodes: [(name: "client"), (name: "router"), (name: "server")],
    links: [
        (name: "radio", ends: ("client", "router"), rate: "250 kbit/s", delay: "50 ms",
         impair: (drop: [(of: "coap.con", which: First(2))])),
        (name: "wire", ends: ("router", "server"), delay: "1 ms"),
    ],
    apps: [
        (name: "server", on: "server", run: CoapServer(payload: "10 B")),
        (name: "con", on: "client", run: CoapClient(to: "server", requests: 2, interval: "20 s")),
    ],
    diagrams: [
        Ladder(name: "all"),
        Ladder(name: "ends", nodes: ["server", "client"], until: "15 s"),
        TimeSequence(name: "seq", link: "radio", direction: Forward),
    ],
    events: true,
)"#;

fn loaded(text: &str) -> Loaded {
    load_text("story", "story.ron", text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"))
}

fn first(loaded: &Loaded, options: Options) -> RunOutput {
    run_all(loaded, options, || ()).unwrap().remove(0).remove(0)
}

fn ladder<'o>(output: &'o RunOutput, name: &str) -> &'o Ladder {
    let found = output.story.diagrams.iter().find(|(spec, _)| spec.name() == name);
    match found.map(|(_, drawing)| drawing) {
        Some(Drawing::Ladder(ladder)) => ladder,
        other => panic!("{name}: {other:?}"),
    }
}

/// Two losses, then a request over two hops, and an answer over two: 2 + 2 + 2 arrows. The second exchange has 2 + 2.
#[test]
fn a_ladder_has_an_arrow_for_each_hop_and_a_note_for_each_step() {
    let loaded = loaded(SCENARIO);
    let output = first(&loaded, Options::default());
    let all = ladder(&output, "all");
    assert_eq!(all.lanes, ["client", "router", "server"]);
    let lost: Vec<bool> = all.arrows.iter().map(|arrow| arrow.dropped.is_some()).collect();
    assert_eq!(lost, [true, true, false, false, false, false, false, false, false, false]);
    let hops: Vec<(usize, Option<usize>)> = all.arrows[2..6].iter().map(|arrow| (arrow.from, arrow.to)).collect();
    assert_eq!(hops, [(0, Some(1)), (1, Some(2)), (2, Some(1)), (1, Some(0))]);
    assert_eq!(all.arrows[0].dropped.as_deref(), Some("dropped by a rule of the link"));
    assert!(all.arrows[1].said.text.ends_with("(2nd)") && all.arrows[2].said.text.ends_with("(3rd)"));
    let notes: Vec<(usize, &str)> = all.notes.iter().map(|note| (note.lane, note.text.as_str())).collect();
    assert_eq!(notes.len(), 6);
    assert_eq!(
        notes[..3],
        [(0, "exchange starts"), (2, "request delivered"), (0, "exchange ends: response, 3 transmissions")]
    );
}

/// Without the router its two hops are one: from the first departure to the last arrival. What leaves after 15 s is left out.
#[test]
fn lanes_and_times_are_as_they_are_asked_for() {
    let loaded = loaded(SCENARIO);
    let output = first(&loaded, Options::default());
    let (all, ends) = (ladder(&output, "all"), ladder(&output, "ends"));
    assert_eq!(ends.lanes, ["server", "client"]);
    let times = |arrow: &Arrow| (arrow.departed, arrow.arrived);
    assert_eq!(ends.arrows.len(), 4);
    assert_eq!((ends.arrows[2].from, ends.arrows[2].to), (1, Some(0)));
    assert_eq!(times(&ends.arrows[2]), (all.arrows[2].departed, all.arrows[3].arrived));
    assert_eq!(times(&ends.arrows[3]), (all.arrows[4].departed, all.arrows[5].arrived));
    assert!(ends.notes.iter().all(|note| note.at.as_secs_f64() <= 15.0) && ends.notes.len() == 3);
    // There is no TCP.
    assert_eq!(output.story.diagrams[2].1, Drawing::TimeSequence(None));
}

/// The events of the run: what was asked for is there in order, and each line is of the schema.
#[test]
fn events_are_in_order_and_of_their_schema() {
    let loaded = loaded(SCENARIO);
    let output = first(&loaded, Options::default());
    let events = output.story.events.clone().unwrap();
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event.what {
            What::ExchangeStarted(_) => "started",
            What::RequestDelivered(_) => "delivered",
            What::ExchangeEnded { .. } => "ended",
            What::PacketDropped { .. } => "dropped",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["started", "dropped", "dropped", "delivered", "ended", "started", "delivered", "ended"]);
    let schema: serde_json::Value = serde_json::from_str(&events_schema_text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let lines = events.iter().map(|event| EventLine {
        point: 0,
        replication: 0,
        time_ns: event.at.as_nanos(),
        node: &output.entities[event.node as usize],
        app: event.app.map(|app| loaded.scenario.apps[app].name.as_str()),
        stream: event.stream,
        what: &event.what,
    });
    let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::to_value(line).unwrap()).collect();
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
    }
    assert_eq!(
        lines[1],
        serde_json::json!({
            "point": 0, "replication": 0, "time_ns": events[1].at.as_nanos(), "node": "client", "kind": "packet-dropped",
            "link": "radio", "direction": "forward", "cause": "dropped by a rule of the link",
            "packet": lines[1]["packet"], "bytes": lines[1]["bytes"], "says": lines[1]["says"],
        })
    );
    assert_eq!((&lines[4]["kind"], &lines[4]["transmissions"]), (&"exchange-ended".into(), &3.into()));
    // What is not of the form is refused.
    let mut wrong = lines[1].clone();
    wrong["kind"] = "packet-droped".into();
    assert!(!validator.is_valid(&wrong));
    wrong = lines[1].clone();
    wrong["time_ns"] = "soon".into();
    assert!(!validator.is_valid(&wrong));
}

/// All kinds that connections report, with all their words, are of the schema too.
#[test]
fn events_of_connections_are_of_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&events_schema_text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for what in [
        What::State { from: "CLOSED".to_owned(), to: "SYN-SENT".to_owned() },
        What::Sent { offset: 0, len: 1, transmission: 1, why: "new" },
        What::Acked { una: 1, delivered: 1, is_duplicate: false },
        What::Lost { offset: 1, len: 1460 },
        What::Dropped { why: "paws" },
        What::Timer { name: "retransmission" },
        What::Phase { from: "open".to_owned(), to: "loss".to_owned() },
        What::Undone,
        What::ZeroWindow { is_closed: true },
        What::Sample {
            cwnd: 14600,
            ssthresh: None,
            in_flight: 0,
            snd_wnd: 65535,
            srtt_ns: None,
            rtt_ns: Some(100),
            rto_ns: 1_000_000_000,
            unsent: 0,
            pacing_rate: None,
        },
        What::Received { from: "10.0.0.1:9".to_owned(), sent_ns: Some(5), bytes: 100 },
    ] {
        let line =
            EventLine { point: 3, replication: 0, time_ns: 7, node: "a", app: Some("b"), stream: Some(1), what: &what };
        let line = serde_json::to_value(line).unwrap();
        assert!(validator.is_valid(&line), "{line}");
        let object = line.as_object().unwrap();
        for key in object.keys().filter(|key| !["app", "stream"].contains(&key.as_str())) {
            let mut without = object.clone();
            without.remove(key);
            assert!(!validator.is_valid(&without.clone().into()), "{key} of {line}");
        }
    }
}

/// Looking changes nothing, and neither do threads what is seen.
#[test]
fn results_do_not_depend_on_who_looks() {
    let told = loaded(SCENARIO);
    let text = &SCENARIO[..SCENARIO.find("    diagrams:").unwrap()];
    let plain = first(&loaded(&format!("{text})")), Options::default());
    let output = first(&told, Options::default());
    assert_eq!(output.digests, plain.digests);
    assert_eq!((&output.exchanges, &output.totals), (&plain.exchanges, &plain.totals));
    assert!(plain.story.diagrams.is_empty() && plain.story.events.is_none());
    for threads in [2, 8] {
        let other = first(&told, Options { threads, jobs: 2, ..Options::default() });
        assert_eq!(other.story, output.story, "{threads} threads");
    }
    let asked = first(&loaded(&format!("{text})")), Options { ladder: true, events: true, ..Options::default() });
    assert_eq!(asked.digests, plain.digests);
    assert_eq!(asked.story.events, output.story.events);
    assert_eq!(ladder(&asked, "ladder").arrows, ladder(&output, "all").arrows);
}

/// On a shared medium a packet goes from station to station; one that collides ends in between.
#[test]
fn packets_on_a_shared_medium_are_arrows_from_station_to_station() {
    let text = r#"(
        format: 1, title: "A switch", nodes: [(name: "a"), (name: "b"), (name: "c")],
        links: [],
        media: [Switch(name: "lan", stations: ["a", "b", "c"], rate: "10 Mbit/s")],
        apps: [(name: "server", on: "b", run: CoapServer()), (name: "con", on: "a", run: CoapClient(to: "b", requests: 1))],
        diagrams: [Ladder(name: "all")],
    )"#;
    let output = first(&loaded(text), Options::default());
    let all = ladder(&output, "all");
    let ends: Vec<(usize, Option<usize>, bool)> =
        all.arrows.iter().map(|arrow| (arrow.from, arrow.to, arrow.arrived.is_some())).collect();
    assert_eq!(ends, [(0, Some(1), true), (1, Some(0), true)]);
    assert!(all.arrows[0].arrived > Some(SimTime::ZERO));
}
