//! Where networks are trained, chosen when the program runs: on the CPU by hand-written
//! gradients, or on a GPU by Burn through wgpu.

use crate::learn::{
    actor_critic::{ActorCritic, Weights},
    cpu::CpuActorCritic,
};
#[cfg(feature = "gpu")]
use crate::{
    learn::burn::{BurnActorCritic, Unreadable, answers},
    trace,
};
use serde::{Deserialize, Serialize};
use std::fmt;
#[cfg(feature = "gpu")]
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// What to train on; the option `--device`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// A GPU if there is one that works, otherwise the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU; an error if there is none.
    Gpu,
}

/// Set to 1, this environment variable lets a software renderer pass for a GPU.
pub const SOFTWARE_GPU: &str = "GSLAB_SOFTWARE_GPU";

/// Whether a renderer that runs on the CPU (llvmpipe, WARP) passes for a GPU. It computes the
/// same as one, far slower than the CPU's own executor: good for tests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftwareAdapter {
    Refuse,
    Accept,
}

/// Why there is no device.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeviceError {
    #[error(
        "this gslab was built without support for GPUs: build it with the Cargo feature `gpu` \
         (on by default), or use --device cpu"
    )]
    NotBuilt,
    #[error(
        "no GPU found: looked for an adapter with a Vulkan, Metal, DirectX 12 or OpenGL driver \
         ({reason}); install the Vulkan driver of the GPU, or use --device cpu"
    )]
    NoAdapter { reason: String },
    #[error("the GPU could not be opened ({reason}); update its driver, or use --device cpu")]
    Unusable { reason: String },
    #[error(
        "no GPU found, only {adapter}, which runs on the CPU: install the Vulkan driver of the \
         GPU, or use --device cpu, which is faster ({SOFTWARE_GPU}=1 takes it all the same)"
    )]
    Software { adapter: Adapter },
    #[error("{adapter}: {reason}")]
    Unfit { adapter: String, reason: String },
    #[error(
        "{adapter} was lost ({reason}): its driver was reset, it was taken away, or it ran out of \
         memory"
    )]
    Lost { adapter: String, reason: String },
}

/// A device to train on.
#[derive(Clone, Debug)]
pub enum Device {
    Cpu,
    #[cfg(feature = "gpu")]
    Gpu {
        device: burn::tensor::Device,
        adapter: Adapter,
    },
}

/// What a device is, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Of the processor or graphics card, as its driver calls it.
    pub name: String,
    /// What drives it: a graphics API, or gslab itself.
    pub backend: String,
    /// Driver and version; for the CPU the widest vector instructions in use.
    pub driver: String,
    /// A renderer that claims to be a GPU but runs on the CPU.
    pub software: bool,
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.backend, self.driver)
    }
}

/// Opens what `choice` asks for. A GPU is opened once in a process and shared after that.
pub fn open(choice: DeviceChoice) -> Result<Device, DeviceError> {
    let accept = std::env::var_os(SOFTWARE_GPU).is_some_and(|value| value == "1");
    open_with(choice, if accept { SoftwareAdapter::Accept } else { SoftwareAdapter::Refuse })
}

/// [`open`] without a look at the environment.
pub fn open_with(choice: DeviceChoice, software: SoftwareAdapter) -> Result<Device, DeviceError> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Gpu => gpu(software),
        DeviceChoice::Auto => Ok(gpu(software).unwrap_or(Device::Cpu)),
    }
}

impl Device {
    /// Whether it is driven by Burn.
    pub fn is_gpu(&self) -> bool {
        !matches!(self, Self::Cpu)
    }

    /// Bytes that are in use on a GPU by what is on it; 0 on the CPU.
    pub fn memory(&self) -> u64 {
        match self {
            Self::Cpu => 0,
            #[cfg(feature = "gpu")]
            Self::Gpu { device, .. } => {
                crate::gpu::Gpu::new(device).map_or(0, |gpu| gpu.memory().0)
            }
        }
    }

    /// Where networks lie that have no hand-written gradients: on the CPU Burn's own executor works
    /// them out.
    #[cfg(feature = "gpu")]
    pub fn burn(&self) -> burn::tensor::Device {
        match self {
            Self::Cpu => burn::tensor::Device::flex(),
            Self::Gpu { device, .. } => device.clone(),
        }
    }

    /// Networks on this device that go on from `weights`.
    pub fn actor_critic(&self, weights: Weights) -> Box<dyn ActorCritic> {
        match self {
            Self::Cpu => Box::new(CpuActorCritic::new(weights)),
            #[cfg(feature = "gpu")]
            Self::Gpu { device, .. } => Box::new(BurnActorCritic::new(weights, device)),
        }
    }

    /// Does work that has networks on this device.
    ///
    /// A GPU that is lost ends the work by unwinding, since most of Burn's operations cannot return
    /// an error. All that the work had in memory goes with it; what it wrote to files stays.
    ///
    /// # Errors
    /// The GPU was lost, or cannot hold what is asked of it. Panics that have another reason go on.
    pub fn work<T>(&self, work: impl FnOnce() -> T) -> Result<T, DeviceError> {
        match self {
            Self::Cpu => Ok(work()),
            #[cfg(feature = "gpu")]
            Self::Gpu { device, adapter } => {
                let worked = catch_unwind(AssertUnwindSafe(work));
                worked.map_err(|panic| why(panic, device, adapter))
            }
        }
    }

    /// Name, backend and driver.
    pub fn describe(&self) -> Adapter {
        match self {
            Self::Cpu => Adapter {
                name: "CPU".into(),
                backend: format!("gslab, {} threads", rayon::current_num_threads()),
                driver: vector_instructions().into(),
                software: false,
            },
            #[cfg(feature = "gpu")]
            Self::Gpu { adapter, .. } => adapter.clone(),
        }
    }
}

/// Why work on a GPU unwound. Panics that have nothing to do with it go on.
#[cfg(feature = "gpu")]
fn why(
    panic: Box<dyn Any + Send>,
    device: &burn::tensor::Device,
    adapter: &Adapter,
) -> DeviceError {
    let adapter = adapter.to_string();
    let panic = match panic.downcast::<crate::gpu::GpuError>() {
        Ok(unfit) => return DeviceError::Unfit { adapter, reason: unfit.to_string() },
        Err(panic) => panic,
    };
    let reason = match panic.downcast::<Unreadable>() {
        Ok(unreadable) => unreadable.0,
        // What is not read may have panicked inside of Burn: the GPU is asked whether it still
        // answers, which may panic as well.
        Err(panic) => match catch_unwind(AssertUnwindSafe(|| answers(device))) {
            Ok(true) => resume_unwind(panic),
            _ => "it does not answer".into(),
        },
    };
    DeviceError::Lost { adapter, reason: in_a_line(&reason) }
}

/// An error of Burn's without its backtrace.
#[cfg(feature = "gpu")]
pub(crate) fn in_a_line(error: &str) -> String {
    let lines = error.lines().map(str::trim).take_while(|line| !line.starts_with("Backtrace"));
    let lines: Vec<_> = lines.filter(|line| !["", "Caused by:"].contains(line)).collect();
    lines.join(": ").trim_end_matches([':', ' ']).to_owned()
}

fn vector_instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return "AVX2";
        }
    }
    if cfg!(target_arch = "aarch64") { "NEON" } else { "baseline vectors" }
}

#[cfg(not(feature = "gpu"))]
fn gpu(_software: SoftwareAdapter) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt)
}

#[cfg(feature = "gpu")]
fn gpu(software: SoftwareAdapter) -> Result<Device, DeviceError> {
    use std::sync::OnceLock;
    // Burn opens a GPU once in a process and refuses the second time.
    static OPENED: OnceLock<Result<(burn::tensor::Device, Adapter), DeviceError>> = OnceLock::new();
    let (device, adapter) = OPENED.get_or_init(open_gpu).clone()?;
    if adapter.software && software == SoftwareAdapter::Refuse {
        return Err(DeviceError::Software { adapter });
    }
    Ok(Device::Gpu { device, adapter })
}

/// The adapter that wgpu ranks first: real GPUs come before software renderers.
#[cfg(feature = "gpu")]
fn open_gpu() -> Result<(burn::tensor::Device, Adapter), DeviceError> {
    use burn::tensor::wgpu::WgpuInitError;
    let opened = burn::tensor::Device::wgpu_options().init_with_setup();
    let (device, setup) = opened.map_err(|error| match error {
        WgpuInitError::AdapterUnavailable { message, .. } => {
            DeviceError::NoAdapter { reason: message }
        }
        other => DeviceError::Unusable { reason: other.to_string() },
    })?;
    let info = setup.adapter.get_info();
    let adapter = Adapter {
        name: info.name,
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        software: info.device_type == wgpu::DeviceType::Cpu,
    };
    trace::device::opened(&device);
    Ok((device, adapter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(matches!(open(DeviceChoice::Cpu), Ok(Device::Cpu)));
        assert!(!Device::Cpu.describe().software);
    }

    #[test]
    fn auto_is_never_an_error_and_never_a_software_renderer() {
        let device = open_with(DeviceChoice::Auto, SoftwareAdapter::Refuse).unwrap();
        assert!(!device.describe().software);
    }

    #[test]
    fn an_error_says_how_to_mend_it() {
        if let Err(error) = open_with(DeviceChoice::Gpu, SoftwareAdapter::Refuse) {
            assert!(error.to_string().contains("--device cpu"), "{error}");
        }
    }
}
