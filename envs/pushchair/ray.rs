//! Where a ray enters a solid, in the solid's own frame.
//!
//! A ray is an origin and a direction of any length; where it is means how many directions from the
//! origin, which may be behind it. All four shapes are convex, so a ray enters each at most once.
//! Nothing branches, so that a compiler can treat several rays at a time. A miss is what compares
//! as no place at all: infinity or NaN.

use super::solid::Shape;
use rapier3d::math::Vector;

/// As one instruction: `f32::max` would have to look for NaN. The second where one is NaN.
#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn less(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// Where a ray enters and leaves the layer between -`half` and `half`, along one axis.
#[inline(always)]
fn layer(origin: f32, direction: f32, half: f32) -> (f32, f32) {
    let inverse = 1.0 / direction;
    let (a, b) = ((-half - origin) * inverse, (half - origin) * inverse);
    (less(a, b), greater(a, b))
}

/// Where a ray is nearest to the z axis, and how far from there to the surface of the cylinder
/// without ends; NaN where it misses.
///
/// The radius is compared with the distance at the nearest point, not with that from the origin:
/// small things far away would drown in rounding (Haines, Günther and Akenine-Möller, Ray Tracing
/// Gems, 2019, chapter 7).
#[inline(always)]
fn tube(origin: Vector, direction: Vector, radius: f32) -> (f32, f32) {
    // The bound is for rays along the axis, which are in the cylinder from far behind to far ahead.
    let speed = direction.x * direction.x + direction.y * direction.y;
    let inverse = 1.0 / greater(speed, 1e-12);
    let nearest = -(origin.x * direction.x + origin.y * direction.y) * inverse;
    let (x, y) = (origin.x + nearest * direction.x, origin.y + nearest * direction.y);
    (nearest, ((radius * radius - x * x - y * y) * inverse).sqrt())
}

/// Where a ray enters a box.
#[inline(always)]
pub(super) fn enter_box(origin: Vector, direction: Vector, half: Vector) -> f32 {
    let (x, y, z) = (
        layer(origin.x, direction.x, half.x),
        layer(origin.y, direction.y, half.y),
        layer(origin.z, direction.z, half.z),
    );
    let (enter, leave) = (greater(greater(x.0, y.0), z.0), less(less(x.1, y.1), z.1));
    if enter <= leave { enter } else { f32::INFINITY }
}

/// Where a ray enters a sphere; see [`tube`].
#[inline(always)]
pub(super) fn enter_sphere(origin: Vector, direction: Vector, radius: f32) -> f32 {
    let inverse = 1.0 / direction.dot(direction);
    let nearest = -origin.dot(direction) * inverse;
    let p = origin + direction * nearest;
    nearest - ((radius * radius - p.dot(p)) * inverse).sqrt()
}

/// Where a ray enters a cylinder.
#[inline(always)]
pub(super) fn enter_cylinder(origin: Vector, direction: Vector, size: (f32, f32)) -> f32 {
    let (nearest, half) = tube(origin, direction, size.0);
    let (low, high) = layer(origin.z, direction.z, size.1);
    // In this order NaN stays NaN.
    let (enter, leave) = (greater(low, nearest - half), less(high, nearest + half));
    if enter <= leave { enter } else { f32::INFINITY }
}

/// Where a ray enters a capsule: through its side, or through the half sphere at that end beyond
/// which it enters the cylinder without ends.
#[inline(always)]
pub(super) fn enter_capsule(origin: Vector, direction: Vector, size: (f32, f32)) -> f32 {
    let (nearest, half) = tube(origin, direction, size.0);
    let side = nearest - half;
    let z = origin.z + side * direction.z;
    let end = Vector::new(origin.x, origin.y, origin.z - size.1.copysign(z));
    let round = enter_sphere(end, direction, size.0);
    if z.abs() <= size.1 { side } else { round }
}

/// Where a ray enters a shape.
#[cfg(test)]
pub(super) fn enter(shape: &Shape, origin: Vector, direction: Vector) -> f32 {
    match *shape {
        Shape::Box { half } => enter_box(origin, direction, half),
        Shape::Sphere { radius } => enter_sphere(origin, direction, radius),
        Shape::Cylinder { radius, half_height } => {
            enter_cylinder(origin, direction, (radius, half_height))
        }
        Shape::Capsule { radius, half_height } => {
            enter_capsule(origin, direction, (radius, half_height))
        }
    }
}

/// The unit vector that points out of a shape at a point of its surface, or near it.
pub(super) fn normal(shape: &Shape, p: Vector) -> Vector {
    let along_z = |p: Vector| Vector::new(0.0, 0.0, 1f32.copysign(p.z));
    match *shape {
        Shape::Box { half } => {
            let beyond = p.abs() - half;
            if beyond.x > beyond.y && beyond.x > beyond.z {
                Vector::new(1f32.copysign(p.x), 0.0, 0.0)
            } else if beyond.y > beyond.z {
                Vector::new(0.0, 1f32.copysign(p.y), 0.0)
            } else {
                along_z(p)
            }
        }
        Shape::Sphere { .. } => p.normalize_or_zero(),
        Shape::Cylinder { radius, half_height } => {
            let out = Vector::new(p.x, p.y, 0.0);
            let side = out.length() - radius > p.z.abs() - half_height;
            if side { out.normalize_or_zero() } else { along_z(p) }
        }
        Shape::Capsule { half_height, .. } => {
            let z = p.z - p.z.clamp(-half_height, half_height);
            Vector::new(p.x, p.y, z).normalize_or_zero()
        }
    }
}

#[cfg(test)]
#[path = "ray_tests.rs"]
mod tests;
