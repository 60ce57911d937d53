//! What the experiment on a game measures: the content of `result.json`, read by figures and
//! report.

use crate::{experiments::trial::SeedResult, run::config::Algorithm};
use serde::{Deserialize, Serialize};

/// All seeds of one `gslab reproduce procgen`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcgenResult {
    pub environment: String,
    pub algorithm: Algorithm,
    /// What the paper's budgets were multiplied by.
    pub scale: f64,
    /// Returns that count as 0 and 1.
    pub return_range: Option<(f32, f32)>,
    pub training_levels: u32,
    pub test_levels: u32,
    pub seeds: Vec<SeedResult>,
}

impl ProcgenResult {
    /// (R - R_min) / (R_max - R_min), or the return where there is no scale.
    pub fn normalised(&self, total_reward: f64) -> f64 {
        gslab_envs::normalised(total_reward, self.return_range)
    }
}
