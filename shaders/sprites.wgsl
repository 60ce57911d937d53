// Items to pixels: what src/render/cpu.rs does, byte for byte, for all frames of a batch at once.
// All arithmetic is 32 bit and wraps.

// The 16 words and the constants of src/render/item.rs, which tells what they mean.
struct Item {
    // y0, y1
    rows: vec2<i32>,
    // xl, xr
    edges: vec2<i32>,
    // dxl, dxr
    slopes: vec2<i32>,
    // u0, v0
    origin: vec2<i32>,
    // dudx, dvdx
    per_column: vec2<i32>,
    // dudy, dvdy
    per_row: vec2<i32>,
    texel: i32,
    size: i32,
    mode: i32,
    opacity: i32,
}
const FILL: i32 = 0;
const MIRRORED: i32 = 256;

const SIDE: u32 = 64u;
// Texels in the first of the two buffers of them: 128 MiB, as much as every GPU binds.
const FIRST_TEXELS: u32 = 33554432u;

// Nothing but `frames` is written. All are read_write because Burn may place several of them in
// one buffer, which a dispatch can bind in one way only.

// Pixels 0xAARRGGBB of all pictures, premultiplied.
@group(0) @binding(0) var<storage, read_write> texels: array<u32>;
// Those that the first buffer does not hold.
@group(0) @binding(1) var<storage, read_write> more_texels: array<u32>;
// Of all frames, one after another; in each, what is drawn first comes first.
@group(0) @binding(2) var<storage, read_write> items: array<Item>;
// Where the items of each frame end.
@group(0) @binding(3) var<storage, read_write> ends: array<u32>;
// Bytes R, G, B, row by row.
@group(0) @binding(4) var<storage, read_write> frames: array<u32>;

// The bytes 0 and 2 of colours times a / 255, rounded as the painter of Procgen does.
fn scale_pair(colour: vec4<u32>, a: vec4<u32>) -> vec4<u32> {
    let t = (colour & vec4(0x00ff00ffu)) * a;
    let rounded = t + ((t >> vec4(8u)) & vec4(0x00ff00ffu)) + vec4(0x00800080u);
    return (rounded >> vec4(8u)) & vec4(0x00ff00ffu);
}

// All four bytes of colours 0xAARRGGBB times a / 255.
fn scale(colour: vec4<u32>, a: vec4<u32>) -> vec4<u32> {
    return scale_pair(colour, a) | (scale_pair(colour >> vec4(8u), a) << vec4(8u));
}

// Which of four pixels of row y an item covers.
fn covered(i: u32, x: vec4<i32>, y: i32) -> vec4<bool> {
    let item = &items[i];
    let rows = (*item).rows;
    if y < rows.x || y >= rows.y {
        return vec4(false);
    }
    let columns = ((*item).edges + (y - rows.x) * (*item).slopes) >> vec2(16u);
    return (x >= vec4(columns.x)) & (x < vec4(columns.y));
}

fn texel(at: u32) -> u32 {
    if at < FIRST_TEXELS {
        return texels[at];
    }
    return more_texels[at - FIRST_TEXELS];
}

// What an item shows at four pixels of row y.
fn colours(i: u32, x: vec4<i32>, y: i32) -> vec4<u32> {
    let item = &items[i];
    if ((*item).mode & 255) == FILL {
        return vec4(u32((*item).texel));
    }
    let width = (*item).size & 0xffff;
    let height = (*item).size >> 16u;
    let row = (*item).origin + y * (*item).per_row;
    let along = (*item).per_column;
    let across = row.x + x * along.x;
    let down = row.y + x * along.y;
    var u = clamp(across >> vec4(16u), vec4(0), vec4(width - 1));
    let v = clamp(down >> vec4(16u), vec4(0), vec4(height - 1));
    if ((*item).mode & MIRRORED) != 0 {
        u = width - 1 - u;
    }
    let at = vec4<u32>((*item).texel + v * width + u);
    var shown: vec4<u32>;
    // One branch for an item, not one for every texel.
    if u32((*item).texel + width * height) <= FIRST_TEXELS {
        shown = vec4(texels[at.x], texels[at.y], texels[at.z], texels[at.w]);
    } else {
        shown = vec4(texel(at.x), texel(at.y), texel(at.z), texel(at.w));
    }
    // By 255 / 255 nothing changes.
    return scale(shown, vec4(u32((*item).opacity)));
}

// Four neighbouring pixels are three whole words, so no two invocations write to the same.
@compute @workgroup_size(4, 16, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let frame = id.z;
    let y = i32(id.y);
    let x = vec4<i32>(0, 1, 2, 3) + i32(4u * id.x);
    var first = 0u;
    if frame > 0u {
        first = ends[frame - 1u];
    }
    let end = ends[frame];

    var pixels = vec4(0u);
    for (var i = first; i < end; i++) {
        // In a loop of its own, so that invocations whose next items differ draw them together.
        while i < end && !any(covered(i, x, y)) {
            i++;
        }
        if i < end {
            let source = colours(i, x, y);
            let below = scale(pixels, vec4(255u) - (source >> vec4(24u)));
            pixels = select(pixels, source + below, covered(i, x, y));
        }
    }

    // 0x00BBGGRR: red is the first byte.
    let rgb = ((pixels >> vec4(16u)) & vec4(0xffu)) | (pixels & vec4(0xff00u))
        | ((pixels & vec4(0xffu)) << vec4(16u));
    let word = 3u * (frame * SIDE * SIDE / 4u + id.y * SIDE / 4u + id.x);
    frames[word] = rgb.x | (rgb.y << 24u);
    frames[word + 1u] = (rgb.y >> 8u) | (rgb.z << 16u);
    frames[word + 2u] = (rgb.z >> 16u) | (rgb.w << 8u);
}
