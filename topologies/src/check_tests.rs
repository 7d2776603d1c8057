//! What is wrong with a topology or a timeline, and where. Every expected value follows from the rule that the test states.

use super::*;
use crate::tests::{net, node, plan_with, simulation, slower};
use crate::timeline::check_timeline;
use crate::{Direction, NodeSpec, TimelineEvent, Topology};
use protosim_core::kernel::Interests;
use protosim_core::{Ratio, Sinks, Span, Until};
use protosim_models::link::{DirectionConfig, Framing, LinkConfig, QueueLimit};
use protosim_models::name::{LinkName, NodeName};
use protosim_models::queue::QueueConfig;

/// Kinds and places of the findings, in order of places.
fn places(found: &[Finding]) -> Vec<(Kind, &str)> {
    let mut places: Vec<(Kind, &str)> = found.iter().map(|finding| (finding.kind, &*finding.path)).collect();
    places.sort_by_key(|(_, path)| *path);
    places
}

fn other(finding: &Finding) -> &str {
    finding.other.as_ref().map_or("", |(path, _)| path)
}

#[test]
fn a_name_that_is_given_again_points_to_the_first_that_has_it() {
    let mut topology = net("x:a-b y:b-c x:c-d");
    topology.nodes.extend(["a", "a"].map(NodeSpec::named));
    let found = check_topology(&topology);
    let places = places(&found);
    let expected = ["links.2.name", "nodes.4.name", "nodes.5.name"];
    assert_eq!(places, expected.map(|path| (Kind::DuplicateName, path)));
    let others: BTreeSet<&str> = found.iter().map(other).collect();
    assert_eq!(others, BTreeSet::from(["links.0.name", "nodes.0.name"]));
    assert!(found.iter().any(|finding| finding.message.contains("`a`")));
}

#[test]
fn names_that_are_made_from_ends_count_as_names() {
    // Two links from a to b, and one that is called as those are.
    let found = check_topology(&net("a-b a-b a--b:b-c b-a"));
    assert_eq!(places(&found), [(Kind::DuplicateName, "links.1.name"), (Kind::DuplicateName, "links.2.name")]);
}

#[test]
fn names_are_of_letters_digits_hyphens_and_underscores() {
    for (name, is_allowed) in
        [("", false), ("a b", false), ("a:b", false), ("a/b", false), ("a@b", false), ("a>b", false), ("a.b", false)]
            .into_iter()
            .chain([("a-b_0", true), ("--", true), ("Zürich", true)])
    {
        let mut topology = net("x:k-l");
        topology.nodes.push(NodeSpec::named(name));
        topology.links[0].name = Some(name.to_owned());
        let expected: &[_] =
            if is_allowed { &[] } else { &[(Kind::BadName, "links.0.name"), (Kind::BadName, "nodes.2.name")] };
        assert_eq!(places(&check_topology(&topology)), expected, "{name:?}");
    }
}

#[test]
fn a_link_from_a_node_to_itself_is_found() {
    let found = check_topology(&net("a-b b-b"));
    assert_eq!(places(&found), [(Kind::LinkToSelf, "links.1.ends.1")]);
    assert!(found[0].message.contains("`b`"));
}

#[test]
fn ends_that_do_not_exist_are_left_to_the_reader() {
    let mut topology = net("a-b");
    topology.links[0].ends.1 = NodeName("nobody".to_owned());
    assert_eq!(check_topology(&topology), []);
}

/// Places of the findings about a link, the second of a list, after `change`.
fn link_places(change: impl FnOnce(&mut LinkConfig)) -> Vec<(Kind, String)> {
    let mut topology = net("x:a-b y:b-c");
    change(&mut topology.links[1]);
    places(&check_topology(&topology)).into_iter().map(|(kind, path)| (kind, path.to_owned())).collect()
}

#[test]
fn fields_of_links_that_can_have_no_effect_are_found_in_their_places() {
    let no_effect = |path: &str| vec![(Kind::NoEffect, path.to_owned())];
    let queue = Some(QueueConfig::DropTail(QueueLimit::Packets(1)));
    let own =
        |delay| Some(Box::new(DirectionConfig { delay: Some(Span::from_millis(delay)), ..DirectionConfig::default() }));
    // Both directions have a delay of their own.
    assert_eq!(link_places(|link| (link.forward, link.backward) = (own(2), own(3))), no_effect("links.1.delay"));
    assert_eq!(link_places(|link| link.forward = own(2)), []);
    // Without a rate there is neither a queue nor a time to send.
    assert_eq!(link_places(|link| link.queue = queue.clone()), no_effect("links.1.queue"));
    assert_eq!(link_places(|link| link.framing = Some(Framing::Ethernet)), no_effect("links.1.framing"));
    let own_queue = Some(Box::new(DirectionConfig { queue: queue.clone(), ..DirectionConfig::default() }));
    assert_eq!(link_places(|link| link.backward = own_queue), no_effect("links.1.backward.queue"));
}

#[test]
fn a_link_needs_a_rate_or_a_delay_in_both_directions() {
    let missing = [(Kind::OutOfRange, "links.1".to_owned())];
    assert_eq!(link_places(|link| link.delay = None), missing);
    assert_eq!(link_places(|link| link.delay = Some(Span::ZERO)), missing);
    let zero = DirectionConfig { delay: Some(Span::ZERO), ..DirectionConfig::default() };
    assert_eq!(link_places(|link| link.backward = Some(Box::new(zero))), missing);
    assert_eq!(link_places(|link| (link.delay, link.rate) = (None, Some("1 Mbit/s".parse().unwrap()))), []);
}

#[test]
fn a_node_that_can_forward_to_nobody_cannot_be_a_router() {
    // A leaf, and a node without links; b has two and may be.
    let mut topology = net("a-b b-c");
    topology.nodes.push(NodeSpec::named("d"));
    topology.nodes.iter_mut().for_each(|node| node.forwards = Some(node.name != "c"));
    // c has one link as well: it could say neither.
    let expected = ["nodes.0.forwards", "nodes.2.forwards", "nodes.3.forwards"].map(|place| (Kind::NoEffect, place));
    assert_eq!(places(&check_topology(&topology)), expected);
}

#[test]
fn nodes_with_one_stream_name_are_found() {
    // b says that it was a, and so does c; the stream name of a is its name.
    let mut topology = net("a-b b-c");
    node(&mut topology, "b").stream_name = Some("a".to_owned());
    node(&mut topology, "c").stream_name = Some("a".to_owned());
    let found = check_topology(&topology);
    let expected = [(Kind::DuplicateName, "nodes.1.stream_name"), (Kind::DuplicateName, "nodes.2.stream_name")];
    assert_eq!(places(&found), expected);
    assert_eq!(found.iter().map(other).collect::<Vec<_>>(), ["nodes.0", "nodes.0"]);
    assert!(found[0].message.contains("`a`"));
}

#[test]
fn links_with_one_stream_name_are_found() {
    // y says that it was the unnamed link from a to b, which is there.
    let mut topology = net("y:a-b a-b x:b-c");
    topology.links[0].stream_name = Some("a--b".to_owned());
    let found = check_topology(&topology);
    assert_eq!(places(&found), [(Kind::DuplicateName, "links.1.stream_name")]);
    assert_eq!(other(&found[0]), "links.0");
}

/// An unnamed link goes by its ends' stream names: with a called x, that of a to b is x--b.
#[test]
fn an_unnamed_link_that_clashes_through_its_ends_is_found() {
    let mut topology = net("a-b x--b:a-b");
    node(&mut topology, "a").stream_name = Some("x".to_owned());
    assert_eq!(places(&check_topology(&topology)), [(Kind::DuplicateName, "links.1.stream_name")]);
}

/// The ends are part of a link's stream name.
#[test]
fn links_between_other_nodes_may_share_a_stream_name() {
    let mut topology = net("y:a-b z:b-c");
    topology.links.iter_mut().for_each(|link| link.stream_name = Some("x".to_owned()));
    assert_eq!(check_topology(&topology), []);
}

#[test]
fn names_may_be_swapped_and_links_may_be_called_as_nodes_are() {
    let mut topology = net("a:a-b b:b-c");
    node(&mut topology, "a").stream_name = Some("b".to_owned());
    node(&mut topology, "b").stream_name = Some("a".to_owned());
    assert_eq!(check_topology(&topology), []);
}

#[test]
fn what_has_one_name_is_not_found_again_for_its_stream_name() {
    let mut topology = net("x:a-b x:b-c");
    topology.nodes.push(NodeSpec::named("a"));
    let expected = [(Kind::DuplicateName, "links.1.name"), (Kind::DuplicateName, "nodes.3.name")];
    assert_eq!(places(&check_topology(&topology)), expected);
}

#[test]
fn all_mistakes_are_found_at_once() {
    let mut topology = net("x:a-a x:b-c");
    topology.nodes[0].name = "a a".to_owned();
    topology.nodes[1].forwards = Some(true);
    topology.links[1].delay = None;
    let expected = [
        (Kind::LinkToSelf, "links.0.ends.1"),
        (Kind::OutOfRange, "links.1"),
        (Kind::DuplicateName, "links.1.name"),
        (Kind::BadName, "nodes.0.name"),
        (Kind::NoEffect, "nodes.1.forwards"),
    ];
    assert_eq!(places(&check_topology(&topology)), expected);
}

// What can be wrong with a timeline.

/// What is found about one event, the second of a timeline, on a network where x has no rate, y has one, and z has one
/// from its first end to its second.
fn event_places(event: TimelineEvent) -> Vec<(Kind, String)> {
    let mut topology = net("x:a-b y:b-c z:c-d");
    let rate = Some("1 Mbit/s".parse().unwrap());
    topology.links[1].rate = rate;
    topology.links[2].forward = Some(Box::new(DirectionConfig { rate, ..DirectionConfig::default() }));
    assert_eq!(check_topology(&topology), []);
    // Earlier than the one that is looked at: two of one instant are a mistake of their own.
    let first = TimelineEvent { at: Span::from_millis(250), ..slower(Direction::Both, 2) };
    let found = check_timeline(&topology, &[first, event]);
    places(&found).into_iter().map(|(kind, path)| (kind, path.to_owned())).collect()
}

fn event(link: &str) -> TimelineEvent {
    TimelineEvent { link: Some(LinkName(link.to_owned())), delay: None, ..slower(Direction::Both, 0) }
}

#[test]
fn a_timeline_begins_after_zero_and_every_event_changes_something() {
    let loss = Some(Ratio::from_percent(1));
    assert_eq!(event_places(TimelineEvent { loss, ..event("x") }), []);
    let at_zero = TimelineEvent { at: Span::ZERO, loss, ..event("x") };
    assert_eq!(event_places(at_zero), [(Kind::NoEffect, "timeline.1.at".to_owned())]);
    assert_eq!(event_places(event("x")), [(Kind::NoEffect, "timeline.1".to_owned())]);
}

#[test]
fn only_a_rate_that_is_there_can_change() {
    let rate = Some("2 Mbit/s".parse().unwrap());
    let no_rate = [(Kind::NoEffect, "timeline.1.rate".to_owned())];
    assert_eq!(event_places(TimelineEvent { rate, ..event("x") }), no_rate);
    assert_eq!(event_places(TimelineEvent { rate, ..event("y") }), []);
    for (direction, expected) in
        [(Direction::Forward, &[][..]), (Direction::Backward, &no_rate), (Direction::Both, &no_rate)]
    {
        assert_eq!(
            event_places(TimelineEvent { rate, direction: Some(direction), ..event("z") }),
            expected,
            "{direction:?}"
        );
    }
}

#[test]
fn a_link_without_a_rate_keeps_a_delay_above_zero() {
    let delay = Some(Span::ZERO);
    let too_small = [(Kind::OutOfRange, "timeline.1.delay".to_owned())];
    assert_eq!(event_places(TimelineEvent { delay, ..event("x") }), too_small);
    assert_eq!(event_places(TimelineEvent { delay, ..event("y") }), []);
    for (direction, expected) in
        [(Direction::Forward, &[][..]), (Direction::Backward, &too_small), (Direction::Both, &too_small)]
    {
        assert_eq!(
            event_places(TimelineEvent { delay, direction: Some(direction), ..event("z") }),
            expected,
            "{direction:?}"
        );
    }
}

#[test]
fn events_of_links_that_do_not_exist_are_left_to_the_reader() {
    assert_eq!(event_places(TimelineEvent { loss: Some(Ratio::from_percent(1)), ..event("nothing") }), []);
}

#[test]
fn a_checked_timeline_acts_on_the_node_that_sends() {
    // On x from b to a it is b, of rank 1, whose digest the act enters; a's stays.
    let digests = |timeline: Vec<TimelineEvent>| {
        let mut world = simulation(&plan_with(net("x:a-b"), timeline), Vec::new());
        world.run(Until::Quiet, &mut Sinks::new(Interests::NONE)).unwrap();
        world.entity_digests()
    };
    let (without, with) = (digests(Vec::new()), digests(vec![slower(Direction::Backward, 5)]));
    assert_eq!(without[0], with[0]);
    assert_ne!(without[1], with[1]);
}

/// Two events of one instant that change one field of one direction: the order in the file must not decide. An event that
/// changes nothing is refused, one that changes one of two directions is not.
#[test]
fn events_that_meet_and_events_that_change_nothing() {
    let mut link = LinkConfig::between("a", "b");
    link.delay = Some(Span::from_millis(1));
    link.loss = Some(Ratio::from_percent(5));
    let nodes = vec![NodeSpec::named("a"), NodeSpec::named("b")];
    let topology = Topology {
        nodes,
        links: vec![link],
        media: Vec::new(),
        channels: Vec::new(),
        addresses: crate::AddressFamilies::V4,
        groups: Vec::new(),
        profiles: Vec::new(),
    };
    let event = |seconds, direction, percent| TimelineEvent {
        at: Span::from_secs(seconds),
        link: Some(LinkName("a--b".to_owned())),
        direction: Some(direction),
        loss: Some(Ratio::from_percent(percent)),
        ..TimelineEvent::default()
    };
    let places = |events: &[TimelineEvent]| -> Vec<(String, bool)> {
        let found = check_timeline(&topology, events);
        found.into_iter().map(|finding| (finding.path, finding.message.contains("has no effect"))).collect()
    };
    let (both, forward, backward) = (Direction::Both, Direction::Forward, Direction::Backward);
    let first = event(5, both, 10);
    assert_eq!(places(&[first.clone(), event(5, forward, 20)]), [("timeline.1.loss".to_owned(), false)]);
    assert_eq!(places(&[event(5, forward, 10), event(5, backward, 20)]), []);
    // In order of time, not of the list: 10 % at 5 s, again at 6 s.
    assert_eq!(places(&[event(6, both, 10), first.clone()]), [("timeline.0.loss".to_owned(), true)]);
    assert_eq!(places(&[event(4, both, 5)]), [("timeline.0.loss".to_owned(), true)]);
    assert_eq!(places(&[event(4, forward, 10), first]), []);
}
