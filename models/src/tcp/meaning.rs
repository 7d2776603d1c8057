//! What a segment means to TCP, for rules that name what a link drops.

use crate::meaning::Meaning;
use crate::packet::{TcpFlags, TcpHeader};
use crate::rope::Rope;

/// Kinds of packets that are of TCP. One with data and a FIN is of both kinds; `tcp.ack` has neither data nor SYN, FIN or RST.
pub const KINDS: [&str; 6] = ["tcp", "tcp.syn", "tcp.data", "tcp.fin", "tcp.ack", "tcp.rst"];

/// What a segment means. The exchange is its connection; the message is where it begins in sequence space, so that
/// transmissions of the same data are one message, and pure acknowledgements of the same byte are one.
pub fn meaning(header: &TcpHeader, payload: &Rope) -> Meaning {
    let mut kinds = vec!["tcp"];
    let flags = [(TcpFlags::SYN, "tcp.syn"), (TcpFlags::FIN, "tcp.fin"), (TcpFlags::RST, "tcp.rst")];
    kinds.extend(flags.into_iter().filter(|(flag, _)| header.flags.has(*flag)).map(|(_, kind)| kind));
    if !payload.is_empty() {
        kinds.push("tcp.data");
    }
    let is_bare = kinds.len() == 1 && header.flags.has(TcpFlags::ACK);
    let message = if is_bare {
        kinds.push("tcp.ack");
        1 << 32 | u64::from(header.acknowledgment)
    } else {
        u64::from(header.sequence)
    };
    // There is one connection at a time between two sockets.
    Meaning::new(&kinds, 0, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(flags: TcpFlags) -> TcpHeader {
        TcpHeader {
            source_port: 1,
            destination_port: 2,
            sequence: 7,
            acknowledgment: 9,
            flags,
            window: 0,
            urgent: 0,
            timestamps: None,
            options: None,
        }
    }

    #[test]
    fn kinds_are_of_flags_and_data() {
        let is = |flags: TcpFlags, len: u64, kind: &str| meaning(&header(flags), &Rope::fill(0, 0, len)).is_a(kind);
        let ack = TcpFlags::ACK;
        assert!(is(ack, 0, "tcp.ack") && is(ack, 0, "tcp") && !is(ack, 1, "tcp.ack") && is(ack, 1, "tcp.data"));
        assert!(is(ack.with(TcpFlags::FIN), 1, "tcp.fin") && is(ack.with(TcpFlags::FIN), 1, "tcp.data"));
        assert!(is(ack.with(TcpFlags::SYN), 0, "tcp.syn") && !is(ack.with(TcpFlags::SYN), 0, "tcp.ack"));
        assert!(is(TcpFlags::RST, 0, "tcp.rst") && !is(TcpFlags::RST, 0, "tcp.ack"));
        // The same data again are the same message, whatever they acknowledge by then.
        let again = TcpHeader { acknowledgment: 10, ..header(ack) };
        let data = Rope::fill(0, 0, 5);
        assert_eq!(meaning(&header(ack), &data), meaning(&again, &data));
        assert_ne!(meaning(&header(ack), &Rope::new()), meaning(&again, &Rope::new()));
    }
}
