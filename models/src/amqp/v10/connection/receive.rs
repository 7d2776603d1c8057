//! What a connection receives.

use super::{Connection, ConnectionEvent, Mapped, Stage};
use crate::amqp::v10::session::Session;
use crate::amqp::v10::wire::{Fault, Frame, Header, Item, Open, Performative};
use crate::rope::Rope;
use protosim_core::LocalTime;

impl Connection {
    /// What was taken out of the stream. What is wrong closes the connection.
    pub fn on_item(&mut self, item: Item, now: LocalTime) {
        self.last_received = now;
        if self.is_over && self.discarding {
            return;
        }
        let done = match item {
            Item::Header(header) => self.on_header(header),
            Item::Frame(Frame::Empty { .. }) => Ok(()),
            Item::Frame(Frame::Sasl(sasl)) => self.on_sasl(sasl),
            Item::Frame(Frame::Amqp { channel, performative, payload }) => {
                self.on_frame(channel, performative, &payload)
            }
        };
        if let Err(fault) = done {
            self.on_fault(fault);
        }
    }

    fn on_header(&mut self, header: Header) -> Result<(), Fault> {
        if header == Header::SASL && self.config.sasl.is_some() {
            return self.on_sasl_header();
        }
        if header != Header::AMQP || !self.is_logged_in() {
            // The side that does not speak it says what it speaks, and closes (§2.2).
            if self.is_server {
                let ours = if self.is_logged_in() { Header::AMQP } else { Header::SASL };
                self.control.push_back(Item::Header(ours));
            }
            self.over(Some(Fault::not_allowed("§2.2", "the peer speaks another protocol").error()));
            return Ok(());
        }
        if self.received != Stage::Nothing {
            return Err(Fault::framing("§2.2", "a header comes twice"));
        }
        self.received = Stage::Header;
        if self.sent == Stage::Nothing {
            self.say_header();
        }
        if !self.is_server && self.sent == Stage::Header {
            self.say_open();
        }
        Ok(())
    }

    fn on_frame(&mut self, channel: u16, performative: Performative, payload: &Rope) -> Result<(), Fault> {
        match (self.received, performative) {
            (Stage::Nothing, _) => Err(Fault::framing("§2.2", "a frame comes before a header")),
            (Stage::Header, Performative::Open(open)) => self.on_open(open),
            (Stage::Header, _) => Err(Fault::not_allowed("§2.4.1", "a frame comes before an open")),
            (Stage::Open, Performative::Close(close)) => {
                self.received = Stage::Close;
                if self.sent < Stage::Close {
                    self.close(None);
                }
                self.is_over = false;
                self.events.retain(|event| !matches!(event, ConnectionEvent::Closed(_)));
                self.over(close.error);
                Ok(())
            }
            (Stage::Open, Performative::Open(_)) => Err(Fault::not_allowed("§2.4.1", "a connection is opened twice")),
            (Stage::Open, _) if self.sent == Stage::Close => Ok(()),
            (Stage::Open, performative) => self.on_session_frame(channel, performative, payload),
            (Stage::Close, _) => Err(Fault::not_allowed("§2.4.3", "a frame comes behind a close")),
        }
    }

    fn on_open(&mut self, open: Box<Open>) -> Result<(), Fault> {
        self.received = Stage::Open;
        self.remote = Some(open.clone());
        let size = self.remote_frame_size();
        self.sessions.values_mut().for_each(|mapped| mapped.session.set_max_frame_size(size));
        if self.sent == Stage::Header {
            self.say_open();
        }
        if self.sent == Stage::Open {
            self.events.push_back(ConnectionEvent::Opened(open));
        }
        Ok(())
    }

    fn on_session_frame(&mut self, channel: u16, performative: Performative, payload: &Rope) -> Result<(), Fault> {
        if channel > self.config.channel_max {
            return Err(Fault::framing("§2.7.1", "a channel is higher than the channel-max"));
        }
        let known = self.channels.get(&channel).copied();
        let ours = match (known, &performative) {
            (Some(ours), _) => ours,
            (None, Performative::Begin(begin)) => match begin.remote_channel {
                Some(ours) => {
                    let mapped = self.sessions.get_mut(&ours).filter(|mapped| mapped.remote.is_none());
                    let unknown = Fault::not_allowed("§2.7.2", "a begin answers none of ours");
                    mapped.ok_or(unknown)?.remote = Some(channel);
                    self.channels.insert(channel, ours);
                    ours
                }
                None => {
                    let full = Fault::not_allowed("§2.7.1", "a session is begun and no channel is left to answer on");
                    let ours = self.free_channel().ok_or(full)?;
                    let session = Session::answer(&self.config.session, self.remote_frame_size(), begin, channel);
                    self.sessions.insert(ours, Mapped { session, remote: Some(channel) });
                    self.channels.insert(channel, ours);
                    self.events.push_back(ConnectionEvent::Begun(ours));
                    return Ok(());
                }
            },
            (None, _) => return Err(Fault::not_allowed("§2.5.1", "a frame comes on a channel without a session")),
        };
        let Some(mapped) = self.sessions.get_mut(&ours) else { return Ok(()) };
        let is_end = matches!(performative, Performative::End(_));
        mapped.session.on_performative(performative, payload)?;
        if is_end {
            // Its number may be used again at once (§2.5.3).
            self.channels.remove(&channel);
        }
        if mapped.session.event_waits() {
            self.events.push_back(ConnectionEvent::Session(ours));
        }
        Ok(())
    }
}
