use super::{
    chair::{Chair, STYLES},
    robot::{FINGERS, REST},
    scene::TICKS,
    *,
};
use crate::check::check;

const SOLVER: Solver = Solver { substeps: 1, iterations: 8 };

fn level(variation: u32, seed: u64) -> Level {
    Level { variation, seed }
}

fn reset(variation: u32, seed: u64) -> PushChair {
    PushChair::reset(&Options::default(), level(variation, seed))
}

fn noise(seed: u64, t: u64) -> [f32; DOF] {
    let stream = Stream::new(seed, "noise");
    std::array::from_fn(|dof| {
        let [bits, ..] = stream.bits(dof as u32, t);
        bits as f32 / 2f32.powi(31) - 1.0
    })
}

#[test]
fn any_seed_gives_a_valid_chair() {
    let far = (0..200).map(|i| u64::MAX / 201 * i + 13);
    for seed in (0..1000).chain(far) {
        let chair = Chair::new(seed).unwrap();
        assert_eq!(chair.style, &STYLES[(seed % 8) as usize]);
        let mass = chair.mass();
        assert!((6.0..=18.001).contains(&mass), "chair {seed} weighs {mass} kg");
        assert!(chair.stability() >= 0.04, "chair {seed}: {}", chair.stability());
        assert!(chair.tipping_force() >= 15.0, "chair {seed}: {}", chair.tipping_force());
        let (low, high) = chair.bounds();
        let size = high - low;
        assert!(size.x <= 0.75 && size.y <= 0.75 && size.z <= 1.2, "chair {seed}: {size}");
        // It stands on the ground, with its wheels alone.
        assert!((low.z + chair::ROOT_HEIGHT).abs() < 1e-3, "chair {seed}: {}", low.z);
        assert!(chair.solids().count() <= 40, "chair {seed}");
        assert!((8..=20).contains(&chair.links.len()) || chair.style.name == "stool");
    }
}

/// Hue in degrees.
fn hue([r, g, b]: [u8; 3]) -> f32 {
    let [r, g, b] = [r, g, b].map(f32::from);
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = most - least;
    let sixth = match most {
        m if m == r => (g - b) / chroma,
        m if m == g => 2.0 + (b - r) / chroma,
        _ => 4.0 + (r - g) / chroma,
    };
    60.0 * sixth
}

#[test]
fn the_training_chairs_differ() {
    let chairs: Vec<Chair> = (0..8).map(|seed| Chair::new(seed).unwrap()).collect();
    for chair in &chairs {
        for solid in chair.solids() {
            let [r, g, b] = solid.colour.map(f32::from);
            // Grey has no hue to speak of.
            if r.max(g).max(b) - r.min(g).min(b) > 24.0 {
                let hue = hue(solid.colour);
                assert!(hue.min(360.0 - hue) >= 40.0, "{:?} is near red", solid.colour);
            }
        }
    }
    let clouds: Vec<Vec<Vector>> = chairs
        .iter()
        .map(|chair| {
            let solids: Vec<solid::Solid> = chair.solids().collect();
            surface::sample(&solids, 1024, Stream::new(1, "chamfer"), 0)
        })
        .collect();
    let one_way = |from: &[Vector], to: &[Vector]| {
        let nearest = |p: &Vector| to.iter().map(|q| (*p - *q).length()).fold(f32::MAX, f32::min);
        from.iter().map(nearest).sum::<f32>() / from.len() as f32
    };
    for i in 0..8 {
        for j in 0..i {
            let chamfer = (one_way(&clouds[i], &clouds[j]) + one_way(&clouds[j], &clouds[i])) / 2.0;
            assert!(chamfer >= 0.03, "chairs {j} and {i} are only {chamfer} m apart");
            let (a, b) = (chairs[i].style, chairs[j].style);
            let differ = [a.base != b.base, a.back != b.back, a.arms != b.arms, a.seat != b.seat];
            assert!(differ.iter().filter(|&&d| d).count() >= 2, "chairs {j} and {i}");
        }
    }
}

#[test]
fn the_robot_stands_as_it_should() {
    let world = reset(0, 3);
    assert_eq!(world.scene.joint_positions()[3..], REST[3..]);
    let base = world.scene.robot_pose(robot::BASE);
    let from_base = |link: usize, p: Vector| {
        base.inverse_transform_point(world.scene.robot_pose(link).transform_point(p))
    };
    // pushchair.md §2: the shoulders are about 1.32 m above the ground.
    for first in [2, 11] {
        assert!((from_base(first, Vector::ZERO).z - 1.32).abs() < 1e-3);
    }
    // Forward kinematics of the Panda chain worked out apart from rapier (0.747, ∓1.133, 1.32 for
    // fingers that are closed; they are 2 cm open, upward and downward).
    let middle = |a: usize, b: usize| {
        (from_base(FINGERS[a], robot::FINGER_TIP) + from_base(FINGERS[b], robot::FINGER_TIP)) / 2.0
    };
    assert!((middle(0, 1) - Vector::new(0.747, -1.133, 1.32)).length() < 2e-3, "{}", middle(0, 1));
    assert!((middle(2, 3) - Vector::new(0.747, 1.133, 1.32)).length() < 2e-3, "{}", middle(2, 3));
    // Nothing touches, nothing moves.
    assert!(world.scene.touched_joints().iter().all(|&touched| !touched));
    assert!(world.scene.joint_velocities().iter().all(|&v| v == 0.0));
}

#[test]
fn levels_begin_as_they_should() {
    for seed in 0..200 {
        let world = reset((seed % 8) as u32, seed);
        let chair = world.root();
        let p = chair.translation.truncate();
        assert!((0.8..=1.2).contains(&p.length()), "chair {} m from the target", p.length());
        let front = (chair.rotation * Vector::X).truncate();
        let off_target = front.angle_to(-p).abs();
        assert!(off_target <= 0.4 * PI + 1e-3, "the chair looks {off_target} rad past the target");
        let [x, y, yaw, ..] = world.scene.joint_positions();
        let stand = Vec2::new(x, y) - p;
        assert!((0.8..=1.2).contains(&stand.length()));
        let behind = stand.angle_to(-front).abs();
        assert!(behind <= 0.2 * PI + 1e-3, "the robot stands {behind} rad beside the chair's back");
        let looks = Vec2::from_angle(yaw).angle_to(-stand).abs();
        assert!(looks <= 0.05 * PI + 1e-3, "the robot looks {looks} rad past the chair");
    }
}

#[test]
fn drives_reach_their_velocities() {
    // The base forward in its own frame, the torso down, a wrist.
    for (dof, speed) in [(0, 0.5), (3, -0.5), (2, 1.57), (10, 1.57)] {
        let mut world = reset(0, 3);
        let mut action = [0.0; DOF];
        let range = if dof == 0 || dof == 3 { 0.5 } else { robot::HALF_TURN };
        action[dof] = speed / range;
        let yaw = world.scene.joint_positions()[2];
        let mut ticks = None;
        for step in 0..8 {
            assert!(world.scene.step(&action));
            let v = world.scene.joint_velocities();
            let along = match dof {
                0 => Vec2::new(v[0], v[1]).dot(Vec2::from_angle(yaw)),
                _ => v[dof],
            };
            if (along - speed).abs() <= 0.05 * speed.abs() {
                ticks.get_or_insert((step + 1) * TICKS);
            } else {
                assert_eq!(ticks, None, "joint {dof} lost its speed: {along}");
            }
        }
        assert!(ticks.is_some_and(|ticks| ticks <= 20), "joint {dof} took {ticks:?} ticks");
    }
}

#[test]
fn chairs_stand_still_when_nobody_touches_them() {
    for variation in 0..8 {
        let mut world = reset(variation, 7);
        let start = world.root();
        for step in 0..200 {
            assert!(world.scene.step(&[0.0; DOF]));
            let root = world.root();
            assert!(reward::tilt(&root) < 0.03, "chair {variation} leans after {step}");
            let moved = root.translation - start.translation;
            assert!(moved.z.abs() < 0.01, "chair {variation} sank {} m after {step}", moved.z);
        }
        let moved = (world.root().translation - start.translation).truncate().length();
        assert!(moved < 0.01, "chair {variation} crept {moved} m in 10 s");
        let energy = world.scene.chair_energy();
        assert!(energy < 1e-3, "chair {variation} still moves: {energy} J");
    }
}

#[test]
fn joints_keep_their_limits_whatever_is_asked() {
    let limits = robot::limits();
    assert_eq!(limits[3], [0.0, 1.6]);
    assert_eq!(limits[DOF - 1], [0.0, 0.04]);
    for seed in 0..4 {
        let mut world = reset(seed as u32, seed);
        for t in 0..200u64 {
            // Full strength one way for a while: joints run into their limits.
            let action = noise(seed, t / 40).map(f32::signum);
            assert!(world.scene.step(&action));
            let q = world.scene.joint_positions();
            for (dof, [low, high]) in limits.into_iter().enumerate() {
                let q = q[dof];
                assert!(low - 1e-4 <= q && q <= high + 1e-4, "joint {dof} at {q}, step {t}");
            }
        }
    }
}

#[test]
fn contacts_are_felt_and_lost() {
    let mut world = reset(0, 3);
    let mut felt = 0;
    for _ in 0..200 {
        let action = pusher::act(&world);
        world.step(Action::Continuous(&action));
        let touched = world.scene.touched_joints();
        // What an arm touches is felt in the base, too, unless it hardly pushes.
        felt += u32::from(touched[4..].iter().any(|&t| t) && touched[..3].iter().any(|&t| t));
        let flags = &world.state[ROBOT_STATE..STATE];
        assert!(flags.iter().zip(touched).all(|(&flag, t)| flag == f32::from(u8::from(t))));
    }
    assert!(felt > 20, "only {felt} steps with a contact");
}

#[test]
fn observations_do_not_depend_on_where_in_the_world_it_happens() {
    // Target information aside, what is sensed is in the robot's frame.
    let chair = Chair::new(2).unwrap();
    let resistance = vec![Resistance { friction: 0.05, damping: 0.2 }; chair.links.len()];
    let turn = Pose::from_parts(Vector::new(0.4, -0.7, 0.0), Rotation::from_rotation_z(2.1));
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for (base, turn) in [([-1.0, 0.1, 0.2], Pose::IDENTITY), ([0.0; 3], turn)] {
        let place = turn.transform_point(Vector::new(-1.0, 0.1, 0.0));
        let base = match base {
            [0.0, 0.0, 0.0] => [place.x, place.y, 0.2 + 2.1],
            base => base,
        };
        let pose = turn * Pose::translation(0.0, 0.0, chair::ROOT_HEIGHT);
        let mut world = reset(2, 0);
        world.scene = Scene::new(SOLVER, base, &chair, pose, &resistance);
        let mut all = Vec::new();
        for t in 0..10 {
            assert!(world.scene.step(&noise(1, t)));
            world.observe();
            all.extend(&world.state[..STATE]);
        }
        seen.push(all);
    }
    for (a, b) in seen[0].iter().zip(&seen[1]) {
        assert!((a - b).abs() < 2e-3 * (1.0 + a.abs()), "{a} and {b}");
    }
}

#[test]
fn the_pusher_solves_most_levels_with_every_chair() {
    for variation in 0..8 {
        let solved = (0..5).filter(|&seed| {
            let mut world = reset(variation, seed);
            (0..200).any(|_| {
                let action = pusher::act(&world);
                world.step(Action::Continuous(&action)).solved
            })
        });
        let solved = solved.count();
        assert!(solved >= 3, "{solved} of 5 with chair {variation}");
    }
}

#[test]
fn it_keeps_the_promises_of_an_environment() {
    let options = Options { horizon: 12, chairs: 2, ..Options::default() };
    for finding in check::<PushChair>(&options, 5) {
        assert_eq!(finding.broken, None, "{}", finding.property);
    }
}

#[test]
fn an_action_that_is_no_number_is_not_passed_over() {
    let mut world = reset(0, 1);
    let before = world.state.clone();
    let mut action = [0.0; DOF];
    action[5] = f32::NAN;
    let step = world.step(Action::Continuous(&action));
    assert!(step.reward.is_nan() && step.end == End::Terminated);
    assert_eq!(world.state, before);
}

#[test]
fn a_scene_that_is_no_longer_finite_ends_its_episode() {
    let mut world = reset(0, 1);
    let before = world.state.clone();
    world.scene.throw_chair(f32::MAX);
    let step = world.step(Action::Continuous(&[0.0; DOF]));
    let (low, _) = PushChair::spec(&Options::default()).reward_range;
    assert_eq!(step, Step { reward: low, end: End::Terminated, solved: false });
    assert!(world.failed());
    assert_eq!(world.state, before);
}

#[test]
fn every_kind_of_observation_has_the_length_it_says() {
    for (observed, length) in
        [(Observed::Privileged, 107), (Observed::State, 90), (Observed::Cloud, 90 + 1200 * 7)]
    {
        let options = Options { observed, goal_in_state: true, ..Options::default() };
        assert_eq!(PushChair::spec(&options).observation, length);
        let mut world = PushChair::reset(&options, level(2, 4));
        let mut seen = vec![f32::NAN; length];
        world.sense(&mut seen);
        assert!(seen.iter().all(|x| x.is_finite()));
        // The target in the robot's frame, from where the base stands.
        let [x, y, yaw, ..] = world.scene.joint_positions();
        let target = Vec2::from_angle(-yaw).rotate(Vec2::new(-x, -y));
        assert!((Vec2::new(seen[24], seen[25]) - target).length() < 1e-5);
        if observed == Observed::Cloud {
            let rows: Vec<&[f32]> = seen[STATE..].chunks(cloud::CHANNELS).collect();
            let count = |holds: &dyn Fn(&[f32]) -> bool| rows.iter().filter(|r| holds(r)).count();
            let robot = count(&|r| r[6] == 1.0);
            assert!((200..=cloud::ROBOT_POINTS).contains(&robot), "{robot} points of the robot");
            // Red alone is the ball, which lies around the target.
            let ball = count(&|r| r[6] == 0.0 && r[3] > 0.0 && r[4] == 0.0 && r[5] == 0.0);
            assert!(ball >= cloud::GOAL_POINTS, "{ball} points of the ball");
            world.step(Action::Continuous(&[0.3; DOF]));
            let mut next = vec![0.0; length];
            world.sense(&mut next);
            assert_ne!(next[STATE..], seen[STATE..]);
        }
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |options: Options| PushChair::validate(&options).unwrap_err().to_string();
    let with = Options::default;
    assert_eq!(refused(Options { chairs: 0, ..with() }), "chairs = 0: must be from 1 to 10000");
    assert_eq!(refused(Options { horizon: 0, ..with() }), "horizon = 0: must be from 1 to 100000");
    assert_eq!(refused(Options { substeps: 0, ..with() }), "substeps = 0: must be from 1 to 20");
    assert_eq!(
        refused(Options { iterations: 99, ..with() }),
        "iterations = 99: must be from 1 to 50"
    );
    let beyond = refused(Options { first_chair: u64::MAX - 3, ..with() });
    assert!(beyond.starts_with("first_chair = 18446744073709551612: must be small"), "{beyond}");
}
