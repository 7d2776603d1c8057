//! What carries offers and answers: messages over a channel that may lose them, each sent again until it is acknowledged, and taken in
//! order (RFC 8838 §4 asks for that). The waits are those of SIP over UDP (RFC 3261 §17.1.2.2): 500 ms, twice as long each time up to
//! 4 s, until 32 s have passed.
//!
//! ```text
//! ANSWER 1 of 7f3a…    what it is, its generation, and the sender's life
//! Sequence: 2 from 1   its number in this life, and the first one that is not acknowledged
//!                      behind an empty line SDP, or for INFO a fragment of it
//! v=0
//! ```

use crate::rope::Rope;
use protosim_core::{Deadline, LocalTime, Purpose, Span, Stream};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The draws that tell lives of one end apart, and its offers.
pub(super) const LIFE: Purpose = crate::ice::agent::SECRETS;

/// T1, T2 and 64 * T1 (RFC 3261 §17.1.1.1).
const FIRST_WAIT: Span = Span::from_millis(500);
const LONGEST_WAIT: Span = Span::from_secs(4);
pub(super) const TIME_OUT: Span = Span::from_secs(32);
/// Most messages that wait for one before them (our choice).
const MOST_HELD: usize = 256;
/// So many former lives are remembered (our choice).
const MOST_FORMER: usize = 8;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A description, from whoever begins.
    Offer,
    /// The other one's.
    Answer,
    /// More candidates.
    Info,
    /// The offer of this generation is not taken.
    Refusal,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Offer, Self::Answer, Self::Info, Self::Refusal];

    const fn name(self) -> &'static str {
        match self {
            Self::Offer => "OFFER",
            Self::Answer => "ANSWER",
            Self::Info => "INFO",
            Self::Refusal => "REFUSAL",
        }
    }
}

/// A message for the user above.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Letter {
    pub(super) kind: Kind,
    /// Of which offer it is, or to which one it belongs.
    pub(super) generation: u64,
    pub(super) body: Box<str>,
}

/// One that is not acknowledged yet.
#[derive(Clone, Debug)]
struct Unacknowledged {
    bytes: Rope,
    next: LocalTime,
    wait: Span,
    until: LocalTime,
}

/// One end of the signalling.
#[derive(Clone, Debug)]
pub(super) struct Line {
    life: u64,
    sent: u64,
    open: BTreeMap<u64, Unacknowledged>,
    /// The other end's life, and up to where its messages were taken.
    peer: Option<(u64, u64)>,
    /// Lives that it had before: what comes late of them says nothing.
    former: Vec<u64>,
    held: BTreeMap<u64, Letter>,
    pub(super) malformed: u64,
    pub(super) retransmissions: u64,
    pub(super) given_up: u64,
}

/// What has come of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Taken {
    /// To be sent back.
    pub(super) acknowledgement: Option<Rope>,
    /// For the user above, in order.
    pub(super) letters: Vec<Letter>,
}

impl Line {
    pub(super) fn new(stream: &mut Stream) -> Self {
        let (open, held, former) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let life = stream.next_u64();
        Self { life, sent: 0, open, peer: None, former, held, malformed: 0, retransmissions: 0, given_up: 0 }
    }

    /// A message to be sent now.
    pub(super) fn send(&mut self, letter: &Letter, now: LocalTime) -> Rope {
        self.sent += 1;
        let mut text = String::new();
        let Letter { kind, generation, body } = letter;
        let first = self.open.keys().next().unwrap_or(&self.sent);
        let _infallible = write!(
            text,
            "{} {generation} of {:016x}\r\nSequence: {} from {first}\r\n\r\n{body}",
            kind.name(),
            self.life,
            self.sent
        );
        let bytes = Rope::from(text.into_bytes());
        let (next, until) = (now.saturating_add(FIRST_WAIT), now.saturating_add(TIME_OUT));
        self.open.insert(self.sent, Unacknowledged { bytes: bytes.clone(), next, wait: FIRST_WAIT, until });
        bytes
    }

    /// A message that has come.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Taken {
        let Some(Read { kind, generation, life, sequence, from, body }) =
            std::str::from_utf8(bytes).ok().and_then(read)
        else {
            self.malformed += 1;
            return Taken::default();
        };
        let Some(kind) = kind else {
            // An acknowledgement of another life's message says nothing.
            if life == self.life && self.open.remove(&sequence).is_some() && self.open.is_empty() {
                // An empty map keeps the room that it had, which of many agents is much.
                self.open = BTreeMap::new();
            }
            return Taken::default();
        };
        if self.former.contains(&life) {
            return Taken::default();
        }
        let taken = match &mut self.peer {
            Some((known, taken)) if *known == life => taken,
            // A new life, of the other end or of this one: what was acknowledged before is not sent again, and not known here.
            peer => {
                if let Some((known, _)) = peer {
                    self.former.push(*known);
                    self.former.drain(..self.former.len().saturating_sub(MOST_FORMER));
                }
                self.held.clear();
                &mut peer.insert((life, from.saturating_sub(1))).1
            }
        };
        if sequence > *taken {
            if self.held.len() >= MOST_HELD {
                // Not acknowledged, so that it comes again.
                return Taken::default();
            }
            self.held.insert(sequence, Letter { kind, generation, body: body.into() });
        }
        let mut letters = Vec::new();
        // What comes before was acknowledged, if not by this life of this end: it does not come again.
        if from.saturating_sub(1) > *taken {
            *taken = from - 1;
            let behind = self.held.split_off(&from);
            letters.extend(std::mem::replace(&mut self.held, behind).into_values());
        }
        while let Some(letter) = self.held.remove(&(*taken + 1)) {
            *taken += 1;
            letters.push(letter);
        }
        if self.held.is_empty() {
            self.held = BTreeMap::new();
        }
        let acknowledgement = format!("ACK 0 of {life:016x}\r\nSequence: {sequence}\r\n\r\n");
        Taken { acknowledgement: Some(Rope::from(acknowledgement.into_bytes())), letters }
    }

    /// What is to be sent again. What has had its time is given up, and all behind it: the other end could take none of it. What is
    /// sent from then on is of another life.
    pub(super) fn handle_timeout(&mut self, now: LocalTime, stream: &mut Stream) -> Vec<Rope> {
        if self.open.values().any(|open| open.until <= now) {
            self.given_up += self.open.len() as u64;
            (self.life, self.sent) = (stream.next_u64(), 0);
            self.open.clear();
        }
        let mut again = Vec::new();
        for open in self.open.values_mut().filter(|open| open.next <= now) {
            open.wait = open.wait.saturating_mul(2).min(LONGEST_WAIT);
            open.next = now.saturating_add(open.wait);
            again.push(open.bytes.clone());
        }
        self.retransmissions += again.len() as u64;
        again
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.open.values().map(|open| open.next.min(open.until)).min()?;
        Some(Deadline { at, timer: "signalling" })
    }
}

/// A message taken apart; of an acknowledgement there is no kind.
struct Read<'a> {
    kind: Option<Kind>,
    generation: u64,
    life: u64,
    sequence: u64,
    from: u64,
    body: &'a str,
}

fn read(text: &str) -> Option<Read<'_>> {
    let (first, rest) = text.split_once("\r\n")?;
    let (second, body) = rest.split_once("\r\n\r\n")?;
    let mut words = first.split(' ');
    let name = words.next()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    if kind.is_none() && name != "ACK" {
        return None;
    }
    let generation = words.next()?.parse().ok()?;
    let life = words.next().filter(|word| *word == "of").and_then(|_| u64::from_str_radix(words.next()?, 16).ok())?;
    let numbers = second.strip_prefix("Sequence: ")?;
    let (sequence, from) = numbers.split_once(" from ").unwrap_or((numbers, "1"));
    Some(Read { kind, generation, life, sequence: sequence.parse().ok()?, from: from.parse().ok()?, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protosim_core::{Env, IdealEnv};

    fn letter(body: &str) -> Letter {
        Letter { kind: Kind::Offer, generation: 1, body: body.into() }
    }

    fn ends() -> (Line, Line, IdealEnv) {
        let mut env = IdealEnv::new(1);
        let (one, other) = (Line::new(env.rng(LIFE)), Line::new(env.rng(LIFE)));
        (one, other, env)
    }

    fn at(millis: u64) -> LocalTime {
        LocalTime::ZERO.saturating_add(Span::from_millis(millis))
    }

    #[test]
    fn messages_are_taken_in_order_and_once() {
        let (mut one, mut other, _) = ends();
        let [first, second] = ["a", "b"].map(|body| one.send(&letter(body), at(0)).to_bytes().to_vec());
        assert_eq!(other.take(&second).letters, []);
        assert_eq!(other.take(&first).letters, [letter("a"), letter("b")]);
        let again = other.take(&first);
        assert_eq!(again.letters, [], "it was taken already");
        one.take(&again.acknowledgement.unwrap().to_bytes());
        assert_eq!(one.open.len(), 1, "and it is acknowledged all the same");
    }

    /// RFC 3261 §17.1.2.2 by hand: 500 ms, 1, 2, 4, 4, … s; 32 s after the first time it is given up.
    #[test]
    fn waits_are_those_of_sip() {
        let (mut one, _, mut env) = ends();
        one.send(&letter("a"), at(0));
        let mut times = Vec::new();
        while let Some(deadline) = one.deadline() {
            if !one.handle_timeout(deadline.at, env.rng(LIFE)).is_empty() {
                times.push(deadline.at);
            }
        }
        assert_eq!(times, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500].map(at));
        assert_eq!(one.given_up, 1);
    }

    #[test]
    fn a_new_life_begins_anew() {
        let (mut one, mut other, mut env) = ends();
        other.take(&one.send(&letter("a"), at(0)).to_bytes());
        let mut reborn = Line::new(env.rng(LIFE));
        let taken = other.take(&reborn.send(&letter("b"), at(0)).to_bytes());
        assert_eq!(taken.letters, [letter("b")]);
        // What comes late of the old life says nothing.
        assert_eq!(other.take(&one.send(&letter("c"), at(0)).to_bytes()), Taken::default());
        assert_eq!(reborn.open.len(), 1);
    }

    /// Who begins anew takes up what the other end, which has not, sends next: not what it had acknowledged before.
    #[test]
    fn who_begins_anew_takes_up_the_other_end() {
        let (mut one, mut other, mut env) = ends();
        let taken = other.take(&one.send(&letter("a"), at(0)).to_bytes());
        one.take(&taken.acknowledgement.unwrap().to_bytes());
        let mut reborn = Line::new(env.rng(LIFE));
        assert_eq!(reborn.take(&one.send(&letter("b"), at(0)).to_bytes()).letters, [letter("b")]);
    }

    /// One message is acknowledged by the old life while the next one is on its way to the new one, which says that it is not yet.
    #[test]
    fn what_the_old_life_has_acknowledged_is_not_waited_for() {
        let (mut one, mut other, mut env) = ends();
        let first = one.send(&letter("a"), at(0)).to_bytes().to_vec();
        let second = one.send(&letter("b"), at(0)).to_bytes().to_vec();
        let mut reborn = Line::new(env.rng(LIFE));
        assert_eq!(reborn.take(&second).letters, []);
        one.take(&other.take(&first).acknowledgement.unwrap().to_bytes());
        assert_eq!(reborn.take(&one.send(&letter("c"), at(0)).to_bytes()).letters, [letter("b"), letter("c")]);
    }

    #[test]
    fn what_is_no_message_is_counted() {
        let (mut one, ..) = ends();
        for text in [
            "",
            "OFFER",
            "OFFER 1 of zz\r\nSequence: 1\r\n\r\n",
            "HELLO 1 of 1\r\nSequence: 1\r\n\r\n",
            "ACK 1 of 1\r\n\r\n",
        ] {
            assert_eq!(one.take(text.as_bytes()), Taken::default(), "{text:?}");
        }
        one.take(&[0xff, 0xfe]);
        assert_eq!(one.malformed, 6);
    }
}
