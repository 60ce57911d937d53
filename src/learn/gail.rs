//! Generative adversarial imitation (Ho and Ermon 2016) on top of SAC: phase II of the paper for
//! ManiSkill, which learns from rewards and demonstrations at once.
//!
//! D(s, a) is the probability that a pair is the policy's. Rewards become
//! β r + (1 - β)(-log D): the paper prints "+ log D", which would reward being recognised as the
//! policy; the derivation of the sign is in algorithms.md §6.

use super::{
    adam,
    agent::Pairs,
    loss::Tally,
    mlp::Shape,
    network::Network,
    replay::{Demonstrations, Replay, Transitions},
    sac::join,
};
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};

/// Settings of GAIL. Defaults are Table 11 of the paper; what it leaves open follows the code that
/// the paper builds on (algorithms.md §6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// β: the share of the environment's reward.
    pub beta: f32,
    /// Of the discriminator.
    pub learning_rate: f32,
    /// Pairs of the policy, and as many of the demonstrations, in an optimiser step of the
    /// discriminator.
    pub minibatch: usize,
    /// Optimiser steps of the discriminator in a round.
    pub updates: usize,
    /// Optimiser steps of the policy between two rounds.
    pub interval: u64,
    /// The discriminator sees what was played since its last round, at most so many samples.
    pub fresh: u64,
    /// Transitions that `gslab train` has the environment's scripted policy demonstrate; 0 for
    /// none, which is SAC alone. In GSL specialists demonstrate.
    pub expert_samples: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            beta: 0.3,
            learning_rate: 3e-4,
            minibatch: 200,
            updates: 5,
            interval: 100,
            fresh: 6000,
            expert_samples: 0,
        }
    }
}

/// Most that imitation may reward a step: what a discriminator that is sure of itself makes of
/// -log D has no bound.
const MOST: f32 = 10.0;

/// D and when it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discriminator<N = Network> {
    /// From the observation, then the action, to the logit z of D = 1 / (1 + e^-z).
    pub network: N,
    /// Optimiser steps that the policy made with it.
    pub steps: u64,
    /// The first row of the replay that it has not been taught.
    pub fresh_from: u64,
}

/// A network that tells the policy's pairs from the experts'.
pub trait Judge {
    /// The logit z of every pair, `[rows]`.
    fn logits(&self, pairs: &Transitions) -> Vec<f32>;

    /// One Adam step on -mean log D of the policy's pairs - mean log(1 - D) of the experts';
    /// returns it.
    fn step(
        &mut self,
        policy: &Transitions,
        experts: &Transitions,
        settings: &adam::Settings,
    ) -> f64;
}

/// Averages over a batch's rows of both parts of its rewards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rewards {
    /// β r.
    pub environment: f64,
    /// (1 - β)(-log D).
    pub imitation: f64,
}

impl Discriminator {
    /// A new one, for observations and actions of these widths.
    pub fn new(observation: usize, action: usize, hidden: &[usize], stream: Stream) -> Self {
        let shape = Shape::new(observation + action, hidden, 1);
        // A small last layer: it has no opinion at first.
        Self { network: Network::new(shape, 0.01, stream), steps: 0, fresh_from: 0 }
    }
}

impl<N> Discriminator<N> {
    /// The same with another network in the place of its own.
    pub fn map<M>(self, map: impl FnOnce(N) -> M) -> Discriminator<M> {
        let Self { network, steps, fresh_from } = self;
        Discriminator { network: map(network), steps, fresh_from }
    }

    /// The same with a borrowed network.
    pub fn as_ref(&self) -> Discriminator<&N> {
        let Self { network, steps, fresh_from } = self;
        Discriminator { network, steps: *steps, fresh_from: *fresh_from }
    }
}

impl<N: Judge> Discriminator<N> {
    /// A round of optimiser steps if one is due, on what was played since the last round and on
    /// demonstrations; the average loss in nats, of a round. To be called before every optimiser
    /// step of the policy.
    pub fn learn(
        &mut self,
        replay: &Replay,
        demonstrations: &Demonstrations,
        config: &Config,
        draws: Stream,
    ) -> Option<f64> {
        let (round, due) =
            (self.steps / config.interval, self.steps.is_multiple_of(config.interval));
        self.steps += 1;
        if !due {
            return None;
        }
        let played = replay.rows();
        let oldest = played.end.saturating_sub(config.fresh).max(played.start);
        // Without anything new, as when a round is due before the next samples, the latest are.
        let fresh = self.fresh_from.max(oldest).min(played.end - 1)..played.end;
        self.fresh_from = played.end;
        let settings =
            adam::Settings { learning_rate: config.learning_rate, max_grad_norm: f32::INFINITY };
        let mut sum = 0.0;
        for update in 0..config.updates {
            let index = round * config.updates as u64 + update as u64;
            let rows = replay.draw(fresh.clone(), config.minibatch, draws, index);
            let experts = demonstration_rows(demonstrations, config.minibatch, draws, index);
            sum += self.step(&replay.gather(&rows), &demonstrations.gather(&experts), &settings);
        }
        Some(sum / config.updates as f64)
    }

    /// [`Judge::step`].
    pub fn step(
        &mut self,
        policy: &Transitions,
        experts: &Transitions,
        settings: &adam::Settings,
    ) -> f64 {
        self.network.step(policy, experts, settings)
    }

    /// -log D = log(1 + e^-z) of every pair, in [0, 10].
    pub fn rewards(&self, batch: &Transitions) -> Vec<f32> {
        self.network.logits(batch).into_iter().map(|z| softplus(-z).min(MOST)).collect()
    }

    /// Mixes what imitation rewards, by D as it is now, into the rewards of a batch.
    pub fn relabel(&self, batch: &mut Transitions, beta: f32) -> Rewards {
        let imitation = self.rewards(batch);
        let share = 1.0 / batch.rows() as f64;
        let mut parts = Rewards::default();
        for (reward, imitation) in batch.rewards.iter_mut().zip(imitation) {
            let (environment, imitation) = (beta * *reward, (1.0 - beta) * imitation);
            parts.environment += share * f64::from(environment);
            parts.imitation += share * f64::from(imitation);
            *reward = environment + imitation;
        }
        parts
    }
}

impl Judge for Network {
    fn logits(&self, pairs: &Transitions) -> Vec<f32> {
        self.infer(&join(&pairs.observations, &pairs.actions, pairs.rows()))
    }

    fn step(
        &mut self,
        policy: &Transitions,
        experts: &Transitions,
        settings: &adam::Settings,
    ) -> f64 {
        let (of_policy, of_experts) = (policy.rows(), experts.rows());
        let mut pairs = join(&policy.observations, &policy.actions, of_policy);
        pairs.extend(join(&experts.observations, &experts.actions, of_experts));
        let shares = [1.0 / of_policy as f32, 1.0 / of_experts as f32];
        self.descend(&pairs, settings, |range, logits, d_logits| {
            let mut tally = Tally::default();
            for ((row, &z), d) in range.zip(logits).zip(d_logits) {
                // Cross entropy with the target 1 of the policy, 0 of the experts.
                let (share, signed) =
                    if row < of_policy { (shares[0], -z) } else { (shares[1], z) };
                tally[0] += f64::from(share * softplus(signed));
                *d = share * sigmoid(signed) * if row < of_policy { -1.0 } else { 1.0 };
            }
            tally
        })[0]
    }
}

/// `count` rows of demonstrations, drawn evenly with replacement; the k-th at `index` depends on
/// nothing else. The lanes are others than those that rows of a replay are drawn from.
pub fn demonstration_rows(
    of: &Demonstrations,
    count: usize,
    draws: Stream,
    index: u64,
) -> Vec<u32> {
    let rows = of.rows() as u32;
    (0..count as u32).map(|k| draws.below(u32::MAX - k, index, rows)).collect()
}

/// log(1 + e^x) without overflow.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::sac::{self, Weights};

    fn pairs(actions: Vec<f32>) -> Transitions {
        let rows = actions.len();
        Transitions {
            observations: vec![1.0; rows],
            actions,
            rewards: vec![0.0; rows],
            next_observations: vec![1.0; rows],
            terminated: vec![true; rows],
        }
    }

    /// A discriminator of one observation and one action.
    fn discriminator() -> Discriminator {
        Discriminator::new(1, 1, &[16], Stream::new(2, "discriminator"))
    }

    #[test]
    fn the_loss_and_its_gradient_equal_the_definition() {
        let (policy, experts) = (pairs(vec![-0.8, -0.3, -0.9]), pairs(vec![0.5, 0.1]));
        let mut discriminator = discriminator();
        let settings = adam::Settings { learning_rate: 1e-2, max_grad_norm: f32::INFINITY };
        let probability = |d: &Discriminator, batch: &Transitions| -> Vec<f64> {
            // rewards() is -log D.
            d.rewards(batch).iter().map(|r| f64::from(-r).exp()).collect()
        };
        let loss = |d: &Discriminator| {
            let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
            let of_policy = probability(d, &policy).iter().map(|p| -p.ln()).collect();
            let of_experts = probability(d, &experts).iter().map(|p| -(1.0 - p).ln()).collect();
            mean(of_policy) + mean(of_experts)
        };
        let mut last = f64::INFINITY;
        for _ in 0..300 {
            let expected = loss(&discriminator);
            let found = discriminator.step(&policy, &experts, &settings);
            assert!((found - expected).abs() < 1e-4, "{found} against {expected}");
            last = found;
        }
        assert!(last < 0.2, "pairs that are apart are not told apart: {last}");
        assert!(probability(&discriminator, &policy).iter().all(|&p| p > 0.8));
        assert!(probability(&discriminator, &experts).iter().all(|&p| p < 0.2));
    }

    #[test]
    fn imitation_rewards_are_bounded_and_mixed_by_beta() {
        let mut discriminator = discriminator();
        let mut batch = pairs(vec![0.4, -0.9]);
        batch.rewards = vec![-2.0, 1.0];
        let imitation = discriminator.rewards(&batch);
        let parts = discriminator.relabel(&mut batch, 0.3);
        for (row, reward) in [-2.0, 1.0].into_iter().enumerate() {
            assert!((batch.rewards[row] - (0.3 * reward + 0.7 * imitation[row])).abs() < 1e-6);
        }
        assert!((parts.environment + 0.3 * 0.5).abs() < 1e-6);
        let mean = f64::from(imitation[0] + imitation[1]) / 2.0;
        assert!((parts.imitation - 0.7 * mean).abs() < 1e-6);
        for bias in [-1e4, 1e4] {
            *discriminator.network.parameters.last_mut().unwrap() = bias;
            let rewards = discriminator.rewards(&batch);
            assert!(rewards.iter().all(|r| (0.0..=10.0).contains(r)), "{rewards:?}");
            assert_eq!(rewards[0], if bias < 0.0 { 10.0 } else { 0.0 });
        }
    }

    /// P(arm 1) of a policy after GAIL on a bandit of one step: arm 1 is any action above 0, and
    /// the expert always plays it. Imitation is rewarded by `sign` times -log D.
    fn bandit(sign: f32) -> f32 {
        let config = sac::Config {
            hidden: vec![16],
            learning_rate: 1e-2,
            gamma: 0.0,
            initial_temperature: 0.1,
            target_entropy: 0.0,
            ..sac::Config::default()
        };
        let settings = adam::Settings { learning_rate: 1e-2, max_grad_norm: f32::INFINITY };
        let mut weights = Weights::new(1, 1, &config, 5);
        let mut discriminator = discriminator();
        let draws = Stream::new(6, "expert");
        let expert = |index| {
            let action = |i| 0.2 + 0.6 * draws.uniform(i, index)[0];
            pairs((0..64).map(action).collect())
        };
        for round in 0..150 {
            let mut played = pairs(weights.sample(&[1.0; 64], Stream::new(7, "play"), round));
            discriminator.step(&played, &expert(round), &settings);
            played.rewards = discriminator.rewards(&played).iter().map(|r| sign * r).collect();
            weights.update(&played, 64, &config, Stream::new(8, "noise"));
        }
        let actions = weights.sample(&[1.0; 1000], Stream::new(9, "measure"), 0);
        actions.iter().filter(|a| **a > 0.0).count() as f32 / 1000.0
    }

    /// Oracle 3 of algorithms.md §13.
    #[test]
    fn imitation_raises_the_probability_of_the_experts_arm_and_the_printed_sign_lowers_it() {
        let (right, printed) = (bandit(1.0), bandit(-1.0));
        println!("P(arm 1): -log D {right}, +log D {printed}");
        assert!(right > 0.6, "{right}");
        assert!(printed < 0.4, "{printed}");
    }
}
