//! The figures of the experiment: training curves (Figures 4 and 10, with the mark of Figure 9) and
//! returns by level (Figure 8).

use super::result::ProcgenResult;
use crate::{
    experiments::{
        curves::{Curves, Measure},
        histograms::{Column, Histograms},
        trial::{Scores, SeedResult},
    },
    gsl::evaluate::Evaluation,
    plot::{self, BLUE, GREEN, ORANGE},
};
use plotters::style::RGBColor;
use std::path::Path;

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

type Stage = fn(&SeedResult) -> &Scores;
type Set = fn(&Scores) -> &Evaluation;

const STAGES: [(&str, Stage, RGBColor); 3] = [
    ("at the plateau", |seed| &seed.at_plateau, BLUE),
    ("continued, equal samples", |seed| &seed.baseline, ORANGE),
    ("after phase II", |seed| &seed.final_generalist, GREEN),
];
const SETS: [(&str, Set); 2] = [("training levels", |s| &s.training), ("test levels", |s| &s.test)];

pub const LEVELS_CAPTION: &str = "Share of levels by the normalised return of one episode with \
    sampled actions, over all seeds, as in Figure 8 of the paper. Specialists are for the levels \
    that stay on the left.";

/// Histograms of the normalised return of a level, one for each stage of the generalist and each
/// set of levels, over all seeds.
pub fn levels(result: &ProcgenResult) -> Histograms {
    let columns = STAGES.map(|(title, _, color)| Column { title: title.into(), color });
    Histograms::new(&SETS.map(|(name, _)| name), &columns, |row, column| {
        let seeds = result.seeds.iter();
        let scores = seeds.flat_map(|seed| &SETS[row].1(STAGES[column].1(seed)).scores);
        scores.map(|score| result.normalised(score.mean_return)).collect()
    })
}

/// Writes `figure` and `levels`, each as `.svg` and `.png`, into `dir`.
pub fn save(dir: &Path, result: &ProcgenResult) -> Result<(), plot::Error> {
    plot::save(&curves(result), dir, "figure")?;
    plot::save(&levels(result), dir, "levels")
}
