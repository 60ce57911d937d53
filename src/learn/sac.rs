//! Soft actor-critic (Haarnoja et al. 2018, "Algorithms and Applications") with a temperature that
//! adapts itself, as ManiSkill-Learn does it, on which the paper builds (algorithms.md §5).
//!
//! An optimiser step trains two critics, the policy and the temperature, and lets the critics'
//! targets follow, in this order. [`agent`] plays, remembers and calls it.

pub mod agent;
#[cfg(feature = "gpu")]
pub mod cloud;
pub mod networks;
#[cfg(test)]
mod tests;

use super::{
    adam::{self, Moments},
    agent::Schedule,
    gail::Discriminator,
    loss::Tally,
    mlp::{Scratch, Shape, backward_to_inputs, forward},
    network::{Network, evaluate},
    numbers,
    replay::Transitions,
    squashed::{Squashed, normals},
};
use crate::trace::{Stage, traced};
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Settings of SAC. Defaults are Table 11 of the paper; what it leaves open follows
/// algorithms.md §5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Of the policy, the critics and the logarithm of the temperature.
    pub learning_rate: f32,
    /// Discount γ.
    pub gamma: f32,
    /// Share of the way that the critics' targets go to the critics in an optimiser step.
    pub tau: f32,
    /// Transitions of an optimiser step.
    pub minibatch: usize,
    /// Latest transitions that are remembered.
    pub capacity: usize,
    /// Samples of a phase before its first optimiser step. A policy that has never learned plays
    /// them with evenly random actions.
    pub warm_up: usize,
    /// Environments sampled in parallel ("threads" in the paper's tables).
    pub environments: usize,
    /// Samples between two rounds of optimiser steps, over all environments.
    pub collect: usize,
    /// Optimiser steps of a round.
    pub updates: usize,
    /// Samples of an iteration, after which metrics are written: a number of rounds.
    pub samples: usize,
    /// Widths of the hidden layers of all networks on vectors.
    pub hidden: Vec<usize>,
    /// α of a new policy.
    pub initial_temperature: f32,
    /// Entropy of the policy that the temperature is to bring about, in nats for each dimension of
    /// an action.
    pub target_entropy: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            gamma: 0.95,
            tau: 0.005,
            minibatch: 200,
            capacity: 2_000_000,
            warm_up: 4000,
            environments: 4,
            collect: 64,
            updates: 4,
            samples: 25 * 64,
            hidden: vec![256, 256],
            initial_temperature: 1.0,
            target_entropy: -1.0,
        }
    }
}

impl Config {
    /// Rounds of playing and learning.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            environments: self.environments,
            steps: self.collect / self.environments,
            rounds: self.samples / self.collect,
        }
    }

    fn adam(&self) -> adam::Settings {
        adam::Settings { learning_rate: self.learning_rate, max_grad_norm: f32::INFINITY }
    }
}

/// Q of a state and an action, and its slow copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Critic<N = Network> {
    /// From the observation, then the action, to Q.
    pub network: N,
    /// Parameters of the copy that targets are computed with.
    #[serde(with = "numbers")]
    pub target: Vec<f32>,
}

impl Critic {
    fn new(shape: Shape, stream: Stream) -> Self {
        let network = Network::new(shape, 1.0, stream);
        Self { target: network.parameters.clone(), network }
    }

    fn follow(&mut self, tau: f32) {
        let parameters = &self.network.parameters;
        self.target.iter_mut().zip(parameters).for_each(|(t, p)| *t += tau * (p - *t));
    }
}

/// α, the price of a nat of entropy in units of reward, kept as its logarithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    pub log: f32,
    pub moments: Moments,
}

impl Temperature {
    fn new(alpha: f32) -> Self {
        Self { log: alpha.ln(), moments: Moments::new(1) }
    }

    /// α.
    pub fn alpha(&self) -> f32 {
        self.log.exp()
    }

    /// One Adam step of log α on α · mean(-(log π + H)), H the target entropy, where only α is
    /// differentiated: α falls while the entropy is above H (algorithms.md §5).
    pub fn descend(&mut self, log_density: f32, target_entropy: f32, settings: &adam::Settings) {
        let gradient = -self.alpha() * (log_density + target_entropy);
        self.moments.descend(std::slice::from_mut(&mut self.log), &[gradient], settings);
    }
}

/// Everything that training goes on from beside the replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights<N = Network> {
    /// From the observation to the means of u, then log σ; see [`Squashed`].
    pub policy: N,
    pub critics: [Critic<N>; 2],
    pub temperature: Temperature,
    /// Optimiser steps of the policy so far.
    pub updates: u64,
    /// Of phase II.
    pub discriminator: Option<Discriminator<N>>,
}

/// What an optimiser step found: averages over its rows, before it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// mean(α log π - min Q).
    pub policy: f64,
    /// Σ over both critics of the mean squared error.
    pub critic: f64,
    /// -mean log π, in nats.
    pub entropy: f64,
    /// mean min Q of the policy's own actions.
    pub value: f64,
}

impl Weights {
    /// New networks for observations and actions of these widths.
    pub fn new(observation: usize, action: usize, config: &Config, seed: u64) -> Self {
        let stream = |name| Stream::new(seed, name);
        let policy = Shape::new(observation, &config.hidden, 2 * action);
        let critic = Shape::new(observation + action, &config.hidden, 1);
        Self {
            // A small last layer: evenly spread actions at first, in every state.
            policy: Network::new(policy, 0.01, stream("policy weights")),
            critics: ["critic weights", "second critic weights"]
                .map(|name| Critic::new(critic.clone(), stream(name))),
            temperature: Temperature::new(config.initial_temperature),
            updates: 0,
            discriminator: None,
        }
    }

    /// Numbers of an action.
    pub fn action(&self) -> usize {
        self.policy.shape.outputs() / 2
    }

    /// Actions of what is seen, `[rows, observation]`; those of a row at `index` depend on nothing
    /// else.
    pub fn sample(&self, observations: &[f32], noise: Stream, index: u64) -> Vec<f32> {
        let rows = observations.len() / self.policy.shape.inputs();
        let noise = normals(noise, index, rows, self.action());
        draw(&self.policy.infer(observations), &noise, rows).actions
    }

    /// One optimiser step of everything on a batch, of which the policy learns from the first
    /// `online` rows, at least one. The noise is indexed by the number of the step.
    pub fn update(
        &mut self,
        batch: &Transitions,
        online: usize,
        config: &Config,
        noise: Stream,
    ) -> Losses {
        let (rows, dim, adam) = (batch.rewards.len(), self.action(), config.adam());
        // Next actions and actions of the policy have rows of their own in the stream.
        let noise = normals(noise, self.updates, rows + online, dim);
        let (of_next, of_actions) = noise.split_at(rows * dim);
        let alpha = self.temperature.alpha();

        let targets = self.targets(batch, config.gamma, alpha, of_next);
        let pairs = join(&batch.observations, &batch.actions, rows);
        let mut critic = 0.0;
        for Critic { network, .. } in &mut self.critics {
            critic += network.descend(&pairs, &adam, squared_error(&targets))[0];
        }

        let width = self.policy.shape.inputs();
        let observations = &batch.observations[..online * width];
        let loss = policy_loss(&self.critics, observations, of_actions, alpha);
        let [policy, log_density, value, ..] = self.policy.descend(observations, &adam, loss);

        self.temperature.descend(log_density as f32, config.target_entropy * dim as f32, &adam);
        self.critics.iter_mut().for_each(|critic| critic.follow(config.tau));
        self.updates += 1;
        Losses { policy, critic, entropy: -log_density, value }
    }

    /// y = r + γ (1 - d) (min Q̄(s', a') - α log π(a'|s')) with a' of the policy, `[rows]`
    /// (algorithms.md §5).
    fn targets(&self, batch: &Transitions, gamma: f32, alpha: f32, noise: &[f32]) -> Vec<f32> {
        let (rows, next) = (batch.rewards.len(), &batch.next_observations);
        let output = evaluate(&self.policy.shape, &self.policy.parameters, next);
        let Drawn { actions, log_densities } = draw(&output, noise, rows);
        let pairs = join(next, &actions, rows);
        let value = |critic: &Critic| evaluate(&critic.network.shape, &critic.target, &pairs);
        let [a, b] = self.critics.each_ref().map(value);
        (0..rows)
            .map(|row| {
                let follows = f32::from(u8::from(!batch.terminated[row]));
                let value = a[row].min(b[row]) - alpha * log_densities[row];
                batch.rewards[row] + gamma * follows * value
            })
            .collect()
    }
}

/// mean (Q - y)².
fn squared_error(targets: &[f32]) -> impl Fn(Range<usize>, &[f32], &mut [f32]) -> Tally + Sync {
    let share = 1.0 / targets.len() as f32;
    move |range, values, d_values| {
        let mut loss = 0.0;
        for ((value, target), d) in values.iter().zip(&targets[range]).zip(d_values) {
            let error = value - target;
            loss += f64::from(share * error * error);
            *d = 2.0 * share * error;
        }
        [loss, 0.0, 0.0, 0.0, 0.0]
    }
}

/// mean (α log π(a|s) - min Q(s, a)) with a of the policy, whose noise is held fixed. Tally: the
/// loss, mean log π, mean min Q.
fn policy_loss<'a>(
    critics: &'a [Critic; 2],
    observations: &'a [f32],
    noise: &'a [f32],
    alpha: f32,
) -> impl Fn(Range<usize>, &[f32], &mut [f32]) -> Tally + Sync + 'a {
    let pair = critics[0].network.shape.inputs();
    move |range, output, d_output| {
        let n = range.len();
        let dim = output.len() / (2 * n);
        let width = pair - dim;
        let rows = noise.len() / dim;
        let share = 1.0 / rows as f32;
        let noise = &noise[range.start * dim..range.end * dim];
        let observations = &observations[range.start * width..range.end * width];
        let Drawn { actions, log_densities } = draw(output, noise, n);

        let pairs = join(observations, &actions, n);
        let mut passes: [Scratch; 2] = Default::default();
        for (Critic { network, .. }, pass) in critics.iter().zip(&mut passes) {
            traced(Stage::Forward, || {
                forward(&network.shape, &network.parameters, &pairs, n, pass);
            });
        }
        let [a, b] = passes.each_ref().map(|pass| pass.output().to_vec());
        // The gradient goes through the critic that says less, row by row.
        let mut d_actions = vec![0.0; n * dim];
        for (i, (Critic { network, .. }, pass)) in critics.iter().zip(&mut passes).enumerate() {
            let chosen = |row: usize| (a[row] <= b[row]) == (i == 0);
            let d_value: Vec<f32> =
                (0..n).map(|row| if chosen(row) { -share } else { 0.0 }).collect();
            let d_pairs = traced(Stage::Backward, || {
                backward_to_inputs(&network.shape, &network.parameters, n, &d_value, pass)
            });
            for (sum, d_pair) in d_actions.chunks_exact_mut(dim).zip(d_pairs.chunks_exact(pair)) {
                sum.iter_mut().zip(&d_pair[width..]).for_each(|(s, d)| *s += d);
            }
        }
        let mut tally = Tally::default();
        for row in 0..n {
            let (out, act) = (2 * dim * row..2 * dim * (row + 1), dim * row..dim * (row + 1));
            Squashed::new(&output[out.clone()]).add_draw_gradient(
                &noise[act.clone()],
                &actions[act.clone()],
                &d_actions[act],
                alpha * share,
                &mut d_output[out],
            );
            let (log_density, value) = (log_densities[row], a[row].min(b[row]));
            tally[0] += f64::from(share * (alpha * log_density - value));
            tally[1] += f64::from(share * log_density);
            tally[2] += f64::from(share * value);
        }
        tally
    }
}

/// Actions of the policy.
struct Drawn {
    /// `[rows, action]`
    actions: Vec<f32>,
    /// `[rows]`
    log_densities: Vec<f32>,
}

/// Draws actions by a network's output, `[rows, 2 action]`, with noise, `[rows, action]`.
fn draw(output: &[f32], noise: &[f32], rows: usize) -> Drawn {
    let dim = noise.len() / rows;
    let mut actions = vec![0.0; noise.len()];
    let parts = output.chunks_exact(2 * dim).zip(noise.chunks_exact(dim));
    let log_densities = parts
        .zip(actions.chunks_exact_mut(dim))
        .map(|((output, noise), action)| Squashed::new(output).draw(noise, action))
        .collect();
    Drawn { actions, log_densities }
}

/// Rows of two matrices side by side: what critics and discriminators take.
pub(super) fn join(observations: &[f32], actions: &[f32], rows: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity(observations.len() + actions.len());
    let (width, dim) = (observations.len() / rows, actions.len() / rows);
    for (observation, action) in observations.chunks_exact(width).zip(actions.chunks_exact(dim)) {
        joined.extend_from_slice(observation);
        joined.extend_from_slice(action);
    }
    joined
}
