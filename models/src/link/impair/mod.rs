//! What happens to packets on the way: what is lost, how long it takes, what arrives twice or damaged.
//!
//! Everything is decided when a packet's last bit leaves, with what holds at that moment, by one draw per packet and purpose.
//! Each purpose has a stream of its own, so that switching one impairment on leaves the luck of the others alone; and a
//! packet that is lost draws for the others too.

mod config;
mod rules;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_rules;

pub use config::{Bursts, Corrupt, DropRule, Each, ImpairConfig, Jitter, Milli, Reorder, StreamPart, Which};

use super::LinkChange;
use crate::name::Files;
use crate::packet::{LossCause, Packet};
use crate::rope::Rope;
use protosim_core::random::normal_quantile;
use protosim_core::{Purpose, Ratio, RunSeed, SimTime, Span, Stream, maths};
use rules::Rules;
use std::sync::Arc;

/// Purposes of draws, in the order of [`Draws`].
const PURPOSES: [Purpose; 10] = [
    Purpose("loss"),
    Purpose("loss.bursts"),
    Purpose("loss.bursts.step"),
    Purpose("loss.bits"),
    Purpose("jitter"),
    Purpose("reorder"),
    Purpose("duplicate"),
    Purpose("duplicate.jitter"),
    Purpose("corrupt"),
    Purpose("corrupt.bit"),
];
const LOSS: usize = 0;
const BURSTS: usize = 1;
const STEP: usize = 2;
const BITS: usize = 3;
const JITTER: usize = 4;
const REORDER: usize = 5;
const DUPLICATE: usize = 6;
const COPY: usize = 7;
const CORRUPT: usize = 8;
const BIT: usize = 9;
/// Where the chain of bursts starts: one draw.
const START: Purpose = Purpose("loss.bursts.start");

/// The draws of one packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Draws {
    of: [u64; PURPOSES.len()],
}

/// What becomes of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Decision {
    /// How it is lost, if it is; of several causes the first one counts.
    pub(super) loss: Option<LossCause>,
    /// It takes this much longer than the link's delay.
    pub(super) extra: Span,
    /// It takes no delay at all.
    pub(super) is_early: bool,
    /// A copy of it arrives, this much later than after the link's delay.
    pub(super) copy: Option<Span>,
    pub(super) damage: Option<Damage>,
}

/// A flipped bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// Somewhere in the IP packet, by a draw.
    Checked(u64),
    /// Somewhere behind the transport header, by a draw.
    Unnoticed(u64),
}

/// The impairments of one direction of a link, and how far they have come.
#[derive(Clone, Debug)]
pub(super) struct Impairments {
    loss: Ratio,
    config: ImpairConfig,
    /// To bad, to good, loss in the good state, loss in the bad one.
    chain: (Ratio, Ratio, Ratio, Ratio),
    trace: Option<Arc<[bool]>>,
    /// By purpose; made for what is switched on at any time of the run.
    streams: Vec<Option<Box<Stream>>>,
    /// Decides in which state the chain starts.
    start: u64,
    state: State,
    rules: Rules,
}

/// What changes from packet to packet. A packet that is taken back takes it back too, as well as what rules have counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// `None` before the first packet.
    is_bad: Option<bool>,
    /// Packets that the trace has decided on.
    traced: u64,
    /// What leaves before this moment is lost in an outage; the start where there was none yet.
    outage_ends: SimTime,
}

impl Decision {
    /// True if it is lost on the way.
    pub(super) fn is_lost(&self) -> bool {
        self.loss.is_some()
    }
}

impl Impairments {
    /// `later` are the changes that the timeline makes; `stream_name` names the luck of this direction of the link.
    pub(super) fn new(
        (loss, config): (Ratio, &ImpairConfig),
        later: &[LinkChange],
        seed: RunSeed,
        stream_name: &str,
        files: &Files,
    ) -> Self {
        let ever_lossy = later.iter().filter_map(|change| change.loss).chain([loss]).any(|loss| !loss.is_zero());
        let configs = || later.iter().filter_map(|change| change.impair.as_ref()).chain([config]);
        let stream = |purpose: usize| {
            let is_used = purpose == LOSS && ever_lossy || configs().any(|config| config.draws(purpose));
            is_used.then(|| Box::new(seed.stream(stream_name, PURPOSES[purpose])))
        };
        let ever_bursty = configs().any(|config| config.bursts.is_some());
        let mut made = Self {
            loss,
            config: ImpairConfig::default(),
            chain: Default::default(),
            trace: None,
            streams: (0..PURPOSES.len()).map(stream).collect(),
            start: if ever_bursty { seed.stream(stream_name, START).next_u64() } else { 0 },
            state: State::default(),
            rules: Rules::default(),
        };
        made.change(None, Some(config), files);
        made
    }

    /// New parameters for what leaves from now on. Where the chain and the trace stand stays.
    pub(super) fn change(&mut self, loss: Option<Ratio>, config: Option<&ImpairConfig>, files: &Files) {
        self.loss = loss.unwrap_or(self.loss);
        if let Some(config) = config {
            self.chain = config.bursts.map(|bursts| bursts.chain()).unwrap_or_default();
            self.trace = config.loss_trace.as_ref().and_then(|file| Some(loss_trace(files.get(file)?).ok()?.into()));
            self.rules = Rules::new(&config.drop);
            self.config = config.clone();
        }
    }

    /// Draws for one packet, for all that is switched on at any time: what is switched on later finds the luck that it would
    /// have had from the start.
    pub(super) fn draw(&mut self) -> Draws {
        let mut draws = Draws::default();
        for (draw, stream) in draws.of.iter_mut().zip(&mut self.streams) {
            *draw = stream.as_mut().map_or(u64::MAX, |stream| stream.next_u64());
        }
        draws
    }

    /// Where it stands, to be given back to [`Impairments::rewind`].
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// As if the last packet had not been decided on, before which it stood like this.
    pub(super) fn rewind(&mut self, state: State) {
        self.state = state;
        self.rules.undo();
    }

    /// What becomes of a packet of `wire_len` bytes with framing whose last bit leaves at `departs`.
    pub(super) fn decide(&mut self, packet: &Packet, wire_len: u64, departs: SimTime, draws: &Draws) -> Decision {
        let draw = |purpose: usize| draws.of[purpose];
        let mut by_chance = self.loss.covers(draw(LOSS));
        by_chance |= self.is_in_burst(departs, draws);
        if let Some(errors) = self.config.bit_errors {
            // 1 - (1 - e)^(8 n), precise for small e.
            let share = -maths::exp_m1(8.0 * wire_len as f64 * maths::ln_1p(-errors));
            by_chance |= Ratio::from_f64(share).covers(draw(BITS));
        }
        let mut as_recorded = false;
        if let Some(trace) = self.trace.as_ref().filter(|trace| !trace.is_empty()) {
            as_recorded = trace[(self.state.traced % trace.len() as u64) as usize];
            self.state.traced += 1;
        }
        let by_rule = self.rules.covers(packet, &self.config.drop);
        let causes = [(by_chance, LossCause::Chance), (as_recorded, LossCause::Recorded), (by_rule, LossCause::Rule)];
        let span = |luck: u64| self.config.jitter.map_or(Span::ZERO, |jitter| jitter.span(luck));
        let damage = match self.config.corrupt {
            Some(Corrupt::Checked(share)) if share.covers(draw(CORRUPT)) => Some(Damage::Checked(draw(BIT))),
            Some(Corrupt::Unnoticed(share)) if share.covers(draw(CORRUPT)) => Some(Damage::Unnoticed(draw(BIT))),
            _ => None,
        };
        Decision {
            loss: causes.into_iter().find_map(|(is_so, cause)| is_so.then_some(cause)),
            extra: span(draw(JITTER)),
            is_early: matches!(self.config.reorder, Some(Reorder::Early(share)) if share.covers(draw(REORDER))),
            copy: self.config.duplicate.filter(|share| share.covers(draw(DUPLICATE))).map(|_| span(draw(COPY))),
            damage,
        }
    }

    /// Whether a burst takes a packet that leaves at `departs`.
    fn is_in_burst(&mut self, departs: SimTime, draws: &Draws) -> bool {
        let (luck, step) = (draws.of[BURSTS], draws.of[STEP]);
        match self.config.bursts {
            None => false,
            Some(Bursts::Outages { chance, length }) => {
                let begins = departs >= self.state.outage_ends && chance.covers(luck);
                if begins {
                    self.state.outage_ends = departs.saturating_add(length);
                }
                begins || departs < self.state.outage_ends
            }
            Some(Bursts::Mean { .. } | Bursts::Chain { .. }) => self.step_chain(luck, step),
        }
    }

    /// Loss in the chain's present state, then a step.
    fn step_chain(&mut self, luck: u64, step: u64) -> bool {
        let (to_bad, to_good, good_loss, bad_loss) = self.chain;
        let is_bad = self.state.is_bad.unwrap_or_else(|| {
            let (p, r) = (to_bad.as_f64(), to_good.as_f64());
            p > 0.0 && Ratio::from_f64(p / (p + r)).covers(self.start)
        });
        let is_lost = if is_bad { bad_loss } else { good_loss }.covers(luck);
        let leaves = if is_bad { to_good } else { to_bad }.covers(step);
        self.state.is_bad = Some(is_bad != leaves);
        is_lost
    }
}

impl ImpairConfig {
    /// True if it needs draws of this purpose.
    fn draws(&self, purpose: usize) -> bool {
        match purpose {
            BURSTS | STEP => self.bursts.is_some(),
            BITS => self.bit_errors.is_some(),
            JITTER => self.jitter.is_some(),
            REORDER => self.skips_delay(),
            DUPLICATE => self.duplicate.is_some(),
            COPY => self.duplicate.is_some() && self.jitter.is_some(),
            CORRUPT | BIT => self.corrupt.is_some(),
            _ => false,
        }
    }
}

impl Jitter {
    /// The delay that a draw gives.
    fn span(self, luck: u64) -> Span {
        let nanos = |x: f64| Span::from_nanos(maths::round_to_u64(x));
        // In (0, 1): 53 bits, and half a step to stay away from both ends.
        let uniform = || ((luck >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        match self {
            Self::Uniform(most) => {
                let width = u128::from(most.as_nanos()) + 1;
                Span::from_nanos(((u128::from(luck) * width) >> 64) as u64)
            }
            Self::Normal { mean, deviation } => {
                let (mean, deviation) = (mean.as_nanos() as f64, deviation.as_nanos() as f64);
                nanos(mean + deviation * normal_quantile(uniform()))
            }
            Self::Exponential { mean } => nanos(-maths::ln(uniform()) * mean.as_nanos() as f64),
            // Lomax with shape a and scale m: 1 - (1 + x / m)^-a, mean m / (a - 1).
            Self::Pareto { mean, shape } => {
                let a = shape.as_f64();
                let scale = mean.as_nanos() as f64 * (a - 1.0);
                nanos(scale * maths::exp_m1(-maths::ln(uniform()) / a))
            }
        }
    }
}

impl Damage {
    /// The packet with a flipped bit.
    pub(super) fn apply(self, packet: &Packet) -> Packet {
        match self {
            Self::Checked(luck) => packet.damaged(with_flipped_bit(packet.encode(), luck)),
            Self::Unnoticed(luck) => {
                if packet.payload.is_empty() {
                    return packet.clone();
                }
                let bytes = with_flipped_bit(packet.payload.to_bytes().to_vec(), luck);
                let provenance = packet.provenance.unsealed();
                Packet { payload: Rope::from(bytes), provenance, ..packet.clone() }
            }
        }
    }
}

fn with_flipped_bit(mut bytes: Vec<u8>, luck: u64) -> Vec<u8> {
    let bit = ((u128::from(luck) * (bytes.len() as u128 * 8)) >> 64) as usize;
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 0x80 >> (bit % 8);
    }
    bytes
}

/// Reads a recorded loss trace: a line per packet, `0` passed or `1` lost; blank lines and lines that begin with `#` do not
/// count.
///
/// # Errors
/// The number of the first line that is neither, counted from 1, and what is wrong.
pub fn loss_trace(text: &str) -> Result<Vec<bool>, (usize, String)> {
    let mut trace = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match line.trim() {
            "" => {}
            comment if comment.starts_with('#') => {}
            "0" => trace.push(false),
            "1" => trace.push(true),
            other => return Err((index + 1, format!("expected `0` (passed) or `1` (lost), found `{other}`"))),
        }
    }
    if trace.is_empty() {
        return Err((1, "the trace has no packets".to_owned()));
    }
    Ok(trace)
}
