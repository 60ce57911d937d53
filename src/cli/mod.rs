//! The command line: one file a command.

mod bench;
mod check;
mod config;
mod conformance;
mod doctor;
mod envs;
mod eval;
mod gallery;
mod gsl;
mod levels;
mod play;
mod record;
mod reproduce;
mod resume;
mod shown;
mod soak;
mod task;
mod train;

use crate::{
    device::{self, Device, DeviceChoice},
    error::{Error, Result},
    run,
    run::{
        config::Algorithm,
        file::{FileError, write_atomic},
        interrupt,
        progress::Progress,
    },
    trace::{self, chrome::TraceFile},
};
use clap::{Args, Parser, Subcommand};
use gslab_envs::{
    Spec,
    procgen::{
        Mode,
        games::{self, Entry as Game},
    },
};
use serde::Serialize;
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Benchmark suite for Generalist-Specialist Learning.
#[derive(Parser)]
#[command(name = "gslab", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Write a timeline of stages and threads to this file, for Perfetto or speedscope
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// In the timeline, list what the GPU did when, too. The program then waits for it more often
    #[arg(long, global = true, requires = "trace")]
    trace_gpu: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run an experiment of the paper from nothing to its figure and report
    Reproduce(reproduce::Reproduce),
    /// Train one policy on every variation of an environment
    Train(train::Train),
    /// Run Generalist-Specialist Learning (Algorithm 1)
    Gsl(gsl::Gsl),
    /// Measure a trained policy on every variation
    Eval(eval::Eval),
    /// Play an environment, or watch a trained policy, in a window or on the terminal
    Play(play::Play),
    /// Write a GIF or a PNG of environments in which chance or a trained policy acts
    Record(record::Record),
    /// Write one picture of all environments
    Gallery(gallery::Gallery),
    /// Go on with a run that was stopped, killed or cut off
    Resume(resume::Resume),
    /// List the environments
    Envs(envs::Envs),
    /// Try every property that an environment promises
    Check(check::Check),
    /// Replay recordings of the original games and tell what differs
    Conformance(conformance::Conformance),
    /// Say which levels of a game are the same world
    Levels(levels::Levels),
    /// Measure speed
    Bench(bench::Bench),
    /// Train for a while and say whether throughput falls or memory grows
    Soak(soak::Soak),
    /// Show presets: the paper's tables as settings
    Config(config::Config),
    /// Say what this machine offers: device, adapter, threads, memory, versions
    Doctor(doctor::Doctor),
}

/// Runs a command. The exit code is 0, or 1 where a check found something.
///
/// # Errors
/// Whatever ended the command early; [`Error::exit_code`] is the program's.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    if arguments.trace_gpu {
        trace::device::want();
        trace::device::time();
    }
    let trace = arguments.trace.as_deref().map(TraceFile::create).transpose()?;
    let done = arguments.command.run();
    if let Some(trace) = trace {
        let finished = trace.finish();
        // What ended the command matters more than that its timeline is not whole.
        if done.is_ok() {
            finished?;
        }
    }
    done
}

impl Command {
    fn run(self) -> Result<ExitCode> {
        match self {
            Self::Reproduce(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Gsl(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Play(command) => command.run(),
            Self::Record(command) => command.run(),
            Self::Gallery(command) => command.run(),
            Self::Resume(command) => command.run(),
            Self::Envs(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Conformance(command) => command.run(),
            Self::Levels(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Soak(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Doctor(command) => command.run(),
        }
    }
}

/// Flags of every command that computes.
#[derive(Args, Clone)]
struct Machine {
    /// Where to train
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Worker threads [default: one for each core]. Results do not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    output: Output,
}

/// Flags of every command.
#[derive(Args, Clone)]
struct Output {
    /// Print nothing but errors: no progress, no results
    #[arg(long)]
    quiet: bool,
    /// Write the result to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Machine {
    /// Starts the worker threads and opens the device.
    fn start(&self) -> Result<(Device, Progress)> {
        self.output.check()?;
        start_threads(self.threads)?;
        interrupt::install();
        Ok((device::open(self.device)?, Progress::new(self.output.quiet)))
    }
}

impl Machine {
    /// [`Machine::start`] for an algorithm in an environment, on a device that it runs on.
    fn start_for(&self, algorithm: Algorithm, spec: &Spec) -> Result<(Device, Progress)> {
        match (algorithm, self.device) {
            (Algorithm::Ppo | Algorithm::Ppg, _) => self.start(),
            #[cfg(feature = "gpu")]
            (Algorithm::Sac, _) if spec.points > 0 => self.start(),
            #[cfg(not(feature = "gpu"))]
            (Algorithm::Sac, _) if spec.points > 0 => Err(without_burn()),
            (Algorithm::Sac, DeviceChoice::Gpu) => Err(Error::Usage(
                "--device gpu: SAC on vectors runs on the CPU: use --device cpu".into(),
            )),
            (Algorithm::Sac, _) => Self { device: DeviceChoice::Cpu, ..self.clone() }.start(),
        }
    }
}

/// Networks on clouds of points are Burn's.
#[cfg(not(feature = "gpu"))]
fn without_burn() -> Error {
    Error::Usage(
        "this gslab was built without what learns from clouds of points: build it with the Cargo \
         feature `gpu` (on by default), or set env.observed=state or env.observed=privileged"
            .into(),
    )
}

/// A Procgen game by name.
fn procgen_game(name: &str) -> Result<&'static Game> {
    let known = games::GAMES.iter().map(|game| game.facts.name);
    Ok(games::find(name).ok_or_else(|| run::config::unknown("game", name, known))?)
}

/// A mode that a Procgen game has.
fn procgen_mode(game: &Game, name: &str) -> Result<Mode> {
    let mode: Option<Mode> = toml::Value::String(name.into()).try_into().ok();
    mode.filter(|&mode| game.facts.has(mode)).ok_or_else(|| {
        let (game, modes) = (game.facts.name, game.facts.mode_names());
        Error::Usage(format!("--mode {name}: {game} has {modes}"))
    })
}

/// Starts the worker threads: as many as asked for, or one for each core.
fn start_threads(threads: Option<usize>) -> Result<()> {
    let threads = match threads {
        Some(n @ (0 | 4097..)) => {
            return Err(Error::Usage(format!(
                "--threads {n}: must be from 1 to 4096; leave it out for one for each core"
            )));
        }
        Some(n) => n,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("worker {i}"))
        // A thread that waits takes up other work on top: phases may lie upon phases.
        .stack_size(64 << 20)
        .build_global()
        .map_err(|e| Error::Usage(format!("--threads {threads}: {e}")))
}

impl Output {
    /// Writes the JSON file, if one is wanted.
    fn json<T: Serialize>(&self, value: &T) -> Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let mut text = serde_json::to_string_pretty(value)
            .expect("results are plain data that always serialise");
        text.push('\n');
        if path.exists() && !path.is_file() {
            // Nothing may be renamed over a pipe or a device such as /dev/stdout.
            let written = fs::write(path, text);
            return Ok(written.map_err(FileError::io("write", path))?);
        }
        Ok(write_atomic(path, text.as_bytes())?)
    }

    /// Says before a long run, not after it, that the JSON file cannot be written.
    fn check(&self) -> Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let message = match parent {
            _ if path.is_dir() => "is a directory".to_owned(),
            Some(parent) if !parent.is_dir() => format!("{} is no directory", parent.display()),
            _ => return Ok(()),
        };
        Err(Error::Usage(format!("--json {}: {message}", path.display())))
    }

    /// Prints to standard output unless it is to be quiet.
    fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        match writeln!(io::stdout(), "{text}") {
            // Whoever reads may have seen enough, as in `gslab envs | head`.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                eprintln!("error: cannot write to standard output: {error}");
                std::process::exit(2);
            }
            _ => {}
        }
    }
}

/// The last seed that a run may begin with: TOML holds integers up to 2^63 - 1, and there may be
/// 10 000 seeds.
const LAST_SEED: u64 = i64::MAX as u64 - 10_000;

/// Flags of every command that begins a run.
#[derive(Args, Clone)]
struct NewRun {
    /// Directory for the run; must not exist [default: the first free runs/NAME-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LAST_SEED))]
    seed: u64,
    /// Number of seeds, one after another
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Change a setting; `gslab config show` lists them. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    machine: Machine,
}
