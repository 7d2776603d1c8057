//! What a user says of a NAT and of a firewall.

use super::prefix::Nat64Prefix;
use super::table::{Proto, Rules};
use protosim_core::Span;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// RFC 4787 REQ-5: not less than two minutes, and five are recommended as the default.
const UDP: Span = Span::from_secs(300);
/// RFC 5382 REQ-5: two hours and four minutes.
const TCP_ESTABLISHED: Span = Span::from_secs(7440);
/// RFC 5382 REQ-5: four minutes.
const TCP_TRANSITORY: Span = Span::from_secs(240);
/// RFC 5382 REQ-4: six seconds.
const SYN_HOLD: Span = Span::from_secs(6);
/// RFC 5508 REQ-1 a: sixty seconds.
const ICMP: Span = Span::from_secs(60);
/// Linux `nf_conntrack_max` of a machine with 4 GiB or more.
const MOST_SESSIONS: u64 = 262_144;

/// How external endpoints follow from what is sent (RFC 4787 §4.1), or what of inbound traffic is let in (§5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Dependence {
    /// As a mapping (EIM): one for all remote endpoints. As a filter (EIF): everything that meets a mapping.
    EndpointIndependent,
    /// As a mapping (ADM): one for each remote address. As a filter (ADF): from addresses that were sent to.
    AddressDependent,
    /// As a mapping (APDM): one for each remote address and port, a "symmetric" NAT. As a filter (APDF): from addresses and ports that
    /// were sent to.
    AddressAndPortDependent,
}

/// What the memory of a filter belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum FilterState {
    /// To the mapping, as in deployed boxes: what came to an external endpoint must have been sent to from it.
    #[default]
    PerMapping,
    /// To the internal address and port, as RFC 4787 §5 words it: any of its mappings may have sent.
    PerEndpoint,
}

/// How an external port is chosen (RFC 4787 §4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum PortAssignment {
    /// The internal port if it is free, else the next free one above.
    #[default]
    Preserve,
    /// The free port after the one that was given last.
    Sequential,
    /// A drawn port, or the next free one above (RFC 6056 §3.3.1).
    Random,
    /// The internal port even if other internal endpoints have it, as long as the remote endpoint tells whose packets are whose: what
    /// Linux does when it masquerades. For `AddressAndPortDependent` mappings only.
    Overload,
}

/// Which external addresses the mappings of one host have (RFC 4787 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Pooling {
    /// One for all, as long as it has any.
    #[default]
    Paired,
    /// Each mapping has the next address of the pool.
    Arbitrary,
}

/// What becomes of packets from inside to an external address of the NAT (RFC 4787 §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Hairpinning {
    /// They are dropped.
    None,
    /// They come back in with the sender's internal address and port, against RFC 4787.
    InternalSource,
    /// They come back in with the sender's external address and port (RFC 4787 REQ-9 a).
    #[default]
    ExternalSource,
}

/// How long a NAT or a firewall remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NatTimers {
    /// UDP, and over a firewall protocols without ports. Default: 300 s (RFC 4787 REQ-5).
    pub udp: Option<Span>,
    /// Established connections of TCP on which nothing is sent. Default: 7440 s (RFC 5382 REQ-5).
    pub tcp_established: Option<Span>,
    /// Connections that open, that both sides have closed, or that were reset. Default: 240 s (RFC 5382 REQ-5, RFC 7857 §2.2).
    pub tcp_transitory: Option<Span>,
    /// How long nothing is said of a SYN that nobody has asked for. Default: 6 s (RFC 5382 REQ-4).
    pub unsolicited_syn: Option<Span>,
    /// ICMP queries. Default: 60 s (RFC 5508 REQ-1).
    pub icmp: Option<Span>,
}

/// What hosts inside may not send.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Blocks {
    /// True: no UDP. Default: false.
    pub udp: Option<bool>,
    /// UDP and TCP to these ports alone, and no pings. Default: to all ports.
    pub all_but_ports: Option<Vec<u16>>,
}

/// A NAT: a router that gives hosts inside other addresses and ports outside (RFC 4787, RFC 5382, RFC 5508, RFC 7857). IPv4.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatConfig {
    /// The link or medium that leads outside, by its name. All others of the node are inside; links there have private addresses, which
    /// nobody outside has a route to.
    pub outside: String,
    /// Its external addresses, which no link has. Default: the one that its end of `outside` has.
    #[serde(default)]
    pub pool: Option<Vec<Ipv4Addr>>,
    /// Which of them the mappings of one host have. Default: Paired (RFC 4787 REQ-2).
    #[serde(default)]
    pub pooling: Option<Pooling>,
    /// Default: EndpointIndependent (RFC 4787 REQ-1).
    #[serde(default)]
    pub mapping: Option<Dependence>,
    /// Default: AddressAndPortDependent, as most home routers filter. RFC 4787 REQ-8 would have one of the others.
    #[serde(default)]
    pub filtering: Option<Dependence>,
    /// Mappings of TCP. Default: as `mapping`.
    #[serde(default)]
    pub tcp_mapping: Option<Dependence>,
    /// The filter of TCP. Default: as `filtering`.
    #[serde(default)]
    pub tcp_filtering: Option<Dependence>,
    /// What the memory of the filter belongs to. Default: PerMapping.
    #[serde(default)]
    pub filter_state: Option<FilterState>,
    /// How ports are chosen. Default: Preserve.
    #[serde(default)]
    pub ports: Option<PortAssignment>,
    /// The lowest and the highest external port of UDP and TCP. Default: 1 to 65535.
    #[serde(default)]
    pub port_range: Option<(u16, u16)>,
    /// Ports below 1024 become such, others others, while there are any (RFC 4787 REQ-3 a). Default: true.
    #[serde(default)]
    pub port_class: Option<bool>,
    /// Over UDP, even ports become even ones and odd ports odd ones, while there are any (RFC 4787 REQ-4). Default: false (RFC 7857 §8
    /// has it off).
    #[serde(default)]
    pub port_parity: Option<bool>,
    /// Over UDP, the external port of x + 1 is the one after that of an even x, if it is free (RFC 4787 §4.2.3). Default: false.
    #[serde(default)]
    pub port_contiguity: Option<bool>,
    /// Most mappings of one host, or of one NAT behind this one, as a carrier limits them (RFC 6888 REQ-4). Default: no limit.
    #[serde(default)]
    pub ports_per_subscriber: Option<u32>,
    /// Default: ExternalSource (RFC 4787 REQ-9).
    #[serde(default)]
    pub hairpinning: Option<Hairpinning>,
    /// How long it remembers.
    #[serde(default)]
    pub timers: Option<NatTimers>,
    /// True: what comes in keeps mappings of UDP and ICMP too, not only what goes out (RFC 4787 REQ-6). Default: false.
    #[serde(default)]
    pub inbound_refresh: Option<bool>,
    /// False: nothing is said of an unsolicited SYN, even after `timers.unsolicited_syn`. Default: true, an ICMP error (RFC 5382 REQ-4).
    #[serde(default)]
    pub refuse_syn: Option<bool>,
    /// False: hosts inside are not told that what they sent is blocked, or that there is no port for it. Default: true, an ICMP error
    /// (RFC 5508 REQ-8).
    #[serde(default)]
    pub icmp_prohibited: Option<bool>,
    /// What hosts inside may not send. Default: nothing.
    #[serde(default)]
    pub blocks: Option<Blocks>,
    /// Most sessions, pairs of a mapping and a remote endpoint, that it remembers at once. Default: 262144, as Linux does.
    #[serde(default)]
    pub most_sessions: Option<u64>,
}

/// A stateful firewall: a router that lets in what answers to what hosts inside have sent (RFC 6092). IPv4 and IPv6, addresses stay.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirewallConfig {
    /// The link or medium that leads outside, by its name. All others of the node are inside.
    pub outside: String,
    /// Default: AddressAndPortDependent. RFC 6092 REC-17 would have one of the others.
    #[serde(default)]
    pub filtering: Option<Dependence>,
    /// The filter of TCP. Default: as `filtering`.
    #[serde(default)]
    pub tcp_filtering: Option<Dependence>,
    /// How long it remembers.
    #[serde(default)]
    pub timers: Option<NatTimers>,
    /// True: what comes in keeps state of UDP and ICMP too, not only what goes out. Default: false.
    #[serde(default)]
    pub inbound_refresh: Option<bool>,
    /// False: nothing is said of an unsolicited SYN, even after `timers.unsolicited_syn`. Default: true, an ICMP error (RFC 6092 REC-33).
    #[serde(default)]
    pub refuse_syn: Option<bool>,
    /// False: hosts inside are not told that what they sent is blocked. Default: true, an ICMP error.
    #[serde(default)]
    pub icmp_prohibited: Option<bool>,
    /// What hosts inside may not send. Default: nothing.
    #[serde(default)]
    pub blocks: Option<Blocks>,
    /// Most sessions that it remembers at once. Default: 262144, as Linux does.
    #[serde(default)]
    pub most_sessions: Option<u64>,
}

/// Everything that a NAT or a firewall goes by, with nothing left open.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// The rules of its table.
    pub(crate) rules: Rules,
    /// The prefix by which a NAT64 shows IPv4 addresses; none for other NATs, and for firewalls.
    pub(crate) nat64: Option<Nat64Prefix>,
    pub(crate) hairpinning: Hairpinning,
    pub(crate) syn_hold: Span,
    pub(crate) refuses_syn: bool,
    pub(crate) says_prohibited: bool,
    pub(crate) blocks: Blocks,
}

impl Policy {
    /// True if what comes in needs a mapping and no more (of UDP and ICMP).
    pub(crate) fn filters_nothing(&self) -> bool {
        self.rules.filters_nothing()
    }

    /// True for a NAT, false for a firewall.
    pub fn translates(&self) -> bool {
        self.rules.translates
    }

    /// The prefix by which a NAT64 shows IPv4 addresses, if it is one.
    pub fn nat64(&self) -> Option<Nat64Prefix> {
        self.nat64
    }
}

impl Blocks {
    /// True if a host inside may not send this, to a port if the protocol has any.
    pub(crate) fn forbid(&self, proto: Proto, port: u16) -> bool {
        let is_other_port = || self.all_but_ports.as_ref().is_some_and(|ports| !ports.contains(&port));
        match proto {
            Proto::Udp => self.udp == Some(true) || is_other_port(),
            Proto::Tcp => is_other_port(),
            Proto::Icmp | Proto::Other(_) => self.all_but_ports.is_some(),
        }
    }

    fn check(&self, found: &mut Vec<(&'static str, String)>) {
        if self.udp == Some(false) && self.all_but_ports.is_none() {
            found.push(("blocks.udp", "has no effect: nothing is blocked without it".to_owned()));
        }
        if self.udp.is_none() && self.all_but_ports.is_none() {
            found.push(("blocks", "has no effect: it blocks nothing; give `udp` or `all_but_ports`".to_owned()));
        }
        if self.all_but_ports.as_ref().is_some_and(|ports| ports.contains(&0)) {
            found.push(("blocks.all_but_ports", "a port is at least 1".to_owned()));
        }
    }
}

impl NatTimers {
    fn check(self, found: &mut Vec<(&'static str, String)>) {
        for (field, value) in [
            ("timers.udp", self.udp),
            ("timers.tcp_established", self.tcp_established),
            ("timers.tcp_transitory", self.tcp_transitory),
            ("timers.icmp", self.icmp),
            ("timers.unsolicited_syn", self.unsolicited_syn),
        ] {
            if value.is_some_and(Span::is_zero) {
                found.push((field, "is longer than 0 s: nothing would be remembered".to_owned()));
            }
        }
    }
}

/// Ports of identifiers of ICMP.
pub(crate) const ALL_IDENTIFIERS: RangeInclusive<u16> = 0..=u16::MAX;

impl NatConfig {
    /// One with all defaults.
    pub fn to(outside: &str) -> Self {
        Self {
            outside: outside.to_owned(),
            pool: None,
            pooling: None,
            mapping: None,
            filtering: None,
            tcp_mapping: None,
            tcp_filtering: None,
            filter_state: None,
            ports: None,
            port_range: None,
            port_class: None,
            port_parity: None,
            port_contiguity: None,
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

    /// What it goes by.
    pub fn policy(&self) -> Policy {
        let mapping = self.mapping.unwrap_or(Dependence::EndpointIndependent);
        let filtering = self.filtering.unwrap_or(Dependence::AddressAndPortDependent);
        let (low, high) = self.port_range.unwrap_or((1, u16::MAX));
        let mut policy = self.common().policy();
        policy.hairpinning = self.hairpinning.unwrap_or_default();
        policy.rules = Rules {
            translates: true,
            mapping,
            filtering,
            tcp_mapping: self.tcp_mapping.unwrap_or(mapping),
            tcp_filtering: self.tcp_filtering.unwrap_or(filtering),
            filter_state: self.filter_state.unwrap_or_default(),
            pooling: self.pooling.unwrap_or_default(),
            ports: self.ports.unwrap_or_default(),
            port_range: low..=high,
            keeps_class: self.port_class.unwrap_or(true),
            keeps_parity: self.port_parity.unwrap_or(false),
            keeps_contiguity: self.port_contiguity.unwrap_or(false),
            per_subscriber: self.ports_per_subscriber.unwrap_or(u32::MAX),
            ..policy.rules
        };
        policy
    }

    fn common(&self) -> Common<'_> {
        Common {
            timers: self.timers.unwrap_or_default(),
            inbound_refresh: self.inbound_refresh.unwrap_or(false),
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
        let is_symmetric = |mapping: Option<Dependence>| mapping == Some(Dependence::AddressAndPortDependent);
        if self.ports == Some(PortAssignment::Overload)
            && !(is_symmetric(self.mapping) && is_symmetric(self.tcp_mapping.or(self.mapping)))
        {
            let message =
                "`Overload` needs `AddressAndPortDependent` mappings: with others nothing tells whose a packet is";
            found.push(("ports", message.to_owned()));
        }
        if self.ports == Some(PortAssignment::Overload) {
            for (field, is_given) in
                [("port_parity", self.port_parity.is_some()), ("port_contiguity", self.port_contiguity.is_some())]
            {
                if is_given {
                    found.push((field, "has no effect: an overloaded port is the internal one".to_owned()));
                }
            }
        }
        check_pool(self.pool.as_deref(), self.pooling, &mut found);
        let independent = |mapping: Option<Dependence>| mapping.is_none_or(|m| m == Dependence::EndpointIndependent);
        if self.filter_state.is_some() && independent(self.mapping) && independent(self.tcp_mapping.or(self.mapping)) {
            let message = "has no effect: with `EndpointIndependent` mappings an endpoint has one mapping";
            found.push(("filter_state", message.to_owned()));
        }
        check_subscribers(self.ports_per_subscriber, &mut found);
        self.common().check(&mut found);
        found
    }
}

impl FirewallConfig {
    /// One with all defaults.
    pub fn to(outside: &str) -> Self {
        Self {
            outside: outside.to_owned(),
            filtering: None,
            tcp_filtering: None,
            timers: None,
            inbound_refresh: None,
            refuse_syn: None,
            icmp_prohibited: None,
            blocks: None,
            most_sessions: None,
        }
    }

    /// What it goes by.
    pub fn policy(&self) -> Policy {
        let mut policy = self.common().policy();
        let filtering = self.filtering.unwrap_or(Dependence::AddressAndPortDependent);
        policy.rules.filtering = filtering;
        policy.rules.tcp_filtering = self.tcp_filtering.unwrap_or(filtering);
        policy
    }

    fn common(&self) -> Common<'_> {
        Common {
            timers: self.timers.unwrap_or_default(),
            inbound_refresh: self.inbound_refresh.unwrap_or(false),
            refuse_syn: self.refuse_syn,
            icmp_prohibited: self.icmp_prohibited,
            blocks: self.blocks.as_ref(),
            most_sessions: self.most_sessions,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        self.common().check(&mut found);
        found
    }
}

/// What a user may say of every kind of box.
pub(super) struct Common<'a> {
    pub(super) timers: NatTimers,
    pub(super) inbound_refresh: bool,
    pub(super) refuse_syn: Option<bool>,
    pub(super) icmp_prohibited: Option<bool>,
    pub(super) blocks: Option<&'a Blocks>,
    pub(super) most_sessions: Option<u64>,
}

impl Common<'_> {
    /// What a firewall goes by that lets in what meets state; others differ in their filters and in what they translate.
    pub(super) fn policy(&self) -> Policy {
        let timers = self.timers;
        let rules = Rules {
            translates: false,
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressAndPortDependent,
            tcp_mapping: Dependence::EndpointIndependent,
            tcp_filtering: Dependence::AddressAndPortDependent,
            filter_state: FilterState::PerMapping,
            pooling: Pooling::Paired,
            ports: PortAssignment::Preserve,
            port_range: 1..=u16::MAX,
            keeps_class: false,
            keeps_parity: false,
            keeps_contiguity: false,
            per_subscriber: u32::MAX,
            udp: timers.udp.unwrap_or(UDP),
            tcp_established: timers.tcp_established.unwrap_or(TCP_ESTABLISHED),
            tcp_transitory: timers.tcp_transitory.unwrap_or(TCP_TRANSITORY),
            icmp: timers.icmp.unwrap_or(ICMP),
            inbound_refresh: self.inbound_refresh,
            most_sessions: self.most_sessions.unwrap_or(MOST_SESSIONS) as usize,
        };
        Policy {
            rules,
            nat64: None,
            hairpinning: Hairpinning::None,
            syn_hold: timers.unsolicited_syn.unwrap_or(SYN_HOLD),
            refuses_syn: self.refuse_syn.unwrap_or(true),
            says_prohibited: self.icmp_prohibited.unwrap_or(true),
            blocks: self.blocks.cloned().unwrap_or_default(),
        }
    }

    pub(super) fn check(&self, found: &mut Vec<(&'static str, String)>) {
        self.timers.check(found);
        if self.refuse_syn == Some(false) && self.timers.unsolicited_syn.is_some() {
            let message = "has no effect: nothing is ever said of an unsolicited SYN (`refuse_syn: false`)";
            found.push(("timers.unsolicited_syn", message.to_owned()));
        }
        if let Some(blocks) = self.blocks {
            blocks.check(found);
        }
        if self.most_sessions == Some(0) {
            found.push(("most_sessions", "is at least 1".to_owned()));
        }
    }
}

pub(super) fn check_port_range(range: Option<(u16, u16)>, found: &mut Vec<(&'static str, String)>) {
    if let Some((low, high)) = range
        && (low == 0 || low > high)
    {
        found.push(("port_range", format!("has no ports: ({low}, {high}) is not from 1 on, lowest first")));
    }
}

pub(super) fn check_pool(pool: Option<&[Ipv4Addr]>, pooling: Option<Pooling>, found: &mut Vec<(&'static str, String)>) {
    match pool {
        Some([]) => found.push(("pool", "is empty: leave it out, for the address of the link".to_owned())),
        None if pooling.is_some() => {
            found.push(("pooling", "has no effect: there is one external address; give a `pool`".to_owned()));
        }
        _ => {}
    }
}

pub(super) fn check_subscribers(most: Option<u32>, found: &mut Vec<(&'static str, String)>) {
    if most == Some(0) {
        found.push(("ports_per_subscriber", "is at least 1".to_owned()));
    }
}
