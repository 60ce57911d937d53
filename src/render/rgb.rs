//! Frames as bytes: what of them changed, from and to pixels.

use super::item::Item;
#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;

/// A span of columns for each row, out of which nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// First column and the one after the last, for each row.
    rows: Vec<(i32, i32)>,
}

impl Region {
    pub fn all(size: u32) -> Self {
        Self { rows: vec![(0, size as i32); size as usize] }
    }

    pub fn none(size: u32) -> Self {
        Self { rows: vec![(0, 0); size as usize] }
    }

    /// Empties the region.
    pub fn clear(&mut self) {
        self.rows.fill((0, 0));
    }

    /// Makes it the whole frame.
    pub fn fill(&mut self) {
        let side = self.rows.len() as i32;
        self.rows.fill((0, side));
    }

    /// Takes in all pixels that an item may touch.
    pub fn add(&mut self, item: &Item) {
        let side = self.rows.len() as i32;
        let columns = |y| {
            let (left, right) = item.columns(y, side);
            // In fours, as pixels are converted.
            if left < right { (left & !3, ((right + 3) & !3).min(side)) } else { (0, 0) }
        };
        let rows = &mut self.rows[item.y0 as usize..item.y1 as usize];
        if (item.dxl, item.dxr) == (0, 0) {
            let columns = columns(item.y0);
            rows.iter_mut().for_each(|row| *row = hull(*row, columns));
        } else {
            rows.iter_mut().zip(item.y0..).for_each(|(row, y)| *row = hull(*row, columns(y)));
        }
    }

    /// The pixels of each row, first and the one after the last, where there are any.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let side = self.rows.len();
        let rows = self.rows.iter().enumerate().filter(|(_, (left, right))| left < right);
        rows.map(move |(y, &(left, right))| (y * side + left as usize, y * side + right as usize))
    }
}

/// The columns from the first to the last of two spans, either of which may be empty.
#[inline]
fn hull(a: (i32, i32), b: (i32, i32)) -> (i32, i32) {
    match (a.0 < a.1, b.0 < b.1) {
        (true, true) => (a.0.min(b.0), a.1.max(b.1)),
        (true, false) => a,
        (false, _) => b,
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
