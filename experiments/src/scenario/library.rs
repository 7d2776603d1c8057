//! The experiments that come with the program, by name.

/// A shipped experiment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its scenario.
    pub text: &'static str,
}

/// All shipped experiments, in order of names.
pub const SHIPPED: &[Shipped] = &[
    Shipped { name: "bench-chain", text: include_str!("../../scenarios/bench-chain.ron") },
    Shipped { name: "coap-loss", text: include_str!("../../scenarios/coap-loss.ron") },
    Shipped { name: "ping", text: include_str!("../../scenarios/ping.ron") },
];

/// The shipped experiment called `name`.
pub fn find(name: &str) -> Option<Shipped> {
    SHIPPED.iter().copied().find(|shipped| shipped.name == name)
}
