//! Worlds for people to look at: shown, recorded and played.
//!
//! A [`scene`] makes worlds, an [`actor`] acts in them, [`media`] writes what they look like. A
//! [`session`] is one world in play: it knows no window, only keys ([`keys`]), time and frames, and
//! is shown on a terminal or in a window.

pub mod actor;
pub mod keys;
pub mod media;
pub mod scene;
pub mod session;
pub mod terminal;
#[cfg(feature = "window")]
pub mod window;
