//! The figure of the experiment: training curves (the last panel of Figure 4, with the mark of
//! Figure 9).

use super::result::PushChairResult;
use crate::{
    experiments::{
        curves::{Curves, Measure},
        trial::SeedResult,
    },
    plot,
};
use std::path::Path;

const MEASURES: &[Measure] = &[Measure {
    title: "return, last 100 episodes (thousands)",
    of: |p| p.recent / 1000.0,
    decimals: 2,
    bounds: |low, high| low - 0.05 * (high - low).max(0.1)..high + 0.05 * (high - low).max(0.1),
}];

/// The training curves of all seeds.
pub fn curves(result: &PushChairResult) -> Curves {
    let seeds: Vec<_> = result.seeds.iter().map(SeedResult::training).collect();
    Curves::new(&seeds, MEASURES)
}

/// Writes `figure.svg` and `figure.png` into `dir`.
pub fn save(dir: &Path, result: &PushChairResult) -> Result<(), plot::Error> {
    plot::save(&curves(result), dir, "figure")
}
