//! What the experiment on a game measures: the content of `result.json`, read by figures and
//! report.

use super::protocol::Scores;
use crate::{
    experiments::curves::{Point, Training},
    gsl::evaluate::Evaluation,
    run::config::Algorithm,
};
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

/// One seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedResult {
    pub seed: u64,
    /// Whether H fired; if not, the last allowed iteration was taken.
    pub plateau_detected: bool,
    /// Whether the generalist was good enough at the plateau, so that nothing followed.
    pub good_enough: bool,
    /// Iterations of the generalist that the method used.
    pub plateau_iteration: u64,
    /// Iterations of the generalist's budget, which H's allowed range is a part of.
    pub budget_iterations: u64,
    /// Samples that the method consumed in all.
    pub total_samples: u64,
    /// The generalist, continued to the baseline's end.
    pub generalist: Vec<Point>,
    /// Each specialist's curve, on its own levels.
    pub specialists: Vec<Vec<Point>>,
    /// Phase II, after the specialists.
    pub finetuned: Vec<Point>,
    /// The variations that specialists took.
    pub low_levels: Vec<u32>,
    pub at_plateau: Scores,
    /// The generalist continued to the same total of samples.
    pub baseline: Scores,
    /// The generalist after phase II.
    pub final_generalist: Scores,
    /// The generalist of the plateau, cloned from the demonstrations, if that was asked for.
    pub cloned: Option<Scores>,
}

impl SeedResult {
    pub fn training(&self) -> Training<'_> {
        Training {
            generalist: &self.generalist,
            specialists: &self.specialists,
            finetuned: &self.finetuned,
            plateau_iteration: self.plateau_iteration,
            total_samples: self.total_samples,
        }
    }
}

impl ProcgenResult {
    /// (R - R_min) / (R_max - R_min), or the return where there is no scale.
    pub fn normalised(&self, total_reward: f64) -> f64 {
        let (low, high) = self.return_range.map_or((0.0, 1.0), |(l, h)| (l.into(), h.into()));
        (total_reward - low) / (high - low)
    }

    /// Mean and standard deviation of a mean return, over the seeds that have it.
    pub fn over_seeds(&self, of: impl Fn(&SeedResult) -> Option<&Evaluation>) -> (f64, f64) {
        let returns: Vec<f64> =
            self.seeds.iter().filter_map(|s| Some(of(s)?.mean_return())).collect();
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n;
        let squares: f64 = returns.iter().map(|r| (r - mean).powi(2)).sum();
        (mean, (squares / (n - 1.0).max(1.0)).sqrt())
    }
}
