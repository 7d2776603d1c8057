//! Schedules, and timelines of them.

use super::*;
use crate::Routing;

fn spec(links: &[&str], nodes: &[&str], count: u32) -> FaultSpec {
    let ms = Span::from_millis;
    FaultSpec {
        links: links.iter().map(|name| LinkName((*name).to_owned())).collect(),
        nodes: nodes.iter().map(|name| NodeName((*name).to_owned())).collect(),
        count,
        from: ms(1000),
        until: ms(3000),
        lasts: TimeDistribution::Uniform { low: ms(10), high: ms(500) },
    }
}

fn fault(node: &str, from: u64, until: u64) -> Fault {
    let target = Target::Node(node.to_owned());
    Fault { from: Span::from_millis(from), until: Span::from_millis(until), target }
}

/// They lie where they may, hit everyone, and are the same again for the same run alone.
#[test]
fn a_schedule_keeps_to_what_is_said() {
    let specs = [spec(&["a"], &["x", "y"], 300), spec(&["b"], &[], 5)];
    let seed = RunSeed { seed: 1, replication: 7 };
    let faults = draw(&specs, seed);
    assert_eq!(faults, draw(&specs, seed));
    assert_ne!(faults, draw(&specs, RunSeed { replication: 8, ..seed }));
    assert_eq!(faults.len(), 305);
    assert!(faults.is_sorted());
    let (ms, mut counts) = (Span::from_millis, BTreeMap::new());
    for fault in &faults {
        assert!(fault.from >= ms(1000) && fault.from < ms(3000), "{fault:?}");
        let lasts = fault.until.saturating_sub(fault.from);
        assert!(lasts >= ms(10) && lasts <= ms(500), "{fault:?}");
        *counts.entry(&fault.target).or_insert(0) += 1;
    }
    assert_eq!(counts.remove(&Target::Link("b".to_owned())), Some(5));
    // A hundred each in the mean; five standard deviations, of 8.2, to either side.
    assert!(counts.len() == 3 && counts.values().all(|count| (59..=141).contains(count)), "{counts:?}");
}

/// Another length of faults leaves alone whom they hit and when.
#[test]
fn what_is_drawn_does_not_shift_what_else_is_drawn() {
    let short = [spec(&["a", "b"], &[], 20)];
    let long = [FaultSpec { lasts: TimeDistribution::Exponential { mean: Span::from_secs(9) }, ..short[0].clone() }];
    let seed = RunSeed { seed: 3, replication: 0 };
    let places =
        |specs: &[FaultSpec]| draw(specs, seed).into_iter().map(|fault| (fault.from, fault.target)).collect::<Vec<_>>();
    assert_eq!(places(&short), places(&long));
    let fixed = [FaultSpec { lasts: TimeDistribution::Fixed(Span::from_secs(1)), ..short[0].clone() }];
    assert_eq!(places(&short), places(&fixed));
}

/// x: 10 to 20, 15 to 30 and 30 to 31 are one, 40 to 50 is another; y lies between them.
#[test]
fn faults_that_meet_are_one() {
    let faults = [fault("x", 10, 20), fault("x", 15, 30), fault("y", 12, 13), fault("x", 30, 31), fault("x", 40, 50)];
    let told = |event: &TimelineEvent| (event.at.as_nanos() / 1_000_000, event.of_node().unwrap().to_owned(), event.up);
    let all: Vec<_> = events(&faults).iter().map(told).collect();
    let (x, y) = ("x".to_owned(), "y".to_owned());
    let wanted = [
        (10, x.clone(), Some(false)),
        (12, y.clone(), Some(false)),
        (13, y, Some(true)),
        (31, x.clone(), Some(true)),
        (40, x.clone(), Some(false)),
        (50, x, Some(true)),
    ];
    assert_eq!(all, wanted);
}

#[test]
fn mistakes_are_found_with_their_places() {
    let down = TimelineEvent {
        at: Span::from_millis(5),
        node: Some(NodeName("y".to_owned())),
        up: Some(false),
        ..TimelineEvent::default()
    };
    let places = |specs: &[FaultSpec], routing| {
        let found = check_faults(specs, std::slice::from_ref(&down), routing);
        found.into_iter().map(|finding| finding.path).collect::<Vec<_>>()
    };
    assert_eq!(places(&[spec(&["a"], &["x"], 3)], Routing::Static), [""; 0]);
    assert_eq!(places(&[spec(&[], &[], 3)], Routing::Static), ["faults.0"]);
    let none = FaultSpec { lasts: TimeDistribution::Fixed(Span::ZERO), ..spec(&["a"], &[], 0) };
    assert_eq!(places(&[none], Routing::Static), ["faults.0.count", "faults.0.lasts"]);
    let late = FaultSpec { from: Span::from_secs(3), ..spec(&["a", "a"], &["y"], 1) };
    assert_eq!(places(&[late], Routing::Static), ["faults.0.until", "faults.0.links.1", "faults.0.nodes.0"]);
    let many = [spec(&["a"], &[], 9_999), spec(&["b"], &[], 2)];
    assert_eq!(places(&many, Routing::Follows { after: Span::ZERO }), ["faults", "routing"]);
}
