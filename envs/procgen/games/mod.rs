//! The games, one file each, and the table of them.

use super::{
    game::{Facts, Game},
    mt19937::Mt19937,
    options::{Options, Settings},
    state::StateError,
    world::{Original, World, level_rng},
};
use crate::{OptionError, registry};

/// A world of whatever game, from bytes that may not be one.
type Restored = Result<Box<dyn Original>, StateError>;

/// A game by name, whatever its type.
pub struct Entry {
    pub facts: &'static Facts,
    start: fn(Settings, Mt19937) -> Box<dyn Original>,
    restore: fn(&[u8]) -> Restored,
}

impl Entry {
    const fn of<G: Game>() -> Self {
        Self {
            facts: G::FACTS,
            start: |settings, level_rng| Box::new(World::<G>::start(settings, level_rng)),
            restore: |bytes| Ok(Box::new(World::<G>::from_bytes(bytes)?)),
        }
    }

    /// See [`World::original`]; `debug_mode` is a setting of the original that only coinrun reads.
    pub fn original(
        &self,
        options: &Options,
        debug_mode: i32,
        rand_seed: i32,
        index: u32,
    ) -> Result<Box<dyn Original>, OptionError> {
        let settings = Settings { debug_mode, ..options.original_settings(self.facts, index)? };
        Ok((self.start)(settings, level_rng(rand_seed, index)))
    }

    /// See [`World::from_bytes`].
    pub fn from_bytes(&self, bytes: &[u8]) -> Restored {
        (self.restore)(bytes)
    }
}

/// Looks a game up by the name that the original gives it.
pub fn find(name: &str) -> Option<&'static Entry> {
    GAMES.iter().find(|entry| entry.facts.name == name)
}

macro_rules! games {
    ($($module:ident::$game:ident,)*) => {
        $(pub mod $module;)*

        const ENTRIES: &[Entry] = &[$(Entry::of::<$module::$game>()),*];
        /// All games, in alphabetical order.
        pub static GAMES: &[Entry] = ENTRIES;

        /// All games for the registry of environments, where they are called `procgen:name`.
        pub(crate) const ENVIRONMENTS: [registry::Entry; ENTRIES.len()] = [
            $(registry::Entry::of::<World<$module::$game>>(
                concat!("procgen:", stringify!($module)),
                <$module::$game as Game>::FACTS.about,
            )),*
        ];

        #[cfg(test)]
        const OBSTACLES: &[fn(super::Mode)] = &[$(tests::what_blocks_stops::<$module::$game>),*];
    };
}

// One line a game.
games! {
    bigfish::Bigfish,
    bossfight::Bossfight,
    caveflyer::Caveflyer,
    chaser::Chaser,
    climber::Climber,
    coinrun::Coinrun,
    dodgeball::Dodgeball,
    fruitbot::Fruitbot,
    heist::Heist,
    jumper::Jumper,
    leaper::Leaper,
    maze::Maze,
    miner::Miner,
    ninja::Ninja,
    plunder::Plunder,
    starpilot::Starpilot,
}

#[cfg(test)]
mod tests;
