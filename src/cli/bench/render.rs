use super::{measured, median, parse_seconds, thousands};
use crate::{
    cli::Output,
    device::{self, Adapter, Device, DeviceChoice},
    error::{Error, Result},
    gpu::GpuError,
    render::{
        gpu::{DrawLists, Renderer, SIDE},
        pictures::Pictures,
    },
    run::progress::Progress,
};
use clap::Args;
use gslab_envs::{
    draw::DrawList,
    procgen::{Options, games::Entry, world::ACTIONS},
    rng::Stream,
};
use serde::Serialize;
use std::{process::ExitCode, time::Instant};

/// Batches that are drawn in turn, some steps of random play apart.
const BATCHES: u64 = 4;
const STEPS: u64 = 16;

#[derive(Args)]
pub struct Render {
    /// Names of Procgen games [default: all]
    games: Vec<String>,
    /// What draws; only a GPU is measured here
    #[arg(long, value_enum, default_value = "gpu")]
    device: DeviceChoice,
    /// Frames of a batch
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    environments: u32,
    /// easy, hard, extreme or memory
    #[arg(long, default_value = "hard")]
    mode: String,
    /// Seconds of a measurement
    #[arg(long, value_name = "S", default_value_t = 0.5, value_parser = parse_seconds)]
    seconds: f64,
    /// Measurements of a game, of which the median is printed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
    #[command(flatten)]
    output: Output,
}

/// What was measured of a game, in frames per second.
#[derive(Serialize)]
struct Speed {
    game: &'static str,
    /// Median; the shader alone, on draw lists that are on the GPU already.
    shader: f64,
    /// Lowest and highest measurement.
    shader_range: (f64, f64),
    /// With draw lists that cross to the GPU for every batch.
    uploaded: f64,
    uploaded_range: (f64, f64),
    /// What crosses for a frame, on average.
    bytes: f64,
}

impl Render {
    pub fn run(self) -> Result<ExitCode> {
        self.output.check()?;
        let (games, options) = measured(&self.games, &self.mode)?;
        let Device::Gpu { device, adapter } = device::open(self.device)? else {
            return Err(Error::Usage("bench render measures GPUs: give it --device gpu".into()));
        };

        let progress = Progress::new(self.output.quiet);
        let bar = progress.work("bench", games.len() as u64);
        let mut speeds = Vec::new();
        self.output.say(&format!(
            "{:10} {:>12} {:>25} {:>12} {:>25} {:>12}",
            "game", "shader alone", "lowest to highest", "with upload", "", "bytes/frame"
        ));
        for game in games {
            let speed = self.measure(game, &options, &device, &adapter)?;
            progress.clear(|| self.output.say(&speed.text()));
            bar.inc(1);
            speeds.push(speed);
        }
        bar.finish_and_clear();
        self.output.say(&format!(
            "({}, frames per second in batches of {}, random actions, {adapter})",
            self.mode, self.environments
        ));
        self.output.json(&speeds)?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(
        &self,
        game: &Entry,
        options: &Options,
        device: &burn::tensor::Device,
        adapter: &Adapter,
    ) -> Result<Speed> {
        let of_adapter =
            |error| Error::Render { adapter: adapter.to_string(), error: Box::new(error) };
        let pictures = Pictures::built_in(&format!("procgen:{}", game.facts.name), SIDE);
        let mut renderer = Renderer::new(device, &pictures).map_err(of_adapter)?;
        let batches = self.play(game, options, &pictures)?;
        let resident = batches.iter().map(|lists| renderer.send(lists));
        let resident: Vec<_> = resident.collect::<Result<_, _>>().map_err(of_adapter)?;

        let shader = self.time(&mut renderer, |renderer| {
            resident.iter().try_for_each(|lists| renderer.draw_resident(lists).map(drop))
        });
        let (shader, shader_range) = shader.map_err(of_adapter)?;
        let uploaded = self.time(&mut renderer, |renderer| {
            batches.iter().try_for_each(|lists| renderer.draw(lists).map(drop))
        });
        let (uploaded, uploaded_range) = uploaded.map_err(of_adapter)?;
        let bytes = batches.iter().map(DrawLists::bytes).sum::<u64>() as f64;
        let bytes = bytes / (BATCHES * u64::from(self.environments)) as f64;
        let game = game.facts.name;
        Ok(Speed { game, shader, shader_range, uploaded, uploaded_range, bytes })
    }

    /// Draw lists of random play.
    fn play(&self, game: &Entry, options: &Options, pictures: &Pictures) -> Result<Vec<DrawLists>> {
        let mut worlds = (0..self.environments)
            .map(|index| game.original(options, 0, 0, index))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::Usage(e.to_string()))?;
        let noise = Stream::new(0, "bench");
        let mut list = DrawList::default();
        let batches = (0..BATCHES).map(|batch| {
            let mut lists = DrawLists::default();
            for (index, world) in (0..).zip(&mut worlds) {
                for step in 0..STEPS {
                    world.act(noise.below(index, batch * STEPS + step, ACTIONS) as i32);
                }
                list.clear();
                world.draw(SIDE, &mut list);
                lists.push(&list, pictures);
            }
            lists
        });
        Ok(batches.collect())
    }

    /// Frames per second of `draw`, which draws all batches: the median, and the lowest and
    /// highest measurement. The GPU is waited for after every call.
    fn time(
        &self,
        renderer: &mut Renderer,
        draw: impl Fn(&mut Renderer) -> Result<(), GpuError>,
    ) -> Result<(f64, (f64, f64)), GpuError> {
        let frames = (BATCHES * u64::from(self.environments)) as f64;
        let mut measure = |seconds: f64| {
            let (began, mut drawn) = (Instant::now(), 0.0);
            loop {
                draw(renderer)?;
                renderer.wait()?;
                drawn += frames;
                let passed = began.elapsed().as_secs_f64();
                if passed >= seconds {
                    return Ok::<_, GpuError>(drawn / passed);
                }
            }
        };
        measure(self.seconds / 2.0)?;
        let measured: Vec<f64> =
            (0..self.repetitions).map(|_| measure(self.seconds)).collect::<Result<_, _>>()?;
        Ok(median(measured.into_iter()))
    }
}

impl Speed {
    fn text(&self) -> String {
        let range = |(low, high)| format!("{} to {}", thousands(low), thousands(high));
        format!(
            "{:10} {:>12} {:>25} {:>12} {:>25} {:>12}",
            self.game,
            thousands(self.shader),
            range(self.shader_range),
            thousands(self.uploaded),
            range(self.uploaded_range),
            thousands(self.bytes),
        )
    }
}
