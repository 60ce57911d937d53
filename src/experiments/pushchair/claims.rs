//! What the paper says about PushChair, and whether it was seen.

use super::result::PushChairResult;
use crate::experiments::{
    claim::{Claim, Verdict, is_most},
    print::{fixed, millions, range},
    trial::{
        SeedResult,
        claims::{ahead, plateau},
    },
};

/// The paper's claims, judged.
pub fn claims(result: &PushChairResult) -> Vec<Claim> {
    let seeds = &result.seeds[..];
    vec![
        plateau(seeds),
        specialists(seeds),
        ahead(seeds, "Chairs of training", "Table 2", |s, final_| match final_ {
            true => &s.final_generalist.training,
            false => &s.baseline.training,
        }),
        oracle(result),
        budget(result),
    ]
}

fn specialists(seeds: &[SeedResult]) -> Claim {
    let last = |curve: &[crate::experiments::curves::Point]| curve.last().map(|p| p.recent);
    let gains: Vec<f64> = seeds
        .iter()
        .filter_map(|s| {
            let ends: Vec<f64> = s.specialists.iter().filter_map(|curve| last(curve)).collect();
            let before = s.generalist.get(s.plateau_iteration.saturating_sub(1) as usize)?.recent;
            (!ends.is_empty()).then(|| ends.iter().sum::<f64>() / ends.len() as f64 - before)
        })
        .collect();
    let good = gains.iter().filter(|gain| **gain > 0.0).count();
    Claim {
        title: "Specialists",
        paper: "Specialists climb above the generalist that they were cloned from.",
        place: "Figure 4",
        measured: format!(
            "the last 100 episodes of the specialists are ahead of the generalist's at the \
             plateau by {}; ahead in {good} of {} seeds",
            range(&gains, fixed),
            seeds.len()
        ),
        verdict: match gains.is_empty() {
            true => Verdict::Open,
            false => Verdict::of(is_most(good, seeds.len())),
        },
        detail: "Demanded: ahead in 80 % of the seeds.".into(),
    }
}

/// Not the paper's, but what its return can be laid beside.
fn oracle(result: &PushChairResult) -> Claim {
    let pusher = &result.yardstick.pusher.training;
    let solved: Vec<f64> = pusher.scores.iter().map(|score| score.ever_solved).collect();
    let worst = solved.iter().copied().fold(f64::INFINITY, f64::min);
    Claim {
        title: "Task",
        paper: "The task can be solved with every chair.",
        place: "pushchair.md §6",
        measured: format!(
            "a scripted pusher solves {} of the episodes, by chair; its return is {}",
            range(&solved, fixed),
            fixed(pusher.mean_return())
        ),
        verdict: Verdict::of(worst > 0.5),
        detail: "Demanded: more than half of the episodes with every chair.".into(),
    }
}

fn budget(result: &PushChairResult) -> Claim {
    let full = result.scale == 1.0 && result.seeds.len() >= 3;
    let samples: Vec<f64> = result.seeds.iter().map(|s| s.total_samples as f64).collect();
    Claim {
        title: "Budget",
        paper: "20 M samples, 8 chairs, 3 runs.",
        place: "Tables 2, 11 and 12",
        measured: format!(
            "the paper's budgets times {}: {} samples, {} chairs, {} seeds",
            result.scale,
            range(&samples, millions),
            result.chairs.len(),
            result.seeds.len()
        ),
        verdict: if full { Verdict::Pass } else { Verdict::Open },
        detail: "Physics and chairs are others than the paper's: returns can be laid beside its \
                 own only in kind."
            .into(),
    }
}
