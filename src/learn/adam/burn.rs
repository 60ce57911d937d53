//! Adam on one flat tensor, on any device that Burn drives: a few kernels a step.

use super::{BETA1, BETA2, EPSILON, Moments, Settings};
use crate::learn::burn::{read, send};
use burn::tensor::{Device, Tensor};

/// [`Moments`] on a device; both tensors `[parameters]`.
pub struct ResidentMoments {
    first: Tensor<1>,
    second: Tensor<1>,
    step: u32,
}

impl ResidentMoments {
    pub fn new(moments: Moments, device: &Device) -> Self {
        let Moments { step, first, second } = moments;
        Self { first: vector(first, device), second: vector(second, device), step }
    }

    /// Unwinds as [`read`] does.
    pub fn read(&self) -> Moments {
        let [first, second] = [&self.first, &self.second].map(|tensor| read(tensor.clone()));
        Moments { step: self.step, first, second }
    }
}

/// Parameters, `[parameters]`, and their moments.
pub struct Descent {
    pub parameters: Tensor<1>,
    pub moments: ResidentMoments,
}

impl Descent {
    /// On `device`, without autodiff.
    pub fn new(parameters: Vec<f32>, moments: Moments, device: &Device) -> Self {
        let moments = ResidentMoments::new(moments, device);
        Self { parameters: vector(parameters, device), moments }
    }

    /// Parameters and moments; unwinds as [`read`] does.
    pub fn read(&self) -> (Vec<f32>, Moments) {
        (read(self.parameters.clone()), self.moments.read())
    }

    /// One step of [`Moments::descend`].
    pub fn descend(&mut self, mut gradient: Tensor<1>, settings: &Settings) {
        let ResidentMoments { first, second, step } = &mut self.moments;
        *step += 1;
        // The norm stays on the device, and with it the clipping.
        let scales = settings.scales(*step, 0.0);
        if settings.max_grad_norm.is_finite() {
            let norm = gradient.clone().square().sum().sqrt();
            gradient = gradient / norm.div_scalar(settings.max_grad_norm).clamp_min(1.0);
        }
        let square = gradient.clone().square();
        *first = first.clone() * BETA1 + gradient * (1.0 - BETA1);
        *second = second.clone() * BETA2 + square * (1.0 - BETA2);
        let deviation = (second.clone() * scales.second).sqrt() + EPSILON;
        self.parameters = self.parameters.clone() - first.clone() * scales.step / deviation;
    }
}

fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    send(values, [n], device)
}
