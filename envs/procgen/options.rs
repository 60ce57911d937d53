//! The options of the family, the same for every game.

use super::game::Facts;
use crate::{Level, OptionError};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which distribution of levels a game draws from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Easy,
    #[default]
    Hard,
    Extreme,
    Memory,
    /// One fixed level of hard mode that takes exploration.
    Exploration,
}

impl Mode {
    /// The number by which states know it; exploration is only a choice of the level.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Easy => 0,
            Self::Hard | Self::Exploration => 1,
            Self::Extreme => 2,
            Self::Memory => 10,
        }
    }

    pub(super) fn from_number(number: i32) -> Option<Self> {
        [Self::Easy, Self::Hard, Self::Extreme, Self::Memory]
            .into_iter()
            .find(|mode| mode.number() == number)
    }
}

/// Seeds of the levels to train on, the second exclusive.
pub const TRAINING_LEVELS: (i32, i32) = (1000, 2024);
/// Seeds of the levels to test on, the second exclusive.
pub const TEST_LEVELS: (i32, i32) = (100_000, 101_000);

/// Which levels there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be range, training, test, or a list of seeds from 0 on")]
pub enum Levels {
    Named(LevelRange),
    /// The level of each variation.
    Seeds(Vec<i32>),
}

/// Levels whose seeds follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelRange {
    /// As `num_levels` and `start_level` say.
    Range,
    /// [`TRAINING_LEVELS`].
    Training,
    /// [`TEST_LEVELS`].
    Test,
}

/// Settings of a Procgen game, with the names and defaults of the original; `levels` is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// easy, hard, extreme, memory or exploration; not every game has every mode.
    pub mode: Mode,
    /// Which levels there are, one a variation: `range` for those of `num_levels` and
    /// `start_level`, `training` (1000 to 2023), `test` (100000 to 100999), or a list of seeds.
    /// Ignored in exploration mode.
    pub levels: Levels,
    /// Number of levels, which are the variations of the environment; 0 for no limit, which makes
    /// one variation of all levels. Ignored in exploration mode.
    pub num_levels: i32,
    /// Seed of the first level. Ignored if the number of levels has no limit.
    pub start_level: i32,
    /// A solved level is followed by another within the same episode.
    pub use_sequential_levels: bool,
    /// The view follows the agent; many games show the whole world regardless.
    pub center_agent: bool,
    /// Draw a background.
    pub use_backgrounds: bool,
    /// Always the first of several pictures. This changes sizes, hence dynamics.
    pub restrict_themes: bool,
    /// Draw coloured rectangles in place of sprites.
    pub use_monochrome_assets: bool,
    /// Show the agent's velocity as two grey squares.
    pub paint_vel_info: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Hard,
            levels: Levels::Named(LevelRange::Range),
            num_levels: 0,
            start_level: 0,
            use_sequential_levels: false,
            center_agent: true,
            use_backgrounds: true,
            restrict_themes: false,
            use_monochrome_assets: false,
            paint_vel_info: false,
        }
    }
}

impl Options {
    /// Refuses a mode that the game lacks and ranges of levels that are none.
    pub fn validate(&self, facts: &Facts) -> Result<(), OptionError> {
        let error = |key, value: String, allowed| Err(OptionError { key, value, allowed });
        if !facts.has(self.mode) {
            let mode = format!("{:?}", self.mode).to_lowercase();
            return error("mode", mode, facts.mode_names());
        }
        if self.num_levels < 0 {
            return error("num_levels", self.num_levels.to_string(), "at least 0 (no limit)");
        }
        if self.start_level < 0 {
            return error("start_level", self.start_level.to_string(), "at least 0");
        }
        if self.start_level.checked_add(self.num_levels).is_none() {
            let allowed = "such that start_level + num_levels is at most 2147483647";
            return error("start_level", self.start_level.to_string(), allowed);
        }
        if let Levels::Seeds(seeds) = &self.levels {
            let allowed = "a list of seeds from 0 on, with one at least";
            match seeds.iter().find(|&&seed| !(0..i32::MAX).contains(&seed)) {
                Some(seed) => return error("levels", seed.to_string(), allowed),
                None if seeds.is_empty() => return error("levels", "[]".into(), allowed),
                None => {}
            }
        }
        Ok(())
    }

    /// The range of the seeds of levels, the second exclusive; a list has none.
    pub(super) fn level_range(&self, facts: &Facts) -> Option<(i32, i32)> {
        match (self.mode, facts.exploration, &self.levels) {
            (Mode::Exploration, Some(seed), _) => Some((seed, seed + 1)),
            (_, _, Levels::Seeds(_)) => None,
            (_, _, Levels::Named(LevelRange::Training)) => Some(TRAINING_LEVELS),
            (_, _, Levels::Named(LevelRange::Test)) => Some(TEST_LEVELS),
            _ if self.num_levels == 0 => Some(UNLIMITED),
            _ => Some((self.start_level, self.start_level + self.num_levels)),
        }
    }

    /// Whether one of the levels has a seed in `seeds`.
    pub fn plays_within(&self, facts: &Facts, seeds: Range<i32>) -> bool {
        match (self.level_range(facts), &self.levels) {
            (Some((low, high)), _) => low < seeds.end && seeds.start < high,
            (None, Levels::Seeds(levels)) => levels.iter().any(|level| seeds.contains(level)),
            (None, Levels::Named(_)) => false,
        }
    }

    /// What a world of the original is made with; number `index` of those seeded together.
    pub(super) fn original_settings(
        &self,
        facts: &Facts,
        index: u32,
    ) -> Result<Settings, OptionError> {
        self.validate(facts)?;
        let range = self.level_range(facts).ok_or_else(|| OptionError {
            key: "levels",
            value: "a list".into(),
            allowed: "a range: the original draws levels from one",
        })?;
        Ok(Settings::new(self, range, index))
    }

    /// Number of variations.
    pub(super) fn variations(&self, facts: &Facts) -> u32 {
        match (self.level_range(facts), &self.levels) {
            (Some(UNLIMITED), _) => 1,
            (Some((low, high)), _) => (high - low) as u32,
            (None, Levels::Seeds(seeds)) => seeds.len() as u32,
            (None, Levels::Named(_)) => 0,
        }
    }

    /// The seed of a level.
    pub(super) fn level_seed(&self, facts: &Facts, level: Level) -> i32 {
        match (self.level_range(facts), &self.levels) {
            (Some(UNLIMITED), _) => (level.seed % i32::MAX as u64) as i32,
            (None, Levels::Seeds(seeds)) => {
                let last = seeds.len() - 1;
                seeds[(level.variation as usize).min(last)]
            }
            (range, _) => {
                let (low, high) = range.unwrap_or(UNLIMITED);
                low.saturating_add_unsigned(level.variation).min(high - 1)
            }
        }
    }
}

/// All seeds there are.
const UNLIMITED: (i32, i32) = (0, i32::MAX);

/// What a world keeps of its options. Games may change `center_agent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Never [`Mode::Exploration`].
    pub mode: Mode,
    /// Seeds of levels, the second exclusive.
    pub level_seeds: (i32, i32),
    pub use_sequential_levels: bool,
    pub center_agent: bool,
    pub use_backgrounds: bool,
    pub restrict_themes: bool,
    pub use_monochrome_assets: bool,
    pub paint_vel_info: bool,
    /// Bits that switch off parts of coinrun levels.
    pub debug_mode: i32,
    /// Index of the world among those seeded together.
    pub index: i32,
}

impl Settings {
    pub(super) fn new(options: &Options, level_seeds: (i32, i32), index: u32) -> Self {
        Self {
            mode: if options.mode == Mode::Exploration { Mode::Hard } else { options.mode },
            level_seeds,
            use_sequential_levels: options.use_sequential_levels,
            center_agent: options.center_agent,
            use_backgrounds: options.use_backgrounds,
            restrict_themes: options.restrict_themes,
            use_monochrome_assets: options.use_monochrome_assets,
            paint_vel_info: options.paint_vel_info,
            debug_mode: 0,
            index: index as i32,
        }
    }
}
