//! What runs do, whether they begin or go on.

use super::{Machine, NewRun};
#[cfg(feature = "gpu")]
use crate::learn::{
    pixels::gpu::ResidentPixels, ppg::gpu::ResidentPhasic, sac::cloud::CloudNetworks,
};
use crate::{
    error::{Error, Result},
    experiments::{
        ablations,
        maze::{self, figure, report, result::MazeResult},
        procgen, pushchair,
    },
    gsl::{
        algorithm1::{Algorithm1, NewWeights},
        config::Inherit,
        demos::{Collected, Demonstrator, Wanted, collect_demonstrations},
        evaluate::{Evaluation, evaluate},
    },
    learn::{
        actor_critic,
        agent::Agent,
        dapg, impala,
        pixels::{Pixels, memory::Needs},
        ppg::{self, Phasic},
        replay::{Form, memory::Needs as ReplayNeeds},
        sac::{self, agent::SacAgent},
        vectors::GaussianAgent,
    },
    render::pictures,
    run::{
        config::{self, Algorithm, Config},
        directory::{RunDirectory, Task},
        file::{FileError, load, store, write_atomic},
        phase::{Context, FINAL, Phase, unobserved},
    },
};
use gslab_envs::{ActionSpace, Spec, rng::derive_seed};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Settings of a preset, of an environment's defaults, or of a TOML file, by name or path.
pub fn settings(source: &str, settings: &[String]) -> Result<Config> {
    if config::PRESETS.iter().any(|p| p.name == source) {
        return Ok(Config::from_preset(source, settings)?);
    }
    if gslab_envs::registry::find(source).is_some() {
        let text = format!("environment = \"{source}\"");
        return Ok(Config::parse(&text, source, settings)?);
    }
    let path = Path::new(source);
    if path.exists() && !path.is_dir() {
        let text = fs::read_to_string(path).map_err(FileError::io("read", path))?;
        return Ok(Config::parse(&text, source, settings)?);
    }
    Err(config::unknown_source(source).into())
}

/// Begins a run.
pub fn begin(new: &NewRun, name: &str, task: &Task, config: &Config) -> Result<()> {
    let family = config.family()?;
    let (device, progress) = new.machine.start_for(config.algorithm, family.spec())?;
    check_memory(config, family.spec(), task)?;
    let directory = RunDirectory::create(&out(new, name), task, config)?;
    let context =
        Context { run: directory.path(), config, family: &*family, device: &device, progress };
    perform(&context, task, &new.machine)
}

/// Goes on with a run.
pub fn resume(path: &Path, machine: &Machine) -> Result<()> {
    let (directory, task, config) = RunDirectory::open(path)?;
    let family = config.family()?;
    let (device, progress) = machine.start_for(config.algorithm, family.spec())?;
    check_memory(&config, family.spec(), &task)?;
    let context = Context {
        run: directory.path(),
        config: &config,
        family: &*family,
        device: &device,
        progress,
    };
    perform(&context, &task, machine)
}

/// The wanted directory, or the first of `runs/NAME-1`, `runs/NAME-2` … that does not exist.
fn out(new: &NewRun, name: &str) -> PathBuf {
    new.out.clone().unwrap_or_else(|| {
        (1u32..)
            .map(|n| Path::new("runs").join(format!("{name}-{n}")))
            .find(|path| !path.exists())
            .expect("there are more numbers than directories")
    })
}

/// Whether replays and demonstrations fit into the memory that is free.
fn check_memory(config: &Config, spec: &Spec, task: &Task) -> Result<()> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limits = system.cgroup_limits();
    let free = limits.map_or(u64::MAX, |limits| limits.free_memory).min(system.available_memory());
    let gsl = &config.gsl;
    // The generalist shows what no specialist is for.
    let rest = if gsl.low_variations < spec.variations as usize {
        gsl.generalist_demonstration_samples
    } else {
        0
    };
    let shown = gsl.specialists as u64 * gsl.demonstration_samples + rest;
    let merges = !matches!(task, Task::Train { .. });
    if config.algorithm == Algorithm::Sac {
        let form = Form::of(spec, config.sac.environments);
        let rows = |samples: u64| samples.min(config.sac.capacity as u64);
        let mut phases = vec![(1, rows(config.total_samples), config.gail.expert_samples)];
        if merges {
            let together = gsl.specialists.min(rayon::current_num_threads()) as u64;
            // Experiments train their baseline on beside the specialists.
            let beside = u64::from(!matches!(task, Task::Gsl { .. }));
            phases[0].2 = 0;
            let begun = |who| if gsl.inherit_replay >= who { config.total_samples } else { 0 };
            let specialists = rows(begun(Inherit::All) + gsl.specialist_samples);
            phases.push((together + beside, specialists, 0));
            phases.push((1, rows(begun(Inherit::Merge) + gsl.merge_samples), shown));
        }
        for (replays, rows, demonstrations) in phases {
            ReplayNeeds { form, rows, replays, demonstrations }.fit(free)?;
        }
    } else if let (Task::Gsl { .. } | Task::ReproduceProcgen { .. }, ActionSpace::Discrete { .. }) =
        (task, spec.action)
    {
        dapg::categorical::fit(shown, free)?;
    }
    Ok(())
}

fn perform(context: &Context<'_>, task: &Task, machine: &Machine) -> Result<()> {
    let worked = with_agent(context, Learned { task, machine });
    context.progress.say(&context.progress.throughput());
    worked
}

struct Learned<'a> {
    task: &'a Task,
    machine: &'a Machine,
}

impl Job for Learned<'_> {
    type Done = ();

    fn perform<A: Agent>(self, context: &Context<'_>, new: NewWeights<'_, A>) -> Result<()> {
        learn::<A>(context, self.task, self.machine, new)
    }
}

/// Something to do with an agent, of whatever kind.
pub trait Job: Send {
    type Done: Send;

    fn perform<A: Agent>(self, context: &Context<'_>, new: NewWeights<'_, A>)
    -> Result<Self::Done>;
}

/// Does it with the kind of agent that the settings ask for, on a worker thread.
///
/// # Errors
/// There is no such agent, the device was lost, or what the job says.
pub fn with_agent<J: Job>(context: &Context<'_>, job: J) -> Result<J::Done> {
    // On a thread of the pool: from outside every parallel loop would have to wake one and wait.
    let worked = rayon::scope(|scope| {
        if let ActionSpace::Discrete { .. } = context.family.spec().action {
            scope.spawn(|_| pictures::unpack());
        }
        context.device.work(|| {
            let config = context.config;
            let action = context.family.spec().action;
            if let (ActionSpace::Continuous { dim }, Algorithm::Sac) = (action, config.algorithm) {
                let spec = context.family.spec();
                #[cfg(feature = "gpu")]
                if spec.points > 0 {
                    if !context.device.is_gpu() {
                        let slow = "without a GPU to learn from clouds of points takes long: lower \
                                    cloud.width and sac.minibatch, or see docs/clouds.md";
                        context.progress.say(slow);
                    }
                    let new =
                        |seed| sac::cloud::weights(spec, dim, &config.cloud, &config.sac, seed);
                    return job.perform::<SacAgent<CloudNetworks>>(context, &new);
                }
                let new = |seed| sac::Weights::new(spec.observation, dim, &config.sac, seed);
                return job.perform::<SacAgent>(context, &new);
            }
            if let ActionSpace::Continuous { .. } = action {
                let architecture = config.architecture(context.family)?;
                let new = |seed| actor_critic::Weights::new(&architecture, seed);
                return job.perform::<GaussianAgent>(context, &new);
            }
            let architecture = config.pixel_architecture(action)?;
            let initial = config.impala.initialisation;
            if config.algorithm == Algorithm::Ppg {
                let form = config.ppg.form;
                let new = |seed| ppg::Weights::new(form, &architecture, initial, seed);
                #[cfg(feature = "gpu")]
                if context.device.is_gpu() {
                    return job.perform::<ResidentPixels<ResidentPhasic>>(context, &new);
                }
                return job.perform::<Pixels<Phasic>>(context, &new);
            }
            let new = |seed| impala::cpu::Weights::new(architecture.clone(), initial, seed);
            #[cfg(feature = "gpu")]
            if context.device.is_gpu() {
                return job.perform::<ResidentPixels>(context, &new);
            }
            job.perform::<Pixels>(context, &new)
        })
    });
    worked.map_err(|error| {
        let config = context.config;
        let architecture = config.pixel_architecture(context.family.spec().action).ok();
        let needs =
            architecture.map(|a| Box::new(Needs::new(&config.learning(), config.algorithm, &a)));
        Error::LostDevice { run: context.run.into(), error, needs }
    })?
}

fn say_report(context: &Context<'_>, machine: &Machine) {
    machine.output.say(&format!("report: {}", context.run.join("report.html").display()));
}

fn write_json(context: &Context<'_>, result: &impl Serialize) -> Result<()> {
    let json =
        serde_json::to_string_pretty(result).expect("results are plain data that always serialise");
    Ok(write_atomic(&context.run.join("result.json"), json.as_bytes())?)
}

fn write_maze(context: &Context<'_>, result: &MazeResult) -> Result<()> {
    let options = maze::options(context.config)?;
    write_json(context, result)?;
    let drawing = |e: &dyn std::fmt::Display| Error::Figure(e.to_string());
    figure::save(context.run, result, &options).map_err(|e| drawing(&e))?;
    report::write_report(context.run, result, &context.config.to_toml()).map_err(|e| drawing(&e))
}

/// One seed's measured policy.
#[derive(Serialize)]
struct SeedScore {
    seed: u64,
    evaluation: Evaluation,
}

/// A task of one kind of agent.
fn learn<A: Agent>(
    context: &Context<'_>,
    task: &Task,
    machine: &Machine,
    new: NewWeights<'_, A>,
) -> Result<()> {
    match *task {
        Task::ReproduceProcgen { first_seed, seeds, scale, cloning } => {
            let experiment = procgen::Experiment { scale, cloning };
            let result = procgen::reproduce::<A>(context, (first_seed, seeds), experiment, new)?;
            write_json(context, &result)?;
            procgen::report::save_figures(context.run, &result)
                .map_err(|e| Error::Figure(e.to_string()))?;
            procgen::report::write_report(context.run, &result, context.config)?;
            machine.output.json(&result)?;
            machine.output.say(&procgen::report::summary_table(&result));
            say_report(context, machine);
            Ok(())
        }
        Task::ReproducePushChair { first_seed, seeds, scale } => {
            let result = pushchair::reproduce::<A>(context, (first_seed, seeds), scale, new)?;
            write_json(context, &result)?;
            pushchair::report::save_figure(context.run, &result)
                .map_err(|e| Error::Figure(e.to_string()))?;
            pushchair::report::write_report(context.run, &result, context.config)?;
            machine.output.json(&result)?;
            machine.output.say(&pushchair::report::summary_table(&result));
            say_report(context, machine);
            Ok(())
        }
        Task::Ablation(ablation) => {
            let shown = ablation.run::<A>(context, new)?;
            write_json(context, &shown.result)?;
            ablations::report::write(context.run, ablation, &shown, context.config)?;
            machine.output.json(&shown.result)?;
            machine.output.say(&ablations::report::summary(&shown, &context.config.environment));
            say_report(context, machine);
            Ok(())
        }
        Task::Train { first_seed, seeds } => {
            each_seed::<A>(context, machine, first_seed, seeds, |dir, seed| {
                train::<A>(context, dir, seed, new)
            })
        }
        Task::ReproduceMaze { first_seed, seeds } => {
            let result = maze::reproduce(context, first_seed, seeds)?;
            write_maze(context, &result)?;
            machine.output.json(&result)?;
            machine.output.say(&report::summary_table(&result));
            say_report(context, machine);
            Ok(())
        }
        Task::Gsl { first_seed, seeds } => {
            each_seed::<A>(context, machine, first_seed, seeds, |dir, seed| {
                let label = if seeds > 1 { format!("seed {seed}: ") } else { String::new() };
                let algorithm = Algorithm1::<A> { context, dir, seed, label, new };
                Ok(algorithm.run(|_| Ok(()))?.0.weights)
            })
        }
    }
}

/// One policy for each seed, measured and kept.
fn each_seed<A: Agent>(
    context: &Context<'_>,
    machine: &Machine,
    first_seed: u64,
    seeds: u64,
    make: impl Fn(&Path, u64) -> Result<A::Weights>,
) -> Result<()> {
    let mut scores = Vec::new();
    for seed in first_seed..first_seed + seeds {
        let dir = context.run.join(format!("seed-{seed}"));
        let weights = make(&dir, seed)?;
        store(&dir.join(FINAL), &weights)?;
        let settings = &context.config.evaluation;
        let evaluation = evaluate(
            context.family,
            &mut context.agent::<A>(weights),
            &context.variations(),
            settings.episodes,
            settings.acting,
            derive_seed(seed, "final"),
        );
        machine.output.say(&format!(
            "seed {seed}: mean return {:.2}, success {:.3}",
            evaluation.mean_return(),
            evaluation.success()
        ));
        scores.push(SeedScore { seed, evaluation });
    }
    machine.output.json(&scores)
}

fn train<A: Agent>(
    context: &Context<'_>,
    dir: &Path,
    seed: u64,
    new: NewWeights<'_, A>,
) -> Result<A::Weights> {
    let name = format!("seed {seed}");
    let shown = expert_demonstrations::<A>(context, dir, seed, new)?;
    let seed = derive_seed(seed, "generalist");
    let phase = Phase::<A> {
        name,
        dir: dir.join("train"),
        seed,
        variations: context.variations(),
        weights: new(seed),
        reward_scale: None,
        replay: None,
        learning: context.config.learning(),
        demonstrations: shown.as_ref(),
        anneal: None,
        keep_best: false,
    };
    let iterations = A::schedule(&phase.learning).iterations(context.config.total_samples);
    Ok(phase.run(context, iterations, &mut unobserved)?.weights)
}

/// What the environment's scripted policy demonstrates, if that was asked for. A run that is
/// resumed reads it.
fn expert_demonstrations<A: Agent>(
    context: &Context<'_>,
    dir: &Path,
    seed: u64,
    new: NewWeights<'_, A>,
) -> Result<Option<A::Demonstrations>> {
    let config = context.config;
    let samples = config.gail.expert_samples;
    if samples == 0 {
        return Ok(None);
    }
    let path = dir.join("demonstrations.bin");
    if path.exists() {
        return Ok(Some(load(&path)?));
    }
    let seed = derive_seed(seed, "expert");
    let threshold = config.gsl.demonstration_threshold;
    let wanted = Wanted {
        name: "expert",
        by: Demonstrator::Expert,
        variations: &context.variations(),
        samples,
        samples_in_all: samples,
        threshold,
        seed,
    };
    let mut all = Collected::default();
    let kept = collect_demonstrations::<A>(context, &new(seed), &wanted, &mut all)?;
    let Collected { demonstrations, samples: tried } = all;
    if kept == 0 {
        return Err(Error::NoDemonstrations { threshold, tried });
    }
    context.progress.say(&format!(
        "expert: {kept} transitions of {tried} are in episodes with a return above {threshold}"
    ));
    std::fs::create_dir_all(dir).map_err(FileError::io("create", dir))?;
    store(&path, &demonstrations)?;
    Ok(Some(demonstrations))
}
