//! Adam (Kingma and Ba 2015) with clipping of the gradient's global L2 norm.

#[cfg(feature = "gpu")]
pub mod burn;

use super::numbers;
use pulp::Arch;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Settings of an optimiser step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub learning_rate: f32,
    /// A gradient with a larger L2 norm is scaled down to it; infinite for no limit.
    pub max_grad_norm: f32,
}

pub(crate) const BETA1: f32 = 0.9;
pub(crate) const BETA2: f32 = 0.999;
/// As in the PPO implementations of algorithms.md §1.2.
pub const EPSILON: f32 = 1e-5;

/// Parameters that a thread moves at a time; a small network is one chunk.
const CHUNK: usize = 1 << 16;

/// Running moments of the gradient of one parameter vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    pub step: u32,
    #[serde(with = "numbers")]
    pub first: Vec<f32>,
    #[serde(with = "numbers")]
    pub second: Vec<f32>,
}

/// How one step scales its parts; shared with the Burn twin.
#[derive(Clone, Copy, Debug)]
pub struct Scales {
    /// Of the gradient, from clipping.
    pub gradient: f32,
    /// Of the step: learning rate over the first bias correction.
    pub step: f32,
    /// Of the second moment, from its bias correction.
    pub second: f32,
}

impl Settings {
    /// The scales of step number `step`, counted from 1, for a gradient of L2 norm `norm`.
    pub fn scales(&self, step: u32, norm: f64) -> Scales {
        let limit = f64::from(self.max_grad_norm);
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(step as i32);
        Scales {
            gradient: if norm > limit { (limit / norm) as f32 } else { 1.0 },
            step: (f64::from(self.learning_rate) / correction(BETA1)) as f32,
            second: (1.0 / correction(BETA2)) as f32,
        }
    }
}

impl Moments {
    pub fn new(parameters: usize) -> Self {
        Self { step: 0, first: vec![0.0; parameters], second: vec![0.0; parameters] }
    }

    /// Moves the parameters by one step against the gradient; returns the gradient's norm.
    pub fn descend(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        settings: &Settings,
    ) -> f64 {
        let norm = l2_norm(gradient);
        self.step += 1;
        let scales = settings.scales(self.step, norm);
        let moments = self.first.par_chunks_mut(CHUNK).zip(self.second.par_chunks_mut(CHUNK));
        let gradients = gradient.par_chunks(CHUNK);
        parameters.par_chunks_mut(CHUNK).zip(gradients).zip(moments).for_each(
            |((parameters, gradient), (first, second))| {
                step(parameters, gradient, first, second, scales);
            },
        );
        norm
    }
}

/// Moves parameters and their moments.
fn step(
    parameters: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    scales: Scales,
) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let n = parameters.len();
            let (gradient, first, second) = (&gradient[..n], &mut first[..n], &mut second[..n]);
            for i in 0..n {
                let g = gradient[i] * scales.gradient;
                first[i] = BETA1 * first[i] + (1.0 - BETA1) * g;
                second[i] = BETA2 * second[i] + (1.0 - BETA2) * g * g;
                let deviation = (second[i] * scales.second).sqrt() + EPSILON;
                parameters[i] -= scales.step * first[i] / deviation;
            }
        },
    );
}

/// Sixteen partial sums: wide enough for any vector unit, and always added in the same order.
fn l2_norm(values: &[f32]) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut sums = [0.0f64; 16];
            for chunk in values.chunks(16) {
                for (sum, x) in sums.iter_mut().zip(chunk) {
                    *sum += f64::from(*x) * f64::from(*x);
                }
            }
            sums.iter().sum::<f64>().sqrt()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_formulas_of_the_paper() {
        let settings = Settings { learning_rate: 0.1, max_grad_norm: 1.0 };
        let mut parameters = vec![1.0f32, -2.0];
        let mut moments = Moments::new(2);
        let (mut p, mut m, mut v) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        for (t, gradient) in [[3.0f32, 4.0], [0.1, -0.2], [0.0, 0.5]].iter().enumerate() {
            let norm = moments.descend(&mut parameters, gradient, &settings);
            let expected = f64::from(gradient[0]).hypot(f64::from(gradient[1]));
            assert!((norm - expected).abs() < 1e-6);
            for i in 0..2 {
                let g = f64::from(gradient[i]) * (1.0 / expected).min(1.0);
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let t = t as i32 + 1;
                let (mh, vh) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
                p[i] -= 0.1 * mh / (vh.sqrt() + 1e-5);
                assert!((f64::from(parameters[i]) - p[i]).abs() < 1e-5);
            }
        }
    }
}
