//! Opening a connection, and what both ends agree on (RFC 9293 §3.5, RFC 7323, RFC 2018, RFC 3168 §6.1.1, RFC 7413).

use super::super::ends::Ends;
use super::super::{EcnPolicy, FastOpen, Parameters, Segment, StackError, State};
use super::receive::Owed;
use super::{Connection, Cx, Notice, seq};
use crate::packet::{SackBlock, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use bytes::Bytes;
use protosim_core::LocalTime;
use std::sync::Arc;

/// What one end brings into a handshake, beside its parameters.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Who speaks to whom.
    pub ends: Ends,
    /// The largest packet that the way out takes \[bytes\].
    pub mtu: u64,
    /// The cookie of the server, or an empty one to ask for it; `None` without Fast Open.
    pub cookie: Option<Bytes>,
    /// Observers are told what the connection does.
    pub observes: bool,
    /// The initial send sequence number.
    pub iss: u32,
    /// What is added to the clock for timestamps.
    pub timestamp_offset: u32,
}

/// What both ends have agreed on; until then, what this end offers.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// Bytes of payload and options that a packet has room for on the way out.
    path_mss: u64,
    ip_header: u64,
    /// What the peer takes \[bytes of payload and options\] (RFC 9293 §3.7.1).
    peer_mss: u64,
    pub(super) timestamps: bool,
    /// What is added to the clock for timestamps.
    timestamp_offset: u32,
    /// TS.Recent (RFC 7323 §4.3).
    pub(super) ts_recent: u32,
    pub(super) ts_recent_at: LocalTime,
    pub(super) sack: bool,
    /// Snd.Wind.Shift and Rcv.Wind.Shift, where windows are scaled.
    pub(super) scaling: Option<(u8, u8)>,
    pub(super) ecn: bool,
    /// A packet of the peer was marked as capable.
    pub(super) has_seen_ecn: bool,
    /// What goes into the SYN, then what the peer has given.
    pub(super) cookie: Option<Box<Bytes>>,
    /// Data that came with the SYN were taken, or ours were.
    pub(super) had_early_data: bool,
}

/// Bytes of the timestamps option with its padding (RFC 7323 appendix A).
pub(super) const TIMESTAMPS_LEN: u64 = 12;
/// Bytes of a TCP header without options.
pub(super) const HEADER_LEN: u64 = 20;
/// What a peer takes that says nothing (RFC 9293 §3.7.1): over IPv4 and IPv6.
const DEFAULT_MSS: [u64; 2] = [536, 1220];
/// The least MTU of links over IPv6 (RFC 8200 §5).
const LEAST_MTU_V6: u64 = 1280;
/// The largest shift (RFC 7323 §2.3).
const MOST_SHIFT: u8 = 14;

impl Agreed {
    pub(super) fn new(offer: Offer, parameters: &Parameters) -> Self {
        // RFC 8201 §4: who does not discover paths keeps to what every link over IPv6 takes, as nobody cuts packets on their way.
        let is_v6 = offer.ends.remote.is_ipv6();
        let most = if is_v6 && !parameters.path_mtu_discovery { LEAST_MTU_V6 } else { u64::MAX };
        let path_mss = offer.mtu.min(most).saturating_sub(offer.ends.ip_header() + HEADER_LEN).max(1);
        Self {
            path_mss,
            ip_header: offer.ends.ip_header(),
            peer_mss: u64::from(u16::MAX),
            timestamps: false,
            timestamp_offset: offer.timestamp_offset,
            ts_recent: 0,
            ts_recent_at: LocalTime::ZERO,
            sack: false,
            scaling: None,
            ecn: false,
            has_seen_ecn: false,
            cookie: offer.cookie.map(Box::new),
            had_early_data: false,
        }
    }

    /// Payload of a full segment \[bytes\] (RFC 6691): what both take, less the options that every segment has.
    pub(super) fn send_mss(&self) -> u64 {
        let options = if self.timestamps { TIMESTAMPS_LEN } else { 0 };
        self.path_mss.min(self.peer_mss).saturating_sub(options).max(1)
    }

    /// The maximum segment size to announce.
    pub(super) fn own_mss(&self, parameters: &Parameters) -> u16 {
        let most = u16::try_from(self.path_mss).unwrap_or(u16::MAX);
        parameters.mss.map_or(most, |mss| mss.min(most))
    }

    /// The largest packet on the way out \[bytes\].
    pub(super) const fn path_mtu(&self) -> u64 {
        self.path_mss + self.ip_header + HEADER_LEN
    }

    /// A router has said what the way takes. True if it is less than was known.
    pub(super) fn lower_path_mtu(&mut self, mtu: u64) -> bool {
        let path_mss = mtu.saturating_sub(self.ip_header + HEADER_LEN).max(1);
        let is_less = path_mss < self.path_mss;
        self.path_mss = self.path_mss.min(path_mss);
        is_less
    }

    /// TSval at a reading of the clock: milliseconds, as on Linux.
    pub(super) const fn timestamp(&self, now: LocalTime) -> u32 {
        ((now.as_nanos() / 1_000_000) as u32).wrapping_add(self.timestamp_offset)
    }

    pub(super) fn stamps(&self, now: LocalTime) -> Timestamps {
        Timestamps { value: self.timestamp(now), echo: self.ts_recent }
    }

    /// The largest window that the field of a header can say \[bytes\].
    pub(super) fn most_window(&self) -> u64 {
        u64::from(u16::MAX) << self.scaling.map_or(0, |(_, own)| own)
    }

    /// Chooses what goes into SYNs of one's own so that a peer's cookie can carry it (RFC 4987 §3.6): the low bits of the timestamp.
    pub(super) fn set_timestamp(&mut self, now: LocalTime, value: u32) {
        self.timestamp_offset = value.wrapping_sub((now.as_nanos() / 1_000_000) as u32);
    }
}

/// The least shift with which a window says all of a buffer (RFC 7323 §2.3).
pub(in crate::tcp) fn shift_for(buffer: u64) -> u8 {
    (0..MOST_SHIFT).find(|shift| buffer >> shift <= u64::from(u16::MAX)).unwrap_or(MOST_SHIFT)
}

impl Connection {
    /// Opens a connection actively: the SYN leaves at the end of this instant.
    ///
    /// # Errors
    /// When the host has no memory.
    pub fn open(parameters: Arc<Parameters>, offer: Offer, cx: &mut Cx<'_>) -> Result<Self, StackError> {
        let mut connection = Self::new(parameters, offer, cx)?;
        connection.set_state(State::SynSent, cx);
        Ok(connection)
    }

    /// Answers a SYN. `takes_data` says that a valid cookie came with it (RFC 7413 §4.2.2).
    ///
    /// # Errors
    /// When the host has no memory.
    pub fn answer(
        parameters: Arc<Parameters>,
        offer: Offer,
        syn: &Segment,
        takes_data: bool,
        cx: &mut Cx<'_>,
    ) -> Result<Self, StackError> {
        cx.spend(super::super::RECEIVE, syn.payload.len());
        let mut connection = Self::new(parameters, offer, cx)?;
        connection.set_state(State::SynReceived, cx);
        connection.take_syn(&syn.header, cx.now());
        connection.agree_on_ecn_as_server(syn.header.flags);
        connection.snd_wnd = u64::from(syn.header.window);
        connection.max_snd_wnd = connection.snd_wnd;
        connection.offer_first_window();
        if takes_data && !syn.payload.is_empty() {
            connection.agreed.had_early_data = true;
            connection.take_payload(1, &syn.payload, cx);
        }
        Ok(connection)
    }

    /// The connection that a cookie stands for, as the SYN that it answered had opened it (RFC 4987 §3.6); the acknowledgement
    /// that carried the cookie is to be handled next. `syn` is that SYN, as far as the cookie tells.
    ///
    /// # Errors
    /// When the host has no memory.
    pub fn revive(
        parameters: Arc<Parameters>,
        offer: Offer,
        syn: &Segment,
        cookie: u32,
        timestamp: Option<u32>,
        cx: &mut Cx<'_>,
    ) -> Result<Self, StackError> {
        let mut connection = Self::answer(parameters, offer, syn, false, cx)?;
        connection.iss = cookie;
        if let Some(value) = timestamp {
            connection.agreed.set_timestamp(cx.now(), value);
        }
        (connection.snd_nxt, connection.snd_max) = (1, 1);
        connection.receiver.ack.sent = 1;
        Ok(connection)
    }

    /// Takes the peer's sequence number and options out of its SYN.
    pub(super) fn take_syn(&mut self, syn: &TcpHeader, now: LocalTime) {
        self.receiver.irs = syn.sequence;
        self.receiver.nxt = 1;
        // The acknowledgement of a SYN is that of no data: it uses up no quick one.
        self.receiver.ack.sent = 1;
        let default_mss = DEFAULT_MSS[usize::from(self.agreed.ip_header > 20)];
        let none = TcpOptions::default();
        let options = syn.options.as_deref().unwrap_or(&none);
        // A peer that announces less than any data would fit into is held to what Linux holds it to.
        self.agreed.peer_mss = options.mss.map_or(default_mss, |mss| u64::from(mss.max(48)));
        if let Some(stamps) = syn.timestamps.filter(|_| self.parameters.timestamps) {
            self.agreed.timestamps = true;
            (self.agreed.ts_recent, self.agreed.ts_recent_at) = (stamps.value, now);
        }
        self.agreed.sack = self.parameters.sack && options.sack_permitted;
        if let Some(shift) = options.window_scale.filter(|_| self.parameters.window_scaling) {
            self.agreed.scaling = Some((shift.min(MOST_SHIFT), shift_for(self.parameters.receive_buffer)));
        }
        self.receiver.mss = self.receiver.mss.min(u64::from(self.agreed.own_mss(&self.parameters)));
        self.set_mss();
    }

    /// The size of segments follows from what has been agreed on, and so does the first window.
    fn set_mss(&mut self) {
        self.window.mss = self.agreed.send_mss();
        self.window.cwnd = self.first_window();
        self.congestion.begin(&mut self.window);
    }

    /// The initial window (RFC 6928 §2), or that after a SYN was lost (RFC 5681 §3.1).
    pub(super) fn first_window(&self) -> u64 {
        // RFC 6928 §2: ten segments, but no more than 14600 bytes unless two segments are more. Linux has no such limit.
        let most = self.parameters.initial_window_bytes.max(2 * self.window.mss);
        (u64::from(self.parameters.initial_window) * self.window.mss).min(most)
    }

    /// RFC 5681 §3.1: the window begins with one segment if the SYN or its answer was lost. Linux does not, since RFC 6928 §2 says
    /// so only of repeated losses.
    pub(super) fn begin_with_one_segment(&mut self) {
        self.window.cwnd = self.window.mss;
        self.congestion.begin(&mut self.window);
    }

    /// RFC 3168 §6.1.1: a SYN with ECE and CWR asks for it.
    fn agree_on_ecn_as_server(&mut self, flags: TcpFlags) {
        let asked = flags.has(TcpFlags::ECE.with(TcpFlags::CWR));
        self.agreed.ecn = asked && self.parameters.ecn != EcnPolicy::Off;
    }

    /// Windows of SYNs are not scaled (RFC 7323 §2.2).
    fn offer_first_window(&mut self) {
        self.receiver.edge = self.receiver.nxt + self.parameters.receive_buffer.min(u64::from(u16::MAX));
    }

    /// Segments in SYN-SENT (RFC 9293 §3.10.7.3).
    pub(super) fn handle_in_syn_sent(&mut self, segment: &Segment, cx: &mut Cx<'_>) {
        let header = &segment.header;
        let acknowledged = header.flags.has(TcpFlags::ACK).then(|| seq::ahead(self.iss, 0, header.acknowledgment));
        if let Some(ack) = acknowledged
            && (ack <= 0 || ack as u64 > self.snd_max)
        {
            if !header.flags.has(TcpFlags::RST) {
                self.reset_for(segment, cx);
            }
            return;
        }
        if header.flags.has(TcpFlags::RST) {
            if acknowledged.is_some() {
                self.die(super::CloseReason::Refused, cx);
            }
            return;
        }
        if !header.flags.has(TcpFlags::SYN) {
            return;
        }
        let asked_for_cookie = self.agreed.cookie.take();
        self.take_syn(header, cx.now());
        self.agreed.cookie = header.options.as_ref().and_then(|options| options.fast_open.clone()).map(Box::new);
        self.agreed.cookie.take_if(|cookie| cookie.is_empty() || asked_for_cookie.is_none());
        self.offer_first_window();
        match acknowledged {
            Some(ack) => self.finish_active_open(segment, ack as u64, cx),
            None => self.open_simultaneously(segment, cx),
        }
    }

    /// A SYN with the acknowledgement of ours.
    fn finish_active_open(&mut self, segment: &Segment, ack: u64, cx: &mut Cx<'_>) {
        let header = &segment.header;
        let echo = header.flags.has(TcpFlags::ECE) && !header.flags.has(TcpFlags::CWR);
        self.agreed.ecn = echo && self.parameters.ecn == EcnPolicy::Request;
        self.agreed.had_early_data = ack > 1;
        let was_lost = self.timers.syn_was_lost(&self.parameters);
        self.set_state(State::Established, cx);
        // The window of a SYN is not scaled.
        self.snd_wnd = u64::from(header.window);
        self.max_snd_wnd = self.snd_wnd;
        (self.snd_wl1, self.snd_wl2) = (0, ack);
        self.acknowledge_handshake(ack, header, cx);
        if was_lost {
            self.begin_with_one_segment();
        }
        if ack < self.snd_nxt {
            // RFC 7413 §4.2.2: what went with the SYN was not taken, and goes again, at once.
            let (from, to) = (ack, self.snd_nxt);
            self.scoreboard.mark_lost(from, to, |_| true);
            self.note_lost(cx);
        }
        cx.notify(Notice::Connected);
        // The rest of the segment: data of a server that answers a SYN with data (RFC 7413 §4.2.2), a FIN.
        self.handle_text(1, segment, cx);
        self.receiver.ack.owed = Owed::Now;
    }

    /// A SYN without one: both have sent theirs at once (RFC 9293 §3.5, figure 8).
    fn open_simultaneously(&mut self, segment: &Segment, cx: &mut Cx<'_>) {
        self.agree_on_ecn_as_server(segment.header.flags);
        self.snd_wnd = u64::from(segment.header.window);
        self.max_snd_wnd = self.snd_wnd;
        self.set_state(State::SynReceived, cx);
        self.output.resends_syn = true;
    }

    /// The peer has acknowledged our SYN in SYN-RECEIVED.
    pub(super) fn finish_passive_open(&mut self, header: &TcpHeader, ack: u64, cx: &mut Cx<'_>) {
        let was_lost = self.timers.syn_was_lost(&self.parameters);
        self.set_state(State::Established, cx);
        self.snd_wnd = self.scaled_window(header);
        self.max_snd_wnd = self.snd_wnd;
        (self.snd_wl1, self.snd_wl2) = (self.receiver.nxt, ack);
        self.acknowledge_handshake(ack, header, cx);
        if was_lost {
            self.begin_with_one_segment();
        }
        if self.fin_offset().is_some_and(|fin| self.snd_max > fin) {
            // The answer to early data, and the FIN after it, may have left before (RFC 7413 §4.2.2).
            self.follow_sent_fin(cx);
        }
        cx.notify(Notice::Connected);
    }

    /// SND.WND as a header has it.
    pub(super) fn scaled_window(&self, header: &TcpHeader) -> u64 {
        let shift = self.agreed.scaling.filter(|_| !header.flags.has(TcpFlags::SYN)).map_or(0, |(send, _)| send);
        u64::from(header.window) << shift
    }

    /// The header of a SYN, with or without an acknowledgement.
    pub(super) fn syn_header(&mut self, now: LocalTime) -> TcpHeader {
        let is_answer = self.state == State::SynReceived;
        let parameters = &self.parameters;
        let offers = |own: bool, agreed: bool| if is_answer { agreed } else { own };
        let timestamps = offers(parameters.timestamps, self.agreed.timestamps);
        let shift = shift_for(parameters.receive_buffer);
        let options = TcpOptions {
            mss: Some(self.agreed.own_mss(parameters)),
            window_scale: offers(parameters.window_scaling, self.agreed.scaling.is_some()).then_some(shift),
            sack_permitted: offers(parameters.sack, self.agreed.sack),
            sack: Vec::<SackBlock>::new(),
            // RFC 7413 §4.1.3: a SYN that was lost goes again without it, since something on the way may dislike it.
            fast_open: self.agreed.cookie.as_deref().cloned().filter(|_| is_answer || self.timers.retransmissions == 0),
            as_received: None,
        };
        // RFC 3168 §6.1.1.1: a SYN that has been lost is sent again without asking for ECN.
        let asks_for_ecn = parameters.ecn == EcnPolicy::Request && self.timers.retransmissions == 0;
        let flags = match (is_answer, self.agreed.ecn, asks_for_ecn) {
            (true, true, _) => TcpFlags::SYN.with(TcpFlags::ACK).with(TcpFlags::ECE),
            (true, false, _) => TcpFlags::SYN.with(TcpFlags::ACK),
            (false, _, true) => TcpFlags::SYN.with(TcpFlags::ECE).with(TcpFlags::CWR),
            (false, _, false) => TcpFlags::SYN,
        };
        let echo = if is_answer { self.agreed.ts_recent } else { 0 };
        TcpHeader {
            source_port: self.ends.local_port(),
            destination_port: self.ends.remote_port(),
            sequence: self.iss,
            acknowledgment: if is_answer { seq::wire(self.receiver.irs, self.receiver.nxt) } else { 0 },
            flags,
            window: self.parameters.receive_buffer.saturating_sub(self.receiver.unread()).min(u64::from(u16::MAX))
                as u16,
            urgent: 0,
            timestamps: timestamps.then(|| Timestamps { value: self.agreed.timestamp(now), echo }),
            options: Some(Box::new(options)),
        }
    }

    /// Bytes that may go with the SYN: those of a cookie's owner, as much as fits beside the options (RFC 7413 §4.1.3).
    pub(super) fn early_data_len(&self) -> u64 {
        let has_cookie = self.agreed.cookie.as_ref().is_some_and(|cookie| !cookie.is_empty());
        let may = matches!(self.parameters.fast_open, FastOpen::Client | FastOpen::Both);
        // RFC 7413 §4.1.3: lost with its data, a SYN goes without them.
        if self.state != State::SynSent || !has_cookie || !may || self.timers.retransmissions > 0 {
            return 0;
        }
        let room = self.agreed.path_mss.saturating_sub(crate::packet::MAX_OPTIONS_LEN as u64);
        self.buffer.len().min(room)
    }
}
