//! What the paper says wherever it sets GSL against its generalist.

use super::SeedResult;
use crate::{
    experiments::{
        claim::{Claim, Verdict, is_most},
        print::{fixed, percent, range},
    },
    gsl::evaluate::Evaluation,
};

/// The generalist stops getting better.
pub fn plateau(seeds: &[SeedResult]) -> Claim {
    let detected = seeds.iter().filter(|seed| seed.plateau_detected).count();
    let share = |s: &SeedResult| s.plateau_iteration as f64 / s.budget_iterations as f64;
    let shares: Vec<f64> = seeds.iter().map(share).collect();
    Claim {
        title: "Plateau",
        paper: "The generalist's performance plateaus, and the criterion H finds where.",
        place: "Section 6.3, Figure 9",
        measured: format!(
            "H fired in {detected} of {} seeds; the generalist was taken at {} of its budget",
            seeds.len(),
            range(&shares, percent)
        ),
        verdict: Verdict::of(detected == seeds.len()),
        detail: "Demanded: H fires in every seed.".into(),
    }
}

/// With the same samples GSL ends above its generalist, by the raw return of an evaluation: `of`
/// gives that of GSL, if told so, or the baseline's.
pub fn ahead(
    seeds: &[SeedResult],
    title: &'static str,
    place: &'static str,
    of: fn(&SeedResult, bool) -> &Evaluation,
) -> Claim {
    let gains: Vec<f64> =
        seeds.iter().map(|s| of(s, true).mean_return() - of(s, false).mean_return()).collect();
    let good = gains.iter().filter(|gain| **gain > 0.0).count();
    Claim {
        title,
        paper: "With the same samples in all, GSL ends above the generalist that just goes on.",
        place,
        measured: format!(
            "GSL is ahead by {} in raw return; ahead in {good} of {} seeds",
            range(&gains, fixed),
            seeds.len()
        ),
        verdict: Verdict::of(is_most(good, seeds.len())),
        detail: "Demanded: ahead in 80 % of the seeds.".into(),
    }
}
