//! The IMPALA network on a GPU, as Burn tensors.
//!
//! The twin of [`super::cpu`]: same layout of parameters, gradients by autodiff. Maps are
//! `[frames, channels, size, size]`, as Burn wants them. Nothing is read back but by
//! [`GpuImpala::weights`].

use super::{Architecture, SIZE, STACK_CONVS, cpu::Weights};
use crate::{
    gpu::Gpu,
    learn::{
        adam::{
            Settings,
            burn::{Descent, ResidentMoments},
        },
        pixels::frames::ResidentFrames,
    },
    trace::{Stage, traced},
};
use burn::tensor::{
    Gradients, Tensor,
    activation::relu,
    module::{conv2d, max_pool2d},
    ops::{ConvOptions, MaxPoolOptions},
};
use std::ops::Range;

/// A loss of the rows of outputs: of those in the range, given their outputs, its value and then
/// the rest of its tally, each `[1]`.
pub type TensorLoss<'a> = dyn Fn(Range<usize>, Tensor<2>) -> Vec<Tensor<1>> + 'a;

/// One addend of the objective of an optimiser step.
pub struct Term<'a> {
    pub frames: &'a ResidentFrames,
    /// Which of them, at least one.
    pub rows: &'a [u32],
    pub loss: &'a TensorLoss<'a>,
}

/// The network and its optimiser.
pub struct GpuImpala {
    architecture: Architecture,
    descent: Descent,
    /// Rows whose maps fit the GPU's buffers.
    rows_at_once: usize,
}

impl GpuImpala {
    pub fn new(weights: Weights, gpu: &Gpu) -> Self {
        let Weights { architecture, parameters, moments } = weights;
        // The largest maps are those before the first pooling. Half of what there is, as a kernel
        // may want them in another form.
        let maps = architecture.channels()[0] * SIZE * SIZE * size_of::<f32>();
        let limits = gpu.limits();
        let rows_at_once = (limits.binding as usize / 2 / maps).clamp(1, limits.groups as usize);
        Self {
            descent: Descent::new(parameters, moments, gpu.device()),
            architecture,
            rows_at_once,
        }
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Parameters and moments; unwinds if the GPU was lost, as [`crate::learn::burn`] tells.
    pub fn weights(&self) -> Weights {
        let (parameters, moments) = self.descent.read();
        Weights { architecture: self.architecture.clone(), parameters, moments }
    }

    /// Takes another optimiser's state in exchange for its own.
    pub fn swap_moments(&mut self, moments: &mut ResidentMoments) {
        std::mem::swap(&mut self.descent.moments, moments);
    }

    /// Outputs of some frames, `[rows, outputs]`: logits, then values.
    pub fn evaluate(&self, frames: &ResidentFrames, rows: &[u32]) -> Tensor<2> {
        let pieces = self.pieces();
        let parts = rows.chunks(self.rows_at_once);
        let parts: Vec<_> =
            parts.map(|rows| pieces.forward(&self.architecture, frames.unpack(rows))).collect();
        Tensor::cat(parts, 0)
    }

    /// The gradient of the sum of `terms` in the parameters, and each term's tally.
    pub fn gradient(&self, terms: &[Term<'_>]) -> (Tensor<1>, Vec<Tensor<1>>) {
        let mut sum: Option<Tensor<1>> = None;
        let tally = |term: &Term<'_>| {
            let mut tally: Option<Tensor<1>> = None;
            for start in (0..term.rows.len()).step_by(self.rows_at_once) {
                let range = start..term.rows.len().min(start + self.rows_at_once);
                let pieces = self.pieces().tracked();
                let part = traced(Stage::Forward, || {
                    let frames = term.frames.unpack(&term.rows[range.clone()]).autodiff();
                    let outputs = pieces.forward(&self.architecture, frames);
                    (term.loss)(range, outputs)
                });
                traced(Stage::Backward, || {
                    let mut gradients = part[0].backward();
                    add(&mut sum, pieces.gradient(&mut gradients));
                });
                add(&mut tally, Tensor::cat(part.into_iter().map(Tensor::inner).collect(), 0));
            }
            tally.expect("a term has rows")
        };
        let tallies = terms.iter().map(tally).collect();
        (sum.expect("an objective has terms"), tallies)
    }

    /// One Adam step on the sum of the terms. Returns each term's tally.
    pub fn minimise(&mut self, terms: &[Term<'_>], settings: &Settings) -> Vec<Tensor<1>> {
        let (gradient, tallies) = self.gradient(terms);
        traced(Stage::Optimiser, || self.descent.descend(gradient, settings));
        tallies
    }

    fn pieces(&self) -> Pieces {
        let cut = |range: Range<usize>| self.descent.parameters.clone().slice([range]);
        let convs = self.architecture.convs().into_iter().map(|layer| {
            let (inputs, outputs) = (layer.conv.inputs, layer.conv.outputs);
            (cut(layer.weights).reshape([3, 3, inputs, outputs]), cut(layer.biases))
        });
        let start = self.architecture.head_start();
        let head = self.architecture.head().layers().into_iter().map(|layer| {
            let at = |range: Range<usize>| cut(start + range.start..start + range.end);
            let weights = at(layer.weights).reshape([layer.inputs, layer.outputs]);
            (weights, at(layer.biases).reshape([1, layer.outputs]))
        });
        Pieces { convs: convs.collect(), head: head.collect() }
    }
}

fn add(sum: &mut Option<Tensor<1>>, part: Tensor<1>) {
    *sum = Some(match sum.take() {
        Some(sum) => sum + part,
        None => part,
    });
}

/// A network's parameters cut up.
struct Pieces {
    /// Weights `[3, 3, in, out]` and biases `[out]`.
    convs: Vec<(Tensor<4>, Tensor<1>)>,
    /// Weights `[in, out]` and biases `[1, out]`.
    head: Vec<(Tensor<2>, Tensor<2>)>,
}

impl Pieces {
    /// The same pieces, as the leaves of a graph.
    fn tracked(self) -> Self {
        let convs = self.convs.into_iter().map(|(weights, biases)| {
            (weights.autodiff().require_grad(), biases.autodiff().require_grad())
        });
        let head = self.head.into_iter().map(|(weights, biases)| {
            (weights.autodiff().require_grad(), biases.autodiff().require_grad())
        });
        Self { convs: convs.collect(), head: head.collect() }
    }

    /// Outputs of frames `[frames, 3, 64, 64]` of numbers from 0 to 1.
    fn forward(&self, architecture: &Architecture, frames: Tensor<4>) -> Tensor<2> {
        let convolve = |x: Tensor<4>, (weights, biases): &(Tensor<4>, Tensor<1>)| {
            let weights = weights.clone().permute([3, 2, 0, 1]);
            let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
            conv2d(x, weights, Some(biases.clone()), options)
        };
        let mut x = frames;
        for stack in self.convs.chunks_exact(STACK_CONVS) {
            let pooling = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
            x = max_pool2d(convolve(x, &stack[0]), pooling);
            for block in stack[1..].chunks_exact(2) {
                let inside = convolve(relu(x.clone()), &block[0]);
                x = x + convolve(relu(inside), &block[1]);
            }
        }
        // Channels last, as the hidden layer wants them.
        let features = relu(x).permute([0, 2, 3, 1]).flatten::<2>(1, 3);
        let [hidden, last] = &self.head[..] else { unreachable!("a head has two layers") };
        let hidden = relu(features.matmul(hidden.0.clone()) + hidden.1.clone());
        let outputs = architecture.outputs();
        let attached = outputs - architecture.detached();
        let some = |hidden: Tensor<2>, columns: Range<usize>| {
            let (weights, biases) = (last.0.clone(), last.1.clone());
            hidden.matmul(weights.slice([0..last.0.dims()[0], columns.clone()]))
                + biases.slice([0..1, columns])
        };
        if attached == outputs {
            return hidden.matmul(last.0.clone()) + last.1.clone();
        }
        let blind = some(hidden.clone().detach(), attached..outputs);
        Tensor::cat(vec![some(hidden, 0..attached), blind], 1)
    }

    /// The gradient in the layout of the parameters; 0 where the loss does not depend on them.
    fn gradient(&self, gradients: &mut Gradients) -> Tensor<1> {
        fn of<const D: usize>(piece: &Tensor<D>, gradients: &mut Gradients) -> Tensor<1> {
            let gradient = piece.grad_remove(gradients);
            let gradient = gradient.unwrap_or_else(|| piece.clone().inner().zeros_like());
            let n = gradient.shape().num_elements();
            gradient.reshape([n])
        }
        let mut parts = Vec::with_capacity(2 * (self.convs.len() + self.head.len()));
        for (weights, biases) in &self.convs {
            parts.push(of(weights, gradients));
            parts.push(of(biases, gradients));
        }
        for (weights, biases) in &self.head {
            parts.push(of(weights, gradients));
            parts.push(of(biases, gradients));
        }
        Tensor::cat(parts, 0)
    }
}
