//! Tables 1 and 3 of the paper, and what it sets otherwise for one game.

use crate::run::config::{Algorithm, Config};

/// Mean and standard deviation of the raw return over 5 runs.
pub type Spread = (f64, f64);

/// One game of Table 1: the generalist alone, and GSL.
pub struct Row {
    pub game: &'static str,
    pub alone_training: Spread,
    pub gsl_training: Spread,
    pub alone_test: Spread,
    pub gsl_test: Spread,
}

#[rustfmt::skip]
const WITH_PPO: [Row; 7] = [
    Row { game: "bigfish", alone_training: (24.6, 0.7), gsl_training: (31.1, 0.8), alone_test: (24.3, 1.1), gsl_test: (30.0, 0.5) },
    Row { game: "bossfight", alone_training: (8.6, 0.2), gsl_training: (11.3, 0.2), alone_test: (8.6, 0.3), gsl_test: (10.4, 0.2) },
    Row { game: "chaser", alone_training: (8.5, 0.3), gsl_training: (11.5, 0.3), alone_test: (7.9, 0.4), gsl_test: (10.9, 0.2) },
    Row { game: "dodgeball", alone_training: (13.7, 0.3), gsl_training: (15.5, 0.2), alone_test: (12.7, 0.3), gsl_test: (14.1, 0.3) },
    Row { game: "fruitbot", alone_training: (30.1, 0.6), gsl_training: (31.9, 0.3), alone_test: (29.1, 0.5), gsl_test: (30.5, 0.4) },
    Row { game: "plunder", alone_training: (10.5, 0.8), gsl_training: (13.4, 0.4), alone_test: (9.7, 0.5), gsl_test: (13.1, 0.3) },
    Row { game: "starpilot", alone_training: (39.4, 1.4), gsl_training: (49.5, 0.4), alone_test: (38.0, 0.9), gsl_test: (48.7, 0.5) },
];

#[rustfmt::skip]
const WITH_PPG: [Row; 2] = [
    Row { game: "bigfish", alone_training: (29.4, 1.1), gsl_training: (33.5, 1.3), alone_test: (28.0, 0.9), gsl_test: (30.9, 0.8) },
    Row { game: "bossfight", alone_training: (11.3, 0.2), gsl_training: (11.9, 0.2), alone_test: (11.1, 0.2), gsl_test: (11.6, 0.2) },
];

/// Table 3, BigFish: way to merge, training, test. DnC was not run.
pub const TABLE_3: [(&str, Spread, Spread); 3] = [
    ("PPO generalist", (24.6, 0.7), (24.3, 1.1)),
    ("GSL with BC", (25.3, 0.4), (22.1, 0.9)),
    ("GSL with DAPG", (31.1, 0.8), (30.0, 0.5)),
];

/// Appendix A.2: on Plunder with PPO every level has a specialist, and DAPG takes 200 × 256 × 64
/// samples with an entropy coefficient of 0.1.
pub fn exceptions(config: &mut Config) {
    if config.environment == "procgen:plunder" && config.algorithm == Algorithm::Ppo {
        config.gsl.specialists = 1024;
        config.gsl.low_variations = 1024;
        config.gsl.merge_samples = 200 * 256 * 64;
        config.dapg.entropy_coefficient = 0.1;
    }
}

/// The row of an environment such as `procgen:bigfish`, if the paper has it.
pub fn row(environment: &str, algorithm: Algorithm) -> Option<&'static Row> {
    let game = environment.strip_prefix("procgen:")?;
    let rows: &[Row] = match algorithm {
        Algorithm::Ppo => &WITH_PPO,
        Algorithm::Ppg => &WITH_PPG,
        Algorithm::Sac => return None,
    };
    rows.iter().find(|row| row.game == game)
}
