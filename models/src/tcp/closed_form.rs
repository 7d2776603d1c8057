//! What a bulk transfer comes to: the formulas that experiments are held against and draw over their points.
//!
//! Windows are full segments, times seconds, rates segments per second; `p` is the probability that a segment is lost. All
//! assume that neither the receiver's window nor the application limits the sender.

use protosim_core::maths;

/// The constant of the square-root formula for losses at equal distances, an acknowledgement for each segment: sqrt(3/2).
pub const MATHIS_PERIODIC: f64 = 1.224_744_871_391_589;
/// The constant of the square-root formula for random losses (Mathis and others 1997, table 1).
pub const MATHIS_RANDOM: f64 = 1.31;

/// The square-root formula \[segments/s\]: constant / (rtt · sqrt(p)) (Mathis, Semke, Mahdavi and Ott, "The Macroscopic Behavior
/// of the TCP Congestion Avoidance Algorithm", 1997). With an acknowledgement for each second segment the constant is less by
/// sqrt(2). `constant` is [`MATHIS_PERIODIC`] or [`MATHIS_RANDOM`]; `rtt` in seconds.
pub fn mathis(constant: f64, rtt: f64, p: f64) -> f64 {
    constant / (rtt * p.sqrt())
}

/// Reno's average window \[segments\] with periodic losses, an acknowledgement for each segment: sqrt(3/2) / sqrt(p) (RFC 9438
/// §5, AVG_W_reno). Throughput is this by the round trip.
pub fn reno_average_window(p: f64) -> f64 {
    MATHIS_PERIODIC / p.sqrt()
}

/// CUBIC's average window \[segments\] with periodic losses, where it is faster than Reno (RFC 9438 §5, AVG_W_cubic):
/// (C (3 + β) / (4 (1 - β)))^(1/4) · (rtt / p)^(3/4). `c` in segments/s³, `rtt` in seconds.
pub fn cubic_average_window(c: f64, beta: f64, rtt: f64, p: f64) -> f64 {
    maths::pow(c * (3.0 + beta) / (4.0 * (1.0 - beta)), 0.25) * maths::pow(rtt / p, 0.75)
}

/// The full model of Reno with losses that come in bursts to the end of a round, and with time-outs (Padhye, Firoiu, Towsley
/// and Kurose, "Modeling TCP Throughput: A Simple Model and its Empirical Validation", 1998).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pftk {
    /// Round trip \[s\].
    pub rtt: f64,
    /// The first retransmission time-out, T0 \[s\]; it doubles up to 64 times.
    pub rto: f64,
    /// Segments for each acknowledgement: 2 with delayed acknowledgements, else 1.
    pub b: f64,
    /// The widest window that the receiver offers \[segments\].
    pub max_window: f64,
}

impl Pftk {
    /// The rate at which segments are sent \[segments/s\] when one is lost with probability `p`, above 0 and below 1.
    pub fn send_rate(&self, p: f64) -> f64 {
        let unlimited = self.expected_window(p);
        // f(p): the mean of the doubled time-outs, in units of the first one.
        let backoff = self.rto * backoff_factor(p) / (1.0 - p);
        if unlimited < self.max_window {
            let timeouts = timeout_probability(p, unlimited);
            let segments = (1.0 - p) / p + unlimited + timeouts / (1.0 - p);
            segments / (self.rtt * (self.b / 2.0 * unlimited + 1.0) + timeouts * backoff)
        } else {
            let most = self.max_window;
            let timeouts = timeout_probability(p, most);
            let segments = (1.0 - p) / p + most + timeouts / (1.0 - p);
            segments / (self.rtt * (self.b / 8.0 * most + (1.0 - p) / (p * most) + 2.0) + timeouts * backoff)
        }
    }

    /// The mean window at a loss without the receiver's limit, E\[W\] \[segments\].
    pub fn expected_window(&self, p: f64) -> f64 {
        let third = (2.0 + self.b) / (3.0 * self.b);
        third + (8.0 * (1.0 - p) / (3.0 * self.b * p) + third * third).sqrt()
    }

    /// The approximation that is usually quoted \[segments/s\]; RFC 5348 §3.1 has its second part, in bytes.
    pub fn approximate_rate(&self, p: f64) -> f64 {
        let congestion_avoidance = self.rtt * (2.0 * self.b * p / 3.0).sqrt();
        let timeouts = (3.0 * (3.0 * self.b * p / 8.0).sqrt()).min(1.0) * p * (1.0 + 32.0 * p * p);
        (self.max_window / self.rtt).min(1.0 / (congestion_avoidance + self.rto * timeouts))
    }
}

/// f(p) = 1 + p + 2 p² + 4 p³ + 8 p⁴ + 16 p⁵ + 32 p⁶.
fn backoff_factor(p: f64) -> f64 {
    1.0 + p * (1.0 + p * (2.0 + p * (4.0 + p * (8.0 + p * (16.0 + p * 32.0)))))
}

/// Q(w): the probability that a loss at a window of `w` segments ends in a time-out.
fn timeout_probability(p: f64, w: f64) -> f64 {
    let kept = |n: f64| maths::pow(1.0 - p, n);
    let exact = (1.0 - kept(3.0)) * (1.0 + kept(3.0) * (1.0 - kept(w - 3.0))) / (1.0 - kept(w));
    exact.min(1.0)
}

/// Segments that have left after `rounds` round trips of slow start without losses, when the window grows by as much as is
/// acknowledged: initial · (2^rounds - 1).
pub const fn slow_start_segments(initial: u64, rounds: u32) -> u64 {
    let mut sent: u64 = 0;
    let mut window = initial;
    let mut round = 0;
    while round < rounds {
        sent = sent.saturating_add(window);
        window = window.saturating_mul(2);
        round += 1;
    }
    sent
}

/// The same when each acknowledgement is of `ack_every` segments and makes the window wider by one (RFC 5681 §3.1); the segments
/// that are left at the end of a round are acknowledged with the next one.
pub const fn slow_start_segments_delayed(initial: u64, ack_every: u64, rounds: u32) -> u64 {
    let mut sent: u64 = 0;
    let mut window = initial;
    let mut unacknowledged = 0;
    let mut round = 0;
    while round < rounds {
        sent = sent.saturating_add(window);
        unacknowledged += window;
        window = window.saturating_add(unacknowledged / ack_every);
        unacknowledged %= ack_every;
        round += 1;
    }
    sent
}

/// The number of round trips in which `segments` segments leave in slow start, the window growing by as much as is acknowledged:
/// the least k with initial · (2^k - 1) at least that.
pub const fn slow_start_rounds(initial: u64, segments: u64) -> u32 {
    let mut rounds = 0;
    while slow_start_segments(initial, rounds) < segments {
        rounds += 1;
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(x: f64, expected: f64, relative: f64) {
        assert!((x / expected - 1.0).abs() <= relative, "{x} is not {expected}");
    }

    /// T18: p = 1 %, 100 ms: 1.2247 / (0.1 · 0.1) = 122.47 segments/s; of 1460 bytes 1.430 Mbit/s.
    #[test]
    fn the_square_root_formula() {
        close(mathis(MATHIS_PERIODIC, 0.1, 0.01), 122.474_5, 1e-6);
        close(mathis(MATHIS_PERIODIC, 0.1, 0.01) * 1460.0 * 8.0, 1.430_5e6, 1e-4);
        close(mathis(MATHIS_RANDOM, 0.2, 0.0004), 327.5, 1e-9);
        close(MATHIS_PERIODIC * MATHIS_PERIODIC, 1.5, 1e-15);
    }

    /// RFC 9438 §5: average windows of Reno and of CUBIC (C = 0.4) at round trips of 100 ms and 10 ms.
    #[test]
    fn average_windows_are_those_of_the_rfc() {
        // 1.2247 · 10 = 12.2, 1.2247 · 1000 = 1225.
        close(reno_average_window(1e-2), 12.2, 0.01);
        close(reno_average_window(1e-6), 1_225.0, 0.001);
        // 1.0538 · (0.1 / p)^0.75: p = 10^-5 is 1.0538 · 1000 = 1053.8; p = 10^-8 is 1.0538 · 10^5.25 = 187 396.
        close(cubic_average_window(0.4, 0.7, 0.1, 1e-5), 1_053.8, 1e-4);
        close(cubic_average_window(0.4, 0.7, 0.1, 1e-8), 187_396.0, 1e-3);
        // RTT 10 ms, p = 10^-6: 1.0538 · 10^3.
        close(cubic_average_window(0.4, 0.7, 0.01, 1e-6), 1_053.8, 1e-4);
        // C = 4 gives 10^(1/4) = 1.7783 times as much.
        close(cubic_average_window(4.0, 0.7, 0.1, 1e-5), 1_874.0, 1e-3);
    }

    /// By hand for p = 0.02, b = 2: E[W] = 4/6 + sqrt(8 · 0.98 / 0.12 + 0.4444) = 0.66667 + sqrt(65.7778) = 8.77704.
    /// (1-p)^3 = 0.941192; (1-p)^5.77704 = 0.889849; (1-p)^8.77704 = 0.837519.
    /// Q = 0.058808 (1 + 0.941192 · 0.110151) / 0.162481 = 0.058808 · 1.103673 / 0.162481 = 0.399461.
    /// f = 1 + 0.02 + 0.0008 + 0.000032 + 0.0000013 = 1.0208333.
    /// Segments 49 + 8.77704 + 0.399461 / 0.98 = 58.18465; time 0.1 (8.77704 + 1) + 0.399461 · 1 · 1.0208333 / 0.98 = 0.977704 + 0.416106.
    #[test]
    fn the_full_model_by_hand() {
        let path = Pftk { rtt: 0.1, rto: 1.0, b: 2.0, max_window: 1e9 };
        close(path.expected_window(0.02), 8.777_04, 1e-5);
        close(path.send_rate(0.02), 58.184_65 / 1.393_810, 1e-4);
        // 0.1 sqrt(0.0266667) = 0.0163299; 3 sqrt(0.015) = 0.367423, times 0.02 · 1.0128 = 0.00744252.
        close(path.approximate_rate(0.02), 1.0 / (0.016_329_9 + 0.007_442_52), 1e-5);
    }

    /// A window of 6 at p = 0.02: 0.98^6 = 0.885842, Q = 0.058808 (1 + 0.941192 · 0.058808) / 0.114158 = 0.543659; segments
    /// 49 + 6 + 0.554754 = 55.554754; time 0.1 (1.5 + 49/6 + 2) + 0.543659 · 1.0208333 / 0.98 = 1.166667 + 0.566312.
    #[test]
    fn the_full_model_with_a_narrow_window() {
        let path = Pftk { rtt: 0.1, rto: 1.0, b: 2.0, max_window: 6.0 };
        close(path.send_rate(0.02), 55.554_754 / 1.732_979, 1e-4);
        // Nearly no loss: the window for each round trip.
        close(path.send_rate(1e-9), 60.0, 1e-4);
        close(path.approximate_rate(1e-9), 60.0, 1e-9);
    }

    /// With rare losses and no time-outs the full model is the square-root formula.
    #[test]
    fn the_full_model_ends_in_the_square_root() {
        let path = Pftk { rtt: 0.1, rto: 0.2, b: 1.0, max_window: 1e9 };
        close(path.send_rate(1e-8), mathis(MATHIS_PERIODIC, 0.1, 1e-8), 0.01);
    }

    /// T9: 10, 30, 70, 150, 310 segments. With an acknowledgement for each second one the windows are 10, 15, 22, 33, 50, 75: of 15
    /// segments one waits for the next round, whose 22 and that one give 11 acknowledgements and again one left; 33 and that one 17.
    #[test]
    fn slow_start_counts() {
        assert_eq!([1, 2, 3, 4, 5].map(|rounds| slow_start_segments(10, rounds)), [10, 30, 70, 150, 310]);
        let delayed = [1, 2, 3, 4, 5, 6].map(|rounds| slow_start_segments_delayed(10, 2, rounds));
        assert_eq!(delayed, [10, 25, 47, 80, 130, 205]);
        assert_eq!([1, 2, 3].map(|rounds| slow_start_segments_delayed(10, 1, rounds)), [10, 30, 70]);
        assert_eq!([0, 1, 10, 11, 69, 70, 71].map(|segments| slow_start_rounds(10, segments)), [0, 1, 1, 2, 3, 3, 4]);
    }
}
