//! Our TCP by the scripts of `experiments/packetdrill`, whose expected values are worked out from the RFCs in their comments; and that
//! the scripts see it when a feature is broken.

use super::super::{Hook, Request, Verdict, judge_with};
use protosim_models::packet::TcpFlags;
use protosim_models::tcp::Segment;
use std::fs;
use std::path::Path;

/// The folders of scripts.
const GROUPS: [&str; 13] = [
    "close",
    "ecn",
    "fast-open",
    "fast-retransmit",
    "handshake",
    "nagle",
    "rack-tlp",
    "rst-challenge",
    "rto",
    "sack-prr",
    "slow-start",
    "timestamps",
    "zero-window",
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packetdrill")
}

/// Names and texts of the scripts of a group.
fn scripts(group: &str) -> Vec<(String, String)> {
    let mut all: Vec<_> = fs::read_dir(folder().join(group)).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.iter()
        .map(|path| {
            let name = format!("{group}/{}", path.file_name().unwrap().to_string_lossy());
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// What does not pass in a group, with some fields of TCP forced and some segments held back.
fn not_passed(group: &str, request: &Request, hook: Hook) -> Vec<String> {
    let verdict = |(name, text): (String, String)| {
        let judged = judge_with(&name, &text, request, hook, false, false).unwrap_or_else(|error| panic!("{error}"));
        match judged.verdict {
            Verdict::Passed => None,
            Verdict::Failed(failure) => Some(failure.to_string()),
            Verdict::Skipped(skipped) => panic!("{name} is skipped: {skipped}"),
        }
    };
    scripts(group).into_iter().filter_map(verdict).collect()
}

#[test]
fn every_script_passes_with_any_seed() {
    for seed in 1..4 {
        let request = Request { seed, ..Request::default() };
        let failed: Vec<_> = GROUPS.iter().flat_map(|group| not_passed(group, &request, |_| true)).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

/// A script says what it holds to: the section of an RFC, or what Linux does where the RFCs leave it open.
#[test]
fn every_group_has_scripts_that_name_their_source() {
    let mut folders: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    assert_eq!(folders, GROUPS);
    let all: Vec<_> = GROUPS.iter().map(|group| (group, scripts(group))).collect();
    assert!(all.iter().map(|(_, scripts)| scripts.len()).sum::<usize>() >= 60);
    for (group, scripts) in all {
        assert!(scripts.len() >= 5, "{group}");
        for (name, text) in scripts {
            let header: Vec<_> = text.lines().take_while(|line| line.starts_with("//")).collect();
            let header = header.join("\n");
            let is_named = header.contains(" §") && header.contains("RFC ") || header.contains("draft-");
            assert!(is_named && header.contains("// protosim: profile="), "{name}");
        }
    }
}

/// With these fields forced, at least one script of the group fails.
fn is_seen(group: &str, set: &[&str]) {
    let request = Request { set: set.iter().map(|field| (*field).to_owned()).collect(), seed: 1, ..Request::default() };
    assert!(!not_passed(group, &request, |_| true).is_empty(), "{group}: nobody misses anything with {set:?}");
}

/// With these segments held back, at least one script of the group fails.
fn is_missed(group: &str, hook: Hook) {
    let request = Request { seed: 1, ..Request::default() };
    assert!(!not_passed(group, &request, hook).is_empty(), "{group}: nobody misses anything");
}

fn is_bare_ack(segment: &Segment) -> bool {
    segment.header.flags == TcpFlags::ACK && segment.payload.is_empty()
}

#[test]
fn close_sees_a_time_wait_that_is_too_short() {
    is_seen("close", &["time_wait=1 s"]);
    is_seen("close", &["fin_wait_2=1000 s"]);
}

#[test]
fn ecn_sees_that_nobody_takes_part() {
    is_seen("ecn", &["ecn=Off"]);
}

#[test]
fn fast_open_sees_that_nobody_takes_part() {
    is_seen("fast-open", &["fast_open=Off"]);
}

#[test]
fn fast_retransmit_sees_that_duplicates_are_ignored() {
    is_seen("fast-retransmit", &["dup_thresh=10"]);
    is_seen("fast-retransmit", &["limited_transmit=false"]);
}

#[test]
fn handshake_sees_missing_options_and_retries() {
    is_seen("handshake", &["window_scaling=false"]);
    is_seen("handshake", &["sack=false"]);
    is_seen("handshake", &["initial_rto=3 s"]);
}

#[test]
fn nagle_sees_that_small_segments_leave_at_once() {
    is_seen("nagle", &["nagle=false"]);
}

#[test]
fn rack_tlp_sees_missing_probes_and_losses_by_time() {
    is_seen("rack-tlp", &["tail_loss_probe=false"]);
    is_seen("rack-tlp", &["rack=false"]);
}

#[test]
fn rst_challenge_sees_that_nobody_is_challenged() {
    is_missed("rst-challenge", |segment| !is_bare_ack(segment));
}

#[test]
fn rto_sees_another_floor_and_another_ceiling() {
    is_seen("rto", &["min_rto=2 s"]);
    is_seen("rto", &["max_rto=30 s"]);
}

#[test]
fn sack_prr_sees_missing_blocks_and_a_window_that_is_halved_at_once() {
    is_seen("sack-prr", &["sack=false"]);
    is_seen("sack-prr", &["dsack=false"]);
    is_seen("sack-prr", &["prr=false"]);
}

#[test]
fn slow_start_sees_another_first_window_and_none_after_idle_times() {
    is_seen("slow-start", &["initial_window=4"]);
    is_seen("slow-start", &["restart_after_idle=false"]);
}

#[test]
fn timestamps_sees_that_nobody_takes_part() {
    is_seen("timestamps", &["timestamps=false"]);
}

#[test]
fn zero_window_sees_missing_probes() {
    is_missed("zero-window", |segment| segment.payload.len() != 1);
}
