//! The network of the paper for worlds that are seen as a cloud of points (algorithms.md §11.3): a
//! PointNet for each part of the cloud, and a transformer over what they say.
//!
//! It is made of Burn tensors, on a GPU or on the CPU.

#[cfg(feature = "gpu")]
pub mod network;
#[cfg(all(test, feature = "gpu"))]
pub(crate) mod tests;

use gslab_envs::{Spec, pushchair::cloud::CHANNELS};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Settings of the network. Defaults are those of the code that the paper builds on for SAC
/// (algorithms.md §11.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Numbers of a token, even.
    pub width: usize,
    /// Blocks of the transformer.
    pub blocks: usize,
    /// Of the transformer's attention.
    pub heads: usize,
    /// Numbers of a key.
    pub head_width: usize,
    /// Widths of the hidden layers between the transformer and the output.
    pub hidden: Vec<usize>,
    /// Clouds that a network works on at a time: fewer take less memory of the GPU, and more time.
    pub microbatch: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { width: 192, blocks: 2, heads: 4, head_width: 32, hidden: vec![128], microbatch: 50 }
    }
}

/// The form of a network: from a state and a cloud, and for critics an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    pub config: Config,
    /// Numbers of the state, with which an observation begins.
    pub state: usize,
    /// Points that it ends with, of [`CHANNELS`] numbers each.
    pub points: usize,
    /// Numbers of the action, which is appended to the state; 0 for none.
    pub action: usize,
    pub outputs: usize,
}

impl Architecture {
    /// For an environment that is seen as a state and a cloud, and actions of so many numbers if the
    /// network takes them.
    pub fn new(spec: &Spec, action: usize, outputs: usize, config: &Config) -> Self {
        let Spec { observation, points, .. } = *spec;
        let state = observation - points * CHANNELS;
        Self { config: config.clone(), state, points, action, outputs }
    }

    /// Numbers of an observation.
    pub fn observation(&self) -> usize {
        self.state + self.points * CHANNELS
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, state, points, action, outputs } = self;
        let Config { width, blocks, heads, head_width, hidden, .. } = config;
        write!(
            f,
            "[{state} + {action}, {points} points, {blocks} blocks {width} wide with {heads} heads of \
             {head_width}, {hidden:?}, {outputs}]"
        )
    }
}
