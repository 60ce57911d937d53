//! What the maze experiment measures: the content of `result.json`, read by figure and report.

use crate::{
    experiments::curves::{Point, Training},
    gsl::evaluate::Evaluation,
};
use serde::{Deserialize, Serialize};

/// All seeds of one `gslab reproduce maze`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MazeResult {
    pub seeds: Vec<SeedResult>,
}

/// One seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedResult {
    pub seed: u64,
    /// Iteration (epoch of 10^4 samples) at which H fired; `None` if it never did and the last
    /// allowed iteration was taken.
    pub plateau_detected: bool,
    /// Iterations of the generalist that the method used.
    pub plateau_iteration: u64,
    /// Iterations of the generalist's budget, which H's allowed range is a part of.
    pub budget_iterations: u64,
    /// Samples that the method consumed in all.
    pub total_samples: u64,
    /// The generalist, continued to the baseline's end; points past the plateau are the dashed
    /// curve of Figure 2.
    pub generalist: Vec<Point>,
    /// Each specialist's curve; `samples` runs from the plateau on, stretched by their number.
    pub specialists: Vec<Vec<Point>>,
    /// Phase II, after the specialists.
    pub finetuned: Vec<Point>,
    pub at_plateau: Snapshot,
    /// The generalist continued to the same total of samples: the dashed curve's end.
    pub baseline: Snapshot,
    /// The generalist after phase II.
    pub final_generalist: Snapshot,
    /// The negative control: the plateau generalist after behaviour cloning on the same
    /// demonstrations.
    pub cloned: Snapshot,
    /// Success of each specialist's best checkpoint on its own goal, sampled actions.
    pub specialist_success: Vec<f64>,
    /// Means over phase II iterations: π(a_D|s_D) and Â.
    pub demonstration_likelihood: Vec<f64>,
    pub max_advantage: Vec<f64>,
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

/// A policy, measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub mean: Evaluation,
    pub sampled: Evaluation,
    /// `[goal][place]`: episodes by goal and the place where they ended, sampled actions;
    /// places 0 to 4 are the tines' goals (within the success radius), 5 anywhere else.
    pub ended_at: [[u32; 6]; 5],
    pub ignorance: Ignorance,
    /// Some episodes with sampled actions, for the picture.
    pub trajectories: Vec<Trajectory>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trajectory {
    pub goal: usize,
    /// Positions, the start included.
    pub points: Vec<[f32; 2]>,
}

/// Measures of "catastrophic ignorance": how little a policy looks at the context
/// (maze.md §5).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Ignorance {
    /// Mutual information of goal and final place, in bits: 0 to log2 5 = 2.32.
    pub information: f64,
    /// S_c = mean ‖μ(s,c) - μ(s,c')‖ / mean ‖μ‖ over states of the corridor, the junction and
    /// the tines' mouths.
    pub sensitivity: [f64; 3],
    /// The same measure for the value function, relative to its own spread.
    pub value_sensitivity: [f64; 3],
    /// Mean ‖∂μ/∂c‖ over the range of c, at the junction.
    pub jacobian_context: f64,
    /// Mean ‖∂μ/∂(x, y)‖ over the range of positions, at the junction.
    pub jacobian_position: f64,
    /// L2 norms of the policy's first-layer weights from the context and from the position.
    pub weights_context: f64,
    pub weights_position: f64,
    /// Largest distance between final positions of episodes that differ in the context alone.
    pub counterfactual_distance: f64,
    /// Share of the sampled actions in the spine that lead to the right tine: up or down towards
    /// its row, or to the right within it.
    pub agreement: f64,
    /// Mean cosine between the policy gradients of different goals at the junction.
    pub gradient_cosine: f64,
}
