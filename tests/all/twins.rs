//! Everything about learning that is written twice, held against its twin: gradients by hand
//! against finite differences in f64, and the CPU's executor against Burn's on every device.

#[cfg(feature = "gpu")]
use gslab::learn::burn::BurnActorCritic;
use gslab::learn::{
    actor_critic::{ActorCritic, Architecture, Weights},
    adam::Settings,
    bc::{self, LogLikelihood, clone_behaviour},
    cpu::CpuActorCritic,
    dapg::{Demonstrations, Likelihood, SmoothedLikelihood},
    gaussian::MeanBound,
    loss::{Head, Loss, Tally, Term},
    ppo::{ClippedSurrogate, ValueError},
    vectors::GaussianAgent,
};
use gslab_envs::rng::Stream;
use std::ops::ControlFlow;

const OBSERVATION: usize = 5;
const ACTION: usize = 2;
/// Neither a multiple of the CPU's blocks of rows nor of its lanes.
const ROWS: usize = 1003;

/// `n` standard normal numbers; another `lane`, other numbers.
fn normal(lane: u32, n: usize) -> Vec<f32> {
    let stream = Stream::new(5, "twins");
    (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
}

fn new_weights() -> Weights {
    let architecture = Architecture {
        observation: OBSERVATION,
        action: ACTION,
        hidden: vec![32, 24],
        initial_std: 0.5,
        std_range: (0.05, 1.0),
        mean_bound: MeanBound(1.2),
    };
    let mut weights = Weights::new(&architecture, 7);
    // A new policy's means are close to 0: give the last layer something to say.
    for (w, noise) in weights.policy.iter_mut().zip(normal(0, 10_000)) {
        *w += 0.05 * noise;
    }
    weights
}

/// Minibatches of every loss there is.
struct Batch {
    observations: Vec<f32>,
    policy: ClippedSurrogate,
    value: ValueError,
    scaled: SmoothedLikelihood,
    density: SmoothedLikelihood,
    cloning: LogLikelihood,
}

impl Batch {
    fn new(step: u32) -> Self {
        let lane = 100 * (step + 1);
        let actions = |lane| normal(lane, ROWS * ACTION).iter().map(|x| 0.6 * x).collect();
        let smoothed = |lane, weight, likelihood| SmoothedLikelihood {
            actions: actions(lane),
            rows: ROWS,
            weight,
            likelihood,
        };
        Self {
            observations: normal(lane, ROWS * OBSERVATION),
            policy: ClippedSurrogate {
                actions: actions(lane + 1),
                // About the density that a new policy gives: some ratios are clipped.
                old_log_densities: normal(lane + 2, ROWS).iter().map(|x| 0.7 * x - 1.8).collect(),
                advantages: normal(lane + 3, ROWS),
                clip_range: 0.2,
                entropy_coefficient: 0.01,
            },
            value: ValueError { targets: normal(lane + 4, ROWS), coefficient: 0.5 },
            scaled: smoothed(lane + 5, 1.5, Likelihood::Scaled),
            density: smoothed(lane + 6, 0.8, Likelihood::Density),
            cloning: LogLikelihood { actions: actions(lane + 7), rows: ROWS },
        }
    }

    fn terms(&self) -> Vec<Term<'_>> {
        let term = |head, loss| Term { head, observations: &self.observations, loss };
        vec![
            term(Head::Policy, &self.policy),
            term(Head::Value, &self.value),
            term(Head::Policy, &self.scaled),
            term(Head::Policy, &self.density),
            term(Head::Policy, &self.cloning),
        ]
    }
}

/// A limit below every gradient's norm, so that each is clipped, by a factor of its own.
const SETTINGS: Settings = Settings { learning_rate: 1e-3, max_grad_norm: 0.05 };

fn assert_close(name: &str, found: &[f32], expected: &[f32], relative: f32, absolute: f32) {
    assert_eq!(found.len(), expected.len(), "{name}: numbers");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let limit = absolute + relative * e.abs();
        assert!((f - e).abs() <= limit, "{name}[{i}]: {f} against {e}, limit {limit}");
    }
}

/// The CPU's executor against Burn on `device`: outputs, then `steps` optimiser steps.
#[cfg(feature = "gpu")]
fn assert_twins(device: &burn::tensor::Device, steps: u32) {
    use gslab::learn::adam::EPSILON;
    // A limit that no gradient reaches, and none at all.
    const LOOSE: Settings = Settings { max_grad_norm: 1e3, ..SETTINGS };
    const UNLIMITED: Settings = Settings { max_grad_norm: f32::INFINITY, ..SETTINGS };
    let mut cpu = CpuActorCritic::new(new_weights());
    let mut burn = BurnActorCritic::new(new_weights(), device);
    let observations = normal(1, ROWS * OBSERVATION);
    let outputs = |network: &mut dyn ActorCritic| {
        let (mut mean, mut value) = (vec![0.0; ROWS * ACTION], vec![0.0; ROWS]);
        network.policy_mean(&observations, &mut mean);
        network.value(&observations, &mut value);
        (mean, value)
    };
    let (means, values) = outputs(&mut cpu);
    let (burn_means, burn_values) = outputs(&mut burn);
    assert_close("mean", &burn_means, &means, 1e-5, 1e-6);
    assert_close("value", &burn_values, &values, 1e-5, 1e-6);
    assert_close("log σ", &burn.log_std(), &cpu.log_std(), 0.0, 0.0);

    for step in 0..steps {
        let batch = Batch::new(step);
        let settings = [SETTINGS, LOOSE, UNLIMITED][step as usize % 3];
        let expected = cpu.minimise(&batch.terms(), &settings);
        let found = burn.minimise(&batch.terms(), &settings);
        assert_eq!(found.len(), expected.len());
        for (term, (f, e)) in found.iter().zip(&expected).enumerate() {
            for (f, e) in f.iter().zip(e) {
                let limit = 1e-5 + 1e-4 * e.abs();
                assert!((f - e).abs() <= limit, "step {step}, term {term}: {f} against {e}");
            }
        }
    }
    let (burn, cpu) = (burn.weights(), cpu.weights());
    // The step of a parameter without much of a gradient is the rounding error of that gradient.
    assert_close("policy", &burn.policy, &cpu.policy, 1e-4, 1e-5);
    assert_close("value", &burn.value, &cpu.value, 1e-4, 1e-5);
    for (burn, cpu) in
        [(&burn.policy_moments, &cpu.policy_moments), (&burn.value_moments, &cpu.value_moments)]
    {
        assert_eq!(burn.step, cpu.step);
        assert_close("first moment", &burn.first, &cpu.first, 1e-3, EPSILON);
        assert_close("second moment", &burn.second, &cpu.second, 1e-3, EPSILON * EPSILON);
    }
}

/// Weights that went to `device`, and to another thread, come back as they were.
#[cfg(feature = "gpu")]
fn assert_round_trip(device: &burn::tensor::Device) {
    let mut cpu = CpuActorCritic::new(new_weights());
    for step in 0..3 {
        cpu.minimise(&Batch::new(step).terms(), &SETTINGS);
    }
    let weights = cpu.weights();
    let network = BurnActorCritic::new(weights.clone(), device);
    assert!(network.weights() == weights);
    let back = std::thread::spawn(move || network.weights()).join().unwrap();
    assert!(back == weights);
}

#[cfg(feature = "gpu")]
#[test]
fn burn_on_flex_is_the_twin_of_the_cpu() {
    assert_twins(&burn::tensor::Device::flex(), 20);
    assert_round_trip(&burn::tensor::Device::flex());
}

#[cfg(feature = "gpu")]
#[test]
fn burn_on_a_gpu_is_the_twin_of_the_cpu() {
    let (device, adapter) = crate::common::gpu::open();
    println!("on {adapter}");
    assert_twins(&device, 5);
    assert_round_trip(&device);
}

/// Only what a term trains moves, only it counts a step, and log σ stops at the end of its range.
#[test]
fn networks_are_trained_apart_and_log_std_stays_in_range() {
    let mut weights = new_weights();
    let floor = weights.log_std_range.0;
    let network = weights.policy_shape.parameters();
    weights.policy[network..].fill(floor);
    let batch = Batch::new(0);
    // Actions at the mean pull σ down, though it is at its floor.
    let loss = likelihood_at_the_mean(&weights, &batch.observations);
    let policy_only = [Term { head: Head::Policy, observations: &batch.observations, loss: &loss }];
    let executors: Vec<Box<dyn ActorCritic>> = vec![
        Box::new(CpuActorCritic::new(weights.clone())),
        #[cfg(feature = "gpu")]
        Box::new(BurnActorCritic::new(weights.clone(), &burn::tensor::Device::flex())),
    ];
    for mut executor in executors {
        executor.minimise(&policy_only, &SETTINGS);
        let after = executor.weights();
        assert_eq!((after.policy_moments.step, after.value_moments.step), (1, 0));
        assert_eq!(after.value, weights.value);
        assert_eq!(after.log_std(), [floor; ACTION]);
        assert!(after.policy_moments.first[network..].iter().all(|&slope| slope > 0.0));

        executor.fix_std(0.8);
        assert_eq!(executor.log_std(), [0.8f32.ln(); ACTION]);
        executor.minimise(&policy_only, &SETTINGS);
        assert_eq!(executor.weights().log_std(), [0.8f32.ln(); ACTION]);
    }
}

/// The scaled likelihood of doing exactly what a policy does.
fn likelihood_at_the_mean(weights: &Weights, observations: &[f32]) -> SmoothedLikelihood {
    let mut actions = vec![0.0; ROWS * ACTION];
    CpuActorCritic::new(weights.clone()).policy_mean(observations, &mut actions);
    SmoothedLikelihood { actions, rows: ROWS, weight: 1.0, likelihood: Likelihood::Scaled }
}

/// On the CPU not one bit depends on how many threads there are.
#[test]
fn the_cpu_gives_the_same_bytes_on_any_number_of_threads() {
    let train = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network = CpuActorCritic::new(new_weights());
            let batches = (0..5).map(Batch::new);
            let tallies: Vec<Vec<Tally>> =
                batches.map(|batch| network.minimise(&batch.terms(), &SETTINGS)).collect();
            let mut means = vec![0.0; ROWS * ACTION];
            network.policy_mean(&normal(1, ROWS * OBSERVATION), &mut means);
            (network.weights(), tallies, means)
        })
    };
    let one = train(1);
    assert!(one == train(2));
    assert!(one == train(5));
}

/// log π(a|s) in f64.
fn log_density(action: &[f32], mean: &[f64], log_std: &[f64]) -> f64 {
    let dimensions = action.iter().zip(mean).zip(log_std);
    dimensions
        .map(|((a, m), s)| {
            let z = (f64::from(*a) - m) / s.exp();
            -0.5 * z * z - s - 0.5 * std::f64::consts::TAU.ln()
        })
        .sum()
}

/// Holds the loss of `loss` and its gradient by hand against `reference`, the loss in f64 as a
/// function of the network's outputs and log σ.
fn assert_gradient(
    name: &str,
    loss: &dyn Loss,
    outputs: usize,
    reference: &dyn Fn(&[f64], &[f64]) -> f64,
) {
    let rows = loss.rows();
    let output: Vec<f32> = normal(50, rows * outputs).iter().map(|x| 0.4 * x).collect();
    let log_std = [-0.6f32, 0.2];
    let log_std = if outputs == ACTION { &log_std[..] } else { &[] };
    let (mut d_output, mut d_log_std) = (vec![0.0; output.len()], vec![0.0; log_std.len()]);
    let tally = loss.gradient(0..rows, &output, log_std, &mut d_output, &mut d_log_std);

    let mut point: Vec<f64> = output.iter().chain(log_std).map(|&x| f64::from(x)).collect();
    let value = |point: &[f64]| reference(&point[..output.len()], &point[output.len()..]);
    let expected = value(&point);
    assert!(
        (tally[0] - expected).abs() < 1e-5 * (1.0 + expected.abs()),
        "{name}: {} against {expected}",
        tally[0]
    );
    let h = 1e-5;
    for (i, &found) in d_output.iter().chain(&d_log_std).enumerate() {
        let at = point[i];
        point[i] = at + h;
        let above = value(&point);
        point[i] = at - h;
        let below = value(&point);
        point[i] = at;
        let slope = (above - below) / (2.0 * h);
        let limit = 1e-8 + 1e-4 * slope.abs();
        assert!((f64::from(found) - slope).abs() < limit, "{name}[{i}]: {found} against {slope}");
    }
}

/// The mean over rows of `f(row, action, mean)`.
fn over_rows(output: &[f64], actions: &[f32], f: impl Fn(usize, &[f32], &[f64]) -> f64) -> f64 {
    let pairs = actions.chunks(ACTION).zip(output.chunks(ACTION)).enumerate();
    pairs.map(|(row, (action, mean))| f(row, action, mean)).sum::<f64>() / ROWS as f64
}

#[test]
fn gradients_by_hand_equal_finite_differences() {
    let batch = Batch::new(0);
    let policy = &batch.policy;
    assert_gradient("surrogate", policy, ACTION, &|output, log_std| {
        let surrogate = over_rows(output, &policy.actions, |row, action, mean| {
            let log_ratio =
                log_density(action, mean, log_std) - f64::from(policy.old_log_densities[row]);
            let (ratio, advantage) = (log_ratio.exp(), f64::from(policy.advantages[row]));
            (ratio * advantage).min(ratio.clamp(0.8, 1.2) * advantage)
        });
        let constant = 0.5 * (std::f64::consts::TAU.ln() + 1.0);
        let entropy: f64 = log_std.iter().map(|s| s + constant).sum();
        -surrogate - f64::from(policy.entropy_coefficient) * entropy
    });

    let value = &batch.value;
    assert_gradient("value", value, 1, &|output, _| {
        let errors = output.iter().zip(&value.targets).map(|(v, t)| v - f64::from(*t));
        0.5 * errors.map(|e| e * e).sum::<f64>() / ROWS as f64
    });

    // The peak of the density does not move with log σ: it is a constant.
    let peak = log_density(&[0.0; ACTION], &[0.0; ACTION], &[-0.6f32, 0.2].map(f64::from));
    let scaled = &batch.scaled;
    assert_gradient("scaled likelihood", scaled, ACTION, &|output, log_std| {
        let pi =
            |_, action: &[f32], mean: &[f64]| (log_density(action, mean, log_std) - peak).exp();
        -f64::from(scaled.weight) * over_rows(output, &scaled.actions, pi)
    });

    let density = &batch.density;
    assert_gradient("density", density, ACTION, &|output, log_std| {
        let pi = |_, action: &[f32], mean: &[f64]| log_density(action, mean, log_std).exp();
        -f64::from(density.weight) * over_rows(output, &density.actions, pi)
    });

    let cloning = &batch.cloning;
    assert_gradient("log-likelihood", cloning, ACTION, &|output, log_std| {
        -over_rows(output, &cloning.actions, |_, action, mean| log_density(action, mean, log_std))
    });
}

/// Why the paper leaves the logarithm out: a demonstration that the policy finds impossible
/// does not pull on it, where the log-likelihood pulls the harder.
#[test]
fn an_impossible_demonstration_pulls_only_with_the_logarithm() {
    let (actions, rows, weight) = (vec![6.0, -6.0], 1, 1.0);
    let pull = |loss: &dyn Loss| {
        let (mut d_mean, mut d_log_std) = ([0.0; ACTION], [0.0; ACTION]);
        loss.gradient(0..1, &[0.0, 0.0], &[-0.7, -0.7], &mut d_mean, &mut d_log_std);
        d_mean.into_iter().chain(d_log_std).map(f32::abs).fold(0.0, f32::max)
    };
    for likelihood in [Likelihood::Scaled, Likelihood::Density] {
        let loss = SmoothedLikelihood { actions: actions.clone(), rows, weight, likelihood };
        assert!(pull(&loss) < 1e-20, "{likelihood:?}");
    }
    assert!(pull(&LogLikelihood { actions, rows }) > 10.0);
}

/// Demonstrations of a linear policy with a little noise.
fn linear_teacher(rows: usize) -> Demonstrations {
    let observations = normal(60, rows * OBSERVATION);
    let noise = normal(61, rows * ACTION);
    let actions = observations
        .chunks(OBSERVATION)
        .zip(noise.chunks(ACTION))
        .flat_map(|(s, e)| {
            [0.5 * s[0] - 0.3 * s[1] + 0.1 * e[0], 0.4 * s[2] + 0.2 * s[3] + 0.1 * e[1]]
        })
        .collect();
    Demonstrations { observations, actions, rows }
}

#[test]
fn cloning_learns_a_linear_policy_and_stops_when_it_has() {
    let demonstrations = linear_teacher(4000);
    let config = bc::Config { learning_rate: 2e-3, minibatch: 200, ..bc::Config::default() };
    let shuffle = Stream::new(3, "cloning");
    let clone = || {
        let mut network: GaussianAgent = Box::new(CpuActorCritic::new(new_weights()));
        clone_behaviour(&mut network, &demonstrations, &config, shuffle, &mut |_| {
            ControlFlow::Continue(())
        })
    };
    let report = clone();
    let last = report.epochs.len();
    assert!(last < config.max_epochs, "stopped early");
    assert_eq!(last - report.best_epoch, config.patience);
    let least = report.epochs.iter().map(|epoch| epoch.held_out).fold(f64::INFINITY, f64::min);
    assert_eq!(report.held_out, least);

    // The noise of the teacher, 0.1 in each dimension, is all that remains: its entropy.
    let floor = 2.0 * (0.5 * (std::f64::consts::TAU.ln() + 1.0) + 0.1f64.ln());
    assert!((report.held_out - floor).abs() < 0.25, "{} against {floor}", report.held_out);
    let mut student = CpuActorCritic::new(report.weights.clone());
    let mut mean = [0.0; ACTION];
    student.policy_mean(&[1.0, 0.0, 0.0, -1.0, 0.5], &mut mean);
    assert_close("student", &mean, &[0.5, -0.2], 0.0, 0.08);

    assert!(report == clone(), "the same stream, the same report");
}

#[test]
fn cloning_breaks_off_when_told_to_and_takes_too_few_demonstrations() {
    let config = bc::Config::default();
    let shuffle = Stream::new(3, "cloning");
    let mut network: GaussianAgent = Box::new(CpuActorCritic::new(new_weights()));
    let mut stop = |_: &bc::Epoch| ControlFlow::Break(());
    let report = clone_behaviour(&mut network, &linear_teacher(50), &config, shuffle, &mut stop);
    assert_eq!(report.epochs.len(), 1);

    let mut network: GaussianAgent = Box::new(CpuActorCritic::new(new_weights()));
    for rows in [0, 1] {
        let few = linear_teacher(rows);
        let report = clone_behaviour(&mut network, &few, &config, shuffle, &mut stop);
        assert!(report.epochs.is_empty() && report.weights == new_weights());
    }
}
