// What a picture depends on besides its solids, as in envs/pushchair/picture.rs: the beginning of what
// sunlight.wgsl, nooks.wgsl and picture.wgsl do, which it comes before, and solids.wgsl before it.

// A ray through (u, v) runs along forward + u right + v up.
struct View {
    eye: vec4<f32>,
    right: vec4<f32>,
    up: vec4<f32>,
    forward: vec4<f32>,
}
struct Shot {
    view: View,
    sun: View,
    // Of the grid of nooks.
    corner: vec4<f32>,
    extent: vec2<f32>,
    // In pixels.
    size: vec2<u32>,
    sun_extent: f32,
    cell: f32,
    solids: u32,
    padding: u32,
}
const NEAR: f32 = 0.05;
const FAR: f32 = 60.0;
// Sides of both maps.
const SHADOW: u32 = 768u;
const NOOKS: u32 = 128u;

@group(0) @binding(0) var<storage, read_write> shot: Shot;

fn along(view: View, u: f32, v: f32) -> vec3<f32> {
    return view.forward.xyz + view.right.xyz * u + view.up.xyz * v;
}

// Where the middle of one of n pixels is on a line from -extent to extent.
fn middle(pixel: u32, n: u32, extent: f32) -> f32 {
    return (f32(2u * pixel + 1u) / f32(n) - 1.0) * extent;
}
