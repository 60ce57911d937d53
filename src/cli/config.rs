use super::{Output, task};
use crate::{error::Result, run::config::PRESETS};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Args)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the presets
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Print every setting of a preset, an environment's defaults, or a TOML file
    Show {
        #[arg(value_name = "PRESET|ENV|FILE")]
        source: String,
        /// Change a setting first
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
}

impl Config {
    pub fn run(self) -> Result<ExitCode> {
        match self.action {
            Action::List { output } => {
                let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
                output.say(&names.join("\n"));
                output.json(&names)?;
            }
            Action::Show { source, settings, output } => {
                let config = task::settings(&source, &settings)?;
                output.say(config.to_toml().trim_end());
                output.json(&config)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
