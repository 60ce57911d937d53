//! Figure 8: the returns of every level as the generalist trains.

use super::{Ablation, Shown, Y_TITLE, at_shares, average, color, generalist};
use crate::{
    error::Result,
    experiments::{
        claim::{Claim, Verdict},
        curves,
        histograms::{Column, Histograms},
        lines::{Lines, Mark, NamedLine},
        print::{fixed, percent},
    },
    gsl::{
        algorithm1::{Algorithm1, NewWeights},
        evaluate::{Evaluation, evaluate},
        snapshots::Start,
    },
    learn::agent::Agent,
    plot::{BLUE, MUTED},
    run::{
        file::{load, store},
        phase::Context,
    },
};
use gslab_envs::rng::derive_seed;
use serde::Serialize;

/// When levels are measured, as shares of the generalist's iterations. The paper shows four
/// times, and not which.
const LOOKS: [f64; 4] = [0.125, 0.25, 0.5, 1.0];
/// Normalised returns that count as near zero and near the best.
const LOW: f64 = 0.25;
const HIGH: f64 = 0.75;

/// The levels at one time.
#[derive(Serialize)]
struct Look {
    iteration: u64,
    /// Of the normalised return, over all levels and seeds.
    mean: f64,
    /// Shares of levels with a low, a middle and a high normalised return.
    low: f64,
    middle: f64,
    high: f64,
}

pub fn run<A: Agent>(
    ablation: Ablation,
    context: &Context<'_>,
    new: NewWeights<'_, A>,
) -> Result<Shown> {
    let all = super::iterations::<A>(context.config);
    let at: Vec<u64> = at_shares(&LOOKS, all).into_iter().filter(|&n| n > 0).collect();
    let seeds = ablation.each_seed::<_, A>(context, new, |algorithm| {
        let (_, starts) = generalist(algorithm, &at)?;
        let looks = at.iter().zip(&starts).map(|(&n, start)| measure(algorithm, n, start));
        let looks = looks.collect::<Result<Vec<_>>>()?;
        Ok((curves::read(&algorithm.dir.join("generalist"), 0.0, 1.0)?, looks))
    })?;
    let (generalists, measured): (Vec<_>, Vec<_>) = seeds.into_iter().unzip();
    let spec = context.family.spec();
    let returns = |look: usize| -> Vec<f64> {
        let scores = measured.iter().flat_map(|seed: &Vec<Evaluation>| &seed[look].scores);
        scores.map(|score| spec.normalised(score.mean_return)).collect()
    };
    let looks: Vec<Look> =
        at.iter().enumerate().map(|(i, &iteration)| look(iteration, &returns(i))).collect();
    let columns: Vec<Column> = at
        .iter()
        .enumerate()
        .map(|(i, n)| Column { title: format!("iteration {n}"), color: color(i) })
        .collect();
    let histograms = Histograms::new(&["share of levels"], &columns, |_, look| returns(look));
    let millions = |iteration: u64| super::samples::<A>(context.config, iteration) / 1e6;
    let mark = |n: &u64| Mark { name: n.to_string(), color: MUTED, x: millions(*n) };
    let episodes = context.config.evaluation.episodes;
    Ok(Shown {
        title: "Returns by level (Figure 8)",
        lead: format!(
            "The generalist trains for {all} iterations; after {} of them every level is played \
             {episodes} times.",
            at.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ),
        lines: Lines {
            y_title: Y_TITLE,
            lines: vec![NamedLine {
                name: "generalist".into(),
                color: BLUE,
                dashed: false,
                points: average(&generalists),
            }],
            marks: at.iter().map(mark).collect(),
        },
        lines_caption: "The generalist; marks are the iterations at which levels were measured."
            .into(),
        histograms: Some((
            histograms,
            format!(
                "Share of levels by the normalised return of {episodes} episodes, over all seeds."
            ),
        )),
        table: table(&looks),
        claims: vec![claim(&looks)],
        result: serde_json::json!({ "looks": looks, "evaluations": measured }),
    })
}

/// Every level's returns, played once and then read.
fn measure<A: Agent>(
    algorithm: &Algorithm1<'_, A>,
    iteration: u64,
    start: &Start<A::Weights>,
) -> Result<Evaluation> {
    let path = algorithm.dir.join(format!("levels-{iteration:06}.bin"));
    if path.exists() {
        return Ok(load(&path)?);
    }
    let context = algorithm.context;
    let settings = &context.config.evaluation;
    let evaluation = evaluate(
        context.family,
        &mut context.agent::<A>(start.weights.clone()),
        &context.variations(),
        settings.episodes,
        settings.acting,
        derive_seed(algorithm.seed, &format!("levels {iteration}")),
    );
    store(&path, &evaluation)?;
    Ok(evaluation)
}

fn look(iteration: u64, returns: &[f64]) -> Look {
    let share = |of: &dyn Fn(f64) -> bool| {
        returns.iter().filter(|r| of(**r)).count() as f64 / returns.len() as f64
    };
    Look {
        iteration,
        mean: returns.iter().sum::<f64>() / returns.len() as f64,
        low: share(&|r| r < LOW),
        middle: share(&|r| (LOW..=HIGH).contains(&r)),
        high: share(&|r| r > HIGH),
    }
}

fn claim(looks: &[Look]) -> Claim {
    let last = &looks[looks.len() - 1];
    Claim {
        title: "Two kinds",
        paper: "Returns by level come to have two peaks: most levels near the best, a minority \
                that stays near zero.",
        place: "Section 6.2, Figure 8",
        measured: format!(
            "at the end {} of the levels are below {LOW}, {} between, {} above {HIGH}",
            percent(last.low),
            percent(last.middle),
            percent(last.high)
        ),
        verdict: Verdict::of(last.high > last.middle && last.low > 0.0 && last.low < last.high),
        detail: "Demanded: more levels high than between, and some, but fewer, low.".into(),
    }
}

fn table(looks: &[Look]) -> Vec<Vec<String>> {
    let header = ["iteration", "mean", "low", "between", "high"].map(str::to_owned).to_vec();
    let rows = looks.iter().map(|look| {
        let shares = [look.low, look.middle, look.high].map(percent);
        [vec![look.iteration.to_string(), fixed(look.mean)], shares.to_vec()].concat()
    });
    [header].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_peaks_are_told_from_one() {
        let verdict = |returns: &[f64]| claim(&[look(1, returns)]).verdict;
        assert_eq!(verdict(&[0.0, 0.1, 0.9, 0.95, 1.0, 0.8, 0.5]), Verdict::Pass);
        assert_eq!(verdict(&[0.0, 0.1, 0.0, 0.05, 0.9]), Verdict::Fail);
        assert_eq!(verdict(&[0.5, 0.4, 0.6, 0.9, 0.1]), Verdict::Fail);
    }
}
