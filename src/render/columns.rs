//! Rows of a picture as a frame shows them: the same texel columns in each.

use super::{
    cpu::{Block, LANES, texel_columns},
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
    /// Whether they even lie within eight.
    close: bool,
}

/// The texels of eight neighbouring pixels, where these are within sixteen neighbours.
#[derive(Clone, Copy)]
struct Near {
    first: u8,
    /// From the first on.
    offsets: [u32; LANES],
}

/// Texels that two vectors hold.
const REACH: usize = 2 * LANES;
/// Texels of a row that a byte can count, and so many more that none is out of bounds.
pub const WINDOW: usize = 256 + REACH;

impl Columns {
    /// The columns of an item of at most 256 texels a row that is not turned, for `length`
    /// pixels from `left` on.
    #[inline(always)]
    pub fn set(&mut self, item: &Item, left: i32, length: usize) {
        self.texels.clear();
        self.near.clear();
        self.close = true;
        for done in (0..length).step_by(LANES) {
            let columns: Block = texel_columns(item, left + done as i32, item.y0);
            self.texels.extend(columns.iter().map(|&column| column as u8));
            let least = columns.iter().fold(u32::MAX, |least, &column| least.min(column));
            let offsets = columns.map(|column| column - least);
            if offsets.iter().all(|&offset| offset < REACH as u32) {
                self.near.push(Near { first: least as u8, offsets });
            }
            self.close &= offsets.iter().all(|&offset| offset < LANES as u32);
        }
        self.texels.truncate(length);
    }

    /// Shows `rows` rows, as many pixels of each as there are columns: the first from the first pixel
    /// on, the others `side` apart. `window` tells where the texels of a row are.
    #[inline(always)]
    pub fn show<'a>(
        &self,
        pixels: &mut [u32],
        side: usize,
        rows: usize,
        window: impl FnMut() -> &'a [u32; WINDOW],
    ) {
        let show = Show { columns: self, pixels, side, rows, window };
        #[cfg(target_arch = "x86_64")]
        if self.near.len() == self.texels.len().div_ceil(LANES)
            && let Some(simd) = V3::try_new()
        {
            return simd.vectorize(permuted::Permuted(simd, show));
        }
        show.all(|source, row| look_up(source, &self.texels, row));
    }
}

struct Show<'p, 'c, F> {
    columns: &'c Columns,
    pixels: &'p mut [u32],
    side: usize,
    rows: usize,
    window: F,
}

impl<'a, F: FnMut() -> &'a [u32; WINDOW]> Show<'_, '_, F> {
    #[inline(always)]
    fn all(mut self, show: impl Fn(&[u32; WINDOW], &mut [u32])) {
        let length = self.columns.texels.len();
        for row in 0..self.rows {
            show((self.window)(), &mut self.pixels[row * self.side..][..length]);
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
    use super::{Columns, LANES, Near, Show, WINDOW, look_up};
    use pulp::{NullaryFnOnce, cast, x86::V3};
    use std::arch::x86_64::__m256i;

    pub struct Permuted<'p, 'c, F>(pub V3, pub Show<'p, 'c, F>);

    impl<'a, F: FnMut() -> &'a [u32; WINDOW]> NullaryFnOnce for Permuted<'_, '_, F> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, show) = self;
            let columns = show.columns;
            // Permutations look at three bits of an offset.
            let of = |source: &[u32; WINDOW], first: usize, near: &Near| -> __m256i {
                let texels: [u32; LANES] = *source[first..].first_chunk().expect("a window");
                simd.avx2._mm256_permutevar8x32_epi32(cast(texels), cast(near.offsets))
            };
            if columns.close {
                return show.all(blocks(
                    columns,
                    #[inline(always)]
                    |source, near| of(source, near.first.into(), near),
                ));
            }
            show.all(blocks(
                columns,
                #[inline(always)]
                |source, near| {
                    let far = simd.avx2._mm256_cmpgt_epi32(
                        cast(near.offsets),
                        simd.avx._mm256_set1_epi32(LANES as i32 - 1),
                    );
                    let first = usize::from(near.first);
                    let (low, high) = (of(source, first, near), of(source, first + LANES, near));
                    simd.avx2._mm256_blendv_epi8(low, high, far)
                },
            ));
        }
    }

    /// Shows a row, a block at a time.
    #[inline(always)]
    fn blocks(
        columns: &Columns,
        shown: impl Fn(&[u32; WINDOW], &Near) -> __m256i,
    ) -> impl Fn(&[u32; WINDOW], &mut [u32]) {
        #[inline(always)]
        move |source, row| {
            let (blocks, rest) = row.as_chunks_mut::<LANES>();
            for (block, near) in blocks.iter_mut().zip(&columns.near) {
                *block = cast(shown(source, near));
            }
            look_up(source, &columns.texels[blocks.len() * LANES..], rest);
        }
    }
}
