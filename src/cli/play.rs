#[cfg(feature = "window")]
use super::Output;
use super::shown::{Shown, policy};
use crate::{
    error::{Error, Result},
    play::{keys::KEYS, session::Session, terminal},
    run::config,
};
use clap::Args;
use gslab_envs::rng::derive_seed;
use std::{path::PathBuf, process::ExitCode};

#[derive(Args)]
#[command(after_help = KEYS)]
pub struct Play {
    /// Name of the environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Watch the final policy of a run; a key takes over
    #[arg(long, value_name = "RUN")]
    policy: Option<PathBuf>,
    /// Play on the terminal, which must know 24-bit colours, and not in a window
    #[arg(long)]
    terminal: bool,
    /// Seed of what a level leaves open, and of the policy's noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    shown: Shown,
}

impl Play {
    pub fn run(self) -> Result<ExitCode> {
        config::environment(&self.environment)?;
        let scene = match &self.policy {
            Some(run) => self.shown.of_run(run)?,
            None => self.shown.environment(&self.environment)?,
        };
        if let Some(run) =
            self.policy.as_deref().filter(|_| scene.environment() != self.environment)
        {
            let (run, trained) = (run.display(), scene.environment());
            return Err(Error::Usage(format!(
                "--policy {run}: it was trained on {trained}, not on {}",
                self.environment
            )));
        }
        let level = self.shown.level.unwrap_or_else(|| scene.first_level());
        let seed = derive_seed(self.seed, "played levels");
        let actor = match &self.policy {
            Some(run) => {
                let worlds = scene.worlds(Some(level), 1, seed)?;
                Some(policy(run, "final", worlds.spec(), derive_seed(self.seed, "played noise"))?)
            }
            None => None,
        };
        let mut session = Session::new(scene, level, seed, actor)?;
        if self.terminal {
            terminal::play(&mut session)?;
        } else {
            window(&mut session)?;
        }
        session.finish()?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(feature = "window")]
fn window(session: &mut Session) -> Result<()> {
    use crate::play::window;
    let event_loop = window::open()?;
    Output { quiet: false, json: None }.say(KEYS);
    Ok(window::play(event_loop, session)?)
}

#[cfg(not(feature = "window"))]
fn window(_: &mut Session) -> Result<()> {
    Err(Error::Usage(
        "this gslab was built without windows: build it with the Cargo feature `window` (on by \
         default), or use --terminal"
            .into(),
    ))
}
