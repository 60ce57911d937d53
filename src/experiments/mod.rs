//! The experiments of the paper, one module each, and what their reports share.

pub mod claim;
pub mod curves;
pub mod html;
pub mod maze;
pub mod print;
pub mod procgen;
