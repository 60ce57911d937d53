//! The agents that see frames and make choices, on a GPU: what they see is drawn there and never
//! leaves it. The twin of [`super::Pixels`].
//!
//! A step sends draw lists to the GPU and brings the actions back; log-probabilities, values,
//! advantages and minibatches stay there. Two halves of the environments take turns, so that
//! neither the CPU nor the GPU waits for the other. Noise and shuffling are those of the CPU, so that both
//! play the same until a rounding error tips a choice.

use super::{as_in_the_original, awake, frames::ResidentFrames};
use crate::{
    device::Device,
    gpu::{Buffer, Gpu, GpuError, Shader, buffer_of_floats},
    learn::{
        adam,
        agent::{Acting, Agent, Chosen, Learning, Parameters, Policy, Shown},
        burn::{Unreadable, read},
        dapg::categorical::Demonstrations,
        gae::Discount,
        impala::{
            cpu::Weights,
            gpu::{GpuImpala, Term},
        },
        ppo::{
            self,
            gpu::{Estimated, Networks, ResidentChoices, log_probabilities},
        },
        rollout::{Rollout, Stages, timed},
    },
    pool::Pool,
    render::{
        gpu::{DrawLists, Renderer, SIDE},
        pictures::Pictures,
    },
    trace::{Stage, span},
};
use burn::tensor::Tensor;
use gslab_envs::{batch::Actions, draw::DrawList, rng::Stream};
use rayon::prelude::*;
use std::{ops::Range, panic::resume_unwind};

const SAMPLE: Shader = Shader {
    name: "sample",
    source: include_str!("../../../shaders/sample.wgsl"),
    workgroup: (64, 1),
};
/// Environments whose draw lists one thread makes at a time.
const GROUP: usize = 16;

/// What an agent thinks with, on a GPU; see [`super::PixelNetwork`].
pub trait ResidentNetwork: Send {
    type Weights: Parameters;

    fn new(weights: Self::Weights, gpu: &Gpu) -> Self;
    fn weights(&self) -> Self::Weights;
    /// The network of the policy: its outputs begin with the logits.
    fn policy(&mut self) -> &mut GpuImpala;
    /// Logits and the value of frames, `[rows, actions + 1]`.
    fn evaluate(&self, frames: &ResidentFrames, rows: &[u32]) -> Tensor<2>;
    /// One iteration; see [`Agent::update`].
    fn update(
        &mut self,
        rollout: Rollout<ResidentChoices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report;
    /// See [`Agent::is_settled`].
    fn is_settled(&self) -> bool;
    /// See [`Agent::settle`].
    fn settle(&mut self, learning: &Learning, shuffle: Stream, iteration: u64);
    /// See [`Agent::measures`].
    fn measures(&self) -> Vec<f64>;
}

/// PPO with one network of logits and a value.
impl ResidentNetwork for GpuImpala {
    type Weights = Weights;

    fn new(weights: Weights, gpu: &Gpu) -> Self {
        Self::new(weights, gpu)
    }

    fn weights(&self) -> Weights {
        self.weights()
    }

    fn policy(&mut self) -> &mut GpuImpala {
        self
    }

    fn evaluate(&self, frames: &ResidentFrames, rows: &[u32]) -> Tensor<2> {
        self.evaluate(frames, rows)
    }

    fn update(
        &mut self,
        rollout: Rollout<ResidentChoices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report {
        let config = &learning.ppo;
        let discount = Discount { gamma: config.gamma, lambda: config.lambda };
        let estimated = Estimated::new(&rollout, discount);
        let networks = Networks { policy: self, value: None };
        ppo::gpu::update(networks, &rollout, &estimated, config, shuffle, iteration, shown)
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn settle(&mut self, _learning: &Learning, _shuffle: Stream, _iteration: u64) {}

    fn measures(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// An agent on a GPU: with `GpuImpala` it learns by PPO, with
/// [`ResidentPhasic`](crate::learn::ppg::gpu::ResidentPhasic) by PPG.
///
/// Its methods unwind if the GPU was lost or cannot hold what is asked, which
/// [`Device::work`] catches.
pub struct ResidentPixels<N = GpuImpala> {
    network: N,
    choices: usize,
    eyes: Eyes,
}

/// Draws what the environments of a pool look like, on a GPU.
struct Eyes {
    gpu: Gpu,
    renderer: Renderer,
    pictures: Pictures,
    /// Of a few environments each.
    groups: Vec<(DrawList, DrawLists)>,
}

impl Eyes {
    fn new(gpu: Gpu, environment: &str) -> Result<Self, GpuError> {
        let pictures = Pictures::built_in(environment, SIDE);
        let renderer = Renderer::on(&gpu, &pictures)?;
        Ok(Self { gpu, renderer, pictures, groups: Vec::new() })
    }

    /// Draws a frame of every environment that is looked at to memory on the GPU.
    fn look(&mut self, pool: &Pool, at: &[usize], frames: &Buffer) -> Result<(), GpuError> {
        let pictures = &self.pictures;
        self.groups.resize_with(at.len().div_ceil(GROUP).max(self.groups.len()), Default::default);
        self.groups.par_iter_mut().zip(at.par_chunks(GROUP)).for_each(|((list, lists), at)| {
            let _list = span(Stage::DrawList);
            lists.clear();
            for &world in at {
                list.clear();
                pool.draw(world, SIDE, list);
                lists.push(list, pictures);
            }
        });
        let mut all = DrawLists::default();
        for ((_, lists), _) in self.groups.iter().zip(at.chunks(GROUP)) {
            all.append(lists);
        }
        let lists = self.renderer.send(&all)?;
        self.renderer.draw_to(&lists, frames)
    }
}

/// What the sampling kernel writes; buffers of a word a row.
struct Drawn {
    actions: Buffer,
    log_probabilities: Buffer,
    values: Buffer,
}

impl Drawn {
    fn new(gpu: &Gpu, rows: usize) -> Self {
        let [actions, log_probabilities, values] =
            [(); 3].map(|()| gpu.empty(rows * size_of::<u32>()));
        Self { actions, log_probabilities, values }
    }

    /// Acts on rows of outputs, `[rows, choices + 1]`; the results begin at row `start`. `lanes`
    /// are those of the noise.
    fn sample(
        &self,
        gpu: &Gpu,
        outputs: Tensor<2>,
        (start, lanes): (usize, &Buffer),
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Result<(), GpuError> {
        let [rows, width] = outputs.dims();
        let [key_low, key_high, purpose] = noise.words();
        // Four numbers lie at a position of the stream; see crate::learn::categorical::sample.
        let position = index / 4;
        let settings = [
            rows as u32,
            width as u32,
            width as u32 - 1,
            start as u32,
            u32::from(acting == Acting::Mean),
            key_low,
            key_high,
            purpose,
            position as u32,
            (position >> 32) as u32,
            (index % 4) as u32,
        ];
        let groups = ((rows as u32).div_ceil(SAMPLE.workgroup.0), 1, 1);
        let settings = gpu.send(bytemuck::cast_slice(&settings));
        let outputs = buffer_of_floats(outputs)?;
        let Self { actions, log_probabilities, values } = self;
        let buffers = [&settings, lanes, &outputs, actions, log_probabilities, values];
        gpu.launch(&SAMPLE, groups, &buffers);
        Ok(())
    }
}

impl<N: ResidentNetwork> ResidentPixels<N> {
    /// What crossed the bus for this agent.
    pub fn gpu(&self) -> &Gpu {
        &self.eyes.gpu
    }

    fn try_new(device: &Device, environment: &str, weights: N::Weights) -> Result<Self, GpuError> {
        let Device::Gpu { device, .. } = device else {
            return Err(GpuError::Device { device: "the CPU".into() });
        };
        let gpu = Gpu::new(device)?;
        let mut network = N::new(weights, &gpu);
        let choices = network.policy().architecture().actions();
        Ok(Self { network, choices, eyes: Eyes::new(gpu, environment)? })
    }

    fn try_act(
        &mut self,
        pool: &Pool,
        awake: &[usize],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Result<Vec<u32>, GpuError> {
        let gpu = self.eyes.gpu.clone();
        let frames = ResidentFrames::new(&gpu, awake.len(), 1)?;
        self.eyes.look(pool, awake, &frames.memory(0, awake.len()))?;
        let rows: Vec<u32> = (0..awake.len() as u32).collect();
        let outputs = self.network.evaluate(&frames, &rows);
        let lanes: Vec<u32> = awake.iter().map(|&world| world as u32).collect();
        let lanes = gpu.send(bytemuck::cast_slice(&lanes));
        let drawn = Drawn::new(&gpu, awake.len());
        drawn.sample(&gpu, outputs, (0, &lanes), acting, noise, index)?;
        let chosen: Vec<u32> = bytemuck::pod_collect_to_vec(&gpu.read(drawn.actions)?);
        let mut all = vec![0; pool.len()];
        for (&world, action) in awake.iter().zip(chosen) {
            all[world] = action;
        }
        Ok(all)
    }

    /// Two halves of the environments take turns: while the worlds of one are stepped on the CPU,
    /// the GPU draws and evaluates the other.
    fn try_collect(
        &mut self,
        pool: &mut Pool,
        steps: usize,
        noise: Stream,
        first_step: u64,
    ) -> Result<Rollout<ResidentChoices>, GpuError> {
        let (n, rows) = (pool.len(), steps * pool.len());
        let gpu = self.eyes.gpu.clone();
        let frames = ResidentFrames::new(&gpu, n, steps)?;
        // After the last step the worlds are looked at once more, for their values.
        let after = ResidentFrames::new(&gpu, n, 1)?;
        let drawn = Drawn::new(&gpu, rows + n);
        let halves: Vec<Half> = pool
            .halves()
            .into_iter()
            .filter(|h| !h.is_empty())
            .map(|h| Half::new(&gpu, h))
            .collect();
        let mut rollout = Rollout {
            n,
            rewards: Vec::with_capacity(rows),
            ends: Vec::with_capacity(rows),
            episodes: Vec::new(),
            stages: Stages::default(),
            experience: ResidentChoices {
                actions: Vec::with_capacity(rows),
                resident_actions: words(&drawn.actions, 0..rows, rows + n),
                log_probabilities: words(&drawn.log_probabilities, 0..rows, rows + n),
                values: drawn.values.clone(),
                frames: frames.clone(),
                gpu: gpu.clone(),
            },
        };
        // Starts all that a half needs to act at a step; nothing waits for the GPU.
        let mut look = |pool: &Pool, half: &Half, t: usize, stages: &mut Stages| {
            let (frames, row) = if t < steps { (&frames, t * n) } else { (&after, 0) };
            let row = row + half.worlds[0];
            let memory = frames.memory(row, half.worlds.len());
            timed(&mut stages.draw, Stage::Draw, || self.eyes.look(pool, &half.worlds, &memory))?;
            let outputs = timed(&mut stages.infer, Stage::Infer, || {
                let seen: Vec<u32> = (row..row + half.worlds.len()).map(|r| r as u32).collect();
                self.network.evaluate(frames, &seen)
            });
            timed(&mut stages.infer, Stage::Sample, || {
                let at = (t * n + half.worlds[0], &half.lanes);
                drawn.sample(&gpu, outputs, at, Acting::Sampled, noise, first_step + t as u64)
            })
        };
        for half in &halves {
            look(pool, half, 0, &mut rollout.stages)?;
        }
        for t in 0..steps {
            for (i, half) in halves.iter().enumerate() {
                let Rollout { experience, rewards, ends, episodes, stages, .. } = &mut rollout;
                let start = t * n + half.worlds[0];
                let chosen = words(&drawn.actions, start..start + half.worlds.len(), rows + n);
                let chosen = timed(&mut stages.infer, Stage::ActionsBack, || gpu.read(chosen))?;
                let chosen: Vec<u32> = bytemuck::pod_collect_to_vec(&chosen);
                let step = || pool.step_half(i, Actions::Discrete(&chosen), episodes);
                timed(&mut stages.simulate, Stage::Simulate, step)
                    .expect("the policy has the shape of the actions");
                experience.actions.extend(chosen);
                let worlds = half.worlds[0]..half.worlds[0] + half.worlds.len();
                rewards.extend_from_slice(&pool.rewards()[worlds.clone()]);
                ends.extend(as_in_the_original(&pool.ends()[worlds]));
                look(pool, half, t + 1, stages)?;
            }
        }
        Ok(rollout)
    }
}

/// A part of the environments that is stepped at once.
struct Half {
    /// Consecutive environments.
    worlds: Vec<usize>,
    /// Of their noise, on the GPU.
    lanes: Buffer,
}

impl Half {
    fn new(gpu: &Gpu, worlds: Range<usize>) -> Self {
        let lanes: Vec<u32> = worlds.clone().map(|world| world as u32).collect();
        Self { worlds: worlds.collect(), lanes: gpu.send(bytemuck::cast_slice(&lanes)) }
    }
}

/// Some words of a buffer of `of` words.
fn words(buffer: &Buffer, range: Range<usize>, of: usize) -> Buffer {
    let bytes = |words: usize| (words * size_of::<u32>()) as u64;
    buffer.clone().offset_start(bytes(range.start)).offset_end(bytes(of - range.end))
}

/// Unwinds with what keeps the GPU from going on.
fn reached<T>(result: Result<T, GpuError>) -> T {
    result.unwrap_or_else(|error| match error {
        GpuError::Lost { reason } => resume_unwind(Box::new(Unreadable(reason))),
        other => resume_unwind(Box::new(other)),
    })
}

impl<N: ResidentNetwork> Policy for ResidentPixels<N> {
    fn act(
        &mut self,
        pool: &Pool,
        idle: &[bool],
        acting: Acting,
        noise: Stream,
        index: u64,
    ) -> Chosen {
        let awake = awake(pool, idle);
        if awake.is_empty() {
            return Chosen::Discrete(vec![0; pool.len()]);
        }
        Chosen::Discrete(reached(self.try_act(pool, &awake, acting, noise, index)))
    }
}

impl<N: ResidentNetwork> Agent for ResidentPixels<N> {
    type Weights = N::Weights;
    type Report = ppo::Report;
    type Experience = ResidentChoices;
    type Demonstrations = Demonstrations;

    fn new(device: &Device, environment: &str, weights: N::Weights) -> Self {
        reached(Self::try_new(device, environment, weights))
    }

    fn collect(
        &mut self,
        pool: &mut Pool,
        steps: usize,
        noise: Stream,
        first_step: u64,
    ) -> Rollout<ResidentChoices> {
        reached(self.try_collect(pool, steps, noise, first_step))
    }

    fn update(
        &mut self,
        rollout: Rollout<ResidentChoices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report {
        self.network.update(rollout, learning, shuffle, iteration, shown)
    }

    fn is_settled(&self) -> bool {
        self.network.is_settled()
    }

    fn settle(&mut self, learning: &Learning, shuffle: Stream, iteration: u64) {
        self.network.settle(learning, shuffle, iteration);
    }

    fn demonstrations(rollout: &Rollout<ResidentChoices>, rows: &[usize]) -> Demonstrations {
        let ResidentChoices { frames, actions, .. } = &rollout.experience;
        Demonstrations {
            pixels: reached(frames.read(rows)),
            actions: rows.iter().map(|&row| actions[row]).collect(),
        }
    }

    fn imitate(
        &mut self,
        demonstrations: &Demonstrations,
        rows: &[u32],
        adam: &adam::Settings,
    ) -> f64 {
        let frames = ResidentFrames::send(&self.eyes.gpu, &demonstrations.pixels, rows);
        let (actions, choices) = (demonstrations.actions_of(rows), self.choices);
        let share = 1.0 / rows.len() as f32;
        let loss = |range, outputs| {
            vec![-(log_probabilities(range, outputs, &actions, choices).sum() * share)]
        };
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let term = Term { frames: &frames, rows: &all, loss: &loss };
        f64::from(read(self.network.policy().minimise(&[term], adam).remove(0))[0])
    }

    fn negative_log_likelihood(&mut self, demonstrations: &Demonstrations, rows: &[u32]) -> f64 {
        /// Sent at once.
        const MOST: usize = 1024;
        let parts = rows.chunks(MOST).map(|rows| {
            let frames = ResidentFrames::send(&self.eyes.gpu, &demonstrations.pixels, rows);
            let all: Vec<u32> = (0..rows.len() as u32).collect();
            let outputs = self.network.evaluate(&frames, &all);
            let actions = demonstrations.actions_of(rows);
            log_probabilities(0..rows.len(), outputs, &actions, self.choices).sum()
        });
        let sum: f64 = read(Tensor::cat(parts.collect(), 0)).into_iter().map(f64::from).sum();
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
