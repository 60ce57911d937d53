//! The linear maps of F(4×4, 3×3), between pixels or taps and the 36 points.
//!
//! The matrices are those of Lavin and Gray 2016, section 4.3: points 0, ±1, ±2 and ∞.

// Loops count instead of iterating, and closures are marked: what the compiler does not inline into
// the function that pulp calls is compiled without the processor's vector instructions.
#![allow(clippy::needless_range_loop)]

use pulp::Simd;

/// Outputs along the side of a tile.
pub const TILE: usize = 4;
/// Inputs along the side of the window that a tile depends on: also its points.
pub const WINDOW: usize = TILE + 2;
pub const POINTS: usize = WINDOW * WINDOW;
/// Bᵀd of a column or a row of a window.
#[inline(always)]
pub fn input_points<S: Simd>(simd: S, d: [S::f32s; WINDOW]) -> [S::f32s; WINDOW] {
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
pub fn outputs_of_points<S: Simd>(simd: S, m: [S::f32s; WINDOW]) -> [S::f32s; TILE] {
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
pub fn points_of_outputs<S: Simd>(simd: S, y: [S::f32s; TILE]) -> [S::f32s; WINDOW] {
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
pub fn kernel_points<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; WINDOW] {
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
pub fn kernel_of_points<S: Simd>(simd: S, u: [S::f32s; WINDOW]) -> [S::f32s; 3] {
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
pub fn on_both_sides<S: Simd, const N: usize, const M: usize>(
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
