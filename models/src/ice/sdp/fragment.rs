//! Fragments: candidates that follow an offer or an answer (`application/trickle-ice-sdpfrag`, RFC 8840 §9).
//!
//! ```text
//! m=audio 9 RTP/AVP 0              always so: it only begins a medium, which its mid says
//! a=mid:0
//! a=ice-ufrag:8hhY                 which generation they are of
//! a=ice-pwd:asd88fgpdd777uzjYhagZg
//! a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.0.2 rport 8998
//! a=end-of-candidates
//! ```
//! Messages of SIP that carry fragments may overtake each other or be lost, so that each has all candidates of its generation so far
//! (RFC 8840 §4.4); who reads takes those that are new.
//!
//! Of what the grammar of §9.2 allows beside these, `ice-lite`, `ice-options`, `ice-pacing` and `remote-candidates` are read and skipped, as
//! the description has them.

use super::super::Candidate;
use super::super::wire::{Credentials, Malformed};
use super::level::{Level, Place, second_mid, second_password};
use super::lines::{Limits, Line, Order, lines};
use super::read::media_line;
use super::write::{write_credentials, write_end};
use super::{Media, SdpError};
use std::fmt;

/// Candidates of some of a session's media.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Those of the session, if the description has them there: credentials of a fragment stand where they stood in the offer or the answer
    /// (RFC 8840 §9), and descriptions [are written](super::Description) with them at media alone.
    pub session: Option<Credentials>,
    /// No more candidates will follow, of any medium of the session.
    pub end_of_candidates: bool,
    /// The media.
    pub media: Vec<FragmentMedia>,
}

/// Candidates of one medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FragmentMedia {
    /// Which medium it is: the `a=mid` of the description, a token.
    pub mid: Box<str>,
    /// Which generation of ICE they are of: the medium's own, or those of the session.
    pub credentials: Credentials,
    /// Whether RTCP shares the component of RTP (RFC 8840 §6).
    pub rtcp_mux: bool,
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// No more of this medium will follow.
    pub end_of_candidates: bool,
}

impl FragmentMedia {
    /// Of a medium of a description, those candidates; nothing if it has no `mid`, or is without ICE.
    pub fn of(media: &Media, candidates: Vec<Candidate>, end_of_candidates: bool) -> Option<Self> {
        let (mid, credentials) = (media.mid.clone()?, media.credentials.clone()?);
        let rtcp_mux = media.rtcp == super::Rtcp::Multiplexed;
        Some(Self { mid, credentials, rtcp_mux, candidates, end_of_candidates })
    }
}

impl Fragment {
    /// Reads a fragment of the default [`Limits`].
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
        let mut session = Level::default();
        let mut media: Vec<(usize, Level<'_>)> = Vec::new();
        let mut order = Order::FRAGMENT;
        let mut last = 1;
        for line in lines(text, limits) {
            let line = line?;
            last = line.number;
            let Line { kind, value, .. } = line;
            let taken = match kind {
                // Its words say nothing.
                'm' => media_line(value).map(|_| {
                    media.push((line.number, Level::default()));
                    order = Order::FRAGMENT_MEDIA;
                }),
                _ => order.check(kind).and_then(|()| match media.last_mut() {
                    Some((_, level)) => level.take(value, Place::Media),
                    None => session.take(value, Place::Session),
                }),
            };
            taken.map_err(|reason| line.error(reason))?;
        }
        finish(&session, media, last)
    }
}

fn finish(session: &Level<'_>, sections: Vec<(usize, Level<'_>)>, last: usize) -> Result<Fragment, SdpError> {
    let own = session.credentials(&Level::default());
    let own = match own {
        // Of no medium, it would be of no generation.
        Ok(None) if sections.is_empty() => Err(Malformed("a fragment has ice-ufrag and ice-pwd")),
        // Half of them may be the session's, and the other half a medium's.
        Err(_) if !sections.is_empty() => Ok(None),
        own => own,
    };
    let own = own.map_err(|reason| SdpError { line: last, reason })?;
    let starts: Vec<usize> = sections.iter().map(|(line, _)| *line).collect();
    let at = |place: usize, reason| SdpError { line: starts[place], reason };
    let media =
        sections.into_iter().map(|(line, level)| one(level, session).map_err(|reason| SdpError { line, reason }));
    let media: Vec<FragmentMedia> = media.collect::<Result<_, _>>()?;
    if let Some(place) = second_mid(media.iter().map(|media| Some(&*media.mid))) {
        return Err(at(place, Malformed("two media have the same mid")));
    }
    if let Some(place) = second_password(media.iter().map(|media| Some(&media.credentials))) {
        return Err(at(place, Malformed("two media have the same ice-ufrag and not the same ice-pwd")));
    }
    Ok(Fragment { session: own, end_of_candidates: session.is_end, media })
}

fn one(level: Level<'_>, session: &Level<'_>) -> Result<FragmentMedia, Malformed> {
    let mid = level.mid.ok_or(Malformed("a medium of a fragment has a mid"))?;
    let credentials =
        level.credentials(session)?.ok_or(Malformed("a medium of a fragment has ice-ufrag and ice-pwd"))?;
    let (rtcp_mux, end_of_candidates) = (level.is_multiplexed, level.is_end);
    Ok(FragmentMedia { mid: mid.into(), credentials, rtcp_mux, candidates: level.candidates, end_of_candidates })
}

/// Lines with their ends; media have credentials where they are not those of the session.
impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.iter().try_for_each(|credentials| write_credentials(f, credentials))?;
        write_end(f, self.end_of_candidates)?;
        self.media.iter().try_for_each(|media| {
            write!(f, "m=audio 9 RTP/AVP 0\r\na=mid:{}\r\n", media.mid)?;
            if media.rtcp_mux {
                f.write_str("a=rtcp-mux\r\n")?;
            }
            if self.session.as_ref() != Some(&media.credentials) {
                write_credentials(f, &media.credentials)?;
            }
            media.candidates.iter().try_for_each(|candidate| write!(f, "a=candidate:{candidate}\r\n"))?;
            write_end(f, media.end_of_candidates)
        })
    }
}
