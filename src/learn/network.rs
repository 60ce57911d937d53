//! A multilayer perceptron with its optimiser, trained on whatever gradient its outputs get.
//!
//! Rows are cut into a fixed number of lanes whose gradients are added in a fixed order, so the
//! result does not depend on how many threads worked on it, as in [`super::cpu`].

use super::{
    adam::{Moments, Settings},
    cpu::add,
    loss::Tally,
    mlp::{Scratch, Shape, backward, forward},
    numbers,
};
use crate::trace::{Stage, span, traced};
use gslab_envs::rng::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Parts of a minibatch that can be worked on at the same time.
const LANES: usize = 4;

/// Parameters and moments of a network, as [`super::mlp`] lays them out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub shape: Shape,
    #[serde(with = "numbers")]
    pub parameters: Vec<f32>,
    pub moments: Moments,
}

impl Network {
    /// A new network: orthogonal, with `output_gain` in its last layer.
    pub fn new(shape: Shape, output_gain: f32, stream: Stream) -> Self {
        let parameters = shape.orthogonal(output_gain, stream);
        Self { moments: Moments::new(parameters.len()), shape, parameters }
    }

    /// The same network with an optimiser that has seen nothing yet.
    pub fn with_fresh_moments(mut self) -> Self {
        self.moments = Moments::new(self.parameters.len());
        self
    }

    pub fn is_finite(&self) -> bool {
        self.parameters.iter().all(|x| x.is_finite())
    }

    /// Outputs, `[rows, outputs]`, of inputs, `[rows, inputs]`.
    pub fn infer(&self, x: &[f32]) -> Vec<f32> {
        infer(&self.shape, &self.parameters, x)
    }

    /// One Adam step. `loss` is told a range of rows and their outputs, `[range, outputs]`, writes
    /// the gradient in those, at first 0, and returns its tally; the sum of these is returned.
    pub fn descend(
        &mut self,
        x: &[f32],
        settings: &Settings,
        loss: impl Fn(Range<usize>, &[f32], &mut [f32]) -> Tally + Sync,
    ) -> Tally {
        let (gradient, tally) = self.gradient(x, loss);
        traced(Stage::Optimiser, || {
            self.moments.descend(&mut self.parameters, &gradient, settings);
        });
        tally
    }

    /// The gradient of a loss in the parameters; see [`Network::descend`].
    pub fn gradient(
        &self,
        x: &[f32],
        loss: impl Fn(Range<usize>, &[f32], &mut [f32]) -> Tally + Sync,
    ) -> (Vec<f32>, Tally) {
        let Self { shape, parameters, .. } = self;
        let (inputs, outputs) = (shape.inputs(), shape.outputs());
        let rows = x.len() / inputs;
        let work = |lane: usize| {
            let range = rows * lane / LANES..rows * (lane + 1) / LANES;
            let x = &x[range.start * inputs..range.end * inputs];
            let (n, mut scratch) = (range.len(), Scratch::default());
            let mut gradient = vec![0.0; parameters.len()];
            if n == 0 {
                return (gradient, Tally::default());
            }
            let mut d_output = vec![0.0; n * outputs];
            traced(Stage::Forward, || forward(shape, parameters, x, n, &mut scratch));
            let tally = loss(range, scratch.output(), &mut d_output);
            let d_output = (&d_output).into();
            traced(Stage::Backward, || {
                backward(shape, parameters, x, n, d_output, &mut scratch, &mut gradient);
            });
            (gradient, tally)
        };
        let lanes: Vec<_> = (0..LANES).into_par_iter().map(work).collect();
        let _optimiser = span(Stage::Optimiser);
        let parts = lanes.into_iter().reduce(|(mut gradient, mut tally), (part, tallied)| {
            add(&mut gradient, &part);
            tally.iter_mut().zip(tallied).for_each(|(t, p)| *t += p);
            (gradient, tally)
        });
        parts.expect("there is at least one lane")
    }
}

/// Outputs, `[rows, outputs]`, of a network without an optimiser.
pub fn infer(shape: &Shape, parameters: &[f32], x: &[f32]) -> Vec<f32> {
    in_lanes(shape, parameters, x, || ())
}

/// [`infer`] as a part of an update, whose forward passes are recorded as such.
pub fn evaluate(shape: &Shape, parameters: &[f32], x: &[f32]) -> Vec<f32> {
    in_lanes(shape, parameters, x, || span(Stage::Forward))
}

/// Outputs of rows in lanes, each within what `span` begins.
fn in_lanes<S>(
    shape: &Shape,
    parameters: &[f32],
    x: &[f32],
    span: impl Fn() -> S + Sync,
) -> Vec<f32> {
    let (inputs, outputs) = (shape.inputs(), shape.outputs());
    let rows = x.len() / inputs;
    let mut out = vec![0.0; rows * outputs];
    let lane = rows.div_ceil(LANES).max(1);
    out.par_chunks_mut(lane * outputs).zip(x.par_chunks(lane * inputs)).for_each(|(out, x)| {
        let _span = span();
        let mut scratch = Scratch::default();
        forward(shape, parameters, x, x.len() / inputs, &mut scratch);
        out.copy_from_slice(scratch.output());
    });
    out
}
