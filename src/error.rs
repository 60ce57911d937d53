//! Everything that can end a command early, and the exit code that says so.

#[cfg(feature = "gpu")]
use crate::gpu::GpuError;
use crate::{
    bench::results::Unusable,
    device::DeviceError,
    learn::{dapg::categorical::TooMany, pixels::memory::Needs, replay::memory::TooLarge},
    play::{
        actor::OtherPolicy, media::MediaError, scene::SceneError, session::SessionError,
        terminal::TerminalError,
    },
    render::pictures::PictureError,
    run::{config::ConfigError, directory::DirectoryError, file::FileError, metrics},
};
use gslab_envs::batch::SnapshotError;
use std::path::PathBuf;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Metrics(#[from] metrics::Error),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Memory(#[from] TooLarge),
    #[error(transparent)]
    Demonstrations(#[from] TooMany),
    #[error(transparent)]
    Pictures(#[from] PictureError),
    #[cfg(feature = "gpu")]
    #[error("{adapter}: {error}")]
    Render { adapter: String, error: Box<GpuError> },
    #[error(transparent)]
    Benchmark(#[from] Unusable),
    #[error(transparent)]
    Scene(#[from] SceneError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    #[cfg(feature = "window")]
    #[error(transparent)]
    Window(#[from] crate::play::window::WindowError),
    #[error("{run}: {error}", run = .run.display())]
    OtherPolicy { run: PathBuf, error: OtherPolicy },
    #[error("{0}")]
    Usage(String),
    #[error(
        "{path} was made for {found}, the settings ask for {expected}: \
         resume with the settings it was made with",
        path = .path.display()
    )]
    OtherNetwork { path: PathBuf, found: String, expected: String },
    #[error(
        "{path} does not fit the settings ({error}): resume with the settings it was made with",
        path = .path.display()
    )]
    OtherEnvironments { path: PathBuf, error: SnapshotError },
    #[error(
        "{phase}, iteration {iteration}: {what} is not a finite number, so training stopped. \
         The last good checkpoint is {checkpoint}",
        checkpoint = .checkpoint.display()
    )]
    NotFinite { phase: String, iteration: u64, what: &'static str, checkpoint: PathBuf },
    #[error(
        "no episode that was to demonstrate had a return above {threshold} in {tried} samples: \
         lower gsl.demonstration_threshold, or train specialists longer"
    )]
    NoDemonstrations { threshold: f64, tried: u64 },
    #[error("{run}: no specialist could be trained: lower the learning rate", run = .run.display())]
    NoSpecialist { run: PathBuf },
    #[error(
        "{error}. {needs}What {run} had at its last checkpoint is kept: go on with \
         `gslab resume {run}`",
        needs = .needs.as_ref().map(|needs| format!("{needs}. ")).unwrap_or_default(),
        run = .run.display()
    )]
    LostDevice { run: PathBuf, error: DeviceError, needs: Option<Box<Needs>> },
    #[error("figure: {0}")]
    Figure(String),
    #[error("stopped as asked; go on with `gslab resume {}`", .0.display())]
    Interrupted(PathBuf),
}

impl Error {
    /// 2 for what the user can mend, 130 after Ctrl-C or SIGTERM, 1 for a fault while training.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted(_) => 130,
            Self::NotFinite { .. }
            | Self::NoDemonstrations { .. }
            | Self::NoSpecialist { .. }
            | Self::Figure(_)
            | Self::Media(_) => 1,
            _ => 2,
        }
    }
}
