//! A connection as expressions see it: the fields of Linux's `tcp_info`, and its constants.

use super::python::{Names, Value};
use protosim_models::tcp::congestion::Phase;
use protosim_models::tcp::{State, TcpInfo};

/// Linux's number of a state (`include/net/tcp_states.h`).
fn state_number(state: State) -> i128 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}

/// Linux's number of a phase (`enum tcp_ca_state`).
fn phase_number(phase: Phase) -> i128 {
    match phase {
        Phase::Open => 0,
        Phase::Disorder => 1,
        Phase::Cwr => 2,
        Phase::Recovery => 3,
        Phase::Loss => 4,
    }
}

/// Linux's word for "no threshold".
const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;

/// Constants that expressions may name.
const CONSTANTS: [(&str, i128); 24] = [
    ("TCP_INFINITE_SSTHRESH", INFINITE_SSTHRESH as i128),
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_NEW_SYN_RECV", 12),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16),
    ("TCPI_OPT_SYN_DATA", 32),
];

/// All names that expressions know of a connection.
pub(super) fn names(info: &TcpInfo) -> Names {
    let ssthresh = if info.snd_ssthresh == u32::MAX { INFINITE_SSTHRESH } else { info.snd_ssthresh };
    let fields: [(&str, i128); 43] = [
        ("state", state_number(info.state)),
        ("ca_state", phase_number(info.ca_state)),
        ("retransmits", info.retransmits.into()),
        ("probes", info.probes.into()),
        ("backoff", info.backoff.into()),
        ("options", info.options.into()),
        ("snd_wscale", info.snd_wscale.into()),
        ("rcv_wscale", info.rcv_wscale.into()),
        ("rto", info.rto.into()),
        ("ato", info.ato.into()),
        ("snd_mss", info.snd_mss.into()),
        ("rcv_mss", info.rcv_mss.into()),
        ("unacked", info.unacked.into()),
        ("sacked", info.sacked.into()),
        ("lost", info.lost.into()),
        ("retrans", info.retrans.into()),
        ("pmtu", info.pmtu.into()),
        ("snd_ssthresh", ssthresh.into()),
        ("rtt", info.rtt.into()),
        ("rttvar", info.rttvar.into()),
        ("snd_cwnd", info.snd_cwnd.into()),
        ("advmss", info.advmss.into()),
        ("reordering", info.reordering.into()),
        ("total_retrans", info.total_retrans.into()),
        ("pacing_rate", info.pacing_rate.into()),
        ("bytes_acked", info.bytes_acked.into()),
        ("bytes_received", info.bytes_received.into()),
        ("segs_out", info.segs_out.into()),
        ("segs_in", info.segs_in.into()),
        ("notsent_bytes", info.notsent_bytes.into()),
        ("min_rtt", info.min_rtt.into()),
        ("data_segs_in", info.data_segs_in.into()),
        ("data_segs_out", info.data_segs_out.into()),
        ("delivery_rate", info.delivery_rate.into()),
        ("busy_time", info.busy_time.into()),
        ("rwnd_limited", info.rwnd_limited.into()),
        ("delivered", info.delivered.into()),
        ("delivered_ce", info.delivered_ce.into()),
        ("bytes_sent", info.bytes_sent.into()),
        ("bytes_retrans", info.bytes_retrans.into()),
        ("dsack_dups", info.dsack_dups.into()),
        ("reord_seen", info.reord_seen.into()),
        ("total_rto", info.total_rto.into()),
    ];
    let fields = fields.into_iter().map(|(name, value)| (format!("tcpi_{name}"), Value::Int(value)));
    let constants = CONSTANTS.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value)));
    fields.chain(constants).collect()
}
