// The robots' three cameras, as in envs/pushchair/cloud.rs: what rays.wgsl and points.wgsl share, which
// it comes before, and solids.wgsl before it.

struct Scene {
    // Of the base: place, cosine and sine of the yaw.
    x: f32,
    y: f32,
    cos: f32,
    sin: f32,
    // Its solids, and the one after the last.
    first: u32,
    end: u32,
    // Of the stream of keys, and the step.
    key: array<u32, 2>,
    purpose: u32,
    step: array<u32, 2>,
}
struct Hit {
    depth: f32,
    // The index of the solid in its scene, and in the highest two bits its class.
    solid: u32,
    key: u32,
}
const CLASS_SHIFT: u32 = 30u;

const COLUMNS: u32 = 200u;
const ROWS: u32 = 80u;
const RAYS: u32 = 48000u;
const HEIGHT: f32 = 2.0;
const EXTENT: vec2<f32> = vec2(2.5 * 0.57735026, 0.57735026);
const DOWN: f32 = 0.70710677;

@group(0) @binding(0) var<storage, read_write> scenes: array<Scene>;
// RAYS of each scene.
@group(0) @binding(2) var<storage, read_write> hits: array<Hit>;

// From the robot's frame to the world's, but for the place.
fn turn(v: vec3<f32>, cos: f32, sin: f32) -> vec3<f32> {
    return vec3(v.x * cos - v.y * sin, v.x * sin + v.y * cos, v.z);
}

// The direction of a ray in the robot's frame.
fn direction_of(ray: u32) -> vec3<f32> {
    let column = ray % COLUMNS;
    let row = ray / COLUMNS % ROWS;
    let u = (f32(2u * column + 1u) / f32(COLUMNS) - 1.0) * EXTENT.x;
    let v = -(f32(2u * row + 1u) / f32(ROWS) - 1.0) * EXTENT.y;
    var cos = 1.0;
    var sin = 0.0;
    if ray >= COLUMNS * ROWS {
        cos = -0.5;
        sin = select(-0.8660254, 0.8660254, ray >= 2u * COLUMNS * ROWS);
    }
    let right = vec3(sin, -cos, 0.0);
    let up = vec3(cos * DOWN, sin * DOWN, DOWN);
    return vec3(cos * DOWN, sin * DOWN, -DOWN) + right * u + up * v;
}
