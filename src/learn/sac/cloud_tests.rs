//! SAC and GAIL from clouds against a second computation in double precision.

use super::*;
use crate::{
    device::Adapter,
    learn::{
        adam::{BETA1, Settings},
        cloud::{Config as CloudConfig, tests::naive, tests::wide},
        gail,
        squashed::Squashed,
    },
};
use gslab_envs::{ActionSpace, pushchair::cloud::CHANNELS};
use std::f64::consts::TAU;

const ROWS: usize = 5;
const ONLINE: usize = 3;
const DIM: usize = 2;
const SPEC: Spec = Spec {
    grain: 1,
    observation: 3 + 4 * CHANNELS,
    points: 4,
    action: ActionSpace::Continuous { dim: DIM },
    variations: 1,
    horizon: 1,
    reward_range: (-1.0, 1.0),
    return_range: None,
};

fn device() -> Device {
    let name = || "flex".to_owned();
    let adapter = Adapter { name: name(), backend: name(), driver: name(), software: true };
    Device::Gpu { device: burn::tensor::Device::flex(), adapter }
}

fn normal(lane: u32, n: usize) -> Vec<f32> {
    let stream = Stream::new(8, "clouds");
    (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
}

fn config() -> Config {
    Config { gamma: 0.9, learning_rate: 1e-2, ..Config::default() }
}

/// Weights whose targets are not the critics.
fn new_weights() -> Weights {
    let network = CloudConfig {
        width: 4,
        blocks: 1,
        heads: 2,
        head_width: 3,
        hidden: vec![5],
        microbatch: 2,
    };
    let mut weights = weights(&SPEC, DIM, &network, &config(), 3);
    for (i, critic) in weights.critics.iter_mut().enumerate() {
        let n = critic.target.len();
        critic.target.iter_mut().zip(normal(20 + i as u32, n)).for_each(|(p, x)| *p += 0.1 * x);
    }
    weights
}

fn observations(lane: u32, rows: usize) -> Vec<f32> {
    let mut observations = normal(lane, rows * SPEC.observation);
    for (i, point) in observations
        .chunks_exact_mut(SPEC.observation)
        .flat_map(|row| row[3..].chunks_exact_mut(CHANNELS))
        .enumerate()
    {
        point[6] = f32::from(u8::from(i % 3 == 0));
    }
    observations
}

fn batch() -> Transitions {
    Transitions {
        observations: observations(0, ROWS),
        actions: normal(1, ROWS * DIM).iter().map(|x| x.tanh()).collect(),
        rewards: normal(2, ROWS),
        next_observations: observations(3, ROWS),
        terminated: (0..ROWS).map(|row| row % 3 == 1).collect(),
    }
}

/// Row `i` of `rows`.
fn row(values: &[f32], rows: usize, i: usize) -> Vec<f64> {
    let width = values.len() / rows;
    wide(&values[i * width..(i + 1) * width])
}

/// An action and its log-density, by the definition.
fn naive_draw(output: &[f64], noise: &[f64]) -> (Vec<f64>, f64) {
    let (mean, log_std) = output.split_at(DIM);
    let mut log_density = 0.0;
    let action = (0..DIM)
        .map(|d| {
            let std = log_std[d].clamp(-20.0, 2.0).exp();
            let a = (mean[d] + std * noise[d]).tanh();
            log_density += (-0.5 * noise[d] * noise[d]).exp().ln() - (std * TAU.sqrt()).ln();
            log_density -= (1.0 - a * a + 1e-6).ln();
            a
        })
        .collect();
    (action, log_density)
}

fn q(weights: &Weights, parameters: [&[f32]; 2], observation: &[f64], action: &[f64]) -> f64 {
    let form = &weights.critics[0].network.architecture;
    let [a, b] = parameters.map(|p| naive(form, &wide(p), observation, action)[0]);
    a.min(b)
}

/// Compares the gradient that Adam saw in its first step with slopes in double precision.
#[track_caller]
fn assert_gradient(first_moment: &[f32], parameters: &[f32], loss: impl Fn(&[f64]) -> f64) {
    let mut parameters = wide(parameters);
    let h = 1e-5;
    let mut moved = 0;
    for i in (0..parameters.len()).step_by(5) {
        let value = parameters[i];
        let mut at = |x: f64| {
            parameters[i] = x;
            loss(&parameters)
        };
        let slope = (at(value + h) - at(value - h)) / (2.0 * h);
        at(value);
        moved += usize::from(slope.abs() > 1e-4);
        let found = f64::from(first_moment[i] / (1.0 - BETA1));
        assert!((found - slope).abs() < 1e-3 * (1.0 + slope.abs()), "{i}: {found}, {slope}");
    }
    assert!(moved > parameters.len() / 20, "hardly a parameter mattered: {moved}");
}

#[test]
fn a_step_equals_a_computation_by_the_definition() {
    let (before, batch, config) = (new_weights(), batch(), config());
    let mut networks = CloudNetworks::new(&device(), before.clone());
    assert_eq!(networks.widths(), (SPEC.observation, DIM));
    assert!(networks.weights() == before, "weights came back as others");
    let stream = Stream::new(1, "noise");
    let losses = networks.update(&batch, ONLINE, &config, stream);
    let after = networks.weights();
    let noise = normals(stream, 0, ROWS + ONLINE, DIM);
    let (of_next, of_actions) = noise.split_at(ROWS * DIM);
    let alpha = f64::from(config.initial_temperature);
    let (policy_form, policy) = (&before.policy.architecture, &before.policy.parameters);

    let targets: Vec<f64> = (0..ROWS)
        .map(|i| {
            let next = row(&batch.next_observations, ROWS, i);
            let output = naive(policy_form, &wide(policy), &next, &[]);
            let (action, log_density) = naive_draw(&output, &row(of_next, ROWS, i));
            let value =
                q(&before, before.critics.each_ref().map(|c| &c.target[..]), &next, &action);
            let follows = if batch.terminated[i] { 0.0 } else { f64::from(config.gamma) };
            f64::from(batch.rewards[i]) + follows * (value - alpha * log_density)
        })
        .collect();
    let form = &before.critics[0].network.architecture;
    let critic_loss = |parameters: &[f64]| {
        let error = |i: usize| {
            let (seen, done) = (row(&batch.observations, ROWS, i), row(&batch.actions, ROWS, i));
            naive(form, parameters, &seen, &done)[0] - targets[i]
        };
        (0..ROWS).map(|i| error(i).powi(2)).sum::<f64>() / ROWS as f64
    };
    let mut critic = 0.0;
    for (before, after) in before.critics.iter().zip(&after.critics) {
        critic += critic_loss(&wide(&before.network.parameters));
        let moments = &after.network.moments;
        assert_eq!(moments.step, 1);
        assert_gradient(&moments.first, &before.network.parameters, critic_loss);
        // τ of the way to where the critic went.
        for (i, target) in after.target.iter().enumerate() {
            let to = after.network.parameters[i];
            let expected = before.target[i] + config.tau * (to - before.target[i]);
            assert!((target - expected).abs() < 1e-6);
        }
    }
    assert!((losses.critic - critic).abs() < 1e-4 * critic, "{} against {critic}", losses.critic);

    // The policy learns from critics that have learned.
    let critics = after.critics.each_ref().map(|c| &c.network.parameters[..]);
    let sums = |policy: &[f64]| {
        let of_row = |i: usize| {
            let seen = row(&batch.observations, ROWS, i);
            let output = naive(policy_form, policy, &seen, &[]);
            let (action, log_density) = naive_draw(&output, &row(of_actions, ONLINE, i));
            (log_density / ONLINE as f64, q(&after, critics, &seen, &action) / ONLINE as f64)
        };
        (0..ONLINE).map(of_row).fold((0.0, 0.0), |(l, q), (a, b)| (l + a, q + b))
    };
    let (log_density, value) = sums(&wide(policy));
    assert!((losses.entropy + log_density).abs() < 1e-4 * (1.0 + log_density.abs()));
    assert!((losses.value - value).abs() < 1e-4 * (1.0 + value.abs()));
    assert!((losses.policy - (alpha * log_density - value)).abs() < 1e-3);
    assert_gradient(&after.policy.moments.first, policy, |policy| {
        let (log_density, value) = sums(policy);
        alpha * log_density - value
    });
    let mut temperature = before.temperature.clone();
    let settings = Settings { learning_rate: 1e-2, max_grad_norm: f32::INFINITY };
    temperature.descend(-losses.entropy as f32, -(DIM as f32), &settings);
    assert_eq!(after.temperature, temperature);
    assert_eq!(after.updates, 1);
}

#[test]
fn imitation_lowers_what_the_density_says_of_the_actions() {
    let mut networks = CloudNetworks::new(&device(), new_weights());
    let pairs = batch();
    let settings = Settings { learning_rate: 1e-2, max_grad_norm: f32::INFINITY };
    let mut losses = Vec::new();
    for _ in 0..30 {
        let output = networks.policy(&pairs.observations);
        let rows = output.chunks(2 * DIM).zip(pairs.actions.chunks(DIM));
        let sum: f32 = rows.map(|(output, a)| Squashed::new(output).log_density(a)).sum();
        let found = networks.imitate(&pairs, &settings);
        let expected = f64::from(-sum / ROWS as f32);
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found}, {expected}");
        losses.push(found);
    }
    assert!(losses[29] < losses[0] - 0.5, "{losses:?}");
}

#[test]
fn the_discriminator_tells_actions_apart() {
    let mut networks = CloudNetworks::new(&device(), new_weights());
    let discriminator = networks.discriminator(&config(), Stream::new(4, "discriminator"));
    let pairs = |lane: u32, rows: usize, action: f32| Transitions {
        observations: observations(lane, rows),
        actions: vec![action; rows * DIM],
        rewards: vec![-1.0; rows],
        next_observations: observations(lane, rows),
        terminated: vec![false; rows],
    };
    let (policy, mut experts) = (pairs(30, 7, -0.6), pairs(31, 4, 0.6));
    let mut last = f64::INFINITY;
    for _ in 0..80 {
        // rewards() is -log D.
        let mean = |batch: &Transitions, of: fn(f64) -> f64, d: &Discriminator<Network>| {
            let logs = d.rewards(batch).into_iter().map(|r| of(f64::from(-r).exp()));
            logs.sum::<f64>() / batch.rows() as f64
        };
        let expected = mean(&policy, |d| -d.ln(), discriminator)
            + mean(&experts, |d| -(1.0 - d).ln(), discriminator);
        let settings = Settings { learning_rate: 2e-2, max_grad_norm: f32::INFINITY };
        last = discriminator.step(&policy, &experts, &settings);
        assert!((last - expected).abs() < 1e-3 * (1.0 + expected), "{last} against {expected}");
    }
    assert!(last < 0.3, "pairs that are apart are not told apart: {last}");
    let gail::Rewards { environment, imitation } = discriminator.relabel(&mut experts, 0.3);
    assert!((environment + 0.3).abs() < 1e-6 && imitation > 0.7, "{imitation}");
    assert!(networks.weights().discriminator.is_some());
}
