//! The physics: robot, chair and ground in rapier, one tick of the controllers at a time.
//!
//! Robot and chair are multibodies: their joints cannot come apart, whatever pushes them.

use super::{
    chair::{Chair, Joint},
    robot::{self, Controllers, DOF, Motion},
    solid::{Shape, Solid},
};
use rapier3d::{math::Vector, prelude::*};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Ticks of the controllers in a step of the environment: 100 Hz against 20 Hz (pushchair.md §1).
pub const TICKS: usize = 5;

/// How finely time is cut; see docs/pushchair.md for what was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solver {
    /// Steps of the motion in a tick; contacts are looked for once a tick.
    pub substeps: u32,
    /// Sweeps over all contacts, drives and limits in such a step.
    pub iterations: u32,
}

/// Random resistance of a chair's joints (pushchair.md §3), one of each for a link: N or Nm, and N
/// or Nm for each m/s or rad/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resistance {
    pub friction: f32,
    pub damping: f32,
}

/// Robot, chair and ground with everything that moves them on.
#[derive(Clone, Serialize, Deserialize)]
pub struct Scene {
    world: World,
    controllers: Controllers,
    /// The bodies of the robot's links, in their order.
    robot: Vec<RigidBodyHandle>,
    /// The bodies of the chair's links, in their order.
    chair: Vec<RigidBodyHandle>,
}

/// Rapier's world, which is a value but for its working memory.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct World(PhysicsWorld);

impl Clone for World {
    fn clone(&self) -> Self {
        let w = &self.0;
        Self(PhysicsWorld {
            gravity: w.gravity,
            integration_parameters: w.integration_parameters,
            islands: w.islands.clone(),
            broad_phase: w.broad_phase.clone(),
            narrow_phase: w.narrow_phase.clone(),
            bodies: w.bodies.clone(),
            colliders: w.colliders.clone(),
            impulse_joints: w.impulse_joints.clone(),
            multibody_joints: w.multibody_joints.clone(),
            soft_bodies: w.soft_bodies.clone(),
            ..PhysicsWorld::new()
        })
    }
}

/// What collides with what: nothing with its own kind.
mod groups {
    use rapier3d::prelude::*;

    const GROUND: Group = Group::GROUP_1;
    const CHAIR: Group = Group::GROUP_2;
    const ROBOT: Group = Group::GROUP_3;
    const MODE: InteractionTestMode = InteractionTestMode::And;

    pub const OF_GROUND: InteractionGroups =
        InteractionGroups::new(GROUND, CHAIR.union(ROBOT), MODE);
    pub const OF_CHAIR: InteractionGroups =
        InteractionGroups::new(CHAIR, GROUND.union(ROBOT), MODE);
    pub const OF_ARM: InteractionGroups = InteractionGroups::new(ROBOT, GROUND.union(CHAIR), MODE);
    /// The torso's column reaches below the ground.
    pub const OF_TORSO: InteractionGroups = InteractionGroups::new(ROBOT, CHAIR, MODE);
}

/// Coefficients of friction (pushchair.md §1 to §3); those of two that touch are averaged, as in
/// PhysX.
mod friction {
    pub const GROUND: f32 = 0.1;
    pub const CHAIR: f32 = 0.1;
    pub const WHEEL: f32 = 1.0;
    pub const ROBOT: f32 = 0.5;
    pub const FINGER: f32 = 2.0;
}

/// Of the robot's joints.
static LIMITS: LazyLock<[[f32; 2]; DOF]> = LazyLock::new(robot::limits);

/// Stiffness of the spring that holds up a back that tilts, in Nm/rad. Resting on the limit of a joint
/// instead lets the solver put energy into the chair.
const BACK_STIFFNESS: f32 = 60.0;
/// What a finger's drive adds to its inertia, in kg: fingers of 15 g alone are flung far beyond their
/// limits by the arms that carry them.
const FINGER_ARMATURE: f32 = 1.0;

/// Torques above which a joint counts as touched, in Nm or N (pushchair.md §7.2).
const TOUCHED: f32 = 0.1;

impl Scene {
    /// A scene at rest: the robot's base at `base` (x, y, yaw), the chair's root at `chair_pose`,
    /// `resistance` one a link of the chair (that of the root counts for nothing).
    pub fn new(
        solver: Solver,
        base: [f32; 3],
        chair: &Chair,
        chair_pose: Pose,
        resistance: &[Resistance],
    ) -> Self {
        let mut world = PhysicsWorld::new();
        world.gravity = Vector::Z * -9.81;
        world.integration_parameters.dt = 1.0 / robot::CONTROL_RATE;
        world.integration_parameters.num_solver_iterations = solver.substeps as usize;
        world.integration_parameters.num_internal_pgs_iterations = solver.iterations as usize;
        let ground = ColliderBuilder::new(SharedShape::halfspace(Vector::Z))
            .friction(friction::GROUND)
            .collision_groups(groups::OF_GROUND);
        world.insert_collider(ground, None);
        let robot = insert_robot(&mut world, base);
        let chair = insert_chair(&mut world, chair, chair_pose, resistance);
        Self { world: World(world), controllers: Controllers::default(), robot, chair }
    }

    /// One step of the environment: [`TICKS`] ticks of the controllers with the same action,
    /// `[DOF]` in -1..1. False if something is no longer a finite number; then nothing of the scene
    /// is of use.
    pub fn step(&mut self, action: &[f32]) -> bool {
        for _ in 0..TICKS {
            let position = self.joint_positions();
            let velocity = *self.controllers.tick(action, position[2], &position);
            self.aim(&velocity);
            self.world.0.step();
            if !self.world.0.quarantine().is_empty() {
                return false;
            }
            self.hold_limits();
        }
        self.robot.iter().chain(&self.chair).all(|&body| {
            let body = &self.world.0.bodies[body];
            body.position().is_finite() && body.linvel().is_finite() && body.angvel().is_finite()
        })
    }

    /// Takes joints back to the limits that the solver let them pass, and what velocity would bring
    /// them beyond again: arms that are swung at full strength fling their fingers.
    fn hold_limits(&mut self) {
        let position = self.joint_positions();
        let mut back = [0.0; DOF];
        for (back, (q, limits)) in back.iter_mut().zip(position.iter().zip(LIMITS.iter())) {
            *back = q.clamp(limits[0], limits[1]) - q;
        }
        if back == [0.0; DOF] {
            return;
        }
        let world = &mut self.world.0;
        let link = world.multibody_joints.rigid_body_link(self.robot[robot::BASE]).copied();
        let id = link.expect("the base is a link of the robot").multibody;
        let multibody = world.multibody_joints.get_multibody_mut(id).expect("the robot is one");
        multibody.apply_displacements(&back);
        for (velocity, back) in multibody.generalized_velocity_mut().iter_mut().zip(back) {
            if *velocity * back < 0.0 {
                *velocity = 0.0;
            }
        }
        multibody.forward_kinematics(&world.bodies, false);
        multibody.update_rigid_bodies(&mut world.bodies, true);
    }

    /// Sets what the drives aim at, in m/s and rad/s.
    fn aim(&mut self, velocity: &[f32; DOF]) {
        let joint = self.world.0.multibody_joints.rigid_body_link(self.robot[robot::BASE]);
        let multibody = joint.copied().expect("the base is a link of the robot").multibody;
        let multibody =
            self.world.0.multibody_joints.get_multibody_mut(multibody).expect("the robot is one");
        let mut dof = 0;
        for link in multibody.links_mut().skip(1) {
            let data = &mut link.joint.data;
            for axis in AXES {
                if !data.locked_axes.contains(axis.into()) {
                    data.motors[axis as usize].target_vel = velocity[dof];
                    dof += 1;
                }
            }
        }
    }

    fn robot(&self) -> &Multibody {
        self.multibody(self.robot[robot::BASE])
    }

    fn multibody(&self, body: RigidBodyHandle) -> &Multibody {
        let set = &self.world.0.multibody_joints;
        let link = set.rigid_body_link(body).expect("every body is a link");
        set.get_multibody(link.multibody).expect("links belong to a multibody")
    }

    /// Positions of the robot's joints, in radians and metres; the first three are the base's
    /// place and yaw in the world.
    pub fn joint_positions(&self) -> [f32; DOF] {
        let mut positions = [0.0; DOF];
        let free = self.robot().links().skip(1).flat_map(|link| {
            let joint = link.joint();
            let coordinates = joint.coords();
            AXES.into_iter()
                .filter(|&axis| !joint.data.locked_axes.contains(axis.into()))
                .map(move |axis| coordinates[axis as usize])
        });
        positions.iter_mut().zip(free).for_each(|(position, x)| *position = x);
        positions
    }

    /// Velocities of the robot's joints, in rad/s and m/s.
    pub fn joint_velocities(&self) -> [f32; DOF] {
        let velocities = self.robot().generalized_velocity();
        std::array::from_fn(|dof| velocities[dof])
    }

    /// Pose of one of the robot's links.
    pub fn robot_pose(&self, link: usize) -> Pose {
        *self.world.0.bodies[self.robot[link]].position()
    }

    /// Velocity of one of the robot's links, of its centre of mass, in m/s.
    pub fn robot_velocity(&self, link: usize) -> Vector {
        self.world.0.bodies[self.robot[link]].linvel()
    }

    /// Poses of the chair's links; the first is the root.
    pub fn chair_poses(&self) -> impl Iterator<Item = Pose> {
        self.chair.iter().map(|&body| *self.world.0.bodies[body].position())
    }

    /// Velocity of the chair's root in m/s, and how it turns in rad/s.
    pub fn chair_velocity(&self) -> (Vector, Vector) {
        let root = &self.world.0.bodies[self.chair[0]];
        (root.linvel(), root.angvel())
    }

    /// Gives the chair a velocity along x, in m/s.
    #[cfg(test)]
    pub(super) fn throw_chair(&mut self, velocity: f32) {
        let world = &mut self.world.0;
        let link = world.multibody_joints.rigid_body_link(self.chair[0]).expect("it is a link");
        let multibody = world.multibody_joints.get_multibody_mut(link.multibody);
        multibody.expect("it belongs to one").generalized_velocity_mut()[0] = velocity;
    }

    /// Kinetic energy of the chair in J.
    pub fn chair_energy(&self) -> f32 {
        self.chair.iter().map(|&body| self.world.0.bodies[body].kinetic_energy()).sum()
    }

    /// Which of the robot's joints feel that something else touches the robot (pushchair.md §7.2):
    /// the forces of its contacts in the last step of the physics, mapped to its joints. Friction is
    /// not among them, as in the impulses that PhysX reports.
    pub fn touched_joints(&self) -> [bool; DOF] {
        let world = &self.world.0;
        let robot = self.robot();
        let dt = world.integration_parameters.dt;
        let mut torques = [0.0; DOF];
        for pair in world.narrow_phase.contact_pairs() {
            let bodies = [pair.collider1, pair.collider2].map(|c| world.colliders[c].parent());
            let side =
                bodies.iter().position(|body| body.is_some_and(|body| self.robot.contains(&body)));
            let Some(side) = side else { continue };
            let body = bodies[side].expect("a link of the robot has a body");
            let link = world.multibody_joints.rigid_body_link(body).expect("it is a link").id;
            let jacobian = robot.body_jacobian(link);
            let middle = world.bodies[body].center_of_mass();
            for manifold in pair.manifolds() {
                // The normal points from the first collider to the second.
                let towards = if side == 0 { -manifold.data.normal } else { manifold.data.normal };
                let place = *world.colliders[pair.collider1].position();
                for point in manifold.points.iter().filter(|point| point.data.impulse != 0.0) {
                    let force = towards * (point.data.impulse / dt);
                    let at = place.transform_point(point.local_p1);
                    let torque = (at - middle).cross(force);
                    for (dof, sum) in torques.iter_mut().enumerate() {
                        let column = jacobian.column(dof);
                        *sum += column[0] * force.x
                            + column[1] * force.y
                            + column[2] * force.z
                            + column[3] * torque.x
                            + column[4] * torque.y
                            + column[5] * torque.z;
                    }
                }
            }
        }
        torques.map(|torque| torque.abs() > TOUCHED)
    }
}

/// The axes of a joint, in the order of its degrees of freedom.
const AXES: [JointAxis; 6] = [
    JointAxis::LinX,
    JointAxis::LinY,
    JointAxis::LinZ,
    JointAxis::AngX,
    JointAxis::AngY,
    JointAxis::AngZ,
];

fn free(axes: JointAxesMask) -> JointAxesMask {
    axes.complement()
}

/// The shape that physics gives a solid, and its pose: rapier's round shapes stand along y.
fn collision_shape(solid: &Solid) -> (SharedShape, Pose) {
    match solid.shape {
        Shape::Box { half } => (SharedShape::cuboid(half.x, half.y, half.z), solid.pose),
        Shape::Sphere { radius } => (SharedShape::ball(radius), solid.pose),
        Shape::Capsule { radius, half_height } => {
            let end = Vector::Z * half_height;
            (SharedShape::capsule(-end, end, radius), solid.pose)
        }
        Shape::Cylinder { radius, half_height } => {
            let upright = Rotation::from_rotation_x(std::f32::consts::FRAC_PI_2);
            (SharedShape::cylinder(half_height, radius), solid.pose * Pose::from_rotation(upright))
        }
    }
}

fn insert_robot(world: &mut PhysicsWorld, base: [f32; 3]) -> Vec<RigidBodyHandle> {
    let anchor = world.insert_body(RigidBodyBuilder::fixed());
    let mut bodies: Vec<RigidBodyHandle> = Vec::new();
    let links = robot::links();
    for (l, link) in links.iter().enumerate() {
        let half = link.extent;
        let moment = |a: f32, b: f32| link.mass / 3.0 * (a * a + b * b);
        let inertia =
            Vector::new(moment(half.y, half.z), moment(half.z, half.x), moment(half.x, half.y));
        let mass = MassProperties::new(link.middle, link.mass, inertia);
        // The drives carry the robot's weight (`balance_passive_force`).
        let body = RigidBodyBuilder::dynamic()
            .gravity_scale(0.0)
            .can_sleep(false)
            .additional_mass_properties(mass);
        let body = world.insert_body(body);
        for solid in &link.solids {
            let (shape, pose) = collision_shape(solid);
            let finger = robot::FINGERS.contains(&l);
            let collider = ColliderBuilder::new(shape)
                .position(pose)
                .density(0.0)
                .friction(if finger { friction::FINGER } else { friction::ROBOT })
                .collision_groups(if l == robot::TORSO {
                    groups::OF_TORSO
                } else {
                    groups::OF_ARM
                });
            world.insert_collider(collider, Some(body));
        }
        let axes = match link.motion {
            Motion::Planar => JointAxesMask::LIN_X | JointAxesMask::LIN_Y | JointAxesMask::ANG_Z,
            Motion::AlongZ => JointAxesMask::LIN_Z,
            Motion::AlongY => JointAxesMask::LIN_Y,
            Motion::AroundZ => JointAxesMask::ANG_Z,
        };
        let mut joint = GenericJointBuilder::new(free(axes)).local_frame1(link.origin).build();
        joint.set_contacts_enabled(false);
        for axis in AXES.into_iter().filter(|&axis| axes.contains(axis.into())) {
            joint.set_motor_model(axis, MotorModel::ForceBased);
            joint.set_motor_velocity(axis, 0.0, link.damping);
            joint.set_motor_max_force(axis, link.effort);
            if let Some(limits) = link.limits {
                joint.set_limits(axis, limits);
            }
        }
        let parent = link.parent.map_or(anchor, |parent| bodies[parent]);
        world.insert_multibody_joint(parent, body, joint).expect("the robot is a tree");
        bodies.push(body);
    }
    let mut start = robot::REST;
    start[..3].copy_from_slice(&base);
    let id = world.multibody_joints.rigid_body_link(bodies[0]).expect("just inserted").multibody;
    let multibody = world.multibody_joints.get_multibody_mut(id).expect("just inserted");
    // Until then the root counts as free.
    multibody.forward_kinematics(&world.bodies, true);
    multibody.apply_displacements(&start);
    // Dry friction of every joint (pushchair.md §2).
    multibody.frictions_mut().fill(0.1);
    multibody.damping_mut().fill(0.0);
    for dof in robot::FINGER_DOFS {
        multibody.armature_mut()[dof] = FINGER_ARMATURE;
    }
    multibody.forward_kinematics(&world.bodies, false);
    multibody.update_rigid_bodies(&mut world.bodies, true);
    bodies
}

fn insert_chair(
    world: &mut PhysicsWorld,
    chair: &Chair,
    pose: Pose,
    resistance: &[Resistance],
) -> Vec<RigidBodyHandle> {
    let mut bodies: Vec<RigidBodyHandle> = Vec::new();
    let mut poses: Vec<Pose> = Vec::new();
    for link in &chair.links {
        let place = link.parent.map_or(pose, |parent| poses[parent]) * link.origin;
        let body = world.insert_body(RigidBodyBuilder::dynamic().pose(place).can_sleep(false));
        for solid in &link.solids {
            let (shape, at) = match (link.joint.rolls(), solid.shape) {
                // A wheel touches the ground below its middle, as a ball does, which costs less.
                (true, Shape::Cylinder { radius, .. }) => (SharedShape::ball(radius), solid.pose),
                _ => collision_shape(solid),
            };
            let friction = if link.joint.rolls() { friction::WHEEL } else { friction::CHAIR };
            let collider = ColliderBuilder::new(shape)
                .position(at)
                .mass(chair.density * solid.shape.volume())
                .friction(friction)
                .restitution(0.0)
                .collision_groups(groups::OF_CHAIR);
            world.insert_collider(collider, Some(body));
        }
        if let Some(parent) = link.parent {
            world
                .insert_multibody_joint(bodies[parent], body, chair_joint(&link.joint, link.origin))
                .expect("the chair is a tree");
        }
        bodies.push(body);
        poses.push(place);
    }
    let id = world.multibody_joints.rigid_body_link(bodies[0]).expect("just inserted").multibody;
    let multibody = world.multibody_joints.get_multibody_mut(id).expect("just inserted");
    multibody.damping_mut().fill(0.0);
    let dofs: Vec<(usize, usize)> =
        multibody.links().map(|link| (link.assembly_id(), link.joint().ndofs())).collect();
    for ((first, n), resistance) in dofs.into_iter().zip(resistance).skip(1) {
        multibody.frictions_mut().rows_mut(first, n).fill(resistance.friction);
        multibody.damping_mut().rows_mut(first, n).fill(resistance.damping);
    }
    for (link, part) in multibody.links_mut().zip(&chair.links) {
        if let Joint::Back { .. } = part.joint {
            link.joint.set_spring(JointAxis::AngY as usize, BACK_STIFFNESS, 0.0);
        }
    }
    multibody.forward_kinematics(&world.bodies, true);
    multibody.update_rigid_bodies(&mut world.bodies, true);
    bodies
}

fn chair_joint(joint: &Joint, origin: Pose) -> GenericJoint {
    let axes = match joint {
        Joint::Root => JointAxesMask::all(),
        Joint::Seat { swivels: true } => JointAxesMask::ANG_Z,
        Joint::Seat { swivels: false } => JointAxesMask::empty(),
        Joint::Back { .. } | Joint::Wheel => JointAxesMask::ANG_Y,
        Joint::Fork => JointAxesMask::ANG_Z,
        Joint::Ball => JointAxesMask::ANG_X | JointAxesMask::ANG_Y | JointAxesMask::ANG_Z,
    };
    let mut data = GenericJointBuilder::new(free(axes)).local_frame1(origin).build();
    data.set_contacts_enabled(false);
    if let Joint::Back { range } = *joint {
        data.set_limits(JointAxis::AngY, [-range, range]);
    }
    data
}
