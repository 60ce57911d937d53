//! Swivel chairs out of a seed (pushchair.md §8.2): eight archetypes, of which any seed gives
//! another chair.
//!
//! A chair looks along x. Its root frame stands on the column's axis, 0.6 m above the ground.

mod build;
mod style;

pub use style::{Arms, Back, Base, Caster, STYLES, Seat, Style};

use super::solid::{Shape, Solid};
use build::draw;
use rapier3d::math::{Pose, Vector};

/// Height of the root's frame above the ground, in metres.
pub const ROOT_HEIGHT: f32 = 0.6;
/// Times that a seed is tried again before it is given up; of thousands of seeds none needs more
/// than a dozen.
const TRIES: u64 = 1000;

/// How a link may move in its parent's frame, beside the root, which is free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Joint {
    Root,
    /// Around z, or not at all. The lift of the column is locked.
    Seat {
        swivels: bool,
    },
    /// Around y, this many radians either way, against a spring.
    Back {
        range: f32,
    },
    /// Around z.
    Fork,
    /// Around y.
    Wheel,
    /// Any way around its middle.
    Ball,
}

impl Joint {
    /// Whether the link stands on the ground.
    pub fn rolls(&self) -> bool {
        matches!(self, Self::Wheel | Self::Ball)
    }
}

/// A rigid part of a chair.
#[derive(Clone, Debug)]
pub struct Link {
    /// Index of the link that it hangs on; none for the root.
    pub parent: Option<usize>,
    pub joint: Joint,
    /// Of its frame in the parent's where the joint is at 0.
    pub origin: Pose,
    /// In the link's frame.
    pub solids: Vec<Solid>,
}

/// A chair at rest.
#[derive(Clone, Debug)]
pub struct Chair {
    pub style: &'static Style,
    /// Each after its parent; the first is the root.
    pub links: Vec<Link>,
    /// Of all solids, in kg/m³.
    pub density: f32,
}

/// A seed of which no chair could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no valid chair came of seed {seed} in {TRIES} tries")]
pub struct NoChair {
    pub seed: u64,
}

impl Chair {
    /// The chair of a seed: the first valid one of those that its random numbers give.
    ///
    /// # Errors
    /// None of them is.
    pub fn new(seed: u64) -> Result<Self, NoChair> {
        (0..TRIES).map(|attempt| draw(seed, attempt)).find(Self::is_valid).ok_or(NoChair { seed })
    }

    /// Kilograms.
    pub fn mass(&self) -> f32 {
        self.density * self.solids().map(|solid| solid.shape.volume()).sum::<f32>()
    }

    /// Poses of the links in the root's frame, all joints at 0.
    pub fn rest_poses(&self) -> Vec<Pose> {
        let mut poses: Vec<Pose> = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let parent = link.parent.map_or(Pose::IDENTITY, |parent| poses[parent]);
            poses.push(parent * link.origin);
        }
        poses
    }

    /// Solids in the root's frame, all joints at 0.
    pub fn solids(&self) -> impl Iterator<Item = Solid> {
        let poses = self.rest_poses();
        self.links.iter().enumerate().flat_map(move |(i, link)| {
            let pose = poses[i];
            link.solids.iter().map(move |solid| Solid { pose: pose * solid.pose, ..*solid })
        })
    }

    /// Centre of mass in the root's frame.
    pub fn centre_of_mass(&self) -> Vector {
        let (mut sum, mut all) = (Vector::ZERO, 0.0);
        for solid in self.solids() {
            let volume = solid.shape.volume();
            sum += solid.pose.translation * volume;
            all += volume;
        }
        sum / all
    }

    /// Least horizontal distance from the centre of mass to an edge of the polygon that the
    /// casters stand on, in metres; negative outside.
    pub fn stability(&self) -> f32 {
        let middle = self.centre_of_mass();
        let poses = self.rest_poses();
        let feet: Vec<Vector> = (0..self.links.len())
            .filter(|&i| self.links[i].joint.rolls())
            .map(|i| poses[i].translation)
            .collect();
        // An edge of the polygon has all feet on one side.
        let mut least = f32::MAX;
        for a in &feet {
            for b in &feet {
                let edge = (*b - *a).truncate();
                if edge.length() < 1e-6 {
                    continue;
                }
                let inward = edge.perp().normalize();
                let side = |p: &Vector| (*p - *a).truncate().dot(inward);
                if feet.iter().all(|p| side(p) >= -1e-6) {
                    least = least.min(side(&middle));
                }
            }
        }
        least
    }

    /// Horizontal force that tips it over, applied 0.9 m above the ground, in N.
    pub fn tipping_force(&self) -> f32 {
        self.mass() * 9.81 * self.stability() / 0.9
    }

    /// Least and greatest corner of all that it is made of, in the root's frame.
    pub fn bounds(&self) -> (Vector, Vector) {
        self.solids().fold((Vector::MAX, Vector::MIN), |(low, high), solid| {
            let (p, reach) = (solid.pose.translation, extent(&solid));
            (low.min(p - reach), high.max(p + reach))
        })
    }

    /// The checks of pushchair.md §8.2.
    fn is_valid(&self) -> bool {
        let (low, high) = self.bounds();
        let size = high - low;
        self.stability() >= 0.04
            && self.tipping_force() >= 15.0
            && size.x <= 0.75
            && size.y <= 0.75
            && size.z <= 1.2
            && self.solids().count() <= 40
    }
}

/// Half sides of the box along the frame's axes that holds a solid.
fn extent(solid: &Solid) -> Vector {
    let axis = |i: usize| solid.pose.rotation * Vector::AXES[i];
    match solid.shape {
        Shape::Box { half } => (0..3).map(|i| axis(i).abs() * half[i]).sum(),
        Shape::Sphere { radius } => Vector::splat(radius),
        Shape::Cylinder { radius, half_height } => {
            let z = axis(2);
            let across = (Vector::ONE - z * z).max(Vector::ZERO);
            z.abs() * half_height
                + Vector::new(across.x.sqrt(), across.y.sqrt(), across.z.sqrt()) * radius
        }
        Shape::Capsule { radius, half_height } => {
            axis(2).abs() * half_height + Vector::splat(radius)
        }
    }
}
