//! The work of a convolution, for any width of vector registers.

// Loops count instead of iterating, and closures are marked: what the compiler does not inline into
// the function that pulp calls is compiled without the processor's vector instructions.
#![allow(clippy::needless_range_loop)]

use super::{
    Conv, Epilogue, MAX_CHANNELS, Scratch,
    points::{
        POINTS, TILE, WINDOW, input_points, kernel_of_points, kernel_points, on_both_sides,
        outputs_of_points, points_of_outputs,
    },
};
use pulp::{Simd, WithSimd};

/// Vectors of a group of tiles at one point: tiles are transformed together, as many as keep
/// their points in a core's caches. [`GAP`] of them are left over.
const PLANE: usize = 96 + GAP;
/// The same for maps that need more vectors than that.
const WIDE_PLANE: usize = ROWS * MAX_CHANNELS + GAP;
/// Tiles of a register block, or of two.
const ROWS: usize = 12;
/// So that the points of a tile do not fall on the same lines of a cache.
const GAP: usize = 2;

/// Vectors that the channels of a pixel take.
fn vectors<S: Simd>(channels: usize) -> usize {
    channels.next_multiple_of(S::F32_LANES.max(8)) / S::F32_LANES
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

pub struct Convolve<'a> {
    pub conv: Conv,
    pub frames: usize,
    pub kernel: &'a [f32],
    pub x: &'a [f32],
    pub relu: bool,
    pub epilogue: Epilogue<'a>,
    pub out: &'a mut [f32],
    pub scratch: &'a mut Scratch,
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

pub struct AddKernelGradient<'a> {
    pub conv: Conv,
    pub frames: usize,
    pub x: &'a [f32],
    pub relu: bool,
    pub d_out: &'a [f32],
    pub d_kernel: &'a mut [f32],
    pub d_biases: &'a mut [f32],
    pub scratch: &'a mut Scratch,
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

pub struct TransformKernel<'a> {
    pub conv: Conv,
    pub weights: &'a [f32],
    pub kernel: &'a mut [f32],
}

/// Where the kernel's vector `v` of an input's outputs lies at the first point, and how far it is
/// to the next point.
#[inline(always)]
fn kernel_place<S: Simd>(conv: Conv, input: usize, v: usize) -> (usize, usize) {
    let outputs = vectors::<S>(conv.outputs);
    let panel = if outputs.is_multiple_of(2) { 2 } else { 1 };
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

pub struct AddWeightGradient<'a> {
    pub conv: Conv,
    pub d_kernel: &'a [f32],
    pub d_weights: &'a mut [f32],
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
