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

use pulp::{Arch, Simd, WithSimd};

/// Outputs along the side of a tile.
const TILE: usize = 4;
/// Inputs along the side of the window that a tile depends on: also its points.
const WINDOW: usize = TILE + 2;
const POINTS: usize = WINDOW * WINDOW;
/// Tiles transformed together: their points stay in a core's caches.
const GROUP: usize = 24;
/// Vectors between the points of a group, so that they do not fall on the same lines of a cache.
const GAP: usize = 2;

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

/// Vectors that the channels of a pixel take.
fn vectors<S: Simd>(channels: usize) -> usize {
    channels.next_multiple_of(S::F32_LANES.max(8)) / S::F32_LANES
}

/// Bᵀd of a column or a row of a window.
#[inline(always)]
fn input_points<S: Simd>(simd: S, d: [S::f32s; WINDOW]) -> [S::f32s; WINDOW] {
    let (two, four) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0));
    let (minus_two, minus_four) = (simd.splat_f32s(-2.0), simd.splat_f32s(-4.0));
    let a = simd.mul_add_f32s(minus_four, d[2], d[4]);
    let b = simd.mul_add_f32s(minus_four, d[1], d[3]);
    let c = simd.sub_f32s(d[4], d[2]);
    let e = simd.sub_f32s(d[3], d[1]);
    [
        simd.mul_add_f32s(four, simd.sub_f32s(d[0], d[2]), c),
        simd.add_f32s(a, b),
        simd.sub_f32s(a, b),
        simd.mul_add_f32s(two, e, c),
        simd.mul_add_f32s(minus_two, e, c),
        simd.mul_add_f32s(minus_four, e, simd.sub_f32s(d[5], d[3])),
    ]
}

/// Aᵀm of a column or a row of points.
#[inline(always)]
fn outputs_of_points<S: Simd>(simd: S, m: [S::f32s; WINDOW]) -> [S::f32s; TILE] {
    let (two, four, eight) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0), simd.splat_f32s(8.0));
    let (near, near_slope) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (far, far_slope) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(simd.add_f32s(m[0], near), far),
        simd.mul_add_f32s(two, far_slope, near_slope),
        simd.mul_add_f32s(four, far, near),
        simd.mul_add_f32s(eight, far_slope, simd.add_f32s(near_slope, m[5])),
    ]
}

/// Ay of a column or a row of a tile: the adjoint of [`outputs_of_points`].
#[inline(always)]
fn points_of_outputs<S: Simd>(simd: S, y: [S::f32s; TILE]) -> [S::f32s; WINDOW] {
    let (two, four, minus_two) =
        (simd.splat_f32s(2.0), simd.splat_f32s(4.0), simd.splat_f32s(-2.0));
    let (even, odd) = (simd.add_f32s(y[0], y[2]), simd.add_f32s(y[1], y[3]));
    let (far_even, far_odd) =
        (simd.mul_add_f32s(four, y[2], y[0]), simd.mul_add_f32s(four, y[3], y[1]));
    [
        y[0],
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        simd.mul_add_f32s(two, far_odd, far_even),
        simd.mul_add_f32s(minus_two, far_odd, far_even),
        y[3],
    ]
}

#[inline(always)]
fn scaled<S: Simd>(simd: S, by: f32, x: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(by), x)
}

#[inline(always)]
fn scaled_plus<S: Simd>(simd: S, by: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.mul_add_f32s(simd.splat_f32s(by), x, y)
}

/// Gg of a column or a row of a kernel.
#[inline(always)]
fn kernel_points<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; WINDOW] {
    let ends = simd.add_f32s(g[0], g[2]);
    let far_ends = simd.mul_add_f32s(simd.splat_f32s(4.0), g[2], g[0]);
    let twice = scaled(simd, 2.0, g[1]);
    [
        scaled(simd, 0.25, g[0]),
        scaled(simd, -1.0 / 6.0, simd.add_f32s(ends, g[1])),
        scaled(simd, -1.0 / 6.0, simd.sub_f32s(ends, g[1])),
        scaled(simd, 1.0 / 24.0, simd.add_f32s(far_ends, twice)),
        scaled(simd, 1.0 / 24.0, simd.sub_f32s(far_ends, twice)),
        g[2],
    ]
}

/// Gᵀu of a column or a row of points: the adjoint of [`kernel_points`].
#[inline(always)]
fn kernel_of_points<S: Simd>(simd: S, u: [S::f32s; WINDOW]) -> [S::f32s; 3] {
    let near = scaled(simd, -1.0 / 6.0, simd.add_f32s(u[1], u[2]));
    let near_slope = scaled(simd, -1.0 / 6.0, simd.sub_f32s(u[1], u[2]));
    let far = simd.add_f32s(u[3], u[4]);
    let far_slope = simd.sub_f32s(u[3], u[4]);
    [
        scaled_plus(simd, 0.25, u[0], scaled_plus(simd, 1.0 / 24.0, far, near)),
        scaled_plus(simd, 1.0 / 12.0, far_slope, near_slope),
        scaled_plus(simd, 1.0 / 6.0, far, simd.add_f32s(near, u[5])),
    ]
}

/// Applies a transformation of vectors of `N` to the columns and then to the rows of a matrix.
#[inline(always)]
fn on_both_sides<S: Simd, const N: usize, const M: usize>(
    simd: S,
    matrix: [[S::f32s; N]; N],
    transform: impl Fn([S::f32s; N]) -> [S::f32s; M],
) -> [[S::f32s; M]; M] {
    let zero = simd.splat_f32s(0.0);
    let mut rows = [[zero; N]; M];
    for j in 0..N {
        let mut column = [zero; N];
        for i in 0..N {
            column[i] = matrix[i][j];
        }
        let column = transform(column);
        for i in 0..M {
            rows[i][j] = column[i];
        }
    }
    let mut out = [[zero; M]; M];
    for i in 0..M {
        out[i] = transform(rows[i]);
    }
    out
}

/// Evaluates one vector of channels of a window at the points; `x` begins at its corner.
#[inline(always)]
fn transform_window<S: Simd>(
    simd: S,
    x: &[S::f32s],
    (row, pixel): (usize, usize),
    floor: S::f32s,
    points: &mut [S::f32s],
    stride: usize,
) {
    // A maximum keeps its second argument where one is not a number.
    let mut window = [[floor; WINDOW]; WINDOW];
    for i in 0..WINDOW {
        for j in 0..WINDOW {
            window[i][j] = simd.max_f32s(floor, x[i * row + j * pixel]);
        }
    }
    let transformed = on_both_sides(
        simd,
        window,
        #[inline(always)]
        |d| input_points(simd, d),
    );
    for i in 0..WINDOW {
        for j in 0..WINDOW {
            points[(i * WINDOW + j) * stride] = transformed[i][j];
        }
    }
}

/// `out[r] = Σ_d rows[r][d] panel[d]` for the rows of a block.
#[inline(always)]
fn multiply<S: Simd, const ROWS: usize, const PANEL: usize>(
    simd: S,
    rows: [&[f32]; ROWS],
    panel: &[[S::f32s; PANEL]],
    out: &mut [S::f32s],
    stride: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); PANEL]; ROWS];
    for (d, weights) in panel.iter().enumerate() {
        for r in 0..ROWS {
            let x = simd.splat_f32s(rows[r][d]);
            for v in 0..PANEL {
                sums[r][v] = simd.mul_add_f32s(x, weights[v], sums[r][v]);
            }
        }
    }
    for r in 0..ROWS {
        for v in 0..PANEL {
            out[r * stride + v] = sums[r][v];
        }
    }
}

/// `out[r] += Σ_t rows[t][r] columns[t]` for the rows of a block, `t` counting tiles.
#[inline(always)]
fn add_outer<'a, S: Simd, const ROWS: usize, const PANEL: usize>(
    simd: S,
    rows: impl Iterator<Item = &'a [f32]>,
    columns: impl Iterator<Item = &'a [S::f32s]>,
    out: &mut [[S::f32s; PANEL]],
) {
    let out = &mut out[..ROWS];
    let mut sums = [[simd.splat_f32s(0.0); PANEL]; ROWS];
    sums.copy_from_slice(out);
    for (row, column) in rows.zip(columns) {
        let (row, column) = (&row[..ROWS], &column[..PANEL]);
        for r in 0..ROWS {
            let x = simd.splat_f32s(row[r]);
            for v in 0..PANEL {
                sums[r][v] = simd.mul_add_f32s(x, column[v], sums[r][v]);
            }
        }
    }
    out.copy_from_slice(&sums);
}

struct Convolve<'a> {
    conv: Conv,
    frames: usize,
    kernel: &'a [f32],
    x: &'a [f32],
    relu: bool,
    epilogue: Epilogue<'a>,
    out: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (vectors::<S>(self.conv.outputs) % 2, S::REGISTER_COUNT) {
            (1, _) => self.run::<S, 12, 1>(simd),
            (_, 32) => self.run::<S, 12, 2>(simd),
            _ => self.run::<S, 6, 2>(simd),
        }
    }
}

impl Convolve<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const PANEL: usize>(self, simd: S) {
        let Self { conv, frames, kernel, x, relu, epilogue, out, scratch } = self;
        let (inputs, outputs) = (vectors::<S>(conv.inputs), vectors::<S>(conv.outputs));
        let side = conv.size + 2;
        let (in_stride, out_stride) = (GROUP * inputs + GAP, GROUP * outputs + GAP);
        scratch.inputs.resize(POINTS * in_stride * S::F32_LANES, 0.0);
        scratch.outputs.resize(POINTS * out_stride * S::F32_LANES, 0.0);
        let (x, out) = (S::as_simd_f32s(x).0, S::as_mut_simd_f32s(out).0);
        let kernel = S::as_simd_f32s(kernel).0.as_chunks::<PANEL>().0;
        let panel_len = conv.inputs.next_multiple_of(8);
        let panels = outputs / PANEL;
        let floor = simd.splat_f32s(if relu { 0.0 } else { f32::NEG_INFINITY });
        let tiles = frames * conv.tiles();
        for first in (0..tiles).step_by(GROUP) {
            let count = GROUP.min(tiles - first);
            let points = S::as_mut_simd_f32s(&mut scratch.inputs).0;
            for t in 0..count {
                let window = &x[conv.corner(first + t) * inputs..];
                for v in 0..inputs {
                    let points = &mut points[t * inputs + v..];
                    let strides = (side * inputs, inputs);
                    transform_window(simd, &window[v..], strides, floor, points, in_stride);
                }
            }
            let sums = S::as_mut_simd_f32s(&mut scratch.outputs).0;
            for p in 0..POINTS {
                let points = &scratch.inputs[p * in_stride * S::F32_LANES..];
                for panel in 0..panels {
                    let weights = &kernel[(p * panels + panel) * panel_len..][..conv.inputs];
                    for t in (0..count).step_by(ROWS) {
                        let pixel = inputs * S::F32_LANES;
                        let mut rows = [&points[..0]; ROWS];
                        for r in 0..ROWS {
                            rows[r] = &points[(t + r) * pixel..][..conv.inputs];
                        }
                        let sums = &mut sums[p * out_stride + t * outputs + panel * PANEL..];
                        multiply::<S, ROWS, PANEL>(simd, rows, weights, sums, outputs);
                    }
                }
            }
            for t in 0..count {
                let corner = conv.corner(first + t) + side + 1;
                for v in 0..outputs {
                    let sums = &sums[t * outputs + v..];
                    let mut values = [[floor; WINDOW]; WINDOW];
                    for i in 0..WINDOW {
                        for j in 0..WINDOW {
                            values[i][j] = sums[(i * WINDOW + j) * out_stride];
                        }
                    }
                    let tile = on_both_sides(
                        simd,
                        values,
                        #[inline(always)]
                        |m| outputs_of_points(simd, m),
                    );
                    for i in 0..TILE {
                        for j in 0..TILE {
                            let at = (corner + i * side + j) * outputs + v;
                            out[at] = finish(simd, tile[i][j], epilogue, at, v, out[at]);
                        }
                    }
                }
            }
        }
    }
}

/// One vector of an output; `before` is what it holds.
#[inline(always)]
fn finish<S: Simd>(
    simd: S,
    sum: S::f32s,
    epilogue: Epilogue<'_>,
    at: usize,
    vector: usize,
    before: S::f32s,
) -> S::f32s {
    match epilogue {
        Epilogue::Replace => sum,
        Epilogue::Bias(biases) => {
            simd.add_f32s(sum, load(simd, biases, vector))
        }
        Epilogue::BiasAndSkip(biases, maps) => {
            let sum = simd.add_f32s(sum, load(simd, biases, vector));
            simd.add_f32s(sum, S::as_simd_f32s(maps).0[at])
        }
        Epilogue::Masked(maps) => positive_part(simd, sum, S::as_simd_f32s(maps).0[at]),
        Epilogue::AddMasked(maps) => {
            simd.add_f32s(before, positive_part(simd, sum, S::as_simd_f32s(maps).0[at]))
        }
    }
}

/// Vector `vector` of `values`, 0 beyond their end.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32], vector: usize) -> S::f32s {
    simd.partial_load_f32s(values.get(vector * S::F32_LANES..).unwrap_or_default())
}

/// `x` where `mask` is positive, 0 elsewhere.
#[inline(always)]
fn positive_part<S: Simd>(simd: S, x: S::f32s, mask: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.greater_than_f32s(mask, zero), x, zero)
}

struct AddKernelGradient<'a> {
    conv: Conv,
    frames: usize,
    x: &'a [f32],
    relu: bool,
    d_out: &'a [f32],
    d_kernel: &'a mut [f32],
    d_biases: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for AddKernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (vectors::<S>(self.conv.outputs) % 2, S::REGISTER_COUNT) {
            (1, _) => self.run::<S, 8, 1>(simd),
            (_, 32) => self.run::<S, 8, 2>(simd),
            _ => self.run::<S, 4, 2>(simd),
        }
    }
}

impl AddKernelGradient<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const PANEL: usize>(self, simd: S) {
        let Self { conv, frames, x, relu, d_out, d_kernel, d_biases, scratch } = self;
        let (inputs, outputs) = (vectors::<S>(conv.inputs), vectors::<S>(conv.outputs));
        let side = conv.size + 2;
        let (in_stride, out_stride) = (GROUP * inputs + GAP, GROUP * outputs + GAP);
        scratch.inputs.resize(POINTS * in_stride * S::F32_LANES, 0.0);
        scratch.outputs.resize(POINTS * out_stride * S::F32_LANES, 0.0);
        let (x, d_out) = (S::as_simd_f32s(x).0, S::as_simd_f32s(d_out).0);
        let d_kernel = S::as_mut_simd_f32s(d_kernel).0.as_chunks_mut::<PANEL>().0;
        let panel_len = conv.inputs.next_multiple_of(8);
        let panels = outputs / PANEL;
        let floor = simd.splat_f32s(if relu { 0.0 } else { f32::NEG_INFINITY });
        let tiles = frames * conv.tiles();
        for first in (0..tiles).step_by(GROUP) {
            let count = GROUP.min(tiles - first);
            let points = S::as_mut_simd_f32s(&mut scratch.inputs).0;
            let d_points = S::as_mut_simd_f32s(&mut scratch.outputs).0;
            for t in 0..count {
                let corner = conv.corner(first + t);
                let window = &x[corner * inputs..];
                for v in 0..inputs {
                    let points = &mut points[t * inputs + v..];
                    let strides = (side * inputs, inputs);
                    transform_window(simd, &window[v..], strides, floor, points, in_stride);
                }
                let d_out = &d_out[(corner + side + 1) * outputs..];
                for v in 0..outputs {
                    let mut sum = simd.splat_f32s(0.0);
                    let mut tile = [[sum; TILE]; TILE];
                    for i in 0..TILE {
                        for j in 0..TILE {
                            tile[i][j] = d_out[(i * side + j) * outputs + v];
                            sum = simd.add_f32s(sum, tile[i][j]);
                        }
                    }
                    let total = simd.add_f32s(load(simd, d_biases, v), sum);
                    if let Some(d_biases) = d_biases.get_mut(v * S::F32_LANES..) {
                        simd.partial_store_f32s(d_biases, total);
                    }
                    let transformed = on_both_sides(
                        simd,
                        tile,
                        #[inline(always)]
                        |y| points_of_outputs(simd, y),
                    );
                    for i in 0..WINDOW {
                        for j in 0..WINDOW {
                            d_points[(i * WINDOW + j) * out_stride + t * outputs + v] =
                                transformed[i][j];
                        }
                    }
                }
            }
            let d_points = S::as_simd_f32s(&scratch.outputs).0;
            for p in 0..POINTS {
                let points = &scratch.inputs[p * in_stride * S::F32_LANES..];
                for panel in 0..panels {
                    let d_kernel = &mut d_kernel[(p * panels + panel) * panel_len..][..panel_len];
                    let columns = &d_points[p * out_stride + panel * PANEL..];
                    for c in (0..conv.inputs).step_by(ROWS) {
                        let rows = points[c..].chunks(inputs * S::F32_LANES).take(count);
                        let out = &mut d_kernel[c..];
                        add_outer::<S, ROWS, PANEL>(simd, rows, columns.chunks(outputs), out);
                    }
                }
            }
        }
    }
}

struct TransformKernel<'a> {
    conv: Conv,
    weights: &'a [f32],
    kernel: &'a mut [f32],
}

/// Where the kernel's vector `v` of an input's outputs lies at the first point, and how far it is
/// to the next point.
#[inline(always)]
fn kernel_place<S: Simd>(conv: Conv, input: usize, v: usize) -> (usize, usize) {
    let outputs = vectors::<S>(conv.outputs);
    let panel = if outputs % 2 == 0 { 2 } else { 1 };
    let panel_len = conv.inputs.next_multiple_of(8);
    ((v / panel * panel_len + input) * panel + v % panel, panel_len * outputs)
}

impl WithSimd for TransformKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { conv, weights, kernel } = self;
        let kernel = S::as_mut_simd_f32s(kernel).0;
        for input in 0..conv.inputs {
            for v in 0..conv.outputs.div_ceil(S::F32_LANES) {
                let mut g = [[simd.splat_f32s(0.0); 3]; 3];
                for i in 0..3 {
                    for j in 0..3 {
                        let outputs =
                            &weights[((i * 3 + j) * conv.inputs + input) * conv.outputs..];
                        g[i][j] =
                            simd.partial_load_f32s(&outputs[v * S::F32_LANES..conv.outputs]);
                    }
                }
                let (start, stride) = kernel_place::<S>(conv, input, v);
                let transformed = on_both_sides(
                    simd,
                    g,
                    #[inline(always)]
                    |g| kernel_points(simd, g),
                );
                for i in 0..WINDOW {
                    for j in 0..WINDOW {
                        kernel[start + (i * WINDOW + j) * stride] = transformed[i][j];
                    }
                }
            }
        }
    }
}

struct AddWeightGradient<'a> {
    conv: Conv,
    d_kernel: &'a [f32],
    d_weights: &'a mut [f32],
}

impl WithSimd for AddWeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { conv, d_kernel, d_weights } = self;
        let d_kernel = S::as_simd_f32s(d_kernel).0;
        for input in 0..conv.inputs {
            for v in 0..conv.outputs.div_ceil(S::F32_LANES) {
                let (start, stride) = kernel_place::<S>(conv, input, v);
                let mut u = [[simd.splat_f32s(0.0); WINDOW]; WINDOW];
                for i in 0..WINDOW {
                    for j in 0..WINDOW {
                        u[i][j] = d_kernel[start + (i * WINDOW + j) * stride];
                    }
                }
                let d_g = on_both_sides(
                    simd,
                    u,
                    #[inline(always)]
                    |u| kernel_of_points(simd, u),
                );
                for tap in 0..9 {
                    let d_outputs =
                        &mut d_weights[(tap * conv.inputs + input) * conv.outputs..][..conv.outputs];
                    let d_outputs = &mut d_outputs[v * S::F32_LANES..];
                    let before = simd.partial_load_f32s(d_outputs);
                    let after = simd.add_f32s(before, d_g[tap / 3][tap % 3]);
                    simd.partial_store_f32s(d_outputs, after);
                }
            }
        }
    }
}
