//! What a server does with credentials (RFC 8489 §9).
//!
//! A nonce is not kept: it says when it was given, with a digest over that and the client's address under a key that the
//! server drew when it began. So it costs no memory, differs between clients, and whoever makes one up is told 438.

use super::integrity::{self, Algorithm, BadText, Key, check_sha1, check_sha256, userhash};
use super::wire::{Attribute, ErrorCode, Fields, Message, Writer};
use hmac::{Hmac, KeyInit, Mac};
use protosim_core::{LocalTime, Purpose, Span, Stream};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The draw of the key of nonces.
pub const NONCE_KEY: Purpose = Purpose("stun.nonce-key");

/// How long a nonce is good. RFC 8656 §5 wants a server to give another one at least once an hour.
pub const NONCE_LIFETIME: Span = Span::from_secs(3600);

/// A user that a server knows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name. Required.
    pub name: String,
    /// The password. Required.
    pub password: String,
}

/// Which ways to make keys a server of long-term credentials offers (RFC 8489 §9.2.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Algorithms {
    /// MD5 alone, as deployed servers do: there is no PASSWORD-ALGORITHMS, and integrity is HMAC-SHA1.
    #[default]
    Md5,
    /// SHA-256 before MD5, in PASSWORD-ALGORITHMS: clients that know it protect with HMAC-SHA256.
    Sha256,
}

/// What a server wants of who asks.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Credentials {
    /// Nothing, as public STUN servers do.
    #[default]
    None,
    /// A name and a password that both ends were told for the moment (§9.1).
    ShortTerm(Vec<User>),
    /// A name and a password of a realm, and a nonce of the server's (§9.2).
    LongTerm {
        /// Whose users they are. Required.
        realm: String,
        /// The users. Required.
        users: Vec<User>,
        /// The ways to make keys. Default: Md5.
        #[serde(default)]
        algorithms: Algorithms,
        /// Whether names are asked for as digests, with realm (USERHASH). Default: false.
        #[serde(default)]
        anonymous: bool,
        /// How long a nonce is good. Default: 3600 s (RFC 8656 §5: at most an hour).
        #[serde(default = "nonce_lifetime")]
        nonce_lifetime: Span,
    },
}

/// The usual [`NONCE_LIFETIME`].
pub const fn nonce_lifetime() -> Span {
    NONCE_LIFETIME
}

impl Credentials {
    /// What is wrong with them.
    pub fn check(&self) -> Option<String> {
        self.authenticator().err().map(|_| format!("has a name, realm or password that {BadText}"))
    }

    /// What checks them.
    ///
    /// # Errors
    /// When a text cannot be what it is to be.
    pub fn authenticator(&self) -> Result<Authenticator, BadText> {
        let mut accounts = Vec::new();
        let mut add = |user: &User, md5: Key, sha256: Key, hash: [u8; 32]| -> Result<(), BadText> {
            accounts.push(Account { name: integrity::prepare(&user.name)?.into(), md5, sha256, hash });
            Ok(())
        };
        let mechanism = match self {
            Self::None => Mechanism::None,
            Self::ShortTerm(users) => {
                for user in users {
                    let key = Key::short_term(&user.password)?;
                    add(user, key.clone(), key, [0; 32])?;
                }
                Mechanism::ShortTerm
            }
            Self::LongTerm { realm, users, algorithms, anonymous, nonce_lifetime } => {
                for user in users {
                    let key = |algorithm| Key::long_term(&user.name, realm, &user.password, algorithm);
                    add(user, key(Algorithm::Md5)?, key(Algorithm::Sha256)?, userhash(&user.name, realm)?)?;
                }
                Mechanism::LongTerm(Realm {
                    name: integrity::prepare(realm)?,
                    algorithms: *algorithms,
                    cookie: cookie(*algorithms, *anonymous),
                    nonce_lifetime: *nonce_lifetime,
                    nonce_key: None,
                })
            }
        };
        Ok(Authenticator { mechanism, accounts: accounts.into() })
    }
}

/// `obMatJos2` and 24 bits of security features in base64 (§9.2, §18.1): bit 0 for password algorithms, bit 1 for anonymity.
const fn cookie(algorithms: Algorithms, anonymous: bool) -> &'static [u8; COOKIE_LEN] {
    match (algorithms, anonymous) {
        (Algorithms::Md5, false) => b"obMatJos2AAAA",
        (Algorithms::Sha256, false) => b"obMatJos2gAAA",
        (Algorithms::Md5, true) => b"obMatJos2QAAA",
        (Algorithms::Sha256, true) => b"obMatJos2wAAA",
    }
}

const COOKIE_LEN: usize = 13;

/// What a nonce says of its server (§18.1): whether it offers algorithms, and whether it wants digests of names. Without the
/// cookie it says neither.
pub fn security_features(nonce: &[u8]) -> (bool, bool) {
    let Some(features) = nonce.strip_prefix(b"obMatJos2") else { return (false, false) };
    // The first six of the 24 bits are in the first character.
    let first = match features.first() {
        Some(c @ b'A'..=b'Z') => c - b'A',
        Some(c @ b'a'..=b'z') => c - b'a' + 26,
        Some(c @ b'0'..=b'9') => c - b'0' + 52,
        Some(b'+') => 62,
        Some(b'/') => 63,
        _ => 0,
    };
    (first & 0x20 != 0, first & 0x10 != 0)
}

/// PASSWORD-ALGORITHMS: SHA-256, then MD5, without parameters (§14.11).
pub const OFFERED: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// The first algorithm of a list of PASSWORD-ALGORITHMS that is known here.
pub fn first_known(list: &[u8]) -> Option<Algorithm> {
    let mut rest = list;
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let known = Algorithm::from_number(u16::from_be_bytes([head[0], head[1]]));
        if known.is_some() {
            return known;
        }
        let parameters = usize::from(u16::from_be_bytes([head[2], head[3]])).next_multiple_of(4);
        rest = behind.get(parameters..)?;
    }
    None
}

/// Checks the credentials of requests.
#[derive(Clone, Debug)]
pub struct Authenticator {
    mechanism: Mechanism,
    accounts: Arc<[Account]>,
}

#[derive(Clone, Debug)]
enum Mechanism {
    None,
    ShortTerm,
    LongTerm(Realm),
}

#[derive(Clone, Debug)]
struct Realm {
    name: String,
    algorithms: Algorithms,
    cookie: &'static [u8; COOKIE_LEN],
    nonce_lifetime: Span,
    /// Drawn when it is first needed.
    nonce_key: Option<[u8; 32]>,
}

#[derive(Clone, Debug)]
struct Account {
    name: Box<str>,
    md5: Key,
    sha256: Key,
    hash: [u8; 32],
}

/// Who has asked, and how the answer is protected.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// Which user, by place in the configuration; `None` where nobody is asked for one.
    pub user: Option<usize>,
    /// The key, and whether the answer has MESSAGE-INTEGRITY-SHA256 in place of MESSAGE-INTEGRITY.
    pub key: Option<(Key, bool)>,
}

impl Granted {
    /// The rest of an answer: its integrity, and a fingerprint where the request had one.
    pub fn seal(&self, writer: Writer, fingerprint: bool) -> Vec<u8> {
        let writer = match &self.key {
            Some((key, true)) => writer.integrity_sha256(key, 32),
            Some((key, false)) => writer.integrity(key),
            None => writer,
        };
        if fingerprint { writer.fingerprint().finish() } else { writer.finish() }
    }
}

/// Why a request is not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// 400, 401 or 438.
    pub code: ErrorCode,
    /// Whether the answer has realm and nonce, for another try.
    pub with_challenge: bool,
}

impl Refused {
    const fn bad_request() -> Self {
        Self { code: ErrorCode::BAD_REQUEST, with_challenge: false }
    }
    const fn challenge(code: ErrorCode) -> Self {
        Self { code, with_challenge: true }
    }
}

impl Authenticator {
    /// Draws what nonces are made with, once. To be called before the other functions.
    pub fn begin(&mut self, stream: impl FnOnce() -> [u64; 4]) {
        if let Mechanism::LongTerm(realm) = &mut self.mechanism
            && realm.nonce_key.is_none()
        {
            let mut key = [0; 32];
            key.chunks_mut(8).zip(stream()).for_each(|(part, draw)| part.copy_from_slice(&draw.to_be_bytes()));
            realm.nonce_key = Some(key);
        }
    }

    /// Four draws for [`Authenticator::begin`].
    pub fn draw(stream: &mut Stream) -> [u64; 4] {
        std::array::from_fn(|_| stream.next_u64())
    }

    /// The checks of §9.1.3 and §9.2.4, in their order.
    ///
    /// # Errors
    /// With what is to be answered.
    pub fn check(
        &self,
        message: &Message<'_>,
        fields: &Fields<'_>,
        client: SocketAddr,
        now: LocalTime,
    ) -> Result<Granted, Refused> {
        match &self.mechanism {
            Mechanism::None => Ok(Granted::default()),
            Mechanism::ShortTerm => self.check_short_term(message, fields),
            Mechanism::LongTerm(realm) => self.check_long_term(realm, message, fields, client, now),
        }
    }

    fn check_short_term(&self, message: &Message<'_>, fields: &Fields<'_>) -> Result<Granted, Refused> {
        let (Some(name), true) = (fields.username, fields.has_any_integrity()) else {
            return Err(Refused::bad_request());
        };
        // 401 without a challenge: there is nothing that another try could add.
        let wrong = Refused { code: ErrorCode::UNAUTHENTICATED, with_challenge: false };
        let user = self.accounts.iter().position(|account| *account.name == *name).ok_or(wrong)?;
        let key = &self.accounts[user].md5;
        if !fits(message, key) {
            return Err(wrong);
        }
        Ok(Granted { user: Some(user), key: Some((key.clone(), fields.has_integrity_sha256)) })
    }

    fn check_long_term(
        &self,
        realm: &Realm,
        message: &Message<'_>,
        fields: &Fields<'_>,
        client: SocketAddr,
        now: LocalTime,
    ) -> Result<Granted, Refused> {
        if !fields.has_any_integrity() {
            return Err(Refused::challenge(ErrorCode::UNAUTHENTICATED));
        }
        let (Some(nonce), Some(_)) = (fields.nonce, fields.realm) else { return Err(Refused::bad_request()) };
        if fields.username.is_none() && fields.userhash.is_none() {
            return Err(Refused::bad_request());
        }
        let algorithm = chosen_algorithm(realm, fields, nonce)?;
        let is_named = |account: &Account| match (fields.username, fields.userhash) {
            (Some(name), _) => *account.name == *name,
            (None, hash) => hash == Some(account.hash),
        };
        let wrong = Refused::challenge(ErrorCode::UNAUTHENTICATED);
        let user = self.accounts.iter().position(is_named).ok_or(wrong)?;
        let key = match algorithm {
            Some(Algorithm::Sha256) => &self.accounts[user].sha256,
            Some(Algorithm::Md5) | None => &self.accounts[user].md5,
        };
        if !fits(message, key) {
            return Err(wrong);
        }
        if !realm.is_fresh(nonce, client, now) {
            return Err(Refused::challenge(ErrorCode::STALE_NONCE));
        }
        Ok(Granted { user: Some(user), key: Some((key.clone(), algorithm.is_some())) })
    }

    /// Adds what a client needs for another try.
    pub fn challenge(&self, writer: Writer, client: SocketAddr, now: LocalTime) -> Writer {
        let Mechanism::LongTerm(realm) = &self.mechanism else { return writer };
        let writer = writer.with(Attribute::Realm(&realm.name)).with(Attribute::Nonce(&realm.nonce(client, now)));
        match realm.algorithms {
            Algorithms::Md5 => writer,
            Algorithms::Sha256 => writer.with(Attribute::PasswordAlgorithms(&OFFERED)),
        }
    }
}

/// Which algorithm the request has chosen; `None` if it says nothing of it, which is MD5 (§9.2.4).
fn chosen_algorithm(realm: &Realm, fields: &Fields<'_>, nonce: &[u8]) -> Result<Option<Algorithm>, Refused> {
    if realm.algorithms == Algorithms::Md5 || !security_features(nonce).0 {
        return Ok(None);
    }
    match (fields.algorithm, fields.algorithms) {
        (None, None) => Ok(None),
        (Some(number), Some(list)) if list == OFFERED => match Algorithm::from_number(number) {
            Some(algorithm) => Ok(Some(algorithm)),
            None => Err(Refused::bad_request()),
        },
        _ => Err(Refused::bad_request()),
    }
}

/// The stronger one of the two is the one that counts (§9.1.3, §9.2.4). Neither is cut here.
fn fits(message: &Message<'_>, key: &Key) -> bool {
    check_sha256(message, key, 32).or_else(|| check_sha1(message, key)) == Some(true)
}

impl Realm {
    /// The cookie, the time in nanoseconds, and 64 bits that only this server can make for it and this client.
    fn nonce(&self, client: SocketAddr, at: LocalTime) -> Vec<u8> {
        let proof = self.proof(client, at);
        [self.cookie, format!("{:016x}{proof:016x}", at.as_nanos()).as_bytes()].concat()
    }

    fn proof(&self, client: SocketAddr, at: LocalTime) -> u64 {
        let key = self.nonce_key.expect("a server begins before it checks");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(&at.as_nanos().to_be_bytes());
        mac.update(&client.port().to_be_bytes());
        match client.ip() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        let digest = mac.finalize().into_bytes();
        digest[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    fn is_fresh(&self, nonce: &[u8], client: SocketAddr, now: LocalTime) -> bool {
        let Some(text) = nonce.strip_prefix(self.cookie).and_then(|text| text.first_chunk::<16>()) else {
            return false;
        };
        let at = std::str::from_utf8(text).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let Some(at) = at.map(LocalTime::from_nanos) else { return false };
        self.nonce(client, at) == nonce && now.saturating_since(at) < self.nonce_lifetime
    }
}
