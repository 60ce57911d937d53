//! PointNet (Qi et al. 2017) on the points of a mask, as ManiSkill-Learn has it (algorithms.md §11.3).
//!
//! Every point is described by its place about the mean of the mask's points, its colour, that
//! mean and the agent's state. An MLP makes features of each; the mask's largest of one half of
//! the features and its average of the other go through a second MLP.

use super::layers::{Linear, Mlp, Next};
use burn::tensor::{Tensor, activation::relu};

/// Numbers of a point beside its mask: x, y, z, red, green, blue.
pub const POINT: usize = 6;
/// Numbers of a point that tell its place.
pub const PLACE: usize = 3;
/// Added to the number of points that an average is taken of (algorithms.md §11.3).
const MARGIN: f32 = 1e-6;
/// Added to what is not to be the largest, or to have no attention.
pub const EXCLUDED: f32 = 1e8;

/// Clouds of points, of which those in a mask count.
#[derive(Clone)]
pub struct Masked {
    /// x, y, z about their mean over the mask, then colours, `[clouds, points, 6]`.
    points: Tensor<3>,
    /// That mean, `[clouds, 3]`.
    mean: Tensor<2>,
    /// What each point counts in an average, `[clouds, 1, points]`: 1 over their number.
    share: Tensor<3>,
    /// 0 for points in the mask, else -1e8, `[clouds, points, 1]`.
    penalty: Tensor<3>,
    /// 1 where the mask has any point, else 0, `[clouds, 1]`.
    pub present: Tensor<2>,
}

impl Masked {
    /// Points `[clouds, points, 6]` in a mask of ones and zeros, `[clouds, points, 1]`.
    pub fn new(points: Tensor<3>, mask: Tensor<3>) -> Self {
        let [clouds, count, _] = points.dims();
        let across = mask.clone().reshape([clouds, 1, count]);
        let share = across / (mask.clone().sum_dim(1) + MARGIN);
        let places = points.clone().narrow(2, 0, PLACE);
        let mean = share.clone().matmul(places.clone());
        let colours = points.narrow(2, PLACE, POINT - PLACE);
        Self {
            points: Tensor::cat(vec![places - mean.clone(), colours], 2),
            mean: mean.reshape([clouds, PLACE]),
            penalty: (mask.clone() - 1.0) * EXCLUDED,
            present: mask.max_dim(1).reshape([clouds, 1]),
            share,
        }
    }
}

/// From a cloud and a state to features of the cloud.
pub struct PointNet<P> {
    /// From the place about the mean, the colour, the mean and the state.
    input: Linear<P>,
    features: Linear<P>,
    global: Mlp<P>,
}

impl<P> PointNet<P> {
    /// For a state of so many numbers, which may end in an action; `width` is even.
    pub fn new(state: usize, width: usize, next: Next<'_, P>) -> Self {
        Self {
            input: Linear::new(POINT + PLACE + state, width, next),
            features: Linear::new(width, width, next),
            global: Mlp::new(&[width; 3], next),
        }
    }
}

impl PointNet<Tensor<2>> {
    /// Features `[clouds, width]` of clouds and states `[clouds, state]`. Those of an empty mask
    /// depend on neither.
    pub fn forward(&self, seen: &Masked, state: Tensor<2>) -> Tensor<2> {
        let [clouds, points, _] = seen.points.dims();
        let [inputs, width] = self.input.weights.dims();
        // Mean and state are the same for all points: they are multiplied once.
        let of_points = self.input.weights.clone().narrow(0, 0, POINT);
        let of_all = self.input.weights.clone().narrow(0, POINT, inputs - POINT);
        let common = Tensor::cat(vec![seen.mean.clone(), state], 1).matmul(of_all);
        let common = (common + self.input.biases.clone()).reshape([clouds, 1, width]);
        let flat = seen.points.clone().reshape([clouds * points, POINT]);
        let hidden = relu(flat.matmul(of_points).reshape([clouds, points, width]) + common);

        let half = width / 2;
        let Linear { weights, biases } = &self.features;
        let columns = |start| {
            let part = |matrix: &Tensor<2>| matrix.clone().narrow(1, start, half);
            (part(weights), part(biases))
        };
        let (w, b) = columns(0);
        let values = hidden.clone().reshape([clouds * points, width]).matmul(w);
        let values = values.reshape([clouds, points, half]) + seen.penalty.clone();
        let largest = (values.max_dim(1).reshape([clouds, half]) + b) * seen.present.clone();
        // A layer of an average is the average of the layer, with much less to multiply.
        let (w, b) = columns(half);
        let shares = seen.share.clone().sum_dim(2).reshape([clouds, 1]);
        let average = seen.share.clone().matmul(hidden).reshape([clouds, width]);
        let average = average.matmul(w) + shares.matmul(b);
        self.global.forward(Tensor::cat(vec![largest, average], 1))
    }
}
