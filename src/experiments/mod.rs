//! The paper's experiments as commands.

pub mod maze;
