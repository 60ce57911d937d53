// Draws an action for each row of logits: what src/learn/categorical.rs does on the CPU, with the
// same random bits.

struct Settings {
    rows: u32,
    // Length of a row of outputs: logits first, the value last.
    outputs: u32,
    choices: u32,
    // Row of the results at which this step's begin.
    start: u32,
    // 1: the likeliest action, the first of equals. 0: a sample.
    likeliest: u32,
    // Of the stream of noise, and the position in it.
    key: array<u32, 2>,
    purpose: u32,
    index: array<u32, 2>,
    // Which of the four numbers at that position.
    part: u32,
}
@group(0) @binding(0) var<storage, read_write> settings: Settings;
// The lane of the noise of each row.
@group(0) @binding(1) var<storage, read_write> lanes: array<u32>;
@group(0) @binding(2) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(3) var<storage, read_write> actions: array<u32>;
@group(0) @binding(4) var<storage, read_write> log_probabilities: array<f32>;
@group(0) @binding(5) var<storage, read_write> values: array<f32>;

// The upper and the lower word of a product, of halves of words.
fn wide_product(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return vec2((a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u), a * b);
}

// Philox4x32-10, as in envs/rng.rs.
fn philox(start: vec4<u32>) -> vec4<u32> {
    var counter = start;
    var key = vec2(settings.key[0], settings.key[1]);
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
    let row = id.x;
    if row >= settings.rows {
        return;
    }
    let first = row * settings.outputs;
    var largest = outputs[first];
    var likeliest = 0u;
    for (var i = 1u; i < settings.choices; i++) {
        if outputs[first + i] > largest {
            largest = outputs[first + i];
            likeliest = i;
        }
    }
    var sum = 0.0;
    for (var i = 0u; i < settings.choices; i++) {
        sum += exp(outputs[first + i] - largest);
    }
    let log_sum = largest + log(sum);

    var action = likeliest;
    if settings.likeliest == 0u {
        let bits = philox(vec4(settings.index[0], settings.index[1], lanes[row], settings.purpose));
        // From (0, 1], multiples of 2^-24.
        let uniform_number = f32((bits[settings.part] >> 8u) + 1u) * (1.0 / 16777216.0);
        var below = 0.0;
        for (var i = 0u; i < settings.choices; i++) {
            let p = exp(outputs[first + i] - log_sum);
            if p > 0.0 {
                // Rounding may leave the sum a little below 1: then the last possible action.
                action = i;
                below += p;
                if below >= uniform_number {
                    break;
                }
            }
        }
    }
    let at = settings.start + row;
    actions[at] = action;
    log_probabilities[at] = outputs[first + action] - log_sum;
    values[at] = outputs[first + settings.outputs - 1u];
}
