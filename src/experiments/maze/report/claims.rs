//! What the paper says about the maze, and whether it was seen.

use crate::experiments::{
    claim::{Claim, Verdict, is_most},
    maze::result::{MazeResult, SeedResult},
    print::{fixed, percent, range},
};
use gslab_envs::maze::GOALS;

/// Seeds of the paper's experiment.
const PAPER_SEEDS: usize = 5;
/// The goal straight ahead, where a policy that ignores the context ends.
const MIDDLE: usize = GOALS / 2;
/// The paper's claims, judged. Success rates are those of sampled actions.
pub fn claims(result: &MazeResult) -> Vec<Claim> {
    let seeds = &result.seeds[..];
    let mut claims = vec![
        plateau(seeds),
        ignorance(seeds),
        specialists(seeds),
        phase2(seeds),
        baseline(seeds),
        sensitivity(seeds),
        cloning(seeds),
        consistency(seeds),
    ];
    if seeds.is_empty() {
        for claim in &mut claims {
            (claim.verdict, claim.measured) = (Verdict::Open, "no seeds".to_owned());
        }
    }
    claims
}

fn plateau(seeds: &[SeedResult]) -> Claim {
    let shares: Vec<f64> = seeds.iter().map(plateau_share).collect();
    let detected = seeds.iter().filter(|seed| seed.plateau_detected).count();
    let inside = shares.iter().all(|share| (0.15..=0.85).contains(share));
    Claim {
        title: "Plateau",
        paper: "The generalist's performance plateaus; the criterion H, applied between 15 % and \
                85 % of the budget, finds where.",
        place: "Sections 4 and 5.2, Figure 2, Appendix B",
        measured: format!(
            "H fired in {detected} of {} seeds, at {} of the generalist's budget",
            seeds.len(),
            range(&shares, percent)
        ),
        verdict: Verdict::of(detected == seeds.len() && inside),
        detail: format!(
            "Demanded: H fires in every seed, between 15 % and 85 %. {}",
            by_seed(seeds, |seed| {
                let how = if seed.plateau_detected { "" } else { " (H did not fire)" };
                format!("iteration {}{how}", seed.plateau_iteration)
            })
        ),
    }
}

/// Where in its budget the generalist was taken, in 0 to 1. Its curve is as long as the budget.
fn plateau_share(seed: &SeedResult) -> f64 {
    seed.plateau_iteration as f64 / seed.budget_iterations as f64
}

fn ignorance(seeds: &[SeedResult]) -> Claim {
    let successes: Vec<f64> = seeds.iter().map(|s| s.at_plateau.sampled.success()).collect();
    let pooled: Vec<f64> = (0..GOALS).map(|goal| at_middle(seeds, goal)).collect();
    Claim {
        title: "Catastrophic ignorance",
        paper: "At the plateau the generalist ignores the context: it ends at the middle goal \
                whatever the context is.",
        place: "Section 4",
        measured: format!(
            "success {}; of each goal's episodes {} ended at the middle goal",
            range(&successes, fixed),
            range(&pooled, percent)
        ),
        verdict: Verdict::of(mean(&successes) <= 0.35 && pooled.iter().all(|&share| share >= 0.8)),
        detail: format!(
            "Demanded: mean success at most 0.35, and for every goal, over all seeds, at least \
             80 % of the episodes at the middle goal. {}",
            by_seed(seeds, |seed| {
                let shares: Vec<f64> =
                    (0..GOALS).map(|goal| at_middle(std::slice::from_ref(seed), goal)).collect();
                let success = fixed(seed.at_plateau.sampled.success());
                format!("success {success}, at the middle goal {}", range(&shares, percent))
            })
        ),
    }
}

/// Share of a goal's episodes at the plateau that ended at the middle goal.
fn at_middle(seeds: &[SeedResult], goal: usize) -> f64 {
    let count = |place: Option<usize>| {
        let rows = seeds.iter().map(|seed| &seed.at_plateau.ended_at[goal]);
        let cells = rows.flat_map(|row| row.iter().enumerate());
        let counted = cells.filter(|(at, _)| place.is_none_or(|place| place == *at));
        counted.map(|(_, &episodes)| f64::from(episodes)).sum::<f64>()
    };
    count(Some(MIDDLE)) / count(None)
}

fn specialists(seeds: &[SeedResult]) -> Claim {
    let all: Vec<f64> = seeds.iter().flat_map(|s| s.specialist_success.iter().copied()).collect();
    let good = all.iter().filter(|&&success| success >= 0.9).count();
    Claim {
        title: "Specialists",
        paper: "Specialists that start from the plateau quickly solve their own goal, although \
                they need not understand the context.",
        place: "Section 4, Figure 2",
        measured: format!(
            "{good} of {} specialists reach 0.9 on their own goal; {}",
            all.len(),
            range(&all, fixed)
        ),
        verdict: Verdict::of(!all.is_empty() && good == all.len()),
        detail: format!(
            "Demanded: success of at least 0.9 for every specialist of every seed. {}",
            by_seed(seeds, |seed| {
                let successes: Vec<_> =
                    seed.specialist_success.iter().copied().map(fixed).collect();
                successes.join(", ")
            })
        ),
    }
}

fn phase2(seeds: &[SeedResult]) -> Claim {
    let successes: Vec<f64> = seeds.iter().map(|s| s.final_generalist.sampled.success()).collect();
    let good = successes.iter().filter(|&&success| success >= 0.95).count();
    Claim {
        title: "Phase II",
        paper: "With the specialists' demonstrations (DAPG) the generalist quickly learns to use \
                the context and solves every goal.",
        place: "Section 4, Figure 2",
        measured: format!(
            "success over all goals {}; at least 0.95 in {good} of {} seeds",
            range(&successes, fixed),
            seeds.len()
        ),
        verdict: Verdict::of(is_most(good, seeds.len())),
        detail: format!(
            "Demanded: success of at least 0.95 in 80 % of the seeds. {}",
            by_seed(seeds, |seed| fixed(seed.final_generalist.sampled.success()))
        ),
    }
}

fn baseline(seeds: &[SeedResult]) -> Claim {
    let gains: Vec<f64> = seeds.iter().map(gain).collect();
    let good = gains.iter().filter(|&&gain| gain >= 0.2).count();
    Claim {
        title: "Baseline",
        paper: "The generalist that just goes on training stays far below, for the same number \
                of samples in all.",
        place: "Figure 2, dashed curve",
        measured: format!(
            "phase II is ahead by {}; by at least 0.2 in {good} of {} seeds",
            range(&gains, fixed),
            seeds.len()
        ),
        verdict: Verdict::of(is_most(good, seeds.len())),
        detail: format!(
            "Demanded: a success rate higher by at least 0.2 in 80 % of the seeds. {}",
            by_seed(seeds, |seed| {
                let success = [&seed.baseline, &seed.final_generalist].map(|s| s.sampled.success());
                format!("{} against {}", fixed(success[0]), fixed(success[1]))
            })
        ),
    }
}

fn gain(seed: &SeedResult) -> f64 {
    seed.final_generalist.sampled.success() - seed.baseline.sampled.success()
}

fn sensitivity(seeds: &[SeedResult]) -> Claim {
    let at_junction = |seed: &SeedResult| {
        [&seed.at_plateau, &seed.final_generalist].map(|s| s.ignorance.sensitivity[1])
    };
    let (before, after): (Vec<f64>, Vec<f64>) =
        seeds.iter().map(|seed| at_junction(seed).into()).unzip();
    let good = seeds.iter().map(at_junction).filter(|[b, a]| *b < 0.1 && *a >= 1.0).count();
    Claim {
        title: "Use of the context",
        paper: "The context does not matter in the corridor, so the policy learns not to look at \
                it; after phase II it does.",
        place: "Section 4 (no numbers there; the measure is gslab's)",
        measured: format!(
            "sensitivity to the context at the junction: {} at the plateau, {} after phase II",
            range(&before, fixed),
            range(&after, fixed)
        ),
        verdict: Verdict::of(is_most(good, seeds.len())),
        detail: format!(
            "Demanded: below 0.1 before and at least 1 after, in 80 % of the seeds. {}",
            by_seed(seeds, |seed| {
                let [before, after] = at_junction(seed);
                format!("{} to {}", fixed(before), fixed(after))
            })
        ),
    }
}

fn cloning(seeds: &[SeedResult]) -> Claim {
    let cloned: Vec<f64> = seeds.iter().map(|s| s.cloned.sampled.success()).collect();
    let tuned: Vec<f64> = seeds.iter().map(|s| s.final_generalist.sampled.success()).collect();
    Claim {
        title: "Behaviour cloning",
        paper: "Merging the specialists by behaviour cloning is worse than by DAPG.",
        place: "Table 3, for BigFish; the maze was not tried",
        measured: format!(
            "success {} by cloning, {} by DAPG (means)",
            fixed(mean(&cloned)),
            fixed(mean(&tuned))
        ),
        verdict: Verdict::of(mean(&cloned) <= mean(&tuned)),
        detail: format!(
            "Demanded: the mean over seeds is not higher by cloning. {}",
            by_seed(seeds, |seed| {
                let success = [&seed.cloned, &seed.final_generalist].map(|s| s.sampled.success());
                format!("{} against {}", fixed(success[0]), fixed(success[1]))
            })
        ),
    }
}

fn consistency(seeds: &[SeedResult]) -> Claim {
    let enough = seeds.len() >= PAPER_SEEDS;
    let good = seeds.iter().filter(|seed| gain(seed) > 0.0).count();
    Claim {
        title: "Number of seeds",
        paper: "The phenomenon is consistent over 5 runs.",
        place: "Section 4",
        measured: match seeds.len() {
            1 => "1 seed".to_owned(),
            n => format!("{n} seeds, phase II ahead of the baseline in {good}"),
        },
        verdict: match (enough, is_most(good, seeds.len())) {
            (false, _) => Verdict::Open,
            (true, good) => Verdict::of(good),
        },
        detail: if enough {
            "Demanded: at least 5 seeds, phase II ahead in 80 % of them.".to_owned()
        } else {
            format!("{} is below the paper's number of seeds, 5.", seeds.len())
        },
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `Seed 0: …; seed 1: ….`
fn by_seed(seeds: &[SeedResult], of: impl Fn(&SeedResult) -> String) -> String {
    let parts: Vec<String> =
        seeds.iter().map(|seed| format!("seed {}: {}", seed.seed, of(seed))).collect();
    match parts.join("; ") {
        text if text.is_empty() => text,
        text => format!("S{}.", &text[1..]),
    }
}
