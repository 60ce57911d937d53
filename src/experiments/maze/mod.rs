//! Section 4 of the paper: the brush maze, from nothing to Figure 2.

pub mod figure;
mod ignorance;
mod playout;
pub mod report;
pub mod result;

use crate::{
    error::{Error, Result},
    experiments::{baseline::with_baseline, curves},
    gsl::{
        algorithm1::Algorithm1,
        config::Merge,
        evaluate::{Acting, evaluate},
    },
    learn::{
        actor_critic::{ActorCritic, Weights},
        vectors::GaussianAgent,
    },
    run::{
        config::{Algorithm, Config, ConfigError},
        file::{load, store},
        metrics::read_csv,
        phase::{Context, FINAL},
    },
};
use gslab_envs::{
    maze::{GOALS, Options},
    rng::{Stream, derive_seed},
};
use playout::{play, reached, worlds};
use result::{MazeResult, SeedResult, Snapshot};
use std::path::Path;

/// Episodes of every goal in a measurement.
const EPISODES: usize = 200;
/// Episodes of every goal in the picture of trajectories.
const PICTURED: usize = 4;

/// The maze's options among a run's settings.
///
/// # Errors
/// If the settings are of another environment.
pub fn options(config: &Config) -> Result<Options, ConfigError> {
    config.env.clone().try_into().map_err(|e: toml::de::Error| ConfigError::Parse {
        place: "env".into(),
        message: e.message().into(),
    })
}

/// Runs the experiment for `seeds` seeds from `first_seed` in a run's directory. What an
/// interrupted run has finished is read, not done again.
pub fn reproduce(context: &Context<'_>, first_seed: u64, seeds: u64) -> Result<MazeResult> {
    if context.config.environment != "maze" {
        return Err(Error::Usage("this experiment is about the environment `maze`".into()));
    }
    if context.config.algorithm != Algorithm::Ppo {
        return Err(Error::Usage("algorithm: must be ppo here, as in the paper".into()));
    }
    if context.config.gsl.merge != Merge::Dapg {
        return Err(Error::Usage(
            "gsl.merge: must be dapg here; behaviour cloning is measured beside it anyway".into(),
        ));
    }
    let mut results = Vec::new();
    for seed in first_seed..first_seed + seeds {
        let dir = context.run.join(format!("seed-{seed}"));
        let path = dir.join("result.bin");
        let result = if path.exists() {
            load(&path)?
        } else {
            let label = if seeds > 1 { format!("seed {seed}: ") } else { String::new() };
            let result = one_seed(context, &dir, seed, label)?;
            store(&path, &result)?;
            result
        };
        results.push(result);
    }
    Ok(MazeResult { seeds: results })
}

fn one_seed(context: &Context<'_>, dir: &Path, seed: u64, label: String) -> Result<SeedResult> {
    let architecture = context.config.architecture(context.family)?;
    let new = |seed| Weights::new(&architecture, seed);
    let algorithm = Algorithm1::<GaussianAgent> { context, dir, seed, label, new: &new };
    let (outcome, baseline) = with_baseline(&algorithm)?;
    let cloned = if outcome.good_enough {
        outcome.plateau.weights.clone()
    } else {
        algorithm.clone_behaviour(&outcome.plateau, &outcome.demonstrations)?
    };

    store(&dir.join(FINAL), &outcome.weights)?;
    let measure = |weights: &Weights| snapshot(context, weights, seed);
    let per_iteration = context.config.ppo.samples as f64;
    let at_plateau = outcome.plateau.iterations as f64 * per_iteration;
    let specialists = outcome.specialists.len() as f64;
    let curve = |name: &str, start, stretch| curves::read(&dir.join(name), start, stretch);
    let specialist_curves = (1..=outcome.specialists.len())
        .map(|i| curve(&format!("specialist-{i}"), at_plateau, specialists))
        .collect::<Result<Vec<_>>>()?;
    let merge_start = outcome.samples as f64
        - context.config.ppo.iterations(context.config.gsl.merge_samples) as f64 * per_iteration;
    let (finetuned, likelihood, max_advantage) = if outcome.good_enough {
        Default::default()
    } else {
        let table = read_csv(&dir.join("merge").join("metrics.csv"))?;
        let column = |name| table.column(name).unwrap_or_default();
        let diagnostics = (column("demonstration_likelihood"), column("max_advantage"));
        (curve("merge", merge_start, 1.0)?, diagnostics.0, diagnostics.1)
    };
    let specialist_success = outcome
        .specialists
        .iter()
        .map(|specialist| {
            evaluate(
                context.family,
                &mut context.agent::<GaussianAgent>(specialist.checkpoint.best_weights().clone()),
                &specialist.variations,
                EPISODES,
                Acting::Sampled,
                derive_seed(seed, "specialist measured"),
            )
            .success()
        })
        .collect();
    Ok(SeedResult {
        seed,
        plateau_detected: outcome.plateau.detected,
        plateau_iteration: outcome.plateau.iterations,
        budget_iterations: context.config.ppo.iterations(context.config.total_samples),
        total_samples: outcome.samples,
        generalist: curve("generalist", 0.0, 1.0)?,
        specialists: specialist_curves,
        finetuned,
        at_plateau: measure(&outcome.plateau.weights)?,
        baseline: measure(&baseline)?,
        final_generalist: measure(&outcome.weights)?,
        cloned: measure(&cloned)?,
        specialist_success,
        demonstration_likelihood: likelihood,
        max_advantage,
    })
}

fn snapshot(context: &Context<'_>, weights: &Weights, seed: u64) -> Result<Snapshot> {
    let options = options(context.config)?;
    let mut network: GaussianAgent = context.agent(weights.clone());
    let network: &mut dyn ActorCritic = &mut *network;
    let seed = derive_seed(seed, "measured");
    let noise = Stream::new(seed, "playout noise");
    let played = play(worlds(&options, EPISODES, seed), network, Acting::Sampled, noise);
    let mut ended_at = [[0; 6]; GOALS];
    for trajectory in &played {
        let last = trajectory.points[trajectory.points.len() - 1];
        ended_at[trajectory.goal][reached(&options, last).unwrap_or(GOALS)] += 1;
    }
    let pictured = played.chunks(EPISODES).flat_map(|goal| goal.iter().take(PICTURED).cloned());
    let variations = context.variations();
    let mut measured =
        |acting| evaluate(context.family, network, &variations, EPISODES, acting, seed);
    let (mean, sampled) = (measured(Acting::Mean), measured(Acting::Sampled));
    let ppo = &context.config.ppo;
    let ignorance =
        ignorance::measure(&options, context.family, network, ppo, &played, &ended_at, seed);
    Ok(Snapshot { mean, sampled, ended_at, ignorance, trajectories: pictured.collect() })
}
