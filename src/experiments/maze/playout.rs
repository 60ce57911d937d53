//! Episodes of the maze with what the observation does not tell: where they went.

use super::result::Trajectory;
use crate::{
    gsl::evaluate::Acting,
    learn::actor_critic::{ActorCritic, sample},
};
use gslab_envs::{
    Action, End, Env, Level,
    maze::{GOALS, Maze, Options},
    rng::{Stream, derive_seed},
};

/// Plays one episode in each world, all at once.
pub fn play(
    mut worlds: Vec<Maze>,
    network: &mut dyn ActorCritic,
    acting: Acting,
    noise: Stream,
) -> Vec<Trajectory> {
    let n = worlds.len();
    let log_std = network.log_std();
    let mut trajectories: Vec<Trajectory> =
        worlds.iter().map(|w| Trajectory { goal: w.goal(), points: vec![w.position()] }).collect();
    let (mut observations, mut mean) = (vec![0.0; n * 5], vec![0.0; n * 2]);
    let (mut actions, mut log_densities) = (vec![0.0; n * 2], vec![0.0; n]);
    for t in 0.. {
        for (world, row) in worlds.iter().zip(observations.chunks_exact_mut(5)) {
            world.sense(row);
        }
        network.policy_mean(&observations, &mut mean);
        match acting {
            Acting::Mean => actions.copy_from_slice(&mean),
            Acting::Sampled => sample(&mean, &log_std, noise, t, &mut actions, &mut log_densities),
        }
        let mut running = false;
        let all = worlds.iter_mut().zip(&mut trajectories).zip(actions.chunks_exact(2));
        for ((world, trajectory), action) in all {
            let step = world.step(Action::Continuous(action));
            trajectory.points.push(world.position());
            running |= step.end == End::Running;
        }
        if !running {
            break;
        }
    }
    trajectories
}

/// `episodes` worlds of every goal, in the order of the goals.
pub fn worlds(options: &Options, episodes: usize, seed: u64) -> Vec<Maze> {
    let seeds = Stream::new(derive_seed(seed, "playout"), "levels");
    (0..GOALS * episodes)
        .map(|i| {
            let variation = (i / episodes) as u32;
            Maze::reset(options, Level { variation, seed: seeds.seed(0, i as u64) })
        })
        .collect()
}

/// The goal that a position counts as having reached, if any.
pub fn reached(options: &Options, position: [f32; 2]) -> Option<usize> {
    (0..GOALS).find(|&goal| options.reaches(position, goal))
}
