//! Frames as bytes: what of them changed, from and to pixels.

use super::item::Item;
use std::ops::Range;

/// A span of columns for each row, out of which nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// First column and the one after the last, for each row.
    rows: Vec<(i32, i32)>,
}

/// No columns, and fewer than any.
const NONE: (i32, i32) = (i32::MAX, 0);

impl Region {
    pub fn all(size: u32) -> Self {
        Self { rows: vec![(0, size as i32); size as usize] }
    }

    pub fn none(size: u32) -> Self {
        Self { rows: vec![NONE; size as usize] }
    }

    /// Empties the region.
    pub fn clear(&mut self) {
        self.rows.fill(NONE);
    }

    /// Makes it the whole frame.
    pub fn fill(&mut self) {
        let side = self.rows.len() as i32;
        self.rows.fill((0, side));
    }

    /// Takes in all pixels that an item may touch, and more where it is turned.
    #[inline]
    pub fn add(&mut self, item: &Item) {
        let last = item.y1 - 1 - item.y0;
        // Edges are straight, unless they are so far out that they wrap.
        let edge = |x: i32, dx: i32| last.checked_mul(dx).and_then(|dx| x.checked_add(dx));
        let columns = match (edge(item.xl, item.dxl), edge(item.xr, item.dxr)) {
            (Some(left), Some(right)) => (item.xl.min(left) >> 16, item.xr.max(right) >> 16),
            _ => (0, i32::MAX),
        };
        self.add_rows(item.y0..item.y1, columns);
    }

    #[inline]
    fn add_rows(&mut self, rows: Range<i32>, (left, right): (i32, i32)) {
        let side = self.rows.len() as i32;
        let (left, right) = (left.max(0), right.min(side));
        if rows.is_empty() || left >= right {
            return;
        }
        // Whole blocks, as pixels are converted.
        let most = MOST as i32;
        let columns = (left & -most, ((right + most - 1) & -most).min(side));
        let rows = &mut self.rows[rows.start as usize..rows.end as usize];
        for row in rows {
            *row = (row.0.min(columns.0), row.1.max(columns.1));
        }
    }

    /// The pixels of each row, first and the one after the last, where there are any; those of the
    /// whole frame at once.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let side = self.rows.len();
        let whole = self.rows.iter().fold(true, |all, row| all & (*row == (0, side as i32)));
        let (rows, more) = if whole { (1, (side - 1) * side) } else { (side, 0) };
        let rows = self.rows[..rows].iter().enumerate().filter(|(_, (left, right))| left < right);
        rows.map(move |(y, &(left, right))| {
            (y * side + left as usize, y * side + right as usize + more)
        })
    }
}

/// Writes pixels 0xAARRGGBB of a region as bytes R, G, B; both are whole frames.
pub fn write_rgb(pixels: &[u32], region: &Region, frame: &mut [u8]) {
    let write = Write { pixels, region, frame };
    #[cfg(target_arch = "x86_64")]
    let Some(write) = shuffled::shuffled(write) else { return };
    write.all(pack);
}

/// Reads what [`write_rgb`] wrote.
pub fn read_rgb(frame: &[u8], region: &Region, pixels: &mut [u32]) {
    let read = Read { frame, region, pixels };
    #[cfg(target_arch = "x86_64")]
    let Some(read) = shuffled::shuffled(read) else { return };
    read.all(unpack);
}

/// Pixels that are converted at once: their bytes are three vectors.
const MOST: usize = 16;

struct Write<'a> {
    pixels: &'a [u32],
    region: &'a Region,
    frame: &'a mut [u8],
}

impl Write<'_> {
    #[inline(always)]
    fn all(self, pack: impl Fn(&[u32; MOST]) -> [u8; 3 * MOST]) {
        for (first, end) in self.region.runs() {
            let (blocks, rest) = self.pixels[first..end].as_chunks();
            let (bytes, tail) = self.frame[3 * first..3 * end].as_chunks_mut();
            for (block, bytes) in blocks.iter().zip(bytes) {
                *bytes = pack(block);
            }
            for (pixel, bytes) in rest.iter().zip(tail.as_chunks_mut().0) {
                *bytes = rgb(*pixel);
            }
        }
    }
}

struct Read<'a> {
    frame: &'a [u8],
    region: &'a Region,
    pixels: &'a mut [u32],
}

impl Read<'_> {
    #[inline(always)]
    fn all(self, unpack: impl Fn(&[u8; 3 * MOST]) -> [u32; MOST]) {
        for (first, end) in self.region.runs() {
            let (blocks, rest) = self.pixels[first..end].as_chunks_mut();
            let (bytes, tail) = self.frame[3 * first..3 * end].as_chunks();
            for (block, bytes) in blocks.iter_mut().zip(bytes) {
                *block = unpack(bytes);
            }
            for (pixel, bytes) in rest.iter_mut().zip(tail.as_chunks().0) {
                *pixel = opaque(*bytes);
            }
        }
    }
}

/// A pixel 0xAARRGGBB as R, G, B.
fn rgb(pixel: u32) -> [u8; 3] {
    let [_, r, g, b] = pixel.to_be_bytes();
    [r, g, b]
}

/// The other way.
fn opaque([r, g, b]: [u8; 3]) -> u32 {
    u32::from_be_bytes([255, r, g, b])
}

fn pack(block: &[u32; MOST]) -> [u8; 3 * MOST] {
    let mut bytes = [0; 3 * MOST];
    for (bytes, &pixel) in bytes.as_chunks_mut().0.iter_mut().zip(block) {
        *bytes = rgb(pixel);
    }
    bytes
}

fn unpack(bytes: &[u8; 3 * MOST]) -> [u32; MOST] {
    let mut block = [0; MOST];
    for (pixel, &bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
        *pixel = opaque(bytes);
    }
    block
}

/// Compilers do not find the instruction that puts bytes in another order.
#[cfg(target_arch = "x86_64")]
mod shuffled {
    use super::{Read, Write};
    use pulp::{
        NullaryFnOnce, cast,
        x86::{V3, V4},
    };
    use std::arch::x86_64::{__m128i, __m256i, __m512i};

    pub struct Shuffled<S, T>(pub S, pub T);

    /// Does the work with the widest vectors there are; gives it back if there are none.
    pub fn shuffled<T>(work: T) -> Option<T>
    where
        Shuffled<V3, T>: NullaryFnOnce<Output = ()>,
        Shuffled<V4, T>: NullaryFnOnce<Output = ()>,
    {
        if let Some(simd) = V4::try_new() {
            simd.vectorize(Shuffled(simd, work));
        } else if let Some(simd) = V3::try_new() {
            simd.vectorize(Shuffled(simd, work));
        } else {
            return Some(work);
        }
        None
    }

    /// Puts R, G, B of four pixels at some byte of a vector, as far as they fit; zeros elsewhere.
    const fn packed_at(first: i8) -> [i8; 16] {
        let mut order = [-1; 16];
        let mut at = 0;
        while at < 12 {
            let to = first + at;
            if 0 <= to && to < 16 {
                order[to as usize] = at / 3 * 4 + 2 - at % 3;
            }
            at += 1;
        }
        order
    }

    /// Spreads R, G, B of four pixels, from some byte of a vector on.
    const fn spread_from(first: i8) -> [i8; 16] {
        let mut order = [-1; 16];
        let mut at = 0;
        while at < 12 {
            order[(at / 3 * 4 + 2 - at % 3) as usize] = first + at;
            at += 1;
        }
        order
    }

    impl NullaryFnOnce for Shuffled<V3, Write<'_>> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, write) = self;
            let shuffle = |four: __m128i, order: [i8; 16]| -> __m128i {
                simd.ssse3._mm_shuffle_epi8(four, cast(order))
            };
            let or = |a: __m128i, b: __m128i| simd.sse2._mm_or_si128(a, b);
            write.all(
                #[inline(always)]
                |block| {
                    let [a, b, c, d]: [__m128i; 4] = cast(*block);
                    cast([
                        or(shuffle(a, packed_at(0)), shuffle(b, packed_at(12))),
                        or(shuffle(b, packed_at(-4)), shuffle(c, packed_at(8))),
                        or(shuffle(c, packed_at(-8)), shuffle(d, packed_at(4))),
                    ])
                },
            );
        }
    }

    impl NullaryFnOnce for Shuffled<V3, Read<'_>> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, read) = self;
            let alpha = simd.sse2._mm_set1_epi32(0xff00_0000_u32 as i32);
            let four = |bytes: &[u8], order: [i8; 16]| -> __m128i {
                let bytes: [u8; 16] = *bytes.first_chunk().expect("sixteen bytes");
                simd.sse2._mm_or_si128(simd.ssse3._mm_shuffle_epi8(cast(bytes), cast(order)), alpha)
            };
            read.all(
                #[inline(always)]
                |bytes| {
                    cast([
                        four(&bytes[..], spread_from(0)),
                        four(&bytes[12..], spread_from(0)),
                        four(&bytes[24..], spread_from(0)),
                        // Not from byte 36, behind which there are no sixteen.
                        four(&bytes[32..], spread_from(4)),
                    ])
                },
            );
        }
    }

    impl NullaryFnOnce for Shuffled<V4, Write<'_>> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, write) = self;
            // The fourth of each lane, which holds nothing, comes last.
            let together: [u32; 16] = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15];
            let order: __m512i = cast([packed_at(0); 4]);
            write.all(
                #[inline(always)]
                |block| {
                    let packed = simd.avx512bw._mm512_shuffle_epi8(cast(*block), order);
                    let bytes: [u8; 64] =
                        cast(simd.avx512f._mm512_permutexvar_epi32(cast(together), packed));
                    *bytes.first_chunk().expect("fewer than 64")
                },
            );
        }
    }

    impl NullaryFnOnce for Shuffled<V4, Read<'_>> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, read) = self;
            let f = simd.avx512f;
            let half = |bytes: &[u8]| -> __m256i {
                cast::<[u8; 32], _>(*bytes.first_chunk().expect("thirty-two bytes"))
            };
            // The second half begins sixteen bytes after the first: its last twelve are the eighth
            // to the fifteenth.
            let apart: [u32; 16] = [0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 12, 0, 13, 14, 15, 0];
            let order: __m512i = cast([spread_from(0); 4]);
            let alpha = f._mm512_set1_epi32(0xff00_0000_u32 as i32);
            read.all(
                #[inline(always)]
                |bytes| {
                    let halves = f._mm512_inserti64x4::<1>(
                        f._mm512_castsi256_si512(half(&bytes[..])),
                        half(&bytes[16..]),
                    );
                    let apart = f._mm512_permutexvar_epi32(cast(apart), halves);
                    cast(f._mm512_or_si512(simd.avx512bw._mm512_shuffle_epi8(apart, order), alpha))
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Ways = Vec<(Box<dyn Fn(Write<'_>)>, Box<dyn Fn(Read<'_>)>)>;

    /// All ways to convert that this machine has.
    fn ways() -> Ways {
        let mut ways: Ways =
            vec![(Box::new(|write| write.all(pack)), Box::new(|read| read.all(unpack)))];
        #[cfg(target_arch = "x86_64")]
        {
            use pulp::x86::{V3, V4};
            use shuffled::Shuffled;
            if let Some(simd) = V3::try_new() {
                ways.push((
                    Box::new(move |write| simd.vectorize(Shuffled(simd, write))),
                    Box::new(move |read| simd.vectorize(Shuffled(simd, read))),
                ));
            }
            if let Some(simd) = V4::try_new() {
                ways.push((
                    Box::new(move |write| simd.vectorize(Shuffled(simd, write))),
                    Box::new(move |read| simd.vectorize(Shuffled(simd, read))),
                ));
            }
        }
        ways
    }

    #[test]
    fn bytes_are_red_green_blue_at_any_width() {
        for (write, read) in ways() {
            for size in [1_u32, 3, 5, 8, 17, 64] {
                let pixels: Vec<u32> =
                    (0..size * size).map(|i| 0xff00_0000 | (i * 0x01_0203)).collect();
                let region = Region::all(size);
                let mut frame = vec![0; pixels.len() * 3];
                write(Write { pixels: &pixels, region: &region, frame: &mut frame });
                let bytes = |p: &u32| [(p >> 16) as u8, (p >> 8) as u8, *p as u8];
                assert_eq!(frame, pixels.iter().flat_map(bytes).collect::<Vec<_>>(), "{size}");
                let mut back = vec![0; pixels.len()];
                read(Read { frame: &frame, region: &region, pixels: &mut back });
                assert_eq!(back, pixels.iter().map(|p| p | 0xff00_0000).collect::<Vec<_>>());
            }
        }
    }
}
