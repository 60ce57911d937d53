//! Algorithm 1 of the paper: Generalist-Specialist Learning.
//!
//! Each part is a function of files in the run's directory, so an interrupted run goes on where
//! it was. The numbers in comments are the lines of Algorithm 1.

use super::{
    config::{Inherit, Merge, PlateauMode, SPECIALIST_STD_FALL},
    demos::{Collected, Demonstrator, Wanted, collect_demonstrations},
    evaluate::{Evaluation, evaluate},
    partition::{Split, split},
    plateau::{Verdict, first_plateau},
    side_by_side::side_by_side,
    snapshots::{Snapshots, Start},
};
use crate::{
    error::{Error, Result},
    learn::{
        actor_critic::Weights,
        agent::{Agent, Learning, Pairs, Parameters},
        bc,
        replay::{file::Kept, inherit::Inherited},
        reward_scale::RewardScale,
    },
    run::{
        file::{FileError, load, store},
        interrupt,
        phase::{Anneal, Checkpoint, Context, Flow, Phase, Seen, unobserved},
    },
};
use gslab_envs::rng::{Stream, derive_seed};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    ops::ControlFlow,
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
    /// The scale of rewards at that time, if they are scaled.
    pub reward_scale: Option<RewardScale>,
    /// Where what it had played until then ends, if others begin with it.
    #[serde(default)]
    pub replay: Kept,
}

/// A specialist after its training.
#[derive(Clone, Debug)]
pub struct Specialist<W = Weights> {
    /// Of its directory.
    pub name: String,
    pub variations: Vec<u32>,
    pub checkpoint: Checkpoint<W>,
}

/// Everything that Algorithm 1 made.
pub struct Outcome<A: Agent> {
    pub plateau: Plateau<A::Weights>,
    /// Whether the generalist was good enough at the plateau (lines 3 to 5); then nothing
    /// follows and the final weights are the plateau's.
    pub good_enough: bool,
    /// In the order of their subsets; those that failed twice are left out.
    pub specialists: Vec<Specialist<A::Weights>>,
    pub demonstrations: A::Demonstrations,
    /// The generalist after phase II.
    pub weights: A::Weights,
    /// Samples consumed by everything above.
    pub samples: u64,
}

/// Weights of a new generalist, from a seed.
pub type NewWeights<'a, A> = &'a (dyn Fn(u64) -> <A as Agent>::Weights + Sync);

/// One run of Algorithm 1 in a directory.
pub struct Algorithm1<'a, A: Agent> {
    pub context: &'a Context<'a>,
    pub dir: &'a Path,
    pub seed: u64,
    /// Put before the names of phases, for instance `seed 3: `.
    pub label: String,
    pub new: NewWeights<'a, A>,
}

impl<A: Agent> Algorithm1<'_, A> {
    /// Lines 1 to 15. `beside` runs on other threads next to the specialists and phase II; it
    /// is told the samples that the method will have consumed.
    pub fn run<B: Send>(
        &self,
        beside: impl FnOnce(u64) -> Result<B> + Send,
    ) -> Result<(Outcome<A>, B)> {
        // 1, 2: train the generalist until H = 1.
        let plateau = self.generalist()?;
        // 3 to 5: stop if it is good enough; 6, 7: find and split the low performers.
        let at_plateau = self.evaluate_plateau(&plateau)?;
        let seed = derive_seed(self.seed, "partition");
        let split = split(&at_plateau, self.config(), self.context.family, seed);
        let good_enough = self.is_good_enough(&at_plateau) || split.subsets.is_empty();
        if good_enough {
            let learning = self.context.config.learning();
            let samples = A::schedule(&learning).samples() * plateau.iterations;
            let beside = beside(samples)?;
            self.forget_replay()?;
            let weights = plateau.weights.clone();
            let outcome = Outcome {
                plateau,
                good_enough,
                specialists: Vec::new(),
                demonstrations: A::Demonstrations::default(),
                weights,
                samples,
            };
            return Ok((outcome, beside));
        }
        let planned = self.planned_samples(&plateau, &split);
        let (beside, rest) = rayon::join(
            || beside(planned),
            || {
                // 8 (optional), 9 to 11: specialists.
                let start = self.finetune_low(&plateau, &split)?;
                let specialists = self.specialists(&plateau, &start, &split)?;
                // 12 to 14: demonstrations.
                let collected = self.demonstrations(&plateau, &specialists, &split)?;
                // 15: phase II.
                let weights = self.merge(&plateau, &collected.demonstrations)?;
                Ok::<_, Error>((specialists, collected, weights))
            },
        );
        let (specialists, collected, weights) = rest?;
        self.forget_replay()?;
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
    pub fn generalist_phase(&self) -> Phase<'_, A> {
        let seed = derive_seed(self.seed, "generalist");
        Phase {
            name: format!("{}generalist", self.label),
            dir: self.dir.join("generalist"),
            seed,
            variations: self.context.variations(),
            weights: (self.new)(seed),
            reward_scale: None,
            replay: None,
            learning: self.context.config.learning(),
            demonstrations: None,
            anneal: None,
            keep_best: false,
        }
    }

    /// Phase I: trains on everything until H holds, then goes back to where it first held.
    fn generalist(&self) -> Result<Plateau<A::Weights>> {
        let path = self.dir.join("plateau.bin");
        let snapshots = Snapshots { dir: self.dir.join("snapshots") };
        if path.exists() {
            // Still there if the process was killed between the two.
            snapshots.remove()?;
            return Ok(load(&path)?);
        }
        snapshots.create()?;
        let config = self.context.config;
        let phase = self.generalist_phase();
        let budget = A::schedule(&phase.learning).iterations(config.total_samples) as usize;
        let last = ((1.0 - config.gsl.margin) * budget as f64) as usize;
        let mut plateau = None;
        let mut observe = |seen: &Seen<'_, A>| {
            let now = seen.curve.len() - 1;
            snapshots.keep(now, || Start {
                weights: seen.agent.weights(),
                reward_scale: seen.reward_scale.cloned(),
            })?;
            match first_plateau(seen.curve, budget, &config.gsl) {
                Verdict::At(t) => plateau = Some((t, true)),
                Verdict::NotBefore(t) => snapshots.forget_before(t.min(last))?,
                Verdict::Nowhere => {}
            }
            if plateau.is_none() && now >= last {
                plateau = Some((last, false));
            }
            Ok(if plateau.is_some() { Flow::Stop } else { Flow::Continue })
        };
        let checkpoint = phase.run(self.context, budget as u64, &mut observe)?;
        let (at, detected) = plateau.unwrap_or((checkpoint.curve.len() - 1, false));
        let (iterations, Start { weights, reward_scale }) = match config.gsl.plateau {
            PlateauMode::Retro => (at as u64 + 1, snapshots.get(at)?),
            PlateauMode::Online => {
                let Checkpoint { iterations, weights, reward_scale, .. } = checkpoint;
                (iterations, Start { weights, reward_scale })
            }
        };
        let mut replay = Kept::default();
        if config.gsl.inherit_replay != Inherit::Nobody {
            let learning = &phase.learning;
            let rows = iterations * A::schedule(learning).samples();
            let (to, spec) = (self.replay_at_plateau(), self.context.family.spec());
            replay = A::set_aside(&phase.dir, &to, spec, learning, rows)?;
        }
        let plateau = Plateau { detected, iterations, weights, reward_scale, replay };
        store(&path, &plateau)?;
        snapshots.remove()?;
        let how = if detected { "H fired" } else { "H did not fire; taking the last allowed" };
        self.context.progress.say(&format!("{}{how}: iteration {at}", self.label));
        Ok(plateau)
    }

    fn replay_at_plateau(&self) -> PathBuf {
        self.dir.join("replay-at-plateau")
    }

    /// To be done when all who begin with it are at their end.
    fn forget_replay(&self) -> Result<()> {
        let path = self.replay_at_plateau();
        if path.exists() {
            fs::remove_dir_all(&path).map_err(FileError::io("remove", &path))?;
        }
        Ok(())
    }

    /// What phases begin their replay with that `who` stands for.
    fn inherited(&self, plateau: &Plateau<A::Weights>, who: Inherit) -> Option<Inherited> {
        let inherits = self.config().inherit_replay >= who;
        inherits.then(|| Inherited { dir: self.replay_at_plateau(), kept: plateau.replay })
    }

    /// Line 6: how good the generalist is on every variation.
    fn evaluate_plateau(&self, plateau: &Plateau<A::Weights>) -> Result<Evaluation> {
        let path = self.dir.join("low-performers.bin");
        if path.exists() {
            return Ok(load(&path)?);
        }
        let settings = &self.context.config.evaluation;
        let evaluation = evaluate(
            self.context.family,
            &mut self.context.agent::<A>(plateau.weights.clone()),
            &self.context.variations(),
            settings.episodes,
            settings.acting,
            derive_seed(self.seed, "low performers"),
        );
        store(&path, &evaluation)?;
        Ok(evaluation)
    }

    /// Lines 3 to 5.
    fn is_good_enough(&self, evaluation: &Evaluation) -> bool {
        let spec = self.context.family.spec();
        let reached = match spec.return_range {
            Some(_) => spec.normalised(evaluation.mean_return()),
            None => evaluation.success(),
        };
        reached >= self.config().good_enough
    }

    /// Optional fine-tuning of the generalist on the low performers alone.
    fn finetune_low(
        &self,
        plateau: &Plateau<A::Weights>,
        split: &Split,
    ) -> Result<Start<A::Weights>> {
        let samples = self.config().low_finetune_samples;
        let Plateau { weights, reward_scale, .. } = plateau.clone();
        if samples == 0 {
            return Ok(Start { weights, reward_scale });
        }
        let phase = Phase::<A> {
            name: format!("{}generalist on E_low", self.label),
            dir: self.dir.join("finetune-low"),
            seed: derive_seed(self.seed, "finetune low"),
            variations: split.low(),
            weights: weights.with_fresh_moments(),
            reward_scale,
            replay: None,
            learning: self.context.config.learning(),
            demonstrations: None,
            anneal: None,
            keep_best: false,
        };
        let iterations = A::schedule(&phase.learning).iterations(samples);
        let tuned = phase.run(self.context, iterations, &mut unobserved)?;
        Ok(Start { weights: tuned.weights, reward_scale: tuned.reward_scale })
    }

    /// Clones the generalist for every subset and trains the clones, as many at the same time as
    /// there are threads. One that fails is tried once more; if it fails again the others go on
    /// without it.
    fn specialists(
        &self,
        plateau: &Plateau<A::Weights>,
        start: &Start<A::Weights>,
        split: &Split,
    ) -> Result<Vec<Specialist<A::Weights>>> {
        let numbered: Vec<(usize, &Vec<u32>)> = (1..).zip(&split.subsets).collect();
        let train = |&(number, variations): &(usize, &Vec<u32>)| {
            let train = |number: &str| self.specialist(plateau, start, number, variations);
            match train(&number.to_string()) {
                Err(error @ Error::NotFinite { .. }) => {
                    self.context.progress.say(&format!("{error}. Trying once more"));
                    train(&format!("{number}-again"))
                }
                done => done,
            }
        };
        let mut specialists = Vec::new();
        for specialist in side_by_side(&numbered, train) {
            match specialist {
                Err(error @ Error::NotFinite { .. }) => {
                    self.context.progress.say(&format!("{error}. Going on without it"));
                }
                done => specialists.push(done?),
            }
        }
        match specialists.is_empty() {
            true => Err(Error::NoSpecialist { run: self.context.run.into() }),
            false => Ok(specialists),
        }
    }

    fn specialist(
        &self,
        plateau: &Plateau<A::Weights>,
        start: &Start<A::Weights>,
        number: &str,
        variations: &[u32],
    ) -> Result<Specialist<A::Weights>> {
        let config = self.config();
        let Start { weights, reward_scale } = start.clone();
        let name = format!("specialist-{number}");
        let phase = Phase::<A> {
            name: format!("{}specialist {number}", self.label),
            dir: self.dir.join(&name),
            seed: derive_seed(self.seed, &format!("specialist {number}")),
            variations: variations.to_vec(),
            weights: weights.with_fresh_moments().with_std(config.specialist_std),
            reward_scale,
            replay: self.inherited(plateau, Inherit::All),
            learning: self.context.config.specialist_learning(),
            demonstrations: None,
            anneal: anneal(config.specialist_std, config.specialist_final_std, SPECIALIST_STD_FALL),
            keep_best: true,
        };
        let iterations = A::schedule(&phase.learning).iterations(config.specialist_samples);
        let checkpoint = phase.run(self.context, iterations, &mut unobserved)?;
        Ok(Specialist { name, variations: variations.to_vec(), checkpoint })
    }

    /// Demonstrations of every specialist on its own variations and of the generalist on the
    /// rest.
    fn demonstrations(
        &self,
        plateau: &Plateau<A::Weights>,
        specialists: &[Specialist<A::Weights>],
        split: &Split,
    ) -> Result<Collected<A::Demonstrations>> {
        let path = self.dir.join("demonstrations.bin");
        if path.exists() {
            return Ok(load(&path)?);
        }
        let config = self.config();
        let mut all = Collected::<A::Demonstrations>::default();
        let mut add = |who: String, weights: &A::Weights, variations: &[u32], samples: u64| {
            let wanted = Wanted {
                name: &format!("{}{who}", self.label),
                by: Demonstrator::Agent,
                variations,
                samples,
                samples_in_all: self.planned_demonstrations(split),
                threshold: config.demonstration_threshold,
                seed: derive_seed(self.seed, &who),
            };
            let kept = collect_demonstrations::<A>(self.context, weights, &wanted, &mut all)?;
            if kept < samples {
                self.context.progress.say(&format!(
                    "{}: {kept} of {samples} demonstrations have a return above {}; going on with \
                     these",
                    wanted.name, wanted.threshold
                ));
            }
            Ok::<_, Error>(())
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
        if all.demonstrations.rows() == 0 {
            let threshold = config.demonstration_threshold;
            return Err(Error::NoDemonstrations { threshold, tried: all.samples });
        }
        store(&path, &all)?;
        Ok(all)
    }

    /// Phase II: resumes the generalist from the plateau with all demonstrations.
    fn merge(
        &self,
        plateau: &Plateau<A::Weights>,
        demonstrations: &A::Demonstrations,
    ) -> Result<A::Weights> {
        match self.config().merge {
            Merge::Dapg | Merge::Gail => self.learn_from(plateau, demonstrations),
            Merge::Bc => self.clone_behaviour(plateau, demonstrations),
        }
    }

    /// With rewards, and with demonstrations as the agent's algorithm takes them: by DAPG or GAIL.
    fn learn_from(
        &self,
        plateau: &Plateau<A::Weights>,
        demonstrations: &A::Demonstrations,
    ) -> Result<A::Weights> {
        let config = self.config();
        let mut weights = plateau.weights.clone().with_std(config.merge_std);
        if config.merge_fresh_optimiser {
            weights = weights.with_fresh_moments();
        }
        let phase = Phase::<A> {
            name: format!("{}generalist with demos", self.label),
            dir: self.dir.join("merge"),
            seed: derive_seed(self.seed, "merge"),
            variations: self.context.variations(),
            weights,
            reward_scale: plateau.reward_scale.clone(),
            replay: self.inherited(plateau, Inherit::Merge),
            learning: self.context.config.merge_learning(),
            demonstrations: Some(demonstrations),
            anneal: anneal(config.merge_std, config.merge_final_std, config.merge_std_fall),
            keep_best: config.merge_keep_best,
        };
        let iterations = A::schedule(&phase.learning).iterations(config.merge_samples);
        let learned = phase.run(self.context, iterations, &mut unobserved)?;
        Ok(learned.best_weights().clone().with_std(config.final_std))
    }

    /// The negative control: the generalist of the plateau, cloned from the demonstrations alone.
    ///
    /// # Errors
    /// It was interrupted; what was learned until then is lost.
    pub fn clone_behaviour(
        &self,
        plateau: &Plateau<A::Weights>,
        demonstrations: &A::Demonstrations,
    ) -> Result<A::Weights> {
        let config = &self.context.config.bc;
        let mut agent: A = self.context.agent(plateau.weights.clone().with_fresh_moments());
        let shuffle = Stream::new(derive_seed(self.seed, "clone"), "shuffle");
        let name = format!("{}cloning", self.label);
        let bar = self.context.progress.work(&name, config.max_epochs as u64);
        let mut progress = |_: &bc::Epoch| {
            bar.inc(1);
            match interrupt::requested() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let cloned =
            bc::clone_behaviour(&mut agent, demonstrations, config, shuffle, &mut progress);
        bar.finish_and_clear();
        match interrupt::requested() {
            true => Err(Error::Interrupted(self.context.run.into())),
            false => Ok(cloned.weights),
        }
    }

    fn planned_demonstrations(&self, split: &Split) -> u64 {
        let config = self.config();
        let rest = if split.rest.is_empty() { 0 } else { config.generalist_demonstration_samples };
        split.subsets.len() as u64 * config.demonstration_samples + rest
    }

    /// Samples that all of Algorithm 1 consumes if no demonstration is rejected (gsl.md §4).
    fn planned_samples(&self, plateau: &Plateau<A::Weights>, split: &Split) -> u64 {
        let config = self.context.config;
        let of = |learning: Learning, samples: u64| {
            let schedule = A::schedule(&learning);
            if samples == 0 { 0 } else { schedule.iterations(samples) * schedule.samples() }
        };
        let merge = match config.gsl.merge {
            Merge::Dapg | Merge::Gail => of(config.merge_learning(), config.gsl.merge_samples),
            Merge::Bc => 0,
        };
        let specialist = of(config.specialist_learning(), config.gsl.specialist_samples);
        plateau.iterations * A::schedule(&config.learning()).samples()
            + of(config.learning(), config.gsl.low_finetune_samples)
            + split.subsets.len() as u64 * specialist
            + self.planned_demonstrations(split)
            + merge
    }
}

/// A standard deviation that is scheduled if both its ends are given.
fn anneal(from: f32, to: f32, fall: [f32; 2]) -> Option<Anneal> {
    (from > 0.0 && to > 0.0).then_some(Anneal { from, to, fall })
}
