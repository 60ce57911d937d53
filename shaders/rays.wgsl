// What every ray of the robots' cameras hits: the first half of what envs/pushchair/cloud.rs does,
// for a batch of scenes; solids.wgsl and cameras.wgsl come before it.

const RAY: u32 = 0xffffu;
const NEAR: f32 = 0.1;
const FAR: f32 = 10.0;
const GROUND: f32 = 1e-3;

// The upper and the lower word of a product, of halves of words.
fn wide_product(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return vec2((a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u), a * b);
}

// Philox4x32-10, as in envs/rng.rs.
fn philox(start: vec4<u32>, start_key: vec2<u32>) -> vec4<u32> {
    var counter = start;
    var key = start_key;
    for (var round = 0; round < 10; round++) {
        let a = wide_product(counter.x, 0xD2511F53u);
        let b = wide_product(counter.z, 0xCD9E8D57u);
        counter = vec4(b.x ^ counter.y ^ key.x, b.y, a.x ^ counter.w ^ key.y, a.y);
        key += vec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let ray = id.x;
    if ray >= RAYS {
        return;
    }
    let scene = scenes[id.z];
    let local_direction = direction_of(ray);
    let direction = turn(local_direction, scene.cos, scene.sin);
    let eye = vec3(scene.x, scene.y, HEIGHT);
    var far = FAR;
    if direction.z < 0.0 {
        far = min((GROUND - HEIGHT) / direction.z, FAR);
    }
    let seen = nearest(scene.first, scene.end, eye, direction, NEAR, far);
    var hit = Hit(seen.depth, seen.solid, 0u);
    if seen.solid != NOTHING {
        hit.solid = (seen.solid - scene.first) | (solids[seen.solid].class_number << CLASS_SHIFT);
        // A block of random bits is for four rays.
        let bits = philox(
            vec4(scene.step[0], scene.step[1], ray / 4u, scene.purpose),
            vec2(scene.key[0], scene.key[1]),
        );
        hit.key = (bits[ray % 4u] & ~RAY) | ray;
    }
    hits[id.z * RAYS + ray] = hit;
}
