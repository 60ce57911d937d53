//! The light that the robot's cameras see by.

use super::{ray, solid::Solid};
use rapier3d::math::Vector;
use std::f32::consts::FRAC_1_PI;

/// From everywhere (this and the lamps: pushchair.md §8.4).
const AMBIENT: f32 = 0.3;
/// Lamps of intensity 1 in the world's frame.
const LAMPS: [Vector; 3] =
    [Vector::new(2.0, 2.0, 2.0), Vector::new(2.0, -2.0, 2.0), Vector::new(-2.0, 0.0, 2.0)];
/// Two lights from far away as unit vectors towards them times their strength: along (1, -1, -1) of
/// 0.3, along (0, 0, -1) of 1.
const SUNS: [Vector; 2] =
    [Vector::new(-0.173_205_08, 0.173_205_08, 0.173_205_08), Vector::new(0.0, 0.0, 1.0)];

/// The colour of a point on, or near, the surface of a solid, both in the world's frame: that of the
/// solid times ambient light, and times what else arrives there divided by pi, as a matt surface
/// scatters it (Lambert). Nothing casts a shadow.
pub(super) fn shade(solid: &Solid, p: Vector) -> [u8; 3] {
    let local = solid.pose.inverse_transform_point(p);
    let normal = solid.pose.rotation * ray::normal(&solid.shape, local);
    let suns: f32 = SUNS.iter().map(|sun| sun.dot(normal).max(0.0)).sum();
    let lamps = LAMPS.iter().map(|lamp| {
        let to_lamp = lamp - p;
        // A lamp's light thins out with the square of the distance; nearer than 0.1 m it does not.
        let squared = to_lamp.length_squared().max(0.01);
        to_lamp.dot(normal).max(0.0) / (squared * squared.sqrt())
    });
    let light = AMBIENT + FRAC_1_PI * (suns + lamps.sum::<f32>());
    // Halves are rounded up; what is brighter than white is white.
    solid.colour.map(|c| (f32::from(c) * light + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pushchair::solid::{Class, Shape};
    use rapier3d::math::{Pose, Rotation};

    fn white_ball(at: Vector) -> Solid {
        let shape = Shape::Sphere { radius: 0.1 };
        // However a ball is turned, it looks the same.
        let pose = Pose::from_parts(at, Rotation::from_rotation_x(1.0));
        Solid { shape, pose, colour: [200, 100, 0], class: Class::Chair }
    }

    #[test]
    fn light_comes_from_above_and_from_lamps() {
        let ball = white_ball(Vector::ZERO);
        // Overhead, by hand: suns 0.3 / sqrt(3) + 1; lamps at a distance of sqrt(4 + 4 + 1.9^2), two,
        // and sqrt(4 + 1.9^2), each with 1.9 / distance^3.
        let suns = 1.173_205;
        let lamps = 2.0 * 1.9 / 11.61f32.powf(1.5) + 1.9 / 7.61f32.powf(1.5);
        let light = 0.3 + (suns + lamps) / std::f32::consts::PI;
        let [red, green, blue] = shade(&ball, Vector::new(0.0, 0.0, 0.1));
        assert!((f32::from(red) - 200.0 * light).abs() < 0.6, "{red} {light}");
        assert!((f32::from(green) - 100.0 * light).abs() < 0.6);
        assert_eq!(blue, 0);
        // Nothing but ambient light comes from below.
        assert_eq!(shade(&ball, Vector::new(0.0, 0.0, -0.1)), [60, 30, 0]);
    }

    #[test]
    fn a_lamp_outshines_white_but_colours_do_not_wrap() {
        let ball = white_ball(LAMPS[0] - Vector::new(0.0, 0.0, 0.25));
        assert_eq!(shade(&ball, LAMPS[0] - Vector::new(0.0, 0.0, 0.15)), [255, 255, 0]);
    }
}
