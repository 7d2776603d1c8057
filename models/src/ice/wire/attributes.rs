//! Attributes of SDP, of which those of ICE are read.

use super::super::Candidate;
use super::Malformed;
use super::grammar::{Host, component, decimal, ice_chars, is_token, port};
use protosim_core::Span;
use std::fmt;
use std::net::SocketAddr;

/// An attribute: what stands behind `a=`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attribute<'a> {
    /// `candidate`; nothing, if it is to be ignored.
    Candidate(Option<Candidate>),
    /// `remote-candidates`.
    RemoteCandidates(RemoteCandidates),
    /// `ice-lite`.
    IceLite,
    /// `ice-mismatch`.
    IceMismatch,
    /// `ice-ufrag`.
    IceUfrag(&'a str),
    /// `ice-pwd`.
    IcePwd(&'a str),
    /// `ice-pacing`.
    IcePacing(Span),
    /// `ice-options`.
    IceOptions(IceOptions),
    /// `end-of-candidates`.
    EndOfCandidates,
    /// Another one.
    Other {
        /// Its name.
        name: &'a str,
        /// What stands behind the colon, if there is one.
        value: Option<&'a str>,
    },
}

impl<'a> Attribute<'a> {
    /// Reads what stands behind `a=`.
    ///
    /// # Errors
    /// If its name is no token, or it is one of ICE that breaks its grammar.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if !is_token(name) {
            return Err(Malformed("the name of an attribute is a token"));
        }
        let flag = |attribute| match value {
            None => Ok(attribute),
            Some(_) => Err(Malformed("an attribute that has no value has one")),
        };
        let valued = value.ok_or(Malformed("an attribute that has a value has none"));
        match name {
            "candidate" => Candidate::parse(valued?).map(Self::Candidate),
            "remote-candidates" => RemoteCandidates::parse(valued?).map(Self::RemoteCandidates),
            "ice-lite" => flag(Self::IceLite),
            "ice-mismatch" => flag(Self::IceMismatch),
            "ice-ufrag" => Credentials::check_ufrag(valued?).map(Self::IceUfrag),
            "ice-pwd" => Credentials::check_pwd(valued?).map(Self::IcePwd),
            "ice-pacing" => {
                let ms = decimal(valued?, 10, 0..=u64::MAX, "a pacing is of 1 to 10 digits, in milliseconds")?;
                Ok(Self::IcePacing(Span::from_millis(ms)))
            }
            "ice-options" => IceOptions::parse(valued?).map(Self::IceOptions),
            "end-of-candidates" => flag(Self::EndOfCandidates),
            _ => Ok(Self::Other { name, value }),
        }
    }
}

/// The candidates of the peer that were chosen, by component (RFC 8839 §5.2).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RemoteCandidates(pub Vec<(u16, SocketAddr)>);

impl RemoteCandidates {
    fn parse(value: &str) -> Result<Self, Malformed> {
        let mut words = value.split(' ');
        let mut all = Self::default();
        while let Some(word) = words.next() {
            let component = component(word)?;
            let mut next =
                || words.next().ok_or(Malformed("a remote candidate has a component, an address and a port"));
            let (host, port) = (Host::parse(next()?)?, port(next()?)?);
            if let Some(Host::Ip(ip)) = host {
                all.add(component, (ip, port).into())?;
            }
        }
        Ok(all)
    }

    fn add(&mut self, component: u16, address: SocketAddr) -> Result<(), Malformed> {
        if self.0.iter().any(|(other, _)| *other == component) {
            return Err(Malformed("a component has one remote candidate"));
        }
        self.0.push((component, address));
        Ok(())
    }

    /// Adds those of another line.
    ///
    /// # Errors
    /// If a component then has two.
    pub fn append(&mut self, other: &Self) -> Result<(), Malformed> {
        other.0.iter().try_for_each(|(component, address)| self.add(*component, *address))
    }
}

/// As they stand behind `a=remote-candidates:`; of none nothing can be written.
impl fmt::Display for RemoteCandidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(n, (component, address))| {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{component} {} {}", address.ip(), address.port())
        })
    }
}

/// Extensions that an agent knows (§5.6).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IceOptions {
    /// `ice2`: it follows RFC 8445, and not RFC 5245 (RFC 8445 §10).
    pub ice2: bool,
    /// `trickle`: it takes candidates one after the other (RFC 8838 §3, RFC 8840 §4.1).
    pub trickle: bool,
}

impl IceOptions {
    /// None.
    pub const NONE: Self = Self { ice2: false, trickle: false };

    fn parse(value: &str) -> Result<Self, Malformed> {
        let mut all = Self::NONE;
        for tag in value.split(' ') {
            match ice_chars(tag, 1..=usize::MAX, "a tag of ice-options is of letters, digits, + or /")? {
                "ice2" => all.ice2 = true,
                "trickle" => all.trickle = true,
                _ => {}
            }
        }
        Ok(all)
    }

    /// Those that one of both has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { ice2: self.ice2 || other.ice2, trickle: self.trickle || other.trickle }
    }

    /// Those that both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { ice2: self.ice2 && other.ice2, trickle: self.trickle && other.trickle }
    }

    /// Those that the other has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self { ice2: self.ice2 && !other.ice2, trickle: self.trickle && !other.trickle }
    }
}

/// As they stand behind `a=ice-options:`; of none nothing can be written.
impl fmt::Display for IceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.ice2, self.trickle) {
            (true, true) => "ice2 trickle",
            (true, false) => "ice2",
            (false, true) => "trickle",
            (false, false) => "",
        })
    }
}

/// The name and password of an agent's checks, of one data stream and until ICE restarts (§5.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The fragment of the user name: 4 to 256 letters, digits, `+` or `/`. An agent makes none of more than 32 (§5.4).
    pub ufrag: Box<str>,
    /// The password: 22 to 256 of them.
    pub pwd: Box<str>,
}

impl Credentials {
    /// Both together.
    ///
    /// # Errors
    /// If one is too short or too long, or has other characters.
    pub fn new(ufrag: &str, pwd: &str) -> Result<Self, Malformed> {
        Ok(Self { ufrag: Self::check_ufrag(ufrag)?.into(), pwd: Self::check_pwd(pwd)?.into() })
    }

    fn check_ufrag(text: &str) -> Result<&str, Malformed> {
        ice_chars(text, 4..=256, "an ice-ufrag has 4 to 256 letters, digits, + or /")
    }

    fn check_pwd(text: &str) -> Result<&str, Malformed> {
        ice_chars(text, 22..=256, "an ice-pwd has 22 to 256 letters, digits, + or /")
    }
}
