//! Section 6 of the paper: GSL against its generalist on the games of Procgen, beside Table 1.

pub mod ablations;
mod claims;
mod figure;
pub mod paper;
pub mod protocol;
pub mod report;
pub mod result;
pub mod scale;

use super::{baseline::with_baseline, curves};
use crate::{
    error::Result,
    gsl::algorithm1::{Algorithm1, NewWeights},
    learn::agent::Agent,
    run::{
        config::Overlap,
        file::{load, store},
        phase::{Context, FINAL},
    },
};
use gslab_envs::rng::derive_seed;
use protocol::Protocol;
use result::{ProcgenResult, SeedResult};
use std::path::Path;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experiment {
    /// What the paper's budgets were multiplied by; the settings hold it already.
    pub scale: f64,
    /// Whether to clone the demonstrations, too, in the place of phase II (Table 3).
    pub cloning: bool,
}

/// Runs the experiment for `seeds` seeds from `first_seed` in a run's directory. `new` makes a
/// generalist. What an interrupted run has finished is read, not done again.
pub fn reproduce<A: Agent>(
    context: &Context<'_>,
    (first_seed, seeds): (u64, u64),
    Experiment { scale, cloning }: Experiment,
    new: NewWeights<'_, A>,
) -> Result<ProcgenResult> {
    let protocol =
        Protocol::new(context.config, scale::levels(protocol::TEST, scale), Overlap::Refuse)?;
    let mut results = Vec::new();
    for seed in first_seed..first_seed + seeds {
        let dir = context.run.join(format!("seed-{seed}"));
        let path = dir.join("result.bin");
        let result = if path.exists() {
            load(&path)?
        } else {
            let label = if seeds > 1 { format!("seed {seed}: ") } else { String::new() };
            let result = one_seed::<A>(
                &Algorithm1 { context, dir: &dir, seed, label, new },
                &protocol,
                cloning,
            )?;
            store(&path, &result)?;
            result
        };
        results.push(result);
    }
    let spec = context.family.spec();
    Ok(ProcgenResult {
        environment: context.config.environment.clone(),
        algorithm: context.config.algorithm,
        scale,
        return_range: spec.return_range,
        training_levels: spec.variations,
        test_levels: protocol.test_levels(),
        seeds: results,
    })
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
    let ppo = &config.ppo;
    let taken = |iterations: u64| (iterations * ppo.samples as u64) as f64;
    let at_plateau = taken(outcome.plateau.iterations);
    let low = match config.gsl.low_finetune_samples {
        0 => 0.0,
        samples => taken(ppo.iterations(samples)),
    };
    let specialists = outcome.specialists.len() as f64;
    let merge_start = outcome.samples as f64
        - taken(config.merge_learning().ppo.iterations(config.gsl.merge_samples));
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
        budget_iterations: ppo.iterations(config.total_samples),
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
