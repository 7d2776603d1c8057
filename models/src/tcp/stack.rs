//! The connections of one host: who is called by an arriving segment, and who listens.
//!
//! A [`Stack`] has no clock and no wires. Calls go in, [`Output`]s are taken out with [`Stack::next_output`]; a simulated
//! node, `protosim packetdrill` and a live host drive the same code.
//!
//! Within one instant all inputs come first; [`Stack::flush`] then decides what is sent.

use super::{Parameters, Segment, TcpInfo, Trace};
use crate::rope::Rope;
use protosim_core::{Deadline, Env};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A connection of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConnectionId(pub u32);

/// A listening port of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ListenerId(pub u32);

/// The connections and listeners of a host.
#[derive(Clone, Debug, Default)]
pub struct Stack {}

/// What a stack wants done or known, in the order in which it came about.
#[derive(Clone, Debug)]
pub enum Output {
    /// This segment is to be sent.
    Transmit {
        /// From whom.
        local: SocketAddr,
        /// To whom.
        remote: SocketAddr,
        /// The segment.
        segment: Segment,
    },
    /// The owner of a connection should know.
    Notify {
        /// Whose connection.
        owner: u32,
        /// Which.
        connection: ConnectionId,
        /// What.
        notice: Notice,
    },
    /// For observers alone.
    Observe {
        /// Whose connection.
        owner: u32,
        /// Which.
        connection: ConnectionId,
        /// What.
        trace: Trace,
    },
}

/// What the user of a connection is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A connection has come in at a listener and waits to be accepted ([`Stack::accept`]).
    Incoming(ListenerId),
    /// The connection that was asked for is there.
    Connected,
    /// There is more to be read than before.
    Readable,
    /// There is room again, after a write that was not taken whole.
    Writable,
    /// The peer has finished: what is there to be read is the rest.
    Finished,
    /// The connection is over, and its number is given away anew.
    Closed(CloseReason),
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CloseReason {
    /// Both ends have finished.
    Done,
    /// Nobody listens there (RFC 9293 §3.10.7.3), or a router says so.
    Refused,
    /// The peer has reset it.
    Reset,
    /// Nobody answers.
    TimedOut,
    /// The application has given it up.
    Aborted,
    /// The host has no memory for it.
    OutOfMemory,
}

/// Why a stack refuses a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StackError {
    /// There is no such connection any more.
    #[error("the connection is over")]
    NoConnection,
    /// Someone listens there already.
    #[error("TCP port {0} is taken")]
    PortTaken(u16),
    /// Every port of the dynamic range is taken, towards this peer.
    #[error("no TCP port is free")]
    NoFreePort,
    /// The application has finished this direction.
    #[error("nothing can be written after the end of a stream")]
    Finished,
    /// Memory of the host.
    #[error("the host has no memory for it")]
    OutOfMemory,
}

/// How a connection is opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The local address; port 0 for a free one.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
    /// The largest packet that the way out takes \[bytes\].
    pub mtu: u64,
    /// Data for the SYN, where a cookie lets them go with it (RFC 7413); else they follow the handshake.
    pub early_data: Rope,
    /// Who is told.
    pub owner: u32,
    /// What it goes by.
    pub parameters: Arc<Parameters>,
}

#[expect(unused_variables, reason = "outline")]
impl Stack {
    /// Listens on a port. `parameters` are those of the connections that come.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn listen(&mut self, port: u16, owner: u32, parameters: Arc<Parameters>) -> Result<ListenerId, StackError> {
        todo!()
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When no port is free, or the host has no memory.
    pub fn connect(&mut self, opening: Opening, env: &mut dyn Env) -> Result<ConnectionId, StackError> {
        todo!()
    }

    /// The oldest connection that waits at a listener.
    pub fn accept(&mut self, listener: ListenerId, env: &mut dyn Env) -> Option<ConnectionId> {
        todo!()
    }

    /// Stops listening; connections that wait to be accepted are reset.
    pub fn stop_listening(&mut self, listener: ListenerId, env: &mut dyn Env) {
        todo!()
    }

    /// Gives data to be sent; says how many bytes of them were taken, from the start. If not all were, [`Notice::Writable`]
    /// follows.
    ///
    /// # Errors
    /// When the connection is over, or its direction is finished.
    pub fn write(&mut self, connection: ConnectionId, data: &Rope, env: &mut dyn Env) -> Result<u64, StackError> {
        todo!()
    }

    /// Takes at most `most` bytes that have arrived.
    ///
    /// # Errors
    /// When the connection is over and nothing is left to be read.
    pub fn read(&mut self, connection: ConnectionId, most: u64, env: &mut dyn Env) -> Result<Rope, StackError> {
        todo!()
    }

    /// Finishes this direction, after what has been written: a FIN. The other direction goes on.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn finish(&mut self, connection: ConnectionId, env: &mut dyn Env) -> Result<(), StackError> {
        todo!()
    }

    /// The application wants no more of it. What has been written is still sent; what has arrived and was not read resets the
    /// connection (RFC 9293 §3.6.1).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn close(&mut self, connection: ConnectionId, env: &mut dyn Env) -> Result<(), StackError> {
        todo!()
    }

    /// Resets the connection.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn abort(&mut self, connection: ConnectionId, env: &mut dyn Env) -> Result<(), StackError> {
        todo!()
    }

    /// Turns holding small segments back on or off (NODELAY).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn set_nagle(&mut self, connection: ConnectionId, nagle: bool) -> Result<(), StackError> {
        todo!()
    }

    /// How a connection stands.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn info(&self, connection: ConnectionId, env: &dyn Env) -> Result<TcpInfo, StackError> {
        todo!()
    }

    /// The two ends of a connection: local, remote.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn ends(&self, connection: ConnectionId) -> Result<(SocketAddr, SocketAddr), StackError> {
        todo!()
    }

    /// A segment has arrived. `mtu` is that of the way back to its sender.
    pub fn handle_segment(&mut self, local: IpAddr, remote: IpAddr, segment: Segment, mtu: u64, env: &mut dyn Env) {
        todo!()
    }

    /// A router has said that packets to `remote` have to be at most `mtu` bytes, about a segment with this sequence number.
    pub fn handle_path_mtu(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        sequence: u32,
        mtu: u64,
        env: &mut dyn Env,
    ) {
        todo!()
    }

    /// An ICMP error has come that says that `remote` cannot be reached, about a segment with this sequence number.
    pub fn handle_unreachable(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        sequence: u32,
        is_hard: bool,
        env: &mut dyn Env,
    ) {
        todo!()
    }

    /// The clock may have reached a connection's deadline.
    pub fn handle_timeout(&mut self, connection: ConnectionId, env: &mut dyn Env) {
        todo!()
    }

    /// All inputs of this instant have been taken: decides what is sent.
    pub fn flush(&mut self, env: &mut dyn Env) {
        todo!()
    }

    /// When a connection next needs a look at the clock.
    pub fn deadline(&self, connection: ConnectionId) -> Option<Deadline> {
        todo!()
    }

    /// The earliest deadline of all connections, and whose it is.
    pub fn poll_timeout(&self) -> Option<(ConnectionId, Deadline)> {
        todo!()
    }

    /// The connections whose deadline may have changed since this was last asked.
    pub fn next_rescheduled(&mut self) -> Option<ConnectionId> {
        todo!()
    }

    /// The next thing that the stack wants done or known.
    pub fn next_output(&mut self) -> Option<Output> {
        todo!()
    }

    /// Whether connections tell observers what they do ([`Output::Observe`]).
    pub fn observe(&mut self, observes: bool) {
        todo!()
    }
}
