//! Exchanges of a run as sketches: what the summary needs of them, in a record that does not grow with their number. (While the run goes on
//! they are there, as reports of what happened.)

use super::exchanges::Exchange;
use super::warmup::Warmup;
use crate::scenario::{ByMilestone, Milestone, Scenario};
use protosim_core::Span;
use protosim_core::sketch::{Batches, Histogram};
use serde::{Deserialize, Serialize};

/// The exchanges of an application that count.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ExchangeSketch {
    /// How many.
    pub count: u64,
    /// How often requests were sent, of exchanges that ended.
    pub transmissions: Batches,
    /// From the start to each milestone, of those that reached it.
    pub times: ByMilestone<TimeSketch>,
}

/// Times \[ns\].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TimeSketch {
    /// For means and their intervals, in order.
    pub batches: Batches,
    /// For quantiles.
    pub histogram: Histogram,
}

impl TimeSketch {
    fn add(&mut self, span: Span) {
        self.batches.add(span.as_nanos());
        self.histogram.add(span.as_nanos());
    }
}

/// Sketches of all exchanges that count, by the scenario's index of the application.
pub(super) fn sketches(scenario: &Scenario, warmup: Warmup, exchanges: &[Exchange]) -> Vec<ExchangeSketch> {
    let mut sketches = vec![ExchangeSketch::default(); scenario.apps.len()];
    for exchange in exchanges.iter().filter(|exchange| exchange.counts(scenario, warmup)) {
        let sketch = &mut sketches[exchange.app];
        sketch.count += 1;
        exchange.transmissions().into_iter().for_each(|sent| sketch.transmissions.add(u64::from(sent)));
        for milestone in Milestone::ALL {
            exchange.time(milestone).into_iter().for_each(|span| sketch.times[milestone].add(span));
        }
    }
    sketches
}
