//! Solids as they cross to a GPU, for the shaders that look at scenes of them.

use crate::gpu::{Buffer, Gpu};
use bytemuck::{Pod, Zeroable};
use gslab_envs::pushchair::{
    math::Matrix,
    solid::{Class, Shape, Solid},
};

/// A solid; solids.wgsl tells what the numbers mean.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub(super) struct SolidRecord {
    axes: [[f32; 3]; 3],
    centre: [f32; 3],
    size: [f32; 3],
    reach: f32,
    kind: u32,
    colour: u32,
    class: u32,
}

impl From<&Solid> for SolidRecord {
    fn from(solid: &Solid) -> Self {
        let (kind, size) = match solid.shape {
            Shape::Box { half } => (0, half.to_array()),
            Shape::Sphere { radius } => (1, [radius, radius, 0.0]),
            Shape::Cylinder { radius, half_height } => (2, [radius, radius, half_height]),
            Shape::Capsule { radius, half_height } => (3, [radius, radius, half_height]),
        };
        let [red, green, blue] = solid.colour;
        Self {
            axes: Matrix::from_quat(solid.pose.rotation).to_cols_array_2d(),
            centre: solid.pose.translation.to_array(),
            size,
            reach: solid.shape.bounding_radius(),
            kind,
            colour: u32::from_le_bytes([red, green, blue, 0]),
            class: match solid.class {
                Class::Robot => 0,
                Class::Chair => 1,
                Class::Goal => 2,
            },
        }
    }
}

/// A buffer of solids.
pub(super) fn send(gpu: &Gpu, solids: &[SolidRecord]) -> Buffer {
    // It cannot be empty, though there may be nothing to see.
    let nothing = [SolidRecord::zeroed()];
    gpu.send(bytemuck::cast_slice(if solids.is_empty() { &nothing } else { solids }))
}
