//! User name fragments, passwords and tie-breakers (RFC 8445 §5.3).

use crate::stun::integrity::Key;
use protosim_core::{Purpose, Stream};

/// The draws of an agent: what it must not let others guess, and when it asks for consent. One stream serves all, since each takes 128
/// bytes of every agent.
pub const SECRETS: Purpose = Purpose("ice");

/// The characters of both (§5.3, ice-char of RFC 8839 §5.1): six bits each.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// 24 bits at least (§5.3).
const UFRAG_LEN: usize = 4;
/// 128 bits at least.
const PWD_LEN: usize = 22;

/// What one end goes by.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) ufrag: Box<str>,
    pub(super) pwd: Box<str>,
    pub(super) key: Key,
}

impl Credentials {
    /// New ones.
    pub(super) fn draw(stream: &mut Stream) -> Self {
        let (ufrag, pwd) = (text(stream, UFRAG_LEN), text(stream, PWD_LEN));
        let key = Key::short_term(&pwd).expect("letters, digits and two signs are a password");
        Self { ufrag, pwd, key }
    }

    /// The peer's; `None` if they cannot be such (RFC 8839 §5.4: 4 to 256 and 22 to 256 characters).
    pub(super) fn of_peer(ufrag: &str, pwd: &str) -> Option<Self> {
        let is_ice = |text: &str| text.bytes().all(|byte| ICE_CHARS.contains(&byte));
        let fits = (4..=256).contains(&ufrag.len()) && (22..=256).contains(&pwd.len());
        let key = Key::short_term(pwd).ok()?;
        (fits && is_ice(ufrag) && is_ice(pwd)).then(|| Self { ufrag: ufrag.into(), pwd: pwd.into(), key })
    }
}

/// A number that is the larger one of two with even chance.
pub(super) fn draw_tie_breaker(stream: &mut Stream) -> u64 {
    stream.next_u64()
}

fn text(stream: &mut Stream, len: usize) -> Box<str> {
    // Ten characters of six bits each fit a draw.
    let draws: Vec<u64> = (0..len.div_ceil(10)).map(|_| stream.next_u64()).collect();
    let char_at = |at: usize| char::from(ICE_CHARS[(draws[at / 10] >> (6 * (at % 10)) & 63) as usize]);
    (0..len).map(char_at).collect::<String>().into()
}
