//! Single-server queues, first come first served, with Poisson arrivals.

use protosim_core::maths;

use crate::statistics::{CompensatedSum, chi_square_cdf};

/// The largest room of a [`FiniteQueue`] and the longest wait of [`md1_wait_cdf`] in service times.
const STATES_MAX: usize = 100_000;

/// Whether a queue without limit with this load and service time has a steady state.
fn is_stable(load: f64, service: f64) -> bool {
    (0.0..1.0).contains(&load) && service >= 0.0 && service.is_finite()
}

/// Mean wait before service in M/M/1: ρ S / (1 - ρ).
pub fn mm1_mean_wait(load: f64, service: f64) -> Option<f64> {
    is_stable(load, service).then(|| load * service / (1.0 - load))
}

/// The time in an M/M/1 system, wait and service, that the share `q` of customers does not exceed: -ln(1 - q) S / (1 - ρ).
/// `None` for `q` outside 0 to below 1.
pub fn mm1_sojourn_quantile(load: f64, service: f64, q: f64) -> Option<f64> {
    (is_stable(load, service) && (0.0..1.0).contains(&q)).then(|| -maths::ln_1p(-q) * service / (1.0 - load))
}

/// The wait in M/M/1 that the share `q` of customers does not exceed: P(W > t) = ρ e^(-(1 - ρ) t / S). 0 where `q` is at most
/// 1 - ρ, the share that does not wait. `None` for `q` outside 0 to below 1.
pub fn mm1_wait_quantile(load: f64, service: f64, q: f64) -> Option<f64> {
    let beyond = || if load > 1.0 - q { maths::ln(load / (1.0 - q)) * service / (1.0 - load) } else { 0.0 };
    (is_stable(load, service) && (0.0..1.0).contains(&q)).then(beyond)
}

/// Mean wait in M/G/1 (Pollaczek and Khinchine): ρ S (1 + c²) / (2 (1 - ρ)), where `scv` is c², the variance of the
/// service time over its squared mean: 0 for constant, 1 for exponential service.
pub fn mg1_mean_wait(load: f64, service: f64, scv: f64) -> Option<f64> {
    let usable = is_stable(load, service) && scv >= 0.0 && scv.is_finite();
    usable.then(|| load * service * (1.0 + scv) / (2.0 * (1.0 - load)))
}

/// Mean wait in M/D/1: ρ S / (2 (1 - ρ)).
pub fn md1_mean_wait(load: f64, service: f64) -> Option<f64> {
    mg1_mean_wait(load, service, 0.0)
}

/// The probability of waiting at most `t` in M/D/1. Erlang's formula adds terms of both signs and loses all digits
/// for long waits; this is Franx's (Operations Research Letters 29, 2001), whose terms are all positive: with k = ⌊t/S⌋ + 1 and y = ρ (k -
/// t/S), it is e^-y Σ_j P(at most k - j in the system) y^j / j!. `None` for t beyond 100,000 service times.
pub fn md1_wait_cdf(load: f64, service: f64, t: f64) -> Option<f64> {
    if !is_stable(load, service) || service == 0.0 || t.is_nan() {
        return None;
    }
    if t < 0.0 {
        return Some(0.0);
    }
    let services = t / service;
    if services >= STATES_MAX as f64 {
        return None;
    }
    let k = services.floor() as usize + 1;
    let up_to = cumulative(&departures_md1(load, k + 1)?);
    Some((franx(load, services, &up_to) * (1.0 - load)).min(1.0))
}

/// The wait in M/D/1 that the share `q` of customers does not exceed, by bisection on [`md1_wait_cdf`]; 0 where `q` is at most
/// 1 - ρ. `None` for `q` outside 0 to below 1 and beyond 100,000 service times.
pub fn md1_wait_quantile(load: f64, service: f64, q: f64) -> Option<f64> {
    if !is_stable(load, service) || !(0.0..1.0).contains(&q) {
        return None;
    }
    if q <= 1.0 - load || service == 0.0 {
        return Some(0.0);
    }
    // The tail falls at least as fast as M/M/1's of the same load.
    let mut high = mm1_wait_quantile(load, 1.0, q)? + 1.0;
    if high >= (STATES_MAX - 2) as f64 {
        return None;
    }
    let up_to = cumulative(&departures_md1(load, high as usize + 3)?);
    let mut low = 0.0;
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if franx(load, middle, &up_to) * (1.0 - load) >= q { high = middle } else { low = middle }
    }
    Some(high * service)
}

/// Franx's sum, where `up_to[n]` is P(at most n in the system) in units of P(none).
fn franx(load: f64, services: f64, up_to: &[f64]) -> f64 {
    let k = services.floor() as usize + 1;
    let y = load * (k as f64 - services);
    let mut factor = maths::exp(-y);
    let mut sum = CompensatedSum::default();
    for j in 0..k {
        let term = factor * up_to[k - j];
        sum.add(term);
        if term < 1e-18 * sum.total() {
            break;
        }
        factor *= y / (j + 1) as f64;
    }
    sum.total()
}

fn cumulative(weights: &[f64]) -> Vec<f64> {
    let mut sum = CompensatedSum::default();
    let mut add = |weight: &f64| {
        sum.add(*weight);
        sum.total()
    };
    weights.iter().map(&mut add).collect()
}

/// What departing customers leave behind in M/D/1: the stationary weights of 0 to `count` - 1 in units of that of 0. A queue of
/// limited room has the same, cut off. `None` where they leave the range of `f64`.
///
/// Between n and n + 1 the chain passes as often upwards as downwards: w(n+1) a(0) = w(0) P(A > n) + Σ_{i=1}^{n} w(i) P(A
/// > n - i + 1), where A counts the arrivals in one service. No term is negative.
fn departures_md1(load: f64, count: usize) -> Option<Vec<f64>> {
    let none = maths::exp(-load);
    // P(A > n) = P(n + 1, load), until it is too small to matter.
    let tail = |n: usize| chi_square_cdf(2.0 * load, 2.0 * (n as f64 + 1.0)).unwrap_or(0.0);
    let tails: Vec<f64> = (0..count + 1).map(tail).take_while(|tail| *tail > 1e-300).collect();
    let more_than = |n: usize| tails.get(n).copied().unwrap_or(0.0);
    let mut weights = vec![1.0];
    for n in 0..count.saturating_sub(1) {
        let from = (n + 2).saturating_sub(tails.len()).max(1);
        let mut up = CompensatedSum::default();
        up.add(more_than(n));
        (from..=n).for_each(|i| up.add(weights[i] * more_than(n - i + 1)));
        weights.push(up.total() / none);
    }
    weights.iter().all(|weight| weight.is_finite()).then_some(weights)
}

/// A single server with room for K customers, the one in service among them; who finds it full is lost. The
/// distribution of how many are in the system, at any time, which is also what arriving customers find.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteQueue {
    load: f64,
    shares: Vec<f64>,
}

impl FiniteQueue {
    /// M/M/1/K: shares proportional to ρ^n. The load may be 1 and more. `None` for a negative load, no room and room for
    /// more than 100,000.
    pub fn mm1k(load: f64, room: usize) -> Option<Self> {
        if !is_usable(load, room) {
            return None;
        }
        // From the likelier end, so that no power overflows.
        let ratio = load.min(1.0 / load);
        let mut shares = vec![1.0];
        (0..room).for_each(|n| shares.push(shares[n] * ratio));
        if load > 1.0 {
            shares.reverse();
        }
        let total = shares.iter().copied().collect::<CompensatedSum>().total();
        shares.iter_mut().for_each(|share| *share /= total);
        Some(Self { load, shares })
    }

    /// M/D/1/K, exact: with π(n) the stationary shares of the chain embedded at departures, n customers are in the system
    /// with probability π(n) / (π(0) + ρ), and K with 1 - 1 / (π(0) + ρ) (Cooper, Introduction to Queueing Theory, 1981, §5.9). The loss is exact
    /// to about 1e-16 of 1, not of itself. `None` as for [`FiniteQueue::mm1k`], and where weights leave the range of `f64` (loads far beyond 1 with much
    /// room).
    pub fn md1k(load: f64, room: usize) -> Option<Self> {
        if !is_usable(load, room) {
            return None;
        }
        let weights = departures_md1(load, room)?;
        let total = weights.iter().copied().collect::<CompensatedSum>().total();
        let all = 1.0 + load * total;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / all).collect();
        // 1 - total/(1 + ρ total), over the common denominator.
        shares.push(((1.0 + (load - 1.0) * total) / all).max(0.0));
        all.is_finite().then_some(Self { load, shares })
    }

    /// The share of arriving customers that are lost.
    pub fn loss(&self) -> f64 {
        self.shares.last().copied().unwrap_or(0.0)
    }

    /// The probability of each number in the system, from 0 to K.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The mean number in the system.
    pub fn mean_in_system(&self) -> f64 {
        let term = |(n, share): (usize, &f64)| n as f64 * share;
        self.shares.iter().enumerate().map(term).collect::<CompensatedSum>().total()
    }

    /// The mean time in the system, wait and service, of customers that are not lost, by Little's law; in the unit of the service time. The
    /// service time itself where nobody arrives.
    pub fn mean_sojourn(&self, service: f64) -> f64 {
        let accepted = self.load * (1.0 - self.loss());
        if accepted > 0.0 { self.mean_in_system() / accepted * service } else { service }
    }
}

fn is_usable(load: f64, room: usize) -> bool {
    load >= 0.0 && load.is_finite() && (1..=STATES_MAX).contains(&room)
}

/// The share of calls that find all servers busy in M/M/c/c, and in M/G/c/c of any service time (Erlang B): by the
/// recursion B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1)). `load` a is in Erlang. `None` for a negative load.
pub fn erlang_b(load: f64, servers: u32) -> Option<f64> {
    let step = |blocked: f64, c: u32| load * blocked / (f64::from(c) + load * blocked);
    (load >= 0.0 && load.is_finite()).then(|| (1..=servers).fold(1.0, step))
}
