//! Experience of one iteration, and how it is collected.

use super::actor_critic::{ActorCritic, sample};
use crate::{
    pool::Pool,
    trace::{Stage, traced},
};
use gslab_envs::{
    ActionSpace, End,
    batch::{Actions, Episode},
    rng::Stream,
};
use std::time::Instant;

/// `steps` consecutive steps of `n` environments; time-major, row `t * n + environment`. `E` holds
/// what was seen and done.
pub struct Rollout<E = Vectors> {
    pub n: usize,
    pub experience: E,
    pub rewards: Vec<f32>,
    pub ends: Vec<End>,
    /// Episodes that ended within these steps.
    pub episodes: Vec<Episode>,
    pub stages: Stages,
}

/// What the networks made of every row.
#[derive(Clone, Debug, Default)]
pub struct Estimates {
    /// Of the actions; of choices, the logarithms of their probabilities.
    pub log_densities: Vec<f32>,
    /// V of the observation.
    pub values: Vec<f32>,
    /// V of the state that the step reached; see [`super::gae::Trajectories`].
    pub next_values: Vec<f32>,
}

/// Seconds on the clock that the stages of an iteration took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stages {
    pub draw: f64,
    pub infer: f64,
    pub simulate: f64,
    pub learn: f64,
}

impl Stages {
    /// Adds the seconds of another part of an iteration.
    pub fn add(&mut self, other: &Self) {
        self.draw += other.draw;
        self.infer += other.infer;
        self.simulate += other.simulate;
        self.learn += other.learn;
    }
}

/// Does some work as a span of a stage and adds the seconds that it took to others.
pub fn timed<T>(seconds: &mut f64, stage: Stage, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = traced(stage, work);
    *seconds += began.elapsed().as_secs_f64();
    done
}

/// Vectors seen and real numbers done.
pub struct Vectors {
    /// `[rows, observation]`
    pub observations: Vec<f32>,
    /// As sampled, before the world clips them; `[rows, action]`.
    pub actions: Vec<f32>,
    pub estimates: Estimates,
}

impl<E> Rollout<E> {
    /// Number of transitions.
    pub fn rows(&self) -> usize {
        self.rewards.len()
    }
}

/// Plays `steps` steps of every environment with sampled actions. `first_step` counts the steps
/// that the pool made before; with it the noise continues instead of repeating.
pub fn collect(
    pool: &mut Pool,
    network: &mut dyn ActorCritic,
    steps: usize,
    noise: Stream,
    first_step: u64,
) -> Rollout {
    let ActionSpace::Continuous { dim } = pool.spec().action else {
        unreachable!("checked when the trainer was built");
    };
    let width = pool.spec().observation;
    let (n, rows) = (pool.len(), steps * pool.len());
    let log_std = network.log_std();
    let mut mean = vec![0.0; n * dim];
    let mut rollout = Rollout {
        n,
        experience: Vectors {
            observations: Vec::with_capacity(rows * width),
            actions: vec![0.0; rows * dim],
            estimates: Estimates {
                log_densities: vec![0.0; rows],
                values: vec![0.0; rows],
                next_values: vec![0.0; rows],
            },
        },
        rewards: Vec::with_capacity(rows),
        ends: Vec::with_capacity(rows),
        episodes: Vec::new(),
        stages: Stages::default(),
    };
    // Last observations of truncated episodes, with the rows that they belong to.
    let (mut cut_rows, mut cut_observations) = (Vec::new(), Vec::new());
    let Vectors { observations, actions: done, estimates } = &mut rollout.experience;
    for t in 0..steps {
        observations.extend_from_slice(pool.observations());
        let Stages { infer, simulate, .. } = &mut rollout.stages;
        timed(infer, Stage::Infer, || network.policy_mean(pool.observations(), &mut mean));
        let actions = &mut done[t * n * dim..(t + 1) * n * dim];
        let log_densities = &mut estimates.log_densities[t * n..(t + 1) * n];
        traced(Stage::Sample, || {
            sample(&mean, &log_std, noise, first_step + t as u64, actions, log_densities);
        });
        let step = || pool.step(Actions::Continuous(actions), &mut rollout.episodes);
        timed(simulate, Stage::Simulate, step).expect("the policy has the shape of the actions");
        rollout.rewards.extend_from_slice(pool.rewards());
        rollout.ends.extend_from_slice(pool.ends());
        for (i, end) in pool.ends().iter().enumerate() {
            if *end == End::Truncated {
                cut_rows.push(t * n + i);
                cut_observations.extend_from_slice(pool.final_observation(i));
            }
        }
    }
    let Estimates { values, next_values, .. } = estimates;
    let mut cut_values = vec![0.0; cut_rows.len()];
    timed(&mut rollout.stages.infer, Stage::Infer, || {
        network.value(observations, values);
        let tail = rows - n;
        next_values[..tail].copy_from_slice(&values[n..]);
        network.value(pool.observations(), &mut next_values[tail..]);
        network.value(&cut_observations, &mut cut_values);
    });
    for (row, value) in cut_rows.into_iter().zip(cut_values) {
        next_values[row] = value;
    }
    rollout
}
