//! Pixels from lists of painter calls.
//!
//! [`item`] turns calls into integers, [`cpu`] integers into pixels; a shader does the same on a
//! GPU. [`frame`] keeps what one world looked like, so that only what changed is drawn again.

pub mod cpu;
pub mod frame;
pub mod item;
pub mod pictures;

#[cfg(test)]
mod draw_vectors;
