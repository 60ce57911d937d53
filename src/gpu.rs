//! The memory of a GPU that Burn drives, and kernels of our own on it: every call that goes below
//! Burn's tensors.
//!
//! Kernels are launched through CubeCL, on which Burn runs, so they take their turn among Burn's
//! own: whatever is done with a tensor comes after the kernel that wrote it, and nothing needs to
//! be flushed.

use crate::{
    device::in_a_line,
    trace::{self, Stage, span},
};
use burn::{
    backend::{
        Wgpu,
        wgpu::{CubeTensor, KernelSource, SourceKernel, SourceTemplate},
    },
    cubecl::{
        CubeCount, CubeDim, MemoryScope,
        client::{Client, ProfileWindow},
        future,
        prelude::KernelId,
        profile::{ProfileDuration, TimingMethod},
        server::{Handle, KernelArguments, ServerError},
    },
    tensor::{DType, Device, Int, Shape, Tensor},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Bytes in the memory of a GPU. Clones name the same bytes.
pub type Buffer = Handle;

/// Why a GPU cannot do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    #[error("{device} is no GPU that Burn drives through wgpu: use the CPU instead")]
    Device { device: String },
    #[error("{what} needs {needed}, but the limit {limit} of the GPU is {available}: {remedy}")]
    Limit { limit: &'static str, available: u64, needed: u64, what: String, remedy: &'static str },
    #[error(
        "the GPU was lost ({reason}): its driver was reset or it was taken away; start again, \
         a run with `gslab resume`"
    )]
    Lost { reason: String },
    #[error("the GPU did not work ({reason}); update its driver, or use --device cpu")]
    Failed { reason: String },
}

impl From<ServerError> for GpuError {
    fn from(error: ServerError) -> Self {
        let reason = in_a_line(&error.to_string());
        if error.is_device_poisoned() { Self::Lost { reason } } else { Self::Failed { reason } }
    }
}

/// A kernel in WGSL. Its entry point is `main`; it takes nothing but storage buffers of group 0,
/// bound in order, all `read_write`: Burn may place several of them in one buffer, which a dispatch
/// can bind in one way only.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// Tells shaders apart.
    pub name: &'static str,
    pub source: &'static str,
    /// Invocations of a workgroup in x and y, as the source has them.
    pub workgroup: (u32, u32),
}

impl KernelSource for Shader {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.source)
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(self.name)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// What a GPU can do at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a buffer that a kernel binds.
    pub binding: u64,
    /// Buffers that a kernel binds.
    pub bindings: u32,
    /// Invocations of a workgroup.
    pub invocations: u32,
    /// Workgroups in z.
    pub groups: u32,
}

/// A GPU, and a count of what crosses to it and back. Clones share both.
#[derive(Clone)]
pub struct Gpu {
    device: Device,
    /// A tensor of which others take where they lie.
    example: CubeTensor,
    client: Client,
    traffic: Arc<Traffic>,
}

/// Some time of a GPU, on one thread's behalf.
#[derive(Debug)]
pub struct Window(ProfileWindow);

/// What a GPU notes of a window.
pub struct Noted(ProfileDuration);

impl Noted {
    /// Waits for the GPU to have noted it: when the work began, on a clock that is its own for each
    /// thread and runs later than `epoch`, and how long it took. None if it noted nothing sensible.
    pub fn wait(self, epoch: Instant) -> Option<(Duration, Duration)> {
        let ticks = future::block_on(self.0.resolve())?;
        Some((ticks.start_duration_since(epoch), ticks.duration()))
    }
}

#[derive(Default)]
struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Gpu {
    /// With counts of its own, both 0.
    ///
    /// # Errors
    /// `device` is not driven through wgpu.
    pub fn new(device: &Device) -> Result<Self, GpuError> {
        let device = device.clone().without_autodiff();
        let example: Tensor<1, Int> = Tensor::empty([1], (&device, DType::U32));
        let example = cube(example)?;
        let client = example.client.clone();
        Ok(Self { device, example, client, traffic: Arc::default() })
    }

    /// Where its tensors lie; without autodiff.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What every kernel has to keep to.
    pub fn limits(&self) -> Limits {
        let properties = self.client.properties();
        let (hardware, memory) = (&properties.hardware, &properties.memory);
        Limits {
            binding: memory.max_page_size,
            bindings: hardware.max_bindings,
            invocations: hardware.max_units_per_cube,
            groups: hardware.max_cube_count.2,
        }
    }

    /// A buffer of so many bytes, of any content.
    pub fn empty(&self, bytes: usize) -> Buffer {
        self.client.empty(bytes)
    }

    /// A buffer of these bytes, at least one.
    pub fn send(&self, bytes: &[u8]) -> Buffer {
        let _upload = span(Stage::Upload);
        trace::crossed(bytes.len());
        self.traffic.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.client.create_from_slice(bytes)
    }

    /// Brings a buffer to the CPU, after all work on it.
    ///
    /// # Errors
    /// The GPU was lost, or some of that work failed.
    pub fn read(&self, buffer: Buffer) -> Result<Vec<u8>, GpuError> {
        let bytes = self.client.read_one(buffer)?.to_vec();
        trace::crossed(bytes.len());
        self.traffic.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// Starts a kernel on so many workgroups.
    pub fn launch(&self, shader: &Shader, groups: (u32, u32, u32), buffers: &[&Buffer]) {
        let dimensions = CubeDim::new_2d(shader.workgroup.0, shader.workgroup.1);
        let bindings = buffers.iter().map(|&buffer| buffer.clone().binding()).collect();
        self.client.launch(
            Box::new(SourceKernel::new(*shader, dimensions)),
            CubeCount::Static(groups.0, groups.1, groups.2),
            KernelArguments::new().with_buffers(bindings),
        );
    }

    /// Whether what was started on a buffer could be. Does not wait for it.
    ///
    /// # Errors
    /// It could not.
    pub fn check(&self, buffer: &Buffer) -> Result<(), GpuError> {
        Ok(self.client.check([buffer])?)
    }

    /// Waits until all that was started on this thread is done.
    ///
    /// # Errors
    /// The GPU was lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        Ok(future::block_on(self.client.sync())?)
    }

    /// A buffer of f32 as a tensor.
    pub fn floats<const D: usize>(&self, buffer: Buffer, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_primitive::<Wgpu>(self.cube(buffer, shape.into(), DType::F32))
    }

    /// A buffer of words as a tensor of whole numbers, [`DType::U32`] or [`DType::I32`].
    pub fn words<const D: usize>(
        &self,
        buffer: Buffer,
        shape: [usize; D],
        dtype: DType,
    ) -> Tensor<D, Int> {
        Tensor::from_primitive::<Wgpu>(self.cube(buffer, shape.into(), dtype))
    }

    fn cube(&self, buffer: Buffer, shape: Shape, dtype: DType) -> CubeTensor {
        let device = self.example.device.clone();
        CubeTensor::new_contiguous(self.client.clone(), device, shape, buffer, dtype)
    }

    /// Bytes that buffers and tensors take on the GPU now, and bytes that it has set aside for them.
    pub fn memory(&self) -> (u64, u64) {
        let usage = self.client.memory_report(MemoryScope::Device).usage();
        (usage.bytes_in_use, usage.bytes_reserved)
    }

    /// Whether it can note when a kernel began and ended.
    pub fn has_timestamps(&self) -> bool {
        self.client.properties().timing_method == TimingMethod::Device
    }

    /// Has it note when the first kernel begins, and when the last one ends, of those that this
    /// thread starts from now on until the window is closed. None where it cannot.
    pub fn open_window(&self) -> Option<Window> {
        self.client.profile_start().ok().map(Window)
    }

    /// What it notes of a window; none if nothing was started within.
    pub fn close_window(&self, Window(window): Window) -> Option<Noted> {
        self.client.profile_end(window).ok().map(Noted)
    }

    /// Starts a kernel that does next to nothing.
    pub fn touch(&self) {
        let _ = Tensor::<1>::zeros([1], &self.device) + 1.0;
    }

    /// Bytes that crossed to the GPU through [`Self::send`] so far.
    pub fn sent(&self) -> u64 {
        self.traffic.sent.load(Ordering::Relaxed)
    }

    /// Bytes that came back through [`Self::read`] so far.
    pub fn received(&self) -> u64 {
        self.traffic.received.load(Ordering::Relaxed)
    }
}

/// The buffer of a tensor of f32, row by row.
///
/// # Errors
/// The tensor is not on a GPU.
pub fn buffer_of_floats<const D: usize>(tensor: Tensor<D>) -> Result<Buffer, GpuError> {
    let device = tensor.device();
    let cube = tensor.try_into_primitive::<Wgpu>().map_err(|_| elsewhere(&device))?;
    assert!(cube.is_contiguous(), "a kernel reads what lies row by row");
    Ok(cube.handle)
}

/// The buffer of a tensor of whole numbers, row by row.
///
/// # Errors
/// The tensor is not on a GPU.
pub fn buffer_of_words<const D: usize>(tensor: Tensor<D, Int>) -> Result<Buffer, GpuError> {
    let cube = cube(tensor)?;
    assert!(cube.is_contiguous(), "a kernel reads what lies row by row");
    Ok(cube.handle)
}

fn cube<const D: usize>(tensor: Tensor<D, Int>) -> Result<CubeTensor, GpuError> {
    let device = tensor.device();
    tensor.try_into_primitive::<Wgpu>().map_err(|_| elsewhere(&device))
}

fn elsewhere(device: &Device) -> GpuError {
    GpuError::Device { device: format!("{device:?}") }
}

/// Compares what is needed with a limit.
///
/// # Errors
/// It is more.
pub fn check_limit(
    (limit, available): (&'static str, u64),
    needed: u64,
    what: impl FnOnce() -> String,
    remedy: &'static str,
) -> Result<(), GpuError> {
    if needed <= available {
        return Ok(());
    }
    Err(GpuError::Limit { limit, available, needed, what: what(), remedy })
}
