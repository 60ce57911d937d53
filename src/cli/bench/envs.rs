use super::{Repeated, environments, threads};
use crate::{
    bench::results::{self, Measurement, Results, Run},
    device::Device,
    error::{Error, Result},
    learn::{impala::FRAME, pixels::Eyes},
    pool::Pool,
    render::pictures::{Originals, Pictures},
    run::{config::Config, progress::Progress},
};
use clap::Args;
use cpu_time::ThreadTime;
use gslab_envs::{
    ActionSpace, Spec,
    batch::Actions,
    levels::{LevelSet, Order},
    procgen::{
        Options,
        games::{self, Entry},
        world::{ACTIONS, Original},
    },
    rng::Stream,
};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

/// Random actions are drawn once; a prime number of rows, so that worlds do not repeat each other's.
const TABLE: usize = 65_537;
/// Steps of every world between two looks at the clock.
const STEPS: usize = 16;

#[derive(Args)]
pub struct Envs {
    /// Environments; games of Procgen also by their own names [default: all]
    environments: Vec<String>,
    /// Simulate only; of Procgen also steps within levels, and levels, apart
    #[arg(long)]
    no_draw: bool,
    /// Draw the original's images: a copy of the folder `procgen/data/assets` of the package
    /// procgen 0.10.7
    #[arg(long, value_name = "DIR", conflicts_with = "no_draw")]
    procgen_assets: Option<PathBuf>,
    /// Worlds that are stepped together; several sizes are measured in turn
    #[arg(long = "environments", value_name = "N,…", value_delimiter = ',', default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    worlds: Vec<u32>,
    /// Worker threads; several numbers are measured in turn
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Vec<u32>,
    /// Change an option of the environments, such as env.mode=easy. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    repeated: Repeated,
}

impl Envs {
    pub fn run(self) -> Result<ExitCode> {
        let output = &self.repeated.output;
        output.check()?;
        let configs = environments(&self.environments, &self.settings)?;
        let originals = self.procgen_assets.as_deref().map(Originals::open).transpose()?;

        let progress = Progress::new(output.quiet);
        let sizes = self.worlds.len() * self.threads.len();
        let bar = progress.work("bench", (configs.len() * sizes) as u64);
        output.say(results::HEAD);
        let mut measured = Vec::new();
        for config in &configs {
            for &n in &self.threads {
                for &worlds in &self.worlds {
                    let done = threads(n as usize)?
                        .install(|| self.measure(config, originals.as_ref(), worlds))?;
                    done.iter().for_each(|m| progress.clear(|| output.say(&results::line(m))));
                    measured.extend(done);
                    bar.inc(1);
                }
            }
            if let (true, Some(game)) = (self.no_draw, game(config)) {
                let done = self.apart(game, config)?;
                done.iter().for_each(|m| progress.clear(|| output.say(&results::line(m))));
                measured.extend(done);
            }
        }
        bar.finish_and_clear();
        for (items, sizes, mean) in results::geometric_means(&measured) {
            output.say(&format!("geometric mean of {items}, {sizes}: {}", results::grouped(mean)));
        }
        let device = Device::Cpu.describe().driver;
        output.json(&Results::new("bench envs", device, measured))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Steps of a batch, with frames where there are any to be drawn.
    fn measure(
        &self,
        config: &Config,
        originals: Option<&Originals>,
        worlds: u32,
    ) -> Result<Vec<Measurement>> {
        let family = config.family()?;
        let variations = (0..family.spec().variations).collect();
        let levels = LevelSet::new(variations, Order::Uniform, 0)
            .map_err(|e| Error::Usage(format!("{}: {e}", config.environment)))?;
        let n = worlds as usize;
        let mut pool = Pool::new(&*family, &levels, n);
        let mut actions = RandomActions::new(family.spec(), n);
        let mut eyes = match game(config) {
            Some(_) if self.no_draw => None,
            Some(game) => Some(match originals {
                Some(originals) => Eyes::of(originals.of(game.facts.name)?),
                None => Eyes::of(Arc::new(Pictures::built_in(&config.environment, 64))),
            }),
            None => None,
        };
        let all: Vec<usize> = (0..n).collect();
        let mut pixels = vec![0; if eyes.is_some() { n * FRAME } else { 0 }];
        let mut ended = Vec::new();
        let items = if eyes.is_some() { "frames" } else { "steps" };
        let threads = rayon::current_num_threads() as u64;
        let sizes = [("environments", u64::from(worlds)), ("threads", threads)];
        let times = self.repeated.times();
        Ok(vec![Measurement::of((&config.environment, items), &sizes, times, || {
            for _ in 0..STEPS {
                pool.step(actions.next(), &mut ended).expect("the table has the space's actions");
                if let Some(eyes) = &mut eyes {
                    eyes.look(&pool, &all, &mut pixels);
                }
            }
            ended.clear();
            (STEPS * n) as f64
        })])
    }

    /// Steps within levels and the making of levels of a Procgen game, apart, on one thread.
    fn apart(&self, game: &Entry, config: &Config) -> Result<Vec<Measurement>> {
        let options: Options = config.env.clone().try_into().expect("the environment was built");
        let mut worlds = (0..64)
            .map(|index| game.original(&options, 0, 0, index))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::Usage(e.to_string()))?;
        let noise = Stream::new(0, "bench");
        let actions: Vec<i32> =
            (0..TABLE as u64).map(|i| noise.below(0, i, ACTIONS) as i32).collect();
        let mut cursor = 0;
        let mut run = |seconds: f64| Apart::new(&mut worlds, &actions, &mut cursor, seconds);
        let (seconds, repetitions) = self.repeated.times();
        run(seconds / 2.0);
        let runs: Vec<Apart> = (0..repetitions).map(|_| run(seconds)).collect();
        let measured = |items: &str, run: fn(&Apart) -> (u64, f64)| Measurement {
            name: config.environment.clone(),
            items: items.into(),
            parameters: [("environments".into(), 64), ("threads".into(), 1)].into(),
            operations: None,
            bytes: None,
            runs: runs
                .iter()
                .map(run)
                .map(|(items, s)| Run { items: items as f64, wall: s, cpu: s })
                .collect(),
        };
        Ok(vec![
            measured("steps within levels", |run| (run.steps, run.stepping)),
            measured("levels", |run| (run.levels, run.making)),
        ])
    }
}

/// The Procgen game that an environment is.
fn game(config: &Config) -> Option<&'static Entry> {
    games::find(config.environment.strip_prefix("procgen:")?)
}

/// Actions without a plan, drawn before anything is measured.
struct RandomActions {
    space: ActionSpace,
    worlds: usize,
    discrete: Vec<u32>,
    continuous: Vec<f32>,
    at: usize,
}

impl RandomActions {
    fn new(spec: &Spec, worlds: usize) -> Self {
        let noise = Stream::new(0, "bench");
        let (space, at) = (spec.action, 0);
        let (mut discrete, mut continuous) = (Vec::new(), Vec::new());
        match space {
            ActionSpace::Discrete { n } => {
                let rows = TABLE + worlds;
                discrete = (0..rows as u64).map(|i| noise.below(0, i, n)).collect();
            }
            ActionSpace::Continuous { dim } => {
                let rows = TABLE / dim + worlds;
                let row = |i: u64| (0..dim as u32).map(move |d| noise.normal(d, i)[0]);
                continuous = (0..rows as u64).flat_map(row).collect();
            }
        }
        Self { space, worlds, discrete, continuous, at }
    }

    /// Of every world.
    fn next(&mut self) -> Actions<'_> {
        let n = self.worlds;
        match self.space {
            ActionSpace::Discrete { .. } => {
                self.at = (self.at + n) % TABLE;
                Actions::Discrete(&self.discrete[self.at..self.at + n])
            }
            ActionSpace::Continuous { dim } => {
                self.at = (self.at + n) % (TABLE / dim);
                Actions::Continuous(&self.continuous[self.at * dim..(self.at + n) * dim])
            }
        }
    }
}

/// What was done, and the CPU seconds it took.
#[derive(Default)]
struct Apart {
    steps: u64,
    stepping: f64,
    levels: u64,
    making: f64,
}

impl Apart {
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
                for _ in 0..2 * STEPS {
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
