mod envs;
mod machine;
mod networks;
mod pipeline;
#[cfg(feature = "gpu")]
mod render;
mod report;
#[cfg(feature = "gpu")]
mod scenes;

use super::Output;
use crate::{
    bench::{
        compare,
        results::{Per, Results},
    },
    error::{Error, Result},
    run::config::{Config, PRESETS, unknown},
};
use clap::{Args, Subcommand};
use gslab_envs::{procgen::games, registry::ENVIRONMENTS};
use std::{path::PathBuf, process::ExitCode};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Bench {
    /// Compare two files that --json wrote: ratios of the second to the first, and which of them
    /// are noise
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"])]
    compare: Option<Vec<PathBuf>>,
    /// What --compare compares: items per CPU second, or per second on the clock
    #[arg(long, value_enum, default_value = "cpu-second", requires = "compare")]
    per: Per,
    #[command(subcommand)]
    command: Option<BenchCommand>,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Environments: steps, with a frame where the environment is seen in pixels
    Envs(envs::Envs),
    /// What a GPU draws per second: frames of Procgen games; of pushchair clouds of points, and
    /// pictures for people
    #[cfg(feature = "gpu")]
    Render(render::Render),
    /// Forward passes of an environment's policy, drawing not included
    Infer(networks::Networks),
    /// Optimiser steps of an environment's policy: forward, backward, Adam
    Train(networks::Networks),
    /// Iterations of training, with the time of every stage and what bounds it
    Pipeline(pipeline::Pipeline),
    /// What this machine can reach: arithmetic and memory, and a GPU's transfers and launches
    Machine(machine::Machine),
    /// Files that --json wrote as a page of figures, or as tables in Markdown
    Report(report::Report),
}

/// Flags of every benchmark.
#[derive(Args, Clone)]
struct Repeated {
    /// CPU seconds of a measurement
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = parse_seconds)]
    seconds: f64,
    /// Measurements of each thing, of which the median is printed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
    #[command(flatten)]
    output: Output,
}

impl Repeated {
    /// As [`crate::bench::results::Measurement::of`] takes them.
    fn times(&self) -> (f64, u32) {
        (self.seconds, self.repetitions)
    }
}

impl Bench {
    pub fn run(self) -> Result<ExitCode> {
        if let Some(files) = &self.compare {
            return self.print_comparison(&Results::load(&files[0])?, &Results::load(&files[1])?);
        }
        match self.command.expect("clap asks for a command or files to compare") {
            BenchCommand::Envs(envs) => envs.run(),
            #[cfg(feature = "gpu")]
            BenchCommand::Render(render) => render.run(),
            BenchCommand::Infer(networks) => networks.run(networks::Pass::Infer),
            BenchCommand::Train(networks) => networks.run(networks::Pass::Train),
            BenchCommand::Pipeline(pipeline) => pipeline.run(),
            BenchCommand::Machine(machine) => machine.run(),
            BenchCommand::Report(report) => report.run(),
        }
    }

    fn print_comparison(&self, a: &Results, b: &Results) -> Result<ExitCode> {
        let ratios = compare::ratios(a, b, self.per);
        if ratios.is_empty() {
            return Err(Error::Usage(format!(
                "--compare: the files have nothing in common: one has {}, the other {}",
                named(a),
                named(b)
            )));
        }
        for difference in compare::differences(a, b) {
            eprintln!("warning: {difference}");
        }
        println!("{}", compare::table(&ratios));
        Ok(ExitCode::SUCCESS)
    }
}

/// A preset, or an environment at its defaults; a game of Procgen also by its own name.
pub fn config(name: &str, settings: &[String]) -> Result<Config> {
    if PRESETS.iter().any(|preset| preset.name == name) {
        return Ok(Config::from_preset(name, settings)?);
    }
    Ok(environments(&[name.to_owned()], settings)?.remove(0))
}

/// What a file is about, in a few words.
fn named(results: &Results) -> String {
    let names: Vec<&str> = results.measurements.iter().map(|m| &*m.name).take(3).collect();
    format!("{} of {}", results.command, names.join(", "))
}

/// The environments of those names, a game of Procgen also by its own; all if none is named.
/// Games play the levels for training unless the settings say otherwise.
fn environments(names: &[String], settings: &[String]) -> Result<Vec<Config>> {
    let full = |name: &String| {
        let all = ENVIRONMENTS.iter().map(|entry| entry.name);
        let games = games::GAMES.iter().map(|game| game.facts.name);
        match (all.clone().any(|known| known == name), games::find(name)) {
            (true, _) => Ok(name.clone()),
            (false, Some(_)) => Ok(format!("procgen:{name}")),
            (false, None) => Err(unknown("environment", name, all.chain(games))),
        }
    };
    let names: Vec<String> = match names {
        [] => ENVIRONMENTS.iter().map(|entry| entry.name.to_owned()).collect(),
        names => names.iter().map(full).collect::<Result<_, _>>()?,
    };
    let config = |name: &String| {
        let mut all = Vec::new();
        if name.starts_with("procgen:") {
            all.push("env.levels=training".to_owned());
        }
        all.extend_from_slice(settings);
        Ok(Config::of_environment(name, &all)?)
    };
    names.iter().map(config).collect()
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be from 0.001 to 3600".into()),
    }
}

/// Worker threads for a measurement, from 1 to 4096.
fn threads(n: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).stack_size(64 << 20);
    pool.build().map_err(|e| Error::Usage(format!("--threads {n}: {e}")))
}
