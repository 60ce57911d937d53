//! The plateau criterion H (Section 5.2, Appendix B).

use super::config::{Config, KernelMeaning};

/// Smooths a curve by a Gaussian filter, mirrored at its ends
/// (`(d c b a | a b c d | d c b a)`, the "reflect" mode of SciPy's `gaussian_filter1d`).
pub fn smooth(curve: &[f64], kernel: f64, meaning: KernelMeaning) -> Vec<f64> {
    let weights = weights(kernel, meaning);
    let n = curve.len() as i64;
    let at = |i: i64| {
        // One mirror period is 2n long; it repeats when the kernel is wider than the curve.
        let i = i.rem_euclid(2 * n);
        curve[if i < n { i } else { 2 * n - 1 - i } as usize]
    };
    let radius = (weights.len() / 2) as i64;
    (0..n).map(|i| weights.iter().zip(-radius..).map(|(w, d)| w * at(i + d)).sum()).collect()
}

fn weights(kernel: f64, meaning: KernelMeaning) -> Vec<f64> {
    let sigma = sigma(kernel, meaning);
    let radius = reach(kernel, meaning) as i64;
    let raw: Vec<f64> = (-radius..=radius)
        .map(|d| if d == 0 { 1.0 } else { (-0.5 * (d as f64 / sigma).powi(2)).exp() })
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|w| w / sum).collect()
}

fn sigma(kernel: f64, meaning: KernelMeaning) -> f64 {
    match meaning {
        KernelMeaning::Support => kernel / 8.0,
        KernelMeaning::Sigma => kernel,
    }
}

/// How many points to either side a smoothed point depends on.
fn reach(kernel: f64, meaning: KernelMeaning) -> usize {
    (4.0 * sigma(kernel, meaning) + 0.5) as usize
}

/// What is known about the plateau from the curve so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first iteration for which H holds (its index in the curve), known for certain.
    At(usize),
    /// No iteration before this index can be the one any more: its snapshot may be dropped.
    NotBefore(usize),
    /// H held nowhere in its allowed range of the whole budget.
    Nowhere,
}

/// Evaluates H on the curve so far of a run of `budget` iterations.
///
/// H(t) = 1 iff R_t + ε ≥ R_t' for every t' in t+1 ..= t+W, R being the smoothed curve. Points
/// whose smoothing still depends on the future are not used, so the answer for a part of a curve
/// never contradicts the answer for the whole.
pub fn first_plateau(curve: &[f64], budget: usize, config: &Config) -> Verdict {
    let first = (config.margin * budget as f64).ceil() as usize;
    let last = ((1.0 - config.margin) * budget as f64).floor() as usize;
    let smoothed = smooth(curve, config.kernel, config.kernel_meaning);
    let settled = if curve.len() >= budget {
        curve.len()
    } else {
        curve.len().saturating_sub(reach(config.kernel, config.kernel_meaning))
    };
    for t in first..last {
        let horizon = t + 1..t + 1 + config.window;
        let seen = horizon.start.min(settled)..horizon.end.min(settled);
        let refuted = smoothed[seen].iter().any(|later| *later > smoothed[t] + config.epsilon);
        if refuted {
            continue;
        }
        let complete = horizon.end <= settled || curve.len() >= budget;
        return if t < settled && complete { Verdict::At(t) } else { Verdict::NotBefore(t) };
    }
    Verdict::Nowhere
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config { window: 20, epsilon: 0.01, kernel: 8.0, ..Config::default() }
    }

    #[test]
    fn smoothing_keeps_constants_and_mass() {
        let flat = smooth(&[0.7; 30], 10.0, KernelMeaning::Sigma);
        assert!(flat.iter().all(|x| (x - 0.7).abs() < 1e-12));
        let mut spike = vec![0.0; 101];
        spike[50] = 1.0;
        let smoothed = smooth(&spike, 40.0, KernelMeaning::Support);
        assert!((smoothed.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // σ = 5: the peak of a Gaussian, cut at 4σ.
        assert!((smoothed[50] - 0.0798).abs() < 1e-4, "{}", smoothed[50]);
    }

    /// `scipy.ndimage.gaussian_filter1d(x, sigma)` of SciPy 1.17.
    #[test]
    fn smoothing_equals_scipy() {
        let close = |got: Vec<f64>, expected: &[f64]| {
            assert!(got.iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-9), "{got:?}");
        };
        close(
            smooth(&[1.0, 2.0, 4.0, 8.0, 16.0], 1.0, KernelMeaning::Sigma),
            &[1.505198845281, 2.576114435434, 5.010017453929, 9.043372869257, 12.865296396098],
        );
        close(
            smooth(&[0.0, 1.0, 0.0, 3.0, -2.0, 5.0, 1.0, 0.0], 10.0, KernelMeaning::Support),
            &[
                0.376467669394,
                0.577416530147,
                0.842937722331,
                1.044404407108,
                1.322486159116,
                1.634586267822,
                1.381547379599,
                0.820153864483,
            ],
        );
    }

    /// A ramp that ends at 100, in a budget of 300: H holds as soon as the rest of the ramp
    /// within the window gains no more than ε.
    #[test]
    fn finds_the_end_of_a_ramp() {
        let curve: Vec<f64> = (0..300).map(|t| (t as f64 / 100.0).min(1.0)).collect();
        let Verdict::At(t) = first_plateau(&curve, 300, &config()) else { panic!() };
        // Smoothing rounds the corner, so the point before it is a little more than ε too low.
        assert_eq!(t, 100);
    }

    #[test]
    fn a_partial_curve_never_contradicts_the_whole() {
        let noise = gslab_envs::rng::Stream::new(1, "test");
        for lane in 0..20 {
            let curve: Vec<f64> = (0..300)
                .map(|t| (t as f64 / 120.0).min(1.0) + 0.02 * f64::from(noise.normal(lane, t)[0]))
                .collect();
            let whole = first_plateau(&curve, 300, &config());
            for n in 1..300 {
                match (first_plateau(&curve[..n], 300, &config()), whole) {
                    (Verdict::At(a), Verdict::At(b)) => assert_eq!(a, b),
                    (Verdict::At(_), _) => panic!("fired on {n} points, not on the whole"),
                    (Verdict::NotBefore(a), Verdict::At(b)) => assert!(a <= b),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn ignores_both_ends_of_the_budget() {
        let flat = vec![0.0; 100];
        assert_eq!(first_plateau(&flat, 100, &config()), Verdict::At(15));
        let rising: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(first_plateau(&rising, 100, &config()), Verdict::Nowhere);
        // Flat in the last 15 % alone.
        let late: Vec<f64> = (0..100).map(|t| f64::from(t.min(90))).collect();
        assert_eq!(first_plateau(&late, 100, &config()), Verdict::Nowhere);
    }

    #[test]
    fn a_later_rise_within_the_window_refutes() {
        let mut curve = vec![0.0; 200];
        curve[60..].fill(0.5);
        let Verdict::At(t) = first_plateau(&curve, 200, &config()) else { panic!() };
        // Before 40 the window does not see the step at 60, so the first allowed point holds.
        assert_eq!(t, 30);
        curve[45..].fill(0.5);
        let Verdict::At(t) = first_plateau(&curve, 200, &config()) else { panic!() };
        assert!((44..=48).contains(&t), "{t}");
    }
}
