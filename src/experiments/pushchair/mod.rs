//! The paper's ManiSkill experiment on PushChair: SAC against GSL with GAIL, beside Table 2.

mod claims;
mod figure;
pub mod paper;
pub mod report;
pub mod result;

use super::trial::{self, Protocol, Scores};
use crate::{
    error::{Error, Result},
    gsl::{algorithm1::NewWeights, config::Merge},
    learn::{
        agent::{Acting, Agent, Chosen, Policy},
        expert::Expert,
    },
    pool::Pool,
    run::{
        config::{Algorithm, Config, ConfigError},
        file::{load, store},
        phase::Context,
    },
};
use gslab_envs::{
    pushchair::{Options, chair::Chair, robot::DOF},
    rng::Stream,
};
use result::{PushChairResult, Yardstick};

/// Name of the environment, and of the preset.
pub const ENVIRONMENT: &str = "pushchair";
/// Seed of the first chair of the test.
const FIRST_TEST_CHAIR: u64 = 1000;
/// Chairs of the test.
const TEST_CHAIRS: u32 = 8;
/// Episodes of each chair in a measurement, at the full scale and at least.
const EPISODES: (f64, f64) = (100.0, 10.0);
/// Of the levels that the yardsticks are measured on.
const YARDSTICK_SEED: u64 = 0;

/// Multiplies every number of samples, and with them the window and the kernel of H, by `scale`,
/// which is above 0, up to 1; the warm-up by its square root. Chairs and specialists stay.
pub fn scale(config: &mut Config, scale: f64) {
    if scale == 1.0 {
        return;
    }
    let samples = |of: &mut u64| *of = (*of as f64 * scale).ceil() as u64;
    let gsl = &mut config.gsl;
    samples(&mut config.total_samples);
    samples(&mut gsl.specialist_samples);
    samples(&mut gsl.demonstration_samples);
    samples(&mut gsl.merge_samples);
    gsl.window = (gsl.window as f64 * scale).ceil() as usize;
    gsl.kernel = (gsl.kernel * scale).max(1.0);
    config.sac.warm_up = (config.sac.warm_up as f64 * scale.sqrt()).ceil() as usize;
}

/// Whether the settings are those of this experiment.
///
/// # Errors
/// They are not.
pub fn validate(config: &Config) -> Result<()> {
    let usage = |text: &str| Err(Error::Usage(text.into()));
    if config.environment != ENVIRONMENT {
        return usage("environment: must be pushchair here");
    }
    if config.algorithm != Algorithm::Sac {
        return usage("algorithm: must be sac here, as in the paper");
    }
    if config.gsl.merge != Merge::Gail {
        return usage("gsl.merge: must be gail here, as in the paper");
    }
    let options = options(config)?;
    let end = options.first_chair.saturating_add(options.chairs.into());
    if end > FIRST_TEST_CHAIR {
        return usage(&format!(
            "env.first_chair = {}: must be so low that no chair of training is among those of the \
             test, {FIRST_TEST_CHAIR} and up",
            options.first_chair
        ));
    }
    config.validate_for_gsl().map_err(Error::from)
}

fn options(config: &Config) -> Result<Options, ConfigError> {
    config.env.clone().try_into().map_err(|e: toml::de::Error| ConfigError::Parse {
        place: "env".into(),
        message: e.message().into(),
    })
}

/// Runs the experiment for `seeds` = (first, number) in a run's directory, with the paper's
/// budgets multiplied by `scale`, which the settings hold already. `new` makes a generalist.
pub fn reproduce<A: Agent>(
    context: &Context<'_>,
    seeds: (u64, u64),
    scale: f64,
    new: NewWeights<'_, A>,
) -> Result<PushChairResult> {
    validate(context.config)?;
    let options = options(context.config)?;
    let chairs = (options.first_chair..).take(options.chairs as usize);
    let (full, least) = EPISODES;
    let mut test = context.config.clone();
    test.env.insert("first_chair".into(), (FIRST_TEST_CHAIR as i64).into());
    test.env.insert("chairs".into(), i64::from(TEST_CHAIRS).into());
    let protocol = Protocol {
        training: context.config.family()?,
        test: test.family()?,
        episodes: (full * scale.sqrt()).ceil().max(least) as usize,
    };
    let name = |seed| {
        let chair = Chair::new(seed).expect("the chairs of valid options exist");
        chair.style.name.to_owned()
    };
    Ok(PushChairResult {
        scale,
        chairs: chairs.map(name).collect(),
        observed: options.observed,
        episodes: protocol.episodes,
        yardstick: yardstick(context, &protocol)?,
        seeds: trial::each_seed::<A>(context, seeds, &protocol, false, new)?,
    })
}

/// What returns are measured by. A run that is resumed reads it.
fn yardstick(context: &Context<'_>, protocol: &Protocol) -> Result<Yardstick> {
    let path = context.run.join("yardstick.bin");
    if path.exists() {
        return Ok(load(&path)?);
    }
    let measure = |policy: &mut dyn Policy| -> Scores { protocol.measure(policy, YARDSTICK_SEED) };
    let yardstick = Yardstick { still: measure(&mut Still), pusher: measure(&mut Expert) };
    store(&path, &yardstick)?;
    Ok(yardstick)
}

/// Does nothing.
struct Still;

impl Policy for Still {
    fn act(&mut self, pool: &Pool, _: &[bool], _: Acting, _: Stream, _: u64) -> Chosen {
        Chosen::Continuous(vec![0.0; pool.len() * DOF])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_keep_their_proportions() {
        let full = Config::from_preset("pushchair", &[]).unwrap();
        let mut config = full.clone();
        scale(&mut config, 1.0);
        assert_eq!(config, full);
        scale(&mut config, 0.01);
        let g = &config.gsl;
        assert_eq!((config.total_samples, g.specialist_samples), (200_000, 15_000));
        assert_eq!((g.demonstration_samples, g.merge_samples), (600, 20_000));
        assert_eq!((g.window, g.kernel, config.sac.warm_up), (20, 2.0, 400));
        assert_eq!((g.specialists, g.low_variations), (8, 8));
        validate(&config).unwrap();
    }

    #[test]
    fn settings_of_another_experiment_are_refused() {
        let refused = |settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
            let config = Config::from_preset("pushchair", &settings).unwrap();
            validate(&config).unwrap_err().to_string()
        };
        assert_eq!(refused(&["gsl.merge=bc"]), "gsl.merge: must be gail here, as in the paper");
        assert!(refused(&["algorithm=ppo"]).starts_with("algorithm: must be sac"));
        assert!(refused(&["env.first_chair=995"]).contains("no chair of training"));
        let mut config = Config::from_preset("maze-sac", &[]).unwrap();
        config.gsl.merge = Merge::Gail;
        assert!(validate(&config).unwrap_err().to_string().starts_with("environment: must be"));
    }
}
