//! Points on a chair's surface, and how far from them something is.

use super::{
    chair::Chair,
    solid::{Shape, Solid},
};
use crate::rng::Stream;
use rapier3d::math::{Pose, Vector};
use std::f32::consts::TAU;

/// Points on each link (pushchair.md §5).
pub const POINTS: usize = 512;
/// Points that are compared at a time.
const LANES: usize = 16;

/// Points on each link of a chair.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    links: Vec<Points>,
}

/// Points of a link in its frame.
#[derive(Clone, Debug, PartialEq)]
struct Points {
    x: Vec<f32>,
    y: Vec<f32>,
    z: Vec<f32>,
    /// A ball that holds them all.
    middle: Vector,
    radius: f32,
}

impl Surface {
    /// [`POINTS`] uniform points on every link, none inside another solid of the same link.
    pub fn sample(chair: &Chair, stream: Stream) -> Self {
        let links = chair
            .links
            .iter()
            .enumerate()
            .map(|(l, link)| Points::new(&sample(&link.solids, POINTS, stream, l as u32)))
            .collect();
        Self { links }
    }

    /// Least distance from a point to those on any link, which stand at `poses` in the point's
    /// frame, in metres.
    pub fn distance(&self, point: Vector, poses: &[Pose]) -> f32 {
        let mut nearest = f32::MAX;
        for (points, pose) in self.links.iter().zip(poses) {
            let p = pose.inverse_transform_point(point);
            if (p - points.middle).length() - points.radius < nearest {
                nearest = nearest.min(points.squared_distance(p).sqrt());
            }
        }
        nearest
    }

    /// Points of a link in its frame.
    pub fn points(&self, link: usize) -> impl Iterator<Item = Vector> {
        let Points { x, y, z, .. } = &self.links[link];
        x.iter().zip(y).zip(z).map(|((&x, &y), &z)| Vector::new(x, y, z))
    }
}

impl Points {
    fn new(points: &[Vector]) -> Self {
        let (low, high) = points
            .iter()
            .fold((Vector::MAX, Vector::MIN), |(low, high), &p| (low.min(p), high.max(p)));
        let middle = (low + high) / 2.0;
        Self {
            x: points.iter().map(|p| p.x).collect(),
            y: points.iter().map(|p| p.y).collect(),
            z: points.iter().map(|p| p.z).collect(),
            middle,
            radius: points.iter().map(|&p| (p - middle).length()).fold(0.0, f32::max),
        }
    }

    fn squared_distance(&self, p: Vector) -> f32 {
        let mut least = [f32::MAX; LANES];
        let chunks = self.x.as_chunks::<LANES>().0.iter();
        let chunks = chunks.zip(self.y.as_chunks::<LANES>().0).zip(self.z.as_chunks::<LANES>().0);
        for ((x, y), z) in chunks {
            for i in 0..LANES {
                let (dx, dy, dz) = (x[i] - p.x, y[i] - p.y, z[i] - p.z);
                let d = dx * dx + dy * dy + dz * dz;
                least[i] = if d < least[i] { d } else { least[i] };
            }
        }
        least.into_iter().fold(f32::MAX, f32::min)
    }
}

fn area(shape: &Shape) -> f32 {
    match *shape {
        Shape::Box { half } => 8.0 * (half.x * half.y + half.y * half.z + half.z * half.x),
        Shape::Sphere { radius } => 2.0 * TAU * radius * radius,
        Shape::Cylinder { radius, half_height } => TAU * radius * (2.0 * half_height + radius),
        Shape::Capsule { radius, half_height } => 2.0 * TAU * radius * (half_height + radius),
    }
}

/// `n` uniform points on what is seen of some solids, of lane `lane` of a stream.
///
/// # Panics
/// The solids hide one another almost everywhere.
pub fn sample(solids: &[Solid], n: usize, stream: Stream, lane: u32) -> Vec<Vector> {
    let all: f32 = solids.iter().map(|solid| area(&solid.shape)).sum();
    let mut points = Vec::with_capacity(n);
    for index in 0..100 * n as u64 {
        let [pick, a, b, c] = stream.bits(lane, index).map(|bits| bits as f32 / 2f32.powi(32));
        let mut pick = pick * all;
        let chosen = solids.iter().position(|solid| {
            pick -= area(&solid.shape);
            pick < 0.0
        });
        let chosen = chosen.unwrap_or(solids.len() - 1);
        let p = solids[chosen].pose.transform_point(on_surface(&solids[chosen].shape, [a, b, c]));
        let hidden = solids.iter().enumerate().any(|(i, solid)| {
            i != chosen && solid.shape.signed_distance(solid.pose.inverse_transform_point(p)) < 0.0
        });
        if !hidden {
            points.push(p);
            if points.len() == n {
                return points;
            }
        }
    }
    panic!("solids without a surface");
}

/// A uniform point on a shape, of three uniform numbers in 0..1.
fn on_surface(shape: &Shape, [a, b, c]: [f32; 3]) -> Vector {
    let around = |angle: f32| Vector::new(libm::cosf(angle), libm::sinf(angle), 0.0);
    let sphere = |radius: f32| {
        let z = 2.0 * b - 1.0;
        radius * (around(TAU * c) * (1.0 - z * z).max(0.0).sqrt() + Vector::Z * z)
    };
    match *shape {
        Shape::Box { half } => {
            let sides = [half.y * half.z, half.z * half.x, half.x * half.y];
            let mut pick = a * 2.0 * (sides[0] + sides[1] + sides[2]);
            let mut side = 0;
            while side < 5 && pick >= sides[side / 2] {
                pick -= sides[side / 2];
                side += 1;
            }
            let axis = side / 2;
            let mut p = Vector::ZERO;
            p[axis] = if side % 2 == 0 { half[axis] } else { -half[axis] };
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            p[u] = (2.0 * b - 1.0) * half[u];
            p[v] = (2.0 * c - 1.0) * half[v];
            p
        }
        Shape::Sphere { radius } => sphere(radius),
        Shape::Cylinder { radius, half_height } => {
            let (side, caps) = (2.0 * half_height, radius);
            if a * (side + caps) < side {
                radius * around(TAU * c) + Vector::Z * ((2.0 * b - 1.0) * half_height)
            } else {
                let cap = if a * (side + caps) < side + caps / 2.0 { 1.0 } else { -1.0 };
                radius * b.sqrt() * around(TAU * c) + Vector::Z * (cap * half_height)
            }
        }
        Shape::Capsule { radius, half_height } => {
            if a * (half_height + radius) < half_height {
                radius * around(TAU * c) + Vector::Z * ((2.0 * b - 1.0) * half_height)
            } else {
                let p = sphere(radius);
                p + Vector::Z * half_height.copysign(p.z)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rapier3d::math::Rotation;
    use std::f32::consts::PI;

    const SHAPES: [Shape; 4] = [
        Shape::Box { half: Vector::new(0.1, 0.2, 0.3) },
        Shape::Sphere { radius: 0.2 },
        Shape::Cylinder { radius: 0.1, half_height: 0.3 },
        Shape::Capsule { radius: 0.1, half_height: 0.2 },
    ];

    #[test]
    fn points_lie_on_their_shape_and_are_spread_evenly() {
        let stream = Stream::new(3, "test");
        for shape in SHAPES {
            let n = 20_000u64;
            let points: Vec<Vector> = (0..n)
                .map(|i| {
                    let [_, a, b, c] = stream.bits(0, i).map(|bits| bits as f32 / 2f32.powi(32));
                    on_surface(&shape, [a, b, c])
                })
                .collect();
            for &p in &points {
                assert!(shape.signed_distance(p).abs() < 1e-5, "{shape:?}: {p}");
            }
            // By symmetry the mean is the middle, and the share above a height is that of the area.
            let mean = points.iter().copied().sum::<Vector>() / n as f32;
            assert!(mean.length() < 0.01, "{shape:?}: {mean}");
            let (top, share) = match shape {
                // The upper side and a quarter of the others' upper part.
                Shape::Box { half } => {
                    let sides = 8.0 * (half.x + half.y) * (half.z / 2.0) / 2.0;
                    (half.z / 2.0, (4.0 * half.x * half.y + sides) / area(&shape))
                }
                Shape::Sphere { radius } => (radius / 2.0, 0.25),
                Shape::Cylinder { radius, half_height } => {
                    let side = TAU * radius * half_height / 2.0;
                    (half_height / 2.0, (side + PI * radius * radius) / area(&shape))
                }
                Shape::Capsule { radius, half_height } => {
                    (half_height, TAU * radius * radius / area(&shape))
                }
            };
            let above = points.iter().filter(|p| p.z > top).count() as f32 / n as f32;
            assert!((above - share).abs() < 0.015, "{shape:?}: {above} instead of {share}");
        }
    }

    #[test]
    fn distances_equal_those_to_every_point() {
        let chair = Chair::new(1).unwrap();
        let surface = Surface::sample(&chair, Stream::new(5, "surface"));
        let turn = Pose::from_parts(Vector::new(0.3, -0.2, 0.6), Rotation::from_rotation_z(1.0));
        let poses: Vec<Pose> = chair.rest_poses().iter().map(|&pose| turn * pose).collect();
        for i in 0..50 {
            let [x, y, z, _] = Stream::new(6, "test").normal(0, i);
            let p = Vector::new(x, y, z);
            let brute = (0..poses.len())
                .flat_map(|l| surface.points(l).map(move |q| (l, q)))
                .map(|(l, q)| (poses[l].transform_point(q) - p).length())
                .fold(f32::MAX, f32::min);
            let ours = surface.distance(p, &poses);
            assert!((ours - brute).abs() < 1e-5, "{ours} against {brute}");
        }
    }
}
