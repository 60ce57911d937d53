//! 3×3 convolutions with stride 1 and a border of one zero on the CPU, forward and backward.
//!
//! By the minimal filtering algorithm F(4×4, 3×3) (Winograd 1980; Lavin and Gray 2016, "Fast
//! algorithms for convolutional neural networks", section 4.3): windows of 6×6 inputs and the
//! kernels are evaluated at 36 points, where a convolution is a product. A tile of 4×4 outputs then
//! takes 36 multiplications for each pair of channels instead of 144. The gradient in the kernel
//! is the adjoint of the same map, the gradient in the input a convolution with the kernel turned
//! around.
//!
//! Maps lie channels last, so that a vector register holds channels of one pixel and every sum
//! is taken in the same order whatever the registers' width.

mod kernels;
mod points;

use kernels::{AddKernelGradient, AddWeightGradient, Convolve, TransformKernel};
use points::{POINTS, TILE};
use pulp::{Arch, Simd, WithSimd};

/// Channels of a map at most.
pub const MAX_CHANNELS: usize = 256;

/// Form of a convolution; `size`, the height and the width of its maps, is a multiple of 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    pub size: usize,
    pub inputs: usize,
    pub outputs: usize,
}

/// Number of f32 that `channels` take in a pixel: enough for whole vectors, the rest are zeros.
pub fn pixel_len(channels: usize) -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    channels.next_multiple_of(Arch::new().dispatch(Lanes).max(8))
}

/// Number of f32 of one frame's maps: `[size + 2, size + 2, pixel_len(channels)]`, a border around
/// the pixels included.
pub fn frame_len(size: usize, channels: usize) -> usize {
    (size + 2) * (size + 2) * pixel_len(channels)
}

/// What becomes of a convolution's sums on their way to the output.
#[derive(Clone, Copy)]
pub enum Epilogue<'a> {
    Replace,
    /// Adds a bias for each channel.
    Bias(&'a [f32]),
    /// Adds a bias for each channel and maps of the output's shape.
    BiasAndSkip(&'a [f32], &'a [f32]),
    /// Zero where these maps are not positive: the backward pass of ReLU.
    Masked(&'a [f32]),
    /// The same, added to what the output holds.
    AddMasked(&'a [f32]),
}

/// Points of a group of tiles, kept between calls to avoid allocation.
#[derive(Default)]
pub struct Scratch {
    inputs: Vec<f32>,
    outputs: Vec<f32>,
}

impl Scratch {
    fn resize(&mut self, len: usize) {
        self.inputs.resize(len, 0.0);
        self.outputs.resize(len, 0.0);
    }
}

impl Conv {
    /// Number of parameters: weights `[3, 3, inputs, outputs]`, then biases `[outputs]`.
    pub fn parameters(&self) -> usize {
        (9 * self.inputs + 1) * self.outputs
    }

    /// The convolution that takes gradients in the outputs to gradients in the inputs.
    pub fn adjoint(&self) -> Self {
        Self { size: self.size, inputs: self.outputs, outputs: self.inputs }
    }

    /// Number of f32 of a kernel at the points: `[36, panel, inputs, channels of a panel]`.
    pub fn kernel_len(&self) -> usize {
        POINTS * self.inputs.next_multiple_of(8) * pixel_len(self.outputs)
    }

    /// Evaluates weights, `[3, 3, inputs, outputs]`, at the points.
    pub fn transform_kernel(&self, weights: &[f32], kernel: &mut [f32]) {
        assert_eq!(weights.len(), 9 * self.inputs * self.outputs);
        assert_eq!(kernel.len(), self.kernel_len());
        Arch::new().dispatch(TransformKernel { conv: *self, weights, kernel });
    }

    /// Evaluates the kernel of [`Self::adjoint`] at the points, from this convolution's weights.
    pub fn transform_adjoint_kernel(&self, weights: &[f32], kernel: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let mut turned = vec![0.0; weights.len()];
        let taps = weights.chunks_exact(inputs * outputs).rev();
        for (from, to) in taps.zip(turned.chunks_exact_mut(inputs * outputs)) {
            for i in 0..inputs {
                for o in 0..outputs {
                    to[o * inputs + i] = from[i * outputs + o];
                }
            }
        }
        self.adjoint().transform_kernel(&turned, kernel);
    }

    /// Adds the gradient in the weights, `[3, 3, inputs, outputs]`, given that in the kernel at the
    /// points.
    pub fn add_weight_gradient(&self, d_kernel: &[f32], d_weights: &mut [f32]) {
        assert_eq!(d_weights.len(), 9 * self.inputs * self.outputs);
        assert_eq!(d_kernel.len(), self.kernel_len());
        Arch::new().dispatch(AddWeightGradient { conv: *self, d_kernel, d_weights });
    }

    /// Convolves maps of any number of frames, `x`, or their positive part if `relu`, with a
    /// kernel given at the points.
    pub fn convolve(
        &self,
        kernel: &[f32],
        x: &[f32],
        relu: bool,
        epilogue: Epilogue<'_>,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let frames = self.frames(x, out);
        assert_eq!(kernel.len(), self.kernel_len());
        Arch::new().dispatch(Convolve {
            conv: *self,
            frames,
            kernel,
            x,
            relu,
            epilogue,
            out,
            scratch,
        });
    }

    /// Adds the gradients in the kernel at the points and in the biases, given maps of any number
    /// of frames (`x`, or their positive part if `relu`) and the gradient in the output.
    pub fn add_kernel_gradient(
        &self,
        x: &[f32],
        relu: bool,
        d_out: &[f32],
        d_kernel: &mut [f32],
        d_biases: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let frames = self.frames(x, d_out);
        assert_eq!(d_kernel.len(), self.kernel_len());
        assert_eq!(d_biases.len(), self.outputs);
        Arch::new().dispatch(AddKernelGradient {
            conv: *self,
            frames,
            x,
            relu,
            d_out,
            d_kernel,
            d_biases,
            scratch,
        });
    }

    fn frames(&self, x: &[f32], out: &[f32]) -> usize {
        assert!(self.size.is_multiple_of(TILE), "maps of {0}x{0} are not whole tiles", self.size);
        let frames = x.len() / frame_len(self.size, self.inputs);
        assert_eq!(x.len(), frames * frame_len(self.size, self.inputs));
        assert_eq!(out.len(), frames * frame_len(self.size, self.outputs));
        frames
    }

    /// Tiles of one frame.
    fn tiles(&self) -> usize {
        (self.size / TILE).pow(2)
    }

    /// The pixel in the upper left corner of a tile's window.
    fn corner(&self, tile: usize) -> usize {
        let (side, row) = (self.size + 2, self.size / TILE);
        let (frame, y, x) = (tile / (row * row), tile / row % row, tile % row);
        (frame * side + y * TILE) * side + x * TILE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    const FRAMES: usize = 3;

    fn normal(lane: u32, n: usize) -> Vec<f32> {
        let stream = Stream::new(2, "conv");
        (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
    }

    /// Maps of normal numbers inside a border of zeros.
    fn maps(lane: u32, size: usize, channels: usize) -> Vec<f32> {
        let mut maps = vec![0.0; FRAMES * frame_len(size, channels)];
        let mut values = normal(lane, FRAMES * size * size * channels).into_iter();
        for at in pixels(size) {
            let pixel = &mut maps[at * pixel_len(channels)..][..channels];
            pixel.iter_mut().zip(&mut values).for_each(|(x, value)| *x = value);
        }
        maps
    }

    /// Indices of the pixels inside the border.
    fn pixels(size: usize) -> impl Iterator<Item = usize> {
        let side = size + 2;
        (0..FRAMES * size * size).map(move |i| {
            let (frame, y, x) = (i / (size * size), i / size % size, i % size);
            (frame * side + y + 1) * side + x + 1
        })
    }

    /// The definition in f64: the sums, and the gradients in weights, biases and input.
    struct Twin {
        out: Vec<f64>,
        d_weights: Vec<f64>,
        d_biases: Vec<f64>,
        d_x: Vec<f64>,
    }

    fn twin(conv: Conv, weights: &[f32], x: &[f32], relu: bool, d_out: &[f32]) -> Twin {
        let (inputs, outputs, side) = (conv.inputs, conv.outputs, conv.size + 2);
        let mut twin = Twin {
            out: vec![0.0; d_out.len()],
            d_weights: vec![0.0; weights.len()],
            d_biases: vec![0.0; outputs],
            d_x: vec![0.0; x.len()],
        };
        for at in pixels(conv.size) {
            for o in 0..outputs {
                let out = at * pixel_len(outputs) + o;
                twin.d_biases[o] += f64::from(d_out[out]);
                for tap in 0..9 {
                    let neighbour = at + tap / 3 * side + tap % 3 - side - 1;
                    for i in 0..inputs {
                        let (x_at, w) =
                            (neighbour * pixel_len(inputs) + i, (tap * inputs + i) * outputs + o);
                        let x = f64::from(if relu { x[x_at].max(0.0) } else { x[x_at] });
                        twin.out[out] += x * f64::from(weights[w]);
                        twin.d_weights[w] += x * f64::from(d_out[out]);
                        twin.d_x[x_at] += f64::from(weights[w] * d_out[out]);
                    }
                }
            }
        }
        twin
    }

    /// The points cost a few bits of what f32 has: no more than 3e-5 of the largest value.
    fn assert_close(name: &str, found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().map(|x| x.abs()).fold(0.0, f64::max);
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error < 3e-5 * largest, "{name}: {found} against {expected} of {largest}");
        }
    }

    fn add(
        maps: &[f64],
        size: usize,
        channels: usize,
        more: impl Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let mut sum = maps.to_vec();
        for at in pixels(size) {
            for c in 0..channels {
                let i = at * pixel_len(channels) + c;
                sum[i] += more(i, c);
            }
        }
        sum
    }

    /// Every width of a vector of channels, whole or not, and more tiles than a group has.
    #[test]
    fn forward_and_backward_equal_the_definition() {
        let shapes = [
            (64, 3, 16),
            (16, 16, 16),
            (8, 16, 32),
            (8, 32, 32),
            (4, 5, 3),
            (8, 12, 24),
            (12, 8, 7),
            (4, 200, 9),
            (4, 8, 104),
            (4, 16, 256),
        ];
        let mut scratch = Scratch::default();
        for (size, inputs, outputs) in shapes {
            let conv = Conv { size, inputs, outputs };
            let (weights, biases) = (normal(0, 9 * inputs * outputs), normal(1, outputs));
            let (x, d_out) = (maps(2, size, inputs), maps(3, size, outputs));
            let skip = maps(4, size, outputs);
            let mut kernel = vec![0.0; conv.kernel_len()];
            conv.transform_kernel(&weights, &mut kernel);
            for relu in [false, true] {
                let twin = twin(conv, &weights, &x, relu, &d_out);
                let mut out = vec![0.0; d_out.len()];
                conv.convolve(&kernel, &x, relu, Epilogue::Replace, &mut out, &mut scratch);
                assert_close("out", &out, &twin.out);
                let epilogue = Epilogue::Bias(&biases);
                conv.convolve(&kernel, &x, relu, epilogue, &mut out, &mut scratch);
                let bias = |_: usize, c: usize| f64::from(biases[c]);
                assert_close("with bias", &out, &add(&twin.out, size, outputs, bias));
                let epilogue = Epilogue::BiasAndSkip(&biases, &skip);
                conv.convolve(&kernel, &x, relu, epilogue, &mut out, &mut scratch);
                let both = |i: usize, c: usize| f64::from(biases[c]) + f64::from(skip[i]);
                assert_close("with skip", &out, &add(&twin.out, size, outputs, both));

                let mut d_kernel = vec![0.0; conv.kernel_len()];
                let (mut d_weights, mut d_biases) = (vec![0.0; weights.len()], vec![0.0; outputs]);
                conv.add_kernel_gradient(
                    &x,
                    relu,
                    &d_out,
                    &mut d_kernel,
                    &mut d_biases,
                    &mut scratch,
                );
                conv.add_weight_gradient(&d_kernel, &mut d_weights);
                assert_close("in weights", &d_weights, &twin.d_weights);
                assert_close("in biases", &d_biases, &twin.d_biases);
            }

            let twin = twin(conv, &weights, &x, false, &d_out);
            let inside = |maps: &[f64]| add(&vec![0.0; x.len()], size, inputs, |i, _| maps[i]);
            let d_x = inside(&twin.d_x);
            let mut kernel = vec![0.0; conv.adjoint().kernel_len()];
            conv.transform_adjoint_kernel(&weights, &mut kernel);
            let mut backward = |epilogue: Epilogue<'_>, found: &mut [f32]| {
                conv.adjoint().convolve(&kernel, &d_out, false, epilogue, found, &mut scratch);
            };
            let mut found = vec![0.0; x.len()];
            backward(Epilogue::Replace, &mut found);
            assert_close("in input", &found, &d_x);
            let mask = |i: usize| if x[i] > 0.0 { d_x[i] } else { 0.0 };
            backward(Epilogue::Masked(&x), &mut found);
            assert_close("masked", &found, &inside(&(0..x.len()).map(mask).collect::<Vec<_>>()));
            found.copy_from_slice(&x);
            backward(Epilogue::AddMasked(&x), &mut found);
            let sum: Vec<f64> = (0..x.len()).map(|i| f64::from(x[i]) + mask(i)).collect();
            assert_close("added", &found, &inside(&sum));
        }
    }

    /// What follows in a sum does not depend on the other frames.
    #[test]
    fn a_frames_outputs_do_not_depend_on_its_neighbours() {
        let conv = Conv { size: 8, inputs: 16, outputs: 16 };
        let weights = normal(0, 9 * 16 * 16);
        let x = maps(1, 8, 16);
        let mut kernel = vec![0.0; conv.kernel_len()];
        conv.transform_kernel(&weights, &mut kernel);
        let mut scratch = Scratch::default();
        let mut convolve = |x: &[f32]| {
            let mut out = vec![0.0; x.len()];
            conv.convolve(&kernel, x, true, Epilogue::Replace, &mut out, &mut scratch);
            out
        };
        let together = convolve(&x);
        let len = frame_len(8, 16);
        for (frame, out) in x.chunks(len).zip(together.chunks(len)) {
            assert_eq!(convolve(frame), out);
        }
    }
}
