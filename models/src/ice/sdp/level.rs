//! Attributes of the session or of one medium.

use super::super::Candidate;
use super::super::wire::grammar::{is_token, port};
use super::super::wire::{Attribute, Credentials, Host, IceOptions, Malformed, RemoteCandidates};
use protosim_core::Span;

/// Where an attribute stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Before all media.
    Session,
    /// In one.
    Media,
}

/// Those of one level, gathered.
#[derive(Default, Debug)]
pub(super) struct Level<'a> {
    pub ufrag: Option<&'a str>,
    pub pwd: Option<&'a str>,
    pub pacing: Option<Span>,
    pub options: IceOptions,
    pub is_lite: bool,
    pub is_mismatch: bool,
    pub is_end: bool,
    pub mid: Option<&'a str>,
    pub is_multiplexed: bool,
    /// The port of RTCP, and its address, if it is not that of the medium.
    pub rtcp: Option<(u16, Option<Host>)>,
    pub candidates: Vec<Candidate>,
    pub remote: RemoteCandidates,
}

impl<'a> Level<'a> {
    /// Takes what stands behind `a=`.
    pub(super) fn take(&mut self, text: &'a str, place: Place) -> Result<(), Malformed> {
        match Attribute::parse(text)? {
            // Their levels: RFC 8839 §5.
            Attribute::Candidate(candidate) => {
                only(Place::Media, place)?;
                self.candidates.extend(candidate);
            }
            Attribute::RemoteCandidates(more) => {
                only(Place::Media, place)?;
                self.remote.append(&more)?;
            }
            Attribute::IceLite => {
                only(Place::Session, place)?;
                self.is_lite = true;
            }
            Attribute::IceMismatch => {
                only(Place::Media, place)?;
                self.is_mismatch = true;
            }
            Attribute::IcePacing(pacing) => {
                only(Place::Session, place)?;
                once(&mut self.pacing, pacing)?;
            }
            Attribute::IceUfrag(ufrag) => once(&mut self.ufrag, ufrag)?,
            Attribute::IcePwd(pwd) => once(&mut self.pwd, pwd)?,
            Attribute::IceOptions(options) => self.options = self.options.or(options),
            Attribute::EndOfCandidates => self.is_end = true,
            Attribute::Other { name, value } => self.take_other(name, value, place)?,
        }
        Ok(())
    }

    fn take_other(&mut self, name: &str, value: Option<&'a str>, place: Place) -> Result<(), Malformed> {
        match (name, value) {
            ("mid", Some(value)) if is_token(value) => {
                only(Place::Media, place)?;
                once(&mut self.mid, value)
            }
            ("mid", _) => Err(Malformed("a mid is a token")),
            ("rtcp-mux", None) => {
                only(Place::Media, place)?;
                self.is_multiplexed = true;
                Ok(())
            }
            ("rtcp", Some(value)) => {
                only(Place::Media, place)?;
                once(&mut self.rtcp, rtcp(value)?)
            }
            ("rtcp-mux" | "rtcp", _) => Err(Malformed("rtcp has a port, and rtcp-mux has no value")),
            _ => Ok(()),
        }
    }

    /// What a medium has: its own before the session's (RFC 8839 §5.4).
    pub(super) fn credentials(&self, session: &Self) -> Result<Option<Credentials>, Malformed> {
        match (self.ufrag.or(session.ufrag), self.pwd.or(session.pwd)) {
            (Some(ufrag), Some(pwd)) => Credentials::new(ufrag, pwd).map(Some),
            (None, None) => Ok(None),
            _ => Err(Malformed("ice-ufrag and ice-pwd go together")),
        }
    }
}

fn only(right: Place, place: Place) -> Result<(), Malformed> {
    match (place == right, right) {
        (true, _) => Ok(()),
        (false, Place::Session) => Err(Malformed("this attribute is of the session, and stands in a medium")),
        (false, Place::Media) => Err(Malformed("this attribute is of a medium, and stands before all media")),
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed("this attribute has been there before")),
    }
}

/// RFC 3605 §2.1: a port, and perhaps an address.
fn rtcp(value: &str) -> Result<(u16, Option<Host>), Malformed> {
    match value.split_once(' ') {
        None => Ok((port(value)?, None)),
        Some((number, rest)) => Ok((port(number)?, Some(connection(rest)?))),
    }
}

/// A network, a type and an address, as in `c=` and `o=` (RFC 8866 §5.7).
pub(super) fn connection(text: &str) -> Result<Host, Malformed> {
    let mut words = text.split(' ');
    let (Some("IN"), Some(family), Some(address), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed("an address is of three words: IN, its type, and itself"));
    };
    let host = Host::parse(address)?.ok_or(Malformed("an address is of unicast, or a name"))?;
    let fits = match &host {
        Host::Ip(_) => family == host.family(),
        Host::Name(_) => matches!(family, "IP4" | "IP6"),
    };
    if fits { Ok(host) } else { Err(Malformed("the type of the address is another")) }
}

/// Two media of the same ice-ufrag have the same ice-pwd (RFC 8839 §5.4); this is the place of one that has not.
pub(super) fn second_password<'c>(all: impl Iterator<Item = Option<&'c Credentials>>) -> Option<usize> {
    let mut known = std::collections::BTreeMap::new();
    let mut differs = |one: &'c Credentials| *known.entry(&one.ufrag).or_insert(&one.pwd) != &one.pwd;
    all.enumerate().find_map(|(at, one)| differs(one?).then_some(at))
}

/// The place of a medium that is called as one before it.
pub(super) fn second_mid<'m>(mut all: impl Iterator<Item = Option<&'m str>>) -> Option<usize> {
    let mut known = std::collections::BTreeSet::new();
    all.position(|mid| mid.is_some_and(|mid| !known.insert(mid)))
}
