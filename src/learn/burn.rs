//! The actor-critic as Burn tensors, on any device that Burn drives; what a GPU runs.
//!
//! The twin of [`super::cpu`]: same layout, same formulas, gradients by autodiff. A network is
//! one flat tensor, cut into layers for the forward pass only, so clipping and Adam are a few
//! kernels over one vector. A step sends its minibatch to the device and reads back the tallies
//! of all terms, once; everything else stays there.
//!
//! Burn tells that a device was lost (a driver reset, say) when something is read from it. Then
//! everything here unwinds with [`Unreadable`], which [`crate::device::Device::work`] catches:
//! methods that are called thousands of times and never fail otherwise stay as they are.

use super::{
    actor_critic::{ActorCritic, Weights},
    adam::{Moments, Settings, burn::Descent},
    gaussian::MeanBound,
    loss::{Head, Tally, Term},
    mlp::Shape,
};
use crate::trace::{self, Stage, span, traced};
use burn::tensor::{Device, Gradients, Tensor, TensorData, activation::relu};
use std::{ops::Range, panic::resume_unwind};

/// Nothing can be read from the device, for this reason.
pub struct Unreadable(pub String);

/// Whether what goes to the device comes back.
pub fn answers(device: &Device) -> bool {
    read(Tensor::<1>::from_data([1.0f32], device)) == [1.0]
}

/// Weights and moments on a device.
pub struct BurnActorCritic {
    policy: Network,
    value: Network,
    log_std_range: (f32, f32),
    mean_bound: MeanBound,
    device: Device,
}

impl BurnActorCritic {
    pub fn new(weights: Weights, device: &Device) -> Self {
        let Weights {
            policy_shape,
            value_shape,
            policy,
            value,
            policy_moments,
            value_moments,
            log_std_range,
            mean_bound,
        } = weights;
        let device = device.clone().without_autodiff();
        Self {
            policy: Network::new(policy_shape, policy, policy_moments, &device),
            value: Network::new(value_shape, value, value_moments, &device),
            log_std_range,
            mean_bound,
            device,
        }
    }

    fn network(&self, head: Head) -> &Network {
        match head {
            Head::Policy => &self.policy,
            Head::Value => &self.value,
        }
    }

    fn network_mut(&mut self, head: Head) -> &mut Network {
        match head {
            Head::Policy => &mut self.policy,
            Head::Value => &mut self.value,
        }
    }

    fn infer(&self, head: Head, observations: &[f32], out: &mut [f32]) {
        let network = self.network(head);
        let x = matrix(observations, network.shape.inputs(), &self.device);
        let outputs = self.mean_bound.of(head).tensor(network.pieces().forward(x));
        out.copy_from_slice(&traced(Stage::ActionsBack, || read(outputs)));
    }

    /// What [`Weights::keep_log_std_in_range`] does.
    fn keep_log_std_in_range(&mut self) {
        let (low, high) = self.log_std_range;
        let range = self.policy.log_std();
        let parameters = self.policy.descent.parameters.clone();
        let log_std = parameters.clone().slice([range.clone()]).clamp(low, high);
        self.policy.descent.parameters = parameters.slice_assign([range], log_std);
    }
}

impl ActorCritic for BurnActorCritic {
    fn policy_mean(&mut self, observations: &[f32], mean: &mut [f32]) {
        self.infer(Head::Policy, observations, mean);
    }

    fn value(&mut self, observations: &[f32], value: &mut [f32]) {
        self.infer(Head::Value, observations, value);
    }

    fn log_std(&self) -> Vec<f32> {
        read(self.policy.descent.parameters.clone().slice([self.policy.log_std()]))
    }

    fn fix_std(&mut self, std: f32) {
        self.log_std_range = (std.ln(), std.ln());
        self.keep_log_std_in_range();
    }

    fn minimise(&mut self, terms: &[Term<'_>], settings: &Settings) -> Vec<Tally> {
        let device = self.device.clone().autodiff();
        let heads = [Head::Policy, Head::Value];
        let trained = heads.map(|head| {
            let any = terms.iter().any(|term| term.head == head);
            any.then(|| self.network(head).pieces().tracked())
        });
        let [policy, value] = &trained;
        let forward = span(Stage::Forward);
        let mut objective: Option<Tensor<1>> = None;
        let tallies: Vec<Vec<Tensor<1>>> = terms
            .iter()
            .map(|term| {
                let (pieces, shape) = match term.head {
                    Head::Policy => (policy, &self.policy.shape),
                    Head::Value => (value, &self.value.shape),
                };
                let pieces = pieces.as_ref().expect("pieces of every head with a term");
                let x = matrix(term.observations, shape.inputs(), &device);
                let log_std = pieces.log_std.clone();
                let log_std =
                    log_std.unwrap_or_else(|| Tensor::zeros([1, shape.outputs()], &device));
                let output = self.mean_bound.of(term.head).tensor(pieces.forward(x));
                let tally = term.loss.tensor(output, log_std);
                let loss = tally[0].clone();
                objective = Some(match objective.take() {
                    Some(sum) => sum + loss,
                    None => loss,
                });
                tally.into_iter().map(Tensor::inner).collect()
            })
            .collect();
        drop(forward);
        let Some(objective) = objective else { return Vec::new() };

        let gradients = traced(Stage::Backward, || {
            let mut gradients = objective.backward();
            trained.map(|pieces| pieces.map(|pieces| pieces.gradient(&mut gradients)))
        });
        traced(Stage::Optimiser, || {
            for (head, gradient) in heads.into_iter().zip(gradients) {
                if let Some(gradient) = gradient {
                    self.network_mut(head).descent.descend(gradient, settings);
                }
            }
            self.keep_log_std_in_range();
        });

        let widths: Vec<usize> = tallies.iter().map(Vec::len).collect();
        let entries = read(Tensor::cat(tallies.into_iter().flatten().collect(), 0));
        let mut entries = entries.into_iter().map(f64::from);
        let mut tally = |width| {
            let mut tally = Tally::default();
            tally.iter_mut().zip(entries.by_ref().take(width)).for_each(|(t, e)| *t = e);
            tally
        };
        widths.into_iter().map(&mut tally).collect()
    }

    fn weights(&self) -> Weights {
        let (policy, policy_moments) = self.policy.descent.read();
        let (value, value_moments) = self.value.descent.read();
        Weights {
            policy_shape: self.policy.shape.clone(),
            value_shape: self.value.shape.clone(),
            policy,
            value,
            policy_moments,
            value_moments,
            log_std_range: self.log_std_range,
            mean_bound: self.mean_bound,
        }
    }
}

/// One network; the policy's parameters have log σ at the end.
struct Network {
    shape: Shape,
    descent: Descent,
}

impl Network {
    fn new(shape: Shape, parameters: Vec<f32>, moments: Moments, device: &Device) -> Self {
        Self { shape, descent: Descent::new(parameters, moments, device) }
    }

    /// Where log σ lies; nowhere in the value's.
    fn log_std(&self) -> Range<usize> {
        self.shape.parameters()..self.descent.parameters.dims()[0]
    }

    fn pieces(&self) -> Pieces {
        let cut = |range: Range<usize>, rows| {
            let columns = range.len() / rows;
            self.descent.parameters.clone().slice([range]).reshape([rows, columns])
        };
        let layers = self.shape.layers().into_iter();
        let log_std = self.log_std();
        Pieces {
            layers: layers.map(|l| (cut(l.weights, l.inputs), cut(l.biases, 1))).collect(),
            log_std: (!log_std.is_empty()).then(|| cut(log_std, 1)),
        }
    }
}

/// A network's parameters cut up; the leaves of the autodiff graph.
struct Pieces {
    /// Weights `[in, out]` and biases `[1, out]`.
    layers: Vec<(Tensor<2>, Tensor<2>)>,
    /// `[1, action]`; the policy's only.
    log_std: Option<Tensor<2>>,
}

impl Pieces {
    /// The same pieces, as tensors whose gradient is asked for.
    fn tracked(self) -> Self {
        let track = |tensor: Tensor<2>| tensor.autodiff().require_grad();
        let layers = self.layers.into_iter().map(|(w, b)| (track(w), track(b))).collect();
        Self { layers, log_std: self.log_std.map(track) }
    }

    /// `[rows, outputs]` of `[rows, inputs]`.
    fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        for (l, (weights, biases)) in self.layers.iter().enumerate() {
            x = x.matmul(weights.clone()) + biases.clone();
            if l + 1 < self.layers.len() {
                x = relu(x);
            }
        }
        x
    }

    /// The gradient in the layout of the parameters; 0 where the objective does not depend on
    /// them.
    fn gradient(&self, gradients: &mut Gradients) -> Tensor<1> {
        let layers = self.layers.iter().flat_map(|(w, b)| [w, b]);
        let parts = layers.chain(&self.log_std).map(|piece| {
            let gradient = piece.grad_remove(gradients);
            gradient.unwrap_or_else(|| piece.clone().inner().zeros_like()).flatten(0, 1)
        });
        Tensor::cat(parts.collect(), 0)
    }
}

/// Row-major values as `[rows, columns]`.
fn matrix(values: &[f32], columns: usize, device: &Device) -> Tensor<2> {
    send(values.to_vec(), [values.len() / columns, columns], device)
}

/// Row-major values as a tensor.
pub(crate) fn send<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    let _upload = span(Stage::Upload);
    trace::crossed(size_of_val(&values[..]));
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The numbers of a tensor, waiting for the device to have worked them out.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.try_into_data().map_err(|error| error.to_string());
    let values = data.and_then(|data| data.try_to_vec().map_err(|error| error.to_string()));
    let values = values.inspect(|values: &Vec<f32>| trace::crossed(size_of_val(&values[..])));
    // Without a word, unlike a panic: whoever catches it has one.
    values.unwrap_or_else(|reason| resume_unwind(Box::new(Unreadable(reason))))
}
