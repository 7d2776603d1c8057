//! Tests of the language, of the runner, and of our TCP by the scripts of `experiments/packetdrill`.

mod foreign_tmp;
mod language;
mod python;
