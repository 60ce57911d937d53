#[cfg(feature = "window")]
use super::Output;
use super::shown::{Shown, expert, policy};
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
    /// Watch the environment's scripted policy; a key takes over
    #[arg(long, conflicts_with = "policy")]
    expert: bool,
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
        if self.terminal {
            let mut session = self.session()?;
            self.shown.device()?.work(|| terminal::play(&mut session))??;
            session.finish()?;
        } else {
            self.in_window()?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn session(&self) -> Result<Session> {
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
        let worlds = || scene.worlds(Some(level), 1, seed);
        let actor = match &self.policy {
            None if self.expert => Some(expert(&scene, &worlds()?)?),
            Some(run) => {
                let worlds = worlds()?;
                let (device, seed) = (self.shown.device()?, derive_seed(self.seed, "played noise"));
                Some(policy(run, "final", &device, worlds.spec(), seed)?)
            }
            None => None,
        };
        Ok(Session::new(scene, level, seed, actor)?)
    }

    /// Some systems want windows on the main thread, so what is shown is made on another.
    #[cfg(feature = "window")]
    fn in_window(&self) -> Result<()> {
        use crate::play::window;
        use std::{panic::resume_unwind, thread};
        let (session, event_loop) = thread::scope(|scope| {
            let session = scope.spawn(|| self.session());
            let event_loop = window::open();
            (session.join().unwrap_or_else(|panic| resume_unwind(panic)), event_loop)
        });
        let (mut session, event_loop) = (session?, event_loop?);
        Output { quiet: false, json: None }.say(KEYS);
        self.shown.device()?.work(|| window::play(event_loop, &mut session))??;
        Ok(session.finish()?)
    }

    #[cfg(not(feature = "window"))]
    fn in_window(&self) -> Result<()> {
        self.session()?;
        Err(Error::Usage(
            "this gslab was built without windows: build it with the Cargo feature `window` (on \
             by default), or use --terminal"
                .into(),
        ))
    }
}
