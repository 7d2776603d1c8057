//! Against textbook values, and SciPy 1.17.1 or mpmath 1.3 (50 digits) by other methods than ours.

use approx::{assert_abs_diff_eq, assert_relative_eq};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn close(ours: Option<f64>, reference: f64, max_relative: f64) {
    assert_relative_eq!(ours.expect("a value"), reference, max_relative = max_relative);
}

/// By hand: at ρ = 0.8 M/M/1 waits 4 S, M/D/1 half of that; P(T > t) = e^(-0.2 t/S), so the median is 5 ln 2 S.
#[test]
fn unlimited_queues_have_their_textbook_means() {
    close(mm1_mean_wait(0.8, 2.0), 8.0, 1e-15);
    close(md1_mean_wait(0.8, 2.0), 4.0, 1e-15);
    close(mg1_mean_wait(0.8, 2.0, 1.0), 8.0, 1e-15);
    close(mm1_sojourn_quantile(0.8, 2.0, 0.5), 10.0 * std::f64::consts::LN_2, 1e-15);
    // P(W ≤ t) = 1 - 0.8 e^(-0.2 t): 0.9 at t = 5 ln 8.
    close(mm1_wait_quantile(0.8, 1.0, 0.9), 5.0 * 3.0 * std::f64::consts::LN_2, 1e-14);
    assert_eq!(mm1_wait_quantile(0.8, 1.0, 0.15), Some(0.0));
    assert_eq!(
        (mm1_mean_wait(1.0, 1.0), md1_mean_wait(-0.1, 1.0), mm1_sojourn_quantile(0.5, 1.0, 1.0)),
        (None, None, None)
    );
}

/// Erlang's alternating formula with 50 digits: (1 - r) * sum((r*(k - t))**k / factorial(k) * exp(-r*(k - t)) for k in
/// range(floor(t) + 1)), in mpmath; quantiles by mpmath.findroot on it.
#[test]
fn waits_of_md1_agree_with_erlang() {
    for (load, t, p) in [
        (0.8, 0.0, 0.2),
        (0.8, 0.5, 0.29836493952825406),
        (0.8, 1.0, 0.44510818569849352),
        (0.8, 2.5, 0.704852353491619),
        (0.8, 10.0, 0.9883428917349866),
        (0.5, 3.25, 0.9888490036397721),
        (0.95, 40.0, 0.9834749725802664),
        (0.3, 0.9, 0.9169751155132732),
    ] {
        close(md1_wait_cdf(load, 1.0, t), p, 1e-12);
        close(md1_wait_cdf(load, 0.25, t / 4.0), p, 1e-12);
    }
    close(md1_wait_quantile(0.8, 1.0, 0.95), 6.620324996840724, 1e-12);
    close(md1_wait_quantile(0.8, 2.0, 0.99), 2.0 * 10.355886791994953, 1e-12);
    close(md1_wait_quantile(0.5, 1.0, 0.9), 1.5157448413818438, 1e-12);
    assert_eq!((md1_wait_quantile(0.5, 1.0, 0.5), md1_wait_cdf(0.5, 1.0, -1.0)), (Some(0.0), Some(0.0)));
}

/// Loss: 1 - b/(1 + r*b) with b = sum((-1)**k / factorial(k) * (K-1-k)**k * exp((K-1-k)*r) * r**k for k in range(K)) (Brun
/// and Garcia, J. Appl. Prob. 37, 2000), in mpmath; it agrees with numpy.linalg.solve on the transition matrix of the
/// embedded chain (scipy.stats.poisson.pmf), from which the mean number and Little's sojourn come.
#[test]
fn md1k_agrees_with_an_independent_solution() {
    for (load, room, loss, mean, sojourn) in [
        (0.8, 5, 0.03529039643618077, 1.705349243101801, 2.2096665628728056),
        (0.8, 11, 0.002353368429458417, 2.297195120751179, 2.8782675248635226),
        (0.95, 11, 0.026165184197694136, 4.578318653105392, 4.9487682248986875),
        (1.0, 5, 0.10344894125244362, 2.5459608125087367, 2.8397276291941873),
        (1.5, 5, 0.3384488086783075, 3.9268030819128614, 3.957167269316049),
        (0.5, 1, 1.0 / 3.0, 1.0 / 3.0, 1.0),
        (0.5, 2, 0.09627447624478791, 0.5481372381223939, 1.2130613194252666),
        (1.2, 30, 0.1666688908573564, 27.343916960605878, 27.343989942503303),
    ] {
        let queue = FiniteQueue::md1k(load, room).expect("usable");
        assert_relative_eq!(queue.loss(), loss, max_relative = 1e-12);
        assert_relative_eq!(queue.mean_in_system(), mean, max_relative = 1e-12);
        assert_relative_eq!(queue.mean_sojourn(3.0), 3.0 * sojourn, max_relative = 1e-12);
    }
    // As precise as promised where hardly anything is lost.
    assert_abs_diff_eq!(FiniteQueue::md1k(0.5, 20).expect("usable").loss(), 1.4177801610343692e-11, epsilon = 1e-15);
    assert_eq!((FiniteQueue::md1k(0.5, 0), FiniteQueue::md1k(f64::NAN, 5)), (None, None));
}

/// numpy.linalg.solve on the generator matrix of the birth-death chain.
#[test]
fn mm1k_agrees_with_an_independent_solution() {
    for (load, room, loss, mean, sojourn) in [
        (0.8, 5, 0.08881949865556425, 1.8683320322664587, 2.563065207044265),
        (1.0, 5, 1.0 / 6.0, 2.5, 3.0),
        (2.0, 3, 8.0 / 15.0, 2.2666666666666666, 2.4285714285714284),
        (0.5, 10, 0.0004885197850513155, 0.9946262823644364, 1.9902248289345075),
    ] {
        let queue = FiniteQueue::mm1k(load, room).expect("usable");
        assert_relative_eq!(queue.loss(), loss, max_relative = 1e-12);
        assert_relative_eq!(queue.mean_in_system(), mean, max_relative = 1e-12);
        assert_relative_eq!(queue.mean_sojourn(1.0), sojourn, max_relative = 1e-12);
    }
    let idle = FiniteQueue::mm1k(0.0, 3).expect("usable");
    assert_eq!((idle.loss(), idle.mean_in_system(), idle.mean_sojourn(2.0)), (0.0, 0.0, 2.0));
}

/// scipy.stats.poisson.pmf(c, a) / scipy.stats.poisson.cdf(c, a)
#[test]
fn erlang_b_agrees_with_scipy() {
    for (load, servers, p) in [(5.0, 10, 0.01838457033664811), (0.5, 1, 1.0 / 3.0), (100.0, 110, 0.02746344844982535)] {
        close(erlang_b(load, servers), p, 1e-12);
    }
}

/// By hand. p = 0.01, r = 0.25: share bad 0.01/0.26, run 1/r. With half the packets of the bad state lost, the mean loss
/// halves, and a run ends with probability 0.25 + 0.75 · 0.5 = 0.625. The third: share bad 1/11, loss (0.01 + 0.3)/11.
#[test]
fn gilbert_elliott_has_its_mean_loss_and_run() {
    let model = |to_bad, to_good, loss_good, loss_bad| GilbertElliott { to_bad, to_good, loss_good, loss_bad };
    for (model, loss, run) in [
        (model(0.01, 0.25, 0.0, 1.0), 0.01 / 0.26, 4.0),
        (model(0.01, 0.25, 0.0, 0.5), 0.005 / 0.26, 1.6),
        // Run: ends = (10 · 0.001 · (0.98 · 0.999 + 0.02 · 0.7) + 0.3 · (0.8 · 0.7 + 0.2 · 0.999)) / 11; 0.031 · 10 / that.
        (model(0.02, 0.2, 0.001, 0.3), 0.31 / 11.0, 0.31 / (0.01 * 0.99302 + 0.3 * 0.7598)),
    ] {
        close(model.mean_loss(), loss, 1e-14);
        close(model.mean_loss_run(), run, 1e-13);
    }
    let simple = GilbertElliott::simple(0.05, 3.0).expect("possible");
    close(simple.mean_loss(), 0.05, 1e-14);
    close(simple.mean_loss_run(), 3.0, 1e-13);
    assert_eq!(GilbertElliott::simple(0.9, 1.0), None);
    assert_eq!((model(0.0, 0.0, 0.0, 1.0).mean_loss(), model(0.1, 0.1, 0.0, 0.0).mean_loss_run()), (None, None));
}

/// The peaks: 1/(2e) at 1/2, 1/e at 1, (1 - 1/n)^(n-1) at p = 1/n.
#[test]
fn aloha_peaks_where_the_textbooks_say() {
    close(pure_aloha(0.5), 0.5 / std::f64::consts::E, 1e-15);
    close(slotted_aloha(1.0), 1.0 / std::f64::consts::E, 1e-15);
    close(slotted_aloha_of(2, 0.5), 0.5, 1e-15);
    close(slotted_aloha_of(4, 0.25), 27.0 / 64.0, 1e-15);
    assert_eq!((slotted_aloha_of(1, 1.0), slotted_aloha_of(0, 0.5)), (Some(1.0), Some(0.0)));
    assert_eq!((pure_aloha(-1.0), slotted_aloha(f64::INFINITY), slotted_aloha_of(3, 1.5)), (None, None, None));
}

proptest! {
    /// Constant service loses less than exponential service, a longer queue less than a shorter one, and what is served never exceeds 1.
    #[test]
    fn finite_queues_are_ordered(load in 0.0..5.0_f64, room in 1_usize..60) {
        let (d, m) = (FiniteQueue::md1k(load, room).unwrap(), FiniteQueue::mm1k(load, room).unwrap());
        prop_assert!(d.loss() <= m.loss() + 1e-12);
        prop_assert!(FiniteQueue::md1k(load, room + 1).unwrap().loss() <= d.loss() + 1e-12);
        for queue in [&d, &m] {
            prop_assert!(load * (1.0 - queue.loss()) <= 1.0 + 1e-12);
            assert_relative_eq!(queue.shares().iter().sum::<f64>(), 1.0, max_relative = 1e-12);
            prop_assert!(queue.mean_sojourn(1.0) >= 1.0 - 1e-9 && queue.mean_sojourn(1.0) <= room as f64 + 1e-9);
            // The server is idle exactly as long as nothing is served.
            assert_abs_diff_eq!(1.0 - queue.shares()[0], load * (1.0 - queue.loss()), epsilon = 1e-12);
        }
    }

    #[test]
    fn waits_of_md1_are_a_distribution(load in 0.01..0.98_f64, a in 0.0..60.0_f64, b in 0.0..60.0_f64, q in 0.0..0.999_f64) {
        let at = |t| md1_wait_cdf(load, 1.0, t).unwrap();
        prop_assert!(at(a.min(b)) <= at(a.max(b)) + 1e-12 && at(a) <= 1.0 && at(0.0) >= 1.0 - load - 1e-12);
        let t = md1_wait_quantile(load, 1.0, q).unwrap();
        prop_assert!(at(t) >= q - 1e-9);
    }
}
