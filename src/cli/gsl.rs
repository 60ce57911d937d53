use super::{NewRun, task};
use crate::{error::Result, run::directory::Task};
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Gsl {
    /// A preset, an environment, or a TOML file of settings
    #[arg(value_name = "PRESET|ENV|FILE")]
    source: String,
    #[command(flatten)]
    new: NewRun,
}

impl Gsl {
    pub fn run(self) -> Result<ExitCode> {
        let config = task::settings(&self.source, &self.new.settings)?;
        config.validate_for_gsl()?;
        let name = format!("gsl-{}", config.environment);
        let task = Task::Gsl { first_seed: self.new.seed, seeds: self.new.seeds };
        task::begin(&self.new, &name, &task, &config)?;
        Ok(ExitCode::SUCCESS)
    }
}
