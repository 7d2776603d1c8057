//! All constants and features of a connection, and what they are in each profile.

use super::config::{EcnPolicy, FastOpen, Keepalive, Profile};
use super::congestion::CongestionConfig;
use crate::recovery::{RtoFloor, RtoLimits};
use protosim_core::Span;

/// What a connection goes by; see [`TcpConfig`](super::TcpConfig), whose fields have the same names, for what each one says.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "TcpConfig documents the same fields")]
pub struct Parameters {
    pub congestion: CongestionConfig,
    pub mss: Option<u16>,
    pub initial_window: u32,
    /// What the first window is at most, unless two segments are more \[bytes\]; no limit where the user has said how many segments.
    pub initial_window_bytes: u64,
    pub syn_losses: u32,
    pub send_buffer: u64,
    pub receive_buffer: u64,
    pub timestamps: bool,
    pub timestamps_required: bool,
    pub window_scaling: bool,
    pub sack: bool,
    pub dsack: bool,
    pub ecn: EcnPolicy,
    pub fast_open: FastOpen,
    pub nagle: bool,
    pub minshall: bool,
    pub delayed_ack: Span,
    pub ack_every: u32,
    pub quick_acks: u32,
    pub initial_rto: Span,
    pub min_rto: Span,
    pub max_rto: Span,
    pub rto_floor: RtoFloor,
    pub timer_tick: Span,
    pub syn_retries: u32,
    pub syn_linear_retries: u32,
    pub syn_ack_retries: u32,
    pub data_retries: u32,
    pub retries_by_time: bool,
    pub timeout_reduces_again: bool,
    pub dup_thresh: u32,
    pub limited_transmit: bool,
    pub rack: bool,
    pub tail_loss_probe: bool,
    pub prr: bool,
    pub f_rto: bool,
    pub undo: bool,
    pub pacing: bool,
    pub restart_after_idle: bool,
    pub idle_decay: bool,
    pub probe_with_data: bool,
    pub path_mtu_discovery: bool,
    pub keepalive: Option<Keepalive>,
    pub time_wait: Span,
    pub fin_wait_2: Span,
    /// Distance of acknowledgements of bare segments that are not acceptable (RFC 5961 §7).
    pub challenge_gap: Span,
    /// The least delay of an acknowledgement where it follows the gaps between segments.
    pub min_delayed_ack: Span,
    /// TLP.max_ack_delay (RFC 8985 §7.2).
    pub probe_ack_delay: Span,
    /// The time-out after a handshake without a round trip (RFC 6298 §5.7).
    pub cautious_rto: Span,
    /// For how long a round trip counts as the least one of late.
    pub min_rtt_window: Span,
    pub syn_backlog: u32,
    pub accept_backlog: u32,
    pub syn_cookies: bool,
    /// What is sent is protected (by TLS): for digests alone, which then look at its length.
    pub is_protected: bool,
}

impl Parameters {
    /// Within what the retransmission time-out is held.
    pub const fn rto_limits(&self) -> RtoLimits {
        RtoLimits {
            initial: self.initial_rto,
            least: self.min_rto,
            most: self.max_rto,
            floor: self.rto_floor,
            tick: self.timer_tick,
        }
    }

    /// Those of a profile.
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::Rfc => Self::rfc(),
            Profile::Linux => Self::linux(),
            Profile::Lwip => Self::lwip(),
            Profile::Uip => Self::uip(),
        }
    }

    /// What the RFCs recommend.
    fn rfc() -> Self {
        Self {
            congestion: CongestionConfig::NewReno,
            mss: None,
            initial_window: 10,
            initial_window_bytes: 14_600,
            syn_losses: 1,
            send_buffer: 4 << 20,
            receive_buffer: 4 << 20,
            timestamps: true,
            timestamps_required: true,
            window_scaling: true,
            sack: true,
            dsack: true,
            ecn: EcnPolicy::Accept,
            fast_open: FastOpen::Off,
            nagle: true,
            minshall: false,
            // RFC 9293 §3.8.6.3: below 0.5 s; RFC 5681 §4.2: for at least every second full segment.
            delayed_ack: Span::from_millis(200),
            ack_every: 2,
            quick_acks: 0,
            initial_rto: Span::from_secs(1),
            min_rto: Span::from_secs(1),
            max_rto: Span::from_secs(60),
            rto_floor: RtoFloor::Whole,
            timer_tick: Span::ZERO,
            // RFC 9293 §3.8.3: a SYN for at least 3 minutes: 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 = 183 s.
            syn_retries: 7,
            syn_linear_retries: 0,
            syn_ack_retries: 7,
            // R2 of at least 100 s: 1 + 2 + 4 + 8 + 16 + 32 + 60 = 123 s with the least time-out.
            data_retries: 6,
            retries_by_time: false,
            timeout_reduces_again: true,
            dup_thresh: 3,
            limited_transmit: true,
            rack: false,
            tail_loss_probe: false,
            prr: false,
            f_rto: false,
            undo: false,
            pacing: false,
            restart_after_idle: true,
            idle_decay: false,
            probe_with_data: true,
            path_mtu_discovery: true,
            keepalive: None,
            time_wait: Span::from_secs(240),
            fin_wait_2: Span::ZERO,
            challenge_gap: Span::from_millis(500),
            min_delayed_ack: Span::from_millis(40),
            probe_ack_delay: Span::from_millis(200),
            cautious_rto: Span::from_secs(3),
            min_rtt_window: Span::from_secs(300),
            syn_backlog: 128,
            accept_backlog: 128,
            syn_cookies: false,
            is_protected: false,
        }
    }

    /// Linux 6.6 with its defaults, but for the buffers, which it grows by need: here they are as large from the start.
    fn linux() -> Self {
        Self {
            congestion: CongestionConfig::default(),
            send_buffer: 4 << 20,
            receive_buffer: 6 << 20,
            delayed_ack: Span::from_millis(200),
            initial_window_bytes: u64::MAX,
            syn_losses: 2,
            minshall: true,
            timestamps_required: false,
            idle_decay: true,
            probe_with_data: false,
            quick_acks: 16,
            min_rto: Span::from_millis(200),
            max_rto: Span::from_secs(120),
            rto_floor: RtoFloor::Variation,
            syn_retries: 6,
            syn_linear_retries: 4,
            syn_ack_retries: 5,
            data_retries: 15,
            retries_by_time: true,
            timeout_reduces_again: false,
            rack: true,
            tail_loss_probe: true,
            prr: true,
            f_rto: true,
            undo: true,
            fast_open: FastOpen::Client,
            time_wait: Span::from_secs(60),
            fin_wait_2: Span::from_secs(60),
            syn_backlog: 4096,
            accept_backlog: 4096,
            syn_cookies: true,
            is_protected: false,
            ..Self::rfc()
        }
    }

    /// lwIP 2.1 as `opt.h` has it, with its usual segments of 1460 bytes and buffers of four of them.
    fn lwip() -> Self {
        Self {
            congestion: CongestionConfig::NewReno,
            mss: Some(1460),
            initial_window: 4,
            initial_window_bytes: u64::MAX,
            send_buffer: 4 * 1460,
            receive_buffer: 4 * 1460,
            timestamps: false,
            window_scaling: false,
            sack: false,
            dsack: false,
            ecn: EcnPolicy::Off,
            delayed_ack: Span::from_millis(250),
            initial_rto: Span::from_secs(3),
            min_rto: Span::from_millis(500),
            timer_tick: Span::from_millis(500),
            syn_retries: 6,
            syn_ack_retries: 6,
            data_retries: 12,
            limited_transmit: false,
            time_wait: Span::from_secs(120),
            fin_wait_2: Span::from_secs(20),
            syn_backlog: 5,
            accept_backlog: 5,
            ..Self::rfc()
        }
    }

    /// uIP 1.0: one segment in flight, one buffered.
    fn uip() -> Self {
        Self {
            congestion: CongestionConfig::Fixed { window: 1 },
            initial_window: 1,
            send_buffer: 1460,
            receive_buffer: 1460,
            delayed_ack: Span::ZERO,
            ack_every: 1,
            timer_tick: Span::from_millis(500),
            initial_rto: Span::from_millis(1500),
            min_rto: Span::from_millis(500),
            syn_retries: 5,
            syn_ack_retries: 5,
            data_retries: 8,
            path_mtu_discovery: false,
            time_wait: Span::from_secs(60),
            ..Self::lwip()
        }
    }
}
