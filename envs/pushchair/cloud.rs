//! What the robot's three cameras see, as a cloud of 1,200 points.
//!
//! Cameras and numbers of points are those of ManiSkill (pushchair.md §7.3), which renders 192,000
//! pixels to keep 1,200. Here every second pixel in x and y is a ray, 48,000 of them, and only points
//! that are kept get a place and a colour. (Every fourth, as §8.4 proposes, would find some hundred
//! points on a chair, where the original has more than it takes.)

use super::{
    camera::{Grid, Hits, NOTHING, View},
    half::{half, rounded, unhalf},
    light,
    solid::{Class, Solid},
};
use crate::rng::Stream;
use rapier3d::math::Vector;
use std::f32::consts::FRAC_1_SQRT_2;

/// Points of a cloud.
pub const POINTS: usize = 1200;
/// At most so many show the robot: of 800 for all masks 50 are reserved, and the share that a single
/// mask gets of the other 750 is rounded down (pushchair.md §7.3).
pub const ROBOT_POINTS: usize = 799;
/// At least so many show the goal, or all that are seen of it (pushchair.md §7.3).
pub const GOAL_POINTS: usize = 24;
/// Numbers of a point in [`Cloud::write`]: x, y, z, red, green, blue, mask.
pub const CHANNELS: usize = 7;
/// Words of a packed cloud: 9 bytes and a bit a point, in all 10,952 bytes.
pub const PACKED: usize = POINTS + POINTS / 2 + POINTS * 3 / 4 + POINTS.div_ceil(32);

/// Rays of one camera in x and y: every second pixel of 400 x 160.
pub const GRID: (usize, usize) = (200, 80);
/// Cameras, which look 0, -120 and 120 degrees to the left of the robot's front.
pub const CAMERAS: usize = 3;
/// Rays in all; a ray's number counts columns, then rows, then cameras.
pub const RAYS: usize = CAMERAS * GRID.0 * GRID.1;
/// Height of the cameras above the ground, in metres.
pub const HEIGHT: f32 = 2.0;
/// What is nearer along a camera's axis is not seen, nor what is farther.
pub const DEPTHS: (f32, f32) = (0.1, 10.0);
/// What is not higher than this is taken for ground and dropped.
pub const GROUND: f32 = 1e-3;
/// Half the width and height of an image at depth 1: tan 30 degrees up, 2.5 times that sideways.
pub const EXTENT: (f32, f32) = (2.5 * 0.577_350_26, 0.577_350_26);

/// Bits of a key that hold the number of a ray; the others are random.
const RAY_BITS: u32 = 16;
const RAY: u32 = (1 << RAY_BITS) - 1;
const _: () = assert!(RAYS <= 1 << RAY_BITS);

/// Where the robot's base stands in the world, which the cameras are fixed to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Base {
    /// Metres.
    pub x: f32,
    pub y: f32,
    /// Radians from the world's x axis to the robot's front, to the left.
    pub yaw: f32,
}

impl Base {
    /// Cosine and sine of the yaw, the same on every machine.
    pub fn heading(&self) -> (f32, f32) {
        let (sin, cos) = libm::sincosf(self.yaw);
        (cos, sin)
    }
}

/// Which of the points that are seen get into a cloud: those with the smallest keys, which are a
/// function of the stream, the step and the ray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub stream: Stream,
    pub step: u64,
}

/// A point of a cloud. One that pads it is all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// In the robot's frame, in metres: x forwards, y to the left, z up, the ground at 0.
    pub position: [f32; 3],
    pub colour: [u8; 3],
    /// Whether it shows the robot.
    pub robot: bool,
}

/// Points on the surfaces that are seen: those of the robot, then those of other things, then zeros.
/// Within each, by the number of the ray.
#[derive(Clone, Debug, PartialEq)]
pub struct Cloud {
    points: Vec<Point>,
    robot: usize,
    others: usize,
}

impl Default for Cloud {
    /// Of a robot that sees nothing.
    fn default() -> Self {
        Self { points: vec![Point::default(); POINTS], robot: 0, others: 0 }
    }
}

impl Cloud {
    /// All [`POINTS`].
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Points that show the robot, and points that show something else.
    pub fn counts(&self) -> (usize, usize) {
        (self.robot, self.others)
    }

    /// Writes rows x, y, z (metres, robot's frame), red, green, blue (0 to 1), mask (1 for the
    /// robot, else 0): `[POINTS, CHANNELS]`. Places are rounded to half precision, 1 mm at two to
    /// four metres, so that [`pack`] loses nothing.
    pub fn write(&self, rows: &mut [f32]) {
        assert_eq!(rows.len(), POINTS * CHANNELS, "a cloud takes POINTS * CHANNELS numbers");
        for (row, point) in rows.chunks_exact_mut(CHANNELS).zip(&self.points) {
            row[..3].copy_from_slice(&point.position.map(rounded));
            row[3..6].copy_from_slice(&point.colour.map(|c| f32::from(c) / 255.0));
            row[6] = f32::from(u8::from(point.robot));
        }
    }
}

/// Writes rows of [`Cloud::write`] in [`PACKED`] words, which [`unpack`] makes the same bits of. The
/// lower half of a word comes first, and so does its lowest byte or bit.
///
/// | words | |
/// |---|---|
/// | 1,200 | x and y of a point |
/// | 600 | z of two points |
/// | 900 | red, green, blue of four points |
/// | 38 | masks of 32 points |
pub fn pack(rows: &[f32], words: &mut [u32]) {
    assert_eq!(rows.len(), POINTS * CHANNELS, "a cloud takes POINTS * CHANNELS numbers");
    assert_eq!(words.len(), PACKED, "a packed cloud takes PACKED words");
    words.fill(0);
    let (plane, words) = words.split_at_mut(POINTS);
    let (height, words) = words.split_at_mut(POINTS / 2);
    let (colour, mask) = words.split_at_mut(POINTS * 3 / 4);
    for (i, row) in rows.chunks_exact(CHANNELS).enumerate() {
        let [x, y, z] = [0, 1, 2].map(|axis| u32::from(half(row[axis])));
        plane[i] = x | y << 16;
        height[i / 2] |= z << (i % 2 * 16);
        for c in 0..3 {
            let at = 3 * i + c;
            // Rounded to the nearest byte; floats convert downwards.
            colour[at / 4] |= ((row[3 + c] * 255.0 + 0.5) as u32) << (at % 4 * 8);
        }
        mask[i / 32] |= u32::from(row[6] != 0.0) << (i % 32);
    }
}

/// Writes the rows of [`Cloud::write`] that [`pack`] packed.
pub fn unpack(words: &[u32], rows: &mut [f32]) {
    assert_eq!(words.len(), PACKED, "a packed cloud takes PACKED words");
    assert_eq!(rows.len(), POINTS * CHANNELS, "a cloud takes POINTS * CHANNELS numbers");
    let (plane, words) = words.split_at(POINTS);
    let (height, words) = words.split_at(POINTS / 2);
    let (colour, mask) = words.split_at(POINTS * 3 / 4);
    for (i, row) in rows.chunks_exact_mut(CHANNELS).enumerate() {
        let byte = |at: usize| colour[at / 4] >> (at % 4 * 8) & 0xff;
        row[0] = unhalf(plane[i] as u16);
        row[1] = unhalf((plane[i] >> 16) as u16);
        row[2] = unhalf((height[i / 2] >> (i % 2 * 16)) as u16);
        (0..3).for_each(|c| row[3 + c] = byte(3 * i + c) as f32 / 255.0);
        row[6] = (mask[i / 32] >> (i % 32) & 1) as f32;
    }
}

/// The robot's cameras. What they remember from one cloud to the next is memory alone.
#[derive(Clone, Debug)]
pub struct Cameras {
    grid: Grid,
    /// In the robot's frame.
    views: [View; CAMERAS],
    /// Depth at which each row of rays reaches the ground, or goes out of sight.
    ground: Vec<f32>,
    depths: Vec<f32>,
    solids: Vec<u32>,
    sampler: Sampler,
}

impl Default for Cameras {
    fn default() -> Self {
        Self::new()
    }
}

impl Cameras {
    /// The cameras of pushchair.md §7.3.
    pub fn new() -> Self {
        let grid = Grid::new(GRID, EXTENT);
        let views = views();
        let ground = grid.rows.iter().map(|&v| {
            // All cameras have the same pitch, so a row meets the ground at one depth.
            let down = -views[0].direction(0.0, v).z;
            if down > 0.0 { ((HEIGHT - GROUND) / down).min(DEPTHS.1) } else { DEPTHS.1 }
        });
        Self {
            ground: ground.collect(),
            grid,
            views,
            depths: vec![0.0; RAYS],
            solids: vec![NOTHING; RAYS],
            sampler: Sampler::default(),
        }
    }

    /// Looks at solids, which are given in the world's frame, and makes the cloud of what is seen.
    /// The same arguments give the same bytes, whatever was looked at before.
    pub fn cloud(&mut self, solids: &[Solid], base: Base, draw: Draw, cloud: &mut Cloud) {
        self.look(solids, base);
        let (robot, others) = self.sampler.choose(solids, &self.solids, draw);
        cloud.robot = robot.len();
        cloud.others = others.len();
        let chosen = robot.iter().chain(others);
        let (heading, grid, views) = (base.heading(), &self.grid, &self.views);
        let points = cloud.points.iter_mut().zip(chosen.map(|key| (key & RAY) as usize));
        for (point, ray) in points {
            let solid = &solids[self.solids[ray] as usize];
            let (row, column) = (ray / GRID.0 % GRID.1, ray % GRID.0);
            let view = &views[ray / (GRID.0 * GRID.1)];
            let direction = view.direction(grid.columns[column], grid.rows[row]);
            let position = view.eye + direction * self.depths[ray];
            *point = Point {
                position: position.to_array(),
                colour: light::shade(solid, to_world(position, base, heading)),
                robot: solid.class == Class::Robot,
            };
        }
        cloud.points[robot.len() + others.len()..].fill(Point::default());
    }

    /// Finds what every ray hits.
    fn look(&mut self, solids: &[Solid], base: Base) {
        let (width, per_camera) = (self.grid.columns.len(), self.grid.len());
        self.solids.fill(NOTHING);
        let heading = base.heading();
        let hits = self.depths.chunks_exact_mut(per_camera);
        for ((depths, hit), view) in
            hits.zip(self.solids.chunks_exact_mut(per_camera)).zip(&self.views)
        {
            for (row, &ground) in depths.chunks_exact_mut(width).zip(&self.ground) {
                row.fill(ground);
            }
            let view = View {
                eye: to_world(view.eye, base, heading),
                right: turn(view.right, heading),
                up: turn(view.up, heading),
                forward: turn(view.forward, heading),
            };
            Hits { depths, solids: hit }.cast(&view, &self.grid, DEPTHS.0, solids);
        }
    }
}

/// Where the cameras look in the robot's frame: half way down, to the front, the right and the left.
fn views() -> [View; CAMERAS] {
    // sqrt(3) / 2
    const SIN_120: f32 = 0.866_025_4;
    let down = FRAC_1_SQRT_2;
    [(1.0, 0.0), (-0.5, -SIN_120), (-0.5, SIN_120)].map(|(cos, sin)| View {
        eye: Vector::new(0.0, 0.0, HEIGHT),
        right: Vector::new(sin, -cos, 0.0),
        up: Vector::new(cos * down, sin * down, down),
        forward: Vector::new(cos * down, sin * down, -down),
    })
}

/// Turns a vector around z.
fn turn(v: Vector, (cos, sin): (f32, f32)) -> Vector {
    Vector::new(v.x * cos - v.y * sin, v.x * sin + v.y * cos, v.z)
}

/// From the robot's frame to the world's.
fn to_world(p: Vector, base: Base, heading: (f32, f32)) -> Vector {
    turn(p, heading) + Vector::new(base.x, base.y, 0.0)
}

/// Chooses rays without replacement. A key is random but for its lowest bits, which are the ray's
/// number: no two are equal, and keys in the order of rays need no numbers beside them.
#[derive(Clone, Debug)]
struct Sampler {
    /// Keys of rays that hit the robot, and something else.
    robot: Vec<u32>,
    others: Vec<u32>,
    /// Keys to choose from.
    pool: Vec<u32>,
}

impl Default for Sampler {
    /// With room for all rays.
    fn default() -> Self {
        let [robot, others, pool] = [(); 3].map(|()| Vec::with_capacity(RAYS));
        Self { robot, others, pool }
    }
}

impl Sampler {
    /// The keys of the chosen rays, in the order of the rays: that hit the robot, that hit others.
    fn choose(&mut self, solids: &[Solid], hits: &[u32], draw: Draw) -> (&[u32], &[u32]) {
        let class = |ray: u32| solids[hits[ray as usize] as usize].class;
        self.robot.clear();
        self.others.clear();
        for (block, four) in hits.chunks_exact(4).enumerate() {
            if four == [NOTHING; 4] {
                continue;
            }
            let bits = draw.stream.bits(block as u32, draw.step);
            for (ray, (&hit, bits)) in (4 * block as u32..).zip(four.iter().zip(bits)) {
                if hit != NOTHING {
                    let key = bits & !RAY | ray;
                    let of_robot = class(ray) == Class::Robot;
                    if of_robot { &mut self.robot } else { &mut self.others }.push(key);
                }
            }
        }
        let Self { robot, others, pool } = self;
        let below = bound(pool, robot.iter().copied(), ROBOT_POINTS);
        robot.retain(|&key| key < below);

        let is_goal = |key: u32| class(key & RAY) == Class::Goal;
        let goals = others.iter().copied().filter(|&key| is_goal(key));
        let below = bound(pool, goals, GOAL_POINTS);
        let is_reserved = |key: u32| is_goal(key) && key < below;
        let left = POINTS - robot.len() - others.iter().filter(|&&key| is_reserved(key)).count();
        let rest = others.iter().copied().filter(|&key| !is_reserved(key));
        let below_too = bound(pool, rest, left);
        others.retain(|&key| is_reserved(key) || key < below_too);
        (&self.robot, &self.others)
    }
}

/// What the `n` smallest of some keys are below, and no others. Forgets what is in `pool`.
fn bound(pool: &mut Vec<u32>, keys: impl Iterator<Item = u32>, n: usize) -> u32 {
    pool.clear();
    pool.extend(keys);
    // A ray's number is never RAY, so no key is the largest word.
    if n < pool.len() { *pool.select_nth_unstable(n).1 } else { u32::MAX }
}

#[cfg(test)]
#[path = "cloud_tests.rs"]
mod tests;
