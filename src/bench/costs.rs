//! What a sample takes of a machine in each stage of training, by the book.

use crate::{
    learn::{impala, mlp},
    trace::Stage,
};
use std::collections::BTreeMap;

/// What a sample takes in a stage, by the book.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations.
    pub operations: Option<f64>,
    /// Bytes read or written.
    pub bytes: Option<f64>,
}

/// What a sample takes in each stage that was counted.
pub type Costs = BTreeMap<Stage, Cost>;

/// What an inference of one sample takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inference {
    /// Floating-point operations: two for every weight and place that it is applied at.
    pub operations: f64,
    /// Numbers that go into and come out of its layers.
    pub activations: f64,
    /// Numbers that are learned.
    pub parameters: f64,
}

/// Costs of PPO, and of PPG's policy phase, by so many passes over every sample, with an optimiser
/// step every `minibatch` samples. A backward pass multiplies twice as much as a forward pass, once
/// for the weights, once for what was fed in, and moves twice as much.
pub fn costs_of_ppo(network: Inference, passes: usize, minibatch: usize) -> Costs {
    let passes = passes as f64;
    Costs::from([
        (Stage::Infer, network.passes(1.0)),
        // Reads rewards, ends and values, writes advantages and targets.
        (Stage::Advantages, moved(5.0)),
        (Stage::Forward, network.passes(passes)),
        (Stage::Backward, network.passes(2.0 * passes)),
        (Stage::Optimiser, moved(network.of_adam() * passes / minibatch as f64)),
    ])
}

/// Costs of SAC, which learns from `rows` rows of the replay for every sample, `minibatch` of them
/// in an optimiser step. Targets take a pass of the policy and of both slow critics; both critics'
/// losses a pass of each and back; the policy's loss one of all three and back, where the critics'
/// weights are left alone.
pub fn costs_of_sac(policy: Inference, critic: Inference, rows: f64, minibatch: usize) -> Costs {
    let sum = |of_policy: f64, of_critic: f64| {
        let (p, c) = (policy.passes(rows * of_policy), critic.passes(rows * of_critic));
        let add = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Cost { operations: add(p.operations, c.operations), bytes: add(p.bytes, c.bytes) }
    };
    // The slow critics read two numbers for each that they write.
    let adam = policy.of_adam() + 2.0 * (critic.of_adam() + 3.0 * critic.parameters);
    Costs::from([
        (Stage::Infer, policy.passes(1.0)),
        (Stage::Forward, sum(2.0, 6.0)),
        (Stage::Backward, sum(2.0, 6.0)),
        (Stage::Optimiser, moved(adam * rows / minibatch as f64)),
    ])
}

/// Of numbers that are read or written.
fn moved(numbers: f64) -> Cost {
    Cost { operations: None, bytes: Some(size_of::<f32>() as f64 * numbers) }
}

impl Inference {
    /// So many passes.
    fn passes(&self, n: f64) -> Cost {
        Cost { operations: Some(n * self.operations), ..moved(n * self.activations) }
    }

    /// Numbers that a step of Adam moves: it reads the gradient, both moments and the parameters, and
    /// writes all but the gradient.
    fn of_adam(&self) -> f64 {
        7.0 * self.parameters
    }

    /// Of a frame.
    pub fn of_impala(architecture: &impala::Architecture) -> Self {
        let mut sum = Self::of_layers(&architecture.head());
        for layer in architecture.convs() {
            let (conv, places) = (layer.conv, layer.conv.size.pow(2));
            sum.operations += (2 * 9 * conv.inputs * conv.outputs * places) as f64;
            sum.activations += ((conv.inputs + conv.outputs) * places) as f64;
        }
        Self { parameters: architecture.parameters() as f64, ..sum }
    }

    /// Of a row of numbers.
    pub fn of_layers(shape: &mlp::Shape) -> Self {
        let mut sum = Self { parameters: shape.parameters() as f64, ..Self::default() };
        for layer in shape.layers() {
            sum.operations += (2 * layer.inputs * layer.outputs) as f64;
            sum.activations += (layer.inputs + layer.outputs) as f64;
        }
        sum
    }

    /// Of both networks.
    pub fn and(self, other: Self) -> Self {
        Self {
            operations: self.operations + other.operations,
            activations: self.activations + other.activations,
            parameters: self.parameters + other.parameters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 · 10 operations a row of the policy and 2 · 6 of a critic, four rows a sample.
    #[test]
    fn a_step_of_sac_goes_through_its_networks_eight_times_and_back() {
        let policy = Inference::of_layers(&mlp::Shape::new(5, &[], 2));
        let critic = Inference::of_layers(&mlp::Shape::new(6, &[], 1));
        let costs = costs_of_sac(policy, critic, 4.0, 8);
        let of = |stage| costs[&stage];
        assert_eq!(of(Stage::Infer).operations, Some(20.0));
        assert_eq!(of(Stage::Forward).operations, Some(4.0 * (2.0 * 20.0 + 6.0 * 12.0)));
        assert_eq!(of(Stage::Backward), of(Stage::Forward));
        // Twelve parameters of the policy, seven of each critic; half a step a sample.
        let numbers = 7.0 * 12.0 + 2.0 * (7.0 + 3.0) * 7.0;
        assert_eq!(of(Stage::Optimiser).bytes, Some(0.5 * 4.0 * numbers));
    }

    #[test]
    fn operations_are_two_for_each_weight_and_place() {
        let shape = mlp::Shape::new(5, &[256, 256], 2);
        let of = Inference::of_layers(&shape);
        assert_eq!(of.operations, 2.0 * (5.0 * 256.0 + 65_536.0 + 512.0));
        assert_eq!(of.activations, 5.0 + 4.0 * 256.0 + 2.0);
        // One stack of one channel and one hidden unit: a frame of 64² with three colours, four
        // convolutions of 32², 1024 features, one unit, two outputs.
        let network = impala::Architecture::new(vec![1], 1, 1, 1).unwrap();
        let products = 9 * 3 * 64 * 64 + 4 * 9 * 32 * 32 + 1024 + 2;
        assert_eq!(Inference::of_impala(&network).operations, 2.0 * f64::from(products));
    }
}
