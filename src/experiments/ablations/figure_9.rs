//! Figure 9: where the criterion H sees the plateau of a generalist.

use super::{Ablation, Shown, Y_TITLE, average, color, generalist};
use crate::{
    error::Result,
    experiments::{
        claim::{Claim, Verdict, is_most},
        curves,
        lines::{Lines, Mark, NamedLine},
        print::{fixed, percent, range},
    },
    gsl::{
        algorithm1::NewWeights,
        plateau::{self, first_plateau, smooth},
    },
    learn::agent::Agent,
    run::phase::Context,
};
use serde::Serialize;

/// The share of its final score that the smoothed curve must have at H.
const MOST: f64 = 0.8;

/// Where H fired for one seed.
#[derive(Serialize)]
struct Fired {
    seed: u64,
    /// Iterations up to the plateau, if H fired.
    iteration: Option<u64>,
    /// Smoothed score there and at the end.
    score: f64,
    last: f64,
}

pub fn run<A: Agent>(
    ablation: Ablation,
    context: &Context<'_>,
    new: NewWeights<'_, A>,
) -> Result<Shown> {
    let config = context.config;
    let budget = super::iterations::<A>(config);
    let seeds = ablation.each_seed::<_, A>(context, new, |algorithm| {
        let (checkpoint, _) = generalist(algorithm, &[])?;
        let curve = curves::read(&algorithm.dir.join("generalist"), 0.0, 1.0)?;
        let gsl = &config.gsl;
        let smoothed = smooth(&checkpoint.curve, gsl.kernel, gsl.kernel_meaning);
        let fired = match first_plateau(&checkpoint.curve, budget as usize, gsl) {
            plateau::Verdict::At(t) => Some(t),
            _ => None,
        };
        let fired = Fired {
            seed: algorithm.seed,
            iteration: fired.map(|t| t as u64 + 1),
            score: fired.map_or(f64::NAN, |t| smoothed[t]),
            last: smoothed.last().copied().unwrap_or(f64::NAN),
        };
        Ok((fired, curve))
    })?;
    let (fired, curves): (Vec<Fired>, Vec<_>) = seeds.into_iter().unzip();
    let lines = curves.into_iter().zip(&fired).enumerate().map(|(i, (curve, fired))| NamedLine {
        name: format!("seed {}", fired.seed),
        color: color(i),
        dashed: false,
        points: average(&[curve]),
    });
    let marks = fired.iter().enumerate().filter_map(|(i, fired)| {
        let x = super::samples::<A>(config, fired.iteration?) / 1e6;
        Some(Mark { name: "H".into(), color: color(i), x })
    });
    Ok(Shown {
        title: "Where H fires (Figure 9)",
        lead: format!(
            "Generalists train for {budget} iterations; H is the first at which nothing in the \
             next {} is better by more than {}.",
            config.gsl.window, config.gsl.epsilon
        ),
        lines: Lines { y_title: Y_TITLE, lines: lines.collect(), marks: marks.collect() },
        lines_caption: "One line for each seed, and where H fires on it.".into(),
        histograms: None,
        table: table(&fired, budget),
        claims: vec![claim(&fired, budget)],
        result: serde_json::json!({ "iterations": budget, "fired": fired }),
    })
}

fn claim(fired: &[Fired], budget: u64) -> Claim {
    let share = |f: &Fired| f.iteration.map_or(f64::NAN, |n| n as f64 / budget as f64);
    let shares: Vec<f64> = fired.iter().map(share).collect();
    let good = fired.iter().filter(|f| f.score >= MOST * f.last).count();
    Claim {
        title: "After the climb",
        paper: "H fires after the steep part of the curve and before its end.",
        place: "Section 6.3, Figure 9",
        measured: format!(
            "H fired in {} of {} seeds, at {} of the budget, where {good} had at least {} of the \
             final score",
            fired.iter().filter(|f| f.iteration.is_some()).count(),
            fired.len(),
            range(&shares, percent),
            percent(MOST)
        ),
        verdict: Verdict::of(is_most(good, fired.len())),
        detail: format!(
            "Demanded: fired with {} of the final score, in 80 % of the seeds.",
            percent(MOST)
        ),
    }
}

fn table(fired: &[Fired], budget: u64) -> Vec<Vec<String>> {
    let header =
        ["seed", "H at iteration", "of", "score there", "at the end"].map(str::to_owned).to_vec();
    let rows = fired.iter().map(|f| {
        let at = f.iteration.map_or("\u{2013}".into(), |n| n.to_string());
        vec![f.seed.to_string(), at, budget.to_string(), fixed(f.score), fixed(f.last)]
    });
    [header].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h_on_the_climb_is_not_what_the_paper_shows() {
        let at = |iteration, score| Fired { seed: 0, iteration, score, last: 0.5 };
        let verdict = |fired: &[Fired]| claim(fired, 100).verdict;
        assert_eq!(verdict(&[at(Some(40), 0.45)]), Verdict::Pass);
        assert_eq!(verdict(&[at(Some(20), 0.1)]), Verdict::Fail);
        assert_eq!(verdict(&[at(None, f64::NAN)]), Verdict::Fail);
    }
}
