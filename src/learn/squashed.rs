//! The Gaussian policy of SAC, squashed by tanh into [-1, 1] (Haarnoja et al. 2018, Appendix C;
//! algorithms.md §5).
//!
//! An action is a = tanh(u) with u = μ + σε. A network gives μ and log σ, both functions of the
//! state: a row of its output is `[μ, log σ]`, twice as wide as an action.

#[cfg(feature = "gpu")]
pub mod burn;

use gslab_envs::rng::Stream;
use std::f32::consts::TAU;

/// What log σ is clamped to; beyond it has no gradient (algorithms.md §5).
pub const LOG_STD_RANGE: (f32, f32) = (-20.0, 2.0);
/// Added to 1 - tanh², which is 0 in single precision for large u (algorithms.md §5).
const MARGIN: f32 = 1e-6;
/// The largest action whose u is looked for: tanh of about 7.
const LARGEST: f32 = 1.0 - 1e-6;

/// One row of a network's output.
#[derive(Clone, Copy)]
pub struct Squashed<'a> {
    mean: &'a [f32],
    /// As the network says it.
    log_std: &'a [f32],
}

/// log σ within its limits, and whether it was within before.
fn clamped(log_std: f32) -> (f32, bool) {
    let (low, high) = LOG_STD_RANGE;
    (log_std.clamp(low, high), (low..=high).contains(&log_std))
}

/// log N(u; μ, σ²) with z = (u - μ)/σ.
fn log_normal(z: f32, log_std: f32) -> f32 {
    -0.5 * z * z - log_std - 0.5 * TAU.ln()
}

/// log da/du with the margin.
fn log_slope(action: f32) -> f32 {
    (1.0 - action * action + MARGIN).ln()
}

impl<'a> Squashed<'a> {
    /// `output` is `[2 dim]`: the means, then log σ.
    pub fn new(output: &'a [f32]) -> Self {
        let (mean, log_std) = output.split_at(output.len() / 2);
        Self { mean, log_std }
    }

    /// tanh μ, the median action, `[dim]`.
    pub fn centre(&self, action: &mut [f32]) {
        action.iter_mut().zip(self.mean).for_each(|(a, &m)| *a = libm::tanhf(m));
    }

    /// Writes the action of standard normal noise ε, both `[dim]`, and returns its log-density in
    /// nats: Σ log N(u; μ, σ²) - Σ log(1 - tanh² u + 1e-6).
    pub fn draw(&self, noise: &[f32], action: &mut [f32]) -> f32 {
        let mut log_density = 0.0;
        for d in 0..action.len() {
            let (log_std, _) = clamped(self.log_std[d]);
            action[d] = libm::tanhf(self.mean[d] + log_std.exp() * noise[d]);
            log_density += log_normal(noise[d], log_std) - log_slope(action[d]);
        }
        log_density
    }

    /// The gradient of a loss through [`Squashed::draw`], whose noise is held fixed: from that in
    /// the action, `[dim]`, and in the log-density to that in the network's output, `[2 dim]`,
    /// which is added to `d_output`.
    pub fn add_draw_gradient(
        &self,
        noise: &[f32],
        action: &[f32],
        d_action: &[f32],
        d_log_density: f32,
        d_output: &mut [f32],
    ) {
        let (d_mean, d_log_std) = d_output.split_at_mut(action.len());
        for d in 0..action.len() {
            let (log_std, free) = clamped(self.log_std[d]);
            let slope = 1.0 - action[d] * action[d];
            // ε is fixed, so log N changes with σ alone; the correction changes with u.
            let correction = 2.0 * action[d] * slope / (slope + MARGIN);
            let d_u = d_action[d] * slope + d_log_density * correction;
            d_mean[d] += d_u;
            if free {
                d_log_std[d] += d_u * log_std.exp() * noise[d] - d_log_density;
            }
        }
    }

    /// Log-density of a given action in [-1, 1], `[dim]`, in nats.
    pub fn log_density(&self, action: &[f32]) -> f32 {
        self.scores(action).map(|(a, z, log_std, _)| log_normal(z, log_std) - log_slope(a)).sum()
    }

    /// Adds `scale` times the gradient of [`Squashed::log_density`] to `d_output`, `[2 dim]`.
    pub fn add_density_gradient(&self, action: &[f32], scale: f32, d_output: &mut [f32]) {
        let (d_mean, d_log_std) = d_output.split_at_mut(action.len());
        for (d, (_, z, log_std, free)) in self.scores(action).enumerate() {
            d_mean[d] += scale * z * (-log_std).exp();
            if free {
                d_log_std[d] += scale * (z * z - 1.0);
            }
        }
    }

    /// Of each dimension: the action, z, log σ and whether that is free to move.
    fn scores(&self, action: &[f32]) -> impl Iterator<Item = (f32, f32, f32, bool)> {
        action.iter().zip(self.mean).zip(self.log_std).map(|((a, mean), &log_std)| {
            let (log_std, free) = clamped(log_std);
            let a = a.clamp(-LARGEST, LARGEST);
            (a, (libm::atanhf(a) - mean) * (-log_std).exp(), log_std, free)
        })
    }
}

/// Standard normal noise, `[rows, dim]`; that of a row at `index` depends on nothing else.
pub fn normals(noise: Stream, index: u64, rows: usize, dim: usize) -> Vec<f32> {
    rowwise(rows, dim, |row, block| noise.normal(row, index * dim.div_ceil(4) as u64 + block))
}

/// Actions evenly distributed in [-1, 1], `[rows, dim]`; those of a row at `index` depend on
/// nothing else.
pub fn uniform_actions(noise: Stream, index: u64, rows: usize, dim: usize) -> Vec<f32> {
    let mut actions =
        rowwise(rows, dim, |row, block| noise.uniform(row, index * dim.div_ceil(4) as u64 + block));
    actions.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
    actions
}

/// `[rows, dim]` numbers from blocks of four.
fn rowwise(rows: usize, dim: usize, block: impl Fn(u32, u64) -> [f32; 4]) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(rows * dim);
    for row in 0..rows {
        let blocks = (0..dim.div_ceil(4)).flat_map(|b| block(row as u32, b as u64));
        numbers.extend(blocks.take(dim));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUTS: [[f32; 2]; 4] = [[0.3, -0.7], [-1.1, 0.2], [0.0, 0.9], [0.8, -2.0]];

    /// The probability of actions in `low..high` by the density, in one dimension.
    fn mass(output: &[f32], low: f64, high: f64) -> f64 {
        let steps = 20_000;
        let width = (high - low) / f64::from(steps);
        let middles = (0..steps).map(|i| low + (f64::from(i) + 0.5) * width);
        let squashed = Squashed::new(output);
        middles.map(|a| f64::from(squashed.log_density(&[a as f32])).exp() * width).sum()
    }

    #[test]
    fn the_density_integrates_to_one() {
        for output in &OUTPUTS[..2] {
            let all = mass(output, -1.0, 1.0);
            assert!((all - 1.0).abs() < 2e-3, "{output:?}: {all}");
        }
    }

    #[test]
    fn draws_have_the_density() {
        let noise = normals(Stream::new(3, "test"), 0, 100_000, 1);
        for output in &OUTPUTS {
            let squashed = Squashed::new(output);
            let mut counts = [0u32; 10];
            for noise in noise.chunks(1) {
                let mut action = [0.0];
                let log_density = squashed.draw(noise, &mut action);
                counts[((action[0] + 1.0) * 5.0).min(9.0) as usize] += 1;
                // tanh and back loses digits near 1.
                if action[0].abs() < 0.99 {
                    let again = squashed.log_density(&action);
                    assert!((log_density - again).abs() < 1e-3, "{log_density} against {again}");
                }
            }
            for (i, &count) in counts.iter().enumerate() {
                let low = -1.0 + 0.2 * i as f64;
                let expected = mass(output, low, low + 0.2);
                let found = f64::from(count) / 100_000.0;
                assert!((found - expected).abs() < 6e-3, "{output:?}, {i}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn the_log_density_equals_the_closed_form() {
        // u = 0 is the peak: N(0) / (1 - 0).
        let log_density = Squashed::new(&[0.0, 0.5, 0.0, -1.0]).log_density(&[0.0, 0.5f32.tanh()]);
        let slope = 1.0 - 0.5f32.tanh().powi(2);
        let expected = -TAU.ln() + 1.0 - slope.ln();
        assert!((log_density - expected).abs() < 1e-5, "{log_density} against {expected}");
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let output = [0.4f32, -0.9, 0.3, -0.6];
        let (noise, weights, on_density) = ([0.8f32, -1.3], [1.5f32, -0.7], 0.6);
        let loss = |output: &[f32]| {
            let mut action = [0.0; 2];
            let log_density = Squashed::new(output).draw(&noise, &mut action);
            action.iter().zip(weights).map(|(a, w)| a * w).sum::<f32>() + on_density * log_density
        };
        let given = [0.2f32, -0.8];
        let density = |output: &[f32]| 2.0 * Squashed::new(output).log_density(&given);
        let squashed = Squashed::new(&output);
        let (mut action, mut drawn, mut fitted) = ([0.0; 2], [0.0; 4], [0.0; 4]);
        squashed.draw(&noise, &mut action);
        squashed.add_draw_gradient(&noise, &action, &weights, on_density, &mut drawn);
        squashed.add_density_gradient(&given, 2.0, &mut fitted);
        let h = 1e-2;
        for i in 0..4 {
            let slope = |loss: &dyn Fn(&[f32]) -> f32| {
                let (mut above, mut below) = (output, output);
                above[i] += h;
                below[i] -= h;
                (loss(&above) - loss(&below)) / (2.0 * h)
            };
            let (draw, fit) = (slope(&loss), slope(&density));
            assert!((drawn[i] - draw).abs() < 2e-3, "{i}: {} against {draw}", drawn[i]);
            assert!((fitted[i] - fit).abs() < 5e-3, "{i}: {} against {fit}", fitted[i]);
        }
    }

    #[test]
    fn a_clamped_deviation_has_no_gradient_and_nothing_overflows() {
        for log_std in [-25.0, 30.0] {
            let output = [0.5, log_std];
            let (mut action, mut d_output) = ([0.0], [0.0; 2]);
            let log_density = Squashed::new(&output).draw(&[1.0], &mut action);
            assert!(log_density.is_finite() && action[0].abs() <= 1.0);
            let squashed = Squashed::new(&output);
            squashed.add_draw_gradient(&[1.0], &action, &[1.0], 1.0, &mut d_output);
            assert!(d_output[0].is_finite() && d_output[1] == 0.0);
            assert!(squashed.log_density(&[1.0]).is_finite());
        }
    }

    #[test]
    fn noise_of_a_row_depends_on_nothing_else() {
        let stream = Stream::new(1, "test");
        let (few, many) = (normals(stream, 7, 3, 6), normals(stream, 7, 5, 6));
        assert_eq!(few[..], many[..18]);
        assert_ne!(normals(stream, 8, 3, 6), few);
        let actions = uniform_actions(stream, 0, 5000, 2);
        let mean = actions.iter().sum::<f32>() / 10_000.0;
        assert!(actions.iter().all(|a| (-1.0..=1.0).contains(a)) && mean.abs() < 0.02);
    }
}
