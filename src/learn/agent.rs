//! What acts and learns, whatever it sees and does.

use super::{dapg, ppo, rollout::Rollout};
use crate::{device::Device, pool::Pool};
use gslab_envs::{batch::Actions, rng::Stream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How actions are chosen from the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acting {
    /// The mean of the policy; of choices, the likeliest.
    Mean,
    /// A sample of the policy, as in training.
    Sampled,
}

/// Actions of a number of worlds, of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen {
    /// Row-major `[worlds, dim]`.
    Continuous(Vec<f32>),
    /// `[worlds]`.
    Discrete(Vec<u32>),
}

impl Chosen {
    pub fn actions(&self) -> Actions<'_> {
        match self {
            Self::Continuous(actions) => Actions::Continuous(actions),
            Self::Discrete(actions) => Actions::Discrete(actions),
        }
    }
}

/// Chooses actions in the environments of a pool.
pub trait Policy {
    /// Actions on what is seen now; the noise of environment i at `index` depends on nothing else.
    fn act(&mut self, pool: &Pool, acting: Acting, noise: Stream, index: u64) -> Chosen;
}

/// What an agent goes on from.
pub trait Parameters: Clone + Send + Sync + Serialize + DeserializeOwned {
    /// Form of the networks, in words: parameters fit if and only if it is the same.
    fn form(&self) -> String;
    /// Whether every parameter is a finite number.
    fn is_finite(&self) -> bool;
    /// Names of [`Agent::measures`].
    fn measured(&self) -> Vec<String>;
}

/// Demonstrations with how they are used.
pub struct Shown<'a, D> {
    pub demonstrations: &'a D,
    pub config: &'a dapg::Config,
    pub shuffle: Stream,
}

/// A policy that collects experience and learns from it by PPO.
pub trait Agent: Policy + Send {
    type Weights: Parameters;
    /// What was seen and done; see [`Rollout`].
    type Experience;
    /// What can be shown to it.
    type Demonstrations: Sync;

    /// An agent for an environment by name, on a device, that goes on from `weights`.
    fn new(device: &Device, environment: &str, weights: Self::Weights) -> Self;

    /// Plays `steps` steps of every environment with sampled actions. `first_step` counts the
    /// steps that the pool made before; with it the noise continues instead of repeating.
    fn collect(
        &mut self,
        pool: &mut Pool,
        steps: usize,
        noise: Stream,
        first_step: u64,
    ) -> Rollout<Self::Experience>;

    /// One iteration of PPO, with demonstrations of DAPG. `iteration` counts from 0 and selects
    /// the shuffling.
    fn update(
        &mut self,
        rollout: &Rollout<Self::Experience>,
        config: &ppo::Config,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Self::Demonstrations>>,
    ) -> ppo::Report;

    /// Everything that training goes on from.
    fn weights(&self) -> Self::Weights;

    /// Numbers worth a column in the metrics, such as standard deviations.
    fn measures(&self) -> Vec<f64>;

    /// Fixes every standard deviation of a policy that has them, in action units, until it is set
    /// again.
    fn fix_std(&mut self, std: f32);
}
