//! The agent that sees vectors and does real numbers: a Gaussian policy and a value network.

use super::{
    actor_critic::{ActorCritic, Weights, sample},
    agent::{Acting, Agent, Chosen, Parameters, Policy, Shown},
    dapg::{Demonstrations, Guide},
    ppo,
    rollout::{self, Rollout, Vectors},
};
use crate::{device::Device, pool::Pool};
use gslab_envs::rng::Stream;

impl Policy for dyn ActorCritic + '_ {
    fn act(&mut self, pool: &Pool, acting: Acting, noise: Stream, index: u64) -> Chosen {
        let log_std = self.log_std();
        let mut mean = vec![0.0; pool.len() * log_std.len()];
        self.policy_mean(pool.observations(), &mut mean);
        if acting == Acting::Mean {
            return Chosen::Continuous(mean);
        }
        let (mut actions, mut log_densities) = (vec![0.0; mean.len()], vec![0.0; pool.len()]);
        sample(&mean, &log_std, noise, index, &mut actions, &mut log_densities);
        Chosen::Continuous(actions)
    }
}

/// On whatever device.
pub type GaussianAgent = Box<dyn ActorCritic>;

impl Policy for GaussianAgent {
    fn act(&mut self, pool: &Pool, acting: Acting, noise: Stream, index: u64) -> Chosen {
        (**self).act(pool, acting, noise, index)
    }
}

impl Parameters for Weights {
    fn form(&self) -> String {
        format!("networks with layers {:?} and {:?}", self.policy_shape.0, self.value_shape.0)
    }

    fn is_finite(&self) -> bool {
        self.policy.iter().chain(&self.value).all(|x| x.is_finite())
    }

    fn measured(&self) -> Vec<String> {
        (0..self.log_std().len()).map(|d| format!("std_{d}")).collect()
    }
}

impl Agent for GaussianAgent {
    type Weights = Weights;
    type Experience = Vectors;
    type Demonstrations = Demonstrations;

    fn new(device: &Device, _environment: &str, weights: Weights) -> Self {
        device.actor_critic(weights)
    }

    fn collect(
        &mut self,
        pool: &mut Pool,
        steps: usize,
        noise: Stream,
        first_step: u64,
    ) -> Rollout {
        rollout::collect(pool, &mut **self, steps, noise, first_step)
    }

    fn update(
        &mut self,
        rollout: &Rollout,
        config: &ppo::Config,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report {
        let mut guide =
            shown.map(|shown| Guide::new(shown.demonstrations, shown.config, shown.shuffle));
        let auxiliary = guide.as_mut().map(|guide| guide as &mut dyn ppo::Auxiliary);
        ppo::update(&mut **self, rollout, config, shuffle, iteration, auxiliary)
    }

    fn weights(&self) -> Weights {
        (**self).weights()
    }

    fn measures(&self) -> Vec<f64> {
        self.log_std().iter().map(|s| f64::from(s.exp())).collect()
    }

    fn fix_std(&mut self, std: f32) {
        (**self).fix_std(std);
    }
}
