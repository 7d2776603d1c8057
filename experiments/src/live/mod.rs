//! An application over real UDP and TCP sockets, in wall-clock time: the same code that runs in the simulator.
//!
//! Besides `run.log` this is the only place that looks at a clock. Nothing is simulated: no links, no device
//! limits, and TCP is the system's. ICMP is not offered (it would need a raw socket), so pings run in the simulator alone.
//!
//! | file | what |
//! |---|---|
//! | `host` | what an application sees |
//! | `sockets` | all sockets, and who of them has something to say |
//! | `stream` | one TCP connection, as a stream that does not block |
//! | `options` | what of a configuration of TCP real sockets have |
//! | `root` | the authority of its certificates, for others to believe |

mod host;
mod options;
mod root;
mod sockets;
mod stream;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_tcp;

use crate::tree::{Diagnostics, Path, Sources, Tree, read};
use host::LiveHost;
use options::SocketOptions;
use protosim_core::Span;
use protosim_models::app::{App, Total};
use protosim_models::name::NodeName;
use protosim_models::registry::{AppConfig, Found, Port};
use protosim_models::tls::crypto::Mode;
pub use root::root_as_pem;
use sockets::Input;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// How to run live.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Local address of the sockets.
    pub bind: IpAddr,
    /// How long at most; `None` until nothing is left to do.
    pub duration: Option<Span>,
    /// Seed of the random streams.
    pub seed: u64,
    /// Keeps the secrets of TLS and DTLS.
    pub keeps_secrets: bool,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Exchanges that the application began.
    pub exchanges: u64,
    /// Those of them that got a response.
    pub answered: u64,
    /// Those of them that are over without one, as their client wanted (CoAP's `no_response`).
    pub unwanted: u64,
    /// What the application has counted.
    pub totals: Vec<Total>,
    /// The secrets of its TLS, if they were to be kept: the lines of a file for Wireshark.
    pub secrets: Vec<String>,
}

/// Why a live run was not possible.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A destination that is not an IP address.
    #[error("`{0}` is not an IP address: live applications talk to addresses, not to nodes")]
    NotAnAddress(String),
    /// Destination and local address are of different families.
    #[error("cannot talk to {to} from {bind}; choose another local address with --bind")]
    MixedFamilies {
        /// The destination.
        to: IpAddr,
        /// The local address.
        bind: IpAddr,
    },
    /// This application cannot run live.
    #[error("this application cannot run over real sockets: {0}")]
    NotLive(&'static str),
    /// The system refused a socket.
    #[error("cannot open {port} on {bind}: {error}")]
    Socket {
        /// The local address.
        bind: IpAddr,
        /// The port, of UDP or of TCP.
        port: Port,
        /// Why.
        error: io::Error,
    },
    /// A field that real sockets do not have, or not on this system.
    #[error("`{field}` is not to be had over real sockets: {why}")]
    Field {
        /// Its path from the top of the application.
        field: String,
        /// Why.
        why: String,
    },
    /// The system does not let anyone wait for sockets.
    #[error("cannot wait for sockets: {0}")]
    System(io::Error),
}

/// Reads an application as it stands in a scenario.
///
/// # Errors
/// Everything that is wrong with it, rendered for people.
pub fn parse_app(text: &str, colours: bool) -> Result<AppConfig, String> {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let tree = Tree::parse(&mut sources, "command line", text, &mut mistakes);
    let value = read::<AppConfig>(&tree, &mut mistakes).value;
    if let Some(config) = &value {
        for (field, message) in config.check() {
            let node = field.parse::<Path>().ok().and_then(|path| tree.find(&path));
            let span = node.or_else(|| tree.root.field(&field)).map_or(tree.root.span, |node| node.span);
            let message = format!("`{field}` {message}");
            mistakes.push(crate::tree::Diagnostic::error("scenario::no-effect", span, message));
        }
    }
    mistakes.sort();
    value.filter(|_| !mistakes.has_errors()).ok_or_else(|| mistakes.render(&sources, colours))
}

/// Runs an application until it has nothing left to do, or the time is over. Each line that it has to say goes to
/// `say`.
///
/// # Errors
/// When it cannot be started.
pub fn run(config: &AppConfig, options: Options, say: impl FnMut(String)) -> Result<Outcome, LiveError> {
    Session::open(config, options)?.run(say, || false)
}

/// The address that a name is; it is of the family of `bind`. Any, if there is no name.
fn address_of(name: Option<&NodeName>, bind: IpAddr) -> Result<IpAddr, LiveError> {
    let Some(NodeName(name)) = name else { return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) };
    let to: IpAddr = name.parse().map_err(|_| LiveError::NotAnAddress(name.clone()))?;
    if to.is_ipv4() != bind.is_ipv4() {
        return Err(LiveError::MixedFamilies { to, bind });
    }
    Ok(to)
}

/// An application with its host, and its port open if it listens on one.
struct Session {
    app: Box<dyn App>,
    host: LiveHost,
    duration: Option<Span>,
    /// It is there for those who come, and so has always something left to do.
    waits_for_peers: bool,
}

impl Session {
    fn open(config: &AppConfig, options: Options) -> Result<Self, LiveError> {
        if matches!(config, AppConfig::Ping(_)) {
            return Err(LiveError::NotLive("ICMP needs a raw socket"));
        }
        if config.clone().trace_file().is_some() {
            return Err(LiveError::NotLive("traces are replayed in the simulator alone"));
        }
        if let Some((field, _)) = config.channels().first() {
            let why = "channels join nodes of a simulated network".to_owned();
            return Err(LiveError::Field { field: (*field).to_owned(), why });
        }
        let address = address_of(config.destination(), options.bind)?;
        let further = config.further().into_iter().map(|named| address_of(Some(named.node), options.bind));
        let further = further.collect::<Result<Vec<_>, _>>()?;
        let mut config = config.clone();
        config.resolve(Found::at(further), None);
        let tcp = config.tcp().cloned().unwrap_or_default();
        let sockets = match config.tcp() {
            Some(tcp) => SocketOptions::of(tcp, options.bind)?,
            None => SocketOptions::default(),
        };
        let mut host = LiveHost::new(options.bind, options.seed, sockets).map_err(LiveError::System)?;
        if options.keeps_secrets {
            host.keep_secrets();
        }
        // The port is opened before the application starts, so that one that is taken is an error and not a panic.
        if let Some(port) = config.listens_on() {
            let opened = host.open(port, &tcp.resolve());
            opened.map_err(|error| LiveError::Socket { bind: options.bind, port, error })?;
        }
        let waits_for_peers = config.destination().is_none();
        Ok(Self { app: config.build(address, Mode::Real), host, duration: options.duration, waits_for_peers })
    }

    /// Runs it; also to where `is_enough` says so, which is asked from time to time.
    fn run(mut self, mut say: impl FnMut(String), is_enough: impl Fn() -> bool) -> Result<Outcome, LiveError> {
        let (app, host) = (&mut *self.app, &mut self.host);
        let mut outcome = Outcome::default();
        app.on_start(host);
        loop {
            if host.takes_flush() {
                app.on_flush(host);
            }
            for (line, counts) in host.take_lines() {
                outcome.exchanges += u64::from(counts.started);
                outcome.answered += u64::from(counts.answered);
                outcome.unwanted += u64::from(counts.unwanted);
                say(line);
            }
            // A server waits for requests as long as it is told to; a client is done when no timer is set and no stream is open.
            let is_done = !(self.waits_for_peers || host.has_work());
            if host.is_over(self.duration) || is_done || is_enough() {
                break;
            }
            match host.wait(self.duration).map_err(LiveError::System)? {
                Some(Input::Datagram(socket, from, payload)) => app.on_datagram(socket, from, payload, host),
                Some(Input::Stream(stream, _, event)) => app.on_stream(stream, event, host),
                None => {}
            }
            // Those that come to be due meanwhile have to wait: an application that is behind must not keep its sockets waiting.
            let now = host.look();
            while let Some(token) = host.due_timer(now) {
                app.on_timer(token, host);
            }
        }
        outcome.totals = app.totals();
        outcome.secrets = host.take_secrets();
        Ok(outcome)
    }
}
