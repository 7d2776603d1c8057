//! Requests and responses in a stream: both begin with a number and their length, 8 bytes each, most significant first; the
//! rest is filling, whose bytes are named by the number.

use super::filling::other_bytes;
use crate::rope::{Rope, Run};

/// Bytes of the number and of the length.
pub(super) const HEADER_LEN: u64 = 16;

/// Longer than any message: a peer that says so speaks something else.
const TOO_LONG: u64 = crate::traffic::MAX_STREAM_BYTES + 1;

/// A message of `len` bytes, at least [`HEADER_LEN`].
pub(super) fn message(number: u64, len: u64) -> Rope {
    let len = len.max(HEADER_LEN);
    let mut header = number.to_be_bytes().to_vec();
    header.extend(len.to_be_bytes());
    let mut rope = Rope::from(header);
    rope.push(Run::Fill { key: key_of(number), offset: HEADER_LEN, len: len - HEADER_LEN });
    rope
}

/// The key of a message's filling.
const fn key_of(number: u64) -> u32 {
    (number ^ number >> 32) as u32
}

/// A message that has come whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Received {
    pub(super) number: u64,
    pub(super) len: u64,
}

/// What comes out of a stream, message by message.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    /// The part of a header that has come.
    header: Vec<u8>,
    /// The message that is coming, and how much of it is there.
    current: Option<(Received, u64)>,
    /// Of whole headers, and what came behind them \[bytes\].
    taken: u64,
    /// Filling that is not what it should be \[bytes\].
    corrupted: u64,
}

/// The peer does not send messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoMessage;

impl Inbox {
    /// Takes what has been read. Messages that are whole by it go to `done`.
    pub(super) fn feed(&mut self, data: &Rope, done: &mut Vec<Received>) -> Result<(), NoMessage> {
        let mut at = 0;
        while at < data.len() {
            let Some((message, there)) = self.current else {
                at += self.feed_header(data, at, done)?;
                continue;
            };
            let part = data.slice(at, message.len - there);
            at += part.len();
            self.taken += part.len();
            let expected = Run::Fill { key: key_of(message.number), offset: there, len: part.len() };
            if part.runs() != std::slice::from_ref(&expected) {
                self.corrupted += other_bytes(&part, key_of(message.number), there);
            }
            self.proceed(message, there + part.len(), done);
        }
        Ok(())
    }

    /// Takes what there is of a header; says how many bytes that were.
    fn feed_header(&mut self, data: &Rope, at: u64, done: &mut Vec<Received>) -> Result<u64, NoMessage> {
        let part = data.slice(at, HEADER_LEN - self.header.len() as u64);
        part.write_to(&mut self.header);
        if let Ok(bytes) = <[u8; HEADER_LEN as usize]>::try_from(self.header.as_slice()) {
            self.header.clear();
            let both = u128::from_be_bytes(bytes);
            let message = Received { number: (both >> 64) as u64, len: both as u64 };
            if !(HEADER_LEN..TOO_LONG).contains(&message.len) {
                return Err(NoMessage);
            }
            self.taken += HEADER_LEN;
            self.proceed(message, HEADER_LEN, done);
        }
        Ok(part.len())
    }

    fn proceed(&mut self, message: Received, there: u64, done: &mut Vec<Received>) {
        if there == message.len {
            self.current = None;
            done.push(message);
        } else {
            self.current = Some((message, there));
        }
    }

    /// True if a message has begun to come that may have this number.
    pub(super) fn has_begun(&self, number: u64) -> bool {
        match self.current {
            Some((message, _)) => message.number == number,
            None => {
                !self.header.is_empty()
                    && self.header.iter().zip(number.to_be_bytes()).all(|(one, other)| *one == other)
            }
        }
    }

    /// Bytes of messages that have come: what does not get as far as a header, an alert of TLS for instance, is none.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Filling that was not what it should have been \[bytes\].
    pub(super) fn corrupted(&self) -> u64 {
        self.corrupted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However a stream is cut, the same messages come out of it.
        #[test]
        fn messages_come_out_as_they_went_in(
            sizes in prop::collection::vec(16_u64..200, 1..6),
            cuts in prop::collection::vec(1_u64..90, 1..40),
        ) {
            let mut stream = Rope::new();
            for (number, len) in sizes.iter().enumerate() {
                stream.append(&message(number as u64 + (7 << 40), *len));
            }
            let (mut inbox, mut done, mut at) = (Inbox::default(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                if at >= stream.len() {
                    break;
                }
                prop_assert_eq!(inbox.feed(&stream.slice(at, *cut), &mut done), Ok(()));
                at += cut;
            }
            let expected: Vec<Received> =
                sizes.iter().enumerate().map(|(i, len)| Received { number: i as u64 + (7 << 40), len: *len }).collect();
            prop_assert_eq!(done, expected);
            prop_assert_eq!(inbox.corrupted(), 0);
        }
    }

    /// Over real sockets everything comes as bytes: the same messages, and of their filling each byte that differs. Of 600 bytes the last
    /// one is flipped.
    #[test]
    fn real_bytes_are_compared_with_the_filling() {
        let mut bytes = message(7 << 40, 600).to_bytes().to_vec();
        let (mut inbox, mut done) = (Inbox::default(), Vec::new());
        assert_eq!(inbox.feed(&Rope::from(bytes.clone()), &mut done), Ok(()));
        assert_eq!((done.as_slice(), inbox.corrupted()), (&[Received { number: 7 << 40, len: 600 }][..], 0));
        bytes[599] ^= 1;
        assert_eq!(inbox.feed(&Rope::from(bytes), &mut done), Ok(()));
        assert_eq!((done.len(), inbox.corrupted()), (2, 1));
    }

    /// An alert of TLS 1.2 (RFC 5246 §7.2), handshake_failure, which a server of TLS sends to who speaks something else: 7 bytes, of no message.
    #[test]
    fn an_alert_is_no_message() {
        let (mut inbox, mut done) = (Inbox::default(), Vec::new());
        assert_eq!(inbox.feed(&Rope::from(vec![21, 3, 3, 0, 2, 2, 40]), &mut done), Ok(()));
        assert!(!inbox.has_begun(7 << 40) && done.is_empty());
        assert_eq!(inbox.taken(), 0);
        let mut inbox = Inbox::default();
        assert!(!inbox.has_begun(7 << 40));
        assert_eq!(inbox.feed(&message(7 << 40, 600).slice(0, 5), &mut done), Ok(()));
        assert!(inbox.has_begun(7 << 40) && !inbox.has_begun(8 << 40));
        assert_eq!(inbox.feed(&message(7 << 40, 600).slice(5, 100), &mut done), Ok(()));
        assert!(inbox.has_begun(7 << 40) && !inbox.has_begun(8 << 40));
        assert_eq!(inbox.taken(), 105);
    }

    /// 20 bytes: a header and 4 of filling under another key than the number's.
    #[test]
    fn wrong_filling_is_noticed_and_what_is_no_message_refused() {
        let mut wrong = message(5, 20).slice(0, HEADER_LEN);
        wrong.push(Run::Fill { key: 6, offset: HEADER_LEN, len: 4 });
        let (mut inbox, mut done) = (Inbox::default(), Vec::new());
        assert_eq!(inbox.feed(&wrong, &mut done), Ok(()));
        assert_eq!((done.len(), inbox.corrupted()), (1, 4));
        assert_eq!(inbox.feed(&Rope::from(vec![0; 16]), &mut done), Err(NoMessage));
    }
}
