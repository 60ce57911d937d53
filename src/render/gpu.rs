//! Items to pixels on a GPU: the frames of a whole batch in one dispatch of `sprites.wgsl`, into
//! memory that Burn owns.
//!
//! A frame crosses to the GPU as its draw list. The shader is launched through CubeCL, on which
//! Burn runs, so it takes its turn among Burn's own kernels: whatever is done with the tensor
//! comes after it, and nothing needs to be flushed.

use super::{
    item::{Builder, Item},
    pictures::Pictures,
};
use crate::device::in_a_line;
use burn::{
    backend::{
        Wgpu,
        wgpu::{CubeTensor, KernelSource, SourceKernel, SourceTemplate},
    },
    cubecl::{
        CubeCount, CubeDim,
        client::Client,
        future,
        prelude::KernelId,
        server::{Handle, KernelArguments, ServerError},
    },
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use gslab_envs::draw::DrawList;

/// Width and height of a frame, in pixels; the shader has it too.
pub const SIDE: u32 = 64;
/// Words of a frame: bytes R, G, B, four in a word, the first in the lowest bits.
pub const WORDS: usize = (SIDE * SIDE * 3 / 4) as usize;

/// The shader's: two of texels, items, ends and frames.
const BINDINGS: u32 = 5;
/// Texels in the first of the two buffers of them; the shader has it too. Some games take more than
/// the 128 MiB that every GPU binds.
const FIRST_TEXELS: usize = 1 << 25;
/// Invocations of a workgroup in x and y. Each draws four neighbouring pixels, so a workgroup is
/// a square of 16 by 16, in which few items show.
const WORKGROUP: (u32, u32) = (4, 16);

/// Why frames cannot be drawn on a GPU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("{device} is no GPU that Burn drives through wgpu: draw on the CPU instead")]
    Device { device: String },
    #[error("{what} needs {needed}, but the limit {limit} of the GPU is {available}: {remedy}")]
    Limit { limit: &'static str, available: u64, needed: u64, what: String, remedy: &'static str },
    #[error(
        "the GPU was lost ({reason}): its driver was reset or it was taken away; start again, \
         a run with `gslab resume`"
    )]
    Lost { reason: String },
    #[error("the GPU did not draw ({reason}); update its driver, or use --device cpu")]
    Failed { reason: String },
}

impl From<ServerError> for RenderError {
    fn from(error: ServerError) -> Self {
        let reason = in_a_line(&error.to_string());
        if error.is_device_poisoned() { Self::Lost { reason } } else { Self::Failed { reason } }
    }
}

/// The frames of a batch as lists of items, in the layout in which they cross to the GPU.
#[derive(Clone, Debug)]
pub struct DrawLists {
    builder: Builder,
    /// Of all frames, one after another.
    items: Vec<Item>,
    /// Where the items of each frame end.
    ends: Vec<u32>,
}

impl Default for DrawLists {
    fn default() -> Self {
        Self { builder: Builder::new(SIDE), items: Vec::new(), ends: Vec::new() }
    }
}

impl DrawLists {
    /// Drops all frames.
    pub fn clear(&mut self) {
        self.items.clear();
        self.ends.clear();
    }

    /// Appends a frame of [`SIDE`] by [`SIDE`] pixels that shows a list on black.
    pub fn push(&mut self, list: &DrawList, pictures: &Pictures) {
        self.builder.build(list, 0..list.calls.len(), pictures, &mut self.items);
        self.ends.push(self.items.len() as u32);
    }

    /// Appends a frame that shows `items`, first to last, on black. They must be built for
    /// frames of [`SIDE`] by [`SIDE`] pixels.
    pub fn push_items(&mut self, items: &[Item]) {
        self.items.extend_from_slice(items);
        self.ends.push(self.items.len() as u32);
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What crosses to the GPU: 64 bytes an item, and 4 a frame.
    pub fn bytes(&self) -> u64 {
        (size_of_val(&self.items[..]) + size_of_val(&self.ends[..])) as u64
    }
}

/// Draw lists in the memory of the GPU.
#[derive(Clone, Debug)]
pub struct Resident {
    items: Handle,
    ends: Handle,
    frames: usize,
}

/// Draws the frames of one environment family on a GPU, where its pictures stay.
pub struct Renderer {
    device: Device,
    client: Client,
    /// Of the first buffer and of the second.
    texels: [Handle; 2],
    bytes_sent: u64,
}

impl Renderer {
    /// Sends the pictures to `device`, once.
    ///
    /// # Errors
    /// `device` is not driven through wgpu, or has a limit that is too low, above all for
    /// pictures of hundreds of megabytes.
    pub fn new(device: &Device, pictures: &Pictures) -> Result<Self, RenderError> {
        let device = device.clone().without_autodiff();
        let probe: Tensor<1, Int> = Tensor::empty([1], (&device, DType::U32));
        let probe = cube(probe)?;
        let properties = probe.client.properties();
        let (hardware, memory) = (&properties.hardware, &properties.memory);
        let fixed = [
            ("max_storage_buffers_per_shader_stage", hardware.max_bindings, BINDINGS),
            (
                "max_compute_invocations_per_workgroup",
                hardware.max_units_per_cube,
                WORKGROUP.0 * WORKGROUP.1,
            ),
        ];
        for (limit, available, needed) in fixed {
            let what = || "drawing sprites".into();
            let remedy = "use another GPU, or --device cpu";
            check(limit, available.into(), needed.into(), what, remedy)?;
        }
        let texels = pictures.texels();
        let (first, more) = texels.split_at(texels.len().min(FIRST_TEXELS));
        check(
            "max_storage_buffer_binding_size",
            memory.max_page_size,
            size_of_val(first).max(size_of_val(more)) as u64,
            || "a buffer of the environment's pictures, in bytes,".into(),
            "use gslab's own art, which is smaller, another GPU, or --device cpu",
        )?;
        let send = |texels: &[u32]| {
            // A buffer cannot be empty, though an environment may have few pictures or none.
            let texels = if texels.is_empty() { &[0] } else { texels };
            let data = TensorData::new(texels.to_vec(), [texels.len()]);
            let texels: Tensor<1, Int> = Tensor::from_data(data, (&device, DType::U32));
            Ok::<_, RenderError>(cube(texels)?.handle)
        };
        let texels = [send(first)?, send(more)?];
        Ok(Self { texels, client: probe.client, device, bytes_sent: 0 })
    }

    /// Draws a batch of at least one frame: `[frames, WORDS]` of dtype U32 on the renderer's
    /// device, four bytes a word, which are bytes R, G, B of `[frames, SIDE, SIDE, 3]`.
    ///
    /// # Errors
    /// The batch does not fit a limit of the GPU, or the GPU cannot be reached any more. That it
    /// was lost while it drew is known only when the tensor is read, or from [`Renderer::wait`].
    pub fn draw(&mut self, lists: &DrawLists) -> Result<Tensor<2, Int>, RenderError> {
        let resident = self.send(lists)?;
        self.draw_resident(&resident)
    }

    /// The first half of [`Renderer::draw`]: sends draw lists to the GPU.
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn send(&mut self, lists: &DrawLists) -> Result<Resident, RenderError> {
        assert!(!lists.is_empty(), "a batch has at least one frame");
        let properties = self.client.properties();
        let frames = lists.len() as u64;
        let remedy = "use fewer environments in a batch";
        let what = || format!("a batch of {frames} frames");
        let (_, _, groups) = properties.hardware.max_cube_count;
        check("max_compute_workgroups_per_dimension", groups.into(), frames, what, remedy)?;
        let bytes = (frames * WORDS as u64 * 4).max(size_of_val(&lists.items[..]) as u64);
        let available = properties.memory.max_page_size;
        let what = || format!("a batch of {frames} frames, in bytes,");
        check("max_storage_buffer_binding_size", available, bytes, what, remedy)?;

        // A buffer cannot be empty, though all frames may be black.
        let nothing = [Item::default()];
        let items = if lists.items.is_empty() { &nothing } else { &lists.items[..] };
        Ok(Resident {
            items: self.upload(bytemuck::cast_slice(items)),
            ends: self.upload(bytemuck::cast_slice(&lists.ends)),
            frames: lists.len(),
        })
    }

    /// The second half of [`Renderer::draw`].
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn draw_resident(&self, lists: &Resident) -> Result<Tensor<2, Int>, RenderError> {
        let frames: Tensor<2, Int> =
            Tensor::empty([lists.frames, WORDS], (&self.device, DType::U32));
        let frames = cube(frames)?;
        let dimensions = CubeDim::new_2d(WORKGROUP.0, WORKGROUP.1);
        let groups = (SIDE / 4 / WORKGROUP.0, SIDE / WORKGROUP.1, lists.frames as u32);
        let [first, more] = &self.texels;
        let buffers = [first, more, &lists.items, &lists.ends, &frames.handle];
        self.client.launch(
            Box::new(SourceKernel::new(Sprites, dimensions)),
            CubeCount::Static(groups.0, groups.1, groups.2),
            KernelArguments::new()
                .with_buffers(buffers.into_iter().map(|handle| handle.clone().binding()).collect()),
        );
        // Does not wait for the GPU: a launch that failed has said so by now.
        self.client.check([&frames.handle])?;
        Ok(Tensor::from_primitive::<Wgpu>(frames))
    }

    /// Waits until all that was asked of the GPU on this thread is done.
    ///
    /// # Errors
    /// The GPU was lost.
    pub fn wait(&self) -> Result<(), RenderError> {
        Ok(future::block_on(self.client.sync())?)
    }

    /// Bytes of draw lists that crossed to the GPU so far; frames never come back by themselves.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    fn upload(&mut self, bytes: &[u8]) -> Handle {
        self.bytes_sent += bytes.len() as u64;
        self.client.create_from_slice(bytes)
    }
}

/// Brings frames to the CPU, for videos and tests: `[frames, SIDE, SIDE, 3]` bytes R, G, B.
///
/// # Errors
/// The tensor is not on a GPU, or the GPU was lost.
pub fn read(frames: Tensor<2, Int>) -> Result<Vec<u8>, RenderError> {
    let frames = cube(frames)?;
    Ok(frames.client.read_one(frames.handle)?.to_vec())
}

/// What Burn keeps of a tensor on a GPU.
fn cube<const D: usize>(tensor: Tensor<D, Int>) -> Result<CubeTensor, RenderError> {
    let device = tensor.device();
    tensor
        .try_into_primitive::<Wgpu>()
        .map_err(|_| RenderError::Device { device: format!("{device:?}") })
}

fn check(
    limit: &'static str,
    available: u64,
    needed: u64,
    what: impl FnOnce() -> String,
    remedy: &'static str,
) -> Result<(), RenderError> {
    if needed <= available {
        return Ok(());
    }
    Err(RenderError::Limit { limit, available, needed, what: what(), remedy })
}

struct Sprites;

impl KernelSource for Sprites {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(include_str!("../../shaders/sprites.wgsl"))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>()
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
