//! Scenarios with channels: what a user sees of them, as long as nobody says anything.

use super::{RunOutput, Watch, run_one, setup};
use crate::scenario::{Request, load_text};

const TEXT: &str = r#"(
    format: 1,
    title: "Callers and a server",
    nodes: [(name: "caller", count: 2), (name: "callee", count: 2), (name: "server")],
    links: [(name: "wire", ends: ("caller-0", "server"), rate: "1 Mbit/s", delay: "5 ms", loss: "20 %")],
    // channels
    apps: [
        (name: "echo", on: "server", run: UdpServer(port: 7)),
        (name: "asks", on: "caller-0", run: UdpClient(to: "server", port: 7, count: 50)),
    ],
)"#;

const CHANNELS: &str = r#"channels: [
    (name: "call", ends: ("caller", "callee"), delay: "50 ms", loss: "1 %"),
    (name: "wait", ends: ("callee", "server"), delay: "20 ms"),
],"#;

fn run(text: &str, threads: usize) -> RunOutput {
    let loaded = load_text("channels", "channels.ron", text, &Request::default(), false).unwrap();
    let scenario = &loaded.points[0].scenario;
    run_one(&setup(scenario), scenario, 0, threads, &Watch { capture: true, ..Watch::default() }).unwrap()
}

/// Members of a group count what they all count, so that their names are those of the group; the server has two channels of one
/// group, and tells them apart. Digests are of the channels themselves.
#[test]
fn channels_stand_in_tables_by_their_names() {
    let output = run(&TEXT.replace("// channels", CHANNELS), 1);
    let counts = |node: &str| -> Vec<String> {
        let sent = output.totals.iter().filter(|total| {
            *output.entities[total.node as usize] == *node && total.name == "sent messages" && total.value == 0
        });
        sent.filter_map(|total| Some(total.app?.to_string())).collect()
    };
    assert_eq!(counts("caller-1"), ["channel:call"]);
    assert_eq!(counts("callee-1"), ["channel:call", "channel:wait"]);
    assert_eq!(counts("server"), ["channel:wait-0", "channel:wait-1"]);
    let of_kind = |kind: &str| -> Vec<&str> {
        output.digests.iter().filter(|(own, ..)| own.0 == kind).map(|(_, path, _)| &**path).collect()
    };
    assert_eq!(of_kind("link"), ["wire:caller-0->server", "wire:server->caller-0"]);
    let calls = ["call-0:callee-0->caller-0", "call-0:caller-0->callee-0", "call-1:callee-1->caller-1"];
    assert_eq!(of_kind("channel")[..3], calls);
    assert_eq!(of_kind("channel").len(), 8);
}

/// What the network does is the same with channels and without, on any number of threads.
#[test]
fn channels_change_nothing_in_the_network() {
    let (without, with) = (run(TEXT, 1), TEXT.replace("// channels", CHANNELS));
    assert!(without.exchanges.len() >= 40);
    for threads in [1, 2, 8] {
        let output = run(&with, threads);
        assert_eq!(output.exchanges, without.exchanges);
        let of_network = |output: &RunOutput| -> Vec<_> {
            let own = output.digests.iter().filter(|(kind, ..)| kind.0 != "channel");
            own.cloned().collect()
        };
        assert_eq!(of_network(&output), of_network(&without));
    }
}
