//! Items to pixels on a GPU: the frames of a whole batch in one dispatch of `sprites.wgsl`, into
//! memory that Burn owns.
//!
//! A frame crosses to the GPU as its draw list; what it looks like stays there.

use super::{
    item::{Builder, Item},
    pictures::Pictures,
};
use crate::gpu::{Buffer, Gpu, GpuError, Shader, buffer_of_words, check_limit};
use burn::tensor::{DType, Device, Int, Tensor};
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

/// Each invocation draws four neighbouring pixels, so a workgroup is a square of 16 by 16, in which
/// few items show.
const SPRITES: Shader = Shader {
    name: "sprites",
    source: include_str!("../../shaders/sprites.wgsl"),
    workgroup: (4, 16),
};

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
        self.builder.build(list, 0..list.len(), pictures, &mut self.items);
        self.ends.push(self.items.len() as u32);
    }

    /// Appends a frame that shows `items`, first to last, on black. They must be built for
    /// frames of [`SIDE`] by [`SIDE`] pixels.
    pub fn push_items(&mut self, items: &[Item]) {
        self.items.extend_from_slice(items);
        self.ends.push(self.items.len() as u32);
    }

    /// Appends the frames of another batch.
    pub fn append(&mut self, other: &Self) {
        let before = self.items.len() as u32;
        self.items.extend_from_slice(&other.items);
        self.ends.extend(other.ends.iter().map(|end| before + end));
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
    items: Buffer,
    ends: Buffer,
    frames: usize,
}

/// Draws the frames of one environment family on a GPU, where its pictures stay.
pub struct Renderer {
    gpu: Gpu,
    /// Of the first buffer and of the second.
    texels: [Buffer; 2],
}

impl Renderer {
    /// Sends the pictures to `device`, once.
    ///
    /// # Errors
    /// `device` is not driven through wgpu, or has a limit that is too low, above all for
    /// pictures of hundreds of megabytes.
    pub fn new(device: &Device, pictures: &Pictures) -> Result<Self, GpuError> {
        Self::on(&Gpu::new(device)?, pictures)
    }

    /// [`Renderer::new`] on a GPU whose traffic is counted by others, too.
    ///
    /// # Errors
    /// As [`Renderer::new`].
    pub fn on(gpu: &Gpu, pictures: &Pictures) -> Result<Self, GpuError> {
        let limits = gpu.limits();
        let (x, y) = SPRITES.workgroup;
        let fixed = [
            ("max_storage_buffers_per_shader_stage", limits.bindings, BINDINGS),
            ("max_compute_invocations_per_workgroup", limits.invocations, x * y),
        ];
        for (limit, available, needed) in fixed {
            let what = || "drawing sprites".into();
            let remedy = "use another GPU, or --device cpu";
            check_limit((limit, available.into()), needed.into(), what, remedy)?;
        }
        let texels = pictures.texels();
        let (first, more) = texels.split_at(texels.len().min(FIRST_TEXELS));
        check_limit(
            ("max_storage_buffer_binding_size", limits.binding),
            size_of_val(first).max(size_of_val(more)) as u64,
            || "a buffer of the environment's pictures, in bytes,".into(),
            "use gslab's own art, which is smaller, another GPU, or --device cpu",
        )?;
        // A buffer cannot be empty, though an environment may have few pictures or none.
        let send = |texels: &[u32]| {
            gpu.send(bytemuck::cast_slice(if texels.is_empty() { &[0] } else { texels }))
        };
        Ok(Self { texels: [send(first), send(more)], gpu: gpu.clone() })
    }

    /// Draws a batch of at least one frame: `[frames, WORDS]` of dtype U32 on the renderer's
    /// device, four bytes a word, which are bytes R, G, B of `[frames, SIDE, SIDE, 3]`.
    ///
    /// # Errors
    /// The batch does not fit a limit of the GPU, or the GPU cannot be reached any more. That it
    /// was lost while it drew is known only when the tensor is read, or from [`Renderer::wait`].
    pub fn draw(&mut self, lists: &DrawLists) -> Result<Tensor<2, Int>, GpuError> {
        let resident = self.send(lists)?;
        self.draw_resident(&resident)
    }

    /// The first half of [`Renderer::draw`]: sends draw lists to the GPU.
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn send(&mut self, lists: &DrawLists) -> Result<Resident, GpuError> {
        assert!(!lists.is_empty(), "a batch has at least one frame");
        let limits = self.gpu.limits();
        let frames = lists.len() as u64;
        let remedy = "use fewer environments in a batch";
        let what = || format!("a batch of {frames} frames");
        let groups = ("max_compute_workgroups_per_dimension", limits.groups.into());
        check_limit(groups, frames, what, remedy)?;
        let bytes = (frames * WORDS as u64 * 4).max(size_of_val(&lists.items[..]) as u64);
        let what = || format!("a batch of {frames} frames, in bytes,");
        let binding = ("max_storage_buffer_binding_size", limits.binding);
        check_limit(binding, bytes, what, remedy)?;

        // A buffer cannot be empty, though all frames may be black.
        let nothing = [Item::default()];
        let items = if lists.items.is_empty() { &nothing } else { &lists.items[..] };
        Ok(Resident {
            items: self.gpu.send(bytemuck::cast_slice(items)),
            ends: self.gpu.send(bytemuck::cast_slice(&lists.ends)),
            frames: lists.len(),
        })
    }

    /// The second half of [`Renderer::draw`].
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn draw_resident(&self, lists: &Resident) -> Result<Tensor<2, Int>, GpuError> {
        let frames = self.gpu.empty(lists.frames * WORDS * 4);
        self.draw_to(lists, &frames)?;
        Ok(self.gpu.words(frames, [lists.frames, WORDS], DType::U32))
    }

    /// Draws to a buffer of at least as many frames.
    ///
    /// # Errors
    /// As [`Renderer::draw`].
    pub fn draw_to(&self, lists: &Resident, frames: &Buffer) -> Result<(), GpuError> {
        let (x, y) = SPRITES.workgroup;
        let groups = (SIDE / 4 / x, SIDE / y, lists.frames as u32);
        let [first, more] = &self.texels;
        self.gpu.launch(&SPRITES, groups, &[first, more, &lists.items, &lists.ends, frames]);
        // Does not wait for the GPU: a launch that failed has said so by now.
        self.gpu.check(frames)
    }

    /// Waits until all that was asked of the GPU on this thread is done.
    ///
    /// # Errors
    /// The GPU was lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.gpu.wait()
    }

    /// Bytes that crossed to the GPU so far; frames never come back by themselves.
    pub fn bytes_sent(&self) -> u64 {
        self.gpu.sent()
    }

    /// Brings frames to the CPU, for videos and tests: `[frames, SIDE, SIDE, 3]` bytes R, G, B.
    ///
    /// # Errors
    /// The tensor is not on a GPU, or the GPU was lost.
    pub fn read(&self, frames: Tensor<2, Int>) -> Result<Vec<u8>, GpuError> {
        self.gpu.read(buffer_of_words(frames)?)
    }
}
