//! The generalist as it was, for going back to the plateau.

use crate::{
    error::Result,
    learn::reward_scale::RewardScale,
    run::file::{FileError, load, store},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fs, path::PathBuf};

/// What the generalist goes on from.
#[derive(Clone, Serialize, Deserialize)]
pub struct Start<W> {
    pub weights: W,
    pub reward_scale: Option<RewardScale>,
}

/// The generalist of every iteration that H may still choose.
pub struct Snapshots {
    pub dir: PathBuf,
}

impl Snapshots {
    pub fn create(&self) -> Result<()> {
        Ok(fs::create_dir_all(&self.dir).map_err(FileError::io("create", &self.dir))?)
    }

    fn path(&self, iteration: usize) -> PathBuf {
        self.dir.join(format!("{iteration:06}.bin"))
    }

    /// A snapshot that is there already holds the same bytes: the run was resumed.
    pub fn keep<T: Serialize>(&self, iteration: usize, snapshot: impl FnOnce() -> T) -> Result<()> {
        let path = self.path(iteration);
        if !path.exists() {
            store(&path, &snapshot())?;
        }
        Ok(())
    }

    pub fn get<T: DeserializeOwned>(&self, iteration: usize) -> Result<T> {
        Ok(load(&self.path(iteration))?)
    }

    pub fn forget_before(&self, iteration: usize) -> Result<()> {
        for i in (0..iteration).rev() {
            let path = self.path(i);
            if !path.exists() {
                break;
            }
            fs::remove_file(&path).map_err(FileError::io("remove", &path))?;
        }
        Ok(())
    }

    pub fn remove(&self) -> Result<()> {
        if !self.dir.exists() {
            return Ok(());
        }
        Ok(fs::remove_dir_all(&self.dir).map_err(FileError::io("remove", &self.dir))?)
    }
}
