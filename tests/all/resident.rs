//! What sees, acts and learns on a GPU, held against its twin on the CPU.

use crate::{
    common::{Place, Running, assert_same, ended},
    pixels,
};
use burn::tensor::{Tensor, TensorData};
use gslab::{
    device::Device,
    gpu::Gpu,
    gsl::evaluate::Acting,
    learn::{
        adam,
        agent::{Agent, Chosen, Learning, Policy, Shown},
        dapg,
        gae::{self, Discount, Trajectories},
        impala::{
            Architecture, FRAME, Frames,
            cpu::{CpuImpala, Weights},
            gpu::GpuImpala,
            initial::Initialisation,
        },
        pixels::{Pixels, frames::ResidentFrames, gpu::ResidentPixels},
        ppg::{self, Form, Phasic, gpu::ResidentPhasic},
        ppo::{self, gpu::Estimated},
        rollout::{Rollout, Stages},
    },
    pool::Pool,
};
use gslab_envs::{
    End,
    levels::{LevelSet, Order},
    registry,
    registry::Family,
    rng::Stream,
};

const GAME: &str = "procgen:bigfish";
const ENVIRONMENTS: usize = 3;
const STEPS: usize = 8;
const ROWS: usize = ENVIRONMENTS * STEPS;

fn device() -> Device {
    let (device, adapter) = crate::common::gpu::open();
    Device::Gpu { device, adapter }
}

fn gpu() -> Gpu {
    Gpu::new(&crate::common::gpu::open().0).unwrap()
}

fn family() -> Box<dyn Family> {
    let level = "mode = \"easy\"\nnum_levels = 4\nstart_level = 3".parse().expect("valid TOML");
    registry::find(GAME).expect("the game is registered").build(&level).expect("valid options")
}

fn pool() -> Pool {
    let levels = LevelSet::new(vec![0, 1, 2, 3], Order::Uniform, 5).expect("levels");
    Pool::new(&*family(), &levels, ENVIRONMENTS)
}

fn architecture() -> Architecture {
    Architecture::new(vec![4, 6], 16, 15, 1).expect("a network")
}

/// Weights that say something: those of a new network's last layer are small.
fn weights() -> Weights {
    let mut weights = Weights::new(architecture(), Initialisation::CleanRl, 3);
    let stream = Stream::new(9, "resident");
    for (i, w) in weights.parameters.iter_mut().enumerate() {
        *w += 0.02 * stream.normal(0, i as u64)[0];
    }
    weights
}

fn noise() -> Stream {
    Stream::new(4, "noise")
}

fn random_pixels(rows: usize) -> Vec<u8> {
    let stream = Stream::new(2, "pixels");
    (0..rows * FRAME / 16)
        .flat_map(|i| stream.bits(0, i as u64).map(u32::to_le_bytes).concat())
        .collect()
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_close(what: &str, found: &[f32], expected: &[f32], limit: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= limit * (1.0 + e.abs()), "{what}, {i}: {f} against {e}");
    }
}

#[test]
fn frames_in_slabs_are_unpacked_and_read_in_any_order() {
    let gpu = gpu();
    let pixels = random_pixels(7);
    let frame = |row: usize| &pixels[row * FRAME..(row + 1) * FRAME];
    // Rows 6, 0, 3, then all in order.
    let mut frames = ResidentFrames::send(&gpu, &pixels, &[6, 0, 3]);
    frames.append(ResidentFrames::send(&gpu, &pixels, &[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(frames.len(), 10);
    let wanted = [9_u32, 0, 4, 2, 2, 8];
    let held = [6, 6, 1, 3, 3, 5];
    let mut expected = Vec::new();
    for row in held {
        for colour in 0..3 {
            let bytes = frame(row).iter().skip(colour).step_by(3);
            expected.extend(bytes.map(|&byte| f32::from(byte) / 255.0));
        }
    }
    let unpacked = frames.unpack(&wanted);
    assert_eq!(unpacked.dims(), [6, 3, 64, 64]);
    assert_close("a number", &read(unpacked), &expected, 1e-6);
    let read = frames.read(&wanted.map(|row| row as usize)).unwrap();
    assert!(read == held.map(frame).concat());

    // Room that is written a step at a time.
    let room = ResidentFrames::of_rows(&gpu, 6, 4);
    assert_eq!(room.memory(4, 2).size_in_used(), 2 * FRAME as u64);
    assert_eq!(room.memory(1, 3).size_in_used(), 3 * FRAME as u64);
}

#[test]
fn the_networks_outputs_and_gradients_are_those_of_the_cpu() {
    let gpu = gpu();
    let pixels = random_pixels(5);
    let detached = Architecture::new(vec![4, 6], 16, 15, 2).unwrap().with_detached_value();
    for weights in [weights(), Weights::new(detached, Initialisation::Ppg, 1)] {
        let outputs = weights.architecture.outputs();
        let mut cpu = CpuImpala::new(weights.clone());
        let network = GpuImpala::new(weights, &gpu);
        let rows = [4_u32, 0, 2];
        let mut expected = vec![0.0; rows.len() * outputs];
        cpu.evaluate(Frames::at(&pixels, &rows), &mut expected);
        let frames = ResidentFrames::send(&gpu, &pixels, &[0, 1, 2, 3, 4]);
        assert_close("an output", &read(network.evaluate(&frames, &rows)), &expected, 1e-5);

        // Σ c · output², of which every output's gradient differs.
        let c = |i: usize| 0.1 + 0.01 * i as f32;
        let by_hand = |range: std::ops::Range<usize>, output: &[f32], d_output: &mut [f32]| {
            for (i, (x, d)) in output.iter().zip(d_output).enumerate() {
                *d += 2.0 * c(range.start * outputs + i) * x;
            }
            [0.0; 5]
        };
        let term =
            gslab::learn::impala::cpu::Term { frames: Frames::at(&pixels, &rows), loss: &by_hand };
        let (expected, _) = cpu.gradient(&[term]);
        let by_tensors = |range: std::ops::Range<usize>, output: Tensor<2>| {
            let c: Vec<f32> = (range.start * outputs..range.end * outputs).map(c).collect();
            let data = TensorData::new(c, [range.len(), outputs]);
            let c = Tensor::<2>::from_data(data, &output.device());
            vec![(output.square() * c).sum()]
        };
        let term =
            gslab::learn::impala::gpu::Term { frames: &frames, rows: &rows, loss: &by_tensors };
        let found = read(network.gradient(&[term]).0);
        let largest = expected.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        assert!(largest > 0.01, "{largest}");
        for (i, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f - e).abs() < 1e-4 * largest, "{i}: {f} against {e}");
        }
    }
}

#[test]
fn advantages_are_those_of_the_cpu() {
    let gpu = gpu();
    let (n, steps) = (70, 9);
    let stream = Stream::new(6, "gae");
    let number = |lane, i: usize| stream.normal(lane, i as u64)[0];
    let rewards: Vec<f32> = (0..n * steps).map(|i| number(0, i)).collect();
    let values: Vec<f32> = (0..n * (steps + 1)).map(|i| number(1, i)).collect();
    let end = |i: usize| if i % 4 == 3 { End::Terminated } else { End::Running };
    let ends: Vec<End> = (0..n * steps).map(end).collect();
    let discount = Discount { gamma: 0.9, lambda: 0.8 };
    let (advantages, targets) = gae::advantages(
        &Trajectories {
            n,
            rewards: &rewards,
            ends: &ends,
            values: &values[..n * steps],
            next_values: &values[n..],
        },
        discount,
    );
    let words = || gpu.empty(4);
    let rollout = Rollout {
        n,
        experience: ppo::gpu::ResidentChoices {
            frames: ResidentFrames::of_rows(&gpu, 1, 1),
            actions: Vec::new(),
            resident_actions: words(),
            log_probabilities: words(),
            values: gpu.send(bytemuck::cast_slice(&values)),
            gpu: gpu.clone(),
        },
        rewards,
        ends,
        episodes: Vec::new(),
        stages: Stages::default(),
    };
    let found = Estimated::new(&rollout, discount);
    assert_close("an advantage", &read(found.advantages), &advantages, 1e-5);
    assert_close("a target", &read(found.targets), &targets, 1e-5);
}

/// Both twins play from the same weights, then learn from it.
struct Twins<C: Agent, G: Agent> {
    cpu: C,
    gpu: G,
    pools: [Pool; 2],
}

impl<C, G> Twins<C, G>
where
    C: Agent<
            Report = ppo::Report,
            Experience = ppo::categorical::Choices,
            Demonstrations = dapg::categorical::Demonstrations,
        >,
    G: Agent<
            Weights = C::Weights,
            Report = ppo::Report,
            Experience = ppo::gpu::ResidentChoices,
            Demonstrations = dapg::categorical::Demonstrations,
        >,
{
    fn new(weights: C::Weights) -> Self {
        Self {
            cpu: C::new(&Device::Cpu, GAME, weights.clone()),
            gpu: G::new(&device(), GAME, weights),
            pools: [pool(), pool()],
        }
    }

    fn collect(&mut self, iteration: u64) -> (Rollout<C::Experience>, Rollout<G::Experience>) {
        let [of_cpu, of_gpu] = &mut self.pools;
        let first = iteration * STEPS as u64;
        let mut cpu = self.cpu.collect(of_cpu, STEPS, noise(), first);
        let mut gpu = self.gpu.collect(of_gpu, STEPS, noise(), first);
        // A reward in eight steps is rare: make some.
        for rewards in [&mut cpu.rewards, &mut gpu.rewards] {
            for (i, reward) in rewards.iter_mut().enumerate() {
                *reward += Stream::new(3, "rewards").normal(0, i as u64)[0];
            }
        }
        (cpu, gpu)
    }

    /// Some iterations, the last with demonstrations.
    fn learn(&mut self, learning: &Learning, iterations: u64) {
        let shuffle = Stream::new(8, "shuffle");
        let config = dapg::Config { minibatch: 5, ..dapg::Config::procgen() };
        for iteration in 0..iterations {
            let (cpu, gpu) = self.collect(iteration);
            let demonstrations = C::demonstrations(&cpu, &[1, 2, 3, 5, 8, 13, 21]);
            let shown = (iteration + 1 == iterations).then_some(Shown {
                demonstrations: &demonstrations,
                config: &config,
                shuffle: Stream::new(8, "guide"),
            });
            let expected = self.cpu.update(cpu, learning, shuffle, iteration, shown.as_ref());
            let found = self.gpu.update(gpu, learning, shuffle, iteration, shown.as_ref());
            let numbers = |r: &ppo::Report| {
                [
                    r.policy_loss,
                    r.value_loss,
                    r.entropy,
                    r.approximate_kl,
                    r.clip_fraction,
                    r.explained_variance,
                    r.max_advantage,
                    r.auxiliary[0],
                    r.auxiliary[1],
                ]
            };
            for (i, (f, e)) in numbers(&found).into_iter().zip(numbers(&expected)).enumerate() {
                assert!((f - e).abs() < 1e-3 * (1.0 + e.abs()), "report, {i}: {f} against {e}");
            }
            assert_eq!(self.gpu.is_settled(), self.cpu.is_settled());
            for (f, e) in self.gpu.measures().into_iter().zip(self.cpu.measures()) {
                assert!(f.is_nan() == e.is_nan(), "{f} against {e}");
                assert!(f.is_nan() || (f - e).abs() < 1e-3 * (1.0 + e.abs()), "{f} against {e}");
            }
        }
    }

    /// -mean log π of demonstrations, which tells policies apart.
    fn likelihoods(&mut self) -> [f64; 2] {
        let (cpu, _) = self.collect(99);
        let demonstrations = C::demonstrations(&cpu, &(0..ROWS).collect::<Vec<_>>());
        let rows: Vec<u32> = (0..ROWS as u32).collect();
        [
            self.gpu.negative_log_likelihood(&demonstrations, &rows),
            self.cpu.negative_log_likelihood(&demonstrations, &rows),
        ]
    }
}

fn learning() -> Learning {
    let ppo = ppo::Config {
        samples: ROWS,
        minibatch: 10,
        environments: ENVIRONMENTS,
        epochs: 2,
        ..ppo::Config::procgen()
    };
    let ppg = ppg::Config {
        policy_iterations: 2,
        auxiliary_epochs: 2,
        auxiliary_environments: 2,
        ..ppg::Config::default()
    };
    Learning { ppo, ppg, ..Learning::default() }
}

#[test]
fn it_plays_the_same_as_on_the_cpu_and_only_actions_come_back() {
    let mut twins = Twins::<Pixels, ResidentPixels>::new(weights());
    for iteration in 0..2 {
        let before = (twins.gpu.gpu().sent(), twins.gpu.gpu().received());
        let (cpu, gpu) = twins.collect(iteration);
        let sent = twins.gpu.gpu().sent() - before.0;
        let received = twins.gpu.gpu().received() - before.1;
        // A word for each action.
        assert_eq!(received, 4 * ROWS as u64);
        // A frame would be 12,288 bytes.
        assert!(sent < 1000 * (ROWS + ENVIRONMENTS) as u64, "{sent}");
        assert_eq!(gpu.experience.actions, cpu.experience.actions);
        assert_eq!(gpu.rewards, cpu.rewards);
        assert_eq!(gpu.ends, cpu.ends);
        let rows: Vec<usize> = (0..ROWS).collect();
        assert!(gpu.experience.frames.read(&rows).unwrap() == cpu.experience.pixels);
        let floats = |buffer: &gslab::gpu::Buffer| -> Vec<f32> {
            bytemuck::pod_collect_to_vec(&gpu.experience.gpu.read(buffer.clone()).unwrap())
        };
        let estimates = &cpu.experience.estimates;
        let log_probabilities = floats(&gpu.experience.log_probabilities);
        assert_close("log π", &log_probabilities, &estimates.log_densities, 1e-5);
        let values = floats(&gpu.experience.values);
        assert_close("V", &values[..ROWS], &estimates.values, 1e-5);
        assert_close("the next V", &values[ENVIRONMENTS..], &estimates.next_values, 1e-5);
        let shown = ResidentPixels::<GpuImpala>::demonstrations(&gpu, &[20, 3, 7]);
        assert!(shown == Pixels::<CpuImpala>::demonstrations(&cpu, &[20, 3, 7]));
    }
    // Those who sleep are not looked at.
    for acting in [Acting::Mean, Acting::Sampled] {
        let [of_cpu, of_gpu] = &twins.pools;
        let expected = twins.cpu.act(of_cpu, &[false, true, false], acting, noise(), 7);
        let found = twins.gpu.act(of_gpu, &[false, true, false], acting, noise(), 7);
        let awake = |chosen: &Chosen| match chosen {
            Chosen::Discrete(actions) => (actions[0], actions[2]),
            Chosen::Continuous(_) => panic!("frames are answered by choices"),
        };
        assert_eq!(awake(&found), awake(&expected), "{acting:?}");
    }
}

#[test]
fn ppo_and_dapg_learn_the_same_as_on_the_cpu() {
    for standardise in [ppo::Standardise::Minibatch, ppo::Standardise::Batch] {
        let mut learning = learning();
        learning.ppo.standardise = standardise;
        let mut twins = Twins::<Pixels, ResidentPixels>::new(weights());
        let before = Agent::weights(&twins.gpu).parameters;
        twins.learn(&learning, 2);
        let [found, expected] = twins.likelihoods();
        assert!((found - expected).abs() < 1e-3, "{found} against {expected}");
        let (gpu, cpu) = (Agent::weights(&twins.gpu), Agent::weights(&twins.cpu));
        assert_eq!(gpu.moments.step, cpu.moments.step);
        // A step of Adam on a gradient near 0 may go either way: on average they are the same.
        let apart = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
        };
        let rate = learning.ppo.learning_rate;
        let (moved, differ) =
            (apart(&gpu.parameters, &before), apart(&gpu.parameters, &cpu.parameters));
        assert!(moved > rate, "{moved}");
        assert!(differ < 0.05 * rate, "{differ}");
    }
}

#[test]
fn cloning_learns_the_same_as_on_the_cpu() {
    let mut twins = Twins::<Pixels, ResidentPixels>::new(weights());
    let (cpu, _) = twins.collect(0);
    let demonstrations = Pixels::<CpuImpala>::demonstrations(&cpu, &(0..ROWS).collect::<Vec<_>>());
    let adam = adam::Settings { learning_rate: 1e-3, max_grad_norm: f32::INFINITY };
    let mut losses = Vec::new();
    for rows in [[0, 5, 9, 14], [3, 8, 20, 1], [0, 5, 9, 14]] {
        let expected = twins.cpu.imitate(&demonstrations, &rows, &adam);
        let found = twins.gpu.imitate(&demonstrations, &rows, &adam);
        assert!((found - expected).abs() < 1e-3, "{found} against {expected}");
        losses.push(found);
    }
    assert!(losses[2] < losses[0], "{losses:?}");
    let [found, expected] = twins.likelihoods();
    assert!((found - expected).abs() < 1e-3, "{found} against {expected}");
}

#[test]
fn ppg_learns_the_same_as_on_the_cpu_with_one_network_or_two() {
    for form in [Form::Dual, Form::Shared, Form::Detach] {
        let mut weights = ppg::Weights::new(form, &architecture(), Initialisation::Ppg, 2);
        for (i, w) in weights.policy.parameters.iter_mut().enumerate() {
            *w += 0.02 * Stream::new(9, "resident").normal(1, i as u64)[0];
        }
        let mut twins = Twins::<Pixels<Phasic>, ResidentPixels<ResidentPhasic>>::new(weights);
        // With an auxiliary phase after the second.
        twins.learn(&learning(), 2);
        assert!(twins.gpu.is_settled());
        assert!(twins.gpu.measures().iter().all(|m| m.is_finite()));
        let [found, expected] = twins.likelihoods();
        assert!((found - expected).abs() < 2e-3, "{form:?}: {found} against {expected}");
    }
}

#[test]
fn a_run_that_was_killed_ends_with_the_same_bytes() {
    let place = Place::new();
    let tiny = pixels::TINY.replace("total_samples=512", "total_samples=256");
    let train = |out: &str| format!("train {GAME} --out {out} {tiny}");
    ended(place.on_gpu(&train("whole"))).well();
    let mut running = Running::new(place.on_gpu(&train("run")));
    running.until(|| place.rows("run/seed-0/train") >= 1);
    running.kill();
    ended(place.on_gpu("resume run")).well();
    assert_same(&place.tree("run"), &place.tree("whole"), "on a GPU");
}

/// With demonstrations that the GPU plays, and specialists that learn side by side on it.
#[test]
fn algorithm_1_goes_through_all_its_phases() {
    let place = Place::new();
    ended(place.on_gpu(&format!("gsl procgen --out run {}", pixels::TINY_GSL))).well();
    for phase in ["generalist", "finetune-low", "specialist-1", "specialist-2", "merge"] {
        assert!(place.rows(&format!("run/seed-0/{phase}")) > 0, "{phase}");
    }
    let merged = place.text("run/seed-0/merge/metrics.csv");
    let mut lines = merged.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (names, first) = (lines.next().unwrap(), lines.next().unwrap());
    let of = |name: &str| -> f64 {
        first[names.iter().position(|found| *found == name).unwrap()].parse().unwrap()
    };
    assert!(of("policy_loss").is_finite());
    ended(place.on_gpu("eval run --policy merge --episodes 1")).well();
}

/// Specialists do so: each has a queue of its own on the GPU.
#[test]
fn agents_that_learn_at_the_same_time_do_not_disturb_each_other() {
    let device = device();
    let learn = |seed: u64| {
        let weights = Weights::new(architecture(), Initialisation::CleanRl, seed);
        let mut agent: ResidentPixels = Agent::new(&device, GAME, weights);
        let mut pool = pool();
        let rollout = agent.collect(&mut pool, STEPS, noise(), 0);
        agent.update(rollout, &learning(), Stream::new(seed, "shuffle"), 0, None);
        Agent::weights(&agent)
    };
    let alone = [learn(1), learn(2)];
    let (first, second) = rayon::join(|| learn(1), || learn(2));
    assert!(first == alone[0] && second == alone[1]);
    assert!(first != second);
}
