//! Section 6 of the paper: GSL against its generalist on the games of Procgen, beside Table 1.

mod claims;
mod figure;
pub mod paper;
pub mod report;
pub mod result;
pub mod scale;

use super::trial::{self, Protocol};
use crate::{
    error::Result,
    gsl::algorithm1::NewWeights,
    learn::agent::Agent,
    run::{config::Overlap, phase::Context},
};
use gslab_envs::procgen::options::TEST_LEVELS;
use result::ProcgenResult;

/// Number of test levels in the paper (Appendix A.2).
pub const TEST: u32 = (TEST_LEVELS.1 - TEST_LEVELS.0) as u32;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experiment {
    /// What the paper's budgets were multiplied by; the settings hold it already.
    pub scale: f64,
    /// Whether to clone the demonstrations, too, in the place of phase II (Table 3).
    pub cloning: bool,
}

/// Runs the experiment for `seeds` seeds from `first_seed` in a run's directory. `new` makes a
/// generalist. What an interrupted run has finished is read, not done again.
pub fn reproduce<A: Agent>(
    context: &Context<'_>,
    seeds: (u64, u64),
    Experiment { scale, cloning }: Experiment,
    new: NewWeights<'_, A>,
) -> Result<ProcgenResult> {
    let config = context.config;
    let test = config.on_test_levels(scale::levels(TEST, scale), Overlap::Refuse)?;
    // The paper's evaluation (Appendix A.2).
    let protocol = Protocol { training: config.family()?, test: test.family()?, episodes: 1 };
    let spec = context.family.spec();
    Ok(ProcgenResult {
        environment: config.environment.clone(),
        algorithm: config.algorithm,
        scale,
        return_range: spec.return_range,
        training_levels: spec.variations,
        test_levels: protocol.test.spec().variations,
        seeds: trial::each_seed::<A>(context, seeds, &protocol, cloning, new)?,
    })
}
