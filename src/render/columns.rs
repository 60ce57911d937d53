//! Rows of a picture as a frame shows them: the same texel columns in each.

use super::{
    cpu::{Block, LANES, texel_columns},
    item::Item,
};
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

/// Which texel each pixel of a row shows.
pub struct Columns {
    texels: Vec<u8>,
    /// Pixels that a vector of this machine holds; one where there are no vectors.
    lanes: usize,
    /// The same for so many neighbours at a time.
    eight: Blocks<8>,
    sixteen: Blocks<16>,
}

impl Default for Columns {
    fn default() -> Self {
        Self::with_lanes(widest())
    }
}

/// Most pixels that a vector of this machine holds.
fn widest() -> usize {
    #[cfg(target_arch = "x86_64")]
    if V4::try_new().is_some() {
        return 16;
    } else if V3::try_new().is_some() {
        return 8;
    }
    1
}

/// The texels of `N` neighbouring pixels at a time, where these do not lie apart.
#[derive(Default)]
struct Blocks<const N: usize> {
    near: Vec<Near<N>>,
    /// Whether they lie within `N` neighbours, and not twice as many.
    close: bool,
}

/// The texels of neighbouring pixels: one, and how far from it each is.
#[derive(Clone, Copy)]
struct Near<const N: usize> {
    first: u8,
    offsets: [u32; N],
}

/// Texels of a row that a byte can count, and so many more that two vectors from any on are within
/// bounds.
pub const WINDOW: usize = 256 + 2 * 16;

impl<const N: usize> Blocks<N> {
    /// The texels of a row's pixels, a whole block more than there are. `near` stays empty if some
    /// are too far apart.
    #[inline(always)]
    fn set(&mut self, texels: &[u8], length: usize) {
        self.near.clear();
        let mut most = 0;
        for block in texels.as_chunks::<N>().0.iter().take(length.div_ceil(N)) {
            let first = block.iter().fold(u8::MAX, |first, &texel| first.min(texel));
            let offsets = block.map(|texel| u32::from(texel - first));
            most = offsets.iter().fold(most, |most, &offset| most.max(offset));
            self.near.push(Near { first, offsets });
        }
        self.close = most < N as u32;
        if most >= 2 * N as u32 {
            self.near.clear();
        }
    }
}

impl Columns {
    /// No more lanes than the machine has.
    fn with_lanes(lanes: usize) -> Self {
        let (eight, sixteen) = (Blocks::default(), Blocks::default());
        Self { texels: Vec::new(), lanes, eight, sixteen }
    }

    /// The columns of an item of at most 256 texels a row that is not turned, for `length`
    /// pixels from `left` on.
    #[inline(always)]
    pub fn set(&mut self, item: &Item, left: i32, length: usize) {
        self.texels.clear();
        for done in (0..length + 16).step_by(LANES) {
            let columns: Block = texel_columns(item, left + done as i32, item.y0);
            self.texels.extend(columns.iter().map(|&column| column as u8));
        }
        match self.lanes {
            16 => self.sixteen.set(&self.texels, length),
            8 => self.eight.set(&self.texels, length),
            _ => {}
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
        if !self.sixteen.near.is_empty()
            && let Some(simd) = V4::try_new()
        {
            return simd.vectorize(permuted::Permuted(simd, show));
        } else if !self.eight.near.is_empty()
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

/// Compilers do not find the instructions that take texels of a vector in any order.
#[cfg(target_arch = "x86_64")]
mod permuted {
    use super::{Blocks, Near, Show, WINDOW, look_up};
    use pulp::{
        NullaryFnOnce, cast,
        x86::{V3, V4},
    };
    use std::arch::x86_64::{__m256i, __m512i};

    pub struct Permuted<'p, 'c, S, F>(pub S, pub Show<'p, 'c, F>);

    /// `N` texels from some texel of a row on.
    #[inline(always)]
    fn texels<const N: usize>(source: &[u32; WINDOW], first: usize) -> [u32; N] {
        *source[first..].first_chunk().expect("a window")
    }

    impl<'a, F: FnMut() -> &'a [u32; WINDOW]> NullaryFnOnce for Permuted<'_, '_, V3, F> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, show) = self;
            let columns = show.columns;
            // Permutations look at three bits of an offset.
            let of = |source: &[u32; WINDOW], first: usize, near: &Near<8>| -> __m256i {
                let texels = texels::<8>(source, first);
                simd.avx2._mm256_permutevar8x32_epi32(cast(texels), cast(near.offsets))
            };
            if columns.eight.close {
                return show.all(columns.eight.row(
                    &columns.texels,
                    #[inline(always)]
                    |source, near| cast(of(source, near.first.into(), near)),
                ));
            }
            show.all(columns.eight.row(
                &columns.texels,
                #[inline(always)]
                |source, near| {
                    let far = simd
                        .avx2
                        ._mm256_cmpgt_epi32(cast(near.offsets), simd.avx._mm256_set1_epi32(7));
                    let first = usize::from(near.first);
                    let (low, high) = (of(source, first, near), of(source, first + 8, near));
                    cast(simd.avx2._mm256_blendv_epi8(low, high, far))
                },
            ));
        }
    }

    impl<'a, F: FnMut() -> &'a [u32; WINDOW]> NullaryFnOnce for Permuted<'_, '_, V4, F> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, show) = self;
            let (f, columns) = (simd.avx512f, show.columns);
            let texels = |source: &[u32; WINDOW], first: usize| -> __m512i {
                cast(texels::<16>(source, first))
            };
            if columns.sixteen.close {
                return show.all(columns.sixteen.row(
                    &columns.texels,
                    #[inline(always)]
                    |source, near| {
                        let texels = texels(source, near.first.into());
                        cast(f._mm512_permutexvar_epi32(cast(near.offsets), texels))
                    },
                ));
            }
            show.all(columns.sixteen.row(
                &columns.texels,
                #[inline(always)]
                |source, near| {
                    let first = usize::from(near.first);
                    let (low, high) = (texels(source, first), texels(source, first + 16));
                    cast(f._mm512_permutex2var_epi32(low, cast(near.offsets), high))
                },
            ));
        }
    }

    impl<const N: usize> Blocks<N> {
        /// Shows a row, a block at a time.
        #[inline(always)]
        fn row(
            &self,
            texels: &[u8],
            shown: impl Fn(&[u32; WINDOW], &Near<N>) -> [u32; N],
        ) -> impl Fn(&[u32; WINDOW], &mut [u32]) {
            #[inline(always)]
            move |source, row| {
                let (blocks, rest) = row.as_chunks_mut::<N>();
                for (block, near) in blocks.iter_mut().zip(&self.near) {
                    *block = shown(source, near);
                }
                look_up(source, &texels[blocks.len() * N..], rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any number of pixels, from magnified tenfold to far apart, of texels that are their numbers.
    #[test]
    fn vectors_show_the_texels_of_each_pixel() {
        let texels: Vec<u32> = (0..3 * WINDOW as u32).collect();
        for lanes in [1, 8, 16].into_iter().filter(|&lanes| lanes <= widest()) {
            let mut columns = Columns::with_lanes(lanes);
            let mut vectors = 0;
            for (length, width) in (1..=64).flat_map(|length| [1, 9, 31, 256].map(|w| (length, w)))
            {
                for step in [6_554, 65_536, 100_000, 200_000, 600_000, -70_000] {
                    let u0 = if step < 0 { (width << 16) - 1 } else { 3 };
                    let item = Item { size: width | 1 << 16, u0, dudx: step, ..Item::default() };
                    let mut rows = texels.chunks(WINDOW).map(|row| row.first_chunk().unwrap());
                    let mut pixels = vec![0; 2 * 80 + length];
                    columns.set(&item, 0, length);
                    columns.show(&mut pixels, 80, 3, || rows.next().unwrap());
                    vectors += usize::from(!columns.eight.near.is_empty())
                        + usize::from(!columns.sixteen.near.is_empty());
                    for (y, row) in pixels.chunks(80).enumerate() {
                        for (x, &shown) in row[..length].iter().enumerate() {
                            let texel = ((u0 + x as i32 * step) >> 16).clamp(0, width - 1);
                            assert_eq!(shown as usize, y * WINDOW + texel as usize, "{lanes} {x}");
                        }
                        assert!(row[length..].iter().all(|&beside| beside == 0));
                    }
                }
            }
            assert!((vectors > 500) == (lanes > 1), "{lanes} {vectors}");
        }
    }
}
