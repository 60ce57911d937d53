//! What acts and learns, whatever it sees and does.

use super::{adam, dapg, ppg, ppo, rollout::Rollout};
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
    /// Environments that `idle` names by a true get any action; it may be empty.
    fn act(
        &mut self,
        pool: &Pool,
        idle: &[bool],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Chosen;
}

/// What an agent goes on from.
pub trait Parameters: Clone + Send + Sync + Serialize + DeserializeOwned {
    /// Form of the networks, in words: parameters fit if and only if it is the same.
    fn form(&self) -> String;
    /// Whether every parameter is a finite number.
    fn is_finite(&self) -> bool;
    /// Names of [`Agent::measures`].
    fn measured(&self) -> Vec<String>;
    /// The same networks with an optimiser that has seen nothing yet: what a specialist starts
    /// from.
    fn with_fresh_moments(self) -> Self;
    /// The same networks with every standard deviation of the policy set to `std`, in action
    /// units; 0, or a policy without any, changes nothing.
    fn with_std(self, std: f32) -> Self;
}

/// State-action pairs to imitate.
pub trait Pairs: Clone + Default + Send + Sync + Serialize + DeserializeOwned {
    /// Number of pairs.
    fn rows(&self) -> usize;
    fn append(&mut self, other: &Self);
    /// The first `rows` of them, or all.
    fn first(self, rows: usize) -> Self;
}

/// Demonstrations with how they are used.
pub struct Shown<'a, D> {
    pub demonstrations: &'a D,
    pub config: &'a dapg::Config,
    pub shuffle: Stream,
}

/// How an agent learns from experience.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learning {
    pub ppo: ppo::Config,
    /// Of agents that learn in two alternating phases.
    pub ppg: ppg::Config,
}

/// A policy that collects experience and learns from it by PPO, or by PPG on top of it.
pub trait Agent: Policy + Send {
    type Weights: Parameters;
    /// What was seen and done; see [`Rollout`].
    type Experience;
    /// What can be shown to it.
    type Demonstrations: Pairs;

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
        rollout: Rollout<Self::Experience>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Self::Demonstrations>>,
    ) -> ppo::Report;

    /// Whether [`Self::weights`] are all that training goes on from. Between the auxiliary phases
    /// of PPG they are not: the experience since the last one counts, too.
    fn is_settled(&self) -> bool {
        true
    }

    /// Makes it so, before training ends or pauses for good.
    fn settle(&mut self, _learning: &Learning, _shuffle: Stream, _iteration: u64) {}

    /// What was seen and done in rows of a rollout, to be imitated.
    fn demonstrations(rollout: &Rollout<Self::Experience>, rows: &[usize]) -> Self::Demonstrations;

    /// One optimiser step towards rows of demonstrations; -mean log π(a|s) of them before it, in
    /// nats.
    fn imitate(
        &mut self,
        demonstrations: &Self::Demonstrations,
        rows: &[u32],
        adam: &adam::Settings,
    ) -> f64;

    /// -mean log π(a|s) of rows of demonstrations, at least one, in nats.
    fn negative_log_likelihood(
        &mut self,
        demonstrations: &Self::Demonstrations,
        rows: &[u32],
    ) -> f64;

    /// Everything that training goes on from.
    fn weights(&self) -> Self::Weights;

    /// Numbers worth a column in the metrics, such as standard deviations.
    fn measures(&self) -> Vec<f64>;

    /// Fixes every standard deviation of a policy that has them, in action units, until it is set
    /// again.
    fn fix_std(&mut self, std: f32);
}
