//! Generalist-Specialist Learning.

pub mod algorithm1;
pub mod cluster;
pub mod config;
pub mod demos;
pub mod evaluate;
pub mod partition;
pub mod plateau;
pub mod side_by_side;
pub mod snapshots;
