//! Behaviour cloning: the paper's negative control for DAPG (Section 5.3, "GSL+BC").
//!
//! Demonstrations alone, no more experience: -mean log π(a|s) is minimised until demonstrations
//! held out do not become likelier any more (algorithms.md §4).

pub mod categorical;

#[cfg(feature = "gpu")]
use super::burn::send;
use super::{
    adam,
    agent::{Agent, Pairs},
    gaussian::Gaussian,
    loss::{Loss, Tally},
};
#[cfg(feature = "gpu")]
use burn::tensor::Tensor;
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, Range};

/// Settings of behaviour cloning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub learning_rate: f32,
    /// Demonstrations of an optimiser step.
    pub minibatch: usize,
    /// Passes over the demonstrations at most.
    pub max_epochs: usize,
    /// Share of the demonstrations that only measures; at least one, and not all.
    pub hold_out: f32,
    /// Epochs without progress on the held-out demonstrations after which to stop.
    pub patience: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 3e-4, minibatch: 2000, max_epochs: 200, hold_out: 0.1, patience: 5 }
    }
}

impl Config {
    /// With the learning rate and the minibatch of PPO on Procgen (Table 6); the paper gives none
    /// for cloning.
    pub fn procgen() -> Self {
        Self { learning_rate: 5e-4, minibatch: 1024, ..Self::default() }
    }
}

/// -mean log π(a|s) after one pass over the demonstrations, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Of the demonstrations trained on, averaged over the pass.
    pub trained: f64,
    /// Of the demonstrations held out, after the pass.
    pub held_out: f64,
}

/// What came of cloning.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<W> {
    /// The weights that made the held-out demonstrations likeliest.
    pub weights: W,
    /// The pass they come from; 0 for the weights cloning started from.
    pub best_epoch: usize,
    /// Held-out -mean log π(a|s) of these weights, in nats.
    pub held_out: f64,
    pub epochs: Vec<Epoch>,
}

/// Trains `agent` on `demonstrations` until those held out have not become likelier for
/// `patience` epochs, `max_epochs` have passed, or `progress`, told of every epoch, breaks off.
/// The agent itself is left as the last epoch made it. Fewer than two demonstrations cannot be
/// split and train nothing.
pub fn clone_behaviour<A: Agent>(
    agent: &mut A,
    demonstrations: &A::Demonstrations,
    config: &Config,
    shuffle: Stream,
    progress: &mut dyn FnMut(&Epoch) -> ControlFlow<()>,
) -> Report<A::Weights> {
    let mut report = Report {
        weights: agent.weights(),
        best_epoch: 0,
        held_out: f64::INFINITY,
        epochs: Vec::new(),
    };
    let rows = demonstrations.rows();
    if rows < 2 {
        return report;
    }
    // Round 0 of the stream splits, round i orders epoch i.
    let split = shuffle.permutation(0, rows);
    let measured = (rows as f32 * config.hold_out).round() as usize;
    let (measured, trained) = split.split_at(measured.clamp(1, rows - 1));

    let adam = adam::Settings { learning_rate: config.learning_rate, max_grad_norm: f32::INFINITY };
    report.held_out = agent.negative_log_likelihood(demonstrations, measured);
    for epoch in 1..=config.max_epochs {
        let order = shuffle.permutation(epoch as u64, trained.len());
        let order: Vec<u32> = order.iter().map(|&i| trained[i as usize]).collect();
        let steps = order.chunks(config.minibatch.max(1));
        let sum: f64 =
            steps.map(|rows| agent.imitate(demonstrations, rows, &adam) * rows.len() as f64).sum();
        let epoch = Epoch {
            epoch,
            trained: sum / trained.len() as f64,
            held_out: agent.negative_log_likelihood(demonstrations, measured),
        };
        report.epochs.push(epoch);
        if epoch.held_out < report.held_out {
            report.held_out = epoch.held_out;
            report.best_epoch = epoch.epoch;
            report.weights = agent.weights();
        }
        let stalled = epoch.epoch - report.best_epoch >= config.patience;
        if progress(&epoch).is_break() || stalled {
            break;
        }
    }
    report
}

/// -mean log π(a|s). Tally: loss.
pub struct LogLikelihood {
    /// `[rows, action]`
    pub actions: Vec<f32>,
    pub rows: usize,
}

impl Loss for LogLikelihood {
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
            tally[0] -= f64::from(share * gaussian.log_density(action, mean));
            let d_mean = &mut d_output[i * dim..(i + 1) * dim];
            gaussian.add_gradient(action, mean, -share, d_mean, d_log_std);
        }
        tally
    }

    #[cfg(feature = "gpu")]
    fn tensor(&self, output: Tensor<2>, log_std: Tensor<2>) -> Vec<Tensor<1>> {
        let dim = self.actions.len() / self.rows;
        let actions = send(self.actions.clone(), [self.rows, dim], &output.device());
        vec![-super::ppo::log_density(actions, output, log_std).mean()]
    }
}
