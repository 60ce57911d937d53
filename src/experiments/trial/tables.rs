//! Tables of trials.

use super::SeedResult;
use crate::{
    experiments::{
        html::table,
        print::{fixed, millions},
    },
    plot::number,
};

/// `mean ± standard deviation`.
pub fn spread((mean, std): (f64, f64)) -> String {
    match std {
        // Of one seed.
        0.0 => number(mean, 1),
        std => format!("{} \u{b1} {std:.1}", number(mean, 1)),
    }
}

/// What became of each seed, for a page.
pub fn seeds_table(seeds: &[SeedResult]) -> String {
    let header = [
        "Seed",
        "Plateau, iteration",
        "Samples in all",
        "At the plateau: training",
        "test",
        "Baseline: training",
        "test",
        "After phase II: training",
        "test",
    ];
    let rows: Vec<Vec<String>> = seeds
        .iter()
        .map(|seed| {
            let mut row = vec![
                seed.seed.to_string(),
                format!("{}{}", seed.plateau_iteration, mark(seed)),
                millions(seed.total_samples as f64),
            ];
            for scores in [&seed.at_plateau, &seed.baseline, &seed.final_generalist] {
                row.push(fixed(scores.training.mean_return()));
                row.push(fixed(scores.test.mean_return()));
            }
            row
        })
        .collect();
    let note = if seeds.iter().all(|seed| seed.plateau_detected) {
        ""
    } else {
        "<p>* H did not fire; the last allowed iteration was taken.</p>\n"
    };
    table(&header, &rows) + note
}

fn mark(seed: &SeedResult) -> &'static str {
    if seed.plateau_detected { "" } else { "*" }
}
