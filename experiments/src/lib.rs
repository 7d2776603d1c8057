//! Experiments: the scenario language and what runs it.

pub mod tree;
