//! The worlds of gslab: deterministic environments that are plain values.
//!
//! A world knows nothing of tensors, devices or learning. Its whole contract is [`Env`]:
//! `reset` is a pure function of (options, level), `step` changes the value and nothing else,
//! and a snapshot is whatever serde makes of the value. Batching, auto-reset and statistics are
//! written once, in [`batch`]; names and options are looked up once, in [`registry`].
#![forbid(unsafe_code)]

pub mod batch;
pub mod check;
pub mod draw;
pub mod levels;
pub mod maze;
pub mod procgen;
pub mod pushchair;
pub mod registry;
pub mod rng;

use draw::DrawList;
use pushchair::picture::Stage;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Which world to build: a variation of the environment and the randomness within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Level {
    /// Index of the environment variation in `0..Spec::variations` (maze: the goal; Procgen: the
    /// level). This is what Generalist-Specialist Learning partitions.
    pub variation: u32,
    /// Seed of everything else that is random in this one episode.
    pub seed: u64,
}

/// What an agent may do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionSpace {
    /// `dim` real numbers; the world clips each to `[-1, 1]`.
    Continuous { dim: usize },
    /// One of `n` choices, numbered from 0.
    Discrete { n: u32 },
}

/// One action for one world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    Continuous(&'a [f32]),
    Discrete(u32),
}

/// The fixed facts of an environment with given options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Length of the vector that [`Env::sense`] writes.
    pub observation: usize,
    /// Points that it ends with, as [`pushchair::cloud::Cloud::write`] writes them; 0 where no
    /// cloud is seen.
    pub points: usize,
    pub action: ActionSpace,
    /// Number of environment variations; a level's variation lies in `0..variations`.
    pub variations: u32,
    /// An episode never lasts longer than this many steps.
    pub horizon: u32,
    /// Worlds whose steps, taken together, are enough work to be worth handing to a thread; at
    /// least 1.
    pub grain: usize,
    /// Lowest and highest reward of one step.
    pub reward_range: (f32, f32),
    /// Returns that count as 0 and 1 in the normalised score, where such have been agreed on.
    pub return_range: Option<(f32, f32)>,
}

impl Spec {
    /// [`normalised`] by the environment's own range.
    pub fn normalised(&self, total_reward: f64) -> f64 {
        normalised(total_reward, self.return_range)
    }
}

/// (R - R_min) / (R_max - R_min), or the return itself where nothing has been agreed on.
pub fn normalised(total_reward: f64, return_range: Option<(f32, f32)>) -> f64 {
    let (low, high) = return_range.map_or((0.0, 1.0), |(l, h)| (l.into(), h.into()));
    (total_reward - low) / (high - low)
}

/// How an episode stands after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Running,
    /// The world reached an absorbing state: nothing follows, its value is 0.
    Terminated,
    /// The episode was cut by the time limit: the state still has a value.
    Truncated,
}

/// What one step gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub reward: f32,
    pub end: End,
    /// Whether the task counts as solved in the state that was reached.
    pub solved: bool,
}

/// An option of an environment that is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} = {value}: must be {allowed}")]
pub struct OptionError {
    pub key: &'static str,
    pub value: String,
    pub allowed: &'static str,
}

/// A world: a plain value with deterministic dynamics.
pub trait Env: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Documented settings with defaults; read from the `[env]` table of a preset.
    type Options: Clone + Default + Send + Sync + Serialize + DeserializeOwned + 'static;

    /// Refuses options that make no sense, naming the key and what is allowed.
    fn validate(options: &Self::Options) -> Result<(), OptionError>;

    fn spec(options: &Self::Options) -> Spec;

    /// Builds the world of a level. Pure: the same arguments give equal worlds.
    /// `level.variation` must lie in `0..spec.variations`.
    fn reset(options: &Self::Options, level: Level) -> Self;

    /// Advances by one step. Must not be called after an end other than [`End::Running`].
    fn step(&mut self, action: Action<'_>) -> Step;

    /// Writes the vector observation; `out` has length `spec.observation`.
    fn sense(&self, out: &mut [f32]);

    /// Lists what the world looks like on `size * size` pixels; `list` must be empty.
    fn draw(&self, size: u32, list: &mut DrawList);

    /// What people see of a world that is made of solids; `None` where [`Env::draw`] lists it.
    fn stage(&self) -> Option<Stage> {
        None
    }

    /// What a scripted policy that sees everything would do now, `dim` numbers in [-1, 1]; `None`
    /// where there is none.
    fn expert(&self) -> Option<Vec<f32>> {
        None
    }

    /// Whether the episode ended because the world could not go on, such as a simulation whose
    /// numbers are no longer finite.
    fn failed(&self) -> bool {
        false
    }

    /// What the thing that makes up a variation is shaped like, in numbers: alike for variations
    /// whose shapes are alike, and as many for all. None where variations are no shapes. The
    /// variation must lie in `0..spec.variations`.
    fn descriptor(_options: &Self::Options, _variation: u32) -> Option<Vec<f32>> {
        None
    }
}
