//! Speed of the parts of a training iteration: `cargo bench`.
//!
//! Everything runs on one thread, so items per second are items per core. As in a run, that is a
//! thread of the pool.

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
    pushchair::{
        cloud::{Base, Cameras, Cloud, Draw},
        math::{Pose, Rotation, Vector},
        solid::{Class, Shape, Solid},
    },
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

/// Point clouds of a robot and a chair of so many solids, which all overlap in the middle.
#[divan::bench(args = [50, 80])]
fn point_clouds(bencher: Bencher<'_, '_>, solids: u32) {
    let stream = Stream::new(4, "bench");
    let solid = |i: u32| {
        let [a, b, c, d] = stream.uniform(i, 0);
        let [x, y, z, w] = stream.normal(i, 1);
        let robot = i.is_multiple_of(2);
        let place = if robot {
            Vector::new(1.2 * a - 0.4, 1.4 * b - 0.7, 0.2 + 1.5 * c)
        } else {
            Vector::new(0.7 + 0.7 * a, 0.7 * b - 0.35, 1.1 * c)
        };
        let (radius, half_height) = (0.06, 0.03 + 0.2 * d);
        Solid {
            shape: match i / 2 % 3 {
                0 => Shape::Box { half: Vector::new(radius, half_height, 0.02) },
                1 => Shape::Cylinder { radius, half_height },
                _ => Shape::Capsule { radius, half_height },
            },
            pose: Pose::from_parts(place, Rotation::from_xyzw(x, y, z, w).normalize()),
            colour: [90; 3],
            class: if robot { Class::Robot } else { Class::Chair },
        }
    };
    let solids: Vec<Solid> = (0..solids).map(solid).collect();
    let (mut cameras, mut cloud) = (Cameras::new(), Cloud::default());
    let mut step = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        step += 1;
        cameras.cloud(&solids, Base::default(), Draw { stream, step }, &mut cloud);
        cloud.counts()
    });
}
