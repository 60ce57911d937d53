//! The report as one HTML page.

use super::{Claim, Verdict, fixed, millions, range, specialist_mean};
use crate::{
    experiments::maze::result::{Ignorance, MazeResult, SeedResult, Snapshot},
    plot::number,
    run::config::Config,
};
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");

/// The page. `figures` are (svg, heading, caption).
pub fn page(
    result: &MazeResult,
    claims: &[Claim],
    figures: &[(String, &str, String)],
    config_toml: &str,
) -> String {
    let mut body = String::new();
    body.push_str(&summary(result, claims));
    body.push_str(&claims_table(claims));
    for (svg, heading, caption) in figures {
        let (heading, caption) = (escape(heading), escape(caption));
        body.push_str(&format!(
            "<h2>{heading}</h2>\n<figure role=\"img\" aria-label=\"{heading}\">\n{}\n\
             <figcaption>{caption}</figcaption></figure>\n",
            scalable(svg)
        ));
    }
    body.push_str(&seeds_table(&result.seeds));
    body.push_str(&ignorance_table(&result.seeds));
    body.push_str(&phase2_table(&result.seeds));
    let command = command(result, config_toml);
    body.push_str(&format!(
        "<h2>How to reproduce</h2>\n<pre>{}</pre>\n\
         <p>A run that was interrupted and resumed leaves the same files, this page \
         included.</p>\n\
         <h2>Configuration</h2>\n<pre>{}</pre>\n",
        escape(&command),
        escape(config_toml.trim_end())
    ));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>gslab: the brush maze</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         {body}</main>\n</body>\n</html>\n"
    )
}

/// Text for HTML, also within double quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An SVG whose size the page decides: without its own, it keeps the shape of its view box.
fn scalable(svg: &str) -> String {
    let Some(end) = svg.find('>') else { return svg.to_owned() };
    let view_box = svg[..end].split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next());
    match view_box {
        Some(view_box) => format!(
            "<svg viewBox=\"{view_box}\" xmlns=\"http://www.w3.org/2000/svg\"{}",
            &svg[end..]
        ),
        None => svg.to_owned(),
    }
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

fn claims_table(claims: &[Claim]) -> String {
    let mut html = String::from(
        "<h2>The paper's claims</h2>\n<table class=\"claims\">\n<thead><tr><th>Paper</th>\
         <th>Ours</th><th>Verdict</th></tr></thead>\n<tbody>\n",
    );
    for claim in claims {
        let verdict = claim.verdict.name();
        html.push_str(&format!(
            "<tr><td><strong>{}.</strong> {} <span class=\"detail\">{}</span></td>\
             <td>{} <span class=\"detail\">{}</span></td>\
             <td><span class=\"verdict {verdict}\">{verdict}</span></td></tr>\n",
            escape(claim.title),
            escape(claim.paper),
            escape(claim.place),
            escape(&claim.measured),
            escape(&claim.detail),
        ));
    }
    html.push_str("</tbody>\n</table>\n");
    html
}

/// A table of numbers: the first column holds names.
fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut html = String::from("<div class=\"wide\"><table class=\"numbers\">\n<thead><tr>");
    for name in header {
        html.push_str(&format!("<th>{}</th>", escape(name)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            html.push_str(&format!("<td>{}</td>", escape(cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
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

/// The command that gives this result again: the preset with what differs from it.
fn command(result: &MazeResult, config_toml: &str) -> String {
    let mut command = String::from("gslab reproduce maze");
    if let Some(first) = result.seeds.first() {
        let _ = write!(command, " --seed {} --seeds {}", first.seed, result.seeds.len());
    }
    let preset = Config::from_preset("maze", &[]).map(|config| config.to_toml());
    let preset = settings(preset.as_deref().unwrap_or(""));
    for (key, value) in settings(config_toml) {
        if !preset.contains(&(key.clone(), value.clone())) {
            let _ = write!(command, " \\\n    --set '{key}={value}'");
        }
    }
    command
}

/// The settings of a configuration with dotted keys.
fn settings(config_toml: &str) -> Vec<(String, String)> {
    fn visit(table: &toml::Table, prefix: &str, found: &mut Vec<(String, String)>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => visit(inner, &format!("{prefix}{key}."), found),
                value => found.push((format!("{prefix}{key}"), value.to_string())),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = config_toml.parse() {
        visit(&table, "", &mut found);
    }
    found
}
