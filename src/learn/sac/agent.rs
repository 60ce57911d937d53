//! The agent that learns by SAC, or in phase II by GAIL on top of it.

use super::{Config, Losses, Weights, draw, networks::Networks};
use crate::{
    device::Device,
    learn::{
        adam,
        agent::{self, Acting, Agent, Chosen, Learning, Policy, Schedule, Shown},
        gail::{self, demonstration_rows},
        replay::{
            Demonstrations, Form, Replay, Step, Transitions,
            file::{Files, Kept},
            inherit::Inherited,
        },
        rollout::{Rollout, Stages, timed},
        squashed::{Squashed, normals, uniform_actions},
    },
    pool::Pool,
    run::file::FileError,
    trace::Stage,
};
use gslab_envs::{End, Spec, batch::Actions, rng::Stream};
use std::path::Path;

/// Networks and what was played. With [`Weights`] it learns from vectors on the CPU.
pub struct SacAgent<N = Weights> {
    networks: N,
    replay: Option<Replay>,
    /// Of a phase that is kept on disk.
    files: Option<Files>,
}

/// Averages over the optimiser steps of a round; NaN without any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Optimiser steps of the policy.
    pub updates: usize,
    pub losses: Losses,
    /// α.
    pub temperature: f64,
    /// In nats; NaN unless the discriminator learned.
    pub discriminator_loss: f64,
    /// Both parts of the rewards learned from; NaN without demonstrations.
    pub rewards: gail::Rewards,
}

impl agent::Report for Report {
    const COLUMNS: &'static [&'static str] = &[
        "policy_loss",
        "critic_loss",
        "entropy",
        "value",
        "temperature",
        "discriminator_loss",
        "environment_reward",
        "imitation_reward",
    ];

    fn values(&self) -> Vec<f64> {
        let Losses { policy, critic, entropy, value } = self.losses;
        let gail::Rewards { environment, imitation } = self.rewards;
        let Self { temperature, discriminator_loss, .. } = *self;
        let values = [
            policy,
            critic,
            entropy,
            value,
            temperature,
            discriminator_loss,
            environment,
            imitation,
        ];
        values.into()
    }

    fn is_finite(&self) -> bool {
        self.updates == 0 || (self.losses.policy + self.losses.critic).is_finite()
    }
}

impl<N: Networks> SacAgent<N> {
    /// The median actions of what is seen, `[n, observation]`.
    fn centres(&self, observations: &[f32]) -> Vec<f32> {
        let (_, dim) = self.networks.widths();
        let output = self.networks.policy(observations);
        let mut actions = vec![0.0; output.len() / 2];
        let rows = actions.chunks_exact_mut(dim).zip(output.chunks_exact(2 * dim));
        rows.for_each(|(action, output)| Squashed::new(output).centre(action));
        actions
    }

    /// Actions of what is seen, `[n, observation]`; those of a row at `index` depend on nothing
    /// else.
    fn sample(&self, observations: &[f32], noise: Stream, index: u64) -> Vec<f32> {
        let (width, dim) = self.networks.widths();
        let rows = observations.len() / width;
        let noise = normals(noise, index, rows, dim);
        draw(&self.networks.policy(observations), &noise, rows).actions
    }

    /// The batch of an optimiser step: rows of the replay, then as many demonstrations.
    fn batch(
        &mut self,
        learning: &Learning,
        demonstrations: Option<&Demonstrations>,
        draws: Stream,
        report: &mut Report,
    ) -> (Transitions, usize) {
        let Learning { sac, gail, .. } = learning;
        let replay = self.replay.as_ref().expect("it is made before there is a batch");
        let index = self.networks.updates();
        let shown = demonstrations.map_or(0, |_| sac.minibatch / 2);
        let online = sac.minibatch - shown;
        let mut batch = replay.gather(&replay.draw(replay.rows(), online, draws, index));
        let Some(demonstrations) = demonstrations else { return (batch, online) };
        let rows = demonstration_rows(demonstrations, shown, draws, index);
        batch.append(&demonstrations.gather(&rows));

        let new = part(draws, "discriminator weights");
        let discriminator = self.networks.discriminator(sac, new);
        let draws = part(draws, "discriminator rows");
        if let Some(loss) = discriminator.learn(replay, demonstrations, gail, draws) {
            report.discriminator_loss = loss;
        }
        let share = 1.0 / sac.updates as f64;
        let gail::Rewards { environment, imitation } = discriminator.relabel(&mut batch, gail.beta);
        report.rewards.environment += share * environment;
        report.rewards.imitation += share * imitation;
        (batch, online)
    }
}

/// Plays `steps` steps by `act`, which is told what is to be acted on and the number of the step.
fn play(
    pool: &mut Pool,
    form: Form,
    steps: usize,
    mut act: impl FnMut(&Pool, u64) -> Vec<f32>,
) -> Rollout<Replay> {
    let n = form.environments;
    let mut rollout = Rollout {
        n,
        experience: Replay::new(form, steps * n),
        rewards: Vec::with_capacity(steps * n),
        ends: Vec::with_capacity(steps * n),
        episodes: Vec::new(),
        stages: Stages::default(),
    };
    for step in 0..steps as u64 {
        let observations = pool.observations().to_vec();
        let actions = timed(&mut rollout.stages.infer, Stage::Infer, || act(pool, step));
        let chosen = Actions::Continuous(&actions);
        let step = || pool.step(chosen, &mut rollout.episodes);
        timed(&mut rollout.stages.simulate, Stage::Simulate, step)
            .expect("the policy has the shape of the actions");
        let ended = (0..n).filter(|&i| pool.ends()[i] != End::Running);
        rollout.experience.push(Step {
            observations: &observations,
            actions: &actions,
            rewards: pool.rewards(),
            ends: pool.ends(),
            last: ended.flat_map(|i| pool.final_observation(i)).copied().collect(),
        });
        rollout.rewards.extend_from_slice(pool.rewards());
        rollout.ends.extend_from_slice(pool.ends());
    }
    rollout.experience.set_now(pool.observations());
    rollout
}

/// A stream of its own for a part of what is random in learning.
fn part(shuffle: Stream, purpose: &str) -> Stream {
    Stream::new(shuffle.seed(0, 0), purpose)
}

impl<N: Networks> Policy for SacAgent<N> {
    fn act(
        &mut self,
        pool: &Pool,
        _idle: &[bool],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Chosen {
        Chosen::Continuous(match acting {
            Acting::Mean => self.centres(pool.observations()),
            Acting::Sampled => self.sample(pool.observations(), noise, index),
        })
    }
}

impl<N: Networks> Agent for SacAgent<N> {
    type Weights = N::Weights;
    type Report = Report;
    type Experience = Replay;
    type Demonstrations = Demonstrations;

    fn schedule(learning: &Learning) -> Schedule {
        learning.sac.schedule()
    }

    fn new(device: &Device, _environment: &str, weights: N::Weights) -> Self {
        Self { networks: N::new(device, weights), replay: None, files: None }
    }

    /// With evenly random actions if the policy has never learned.
    fn collect(
        &mut self,
        pool: &mut Pool,
        steps: usize,
        noise: Stream,
        first_step: u64,
    ) -> Rollout<Replay> {
        let form = Form::of(pool.spec(), pool.len());
        play(pool, form, steps, |pool, step| match self.networks.updates() {
            0 => uniform_actions(noise, first_step + step, form.environments, form.action),
            _ => self.sample(pool.observations(), noise, first_step + step),
        })
    }

    fn watch_expert(&mut self, pool: &mut Pool, steps: usize) -> Option<Rollout<Replay>> {
        pool.expert()?;
        let form = Form::of(pool.spec(), pool.len());
        Some(play(pool, form, steps, |pool, _| {
            pool.expert().expect("all worlds of an environment have an expert if one has")
        }))
    }

    /// A round of optimiser steps, if enough was played. With demonstrations by GAIL.
    fn update(
        &mut self,
        rollout: Rollout<Replay>,
        learning: &Learning,
        shuffle: Stream,
        _iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> Report {
        let Config { updates, capacity, warm_up, .. } = learning.sac;
        let form = rollout.experience.form();
        let replay = self.replay.get_or_insert_with(|| Replay::new(form, capacity));
        replay.extend(&rollout.experience);
        let none =
            Losses { policy: f64::NAN, critic: f64::NAN, entropy: f64::NAN, value: f64::NAN };
        let mut report = Report {
            updates: 0,
            losses: none,
            temperature: self.networks.temperature().into(),
            discriminator_loss: f64::NAN,
            rewards: gail::Rewards { environment: f64::NAN, imitation: f64::NAN },
        };
        if replay.rows().end < warm_up as u64 {
            return report;
        }
        report.losses = Losses::default();
        if shown.is_some() {
            report.rewards = gail::Rewards::default();
        }
        let demonstrations = shown.map(|shown| shown.demonstrations);
        let (draws, noise) = (part(shuffle, "replay"), part(shuffle, "actions"));
        let share = 1.0 / updates as f64;
        for _ in 0..updates {
            let (batch, online) = self.batch(learning, demonstrations, draws, &mut report);
            let losses = self.networks.update(&batch, online, &learning.sac, noise);
            report.updates += 1;
            report.losses.policy += share * losses.policy;
            report.losses.critic += share * losses.critic;
            report.losses.entropy += share * losses.entropy;
            report.losses.value += share * losses.value;
        }
        report
    }

    fn recall(
        &mut self,
        dir: &Path,
        spec: &Spec,
        learning: &Learning,
        kept: Kept,
    ) -> Result<(), FileError> {
        let form = Form::of(spec, learning.sac.environments);
        let mut replay = Replay::new(form, learning.sac.capacity);
        self.files = Some(Files::open(dir, &mut replay, kept)?);
        self.replay = Some(replay);
        Ok(())
    }

    fn set_aside(
        from: &Path,
        to: &Path,
        spec: &Spec,
        learning: &Learning,
        rows: u64,
    ) -> Result<Kept, FileError> {
        let form = Form::of(spec, learning.sac.environments);
        Inherited::set_aside(from, to, form, learning.sac.capacity, rows)
    }

    fn inherit(
        from: &Inherited,
        to: &Path,
        spec: &Spec,
        learning: &Learning,
    ) -> Result<Kept, FileError> {
        from.begin(to, Form::of(spec, learning.sac.environments), learning.sac.capacity)
    }

    fn keep(&mut self) -> Result<Kept, FileError> {
        match (&mut self.files, &self.replay) {
            (Some(files), Some(replay)) => files.keep(replay),
            _ => Ok(Kept::default()),
        }
    }

    fn tidy(&self) -> Result<(), FileError> {
        match (&self.files, &self.replay) {
            (Some(files), Some(replay)) => files.tidy(replay),
            _ => Ok(()),
        }
    }

    fn demonstrations(rollout: &Rollout<Replay>, rows: &[usize]) -> Demonstrations {
        let rows: Vec<u64> = rows.iter().map(|&row| row as u64).collect();
        rollout.experience.demonstrations(&rows)
    }

    fn imitate(
        &mut self,
        demonstrations: &Demonstrations,
        rows: &[u32],
        adam: &adam::Settings,
    ) -> f64 {
        self.networks.imitate(&demonstrations.gather(rows), adam)
    }

    fn negative_log_likelihood(&mut self, demonstrations: &Demonstrations, rows: &[u32]) -> f64 {
        let Transitions { observations, actions, .. } = demonstrations.gather(rows);
        let (_, dim) = self.networks.widths();
        let output = self.networks.policy(&observations);
        let pairs = output.chunks_exact(2 * dim).zip(actions.chunks_exact(dim));
        let sum: f64 =
            pairs.map(|(output, a)| f64::from(Squashed::new(output).log_density(a))).sum();
        -sum / rows.len() as f64
    }

    fn weights(&self) -> N::Weights {
        self.networks.weights()
    }

    fn measures(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Does nothing: its deviations are functions of the state.
    fn fix_std(&mut self, _std: f32) {}
}
