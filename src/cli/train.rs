use super::{NewRun, task};
use crate::{error::Result, run::directory::Task};
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Train {
    /// A preset, an environment, or a TOML file of settings
    #[arg(value_name = "PRESET|ENV|FILE")]
    source: String,
    #[command(flatten)]
    new: NewRun,
}

impl Train {
    pub fn run(self) -> Result<ExitCode> {
        let config = task::settings(&self.source, &self.new.settings)?;
        let name = format!("train-{}", config.environment);
        let task = Task::Train { first_seed: self.new.seed, seeds: self.new.seeds };
        task::begin(&self.new, &name, &task, &config)?;
        Ok(ExitCode::SUCCESS)
    }
}
