//! What a sample takes of a machine in each stage of training, by the book.

#[cfg(feature = "gpu")]
use crate::learn::{
    cloud::{self, network::PARTS},
    pointnet::{PLACE, POINT},
};
use crate::{
    learn::{impala, mlp, ppg},
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
        policy.passes(rows * of_policy).and(critic.passes(rows * of_critic))
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

/// Adds what PPG's auxiliary phases take, each of what `config.policy_iterations` iterations saw, if
/// there are so many `phases` an iteration: a pass of the policy's network for what it did before,
/// then passes of `networks`, all of them, and back, with an optimiser step every `minibatch` samples.
pub fn add_auxiliary_phases(
    costs: &mut Costs,
    (policy, networks): (Inference, Inference),
    config: &ppg::Config,
    phases: f64,
    minibatch: usize,
) {
    let seen = phases * config.policy_iterations as f64;
    let passes = seen * config.auxiliary_epochs as f64;
    for (stage, cost) in [
        (Stage::Infer, policy.passes(seen)),
        (Stage::Forward, networks.passes(passes)),
        (Stage::Backward, networks.passes(2.0 * passes)),
        (Stage::Optimiser, moved(networks.of_adam() * passes / minibatch as f64)),
    ] {
        let sum = costs.entry(stage).or_default();
        *sum = sum.and(cost);
    }
}

impl Cost {
    /// Both.
    fn and(self, other: Self) -> Self {
        let sum = |of: fn(&Self) -> Option<f64>| match (of(&self), of(&other)) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Self { operations: sum(|cost| cost.operations), bytes: sum(|cost| cost.bytes) }
    }
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

    /// Of a state and a cloud of points, as `learn/pointnet.rs` and `learn/transformer.rs` work it
    /// out: what is the same for all points is multiplied once for all of them, and of the averaged
    /// half of the features only the average.
    #[cfg(feature = "gpu")]
    pub fn of_cloud(architecture: &cloud::Architecture) -> Self {
        let cloud::Architecture { config, state, action, outputs, points } = architecture;
        let (width, state, points) = (config.width, state + action, *points);
        let keys = config.heads * config.head_width;
        let mut sum = Self::default();
        let mut layer = |rows: usize, inputs: usize, outputs: usize| {
            sum.operations += (2 * rows * inputs * outputs) as f64;
            sum.activations += (rows * (inputs + outputs)) as f64;
        };
        let half = width / 2;
        for _ in 0..PARTS {
            layer(1, state + PLACE, width);
            layer(points, POINT, width);
            layer(points, width, half);
            // The average is a product with what each point counts.
            layer(1, points, width);
            layer(1, width, half);
            (0..2).for_each(|_| layer(1, width, width));
        }
        layer(1, state, width);
        layer(1, width, width);
        // One of each part, of the state, and a learned one.
        let tokens = PARTS + 2;
        let mut attend = |queries: usize, projected: usize| {
            layer(tokens, width, projected * keys);
            // Scores with all keys, then sums of all values.
            layer(queries, keys, tokens);
            layer(queries, tokens, keys);
            layer(queries, keys, width);
        };
        (0..config.blocks).for_each(|_| attend(tokens, 3));
        // The last query is learned.
        attend(1, 2);
        for _ in 0..config.blocks {
            layer(tokens, width, 4 * width);
            layer(tokens, 4 * width, width);
        }
        let widths = [&[width], &config.hidden[..], &[*outputs]].concat();
        widths.windows(2).for_each(|pair| layer(1, pair[0], pair[1]));
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

    /// For each PPG iteration of two, half of which end in an auxiliary phase of three epochs.
    #[test]
    fn auxiliary_phases_go_over_all_that_was_seen_since_the_last() {
        let policy = Inference { operations: 10.0, activations: 4.0, parameters: 5.0 };
        let both = policy.and(policy);
        let config =
            ppg::Config { policy_iterations: 2, auxiliary_epochs: 3, ..Default::default() };
        let mut costs = costs_of_ppo(both, 1, 8);
        add_auxiliary_phases(&mut costs, (policy, both), &config, 0.5, 4);
        let of = |stage| costs[&stage];
        assert_eq!(of(Stage::Infer).operations, Some(20.0 + 10.0));
        assert_eq!(of(Stage::Forward).operations, Some(20.0 + 3.0 * 20.0));
        assert_eq!(of(Stage::Backward).operations, Some(40.0 + 6.0 * 20.0));
        assert_eq!(of(Stage::Optimiser).bytes, Some(4.0 * 70.0 * (1.0 / 8.0 + 3.0 / 4.0)));
    }

    /// Counted by hand, layer by layer.
    #[test]
    #[cfg(feature = "gpu")]
    fn clouds_are_multiplied_point_by_point_and_tokens_by_each_other() {
        let config = cloud::Config {
            width: 2,
            blocks: 1,
            heads: 1,
            head_width: 1,
            hidden: Vec::new(),
            microbatch: 1,
        };
        let architecture =
            cloud::Architecture { config, state: 1, points: 3, action: 0, outputs: 1 };
        let part = 4 * 2 + 3 * 6 * 2 + 3 * 2 + 3 * 2 + 2 + 2 * 4;
        let block = 5 * 2 * 3 + 2 * 5 * 5 + 5 * 2 + 2 * 5 * 2 * 8;
        let last = 5 * 2 * 2 + 2 * 5 + 2;
        let products = 3 * part + (2 + 4) + block + last + 2;
        assert_eq!(Inference::of_cloud(&architecture).operations, f64::from(2 * products));
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
