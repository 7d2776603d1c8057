//! Sequences, weights, tests of fit and their distributions against SciPy 1.17.1 and NumPy 2.4.6; the call stands beside
//! each value.

use approx::{assert_abs_diff_eq, assert_relative_eq};
use proptest::prelude::*;
use protosim_core::{SimTime, maths};

use super::*;

#[track_caller]
fn close(ours: Option<f64>, reference: f64, max_relative: f64) {
    assert_relative_eq!(ours.expect("a value"), reference, max_relative = max_relative);
}

#[track_caller]
fn says(ours: Option<TestResult>, statistic: f64, p_value: f64) {
    let ours = ours.expect("a result");
    assert_relative_eq!(ours.statistic, statistic, max_relative = 1e-13);
    assert_relative_eq!(ours.p_value, p_value, max_relative = 1e-11);
}

fn sorted(samples: &[f64]) -> SortedSamples {
    SortedSamples::new(samples.to_vec()).expect("samples")
}

#[test]
fn chi_square_distribution_agrees_with_scipy() {
    // scipy.stats.chi2.cdf(x, df), scipy.stats.chi2.sf(x, df)
    for (x, df, below, above) in [
        (3.0, 2.0, 0.7768698398515702, 0.22313016014842982),
        (0.5, 1.0, 0.5204998778130466, 0.47950012218695337),
        (11.07, 5.0, 0.9499903813775946, 0.050009618622405425),
        (80.0, 100.0, 0.07033506665939494, 0.9296649333406051),
        (30.0, 0.5, 0.9999999894288399, 1.0571160092571009e-8),
        (1e6, 1e6, 0.5001880631966055, 0.4998119368033945),
        (200.0, 10.0, 1.0, 1.6139305336977317e-37),
    ] {
        close(chi_square_cdf(x, df), below, 1e-12);
        close(chi_square_tail(x, df), above, 1e-12);
    }
    // mpmath.gammainc(500, 700, regularized=True); scipy.stats.chi2.cdf(1e-5, 7)
    close(chi_square_tail(1400.0, 1000.0), 7.032145641828589e-16, 1e-12);
    close(chi_square_cdf(1e-5, 7.0), 2.4029740093887463e-20, 1e-12);
    // scipy.stats.chi2.ppf(p, df)
    for (p, df, x) in [
        (0.95, 1.0, 3.841458820694124),
        (0.05, 10.0, 3.9402991361190605),
        (0.975, 30.0, 46.97924224367115),
        (0.5, 0.5, 0.0873476047057468),
        (0.999, 1e5, 101387.69553252945),
        (1e-10, 4.0, 2.828440458165948e-5),
        (1e-3, 0.1, 1.1689264114573264e-60),
    ] {
        close(chi_square_quantile(p, df), x, 1e-12);
    }
    assert_eq!((chi_square_cdf(-1.0, 3.0), chi_square_tail(-1.0, 3.0)), (Some(0.0), Some(1.0)));
    assert_eq!(
        (chi_square_cdf(1.0, 0.0), chi_square_quantile(1.0, 3.0), chi_square_cdf(f64::NAN, 1.0)),
        (None, None, None)
    );
}

#[test]
fn f_and_poisson_distributions_agree_with_scipy() {
    // scipy.stats.f.cdf(x, df1, df2), scipy.stats.f.sf(x, df1, df2)
    for (x, df1, df2, below, above) in [
        (2.0, 3.0, 10.0, 0.8219925926248245, 0.17800740737517542),
        (0.2, 5.0, 5.0, 0.05096973941492917, 0.9490302605850707),
        (5.0, 1.0, 30.0, 0.9670636940743622, 0.03293630592563783),
        (1.0, 1000.0, 2000.0, 0.5024281324319492, 0.49757186756805083),
    ] {
        close(f_cdf(x, df1, df2), below, 1e-12);
        close(f_tail(x, df1, df2), above, 1e-12);
    }
    // scipy.stats.f.ppf(p, df1, df2)
    for (p, df1, df2, x) in [
        (0.95, 3.0, 10.0, 3.7082648190468435),
        (0.05, 3.0, 10.0, 0.11382359425864678),
        (0.999, 12.0, 4.0, 47.4118041715589),
        (0.5, 100.0, 200.0, 0.9966621877712015),
    ] {
        close(f_quantile(p, df1, df2), x, 1e-12);
    }
    // scipy.stats.poisson.cdf(k, mean)
    for (k, mean, p) in [
        (0, 0.5, 0.6065306597126334),
        (5, 3.2, 0.8945918945308227),
        (100, 80.0, 0.9868311451240662),
        (10, 60.0, 1.744235654642229e-15),
    ] {
        close(poisson_cdf(k, mean), p, 1e-12);
    }
}

#[test]
fn welch_agrees_with_scipy() {
    let a = [0.35, 0.41, 0.29, 0.38, 0.44, 0.31, 0.37];
    let b = [0.5, 0.47, 0.61, 0.39, 0.52];
    // r = scipy.stats.ttest_ind(b, a, equal_var=False); r.statistic, r.pvalue
    says(welch_test(&b, &a), 3.2687999533212797, 0.015291841646530153);
    // r.confidence_interval(0.95); numpy.mean(b) - numpy.mean(a)
    let interval = welch_difference_interval(&b, &a, Confidence::P95).expect("an interval");
    close(interval.low, 0.03537800087424452, 1e-12);
    close(interval.high, 0.23205057055432693, 1e-12);
    close(Some(interval.value), 0.13371428571428573, 1e-14);
    assert_eq!((interval.n, interval.exact), (12, false));
    // Nothing varies: exact, without a test.
    let exact = welch_difference_interval(&[0.3; 4], &[0.1; 2], Confidence::P95).expect("an interval");
    assert_eq!((exact.exact, exact.low), (true, Some(exact.value)));
    assert_eq!(welch_test(&[0.3; 4], &[0.1; 2]), None);
    let single = welch_difference_interval(&[1.0], &[1.0, 2.0], Confidence::P95).expect("a value");
    assert_eq!((single.value, single.low, single.exact), (-0.5, None, false));
}

#[test]
fn quantile_methods_are_those_of_numpy() {
    let samples = sorted(&[15.0, 20.0, 35.0, 40.0, 50.0, 57.0, 91.0]);
    // [numpy.quantile(s, q, method=m) for m in ('inverted_cdf', 'linear', 'median_unbiased')]
    for (q, inverted, linear, unbiased) in [
        (0.0, 15.0, 15.0, 15.0),
        (0.05, 15.0, 16.5, 15.0),
        (0.25, 20.0, 27.5, 22.499999999999996),
        (0.4, 35.0, 37.0, 36.333333333333336),
        (0.5, 40.0, 40.0, 40.0),
        (0.9, 91.0, 70.60000000000001, 88.73333333333335),
        (0.99, 91.0, 88.95999999999998, 91.0),
        (1.0, 91.0, 91.0, 91.0),
    ] {
        close(samples.quantile_by(QuantileMethod::InvertedCdf, q), inverted, 0.0);
        close(samples.quantile_by(QuantileMethod::Linear, q), linear, 1e-14);
        close(samples.quantile_by(QuantileMethod::MedianUnbiased, q), unbiased, 1e-14);
    }
    assert_eq!(samples.quantile_by(QuantileMethod::Linear, -0.1), None);
}

/// By hand: the shares of four samples of which two are equal.
#[test]
fn the_empirical_distribution_steps_at_each_distinct_value() {
    let samples = sorted(&[2.0, 1.0, 2.0, 4.0]);
    assert_eq!(samples.cdf(), [(1.0, 0.25), (2.0, 0.75), (4.0, 1.0)]);
    for (x, share) in [(0.9, 0.0), (1.0, 0.25), (3.0, 0.75), (4.0, 1.0), (f64::NAN, 0.0)] {
        assert_eq!(samples.share_up_to(x), share, "{x}");
    }
}

#[test]
fn weighted_quantiles_agree_with_numpy() {
    let weighted =
        WeightedSamples::new(vec![(3.0, 2.0), (1.0, 1.0), (9.0, 0.0), (2.0, 4.0), (5.0, 0.5)]).expect("weights");
    // numpy.quantile([3, 1, 2, 5], q, method='inverted_cdf', weights=[2, 1, 4, 0.5])
    for (q, x) in [(0.0, 1.0), (0.1, 1.0), (0.2, 2.0), (0.6, 2.0), (0.95, 5.0), (1.0, 5.0)] {
        assert_eq!(weighted.quantile(q), Some(x), "{q}");
    }
    // numpy.average([3, 1, 2, 5], weights=[2, 1, 4, 0.5])
    close(Some(weighted.mean()), 2.3333333333333335, 1e-15);
    assert_eq!((weighted.share_up_to(2.5), weighted.total_weight()), (5.0 / 7.5, 7.5));
    assert_eq!(WeightedSamples::new(vec![(1.0, 0.0)]), None);
    assert_eq!(WeightedSamples::new(vec![(1.0, -1.0), (1.0, 2.0)]), None);
}

/// By hand: 0 for 10 ms, 4 for 30 ms, 1 for 0 ms, 2 for 60 ms: (0 + 120 + 120) / 100 = 2.4.
#[test]
fn a_step_function_counts_each_value_for_as_long_as_it_is_held() {
    let at = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
    let changes = [(at(5), 0.0), (at(15), 4.0), (at(45), 1.0), (at(45), 2.0)];
    let queue = WeightedSamples::of_steps(&changes, at(105)).expect("steps");
    assert_eq!((queue.mean(), queue.total_weight()), (2.4, 1e8));
    assert_eq!((queue.quantile(0.7), queue.quantile(0.71), queue.quantile(0.1)), (Some(2.0), Some(4.0), Some(0.0)));
    assert_eq!(queue.cdf(), [(0.0, 0.1), (2.0, 0.7), (4.0, 1.0)]);
    assert_eq!(WeightedSamples::of_steps(&changes, at(44)), None);
    assert_eq!(WeightedSamples::of_steps(&changes[..1], at(5)), None);
    assert_eq!(WeightedSamples::of_steps(&[], at(5)), None);
}

/// Jain, Chiu and Hawe 1984: k of n users that share equally, while the others get nothing, make k/n.
#[test]
fn jain_fairness_is_the_share_of_users_that_share() {
    assert_eq!(jain_fairness(&[7.0, 7.0, 0.0, 0.0, 0.0]), Some(0.4));
    assert_eq!(jain_fairness(&[1e200; 3]), Some(1.0));
    // By hand: (1 + 2 + 3)² / (3 (1 + 4 + 9)) = 36/42.
    close(jain_fairness(&[1.0, 2.0, 3.0]), 36.0 / 42.0, 1e-15);
    for refused in [&[][..], &[0.0, 0.0], &[-1.0, 2.0], &[f64::NAN]] {
        assert_eq!(jain_fairness(refused), None);
    }
}

#[test]
fn autocorrelation_agrees_with_numpy() {
    let x = [2.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0, 7.0, 9.0, 6.0];
    // d = x - x.mean(); [numpy.sum(d[:10 - k] * d[k:]) / numpy.sum(d * d) for k in range(4)]
    let lags = autocorrelation(&x, 3).expect("lags");
    for (ours, reference) in lags.iter().zip([1.0, 0.41292517006802715, 0.42675736961451244, 0.03015873015873014]) {
        assert_abs_diff_eq!(*ours, reference, epsilon = 1e-15);
    }
    // (1 - numpy.sum(numpy.diff(x)**2) / (2 * numpy.sum(d * d))) * numpy.sqrt((10 * 10 - 1) / (10 - 2))
    close(von_neumann_score(&x), 2.0022012852307496, 1e-14);
    assert_eq!(
        (autocorrelation(&x, 10), autocorrelation(&[1.0; 5], 2), von_neumann_score(&x[..7])),
        (None, None, None)
    );
}

/// A sequence that is the same in Python: s = 12345; s = (s * 1103515245 + 12345) % 2**31; u = (s >> 16) / 32768; then
/// v = decay * v + u - 0.5.
fn sequence(n: usize, decay: f64) -> Vec<f64> {
    let (mut state, mut value) = (12_345_u64, 0.0);
    let mut next = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        value = decay * value + ((state >> 16) as f64 / 32_768.0 - 0.5);
        value
    };
    (0..n).map(|_| next()).collect()
}

/// k batches of x: m = x[1007 - k * b:].reshape(k, b).mean(axis=1); scipy.stats.t.interval(0.95, k - 1, loc=m.mean(),
/// scale=scipy.stats.sem(m)); the score as above.
#[test]
fn batch_means_take_as_many_batches_as_are_independent() {
    let of = |decay| batch_means(&sequence(1007, decay), Confidence::P95).expect("batches");
    let expect = |ours: BatchMeans, batches, batch_size, score, [low, high]: [f64; 2]| {
        assert_eq!((ours.estimate.n, ours.batch_size), (batches, batch_size));
        assert_relative_eq!(ours.score, score, max_relative = 1e-10);
        close(ours.estimate.low, low, 1e-11);
        close(ours.estimate.high, high, 1e-11);
    };
    let short = of(0.9375);
    expect(short, 40, 25, 1.0650273170875344, [-0.2269966314410189, 0.11359965758314522]);
    // At 40 and 30 batches the scores are 2.50 and 1.82, above 1.28.
    let longer = of(0.96875);
    expect(longer, 20, 50, 0.655566827051835, [-0.4283631039291891, 0.18159517913699777]);
    let too_long = of(0.984375);
    expect(too_long, 20, 50, 1.6849182894091161, [-0.6596004968618574, 0.18497942687007782]);
    assert!(short.independent && longer.independent && !too_long.independent);
}

#[test]
fn batch_means_of_what_does_not_vary_are_exact() {
    let exact = batch_means(&[0.1; 1000], Confidence::P95).expect("batches");
    assert!(exact.estimate.exact && exact.independent && exact.estimate.value == 0.1);
    assert_eq!(batch_means(&[0.1; 79], Confidence::P95), None);
    assert_eq!(batch_means(&[f64::NAN; 100], Confidence::P95), None);
}

/// Ten batches of five equal samples each: 8, 2, 0, 2, 0, 2, 0, 2, 0, 2.
///
/// By hand, with S the squares about the mean of the k batches left: without a cut S = 84 - 18² / 10 = 51.6, over 100: 0.516.
/// Behind one batch S = 20 - 10² / 9 = 80 / 9, over 81: 0.1097. Behind two S = 16 - 8² / 8 = 8, over 64: 0.125. Behind three
/// S = 16 - 8² / 7 = 48 / 7, over 49: 0.1399. Behind four S = 12 - 6² / 6 = 6, over 36: 0.1667. Behind five S = 12 - 6² / 5 = 4.8,
/// over 25: 0.192. So one batch is cut.
#[test]
fn mser_5_takes_the_cut_with_the_least_marginal_error() {
    let batches = [8.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0];
    let mut samples: Vec<f64> = batches.iter().flat_map(|z| [z - 1.0, *z, z + 1.0, z + 0.5, z - 0.5]).collect();
    let cut = mser5(&samples).expect("a cut");
    assert_eq!((cut.samples, cut.is_decided), (5, true));
    assert_relative_eq!(cut.mean, 10.0 / 9.0, max_relative = 1e-15);
    assert_relative_eq!(cut.standard_error, (80.0_f64 / 729.0).sqrt(), max_relative = 1e-15);
    // A last batch that is not whole does not count.
    samples.extend([1e6; 4]);
    assert_eq!(mser5(&samples), Some(cut));
}

/// The marginal error of k successive whole numbers is (k² - 1) / 12k, which rises in k: the fewest batches are left.
#[test]
fn mser_5_does_not_decide_where_a_sequence_does_not_settle() {
    let rising: Vec<f64> = (0..20_u32).flat_map(|z| [f64::from(z); 5]).collect();
    let cut = mser5(&rising).expect("a cut");
    assert_eq!((cut.samples, cut.is_decided, cut.mean), (75, false, 17.0));
    assert_relative_eq!(cut.standard_error, (24.0_f64 / 60.0).sqrt(), max_relative = 1e-15);
}

/// Without spread all cuts are equal, and the earliest is none. A step is cut off where it lies; at one half it still is.
#[test]
fn mser_5_keeps_the_most_of_what_does_not_vary() {
    let none = WarmUp { samples: 0, mean: 0.1, standard_error: 0.0, is_decided: true };
    assert_eq!(mser5(&[0.1; 1000]), Some(none));
    for (high, decided) in [(25, true), (50, true), (55, false)] {
        let step: Vec<f64> = (0..100).map(|k| if k < high { 3.7 } else { 0.1 }).collect();
        let cut = WarmUp { samples: high, is_decided: decided, ..none };
        assert_eq!(mser5(&step), Some(cut));
    }
    assert_eq!(
        (mser5(&[0.1; 49]), mser5(&[f64::NAN; 100]), mser5(&[1e300; 100]).map(|cut| cut.samples)),
        (None, None, Some(0))
    );
    assert!(mser5(&[0.1; 50]).is_some());
    let mut open = [1.0; 52];
    open[51] = f64::INFINITY;
    assert_eq!(mser5(&open), None);
}

/// Another implementation: kim_convergence 0.1.0, mser_m(x, batch_size=5) gives the cut and whether it lies in the first half;
/// x = sequence + start * decay^i. Error and mean behind the cut are NumPy's: z = x[:n // 5 * 5].reshape(-1, 5).mean(axis=1),
/// z[d:].mean(), numpy.sqrt(((z[d:] - z[d:].mean())**2).sum()) / (m - d).
#[test]
fn mser_5_agrees_with_kim_convergence() {
    for (n, correlation, start, decay, samples, error, mean, decided) in [
        (1007, 0.5, 3.0, 0.98, 150, 0.016769162346741764, 0.0022828814745756085, true),
        (1007, 0.9375, 5.0, 0.99, 260, 0.05316601200600506, -0.07004352066924437, true),
        (503, 0.0, 1.0, 0.95, 25, 0.013910921408947494, 0.0025860294148564314, true),
        (1007, 0.96875, 2.0, 0.9, 5, 0.06261563645742386, -0.1148472057978428, true),
        (1007, 0.0, 5.0, 0.9995, 760, 0.023572716203444925, 3.2099494821774037, false),
    ] {
        let mut transient = start / decay;
        let mut add = |x: f64| {
            transient *= decay;
            x + transient
        };
        let samples_of: Vec<f64> = sequence(n, correlation).into_iter().map(&mut add).collect();
        let cut = mser5(&samples_of).expect("a cut");
        assert_eq!((cut.samples, cut.is_decided), (samples, decided), "{n} {correlation} {start} {decay}");
        assert_relative_eq!(cut.standard_error, error, max_relative = 1e-10);
        assert_relative_eq!(cut.mean, mean, max_relative = 1e-9);
    }
}

#[test]
fn one_sample_kolmogorov_smirnov_agrees_with_scipy() {
    let x = [0.02, 0.11, 0.19, 0.24, 0.37, 0.44, 0.58, 0.61, 0.83, 0.97];
    let uniform = |v: f64| v.clamp(0.0, 1.0);
    // scipy.stats.kstest(x, 'uniform')
    says(kolmogorov_smirnov(&sorted(&x), uniform), 0.19000000000000006, 0.7994599807966072);
    // scipy.stats.kstest([v * v for v in x], 'uniform')
    says(kolmogorov_smirnov(&sorted(&x.map(|v| v * v)), uniform), 0.42790000000000006, 0.03533865570219752);
    // scipy.stats.kstest([0.7, 0.8, 0.9, 0.95, 0.99], 'uniform')
    says(kolmogorov_smirnov(&sorted(&[0.7, 0.8, 0.9, 0.95, 0.99]), uniform), 0.7, 0.00556);
    // scipy.stats.kstest(x, scipy.stats.expon.cdf)
    let exponential = |v: f64| -maths::exp_m1(-v);
    says(kolmogorov_smirnov(&sorted(&x), exponential), 0.37908303810339883, 0.08435089131092166);
    assert_eq!(kolmogorov_smirnov(&sorted(&x), |_| 1.5), None);
}

/// scipy.stats.kstwo.sf(d, n), asked through evenly spread samples moved by d - 1/(2n), whose statistic is d.
#[test]
fn the_kolmogorov_distribution_agrees_with_scipy() {
    let tail = |n: u32, d: f64| {
        let size = f64::from(n);
        let samples: Vec<f64> = (0..n).map(|i| (f64::from(i) + 0.5) / size).collect();
        let shift = d - 0.5 / size;
        kolmogorov_smirnov(&sorted(&samples), |x| (x - shift).clamp(0.0, 1.0)).expect("a result").p_value
    };
    for (n, d, p) in [
        (1, 0.7, 0.6000000000000001),
        (2, 0.4, 0.82),
        (10, 0.274, 0.3715203845434957),
        (50, 0.15, 0.19026366518248072),
        (100, 0.12, 0.1033037490181987),
        // Here kstwo has 6 digits; scipy.stats._ksstats._kolmogn_Pomeranz(200, 0.07, False)
        (200, 0.07, 0.2682339208880825),
        (200, 0.141, 0.0006233741320510889),
        (200, 0.15, 0.0002154191244887308),
        (1000, 0.1, 3.703687096817711e-9),
        (1_000_000, 0.0021, 0.00029508134175185787),
    ] {
        assert_relative_eq!(tail(n, d), p, max_relative = 1e-8);
    }
    // By the limit with Vrbik's correction.
    for (n, d, p) in [
        (1000, 0.03, 0.3226902143914636),
        (1000, 0.05, 0.013012074781090332),
        (100_000, 0.002, 0.8178408363081542),
        (100_000, 0.004, 0.08130148920222469),
        (5_000_000, 0.0005, 0.16402460008192765),
    ] {
        assert_abs_diff_eq!(tail(n, d), p, epsilon = 2e-5);
    }
    // The fewest samples for which the limit serves.
    assert_abs_diff_eq!(tail(201, 0.05), 0.6773352213069868, epsilon = 1e-4);
}

#[test]
fn two_sample_kolmogorov_smirnov_agrees_with_scipy() {
    let spread = |n: u32, step: f64, from: f64| sorted(&(0..n).map(|i| f64::from(i) * step + from).collect::<Vec<_>>());
    let (a, b) = ([1.1, 2.3, 2.9, 4.2, 5.5, 6.1, 7.3], [3.1, 4.8, 5.9, 6.6, 8.2, 9.0, 9.7, 11.2, 12.0]);
    // scipy.stats.ks_2samp(a, b, method='exact')
    says(Some(kolmogorov_smirnov_two(&sorted(&a), &sorted(&b))), 0.5555555555555556, 0.12674825174825174);
    // scipy.stats.ks_2samp(range(40), [x * 0.9 + 9.05 for x in range(40)], method='exact')
    says(Some(kolmogorov_smirnov_two(&spread(40, 1.0, 0.0), &spread(40, 0.9, 9.05))), 0.25, 0.16497269950224194);
    // scipy.stats.ks_2samp([1, 2, 2, 3], [2, 3, 3, 4, 5], method='exact'): equal values across the samples
    let tied = kolmogorov_smirnov_two(&sorted(&[1.0, 2.0, 2.0, 3.0]), &sorted(&[2.0, 3.0, 3.0, 4.0, 5.0]));
    says(Some(tied), 0.55, 0.4285714285714286);
    // scipy.stats.ks_2samp(numpy.arange(4000.0), numpy.arange(3000.0) * 1.3 + 60.5, method='asymp')
    let large = kolmogorov_smirnov_two(&spread(4000, 1.0, 0.0), &spread(3000, 1.3, 60.5));
    assert_relative_eq!(large.statistic, 0.015333333333333334, max_relative = 1e-13);
    assert_abs_diff_eq!(large.p_value, 0.8091697388298065, epsilon = 2e-5);
    assert_eq!(kolmogorov_smirnov_two(&sorted(&a), &sorted(&a)), TestResult { statistic: 0.0, p_value: 1.0 });
}

#[test]
fn chi_square_fit_agrees_with_scipy() {
    let counts = [16, 18, 16, 14, 12, 12];
    // scipy.stats.chisquare(counts, [16, 16, 16, 16, 16, 8])
    says(chi_square_fit(&counts, &[2.0, 2.0, 2.0, 2.0, 2.0, 1.0], 0), 3.5, 0.6233876277495822);
    // scipy.stats.chisquare(counts), with ddof=1
    says(chi_square_fit(&counts, &[1.0; 6], 0), 2.0, 0.8491450360846096);
    says(chi_square_fit(&counts, &[1.0; 6], 1), 2.0, 0.7357588823428847);
    for (counts, shares, fitted) in
        [(&[1, 2][..], &[1.0][..], 0), (&[1, 2], &[1.0, 1.0], 1), (&[1, 2], &[1.0, 0.0], 0), (&[0, 0], &[1.0, 1.0], 0)]
    {
        assert_eq!(chi_square_fit(counts, shares, fitted), None);
    }
}

proptest! {
    #[test]
    fn chi_square_quantile_inverts_the_distribution_function(df in 0.1..1e5_f64, p in 1e-9..0.999_f64) {
        let x = chi_square_quantile(p, df).expect("in range");
        assert_relative_eq!(chi_square_cdf(x, df).expect("in range"), p, max_relative = 1e-9);
        let both = chi_square_cdf(x, df).unwrap() + chi_square_tail(x, df).unwrap();
        assert_relative_eq!(both, 1.0, max_relative = 1e-12);
    }

    /// P(F ≤ x) with 1 degree of freedom above is P(|t| ≤ √x).
    #[test]
    fn f_of_one_degree_is_the_square_of_students_t(df in 0.5..1e5_f64, t in 0.01..30.0_f64) {
        let ours = f_tail(t * t, 1.0, df).expect("in range");
        assert_relative_eq!(ours, 2.0 * student_t_cdf(-t, df).expect("in range"), max_relative = 1e-9);
    }

    #[test]
    fn quantiles_rise_and_stay_within_the_samples(
        samples in prop::collection::vec(-1e6..1e6_f64, 1..50), p in 0.0..1.0_f64, q in 0.0..1.0_f64
    ) {
        let sorted = SortedSamples::new(samples.clone()).expect("samples");
        let weighted = WeightedSamples::new(samples.iter().map(|x| (*x, 1.0)).collect()).expect("weights");
        let (first, last) = (sorted.as_slice()[0], sorted.as_slice()[samples.len() - 1]);
        for method in [QuantileMethod::InvertedCdf, QuantileMethod::Linear, QuantileMethod::MedianUnbiased] {
            let at = |q| sorted.quantile_by(method, q).expect("in range");
            prop_assert!(first <= at(p) && at(p) <= last && at(p.min(q)) <= at(p.max(q)));
        }
        prop_assert_eq!(weighted.quantile(q), sorted.quantile(q));
        prop_assert!(weighted.share_up_to(sorted.quantile(q).unwrap()) >= q * (1.0 - 1e-12));
        prop_assert_eq!(weighted.cdf().len(), sorted.cdf().len());
        prop_assert_eq!(sorted.cdf().last().map(|last| last.1), Some(1.0));
        prop_assert!(sorted.cdf().windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
    }

    #[test]
    fn kolmogorov_p_values_fall_as_the_distance_grows(n in 1_u32..1500, a in 0.0..1.0_f64, b in 0.0..1.0_f64) {
        let tail = |d: f64| {
            let size = f64::from(n);
            let samples: Vec<f64> = (0..n).map(|i| (f64::from(i) + 0.5) / size).collect();
            let result = kolmogorov_smirnov(&SortedSamples::new(samples).unwrap(), |x| (x - d).clamp(0.0, 1.0));
            result.expect("a result").p_value
        };
        let (near, far) = (tail(a.min(b)), tail(a.max(b)));
        // Where one formula gives way to another the p-value may rise by their errors.
        prop_assert!((0.0..=1.0).contains(&near) && far <= near + 2e-4, "{near} {far}");
    }

    #[test]
    fn two_samples_may_be_exchanged(
        a in prop::collection::vec(0_u8..20, 1..30), b in prop::collection::vec(0_u8..20, 1..30)
    ) {
        let sorted = |all: &[u8]| SortedSamples::new(all.iter().map(|x| f64::from(*x)).collect()).unwrap();
        let (ab, ba) = (kolmogorov_smirnov_two(&sorted(&a), &sorted(&b)), kolmogorov_smirnov_two(&sorted(&b), &sorted(&a)));
        prop_assert!((0.0..=1.0).contains(&ab.p_value) && (0.0..=1.0).contains(&ab.statistic));
        assert_relative_eq!(ab.p_value, ba.p_value, max_relative = 1e-12);
    }

    #[test]
    fn what_describes_a_sequence_stays_in_range(samples in prop::collection::vec(any::<f64>(), 0..200)) {
        let finite = |v: Option<f64>| v.is_none_or(f64::is_finite);
        prop_assert!(jain_fairness(&samples).is_none_or(|j| (0.0..=1.0).contains(&j)));
        prop_assert!(finite(von_neumann_score(&samples)));
        prop_assert!(autocorrelation(&samples, 3).is_none_or(|lags| lags.iter().all(|r| (-1.0..=1.0).contains(r))));
        prop_assert!(batch_means(&samples, Confidence::P95).is_none_or(|b| b.score.is_finite()));
        let pairs = samples.iter().map(|x| (*x, x.abs())).collect();
        prop_assert!(WeightedSamples::new(pairs).is_none_or(|w| w.mean().is_finite() && w.quantile(0.3).is_some()));
    }
}
