use super::{Output, procgen_game, procgen_mode, start_threads};
use crate::{
    error::{Error, Result},
    run::{file::write_atomic, progress::Progress},
};
use clap::{Args, Subcommand};
use gslab_envs::procgen::{
    Mode, Options,
    audit::{self, Fingerprint, Repeats, without_repeats},
    options::{TEST_LEVELS, TRAINING_LEVELS},
};
use rayon::prelude::*;
use serde::Serialize;
use std::{ops::Range, path::PathBuf, process::ExitCode};

/// Further levels that are tried for each test level, if repeated ones are to be replaced.
const TRIES: i32 = 100;

#[derive(Args)]
pub struct Levels {
    #[command(subcommand)]
    command: LevelsCommand,
}

#[derive(Subcommand)]
enum LevelsCommand {
    /// Count levels that repeat others, within training and test levels and between them
    Audit(Audit),
}

#[derive(Args)]
struct Audit {
    /// Name of a Procgen game
    game: String,
    /// easy, hard, extreme or memory
    #[arg(long, default_value = "hard")]
    mode: String,
    /// Seeds of the training levels, the last exclusive
    #[arg(long, value_name = "FIRST..END", default_value_t = written(TRAINING_LEVELS))]
    training: String,
    /// Seeds of the test levels, the last exclusive
    #[arg(long, value_name = "FIRST..END", default_value_t = written(TEST_LEVELS))]
    test: String,
    /// Write as many test levels without repeats to this TOML file, as settings of the game:
    /// repeated ones are replaced by the next seeds that give a new world
    #[arg(long, value_name = "FILE")]
    replace: Option<PathBuf>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Audited {
    game: &'static str,
    mode: String,
    training: Range<i32>,
    test: Range<i32>,
    same_world: Repeats,
    same_look: Repeats,
}

/// Settings with which a run has these levels.
#[derive(Serialize)]
struct TestLevels {
    environment: String,
    env: LevelOptions,
}

#[derive(Serialize)]
struct LevelOptions {
    mode: String,
    levels: Vec<i32>,
}

impl Levels {
    pub fn run(self) -> Result<ExitCode> {
        let LevelsCommand::Audit(audit) = self.command;
        audit.run()
    }
}

impl Audit {
    fn run(self) -> Result<ExitCode> {
        self.output.check()?;
        let game = procgen_game(&self.game)?;
        let mode = procgen_mode(game, &self.mode)?;
        let options = Options { mode, ..Options::default() };
        if options.mode == Mode::Exploration {
            return Err(Error::Usage("--mode exploration: it is one level only".into()));
        }
        let training = seeds("--training", &self.training)?;
        let test = seeds("--test", &self.test)?;
        start_threads(self.threads)?;

        let progress = Progress::new(self.output.quiet);
        let bar = progress.work("levels", (training.len() + test.len()) as u64);
        let fingerprint = |seed| {
            audit::fingerprint(game, &options, seed).expect("the options were found to be valid")
        };
        let fingerprints = |seeds: &Range<i32>| -> Vec<Fingerprint> {
            let all = seeds.clone().into_par_iter();
            all.map(fingerprint).inspect(|_| bar.inc(1)).collect()
        };
        let (in_training, in_test) = (fingerprints(&training), fingerprints(&test));
        bar.finish_and_clear();
        let count = |of: fn(&Fingerprint) -> u128| {
            let part = |all: &[Fingerprint]| all.iter().map(of).collect::<Vec<_>>();
            Repeats::count(&part(&in_training), &part(&in_test))
        };
        let audited = Audited {
            game: game.facts.name,
            mode: self.mode.clone(),
            same_world: count(|f| f.world),
            same_look: count(|f| f.look),
            training,
            test,
        };
        self.output.say(&audited.text());
        self.output.json(&audited)?;

        if let Some(path) = &self.replace {
            let worlds: Vec<u128> = in_training.iter().map(|f| f.world).collect();
            let test: Vec<_> = audited.test.clone().zip(in_test.iter().map(|f| f.world)).collect();
            let tries = TRIES.saturating_mul(test.len() as i32);
            let next = audited.test.end;
            let levels =
                without_repeats(&worlds, &test, next, tries, |seed| fingerprint(seed).world)
                    .map_err(|missing| {
                        Error::Usage(format!(
                            "--replace: {missing} of {} levels are still missing after {tries} \
                             more seeds: the game has too few worlds in this mode",
                            test.len()
                        ))
                    })?;
            let settings = TestLevels {
                environment: format!("procgen:{}", game.facts.name),
                env: LevelOptions { mode: self.mode, levels },
            };
            let text = toml::to_string(&settings).expect("plain data always serialises");
            write_atomic(path, text.as_bytes())?;
            self.output.say(&format!("test levels without repeats: {}", path.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Audited {
    fn text(&self) -> String {
        let Self { game, mode, training, test, .. } = self;
        let mut text = format!(
            "{game}, {mode}: training levels {}..{}, test levels {}..{}",
            training.start, training.end, test.start, test.end
        );
        for (name, repeats) in [("the same world", &self.same_world), ("and look", &self.same_look)]
        {
            let share = |n: usize, of: &Range<i32>| {
                format!("{n} of {} ({:.1} %)", of.len(), 100.0 * n as f64 / of.len() as f64)
            };
            text += &format!(
                "\n  {name:14}  test levels that occur in training: {}\
                 \n  {:14}  repeats among test levels: {}\
                 \n  {:14}  repeats among training levels: {}",
                share(repeats.test_in_training, test),
                "",
                share(repeats.within_test, test),
                "",
                share(repeats.within_training, training),
            );
        }
        text
    }
}

fn written((first, end): (i32, i32)) -> String {
    format!("{first}..{end}")
}

/// A range such as `1000..2024`.
fn seeds(flag: &str, text: &str) -> Result<Range<i32>> {
    let range = text
        .split_once("..")
        .and_then(|(first, end)| Some(first.parse::<i32>().ok()?..end.parse::<i32>().ok()?))
        .filter(|range| range.start >= 0 && !range.is_empty());
    range.ok_or_else(|| {
        Error::Usage(format!(
            "{flag} {text}: must be FIRST..END with 0 <= FIRST < END <= 2147483647, \
             like 1000..2024"
        ))
    })
}
