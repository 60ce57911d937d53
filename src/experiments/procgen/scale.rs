//! Smaller budgets of the same experiment.

use crate::run::config::Config;
use gslab_envs::procgen::options::TRAINING_LEVELS;

/// Number of training levels.
const TRAINING: u32 = (TRAINING_LEVELS.1 - TRAINING_LEVELS.0) as u32;

/// Multiplies every number of samples, and with them the window and the kernel of H, by `scale`;
/// the numbers of levels and of specialists by its square root, so that each specialist has that
/// root of its samples, too. Levels of a specialist, and what an iteration is, stay.
///
/// `scale` is above 0, up to 1; at 1 nothing changes.
pub fn scale(config: &mut Config, scale: f64) {
    if scale == 1.0 {
        return;
    }
    let root = scale.sqrt();
    let samples = |of: &mut u64, by: f64| *of = (*of as f64 * by).ceil() as u64;
    let number = |option: &str| config.env.get(option).and_then(toml::Value::as_integer);
    let (first, full) = match config.env.get("levels").and_then(toml::Value::as_str) {
        Some("range") => (number("start_level"), number("num_levels")),
        _ => (Some(TRAINING_LEVELS.0.into()), Some(TRAINING.into())),
    };
    let (first, full) = (first.unwrap_or(0), full.unwrap_or(1));
    let some = levels(full as u32, scale);
    let options = &mut config.env;
    options.insert("levels".into(), "range".into());
    options.insert("start_level".into(), first.into());
    options.insert("num_levels".into(), i64::from(some).into());
    let gsl = &mut config.gsl;
    let each = gsl.low_variations / gsl.specialists;
    gsl.specialists = (gsl.specialists as f64 * root).ceil() as usize;
    gsl.low_variations = (each * gsl.specialists).min(some as usize);
    samples(&mut config.total_samples, scale);
    samples(&mut gsl.low_finetune_samples, scale);
    samples(&mut gsl.specialist_samples, root);
    samples(&mut gsl.demonstration_samples, root);
    samples(&mut gsl.generalist_demonstration_samples, scale);
    samples(&mut gsl.merge_samples, scale);
    gsl.window = (gsl.window as f64 * scale).ceil() as usize;
    gsl.kernel = (gsl.kernel * scale).max(1.0);
}

/// Levels at a scale.
pub fn levels(full: u32, scale: f64) -> u32 {
    (f64::from(full) * scale.sqrt()).ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::{super::paper, *};

    #[test]
    fn plunder_has_a_specialist_for_every_level_at_any_scale() {
        let mut full = Config::from_preset_in("procgen", "procgen:plunder", &[]).unwrap();
        paper::exceptions(&mut full);
        assert_eq!((full.gsl.specialists, full.gsl.merge_samples), (1024, 3_276_800));
        assert_eq!(full.dapg.entropy_coefficient, 0.1);
        for by in [1.0, 0.01, 1e-4] {
            let mut config = full.clone();
            scale(&mut config, by);
            let levels = config.family().unwrap().spec().variations as usize;
            assert_eq!((config.gsl.specialists, config.gsl.low_variations), (levels, levels));
        }
        let mut other = Config::from_preset("procgen", &[]).unwrap();
        paper::exceptions(&mut other);
        assert_eq!(other, Config::from_preset("procgen", &[]).unwrap());
    }

    #[test]
    fn budgets_keep_their_proportions() {
        let full = Config::from_preset("procgen", &[]).unwrap();
        let mut small = full.clone();
        scale(&mut small, 1.0);
        assert_eq!(small, full);
        scale(&mut small, 0.01);
        let (s, f) = (&small.gsl, &full.gsl);
        assert_eq!((s.specialists, s.low_variations, levels(1024, 0.01)), (8, 32, 103));
        assert_eq!(small.total_samples, full.total_samples / 100);
        let specialists =
            |g: &crate::gsl::config::Config| (g.specialists as u64 * g.specialist_samples) as f64;
        // 7.5 specialists are rounded up.
        let ratio = specialists(s) / specialists(f);
        assert!((ratio / 0.01 - 8.0 / 7.5).abs() < 1e-3, "{ratio}");
        assert_eq!((s.window, s.kernel, s.merge_samples), (6, 2.0, 8192));
    }
}
