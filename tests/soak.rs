//! Training goes on for long without taking more and more memory.
//!
//! In a process of its own, whose memory nothing else takes.

#[path = "all/common/mod.rs"]
mod common;

use gslab::{
    device::Device,
    gsl::evaluate::Acting,
    learn::{
        agent::{Agent, Learning},
        impala::{Architecture, cpu::Weights, initial::Initialisation},
        pixels::Pixels,
        ppo,
    },
    pool::Pool,
};
use gslab_envs::{
    levels::{LevelSet, Order},
    registry,
    rng::Stream,
};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

const GAME: &str = "procgen:bigfish";
const ENVIRONMENTS: usize = 16;
const STEPS: usize = 4;

/// Iterations after which all buffers have their size.
const WARM_UP: u64 = 10;
const ITERATIONS: u64 = 25;
/// What a leak of the frames of every second iteration would come to, in bytes.
const LEAK: u64 = ITERATIONS / 2 * (STEPS * ENVIRONMENTS) as u64 * 64 * 64 * 3;

/// Memory of this process, in bytes.
fn resident_memory() -> u64 {
    let pid = get_current_pid().expect("a process has a number");
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    system.process(pid).expect("this process").memory()
}

/// Plays, learns and acts; calls `look` after the warm-up and at the end.
fn train<A: Agent<Weights = Weights, Report = ppo::Report>>(
    device: &Device,
    mut look: impl FnMut(&A),
) {
    let family = registry::find(GAME).expect("the game is registered");
    let family = family.build(&toml::Table::new()).expect("valid options");
    let levels = LevelSet::new((0..100).collect(), Order::Uniform, 1).expect("levels");
    let mut pool = Pool::new(&*family, &levels, ENVIRONMENTS);
    let architecture = Architecture::new(vec![4, 4], 16, 15, 1).expect("a network");
    let weights = Weights::new(architecture, Initialisation::CleanRl, 1);
    let mut agent = A::new(device, GAME, weights);
    let ppo = ppo::Config {
        samples: STEPS * ENVIRONMENTS,
        minibatch: STEPS * ENVIRONMENTS,
        epochs: 1,
        environments: ENVIRONMENTS,
        ..ppo::Config::procgen()
    };
    let learning = Learning { ppo, ..Learning::default() };
    let (noise, shuffle) = (Stream::new(1, "noise"), Stream::new(1, "shuffle"));
    for iteration in 0..WARM_UP + ITERATIONS {
        let rollout = agent.collect(&mut pool, STEPS, noise, iteration * STEPS as u64);
        let report = agent.update(rollout, &learning, shuffle, iteration, None);
        assert!(report.policy_loss.is_finite());
        agent.act(&pool, &[], Acting::Sampled, noise, iteration);
        if iteration + 1 == WARM_UP {
            look(&agent);
        }
    }
    look(&agent);
}

#[test]
fn long_training_takes_no_more_memory_than_short() {
    let mut seen = Vec::new();
    train::<Pixels>(&Device::Cpu, |_| seen.push(resident_memory()));
    println!("on the CPU, bytes of the process: {seen:?}");
    assert!(seen[1] < seen[0] + LEAK / 2, "{seen:?}");

    #[cfg(feature = "gpu")]
    {
        let (device, adapter) = common::gpu::open();
        let mut seen = Vec::new();
        train::<gslab::learn::pixels::gpu::ResidentPixels>(
            &Device::Gpu { device, adapter },
            |agent| {
                agent.gpu().wait().expect("the GPU is there");
                seen.push((agent.gpu().memory(), resident_memory()));
            },
        );
        println!("on the GPU, bytes used and set aside, bytes of the process: {seen:?}");
        let [((used, reserved), host), ((used_then, reserved_then), host_then)] = seen[..] else {
            panic!("looked {} times", seen.len())
        };
        assert!(used_then < used + LEAK / 2, "{used_then} after {used}");
        assert!(reserved_then < reserved + LEAK / 2, "{reserved_then} after {reserved}");
        // The driver compiles and keeps what it compiled.
        assert!(host_then < host + LEAK, "{host_then} after {host}");
    }
}
