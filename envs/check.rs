//! Tries an environment's promises and says which do not hold.

use crate::Env;

/// One property that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the environment promises, in a few words.
    pub property: &'static str,
    /// What was seen instead, if the promise was broken.
    pub broken: Option<String>,
}

/// Tries every property on an environment with given options.
pub fn check<E: Env>(_options: &E::Options, _seed: u64) -> Vec<Finding> {
    Vec::new()
}
