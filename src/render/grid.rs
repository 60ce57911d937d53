//! The one grid of a frame: what its cells are as items.

use super::{
    axis::{Axis, Span},
    item::{Item, filled, pictured},
    pictures::Pictures,
};
use gslab_envs::draw::{DrawList, EMPTY, Tile};
use std::ops::Range;

/// Where the cells of a frame's grid are, for everything that they show.
///
/// All that show pictures of one size cover the same pixels of a column, and the same texel columns
/// there: that is worked out once for a column and not for every cell.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    tiles: Vec<Shown>,
    shapes: Vec<Shape>,
    /// Of all columns in the first shape, then in the next.
    columns: Vec<Axis>,
    rows: Vec<Axis>,
    /// Cells of a column.
    height: usize,
}

/// What a tile of the list shows, as an item that is nowhere.
#[derive(Clone, Copy, Debug)]
struct Shown {
    item: Item,
    /// Where its shape begins in the grid's columns and rows.
    columns: usize,
    rows: usize,
}

/// Tiles of one shape cover the same part of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Picture { width: u32, height: u32, background: bool },
    Fill { margin: f64, side: f64 },
}

impl Grid {
    /// Makes it the grid of a list.
    pub(super) fn set(&mut self, list: &DrawList, pictures: &Pictures, side: i32) {
        self.tiles.clear();
        self.shapes.clear();
        self.columns.clear();
        self.rows.clear();
        self.height = list.rows.len();
        for tile in &list.tiles {
            let (item, shape) = match *tile {
                Tile::Picture(picture) => {
                    let texture = pictures.texture(picture);
                    let (width, height) = (texture.width, texture.height);
                    let background = texture.background;
                    (pictured(texture, false, 255), Shape::Picture { width, height, background })
                }
                Tile::Fill { colour, margin, side } => {
                    (filled(colour), Shape::Fill { margin, side })
                }
            };
            let known = self.shapes.iter().position(|known| *known == shape);
            let index = known.unwrap_or_else(|| {
                self.add(shape, list, side);
                self.shapes.len() - 1
            });
            let (columns, rows) = (index * list.columns.len(), index * list.rows.len());
            self.tiles.push(Shown { item, columns, rows });
        }
    }

    fn add(&mut self, shape: Shape, list: &DrawList, side: i32) {
        let (w, h) = list.cell_size;
        self.shapes.push(shape);
        match shape {
            Shape::Picture { width, height, background } => {
                let unscaled = (w, h) == (width.into(), height.into());
                let axis = |p: f64, length: f64, texels: u32| {
                    if unscaled {
                        Axis::unscaled(p, texels, side)
                    } else {
                        Axis::of(Span { p, q: p + length, texels, exact: background }, side)
                    }
                };
                self.columns.extend(list.columns.iter().map(|&x| axis(x, w, width)));
                self.rows.extend(list.rows.iter().map(|&y| axis(y, h, height)));
            }
            Shape::Fill { margin, side: share } => {
                let axis =
                    |p: f64, length: f64| Axis::filled(p + length * margin, length * share, side);
                self.columns.extend(list.columns.iter().map(|&x| axis(x, w)));
                self.rows.extend(list.rows.iter().map(|&y| axis(y, h)));
            }
        }
    }

    /// All columns, in the first shape, then in the next.
    pub(super) fn columns(&self) -> &[Axis] {
        &self.columns
    }

    /// All rows, as the columns.
    pub(super) fn rows(&self) -> &[Axis] {
        &self.rows
    }

    /// Calls `run` for cells of the list, those of a column that show the same together: with the
    /// tile, the column, and the rows.
    #[inline(always)]
    pub(super) fn runs(
        &self,
        cells: &[u16],
        range: Range<usize>,
        mut run: impl FnMut(u16, usize, Range<usize>),
    ) {
        let mut first = range.start;
        while first < range.end {
            let column = first / self.height;
            let end = range.end.min((column + 1) * self.height);
            let mut row = first - column * self.height;
            for same in cells[first..end].chunk_by(|a, b| a == b) {
                if same[0] != EMPTY {
                    run(same[0], column, row..row + same.len());
                }
                row += same.len();
            }
            first = end;
        }
    }

    /// What a tile shows, as an item that is nowhere; the index of a column, and of the first row, in
    /// its shape.
    #[inline(always)]
    pub(super) fn shown(&self, tile: u16, column: usize) -> (&Item, usize, usize) {
        let Shown { item, columns, rows } = &self.tiles[usize::from(tile)];
        (item, columns + column, *rows)
    }

    /// The items of cells of a column that show the same, where they are in sight.
    #[inline]
    pub(super) fn items(
        &self,
        tile: u16,
        column: usize,
        rows: Range<usize>,
    ) -> impl Iterator<Item = Item> {
        let (item, column, first) = self.shown(tile, column);
        let rows = &self.rows[first + rows.start..first + rows.end];
        rows.iter().filter_map(move |&row| item.at(self.columns[column], row))
    }
}
