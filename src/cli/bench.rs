#[cfg(feature = "gpu")]
mod render;

use super::{Output, procgen_game, procgen_mode};
use crate::{
    error::{Error, Result},
    render::{
        frame::{Frame, Painter},
        pictures::{Originals, Pictures},
    },
    run::progress::Progress,
};
use clap::{Args, Subcommand};
use cpu_time::ThreadTime;
use gslab_envs::{
    procgen::{
        Options,
        camera::VIEW,
        games::{Entry, GAMES},
        options::{LevelRange, Levels},
        world::{ACTIONS, Original},
    },
    rng::Stream,
};
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

/// Worlds of a game that are stepped in turn.
const ENVIRONMENTS: u32 = 64;
/// Steps of every world between two looks at the clock.
const STEPS: usize = 32;
/// Random actions; a prime number, so that worlds do not repeat each other's.
const TABLE: u64 = 65_537;

#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Frames per CPU second of the Procgen games, or steps and levels, on one thread
    Envs(Envs),
    /// Frames of the Procgen games that a GPU draws per second
    #[cfg(feature = "gpu")]
    Render(render::Render),
}

#[derive(Args)]
struct Envs {
    /// Names of Procgen games [default: all]
    games: Vec<String>,
    /// Simulate only: steps and levels per second
    #[arg(long)]
    no_draw: bool,
    /// Draw the original's images: a copy of the folder `procgen/data/assets` of the package
    /// procgen 0.10.7
    #[arg(long, value_name = "DIR", conflicts_with = "no_draw")]
    procgen_assets: Option<PathBuf>,
    /// easy, hard, extreme or memory
    #[arg(long, default_value = "hard")]
    mode: String,
    /// CPU seconds of a measurement
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = parse_seconds)]
    seconds: f64,
    /// Measurements of a game, of which the median is printed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
    #[command(flatten)]
    output: Output,
}

/// What was measured of a game, each per CPU second of one thread.
#[derive(Serialize)]
#[serde(untagged)]
enum Speed {
    /// Steps with all that belongs to them: the making of levels, and a frame of 64 x 64.
    Frames {
        game: &'static str,
        /// Median.
        frames: f64,
        /// Lowest and highest measurement.
        frames_range: (f64, f64),
    },
    Simulation {
        game: &'static str,
        /// Median; steps alone, without the making of levels.
        steps: f64,
        steps_range: (f64, f64),
        levels: f64,
        levels_range: (f64, f64),
        /// Steps of an episode under random actions, on average.
        episode: f64,
    },
}

impl Bench {
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            BenchCommand::Envs(envs) => envs.run(),
            #[cfg(feature = "gpu")]
            BenchCommand::Render(render) => render.run(),
        }
    }
}

impl Envs {
    fn run(self) -> Result<ExitCode> {
        self.output.check()?;
        let (games, options) = measured(&self.games, &self.mode)?;
        let originals = self.procgen_assets.as_deref().map(Originals::open).transpose()?;

        let progress = Progress::new(self.output.quiet);
        let bar = progress.work("bench", games.len() as u64);
        let noise = Stream::new(0, "bench");
        let actions: Vec<i32> = (0..TABLE).map(|i| noise.below(0, i, ACTIONS) as i32).collect();
        let mut speeds = Vec::new();
        self.output.say(&match self.no_draw {
            false => format!("{:10} {:>12} {:>25}", "game", "frames/s", "lowest to highest"),
            true => format!(
                "{:10} {:>12} {:>25} {:>12} {:>8}",
                "game", "steps/s", "lowest to highest", "levels/s", "episode"
            ),
        });
        for game in games {
            let mut worlds = (0..ENVIRONMENTS)
                .map(|index| game.original(&options, 0, 0, index))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| Error::Usage(e.to_string()))?;
            let speed = match self.no_draw {
                false => {
                    let name = game.facts.name;
                    let pictures = match &originals {
                        Some(originals) => originals.of(name)?,
                        None => Arc::new(Pictures::built_in(&format!("procgen:{name}"), VIEW)),
                    };
                    self.frames(game, Painter::new(pictures, VIEW), &mut worlds, &actions)
                }
                true => self.simulation(game, &mut worlds, &actions),
            };
            progress.clear(|| self.output.say(&speed.text()));
            bar.inc(1);
            speeds.push(speed);
        }
        bar.finish_and_clear();
        let mean = |of: fn(&Speed) -> f64| {
            let mean = speeds.iter().map(|speed| of(speed).ln()).sum::<f64>() / speeds.len() as f64;
            thousands(mean.exp())
        };
        let (of_steps, of_levels) = (mean(Speed::per_second), mean(Speed::levels_per_second));
        self.output.say(&format!(
            "{:10} {of_steps:>12} {:>25} {:>12}\n({}, per CPU second of one thread, {ENVIRONMENTS} worlds, random actions)",
            "geo. mean",
            "",
            if self.no_draw { of_levels } else { String::new() },
            self.mode,
        ));
        self.output.json(&speeds)?;
        Ok(ExitCode::SUCCESS)
    }

    fn simulation(&self, game: &Entry, worlds: &mut [Box<dyn Original>], actions: &[i32]) -> Speed {
        let mut cursor = 0;
        let mut run = |seconds: f64| Run::new(worlds, actions, &mut cursor, seconds);
        run(self.seconds / 2.0);
        let runs: Vec<Run> = (0..self.repetitions).map(|_| run(self.seconds)).collect();
        let (steps, steps_range) = median(runs.iter().map(|run| run.steps as f64 / run.stepping));
        let (levels, levels_range) = median(runs.iter().map(|run| run.levels as f64 / run.making));
        let count = |of: fn(&Run) -> u64| runs.iter().map(of).sum::<u64>() as f64;
        let episode = count(|run| run.steps) / count(|run| run.levels);
        let game = game.facts.name;
        Speed::Simulation { game, steps, steps_range, levels, levels_range, episode }
    }

    fn frames(
        &self,
        game: &Entry,
        mut painter: Painter,
        worlds: &mut [Box<dyn Original>],
        actions: &[i32],
    ) -> Speed {
        let mut frames = vec![Frame::default(); worlds.len()];
        let bytes = (3 * VIEW * VIEW) as usize;
        let mut observations = vec![0; worlds.len() * bytes];
        let mut actions = actions.iter().cycle();
        let mut run = |seconds: f64| {
            let (began, mut drawn) = (ThreadTime::now(), 0);
            loop {
                let rows = observations.chunks_exact_mut(bytes);
                for ((world, frame), row) in worlds.iter_mut().zip(&mut frames).zip(rows) {
                    world.act(*actions.next().expect("a cycle has no end"));
                    frame.draw(&mut painter, |list| world.draw(VIEW, list), row);
                }
                drawn += u64::from(ENVIRONMENTS);
                let elapsed = began.elapsed().as_secs_f64();
                if elapsed >= seconds {
                    return drawn as f64 / elapsed;
                }
            }
        };
        run(self.seconds / 2.0);
        let (frames, frames_range) = median((0..self.repetitions).map(|_| run(self.seconds)));
        Speed::Frames { game: game.facts.name, frames, frames_range }
    }
}

/// A measurement: what was done, and the CPU seconds it took.
#[derive(Default)]
struct Run {
    steps: u64,
    stepping: f64,
    levels: u64,
    making: f64,
}

impl Run {
    /// Steps worlds for some CPU seconds. Stepping and the making of levels are timed apart: a
    /// world whose episode ends rests until the others have done their share.
    fn new(
        worlds: &mut [Box<dyn Original>],
        actions: &[i32],
        cursor: &mut usize,
        seconds: f64,
    ) -> Self {
        let mut run = Self::default();
        let mut ended = Vec::with_capacity(worlds.len());
        while run.stepping < seconds {
            let began = ThreadTime::now();
            for (i, world) in worlds.iter_mut().enumerate() {
                for _ in 0..STEPS {
                    *cursor = if *cursor + 1 == actions.len() { 0 } else { *cursor + 1 };
                    run.steps += 1;
                    if world.step_within_level(actions[*cursor]) {
                        ended.push(i);
                        break;
                    }
                }
            }
            let stepped = began.elapsed();
            for &i in &ended {
                worlds[i].next_level();
            }
            let made = began.elapsed();
            run.levels += ended.len() as u64;
            ended.clear();
            run.stepping += stepped.as_secs_f64();
            run.making += made.saturating_sub(stepped).as_secs_f64();
        }
        // A game that no random action ends within the time: its levels are made for their own sake.
        while run.making < seconds / 10.0 || run.levels == 0 {
            let began = ThreadTime::now();
            worlds.iter_mut().for_each(|world| world.next_level());
            run.making += began.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
            run.levels += worlds.len() as u64;
        }
        run
    }
}

impl Speed {
    /// Frames or steps.
    fn per_second(&self) -> f64 {
        match *self {
            Self::Frames { frames, .. } => frames,
            Self::Simulation { steps, .. } => steps,
        }
    }

    fn levels_per_second(&self) -> f64 {
        match *self {
            Self::Frames { .. } => f64::NAN,
            Self::Simulation { levels, .. } => levels,
        }
    }

    fn text(&self) -> String {
        let columns = |game, value, (low, high)| {
            let range = format!("{} to {}", thousands(low), thousands(high));
            format!("{game:10} {:>12} {range:>25}", thousands(value))
        };
        match *self {
            Self::Frames { game, frames, frames_range } => columns(game, frames, frames_range),
            Self::Simulation { game, steps, steps_range, levels, episode, .. } => {
                let steps = columns(game, steps, steps_range);
                format!("{steps} {:>12} {episode:>8.0}", thousands(levels))
            }
        }
    }
}

/// The games of those names, or all, and the options in which they are measured: the training
/// levels in a mode that each of the games has.
fn measured(names: &[String], mode: &str) -> Result<(Vec<&'static Entry>, Options)> {
    let games: Vec<&Entry> = match names {
        [] => GAMES.iter().collect(),
        names => names.iter().map(|name| procgen_game(name)).collect::<Result<_>>()?,
    };
    let modes = games.iter().map(|game| procgen_mode(game, mode));
    let mode = modes.collect::<Result<Vec<_>>>()?[0];
    let levels = Levels::Named(LevelRange::Training);
    Ok((games, Options { mode, levels, ..Options::default() }))
}

/// The median, and the lowest and highest value.
fn median(values: impl Iterator<Item = f64>) -> (f64, (f64, f64)) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], (values[0], values[values.len() - 1]))
}

fn thousands(value: f64) -> String {
    indicatif::HumanCount(value.round() as u64).to_string()
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be from 0.001 to 3600".into()),
    }
}
