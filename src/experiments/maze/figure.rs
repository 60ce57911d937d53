//! The figures of the maze experiment.

mod ended_at;
mod trajectories;

use super::result::{MazeResult, SeedResult, Snapshot};
use crate::{
    experiments::curves::{Curves, Measure},
    plot,
};
use gslab_envs::maze::Options;
use std::path::Path;

pub use ended_at::EndedAt;
pub use trajectories::Trajectories;

/// Titled states of the generalist, as the panels of the figures compare them.
const STAGES: [(&str, Stage); 3] = [
    ("at the plateau", |seed| &seed.at_plateau),
    ("continued, equal samples", |seed| &seed.baseline),
    ("after phase II", |seed| &seed.final_generalist),
];

type Stage = fn(&SeedResult) -> &Snapshot;

/// Figure 2 of the paper: success and reward.
const MEASURES: &[Measure] = &[
    Measure { title: "success rate", of: |p| p.success, decimals: 1, bounds: |_, _| 0.0..1.03 },
    Measure {
        title: "mean reward per step",
        of: |p| p.mean_reward,
        decimals: 1,
        bounds: |low, _| 1.05 * low.min(-0.1)..0.0,
    },
];

/// The training curves of all seeds.
pub fn curves(result: &MazeResult) -> Curves {
    let seeds: Vec<_> = result.seeds.iter().map(SeedResult::training).collect();
    Curves::new(&seeds, MEASURES)
}

/// Writes `figure`, `trajectories` and `ended_at`, each as `.svg` and `.png`, into `dir`.
/// `options` are those of the maze that was trained on.
pub fn save(dir: &Path, result: &MazeResult, options: &Options) -> Result<(), plot::Error> {
    plot::save(&curves(result), dir, "figure")?;
    plot::save(&Trajectories::new(result, options), dir, "trajectories")?;
    plot::save(&EndedAt::new(result), dir, "ended_at")
}
