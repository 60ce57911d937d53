//! What a machine can reach at most: arithmetic and memory of the CPU.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::hint::black_box;

/// Sums that do not wait for each other: more than a core has in flight (two units, four cycles
/// deep), fewer than it has registers.
const CHAINS: usize = 12;
/// Multiplications and additions of each chain in a call.
const LENGTH: usize = 1 << 16;
/// Numbers of an array: far more than a cache holds.
const ARRAY: usize = 1 << 24;

struct Products;

impl WithSimd for Products {
    type Output = (f64, f32);

    /// How many operations in single precision were done, and what they came to.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f64, f32) {
        let (factor, addend) = (simd.splat_f32s(0.999), simd.splat_f32s(0.001));
        // Equal chains would be computed once.
        let mut sums = [1.0; CHAINS].map(|x: f32| simd.splat_f32s(black_box(x)));
        for _ in 0..LENGTH {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, addend);
            }
        }
        let sum = sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum();
        ((2 * S::F32_LANES * CHAINS * LENGTH) as f64, sum)
    }
}

/// Floating-point operations, of which a fused multiplication and addition is two, that all worker
/// threads do at a time with data in registers; returns how many it did.
pub fn multiply() -> f64 {
    let work = |_| {
        let (operations, sum) = Arch::new().dispatch(Products);
        // What nobody looks at need not be computed.
        black_box(sum);
        operations
    };
    (0..rayon::current_num_threads()).into_par_iter().map(work).sum()
}

/// Three arrays that do not fit a cache.
pub struct Triad {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Triad {
    pub fn new() -> Self {
        let [a, b, c] = [0.0, 1.0, 2.0].map(|x| vec![x; ARRAY]);
        Self { a, b, c }
    }

    /// a = b + s c on all worker threads; returns the bytes read and written as the benchmark
    /// STREAM counts them (McCalpin 1995), without what a cache reads of `a` before it is written.
    pub fn pass(&mut self) -> f64 {
        let part = ARRAY.div_ceil(rayon::current_num_threads());
        let (b, c) = (self.b.par_chunks(part), self.c.par_chunks(part));
        self.a.par_chunks_mut(part).zip(b).zip(c).for_each(|((a, b), c)| {
            Arch::new().dispatch(
                #[inline(always)]
                || a.iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = b + 3.0 * c),
            );
        });
        black_box(&self.a);
        (3 * ARRAY * size_of::<f32>()) as f64
    }
}

impl Default for Triad {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_computes_what_it_says() {
        let mut triad = Triad::new();
        assert_eq!(triad.pass(), 3.0 * 4.0 * ARRAY as f64);
        assert!(triad.a.iter().all(|&a| a == 7.0));
    }

    #[test]
    fn products_come_to_what_they_should() {
        // x = 0.999 x + 0.001 stays at 1.
        let (operations, sum) = Arch::new().dispatch(Products);
        let lanes = operations / (2 * CHAINS * LENGTH) as f64;
        assert!((f64::from(sum) / (lanes * CHAINS as f64) - 1.0).abs() < 1e-3, "{sum}");
    }
}
