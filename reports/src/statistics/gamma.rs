//! The regularised incomplete gamma functions and the quantile; the chi-square and the Poisson distribution stand on them.
//!
//! Everything is a function of u = ln x: the derivative of P with respect to u is x^a e^-x / Γ(a), and ln P and ln Q are
//! concave in u, so that Newton's method on them converges from any start.

use protosim_core::maths;

use super::beta::{deviance, stirling_error};

/// The a that are answered: a sum near the mean takes about 10 √a steps.
pub(super) const PARAMETERS: std::ops::RangeInclusive<f64> = 1e-3..=1e9;

/// Beyond this |ln x| x underflows or overflows.
const MAX_LN: f64 = 700.0;

/// Lower and upper incomplete gamma function: ln P(a, x) and ln Q(a, x) for x > 0, each with its relative precision.
#[derive(Clone, Copy, Debug)]
struct Tails {
    ln_lower: f64,
    ln_upper: f64,
}

/// P(a, x), the probability that a gamma(a) variable is at most x, for a within [`PARAMETERS`].
pub(super) fn lower(a: f64, x: f64) -> f64 {
    if x <= 0.0 { 0.0 } else { maths::exp(tails(a, x).ln_lower).clamp(0.0, 1.0) }
}

/// Q(a, x) = 1 - P(a, x), small values with their digits.
pub(super) fn upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { maths::exp(tails(a, x).ln_upper).clamp(0.0, 1.0) }
}

/// The x with P(a, x) = `p`, for 0 < p < 1; 0 where it underflows.
pub(super) fn quantile(a: f64, p: f64) -> f64 {
    let from_below = p <= 0.5;
    let target = if from_below { maths::ln(p) } else { maths::ln_1p(-p) };
    let (mut low, mut high) = (-MAX_LN, MAX_LN);
    let mut u = maths::ln(a);
    for _ in 0..200 {
        let x = maths::exp(u);
        let tails = tails(a, x);
        let value = if from_below { tails.ln_lower } else { tails.ln_upper };
        // ln P rises with u and ln Q falls.
        let slope = maths::exp(ln_density(a, x) - value) * if from_below { 1.0 } else { -1.0 };
        if (value < target) == from_below {
            low = u;
        } else {
            high = u;
        }
        let newton = u - (value - target) / slope;
        let next = if newton >= low && newton <= high { newton } else { low + (high - low) / 2.0 };
        if (next - u).abs() <= 2.0 * f64::EPSILON * u.abs().max(1.0) {
            u = next;
            break;
        }
        u = next;
    }
    if u <= -MAX_LN { 0.0 } else { maths::exp(u) }
}

fn tails(a: f64, x: f64) -> Tails {
    if x.is_infinite() {
        return Tails { ln_lower: 0.0, ln_upper: f64::NEG_INFINITY };
    }
    let complement = |ln: f64| maths::ln_1p(-maths::exp(ln).min(1.0));
    if x < a + 1.0 {
        let ln_lower = (ln_density(a, x) + maths::ln(series(a, x))).min(0.0);
        Tails { ln_lower, ln_upper: complement(ln_lower) }
    } else {
        let ln_upper = (ln_density(a, x) - maths::ln(continued_fraction(a, x))).min(0.0);
        Tails { ln_lower: complement(ln_upper), ln_upper }
    }
}

/// ln(x^a e^-x / Γ(a)), by Loader's saddle-point expansion, which keeps its digits for large a.
fn ln_density(a: f64, x: f64) -> f64 {
    0.5 * maths::ln(a / std::f64::consts::TAU) - stirling_error(a) - deviance(a, x)
}

/// P(a, x) over the density: Σ x^n / (a (a + 1) … (a + n)) (DLMF 8.7.1).
fn series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    let mut n = a;
    while term > sum * f64::EPSILON / 4.0 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

/// The density over Q(a, x): x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / …) (DLMF 8.9.2, contracted), by Lentz's
/// method; for x ≥ a + 1.
fn continued_fraction(a: f64, x: f64) -> f64 {
    const STEPS_MAX: u32 = 1_000_000;
    let mut denominator = x + 1.0 - a;
    let mut fraction = denominator;
    let (mut c, mut d) = (fraction, 0.0);
    for step in 1..STEPS_MAX {
        let m = f64::from(step);
        let numerator = m * (a - m);
        denominator += 2.0;
        d = 1.0 / (denominator + numerator * d);
        c = denominator + numerator / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}
