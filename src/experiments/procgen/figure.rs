//! The figures of the experiment: training curves (Figures 4 and 10, with the mark of Figure 9) and
//! returns by level (Figure 8).

mod levels;

use super::result::{ProcgenResult, SeedResult};
use crate::{
    experiments::curves::{Curves, Measure},
    plot,
};
use std::path::Path;

pub use levels::Levels;

const MEASURES: &[Measure] = &[Measure {
    title: "normalised return, last 100 episodes",
    of: |p| p.recent,
    decimals: 2,
    bounds: |low, high| 1.05 * low.min(0.0)..1.05 * high.max(0.05),
}];

/// The training curves of all seeds.
pub fn curves(result: &ProcgenResult) -> Curves {
    let seeds: Vec<_> = result.seeds.iter().map(SeedResult::training).collect();
    Curves::new(&seeds, MEASURES)
}

/// Writes `figure` and `levels`, each as `.svg` and `.png`, into `dir`.
pub fn save(dir: &Path, result: &ProcgenResult) -> Result<(), plot::Error> {
    plot::save(&curves(result), dir, "figure")?;
    plot::save(&Levels::new(result), dir, "levels")
}
