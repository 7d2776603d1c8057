//! Each rule with a case that passes and one that is caught, from events written by hand.

use super::{Account, Broken, Counts, Guarantee, Ledger, MessageEvent, MessageName, Party, Promise};
use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
use protosim_core::SimTime;
use std::net::SocketAddr;

mod queues;
mod times;

const PUBLISHER: Party = Party { node: 1, app: 0 };
const FIRST: Party = Party { node: 2, app: 0 };
const SECOND: Party = Party { node: 2, app: 1 };
/// The publication of most cases, on topic `t`.
const P: u64 = 7;

fn domain(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 1883))
}

/// A run that is written down: each event is a second after the one before.
#[derive(Clone)]
struct Run {
    ledger: Ledger<fn(SocketAddr) -> SocketAddr>,
    second: u64,
}

impl Run {
    fn new() -> Self {
        Self::where_brokers(|address| address)
    }

    fn where_brokers(broker_of: fn(SocketAddr) -> SocketAddr) -> Self {
        Self { ledger: Ledger::new(|filter, topic| filter == topic || filter == "#", broker_of), second: 0 }
    }

    fn note(mut self, who: Party, event: MessageEvent) -> Self {
        self.second += 1;
        self.ledger.note(SimTime::from_nanos(self.second * 1_000_000_000), who, &event);
        self
    }

    fn subscribe_at(self, who: Party, filter: &str, guarantee: Guarantee, group: Option<&str>, broker: u8) -> Self {
        let (filter, group, domain) = (filter.into(), group.map(Into::into), domain(broker));
        self.note(who, MessageEvent::Subscribed { filter, guarantee, group, domain, keeps_marks: false })
    }

    fn subscribe(self, who: Party, guarantee: Guarantee) -> Self {
        self.subscribe_at(who, "t", guarantee, None, 1)
    }

    fn share(self, who: Party, guarantee: Guarantee) -> Self {
        self.subscribe_at(who, "t", guarantee, Some("g"), 1)
    }

    fn publish(self, number: u64, guarantee: Guarantee) -> Self {
        let message = MessageName { publication: P, number };
        let (topic, may_expire) = ("t".into(), false);
        self.note(PUBLISHER, MessageEvent::Published { message, guarantee, topic, domain: domain(1), may_expire })
    }

    fn confirm(self, number: u64) -> Self {
        self.note(PUBLISHER, MessageEvent::Confirmed { message: MessageName { publication: P, number } })
    }

    fn fail(self, number: u64) -> Self {
        self.note(PUBLISHER, MessageEvent::Failed { message: MessageName { publication: P, number } })
    }

    /// Messages from 0 up to `count`, published and confirmed.
    fn all(self, count: u64, guarantee: Guarantee) -> Self {
        (0..count).fold(self, |run, number| run.publish(number, guarantee).confirm(number))
    }

    fn deliver(self, who: Party, numbers: &[u64]) -> Self {
        numbers.iter().fold(self, |run, number| run.come(who, *number, false))
    }

    fn come(self, who: Party, number: u64, is_retained: bool) -> Self {
        let message = MessageName { publication: P, number };
        self.note(who, MessageEvent::Delivered { message, is_retained, taken: None })
    }

    fn over(self, who: Party) -> Self {
        self.note(who, MessageEvent::SessionOver)
    }

    /// What is noted next happens at the instant of what was noted last.
    fn at_once(mut self) -> Self {
        self.second -= 1;
        self
    }

    fn close(self) -> Account {
        self.ledger.close()
    }

    /// The counts of one party.
    fn of(self, who: Party) -> Counts {
        self.close().parties.get(&who).copied().unwrap_or_default()
    }
}

/// The promises that were broken, with the number of the message and the second.
fn broken(account: &Account) -> Vec<(Promise, u64, u64)> {
    let brief = |broken: &Broken| (broken.promise, broken.message.number, broken.at.as_nanos() / 1_000_000_000);
    account.broken.iter().map(brief).collect()
}

/// Three messages are owed; all come, or the second does not, which was published in the fourth second. At the lower level of both sides.
#[test]
fn what_is_owed_comes_or_is_lost() {
    for (published, granted, level) in [
        (AtLeastOnce, AtLeastOnce, 1),
        (ExactlyOnce, AtLeastOnce, 1),
        (AtLeastOnce, ExactlyOnce, 1),
        (ExactlyOnce, ExactlyOnce, 2),
    ] {
        let kept = Run::new().subscribe(FIRST, granted).all(3, published).deliver(FIRST, &[0, 1, 2]).of(FIRST);
        assert_eq!((kept.owed[level], kept.lost[level], kept.broken()), (3, 0, 0));
        let run = Run::new().subscribe(FIRST, granted).all(3, published).deliver(FIRST, &[0, 2]).close();
        let counts = run.parties[&FIRST];
        assert_eq!((counts.owed[level], counts.lost[level], counts.broken()), (3, 1, 1));
        let guarantee = [AtMostOnce, AtLeastOnce, ExactlyOnce][level];
        assert_eq!(broken(&run), [(Promise::Delivery(guarantee), 1, 4)]);
    }
}

/// Nothing is owed at most once on either side, before the subscription, without a word that it was taken over, where it failed, where it may
/// expire, at another broker, on another topic.
#[test]
fn nobody_is_owed_what_was_not_promised() {
    let owed = |run: Run| run.of(FIRST).owed.iter().sum::<u64>();
    let subscribed = || Run::new().subscribe(FIRST, AtLeastOnce);
    assert_eq!(owed(subscribed().all(1, AtLeastOnce)), 1);
    assert_eq!(owed(subscribed().all(1, AtMostOnce)), 0);
    assert_eq!(owed(Run::new().subscribe(FIRST, AtMostOnce).all(1, ExactlyOnce)), 0);
    assert_eq!(owed(Run::new().publish(0, AtLeastOnce).subscribe(FIRST, AtLeastOnce).confirm(0)), 0);
    assert_eq!(owed(subscribed().at_once().all(1, AtLeastOnce)), 0);
    assert_eq!(owed(subscribed().publish(0, AtLeastOnce)), 0);
    assert_eq!(owed(subscribed().publish(0, AtLeastOnce).fail(0)), 0);
    assert_eq!(owed(Run::new().subscribe_at(FIRST, "t", AtLeastOnce, None, 2).all(1, AtLeastOnce)), 0);
    assert_eq!(owed(Run::new().subscribe_at(FIRST, "u", AtLeastOnce, None, 1).all(1, AtLeastOnce)), 0);
    let message = MessageName { publication: P, number: 0 };
    let (guarantee, topic, domain) = (AtLeastOnce, "t".into(), domain(1));
    let expires = MessageEvent::Published { message, guarantee, topic, domain, may_expire: true };
    assert_eq!(owed(subscribed().note(PUBLISHER, expires).confirm(0)), 0);
}

/// A publisher that has subscribed to its own topic is owed nothing of it, as it may not want it; what comes comes in order and once.
#[test]
fn nobody_is_owed_what_is_its_own() {
    let run = || Run::new().subscribe(PUBLISHER, ExactlyOnce).all(2, ExactlyOnce);
    let counts = run().of(PUBLISHER);
    assert_eq!((counts.owed[2], counts.broken(), counts.confirmed), (0, 0, 2));
    assert_eq!(run().deliver(PUBLISHER, &[1, 0, 0]).of(PUBLISHER).broken(), 2);
}

/// A subscription that is granted again counts from its first time on: what was published in between is owed. A session that was over begins
/// anew: what was published before is not.
#[test]
fn a_session_ends_where_its_subscriber_knows() {
    let again = |run: Run| run.all(2, AtLeastOnce).subscribe(FIRST, AtLeastOnce).publish(2, AtLeastOnce).confirm(2);
    let kept = again(Run::new().subscribe(FIRST, AtLeastOnce)).of(FIRST);
    assert_eq!((kept.owed[1], kept.lost[1]), (3, 3));
    let anew = again(Run::new().subscribe(FIRST, AtLeastOnce).over(FIRST)).of(FIRST);
    assert_eq!((anew.owed[1], anew.lost[1]), (1, 1));
    let gone = Run::new().subscribe(FIRST, AtLeastOnce).all(2, AtLeastOnce).over(FIRST).of(FIRST);
    assert_eq!((gone.owed[1], gone.lost[1]), (0, 0));
}

/// Copies after the first break the promise at most once and exactly once, and not at least once. What goes at least once from its publisher may
/// come twice at QoS 0, and counts by that.
#[test]
fn repetition_is_forbidden_but_at_least_once() {
    for (published, granted, level, is_broken) in [
        (AtMostOnce, AtMostOnce, 0, true),
        (AtMostOnce, ExactlyOnce, 0, true),
        (ExactlyOnce, AtMostOnce, 0, true),
        (AtLeastOnce, AtMostOnce, 1, false),
        (AtLeastOnce, AtLeastOnce, 1, false),
        (AtLeastOnce, ExactlyOnce, 1, false),
        (ExactlyOnce, AtLeastOnce, 1, false),
        (ExactlyOnce, ExactlyOnce, 2, true),
    ] {
        let sent = || Run::new().subscribe(FIRST, granted).all(2, published);
        assert_eq!(sent().deliver(FIRST, &[0, 1]).of(FIRST).repeated, [0; 3]);
        let account = sent().deliver(FIRST, &[0, 1, 0]).close();
        let mut expected = [0; 3];
        expected[level] = 1;
        let counts = account.parties[&FIRST];
        assert_eq!(counts.repeated, expected, "{published:?} to {granted:?}");
        assert_eq!(counts.broken(), u64::from(is_broken), "{published:?} to {granted:?}");
        // One subscription, two messages of two events each, two copies before: the eighth event.
        let forbidden = [(Promise::Once([AtMostOnce, AtLeastOnce, ExactlyOnce][level]), 0, 8)];
        assert_eq!(broken(&account), if is_broken { forbidden.to_vec() } else { Vec::new() });
    }
}

/// Retained copies are delivered, and neither repeated nor out of order.
#[test]
fn retained_copies_count_as_delivered_alone() {
    let run = Run::new().subscribe(FIRST, ExactlyOnce).all(3, ExactlyOnce).deliver(FIRST, &[0, 2]);
    let counts = run.come(FIRST, 1, true).come(FIRST, 2, true).come(FIRST, 0, true).of(FIRST);
    assert_eq!((counts.owed[2], counts.broken(), counts.repeated), (3, 0, [0; 3]));
}

/// MQTT v5 §4.6: 1, 2, 3, 2, 3, 4 is in order, as first copies are; 1, 3, 2 is not. What is lost leaves a gap, and none is out of order.
#[test]
fn first_copies_come_in_order() {
    let run = |numbers: &[u64]| Run::new().subscribe(FIRST, AtLeastOnce).all(5, AtLeastOnce).deliver(FIRST, numbers);
    assert_eq!(run(&[1, 2, 3, 2, 3, 4]).of(FIRST).disordered, 0);
    assert_eq!(run(&[0, 4]).of(FIRST).disordered, 0);
    assert_eq!(run(&[1, 3, 2, 4, 0, 2]).of(FIRST).disordered, 2);
    let account = run(&[0, 1, 3, 2, 4]).close();
    assert_eq!(broken(&account), [(Promise::Order, 2, 15)]);
}

/// 0 was published, and its first copy lost, before the subscription or a session that ended; or at QoS 0, where it may be: it comes behind 1 then.
#[test]
fn a_first_copy_that_was_for_nobody_is_not_out_of_order() {
    let early = Run::new().publish(0, AtLeastOnce).subscribe(FIRST, AtLeastOnce).publish(1, AtLeastOnce);
    assert_eq!(early.deliver(FIRST, &[1, 0]).of(FIRST).disordered, 0);
    let before = Run::new().subscribe(FIRST, AtLeastOnce).publish(0, AtLeastOnce).over(FIRST);
    let anew = before.subscribe(FIRST, AtLeastOnce).publish(1, AtLeastOnce).deliver(FIRST, &[1, 0]);
    assert_eq!(anew.of(FIRST).disordered, 0);
    for (published, disordered) in [(AtMostOnce, 1), (AtLeastOnce, 0), (ExactlyOnce, 1)] {
        let run = Run::new().subscribe(FIRST, AtMostOnce).all(2, published).deliver(FIRST, &[1, 0]);
        assert_eq!(run.of(FIRST).disordered, disordered, "{published:?}");
    }
}

/// Two publications do not count against one another's order.
#[test]
fn publications_are_ordered_each_for_itself() {
    let other = |number| {
        let message = MessageName { publication: P + 1, number };
        MessageEvent::Delivered { message, is_retained: false, taken: None }
    };
    let run = Run::new().subscribe(FIRST, AtLeastOnce).all(2, AtLeastOnce);
    let counts = run.note(FIRST, other(5)).come(FIRST, 0, false).note(FIRST, other(6)).come(FIRST, 1, false).of(FIRST);
    assert_eq!((counts.disordered, counts.broken()), (0, 0));
}

/// Those who share get each message once together, in any order; what nobody gets is lost at the first of them, what two get is repeated.
#[test]
fn a_group_is_owed_each_message_once() {
    let run = || Run::new().share(SECOND, ExactlyOnce).share(FIRST, ExactlyOnce).all(4, ExactlyOnce);
    let account = run().deliver(SECOND, &[1, 0]).deliver(FIRST, &[3, 2]).close();
    assert_eq!((account.parties[&FIRST].owed[2], account.parties[&SECOND].owed[2]), (4, 0));
    assert_eq!(account.broken, []);
    let account = run().deliver(SECOND, &[0, 1]).deliver(FIRST, &[1]).close();
    let counts = account.parties[&FIRST];
    assert_eq!((counts.lost[2], counts.repeated[2]), (2, 1));
    let promises: Vec<_> = account.broken.iter().map(|broken| (broken.promise, broken.message.number)).collect();
    let lost = Promise::Delivery(ExactlyOnce);
    assert_eq!(promises, [(Promise::Once(ExactlyOnce), 1), (lost, 2), (lost, 3)]);
    // The same one twice is repeated by itself.
    assert_eq!(run().deliver(SECOND, &[0, 1, 2, 3, 3]).of(SECOND).repeated[2], 1);
}

/// Any of those who share may get a message, so that the lowest level counts. One whose session is over takes what was on its way to it with it, and
/// the others are owed what is published later.
#[test]
fn a_group_has_what_its_weakest_member_has() {
    let mixed = Run::new().share(FIRST, ExactlyOnce).share(SECOND, AtLeastOnce).all(1, ExactlyOnce);
    assert_eq!(mixed.of(FIRST).owed, [0, 1, 0]);
    let both = Run::new().share(FIRST, ExactlyOnce).share(SECOND, ExactlyOnce).all(2, ExactlyOnce).over(SECOND);
    assert_eq!(both.publish(2, ExactlyOnce).confirm(2).of(FIRST).owed, [0, 0, 1]);
}

/// One that is in two groups gets a copy for each, which is no repetition of what another member of one of them has got.
#[test]
fn groups_that_overlap_are_not_compared() {
    let run = Run::new().share(FIRST, ExactlyOnce).share(SECOND, ExactlyOnce);
    let run = run.subscribe_at(FIRST, "t", ExactlyOnce, Some("h"), 1).all(1, ExactlyOnce);
    let account = run.deliver(FIRST, &[0]).deliver(SECOND, &[0]).close();
    assert_eq!((account.sum().owed[2], account.sum().broken()), (2, 0));
}

/// One that has an own subscription beside a shared one gets two copies, each of which is right.
#[test]
fn several_subscriptions_bring_several_copies() {
    let run = Run::new().share(FIRST, ExactlyOnce).subscribe(FIRST, ExactlyOnce).all(1, ExactlyOnce);
    let counts = run.deliver(FIRST, &[0, 0]).of(FIRST);
    assert_eq!((counts.owed[2], counts.broken()), (2, 0));
    // Those that overlap without being shared are one, at the highest level (MQTT 3.1.1 §3.3.5).
    let run = Run::new().subscribe(FIRST, AtLeastOnce).subscribe_at(FIRST, "#", ExactlyOnce, None, 1);
    let counts = run.all(1, ExactlyOnce).deliver(FIRST, &[0, 0]).of(FIRST);
    assert_eq!((counts.owed, counts.repeated), ([0, 0, 1], [0, 0, 1]));
}

/// What has an end is confirmed or failed; the rest is unfinished, but for what nobody answers.
#[test]
fn what_has_no_end_is_unfinished() {
    let run = Run::new().publish(0, AtLeastOnce).publish(1, AtLeastOnce).publish(2, AtLeastOnce);
    let account = run.confirm(2).fail(0).close();
    let counts = account.parties[&PUBLISHER];
    assert_eq!((counts.confirmed, counts.unfinished, counts.broken()), (1, 1, 0));
    assert_eq!(broken(&account), [(Promise::End, 1, 2)]);
    assert_eq!(Run::new().publish(0, AtMostOnce).of(PUBLISHER).unfinished, 0);
}

/// Numbers that nobody has published are not unfinished: a publisher may have begun later, or said less.
#[test]
fn gaps_in_numbers_are_nobodys() {
    let counts = Run::new().publish(5, AtLeastOnce).publish(8, AtLeastOnce).confirm(5).confirm(8).of(PUBLISHER);
    assert_eq!((counts.confirmed, counts.unfinished), (2, 0));
}

/// What nobody has published, as a will, is nobody's.
#[test]
fn strangers_are_not_counted() {
    let account = Run::new().subscribe(FIRST, ExactlyOnce).deliver(FIRST, &[0, 0, 0]).close();
    assert_eq!((account.sum().broken(), account.broken.len()), (0, 0));
}

/// Of many only the first are put into words; all are counted. Tables have what a party is.
#[test]
fn words_are_few_and_counts_are_full() {
    let account = Run::new().subscribe(FIRST, ExactlyOnce).all(5000, ExactlyOnce).close();
    assert_eq!((account.parties[&FIRST].lost[2], account.broken.len()), (5000, 32));
    assert_eq!(broken(&account)[31], (Promise::Delivery(ExactlyOnce), 31, 2 + 62));
    let said = account.broken[0].to_string();
    let expected = "message 0 of publication 0000000000000007 on `t`: published at 2 s, confirmed, exactly once owed to \
                    application 0 of node 2 and never delivered";
    assert_eq!(said, expected);
    let names = |who| account.parties[&who].totals().iter().map(|total| (total.name, total.value)).collect::<Vec<_>>();
    assert_eq!(names(PUBLISHER), [("unfinished_messages", 0), ("confirmed_messages", 5000)]);
    let of_subscriber = names(FIRST);
    assert_eq!(of_subscriber.len(), 8);
    assert_eq!(of_subscriber[3], ("lost_exactly_once", 5000));
}
