//! The demonstration term for choices among actions, of a network that sees frames.

use super::Config;
use crate::learn::{
    agent::Pairs,
    categorical::Categorical,
    impala::{FRAME, Frames},
    loss::Tally,
    numbers,
};
use gslab_envs::rng::Stream;
use indicatif::HumanBytes;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Frames and the actions to imitate there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Demonstrations {
    /// `[rows, 64, 64, 3]`
    #[serde(with = "numbers")]
    pub pixels: Vec<u8>,
    /// `[rows]`
    #[serde(with = "numbers")]
    pub actions: Vec<u32>,
}

/// Frames that are to be demonstrated do not fit into memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "gsl.demonstration_samples: {rows} demonstrations, of all specialists and the generalist, take {} \
     of memory, {} are free; {} fit: lower gsl.demonstration_samples or \
     gsl.generalist_demonstration_samples, or free memory",
    HumanBytes(.rows * ROW),
    HumanBytes(*.free),
    .free / ROW
)]
pub struct TooMany {
    rows: u64,
    /// Bytes of memory that are free.
    free: u64,
}

/// Bytes of a demonstration.
const ROW: u64 = (FRAME + size_of::<u32>()) as u64;

/// Whether `free` bytes hold so many demonstrations.
///
/// # Errors
/// They do not.
pub fn fit(rows: u64, free: u64) -> Result<(), TooMany> {
    if rows * ROW <= free { Ok(()) } else { Err(TooMany { rows, free }) }
}

impl Demonstrations {
    /// The actions of rows.
    pub fn actions_of(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|&row| self.actions[row as usize]).collect()
    }
}

impl Pairs for Demonstrations {
    fn rows(&self) -> usize {
        self.actions.len()
    }

    fn reserve(&mut self, rows: usize, _like: &Self) {
        _ = self.pixels.try_reserve_exact(rows.saturating_mul(FRAME));
        _ = self.actions.try_reserve_exact(rows);
    }

    fn append(&mut self, other: &Self) {
        self.pixels.extend_from_slice(&other.pixels);
        self.actions.extend_from_slice(&other.actions);
    }

    fn first(mut self, rows: usize) -> Self {
        self.pixels.truncate(rows * FRAME);
        self.actions.truncate(rows);
        self
    }
}

/// Draws minibatches of demonstrations, of which there must be one at least.
pub struct Guide<'a> {
    pub demonstrations: &'a Demonstrations,
    pub config: &'a Config,
    pub shuffle: Stream,
}

impl Guide<'_> {
    /// The term of optimiser step `step`, counted over the whole run.
    pub fn minibatch(
        &self,
        step: u64,
        max_advantage: f32,
        choices: usize,
    ) -> SmoothedLikelihood<'_> {
        let rows = self.config.rows(self.shuffle, step, self.demonstrations.rows());
        let actions = self.demonstrations.actions_of(&rows);
        let weight = self.config.weight * max_advantage;
        SmoothedLikelihood { pixels: &self.demonstrations.pixels, rows, actions, choices, weight }
    }
}

/// -weight · mean π(a|s). Tally: loss, mean π(a|s).
pub struct SmoothedLikelihood<'a> {
    pixels: &'a [u8],
    rows: Vec<u32>,
    actions: Vec<u32>,
    /// Number of actions to choose from.
    choices: usize,
    weight: f32,
}

impl SmoothedLikelihood<'_> {
    pub fn frames(&self) -> Frames<'_> {
        debug_assert!(self.pixels.len() >= self.rows.len() * FRAME);
        Frames::at(self.pixels, &self.rows)
    }

    /// For the rows in `range`, given their outputs `[range, choices + values]`: adds the gradient
    /// in them and returns the tally.
    pub fn gradient(&self, range: Range<usize>, output: &[f32], d_output: &mut [f32]) -> Tally {
        let outputs = output.len() / range.len();
        let share = 1.0 / self.actions.len() as f32;
        let mut policy = Categorical::default();
        let mut tally = Tally::default();
        let rows = output.chunks_exact(outputs).zip(d_output.chunks_exact_mut(outputs));
        for (row, (output, d_output)) in range.zip(rows) {
            policy.set(&output[..self.choices]);
            let likelihood = policy.log_probability(self.actions[row]).exp();
            tally[0] -= f64::from(self.weight * share * likelihood);
            tally[1] += f64::from(share * likelihood);
            // ∇π = π ∇log π.
            let scale = -self.weight * share * likelihood;
            policy.add_log_probability_gradient(
                self.actions[row],
                scale,
                &mut d_output[..self.choices],
            );
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_equals_finite_differences() {
        let (rows, outputs, weight) = (3, 5, 1.7);
        let term = SmoothedLikelihood {
            pixels: &[],
            rows: vec![0; rows],
            actions: vec![2, 0, 3],
            choices: outputs - 1,
            weight: weight as f32,
        };
        let output: Vec<f32> =
            (0..rows * outputs).map(|i| Stream::new(4, "test").normal(0, i as u64)[0]).collect();
        let mut found = vec![0.0; output.len()];
        let first = term.gradient(0..2, &output[..10], &mut found[..10]);
        let rest = term.gradient(2..3, &output[10..], &mut found[10..]);
        let likelihood = |output: &[f64]| {
            let of = |row: usize| {
                let logits = &output[row * outputs..(row + 1) * outputs - 1];
                let sum: f64 = logits.iter().map(|x| x.exp()).sum();
                logits[term.actions[row] as usize].exp() / sum
            };
            (0..rows).map(of).sum::<f64>() / rows as f64
        };
        let mut output: Vec<f64> = output.into_iter().map(f64::from).collect();
        assert!((first[1] + rest[1] - likelihood(&output)).abs() < 1e-6);
        assert!((first[0] + rest[0] + weight * likelihood(&output)).abs() < 1e-6);
        for i in 0..output.len() {
            let h = 1e-5;
            output[i] += h;
            let above = likelihood(&output);
            output[i] -= 2.0 * h;
            let slope = -weight * (above - likelihood(&output)) / (2.0 * h);
            output[i] += h;
            assert!((f64::from(found[i]) - slope).abs() < 1e-6, "{i}: {} {slope}", found[i]);
        }
    }
}
