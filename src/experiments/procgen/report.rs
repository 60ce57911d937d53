//! The report of the experiment on a game, and its table beside Table 1.

use super::{
    claims::claims,
    figure::{LEVELS_CAPTION, curves, levels},
    paper,
    result::ProcgenResult,
    scale::scale,
};
use crate::{
    error::{Error, Result},
    experiments::{
        html::{self, command, table},
        print::{claims_text, columns, fixed},
        trial::{
            Scores, SeedResult, over_seeds,
            tables::{seeds_table, spread},
        },
    },
    gsl::evaluate::Evaluation,
    plot,
    run::{
        config::{Algorithm, Config},
        file::write_atomic,
    },
};
use std::path::Path;

pub use super::figure::save as save_figures;

/// Name of the report in a run directory.
pub const FILE_NAME: &str = "report.html";

/// Writes `report.html` into `dir`: one file that needs no network, with the figures inside.
pub fn write_report(dir: &Path, result: &ProcgenResult, config: &Config) -> Result<()> {
    let drawing = |e: plot::Error| Error::Figure(e.to_string());
    let (curves, levels) = (curves(result), levels(result));
    let figures = [
        (plot::svg(&curves).map_err(drawing)?, "Training curves", curves.caption()),
        (plot::svg(&levels).map_err(drawing)?, "Returns by level", LEVELS_CAPTION.into()),
    ];
    let game = result.environment.trim_start_matches("procgen:");
    let (name, algorithm) = preset_of(config.algorithm);
    let mut preset = Config::from_preset_in(name, &result.environment, &[])?;
    paper::exceptions(&mut preset);
    scale(&mut preset, result.scale);
    let mut flags = format!(" --game {game} --algorithm {algorithm} --scale {}", result.scale);
    if let Some(first) = result.seeds.first() {
        flags += &format!(" --seed {} --seeds {}", first.seed, result.seeds.len());
    }
    let experiment = if has_cloned(result) { "ablation --table 3" } else { "procgen" };
    let config_toml = config.to_toml();
    let rows = table_1(result);
    let (header, rows) = rows.split_first().expect("a table has a header");
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let ways_to_merge = match (has_cloned(result), &table_3(result)[..]) {
        (true, [header, rows @ ..]) => {
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            format!("<h2>Ways to merge, beside Table 3</h2>\n{}", table(&header, rows))
        }
        _ => String::new(),
    };
    let page = html::page(
        &format!("gslab: {}", result.environment),
        &[
            format!(
                "<h1>Generalist-specialist learning on {}</h1>\n<p class=\"lead\">The paper's \
                 budgets times {}: {} training levels, {} test levels, {} seeds. Returns are raw, \
                 of one episode a level with sampled actions.</p>\n",
                html::escape(game),
                result.scale,
                result.training_levels,
                result.test_levels,
                result.seeds.len()
            ),
            "<h2>Beside Table 1</h2>\n".into(),
            table(&header, rows),
            ways_to_merge,
            html::claims_table(&claims(result)),
            html::figures(&figures),
            "<h2>Each seed</h2>\n".into(),
            seeds_table(&result.seeds),
            html::reproduction(&command(experiment, &preset, &flags, &config_toml), &config_toml),
        ],
    );
    Ok(write_atomic(&dir.join(FILE_NAME), page.as_bytes())?)
}

/// Names of an algorithm's preset and of the algorithm on the command line.
pub fn preset_of(algorithm: Algorithm) -> (&'static str, &'static str) {
    match algorithm {
        Algorithm::Ppo => ("procgen", "ppo"),
        Algorithm::Ppg => ("procgen-ppg", "ppg"),
        Algorithm::Sac => ("pushchair", "sac"),
    }
}

/// The rows of Table 1 for this game: the paper's, ours, and ours normalised.
fn table_1(result: &ProcgenResult) -> Vec<Vec<String>> {
    let cells = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let alone = match result.algorithm {
        Algorithm::Ppo => ["PPO, training", "PPO, test"],
        Algorithm::Ppg => ["PPG, training", "PPG, test"],
        Algorithm::Sac => unreachable!("settings of SAC with choices as actions are refused"),
    };
    let mut rows = vec![cells(["", alone[0], "GSL, training", alone[1], "GSL, test"])];
    let paper = paper::row(&result.environment, result.algorithm);
    rows.push(match paper {
        Some(row) => vec![
            "Table 1".into(),
            spread(row.alone_training),
            spread(row.gsl_training),
            spread(row.alone_test),
            spread(row.gsl_test),
        ],
        None => cells(["Table 1", "\u{2013}", "\u{2013}", "\u{2013}", "\u{2013}"]),
    });
    let ours: [fn(&SeedResult) -> Option<&Evaluation>; 4] = [
        |s| Some(&s.baseline.training),
        |s| Some(&s.final_generalist.training),
        |s| Some(&s.baseline.test),
        |s| Some(&s.final_generalist.test),
    ];
    let of = ours.map(|of| over_seeds(&result.seeds, of));
    let name = |what: &str| format!("{what}, scale {}", result.scale);
    rows.push([vec![name("ours")], of.map(spread).to_vec()].concat());
    let normalised = of.map(|(mean, _)| fixed(result.normalised(mean)));
    rows.push([vec!["ours, normalised".into()], normalised.to_vec()].concat());
    rows
}

/// The rows of Table 3, ways to merge: the paper's for BigFish and ours.
fn table_3(result: &ProcgenResult) -> Vec<Vec<String>> {
    type Of = fn(&SeedResult) -> Option<&Scores>;
    let ours: [Of; 3] =
        [|s| Some(&s.baseline), |s| s.cloned.as_ref(), |s| Some(&s.final_generalist)];
    let header = ["", "training", "test", "training", "test"].map(str::to_owned).to_vec();
    let mut rows = vec![header];
    let which = ["", "Table 3, bigfish", "", "ours", ""].map(str::to_owned).to_vec();
    rows.push(which);
    rows.extend(paper::TABLE_3.iter().zip(ours).map(|((name, training, test), of)| {
        let returns = [
            over_seeds(&result.seeds, |s| Some(&of(s)?.training)),
            over_seeds(&result.seeds, |s| Some(&of(s)?.test)),
        ];
        let mut row = vec![(*name).to_owned(), spread(*training), spread(*test)];
        row.extend(returns.map(spread));
        row
    }));
    rows
}

/// Whether behaviour cloning was measured.
fn has_cloned(result: &ProcgenResult) -> bool {
    result.seeds.iter().any(|seed| seed.cloned.is_some())
}

/// A summary for the terminal.
pub fn summary_table(result: &ProcgenResult) -> String {
    let mut text = format!("{}, raw returns, sampled actions\n", result.environment);
    text += &columns(&table_1(result));
    if has_cloned(result) {
        text.push('\n');
        text += &columns(&table_3(result));
    }
    text.push('\n');
    text + &claims_text(&claims(result))
}
