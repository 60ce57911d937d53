//! Which settings make sense.

use super::{Algorithm, Config, ConfigError};
use crate::gsl::config::{Inherit, Merge, Partition};
use gslab_envs::{
    ActionSpace,
    registry::{ENVIRONMENTS, Family},
};
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
                let allowed = "ppo or sac: PPG is for what is seen in pixels";
                return Err(range("algorithm", "ppg", allowed));
            }
            ActionSpace::Continuous { .. } => self.validate_split()?,
            _ if self.algorithm == Algorithm::Sac => {
                let allowed = "ppo or ppg: SAC is for continuous actions";
                return Err(range("algorithm", "sac", allowed));
            }
            actions => self.pixel_architecture(actions).map(drop)?,
        }
        self.validate_gsl()?;
        self.validate_partition(&*family)?;
        self.validate_sac()?;
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
        multiple("ppo.samples", ppo.samples, "ppo.environments", ppo.environments)?;
        if ppo.minibatch == 0 || ppo.minibatch > ppo.samples {
            let allowed = format!("from 1 to the batch, ppo.samples = {}", ppo.samples);
            return Err(range("ppo.minibatch", ppo.minibatch, allowed));
        }
        layers("ppo.hidden", &ppo.hidden)?;
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

    /// Whether Algorithm 1 can be run with the algorithm.
    ///
    /// # Errors
    /// It cannot.
    pub fn validate_for_gsl(&self) -> Result<(), ConfigError> {
        self.validate_split()?;
        let gsl = &self.gsl;
        match (self.algorithm, gsl.merge) {
            (Algorithm::Sac, Merge::Dapg) => {
                return Err(range("gsl.merge", "dapg", "gail or bc: DAPG is for ppo and ppg"));
            }
            (Algorithm::Ppo | Algorithm::Ppg, Merge::Gail) => {
                return Err(range("gsl.merge", "gail", "dapg or bc: GAIL is for sac"));
            }
            (Algorithm::Ppo | Algorithm::Ppg, _) => return Ok(()),
            (Algorithm::Sac, _) => {}
        }
        if self.gail.expert_samples > 0 {
            let allowed = "0: in GSL the specialists demonstrate";
            return Err(range("gail.expert_samples", self.gail.expert_samples, allowed));
        }
        let deviations = [
            ("gsl.specialist_std", gsl.specialist_std),
            ("gsl.merge_std", gsl.merge_std),
            ("gsl.final_std", gsl.final_std),
        ];
        match deviations.iter().find(|(_, std)| *std > 0.0) {
            Some((key, std)) => {
                Err(range(key, std, "0: the deviations of SAC are functions of the state"))
            }
            None => Ok(()),
        }
    }

    fn validate_sac(&self) -> Result<(), ConfigError> {
        let Self { sac, gail, .. } = self;
        above("sac.learning_rate", sac.learning_rate, 0.0, 1.0)?;
        within("sac.gamma", sac.gamma, 0.0, 1.0)?;
        above("sac.tau", sac.tau, 0.0, 1.0)?;
        within("sac.minibatch", sac.minibatch, 2, 1_000_000)?;
        within("sac.environments", sac.environments, 1, 1_000_000)?;
        within("sac.collect", sac.collect, sac.environments, 1_000_000)?;
        multiple("sac.collect", sac.collect, "sac.environments", sac.environments)?;
        within("sac.updates", sac.updates, 1, 1_000_000)?;
        within("sac.samples", sac.samples, sac.collect, MOST_ROWS)?;
        multiple("sac.samples", sac.samples, "sac.collect", sac.collect)?;
        within("sac.capacity", sac.capacity, sac.samples, 20 * MOST_ROWS)?;
        within("sac.warm_up", sac.warm_up, 0, MOST_ROWS)?;
        layers("sac.hidden", &sac.hidden)?;
        above("sac.initial_temperature", sac.initial_temperature, 0.0, 1e6)?;
        within("sac.target_entropy", sac.target_entropy, -100.0, 100.0)?;
        self.validate_cloud()?;
        within("gail.beta", gail.beta, 0.0, 1.0)?;
        above("gail.learning_rate", gail.learning_rate, 0.0, 1.0)?;
        within("gail.minibatch", gail.minibatch, 1, 1_000_000)?;
        within("gail.updates", gail.updates, 1, 1_000_000)?;
        at_least("gail.interval", gail.interval, 1)?;
        at_least("gail.fresh", gail.fresh, 1)?;
        within("gail.expert_samples", gail.expert_samples, 0, MOST_ROWS as u64)?;
        if gail.expert_samples > 0 && self.algorithm != Algorithm::Sac {
            let allowed = "0: GAIL is for sac";
            return Err(range("gail.expert_samples", gail.expert_samples, allowed));
        }
        if gail.expert_samples > 0 && !self.family()?.has_expert() {
            let allowed = "0 in an environment without a scripted policy; pushchair has one";
            return Err(range("gail.expert_samples", gail.expert_samples, allowed));
        }
        if self.algorithm != Algorithm::Sac {
            return Ok(());
        }
        if self.ppo.reward_gamma > 0.0 {
            let allowed = "0 with SAC, which learns from rewards as they are";
            return Err(range("ppo.reward_gamma", self.ppo.reward_gamma, allowed));
        }
        let specialists = self.gsl.specialist_environments;
        if specialists > 0 && !sac.collect.is_multiple_of(specialists) {
            let allowed = format!("0 or a divisor of sac.collect = {}", sac.collect);
            return Err(range("gsl.specialist_environments", specialists, allowed));
        }
        if self.gsl.inherit_replay == Inherit::All && ![0, sac.environments].contains(&specialists)
        {
            let allowed = format!(
                "0 or sac.environments = {}, as in the replay that specialists begin with \
                 (gsl.inherit_replay = all)",
                sac.environments
            );
            return Err(range("gsl.specialist_environments", specialists, allowed));
        }
        // What is not on disk yet must not be overwritten.
        let between = self.checkpoint_every.saturating_mul(sac.samples as u64);
        if between > sac.capacity as u64 {
            let allowed =
                format!("at least checkpoint_every times sac.samples, which are {between}");
            return Err(range("sac.capacity", sac.capacity, allowed));
        }
        Ok(())
    }

    fn validate_cloud(&self) -> Result<(), ConfigError> {
        let cloud = &self.cloud;
        within("cloud.width", cloud.width, 2, 8192)?;
        if !cloud.width.is_multiple_of(2) {
            let allowed = "even: half of the features are largest values, half averages";
            return Err(range("cloud.width", cloud.width, allowed));
        }
        within("cloud.blocks", cloud.blocks, 0, 64)?;
        within("cloud.heads", cloud.heads, 1, 64)?;
        within("cloud.head_width", cloud.head_width, 1, 1024)?;
        layers("cloud.hidden", &cloud.hidden)?;
        within("cloud.microbatch", cloud.microbatch, 1, 1_000_000)
    }

    /// Whether variations can be dealt by shape.
    fn validate_partition(&self, family: &dyn Family) -> Result<(), ConfigError> {
        if self.gsl.partition != Partition::Pcd || family.descriptor(0).is_some() {
            return Ok(());
        }
        let built = ENVIRONMENTS
            .iter()
            .filter_map(|entry| Some((entry.name, entry.build(&entry.default_options()).ok()?)));
        let shaped = built.filter(|(_, family)| family.descriptor(0).is_some());
        let names: Vec<&str> = shaped.map(|(name, _)| name).collect();
        let allowed = format!(
            "random, index or return with {}: pcd is for {}, whose variations have shapes",
            self.environment,
            names.join(", ")
        );
        Err(range("gsl.partition", "pcd", allowed))
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

fn layers(key: &str, widths: &[usize]) -> Result<(), ConfigError> {
    if widths.iter().any(|&h| h == 0 || h > 8192) || widths.len() > 16 {
        return Err(range(key, format!("{widths:?}"), "up to 16 widths from 1 to 8192"));
    }
    Ok(())
}

fn multiple(key: &str, value: usize, of: &str, unit: usize) -> Result<(), ConfigError> {
    if value.is_multiple_of(unit) {
        return Ok(());
    }
    Err(range(key, value, format!("a multiple of {of} = {unit}")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shapes_are_dealt_by_shape() {
        let pcd = ["gsl.partition=pcd".into()];
        let error = Config::from_preset("maze", &pcd).unwrap_err().to_string();
        assert!(error.contains("gsl.partition = pcd"), "{error}");
        assert!(error.contains("with maze: pcd is for pushchair, whose"), "{error}");
        let c = Config::from_preset("pushchair", &pcd).unwrap();
        assert_eq!(c.gsl.partition, Partition::Pcd);
        assert!(c.to_toml().contains("partition = \"pcd\""));
    }
}
