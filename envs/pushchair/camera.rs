//! Cameras that find the nearest solid along each of a grid of rays.

use super::{
    ray::{enter_box, enter_capsule, enter_cylinder, enter_sphere},
    solid::{Shape, Solid},
};
use rapier3d::{
    glamx::Vec2,
    math::{Matrix, Vector},
};
use std::ops::Range;

/// What a ray hits where it hits no solid.
pub(super) const NOTHING: u32 = u32::MAX;

/// Where a camera stands and looks: a ray through (u, v) of its image plane runs along
/// `forward + u right + v up`, three unit vectors at right angles. A depth is a length along
/// `forward`, so that depth times that sum is where the ray is.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub eye: Vector,
    pub right: Vector,
    pub up: Vector,
    pub forward: Vector,
}

impl View {
    /// From one point towards another with z upwards.
    pub(super) fn towards(eye: Vector, target: Vector) -> Self {
        let forward = (target - eye).normalize_or(Vector::X);
        // Straight down or up, whatever is at the right will do.
        let right = forward.cross(Vector::Z).normalize_or(Vector::NEG_Y);
        Self { eye, right, up: right.cross(forward), forward }
    }

    /// The same in a solid's frame.
    pub(super) fn seen_by(&self, solid: &Solid) -> Self {
        let to_local = Matrix::from_quat(solid.pose.rotation).transpose();
        Self {
            eye: to_local * (self.eye - solid.pose.translation),
            right: to_local * self.right,
            up: to_local * self.up,
            forward: to_local * self.forward,
        }
    }

    pub(super) fn direction(&self, u: f32, v: f32) -> Vector {
        self.forward + self.right * u + self.up * v
    }
}

/// A grid of rays through the middles of the pixels of an image.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Where columns and rows, left to right and top to bottom, are on the image plane.
    pub(super) columns: Vec<f32>,
    pub(super) rows: Vec<f32>,
    /// Half the width and the height of the image on that plane.
    extent: (f32, f32),
    /// The rows that are looked along.
    pub(super) band: Range<usize>,
}

impl Grid {
    /// `extent` is (tan of half the horizontal angle of view, tan of half the vertical one).
    pub(super) fn new((width, height): (usize, usize), extent: (f32, f32)) -> Self {
        let middle = |i: usize, n: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
        Self {
            columns: (0..width).map(|i| middle(i, width) * extent.0).collect(),
            rows: (0..height).map(|i| -middle(i, height) * extent.1).collect(),
            extent,
            band: 0..height,
        }
    }

    /// The same image, of which only some rows are looked along.
    pub(super) fn band(&self, rows: Range<usize>) -> Self {
        Self { band: rows, ..self.clone() }
    }

    /// Number of rays.
    pub(super) fn len(&self) -> usize {
        self.columns.len() * self.band.len()
    }

    /// The columns and rows between two points of the image plane.
    fn between(&self, low: (f32, f32), high: (f32, f32)) -> (Range<usize>, Range<usize>) {
        let rows = indices((-high.1, -low.1), self.extent.1, self.rows.len());
        (indices((low.0, high.0), self.extent.0, self.columns.len()), overlap(&rows, &self.band))
    }

    /// Those that a sphere may be seen in. Its centre is given along `right`, `up` and `forward`.
    fn around(&self, centre: Vector, radius: f32) -> (Range<usize>, Range<usize>) {
        let (left, right) = shadow(centre.x, centre.z, radius);
        let (bottom, top) = shadow(centre.y, centre.z, radius);
        self.between((left, bottom), (right, top))
    }

    /// Those that a box may be seen in, if all of it is before the camera. The view is in the frame
    /// of the box.
    fn around_box(&self, view: &View, half: Vector) -> Option<(Range<usize>, Range<usize>)> {
        let (mut low, mut high) = (Vec2::INFINITY, Vec2::NEG_INFINITY);
        for corner in 0..8 {
            let sign = |axis: u32| if corner >> axis & 1 == 0 { -1.0 } else { 1.0 };
            let p = half * Vector::new(sign(0), sign(1), sign(2)) - view.eye;
            let depth = p.dot(view.forward);
            if depth < 1e-3 {
                return None;
            }
            let place = Vec2::new(p.dot(view.right), p.dot(view.up)) / depth;
            (low, high) = (low.min(place), high.max(place));
        }
        Some(self.between(low.into(), high.into()))
    }
}

/// Of the smallest box that holds a shape, in its frame.
fn half_sides(shape: &Shape) -> Vector {
    match *shape {
        Shape::Box { half } => half,
        Shape::Sphere { radius } => Vector::splat(radius),
        Shape::Cylinder { radius, half_height } => Vector::new(radius, radius, half_height),
        Shape::Capsule { radius, half_height } => Vector::new(radius, radius, radius + half_height),
    }
}

/// The part that two ranges have in common.
fn overlap(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let first = a.start.max(b.start);
    first..a.end.min(b.end).max(first)
}

/// Where a circle around (x, z), not all of it behind z = 0, is seen from (0, 0) on the line z = 1:
/// between its two tangents (Mara and McGuire, JCGT 2(2), 2013).
fn shadow(x: f32, z: f32, radius: f32) -> (f32, f32) {
    let tangent = x * x + z * z - radius * radius;
    if tangent <= 0.0 {
        return (f32::NEG_INFINITY, f32::INFINITY);
    }
    let tangent = tangent.sqrt();
    let (ahead, behind) = (z * tangent + x * radius, z * tangent - x * radius);
    let low = if ahead > 0.0 { (x * tangent - z * radius) / ahead } else { f32::NEG_INFINITY };
    let high = if behind > 0.0 { (x * tangent + z * radius) / behind } else { f32::INFINITY };
    (low, high)
}

/// Which of `n` middles of pixels, on a line from -`extent` to `extent`, lie in a range.
fn indices((low, high): (f32, f32), extent: f32, n: usize) -> Range<usize> {
    // A hundredth of a pixel for rounding.
    let place = |at: f32| 0.5 * ((at / extent + 1.0) * n as f32 - 1.0);
    let first = (place(low) - 0.01).ceil().clamp(0.0, n as f32) as usize;
    let end = ((place(high) + 0.01).floor() + 1.0).clamp(0.0, n as f32) as usize;
    first..end.max(first)
}

/// The nearest hit of each ray of a grid, row by row of its band.
pub(super) struct Hits<'a> {
    /// Only what is nearer than what this holds is a hit, and moves in.
    pub(super) depths: &'a mut [f32],
    /// Index of the solid, or [`NOTHING`].
    pub(super) solids: &'a mut [u32],
}

impl Hits<'_> {
    /// Looks for solids at a depth of at least `near`. Only where a ray enters a solid can be seen:
    /// who is inside sees through it, as through the back faces of a mesh.
    pub(super) fn cast(&mut self, view: &View, grid: &Grid, near: f32, solids: &[Solid]) {
        for (index, solid) in solids.iter().enumerate() {
            let offset = solid.pose.translation - view.eye;
            let centre =
                Vector::new(offset.dot(view.right), offset.dot(view.up), offset.dot(view.forward));
            let radius = solid.shape.bounding_radius();
            if centre.z + radius < near {
                continue;
            }
            let (mut columns, mut rows) = grid.around(centre, radius);
            if columns.is_empty() || rows.is_empty() {
                continue;
            }
            let local = view.seen_by(solid);
            // A long solid fills little of the sphere around it.
            if let Some((c, r)) = grid.around_box(&local, half_sides(&solid.shape)) {
                (columns, rows) = (overlap(&columns, &c), overlap(&rows, &r));
            }
            let patch = Patch { view: &local, grid, near, index: index as u32, columns, rows };
            self.cast_one(&solid.shape, patch);
        }
    }

    /// Looks for one solid.
    pub(super) fn cast_one(&mut self, shape: &Shape, patch: Patch<'_>) {
        let origin = patch.view.eye;
        match *shape {
            Shape::Box { half } => self.sweep(patch, |d| enter_box(origin, d, half)),
            Shape::Sphere { radius } => self.sweep(patch, |d| enter_sphere(origin, d, radius)),
            Shape::Cylinder { radius, half_height } => {
                self.sweep(patch, |d| enter_cylinder(origin, d, (radius, half_height)));
            }
            Shape::Capsule { radius, half_height } => {
                self.sweep(patch, |d| enter_capsule(origin, d, (radius, half_height)));
            }
        }
    }

    /// The inner loop, once for each shape.
    #[inline(always)]
    fn sweep(&mut self, patch: Patch<'_>, enter: impl Fn(Vector) -> f32) {
        let Patch { view, grid, near, index, columns, rows } = patch;
        for row in rows {
            let start = view.forward + view.up * grid.rows[row];
            let first = (row - grid.band.start) * grid.columns.len();
            let at = first + columns.start..first + columns.end;
            let hits = self.depths[at.clone()].iter_mut().zip(&mut self.solids[at]);
            for (&u, (depth, solid)) in grid.columns[columns.clone()].iter().zip(hits) {
                let entered = enter(start + view.right * u);
                // Without branches, several rays at a time.
                let nearer = (entered >= near) & (entered < *depth);
                *depth = if nearer { entered } else { *depth };
                *solid = if nearer { index } else { *solid };
            }
        }
    }
}

/// The part of a grid that a solid is looked for in, from a depth of `near` on; the view is in the
/// solid's frame.
pub(super) struct Patch<'a> {
    pub(super) view: &'a View,
    pub(super) grid: &'a Grid,
    pub(super) near: f32,
    pub(super) index: u32,
    pub(super) columns: Range<usize>,
    pub(super) rows: Range<usize>,
}
