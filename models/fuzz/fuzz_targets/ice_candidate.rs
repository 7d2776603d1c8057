//! Fuzz target: [`protosim_models_fuzz::ice_candidate`].
#![cfg_attr(fuzzing, no_main)]

protosim_models_fuzz::target!(protosim_models_fuzz::ice_candidate);
