//! What a server answers: by path, method and options (RFC 7252 §5.8, §5.10; RFC 7959 §2.4).

use super::Server;
use crate::coap::config::{OCTET_STREAM, WELL_KNOWN_CORE};
use crate::coap::links;
use crate::coap::wire::{Block, BlockSize, Code, Message, OptionNumber, Options};
use crate::rope::Rope;
use bytes::Bytes;

/// What a response says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) code: Code,
    pub(super) options: Options,
    pub(super) payload: Rope,
}

/// application/link-format (RFC 6690 §7.3).
pub(super) const LINK_FORMAT: u32 = 40;

impl Server {
    /// The place of a path among the resources.
    pub(super) fn resource(&self, path: &str) -> Option<usize> {
        self.config.paths.iter().position(|known| *known == path)
    }

    /// True if a request is for something that is there.
    pub(super) fn knows(&self, request: &Message) -> bool {
        let path = request.options.uri_path();
        path == WELL_KNOWN_CORE || self.resource(&path).is_some()
    }

    /// The answer to a request whose payload is whole.
    pub(super) fn answer_to(&self, request: &Message) -> Answer {
        let options = &request.options;
        // RFC 7252 §5.10.2: not a proxy.
        if options.first(OptionNumber::PROXY_URI).or(options.first(OptionNumber::PROXY_SCHEME)).is_some() {
            return Answer::bare(Code::PROXYING_NOT_SUPPORTED);
        }
        let path = options.uri_path();
        if path == WELL_KNOWN_CORE {
            return self.describe(request);
        }
        match self.resource(&path) {
            Some(resource) => self.serve(request, resource),
            None => Answer::bare(Code::NOT_FOUND),
        }
    }

    /// A resource (RFC 7252 §5.8, §5.10.6, §5.10.8).
    fn serve(&self, request: &Message, resource: usize) -> Answer {
        let options = &request.options;
        let etag = self.etag(resource);
        // The resource exists; without `validators` it has no ETag, and only an empty If-Match fits.
        let fits = |wanted: &Bytes| wanted.is_empty() || (self.config.validators && *wanted == etag);
        let no_match =
            options.all(OptionNumber::IF_MATCH).next().is_some() && !options.all(OptionNumber::IF_MATCH).any(fits);
        if no_match || options.first(OptionNumber::IF_NONE_MATCH).is_some() {
            return Answer::bare(Code::PRECONDITION_FAILED);
        }
        match request.code {
            Code::GET => {
                if options.uint(OptionNumber::ACCEPT).is_some_and(|accepted| accepted != OCTET_STREAM) {
                    return Answer::bare(Code::NOT_ACCEPTABLE);
                }
                // RFC 7252 §5.10.6.2: the client has the state already.
                if self.config.validators && options.all(OptionNumber::ETAG).any(|known| *known == etag) {
                    let mut answer = Answer::bare(Code::VALID);
                    answer.options.add(OptionNumber::ETAG, etag);
                    self.add_max_age(&mut answer.options);
                    return answer;
                }
                match options.block(OptionNumber::BLOCK2) {
                    Ok(block) => self.state(resource, block),
                    Err(_) => Answer::bare(Code::BAD_REQUEST),
                }
            }
            Code::POST | Code::PUT => Answer::bare(Code::CHANGED),
            Code::DELETE => Answer::bare(Code::DELETED),
            _ => Answer::bare(Code::METHOD_NOT_ALLOWED),
        }
    }

    /// The state of a resource, whose bytes are bulk data that go on from state to state, or the block of it that is asked for.
    pub(super) fn state(&self, resource: usize, block: Option<Block>) -> Answer {
        let (number, len) = (self.states[resource].0, self.config.payload.as_bytes());
        // At most one fill per path of a configuration, so it fits; 0 stands for requests.
        let body = Rope::fill(resource as u32 + 1, number.wrapping_mul(len), len);
        let mut answer = Answer::content(OCTET_STREAM, body);
        self.add_max_age(&mut answer.options);
        self.cut(answer, block, self.etag(resource))
    }

    /// Names a state of a resource: its number, from 1 on, in its shortest form.
    fn etag(&self, resource: usize) -> Bytes {
        let number = (self.states[resource].0 + 1).to_be_bytes();
        let skip = number.iter().take_while(|byte| **byte == 0).count().min(7);
        Bytes::copy_from_slice(&number[skip..])
    }

    fn add_max_age(&self, options: &mut Options) {
        if let Some(seconds) = self.config.max_age_s() {
            options.add_uint(OptionNumber::MAX_AGE, seconds);
        }
    }

    /// What `answer` becomes where blocks are asked for, or it is too large for one (RFC 7959 §2.4).
    fn cut(&self, mut answer: Answer, asked: Option<Block>, etag: Bytes) -> Answer {
        let own = self.config.block_size();
        let len = answer.payload.len();
        let is_large = own.is_some_and(|size| len > size.bytes());
        if asked.is_none() && !is_large {
            if self.config.validators {
                answer.options.add(OptionNumber::ETAG, etag);
            }
            return answer;
        }
        let size = match (own, asked) {
            (Some(own), Some(asked)) => own.min(asked.size),
            (own, asked) => own.or(asked.map(|asked| asked.size)).unwrap_or(BlockSize::LARGEST),
        };
        // A smaller size has the block begin at the same byte (RFC 7959 §2.4).
        let offset = asked.map_or(0, Block::offset);
        let Some(block) = Block::at(offset, size).filter(|_| offset < len || offset == 0) else {
            return Answer::bare(Code::BAD_REQUEST);
        };
        let part = answer.payload.slice(offset, size.bytes().min(len - offset));
        let more = offset + part.len() < len;
        answer.payload = part;
        answer.options.add(OptionNumber::ETAG, etag);
        answer.options.add_block(OptionNumber::BLOCK2, Block { more, ..block });
        if offset == 0 && more {
            // RFC 7959 §4; at most 16 MiB, so it fits.
            answer.options.add_uint(OptionNumber::SIZE2, len as u32);
        }
        answer
    }

    /// The links to the resources that the query asks for (RFC 6690 §4).
    fn describe(&self, request: &Message) -> Answer {
        if request.code != Code::GET {
            return Answer::bare(Code::METHOD_NOT_ALLOWED);
        }
        if request.options.uint(OptionNumber::ACCEPT).is_some_and(|accepted| accepted != LINK_FORMAT) {
            return Answer::bare(Code::NOT_ACCEPTABLE);
        }
        let Ok(block) = request.options.block(OptionNumber::BLOCK2) else { return Answer::bare(Code::BAD_REQUEST) };
        let links = links::describe(&self.config, &request.options);
        let answer = Answer::content(LINK_FORMAT, links.into_bytes().into());
        // What may be too long for a datagram goes in blocks, asked for or not (RFC 7959 §2.4).
        let size = self.config.block_size().unwrap_or(BlockSize::LARGEST);
        if block.is_none() && answer.payload.len() <= size.bytes() {
            return answer;
        }
        // Links do not change.
        self.cut(answer, block.or(Block::at(0, size)), Bytes::from_static(&[1]))
    }
}

impl Answer {
    /// A code alone.
    pub(super) const fn bare(code: Code) -> Self {
        Self { code, options: Options::new(), payload: Rope::new() }
    }

    /// 2.05.
    fn content(format: u32, payload: Rope) -> Self {
        let mut options = Options::new();
        options.add_uint(OptionNumber::CONTENT_FORMAT, format);
        Self { code: Code::CONTENT, options, payload }
    }
}
