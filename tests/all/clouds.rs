//! SAC and GAIL from clouds of points on a GPU, in memory and through the program.

use crate::common::{Place, ended};
use gslab::{
    device::Device,
    learn::{
        adam::Settings,
        cloud,
        gail::Judge,
        replay::Transitions,
        sac::{
            Config,
            cloud::{CloudNetworks, weights},
            networks::Networks,
        },
    },
    run::metrics::read_csv,
};
use gslab_envs::{ActionSpace, Spec, pushchair::cloud::CHANNELS, rng::Stream};

/// Settings with which Algorithm 1 makes a few updates: a kernel's first launch takes most of the
/// time. The clouds alone are as large as ever.
const TINY: &str = "--set env.chairs=2 --set env.horizon=8 --set cloud.width=8 \
    --set cloud.blocks=1 --set cloud.heads=2 --set cloud.head_width=4 --set cloud.hidden=[8] \
    --set cloud.microbatch=4 --set sac.minibatch=4 --set sac.environments=2 --set sac.collect=16 \
    --set sac.samples=16 --set sac.updates=1 --set sac.capacity=64 --set sac.warm_up=32 \
    --set total_samples=64 --set checkpoint_every=2 --set evaluation.episodes=1 \
    --set gail.updates=1 --set gail.minibatch=2 --set gsl.specialists=1 --set gsl.low_variations=1 \
    --set gsl.specialist_samples=32 --set gsl.merge_samples=32 --set gsl.window=1 \
    --set gsl.demonstration_samples=8 --set gsl.demonstration_threshold=-inf";

const ROWS: usize = 7;
const DIM: usize = 3;
const POINTS: usize = 40;
const STATE: usize = 5;
const SPEC: Spec = Spec {
    grain: 1,
    observation: STATE + POINTS * CHANNELS,
    points: POINTS,
    action: ActionSpace::Continuous { dim: DIM },
    variations: 1,
    horizon: 1,
    reward_range: (-1.0, 1.0),
    return_range: None,
};

fn normal(lane: u32, n: usize) -> Vec<f32> {
    let stream = Stream::new(6, "clouds");
    (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
}

fn batch(lane: u32) -> Transitions {
    let observations = |lane| {
        let mut observations = normal(lane, ROWS * SPEC.observation);
        for row in observations.chunks_exact_mut(SPEC.observation) {
            for (i, point) in row[STATE..].chunks_exact_mut(CHANNELS).enumerate() {
                point[6] = f32::from(u8::from(i < 25));
            }
        }
        observations
    };
    Transitions {
        observations: observations(lane),
        actions: normal(lane + 1, ROWS * DIM).iter().map(|x| x.tanh()).collect(),
        rewards: normal(lane + 2, ROWS),
        next_observations: observations(lane + 3),
        terminated: vec![false; ROWS],
    }
}

fn new_networks(device: &Device) -> CloudNetworks {
    let network = cloud::Config {
        width: 8,
        blocks: 1,
        heads: 2,
        head_width: 4,
        hidden: vec![6],
        microbatch: 4,
    };
    CloudNetworks::new(device, weights(&SPEC, DIM, &network, &Config::default(), 3))
}

/// A step of SAC; what it reports.
fn step(networks: &mut CloudNetworks, number: u32) -> [f32; 4] {
    let (config, noise) = (Config::default(), Stream::new(1, "noise"));
    let losses = networks.update(&batch(10 * number), 4, &config, noise);
    [losses.policy, losses.critic, losses.entropy, losses.value].map(|x| x as f32)
}

/// The step after [`step`] 0, one of the discriminator, one of imitation; all that they report.
fn learned(networks: &mut CloudNetworks) -> Vec<f32> {
    let mut numbers = networks.policy(&batch(0).observations);
    numbers.extend(step(networks, 1));
    let settings = Settings { learning_rate: 1e-3, max_grad_norm: f32::INFINITY };
    let new = Stream::new(2, "discriminator");
    let discriminator = networks.discriminator(&Config::default(), new);
    numbers.push(discriminator.step(&batch(50), &batch(60), &settings) as f32);
    numbers.extend(discriminator.network.logits(&batch(50)));
    numbers.push(networks.imitate(&batch(70), &settings) as f32);
    numbers
}

#[test]
fn a_gpu_learns_what_burns_own_executor_does_and_goes_on_from_what_is_kept_with_the_same_bits() {
    let (device, adapter) = crate::common::gpu::open();
    let on = |device| Device::Gpu { device, adapter: adapter.clone() };
    let (gpu, flex) = (on(device), on(burn::tensor::Device::flex()));
    let [mut networks, mut twin] = [&gpu, &flex].map(new_networks);
    let mut numbers = [&mut networks, &mut twin].map(|networks| step(networks, 0).to_vec());
    let kept = rmp_serde::to_vec(&networks.weights()).unwrap();
    numbers[0].extend(learned(&mut networks));
    numbers[1].extend(learned(&mut twin));
    let [found, expected] = &numbers;
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-3 * (1.0 + e.abs()), "{i}: {f} against {e}");
    }
    let mut resumed = CloudNetworks::new(&gpu, rmp_serde::from_slice(&kept).unwrap());
    assert_eq!(learned(&mut resumed)[..], found[4..]);
    assert!(resumed.weights() == networks.weights(), "other weights after the same steps");
}

#[test]
fn algorithm_1_with_gail_runs_from_clouds() {
    let place = Place::new();
    ended(place.on_gpu(&format!("gsl pushchair-cloud --out run {TINY}"))).well();
    let column = |phase: &str, name: &str| {
        let table = read_csv(&place.path(&format!("run/seed-0/{phase}/metrics.csv"))).unwrap();
        table.column(name).unwrap_or_else(|| panic!("no column {name}"))
    };
    let losses = column("generalist", "critic_loss");
    // Nothing is learned before the warm-up is over.
    assert!(losses[0].is_nan() && losses[1..].iter().all(|x| x.is_finite()), "{losses:?}");
    for name in ["discriminator_loss", "imitation_reward", "policy_loss"] {
        let values = column("merge", name);
        assert!(values.iter().any(|x| x.is_finite()), "{name}: {values:?}");
    }
}

/// Burn's own executor, as the rest of what runs on the CPU: the same bytes on any number of threads,
/// and after a run was cut.
#[test]
fn without_a_gpu_runs_from_clouds_are_the_same_on_any_number_of_threads() {
    let place = Place::new();
    let train = |name: &str, flags: &str| {
        place.train(&format!("train pushchair-cloud --out {name} {TINY} {flags}")).well();
    };
    train("one", "--threads 1");
    train("three", "--threads 3");
    let weights = |name: &str| place.read(&format!("{name}/seed-0/final.bin"));
    assert!(weights("one") == weights("three"));
    let measured = place.gslab("eval one --episodes 1 --device cpu").well().stdout;
    assert!(measured.contains("mean"), "{measured}");
    place.gslab("record one --steps 2 --environments 1 --out one.gif").well();
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let place = Place::new();
    for (setting, message) in [
        (
            "cloud.width=7",
            "cloud.width = 7: must be even: half of the features are largest values, half averages",
        ),
        ("cloud.heads=0", "cloud.heads = 0: must be from 1 to 64"),
        ("cloud.microbatch=0", "cloud.microbatch = 0: must be from 1 to 1000000"),
        ("cloud.hidden=[0]", "cloud.hidden = [0]: must be up to 16 widths from 1 to 8192"),
    ] {
        let command = format!("train pushchair-cloud --out run --set {setting}");
        place.gslab(&command).with(2, &format!("error: {message}"));
    }
    assert!(!place.path("run").exists(), "a run was begun that cannot be run");
}
