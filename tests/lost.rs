//! A GPU that goes away while it is at work.
#![cfg(feature = "gpu")]

#[path = "all/common/mod.rs"]
mod common;

use common::Place;
use gslab::{
    device::{Adapter, Device, DeviceError},
    error::Error,
    gpu::GpuError,
    learn::{actor_critic::Weights, vectors::GaussianAgent},
    render::{
        gpu::{DrawLists, Renderer},
        pictures::Pictures,
    },
    run::{
        config::Config,
        file::load,
        phase::{CHECKPOINT, Checkpoint, Context, Flow, Phase, unobserved},
        progress::Progress,
    },
};
use std::panic::{AssertUnwindSafe, catch_unwind};

const ITERATIONS: u64 = 7;

/// One process has one GPU, so it is lost only once.
#[test]
fn a_gpu_that_is_lost_ends_the_work_with_an_error_and_keeps_the_checkpoint() {
    let (device, setup) = burn::tensor::Device::wgpu_options().init_with_setup().unwrap();
    let adapter = Adapter {
        name: "the test's".into(),
        backend: "any".into(),
        driver: "1.0".into(),
        software: true,
    };
    let gpu = Device::Gpu { device: device.clone(), adapter };
    let lose = || {
        setup.device.destroy();
        // Tells those who listen, as a driver's reset does.
        setup.device.poll(wgpu::PollType::Poll).unwrap();
    };

    // Nothing but a loss is an error.
    let panic = catch_unwind(AssertUnwindSafe(|| gpu.work(|| panic!("a mistake")))).err();
    assert_eq!(panic.and_then(|panic| panic.downcast_ref::<&str>().copied()), Some("a mistake"));
    assert_eq!(gpu.work(|| 7).unwrap(), 7);

    let mut renderer = Renderer::new(&device, &Pictures::default()).unwrap();
    let mut black = DrawLists::default();
    black.push_items(&[]);
    let drawn = renderer.draw(&black).unwrap();

    // Training: lost in the sixth iteration, after the checkpoint of the fourth.
    let place = Place::new();
    let settings: Vec<String> = common::TINY
        .split_whitespace()
        .filter(|word| *word != "--set")
        .map(String::from)
        .chain(["checkpoint_every=4".into()])
        .collect();
    let config = Config::from_preset("maze", &settings).unwrap();
    let family = config.family().unwrap();
    let run = place.path("");
    let context = |device| Context {
        run: &run,
        config: &config,
        family: &*family,
        device,
        progress: Progress::new(true),
    };
    let phase = Phase::<GaussianAgent> {
        name: "seed 0".into(),
        dir: place.path("train"),
        seed: 1,
        variations: vec![0, 1],
        weights: Weights::new(&config.architecture(&*family).unwrap(), 1),
        reward_scale: None,
        replay: None,
        learning: config.learning(),
        demonstrations: None,
        anneal: None,
        keep_best: false,
    };
    let lost = gpu.work(|| {
        phase.run(&context(&gpu), ITERATIONS, &mut |seen| {
            if seen.curve.len() == 5 {
                lose();
            }
            Ok(Flow::Continue)
        })
    });
    let error = lost.unwrap_err();
    assert!(matches!(error, DeviceError::Lost { .. }), "{error:?}");
    assert!(error.to_string().starts_with("the test's (any, 1.0) was lost ("), "{error}");
    let error = Error::LostDevice { run: "runs/a".into(), error, needs: None };
    assert!(error.to_string().ends_with("go on with `gslab resume runs/a`"), "{error}");
    assert_eq!(error.exit_code(), 2);
    let kept: Checkpoint = load(&phase.dir.join(CHECKPOINT)).unwrap();
    assert_eq!(kept.iterations, 4);
    let done = phase.run(&context(&Device::Cpu), ITERATIONS, &mut unobserved);
    assert_eq!(done.unwrap().iterations, ITERATIONS);

    // Drawing: whatever is asked next says so.
    let lost = |error: GpuError| {
        assert!(matches!(error, GpuError::Lost { .. }), "{error}");
        assert!(error.to_string().starts_with("the GPU was lost ("), "{error}");
        assert!(!error.to_string().contains(['\n', '\r']), "{error:?}");
    };
    lost(renderer.read(drawn).unwrap_err());
    lost(renderer.wait().unwrap_err());
    lost(renderer.draw(&black).and_then(|frames| renderer.read(frames)).unwrap_err());
}
