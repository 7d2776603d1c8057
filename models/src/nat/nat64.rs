//! What a user says of a NAT64 (RFC 6146).

use super::config::{
    Blocks, Common, Dependence, Hairpinning, NatTimers, Policy, Pooling, PortAssignment, check_pool, check_port_range,
    check_subscribers,
};
use super::prefix::Nat64Prefix;
use super::table::Rules;
use protosim_core::Span;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// RFC 6146 §4: UDP_MIN.
const LEAST_UDP: Span = Span::from_secs(120);

/// A NAT64: a router that lets IPv6 hosts inside reach IPv4 hosts outside, which they see under a prefix (RFC 6146, RFC 7915, RFC 6052).
/// Mappings are endpoint-independent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nat64Config {
    /// The link or medium that leads outside, to the IPv4 hosts, by its name. All others of the node are inside; from there alone packets
    /// to the prefix are translated.
    pub outside: String,
    /// The prefix by which IPv4 addresses are shown inside, of 32, 40, 48, 56, 64 or 96 bits. Default: `"64:ff9b::/96"`, the well-known one
    /// (RFC 6052 §2.1).
    #[serde(default)]
    pub prefix: Option<Nat64Prefix>,
    /// Its external addresses, which no link has. Default: the one of IPv4 that its end of `outside` has.
    #[serde(default)]
    pub pool: Option<Vec<Ipv4Addr>>,
    /// Which of them the mappings of one host have. Default: Paired (RFC 4787 REQ-2).
    #[serde(default)]
    pub pooling: Option<Pooling>,
    /// Default: EndpointIndependent. RFC 6146 §3.5 has AddressDependent beside it, and no other.
    #[serde(default)]
    pub filtering: Option<Dependence>,
    /// The filter of TCP. Default: as `filtering`.
    #[serde(default)]
    pub tcp_filtering: Option<Dependence>,
    /// How ports are chosen; not `Overload`, which needs other mappings. Default: Preserve (RFC 6146 §3.5.1.1).
    #[serde(default)]
    pub ports: Option<PortAssignment>,
    /// The lowest and the highest external port of UDP and TCP. Default: 1 to 65535.
    #[serde(default)]
    pub port_range: Option<(u16, u16)>,
    /// Ports below 1024 become such, others others, while there are any (RFC 6146 §3.5.1.1). Default: true.
    #[serde(default)]
    pub port_class: Option<bool>,
    /// Over UDP, even ports become even ones and odd ports odd ones, while there are any (RFC 6146 §3.5.1.1). Default: false (RFC 7857 §8
    /// has it off).
    #[serde(default)]
    pub port_parity: Option<bool>,
    /// Most mappings of one IPv6 address, as a carrier limits them (RFC 6888 REQ-4). Default: no limit.
    #[serde(default)]
    pub ports_per_subscriber: Option<u32>,
    /// True: hosts inside reach each other by external endpoints, under the prefix (RFC 6146 §3.8). Default: true.
    #[serde(default)]
    pub hairpinning: Option<bool>,
    /// How long it remembers. The defaults are those of RFC 6146 §4, too.
    #[serde(default)]
    pub timers: Option<NatTimers>,
    /// True: what comes in keeps sessions of UDP and ICMP too, not only what goes out. Default: true (RFC 6146 §3.5.1).
    #[serde(default)]
    pub inbound_refresh: Option<bool>,
    /// False: nothing is said of an unsolicited SYN, even after `timers.unsolicited_syn`. Default: true, an ICMP error (RFC 6146 §3.5.2.2).
    #[serde(default)]
    pub refuse_syn: Option<bool>,
    /// False: hosts inside are not told that what they sent is blocked, or that there is no port for it. Default: true, an ICMPv6 error.
    #[serde(default)]
    pub icmp_prohibited: Option<bool>,
    /// What hosts inside may not send to IPv4 hosts. Default: nothing.
    #[serde(default)]
    pub blocks: Option<Blocks>,
    /// Most sessions, pairs of a mapping and a remote endpoint, that it remembers at once. Default: 262144, as Linux does.
    #[serde(default)]
    pub most_sessions: Option<u64>,
}

impl Nat64Config {
    /// One with all defaults.
    pub fn to(outside: &str) -> Self {
        Self {
            outside: outside.to_owned(),
            prefix: None,
            pool: None,
            pooling: None,
            filtering: None,
            tcp_filtering: None,
            ports: None,
            port_range: None,
            port_class: None,
            port_parity: None,
            ports_per_subscriber: None,
            hairpinning: None,
            timers: None,
            inbound_refresh: None,
            refuse_syn: None,
            icmp_prohibited: None,
            blocks: None,
            most_sessions: None,
        }
    }

    /// The prefix by which it shows IPv4 addresses.
    pub fn prefix(&self) -> Nat64Prefix {
        self.prefix.unwrap_or_default()
    }

    /// What it goes by.
    pub fn policy(&self) -> Policy {
        let filtering = self.filtering.unwrap_or(Dependence::EndpointIndependent);
        let (low, high) = self.port_range.unwrap_or((1, u16::MAX));
        let mut policy = self.common().policy();
        policy.nat64 = Some(self.prefix());
        if self.hairpinning.unwrap_or(true) {
            policy.hairpinning = Hairpinning::ExternalSource;
        }
        policy.rules = Rules {
            translates: true,
            filtering,
            tcp_filtering: self.tcp_filtering.unwrap_or(filtering),
            pooling: self.pooling.unwrap_or_default(),
            ports: self.ports.unwrap_or_default(),
            port_range: low..=high,
            keeps_class: self.port_class.unwrap_or(true),
            keeps_parity: self.port_parity.unwrap_or(false),
            per_subscriber: self.ports_per_subscriber.unwrap_or(u32::MAX),
            ..policy.rules
        };
        policy
    }

    fn common(&self) -> Common<'_> {
        Common {
            timers: self.timers.unwrap_or_default(),
            inbound_refresh: self.inbound_refresh.unwrap_or(true),
            refuse_syn: self.refuse_syn,
            icmp_prohibited: self.icmp_prohibited,
            blocks: self.blocks.as_ref(),
            most_sessions: self.most_sessions,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        check_port_range(self.port_range, &mut found);
        if self.ports == Some(PortAssignment::Overload) {
            let message = "is not `Overload` in a NAT64, which needs `AddressAndPortDependent` mappings: those of a NAT64 are \
                `EndpointIndependent` (RFC 6146 §1.2)";
            found.push(("ports", message.to_owned()));
        }
        for (field, filtering) in [("filtering", self.filtering), ("tcp_filtering", self.tcp_filtering)] {
            if filtering == Some(Dependence::AddressAndPortDependent) {
                let message = "is `EndpointIndependent` or `AddressDependent` in a NAT64 (RFC 6146 §3.5)";
                found.push((field, message.to_owned()));
            }
        }
        if self.timers.and_then(|timers| timers.udp).is_some_and(|udp| !udp.is_zero() && udp < LEAST_UDP) {
            found.push(("timers.udp", "is at least 120 s in a NAT64 (RFC 6146 §4)".to_owned()));
        }
        check_pool(self.pool.as_deref(), self.pooling, &mut found);
        check_subscribers(self.ports_per_subscriber, &mut found);
        self.common().check(&mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a scenario may say, and what it may not.
    #[test]
    fn what_is_checked() {
        assert_eq!(Nat64Config::to("wan").check(), []);
        let read: Nat64Config = ron::from_str("(outside: \"wan\", prefix: Some(\"2001:db8::/32\"))").unwrap();
        assert_eq!(read.prefix().to_string(), "2001:db8::/32");
        assert!(ron::from_str::<Nat64Config>("(outside: \"wan\", prefix: Some(\"64:ff9b::/90\"))").is_err());
        assert!(ron::from_str::<Nat64Config>("(outside: \"wan\", mapping: None)").is_err());
        let timers = |udp| Some(NatTimers { udp: Some(Span::from_secs(udp)), ..NatTimers::default() });
        let bad = Nat64Config {
            filtering: Some(Dependence::AddressAndPortDependent),
            ports: Some(PortAssignment::Overload),
            port_range: Some((0, 9)),
            pooling: Some(Pooling::Arbitrary),
            ports_per_subscriber: Some(0),
            timers: timers(119),
            most_sessions: Some(0),
            ..Nat64Config::to("wan")
        };
        let fields: Vec<&str> = bad.check().into_iter().map(|(field, _)| field).collect();
        let expected =
            ["port_range", "ports", "filtering", "timers.udp", "pooling", "ports_per_subscriber", "most_sessions"];
        assert_eq!(fields, expected);
        assert_eq!(Nat64Config { timers: timers(120), ..Nat64Config::to("wan") }.check(), []);
    }
}
