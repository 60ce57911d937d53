//! The IMPALA network on a block of frames: forward, and backward by hand.

use super::{Architecture, COLOURS, Frames, Layer, SIZE, STACK_CONVS};
use crate::learn::{
    conv::{self, Epilogue, frame_len, pixel_len},
    mlp::{self, Shape},
    pool::{max_pool, max_pool_gradient, positions_len},
};
use rayon::prelude::*;

/// Frames of a block at most: enough to use kernels and the weights of the last layers more than
/// once while they are in a core's caches, few enough that all maps of a block stay near.
pub const BLOCK: usize = 16;

/// A network with the kernels of its convolutions made ready.
pub struct Network {
    pub architecture: Architecture,
    layers: Vec<Layer>,
    head: Shape,
    head_start: usize,
    /// At the points of [`conv`], for each convolution.
    kernels: Vec<Vec<f32>>,
    /// The same for the gradient in its input; empty for the first, whose input has none.
    adjoint_kernels: Vec<Vec<f32>>,
}

impl Network {
    pub fn new(architecture: Architecture) -> Self {
        let layers = architecture.convs();
        let kernels = layers.iter().map(|l| vec![0.0; l.conv.kernel_len()]).collect();
        let adjoint_kernels = layers
            .iter()
            .enumerate()
            .map(|(i, l)| vec![0.0; if i == 0 { 0 } else { l.conv.adjoint().kernel_len() }])
            .collect();
        let (head, head_start) = (architecture.head(), architecture.head_start());
        Self { architecture, layers, head, head_start, kernels, adjoint_kernels }
    }

    /// Takes over new parameters.
    pub fn prepare(&mut self, parameters: &[f32]) {
        let kernels = self.kernels.par_iter_mut().zip(&mut self.adjoint_kernels);
        kernels.zip(&self.layers).for_each(|((kernel, adjoint_kernel), layer)| {
            let weights = &parameters[layer.weights.clone()];
            layer.conv.transform_kernel(weights, kernel);
            if !adjoint_kernel.is_empty() {
                layer.conv.transform_adjoint_kernel(weights, adjoint_kernel);
            }
        });
    }
}

/// Gradient of a loss, added up over blocks.
#[derive(Default)]
pub struct Gradient {
    /// In the flat parameters; the weights of convolutions after [`Self::finish`].
    pub parameters: Vec<f32>,
    /// In each kernel, at the points of [`conv`].
    kernels: Vec<Vec<f32>>,
}

impl Gradient {
    /// Sets all of it to 0.
    pub fn clear(&mut self, network: &Network) {
        self.parameters.clear();
        self.parameters.resize(network.head_start + network.head.parameters(), 0.0);
        self.kernels.resize_with(network.layers.len(), Vec::new);
        for (kernel, layer) in self.kernels.iter_mut().zip(&network.layers) {
            kernel.clear();
            kernel.resize(layer.conv.kernel_len(), 0.0);
        }
    }

    /// Takes the gradient in the kernels to the weights.
    pub fn finish(&mut self, network: &Network) {
        for (kernel, layer) in self.kernels.iter().zip(&network.layers) {
            let d_weights = &mut self.parameters[layer.weights.clone()];
            layer.conv.add_weight_gradient(kernel, d_weights);
        }
    }
}

/// Maps of a block of frames, kept between blocks to avoid allocation. Their borders are written
/// once, here.
pub struct Scratch {
    channels: Vec<usize>,
    stacks: Vec<Stack>,
    /// A frame as numbers from 0 to 1.
    frame: Vec<f32>,
    /// Positive part of the last maps, `[frames, size, size, channels]`.
    features: Vec<f32>,
    head: mlp::Scratch,
    conv: conv::Scratch,
}

struct Stack {
    size: usize,
    channels: usize,
    /// One frame before pooling; its border loses against every pixel.
    before: Vec<f32>,
    d_before: Vec<f32>,
    positions: Vec<u8>,
    /// After pooling, then after each convolution of the residual blocks, its skip added.
    maps: [Vec<f32>; STACK_CONVS],
    /// Gradient in the maps along the skips and inside of a block.
    d_maps: [Vec<f32>; 2],
}

impl Stack {
    fn new(size: usize, channels: usize) -> Self {
        let maps = || vec![0.0; BLOCK * frame_len(size, channels)];
        Self {
            size,
            channels,
            before: vec![f32::NEG_INFINITY; frame_len(2 * size, channels)],
            d_before: vec![0.0; frame_len(2 * size, channels)],
            positions: vec![0; BLOCK * positions_len(size, channels)],
            maps: [(); STACK_CONVS].map(|()| maps()),
            d_maps: [(); 2].map(|()| maps()),
        }
    }

    fn output(&self) -> &[f32] {
        &self.maps[STACK_CONVS - 1]
    }
}

impl Scratch {
    pub fn new(architecture: &Architecture) -> Self {
        let channels = architecture.channels().to_vec();
        let stacks = channels.iter().enumerate();
        Self {
            stacks: stacks.map(|(s, &width)| Stack::new(architecture.size(s), width)).collect(),
            channels,
            frame: vec![0.0; frame_len(SIZE, COLOURS)],
            features: Vec::new(),
            head: mlp::Scratch::default(),
            conv: conv::Scratch::default(),
        }
    }

    /// Whether it is made for maps of such widths.
    pub fn fits(&self, architecture: &Architecture) -> bool {
        self.channels == architecture.channels()
    }

    /// Outputs of the last forward pass, `[frames, outputs]`.
    pub fn output(&self) -> &[f32] {
        self.head.output()
    }
}

/// Bytes to numbers from 0 to 1, inside the border of a map.
fn unpack(bytes: &[u8], maps: &mut [f32]) {
    let pixel = pixel_len(COLOURS);
    let row = (SIZE + 2) * pixel;
    for (bytes, maps) in bytes.chunks_exact(SIZE * COLOURS).zip(maps[row..].chunks_exact_mut(row)) {
        let pixels = maps[pixel..].chunks_exact_mut(pixel);
        for (bytes, pixel) in bytes.as_chunks::<COLOURS>().0.iter().zip(pixels) {
            for (byte, value) in bytes.iter().zip(pixel) {
                *value = f32::from(*byte) * (1.0 / 255.0);
            }
        }
    }
}

/// Evaluates at most [`BLOCK`] frames, leaving every map in `scratch`.
pub fn forward(network: &Network, parameters: &[f32], frames: Frames<'_>, scratch: &mut Scratch) {
    let n = frames.len();
    let Scratch { stacks, frame, features, head, conv, .. } = scratch;
    for s in 0..stacks.len() {
        let layers = &network.layers[s * STACK_CONVS..(s + 1) * STACK_CONVS];
        let kernels = &network.kernels[s * STACK_CONVS..(s + 1) * STACK_CONVS];
        let (done, rest) = stacks.split_at_mut(s);
        let stack = &mut rest[0];
        let len = frame_len(stack.size, stack.channels);
        let positions = positions_len(stack.size, stack.channels);
        for f in 0..n {
            let input = match done.last() {
                Some(last) => {
                    let len = frame_len(last.size, last.channels);
                    &last.output()[f * len..(f + 1) * len]
                }
                None => {
                    unpack(frames.get(f), frame);
                    &frame[..]
                }
            };
            let bias = Epilogue::Bias(&parameters[layers[0].biases.clone()]);
            layers[0].conv.convolve(&kernels[0], input, false, bias, &mut stack.before, conv);
            max_pool(
                stack.size,
                stack.channels,
                &stack.before,
                &mut stack.maps[0][f * len..(f + 1) * len],
                &mut stack.positions[f * positions..(f + 1) * positions],
            );
        }
        for i in 1..STACK_CONVS {
            let (before, after) = stack.maps.split_at_mut(i);
            let biases = &parameters[layers[i].biases.clone()];
            let epilogue = if i % 2 == 1 {
                Epilogue::Bias(biases)
            } else {
                Epilogue::BiasAndSkip(biases, &before[i - 2][..n * len])
            };
            let (x, out) = (&before[i - 1][..n * len], &mut after[0][..n * len]);
            layers[i].conv.convolve(&kernels[i], x, true, epilogue, out, conv);
        }
    }
    let last = stacks.last().expect("a network has a stack");
    features.clear();
    for pixels in rows_of_pixels(last.output(), last, n) {
        for pixel in pixels.chunks_exact(pixel_len(last.channels)) {
            features.extend(pixel[..last.channels].iter().map(|x| x.max(0.0)));
        }
    }
    mlp::forward(&network.head, &parameters[network.head_start..], features, n, head);
}

/// Adds the gradient of a loss, given its gradient in the outputs, `[frames, outputs]`,
/// for the frames of the last [`forward`].
pub fn backward(
    network: &Network,
    parameters: &[f32],
    frames: Frames<'_>,
    d_output: &[f32],
    scratch: &mut Scratch,
    gradient: &mut Gradient,
) {
    let n = frames.len();
    let Scratch { stacks, frame, features, head, conv, .. } = scratch;
    let (shape, head_parameters) = (&network.head, &parameters[network.head_start..]);
    let d_head = &mut gradient.parameters[network.head_start..];
    let detached = network.architecture.detached();
    let d_output = mlp::OutputGradient { values: d_output, detached };
    mlp::backward(shape, head_parameters, features, n, d_output, head, d_head);
    let d_features = mlp::input_gradient(shape, head_parameters, n, head);
    spread(stacks.last_mut().expect("a network has a stack"), features, d_features, n);
    for s in (0..stacks.len()).rev() {
        let first = s * STACK_CONVS;
        let layers = &network.layers[first..first + STACK_CONVS];
        let adjoint_kernels = &network.adjoint_kernels[first..first + STACK_CONVS];
        let d_kernels = &mut gradient.kernels[first..first + STACK_CONVS];
        let (before, rest) = stacks.split_at_mut(s);
        let stack = &mut rest[0];
        let len = frame_len(stack.size, stack.channels);
        let [d_skip, d_inside] = &mut stack.d_maps;
        let (d_skip, d_inside) = (&mut d_skip[..n * len], &mut d_inside[..n * len]);
        for i in (1..STACK_CONVS).rev() {
            let x = &stack.maps[i - 1][..n * len];
            let (d_out, d_x, epilogue) = if i % 2 == 0 {
                (&*d_skip, &mut *d_inside, Epilogue::Masked(x))
            } else {
                (&*d_inside, &mut *d_skip, Epilogue::AddMasked(x))
            };
            let layer = &layers[i];
            let d_biases = &mut gradient.parameters[layer.biases.clone()];
            layer.conv.add_kernel_gradient(x, true, d_out, &mut d_kernels[i], d_biases, conv);
            let adjoint = layer.conv.adjoint();
            adjoint.convolve(&adjoint_kernels[i], d_out, false, epilogue, d_x, conv);
        }
        let positions = positions_len(stack.size, stack.channels);
        let d_biases = &mut gradient.parameters[layers[0].biases.clone()];
        for f in 0..n {
            max_pool_gradient(
                stack.size,
                stack.channels,
                &d_skip[f * len..(f + 1) * len],
                &stack.positions[f * positions..(f + 1) * positions],
                &mut stack.d_before,
            );
            let (d_before, d_kernel) = (&stack.d_before, &mut d_kernels[0]);
            match before.last_mut() {
                None => {
                    unpack(frames.get(f), frame);
                    let layer = &layers[0].conv;
                    layer.add_kernel_gradient(frame, false, d_before, d_kernel, d_biases, conv);
                }
                Some(last) => {
                    let len = frame_len(last.size, last.channels);
                    let x = &last.maps[STACK_CONVS - 1][f * len..(f + 1) * len];
                    let layer = &layers[0].conv;
                    layer.add_kernel_gradient(x, false, d_before, d_kernel, d_biases, conv);
                    let d_x = &mut last.d_maps[0][f * len..(f + 1) * len];
                    let epilogue = Epilogue::Replace;
                    let kernel = &adjoint_kernels[0];
                    layer.adjoint().convolve(kernel, d_before, false, epilogue, d_x, conv);
                }
            }
        }
    }
}

/// The pixels of `n` frames, row by row, without the border.
fn rows_of_pixels<'a>(maps: &'a [f32], stack: &Stack, n: usize) -> impl Iterator<Item = &'a [f32]> {
    let (size, pixel) = (stack.size, pixel_len(stack.channels));
    let row = (size + 2) * pixel;
    let frames = maps.chunks_exact(frame_len(size, stack.channels)).take(n);
    frames.flat_map(move |frame| {
        frame.chunks_exact(row).skip(1).take(size).map(move |row| &row[pixel..(size + 1) * pixel])
    })
}

/// Writes the gradient in the last maps, given that in the features, which are their positive
/// part.
fn spread(stack: &mut Stack, features: &[f32], d_features: &[f32], n: usize) {
    let (size, channels, pixel) = (stack.size, stack.channels, pixel_len(stack.channels));
    let row = (size + 2) * pixel;
    let mut rows =
        features.chunks_exact(size * channels).zip(d_features.chunks_exact(size * channels));
    for frame in stack.d_maps[0].chunks_exact_mut(frame_len(size, channels)).take(n) {
        for (maps, (features, d_features)) in
            frame.chunks_exact_mut(row).skip(1).take(size).zip(&mut rows)
        {
            let pixels = maps[pixel..].chunks_exact_mut(pixel);
            let inputs = features.chunks_exact(channels).zip(d_features.chunks_exact(channels));
            for (d_pixel, (feature, d_feature)) in pixels.zip(inputs) {
                for ((d, x), d_x) in d_pixel.iter_mut().zip(feature).zip(d_feature) {
                    *d = if *x > 0.0 { *d_x } else { 0.0 };
                }
            }
        }
    }
}
