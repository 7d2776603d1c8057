//! Tests of the language, of the runner, and of our TCP by the scripts of `experiments/packetdrill`.

mod conformance;
mod language;
mod python;
mod runner;
