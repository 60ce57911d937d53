//! Pixels from lists of painter calls.
//!
//! [`item`] turns calls into integers, [`cpu`] integers into pixels, [`rgb`] pixels into bytes; `gpu`
//! does the same with a shader, for all frames of a batch. [`frame`] keeps what one world looked
//! like, so that only what changed is drawn again. `points` and `stage` look at scenes of solids on a
//! GPU: as clouds of points, and as pictures for people.

mod axis;
mod columns;
pub mod cpu;
pub mod frame;
#[cfg(feature = "gpu")]
pub mod gpu;
mod grid;
pub mod item;
pub mod pictures;
#[cfg(feature = "gpu")]
pub mod points;
pub mod rgb;
#[cfg(feature = "gpu")]
mod solids;
#[cfg(feature = "gpu")]
pub mod stage;
mod strips;

#[cfg(test)]
mod draw_vectors;
#[cfg(test)]
mod golden;
