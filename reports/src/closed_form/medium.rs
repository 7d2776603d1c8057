//! Bursty loss and random access.

use protosim_core::maths;

/// The Gilbert–Elliott model of loss: a good and a bad state, one step per packet, the loss decided by the state before
/// the step; begun in the stationary distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// Probability of going from the good to the bad state at a packet.
    pub to_bad: f64,
    /// Probability of going from the bad to the good state at a packet.
    pub to_good: f64,
    /// Probability of losing a packet in the good state (1 - k).
    pub loss_good: f64,
    /// Probability of losing a packet in the bad state (1 - h).
    pub loss_bad: f64,
}

impl GilbertElliott {
    /// Gilbert's simple model (no loss in the good state, nothing but loss in the bad one) with this mean loss and mean run of
    /// lost packets: `to_good` = 1 / run, `to_bad` = `to_good` · loss / (1 - loss). `None` for a loss outside 0 to 1 or a
    /// run that the loss does not allow.
    pub fn simple(mean_loss: f64, mean_run: f64) -> Option<Self> {
        let to_good = 1.0 / mean_run;
        let to_bad = to_good * mean_loss / (1.0 - mean_loss);
        let made = Self { to_bad, to_good, loss_good: 0.0, loss_bad: 1.0 };
        (mean_loss > 0.0 && mean_loss < 1.0 && made.is_valid()).then_some(made)
    }

    /// Share of packets that find the bad state: `to_bad` / (`to_bad` + `to_good`). `None` where a parameter is not a
    /// probability or the state never changes.
    pub fn share_bad(&self) -> Option<f64> {
        self.is_valid().then(|| self.to_bad / (self.to_bad + self.to_good))
    }

    /// Share of packets lost.
    pub fn mean_loss(&self) -> Option<f64> {
        let bad = self.share_bad()?;
        Some((1.0 - bad) * self.loss_good + bad * self.loss_bad)
    }

    /// Mean number of packets lost in a row: P(loss) / (P(loss) - P(loss, loss)). `None` where nothing or all is lost.
    pub fn mean_loss_run(&self) -> Option<f64> {
        let (bad, loss) = (self.share_bad()?, self.mean_loss()?);
        // The chance that the next packet after a loss gets through, by the state of the lost one.
        let pass = |stay: f64, here: f64, there: f64| stay * (1.0 - here) + (1.0 - stay) * (1.0 - there);
        let ends = (1.0 - bad) * self.loss_good * pass(1.0 - self.to_bad, self.loss_good, self.loss_bad)
            + bad * self.loss_bad * pass(1.0 - self.to_good, self.loss_bad, self.loss_good);
        (loss > 0.0 && ends > 0.0).then(|| loss / ends)
    }

    fn is_valid(&self) -> bool {
        let all = [self.to_bad, self.to_good, self.loss_good, self.loss_bad];
        all.iter().all(|p| (0.0..=1.0).contains(p)) && self.to_bad + self.to_good > 0.0
    }
}

/// Throughput of pure ALOHA, in frames per frame time: G e^(-2G) for Poisson attempts of G frames per frame time, new and
/// repeated ones together (Abramson 1970); at most 1/(2e) at G = 1/2. `None` for a negative load.
pub fn pure_aloha(attempts: f64) -> Option<f64> {
    (attempts >= 0.0 && attempts.is_finite()).then(|| attempts * maths::exp(-2.0 * attempts))
}

/// Throughput of slotted ALOHA, in frames per slot: G e^(-G) (Roberts 1975); at most 1/e at G = 1. `None` for a negative load.
pub fn slotted_aloha(attempts: f64) -> Option<f64> {
    (attempts >= 0.0 && attempts.is_finite()).then(|| attempts * maths::exp(-attempts))
}

/// Throughput of slotted ALOHA of `stations` that each send in a slot with probability `p`: n p (1 - p)^(n-1). `None`
/// for `p` outside 0 to 1.
pub fn slotted_aloha_of(stations: u32, p: f64) -> Option<f64> {
    let others = f64::from(stations.saturating_sub(1));
    (0.0..=1.0).contains(&p).then(|| f64::from(stations) * p * maths::pow(1.0 - p, others))
}
