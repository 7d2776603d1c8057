//! Distribution functions and quantiles: normal, Student's t, chi-square, F, beta, binomial, Poisson.
//!
//! The tests hold them to a relative 1e-12 or better against SciPy and mpmath, for probabilities down to 1e-12 and
//! parameters from 0.5 to 1e7.

use protosim_core::{maths, random};

use super::beta::{self, MAX_LOGIT, PARAMETERS, Point};
use super::gamma;

/// Φ(z), the probability that a standard normal variable is at most `z`. `None` for NaN.
pub fn normal_cdf(z: f64) -> Option<f64> {
    (!z.is_nan()).then(|| random::normal_cdf(z))
}

/// The z with Φ(z) = `p`; `None` outside the open interval 0 to 1.
pub fn normal_quantile(p: f64) -> Option<f64> {
    (p > 0.0 && p < 1.0).then(|| random::normal_quantile(p))
}

/// The probability that a variable of Student's t distribution with `df` degrees of freedom is at most `t`.
/// `None` for NaN and for `df` outside 0.002 to 2e12.
pub fn student_t_cdf(t: f64, df: f64) -> Option<f64> {
    if t.is_nan() || !is_parameter(df / 2.0) {
        return None;
    }
    // Beyond 1e150 the square overflows.
    let t2 = t.abs().min(1e150) * t.abs().min(1e150);
    let tail = 0.5 * beta::regularised(df / 2.0, 0.5, Point { x: df / (df + t2), y: t2 / (df + t2) });
    Some(if t < 0.0 { tail } else { 1.0 - tail })
}

/// The t that a variable of Student's t distribution with `df` degrees of freedom does not exceed with
/// probability `p`. `None` for `p` outside the open interval 0 to 1, for `df` outside 0.002 to 2e12, and where t
/// leaves the range of `f64`.
pub fn student_t_quantile(p: f64, df: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0 && is_parameter(df / 2.0)) {
        return None;
    }
    if p == 0.5 {
        return Some(0.0);
    }
    // P(|T| > t) = I_x(df/2, 1/2) with x / y = df / t².
    let both_tails = 2.0 * p.min(1.0 - p);
    let logit = beta::quantile_logit(df / 2.0, 0.5, both_tails, 1.0 - both_tails);
    let t = df.sqrt() * maths::exp(-logit / 2.0);
    let in_range = t.is_finite() && logit.abs() < MAX_LOGIT;
    in_range.then_some(if p < 0.5 { -t } else { t })
}

/// The probability that a chi-square variable with `df` degrees of freedom is at most `x`. `None` for NaN and for `df`
/// outside 0.002 to 2e9.
pub fn chi_square_cdf(x: f64, df: f64) -> Option<f64> {
    (!x.is_nan() && gamma::PARAMETERS.contains(&(df / 2.0))).then(|| gamma::lower(df / 2.0, x / 2.0))
}

/// The probability that it exceeds `x`, small ones with all their digits; `None` as [`chi_square_cdf`].
pub fn chi_square_tail(x: f64, df: f64) -> Option<f64> {
    (!x.is_nan() && gamma::PARAMETERS.contains(&(df / 2.0))).then(|| gamma::upper(df / 2.0, x / 2.0))
}

/// The x that a chi-square variable does not exceed with probability `p`. `None` for `p` outside the open interval 0 to 1
/// and for `df` outside 0.002 to 2e9.
pub fn chi_square_quantile(p: f64, df: f64) -> Option<f64> {
    (p > 0.0 && p < 1.0 && gamma::PARAMETERS.contains(&(df / 2.0))).then(|| 2.0 * gamma::quantile(df / 2.0, p))
}

/// The probability that a variable of the F distribution with `df1` and `df2` degrees of freedom is at most `x`. `None`
/// for NaN and for degrees of freedom outside 0.002 to 2e12.
pub fn f_cdf(x: f64, df1: f64, df2: f64) -> Option<f64> {
    f_point(x, df1, df2).map(|at| beta::regularised(df1 / 2.0, df2 / 2.0, at))
}

/// The probability that it exceeds `x`, small ones with all their digits; `None` as [`f_cdf`].
pub fn f_tail(x: f64, df1: f64, df2: f64) -> Option<f64> {
    f_point(x, df1, df2).map(|at| beta::regularised(df2 / 2.0, df1 / 2.0, Point { x: at.y, y: at.x }))
}

/// The x that a variable of the F distribution does not exceed with probability `p`. `None` for `p` outside the open
/// interval 0 to 1, for degrees of freedom outside 0.002 to 2e12, and where x leaves the range of `f64`.
pub fn f_quantile(p: f64, df1: f64, df2: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0 && is_parameter(df1 / 2.0) && is_parameter(df2 / 2.0)) {
        return None;
    }
    let logit = beta::quantile_logit(df1 / 2.0, df2 / 2.0, p, 1.0 - p);
    let x = df2 / df1 * maths::exp(logit);
    (x.is_finite() && logit.abs() < MAX_LOGIT).then_some(x)
}

/// Where P(F ≤ x) = I(df1/2, df2/2): at df1 x / (df1 x + df2).
fn f_point(x: f64, df1: f64, df2: f64) -> Option<Point> {
    if x.is_nan() || !is_parameter(df1 / 2.0) || !is_parameter(df2 / 2.0) {
        return None;
    }
    let ratio = df1 * x.clamp(0.0, 1e280);
    Some(Point { x: ratio / (ratio + df2), y: df2 / (ratio + df2) })
}

/// The probability that a Poisson variable of mean `mean` is at most `k`. `None` for a mean that is negative or not
/// finite, and for k from 1e9 on.
pub fn poisson_cdf(k: u64, mean: f64) -> Option<f64> {
    let a = k as f64 + 1.0;
    (mean >= 0.0 && mean.is_finite() && gamma::PARAMETERS.contains(&a)).then(|| gamma::upper(a, mean))
}

/// The probability that a beta(a, b) variable is at most `x`. `None` for NaN and for a or b outside
/// 0.001 to 1e12.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> Option<f64> {
    if x.is_nan() || !is_parameter(a) || !is_parameter(b) {
        return None;
    }
    if x <= 0.0 {
        return Some(0.0);
    }
    if x >= 1.0 {
        return Some(1.0);
    }
    Some(beta::regularised(a, b, Point { x, y: 1.0 - x }))
}

/// The x that a beta(a, b) variable does not exceed with probability `p`. `None` for `p` outside 0 to 1 and for a or b
/// outside 0.001 to 1e12.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) || !is_parameter(a) || !is_parameter(b) {
        return None;
    }
    if p == 0.0 || p == 1.0 {
        return Some(p);
    }
    Some(Point::from_logit(beta::quantile_logit(a, b, p, 1.0 - p)).x)
}

/// The probability of at most `k` successes in `n` independent trials of success probability `p`. `None` for `p`
/// outside 0 to 1 and for more than 1e12 trials.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) || n as f64 > *PARAMETERS.end() {
        return None;
    }
    if k >= n || p == 0.0 {
        return Some(1.0);
    }
    if p == 1.0 {
        return Some(0.0);
    }
    Some(beta::regularised((n - k) as f64, k as f64 + 1.0, Point { x: 1.0 - p, y: p }))
}

fn is_parameter(x: f64) -> bool {
    PARAMETERS.contains(&x)
}
