//! The networks of PPG and both of its phases.

use super::{Auxiliary, Config, Form};
use crate::learn::{
    adam::{self, Moments},
    agent::{Learning, Parameters},
    dapg::categorical::Guide,
    impala::{
        self, Architecture, FRAME, Frames,
        cpu::{CpuImpala, Term},
        initial::Initialisation,
    },
    loss::Tally,
    pixels::PixelNetwork,
    ppo::{
        self, Batch,
        categorical::{Choices, Networks},
    },
    rollout::Rollout,
};
use gslab_envs::rng::{Stream, derive_seed};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Orders of the auxiliary phase begin here among those of the stream that shuffles.
pub(super) const AUXILIARY_ROUNDS: u64 = 1 << 40;

/// Everything that training goes on from, as long as no experience waits for an auxiliary phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Logits and V_aux, then V unless it has a network of its own.
    pub policy: impala::cpu::Weights,
    /// V, in the dual form.
    pub value: Option<impala::cpu::Weights>,
    /// Of the auxiliary phase, which has an optimiser of its own: for the policy's network, and
    /// for the value's.
    pub(super) auxiliary: (Moments, Option<Moments>),
}

impl Weights {
    /// New networks in a form, with stacks and hidden units like those of `like`.
    pub fn new(form: Form, like: &Architecture, initialisation: Initialisation, seed: u64) -> Self {
        let of = |actions, values| {
            let hidden = like.head().0[1];
            Architecture::new(like.channels().to_vec(), hidden, actions, values)
                .expect("widths that make one network make another")
        };
        let new =
            |architecture, seed| impala::cpu::Weights::new(architecture, initialisation, seed);
        let actions = like.actions();
        let policy = match form {
            Form::Dual => of(actions, 1),
            Form::Shared => of(actions, 2),
            Form::Detach => of(actions, 2).with_detached_value(),
        };
        let value = (form == Form::Dual).then(|| new(of(0, 1), derive_seed(seed, "value")));
        Self::of(new(policy, seed), value)
    }

    fn of(policy: impala::cpu::Weights, value: Option<impala::cpu::Weights>) -> Self {
        let moments = |weights: &impala::cpu::Weights| Moments::new(weights.parameters.len());
        let auxiliary = (moments(&policy), value.as_ref().map(moments));
        Self { policy, value, auxiliary }
    }
}

impl Parameters for Weights {
    fn form(&self) -> String {
        let value = match &self.value {
            Some(value) => format!(", and {}", value.form()),
            None if self.policy.architecture.detached() > 0 => ", one of them detached".into(),
            None => String::new(),
        };
        format!("{}{value}, trained by PPG", self.policy.form())
    }

    fn is_finite(&self) -> bool {
        self.policy.is_finite() && self.value.as_ref().is_none_or(Parameters::is_finite)
    }

    fn measured(&self) -> Vec<String> {
        ["auxiliary_value_loss", "auxiliary_divergence", "auxiliary_true_value_loss"]
            .map(String::from)
            .to_vec()
    }

    fn with_fresh_moments(self) -> Self {
        let fresh = impala::cpu::Weights::with_fresh_moments;
        Self::of(fresh(self.policy), self.value.map(fresh))
    }

    fn with_std(self, _std: f32) -> Self {
        self
    }
}

/// Experience of one iteration that waits for the auxiliary phase.
struct Slab {
    /// `[steps, environments, 64, 64, 3]`
    pixels: Vec<u8>,
    /// What the values are to be, `[steps, environments]`.
    targets: Vec<f32>,
    environments: usize,
}

/// A policy, values, and what was seen since the last auxiliary phase.
pub struct Phasic {
    policy: CpuImpala,
    value: Option<CpuImpala>,
    auxiliary: (Moments, Option<Moments>),
    waiting: Vec<Slab>,
    /// Means over the last auxiliary phase, in the order of [`Parameters::measured`]; NaN if the
    /// last iteration had none.
    measures: [f64; 3],
}

impl PixelNetwork for Phasic {
    type Weights = Weights;

    fn new(weights: Weights) -> Self {
        let Weights { policy, value, auxiliary } = weights;
        Self {
            policy: CpuImpala::new(policy),
            value: value.map(CpuImpala::new),
            auxiliary,
            waiting: Vec::new(),
            measures: [f64::NAN; 3],
        }
    }

    fn weights(&self) -> Weights {
        Weights {
            policy: self.policy.weights().clone(),
            value: self.value.as_ref().map(|value| value.weights().clone()),
            auxiliary: self.auxiliary.clone(),
        }
    }

    fn policy(&mut self) -> &mut CpuImpala {
        &mut self.policy
    }

    fn evaluate(&mut self, frames: Frames<'_>, outputs: &mut [f32]) {
        let architecture = &self.policy.weights().architecture;
        let (choices, width) = (architecture.actions(), architecture.outputs());
        let mut all = vec![0.0; frames.len() * width];
        self.policy.evaluate(frames, &mut all);
        for (row, output) in all.chunks_exact(width).zip(outputs.chunks_exact_mut(choices + 1)) {
            output[..choices].copy_from_slice(&row[..choices]);
            output[choices] = row[width - 1];
        }
        if let Some(value) = &self.value {
            let mut values = vec![0.0; frames.len()];
            value.evaluate(frames, &mut values);
            for (value, output) in values.iter().zip(outputs.chunks_exact_mut(choices + 1)) {
                output[choices] = *value;
            }
        }
    }

    /// A policy phase's iteration, and after every `policy_iterations` of them an auxiliary phase.
    fn update(
        &mut self,
        rollout: Rollout<Choices>,
        learning: &Learning,
        shuffle: Stream,
        iteration: u64,
        guide: Option<&Guide<'_>>,
    ) -> ppo::Report {
        self.measures = [f64::NAN; 3];
        let batch = Batch::new(&rollout, &rollout.experience.estimates, &learning.ppo);
        // V_aux learns nothing here.
        let networks = Networks { policy: &mut self.policy, value: self.value.as_mut() };
        let report = ppo::categorical::update(
            networks,
            &rollout,
            &batch,
            &learning.ppo,
            shuffle,
            iteration,
            guide,
        );
        self.waiting.push(Slab {
            pixels: rollout.experience.pixels,
            targets: batch.into_targets(),
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
        self.measures = self.teach(&waiting, &learning.ppg, shuffle, rounds);
        self.swap_optimisers();
    }

    fn measures(&self) -> Vec<f64> {
        self.measures.to_vec()
    }
}

impl Phasic {
    /// The auxiliary phase has its own optimisers, kept from one to the next.
    fn swap_optimisers(&mut self) {
        self.policy.swap_moments(&mut self.auxiliary.0);
        if let (Some(value), Some(moments)) = (&mut self.value, &mut self.auxiliary.1) {
            value.swap_moments(moments);
        }
    }

    /// Passes over all slabs in minibatches of a few environments each; means of the loss's parts.
    fn teach(&mut self, slabs: &[Slab], config: &Config, shuffle: Stream, rounds: u64) -> [f64; 3] {
        let adam = adam::Settings {
            learning_rate: config.auxiliary_learning_rate,
            max_grad_norm: f32::INFINITY,
        };
        let choices = self.policy.weights().architecture.actions();
        let old_logits: Vec<Vec<f32>> = slabs.iter().map(|slab| self.logits(slab)).collect();
        let segments: Vec<(usize, usize)> = slabs
            .iter()
            .enumerate()
            .flat_map(|(i, slab)| (0..slab.environments).map(move |e| (i, e)))
            .collect();
        let (mut sums, mut steps) = ([0.0; 3], 0.0);
        let (mut pixels, mut targets) = (Vec::new(), Vec::new());
        for epoch in 0..config.auxiliary_epochs {
            let order = shuffle.permutation(rounds + epoch as u64, segments.len());
            for chosen in order.chunks(config.auxiliary_environments) {
                pixels.clear();
                targets.clear();
                let mut old = Vec::new();
                for &segment in chosen {
                    let (i, environment) = segments[segment as usize];
                    let slab = &slabs[i];
                    for row in (environment..slab.targets.len()).step_by(slab.environments) {
                        pixels.extend_from_slice(&slab.pixels[row * FRAME..(row + 1) * FRAME]);
                        targets.push(slab.targets[row]);
                        old.extend_from_slice(&old_logits[i][row * choices..(row + 1) * choices]);
                    }
                }
                let loss = Auxiliary {
                    old_logits: old,
                    targets: &targets,
                    choices,
                    clone_coefficient: config.clone_coefficient,
                };
                let of_policy = |range: Range<usize>, output: &[f32], d_output: &mut [f32]| {
                    loss.gradient(range, output, d_output)
                };
                let frames = Frames::all(&pixels);
                let [_, aux, divergence, mut own, ..] =
                    self.policy.minimise(&[Term { frames, loss: &of_policy }], &adam)[0];
                if let Some(value) = &mut self.value {
                    // The value's network has the true value alone.
                    let of_value = |range: Range<usize>, output: &[f32], d_output: &mut [f32]| {
                        let share = 1.0 / targets.len() as f32;
                        let mut tally = Tally::default();
                        for (row, (value, d_value)) in range.zip(output.iter().zip(d_output)) {
                            let error = value - targets[row];
                            tally[0] += f64::from(0.5 * share * error * error);
                            *d_value += share * error;
                        }
                        tally
                    };
                    own = value.minimise(&[Term { frames, loss: &of_value }], &adam)[0][0];
                }
                for (sum, part) in sums.iter_mut().zip([aux, divergence, own]) {
                    *sum += part;
                }
                steps += 1.0;
            }
        }
        sums.map(|sum| sum / steps)
    }

    /// The policy's logits on all frames of a slab, `[rows, choices]`.
    fn logits(&self, slab: &Slab) -> Vec<f32> {
        let architecture = &self.policy.weights().architecture;
        let (choices, width) = (architecture.actions(), architecture.outputs());
        let mut outputs = vec![0.0; slab.targets.len() * width];
        self.policy.evaluate(Frames::all(&slab.pixels), &mut outputs);
        outputs.chunks_exact(width).flat_map(|row| row[..choices].to_vec()).collect()
    }
}
