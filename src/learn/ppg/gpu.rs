//! The networks of PPG and both of its phases on a GPU. The twin of [`super::network`].

use super::{Config, Weights, network::AUXILIARY_ROUNDS};
use crate::{
    gpu::Gpu,
    learn::{
        adam::{self, burn::ResidentMoments},
        agent::{Learning, Shown},
        burn::read,
        dapg::categorical::Demonstrations,
        gae::Discount,
        impala::gpu::{GpuImpala, Term},
        pixels::{frames::ResidentFrames, gpu::ResidentNetwork},
        ppo::{
            self,
            gpu::{Estimated, Networks, ResidentChoices},
        },
        rollout::Rollout,
    },
};
use burn::tensor::{Tensor, activation::log_softmax};
use gslab_envs::rng::Stream;
use std::ops::Range;

/// Experience of one iteration that waits for the auxiliary phase.
struct Waiting {
    /// `[steps, environments]`
    frames: ResidentFrames,
    /// What the values are to be, `[steps * environments]`.
    targets: Tensor<1>,
    environments: usize,
}

/// A policy, values, and what was seen since the last auxiliary phase.
pub struct ResidentPhasic {
    policy: GpuImpala,
    value: Option<GpuImpala>,
    auxiliary: (ResidentMoments, Option<ResidentMoments>),
    waiting: Vec<Waiting>,
    /// See [`super::network::Phasic`].
    measures: [f64; 3],
}

impl ResidentNetwork for ResidentPhasic {
    type Weights = Weights;

    fn new(weights: Weights, gpu: &Gpu) -> Self {
        let Weights { policy, value, auxiliary: (of_policy, of_value) } = weights;
        let resident = |moments| ResidentMoments::new(moments, gpu.device());
        Self {
            policy: GpuImpala::new(policy, gpu),
            value: value.map(|value| GpuImpala::new(value, gpu)),
            auxiliary: (resident(of_policy), of_value.map(resident)),
            waiting: Vec::new(),
            measures: [f64::NAN; 3],
        }
    }

    fn weights(&self) -> Weights {
        Weights {
            policy: self.policy.weights(),
            value: self.value.as_ref().map(GpuImpala::weights),
            auxiliary: (
                self.auxiliary.0.read(),
                self.auxiliary.1.as_ref().map(ResidentMoments::read),
            ),
        }
    }

    fn policy(&mut self) -> &mut GpuImpala {
        &mut self.policy
    }

    fn evaluate(&self, frames: &ResidentFrames, rows: &[u32]) -> Tensor<2> {
        let (choices, outputs) = self.shape();
        let own = self.policy.evaluate(frames, rows);
        let all = 0..rows.len();
        let logits = own.clone().slice([all.clone(), 0..choices]);
        let value = match &self.value {
            Some(value) => value.evaluate(frames, rows),
            None => own.slice([all, outputs - 1..outputs]),
        };
        Tensor::cat(vec![logits, value], 1)
    }

    /// A policy phase's iteration, and after every `policy_iterations` of them an auxiliary phase.
    fn update(
        &mut self,
        rollout: Rollout<ResidentChoices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        shown: Option<&Shown<'_, Demonstrations>>,
    ) -> ppo::Report {
        self.measures = [f64::NAN; 3];
        let config = &learning.ppo;
        let discount = Discount { gamma: config.gamma, lambda: config.lambda };
        let estimated = Estimated::new(&rollout, discount);
        // V_aux learns nothing here.
        let networks = Networks { policy: &mut self.policy, value: self.value.as_mut() };
        let report =
            ppo::gpu::update(networks, &rollout, &estimated, config, shuffle, iteration, shown);
        self.waiting.push(Waiting {
            frames: rollout.experience.frames,
            targets: estimated.targets,
            environments: rollout.n,
        });
        if self.waiting.len() >= learning.ppg.policy_iterations {
            self.settle(learning, shuffle, iteration);
        }
        report
    }

    fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The auxiliary phase, on what waits for it.
    fn settle(&mut self, learning: &Learning, shuffle: Stream, iteration: u64) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let rounds = AUXILIARY_ROUNDS + iteration * learning.ppg.auxiliary_epochs as u64;
        self.swap_optimisers();
        self.measures = self.teach(waiting, &learning.ppg, shuffle, rounds);
        self.swap_optimisers();
    }

    fn measures(&self) -> Vec<f64> {
        self.measures.to_vec()
    }
}

impl ResidentPhasic {
    /// Number of actions, and of outputs of the policy's network.
    fn shape(&self) -> (usize, usize) {
        (self.policy.architecture().actions(), self.policy.architecture().outputs())
    }

    fn swap_optimisers(&mut self) {
        self.policy.swap_moments(&mut self.auxiliary.0);
        if let (Some(value), Some(moments)) = (&mut self.value, &mut self.auxiliary.1) {
            value.swap_moments(moments);
        }
    }

    /// Passes over all that waited in minibatches of a few environments each; means of the loss's
    /// parts.
    fn teach(
        &mut self,
        waiting: Vec<Waiting>,
        config: &Config,
        shuffle: Stream,
        rounds: u64,
    ) -> [f64; 3] {
        let adam = adam::Settings {
            learning_rate: config.auxiliary_learning_rate,
            max_grad_norm: f32::INFINITY,
        };
        let (choices, _) = self.shape();
        // The rows of each environment of each iteration, among those of all.
        let mut segments: Vec<Vec<u32>> = Vec::new();
        let (mut targets, mut frames): (Vec<_>, Option<ResidentFrames>) = (Vec::new(), None);
        for slab in waiting {
            let before = frames.as_ref().map_or(0, ResidentFrames::len);
            let rows = slab.targets.dims()[0];
            segments.extend((0..slab.environments).map(|environment| {
                let own = (environment..rows).step_by(slab.environments);
                own.map(|row| (before + row) as u32).collect()
            }));
            targets.push(slab.targets);
            match &mut frames {
                Some(frames) => frames.append(slab.frames),
                None => frames = Some(slab.frames),
            }
        }
        let frames = frames.expect("something waits");
        let targets = Tensor::cat(targets, 0);
        let rows: Vec<u32> = (0..frames.len() as u32).collect();
        let old = self.policy.evaluate(&frames, &rows).slice([0..rows.len(), 0..choices]);
        let old = log_softmax(old, 1);

        let (mut sums, mut steps) = (None::<Tensor<1>>, 0.0);
        for epoch in 0..config.auxiliary_epochs {
            let order = shuffle.permutation(rounds + epoch as u64, segments.len());
            for chosen in order.chunks(config.auxiliary_environments) {
                let rows: Vec<u32> =
                    chosen.iter().flat_map(|&s| segments[s as usize].clone()).collect();
                let at = ppo::gpu::index(&rows, frames.device());
                let targets = targets.clone().select(0, at.clone());
                let loss = Auxiliary {
                    old: old.clone().select(0, at),
                    targets: targets.clone(),
                    choices,
                    clone_coefficient: config.clone_coefficient,
                };
                let of_policy = |range, outputs| loss.tensor(range, outputs);
                let term = Term { frames: &frames, rows: &rows, loss: &of_policy };
                let mut tally = self.policy.minimise(&[term], &adam).remove(0).slice(1..4);
                if let Some(value) = &mut self.value {
                    // The value's network has the true value alone.
                    let of_value =
                        |range, outputs| vec![half_squared_error(range, outputs, &targets)];
                    let term = Term { frames: &frames, rows: &rows, loss: &of_value };
                    let own = value.minimise(&[term], &adam).remove(0);
                    tally = Tensor::cat(vec![tally.slice(0..2), own], 0);
                }
                sums = Some(match sums.take() {
                    Some(sums) => sums + tally,
                    None => tally,
                });
                steps += 1.0;
            }
        }
        let sums = read(sums.expect("an auxiliary phase has steps"));
        [0, 1, 2].map(|part| f64::from(sums[part]) / steps)
    }
}

/// The loss that [`super::Auxiliary`] is.
struct Auxiliary {
    /// Log-probabilities of π_old, `[rows, choices]`.
    old: Tensor<2>,
    /// `[rows]`
    targets: Tensor<1>,
    choices: usize,
    clone_coefficient: f32,
}

impl Auxiliary {
    fn tensor(&self, range: Range<usize>, outputs: Tensor<2>) -> Vec<Tensor<1>> {
        let share = 1.0 / self.targets.dims()[0] as f32;
        let [here, width] = outputs.dims();
        let old = self.old.clone().slice([range.clone(), 0..self.choices]);
        let old: Tensor<2> = Tensor::from_inner(old);
        let policy = log_softmax(outputs.clone().slice([0..here, 0..self.choices]), 1);
        let divergence = (old.clone().exp() * (old - policy)).sum() * share;
        let mut loss = divergence.clone() * self.clone_coefficient;
        let mut halves = vec![Tensor::zeros([1], &outputs.device()); 2];
        // V_aux, then V.
        for (half, column) in halves.iter_mut().zip(self.choices..width) {
            let value = outputs.clone().slice([0..here, column..column + 1]);
            *half = half_squared_error(range.clone(), value, &self.targets);
            loss = loss + half.clone();
        }
        vec![loss, halves[0].clone(), divergence, halves[1].clone()]
    }
}

/// Σ ½ (V - R)² over the rows in a range, over the number of all rows; V is `[range, 1]`.
fn half_squared_error(range: Range<usize>, value: Tensor<2>, targets: &Tensor<1>) -> Tensor<1> {
    let share = 1.0 / targets.dims()[0] as f32;
    let here = targets.clone().slice([range.clone()]).reshape([range.len(), 1]);
    (value - Tensor::from_inner(here)).square().sum() * (0.5 * share)
}
