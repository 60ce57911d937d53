//! Figure 7: specialists that are launched from earlier and later generalists.

use super::{
    Ablation, Shown, Y_TITLE, Y_TITLE_RAW, at_shares, average, color, end, generalist, height,
};
use crate::{
    error::Result,
    experiments::{
        average::Spread,
        claim::{Claim, Verdict},
        curves::{self, Point},
        lines::{Lines, NamedLine},
        print::fixed,
    },
    gsl::{
        algorithm1::{Algorithm1, NewWeights},
        partition::evenly,
        side_by_side::side_by_side,
        snapshots::Start,
    },
    learn::agent::{Agent, Parameters},
    plot::MUTED,
    run::phase::{Context, Phase, unobserved},
};
use gslab_envs::rng::derive_seed;
use serde::Serialize;

/// When specialists are launched, as shares of the generalist's iterations: of its 6104 in the
/// full budget after 0, 244, 488, 977, 2014 and 4029. The paper's are not known but for 0 and that
/// 2000 is among the later ones.
const LAUNCHES: [f64; 6] = [0.0, 0.04, 0.08, 0.16, 0.33, 0.66];
/// Launches from here on count as late.
const LATE: f64 = 0.33;
/// Gains of late launches may differ by this and count as parallel: normalised returns, and
/// returns without a scale, where it is the ε of H for PushChair (Table 12).
const PARALLEL: (f64, f64) = (0.05, 50.0);

/// Specialists that were launched at the same time.
#[derive(Serialize)]
struct Launch {
    /// Iterations of the generalist before.
    iteration: u64,
    /// Normalised returns: means over the first and the last tenth of the curve.
    start: f64,
    end: f64,
}

pub fn run<A: Agent>(
    ablation: Ablation,
    context: &Context<'_>,
    new: NewWeights<'_, A>,
) -> Result<Shown> {
    let all = super::iterations::<A>(context.config);
    let at = at_shares(&LAUNCHES, all);
    let seeds = ablation.each_seed::<_, A>(context, new, |algorithm| {
        let (_, starts) = generalist(algorithm, &at)?;
        let launched = at.iter().zip(&starts).map(|(&n, start)| launch(algorithm, n, start));
        let launched = launched.collect::<Result<Vec<_>>>()?;
        Ok((curves::read(&algorithm.dir.join("generalist"), 0.0, 1.0)?, launched))
    })?;
    let (generalists, launched): (Vec<_>, Vec<_>) = seeds.into_iter().unzip();
    let lines: Vec<Vec<Spread>> = (0..at.len())
        .map(|i| average(&launched.iter().flat_map(|seed| seed[i].clone()).collect::<Vec<_>>()))
        .collect();
    let launches: Vec<Launch> = at
        .iter()
        .zip(&lines)
        .map(|(&iteration, line)| Launch {
            iteration,
            start: height(line, 0.0..=0.1),
            end: end(line),
        })
        .collect();
    let scaled = context.family.spec().return_range.is_some();
    let claims = claims(&launches, (LATE * all as f64).round() as u64, scaled);
    let specialists = context.config.gsl.specialists;
    let named = at.iter().zip(lines).enumerate().map(|(i, (n, points))| NamedLine {
        name: if *n == 0 { "from scratch".into() } else { format!("from iteration {n}") },
        color: color(i),
        dashed: false,
        // Ranges of many lines on top of each other say nothing.
        points: points.into_iter().map(|p| Spread { low: p.mean, high: p.mean, ..p }).collect(),
    });
    let whole = NamedLine {
        name: "generalist".into(),
        color: MUTED,
        dashed: true,
        points: average(&generalists),
    };
    let table = table(&launches);
    Ok(Shown {
        title: "When specialists are launched (Figure 7)",
        lead: format!(
            "{specialists} specialists share all variations and are cloned from the generalist after \
             some of its {all} iterations."
        ),
        lines: Lines {
            y_title: if scaled { Y_TITLE } else { Y_TITLE_RAW },
            lines: [whole].into_iter().chain(named).collect(),
            marks: Vec::new(),
        },
        lines_caption:
            "Mean over the specialists of a launch, each on its own variations. x begins \
                        with the samples of the generalist and counts those of all specialists."
                .into(),
        histograms: None,
        table,
        claims,
        result: serde_json::json!({ "launches": launches }),
    })
}

/// The curves of all specialists that begin after `iteration` iterations of the generalist.
fn launch<A: Agent>(
    algorithm: &Algorithm1<'_, A>,
    iteration: u64,
    start: &Start<A::Weights>,
) -> Result<Vec<Vec<Point>>> {
    let &Algorithm1 { context, dir, seed, .. } = algorithm;
    let config = context.config;
    let parts = config.gsl.specialists;
    // The same subsets at every launch.
    let subsets = evenly(&context.variations(), parts, derive_seed(seed, "partition"));
    let numbered: Vec<(usize, Vec<u32>)> = (1..).zip(subsets).collect();
    let taken = super::samples::<A>(config, iteration);
    let trained = side_by_side(&numbered, |(number, variations)| {
        let Start { weights, reward_scale } = start.clone();
        let phase = Phase::<A> {
            name: format!("{}specialist {number} from iteration {iteration}", algorithm.label),
            dir: dir.join(format!("from-{iteration:06}")).join(format!("specialist-{number}")),
            seed: derive_seed(seed, &format!("specialist {number} from {iteration}")),
            variations: variations.clone(),
            weights: weights.with_fresh_moments(),
            reward_scale,
            replay: None,
            learning: config.specialist_learning(),
            demonstrations: None,
            anneal: None,
            keep_best: false,
        };
        let iterations = A::schedule(&phase.learning).iterations(config.gsl.specialist_samples);
        phase.run(context, iterations, &mut unobserved)?;
        curves::read(&phase.dir, taken, parts as f64)
    });
    trained.into_iter().collect()
}

/// `scaled` says whether the returns are normalised.
fn claims(launches: &[Launch], late: u64, scaled: bool) -> Vec<Claim> {
    let (parallel, returns) = match scaled {
        true => (PARALLEL.0, "normalised return"),
        false => (PARALLEL.1, "return"),
    };
    let (early, late): (Vec<&Launch>, Vec<&Launch>) =
        launches.iter().partition(|launch| launch.iteration < late);
    let known = launches.iter().all(|launch| launch.start.is_finite() && launch.end.is_finite());
    let verdict = |seen: bool, judged: bool| match known && judged {
        true => Verdict::of(seen),
        false => Verdict::Open,
    };
    let ends = |launches: &[&Launch]| -> String {
        let ends = launches.iter().map(|l| format!("{} from {}", fixed(l.end), l.iteration));
        ends.collect::<Vec<_>>().join(", ")
    };
    let scratch = early.first().map_or(f64::NAN, |launch| launch.end);
    let gains: Vec<f64> = late.iter().map(|launch| launch.end - launch.start).collect();
    let spread = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - gains.iter().copied().fold(f64::INFINITY, f64::min);
    vec![
        Claim {
            title: "Too early",
            paper: "Specialists that begin before the generalist's plateau end lower.",
            place: "Section 6.2, Figure 7",
            measured: format!("{returns} at the end: early {}; late {}", ends(&early), ends(&late)),
            verdict: verdict(late.iter().all(|launch| launch.end > scratch), !late.is_empty()),
            detail: "Demanded: every launch from a third of the budget on ends above the one from \
                     scratch."
                .into(),
        },
        Claim {
            title: "Late enough",
            paper: "From some 2000 iterations on it makes no difference when.",
            place: "Section 6.2, Figure 7",
            measured: format!(
                "late launches gain {}",
                gains.iter().map(|gain| fixed(*gain)).collect::<Vec<_>>().join(", ")
            ),
            verdict: verdict(spread <= parallel, late.len() > 1),
            detail: format!("Demanded: gains within {parallel} of each other, in {returns}."),
        },
    ]
}

fn table(launches: &[Launch]) -> Vec<Vec<String>> {
    let header = ["from iteration", "start", "end", "gain"].map(str::to_owned).to_vec();
    let rows = launches.iter().map(|launch| {
        let &Launch { iteration, start, end } = launch;
        vec![iteration.to_string(), fixed(start), fixed(end), fixed(end - start)]
    });
    [header].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_launches_must_end_above_scratch_and_gain_the_same() {
        let launch = |iteration, start, end| Launch { iteration, start, end };
        let verdicts = |launches: &[Launch]| -> Vec<Verdict> {
            claims(launches, 33, true).iter().map(|claim| claim.verdict).collect()
        };
        let paper = [launch(0, 0.0, 0.3), launch(33, 0.5, 0.8), launch(66, 0.6, 0.88)];
        assert_eq!(verdicts(&paper), [Verdict::Pass, Verdict::Pass]);
        let other = [launch(0, 0.0, 0.9), launch(33, 0.5, 0.8), launch(66, 0.6, 0.7)];
        assert_eq!(verdicts(&other), [Verdict::Fail, Verdict::Fail]);
        let few = [launch(0, 0.0, 0.9), launch(33, f64::NAN, 0.8)];
        assert_eq!(verdicts(&few), [Verdict::Open, Verdict::Open]);
    }
}
