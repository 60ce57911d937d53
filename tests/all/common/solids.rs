//! Scenes of solids to be looked at.

use gslab_envs::{
    pushchair::{
        cloud::{Base, Draw},
        math::{Pose, Rotation, Vector},
        solid::{Class, Shape, Solid},
    },
    rng::Stream,
};

/// A goal, and solids of all shapes at random places around the robot and before it.
pub fn scene(index: u64, robot: u32, chair: u32) -> (Vec<Solid>, Base, Draw) {
    let stream = Stream::new(1, "scene");
    let [a, b, c, _] = stream.uniform(u32::MAX, index);
    let base = Base { x: 3.0 * a - 1.5, y: 3.0 * b - 1.5, yaw: 6.3 * c };
    let stand = Vector::new(base.x, base.y, 0.0);
    let stand = Pose::from_parts(stand, Rotation::from_rotation_z(base.yaw));
    let mut solids = vec![Solid {
        shape: Shape::Sphere { radius: 0.15 },
        pose: Pose::IDENTITY,
        colour: [255, 0, 0],
        class: Class::Goal,
    }];
    for i in 0..robot + chair {
        let [a, b, c, _] = stream.uniform(4 * i, index);
        let [p, q, r, _] = stream.uniform(4 * i + 1, index);
        let [x, y, z, w] = stream.normal(4 * i + 2, index);
        let (class, place) = if i < robot {
            (Class::Robot, Vector::new(1.2 * a - 0.4, 1.4 * b - 0.7, 0.2 + 1.5 * c))
        } else {
            (Class::Chair, Vector::new(0.7 + 0.7 * a, 0.7 * b - 0.35, 1.1 * c))
        };
        let (radius, half_height) = (0.01 + 0.05 * p, 0.03 + 0.2 * q);
        let shape = match i % 4 {
            0 => Shape::Box { half: Vector::new(radius, half_height, 0.01 + 0.2 * r) },
            1 => Shape::Sphere { radius },
            2 => Shape::Cylinder { radius, half_height },
            _ => Shape::Capsule { radius, half_height },
        };
        let [red, green, blue, _] = stream.bits(4 * i + 3, index).map(|bits| bits as u8);
        let turned = Rotation::from_xyzw(x, y, z, w).normalize();
        let pose = stand * Pose::from_parts(place, turned);
        solids.push(Solid { shape, pose, colour: [red, green, blue], class });
    }
    (solids, base, Draw { stream: Stream::new(index << 33, "points"), step: index << 31 })
}
