//! The streams of a server: bytes become messages and ChannelData, and the other way round.

use super::wire::frame::FrameReader;
use crate::app::{Host, StreamEvent, StreamId};
use crate::rope::Rope;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What waits for room on a stream, beyond which more is dropped \[bytes\] (our choice): a relay holds nobody up.
const MOST_WAITING: u64 = 1 << 18;

/// All streams of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<StreamId, Connection>,
    /// The same by client.
    clients: BTreeMap<SocketAddr, StreamId>,
    connections: u64,
    malformed: u64,
    overflows: u64,
}

#[derive(Clone, Debug)]
struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    reader: FrameReader,
    unwritten: Rope,
}

/// What has come of an event, between these ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Arrived {
    /// The client's end.
    pub(crate) client: SocketAddr,
    /// The server's end.
    pub(crate) server: SocketAddr,
    /// A frame; `None` for the end of the stream.
    pub(crate) frame: Option<Rope>,
}

impl Streams {
    /// Something has happened to a stream.
    pub(crate) fn on_event(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) -> Vec<Arrived> {
        match event {
            StreamEvent::Accepted { peer, .. } => {
                // A stream that is accepted is there.
                let Ok(info) = host.stream_info(stream) else { return Vec::new() };
                self.connections += 1;
                let (reader, unwritten) = (FrameReader::default(), Rope::new());
                self.clients.insert(peer, stream);
                self.open.insert(stream, Connection { client: peer, server: info.local, reader, unwritten });
                Vec::new()
            }
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => {
                self.write(stream, host);
                Vec::new()
            }
            // A client that has finished wants no more.
            StreamEvent::Finished => {
                let mut arrived = self.read(stream, host);
                arrived.extend(self.forget(stream));
                let _over = host.stream_close(stream);
                arrived
            }
            StreamEvent::Closed(_) => self.forget(stream).into_iter().collect(),
            StreamEvent::Connected => Vec::new(),
        }
    }

    fn read(&mut self, stream: StreamId, host: &mut dyn Host) -> Vec<Arrived> {
        let Some(connection) = self.open.get_mut(&stream) else { return Vec::new() };
        connection.reader.push(&host.stream_read(stream, u64::MAX).unwrap_or_default());
        let (client, server) = (connection.client, connection.server);
        let mut arrived = Vec::new();
        loop {
            match connection.reader.next_frame() {
                Ok(Some(frame)) => arrived.push(Arrived { client, server, frame: Some(frame) }),
                Ok(None) => return arrived,
                Err(_) => {
                    // Nothing behind it can be read.
                    self.malformed += 1;
                    arrived.extend(self.forget(stream));
                    let _over = host.stream_abort(stream);
                    return arrived;
                }
            }
        }
    }

    fn forget(&mut self, stream: StreamId) -> Option<Arrived> {
        let Connection { client, server, .. } = self.open.remove(&stream)?;
        if self.clients.get(&client) == Some(&stream) {
            self.clients.remove(&client);
        }
        Some(Arrived { client, server, frame: None })
    }

    /// Sends a frame to a client, if its stream is there.
    pub(crate) fn send(&mut self, client: SocketAddr, frame: &Rope, host: &mut dyn Host) {
        let Some((stream, connection)) =
            self.clients.get(&client).and_then(|stream| Some((*stream, self.open.get_mut(stream)?)))
        else {
            return;
        };
        if connection.unwritten.len() > MOST_WAITING {
            self.overflows += 1;
            return;
        }
        connection.unwritten.append(frame);
        self.write(stream, host);
    }

    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.open.get_mut(&stream) else { return };
        if !connection.unwritten.is_empty() {
            // A stream that takes nothing any more is about to be closed.
            let taken = host.stream_write(stream, &connection.unwritten).unwrap_or(0);
            connection.unwritten = connection.unwritten.slice(taken, u64::MAX);
        }
    }

    /// How many were accepted, were aborted for what was in them, and how many frames had no room.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [self.connections, self.malformed, self.overflows]
    }
}
