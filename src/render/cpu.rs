//! Items to pixels on the CPU: the specification that shaders are held to, byte for byte.
//!
//! Pixels are drawn in blocks of eight neighbours, which compilers make vector instructions of.

use super::{
    axis::Axis,
    columns::Columns,
    grid::Grid,
    item::{FILL, Item, MIRRORED, OPAQUE},
    pictures::Pictures,
    strips::{self, Row, Strips},
};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Pixels of a block.
pub(super) const LANES: usize = 8;
/// Half a block.
const FEW: usize = 4;
/// Neighbouring pixels or texels, premultiplied 0xAARRGGBB.
pub(super) type Block = [u32; LANES];

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

/// A premultiplied colour over another. Nothing over a colour is that colour.
#[inline(always)]
fn over(source: u32, below: u32) -> u32 {
    source.wrapping_add(scale(below, 255 - (source >> 24)))
}

/// Draws items on frames of one size.
pub struct Raster {
    side: usize,
    /// Row by row 0xAARRGGBB, and a block more: who draws the last pixel may touch it.
    pixels: Vec<u32>,
    strips: Strips,
    columns: Columns,
    grid_columns: Vec<Along>,
    grid_rows: Vec<Along>,
}

/// What cells cover along one axis: pixels, and the texels that the first eight of them show.
#[derive(Clone, Copy)]
struct Along {
    first: u32,
    length: u32,
    texels: [u8; LANES],
}

impl Along {
    #[inline(always)]
    fn of(axis: &Axis) -> Self {
        let length = (axis.end - axis.first).max(0) as u32;
        let texels = texels_along(axis.base, (axis.step, 0), (axis.first, 0), axis.last);
        let texels = strips::shown(texels, length as usize);
        Self { first: axis.first as u32, length, texels }
    }
}

/// A loop and not `extend`, which does not become vector instructions.
#[inline(always)]
fn along(axes: &[Axis], into: &mut Vec<Along>) {
    into.clear();
    for axis in axes {
        into.push(Along::of(axis));
    }
}

impl Raster {
    /// For frames of `size * size` pixels. A raster must always draw the same pictures.
    pub fn new(size: u32) -> Self {
        let side = size as usize;
        Self {
            side,
            pixels: vec![0; side * side + LANES],
            strips: Strips::default(),
            columns: Columns::default(),
            grid_columns: Vec::new(),
            grid_rows: Vec::new(),
        }
    }

    /// `[size, size]` pixels 0xAARRGGBB, row by row from the top.
    pub fn pixels(&mut self) -> &mut [u32] {
        &mut self.pixels[..self.side * self.side]
    }

    /// Draws items on what there is, first to last.
    pub fn draw(&mut self, items: &[Item], pictures: &Pictures) {
        Arch::new().dispatch(Draw { raster: self, items, pictures });
    }

    /// Draws what [`Raster::draw`] would of the items of some cells, without making one for each.
    pub(super) fn draw_cells(
        &mut self,
        grid: &Grid,
        cells: &[u16],
        range: Range<usize>,
        pictures: &Pictures,
    ) {
        Arch::new().dispatch(DrawCells { raster: self, grid, cells, range, pictures });
    }

    /// Draws items on black, first to last.
    pub fn draw_on_black(&mut self, items: &[Item], pictures: &Pictures) {
        let side = self.side as i32;
        // What is before an item that hides all need not be drawn.
        let hides_all = |item: &Item| {
            item.mode & OPAQUE != 0
                && (item.y0, item.y1, item.xl, item.xr) == (0, side, 0, side << 16)
                && (item.dxl, item.dxr) == (0, 0)
        };
        let shown = items.iter().rposition(hides_all).unwrap_or_else(|| {
            self.pixels().fill(0xff00_0000);
            0
        });
        self.draw(&items[shown..], pictures);
    }

    #[inline(always)]
    fn draw_item(&mut self, item: &Item, texels: &[u32]) {
        if item.mode & 255 == FILL {
            self.fill(item);
        } else if (item.dvdx, item.dudy, item.dxl, item.dxr) != (0, 0, 0, 0) {
            self.sampled(item, texels);
        } else if Strips::suit(item) {
            self.upright(item, texels);
        } else if item.mode & OPAQUE != 0 && item.size & 0xffff <= 256 {
            self.opaque(item, texels);
        } else {
            self.sampled(item, texels);
        }
    }

    /// The pixels of an item in row `y`: column and index of the first, and how many.
    #[inline(always)]
    fn row(&self, item: &Item, y: i32) -> (i32, usize, usize) {
        let (left, right) = item.columns(y, self.side as i32);
        (left, y as usize * self.side + left as usize, (right - left).max(0) as usize)
    }

    #[inline(always)]
    fn fill(&mut self, item: &Item) {
        let colour = item.texel as u32;
        for y in item.y0..item.y1 {
            let (_, first, length) = self.row(item, y);
            let row = &mut self.pixels[first..first + length];
            if item.mode & OPAQUE != 0 {
                row.fill(colour);
            } else {
                row.iter_mut().for_each(|pixel| *pixel = over(colour, *pixel));
            }
        }
    }

    /// A small picture that is not turned: out of strips.
    #[inline(always)]
    fn upright(&mut self, item: &Item, texels: &[u32]) {
        let (left, first, length) = self.row(item, item.y0);
        let mut done = 0;
        while done < length {
            let columns = texel_columns(item, left + done as i32, item.y0);
            let columns = strips::shown(columns, length - done);
            let strip = self.strips.find(item, columns, texels);
            let last = (item.size >> 16) - 1;
            let mut v = item.v0.wrapping_add(item.y0.wrapping_mul(item.dvdy));
            let rows = (item.y0..item.y1).map(
                #[inline(always)]
                |_| {
                    let row = (v >> 16).clamp(0, last);
                    v = v.wrapping_add(item.dvdy);
                    row as usize
                },
            );
            let opaque = item.mode & OPAQUE != 0;
            show(
                strip,
                rows,
                below(length - done),
                opaque,
                &mut self.pixels[first + done..],
                self.side,
            );
            done += LANES;
        }
    }

    /// Cells of one column that show the same: a block a row, as they cover no more than that.
    #[inline(always)]
    fn cells(&mut self, item: &Item, column: usize, rows: Range<usize>, texels: &[u32]) {
        let x = &self.grid_columns[column];
        if x.length == 0 {
            return;
        }
        let strip = self.strips.find(item, x.texels, texels);
        let below = below(x.length as usize);
        let opaque = item.mode & OPAQUE != 0;
        for y in &self.grid_rows[rows] {
            let rows = y.texels[..y.length as usize].iter().map(|&row| usize::from(row));
            let first = y.first as usize * self.side + x.first as usize;
            show(strip, rows, below, opaque, &mut self.pixels[first..], self.side);
        }
    }

    /// An opaque picture that is not turned: every row shows the same texel columns.
    #[inline(always)]
    fn opaque(&mut self, item: &Item, texels: &[u32]) {
        let (left, first, length) = self.row(item, item.y0);
        if length == 0 {
            return;
        }
        let (width, last_row) = ((item.size & 0xffff) as usize, (item.size >> 16) - 1);
        self.columns.set(item, left, length);
        let mut v = item.v0.wrapping_add(item.y0.wrapping_mul(item.dvdy));
        let rows = (item.y1 - item.y0) as usize;
        self.columns.show(
            &mut self.pixels[first..],
            self.side,
            rows,
            #[inline(always)]
            || {
                let texel = item.texel as usize + (v >> 16).clamp(0, last_row) as usize * width;
                v = v.wrapping_add(item.dvdy);
                texels[texel..].first_chunk().expect("more texels than pictures have")
            },
        );
    }

    /// Any picture.
    #[inline(always)]
    fn sampled(&mut self, item: &Item, texels: &[u32]) {
        // A copy, so that nothing is read again after each pixel that is written.
        let item = *item;
        let picture = &texels[item.texel as usize..][..area(&item)];
        for y in item.y0..item.y1 {
            let (left, first, length) = self.row(&item, y);
            let mut done = 0;
            while done < length {
                let (x, pixels) = (left + done as i32, &mut self.pixels[first + done..]);
                if length - done <= FEW {
                    let source = sample(&item, picture, (x, y), length - done);
                    blend(&source, pixels.first_chunk_mut::<FEW>().expect("there is a block more"));
                    break;
                }
                let source = sample(&item, picture, (x, y), length - done);
                blend(&source, block(pixels, 0));
                done += LANES;
            }
        }
    }
}

/// Texels of an item's picture.
fn area(item: &Item) -> usize {
    ((item.size & 0xffff) * (item.size >> 16)) as usize
}

/// What the first `length` of neighbouring pixels from (x, y) on show of a picture.
#[inline(always)]
fn sample<const N: usize>(
    item: &Item,
    picture: &[u32],
    (x, y): (i32, i32),
    length: usize,
) -> [u32; N] {
    let width = (item.size & 0xffff) as u32;
    let (columns, rows): ([u32; N], [u32; N]) = (texel_columns(item, x, y), texel_rows(item, x, y));
    let (mut source, below) = ([0; N], below(length));
    for i in 0..N {
        source[i] = picture[(rows[i] * width + columns[i]) as usize];
    }
    for i in 0..N {
        source[i] &= !below[i];
    }
    faded(source, item.opacity)
}

/// Colours at a constant opacity.
#[inline(always)]
fn faded<const N: usize>(mut colours: [u32; N], opacity: i32) -> [u32; N] {
    if opacity < 255 {
        colours.iter_mut().for_each(|colour| *colour = scale(*colour, opacity as u32));
    }
    colours
}

/// [`Raster::draw`] for the vector instructions that the machine has.
struct Draw<'a> {
    raster: &'a mut Raster,
    items: &'a [Item],
    pictures: &'a Pictures,
}

impl WithSimd for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for item in self.items {
            self.raster.draw_item(item, self.pictures.texels());
        }
    }
}

/// [`Raster::draw_cells`] for the vector instructions that the machine has.
struct DrawCells<'a> {
    raster: &'a mut Raster,
    grid: &'a Grid,
    cells: &'a [u16],
    range: Range<usize>,
    pictures: &'a Pictures,
}

impl WithSimd for DrawCells<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { raster, grid, cells, range, pictures } = self;
        let texels = pictures.texels();
        along(grid.columns(), &mut raster.grid_columns);
        along(grid.rows(), &mut raster.grid_rows);
        let mut all = raster.grid_columns.iter().chain(&raster.grid_rows);
        let small = all.all(|along| along.length <= LANES as u32);
        grid.runs(
            cells,
            range,
            #[inline(always)]
            |tile, column, rows| {
                let (item, x, first) = grid.shown(tile, column);
                if small && Strips::suit(item) {
                    raster.cells(item, x, first + rows.start..first + rows.end, texels);
                } else {
                    grid.items(tile, column, rows).for_each(|item| raster.draw_item(&item, texels));
                }
            },
        );
    }
}

/// The block that begins at a pixel.
#[inline(always)]
fn block(pixels: &mut [u32], first: usize) -> &mut Block {
    pixels[first..].first_chunk_mut().expect("there is a block more than pixels")
}

/// All bits of what the first `length` pixels of a block do not hide.
#[inline(always)]
pub(super) fn below(length: usize) -> &'static Block {
    const BELOW: [Block; LANES + 1] = {
        let mut below = [[u32::MAX; LANES]; LANES + 1];
        let mut length = 0;
        while length <= LANES {
            let mut i = 0;
            while i < length {
                below[length][i] = 0;
                i += 1;
            }
            length += 1;
        }
        below
    };
    &BELOW[length.min(LANES)]
}

/// Shows rows of a strip one below another, from the first pixel on.
#[inline(always)]
fn show(
    strip: &[Row],
    rows: impl Iterator<Item = usize>,
    below: &Block,
    opaque: bool,
    pixels: &mut [u32],
    side: usize,
) {
    let mut at = 0;
    if opaque {
        for row in rows {
            cover(&strip[row].0, below, block(pixels, at));
            at += side;
        }
    } else {
        for row in rows {
            blend(&strip[row].0, block(pixels, at));
            at += side;
        }
    }
}

/// [`blend`], where what is not transparent is opaque.
#[inline(always)]
fn cover(source: &Block, below: &Block, pixels: &mut Block) {
    let mut mixed = *pixels;
    for i in 0..LANES {
        mixed[i] = source[i] | mixed[i] & below[i];
    }
    *pixels = mixed;
}

#[inline(always)]
fn blend<const N: usize>(source: &[u32; N], below: &mut [u32; N]) {
    let (source, mut mixed) = (*source, *below);
    for i in 0..N {
        mixed[i] = over(source[i], mixed[i]);
    }
    *below = mixed;
}

/// The texel columns that pixels (x, y), (x + 1, y)... show.
#[inline(always)]
pub(super) fn texel_columns<const N: usize>(item: &Item, x: i32, y: i32) -> [u32; N] {
    let last = (item.size & 0xffff) - 1;
    let mut columns = texels_along(item.u0, (item.dudx, item.dudy), (x, y), last);
    if item.mode & MIRRORED != 0 {
        columns.iter_mut().for_each(|column| *column = last as u32 - *column);
    }
    columns
}

/// The texel rows that they show.
#[inline(always)]
fn texel_rows<const N: usize>(item: &Item, x: i32, y: i32) -> [u32; N] {
    texels_along(item.v0, (item.dvdx, item.dvdy), (x, y), (item.size >> 16) - 1)
}

#[inline(always)]
fn texels_along<const N: usize>(
    base: i32,
    (dx, dy): (i32, i32),
    (x, y): (i32, i32),
    last: i32,
) -> [u32; N] {
    let first = base.wrapping_add(x.wrapping_mul(dx)).wrapping_add(y.wrapping_mul(dy));
    let mut along = [0; N];
    for (lane, texel) in (0..).zip(&mut along) {
        *texel = (first.wrapping_add(dx.wrapping_mul(lane)) >> 16).clamp(0, last) as u32;
    }
    along
}

#[cfg(test)]
mod tests;
