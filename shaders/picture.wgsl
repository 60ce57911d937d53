// A picture of a scene for people, one invocation a pixel: envs/pushchair/picture.rs tells what is not
// explained here.

@group(0) @binding(2) var<storage, read_write> depths: array<f32>;
@group(0) @binding(3) var<storage, read_write> open: array<f32>;
// 0x00BBGGRR, row by row from the top.
@group(0) @binding(4) var<storage, read_write> pixels: array<u32>;

// Rays in x and y for each pixel.
const SAMPLES: u32 = 2u;
const TO_SUN: vec3<f32> = vec3(-9.0, -14.0, 20.0) / 26.01922;
const SKY: vec3<f32> = vec3(0.50, 0.56, 0.66);
const BOUNCE: vec3<f32> = vec3(0.26, 0.25, 0.24);
const SUNLIGHT: vec3<f32> = vec3(0.80, 0.75, 0.66);
const HORIZON: vec3<f32> = vec3(0.78, 0.82, 0.87);
const ZENITH: vec3<f32> = vec3(0.46, 0.58, 0.74);
const LIGHT_TILE: vec3<f32> = vec3(0.50, 0.50, 0.51);
const DARK_TILE: vec3<f32> = vec3(0.44, 0.44, 0.46);
const TILE: f32 = 0.5;

// The weight of one of four pixels of a map around a place that lies `part` of a pixel further.
fn weight(i: u32, part: f32) -> f32 {
    return select(select(1.0, 1.0 - part, i == 0u), part, i == 3u);
}

// The part of the sun that is seen from a point of a surface.
fn sunlit(p: vec3<f32>, normal: vec3<f32>) -> f32 {
    let off = p + normal * 0.008 - shot.sun.eye.xyz;
    let depth = dot(off, shot.sun.forward.xyz);
    let along = vec2(dot(off, shot.sun.right.xyz), -dot(off, shot.sun.up.xyz));
    let place = 0.5 * (along / (depth * shot.sun_extent) + 1.0) * f32(SHADOW) - 1.5;
    let first = floor(place);
    if min(first.x, first.y) < 0.0 || max(first.x, first.y) > f32(SHADOW - 4u) {
        return 1.0;
    }
    let part = place - first;
    let at = vec2<u32>(first);
    var sum = 0.0;
    for (var y = 0u; y < 4u; y++) {
        for (var x = 0u; x < 4u; x++) {
            let reached = depths[(at.y + y) * SHADOW + at.x + x];
            let lit = depth <= reached + 0.004;
            sum += select(0.0, weight(x, part.x) * weight(y, part.y), lit);
        }
    }
    return sum / 9.0;
}

fn openness(p: vec3<f32>) -> f32 {
    let at = (p.xy - shot.corner.xy) / shot.cell;
    let first = floor(at);
    if min(first.x, first.y) < 0.0 || max(first.x, first.y) > f32(NOOKS - 2u) {
        return 1.0;
    }
    let part = at - first;
    let i = u32(first.y) * NOOKS + u32(first.x);
    return mix(mix(open[i], open[i + 1u], part.x), mix(open[i + NOOKS], open[i + NOOKS + 1u], part.x), part.y);
}

// What a matt surface sends out, of which `sees` tells how much of the sky it sees.
fn matt(colour: vec3<f32>, p: vec3<f32>, normal: vec3<f32>, sees: f32) -> vec3<f32> {
    let facing = dot(normal, TO_SUN);
    var sun = 0.0;
    if facing > 0.0 {
        sun = facing * sunlit(p, normal);
    }
    let around = mix(BOUNCE, SKY, 0.5 + 0.5 * normal.z) * sees;
    return colour * (around + SUNLIGHT * sun);
}

fn gleam(p: vec3<f32>, normal: vec3<f32>, towards: vec3<f32>) -> vec3<f32> {
    let shine = pow(max(dot(unit(TO_SUN - towards), normal), 0.0), 40.0);
    if shine < 0.01 {
        return vec3(0.0);
    }
    return SUNLIGHT * (0.14 * shine * sunlit(p, normal));
}

fn tile(p: vec3<f32>, mist: f32) -> vec3<f32> {
    let number = floor(p.x / TILE) + floor(p.y / TILE);
    let is_light = number - 2.0 * floor(0.5 * number) < 0.5;
    let colour = select(DARK_TILE, LIGHT_TILE, is_light);
    return mix(colour, 0.5 * (LIGHT_TILE + DARK_TILE), min(1.5 * mist, 1.0));
}

// The light that a ray brings to the eye.
fn light(direction: vec3<f32>) -> vec3<f32> {
    let eye = shot.view.eye.xyz;
    var far = FAR;
    if direction.z < 0.0 && eye.z > 0.0 {
        far = min(-eye.z / direction.z, FAR);
    }
    let seen = nearest(0u, shot.solids, eye, direction, NEAR, far);
    let p = eye + direction * seen.depth;
    let towards = normalize(direction);
    if seen.solid != NOTHING {
        let normal = outwards(seen.solid, p);
        let colour = colour_of(seen.solid) / 255.0;
        let sees = 0.55 + 0.45 * clamp(p.z / 0.35, 0.0, 1.0);
        return matt(colour * colour, p, normal, sees) + gleam(p, normal, towards);
    }
    if seen.depth >= FAR {
        return mix(HORIZON, ZENITH, clamp(2.0 * towards.z, 0.0, 1.0));
    }
    let mist = length(p - eye) / 22.0;
    let ground = matt(tile(p, mist), p, vec3(0.0, 0.0, 1.0), openness(p));
    return mix(ground, HORIZON, min(mist * mist, 1.0));
}

@compute @workgroup_size(8, 8, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= shot.size.x || id.y >= shot.size.y {
        return;
    }
    let size = shot.size * SAMPLES;
    var sum = vec3(0.0);
    for (var i = 0u; i < SAMPLES * SAMPLES; i++) {
        let column = id.x * SAMPLES + i % SAMPLES;
        let row = id.y * SAMPLES + i / SAMPLES;
        let u = middle(column, size.x, shot.extent.x);
        let v = -middle(row, size.y, shot.extent.y);
        sum += light(along(shot.view, u, v));
    }
    let mean = sum / f32(SAMPLES * SAMPLES);
    let bytes = vec3<u32>(255.0 * sqrt(clamp(mean, vec3(0.0), vec3(1.0))) + 0.5);
    pixels[id.y * shot.size.x + id.x] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u);
}
