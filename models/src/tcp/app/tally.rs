//! What connections have counted, kept beyond their end.

use crate::app::{Host, StreamId, Total};
use crate::tcp::TcpInfo;
use std::collections::BTreeMap;

/// What of a connection's counts stands in results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    acknowledged_bytes: u64,
    sent_bytes: u64,
    retransmitted_bytes: u64,
    segments: u64,
    retransmitted_segments: u64,
    timeouts: u64,
    zero_windows: u64,
}

impl Counts {
    fn of(info: &TcpInfo) -> Self {
        Self {
            acknowledged_bytes: info.bytes_acked,
            sent_bytes: info.bytes_sent,
            retransmitted_bytes: info.bytes_retrans,
            segments: info.segs_out,
            retransmitted_segments: u64::from(info.total_retrans),
            timeouts: u64::from(info.total_rto),
            zero_windows: u64::from(info.zero_windows),
        }
    }

    fn add(&mut self, other: &Self) {
        self.acknowledged_bytes += other.acknowledged_bytes;
        self.sent_bytes += other.sent_bytes;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.segments += other.segments;
        self.retransmitted_segments += other.retransmitted_segments;
        self.timeouts += other.timeouts;
        self.zero_windows += other.zero_windows;
    }
}

/// The counts of an application's streams: of those that are open as last looked at, of the others as they were at last.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    open: BTreeMap<StreamId, Counts>,
    past: Counts,
}

impl Tally {
    /// Looks at a stream.
    pub(super) fn look(&mut self, stream: StreamId, host: &dyn Host) {
        if let Ok(info) = host.stream_info(stream) {
            self.open.insert(stream, Counts::of(&info.tcp));
        }
    }

    /// A stream is over; its number may be another one's from now on.
    pub(super) fn close(&mut self, stream: StreamId, host: &dyn Host) {
        self.look(stream, host);
        if let Some(counts) = self.open.remove(&stream) {
            self.past.add(&counts);
        }
    }

    /// What all of them together have counted. Bytes are of payload; segments are all that were sent, acknowledgements too.
    pub(super) fn totals(&self) -> impl Iterator<Item = Total> + use<> {
        let mut all = self.past;
        self.open.values().for_each(|counts| all.add(counts));
        [
            ("acknowledged_bytes", all.acknowledged_bytes),
            ("sent_bytes", all.sent_bytes),
            ("retransmitted_bytes", all.retransmitted_bytes),
            ("segments", all.segments),
            ("retransmitted_segments", all.retransmitted_segments),
            ("timeouts", all.timeouts),
            ("zero_windows", all.zero_windows),
        ]
        .into_iter()
        .map(|(name, value)| Total { name, value })
    }
}
