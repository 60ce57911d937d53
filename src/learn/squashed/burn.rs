//! The squashed Gaussian as Burn tensors: the twin of [`super::Squashed`], gradients by autodiff.

use super::{LARGEST, LOG_STD_RANGE, MARGIN};
use crate::learn::burn::send;
use burn::tensor::Tensor;
use std::f32::consts::TAU;

/// Rows of a network's output.
pub struct SquashedRows {
    /// `[rows, dim]`
    mean: Tensor<2>,
    /// Within its limits, `[rows, dim]`.
    log_std: Tensor<2>,
}

/// Actions and what they are worth in nats.
pub struct Drawn {
    /// `[rows, dim]`
    pub actions: Tensor<2>,
    /// `[rows, 1]`
    pub log_densities: Tensor<2>,
}

impl SquashedRows {
    /// `output` is `[rows, 2 dim]`: the means, then log σ.
    pub fn new(output: Tensor<2>) -> Self {
        let dim = output.dims()[1] / 2;
        let (low, high) = LOG_STD_RANGE;
        let log_std = output.clone().narrow(1, dim, dim).clamp(low, high);
        Self { mean: output.narrow(1, 0, dim), log_std }
    }

    /// Actions of standard normal noise, `[rows, dim]`; see [`super::Squashed::draw`].
    pub fn draw(&self, noise: Tensor<2>) -> Drawn {
        let before = self.log_std.clone().exp() * noise.clone() + self.mean.clone();
        // 1 - tanh² without a difference of almost equal numbers: near 1 GPUs are not exact in tanh.
        let decay = (before.clone().abs() * -2.0).exp();
        let slopes = decay.clone() * 4.0 / (decay + 1.0).square();
        let log_densities = (self.log_normal(noise) - (slopes + MARGIN).log()).sum_dim(1);
        Drawn { actions: before.tanh(), log_densities }
    }

    /// Log-densities of given actions in [-1, 1], `[rows, dim]` row by row, in nats: `[rows, 1]`.
    pub fn log_density(&self, actions: &[f32]) -> Tensor<2> {
        let constant = |of: &dyn Fn(f32) -> f32| {
            let values = actions.iter().map(|a| of(a.clamp(-LARGEST, LARGEST))).collect();
            send(values, self.mean.dims(), &self.mean.device())
        };
        let before: Tensor<2> = constant(&|a| libm::atanhf(a));
        let log_slopes: Tensor<2> = constant(&super::log_slope);
        let z = (before - self.mean.clone()) * (-self.log_std.clone()).exp();
        (self.log_normal(z) - log_slopes).sum_dim(1)
    }

    /// log N(u; μ, σ²) with z = (u - μ)/σ.
    fn log_normal(&self, z: Tensor<2>) -> Tensor<2> {
        z.square() * -0.5 - self.log_std.clone() - 0.5 * TAU.ln()
    }
}
