//! What training from pixels takes of a GPU's memory.

use crate::{
    learn::{
        agent::Learning,
        impala::{Architecture, FRAME},
    },
    run::config::Algorithm,
};
use std::fmt;

/// About how many bytes. wgpu does not tell how many there are, so this is for people who have just
/// run out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Setting and value that decide, and the bytes that follow from it.
    parts: Vec<(&'static str, usize, usize)>,
}

impl Needs {
    pub fn new(learning: &Learning, algorithm: Algorithm, architecture: &Architecture) -> Self {
        let samples = learning.ppo.samples;
        let mut parts = vec![
            ("ppo.samples", samples, samples * FRAME),
            (
                "ppo.minibatch",
                learning.ppo.minibatch,
                learning.ppo.minibatch * bytes_of_maps(architecture),
            ),
        ];
        if algorithm == Algorithm::Ppg {
            let iterations = learning.ppg.policy_iterations;
            parts.push(("ppg.policy_iterations", iterations, iterations * samples * FRAME));
        }
        Self { parts }
    }
}

/// Of the maps of one frame that are kept for its gradient, all f32.
fn bytes_of_maps(architecture: &Architecture) -> usize {
    let maps = architecture.channels().iter().enumerate().map(|(stack, &channels)| {
        let pooled = architecture.size(stack).pow(2) * channels;
        // Before pooling there are four times as many pixels. After it: the maps, where each came
        // from, and in each of two blocks two convolutions, their rectified inputs, and the sum.
        4 * pooled + 2 * pooled + 2 * 5 * pooled
    });
    (FRAME + maps.sum::<usize>()) * size_of::<f32>()
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gibibytes = |bytes: usize| bytes as f64 / f64::from(1 << 30);
        let all = self.parts.iter().map(|(.., bytes)| bytes).sum();
        write!(f, "Training takes about {:.2} GiB of its memory", gibibytes(all))?;
        for (i, (setting, value, bytes)) in self.parts.iter().enumerate() {
            let before = if i == 0 { ": " } else { ", " };
            write!(f, "{before}{:.2} for {setting} = {value}", gibibytes(*bytes))?;
        }
        write!(f, "; if that is too much, lower them: half the value takes half of it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::ppo;

    #[test]
    fn it_says_which_setting_takes_how_much() {
        let learning = Learning { ppo: ppo::Config::procgen(), ..Learning::default() };
        let architecture = Architecture::procgen(15);
        // 16 pixels of 16, 32 and 32 channels, at 32, 16 and 8 pixels a side.
        let maps = 4 * (FRAME + 16 * (1024 * 16 + 256 * 32 + 64 * 32));
        assert_eq!(bytes_of_maps(&architecture), maps);
        let ppo = Needs::new(&learning, Algorithm::Ppo, &architecture).to_string();
        assert_eq!(
            ppo,
            "Training takes about 1.86 GiB of its memory: 0.19 for ppo.samples = 16384, 1.67 for \
             ppo.minibatch = 1024; if that is too much, lower them: half the value takes half of \
             it"
        );
        let ppg = Needs::new(&learning, Algorithm::Ppg, &architecture).to_string();
        assert!(ppg.contains("6.00 for ppg.policy_iterations = 32"), "{ppg}");
    }
}
