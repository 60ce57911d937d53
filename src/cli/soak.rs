use super::{
    Machine,
    bench::config,
    task::{self, Job},
};
use crate::{
    bench::{drift::Drift, results::grouped},
    error::{Error, Result},
    gsl::algorithm1::NewWeights,
    learn::agent::Agent,
    run::{
        file::FileError,
        phase::{Context, Flow, Phase},
    },
};
use clap::Args;
use serde::Serialize;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use sysinfo::{Pid, ProcessesToUpdate, System};
use temp_dir::TempDir;

/// The first part of the time is not looked at: caches fill, and memory is taken for the first
/// time.
const WARM_UP: f64 = 0.25;
/// Memory that grows by more of itself than this in the time that is looked at is said to grow.
const GROWTH: f64 = 0.01;

#[derive(Args)]
pub struct Soak {
    /// What is trained: a preset or an environment; a game of Procgen also by its own name
    #[arg(value_name = "PRESET|ENV")]
    source: String,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = parse_minutes)]
    minutes: f64,
    /// Change a setting. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    machine: Machine,
}

/// What was seen after an iteration.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sight {
    /// Since the beginning.
    minutes: f64,
    samples_per_second: f64,
    /// Bytes of this process.
    host_memory: u64,
    /// Bytes that are in use on the GPU; 0 without one.
    device_memory: u64,
}

/// What came of it; per hour.
#[derive(Serialize)]
struct Found {
    environment: String,
    device: String,
    samples_per_second: Option<Drift>,
    host_memory: Option<Drift>,
    device_memory: Option<Drift>,
    memory_grows: bool,
    sights: Vec<Sight>,
}

impl Soak {
    pub fn run(self) -> Result<ExitCode> {
        let config = config(&self.source, &self.settings)?.with_trained(&[])?;
        let family = config.family()?;
        let (device, progress) = self.machine.start_for(config.algorithm, family.spec())?;
        let dir = TempDir::new()
            .map_err(FileError::io("create a directory in", &std::env::temp_dir()))?;
        let (family, device) = (&*family, &device);
        let context = Context { run: dir.path(), config: &config, family, device, progress };
        let sights = task::with_agent(&context, Soaked { time: self.time() })?;
        let found = self.judge(&context, sights);
        let output = &self.machine.output;
        let line = |what: &str, drift: Option<Drift>, scale: f64, unit: &str| {
            let text = drift.map_or("too few iterations".into(), |Drift { mean, slope, error }| {
                format!(
                    "{:>14} {unit}, {:+.2} ± {:.2} % an hour",
                    grouped(mean / scale),
                    100.0 * slope / mean,
                    200.0 * error / mean
                )
            });
            output.say(&format!("{what:16} {text}"));
        };
        let mib = f64::from(1 << 20);
        line("throughput", found.samples_per_second, 1.0, "samples/s");
        line("host memory", found.host_memory, mib, "MiB");
        if device.is_gpu() {
            line("device memory", found.device_memory, mib, "MiB");
        }
        output.say(if found.memory_grows { "memory GROWS" } else { "memory does not grow" });
        output.json(&found)?;
        Ok(if found.memory_grows { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn time(&self) -> Duration {
        Duration::from_secs_f64(60.0 * self.minutes)
    }

    fn judge(&self, context: &Context<'_>, sights: Vec<Sight>) -> Found {
        let last = sights.last().map_or(0.0, |sight| sight.minutes);
        let warm: Vec<&Sight> =
            sights.iter().filter(|sight| sight.minutes >= WARM_UP * last).collect();
        let drift = |value: fn(&Sight) -> f64| {
            let points = warm.iter().map(|sight| (sight.minutes / 60.0, value(sight)));
            Drift::of(&points.collect::<Vec<_>>())
        };
        let host_memory = drift(|sight| sight.host_memory as f64);
        let device_memory = drift(|sight| sight.device_memory as f64);
        let hours = (1.0 - WARM_UP) * last / 60.0;
        let grows = |drift: &Drift| drift.grows(GROWTH, hours);
        let memory_grows = [host_memory, device_memory].iter().flatten().any(grows);
        Found {
            environment: context.config.environment.clone(),
            device: context.device.describe().to_string(),
            samples_per_second: drift(|sight| sight.samples_per_second),
            host_memory,
            device_memory,
            memory_grows,
            sights,
        }
    }
}

/// Trains until the time is over.
struct Soaked {
    time: Duration,
}

impl Job for Soaked {
    type Done = Vec<Sight>;

    fn perform<A: Agent>(
        self,
        context: &Context<'_>,
        new: NewWeights<'_, A>,
    ) -> Result<Vec<Sight>> {
        let phase = Phase::<A> {
            name: "soak".into(),
            dir: context.run.join("train"),
            seed: 0,
            variations: context.variations(),
            weights: new(0),
            reward_scale: None,
            replay: None,
            learning: context.config.learning(),
            demonstrations: None,
            anneal: None,
            keep_best: false,
        };
        let samples = A::schedule(&phase.learning).samples() as f64;
        let (mut system, this) = (System::new(), Pid::from_u32(std::process::id()));
        let (began, mut before) = (Instant::now(), Instant::now());
        let mut sights = Vec::new();
        let result = phase.run(context, u64::MAX / samples as u64, &mut |_| {
            system.refresh_processes(ProcessesToUpdate::Some(&[this]), true);
            sights.push(Sight {
                minutes: began.elapsed().as_secs_f64() / 60.0,
                samples_per_second: samples / before.elapsed().as_secs_f64(),
                host_memory: system.process(this).map_or(0, |process| process.memory()),
                device_memory: context.device.memory(),
            });
            before = Instant::now();
            Ok(if began.elapsed() < self.time { Flow::Continue } else { Flow::Stop })
        });
        match result {
            // What was seen so far is as good.
            Err(Error::Interrupted(_)) if sights.len() > 2 => {}
            other => other.map(drop)?,
        }
        Ok(sights)
    }
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (0.01..=100_000.0).contains(&minutes) => Ok(minutes),
        _ => Err("must be from 0.01 to 100000".into()),
    }
}
