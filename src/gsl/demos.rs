//! Algorithm 1, lines 12 and 14: demonstrations.

use crate::{
    error::{Error, Result},
    learn::{
        actor_critic::Weights,
        dapg::Demonstrations,
        rollout::{Rollout, collect},
    },
    pool::Pool,
    run::phase::Context,
};
use gslab_envs::{
    End,
    levels::{LevelSet, Order},
    rng::{Stream, derive_seed},
};
use serde::{Deserialize, Serialize};

/// Gives up after this many times the wanted number of samples.
const MOST_TRIES: u64 = 50;

/// Demonstrations and what they cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Collected {
    pub demonstrations: Demonstrations,
    /// Samples played, those of rejected episodes included.
    pub samples: u64,
}

/// Plays whole episodes with sampled actions until `samples` transitions have been kept of
/// episodes whose return is above `threshold`; the last episode is cut to fit.
pub fn collect_demonstrations(
    context: &Context<'_>,
    name: &str,
    weights: &Weights,
    variations: &[u32],
    samples: u64,
    threshold: f64,
    seed: u64,
) -> Result<Collected> {
    let mut network = context.network(weights.clone());
    let horizon = u64::from(context.family.spec().horizon);
    let environments = samples.div_ceil(horizon).clamp(1, 1024);
    let mut kept = Demonstrations::default();
    let mut played = 0;
    for round in 0.. {
        let seed = derive_seed(seed, &format!("demonstrations {round}"));
        let levels = LevelSet::new(variations.to_vec(), Order::Cycle, derive_seed(seed, "levels"))
            .map_err(|e| Error::Usage(format!("{name}: {e}")))?;
        let mut pool = Pool::new(context.family, &levels, environments as usize);
        let noise = Stream::new(seed, "noise");
        let rollout = collect(&mut pool, &mut *network, horizon as usize, noise, 0);
        for environment in 0..rollout.n {
            let rows = first_episode(&rollout, environment);
            played += rows.len() as u64;
            let total: f64 = rows.iter().map(|&r| f64::from(rollout.rewards[r])).sum();
            if total > threshold {
                let room = samples as usize - kept.rows;
                kept.append(&rows_of(&rollout, &rows[..rows.len().min(room)]));
            }
            if kept.rows as u64 == samples {
                return Ok(Collected { demonstrations: kept, samples: played });
            }
        }
        if played >= MOST_TRIES * samples {
            break;
        }
    }
    Err(Error::NoDemonstrations { phase: name.into(), threshold, tried: played })
}

/// The rows of an environment's first episode.
fn first_episode(rollout: &Rollout, environment: usize) -> Vec<usize> {
    let mut rows = Vec::new();
    for row in (environment..rollout.rows()).step_by(rollout.n) {
        rows.push(row);
        if rollout.ends[row] != End::Running {
            break;
        }
    }
    rows
}

fn rows_of(rollout: &Rollout, rows: &[usize]) -> Demonstrations {
    let take = |values: &[f32]| -> Vec<f32> {
        let width = values.len() / rollout.rows();
        rows.iter().flat_map(|&r| &values[r * width..(r + 1) * width]).copied().collect()
    };
    Demonstrations {
        observations: take(&rollout.experience.observations),
        // What the world did, not what was sampled: it clips every action to [-1, 1].
        actions: take(&rollout.experience.actions)
            .into_iter()
            .map(|a| a.clamp(-1.0, 1.0))
            .collect(),
        rows: rows.len(),
    }
}
