//! What every experiment needs: configuration, run directories, checkpoints, metrics.

pub mod config;
pub mod directory;
pub mod events;
pub mod file;
pub mod interrupt;
pub mod metrics;
pub mod phase;
pub mod progress;
pub mod timings;
