//! Rows of a picture as a frame shows them: the same texel columns in each.

use super::{
    cpu::{LANES, WINDOW, texel_columns},
    item::Item,
};
#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;

/// Which texel each pixel of a row shows.
#[derive(Default)]
pub struct Columns {
    texels: Vec<u8>,
    /// The same for eight neighbours at a time, where these do not lie apart.
    near: Vec<Near>,
}

/// The texels of eight neighbouring pixels, where these are within sixteen neighbours.
#[derive(Clone, Copy)]
struct Near {
    first: usize,
    /// From the first on.
    offsets: [u32; LANES],
}

/// Texels that two vectors hold.
const REACH: usize = 2 * LANES;

impl Columns {
    /// The columns of an item of at most [`WINDOW`] texels a row that is not turned, for `length`
    /// pixels from `left` on.
    #[inline(always)]
    pub fn set(&mut self, item: &Item, left: i32, length: usize) {
        self.texels.clear();
        self.near.clear();
        for done in (0..length).step_by(LANES) {
            let columns = texel_columns(item, left + done as i32, item.y0);
            self.texels.extend(columns.iter().map(|&column| column as u8));
            let least = columns.iter().fold(u32::MAX, |least, &column| least.min(column));
            let first = (least as usize).min(WINDOW - REACH);
            let offsets = columns.map(|column| column - first as u32);
            if offsets.iter().all(|&offset| offset < REACH as u32) {
                self.near.push(Near { first, offsets });
            }
        }
    }

    /// Shows rows: of each the window that its texels are in, and its pixels, as many as there are
    /// columns.
    #[inline(always)]
    pub fn show<'a>(&self, rows: impl Iterator<Item = (&'a [u32; WINDOW], &'a mut [u32])>) {
        #[cfg(target_arch = "x86_64")]
        if self.near.len() * LANES == self.texels.len()
            && let Some(simd) = V3::try_new()
        {
            return simd.vectorize(permuted::Permuted { simd, columns: self, rows });
        }
        for (source, row) in rows {
            look_up(source, &self.texels, row);
        }
    }
}

#[inline(always)]
fn look_up(source: &[u32; WINDOW], columns: &[u8], row: &mut [u32]) {
    for (pixel, &column) in row.iter_mut().zip(columns) {
        *pixel = source[usize::from(column)];
    }
}

/// Compilers do not find the instruction that takes eight texels out of eight.
#[cfg(target_arch = "x86_64")]
mod permuted {
    use super::{Columns, LANES, WINDOW, look_up};
    use pulp::{NullaryFnOnce, cast, x86::V3};

    pub struct Permuted<'c, R> {
        pub simd: V3,
        pub columns: &'c Columns,
        pub rows: R,
    }

    impl<'a, R> NullaryFnOnce for Permuted<'_, R>
    where
        R: Iterator<Item = (&'a [u32; WINDOW], &'a mut [u32])>,
    {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, columns, rows } = self;
            for (source, row) in rows {
                let (blocks, rest) = row.as_chunks_mut::<LANES>();
                for (block, near) in blocks.iter_mut().zip(&columns.near) {
                    let of = |first: usize| {
                        let texels: [u32; LANES] =
                            *source[first..].first_chunk().expect("a window");
                        simd.avx2._mm256_permutevar8x32_epi32(cast(texels), cast(near.offsets))
                    };
                    // Permutations look at three bits of an offset.
                    let far = simd.avx2._mm256_cmpgt_epi32(
                        cast(near.offsets),
                        simd.avx._mm256_set1_epi32(LANES as i32 - 1),
                    );
                    let (low, high) = (of(near.first), of(near.first + LANES));
                    *block = cast(simd.avx2._mm256_blendv_epi8(low, high, far));
                }
                look_up(source, &columns.texels[blocks.len() * LANES..], rest);
            }
        }
    }
}
