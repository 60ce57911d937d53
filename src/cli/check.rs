use super::Output;
use crate::{error::Result, run::config::Config};
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Args)]
pub struct Check {
    /// Name of the environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Seed of the actions and levels that are tried
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Change an option of the environment: --set env.KEY=VALUE
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Tried {
    property: &'static str,
    broken: Option<String>,
}

impl Check {
    pub fn run(self) -> Result<ExitCode> {
        let config = Config::of_environment(&self.environment, &self.settings)?;
        let findings = config.family()?.check(self.seed);
        let tried: Vec<Tried> = findings
            .into_iter()
            .map(|f| Tried { property: f.property, broken: f.broken })
            .collect();
        for Tried { property, broken } in &tried {
            match broken {
                None => self.output.say(&format!("ok      {property}")),
                Some(seen) => println!("BROKEN  {property}: {seen}"),
            }
        }
        let broken = tried.iter().filter(|t| t.broken.is_some()).count();
        self.output.say(&format!("{} properties tried, {broken} broken", tried.len()));
        self.output.json(&tried)?;
        Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
