use super::*;
use crate::rng::Stream;
use rapier3d::math::{Pose, Rotation};

/// Some direction, all equally likely.
fn anywhere([a, b, c, d]: [f32; 4]) -> Rotation {
    Rotation::from_xyzw(a, b, c, d).normalize()
}

fn shapes([a, b, c, _]: [f32; 4]) -> [Shape; 4] {
    let size = |u: f32| 0.01 + 0.6 * u * u;
    [
        Shape::Box { half: Vector::new(size(a), size(b), size(c)) },
        Shape::Sphere { radius: size(a) },
        Shape::Cylinder { radius: size(a), half_height: size(b) },
        Shape::Capsule { radius: size(a), half_height: size(b) },
    ]
}

/// Where a ray of unit length first comes nearer than 2e-6 m to a shape, in steps that cannot pass
/// it, and the least distance on the way.
fn march(shape: &Shape, origin: Vector, direction: Vector) -> (Option<f32>, f32) {
    let (mut t, mut least) = (0.0f64, f32::INFINITY);
    for _ in 0..20_000 {
        let p = origin.as_dvec3() + direction.as_dvec3() * t;
        let distance = shape.signed_distance(p.as_vec3());
        least = least.min(distance);
        if distance < 2e-6 {
            return (Some(t as f32), least);
        }
        t += f64::from(distance);
        if t > 8.0 {
            break;
        }
    }
    (None, least)
}

/// 40,000 rays from around shapes in all poses towards somewhere near them. Left out are those that
/// graze: that are not 0.01 mm deep in the shape 0.2 mm after they arrive (an angle to the surface of
/// less than 3 degrees, or an edge), or come nearer than 0.01 mm and miss.
#[test]
fn rays_enter_where_marching_along_the_signed_distance_arrives() {
    let stream = Stream::new(3, "ray");
    let (mut hits, mut misses, mut grazes) = (0, 0, 0);
    for index in 0..10_000 {
        let pose = Pose::from_parts(
            Vector::from_slice(&stream.normal(1, index)),
            anywhere(stream.normal(0, index)),
        );
        for (lane, shape) in (4..).step_by(4).zip(shapes(stream.uniform(2, index))) {
            let eye = pose.translation
                + anywhere(stream.normal(lane, index))
                    * Vector::X
                    * (1.01 * shape.bounding_radius() + 3.0 * stream.uniform(lane + 1, index)[0]);
            let offset = Vector::from_slice(&stream.normal(lane + 2, index));
            let towards = pose.translation + offset * 0.5 * shape.bounding_radius() - eye;
            let origin = pose.inverse_transform_point(eye);
            let direction = pose.inverse_transform_vector(towards.normalize());
            let stretch = 0.5 + stream.uniform(lane + 3, index)[0];

            let entered = enter(&shape, origin, direction * stretch) * stretch;
            let (arrived, least) = march(&shape, origin, direction);
            let Some(arrived) = arrived else {
                let hit = (0.0..8.0).contains(&entered);
                assert!(!hit || least < 1e-5, "{shape:?}: missed by {least}, got {entered}");
                if hit {
                    grazes += 1
                } else {
                    misses += 1
                }
                continue;
            };
            if shape.signed_distance(origin + direction * (arrived + 2e-4)) > -1e-5 {
                grazes += 1;
                continue;
            }
            hits += 1;
            let off = (entered - arrived).abs();
            assert!(off < 1e-4, "{shape:?} from {origin} along {direction}: {entered}, {arrived}");
        }
    }
    assert!(hits > 20_000 && misses > 5_000 && grazes < 1_000, "{hits} {misses} {grazes}");
}

/// What is behind the origin is behind it, and what the origin is in, too.
#[test]
fn what_lies_behind_is_entered_behind() {
    let stream = Stream::new(4, "ray");
    for index in 0..1000 {
        for shape in shapes(stream.uniform(0, index)) {
            let direction = anywhere(stream.normal(1, index)) * Vector::X;
            assert!(enter(&shape, Vector::ZERO, direction) < 0.0);
            assert!(enter(&shape, direction * 3.0, direction) < 0.0);
        }
    }
}

/// Rays along the axes of a shape, where most of the arithmetic divides by zero.
#[test]
fn rays_along_axes_enter_and_miss() {
    let half = Vector::new(0.1, 0.2, 0.3);
    let shapes = [
        Shape::Box { half },
        Shape::Sphere { radius: 0.3 },
        Shape::Cylinder { radius: 0.1, half_height: 0.3 },
        Shape::Capsule { radius: 0.1, half_height: 0.2 },
    ];
    for shape in shapes {
        for sign in [-1.0, 1.0] {
            let down = Vector::new(0.0, 0.0, -2.0 * sign);
            let t = enter(&shape, Vector::new(0.02, 0.03, sign), down);
            let expected =
                march(&shape, Vector::new(0.02, 0.03, sign), down * 0.5).0.unwrap() * 0.5;
            assert!((t - expected).abs() < 1e-5, "{shape:?}: {t} {expected}");
            let t = enter(&shape, Vector::new(0.31, 0.0, sign), down);
            assert!(!t.is_finite(), "{shape:?}: {t}");
            let t = enter(&shape, Vector::new(sign, 0.03, 0.04), Vector::new(-sign, 0.0, 0.0));
            assert!((0.69..0.91).contains(&t), "{shape:?}: {t}");
        }
    }
}

/// The gradient of the signed distance, by central differences.
#[test]
fn normals_are_gradients_of_the_signed_distance() {
    let stream = Stream::new(5, "ray");
    let mut sides = 0;
    for index in 0..2000 {
        for shape in shapes(stream.uniform(0, index)) {
            let origin = anywhere(stream.normal(1, index)) * Vector::X * 3.0;
            let [x, y, z, _] = stream.normal(2, index);
            let target = Vector::new(x, y, z) * 0.3 * shape.bounding_radius();
            let direction = (target - origin).normalize();
            let t = enter(&shape, origin, direction);
            if !t.is_finite() {
                continue;
            }
            let p = origin + direction * t;
            let h = 1e-3;
            let slope = [Vector::X, Vector::Y, Vector::Z].map(|axis| {
                shape.signed_distance(p + axis * h) - shape.signed_distance(p - axis * h)
            });
            let slope = Vector::from_array(slope) / (2.0 * h);
            // Edges have no gradient.
            if (slope.length() - 1.0).abs() < 0.02 {
                sides += 1;
                assert!((slope - normal(&shape, p)).length() < 0.3, "{shape:?} at {p}");
            }
        }
    }
    assert!(sides > 5000, "{sides}");
}
