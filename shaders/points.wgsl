// Clouds of points from what rays hit: the second half of what envs/pushchair/cloud.rs does, one
// workgroup for each scene of a batch; solids.wgsl and cameras.wgsl come before it.

const ROBOT: u32 = 0u;
const CHAIR: u32 = 1u;
const GOAL: u32 = 2u;

const POINTS: u32 = 1200u;
const ROBOT_POINTS: u32 = 799u;
const GOAL_POINTS: u32 = 24u;
const CHANNELS: u32 = 7u;
// Invocations, and also values of a byte.
const LANES: u32 = 256u;

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

fn lamp(at: vec3<f32>, p: vec3<f32>, facing: vec3<f32>) -> f32 {
    let to_lamp = at - p;
    let squared = max(dot(to_lamp, to_lamp), 0.01);
    return max(dot(to_lamp, facing), 0.0) / (squared * sqrt(squared));
}

// As in envs/pushchair/light.rs; 0 to 1.
fn shade(index: u32, p: vec3<f32>) -> vec3<f32> {
    let facing = outwards(index, p);
    let suns = max(dot(vec3(-0.17320508, 0.17320508, 0.17320508), facing), 0.0) + max(facing.z, 0.0);
    let lamps = lamp(vec3(2.0, 2.0, 2.0), p, facing) + lamp(vec3(2.0, -2.0, 2.0), p, facing)
        + lamp(vec3(-2.0, 0.0, 2.0), p, facing);
    let light = 0.3 + 0.31830987 * (suns + lamps);
    return min(floor(colour_of(index) * light + 0.5), vec3(255.0)) / 255.0;
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
