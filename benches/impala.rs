//! Speed of the IMPALA network on one and on two threads: `cargo bench --bench impala`.
//!
//! docs/impala.md has the same for PyTorch.

use divan::{Bencher, counter::ItemsCount};
use gslab::learn::{
    adam::Settings,
    categorical::Categorical,
    impala::{
        Architecture, FRAME, Frames,
        cpu::{CpuImpala, Term, Weights},
        initial::Initialisation,
    },
    loss::Tally,
};
use gslab_envs::rng::Stream;

const ACTIONS: usize = 15;

fn main() {
    divan::main();
}

fn threads(n: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool of threads")
}

fn network() -> CpuImpala {
    let architecture = Architecture::procgen(ACTIONS);
    CpuImpala::new(Weights::new(architecture, Initialisation::CleanRl, 0))
}

fn noise(frames: usize) -> Vec<u8> {
    let stream = Stream::new(0, "frames");
    (0..frames * FRAME / 4).flat_map(|i| stream.bits(0, i as u64).map(|bits| bits as u8)).collect()
}

/// Logits and values: frames and threads.
#[divan::bench(args = [(64, 1), (64, 2), (256, 1), (256, 2)], sample_count = 30)]
fn inference(bencher: Bencher<'_, '_>, (frames, n): (usize, usize)) {
    let (network, pixels, pool) = (network(), noise(frames), threads(n));
    let mut output = vec![0.0; frames * (ACTIONS + 1)];
    bencher.counter(ItemsCount::new(frames)).bench_local(|| {
        pool.install(|| network.evaluate(Frames::all(&pixels), &mut output));
    });
}

/// Forward, backward and Adam, on the cross-entropy of an action and the square of the value:
/// frames and threads.
#[divan::bench(args = [(64, 1), (64, 2)], sample_count = 30)]
fn training_step(bencher: Bencher<'_, '_>, (frames, n): (usize, usize)) {
    let (mut network, pixels, pool) = (network(), noise(frames), threads(n));
    let settings = Settings { learning_rate: 5e-4, max_grad_norm: 0.5 };
    let scale = 1.0 / frames as f32;
    let loss = |rows: std::ops::Range<usize>, output: &[f32], d_output: &mut [f32]| {
        let pairs = output.chunks(ACTIONS + 1).zip(d_output.chunks_mut(ACTIONS + 1));
        for (row, (output, d_output)) in rows.zip(pairs) {
            let policy = Categorical::new(&output[..ACTIONS]);
            policy.add_log_probability_gradient((row % ACTIONS) as u32, -scale, d_output);
            d_output[ACTIONS] = 2.0 * scale * output[ACTIONS];
        }
        Tally::default()
    };
    bencher.counter(ItemsCount::new(frames)).bench_local(|| {
        let term = Term { frames: Frames::all(&pixels), loss: &loss };
        pool.install(|| network.minimise(&[term], &settings))
    });
}
