//! PPO's loss for choices among actions and values out of one network that sees frames.

use super::{Batch, Config, Minibatch, Report};
use crate::learn::{
    adam,
    categorical::Categorical,
    dapg::categorical::Guide,
    impala::{
        Frames,
        cpu::{CpuImpala, Term},
    },
    loss::Tally,
    rollout::{Estimates, Rollout},
};
use gslab_envs::rng::Stream;
use std::ops::Range;

/// Frames seen and choices made.
pub struct Choices {
    /// `[rows, 64, 64, 3]`.
    pub pixels: Vec<u8>,
    pub actions: Vec<u32>,
    pub estimates: Estimates,
}

/// What learns.
pub struct Networks<'a> {
    /// Its outputs begin with the logits and, unless the value has a network of its own, end with
    /// the value. What lies between, PPO has nothing to do with.
    pub policy: &'a mut CpuImpala,
    pub value: Option<&'a mut CpuImpala>,
}

/// One iteration on a batch: `epochs` passes in minibatches. `iteration` counts from 0 and selects
/// the shuffling.
pub fn update(
    Networks { policy, mut value }: Networks<'_>,
    rollout: &Rollout<Choices>,
    batch: &Batch,
    config: &Config,
    shuffle: Stream,
    iteration: u64,
    guide: Option<&Guide<'_>>,
) -> Report {
    let choices = policy.weights().architecture.actions();
    let adam =
        adam::Settings { learning_rate: config.learning_rate, max_grad_norm: config.max_grad_norm };
    let max_advantage = match guide {
        Some(guide) => guide.config.max_advantage(batch.max_advantage),
        None => batch.max_advantage.standardised,
    };
    let has_value = value.is_none();
    let mut report = batch.optimise(config, shuffle, iteration, |minibatch| {
        let objective = Objective::new(rollout, &minibatch, config);
        let loss = |range: Range<usize>, output: &[f32], d_output: &mut [f32]| {
            objective.gradient(range, output, d_output, choices, has_value)
        };
        let frames = Frames::at(&rollout.experience.pixels, minibatch.rows);
        let shown = guide.map(|guide| guide.minibatch(minibatch.step, max_advantage, choices));
        let shown_loss = |range: Range<usize>, output: &[f32], d_output: &mut [f32]| {
            shown.as_ref().map_or(Tally::default(), |s| s.gradient(range, output, d_output))
        };
        let mut terms = vec![Term { frames, loss: &loss }];
        if let Some(shown) = &shown {
            terms.push(Term { frames: shown.frames(), loss: &shown_loss });
        }
        let mut tallies = policy.minimise(&terms, &adam);
        let value_loss = match &mut value {
            // It came with the policy's, as the two share their outputs.
            None => tallies[0][4],
            Some(value) => {
                let loss = |range: Range<usize>, output: &[f32], d_output: &mut [f32]| {
                    objective.gradient(range, output, d_output, 0, true)
                };
                value.minimise(&[Term { frames, loss: &loss }], &adam)[0][4]
            }
        };
        tallies.insert(1, [value_loss, 0.0, 0.0, 0.0, 0.0]);
        tallies
    });
    report.max_advantage = f64::from(max_advantage);
    report
}

/// -mean min(ρA, clip(ρ, 1 - ε, 1 + ε)A) - entropy bonus + the value's loss, with
/// ρ = π(a|s)/π_old(a|s).
///
/// The value's loss is coefficient · mean ½ max((V - R)², (V_old + clip(V - V_old, ±c) - R)²), and
/// without a limit c ½ (V - R)². Tally: the policy's loss, entropy, approximate KL, share of
/// clipped samples, the value's loss.
pub struct Objective<'a> {
    pub actions: Vec<u32>,
    pub old_log_probabilities: Vec<f32>,
    pub old_values: Vec<f32>,
    pub advantages: &'a [f32],
    pub targets: &'a [f32],
    pub config: &'a Config,
}

impl<'a> Objective<'a> {
    fn new(rollout: &Rollout<Choices>, minibatch: &'a Minibatch<'_>, config: &'a Config) -> Self {
        let gather = |values: &[f32]| minibatch.rows.iter().map(|&r| values[r as usize]).collect();
        let Choices { actions, estimates, .. } = &rollout.experience;
        Self {
            actions: minibatch.rows.iter().map(|&r| actions[r as usize]).collect(),
            old_log_probabilities: gather(&estimates.log_densities),
            old_values: gather(&estimates.values),
            advantages: &minibatch.advantages,
            targets: &minibatch.targets,
            config,
        }
    }

    /// For the rows in `range`, given their outputs, which begin with the logits of `choices`
    /// actions, or none, and end with the value if they have it: adds the gradient in them and
    /// returns the tally.
    pub fn gradient(
        &self,
        range: Range<usize>,
        output: &[f32],
        d_output: &mut [f32],
        choices: usize,
        has_value: bool,
    ) -> Tally {
        let outputs = output.len() / range.len();
        let weight = 1.0 / self.actions.len() as f32;
        let mut tally = Tally::default();
        let mut policy = Categorical::default();
        let rows = output.chunks_exact(outputs).zip(d_output.chunks_exact_mut(outputs));
        for (row, (output, d_output)) in range.zip(rows) {
            if choices > 0 {
                policy.set(&output[..choices]);
                self.policy_gradient(row, weight, &policy, &mut d_output[..choices], &mut tally);
            }
            if has_value {
                let value = output[outputs - 1];
                d_output[outputs - 1] += self.value_gradient(row, weight, value, &mut tally);
            }
        }
        tally
    }

    /// The policy's part of a row; adds to the gradient in its logits, and to the tally.
    fn policy_gradient(
        &self,
        row: usize,
        weight: f32,
        policy: &Categorical,
        d_logits: &mut [f32],
        tally: &mut Tally,
    ) {
        let (action, advantage) = (self.actions[row], self.advantages[row]);
        let (low, high) = (1.0 - self.config.clip_range, 1.0 + self.config.clip_range);
        let log_ratio = policy.log_probability(action) - self.old_log_probabilities[row];
        let ratio = log_ratio.exp();
        let (plain, clipped) = (ratio * advantage, ratio.clamp(low, high) * advantage);
        let entropy = policy.entropy();
        let bonus = weight * self.config.entropy_coefficient;
        tally[0] -= f64::from(weight * plain.min(clipped) + bonus * entropy);
        tally[1] += f64::from(weight * entropy);
        tally[2] += f64::from(weight * (ratio - 1.0 - log_ratio));
        if ratio < low || ratio > high {
            tally[3] += f64::from(weight);
        }
        // Where the clipped branch is the smaller one it is constant in ρ.
        if plain <= clipped {
            policy.add_log_probability_gradient(action, -weight * plain, d_logits);
        }
        policy.add_entropy_gradient(-bonus, d_logits);
    }

    /// The value's part of a row: its gradient in the value; adds to the tally.
    fn value_gradient(&self, row: usize, weight: f32, value: f32, tally: &mut Tally) -> f32 {
        let (target, old, limit) =
            (self.targets[row], self.old_values[row], self.config.value_clip);
        let weight = 0.5 * weight * self.config.value_coefficient;
        let error = value - target;
        let mut worst = (error * error, 2.0 * error);
        if limit > 0.0 {
            let moved = (value - old).clamp(-limit, limit);
            let error = old + moved - target;
            if error * error > worst.0 {
                // Beyond the limit the value no longer matters.
                let slope = if (value - old).abs() < limit { 2.0 * error } else { 0.0 };
                worst = (error * error, slope);
            }
        }
        tally[4] += f64::from(weight * worst.0);
        weight * worst.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loss as its formula has it, in f64.
    fn loss(objective: &Objective<'_>, output: &[f64]) -> f64 {
        let config = objective.config;
        let (epsilon, limit) = (f64::from(config.clip_range), f64::from(config.value_clip));
        let rows = objective.actions.len();
        let outputs = output.len() / rows;
        let mut sum = 0.0;
        for row in 0..rows {
            let (logits, value) = output[row * outputs..(row + 1) * outputs].split_at(outputs - 1);
            let log_sum = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
            let log_p: Vec<f64> = logits.iter().map(|x| x - log_sum).collect();
            let entropy = -log_p.iter().map(|l| l.exp() * l).sum::<f64>();
            let old = f64::from(objective.old_log_probabilities[row]);
            let ratio = (log_p[objective.actions[row] as usize] - old).exp();
            let advantage = f64::from(objective.advantages[row]);
            let clipped = ratio.clamp(1.0 - epsilon, 1.0 + epsilon);
            sum -= (ratio * advantage).min(clipped * advantage);
            sum -= f64::from(config.entropy_coefficient) * entropy;
            let (target, old) =
                (f64::from(objective.targets[row]), f64::from(objective.old_values[row]));
            let mut error = (value[0] - target).powi(2);
            if limit > 0.0 {
                let moved = old + (value[0] - old).clamp(-limit, limit);
                error = error.max((moved - target).powi(2));
            }
            sum += 0.5 * f64::from(config.value_coefficient) * error;
        }
        sum / rows as f64
    }

    /// Four rows: ratios inside and outside of the clipped range with either sign of the
    /// advantage, values inside and outside of theirs.
    #[test]
    fn the_gradient_equals_finite_differences() {
        const OUTPUT: [f32; 16] = [
            0.1, -0.4, 0.7, 0.5, //
            1.2, 0.3, -0.8, -0.6, //
            -0.2, 0.0, 0.4, 1.9, //
            0.9, -1.1, 0.2, 0.3,
        ];
        for value_clip in [0.0, 0.2] {
            let config = Config { value_clip, entropy_coefficient: 0.05, ..Config::procgen() };
            let objective = Objective {
                actions: vec![0, 1, 2, 0],
                old_log_probabilities: vec![-1.2, -2.0, -0.8, -0.2],
                old_values: vec![0.45, 0.2, 1.0, 0.35],
                advantages: &[1.5, 0.8, -0.7, -1.1],
                targets: &[1.0, -0.4, 1.3, 0.9],
                config: &config,
            };
            let mut found = [0.0; 16];
            // In two ranges, as threads get them.
            let first = objective.gradient(0..1, &OUTPUT[..4], &mut found[..4], 3, true);
            let rest = objective.gradient(1..4, &OUTPUT[4..], &mut found[4..], 3, true);
            let output = OUTPUT.map(f64::from);
            let told = first[0] + rest[0] + first[4] + rest[4];
            assert!((told - loss(&objective, &output)).abs() < 1e-6);
            assert!(rest[3] > 0.0, "no ratio was clipped");
            for i in 0..output.len() {
                let h = 1e-5;
                let mut bumped = output;
                bumped[i] += h;
                let above = loss(&objective, &bumped);
                bumped[i] -= 2.0 * h;
                let slope = (above - loss(&objective, &bumped)) / (2.0 * h);
                let d = f64::from(found[i]);
                assert!((d - slope).abs() < 1e-5, "{value_clip}, {i}: {d} against {slope}");
            }
        }
    }
}
