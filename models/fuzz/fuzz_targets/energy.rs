//! Fuzz target: [`protosim_models_fuzz::energy`].
#![cfg_attr(fuzzing, no_main)]

protosim_models_fuzz::target!(protosim_models_fuzz::energy);
