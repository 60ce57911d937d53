//! What the commands share that show environments.

#[cfg(not(feature = "gpu"))]
use super::without_burn;
use super::{
    Output,
    eval::{seeds, weights},
};
use crate::{
    device::{self, Device, DeviceChoice},
    error::{Error, Result},
    learn::{impala::cpu::CpuImpala, ppg::Phasic},
    play::{actor::Actor, scene::Scene},
    pool::Pool,
    run::{
        config::{Algorithm, Config},
        directory,
        file::write_atomic,
    },
};
use clap::Args;
use gslab_envs::{ActionSpace, Spec, registry};
use indicatif::HumanCount;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Flags of every command that shows one environment.
#[derive(Args)]
pub struct Shown {
    /// Level: of a Procgen game its seed, of the maze the goal
    #[arg(long, value_name = "S")]
    pub level: Option<u32>,
    /// Change an option of the environment: --set env.KEY=VALUE. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Where pictures of pushchair are taken, and policies act that see clouds of points; other frames
    /// are drawn on the CPU
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceChoice,
    #[command(flatten)]
    art: Art,
}

/// Whose pictures are shown.
#[derive(Args)]
pub struct Art {
    /// Draw with the images of the original: its folder `procgen/data/assets`
    #[arg(long, value_name = "DIR")]
    procgen_assets: Option<PathBuf>,
}

impl Art {
    pub fn scene(&self, config: Config) -> Result<Scene> {
        Ok(Scene::new(config, self.procgen_assets.as_deref())?)
    }
}

impl Shown {
    /// What frames are drawn on.
    pub fn device(&self) -> Result<Device> {
        Ok(device::open(self.device)?)
    }

    /// An environment by name.
    pub fn environment(&self, name: &str) -> Result<Scene> {
        self.scene(Config::of_environment(name, &self.settings)?)
    }

    /// The environment of a run.
    pub fn of_run(&self, run: &Path) -> Result<Scene> {
        let (_, config) = directory::read(run)?;
        self.scene(config.with(&self.settings)?)
    }

    fn scene(&self, config: Config) -> Result<Scene> {
        if let Some(setting) = self.settings.iter().find(|s| !s.trim_start().starts_with("env.")) {
            return Err(Error::Usage(format!(
                "--set {setting}: only options of the environment matter here, env.KEY=VALUE"
            )));
        }
        let scene = self.art.scene(config)?.on(&self.device()?)?;
        if let Some(level) = self.level {
            scene.check_level(level)?;
        }
        Ok(scene)
    }

    /// An environment by name, or that of a run.
    pub fn environment_or_run(&self, source: &str) -> Result<Scene> {
        if registry::find(source).is_none() && Path::new(source).is_dir() {
            return self.of_run(Path::new(source));
        }
        self.environment(source)
    }
}

/// A policy of a run's first seed, by name as `gslab eval` knows it, for worlds with these facts.
/// One that sees clouds of points acts on `device`.
#[cfg_attr(not(feature = "gpu"), expect(unused_variables))]
pub fn policy(run: &Path, name: &str, device: &Device, spec: &Spec, seed: u64) -> Result<Actor> {
    let (_, config) = directory::read(run)?;
    let first = seeds(run)?.swap_remove(0);
    let environment = &config.environment;
    let trained = config.family()?;
    let clouds = trained.spec().points > 0;
    let actor = match (trained.spec().action, config.algorithm) {
        #[cfg(feature = "gpu")]
        (_, Algorithm::Sac) if clouds => Actor::clouds(weights(&first, name)?, device, spec, seed),
        #[cfg(not(feature = "gpu"))]
        (_, Algorithm::Sac) if clouds => return Err(without_burn()),
        (ActionSpace::Continuous { .. }, Algorithm::Sac) => {
            Actor::squashed(weights(&first, name)?, spec, seed)
        }
        (ActionSpace::Continuous { .. }, _) => Actor::gaussian(weights(&first, name)?, spec, seed),
        (_, Algorithm::Ppg) => {
            Actor::pixels::<Phasic>(weights(&first, name)?, environment, spec, seed)
        }
        _ => Actor::pixels::<CpuImpala>(weights(&first, name)?, environment, spec, seed),
    };
    actor.map_err(|error| Error::OtherPolicy { run: run.into(), error })
}

/// The scripted policy of a scene's environment, whose worlds these are.
pub fn expert(scene: &Scene, worlds: &Pool) -> Result<Actor> {
    Actor::expert(worlds).ok_or_else(|| {
        let environment = scene.environment();
        Error::Usage(format!("--expert: {environment} has no scripted policy; pushchair has one"))
    })
}

/// A file to be made, known to be writable as far as can be told before.
pub struct Destination(PathBuf);

/// Kinds of files, by their endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gif,
    Png,
}

impl Destination {
    /// The file that `--out` names, and its kind, one of `kinds`. A file that exists is replaced
    /// only if `force`.
    pub fn new(out: PathBuf, kinds: &[(&str, Kind)], force: bool) -> Result<(Self, Kind)> {
        let place = out.display();
        let ending = out.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let kind = kinds.iter().find(|(known, _)| ending.as_deref() == Some(*known));
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
        let message = match (kind, parent) {
            (None, _) => {
                let endings: Vec<String> = kinds.iter().map(|(e, _)| format!(".{e}")).collect();
                format!("--out {place}: the name must end in {}", endings.join(" or "))
            }
            (_, Some(parent)) if !parent.is_dir() => {
                format!("--out {place}: {} is no directory", parent.display())
            }
            _ if out.is_dir() => format!("--out {place}: is a directory"),
            _ if out.exists() && !out.is_file() => format!("--out {place}: is no plain file"),
            _ if out.exists() && !force => {
                format!("{place} exists already: choose another --out, or replace it with --force")
            }
            (Some(&(_, kind)), _) => return Ok((Self(out), kind)),
        };
        Err(Error::Usage(message))
    }

    /// Writes the file, and tells what was written, a picture of `size` pixels.
    pub fn write(&self, bytes: &[u8], size: (usize, usize), output: &Output) -> Result<()> {
        write_atomic(&self.0, bytes)?;
        let written = Written { file: &self.0, bytes: bytes.len(), width: size.0, height: size.1 };
        output.say(&format!(
            "{}: {}x{} pixels, {} bytes",
            self.0.display(),
            size.0,
            size.1,
            HumanCount(bytes.len() as u64)
        ));
        output.json(&written)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    bytes: usize,
    /// In pixels.
    width: usize,
    height: usize,
}
