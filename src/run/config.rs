//! The settings of a run: a preset, changed by `--set key=value`, checked once.

mod keys;
mod valid;

pub use keys::shorten;

use crate::{
    gsl::config::{Config as GslConfig, EvaluationConfig},
    learn::{
        actor_critic::Architecture, agent::Learning, bc, cloud, dapg, gail, gaussian::MeanBound,
        impala, ppg, ppo, sac,
    },
};
use gslab_envs::{
    ActionSpace,
    procgen::{self, options::TEST_LEVELS},
    registry::{self, BuildError, ENVIRONMENTS, Family},
};
use keys::{check_types, merge, set};
use serde::{Deserialize, Serialize};
use valid::range;

/// A preset: the tables of the paper as data.
pub struct Preset {
    pub name: &'static str,
    pub toml: &'static str,
}

/// Every preset, embedded in the program.
pub const PRESETS: &[Preset] = &[
    Preset { name: "maze", toml: include_str!("../../assets/presets/maze.toml") },
    Preset { name: "maze-sac", toml: include_str!("../../assets/presets/maze-sac.toml") },
    Preset { name: "procgen", toml: include_str!("../../assets/presets/procgen.toml") },
    Preset { name: "procgen-ppg", toml: include_str!("../../assets/presets/procgen-ppg.toml") },
    Preset { name: "pushchair", toml: include_str!("../../assets/presets/pushchair.toml") },
    Preset {
        name: "pushchair-cloud",
        toml: include_str!("../../assets/presets/pushchair-cloud.toml"),
    },
];

/// How policies learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    Ppo,
    /// From pixels.
    Ppg,
    /// With continuous actions.
    Sac,
}

/// Everything that decides the result of a run, but for its seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub environment: String,
    /// Samples of the generalist: the budget that H and the baseline are about.
    pub total_samples: u64,
    /// Iterations between checkpoints.
    pub checkpoint_every: u64,
    /// Options of the environment.
    pub env: toml::Table,
    pub algorithm: Algorithm,
    pub ppo: ppo::Config,
    pub ppg: ppg::Config,
    pub sac: sac::Config,
    pub gail: gail::Config,
    /// The network of environments that are seen in pixels.
    pub impala: impala::Config,
    /// The network of environments that are seen as a cloud of points.
    pub cloud: cloud::Config,
    pub gsl: GslConfig,
    pub dapg: dapg::Config,
    pub bc: bc::Config,
    pub evaluation: EvaluationConfig,
}

/// What is done about levels that are trained and tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    Refuse,
    Allow,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("unknown {kind} `{name}`{hint}; {kind}s are: {known}")]
    Unknown { kind: &'static str, name: String, hint: String, known: String },
    #[error(
        "`{name}` is neither a preset, nor an environment, nor a file{hint}; \
         presets are: {presets}; environments are: {environments}"
    )]
    UnknownSource { name: String, hint: String, presets: String, environments: String },
    #[error("unknown key `{key}`{hint}")]
    UnknownKey { key: String, hint: String },
    #[error("--set {argument}: write it as key=value, for instance --set ppo.gamma=0.99")]
    NotAnAssignment { argument: String },
    #[error("{key} = {value}: must be {allowed}")]
    Range { key: String, value: String, allowed: String },
    #[error("{place}: {message}")]
    Parse { place: String, message: String },
}

/// `; did you mean …?` for the known name nearest to a mistyped one.
fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(String::new(), |(_, k)| format!(" (did you mean `{k}`?)"))
}

/// For a name that is not among the known ones; offers the nearest.
pub fn unknown<'a>(
    kind: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> ConfigError {
    ConfigError::Unknown {
        kind,
        name: name.into(),
        hint: hint(name, known.clone()),
        known: known.collect::<Vec<_>>().join(", "),
    }
}

/// Looks an environment up, or says which there are.
pub fn environment(name: &str) -> Result<&'static registry::Entry, ConfigError> {
    registry::find(name)
        .ok_or_else(|| unknown("environment", name, ENVIRONMENTS.iter().map(|e| e.name)))
}

/// For a name that is neither a preset, nor an environment, nor a file.
pub fn unknown_source(name: &str) -> ConfigError {
    let presets = PRESETS.iter().map(|p| p.name);
    let environments = ENVIRONMENTS.iter().map(|e| e.name);
    ConfigError::UnknownSource {
        name: name.into(),
        hint: hint(name, presets.clone().chain(environments.clone())),
        presets: presets.collect::<Vec<_>>().join(", "),
        environments: environments.collect::<Vec<_>>().join(", "),
    }
}

/// Looks a preset up, or says which there are.
pub fn preset(name: &str) -> Result<&'static Preset, ConfigError> {
    PRESETS
        .iter()
        .find(|p| p.name == name)
        .ok_or_else(|| unknown("preset", name, PRESETS.iter().map(|p| p.name)))
}

impl Config {
    /// Every setting at its default, for an environment.
    fn defaults(environment: &registry::Entry) -> toml::Table {
        let mut config = Self {
            environment: environment.name.into(),
            total_samples: 5_000_000,
            checkpoint_every: 10,
            env: environment.default_options(),
            algorithm: Algorithm::Ppo,
            ppo: ppo::Config::default(),
            ppg: ppg::Config::default(),
            sac: sac::Config::default(),
            gail: gail::Config::default(),
            impala: impala::Config::default(),
            cloud: cloud::Config::default(),
            gsl: GslConfig::default(),
            dapg: dapg::Config::default(),
            bc: bc::Config::default(),
            evaluation: EvaluationConfig::default(),
        };
        let space = config.family().map(|family| family.spec().action);
        if matches!(space, Ok(ActionSpace::Discrete { .. })) {
            config.total_samples = 100_000_000;
            config.ppo = ppo::Config::procgen();
            config.gsl = GslConfig::procgen();
            config.dapg = dapg::Config::procgen();
            config.bc = bc::Config::procgen();
            config.evaluation.episodes = 8;
        }
        config.to_table()
    }

    fn to_table(&self) -> toml::Table {
        let mut table =
            toml::Table::try_from(self).expect("a config is plain settings that always serialise");
        table.iter_mut().for_each(|(_, value)| shorten(value));
        table
    }

    /// A preset with the settings of `--set` arguments on top.
    pub fn from_preset(name: &str, settings: &[String]) -> Result<Self, ConfigError> {
        Self::parse(preset(name)?.toml, &format!("preset {name}"), settings)
    }

    /// A preset, but for another environment of the same kind.
    pub fn from_preset_in(
        name: &str,
        environment: &str,
        settings: &[String],
    ) -> Result<Self, ConfigError> {
        let mut table: toml::Table = preset(name)?.toml.parse().expect("a test parses presets");
        table.insert("environment".into(), environment.into());
        let text = toml::to_string(&table).expect("tables of settings always serialise");
        Self::parse(&text, &format!("preset {name}"), settings)
    }

    /// Settings in TOML with the settings of `--set` arguments on top; what neither names takes
    /// its default. `place` says where the text is from.
    pub fn parse(text: &str, place: &str, settings: &[String]) -> Result<Self, ConfigError> {
        let in_place = |message: String| ConfigError::Parse {
            place: place.into(),
            message: message.trim().into(),
        };
        let given: toml::Table =
            text.parse().map_err(|e: toml::de::Error| in_place(e.to_string()))?;
        let name = given
            .get("environment")
            .and_then(toml::Value::as_str)
            .ok_or_else(|| in_place("the key `environment` is missing".into()))?;
        let mut table = Self::defaults(environment(name)?);
        merge(&mut table, given, "")?;
        let config = Self::assigned(table, place, settings)?;
        config.validate()?;
        Ok(config)
    }

    /// An environment at its defaults with `--set` arguments on top, good for making worlds:
    /// nothing that concerns training is checked, and the environment need not suit it.
    pub fn of_environment(name: &str, settings: &[String]) -> Result<Self, ConfigError> {
        let config = Self::assigned(Self::defaults(environment(name)?), name, settings)?;
        config.family()?;
        Ok(config)
    }

    /// The same settings with `--set` arguments on top, checked as far as by
    /// [`Config::of_environment`].
    pub fn with(&self, settings: &[String]) -> Result<Self, ConfigError> {
        let config = Self::assigned(self.to_table(), &self.environment, settings)?;
        config.family()?;
        Ok(config)
    }

    /// The same settings with `--set` arguments on top, checked for training.
    pub fn with_trained(&self, settings: &[String]) -> Result<Self, ConfigError> {
        let config = self.with(settings)?;
        config.validate()?;
        Ok(config)
    }

    fn assigned(
        mut table: toml::Table,
        place: &str,
        settings: &[String],
    ) -> Result<Self, ConfigError> {
        for argument in settings {
            let (key, value) = argument
                .split_once('=')
                .ok_or_else(|| ConfigError::NotAnAssignment { argument: argument.clone() })?;
            set(&mut table, key.trim(), value.trim())?;
            check_types(&table).map_err(|message| ConfigError::Parse {
                place: format!("--set {argument}"),
                message,
            })?;
        }
        table.try_into().map_err(|e: toml::de::Error| ConfigError::Parse {
            place: place.into(),
            message: e.message().trim().into(),
        })
    }

    /// As TOML with every key, which [`Config::parse`] reads back equal.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.to_table()).expect("tables of settings always serialise")
    }

    /// The environment with its options.
    pub fn family(&self) -> Result<Box<dyn Family>, ConfigError> {
        environment(&self.environment)?.build(&self.env).map_err(|error| match error {
            BuildError::Option(e) => ConfigError::Range {
                key: format!("env.{}", e.key),
                value: e.value,
                allowed: e.allowed.into(),
            },
            BuildError::Parse(e) => {
                ConfigError::Parse { place: "env".into(), message: e.message().trim().into() }
            }
        })
    }

    /// Form of the networks for an environment with continuous actions.
    ///
    /// # Errors
    /// The environment has others.
    pub fn architecture(&self, family: &dyn Family) -> Result<Architecture, ConfigError> {
        let ActionSpace::Continuous { dim } = family.spec().action else {
            let allowed = "an environment with continuous actions";
            return Err(range("environment", &self.environment, allowed));
        };
        Ok(Architecture {
            observation: family.spec().observation,
            action: dim,
            hidden: self.ppo.hidden.clone(),
            initial_std: self.ppo.initial_std,
            std_range: (self.ppo.min_std, self.ppo.max_std),
            mean_bound: MeanBound(self.ppo.mean_bound),
        })
    }

    /// Form of the network for an environment that is seen in pixels.
    ///
    /// # Errors
    /// The environment has no choices as actions, or there is no such network.
    pub fn pixel_architecture(
        &self,
        actions: ActionSpace,
    ) -> Result<impala::Architecture, ConfigError> {
        let ActionSpace::Discrete { n: actions } = actions else {
            let allowed = "an environment whose actions are choices";
            return Err(range("environment", &self.environment, allowed));
        };
        let impala::Config { channels, hidden, .. } = &self.impala;
        impala::Architecture::new(channels.clone(), *hidden, actions as usize, 1).map_err(|error| {
            let value = format!("channels = {channels:?}, hidden = {hidden}");
            range("impala", value, format!("a network that there can be, not {error}"))
        })
    }

    /// The same game on the first `levels` of the test levels.
    ///
    /// # Errors
    /// The environment is no game of Procgen, or its own levels are among these.
    pub fn on_test_levels(&self, levels: u32, overlap: Overlap) -> Result<Self, ConfigError> {
        let name = self.environment.strip_prefix("procgen:");
        let game = name.and_then(procgen::games::find).ok_or_else(|| {
            range("environment", &self.environment, "a game of Procgen: others have no test levels")
        })?;
        let first = TEST_LEVELS.0;
        let end = first.saturating_add_unsigned(levels);
        let options: procgen::Options =
            self.env.clone().try_into().map_err(|e: toml::de::Error| ConfigError::Parse {
                place: "env".into(),
                message: e.message().trim().into(),
            })?;
        if overlap == Overlap::Refuse && options.plays_within(game.facts, first..end) {
            let allowed = format!(
                "levels that are not among the test levels {first} to {}; --allow-overlap \
                 measures on them all the same",
                end - 1
            );
            return Err(range("env.levels", &self.env["levels"], allowed));
        }
        let mut test = self.clone();
        test.env.insert("levels".into(), "range".into());
        test.env.insert("start_level".into(), i64::from(first).into());
        test.env.insert("num_levels".into(), i64::from(levels).into());
        test.family()?;
        Ok(test)
    }

    /// How the generalist learns.
    pub fn learning(&self) -> Learning {
        Learning {
            ppo: self.ppo.clone(),
            ppg: self.ppg.clone(),
            sac: self.sac.clone(),
            gail: self.gail.clone(),
        }
    }

    /// How specialists learn: as the generalist, on their own number of environments.
    pub fn specialist_learning(&self) -> Learning {
        let mut learning = self.learning();
        learning.ppg = self.ppg.of_specialists();
        let Learning { ppo, sac, .. } = &mut learning;
        if self.gsl.specialist_environments > 0 {
            let steps = ppo.samples / ppo.environments;
            ppo.environments = self.gsl.specialist_environments;
            ppo.samples = steps * ppo.environments;
            ppo.minibatch = ppo.minibatch.min(ppo.samples);
            // Off-policy, samples are what optimiser steps are counted in.
            sac.environments = self.gsl.specialist_environments;
        }
        learning
    }

    /// How phase II learns.
    pub fn merge_learning(&self) -> Learning {
        let mut learning = self.learning();
        learning.ppo.entropy_coefficient = self.dapg.entropy_coefficient;
        if self.dapg.epochs > 0 {
            learning.ppo.epochs = self.dapg.epochs;
        }
        learning
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gsl::config::Merge;

    fn with(settings: &[&str]) -> Result<Config, ConfigError> {
        let settings: Vec<String> = settings.iter().map(|s| s.to_string()).collect();
        Config::from_preset("maze", &settings)
    }

    #[test]
    fn every_preset_parses_and_round_trips() {
        for preset in PRESETS {
            let config = Config::from_preset(preset.name, &[]).unwrap();
            assert_eq!(Config::parse(&config.to_toml(), "test", &[]).unwrap(), config);
        }
    }

    #[test]
    fn settings_override_the_preset_in_their_type() {
        let config =
            with(&["ppo.gamma=1", "total_samples=2e6", "gsl.plateau=online", "ppo.hidden=[8, 8]"])
                .unwrap();
        assert_eq!(config.ppo.gamma, 1.0);
        assert_eq!(config.total_samples, 2_000_000);
        assert_eq!(config.ppo.hidden, [8, 8]);
    }

    #[test]
    fn procgen_begins_with_table_6() {
        let c = Config::parse("environment = \"procgen:coinrun\"", "test", &[]).unwrap();
        let p = &c.ppo;
        assert_eq!((p.learning_rate, p.gamma, p.lambda, p.clip_range), (5e-4, 0.999, 0.95, 0.2));
        assert_eq!((p.entropy_coefficient, p.environments, p.samples), (0.01, 64, 64 * 256));
        assert_eq!((p.minibatch, c.total_samples), (1024, 100_000_000));
        assert_eq!(
            c.pixel_architecture(c.family().unwrap().spec().action).unwrap().parameters(),
            626_256
        );
        assert!(with(&["ppo.value_clip=0.2"]).is_err(), "the maze's values are not clipped");
    }

    #[test]
    fn procgen_preset_holds_tables_6_and_8() {
        let c = Config::from_preset("procgen", &[]).unwrap();
        let g = &c.gsl;
        assert_eq!((g.specialists, g.low_variations, g.specialist_environments), (75, 300, 16));
        assert_eq!((g.specialist_samples, g.merge_samples), (262_144, 819_200));
        assert_eq!(g.demonstration_samples * 75, 256 * 32 * 75);
        assert_eq!(g.generalist_demonstration_samples, 256 * 8 * 724);
        assert_eq!((g.window, g.epsilon, g.demonstration_threshold), (600, 0.03, 0.15));
        assert_eq!((c.dapg.entropy_coefficient, c.dapg.minibatch), (0.05, 1024));
        assert_eq!(c.specialist_learning().ppo.samples, 16 * 256);
        let family = c.family().unwrap();
        assert_eq!(
            (family.spec().variations, family.spec().return_range),
            (1024, Some((1.0, 40.0)))
        );
        // Beside the number of levels, they are what a game has without a preset.
        let game =
            "environment = \"procgen:bigfish\"\n[env]\nmode = \"easy\"\nlevels = \"training\"";
        assert_eq!(Config::parse(game, "test", &[]).unwrap(), c);
        c.validate_split().unwrap();
    }

    #[test]
    fn procgen_ppg_preset_holds_table_7() {
        let c = Config::from_preset("procgen-ppg", &[]).unwrap();
        assert_eq!((c.ppg.policy_iterations, c.ppg.auxiliary_epochs), (32, 6));
        assert_eq!(
            (c.ppo.entropy_coefficient, c.merge_learning().ppo.entropy_coefficient),
            (0.0, 0.01)
        );
        let specialist = c.specialist_learning();
        assert_eq!((specialist.ppg.policy_iterations, specialist.ppg.auxiliary_epochs), (4, 4));
        assert_eq!((c.gsl.specialist_samples, c.gsl.merge_samples), (327_680, 13_107_200));
        assert!(with(&["algorithm=ppg"]).is_err(), "PPG is for pixels");
    }

    #[test]
    fn sac_and_gail_begin_with_table_11() {
        let c = with(&[]).unwrap();
        let s = &c.sac;
        assert_eq!((s.learning_rate, s.gamma, s.tau, s.capacity), (3e-4, 0.95, 0.005, 2_000_000));
        assert_eq!((s.environments, s.minibatch, s.collect, s.updates), (4, 200, 64, 4));
        assert_eq!((c.gail.learning_rate, c.gail.updates, c.gail.interval), (3e-4, 5, 100));
        let schedule = s.schedule();
        assert_eq!((schedule.steps, schedule.rounds, schedule.samples()), (16, 25, 1600));
        assert_eq!(schedule.iterations(20_000_000), 12_500);
        // An iteration has 100 policy updates, one round of the discriminator.
        assert_eq!((schedule.rounds * s.updates) as u64, c.gail.interval);
        let c = Config::from_preset("maze-sac", &["gsl.specialist_environments=2".into()]).unwrap();
        c.validate_for_gsl().unwrap();
        let specialists = c.specialist_learning().sac.schedule();
        assert_eq!((specialists.steps, specialists.samples()), (32, 1600));
    }

    #[test]
    fn pushchair_preset_holds_tables_11_and_12() {
        let c = Config::from_preset("pushchair", &[]).unwrap();
        let s = &c.sac;
        assert_eq!((s.learning_rate, s.gamma, s.tau, s.capacity), (3e-4, 0.95, 0.005, 2_000_000));
        assert_eq!((s.minibatch, s.environments, s.collect, s.updates), (200, 4, 64, 4));
        assert_eq!((c.gail.updates, c.gail.interval, c.gail.learning_rate), (5, 100, 3e-4));
        let g = &c.gsl;
        assert_eq!((g.specialists, g.low_variations, g.window, g.epsilon), (8, 8, 2000, 50.0));
        assert_eq!((g.specialist_samples, g.merge_samples), (1_500_000, 2_000_000));
        assert_eq!(g.demonstration_samples * 8, 200 * 300 * 8);
        assert_eq!((g.demonstration_threshold, c.total_samples), (-3500.0, 20_000_000));
        assert_eq!((c.family().unwrap().spec().horizon, g.merge), (200, Merge::Gail));
    }

    #[test]
    fn pushchair_is_the_same_from_clouds() {
        let states = Config::from_preset("pushchair", &["env.observed=cloud".into()]).unwrap();
        assert_eq!(Config::from_preset("pushchair-cloud", &[]).unwrap(), states);
        assert_eq!(states.family().unwrap().spec().points, 1200);
    }

    #[test]
    fn maze_preset_holds_tables_4_and_5() {
        let c = with(&[]).unwrap();
        let p = &c.ppo;
        assert_eq!((p.learning_rate, p.gamma, p.lambda, p.clip_range), (3e-4, 0.95, 0.97, 0.2));
        assert_eq!((p.entropy_coefficient, c.dapg.entropy_coefficient), (0.01, 0.01));
        assert_eq!((&p.hidden[..], p.environments), (&[256, 256][..], 5));
        assert_eq!((p.samples, p.minibatch, c.total_samples), (10_000, 2000, 5_000_000));
        let g = &c.gsl;
        assert_eq!((g.specialists, g.low_variations, g.window, g.epsilon), (5, 5, 50, 0.01));
        assert_eq!((g.specialist_samples, g.merge_samples), (500_000, 1_000_000));
        assert_eq!(g.demonstration_samples * 5, 10 * 150 * 5);
        assert_eq!(c.family().unwrap().spec().horizon, 150);
    }
}
