//! Which broker, which subscriptions, and when they held.

use super::*;

/// A subscription to `filter` that a party has.
struct To<'a>(Party, &'a str, Option<&'a str>);

const OWN: To<'static> = To(FIRST, "t", None);
const ALL: To<'static> = To(FIRST, "#", None);

impl Run {
    fn ask(self, To(who, filter, group): To<'_>) -> Self {
        let (filter, group, domain) = (filter.into(), group.map(Into::into), domain(1));
        self.note(who, MessageEvent::Subscribing { filter, group, domain, brings_retained: true })
    }

    fn grant(self, To(who, filter, group): To<'_>, guarantee: Guarantee) -> Self {
        self.subscribe_at(who, filter, guarantee, group, 1)
    }

    /// A subscription whose copies may be marked as they were published.
    fn grant_marks(self, To(who, filter, group): To<'_>, guarantee: Guarantee) -> Self {
        let (filter, group, domain) = (filter.into(), group.map(Into::into), domain(1));
        self.note(who, MessageEvent::Subscribed { filter, guarantee, group, domain, keeps_marks: true })
    }

    fn leave(self, To(who, filter, group): To<'_>, is_known: bool) -> Self {
        let (filter, group, domain) = (filter.into(), group.map(Into::into), domain(1));
        self.note(who, MessageEvent::Unsubscribed { filter, group, domain, is_known })
    }

    /// One message, published and confirmed at QoS 2.
    fn send(self, number: u64) -> Self {
        self.publish(number, ExactlyOnce).confirm(number)
    }

    fn marked(self, who: Party, numbers: &[u64]) -> Self {
        numbers.iter().fold(self, |run, number| run.come(who, *number, true))
    }
}

/// Two addresses of one broker are one; what another one has is nobody's here.
#[test]
fn a_broker_is_one_by_all_its_addresses() {
    // 10.0.0.2 and 10.0.0.1 are of one node, 10.0.0.3 of another one.
    let broker_of = |address| if address == domain(2) { domain(1) } else { address };
    for (broker, owed) in [(1, 2), (2, 2), (3, 0)] {
        let run = Run::where_brokers(broker_of).subscribe_at(FIRST, "t", ExactlyOnce, None, broker);
        let counts = run.send(0).send(1).deliver(FIRST, &[1]).of(FIRST);
        assert_eq!((counts.owed[2], counts.lost[2]), (owed, owed / 2), "{broker}");
    }
    // One subscription, by whichever address it is granted and ended.
    let run = Run::where_brokers(broker_of).subscribe_at(FIRST, "t", ExactlyOnce, None, 2).send(0);
    assert_eq!(run.leave(OWN, true).of(FIRST).owed, [0; 3]);
}

/// Live copies that are marked are held to order and to once. The first one that goes ahead and the first one that comes behind may be due to the
/// subscription; the next ones are not. Without Retain As Published all that is marked is.
#[test]
fn marks_that_were_published_excuse_little() {
    let marks = || Run::new().grant_marks(OWN, ExactlyOnce).all(9, ExactlyOnce);
    let counts = |run: Run| {
        let counts = run.of(FIRST);
        (counts.repeated[2], counts.disordered, counts.lost[2])
    };
    assert_eq!(counts(marks().marked(FIRST, &[0, 1, 2, 3, 4, 5, 6, 7, 8])), (0, 0, 0));
    // The second 0 is excused, the third one and the second 1 are not.
    assert_eq!(counts(marks().marked(FIRST, &[0, 1, 2, 0, 0, 1])), (2, 0, 6));
    // 2 goes ahead, and is no part of the order; 4 before 3 is excused as 3 is late, 6 before 5 is not.
    assert_eq!(counts(marks().marked(FIRST, &[0, 2, 1, 4, 3, 6, 5, 7, 8])), (0, 1, 0));
    // A copy that is not marked is excused by nothing.
    assert_eq!(counts(marks().marked(FIRST, &[0, 1, 2]).deliver(FIRST, &[1])), (1, 0, 6));
    let plain = Run::new().grant(OWN, ExactlyOnce).all(9, ExactlyOnce);
    assert_eq!(counts(plain.marked(FIRST, &[0, 1, 2, 0, 0, 1])), (0, 0, 6));
    // Another subscription to the topic may be why RETAIN is kept; one to another topic may not.
    let other = To(FIRST, "u", None);
    let plain = Run::new().grant(OWN, ExactlyOnce).grant_marks(other, ExactlyOnce).all(3, ExactlyOnce);
    assert_eq!(counts(plain.marked(FIRST, &[0, 0, 0, 2, 1])), (0, 0, 0));
    let both = Run::new().grant(OWN, ExactlyOnce).grant_marks(ALL, ExactlyOnce).all(3, ExactlyOnce);
    assert_eq!(counts(both.marked(FIRST, &[0, 1, 2, 2, 2, 2])), (1, 0, 0));
}

/// What the broker retains comes with each subscription: 2 goes ahead of 0 and 1 that wait at another level, and comes again when it is asked for
/// again, before the grant or after it.
#[test]
fn retained_copies_among_marked_ones_are_no_mistakes() {
    let marks = || Run::new().ask(OWN).grant_marks(OWN, ExactlyOnce).all(3, ExactlyOnce);
    assert_eq!(marks().marked(FIRST, &[2, 0, 1, 2]).of(FIRST).broken(), 0);
    let again = |run: Run| run.ask(OWN).marked(FIRST, &[2]).grant_marks(OWN, ExactlyOnce);
    let run = again(again(marks().marked(FIRST, &[0, 1, 2])));
    assert_eq!(run.of(FIRST).broken(), 0);
    // Three requests excuse three; two of them are used.
    let run = again(again(marks().marked(FIRST, &[0, 1, 2])));
    assert_eq!(run.marked(FIRST, &[2, 2]).of(FIRST).repeated[2], 1);
}

/// The order of a topic is judged though another subscription, or one at another broker, began later or is over.
#[test]
fn order_goes_by_subscriptions_to_the_topic() {
    let disordered = |run: Run| run.deliver(FIRST, &[1, 0]).of(FIRST).disordered;
    let sent = || Run::new().grant(OWN, ExactlyOnce).all(2, ExactlyOnce);
    assert_eq!(disordered(sent()), 1);
    assert_eq!(disordered(sent().subscribe_at(FIRST, "u", ExactlyOnce, None, 1)), 1);
    assert_eq!(disordered(sent().subscribe_at(FIRST, "t", ExactlyOnce, None, 2)), 1);
    assert_eq!(
        disordered(
            Run::new().grant(To(FIRST, "u", None), ExactlyOnce).over(FIRST).grant(OWN, ExactlyOnce).all(2, ExactlyOnce)
        ),
        1
    );
    // One to the same topic that was over before does not matter; one that began since then does, as 0 may have been for the other one alone.
    let before = Run::new().grant(ALL, ExactlyOnce).leave(ALL, false).leave(ALL, true).grant(OWN, ExactlyOnce);
    assert_eq!(disordered(before.all(2, ExactlyOnce)), 1);
    assert_eq!(disordered(sent().grant(ALL, ExactlyOnce)), 0);
    assert_eq!(disordered(sent().ask(ALL)), 0);
}

/// Of subscriptions that overlap the level is that of those that held when a message was published: twice at QoS 1 is right when the one of QoS 2
/// is over, and what was published when there was QoS 0 alone is not owed.
#[test]
fn levels_go_by_what_held() {
    // As long as both hold, QoS 2 counts. A repeat of what was published before QoS 2 ended may have been at QoS 1.
    let both = || Run::new().grant(OWN, AtLeastOnce).grant(ALL, ExactlyOnce).send(0);
    let left = || both().deliver(FIRST, &[0]).leave(ALL, false).leave(ALL, true);
    assert_eq!(both().deliver(FIRST, &[0, 0]).of(FIRST).repeated, [0, 0, 1]);
    assert_eq!(left().send(1).deliver(FIRST, &[1, 1]).of(FIRST).repeated, [0, 1, 0]);
    assert_eq!(left().deliver(FIRST, &[0]).of(FIRST).repeated, [0, 1, 0]);
    // Both are owed, by the subscription that is left.
    assert_eq!(left().send(1).of(FIRST).owed, [0, 2, 0]);
    // The one of QoS 1 is over, and QoS 2 forbids a repeat; while the broker may not know, too, as the highest counts.
    let run = Run::new().grant(OWN, AtLeastOnce).grant(ALL, ExactlyOnce).leave(OWN, false).send(0);
    assert_eq!(run.deliver(FIRST, &[0, 0]).of(FIRST).repeated, [0, 0, 1]);
    // QoS 0 for message 0, then QoS 2 beside it, and QoS 0 again.
    let run = Run::new().grant(OWN, AtMostOnce).send(0).grant(ALL, ExactlyOnce).send(1).leave(ALL, false).send(2);
    assert_eq!(run.of(FIRST).owed, [0; 3]);
    let run = Run::new().grant(OWN, AtMostOnce).send(0).grant(ALL, ExactlyOnce).send(1).of(FIRST);
    assert_eq!((run.owed, run.lost), ([0, 0, 1], [0, 0, 1]));
    // QoS 1 for message 0, and 2 for message 1.
    let run = Run::new().grant(OWN, AtLeastOnce).send(0).grant(ALL, ExactlyOnce).send(1).of(FIRST);
    assert_eq!((run.owed, run.lost), ([0, 1, 1], [0, 1, 1]));
}

/// A subscription that is granted again at another level has that for what is published later. Message 1, on its way meanwhile, has the lower one.
#[test]
fn a_level_that_changes_counts_from_then_on() {
    for (first, second, owed) in [
        (ExactlyOnce, AtLeastOnce, [0, 2, 1]),
        (AtLeastOnce, ExactlyOnce, [0, 2, 1]),
        (ExactlyOnce, AtMostOnce, [0, 0, 1]),
    ] {
        let run = Run::new().grant(OWN, first).send(0).publish(1, ExactlyOnce).ask(OWN).confirm(1);
        let counts = run.grant(OWN, second).send(2).of(FIRST);
        assert_eq!((counts.owed, counts.lost), (owed, owed), "{first:?} {second:?}");
    }
    // The broker may have changed it already: nobody knows which level a copy has.
    let run = Run::new().grant(OWN, ExactlyOnce).send(0);
    assert_eq!(run.ask(OWN).deliver(FIRST, &[0, 0]).of(FIRST).repeated, [0, 1, 0]);
}

/// A subscription that ends takes nothing from another one, of the same party or of another member of a group.
#[test]
fn an_end_is_one_subscriptions() {
    let both = Run::new().grant(OWN, ExactlyOnce).grant(ALL, ExactlyOnce).send(0).leave(ALL, false);
    assert_eq!(both.of(FIRST).owed, [0, 0, 1]);
    // SECOND shares from message 1 on, and is gone before message 3: it may have had 1 and 2.
    let second = || To(SECOND, "t", Some("g"));
    let first = || Run::new().share(FIRST, ExactlyOnce).send(0);
    let shared = || first().ask(second()).send(1).grant(second(), ExactlyOnce).send(2);
    assert_eq!(shared().send(3).of(FIRST).lost, [0, 0, 4]);
    assert_eq!(shared().over(SECOND).send(3).of(FIRST).lost, [0, 0, 2]);
    // One that is not known to have left may have got whatever comes after it.
    assert_eq!(shared().leave(second(), false).send(3).of(FIRST).lost, [0, 0, 1]);
    assert_eq!(shared().leave(second(), false).send(3).leave(second(), true).send(4).of(FIRST).lost, [0, 0, 2]);
    // The session of SECOND ended before all of it.
    let run = Run::new().share(SECOND, ExactlyOnce).over(SECOND).share(FIRST, ExactlyOnce).send(0);
    assert_eq!(run.close().sum().lost, [0, 0, 1]);
    // A member that has left had a lower level, which is not that of what comes later.
    let run = Run::new().share(FIRST, ExactlyOnce).share(SECOND, AtLeastOnce).send(0).over(SECOND).send(1);
    assert_eq!(run.of(FIRST).owed, [0, 0, 1]);
}
