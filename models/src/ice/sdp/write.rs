//! Descriptions into text.

use super::super::wire::{Credentials, Host, IceOptions};
use super::{Description, Media, Rtcp};
use std::fmt;

/// Lines with their ends. Credentials stand at each medium; fragments have them there too (RFC 8840 §9).
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, origin) = (self.origin.family(), &self.origin);
        write!(f, "v=0\r\no=- {} {} IN {family} {origin}\r\ns=-\r\nt=0 0\r\n", self.session_id, self.version)?;
        if self.lite {
            f.write_str("a=ice-lite\r\n")?;
        }
        if let Some(pacing) = self.pacing {
            write!(f, "a=ice-pacing:{}\r\n", pacing.as_nanos() / 1_000_000)?;
        }
        let shared = self.media.iter().map(|media| media.options).reduce(IceOptions::and).unwrap_or_default();
        write_options(f, shared)?;
        self.media.iter().try_for_each(|media| write_media(f, media, shared))
    }
}

fn write_media(f: &mut fmt::Formatter<'_>, media: &Media, shared: IceOptions) -> fmt::Result {
    let (format, host) = (&media.format, Host::of(&media.default));
    write!(f, "m={} {} {} {}\r\n", format.kind, media.default.port(), format.protocol, format.formats)?;
    write!(f, "c=IN {} {host}\r\n", host.family())?;
    if media.rtcp == Rtcp::None && format.is_rtp() {
        f.write_str("b=RS:0\r\nb=RR:0\r\n")?;
    }
    if let Some(mid) = &media.mid {
        write!(f, "a=mid:{mid}\r\n")?;
    }
    match &media.rtcp {
        Rtcp::None => {}
        Rtcp::Multiplexed => f.write_str("a=rtcp-mux\r\n")?,
        Rtcp::Separate(address) => {
            let host = Host::of(address);
            write!(f, "a=rtcp:{} IN {} {host}\r\n", address.port(), host.family())?;
        }
    }
    write_options(f, media.options.without(shared))?;
    if let Some(credentials) = &media.credentials {
        write_credentials(f, credentials)?;
    }
    if media.mismatch {
        f.write_str("a=ice-mismatch\r\n")?;
    }
    media.candidates.iter().try_for_each(|candidate| write!(f, "a=candidate:{candidate}\r\n"))?;
    if !media.remote_candidates.0.is_empty() {
        write!(f, "a=remote-candidates:{}\r\n", media.remote_candidates)?;
    }
    write_end(f, media.end_of_candidates)
}

fn write_options(f: &mut fmt::Formatter<'_>, options: IceOptions) -> fmt::Result {
    if options == IceOptions::NONE { Ok(()) } else { write!(f, "a=ice-options:{options}\r\n") }
}

pub(super) fn write_credentials(f: &mut fmt::Formatter<'_>, credentials: &Credentials) -> fmt::Result {
    write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", credentials.ufrag, credentials.pwd)
}

pub(super) fn write_end(f: &mut fmt::Formatter<'_>, is_end: bool) -> fmt::Result {
    if is_end { f.write_str("a=end-of-candidates\r\n") } else { Ok(()) }
}
