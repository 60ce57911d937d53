//! Table 1 of the paper.

/// Mean and standard deviation of the raw return over 5 runs.
pub type Spread = (f64, f64);

/// One game of Table 1, trained with PPO.
pub struct Row {
    pub game: &'static str,
    pub ppo_training: Spread,
    pub gsl_training: Spread,
    pub ppo_test: Spread,
    pub gsl_test: Spread,
}

#[rustfmt::skip]
pub const TABLE_1: [Row; 7] = [
    Row { game: "bigfish", ppo_training: (24.6, 0.7), gsl_training: (31.1, 0.8), ppo_test: (24.3, 1.1), gsl_test: (30.0, 0.5) },
    Row { game: "bossfight", ppo_training: (8.6, 0.2), gsl_training: (11.3, 0.2), ppo_test: (8.6, 0.3), gsl_test: (10.4, 0.2) },
    Row { game: "chaser", ppo_training: (8.5, 0.3), gsl_training: (11.5, 0.3), ppo_test: (7.9, 0.4), gsl_test: (10.9, 0.2) },
    Row { game: "dodgeball", ppo_training: (13.7, 0.3), gsl_training: (15.5, 0.2), ppo_test: (12.7, 0.3), gsl_test: (14.1, 0.3) },
    Row { game: "fruitbot", ppo_training: (30.1, 0.6), gsl_training: (31.9, 0.3), ppo_test: (29.1, 0.5), gsl_test: (30.5, 0.4) },
    Row { game: "plunder", ppo_training: (10.5, 0.8), gsl_training: (13.4, 0.4), ppo_test: (9.7, 0.5), gsl_test: (13.1, 0.3) },
    Row { game: "starpilot", ppo_training: (39.4, 1.4), gsl_training: (49.5, 0.4), ppo_test: (38.0, 0.9), gsl_test: (48.7, 0.5) },
];

/// The row of an environment such as `procgen:bigfish`, if the paper has it.
pub fn row(environment: &str) -> Option<&'static Row> {
    let game = environment.strip_prefix("procgen:")?;
    TABLE_1.iter().find(|row| row.game == game)
}
