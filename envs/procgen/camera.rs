//! Which part of the world is seen, and where its parts are on the screen.

use super::{engine::Engine, entity::Entity, game::Game, layout::Layout};
use crate::draw::Rect;

/// Side of an observation in pixels.
pub const VIEW: u32 = 64;

/// A square view of the world.
///
/// All of it is single precision: where a rectangle ends decides which pixels it covers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Camera {
    center_x: f32,
    center_y: f32,
    /// Pixels a unit of the world.
    unit: f32,
    /// Units of the world that the view shows.
    view_dim: f32,
    /// The lower left corner of the view, in pixels.
    x_off: f32,
    y_off: f32,
}

impl Camera {
    /// The view of `visibility` units around a centre, on `size * size` pixels.
    fn new((center_x, center_y): (f32, f32), visibility: f32, size: u32) -> Self {
        let raw = 64.0 / visibility;
        let unit = (f64::from(raw) * (f64::from(size) / 64.0)) as f32;
        let view_dim = (64.0 / f64::from(raw)) as f32;
        let off = |center: f32| unit * (center - view_dim / 2.0);
        Self { center_x, center_y, unit, view_dim, x_off: off(center_x), y_off: off(center_y) }
    }

    /// The same view on another number of pixels.
    pub(super) fn sized(&self, visibility: f32, size: u32) -> Self {
        Self::new((self.center_x, self.center_y), visibility, size)
    }

    pub fn center(&self) -> (f32, f32) {
        (self.center_x, self.center_y)
    }

    /// Units of the world that the view shows.
    pub fn view_dim(&self) -> f32 {
        self.view_dim
    }

    /// The box with upper left corner (x, y), grown by `margin` on all sides.
    #[inline]
    pub fn world_rect(&self, x: f32, y: f32, w: f32, h: f32, margin: f32) -> Rect {
        Rect {
            x: ((x - margin) * self.unit - self.x_off).into(),
            y: ((self.view_dim - y - margin) * self.unit + self.y_off).into(),
            w: ((w + 2.0 * margin) * self.unit).into(),
            h: ((h + 2.0 * margin) * self.unit).into(),
        }
    }

    /// A box in units from the upper left corner of the view.
    pub fn view_rect(&self, x: f32, y: f32, w: f32, h: f32) -> Rect {
        let pixels = |v: f32| f64::from(v * self.unit);
        Rect { x: pixels(x), y: pixels(y), w: pixels(w), h: pixels(h) }
    }

    pub fn entity_rect(&self, e: &Entity) -> Rect {
        let Entity { x, y, rx, ry, .. } = *e;
        if e.use_abs_coords {
            let d = self.view_dim;
            return self.view_rect(d * (x - rx), d * (y + ry), 2.0 * d * rx, 2.0 * d * ry);
        }
        self.world_rect(x - rx, y + ry, 2.0 * rx, 2.0 * ry, 0.0)
    }

    pub(super) fn layout_center(&mut self, io: &mut impl Layout) {
        io.float("center_x", &mut self.center_x);
        io.float("center_y", &mut self.center_y);
    }

    pub(super) fn layout_view(&mut self, io: &mut impl Layout) {
        io.float("unit", &mut self.unit);
        io.float("view_dim", &mut self.view_dim);
        io.float("x_off", &mut self.x_off);
        io.float("y_off", &mut self.y_off);
    }
}

impl Engine {
    /// Points the camera, which is part of the state, at what an observation is to show.
    pub(super) fn prepare_camera(&mut self, game: &impl Game) {
        let (mut x, mut y) = (self.main_width as f32 * 0.5, self.main_height as f32 * 0.5);
        if self.settings.center_agent {
            (x, y, self.visibility) = game.choose_center(self);
        } else {
            let side = self.main_width.max(self.main_height) as f32;
            self.visibility = side.max(self.min_visibility);
        }
        self.camera = Camera::new((x, y), self.visibility, VIEW);
    }

    pub fn camera(&self) -> &Camera {
        &self.camera
    }
}
