//! Generalised advantage estimation (Schulman et al. 2016), with truncation apart from
//! termination: a cut episode is worth the value of its last state, an ended one nothing.

use gslab_envs::End;

/// Discounting of advantages.
#[derive(Clone, Copy, Debug)]
pub struct Discount {
    /// γ in [0, 1].
    pub gamma: f32,
    /// λ in [0, 1].
    pub lambda: f32,
}

/// What the estimator reads; time-major, index `t * n + environment`.
pub struct Trajectories<'a> {
    /// Number of environments.
    pub n: usize,
    pub rewards: &'a [f32],
    /// How step t left the episode.
    pub ends: &'a [End],
    /// V(s_t), `[t, n]`.
    pub values: &'a [f32],
    /// Value of the state that step t reached: V of the next row, or of the last state of a
    /// truncated episode; not read after termination. `[t, n]`.
    pub next_values: &'a [f32],
}

/// A_t = δ_t + γλ·running_t·A_{t+1}, with δ_t = r_t + γ·V(s'_t) - V(s_t); returns
/// (advantages, value targets A_t + V_t), each `[t, n]`.
pub fn advantages(steps: &Trajectories<'_>, discount: Discount) -> (Vec<f32>, Vec<f32>) {
    let Trajectories { n, rewards, ends, values, next_values } = *steps;
    let mut advantages = vec![0.0; rewards.len()];
    let mut carried = vec![0.0; n];
    for i in (0..rewards.len()).rev() {
        let environment = i % n;
        let next = if ends[i] == End::Terminated { 0.0 } else { next_values[i] };
        let delta = rewards[i] + discount.gamma * next - values[i];
        let carry = if ends[i] == End::Running { carried[environment] } else { 0.0 };
        advantages[i] = delta + discount.gamma * discount.lambda * carry;
        carried[environment] = advantages[i];
    }
    let targets = advantages.iter().zip(values).map(|(a, v)| a + v).collect();
    (advantages, targets)
}

/// Mean and (biased) variance.
pub fn mean_and_variance(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    (mean, values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n)
}

/// Shifts and scales to mean 0 and (biased) standard deviation 1.
pub fn standardise(values: &mut [f32]) {
    let (mean, variance) = mean_and_variance(values);
    let scale = 1.0 / (variance.sqrt() + 1e-8);
    for x in values {
        *x = ((f64::from(*x) - mean) * scale) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    struct Random {
        rewards: Vec<f32>,
        ends: Vec<End>,
        values: Vec<f32>,
        next_values: Vec<f32>,
    }

    /// 40 steps of 3 environments with random ends of both kinds.
    fn random(n: usize, t: usize) -> Random {
        let stream = Stream::new(3, "test");
        let draw = |lane, i: usize| stream.normal(lane, i as u64)[0];
        let ends: Vec<End> = (0..n * t)
            .map(|i| match stream.below(9, i as u64, 8) {
                0 => End::Terminated,
                1 => End::Truncated,
                _ => End::Running,
            })
            .collect();
        let values: Vec<f32> = (0..n * t).map(|i| draw(1, i)).collect();
        let next_values = (0..n * t)
            .map(|i| match ends[i] {
                End::Running if i + n < n * t => values[i + n],
                End::Terminated => f32::NAN,
                _ => draw(2, i),
            })
            .collect();
        Random { rewards: (0..n * t).map(|i| draw(0, i)).collect(), ends, values, next_values }
    }

    /// The defining sum: A_t = Σ_l (γλ)^l δ_{t+l} up to the end of the episode or the rollout.
    #[test]
    fn equals_the_defining_sum() {
        let (n, t) = (3, 40);
        let r = random(n, t);
        let steps = Trajectories {
            n,
            rewards: &r.rewards,
            ends: &r.ends,
            values: &r.values,
            next_values: &r.next_values,
        };
        let (gamma, lambda) = (0.95, 0.97);
        let (advantages, targets) = advantages(&steps, Discount { gamma, lambda });
        for i in 0..n * t {
            let (mut sum, mut factor) = (0.0f64, 1.0f64);
            for j in (i..n * t).step_by(n) {
                let next = match r.ends[j] {
                    End::Terminated => 0.0,
                    _ => f64::from(r.next_values[j]),
                };
                sum += factor
                    * (f64::from(r.rewards[j]) + f64::from(gamma) * next - f64::from(r.values[j]));
                factor *= f64::from(gamma * lambda);
                if r.ends[j] != End::Running {
                    break;
                }
            }
            assert!((f64::from(advantages[i]) - sum).abs() < 1e-4);
            assert!((targets[i] - advantages[i] - r.values[i]).abs() < 1e-6);
        }
    }

    /// With γ = λ = 1 and an episode that terminates, A_t is the return minus the value.
    #[test]
    fn undiscounted_is_return_minus_value() {
        let rewards = [1.0, 2.0, 3.0];
        let values = [0.5, -1.0, 4.0];
        let next_values = [-1.0, 4.0, f32::NAN];
        let ends = [End::Running, End::Running, End::Terminated];
        let steps = Trajectories {
            n: 1,
            rewards: &rewards,
            ends: &ends,
            values: &values,
            next_values: &next_values,
        };
        let (advantages, targets) = advantages(&steps, Discount { gamma: 1.0, lambda: 1.0 });
        assert_eq!(targets, [6.0, 5.0, 3.0]);
        assert_eq!(advantages, [5.5, 6.0, -1.0]);
    }

    #[test]
    fn standardised_has_mean_zero_and_deviation_one() {
        let mut values = vec![3.0, 5.0, 7.0, 100.0];
        standardise(&mut values);
        let mean: f32 = values.iter().sum::<f32>() / 4.0;
        let variance: f32 = values.iter().map(|x| x * x).sum::<f32>() / 4.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5);
    }
}
