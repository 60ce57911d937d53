//! Point clouds on a GPU: what the robots of a whole batch of PushChair worlds see, in two
//! dispatches, into memory that Burn owns.
//!
//! A scene crosses to the GPU as its solids; rays, hits and points stay there. `rays.wgsl` finds what
//! each ray hits, `points.wgsl` chooses points and gives them a place and a colour, both as
//! `gslab_envs::pushchair::cloud` does on the CPU: up to rounding, which may move the edge of a solid by
//! a ray.

use super::solids::{SolidRecord, send};
use crate::gpu::{Buffer, Gpu, GpuError, Shader, check_limit};
use burn::tensor::{Device, Tensor};
use bytemuck::{Pod, Zeroable};
use gslab_envs::pushchair::{
    cloud::{Base, CHANNELS, Draw, POINTS, RAYS},
    solid::Solid,
};

/// The shaders': scenes, solids, hits and clouds.
const BINDINGS: u32 = 4;
/// Bytes of a hit.
const HIT: usize = 12;

const RAY_CASTER: Shader = Shader {
    name: "rays",
    source: concat!(
        include_str!("../../shaders/solids.wgsl"),
        include_str!("../../shaders/cameras.wgsl"),
        include_str!("../../shaders/rays.wgsl")
    ),
    workgroup: (64, 1),
};
const SAMPLER: Shader = Shader {
    name: "points",
    source: concat!(
        include_str!("../../shaders/solids.wgsl"),
        include_str!("../../shaders/cameras.wgsl"),
        include_str!("../../shaders/points.wgsl")
    ),
    workgroup: (256, 1),
};

/// A scene as it crosses to the GPU; cameras.wgsl tells what the numbers mean.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
struct SceneRecord {
    place: [f32; 2],
    heading: [f32; 2],
    solids: [u32; 2],
    stream: [u32; 3],
    step: [u32; 2],
}

/// A batch of scenes, in the layout in which they cross to the GPU.
#[derive(Clone, Debug, Default)]
pub struct Scenes {
    scenes: Vec<SceneRecord>,
    /// Of all scenes, one after another.
    solids: Vec<SolidRecord>,
}

impl Scenes {
    /// Drops all scenes.
    pub fn clear(&mut self) {
        self.scenes.clear();
        self.solids.clear();
    }

    /// Appends a scene: solids in the world's frame, where the robot stands, and which points of those
    /// that it sees are taken.
    pub fn push(&mut self, solids: &[Solid], base: Base, draw: Draw) {
        let first = self.solids.len() as u32;
        self.solids.extend(solids.iter().map(SolidRecord::from));
        let (cos, sin) = base.heading();
        self.scenes.push(SceneRecord {
            place: [base.x, base.y],
            heading: [cos, sin],
            solids: [first, self.solids.len() as u32],
            stream: draw.stream.words(),
            step: [draw.step as u32, (draw.step >> 32) as u32],
        });
    }

    /// Appends the scenes of another batch.
    pub fn append(&mut self, other: &Self) {
        let before = self.solids.len() as u32;
        self.solids.extend_from_slice(&other.solids);
        self.scenes.extend(
            other
                .scenes
                .iter()
                .map(|scene| SceneRecord { solids: scene.solids.map(|at| before + at), ..*scene }),
        );
    }

    /// Number of scenes.
    pub fn len(&self) -> usize {
        self.scenes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.scenes.is_empty()
    }

    /// What crosses to the GPU: 76 bytes a solid, and 44 a scene.
    pub fn bytes(&self) -> u64 {
        (size_of_val(&self.scenes[..]) + size_of_val(&self.solids[..])) as u64
    }
}

/// Makes clouds on a GPU.
pub struct PointCamera {
    gpu: Gpu,
    /// What rays hit, for as many scenes as there have been at once.
    hits: Option<(usize, Buffer)>,
}

impl PointCamera {
    /// # Errors
    /// `device` is not driven through wgpu, or has a limit that is too low.
    pub fn new(device: &Device) -> Result<Self, GpuError> {
        Self::on(&Gpu::new(device)?)
    }

    /// [`PointCamera::new`] on a GPU whose traffic is counted by others, too.
    ///
    /// # Errors
    /// As [`PointCamera::new`].
    pub fn on(gpu: &Gpu) -> Result<Self, GpuError> {
        let limits = gpu.limits();
        let fixed = [
            ("max_storage_buffers_per_shader_stage", limits.bindings, BINDINGS),
            ("max_compute_invocations_per_workgroup", limits.invocations, SAMPLER.workgroup.0),
        ];
        for (limit, available, needed) in fixed {
            let what = || "making point clouds".into();
            let remedy = "use another GPU, or --device cpu";
            check_limit((limit, available.into()), needed.into(), what, remedy)?;
        }
        Ok(Self { gpu: gpu.clone(), hits: None })
    }

    /// The clouds of a batch of at least one scene, as [`gslab_envs::pushchair::cloud::Cloud::write`]
    /// has them: `[scenes, POINTS, CHANNELS]` on the device.
    ///
    /// # Errors
    /// The batch does not fit a limit of the GPU, or the GPU cannot be reached any more. That it was
    /// lost while it worked is known only when the tensor is read.
    pub fn clouds(&mut self, scenes: &Scenes) -> Result<Tensor<3>, GpuError> {
        assert!(!scenes.is_empty(), "a batch has at least one scene");
        let n = scenes.len();
        let limits = self.gpu.limits();
        let remedy = "use fewer environments in a batch";
        let what = || format!("a batch of {n} scenes");
        let groups = ("max_compute_workgroups_per_dimension", limits.groups.into());
        check_limit(groups, n as u64, what, remedy)?;
        let bytes = (n * RAYS * HIT).max(size_of_val(&scenes.solids[..])) as u64;
        let what = || format!("a batch of {n} scenes, in bytes,");
        let binding = ("max_storage_buffer_binding_size", limits.binding);
        check_limit(binding, bytes, what, remedy)?;

        let solids = send(&self.gpu, &scenes.solids);
        let records = self.gpu.send(bytemuck::cast_slice(&scenes.scenes));
        let hits = self.hits(n);
        let clouds = self.gpu.empty(n * POINTS * CHANNELS * 4);
        let groups = (RAYS as u32).div_ceil(RAY_CASTER.workgroup.0);
        self.gpu.launch(&RAY_CASTER, (groups, 1, n as u32), &[&records, &solids, &hits]);
        self.gpu.launch(&SAMPLER, (1, 1, n as u32), &[&records, &solids, &hits, &clouds]);
        // Does not wait for the GPU: a launch that failed has said so by now.
        self.gpu.check(&clouds)?;
        Ok(self.gpu.floats(clouds, [n, POINTS, CHANNELS]))
    }

    /// Room for what the rays of so many scenes hit.
    fn hits(&mut self, scenes: usize) -> Buffer {
        match &self.hits {
            Some((room, hits)) if *room >= scenes => hits.clone(),
            _ => {
                let hits = self.gpu.empty(scenes * RAYS * HIT);
                self.hits = Some((scenes, hits.clone()));
                hits
            }
        }
    }

    /// Waits until all clouds are made.
    ///
    /// # Errors
    /// The GPU was lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.gpu.wait()
    }

    /// Bytes that crossed to the GPU so far; clouds never come back by themselves.
    pub fn bytes_sent(&self) -> u64 {
        self.gpu.sent()
    }
}
