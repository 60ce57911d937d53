//! Which settings make sense.

use super::{Algorithm, Config, ConfigError};
use gslab_envs::ActionSpace;
use std::fmt::Display;

/// Most samples that may be held in memory at once: a slip of the pen is to be an error, not a
/// lack of memory.
const MOST_ROWS: usize = 100_000_000;

impl Config {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let family = self.family()?;
        match family.spec().action {
            ActionSpace::Continuous { .. } if self.ppo.value_clip > 0.0 => {
                let allowed = "0: only values learned from pixels are clipped";
                return Err(range("ppo.value_clip", self.ppo.value_clip, allowed));
            }
            ActionSpace::Continuous { .. } if self.algorithm == Algorithm::Ppg => {
                return Err(range("algorithm", "ppg", "ppo: PPG is for what is seen in pixels"));
            }
            ActionSpace::Continuous { .. } => self.validate_split()?,
            actions => self.pixel_architecture(actions).map(drop)?,
        }
        self.validate_gsl()?;
        let Self { ppo, dapg, bc, evaluation, .. } = self;

        at_least("total_samples", self.total_samples, 1)?;
        at_least("checkpoint_every", self.checkpoint_every, 1)?;

        above("ppo.learning_rate", ppo.learning_rate, 0.0, 1.0)?;
        within("ppo.gamma", ppo.gamma, 0.0, 1.0)?;
        within("ppo.lambda", ppo.lambda, 0.0, 1.0)?;
        above("ppo.clip_range", ppo.clip_range, 0.0, 1.0)?;
        within("ppo.entropy_coefficient", ppo.entropy_coefficient, 0.0, 10.0)?;
        above("ppo.value_coefficient", ppo.value_coefficient, 0.0, 100.0)?;
        within("ppo.value_clip", ppo.value_clip, 0.0, 1e6)?;
        within("ppo.reward_gamma", ppo.reward_gamma, 0.0, 1.0)?;
        above("ppo.max_grad_norm", ppo.max_grad_norm, 0.0, f32::INFINITY)?;
        at_least("ppo.epochs", ppo.epochs, 1)?;
        within("ppo.environments", ppo.environments, 1, 1_000_000)?;
        within("ppo.samples", ppo.samples, ppo.environments, MOST_ROWS)?;
        if ppo.samples % ppo.environments != 0 {
            let allowed = format!("a multiple of ppo.environments = {}", ppo.environments);
            return Err(range("ppo.samples", ppo.samples, allowed));
        }
        if ppo.minibatch == 0 || ppo.minibatch > ppo.samples {
            let allowed = format!("from 1 to the batch, ppo.samples = {}", ppo.samples);
            return Err(range("ppo.minibatch", ppo.minibatch, allowed));
        }
        if ppo.hidden.iter().any(|&h| h == 0 || h > 8192) || ppo.hidden.len() > 16 {
            let allowed = "up to 16 widths from 1 to 8192";
            return Err(range("ppo.hidden", format!("{:?}", ppo.hidden), allowed));
        }
        above("ppo.min_std", ppo.min_std, 0.0, 100.0)?;
        within("ppo.max_std", ppo.max_std, ppo.min_std, 100.0)?;
        within("ppo.initial_std", ppo.initial_std, ppo.min_std, ppo.max_std)?;
        above("ppo.mean_bound", ppo.mean_bound, 0.0, f32::INFINITY)?;

        let ppg = &self.ppg;
        within("ppg.policy_iterations", ppg.policy_iterations, 1, 1_000_000)?;
        at_least("ppg.auxiliary_epochs", ppg.auxiliary_epochs, 1)?;
        within("ppg.clone_coefficient", ppg.clone_coefficient, 0.0, 1e6)?;
        above("ppg.auxiliary_learning_rate", ppg.auxiliary_learning_rate, 0.0, 1.0)?;
        at_least("ppg.auxiliary_environments", ppg.auxiliary_environments, 1)?;

        within("dapg.weight", dapg.weight, 0.0, 1e6)?;
        at_least("dapg.minibatch", dapg.minibatch, 1)?;
        within("dapg.entropy_coefficient", dapg.entropy_coefficient, 0.0, 10.0)?;
        within("dapg.anneal_from", dapg.anneal_from, 0.0, 1.0)?;
        above("bc.learning_rate", bc.learning_rate, 0.0, 1.0)?;
        at_least("bc.minibatch", bc.minibatch, 1)?;
        at_least("bc.max_epochs", bc.max_epochs, 1)?;
        at_least("bc.patience", bc.patience, 1)?;
        within("bc.hold_out", bc.hold_out, 0.01, 0.9)?;
        within("evaluation.episodes", evaluation.episodes, 1, 1_000_000)?;
        at_least("evaluation.every", evaluation.every, 1)
    }

    /// Whether the environment has enough variations for the specialists.
    ///
    /// # Errors
    /// It has not.
    pub fn validate_split(&self) -> Result<(), ConfigError> {
        let (gsl, variations) = (&self.gsl, self.family()?.spec().variations);
        at_least("gsl.specialists", gsl.specialists, 1)?;
        if gsl.low_variations == 0 || gsl.low_variations as u64 > u64::from(variations) {
            let allowed = format!("from 1 to the {variations} variations of {}", self.environment);
            return Err(range("gsl.low_variations", gsl.low_variations, allowed));
        }
        if gsl.specialists > gsl.low_variations {
            let allowed = format!("at most gsl.low_variations = {}", gsl.low_variations);
            return Err(range("gsl.specialists", gsl.specialists, allowed));
        }
        Ok(())
    }

    fn validate_gsl(&self) -> Result<(), ConfigError> {
        let gsl = &self.gsl;
        within("gsl.specialist_environments", gsl.specialist_environments, 0, 1_000_000)?;
        within("gsl.low_success", gsl.low_success, 0.0, 1.0)?;
        at_least("gsl.specialist_samples", gsl.specialist_samples, 1)?;
        let most = MOST_ROWS as u64;
        within("gsl.demonstration_samples", gsl.demonstration_samples, 1, most)?;
        let samples = gsl.generalist_demonstration_samples;
        within("gsl.generalist_demonstration_samples", samples, 0, most)?;
        within("gsl.specialist_std", gsl.specialist_std, 0.0, 100.0)?;
        within("gsl.specialist_final_std", gsl.specialist_final_std, 0.0, gsl.specialist_std)?;
        within("gsl.merge_std", gsl.merge_std, 0.0, 100.0)?;
        within("gsl.merge_final_std", gsl.merge_final_std, 0.0, gsl.merge_std)?;
        let [begins, fallen] = gsl.merge_std_fall;
        if !(0.0..=1.0).contains(&begins) || !(0.0..=1.0).contains(&fallen) || begins >= fallen {
            let value = format!("[{begins}, {fallen}]");
            return Err(range(
                "gsl.merge_std_fall",
                value,
                "two shares, the first below the second",
            ));
        }
        within("gsl.final_std", gsl.final_std, 0.0, 100.0)?;
        at_least("gsl.window", gsl.window, 1)?;
        within("gsl.epsilon", gsl.epsilon, 0.0, f64::MAX)?;
        above("gsl.kernel", gsl.kernel, 0.0, 1e6)?;
        within("gsl.margin", gsl.margin, 0.0, 0.49)?;
        within("gsl.good_enough", gsl.good_enough, 0.0, 2.0)?;
        at_least("gsl.merge_samples", gsl.merge_samples, 1)?;
        if gsl.demonstration_threshold.is_nan() {
            return Err(range("gsl.demonstration_threshold", "nan", "a number, or -inf for none"));
        }
        Ok(())
    }
}

/// A value that is not among those allowed.
pub(super) fn range(key: &str, value: impl Display, allowed: impl Into<String>) -> ConfigError {
    ConfigError::Range { key: key.into(), value: value.to_string(), allowed: allowed.into() }
}

fn at_least<T: PartialOrd + Display>(key: &str, value: T, low: T) -> Result<(), ConfigError> {
    if value >= low { Ok(()) } else { Err(range(key, value, format!("at least {low}"))) }
}

fn within<T: PartialOrd + Display>(
    key: &str,
    value: T,
    low: T,
    high: T,
) -> Result<(), ConfigError> {
    let ok = value >= low && value <= high;
    if ok { Ok(()) } else { Err(range(key, value, format!("from {low} to {high}"))) }
}

/// Above `low`, up to `high`.
fn above<T: PartialOrd + Display>(key: &str, value: T, low: T, high: T) -> Result<(), ConfigError> {
    let ok = value > low && value <= high;
    if ok { Ok(()) } else { Err(range(key, value, format!("above {low}, up to {high}"))) }
}
