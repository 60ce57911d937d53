//! Speed of the parts of a training iteration: `cargo bench`.
//!
//! Everything runs on one thread, so items per second are items per core. As in a run, that is a
//! thread of the pool.

mod parts;

use divan::{Bencher, counter::ItemsCount};
use gslab::{
    learn::{
        actor_critic::{Architecture, Weights},
        cpu::CpuActorCritic,
        gaussian::MeanBound,
        ppo, rollout,
    },
    pool::Pool,
};
use gslab_envs::{
    batch::Actions,
    levels::{LevelSet, Order},
    registry::{self, Family},
    rng::Stream,
};

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool");
    rayon::scope(|_| divan::main());
}

fn maze() -> Box<dyn Family> {
    let entry = registry::find("maze").expect("the maze is registered");
    entry.build(&toml::Table::new()).expect("defaults are valid")
}

fn pool(environments: usize) -> Pool {
    let levels = LevelSet::new((0..5).collect(), Order::Uniform, 0).expect("five variations");
    Pool::new(&*maze(), &levels, environments)
}

/// Environment steps: random actions, auto-reset and statistics included.
#[divan::bench(args = [5, 64, 1024])]
fn maze_steps(bencher: Bencher<'_, '_>, environments: usize) {
    const STEPS: usize = 150;
    let mut pool = pool(environments);
    let noise = Stream::new(1, "bench");
    let actions: Vec<f32> = (0..environments as u64 * 2).map(|i| noise.normal(0, i)[0]).collect();
    let mut ended = Vec::new();
    bencher.counter(ItemsCount::new(environments * STEPS)).bench_local(|| {
        for _ in 0..STEPS {
            pool.step(Actions::Continuous(&actions), &mut ended).expect("two numbers a world");
        }
        ended.clear();
    });
}

fn network(config: &ppo::Config) -> CpuActorCritic {
    let architecture = Architecture {
        observation: 5,
        action: 2,
        hidden: config.hidden.clone(),
        initial_std: config.initial_std,
        std_range: (config.min_std, config.max_std),
        mean_bound: MeanBound(config.mean_bound),
    };
    CpuActorCritic::new(Weights::new(&architecture, 0))
}

/// Samples of a rollout with Table 4's settings: five environments, two networks.
#[divan::bench]
fn rollout_table_4(bencher: Bencher<'_, '_>) {
    let config = ppo::Config::default();
    let (mut pool, mut network) = (pool(config.environments), network(&config));
    let steps = config.samples / config.environments;
    bencher.counter(ItemsCount::new(config.samples)).bench_local(|| {
        rollout::collect(&mut pool, &mut network, steps, Stream::new(0, "noise"), 0)
    });
}

/// Samples of an update with Table 4's settings: ten epochs of five minibatches.
#[divan::bench(sample_count = 10)]
fn ppo_update_table_4(bencher: Bencher<'_, '_>) {
    let config = ppo::Config::default();
    let (mut pool, mut network) = (pool(config.environments), network(&config));
    let steps = config.samples / config.environments;
    let rollout = rollout::collect(&mut pool, &mut network, steps, Stream::new(0, "noise"), 0);
    let mut iteration = 0;
    bencher.counter(ItemsCount::new(config.samples)).bench_local(|| {
        iteration += 1;
        ppo::update(&mut network, &rollout, &config, Stream::new(0, "shuffle"), iteration, None)
    });
}

/// The parts whose instructions `tests/instructions.rs` counts.
#[divan::bench(args = parts::PARTS.iter().map(|part| part.name))]
fn part(bencher: Bencher<'_, '_>, name: &str) {
    let part = parts::PARTS.iter().find(|part| part.name == name).expect("a name of the list");
    bencher.counter(ItemsCount::new(part.items)).bench_local((part.prepare)());
}

/// Point clouds of a robot and a chair of so many solids.
#[divan::bench(args = [50, 80])]
fn point_clouds(bencher: Bencher<'_, '_>, solids: u32) {
    bencher.counter(ItemsCount::new(1u32)).bench_local(parts::point_clouds(solids, 1));
}
