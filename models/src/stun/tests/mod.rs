//! What holds for every message, and scripts for the machines.

mod apps;
mod client_and_server;
mod discovery;
mod frames;
mod lifetime;
mod messages;
