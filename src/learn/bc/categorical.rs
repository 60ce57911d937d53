//! The loss of cloning for choices among actions.

use crate::learn::{categorical::Categorical, loss::Tally};
use std::ops::Range;

/// -mean log π(a|s). Tally: loss.
pub struct LogLikelihood {
    /// `[rows]`
    pub actions: Vec<u32>,
    /// Number of actions to choose from.
    pub choices: usize,
}

impl LogLikelihood {
    /// For the rows in `range`, given their outputs `[range, choices + values]`: adds the gradient
    /// in them and returns the tally.
    pub fn gradient(&self, range: Range<usize>, output: &[f32], d_output: &mut [f32]) -> Tally {
        let outputs = output.len() / range.len();
        let share = 1.0 / self.actions.len() as f32;
        let mut policy = Categorical::default();
        let mut tally = Tally::default();
        let rows = output.chunks_exact(outputs).zip(d_output.chunks_exact_mut(outputs));
        for (row, (output, d_output)) in range.zip(rows) {
            policy.set(&output[..self.choices]);
            tally[0] -= f64::from(share * policy.log_probability(self.actions[row]));
            policy.add_log_probability_gradient(
                self.actions[row],
                -share,
                &mut d_output[..self.choices],
            );
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    #[test]
    fn the_gradient_equals_finite_differences() {
        let (rows, outputs) = (3, 5);
        let loss = LogLikelihood { actions: vec![2, 0, 3], choices: 4 };
        let output: Vec<f32> =
            (0..rows * outputs).map(|i| Stream::new(6, "test").normal(0, i as u64)[0]).collect();
        let mut found = vec![0.0; output.len()];
        let first = loss.gradient(0..2, &output[..10], &mut found[..10]);
        let rest = loss.gradient(2..3, &output[10..], &mut found[10..]);
        let mean = |output: &[f64]| {
            let of = |row: usize| {
                let logits = &output[row * outputs..(row + 1) * outputs - 1];
                let sum: f64 = logits.iter().map(|x| x.exp()).sum();
                sum.ln() - logits[loss.actions[row] as usize]
            };
            (0..rows).map(of).sum::<f64>() / rows as f64
        };
        let mut output: Vec<f64> = output.into_iter().map(f64::from).collect();
        assert!((first[0] + rest[0] - mean(&output)).abs() < 1e-6);
        for i in 0..output.len() {
            let h = 1e-5;
            output[i] += h;
            let above = mean(&output);
            output[i] -= 2.0 * h;
            let slope = (above - mean(&output)) / (2.0 * h);
            output[i] += h;
            assert!((f64::from(found[i]) - slope).abs() < 1e-6, "{i}: {} {slope}", found[i]);
        }
    }
}
