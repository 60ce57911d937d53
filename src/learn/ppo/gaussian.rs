//! PPO's losses for a Gaussian policy and a value network apart from it.

use super::{Batch, Config, MaxAdvantage, Report, gather};
#[cfg(feature = "gpu")]
use crate::learn::burn::send;
use crate::learn::{
    actor_critic::ActorCritic,
    adam,
    gaussian::Gaussian,
    loss::{Head, Loss, Tally, Term},
    rollout::Rollout,
};
#[cfg(feature = "gpu")]
use burn::tensor::Tensor;
use gslab_envs::rng::Stream;
use std::ops::Range;

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
    let batch = Batch::new(rollout, &rollout.experience.estimates, config);
    let max_advantage = match &auxiliary {
        Some(auxiliary) => auxiliary.max_advantage(batch.max_advantage),
        None => batch.max_advantage.standardised,
    };
    let adam =
        adam::Settings { learning_rate: config.learning_rate, max_grad_norm: config.max_grad_norm };
    let of = rollout.rows();
    let seen = &rollout.experience;
    let mut report = batch.optimise(config, shuffle, iteration, |minibatch| {
        let rows = minibatch.rows;
        let observations = gather(&seen.observations, rows, of);
        let policy = ClippedSurrogate {
            actions: gather(&seen.actions, rows, of),
            old_log_densities: gather(&seen.estimates.log_densities, rows, of),
            advantages: minibatch.advantages,
            clip_range: config.clip_range,
            entropy_coefficient: config.entropy_coefficient,
        };
        let value =
            ValueError { targets: minibatch.targets, coefficient: config.value_coefficient };
        let mut terms = vec![
            Term { head: Head::Policy, observations: &observations, loss: &policy },
            Term { head: Head::Value, observations: &observations, loss: &value },
        ];
        if let Some(auxiliary) = auxiliary.as_deref_mut() {
            auxiliary.prepare(minibatch.step, max_advantage);
            terms.push(auxiliary.term());
        }
        network.minimise(&terms, &adam)
    });
    report.max_advantage = f64::from(max_advantage);
    report
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

    #[cfg(feature = "gpu")]
    fn tensor(&self, output: Tensor<2>, log_std: Tensor<2>) -> Vec<Tensor<1>> {
        let device = output.device();
        let rows = self.rows();
        let dim = self.actions.len() / rows;
        let matrix = |values: &[f32], columns| send(values.to_vec(), [rows, columns], &device);
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
#[cfg(feature = "gpu")]
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

    #[cfg(feature = "gpu")]
    fn tensor(&self, output: Tensor<2>, _log_std: Tensor<2>) -> Vec<Tensor<1>> {
        let targets = send(self.targets.clone(), [self.rows(), 1], &output.device());
        let error = output.clone() - targets;
        vec![error.square().mean().mul_scalar(self.coefficient)]
    }
}
