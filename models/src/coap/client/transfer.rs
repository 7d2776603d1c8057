//! One exchange of the client's application, which is as many requests as its payload and the response's have blocks (RFC 7959).
//!
//! ```text
//!  whole or first request ─▶ Uploading ──2.31──▶ the next block … ─▶ the last one's response ─┐
//!           │                    └─4.08, or 4.13 with a smaller size─▶ from the beginning      │
//!           └──response──▶ without Block2, or with the last block: over ◀──────────────────────┤
//!                             Block2, more ─▶ Downloading ─▶ the next block … ─▶ over ◀────────┘
//!                                                 └─another ETag─▶ from the beginning
//! ```

use crate::coap::wire::{Block, BlockSize, Code, Message, OptionNumber, Options};
use crate::rope::Rope;
use bytes::Bytes;

/// How often a transfer begins anew before it fails (our choice).
const MOST_RESTARTS: u32 = 3;

/// An exchange as the application sees it.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    /// Where the request's payload goes on, and in blocks of which size; `None` if it goes whole.
    upload: Option<(u64, BlockSize)>,
    /// The response as far as it has come.
    download: Option<Download>,
    /// The size that the client wants, if it does.
    wanted: Option<BlockSize>,
    /// It says so in its first request.
    asks_early: bool,
    /// Times that the transfer has begun anew.
    restarts: u32,
    /// Transmissions of all its requests that are over.
    pub(super) transmissions: u32,
    /// Its first request has been sent.
    pub(super) is_started: bool,
    /// Its request may be made again where the response's blocks do not fit together: it is a GET.
    pub(super) is_get: bool,
    /// The application knows how it ended; more may come.
    pub(super) is_reported: bool,
}

/// A response in blocks.
#[derive(Clone, Debug)]
struct Download {
    /// So much has come, and is held in the host's memory \[bytes\].
    len: u64,
    /// Of the blocks to come.
    size: BlockSize,
    /// Of the first block.
    etag: Option<Bytes>,
}

/// What follows a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The exchange is over.
    Over,
    /// The next request ([`Transfer::request`]) is to be sent; so many bytes more are to be held until then, or fewer.
    Next,
    /// It makes no sense, or has begun anew too often.
    Failed,
}

impl Transfer {
    /// A transfer of a request with `payload` bytes.
    pub(super) fn new(wanted: Option<BlockSize>, asks_early: bool, payload: u64) -> Self {
        let upload = wanted.filter(|size| payload > size.bytes()).map(|size| (0, size));
        Self {
            upload,
            download: None,
            wanted,
            asks_early: asks_early && payload == 0,
            restarts: 0,
            transmissions: 0,
            is_started: false,
            is_get: true,
            is_reported: false,
        }
    }

    /// A transfer of what follows the first block of a notification (RFC 7959 §2.6), and whether anything does.
    pub(super) fn rest_of(response: &Message, wanted: Option<BlockSize>) -> (Step, Self) {
        // Another state has a notification of its own.
        let mut transfer = Self { is_started: true, restarts: MOST_RESTARTS, ..Self::new(wanted, true, 0) };
        (transfer.on_response(response, 0), transfer)
    }

    /// So much of the host's memory is held for it \[bytes\].
    pub(super) fn held(&self) -> u64 {
        self.download.as_ref().map_or(0, |download| download.len)
    }

    /// True if it goes on from what has come already: it registers no observer.
    pub(super) const fn is_download(&self) -> bool {
        self.download.is_some()
    }

    /// True while its payload goes up in blocks.
    pub(super) const fn is_upload(&self) -> bool {
        self.upload.is_some() && self.download.is_none()
    }

    /// The options and the payload of its next request, from those of the whole.
    pub(super) fn request(&self, options: &Options, payload: &Rope) -> (Options, Rope) {
        let mut options = options.clone();
        if let Some(Download { len, size, .. }) = &self.download {
            // The numbers were looked at when the block before came.
            if let Some(block) = Block::at(*len, *size) {
                options.add_block(OptionNumber::BLOCK2, block);
            }
            // RFC 7959 §2.6: only the first block registers.
            options.remove(OptionNumber::OBSERVE);
            options.remove(OptionNumber::CONTENT_FORMAT);
            return (options, Rope::new());
        }
        if let Some((offset, size)) = self.upload {
            let part = payload.slice(offset, size.bytes().min(payload.len() - offset));
            let more = offset + part.len() < payload.len();
            if let Some(block) = Block::at(offset, size) {
                options.add_block(OptionNumber::BLOCK1, Block { more, ..block });
            }
            return (options, part);
        }
        if let Some(size) = self.wanted.filter(|_| self.asks_early) {
            options.add_block(OptionNumber::BLOCK2, Block { number: 0, more: false, size });
        }
        (options, payload.clone())
    }

    /// A response to its latest request has come; `payload` is the length of all of its own.
    pub(super) fn on_response(&mut self, response: &Message, payload: u64) -> Step {
        let options = &response.options;
        let (Ok(block1), Ok(block2)) = (options.block(OptionNumber::BLOCK1), options.block(OptionNumber::BLOCK2))
        else {
            return Step::Failed;
        };
        if response.code == Code::REQUEST_ENTITY_TOO_LARGE
            && let Some(Block { size, .. }) = block1
            && self.upload.is_none_or(|(_, own)| size < own)
            && payload > size.bytes()
        {
            // RFC 7959 §2.9.3: smaller blocks may do.
            self.upload = Some((0, size));
            return self.restart();
        }
        if let Some((offset, size)) = self.upload {
            if response.code == Code::REQUEST_ENTITY_INCOMPLETE {
                self.upload = Some((0, size));
                return self.restart();
            }
            if response.code.is_error() {
                return Step::Over;
            }
            let next = offset + size.bytes().min(payload - offset);
            if next < payload {
                // RFC 7959 §2.3: the size goes down where the server says so, and the place stays.
                let size = block1.map_or(size, |block| block.size.min(size));
                self.upload = Some((next, size));
                return if Block::at(next, size).is_some() { Step::Next } else { Step::Failed };
            }
        }
        match block2 {
            Some(block) if !response.code.is_error() => self.take_block(block, response),
            // In the midst of a response it means that the rest is not there any more.
            _ => Step::Over,
        }
    }

    /// A block of the response (RFC 7959 §2.4).
    fn take_block(&mut self, block: Block, response: &Message) -> Step {
        let (etag, len) = (response.options.first(OptionNumber::ETAG).cloned(), response.payload.len());
        let (had, before) = self.download.as_ref().map_or((0, None), |had| (had.len, Some(had.etag.clone())));
        if before.is_some_and(|before| before != etag) {
            // RFC 7959 §2.4: blocks of different representations do not go together.
            self.download = None;
            if !self.is_get {
                // To ask anew would be to do it anew (§2.7).
                return Step::Failed;
            }
            if block.number > 0 {
                return self.restart();
            }
            return self.restart_with(block, response);
        }
        if block.offset() != had || len > block.size.bytes() || (block.more && len < block.size.bytes()) {
            return Step::Failed;
        }
        if !block.more {
            return Step::Over;
        }
        let size = self.wanted.map_or(block.size, |wanted| wanted.min(block.size));
        self.upload = None;
        self.download = Some(Download { len: had + len, size, etag });
        if Block::at(had + len, size).is_some() { Step::Next } else { Step::Failed }
    }

    fn restart_with(&mut self, block: Block, response: &Message) -> Step {
        match self.restart() {
            Step::Next => self.take_block(block, response),
            other => other,
        }
    }

    fn restart(&mut self) -> Step {
        self.restarts += 1;
        if self.restarts > MOST_RESTARTS { Step::Failed } else { Step::Next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::wire::{MessageId, Type};

    fn block(number: u32, etag: u8, len: u64) -> Message {
        let mut response = Message { code: Code::CHANGED, ..Message::empty(Type::Acknowledgement, MessageId(1)) };
        response.options.add(OptionNumber::ETAG, vec![etag]);
        let size = BlockSize::from_bytes(64).expect("a size");
        response.options.add_block(OptionNumber::BLOCK2, Block { number, more: true, size });
        response.payload = Rope::fill(1, 0, len);
        response
    }

    /// RFC 7959 §2.4, §2.7: a response whose blocks are of different ones is asked for anew by a GET alone; a POST is not done twice.
    #[test]
    fn requests_that_change_things_are_not_made_again() {
        for (is_get, expected) in [(true, Step::Next), (false, Step::Failed)] {
            let mut transfer = Transfer { is_get, ..Transfer::new(BlockSize::from_bytes(64), true, 0) };
            assert_eq!(transfer.on_response(&block(0, 1, 64), 0), Step::Next);
            assert_eq!(transfer.on_response(&block(1, 2, 64), 0), expected);
        }
    }

    /// A first block that is shorter than it says is none of a state.
    #[test]
    fn a_first_block_that_makes_no_sense_is_no_state() {
        let size = BlockSize::from_bytes(64);
        assert_eq!(Transfer::rest_of(&block(0, 1, 63), size).0, Step::Failed);
        assert_eq!(Transfer::rest_of(&block(0, 1, 64), size).0, Step::Next);
    }
}
