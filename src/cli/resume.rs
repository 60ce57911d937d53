use super::{Machine, task};
use crate::error::Result;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Args)]
pub struct Resume {
    /// Directory of the run
    run: PathBuf,
    #[command(flatten)]
    machine: Machine,
}

impl Resume {
    pub fn run(self) -> Result<ExitCode> {
        task::resume(&self.run, &self.machine)?;
        Ok(ExitCode::SUCCESS)
    }
}
