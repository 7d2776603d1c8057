//! Descriptions out of text.

use super::super::CandidateAddress;
use super::super::wire::grammar::{decimal, is_token, is_visible, port};
use super::super::wire::{Host, Malformed, is_no_destination};
use super::level::{Level, Place, connection, second_mid, second_password};
use super::lines::{Limits, Line, Order, lines};
use super::{Description, Format, Media, Rtcp, SdpError};

impl Description {
    /// Reads a description of the default [`Limits`].
    ///
    /// # Errors
    /// At the first line that is wrong, or for one that is missing.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        Self::parse_within(text, Limits::default())
    }

    /// Reads one of these limits.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_within(text: &str, limits: Limits) -> Result<Self, SdpError> {
        let mut session = Session::default();
        let mut media: Vec<Section<'_>> = Vec::new();
        let mut order = Order::SESSION;
        let mut last = 0;
        for line in lines(text, limits) {
            let line = line?;
            last = line.number;
            let taken = match line.kind {
                'm' => Section::new(line).map(|section| {
                    media.push(section);
                    order = Order::MEDIA;
                }),
                kind => order.check(kind).and_then(|()| match media.last_mut() {
                    Some(section) => section.take(line),
                    None => session.take(line),
                }),
            };
            taken.map_err(|reason| line.error(reason))?;
        }
        session.finish(media, last)
    }
}

/// What stands before all media.
#[derive(Default)]
struct Session<'a> {
    is_version_0: bool,
    origin: Option<(u64, u64, Host)>,
    is_named: bool,
    is_timed: bool,
    connection: Option<Host>,
    silence: Silence,
    level: Level<'a>,
}

impl<'a> Session<'a> {
    fn take(&mut self, line: Line<'a>) -> Result<(), Malformed> {
        match line.kind {
            'v' if line.value == "0" => self.is_version_0 = true,
            'v' => return Err(Malformed("the version of SDP is 0")),
            'o' => self.origin = Some(origin(line.value)?),
            's' => self.is_named = true,
            'c' => self.connection = Some(connection(line.value)?),
            'b' => self.silence.take(line.value),
            't' => self.is_timed = check_times(line.value)?,
            'r' | 'z' if !self.is_timed => return Err(Malformed("before this line stands t=")),
            'a' => self.level.take(line.value, Place::Session)?,
            // What is skipped.
            _ => {}
        }
        Ok(())
    }

    fn finish(self, sections: Vec<Section<'a>>, last: usize) -> Result<Description, SdpError> {
        let missing = |reason| SdpError { line: last.max(1), reason: Malformed(reason) };
        if !self.is_version_0 {
            return Err(missing("v= is missing"));
        }
        let Some((session_id, version, origin)) = self.origin.clone() else { return Err(missing("o= is missing")) };
        if !self.is_named {
            return Err(missing("s= is missing"));
        }
        if !self.is_timed {
            return Err(missing("t= is missing"));
        }
        let starts: Vec<usize> = sections.iter().map(|section| section.line).collect();
        let at = |place: usize, reason| SdpError { line: starts[place], reason };
        let media =
            sections.into_iter().enumerate().map(|(n, section)| section.finish(&self).map_err(|why| at(n, why)));
        let media: Vec<Media> = media.collect::<Result<_, _>>()?;
        if let Some(place) = second_mid(media.iter().map(|media| media.mid.as_deref())) {
            return Err(at(place, Malformed("two media have the same mid")));
        }
        if let Some(place) = second_password(media.iter().map(|media| media.credentials.as_ref())) {
            return Err(at(place, Malformed("two media have the same ice-ufrag and not the same ice-pwd")));
        }
        let (lite, pacing) = (self.level.is_lite, self.level.pacing);
        Ok(Description { session_id, version, origin, lite, pacing, media })
    }
}

/// A medium: `m=` and what stands behind it.
struct Section<'a> {
    line: usize,
    port: u16,
    format: Format,
    connection: Option<Host>,
    silence: Silence,
    level: Level<'a>,
}

impl<'a> Section<'a> {
    fn new(line: Line<'a>) -> Result<Self, Malformed> {
        let (port, format) = media_line(line.value)?;
        let (silence, level) = (Silence::default(), Level::default());
        Ok(Self { line: line.number, port, format, connection: None, silence, level })
    }

    fn take(&mut self, line: Line<'a>) -> Result<(), Malformed> {
        match line.kind {
            'c' => self.connection = Some(connection(line.value)?),
            'b' => self.silence.take(line.value),
            'a' => self.level.take(line.value, Place::Media)?,
            // What is skipped.
            _ => {}
        }
        Ok(())
    }

    fn finish(self, session: &Session<'_>) -> Result<Media, Malformed> {
        let host = self.connection.or_else(|| session.connection.clone());
        let host = host.ok_or(Malformed("c= is missing, of this medium and of the session"))?;
        let credentials = self.level.credentials(&session.level)?;
        if credentials.is_none() && !self.level.candidates.is_empty() {
            return Err(Malformed("there are candidates, and no ice-ufrag and ice-pwd"));
        }
        let is_silent = self.silence.or(session.silence).is_whole();
        let default = host.clone().at(self.port);
        let rtcp = match self.level.rtcp {
            _ if !self.format.is_rtp() => Rtcp::None,
            _ if self.level.is_multiplexed => Rtcp::Multiplexed,
            Some((port, own)) => Rtcp::Separate(own.unwrap_or(host).at(port)),
            None if is_silent || self.port == 0 => Rtcp::None,
            None => Rtcp::Separate(next_port(&default, host)?),
        };
        Ok(Media {
            format: self.format,
            mid: self.level.mid.map(Into::into),
            default,
            rtcp,
            credentials,
            options: self.level.options.or(session.level.options),
            candidates: self.level.candidates,
            end_of_candidates: self.level.is_end || session.level.is_end,
            mismatch: self.level.is_mismatch,
            remote_candidates: self.level.remote,
        })
    }
}

/// Where RTCP is if nothing says so: at the next port (RFC 8839 §3); of no destination there is no next one.
fn next_port(default: &CandidateAddress, host: Host) -> Result<CandidateAddress, Malformed> {
    if default.ip().is_some() && is_no_destination(default) {
        return Ok(default.clone());
    }
    let next = default.port().checked_add(1).ok_or(Malformed("there is no port behind the last one, for RTCP"))?;
    Ok(host.at(next))
}

/// Which bandwidths of RTCP are zero (RFC 3556): without both there is no RTCP (RFC 8839 §4.2.2).
#[derive(Clone, Copy, Default)]
struct Silence {
    senders: bool,
    receivers: bool,
}

impl Silence {
    fn take(&mut self, value: &str) {
        self.senders |= value == "RS:0";
        self.receivers |= value == "RR:0";
    }

    const fn or(self, other: Self) -> Self {
        Self { senders: self.senders || other.senders, receivers: self.receivers || other.receivers }
    }

    const fn is_whole(self) -> bool {
        self.senders && self.receivers
    }
}

/// RFC 8866 §5.2: a user, a number, a version, and where that is unique.
fn origin(value: &str) -> Result<(u64, u64, Host), Malformed> {
    let mut words = value.splitn(4, ' ');
    let (Some(user), Some(id), Some(version), Some(rest)) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed("o= has six words"));
    };
    if !is_visible(user) {
        return Err(Malformed("the user of o= is missing"));
    }
    let number = |text| decimal(text, usize::MAX, 0..=u64::MAX, "number and version of o= are numbers of 64 bits");
    Ok((number(id)?, number(version)?, connection(rest)?))
}

/// RFC 8866 §5.9: when the session begins and ends, which agents do not go by (RFC 3264 §5).
fn check_times(value: &str) -> Result<bool, Malformed> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match value.split_once(' ') {
        Some((start, stop)) if is_number(start) && is_number(stop) => Ok(true),
        _ => Err(Malformed("t= has two numbers")),
    }
}

/// RFC 8866 §5.14: what, at which port, by which protocol, in which formats.
pub(super) fn media_line(value: &str) -> Result<(u16, Format), Malformed> {
    let mut words = value.splitn(4, ' ');
    let (Some(kind), Some(ports), Some(protocol), Some(formats)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed("m= has four words or more"));
    };
    let (first, count) = ports.split_once('/').unwrap_or((ports, "1"));
    decimal(count, usize::MAX, 1..=u64::MAX, "a number of ports is a number")?;
    if !is_token(kind) || !protocol.split('/').all(is_token) || !formats.split(' ').all(is_token) {
        return Err(Malformed("kind, protocol and formats of m= are tokens"));
    }
    let format = Format { kind: kind.into(), protocol: protocol.into(), formats: formats.into() };
    Ok((port(first)?, format))
}
