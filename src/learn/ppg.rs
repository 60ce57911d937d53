//! Phasic policy gradient (Cobbe et al. 2021): PPO in policy phases, and between them auxiliary
//! phases that teach the policy's network what the value has learned (algorithms.md §2).
//!
//! In an auxiliary phase, over all frames since the last one:
//! L = ½ (V_aux - R)² + ½ (V - R)² + β KL(π_old ‖ π), π_old the policy as the phase began.

#[cfg(feature = "gpu")]
pub mod gpu;
mod network;

pub use network::{Phasic, Weights};

use super::{categorical::Categorical, loss::Tally};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which networks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// One for the policy and one for the value; the auxiliary value is the policy network's.
    #[default]
    Dual,
    /// One for everything.
    Shared,
    /// One for everything, but what the value learns stops before the hidden layer.
    Detach,
}

/// Settings of the auxiliary phase; those of the policy phase are PPO's. Defaults are Table 7 and,
/// where it says nothing, openai/phasic-policy-gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub form: Form,
    /// N_π: iterations of the policy phase.
    pub policy_iterations: usize,
    /// E_aux: passes of an auxiliary phase over what was seen since the last one.
    pub auxiliary_epochs: usize,
    /// β: how dear it is to change what the policy does.
    pub clone_coefficient: f32,
    pub auxiliary_learning_rate: f32,
    /// Environments whose steps of an iteration make up a minibatch of the auxiliary phase.
    pub auxiliary_environments: usize,
    /// N_π of specialists; 0 for the same.
    pub specialist_policy_iterations: usize,
    /// E_aux of specialists; 0 for the same.
    pub specialist_auxiliary_epochs: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            form: Form::Dual,
            policy_iterations: 32,
            auxiliary_epochs: 6,
            clone_coefficient: 1.0,
            auxiliary_learning_rate: 5e-4,
            auxiliary_environments: 4,
            specialist_policy_iterations: 4,
            specialist_auxiliary_epochs: 4,
        }
    }
}

impl Config {
    /// That of specialists.
    pub fn of_specialists(&self) -> Self {
        let or = |own: usize, general: usize| if own > 0 { own } else { general };
        Self {
            policy_iterations: or(self.specialist_policy_iterations, self.policy_iterations),
            auxiliary_epochs: or(self.specialist_auxiliary_epochs, self.auxiliary_epochs),
            ..self.clone()
        }
    }
}

/// The auxiliary loss of the network that holds the policy. Tally: loss, ½ (V_aux - R)²,
/// KL(π_old ‖ π), ½ (V - R)².
pub struct Auxiliary<'a> {
    /// Of π_old, `[rows, choices]`.
    pub old_logits: Vec<f32>,
    /// R, `[rows]`.
    pub targets: &'a [f32],
    /// Number of actions to choose from.
    pub choices: usize,
    /// β
    pub clone_coefficient: f32,
}

impl Auxiliary<'_> {
    /// For the rows in `range`, given their outputs, logits, V_aux and, where the network has it,
    /// V: adds the gradient in them and returns the tally.
    pub fn gradient(&self, range: Range<usize>, output: &[f32], d_output: &mut [f32]) -> Tally {
        let outputs = output.len() / range.len();
        let share = 1.0 / self.targets.len() as f32;
        let (mut old, mut policy) = (Categorical::default(), Categorical::default());
        let mut tally = Tally::default();
        let rows = output.chunks_exact(outputs).zip(d_output.chunks_exact_mut(outputs));
        for (row, (output, d_output)) in range.zip(rows) {
            let (logits, values) = output.split_at(self.choices);
            let (d_logits, d_values) = d_output.split_at_mut(self.choices);
            old.set(&self.old_logits[row * self.choices..(row + 1) * self.choices]);
            policy.set(logits);
            let divergence = old.divergence(&policy);
            tally[0] += f64::from(share * self.clone_coefficient * divergence);
            tally[2] += f64::from(share * divergence);
            policy.add_divergence_gradient(&old, share * self.clone_coefficient, d_logits);
            // V_aux, then V.
            for ((value, d_value), part) in values.iter().zip(d_values).zip([1, 3]) {
                let error = value - self.targets[row];
                let half = f64::from(0.5 * share * error * error);
                tally[0] += half;
                tally[part] += half;
                *d_value += share * error;
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    #[test]
    fn the_gradient_of_the_auxiliary_loss_equals_finite_differences() {
        let (rows, choices) = (3, 4);
        let number = |lane, i: usize| Stream::new(8, "test").normal(lane, i as u64)[0];
        let targets: Vec<f32> = (0..rows).map(|i| number(2, i)).collect();
        for values in [1, 2] {
            let outputs = choices + values;
            let loss = Auxiliary {
                old_logits: (0..rows * choices).map(|i| number(1, i)).collect(),
                targets: &targets,
                choices,
                clone_coefficient: 0.7,
            };
            let output: Vec<f32> = (0..rows * outputs).map(|i| number(0, i)).collect();
            let mut found = vec![0.0; output.len()];
            let first = loss.gradient(0..1, &output[..outputs], &mut found[..outputs]);
            let rest = loss.gradient(1..rows, &output[outputs..], &mut found[outputs..]);
            let log_softmax = |logits: &[f64]| -> Vec<f64> {
                let sum: f64 = logits.iter().map(|x| x.exp()).sum();
                logits.iter().map(|x| x - sum.ln()).collect()
            };
            let value = |output: &[f64]| {
                let of = |row: usize| {
                    let (logits, values) =
                        output[row * outputs..(row + 1) * outputs].split_at(choices);
                    let old: Vec<f64> = loss.old_logits[row * choices..(row + 1) * choices]
                        .iter()
                        .map(|x| f64::from(*x))
                        .collect();
                    let (p, q) = (log_softmax(&old), log_softmax(logits));
                    let kl: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
                    let target = f64::from(targets[row]);
                    f64::from(loss.clone_coefficient) * kl
                        + values.iter().map(|v| 0.5 * (v - target).powi(2)).sum::<f64>()
                };
                (0..rows).map(of).sum::<f64>() / rows as f64
            };
            let mut output: Vec<f64> = output.into_iter().map(f64::from).collect();
            assert!((first[0] + rest[0] - value(&output)).abs() < 1e-6);
            for i in 0..output.len() {
                let h = 1e-5;
                output[i] += h;
                let above = value(&output);
                output[i] -= 2.0 * h;
                let slope = (above - value(&output)) / (2.0 * h);
                output[i] += h;
                assert!((f64::from(found[i]) - slope).abs() < 1e-5, "{i}: {} {slope}", found[i]);
            }
        }
    }
}
