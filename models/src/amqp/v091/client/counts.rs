//! What a client counts.

use crate::amqp::client::Messages;
use crate::app::Total;

macro_rules! counts {
    ($($field:ident)+; $($middle:ident)+; $($last:ident)+) => {
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct Counts {
            $(pub(super) $field: u64,)+
            $(pub(super) $middle: u64,)+
            $(pub(super) $last: u64,)+
        }

        impl Counts {
            /// With those of messages in their places.
            pub(super) fn totals(&self, messages: &Messages) -> Vec<Total> {
                let mut totals = Vec::new();
                $(totals.push(Total { name: stringify!($field), value: self.$field });)+
                totals.extend(messages.totals_of_publications());
                $(totals.push(Total { name: stringify!($middle), value: self.$middle });)+
                totals.extend(messages.totals_of_arrivals());
                $(totals.push(Total { name: stringify!($last), value: self.$last });)+
                totals
            }
        }
    };
}

counts! {
    connections opened_connections refused_connections lost_connections connect_timeouts heartbeat_timeouts closed_by_broker closed_channels;
    returned_messages nacks commits rollbacks blocked_times consumers cancelled_consumers;
    acknowledged_messages rejected_messages empty_answers
    heartbeats_sent methods_sent methods_received bytes_sent bytes_received protocol_errors refused_calls
}
