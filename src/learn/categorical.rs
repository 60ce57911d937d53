//! The categorical policy over logits: the network's outputs are unnormalised log-probabilities.

use gslab_envs::rng::Stream;

/// The distribution of one row of logits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Categorical {
    log_probabilities: Vec<f32>,
}

impl Categorical {
    pub fn new(logits: &[f32]) -> Self {
        let mut categorical = Self::default();
        categorical.set(logits);
        categorical
    }

    /// Takes another row of logits, without allocating for as many.
    pub fn set(&mut self, logits: &[f32]) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|x| (x - largest).exp()).sum();
        let log_sum = largest + sum.ln();
        self.log_probabilities.clear();
        self.log_probabilities.extend(logits.iter().map(|x| x - log_sum));
    }

    /// Log of an action's probability, in nats.
    pub fn log_probability(&self, action: u32) -> f32 {
        self.log_probabilities[action as usize]
    }

    /// The action of the highest probability, the first of equals.
    pub fn likeliest(&self) -> u32 {
        let mut best = 0;
        for (action, log_p) in self.log_probabilities.iter().enumerate() {
            if *log_p > self.log_probabilities[best] {
                best = action;
            }
        }
        best as u32
    }

    /// -Σ p log p, in nats: 0 to the logarithm of the number of actions.
    pub fn entropy(&self) -> f32 {
        -self.log_probabilities.iter().map(|&log_p| plogp(log_p)).sum::<f32>()
    }

    /// KL(self ‖ other) in nats.
    pub fn divergence(&self, other: &Self) -> f32 {
        let pairs = self.log_probabilities.iter().zip(&other.log_probabilities);
        pairs.map(|(p, q)| if *p == f32::NEG_INFINITY { 0.0 } else { p.exp() * (p - q) }).sum()
    }

    /// Adds `scale` times the gradient of an action's log-probability in the logits: 1 - p at the
    /// action, -p elsewhere.
    pub fn add_log_probability_gradient(&self, action: u32, scale: f32, d_logits: &mut [f32]) {
        for (d, log_p) in d_logits.iter_mut().zip(&self.log_probabilities) {
            *d -= scale * log_p.exp();
        }
        d_logits[action as usize] += scale;
    }

    /// Adds `scale` times the gradient of the entropy in the logits: -p (log p + entropy).
    pub fn add_entropy_gradient(&self, scale: f32, d_logits: &mut [f32]) {
        let entropy = self.entropy();
        for (d, &log_p) in d_logits.iter_mut().zip(&self.log_probabilities) {
            *d -= scale * (plogp(log_p) + log_p.exp() * entropy);
        }
    }

    /// Adds `scale` times the gradient of KL(other ‖ self) in the logits of `self`: p - p_other.
    pub fn add_divergence_gradient(&self, other: &Self, scale: f32, d_logits: &mut [f32]) {
        let pairs = self.log_probabilities.iter().zip(&other.log_probabilities);
        for (d, (log_p, log_q)) in d_logits.iter_mut().zip(pairs) {
            *d += scale * (log_p.exp() - log_q.exp());
        }
    }

    /// The action at which the cumulative probability reaches `uniform`, from (0, 1].
    pub fn quantile(&self, uniform: f32) -> u32 {
        let mut below = 0.0;
        let mut last = 0;
        for (action, log_p) in self.log_probabilities.iter().enumerate() {
            let p = log_p.exp();
            if p > 0.0 {
                last = action as u32;
                below += p;
                if below >= uniform {
                    break;
                }
            }
        }
        // Rounding may leave the sum a little below 1: then the last possible action.
        last
    }
}

/// p log p, with its limit 0 for an impossible action.
fn plogp(log_p: f32) -> f32 {
    if log_p == f32::NEG_INFINITY { 0.0 } else { log_p.exp() * log_p }
}

/// Draws an action for each row of `logits`, which lie at the start of rows of length `stride`;
/// the noise of row i at `index` depends on nothing else. Writes the actions and their
/// log-probabilities, `[n]`.
pub fn sample(
    logits: &[f32],
    stride: usize,
    actions: usize,
    noise: Stream,
    index: u64,
    (drawn, log_probabilities): (&mut [u32], &mut [f32]),
) {
    let mut categorical = Categorical::default();
    let rows = logits.chunks_exact(stride).zip(drawn.iter_mut().zip(log_probabilities));
    for (row, (logits, (action, log_probability))) in rows.enumerate() {
        categorical.set(&logits[..actions]);
        // Four numbers lie at a position of the stream: use them all.
        let uniform = noise.uniform(row as u32, index / 4)[(index % 4) as usize];
        *action = categorical.quantile(uniform);
        *log_probability = categorical.log_probability(*action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 4] = [0.3, -1.2, 2.0, 0.0];

    /// log-sum-exp in f64.
    fn log_probabilities(logits: &[f64]) -> Vec<f64> {
        let log_sum = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
        logits.iter().map(|x| x - log_sum).collect()
    }

    fn entropy(logits: &[f64]) -> f64 {
        -log_probabilities(logits).iter().map(|l| l.exp() * l).sum::<f64>()
    }

    fn divergence(p: &[f64], q: &[f64]) -> f64 {
        let (p, q) = (log_probabilities(p), log_probabilities(q));
        p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
    }

    #[test]
    fn equals_its_definitions() {
        let logits = LOGITS.map(f64::from);
        let categorical = Categorical::new(&LOGITS);
        for (action, expected) in log_probabilities(&logits).into_iter().enumerate() {
            let found = f64::from(categorical.log_probability(action as u32));
            assert!((found - expected).abs() < 1e-6);
        }
        assert!((f64::from(categorical.entropy()) - entropy(&logits)).abs() < 1e-6);
        let uniform = Categorical::new(&[7.0; 15]);
        assert!((uniform.entropy() - 15f32.ln()).abs() < 1e-5);
        let other = [1.0, 0.0, -0.5, 0.2];
        let found = categorical.divergence(&Categorical::new(&other));
        assert!((f64::from(found) - divergence(&logits, &other.map(f64::from))).abs() < 1e-6);
        assert_eq!(categorical.divergence(&categorical), 0.0);
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let logits = LOGITS.map(f64::from);
        let other = [1.0f32, 0.0, -0.5, 0.2];
        let categorical = Categorical::new(&LOGITS);
        let mut found = [[0.0; 4]; 3];
        categorical.add_log_probability_gradient(1, 2.0, &mut found[0]);
        categorical.add_entropy_gradient(2.0, &mut found[1]);
        let from = Categorical::new(&other);
        categorical.add_divergence_gradient(&from, 2.0, &mut found[2]);
        let check = |function: &dyn Fn(&[f64]) -> f64, found: [f32; 4]| {
            for (i, d) in found.into_iter().enumerate() {
                let h = 1e-5;
                let mut bumped = logits;
                bumped[i] += h;
                let above = function(&bumped);
                bumped[i] -= 2.0 * h;
                let slope = (above - function(&bumped)) / h;
                assert!((f64::from(d) - slope).abs() < 1e-5, "{d} against {slope}");
            }
        };
        check(&|logits| log_probabilities(logits)[1], found[0]);
        check(&entropy, found[1]);
        check(&|logits| divergence(&other.map(f64::from), logits), found[2]);
    }

    #[test]
    fn extreme_logits_stay_finite_and_impossible_actions_are_never_drawn() {
        let categorical = Categorical::new(&[f32::NEG_INFINITY, 1e4, -1e4, f32::NEG_INFINITY]);
        assert_eq!(categorical.entropy(), 0.0);
        assert_eq!(categorical.log_probability(1), 0.0);
        let mut d_logits = [0.0; 4];
        categorical.add_entropy_gradient(1.0, &mut d_logits);
        categorical.add_log_probability_gradient(1, 1.0, &mut d_logits);
        assert_eq!(d_logits, [0.0; 4]);
        for uniform in [f32::MIN_POSITIVE, 0.5, 1.0] {
            assert_eq!(categorical.quantile(uniform), 1);
        }
    }

    #[test]
    fn actions_are_drawn_as_often_as_their_probabilities_say() {
        let (stride, rows) = (5, 2000);
        let logits: Vec<f32> =
            (0..rows).flat_map(|_| LOGITS.into_iter().chain([f32::NAN])).collect();
        let (mut drawn, mut log_p) = (vec![0; rows], vec![0.0; rows]);
        let mut counts = [0u32; 4];
        let categorical = Categorical::new(&LOGITS);
        for index in 0..10 {
            let noise = Stream::new(3, "test");
            sample(&logits, stride, 4, noise, index, (&mut drawn, &mut log_p));
            for (action, log_p) in drawn.iter().zip(&log_p) {
                counts[*action as usize] += 1;
                assert_eq!(*log_p, categorical.log_probability(*action));
            }
        }
        for (action, count) in counts.into_iter().enumerate() {
            let p = categorical.log_probability(action as u32).exp();
            let share = count as f32 / (10 * rows) as f32;
            // Four standard deviations of 20 000 draws.
            assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / 20_000.0).sqrt(), "{share}, {p}");
        }
    }
}
