//! How good a policy is on every variation.

pub use crate::learn::agent::Acting;
use crate::{learn::agent::Policy, pool::Pool};
use gslab_envs::{
    batch::Episode,
    levels::{LevelSet, Order},
    registry::Family,
    rng::{Stream, derive_seed},
};
use serde::{Deserialize, Serialize};

/// Averages over the episodes of one variation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub variation: u32,
    pub episodes: u32,
    /// Mean undiscounted return.
    pub mean_return: f64,
    /// Mean reward of a step.
    pub mean_reward: f64,
    /// Share of episodes that ended solved.
    pub success: f64,
    /// Share of episodes that were solved at any step.
    pub ever_solved: f64,
}

/// Scores of every variation that was played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub scores: Vec<Score>,
}

impl Evaluation {
    fn average(&self, of: impl Fn(&Score) -> f64) -> f64 {
        self.scores.iter().map(of).sum::<f64>() / self.scores.len() as f64
    }

    /// Mean over variations of the share of episodes that ended solved.
    pub fn success(&self) -> f64 {
        self.average(|s| s.success)
    }

    /// Mean over variations of the mean reward of a step.
    pub fn mean_reward(&self) -> f64 {
        self.average(|s| s.mean_reward)
    }

    /// Mean over variations of the mean return.
    pub fn mean_return(&self) -> f64 {
        self.average(|s| s.mean_return)
    }
}

/// Plays `episodes` episodes of every variation. The seed alone decides levels and noise.
pub fn evaluate<P: Policy + ?Sized>(
    family: &dyn Family,
    policy: &mut P,
    variations: &[u32],
    episodes: usize,
    acting: Acting,
    seed: u64,
) -> Evaluation {
    let played = play(family, policy, variations, episodes, acting, seed);
    let scores = variations
        .iter()
        .map(|&variation| {
            let mine: Vec<&Episode> =
                played.iter().filter(|e| e.level.variation == variation).collect();
            let n = mine.len() as f64;
            let mean = |of: &dyn Fn(&Episode) -> f64| mine.iter().map(|e| of(e)).sum::<f64>() / n;
            let steps: f64 = mine.iter().map(|e| f64::from(e.length)).sum();
            Score {
                variation,
                episodes: mine.len() as u32,
                mean_return: mean(&|e| f64::from(e.total_reward)),
                mean_reward: mean(&|e| f64::from(e.total_reward)) * n / steps,
                success: mean(&|e| f64::from(u8::from(e.solved))),
                ever_solved: mean(&|e| f64::from(u8::from(e.ever_solved))),
            }
        })
        .collect();
    Evaluation { scores }
}

/// The first `episodes` episodes of every variation, one environment each, so that long episodes
/// are not under-represented.
fn play<P: Policy + ?Sized>(
    family: &dyn Family,
    policy: &mut P,
    variations: &[u32],
    episodes: usize,
    acting: Acting,
    seed: u64,
) -> Vec<Episode> {
    let n = variations.len() * episodes;
    let levels =
        LevelSet::new(variations.to_vec(), Order::Cycle, derive_seed(seed, "evaluation levels"))
            .expect("callers evaluate at least one variation");
    let mut pool = Pool::new(family, &levels, n);
    let noise = Stream::new(seed, "evaluation noise");
    let mut done = vec![false; n];
    let mut played = Vec::with_capacity(n);
    let mut ended = Vec::new();
    for t in 0..u64::from(family.spec().horizon) {
        let chosen = policy.act(&pool, &done, acting, noise, t);
        pool.step(chosen.actions(), &mut ended).expect("the policy has the shape of the actions");
        for episode in ended.drain(..) {
            if !std::mem::replace(&mut done[episode.environment as usize], true) {
                played.push(episode);
            }
        }
        if played.len() == n {
            break;
        }
    }
    played.sort_by_key(|episode| episode.environment);
    played
}
