//! PPO on experience that lies in the memory of a GPU. The twin of [`super::categorical`].
//!
//! Which rows an optimiser step learns from is all that crosses to the GPU; the averages over all
//! steps of an iteration are read back at its end.

use super::{Config, MaxAdvantage, OptimiserSteps, Report, Standardise};
use crate::{
    gpu::{Buffer, Gpu, Shader},
    learn::{
        adam,
        agent::Shown,
        burn::read,
        dapg::categorical::Demonstrations,
        gae::Discount,
        impala::gpu::{GpuImpala, Term},
        pixels::frames::ResidentFrames,
        rollout::Rollout,
    },
    trace::{self, Stage, span},
};
use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation::log_softmax};
use gslab_envs::{End, rng::Stream};
use std::ops::Range;

const GAE: Shader =
    Shader { name: "gae", source: include_str!("../../../shaders/gae.wgsl"), workgroup: (64, 1) };

/// Frames seen and choices made, in the memory of a GPU; buffers of a word a row.
pub struct ResidentChoices {
    pub gpu: Gpu,
    pub frames: ResidentFrames,
    /// They came back to the CPU, since worlds are stepped there.
    pub actions: Vec<u32>,
    pub resident_actions: Buffer,
    /// Of the actions, f32.
    pub log_probabilities: Buffer,
    /// Of the frames, and of those after the last step, f32.
    pub values: Buffer,
}

/// Advantages and what the values are to be, `[rows]`, on the GPU.
pub struct Estimated {
    pub advantages: Tensor<1>,
    pub targets: Tensor<1>,
}

impl Estimated {
    /// What [`crate::learn::gae::advantages`] gives.
    pub fn new(rollout: &Rollout<ResidentChoices>, discount: Discount) -> Self {
        let _advantages = span(Stage::Advantages);
        let (gpu, n, rows) = (&rollout.experience.gpu, rollout.n, rollout.rows());
        let bits = [
            n as u32,
            (rows / n) as u32,
            discount.gamma.to_bits(),
            (discount.gamma * discount.lambda).to_bits(),
        ];
        let running = |end: &End| if *end == End::Running { 1.0 } else { 0.0 };
        let running: Vec<f32> = rollout.ends.iter().map(running).collect();
        let [advantages, targets] = [(); 2].map(|()| gpu.empty(rows * size_of::<f32>()));
        let groups = ((n as u32).div_ceil(GAE.workgroup.0), 1, 1);
        gpu.launch(
            &GAE,
            groups,
            &[
                &gpu.send(bytemuck::cast_slice(&bits)),
                &gpu.send(bytemuck::cast_slice(&rollout.rewards)),
                &gpu.send(bytemuck::cast_slice(&running)),
                &rollout.experience.values,
                &advantages,
                &targets,
            ],
        );
        Self { advantages: gpu.floats(advantages, [rows]), targets: gpu.floats(targets, [rows]) }
    }
}

/// What learns; see [`super::categorical::Networks`].
pub struct Networks<'a> {
    pub policy: &'a mut GpuImpala,
    pub value: Option<&'a mut GpuImpala>,
}

/// One iteration: `epochs` passes in minibatches, with demonstrations of DAPG. `iteration` counts
/// from 0 and selects the shuffling. Unwinds if the GPU was lost, as [`crate::learn::burn`] tells.
pub fn update(
    Networks { policy, mut value }: Networks<'_>,
    rollout: &Rollout<ResidentChoices>,
    estimated: &Estimated,
    config: &Config,
    shuffle: Stream,
    iteration: u64,
    shown: Option<&Shown<'_, Demonstrations>>,
) -> Report {
    let choices = policy.architecture().actions();
    let adam =
        adam::Settings { learning_rate: config.learning_rate, max_grad_norm: config.max_grad_norm };
    let seen = &rollout.experience;
    let rows = rollout.rows();
    let Estimated { advantages, targets } = estimated;
    let standardised = standardise(advantages.clone());
    let raw = advantages.clone().max();
    let largest = match shown {
        Some(shown) => shown
            .config
            .max_advantage(MaxAdvantage { raw, standardised: standardised.clone().max() }),
        None => standardised.clone().max(),
    };
    let all = Rows {
        actions: seen.gpu.words(seen.resident_actions.clone(), [rows], DType::I32),
        old_log_probabilities: seen.gpu.floats(seen.log_probabilities.clone(), [rows]),
        // Those after the last step are not of any row.
        old_values: seen.gpu.floats(seen.values.clone(), [rows + rollout.n]).slice(0..rows),
        advantages: match config.standardise {
            Standardise::Batch => standardised,
            Standardise::Minibatch => advantages.clone(),
        },
        targets: targets.clone(),
    };

    let steps = OptimiserSteps::new(config, rows, iteration);
    let mut sums: Option<Tensor<1>> = None;
    steps.each(shuffle, |number, rows| {
        let mut minibatch = all.select(index(rows, seen.frames.device()));
        if config.standardise == Standardise::Minibatch {
            minibatch.advantages = standardise(minibatch.advantages);
        }
        let objective = Objective { rows: minibatch, config };
        let has_value = value.is_none();
        let loss = |range, outputs| objective.tensor(range, outputs, choices, has_value);
        let mut terms = vec![Term { frames: &seen.frames, rows, loss: &loss }];
        // Demonstrations may be more than the GPU holds: each step sends its own.
        let shown = shown.map(|shown| {
            let rows = shown.config.rows(shown.shuffle, number, shown.demonstrations.actions.len());
            let frames = ResidentFrames::send(&seen.gpu, &shown.demonstrations.pixels, &rows);
            let actions = shown.demonstrations.actions_of(&rows);
            let weight = largest.clone() * shown.config.weight;
            (frames, (0..rows.len() as u32).collect::<Vec<_>>(), actions, weight)
        });
        let likelihood = shown.as_ref().map(|(.., actions, weight)| {
            |range, outputs| smoothed_likelihood(range, outputs, actions, choices, weight)
        });
        if let (Some((frames, rows, ..)), Some(loss)) = (&shown, &likelihood) {
            terms.push(Term { frames, rows, loss });
        }
        let mut tallies = policy.minimise(&terms, &adam);
        if let Some(value) = &mut value {
            let loss = |range, outputs| objective.tensor(range, outputs, 0, true);
            let tally = value.minimise(&[Term { frames: &seen.frames, rows, loss: &loss }], &adam);
            tallies.insert(1, tally[0].clone().slice(4..5));
        }
        let tally = Tensor::cat(tallies, 0) * steps.share() as f32;
        sums = Some(match sums.take() {
            Some(sums) => sums + tally,
            None => tally,
        });
    });

    let spread = [variance(advantages.clone()), variance(targets.clone()), largest];
    let entries = sums.into_iter().chain(spread).collect();
    let entries: Vec<f64> = read(Tensor::cat(entries, 0)).into_iter().map(f64::from).collect();
    report(&entries, value.is_some())
}

/// Of the policy's tally, the value's if it has a network of its own, the demonstrations' if there
/// are any, the variances of advantages and targets, and the largest advantage.
fn report(entries: &[f64], own_value: bool) -> Report {
    let (tallies, rest) = entries.split_at(entries.len() - 3);
    let (policy, mut others) = tallies.split_at(5);
    let mut value_loss = policy[4];
    if own_value {
        (value_loss, others) = (others[0], &others[1..]);
    }
    let mut report = Report {
        // As a tally the policy's loss has the value's in it, which the optimiser minimises too.
        policy_loss: if own_value { policy[0] } else { policy[0] - policy[4] },
        entropy: policy[1],
        approximate_kl: policy[2],
        clip_fraction: policy[3],
        value_loss,
        explained_variance: 1.0 - rest[0] / rest[1].max(1e-12),
        max_advantage: rest[2],
        ..Report::default()
    };
    report.auxiliary.iter_mut().zip(others).for_each(|(a, t)| *a = *t);
    report
}

/// Rows as a tensor that selects them.
pub fn index(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let data: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let _upload = span(Stage::Upload);
    trace::crossed(size_of_val(&data[..]));
    Tensor::from_data(TensorData::new(data, [rows.len()]), (device, DType::I32))
}

/// Shifts and scales to mean 0 and (biased) standard deviation 1.
fn standardise(values: Tensor<1>) -> Tensor<1> {
    let centred = values.clone() - values.mean();
    let deviation = centred.clone().square().mean().sqrt();
    centred / (deviation + 1e-8)
}

/// (Biased), `[1]`.
fn variance(values: Tensor<1>) -> Tensor<1> {
    (values.clone() - values.mean()).square().mean()
}

/// What a loss knows of its rows; all `[rows]`.
struct Rows {
    actions: Tensor<1, Int>,
    old_log_probabilities: Tensor<1>,
    old_values: Tensor<1>,
    advantages: Tensor<1>,
    targets: Tensor<1>,
}

impl Rows {
    fn select(&self, rows: Tensor<1, Int>) -> Self {
        let of = |tensor: &Tensor<1>| tensor.clone().select(0, rows.clone());
        Self {
            actions: self.actions.clone().select(0, rows.clone()),
            old_log_probabilities: of(&self.old_log_probabilities),
            old_values: of(&self.old_values),
            advantages: of(&self.advantages),
            targets: of(&self.targets),
        }
    }
}

/// The loss that [`super::categorical::Objective`] is.
struct Objective<'a> {
    rows: Rows,
    config: &'a Config,
}

impl Objective<'_> {
    /// Of outputs of the rows in a range that begin with the logits of `choices` actions, or none,
    /// and end with the value if they have it: the loss and its tally, which is that of the CPU but
    /// that its first entry, the loss, has the value's in it.
    fn tensor(
        &self,
        range: Range<usize>,
        outputs: Tensor<2>,
        choices: usize,
        has_value: bool,
    ) -> Vec<Tensor<1>> {
        let share = 1.0 / self.rows.targets.dims()[0] as f32;
        let [here, width] = outputs.dims();
        let of = |tensor: &Tensor<1>| {
            Tensor::from_inner(tensor.clone().slice([range.clone()]).reshape([here, 1]))
        };
        let mean = |tensor: Tensor<2>| tensor.sum() * share;
        let mut tally = vec![Tensor::zeros([1], &outputs.device()); 5];
        if choices > 0 {
            let logits = outputs.clone().slice([0..here, 0..choices]);
            let (log_probability, entropy) =
                policy(logits, self.rows.actions.clone().slice([range.clone()]).reshape([here, 1]));
            let (low, high) = (1.0 - self.config.clip_range, 1.0 + self.config.clip_range);
            let log_ratio = log_probability - of(&self.rows.old_log_probabilities);
            let ratio = log_ratio.clone().exp();
            let advantages = of(&self.rows.advantages);
            let plain = ratio.clone() * advantages.clone();
            let clipped = ratio.clone().clamp(low, high) * advantages;
            let entropy = mean(entropy);
            tally[0] =
                -mean(plain.min_pair(clipped)) - entropy.clone() * self.config.entropy_coefficient;
            tally[1] = entropy;
            tally[2] = mean(ratio.clone() - 1.0 - log_ratio);
            let outside = (ratio - 1.0).abs().greater_elem(self.config.clip_range);
            tally[3] = mean(outside.float());
        }
        if has_value {
            let value = outputs.slice([0..here, width - 1..width]);
            let (target, old) = (of(&self.rows.targets), of(&self.rows.old_values));
            let mut error = (value.clone() - target.clone()).square();
            let limit = self.config.value_clip;
            if limit > 0.0 {
                let moved = (value - old.clone()).clamp(-limit, limit);
                error = error.max_pair((old + moved - target).square());
            }
            tally[4] = mean(error) * (0.5 * self.config.value_coefficient);
            tally[0] = tally[0].clone() + tally[4].clone();
        }
        tally
    }
}

/// Log-probabilities of actions and the entropy, each `[rows, 1]`, of logits.
fn policy(logits: Tensor<2>, actions: Tensor<2, Int>) -> (Tensor<2>, Tensor<2>) {
    let log_probabilities = log_softmax(logits, 1);
    let entropy = -(log_probabilities.clone().exp() * log_probabilities.clone()).sum_dim(1);
    (log_probabilities.gather(1, actions), entropy)
}

/// Log-probabilities of the actions of rows in a range, `[rows, 1]`.
pub fn log_probabilities(
    range: Range<usize>,
    outputs: Tensor<2>,
    actions: &[u32],
    choices: usize,
) -> Tensor<2> {
    let here = range.len();
    let actions = index(&actions[range], &outputs.device().without_autodiff());
    let actions = actions.reshape([here, 1]);
    policy(outputs.slice([0..here, 0..choices]), actions).0
}

/// -weight · mean π(a|s), the demonstration term of DAPG, and mean π(a|s); `weight` is `[1]`.
fn smoothed_likelihood(
    range: Range<usize>,
    outputs: Tensor<2>,
    actions: &[u32],
    choices: usize,
    weight: &Tensor<1>,
) -> Vec<Tensor<1>> {
    let share = 1.0 / actions.len() as f32;
    let likelihood = log_probabilities(range, outputs, actions, choices).exp().sum() * share;
    vec![-(Tensor::from_inner(weight.clone()) * likelihood.clone()), likelihood]
}
