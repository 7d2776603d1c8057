//! What a headers exchange looks for.

use crate::amqp::v091::wire::{Fault, FieldValue, ReplyCode, ShortStr, Table};

/// The argument that says how many of the others have to match.
const X_MATCH: &str = "x-match";

/// # Errors
/// When `x-match` is neither `all` nor `any`: 406 (RabbitMQ).
pub(super) fn check(arguments: &Table) -> Result<(), Fault> {
    match arguments.get(X_MATCH) {
        None => Ok(()),
        Some(value) if matches!(value.as_str(), Some("all" | "any")) => Ok(()),
        Some(_) => Err(Fault::new(ReplyCode::PreconditionFailed, "§3.1.3.4", "x-match is neither all nor any")),
    }
}

/// Whether a binding with these arguments takes a message with these headers (§3.1.3.4): all of its fields, or any one with `x-match` any,
/// stand in the headers with the same value; one without a value only has to be there. Fields with names that begin with `x-` do not count.
pub(super) fn is_match(arguments: &Table, headers: &Table) -> bool {
    let is_any = arguments.get(X_MATCH).and_then(FieldValue::as_str) == Some("any");
    let mut wanted = arguments.fields().iter().filter(|(name, _)| !name.starts_with("x-"));
    let is_there = |(name, value): &(ShortStr, FieldValue)| match (headers.get(name), value) {
        (Some(_), FieldValue::Void) => true,
        (Some(header), _) => header.is_same(value),
        (None, _) => false,
    };
    match is_any {
        true => wanted.any(is_there),
        false => wanted.all(is_there),
    }
}
