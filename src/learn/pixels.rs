//! The agents that see frames and make choices, whatever their networks and how they learn.

#[cfg(feature = "gpu")]
pub mod frames;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod memory;

use super::{
    adam::{self, Moments},
    agent::{Acting, Agent, Chosen, Learning, Parameters, Policy, Shown},
    bc::categorical::LogLikelihood,
    categorical::{Categorical, sample},
    dapg::categorical::{Demonstrations, Guide},
    impala::{
        FRAME, Frames, SIZE,
        cpu::{CpuImpala, Term, Weights},
    },
    ppo::{
        self, Batch,
        categorical::{Choices, Networks},
    },
    rollout::{Estimates, Rollout, Stages, timed},
};
use crate::{
    device::Device,
    pool::Pool,
    render::{
        frame::{Frame, Painter},
        pictures::Pictures,
    },
    trace::{Stage, fine_span, traced},
};
use gslab_envs::{End, batch::Actions, draw::DrawList, rng::Stream};
use rayon::prelude::*;
use std::{ops::Range, sync::Arc};

/// Environments whose frames one thread draws at a time, each such group with a painter.
const GROUP: usize = 16;

/// What an agent thinks with, on the CPU.
pub trait PixelNetwork: Send {
    type Weights: Parameters;

    fn new(weights: Self::Weights) -> Self;
    fn weights(&self) -> Self::Weights;
    /// The network of the policy: its outputs begin with the logits.
    fn policy(&mut self) -> &mut CpuImpala;
    /// Logits and the value of frames, `[frames, actions + 1]`.
    fn evaluate(&mut self, frames: Frames<'_>, outputs: &mut [f32]);
    /// One iteration; see [`Agent::update`].
    fn update(
        &mut self,
        rollout: Rollout<Choices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        guide: Option<&Guide<'_>>,
    ) -> ppo::Report;
    /// See [`Agent::is_settled`].
    fn is_settled(&self) -> bool;
    /// See [`Agent::settle`].
    fn settle(&mut self, learning: &Learning, shuffle: Stream, iteration: u64);
    /// See [`Agent::measures`].
    fn measures(&self) -> Vec<f64>;
}

/// PPO with one network of logits and a value.
impl PixelNetwork for CpuImpala {
    type Weights = Weights;

    fn new(weights: Weights) -> Self {
        Self::new(weights)
    }

    fn weights(&self) -> Weights {
        self.weights().clone()
    }

    fn policy(&mut self) -> &mut CpuImpala {
        self
    }

    fn evaluate(&mut self, frames: Frames<'_>, outputs: &mut [f32]) {
        CpuImpala::evaluate(self, frames, outputs);
    }

    fn update(
        &mut self,
        rollout: Rollout<Choices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        guide: Option<&Guide<'_>>,
    ) -> ppo::Report {
        let config = &learning.ppo;
        let batch = Batch::new(&rollout, &rollout.experience.estimates, config);
        let networks = Networks { policy: self, value: None };
        ppo::categorical::update(networks, &rollout, &batch, config, shuffle, iteration, guide)
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn settle(&mut self, _learning: &Learning, _shuffle: Stream, _iteration: u64) {}

    fn measures(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// An agent on the CPU: with `CpuImpala` it learns by PPO, with [`Phasic`](super::ppg::Phasic) by
/// PPG.
pub struct Pixels<N = CpuImpala> {
    network: N,
    /// Number of actions to choose from.
    actions: usize,
    eyes: Eyes,
    /// Outputs of the network on the last frames, `[environments, actions + 1]`.
    outputs: Vec<f32>,
}

/// The environments of a pool that are to act; see [`Policy::act`].
fn awake(pool: &Pool, idle: &[bool]) -> Vec<usize> {
    (0..pool.len()).filter(|&world| !idle.get(world).copied().unwrap_or(false)).collect()
}

/// How steps left the episodes: one cut by the time limit counts as ended, as it does in the
/// original, which tells no difference.
fn as_in_the_original(ends: &[End]) -> impl Iterator<Item = End> {
    ends.iter().map(|end| if *end == End::Running { *end } else { End::Terminated })
}

/// Draws what the environments of a pool look like.
pub struct Eyes {
    pictures: Arc<Pictures>,
    painters: Vec<Painter>,
    frames: Vec<Frame>,
}

impl Eyes {
    fn new(environment: &str) -> Self {
        Self::of(Arc::new(Pictures::built_in(environment, SIZE as u32)))
    }

    /// That see the environment with these pictures, made for frames of 64 × 64.
    pub fn of(pictures: Arc<Pictures>) -> Self {
        Self { pictures, painters: Vec::new(), frames: Vec::new() }
    }

    /// Writes a frame of every environment that is looked at, `[looked at, 64, 64, 3]`.
    pub fn look(&mut self, pool: &Pool, at: &[usize], pixels: &mut [u8]) {
        self.frames.resize_with(pool.len(), Frame::default);
        let pictures = &self.pictures;
        self.painters.resize_with(at.len().div_ceil(GROUP).max(self.painters.len()), || {
            Painter::new(pictures.clone(), SIZE as u32)
        });
        // A frame knows what it showed last, so each stays with its environment.
        let mut wanted = at.iter().copied().peekable();
        let mut frames: Vec<(usize, &mut Frame)> = self
            .frames
            .iter_mut()
            .enumerate()
            .filter(|(world, _)| wanted.next_if_eq(world).is_some())
            .collect();
        let groups = self
            .painters
            .par_iter_mut()
            .zip(frames.par_chunks_mut(GROUP))
            .zip(pixels.par_chunks_mut(GROUP * FRAME));
        groups.for_each(|((painter, frames), pixels)| {
            for ((world, frame), out) in frames.iter_mut().zip(pixels.chunks_exact_mut(FRAME)) {
                let _draw = fine_span(Stage::Draw);
                let list = |list: &mut DrawList| {
                    let _list = fine_span(Stage::DrawList);
                    pool.draw(*world, SIZE as u32, list);
                };
                frame.draw(painter, list, out);
            }
        });
    }
}

impl<N: PixelNetwork> Pixels<N> {
    /// Number of actions to choose from.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Draws actions from the last outputs; see [`sample`].
    fn sample(&self, noise: Stream, index: u64, drawn: (&mut [u32], &mut [f32])) {
        sample(&self.outputs, self.actions + 1, self.actions, noise, index, drawn);
    }

    /// The network's outputs on frames of all environments, kept in `outputs`.
    fn evaluate(&mut self, pixels: &[u8]) {
        self.outputs.resize(pixels.len() / FRAME * (self.actions + 1), 0.0);
        self.network.evaluate(Frames::all(pixels), &mut self.outputs);
    }

    fn values(&self) -> impl Iterator<Item = f32> {
        self.outputs.chunks_exact(self.actions + 1).map(|row| row[row.len() - 1])
    }
}

impl<N: PixelNetwork> Policy for Pixels<N> {
    fn act(
        &mut self,
        pool: &Pool,
        idle: &[bool],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Chosen {
        let awake = awake(pool, idle);
        let mut pixels = vec![0; awake.len() * FRAME];
        self.eyes.look(pool, &awake, &mut pixels);
        self.evaluate(&pixels);
        // From the rows of those that are awake to the rows of all; backwards, as they spread.
        let width = self.actions + 1;
        self.outputs.resize(pool.len() * width, 0.0);
        for (row, &world) in awake.iter().enumerate().rev() {
            self.outputs.copy_within(row * width..(row + 1) * width, world * width);
        }
        let mut drawn = vec![0; pool.len()];
        match acting {
            Acting::Sampled => {
                let mut log_probabilities = vec![0.0; pool.len()];
                self.sample(noise, index, (&mut drawn, &mut log_probabilities));
            }
            Acting::Mean => {
                let mut policy = Categorical::default();
                for (action, row) in drawn.iter_mut().zip(self.outputs.chunks_exact(width)) {
                    policy.set(&row[..width - 1]);
                    *action = policy.likeliest();
                }
            }
        }
        Chosen::Discrete(drawn)
    }
}

impl Parameters for Weights {
    fn form(&self) -> String {
        let a = &self.architecture;
        format!(
            "an IMPALA network with stacks of {:?}, {} hidden units, {} actions and {} values",
            a.channels(),
            a.head().0[1],
            a.actions(),
            a.values()
        )
    }

    fn is_finite(&self) -> bool {
        self.parameters.iter().all(|x| x.is_finite())
    }

    fn measured(&self) -> Vec<String> {
        Vec::new()
    }

    fn with_fresh_moments(mut self) -> Self {
        self.moments = Moments::new(self.parameters.len());
        self
    }

    fn with_std(self, _std: f32) -> Self {
        self
    }
}

impl<N: PixelNetwork> Agent for Pixels<N> {
    type Weights = N::Weights;
    type Report = ppo::Report;
    type Experience = Choices;
    type Demonstrations = Demonstrations;

    fn new(_device: &Device, environment: &str, weights: N::Weights) -> Self {
        let (mut network, eyes) = (N::new(weights), Eyes::new(environment));
        let actions = network.policy().weights().architecture.actions();
        Self { network, actions, eyes, outputs: Vec::new() }
    }

    fn collect(
        &mut self,
        pool: &mut Pool,
        steps: usize,
        noise: Stream,
        first_step: u64,
    ) -> Rollout<Choices> {
        let (n, rows) = (pool.len(), steps * pool.len());
        let all: Vec<usize> = (0..n).collect();
        let mut rollout = Rollout {
            n,
            experience: Choices {
                pixels: vec![0; rows * FRAME],
                actions: vec![0; rows],
                estimates: Estimates { log_densities: vec![0.0; rows], ..Estimates::default() },
            },
            rewards: Vec::with_capacity(rows),
            ends: Vec::with_capacity(rows),
            episodes: Vec::new(),
            stages: Stages::default(),
        };
        let Choices { pixels, actions, estimates } = &mut rollout.experience;
        let Estimates { log_densities, values, next_values } = estimates;
        let now = pixels.chunks_exact_mut(n * FRAME).zip(actions.chunks_exact_mut(n));
        let now = now.zip(log_densities.chunks_exact_mut(n));
        for (t, ((pixels, actions), log_probabilities)) in now.enumerate() {
            let Stages { draw, infer, simulate, .. } = &mut rollout.stages;
            timed(draw, Stage::Draw, || self.eyes.look(pool, &all, pixels));
            timed(infer, Stage::Infer, || self.evaluate(pixels));
            values.extend(self.values());
            traced(Stage::Sample, || {
                self.sample(noise, first_step + t as u64, (actions, log_probabilities));
            });
            let step = || pool.step(Actions::Discrete(actions), &mut rollout.episodes);
            timed(simulate, Stage::Simulate, step)
                .expect("the policy has the shape of the actions");
            rollout.rewards.extend_from_slice(pool.rewards());
            rollout.ends.extend(as_in_the_original(pool.ends()));
        }
        let mut pixels = vec![0; n * FRAME];
        let Stages { draw, infer, .. } = &mut rollout.stages;
        timed(draw, Stage::Draw, || self.eyes.look(pool, &all, &mut pixels));
        timed(infer, Stage::Infer, || self.evaluate(&pixels));
        next_values.extend_from_slice(&values[n..]);
        next_values.extend(self.values());
        rollout
    }

    fn update(
        &mut self,
        rollout: Rollout<Choices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report {
        let guide = shown.map(|shown| Guide {
            demonstrations: shown.demonstrations,
            config: shown.config,
            shuffle: shown.shuffle,
        });
        self.network.update(rollout, learning, shuffle, iteration, guide.as_ref())
    }

    fn is_settled(&self) -> bool {
        self.network.is_settled()
    }

    fn settle(&mut self, learning: &Learning, shuffle: Stream, iteration: u64) {
        self.network.settle(learning, shuffle, iteration);
    }

    fn demonstrations(rollout: &Rollout<Choices>, rows: &[usize]) -> Demonstrations {
        let Choices { pixels, actions, .. } = &rollout.experience;
        let frame = |&row: &usize| &pixels[row * FRAME..(row + 1) * FRAME];
        Demonstrations {
            pixels: rows.iter().flat_map(frame).copied().collect(),
            actions: rows.iter().map(|&row| actions[row]).collect(),
        }
    }

    fn imitate(
        &mut self,
        demonstrations: &Demonstrations,
        rows: &[u32],
        adam: &adam::Settings,
    ) -> f64 {
        let loss =
            LogLikelihood { actions: demonstrations.actions_of(rows), choices: self.actions };
        let loss = |range: Range<usize>, output: &[f32], d_output: &mut [f32]| {
            loss.gradient(range, output, d_output)
        };
        let term = Term { frames: Frames::at(&demonstrations.pixels, rows), loss: &loss };
        self.network.policy().minimise(&[term], adam)[0][0]
    }

    fn negative_log_likelihood(&mut self, demonstrations: &Demonstrations, rows: &[u32]) -> f64 {
        let actions = self.actions;
        let mut outputs = vec![0.0; rows.len() * (actions + 1)];
        self.network.evaluate(Frames::at(&demonstrations.pixels, rows), &mut outputs);
        let mut policy = Categorical::default();
        let pairs = outputs.chunks_exact(actions + 1).zip(demonstrations.actions_of(rows));
        let sum: f64 = pairs
            .map(|(output, action)| {
                policy.set(&output[..actions]);
                f64::from(policy.log_probability(action))
            })
            .sum();
        -sum / rows.len() as f64
    }

    fn weights(&self) -> N::Weights {
        self.network.weights()
    }

    fn measures(&self) -> Vec<f64> {
        self.network.measures()
    }

    fn fix_std(&mut self, _std: f32) {}
}
