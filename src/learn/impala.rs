//! The convolutional network of IMPALA (Espeholt et al. 2018, figure 3 right, without its LSTM), as
//! Procgen's baselines use it (algorithms.md §11.1).
//!
//! Stacks of a 3×3 convolution, max-pooling and two residual blocks, then one hidden layer and a
//! row of outputs: logits of the actions, then values. Parameters are one flat vector: weights
//! `[3, 3, in, out]` and biases `[out]` of each convolution in order, then the hidden layer and
//! the outputs as [`super::mlp`] lays them out, features channels last.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod initial;
pub mod pass;
pub mod torch;

use super::{
    conv::{Conv, MAX_CHANNELS},
    mlp::Shape,
};
use initial::Initialisation;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Height and width of a frame, in pixels.
pub const SIZE: usize = 64;
/// Red, green and blue.
pub const COLOURS: usize = 3;
/// Bytes of a frame, `[SIZE, SIZE, COLOURS]`.
pub const FRAME: usize = SIZE * SIZE * COLOURS;
/// Convolutions of a stack: one before pooling, two in each of two residual blocks.
pub const STACK_CONVS: usize = 5;

/// Settings of a new network; its outputs follow from the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Width of each stack, one to four.
    pub channels: Vec<usize>,
    /// Units of the hidden layer.
    pub hidden: usize,
    pub initialisation: Initialisation,
}

impl Default for Config {
    fn default() -> Self {
        let initialisation = Initialisation::default();
        Self { channels: vec![16, 32, 32], hidden: 256, initialisation }
    }
}

/// Form of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Architecture {
    channels: Vec<usize>,
    hidden: usize,
    actions: usize,
    values: usize,
    /// Of the values, the last so many, whose gradient stops before the hidden layer.
    detached: usize,
}

/// Why there is no such network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    #[error("a network of {0} stacks: give one to four widths, each stack halves a frame of 64×64")]
    Stacks(usize),
    #[error("a stack of {0} channels: give 1 to {MAX_CHANNELS}")]
    Channels(usize),
    #[error("a hidden layer without units: give at least 1")]
    NoHidden,
    #[error("a network without outputs: give it actions or values")]
    NoOutputs,
}

#[derive(Deserialize)]
struct Unchecked {
    channels: Vec<usize>,
    hidden: usize,
    actions: usize,
    values: usize,
    detached: usize,
}

impl TryFrom<Unchecked> for Architecture {
    type Error = ArchitectureError;

    fn try_from(from: Unchecked) -> Result<Self, ArchitectureError> {
        let detached = from.detached.min(from.values);
        let attached = Self::new(from.channels, from.hidden, from.actions, from.values)?;
        Ok(Self { detached, ..attached })
    }
}

/// Where one convolution lies in the flat parameters.
#[derive(Clone, Debug)]
pub struct Layer {
    pub conv: Conv,
    pub weights: Range<usize>,
    pub biases: Range<usize>,
}

impl Architecture {
    /// The network of Procgen's baselines: 626 256 parameters for 15 actions.
    pub fn procgen(actions: usize) -> Self {
        let Config { channels, hidden, .. } = Config::default();
        Self { channels, hidden, actions, values: 1, detached: 0 }
    }

    /// A network with a stack for each of one to four `channels`, `hidden` units after them,
    /// logits of `actions` and `values` (a network may have none of either).
    ///
    /// # Errors
    /// When a width is 0 or a stack has more than [`MAX_CHANNELS`], or there are too many stacks or
    /// no outputs.
    pub fn new(
        channels: Vec<usize>,
        hidden: usize,
        actions: usize,
        values: usize,
    ) -> Result<Self, ArchitectureError> {
        if channels.is_empty() || channels.len() > 4 {
            return Err(ArchitectureError::Stacks(channels.len()));
        }
        if let Some(&width) = channels.iter().find(|&&c| c == 0 || c > MAX_CHANNELS) {
            return Err(ArchitectureError::Channels(width));
        }
        if hidden == 0 {
            return Err(ArchitectureError::NoHidden);
        }
        if actions + values == 0 {
            return Err(ArchitectureError::NoOutputs);
        }
        Ok(Self { channels, hidden, actions, values, detached: 0 })
    }

    /// The same network, where the last value is learned from what the others learn to see: its
    /// gradient stops before the hidden layer.
    pub fn with_detached_value(self) -> Self {
        Self { detached: self.values.min(1), ..self }
    }

    pub fn detached(&self) -> usize {
        self.detached
    }

    pub fn actions(&self) -> usize {
        self.actions
    }

    pub fn values(&self) -> usize {
        self.values
    }

    /// Length of a row of outputs: logits, then values.
    pub fn outputs(&self) -> usize {
        self.actions + self.values
    }

    /// Width of each stack.
    pub fn channels(&self) -> &[usize] {
        &self.channels
    }

    /// Height and width of a stack's maps.
    pub fn size(&self, stack: usize) -> usize {
        SIZE >> (stack + 1)
    }

    /// Every convolution in order, [`STACK_CONVS`] for each stack.
    pub fn convs(&self) -> Vec<Layer> {
        let mut layers = Vec::with_capacity(STACK_CONVS * self.channels.len());
        let (mut inputs, mut start) = (COLOURS, 0);
        for (stack, &outputs) in self.channels.iter().enumerate() {
            for i in 0..STACK_CONVS {
                let size = if i == 0 { 2 * self.size(stack) } else { self.size(stack) };
                let conv = Conv { size, inputs, outputs };
                let weights = start..start + 9 * inputs * outputs;
                let biases = weights.end..weights.end + outputs;
                start = biases.end;
                layers.push(Layer { conv, weights, biases });
                inputs = outputs;
            }
        }
        layers
    }

    /// The layers after the convolutions: features, hidden units, outputs.
    pub fn head(&self) -> Shape {
        let last = self.channels.len() - 1;
        let features = self.size(last).pow(2) * self.channels[last];
        Shape::new(features, &[self.hidden], self.outputs())
    }

    /// Where the parameters of [`Self::head`] begin.
    pub fn head_start(&self) -> usize {
        self.convs().last().map_or(0, |layer| layer.biases.end)
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.head_start() + self.head().parameters()
    }
}

/// Frames of `[SIZE, SIZE, COLOURS]` bytes, or some of them in any order.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    pixels: &'a [u8],
    rows: Option<&'a [u32]>,
}

impl<'a> Frames<'a> {
    /// All frames of `pixels`, a whole number of them.
    pub fn all(pixels: &'a [u8]) -> Self {
        assert!(pixels.len().is_multiple_of(FRAME));
        Self { pixels, rows: None }
    }

    /// The frames at `rows` of `pixels`: a minibatch that is not copied.
    pub fn at(pixels: &'a [u8], rows: &'a [u32]) -> Self {
        assert!(pixels.len().is_multiple_of(FRAME));
        Self { pixels, rows: Some(rows) }
    }

    pub fn len(&self) -> usize {
        self.rows.map_or(self.pixels.len() / FRAME, <[u32]>::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those in `range`.
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self.rows {
            Some(rows) => Self { pixels: self.pixels, rows: Some(&rows[range]) },
            None => Self::all(&self.pixels[range.start * FRAME..range.end * FRAME]),
        }
    }

    fn get(&self, i: usize) -> &'a [u8] {
        let row = self.rows.map_or(i, |rows| rows[i] as usize);
        &self.pixels[row * FRAME..(row + 1) * FRAME]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// algorithms.md §11.1, from the sources of the baselines.
    #[test]
    fn the_network_of_procgen_has_as_many_parameters_as_its_sources_say() {
        let architecture = Architecture::procgen(15);
        let convs = architecture.convs();
        let of_stacks: Vec<usize> = convs
            .chunks(STACK_CONVS)
            .map(|stack| stack.iter().map(|layer| layer.conv.parameters()).sum())
            .collect();
        assert_eq!(of_stacks, [448 + 9_280, 4_640 + 36_992, 9_248 + 36_992]);
        assert_eq!(architecture.head().parameters(), 524_544 + 3_855 + 257);
        assert_eq!(architecture.parameters(), 626_256);
    }

    #[test]
    fn impossible_networks_are_refused() {
        use ArchitectureError::*;
        let of = |channels: &[usize], hidden, actions| {
            Architecture::new(channels.to_vec(), hidden, actions, 0).map(|_| ())
        };
        assert_eq!(of(&[], 8, 1), Err(Stacks(0)));
        assert_eq!(of(&[8; 5], 8, 1), Err(Stacks(5)));
        assert_eq!(of(&[8, 0], 8, 1), Err(Channels(0)));
        assert_eq!(of(&[8, 257], 8, 1), Err(Channels(257)));
        assert_eq!(of(&[8], 0, 1), Err(NoHidden));
        assert_eq!(of(&[8], 8, 0), Err(NoOutputs));
        assert_eq!(of(&[8; 4], 8, 1), Ok(()));
        let text = r#"{"channels": [], "hidden": 8, "actions": 1, "values": 1, "detached": 0}"#;
        assert!(serde_json::from_str::<Architecture>(text).is_err());
    }
}
