//! Items to pixels on the CPU: the specification that shaders are held to, byte for byte.

use super::{
    item::{FILL, Item, MIRRORED, OPAQUE},
    pictures::Pictures,
};

/// All four channels of 0xAARRGGBB times `a` / 255, rounded as the painter of Procgen does: two
/// channels at a time, 16 bits each.
#[inline(always)]
fn scale(colour: u32, a: u32) -> u32 {
    let pair = |x: u32| {
        let t = x * a;
        ((t + ((t >> 8) & 0x00ff_00ff) + 0x0080_0080) >> 8) & 0x00ff_00ff
    };
    pair(colour & 0x00ff_00ff) | pair(colour >> 8 & 0x00ff_00ff) << 8
}

/// A premultiplied colour over another.
#[inline(always)]
fn over(source: u32, below: u32) -> u32 {
    source.wrapping_add(scale(below, 255 - (source >> 24)))
}

/// A rectangle of columns for each row, in which alone items are drawn.
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

    /// Side of the frame in pixels.
    pub fn side(&self) -> usize {
        self.rows.len()
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
        for y in item.y0..item.y1 {
            let side = self.rows.len() as i32;
            let (left, right) = columns(item, y, side);
            // In fours, as pixels are converted.
            let columns = (left & !3, ((right + 3) & !3).min(side));
            let row = &mut self.rows[y as usize];
            *row = hull(*row, if left < right { columns } else { (0, 0) });
        }
    }

    /// The rows with their columns that are not empty.
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, (a, b))| a < b).map(|(y, &(a, b))| (y, a as usize, b as usize))
    }
}

impl Region {
    /// The rows that an item covers within the region: number, first column, and the one after
    /// the last.
    #[inline]
    fn rows_of<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        let side = self.rows.len() as i32;
        let rows = &self.rows[item.y0 as usize..item.y1 as usize];
        (item.y0..item.y1).zip(rows).filter_map(move |(y, &(low, high))| {
            let (left, right) = columns(item, y, side);
            let (left, right) = (left.max(low), right.min(high));
            (left < right).then_some((y as usize, left as usize, right as usize))
        })
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

/// The columns of an item in a row of its own: first, and the one after the last.
#[inline]
fn columns(item: &Item, y: i32, side: i32) -> (i32, i32) {
    let k = y - item.y0;
    let left = item.xl.wrapping_add(k.wrapping_mul(item.dxl)) >> 16;
    let right = item.xr.wrapping_add(k.wrapping_mul(item.dxr)) >> 16;
    (left.max(0), right.min(side))
}

/// Draws items, first to last, on a frame of `size * size` pixels 0xAARRGGBB, in a region.
pub fn draw(items: &[Item], pictures: &Pictures, region: &Region, pixels: &mut [u32]) {
    let side = region.side();
    let texels = pictures.texels();
    // What is before an item that hides all need not be drawn.
    let hides_all = |item: &Item| {
        item.mode & OPAQUE != 0
            && (item.y0, item.y1, item.xl, item.xr) == (0, side as i32, 0, (side as i32) << 16)
            && (item.dxl, item.dxr) == (0, 0)
    };
    let shown = items.iter().rposition(hides_all).unwrap_or(0);
    for item in &items[shown..] {
        if item.mode & 255 == FILL {
            for (y, left, right) in region.rows_of(item) {
                fill(item, &mut pixels[y * side + left..y * side + right]);
            }
        } else if item.dvdx == 0 && item.dudy == 0 && side <= LOOKUP {
            upright(item, texels, region, pixels);
        } else {
            for (y, left, right) in region.rows_of(item) {
                let row = &mut pixels[y * side + left..y * side + right];
                turned(item, texels, (left as i32, y as i32), row);
            }
        }
    }
}

fn fill(item: &Item, row: &mut [u32]) {
    let colour = item.texel as u32;
    if item.mode & OPAQUE != 0 {
        row.fill(colour);
    } else {
        row.iter_mut().for_each(|pixel| *pixel = over(colour, *pixel));
    }
}

/// The texel column that a pixel shows.
#[inline(always)]
fn texel_column(item: &Item, x: i32, y: i32) -> usize {
    let moved = x.wrapping_mul(item.dudx).wrapping_add(y.wrapping_mul(item.dudy));
    let last = (item.size & 0xffff) - 1;
    let u = (item.u0.wrapping_add(moved) >> 16).clamp(0, last);
    (if item.mode & MIRRORED != 0 { last - u } else { u }) as usize
}

/// The texel row that a pixel shows.
#[inline(always)]
fn texel_row(item: &Item, x: i32, y: i32) -> usize {
    let moved = x.wrapping_mul(item.dvdx).wrapping_add(y.wrapping_mul(item.dvdy));
    (item.v0.wrapping_add(moved) >> 16).clamp(0, (item.size >> 16) - 1) as usize
}

/// Texels a row, 16.16, below which a picture shows most of its rows twice or more.
const ENLARGED: u32 = 40_000;
/// Largest frame for which texel columns are looked up.
const LOOKUP: usize = 64;

/// A picture that is not turned: every row shows the same texel columns.
fn upright(item: &Item, texels: &[u32], region: &Region, pixels: &mut [u32]) {
    let side = region.side();
    let (first, end) = (item.xl >> 16, item.xr >> 16);
    let mut lookup = [0_u16; LOOKUP];
    let columns = &mut lookup[..(end - first) as usize];
    for (column, x) in columns.iter_mut().zip(first..end) {
        *column = texel_column(item, x, 0) as u16;
    }
    let width = (item.size & 0xffff) as usize;
    let picture = &texels[item.texel as usize..][..width * (item.size >> 16) as usize];
    let opacity = item.opacity as u32;
    let (y0, y1) = (item.y0 as usize, item.y1 as usize);
    let rows = pixels[y0 * side..y1 * side].chunks_exact_mut(side).zip(&region.rows[y0..y1]);

    let hides = item.mode & OPAQUE != 0;
    if hides && item.dvdy.unsigned_abs() < ENLARGED {
        // Several rows look the same: that which was drawn last is kept.
        let (mut line, mut shown) = ([0; LOOKUP], usize::MAX);
        for ((row, &(low, high)), y) in rows.zip(item.y0..) {
            let (left, right) = (first.max(low), end.min(high));
            let texel_row = texel_row(item, 0, y);
            if left < right && shown != texel_row {
                shown = texel_row;
                let source = &picture[texel_row * width..][..width];
                for (pixel, &column) in line.iter_mut().zip(&*columns) {
                    *pixel = source[usize::from(column)];
                }
            }
            if left < right {
                let drawn = &line[(left - first) as usize..(right - first) as usize];
                row[left as usize..right as usize].copy_from_slice(drawn);
            }
        }
        return;
    }
    for ((row, &(low, high)), y) in rows.zip(item.y0..) {
        let (left, right) = (first.max(low), end.min(high));
        if left >= right {
            continue;
        }
        let source = &picture[texel_row(item, 0, y) * width..][..width];
        let columns = &columns[(left - first) as usize..(right - first) as usize];
        let texels = columns.iter().map(|&column| source[usize::from(column)]);
        let pairs = row[left as usize..right as usize].iter_mut().zip(texels);
        if hides {
            pairs.for_each(|(pixel, texel)| *pixel = texel);
        } else if opacity == 255 {
            pairs.for_each(|(pixel, texel)| match texel >> 24 {
                0 => {}
                255 => *pixel = texel,
                _ => *pixel = over(texel, *pixel),
            });
        } else {
            pairs.for_each(|(pixel, texel)| *pixel = over(scale(texel, opacity), *pixel));
        }
    }
}

/// A row of any picture, from pixel (x, y) on.
fn turned(item: &Item, texels: &[u32], (x, y): (i32, i32), row: &mut [u32]) {
    let width = (item.size & 0xffff) as usize;
    for (pixel, x) in row.iter_mut().zip(x..) {
        let at = texel_row(item, x, y) * width + texel_column(item, x, y);
        let texel = texels[item.texel as usize + at];
        let texel = if item.opacity == 255 { texel } else { scale(texel, item.opacity as u32) };
        *pixel = over(texel, *pixel);
    }
}

/// Writes pixels 0xAARRGGBB of a region as bytes R, G, B; both are whole frames.
pub fn write_rgb(pixels: &[u32], region: &Region, frame: &mut [u8]) {
    let side = region.rows.len();
    for (y, left, right) in region.rows() {
        let row = &pixels[y * side + left..y * side + right];
        let bytes = &mut frame[3 * (y * side + left)..3 * (y * side + right)];
        let (fours, rest) = row.as_chunks::<4>();
        let (twelves, tail) = bytes.as_chunks_mut::<12>();
        for (four, twelve) in fours.iter().zip(twelves) {
            let [a, b, c, d] = four.map(|pixel| (pixel << 8).swap_bytes());
            twelve[..4].copy_from_slice(&(a | b << 24).to_le_bytes());
            twelve[4..8].copy_from_slice(&(b >> 8 | c << 16).to_le_bytes());
            twelve[8..].copy_from_slice(&(c >> 16 | d << 8).to_le_bytes());
        }
        for (pixel, bytes) in rest.iter().zip(tail.as_chunks_mut::<3>().0) {
            let [_, r, g, b] = pixel.to_be_bytes();
            *bytes = [r, g, b];
        }
    }
}

/// Reads what [`write_rgb`] wrote.
pub fn read_rgb(frame: &[u8], region: &Region, pixels: &mut [u32]) {
    let side = region.side();
    for (y, left, right) in region.rows() {
        let row = &mut pixels[y * side + left..y * side + right];
        let bytes = &frame[3 * (y * side + left)..3 * (y * side + right)];
        for (pixel, &[r, g, b]) in row.iter_mut().zip(bytes.as_chunks::<3>().0) {
            *pixel = u32::from_be_bytes([255, r, g, b]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_channels_at_once_round_as_one() {
        for x in 0..=255 {
            for a in 0..=255 {
                let t = x * a;
                let one = (t + (t >> 8) + 128) >> 8;
                assert_eq!(scale(x * 0x0101_0101, a), one * 0x0101_0101, "{x} * {a}");
                assert_eq!(scale(x << 16, a), one << 16);
            }
        }
    }

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
