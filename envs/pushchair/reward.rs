//! The dense reward of PushChair, and when it counts as solved (pushchair.md §5 and §6).

use rapier3d::{
    glamx::Vec2,
    math::{Pose, Vector},
};
use serde::{Deserialize, Serialize};
use std::f32::consts::PI;

/// How near the target the chair's root must be, in metres.
pub const CLOSE: f32 = 0.15;
/// Steps for which each part of success must hold.
pub const STREAK: u32 = 10;

/// What the reward looks at, after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Mean over the finger tips of the least distance to the chair's surface, in metres.
    pub reach: f32,
    /// From the target to the chair's root, on the ground, in metres.
    pub offset: Vec2,
    /// Between the root's z axis and the world's, in radians.
    pub tilt: f32,
    /// Of the root, in m/s.
    pub velocity: Vector,
    /// Speed at which the root turns, in rad/s.
    pub spin: f32,
    /// Length of the action.
    pub effort: f32,
}

/// The reward of a step.
pub fn reward(m: &Measures) -> f32 {
    let distance = m.offset.length();
    let speed = m.velocity.length();
    let mut shaped =
        -m.reach - libm::logf(m.reach + 1e-5).clamp(-10.0, 0.0) - 0.2 * m.tilt - 1e-6 * m.effort;
    let mut stage = -10.0;
    if m.tilt < 0.2 * PI {
        if m.reach < 0.1 {
            stage += 2.0;
            if distance <= CLOSE {
                stage += 2.0;
                shaped += 2.0 * libm::expf(-10.0 * speed);
                if speed <= 0.1 && m.spin <= 0.2 {
                    stage += 2.0;
                }
            } else {
                // cos∠(v_xy, p) - 1 of the cosine distance gives minus the cosine: the speed
                // towards the target.
                let flat = m.velocity.truncate();
                let cosine = match flat.length() * distance {
                    0.0 => 0.0,
                    both => flat.dot(m.offset) / both,
                };
                let towards = -cosine * speed;
                shaped += 2.0 * (1.0 - libm::expf(-towards)).max(-1.0) - 2.0 * distance;
            }
        }
    } else {
        stage -= 5.0;
    }
    2.0 * (shaped + stage)
}

/// For how many steps each part of success has held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streaks {
    close: u32,
    standing: u32,
    still: u32,
}

impl Streaks {
    /// Counts a step that brought the root from one pose to another; the target is at the origin.
    /// Whether all have held long enough.
    pub fn count(&mut self, from: &Pose, to: &Pose) -> bool {
        let moved = (to.translation - from.translation).length();
        let turned = from.rotation.angle_between(to.rotation);
        let hold = |streak: &mut u32, holds: bool| *streak = if holds { *streak + 1 } else { 0 };
        hold(&mut self.close, to.translation.truncate().length() < CLOSE);
        hold(&mut self.standing, tilt(to) < 0.05 * PI);
        // Per step of 0.05 s: 0.1 m/s, and 0.2 in a measure that is the angle over π.
        hold(&mut self.still, moved <= 0.1 * 0.05 && turned / PI <= 0.2 * 0.05);
        [self.close, self.standing, self.still].iter().all(|&streak| streak >= STREAK)
    }
}

/// Between a frame's z axis and the world's, in radians.
pub fn tilt(pose: &Pose) -> f32 {
    libm::acosf((pose.rotation * Vector::Z).z.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rapier3d::math::Rotation;

    fn at(reach: f32, x: f32) -> Measures {
        Measures {
            reach,
            offset: Vec2::new(x, 0.0),
            tilt: 0.0,
            velocity: Vector::ZERO,
            spin: 0.0,
            effort: 0.0,
        }
    }

    /// The scale check of pushchair.md §5.
    #[test]
    fn hand_placed_states_have_the_rewards_that_they_should() {
        // Arms 0.5 m away: 2 (-0.5 + ln 2 - 10).
        assert!((reward(&at(0.5, 1.0)) + 19.61).abs() < 0.01, "{}", reward(&at(0.5, 1.0)));
        // Touching at 5 cm, 1 m from the target: 2 (-0.05 + 3.0 - 2 - 8).
        assert!((reward(&at(0.05, 1.0)) + 14.11).abs() < 0.01, "{}", reward(&at(0.05, 1.0)));
        // Parked at the goal: 2 (-0.05 + 3.0 + 2 - 4).
        assert!((reward(&at(0.05, 0.0)) - 1.89).abs() < 0.01, "{}", reward(&at(0.05, 0.0)));
        // Towards the target at 0.3 m/s, and away from it: 2 · 2 (1 - e^∓0.3) beside standing still.
        let pushed =
            |speed: f32| Measures { velocity: Vector::new(speed, 0.0, 0.0), ..at(0.05, 1.0) };
        let gain = |speed: f32| reward(&pushed(speed)) - reward(&at(0.05, 1.0));
        assert!((gain(-0.3) - 4.0 * (1.0 - (-0.3f32).exp())).abs() < 1e-4);
        assert!((gain(0.3) - 4.0 * (1.0 - 0.3f32.exp())).abs() < 1e-4);
        // Not less than -1 of it, however fast.
        assert!((gain(3.0) + 4.0).abs() < 1e-4);
        // Fallen over: stage -15, tilt 0.2 · π/2.
        let fallen = Measures { tilt: PI / 2.0, ..at(0.05, 0.0) };
        assert!((reward(&fallen) - 2.0 * (-0.05 + 2.9955 - 0.31416 - 15.0)).abs() < 0.01);
        // At the goal but moving at 0.2 m/s: no bonus for standing still.
        let moving = Measures { velocity: Vector::new(0.2, 0.0, 0.0), ..at(0.05, 0.1) };
        let gain = reward(&moving) - reward(&at(0.05, 0.1));
        assert!((gain - 2.0 * (2.0 * (-2f32).exp() - 2.0 - 2.0)).abs() < 1e-3, "{gain}");
    }

    #[test]
    fn success_needs_ten_steps_in_a_row() {
        let goal = Pose::translation(0.1, 0.0, 0.6);
        let mut streaks = Streaks::default();
        for step in 1..STREAK {
            assert!(!streaks.count(&goal, &goal), "after {step}");
        }
        assert!(streaks.count(&goal, &goal));
        // One step that is too fast, leans or lies outside begins anew.
        let faster = Pose::translation(0.1, 0.006, 0.6);
        let leaning = Pose::from_parts(goal.translation, Rotation::from_rotation_x(0.06 * PI));
        let outside = Pose::translation(0.151, 0.0, 0.6);
        let turned = Pose::from_parts(goal.translation, Rotation::from_rotation_z(0.04));
        for (from, to) in [(goal, faster), (leaning, leaning), (outside, outside), (goal, turned)] {
            let mut streaks = streaks;
            assert!(!streaks.count(&from, &to), "{to:?}");
            for step in 1..STREAK {
                assert!(!streaks.count(&goal, &goal), "{step} after {to:?}");
            }
            assert!(streaks.count(&goal, &goal));
        }
    }
}
