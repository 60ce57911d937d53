use super::{config, machine::of_device};
#[cfg(feature = "gpu")]
use crate::learn::cloud;
use crate::{
    bench::{
        attribution::{Ceilings, Iteration, Moment, measurements, table},
        costs::{Cost, Costs, Inference, add_auxiliary_phases, costs_of_ppo, costs_of_sac},
        results::{Measurement, Per, Results},
    },
    cli::{
        Machine,
        task::{self, Job},
    },
    error::{Error, Result},
    gsl::algorithm1::NewWeights,
    learn::{
        actor_critic::Weights,
        agent::{Agent, Learning},
        impala::FRAME,
        ppg::Form,
        sac,
    },
    run::{
        config::{Algorithm, Config},
        file::FileError,
        phase::{Context, Flow, Phase},
    },
    trace::{self, Detail, Stage},
};
use clap::Args;
use gslab_envs::ActionSpace;
use std::{collections::BTreeMap, ops::Range, process::ExitCode, time::Instant};
use temp_dir::TempDir;

#[derive(Args)]
pub struct Pipeline {
    /// What is trained: a preset or an environment; a game of Procgen also by its own name
    #[arg(value_name = "PRESET|ENV")]
    source: String,
    /// Iterations that are measured; with a GPU as many again, in which it notes its own times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    iterations: u64,
    /// Iterations before those
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    warm_up: u64,
    /// Stages to list; the last lines look at all [default: all]
    #[arg(long, value_enum, value_name = "STAGE,…", value_delimiter = ',')]
    stages: Vec<Stage>,
    /// Change a setting. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    machine: Machine,
}

impl Pipeline {
    pub fn run(self) -> Result<ExitCode> {
        let config = config(&self.source, &self.settings)?.with_trained(&[])?;
        trace::device::want();
        let family = config.family()?;
        let (device, progress) = self.machine.start_for(config.algorithm, family.spec())?;
        let dir = TempDir::new()
            .map_err(FileError::io("create a directory in", &std::env::temp_dir()))?;
        let context = Context {
            run: dir.path(),
            config: &config,
            family: &*family,
            device: &device,
            progress: progress.clone(),
        };
        let recorded = task::with_agent(&context, Recorded { pipeline: &self })?;
        let Measured { iterations, samples, environments } = recorded;
        let threads = rayon::current_num_threads() as u64;
        let parameters = BTreeMap::from([
            ("environments".to_owned(), environments),
            ("threads".to_owned(), threads),
        ]);
        let timed = iterations.iter().any(Iteration::has_gpu_times);
        let count = iterations.len() as u64;
        // The costs of those that the GPU was timed in are beside its times.
        let first = self.warm_up + if timed { count } else { 0 };
        let costs = match device.is_gpu() && !timed {
            true => Costs::default(),
            false => costs(&config, first..first + count)?,
        };
        let stages = measurements(&config.environment, &parameters, samples, &iterations, &costs);
        let machine = of_device(&device, (0.2, 3))?;
        let rate = |of: &Measurement| of.rate(Per::Second).highest;
        let crossing = match &machine[..] {
            [_, _, there, back, ..] => Some((rate(there), rate(back))),
            _ => None,
        };
        let ceilings =
            Ceilings { operations: rate(&machine[0]), bytes: rate(&machine[1]), crossing };
        let attributed = iterations.iter().map(Iteration::attributed).sum::<f64>();
        let output = &self.machine.output;
        output.say(&format!(
            "{} on {}, {threads} threads: {} iterations of {samples} samples, {:.1} % of the time \
             attributed\n{}",
            config.environment,
            device.describe(),
            iterations.len(),
            100.0 * attributed / iterations.len() as f64,
            table(&stages, ceilings, &self.stages)
        ));
        let all = stages.into_iter().chain(machine).collect();
        output.json(&Results::new("bench pipeline", device.describe().to_string(), all))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a sample takes by the book, on average over some iterations, counted from 0.
fn costs(config: &Config, iterations: Range<u64>) -> Result<Costs> {
    let family = config.family()?;
    let spec = family.spec();
    let Learning { ppo, sac, ppg, .. } = config.learning();
    let mut costs = match (spec.action, config.algorithm) {
        #[cfg(feature = "gpu")]
        (ActionSpace::Continuous { dim }, Algorithm::Sac) if spec.points > 0 => {
            let of = |action, outputs| {
                Inference::of_cloud(&cloud::Architecture::new(spec, action, outputs, &config.cloud))
            };
            costs_of_sac(of(0, 2 * dim), of(dim, 1), rows_a_sample(&sac), sac.minibatch)
        }
        (ActionSpace::Continuous { dim }, Algorithm::Sac) => {
            let weights = sac::Weights::new(spec.observation, dim, &sac, 0);
            let policy = Inference::of_layers(&weights.policy.shape);
            let critic = Inference::of_layers(&weights.critics[0].network.shape);
            costs_of_sac(policy, critic, rows_a_sample(&sac), sac.minibatch)
        }
        (ActionSpace::Continuous { .. }, _) => {
            let Weights { policy_shape, value_shape, .. } =
                Weights::new(&config.architecture(&*family)?, 0);
            let policy = Inference::of_layers(&policy_shape);
            let networks = policy.and(Inference::of_layers(&value_shape));
            costs_of_ppo(networks, ppo.epochs, ppo.minibatch)
        }
        (action @ ActionSpace::Discrete { .. }, algorithm) => {
            let network = Inference::of_impala(&config.pixel_architecture(action)?);
            // What PPG's policy adds to its outputs is next to nothing.
            let twice = algorithm == Algorithm::Ppg && ppg.form == Form::Dual;
            let networks = if twice { network.and(network) } else { network };
            let mut costs = costs_of_ppo(networks, ppo.epochs, ppo.minibatch);
            if algorithm == Algorithm::Ppg {
                let each = ppg.policy_iterations as u64;
                let phases = iterations.end / each - iterations.start / each;
                let phases = phases as f64 / (iterations.end - iterations.start) as f64;
                let minibatch = ppg.auxiliary_environments * ppo.samples / ppo.environments;
                add_auxiliary_phases(&mut costs, (network, networks), &ppg, phases, minibatch);
            }
            costs
        }
    };
    if let ActionSpace::Discrete { .. } = spec.action {
        let frame = Cost { operations: None, bytes: Some(FRAME as f64) };
        costs.insert(Stage::Draw, frame);
    }
    Ok(costs)
}

/// Rows of the replay that SAC learns from for every sample.
fn rows_a_sample(sac: &sac::Config) -> f64 {
    (sac.updates * sac.minibatch) as f64 / sac.collect as f64
}

/// Trains, and looks at the totals after every iteration.
struct Recorded<'a> {
    pipeline: &'a Pipeline,
}

struct Measured {
    iterations: Vec<Iteration>,
    /// Of an iteration.
    samples: f64,
    environments: u64,
}

impl Job for Recorded<'_> {
    type Done = Measured;

    fn perform<A: Agent>(self, context: &Context<'_>, new: NewWeights<'_, A>) -> Result<Measured> {
        let Pipeline { iterations, warm_up, .. } = *self.pipeline;
        let phase = Phase::<A> {
            name: "pipeline".into(),
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
        let schedule = A::schedule(&phase.learning);
        let began = Instant::now();
        let [mut moments, mut timed] = [(); 2].map(|()| Vec::new());
        let rounds = if trace::device::is_timed() { 2 } else { 1 };
        let result = phase.run(context, warm_up + rounds * iterations, &mut |seen| {
            let done = seen.curve.len() as u64;
            if done < warm_up {
                return Ok(Flow::Continue);
            }
            if done == warm_up {
                trace::record(Detail::Fine);
            }
            let recorded = trace::totals();
            let moment = Moment { wall: began.elapsed().as_secs_f64(), recorded };
            if done <= warm_up + iterations {
                moments.push(moment);
            }
            // A GPU that notes times is waited for, so what the program does meanwhile is measured
            // without.
            if done >= warm_up + iterations {
                timed.push(moment);
                trace::device::time();
            }
            Ok(Flow::Continue)
        });
        match result {
            // What was measured so far is as good; the rest goes with its directory.
            Err(Error::Interrupted(_)) if moments.len() > 1 => {}
            other => other.map(drop)?,
        }
        let threads = rayon::current_num_threads();
        let between = |pair: &[Moment]| Iteration::between(&pair[0], &pair[1], threads);
        let iterations = moments.windows(2).map(between);
        let mut timed = timed.windows(2).map(between);
        let both = |iteration: Iteration| match timed.next() {
            Some(timed) => iteration.with_gpu_times(&timed),
            None => iteration,
        };
        Ok(Measured {
            iterations: iterations.map(both).collect(),
            samples: schedule.samples() as f64,
            environments: schedule.environments as u64,
        })
    }
}
