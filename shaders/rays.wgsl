// What every ray of the robots' cameras hits: the first half of what envs/pushchair/cloud.rs does,
// for a batch of scenes. What is not explained here is there, in camera.rs or in ray.rs.

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
struct Solid {
    // Its axes in the world's frame, one after another, and its centre.
    axes: array<f32, 9>,
    centre: array<f32, 3>,
    // Half sides; or the radius twice, then the half height.
    size: array<f32, 3>,
    // Of a sphere around it.
    reach: f32,
    kind: u32,
    // 0x00BBGGRR
    colour: u32,
    class_number: u32,
}
struct Hit {
    depth: f32,
    // The index of the solid in its scene, and in the highest two bits its class.
    solid: u32,
    key: u32,
}
const BOX: u32 = 0u;
const SPHERE: u32 = 1u;
const CYLINDER: u32 = 2u;
const CLASS_SHIFT: u32 = 30u;
const NOTHING: u32 = 0xffffffffu;

const COLUMNS: u32 = 200u;
const ROWS: u32 = 80u;
const RAYS: u32 = 48000u;
const RAY: u32 = 0xffffu;
const HEIGHT: f32 = 2.0;
const NEAR: f32 = 0.1;
const FAR: f32 = 10.0;
const GROUND: f32 = 1e-3;
const EXTENT: vec2<f32> = vec2(2.5 * 0.57735026, 0.57735026);
const DOWN: f32 = 0.70710677;
const INFINITY: f32 = 3.4e38;

// Nothing but `hits` is written. All are read_write because Burn may place several of them in one
// buffer, which a dispatch can bind in one way only.
@group(0) @binding(0) var<storage, read_write> scenes: array<Scene>;
@group(0) @binding(1) var<storage, read_write> solids: array<Solid>;
// RAYS of each scene.
@group(0) @binding(2) var<storage, read_write> hits: array<Hit>;

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

// Where a ray is nearest to the z axis, and how far from there to the surface of the cylinder
// without ends: less than nothing where it misses.
fn tube(origin: vec3<f32>, direction: vec3<f32>, radius: f32) -> vec2<f32> {
    let inverse = 1.0 / max(dot(direction.xy, direction.xy), 1e-12);
    let nearest = -dot(origin.xy, direction.xy) * inverse;
    let p = origin.xy + nearest * direction.xy;
    let left = (radius * radius - dot(p, p)) * inverse;
    return vec2(nearest, select(-1.0, sqrt(max(left, 0.0)), left >= 0.0));
}

fn enter_box(origin: vec3<f32>, direction: vec3<f32>, half_sides: vec3<f32>) -> f32 {
    let inverse = 1.0 / direction;
    let a = (-half_sides - origin) * inverse;
    let b = (half_sides - origin) * inverse;
    let low = min(a, b);
    let high = max(a, b);
    let enter = max(max(low.x, low.y), low.z);
    return select(INFINITY, enter, enter <= min(min(high.x, high.y), high.z));
}

fn enter_sphere(origin: vec3<f32>, direction: vec3<f32>, radius: f32) -> f32 {
    let inverse = 1.0 / dot(direction, direction);
    let nearest = -dot(origin, direction) * inverse;
    let p = origin + nearest * direction;
    let left = (radius * radius - dot(p, p)) * inverse;
    return select(INFINITY, nearest - sqrt(max(left, 0.0)), left >= 0.0);
}

fn enter_cylinder(origin: vec3<f32>, direction: vec3<f32>, size: vec3<f32>) -> f32 {
    let middle = tube(origin, direction, size.x);
    let inverse = 1.0 / direction.z;
    let a = (-size.z - origin.z) * inverse;
    let b = (size.z - origin.z) * inverse;
    let enter = max(min(a, b), middle.x - middle.y);
    let leave = min(max(a, b), middle.x + middle.y);
    return select(INFINITY, enter, middle.y >= 0.0 && enter <= leave);
}

fn enter_capsule(origin: vec3<f32>, direction: vec3<f32>, size: vec3<f32>) -> f32 {
    let middle = tube(origin, direction, size.x);
    if middle.y < 0.0 {
        return INFINITY;
    }
    let side = middle.x - middle.y;
    let z = origin.z + side * direction.z;
    if abs(z) <= size.z {
        return side;
    }
    let end = select(size.z, -size.z, z < 0.0);
    return enter_sphere(vec3(origin.xy, origin.z - end), direction, size.x);
}

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
    let speed = dot(direction, direction);

    var hit = Hit(FAR, NOTHING, 0u);
    if direction.z < 0.0 {
        hit.depth = min((GROUND - HEIGHT) / direction.z, FAR);
    }
    for (var i = scene.first; i < scene.end; i++) {
        let solid = &solids[i];
        let centre = (*solid).centre;
        let away = eye - vec3(centre[0], centre[1], centre[2]);
        // Most rays pass a solid by. A millimetre is for rounding.
        let towards = dot(away, direction);
        let reach = (*solid).reach + 1e-3;
        if dot(away, away) - towards * towards / speed > reach * reach {
            continue;
        }
        let axes = (*solid).axes;
        let x = vec3(axes[0], axes[1], axes[2]);
        let y = vec3(axes[3], axes[4], axes[5]);
        let z = vec3(axes[6], axes[7], axes[8]);
        let origin = vec3(dot(x, away), dot(y, away), dot(z, away));
        let along = vec3(dot(x, direction), dot(y, direction), dot(z, direction));
        let size = vec3((*solid).size[0], (*solid).size[1], (*solid).size[2]);
        var depth: f32;
        switch (*solid).kind {
            case BOX: { depth = enter_box(origin, along, size); }
            case SPHERE: { depth = enter_sphere(origin, along, size.x); }
            case CYLINDER: { depth = enter_cylinder(origin, along, size); }
            default: { depth = enter_capsule(origin, along, size); }
        }
        if depth >= NEAR && depth < hit.depth {
            hit.depth = depth;
            hit.solid = (i - scene.first) | ((*solid).class_number << CLASS_SHIFT);
        }
    }
    if hit.solid != NOTHING {
        // A block of random bits is for four rays.
        let bits = philox(
            vec4(scene.step[0], scene.step[1], ray / 4u, scene.purpose),
            vec2(scene.key[0], scene.key[1]),
        );
        hit.key = (bits[ray % 4u] & ~RAY) | ray;
    }
    hits[id.z * RAYS + ray] = hit;
}
