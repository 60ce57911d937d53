//! Proximal policy optimisation (Schulman et al. 2017) with a Gaussian policy.

use super::{
    actor_critic::ActorCritic,
    adam,
    gae::{self, Discount, Trajectories},
    gaussian::Gaussian,
    loss::{Head, Loss, Tally, Term},
    rollout::Rollout,
};
use burn::tensor::{Tensor, TensorData};
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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
            max_grad_norm: 0.5,
            epochs: 10,
            minibatch: 2000,
            samples: 10_000,
            environments: 5,
            hidden: vec![256, 256],
            initial_std: 0.5,
            min_std: 0.05,
            max_std: 1.0,
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
    /// after standardisation without one.
    pub max_advantage: f64,
    /// Tally of the auxiliary term, averaged; zero without one.
    pub auxiliary: Tally,
}

/// The largest advantage of an iteration's batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxAdvantage {
    /// As estimated, in units of the discounted return.
    pub raw: f32,
    /// Of the standardised advantages that enter the loss.
    pub standardised: f32,
}

/// An extra term in the loss of every minibatch, such as DAPG's.
pub trait Auxiliary {
    /// Â of this term.
    fn max_advantage(&self, of: MaxAdvantage) -> f32;
    /// Chooses the rows of optimiser step `step` (counted over the whole run).
    fn prepare(&mut self, step: u64, max_advantage: f32);
    fn term(&self) -> Term<'_>;
}

/// One iteration: advantages over the whole batch, then `epochs` passes in minibatches.
/// `iteration` counts from 0 and selects the shuffling.
pub fn update(
    network: &mut dyn ActorCritic,
    rollout: &Rollout,
    config: &Config,
    shuffle: Stream,
    iteration: u64,
    mut auxiliary: Option<&mut dyn Auxiliary>,
) -> Report {
    let (mut advantages, targets) = gae::advantages(
        &Trajectories {
            n: rollout.n,
            rewards: &rollout.rewards,
            ends: &rollout.ends,
            values: &rollout.values,
            next_values: &rollout.next_values,
        },
        Discount { gamma: config.gamma, lambda: config.lambda },
    );
    let explained_variance = explained_variance(&advantages, &targets);
    let largest = |advantages: &[f32]| advantages.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let raw = largest(&advantages);
    gae::standardise(&mut advantages);
    let max_advantage = MaxAdvantage { raw, standardised: largest(&advantages) };
    let max_advantage = match &auxiliary {
        Some(auxiliary) => auxiliary.max_advantage(max_advantage),
        None => max_advantage.standardised,
    };

    let adam =
        adam::Settings { learning_rate: config.learning_rate, max_grad_norm: config.max_grad_norm };
    let rows = rollout.rows();
    let steps_per_epoch = rows.div_ceil(config.minibatch);
    let mut report =
        Report { explained_variance, max_advantage: f64::from(max_advantage), ..Report::default() };
    let share = 1.0 / (config.epochs * steps_per_epoch) as f64;
    for epoch in 0..config.epochs {
        let round = iteration * config.epochs as u64 + epoch as u64;
        let order = shuffle.permutation(round, rows);
        for (i, rows) in order.chunks(config.minibatch).enumerate() {
            let observations = gather(&rollout.observations, rows, rollout.rows());
            let policy = ClippedSurrogate {
                actions: gather(&rollout.actions, rows, rollout.rows()),
                old_log_densities: gather(&rollout.log_densities, rows, rollout.rows()),
                advantages: gather(&advantages, rows, rollout.rows()),
                clip_range: config.clip_range,
                entropy_coefficient: config.entropy_coefficient,
            };
            let value = ValueError {
                targets: gather(&targets, rows, rollout.rows()),
                coefficient: config.value_coefficient,
            };
            let mut terms = vec![
                Term { head: Head::Policy, observations: &observations, loss: &policy },
                Term { head: Head::Value, observations: &observations, loss: &value },
            ];
            if let Some(auxiliary) = auxiliary.as_deref_mut() {
                auxiliary.prepare(round * steps_per_epoch as u64 + i as u64, max_advantage);
                terms.push(auxiliary.term());
            }
            let tallies = network.minimise(&terms, &adam);
            let [policy_loss, entropy, kl, clipped] = tallies[0];
            report.policy_loss += share * policy_loss;
            report.entropy += share * entropy;
            report.approximate_kl += share * kl;
            report.clip_fraction += share * clipped;
            report.value_loss += share * tallies[1][0];
            if let Some(tally) = tallies.get(2) {
                report.auxiliary.iter_mut().zip(tally).for_each(|(a, t)| *a += share * t);
            }
        }
    }
    report
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

/// -mean min(ρA, clip(ρ, 1 - ε, 1 + ε)A) - entropy bonus, with ρ = π(a|s)/π_old(a|s).
/// Tally: loss, entropy, approximate KL, share of clipped samples.
pub struct ClippedSurrogate {
    /// `[rows, action]`
    pub actions: Vec<f32>,
    pub old_log_densities: Vec<f32>,
    pub advantages: Vec<f32>,
    pub clip_range: f32,
    pub entropy_coefficient: f32,
}

impl Loss for ClippedSurrogate {
    fn rows(&self) -> usize {
        self.advantages.len()
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
        let weight = 1.0 / self.rows() as f32;
        let (low, high) = (1.0 - self.clip_range, 1.0 + self.clip_range);
        let entropy_share = weight * range.len() as f32;
        let mut tally = Tally::default();
        for (i, row) in range.enumerate() {
            let action = &self.actions[row * dim..(row + 1) * dim];
            let mean = &output[i * dim..(i + 1) * dim];
            let log_ratio = gaussian.log_density(action, mean) - self.old_log_densities[row];
            let ratio = log_ratio.exp();
            let advantage = self.advantages[row];
            let (plain, clipped) = (ratio * advantage, ratio.clamp(low, high) * advantage);
            tally[0] -= f64::from(weight * plain.min(clipped));
            tally[2] += f64::from(weight * (ratio - 1.0 - log_ratio));
            if ratio < low || ratio > high {
                tally[3] += f64::from(weight);
            }
            // Where the clipped branch is the smaller one it is constant in ρ.
            if plain <= clipped {
                let d_mean = &mut d_output[i * dim..(i + 1) * dim];
                gaussian.add_gradient(action, mean, -weight * plain, d_mean, d_log_std);
            }
        }
        tally[0] -= f64::from(self.entropy_coefficient * gaussian.entropy * entropy_share);
        tally[1] += f64::from(gaussian.entropy * entropy_share);
        for d in d_log_std {
            *d -= self.entropy_coefficient * entropy_share;
        }
        tally
    }

    fn tensor(&self, output: Tensor<2>, log_std: Tensor<2>) -> Vec<Tensor<1>> {
        let device = output.device();
        let rows = self.rows();
        let dim = self.actions.len() / rows;
        let matrix = |values: &[f32], columns| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, columns]), &device)
        };
        let density = log_density(matrix(&self.actions, dim), output, log_std.clone());
        let log_ratio = density - matrix(&self.old_log_densities, 1);
        let ratio = log_ratio.clone().exp();
        let (low, high) = (1.0 - self.clip_range, 1.0 + self.clip_range);
        let advantages = matrix(&self.advantages, 1);
        let plain = ratio.clone() * advantages.clone();
        let clipped = ratio.clone().clamp(low, high) * advantages;
        let surrogate = plain.min_pair(clipped).mean();
        let entropy = log_std.add_scalar(0.5 * (std::f32::consts::TAU.ln() + 1.0)).sum();
        let below = ratio.clone().lower_scalar(low).float().mean();
        let above = ratio.clone().greater_scalar(high).float().mean();
        vec![
            -surrogate - entropy.clone().mul_scalar(self.entropy_coefficient),
            entropy,
            (ratio - 1.0 - log_ratio).mean(),
            below + above,
        ]
    }
}

/// Log-density of `[rows, dim]` actions under a diagonal Gaussian, `[rows, 1]`.
pub fn log_density(actions: Tensor<2>, mean: Tensor<2>, log_std: Tensor<2>) -> Tensor<2> {
    let z = (actions - mean) * log_std.clone().neg().exp();
    let kernel = z.clone() * z * (-0.5);
    (kernel - log_std - 0.5 * std::f32::consts::TAU.ln()).sum_dim(1)
}

/// coefficient · mean (V - target)². Tally: loss.
pub struct ValueError {
    pub targets: Vec<f32>,
    pub coefficient: f32,
}

impl Loss for ValueError {
    fn rows(&self) -> usize {
        self.targets.len()
    }

    fn gradient(
        &self,
        range: Range<usize>,
        output: &[f32],
        _log_std: &[f32],
        d_output: &mut [f32],
        _d_log_std: &mut [f32],
    ) -> Tally {
        let weight = self.coefficient / self.rows() as f32;
        let mut tally = Tally::default();
        for (i, row) in range.enumerate() {
            let error = output[i] - self.targets[row];
            tally[0] += f64::from(weight * error * error);
            d_output[i] = 2.0 * weight * error;
        }
        tally
    }

    fn tensor(&self, output: Tensor<2>, _log_std: Tensor<2>) -> Vec<Tensor<1>> {
        let targets = TensorData::new(self.targets.clone(), [self.rows(), 1]);
        let error = output.clone() - Tensor::<2>::from_data(targets, &output.device());
        vec![error.square().mean().mul_scalar(self.coefficient)]
    }
}
