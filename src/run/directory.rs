//! The directory of one run: made once, locked while a process works in it.

use super::{
    config::{Config, ConfigError},
    file::{FileError, write_atomic},
};
use crate::experiments::ablations::Ablation;
use fs4::fs_std::FileExt;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// What a run is for; `gslab resume` does the same again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Task {
    /// Training on every variation, for `seeds` seeds from `first_seed`.
    Train { first_seed: u64, seeds: u64 },
    /// Algorithm 1.
    Gsl { first_seed: u64, seeds: u64 },
    /// The paper's maze experiment.
    ReproduceMaze { first_seed: u64, seeds: u64 },
    /// The paper's experiment on a game of Procgen, its budgets multiplied by `scale`; with
    /// `cloning` also behaviour cloning in the place of phase II (Table 3).
    ReproduceProcgen { first_seed: u64, seeds: u64, scale: f64, cloning: bool },
    /// The paper's experiment on PushChair, its budgets multiplied by `scale`.
    ReproducePushChair { first_seed: u64, seeds: u64, scale: f64 },
    /// A figure of the paper's ablations.
    Ablation(Ablation),
}

/// The content of `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the gslab that began the run.
    pub gslab: String,
    pub task: Task,
}

/// A directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error(
        "{path} exists already: choose another --out, or go on with `gslab resume {path}`",
        path = .0.display()
    )]
    RunExists(PathBuf),
    #[error("{path} exists already: choose another --out", path = .0.display())]
    Exists(PathBuf),
    #[error("{path} is in use by process {pid}: wait for it, or stop it", path = .path.display())]
    Locked { path: PathBuf, pid: String },
    #[error("{path} is not the directory of a run: it has no {file}", path = .path.display())]
    NotARun { path: PathBuf, file: &'static str },
    #[error(
        "{path} was begun by gslab {found}, this is {ours}: resume it with that version",
        path = .path.display()
    )]
    OtherVersion { path: PathBuf, found: String, ours: &'static str },
    #[error("{path}: {message}", path = .path.display())]
    Manifest { path: PathBuf, message: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// A run's directory, locked for as long as this value lives.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

const CONFIG: &str = "config.toml";
const MANIFEST: &str = "run.toml";
const LOCK: &str = "lock";

impl RunDirectory {
    /// Makes a new directory with the settings of a run. Nothing that exists is touched.
    pub fn create(path: &Path, task: &Task, config: &Config) -> Result<Self, DirectoryError> {
        if path.join(MANIFEST).exists() {
            // A directory that someone works in right now is the more useful thing to say.
            try_lock(path)?;
            return Err(DirectoryError::RunExists(path.into()));
        }
        // A broken link is in the way as well.
        if path.symlink_metadata().is_ok() {
            return Err(DirectoryError::Exists(path.into()));
        }
        fs::create_dir_all(path).map_err(FileError::io("create", path))?;
        let this = Self { path: path.into(), _lock: lock(path)? };
        let manifest = Manifest { gslab: env!("CARGO_PKG_VERSION").into(), task: task.clone() };
        let manifest = toml::to_string(&manifest).expect("a manifest always serialises");
        write_atomic(&this.join(CONFIG), config.to_toml().as_bytes())?;
        // Last: a directory with a manifest has everything that resuming needs.
        write_atomic(&this.join(MANIFEST), manifest.as_bytes())?;
        Ok(this)
    }

    /// Opens the directory of a run to go on with it.
    pub fn open(path: &Path) -> Result<(Self, Task, Config), DirectoryError> {
        let (manifest, config) = read(path)?;
        if manifest.gslab != env!("CARGO_PKG_VERSION") {
            return Err(DirectoryError::OtherVersion {
                path: path.into(),
                found: manifest.gslab,
                ours: env!("CARGO_PKG_VERSION"),
            });
        }
        Ok((Self { path: path.into(), _lock: lock(path)? }, manifest.task, config))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// What a run is and how it was set, without locking it.
pub fn read(path: &Path) -> Result<(Manifest, Config), DirectoryError> {
    let text = |file: &'static str| {
        let full = path.join(file);
        if !full.exists() {
            return Err(DirectoryError::NotARun { path: path.into(), file });
        }
        Ok(fs::read_to_string(&full).map_err(FileError::io("read", &full))?)
    };
    let manifest = toml::from_str(&text(MANIFEST)?).map_err(|e| DirectoryError::Manifest {
        path: path.join(MANIFEST),
        message: e.message().into(),
    })?;
    let config = Config::parse(&text(CONFIG)?, &path.join(CONFIG).display().to_string(), &[])?;
    Ok((manifest, config))
}

/// Locks a directory and writes into the lock which process has it.
fn lock(path: &Path) -> Result<File, DirectoryError> {
    let mut file = try_lock(path)?;
    let mut write = || {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        writeln!(file, "{}", std::process::id())
    };
    write().map_err(FileError::io("write", &path.join(LOCK)))?;
    Ok(file)
}

/// The lock is the operating system's, so it ends with the process however that ends.
fn try_lock(path: &Path) -> Result<File, DirectoryError> {
    let file_path = path.join(LOCK);
    let io = |action| FileError::io(action, &file_path);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file_path)
        .map_err(io("open"))?;
    if !FileExt::try_lock_exclusive(&file).map_err(io("lock"))? {
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        return Err(DirectoryError::Locked { path: path.into(), pid: pid.trim().into() });
    }
    Ok(file)
}
