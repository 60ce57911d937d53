//! A phase: training on a set of variations, in a directory of its own, from weights to weights.
//!
//! A phase is a function of files. If it was cut at any moment it goes on from its last
//! checkpoint and ends with the same bytes; if it was finished, it only reports.

use super::{
    config::Config,
    file::{FileError, load, store},
    interrupt,
    metrics::{Metrics, Offsets},
    progress::Progress,
    timings::{Row, Timings},
};
use crate::{
    device::Device,
    error::{Error, Result},
    gsl::{config::PlateauScore, evaluate::evaluate},
    learn::{
        actor_critic::Weights,
        agent::{Agent, Learning, Parameters, Report, Schedule, Shown},
        replay::{file::Kept, inherit::Inherited},
        reward_scale::RewardScale,
        rollout::{Stages, timed},
        vectors::GaussianAgent,
    },
    pool::Pool,
    trace::{Stage, counter, span, traced},
};
use gslab_envs::{
    Level,
    batch::Episode,
    levels::{LevelSet, Order},
    registry::Family,
    rng::{Stream, derive_seed},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// What all phases of a run share.
pub struct Context<'a> {
    /// The run's directory, for messages.
    pub run: &'a Path,
    pub config: &'a Config,
    pub family: &'a dyn Family,
    pub device: &'a Device,
    pub progress: Progress,
}

impl Context<'_> {
    /// All variations of the environment.
    pub fn variations(&self) -> Vec<u32> {
        (0..self.family.spec().variations).collect()
    }

    /// An agent on the run's device.
    pub fn agent<A: Agent>(&self, weights: A::Weights) -> A {
        A::new(self.device, &self.config.environment, weights)
    }
}

/// A standard deviation of the policy that is not learned but falls as the phase goes on: the
/// policy explores at first and is sure of itself at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anneal {
    /// Standard deviations at the start and at the end, in action units.
    pub from: f32,
    pub to: f32,
    /// Shares of the phase at which it begins to fall and has fallen, the first below the second.
    pub fall: [f32; 2],
}

impl Anneal {
    /// The standard deviation after `done` of `all` iterations: between the two it falls by the
    /// same factor in each.
    fn std(&self, done: u64, all: u64) -> f32 {
        let [start, end] = self.fall;
        let fallen = ((done as f32 / all as f32 - start) / (end - start)).clamp(0.0, 1.0);
        self.from.powf(1.0 - fallen) * self.to.powf(fallen)
    }
}

/// What one phase is.
pub struct Phase<'a, A: Agent = GaussianAgent> {
    /// Shown to people.
    pub name: String,
    pub dir: PathBuf,
    pub seed: u64,
    /// What it trains on; at least one.
    pub variations: Vec<u32>,
    /// What it starts from.
    pub weights: A::Weights,
    /// The scale of rewards that it goes on with; `None` begins a new one, if they are scaled.
    pub reward_scale: Option<RewardScale>,
    /// What an agent that has a replay begins it with; `None` for nothing.
    pub replay: Option<Inherited>,
    /// How it learns.
    pub learning: Learning,
    /// Makes it phase II: learning from these, too.
    pub demonstrations: Option<&'a A::Demonstrations>,
    /// Whether the policy's standard deviation is scheduled; if not it is learned.
    pub anneal: Option<Anneal>,
    /// Whether to measure the policy now and then and keep the best (the specialists).
    pub keep_best: bool,
}

/// The best weights of a phase so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best<W = Weights> {
    pub iteration: u64,
    /// Mean return of an evaluation.
    pub mean_return: f64,
    pub weights: W,
}

/// Everything a phase goes on from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint<W = Weights> {
    /// Iterations done.
    pub iterations: u64,
    pub weights: W,
    pub best: Option<Best<W>>,
    /// The score that H looks at, of every iteration.
    pub curve: Vec<f64>,
    environments: Vec<ByteBuf>,
    /// Of runs whose rewards are scaled.
    pub reward_scale: Option<RewardScale>,
    /// Normalised returns of the last episodes, at most [`RECENT`].
    recent: VecDeque<f64>,
    metrics: Offsets,
    /// Of agents that learn from more than their last experience.
    #[serde(default)]
    replay: Kept,
}

/// Episodes over which returns are averaged, as in the baselines of Procgen (algorithms.md §1.2).
const RECENT: usize = 100;

impl<W> Checkpoint<W> {
    /// The best weights if they were looked for, else the last.
    pub fn best_weights(&self) -> &W {
        self.best.as_ref().map_or(&self.weights, |best| &best.weights)
    }
}

/// What an observer of iterations wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// End the phase here; it can be run on later.
    Stop,
}

/// A phase after an iteration.
pub struct Seen<'a, A: Agent = GaussianAgent> {
    pub agent: &'a A,
    /// The score that H looks at, of every iteration so far.
    pub curve: &'a [f64],
    /// Of runs whose rewards are scaled.
    pub reward_scale: Option<&'a RewardScale>,
}

/// Told after every iteration.
pub type Observer<'o, A = GaussianAgent> = &'o mut dyn FnMut(&Seen<'_, A>) -> Result<Flow>;

/// An observer that lets the phase run on.
pub fn unobserved<A: Agent>(_: &Seen<'_, A>) -> Result<Flow> {
    Ok(Flow::Continue)
}

/// A phase's checkpoint, in its directory.
pub const CHECKPOINT: &str = "checkpoint.bin";
/// A seed's final weights, in the seed's directory.
pub const FINAL: &str = "final.bin";

impl<'a, A: Agent> Seen<'a, A> {
    fn of(agent: &'a A, state: &'a Checkpoint<A::Weights>) -> Self {
        Self { agent, curve: &state.curve, reward_scale: state.reward_scale.as_ref() }
    }
}

impl<A: Agent> Phase<'_, A> {
    /// Runs the phase until it has done `iterations` iterations or the observer stops it. On
    /// return a checkpoint of just this state is on disk.
    pub fn run(
        &self,
        context: &Context<'_>,
        iterations: u64,
        observer: Observer<'_, A>,
    ) -> Result<Checkpoint<A::Weights>> {
        let path = self.dir.join(CHECKPOINT);
        let columns = self.columns();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut learning = self.learning.clone();
        let schedule = A::schedule(&self.learning);
        let Schedule { environments, steps, rounds } = schedule;
        let levels = LevelSet::new(
            self.variations.clone(),
            Order::Uniform,
            derive_seed(self.seed, "levels"),
        )
        .map_err(|e| Error::Usage(format!("{}: {e}", self.name)))?;
        let mut pool = Pool::new(context.family, &levels, environments);
        let spec = context.family.spec();
        let (mut state, mut metrics) = if path.exists() {
            let state: Checkpoint<A::Weights> = load(&path)?;
            self.check_network(&path, &state.weights)?;
            pool.restore(&state.environments)
                .map_err(|error| Error::OtherEnvironments { path: path.clone(), error })?;
            let metrics = Metrics::resume(&self.dir, &columns, state.metrics)?;
            (state, metrics)
        } else {
            fs::create_dir_all(&self.dir).map_err(FileError::io("create", &self.dir))?;
            let metrics = Metrics::create(&self.dir, &columns)?;
            let state = Checkpoint {
                iterations: 0,
                weights: self.weights.clone(),
                best: None,
                curve: Vec::new(),
                environments: pool.snapshot(),
                reward_scale: self.first_reward_scale(),
                recent: VecDeque::new(),
                metrics: metrics.synced_offsets()?,
                replay: match &self.replay {
                    Some(replay) => A::inherit(replay, &self.dir, spec, &self.learning)?,
                    None => Kept::default(),
                },
            };
            store(&path, &state)?;
            (state, metrics)
        };

        let mut timings = Timings::open(&self.dir, state.iterations)?;
        let mut agent: A = context.agent(state.weights.clone());
        agent.recall(&self.dir, spec, &self.learning, state.replay)?;
        let noise = Stream::new(self.seed, "noise");
        let shuffle = Stream::new(self.seed, "shuffle");
        let shown = self.demonstrations.map(|demonstrations| {
            let (config, shuffle) = (&context.config.dapg, Stream::new(self.seed, "guide"));
            Shown { demonstrations, config, shuffle }
        });
        let samples = schedule.samples();
        let bar =
            context.progress.phase(&self.name, state.iterations * samples, iterations * samples);

        // The state of a resumed phase was already seen by the observer, but the observer of a
        // resumed process was not.
        let mut stored = state.iterations;
        let mut flow = match state.iterations {
            0 => Flow::Continue,
            _ => observer(&Seen::of(&agent, &state))?,
        };
        while flow == Flow::Continue && state.iterations < iterations {
            if let Some(anneal) = self.anneal {
                agent.fix_std(anneal.std(state.iterations, iterations));
            }
            if self.demonstrations.is_some() {
                let factor = context.config.dapg.learning_rate_factor(state.iterations, iterations);
                learning.ppo.learning_rate = factor * self.learning.ppo.learning_rate;
            }
            let _iteration = span(Stage::Iteration);
            let began = Instant::now();
            let iteration = state.iterations;
            let not_finite = |what| Error::NotFinite {
                phase: self.name.clone(),
                iteration,
                what,
                checkpoint: path.clone(),
            };
            let (mut rewards, mut episodes) = (Vec::new(), Vec::new());
            let (mut stages, mut reports) = (Stages::default(), Vec::new());
            for round in 0..rounds as u64 {
                let first_step = (iteration * rounds as u64 + round) * steps as u64;
                let mut rollout =
                    traced(Stage::Collect, || agent.collect(&mut pool, steps, noise, first_step));
                if !rollout.rewards.iter().all(|r| r.is_finite()) {
                    return Err(not_finite("a reward"));
                }
                rewards.extend_from_slice(&rollout.rewards);
                if let Some(scale) = &mut state.reward_scale {
                    scale.apply(&mut rollout.rewards, &rollout.ends);
                }
                for failed in rollout.episodes.iter().filter(|episode| episode.failed) {
                    context.progress.say(&self.failure(failed));
                }
                episodes.append(&mut rollout.episodes);
                stages.add(&rollout.stages);
                let report = timed(&mut stages.learn, Stage::Update, || {
                    agent.update(rollout, &learning, shuffle, iteration, shown.as_ref())
                });
                if !report.is_finite() {
                    return Err(not_finite("the loss"));
                }
                reports.push(report.values());
            }
            let mean_reward = mean(rewards.iter().map(|&r| f64::from(r)));
            for episode in &episodes {
                state.recent.truncate(RECENT - 1);
                state.recent.push_front(spec.normalised(episode.total_reward.into()));
            }
            let recent = mean(state.recent.iter().copied());
            let row = self.row([mean_reward, recent], &episodes, &reports, &agent.measures());
            let success = row[3];
            state.curve.push(match context.config.gsl.score {
                PlateauScore::MeanReward => mean_reward,
                PlateauScore::Success => success,
                // Before the first episode has ended nothing better than chance is known.
                PlateauScore::Return if state.recent.is_empty() => 0.0,
                PlateauScore::Return => recent,
            });
            let logging = span(Stage::Logging);
            metrics.append(state.iterations, (state.iterations + 1) * samples, &row)?;
            timings.append(&Row {
                step: state.iterations,
                samples: (state.iterations + 1) * samples,
                samples_per_second: samples as f64 / began.elapsed().as_secs_f64(),
                stages,
                mean_return: row[1],
                normalised_return: recent,
            })?;
            counter("samples per second", samples as f64 / began.elapsed().as_secs_f64());
            counter("mean reward", mean_reward);
            state.iterations += 1;
            bar.at(
                state.iterations * samples,
                format!("reward {mean_reward:.3}  success {success:.2}"),
            );
            drop(logging);

            if self.keep_best && state.iterations % context.config.evaluation.every == 0 {
                traced(Stage::Evaluate, || self.measure(context, &mut agent, &mut state));
            }
            flow = observer(&Seen::of(&agent, &state))?;
            let stop = interrupt::requested();
            let done = flow == Flow::Stop || state.iterations == iterations;
            if done {
                agent.settle(&learning, shuffle, iteration);
            }
            let due = stop || done || state.iterations - stored >= context.config.checkpoint_every;
            if due && agent.is_settled() {
                let _checkpoint = span(Stage::Checkpoint);
                stored = state.iterations;
                let weights = agent.weights();
                if !weights.is_finite() {
                    return Err(not_finite("a weight"));
                }
                state.weights = weights;
                state.environments = pool.snapshot();
                state.metrics = metrics.synced_offsets()?;
                state.replay = agent.keep()?;
                store(&path, &state)?;
                agent.tidy()?;
            }
            if stop && !done {
                return Err(Error::Interrupted(context.run.into()));
            }
        }
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        bar.finish(&format!(
            "{} samples, score {:.3}",
            state.iterations * samples,
            last(&state.curve)
        ));
        Ok(state)
    }

    fn measure(&self, context: &Context<'_>, agent: &mut A, state: &mut Checkpoint<A::Weights>) {
        let settings = &context.config.evaluation;
        let seed = derive_seed(self.seed, "best checkpoint");
        let evaluation = evaluate(
            context.family,
            agent,
            &self.variations,
            settings.episodes,
            settings.acting,
            seed,
        );
        let mean_return = evaluation.mean_return();
        if state.best.as_ref().is_none_or(|best| mean_return > best.mean_return) {
            let weights = agent.weights();
            state.best = Some(Best { iteration: state.iterations, mean_return, weights });
        }
    }

    /// What is said of an episode that ended because its world could not go on.
    fn failure(&self, episode: &Episode) -> String {
        let Level { variation, seed } = episode.level;
        format!(
            "{}: variation {variation}, seed {seed}: the simulation had no finite state after {} \
             steps; the episode was ended",
            self.name, episode.length
        )
    }

    fn first_reward_scale(&self) -> Option<RewardScale> {
        let reward_gamma = self.learning.ppo.reward_gamma;
        let environments = A::schedule(&self.learning).environments;
        (reward_gamma > 0.0).then(|| match &self.reward_scale {
            Some(scale) => scale.continued(environments),
            None => RewardScale::new(environments, reward_gamma),
        })
    }

    fn check_network(&self, path: &Path, found: &A::Weights) -> Result<()> {
        let (found, expected) = (found.form(), self.weights.form());
        if found == expected {
            return Ok(());
        }
        Err(Error::OtherNetwork { path: path.into(), found, expected })
    }

    /// Names of what [`Phase::row`] gives.
    fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> =
            ["mean_reward", "mean_return", "recent_normalised_return", "success", "episodes"]
                .map(String::from)
                .into();
        columns.extend(A::Report::COLUMNS.iter().map(|&name| name.into()));
        columns.extend(self.weights.measured());
        columns.extend(self.listed().map(|v| format!("success_{v}")));
        columns
    }

    /// The variations whose success has a column of its own.
    fn listed(&self) -> impl Iterator<Item = u32> {
        /// More would make the table unreadable.
        const MOST: usize = 16;
        let all = if self.variations.len() <= MOST { &self.variations[..] } else { &[] };
        all.iter().copied()
    }

    /// One row of metrics; NaN where an iteration had no episode to average.
    fn row(
        &self,
        [mean_reward, recent]: [f64; 2],
        episodes: &[Episode],
        reports: &[Vec<f64>],
        measures: &[f64],
    ) -> Vec<f64> {
        let flag = |b: bool| f64::from(u8::from(b));
        let mut row = vec![
            mean_reward,
            mean(episodes.iter().map(|e| f64::from(e.total_reward))),
            recent,
            mean(episodes.iter().map(|e| flag(e.solved))),
            episodes.len() as f64,
        ];
        row.extend((0..A::Report::COLUMNS.len()).map(|column| {
            let values: Vec<f64> = reports.iter().map(|report| report[column]).collect();
            match values[..] {
                [value] => value,
                // What not every round measures.
                _ => mean(values.into_iter().filter(|value| !value.is_nan())),
            }
        }));
        row.extend(measures);
        row.extend(self.listed().map(|variation| {
            let mine = episodes.iter().filter(|e| e.level.variation == variation);
            mean(mine.map(|e| flag(e.solved)))
        }));
        row
    }
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
    sum / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_std_falls_by_the_same_factor_between_its_ends() {
        let anneal = Anneal { from: 2.0, to: 0.5, fall: [0.3, 0.8] };
        let std: Vec<f32> = (0..=100).map(|done| anneal.std(done, 100)).collect();
        assert!(std[..=30].iter().all(|&s| s == 2.0));
        assert!(std[80..].iter().all(|&s| s == 0.5));
        // Halfway down it is the geometric mean of the two.
        assert!((std[55] - 1.0).abs() < 1e-5, "{}", std[55]);
        for t in 31..80 {
            let factor = std[t] / std[t - 1];
            assert!((factor - 0.25f32.powf(1.0 / 50.0)).abs() < 1e-4, "{t}: {factor}");
        }
    }
}
