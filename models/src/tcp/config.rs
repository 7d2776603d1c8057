//! What a user says of TCP: a profile, and what shall differ from it.

use super::congestion::CongestionConfig;
use super::parameters::Parameters;
use crate::recovery::RtoFloor;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// A field, and what is wrong with it.
pub type Finding = (&'static str, String);

/// TCP of an application's connections: a profile, and exceptions from it. Whatever is left out is as the profile has it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TcpConfig {
    /// Whose constants and features. Default: Linux.
    pub profile: Profile,
    /// Congestion control.
    pub congestion: Option<CongestionConfig>,
    /// Maximum segment size \[bytes of payload and options\] that it announces, 88 to the MTU less headers. Default: what the MTU of the
    /// way out leaves.
    pub mss: Option<u16>,
    /// The first congestion window \[full segments\], 1 to 1000.
    pub initial_window: Option<u32>,
    /// After so many losses of a SYN or its answer, the first window is one segment (RFC 5681 §3.1: 1; Linux: 2).
    pub syn_losses: Option<u32>,
    /// Bytes that may wait to be acknowledged, those not sent yet included. Up to 1 GiB.
    pub send_buffer: Option<Size>,
    /// Bytes that may wait for the application, and so the largest window that it offers. Up to 1 GiB.
    pub receive_buffer: Option<Size>,
    /// Timestamps (RFC 7323), if the peer has them too.
    pub timestamps: Option<bool>,
    /// Drops segments that lack the timestamps which were agreed on (RFC 7323 §3.2); Linux takes them.
    pub timestamps_required: Option<bool>,
    /// Windows of more than 65535 bytes (RFC 7323), if the peer has them too.
    pub window_scaling: Option<bool>,
    /// Selective acknowledgements (RFC 2018), if the peer has them too.
    pub sack: Option<bool>,
    /// Tells the peer of what came twice (RFC 2883).
    pub dsack: Option<bool>,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: Option<EcnPolicy>,
    /// Data with the SYN (RFC 7413). A `TcpClient` sends them wherever its profile allows it, a `TcpSource` only if it is said here.
    pub fast_open: Option<FastOpen>,
    /// Holds small segments back while data is in flight (RFC 9293 §3.7.4); false is what NODELAY says.
    pub nagle: Option<bool>,
    /// Small segments are held back only while one that was small is in flight (Minshall's variant, as on Linux).
    pub minshall: Option<bool>,
    /// The longest that an acknowledgement waits for more to acknowledge; 0 s for none that waits.
    pub delayed_ack: Option<Span>,
    /// An acknowledgement is sent at once for so many full segments, 1 to 64.
    pub ack_every: Option<u32>,
    /// So many segments are acknowledged at once at the start of a connection and after an idle time (Linux).
    pub quick_acks: Option<u32>,
    /// The retransmission time-out before there is a measurement (RFC 6298 §2.1).
    pub initial_rto: Option<Span>,
    /// The least retransmission time-out (RFC 6298 §2.4).
    pub min_rto: Option<Span>,
    /// The largest retransmission time-out (RFC 6298 §2.5).
    pub max_rto: Option<Span>,
    /// What the least is of: the time-out, or its part for the variation alone (Linux).
    pub rto_floor: Option<RtoFloor>,
    /// Time-outs are rounded up to a multiple of this; 0 s for exact ones.
    pub timer_tick: Option<Span>,
    /// How often a SYN is sent again, by who opens connections.
    pub syn_retries: Option<u32>,
    /// How many of those come without doubling the time-out (Linux 6.5).
    pub syn_linear_retries: Option<u32>,
    /// How often a SYN with ACK is sent again, by who listens.
    pub syn_ack_retries: Option<u32>,
    /// How often data are sent again before the connection is given up; see `retries_by_time`. Probes of a closed window that nobody
    /// answers are counted in any case.
    pub data_retries: Option<u32>,
    /// Data are given up not after so many retransmissions, but at the first time-out after as long as `data_retries` doublings of 200 ms
    /// take, up to `max_rto` each (Linux: 15 are 924.6 s), from the first retransmission on.
    pub retries_by_time: Option<bool>,
    /// A time-out while losses are being repaired lowers the threshold once more (RFC 5681 §3.1, equation 4); Linux holds it.
    pub timeout_reduces_again: Option<bool>,
    /// Duplicate acknowledgements that tell of a loss (RFC 5681 §3.2), 1 to 100.
    pub dup_thresh: Option<u32>,
    /// New data for the first two duplicate acknowledgements (RFC 3042).
    pub limited_transmit: Option<bool>,
    /// Detects losses by time (RFC 8985); needs selective acknowledgements.
    pub rack: Option<bool>,
    /// Probes for the loss of a tail (RFC 8985 §7); needs selective acknowledgements.
    pub tail_loss_probe: Option<bool>,
    /// Proportional rate reduction (RFC 9937); without it the window is halved at once.
    pub prr: Option<bool>,
    /// Detects spurious time-outs (RFC 5682).
    pub f_rto: Option<bool>,
    /// Undoes a reduction that DSACK or timestamps show to have been for nothing (RFC 3708, RFC 4015).
    pub undo: Option<bool>,
    /// Spreads segments over the round trip.
    pub pacing: Option<bool>,
    /// Begins anew with a small window after an idle time (RFC 5681 §4.1).
    pub restart_after_idle: Option<bool>,
    /// That window is half of the last one for each time-out that passed idle (Linux), instead of the initial one at once.
    pub idle_decay: Option<bool>,
    /// A window probe carries a byte (RFC 9293 §3.8.6.1); without it, it repeats a number of old (Linux).
    pub probe_with_data: Option<bool>,
    /// Largest segments follow what routers say (RFC 1191, RFC 8201). Without it routers may cut packets over IPv4, and packets over
    /// IPv6 have 1280 bytes at most.
    pub path_mtu_discovery: Option<bool>,
    /// Tells a silent peer from a dead one (RFC 9293 §3.8.4). Default: not.
    pub keepalive: Option<Keepalive>,
    /// Twice the lifetime of a segment, for which the end that closes first remembers (RFC 9293 §3.4.2).
    pub time_wait: Option<Span>,
    /// How long an end that the application has closed waits for the peer's FIN; 0 s for ever.
    pub fin_wait_2: Option<Span>,
    /// The least distance of acknowledgements of segments that are not acceptable and carry nothing (RFC 5961 §7; Linux's
    /// `tcp_invalid_ratelimit`).
    pub challenge_gap: Option<Span>,
    /// The least that an acknowledgement is delayed where the delay follows the gaps between segments (`quick_acks`; Linux's `TCP_ATO_MIN`).
    pub min_delayed_ack: Option<Span>,
    /// What a probe of the tail waits for the acknowledgement of a single segment (TLP.max_ack_delay of RFC 8985 §7.2).
    pub probe_ack_delay: Option<Span>,
    /// The time-out after a handshake that took a retransmission and gave no round trip (RFC 6298 §5.7).
    pub cautious_rto: Option<Span>,
    /// For how long a round trip counts as the least one of late (Linux's `tcp_min_rtt_wlen`).
    pub min_rtt_window: Option<Span>,
    /// Connections that are being opened at a listener.
    pub syn_backlog: Option<u32>,
    /// Connections that wait to be accepted, for scripts of packetdrill: applications accept at once, and have no use for it.
    pub accept_backlog: Option<u32>,
    /// When the backlog is full: answers with a cookie and remembers nothing (RFC 4987 §3.6), or drops.
    pub syn_cookies: Option<bool>,
}

/// Fields about data that are sent: of no effect where an application only receives.
pub const OF_SENDERS: [&str; 10] = [
    "congestion",
    "send_buffer",
    "initial_window",
    "nagle",
    "minshall",
    "limited_transmit",
    "prr",
    "pacing",
    "restart_after_idle",
    "idle_decay",
];
/// Fields about data that are received: of no effect where an application only sends.
pub const OF_RECEIVERS: [&str; 5] = ["delayed_ack", "min_delayed_ack", "ack_every", "quick_acks", "dsack"];

/// What an application does with connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// It opens them.
    Opens,
    /// They come to it.
    Listens,
}

/// Whose constants and features a connection has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Profile {
    /// As Linux 6.6 has it: CUBIC, RACK-TLP, a least time-out of 200 ms, quick acknowledgements.
    #[default]
    Linux,
    /// As the RFCs recommend: NewReno with selective acknowledgements, a least time-out of 1 s.
    Rfc,
    /// As lwIP 2.1: ticks of 500 ms, no selective recovery, small buffers.
    Lwip,
    /// As uIP 1.0: one segment in flight.
    Uip,
}

/// Whether a connection uses explicit congestion notification (RFC 3168).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum EcnPolicy {
    /// Never.
    Off,
    /// If the peer asks for it.
    Accept,
    /// Asks for it, and accepts it.
    Request,
}

/// Data with the SYN (RFC 7413).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum FastOpen {
    /// Never.
    Off,
    /// A client uses cookies that it has, and asks for one where it has none.
    Client,
    /// A server gives cookies and takes data that come with them.
    Server,
    /// Both.
    Both,
}

/// Probes of an idle connection (RFC 9293 §3.8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keepalive {
    /// Nothing has come for so long. Default: 7200 s.
    pub idle: Span,
    /// Between probes that nobody answers. Default: 75 s.
    pub interval: Span,
    /// So many without an answer, and the connection is dead. Default: 9.
    pub probes: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { idle: Span::from_secs(7200), interval: Span::from_secs(75), probes: 9 }
    }
}

/// The largest buffer: windows end at 2^30 bytes (RFC 7323 §2.3).
const MOST_BUFFER: u64 = 1 << 30;
/// The least maximum segment size: Linux's `TCP_MIN_MSS`, 40 bytes of options and 48 of data.
pub const LEAST_MSS: u16 = 88;

impl TcpConfig {
    /// All that a connection goes by.
    pub fn resolve(&self) -> Parameters {
        let base = Parameters::of(self.profile);
        Parameters {
            congestion: self.congestion.clone().unwrap_or(base.congestion),
            mss: self.mss.or(base.mss),
            initial_window: self.initial_window.unwrap_or(base.initial_window),
            initial_window_bytes: if self.initial_window.is_some() { u64::MAX } else { base.initial_window_bytes },
            syn_losses: self.syn_losses.unwrap_or(base.syn_losses),
            send_buffer: self.send_buffer.map_or(base.send_buffer, Size::as_bytes),
            receive_buffer: self.receive_buffer.map_or(base.receive_buffer, Size::as_bytes),
            timestamps: self.timestamps.unwrap_or(base.timestamps),
            timestamps_required: self.timestamps_required.unwrap_or(base.timestamps_required),
            window_scaling: self.window_scaling.unwrap_or(base.window_scaling),
            sack: self.sack.unwrap_or(base.sack),
            dsack: self.dsack.unwrap_or(base.dsack),
            ecn: self.ecn.unwrap_or(base.ecn),
            fast_open: self.fast_open.unwrap_or(base.fast_open),
            nagle: self.nagle.unwrap_or(base.nagle),
            minshall: self.minshall.unwrap_or(base.minshall),
            delayed_ack: self.delayed_ack.unwrap_or(base.delayed_ack),
            ack_every: self.ack_every.unwrap_or(base.ack_every),
            quick_acks: self.quick_acks.unwrap_or(base.quick_acks),
            initial_rto: self.initial_rto.unwrap_or(base.initial_rto),
            min_rto: self.min_rto.unwrap_or(base.min_rto),
            max_rto: self.max_rto.unwrap_or(base.max_rto),
            rto_floor: self.rto_floor.unwrap_or(base.rto_floor),
            timer_tick: self.timer_tick.unwrap_or(base.timer_tick),
            syn_retries: self.syn_retries.unwrap_or(base.syn_retries),
            syn_linear_retries: self.syn_linear_retries.unwrap_or(base.syn_linear_retries),
            syn_ack_retries: self.syn_ack_retries.unwrap_or(base.syn_ack_retries),
            data_retries: self.data_retries.unwrap_or(base.data_retries),
            retries_by_time: self.retries_by_time.unwrap_or(base.retries_by_time),
            timeout_reduces_again: self.timeout_reduces_again.unwrap_or(base.timeout_reduces_again),
            dup_thresh: self.dup_thresh.unwrap_or(base.dup_thresh),
            limited_transmit: self.limited_transmit.unwrap_or(base.limited_transmit),
            rack: self.rack.unwrap_or(base.rack),
            tail_loss_probe: self.tail_loss_probe.unwrap_or(base.tail_loss_probe),
            prr: self.prr.unwrap_or(base.prr),
            f_rto: self.f_rto.unwrap_or(base.f_rto),
            undo: self.undo.unwrap_or(base.undo),
            pacing: self.pacing.unwrap_or(base.pacing),
            restart_after_idle: self.restart_after_idle.unwrap_or(base.restart_after_idle),
            idle_decay: self.idle_decay.unwrap_or(base.idle_decay),
            probe_with_data: self.probe_with_data.unwrap_or(base.probe_with_data),
            path_mtu_discovery: self.path_mtu_discovery.unwrap_or(base.path_mtu_discovery),
            keepalive: self.keepalive.or(base.keepalive),
            time_wait: self.time_wait.unwrap_or(base.time_wait),
            fin_wait_2: self.fin_wait_2.unwrap_or(base.fin_wait_2),
            challenge_gap: self.challenge_gap.unwrap_or(base.challenge_gap),
            min_delayed_ack: self.min_delayed_ack.unwrap_or(base.min_delayed_ack),
            probe_ack_delay: self.probe_ack_delay.unwrap_or(base.probe_ack_delay),
            cautious_rto: self.cautious_rto.unwrap_or(base.cautious_rto),
            min_rtt_window: self.min_rtt_window.unwrap_or(base.min_rtt_window),
            syn_backlog: self.syn_backlog.unwrap_or(base.syn_backlog),
            accept_backlog: self.accept_backlog.unwrap_or(base.accept_backlog),
            syn_cookies: self.syn_cookies.unwrap_or(base.syn_cookies),
            is_protected: false,
        }
    }

    /// Fields that contradict each other, or that nothing could come of for an application of this role: the field, and why.
    pub fn check(&self, role: Role) -> Vec<Finding> {
        let mut found = self.check_values();
        self.check_role(role, &mut found);
        self.check_congestion(role, &mut found);
        found
    }

    /// What only the other end has a use for.
    fn check_role(&self, role: Role, found: &mut Vec<Finding>) {
        let mut refuse = |field, is_vain: bool, why: &str| {
            if is_vain {
                found.push((field, format!("has no effect: {why}")));
            }
        };
        refuse("tcp.accept_backlog", self.accept_backlog.is_some(), "applications accept at once");
        match role {
            Role::Opens => {
                let why = "this application opens connections; its peer listens";
                refuse("tcp.syn_backlog", self.syn_backlog.is_some(), why);
                refuse("tcp.syn_cookies", self.syn_cookies.is_some(), why);
                refuse("tcp.syn_ack_retries", self.syn_ack_retries.is_some(), why);
                let why = "this application opens connections: say `Client`";
                refuse("tcp.fast_open", self.fast_open == Some(FastOpen::Server), why);
            }
            Role::Listens => {
                let why = "this application listens; its peer opens connections";
                refuse("tcp.syn_retries", self.syn_retries.is_some(), why);
                refuse("tcp.syn_linear_retries", self.syn_linear_retries.is_some(), why);
                let why = "this application listens: say `Server`";
                refuse("tcp.fast_open", self.fast_open == Some(FastOpen::Client), why);
            }
        }
    }

    /// What the congestion control has no use for, and what it needs.
    fn check_congestion(&self, role: Role, found: &mut Vec<Finding>) {
        let all = self.resolve();
        let congestion = all.congestion.build(all.pacing);
        let name = congestion.name();
        let mut refuse = |field, is_vain: bool, why: String| {
            if is_vain {
                found.push((field, why));
            }
        };
        if congestion.sets_window_in_recovery() {
            let why = || format!("has no effect: {name} sets its window itself");
            refuse("tcp.prr", self.prr.is_some(), why());
            refuse("tcp.timeout_reduces_again", self.timeout_reduces_again.is_some(), why());
            refuse("tcp.restart_after_idle", self.restart_after_idle.is_some(), why());
            refuse("tcp.idle_decay", self.idle_decay.is_some(), why());
        }
        match all.congestion {
            CongestionConfig::Bbr | CongestionConfig::BbrV3 => {
                refuse(
                    "tcp.pacing",
                    self.pacing.is_some(),
                    format!("has no effect: {name} has a pacing rate of its own"),
                );
            }
            CongestionConfig::Fixed { .. } => {
                let why = || "has no effect: the window is fixed".to_owned();
                refuse("tcp.initial_window", self.initial_window.is_some(), why());
                refuse("tcp.syn_losses", self.syn_losses.is_some(), why());
            }
            CongestionConfig::Dctcp(_) => {
                let (is_asked, needed) = match role {
                    Role::Opens => (all.ecn == EcnPolicy::Request, "Request"),
                    Role::Listens => (all.ecn != EcnPolicy::Off, "Accept"),
                };
                let why = format!("is NewReno without marks of queues: DCTCP needs `ecn: {needed}` here");
                refuse("tcp.congestion", !is_asked, why);
            }
            CongestionConfig::Cubic(_) | CongestionConfig::NewReno | CongestionConfig::Vegas(_) => {}
        }
    }

    fn check_values(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        if self.mss.is_some_and(|mss| mss < LEAST_MSS) {
            found.push(("tcp.mss", format!("is at least {LEAST_MSS}: 40 bytes of options must leave room for data")));
        }
        for (field, size) in [("tcp.send_buffer", self.send_buffer), ("tcp.receive_buffer", self.receive_buffer)] {
            let Some(size) = size else { continue };
            if !(1..=MOST_BUFFER).contains(&size.as_bytes()) {
                found.push((field, format!("is 1 B to 1 GiB (RFC 7323 §2.3), not {size}")));
            }
        }
        let counts = [
            ("tcp.initial_window", self.initial_window, 1, 1000),
            ("tcp.ack_every", self.ack_every, 1, 64),
            ("tcp.dup_thresh", self.dup_thresh, 1, 100),
            ("tcp.accept_backlog", self.accept_backlog, 1, u32::MAX),
        ];
        for (field, value, least, most) in counts {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                found.push((field, format!("is {least} to {most}")));
            }
        }
        let all = self.resolve();
        if all.initial_rto.is_zero() || all.max_rto < all.min_rto || all.max_rto < all.initial_rto {
            found.push((
                "tcp.max_rto",
                "is at least `min_rto` and `initial_rto`, and those are longer than 0 s".to_owned(),
            ));
        }
        if self.rack == Some(true) && !all.sack {
            found.push(("tcp.rack", "has no effect without `sack`".to_owned()));
        }
        if self.tail_loss_probe == Some(true) && !all.sack {
            found.push(("tcp.tail_loss_probe", "has no effect without `sack`".to_owned()));
        }
        if self.cautious_rto.is_some_and(|rto| rto.is_zero()) {
            found.push(("tcp.cautious_rto", "is longer than 0 s".to_owned()));
        }
        if all.min_rto.is_zero() {
            found.push(("tcp.min_rto", "is longer than 0 s".to_owned()));
        }
        let vain = [
            ("tcp.dsack", self.dsack == Some(true) && !all.sack, "sack"),
            ("tcp.timestamps_required", self.timestamps_required.is_some() && !all.timestamps, "timestamps"),
            ("tcp.minshall", self.minshall.is_some() && !all.nagle, "nagle"),
            ("tcp.idle_decay", self.idle_decay.is_some() && !all.restart_after_idle, "restart_after_idle"),
            ("tcp.f_rto", self.f_rto == Some(true) && !all.undo, "undo"),
            ("tcp.min_delayed_ack", self.min_delayed_ack.is_some() && all.quick_acks == 0, "quick_acks"),
            ("tcp.probe_ack_delay", self.probe_ack_delay.is_some() && !all.tail_loss_probe, "tail_loss_probe"),
        ];
        for (field, is_vain, needed) in vain {
            if is_vain {
                found.push((field, format!("has no effect without `{needed}`")));
            }
        }
        let shortest = Span::from_millis(1);
        if self.keepalive.is_some_and(|probes| probes.interval < shortest || probes.idle < shortest) {
            found.push(("tcp.keepalive", "has an `idle` and an `interval` of at least 1 ms".to_owned()));
        } else if self.keepalive.is_some_and(|probes| probes.probes == 0) {
            found.push(("tcp.keepalive", "has at least 1 probe".to_owned()));
        }
        if let Some(congestion) = &self.congestion {
            found.extend(congestion.check());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::congestion::DctcpConfig;
    use super::*;

    fn fields(config: &TcpConfig, role: Role) -> Vec<&'static str> {
        config.check(role).into_iter().map(|(field, _)| field).collect()
    }

    /// What a profile has is never refused; what is said and changes nothing is.
    #[test]
    fn fields_without_effect_are_refused() {
        for profile in [Profile::Linux, Profile::Rfc, Profile::Lwip, Profile::Uip] {
            let config = TcpConfig { profile, ..TcpConfig::default() };
            assert_eq!((fields(&config, Role::Opens), fields(&config, Role::Listens)), (vec![], vec![]), "{profile:?}");
        }
        let backlogs = TcpConfig {
            accept_backlog: Some(5),
            syn_backlog: Some(5),
            syn_cookies: Some(true),
            syn_ack_retries: Some(3),
            syn_retries: Some(3),
            syn_linear_retries: Some(1),
            fast_open: Some(FastOpen::Both),
            ..TcpConfig::default()
        };
        let opens = ["tcp.accept_backlog", "tcp.syn_backlog", "tcp.syn_cookies", "tcp.syn_ack_retries"];
        assert_eq!(fields(&backlogs, Role::Opens), opens);
        let listens = ["tcp.accept_backlog", "tcp.syn_retries", "tcp.syn_linear_retries"];
        assert_eq!(fields(&backlogs, Role::Listens), listens);
        for (fast_open, role) in [(FastOpen::Server, Role::Opens), (FastOpen::Client, Role::Listens)] {
            let config = TcpConfig { fast_open: Some(fast_open), ..TcpConfig::default() };
            assert_eq!(fields(&config, role), ["tcp.fast_open"]);
        }
    }

    /// BBR and fixed windows set their windows themselves; DCTCP lives of marks.
    #[test]
    fn what_congestion_control_has_no_use_for_is_refused() {
        let with = |congestion| TcpConfig {
            congestion: Some(congestion),
            prr: Some(true),
            pacing: Some(true),
            initial_window: Some(4),
            ..TcpConfig::default()
        };
        assert_eq!(fields(&with(CongestionConfig::NewReno), Role::Opens), [] as [&str; 0]);
        assert_eq!(fields(&with(CongestionConfig::Bbr), Role::Opens), ["tcp.prr", "tcp.pacing"]);
        assert_eq!(fields(&with(CongestionConfig::BbrV3), Role::Opens), ["tcp.prr", "tcp.pacing"]);
        let fixed = CongestionConfig::Fixed { window: 3 };
        assert_eq!(fields(&with(fixed), Role::Opens), ["tcp.prr", "tcp.initial_window"]);
        for (ecn, role, expected) in [
            (None, Role::Opens, vec!["tcp.congestion"]),
            (Some(EcnPolicy::Accept), Role::Opens, vec!["tcp.congestion"]),
            (Some(EcnPolicy::Request), Role::Opens, vec![]),
            (None, Role::Listens, vec![]),
            (Some(EcnPolicy::Off), Role::Listens, vec!["tcp.congestion"]),
        ] {
            let congestion = Some(CongestionConfig::Dctcp(DctcpConfig::default()));
            assert_eq!(
                fields(&TcpConfig { congestion, ecn, ..TcpConfig::default() }, role),
                expected,
                "{ecn:?}, {role:?}"
            );
        }
    }
}
