//! SAC and GAIL from clouds of points on a GPU, in memory and through the program.

use crate::common::{Place, Running, assert_same, ended};
use gslab::{
    device::{Adapter, Device},
    learn::{
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

/// Settings with which a run takes seconds: the clouds alone are as large as ever.
const TINY: &str = "--set env.chairs=2 --set env.horizon=8 --set cloud.width=8 \
    --set cloud.blocks=1 --set cloud.heads=2 --set cloud.head_width=4 --set cloud.hidden=[8] \
    --set cloud.microbatch=5 --set sac.minibatch=8 --set sac.environments=2 --set sac.collect=8 \
    --set sac.samples=16 --set sac.updates=2 --set sac.capacity=64 --set sac.warm_up=24 \
    --set total_samples=96 --set checkpoint_every=2 --set evaluation.episodes=1 \
    --set gail.interval=2 --set gail.updates=2 --set gail.minibatch=6 --set gsl.specialists=1 \
    --set gsl.low_variations=2 --set gsl.specialist_samples=32 --set gsl.merge_samples=48 \
    --set gsl.window=2 --set gsl.demonstration_samples=16 --set gsl.demonstration_threshold=-inf";

const ROWS: usize = 7;
const DIM: usize = 3;
const POINTS: usize = 40;
const STATE: usize = 5;
const SPEC: Spec = Spec {
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

/// Some steps of SAC and of a discriminator; all that they report.
fn learned(device: burn::tensor::Device, adapter: Adapter) -> Vec<f32> {
    let config = Config::default();
    let network = cloud::Config {
        width: 8,
        blocks: 2,
        heads: 2,
        head_width: 4,
        hidden: vec![6],
        microbatch: 3,
    };
    let device = Device::Gpu { device, adapter };
    let mut networks = CloudNetworks::new(&device, weights(&SPEC, DIM, &network, &config, 3));
    let mut numbers = networks.policy(&batch(0).observations);
    for step in 0..2 {
        let batch = batch(10 * step);
        let losses = networks.update(&batch, 4, &config, Stream::new(1, "noise"));
        let found = [losses.policy, losses.critic, losses.entropy, losses.value];
        numbers.extend(found.map(|x| x as f32));
    }
    let discriminator = networks.discriminator(&config, Stream::new(2, "discriminator"));
    let settings =
        gslab::learn::adam::Settings { learning_rate: 1e-3, max_grad_norm: f32::INFINITY };
    numbers.push(discriminator.step(&batch(50), &batch(60), &settings) as f32);
    numbers.extend(discriminator.network.logits(&batch(50)));
    numbers.push(networks.imitate(&batch(70), &settings) as f32);
    numbers.extend(networks.policy(&batch(0).observations));
    numbers
}

#[test]
fn a_gpu_learns_the_same_as_burns_own_executor_and_repeats_itself() {
    let (device, adapter) = crate::common::gpu::open();
    let found = learned(device.clone(), adapter.clone());
    assert!(found == learned(device, adapter.clone()), "other numbers from the same seed");
    let expected = learned(burn::tensor::Device::flex(), adapter);
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-3 * (1.0 + e.abs()), "{i}: {f} against {e}");
    }
}

#[test]
fn a_run_that_was_killed_ends_with_the_same_bytes_and_can_be_measured() {
    let place = Place::new();
    let train = |out: &str| format!("train pushchair-cloud --out {out} {TINY}");
    ended(place.on_gpu(&train("whole"))).well();
    let mut running = Running::new(place.on_gpu(&train("run")));
    running.until(|| place.rows("run/seed-0/train") >= 3);
    running.kill();
    ended(place.on_gpu("resume run")).well();
    assert_same(&place.tree("run"), &place.tree("whole"), "on a GPU");
    let table = read_csv(&place.path("run/seed-0/train/metrics.csv")).unwrap();
    let losses = table.column("critic_loss").unwrap();
    // Nothing is learned before the warm-up is over.
    assert!(losses[0].is_nan() && losses[2..].iter().all(|x| x.is_finite()), "{losses:?}");
    let eval = ended(place.on_gpu("eval run --episodes 1 --acting mean"));
    assert!(eval.stdout.contains("success"), "{eval:?}");
}

#[test]
fn algorithm_1_with_gail_runs_from_clouds() {
    let place = Place::new();
    ended(place.on_gpu(&format!("gsl pushchair-cloud --out run {TINY} --threads 2"))).well();
    let table = read_csv(&place.path("run/seed-0/merge/metrics.csv")).unwrap();
    for name in ["discriminator_loss", "imitation_reward", "critic_loss"] {
        let values = table.column(name).unwrap_or_else(|| panic!("no column {name}"));
        assert!(values[2..].iter().any(|x| x.is_finite()), "{name}: {values:?}");
    }
}

#[test]
fn without_a_gpu_clouds_are_refused_with_what_to_do() {
    let place = Place::new();
    place.gslab("train pushchair-cloud --out run --device cpu").with(
        2,
        "error: --device cpu: SAC learns from clouds of points on a GPU only: use --device gpu, or \
         set env.observed=state or env.observed=privileged",
    );
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
