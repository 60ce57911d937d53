//! Painter calls as integers: what an executor, on the CPU or the GPU, turns into pixels.
//!
//! The arithmetic is that of `procgen` 0.10.7's frames, whose painter is Qt 5.13.2 without
//! antialiasing, in double precision and in its order of operations. docs/rendering.md tells the
//! rules; section numbers in comments are those of the specification that was made of them.

use super::{
    axis::{Axis, Latest, Span, ceil, rnd, trunc},
    grid::Grid,
    pictures::{Pictures, Texture},
};
use bytemuck::{Pod, Zeroable};
use gslab_envs::draw::{Call, Colour, DrawList, Rect, Strokes};
use std::ops::Range;

/// One shape to be drawn, 64 bytes. All arithmetic on it is 32 bit and wraps; places are pixels,
/// or 16.16 fixed point where it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Item {
    /// First row.
    pub y0: i32,
    /// The row after the last.
    pub y1: i32,
    /// Left edge in row `y0`, 16.16; the pixel column is the integer part.
    pub xl: i32,
    /// Right edge in row `y0`, 16.16, exclusive.
    pub xr: i32,
    /// What the edges move by with each row, 16.16.
    pub dxl: i32,
    pub dxr: i32,
    /// The texel of pixel (0, 0), 16.16.
    pub u0: i32,
    pub v0: i32,
    /// What the texel moves by with each column, 16.16.
    pub dudx: i32,
    pub dvdx: i32,
    /// What the texel moves by with each row, 16.16.
    pub dudy: i32,
    pub dvdy: i32,
    /// Index of the first texel; of a fill, the premultiplied colour 0xAARRGGBB.
    pub texel: i32,
    /// Width of the picture, and height << 16.
    pub size: i32,
    /// 0 fill, 1 sprite, 2 background; with [`MIRRORED`] and [`OPAQUE`].
    pub mode: i32,
    /// Constant opacity, 0 to 255.
    pub opacity: i32,
}

impl Item {
    /// Where two axes cross, if they do.
    #[inline]
    pub(super) fn at(&self, x: Axis, y: Axis) -> Option<Self> {
        (x.first < x.end && y.first < y.end).then_some(Self {
            y0: y.first,
            y1: y.end,
            xl: x.first << 16,
            xr: x.end << 16,
            u0: x.base,
            v0: y.base,
            dudx: x.step,
            dvdy: y.step,
            ..*self
        })
    }

    /// The columns of row `y`, one of the item's, on a frame of `side` columns: first, and the one
    /// after the last, which is not greater if there are none.
    #[inline(always)]
    pub(super) fn columns(&self, y: i32, side: i32) -> (i32, i32) {
        let k = y - self.y0;
        let left = self.xl.wrapping_add(k.wrapping_mul(self.dxl)) >> 16;
        let right = self.xr.wrapping_add(k.wrapping_mul(self.dxr)) >> 16;
        (left.max(0), right.min(side))
    }
}

/// Kinds of items: the low byte of the mode.
pub const FILL: i32 = 0;
const SPRITE: i32 = 1;
const BACKGROUND: i32 = 2;
/// The picture is mirrored: columns count from its right.
pub const MIRRORED: i32 = 256;
/// Whatever it covers is hidden: neither the picture nor the opacity lets anything through.
pub const OPAQUE: i32 = 512;

/// Builds the items of frames of one size.
#[derive(Clone, Debug)]
pub struct Builder {
    side: i32,
    grid: Grid,
    across: Latest,
    down: Latest,
}

impl Builder {
    /// For frames of `size * size` pixels.
    pub fn new(size: u32) -> Self {
        let latest = Latest::default();
        Self { side: size as i32, grid: Grid::default(), across: latest, down: latest }
    }

    /// Side of a frame in pixels.
    pub fn size(&self) -> u32 {
        self.side as u32
    }

    /// Appends the items of some of a frame's strokes that show on it.
    pub fn build(
        &mut self,
        list: &DrawList,
        strokes: Range<usize>,
        pictures: &Pictures,
        items: &mut Vec<Item>,
    ) {
        let Strokes { before, cells, after } = list.strokes(strokes);
        self.calls(before, pictures, items);
        if !cells.is_empty() {
            let grid = self.grid(list, pictures);
            grid.runs(&list.cells, cells, |tile, column, rows| {
                items.extend(grid.items(tile, column, rows));
            });
        }
        self.calls(after, pictures, items);
    }

    /// Appends the items of calls that show on a frame.
    pub(super) fn calls(&mut self, calls: &[Call], pictures: &Pictures, items: &mut Vec<Item>) {
        for call in calls {
            match *call {
                Call::Image { picture, rect, mirror, opacity, turn } => {
                    let texture = pictures.texture(picture);
                    if let Some(image) = Image::new(texture, rect, mirror, opacity.into()) {
                        self.image(&image, turn, items);
                    }
                }
                Call::Fill { rect, colour } => fill(rect, colour, self.side, items),
                Call::Ellipse { rect, colour, border } => {
                    ellipse(rect, colour, border, self.side, items);
                }
                Call::Line { from, to, colour } => line(from, to, colour, self.side, items),
            }
        }
    }

    /// The grid of a list.
    pub(super) fn grid(&mut self, list: &DrawList, pictures: &Pictures) -> &Grid {
        self.grid.set(list, pictures, self.side);
        &self.grid
    }
}

/// Section 4.
fn fill(Rect { x, y, w, h }: Rect, colour: Colour, side: i32, items: &mut Vec<Item>) {
    fill_pixels(Axis::filled(x, w, side), Axis::filled(y, h, side), colour, items);
}

/// Fills pixels that lie within the frame.
fn fill_pixels(x: Axis, y: Axis, colour: Colour, items: &mut Vec<Item>) {
    if colour[3] > 0 {
        items.extend(filled(colour).at(x, y));
    }
}

/// A fill that is nowhere yet.
pub(super) fn filled(colour: Colour) -> Item {
    let [r, g, b, a] = colour.map(i32::from);
    let premultiplied = |v: i32| (2 * v * a + 255) / 510;
    Item {
        texel: a << 24 | premultiplied(r) << 16 | premultiplied(g) << 8 | premultiplied(b),
        size: 1 | 1 << 16,
        mode: if a == 255 { FILL | OPAQUE } else { FILL },
        opacity: 255,
        ..Item::default()
    }
}

/// A picture that is nowhere yet, at an opacity of 1 to 255.
#[inline]
pub(super) fn pictured(texture: Texture, mirror: bool, opacity: i32) -> Item {
    let Texture { first, width, height, background, opaque } = texture;
    let mut mode = if background { BACKGROUND } else { SPRITE };
    if mirror {
        mode |= MIRRORED;
    }
    if opaque && opacity == 255 {
        mode |= OPAQUE;
    }
    let size = width as i32 | (height as i32) << 16;
    Item { texel: first as i32, size, mode, opacity, ..Item::default() }
}

/// A picture on its way to the frame.
pub(super) struct Image {
    texture: Texture,
    rect: Rect,
    mirror: bool,
    /// 1 to 255.
    opacity: i32,
}

impl Image {
    /// Nothing, if the picture is too transparent to be seen; section 3.
    pub(super) fn new(texture: Texture, rect: Rect, mirror: bool, opacity: f64) -> Option<Self> {
        let opacity = (trunc(opacity.clamp(0.0, 1.0) * 256.0) * 255) >> 8;
        (opacity > 0).then_some(Self { texture, rect, mirror, opacity })
    }

    #[inline]
    fn item(&self) -> Item {
        pictured(self.texture, self.mirror, self.opacity)
    }
}

impl Builder {
    /// Sections 5 to 7: which of the three ways applies.
    pub(super) fn image(&mut self, image: &Image, degrees: Option<f32>, items: &mut Vec<Item>) {
        let Rect { x, y, w, h } = image.rect;
        let Some(degrees) = degrees else {
            return self.blit(image, (0.0, 0.0), items);
        };
        // The picture is drawn around the middle of its rectangle.
        let around = Image { rect: Rect::new(-w / 2.0, -h / 2.0, w, h), ..*image };
        self.turn(&around, degrees.into(), (x + w / 2.0, y + h / 2.0), items);
    }

    /// A picture turned around the origin and then moved to (tx, ty).
    pub(super) fn turn(
        &mut self,
        image: &Image,
        degrees: f64,
        (tx, ty): (f64, f64),
        items: &mut Vec<Item>,
    ) {
        let (s, c) = if degrees == 90.0 || degrees == -270.0 {
            (1.0, 0.0)
        } else if degrees == 270.0 || degrees == -90.0 {
            (-1.0, 0.0)
        } else if degrees == 180.0 {
            (0.0, -1.0)
        } else {
            // The factor of Qt, pi / 180 rounded.
            libm::sincos(0.017_453_292_519_943_295 * degrees)
        };
        if s.abs() > 1e-12 {
            bands(image, (s, c), (tx, ty), self.side, items);
        } else if (c - 1.0).abs() > 1e-12 {
            let Rect { x, y, w, h } = image.rect;
            let across = (c * x + tx, c * (x + w) + tx);
            let down = (c * y + ty, c * (y + h) + ty);
            self.scaled(image, across, down, items);
        } else {
            self.blit(image, (tx, ty), items);
        }
    }

    /// A picture parallel to the axes, moved by (tx, ty).
    fn blit(&mut self, image: &Image, (tx, ty): (f64, f64), items: &mut Vec<Item>) {
        let Rect { x, y, w, h } = image.rect;
        let (width, height) = (image.texture.width, image.texture.height);
        if w == f64::from(width) && h == f64::from(height) {
            // Section 6.
            let side = self.side;
            let (x, y) =
                (Axis::unscaled(x + tx, width, side), Axis::unscaled(y + ty, height, side));
            items.extend(image.item().at(x, y));
        } else {
            let across = (x + tx, (x + w) + tx);
            let down = (y + ty, (y + h) + ty);
            self.scaled(image, across, down, items);
        }
    }

    #[inline]
    fn scaled(
        &mut self,
        image: &Image,
        across: (f64, f64),
        down: (f64, f64),
        items: &mut Vec<Item>,
    ) {
        let Texture { width, height, background, .. } = image.texture;
        // Much of what a world lists is not in view, which is seen sooner than where exactly.
        let side = f64::from(self.side);
        let beside =
            |(p, q): (f64, f64)| (p < -1.0 && q < -1.0) || (p > side + 1.0 && q > side + 1.0);
        if beside(across) || beside(down) {
            return;
        }
        let exact = background || image.opacity < 255;
        let span = |(p, q), texels| Span { p, q, texels, exact };
        let x = self.across.of(span(across, width), self.side);
        let y = self.down.of(span(down, height), self.side);
        items.extend(image.item().at(x, y));
    }
}

/// A corner of a turned picture: where it is, and its texel.
#[derive(Clone, Copy)]
struct Corner {
    x: f64,
    y: f64,
    u: f64,
    v: f64,
}

/// Section 7: up to three bands of rows between two straight edges each.
fn bands(
    image: &Image,
    (s, c): (f64, f64),
    (tx, ty): (f64, f64),
    side: i32,
    items: &mut Vec<Item>,
) {
    let Rect { x, y, w, h } = image.rect;
    let (right, bottom) = (x + w, y + h);
    let (iw, ih) = (f64::from(image.texture.width), f64::from(image.texture.height));
    let corner = |x: f64, y: f64, u: f64, v: f64| Corner {
        x: c * x + -s * y + tx,
        y: s * x + c * y + ty,
        u,
        v,
    };
    let corners = [
        corner(x, y, 0.0, 0.0),
        corner(right, y, iw, 0.0),
        corner(right, bottom, iw, ih),
        corner(x, bottom, 0.0, ih),
    ];
    let top = (1..4).fold(0, |top, i| if corners[i].y < corners[top].y { i } else { top });
    let [v0, mut v1, v2, mut v3] = [0, 1, 2, 3].map(|i| corners[(top + i) % 4]);
    if (v1.x - v0.x) * (v3.y - v0.y) - (v3.x - v0.x) * (v1.y - v0.y) > 0.0 {
        std::mem::swap(&mut v1, &mut v3);
    }

    let minus =
        |p: Corner, q: Corner| Corner { x: p.x - q.x, y: p.y - q.y, u: p.u - q.u, v: p.v - q.v };
    let (a, b) = (minus(v1, v0), minus(v2, v0));
    let determinant = a.x * b.y - a.y * b.x;
    if determinant == 0.0 {
        return;
    }
    let inverse = 1.0 / determinant;
    let ux = (a.u * b.y - a.y * b.u) * inverse;
    let uy = (a.x * b.u - a.u * b.x) * inverse;
    let vx = (a.v * b.y - a.y * b.v) * inverse;
    let vy = (a.x * b.v - a.v * b.x) * inverse;
    let um = v0.u - ux * v0.x - uy * v0.y;
    let vm = v0.v - vx * v0.x - vy * v0.y;
    let fixed = |v: f64| trunc(v * 65536.0);
    let texel = |along: f64, down: f64, at: f64| {
        ceil((0.5 * along + 0.5 * down + at) * 65536.0).wrapping_sub(1)
    };
    let item = Item {
        u0: texel(ux, uy, um),
        v0: texel(vx, vy, vm),
        dudx: fixed(ux),
        dvdx: fixed(vx),
        dudy: fixed(uy),
        dvdy: fixed(vy),
        ..image.item()
    };

    let [p0, p1, p2, p3] = [v0, v1, v2, v3].map(|corner| (corner.x, corner.y));
    let (left_upper, left_lower) = ((p0, p1), (p1, p2));
    let (right_upper, right_lower) = ((p0, p3), (p3, p2));
    let rows = if v1.y < v3.y {
        [
            (v0.y, v1.y, left_upper, right_upper),
            (v1.y, v3.y, left_lower, right_upper),
            (v3.y, v2.y, left_lower, right_lower),
        ]
    } else {
        [
            (v0.y, v3.y, left_upper, right_upper),
            (v3.y, v1.y, left_upper, right_lower),
            (v1.y, v2.y, left_lower, right_lower),
        ]
    };
    for (upper, lower, left, right) in rows {
        let (y0, y1) = (rnd(upper).max(0), rnd(lower).min(side));
        if y0 >= y1 {
            continue;
        }
        let edge = |((ax, ay), (bx, by)): ((f64, f64), (f64, f64))| {
            let slope = (bx - ax) / (by - ay);
            let x = ax + (0.5 + f64::from(y0) - ay) * slope + 0.5;
            (trunc(x * 65536.0), trunc(slope * 65536.0))
        };
        let ((xl, dxl), (xr, dxr)) = (edge(left), edge(right));
        items.push(Item { y0, y1, xl, xr, dxl, dxr, ..item });
    }
}

/// The compass of Procgen's jumper, the one ellipse with a border: its first row, and the columns of
/// each. It has four sizes, by the mode and whether the view follows the agent (section 9 has the
/// first two; the others were read off frames of the package).
#[rustfmt::skip]
fn compass(width: f64) -> (i32, &'static [(i32, i32)]) {
    match rnd(width) {
        12.. => (1, &[
            (52, 58), (50, 59), (49, 60), (48, 61), (48, 62), (47, 63), (47, 63), (46, 63), (46, 63),
            (46, 63), (47, 63), (47, 63), (47, 62), (48, 61), (49, 60), (51, 59), (53, 57),
        ]),
        9..12 => (0, &[
            (58, 59), (56, 61), (55, 62), (54, 63), (53, 63), (53, 64), (53, 64), (54, 64), (54, 63),
            (55, 62), (57, 61),
        ]),
        5..9 => (1, &[
            (58, 61), (57, 62), (56, 63), (55, 64), (55, 64), (55, 64), (56, 63), (57, 62), (58, 61),
        ]),
        _ => (0, &[(61, 63), (60, 64), (60, 64), (61, 63)]),
    }
}

fn ellipse(rect: Rect, colour: Colour, border: bool, side: i32, items: &mut Vec<Item>) {
    if border && side == 64 {
        let (first, rows) = compass(rect.w);
        for (y, &(left, right)) in (first..).zip(rows) {
            fill_pixels(Axis::pixels(left, right), Axis::pixels(y, y + 1), colour, items);
        }
        return;
    }
    if !border && (rect.w, rect.h) == (2.0, 1.0) {
        // Jumper's shadow, which the original draws one row down (section 9).
        return fill(Rect { y: rect.y + 1.0, ..rect }, colour, side, items);
    }
    // Any other: the pixels whose centres it covers.
    let (rx, ry) = (rect.w / 2.0, rect.h / 2.0);
    let (cx, cy) = (rect.x + rx, rect.y + ry);
    for y in rnd(rect.y).max(0)..rnd(rect.y + rect.h).min(side) {
        let up = (f64::from(y) + 0.5 - cy) / ry;
        let half = rx * (1.0 - up * up).max(0.0).sqrt();
        let columns = Axis::pixels(rnd(cx - half).max(0), rnd(cx + half).min(side));
        fill_pixels(columns, Axis::pixels(y, y + 1), colour, items);
    }
}

/// Section 9: both ends are drawn; what lies in one row is one item.
fn line(from: (i32, i32), to: (i32, i32), colour: Colour, side: i32, items: &mut Vec<Item>) {
    let steep = (to.0 - from.0).abs() <= (to.1 - from.1).abs();
    let turned = |(x, y): (i32, i32)| if steep { (y, x) } else { (x, y) };
    let (mut a, mut b) = (turned(from), turned(to));
    if a.0 > b.0 {
        std::mem::swap(&mut a, &mut b);
    }
    let (along, across) = (b.0 - a.0, b.1 - a.1);
    let slope = if along == 0 { 0 } else { (across.abs() << 16) / along };
    let start = (a.1 << 16) + if across > 0 { (slope + 1) / 2 } else { 0 };
    let pixel = |i: i32| turned((a.0 + i, start.wrapping_add(i * slope * across.signum()) >> 16));
    let before = items.len();
    let mut drawn = 0;
    while drawn <= along {
        let (x, y) = pixel(drawn);
        let in_row = (drawn..=along).take_while(|&i| pixel(i).1 == y).count() as i32;
        if (0..side).contains(&y) {
            let columns = Axis::pixels(x.max(0), (x + in_row).min(side));
            fill_pixels(columns, Axis::pixels(y, y + 1), colour, items);
        }
        drawn += in_row;
    }
    if !steep && across < 0 {
        // From the top down, as all items.
        items[before..].reverse();
    }
}
