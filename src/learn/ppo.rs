//! Proximal policy optimisation (Schulman et al. 2017): what it is whatever the policy is.
//!
//! [`gaussian`] and [`categorical`] hold the losses, each for its kind of policy and network.

pub mod categorical;
pub mod gaussian;
#[cfg(feature = "gpu")]
pub mod gpu;

use super::{
    agent::{self, Schedule},
    gae::{self, Discount, Trajectories},
    gaussian::MeanBound,
    loss::Tally,
    rollout::{Estimates, Rollout},
};
use crate::trace::{Stage, span};
#[cfg(feature = "gpu")]
pub use gaussian::log_density;
pub use gaussian::{Auxiliary, ClippedSurrogate, ValueError, update};
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};

/// What the advantages of a minibatch are standardised over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standardise {
    /// All samples of the iteration.
    #[default]
    Batch,
    /// The minibatch alone, as in the baselines of Procgen (algorithms.md §1.2).
    Minibatch,
}

/// Settings of PPO. Defaults are Table 4 of the paper; what it leaves open follows maze.md §3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub learning_rate: f32,
    /// Discount γ.
    pub gamma: f32,
    /// λ of generalised advantage estimation.
    pub lambda: f32,
    /// ε: the probability ratio is clipped to [1 - ε, 1 + ε].
    pub clip_range: f32,
    pub entropy_coefficient: f32,
    pub value_coefficient: f32,
    /// What advantages are standardised over.
    pub standardise: Standardise,
    /// With pixels: how far a value may move from what it was before it counts as wrong; 0 for no
    /// limit.
    pub value_clip: f32,
    /// Rewards are divided by the running standard deviation of returns discounted by this; 0
    /// leaves them as they are.
    pub reward_gamma: f32,
    /// Limit of the gradient's L2 norm, of each network apart.
    pub max_grad_norm: f32,
    /// Passes over the samples of an iteration.
    pub epochs: usize,
    /// Samples of an optimiser step.
    pub minibatch: usize,
    /// Samples of an iteration, over all environments.
    pub samples: usize,
    /// Environments sampled in parallel ("threads" in the paper's tables).
    pub environments: usize,
    /// Widths of the hidden layers of both networks.
    pub hidden: Vec<usize>,
    /// Standard deviation of a new policy, in action units.
    pub initial_std: f32,
    pub min_std: f32,
    pub max_std: f32,
    /// How far from 0 mean actions reach, in action units; see [`MeanBound`].
    pub mean_bound: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            gamma: 0.95,
            lambda: 0.97,
            clip_range: 0.2,
            entropy_coefficient: 0.01,
            value_coefficient: 0.5,
            standardise: Standardise::Batch,
            value_clip: 0.0,
            reward_gamma: 0.0,
            max_grad_norm: 0.5,
            epochs: 10,
            minibatch: 2000,
            samples: 10_000,
            environments: 5,
            hidden: vec![256, 256],
            initial_std: 0.5,
            min_std: 0.05,
            max_std: 1.0,
            mean_bound: MeanBound::NONE.0,
        }
    }
}

impl Config {
    /// An iteration plays, then learns.
    pub fn schedule(&self) -> Schedule {
        let steps = self.samples / self.environments;
        Schedule { environments: self.environments, steps, rounds: 1 }
    }

    /// Iterations that `samples` samples take, at least one.
    pub fn iterations(&self, samples: u64) -> u64 {
        samples.div_ceil(self.samples as u64).max(1)
    }

    /// Table 6 of the paper, for Procgen; what it leaves open follows the baselines
    /// (algorithms.md §1.2).
    pub fn procgen() -> Self {
        Self {
            learning_rate: 5e-4,
            gamma: 0.999,
            lambda: 0.95,
            standardise: Standardise::Minibatch,
            value_clip: 0.2,
            reward_gamma: 0.99,
            epochs: 3,
            minibatch: 1024,
            samples: 64 * 256,
            environments: 64,
            ..Self::default()
        }
    }
}

/// Averages over the optimiser steps of one iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub policy_loss: f64,
    pub value_loss: f64,
    pub entropy: f64,
    /// Mean of (ratio - 1) - log ratio, an unbiased estimate of KL(old ‖ new).
    pub approximate_kl: f64,
    /// Share of samples whose ratio was clipped.
    pub clip_fraction: f64,
    /// 1 - Var(target - V) / Var(target), before the update.
    pub explained_variance: f64,
    /// Largest advantage of the batch: DAPG's Â, in the scale that the auxiliary term wants, and
    /// after standardisation over the batch without one.
    pub max_advantage: f64,
    /// Tally of the auxiliary term, averaged; zero without one.
    pub auxiliary: Tally,
}

impl agent::Report for Report {
    const COLUMNS: &'static [&'static str] = &[
        "policy_loss",
        "value_loss",
        "entropy",
        "approximate_kl",
        "clip_fraction",
        "explained_variance",
        "max_advantage",
        "demonstration_loss",
        "demonstration_likelihood",
    ];

    fn values(&self) -> Vec<f64> {
        vec![
            self.policy_loss,
            self.value_loss,
            self.entropy,
            self.approximate_kl,
            self.clip_fraction,
            self.explained_variance,
            self.max_advantage,
            self.auxiliary[0],
            self.auxiliary[1],
        ]
    }

    fn is_finite(&self) -> bool {
        (self.policy_loss + self.value_loss + self.auxiliary[0]).is_finite()
    }
}

/// The largest advantage of an iteration's batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxAdvantage<T = f32> {
    /// As estimated, in units of the discounted return.
    pub raw: T,
    /// Of the standardised advantages that enter the loss.
    pub standardised: T,
}

/// What an iteration learns from, beside what was seen and done.
pub struct Batch {
    rows: usize,
    /// Standardised over the batch if the settings say so.
    advantages: Vec<f32>,
    targets: Vec<f32>,
    pub max_advantage: MaxAdvantage,
    /// 1 - Var(target - V) / Var(target).
    pub explained_variance: f64,
}

/// What an optimiser step learns from.
pub struct Minibatch<'a> {
    /// Rows of the rollout.
    pub rows: &'a [u32],
    /// Standardised.
    pub advantages: Vec<f32>,
    /// Targets of the values.
    pub targets: Vec<f32>,
    /// Number of the optimiser step, counted over the whole run.
    pub step: u64,
}

impl Batch {
    /// Advantages and targets of all rows.
    pub fn new<E>(rollout: &Rollout<E>, estimates: &Estimates, config: &Config) -> Self {
        let _advantages = span(Stage::Advantages);
        let (mut advantages, targets) = gae::advantages(
            &Trajectories {
                n: rollout.n,
                rewards: &rollout.rewards,
                ends: &rollout.ends,
                values: &estimates.values,
                next_values: &estimates.next_values,
            },
            Discount { gamma: config.gamma, lambda: config.lambda },
        );
        let explained_variance = explained_variance(&advantages, &targets);
        let largest =
            |advantages: &[f32]| advantages.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let raw = largest(&advantages);
        let mut standardised = advantages.clone();
        gae::standardise(&mut standardised);
        let max_advantage = MaxAdvantage { raw, standardised: largest(&standardised) };
        if config.standardise == Standardise::Batch {
            advantages = standardised;
        }
        Self { rows: rollout.rows(), advantages, targets, max_advantage, explained_variance }
    }

    /// What the values are to be, of all rows.
    pub fn into_targets(self) -> Vec<f32> {
        self.targets
    }

    /// `config.epochs` passes in minibatches, each in an order of its own that `iteration`,
    /// counted from 0, selects. `step` takes an optimiser step and returns the tallies of the
    /// policy's loss, the value's and, if there is one, the auxiliary term.
    pub fn optimise(
        &self,
        config: &Config,
        shuffle: Stream,
        iteration: u64,
        mut step: impl FnMut(Minibatch<'_>) -> Vec<Tally>,
    ) -> Report {
        let mut report = Report {
            explained_variance: self.explained_variance,
            max_advantage: f64::from(self.max_advantage.standardised),
            ..Report::default()
        };
        let optimiser_steps = OptimiserSteps::new(config, self.rows, iteration);
        let share = optimiser_steps.share();
        optimiser_steps.each(shuffle, |number, rows| {
            let mut advantages = gather(&self.advantages, rows, self.rows);
            if config.standardise == Standardise::Minibatch {
                gae::standardise(&mut advantages);
            }
            let targets = gather(&self.targets, rows, self.rows);
            let tallies = step(Minibatch { rows, advantages, targets, step: number });
            report.add(share, tallies[0], tallies[1], tallies.get(2).copied());
        });
        report
    }
}

/// The optimiser steps of an iteration: which rows each learns from.
#[derive(Clone, Copy, Debug)]
pub struct OptimiserSteps {
    epochs: usize,
    minibatch: usize,
    rows: usize,
    iteration: u64,
}

impl OptimiserSteps {
    /// Of an iteration, counted from 0, on so many rows.
    pub fn new(config: &Config, rows: usize, iteration: u64) -> Self {
        Self { epochs: config.epochs, minibatch: config.minibatch, rows, iteration }
    }

    fn per_epoch(&self) -> usize {
        self.rows.div_ceil(self.minibatch)
    }

    /// What each of them counts in a mean over all.
    pub fn share(&self) -> f64 {
        1.0 / (self.epochs * self.per_epoch()) as f64
    }

    /// Calls `step` for each with its number, counted over the whole run, and its rows. Every pass
    /// has an order of its own.
    pub fn each(&self, shuffle: Stream, mut step: impl FnMut(u64, &[u32])) {
        for epoch in 0..self.epochs {
            let round = self.iteration * self.epochs as u64 + epoch as u64;
            let order = shuffle.permutation(round, self.rows);
            for (i, rows) in order.chunks(self.minibatch).enumerate() {
                step(round * self.per_epoch() as u64 + i as u64, rows);
            }
        }
    }
}

impl Report {
    /// Adds the tallies of an optimiser step: those of the policy, the value and, if there is one,
    /// the auxiliary term.
    fn add(&mut self, share: f64, policy: Tally, value: Tally, auxiliary: Option<Tally>) {
        let [policy_loss, entropy, kl, clipped, ..] = policy;
        self.policy_loss += share * policy_loss;
        self.entropy += share * entropy;
        self.approximate_kl += share * kl;
        self.clip_fraction += share * clipped;
        self.value_loss += share * value[0];
        if let Some(tally) = auxiliary {
            self.auxiliary.iter_mut().zip(tally).for_each(|(a, t)| *a += share * t);
        }
    }
}

/// `rows` of a matrix with `of` rows, in their order.
pub fn gather(values: &[f32], rows: &[u32], of: usize) -> Vec<f32> {
    let width = values.len() / of;
    let mut out = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        out.extend_from_slice(&values[row as usize * width..(row as usize + 1) * width]);
    }
    out
}

fn explained_variance(advantages: &[f32], targets: &[f32]) -> f64 {
    let variance = |values| gae::mean_and_variance(values).1;
    1.0 - variance(advantages) / variance(targets).max(1e-12)
}
