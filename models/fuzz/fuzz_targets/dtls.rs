//! Fuzz target: [`protosim_models_fuzz::dtls`].
#![cfg_attr(fuzzing, no_main)]

protosim_models_fuzz::target!(protosim_models_fuzz::dtls);
