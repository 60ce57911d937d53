//! The report of the maze experiment: the paper's claims against what was measured.

mod claims;
mod html;

use super::{
    figure::{EndedAt, Trajectories, curves},
    result::{MazeResult, SeedResult},
};
use crate::{
    experiments::print::{claims_text, columns, fixed, millions},
    plot,
    run::file::{FileError, write_atomic},
};
use gslab_envs::maze::Options;
use std::path::Path;

pub use claims::claims;

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
    let curves = curves(result);
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
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(result.seeds.iter().map(|seed| {
        vec![
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
    text.push_str(&columns(&rows));
    if result.seeds.iter().any(|seed| !seed.plateau_detected) {
        text.push_str("  * H did not fire; the last allowed iteration was taken\n");
    }
    text.push('\n');
    text + &claims_text(&claims(result))
}

fn specialist_mean(seed: &SeedResult) -> f64 {
    seed.specialist_success.iter().sum::<f64>() / seed.specialist_success.len() as f64
}
