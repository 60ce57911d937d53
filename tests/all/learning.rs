//! PPO and DAPG learn, on a maze small enough for a test.

use gslab::{
    gsl::evaluate::{Acting, Evaluation, evaluate},
    learn::{
        actor_critic::{ActorCritic, Architecture, Weights},
        cpu::CpuActorCritic,
        dapg::{self, AdvantageScale, Demonstrations, Guide},
        gaussian::MeanBound,
        ppo,
        rollout::{Estimates, Rollout, Stages, Vectors, collect},
    },
    pool::Pool,
};
use gslab_envs::{
    End,
    levels::{LevelSet, Order},
    registry::{self, Family},
    rng::Stream,
};

fn maze() -> Box<dyn Family> {
    // A short corridor and a fast agent: the tines are reached within a few steps.
    let options = "corridor_length = 2.0\nspeed = 0.5\nhorizon = 50\n\
        middle_spacing = 1.25\ntine_spacing = 1.25\nspine_width = 4.0";
    let entry = registry::find("maze").expect("the maze is registered");
    entry.build(&options.parse().expect("valid TOML")).expect("valid options")
}

fn config() -> ppo::Config {
    ppo::Config {
        hidden: vec![32, 32],
        samples: 2000,
        minibatch: 500,
        environments: 8,
        learning_rate: 1e-3,
        ..ppo::Config::default()
    }
}

fn network(seed: u64) -> CpuActorCritic {
    let config = config();
    CpuActorCritic::new(Weights::new(
        &Architecture {
            observation: 5,
            action: 2,
            hidden: config.hidden,
            initial_std: config.initial_std,
            std_range: (config.min_std, config.max_std),
            mean_bound: MeanBound(config.mean_bound),
        },
        seed,
    ))
}

/// Trains for `iterations` on some goals.
fn train(
    network: &mut dyn ActorCritic,
    goals: &[u32],
    seed: u64,
    iterations: u64,
    mut guide: Option<Guide<'_>>,
) {
    let config = config();
    let levels = LevelSet::new(goals.to_vec(), Order::Uniform, seed).expect("goals");
    let mut pool = Pool::new(&*maze(), &levels, config.environments);
    let steps = config.samples / config.environments;
    for i in 0..iterations {
        let noise = Stream::new(seed, "noise");
        let rollout = collect(&mut pool, network, steps, noise, i * steps as u64);
        let auxiliary = guide.as_mut().map(|g| g as &mut dyn ppo::Auxiliary);
        ppo::update(network, &rollout, &config, Stream::new(seed, "shuffle"), i, auxiliary);
    }
}

fn measure(network: &mut dyn ActorCritic, goals: &[u32]) -> Evaluation {
    evaluate(&*maze(), network, goals, 40, Acting::Sampled, 99)
}

#[test]
fn ppo_solves_one_goal_from_scratch() {
    for (seed, goal) in [(0, 0), (1, 2), (2, 4)] {
        let mut network = network(seed);
        let before = measure(&mut network, &[goal]);
        train(&mut network, &[goal], seed, 50, None);
        let after = measure(&mut network, &[goal]);
        assert!(before.success() < 0.2, "seed {seed}: {before:?}");
        assert!(after.success() > 0.9, "seed {seed}: {after:?}");
    }
}

/// The demonstrations of one specialist pull a generalist that does not get there by itself.
#[test]
fn demonstrations_raise_the_likelihood_of_what_they_show() {
    let goal = 0;
    let mut specialist = network(0);
    train(&mut specialist, &[goal], 0, 50, None);
    let levels = LevelSet::new(vec![goal], Order::Uniform, 5).expect("a goal");
    let mut pool = Pool::new(&*maze(), &levels, 10);
    let shown = collect(&mut pool, &mut specialist, 50, Stream::new(5, "noise"), 0);
    let demonstrations = Demonstrations {
        rows: shown.rows(),
        observations: shown.experience.observations,
        actions: shown.experience.actions,
    };
    let settings = dapg::Config { minibatch: 250, ..dapg::Config::default() };
    let guide = Guide::new(&demonstrations, &settings, Stream::new(0, "guide"));
    let (mut guided, mut alone) = (network(7), network(7));
    train(&mut guided, &[0, 1, 2, 3, 4], 7, 25, Some(guide));
    train(&mut alone, &[0, 1, 2, 3, 4], 7, 25, None);
    let (guided, alone) = (measure(&mut guided, &[goal]), measure(&mut alone, &[goal]));
    assert!(guided.success() > alone.success() + 0.2, "{guided:?} against {alone:?}");
}

#[test]
fn the_largest_advantage_is_taken_before_or_after_standardisation() {
    // With γ = 0 an advantage is a reward less a value, here 1, 2 and 6: mean 3, variance 14/3.
    let rollout = Rollout {
        n: 3,
        experience: Vectors {
            observations: vec![0.0; 3 * 5],
            actions: vec![0.0; 3 * 2],
            estimates: Estimates {
                log_densities: vec![0.0; 3],
                values: vec![1.0, 2.0, 3.0],
                next_values: vec![100.0; 3],
            },
        },
        rewards: vec![2.0, 4.0, 9.0],
        ends: vec![End::Running; 3],
        episodes: Vec::new(),
        stages: Stages::default(),
    };
    let config = ppo::Config { gamma: 0.0, epochs: 1, minibatch: 3, ..config() };
    let demonstrations =
        Demonstrations { observations: vec![0.0; 5], actions: vec![0.0; 2], rows: 1 };
    for (advantage, expected) in
        [(AdvantageScale::Raw, 6.0), (AdvantageScale::Standardised, 3.0 / (14.0f64 / 3.0).sqrt())]
    {
        let settings = dapg::Config { advantage, ..dapg::Config::default() };
        let mut guide = Guide::new(&demonstrations, &settings, Stream::new(0, "guide"));
        let shuffle = Stream::new(0, "shuffle");
        let report = ppo::update(&mut network(0), &rollout, &config, shuffle, 0, Some(&mut guide));
        assert!((report.max_advantage - expected).abs() < 1e-5, "{}", report.max_advantage);
        // The term is ω·Â·L¹, L¹ minus the likelihood.
        let [loss, likelihood, ..] = report.auxiliary;
        let weight = f64::from(settings.weight) * expected;
        assert!((loss + weight * likelihood).abs() < 1e-5, "{loss} {likelihood}");
    }
}
