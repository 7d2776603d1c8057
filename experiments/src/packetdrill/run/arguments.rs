//! Arguments of calls.

use super::super::ast::{Call, Value};
use super::super::settings::Unsupported;

/// Constants of the socket interface that stand where numbers could.
fn constant(word: &str) -> Option<i128> {
    Some(match word {
        "SHUT_RD" => 0,
        "SHUT_WR" => 1,
        "SHUT_RDWR" => 2,
        "TCP_INFINITE" | "INADDR_ANY" => 0,
        _ => return None,
    })
}

/// The number of argument `which`.
pub(super) fn number(call: &Call, which: usize) -> Result<i128, Unsupported> {
    let value = call.arguments.get(which);
    let found = match value {
        Some(Value::Int(value)) => Some(*value),
        Some(Value::Word(word)) => constant(word),
        // `[1]`, where a pointer is wanted.
        Some(Value::List(values)) => match values.as_slice() {
            [Value::Int(value)] => Some(*value),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| Unsupported::new(format!("argument {} of `{}`", which + 1, call.name), call.place))
}

/// A number that is a count of bytes or of connections.
pub(super) fn count(call: &Call, which: usize) -> Result<u64, Unsupported> {
    let value = number(call, which)?;
    u64::try_from(value).map_err(|_| Unsupported::new(format!("argument {} of `{}`", which + 1, call.name), call.place))
}

/// All words of `A | B | C`.
pub(super) fn words(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Word(word)) => vec![word],
        Some(Value::Or(left, right)) => [words(Some(left)), words(Some(right))].concat(),
        _ => Vec::new(),
    }
}

/// The port of an address, where one is written.
pub(super) fn port(value: Option<&Value>) -> Option<u16> {
    match value?.field("sin_port")? {
        Value::Call(_, values) => match values.as_slice() {
            [Value::Int(port)] => u16::try_from(*port).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// Bytes of an `msghdr`, or of a list of `iovec`.
pub(super) fn message_len(value: Option<&Value>) -> Option<u64> {
    let list = match value? {
        Value::List(list) => list,
        message => match message.field("msg_iov")? {
            Value::List(list) => list,
            _ => return None,
        },
    };
    let part = |part: &Value| match part {
        Value::Struct(values) => match values.as_slice() {
            [_, Value::Int(len)] => u64::try_from(*len).ok(),
            _ => None,
        },
        _ => None,
    };
    list.iter().map(part).sum()
}
