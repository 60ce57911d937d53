use super::{Repeated, config, threads};
use crate::{
    bench::results::{self, Measurement, Results},
    cli::task::{self, Job},
    device::{self, Device, DeviceChoice},
    error::{Error, Result},
    gsl::algorithm1::NewWeights,
    learn::agent::{Agent, Pairs},
    pool::Pool,
    run::{config::Config, phase::Context, progress::Progress},
};
use clap::Args;
use gslab_envs::{
    levels::{LevelSet, Order},
    rng::Stream,
};
use std::{path::Path, process::ExitCode};

#[derive(Args)]
pub struct Networks {
    /// Environments or presets whose policies are measured; games of Procgen also by their own
    /// names
    #[arg(value_name = "PRESET|ENV", required = true)]
    environments: Vec<String>,
    /// Samples of a pass; several sizes are measured in turn
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "64,1024", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: Vec<u32>,
    /// Worker threads; several numbers are measured in turn [default: one for each core]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Vec<u32>,
    /// Where the networks are
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceChoice,
    /// Change a setting, such as impala.channels. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    repeated: Repeated,
}

/// What is measured of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Forward: the likelihoods of actions that were taken.
    Infer,
    /// Forward, backward and Adam, to make them likelier.
    Train,
}

impl Networks {
    pub fn run(self, pass: Pass) -> Result<ExitCode> {
        let output = &self.repeated.output;
        output.check()?;
        let device = device::open(self.device)?;
        let default = std::thread::available_parallelism().map_or(1, usize::from) as u32;
        let numbers = if self.threads.is_empty() { &[default] } else { &self.threads[..] };
        output.say(results::HEAD);
        let mut measured = Vec::new();
        for name in &self.environments {
            let config = config(name, &self.settings)?;
            for &n in numbers {
                let done =
                    threads(n as usize)?.install(|| self.measure(name, pass, &config, &device))?;
                done.iter().for_each(|m| output.say(&results::line(m)));
                measured.extend(done);
            }
        }
        let command = if pass == Pass::Infer { "bench infer" } else { "bench train" };
        let adapter = device.describe();
        let device = if device.is_gpu() { adapter.to_string() } else { adapter.driver };
        output.json(&Results::new(command, device, measured))?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(
        &self,
        name: &str,
        pass: Pass,
        config: &Config,
        device: &Device,
    ) -> Result<Vec<Measurement>> {
        let family = config.family()?;
        let progress = Progress::new(true);
        let context = Context { run: Path::new(""), config, family: &*family, device, progress };
        task::with_agent(&context, Passes { name, pass, networks: self })
    }
}

struct Passes<'a> {
    name: &'a str,
    pass: Pass,
    networks: &'a Networks,
}

impl Job for Passes<'_> {
    type Done = Vec<Measurement>;

    fn perform<A: Agent>(
        self,
        context: &Context<'_>,
        new: NewWeights<'_, A>,
    ) -> Result<Vec<Measurement>> {
        let mut agent: A = context.agent(new(0));
        let learning = context.config.learning();
        let n = A::schedule(&learning).environments;
        let levels = LevelSet::new(context.variations(), Order::Uniform, 0)
            .map_err(|e| Error::Usage(format!("{}: {e}", self.name)))?;
        let adam = crate::learn::adam::Settings {
            learning_rate: learning.ppo.learning_rate,
            max_grad_norm: learning.ppo.max_grad_norm,
        };
        let mut measured = Vec::new();
        for &batch in &self.networks.batch {
            let batch = batch as usize;
            let mut pool = Pool::new(context.family, &levels, n);
            let noise = Stream::new(0, "bench");
            let rollout = agent.collect(&mut pool, batch.div_ceil(n), noise, 0);
            let rows: Vec<usize> = (0..batch).collect();
            let shown = A::demonstrations(&rollout, &rows);
            let rows: Vec<u32> = (0..shown.rows() as u32).collect();
            let threads = rayon::current_num_threads() as u64;
            let sizes = [("batch", batch as u64), ("threads", threads)];
            let times = self.networks.repeated.times();
            measured.push(Measurement::of((self.name, "samples"), &sizes, times, || {
                match self.pass {
                    Pass::Infer => agent.negative_log_likelihood(&shown, &rows),
                    Pass::Train => agent.imitate(&shown, &rows, &adam),
                };
                batch as f64
            }));
        }
        Ok(measured)
    }
}
