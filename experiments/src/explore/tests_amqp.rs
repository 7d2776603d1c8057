//! `amqp-crash`: machines that follow the standard keep what it promises, and each of those that are broken on purpose is found out, by the promise that
//! it must break.

use super::tests_mqtt::explored;
use super::*;

/// Four points, and six faults in each run. `protosim explore amqp-crash --runs 100000` makes more of them.
#[test]
fn sound_machines_keep_their_promises() {
    let (loaded, explored) = explored("amqp-crash", &[], 2_000);
    assert_eq!(explorable(&loaded).len(), 4);
    assert_eq!(explored, Explored::Nothing { runs: 2_000, faults: 12_000, is_interrupted: false });
}

/// Of a transaction whose commit was sent and not answered, and that its publisher has forgotten, all comes or nothing, as long as the broker keeps its
/// power; a broker that queues messages before their commit is found out.
#[test]
fn forgotten_transactions_are_whole() {
    let base = [
        "apps.shop.run.durable=false",
        r#"faults.0.nodes=["shop", "depot"]"#,
        r#"expect=[(app: "depot", metric: Total("torn_transactions"), must: BeAtMost("0"), in_each_run: true)]"#,
    ];
    assert!(matches!(explored("amqp-crash", &base, 2_000).1, Explored::Nothing { .. }));
    let flawed = [&base[..], &["apps.broker.run.flaw=PublishedBeforeCommit"]].concat();
    let (_, Explored::Found(found)) = explored("amqp-crash", &flawed, 2_000) else { panic!("it is not found") };
    assert!(found.broken[0].starts_with("total torn_transactions of `depot` is "), "{:?}", found.broken);
}

/// Whoever makes the mistake, what it must break, and that few faults are enough; none where it shows in a quiet run.
#[test]
fn broken_machines_are_found_out() {
    for (app, flaw, promise, most) in [
        // Between a confirm that has left and the disc, some milliseconds later, the broker loses power, while the depot cannot be reached.
        ("broker", "ConfirmedTooSoon", "lost_at_least_once of `depot`", 3),
        // It has few transactions; some 10,000 runs pass with a disc of 5 ms.
        ("broker", "CommittedTooSoon", "lost_at_least_once of `depot`", 4),
        // Messages come before their commit is sent.
        ("broker", "PublishedBeforeCommit", "unmarked_repetitions of `depot`", 0),
        // What the depot rejects comes again, or what its connection takes along.
        ("broker", "NotMarked", "unmarked_repetitions of `depot`", 1),
        // What was on its way to an exclusive consumer comes behind what is published meanwhile.
        ("broker", "RequeuedBehind", "disordered_messages of `depot`", 3),
        ("broker", "UnacknowledgedDropped", "lost_at_least_once of `depot`", 2),
        ("broker", "GoneWithDelivery", "lost_at_least_once of `depot`", 2),
        // The shop is back before the depot has bound the queue again.
        ("broker", "BindingsForgotten", "lost_at_least_once of `depot`", 3),
        ("depot", "AcknowledgedTooSoon", "lost_at_least_once of `depot`", 2),
        ("shop", "DoneWhenWritten", "lost_at_least_once of `depot`", 3),
        // A transaction, whose queue has one consumer.
        ("shop", "OrderSwapped", "disordered_messages of `depot`", 3),
    ] {
        let mut set = vec![format!("apps.{app}.run.flaw={flaw}")];
        if flaw == "CommittedTooSoon" {
            set.push(r#"apps.broker.run.sync="40 ms""#.to_owned());
        }
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let (loaded, explored) = explored("amqp-crash", &set, 5_000);
        let Explored::Found(found) = explored else { panic!("{flaw} of {app} is not found") };
        assert!(found.broken.iter().any(|text| text.contains(promise)), "{flaw} of {app}: {:?}", found.broken);
        assert!(found.broken.iter().any(|text| text.starts_with("message ")), "{flaw} of {app}: {:?}", found.broken);
        let shrunk = shrink(&loaded, &found, &Stop::default());
        assert!(shrunk.faults.len() <= most, "{flaw} of {app}: {:?}", shrunk.faults);
    }
}

/// AMQP 1.0, both points of `amqp10-crash`; a broker that forgets what it has delivered is found out, and so is one that does not mark what comes again.
#[test]
fn promises_of_1_0_are_kept() {
    assert!(matches!(explored("amqp10-crash", &[], 1_000).1, Explored::Nothing { .. }));
    for (flaw, promise) in [
        ("GoneWithDelivery", "total lost_at_least_once of "),
        ("UnacknowledgedDropped", "total lost_at_least_once of "),
        ("NotMarked", "total unmarked_repetitions of "),
    ] {
        let set = format!("apps.broker.run.flaw={flaw}");
        let (_, Explored::Found(found)) = explored("amqp10-crash", &[&set], 5_000) else {
            panic!("{flaw} is not found");
        };
        assert!(found.broken.iter().any(|text| text.starts_with(promise)), "{flaw}: {:?}", found.broken);
    }
}
