//! PushChair: a dual-arm robot pushes a swivel chair to a goal (after ManiSkill; pushchair.md).

mod camera;
pub mod cloud;
mod half;
mod light;
pub mod picture;
mod ray;
pub mod solid;

/// Vectors, poses and matrices of solids.
pub use rapier3d::math;
