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
/// Vectors of a group of tiles at one point: tiles are transformed together, as many as keep
/// their points in a core's caches. [`GAP`] of them are left over.
const PLANE: usize = 96 + GAP;
/// The same for maps that need more vectors than that.
const WIDE_PLANE: usize = ROWS * MAX_CHANNELS + GAP;
/// Tiles of a register block, or of two.
const ROWS: usize = 12;
/// So that the points of a tile do not fall on the same lines of a cache.
const GAP: usize = 2;
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

/// Applies a transformation of `N` values to the columns and then to the rows of a matrix, which
/// never exists as a whole: it comes from `load` and goes to `store`.
#[inline(always)]
fn on_both_sides<S: Simd, const N: usize, const M: usize>(
    simd: S,
    load: impl Fn(usize, usize) -> S::f32s,
    transform: impl Fn([S::f32s; N]) -> [S::f32s; M],
    mut store: impl FnMut(usize, usize, S::f32s),
) {
    let zero = simd.splat_f32s(0.0);
    let mut rows = [[zero; N]; M];
    for j in 0..N {
        let mut column = [zero; N];
        for i in 0..N {
            column[i] = load(i, j);
        }
        let column = transform(column);
        for i in 0..M {
            rows[i][j] = column[i];
        }
    }
    for i in 0..M {
        let row = transform(rows[i]);
        for j in 0..M {
            store(i, j, row[j]);
        }
    }
}

/// Values of a group of tiles at the points: planes of `[tile, channel]`.
type Points<V, const PLANE: usize> = [[V; PLANE]];

/// Tiles of a group whose maps are that many vectors wide: a whole number of register blocks.
fn group<const PLANE: usize>(vectors: usize) -> usize {
    (PLANE - GAP) / vectors / ROWS * ROWS
}

/// Evaluates the windows of `count` tiles at the points. `PIXEL` is `vectors`, the vectors of a
/// pixel, where that is known in advance, or 0.
#[inline(always)]
fn transform_windows<S: Simd, const PLANE: usize, const PIXEL: usize>(
    simd: S,
    conv: Conv,
    (first, count): (usize, usize),
    (x, vectors): (&[S::f32s], usize),
    floor: S::f32s,
    points: &mut Points<S::f32s, PLANE>,
) {
    let points = points.first_chunk_mut::<POINTS>().expect("a plane for each point");
    let pixel = if PIXEL == 0 { vectors } else { PIXEL };
    let row = (conv.size + 2) * pixel;
    for t in 0..count {
        let x = &x[conv.corner(first + t) * pixel..];
        for v in 0..pixel {
            let mut x_rows = [&x[..0]; WINDOW];
            for i in 0..WINDOW {
                x_rows[i] = &x[i * row..][..WINDOW * pixel];
            }
            on_both_sides(
                simd,
                // A maximum keeps its second argument where one is not a number.
                #[inline(always)]
                |i, j| simd.max_f32s(floor, x_rows[i][j * pixel + v]),
                #[inline(always)]
                |d| input_points(simd, d),
                #[inline(always)]
                |i, j, value| points[i * WINDOW + j][t * pixel + v] = value,
            );
        }
    }
}

/// The same with as many vectors of a pixel as are known to the compiler.
#[inline(always)]
fn transform_inputs<S: Simd, const PLANE: usize>(
    simd: S,
    conv: Conv,
    tiles: (usize, usize),
    (x, vectors): (&[S::f32s], usize),
    floor: S::f32s,
    points: &mut Points<S::f32s, PLANE>,
) {
    let x = (x, vectors);
    match vectors {
        1 => transform_windows::<S, PLANE, 1>(simd, conv, tiles, x, floor, points),
        2 => transform_windows::<S, PLANE, 2>(simd, conv, tiles, x, floor, points),
        4 => transform_windows::<S, PLANE, 4>(simd, conv, tiles, x, floor, points),
        _ => transform_windows::<S, PLANE, 0>(simd, conv, tiles, x, floor, points),
    }
}

/// `out[r] = Σ_d rows[r][d] panel[d]` for the rows of a register block.
#[inline(always)]
fn multiply<S: Simd, const BLOCK: usize, const PANEL: usize>(
    simd: S,
    rows: [&[f32]; BLOCK],
    panel: &[[S::f32s; PANEL]],
    out: &mut [S::f32s],
    stride: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); PANEL]; BLOCK];
    for (d, weights) in panel.iter().enumerate() {
        for r in 0..BLOCK {
            let x = simd.splat_f32s(rows[r][d]);
            for v in 0..PANEL {
                sums[r][v] = simd.mul_add_f32s(x, weights[v], sums[r][v]);
            }
        }
    }
    for r in 0..BLOCK {
        for v in 0..PANEL {
            out[r * stride + v] = sums[r][v];
        }
    }
}

/// `out[r] += Σ_t rows[t][r] columns[t]` for the rows of a register block, `t` counting tiles.
#[inline(always)]
fn add_outer<'a, S: Simd, const BLOCK: usize, const PANEL: usize>(
    simd: S,
    rows: impl Iterator<Item = &'a [f32]>,
    columns: impl Iterator<Item = &'a [S::f32s]>,
    out: &mut [[S::f32s; PANEL]],
) {
    let out = &mut out[..BLOCK];
    let mut sums = [[simd.splat_f32s(0.0); PANEL]; BLOCK];
    sums.copy_from_slice(out);
    for (row, column) in rows.zip(columns) {
        let (row, column) = (&row[..BLOCK], &column[..PANEL]);
        for r in 0..BLOCK {
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
        let (inputs, outputs) = (vectors::<S>(self.conv.inputs), vectors::<S>(self.conv.outputs));
        match (inputs.max(outputs) * ROWS > PLANE - GAP, outputs % 2, S::REGISTER_COUNT) {
            (true, 1, _) => self.run::<S, WIDE_PLANE, 12, 1>(simd),
            (true, ..) => self.run::<S, WIDE_PLANE, 6, 2>(simd),
            (_, 1, _) => self.run::<S, PLANE, 12, 1>(simd),
            (_, _, 32) => self.run::<S, PLANE, 12, 2>(simd),
            _ => self.run::<S, PLANE, 6, 2>(simd),
        }
    }
}

impl Convolve<'_> {
    #[inline(always)]
    fn run<S: Simd, const PLANE: usize, const BLOCK: usize, const PANEL: usize>(self, simd: S) {
        let Self { conv, frames, kernel, x, relu, epilogue, out, scratch } = self;
        let (inputs, outputs) = (vectors::<S>(conv.inputs), vectors::<S>(conv.outputs));
        scratch.resize(POINTS * PLANE * S::F32_LANES);
        let (x, out) = (S::as_simd_f32s(x).0, S::as_mut_simd_f32s(out).0);
        let kernel = S::as_simd_f32s(kernel).0.as_chunks::<PANEL>().0;
        let panel_len = conv.inputs.next_multiple_of(8);
        let panels = outputs / PANEL;
        let floor = simd.splat_f32s(if relu { 0.0 } else { f32::NEG_INFINITY });
        let tiles = frames * conv.tiles();
        let group = group::<PLANE>(inputs.max(outputs));
        for first in (0..tiles).step_by(group) {
            let count = group.min(tiles - first);
            let points = S::as_mut_simd_f32s(&mut scratch.inputs).0.as_chunks_mut::<PLANE>().0;
            transform_inputs(simd, conv, (first, count), (x, inputs), floor, points);
            let sums = S::as_mut_simd_f32s(&mut scratch.outputs).0.as_chunks_mut::<PLANE>().0;
            let planes = scratch.inputs.chunks_exact(PLANE * S::F32_LANES).zip(&mut *sums);
            for (p, (points, sums)) in planes.enumerate() {
                for panel in 0..panels {
                    let weights = &kernel[(p * panels + panel) * panel_len..][..conv.inputs];
                    for t in (0..count).step_by(BLOCK) {
                        let pixel = inputs * S::F32_LANES;
                        let mut rows = [&points[..0]; BLOCK];
                        for r in 0..BLOCK {
                            rows[r] = &points[(t + r) * pixel..][..conv.inputs];
                        }
                        let sums = &mut sums[t * outputs + panel * PANEL..];
                        multiply::<S, BLOCK, PANEL>(simd, rows, weights, sums, outputs);
                    }
                }
            }
            let (tiles, out) = ((first, count), (&mut *out, outputs));
            match outputs {
                1 => write_tiles::<S, PLANE, 1>(simd, conv, tiles, sums, epilogue, out),
                2 => write_tiles::<S, PLANE, 2>(simd, conv, tiles, sums, epilogue, out),
                4 => write_tiles::<S, PLANE, 4>(simd, conv, tiles, sums, epilogue, out),
                _ => write_tiles::<S, PLANE, 0>(simd, conv, tiles, sums, epilogue, out),
            }
        }
    }
}

/// Writes the outputs of `count` tiles, given their values at the points.
#[inline(always)]
fn write_tiles<S: Simd, const PLANE: usize, const PIXEL: usize>(
    simd: S,
    conv: Conv,
    (first, count): (usize, usize),
    sums: &Points<S::f32s, PLANE>,
    epilogue: Epilogue<'_>,
    (out, vectors): (&mut [S::f32s], usize),
) {
    let sums = sums.first_chunk::<POINTS>().expect("a plane for each point");
    let pixel = if PIXEL == 0 { vectors } else { PIXEL };
    let side = conv.size + 2;
    let zero = simd.splat_f32s(0.0);
    for t in 0..count {
        let corner = conv.corner(first + t) + side + 1;
        for v in 0..pixel {
            let mut tile = [[zero; TILE]; TILE];
            on_both_sides(
                simd,
                #[inline(always)]
                |i, j| sums[i * WINDOW + j][t * pixel + v],
                #[inline(always)]
                |m| outputs_of_points(simd, m),
                #[inline(always)]
                |i, j, value| tile[i][j] = value,
            );
            if let Epilogue::Bias(biases) | Epilogue::BiasAndSkip(biases, _) = epilogue {
                let bias = load(simd, biases, v);
                for i in 0..TILE {
                    for j in 0..TILE {
                        tile[i][j] = simd.add_f32s(tile[i][j], bias);
                    }
                }
            }
            for i in 0..TILE {
                let start = (corner + i * side) * pixel;
                let out = &mut out[start..][..TILE * pixel];
                if let Epilogue::BiasAndSkip(_, maps) = epilogue {
                    let maps = &S::as_simd_f32s(maps).0[start..][..TILE * pixel];
                    for j in 0..TILE {
                        tile[i][j] = simd.add_f32s(tile[i][j], maps[j * pixel + v]);
                    }
                }
                if let Epilogue::Masked(maps) | Epilogue::AddMasked(maps) = epilogue {
                    let maps = &S::as_simd_f32s(maps).0[start..][..TILE * pixel];
                    for j in 0..TILE {
                        let positive = simd.greater_than_f32s(maps[j * pixel + v], zero);
                        tile[i][j] = simd.select_f32s(positive, tile[i][j], zero);
                    }
                }
                if let Epilogue::AddMasked(_) = epilogue {
                    for j in 0..TILE {
                        tile[i][j] = simd.add_f32s(tile[i][j], out[j * pixel + v]);
                    }
                }
                for j in 0..TILE {
                    out[j * pixel + v] = tile[i][j];
                }
            }
        }
    }
}

/// Vector `vector` of `values`, 0 beyond their end.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32], vector: usize) -> S::f32s {
    simd.partial_load_f32s(values.get(vector * S::F32_LANES..).unwrap_or_default())
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
        let (inputs, outputs) = (vectors::<S>(self.conv.inputs), vectors::<S>(self.conv.outputs));
        match (inputs.max(outputs) * ROWS > PLANE - GAP, outputs % 2, S::REGISTER_COUNT) {
            (true, 1, _) => self.run::<S, WIDE_PLANE, 8, 1>(simd),
            (true, ..) => self.run::<S, WIDE_PLANE, 4, 2>(simd),
            (_, 1, _) => self.run::<S, PLANE, 8, 1>(simd),
            (_, _, 32) => self.run::<S, PLANE, 8, 2>(simd),
            _ => self.run::<S, PLANE, 4, 2>(simd),
        }
    }
}

impl AddKernelGradient<'_> {
    #[inline(always)]
    fn run<S: Simd, const PLANE: usize, const BLOCK: usize, const PANEL: usize>(self, simd: S) {
        let Self { conv, frames, x, relu, d_out, d_kernel, d_biases, scratch } = self;
        let (inputs, outputs) = (vectors::<S>(conv.inputs), vectors::<S>(conv.outputs));
        scratch.resize(POINTS * PLANE * S::F32_LANES);
        let (x, d_out) = (S::as_simd_f32s(x).0, S::as_simd_f32s(d_out).0);
        let d_kernel = S::as_mut_simd_f32s(d_kernel).0.as_chunks_mut::<PANEL>().0;
        let panel_len = conv.inputs.next_multiple_of(8);
        let panels = outputs / PANEL;
        let floor = simd.splat_f32s(if relu { 0.0 } else { f32::NEG_INFINITY });
        let tiles = frames * conv.tiles();
        let group = group::<PLANE>(inputs.max(outputs));
        for first in (0..tiles).step_by(group) {
            let count = group.min(tiles - first);
            let points = S::as_mut_simd_f32s(&mut scratch.inputs).0.as_chunks_mut::<PLANE>().0;
            transform_inputs(simd, conv, (first, count), (x, inputs), floor, points);
            let d_points = S::as_mut_simd_f32s(&mut scratch.outputs).0.as_chunks_mut::<PLANE>().0;
            let (tiles, d_out) = ((first, count), (d_out, outputs));
            match outputs {
                1 => read_tiles::<S, PLANE, 1>(simd, conv, tiles, d_out, d_biases, d_points),
                2 => read_tiles::<S, PLANE, 2>(simd, conv, tiles, d_out, d_biases, d_points),
                4 => read_tiles::<S, PLANE, 4>(simd, conv, tiles, d_out, d_biases, d_points),
                _ => read_tiles::<S, PLANE, 0>(simd, conv, tiles, d_out, d_biases, d_points),
            }
            let planes = scratch.inputs.chunks_exact(PLANE * S::F32_LANES).zip(&*d_points);
            for (p, (points, d_points)) in planes.enumerate() {
                for panel in 0..panels {
                    let d_kernel = &mut d_kernel[(p * panels + panel) * panel_len..][..panel_len];
                    let columns = &d_points[panel * PANEL..];
                    for c in (0..conv.inputs).step_by(BLOCK) {
                        let rows = points[c..].chunks(inputs * S::F32_LANES).take(count);
                        let out = &mut d_kernel[c..];
                        add_outer::<S, BLOCK, PANEL>(simd, rows, columns.chunks(outputs), out);
                    }
                }
            }
        }
    }
}

/// Evaluates the gradient in the outputs of `count` tiles at the points, and adds it to that in
/// the biases.
#[inline(always)]
fn read_tiles<S: Simd, const PLANE: usize, const PIXEL: usize>(
    simd: S,
    conv: Conv,
    (first, count): (usize, usize),
    (d_out, vectors): (&[S::f32s], usize),
    d_biases: &mut [f32],
    d_points: &mut Points<S::f32s, PLANE>,
) {
    let d_points = d_points.first_chunk_mut::<POINTS>().expect("a plane for each point");
    let pixel = if PIXEL == 0 { vectors } else { PIXEL };
    let side = conv.size + 2;
    for v in 0..pixel {
        let mut sum = load(simd, d_biases, v);
        for t in 0..count {
            let corner = conv.corner(first + t) + side + 1;
            let mut rows = [&d_out[..0]; TILE];
            for i in 0..TILE {
                rows[i] = &d_out[(corner + i * side) * pixel..][..TILE * pixel];
                for j in 0..TILE {
                    sum = simd.add_f32s(sum, rows[i][j * pixel + v]);
                }
            }
            on_both_sides(
                simd,
                #[inline(always)]
                |i, j| rows[i][j * pixel + v],
                #[inline(always)]
                |y| points_of_outputs(simd, y),
                #[inline(always)]
                |i, j, value| d_points[i * WINDOW + j][t * pixel + v] = value,
            );
        }
        if let Some(d_biases) = d_biases.get_mut(v * S::F32_LANES..) {
            simd.partial_store_f32s(d_biases, sum);
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
                        g[i][j] = simd.partial_load_f32s(&outputs[v * S::F32_LANES..conv.outputs]);
                    }
                }
                let (start, stride) = kernel_place::<S>(conv, input, v);
                on_both_sides(
                    simd,
                    #[inline(always)]
                    |i, j| g[i][j],
                    #[inline(always)]
                    |g| kernel_points(simd, g),
                    #[inline(always)]
                    |i, j, value| kernel[start + (i * WINDOW + j) * stride] = value,
                );
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
                on_both_sides(
                    simd,
                    #[inline(always)]
                    |i, j| d_kernel[start + (i * WINDOW + j) * stride],
                    #[inline(always)]
                    |u| kernel_of_points(simd, u),
                    #[inline(always)]
                    |i, j, value| {
                        let at = ((i * 3 + j) * conv.inputs + input) * conv.outputs;
                        let d_outputs = &mut d_weights[at..][..conv.outputs];
                        let sum = simd.add_f32s(load(simd, d_outputs, v), value);
                        simd.partial_store_f32s(&mut d_outputs[v * S::F32_LANES..], sum);
                    },
                );
            }
        }
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
