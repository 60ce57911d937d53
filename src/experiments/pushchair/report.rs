//! The report of the experiment, and its table beside Table 2.

use super::{
    claims::claims,
    figure::curves,
    paper,
    result::{PushChairResult, Set},
    scale,
};
use crate::{
    error::{Error, Result},
    experiments::{
        html::{self, command, table},
        print::{claims_text, columns, fixed, percent},
        trial::{
            Scores, SeedResult,
            tables::{seeds_table, spread},
        },
    },
    gsl::evaluate::Evaluation,
    plot,
    run::{config::Config, file::write_atomic},
};
use std::path::Path;

pub use super::figure::save as save_figure;

/// A policy of a seed, by name.
type Policy = (&'static str, fn(&SeedResult) -> &Scores);

const POLICIES: [Policy; 3] = [
    ("at the plateau", |seed| &seed.at_plateau),
    ("SAC, equal samples", |seed| &seed.baseline),
    ("GSL", |seed| &seed.final_generalist),
];

/// Writes `report.html` into `dir`: one file that needs no network, with the figure inside.
pub fn write_report(dir: &Path, result: &PushChairResult, config: &Config) -> Result<()> {
    let curves = curves(result);
    let svg = plot::svg(&curves).map_err(|e| Error::Figure(e.to_string()))?;
    let mut preset = Config::from_preset("pushchair", &[])?;
    scale(&mut preset, result.scale);
    let mut flags = format!(" --scale {}", result.scale);
    if let Some(first) = result.seeds.first() {
        flags += &format!(" --seed {} --seeds {}", first.seed, result.seeds.len());
    }
    let config_toml = config.to_toml();
    let page = html::page(
        "gslab: PushChair",
        &[
            format!(
                "<h1>Generalist-specialist learning on PushChair</h1>\n<p class=\"lead\">The \
                 paper's budgets times {}, {} seeds. Returns are means over {} episodes of every \
                 chair with sampled actions. Normalised, 0 is a robot that does nothing and 1 the \
                 scripted pusher, chair by chair.</p>\n",
                result.scale,
                result.seeds.len(),
                result.episodes
            ),
            "<h2>Beside Table 2</h2>\n".into(),
            page_table(&table_2(result)),
            html::claims_table(&claims(result)),
            html::figures(&[(svg, "Training curves", curves.caption())]),
            "<h2>Chair by chair</h2>\n".into(),
            page_table(&by_chair(result)),
            "<h2>Each seed</h2>\n".into(),
            seeds_table(&result.seeds),
            html::reproduction(&command("pushchair", &preset, &flags, &config_toml), &config_toml),
        ],
    );
    Ok(write_atomic(&dir.join("report.html"), page.as_bytes())?)
}

fn page_table(rows: &[Vec<String>]) -> String {
    let (header, rows) = rows.split_first().expect("a table has a header");
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, rows)
}

/// Mean and standard deviation over seeds.
fn over_seeds(result: &PushChairResult, of: impl Fn(&SeedResult) -> f64) -> (f64, f64) {
    let values: Vec<f64> = result.seeds.iter().map(of).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

/// Mean over the chairs of the share of episodes that were solved at any step.
fn ever_solved(of: &Evaluation) -> f64 {
    of.scores.iter().map(|score| score.ever_solved).sum::<f64>() / of.scores.len() as f64
}

/// Returns in thousands beside the paper's, normalised ones, and success.
fn table_2(result: &PushChairResult) -> Vec<Vec<String>> {
    const SETS: [(&str, Set); 2] = [("training", |s| &s.training), ("test", |s| &s.test)];
    let header =
        ["", "return (k)", "normalised", "solved", "test: return (k)", "normalised", "solved"];
    let mut rows = vec![header.map(String::from).to_vec()];
    let dash = || "\u{2013}".to_owned();
    for (name, of) in [("Table 2, SAC", paper::SAC), ("Table 2, GSL", paper::GSL)] {
        let mut row = vec![name.to_owned(), spread_2(of)];
        row.extend((0..5).map(|_| dash()));
        rows.push(row);
    }
    let yardstick = &result.yardstick;
    for (name, scores) in [("does nothing", &yardstick.still), ("pusher", &yardstick.pusher)] {
        let mut row = vec![name.to_owned()];
        for (_, set) in SETS {
            row.push(fixed(set(scores).mean_return() / 1000.0));
            row.push(fixed(yardstick.normalised(scores, set)));
            row.push(percent(ever_solved(set(scores))));
        }
        rows.push(row);
    }
    for (name, of) in POLICIES {
        let mut row = vec![name.to_owned()];
        for (_, set) in SETS {
            row.push(spread_2(over_seeds(result, |s| set(of(s)).mean_return() / 1000.0)));
            row.push(spread_2(over_seeds(result, |s| yardstick.normalised(of(s), set))));
            row.push(percent(over_seeds(result, |s| ever_solved(set(of(s)))).0));
        }
        rows.push(row);
    }
    rows
}

/// With two decimals.
fn spread_2((mean, std): (f64, f64)) -> String {
    match std {
        // Of one seed.
        0.0 => fixed(mean),
        std => format!("{} \u{b1} {}", fixed(mean), fixed(std)),
    }
}

/// Returns with every chair of training.
fn by_chair(result: &PushChairResult) -> Vec<Vec<String>> {
    let mut header = vec!["Chair".to_owned(), "does nothing".into(), "pusher".into()];
    header.extend(POLICIES.map(|(name, _)| name.to_owned()));
    let mut rows = vec![header];
    for (chair, name) in result.chairs.iter().enumerate() {
        let with = |scores: &Scores| scores.training.scores[chair].mean_return;
        let yardstick = &result.yardstick;
        let mut row = vec![name.clone()];
        row.extend([&yardstick.still, &yardstick.pusher].map(|scores| fixed(with(scores))));
        row.extend(POLICIES.map(|(_, of)| spread(over_seeds(result, |seed| with(of(seed))))));
        rows.push(row);
    }
    rows
}

/// A summary for the terminal.
pub fn summary_table(result: &PushChairResult) -> String {
    format!(
        "pushchair, scale {}, sampled actions\n{}\n{}",
        result.scale,
        columns(&table_2(result)),
        claims_text(&claims(result))
    )
}
