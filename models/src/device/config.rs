//! What a user says of a device.

use super::clock::Drift;
use super::cpu::Cost;
use protosim_core::Size;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The limits of a node, as in a scenario. What is left out is ideal.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceConfig {
    /// How much faster (or, negative, slower) its clock runs than true time, such as `"20 ppm"`.
    pub clock_drift: Option<Drift>,
    /// Processor time by operation, such as `{"coap.decode": (per_call: "1 ms", per_byte: "2 us")}`.
    pub cpu: BTreeMap<String, Cost>,
    /// Memory for buffers and sessions. Default: no limit.
    pub memory: Option<Size>,
}
