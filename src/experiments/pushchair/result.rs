//! What the experiment measures: the content of `result.json`, read by figure and report.

use crate::{
    experiments::trial::{Scores, SeedResult},
    gsl::evaluate::Evaluation,
};
use gslab_envs::pushchair::Observed;
use serde::{Deserialize, Serialize};

/// All seeds of one `gslab reproduce pushchair`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PushChairResult {
    /// What the paper's budgets were multiplied by.
    pub scale: f64,
    /// Archetypes of the chairs of training, by variation.
    pub chairs: Vec<String>,
    /// What agents saw.
    pub observed: Observed,
    /// Of each chair in a measurement.
    pub episodes: usize,
    pub yardstick: Yardstick,
    pub seeds: Vec<SeedResult>,
}

/// Policies that learn nothing, which returns are measured by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Yardstick {
    /// A robot that does nothing.
    pub still: Scores,
    /// The scripted pusher.
    pub pusher: Scores,
}

/// Chairs that a measurement is of.
pub type Set = fn(&Scores) -> &Evaluation;

impl Yardstick {
    /// Mean over the chairs of (R - R_still) / (R_pusher - R_still): 0 for a robot that does
    /// nothing, 1 for the scripted pusher.
    pub fn normalised(&self, scores: &Scores, set: Set) -> f64 {
        let (still, pusher) = (&set(&self.still).scores, &set(&self.pusher).scores);
        let shares = set(scores).scores.iter().zip(still.iter().zip(pusher));
        let shares: Vec<f64> = shares
            .map(|(score, (still, pusher))| {
                (score.mean_return - still.mean_return) / (pusher.mean_return - still.mean_return)
            })
            .collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gsl::evaluate::Score;

    fn scores(returns: [f64; 2]) -> Scores {
        let score = |(variation, mean_return)| Score { variation, mean_return, ..Score::default() };
        let training = Evaluation { scores: (0..).zip(returns).map(score).collect() };
        Scores { training, test: Evaluation::default() }
    }

    #[test]
    fn returns_are_measured_by_the_pusher_chair_by_chair() {
        let yardstick =
            Yardstick { still: scores([-4000.0, -5000.0]), pusher: scores([-2000.0, -1000.0]) };
        let of = |returns| yardstick.normalised(&scores(returns), |s| &s.training);
        assert_eq!(of([-4000.0, -5000.0]), 0.0);
        assert_eq!(of([-2000.0, -1000.0]), 1.0);
        assert_eq!(of([-3000.0, -2000.0]), 0.625);
    }
}
