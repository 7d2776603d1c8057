//! Mistakes that are made on purpose, for those who check the checkers.

use super::Limits;
use serde::{Deserialize, Serialize};

/// A mistake that is made on purpose, to see that a check finds it. Each is one that real implementations have made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum MqttFlaw {
    /// PUBRELs of an earlier connection are not sent again (against MQTT-4.4.0-1): a message of QoS 2 that had its PUBREC never ends.
    PubrelNotSentAgain,
    /// The lowest identifier that is free is used first, and that of a message of QoS 2 is free with its PUBREC instead of its PUBCOMP (against
    /// 5.0 §2.2.1): a PUBREL that is sent again releases another message, which then comes twice.
    IdentifierReusedTooSoon,
    /// A broker forgets what was under way to and from a client that loses its connection, and tells it that its session is there (against
    /// 5.0 §4.1): messages are lost.
    SessionDropped,
    /// A receiver of QoS 2 hands on each PUBLISH, whether it knows the identifier or not (against MQTT-4.3.3-10).
    DuplicateDelivered,
    /// What is sent again after a connection was lost goes in reverse order (against MQTT-4.6.0-1).
    OrderSwapped,
    /// A broker's PUBACK, PUBREC and PUBCOMP leave before what they promise is on disc: a loss of power in between loses what was acknowledged.
    AcknowledgedTooSoon,
}

impl Limits {
    pub(in crate::mqtt) fn has(&self, flaw: MqttFlaw) -> bool {
        self.flaw == Some(flaw)
    }
}
