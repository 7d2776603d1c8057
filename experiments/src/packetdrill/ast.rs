//! A script as it is written: options, events and their times, with the place of each.

use crate::tree::Span as Place;
use protosim_core::Span;
use protosim_models::packet::TcpFlags;

/// A whole script.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// `--name=value` lines, in their order.
    pub options: Vec<OptionLine>,
    /// `// protosim: name=value` lines, which other runners take for comments.
    pub directives: Vec<OptionLine>,
    /// The command in front of the first event.
    pub set_up: Option<Command>,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// The command after the last event.
    pub clean_up: Option<Command>,
}

/// A name and a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptionLine {
    /// Without the hyphens.
    pub name: String,
    /// Empty where there is none.
    pub value: String,
    /// Where it stands.
    pub place: Place,
}

/// A time and what happens then.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// When.
    pub time: Time,
    /// What.
    pub action: Action,
    /// All of it.
    pub place: Place,
}

/// When an event happens; spans count from the start of the script, or from the event before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// `0.1`
    Absolute(Span),
    /// `+.1`
    Relative(Span),
    /// `*`: whenever it comes.
    Any,
    /// `0.1~0.2`
    AbsoluteRange(Span, Span),
    /// `+.1~+.2`
    RelativeRange(Span, Span),
}

/// What happens.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// `<`: this packet arrives.
    Inject(Packet),
    /// `>`: this packet leaves.
    Expect(Packet),
    /// A call of the socket interface.
    Call(Call),
    /// A command in back quotes.
    Command(Command),
    /// An expression in `%{` and `}%`.
    Code(Code),
}

/// A command of the shell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// What stands between the quotes.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// Statements in Python.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// What stands between the braces.
    pub text: String,
    /// Where that stands.
    pub place: Place,
}

/// A packet that arrives or is awaited.
#[derive(Clone, PartialEq, Debug)]
pub enum Packet {
    /// A TCP segment.
    Tcp(Segment),
    /// An ICMP error about a segment.
    Icmp(IcmpError),
    /// A kind of packet that no TCP sends or takes: UDP, GRE, MPLS and so on; what it is.
    Foreign(&'static str),
}

/// What the brackets in front of a packet say of its IP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IpInfo {
    /// ECN bits.
    pub ecn: Option<EcnBits>,
    /// The whole traffic class.
    pub tos: Option<u8>,
    /// Time to live.
    pub ttl: Option<u8>,
    /// True if a flow label is given.
    pub has_flow_label: bool,
}

/// ECN bits as scripts name them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EcnBits {
    /// `noecn`
    NotEct,
    /// `ect0`
    Ect0,
    /// `ect1`
    Ect1,
    /// `ce`
    Ce,
    /// `ect01`: either of the two that say capable.
    Ect01,
}

/// A TCP segment. Sequence numbers count from the sender's initial one.
#[derive(Clone, PartialEq, Debug)]
pub struct Segment {
    /// Of its IP header.
    pub ip: IpInfo,
    /// Ports of sender and receiver, where they are written.
    pub ports: Option<(u16, u16)>,
    /// Control bits.
    pub flags: TcpFlags,
    /// True where the accurate-ECN field is given, which is out of scope.
    pub has_ace: bool,
    /// First sequence number.
    pub start: u32,
    /// Bytes of payload.
    pub len: u32,
    /// Acknowledgment number.
    pub ack: Option<u32>,
    /// Window, as in the header.
    pub window: Option<u16>,
    /// Urgent pointer.
    pub urgent: Option<u16>,
    /// TCP options.
    pub options: Options,
}

/// TCP options of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Options {
    /// `<...>`: of no interest.
    Unchecked,
    /// These, in this order.
    List(Vec<TcpOption>),
}

/// One TCP option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// Kind 1.
    Nop,
    /// Kind 0.
    Eol,
    /// Kind 2.
    Mss(u16),
    /// Kind 3.
    WindowScale(u8),
    /// Kind 4.
    SackPermitted,
    /// Kind 5: left and right edges.
    Sack(Vec<(u32, u32)>),
    /// Kind 8: value and echo.
    Timestamps(u32, u32),
    /// Kind 34: a cookie as it is written, in hexadecimal digits or by a name, or empty to ask for one.
    FastOpen(String),
    /// A kind that this program has no use for: its name as written, or its number.
    Other(String),
}

/// An ICMP error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// Its type, as in `unreachable`.
    pub kind: String,
    /// Its code, as in `frag_needed`.
    pub code: Option<String>,
    /// The MTU that it tells of.
    pub mtu: Option<u64>,
    /// The segment that it is about: first sequence number.
    pub about: Option<u32>,
}

/// A call.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// When it returns, if it blocks; counted as the event's time is.
    pub until: Option<Span>,
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// Arguments.
    pub arguments: Vec<Value>,
    /// What it returns.
    pub result: Value,
    /// Name of the error.
    pub errno: Option<String>,
}

/// An argument, or a result.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `...`: anything.
    Any,
    /// A number.
    Int(i128),
    /// A name, as in `AF_INET`.
    Word(String),
    /// A text; true if `...` follows.
    Text(String, bool),
    /// `a | b`
    Or(Box<Value>, Box<Value>),
    /// `name = value`, or `name(...) = value`.
    Named(String, Box<Value>),
    /// `name(values)`, as in `htons(80)`.
    Call(String, Vec<Value>),
    /// `[values]`
    List(Vec<Value>),
    /// `{values}`
    Struct(Vec<Value>),
}

impl Value {
    /// The field of this name of a struct.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(values) = self else { return None };
        values.iter().find_map(|value| match value {
            Self::Named(key, value) if key == name => Some(&**value),
            _ => None,
        })
    }
}

impl Script {
    /// The first value of an option.
    pub fn option(&self, name: &str) -> Option<&OptionLine> {
        self.options.iter().find(|option| option.name == name)
    }
}
