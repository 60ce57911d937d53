//! The three ways in which published Procgen code starts an IMPALA network (algorithms.md §11.1).

use super::{Architecture, STACK_CONVS};
use crate::learn::mlp::orthogonal_matrix;
use gslab_envs::rng::Stream;
use serde::{Deserialize, Serialize};

/// How a new network's parameters are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initialisation {
    /// lerrytang/train-procgen-pfrl: PyTorch's default, and an orthogonal policy head of gain
    /// 0.01 without biases.
    #[default]
    TrainProcgen,
    /// vwxyzjn/cleanrl: the same, and orthogonal values of gain 1 without biases.
    CleanRl,
    /// openai/phasic-policy-gradient: no biases, and weights of each output scaled to an L2 norm
    /// that depends on the layer.
    Ppg,
}

/// L2 norms of PPG's weights.
const STACK_NORM: f32 = 1.0;
const HIDDEN_NORM: f32 = 1.4;
const HEAD_NORM: f32 = 0.1;

impl Initialisation {
    /// New parameters of a network.
    pub fn parameters(self, architecture: &Architecture, stream: Stream) -> Vec<f32> {
        let mut parameters = vec![0.0; architecture.parameters()];
        let convs = architecture.convs();
        let stacks = architecture.channels().len() as f32;
        // (1/√stacks · 1/√2)^½ for each of the two convolutions of each of two blocks.
        let block_norm = (2.0 * stacks).powf(-0.25);
        for (i, layer) in convs.iter().enumerate() {
            let norm = if i % STACK_CONVS == 0 { STACK_NORM } else { block_norm };
            let fan_in = 9 * layer.conv.inputs;
            let of_layer = &mut parameters[layer.weights.start..layer.biases.end];
            self.draw(of_layer, layer.biases.len(), fan_in, norm, stream, i as u32);
        }
        let start = architecture.head_start();
        for (i, layer) in architecture.head().layers().into_iter().enumerate() {
            let norm = if i == 0 { HIDDEN_NORM } else { HEAD_NORM };
            let of_layer = &mut parameters[start + layer.weights.start..start + layer.biases.end];
            let lane = (convs.len() + i) as u32;
            self.draw(of_layer, layer.outputs, layer.inputs, norm, stream, lane);
            if i == 1 {
                let (weights, biases) = of_layer.split_at_mut(layer.weights.len());
                self.draw_heads(weights, biases, architecture, stream, lane + 1);
            }
        }
        parameters
    }

    /// PyTorch's default for weights, `[fan_in, outputs]`, and biases: uniform up to 1/√fan_in.
    fn draw(
        self,
        of_layer: &mut [f32],
        outputs: usize,
        fan_in: usize,
        norm: f32,
        stream: Stream,
        lane: u32,
    ) {
        let bound = (fan_in as f32).powf(-0.5);
        for (block, four) in of_layer.chunks_mut(4).enumerate() {
            let numbers = stream.uniform(lane, block as u64);
            four.iter_mut().zip(numbers).for_each(|(x, u)| *x = bound * (2.0 * u - 1.0));
        }
        if self == Self::Ppg {
            let (weights, biases) = of_layer.split_at_mut(of_layer.len() - outputs);
            biases.fill(0.0);
            for output in 0..outputs {
                let square: f32 = weights.iter().skip(output).step_by(outputs).map(|w| w * w).sum();
                let scale = norm / square.sqrt();
                weights.iter_mut().skip(output).step_by(outputs).for_each(|w| *w *= scale);
            }
        }
    }

    /// Orthogonal heads where the code has them: the policy as a whole, each value on its own.
    fn draw_heads(
        self,
        weights: &mut [f32],
        biases: &mut [f32],
        architecture: &Architecture,
        stream: Stream,
        lane: u32,
    ) {
        let (actions, outputs) = (architecture.actions(), architecture.outputs());
        let hidden = weights.len() / outputs;
        let mut head = |columns: std::ops::Range<usize>, gain: f32| {
            let mut matrix = vec![0.0; hidden * columns.len()];
            let lane = lane + columns.start as u32;
            orthogonal_matrix(&mut matrix, hidden, columns.len(), stream, lane);
            biases[columns.clone()].fill(0.0);
            for (row, from) in
                weights.chunks_exact_mut(outputs).zip(matrix.chunks_exact(columns.len()))
            {
                row[columns.clone()].iter_mut().zip(from).for_each(|(w, x)| *w = gain * x);
            }
        };
        if self != Self::Ppg && actions > 0 {
            head(0..actions, 0.01);
        }
        if self == Self::CleanRl {
            (actions..outputs).for_each(|value| head(value..value + 1, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(matrix: &[f32], columns: usize) -> Vec<Vec<f64>> {
        (0..columns)
            .map(|c| matrix.iter().skip(c).step_by(columns).map(|&x| f64::from(x)).collect())
            .collect()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    /// The heads, `[hidden, outputs]`, and their biases.
    fn heads<'a>(architecture: &Architecture, parameters: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        let layer = &architecture.head().layers()[1];
        let head = &parameters[architecture.head_start()..];
        (&head[layer.weights.clone()], &head[layer.biases.clone()])
    }

    #[test]
    fn defaults_are_uniform_and_heads_orthogonal() {
        let architecture = Architecture::procgen(15);
        for initialisation in [Initialisation::TrainProcgen, Initialisation::CleanRl] {
            let parameters = initialisation.parameters(&architecture, Stream::new(1, "test"));
            for layer in architecture.convs() {
                let bound = 1.0 / (9.0 * layer.conv.inputs as f32).sqrt();
                let weights = &parameters[layer.weights.start..layer.biases.end];
                assert!(weights.iter().all(|w| w.abs() <= bound));
                let variance =
                    weights.iter().map(|w| (w / bound).powi(2)).sum::<f32>() / weights.len() as f32;
                assert!((variance - 1.0 / 3.0).abs() < 0.05, "{variance}");
            }
            let (weights, biases) = heads(&architecture, &parameters);
            let columns = columns(weights, 16);
            for (i, a) in columns[..15].iter().enumerate() {
                for (j, b) in columns[..15].iter().enumerate() {
                    let expected = if i == j { 1e-4 } else { 0.0 };
                    assert!((dot(a, b) - expected).abs() < 1e-9);
                }
            }
            assert!(biases[..15].iter().all(|&b| b == 0.0));
            let value = dot(&columns[15], &columns[15]);
            if initialisation == Initialisation::CleanRl {
                assert!((value - 1.0).abs() < 1e-5 && biases[15] == 0.0);
            } else {
                // 256 numbers of variance 1/(3·256).
                assert!((value - 1.0 / 3.0).abs() < 0.1 && biases[15] != 0.0);
            }
        }
    }

    /// §11.1 (iii): 1 for the first of each stack, 0.639 in blocks, 1.4, 0.1; no biases.
    #[test]
    fn ppg_scales_every_output_to_its_layers_norm() {
        let architecture = Architecture::procgen(15);
        let parameters = Initialisation::Ppg.parameters(&architecture, Stream::new(1, "test"));
        let assert_norms = |weights: &[f32], biases: &[f32], norm: f64| {
            for column in columns(weights, biases.len()) {
                assert!((dot(&column, &column).sqrt() - norm).abs() < 1e-3);
            }
            assert!(biases.iter().all(|&b| b == 0.0));
        };
        for (i, layer) in architecture.convs().into_iter().enumerate() {
            let norm = if i % STACK_CONVS == 0 { 1.0 } else { 0.639 };
            assert_norms(&parameters[layer.weights], &parameters[layer.biases], norm);
        }
        let head = &parameters[architecture.head_start()..];
        for (layer, norm) in architecture.head().layers().into_iter().zip([1.4, 0.1]) {
            assert_norms(&head[layer.weights], &head[layer.biases], norm);
        }
    }
}
