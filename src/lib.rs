//! gslab: a self-contained benchmark suite for Generalist-Specialist Learning.

pub mod cli;
pub mod device;
pub mod error;
pub mod experiments;
pub mod gsl;
pub mod learn;
pub mod play;
pub mod plot;
pub mod pool;
pub mod render;
pub mod run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
