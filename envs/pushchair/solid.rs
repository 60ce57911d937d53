//! What a scene is made of: boxes, spheres, cylinders and capsules.
//!
//! The same solids are what physics collides, what cameras see and where the reward measures
//! distances.

use rapier3d::{
    glamx::Vec2,
    math::{Pose, Vector},
};
use std::f32::consts::PI;

/// A convex shape around the origin of its own frame; lengths in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Box {
        half: Vector,
    },
    Sphere {
        radius: f32,
    },
    /// Around the z axis.
    Cylinder {
        radius: f32,
        half_height: f32,
    },
    /// Around the z axis; `half_height` is that of the part between the two half spheres.
    Capsule {
        radius: f32,
        half_height: f32,
    },
}

/// What a solid belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Robot,
    Chair,
    /// The red sphere at the target, which nothing collides with.
    Goal,
}

/// A shape at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solid {
    pub shape: Shape,
    /// From the shape's frame to that of whatever lists it: a link's, or the world's.
    pub pose: Pose,
    /// Red, green and blue.
    pub colour: [u8; 3],
    pub class: Class,
}

impl Shape {
    /// Radius of the smallest sphere around the origin that holds the shape.
    pub fn bounding_radius(&self) -> f32 {
        match *self {
            Self::Box { half } => half.length(),
            Self::Sphere { radius } => radius,
            Self::Cylinder { radius, half_height } => Vec2::new(radius, half_height).length(),
            Self::Capsule { radius, half_height } => radius + half_height,
        }
    }

    /// Cubic metres.
    pub fn volume(&self) -> f32 {
        match *self {
            Self::Box { half } => 8.0 * half.element_product(),
            Self::Sphere { radius } => 4.0 / 3.0 * PI * radius.powi(3),
            Self::Cylinder { radius, half_height } => 2.0 * PI * radius * radius * half_height,
            Self::Capsule { radius, half_height } => {
                PI * radius * radius * (2.0 * half_height + 4.0 / 3.0 * radius)
            }
        }
    }

    /// Distance from a point in the shape's frame to its surface, negative inside.
    pub fn signed_distance(&self, p: Vector) -> f32 {
        match *self {
            Self::Box { half } => {
                let q = p.abs() - half;
                q.max(Vector::ZERO).length() + q.max_element().min(0.0)
            }
            Self::Sphere { radius } => p.length() - radius,
            Self::Cylinder { radius, half_height } => {
                let q = Vec2::new(p.truncate().length() - radius, p.z.abs() - half_height);
                q.max(Vec2::ZERO).length() + q.max_element().min(0.0)
            }
            Self::Capsule { radius, half_height } => {
                let z = p.z - p.z.clamp(-half_height, half_height);
                Vector::new(p.x, p.y, z).length() - radius
            }
        }
    }
}
