//! Against SciPy 1.17.1, and mpmath 1.3 with 40 digits where SciPy itself is off; the call stands beside each value.

use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

#[track_caller]
fn close(ours: Option<f64>, reference: f64, max_relative: f64) {
    assert_relative_eq!(ours.expect("a value"), reference, max_relative = max_relative);
}

#[track_caller]
fn bounds(estimate: Option<Estimate>, low: f64, high: f64) {
    let estimate = estimate.expect("an estimate");
    close(estimate.low, low, 1e-12);
    close(estimate.high, high, 1e-12);
}

#[test]
fn normal_distribution_agrees_with_scipy() {
    // scipy.stats.norm.ppf(p)
    for (p, z) in [
        (0.6, 0.2533471031357997),
        (0.075, -1.4395314709384563),
        (0.975, 1.959963984540054),
        (0.9995, 3.2905267314919255),
        (1e-3, -3.090232306167813),
        (1e-8, -5.612001244174789),
        (1e-12, -7.034483825301131),
        (1e-20, -9.262340089798409),
        (1e-100, -21.273453560965322),
        (1.0 - 1e-9, 5.997807019601637),
    ] {
        close(normal_quantile(p), z, 1e-15);
    }
    assert_eq!(normal_quantile(0.5), Some(0.0));
    // mpmath.ncdf(z)
    for (z, p) in [
        (-8.0, 6.220960574271784e-16),
        (-1.96, 0.024997895148220435),
        (0.0, 0.5),
        (0.3, 0.6179114221889527),
        (5.0, 0.9999997133484281),
    ] {
        close(normal_cdf(z), p, 1e-14);
    }
}

#[test]
fn student_t_quantile_agrees_with_scipy() {
    // scipy.stats.t.ppf(p, df)
    for (p, df, t) in [
        (0.975, 7.0, 2.364624251592784),
        (0.025, 7.0, -2.364624251592784),
        (0.975, 1.0, 12.706204736174694),
        (0.975, 2.0, 4.302652729749462),
        (0.6, 3.0, 0.2766706623326898),
        (0.9995, 4.0, 8.610301581379522),
        (0.999995, 29.0, 5.334970094942929),
        (0.975, 199.0, 1.9719565442517533),
        (0.975, 99_999.0, 1.9599877077718442),
        (0.99, 1e7, 2.3263482469483225),
        (0.9995, 0.5, 411_396.462526262),
    ] {
        close(student_t_quantile(p, df), t, 1e-13);
    }
    // Here SciPy has 10 digits; mpmath: the root of betainc(2.5, 0.5, 0, 5 / (5 + t²), regularized=True) / 2 = 1 -
    // 0.5000001.
    close(student_t_quantile(0.5000001, 5.0), 2.634305522753727e-7, 1e-13);
}

#[test]
fn student_t_cdf_agrees_with_mpmath() {
    // mpmath.betainc(df/2, 1/2, 0, df / (df + t²), regularized=True) / 2, or its complement for t > 0
    for (t, df, p) in [
        (2.0, 7.0, 0.957190335718512),
        (-3.5, 2.0, 0.036413675027234665),
        (0.01, 10.0, 0.5038910125045143),
        (-12.0, 30.0, 2.790092707599628e-13),
        (1.0, 1.0, 0.75),
        (-2.0, 1e6, 0.022750266925659603),
    ] {
        close(student_t_cdf(t, df), p, 1e-13);
    }
    assert_eq!(student_t_cdf(f64::INFINITY, 3.0), Some(1.0));
}

#[test]
fn beta_distribution_agrees_with_scipy() {
    // scipy.stats.beta.ppf(p, a, b)
    for (p, a, b, x) in [
        (0.025, 8.0, 3.0, 0.4439045376923585),
        (0.025, 970.0, 31.0, 0.9574485975299709),
        (0.0005, 1.0, 1000.0, 5.001249166197902e-7),
        (0.025, 123_456.0, 876_545.0, 0.12281184162962973),
        (1e-6, 50.0, 5e6, 4.650099474331088e-6),
        (0.3, 0.5, 0.5, 0.2061073738537634),
        (0.975, 2.0, 5.0, 0.6412345789976748),
        (1e-5, 0.5, 12.0, 6.682728609632804e-12),
    ] {
        close(beta_quantile(p, a, b), x, 1e-12);
    }
    // mpmath.betainc(a, b, 0, x, regularized=True); for a = b = 1e5 scipy.stats.beta.cdf(x, a, b)
    for (x, a, b, p) in [
        (0.2, 3.0, 9.0, 0.3825984512),
        (0.001, 0.5, 100.0, 0.34495648367557025),
        (0.5, 1000.0, 1000.0, 0.5),
        (0.49, 1e5, 1e5, 1.8571347290406343e-19),
        (0.999, 400.0, 2.0, 0.9382602684094364),
    ] {
        close(beta_cdf(x, a, b), p, 1e-12);
    }
}

#[test]
fn binomial_distribution_agrees_with_scipy() {
    // scipy.stats.binom.cdf(k, n, p); the third by mpmath
    for (k, n, p, below) in [
        (3, 10, 0.5, 0.171875),
        (0, 1000, 0.001, 0.36769542477096406),
        (940, 1000, 0.95, 0.08673217838486201),
        (499_000, 1_000_000, 0.5, 0.0228041499326948),
        (10, 1_000_000, 0.0001, 1.133083781309057e-30),
    ] {
        close(binomial_cdf(k, n, p), below, 1e-12);
    }
}

#[test]
fn proportion_intervals_agree_with_scipy() {
    let p99_9 = Confidence::P99_9;
    // scipy.stats.binomtest(k, n).proportion_ci(level, 'exact')
    bounds(clopper_pearson(970, 1000, Confidence::P95), 0.9574485975299709, 0.9796695143168853);
    bounds(clopper_pearson(0, 50, Confidence::P95), 0.0, 0.07112173646420458);
    bounds(clopper_pearson(50, 50, Confidence::P95), 0.9288782635357954, 1.0);
    bounds(clopper_pearson(123_456, 1_000_000, p99_9), 0.12237589525913865, 0.12454179558467944);
    // Here SciPy's root has 11 digits; in closed form the lower bound is 1 - 0.995^(1/8), by mpmath.
    bounds(clopper_pearson(1, 8, Confidence::P99), 0.0006263714753748341, 0.6315171396407617);
    // scipy.stats.binomtest(k, n).proportion_ci(level, 'wilson')
    bounds(wilson(970, 1000, Confidence::P95), 0.9574965858524128, 0.9789062611711653);
    bounds(wilson(0, 50, Confidence::P95), 0.0, 0.07134759913335872);
    bounds(wilson(50, 50, Confidence::P95), 0.9286524008666412, 1.0);
    bounds(wilson(1, 8, Confidence::P99), 0.01484989140082793, 0.5751711272935356);
    bounds(wilson(123_456, 1_000_000, p99_9), 0.12237762384725606, 0.12454253017460803);
}

#[test]
fn mean_interval_agrees_with_scipy() {
    let samples = [0.35, 0.41, 0.29, 0.38, 0.44, 0.31, 0.37];
    // numpy.mean(a), numpy.var(a, ddof=1)
    close(mean(&samples), 0.3642857142857143, 1e-15);
    close(variance(&samples), 0.0027952380952380954, 1e-14);
    // scipy.stats.t.interval(0.95, 6, loc=numpy.mean(a), scale=scipy.stats.sem(a))
    let estimate = mean_interval(&samples, Confidence::P95);
    bounds(estimate, 0.315389109118094, 0.41318231945333467);
    assert_eq!(estimate.map(|e| (e.n, e.exact)), Some((7, false)));
}

#[test]
fn variance_keeps_its_digits_far_from_zero() {
    // Deviations -6, -3, 3, 6 from 1e9 + 10: squares add up to 90, divided by 3.
    assert_eq!(variance(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]), Some(30.0));
    // 1e16 swallows each 1 in a plain sum; the true mean is 2/4.
    assert_eq!(mean(&[1e16, 1.0, 1.0, -1e16]), Some(0.5));
}

#[test]
fn a_paired_difference_is_free_of_the_noise_both_share() {
    // Differences 1, 2, 3: mean 2, standard error 1/√3; scipy.stats.t.ppf(0.975, 2) / sqrt(3) = 2.484137710...
    // Mean ∓ that: scipy.stats.t.interval(0.95, 2, loc=2, scale=1/numpy.sqrt(3)).
    let estimate = paired_difference_interval(&[101.0, 12.0, 1003.0], &[100.0, 10.0, 1000.0], Confidence::P95)
        .expect("three pairs");
    assert_eq!(estimate.value, 2.0);
    close(estimate.high.map(|high| high - 2.0), 4.302652729749462 / 3.0_f64.sqrt(), 1e-13);
    assert_eq!(paired_difference_interval(&[1.0], &[1.0, 2.0], Confidence::P95), None);
}

#[test]
fn a_sample_without_spread_is_exact_and_a_single_one_unbounded() {
    let exact = mean_interval(&[0.1; 3], Confidence::P95).expect("three samples");
    assert_eq!((exact.value, exact.low, exact.high, exact.exact), (0.1, Some(0.1), Some(0.1), true));
    assert!(exact.contains(0.1 + 1e-16) && !exact.contains(0.1 + 1e-9));
    let single = mean_interval(&[0.1], Confidence::P95).expect("one sample");
    assert_eq!((single.value, single.low, single.high, single.exact), (0.1, None, None, false));
    let same = SortedSamples::new(vec![4.0; 9]).and_then(|s| s.quantile_interval(0.99, Confidence::P95));
    assert!(same.is_some_and(|e| e.exact && e.high == Some(4.0)));
}

#[test]
fn without_samples_there_is_no_answer() {
    assert_eq!(mean(&[]), None);
    assert_eq!(variance(&[1.0]), None);
    assert_eq!(mean_interval(&[], Confidence::P95), None);
    assert_eq!(mean_interval(&[1.0, f64::NAN], Confidence::P95), None);
    assert_eq!(clopper_pearson(0, 0, Confidence::P95), None);
    assert_eq!(clopper_pearson(3, 2, Confidence::P95), None);
    assert_eq!(wilson(0, 0, Confidence::P95), None);
    assert_eq!(SortedSamples::new(vec![]), None);
    assert_eq!(SortedSamples::new(vec![f64::INFINITY]), None);
    assert_eq!(mean(&[f64::MAX, f64::MAX]), None);
}

#[test]
fn a_quantile_is_the_order_statistic_of_rank_n_q_rounded_up() {
    let samples = SortedSamples::new((1..=100).rev().map(f64::from).collect()).expect("samples");
    // numpy.quantile(numpy.arange(1, 101), q, method='inverted_cdf')
    for (q, value) in [(0.0, 1.0), (0.001, 1.0), (0.5, 50.0), (0.501, 51.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
        assert_eq!(samples.quantile(q), Some(value), "q = {q}");
    }
    // By hand: 100 × 0.07 = 7, although in binary the product is 7.000000000000001 (and NumPy says 8).
    assert_eq!(samples.quantile(0.07), Some(7.0));
    assert_eq!(samples.quantile(1.1), None);
}

/// Ranks by search over scipy.stats.binom(n, q): the greatest r with cdf(r - 1) <= alpha / 2 and the least s with
/// sf(s - 1) <= alpha / 2.
#[test]
fn quantile_intervals_take_the_ranks_of_the_binomial_distribution() {
    let ranks = |n: u32, q, confidence| {
        let samples = SortedSamples::new((1..=n).map(f64::from).collect()).expect("samples");
        let estimate = samples.quantile_interval(q, confidence).expect("an interval");
        (estimate.low, estimate.high)
    };
    assert_eq!(ranks(100, 0.5, Confidence::P95), (Some(40.0), Some(61.0)));
    assert_eq!(ranks(1000, 0.95, Confidence::P95), (Some(936.0), Some(964.0)));
    assert_eq!(ranks(1000, 0.99, Confidence::P99_9), (Some(978.0), Some(999.0)));
    assert_eq!(ranks(1_000_000, 0.99, Confidence::P95), (Some(989_805.0), Some(990_196.0)));
    // The maximum bounds the 99th percentile from above once 0.99^n <= 0.025: n >= 367.04.
    assert_eq!(ranks(367, 0.99, Confidence::P95).1, None);
    assert_eq!(ranks(368, 0.99, Confidence::P95).1, Some(368.0));
}

#[test]
fn shared_confidence_divides_the_error_probability() {
    let each = Confidence::from_level(0.999).and_then(|c| c.shared_by(24)).expect("points");
    assert_relative_eq!(each.alpha(), 0.001 / 24.0, max_relative = 1e-14);
    assert_eq!(Confidence::from_level(0.95), Some(Confidence::P95));
    assert_eq!(Confidence::P95.shared_by(0), None);
    for level in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(Confidence::from_level(level), None);
    }
}

proptest! {
    #[test]
    fn beta_quantile_inverts_the_distribution_function(a in 0.5..1e5_f64, b in 0.5..1e5_f64, p in 1e-6..0.999_f64) {
        let x = beta_quantile(p, a, b).expect("in range");
        // Where x is close to 1 its own rounding costs (a + b) ulps of 1.
        assert_relative_eq!(beta_cdf(x, a, b).expect("in range"), p, max_relative = 1e-9);
    }

    #[test]
    fn student_t_quantile_inverts_the_distribution_function(df in 0.5..1e6_f64, p in 1e-9..0.5_f64) {
        let t = student_t_quantile(p, df).expect("in range");
        assert_relative_eq!(student_t_cdf(t, df).expect("in range"), p, max_relative = 1e-11);
    }

    #[test]
    fn clopper_pearson_bounds_have_their_tail_probability(n in 1_u64..5_000, share in 0.0..=1.0_f64) {
        let k = (n as f64 * share) as u64;
        let e = clopper_pearson(k, n, Confidence::P99).expect("trials");
        let (low, high) = (e.low.expect("bounded"), e.high.expect("bounded"));
        prop_assert!(low <= e.value && e.value <= high);
        // At the upper bound, k or fewer successes are just as unlikely as α / 2.
        if k < n {
            assert_relative_eq!(binomial_cdf(k, n, high).expect("in range"), 0.005, max_relative = 1e-9);
        }
    }

    #[test]
    fn nothing_that_is_not_finite_comes_out(
        samples in proptest::collection::vec(any::<f64>(), 0..6),
        [x, y, z] in [any::<f64>(), any::<f64>(), any::<f64>()],
        p in 0.0..1.0_f64,
    ) {
        let finite = |v: Option<f64>| v.is_none_or(f64::is_finite);
        let bounded = |e: Option<Estimate>| e.is_none_or(|e| finite(Some(e.value)) && finite(e.low) && finite(e.high));
        prop_assert!(finite(mean(&samples)) && finite(variance(&samples)));
        prop_assert!(bounded(mean_interval(&samples, Confidence::P99)));
        prop_assert!(finite(normal_cdf(x)) && finite(normal_quantile(p)) && finite(normal_quantile(x)));
        prop_assert!(finite(student_t_cdf(x, y)) && finite(student_t_quantile(p, y.abs())));
        prop_assert!(finite(beta_cdf(p, x.abs(), y.abs())) && finite(beta_quantile(p, y.abs(), z.abs())));
        if let Some(sorted) = SortedSamples::new(samples) {
            prop_assert!(finite(sorted.quantile(p)) && bounded(sorted.quantile_interval(p, Confidence::P95)));
        }
    }
}
