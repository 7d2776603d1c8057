//! Connections of TCP as a NAT follows them (RFC 7857 §2, after RFC 6146 §3.5.2).

use crate::packet::TcpFlags;

/// What a NAT knows of a session.
///
/// ```text
///           SYN             SYN from the other side           FIN of both
/// (nothing) ---> Opening ----------------------> Established ------------> Closing
///                   ^                              |     ^
///                   |                          RST |     | anything but RST
///                   |          SYN                 v     |
///                   +---------------------------- Reset -+
/// ```
///
/// Opening, Closing and Reset last for the transitory time-out; in Opening a SYN starts it anew, in Closing and in Reset nothing does. In
/// Established every segment starts the idle time-out anew, in either direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Not TCP.
    Plain,
    /// One side has sent its SYN.
    Opening {
        /// The side inside.
        from_inside: bool,
    },
    /// Both have.
    Established {
        /// The FIN of the side inside has been seen.
        inside_done: bool,
        /// The FIN of the side outside has been seen.
        outside_done: bool,
    },
    /// Both have sent their FIN.
    Closing,
    /// One has reset it.
    Reset,
}

/// Which of the two time-outs of TCP starts anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refresh {
    Transitory,
    Established,
}

impl State {
    /// What a segment makes of it.
    pub(super) fn after(self, flags: TcpFlags, is_from_inside: bool) -> (Self, Option<Refresh>) {
        let (syn, fin, rst) = (flags.has(TcpFlags::SYN), flags.has(TcpFlags::FIN), flags.has(TcpFlags::RST));
        let opening = (Self::Opening { from_inside: is_from_inside }, Some(Refresh::Transitory));
        let open = |inside_done, outside_done| Self::Established { inside_done, outside_done };
        match self {
            Self::Plain => (self, None),
            Self::Opening { from_inside } if syn && !rst => match from_inside == is_from_inside {
                true => (self, Some(Refresh::Transitory)),
                false => (open(false, false), Some(Refresh::Established)),
            },
            Self::Opening { .. } => (self, None),
            Self::Established { .. } if rst => (Self::Reset, Some(Refresh::Transitory)),
            Self::Established { inside_done, outside_done } => {
                let (inside, outside) = (inside_done || fin && is_from_inside, outside_done || fin && !is_from_inside);
                match inside && outside {
                    true => (Self::Closing, Some(Refresh::Transitory)),
                    false => (open(inside, outside), Some(Refresh::Established)),
                }
            }
            // The same ports once more.
            Self::Closing | Self::Reset if syn && !rst => opening,
            Self::Closing => (self, None),
            Self::Reset if rst => (self, None),
            Self::Reset => (open(false, false), Some(Refresh::Established)),
        }
    }
}
