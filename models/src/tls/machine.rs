//! A session's machine: ours, or rustls's, where it is compiled in.

use super::connection::{ClientSide, Connection, Counts, Cx, ServerSide, Side};
use super::crypto::Mode;
use super::parameters::Common;
#[cfg(feature = "rustls")]
use super::with_rustls;
use crate::rope::Rope;

/// What the sessions of one application share.
#[derive(Debug)]
pub(super) enum Party {
    /// Of our machines.
    Own(Side),
    /// Of rustls's.
    #[cfg(feature = "rustls")]
    Rustls(Box<with_rustls::Side>),
}

/// One session.
#[derive(Debug)]
pub(super) enum Machine {
    /// Ours.
    Own(Box<Connection>),
    /// rustls's.
    #[cfg(feature = "rustls")]
    Rustls(Box<with_rustls::Session>),
}

impl Party {
    /// Of an application that opens connections.
    pub(super) fn client(side: ClientSide) -> Self {
        Self::Own(Side::Client(side))
    }

    /// Of one that takes them.
    pub(super) fn server(side: ServerSide) -> Self {
        Self::Own(Side::Server(side))
    }

    /// A copy; `None` where there can be none.
    pub(super) fn try_clone(&self) -> Option<Self> {
        match self {
            Self::Own(side) => Some(Self::Own(side.clone())),
            #[cfg(feature = "rustls")]
            Self::Rustls(side) => side.try_clone().map(|side| Self::Rustls(Box::new(side))),
        }
    }

    pub(super) fn common(&self) -> &Common {
        match self {
            Self::Own(Side::Client(side)) => &side.parameters.common,
            Self::Own(Side::Server(side)) => &side.parameters.common,
            #[cfg(feature = "rustls")]
            Self::Rustls(side) => side.common(),
        }
    }

    pub(super) fn is_server(&self) -> bool {
        match self {
            Self::Own(side) => matches!(side, Side::Server(_)),
            #[cfg(feature = "rustls")]
            Self::Rustls(side) => side.is_server(),
        }
    }

    /// Early data that a server has refused because they came again, or too late; rustls does not tell.
    pub(super) fn replays(&self) -> u64 {
        match self {
            Self::Own(Side::Server(side)) => side.replays,
            _ => 0,
        }
    }

    /// A machine: a client's says hello at once.
    pub(super) fn open(&mut self, mode: Mode, cx: &mut Cx<'_>) -> Machine {
        match self {
            Self::Own(Side::Client(side)) => Machine::Own(Box::new(Connection::client(mode, side, cx))),
            Self::Own(Side::Server(side)) => Machine::Own(Box::new(Connection::server(mode, side))),
            #[cfg(feature = "rustls")]
            Self::Rustls(side) => Machine::Rustls(Box::new(with_rustls::Session::new(side, cx))),
        }
    }
}

impl Machine {
    /// A copy; `None` where there can be none.
    pub(super) fn try_clone(&self) -> Option<Self> {
        match self {
            Self::Own(connection) => Some(Self::Own(connection.clone())),
            #[cfg(feature = "rustls")]
            Self::Rustls(_) => None,
        }
    }

    /// Bytes have come from the peer. `party` is that of its application, as everywhere here.
    pub(super) fn handle_bytes(&mut self, bytes: &Rope, party: &mut Party, cx: &mut Cx<'_>) {
        match (self, party) {
            (Self::Own(connection), Party::Own(side)) => connection.handle_bytes(bytes, side, cx),
            #[cfg(feature = "rustls")]
            (Self::Rustls(session), Party::Rustls(side)) => session.handle_bytes(bytes, side, cx),
            #[cfg(feature = "rustls")]
            _ => unreachable!("machines are opened by their own party"),
        }
    }

    pub(super) fn room(&self) -> u64 {
        match self {
            Self::Own(connection) => connection.room(),
            #[cfg(feature = "rustls")]
            Self::Rustls(session) => session.room(),
        }
    }

    pub(super) fn write(&mut self, data: &Rope, party: &mut Party, cx: &mut Cx<'_>) {
        match (self, party) {
            (Self::Own(connection), _) => connection.write(data, cx),
            #[cfg(feature = "rustls")]
            (Self::Rustls(session), Party::Rustls(side)) => session.write(data, side, cx),
            #[cfg(feature = "rustls")]
            _ => unreachable!("machines are opened by their own party"),
        }
    }

    pub(super) fn finish(&mut self, party: &mut Party, cx: &mut Cx<'_>) {
        match (self, party) {
            (Self::Own(connection), _) => connection.finish(cx),
            #[cfg(feature = "rustls")]
            (Self::Rustls(session), Party::Rustls(side)) => session.finish(side, cx),
            #[cfg(feature = "rustls")]
            _ => unreachable!("machines are opened by their own party"),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        match self {
            Self::Own(connection) => connection.has_failed(),
            #[cfg(feature = "rustls")]
            Self::Rustls(session) => session.has_failed(),
        }
    }

    pub(super) fn has_got_close(&self) -> bool {
        match self {
            Self::Own(connection) => connection.has_got_close(),
            #[cfg(feature = "rustls")]
            Self::Rustls(session) => session.has_got_close(),
        }
    }

    pub(super) fn has_sent_close(&self) -> bool {
        match self {
            Self::Own(connection) => connection.has_sent_close(),
            #[cfg(feature = "rustls")]
            Self::Rustls(session) => session.has_sent_close(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        match self {
            Self::Own(connection) => connection.counts(),
            #[cfg(feature = "rustls")]
            Self::Rustls(session) => session.counts(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tls::config::{Finding, Implementation, Profile, TlsClientConfig, TlsServerConfig};
    use protosim_core::{Size, Span};

    fn fields(found: Vec<Finding>) -> Vec<&'static str> {
        found.into_iter().map(|(field, _)| field).collect()
    }

    /// What rustls cannot be told is refused, and rustls itself where it is not compiled in.
    #[test]
    fn fields_that_rustls_cannot_honour_are_refused() {
        let missing: &[&str] = if cfg!(feature = "rustls") { &[] } else { &["tls.implementation"] };
        let implementation = Implementation::Rustls;
        let (client, server) = (TlsClientConfig::default(), TlsServerConfig::default());
        assert_eq!(fields(TlsClientConfig { implementation, ..client.clone() }.check()), missing);
        assert_eq!(fields(TlsServerConfig { implementation, ..server.clone() }.check()), missing);
        let client = TlsClientConfig {
            implementation,
            profile: Profile::MbedTls,
            key_shares: Some(Vec::new()),
            ocsp: Some(true),
            compression: Some(false),
            compatibility: Some(true),
            key_update: Some(Size::from_bytes(1_000_000)),
            ..client
        };
        let own =
            ["tls.profile", "tls.key_shares", "tls.ocsp", "tls.compression", "tls.compatibility", "tls.key_update"];
        assert_eq!(fields(client.check()), [missing, &own].concat());
        let server = TlsServerConfig {
            implementation,
            early_data: Some(Size::from_bytes(1_000)),
            ticket_lifetime: Some(Span::from_secs(60)),
            freshness: Some(Span::from_secs(1)),
            compression: true,
            key_update: Some(Size::from_bytes(1_000_000)),
            ..server
        };
        let own = ["tls.ticket_lifetime", "tls.freshness", "tls.compression", "tls.key_update"];
        assert_eq!(fields(server.check()), [missing, &own].concat());
    }
}
