//! Layers of networks whose parameters are matrices that lie one after the other in a flat vector:
//! what Adam, checkpoints and the soft update of SAC work on.
//!
//! A layer is generic over what stands for a matrix: a tensor in the forward pass, numbers when a
//! network is drawn, nothing when it is counted. All come from one walk over the layers, so they
//! cannot disagree about the order.

use burn::tensor::{Tensor, activation::relu};
use gslab_envs::rng::Stream;

/// Added to the variance by [`Norm`], as in PyTorch.
pub const NORM_EPSILON: f32 = 1e-5;

/// A matrix of parameters: a row for each input, a column for each output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub initial: Initial,
}

/// What the numbers of a new matrix are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    Zeros,
    Ones,
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
}

/// Makes the next matrix of a network.
pub type Next<'a, P> = &'a mut dyn FnMut(Matrix) -> P;

impl Matrix {
    /// Xavier normal with gain 1 (Glorot and Bengio 2010; algorithms.md §11.3).
    pub fn xavier(rows: usize, columns: usize) -> Self {
        Self::side_by_side(rows, columns, 1)
    }

    /// `count` matrices of `columns` columns side by side, each Xavier normal.
    pub fn side_by_side(rows: usize, columns: usize, count: usize) -> Self {
        let std = (2.0 / (rows + columns) as f64).sqrt();
        Self { rows, columns: columns * count, initial: Initial::Normal(std) }
    }

    /// A row of zeros.
    pub fn zeros(columns: usize) -> Self {
        Self { rows: 1, columns, initial: Initial::Zeros }
    }

    /// How many numbers it has.
    pub fn numbers(&self) -> usize {
        self.rows * self.columns
    }

    /// The numbers of a new matrix, row by row. Another `lane`, other numbers.
    pub fn draw(&self, stream: Stream, lane: u32) -> Vec<f32> {
        match self.initial {
            Initial::Zeros => vec![0.0; self.numbers()],
            Initial::Ones => vec![1.0; self.numbers()],
            Initial::Normal(std) => {
                let blocks = 0..self.numbers().div_ceil(4) as u64;
                let numbers = blocks.flat_map(|block| stream.normal(lane, block));
                numbers.take(self.numbers()).map(|x| (std * f64::from(x)) as f32).collect()
            }
        }
    }
}

/// x W + b.
pub struct Linear<P> {
    /// `[inputs, outputs]`
    pub weights: P,
    /// `[1, outputs]`
    pub biases: P,
}

impl<P> Linear<P> {
    pub fn new(inputs: usize, outputs: usize, next: Next<'_, P>) -> Self {
        Self {
            weights: next(Matrix::xavier(inputs, outputs)),
            biases: next(Matrix::zeros(outputs)),
        }
    }
}

impl Linear<Tensor<2>> {
    /// `[rows, outputs]` of `[rows, inputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weights.clone()) + self.biases.clone()
    }
}

/// Linear layers with ReLU between them.
pub struct Mlp<P>(pub Vec<Linear<P>>);

impl<P> Mlp<P> {
    /// `widths` are those of the input, the hidden layers and the output.
    pub fn new(widths: &[usize], next: Next<'_, P>) -> Self {
        Self(widths.windows(2).map(|w| Linear::new(w[0], w[1], next)).collect())
    }
}

impl Mlp<Tensor<2>> {
    /// `[rows, outputs]` of `[rows, inputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut layers = self.0.iter();
        let Some(first) = layers.next() else { return x };
        layers.fold(first.forward(x), |x, layer| layer.forward(relu(x)))
    }
}

/// Makes every row's mean 0 and variance 1, then scales and shifts it (Ba et al. 2016).
pub struct Norm<P> {
    /// `[1, width]`
    pub scale: P,
    /// `[1, width]`
    pub shift: P,
}

impl<P> Norm<P> {
    pub fn new(width: usize, next: Next<'_, P>) -> Self {
        let scale = next(Matrix { rows: 1, columns: width, initial: Initial::Ones });
        Self { scale, shift: next(Matrix::zeros(width)) }
    }
}

impl Norm<Tensor<2>> {
    /// Of `[rows, width]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        let unit = centred / (variance + NORM_EPSILON).sqrt();
        unit * self.scale.clone() + self.shift.clone()
    }
}
