//! Tests of fit: does a sample come from this distribution, do two samples come from one?
//!
//! All are for independent samples; successive delays of one run are not.

use protosim_core::maths;

use super::beta::{deviance, stirling_error};
use super::moments::CompensatedSum;
use super::{SortedSamples, TestResult, chi_square_tail};

/// Up to here the distribution of the one-sample statistic is exact.
const EXACT_SAMPLES: u64 = 200;
/// Up to here its far tail is summed exactly.
const TAIL_SAMPLES: u64 = 1_000_000;
/// Up to this product of sizes the two-sample distribution is exact.
const EXACT_PAIRS: u64 = 10_000_000;

/// Whether `samples` come from the continuous distribution with this distribution function (Kolmogorov 1933), two-sided.
/// The distribution must not have been fitted to the samples; with steps in it (atoms) the p-value is too large.
///
/// The p-value is exact up to 200 samples (Marsaglia, Tsang and Wang 2003) and, where it is below 1e-3, up to a million
/// (Birnbaum and Tingey 1951); else it has the asymptotic distribution with Vrbik's correction for finite samples
/// (2018), within 1e-4 and closer the more samples there are. `None` where `cdf` leaves 0 to 1.
pub fn kolmogorov_smirnov(samples: &SortedSamples, cdf: impl Fn(f64) -> f64) -> Option<TestResult> {
    let sorted = samples.as_slice();
    let n = sorted.len() as f64;
    let mut statistic = 0.0_f64;
    for (i, &x) in sorted.iter().enumerate() {
        let expected = cdf(x);
        if !(0.0..=1.0).contains(&expected) {
            return None;
        }
        statistic = statistic.max(expected - i as f64 / n).max((i + 1) as f64 / n - expected);
    }
    Some(TestResult { statistic, p_value: kolmogorov_tail(sorted.len() as u64, statistic) })
}

/// Whether two samples come from one distribution (Smirnov 1939), two-sided.
///
/// The p-value is exact, by counting all orders of the two samples, while the product of their sizes is at most ten
/// million; else that of one sample of n m / (n + m). Equal values within a sample or across make it too large, never too
/// small.
pub fn kolmogorov_smirnov_two(a: &SortedSamples, b: &SortedSamples) -> TestResult {
    let (a, b) = (a.as_slice(), b.as_slice());
    let (n, m) = (a.len() as u64, b.len() as u64);
    let (mut i, mut j, mut widest) = (0, 0, 0_u64);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        i += a[i..].iter().take_while(|v| **v <= x).count();
        j += b[j..].iter().take_while(|v| **v <= x).count();
        // |i/n - j/m| in units of 1/(n m), where nothing is rounded.
        widest = widest.max((i as u64 * m).abs_diff(j as u64 * n));
    }
    let statistic = widest as f64 / n as f64 / m as f64;
    let p_value = if n * m <= EXACT_PAIRS {
        smirnov_two_tail(n, m, widest)
    } else {
        let effective = n as f64 * m as f64 / (n + m) as f64;
        kolmogorov_tail(maths::round_to_u64(effective), statistic)
    };
    TestResult { statistic, p_value }
}

/// Whether counts agree with shares (Pearson 1900). `shares` are the expected proportions, in any unit; `fitted` is how
/// many parameters were estimated from the counts. The p-value is an approximation: every expected count should be at least 5.
/// `None` for different lengths, for no degree of freedom, for shares that are not positive and for no counts.
pub fn chi_square_fit(counts: &[u64], shares: &[f64], fitted: u32) -> Option<TestResult> {
    let usable = counts.len() == shares.len() && shares.iter().all(|share| *share > 0.0 && share.is_finite());
    let df = counts.len() as f64 - 1.0 - f64::from(fitted);
    let total: u64 = counts.iter().sum();
    if !usable || df < 1.0 || total == 0 {
        return None;
    }
    let whole = shares.iter().copied().collect::<CompensatedSum>().total();
    let term = |(&count, share): (&u64, &f64)| {
        let expected = total as f64 * (share / whole);
        (count as f64 - expected) * (count as f64 - expected) / expected
    };
    let statistic = counts.iter().zip(shares).map(term).collect::<CompensatedSum>().total();
    let p_value = chi_square_tail(statistic, df)?;
    statistic.is_finite().then_some(TestResult { statistic, p_value })
}

/// P(D ≥ d) of the two-sided one-sample statistic of n samples.
fn kolmogorov_tail(n: u64, d: f64) -> f64 {
    let size = n as f64;
    if size * d <= 0.5 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    // Both sides at once are impossible for d ≥ 1/2, and where n d² ≥ 4 rarer than 1e-10 of either side.
    if n <= TAIL_SAMPLES && (d >= 0.5 || size * d * d >= 4.0) {
        return (2.0 * one_sided_tail(n, d)).min(1.0);
    }
    if n <= EXACT_SAMPLES {
        return (1.0 - matrix_cdf(n, d)).clamp(0.0, 1.0);
    }
    let root = size.sqrt();
    limit_tail(root * d + 1.0 / (6.0 * root) + (root * d - 1.0) / (4.0 * size))
}

/// P(D⁺ ≥ d) = d Σ_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j) (Birnbaum and Tingey 1951), each term as a binomial
/// probability by Loader's expansion.
fn one_sided_tail(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let mut sum = CompensatedSum::default();
    sum.add(maths::exp(size * maths::ln_1p(-d)));
    for j in 1..n {
        let successes = j as f64;
        let failures = size - successes;
        let (hit, miss) = (d + successes / size, 1.0 - d - successes / size);
        if miss <= 0.0 {
            break;
        }
        let stirling = stirling_error(size) - stirling_error(successes) - stirling_error(failures);
        let exponent = stirling - deviance(successes, size * hit) - deviance(failures, size * miss);
        let front = (size / (std::f64::consts::TAU * successes * failures)).sqrt();
        sum.add(d / hit * front * maths::exp(exponent));
    }
    sum.total()
}

/// P(D < d) for n up to [`EXACT_SAMPLES`]: n!/n^n times the middle element of the n-th power of a matrix of 2 ⌊n d⌋ + 1
/// rows (Durbin 1973; Marsaglia, Tsang and Wang 2003). No element of the power exceeds n^n/n!, about e^n.
fn matrix_cdf(n: u64, d: f64) -> f64 {
    let k = (n as f64 * d) as usize + 1;
    let h = k as f64 - n as f64 * d;
    let rows = 2 * k - 1;
    let power_of_h = |count: usize| (0..count).fold(1.0, |product, _| product * h);
    let mut matrix = vec![0.0; rows * rows];
    for i in 0..rows {
        for j in 0..rows.min(i + 2) {
            let mut value = 1.0;
            if j == 0 {
                value -= power_of_h(i + 1);
            }
            if i == rows - 1 {
                value -= power_of_h(rows - j);
            }
            if i == rows - 1 && j == 0 && h > 0.5 {
                value += (0..rows).fold(1.0, |product, _| product * (2.0 * h - 1.0));
            }
            matrix[i * rows + j] = (1..=i + 1 - j).fold(value, |value, factor| value / factor as f64);
        }
    }
    let mut power: Option<Vec<f64>> = None;
    let mut left = n;
    while left > 0 {
        if left % 2 == 1 {
            power = Some(power.map_or_else(|| matrix.clone(), |power| product(&power, &matrix, rows)));
        }
        left /= 2;
        if left > 0 {
            matrix = product(&matrix, &matrix, rows);
        }
    }
    let middle = power.map_or(0.0, |power| power[(k - 1) * rows + k - 1]);
    (1..=n).fold(middle, |value, i| value * (i as f64 / n as f64))
}

fn product(a: &[f64], b: &[f64], rows: usize) -> Vec<f64> {
    let mut out = vec![0.0; rows * rows];
    for i in 0..rows {
        for l in 0..rows {
            let factor = a[i * rows + l];
            for j in 0..rows {
                out[i * rows + j] += factor * b[l * rows + j];
            }
        }
    }
    out
}

/// The limit of P(√n D ≥ x) for large n (Kolmogorov 1933), by the series that converges faster.
fn limit_tail(x: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if x < 1.18 {
        let term = |k: u32| {
            let odd = f64::from(2 * k - 1) * PI / x;
            maths::exp(-odd * odd / 8.0)
        };
        return (1.0 - TAU.sqrt() / x * (1..=5).map(term).sum::<f64>()).clamp(0.0, 1.0);
    }
    let term = |k: u32| if k % 2 == 1 { 1.0 } else { -1.0 } * maths::exp(-2.0 * f64::from(k * k) * x * x);
    (2.0 * (1..=6).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// P(n m D ≥ `widest`) of two samples: the share of lattice paths from (0, 0) to (n, m) that come as far from the diagonal
/// (Hodges 1957). A path reaches (i, j) over (i - 1, j) with probability i / (i + j), so shares of paths need no large
/// counts, and adding up those that got there keeps the digits of small p-values.
fn smirnov_two_tail(n: u64, m: u64, widest: u64) -> f64 {
    if widest == 0 {
        return 1.0;
    }
    let mut row = vec![0.0_f64; m as usize + 1];
    for i in 0..=n {
        for j in 0..=m {
            let here = j as usize;
            row[here] = if (i * m).abs_diff(j * n) >= widest {
                1.0
            } else if i + j == 0 {
                0.0
            } else {
                let over_i = if i > 0 { i as f64 * row[here] } else { 0.0 };
                let over_j = if j > 0 { j as f64 * row[here - 1] } else { 0.0 };
                (over_i + over_j) / (i + j) as f64
            };
        }
    }
    row[m as usize].min(1.0)
}
