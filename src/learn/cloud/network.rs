//! The network as Burn tensors, with its optimiser.

use super::Architecture;
use crate::{
    learn::{
        adam::{Moments, Settings, burn::Descent},
        burn::{read, send},
        layers::{Matrix, Mlp, Next},
        numbers,
        pointnet::{Masked, POINT, PointNet},
        transformer::{Heads, Transformer},
    },
    trace::{Stage, traced},
};
use burn::tensor::{Device, Gradients, Tensor};
use gslab_envs::{pushchair::cloud::CHANNELS, rng::Stream};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Parts of a cloud that have a PointNet each: points in no mask, the robot's, all.
pub const PARTS: usize = 3;

/// States and clouds on a device.
#[derive(Clone)]
pub struct Seen {
    /// `[rows, state]`
    state: Tensor<2>,
    parts: [Masked; PARTS],
}

impl Seen {
    /// Of observations, `[rows, state + points CHANNELS]`. Points that pad a cloud count as those
    /// of the original do: they show nothing in no mask, at the origin.
    pub fn new(observations: Tensor<2>, state: usize) -> Self {
        let [rows, width] = observations.dims();
        let points = (width - state) / CHANNELS;
        let cloud = observations.clone().narrow(1, state, points * CHANNELS);
        let cloud = cloud.reshape([rows, points, CHANNELS]);
        let robot = cloud.clone().narrow(2, POINT, 1);
        let masks = [robot.ones_like() - robot.clone(), robot.clone(), robot.ones_like()];
        let cloud = cloud.narrow(2, 0, POINT);
        Self {
            state: observations.narrow(1, 0, state),
            parts: masks.map(|mask| Masked::new(cloud.clone(), mask)),
        }
    }
}

/// The layers; see [`crate::learn::layers`].
pub struct Layers<P> {
    state: Mlp<P>,
    parts: [PointNet<P>; PARTS],
    transformer: Transformer<P>,
    head: Mlp<P>,
}

impl<P> Layers<P> {
    pub fn new(architecture: &Architecture, next: Next<'_, P>) -> Self {
        let Architecture { config, state, action, outputs, .. } = architecture;
        let (state, width) = (state + action, config.width);
        let heads = Heads { count: config.heads, width: config.head_width };
        let head = [&[width], &config.hidden[..], &[*outputs]].concat();
        Self {
            state: Mlp::new(&[state, width, width], next),
            parts: [(); PARTS].map(|()| PointNet::new(state, width, next)),
            transformer: Transformer::new(width, config.blocks, heads, next),
            head: Mlp::new(&head, next),
        }
    }
}

impl Layers<Tensor<2>> {
    /// `[rows, outputs]` of what is seen, and what is done if the network takes it, `[rows,
    /// action]`.
    pub fn forward(&self, seen: &Seen, action: Option<Tensor<2>>) -> Tensor<2> {
        let state = match action {
            Some(action) => Tensor::cat(vec![seen.state.clone(), action], 1),
            None => seen.state.clone(),
        };
        let [rows, _] = state.dims();
        let mut tokens = vec![self.state.forward(state.clone())];
        let mut present = vec![state.clone().narrow(1, 0, 1).ones_like()];
        for (net, part) in self.parts.iter().zip(&seen.parts) {
            tokens.push(net.forward(part, state.clone()));
            present.push(part.present.clone());
        }
        let count = tokens.len();
        let tokens = Tensor::cat(tokens, 1);
        let width = tokens.dims()[1] / count;
        let tokens = tokens.reshape([rows, count, width]);
        self.head.forward(self.transformer.forward(tokens, Tensor::cat(present, 1)))
    }
}

impl Architecture {
    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        let mut numbers = 0;
        Layers::new(self, &mut |matrix| numbers += matrix.numbers());
        numbers
    }

    /// The layers of flat parameters, each matrix made into what `with` makes of it.
    pub fn cut(
        &self,
        parameters: &Tensor<1>,
        mut with: impl FnMut(Tensor<2>) -> Tensor<2>,
    ) -> Layers<Tensor<2>> {
        let mut start = 0;
        Layers::new(self, &mut |matrix: Matrix| {
            let numbers = parameters.clone().narrow(0, start, matrix.numbers());
            start += matrix.numbers();
            with(numbers.reshape([matrix.rows, matrix.columns]))
        })
    }
}

/// A network's parameters and moments, as [`Layers`] come one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    pub architecture: Architecture,
    #[serde(with = "numbers")]
    pub parameters: Vec<f32>,
    pub moments: Moments,
}

impl Weights {
    /// A new network: Xavier normal, biases 0 (algorithms.md §11.3).
    pub fn new(architecture: Architecture, stream: Stream) -> Self {
        let (mut parameters, mut lane) = (Vec::new(), 0);
        Layers::new(&architecture, &mut |matrix: Matrix| {
            parameters.extend(matrix.draw(stream, lane));
            lane += 1;
        });
        Self { moments: Moments::new(parameters.len()), architecture, parameters }
    }
}

/// The network on a device.
pub struct Network {
    architecture: Architecture,
    descent: Descent,
    device: Device,
}

/// A loss of some rows: given the range and the layers, its value and then the rest of its tally,
/// each `[1]`.
pub type PartLoss<'a> = dyn Fn(Range<usize>, &Layers<Tensor<2>>) -> Vec<Tensor<1>> + 'a;

impl Network {
    pub fn new(weights: Weights, device: &Device) -> Self {
        let Weights { architecture, parameters, moments } = weights;
        let device = device.clone().without_autodiff();
        Self { architecture, descent: Descent::new(parameters, moments, &device), device }
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where it lies; without autodiff.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// `[parameters]`
    pub fn parameters(&self) -> &Tensor<1> {
        &self.descent.parameters
    }

    /// Parameters and moments; unwinds if the GPU was lost, as [`crate::learn::burn`] tells.
    pub fn weights(&self) -> Weights {
        let (parameters, moments) = self.descent.read();
        Weights { architecture: self.architecture.clone(), parameters, moments }
    }

    /// The layers, to be evaluated.
    pub fn layers(&self) -> Layers<Tensor<2>> {
        self.architecture.cut(self.parameters(), |matrix| matrix)
    }

    /// The layers as constants of a graph.
    pub fn constant(&self) -> Layers<Tensor<2>> {
        self.architecture.cut(self.parameters(), Tensor::autodiff)
    }

    /// Ranges of rows that are worked on one after the other.
    pub fn parts(&self, rows: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let most = self.architecture.config.microbatch;
        (0..rows).step_by(most).map(move |start| start..rows.min(start + most))
    }

    /// The gradient of a loss of `rows` rows in the parameters, and the tally: sums over parts of
    /// the rows.
    pub fn gradient(&self, rows: usize, loss: &PartLoss<'_>) -> (Tensor<1>, Tensor<1>) {
        let part = |range: Range<usize>| {
            let mut leaves = Vec::new();
            let layers = self.architecture.cut(self.parameters(), |matrix| {
                let leaf = matrix.autodiff().require_grad();
                leaves.push(leaf.clone());
                leaf
            });
            let tally = traced(Stage::Forward, || loss(range, &layers));
            let gradient = traced(Stage::Backward, || {
                let mut gradients = tally[0].backward();
                let of_leaf = |leaf| gradient_of(leaf, &mut gradients);
                Tensor::cat(leaves.iter().map(of_leaf).collect(), 0)
            });
            let tally = tally.into_iter().map(Tensor::inner).collect();
            (gradient, Tensor::cat(tally, 0))
        };
        let parts = self.parts(rows).map(part);
        let sum = parts.reduce(|(gradient, tally), (g, t)| (gradient + g, tally + t));
        sum.expect("a loss has rows")
    }

    /// One Adam step against a gradient.
    pub fn descend(&mut self, gradient: Tensor<1>, settings: &Settings) {
        traced(Stage::Optimiser, || self.descent.descend(gradient, settings));
    }

    /// One Adam step on a loss of `rows` rows; returns its tally.
    pub fn minimise(&mut self, rows: usize, settings: &Settings, loss: &PartLoss<'_>) -> Tensor<1> {
        let (gradient, tally) = self.gradient(rows, loss);
        self.descend(gradient, settings);
        tally
    }

    /// Outputs of observations, `[rows, observation]`, and actions, `[rows, action]`, or of
    /// observations alone: `[rows, outputs]`.
    pub fn infer(&self, observations: &[f32], actions: &[f32], rows: usize) -> Vec<f32> {
        let layers = self.layers();
        let Architecture { state, action, .. } = self.architecture;
        let parts = self.parts(rows).map(|range| {
            let of = |values: &[f32], width: usize| {
                let values = &values[range.start * width..range.end * width];
                matrix(values, range.len(), &self.device)
            };
            let seen = Seen::new(of(observations, self.architecture.observation()), state);
            layers.forward(&seen, (action > 0).then(|| of(actions, action)))
        });
        let outputs = Tensor::cat(parts.collect(), 0);
        traced(Stage::ActionsBack, || read(outputs))
    }
}

/// Of a leaf, flat; 0 where the loss does not depend on it.
fn gradient_of(leaf: &Tensor<2>, gradients: &mut Gradients) -> Tensor<1> {
    let gradient = leaf.grad_remove(gradients);
    gradient.unwrap_or_else(|| leaf.clone().inner().zeros_like()).flatten(0, 1)
}

/// Row-major values as a matrix of so many rows.
pub fn matrix(values: &[f32], rows: usize, device: &Device) -> Tensor<2> {
    send(values.to_vec(), [rows, values.len() / rows], device)
}
