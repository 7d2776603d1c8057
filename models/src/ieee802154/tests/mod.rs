//! Vectors, properties, scripts and hops with losses.

mod csma;
mod frames;
mod hops;
mod properties;
mod queues;

use super::{Address, Endpoint, PanId};

const PAN: PanId = PanId(0xabcd);

fn short(address: u16) -> Endpoint {
    Endpoint { pan: PAN, address: Address::Short(address) }
}

fn extended(address: u64) -> Endpoint {
    Endpoint { pan: PAN, address: Address::Extended(address) }
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}
