//! The dual-arm mobile robot `mobile_a2_dual_arm`: its links, joints and velocity drives
//! (pushchair.md §2; shapes of §8.1).
//!
//! It is a tree of 20 links with 22 degrees of freedom, whose order is that of actions: base x, y
//! and yaw, height, then for the right arm and the left one seven joints and two fingers.

use super::solid::{Class, Shape, Solid};
use rapier3d::math::{Pose, Rotation, Vector};
use serde::{Deserialize, Serialize};
use std::f32::consts::{FRAC_PI_2, FRAC_PI_4};

/// Degrees of freedom.
pub const DOF: usize = 22;
/// Numbers of one arm among them.
const ARM: usize = 9;
/// Degrees of freedom of the base and the height, which come before those of the arms.
const BODY: usize = 4;
/// Ticks of the controllers in a second (pushchair.md §1).
pub const CONTROL_RATE: f32 = 100.0;

/// How a link may move in its parent's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Along x and y and around z, in the world.
    Planar,
    AlongZ,
    AlongY,
    AroundZ,
}

/// A rigid part.
#[derive(Clone, Debug)]
pub struct Link {
    /// Index of the link that it hangs on; none for the base, which stands in the world.
    pub parent: Option<usize>,
    pub motion: Motion,
    /// Of its frame in the parent's where the joint is at 0.
    pub origin: Pose,
    /// Positions of the joint's limits, in radians or metres; none of a planar one.
    pub limits: Option<[f32; 2]>,
    /// Greatest force or torque of the drive, in N or Nm.
    pub effort: f32,
    /// Of the drive: N or Nm for each m/s or rad/s that the joint is slower than it should be.
    pub damping: f32,
    /// Kilograms.
    pub mass: f32,
    /// Half sides of the box around [`Link::middle`] whose moments of inertia it has, in metres.
    pub extent: Vector,
    /// Centre of mass in the link's frame.
    pub middle: Vector,
    /// In the link's frame.
    pub solids: Vec<Solid>,
}

/// Index of the base among the links.
pub const BASE: usize = 0;
/// Index of the torso, which the arms hang on.
pub const TORSO: usize = 1;

/// Indices of the finger links: right arm 1 and 2, left arm 1 and 2. The first is the left finger
/// of its hand.
pub const FINGERS: [usize; 4] = [9, 10, 18, 19];

/// The tip of a finger in its link's frame (pushchair.md §2: 0.035 m along the finger).
pub const FINGER_TIP: Vector = Vector::new(0.0, 0.0, 0.035);

/// Where the joints are when an episode begins, beside the base: torso at 0.9 m, arms bent, fingers
/// half open.
pub const REST: [f32; DOF] = {
    let mut q = [0.0; DOF];
    q[3] = 0.9;
    let mut arm = BODY;
    while arm < DOF {
        q[arm + 3] = -1.5;
        q[arm + 5] = 3.0;
        q[arm + 6] = 0.78;
        q[arm + 7] = 0.02;
        q[arm + 8] = 0.02;
        arm += ARM;
    }
    q
};

const DARK: [u8; 3] = [58, 62, 70];
const LIGHT: [u8; 3] = [222, 225, 230];
const STEEL: [u8; 3] = [150, 156, 165];

/// The links, each after its parent; degrees of freedom are numbered in this order.
pub fn links() -> Vec<Link> {
    let mut links = vec![base(), torso()];
    for side in [-1.0, 1.0] {
        arm(side, &mut links);
    }
    links
}

/// Limits of every joint, in radians and metres; the base has none.
pub fn limits() -> [[f32; 2]; DOF] {
    let mut limits = [[f32::NEG_INFINITY, f32::INFINITY]; DOF];
    let own = links().into_iter().skip(1).map(|link| link.limits.expect("only the base has none"));
    limits[BODY - 1..].iter_mut().zip(own).for_each(|(limits, own)| *limits = own);
    limits
}

fn base() -> Link {
    Link {
        parent: None,
        motion: Motion::Planar,
        origin: Pose::IDENTITY,
        limits: None,
        effort: f32::MAX,
        damping: 1000.0,
        // The three dummies of the planar joints.
        mass: 3.0,
        extent: Vector::new(0.2, 0.2, 0.1),
        middle: Vector::ZERO,
        solids: Vec::new(),
    }
}

/// Height of the body link above the frame of the vertical actuator, in metres.
const BODY_LINK: f32 = 0.1315;

fn torso() -> Link {
    let column =
        solid(Shape::Box { half: Vector::new(0.15, 0.1, 0.8) }, Vector::new(0.0, 0.0, -0.8), DARK);
    let chest = solid(
        Shape::Box { half: Vector::new(0.125, 0.175, 0.225) },
        Vector::new(0.05, 0.0, BODY_LINK + 0.2),
        LIGHT,
    );
    Link {
        parent: Some(BASE),
        motion: Motion::AlongZ,
        origin: Pose::IDENTITY,
        limits: Some([0.0, 1.6]),
        effort: f32::MAX,
        damping: 1000.0,
        mass: 10.0 + 1.7 + 1.5,
        extent: Vector::new(0.15, 0.15, 0.6),
        middle: Vector::new(0.0, 0.0, -0.4),
        solids: vec![column, chest],
    }
}

/// A joint of the arm, from its parent's frame to its own.
struct Joint {
    origin: Vector,
    /// Turn around x.
    roll: f32,
    limits: [f32; 2],
    effort: f32,
    mass: f32,
    /// Ends of the capsules of the link, and their radii.
    capsules: &'static [([f32; 3], [f32; 3], f32)],
}

/// The Panda arm. Masses are those of pushchair.md §8.1, which are approximate.
const PANDA: [Joint; 7] = [
    Joint {
        origin: Vector::new(0.0, 0.0, 0.333),
        roll: 0.0,
        limits: [-2.8973, 2.8973],
        effort: 87.0,
        mass: 4.97,
        capsules: &[([0.0, 0.0, -0.27], [0.0, 0.0, 0.0], 0.06)],
    },
    Joint {
        origin: Vector::ZERO,
        roll: -FRAC_PI_2,
        limits: [-1.7628, 1.7628],
        effort: 87.0,
        mass: 0.65,
        capsules: &[([0.0, 0.0, 0.0], [0.0, -0.2, 0.0], 0.06)],
    },
    Joint {
        origin: Vector::new(0.0, -0.316, 0.0),
        roll: FRAC_PI_2,
        limits: [-2.8973, 2.8973],
        effort: 87.0,
        mass: 3.23,
        capsules: &[([0.0, 0.0, -0.12], [0.0825, 0.0, 0.0], 0.06)],
    },
    Joint {
        origin: Vector::new(0.0825, 0.0, 0.0),
        roll: FRAC_PI_2,
        limits: [-3.0718, -0.0698],
        effort: 87.0,
        mass: 3.59,
        capsules: &[([0.0, 0.0, 0.0], [-0.0825, 0.12, 0.0], 0.06)],
    },
    Joint {
        origin: Vector::new(-0.0825, 0.384, 0.0),
        roll: -FRAC_PI_2,
        limits: [-2.8973, 2.8973],
        effort: 12.0,
        mass: 1.23,
        capsules: &[
            ([0.0, 0.0, -0.26], [0.0, 0.0, -0.03], 0.055),
            ([0.0, 0.07, -0.2], [0.0, 0.08, -0.06], 0.025),
        ],
    },
    Joint {
        origin: Vector::ZERO,
        roll: FRAC_PI_2,
        limits: [-0.0175, 3.7525],
        effort: 12.0,
        mass: 1.67,
        capsules: &[([0.0, 0.0, 0.0], [0.088, 0.0, 0.0], 0.05)],
    },
    Joint {
        origin: Vector::new(0.088, 0.0, 0.0),
        roll: FRAC_PI_2,
        limits: [-2.8973, 2.8973],
        effort: 12.0,
        // With the hand, which is fixed to it.
        mass: 0.74 + 0.73,
        capsules: &[([0.0, 0.0, 0.0], [0.0, 0.0, 0.07], 0.045)],
    },
];

/// The hand's frame in that of the last joint: at the flange, turned by -45 degrees.
fn hand() -> Pose {
    Pose::from_parts(Vector::new(0.0, 0.0, 0.107), Rotation::from_rotation_z(-FRAC_PI_4))
}

/// Appends an arm on the right (`side` -1) or the left (1) of the torso.
fn arm(side: f32, links: &mut Vec<Link>) {
    let shoulder = Pose::from_parts(
        Vector::new(0.08083, side * 0.3012, BODY_LINK + 0.2885),
        Rotation::from_rotation_x(-side * FRAC_PI_2),
    );
    let mut parent = TORSO;
    for (j, joint) in PANDA.iter().enumerate() {
        let own = Pose::from_parts(joint.origin, Rotation::from_rotation_x(joint.roll));
        let colour = if j % 2 == 0 { LIGHT } else { STEEL };
        let mut solids: Vec<Solid> = joint
            .capsules
            .iter()
            .map(|&(a, b, radius)| capsule(a.into(), b.into(), radius, colour))
            .collect();
        let ends = joint.capsules[0];
        let (a, b) = (Vector::from(ends.0), Vector::from(ends.1));
        let (middle, extent) = ((a + b) / 2.0, (b - a).abs() / 2.0 + Vector::splat(ends.2));
        if j + 1 == PANDA.len() {
            let palm = Shape::Box { half: Vector::new(0.0315, 0.102, 0.035) };
            let pose = hand() * Pose::translation(0.0, 0.0, 0.033);
            solids.push(Solid { shape: palm, pose, colour: DARK, class: Class::Robot });
        }
        links.push(Link {
            parent: Some(parent),
            motion: Motion::AroundZ,
            origin: if j == 0 { shoulder * own } else { own },
            limits: Some(joint.limits),
            effort: joint.effort,
            damping: 100.0,
            mass: joint.mass,
            extent,
            middle,
            solids,
        });
        parent = links.len() - 1;
    }
    for finger in [1.0, -1.0] {
        // The second finger is the first one turned around the hand's axis.
        let turn = if finger > 0.0 { 0.0 } else { std::f32::consts::PI };
        let origin = hand()
            * Pose::from_parts(Vector::new(0.0, 0.0, 0.0584), Rotation::from_rotation_z(turn));
        let part = |half: [f32; 3], y: f32, z: f32, roll: f32| Solid {
            shape: Shape::Box { half: Vector::from(half) / 2.0 },
            pose: Pose::from_parts(Vector::new(0.0, y, z), Rotation::from_rotation_x(roll)),
            colour: STEEL,
            class: Class::Robot,
        };
        links.push(Link {
            parent: Some(parent),
            motion: Motion::AlongY,
            origin,
            limits: Some([0.0, 0.04]),
            effort: 20.0,
            damping: 1.0,
            mass: 0.015,
            extent: Vector::new(0.01, 0.01, 0.025),
            middle: Vector::new(0.0, 0.01, 0.025),
            // Sizes of the URDF's three boxes (pushchair.md §8.1).
            solids: vec![
                part([0.017, 0.0147, 0.017], 0.0074, 0.0449, 0.0),
                part([0.0205, 0.0152, 0.0152], 0.0175, 0.0115, 0.0),
                part([0.021, 0.0065, 0.0239], 0.0145, 0.027, 0.52),
            ],
        });
    }
}

fn solid(shape: Shape, at: Vector, colour: [u8; 3]) -> Solid {
    Solid { shape, pose: Pose::from_translation(at), colour, class: Class::Robot }
}

/// A capsule between two points.
fn capsule(a: Vector, b: Vector, radius: f32, colour: [u8; 3]) -> Solid {
    let along = b - a;
    let length = along.length();
    let rotation = match length {
        0.0 => Rotation::IDENTITY,
        _ => Rotation::from_rotation_arc(Vector::Z, along / length),
    };
    Solid {
        shape: Shape::Capsule { radius, half_height: length / 2.0 },
        pose: Pose::from_parts((a + b) / 2.0, rotation),
        colour,
        class: Class::Robot,
    }
}

/// Turns actions into the velocities that the drives aim at, at [`CONTROL_RATE`] (pushchair.md §2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controllers {
    /// Output of the low-pass filter, in m/s and rad/s.
    velocity: [f32; DOF],
    /// Errors of the fingers' positions one tick ago, in metres.
    last_error: Option<[f32; 4]>,
}

/// Share of what is new in a first-order low-pass filter of 40 Hz at 100 Hz:
/// cos ω - 1 + √(cos² ω - 4 cos ω + 3) with ω = 2π 40/100.
const NEW: f32 = 0.816;
/// Degrees of freedom of the fingers.
pub const FINGER_DOFS: [usize; 4] = [11, 12, 20, 21];

/// The original's own number for half a turn.
#[expect(clippy::approx_constant)]
pub const HALF_TURN: f32 = 3.14;

/// Greatest velocities, or for fingers positions in metres: what an action of 1 asks for.
const fn range(dof: usize) -> f32 {
    match dof {
        0 | 1 | 3 => 0.5,
        11 | 12 | 20 | 21 => 100.0,
        _ => HALF_TURN,
    }
}

impl Default for Controllers {
    fn default() -> Self {
        Self { velocity: [0.0; DOF], last_error: None }
    }
}

impl Controllers {
    /// One tick. `action` is clipped to -1..1, its planar velocity is in the robot's frame, which
    /// stands at `yaw`; `position` is that of every joint.
    pub fn tick(&mut self, action: &[f32], yaw: f32, position: &[f32; DOF]) -> &[f32; DOF] {
        let mut target = [0.0; DOF];
        for (dof, (target, a)) in target.iter_mut().zip(action).enumerate() {
            *target = a.clamp(-1.0, 1.0) * range(dof);
        }
        let (sin, cos) = (libm::sinf(yaw), libm::cosf(yaw));
        let [forward, left] = [target[0], target[1]];
        target[0] = cos * forward - sin * left;
        target[1] = sin * forward + cos * left;

        let error = FINGER_DOFS.map(|dof| target[dof] - position[dof]);
        let last = self.last_error.replace(error).unwrap_or(error);
        for (i, dof) in FINGER_DOFS.into_iter().enumerate() {
            let rate = (error[i] - last[i]) * CONTROL_RATE;
            target[dof] = (error[i] + 0.01 * rate).clamp(-100.0, 100.0);
        }
        for (velocity, target) in self.velocity.iter_mut().zip(target) {
            *velocity += NEW * (target - *velocity);
        }
        &self.velocity
    }
}
