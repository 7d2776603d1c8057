//! The nine performatives (§2.7).

use super::Fault;
use super::field::{Composite, Field, composite, read_known_code};
use super::read::Reader;
use super::state::{DeliveryState, Error};
use super::terminus::{AnyTarget, Source};
use super::value::{DeliveryTag, Fields, Map, Symbol};
use super::write::Out;
use std::sync::Arc;

/// The unsettled deliveries of an end, with what it knows of them (§2.6.13).
pub type Unsettled = Map<DeliveryTag, Option<DeliveryState>>;

/// An end of a link (§2.8.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// It sends messages.
    Sender,
    /// It receives them.
    Receiver,
}

impl Role {
    /// The other end's.
    pub const fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

impl Field for Role {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(if bool::read(reader)? { Self::Receiver } else { Self::Sender })
    }

    fn put(&self, out: &mut Out) {
        (*self == Self::Receiver).put(out);
    }
}

/// How a sender settles (§2.8.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SenderSettleMode {
    /// Nothing is settled when it is sent.
    Unsettled,
    /// All is.
    Settled,
    /// Each as it is.
    #[default]
    Mixed,
}

impl Field for SenderSettleMode {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match u8::read(reader)? {
            0 => Ok(Self::Unsettled),
            1 => Ok(Self::Settled),
            2 => Ok(Self::Mixed),
            _ => Err(Fault::decode("§2.8.2", "a snd-settle-mode is none of three")),
        }
    }

    fn put(&self, out: &mut Out) {
        (*self as u8).put(out);
    }
}

/// How a receiver settles (§2.8.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum ReceiverSettleMode {
    /// With its outcome.
    #[default]
    First,
    /// When the sender has settled.
    Second,
}

impl Field for ReceiverSettleMode {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match u8::read(reader)? {
            0 => Ok(Self::First),
            1 => Ok(Self::Second),
            _ => Err(Fault::decode("§2.8.3", "a rcv-settle-mode is none of two")),
        }
    }

    fn put(&self, out: &mut Out) {
        (*self as u8).put(out);
    }
}

composite! {
    /// §2.7.1.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Open = 0x10 {
        /// Who sends it.
        container_id: Arc<str>,
        /// Whom it is for.
        hostname: Option<Arc<str>>,
        /// The largest frame that the sender takes \[bytes\]; at least 512. Default: 2³² − 1.
        max_frame_size: Option<u32>,
        /// The highest channel that it takes. Default: 65535.
        channel_max: Option<u16>,
        /// It wants a frame in each such time \[ms\]. Default: it does not.
        idle_time_out: Option<u32>,
        /// Locales of its texts.
        outgoing_locales: Vec<Symbol>,
        /// Locales that it wants.
        incoming_locales: Vec<Symbol>,
        /// Extensions that it has.
        offered_capabilities: Vec<Symbol>,
        /// Extensions that it would use.
        desired_capabilities: Vec<Symbol>,
        /// More about it.
        properties: Option<Fields>,
    }
}

composite! {
    /// §2.7.2.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Begin = 0x11 {
        /// In an answer: the channel of the begin that is answered.
        remote_channel: Option<u16>,
        /// The transfer-id of the first transfer frame.
        next_outgoing_id: u32,
        /// Transfer frames that may come.
        incoming_window: u32,
        /// Transfer frames that may be sent, as far as the sender goes.
        outgoing_window: u32,
        /// The highest handle. Default: 2³² − 1.
        handle_max: Option<u32>,
        /// Extensions that it has.
        offered_capabilities: Vec<Symbol>,
        /// Extensions that it would use.
        desired_capabilities: Vec<Symbol>,
        /// More about it.
        properties: Option<Fields>,
    }
}

composite! {
    /// §2.7.3.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub Attach = 0x12 {
        /// The link.
        name: Arc<str>,
        /// What it is called on this session by who sends this.
        handle: u32,
        /// Of who sends this.
        role: Role,
        /// Default: mixed.
        snd_settle_mode: Option<SenderSettleMode>,
        /// Default: first.
        rcv_settle_mode: Option<ReceiverSettleMode>,
        /// `None` where there is no such source.
        source: Option<Box<Source>>,
        /// `None` where there is no such target.
        target: Option<AnyTarget>,
        /// What was not settled on a connection before.
        unsettled: Option<Unsettled>,
        /// Whether there is more of that. Default: no.
        incomplete_unsettled: Option<bool>,
        /// Of a sender.
        initial_delivery_count: Option<u32>,
        /// The largest message \[bytes\]. Default, and 0: any.
        max_message_size: Option<u64>,
        /// Extensions that it has.
        offered_capabilities: Vec<Symbol>,
        /// Extensions that it would use.
        desired_capabilities: Vec<Symbol>,
        /// More about it.
        properties: Option<Fields>,
    }
}

composite! {
    /// §2.7.4.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Flow = 0x13 {
        /// The transfer-id that is expected next. `None` before the peer's begin.
        next_incoming_id: Option<u32>,
        /// Transfer frames that may come.
        incoming_window: u32,
        /// The transfer-id of the next transfer frame.
        next_outgoing_id: u32,
        /// Transfer frames that may be sent.
        outgoing_window: u32,
        /// The link; without it, all behind is missing.
        handle: Option<u32>,
        /// As its sender counts, or as the receiver has heard; `None` before it has.
        delivery_count: Option<u32>,
        /// Deliveries that may come.
        link_credit: Option<u32>,
        /// Deliveries that wait.
        available: Option<u32>,
        /// Credit is to be used up. Default: no.
        drain: Option<bool>,
        /// An answer is wanted. Default: no.
        echo: Option<bool>,
        /// More about it.
        properties: Option<Fields>,
    }
}

composite! {
    /// §2.7.5. The payload stands behind it in its frame.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Transfer = 0x14 {
        /// The link.
        handle: u32,
        /// The delivery on this session; on its first transfer.
        delivery_id: Option<u32>,
        /// The delivery on this link; on its first transfer.
        delivery_tag: Option<DeliveryTag>,
        /// 0 is that of part 3; on the first transfer.
        message_format: Option<u32>,
        /// Default: no, or as before.
        settled: Option<bool>,
        /// More of the delivery comes. Default: no.
        more: Option<bool>,
        /// Of this delivery. Default: the link's.
        rcv_settle_mode: Option<ReceiverSettleMode>,
        /// At the sender.
        state: Option<DeliveryState>,
        /// The delivery is one of a connection before. Default: no.
        resume: Option<bool>,
        /// It is given up. Default: no.
        aborted: Option<bool>,
        /// An answer may wait. Default: no.
        batchable: Option<bool>,
    }
}

composite! {
    /// §2.7.6.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub Disposition = 0x15 {
        /// Of who sends it.
        role: Role,
        /// The first delivery.
        first: u32,
        /// The last one. Default: the first.
        last: Option<u32>,
        /// Default: no.
        settled: Option<bool>,
        /// Of all of them.
        state: Option<DeliveryState>,
        /// Default: no.
        batchable: Option<bool>,
    }
}

composite! {
    /// §2.7.7.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Detach = 0x16 {
        /// The link.
        handle: u32,
        /// It is not to be resumed. Default: it may be.
        closed: Option<bool>,
        /// Why.
        error: Option<Error>,
    }
}

composite! {
    /// §2.7.8.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub End = 0x17 {
        /// Why.
        error: Option<Error>,
    }
}

composite! {
    /// §2.7.9.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Close = 0x18 {
        /// Why.
        error: Option<Error>,
    }
}

/// What a frame says (§2.7).
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named as its type")]
pub enum Performative {
    Open(Box<Open>),
    Begin(Box<Begin>),
    Attach(Box<Attach>),
    Flow(Box<Flow>),
    Transfer(Box<Transfer>),
    Disposition(Box<Disposition>),
    Detach(Box<Detach>),
    End(Box<End>),
    Close(Box<Close>),
}

impl Performative {
    /// As the standard calls it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Begin(_) => "begin",
            Self::Attach(_) => "attach",
            Self::Flow(_) => "flow",
            Self::Transfer(_) => "transfer",
            Self::Disposition(_) => "disposition",
            Self::Detach(_) => "detach",
            Self::End(_) => "end",
            Self::Close(_) => "close",
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        fn list<T: Composite>(reader: &mut Reader<'_>) -> Result<Box<T>, Fault> {
            T::read_list(reader).map(Box::new)
        }
        let performative = match read_known_code(reader)? {
            Open::CODE => Self::Open(list(reader)?),
            Begin::CODE => Self::Begin(list(reader)?),
            Attach::CODE => Self::Attach(list(reader)?),
            Flow::CODE => Self::Flow(list(reader)?),
            Transfer::CODE => Self::Transfer(list(reader)?),
            Disposition::CODE => Self::Disposition(list(reader)?),
            Detach::CODE => Self::Detach(list(reader)?),
            End::CODE => Self::End(list(reader)?),
            Close::CODE => Self::Close(list(reader)?),
            _ => return Err(Fault::decode("§2.7", "a frame has no performative")),
        };
        performative.check()?;
        Ok(performative)
    }

    pub(super) fn put(&self, out: &mut Out) {
        match self {
            Self::Open(open) => open.put_described(out),
            Self::Begin(begin) => begin.put_described(out),
            Self::Attach(attach) => attach.put_described(out),
            Self::Flow(flow) => flow.put_described(out),
            Self::Transfer(transfer) => transfer.put_described(out),
            Self::Disposition(disposition) => disposition.put_described(out),
            Self::Detach(detach) => detach.put_described(out),
            Self::End(end) => end.put_described(out),
            Self::Close(close) => close.put_described(out),
        }
    }

    /// What fields say of each other.
    fn check(&self) -> Result<(), Fault> {
        let invalid = |rule, why| Err(Fault::new(super::Condition::InvalidField, rule, why));
        match self {
            Self::Open(open) if open.max_frame_size.is_some_and(|size| size < super::MIN_MAX_FRAME_SIZE) => {
                invalid("§2.7.1", "a max-frame-size is less than 512")
            }
            Self::Attach(attach) if attach.role == Role::Sender && attach.initial_delivery_count.is_none() => {
                invalid("§2.7.3", "a sender attaches without an initial-delivery-count")
            }
            Self::Flow(flow) => {
                let is_of_link = flow.delivery_count.is_some()
                    || flow.link_credit.is_some()
                    || flow.available.is_some()
                    || flow.drain.is_some();
                match flow.handle.is_none() && is_of_link {
                    true => invalid("§2.7.4", "a flow without a handle has fields of a link"),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
