//! An environment with its options and pictures.

#[cfg(feature = "gpu")]
use crate::render::stage::StageCamera;
use crate::{
    device::{Device, DeviceError},
    pool::Pool,
    render::{
        frame::Painter,
        pictures::{PictureError, Pictures},
    },
    run::config::{Config, ConfigError},
};
use gslab_envs::{
    levels::{LevelSet, Order},
    procgen::camera::VIEW,
};
use std::{cell::OnceCell, path::Path, sync::Arc};

/// Variations beyond are not shown: a set of levels is held in memory.
const MOST_VARIATIONS: u32 = 1 << 20;

/// An environment to be looked at.
pub struct Scene {
    config: Config,
    originals: Option<Arc<Pictures>>,
    /// Our own pictures for frames of the agent's size, and for larger ones.
    own: [OnceCell<Arc<Pictures>>; 2],
    #[cfg(feature = "gpu")]
    camera: Option<Arc<StageCamera>>,
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Pictures(#[from] PictureError),
    #[error("--level {level}: {environment} has the levels 0 to {last}")]
    Level { level: u32, environment: String, last: u32 },
}

impl Scene {
    /// The environment of `config` with our own pictures, or with the original's out of a folder
    /// as [`Pictures::original`] wants it.
    pub fn new(config: Config, originals: Option<&Path>) -> Result<Self, PictureError> {
        let originals = originals
            .map(|folder| Pictures::original(&config.environment, folder).map(Arc::new))
            .transpose()?;
        Ok(Self {
            config,
            originals,
            own: Default::default(),
            #[cfg(feature = "gpu")]
            camera: None,
        })
    }

    /// Has `device` take the pictures of stages; frames that a list draws are drawn on the CPU. On a
    /// GPU drawing is [work](Device::work) on it.
    ///
    /// # Errors
    /// It cannot.
    #[cfg_attr(not(feature = "gpu"), expect(unused_mut))]
    pub fn on(mut self, device: &Device) -> Result<Self, DeviceError> {
        match device {
            Device::Cpu => {}
            #[cfg(feature = "gpu")]
            Device::Gpu { device, adapter } => {
                let camera = StageCamera::new(device).map_err(|unfit| DeviceError::Unfit {
                    adapter: adapter.to_string(),
                    reason: unfit.to_string(),
                })?;
                self.camera = Some(Arc::new(camera));
            }
        }
        Ok(self)
    }

    /// Name of the environment.
    pub fn environment(&self) -> &str {
        &self.config.environment
    }

    /// Who paints frames of `size * size` pixels.
    pub fn painter(&self, size: u32) -> Painter {
        let own = &self.own[usize::from(size > VIEW)];
        let built_in = || Arc::new(Pictures::built_in(&self.config.environment, size));
        let pictures = self.originals.as_ref().unwrap_or_else(|| own.get_or_init(built_in));
        let painter = Painter::new(pictures.clone(), size);
        #[cfg(feature = "gpu")]
        if let Some(camera) = &self.camera {
            return painter.with_camera(camera.clone());
        }
        painter
    }

    /// The level with which to begin if none is asked for: of Procgen, the option `start_level`.
    pub fn first_level(&self) -> u32 {
        let start = self.config.env.get("start_level").and_then(toml::Value::as_integer);
        start.and_then(|level| level.try_into().ok()).filter(|_| self.has_seeds()).unwrap_or(0)
    }

    /// Number of levels that [`Scene::worlds`] can be asked for. A level of Procgen is its seed,
    /// whatever range of seeds the options name; of another environment, the variation.
    pub fn levels(&self) -> Result<u32, ConfigError> {
        if self.has_seeds() {
            return Ok(i32::MAX as u32);
        }
        Ok(self.config.family()?.spec().variations)
    }

    /// Refuses a level that there is not.
    pub fn check_level(&self, level: u32) -> Result<(), SceneError> {
        let levels = self.levels()?;
        if level < levels {
            return Ok(());
        }
        let environment = self.environment().into();
        Err(SceneError::Level { level, environment, last: levels - 1 })
    }

    /// Whether levels are seeds: in Procgen, but for its mode of one fixed level.
    fn has_seeds(&self) -> bool {
        let mode = self.config.env.get("mode").and_then(toml::Value::as_str);
        self.environment().starts_with("procgen:") && mode != Some("exploration")
    }

    /// `worlds` worlds, at least one, of one level, or of all variations in turn. The seed decides
    /// whatever else is random in them.
    pub fn worlds(&self, level: Option<u32>, worlds: u32, seed: u64) -> Result<Pool, SceneError> {
        let mut config = self.config.clone();
        if let Some(level) = level {
            self.check_level(level)?;
            if self.has_seeds() {
                config.env.insert("levels".into(), "range".into());
                config.env.insert("start_level".into(), i64::from(level).into());
                config.env.insert("num_levels".into(), 1.into());
            }
        }
        let family = config.family()?;
        let variations = match level {
            Some(level) if !self.has_seeds() => vec![level],
            _ => (0..family.spec().variations.min(MOST_VARIATIONS)).collect(),
        };
        let levels = LevelSet::new(variations, Order::Cycle, seed)
            .expect("every environment has at least one variation");
        Ok(Pool::new(&*family, &levels, worlds as usize))
    }
}
