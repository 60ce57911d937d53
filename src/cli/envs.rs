use super::Output;
use crate::{
    error::{Error, Result},
    run::config::shorten,
};
use clap::Args;
use gslab_envs::registry::ENVIRONMENTS;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Args)]
pub struct Envs {
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    about: &'static str,
    spec: gslab_envs::Spec,
    options: toml::Table,
}

impl Envs {
    pub fn run(self) -> Result<ExitCode> {
        let mut listed = Vec::new();
        for entry in ENVIRONMENTS {
            let mut options = entry.default_options();
            options.iter_mut().for_each(|(_, value)| shorten(value));
            let family = entry.build(&options).map_err(|e| Error::Usage(e.to_string()))?;
            let spec = family.spec().clone();
            self.output.say(&format!(
                "{}: {}\n  observation {} numbers, action {:?}, {} variations, horizon {}",
                entry.name,
                entry.about,
                spec.observation,
                spec.action,
                spec.variations,
                spec.horizon
            ));
            for (key, value) in &options {
                self.output.say(&format!("  env.{key} = {value}"));
            }
            listed.push(Listed { name: entry.name, about: entry.about, spec, options });
        }
        self.output.json(&listed)?;
        Ok(ExitCode::SUCCESS)
    }
}
