//! The report of the maze experiment: the paper's claims against what was measured.

mod claims;
mod html;

use super::{
    figure::{Curves, EndedAt, Trajectories},
    result::{MazeResult, SeedResult},
};
use crate::{
    plot,
    run::file::{FileError, write_atomic},
};
use gslab_envs::maze::Options;
use std::path::Path;

pub use claims::{Claim, Verdict, claims};

/// Name of the report in a run directory.
pub const FILE_NAME: &str = "report.html";

/// The report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Plot(#[from] plot::Error),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the configuration of the report does not describe a maze: {0}")]
    Config(String),
}

/// Writes `report.html` into `dir`: one file that needs no network, with the figures inside.
///
/// It depends on nothing but the arguments, so that writing it again gives the same bytes.
/// `config_toml` is the resolved configuration; its table `env` says how the maze is shaped.
pub fn write_report(dir: &Path, result: &MazeResult, config_toml: &str) -> Result<(), Error> {
    let options = maze_options(config_toml)?;
    let curves = Curves::new(result);
    let trajectories = Trajectories::new(result, &options);
    let ended_at = EndedAt::new(result);
    let figures = [
        (plot::svg(&curves)?, "Training curves", curves.caption()),
        (plot::svg(&trajectories)?, "Trajectories", trajectories.caption()),
        (plot::svg(&ended_at)?, "Where episodes end", ended_at.caption()),
    ];
    let page = html::page(result, &claims(result), &figures, config_toml);
    Ok(write_atomic(&dir.join(FILE_NAME), page.as_bytes())?)
}

fn maze_options(config_toml: &str) -> Result<Options, Error> {
    let config: toml::Table =
        config_toml.parse().map_err(|e: toml::de::Error| Error::Config(e.to_string()))?;
    match config.get("env") {
        Some(env) => {
            env.clone().try_into().map_err(|e: toml::de::Error| Error::Config(e.to_string()))
        }
        None => Ok(Options::default()),
    }
}

/// A summary for the terminal: one line for each seed and each claim, at most 100 columns.
pub fn summary_table(result: &MazeResult) -> String {
    let header = ["seed", "plateau", "samples", "at H", "specialists", "final", "baseline", "BC"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(result.seeds.iter().map(|seed| {
        [
            seed.seed.to_string(),
            format!("{}{}", seed.plateau_iteration, if seed.plateau_detected { "" } else { "*" }),
            millions(seed.total_samples as f64),
            fixed(seed.at_plateau.sampled.success()),
            fixed(specialist_mean(seed)),
            fixed(seed.final_generalist.sampled.success()),
            fixed(seed.baseline.sampled.success()),
            fixed(seed.cloned.sampled.success()),
        ]
    }));
    let mut text = String::from("Success rates, sampled actions\n");
    let widths: [usize; 8] =
        std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        text.push_str(&format!("  {}\n", cells.join("  ")));
    }
    if result.seeds.iter().any(|seed| !seed.plateau_detected) {
        text.push_str("  * H did not fire; the last allowed iteration was taken\n");
    }
    text.push('\n');
    let claims = claims(result);
    let width = claims.iter().map(|claim| claim.title.len()).max().unwrap_or(0);
    for claim in &claims {
        let start = format!("  {}  {:width$}  ", claim.verdict.name(), claim.title);
        let lines = wrap(&claim.measured, 100 - start.len());
        let indent = format!("\n{}", " ".repeat(start.len()));
        text.push_str(&format!("{start}{}\n", lines.join(&indent)));
    }
    text
}

/// Breaks a text between words into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn specialist_mean(seed: &SeedResult) -> f64 {
    seed.specialist_success.iter().sum::<f64>() / seed.specialist_success.len() as f64
}

fn fixed(value: f64) -> String {
    if value.is_nan() { "\u{2013}".to_owned() } else { plot::number(value, 2) }
}

fn percent(share: f64) -> String {
    if share.is_nan() { "\u{2013}".to_owned() } else { format!("{:.0} %", 100.0 * share) }
}

fn millions(samples: f64) -> String {
    format!("{:.2} M", samples / 1e6)
}

/// `0.19 to 0.21`, or one number if it is the same to the printed digits.
fn range(values: &[f64], print: impl Fn(f64) -> String) -> String {
    let known = || values.iter().copied().filter(|value| !value.is_nan());
    if known().next().is_none() {
        return "\u{2013}".to_owned();
    }
    let low = print(known().fold(f64::INFINITY, f64::min));
    let high = print(known().fold(f64::NEG_INFINITY, f64::max));
    if low == high { low } else { format!("{low} to {high}") }
}
