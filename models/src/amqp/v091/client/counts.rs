//! What a client counts.

use crate::amqp::client::counts::counts;

counts! {
    connections opened_connections refused_connections lost_connections connect_timeouts heartbeat_timeouts closed_by_broker closed_channels;
    returned_messages nacks commits rollbacks blocked_times consumers cancelled_consumers;
    acknowledged_messages rejected_messages empty_answers
    heartbeats_sent methods_sent methods_received bytes_sent bytes_received protocol_errors refused_calls
}
