//! What is where in the picture of a world, never pixels: a list of painter calls.
//!
//! An environment appends its calls in the order in which they cover one another; who paints them
//! turns pictures and rectangles into pixels.

use std::ops::Range;

/// A rectangle in pixels from the upper left corner, y down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    pub fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// A part of the rectangle, or more than it: all in units of its sides.
    pub fn part(&self, x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x: self.x + self.w * x, y: self.y + self.h * y, w: self.w * w, h: self.h * h }
    }
}

/// Red, green, blue and opacity, not premultiplied.
pub type Colour = [u8; 4];

/// Black and opaque.
pub const BLACK: Colour = [0, 0, 0, 255];

/// What an image shows: one of the pictures that the environment names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Picture {
    /// Of a kind of thing, in one of its themes. It may be transparent in places.
    Sprite { kind: i32, theme: i32 },
    /// The index in the environment's set of opaque backgrounds.
    Background(i32),
}

/// One call of a painter without antialiasing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Fill {
        rect: Rect,
        colour: Colour,
    },
    Image {
        picture: Picture,
        /// Where the picture is stretched to, before it is turned.
        rect: Rect,
        /// Left and right swapped.
        mirror: bool,
        opacity: f32,
        /// Degrees clockwise around the middle of the rectangle, if the painter is turned.
        turn: Option<f32>,
    },
    /// The ellipse within a rectangle, with a one pixel wide border of the same colour or without.
    Ellipse {
        rect: Rect,
        colour: Colour,
        border: bool,
    },
    /// A thin line between two pixels.
    Line {
        from: (i32, i32),
        to: (i32, i32),
        colour: Colour,
    },
}

/// What cells of a grid show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tile {
    Picture(Picture),
    /// A square in the middle, `margin` and `side` in sides of the cell.
    Fill {
        colour: Colour,
        margin: f64,
        side: f64,
    },
}

/// Stands in [`DrawList::cells`] for a cell that shows nothing.
pub const EMPTY: u16 = u16::MAX;

/// What a frame shows: calls, and among them the cells of one grid. First to last, as they cover one
/// another: `calls[..before_cells]`, `cells`, `calls[before_cells..]`; these are its strokes,
/// numbered in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawList {
    pub calls: Vec<Call>,
    /// What each cell of the grid shows, column after column: index in `tiles`, or [`EMPTY`]. Of these
    /// a frame may have hundreds: they are small, so that listing them, and seeing that they are the
    /// same as before, is quick.
    pub cells: Vec<u16>,
    /// Calls that the cells cover.
    pub before_cells: usize,
    /// What the cells show.
    pub tiles: Vec<Tile>,
    /// Left edge of each column of the grid, in pixels; there are as many cells as columns times rows.
    pub columns: Vec<f64>,
    /// Upper edge of each of its rows.
    pub rows: Vec<f64>,
    /// Width and height of a cell.
    pub cell_size: (f64, f64),
}

/// Some strokes of a list, in their order.
pub struct Strokes<'a> {
    pub before: &'a [Call],
    /// Of the list's cells.
    pub cells: Range<usize>,
    pub after: &'a [Call],
}

impl DrawList {
    /// Makes it the list of a frame that shows nothing.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.cells.clear();
        self.before_cells = 0;
        self.tiles.clear();
        self.columns.clear();
        self.rows.clear();
    }

    /// How many strokes it has.
    pub fn len(&self) -> usize {
        self.calls.len() + self.cells.len()
    }

    /// Whether it shows nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The strokes of a range, which must be within the list.
    pub fn strokes(&self, range: Range<usize>) -> Strokes<'_> {
        let (before, after) = self.calls.split_at(self.before_cells);
        let of = |first: usize, n: usize| {
            let at = |stroke: usize| stroke.saturating_sub(first).min(n);
            at(range.start)..at(range.end)
        };
        let cells_end = before.len() + self.cells.len();
        Strokes {
            before: &before[of(0, before.len())],
            cells: of(before.len(), self.cells.len()),
            after: &after[of(cells_end, after.len())],
        }
    }

    /// How many strokes at the front are those of another list.
    pub fn common(&self, other: &Self) -> usize {
        let same = |a: &[Call], b: &[Call]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let (before, after) = self.calls.split_at(self.before_cells);
        let (others_before, others_after) = other.calls.split_at(other.before_cells);
        let calls = same(before, others_before);
        if calls < before.len() || calls < others_before.len() {
            return calls;
        }
        let cells = self.common_cells(other);
        if cells < self.cells.len() || cells < other.cells.len() {
            return calls + cells;
        }
        calls + cells + same(after, others_after)
    }

    fn common_cells(&self, other: &Self) -> usize {
        if (self.cell_size, &self.columns, &self.rows)
            != (other.cell_size, &other.columns, &other.rows)
        {
            return 0;
        }
        let cells = same_cells(&self.cells, &other.cells);
        let both = self.tiles.iter().zip(&other.tiles);
        let tiles = both.take_while(|(a, b)| a == b).count();
        if tiles == self.tiles.len() {
            return cells;
        }
        let differs = |&tile: &u16| tile != EMPTY && usize::from(tile) >= tiles;
        self.cells[..cells].iter().position(differs).unwrap_or(cells)
    }

    /// Makes it the first `len` strokes of another list, of which it has `common` already.
    pub fn follow(&mut self, other: &Self, common: usize, len: usize) {
        let (kept, wanted) = (other.strokes(0..common), other.strokes(0..len));
        let kept_calls = kept.before.len() + kept.after.len();
        let calls = wanted.before.len() + wanted.after.len();
        self.calls.truncate(kept_calls);
        self.calls.extend_from_slice(&other.calls[kept_calls..calls]);
        self.cells.truncate(kept.cells.len());
        self.cells.extend_from_slice(&other.cells[kept.cells.len()..wanted.cells.len()]);
        self.before_cells = wanted.before.len();
        if !wanted.cells.is_empty() {
            self.tiles.clone_from(&other.tiles);
            self.columns.clone_from(&other.columns);
            self.rows.clone_from(&other.rows);
            self.cell_size = other.cell_size;
        }
    }
}

/// How many cells at the front are the same; a block at a time, which takes less than to ask of each.
fn same_cells(a: &[u16], b: &[u16]) -> usize {
    const BLOCK: usize = 64;
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK));
    let first = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    first + a[first..].iter().zip(&b[first..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists of up to two calls, two cells and two calls, of which some differ.
    fn lists() -> Vec<DrawList> {
        let call = |x: u8| Call::Line { from: (0, 0), to: (0, 0), colour: [x; 4] };
        let mut lists = Vec::new();
        for n in 0..3_usize.pow(4) {
            let digit = |place: u32| n / 3_usize.pow(place) % 3;
            let of = |n: usize, last: u8| (0..n).map(move |i| if i == 1 { last } else { 0 });
            for last in [0, 1] {
                let calls = of(digit(0), last).chain(of(digit(2), 2 * last)).map(call).collect();
                lists.push(DrawList {
                    calls,
                    cells: of(digit(1), last).map(|cell| [0, EMPTY][usize::from(cell)]).collect(),
                    before_cells: digit(0),
                    tiles: vec![Tile::Picture(Picture::Background(digit(3) as i32)); digit(1)],
                    ..DrawList::default()
                });
            }
        }
        lists
    }

    /// Stroke by stroke, with what a cell shows.
    fn spelled(list: &DrawList, range: Range<usize>) -> Vec<String> {
        let Strokes { before, cells, after } = list.strokes(range);
        let call = |call: &Call| format!("{call:?}");
        let cells = list.cells[cells].iter().map(|&tile| match tile {
            EMPTY => "nothing".into(),
            tile => format!("{:?}", list.tiles[usize::from(tile)]),
        });
        before.iter().map(call).chain(cells).chain(after.iter().map(call)).collect()
    }

    #[test]
    fn a_list_that_follows_another_is_its_front() {
        for a in lists() {
            for b in lists() {
                let common = a.common(&b);
                assert!(common <= a.len().min(b.len()));
                assert_eq!(spelled(&a, 0..common), spelled(&b, 0..common));
                for len in common..=b.len() {
                    let mut followed = a.clone();
                    followed.follow(&b, common, len);
                    assert_eq!(followed.len(), len);
                    assert_eq!(spelled(&followed, 0..len), spelled(&b, 0..len));
                    assert_eq!(spelled(&followed, common..len), spelled(&b, common..len));
                }
            }
            assert_eq!(a.common(&a), a.len());
        }
    }

    #[test]
    fn the_first_cell_that_differs_is_found() {
        let cells = [1; 200];
        for at in 0..200 {
            let mut other = cells;
            other[at] = 0;
            assert_eq!(same_cells(&cells, &other), at);
            assert_eq!(same_cells(&cells, &cells[..at]), at);
        }
    }
}
