//! A policy and a value network with their optimiser: what every on-policy algorithm trains.

use super::{
    adam::{Moments, Settings},
    gaussian::{Gaussian, MeanBound},
    loss::{Head, Tally, Term},
    mlp::Shape,
    numbers,
};
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};

/// A Gaussian policy and a value function that share nothing, on some device.
pub trait ActorCritic: Send {
    /// Mean actions, `[n, action]`, of observations, `[n, observation]`.
    fn policy_mean(&mut self, observations: &[f32], mean: &mut [f32]);
    /// Values, `[n]`, of observations, `[n, observation]`.
    fn value(&mut self, observations: &[f32], value: &mut [f32]);
    /// Log of the policy's standard deviations, `[action]`.
    fn log_std(&self) -> Vec<f32>;
    /// Fixes every standard deviation of the policy at `std`, in action units, until it is set
    /// again.
    fn fix_std(&mut self, std: f32);
    /// One Adam step of each network that a term trains, on the sum of the terms; the gradient
    /// norms of the two networks are clipped apart. Returns each term's tally.
    fn minimise(&mut self, terms: &[Term<'_>], settings: &Settings) -> Vec<Tally>;
    /// Everything that training goes on from.
    fn weights(&self) -> Weights;
}

/// Form of the networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub observation: usize,
    pub action: usize,
    pub hidden: Vec<usize>,
    /// Standard deviation of a new policy, in action units.
    pub initial_std: f32,
    /// Range that the standard deviation is kept in.
    pub std_range: (f32, f32),
    /// How far mean actions reach, in action units.
    pub mean_bound: MeanBound,
}

/// Parameters and moments of both networks, on the host; the same on every device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    pub policy_shape: Shape,
    pub value_shape: Shape,
    /// The network, then log σ for each action.
    #[serde(with = "numbers")]
    pub policy: Vec<f32>,
    #[serde(with = "numbers")]
    pub value: Vec<f32>,
    pub policy_moments: Moments,
    pub value_moments: Moments,
    pub log_std_range: (f32, f32),
    pub mean_bound: MeanBound,
}

impl Weights {
    /// New networks: orthogonal, gain 0.01 for the mean and 1 for the value.
    pub fn new(architecture: &Architecture, seed: u64) -> Self {
        let Architecture { observation, action, hidden, initial_std, std_range, mean_bound } =
            architecture;
        let policy_shape = Shape::new(*observation, hidden, *action);
        let value_shape = Shape::new(*observation, hidden, 1);
        let mut policy = policy_shape.orthogonal(0.01, Stream::new(seed, "policy weights"));
        policy.extend(std::iter::repeat_n(initial_std.ln(), *action));
        let value = value_shape.orthogonal(1.0, Stream::new(seed, "value weights"));
        Self {
            policy_moments: Moments::new(policy.len()),
            value_moments: Moments::new(value.len()),
            log_std_range: (std_range.0.ln(), std_range.1.ln()),
            mean_bound: *mean_bound,
            policy_shape,
            value_shape,
            policy,
            value,
        }
    }

    pub fn of(&self, head: Head) -> (&[f32], &Moments) {
        match head {
            Head::Policy => (&self.policy, &self.policy_moments),
            Head::Value => (&self.value, &self.value_moments),
        }
    }

    pub fn of_mut(&mut self, head: Head) -> (&mut [f32], &mut Moments) {
        match head {
            Head::Policy => (&mut self.policy, &mut self.policy_moments),
            Head::Value => (&mut self.value, &mut self.value_moments),
        }
    }

    /// Log σ for each action.
    pub fn log_std(&self) -> &[f32] {
        &self.policy[self.policy_shape.parameters()..]
    }

    /// Puts log σ back into its range after a step, so that its gradient never dies outside.
    pub fn keep_log_std_in_range(&mut self) {
        let (low, high) = self.log_std_range;
        let network = self.policy_shape.parameters();
        self.policy[network..].iter_mut().for_each(|s| *s = s.clamp(low, high));
    }
}

/// Draws actions around their means, `[n, action]`; the noise of row i at `index` depends on
/// nothing else. Writes the log-densities, `[n]`.
pub fn sample(
    mean: &[f32],
    log_std: &[f32],
    noise: Stream,
    index: u64,
    actions: &mut [f32],
    log_densities: &mut [f32],
) {
    let dim = log_std.len();
    let gaussian = Gaussian::new(log_std);
    for (row, log_density) in log_densities.iter_mut().enumerate() {
        let span = row * dim..(row + 1) * dim;
        let (mean, action) = (&mean[span.clone()], &mut actions[span]);
        for d in 0..dim {
            let block = index * dim.div_ceil(4) as u64 + (d / 4) as u64;
            let normal = noise.normal(row as u32, block)[d % 4];
            action[d] = mean[d] + log_std[d].exp() * normal;
        }
        *log_density = gaussian.log_density(action, mean);
    }
}
