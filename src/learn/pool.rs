//! Max-pooling over 3×3 windows with stride 2 on the CPU, forward and backward.
//!
//! Maps lie as [`super::conv`] describes: channels last, with a border around the pixels.

use super::conv::{frame_len, pixel_len};
use pulp::{Arch, Simd, WithSimd};

/// Pixels along the side of a window.
const WINDOW: usize = 3;

/// Number of positions that one frame needs, `[size + 1, size + 1, pixel_len(channels)]`: those
/// of the last row and column belong to no output and are never chosen.
pub fn positions_len(size: usize, channels: usize) -> usize {
    (size + 1) * (size + 1) * pixel_len(channels)
}

/// Pools the maps of one frame to `size` × `size`, from twice as much, and notes which of the
/// nine inputs of each window was the largest (the first, of equals). The border of `x` must not
/// exceed any pixel: -∞.
pub fn max_pool(size: usize, channels: usize, x: &[f32], out: &mut [f32], positions: &mut [u8]) {
    assert_eq!(x.len(), frame_len(2 * size, channels));
    assert_eq!(out.len(), frame_len(size, channels));
    assert_eq!(positions.len(), positions_len(size, channels));
    Arch::new().dispatch(MaxPool { size, pixel: pixel_len(channels), x, out, positions });
}

/// The gradient in the input of [`max_pool`]; the border of `d_out` is 0, that of `d_x` stays.
pub fn max_pool_gradient(
    size: usize,
    channels: usize,
    d_out: &[f32],
    positions: &[u8],
    d_x: &mut [f32],
) {
    assert_eq!(d_x.len(), frame_len(2 * size, channels));
    assert_eq!(d_out.len(), frame_len(size, channels));
    assert_eq!(positions.len(), positions_len(size, channels));
    let pixel = pixel_len(channels);
    Arch::new().dispatch(MaxPoolGradient { size, pixel, d_out, positions, d_x });
}

struct MaxPool<'a> {
    size: usize,
    pixel: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    positions: &'a mut [u8],
}

impl WithSimd for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { size, pixel, x, out, positions } = self;
        let vectors = pixel / S::F32_LANES;
        let (x, out) = (S::as_simd_f32s(x).0, S::as_mut_simd_f32s(out).0);
        let row = (2 * size + 2) * vectors;
        for y in 0..size {
            let out = &mut out[((y + 1) * (size + 2) + 1) * vectors..][..size * vectors];
            let positions = &mut positions[y * (size + 1) * pixel..][..size * pixel];
            let windows = &x[2 * y * row..][..WINDOW * row];
            for (at, (out, positions)) in
                out.iter_mut().zip(positions.chunks_exact_mut(S::F32_LANES)).enumerate()
            {
                let corner = at / vectors * 2 * vectors + at % vectors;
                let mut largest = windows[corner];
                let mut position = simd.splat_u32s(0);
                for k in 1..WINDOW * WINDOW {
                    let value = windows[k / WINDOW * row + corner + k % WINDOW * vectors];
                    let larger = simd.greater_than_f32s(value, largest);
                    largest = simd.select_f32s(larger, value, largest);
                    position = simd.select_u32s(larger, simd.splat_u32s(k as u32), position);
                }
                *out = largest;
                let position: &[u32] = bytemuck::cast_slice(std::slice::from_ref(&position));
                for (byte, k) in positions.iter_mut().zip(position) {
                    *byte = *k as u8;
                }
            }
        }
    }
}

struct MaxPoolGradient<'a> {
    size: usize,
    pixel: usize,
    d_out: &'a [f32],
    positions: &'a [u8],
    d_x: &'a mut [f32],
}

impl WithSimd for MaxPoolGradient<'_> {
    type Output = ();

    /// Each two by two inputs belong to the same two by two windows.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { size, pixel, d_out, positions, d_x } = self;
        let vectors = pixel / S::F32_LANES;
        let (d_out, d_x) = (S::as_simd_f32s(d_out).0, S::as_mut_simd_f32s(d_x).0);
        let (row, d_row) = ((size + 2) * vectors, (2 * size + 2) * vectors);
        for y in 0..size {
            let d_out = &d_out[(y + 1) * row + vectors..];
            let positions = &positions[y * (size + 1) * pixel..];
            let (above, below) = d_x[(2 * y + 1) * d_row..][..2 * d_row].split_at_mut(d_row);
            for x in 0..size {
                for v in 0..vectors {
                    let here = x * vectors + v;
                    let right = here + vectors;
                    let byte = here * S::F32_LANES;
                    let next = (size + 1) * pixel;
                    let windows = [
                        (d_out[here], widen(simd, &positions[byte..])),
                        (d_out[right], widen(simd, &positions[byte + pixel..])),
                        (d_out[here + row], widen(simd, &positions[byte + next..])),
                        (d_out[right + row], widen(simd, &positions[byte + next + pixel..])),
                    ];
                    let at = (2 * x + 1) * vectors + v;
                    above[at] = chosen(simd, windows[0], 4);
                    above[at + vectors] =
                        simd.add_f32s(chosen(simd, windows[0], 5), chosen(simd, windows[1], 3));
                    below[at] =
                        simd.add_f32s(chosen(simd, windows[0], 7), chosen(simd, windows[2], 1));
                    below[at + vectors] = simd.add_f32s(
                        simd.add_f32s(chosen(simd, windows[0], 8), chosen(simd, windows[1], 6)),
                        simd.add_f32s(chosen(simd, windows[2], 2), chosen(simd, windows[3], 0)),
                    );
                }
            }
        }
    }
}

/// The gradient of a window where it chose position `k`, 0 elsewhere.
#[inline(always)]
fn chosen<S: Simd>(simd: S, (d_out, position): (S::f32s, S::u32s), k: u32) -> S::f32s {
    let mask = simd.equal_u32s(position, simd.splat_u32s(k));
    simd.select_f32s(mask, d_out, simd.splat_f32s(0.0))
}

#[inline(always)]
fn widen<S: Simd>(simd: S, bytes: &[u8]) -> S::u32s {
    let mut wide = simd.splat_u32s(0);
    let words: &mut [u32] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut wide));
    for (word, byte) in words.iter_mut().zip(&bytes[..S::F32_LANES]) {
        *word = u32::from(*byte);
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    /// Against every window looked at one by one; whole numbers make for many equals.
    #[test]
    fn forward_and_backward_equal_the_definition() {
        for (size, channels) in [(4, 3), (8, 16), (16, 32), (4, 24)] {
            let pixel = pixel_len(channels);
            let stream = Stream::new(1, "pool");
            let at = |size: usize, y: usize, x: usize, c: usize| {
                ((y + 1) * (size + 2) + x + 1) * pixel + c
            };
            let mut x = vec![f32::NEG_INFINITY; frame_len(2 * size, channels)];
            let mut d_out = vec![0.0; frame_len(size, channels)];
            let mut draw = 0;
            for y in 0..2 * size {
                for column in 0..2 * size {
                    for c in 0..pixel {
                        draw += 1;
                        x[at(2 * size, y, column, c)] = stream.below(0, draw, 9) as f32 - 4.0;
                        if y < size && column < size {
                            d_out[at(size, y, column, c)] = stream.normal(1, draw)[0];
                        }
                    }
                }
            }
            let mut out = vec![0.0; d_out.len()];
            let mut positions = vec![255; positions_len(size, channels)];
            max_pool(size, channels, &x, &mut out, &mut positions);
            let mut d_x = vec![0.0; x.len()];
            max_pool_gradient(size, channels, &d_out, &positions, &mut d_x);

            let (mut expected, mut d_expected) = (vec![0.0; out.len()], vec![0.0; x.len()]);
            for y in 0..size {
                for column in 0..size {
                    for c in 0..pixel {
                        let window = (0..9).map(|k| (2 * y + k / 3, 2 * column + k % 3));
                        let inside = window.filter(|(y, x)| *y > 0 && *x > 0);
                        let places = inside.map(|(y, column)| at(2 * size, y - 1, column - 1, c));
                        // The first of equals, as in PyTorch.
                        let best = places.reduce(|a, b| if x[b] > x[a] { b } else { a }).unwrap();
                        expected[at(size, y, column, c)] = x[best];
                        d_expected[best] += d_out[at(size, y, column, c)];
                    }
                }
            }
            assert_eq!(out, expected);
            for (found, expected) in d_x.iter().zip(&d_expected) {
                assert!((found - expected).abs() < 1e-5, "{found} against {expected}");
            }
        }
    }
}
