//! Pictures squeezed to the pixel columns that show them, kept for the next time.

use super::{
    columns::WINDOW,
    cpu::{Block, LANES, below},
    item::{FILL, Item},
};

/// Number of strips that are kept; a power of two.
const KEPT: usize = 2048;
/// Most rows of a picture that is kept in strips.
const ROWS: usize = 64;
/// Stands for no column.
const NONE: u8 = u8::MAX;

/// Where a small picture is on a frame decides which of its texel columns show, but many places
/// show the same: eight pixels that show texels 3.2 apart have about two dozen ways to do it.
#[derive(Clone, Debug)]
pub struct Strips {
    kept: Box<[Strip; KEPT]>,
}

/// Up to eight columns of a picture side by side; transparent where there are fewer.
#[derive(Clone, Debug)]
struct Strip {
    /// Of which picture, and which columns of it.
    texel: i32,
    columns: [u8; LANES],
    /// All rows of the picture.
    rows: Vec<Row>,
}

/// Aligned, as a block that lies across two lines of the cache takes longer to load.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub struct Row(pub Block);

impl Default for Strips {
    fn default() -> Self {
        let none = Strip { texel: -1, columns: [NONE; LANES], rows: Vec::new() };
        let kept = vec![none; KEPT].into_boxed_slice();
        let kept = kept.try_into().expect("it is as long");
        Self { kept }
    }
}

impl Strips {
    /// Whether an item is a picture that is small enough to be kept in strips.
    #[inline(always)]
    pub fn suit(item: &Item) -> bool {
        item.mode & 255 != FILL
            && item.size & 0xffff <= NONE.into()
            && item.size >> 16 <= ROWS as i32
            && item.opacity == 255
    }

    /// The rows of an item's picture squeezed to some of its columns.
    #[inline(always)]
    pub fn find(&mut self, item: &Item, columns: [u8; LANES], texels: &[u32]) -> &[Row] {
        let key = u64::from_le_bytes(columns) ^ (item.texel as u64).rotate_left(32);
        let slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - KEPT.ilog2())) as usize;
        let strip = &mut self.kept[slot];
        if strip.texel != item.texel || strip.columns != columns {
            strip.fill(item, columns, texels);
        }
        &strip.rows
    }
}

impl Strip {
    #[cold]
    fn fill(&mut self, item: &Item, columns: [u8; LANES], texels: &[u32]) {
        let (width, height) = ((item.size & 0xffff) as usize, (item.size >> 16) as usize);
        let shown = columns.map(|column| if column == NONE { 0 } else { u32::MAX });
        let mut first = item.texel as usize;
        self.rows.clear();
        self.rows.extend((0..height).map(|_| {
            let row: &[u32; WINDOW] =
                texels[first..].first_chunk().expect("more texels than pictures have");
            first += width;
            Row(std::array::from_fn(|i| row[usize::from(columns[i])] & shown[i]))
        }));
        (self.texel, self.columns) = (item.texel, columns);
    }
}

/// The first `length` of some texels, and [`NONE`] for the others.
#[inline(always)]
pub fn shown(texels: Block, length: usize) -> [u8; LANES] {
    let below = below(length);
    std::array::from_fn(
        #[inline(always)]
        |i| (texels[i] | below[i]) as u8,
    )
}
