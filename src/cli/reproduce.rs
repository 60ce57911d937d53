use super::{NewRun, task};
use crate::{
    error::Result,
    run::{config::Config, directory::Task},
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Args)]
pub struct Reproduce {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Subcommand)]
enum Experiment {
    /// The brush maze of Section 4: Figure 2 with the settings of Tables 4 and 5
    Maze {
        #[command(flatten)]
        new: NewRun,
    },
}

impl Reproduce {
    pub fn run(self) -> Result<ExitCode> {
        let Experiment::Maze { new } = self.experiment;
        let config = Config::from_preset("maze", &new.settings)?;
        let task = Task::ReproduceMaze { first_seed: new.seed, seeds: new.seeds };
        task::begin(&new, "reproduce-maze", &task, &config)?;
        Ok(ExitCode::SUCCESS)
    }
}
