//! The IMPALA network on the CPU: hand-written gradients, blocks of frames shared among threads.
//!
//! A minibatch is cut into lanes, as many as its length says, whose gradients are added in a
//! fixed order, so the result does not depend on how many threads worked on it.

use super::{
    Architecture, Frames,
    initial::Initialisation,
    pass::{BLOCK, Gradient, Network, Scratch, backward, forward},
};
use crate::{
    learn::{
        adam::{Moments, Settings},
        cpu::add,
        loss::Tally,
        numbers,
    },
    trace::{Stage, fine_span, span, traced},
};
use gslab_envs::rng::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, ops::Range};

/// Parts of a minibatch that can be worked on at the same time, at most.
const MAX_LANES: usize = 16;
/// Parameters whose lanes are added up together.
const SUM: usize = 1 << 14;

thread_local! {
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

/// Parameters and moments of a network, on the host; the same on every device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    pub architecture: Architecture,
    #[serde(with = "numbers")]
    pub parameters: Vec<f32>,
    pub moments: Moments,
}

impl Weights {
    pub fn new(architecture: Architecture, initialisation: Initialisation, seed: u64) -> Self {
        let stream = Stream::new(seed, "impala weights");
        Self::of(initialisation.parameters(&architecture, stream), architecture)
    }

    /// Given parameters, with an optimiser that has seen nothing yet.
    pub fn of(parameters: Vec<f32>, architecture: Architecture) -> Self {
        assert_eq!(parameters.len(), architecture.parameters());
        Self { moments: Moments::new(parameters.len()), architecture, parameters }
    }
}

/// A loss of the rows of outputs: for the rows in the range, given their outputs, `[range,
/// outputs]`, it writes its gradient in them and returns its tally.
pub type RowLoss<'a> = dyn Fn(Range<usize>, &[f32], &mut [f32]) -> Tally + Sync + 'a;

/// One addend of the objective of an optimiser step.
pub struct Term<'a> {
    pub frames: Frames<'a>,
    pub loss: &'a RowLoss<'a>,
}

/// The network and its optimiser.
pub struct CpuImpala {
    weights: Weights,
    network: Network,
    lanes: Vec<Gradient>,
}

impl CpuImpala {
    pub fn new(weights: Weights) -> Self {
        let mut network = Network::new(weights.architecture.clone());
        network.prepare(&weights.parameters);
        Self { weights, network, lanes: Vec::new() }
    }

    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Takes another optimiser's state in exchange for its own.
    pub fn swap_moments(&mut self, moments: &mut Moments) {
        std::mem::swap(&mut self.weights.moments, moments);
    }

    /// Outputs of `frames`, `[frames, outputs]`: logits, then values. A row depends on the other
    /// frames of its block only in its last bits.
    pub fn evaluate(&self, frames: Frames<'_>, output: &mut [f32]) {
        let outputs = self.network.architecture.outputs();
        assert_eq!(output.len(), frames.len() * outputs);
        output.par_chunks_mut(BLOCK * outputs).enumerate().for_each(|(block, output)| {
            let _infer = fine_span(Stage::Infer);
            let (start, n) = (block * BLOCK, output.len() / outputs);
            self.with_scratch(|scratch| {
                let frames = frames.slice(start..start + n);
                forward(&self.network, &self.weights.parameters, frames, scratch);
                output.copy_from_slice(scratch.output());
            });
        });
    }

    /// The gradient of the sum of `terms` in the parameters, and each term's tally.
    pub fn gradient(&mut self, terms: &[Term<'_>]) -> (&[f32], Vec<Tally>) {
        let mut lanes = std::mem::take(&mut self.lanes);
        let parts: Vec<(usize, Range<usize>)> =
            terms.iter().enumerate().flat_map(|(t, term)| parts(t, term.frames.len())).collect();
        lanes.resize_with(parts.len().max(1), Gradient::default);
        let this = &*self;
        let tallies: Vec<(usize, Tally)> = lanes
            .par_iter_mut()
            .zip(&parts)
            .map(|(gradient, (t, rows))| {
                gradient.clear(&this.network);
                let tally = this.add_gradient(&terms[*t], rows.clone(), gradient);
                gradient.finish(&this.network);
                (*t, tally)
            })
            .collect();
        let _optimiser = span(Stage::Optimiser);
        let (sum, rest) = lanes.split_first_mut().expect("there is at least one lane");
        if parts.is_empty() {
            sum.clear(&self.network);
        }
        sum.parameters.par_chunks_mut(SUM).enumerate().for_each(|(i, sum)| {
            for part in &*rest {
                add(sum, &part.parameters[i * SUM..][..sum.len()]);
            }
        });
        self.lanes = lanes;
        let mut sums = vec![Tally::default(); terms.len()];
        for (t, tally) in tallies {
            sums[t].iter_mut().zip(tally).for_each(|(s, x)| *s += x);
        }
        (&self.lanes[0].parameters, sums)
    }

    /// One Adam step on the sum of the terms. Returns each term's tally.
    pub fn minimise(&mut self, terms: &[Term<'_>], settings: &Settings) -> Vec<Tally> {
        let (_, tallies) = self.gradient(terms);
        let _optimiser = span(Stage::Optimiser);
        let Weights { parameters, moments, .. } = &mut self.weights;
        moments.descend(parameters, &self.lanes[0].parameters, settings);
        self.network.prepare(parameters);
        tallies
    }

    /// Adds the gradient of some rows of a term.
    fn add_gradient(&self, term: &Term<'_>, rows: Range<usize>, gradient: &mut Gradient) -> Tally {
        let outputs = self.network.architecture.outputs();
        let parameters = &self.weights.parameters;
        let mut tally = Tally::default();
        let mut d_output = Vec::with_capacity(BLOCK * outputs);
        self.with_scratch(|scratch| {
            for start in rows.clone().step_by(BLOCK) {
                let block = start..rows.end.min(start + BLOCK);
                let frames = term.frames.slice(block.clone());
                traced(Stage::Forward, || forward(&self.network, parameters, frames, scratch));
                d_output.clear();
                d_output.resize(frames.len() * outputs, 0.0);
                let part = (term.loss)(block, scratch.output(), &mut d_output);
                tally.iter_mut().zip(part).for_each(|(t, p)| *t += p);
                traced(Stage::Backward, || {
                    backward(&self.network, parameters, frames, &d_output, scratch, gradient);
                });
            }
        });
        tally
    }

    fn with_scratch<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        SCRATCH.with_borrow_mut(|scratch| {
            let architecture = &self.network.architecture;
            if !scratch.as_ref().is_some_and(|scratch| scratch.fits(architecture)) {
                *scratch = None;
            }
            work(scratch.get_or_insert_with(|| Scratch::new(architecture)))
        })
    }
}

/// The lanes of term `t`, which has `rows` rows.
fn parts(t: usize, rows: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let lanes = rows.div_ceil(BLOCK).min(MAX_LANES);
    (0..lanes).map(move |lane| (t, rows * lane / lanes..rows * (lane + 1) / lanes))
}
