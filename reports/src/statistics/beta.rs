//! The regularised incomplete beta function I_x(a, b) and its inverse; Student's t and the binomial distribution stand
//! on it.
//!
//! Everything is a function of the logit u = ln(x / (1 - x)): x and its complement y both keep their relative precision
//! however close to 0 or 1, the derivative of I with respect to u is x^a y^b / B(a, b), and ln I is
//! concave in u for all a, b > 0, so that Newton's method on it converges from any start.

use protosim_core::maths;

/// Beyond this logit x or y underflows.
pub(super) const MAX_LOGIT: f64 = 700.0;

/// The a and b that are answered: beyond, results underflow or lose their digits.
pub(super) const PARAMETERS: std::ops::RangeInclusive<f64> = 1e-3..=1e12;

/// A point of the unit interval with its complement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// x.
    pub(super) x: f64,
    /// 1 - x, to full relative precision.
    pub(super) y: f64,
}

impl Point {
    pub(super) fn from_logit(logit: f64) -> Self {
        Self { x: 1.0 / (1.0 + maths::exp(-logit)), y: 1.0 / (1.0 + maths::exp(logit)) }
    }

    fn complement(self) -> Self {
        Self { x: self.y, y: self.x }
    }
}

/// I_x(a, b) for a and b within [`PARAMETERS`].
pub(super) fn regularised(a: f64, b: f64, at: Point) -> f64 {
    if at.x <= 0.0 || at.y <= 0.0 {
        return if at.x <= 0.0 { 0.0 } else { 1.0 };
    }
    maths::exp(ln_regularised(a, b, at)).clamp(0.0, 1.0)
}

/// The logit of the x at which I_x(a, b) = p, where `upper` = 1 - p is given apart to keep its digits.
/// Within ±[`MAX_LOGIT`]; a solution beyond gives the edge.
pub(super) fn quantile_logit(a: f64, b: f64, lower: f64, upper: f64) -> f64 {
    if lower > upper {
        // I_x(a, b) = 1 - I_y(b, a): always solve for the smaller tail, where ln I is steep.
        return -quantile_logit(b, a, upper, lower);
    }
    let target = maths::ln(lower);
    let (mut low, mut high) = (-MAX_LOGIT, MAX_LOGIT);
    let mut logit = (maths::ln(a) - maths::ln(b)).clamp(low, high);
    // Newton takes about six steps; bisection alone would need 60 to exhaust the digits.
    for _ in 0..100 {
        let at = Point::from_logit(logit);
        let value = ln_regularised(a, b, at);
        if value < target {
            low = logit;
        } else {
            high = logit;
        }
        let slope = maths::exp(ln_density(a, b, at) - value);
        let newton = logit - (value - target) / slope;
        let next = if newton >= low && newton <= high { newton } else { low + (high - low) / 2.0 };
        if (next - logit).abs() <= 2.0 * f64::EPSILON * logit.abs().max(1.0) {
            return next;
        }
        logit = next;
    }
    logit
}

/// ln I_x(a, b).
fn ln_regularised(a: f64, b: f64, at: Point) -> f64 {
    // The continued fraction converges fast below the mean; above it, by symmetry, for the complement.
    if at.x <= (a + 1.0) / (a + b + 2.0) {
        ln_density(a, b, at) - maths::ln(continued_fraction(a, b, at))
    } else {
        let upper = ln_density(a, b, at) - maths::ln(continued_fraction(b, a, at.complement()));
        maths::ln_1p(-maths::exp(upper).min(1.0))
    }
}

/// ln(x^a y^b / B(a, b)), the density of the logit.
///
/// By the saddle-point expansion of Loader, "Fast and accurate computation of binomial probabilities" (2000): plain
/// logarithms of gamma functions would lose as many digits as a + b has.
fn ln_density(a: f64, b: f64, at: Point) -> f64 {
    let n = a + b;
    let stirling = stirling_error(n) - stirling_error(a) - stirling_error(b);
    let deviance = deviance(a, n * at.x) + deviance(b, n * at.y);
    stirling - deviance + 0.5 * maths::ln(a * (b / n) / std::f64::consts::TAU)
}

/// ln Γ(z + 1) less Stirling's formula ½ ln(2πz) + z ln z - z.
pub(super) fn stirling_error(z: f64) -> f64 {
    if z < 16.0 {
        let stirling = 0.5 * maths::ln(std::f64::consts::TAU * z) + z * maths::ln(z) - z;
        return maths::ln_gamma(z + 1.0) - stirling;
    }
    // Bernoulli numbers: 1/12, 1/360, 1/1260, 1/1680, 1/1188, 691/360360, 1/156; the next term is below 2e-18 at z =
    // 16.
    let w = 1.0 / (z * z);
    let series = [1.0 / 156.0, 691.0 / 360_360.0, 1.0 / 1188.0, 1.0 / 1680.0, 1.0 / 1260.0, 1.0 / 360.0, 1.0 / 12.0];
    series.iter().fold(0.0, |sum, term| term - w * sum) / z
}

/// x ln(x / m) + m - x, without the cancellation where x is close to m.
pub(super) fn deviance(x: f64, m: f64) -> f64 {
    let difference = x - m;
    if difference.abs() >= 0.1 * (x + m) {
        return x * maths::ln(x / m) - difference;
    }
    // ln(x / m) = 2 artanh v with v = (x - m) / (x + m), as a power series.
    let v = difference / (x + m);
    let mut power = 2.0 * x * v;
    let mut sum = difference * v;
    for j in 1..100 {
        power *= v * v;
        let next = sum + power / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// The K of I_x(a, b) = x^a y^b / (B(a, b) K): a continued fraction (DiDonato and Morris, "Algorithm 708", ACM TOMS 18
/// (1992), eq. 9), by Lentz's method. Its terms hold y itself where the textbook fraction holds 1 - x, which loses all
/// digits for x near 1. Takes about √max(a, b) steps.
fn continued_fraction(a: f64, b: f64, at: Point) -> f64 {
    const STEPS_MAX: u32 = 200_000;
    const TINY: f64 = 1e-300;
    let Point { x, y } = at;
    let guard = |z: f64| if z.abs() < TINY { TINY } else { z };
    let excess = a * y - b * x + 1.0;
    let mut fraction = guard(a * excess / (a + 1.0));
    let (mut c, mut d) = (fraction, 0.0);
    for step in 1..STEPS_MAX {
        let m = f64::from(step);
        let odd = a + 2.0 * m - 1.0;
        let numerator = ((a + m - 1.0) / odd) * ((a + b + m - 1.0) / odd) * m * (b - m) * x * x;
        let denominator = m + m * (b - m) * x / odd + (a + m) * (excess + m * (1.0 + y)) / (odd + 2.0);
        d = 1.0 / guard(denominator + numerator * d);
        c = guard(denominator + numerator / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}
