//! An environment whatever its type: what is tried on it is compiled once, not for every one.

use crate::{
    Action, Env, Level, OptionError, Spec, Step,
    batch::{Batch, Worlds},
    levels::LevelSet,
};

/// An environment with its options.
pub trait Subject: Sync {
    fn spec(&self) -> Spec;
    fn validate(&self) -> Result<(), OptionError>;
    fn validate_default(&self) -> Result<(), OptionError>;
    /// The options as TOML.
    fn options(&self) -> Result<toml::Table, String>;
    /// The environment with options that were read from TOML.
    fn with(&self, options: toml::Table) -> Result<Box<dyn Subject>, String>;
    fn reset(&self, level: Level) -> Box<dyn World>;
    /// The world that [`World::bytes`] wrote.
    fn revive(&self, bytes: &[u8]) -> Result<Box<dyn World>, String>;
    fn batch(&self, levels: LevelSet, first: u32, n: u32, of: u32) -> Box<dyn Batch>;
}

/// A world; see [`Env`].
pub trait World: Send + Sync {
    fn step(&mut self, action: Action<'_>) -> Step;
    fn sense(&self, out: &mut [f32]);
    fn failed(&self) -> bool;
    /// The world, serialised.
    fn bytes(&self) -> Result<Vec<u8>, String>;
    /// A clone.
    fn copy(&self) -> Box<dyn World>;
}

impl<E: Env> World for E {
    fn step(&mut self, action: Action<'_>) -> Step {
        Env::step(self, action)
    }

    fn sense(&self, out: &mut [f32]) {
        Env::sense(self, out);
    }

    fn failed(&self) -> bool {
        Env::failed(self)
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        postcard::to_stdvec(self).map_err(|error| format!("the world does not serialise: {error}"))
    }

    fn copy(&self) -> Box<dyn World> {
        Box::new(self.clone())
    }
}

/// An environment of a type.
pub struct Of<E: Env>(pub E::Options);

impl<E: Env> Subject for Of<E> {
    fn spec(&self) -> Spec {
        E::spec(&self.0)
    }

    fn validate(&self) -> Result<(), OptionError> {
        E::validate(&self.0)
    }

    fn validate_default(&self) -> Result<(), OptionError> {
        E::validate(&E::Options::default())
    }

    fn options(&self) -> Result<toml::Table, String> {
        toml::Table::try_from(&self.0).map_err(|error| format!("they do not serialise: {error}"))
    }

    fn with(&self, options: toml::Table) -> Result<Box<dyn Subject>, String> {
        let read = options.clone().try_into();
        let read: E::Options =
            read.map_err(|error| format!("{options} cannot be read back: {error}"))?;
        Ok(Box::new(Self(read)))
    }

    fn reset(&self, level: Level) -> Box<dyn World> {
        Box::new(E::reset(&self.0, level))
    }

    fn revive(&self, bytes: &[u8]) -> Result<Box<dyn World>, String> {
        let world: Result<E, _> = postcard::from_bytes(bytes);
        Ok(Box::new(world.map_err(|error| format!("the snapshot cannot be read: {error}"))?))
    }

    fn batch(&self, levels: LevelSet, first: u32, n: u32, of: u32) -> Box<dyn Batch> {
        Box::new(Worlds::<E>::new(&self.0, levels, first, n, of))
    }
}
