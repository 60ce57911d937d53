//! The hot parts of gslab, each as work of a fixed size on one thread: `benches/throughput.rs` times
//! them, `tests/instructions.rs` counts their instructions.

use gslab::{
    learn::{
        categorical,
        conv::{self, Conv, Epilogue},
        gae::{self, Discount, Trajectories},
        mlp::{self, Shape},
    },
    render::{
        frame::{Frame, Painter},
        pictures::Pictures,
    },
};
use gslab_envs::{
    End,
    batch::{Actions, Batch, StepOut},
    levels::{LevelSet, Order},
    procgen::{Options, games, world::Original},
    pushchair::{
        cloud::{Base, Cameras, Cloud, Draw},
        math::{Pose, Rotation, Vector},
        solid::{Class, Shape as SolidShape, Solid},
    },
    registry,
    rng::Stream,
};
use std::sync::Arc;

/// A part by name.
pub struct Part {
    pub name: &'static str,
    /// What a call does so many of.
    pub items: usize,
    /// Makes everything that a call needs, which then does the work.
    pub prepare: fn() -> Box<dyn FnMut()>,
}

/// Every part.
pub const PARTS: &[Part] = &[
    Part { name: "step_coinrun", items: 2000, prepare: || steps("coinrun", 2000) },
    Part { name: "step_miner", items: 2000, prepare: || steps("miner", 2000) },
    Part { name: "step_starpilot", items: 2000, prepare: || steps("starpilot", 2000) },
    Part { name: "step_maze", items: 6400, prepare: || batch("maze", 64, 100) },
    Part { name: "step_pushchair", items: 20, prepare: || batch("pushchair", 1, 20) },
    Part { name: "draw_bigfish", items: 100, prepare: || frames("bigfish", 100) },
    Part { name: "draw_bossfight", items: 100, prepare: || frames("bossfight", 100) },
    Part { name: "draw_ninja", items: 100, prepare: || frames("ninja", 100) },
    Part { name: "point_cloud", items: 2, prepare: || point_clouds(50, 2) },
    Part { name: "gae", items: 16_384, prepare: advantages },
    Part { name: "sample", items: 1024, prepare: sampling },
    Part { name: "convolution", items: 16, prepare: convolution },
    Part { name: "mlp_forward", items: 250, prepare: forward },
    Part { name: "mlp_backward", items: 250, prepare: backward },
];

const NOISE: u64 = 7;

fn normals(n: usize) -> Vec<f32> {
    let stream = Stream::new(NOISE, "numbers");
    (0..n as u64).map(|i| stream.normal(0, i)[0]).collect()
}

fn world(game: &str) -> Box<dyn Original> {
    let game = games::find(game).expect("it is registered");
    game.original(&Options::default(), 0, 0, 0).expect("defaults are valid")
}

fn actions(n: usize) -> impl FnMut() -> i32 {
    let stream = Stream::new(NOISE, "actions");
    let mut actions = (0..n as u64).map(move |i| stream.below(0, i, 15) as i32).collect::<Vec<_>>();
    move || {
        actions.rotate_left(1);
        actions[0]
    }
}

/// Steps of a Procgen game, the next levels included.
fn steps(game: &str, n: usize) -> Box<dyn FnMut()> {
    let (mut world, mut action) = (world(game), actions(97));
    Box::new(move || {
        for _ in 0..n {
            world.act(action());
        }
    })
}

/// Steps with frames.
fn frames(game: &str, n: usize) -> Box<dyn FnMut()> {
    let (mut world, mut action) = (world(game), actions(97));
    let pictures = Pictures::built_in(&format!("procgen:{game}"), 64);
    let (mut painter, mut frame) = (Painter::new(Arc::new(pictures), 64), Frame::default());
    let mut out = vec![0; 3 * 64 * 64];
    Box::new(move || {
        for _ in 0..n {
            world.act(action());
            frame.draw(&mut painter, |list| world.draw(64, list), &mut out);
        }
    })
}

/// Steps of worlds that take real numbers.
fn batch(environment: &str, worlds: usize, n: usize) -> Box<dyn FnMut()> {
    let entry = registry::find(environment).expect("it is registered");
    let family = entry.build(&toml::Table::new()).expect("defaults are valid");
    let variations = (0..family.spec().variations).collect();
    let levels = LevelSet::new(variations, Order::Uniform, 0).expect("there are variations");
    let mut batch: Box<dyn Batch> = family.batch(levels, 0, worlds as u32, worlds as u32);
    let gslab_envs::ActionSpace::Continuous { dim } = family.spec().action else {
        unreachable!("the environments of this part take real numbers")
    };
    let actions = normals(worlds * dim);
    let width = worlds * family.spec().observation;
    let (mut observations, mut last) = (vec![0.0; width], vec![0.0; width]);
    let (mut rewards, mut ends) = (vec![0.0; worlds], vec![End::Running; worlds]);
    let mut ended = Vec::new();
    Box::new(move || {
        for _ in 0..n {
            let out = StepOut {
                observations: &mut observations,
                rewards: &mut rewards,
                ends: &mut ends,
                final_observations: &mut last,
            };
            batch.step(Actions::Continuous(&actions), out, &mut ended);
        }
        ended.clear();
    })
}

/// Clouds of a robot and a chair of so many solids, which all overlap in the middle.
pub fn point_clouds(solids: u32, n: usize) -> Box<dyn FnMut()> {
    let stream = Stream::new(4, "bench");
    let solid = |i: u32| {
        let [a, b, c, d] = stream.uniform(i, 0);
        let [x, y, z, w] = stream.normal(i, 1);
        let robot = i.is_multiple_of(2);
        let place = if robot {
            Vector::new(1.2 * a - 0.4, 1.4 * b - 0.7, 0.2 + 1.5 * c)
        } else {
            Vector::new(0.7 + 0.7 * a, 0.7 * b - 0.35, 1.1 * c)
        };
        let (radius, half_height) = (0.06, 0.03 + 0.2 * d);
        Solid {
            shape: match i / 2 % 3 {
                0 => SolidShape::Box { half: Vector::new(radius, half_height, 0.02) },
                1 => SolidShape::Cylinder { radius, half_height },
                _ => SolidShape::Capsule { radius, half_height },
            },
            pose: Pose::from_parts(place, Rotation::from_xyzw(x, y, z, w).normalize()),
            colour: [90; 3],
            class: if robot { Class::Robot } else { Class::Chair },
        }
    };
    let solids: Vec<Solid> = (0..solids).map(solid).collect();
    let (mut cameras, mut cloud) = (Cameras::new(), Cloud::default());
    let mut step = 0;
    Box::new(move || {
        for _ in 0..n {
            step += 1;
            cameras.cloud(&solids, Base::default(), Draw { stream, step }, &mut cloud);
        }
    })
}

/// Of a rollout of Procgen: 64 environments, 256 steps.
fn advantages() -> Box<dyn FnMut()> {
    let n = 64;
    let (rewards, values, next_values) = (normals(256 * n), normals(256 * n), normals(256 * n));
    let end = |i: usize| if i.is_multiple_of(101) { End::Terminated } else { End::Running };
    let ends: Vec<End> = (0..256 * n).map(end).collect();
    Box::new(move || {
        let steps = Trajectories {
            n,
            rewards: &rewards,
            ends: &ends,
            values: &values,
            next_values: &next_values,
        };
        std::hint::black_box(gae::advantages(&steps, Discount { gamma: 0.999, lambda: 0.95 }));
    })
}

/// Of 15 actions each.
fn sampling() -> Box<dyn FnMut()> {
    let logits = normals(1024 * 16);
    let (mut drawn, mut log_probabilities) = (vec![0; 1024], vec![0.0; 1024]);
    let mut index = 0;
    Box::new(move || {
        index += 1;
        let out = (&mut drawn[..], &mut log_probabilities[..]);
        categorical::sample(&logits, 16, 15, Stream::new(NOISE, "actions"), index, out);
    })
}

/// 32 channels to 32 on maps of 16 × 16.
fn convolution() -> Box<dyn FnMut()> {
    let conv = Conv { size: 16, inputs: 32, outputs: 32 };
    let mut kernel = vec![0.0; conv.kernel_len()];
    conv.transform_kernel(&normals(9 * 32 * 32), &mut kernel);
    let x = normals(16 * conv::frame_len(16, 32));
    let (mut out, mut scratch) = (vec![0.0; x.len()], conv::Scratch::default());
    Box::new(move || {
        conv.convolve(&kernel, &x, true, Epilogue::Replace, &mut out, &mut scratch);
    })
}

/// A network of the maze and a block of rows.
fn mlp() -> (Shape, Vec<f32>, Vec<f32>) {
    let shape = Shape::new(5, &[256, 256], 2);
    let parameters = shape.orthogonal(0.01, Stream::new(NOISE, "weights"));
    (shape, parameters, normals(250 * 5))
}

fn forward() -> Box<dyn FnMut()> {
    let ((shape, parameters, x), mut scratch) = (mlp(), mlp::Scratch::default());
    Box::new(move || mlp::forward(&shape, &parameters, &x, 250, &mut scratch))
}

fn backward() -> Box<dyn FnMut()> {
    let ((shape, parameters, x), mut scratch) = (mlp(), mlp::Scratch::default());
    mlp::forward(&shape, &parameters, &x, 250, &mut scratch);
    let (d_output, mut gradient) = (normals(250 * 2), vec![0.0; parameters.len()]);
    Box::new(move || {
        let d_output = (&d_output).into();
        mlp::backward(&shape, &parameters, &x, 250, d_output, &mut scratch, &mut gradient);
    })
}
