//! Section 6 of the paper: GSL against its generalist on the games of Procgen, beside Table 1.

mod claims;
mod figure;
pub mod paper;
pub mod protocol;
pub mod report;
pub mod result;
pub mod scale;

use super::curves;
use crate::{
    error::Result,
    gsl::algorithm1::Algorithm1,
    learn::{impala::cpu::Weights, pixels::Pixels},
    run::{
        config::Overlap,
        file::{load, store},
        phase::{Context, FINAL, unobserved},
    },
};
use gslab_envs::rng::derive_seed;
use protocol::Protocol;
use result::{ProcgenResult, SeedResult};
use std::path::Path;

/// Runs the experiment for `seeds` seeds from `first_seed` in a run's directory, at budgets
/// multiplied by `scale`, which the settings already hold. What an interrupted run has finished
/// is read, not done again.
pub fn reproduce(
    context: &Context<'_>,
    first_seed: u64,
    seeds: u64,
    scale: f64,
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
            let result = one_seed(context, &protocol, &dir, seed, label)?;
            store(&path, &result)?;
            result
        };
        results.push(result);
    }
    let spec = context.family.spec();
    Ok(ProcgenResult {
        environment: context.config.environment.clone(),
        scale,
        return_range: spec.return_range,
        training_levels: spec.variations,
        test_levels: protocol.test_levels(),
        seeds: results,
    })
}

fn one_seed(
    context: &Context<'_>,
    protocol: &Protocol,
    dir: &Path,
    seed: u64,
    label: String,
) -> Result<SeedResult> {
    let config = context.config;
    let architecture = config.pixel_architecture(context.family.spec().action)?;
    let new = |seed| Weights::new(architecture.clone(), config.impala.initialisation, seed);
    let algorithm = Algorithm1::<Pixels> { context, dir, seed, label, new: &new };
    // The dashed curve: the same generalist, trained on to the samples that the method takes.
    let (outcome, baseline) = algorithm.run(|_, samples| {
        let phase = algorithm.generalist_phase();
        let iterations = phase.ppo.iterations(samples);
        Ok(phase.run(context, iterations, &mut unobserved)?.weights)
    })?;
    store(&dir.join(FINAL), &outcome.weights)?;

    let measure = |weights: &Weights| {
        protocol
            .measure(&mut context.agent::<Pixels>(weights.clone()), derive_seed(seed, "measured"))
    };
    let (ppo, specialist_ppo) = (&config.ppo, config.specialist_ppo());
    let taken = |iterations: u64| (iterations * ppo.samples as u64) as f64;
    let at_plateau = taken(outcome.plateau.iterations);
    let low = match config.gsl.low_finetune_samples {
        0 => 0.0,
        samples => taken(ppo.iterations(samples)),
    };
    let specialists = outcome.specialists.len() as f64;
    let trained =
        specialist_ppo.iterations(config.gsl.specialist_samples) * specialist_ppo.samples as u64;
    let merge_start =
        outcome.samples as f64 - taken(config.merge_ppo().iterations(config.gsl.merge_samples));
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
        specialist_samples: trained,
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
    })
}
