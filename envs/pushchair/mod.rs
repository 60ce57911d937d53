//! PushChair: a dual-arm robot pushes a swivel chair to a goal (after ManiSkill; pushchair.md).
//!
//! A variation is a chair; the seed of a level places robot and chair and draws the resistance of
//! the chair's joints. The target is the origin of the world.

pub mod camera;
pub mod chair;
pub mod cloud;
pub mod descriptor;
mod half;
mod light;
pub mod picture;
pub mod pusher;
mod ray;
pub mod reward;
pub mod robot;
pub mod scene;
pub mod solid;
pub mod surface;
#[cfg(test)]
mod tests;

/// Vectors, poses and matrices of solids.
pub use rapier3d::math;

use crate::{
    Action, ActionSpace, End, Env, Level, OptionError, Spec, Step, draw::DrawList, rng::Stream,
};
use chair::Chair;
use cloud::{Base, Cameras, Cloud, Draw};
use picture::{Shot, Stage};
use rapier3d::{
    glamx::Vec2,
    math::{Pose, Rotation, Vector},
};
use reward::{Measures, Streaks};
use robot::DOF;
use scene::{Resistance, Scene, Solver};
use serde::{Deserialize, Serialize};
use solid::{Class, Shape, Solid};
use std::{
    cell::RefCell,
    f32::consts::PI,
    sync::{Arc, LazyLock},
};
use surface::Surface;

/// Numbers of the robot's own state (pushchair.md §7.1).
pub const ROBOT_STATE: usize = 68;
/// The state with a contact flag for every joint (§7.2).
pub const STATE: usize = ROBOT_STATE + DOF;
/// What [`Observed::Privileged`] adds: the target (2), and of the chair's root place (3), x axis
/// (3), z axis (3), velocity (3) and rotation (3).
pub const PRIVILEGED: usize = STATE + 17;

/// Of the red ball at the target, in metres (§4).
const GOAL_RADIUS: f32 = 0.15;

/// The robot's links.
static ROBOT: LazyLock<Vec<robot::Link>> = LazyLock::new(robot::links);

thread_local! {
    /// Working memory of the cameras, and the last cloud that they took.
    static CAMERAS: RefCell<(Cameras, Cloud)> = RefCell::default();
}

/// What an agent sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// The state, the target and the chair's pose: for quick runs with a plain network.
    #[default]
    Privileged,
    /// The robot's state alone, [`STATE`] numbers.
    State,
    /// The robot's state and a point cloud, as in the paper: [`STATE`] numbers, then
    /// [`cloud::POINTS`] rows of [`cloud::CHANNELS`] as [`cloud::Cloud::write`] writes them.
    Cloud,
}

/// Settings of PushChair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seed of the first chair. Training takes 0 to 7, one of each archetype; tests 1000 and up.
    pub first_chair: u64,
    /// Number of chairs: the variations.
    pub chairs: u32,
    /// Steps of an episode, of 0.05 s each.
    pub horizon: u32,
    /// Whether an episode ends when it is solved, as in ManiSkill; in GSL it does not.
    pub early_stop: bool,
    pub observed: Observed,
    /// Whether the state holds the target in the robot's frame (§7.2); zeros if not.
    pub goal_in_state: bool,
    /// Steps of the motion in each tick of 0.01 s.
    pub substeps: u32,
    /// Sweeps of the solver over all contacts, drives and limits in such a step.
    pub iterations: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            first_chair: 0,
            chairs: 8,
            horizon: 200,
            early_stop: false,
            observed: Observed::Privileged,
            goal_in_state: false,
            substeps: 1,
            iterations: 8,
        }
    }
}

/// A chair with the points that the reward measures distances to: a function of two seeds, which
/// is all that a snapshot keeps of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Seeds", into = "Seeds")]
struct Body {
    seeds: Seeds,
    chair: Arc<Chair>,
    surface: Arc<Surface>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Seeds {
    chair: u64,
    surface: u64,
}

/// A chair of valid options, which are refused if one of their chairs cannot be made.
fn made(seed: u64) -> Chair {
    Chair::new(seed).expect("the chairs of valid options exist")
}

impl From<Seeds> for Body {
    fn from(seeds: Seeds) -> Self {
        let chair = made(seeds.chair);
        let surface = Surface::sample(&chair, Stream::new(seeds.surface, "surface"));
        Self { seeds, chair: Arc::new(chair), surface: Arc::new(surface) }
    }
}

impl From<Body> for Seeds {
    fn from(body: Body) -> Self {
        body.seeds
    }
}

/// The world.
#[derive(Clone, Serialize, Deserialize)]
pub struct PushChair {
    options: Options,
    scene: Scene,
    body: Body,
    streaks: Streaks,
    steps: u32,
    failed: bool,
    /// Observation, taken when a step is over: what can be sensed of a scene that is no longer
    /// finite is what it was before.
    state: Vec<f32>,
}

/// Where robot and chair stand when an episode begins (pushchair.md §4).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Start {
    /// x, y and yaw of the robot's base.
    base: [f32; 3],
    /// Of the chair's root.
    chair: Pose,
}

impl Start {
    fn draw(uniform: &mut impl FnMut(f32, f32) -> f32) -> Self {
        let around = |angle: f32| Vec2::new(libm::cosf(angle), libm::sinf(angle));
        let distance = uniform(0.8, 1.2);
        let theta = uniform(-PI, PI);
        let place = around(theta) * distance;
        // From its front to its back.
        let phi = theta + uniform(-0.4 * PI, 0.4 * PI);
        let front = Rotation::from_rotation_z(phi + PI);
        let chair = Pose::from_parts(place.extend(chair::ROOT_HEIGHT), front);
        let distance = uniform(0.8, 1.2);
        let psi = phi + uniform(-0.2 * PI, 0.2 * PI);
        let stand = place + around(psi) * distance;
        let yaw = psi - PI + uniform(-0.05 * PI, 0.05 * PI);
        Self { base: [stand.x, stand.y, yaw], chair }
    }
}

impl PushChair {
    /// The physics, for measures that look behind the observation.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    pub fn chair(&self) -> &Chair {
        &self.body.chair
    }

    /// Places of the finger tips in the world: right arm 2 and 1, left arm 2 and 1.
    pub fn finger_tips(&self) -> [Vector; 4] {
        let [right_1, right_2, left_1, left_2] = robot::FINGERS;
        [right_2, right_1, left_2, left_1]
            .map(|link| self.scene.robot_pose(link).transform_point(robot::FINGER_TIP))
    }

    /// What the reward looks at; `effort` is the length of the action.
    pub fn measures(&self, effort: f32) -> Measures {
        let poses: Vec<Pose> = self.scene.chair_poses().collect();
        let tips = self.finger_tips();
        let reach = tips.iter().map(|&tip| self.body.surface.distance(tip, &poses)).sum::<f32>();
        let (velocity, spin) = self.scene.chair_velocity();
        Measures {
            reach: reach / tips.len() as f32,
            offset: poses[0].translation.truncate(),
            tilt: reward::tilt(&poses[0]),
            velocity,
            spin: spin.length(),
            effort,
        }
    }

    /// Everything that is seen, in the world.
    pub fn solids(&self) -> Vec<Solid> {
        let place = |pose: Pose| move |solid: &Solid| Solid { pose: pose * solid.pose, ..*solid };
        let mut solids = vec![Solid {
            shape: Shape::Sphere { radius: GOAL_RADIUS },
            pose: Pose::IDENTITY,
            colour: [255, 0, 0],
            class: Class::Goal,
        }];
        for (link, pose) in self.body.chair.links.iter().zip(self.scene.chair_poses()) {
            solids.extend(link.solids.iter().map(place(pose)));
        }
        for (l, link) in ROBOT.iter().enumerate() {
            solids.extend(link.solids.iter().map(place(self.scene.robot_pose(l))));
        }
        solids
    }

    fn root(&self) -> Pose {
        self.scene.chair_poses().next().expect("a chair has a root")
    }

    /// Writes the observation, in the robot's frame (§7.1, §7.2).
    fn observe(&mut self) {
        let scene = &self.scene;
        let positions = scene.joint_positions();
        let velocities = scene.joint_velocities();
        let base = Pose::from_parts(
            Vector::new(positions[0], positions[1], 0.0),
            Rotation::from_rotation_z(positions[2]),
        );
        let state = &mut self.state;
        state.clear();
        let [right_1, right_2, left_1, left_2] = robot::FINGERS;
        for link in [right_2, right_1, left_2, left_1] {
            let tip = scene.robot_pose(link).transform_point(robot::FINGER_TIP);
            state.extend(base.inverse_transform_point(tip).to_array());
        }
        // In another order than the tips, as in the original.
        for link in [right_1, right_2, left_1, left_2] {
            let velocity = scene.robot_velocity(link);
            state.extend(base.inverse_transform_vector(velocity).to_array());
        }
        let target = base.inverse_transform_point(Vector::ZERO).truncate();
        let told = if self.options.goal_in_state { target } else { Vec2::ZERO };
        state.extend([told.x, told.y, 0.0]);
        let planar = Vector::new(velocities[0], velocities[1], 0.0);
        let planar = base.inverse_transform_vector(planar);
        state.extend([planar.x, planar.y, velocities[2]]);
        state.extend(&positions[3..]);
        state.extend(&velocities[3..]);
        state.extend(scene.touched_joints().map(|touched| f32::from(u8::from(touched))));
        if self.options.observed == Observed::Cloud {
            let [x, y, yaw, ..] = positions;
            let draw = Draw {
                stream: Stream::new(self.body.seeds.surface, "cloud"),
                step: self.steps.into(),
            };
            let solids = self.solids();
            CAMERAS.with_borrow_mut(|(cameras, cloud)| {
                cameras.cloud(&solids, Base { x, y, yaw }, draw, cloud);
                self.state.resize(STATE + cloud::POINTS * cloud::CHANNELS, 0.0);
                cloud.write(&mut self.state[STATE..]);
            });
            return;
        }
        if self.options.observed == Observed::Privileged {
            let root = scene.chair_poses().next().expect("a chair has a root");
            let (velocity, spin) = scene.chair_velocity();
            state.extend(target.to_array());
            state.extend(base.inverse_transform_point(root.translation).to_array());
            for vector in [root.rotation * Vector::X, root.rotation * Vector::Z, velocity, spin] {
                state.extend(base.inverse_transform_vector(vector).to_array());
            }
        }
    }
}

impl Env for PushChair {
    type Options = Options;

    fn validate(options: &Options) -> Result<(), OptionError> {
        let error =
            |key, value: u64, allowed| Err(OptionError { key, value: value.to_string(), allowed });
        let &Options { first_chair, chairs, horizon, substeps, iterations, .. } = options;
        if !(1..=10_000).contains(&chairs) {
            return error("chairs", chairs.into(), "from 1 to 10000");
        }
        if !(1..=100_000).contains(&horizon) {
            return error("horizon", horizon.into(), "from 1 to 100000");
        }
        if !(1..=20).contains(&substeps) {
            return error("substeps", substeps.into(), "from 1 to 20");
        }
        if !(1..=50).contains(&iterations) {
            return error("iterations", iterations.into(), "from 1 to 50");
        }
        let Some(end) = first_chair.checked_add(chairs.into()) else {
            return error("first_chair", first_chair, "small enough that all chairs have a seed");
        };
        match (first_chair..end).find(|&seed| Chair::new(seed).is_err()) {
            Some(seed) => error("first_chair", seed, "seeds that valid chairs come of"),
            None => Ok(()),
        }
    }

    fn spec(options: &Options) -> Spec {
        Spec {
            observation: match options.observed {
                Observed::Privileged => PRIVILEGED,
                Observed::State => STATE,
                Observed::Cloud => STATE + cloud::POINTS * cloud::CHANNELS,
            },
            points: match options.observed {
                Observed::Cloud => cloud::POINTS,
                Observed::Privileged | Observed::State => 0,
            },
            action: ActionSpace::Continuous { dim: DOF },
            variations: options.chairs,
            horizon: options.horizon,
            // A step takes a millisecond.
            grain: 1,
            // From a chair that was thrown 30 m away to one that is held at the goal.
            reward_range: (-250.0, 16.0),
            return_range: None,
        }
    }

    fn reset(options: &Options, level: Level) -> Self {
        let stream = Stream::new(level.seed, "pushchair");
        let mut drawn = 0;
        let mut uniform = |low: f32, high: f32| {
            let [bits, ..] = stream.bits(0, drawn);
            drawn += 1;
            low + (high - low) * (bits as f32 / 2f32.powi(32))
        };
        let start = Start::draw(&mut uniform);
        let chair = options.first_chair + u64::from(level.variation);
        let body = Body::from(Seeds { chair, surface: level.seed });
        let resistance: Vec<Resistance> = body
            .chair
            .links
            .iter()
            .map(|link| match link.joint {
                chair::Joint::Seat { .. } => {
                    Resistance { friction: uniform(0.05, 0.15), damping: uniform(5.0, 15.0) }
                }
                _ => Resistance { friction: uniform(0.0, 0.1), damping: uniform(0.0, 0.5) },
            })
            .collect();
        let solver = Solver { substeps: options.substeps, iterations: options.iterations };
        let scene = Scene::new(solver, start.base, &body.chair, start.chair, &resistance);
        let mut world = Self {
            options: options.clone(),
            scene,
            body,
            streaks: Streaks::default(),
            steps: 0,
            failed: false,
            state: Vec::with_capacity(PRIVILEGED),
        };
        world.observe();
        world
    }

    fn step(&mut self, action: Action<'_>) -> Step {
        let Action::Continuous(action) = action else {
            panic!("PushChair takes continuous actions");
        };
        self.steps += 1;
        if action.iter().any(|a| a.is_nan()) {
            // Whoever acts like this must not go on as if nothing were wrong.
            return Step { reward: f32::NAN, end: End::Terminated, solved: false };
        }
        let before = self.root();
        if !self.scene.step(action) {
            // Nothing of the scene can be trusted any more, and its value is unknown.
            self.failed = true;
            let (reward, _) = Self::spec(&self.options).reward_range;
            return Step { reward, end: End::Terminated, solved: false };
        }
        let effort = action.iter().map(|a| a.clamp(-1.0, 1.0).powi(2)).sum::<f32>().sqrt();
        let (low, high) = Self::spec(&self.options).reward_range;
        let reward = reward::reward(&self.measures(effort)).clamp(low, high);
        let solved = self.streaks.count(&before, &self.root());
        self.observe();
        let end = match () {
            () if solved && self.options.early_stop => End::Terminated,
            () if self.steps == self.options.horizon => End::Truncated,
            () => End::Running,
        };
        Step { reward, end, solved }
    }

    fn sense(&self, out: &mut [f32]) {
        out.copy_from_slice(&self.state);
    }

    /// Nothing: [`Env::stage`] shows it.
    fn draw(&self, _size: u32, _list: &mut DrawList) {}

    fn stage(&self) -> Option<Stage> {
        /// From where people look, beside the middle between target and robot, in metres.
        const EYE: Vector = Vector::new(2.1, -2.4, 2.2);
        let [x, y, ..] = self.scene.joint_positions();
        let target = Vector::new(x / 2.0, y / 2.0, 0.5);
        let shot = Shot { eye: target + EYE, target, field: 0.85 };
        Some(Stage { solids: self.solids(), shot })
    }

    fn expert(&self) -> Option<Vec<f32>> {
        Some(pusher::act(self).to_vec())
    }

    fn failed(&self) -> bool {
        self.failed
    }

    fn descriptor(options: &Options, variation: u32) -> Option<Vec<f32>> {
        let chair = made(options.first_chair + u64::from(variation));
        Some(descriptor::describe(&chair).to_vec())
    }
}
