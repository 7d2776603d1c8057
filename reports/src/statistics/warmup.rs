//! Where the warm-up of a run ends: what an empty network does at first says little of what it does in the long run.

use super::moments::mean;

/// Samples in a batch.
const BATCH: usize = 5;
/// Fewest batches that are left: the spread of fewer is small by chance too often.
const BATCHES_LEFT: usize = 5;
/// Fewest batches to look at.
const BATCHES_MIN: usize = 2 * BATCHES_LEFT;

/// Where MSER-5 cuts a sequence, see [`mser5`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// So many samples belong to the warm-up: a multiple of five, from 0.
    pub samples: u64,
    /// The mean of the batches behind them, in the unit of the samples. A last batch that is not whole is left out.
    pub mean: f64,
    /// The marginal standard error at the cut, in the unit of the samples: √(Σ (z_i - mean)²) / k over the k batch means left.
    /// It takes batches as independent of each other and is no interval; [`batch_means`](super::batch_means) makes one.
    pub standard_error: f64,
    /// Whether the cut lies in the first half. If not, the run is too short to tell its warm-up from the rest: nothing
    /// of it can be trusted, and it should be made longer.
    pub is_decided: bool,
}

/// The warm-up of a sequence by MSER-5, the marginal standard error rule over batches of five (White 1997, "An effective
/// truncation heuristic for bias reduction in simulation output"; White, Cobb and Spratt 2000).
///
/// The sequence is cut into m batches of five; the cut behind the first d of them is taken at which Σ (z_i - mean)² / (m - d)²
/// over the batch means left is least. Cutting lowers the sum where the beginning differs from the rest, and the divisor
/// always. Of equal cuts the earliest is taken, which keeps the most. All cuts that leave five batches are looked at; one behind more
/// than m / 2 batches is undecided, as Hoad, Robinson and Davies (2010) have it.
///
/// `None` for fewer than 50 samples, and where one is not finite or a sum leaves the range of `f64`.
pub fn mser5(samples: &[f64]) -> Option<WarmUp> {
    let batches: Vec<f64> = samples.chunks_exact(BATCH).map(mean).collect::<Option<_>>()?;
    let all = batches.len();
    if all < BATCHES_MIN || samples.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut best: Option<(usize, f64, f64)> = None;
    let (mut mean, mut squares) = (0.0, 0.0);
    // From the end, so that each cut adds a batch to what the one behind it leaves (Welford 1962): equal batches have no
    // spread, not even of rounding.
    for (left, batch) in (1_usize..).zip(batches.iter().rev()) {
        let (count, deviation) = (left as f64, batch - mean);
        mean += deviation / count;
        squares += deviation * (batch - mean);
        let error = squares / (count * count);
        if left >= BATCHES_LEFT && best.is_none_or(|(_, _, least)| error <= least) {
            best = Some((all - left, mean, error));
        }
    }
    let (cut, mean, error) = best.filter(|_| squares.is_finite())?;
    let is_decided = 2 * cut <= all;
    Some(WarmUp { samples: (BATCH * cut) as u64, mean, standard_error: error.max(0.0).sqrt(), is_decided })
}
