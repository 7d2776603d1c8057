//! Queues, from which each message goes to one of those who take.

use super::*;
use crate::ledger::Taken;

/// How a party takes from queue `q`.
#[derive(Clone, Copy)]
struct How {
    guarantee: Guarantee,
    is_alone: bool,
}

const ACKS: How = How { guarantee: AtLeastOnce, is_alone: false };
const ALONE: How = How { guarantee: AtLeastOnce, is_alone: true };
const NO_ACK: How = How { guarantee: AtMostOnce, is_alone: false };

impl Run {
    /// Those who take from `q`, along a binding that takes in topic `t`.
    fn takers(self, how: How) -> Self {
        [FIRST, SECOND].into_iter().fold(self, |run, who| run.subscribe_at(who, "t", how.guarantee, Some("q"), 1))
    }

    fn hand(self, number: u64) -> Self {
        self.note(PUBLISHER, MessageEvent::Sent { message: MessageName { publication: P, number }, with: None })
    }

    /// Messages that are sent together.
    fn commit(self, numbers: &[u64]) -> Self {
        let name = |number| MessageName { publication: P, number };
        let with = numbers.first().map(|first| name(*first));
        numbers
            .iter()
            .fold(self, |run, number| run.note(PUBLISHER, MessageEvent::Sent { message: name(*number), with }))
    }

    /// Messages from 0 up to `count`, published, sent and confirmed, in three seconds each.
    fn sent(self, count: u64, guarantee: Guarantee) -> Self {
        (0..count).fold(self, |run, number| run.publish(number, guarantee).hand(number).confirm(number))
    }

    fn take_from(self, who: Party, queue: &str, number: u64, how: How, is_marked: bool) -> Self {
        let taken = Taken { queue: queue.into(), guarantee: how.guarantee, is_marked, is_alone: how.is_alone };
        let message = MessageName { publication: P, number };
        self.note(who, MessageEvent::Delivered { message, is_retained: false, taken: Some(taken) })
    }

    fn take(self, who: Party, numbers: &[u64], how: How) -> Self {
        numbers.iter().fold(self, |run, number| run.take_from(who, "q", *number, how, false))
    }

    fn take_marked(self, who: Party, numbers: &[u64], how: How) -> Self {
        numbers.iter().fold(self, |run, number| run.take_from(who, "q", *number, how, true))
    }
}

fn odd(run: Run) -> [u64; 3] {
    let sum = run.close().sum();
    [sum.disordered, sum.unmarked, sum.torn]
}

/// Each message is owed once to all who take from a queue together; what none of them has is lost. What came from another queue is not from this one.
#[test]
fn a_queue_owes_each_message_once() {
    let run = || Run::new().takers(ACKS).sent(3, AtLeastOnce).take(SECOND, &[0, 2], ACKS);
    assert_eq!(run().take(FIRST, &[1], ACKS).close().broken, []);
    for lost in [run(), run().take_from(FIRST, "other", 1, ACKS, false)] {
        let account = lost.close();
        assert_eq!(account.parties[&FIRST].lost[1], 1);
        // Two subscriptions, three events of message 0, then message 1.
        assert_eq!(broken(&account), [(Promise::Delivery(AtLeastOnce), 1, 6)]);
    }
}

/// Without a mark a message comes once for each time that it was sent, whoever gets it; with one it comes as often as it likes.
#[test]
fn copies_beyond_those_sent_are_marked() {
    let run = || Run::new().takers(ACKS).sent(2, AtLeastOnce);
    let counts = run().take(FIRST, &[0, 1], ACKS).take_marked(SECOND, &[0, 1, 0], ACKS).close();
    assert_eq!((counts.broken.as_slice(), counts.sum().repeated), (&[][..], [0, 3, 0]));
    let account = run().take(FIRST, &[0], ACKS).take(SECOND, &[0], ACKS).close();
    assert_eq!((account.parties[&SECOND].unmarked, account.parties[&FIRST].unmarked), (1, 0));
    // Message 1 is lost, published in the sixth second; 0 came unmarked in the ninth and tenth.
    assert_eq!(broken(&account), [(Promise::Delivery(AtLeastOnce), 1, 6), (Promise::Mark, 0, 10)]);
    // The publisher did not see the confirm, and has sent it again.
    assert_eq!(odd(run().hand(0).take(FIRST, &[0, 1], ACKS).take(SECOND, &[0], ACKS)), [0, 0, 0]);
    // It sends it again later: the second copy was not its.
    assert_eq!(odd(run().take(FIRST, &[0, 1, 0], ACKS).hand(0)), [1, 1, 0]);
    // One that has come unmarked once too often counts once, however often it comes with a mark afterwards.
    assert_eq!(odd(run().take(FIRST, &[0, 1, 0], ACKS).take_marked(FIRST, &[0, 0], ACKS)), [1, 1, 0]);
    // A mark that is too much does no harm: a broker that has lost power does not know what it has delivered.
    assert_eq!(odd(run().take_marked(FIRST, &[0, 1], ACKS)), [0, 0, 0]);
}

/// Where nobody acknowledges nothing comes more often than it was sent, marked or not. Where one of those who got it does, it may.
#[test]
fn without_acknowledgements_nothing_comes_again() {
    for (published, marked) in [(AtMostOnce, true), (AtLeastOnce, true), (AtMostOnce, false)] {
        let run = || Run::new().takers(NO_ACK).sent(2, published).take(FIRST, &[0], NO_ACK);
        let again = |run: Run, how| run.take_from(SECOND, "q", 0, how, marked).close();
        let account = again(run(), NO_ACK);
        assert_eq!(account.parties[&SECOND].repeated, [1, 0, 0]);
        assert!(broken(&account).contains(&(Promise::Once(AtMostOnce), 0, 10)), "{account:?}");
        let account = again(run().hand(0), NO_ACK);
        assert_eq!(account.parties[&SECOND].repeated, [0, 1, 0]);
        let account = again(run(), ACKS);
        assert_eq!(account.parties[&SECOND].repeated, [0, 1, 0]);
    }
}

/// At each of those who share a queue, what is neither marked nor sent again comes in order: 2 behind 3 does not.
#[test]
fn marked_copies_of_a_shared_queue_have_no_order() {
    let run = || Run::new().takers(ACKS).sent(5, AtLeastOnce);
    assert_eq!(odd(run().take(FIRST, &[0, 2, 4], ACKS).take(SECOND, &[1, 3], ACKS)), [0, 0, 0]);
    assert_eq!(odd(run().take(FIRST, &[0, 1, 3, 4], ACKS).take_marked(FIRST, &[2], ACKS)), [0, 0, 0]);
    let account = run().take(FIRST, &[0, 1, 3, 2, 4], ACKS).close();
    // Two subscriptions, fifteen events of the publisher: 2 is the fourth behind them.
    assert_eq!(broken(&account), [(Promise::Order, 2, 21)]);
    // 2 was sent again, and its first copy went to the other one.
    assert_eq!(odd(run().take(SECOND, &[2], ACKS).hand(2).take(FIRST, &[0, 1, 3, 2, 4], ACKS)), [0, 0, 0]);
    // 3, marked, says nothing of 2 behind it: it may come from anywhere.
    assert_eq!(
        odd(run().take(FIRST, &[0, 1], ACKS).take_marked(FIRST, &[3], ACKS).take(FIRST, &[2, 4], ACKS)),
        [0, 0, 0]
    );
}

/// Where one alone takes, what is queued again goes to its place: first copies are in order, marked or not, and those after them are not asked.
#[test]
fn first_copies_of_a_queue_of_one_are_in_order() {
    let run = || Run::new().takers(ALONE).sent(5, AtLeastOnce);
    assert_eq!(
        odd(run().take(FIRST, &[0, 1], ALONE).take_marked(SECOND, &[1, 2, 3], ALONE).take(SECOND, &[4], ALONE)),
        [0; 3]
    );
    assert_eq!(odd(run().take(FIRST, &[0, 1, 2, 3, 4], ALONE).take_marked(FIRST, &[1, 3, 0], ALONE)), [0, 0, 0]);
    let account = run().take(FIRST, &[0, 1, 4], ALONE).take_marked(SECOND, &[2, 3], ALONE).close();
    assert_eq!(broken(&account), [(Promise::Order, 2, 21), (Promise::Order, 3, 22)]);
    // Sent again or not.
    assert_eq!(odd(run().hand(2).take(FIRST, &[0, 1, 3, 2, 4], ALONE)), [1, 0, 0]);
    // Not where it does not acknowledge: a first copy may be lost, and one that was sent again comes.
    let no_ack = How { guarantee: AtMostOnce, is_alone: true };
    assert_eq!(odd(Run::new().takers(no_ack).sent(3, AtLeastOnce).hand(0).take(FIRST, &[1, 0, 2], no_ack)), [0, 0, 0]);
    // Nor once somebody has taken beside another one.
    assert_eq!(
        odd(run().take(SECOND, &[0], ACKS).take(FIRST, &[1, 4], ALONE).take_marked(FIRST, &[2], ALONE)),
        [0, 0, 0]
    );
}

/// What waits for a commit is not sent before it, so that a copy that comes meanwhile is one too many.
#[test]
fn nothing_comes_before_it_is_sent() {
    let run = || Run::new().takers(ACKS).publish(0, AtLeastOnce).publish(1, AtLeastOnce);
    assert_eq!(odd(run().commit(&[0, 1]).take(FIRST, &[0, 1], ACKS)), [0, 0, 0]);
    assert_eq!(odd(run().take(FIRST, &[0], ACKS).commit(&[0, 1]).take(FIRST, &[1], ACKS)), [0, 1, 0]);
}

/// All of what was sent together comes, or nothing of it.
#[test]
fn what_is_sent_together_comes_together() {
    let run = || (0..4).fold(Run::new().takers(ACKS), |run, number| run.publish(number, AtLeastOnce));
    let pairs = || run().commit(&[0, 1]).commit(&[2, 3]);
    assert_eq!(odd(pairs().take(FIRST, &[0, 1, 2, 3], ACKS)), [0, 0, 0]);
    assert_eq!(odd(pairs()), [0, 0, 0]);
    assert_eq!(odd(pairs().take(FIRST, &[2], ACKS).take(SECOND, &[3], ACKS)), [0, 0, 0]);
    let account = pairs().take(FIRST, &[0, 1, 3], ACKS).close();
    // Message 3 was published in the sixth second; it counts at the first of both. No commit was answered, so that nothing has ended.
    assert_eq!(account.parties[&FIRST].torn, 1);
    let torn: Vec<_> = broken(&account).into_iter().filter(|(promise, ..)| *promise != Promise::End).collect();
    assert_eq!(torn, [(Promise::Whole, 3, 6)]);
    // 0 and 1 were sent without a commit that was seen, then once more with 2: of either commit all has come.
    assert_eq!(odd(run().commit(&[0, 1]).commit(&[0, 1, 2]).take(FIRST, &[0, 1], ACKS)), [0, 0, 0]);
    assert_eq!(odd(run().commit(&[0, 1]).commit(&[0, 1, 2]).take(FIRST, &[0, 1, 2], ACKS)), [0, 0, 0]);
    // Neither of both brings 1 and 2 alone; they count once.
    assert_eq!(odd(run().commit(&[0, 1]).commit(&[0, 1, 2]).take(FIRST, &[1, 2], ACKS)), [0, 0, 1]);
    // What may expire may be gone.
    let expires = (0..2).fold(Run::new().takers(ACKS), |run, number| {
        let (message, topic) = (MessageName { publication: P, number }, "t".into());
        let (guarantee, domain, may_expire) = (AtLeastOnce, domain(1), true);
        run.note(PUBLISHER, MessageEvent::Published { message, guarantee, topic, domain, may_expire })
    });
    assert_eq!(odd(expires.commit(&[0, 1]).take(FIRST, &[1], ACKS)), [0, 0, 0]);
    // Without acknowledgements what is on the way may be lost.
    let no_ack = Run::new().takers(NO_ACK).publish(0, AtLeastOnce).publish(1, AtLeastOnce);
    assert_eq!(odd(no_ack.commit(&[0, 1]).take(FIRST, &[1], NO_ACK)), [0, 0, 0]);
}

/// A dead letter comes from a queue to which its topic does not lead, and counts nothing there.
#[test]
fn dead_letters_count_nothing() {
    let run = Run::new().takers(ACKS).subscribe_at(FIRST, "dead", AtLeastOnce, Some("d"), 1);
    let run = run.sent(2, AtLeastOnce).take(FIRST, &[0, 1], ACKS);
    let letters = [1, 0, 0].into_iter().fold(run, |run, number| run.take_from(FIRST, "d", number, ACKS, false));
    assert_eq!((odd(letters.clone()), letters.close().sum().repeated), ([0; 3], [0; 3]));
}

/// Tables of those who take have what is counted of queues, behind what all subscribers have.
#[test]
fn takers_count_more() {
    let account = Run::new().takers(ACKS).sent(1, AtLeastOnce).take(FIRST, &[0, 0], ACKS).close();
    let counts = Counts { is_taker: true, ..account.parties[&FIRST] };
    let totals: Vec<_> = counts.totals().iter().map(|total| (total.name, total.value)).collect();
    assert_eq!(totals.len(), 10);
    assert_eq!(totals[8..], [("unmarked_repetitions", 1), ("torn_transactions", 0)]);
    assert_eq!(
        (counts.broken(), account.broken[0].to_string()),
        (1, {
            let message =
                "message 0 of publication 0000000000000007 on `t`: delivered to application 0 of node 2 at 7 s";
            format!("{message} without a mark, more often than it had been sent")
        })
    );
}
