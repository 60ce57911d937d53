//! The report of an ablation.

use super::{Ablation, Shown, settings};
use crate::{
    error::{Error, Result},
    experiments::{
        html::{self, command, table},
        print::{claims_text, columns},
        procgen::report::{FILE_NAME, preset_of},
    },
    plot,
    run::{config::Config, file::write_atomic},
};
use std::path::Path;

/// Writes the figures and `report.html` into `dir`.
pub fn write(dir: &Path, ablation: Ablation, shown: &Shown, config: &Config) -> Result<()> {
    let drawing = |e: plot::Error| Error::Figure(e.to_string());
    plot::save(&shown.lines, dir, "figure").map_err(drawing)?;
    let lines = plot::svg(&shown.lines).map_err(drawing)?;
    let mut figures = vec![(lines, "Training curves", shown.lines_caption.clone())];
    if let Some((histograms, caption)) = &shown.histograms {
        plot::save(histograms, dir, "levels").map_err(drawing)?;
        let svg = plot::svg(histograms).map_err(drawing)?;
        figures.push((svg, "Returns by level", caption.clone()));
    }
    let game = config.environment.trim_start_matches("procgen:");
    let (preset, algorithm) = preset_of(config.algorithm);
    let mut standard = Config::from_preset_in(preset, &config.environment, &[])?;
    let Ablation { figure, first_seed, seeds, scale } = ablation;
    settings(&mut standard, figure, scale);
    let flags = format!(
        " --game {game} --algorithm {algorithm} --scale {scale} --seed {first_seed} --seeds {seeds}"
    );
    let config_toml = config.to_toml();
    let (header, rows) = shown.table.split_first().expect("a table has a header");
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let page = html::page(
        &format!("gslab: {} on {game}", shown.title),
        &[
            format!(
                "<h1>{} on {}</h1>\n<p class=\"lead\">{} The paper's budgets times {scale}.</p>\n",
                html::escape(shown.title),
                html::escape(game),
                html::escape(&shown.lead),
            ),
            html::figures(&figures),
            table(&header, rows),
            html::claims_table(&shown.claims),
            html::reproduction(
                &command(&format!("ablation --figure {figure}"), &standard, &flags, &config_toml),
                &config_toml,
            ),
        ],
    );
    Ok(write_atomic(&dir.join(FILE_NAME), page.as_bytes())?)
}

/// A summary for the terminal.
pub fn summary(shown: &Shown, environment: &str) -> String {
    format!(
        "{} on {environment}\n{}\n{}",
        shown.title,
        columns(&shown.table),
        claims_text(&shown.claims)
    )
}
