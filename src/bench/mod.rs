//! Measuring speed: runs that are repeated, files that can be compared, what a machine can reach,
//! and where the time of training goes.

pub mod attribution;
pub mod ceilings;
pub mod compare;
pub mod costs;
pub mod drift;
pub mod page;
pub mod results;
