//! Rewards in units of the discounted return: what Procgen's baselines learn from
//! (algorithms.md §1.2, the reward normaliser).

use gslab_envs::End;
use serde::{Deserialize, Serialize};

/// Scaled rewards lie within this.
const LIMIT: f32 = 10.0;
/// Added to the variance.
const EPSILON: f64 = 1e-8;
/// Weight of the first guess, variance 1, in numbers of returns.
const FIRST_GUESS: f64 = 1e-4;

/// Divides rewards by the running standard deviation of R ← γR + r, over all environments and all
/// steps so far, R beginning anew with every episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardScale {
    gamma: f64,
    /// R of each environment.
    returns: Vec<f64>,
    count: f64,
    mean: f64,
    variance: f64,
}

impl RewardScale {
    /// For a number of environments; `gamma` is from 0 to 1.
    pub fn new(environments: usize, gamma: f32) -> Self {
        Self {
            gamma: gamma.into(),
            returns: vec![0.0; environments],
            count: FIRST_GUESS,
            mean: 0.0,
            variance: 1.0,
        }
    }

    /// The same scale for other environments, whose episodes are about to begin.
    pub fn continued(&self, environments: usize) -> Self {
        Self { returns: vec![0.0; environments], ..self.clone() }
    }

    /// Scales the rewards of consecutive steps, time-major `[steps, environments]`. Every step
    /// is scaled by what was seen up to it, itself included.
    pub fn apply(&mut self, rewards: &mut [f32], ends: &[End]) {
        let n = self.returns.len();
        for (rewards, ends) in rewards.chunks_exact_mut(n).zip(ends.chunks_exact(n)) {
            for (sum, &reward) in self.returns.iter_mut().zip(&*rewards) {
                *sum = *sum * self.gamma + f64::from(reward);
            }
            self.take_in_returns();
            let std = self.std();
            for reward in rewards {
                *reward = ((f64::from(*reward) / std) as f32).clamp(-LIMIT, LIMIT);
            }
            for (sum, end) in self.returns.iter_mut().zip(ends) {
                if *end != End::Running {
                    *sum = 0.0;
                }
            }
        }
    }

    /// What rewards are divided by.
    fn std(&self) -> f64 {
        (self.variance + EPSILON).sqrt()
    }

    /// Merges mean and variance of the returns now with those so far (Chan et al. 1979).
    fn take_in_returns(&mut self) {
        let n = self.returns.len() as f64;
        let mean = self.returns.iter().sum::<f64>() / n;
        let variance = self.returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
        let all = self.count + n;
        let apart = mean - self.mean;
        let squares =
            self.variance * self.count + variance * n + apart * apart * self.count * n / all;
        self.mean += apart * n / all;
        self.variance = squares / all;
        self.count = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    /// Against the variance of all returns so far, in two passes over all of them.
    #[test]
    fn rewards_are_divided_by_the_deviation_of_all_returns_so_far() {
        let (n, steps, gamma) = (3, 60, 0.9f32);
        let stream = Stream::new(1, "test");
        let rewards: Vec<f32> =
            (0..n * steps).map(|i| 2.0 * stream.normal(0, i as u64)[0] + 0.3).collect();
        let ends: Vec<End> = (0..n * steps)
            .map(|i| match stream.below(1, i as u64, 10) {
                0 => End::Terminated,
                1 => End::Truncated,
                _ => End::Running,
            })
            .collect();
        let mut scale = RewardScale::new(n, gamma);
        let mut scaled = rewards.clone();
        // In two calls, as two iterations would.
        let (first, second) = scaled.split_at_mut(n * 25);
        scale.apply(first, &ends[..n * 25]);
        scale.apply(second, &ends[n * 25..]);

        let (mut all, mut now) = (Vec::new(), vec![0.0; n]);
        for t in 0..steps {
            for i in 0..n {
                now[i] = now[i] * f64::from(gamma) + f64::from(rewards[t * n + i]);
                all.push(now[i]);
                if ends[t * n + i] != End::Running {
                    now[i] = 0.0;
                }
            }
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / all.len() as f64;
            for i in t * n..(t + 1) * n {
                let expected = f64::from(rewards[i]) / variance.sqrt();
                // The first guess weighs a ten-thousandth of a return.
                let off = (f64::from(scaled[i]) - expected.clamp(-10.0, 10.0)).abs();
                assert!(off < 1e-3 * expected.abs().max(1.0), "{t}: {} {expected}", scaled[i]);
            }
        }
    }

    #[test]
    fn the_first_rewards_stay_within_the_limit() {
        let mut scale = RewardScale::new(2, 0.99);
        let mut rewards = [0.0, 0.0, 0.0, 1000.0];
        scale.apply(&mut rewards, &[End::Running; 4]);
        assert_eq!(rewards[..3], [0.0; 3]);
        assert!(rewards[3] > 1.0 && rewards[3] <= 10.0, "{}", rewards[3]);
    }
}
