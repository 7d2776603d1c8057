//! Running: one run of one point, and all runs of an experiment on all cores.

mod all;
mod capacity;
pub mod clock;
mod devices;
pub mod events;
mod exchanges;
mod fork;
mod ledger;
mod measured;
mod name;
mod one;
mod outputs;
mod selection;
mod sequential;
mod sketch;
mod story;
mod totals;
mod warmup;
mod wires;

#[cfg(test)]
mod tests;
#[cfg(test)]
#[cfg(test)]
mod tests_amqp;
#[cfg(test)]
mod tests_channels;
#[cfg(test)]
mod tests_devices;
#[cfg(test)]
mod tests_families;
#[cfg(test)]
mod tests_fork;
#[cfg(test)]
mod tests_handshakes;
#[cfg(test)]
mod tests_ice;
#[cfg(test)]
mod tests_media;
#[cfg(test)]
mod tests_mqtt;
#[cfg(test)]
mod tests_sequential;
#[cfg(test)]
mod tests_story;
#[cfg(feature = "str0m")]
#[cfg(test)]
mod tests_str0m;
#[cfg(test)]
mod tests_timeline;
#[cfg(test)]
mod tests_warmup;

pub use all::{Failed, Finished, Options, Runs, Selection, Stop, run_all, run_some};
pub use capacity::Capacity;
pub(crate) use devices::nodes_of_app;
pub use devices::{BatteryOutput, DeviceOutput, DevicesOutput, EnergyEntry};
pub use exchanges::{Ending, Exchange};
pub(crate) use fork::groups;
pub use measured::{Arrival, DelaySample, LinkOutput, Measured, RatesOutput, SinkOutput};
pub use name::Name;
pub use one::{Capture, CapturedFrame, CapturedPacket, RunFailure, RunLog, RunOutput, build, digests, run_one, setup};
pub use outputs::{Kept, Loan, Outputs, Sight, SightOf, on_threads};
pub(crate) use outputs::{PerPoint, Turn, over_points, over_turns};
pub(crate) use selection::share_number;
pub use sketch::{ExchangeSketch, TimeSketch};
pub use story::{Drawing, Story, Watch};
pub use totals::{Total, Totals};
pub use warmup::Warmup;
