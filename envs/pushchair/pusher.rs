//! A scripted pusher, which sees everything: it walks behind the chair, brings its hands down to
//! the chair's foot and pushes it to the target. It shows that the task can be solved; its
//! return is what others are measured by.

use super::{
    PushChair,
    robot::{DOF, REST},
};
use rapier3d::glamx::Vec2;
use std::f32::consts::PI;

/// Joints of the right arm that hold the hand 0.7 m before the base, 0.16 m beside its middle and
/// [`HAND`] above the torso's zero, pointing forward and down.
const ARM: [f32; 7] = [0.03, 1.71, -0.69, -1.22, -2.39, 2.18, 0.78];
/// Height of the finger tips in that posture above where the vertical actuator stands, in metres.
const HAND: f32 = 0.021;
/// Height at which the hands meet the chair, in metres: under its seat, where pushing does not tip it.
const CONTACT: f32 = 0.1;
/// Distance of the finger tips from the base, in metres.
const REACH: f32 = 0.7;
/// Distance from the chair at which it walks around it, in metres.
const AROUND: f32 = 1.1;
/// Distance from the chair at which the arms come down without touching it, in metres.
const CLEAR: f32 = 1.05;

/// What the pusher does in a world, `[DOF]` in -1..1.
pub fn act(world: &PushChair) -> [f32; DOF] {
    let position = world.scene().joint_positions();
    let mut action = [0.0; DOF];

    let (goal_joints, ready) = posture(world, &position);
    for dof in 3..DOF {
        let range = if dof == 3 { 0.5 } else { PI };
        action[dof] = (6.0 * (goal_joints[dof] - position[dof]) / range).clamp(-1.0, 1.0);
    }
    // Fingers half open, where they are.
    for dof in [11, 12, 20, 21] {
        action[dof] = ((REST[dof] - position[dof]) * 2.0).clamp(-1.0, 1.0);
    }

    let (velocity, turn) = walk(world, &position, ready);
    // Into the robot's frame.
    let forward = Vec2::from_angle(position[2]);
    action[0] = (velocity.dot(forward) / 0.5).clamp(-1.0, 1.0);
    action[1] = (velocity.dot(forward.perp()) / 0.5).clamp(-1.0, 1.0);
    action[2] = (turn / PI).clamp(-1.0, 1.0);
    action
}

/// Where the joints should be, and whether they nearly are. Near the chair the arms stay up until
/// they have once been brought down.
fn posture(world: &PushChair, position: &[f32; DOF]) -> ([f32; DOF], bool) {
    let mut joints = REST;
    joints[3] = CONTACT - HAND;
    joints[4..11].copy_from_slice(&ARM);
    joints[13..20].copy_from_slice(&ARM);
    // The left arm mirrors the right one: every other joint turns the other way.
    for dof in [13, 15, 17] {
        joints[dof] = -joints[dof];
    }
    let within = |dof: usize, off: f32| (joints[dof] - position[dof]).abs() < off;
    let arms = |off: f32| (4..11).chain(13..20).all(|dof| within(dof, off));
    let away = Vec2::new(position[0], position[1]) - world.root().translation.truncate();
    if away.length() < CLEAR && !arms(0.6) {
        return (REST, false);
    }
    let ready = within(3, 0.05) && arms(0.15);
    (joints, ready)
}

/// The base's velocity in the world, in m/s, and how it turns, in rad/s.
fn walk(world: &PushChair, position: &[f32; DOF], ready: bool) -> (Vec2, f32) {
    let chair = world.root().translation.truncate();
    let base = Vec2::new(position[0], position[1]);
    let distance = chair.length();
    let to_target = if distance > 1e-3 { -chair / distance } else { Vec2::from_angle(position[2]) };
    let away = base - chair;
    let radius = away.length();
    // Angle from where it should stand, behind the chair, to where it stands.
    let angle = (-to_target).angle_to(away);
    let around = (away / radius).perp();

    let behind = angle.abs() < 0.2;
    let touching = radius < REACH + 0.45;
    let facing = if touching && behind { to_target } else { -away / radius };
    let turn = 4.0 * Vec2::from_angle(position[2]).angle_to(facing);

    if distance < 0.08 {
        return (Vec2::ZERO, 0.0);
    }
    let sideways = around * (-2.0 * angle * radius).clamp(-0.5, 0.5);
    if ready && (behind || (touching && angle.abs() < 0.3)) {
        let speed = (2.0 * (distance - 0.04)).clamp(0.08, 0.45);
        let free = radius > REACH + 0.4;
        return (to_target * if free { 0.5 } else { speed } + sideways, turn);
    }
    let outwards = away / radius * (3.0 * (AROUND - radius)).clamp(-0.5, 0.5);
    (sideways + outwards, turn)
}
