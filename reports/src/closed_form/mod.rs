//! Closed forms of networks, to hold simulations to and to draw beside them.
//!
//! | Model | Functions | Source |
//! |---|---|---|
//! | M/M/1, M/D/1, M/G/1 | [`mm1_mean_wait`], [`mm1_sojourn_quantile`], [`mg1_mean_wait`], [`md1_wait_cdf`], … | Pollaczek 1930, Khinchine 1932, Erlang 1909 |
//! | M/M/1/K, M/D/1/K | [`FiniteQueue`] | embedded Markov chain |
//! | M/M/c/c | [`erlang_b`] | Erlang 1917 |
//! | bursty loss | [`GilbertElliott`] | Gilbert 1960, Elliott 1963 |
//! | random access | [`pure_aloha`], [`slotted_aloha`], [`slotted_aloha_of`] | Abramson 1970, Roberts 1975 |
//!
//! M/D/1 is a link with Poisson arrivals of packets of one length; K counts the packet in service. The *offered load* is the
//! mean number of arrivals in one service time; without loss it is the utilisation. Times come in the unit of the
//! service time given. What is out of range (a load of 1 or more for a queue without limit) is `None`.
//!
//! ```
//! use protosim_reports::closed_form::{FiniteQueue, md1_mean_wait};
//! // 1500 bytes take 1.2 ms at 10 Mbit/s; at a load of 0.8 a packet waits for 2 service times.
//! assert_eq!(md1_mean_wait(0.8, 1.2e-3).map(|s| (s * 1e6).round()), Some(2400.0));
//! let link = FiniteQueue::md1k(0.8, 5).expect("a load and room for one");
//! assert!((link.loss() - 0.03529).abs() < 1e-5);
//! ```

mod medium;
mod queueing;
#[cfg(test)]
mod tests;

pub use medium::{GilbertElliott, pure_aloha, slotted_aloha, slotted_aloha_of};
pub use queueing::{
    FiniteQueue, erlang_b, md1_mean_wait, md1_wait_cdf, md1_wait_quantile, mg1_mean_wait, mm1_mean_wait,
    mm1_sojourn_quantile, mm1_wait_quantile,
};
