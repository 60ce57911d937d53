//! Products with a factor that is a few numbers wide, as the last layer of a small network asks for.
//! A kernel for large matrices fills its registers with as many columns as they hold, and takes
//! ten times as long for two.
//!
//! Every sum runs over its terms in their order, one fused multiplication and addition at a time,
//! whatever the width of vectors: the bits are those of [`super::large`].

// Loops count instead of iterating, as in conv/kernels.rs.
#![allow(clippy::needless_range_loop)]

use pulp::{Arch, Simd, WithSimd};
use std::ops::RangeInclusive;

/// How wide is narrow. A single column has kernels of its own where large ones are.
pub const WIDTHS: RangeInclusive<usize> = 2..=8;
/// With more rows than this [`Outputs`] takes as long as [`super::large`].
pub const FEW: usize = 16;

/// `out = a b`, where b is narrow: the outputs of a few inputs.
pub struct Outputs<'a> {
    /// `[rows, width]`
    pub out: &'a mut [f32],
    /// `[rows, inner]`
    pub a: &'a [f32],
    /// `[inner, width]`
    pub b: &'a [f32],
    pub width: usize,
}

impl WithSimd for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, a, b, width } = self;
        let inner = b.len() / width;
        let (mut rows, mut out) = (a, out);
        while !rows.is_empty() {
            let n = match rows.len() / inner {
                8.. => 8,
                4.. => 4,
                _ => 1,
            };
            let (some, left) = rows.split_at(n * inner);
            let (to, out_left) = out.split_at_mut(n * width);
            match n {
                8 => rows_of_outputs::<S, 8>(simd, to, some, b, width),
                4 => rows_of_outputs::<S, 4>(simd, to, some, b, width),
                _ => rows_of_outputs::<S, 1>(simd, to, some, b, width),
            }
            (rows, out) = (left, out_left);
        }
    }
}

/// As many rows at a time as hide how long an addition takes.
#[inline(always)]
fn rows_of_outputs<S: Simd, const ROWS: usize>(
    simd: S,
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    width: usize,
) {
    let inner = b.len() / width;
    let mut rows = [&a[..0]; ROWS];
    for r in 0..ROWS {
        rows[r] = &a[r * inner..][..inner];
    }
    for first in (0..width).step_by(S::F32_LANES) {
        let lanes = S::F32_LANES.min(width - first);
        let mut sums = [simd.splat_f32s(0.0); ROWS];
        for k in 0..inner {
            let right = simd.partial_load_f32s(&b[k * width + first..][..lanes]);
            for r in 0..ROWS {
                sums[r] = simd.mul_add_f32s(simd.splat_f32s(rows[r][k]), right, sums[r]);
            }
        }
        for r in 0..ROWS {
            simd.partial_store_f32s(&mut out[r * width + first..][..lanes], sums[r]);
        }
    }
}

/// `out += a' d`, a' the transpose of a, where d is narrow: the gradient in weights.
pub struct Weights<'a> {
    /// `[inputs, width]`
    pub out: &'a mut [f32],
    /// `[rows, inputs]`
    pub a: &'a [f32],
    /// `[rows, width]`
    pub d: &'a [f32],
    pub width: usize,
}

/// Vectors of inputs at a time.
const WIDE: usize = 8;

impl WithSimd for Weights<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let inputs = self.out.len() / self.width;
        let mut first = 0;
        while first < inputs {
            let n = match inputs - first {
                left if left >= WIDE * S::F32_LANES => WIDE * S::F32_LANES,
                left => left.min(S::F32_LANES),
            };
            for column in 0..self.width {
                if n == WIDE * S::F32_LANES {
                    self.of_column::<S, WIDE>(simd, first, S::F32_LANES, column);
                } else {
                    self.of_column::<S, 1>(simd, first, n, column);
                }
            }
            first += n;
        }
    }
}

impl Weights<'_> {
    /// One column of `out`, for `WIDE` vectors of `lanes` inputs from `first` on.
    #[inline(always)]
    fn of_column<S: Simd, const WIDE: usize>(
        &mut self,
        simd: S,
        first: usize,
        lanes: usize,
        column: usize,
    ) {
        let (width, inputs) = (self.width, self.out.len() / self.width);
        let mut sums = [simd.splat_f32s(0.0); WIDE];
        for r in 0..self.d.len() / width {
            let row = &self.a[r * inputs + first..][..WIDE * lanes];
            let right = simd.splat_f32s(self.d[r * width + column]);
            if lanes < S::F32_LANES {
                sums[0] = simd.mul_add_f32s(simd.partial_load_f32s(row), right, sums[0]);
                continue;
            }
            let (row, _) = S::as_simd_f32s(row);
            for v in 0..WIDE {
                sums[v] = simd.mul_add_f32s(row[v], right, sums[v]);
            }
        }
        for v in 0..WIDE {
            let sums: &[f32] = bytemuck::cast_slice(&sums[v..=v]);
            let out = self.out[(first + v * lanes) * width..].chunks_exact_mut(width);
            for (row, sum) in out.zip(&sums[..lanes]) {
                row[column] += sum;
            }
        }
    }
}

/// `out = d w'`, w' the transpose of w, where both have two columns: the gradient in inputs. As in
/// [`super::large`], two products are rounded before they are added.
///
/// Shapes: `out` `[rows, inputs]`, `d` `[rows, 2]`, `w` `[inputs, 2]`.
pub fn inputs_of_two(out: &mut [f32], d: &[f32], w: &[f32]) {
    let (w, d) = (w.as_chunks::<2>().0, d.as_chunks::<2>().0);
    let first: Vec<f32> = w.iter().map(|w| w[0]).collect();
    let second: Vec<f32> = w.iter().map(|w| w[1]).collect();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (row, d) in out.chunks_exact_mut(w.len()).zip(d) {
                for (x, (first, second)) in row.iter_mut().zip(first.iter().zip(&second)) {
                    *x = d[0] * first + d[1] * second;
                }
            }
        },
    );
}
