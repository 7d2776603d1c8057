//! What a connection says of itself.

use super::super::congestion::Phase;
use super::super::{Sample, TcpInfo, TcpTotals, Trace};
use super::moment::Moment;
#[cfg(test)]
use super::scoreboard::Scoreboard;
use super::{Connection, Cx};
use protosim_core::{LocalTime, Span};

impl Connection {
    /// A snapshot under the names of Linux.
    pub fn info(&self, now: LocalTime) -> TcpInfo {
        let micros = |span: Span| u32::try_from(span.as_nanos() / 1_000).unwrap_or(u32::MAX);
        let mss = self.window.mss;
        let segments = |bytes: u64| u32::try_from(bytes.div_ceil(mss)).unwrap_or(u32::MAX);
        let agreed = &self.agreed;
        let options = u8::from(agreed.timestamps)
            | u8::from(agreed.sack) << 1
            | u8::from(agreed.scaling.is_some()) << 2
            | u8::from(agreed.ecn) << 3
            | u8::from(agreed.has_seen_ecn) << 4
            | u8::from(agreed.had_early_data) << 5;
        let counts = &self.counts;
        let since = |total: Span, from: Option<Moment>| {
            let open = from.map_or(Span::ZERO, |from| now.saturating_since(from.time()));
            total.saturating_add(open).as_nanos() / 1_000
        };
        TcpInfo {
            state: self.state,
            ca_state: self.phase(),
            retransmits: self.timers.retransmissions,
            probes: self.timers.probes,
            backoff: self.timers.doublings,
            options,
            snd_wscale: agreed.scaling.map_or(0, |(send, _)| send),
            rcv_wscale: agreed.scaling.map_or(0, |(_, receive)| receive),
            rto: micros(self.timeout()),
            ato: micros(self.receiver.ack.ato),
            snd_mss: u32::try_from(mss).unwrap_or(u32::MAX),
            rcv_mss: u32::try_from(self.receiver.mss).unwrap_or(u32::MAX),
            unacked: segments(self.snd_nxt - self.snd_una),
            sacked: segments(self.scoreboard.sacked()) + self.duplicates(),
            lost: segments(self.scoreboard.lost()),
            retrans: segments(self.scoreboard.retransmitted()),
            pmtu: u32::try_from(agreed.path_mtu()).unwrap_or(u32::MAX),
            snd_ssthresh: if self.window.ssthresh == u64::MAX { u32::MAX } else { segments(self.window.ssthresh) },
            rtt: self.rtt.srtt().map_or(0, micros),
            rttvar: self.rtt.rttvar().map_or(0, micros),
            snd_cwnd: u32::try_from(self.window.cwnd / mss).unwrap_or(u32::MAX),
            advmss: u32::from(agreed.own_mss(&self.parameters)),
            reordering: self.parameters.dup_thresh,
            total_retrans: counts.retransmissions,
            pacing_rate: self.pacing_rate().unwrap_or(u64::MAX),
            bytes_acked: self.snd_una.saturating_sub(1),
            bytes_received: self.receiver.bytes,
            segs_out: counts.segments_out,
            segs_in: counts.segments_in,
            notsent_bytes: self.buffer.end().saturating_sub(self.snd_nxt),
            min_rtt: if self.min_rtt.value == Span::MAX { u32::MAX } else { micros(self.min_rtt.value) },
            data_segs_in: counts.data_segments_in,
            data_segs_out: counts.data_segments_out,
            delivery_rate: self.delivery.rate,
            busy_time: since(counts.busy, counts.busy_since),
            rwnd_limited: since(counts.window_limited, counts.window_limited_since),
            delivered: segments(self.delivery.total),
            delivered_ce: segments(self.delivery.marked),
            bytes_sent: counts.bytes_sent,
            bytes_retrans: counts.bytes_retransmitted,
            dsack_dups: counts.dsacks,
            reord_seen: counts.reorderings,
            rcv_ooopack: counts.out_of_order,
            snd_wnd: u32::try_from(self.snd_wnd).unwrap_or(u32::MAX),
            rcv_wnd: u32::try_from(self.receiver.window()).unwrap_or(u32::MAX),
            total_rto: counts.timeouts,
            zero_windows: counts.zero_windows,
        }
    }

    /// What it has counted.
    pub fn totals(&self) -> TcpTotals {
        let counts = &self.counts;
        TcpTotals {
            // The SYN has an offset, and is no byte.
            acknowledged_bytes: self.snd_una.min(self.buffer.end()).saturating_sub(1),
            sent_bytes: counts.bytes_sent,
            retransmitted_bytes: counts.bytes_retransmitted,
            segments: counts.segments_out,
            retransmitted_segments: u64::from(counts.retransmissions),
            timeouts: u64::from(counts.timeouts),
            zero_windows: u64::from(counts.zero_windows),
        }
    }

    /// How windows and estimates stand, for observers.
    pub(super) fn report_sample(&self, cx: &mut Cx<'_>) {
        cx.observe(Trace::Sample(Sample {
            cwnd: self.window.cwnd,
            ssthresh: self.window.ssthresh,
            in_flight: self.in_flight(),
            snd_wnd: self.snd_wnd,
            srtt: self.rtt.srtt().unwrap_or(Span::ZERO),
            rtt: self.last_rtt,
            rto: self.timeout(),
            unsent: self.buffer.end().saturating_sub(self.snd_nxt),
            pacing_rate: self.pacing_rate().unwrap_or(u64::MAX),
        }));
    }

    /// What it has allocated, in words.
    #[cfg(test)]
    pub(in crate::tcp) fn anatomy(&self) -> String {
        format!(
            "connection {}, scoreboard {}, its ranges {}, recovery {}, buffer {}, receiver {}, congestion {}",
            size_of::<Self>(),
            self.scoreboard.allocated(),
            Scoreboard::allocated(&self.scoreboard),
            self.recovery.allocated(),
            self.buffer.allocated(),
            self.receiver.allocated(),
            self.congestion.allocated(),
        )
    }

    /// Bytes that it has allocated beside itself.
    #[cfg(test)]
    pub(in crate::tcp) fn allocated(&self) -> usize {
        let boxes = self.scoreboard.allocated() + self.recovery.allocated();
        let within = Scoreboard::allocated(&self.scoreboard) + self.buffer.allocated() + self.receiver.allocated();
        boxes + within + self.congestion.allocated()
    }

    /// True while losses are being repaired.
    pub fn is_recovering(&self) -> bool {
        self.phase() >= Phase::Recovery
    }
}
