//! The paper's evaluation (Appendix A.2): episodes on the levels of training and on levels that
//! were never seen.

use crate::{
    gsl::evaluate::{Acting, Evaluation, evaluate},
    learn::agent::Policy,
    run::config::{Config, ConfigError, Overlap},
};
use gslab_envs::{
    procgen::options::{TEST_LEVELS, TRAINING_LEVELS},
    registry::Family,
    rng::derive_seed,
};
use serde::{Deserialize, Serialize};

/// Number of training levels.
pub const TRAINING: u32 = (TRAINING_LEVELS.1 - TRAINING_LEVELS.0) as u32;
/// Number of test levels.
pub const TEST: u32 = (TEST_LEVELS.1 - TEST_LEVELS.0) as u32;

/// How good a policy is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scores {
    pub training: Evaluation,
    pub test: Evaluation,
}

/// Levels to measure on. One episode of each, with sampled actions.
pub struct Protocol {
    training: Box<dyn Family>,
    test: Box<dyn Family>,
}

impl Protocol {
    /// The levels of the settings, and as many of the test levels.
    ///
    /// # Errors
    /// The environment has no such levels, or trains on them and may not.
    pub fn new(config: &Config, test_levels: u32, overlap: Overlap) -> Result<Self, ConfigError> {
        let test = config.on_test_levels(test_levels, overlap)?;
        Ok(Self { training: config.family()?, test: test.family()? })
    }

    pub fn test_levels(&self) -> u32 {
        self.test.spec().variations
    }

    pub fn measure(&self, policy: &mut impl Policy, seed: u64) -> Scores {
        let mut on = |family: &dyn Family, name| {
            let levels: Vec<u32> = (0..family.spec().variations).collect();
            evaluate(family, policy, &levels, 1, Acting::Sampled, derive_seed(seed, name))
        };
        Scores { training: on(&*self.training, "training"), test: on(&*self.test, "test") }
    }
}
