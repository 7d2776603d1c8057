//! Requests of clients: Allocate (RFC 8656 §7), Refresh (§8), CreatePermission (§10), ChannelBind (§12).

use super::allocation::{ALLOCATION_BYTES, Allocation};
use super::{Cx, FiveTuple, Notice, Server, alive};
use crate::rope::Rope;
use crate::stun::INTEGRITY;
use crate::stun::auth::{Authenticator, Granted, NONCE_KEY};
use crate::stun::wire::frame::{FIRST_CHANNEL, LAST_CHANNEL, LAST_OLD_CHANNEL};
use crate::stun::wire::{Attribute, Class, ErrorCode, Family, Fields, Message, MessageType, Method, Writer};
use crate::turn::PROTOCOL_UDP;
use protosim_core::{LocalTime, Purpose, Span};
use std::net::SocketAddr;

/// The draws of relayed ports.
const PORT: Purpose = Purpose("turn.relayed-port");
/// The draws of reservation tokens.
const TOKEN: Purpose = Purpose("turn.reservation-token");

/// A request that has passed the door.
struct Request<'a> {
    tuple: FiveTuple,
    message: &'a Message<'a>,
    fields: Fields<'a>,
    granted: Granted,
}

impl Request<'_> {
    fn writer(&self, class: Class) -> Writer {
        Writer::new(MessageType::new(class, self.message.method()), self.message.transaction())
    }
}

impl Server {
    /// A request that needs credentials.
    pub(super) fn request(&mut self, tuple: FiveTuple, message: &Message<'_>, cx: &mut Cx<'_>) {
        // What is over at this instant has made room already.
        self.expire(cx);
        let fields = Fields::read(message);
        self.authenticator.begin(|| Authenticator::draw(cx.rng(NONCE_KEY)));
        if fields.has_any_integrity() {
            cx.spend(INTEGRITY, message.bytes().len() as u64);
        }
        let granted = match self.authenticator.check(message, &fields, tuple.client, cx.now()) {
            Ok(granted) => granted,
            Err(refused) => {
                self.count_refused(refused.code);
                let kind = MessageType::new(Class::Error, message.method());
                let mut writer = Writer::new(kind, message.transaction()).error(refused.code);
                if refused.with_challenge {
                    writer = self.authenticator.challenge(writer, tuple.client, cx.now());
                }
                let _sent = self.send(tuple, writer, &Granted::default(), fields.has_fingerprint, cx);
                return;
            }
        };
        let request = Request { tuple, message, fields, granted };
        let result = match self.check(&request) {
            Ok(()) => match message.method() {
                Method::ALLOCATE => self.allocate(&request, cx),
                Method::REFRESH => self.refresh(&request, cx),
                Method::CREATE_PERMISSION => self.create_permission(&request, cx),
                _ => self.channel_bind(&request, cx),
            },
            Err(code) => Err(code),
        };
        if let Err(code) = result {
            self.refuse(&request, code, cx);
        }
    }

    /// What holds for all requests: attributes that are understood and can be read.
    fn check(&self, request: &Request<'_>) -> Result<(), ErrorCode> {
        if !request.fields.unknown.is_empty() {
            return Err(ErrorCode::UNKNOWN_ATTRIBUTE);
        }
        if request.fields.malformed.is_some() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        Ok(())
    }

    fn refuse(&mut self, request: &Request<'_>, code: ErrorCode, cx: &mut Cx<'_>) {
        self.count_refused(code);
        let mut writer = request.writer(Class::Error).error(code);
        if code == ErrorCode::UNKNOWN_ATTRIBUTE {
            writer = writer.unknown(&request.fields.unknown);
        }
        let _sent = self.send(request.tuple, writer, &request.granted, request.fields.has_fingerprint, cx);
    }

    fn succeed(&self, request: &Request<'_>, writer: Writer, cx: &mut Cx<'_>) -> Rope {
        self.send(request.tuple, writer, &request.granted, request.fields.has_fingerprint, cx)
    }

    /// §7.2, in its order.
    fn allocate(&mut self, request: &Request<'_>, cx: &mut Cx<'_>) -> Result<(), ErrorCode> {
        let (tuple, fields) = (request.tuple, &request.fields);
        if let Some(allocation) = self.allocations.get(&tuple) {
            let is_again = allocation.transaction == request.message.transaction();
            if !is_again || allocation.user != request.granted.user {
                return Err(ErrorCode::ALLOCATION_MISMATCH);
            }
            let place = super::Place::Client(tuple);
            cx.transmit(super::Envelope { place, payload: allocation.answer.clone() });
            return Ok(());
        }
        match fields.transport {
            None => return Err(ErrorCode::BAD_REQUEST),
            Some(PROTOCOL_UDP) => {}
            Some(_) => return Err(ErrorCode::UNSUPPORTED_TRANSPORT),
        }
        // A token names an address, and so what else there is to say of one.
        if fields.token.is_some() && (fields.even_port.is_some() || fields.family.is_some()) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let ip = self.ports.ip(fields.family.unwrap_or(Family::V4)).ok_or(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
        let ip = if fields.token.is_some() { None } else { Some(ip?) };
        let owns = |allocation: &&Allocation| allocation.user == request.granted.user;
        if self.config.quota.is_some_and(|quota| self.allocations.values().filter(owns).count() >= quota) {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        if self.config.capacity.is_some_and(|capacity| self.allocations.len() >= capacity) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        cx.reserve(ALLOCATION_BYTES).map_err(|_| ErrorCode::INSUFFICIENT_CAPACITY)?;
        let (even, pair) = (fields.even_port.is_some(), fields.even_port == Some(true));
        let relayed = match (ip, fields.token) {
            (Some(ip), _) => self.ports.take(ip, even, pair, cx.rng(PORT)),
            (None, token) => token.and_then(|token| self.ports.redeem(token, cx.now())),
        };
        let Some(relayed) = relayed else {
            cx.release(ALLOCATION_BYTES);
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        };
        self.make_allocation(request, relayed, pair, cx);
        Ok(())
    }

    fn make_allocation(&mut self, request: &Request<'_>, relayed: SocketAddr, pair: bool, cx: &mut Cx<'_>) {
        let (tuple, now) = (request.tuple, cx.now());
        let token = pair.then(|| {
            let token = cx.rng(TOKEN).next_u64().to_be_bytes();
            self.ports.reserve(token, SocketAddr::new(relayed.ip(), relayed.port() + 1), now);
            token
        });
        let lifetime = self.config.lifetime(request.fields.lifetime);
        cx.notify(Notice::Opened(relayed));
        let writer = request
            .writer(Class::Success)
            .with(Attribute::XorRelayedAddress(relayed))
            .with(Attribute::Lifetime(seconds(lifetime)))
            .with_if(token.map(Attribute::ReservationToken))
            .with(Attribute::XorMappedAddress(tuple.client));
        let answer = self.succeed(request, writer, cx);
        let expires = now.saturating_add(lifetime);
        let (user, transaction) = (request.granted.user, request.message.transaction());
        self.allocations.insert(tuple, Allocation::new(relayed, user, expires, transaction, answer));
        self.relayed.insert(relayed, tuple);
        self.ends.insert((expires, tuple));
        self.counts.allocations += 1;
    }

    /// The allocation that a later request is about: it is there (437), and of the same user (441, §5).
    fn own(&self, request: &Request<'_>, now: LocalTime) -> Result<&Allocation, ErrorCode> {
        let allocation = alive(&self.allocations, request.tuple, now).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        match allocation.user == request.granted.user {
            true => Ok(allocation),
            false => Err(ErrorCode::WRONG_CREDENTIALS),
        }
    }

    /// §8.2.
    fn refresh(&mut self, request: &Request<'_>, cx: &mut Cx<'_>) -> Result<(), ErrorCode> {
        let now = cx.now();
        let allocation = self.own(request, now)?;
        let (relayed, old) = (allocation.relayed, allocation.expires);
        if request.fields.family.is_some_and(|family| family != Family::of_socket(relayed)) {
            return Err(ErrorCode::PEER_FAMILY_MISMATCH);
        }
        let lifetime = match request.fields.lifetime {
            Some(0) => Span::ZERO,
            wanted => self.config.lifetime(wanted),
        };
        let writer = request.writer(Class::Success).with(Attribute::Lifetime(seconds(lifetime)));
        let _sent = self.succeed(request, writer, cx);
        if lifetime.is_zero() {
            self.remove(request.tuple, cx);
            return Ok(());
        }
        let expires = now.saturating_add(lifetime);
        self.ends.remove(&(old, request.tuple));
        self.ends.insert((expires, request.tuple));
        if let Some(allocation) = self.allocations.get_mut(&request.tuple) {
            allocation.expires = expires;
        }
        Ok(())
    }

    /// Whether a peer is one that this allocation can have.
    fn check_peer(&self, allocation: &Allocation, peer: SocketAddr) -> Result<(), ErrorCode> {
        if Family::of_socket(peer) != Family::of_socket(allocation.relayed) {
            return Err(ErrorCode::PEER_FAMILY_MISMATCH);
        }
        if self.config.is_forbidden(peer.ip()) { Err(ErrorCode::FORBIDDEN) } else { Ok(()) }
    }

    /// §10.2: all of them, or none.
    fn create_permission(&mut self, request: &Request<'_>, cx: &mut Cx<'_>) -> Result<(), ErrorCode> {
        let allocation = self.own(request, cx.now())?;
        if request.fields.peers.is_empty() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        request.fields.peers.iter().try_for_each(|peer| self.check_peer(allocation, *peer))?;
        self.change(request.tuple, cx, |allocation, now| {
            request.fields.peers.iter().for_each(|peer| allocation.permit(peer.ip(), now));
        })?;
        let _sent = self.succeed(request, request.writer(Class::Success), cx);
        Ok(())
    }

    /// §12.2.
    fn channel_bind(&mut self, request: &Request<'_>, cx: &mut Cx<'_>) -> Result<(), ErrorCode> {
        let allocation = self.own(request, cx.now())?;
        let (Some(number), [peer, ..]) = (request.fields.channel, request.fields.peers.as_slice()) else {
            return Err(ErrorCode::BAD_REQUEST);
        };
        let last = if self.config.old_channels { LAST_OLD_CHANNEL } else { LAST_CHANNEL };
        if !(FIRST_CHANNEL..=last).contains(&number) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        self.check_peer(allocation, *peer)?;
        let mut conflict = Ok(());
        self.change(request.tuple, cx, |allocation, now| {
            conflict = allocation.can_bind(number, *peer, now);
            if conflict.is_ok() {
                allocation.bind(number, *peer, now);
            }
        })?;
        conflict.map_err(|_| ErrorCode::BAD_REQUEST)?;
        let _sent = self.succeed(request, request.writer(Class::Success), cx);
        Ok(())
    }

    /// Changes an allocation if the host has the memory for it; else it stays as it is (508).
    fn change(
        &mut self,
        tuple: FiveTuple,
        cx: &mut Cx<'_>,
        change: impl FnOnce(&mut Allocation, LocalTime),
    ) -> Result<(), ErrorCode> {
        let now = cx.now();
        let Some(allocation) = self.allocations.get_mut(&tuple) else { return Err(ErrorCode::ALLOCATION_MISMATCH) };
        let mut changed = allocation.clone();
        change(&mut changed, now);
        let (before, after) = (allocation.bytes(), changed.bytes());
        if after > before {
            cx.reserve(after - before).map_err(|_| ErrorCode::INSUFFICIENT_CAPACITY)?;
        } else {
            cx.release(before - after);
        }
        *allocation = changed;
        Ok(())
    }
}

/// LIFETIME of a span; configurations hold no more.
fn seconds(span: Span) -> u32 {
    u32::try_from(span.as_nanos() / protosim_core::time::NANOS_PER_SEC).unwrap_or(u32::MAX)
}
