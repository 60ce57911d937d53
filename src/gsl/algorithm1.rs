//! Algorithm 1 of the paper: Generalist-Specialist Learning.
//!
//! Each part is a function of files in the run's directory, so an interrupted run goes on where
//! it was. The numbers in comments are the lines of Algorithm 1.

use super::{
    config::{Merge, PlateauMode},
    demos::{Collected, collect_demonstrations},
    evaluate::evaluate,
    partition::{Split, split},
    plateau::{Verdict, first_plateau},
};
use crate::{
    error::Result,
    learn::{actor_critic::Weights, bc, dapg::Demonstrations, vectors::GaussianAgent},
    run::{
        file::{FileError, load, store},
        phase::{Anneal, Checkpoint, Context, Flow, Phase},
    },
};
use gslab_envs::rng::{Stream, derive_seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the generalist stopped getting better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau<W = Weights> {
    /// Whether H fired; if not, the last iteration that it may look at was taken.
    pub detected: bool,
    /// Iterations of the generalist up to the plateau: those that are charged.
    pub iterations: u64,
    pub weights: W,
}

/// A specialist after its training.
#[derive(Clone, Debug)]
pub struct Specialist {
    pub variations: Vec<u32>,
    pub checkpoint: Checkpoint,
}

/// Everything that Algorithm 1 made.
pub struct Outcome {
    pub plateau: Plateau,
    /// Whether the generalist was good enough at the plateau (lines 3 to 5); then nothing
    /// follows and the final weights are the plateau's.
    pub good_enough: bool,
    pub specialists: Vec<Specialist>,
    pub demonstrations: Demonstrations,
    /// The generalist after phase II.
    pub weights: Weights,
    /// Samples consumed by everything above.
    pub samples: u64,
}

/// One run of Algorithm 1 in a directory.
pub struct Algorithm1<'a> {
    pub context: &'a Context<'a>,
    pub dir: &'a Path,
    pub seed: u64,
    /// Put before the names of phases, for instance `seed 3: `.
    pub label: String,
}

impl Algorithm1<'_> {
    /// Lines 1 to 15. `beside` runs on other threads next to the specialists and phase II; it
    /// is told the plateau and the samples that the method will have consumed.
    pub fn run<B: Send>(
        &self,
        beside: impl FnOnce(&Plateau, u64) -> Result<B> + Send,
    ) -> Result<(Outcome, B)> {
        // 1, 2: train the generalist until H = 1.
        let plateau = self.generalist()?;
        // 3 to 5: stop if it is good enough; 6, 7: find and split the low performers.
        let (good_enough, split) = self.split(&plateau)?;
        if good_enough {
            let samples = self.context.config.ppo.samples as u64 * plateau.iterations;
            let beside = beside(&plateau, samples)?;
            let weights = plateau.weights.clone();
            let (specialists, demonstrations) = (Vec::new(), Demonstrations::default());
            let outcome =
                Outcome { plateau, good_enough, specialists, demonstrations, weights, samples };
            return Ok((outcome, beside));
        }
        let planned = self.planned_samples(&plateau, &split);
        let (beside, rest) = rayon::join(
            || beside(&plateau, planned),
            || {
                // 8 (optional), 9 to 11: specialists.
                let start = self.finetune_low(&plateau, &split)?;
                let specialists = self.specialists(&start, &split)?;
                // 12 to 14: demonstrations.
                let collected = self.demonstrations(&plateau, &specialists, &split)?;
                // 15: phase II.
                let weights = self.merge(&plateau, &collected.demonstrations)?;
                Ok::<_, crate::error::Error>((specialists, collected, weights))
            },
        );
        let (specialists, collected, weights) = rest?;
        let samples = planned - self.planned_demonstrations(&split) + collected.samples;
        let demonstrations = collected.demonstrations;
        let outcome =
            Outcome { plateau, good_enough, specialists, demonstrations, weights, samples };
        Ok((outcome, beside?))
    }

    fn config(&self) -> &super::config::Config {
        &self.context.config.gsl
    }

    /// The generalist's phase, which the dashed baseline of Figure 2 continues.
    pub fn generalist_phase(&self) -> Result<Phase<'static>> {
        let seed = derive_seed(self.seed, "generalist");
        let architecture = self.context.config.architecture(self.context.family)?;
        Ok(Phase {
            name: format!("{}generalist", self.label),
            dir: self.dir.join("generalist"),
            seed,
            variations: self.context.variations(),
            weights: Weights::new(&architecture, seed),
            demonstrations: None,
            anneal: None,
            keep_best: false,
        })
    }

    /// Phase I: trains on everything until H holds, then goes back to where it first held.
    fn generalist(&self) -> Result<Plateau> {
        let path = self.dir.join("plateau.bin");
        let snapshots = Snapshots { dir: self.dir.join("snapshots") };
        if path.exists() {
            // Still there if the process was killed between the two.
            snapshots.remove()?;
            return Ok(load(&path)?);
        }
        snapshots.create()?;
        let config = self.context.config;
        let budget = config.iterations(config.total_samples) as usize;
        let last = ((1.0 - config.gsl.margin) * budget as f64) as usize;
        let mut plateau = None;
        let mut observe = |network: &GaussianAgent, curve: &[f64]| {
            let now = curve.len() - 1;
            snapshots.keep(now, || network.weights())?;
            match first_plateau(curve, budget, &config.gsl) {
                Verdict::At(t) => plateau = Some((t, true)),
                Verdict::NotBefore(t) => snapshots.forget_before(t.min(last))?,
                Verdict::Nowhere => {}
            }
            if plateau.is_none() && now >= last {
                plateau = Some((last, false));
            }
            Ok(if plateau.is_some() { Flow::Stop } else { Flow::Continue })
        };
        let phase = self.generalist_phase()?;
        let checkpoint = phase.run(self.context, budget as u64, &mut observe)?;
        let (at, detected) = plateau.unwrap_or((checkpoint.curve.len() - 1, false));
        let plateau = match config.gsl.plateau {
            PlateauMode::Retro => {
                Plateau { detected, iterations: at as u64 + 1, weights: snapshots.get(at)? }
            }
            PlateauMode::Online => {
                let (iterations, weights) = (checkpoint.iterations, checkpoint.weights);
                Plateau { detected, iterations, weights }
            }
        };
        store(&path, &plateau)?;
        snapshots.remove()?;
        let how = if detected { "H fired" } else { "H did not fire; taking the last allowed" };
        self.context.progress.say(&format!("{}{how}: iteration {at}", self.label));
        Ok(plateau)
    }

    fn split(&self, plateau: &Plateau) -> Result<(bool, Split)> {
        let settings = &self.context.config.evaluation;
        let evaluation = evaluate(
            self.context.family,
            &mut *self.context.network(plateau.weights.clone()),
            &self.context.variations(),
            settings.episodes,
            settings.acting,
            derive_seed(self.seed, "low performers"),
        );
        let good_enough = evaluation.success() >= self.config().good_enough;
        let split = split(&evaluation, self.config(), derive_seed(self.seed, "partition"));
        Ok((good_enough || split.subsets.is_empty(), split))
    }

    /// Optional fine-tuning of the generalist on the low performers alone.
    fn finetune_low(&self, plateau: &Plateau, split: &Split) -> Result<Weights> {
        let samples = self.config().low_finetune_samples;
        if samples == 0 {
            return Ok(plateau.weights.clone());
        }
        let phase = Phase {
            name: format!("{}generalist on E_low", self.label),
            dir: self.dir.join("finetune-low"),
            seed: derive_seed(self.seed, "finetune low"),
            variations: split.low(),
            weights: plateau.weights.clone().with_fresh_moments(),
            demonstrations: None,
            anneal: None,
            keep_best: false,
        };
        let iterations = self.context.config.iterations(samples);
        Ok(phase.run(self.context, iterations, &mut unobserved)?.weights)
    }

    /// Clones the generalist for every subset and trains the clones at the same time.
    fn specialists(&self, start: &Weights, split: &Split) -> Result<Vec<Specialist>> {
        let iterations = self.context.config.iterations(self.config().specialist_samples);
        split
            .subsets
            .par_iter()
            .with_max_len(1)
            .enumerate()
            .map(|(i, variations)| {
                let number = i + 1;
                let phase = Phase {
                    name: format!("{}specialist {number}", self.label),
                    dir: self.dir.join(format!("specialist-{number}")),
                    seed: derive_seed(self.seed, &format!("specialist {number}")),
                    variations: variations.clone(),
                    weights: start
                        .clone()
                        .with_fresh_moments()
                        .with_std(self.config().specialist_std),
                    demonstrations: None,
                    anneal: anneal(
                        self.config().specialist_std,
                        self.config().specialist_final_std,
                    ),
                    keep_best: true,
                };
                let checkpoint = phase.run(self.context, iterations, &mut unobserved)?;
                Ok(Specialist { variations: variations.clone(), checkpoint })
            })
            .collect()
    }

    /// Demonstrations of every specialist on its own variations and of the generalist on the
    /// rest.
    fn demonstrations(
        &self,
        plateau: &Plateau,
        specialists: &[Specialist],
        split: &Split,
    ) -> Result<Collected> {
        let path = self.dir.join("demonstrations.bin");
        if path.exists() {
            return Ok(load(&path)?);
        }
        let config = self.config();
        let mut all = Collected { demonstrations: Demonstrations::default(), samples: 0 };
        let mut add = |name: String, weights: &Weights, variations: &[u32], samples: u64| {
            let seed = derive_seed(self.seed, &name);
            let threshold = config.demonstration_threshold;
            let label = format!("{}{name}", self.label);
            let part = collect_demonstrations(
                self.context,
                &label,
                weights,
                variations,
                samples,
                threshold,
                seed,
            )?;
            all.demonstrations.append(&part.demonstrations);
            all.samples += part.samples;
            Ok::<_, crate::error::Error>(())
        };
        for (i, specialist) in specialists.iter().enumerate() {
            let weights = specialist.checkpoint.best_weights();
            let samples = config.demonstration_samples;
            add(format!("specialist {}", i + 1), weights, &specialist.variations, samples)?;
        }
        let samples = config.generalist_demonstration_samples;
        if samples > 0 && !split.rest.is_empty() {
            add("generalist".into(), &plateau.weights, &split.rest, samples)?;
        }
        store(&path, &all)?;
        Ok(all)
    }

    /// Phase II: resumes the generalist from the plateau with all demonstrations.
    fn merge(&self, plateau: &Plateau, demonstrations: &Demonstrations) -> Result<Weights> {
        match self.config().merge {
            Merge::Dapg => self.dapg(plateau, demonstrations),
            Merge::Bc => Ok(self.clone_behaviour(plateau, demonstrations)),
        }
    }

    fn dapg(&self, plateau: &Plateau, demonstrations: &Demonstrations) -> Result<Weights> {
        let mut weights = plateau.weights.clone().with_std(self.config().merge_std);
        if self.config().merge_fresh_optimiser {
            weights = weights.with_fresh_moments();
        }
        let phase = Phase {
            name: format!("{}generalist with demos", self.label),
            dir: self.dir.join("merge"),
            seed: derive_seed(self.seed, "merge"),
            variations: self.context.variations(),
            weights,
            demonstrations: Some(demonstrations),
            anneal: anneal(self.config().merge_std, self.config().merge_final_std),
            keep_best: false,
        };
        let iterations = self.context.config.iterations(self.config().merge_samples);
        Ok(phase.run(self.context, iterations, &mut unobserved)?.weights)
    }

    /// The negative control: the generalist of the plateau, cloned from the demonstrations alone.
    pub fn clone_behaviour(&self, plateau: &Plateau, demonstrations: &Demonstrations) -> Weights {
        let mut network = self.context.network(plateau.weights.clone().with_fresh_moments());
        let shuffle = Stream::new(derive_seed(self.seed, "clone"), "shuffle");
        let mut unobserved = |_: &bc::Epoch| std::ops::ControlFlow::Continue(());
        bc::clone_behaviour(
            &mut *network,
            demonstrations,
            &self.context.config.bc,
            shuffle,
            &mut unobserved,
        )
        .weights
    }

    fn planned_demonstrations(&self, split: &Split) -> u64 {
        let config = self.config();
        let rest = if split.rest.is_empty() { 0 } else { config.generalist_demonstration_samples };
        split.subsets.len() as u64 * config.demonstration_samples + rest
    }

    /// Samples that all of Algorithm 1 consumes if no demonstration is rejected (gsl.md §4).
    fn planned_samples(&self, plateau: &Plateau, split: &Split) -> u64 {
        let config = self.context.config;
        let of = |samples: u64| match samples {
            0 => 0,
            _ => config.iterations(samples) * config.ppo.samples as u64,
        };
        let merge = match config.gsl.merge {
            Merge::Dapg => of(config.gsl.merge_samples),
            Merge::Bc => 0,
        };
        plateau.iterations * config.ppo.samples as u64
            + of(config.gsl.low_finetune_samples)
            + split.subsets.len() as u64 * of(config.gsl.specialist_samples)
            + self.planned_demonstrations(split)
            + merge
    }
}

/// A standard deviation that is scheduled if both its ends are given.
fn anneal(from: f32, to: f32) -> Option<Anneal> {
    (from > 0.0 && to > 0.0).then_some(Anneal { from, to })
}

fn unobserved(_: &GaussianAgent, _: &[f64]) -> Result<Flow> {
    Ok(Flow::Continue)
}

/// The generalist's weights of every iteration that H may still choose.
struct Snapshots {
    dir: PathBuf,
}

impl Snapshots {
    fn create(&self) -> Result<()> {
        Ok(fs::create_dir_all(&self.dir).map_err(FileError::io("create", &self.dir))?)
    }

    fn path(&self, iteration: usize) -> PathBuf {
        self.dir.join(format!("{iteration:06}.bin"))
    }

    /// A snapshot that is there already holds the same bytes: the run was resumed.
    fn keep(&self, iteration: usize, weights: impl FnOnce() -> Weights) -> Result<()> {
        let path = self.path(iteration);
        if !path.exists() {
            store(&path, &weights())?;
        }
        Ok(())
    }

    fn get(&self, iteration: usize) -> Result<Weights> {
        Ok(load(&self.path(iteration))?)
    }

    fn forget_before(&self, iteration: usize) -> Result<()> {
        for i in (0..iteration).rev() {
            let path = self.path(i);
            if !path.exists() {
                break;
            }
            fs::remove_file(&path).map_err(FileError::io("remove", &path))?;
        }
        Ok(())
    }

    fn remove(&self) -> Result<()> {
        if !self.dir.exists() {
            return Ok(());
        }
        Ok(fs::remove_dir_all(&self.dir).map_err(FileError::io("remove", &self.dir))?)
    }
}
