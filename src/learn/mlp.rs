//! A multilayer perceptron with ReLU between layers on the CPU, forward and backward by hand.
//!
//! Parameters are one flat vector, layer after layer: weights `[in, out]` row-major, then biases
//! `[out]`. That is the layout of checkpoints, of Adam and of the Burn twin in [`super::burn`].

use super::matmul::{Into, Matrix, matmul};
use gslab_envs::rng::Stream;
use pulp::Arch;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The widths of a network, input first and output last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape(pub Vec<usize>);

/// Where one layer lies in the flat parameters.
#[derive(Clone, Debug)]
pub struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub weights: Range<usize>,
    pub biases: Range<usize>,
}

impl Shape {
    /// `hidden` layers between `inputs` and `outputs`.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize) -> Self {
        Self([&[inputs], hidden, &[outputs]].concat())
    }

    pub fn inputs(&self) -> usize {
        self.0[0]
    }

    pub fn outputs(&self) -> usize {
        *self.0.last().expect("a shape has at least an input and an output")
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.0.windows(2).map(|w| (w[0] + 1) * w[1]).sum()
    }

    pub fn layers(&self) -> Vec<Layer> {
        let mut start = 0;
        self.0
            .windows(2)
            .map(|w| {
                let (inputs, outputs) = (w[0], w[1]);
                let weights = start..start + inputs * outputs;
                let biases = weights.end..weights.end + outputs;
                start = biases.end;
                Layer { inputs, outputs, weights, biases }
            })
            .collect()
    }

    /// Orthogonal weights with gain √2 in hidden layers and `output_gain` in the last, zero
    /// biases (the usual PPO initialisation; algorithms.md §1.2).
    pub fn orthogonal(&self, output_gain: f32, stream: Stream) -> Vec<f32> {
        let mut parameters = vec![0.0; self.parameters()];
        let layers = self.layers();
        for (l, layer) in layers.iter().enumerate() {
            let last = l + 1 == layers.len();
            let gain = if last { output_gain } else { std::f32::consts::SQRT_2 };
            let weights = &mut parameters[layer.weights.clone()];
            orthogonal_matrix(weights, layer.inputs, layer.outputs, stream, l as u32);
            weights.iter_mut().for_each(|w| *w *= gain);
        }
        parameters
    }
}

/// Fills a row-major matrix with a random one whose rows or columns, whichever are fewer, are
/// orthonormal: modified Gram-Schmidt on Gaussian vectors.
pub(crate) fn orthogonal_matrix(
    out: &mut [f32],
    rows: usize,
    columns: usize,
    stream: Stream,
    lane: u32,
) {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for i in 0..count {
        let mut v: Vec<f64> = (0..length)
            .map(|j| f64::from(stream.normal(lane, (i * length + j) as u64)[0]))
            .collect();
        for u in &vectors {
            let dot: f64 = u.iter().zip(&v).map(|(a, b)| a * b).sum();
            v.iter_mut().zip(u).for_each(|(x, y)| *x -= dot * y);
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.iter_mut().for_each(|x| *x /= norm);
        vectors.push(v);
    }
    for r in 0..rows {
        for c in 0..columns {
            let value = if rows <= columns { vectors[r][c] } else { vectors[c][r] };
            out[r * columns + c] = value as f32;
        }
    }
}

/// Activations and gradients of one block of rows, kept between blocks to avoid allocation.
#[derive(Default)]
pub struct Scratch {
    /// Input of every layer after the first, then the output.
    activations: Vec<Vec<f32>>,
    delta: Vec<f32>,
    next_delta: Vec<f32>,
}

impl Scratch {
    /// The network's output of the last forward pass, `[rows, outputs]`.
    pub fn output(&self) -> &[f32] {
        self.activations.last().map_or(&[], |a| a)
    }

    /// The same, to be changed: the backward pass does not depend on it.
    pub fn output_mut(&mut self) -> &mut [f32] {
        self.activations.last_mut().map_or(&mut [], |a| a)
    }
}

/// Evaluates `rows` inputs, `[rows, inputs]`, leaving every activation in `scratch`.
pub fn forward(shape: &Shape, parameters: &[f32], x: &[f32], rows: usize, scratch: &mut Scratch) {
    let layers = shape.layers();
    scratch.activations.resize_with(layers.len(), Vec::new);
    for (l, layer) in layers.iter().enumerate() {
        let (before, after) = scratch.activations.split_at_mut(l);
        let input = before.last().map_or(x, |a| a);
        let output = &mut after[0];
        output.resize(rows * layer.outputs, 0.0);
        let weights = Matrix::new(&parameters[layer.weights.clone()], layer.inputs, layer.outputs);
        matmul(output, Into::Replace, Matrix::new(input, rows, layer.inputs), weights);
        let hidden = l + 1 < layers.len();
        add_bias(output, &parameters[layer.biases.clone()], hidden);
    }
}

/// The gradient of a loss in outputs.
#[derive(Clone, Copy)]
pub struct OutputGradient<'a> {
    /// `[rows, outputs]`
    pub values: &'a [f32],
    /// The last so many outputs have a gradient in their own weights and biases alone: it goes no
    /// further.
    pub detached: usize,
}

impl<'a> From<&'a Vec<f32>> for OutputGradient<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self { values, detached: 0 }
    }
}

/// Adds the gradient of a loss to `gradient`, given its gradient in the output, `[rows, outputs]`,
/// for the rows of the last [`forward`].
pub fn backward(
    shape: &Shape,
    parameters: &[f32],
    x: &[f32],
    rows: usize,
    d_output: OutputGradient<'_>,
    scratch: &mut Scratch,
    gradient: &mut [f32],
) {
    scratch.delta.clear();
    scratch.delta.extend_from_slice(d_output.values);
    let last = shape.layers().len() - 1;
    for (l, layer) in shape.layers().iter().enumerate().rev() {
        let input = if l == 0 { x } else { &scratch.activations[l - 1] };
        let input = Matrix::new(input, rows, layer.inputs);
        let delta = Matrix::new(&scratch.delta, rows, layer.outputs);
        matmul(&mut gradient[layer.weights.clone()], Into::Add, input.t(), delta);
        add_column_sums(&mut gradient[layer.biases.clone()], &scratch.delta);
        if l == last && d_output.detached > 0 {
            for row in scratch.delta.chunks_exact_mut(layer.outputs) {
                row[layer.outputs - d_output.detached..].fill(0.0);
            }
        }
        if l > 0 {
            let delta = Matrix::new(&scratch.delta, rows, layer.outputs);
            scratch.next_delta.resize(rows * layer.inputs, 0.0);
            let weights =
                Matrix::new(&parameters[layer.weights.clone()], layer.inputs, layer.outputs);
            matmul(&mut scratch.next_delta, Into::Replace, delta, weights.t());
            mask_inactive(&mut scratch.next_delta, &scratch.activations[l - 1]);
            std::mem::swap(&mut scratch.delta, &mut scratch.next_delta);
        }
    }
}

/// The gradient in the inputs, `[rows, inputs]`, of the last [`backward`].
pub fn input_gradient<'a>(
    shape: &Shape,
    parameters: &[f32],
    rows: usize,
    scratch: &'a mut Scratch,
) -> &'a [f32] {
    let first = &shape.layers()[0];
    scratch.next_delta.resize(rows * first.inputs, 0.0);
    let delta = Matrix::new(&scratch.delta, rows, first.outputs);
    let weights = Matrix::new(&parameters[first.weights.clone()], first.inputs, first.outputs);
    matmul(&mut scratch.next_delta, Into::Replace, delta, weights.t());
    &scratch.next_delta
}

/// The gradient of a loss in the inputs, `[rows, inputs]`, given that in the output,
/// `[rows, outputs]`, for the rows of the last [`forward`]: a backward pass that leaves the
/// parameters alone.
pub fn backward_to_inputs<'a>(
    shape: &Shape,
    parameters: &[f32],
    rows: usize,
    d_output: &[f32],
    scratch: &'a mut Scratch,
) -> &'a [f32] {
    scratch.delta.clear();
    scratch.delta.extend_from_slice(d_output);
    for (l, layer) in shape.layers().iter().enumerate().skip(1).rev() {
        let delta = Matrix::new(&scratch.delta, rows, layer.outputs);
        scratch.next_delta.resize(rows * layer.inputs, 0.0);
        let weights = Matrix::new(&parameters[layer.weights.clone()], layer.inputs, layer.outputs);
        matmul(&mut scratch.next_delta, Into::Replace, delta, weights.t());
        mask_inactive(&mut scratch.next_delta, &scratch.activations[l - 1]);
        std::mem::swap(&mut scratch.delta, &mut scratch.next_delta);
    }
    input_gradient(shape, parameters, rows, scratch)
}

/// Adds a bias to every row, then clips at 0 if `relu`.
fn add_bias(rows: &mut [f32], bias: &[f32], relu: bool) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for row in rows.chunks_exact_mut(bias.len()) {
                if relu {
                    row.iter_mut().zip(bias).for_each(|(x, b)| *x = (*x + b).max(0.0));
                } else {
                    row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
                }
            }
        },
    );
}

fn add_column_sums(sums: &mut [f32], rows: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(s, x)| *s += x);
            }
        },
    );
}

/// The backward pass of ReLU: no gradient where the activation is 0.
fn mask_inactive(delta: &mut [f32], activation: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (d, a) in delta.iter_mut().zip(activation) {
                *d = if *a > 0.0 { *d } else { 0.0 };
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(lane: u32, n: usize) -> Vec<f32> {
        let stream = Stream::new(11, "test");
        (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal() {
        for (rows, columns) in [(5, 32), (32, 32), (32, 2)] {
            let mut m = vec![0.0; rows * columns];
            orthogonal_matrix(&mut m, rows, columns, Stream::new(1, "test"), 0);
            let vector = |i: usize| -> Vec<f32> {
                if rows <= columns {
                    m[i * columns..(i + 1) * columns].to_vec()
                } else {
                    (0..rows).map(|r| m[r * columns + i]).collect()
                }
            };
            for i in 0..rows.min(columns) {
                for j in 0..=i {
                    let dot: f32 = vector(i).iter().zip(vector(j)).map(|(a, b)| a * b).sum();
                    assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-5);
                }
            }
        }
    }

    /// d(sum of weights × outputs)/d(parameters) against central differences.
    #[test]
    fn backward_equals_finite_differences() {
        let shape = Shape::new(3, &[8, 6], 2);
        let rows = 10;
        let (x, weights) = (random(0, rows * 3), random(1, rows * 2));
        let mut parameters = shape.orthogonal(1.0, Stream::new(4, "test"));
        let mut scratch = Scratch::default();
        let mut loss = |parameters: &[f32]| -> f64 {
            forward(&shape, parameters, &x, rows, &mut scratch);
            scratch.output().iter().zip(&weights).map(|(o, w)| f64::from(o * w)).sum()
        };
        let h = 1e-3;
        let slopes: Vec<f64> = (0..shape.parameters())
            .map(|i| {
                let value = parameters[i];
                parameters[i] = value + h;
                let above = loss(&parameters);
                parameters[i] = value - h;
                let below = loss(&parameters);
                parameters[i] = value;
                (above - below) / (2.0 * f64::from(h))
            })
            .collect();
        let mut gradient = vec![0.0; shape.parameters()];
        forward(&shape, &parameters, &x, rows, &mut scratch);
        backward(&shape, &parameters, &x, rows, (&weights).into(), &mut scratch, &mut gradient);
        for (g, s) in gradient.iter().zip(&slopes) {
            // A kink of ReLU within h of a row moves a difference quotient by a few percent.
            assert!((f64::from(*g) - s).abs() < 0.02 * (1.0 + s.abs()), "{g} against {s}");
        }
    }
}
