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
/// A leak takes memory in each of these windows. Allocators and drivers, which compile, take some
/// now and then.
const WINDOWS: u64 = 3;
/// Iterations of a window.
const WINDOW: u64 = 15;
/// What a leak of the frames of every second iteration would take in a window, in bytes.
const LEAK: u64 = WINDOW / 2 * (STEPS * ENVIRONMENTS) as u64 * 64 * 64 * 3;

/// Memory of this process, in bytes.
fn resident_memory() -> u64 {
    let pid = get_current_pid().expect("a process has a number");
    let mut system = System::new();
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    system.process(pid).expect("this process").memory()
}

/// Fails if memory grew by as much as a leak in every window.
fn assert_no_leak(what: &str, looks: &[u64]) {
    println!("{what}, bytes: {looks:?}");
    assert_eq!(looks.len() as u64, WINDOWS + 1);
    let least = looks.windows(2).map(|window| window[1].saturating_sub(window[0])).min();
    assert!(least < Some(LEAK), "{what} grows by {least:?} bytes and more a window: {looks:?}");
}

/// Plays, learns and acts; calls `look` after the warm-up and after every window.
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
    for iteration in 0..WARM_UP + WINDOWS * WINDOW {
        let rollout = agent.collect(&mut pool, STEPS, noise, iteration * STEPS as u64);
        let report = agent.update(rollout, &learning, shuffle, iteration, None);
        assert!(report.policy_loss.is_finite());
        agent.act(&pool, &[], Acting::Sampled, noise, iteration);
        let done = iteration + 1;
        if done >= WARM_UP && (done - WARM_UP).is_multiple_of(WINDOW) {
            look(&agent);
        }
    }
}

#[test]
fn long_training_takes_no_more_memory_than_short() {
    let mut resident = Vec::new();
    train::<Pixels>(&Device::Cpu, |_| resident.push(resident_memory()));
    assert_no_leak("the process on the CPU", &resident);

    #[cfg(feature = "gpu")]
    {
        let (device, adapter) = common::gpu::open();
        let (mut used, mut reserved, mut resident) = (Vec::new(), Vec::new(), Vec::new());
        train::<gslab::learn::pixels::gpu::ResidentPixels>(
            &Device::Gpu { device, adapter },
            |agent| {
                agent.gpu().wait().expect("the GPU is there");
                let (used_now, reserved_now) = agent.gpu().memory();
                used.push(used_now);
                reserved.push(reserved_now);
                resident.push(resident_memory());
            },
        );
        assert_no_leak("used on the GPU", &used);
        assert_no_leak("set aside on the GPU", &reserved);
        assert_no_leak("the process with a GPU", &resident);
    }
}
