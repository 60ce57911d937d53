//! The diagonal Gaussian policy with a standard deviation that does not depend on the state.
//!
//! The network gives the mean; actions are stored as sampled, the world clips them
//! (algorithms.md §1.3: no squashing, unclipped actions enter the log-probability).

use super::loss::Head;
#[cfg(feature = "gpu")]
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::f32::consts::TAU;

/// How far from 0 a mean may lie: b tanh(x / b) of what the network says, x. Infinity leaves x.
///
/// Where the world clips actions, rewards pull a mean on and on beyond the clip; a demonstration that
/// is then several σ away has no likelihood to raise, so that DAPG learns nothing from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanBound(pub f32);

impl MeanBound {
    /// No bound.
    pub const NONE: Self = Self(f32::INFINITY);

    /// What the outputs of a network are kept within: values are not.
    pub fn of(self, head: Head) -> Self {
        match head {
            Head::Policy => self,
            Head::Value => Self::NONE,
        }
    }

    /// Outputs of the network to means, in place.
    pub fn apply(self, outputs: &mut [f32]) {
        if self != Self::NONE {
            outputs.iter_mut().for_each(|x| *x = self.0 * libm::tanhf(*x / self.0));
        }
    }

    /// The gradient in means to that in the network's outputs, in place.
    pub fn apply_gradient(self, means: &[f32], gradient: &mut [f32]) {
        if self != Self::NONE {
            for (d, mean) in gradient.iter_mut().zip(means) {
                let share = mean / self.0;
                *d *= 1.0 - share * share;
            }
        }
    }

    /// What [`Self::apply`] does.
    #[cfg(feature = "gpu")]
    pub fn tensor(self, outputs: Tensor<2>) -> Tensor<2> {
        if self == Self::NONE {
            return outputs;
        }
        outputs.div_scalar(self.0).tanh().mul_scalar(self.0)
    }
}

/// A diagonal Gaussian whose mean is given with each action.
pub struct Gaussian {
    inverse_std: Vec<f32>,
    /// Log of the density at the mean.
    pub log_peak: f32,
    /// Differential entropy in nats: sum of `log σ + log(2πe)/2`.
    pub entropy: f32,
}

impl Gaussian {
    /// `log_std` holds log σ for each dimension.
    pub fn new(log_std: &[f32]) -> Self {
        let sum: f32 = log_std.iter().sum();
        let dim = log_std.len() as f32;
        Self {
            inverse_std: log_std.iter().map(|s| (-s).exp()).collect(),
            log_peak: -sum - 0.5 * dim * TAU.ln(),
            entropy: sum + 0.5 * dim * (TAU.ln() + 1.0),
        }
    }

    /// Log of the density over its own peak: `-z²/2` summed over dimensions with
    /// `z = (a - μ)/σ`, at most 0.
    pub fn log_kernel(&self, action: &[f32], mean: &[f32]) -> f32 {
        let mut sum = 0.0;
        for d in 0..action.len() {
            let z = (action[d] - mean[d]) * self.inverse_std[d];
            sum -= 0.5 * z * z;
        }
        sum
    }

    /// Log-density of one action.
    pub fn log_density(&self, action: &[f32], mean: &[f32]) -> f32 {
        self.log_kernel(action, mean) + self.log_peak
    }

    /// Adds `scale` times the gradient of the log-density to the gradients of mean and log σ.
    pub fn add_gradient(
        &self,
        action: &[f32],
        mean: &[f32],
        scale: f32,
        d_mean: &mut [f32],
        d_log_std: &mut [f32],
    ) {
        for d in 0..action.len() {
            let z = (action[d] - mean[d]) * self.inverse_std[d];
            d_mean[d] += scale * z * self.inverse_std[d];
            d_log_std[d] += scale * (z * z - 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_integrates_to_one_and_matches_its_entropy() {
        let (mean, gaussian) = ([0.3f32], Gaussian::new(&[0.4]));
        let (mut mass, mut entropy_sum) = (0.0f64, 0.0f64);
        let width = 1e-3;
        for i in -20_000..20_000 {
            let log_p = f64::from(gaussian.log_density(&[(f64::from(i) * width) as f32], &mean));
            mass += log_p.exp() * width;
            entropy_sum -= log_p.exp() * log_p * width;
        }
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");
        assert!((entropy_sum - f64::from(gaussian.entropy)).abs() < 1e-3);
    }

    #[test]
    fn a_bound_keeps_means_within_and_its_gradient_equals_finite_differences() {
        let outputs = [-30.0f32, -2.5, -0.3, 0.0, 0.7, 1.9, 8.0];
        let bounded = |by: f32| {
            let mut means = outputs.map(|x| x + by);
            MeanBound(2.0).apply(&mut means);
            means
        };
        let means = bounded(0.0);
        assert!(means.is_sorted() && means.iter().all(|mean| mean.abs() <= 2.0));
        let mut gradient = [3.0; 7];
        MeanBound(2.0).apply_gradient(&means, &mut gradient);
        let h = 1e-2;
        for ((above, below), found) in bounded(h).into_iter().zip(bounded(-h)).zip(gradient) {
            let slope = 3.0 * (above - below) / (2.0 * h);
            assert!((found - slope).abs() < 1e-3, "{found} against {slope}");
        }

        let (mut free, mut gradient) = (outputs, [3.0; 7]);
        MeanBound::NONE.apply(&mut free);
        MeanBound::NONE.apply_gradient(&free, &mut gradient);
        assert_eq!((free, gradient), (outputs, [3.0; 7]));
    }

    #[test]
    fn gradient_equals_finite_differences() {
        let (action, mean, log_std) = ([0.7, -0.2], [0.1, 0.4], [-0.5, 0.3]);
        let (mut d_mean, mut d_log_std) = ([0.0; 2], [0.0; 2]);
        Gaussian::new(&log_std).add_gradient(&action, &mean, 2.0, &mut d_mean, &mut d_log_std);
        let h = 1e-2;
        for d in 0..2 {
            let bumped = |on_mean: bool, by: f32| {
                let (mut m, mut s) = (mean, log_std);
                if on_mean {
                    m[d] += by
                } else {
                    s[d] += by
                }
                Gaussian::new(&s).log_density(&action, &m)
            };
            let slope = |on_mean| (bumped(on_mean, h) - bumped(on_mean, -h)) / h;
            assert!((d_mean[d] - slope(true)).abs() < 2e-3);
            assert!((d_log_std[d] - slope(false)).abs() < 2e-3);
        }
    }
}
