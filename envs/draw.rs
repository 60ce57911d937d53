//! What is where in the picture of a world, never pixels: a list of painter calls.
//!
//! An environment appends its calls in the order in which they cover one another; who paints them
//! turns pictures and rectangles into pixels.

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
    /// A picture that fills a cell of [`DrawList::columns`] and [`DrawList::rows`].
    Cell {
        picture: Picture,
        column: u16,
        row: u16,
    },
}

/// What a frame shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawList {
    /// First to last, as they cover one another.
    pub calls: Vec<Call>,
    /// Left edge and width of each column of a grid, in pixels.
    pub columns: Vec<(f64, f64)>,
    /// Upper edge and height of each of its rows.
    pub rows: Vec<(f64, f64)>,
}

impl DrawList {
    /// Makes it the list of a frame that shows nothing.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.columns.clear();
        self.rows.clear();
    }

    /// The rectangle of a cell; it must be one of the grid.
    pub fn cell(&self, column: u16, row: u16) -> Rect {
        let ((x, w), (y, h)) = (self.columns[usize::from(column)], self.rows[usize::from(row)]);
        Rect { x, y, w, h }
    }
}
