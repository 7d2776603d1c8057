//! All methods, from one table (§1 of the reference: classes and methods), with RabbitMQ's.
//!
//! Reserved arguments have no field: they are written as zeros, and ignored when they are read.

use super::argument::{Argument, Reader, Writer};
use super::id::{MethodId, Sender};
use super::table::Table;
use super::text::{LongStr, ShortStr};
use super::{Fault, ReplyCode};

/// Makes the methods' types, the enumeration of them, and their encoding. `[type]` is a reserved argument.
macro_rules! methods {
    ($(
        $(#[$class_doc:meta])+
        mod $class:ident = $class_id:literal {
            $(
                $(#[$doc:meta])+
                $variant:ident : $name:ident = $id:literal $text:literal from $sender:ident {
                    $($([$before:ty])* $(#[$field_doc:meta])+ $field:ident : $type:ty,)*
                    $(; [$after:ty])?
                }
            )+
        }
    )+) => {
        $(
            $(#[$class_doc])+
            pub mod $class {
                use super::*;

                $(
                    $(#[$doc])+
                    #[derive(Clone, PartialEq, Eq, Debug, Default)]
                    pub struct $name {
                        $($(#[$field_doc])+ pub $field: $type,)*
                    }

                    impl $name {
                        #[allow(unused_variables, reason = "some have no arguments")]
                        pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                            $(
                                $(<$before>::read(reader)?;)*
                                let $field = <$type>::read(reader)?;
                            )*
                            $(<$after>::read(reader)?;)?
                            Ok(Self { $($field),* })
                        }

                        #[allow(unused_variables, reason = "some have no arguments")]
                        pub(super) fn put(&self, writer: &mut Writer) {
                            $(
                                $(<$before>::default().put(writer);)*
                                self.$field.put(writer);
                            )*
                            $(<$after>::default().put(writer);)?
                        }
                    }

                    impl From<$name> for Method {
                        fn from(method: $name) -> Self {
                            Self::$variant(method)
                        }
                    }
                )+
            }
        )+

        /// One method.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Method {
            $($($(#[$doc])+ $variant($class::$name),)+)+
        }

        impl Method {
            /// The numbers of all methods.
            pub const IDS: &[MethodId] = &[$($(MethodId { class: $class_id, method: $id },)+)+];

            /// Its numbers.
            pub const fn id(&self) -> MethodId {
                match self {
                    $($(Self::$variant(_) => MethodId { class: $class_id, method: $id },)+)+
                }
            }

            /// Its name, as the standard writes it.
            pub const fn name(&self) -> &'static str {
                match self {
                    $($(Self::$variant(_) => concat!(stringify!($class), ".", $text),)+)+
                }
            }

            /// Who may send it.
            pub const fn sender(&self) -> Sender {
                match self {
                    $($(Self::$variant(_) => Sender::$sender,)+)+
                }
            }

            fn read_arguments(id: MethodId, reader: &mut Reader<'_>) -> Result<Self, Fault> {
                match (id.class, id.method) {
                    $($(($class_id, $id) => $class::$name::read(reader).map(Self::$variant),)+)+
                    // basic.recover-async: deprecated, and served by nobody here.
                    (60, 100) => Err(Fault::new(ReplyCode::NotImplemented, "§1.8", "basic.recover-async is not implemented")),
                    _ => Err(Fault::new(ReplyCode::CommandInvalid, "§1", "there is no such method")),
                }
            }

            fn put_arguments(&self, writer: &mut Writer) {
                match self {
                    $($(Self::$variant(method) => method.put(writer),)+)+
                }
            }

            /// A method with these numbers, for tests.
            #[cfg(test)]
            pub(crate) fn any(id: MethodId, rng: &mut fastrand::Rng) -> Self {
                match (id.class, id.method) {
                    $($(($class_id, $id) => Self::$variant($class::$name {
                        $($field: <$type>::any(rng)),*
                    }),)+)+
                    _ => panic!("{id} is no method"),
                }
            }
        }
    };
}

methods! {
    /// The connection itself, on channel 0.
    mod connection = 10 {
        /// The server says who it is, and how clients may say who they are.
        ConnectionStart: Start = 10 "start" from Server {
            /// 0.
            version_major: u8,
            /// 9.
            version_minor: u8,
            /// Product, version, capabilities.
            server_properties: Table,
            /// Names of SASL mechanisms, with spaces between them.
            mechanisms: LongStr,
            /// Languages of texts, with spaces between them.
            locales: LongStr,
        }
        /// The client says who it is.
        ConnectionStartOk: StartOk = 11 "start-ok" from Client {
            /// Product, version, capabilities.
            client_properties: Table,
            /// The mechanism that it takes.
            mechanism: ShortStr,
            /// What that has it say: for PLAIN a zero octet, the user, a zero octet, the password.
            response: LongStr,
            /// The language that it takes.
            locale: ShortStr,
        }
        /// The server wants to know more.
        ConnectionSecure: Secure = 20 "secure" from Server {
            /// As the mechanism has it.
            challenge: LongStr,
        }
        /// The client says it.
        ConnectionSecureOk: SecureOk = 21 "secure-ok" from Client {
            /// As the mechanism has it.
            response: LongStr,
        }
        /// What the server can take.
        ConnectionTune: Tune = 30 "tune" from Server {
            /// The highest number of a channel; 0 for no limit.
            channel_max: u16,
            /// The largest frame, with its header and end \[bytes\]; 0 for no limit.
            frame_max: u32,
            /// Between two heartbeats \[s\]; 0 for none.
            heartbeat: u16,
        }
        /// What both can take.
        ConnectionTuneOk: TuneOk = 31 "tune-ok" from Client {
            /// The highest number of a channel; 0 for no limit.
            channel_max: u16,
            /// The largest frame, with its header and end \[bytes\]; 0 for no limit.
            frame_max: u32,
            /// Between two heartbeats \[s\]; 0 for none.
            heartbeat: u16,
        }
        /// The client takes a virtual host.
        ConnectionOpen: Open = 40 "open" from Client {
            /// Its name.
            virtual_host: ShortStr,
            [ShortStr]
            /// Reserved; `insist` before 0-9-1, and set by some clients still.
            insist: bool,
        }
        /// It has it.
        ConnectionOpenOk: OpenOk = 41 "open-ok" from Server { ; [ShortStr] }
        /// The last method of a connection but for its answer.
        ConnectionClose: Close = 50 "close" from Either {
            /// Why; 200 where nothing is wrong.
            reply_code: u16,
            /// Why, in words.
            reply_text: ShortStr,
            /// The class of the method that was wrong, or 0.
            class_id: u16,
            /// The method that was wrong, or 0.
            method_id: u16,
        }
        /// The answer to it.
        ConnectionCloseOk: CloseOk = 51 "close-ok" from Either {}
        /// The server takes no messages for now (RabbitMQ).
        ConnectionBlocked: Blocked = 60 "blocked" from Server {
            /// What it lacks.
            reason: ShortStr,
        }
        /// It takes messages again (RabbitMQ).
        ConnectionUnblocked: Unblocked = 61 "unblocked" from Server {}
    }

    /// Channels.
    mod channel = 20 {
        /// The client opens one.
        ChannelOpen: Open = 10 "open" from Client { ; [ShortStr] }
        /// It is open.
        ChannelOpenOk: OpenOk = 11 "open-ok" from Server { ; [LongStr] }
        /// Whether the other end may send content.
        ChannelFlow: Flow = 20 "flow" from Either {
            /// It may.
            active: bool,
        }
        /// The other end does so.
        ChannelFlowOk: FlowOk = 21 "flow-ok" from Either {
            /// It may.
            active: bool,
        }
        /// The last method of a channel but for its answer.
        ChannelClose: Close = 40 "close" from Either {
            /// Why; 200 where nothing is wrong.
            reply_code: u16,
            /// Why, in words.
            reply_text: ShortStr,
            /// The class of the method that was wrong, or 0.
            class_id: u16,
            /// The method that was wrong, or 0.
            method_id: u16,
        }
        /// The answer to it.
        ChannelCloseOk: CloseOk = 41 "close-ok" from Either {}
    }

    /// Exchanges.
    mod exchange = 40 {
        /// There shall be one.
        ExchangeDeclare: Declare = 10 "declare" from Client {
            [u16]
            /// Its name.
            exchange: ShortStr,
            /// How it routes.
            kind: ShortStr,
            /// Is there one? Nothing is made.
            passive: bool,
            /// It outlives the server's restart.
            durable: bool,
            /// It goes with its last binding.
            auto_delete: bool,
            /// Nobody publishes to it but other exchanges.
            internal: bool,
            /// Do not answer.
            no_wait: bool,
            /// More about it, such as `alternate-exchange`.
            arguments: Table,
        }
        /// There is.
        ExchangeDeclareOk: DeclareOk = 11 "declare-ok" from Server {}
        /// It shall go.
        ExchangeDelete: Delete = 20 "delete" from Client {
            [u16]
            /// Its name.
            exchange: ShortStr,
            /// Only if it has no bindings.
            if_unused: bool,
            /// Do not answer.
            no_wait: bool,
        }
        /// It is gone.
        ExchangeDeleteOk: DeleteOk = 21 "delete-ok" from Server {}
        /// Messages shall go from one exchange to another (RabbitMQ).
        ExchangeBind: Bind = 30 "bind" from Client {
            [u16]
            /// Where they go.
            destination: ShortStr,
            /// Where they come from.
            source: ShortStr,
            /// The binding key.
            routing_key: ShortStr,
            /// Do not answer.
            no_wait: bool,
            /// What a headers exchange looks for.
            arguments: Table,
        }
        /// They do.
        ExchangeBindOk: BindOk = 31 "bind-ok" from Server {}
        /// They shall no more (RabbitMQ).
        ExchangeUnbind: Unbind = 40 "unbind" from Client {
            [u16]
            /// Where they went.
            destination: ShortStr,
            /// Where they came from.
            source: ShortStr,
            /// The binding key.
            routing_key: ShortStr,
            /// Do not answer.
            no_wait: bool,
            /// As in the binding.
            arguments: Table,
        }
        /// They do no more.
        ExchangeUnbindOk: UnbindOk = 51 "unbind-ok" from Server {}
    }

    /// Queues.
    mod queue = 50 {
        /// There shall be one.
        QueueDeclare: Declare = 10 "declare" from Client {
            [u16]
            /// Its name; empty for one that the server gives.
            queue: ShortStr,
            /// Is there one? Nothing is made.
            passive: bool,
            /// It outlives the server's restart.
            durable: bool,
            /// It is this connection's alone, and goes with it.
            exclusive: bool,
            /// It goes with its last consumer.
            auto_delete: bool,
            /// Do not answer.
            no_wait: bool,
            /// More about it, such as `x-message-ttl`.
            arguments: Table,
        }
        /// There is.
        QueueDeclareOk: DeclareOk = 11 "declare-ok" from Server {
            /// Its name.
            queue: ShortStr,
            /// Messages that are ready.
            message_count: u32,
            /// Its consumers.
            consumer_count: u32,
        }
        /// Messages shall go from an exchange to it.
        QueueBind: Bind = 20 "bind" from Client {
            [u16]
            /// Its name.
            queue: ShortStr,
            /// Where they come from.
            exchange: ShortStr,
            /// The binding key.
            routing_key: ShortStr,
            /// Do not answer.
            no_wait: bool,
            /// What a headers exchange looks for.
            arguments: Table,
        }
        /// They do.
        QueueBindOk: BindOk = 21 "bind-ok" from Server {}
        /// What is ready shall go.
        QueuePurge: Purge = 30 "purge" from Client {
            [u16]
            /// Its name.
            queue: ShortStr,
            /// Do not answer.
            no_wait: bool,
        }
        /// It is gone.
        QueuePurgeOk: PurgeOk = 31 "purge-ok" from Server {
            /// How many messages it was.
            message_count: u32,
        }
        /// The queue shall go.
        QueueDelete: Delete = 40 "delete" from Client {
            [u16]
            /// Its name.
            queue: ShortStr,
            /// Only if it has no consumers.
            if_unused: bool,
            /// Only if it has no messages.
            if_empty: bool,
            /// Do not answer.
            no_wait: bool,
        }
        /// It is gone.
        QueueDeleteOk: DeleteOk = 41 "delete-ok" from Server {
            /// How many messages went with it.
            message_count: u32,
        }
        /// Messages shall no more go from an exchange to it.
        QueueUnbind: Unbind = 50 "unbind" from Client {
            [u16]
            /// Its name.
            queue: ShortStr,
            /// Where they came from.
            exchange: ShortStr,
            /// The binding key.
            routing_key: ShortStr,
            /// As in the binding.
            arguments: Table,
        }
        /// They do no more.
        QueueUnbindOk: UnbindOk = 51 "unbind-ok" from Server {}
    }

    /// Messages.
    mod basic = 60 {
        /// How much may be on its way without acknowledgement.
        BasicQos: Qos = 10 "qos" from Client {
            /// Bytes; 0 for no limit, which is the only one that RabbitMQ has.
            prefetch_size: u32,
            /// Messages; 0 for no limit.
            prefetch_count: u16,
            /// RabbitMQ: for the channel as a whole, and not for each new consumer on it.
            global: bool,
        }
        /// So it is.
        BasicQosOk: QosOk = 11 "qos-ok" from Server {}
        /// A consumer begins.
        BasicConsume: Consume = 20 "consume" from Client {
            [u16]
            /// What it consumes from.
            queue: ShortStr,
            /// Its name; empty for one that the server gives.
            consumer_tag: ShortStr,
            /// Not what this connection has published.
            no_local: bool,
            /// It acknowledges nothing: what is sent is done with.
            no_ack: bool,
            /// It shall be the only one.
            exclusive: bool,
            /// Do not answer.
            no_wait: bool,
            /// More about it.
            arguments: Table,
        }
        /// It has begun.
        BasicConsumeOk: ConsumeOk = 21 "consume-ok" from Server {
            /// Its name.
            consumer_tag: ShortStr,
        }
        /// It ends; from a server, because its queue has ended (RabbitMQ).
        BasicCancel: Cancel = 30 "cancel" from Either {
            /// Its name.
            consumer_tag: ShortStr,
            /// Do not answer.
            no_wait: bool,
        }
        /// It has ended.
        BasicCancelOk: CancelOk = 31 "cancel-ok" from Either {
            /// Its name.
            consumer_tag: ShortStr,
        }
        /// A message to an exchange; content follows.
        BasicPublish: Publish = 40 "publish" from Client {
            [u16]
            /// The exchange; empty for the default one.
            exchange: ShortStr,
            /// The routing key.
            routing_key: ShortStr,
            /// Send it back if it is for no queue.
            mandatory: bool,
            /// Send it back if it is for no consumer now; RabbitMQ has none of it.
            immediate: bool,
        }
        /// A message that comes back; content follows.
        BasicReturn: Return = 50 "return" from Server {
            /// Why.
            reply_code: u16,
            /// Why, in words.
            reply_text: ShortStr,
            /// The exchange.
            exchange: ShortStr,
            /// The routing key.
            routing_key: ShortStr,
        }
        /// A message for a consumer; content follows.
        BasicDeliver: Deliver = 60 "deliver" from Server {
            /// The consumer.
            consumer_tag: ShortStr,
            /// What an acknowledgement on this channel will name.
            delivery_tag: u64,
            /// It may have been delivered before.
            redelivered: bool,
            /// The exchange to which it was published.
            exchange: ShortStr,
            /// The routing key.
            routing_key: ShortStr,
        }
        /// Is there a message?
        BasicGet: Get = 70 "get" from Client {
            [u16]
            /// In this queue.
            queue: ShortStr,
            /// It will not be acknowledged.
            no_ack: bool,
        }
        /// There is; content follows.
        BasicGetOk: GetOk = 71 "get-ok" from Server {
            /// What an acknowledgement on this channel will name.
            delivery_tag: u64,
            /// It may have been delivered before.
            redelivered: bool,
            /// The exchange to which it was published.
            exchange: ShortStr,
            /// The routing key.
            routing_key: ShortStr,
            /// Messages that are ready still.
            message_count: u32,
        }
        /// There is none.
        BasicGetEmpty: GetEmpty = 72 "get-empty" from Server { ; [ShortStr] }
        /// A message is done with; from a server, its confirm (RabbitMQ).
        BasicAck: Ack = 80 "ack" from Either {
            /// Which; 0 with `multiple` for all.
            delivery_tag: u64,
            /// And all before it.
            multiple: bool,
        }
        /// A message is not taken.
        BasicReject: Reject = 90 "reject" from Client {
            /// Which.
            delivery_tag: u64,
            /// It goes back into its queue.
            requeue: bool,
        }
        /// All that is not acknowledged on this channel shall be delivered again.
        BasicRecover: Recover = 110 "recover" from Client {
            /// To whomever; if not, to the same consumer.
            requeue: bool,
        }
        /// It will be.
        BasicRecoverOk: RecoverOk = 111 "recover-ok" from Server {}
        /// Messages are not taken; from a server, a confirm that cannot be given (RabbitMQ).
        BasicNack: Nack = 120 "nack" from Either {
            /// Which; 0 with `multiple` for all.
            delivery_tag: u64,
            /// And all before it.
            multiple: bool,
            /// They go back into their queues.
            requeue: bool,
        }
    }

    /// Publisher confirms (RabbitMQ).
    mod confirm = 85 {
        /// What is published on this channel shall be confirmed.
        ConfirmSelect: Select = 10 "select" from Client {
            /// Do not answer.
            no_wait: bool,
        }
        /// It will be.
        ConfirmSelectOk: SelectOk = 11 "select-ok" from Server {}
    }

    /// Transactions.
    mod tx = 90 {
        /// This channel shall have transactions.
        TxSelect: Select = 10 "select" from Client {}
        /// It has.
        TxSelectOk: SelectOk = 11 "select-ok" from Server {}
        /// What was published and acknowledged shall be so.
        TxCommit: Commit = 20 "commit" from Client {}
        /// It is.
        TxCommitOk: CommitOk = 21 "commit-ok" from Server {}
        /// It shall not be.
        TxRollback: Rollback = 30 "rollback" from Client {}
        /// It is not.
        TxRollbackOk: RollbackOk = 31 "rollback-ok" from Server {}
    }
}

impl Method {
    /// Whether a content header follows, and maybe a body (§4.2.6).
    pub const fn has_content(&self) -> bool {
        matches!(self, Self::BasicPublish(_) | Self::BasicReturn(_) | Self::BasicDeliver(_) | Self::BasicGetOk(_))
    }

    /// Reads the payload of a method frame (§4.2.4).
    ///
    /// # Errors
    /// With the method's numbers, as far as they were read.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(payload);
        let id = MethodId { class: reader.u16()?, method: reader.u16()? };
        Self::read_arguments(id, &mut reader)
            .and_then(|method| reader.finish().map(|()| method))
            .map_err(|fault| fault.in_method(id))
    }

    /// Writes the payload of a method frame.
    pub(super) fn put(&self, writer: &mut Writer) {
        let MethodId { class, method } = self.id();
        writer.put(&class.to_be_bytes());
        writer.put(&method.to_be_bytes());
        self.put_arguments(writer);
    }
}
