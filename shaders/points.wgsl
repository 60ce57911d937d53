// Clouds of points from what rays hit: the second half of what envs/pushchair/cloud.rs does, one
// workgroup for each scene of a batch. Scene, Solid, Hit and their constants are those of rays.wgsl.

struct Scene {
    x: f32,
    y: f32,
    cos: f32,
    sin: f32,
    first: u32,
    end: u32,
    key: array<u32, 2>,
    purpose: u32,
    step: array<u32, 2>,
}
struct Solid {
    axes: array<f32, 9>,
    centre: array<f32, 3>,
    size: array<f32, 3>,
    reach: f32,
    kind: u32,
    colour: u32,
    class_number: u32,
}
struct Hit {
    depth: f32,
    solid: u32,
    key: u32,
}
const BOX: u32 = 0u;
const SPHERE: u32 = 1u;
const CYLINDER: u32 = 2u;
const CLASS_SHIFT: u32 = 30u;
const NOTHING: u32 = 0xffffffffu;
const ROBOT: u32 = 0u;
const CHAIR: u32 = 1u;
const GOAL: u32 = 2u;

const COLUMNS: u32 = 200u;
const ROWS: u32 = 80u;
const RAYS: u32 = 48000u;
const HEIGHT: f32 = 2.0;
const EXTENT: vec2<f32> = vec2(2.5 * 0.57735026, 0.57735026);
const DOWN: f32 = 0.70710677;

const POINTS: u32 = 1200u;
const ROBOT_POINTS: u32 = 799u;
const GOAL_POINTS: u32 = 24u;
const CHANNELS: u32 = 7u;
// Invocations, and also values of a byte.
const LANES: u32 = 256u;

// Nothing but `clouds` is written.
@group(0) @binding(0) var<storage, read_write> scenes: array<Scene>;
@group(0) @binding(1) var<storage, read_write> solids: array<Solid>;
@group(0) @binding(2) var<storage, read_write> hits: array<Hit>;
// CHANNELS of POINTS of each scene.
@group(0) @binding(3) var<storage, read_write> clouds: array<f32>;

var<workgroup> histogram: array<atomic<u32>, LANES>;
var<workgroup> sums: array<u32, LANES>;
// The digit that was looked for, and how many keys with that digit come before.
var<workgroup> found: vec2<u32>;

// The sum of the values of all lanes up to this one (Hillis and Steele 1986). `sums` keeps all.
fn scan(lane: u32, value: u32) -> u32 {
    workgroupBarrier();
    sums[lane] = value;
    for (var stride = 1u; stride < LANES; stride *= 2u) {
        workgroupBarrier();
        var before = 0u;
        if lane >= stride {
            before = sums[lane - stride];
        }
        workgroupBarrier();
        sums[lane] += before;
    }
    workgroupBarrier();
    return sums[lane];
}

// Whether a hit of something else than the robot is among the first of the goal.
fn is_reserved(hit: Hit, below: u32) -> bool {
    return hit.solid >> CLASS_SHIFT == GOAL && hit.key < below;
}

fn is_among(hit: Hit, wanted: u32, below: u32) -> bool {
    let class_number = hit.solid >> CLASS_SHIFT;
    if wanted == CHAIR {
        return class_number == CHAIR || (class_number == GOAL && !is_reserved(hit, below));
    }
    return class_number == wanted;
}

// What the `n` smallest keys are below: of the robot, of the goal, or of all else that is not
// `reserved`; and how many there are in all. Digit by digit from the highest: how many keys have
// which, and in which the one after the `n` smallest is.
fn bound(lane: u32, start: u32, wanted: u32, reserved: u32, n: u32) -> vec2<u32> {
    var prefix = 0u;
    var rank = n;
    var all = 0u;
    for (var shift = 24i; shift >= 0; shift -= 8) {
        atomicStore(&histogram[lane], 0u);
        workgroupBarrier();
        for (var ray = lane; ray < RAYS; ray += LANES) {
            let hit = hits[start + ray];
            let is_alike = shift == 24 || (hit.key ^ prefix) >> u32(shift + 8) == 0u;
            if is_alike && is_among(hit, wanted, reserved) {
                atomicAdd(&histogram[(hit.key >> u32(shift)) & 255u], 1u);
            }
        }
        workgroupBarrier();
        let count = atomicLoad(&histogram[lane]);
        let end = scan(lane, count);
        if shift == 24 {
            all = sums[LANES - 1u];
        }
        if end - count <= rank && rank < end {
            found = vec2(lane, rank - (end - count));
        }
        workgroupBarrier();
        prefix |= found.x << u32(shift);
        rank = found.y;
        workgroupBarrier();
    }
    return vec2(select(NOTHING, prefix, n < all), all);
}

fn turn(v: vec3<f32>, cos: f32, sin: f32) -> vec3<f32> {
    return vec3(v.x * cos - v.y * sin, v.x * sin + v.y * cos, v.z);
}

// As in rays.wgsl.
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

fn unit_along_z(z: f32) -> vec3<f32> {
    return vec3(0.0, 0.0, select(1.0, -1.0, z < 0.0));
}

fn unit(v: vec3<f32>) -> vec3<f32> {
    let squared = dot(v, v);
    return select(vec3(0.0), v * inverseSqrt(max(squared, 1e-30)), squared > 0.0);
}

// The unit vector that points out of a solid of this kind and size at p, in its own frame.
fn normal(kind: u32, size: vec3<f32>, p: vec3<f32>) -> vec3<f32> {
    switch kind {
        case BOX: {
            let beyond = abs(p) - size;
            if beyond.x > beyond.y && beyond.x > beyond.z {
                return vec3(select(1.0, -1.0, p.x < 0.0), 0.0, 0.0);
            }
            if beyond.y > beyond.z {
                return vec3(0.0, select(1.0, -1.0, p.y < 0.0), 0.0);
            }
            return unit_along_z(p.z);
        }
        case SPHERE: {
            return unit(p);
        }
        case CYLINDER: {
            if length(p.xy) - size.x > abs(p.z) - size.z {
                return unit(vec3(p.xy, 0.0));
            }
            return unit_along_z(p.z);
        }
        default: {
            return unit(vec3(p.xy, p.z - clamp(p.z, -size.z, size.z)));
        }
    }
}

fn lamp(at: vec3<f32>, p: vec3<f32>, facing: vec3<f32>) -> f32 {
    let to_lamp = at - p;
    let squared = max(dot(to_lamp, to_lamp), 0.01);
    return max(dot(to_lamp, facing), 0.0) / (squared * sqrt(squared));
}

// As in envs/pushchair/light.rs; 0 to 1.
fn shade(index: u32, p: vec3<f32>) -> vec3<f32> {
    let solid = &solids[index];
    let axes = (*solid).axes;
    let x = vec3(axes[0], axes[1], axes[2]);
    let y = vec3(axes[3], axes[4], axes[5]);
    let z = vec3(axes[6], axes[7], axes[8]);
    let away = p - vec3((*solid).centre[0], (*solid).centre[1], (*solid).centre[2]);
    let size = vec3((*solid).size[0], (*solid).size[1], (*solid).size[2]);
    let outwards = normal((*solid).kind, size, vec3(dot(x, away), dot(y, away), dot(z, away)));
    let facing = x * outwards.x + y * outwards.y + z * outwards.z;
    let suns = max(dot(vec3(-0.17320508, 0.17320508, 0.17320508), facing), 0.0) + max(facing.z, 0.0);
    let lamps = lamp(vec3(2.0, 2.0, 2.0), p, facing) + lamp(vec3(2.0, -2.0, 2.0), p, facing)
        + lamp(vec3(-2.0, 0.0, 2.0), p, facing);
    let light = 0.3 + 0.31830987 * (suns + lamps);
    let bytes = (vec3((*solid).colour) >> vec3(0u, 8u, 16u)) & vec3(255u);
    return min(floor(vec3<f32>(bytes) * light + 0.5), vec3(255.0)) / 255.0;
}

// To half precision, as `half.rs` does; what is packed loses no more. Below 2^-14 halves are multiples
// of 2^-24.
fn rounded(x: vec3<f32>) -> vec3<f32> {
    let bits = bitcast<vec3<u32>>(x);
    let even = (bits >> vec3(13u)) & vec3(1u);
    let nearest = bitcast<vec3<f32>>((bits + vec3(0xfffu) + even) & vec3(0xffffe000u));
    return select(nearest, round(x * 16777216.0) / 16777216.0, abs(x) < vec3(6.1035156e-5));
}

@compute @workgroup_size(256, 1, 1)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let scene = scenes[group.z];
    let start = group.z * RAYS;
    let robot = bound(lane, start, ROBOT, 0u, ROBOT_POINTS);
    let goal = bound(lane, start, GOAL, 0u, GOAL_POINTS);
    let left = POINTS - min(robot.y, ROBOT_POINTS) - min(goal.y, GOAL_POINTS);
    let other = bound(lane, start, CHAIR, goal.x, left);

    // Each lane has some neighbouring rays: how many of them are chosen, of the robot in the lower
    // half of a word, of other things in the upper one, and where they come in the cloud.
    let share = (RAYS + LANES - 1u) / LANES;
    let first = lane * share;
    let end = min(first + share, RAYS);
    var chosen = 0u;
    for (var ray = first; ray < end; ray++) {
        let hit = hits[start + ray];
        if hit.solid >> CLASS_SHIFT == ROBOT {
            chosen += select(0u, 1u, hit.key < robot.x);
        } else if hit.solid != NOTHING {
            chosen += select(0u, 0x10000u, is_reserved(hit, goal.x) || hit.key < other.x);
        }
    }
    let before = scan(lane, chosen) - chosen;
    let all = sums[LANES - 1u];
    var next_robot = before & 0xffffu;
    var next_other = (all & 0xffffu) + (before >> 16u);
    for (var ray = first; ray < end; ray++) {
        let hit = hits[start + ray];
        if hit.solid == NOTHING {
            continue;
        }
        let is_robot = hit.solid >> CLASS_SHIFT == ROBOT;
        var at: u32;
        if is_robot {
            if hit.key >= robot.x {
                continue;
            }
            at = next_robot;
            next_robot++;
        } else {
            if !is_reserved(hit, goal.x) && hit.key >= other.x {
                continue;
            }
            at = next_other;
            next_other++;
        }
        let p = vec3(0.0, 0.0, HEIGHT) + direction_of(ray) * hit.depth;
        let world = turn(p, scene.cos, scene.sin) + vec3(scene.x, scene.y, 0.0);
        let index = scene.first + (hit.solid & ((1u << CLASS_SHIFT) - 1u));
        let colour = shade(index, world);
        let place = rounded(p);
        let word = (group.z * POINTS + at) * CHANNELS;
        clouds[word] = place.x;
        clouds[word + 1u] = place.y;
        clouds[word + 2u] = place.z;
        clouds[word + 3u] = colour.x;
        clouds[word + 4u] = colour.y;
        clouds[word + 5u] = colour.z;
        clouds[word + 6u] = select(0.0, 1.0, is_robot);
    }
    // The rest is padded.
    let filled = (all & 0xffffu) + (all >> 16u);
    let close = (group.z + 1u) * POINTS * CHANNELS;
    for (var word = (group.z * POINTS + filled) * CHANNELS + lane; word < close; word += LANES) {
        clouds[word] = 0.0;
    }
}
