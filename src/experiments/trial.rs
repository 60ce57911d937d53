//! GSL against its generalist, for one seed: what experiments on sets of variations to train and to
//! test on measure.

pub mod claims;
pub mod tables;

use super::{
    baseline::with_baseline,
    curves::{self, Point, Training},
};
use crate::{
    error::Result,
    gsl::{
        algorithm1::{Algorithm1, NewWeights},
        evaluate::{Acting, Evaluation, evaluate},
    },
    learn::agent::{Agent, Policy},
    run::{
        file::{load, store},
        phase::{Context, FINAL},
    },
};
use gslab_envs::{registry::Family, rng::derive_seed};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How good a policy is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scores {
    pub training: Evaluation,
    pub test: Evaluation,
}

/// Variations to measure on, with sampled actions.
pub struct Protocol {
    pub training: Box<dyn Family>,
    /// Never trained on.
    pub test: Box<dyn Family>,
    /// Of each variation.
    pub episodes: usize,
}

impl Protocol {
    pub fn measure<P: Policy + ?Sized>(&self, policy: &mut P, seed: u64) -> Scores {
        let mut on = |family: &dyn Family, name| {
            let all: Vec<u32> = (0..family.spec().variations).collect();
            let seed = derive_seed(seed, name);
            evaluate(family, policy, &all, self.episodes, Acting::Sampled, seed)
        };
        Scores { training: on(&*self.training, "training"), test: on(&*self.test, "test") }
    }
}

/// One seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedResult {
    pub seed: u64,
    /// Whether H fired; if not, the last allowed iteration was taken.
    pub plateau_detected: bool,
    /// Whether the generalist was good enough at the plateau, so that nothing followed.
    pub good_enough: bool,
    /// Iterations of the generalist that the method used.
    pub plateau_iteration: u64,
    /// Iterations of the generalist's budget, which H's allowed range is a part of.
    pub budget_iterations: u64,
    /// Samples that the method consumed in all.
    pub total_samples: u64,
    /// The generalist, continued to the baseline's end.
    pub generalist: Vec<Point>,
    /// Each specialist's curve, on its own variations.
    pub specialists: Vec<Vec<Point>>,
    /// Phase II, after the specialists.
    pub finetuned: Vec<Point>,
    /// The variations that specialists took.
    pub low_levels: Vec<u32>,
    pub at_plateau: Scores,
    /// The generalist continued to the same total of samples.
    pub baseline: Scores,
    /// The generalist after phase II.
    pub final_generalist: Scores,
    /// The generalist of the plateau, cloned from the demonstrations, if that was asked for.
    pub cloned: Option<Scores>,
}

impl SeedResult {
    pub fn training(&self) -> Training<'_> {
        Training {
            generalist: &self.generalist,
            specialists: &self.specialists,
            finetuned: &self.finetuned,
            plateau_iteration: self.plateau_iteration,
            total_samples: self.total_samples,
        }
    }
}

/// Mean and standard deviation of a mean return, over the seeds that have it.
pub fn over_seeds(
    seeds: &[SeedResult],
    of: impl Fn(&SeedResult) -> Option<&Evaluation>,
) -> (f64, f64) {
    let returns: Vec<f64> = seeds.iter().filter_map(|s| Some(of(s)?.mean_return())).collect();
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let squares: f64 = returns.iter().map(|r| (r - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

/// The method for `seeds` seeds from `first_seed` in a run's directory, with `cloning` also
/// behaviour cloning in the place of phase II. `new` makes a generalist. What an interrupted run
/// has finished is read, not done again.
pub fn each_seed<A: Agent>(
    context: &Context<'_>,
    (first_seed, seeds): (u64, u64),
    protocol: &Protocol,
    cloning: bool,
    new: NewWeights<'_, A>,
) -> Result<Vec<SeedResult>> {
    let one = |seed| {
        let dir = context.run.join(format!("seed-{seed}"));
        let path = dir.join("result.bin");
        if path.exists() {
            return Ok(load(&path)?);
        }
        let label = if seeds > 1 { format!("seed {seed}: ") } else { String::new() };
        let algorithm = Algorithm1::<A> { context, dir: &dir, seed, label, new };
        let result = one_seed(&algorithm, protocol, cloning)?;
        store(&path, &result)?;
        Ok(result)
    };
    (first_seed..first_seed + seeds).map(one).collect()
}

fn one_seed<A: Agent>(
    algorithm: &Algorithm1<'_, A>,
    protocol: &Protocol,
    cloning: bool,
) -> Result<SeedResult> {
    let &Algorithm1 { context, dir, seed, .. } = algorithm;
    let config = context.config;
    let (outcome, baseline) = with_baseline(algorithm)?;
    store(&dir.join(FINAL), &outcome.weights)?;

    let cloned = match cloning && !outcome.good_enough {
        true => Some(algorithm.clone_behaviour(&outcome.plateau, &outcome.demonstrations)?),
        false => None,
    };

    let measure = |weights: &A::Weights| {
        protocol.measure(&mut context.agent::<A>(weights.clone()), derive_seed(seed, "measured"))
    };
    let schedule = A::schedule(&config.learning());
    let taken = |iterations: u64| (iterations * schedule.samples()) as f64;
    let at_plateau = taken(outcome.plateau.iterations);
    let low = match config.gsl.low_finetune_samples {
        0 => 0.0,
        samples => taken(schedule.iterations(samples)),
    };
    let specialists = outcome.specialists.len() as f64;
    let merging = A::schedule(&config.merge_learning()).iterations(config.gsl.merge_samples);
    let merge_start = outcome.samples as f64 - taken(merging);
    let curve = |dir: &Path, start, stretch| curves::read(dir, start, stretch);
    let specialist_curves = outcome
        .specialists
        .iter()
        .map(|specialist| curve(&dir.join(&specialist.name), at_plateau + low, specialists))
        .collect::<Result<Vec<_>>>()?;
    Ok(SeedResult {
        seed,
        plateau_detected: outcome.plateau.detected,
        good_enough: outcome.good_enough,
        plateau_iteration: outcome.plateau.iterations,
        budget_iterations: schedule.iterations(config.total_samples),
        total_samples: outcome.samples,
        generalist: curve(&dir.join("generalist"), 0.0, 1.0)?,
        specialists: specialist_curves,
        finetuned: match outcome.good_enough {
            true => Vec::new(),
            false => curve(&dir.join("merge"), merge_start, 1.0)?,
        },
        low_levels: outcome.specialists.iter().flat_map(|s| s.variations.clone()).collect(),
        at_plateau: measure(&outcome.plateau.weights),
        baseline: measure(&baseline),
        final_generalist: measure(&outcome.weights),
        cloned: cloned.as_ref().map(measure),
    })
}
