//! Fuzz target: [`protosim_models::tcp::hostile::attack`].
#![cfg_attr(fuzzing, no_main)]

protosim_models_fuzz::target!(protosim_models::tcp::hostile::attack);
