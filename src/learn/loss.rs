//! What a network is trained on: losses that are sums over rows of its output.
//!
//! A loss is written twice, side by side in the file of its algorithm: as a gradient by hand, for
//! the CPU, and as tensor operations, for Burn's autodiff on any device. A test holds the two
//! against each other.

#[cfg(feature = "gpu")]
use burn::tensor::Tensor;
use std::ops::Range;

/// Numbers a loss reports, added up over rows; what they are is the loss's own business.
pub type Tally = [f64; 5];

/// A loss of the rows of a network's output, `[rows, outputs]`.
pub trait Loss: Sync {
    /// Number of rows it is defined over.
    fn rows(&self) -> usize;

    /// For the rows in `range`: writes the gradient in their outputs (`[range, outputs]`), adds
    /// the gradient in log σ, and returns the tally whose first entry is the loss itself.
    fn gradient(
        &self,
        range: Range<usize>,
        output: &[f32],
        log_std: &[f32],
        d_output: &mut [f32],
        d_log_std: &mut [f32],
    ) -> Tally;

    /// The tally over all rows as tensors `[1]`, the loss first; entries left off are 0.
    /// `output` is `[rows, outputs]` and `log_std` `[1, outputs]`, zeros for the value.
    #[cfg(feature = "gpu")]
    fn tensor(&self, output: Tensor<2>, log_std: Tensor<2>) -> Vec<Tensor<1>>;
}

/// Which of the two networks a loss trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    Policy,
    Value,
}

/// One addend of the objective of an optimiser step.
pub struct Term<'a> {
    pub head: Head,
    /// `[loss.rows(), observation]`.
    pub observations: &'a [f32],
    pub loss: &'a dyn Loss,
}
