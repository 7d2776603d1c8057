//! What a user says of congestion control.
//!
//! ```ron
//! congestion: Cubic()
//! congestion: Cubic(hystart: false, fast_convergence: false)
//! congestion: Bbr
//! congestion: Fixed(window: 20)
//! ```

use super::{BbrV1, BbrV3, Congestion, Cubic, Dctcp, Fixed, NewReno, Vegas};
use protosim_core::Ratio;
use serde::{Deserialize, Serialize};

/// Which algorithm, as in a scenario: `congestion: Cubic()`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum CongestionConfig {
    /// CUBIC (RFC 9438), with HyStart++ (RFC 9406).
    Cubic(CubicConfig),
    /// NewReno (RFC 5681, RFC 6582), counting bytes (RFC 3465).
    NewReno,
    /// BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00), as Linux has it.
    Bbr,
    /// BBR, version 3 (draft-ietf-ccwg-bbr).
    BbrV3,
    /// Vegas (Brakmo and Peterson 1995): steers by the delay that it causes.
    Vegas(VegasConfig),
    /// Data center TCP (RFC 8257): reduces by the part of bytes that queues have marked. Both ends need it.
    Dctcp(DctcpConfig),
    /// A window that never changes, for teaching.
    Fixed {
        /// \[full segments\], 1 to 10^6. Required.
        window: u32,
    },
}

/// CUBIC (RFC 9438).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CubicConfig {
    /// β, what is left of the window after congestion. Default: 70 % (RFC 9438 §4.6).
    pub beta: Ratio,
    /// C, how fast the window grows away from its last maximum, in segments for each cubic second: 40 % are 0.4. Default:
    /// 40 % (RFC 9438 §5.1).
    pub c: Ratio,
    /// Gives way when the maximum falls (RFC 9438 §4.7). Default: true.
    pub fast_convergence: bool,
    /// Leaves the first slow start when the delay rises (HyStart++, RFC 9406). Default: true.
    pub hystart: bool,
}

/// Vegas (Brakmo and Peterson 1995).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VegasConfig {
    /// With fewer segments than this in queues, the window grows. Default: 2 (Linux `tcp_vegas`).
    pub alpha: u32,
    /// With more segments than this in queues, the window shrinks. Default: 4 (Linux `tcp_vegas`).
    pub beta: u32,
    /// With more segments than this in queues, slow start ends. Default: 1 (Linux `tcp_vegas`).
    pub gamma: u32,
}

/// Data center TCP (RFC 8257).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DctcpConfig {
    /// g, the weight of the last round trip's marks in the estimate. Default: 6.25 %, 1/16 (RFC 8257 §4.2).
    pub gain: Ratio,
    /// α at the start: the part of marked bytes to begin with. Default: 100 % (RFC 8257 §4.2).
    pub initial_alpha: Ratio,
}

/// 1/16 in parts of 10^18.
const ONE_SIXTEENTH: u64 = 62_500_000_000_000_000;
/// The widest fixed window \[full segments\].
const MOST_FIXED: u32 = 1_000_000;
/// The most that Vegas' thresholds can be \[full segments\].
const MOST_QUEUED: u32 = 1_000_000;

impl Default for CongestionConfig {
    fn default() -> Self {
        Self::Cubic(CubicConfig::default())
    }
}

impl Default for CubicConfig {
    fn default() -> Self {
        Self { beta: Ratio::from_percent(70), c: Ratio::from_percent(40), fast_convergence: true, hystart: true }
    }
}

impl Default for VegasConfig {
    fn default() -> Self {
        Self { alpha: 2, beta: 4, gamma: 1 }
    }
}

impl Default for DctcpConfig {
    fn default() -> Self {
        Self { gain: Ratio::from_parts(ONE_SIXTEENTH).unwrap_or(Ratio::ONE), initial_alpha: Ratio::ONE }
    }
}

impl CongestionConfig {
    /// What nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        match self {
            Self::Cubic(CubicConfig { beta, c, .. }) => {
                if beta.is_zero() || *beta == Ratio::ONE {
                    let why = "is above 0 % and below 100 %: the window shrinks by the rest after congestion";
                    found.push(("tcp.congestion.Cubic.beta", why.to_owned()));
                }
                if c.is_zero() {
                    found.push(("tcp.congestion.Cubic.c", "is above 0 %: the window would not grow".to_owned()));
                }
            }
            Self::Vegas(VegasConfig { alpha, beta, gamma }) => {
                if !(1..=MOST_QUEUED).contains(alpha) {
                    found.push(("tcp.congestion.Vegas.alpha", format!("is 1 to {MOST_QUEUED}, not {alpha}")));
                }
                if beta < alpha || *beta > MOST_QUEUED {
                    let why = format!("is `alpha` to {MOST_QUEUED}, not {beta}");
                    found.push(("tcp.congestion.Vegas.beta", why));
                }
                if !(1..=MOST_QUEUED).contains(gamma) {
                    found.push(("tcp.congestion.Vegas.gamma", format!("is 1 to {MOST_QUEUED}, not {gamma}")));
                }
            }
            Self::Dctcp(DctcpConfig { gain, .. }) if gain.is_zero() => {
                found.push(("tcp.congestion.Dctcp.gain", "is above 0 %: the estimate would not change".to_owned()));
            }
            Self::Fixed { window } if !(1..=MOST_FIXED).contains(window) => {
                found.push(("tcp.congestion.Fixed.window", format!("is 1 to {MOST_FIXED}, not {window}")));
            }
            Self::NewReno | Self::Bbr | Self::BbrV3 | Self::Dctcp(_) | Self::Fixed { .. } => {}
        }
        found
    }

    /// The algorithm at the start of a connection; `is_paced` if the connection spreads its segments over the round trip,
    /// which frees HyStart++ of its limit (RFC 9406 §4.2).
    pub fn build(&self, is_paced: bool) -> Congestion {
        match self {
            Self::Cubic(config) => Congestion::Cubic(Cubic::new(config, is_paced)),
            Self::NewReno => Congestion::NewReno(NewReno::new()),
            Self::Bbr => Congestion::BbrV1(Box::new(BbrV1::new())),
            Self::BbrV3 => Congestion::BbrV3(Box::new(BbrV3::new())),
            Self::Vegas(config) => Congestion::Vegas(Vegas::new(config)),
            Self::Dctcp(config) => Congestion::Dctcp(Dctcp::new(config)),
            Self::Fixed { window } => Congestion::Fixed(Fixed::new(*window)),
        }
    }
}
