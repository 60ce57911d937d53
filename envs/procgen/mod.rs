//! The sixteen games of Procgen (Cobbe et al. 2020), exact to the package `procgen` 0.10.7.
//!
//! Same options, seeds and actions give the same rewards, ends, level seeds and states, bit for
//! bit. What all games share is in [`engine`] and its neighbours; a game is one file of
//! [`games`] that implements [`game::Game`]; [`world`] puts the two together.
//!
//! Real numbers are single precision and every operation rounds, except where the original has a
//! double literal; such places are written out as `f64`, in the order of the original.

mod atan2;
pub mod audit;
pub mod camera;
mod collision;
pub mod conformance;
pub mod engine;
pub mod entity;
pub mod game;
pub mod games;
pub mod grid;
pub mod layout;
pub mod maze_gen;
mod movement;
pub mod mt19937;
pub mod options;
pub mod paint;
pub mod recording;
mod rooms;
pub mod spawn;
pub mod state;
mod std_sort;
pub mod world;

pub use movement::sign;
pub use options::{Mode, Options};
pub use world::World;
