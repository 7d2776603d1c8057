//! What a client counts.

use crate::app::Total;

macro_rules! counts {
    ($($field:ident)+) => {
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct Counts {
            $(pub(super) $field: u64,)+
        }

        impl Counts {
            /// `duplicate_messages` and `late_messages` are by publication; `unflagged_duplicates` came again without the mark of a redelivery: their publisher has sent them twice, or the broker has
            /// forgotten. `foreign_messages` are none of our clients'.
            fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($field), self.$field)),+]
            }
        }
    };
}

counts! {
    connections opened_connections refused_connections lost_connections connect_timeouts heartbeat_timeouts closed_by_broker closed_channels
    published completed failed returned_messages nacks commits blocked_times
    consumers cancelled_consumers received_messages received_bytes redelivered_messages duplicate_messages unflagged_duplicates late_messages
    corrupted_messages foreign_messages acknowledged_messages rejected_messages empty_answers
    heartbeats_sent methods_sent methods_received bytes_sent bytes_received protocol_errors refused_calls
}

impl Counts {
    pub(super) fn totals(&self) -> Vec<Total> {
        let name = |name| match name {
            "published" => "published_messages",
            "completed" => "completed_messages",
            "failed" => "failed_messages",
            name => name,
        };
        self.named().into_iter().map(|(field, value)| Total { name: name(field), value }).collect()
    }
}
