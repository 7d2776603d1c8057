//! Where messages of a link come from and go to (§3.5).

use super::Fault;
use super::field::{Composite, Field, composite, described_field, read_code};
use super::read::Reader;
use super::state::DeliveryState;
use super::value::{Fields, Symbol, Value};
use super::write::Out;
use std::sync::Arc;

/// What of a terminus outlives a crash (§3.5.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Durability {
    /// Nothing.
    #[default]
    None,
    /// That it exists, and how it is configured.
    Configuration,
    /// And the states of its unsettled deliveries.
    UnsettledState,
}

impl Field for Durability {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match u32::read(reader)? {
            0 => Ok(Self::None),
            1 => Ok(Self::Configuration),
            2 => Ok(Self::UnsettledState),
            _ => Err(Fault::decode("§3.5.5", "a durability is none of three")),
        }
    }

    fn put(&self, out: &mut Out) {
        (*self as u32).put(out);
    }
}

composite! {
    /// Where messages come from (§3.5.3).
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Source = 0x28 {
        /// Mostly a string. With `dynamic`, the answer has it.
        address: Value,
        /// Default: nothing.
        durable: Option<Durability>,
        /// When it may be forgotten: `link-detach`, `session-end` (default), `connection-close`, `never` (§3.5.6).
        expiry_policy: Option<Symbol>,
        /// How long after that \[s\]. Default: 0.
        timeout: Option<u32>,
        /// A node is to be made. Default: no.
        dynamic: Option<bool>,
        /// Of that node.
        dynamic_node_properties: Option<Fields>,
        /// `move` or `copy` (§3.5.7).
        distribution_mode: Option<Symbol>,
        /// Which messages (§3.5.8).
        filter: Option<Fields>,
        /// Of deliveries that are settled without one (§3.5.3).
        default_outcome: Option<DeliveryState>,
        /// Outcomes that can be chosen.
        outcomes: Vec<Symbol>,
        /// Extensions.
        capabilities: Vec<Symbol>,
    }
}

composite! {
    /// Where messages go to (§3.5.4).
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Target = 0x29 {
        /// Mostly a string. With `dynamic`, the answer has it.
        address: Value,
        /// Default: nothing.
        durable: Option<Durability>,
        /// When it may be forgotten, as in [`Source`].
        expiry_policy: Option<Symbol>,
        /// How long after that \[s\]. Default: 0.
        timeout: Option<u32>,
        /// A node is to be made. Default: no.
        dynamic: Option<bool>,
        /// Of that node.
        dynamic_node_properties: Option<Fields>,
        /// Extensions.
        capabilities: Vec<Symbol>,
    }
}

described_field! { Source, Target, }

impl Source {
    /// The node with this address.
    pub fn new(address: &str) -> Self {
        Self { address: Value::String(Arc::from(address)), ..Self::default() }
    }
}

impl Target {
    /// The node with this address.
    pub fn new(address: &str) -> Self {
        Self { address: Value::String(Arc::from(address)), ..Self::default() }
    }
}

/// What an attach has for a target (§2.7.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnyTarget {
    /// A node.
    Node(Box<Target>),
    /// Such as the coordinator of transactions (§4.5.1): its descriptor and value.
    Other(Box<(Value, Value)>),
}

impl Field for AnyTarget {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let descriptor = match read_code(reader)? {
            Ok(Target::CODE) => return Ok(Self::Node(Box::new(Target::read_list(reader)?))),
            Ok(code) => Value::Ulong(code),
            Err(descriptor) => descriptor,
        };
        Ok(Self::Other(Box::new((descriptor, reader.deeper(Value::read)?))))
    }

    fn put(&self, out: &mut Out) {
        match self {
            Self::Node(target) => target.put(out),
            Self::Other(both) => {
                out.u8(0x00);
                both.0.put(out);
                both.1.put(out);
            }
        }
    }
}
