//! The figures of the maze experiment.

mod curves;
mod ended_at;
mod trajectories;

use super::result::{MazeResult, Snapshot};
use crate::plot;
use gslab_envs::maze::Options;
use std::path::Path;

pub use curves::Curves;
pub use ended_at::EndedAt;
pub use trajectories::Trajectories;

/// Titled states of the generalist, as the panels of the figures compare them.
const STAGES: [(&str, Stage); 3] = [
    ("at the plateau", |seed| &seed.at_plateau),
    ("continued, equal samples", |seed| &seed.baseline),
    ("after phase II", |seed| &seed.final_generalist),
];

type Stage = fn(&super::result::SeedResult) -> &Snapshot;

/// Writes `figure`, `trajectories` and `ended_at`, each as `.svg` and `.png`, into `dir`.
/// `options` are those of the maze that was trained on.
pub fn save(dir: &Path, result: &MazeResult, options: &Options) -> Result<(), plot::Error> {
    plot::save(&Curves::new(result), dir, "figure")?;
    plot::save(&Trajectories::new(result, options), dir, "trajectories")?;
    plot::save(&EndedAt::new(result), dir, "ended_at")
}
