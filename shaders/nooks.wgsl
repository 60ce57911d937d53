// How much of the sky the ground sees, for each corner of a grid of cells.

@group(0) @binding(2) var<storage, read_write> open: array<f32>;

// As in envs/pushchair/solid.rs.
fn signed_distance(index: u32, p: vec3<f32>) -> f32 {
    let size = size_of(index);
    let local = (p - centre_of(index)) * axes_of(index);
    var beyond: vec3<f32>;
    switch solids[index].kind {
        case BOX: {
            beyond = abs(local) - size;
        }
        case SPHERE: {
            return length(local) - size.x;
        }
        case CYLINDER: {
            let side = length(local.xy) - size.x;
            beyond = vec3(side, abs(local.z) - size.z, side);
            return length(max(beyond.xy, vec2(0.0))) + min(max(beyond.x, beyond.y), 0.0);
        }
        default: {
            return length(vec3(local.xy, local.z - clamp(local.z, -size.z, size.z))) - size.x;
        }
    }
    return length(max(beyond, vec3(0.0))) + min(max(beyond.x, max(beyond.y, beyond.z)), 0.0);
}

fn openness(p: vec3<f32>) -> f32 {
    var least = p.z;
    for (var i = 0u; i < shot.solids; i++) {
        let reach = solids[i].reach + p.z;
        let away = p - centre_of(i);
        if dot(away, away) < reach * reach {
            least = min(least, signed_distance(i, p));
        }
    }
    return 0.72 + 0.28 * max(least, 0.0) / p.z;
}

@compute @workgroup_size(8, 8, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= NOOKS || id.y >= NOOKS {
        return;
    }
    let p = shot.corner.xyz + vec3(vec2<f32>(id.xy) * shot.cell, 0.0);
    let heights = array(0.04, 0.12, 0.3);
    var all = 1.0;
    for (var i = 0; i < 3; i++) {
        all *= openness(p + vec3(0.0, 0.0, heights[i]));
    }
    open[id.y * NOOKS + id.x] = all;
}
