//! Algorithm 1, lines 12 and 14: demonstrations.

use crate::{
    error::{Error, Result},
    learn::agent::{Agent, Pairs},
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
/// Environments that play at the same time, at most.
const ENVIRONMENTS: u64 = 64;
/// Steps between two looks at which episodes have ended.
const STEPS: u64 = 256;

/// Demonstrations and what they cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Collected<D> {
    pub demonstrations: D,
    /// Samples played, those of rejected episodes included.
    pub samples: u64,
}

/// Who demonstrates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demonstrator {
    /// The agent, with sampled actions.
    Agent,
    /// The environment's scripted policy.
    Expert,
}

/// What is to be shown of which variations.
pub struct Wanted<'a> {
    /// Shown to people.
    pub name: &'a str,
    pub by: Demonstrator,
    /// At least one.
    pub variations: &'a [u32],
    /// Transitions.
    pub samples: u64,
    /// Transitions that are wanted of everyone who demonstrates.
    pub samples_in_all: u64,
    /// τ: only episodes with a higher return, normalised where the environment has a scale for
    /// it, are kept.
    pub threshold: f64,
    pub seed: u64,
}

/// An environment's first episode in a round.
#[derive(Default)]
struct Episode<D> {
    pairs: D,
    total: f64,
    over: bool,
}

/// Plays whole episodes until as many transitions as wanted have been added to `all`
/// of those whose return is above the threshold; the last episode is cut to fit. Returns how many were
/// added.
///
/// In every round each environment plays one episode, however long it is, so that short ones are
/// not over-represented. After many rounds with too few good episodes it returns what there is.
///
/// # Errors
/// An expert was asked for that is not there, or that the agent cannot learn from.
pub fn collect_demonstrations<A: Agent>(
    context: &Context<'_>,
    weights: &A::Weights,
    wanted: &Wanted<'_>,
    all: &mut Collected<A::Demonstrations>,
) -> Result<u64> {
    let &Wanted { name, by, variations, samples, samples_in_all, threshold, seed } = wanted;
    let mut agent: A = context.agent(weights.clone());
    let spec = context.family.spec();
    let horizon = u64::from(spec.horizon);
    let environments = samples.div_ceil(horizon).clamp(1, ENVIRONMENTS) as usize;
    let (mut kept, mut played) = (0, 0);
    for round in 0.. {
        let seed = derive_seed(seed, &format!("demonstrations {round}"));
        // Every round goes on with the variations that come next.
        let mut variations = variations.to_vec();
        let next = round * environments % variations.len().max(1);
        variations.rotate_left(next);
        let levels = LevelSet::new(variations, Order::Cycle, derive_seed(seed, "levels"))
            .map_err(|e| Error::Usage(format!("{name}: {e}")))?;
        let mut pool = Pool::new(context.family, &levels, environments);
        let noise = Stream::new(seed, "noise");
        let mut episodes: Vec<Episode<A::Demonstrations>> = Vec::new();
        episodes.resize_with(environments, Episode::default);
        let steps = horizon.min(STEPS);
        let mut first_step = 0;
        while first_step < horizon.min(MOST_TRIES * samples) && episodes.iter().any(|e| !e.over) {
            let steps_now = steps as usize;
            let rollout = match by {
                Demonstrator::Agent => agent.collect(&mut pool, steps_now, noise, first_step),
                Demonstrator::Expert => {
                    agent.watch_expert(&mut pool, steps_now).ok_or_else(|| {
                        Error::Usage(format!("{name}: there is no expert to learn from"))
                    })?
                }
            };
            for (environment, episode) in episodes.iter_mut().enumerate() {
                let mut rows = Vec::new();
                for row in (environment..rollout.rows()).step_by(rollout.n) {
                    if episode.over {
                        break;
                    }
                    rows.push(row);
                    episode.total += f64::from(rollout.rewards[row]);
                    episode.over = rollout.ends[row] != End::Running;
                }
                episode.pairs.append(&A::demonstrations(&rollout, &rows));
            }
            first_step += steps;
        }
        for episode in episodes {
            let rows = episode.pairs.rows() as u64;
            played += rows;
            all.samples += rows;
            if episode.over && spec.normalised(episode.total) > threshold {
                let good = episode.pairs.first((samples - kept) as usize);
                kept += good.rows() as u64;
                if all.demonstrations.rows() == 0 {
                    all.demonstrations.reserve(samples_in_all as usize, &good);
                }
                all.demonstrations.append(&good);
            }
            if kept == samples {
                return Ok(kept);
            }
        }
        if played >= MOST_TRIES * samples {
            break;
        }
    }
    Ok(kept)
}
