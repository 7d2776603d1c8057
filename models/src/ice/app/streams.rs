//! Connections of a session: to servers of TURN, whose messages are one behind the other, and to the peer, where each message has its
//! length before it (RFC 4571 §2).

use crate::app::{Host, StreamId, StreamOptions};
use crate::ice::agent::Place;
use crate::rope::Rope;
use crate::stun::wire::frame::FrameReader;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What waits for room, beyond which more is dropped \[bytes\] (our choice): what is late is of no use.
const MOST_WAITING: u64 = 1 << 16;

/// How messages are told apart.
#[derive(Clone, Debug)]
enum Reader {
    /// By themselves.
    Stun(FrameReader),
    /// By two bytes before each.
    Framed(Rope),
}

/// What has become of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    /// It goes out, as soon as there is room.
    Taken,
    /// Too much waits already.
    Dropped,
    /// There is no connection, and none can be opened.
    Gone,
}

#[derive(Clone, Debug)]
struct Connection {
    place: Place,
    reader: Reader,
    unwritten: Rope,
}

/// All connections of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<StreamId, Connection>,
    by_place: BTreeMap<Place, StreamId>,
}

impl Connections {
    /// Whether a stream is one of these.
    pub(super) fn has(&self, stream: StreamId) -> bool {
        self.open.contains_key(&stream)
    }

    /// Takes a stream that the peer has opened.
    pub(super) fn accept(&mut self, stream: StreamId, place: Place) {
        self.insert(stream, place);
    }

    fn insert(&mut self, stream: StreamId, place: Place) {
        let reader = match place {
            Place::Server(_) => Reader::Stun(FrameReader::default()),
            _ => Reader::Framed(Rope::new()),
        };
        self.by_place.insert(place, stream);
        self.open.insert(stream, Connection { place, reader, unwritten: Rope::new() });
    }

    /// Sends a message, over a connection that is opened for it if there is none. `peer` is where a connection leads that is not there.
    pub(super) fn send(
        &mut self,
        place: Place,
        peer: SocketAddr,
        payload: &Rope,
        options: &StreamOptions,
        host: &mut dyn Host,
    ) -> Sent {
        let stream = match self.by_place.get(&place) {
            Some(stream) => *stream,
            None => {
                let Ok(stream) = host.stream_connect(peer, options) else { return Sent::Gone };
                self.insert(stream, place);
                stream
            }
        };
        let Some(connection) = self.open.get_mut(&stream) else { return Sent::Gone };
        if connection.unwritten.len() + payload.len() > MOST_WAITING {
            return Sent::Dropped;
        }
        if matches!(connection.reader, Reader::Framed(_)) {
            // A message is one of STUN or a datagram's data, and shorter than that.
            let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            connection.unwritten.append(&Rope::from(len.to_be_bytes().to_vec()));
        }
        connection.unwritten.append(payload);
        self.write(stream, host);
        Sent::Taken
    }

    /// Writes what waits.
    pub(super) fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.open.get_mut(&stream) else { return };
        if !connection.unwritten.is_empty() {
            let taken = host.stream_write(stream, &connection.unwritten).unwrap_or(0);
            connection.unwritten = connection.unwritten.slice(taken, u64::MAX);
        }
    }

    /// What has come, message by message; `None` for what cannot be read, after which the stream is given up.
    pub(super) fn read(&mut self, stream: StreamId, host: &mut dyn Host) -> Option<(Place, Vec<Rope>)> {
        let connection = self.open.get_mut(&stream)?;
        let came = host.stream_read(stream, u64::MAX).unwrap_or_default();
        let mut messages = Vec::new();
        match &mut connection.reader {
            Reader::Stun(reader) => {
                reader.push(&came);
                while let Some(message) = reader.next_frame().ok()? {
                    messages.push(message);
                }
            }
            Reader::Framed(rest) => {
                rest.append(&came);
                while rest.len() >= 2 {
                    let head = rest.slice(0, 2).to_bytes();
                    let len = u64::from(u16::from_be_bytes([head[0], head[1]]));
                    if rest.len() < 2 + len {
                        break;
                    }
                    messages.push(rest.slice(2, len));
                    *rest = rest.slice(2 + len, u64::MAX);
                }
            }
        }
        Some((connection.place, messages))
    }

    /// A stream is over: where it led.
    pub(super) fn forget(&mut self, stream: StreamId) -> Option<Place> {
        let Connection { place, .. } = self.open.remove(&stream)?;
        if self.by_place.get(&place) == Some(&stream) {
            self.by_place.remove(&place);
        }
        Some(place)
    }

    /// Closes all of them.
    pub(super) fn close(&mut self, host: &mut dyn Host) {
        for stream in self.open.keys() {
            let _over = host.stream_close(*stream);
        }
        *self = Self::default();
    }
}
