//! Pictures of a scene for people; `shaders/picture.wgsl` takes the same on a GPU.

use super::{
    camera::{Grid, Hits, NOTHING, View},
    ray,
    solid::Solid,
};
use rapier3d::math::Vector;
use rayon::prelude::*;
use std::f32::consts::PI;

/// Rays in x and y for each pixel, whose mean it shows.
const SAMPLES: usize = 2;
/// Rows of an image that are drawn at once by one thread.
const BAND: usize = 16;
/// Nearer than this to the eye, and farther, nothing is drawn; metres.
const DEPTHS: (f32, f32) = (0.05, 60.0);
/// Towards the sun, which is so far away; metres.
const SUN: Vector = Vector::new(-9.0, -14.0, 20.0);
/// Pixels of the map of what the sun sees, in x and y.
pub const SHADOW: usize = 768;
/// Cells in x and y of the ground that may be shut in.
pub const NOOKS: usize = 128;
/// How far apart heights over the ground are looked at around a point that may be shut in.
const NOOK: [f32; 3] = [0.04, 0.12, 0.3];

/// Red, green and blue light.
type Light = Vector;
const SKY: Light = Vector::new(0.50, 0.56, 0.66);
const BOUNCE: Light = Vector::new(0.26, 0.25, 0.24);
const SUNLIGHT: Light = Vector::new(0.80, 0.75, 0.66);
/// Where the ground ends in mist, and the sky overhead.
const HORIZON: Light = Vector::new(0.78, 0.82, 0.87);
const ZENITH: Light = Vector::new(0.46, 0.58, 0.74);
/// The two kinds of tiles on the ground, half a metre long.
const TILES: [Light; 2] = [Vector::new(0.50, 0.50, 0.51), Vector::new(0.44, 0.44, 0.46)];
const TILE: f32 = 0.5;

/// Solids in the world's frame and where people look at them from. The ground at z = 0 is seen with
/// them, and their shadows.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub solids: Vec<Solid>,
    pub shot: Shot,
}

/// Where a picture is taken from, with z up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shot {
    /// In the world's frame, in metres.
    pub eye: Vector,
    /// What is in the middle.
    pub target: Vector,
    /// The vertical angle of view in radians, between 0 and pi.
    pub field: f32,
}

/// What a picture depends on besides its solids.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub view: View,
    /// Half the width and the height of what is seen at a depth of 1.
    pub extent: (f32, f32),
    /// What the sun sees, on a square.
    pub sun: View,
    pub sun_extent: f32,
    /// The ground that may be shut in is a square: its corner of least x and y, and a cell's side.
    pub corner: Vector,
    pub cell: f32,
}

impl Stage {
    /// Of a picture of `width * height` pixels.
    pub fn plan(&self, (width, height): (usize, usize)) -> Plan {
        let Shot { eye, target, field } = self.shot;
        assert!(field > 0.0 && field < PI, "an angle of view lies between 0 and pi");
        let up = libm::tanf(0.5 * field);
        // The middle of all, and how far away from it they reach.
        let corner = |sign: f32| {
            self.solids.iter().map(move |solid| {
                solid.pose.translation + Vector::splat(sign * solid.shape.bounding_radius())
            })
        };
        let low = corner(-1.0).reduce(Vector::min).unwrap_or(Vector::ZERO);
        let high = corner(1.0).reduce(Vector::max).unwrap_or(Vector::ZERO);
        let (middle, reach) = (0.5 * (low + high), (0.5 * (high - low).length()).clamp(0.5, 8.0));
        Plan {
            view: View::towards(eye, target),
            extent: (up * width as f32 / height as f32, up),
            sun: View::towards(middle + SUN, middle),
            sun_extent: 1.1 * reach / SUN.length(),
            corner: middle - Vector::new(1.2 * reach, 1.2 * reach, middle.z),
            cell: 2.4 * reach / NOOKS as f32,
        }
    }

    /// What it looks like: `width * height` pixels red, green, blue, row by row from the top.
    pub fn picture(&self, (width, height): (usize, usize)) -> Vec<u8> {
        let plan = self.plan((width, height));
        let Plan { view, extent, .. } = plan;
        let grid = Grid::new((width * SAMPLES, height * SAMPLES), extent);
        let scene = Scene::new(&self.solids, &plan);
        let mut image = vec![0; 3 * width * height];
        image.par_chunks_mut(3 * width * BAND).enumerate().for_each(|(band, image)| {
            let first = band * BAND * SAMPLES;
            let rows = first..first + image.len() / (3 * width) * SAMPLES;
            scene.draw(&view, &grid.band(rows), image);
        });
        image
    }
}

/// What the light in a scene depends on.
struct Scene<'a> {
    solids: &'a [Solid],
    shadows: Shadows,
    nooks: Nooks,
}

impl<'a> Scene<'a> {
    fn new(solids: &'a [Solid], plan: &Plan) -> Self {
        Self { solids, shadows: Shadows::new(solids, plan), nooks: Nooks::new(solids, plan) }
    }

    /// Draws the pixels of the band of a grid.
    fn draw(&self, view: &View, grid: &Grid, image: &mut [u8]) {
        let (width, rows) = (grid.columns.len(), &grid.rows[grid.band.clone()]);
        let mut depths = vec![0.0; grid.len()];
        let mut seen = vec![NOTHING; grid.len()];
        for (depths, &v) in depths.chunks_exact_mut(width).zip(rows) {
            let fall = -view.direction(0.0, v).z;
            let ground = view.eye.z / fall;
            depths.fill(if fall > 0.0 && ground > 0.0 { ground.min(DEPTHS.1) } else { DEPTHS.1 });
        }
        let mut hits = Hits { depths: &mut depths, solids: &mut seen };
        hits.cast(view, grid, DEPTHS.0, self.solids);

        for (pixel, rgb) in image.chunks_exact_mut(3).enumerate() {
            let first = pixel * SAMPLES;
            let (row, column) = (first / width * SAMPLES, first % width);
            let mut light = Light::ZERO;
            for sample in 0..SAMPLES * SAMPLES {
                let (row, column) = (row + sample / SAMPLES, column + sample % SAMPLES);
                let ray = row * width + column;
                let direction = view.direction(grid.columns[column], rows[row]);
                light += self.light(view.eye, direction, depths[ray], seen[ray]);
            }
            light /= (SAMPLES * SAMPLES) as f32;
            // Light to a number as a screen expects it, with a gamma of 2.
            let bytes = light.to_array().map(|x| (255.0 * x.min(1.0).sqrt() + 0.5) as u8);
            rgb.copy_from_slice(&bytes);
        }
    }

    /// The light that a ray brings to the eye.
    fn light(&self, eye: Vector, direction: Vector, depth: f32, seen: u32) -> Light {
        let towards = direction.normalize();
        let p = eye + direction * depth;
        if seen != NOTHING {
            let solid = &self.solids[seen as usize];
            let normal = solid.pose.rotation
                * ray::normal(&solid.shape, solid.pose.inverse_transform_point(p));
            let colour = Light::from_array(solid.colour.map(|c| f32::from(c) / 255.0));
            // Near the ground less of the sky is seen.
            let open = 0.55 + 0.45 * (p.z / 0.35).clamp(0.0, 1.0);
            return self.matt(colour * colour, p, normal, open) + self.gleam(p, normal, towards);
        }
        let sky = HORIZON.lerp(ZENITH, (2.0 * towards.z).clamp(0.0, 1.0));
        if depth >= DEPTHS.1 {
            return sky;
        }
        let mist = (p - eye).length() / 22.0;
        let ground = self.matt(tile(p, mist), p, Vector::Z, self.nooks.openness(p));
        ground.lerp(HORIZON, (mist * mist).min(1.0))
    }

    /// What a matt surface sends out, of which `open` tells how much of the sky it sees.
    fn matt(&self, colour: Light, p: Vector, normal: Vector, open: f32) -> Light {
        let facing = normal.dot(SUN.normalize()).max(0.0);
        let sun = if facing > 0.0 { facing * self.shadows.sunlit(p, normal) } else { 0.0 };
        let around = BOUNCE.lerp(SKY, 0.5 + 0.5 * normal.z) * open;
        colour * (around + SUNLIGHT * sun)
    }

    /// A little of the sun on what is smooth (Blinn).
    fn gleam(&self, p: Vector, normal: Vector, towards: Vector) -> Light {
        let half = (SUN.normalize() - towards).normalize_or_zero();
        let shine = half.dot(normal).max(0.0).powi(40);
        if shine < 0.01 {
            Light::ZERO
        } else {
            SUNLIGHT * (0.14 * shine * self.shadows.sunlit(p, normal))
        }
    }
}

/// The colour of the ground; how far away says how much tiles blur.
fn tile(p: Vector, mist: f32) -> Light {
    let kind = ((p.x / TILE).floor() + (p.y / TILE).floor()).rem_euclid(2.0);
    let mean = 0.5 * (TILES[0] + TILES[1]);
    TILES[kind as usize].lerp(mean, (1.5 * mist).min(1.0))
}

/// How far the sun reaches (Williams 1978).
struct Shadows {
    view: View,
    extent: f32,
    depths: Vec<f32>,
}

impl Shadows {
    fn new(solids: &[Solid], plan: &Plan) -> Self {
        let &Plan { sun: view, sun_extent: extent, .. } = plan;
        let grid = Grid::new((SHADOW, SHADOW), (extent, extent));
        let mut depths = vec![f32::INFINITY; grid.len()];
        depths.par_chunks_mut(SHADOW * BAND).enumerate().for_each(|(band, depths)| {
            let grid = grid.band(band * BAND..(band + 1) * BAND);
            let mut seen = vec![NOTHING; grid.len()];
            Hits { depths, solids: &mut seen }.cast(&view, &grid, DEPTHS.0, solids);
        });
        Self { view, extent, depths }
    }

    /// The part of the sun that is seen from a point of a surface, from 0 to 1: of the points around
    /// it on the map, weighed so that edges are soft, those that are not behind something.
    fn sunlit(&self, p: Vector, normal: Vector) -> f32 {
        // A little off the surface, which would cast a shadow on itself.
        let p = p + normal * 0.008 - self.view.eye;
        let depth = p.dot(self.view.forward);
        let place = |along: Vector| {
            0.5 * (p.dot(along) / (depth * self.extent) + 1.0) * SHADOW as f32 - 1.5
        };
        let (x, y) = (place(self.view.right), place(-self.view.up));
        let within = 0.0..(SHADOW - 3) as f32;
        if !within.contains(&x) || !within.contains(&y) {
            return 1.0;
        }
        let (left, top) = (x as usize, y as usize);
        let weights = |part: f32| [1.0 - part, 1.0, 1.0, part];
        let (across, down) = (weights(x - left as f32), weights(y - top as f32));
        let first = top * SHADOW + left;
        let mut sum = 0.0;
        for (row, down) in down.iter().enumerate() {
            let at = first + row * SHADOW;
            for (&nearest, across) in self.depths[at..at + 4].iter().zip(&across) {
                sum += if depth <= nearest + 0.004 { across * down } else { 0.0 };
            }
        }
        sum / 9.0
    }
}

/// How much of the sky the ground sees, on a grid around what stands on it.
struct Nooks {
    corner: Vector,
    cell: f32,
    open: Vec<f32>,
}

impl Nooks {
    fn new(solids: &[Solid], plan: &Plan) -> Self {
        let &Plan { corner, cell, .. } = plan;
        let open = (0..NOOKS * NOOKS).into_par_iter().map(|i| {
            let (x, y) = ((i % NOOKS) as f32, (i / NOOKS) as f32);
            NOOK.map(|z| {
                let p = corner + Vector::new(x * cell, y * cell, z);
                // What is nearer than the ground shuts the point in.
                let near = solids.iter().filter(|solid| {
                    let reach = solid.shape.bounding_radius() + z;
                    p.distance_squared(solid.pose.translation) < reach * reach
                });
                let nearest = near.map(|solid| {
                    let local = solid.pose.inverse_transform_point(p);
                    solid.shape.signed_distance(local)
                });
                let nearest = nearest.fold(z, f32::min).max(0.0);
                0.72 + 0.28 * nearest / z
            })
            .iter()
            .product()
        });
        Self { corner, cell, open: open.collect() }
    }

    fn openness(&self, p: Vector) -> f32 {
        let at = (p - self.corner) / self.cell;
        let within = 0.0..(NOOKS - 1) as f32;
        if !within.contains(&at.x) || !within.contains(&at.y) {
            return 1.0;
        }
        let (left, top) = (at.x as usize, at.y as usize);
        let first = top * NOOKS + left;
        let mix = |i: usize| {
            let (a, b) = (self.open[first + i], self.open[first + i + 1]);
            a + (b - a) * (at.x - left as f32)
        };
        let (a, b) = (mix(0), mix(NOOKS));
        a + (b - a) * (at.y - top as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pushchair::solid::{Class, Shape};
    use rapier3d::math::Pose;

    const SIZE: (usize, usize) = (120, 90);

    fn ball(at: Vector, colour: [u8; 3]) -> Solid {
        let shape = Shape::Sphere { radius: 0.3 };
        Solid { shape, pose: Pose::from_translation(at), colour, class: Class::Chair }
    }

    /// From the south and above, so that the sun is behind the eye at its left.
    fn look(solids: &[Solid]) -> Vec<[u8; 3]> {
        let shot = Shot { eye: Vector::new(0.0, -3.0, 1.5), target: Vector::ZERO, field: 1.2 };
        let bytes = Stage { solids: solids.into(), shot }.picture(SIZE);
        bytes.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect()
    }

    fn at(image: &[[u8; 3]], x: usize, y: usize) -> [i32; 3] {
        image[y * SIZE.0 + x].map(i32::from)
    }

    #[test]
    fn solids_stand_between_ground_and_sky() {
        let image = look(&[ball(Vector::new(0.0, 0.0, 0.3), [255, 0, 0])]);
        let [red, green, blue] = at(&image, 60, 38);
        assert!(red > 150 && red > 2 * green && red > 2 * blue, "{red} {green} {blue}");
        let [red, _, blue] = at(&image, 60, 2);
        assert!(blue > red + 10, "the sky is blue");
        let [red, green, blue] = at(&image, 60, 85);
        assert!((red - green).abs() < 12 && (blue - green).abs() < 16, "the ground is grey");
    }

    #[test]
    fn shadows_fall_away_from_the_sun() {
        let (bare, image) = (look(&[]), look(&[ball(Vector::new(0.0, 0.0, 1.0), [90; 3])]));
        let view = View::towards(Vector::new(0.0, -3.0, 1.5), Vector::ZERO);
        // The pixel of a place on the ground.
        let pixel = |p: Vector| {
            let (p, up) = (p - view.eye, libm::tanf(0.6));
            let (x, y) = (p.dot(view.right), p.dot(view.up));
            let scale = 45.0 / (up * p.dot(view.forward));
            ((60.0 + x * scale) as usize, (45.0 - y * scale) as usize)
        };
        let brightness = |image: &[[u8; 3]], p: Vector| {
            let (x, y) = pixel(p);
            at(image, x, y).iter().sum::<i32>()
        };
        let shadow = Vector::new(0.0, 0.0, 1.0) - SUN / 20.0;
        assert!(brightness(&image, shadow) * 5 < brightness(&bare, shadow) * 4);
        for lit in [Vector::new(0.0, -1.2, 0.0), Vector::new(-1.0, 0.3, 0.0)] {
            assert!((brightness(&image, lit) - brightness(&bare, lit)).abs() < 20);
        }
    }

    /// A line that is not parallel to the rows of pixels has many shades of grey.
    #[test]
    fn edges_are_smooth() {
        let image = look(&[ball(Vector::new(0.0, 0.0, 1.7), [255; 3])]);
        let mut shades: Vec<[u8; 3]> = image[..20 * SIZE.0].to_vec();
        shades.sort_unstable();
        shades.dedup();
        assert!(shades.len() > 150, "{}", shades.len());
    }
}
