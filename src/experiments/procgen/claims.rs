//! What the paper says about Procgen, and whether it was seen.

use super::result::ProcgenResult;
use crate::experiments::{
    claim::{Claim, Verdict, is_most},
    print::{fixed, range},
    trial::{
        SeedResult,
        claims::{ahead, plateau},
    },
};

/// The paper's claims, judged.
pub fn claims(result: &ProcgenResult) -> Vec<Claim> {
    let seeds = &result.seeds[..];
    let mut claims = vec![
        plateau(seeds),
        low_levels(result),
        ahead(seeds, "Training levels", "Table 1, training", |s, final_| match final_ {
            true => &s.final_generalist.training,
            false => &s.baseline.training,
        }),
        ahead(seeds, "Test levels", "Table 1, test", |s, final_| match final_ {
            true => &s.final_generalist.test,
            false => &s.baseline.test,
        }),
        budget(result),
    ];
    if seeds.iter().any(|seed| seed.cloned.is_some()) {
        claims.push(cloning(seeds));
    }
    claims
}

fn cloning(seeds: &[SeedResult]) -> Claim {
    let gains: Vec<f64> = seeds
        .iter()
        .filter_map(|s| {
            let cloned = s.cloned.as_ref()?;
            Some(s.final_generalist.test.mean_return() - cloned.test.mean_return())
        })
        .collect();
    let good = gains.iter().filter(|gain| **gain > 0.0).count();
    Claim {
        title: "Behaviour cloning",
        paper: "Merging by behaviour cloning is worse than by DAPG.",
        place: "Table 3",
        measured: format!(
            "on test levels DAPG is ahead of cloning by {} in raw return; ahead in {good} of {} \
             seeds",
            range(&gains, fixed),
            gains.len()
        ),
        verdict: Verdict::of(is_most(good, gains.len())),
        detail: "Demanded: ahead in 80 % of the seeds.".into(),
    }
}

fn low_levels(result: &ProcgenResult) -> Claim {
    // Means of the normalised return at the plateau of the levels that specialists took and of
    // all others.
    let of = |seed: &SeedResult, low: bool| {
        let scores = &seed.at_plateau.training.scores;
        let mine = scores.iter().filter(|s| seed.low_levels.contains(&s.variation) == low);
        let returns: Vec<f64> = mine.map(|s| result.normalised(s.mean_return)).collect();
        returns.iter().sum::<f64>() / returns.len() as f64
    };
    let seeds = &result.seeds;
    let low: Vec<f64> = seeds.iter().map(|s| of(s, true)).collect();
    let rest: Vec<f64> = seeds.iter().map(|s| of(s, false)).collect();
    let known = rest.iter().all(|r| r.is_finite()) && low.iter().all(|l| l.is_finite());
    let lower = low.iter().zip(&rest).filter(|(low, rest)| low < rest).count();
    Claim {
        title: "Low levels",
        paper: "At the plateau a minority of the levels stays far behind the others.",
        place: "Section 6.2, Figure 8",
        measured: format!(
            "in new episodes at the plateau the normalised return is {} on the levels of the \
             specialists and {} on the others",
            range(&low, fixed),
            range(&rest, fixed)
        ),
        verdict: match known {
            false => Verdict::Open,
            true => Verdict::of(is_most(lower, seeds.len())),
        },
        detail: "Demanded: lower on the specialists' levels, in 80 % of the seeds. Where every \
                 level has a specialist it cannot be judged."
            .into(),
    }
}

fn budget(result: &ProcgenResult) -> Claim {
    let full = result.scale == 1.0 && result.seeds.len() >= 5;
    Claim {
        title: "Budget",
        paper: "100 M samples, 1024 levels, 5 runs.",
        place: "Tables 1, 6 and 8",
        measured: format!(
            "the paper's budgets times {}: {} samples, {} levels, {} seeds",
            result.scale,
            range(
                &result.seeds.iter().map(|s| s.total_samples as f64).collect::<Vec<_>>(),
                |samples| format!("{:.3} M", samples / 1e6)
            ),
            result.training_levels,
            result.seeds.len()
        ),
        verdict: if full { Verdict::Pass } else { Verdict::Open },
        detail: "Numbers can be laid beside the paper's only at the full budget.".into(),
    }
}
