//! Pictures of scenes of solids for people, taken on a GPU: the same as
//! [`Stage::picture`] takes on the CPU, up to rounding.

use super::solids::{SolidRecord, send};
use crate::gpu::{Buffer, Gpu, GpuError, Shader, check_limit};
use burn::tensor::Device;
use bytemuck::{Pod, Zeroable};
use gslab_envs::pushchair::{
    camera::View,
    math::Vector,
    picture::{NOOKS, Plan, SHADOW, Stage},
};

/// Of the shader that binds most: the shot, its solids, both maps and pixels.
const BINDINGS: u32 = 5;

macro_rules! shader {
    ($name:literal) => {
        Shader {
            name: $name,
            source: concat!(
                include_str!("../../shaders/solids.wgsl"),
                include_str!("../../shaders/shot.wgsl"),
                include_str!(concat!("../../shaders/", $name, ".wgsl"))
            ),
            workgroup: (8, 8),
        }
    };
}
const SUNLIGHT: Shader = shader!("sunlight");
const OPENNESS: Shader = shader!("nooks");
const PICTURE: Shader = shader!("picture");

/// A shot as it crosses to the GPU; shot.wgsl tells what the numbers mean.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ShotRecord {
    view: ViewRecord,
    sun: ViewRecord,
    corner: [f32; 4],
    extent: [f32; 2],
    size: [u32; 2],
    sun_extent: f32,
    cell: f32,
    solids: u32,
    padding: u32,
}

/// Four vectors: where it stands, right, up and forward.
type ViewRecord = [[f32; 4]; 4];

fn record(view: &View) -> ViewRecord {
    [view.eye, view.right, view.up, view.forward].map(padded)
}

fn padded(v: Vector) -> [f32; 4] {
    [v.x, v.y, v.z, 0.0]
}

/// Takes pictures on a GPU.
pub struct StageCamera {
    gpu: Gpu,
    /// How far the sun reaches, and how much of the sky the ground sees.
    maps: [Buffer; 2],
}

impl StageCamera {
    /// # Errors
    /// `device` is not driven through wgpu, or has a limit that is too low.
    pub fn new(device: &Device) -> Result<Self, GpuError> {
        let gpu = Gpu::new(device)?;
        let limit = ("max_storage_buffers_per_shader_stage", gpu.limits().bindings.into());
        let what = || "taking pictures".into();
        check_limit(limit, BINDINGS.into(), what, "use another GPU, or --device cpu")?;
        let maps = [SHADOW, NOOKS].map(|side| gpu.empty(side * side * size_of::<f32>()));
        Ok(Self { gpu, maps })
    }

    /// What a stage looks like: `size * size` pixels red, green, blue, row by row from the top.
    ///
    /// # Errors
    /// The picture does not fit a limit of the GPU, or the GPU was lost.
    pub fn picture(&self, stage: &Stage, size: u32) -> Result<Vec<u8>, GpuError> {
        let pixels = self.take(stage, size)?;
        let words = self.gpu.read(pixels)?;
        Ok(words.chunks_exact(4).flat_map(|word| [word[0], word[1], word[2]]).collect())
    }

    /// [`Self::picture`] that stays on the GPU, a word a pixel. Does not wait for it.
    ///
    /// # Errors
    /// The picture does not fit a limit of the GPU, or the GPU cannot be reached any more.
    pub fn take(&self, stage: &Stage, size: u32) -> Result<Buffer, GpuError> {
        let side = size as usize;
        let bytes = 4 * side * side;
        let binding = ("max_storage_buffer_binding_size", self.gpu.limits().binding);
        let what = || format!("a picture of {size}x{size} pixels, in bytes,");
        check_limit(binding, bytes as u64, what, "ask for a smaller picture")?;

        let Plan { view, extent, sun, sun_extent, corner, cell } = stage.plan((side, side));
        let shot = ShotRecord {
            view: record(&view),
            sun: record(&sun),
            corner: padded(corner),
            extent: extent.into(),
            size: [size; 2],
            sun_extent,
            cell,
            solids: stage.solids.len() as u32,
            padding: 0,
        };
        let shot = self.gpu.send(bytemuck::bytes_of(&shot));
        let solids: Vec<SolidRecord> = stage.solids.iter().map(SolidRecord::from).collect();
        let solids = send(&self.gpu, &solids);
        let pixels = self.gpu.empty(bytes);
        let [sunlight, nooks] = &self.maps;
        let launch = |shader: &Shader, side: usize, out: &[&Buffer]| {
            let groups = (side as u32).div_ceil(shader.workgroup.0);
            let buffers = [&[&shot, &solids], out].concat();
            self.gpu.launch(shader, (groups, groups, 1), &buffers);
        };
        launch(&SUNLIGHT, SHADOW, &[sunlight]);
        launch(&OPENNESS, NOOKS, &[nooks]);
        launch(&PICTURE, side, &[sunlight, nooks, &pixels]);
        self.gpu.check(&pixels)?;
        Ok(pixels)
    }

    /// Waits until all pictures are taken.
    ///
    /// # Errors
    /// The GPU was lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.gpu.wait()
    }
}
