use super::{Repeated, environments, scenes};
use crate::{
    bench::results::{self, Measurement, Results},
    device::{self, Device, DeviceChoice},
    error::{Error, Result},
    gpu::GpuError,
    render::{
        gpu::{DrawLists, Renderer, SIDE},
        pictures::Pictures,
    },
    run::config::Config,
};
use clap::Args;
use gslab_envs::{
    draw::DrawList,
    procgen::{Options, games, world::ACTIONS},
    rng::Stream,
};
use std::process::ExitCode;

/// Batches that are drawn in turn, some steps of random play apart.
const BATCHES: u64 = 4;
const STEPS: u64 = 16;

#[derive(Args)]
pub struct Render {
    /// Names of Procgen games, or pushchair [default: all games]
    environments: Vec<String>,
    /// What draws; only a GPU is measured here
    #[arg(long, value_enum, default_value = "gpu")]
    device: DeviceChoice,
    /// Frames or clouds of a batch; several sizes are measured in turn
    #[arg(long = "environments", value_name = "N,…", value_delimiter = ',', default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    worlds: Vec<u32>,
    /// Change an option of the environments, such as env.mode=easy. May be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    repeated: Repeated,
}

impl Render {
    pub fn run(self) -> Result<ExitCode> {
        let output = &self.repeated.output;
        output.check()?;
        let all = games::GAMES.iter().map(|game| format!("procgen:{}", game.facts.name));
        let named = &self.environments;
        let named = if named.is_empty() { all.collect() } else { named.clone() };
        let configs = environments(&named, &self.settings)?;
        let Device::Gpu { device, adapter } = device::open(self.device)? else {
            return Err(Error::Usage("bench render measures GPUs: give it --device gpu".into()));
        };
        output.say(results::HEAD);
        let mut measured = Vec::new();
        for config in &configs {
            for done in self.measure(config, &device, &adapter.to_string())? {
                output.say(&results::line(&done));
                measured.push(done);
            }
        }
        output.json(&Results::new("bench render", adapter.to_string(), measured))?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(
        &self,
        config: &Config,
        device: &burn::tensor::Device,
        adapter: &str,
    ) -> Result<Vec<Measurement>> {
        let failed = |error| Error::Render { adapter: adapter.to_owned(), error: Box::new(error) };
        let times = self.repeated.times();
        let mut measured = Vec::new();
        if config.environment == "pushchair" {
            let options = config.env.clone().try_into().expect("the environment was built");
            let play = scenes::Play::of(&options);
            for &worlds in &self.worlds {
                measured.push(play.clouds(device, worlds, times).map_err(failed)?);
            }
            measured.extend(play.pictures(device, times).map_err(failed)?);
            return Ok(measured);
        }
        for &worlds in &self.worlds {
            measured.extend(Play::of(config, worlds)?.measure(device, times).map_err(failed)?);
        }
        Ok(measured)
    }
}

/// Draw lists of random play.
struct Play<'a> {
    environment: &'a str,
    worlds: u32,
    pictures: Pictures,
    batches: Vec<DrawLists>,
}

impl<'a> Play<'a> {
    fn of(config: &'a Config, worlds: u32) -> Result<Self> {
        let environment = &*config.environment;
        let game = environment.strip_prefix("procgen:").and_then(games::find).ok_or_else(|| {
            Error::Usage(format!(
                "bench render {environment}: a GPU draws games of Procgen and pushchair"
            ))
        })?;
        let options: Options = config.env.clone().try_into().expect("the environment was built");
        let pictures = Pictures::built_in(environment, SIDE);
        let mut playing = (0..worlds)
            .map(|index| game.original(&options, 0, 0, index))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::Usage(e.to_string()))?;
        let noise = Stream::new(0, "bench");
        let mut list = DrawList::default();
        let batch = |batch| {
            let mut lists = DrawLists::default();
            for (index, world) in (0..).zip(&mut playing) {
                for step in 0..STEPS {
                    world.act(noise.below(index, batch * STEPS + step, ACTIONS) as i32);
                }
                list.clear();
                world.draw(SIDE, &mut list);
                lists.push(&list, &pictures);
            }
            lists
        };
        let batches = (0..BATCHES).map(batch).collect();
        Ok(Self { environment, worlds, pictures, batches })
    }

    /// The shader alone, on draw lists that are on the GPU already, and with lists that cross to it
    /// for every batch. The GPU is waited for after all batches.
    fn measure(
        &self,
        device: &burn::tensor::Device,
        times: (f64, u32),
    ) -> Result<Vec<Measurement>, GpuError> {
        let mut renderer = Renderer::new(device, &self.pictures)?;
        let resident = self.batches.iter().map(|lists| renderer.send(lists));
        let resident: Vec<_> = resident.collect::<Result<_, _>>()?;
        let frames = (BATCHES * u64::from(self.worlds)) as f64;
        let bytes = self.batches.iter().map(DrawLists::bytes).sum::<u64>() as f64 / frames;
        let sizes = [("environments", u64::from(self.worlds))];
        let mut failed = None;
        let mut measure = |items: &str, draw: &dyn Fn(&mut Renderer) -> Result<(), GpuError>| {
            Measurement::of((self.environment, items), &sizes, times, || {
                let done = draw(&mut renderer).and_then(|()| renderer.wait());
                failed = failed.take().or(done.err());
                frames
            })
        };
        let shader = measure("resident frames", &|renderer| {
            resident.iter().try_for_each(|lists| renderer.draw_resident(lists).map(drop))
        });
        let uploaded = measure("frames with upload", &|renderer| {
            self.batches.iter().try_for_each(|lists| renderer.draw(lists).map(drop))
        });
        let uploaded = Measurement { bytes: Some(bytes), ..uploaded };
        failed.map_or(Ok(vec![shader, uploaded]), Err)
    }
}
