//! Payloads of requests that come in blocks (RFC 7959 §2.5): put together one after the other, within bounds.

use crate::app::Host;
use crate::coap::config::Parameters;
use crate::coap::wire::{Block, BlockSize, Code, Message, OptionNumber, Options};
use protosim_core::LocalTime;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The bodies that are not whole, by client and by what they are for. Each client has one for each resource and method: a new one takes
/// its place.
#[derive(Clone, Debug, Default)]
pub(in crate::coap) struct Bodies(BTreeMap<(SocketAddr, Code, String), Body>);

/// A body that is not whole.
#[derive(Clone, Copy, Debug)]
struct Body {
    /// So much has come \[bytes\]; as much of the host's memory is held.
    len: u64,
    /// Nobody waits for the rest any more.
    expires: LocalTime,
}

/// What comes of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::coap) enum Piece {
    /// The body is whole, or the request had no blocks; with the Block1 of the answer.
    Whole(Option<Block>),
    /// This is the answer: more blocks are wanted, or no more.
    Answer(Code, Options),
}

impl Bodies {
    /// A request has come. `largest` is the size of blocks that the server wants, `most` that of bodies that it takes.
    pub(in crate::coap) fn take(
        &mut self,
        (peer, request): (SocketAddr, &Message),
        largest: Option<BlockSize>,
        most: u64,
        host: &mut dyn Host,
    ) -> Piece {
        let block = match request.options.block(OptionNumber::BLOCK1) {
            Err(_) => return Piece::Answer(Code::BAD_REQUEST, Options::new()),
            Ok(None) => {
                // RFC 7959 §2.9.3: so large in one piece, where blocks are wanted; the client learns of which size.
                let Some(size) = largest.filter(|size| request.payload.len() > size.bytes()) else {
                    return Piece::Whole(None);
                };
                return too_large(Block { number: 0, more: true, size }, None);
            }
            Ok(Some(block)) => block,
        };
        let now = host.now();
        self.forget_expired(now, host);
        let key = (peer, request.code, request.options.uri_path());
        let (len, size) = (request.payload.len(), block.size.min(largest.unwrap_or(BlockSize::LARGEST)));
        let had = self.0.get(&key).map_or(0, |body| body.len);
        if block.number == 0 && had > 0 {
            // It begins anew.
            self.forget(&key, host);
        }
        let had = if block.number == 0 { 0 } else { had };
        // RFC 7959 §2.2: each block but the last is as long as it says; §2.9.2: what does not follow is 4.08.
        let is_whole_block = if block.more { len == block.size.bytes() } else { len <= block.size.bytes() };
        if !is_whole_block {
            self.forget(&key, host);
            return Piece::Answer(Code::BAD_REQUEST, Options::new());
        }
        if block.offset() != had || (block.number > 0 && !self.0.contains_key(&key)) {
            self.forget(&key, host);
            return Piece::Answer(Code::REQUEST_ENTITY_INCOMPLETE, Options::new());
        }
        let announced = request.options.uint(OptionNumber::SIZE1).map_or(0, u64::from);
        if had + len > most || announced > most {
            self.forget(&key, host);
            return too_large(Block { number: block.number, more: block.more, size }, Some(most));
        }
        if host.reserve(len).is_err() {
            // Not too large for what it takes: there is no memory now.
            self.forget(&key, host);
            return Piece::Answer(Code::SERVICE_UNAVAILABLE, Options::new());
        }
        if block.more {
            let expires = now.saturating_add(Parameters::default().exchange_lifetime());
            self.0.insert(key, Body { len: had + len, expires });
            let mut options = Options::new();
            options.add_block(OptionNumber::BLOCK1, Block { size, ..block });
            return Piece::Answer(Code::CONTINUE, options);
        }
        host.release(len);
        self.forget(&key, host);
        Piece::Whole(Some(Block { size, ..block }))
    }

    /// True if none is under way that a client may still go on with.
    pub(in crate::coap) fn len(&self) -> usize {
        self.0.len()
    }

    fn forget(&mut self, key: &(SocketAddr, Code, String), host: &mut dyn Host) {
        if let Some(body) = self.0.remove(key) {
            host.release(body.len);
        }
    }

    /// RFC 7959 §2.5: after EXCHANGE_LIFETIME. No timer: the next block that comes has them go.
    fn forget_expired(&mut self, now: LocalTime, host: &mut dyn Host) {
        self.0.retain(|_, body| {
            let stays = body.expires > now;
            if !stays {
                host.release(body.len);
            }
            stays
        });
    }
}

/// 4.13, with the size of blocks that is wanted, and the size of bodies where that is the limit (RFC 7959 §2.9.3, §4).
fn too_large(block: Block, most: Option<u64>) -> Piece {
    let mut options = Options::new();
    options.add_block(OptionNumber::BLOCK1, block);
    if let Some(most) = most {
        // At most 1 GiB, so it fits.
        options.add_uint(OptionNumber::SIZE1, most as u32);
    }
    Piece::Answer(Code::REQUEST_ENTITY_TOO_LARGE, options)
}
