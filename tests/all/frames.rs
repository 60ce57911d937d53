//! Frames that a GPU draws, held against those of the CPU, byte for byte.

use crate::common::gpu::open;
use burn::tensor::{DType, Int, Tensor};
use gslab::gpu::GpuError;
use gslab::render::{
    frame::{Frame, Painter},
    gpu::{DrawLists, Renderer, SIDE, WORDS},
    item::{Builder, Item},
    pictures::Pictures,
};
use gslab_envs::{
    ActionSpace, End,
    batch::{Actions, Batch, StepOut},
    draw::DrawList,
    levels::{LevelSet, Order},
    procgen::{Mode, games::GAMES},
    registry,
    rng::Stream,
};
use std::sync::Arc;

const ENVIRONMENTS: usize = 5;
/// Frames of every world that are compared.
const FRAMES: u32 = 40;
/// Steps from one to the next.
const STRIDE: u32 = 3;
const BYTES: usize = (SIDE * SIDE * 3) as usize;

/// Worlds that play at random.
struct Play {
    batch: Box<dyn Batch>,
    action: ActionSpace,
    observation: usize,
    step: u32,
}

impl Play {
    fn new(environment: &str, mode: Option<Mode>) -> Self {
        let mut options = toml::Table::new();
        if let Some(mode) = mode {
            options.insert("mode".into(), toml::Value::try_from(mode).unwrap());
        }
        let family = registry::find(environment).unwrap().build(&options).unwrap();
        let spec = family.spec();
        let variations = (0..spec.variations.min(1000)).collect();
        let levels = LevelSet::new(variations, Order::Uniform, 3).unwrap();
        let n = ENVIRONMENTS as u32;
        let batch = family.batch(levels, 0, n, n);
        Self { batch, action: spec.action, observation: spec.observation, step: 0 }
    }

    /// One step of every world; actions are held for a while, which gets somewhere.
    fn act(&mut self) {
        let stream = Stream::new(11, "frames");
        let (mut discrete, mut continuous) = (Vec::new(), Vec::new());
        for world in 0..ENVIRONMENTS as u32 {
            let at = u64::from(self.step / 5);
            match self.action {
                ActionSpace::Discrete { n } => discrete.push(stream.below(world, at, n)),
                ActionSpace::Continuous { dim } => {
                    let normal = (0..dim as u64).map(|i| stream.normal(world, 8 * at + i)[0]);
                    continuous.extend(normal);
                }
            }
        }
        let actions = match self.action {
            ActionSpace::Discrete { .. } => Actions::Discrete(&discrete),
            ActionSpace::Continuous { .. } => Actions::Continuous(&continuous),
        };
        let mut observations = vec![0.0; ENVIRONMENTS * self.observation];
        let mut final_observations = observations.clone();
        let out = StepOut {
            observations: &mut observations,
            rewards: &mut [0.0; ENVIRONMENTS],
            ends: &mut [End::Running; ENVIRONMENTS],
            final_observations: &mut final_observations,
        };
        self.batch.step(actions, out, &mut Vec::new());
        self.step += 1;
    }
}

/// Every frame of random play; and each step, nothing crosses the bus but 64 bytes an item and 4
/// a world.
fn assert_same_frames(environment: &str, mode: Option<Mode>, pictures: &Arc<Pictures>) {
    let mut renderer = Renderer::new(&open().0, pictures).unwrap();
    let mut painter = Painter::new(pictures.clone(), SIDE);
    let mut cpu = vec![Frame::default(); ENVIRONMENTS];
    let mut expected = vec![0; BYTES];
    let mut builder = Builder::new(SIDE);
    let mut play = Play::new(environment, mode);
    let (mut lists, mut list) = (DrawLists::default(), DrawList::default());
    for frame in 0..FRAMES {
        lists.clear();
        let mut items = 0;
        for world in 0..ENVIRONMENTS {
            list.clear();
            play.batch.draw(world, SIDE, &mut list);
            lists.push(&list, pictures);
            let mut built: Vec<Item> = Vec::new();
            builder.build(&list, 0..list.len(), pictures, &mut built);
            items += built.len();
        }
        let sent = renderer.bytes_sent();
        let frames = renderer.draw(&lists).unwrap();
        let crossed = renderer.bytes_sent() - sent;
        assert_eq!(crossed, (64 * items + 4 * ENVIRONMENTS) as u64);
        assert_eq!(crossed, lists.bytes());

        let frames = renderer.read(frames).unwrap();
        assert_eq!(frames.len(), ENVIRONMENTS * BYTES);
        for (world, gpu) in frames.chunks_exact(BYTES).enumerate() {
            let list = |list: &mut _| play.batch.draw(world, SIDE, list);
            cpu[world].draw(&mut painter, list, &mut expected);
            assert!(expected == gpu, "{environment} {mode:?}: world {world}, frame {frame}");
        }
        (0..STRIDE).for_each(|_| play.act());
    }
}

/// Every game in every mode that it has.
fn assert_same_frames_in_all_modes(pictures: impl Fn(&str) -> Pictures) {
    const MODES: [Mode; 5] =
        [Mode::Easy, Mode::Hard, Mode::Extreme, Mode::Memory, Mode::Exploration];
    for game in GAMES {
        let environment = format!("procgen:{}", game.facts.name);
        let pictures = Arc::new(pictures(&environment));
        for mode in MODES.into_iter().filter(|&mode| game.facts.has(mode)) {
            assert_same_frames(&environment, Some(mode), &pictures);
        }
    }
}

#[test]
fn random_play_of_every_game_looks_the_same_on_a_gpu() {
    assert_same_frames_in_all_modes(|environment| Pictures::built_in(environment, SIDE));
}

/// With the original's images too, where the variable `PROCGEN_ASSETS` names their folder. Those of
/// five games take more than 128 MiB.
#[test]
fn the_originals_images_look_the_same_on_a_gpu() {
    let Some(folder) = std::env::var_os("PROCGEN_ASSETS") else { return };
    assert_same_frames_in_all_modes(|environment| {
        Pictures::original(environment, folder.as_ref()).unwrap()
    });
}

#[test]
fn random_play_of_the_maze_looks_the_same_on_a_gpu() {
    assert_same_frames("maze", None, &Arc::default());
}

/// A batch of a game's first frames, and the renderer for it.
fn first_frames(environment: &str) -> (Renderer, DrawLists, Vec<u8>) {
    let pictures = Arc::new(Pictures::built_in(environment, SIDE));
    let renderer = Renderer::new(&open().0, &pictures).unwrap();
    let mut painter = Painter::new(pictures.clone(), SIDE);
    let play = Play::new(environment, None);
    let (mut lists, mut cpu) = (DrawLists::default(), Vec::new());
    for world in 0..ENVIRONMENTS {
        let mut list = DrawList::default();
        play.batch.draw(world, SIDE, &mut list);
        lists.push(&list, &pictures);
        cpu.extend(painter.draw(|list| play.batch.draw(world, SIDE, list)));
    }
    (renderer, lists, cpu)
}

/// The frames are a tensor like any other: Burn reads it, and computes with it what the CPU does.
#[test]
fn burn_sees_the_frames_that_the_shader_wrote() {
    let (mut renderer, lists, cpu) = first_frames("procgen:coinrun");
    let frames = renderer.draw(&lists).unwrap();
    assert_eq!((frames.dims(), frames.dtype()), ([ENVIRONMENTS, WORDS], DType::U32));

    let red: Tensor<2, Int> = frames.clone().bitwise_and_scalar(0xff);
    let sums: Vec<u32> = red.sum_dim(1).into_data().try_to_vec().unwrap();
    let expected = cpu.chunks_exact(BYTES).map(|frame| {
        let firsts = frame.iter().step_by(4);
        firsts.map(|&byte| u32::from(byte)).sum::<u32>()
    });
    assert_eq!(sums, expected.collect::<Vec<_>>());

    let words: Vec<u32> = frames.into_data().try_to_vec().unwrap();
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    assert!(bytes == cpu);
}

/// Kernels of Burn that are still waiting when the next frames are drawn see their own, though
/// all of it is asked for before any of it is read.
#[test]
fn frames_of_one_step_outlive_the_next() {
    let (mut renderer, lists, cpu) = first_frames("procgen:starpilot");
    let mut black = DrawLists::default();
    (0..ENVIRONMENTS).for_each(|_| black.push_items(&[]));
    let mut drawn = Vec::new();
    for _ in 0..20 {
        for lists in [&lists, &black] {
            let frames = renderer.draw(lists).unwrap();
            drawn.push(frames.bitwise_xor_scalar(0));
        }
    }
    renderer.wait().unwrap();
    for (i, frames) in drawn.into_iter().enumerate() {
        let frames = renderer.read(frames).unwrap();
        assert!(if i % 2 == 0 { frames == cpu } else { frames.iter().all(|&byte| byte == 0) });
    }
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_remedy() {
    let cpu = burn::tensor::Device::flex();
    let refused = Renderer::new(&cpu, &Pictures::default()).err();
    assert!(matches!(refused, Some(GpuError::Device { .. })), "{refused:?}");

    let (device, adapter) = open();
    let mut renderer = Renderer::new(&device, &Pictures::default()).unwrap();
    let before = renderer.bytes_sent();
    let mut lists = DrawLists::default();
    (0..1 << 22).for_each(|_| lists.push_items(&[]));
    let refused = renderer.draw(&lists).unwrap_err();
    let GpuError::Limit { limit, available, needed, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!((*limit, *needed), ("max_compute_workgroups_per_dimension", 1 << 22));
    assert!(available < needed);
    assert!(refused.to_string().contains("use fewer environments"), "{refused}");
    assert_eq!(renderer.bytes_sent(), before);
    // Commands say of which adapter.
    let (adapter, error) = (adapter.to_string(), Box::new(refused));
    let told = gslab::error::Error::Render { adapter: adapter.clone(), error }.to_string();
    assert!(told.starts_with(&adapter), "{told}");
}

#[test]
fn the_benchmark_measures_what_adapter_there_is() {
    let gslab = |arguments: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_gslab"))
            .args(arguments.split(' '))
            .env("GSLAB_SOFTWARE_GPU", "1")
            .output()
            .unwrap()
    };
    let few = "--environments 2 --seconds 0.001 --repetitions 1";
    let ended = gslab(&format!("bench render heist leaper {few}"));
    let printed = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let first = |line: &str| line.split(' ').next().map(str::to_owned);
    let lines: Vec<_> = printed.lines().filter_map(first).collect();
    let [heist, leaper] = ["procgen:heist", "procgen:leaper"];
    assert_eq!(lines, ["what", heist, heist, leaper, leaper], "{printed}");
    let ended = gslab(&format!("bench render pushchair {few}"));
    let printed = String::from_utf8(ended.stdout).unwrap();
    let items: Vec<_> = printed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(items, ["items", "clouds", "pictures", "pictures"], "{printed}");

    let ended = gslab(&format!("bench render heist --device cpu {few}"));
    assert_eq!(ended.status.code(), Some(2));
    let error = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(error, "error: bench render measures GPUs: give it --device gpu\n");
}
