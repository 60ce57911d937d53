//! Pictures squeezed to the pixel columns that show them, kept for the next time.

use super::{
    cpu::{Block, LANES, texel_columns},
    item::Item,
};

/// Number of strips that are kept; a power of two.
const KEPT: usize = 512;
/// Stands for no column.
const NONE: u8 = u8::MAX;

/// Where a small picture is on a frame decides which of its texel columns show, but many places
/// show the same: eight pixels that show texels 3.2 apart have about two dozen ways to do it.
#[derive(Clone, Debug)]
pub struct Strips {
    kept: Vec<Strip>,
    /// What was asked for last, and its answer: cells of a grid come column by column.
    last: ([u64; 3], [u8; LANES]),
}

/// Up to eight columns of a picture side by side; transparent where there are fewer.
#[derive(Clone, Debug)]
struct Strip {
    /// Of which picture, and which columns of it.
    texel: i32,
    columns: [u8; LANES],
    /// All rows of the picture.
    rows: Vec<Block>,
}

impl Default for Strips {
    fn default() -> Self {
        let none = Strip { texel: -1, columns: [NONE; LANES], rows: Vec::new() };
        Self { kept: vec![none; KEPT], last: ([u64::MAX; 3], [NONE; LANES]) }
    }
}

impl Strips {
    /// Whether a picture is small enough to be kept in strips.
    #[inline(always)]
    pub fn suit(item: &Item) -> bool {
        item.size & 0xffff <= NONE.into() && item.size >> 16 <= 64 && item.opacity == 255
    }

    /// The rows of an item's picture, squeezed to what its pixels from `x` on show, as many of
    /// `length` as fit.
    #[inline(always)]
    pub fn find(&mut self, item: &Item, x: i32, length: usize, texels: &[u32]) -> &[Block] {
        let Item { u0, dudx, size, mode, .. } = *item;
        let pair = |a: i32, b: i32| u64::from(a as u32) << 32 | u64::from(b as u32);
        let asked = [pair(x, length as i32), pair(u0, dudx), pair(size, mode)];
        let last = self.last.0;
        if asked[0] != last[0] || asked[1] != last[1] || asked[2] != last[2] {
            let mut shown = [NONE; LANES];
            for (i, (shown, column)) in
                (0..).zip(shown.iter_mut().zip(texel_columns(item, x, item.y0)))
            {
                *shown = if i < length { column as u8 } else { NONE };
            }
            self.last = (asked, shown);
        }
        let shown = self.last.1;
        let key = u64::from_le_bytes(shown) ^ (item.texel as u64).rotate_left(32);
        let slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - KEPT.ilog2())) as usize;
        let strip = &mut self.kept[slot];
        if (strip.texel, strip.columns) != (item.texel, shown) {
            strip.fill(item, shown, texels);
        }
        &strip.rows
    }
}

impl Strip {
    #[cold]
    fn fill(&mut self, item: &Item, columns: [u8; LANES], texels: &[u32]) {
        let (width, height) = ((item.size & 0xffff) as usize, (item.size >> 16) as usize);
        let picture = texels[item.texel as usize..][..width * height].chunks_exact(width);
        self.rows.clear();
        let length = columns.iter().position(|&column| column == NONE).unwrap_or(LANES);
        self.rows.extend(picture.map(|row| {
            let mut block = [0; LANES];
            for (texel, &column) in block.iter_mut().zip(&columns[..length]) {
                *texel = row[usize::from(column)];
            }
            block
        }));
        (self.texel, self.columns) = (item.texel, columns);
    }
}
