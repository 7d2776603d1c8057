//! `mqtt-crash`: machines that follow the standard keep what it promises, and each of those that are broken on purpose is found out, by the promise that
//! it must break.

use super::*;
use crate::run::on_threads;
use crate::scenario::{Request, load};

pub(super) fn explored(scenario: &str, set: &[&str], runs: u64) -> (Loaded, Explored) {
    let set = set.iter().map(|set| (*set).to_owned()).collect();
    let loaded = load(&Request { scenario: scenario.to_owned(), set, seed: None }, false).unwrap();
    let wanted = Wanted { points: explorable(&loaded), runs, first: 0 };
    let explored = on_threads(2, || explore(&loaded, &wanted, &Stop::default(), || ()));
    (loaded, explored)
}

/// Four points, of both versions and methods, and six faults in each run. `protosim explore mqtt-crash --runs 100000` makes more of them.
#[test]
fn sound_machines_keep_their_promises() {
    let (loaded, explored) = explored("mqtt-crash", &[], 2_000);
    assert_eq!(explorable(&loaded).len(), 4);
    assert_eq!(explored, Explored::Nothing { runs: 2_000, faults: 12_000, is_interrupted: false });
}

/// Whoever makes the mistake, what it must break, and that few faults are enough.
#[test]
fn broken_machines_are_found_out() {
    for (app, flaw, promise, most) in [
        // The broker does not ask the panel to release what it has: the panel never hands it on.
        ("broker", "PubrelNotSentAgain", "lost_exactly_once of `panel`", 2),
        // The sensor does not ask the broker: its message never ends.
        ("sensor", "PubrelNotSentAgain", "unfinished_messages of `sensor`", 2),
        ("broker", "IdentifierReusedTooSoon", "repeated_exactly_once of `panel`", 3),
        ("sensor", "IdentifierReusedTooSoon", "repeated_exactly_once of `panel`", 3),
        ("broker", "SessionDropped", "lost_at_least_once of `panel`", 3),
        ("broker", "DuplicateDelivered", "repeated_exactly_once of `panel`", 2),
        ("panel", "DuplicateDelivered", "repeated_exactly_once of `panel`", 4),
        ("broker", "OrderSwapped", "disordered_messages of `panel`", 3),
        ("sensor", "OrderSwapped", "disordered_messages of `panel`", 3),
        // Between an acknowledgement that has left and the disc, some milliseconds later, the broker loses power.
        ("broker", "AcknowledgedTooSoon", "lost_", 3),
    ] {
        let (loaded, explored) = explored("mqtt-crash", &[&format!("apps.{app}.run.flaw={flaw}")], 5_000);
        let Explored::Found(found) = explored else { panic!("{flaw} of {app} is not found") };
        assert!(found.broken[0].contains(promise), "{flaw} of {app}: {:?}", found.broken);
        assert!(found.broken.iter().any(|text| text.starts_with("message ")), "{flaw} of {app}: {:?}", found.broken);
        let shrunk = shrink(&loaded, &found, &Stop::default());
        assert!((1..=most).contains(&shrunk.faults.len()), "{flaw} of {app}: {:?}", shrunk.faults);
    }
}
