//! What a script's options and directives, and the user, say of a run.

use super::ast::{OptionLine, Script};
use crate::tree::{Diagnostic, Diagnostics, Sources, Span as Place, Tree, read};
use protosim_core::Span;
use protosim_models::tcp::{Parameters, Profile, TcpConfig};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the user asks of all scripts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Request {
    /// Whose constants and features, whatever scripts say.
    pub profile: Option<Profile>,
    /// Fields of TCP that hold whatever scripts say, as in `rack=false`.
    pub set: Vec<String>,
    /// How far from its time an awaited packet may be; in place of what scripts say.
    pub tolerance: Option<Span>,
    /// Seed of the random streams.
    pub seed: u64,
}

/// How far from its time an event may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tolerance {
    /// At least so much.
    pub(super) least: Span,
    /// Or this part of the time since the event before \[1/1000\].
    pub(super) per_mille: u64,
}

impl Tolerance {
    /// As packetdrill has it: 4 ms, or 12.5 %.
    const DEFAULT: Self = Self { least: Span::from_millis(4), per_mille: 125 };

    /// That of an event so long after the one before it.
    pub(super) fn after(&self, gap: Span) -> Span {
        Span::from_nanos(gap.as_nanos() / 1000 * self.per_mille).max(self.least)
    }
}

/// All that a run goes by.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Settings {
    /// TCP, as far as it is not forced.
    pub(super) tcp: TcpConfig,
    /// Fields of TCP that the user has set.
    forced: serde_json::Map<String, serde_json::Value>,
    pub(super) tolerance: Tolerance,
    /// MTU of the one interface \[bytes\].
    pub(super) mtu: u64,
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    /// The tick of timestamps; without it their values are not compared, but for what they echo.
    pub(super) timestamp_tick: Option<Span>,
    /// Bursts are not merged.
    pub(super) strict_segments: bool,
    /// Every listener takes data with the SYN, without a socket option.
    pub(super) fast_open_listeners: bool,
    /// Clients and servers may use Fast Open at all.
    pub(super) fast_open: (bool, bool),
    /// Cookies are made with a key that the script knows.
    pub(super) has_cookie_key: bool,
    /// Idle time, interval and number of keepalive probes, for sockets that turn them on.
    pub(super) keepalive: protosim_models::tcp::Keepalive,
}

/// A script that cannot be judged here: why, and where that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unsupported {
    pub(super) reason: String,
    pub(super) place: Option<Place>,
}

impl Unsupported {
    pub(super) fn new(reason: impl Into<String>, place: Place) -> Self {
        Self { reason: reason.into(), place: Some(place) }
    }
}

impl Settings {
    /// Those of a script, before its first command. Mistakes in directives and in the user's own fields go to `mistakes`.
    pub(super) fn new(
        script: &Script,
        request: &Request,
        sources: &mut Sources,
        mistakes: &mut Diagnostics,
    ) -> Result<Self, Unsupported> {
        let mut settings = Self::plain();
        let mut tree = Tree::parse(sources, "directives", "()", mistakes);
        for directive in &script.directives {
            settings.directive(directive, &mut tree, sources, mistakes);
        }
        settings.tcp = read::<TcpConfig>(&tree, mistakes).value.unwrap_or_default();
        if let Some(profile) = request.profile {
            settings.tcp.profile = profile;
        }
        let mut tree = Tree::parse(sources, "command line", "()", mistakes);
        for argument in &request.set {
            tree.apply_override(sources, argument, mistakes);
        }
        let forced = read::<TcpConfig>(&tree, mistakes).value.unwrap_or_default();
        settings.forced = fields(&forced);
        settings.forced.remove("profile");
        for option in &script.options {
            settings.option(option, mistakes)?;
        }
        if let Some(least) = request.tolerance {
            settings.tolerance = Tolerance { least, per_mille: 0 };
        }
        Ok(settings)
    }

    fn plain() -> Self {
        Self {
            tcp: TcpConfig::default(),
            forced: serde_json::Map::new(),
            tolerance: Tolerance::DEFAULT,
            mtu: 1500,
            local: IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1)),
            remote: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            timestamp_tick: None,
            strict_segments: false,
            fast_open_listeners: false,
            fast_open: (true, true),
            has_cookie_key: false,
            keepalive: protosim_models::tcp::Keepalive::default(),
        }
    }

    /// What a connection goes by whose socket says this.
    pub(super) fn parameters(&self, tcp: &TcpConfig) -> Parameters {
        let mut all = fields(tcp);
        all.extend(self.forced.clone());
        // What was read from a configuration can be read again.
        serde_json::from_value::<TcpConfig>(all.into()).unwrap_or_else(|_| tcp.clone()).resolve()
    }

    /// `profile`, `tolerance`, `mtu`, or a field of TCP.
    fn directive(
        &mut self,
        directive: &OptionLine,
        tree: &mut Tree,
        sources: &mut Sources,
        mistakes: &mut Diagnostics,
    ) {
        let mut wrong = |what: String| {
            mistakes.push(Diagnostic::error("packetdrill::directive", directive.place, what));
        };
        match directive.name.as_str() {
            "tolerance" => match directive.value.parse() {
                Ok(least) => self.tolerance = Tolerance { least, per_mille: 0 },
                Err(error) => wrong(format!("`tolerance`: {error}")),
            },
            "mtu" => match directive.value.parse() {
                Ok(mtu) => self.mtu = mtu,
                Err(_) => wrong("`mtu` is a number of bytes".to_owned()),
            },
            name => tree.apply_override(sources, &format!("{name}={}", directive.value), mistakes),
        }
    }

    /// An option of packetdrill.
    fn option(&mut self, option: &OptionLine, mistakes: &mut Diagnostics) -> Result<(), Unsupported> {
        let value = option.value.as_str();
        let mut number = |what: &str| match value.parse::<u64>() {
            Ok(number) if number <= 1_000_000_000 => number,
            _ => {
                let message = format!("`--{}` is {what}", option.name);
                mistakes.push(Diagnostic::error("packetdrill::bad-option", option.place, message));
                0
            }
        };
        match option.name.as_str() {
            "tolerance_usecs" => self.tolerance.least = Span::from_micros(number("a number of microseconds")),
            "tolerance_percent" => self.tolerance.per_mille = 10 * number("a number of percent").min(100),
            "mtu" => self.mtu = number("a number of bytes"),
            "tcp_ts_tick_usecs" => {
                let tick = Span::from_micros(number("a number of microseconds"));
                self.timestamp_tick = (!tick.is_zero()).then_some(tick);
            }
            "ip_version" => match value {
                "ipv4" | "ipv4-mapped-ipv6" => {}
                "ipv6" => {
                    self.local = IpAddr::V6(Ipv6Addr::new(0xfd3d, 0x0a0b, 0x17d6, 0, 0, 0, 0, 1));
                    self.remote = IpAddr::V6(Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1));
                }
                _ => mistakes.push(Diagnostic::error(
                    "packetdrill::bad-option",
                    option.place,
                    "`--ip_version` is `ipv4`, `ipv6` or `ipv4-mapped-ipv6`",
                )),
            },
            "local_ip" | "remote_ip" => match value.parse::<IpAddr>() {
                Ok(address) if option.name == "local_ip" => self.local = address,
                Ok(address) => self.remote = address,
                Err(_) => mistakes.push(Diagnostic::error(
                    "packetdrill::bad-option",
                    option.place,
                    format!("`--{}` is an IP address", option.name),
                )),
            },
            "strict_segments" => self.strict_segments = true,
            // What concerns the other runner's network interface, clock or words.
            "mss" | "speed" | "gateway_ip" | "netmask_ip" | "bind_port" | "connect_port" | "tcp_ts_ecr_scaled"
            | "verbose" | "dry_run" | "persistent_tun_dev" | "no_cleanup" | "non_fatal" | "init_scripts" => {}
            name => return Err(Unsupported::new(format!("the option `--{name}`"), option.place)),
        }
        Ok(())
    }
}

/// The fields of a configuration that say something.
fn fields(tcp: &TcpConfig) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(tcp) {
        Ok(serde_json::Value::Object(mut fields)) => {
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => serde_json::Map::new(),
    }
}
