//! The dashed curves of the paper's figures.

use crate::{
    error::{Error, Result},
    gsl::algorithm1::{Algorithm1, Outcome},
    learn::agent::Agent,
    run::phase::unobserved,
};

/// Runs Algorithm 1 and, beside it, the baseline: the same generalist, trained on to the samples
/// that the method takes. Gives the baseline's weights, too.
pub fn with_baseline<A: Agent>(algorithm: &Algorithm1<'_, A>) -> Result<(Outcome<A>, A::Weights)> {
    let train_on = |samples| {
        let phase = algorithm.generalist_phase();
        let iterations = A::schedule(&phase.learning).iterations(samples);
        Ok::<_, Error>(phase.run(algorithm.context, iterations, &mut unobserved)?.weights)
    };
    let (outcome, (planned, baseline)) =
        algorithm.run(|samples| Ok((samples, train_on(samples)?)))?;
    let baseline = match outcome.samples == planned {
        true => baseline,
        // Demonstrations that were rejected had not been planned.
        false => train_on(outcome.samples)?,
    };
    Ok((outcome, baseline))
}
