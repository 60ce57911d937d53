//! Whether something changes over time: a line through what was measured.

use serde::Serialize;

/// A line through points by least squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// Mean of the values.
    pub mean: f64,
    /// Change per unit of time.
    pub slope: f64,
    /// Standard error of the slope, as if the points did not depend on each other.
    pub error: f64,
}

impl Drift {
    /// Of (time, value); None of fewer than three points, or if all are of one time.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len() as f64;
        let mean_time = points.iter().map(|&(t, _)| t).sum::<f64>() / n;
        let mean = points.iter().map(|&(_, y)| y).sum::<f64>() / n;
        let spread: f64 = points.iter().map(|&(t, _)| (t - mean_time).powi(2)).sum();
        if points.len() < 3 || spread == 0.0 {
            return None;
        }
        let together: f64 = points.iter().map(|&(t, y)| (t - mean_time) * (y - mean)).sum();
        let slope = together / spread;
        let residual = |&(t, y): &(f64, f64)| (y - mean - slope * (t - mean_time)).powi(2);
        let variance = points.iter().map(residual).sum::<f64>() / (n - 2.0);
        Some(Self { mean, slope, error: (variance / spread).sqrt() })
    }

    /// Whether, with two standard errors to spare, the values grow by more than `share` of their
    /// mean within `time`.
    pub fn grows(&self, share: f64, time: f64) -> bool {
        (self.slope - 2.0 * self.error) * time > share * self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::rng::Stream;

    #[test]
    fn a_line_is_found_in_noise_and_none_where_there_is_none() {
        let noise = Stream::new(3, "drift");
        let points = |slope: f64| -> Vec<(f64, f64)> {
            let value = |i: u64| 100.0 + slope * i as f64 + f64::from(noise.normal(0, i)[0]);
            (0..200).map(|i| (i as f64, value(i))).collect()
        };
        let growing = Drift::of(&points(0.1)).unwrap();
        assert!((growing.slope - 0.1).abs() < 3.0 * growing.error && growing.error < 0.003);
        assert!(growing.grows(0.05, 200.0) && !growing.grows(0.5, 200.0));
        assert!(!Drift::of(&points(0.0)).unwrap().grows(0.01, 200.0));
    }

    #[test]
    fn an_exact_line_has_no_error() {
        let drift = Drift::of(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
        assert_eq!(drift, Drift { mean: 3.0, slope: 2.0, error: 0.0 });
        assert_eq!(Drift::of(&[(0.0, 1.0), (1.0, 3.0)]), None);
        assert_eq!(Drift::of(&[(1.0, 1.0), (1.0, 3.0), (1.0, 2.0)]), None);
    }
}
