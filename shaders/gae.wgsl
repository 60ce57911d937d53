// Generalised advantage estimation: what src/learn/gae.rs does on the CPU, for episodes that are
// never cut but end.

struct Settings {
    environments: u32,
    steps: u32,
    gamma: f32,
    // γλ
    decay: f32,
}
@group(0) @binding(0) var<storage, read_write> settings: Settings;
// `[steps, environments]`, as all that follows.
@group(0) @binding(1) var<storage, read_write> rewards: array<f32>;
// 1 where the episode goes on after the step, 0 where it ended.
@group(0) @binding(2) var<storage, read_write> running: array<f32>;
// One step more than of the others.
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> advantages: array<f32>;
@group(0) @binding(5) var<storage, read_write> targets: array<f32>;

// Each invocation goes through the steps of an environment, the last first.
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = settings.environments;
    if id.x >= n {
        return;
    }
    var carried = 0.0;
    for (var t = settings.steps; t > 0u; t--) {
        let at = (t - 1u) * n + id.x;
        let next = running[at] * values[at + n];
        let delta = rewards[at] + settings.gamma * next - values[at];
        carried = delta + settings.decay * running[at] * carried;
        advantages[at] = carried;
        targets[at] = carried + values[at];
    }
}
