//! The one shape of a protocol machine: one conversation, no clock, no sockets.
//!
//! Messages, commands and time-outs go in; effects leave through the context in call order. The
//! next deadline can be asked at any time. Because a machine is pure, the same code runs inside
//! the simulator, in a unit test and over a real socket.

use crate::random::{Purpose, Stream};
use crate::time::{LocalTime, Span};
use std::fmt::Debug;

/// One endpoint of one protocol. No I/O, no clock, no globals.
///
/// # Contract
/// - Time never goes back between calls.
/// - [`Machine::handle_timeout`] early or twice is harmless; after it, the next deadline is later
///   than now, or gone.
/// - Bad input from the peer never panics and never returns an error: it becomes a protocol
///   action (a reset, an alert) and a trace. [`Machine::Misuse`] is for the caller alone.
/// - [`Machine::poll_timeout`] is pure.
pub trait Machine: Sized {
    /// What travels, both ways, with addresses where they matter.
    type Message: Debug;
    /// From the user above: connect, request, close.
    type Command: Debug;
    /// To the user above: connected, response, failed.
    type Notice: Debug;
    /// To the observer alone; nothing may depend on it.
    type Trace: Debug;
    /// A command that cannot be taken in this state, or with these arguments.
    type Misuse: std::error::Error;

    /// A message has arrived.
    fn handle_message(&mut self, message: Self::Message, cx: &mut MachineCx<'_, Self>);

    /// The user above wants something.
    ///
    /// # Errors
    /// When the command cannot be taken; the machine is then as it was before.
    fn handle_command(&mut self, command: Self::Command, cx: &mut MachineCx<'_, Self>) -> Result<(), Self::Misuse>;

    /// The local clock may have reached [`Machine::poll_timeout`]'s deadline.
    fn handle_timeout(&mut self, cx: &mut MachineCx<'_, Self>);

    /// The earliest deadline and the timer it belongs to, or `None` while nothing is awaited.
    fn poll_timeout(&self) -> Option<Deadline>;
}

/// When a machine next needs a look at the clock, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// Due at this reading of the host's clock.
    pub at: LocalTime,
    /// Which timer: shown in traces and in reports of stalls.
    pub timer: &'static str,
}

/// What a machine wants done, in the order it asked for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<Message, Notice, Trace> {
    /// Send this to the peer.
    Transmit(Message),
    /// Tell the user above.
    Notify(Notice),
    /// Tell the observer.
    Observe(Trace),
}

/// The effects of machine `M`.
pub type EffectOf<M> = Effect<<M as Machine>::Message, <M as Machine>::Notice, <M as Machine>::Trace>;

/// What a host offers to anything that runs on it: its clock, its luck, its processor, its memory.
/// All of it costs nothing where the host is ideal.
pub trait Env {
    /// The reading of this host's own clock.
    fn now(&self) -> LocalTime;

    /// The host's random stream for `purpose`.
    fn rng(&mut self, purpose: Purpose) -> &mut Stream;

    /// Occupies the processor for as long as `operation` takes on this host; later effects wait for it.
    fn spend(&mut self, operation: Operation);

    /// Takes `bytes` of the host's memory until [`Env::release`].
    ///
    /// # Errors
    /// When the host has not that much left; nothing is taken then.
    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory>;

    /// Gives back `bytes` of memory.
    fn release(&mut self, bytes: u64);
}

/// A piece of work for the processor, such as `"coap.decode"`. A device's profile says how long
/// it takes; unnamed operations take no time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Operation {
    /// What is done.
    pub name: &'static str,
    /// On how many bytes, for costs that grow with size.
    pub bytes: u64,
}

/// The host has no memory left for this.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("out of memory: {wanted} bytes wanted, {free} bytes free")]
pub struct OutOfMemory {
    /// Bytes asked for.
    pub wanted: u64,
    /// Bytes that were free.
    pub free: u64,
}

/// The whole world that a machine can reach.
pub struct MachineCx<'a, M: Machine> {
    env: &'a mut dyn Env,
    /// What the clock reads: it goes on while the processor works, and not else.
    now: LocalTime,
    effects: &'a mut Vec<EffectOf<M>>,
}

impl<'a, M: Machine> MachineCx<'a, M> {
    /// A context on `env`, whose effects go to the end of `effects`.
    pub fn new(env: &'a mut dyn Env, effects: &'a mut Vec<EffectOf<M>>) -> Self {
        Self { now: env.now(), env, effects }
    }

    /// The reading of the host's clock.
    #[inline]
    pub fn now(&self) -> LocalTime {
        self.now
    }

    /// The random stream for `purpose`.
    pub fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.env.rng(purpose)
    }

    /// See [`Env::spend`].
    pub fn spend(&mut self, name: &'static str, bytes: u64) {
        self.env.spend(Operation { name, bytes });
        self.now = self.env.now();
    }

    /// See [`Env::reserve`].
    ///
    /// # Errors
    /// When the host has not that much left.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.env.reserve(bytes)
    }

    /// See [`Env::release`].
    pub fn release(&mut self, bytes: u64) {
        self.env.release(bytes);
    }

    /// Calls a machine that this one has within itself; what that wants done comes back, for this one to do.
    pub fn within<N: Machine, R>(&mut self, call: impl FnOnce(&mut MachineCx<'_, N>) -> R) -> (R, Vec<EffectOf<N>>) {
        let mut effects = Vec::new();
        let outcome = call(&mut MachineCx { env: &mut *self.env, now: self.now, effects: &mut effects });
        self.now = self.env.now();
        (outcome, effects)
    }

    /// Sends `message`.
    pub fn transmit(&mut self, message: M::Message) {
        self.effects.push(Effect::Transmit(message));
    }

    /// Tells the user above.
    pub fn notify(&mut self, notice: M::Notice) {
        self.effects.push(Effect::Notify(notice));
    }

    /// Tells the observer.
    pub fn observe(&mut self, trace: M::Trace) {
        self.effects.push(Effect::Observe(trace));
    }
}

/// An ideal host for tests of machines: a clock set by hand, no cost, no limit.
#[derive(Clone, Debug)]
pub struct IdealEnv {
    /// The clock's reading.
    pub now: LocalTime,
    streams: crate::random::Streams,
}

impl IdealEnv {
    /// A host whose luck is that of `seed`.
    pub fn new(seed: u64) -> Self {
        let run = crate::random::RunSeed { seed, replication: 0 };
        Self { now: LocalTime::ZERO, streams: crate::random::Streams::new(run, "test") }
    }

    /// Lets the clock run on by `span`.
    pub fn advance(&mut self, span: Span) {
        self.now = self.now + span;
    }
}

impl Env for IdealEnv {
    fn now(&self) -> LocalTime {
        self.now
    }
    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.streams.get(purpose)
    }
    fn spend(&mut self, _: Operation) {}
    fn reserve(&mut self, _: u64) -> Result<(), OutOfMemory> {
        Ok(())
    }
    fn release(&mut self, _: u64) {}
}
