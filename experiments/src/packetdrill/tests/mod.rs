//! Tests of the language, of the runner, and of our TCP by the scripts of `experiments/packetdrill`.

mod language;
mod python;
