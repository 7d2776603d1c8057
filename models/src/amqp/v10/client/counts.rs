//! What a client counts.

use crate::amqp::client::counts::counts;
use crate::amqp::v10::wire::{Condition, Error};

// `weaker_links` settle otherwise than was asked for; errors are those of the broker's closes, ends and detaches, and of our own, by what they are about.
counts! {
    connections opened_connections refused_connections refused_logins lost_connections connect_timeouts idle_timeouts closed_by_broker ended_sessions
    attached_links refused_links detached_links weaker_links;
    rejected_deliveries released_deliveries modified_deliveries too_large_messages resumed_deliveries;
    accepted_messages rejected_messages settled_messages empty_answers
    errors_not_found errors_unauthorized errors_resources errors_forced errors_protocol errors_other
    empty_frames_sent frames_sent frames_received bytes_sent bytes_received protocol_errors refused_calls
}

impl Counts {
    /// Counts an error by what it is about.
    pub(super) fn error(&mut self, error: Option<&Error>) {
        let Some(error) = error else { return };
        use Condition as C;
        let count = match error.known() {
            Some(C::NotFound) => &mut self.errors_not_found,
            Some(C::UnauthorizedAccess) => &mut self.errors_unauthorized,
            Some(
                C::ResourceLimitExceeded
                | C::ResourceLocked
                | C::ResourceDeleted
                | C::PreconditionFailed
                | C::TransferLimitExceeded
                | C::MessageSizeExceeded,
            ) => &mut self.errors_resources,
            Some(C::ConnectionForced | C::ConnectionRedirect | C::DetachForced | C::LinkRedirect | C::Stolen) => {
                &mut self.errors_forced
            }
            Some(
                C::DecodeError
                | C::NotAllowed
                | C::InvalidField
                | C::NotImplemented
                | C::IllegalState
                | C::FrameSizeTooSmall
                | C::FramingError
                | C::WindowViolation
                | C::ErrantLink
                | C::HandleInUse
                | C::UnattachedHandle,
            ) => &mut self.errors_protocol,
            Some(C::InternalError) | None => &mut self.errors_other,
        };
        *count += 1;
    }
}
