//! gslab: a self-contained benchmark suite for Generalist-Specialist Learning.

pub mod bench;
pub mod cli;
pub mod device;
pub mod error;
pub mod experiments;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod gsl;
pub mod learn;
pub mod play;
pub mod plot;
pub mod pool;
pub mod render;
pub mod run;
pub mod trace;

// The parts of tests/all/common that unit tests use too name this crate as other tests do.
#[cfg(test)]
extern crate self as gslab;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
