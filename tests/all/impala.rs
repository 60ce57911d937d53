//! The IMPALA network held against PyTorch, and against itself on other threads.
//!
//! `tests/impala/network.safetensors` is a small network saved by PyTorch, `gradient.safetensors`
//! the gradient of a loss in its parameters, taken in f64; docs/impala.md has the script.

use gslab::learn::{
    adam::Settings,
    categorical::Categorical,
    impala::{
        Architecture, FRAME, Frames,
        cpu::{CpuImpala, Term, Weights},
        initial::Initialisation,
        torch::{self, TorchError},
    },
    loss::Tally,
};
use std::ops::Range;

const NETWORK: &[u8] = include_bytes!("../impala/network.safetensors");
const GRADIENT: &[u8] = include_bytes!("../impala/gradient.safetensors");
/// What PyTorch computes in f64 for three frames: five logits and a value.
const OUTPUT: [[f64; 6]; 3] = [
    [-0.2289005683, 0.0015867965, 0.1723874229, 0.1289123783, 0.0199274447, -0.1740044550],
    [-0.2293866366, 0.0021275495, 0.1722185564, 0.1269276760, 0.0232293883, -0.1718761581],
    [-0.2281803497, -0.0011346695, 0.1692207968, 0.1285330454, 0.0229378561, -0.1710446984],
];
const SETTINGS: Settings = Settings { learning_rate: 1e-3, max_grad_norm: 0.5 };

/// The small network of the files.
fn small() -> Architecture {
    Architecture::new(vec![4, 8, 8], 16, 5, 1).unwrap()
}

/// Bytes of a linear congruential generator (Numerical Recipes), as in the script.
fn noise(frames: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(frames * FRAME).collect()
}

/// The loss whose gradient in output i of frame f is cos(6 f + i).
fn linear(rows: Range<usize>, output: &[f32], d_output: &mut [f32]) -> Tally {
    let mut loss = 0.0;
    for (i, (d, o)) in d_output.iter_mut().zip(output).enumerate() {
        *d = ((rows.start * 6 + i) as f64).cos() as f32;
        loss += f64::from(*d * o);
    }
    [loss, 0.0, 0.0, 0.0, 0.0]
}

/// -mean log π of choosing as `choice` says, over `n` frames of a network with `outputs` outputs.
fn cross_entropy(
    n: usize,
    outputs: usize,
    choice: impl Fn(usize) -> u32 + Sync,
) -> impl Fn(Range<usize>, &[f32], &mut [f32]) -> Tally + Sync {
    move |rows, output, d_output| {
        let mut tally = Tally::default();
        let pairs = output.chunks(outputs).zip(d_output.chunks_mut(outputs));
        for (row, (output, d_output)) in rows.zip(pairs) {
            let policy = Categorical::new(&output[..outputs - 1]);
            tally[0] -= f64::from(policy.log_probability(choice(row))) / n as f64;
            policy.add_log_probability_gradient(choice(row), -1.0 / n as f32, d_output);
        }
        tally
    }
}

#[test]
fn outputs_equal_pytorchs_with_its_weights() {
    let parameters = torch::parameters(NETWORK, &small()).unwrap();
    let network = CpuImpala::new(Weights::of(parameters, small()));
    let mut output = [0.0; 18];
    network.evaluate(Frames::all(&noise(3)), &mut output);
    for (found, expected) in output.iter().zip(OUTPUT.as_flattened()) {
        assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} against {expected}");
    }
}

#[test]
fn gradients_equal_pytorchs() {
    let parameters = torch::parameters(NETWORK, &small()).unwrap();
    let expected = torch::parameters(GRADIENT, &small()).unwrap();
    let mut network = CpuImpala::new(Weights::of(parameters, small()));
    let pixels = noise(3);
    let term = Term { frames: Frames::all(&pixels), loss: &linear };
    let (found, tallies) = network.gradient(&[term]);

    let weights = (0..18).map(|i| f64::from(i).cos());
    let loss: f64 = OUTPUT.as_flattened().iter().zip(weights).map(|(o, w)| o * w).sum();
    assert!((tallies[0][0] - loss).abs() < 1e-5);

    let architecture = small();
    let convs = architecture.convs();
    let start = architecture.head_start();
    let head = architecture.head().layers();
    let of_head = |range: &Range<usize>| start + range.start..start + range.end;
    let tensors = convs
        .iter()
        .flat_map(|layer| [layer.weights.clone(), layer.biases.clone()])
        .chain(head.iter().flat_map(|layer| [of_head(&layer.weights), of_head(&layer.biases)]));
    let mut covered = 0;
    for (i, range) in tensors.enumerate() {
        covered += range.len();
        let square = |values: &mut dyn Iterator<Item = f32>| -> f64 {
            values.map(|x| f64::from(x).powi(2)).sum::<f64>()
        };
        let error = square(
            &mut found[range.clone()].iter().zip(&expected[range.clone()]).map(|(f, e)| f - e),
        );
        let norm = square(&mut expected[range].iter().copied());
        // One pixel of a window, or one unit, that f32 takes for the other side of a tie with
        // its neighbour moves a gradient by more than rounding does.
        assert!(norm > 0.0 && error.sqrt() < 1e-3 * norm.sqrt(), "tensor {i}: {error} of {norm}");
    }
    assert_eq!(covered, architecture.parameters());
}

#[test]
fn other_files_are_refused_with_the_reason() {
    let error = |bytes: &[u8], architecture: Architecture| {
        torch::parameters(bytes, &architecture).expect_err("another network")
    };
    assert!(matches!(error(&NETWORK[..1000], small()), TorchError::Format(_)));
    let wider = Architecture::new(vec![4, 8, 16], 16, 5, 1).unwrap();
    let message = error(NETWORK, wider).to_string();
    assert!(message.contains("network.2.conv.weight") && message.contains("[16, 8, 3, 3]"));
    let deeper = Architecture::new(vec![4, 8, 8, 8], 16, 5, 1).unwrap();
    let message = error(NETWORK, deeper).to_string();
    assert!(message.contains("no tensor network.3.conv.weight") && message.contains("actor.bias"));
    let mut broken = NETWORK.to_vec();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(matches!(error(&broken, small()), TorchError::NotFinite(_)));
}

/// Terms whose rows are neither a multiple of the blocks nor of the lanes.
#[test]
fn not_a_bit_depends_on_the_number_of_threads() {
    let pixels = noise(53);
    let rows: Vec<u32> = (0..53).map(|i| i * 20 % 53).collect();
    let train = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network = CpuImpala::new(Weights::new(small(), Initialisation::CleanRl, 3));
            let loss = cross_entropy(53, 6, |row| row as u32 % 5);
            let demonstrations = cross_entropy(20, 6, |_| 2);
            let tallies: Vec<Vec<Tally>> = (0..3)
                .map(|_| {
                    let terms = [
                        Term { frames: Frames::at(&pixels, &rows), loss: &loss },
                        Term { frames: Frames::at(&pixels, &rows[..20]), loss: &demonstrations },
                    ];
                    network.minimise(&terms, &SETTINGS)
                })
                .collect();
            let mut output = vec![0.0; 53 * 6];
            network.evaluate(Frames::all(&pixels), &mut output);
            (network.weights().clone(), tallies, output)
        })
    };
    let one = train(1);
    assert_eq!(one.0.moments.step, 3);
    assert!(one.2.iter().all(|x| x.is_finite()));
    assert!(one == train(2));
    assert!(one == train(3));
}

#[test]
fn frames_at_rows_are_those_frames_and_terms_add_up() {
    let pixels = noise(5);
    let rows = [3, 0, 4];
    let copied: Vec<u8> =
        rows.iter().flat_map(|&r| pixels[r as usize * FRAME..][..FRAME].to_vec()).collect();
    let mut network = CpuImpala::new(Weights::new(small(), Initialisation::Ppg, 5));
    let (at, all) = (Frames::at(&pixels, &rows), Frames::all(&copied));
    let (mut outputs, mut copies) = ([0.0; 18], [0.0; 18]);
    network.evaluate(at, &mut outputs);
    network.evaluate(all, &mut copies);
    assert_eq!(outputs, copies);

    let one = network.gradient(&[Term { frames: at, loss: &linear }]).0.to_vec();
    let two = [Term { frames: at, loss: &linear }, Term { frames: all, loss: &linear }];
    let (two, tallies) = network.gradient(&two);
    assert_eq!(tallies[0], tallies[1]);
    assert!(one.iter().zip(two).all(|(one, two)| 2.0 * one == *two));
    let (none, tallies) = network.gradient(&[]);
    assert!(none.iter().all(|d| *d == 0.0) && tallies.is_empty());
}

/// Which quarter of the frame is bright, from pixels, with each initialisation.
#[test]
fn learns_to_tell_frames_apart() {
    let n = 32;
    let mut pixels = noise(n);
    for (frame, bytes) in pixels.chunks_exact_mut(FRAME).enumerate() {
        for (i, byte) in bytes.iter_mut().enumerate() {
            let (y, x) = (i / (64 * 3) / 32, i / 3 % 64 / 32);
            *byte = *byte / 4 + if frame % 4 == 2 * y + x { 128 } else { 0 };
        }
    }
    let loss = cross_entropy(n, 6, |row| row as u32 % 4);
    for initialisation in
        [Initialisation::TrainProcgen, Initialisation::CleanRl, Initialisation::Ppg]
    {
        let mut network = CpuImpala::new(Weights::new(small(), initialisation, 1));
        let mut last = f64::INFINITY;
        for _ in 0..40 {
            let term = Term { frames: Frames::all(&pixels), loss: &loss };
            let settings = Settings { learning_rate: 5e-3, ..SETTINGS };
            last = network.minimise(&[term], &settings)[0][0];
        }
        assert!(last < 0.5, "{initialisation:?}: {last}, from {}", 5f64.ln());
    }
}
