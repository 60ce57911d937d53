use super::{
    Output,
    shown::{Destination, Kind, Shown, expert, policy},
};
use crate::{
    device::Device,
    error::{Error, Result},
    play::{
        actor::Actor,
        media::{Film, Grid, png},
        scene::Scene,
    },
    pool::Pool,
    render::frame::Frame,
    run::progress::Progress,
};
use clap::Args;
use gslab_envs::{registry, rng::derive_seed};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Most pixels of a side of the whole picture.
const MOST_PIXELS: usize = 4096;

#[derive(Args)]
pub struct Record {
    /// Name of an environment, in which chance acts, or directory of a run, whose policy acts
    #[arg(value_name = "ENV|RUN")]
    source: String,
    /// File to write: FILE.gif moves, FILE.png shows the last frame alone [default: NAME.gif]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Worlds side by side
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    environments: u32,
    /// Number of frames, one a step, the first before any step
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    steps: u64,
    /// Width and height of a world in pixels; 64 is what agents see
    #[arg(long, value_name = "PIXELS", default_value_t = 64, value_parser = clap::value_parser!(u32).range(8..=1024))]
    size: u32,
    /// Show every pixel as N times N
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    scale: u16,
    /// Seed of the levels and the actions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Which policy of the run: `final`, `plateau`, or a phase such as `specialist-2`
    #[arg(long, value_name = "NAME", default_value = "final")]
    policy: String,
    /// Let the environment's scripted policy act
    #[arg(long, conflicts_with = "policy")]
    expert: bool,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    output: Output,
}

impl Record {
    pub fn run(self) -> Result<ExitCode> {
        self.output.check()?;
        let scene = self.shown.environment_or_run(&self.source)?;
        let name = scene.environment().replace(':', "-");
        let out = self.out.clone().unwrap_or_else(|| format!("{name}.gif").into());
        let kinds = [("gif", Kind::Gif), ("png", Kind::Png)];
        let (destination, kind) = Destination::new(out, &kinds, self.force)?;
        let grid = Grid::new(self.environments as usize, self.size as usize);
        let (width, height) = grid.pixels();
        let scale = usize::from(self.scale);
        let size = (width * scale, height * scale);
        if size.0.max(size.1) > MOST_PIXELS {
            let (width, height) = size;
            return Err(Error::Usage(format!(
                "the picture would be {width}x{height} pixels, at most {MOST_PIXELS} a side: lower \
                 --environments, --size or --scale"
            )));
        }
        let run = registry::find(&self.source).is_none().then(|| Path::new(&self.source));
        let device = self.shown.device()?;
        let who = match (self.expert, run) {
            (true, _) => Who::Expert,
            (false, Some(run)) => Who::Policy(run, &self.policy, &device),
            (false, None) => Who::Chance,
        };
        let level = self.shown.level;
        let mut recording = Recording::new(&scene, level, self.environments, self.seed, who)?;

        let bar = Progress::new(self.output.quiet).work("record", self.steps);
        let mut painter = scene.painter(self.size);
        let mut frames = vec![Frame::default(); self.environments as usize];
        let mut shown = vec![0; 3 * (self.size * self.size) as usize];
        let mut film = Film::new(width as u16, height as u16, self.scale)?;
        let mut picture = grid.empty();
        let mut take = || -> Result<()> {
            for number in 1..=self.steps {
                if kind == Kind::Gif || number == self.steps {
                    for (i, frame) in frames.iter_mut().enumerate() {
                        frame.show(&mut painter, &recording.worlds, i, &mut shown);
                        grid.put(i, &shown, &mut picture);
                    }
                }
                if kind == Kind::Gif {
                    film.push(picture.clone())?;
                }
                recording.step();
                bar.inc(1);
            }
            Ok(())
        };
        device.work(&mut take)??;
        bar.finish_and_clear();
        let file = match kind {
            Kind::Gif => film.finish()?,
            Kind::Png => png(&picture, width, scale)?,
        };
        destination.write(&file, size, &self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Who acts.
pub enum Who<'a> {
    Chance,
    /// The environment's scripted policy.
    Expert,
    /// The policy of a run, by name, on a device.
    Policy(&'a Path, &'a str, &'a Device),
}

/// Worlds in which somebody acts.
pub struct Recording {
    pub worlds: Pool,
    actor: Actor,
    steps: u64,
}

impl Recording {
    /// Worlds of a level, or of all, at the start.
    pub fn new(
        scene: &Scene,
        level: Option<u32>,
        worlds: u32,
        seed: u64,
        who: Who<'_>,
    ) -> Result<Self> {
        let worlds = scene.worlds(level, worlds, derive_seed(seed, "recorded levels"))?;
        let seed = derive_seed(seed, "recorded actions");
        let actor = match who {
            Who::Chance => Actor::random(seed),
            Who::Expert => expert(scene, &worlds)?,
            Who::Policy(run, name, device) => policy(run, name, device, worlds.spec(), seed)?,
        };
        Ok(Self { worlds, actor, steps: 0 })
    }

    pub fn step(&mut self) {
        let chosen = self.actor.act(&self.worlds, self.steps);
        let stepped = self.worlds.step(chosen.actions(), &mut Vec::new());
        stepped.expect("actions are chosen for these worlds");
        self.steps += 1;
    }
}
