//! The settings of a run: a preset, changed by `--set key=value`, checked once.

use crate::{
    gsl::config::{Config as GslConfig, EvaluationConfig},
    learn::{actor_critic::Architecture, agent::Learning, bc, dapg, impala, ppg, ppo},
};
use gslab_envs::{
    ActionSpace,
    procgen::{self, options::TEST_LEVELS},
    registry::{self, BuildError, ENVIRONMENTS, Family},
};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// A preset: the tables of the paper as data.
pub struct Preset {
    pub name: &'static str,
    pub toml: &'static str,
}

/// Every preset, embedded in the program.
pub const PRESETS: &[Preset] = &[
    Preset { name: "maze", toml: include_str!("../../assets/presets/maze.toml") },
    Preset { name: "procgen", toml: include_str!("../../assets/presets/procgen.toml") },
    Preset { name: "procgen-ppg", toml: include_str!("../../assets/presets/procgen-ppg.toml") },
];

/// How networks that see pixels learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    Ppo,
    Ppg,
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
    /// Of environments that are seen in pixels.
    pub algorithm: Algorithm,
    pub ppo: ppo::Config,
    pub ppg: ppg::Config,
    /// The network of environments that are seen in pixels.
    pub impala: impala::Config,
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

/// Most samples that may be held in memory at once: a slip of the pen is to be an error, not a
/// lack of memory.
const MOST_ROWS: usize = 100_000_000;

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
            impala: impala::Config::default(),
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
        Learning { ppo: self.ppo.clone(), ppg: self.ppg.clone() }
    }

    /// How specialists learn: as the generalist, on their own number of environments.
    pub fn specialist_learning(&self) -> Learning {
        let mut ppo = self.ppo.clone();
        if self.gsl.specialist_environments > 0 {
            let steps = ppo.samples / ppo.environments;
            ppo.environments = self.gsl.specialist_environments;
            ppo.samples = steps * ppo.environments;
            ppo.minibatch = ppo.minibatch.min(ppo.samples);
        }
        Learning { ppo, ppg: self.ppg.of_specialists() }
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

    fn validate(&self) -> Result<(), ConfigError> {
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

fn range(key: &str, value: impl Display, allowed: impl Into<String>) -> ConfigError {
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

/// Puts the values of `given` over those of `table`, which holds every known key.
fn merge(table: &mut toml::Table, given: toml::Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in given {
        let path = format!("{prefix}{key}");
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => {
                merge(inner, value, &format!("{path}."))?;
            }
            (Some(known), value) => *known = fit(&path, known, value)?,
            (None, _) => return Err(unknown_key(&path, &keys(table, prefix))),
        }
    }
    Ok(())
}

/// Sets one dotted key to a value written as on the command line.
fn set(table: &mut toml::Table, path: &str, text: &str) -> Result<(), ConfigError> {
    let known = keys(table, "");
    if !known.iter().any(|k| k == path) {
        return Err(unknown_key(path, &known));
    }
    // A bare word is a string: `--set gsl.plateau=online` needs no quotes.
    let value = format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.into()));
    let mut place = table;
    let (parents, key) = match path.rsplit_once('.') {
        Some((parents, key)) => (Some(parents), key),
        None => (None, path),
    };
    for parent in parents.into_iter().flat_map(|p| p.split('.')) {
        place = place[parent].as_table_mut().expect("keys() lists only leaves");
    }
    let known = &mut place[key];
    *known = fit(path, known, value)?;
    Ok(())
}

/// Whether a table has the form of settings, in range or not.
fn check_types(table: &toml::Table) -> Result<(), String> {
    let config: Config =
        table.clone().try_into().map_err(|e: toml::de::Error| e.message().trim().to_owned())?;
    match config.family() {
        Err(ConfigError::Parse { message, .. }) => Err(message),
        _ => Ok(()),
    }
}

/// A value in the type of the one that it replaces: whole numbers become reals where one is due.
fn fit(path: &str, known: &toml::Value, value: toml::Value) -> Result<toml::Value, ConfigError> {
    use toml::Value::{Array, Float, Integer, String};
    match (known, value) {
        (Float(_), Integer(i)) => Ok(Float(i as f64)),
        // All whole numbers are counts.
        (Integer(_), Integer(i)) if i < 0 => Err(range(path, i, "at least 0")),
        (Array(known), Array(values)) if !known.is_empty() => {
            let fitted = values.into_iter().map(|value| fit(path, &known[0], value));
            fitted.collect::<Result<_, _>>().map(Array)
        }
        // Samples are often written as 5e6.
        (Integer(_), Float(f)) if f.fract() == 0.0 && f.abs() < 1e15 => Ok(Integer(f as i64)),
        (known, value) if known.same_type(&value) => Ok(value),
        // An option of an environment may be a name or a list; the environment knows which.
        (String(_), value @ Array(_)) | (Array(_), value @ String(_))
            if path.starts_with("env.") =>
        {
            Ok(value)
        }
        (known, value) => {
            Err(range(path, &value, format!("of type {}, like {known}", known.type_str())))
        }
    }
}

/// Writes single-precision settings as people do: 0.1, not 0.10000000149011612.
pub fn shorten(value: &mut toml::Value) {
    match value {
        toml::Value::Float(f) if f64::from(*f as f32) == *f => {
            *f = (*f as f32).to_string().parse().unwrap_or(*f);
        }
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| shorten(value)),
        _ => {}
    }
}

/// Every settable key of a table, dotted.
fn keys(table: &toml::Table, prefix: &str) -> Vec<String> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            toml::Value::Table(inner) => keys(inner, &format!("{prefix}{key}.")),
            _ => vec![format!("{prefix}{key}")],
        })
        .collect()
}

fn unknown_key(path: &str, known: &[String]) -> ConfigError {
    // A key written without its table, `gamma` for `ppo.gamma`, is a likely slip.
    let tail = |k: &str| k.rsplit('.').next().unwrap_or(k).to_owned();
    let exact = known.iter().find(|k| tail(k) == path);
    let hint = match exact {
        Some(key) => format!(" (did you mean `{key}`?)"),
        None => hint(path, known.iter().map(String::as_str)),
    };
    ConfigError::UnknownKey { key: path.into(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

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
