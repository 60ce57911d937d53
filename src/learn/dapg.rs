//! PPO augmented with demonstrations, as Section 5.3 of the paper changes DAPG
//! (Rajeswaran et al. 2018): the likelihood itself instead of its logarithm, no decay.
//!
//! L = L_PPO + ω·Â·L¹, L¹ = -mean over demonstrations of π(a|s), Â the largest advantage of the
//! iteration.

pub mod categorical;

#[cfg(feature = "gpu")]
use super::burn::send;
use super::{
    agent::Pairs,
    gaussian::Gaussian,
    loss::{Head, Loss, Tally, Term},
    numbers,
    ppo::{self, MaxAdvantage, gather},
};
#[cfg(feature = "gpu")]
use burn::tensor::Tensor;
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What π(a|s) is for a Gaussian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// The density over its own peak, in (0, 1]; the peak is treated as a constant.
    #[default]
    Scaled,
    /// The density, as in the authors' script for Meta-World.
    Density,
}

/// Which advantages Â is the largest of; the paper does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdvantageScale {
    /// The standardised ones that enter the loss of PPO: some 3 to 8 at any time.
    #[default]
    Standardised,
    /// Those before standardisation: as the policy comes to do what is best everywhere they
    /// shrink, and with them the pull of the demonstrations.
    Raw,
}

/// Settings of the demonstration term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// ω, constant over training (Section 5.3).
    pub weight: f32,
    /// Demonstrations in each optimiser step.
    pub minibatch: usize,
    pub likelihood: Likelihood,
    pub advantage: AdvantageScale,
    /// Entropy coefficient while demonstrations are used.
    pub entropy_coefficient: f32,
    /// Passes over an iteration's samples while demonstrations are used; 0 keeps `ppo.epochs`.
    /// What the demonstrations show is learned in optimiser steps, not in samples.
    pub epochs: usize,
    /// Share of the phase after which the learning rate falls, linearly, to 0 at the end of the
    /// phase; 1 keeps it constant.
    pub anneal_from: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            weight: 0.5,
            minibatch: 2000,
            likelihood: Likelihood::Scaled,
            advantage: AdvantageScale::Standardised,
            entropy_coefficient: 0.01,
            epochs: 0,
            anneal_from: 1.0,
        }
    }
}

impl Config {
    /// Table 6 of the paper, for Procgen.
    pub fn procgen() -> Self {
        Self { minibatch: 1024, entropy_coefficient: 0.05, ..Self::default() }
    }

    /// What the learning rate is multiplied by after `done` of `all` iterations, `done < all`:
    /// above 0, at most 1.
    pub fn learning_rate_factor(&self, done: u64, all: u64) -> f32 {
        let left = 1.0 - done as f32 / all as f32;
        (left / (1.0 - self.anneal_from)).min(1.0)
    }

    /// Â, of an iteration.
    pub fn max_advantage<T>(&self, of: MaxAdvantage<T>) -> T {
        match self.advantage {
            AdvantageScale::Standardised => of.standardised,
            AdvantageScale::Raw => of.raw,
        }
    }

    /// Which of `of` demonstrations, at least one, optimiser step `step` takes: endless passes,
    /// each in a new order.
    pub fn rows(&self, shuffle: Stream, step: u64, of: usize) -> Vec<u32> {
        let size = self.minibatch.min(of);
        let per_pass = (of / size) as u64;
        let start = (step % per_pass) as usize * size;
        shuffle.permutation(step / per_pass, of)[start..start + size].to_vec()
    }
}

/// State-action pairs to imitate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Demonstrations {
    /// `[rows, observation]`
    #[serde(with = "numbers")]
    pub observations: Vec<f32>,
    /// `[rows, action]`
    #[serde(with = "numbers")]
    pub actions: Vec<f32>,
    pub rows: usize,
}

impl Pairs for Demonstrations {
    fn rows(&self) -> usize {
        self.rows
    }

    fn reserve(&mut self, rows: usize, like: &Self) {
        let room = |like_row: &[f32]| rows.saturating_mul(like_row.len() / like.rows.max(1));
        _ = self.observations.try_reserve_exact(room(&like.observations));
        _ = self.actions.try_reserve_exact(room(&like.actions));
    }

    fn append(&mut self, other: &Self) {
        self.observations.extend_from_slice(&other.observations);
        self.actions.extend_from_slice(&other.actions);
        self.rows += other.rows;
    }

    fn first(mut self, rows: usize) -> Self {
        if rows < self.rows {
            self.observations.truncate(self.observations.len() / self.rows * rows);
            self.actions.truncate(self.actions.len() / self.rows * rows);
            self.rows = rows;
        }
        self
    }
}

/// Draws minibatches of demonstrations: endless passes, each in a new order.
pub struct Guide<'a> {
    demonstrations: &'a Demonstrations,
    config: &'a Config,
    shuffle: Stream,
    observations: Vec<f32>,
    loss: SmoothedLikelihood,
}

impl<'a> Guide<'a> {
    /// `demonstrations` must not be empty.
    pub fn new(demonstrations: &'a Demonstrations, config: &'a Config, shuffle: Stream) -> Self {
        let loss = SmoothedLikelihood {
            actions: Vec::new(),
            rows: 0,
            weight: 0.0,
            likelihood: config.likelihood,
        };
        Self { demonstrations, config, shuffle, observations: Vec::new(), loss }
    }
}

impl ppo::Auxiliary for Guide<'_> {
    fn max_advantage(&self, of: MaxAdvantage) -> f32 {
        self.config.max_advantage(of)
    }

    fn prepare(&mut self, step: u64, max_advantage: f32) {
        let demos = self.demonstrations;
        let rows = &self.config.rows(self.shuffle, step, demos.rows)[..];
        self.observations = gather(&demos.observations, rows, demos.rows);
        self.loss.actions = gather(&demos.actions, rows, demos.rows);
        self.loss.rows = rows.len();
        self.loss.weight = self.config.weight * max_advantage;
    }

    fn term(&self) -> Term<'_> {
        Term { head: Head::Policy, observations: &self.observations, loss: &self.loss }
    }
}

/// -weight · mean π(a|s). Tally: loss, mean π(a|s).
pub struct SmoothedLikelihood {
    /// `[rows, action]`
    pub actions: Vec<f32>,
    pub rows: usize,
    /// ω·Â
    pub weight: f32,
    pub likelihood: Likelihood,
}

/// Densities are limited to e^20 so that a narrow policy cannot overflow.
const MAX_LOG_DENSITY: f32 = 20.0;

impl Loss for SmoothedLikelihood {
    fn rows(&self) -> usize {
        self.rows
    }

    fn gradient(
        &self,
        range: Range<usize>,
        output: &[f32],
        log_std: &[f32],
        d_output: &mut [f32],
        d_log_std: &mut [f32],
    ) -> Tally {
        let gaussian = Gaussian::new(log_std);
        let dim = log_std.len();
        let share = 1.0 / self.rows as f32;
        let mut tally = Tally::default();
        for (i, row) in range.enumerate() {
            let action = &self.actions[row * dim..(row + 1) * dim];
            let mean = &output[i * dim..(i + 1) * dim];
            let log_p = match self.likelihood {
                Likelihood::Scaled => gaussian.log_kernel(action, mean),
                Likelihood::Density => gaussian.log_density(action, mean),
            };
            let p = log_p.min(MAX_LOG_DENSITY).exp();
            tally[0] -= f64::from(self.weight * share * p);
            tally[1] += f64::from(share * p);
            if log_p < MAX_LOG_DENSITY {
                // ∇π = π ∇log π: a pair that the policy finds impossible hardly pulls.
                let scale = -self.weight * share * p;
                let d_mean = &mut d_output[i * dim..(i + 1) * dim];
                gaussian.add_gradient(action, mean, scale, d_mean, d_log_std);
            }
        }
        tally
    }

    #[cfg(feature = "gpu")]
    fn tensor(&self, output: Tensor<2>, log_std: Tensor<2>) -> Vec<Tensor<1>> {
        let device = output.device();
        let dim = self.actions.len() / self.rows;
        let actions = send(self.actions.clone(), [self.rows, dim], &device);
        let density = ppo::log_density(actions, output, log_std.clone());
        let log_p = match self.likelihood {
            Likelihood::Density => density,
            Likelihood::Scaled => {
                let peak = (log_std.detach().neg() - 0.5 * std::f32::consts::TAU.ln()).sum_dim(1);
                density - peak
            }
        };
        let p = log_p.clamp_max(MAX_LOG_DENSITY).exp().mean();
        vec![p.clone().mul_scalar(-self.weight), p]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_falls_linearly_to_0_at_the_end() {
        let config = Config { anneal_from: 0.5, ..Config::default() };
        let factor = |done| config.learning_rate_factor(done, 100);
        assert!((0..=50).all(|done| factor(done) == 1.0));
        assert!((factor(75) - 0.5).abs() < 1e-6);
        assert!((factor(99) - 0.02).abs() < 1e-6);
        assert!((50..99).all(|done| (factor(done) - factor(done + 1) - 0.02).abs() < 1e-6));
    }

    #[test]
    fn the_learning_rate_is_constant_unless_asked() {
        assert!((0..100).all(|done| Config::default().learning_rate_factor(done, 100) == 1.0));
    }
}
