//! What an agent of SAC thinks with, whatever it sees and wherever it runs.

use super::{Config, Losses, Weights};
use crate::{
    device::Device,
    learn::{
        adam,
        agent::Parameters,
        gail::{Discriminator, Judge},
        loss::Tally,
        network::Network,
        replay::Transitions,
        squashed::Squashed,
    },
};
use gslab_envs::rng::Stream;
use serde::{Serialize, de::DeserializeOwned};

/// Policy, critics, temperature, and in phase II a discriminator.
pub trait Networks: Send {
    type Weights: Parameters;
    type Judge: Judge;

    /// Networks on a device that go on from `weights`.
    fn new(device: &Device, weights: Self::Weights) -> Self;

    fn weights(&self) -> Self::Weights;

    /// Numbers of an observation and of an action.
    fn widths(&self) -> (usize, usize);

    /// Optimiser steps of the policy so far.
    fn updates(&self) -> u64;

    /// α.
    fn temperature(&self) -> f32;

    /// What the policy says to observations, `[rows, observation]`: means of u, then log σ, `[rows,
    /// 2 action]`; see [`Squashed`].
    fn policy(&self, observations: &[f32]) -> Vec<f32>;

    /// One optimiser step of everything on a batch, of which the policy learns from the first
    /// `online` rows, at least one. The noise is indexed by the number of the step.
    fn update(
        &mut self,
        batch: &Transitions,
        online: usize,
        config: &Config,
        noise: Stream,
    ) -> Losses;

    /// The discriminator; a new one, of numbers that the stream gives, where there is none.
    fn discriminator(&mut self, config: &Config, new: Stream) -> &mut Discriminator<Self::Judge>;

    /// One optimiser step of the policy on -mean log π(a|s) of pairs; returns it, in nats.
    fn imitate(&mut self, pairs: &Transitions, settings: &adam::Settings) -> f64;
}

/// On vectors, on the CPU, whatever the device.
impl Networks for Weights {
    type Weights = Self;
    type Judge = Network;

    fn new(_device: &Device, weights: Self) -> Self {
        weights
    }

    fn weights(&self) -> Self {
        self.clone()
    }

    fn widths(&self) -> (usize, usize) {
        (self.policy.shape.inputs(), self.action())
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn temperature(&self) -> f32 {
        self.temperature.alpha()
    }

    fn policy(&self, observations: &[f32]) -> Vec<f32> {
        self.policy.infer(observations)
    }

    fn update(
        &mut self,
        batch: &Transitions,
        online: usize,
        config: &Config,
        noise: Stream,
    ) -> Losses {
        self.update(batch, online, config, noise)
    }

    fn discriminator(&mut self, config: &Config, new: Stream) -> &mut Discriminator {
        let (observation, action) = self.widths();
        let new = || Discriminator::new(observation, action, &config.hidden, new);
        self.discriminator.get_or_insert_with(new)
    }

    fn imitate(&mut self, pairs: &Transitions, settings: &adam::Settings) -> f64 {
        let Transitions { observations, actions, .. } = pairs;
        let (share, dim) = (1.0 / pairs.rewards.len() as f32, self.action());
        self.policy.descend(observations, settings, |range, output, d_output| {
            let mut tally = Tally::default();
            let actions = &actions[range.start * dim..range.end * dim];
            let parts = output.chunks_exact(2 * dim).zip(d_output.chunks_exact_mut(2 * dim));
            for ((output, d_output), action) in parts.zip(actions.chunks_exact(dim)) {
                let policy = Squashed::new(output);
                tally[0] -= f64::from(share * policy.log_density(action));
                policy.add_density_gradient(action, -share, d_output);
            }
            tally
        })[0]
    }
}

/// A network as it is kept, with its optimiser.
pub trait Trained: Clone + Send + Sync + Serialize + DeserializeOwned {
    /// Its form, in words.
    fn form(&self) -> String;
    /// Whether every parameter is a finite number.
    fn is_finite(&self) -> bool;
    /// The same network with an optimiser that has seen nothing yet.
    fn with_fresh_moments(self) -> Self;
}

impl Trained for Network {
    fn form(&self) -> String {
        format!("{:?}", self.shape.0)
    }

    fn is_finite(&self) -> bool {
        self.is_finite()
    }

    fn with_fresh_moments(self) -> Self {
        self.with_fresh_moments()
    }
}

impl<N: Trained> Parameters for Weights<N> {
    fn form(&self) -> String {
        let critic = &self.critics[0].network;
        format!("SAC networks with layers {} and {}", self.policy.form(), critic.form())
    }

    fn is_finite(&self) -> bool {
        let discriminator = self.discriminator.as_ref().map(|d| &d.network);
        let networks = self.critics.iter().map(|critic| &critic.network);
        networks.chain([&self.policy]).chain(discriminator).all(|network| network.is_finite())
            && self.temperature.log.is_finite()
    }

    fn measured(&self) -> Vec<String> {
        Vec::new()
    }

    /// Without a discriminator: that of another phase knew another policy.
    fn with_fresh_moments(mut self) -> Self {
        self.policy = self.policy.with_fresh_moments();
        self.critics = self.critics.map(|mut critic| {
            critic.network = critic.network.with_fresh_moments();
            critic
        });
        self.temperature.moments = adam::Moments::new(1);
        self.discriminator = None;
        self
    }

    fn with_std(self, _std: f32) -> Self {
        self
    }
}
