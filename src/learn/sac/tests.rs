//! SAC against a second computation in double precision, and what it learns.

use super::*;
use crate::{
    device::Device,
    gsl::evaluate::{Acting, evaluate},
    learn::{
        agent::{Agent, Learning},
        mlp::Layer,
        sac::agent::SacAgent,
    },
    pool::Pool,
};
use gslab_envs::{
    levels::{LevelSet, Order},
    registry,
};
use std::f64::consts::TAU;

const ROWS: usize = 6;
const WIDTH: usize = 3;
const DIM: usize = 2;

fn normal(lane: u32, n: usize) -> Vec<f32> {
    let stream = Stream::new(8, "test");
    (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
}

fn config() -> Config {
    Config { hidden: vec![5, 4], gamma: 0.9, ..Config::default() }
}

/// Networks whose last layers are not small, and targets that are not the critics.
fn weights() -> Weights {
    let mut weights = Weights::new(WIDTH, DIM, &config(), 3);
    let n = weights.policy.parameters.len();
    weights.policy.parameters.iter_mut().zip(normal(20, n)).for_each(|(p, x)| *p += 0.3 * x);
    for (i, critic) in weights.critics.iter_mut().enumerate() {
        let n = critic.target.len();
        critic.target.iter_mut().zip(normal(21 + i as u32, n)).for_each(|(p, x)| *p += 0.2 * x);
    }
    weights
}

fn batch() -> Transitions {
    Transitions {
        observations: normal(0, ROWS * WIDTH),
        actions: normal(1, ROWS * DIM).iter().map(|x| x.tanh()).collect(),
        rewards: normal(2, ROWS),
        next_observations: normal(3, ROWS * WIDTH),
        terminated: (0..ROWS).map(|row| row % 3 == 1).collect(),
    }
}

/// A network's output of one row, by the definition.
fn naive_network(shape: &Shape, parameters: &[f64], x: &[f64]) -> Vec<f64> {
    let layers = shape.layers();
    let mut x = x.to_vec();
    for (l, Layer { inputs, outputs, weights, biases }) in layers.iter().enumerate() {
        let output = |j: usize| {
            let sum = (0..*inputs).map(|i| x[i] * parameters[weights.start + i * outputs + j]);
            let out = sum.sum::<f64>() + parameters[biases.start + j];
            if l + 1 < layers.len() { out.max(0.0) } else { out }
        };
        x = (0..*outputs).map(output).collect();
    }
    x
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// An action and its log-density, by the definition.
fn naive_draw(output: &[f64], noise: &[f64]) -> (Vec<f64>, f64) {
    let (mean, log_std) = output.split_at(DIM);
    let mut log_density = 0.0;
    let action = (0..DIM)
        .map(|d| {
            let std = log_std[d].clamp(-20.0, 2.0).exp();
            let a = (mean[d] + std * noise[d]).tanh();
            let gaussian = (-0.5 * noise[d] * noise[d]).exp() / (std * TAU.sqrt());
            log_density += gaussian.ln() - (1.0 - a * a + 1e-6).ln();
            a
        })
        .collect();
    (action, log_density)
}

fn naive_q(critic: &Critic, parameters: &[f32], observation: &[f64], action: &[f64]) -> f64 {
    let x = [observation, action].concat();
    naive_network(&critic.network.shape, &wide(parameters), &x)[0]
}

/// Row `row` of a matrix of `ROWS` rows.
fn row(values: &[f32], row: usize) -> Vec<f64> {
    let width = values.len() / ROWS;
    wide(&values[row * width..(row + 1) * width])
}

fn naive_targets(weights: &Weights, batch: &Transitions, alpha: f64, noise: &[f32]) -> Vec<f64> {
    let policy = wide(&weights.policy.parameters);
    (0..ROWS)
        .map(|i| {
            let next = row(&batch.next_observations, i);
            let output = naive_network(&weights.policy.shape, &policy, &next);
            let (action, log_density) = naive_draw(&output, &row(noise, i));
            let q = weights.critics.each_ref().map(|c| naive_q(c, &c.target, &next, &action));
            let follows = if batch.terminated[i] { 0.0 } else { 1.0 };
            let soft = q[0].min(q[1]) - alpha * log_density;
            f64::from(batch.rewards[i]) + f64::from(config().gamma) * follows * soft
        })
        .collect()
}

fn naive_policy_loss(
    weights: &Weights,
    policy: &[f64],
    observations: &[f32],
    alpha: f64,
    noise: &[f32],
) -> f64 {
    let of_row = |i: usize| {
        let observation = row(observations, i);
        let output = naive_network(&weights.policy.shape, policy, &observation);
        let (action, log_density) = naive_draw(&output, &row(noise, i));
        let q = weights.critics.each_ref();
        let q = q.map(|c| naive_q(c, &c.network.parameters, &observation, &action));
        alpha * log_density - q[0].min(q[1])
    };
    (0..ROWS).map(of_row).sum::<f64>() / ROWS as f64
}

/// Compares a gradient with the slopes of a loss in double precision.
#[track_caller]
fn assert_gradient(gradient: &[f32], parameters: &[f32], loss: impl Fn(&[f64]) -> f64) {
    let mut parameters = wide(parameters);
    let h = 1e-5;
    let mut moved = 0;
    for i in 0..parameters.len() {
        let value = parameters[i];
        let mut at = |x: f64| {
            parameters[i] = x;
            loss(&parameters)
        };
        let slope = (at(value + h) - at(value - h)) / (2.0 * h);
        at(value);
        moved += usize::from(slope.abs() > 1e-3);
        let error = (f64::from(gradient[i]) - slope).abs();
        assert!(error < 1e-4 * (1.0 + slope.abs()), "{i}: {} against {slope}", gradient[i]);
    }
    assert!(moved > parameters.len() / 3, "hardly a parameter mattered");
}

#[test]
fn targets_equal_a_computation_by_the_definition() {
    let (weights, batch, noise) = (weights(), batch(), normal(5, ROWS * DIM));
    let found = weights.targets(&batch, config().gamma, 0.3, &noise);
    let expected = naive_targets(&weights, &batch, f64::from(0.3f32), &noise);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} against {expected}");
    }
    // Where nothing follows the target is the reward.
    assert_eq!((found[1], found[4]), (batch.rewards[1], batch.rewards[4]));
    assert!((0..ROWS).all(|i| batch.terminated[i] || found[i] != batch.rewards[i]));
}

#[test]
fn the_critics_gradient_equals_finite_differences() {
    let (weights, batch, targets) = (weights(), batch(), normal(6, ROWS));
    let pairs = join(&batch.observations, &batch.actions, ROWS);
    for Critic { network, .. } in &weights.critics {
        let loss = |parameters: &[f64]| {
            let error = |i: usize| {
                naive_network(&network.shape, parameters, &row(&pairs, i))[0]
                    - f64::from(targets[i])
            };
            (0..ROWS).map(|i| error(i).powi(2)).sum::<f64>() / ROWS as f64
        };
        let (gradient, tally) = network.gradient(&pairs, squared_error(&targets));
        assert!((tally[0] - loss(&wide(&network.parameters))).abs() < 1e-5);
        assert_gradient(&gradient, &network.parameters, loss);
    }
}

#[test]
fn the_policys_gradient_equals_finite_differences() {
    let (weights, batch, noise) = (weights(), batch(), normal(7, ROWS * DIM));
    let (policy, observations) = (&weights.policy, &batch.observations);
    let loss = |parameters: &[f64]| {
        naive_policy_loss(&weights, parameters, observations, f64::from(0.3f32), &noise)
    };
    let of_rows = policy_loss(&weights.critics, observations, &noise, 0.3);
    let (gradient, tally) = policy.gradient(observations, of_rows);
    assert!((tally[0] - loss(&wide(&policy.parameters))).abs() < 1e-5);
    assert!((tally[0] - (f64::from(0.3f32) * tally[1] - tally[2])).abs() < 1e-5);
    assert_gradient(&gradient, &policy.parameters, loss);
}

#[test]
fn a_step_reports_the_losses_and_moves_everything() {
    let (before, batch, config) = (weights(), batch(), config());
    let mut after = before.clone();
    let stream = Stream::new(1, "noise");
    let losses = after.update(&batch, 4, &config, stream);
    let noise = normals(stream, 0, ROWS + 4, DIM);
    let alpha = f64::from(config.initial_temperature);
    let targets = naive_targets(&before, &batch, alpha, &noise[..ROWS * DIM]);
    let mut critic = 0.0;
    for c in &before.critics {
        for (i, target) in targets.iter().enumerate() {
            let (observation, action) = (row(&batch.observations, i), row(&batch.actions, i));
            let q = naive_q(c, &c.network.parameters, &observation, &action);
            critic += (q - target).powi(2) / ROWS as f64;
        }
    }
    assert!((losses.critic - critic).abs() < 1e-4, "{} against {critic}", losses.critic);
    assert!((losses.policy + alpha * losses.entropy + losses.value).abs() < 1e-5);
    assert_ne!(before.policy.parameters, after.policy.parameters);
    // τ of the way to where the critic went.
    for (before, after) in before.critics.iter().zip(&after.critics) {
        assert_ne!(before.network.parameters, after.network.parameters);
        for (i, target) in after.target.iter().enumerate() {
            let to = after.network.parameters[i];
            let expected = before.target[i] + 0.005 * (to - before.target[i]);
            assert!((target - expected).abs() < 1e-6);
        }
    }
    assert_ne!(before.temperature.log, after.temperature.log);
    assert_eq!(after.updates, 1);
}

/// Oracle 4 of algorithms.md §13: evenly spread actions of 22 dimensions have the entropy
/// 22 log 2 = 15.2 nats, above the target of -22.
#[test]
fn the_temperature_falls_while_the_entropy_is_above_its_target_and_rises_below() {
    let adam = adam::Settings { learning_rate: 0.01, max_grad_norm: f32::INFINITY };
    let uniform = -22.0 * 2f32.ln();
    for (log_density, falls) in [(uniform, true), (21.9, true), (22.1, false)] {
        let mut temperature = Temperature::new(1.0);
        let mut last = temperature.alpha();
        for _ in 0..20 {
            temperature.descend(log_density, -22.0, &adam);
            assert_eq!(temperature.alpha() < last, falls, "log π = {log_density}");
            last = temperature.alpha();
        }
    }
}

#[test]
fn the_default_form_of_a_policy_spreads_its_actions_at_first() {
    let weights = Weights::new(WIDTH, DIM, &Config::default(), 0);
    let output = weights.policy.infer(&normal(0, 50 * WIDTH));
    let noise = normal(1, 50 * DIM);
    let Drawn { actions, log_densities } = draw(&output, &noise, 50);
    let entropy = -log_densities.iter().sum::<f32>() / 50.0;
    assert!((entropy - 2.0 * 2f32.ln()).abs() < 0.3, "{entropy}");
    assert!(actions.iter().any(|a| *a > 0.8) && actions.iter().any(|a| *a < -0.8));
}

fn maze() -> Box<dyn registry::Family> {
    // A short corridor and a fast agent, and a reward that leads there.
    let options = "corridor_length = 2.0\nspeed = 0.5\nhorizon = 30\nreward = \"exact\"\n\
        middle_spacing = 1.25\ntine_spacing = 1.25\nspine_width = 2.0";
    let entry = registry::find("maze").expect("the maze is registered");
    entry.build(&options.parse().expect("valid TOML")).expect("valid options")
}

fn learning() -> Learning {
    let sac = Config {
        hidden: vec![32, 32],
        learning_rate: 2e-3,
        minibatch: 64,
        warm_up: 512,
        capacity: 20_000,
        initial_temperature: 0.05,
        ..Config::default()
    };
    Learning { sac, ..Learning::default() }
}

/// Trains on one goal for so many rounds.
fn trained(rounds: u64) -> SacAgent {
    let learning = learning();
    let Schedule { environments, steps, .. } = learning.sac.schedule();
    let weights = Weights::new(5, 2, &learning.sac, 1);
    let mut agent = SacAgent::new(&Device::Cpu, "maze", weights);
    let levels = LevelSet::new(vec![1], Order::Uniform, 4).expect("a goal");
    let mut pool = Pool::new(&*maze(), &levels, environments);
    let (noise, shuffle) = (Stream::new(4, "noise"), Stream::new(4, "shuffle"));
    for round in 0..rounds {
        let rollout = agent.collect(&mut pool, steps, noise, round * steps as u64);
        agent.update(rollout, &learning, shuffle, 0, None);
    }
    agent
}

#[test]
fn sac_learns_a_goal_that_chance_does_not_find() {
    let measure = |agent: &mut SacAgent| evaluate(&*maze(), agent, &[1], 100, Acting::Sampled, 9);
    let before = measure(&mut trained(0));
    let after = measure(&mut trained(300));
    println!("{before:?}\n{after:?}");
    assert!(before.success() < 0.3, "{before:?}");
    assert!(after.success() > 0.8, "{after:?}");
    assert!(after.mean_return() > before.mean_return() + 1.0, "{before:?} to {after:?}");
}

#[test]
fn threads_do_not_change_a_byte() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| trained(30).weights())
    };
    let one = on(1);
    assert!(one.updates > 50);
    assert!(one == on(3), "other weights on other threads");
}
