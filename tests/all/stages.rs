//! Pictures of scenes that a GPU takes, held against those of the CPU.

use crate::common::{gpu::open, solids::scene};
use gslab::{gpu::GpuError, render::stage::StageCamera};
use gslab_envs::{
    Action, Env, Level,
    pushchair::{
        Options, PushChair,
        math::Vector,
        picture::{Shot, Stage},
    },
    rng::Stream,
};

/// Every chair after some steps at random, which bring arms and chair somewhere.
fn chairs() -> impl Iterator<Item = Stage> {
    let noise = Stream::new(3, "actions");
    (0..8).map(move |variation| {
        let mut world = PushChair::reset(&Options::default(), Level { variation, seed: 5 });
        for step in 0..30 {
            let action: Vec<f32> = (0..22).map(|i| noise.normal(i, step)[0]).collect();
            world.step(Action::Continuous(&action));
        }
        world.stage().unwrap()
    })
}

/// Solids of all shapes in any place, from above, from the ground and from below it.
fn heaps() -> impl Iterator<Item = Stage> {
    let eyes = [(2.0, -2.0, 1.5), (0.5, 2.5, 0.05), (-3.0, 0.5, -0.4), (0.1, 0.0, 4.0)];
    (0..).zip(eyes).map(|(index, (x, y, z))| {
        let (solids, base, _) = scene(index, 20, 20);
        let target = Vector::new(base.x, base.y, 0.4);
        let shot = Shot { eye: target + Vector::new(x, y, z - 0.4), target, field: 1.0 };
        Stage { solids, shot }
    })
}

#[test]
fn pictures_are_those_of_the_cpu() {
    let camera = StageCamera::new(&open().0).unwrap();
    let bare = Shot { eye: Vector::new(1.0, 2.0, 1.0), target: Vector::ZERO, field: 0.8 };
    let bare = Stage { solids: Vec::new(), shot: bare };
    for (number, stage) in chairs().chain(heaps()).chain([bare]).enumerate() {
        let size = [96, 61][number % 2];
        let ours = stage.picture((size, size));
        let taken = camera.picture(&stage, size as u32).unwrap();
        assert_eq!(taken.len(), ours.len());
        let off = |(a, b): (&[u8], &[u8])| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
        let off: Vec<u8> = taken.chunks(3).zip(ours.chunks(3)).filter_map(off).collect();
        let share = off.iter().filter(|&&off| off > 1).count() as f64 / off.len() as f64;
        println!("{number}: {share:.5} of the pixels");
        // A ray that passes an edge by on one and not on the other is a quarter of a pixel.
        assert!(share < 0.001, "picture {number}");
    }
}

#[test]
fn what_a_gpu_cannot_do_is_refused_with_a_remedy() {
    let refused = StageCamera::new(&burn::tensor::Device::flex()).err();
    assert!(matches!(refused, Some(GpuError::Device { .. })), "{refused:?}");

    let camera = StageCamera::new(&open().0).unwrap();
    let refused = camera.picture(&chairs().next().unwrap(), 1 << 16).unwrap_err();
    assert!(matches!(refused, GpuError::Limit { .. }), "{refused}");
    assert!(refused.to_string().contains("ask for a smaller picture"), "{refused}");
}
