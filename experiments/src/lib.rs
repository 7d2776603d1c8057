//! Experiments: the scenario language, the runner, results, and the `protosim` command.
//!
//! - [`tree`]: the scenario's text as a tree that keeps places, and typed reading from it.
//! - [`scenario`]: what one RON file says; everything wrong with it is reported at once.
//! - [`run`]: one run, and all runs of an experiment on all cores.
//! - [`results`]: metrics with intervals, tables, figures, and the folder that they go to.
//! - [`explore`]: a search for a run that breaks what must hold, and for the least that does it.
//! - [`plan`]: what a sweep will cost, and its split into shards, fixed in a file.
//! - [`store`]: runs that are kept, so that nothing is computed twice.
//! - [`diff`]: two experiments side by side: fields, metrics beyond noise, the first event that differs.
//! - [`live`]: an application over real sockets, in wall-clock time.
//! - [`packetdrill`]: conformance scripts in packetdrill's language, against our TCP.
//! - [`mod@reference`]: the JSON Schema of scenarios, and the page that says what each field means.
//! - [`cli`]: the command.
//!
//! The other crates, from the bottom up: `protosim-core`, the kernel, which knows no protocol;
//! `protosim-models`, packets, links, nodes and one folder per protocol; `protosim-topologies`, graphs that become
//! networks; `protosim-reports`, statistics, figures, tables and captures. Imports run one way only:
//! core ← models ← topologies ← experiments; reports uses models and core, and experiments calls it.

pub mod cli;
pub mod diff;
pub mod explore;
pub mod live;
pub mod packetdrill;
pub mod plan;
pub mod reference;
pub mod results;
pub mod run;
pub mod scenario;
pub mod store;
pub mod tree;
