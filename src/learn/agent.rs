//! What acts and learns, whatever it sees and does.

use super::{
    adam, dapg, gail, ppg, ppo,
    replay::{file::Kept, inherit::Inherited},
    rollout::Rollout,
    sac,
};
use crate::{device::Device, pool::Pool, run::file::FileError};
use gslab_envs::{Spec, batch::Actions, rng::Stream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::Path;

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
    /// Makes room for `rows` more pairs of the size of those of `like`, if there is memory. What
    /// grows without it is held twice while it moves.
    fn reserve(&mut self, rows: usize, like: &Self);
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
    /// Of agents that learn off-policy.
    pub sac: sac::Config,
    /// Of those, how they learn from demonstrations.
    pub gail: gail::Config,
}

/// How playing and learning take turns in an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Environments that play in parallel.
    pub environments: usize,
    /// Steps that each of them makes before the agent learns.
    pub steps: usize,
    /// Rounds of playing and learning.
    pub rounds: usize,
}

impl Schedule {
    /// Samples of an iteration.
    pub fn samples(&self) -> u64 {
        (self.environments * self.steps * self.rounds) as u64
    }

    /// Iterations that `samples` samples take, at least one.
    pub fn iterations(&self, samples: u64) -> u64 {
        samples.div_ceil(self.samples()).max(1)
    }
}

/// What came of learning, in numbers.
pub trait Report {
    /// Names of [`Report::values`]: columns of the metrics.
    const COLUMNS: &'static [&'static str];
    /// NaN where nothing was measured.
    fn values(&self) -> Vec<f64>;
    /// Whether every loss is a finite number.
    fn is_finite(&self) -> bool;
}

/// A policy that collects experience and learns from it.
pub trait Agent: Policy + Send {
    type Weights: Parameters;
    type Report: Report;
    /// What was seen and done; see [`Rollout`].
    type Experience;
    /// What can be shown to it.
    type Demonstrations: Pairs;

    /// How playing and learning take turns.
    fn schedule(learning: &Learning) -> Schedule {
        learning.ppo.schedule()
    }

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

    /// As [`Agent::collect`], but the environments' scripted policy plays. `None` if they have none
    /// or the agent cannot learn from another policy's experience.
    fn watch_expert(
        &mut self,
        _pool: &mut Pool,
        _steps: usize,
    ) -> Option<Rollout<Self::Experience>> {
        None
    }

    /// Learns from what was just collected, and from demonstrations: for PPO one iteration, which
    /// counts from 0 and selects the shuffling.
    fn update(
        &mut self,
        rollout: Rollout<Self::Experience>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Self::Demonstrations>>,
    ) -> Self::Report;

    /// Takes up the experience that training goes on from beside the weights, in a phase's
    /// directory and as it was at a checkpoint.
    ///
    /// # Errors
    /// It cannot be read.
    fn recall(
        &mut self,
        _dir: &Path,
        _spec: &Spec,
        _learning: &Learning,
        _kept: Kept,
    ) -> Result<(), FileError> {
        Ok(())
    }

    /// Sets that experience aside, in a directory of its own, as it was in a phase's directory after
    /// `rows` samples.
    ///
    /// # Errors
    /// It cannot be read or written.
    fn set_aside(
        _from: &Path,
        _to: &Path,
        _spec: &Spec,
        _learning: &Learning,
        _rows: u64,
    ) -> Result<Kept, FileError> {
        Ok(Kept::default())
    }

    /// Makes what was set aside the experience of a phase that has not begun; what
    /// [`Agent::recall`] is to be told.
    ///
    /// # Errors
    /// It cannot be read or written.
    fn inherit(
        _from: &Inherited,
        _to: &Path,
        _spec: &Spec,
        _learning: &Learning,
    ) -> Result<Kept, FileError> {
        Ok(Kept::default())
    }

    /// Puts that experience on disk, before a checkpoint, which holds what this returns.
    ///
    /// # Errors
    /// It cannot be written.
    fn keep(&mut self) -> Result<Kept, FileError> {
        Ok(Kept::default())
    }

    /// Removes files that the checkpoint that was just stored does not need.
    ///
    /// # Errors
    /// They cannot be removed.
    fn tidy(&self) -> Result<(), FileError> {
        Ok(())
    }

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
