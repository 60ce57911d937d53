//! What a GPU makes of PushChair's scenes: clouds of points for agents, pictures for people.

use crate::{
    bench::results::Measurement,
    gpu::GpuError,
    render::{
        points::{PointCamera, Scenes},
        stage::StageCamera,
    },
};
use gslab_envs::{
    Action, Env, Level,
    pushchair::{
        Options, PushChair,
        cloud::{Base, Draw},
        picture::Stage,
        robot::DOF,
    },
    rng::Stream,
};

/// Different scenes; a larger batch has them several times.
const WORLDS: u32 = 16;
/// Of random play, which brings them about.
const STEPS: u64 = 16;
/// Sides of the pictures, in pixels.
const SIDES: [u32; 2] = [64, 512];

/// Scenes of random play.
pub struct Play {
    stages: Vec<Stage>,
    bases: Vec<Base>,
}

impl Play {
    /// In worlds with these options.
    pub fn of(options: &Options) -> Self {
        let noise = Stream::new(0, "bench");
        let (mut stages, mut bases) = (Vec::new(), Vec::new());
        for index in 0..WORLDS {
            let level = Level { variation: index % options.chairs, seed: index.into() };
            let mut world = PushChair::reset(options, level);
            for step in 0..STEPS.min(u64::from(options.horizon) - 1) {
                let random =
                    |dof: u32| 2.0 * noise.uniform(index * DOF as u32 + dof, step)[0] - 1.0;
                let action: [f32; DOF] = std::array::from_fn(|dof| random(dof as u32));
                world.step(Action::Continuous(&action));
            }
            let [x, y, yaw, ..] = world.scene().joint_positions();
            bases.push(Base { x, y, yaw });
            stages.push(world.stage().expect("PushChair is seen as solids"));
        }
        Self { stages, bases }
    }

    /// Clouds of a batch of so many worlds, whose solids cross to the GPU each time.
    pub fn clouds(
        &self,
        device: &burn::tensor::Device,
        worlds: u32,
        times: (f64, u32),
    ) -> Result<Measurement, GpuError> {
        let mut camera = PointCamera::new(device)?;
        let mut scenes = Scenes::default();
        let stream = Stream::new(0, "points");
        let pairs = self.stages.iter().zip(&self.bases).cycle();
        for (step, (stage, base)) in (0..u64::from(worlds)).zip(pairs) {
            scenes.push(&stage.solids, *base, Draw { stream, step });
        }
        let sizes = [("environments", u64::from(worlds))];
        let measured = measure("clouds", &sizes, times, f64::from(worlds), || {
            camera.clouds(&scenes)?;
            camera.wait()
        })?;
        let bytes = scenes.bytes() as f64 / f64::from(worlds);
        Ok(Measurement { bytes: Some(bytes), ..measured })
    }

    /// Pictures of two sizes, one after another.
    pub fn pictures(
        &self,
        device: &burn::tensor::Device,
        times: (f64, u32),
    ) -> Result<Vec<Measurement>, GpuError> {
        let camera = StageCamera::new(device)?;
        let of_size = |side: u32| {
            let sizes = [("pixels", u64::from(side))];
            measure("pictures", &sizes, times, f64::from(WORLDS), || {
                self.stages.iter().try_for_each(|stage| camera.take(stage, side).map(drop))?;
                camera.wait()
            })
        };
        SIDES.into_iter().map(of_size).collect()
    }
}

fn measure(
    items: &str,
    sizes: &[(&str, u64)],
    times: (f64, u32),
    count: f64,
    mut work: impl FnMut() -> Result<(), GpuError>,
) -> Result<Measurement, GpuError> {
    let mut failed = None;
    let measured = Measurement::of(("pushchair", items), sizes, times, || {
        failed = failed.take().or(work().err());
        count
    });
    failed.map_or(Ok(measured), Err)
}
