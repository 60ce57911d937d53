//! Everything that is tested from outside in one program: built in a fraction of the time that one
//! for each file takes, and its tests share all threads.

mod ablations;
mod bench;
mod cli;
#[cfg(feature = "gpu")]
mod clouds;
mod common;
mod determinism;
mod faults;
#[cfg(feature = "gpu")]
mod frames;
mod impala;
mod learning;
mod metrics;
mod pixels;
#[cfg(feature = "gpu")]
mod points;
mod ppg;
mod pushchair;
mod report;
#[cfg(feature = "gpu")]
mod resident;
mod resume;
mod sac;
mod show;
#[cfg(feature = "gpu")]
mod stages;
mod twins;
