//! The experiments of the paper, one module each, and what their reports share.

pub mod ablations;
mod average;
mod baseline;
pub mod claim;
pub mod curves;
pub mod histograms;
pub mod html;
pub mod lines;
pub mod maze;
pub mod print;
pub mod procgen;
pub mod pushchair;
pub mod trial;
