//! The actor-critic on the CPU: hand-written gradients, blocks of rows shared among threads.
//!
//! A minibatch is cut into a fixed number of lanes whose gradients are added in a fixed order,
//! so the result does not depend on how many threads worked on it.

use super::{
    actor_critic::{ActorCritic, Weights},
    adam::Settings,
    loss::{Head, Tally, Term},
    mlp::{Scratch, Shape, backward, forward},
};
use crate::trace::{Stage, span, traced};
use rayon::prelude::*;
use std::cell::RefCell;

/// Parts of a minibatch that can be worked on at the same time.
const LANES: usize = 4;
/// Rows per block: activations of a 256-wide layer then stay in a core's second-level cache.
const BLOCK: usize = 250;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Weights, moments and the gradients of the lanes.
pub struct CpuActorCritic {
    weights: Weights,
    lanes: Vec<Vec<f32>>,
}

impl CpuActorCritic {
    pub fn new(weights: Weights) -> Self {
        Self { weights, lanes: Vec::new() }
    }

    fn network(&self, head: Head) -> (&Shape, &[f32], &[f32]) {
        let Weights { policy_shape, value_shape, policy, value, .. } = &self.weights;
        match head {
            Head::Policy => {
                let (network, log_std) = policy.split_at(policy_shape.parameters());
                (policy_shape, network, log_std)
            }
            Head::Value => (value_shape, value, &[]),
        }
    }

    fn infer(&self, head: Head, observations: &[f32], out: &mut [f32]) {
        let (shape, parameters, _) = self.network(head);
        let (inputs, outputs) = (shape.inputs(), shape.outputs());
        let bound = self.weights.mean_bound.of(head);
        out.par_chunks_mut(BLOCK * outputs).zip(observations.par_chunks(BLOCK * inputs)).for_each(
            |(out, x)| {
                SCRATCH.with_borrow_mut(|scratch| {
                    forward(shape, parameters, x, x.len() / inputs, scratch);
                    out.copy_from_slice(scratch.output());
                    bound.apply(out);
                });
            },
        );
    }

    /// Adds the gradient of one lane of a term to `gradient` (network, then log σ).
    fn lane_gradient(&self, term: &Term<'_>, lane: usize, gradient: &mut [f32]) -> Tally {
        let (shape, parameters, log_std) = self.network(term.head);
        let (gradient, d_log_std) = gradient.split_at_mut(parameters.len());
        let rows = term.loss.rows();
        let (inputs, outputs) = (shape.inputs(), shape.outputs());
        let bound = self.weights.mean_bound.of(term.head);
        let mut tally = Tally::default();
        let mut d_output = Vec::with_capacity(BLOCK * outputs);
        SCRATCH.with_borrow_mut(|scratch| {
            let end = rows * (lane + 1) / LANES;
            let mut start = rows * lane / LANES;
            while start < end {
                let range = start..end.min(start + BLOCK);
                let n = range.len();
                let x = &term.observations[range.start * inputs..range.end * inputs];
                traced(Stage::Forward, || forward(shape, parameters, x, n, scratch));
                bound.apply(scratch.output_mut());
                d_output.clear();
                d_output.resize(n * outputs, 0.0);
                let part = term.loss.gradient(
                    range.clone(),
                    scratch.output(),
                    log_std,
                    &mut d_output,
                    d_log_std,
                );
                tally.iter_mut().zip(part).for_each(|(t, p)| *t += p);
                bound.apply_gradient(scratch.output(), &mut d_output);
                traced(Stage::Backward, || {
                    backward(shape, parameters, x, n, (&d_output).into(), scratch, gradient);
                });
                start = range.end;
            }
        });
        tally
    }
}

impl ActorCritic for CpuActorCritic {
    fn policy_mean(&mut self, observations: &[f32], mean: &mut [f32]) {
        self.infer(Head::Policy, observations, mean);
    }

    fn value(&mut self, observations: &[f32], value: &mut [f32]) {
        self.infer(Head::Value, observations, value);
    }

    fn log_std(&self) -> Vec<f32> {
        self.network(Head::Policy).2.to_vec()
    }

    fn fix_std(&mut self, std: f32) {
        self.weights.log_std_range = (std.ln(), std.ln());
        self.weights.keep_log_std_in_range();
    }

    fn minimise(&mut self, terms: &[Term<'_>], settings: &Settings) -> Vec<Tally> {
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes.resize_with(terms.len() * LANES, Vec::new);
        let this = &*self;
        let tallies: Vec<Tally> = lanes
            .par_iter_mut()
            .enumerate()
            .map(|(i, gradient)| {
                let term = &terms[i / LANES];
                gradient.clear();
                gradient.resize(this.weights.of(term.head).0.len(), 0.0);
                this.lane_gradient(term, i % LANES, gradient)
            })
            .collect();
        let optimiser = span(Stage::Optimiser);
        for head in [Head::Policy, Head::Value] {
            let mut parts = terms
                .iter()
                .zip(lanes.chunks_mut(LANES))
                .filter(|(term, _)| term.head == head)
                .flat_map(|(_, lanes)| lanes);
            let Some(sum) = parts.next() else { continue };
            for part in parts {
                add(sum, part);
            }
            let (parameters, moments) = self.weights.of_mut(head);
            moments.descend(parameters, sum, settings);
        }
        self.weights.keep_log_std_in_range();
        drop(optimiser);
        self.lanes = lanes;
        (0..terms.len())
            .map(|t| {
                let mut sum = Tally::default();
                for part in &tallies[t * LANES..(t + 1) * LANES] {
                    sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                }
                sum
            })
            .collect()
    }

    fn weights(&self) -> Weights {
        self.weights.clone()
    }
}

/// Adds a part of a gradient, of the same length.
pub(super) fn add(sum: &mut [f32], part: &[f32]) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || sum.iter_mut().zip(part).for_each(|(s, p)| *s += p),
    );
}
