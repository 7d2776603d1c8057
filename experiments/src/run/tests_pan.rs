//! A scenario with a PAN: what a user sees of it, and what tshark does.

use super::{Capture, RunOutput, Total, Watch, run_one, setup};
use crate::scenario::{Loaded, Request, load_text};
use protosim_reports::capture::{LinkType, write_capture};
use std::process::Command;

const TEXT: &str = include_str!("../../../.ci/scenarios/pan.ron");

fn loaded() -> Loaded {
    load_text("pan", "pan.ron", TEXT, &Request::default(), false).unwrap()
}

fn run(loaded: &Loaded, point: usize, threads: usize, capture: bool) -> RunOutput {
    let scenario = &loaded.points[point].scenario;
    run_one(&setup(scenario), scenario, 0, threads, &Watch { capture, ..Watch::default() }).unwrap()
}

fn total(output: &RunOutput, name: &str) -> u64 {
    let is_it = |total: &Total| *output.entities[total.node as usize] == *"medium:pan" && total.name == name;
    output.totals.iter().find(is_it).unwrap_or_else(|| panic!("the PAN does not count {name}")).value
}

/// Packets are conserved, or a run fails. Listening and threads change nothing.
#[test]
fn threads_and_captures_change_nothing() {
    let loaded = loaded();
    for point in 0..loaded.points.len() {
        let one = run(&loaded, point, 1, false);
        for (threads, capture) in [(2, false), (8, true)] {
            let other = run(&loaded, point, threads, capture);
            assert_eq!((&one.digests, &one.totals, &one.exchanges), (&other.digests, &other.totals, &other.exchanges));
        }
        for name in ["frames", "acknowledgements", "data requests", "fragments", "delivered packets"] {
            assert!(total(&one, name) > 0, "{name}");
        }
    }
}

/// True if tshark can be started.
fn has_tshark() -> bool {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var_os("PROTOSIM_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "tshark is not installed, and PROTOSIM_REQUIRE_TOOLS=1");
    eprintln!("skipped: tshark is not installed");
    false
}

/// How many frames of a capture tshark shows for a filter.
fn shown(path: &std::path::Path, filter: &str) -> usize {
    // The prefix of the first medium, as far as all numbers of stations have it.
    let options = ["-o", "6lowpan.context0:3fff::/112", "-o", "udp.check_checksum:TRUE"];
    let output = Command::new("tshark").args(options).arg("-r").arg(path).args(["-Y", filter]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}

/// Frames have an interface of their own for each station, and come in order with the packets. tshark finds none malformed, all check sequences and
/// all UDP checksums right (which are computed from addresses that were left out), fragments that become whole datagrams, and CoAP in them.
#[test]
fn tshark_reads_all_frames() {
    let loaded = loaded();
    let output = run(&loaded, 0, 1, true);
    let capture: Capture = output.capture.unwrap();
    let stations = capture.interfaces.iter().filter(|interface| interface.link_type == LinkType::Ieee802154);
    assert_eq!(
        stations.map(|interface| interface.name.as_str()).collect::<Vec<_>>(),
        [
            "pan@border/802.15.4",
            "pan@far/802.15.4",
            "pan@mote/802.15.4",
            "pan@relay/802.15.4",
            "pan@sleeper-0/802.15.4",
            "pan@sleeper-1/802.15.4",
        ]
    );
    let frames = capture.frames.len();
    assert!(capture.records().is_sorted_by_key(|record| record.at));
    assert_eq!(capture.records().count(), frames + capture.packets.len());
    if !has_tshark() {
        return;
    }
    let path = std::env::temp_dir().join(format!("protosim-pan-{}.pcapng", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    write_capture(file, &capture.interfaces, "", capture.records()).unwrap();
    let of_frames = |filter: &str| shown(&path, &format!("wpan && ({filter})"));
    assert_eq!(of_frames("wpan"), frames);
    assert_eq!(of_frames("_ws.malformed || _ws.expert.severity == error || wpan.fcs_ok == 0"), 0);
    assert_eq!(of_frames("udp.checksum.status == 0 || icmpv6.checksum.status == 0"), 0);
    assert!(of_frames("udp.checksum.status == 1") > 10);
    for filter in ["wpan.cmd == 4", "wpan.frame_type == 2", "6lowpan.reassembled.length", "coap", "icmpv6.type == 128"]
    {
        assert!(of_frames(filter) > 0, "{filter}");
    }
    std::fs::remove_file(&path).unwrap();
}
