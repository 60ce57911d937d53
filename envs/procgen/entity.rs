//! The things that move.

use super::{atan2::atan2f, layout::Layout};

/// What is outside of the grid unless a game says otherwise.
pub const INVALID_OBJ: i32 = -1;
/// Kind of the agent.
pub const PLAYER: i32 = 0;
pub const WALL_OBJ: i32 = 51;
pub const EXIT_OBJ: i32 = 52;
pub const AGENT_OBJ: i32 = 53;
/// The first of five pictures of an explosion, and its kind.
pub const EXPLOSION: i32 = 54;
/// The last picture of an explosion.
pub const EXPLOSION5: i32 = 58;
pub const TRAIL: i32 = 59;
/// An empty cell of the grid.
pub const SPACE: i32 = 100;
pub const DOOR_OBJ: i32 = 200;
pub const KEY_OBJ: i32 = 300;

/// A thing with a place, not bound to the grid.
///
/// The y axis points up and one unit is one cell of the grid: cell (i, j) covers
/// `[i, i + 1) x [j, j + 1)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Entity {
    /// Centre.
    pub x: f32,
    pub y: f32,
    /// Units a step.
    pub vx: f32,
    pub vy: f32,
    /// Half the width and half the height.
    pub rx: f32,
    pub ry: f32,
    /// What it is to the rules; which numbers a game uses is its own affair.
    pub kind: i32,
    /// The kind whose picture it shows.
    pub image_type: i32,
    /// Which of the pictures of that kind.
    pub image_theme: i32,
    /// Layer: -1 below the grid, 0 and 1 above it.
    pub render_z: i32,
    /// Goes at the end of this step.
    pub will_erase: bool,
    /// Whether the game is told of its overlaps with other entities.
    pub collides_with_entities: bool,
    /// Added to the distance at which it touches others.
    pub collision_margin: f32,
    /// Radians, clockwise on the screen.
    pub rotation: f32,
    pub vrot: f32,
    /// Drawn mirrored.
    pub is_reflected: bool,
    /// Counters of the games: no meaning of their own.
    pub fire_time: i32,
    pub spawn_time: i32,
    /// Steps it exists.
    pub life_time: i32,
    /// Erased when older than this, if positive.
    pub expire_time: i32,
    /// The place is a fraction of the view, with y down.
    pub use_abs_coords: bool,
    /// Factor on the velocity each step.
    pub friction: f32,
    /// Moves in small steps that stop at what blocks it.
    pub smart_step: bool,
    /// Others may be put on top of it.
    pub avoids_collisions: bool,
    /// Erased when outside of the world.
    pub auto_erase: bool,
    /// Opacity.
    pub alpha: f32,
    pub health: f32,
    /// Never used.
    pub theta: f32,
    /// Factor on the size each step.
    pub grow_rate: f32,
    /// Factor on the opacity each step.
    pub alpha_decay: f32,
    /// Where a climber enemy turns back.
    pub climber_spawn_x: f32,
}

impl Entity {
    /// A box with half sizes (rx, ry) around (x, y), moving at (vx, vy).
    pub fn new(x: f32, y: f32, vx: f32, vy: f32, rx: f32, ry: f32, kind: i32) -> Self {
        let entity = Self {
            x,
            y,
            vx,
            vy,
            rx,
            ry,
            kind,
            image_type: kind,
            fire_time: -1,
            spawn_time: -1,
            expire_time: -1,
            friction: 1.0,
            auto_erase: true,
            alpha: 1.0,
            health: 1.0,
            theta: -100.0,
            grow_rate: 1.0,
            alpha_decay: 1.0,
            ..Self::default()
        };
        match kind {
            EXPLOSION => Self { grow_rate: 1.4, expire_time: 4, ..entity },
            TRAIL => Self { grow_rate: 1.05, alpha_decay: 0.8, ..entity },
            _ => entity,
        }
    }

    /// What happens to every entity each step; one with `smart_step` has moved before.
    #[inline]
    pub fn step(&mut self) {
        if !self.smart_step {
            self.x += self.vx;
            self.y += self.vy;
        }
        self.rotation += self.vrot;
        self.alpha *= self.alpha_decay;
        // The four are neighbours and become one multiplication.
        let (friction, grow_rate) = (self.friction, self.grow_rate);
        self.vx *= friction;
        self.vy *= friction;
        self.rx *= grow_rate;
        self.ry *= grow_rate;
        self.life_time += 1;
        if self.expire_time > 0 && self.life_time > self.expire_time {
            self.will_erase = true;
        }
        if self.kind == EXPLOSION && self.image_type < EXPLOSION5 {
            self.image_type += 1;
        }
    }

    /// Turns towards a direction, unless that is (0, 0); `offset` is where its picture points.
    pub fn face_direction(&mut self, dx: f32, dy: f32, offset: f32) {
        if dx != 0.0 || dy != 0.0 {
            self.rotation = -atan2f(dy, dx) + offset;
        }
    }

    /// Whether the boxes overlap when one of them is grown by the margin.
    #[inline]
    pub fn collides(&self, other: &Self, margin: f32) -> bool {
        (self.x - other.x).abs() < (self.rx + other.rx) + margin
            && (self.y - other.y).abs() < (self.ry + other.ry) + margin
    }

    /// Whether it is wholly outside of a world of this size, in cells.
    #[inline]
    pub fn is_outside(&self, width: f32, height: f32) -> bool {
        (self.x + self.rx < 0.0)
            | (self.y + self.ry < 0.0)
            | (self.x - self.rx > width)
            | (self.y - self.ry > height)
    }

    pub(super) fn layout(&mut self, io: &mut impl Layout) {
        io.float("x", &mut self.x);
        io.float("y", &mut self.y);
        io.float("vx", &mut self.vx);
        io.float("vy", &mut self.vy);
        io.float("rx", &mut self.rx);
        io.float("ry", &mut self.ry);
        io.int("type", &mut self.kind);
        io.int("image_type", &mut self.image_type);
        io.int("image_theme", &mut self.image_theme);
        io.int("render_z", &mut self.render_z);
        io.bool("will_erase", &mut self.will_erase);
        io.bool("collides_with_entities", &mut self.collides_with_entities);
        io.float("collision_margin", &mut self.collision_margin);
        io.float("rotation", &mut self.rotation);
        io.float("vrot", &mut self.vrot);
        io.bool("is_reflected", &mut self.is_reflected);
        io.int("fire_time", &mut self.fire_time);
        io.int("spawn_time", &mut self.spawn_time);
        io.int("life_time", &mut self.life_time);
        io.int("expire_time", &mut self.expire_time);
        io.bool("use_abs_coords", &mut self.use_abs_coords);
        io.float("friction", &mut self.friction);
        io.bool("smart_step", &mut self.smart_step);
        io.bool("avoids_collisions", &mut self.avoids_collisions);
        io.bool("auto_erase", &mut self.auto_erase);
        io.float("alpha", &mut self.alpha);
        io.float("health", &mut self.health);
        io.float("theta", &mut self.theta);
        io.float("grow_rate", &mut self.grow_rate);
        io.float("alpha_decay", &mut self.alpha_decay);
        io.float("climber_spawn_x", &mut self.climber_spawn_x);
    }
}
