// Frames as bytes to numbers from 0 to 1: of the wanted rows, those that lie in one slab. What
// src/learn/impala/pass.rs does on the CPU, but channels first.

// First row of the slab, and how many rows it holds.
@group(0) @binding(0) var<storage, read_write> slab: array<u32, 2>;
// Which rows are wanted.
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
// Bytes R, G, B of `[rows of the slab, 64, 64, 3]`, four in a word.
@group(0) @binding(2) var<storage, read_write> frames: array<u32>;
// `[wanted rows, 3, 64, 64]`
@group(0) @binding(3) var<storage, read_write> numbers: array<f32>;

// Of a frame.
const PIXELS: u32 = 4096u;
const WORDS: u32 = 3072u;

fn byte(word: u32, place: u32) -> f32 {
    return f32((word >> (8u * place)) & 0xffu) * (1.0 / 255.0);
}

// Each invocation takes four neighbouring pixels, which are three whole words.
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = rows[id.y];
    if row < slab[0] || row - slab[0] >= slab[1] {
        return;
    }
    let word = (row - slab[0]) * WORDS + 3u * id.x;
    let a = frames[word];
    let b = frames[word + 1u];
    let c = frames[word + 2u];
    var colours = array(
        vec4(byte(a, 0u), byte(a, 3u), byte(b, 2u), byte(c, 1u)),
        vec4(byte(a, 1u), byte(b, 0u), byte(b, 3u), byte(c, 2u)),
        vec4(byte(a, 2u), byte(b, 1u), byte(c, 0u), byte(c, 3u)),
    );
    let pixel = id.y * 3u * PIXELS + 4u * id.x;
    for (var colour = 0u; colour < 3u; colour++) {
        for (var i = 0u; i < 4u; i++) {
            numbers[pixel + colour * PIXELS + i] = colours[colour][i];
        }
    }
}
