//! The agent that sees vectors and does real numbers: a Gaussian policy and a value network.

use super::{
    actor_critic::{ActorCritic, Weights, sample},
    adam::{self, Moments},
    agent::{Acting, Agent, Chosen, Learning, Parameters, Policy, Shown},
    bc::LogLikelihood,
    dapg::{Demonstrations, Guide},
    gaussian::Gaussian,
    loss::{Head, Term},
    ppo::{self, gather},
    rollout::{self, Rollout, Vectors},
};
use crate::{device::Device, pool::Pool};
use gslab_envs::rng::Stream;

impl Policy for dyn ActorCritic + '_ {
    fn act(
        &mut self,
        pool: &Pool,
        _idle: &[bool],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Chosen {
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
    fn act(
        &mut self,
        pool: &Pool,
        idle: &[bool],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Chosen {
        (**self).act(pool, idle, acting, noise, index)
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

    fn with_fresh_moments(mut self) -> Self {
        self.policy_moments = Moments::new(self.policy.len());
        self.value_moments = Moments::new(self.value.len());
        self
    }

    /// Widens the limits of the standard deviation if need be: a schedule has narrowed them.
    fn with_std(mut self, std: f32) -> Self {
        if std > 0.0 {
            let (low, high) = self.log_std_range;
            self.log_std_range = (low.min(std.ln()), high.max(std.ln()));
            let network = self.policy_shape.parameters();
            self.policy[network..].fill(std.ln());
        }
        self
    }
}

impl Agent for GaussianAgent {
    type Weights = Weights;
    type Report = ppo::Report;
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
        rollout: Rollout,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report {
        let mut guide =
            shown.map(|shown| Guide::new(shown.demonstrations, shown.config, shown.shuffle));
        let auxiliary = guide.as_mut().map(|guide| guide as &mut dyn ppo::Auxiliary);
        ppo::update(&mut **self, &rollout, &learning.ppo, shuffle, iteration, auxiliary)
    }

    /// The actions are what the world did, not what was sampled: it clips every one to [-1, 1].
    fn demonstrations(rollout: &Rollout, rows: &[usize]) -> Demonstrations {
        let take = |values: &[f32]| -> Vec<f32> {
            let width = values.len() / rollout.rows();
            rows.iter().flat_map(|&r| &values[r * width..(r + 1) * width]).copied().collect()
        };
        let Vectors { observations, actions, .. } = &rollout.experience;
        let mut actions = take(actions);
        actions.iter_mut().for_each(|a| *a = a.clamp(-1.0, 1.0));
        Demonstrations { observations: take(observations), actions, rows: rows.len() }
    }

    fn imitate(
        &mut self,
        demonstrations: &Demonstrations,
        rows: &[u32],
        adam: &adam::Settings,
    ) -> f64 {
        let Demonstrations { observations, actions, rows: of } = demonstrations;
        let observations = gather(observations, rows, *of);
        let loss = LogLikelihood { actions: gather(actions, rows, *of), rows: rows.len() };
        let term = Term { head: Head::Policy, observations: &observations, loss: &loss };
        self.minimise(&[term], adam)[0][0]
    }

    fn negative_log_likelihood(&mut self, demonstrations: &Demonstrations, rows: &[u32]) -> f64 {
        let Demonstrations { observations, actions, rows: of } = demonstrations;
        let gaussian = Gaussian::new(&self.log_std());
        let actions = gather(actions, rows, *of);
        let mut mean = vec![0.0; actions.len()];
        self.policy_mean(&gather(observations, rows, *of), &mut mean);
        let dim = actions.len() / rows.len();
        let pairs = actions.chunks(dim).zip(mean.chunks(dim));
        let sum: f64 = pairs.map(|(a, m)| f64::from(gaussian.log_density(a, m))).sum();
        -sum / rows.len() as f64
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{actor_critic::Architecture, gaussian::MeanBound};

    #[test]
    fn a_standard_deviation_can_be_set_after_it_was_scheduled() {
        let architecture = Architecture {
            observation: 5,
            action: 2,
            hidden: vec![8],
            initial_std: 1.0,
            std_range: (0.05, 1.0),
            mean_bound: MeanBound::NONE,
        };
        let weights = Weights::new(&architecture, 0);
        for std in [0.05, 0.01, 3.0] {
            let mut agent = GaussianAgent::new(&Device::Cpu, "maze", weights.clone());
            agent.fix_std(0.4);
            let after = Agent::weights(&agent).with_std(std);
            let mut agent = GaussianAgent::new(&Device::Cpu, "maze", after);
            assert!(Agent::measures(&agent).iter().all(|s| (s - f64::from(std)).abs() < 1e-6));
            agent.fix_std(0.4);
            assert!(Agent::measures(&agent).iter().all(|s| (s - 0.4).abs() < 1e-6));
        }
        let kept = weights.clone().with_std(0.0);
        assert_eq!(kept, weights);
    }
}
