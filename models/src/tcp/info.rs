//! A snapshot of a connection, under the names of Linux's `tcp_info` and in its units.

use super::State;
use super::congestion::Phase;

/// What `getsockopt(TCP_INFO)` says on Linux, without the prefix `tcpi_`. Times are microseconds; windows are full segments, as there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names are Linux's; those that need a word have one")]
pub struct TcpInfo {
    pub state: State,
    pub ca_state: Phase,
    /// Time-outs in a row without an acknowledgement.
    pub retransmits: u32,
    /// Window probes or keepalives in a row without an answer.
    pub probes: u32,
    /// Doublings of the time-out.
    pub backoff: u32,
    /// 1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 16 ECN seen, 32 data with the SYN were acknowledged.
    pub options: u8,
    pub snd_wscale: u8,
    pub rcv_wscale: u8,
    /// \[us\]
    pub rto: u32,
    /// The delay of acknowledgements \[us\].
    pub ato: u32,
    /// \[bytes\]
    pub snd_mss: u32,
    /// \[bytes\]
    pub rcv_mss: u32,
    /// Segments in flight, as far as the cumulative acknowledgement tells.
    pub unacked: u32,
    pub sacked: u32,
    pub lost: u32,
    /// Segments that have been sent again and not been acknowledged yet.
    pub retrans: u32,
    pub pmtu: u32,
    /// \[bytes\]; `u32::MAX` stands for none here, 2^31 - 1 on Linux.
    pub snd_ssthresh: u32,
    /// \[us\]
    pub rtt: u32,
    /// \[us\]
    pub rttvar: u32,
    /// \[segments\]
    pub snd_cwnd: u32,
    /// \[bytes\]
    pub advmss: u32,
    pub reordering: u32,
    /// Retransmissions over the life of the connection.
    pub total_retrans: u32,
    /// \[bytes/s\]; `u64::MAX` for none.
    pub pacing_rate: u64,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub segs_out: u64,
    pub segs_in: u64,
    pub notsent_bytes: u64,
    /// \[us\]; `u32::MAX` before there is one.
    pub min_rtt: u32,
    pub data_segs_in: u64,
    pub data_segs_out: u64,
    /// \[bytes/s\]
    pub delivery_rate: u64,
    /// Time in which data were in flight \[us\].
    pub busy_time: u64,
    /// Time in which the peer's window held it back \[us\].
    pub rwnd_limited: u64,
    /// Segments.
    pub delivered: u32,
    pub delivered_ce: u32,
    pub bytes_sent: u64,
    pub bytes_retrans: u64,
    pub dsack_dups: u32,
    pub reord_seen: u32,
    /// Segments received out of order.
    pub rcv_ooopack: u32,
    /// The peer's window \[bytes\].
    pub snd_wnd: u32,
    /// The window offered \[bytes\].
    pub rcv_wnd: u32,
    /// Retransmission time-outs over the life of the connection.
    pub total_rto: u32,
    /// Zero windows that were sent, over the life of the connection. Linux has no such field.
    pub zero_windows: u32,
}

/// What connections have counted over their lives, for results. Bytes are of payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpTotals {
    /// Acknowledged by the peer's host, whose application need not have read them.
    pub acknowledged_bytes: u64,
    /// Sent, each as often as it was.
    pub sent_bytes: u64,
    /// Those of them that were sent again.
    pub retransmitted_bytes: u64,
    /// Segments that were sent, acknowledgements too.
    pub segments: u64,
    /// Segments that were sent again.
    pub retransmitted_segments: u64,
    /// Retransmission time-outs.
    pub timeouts: u64,
    /// Segments that offered the peer no window, those with SYN, FIN or RST not counted (as Wireshark counts them).
    pub zero_windows: u64,
}

impl TcpTotals {
    /// Adds those of another connection.
    pub const fn add(&mut self, other: &Self) {
        self.acknowledged_bytes += other.acknowledged_bytes;
        self.sent_bytes += other.sent_bytes;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.segments += other.segments;
        self.retransmitted_segments += other.retransmitted_segments;
        self.timeouts += other.timeouts;
        self.zero_windows += other.zero_windows;
    }

    /// Names with values.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            ("acknowledged_bytes", self.acknowledged_bytes),
            ("sent_bytes", self.sent_bytes),
            ("retransmitted_bytes", self.retransmitted_bytes),
            ("segments", self.segments),
            ("retransmitted_segments", self.retransmitted_segments),
            ("timeouts", self.timeouts),
            ("zero_windows", self.zero_windows),
        ]
        .into_iter()
    }
}
