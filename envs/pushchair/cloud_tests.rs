use super::{
    super::{
        camera::{Hits, NOTHING, Patch},
        solid::{Shape, Solid},
    },
    *,
};
use rapier3d::math::{Pose, Rotation};
use std::collections::BTreeMap;

fn drawn(step: u64) -> Draw {
    Draw { stream: Stream::new(9, "points"), step }
}

/// A goal at the world's origin, and at random places solids of all shapes where a robot has its
/// body and arms and where a chair stands.
fn scene(index: u64, robot: usize, chair: usize) -> (Vec<Solid>, Base) {
    let stream = Stream::new(1, "scene");
    let [a, b, c, _] = stream.uniform(u32::MAX, index);
    let base = Base { x: 3.0 * a - 1.5, y: 3.0 * b - 1.5, yaw: 6.3 * c };
    let stand =
        Pose::from_parts(Vector::new(base.x, base.y, 0.0), Rotation::from_rotation_z(base.yaw));
    let mut solids = vec![Solid {
        shape: Shape::Sphere { radius: 0.15 },
        pose: Pose::IDENTITY,
        colour: [255, 0, 0],
        class: Class::Goal,
    }];
    for i in 0..(robot + chair) as u32 {
        let [a, b, c, d] = stream.uniform(4 * i, index);
        let [p, q, r, _] = stream.uniform(4 * i + 1, index);
        let [x, y, z, w] = stream.normal(4 * i + 2, index);
        let is_robot = (i as usize) < robot;
        let place = if is_robot {
            Vector::new(1.2 * a - 0.4, 1.4 * b - 0.7, 0.2 + 1.5 * c)
        } else {
            Vector::new(0.7 + 0.7 * a, 0.7 * b - 0.35, 1.1 * c)
        };
        let (radius, half_height) = (0.01 + 0.05 * p, 0.03 + 0.2 * q);
        let shape = match (4.0 * d).ceil() as u32 {
            1 => Shape::Box { half: Vector::new(radius, half_height, 0.01 + 0.2 * r) },
            2 => Shape::Sphere { radius },
            3 => Shape::Cylinder { radius, half_height },
            _ => Shape::Capsule { radius, half_height },
        };
        let pose = Pose::from_parts(place, Rotation::from_xyzw(x, y, z, w).normalize());
        let colour = stream.bits(4 * i + 3, index).map(|bits| bits as u8);
        solids.push(Solid {
            shape,
            pose: stand * pose,
            colour: [colour[0], colour[1], colour[2]],
            class: if is_robot { Class::Robot } else { Class::Chair },
        });
    }
    (solids, base)
}

fn cloud(solids: &[Solid], base: Base, step: u64) -> Cloud {
    let mut cloud = Cloud::default();
    Cameras::new().cloud(solids, base, drawn(step), &mut cloud);
    cloud
}

/// Points of a cloud by the rays that found them.
fn by_ray(solids: &[Solid], base: Base, step: u64) -> BTreeMap<usize, Point> {
    let (mut cameras, mut cloud) = (Cameras::new(), Cloud::default());
    cameras.cloud(solids, base, drawn(step), &mut cloud);
    let keys = cameras.sampler.robot.iter().chain(&cameras.sampler.others);
    keys.map(|key| (key & RAY) as usize).zip(cloud.points().iter().copied()).collect()
}

#[test]
fn culling_loses_no_hit() {
    let grid = Grid::new(GRID, EXTENT);
    let mut seen = 0;
    for index in 0..150 {
        let (solids, base) = scene(index, 40, 30);
        let mut cameras = Cameras::new();
        cameras.look(&solids, base);
        for (camera, view) in cameras.views.iter().enumerate() {
            let turned = |v| turn(v, base.heading());
            let view = View {
                eye: to_world(view.eye, base, base.heading()),
                right: turned(view.right),
                up: turned(view.up),
                forward: turned(view.forward),
            };
            let n = grid.len();
            let (mut depths, mut hits) = (vec![0.0; n], vec![NOTHING; n]);
            for (row, &ground) in depths.chunks_exact_mut(GRID.0).zip(&cameras.ground) {
                row.fill(ground);
            }
            let mut all = Hits { depths: &mut depths, solids: &mut hits };
            for (index, solid) in (0..).zip(&solids) {
                let view = &view.seen_by(solid);
                let (columns, rows) = (0..GRID.0, 0..GRID.1);
                let patch = Patch { view, grid: &grid, near: DEPTHS.0, index, columns, rows };
                all.cast_one(&solid.shape, patch);
            }
            assert_eq!(cameras.solids[camera * n..][..n], hits);
            assert_eq!(cameras.depths[camera * n..][..n], depths);
            seen += hits.iter().filter(|&&hit| hit != NOTHING).count();
        }
    }
    assert!(seen > 150 * 5000, "{seen}");
}

/// Points are where the robot's frame says, on what is seen, above the ground, in order; and they
/// have its colour in the light there.
#[test]
fn points_lie_on_the_solids() {
    for index in 0..50 {
        let (solids, base) = scene(index, 30, 30);
        let cloud = cloud(&solids, base, index);
        let (robot, others) = cloud.counts();
        assert!(others > 100, "{others}");
        for (i, point) in cloud.points().iter().enumerate() {
            if i >= robot + others {
                assert_eq!(*point, Point::default());
                continue;
            }
            assert_eq!(point.robot, i < robot);
            let world = to_world(Vector::from_array(point.position), base, base.heading());
            assert!(world.z > 0.9 * GROUND);
            let is_here = |solid: &&Solid| {
                let distance =
                    solid.shape.signed_distance(solid.pose.inverse_transform_point(world));
                (solid.class == Class::Robot) == point.robot && distance.abs() < 2e-5
            };
            let mut here = solids.iter().filter(is_here);
            assert!(here.any(|solid| light::shade(solid, world) == point.colour), "{point:?}");
        }
    }
}

#[test]
fn clouds_turn_and_move_with_the_robot() {
    let (mut points, mut changed) = (0, 0);
    for index in 0..40 {
        let (solids, base) = scene(index, 30, 30);
        let before = by_ray(&solids, base, 3);

        let turned = 0.3 + index as f32;
        let shift = Vector::new(0.4, -0.7, 0.0);
        let motion = Pose::from_parts(shift, Rotation::from_rotation_z(turned));
        let place = motion.transform_point(Vector::new(base.x, base.y, 0.0));
        let solids: Vec<Solid> =
            solids.iter().map(|solid| Solid { pose: motion * solid.pose, ..*solid }).collect();
        let base = Base { x: place.x, y: place.y, yaw: base.yaw + turned };
        let after = by_ray(&solids, base, 3);

        points += before.len();
        for (ray, point) in &before {
            // The lights stay where they are, so colours change. Rays that graze may miss.
            let is_same = after.get(ray).is_some_and(|other| {
                let off = Vector::from_array(point.position) - Vector::from_array(other.position);
                off.length() < 1e-4 && point.robot == other.robot
            });
            changed += usize::from(!is_same);
        }
        assert!(before.len().abs_diff(after.len()) < 5);
    }
    assert!(points > 30_000 && changed * 1000 < points, "{changed} of {points}");
}

/// The rules of the sampler by sorting everything.
fn sorted(solids: &[Solid], hits: &[u32], draw: Draw) -> (Vec<u32>, Vec<u32>) {
    let mut keys: [Vec<u32>; 3] = Default::default();
    for (ray, &hit) in (0..).zip(hits).filter(|&(_, &hit)| hit != NOTHING) {
        let bits = draw.stream.bits(ray / 4, draw.step)[ray as usize % 4];
        let class = match solids[hit as usize].class {
            Class::Robot => 0,
            Class::Goal => 1,
            Class::Chair => 2,
        };
        keys[class].push(bits & !RAY | ray);
    }
    keys.iter_mut().for_each(|keys| keys.sort_unstable());
    let [mut robot, mut goal, mut rest] = keys;
    robot.truncate(ROBOT_POINTS);
    rest.extend(goal.drain(GOAL_POINTS.min(goal.len())..));
    rest.sort_unstable();
    rest.truncate(POINTS - robot.len() - goal.len());
    goal.append(&mut rest);
    robot.sort_unstable_by_key(|key| key & RAY);
    goal.sort_unstable_by_key(|key| key & RAY);
    (robot, goal)
}

/// Hits at random, of which so many in all are of the robot, the goal and the chair.
fn random_hits(shares: [u32; 3], index: u64) -> (Vec<Solid>, Vec<u32>) {
    let (mut solids, _) = scene(0, 1, 1);
    solids.swap(0, 1);
    let stream = Stream::new(2, "hits");
    let hits = (0..RAYS as u32).map(|ray| {
        let [robot, goal, chair] = shares;
        match stream.below(ray, index, RAYS as u32) {
            n if n < robot => 0,
            n if n < robot + goal => 1,
            n if n < robot + goal + chair => 2,
            _ => NOTHING,
        }
    });
    (solids, hits.collect())
}

#[test]
fn the_sampler_keeps_to_its_numbers() {
    let mut sampler = Sampler::default();
    let cases = [
        // Shares of robot, goal and chair; and whether the cloud is full.
        ([4000, 300, 900], true),
        ([4000, 20, 5000], true),
        ([900, 60, 200], false),
        ([700, 60, 1000], true),
        ([0, 10_000, 2000], true),
        ([48_000, 0, 0], false),
        ([30, 10, 20], false),
        ([0, 0, 0], false),
        ([5000, 2, 6000], true),
    ];
    for (case, (shares, is_full)) in (0..).zip(cases) {
        for step in 0..5 {
            let (solids, hits) = random_hits(shares, case);
            let draw = drawn(step);
            let (robot, others) = sampler.choose(&solids, &hits, draw);
            assert_eq!((robot.to_vec(), others.to_vec()), sorted(&solids, &hits, draw));

            let count = |keys: &[u32], index: u32| {
                keys.iter().filter(|&&key| hits[(key & RAY) as usize] == index).count()
            };
            let seen = |index: u32| hits.iter().filter(|&&hit| hit == index).count();
            assert_eq!(robot.len(), seen(0).min(799));
            assert_eq!(count(robot, 0), robot.len());
            assert_eq!(count(others, 1) + count(others, 2), others.len());
            assert!(count(others, 1) >= seen(1).min(24));
            assert_eq!(others.len(), (seen(1) + seen(2)).min(1200 - robot.len()));
            assert_eq!(robot.len() + others.len() == POINTS, is_full, "{shares:?}");
            for keys in [robot, others] {
                assert!(keys.windows(2).all(|two| two[0] & RAY < two[1] & RAY));
            }
        }
    }
}

/// All rays are equally likely, and other steps and seeds choose others.
#[test]
fn the_sampler_is_fair_and_depends_on_seed_and_step() {
    let mut sampler = Sampler::default();
    let (solids, hits) = (random_hits([48_000, 0, 0], 0).0, vec![0; RAYS]);
    let mut counts = vec![0u32; RAYS];
    for step in 0..500 {
        let (robot, _) = sampler.choose(&solids, &hits, drawn(step));
        robot.iter().for_each(|key| counts[(key & RAY) as usize] += 1);
    }
    // 799 of 48,000 in 500 trials: a mean of 8.323, a variance of 8.18; the mean of squares of 48,000
    // of them has a deviation of 0.054.
    let spread = counts.iter().map(|&n| (f64::from(n) - 8.323).powi(2)).sum::<f64>() / 48_000.0;
    assert!((7.9..8.5).contains(&spread), "{spread}");
    // Halves.
    for part in counts.chunks(24_000) {
        let mean = f64::from(part.iter().sum::<u32>()) / 24_000.0;
        assert!((8.22..8.42).contains(&mean), "{mean}");
    }
    let (one, _) = sampler.choose(&solids, &hits, drawn(0));
    let one = one.to_vec();
    for other in [drawn(1), Draw { stream: Stream::new(10, "points"), step: 0 }] {
        let (robot, _) = sampler.choose(&solids, &hits, other);
        let same =
            robot.iter().filter(|key| one.binary_search_by_key(&(*key & RAY), |k| k & RAY).is_ok());
        // 13 by chance.
        assert!((1..40).contains(&same.count()));
    }
}

#[test]
fn enough_is_seen_of_robot_and_goal() {
    let mut goals = 0;
    for index in 0..60 {
        let (solids, base) = scene(index, 40, 30);
        let mut cameras = Cameras::new();
        cameras.look(&solids, base);
        let seen = |class| {
            let hits = cameras.solids.iter().filter(|&&hit| hit != NOTHING);
            hits.filter(|&&hit| solids[hit as usize].class == class).count()
        };
        let cloud = cloud(&solids, base, 0);
        assert_eq!(cloud.counts().0, seen(Class::Robot).min(799));
        let red = cloud.points().iter().filter(|point| {
            let [red, green, blue] = point.colour;
            !point.robot && red > 60 && green == 0 && blue == 0
        });
        let red = red.count();
        assert!(red >= seen(Class::Goal).min(24), "{red}");
        goals += usize::from(red >= 24);
    }
    assert!(goals > 20, "{goals}");
}

/// One sphere at a time, a metre from the cameras: seen from 15 to 75 degrees below the horizon in
/// front, and all around at 45, but straight down only as far as an image's lower edge
/// (pushchair.md §7.3).
#[test]
fn cameras_look_where_they_should() {
    let sees = |azimuth: f32, below: f32| {
        let (azimuth, below) = (azimuth.to_radians(), below.to_radians());
        let away =
            Vector::new(below.cos() * azimuth.cos(), below.cos() * azimuth.sin(), -below.sin());
        let sphere = Solid {
            shape: Shape::Sphere { radius: 0.02 },
            pose: Pose::from_translation(Vector::new(0.0, 0.0, HEIGHT) + away),
            colour: [9; 3],
            class: Class::Chair,
        };
        cloud(&[sphere], Base::default(), 0).counts().1 > 0
    };
    let front: Vec<bool> = [12.0, 17.0, 45.0, 73.0, 78.0].map(|below| sees(0.0, below)).into();
    assert_eq!(front, [false, true, true, true, false]);
    assert!((0..36).all(|i| sees(10.0 * i as f32, 45.0)));
    // Between two cameras the lower edges of their images are higher.
    assert!(sees(60.0, 55.0) && !sees(60.0, 74.0));
    let points = {
        let goal = scene(0, 0, 0).0;
        cloud(&goal, Base { x: -1.2, ..Base::default() }, 0)
    };
    let (_, others) = points.counts();
    assert!((24..400).contains(&others), "{others}");
    for point in &points.points()[..others] {
        let [x, y, z] = point.position;
        let off = ((x - 1.2).powi(2) + y * y + z * z).sqrt() - 0.15;
        assert!(off.abs() < 1e-5 && z > 0.0, "{point:?}");
    }
}

#[test]
fn what_is_near_far_or_underground_is_not_seen() {
    let at = |place: Vector, radius: f32| {
        let shape = Shape::Sphere { radius };
        let pose = Pose::from_translation(place);
        let solid = Solid { shape, pose, colour: [9; 3], class: Class::Robot };
        cloud(&[solid], Base::default(), 0).counts().0
    };
    assert!(at(Vector::new(0.5, 0.0, 1.5), 0.1) > 0);
    // Around the camera, just before it, under the ground, up to 0.5 mm above it.
    assert_eq!(at(Vector::new(0.0, 0.0, 2.0), 0.5), 0);
    assert_eq!(at(Vector::new(0.05, 0.0, 1.95), 0.02), 0);
    assert_eq!(at(Vector::new(1.0, 0.0, -0.2), 0.1), 0);
    assert_eq!(at(Vector::new(1.0, 0.0, -0.0995), 0.1), 0);
    assert!(at(Vector::new(1.0, 0.0, -0.05), 0.1) > 0);
}

#[test]
fn scratch_neither_grows_nor_remembers() {
    let mut cameras = Cameras::new();
    let capacity = |cameras: &Cameras| {
        let Sampler { robot, others, pool } = &cameras.sampler;
        [robot.capacity(), others.capacity(), pool.capacity()]
    };
    let before = capacity(&cameras);
    let mut kept = Cloud::default();
    for round in 0..3 {
        for index in [0, 1, 2, 1, 0] {
            let (solids, base) = scene(index, 200 * index as usize, 10 + 100 * round);
            cameras.cloud(&solids, base, drawn(index), &mut kept);
            assert_eq!(kept, cloud(&solids, base, index));
        }
    }
    // A wall before the cameras is hit by all rays.
    let wall = Solid {
        shape: Shape::Box { half: Vector::new(5.0, 5.0, 0.1) },
        pose: Pose::from_translation(Vector::new(0.0, 0.0, 1.0)),
        colour: [9; 3],
        class: Class::Robot,
    };
    for class in [Class::Robot, Class::Chair] {
        cameras.cloud(&[Solid { class, ..wall }], Base::default(), drawn(0), &mut kept);
    }
    assert_eq!(kept.counts(), (0, POINTS));
    assert_eq!(capacity(&cameras), before);
}

#[test]
fn a_packed_cloud_keeps_every_bit_of_what_is_written() {
    assert_eq!(4 * PACKED, 10_952);
    let (mut words, mut back, mut rows) =
        (vec![7; PACKED], vec![7.0; POINTS * CHANNELS], vec![7.0; POINTS * CHANNELS]);
    for index in 0..5 {
        let (solids, base) = scene(index, 30 * index as usize, 30);
        let cloud = cloud(&solids, base, index);
        cloud.write(&mut rows);
        pack(&rows, &mut words);
        unpack(&words, &mut back);
        assert!(rows.iter().zip(&back).all(|(row, back)| row.to_bits() == back.to_bits()));
        for (row, point) in rows.chunks_exact(CHANNELS).zip(cloud.points()) {
            for (x, y) in row.iter().zip(point.position) {
                assert!((x - y).abs() <= y.abs() / 2048.0 + 1e-7);
            }
            assert_eq!([3, 4, 5].map(|i| (row[i] * 255.0).round() as u8), point.colour);
            assert_eq!(row[6] == 1.0, point.robot);
        }
    }
}
