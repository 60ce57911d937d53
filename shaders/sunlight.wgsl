// How far the sun reaches, for each pixel of what it sees.

@group(0) @binding(2) var<storage, read_write> depths: array<f32>;

@compute @workgroup_size(8, 8, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= SHADOW || id.y >= SHADOW {
        return;
    }
    let u = middle(id.x, SHADOW, shot.sun_extent);
    let v = -middle(id.y, SHADOW, shot.sun_extent);
    let direction = along(shot.sun, u, v);
    let seen = nearest(0u, shot.solids, shot.sun.eye.xyz, direction, NEAR, INFINITY);
    depths[id.y * SHADOW + id.x] = seen.depth;
}
