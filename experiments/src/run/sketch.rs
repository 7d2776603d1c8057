//! Exchanges of a run as sketches: what the summary needs of them, in a record that does not grow with their number. (While the run goes on
//! they are there, as reports of what happened.)

use super::exchanges::Exchange;
use super::warmup::Warmup;
use crate::scenario::Scenario;
use protosim_core::Span;
use protosim_core::sketch::{Batches, Histogram};
use serde::{Deserialize, Serialize};

/// The exchanges of an application that count.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ExchangeSketch {
    /// How many.
    pub count: u64,
    /// Those whose request reached the server's application.
    pub delivered: u64,
    /// Those that got a response.
    pub completed: u64,
    /// How often requests were sent, of exchanges that ended.
    pub transmissions: Batches,
    /// From the start to the response.
    pub completion: TimeSketch,
    /// From the start to the first byte of the response.
    pub first_byte: TimeSketch,
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
        sketch.delivered += u64::from(exchange.delivered.is_some());
        sketch.completed += u64::from(exchange.completion().is_some());
        exchange.transmissions().into_iter().for_each(|sent| sketch.transmissions.add(u64::from(sent)));
        exchange.completion().into_iter().for_each(|span| sketch.completion.add(span));
        exchange.first_byte.into_iter().for_each(|span| sketch.first_byte.add(span));
    }
    sketches
}
