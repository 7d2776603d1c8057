//! What a user says of a node's IP layer.

use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// Errors a second and at once, as in Linux (`icmp_msgs_per_sec`, `icmp_msgs_burst` in its `ip-sysctl` documentation).
const ICMP_ERRORS_PER_SECOND: u64 = 1000;
const ICMP_ERROR_BURST: u64 = 50;
/// RFC 1191 §6.3 and RFC 8201 §4 recommend ten minutes; Linux `mtu_expires`.
const PATH_MTU_LIFETIME: Span = Span::from_secs(600);
/// RFC 8200 §4.5; the least that RFC 1122 §3.3.2 recommends. Linux waits 30 s over IPv4.
const REASSEMBLY_TIMEOUT: Span = Span::from_secs(60);
/// Linux `ipfrag_high_thresh`, `ip6frag_high_thresh`.
const REASSEMBLY_MEMORY: Size = Size::from_bytes(4 << 20);

/// The IP layer of a node, as in a scenario.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IpConfig {
    /// False: it sends no ICMP errors, as behind many a firewall; a router without them is a black hole for path MTU discovery.
    /// Default: true.
    pub icmp_errors: Option<bool>,
    /// How many ICMP errors it sends in a second in the long run (RFC 1812 §4.3.2.8, RFC 4443 §2.4(f)). Default: 1000, as
    /// Linux does.
    pub icmp_errors_per_second: Option<u64>,
    /// How many of them it sends at once after a rest. Default: 50, as Linux does.
    pub icmp_error_burst: Option<u64>,
    /// True: its packets forbid routers to fragment them, and it keeps to the path MTU that ICMP errors tell it (RFC 1191, RFC
    /// 8201). False: over IPv4 routers may fragment all that it sends; over IPv6 it sends 1280 B at most. Default: true.
    pub path_mtu_discovery: Option<bool>,
    /// How long it keeps to a path MTU that it was told, before it tries the first link's again. Default: 600 s (RFC 1191
    /// §6.3).
    pub path_mtu_lifetime: Option<Span>,
    /// How long fragments wait for the rest of their packet, from the first one on. Default: 60 s (RFC 8200 §4.5, RFC 1122
    /// §3.3.2).
    pub reassembly_timeout: Option<Span>,
    /// How many bytes of fragments may wait; they take the device's memory too. Default: 4 MiB, as Linux has it.
    pub reassembly_memory: Option<Size>,
}

impl IpConfig {
    /// Whether it sends ICMP errors.
    pub fn icmp_errors(&self) -> bool {
        self.icmp_errors.unwrap_or(true)
    }

    /// ICMP errors a second.
    pub fn icmp_errors_per_second(&self) -> u64 {
        self.icmp_errors_per_second.unwrap_or(ICMP_ERRORS_PER_SECOND)
    }

    /// ICMP errors at once.
    pub fn icmp_error_burst(&self) -> u64 {
        self.icmp_error_burst.unwrap_or(ICMP_ERROR_BURST)
    }

    /// Whether it discovers path MTUs.
    pub fn path_mtu_discovery(&self) -> bool {
        self.path_mtu_discovery.unwrap_or(true)
    }

    /// How long a path MTU is kept.
    pub fn path_mtu_lifetime(&self) -> Span {
        self.path_mtu_lifetime.unwrap_or(PATH_MTU_LIFETIME)
    }

    /// How long fragments wait.
    pub fn reassembly_timeout(&self) -> Span {
        self.reassembly_timeout.unwrap_or(REASSEMBLY_TIMEOUT)
    }

    /// Bytes of fragments that may wait.
    pub fn reassembly_memory(&self) -> Size {
        self.reassembly_memory.unwrap_or(REASSEMBLY_MEMORY)
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (field, value) in
            [("icmp_errors_per_second", self.icmp_errors_per_second), ("icmp_error_burst", self.icmp_error_burst)]
        {
            if value.is_some() && !self.icmp_errors() {
                found.push((field, "has no effect: the node sends no ICMP errors".to_owned()));
            } else if value == Some(0) {
                found.push((field, "is at least 1; for no ICMP errors at all say `icmp_errors: false`".to_owned()));
            }
        }
        if self.path_mtu_lifetime.is_some() && !self.path_mtu_discovery() {
            found.push(("path_mtu_lifetime", "has no effect: the node does not discover path MTUs".to_owned()));
        } else if self.path_mtu_lifetime.is_some_and(Span::is_zero) {
            let message = "is longer than 0 s; to ignore what ICMP errors say, turn `path_mtu_discovery` off";
            found.push(("path_mtu_lifetime", message.to_owned()));
        }
        if self.reassembly_timeout.is_some_and(Span::is_zero) {
            found.push(("reassembly_timeout", "is longer than 0 s: no packet could become whole".to_owned()));
        }
        found
    }
}
