//! Single-threaded f32 matrix products: the one place that calls the `gemm` crate.
//!
//! Threads are given whole blocks of rows instead (see [`super::cpu`]), which keeps results
//! independent of their number.
#![allow(unsafe_code)]

mod narrow;

use pulp::Arch;

/// A matrix inside a slice: element (i, j) lies at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix; `data` has `rows * columns` elements.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns);
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose, without moving anything.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Whether a product replaces the output or is added to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Into {
    Replace,
    Add,
}

/// `out = a b` or `out += a b`; `out` is row-major `[a.rows, b.columns]`.
pub fn matmul(out: &mut [f32], into: Into, a: Matrix<'_>, b: Matrix<'_>) {
    assert_eq!(a.columns, b.rows);
    assert_eq!(out.len(), a.rows * b.columns);
    let (narrow, width) = (narrow::WIDTHS.contains(&b.columns), b.columns);
    match into {
        Into::Replace
            if narrow && a.rows <= narrow::FEW && a.column_stride == 1 && b.column_stride == 1 =>
        {
            Arch::new().dispatch(narrow::Outputs { out, a: a.data, b: b.data, width });
        }
        Into::Add if narrow && a.row_stride == 1 && b.column_stride == 1 => {
            Arch::new().dispatch(narrow::Weights { out, a: a.data, d: b.data, width });
        }
        Into::Replace if a.columns == 2 && a.column_stride == 1 && b.row_stride == 1 => {
            narrow::inputs_of_two(out, a.data, b.data);
        }
        _ => large(out, into, a, b),
    }
}

fn large(out: &mut [f32], into: Into, a: Matrix<'_>, b: Matrix<'_>) {
    // SAFETY: the assertions here and in `Matrix::new` keep every index inside its slice, and
    // the output is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            into == Into::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    /// A vector's width decides which sums are made side by side, never their order.
    #[test]
    fn narrow_products_are_the_bits_of_large_ones() {
        let stream = Stream::new(2, "test");
        let fill = |lane, len: usize| -> Vec<f32> {
            (0..len).map(|i| stream.normal(lane, i as u64)[0]).collect()
        };
        for (rows, inputs) in [(5, 256), (250, 256), (13, 77), (1, 3)] {
            for width in narrow::WIDTHS {
                let (x, w) = (fill(0, rows * inputs), fill(1, inputs * width));
                let (d, before) = (fill(2, rows * width), fill(3, inputs * width));
                let x = Matrix::new(&x, rows, inputs);
                let w = Matrix::new(&w, inputs, width);
                let d = Matrix::new(&d, rows, width);
                let products = [
                    (Into::Replace, x, w, vec![f32::NAN; rows * width]),
                    (Into::Add, x.t(), d, before),
                    (Into::Replace, d, w.t(), vec![f32::NAN; rows * inputs]),
                ];
                for (into, a, b, mut out) in products {
                    let mut expected = out.clone();
                    large(&mut expected, into, a, b);
                    matmul(&mut out, into, a, b);
                    assert!(
                        out.iter().map(|x| x.to_bits()).eq(expected.iter().map(|x| x.to_bits())),
                        "[{}, {}] times [{}, {}]",
                        a.rows,
                        a.columns,
                        b.rows,
                        b.columns
                    );
                }
            }
        }
    }

    #[test]
    fn equals_the_definition_in_every_orientation() {
        let stream = Stream::new(1, "test");
        let (m, n, k) = (7, 5, 33);
        let fill = |lane, len: usize| -> Vec<f32> {
            (0..len).map(|i| stream.normal(lane, i as u64)[0]).collect()
        };
        let (a, b) = (fill(0, m * k), fill(1, k * n));
        let transpose = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
            (0..rows * columns).map(|i| x[(i % rows) * columns + i / rows]).collect()
        };
        let (at, bt) = (transpose(&a, m, k), transpose(&b, k, n));
        let expected: Vec<f32> =
            (0..m * n).map(|i| (0..k).map(|l| a[i / n * k + l] * b[l * n + i % n]).sum()).collect();
        let lefts = [Matrix::new(&a, m, k), Matrix::new(&at, k, m).t()];
        let rights = [Matrix::new(&b, k, n), Matrix::new(&bt, n, k).t()];
        for left in lefts {
            for right in rights {
                let mut out = vec![f32::NAN; m * n];
                matmul(&mut out, Into::Replace, left, right);
                matmul(&mut out, Into::Add, left, right);
                for (o, e) in out.iter().zip(&expected) {
                    assert!((o - 2.0 * e).abs() < 1e-4, "{o} against {}", 2.0 * e);
                }
            }
        }
    }
}
