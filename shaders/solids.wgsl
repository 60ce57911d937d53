// Solids and where rays enter them, as in envs/pushchair/ray.rs and solid.rs: the beginning of every
// shader that looks at a scene of them. What is not explained here is there.

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
const BOX: u32 = 0u;
const SPHERE: u32 = 1u;
const CYLINDER: u32 = 2u;
const NOTHING: u32 = 0xffffffffu;
const INFINITY: f32 = 3.4e38;

// Nothing of it is written. All buffers are read_write because Burn may place several of them in
// one, which a dispatch can bind in one way only.
@group(0) @binding(1) var<storage, read_write> solids: array<Solid>;

fn centre_of(index: u32) -> vec3<f32> {
    let solid = &solids[index];
    return vec3((*solid).centre[0], (*solid).centre[1], (*solid).centre[2]);
}

// A vector times this is in the solid's frame; this times a vector is back in the world's.
fn axes_of(index: u32) -> mat3x3<f32> {
    let axes = solids[index].axes;
    return mat3x3(
        vec3(axes[0], axes[1], axes[2]),
        vec3(axes[3], axes[4], axes[5]),
        vec3(axes[6], axes[7], axes[8]),
    );
}

fn size_of(index: u32) -> vec3<f32> {
    let solid = &solids[index];
    return vec3((*solid).size[0], (*solid).size[1], (*solid).size[2]);
}

// Red, green and blue, 0 to 255.
fn colour_of(index: u32) -> vec3<f32> {
    return vec3<f32>((vec3(solids[index].colour) >> vec3(0u, 8u, 16u)) & vec3(255u));
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

// Where a ray enters a solid: a miss is farther than everything.
fn enter(index: u32, eye: vec3<f32>, direction: vec3<f32>) -> f32 {
    // Most rays pass a solid by. A millimetre is for rounding.
    let away = eye - centre_of(index);
    let passing = away - direction * (dot(away, direction) / dot(direction, direction));
    let reach = solids[index].reach + 1e-3;
    if dot(passing, passing) > reach * reach {
        return INFINITY;
    }
    let axes = axes_of(index);
    let origin = away * axes;
    let along = direction * axes;
    let size = size_of(index);
    switch solids[index].kind {
        case BOX: { return enter_box(origin, along, size); }
        case SPHERE: { return enter_sphere(origin, along, size.x); }
        case CYLINDER: { return enter_cylinder(origin, along, size); }
        default: { return enter_capsule(origin, along, size); }
    }
}

struct Entry {
    depth: f32,
    // Its index, or NOTHING.
    solid: u32,
}

// The nearest of the solids from `first` to before `end` that a ray enters, if that is from `near` on
// and before `far`.
fn nearest(first: u32, end: u32, eye: vec3<f32>, direction: vec3<f32>, near: f32, far: f32) -> Entry {
    var entry = Entry(far, NOTHING);
    for (var i = first; i < end; i++) {
        let depth = enter(i, eye, direction);
        if depth >= near && depth < entry.depth {
            entry = Entry(depth, i);
        }
    }
    return entry;
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

// The same for a point of the world near a solid, in the world's frame.
fn outwards(index: u32, p: vec3<f32>) -> vec3<f32> {
    let axes = axes_of(index);
    return axes * normal(solids[index].kind, size_of(index), (p - centre_of(index)) * axes);
}
