//! The report as one HTML page.

use super::specialist_mean;
use crate::{
    experiments::{
        claim::{Claim, Verdict},
        html::{self, command, table},
        maze::result::{Ignorance, MazeResult, SeedResult, Snapshot},
        print::{fixed, millions, range},
    },
    plot::number,
    run::config::Config,
};
use std::fmt::Write as _;

/// The page. `figures` are (svg, heading, caption).
pub fn page(
    result: &MazeResult,
    claims: &[Claim],
    figures: &[(String, &str, String)],
    config_toml: &str,
) -> String {
    let preset = Config::from_preset("maze", &[]).expect("a test holds that presets parse");
    let command = command("maze", &preset, &seeds(result), config_toml);
    html::page(
        "gslab: the brush maze",
        &[
            summary(result, claims),
            html::claims_table(claims),
            html::figures(figures),
            seeds_table(&result.seeds),
            ignorance_table(&result.seeds),
            phase2_table(&result.seeds),
            html::reproduction(&command, config_toml),
        ],
    )
}

/// The flags of the result's seeds.
fn seeds(result: &MazeResult) -> String {
    result.seeds.first().map_or(String::new(), |first| {
        format!(" --seed {} --seeds {}", first.seed, result.seeds.len())
    })
}

fn summary(result: &MazeResult, claims: &[Claim]) -> String {
    let count = |verdict| claims.iter().filter(|claim| claim.verdict == verdict).count();
    let over = |of: fn(&SeedResult) -> f64| -> Vec<f64> { result.seeds.iter().map(of).collect() };
    let seeds = match result.seeds.len() {
        1 => "one seed".to_owned(),
        n => format!("{n} seeds"),
    };
    format!(
        "<h1>Generalist-specialist learning in the brush maze</h1>\n\
         <p class=\"lead\">Section 4 and Figure 2 of the paper, with {seeds}. At the plateau the \
         generalist had a success rate of {plateau} over the five goals; its specialists reached \
         {specialists} on their own. Trained on with their demonstrations, the generalist reached \
         {last}; trained on without them, to the same {samples} samples in all, {baseline}. Of \
         the {n} claims below, {pass} were seen, {fail} were not, and {open} cannot be judged \
         from these results.</p>\n",
        plateau = range(&over(|s| s.at_plateau.sampled.success()), fixed),
        specialists = range(&over(specialist_mean), fixed),
        last = range(&over(|s| s.final_generalist.sampled.success()), fixed),
        baseline = range(&over(|s| s.baseline.sampled.success()), fixed),
        samples = range(&over(|s| s.total_samples as f64), millions),
        n = claims.len(),
        pass = count(Verdict::Pass),
        fail = count(Verdict::Fail),
        open = count(Verdict::Open),
    )
}

/// One row for each seed, and their mean if there are several.
fn rows_by_seed(
    seeds: &[SeedResult],
    of: impl Fn(&SeedResult) -> Vec<f64>,
    print: impl Fn(usize, f64) -> String,
) -> Vec<Vec<String>> {
    let values: Vec<Vec<f64>> = seeds.iter().map(of).collect();
    let row = |name: String, values: &[f64]| {
        let cells = values.iter().enumerate().map(|(column, &value)| print(column, value));
        std::iter::once(name).chain(cells).collect()
    };
    let mut rows: Vec<Vec<String>> = seeds
        .iter()
        .zip(&values)
        .map(|(seed, values)| row(seed.seed.to_string(), values))
        .collect();
    if let [first, _, ..] = &values[..] {
        let mean = |i: usize| values.iter().map(|v| v[i]).sum::<f64>() / values.len() as f64;
        let means: Vec<f64> = (0..first.len()).map(mean).collect();
        rows.push(row("mean".to_owned(), &means));
    }
    rows
}

fn seeds_table(seeds: &[SeedResult]) -> String {
    let header = [
        "Seed",
        "Plateau, iteration",
        "Samples in all",
        "At the plateau",
        "Specialists, mean",
        "Specialists, worst",
        "After phase II",
        "Baseline",
        "Cloned",
    ];
    let success = rows_by_seed(
        seeds,
        |seed| {
            vec![
                seed.plateau_iteration as f64,
                seed.total_samples as f64,
                seed.at_plateau.sampled.success(),
                specialist_mean(seed),
                seed.specialist_success.iter().copied().fold(f64::NAN, f64::min),
                seed.final_generalist.sampled.success(),
                seed.baseline.sampled.success(),
                seed.cloned.sampled.success(),
            ]
        },
        |column, value| match column {
            0 => number(value, 0),
            1 => millions(value),
            _ => fixed(value),
        },
    );
    let stages = |seed: &SeedResult, of: fn(&Snapshot) -> f64| {
        [&seed.at_plateau, &seed.final_generalist, &seed.baseline, &seed.cloned].map(of)
    };
    let more = rows_by_seed(
        seeds,
        |seed| {
            [stages(seed, |s| s.mean.success()), stages(seed, |s| s.sampled.mean_reward())].concat()
        },
        |column, value| if value.is_nan() || column < 4 { fixed(value) } else { number(value, 3) },
    );
    let mut undetected = String::new();
    for seed in seeds.iter().filter(|seed| !seed.plateau_detected) {
        let seed = seed.seed;
        let _ = writeln!(
            undetected,
            "<p>In seed {seed} H did not fire; the last allowed iteration was taken.</p>"
        );
    }
    format!(
        "<h2>Each seed</h2>\n{undetected}<h3>Success rate, sampled actions</h3>\n{}\
         <h3>Success rate of the policy's mean, and mean reward of a step with sampled \
         actions</h3>\n{}",
        table(&header, &success),
        table(
            &[
                "Seed",
                "Success at the plateau",
                "after phase II",
                "baseline",
                "cloned",
                "Reward at the plateau",
                "after phase II",
                "baseline",
                "cloned",
            ],
            &more
        )
    )
}

type Measure = (&'static str, fn(&Ignorance) -> f64);

const MEASURES: [Measure; 14] = [
    ("Information of goal and final place, bits (0 ignorant, 2.32 perfect)", |i| i.information),
    ("Sensitivity of the policy to the context: corridor", |i| i.sensitivity[0]),
    ("\u{2026} junction", |i| i.sensitivity[1]),
    ("\u{2026} mouths of the tines", |i| i.sensitivity[2]),
    ("Sensitivity of the value function: corridor", |i| i.value_sensitivity[0]),
    ("\u{2026} junction", |i| i.value_sensitivity[1]),
    ("\u{2026} mouths of the tines", |i| i.value_sensitivity[2]),
    ("Jacobian of the policy by the context, over its range", |i| i.jacobian_context),
    ("\u{2026} by the position, over its range", |i| i.jacobian_position),
    ("Norm of first-layer weights from the context", |i| i.weights_context),
    ("\u{2026} from the position", |i| i.weights_position),
    ("Share of moves in the spine that lead to the right tine", |i| i.agreement),
    ("Distance of final places that differ in the context alone", |i| i.counterfactual_distance),
    ("Cosine of policy gradients of different goals, junction", |i| i.gradient_cosine),
];

fn ignorance_table(seeds: &[SeedResult]) -> String {
    let stages: [fn(&SeedResult) -> &Snapshot; 4] =
        [|s| &s.at_plateau, |s| &s.baseline, |s| &s.final_generalist, |s| &s.cloned];
    let rows: Vec<Vec<String>> = MEASURES
        .iter()
        .map(|(name, measure)| {
            let cells = stages.iter().map(|of| {
                let values: Vec<f64> = seeds.iter().map(|s| measure(&of(s).ignorance)).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let (mean, range) = (fixed(mean), range(&values, fixed));
                if mean == range { mean } else { format!("{mean} ({range})") }
            });
            std::iter::once((*name).to_owned()).chain(cells).collect()
        })
        .collect();
    let what = if seeds.len() > 1 { "Mean over seeds, and range. " } else { "" };
    format!(
        "<h2>Does the policy look at the context?</h2>\n<p>{what}Sensitivity is the mean change \
         of the policy's mean action between two contexts, relative to the mean action.</p>\n{}",
        table(&["", "At the plateau", "Baseline", "After phase II", "Cloned"], &rows)
    )
}

fn phase2_table(seeds: &[SeedResult]) -> String {
    let ends = |values: &[f64]| {
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
    };
    let rows = rows_by_seed(
        seeds,
        |seed| [ends(&seed.demonstration_likelihood), ends(&seed.max_advantage)].concat(),
        |_, value| fixed(value),
    );
    let header = [
        "Seed",
        "Likelihood of demonstrations, first iteration",
        "middle",
        "last",
        "\u{c2}, first iteration",
        "middle",
        "last",
    ];
    format!(
        "<h2>Phase II</h2>\n<p>The likelihood \u{3c0}(a|s) of the specialists' demonstrations \
         should rise while the generalist merges them; \u{c2}, the largest advantage of an \
         iteration, weights them.</p>\n{}",
        table(&header, &rows)
    )
}
