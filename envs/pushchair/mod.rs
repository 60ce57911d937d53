//! PushChair: a dual-arm robot pushes a swivel chair to a goal (after ManiSkill; pushchair.md).

pub mod solid;
