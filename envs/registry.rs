//! Every environment by name: one line each.

use crate::{
    Env, Level, OptionError, Spec,
    batch::{Batch, Worlds},
    check,
    levels::LevelSet,
    maze::Maze,
    procgen::games,
    pushchair::PushChair,
};
use serde::{Serialize, de::DeserializeOwned};

const MAZE: Entry = Entry::of::<Maze>(
    "maze",
    "the paper's brush maze: a corridor, five tines, a goal told by a context scalar",
);

const PUSHCHAIR: Entry = Entry::of::<PushChair>(
    "pushchair",
    "a dual-arm robot pushes a swivel chair to a goal (after ManiSkill)",
);

/// The environments of gslab, in the order in which they are listed. The games of Procgen have a
/// table of their own.
///
/// A static, not a constant: what it points to, all worlds' code, is then compiled here once and not
/// again by every crate that looks at it.
pub static ENVIRONMENTS: &[Entry] = &{
    let mut all = [MAZE; 2 + games::ENVIRONMENTS.len()];
    all[1] = PUSHCHAIR;
    let mut i = 0;
    while i < games::ENVIRONMENTS.len() {
        all[2 + i] = games::ENVIRONMENTS[i];
        i += 1;
    }
    all
};

/// An environment as the registry knows it.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub about: &'static str,
    default_options: fn() -> toml::Table,
    build: fn(&toml::Table) -> Result<Box<dyn Family>, BuildError>,
}

/// Options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{0}")]
    Option(#[from] OptionError),
    #[error("{}", .0.message())]
    Parse(#[from] toml::de::Error),
}

impl Entry {
    pub(crate) const fn of<E: Env>(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            default_options: || to_table(&E::Options::default()),
            build: |table| {
                let options: E::Options = from_table(table)?;
                E::validate(&options)?;
                Ok(Box::new(Configured::<E> { spec: E::spec(&options), options }))
            },
        }
    }

    /// Every option with its default.
    pub fn default_options(&self) -> toml::Table {
        (self.default_options)()
    }

    /// The environment with the given options; missing ones take their defaults.
    pub fn build(&self, options: &toml::Table) -> Result<Box<dyn Family>, BuildError> {
        (self.build)(options)
    }
}

/// Looks an environment up by name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ENVIRONMENTS.iter().find(|entry| entry.name == name)
}

/// An environment with its options fixed: makes batches of worlds.
pub trait Family: Send + Sync {
    fn spec(&self) -> &Spec;
    /// Worlds `first .. first + n` of a set of `of`, at the start of their first episodes.
    fn batch(&self, levels: LevelSet, first: u32, n: u32, of: u32) -> Box<dyn Batch>;
    /// Whether its worlds have a scripted policy; see [`Env::expert`].
    fn has_expert(&self) -> bool;
    /// Tries every property of [`check`] on this environment.
    fn check(&self, seed: u64) -> Vec<check::Finding>;
    /// [`Env::descriptor`] of a variation.
    fn descriptor(&self, variation: u32) -> Option<Vec<f32>>;
}

struct Configured<E: Env> {
    options: E::Options,
    spec: Spec,
}

impl<E: Env> Family for Configured<E> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn batch(&self, levels: LevelSet, first: u32, n: u32, of: u32) -> Box<dyn Batch> {
        Box::new(Worlds::<E>::new(&self.options, levels, first, n, of))
    }

    fn has_expert(&self) -> bool {
        E::reset(&self.options, Level { variation: 0, seed: 0 }).expert().is_some()
    }

    fn check(&self, seed: u64) -> Vec<check::Finding> {
        check::check::<E>(&self.options, seed)
    }

    fn descriptor(&self, variation: u32) -> Option<Vec<f32>> {
        E::descriptor(&self.options, variation)
    }
}

fn to_table<T: Serialize>(value: &T) -> toml::Table {
    toml::Table::try_from(value).expect("options are plain settings that always serialise")
}

fn from_table<T: DeserializeOwned>(table: &toml::Table) -> Result<T, toml::de::Error> {
    table.clone().try_into()
}
