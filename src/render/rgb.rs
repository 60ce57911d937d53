//! Frames as bytes: what of them changed, from and to pixels.

use super::item::Item;
#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;
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
        // In fours, as pixels are converted.
        let columns = (left & !3, ((right + 3) & !3).min(side));
        let rows = &mut self.rows[rows.start as usize..rows.end as usize];
        for row in rows {
            *row = (row.0.min(columns.0), row.1.max(columns.1));
        }
    }

    /// The pixels of each row, first and the one after the last, where there are any.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let side = self.rows.len();
        let rows = self.rows.iter().enumerate().filter(|(_, (left, right))| left < right);
        rows.map(move |(y, &(left, right))| (y * side + left as usize, y * side + right as usize))
    }
}

/// Writes pixels 0xAARRGGBB of a region as bytes R, G, B; both are whole frames.
pub fn write_rgb(pixels: &[u32], region: &Region, frame: &mut [u8]) {
    let write = Write { pixels, region, frame };
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V3::try_new() {
        return simd.vectorize(shuffled::Shuffled(simd, write));
    }
    write.all(pack);
}

/// Reads what [`write_rgb`] wrote.
pub fn read_rgb(frame: &[u8], region: &Region, pixels: &mut [u32]) {
    let read = Read { frame, region, pixels };
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V3::try_new() {
        return simd.vectorize(shuffled::Shuffled(simd, read));
    }
    read.all(unpack);
}

struct Write<'a> {
    pixels: &'a [u32],
    region: &'a Region,
    frame: &'a mut [u8],
}

impl Write<'_> {
    #[inline(always)]
    fn all(self, pack: impl Fn([u32; 4]) -> [u8; 12]) {
        for (first, end) in self.region.runs() {
            let (fours, rest) = self.pixels[first..end].as_chunks();
            let (bytes, tail) = self.frame[3 * first..3 * end].as_chunks_mut();
            for (four, bytes) in fours.iter().zip(bytes) {
                *bytes = pack(*four);
            }
            for (pixel, bytes) in rest.iter().zip(tail.as_chunks_mut::<3>().0) {
                let [_, r, g, b] = pixel.to_be_bytes();
                *bytes = [r, g, b];
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
    fn all(self, unpack: impl Fn([u8; 12]) -> [u32; 4]) {
        for (first, end) in self.region.runs() {
            let (fours, rest) = self.pixels[first..end].as_chunks_mut();
            let (bytes, tail) = self.frame[3 * first..3 * end].as_chunks();
            for (four, bytes) in fours.iter_mut().zip(bytes) {
                *four = unpack(*bytes);
            }
            for (pixel, &[r, g, b]) in rest.iter_mut().zip(tail.as_chunks::<3>().0) {
                *pixel = u32::from_be_bytes([255, r, g, b]);
            }
        }
    }
}

/// Pixels 0xAARRGGBB as R, G, B.
fn pack(four: [u32; 4]) -> [u8; 12] {
    let channels = four.map(u32::to_be_bytes);
    std::array::from_fn(|i| channels[i / 3][1 + i % 3])
}

/// The other way, opaque.
fn unpack(bytes: [u8; 12]) -> [u32; 4] {
    let pixel = |i: usize| u32::from_be_bytes([255, bytes[i], bytes[i + 1], bytes[i + 2]]);
    [pixel(0), pixel(3), pixel(6), pixel(9)]
}

/// Compilers do not find the one instruction that this is on x86.
#[cfg(target_arch = "x86_64")]
mod shuffled {
    use super::{Read, Write};
    use pulp::{NullaryFnOnce, cast, x86::V3};

    pub struct Shuffled<T>(pub V3, pub T);

    impl NullaryFnOnce for Shuffled<Write<'_>> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, write) = self;
            let order = cast([2_i8, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1]);
            write.all(
                #[inline(always)]
                |four| {
                    let packed = simd.ssse3._mm_shuffle_epi8(cast(four), order);
                    let [bytes @ .., _, _, _, _]: [u8; 16] = cast(packed);
                    bytes
                },
            );
        }
    }

    impl NullaryFnOnce for Shuffled<Read<'_>> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, read) = self;
            let order = cast([2_i8, 1, 0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1]);
            read.all(
                #[inline(always)]
                |bytes| {
                    let mut packed = [0_u8; 16];
                    packed[..12].copy_from_slice(&bytes);
                    let four = simd.ssse3._mm_shuffle_epi8(cast(packed), order);
                    cast::<_, [u32; 4]>(four).map(|pixel| pixel | 0xff00_0000)
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_red_green_blue_at_any_width() {
        for size in [1_u32, 3, 5, 8, 64] {
            let pixels: Vec<u32> =
                (0..size * size).map(|i| 0xff00_0000 | (i * 0x01_0203)).collect();
            let mut frame = vec![0; pixels.len() * 3];
            write_rgb(&pixels, &Region::all(size), &mut frame);
            let bytes = |p: &u32| [(p >> 16) as u8, (p >> 8) as u8, *p as u8];
            assert_eq!(frame, pixels.iter().flat_map(bytes).collect::<Vec<_>>(), "{size}");
            let mut read = vec![0; pixels.len()];
            read_rgb(&frame, &Region::all(size), &mut read);
            assert_eq!(read, pixels.iter().map(|p| p | 0xff00_0000).collect::<Vec<_>>());
        }
    }
}
