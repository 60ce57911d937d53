use super::{
    Output,
    shown::{Art, Destination, Kind},
};
use crate::{
    error::{Error, Result},
    play::{actor::Actor, media::png},
    plot::{self, Area, Drawn, Figure, INK, centred},
    render::frame::Frame,
    run::config::Config,
};
use clap::Args;
use plotters::{backend::RGBPixel, element::BitMapElement, prelude::*};
use std::{path::PathBuf, process::ExitCode};

/// What is shown of each environment: a level, and the number of steps that are made in it by
/// chance, chosen by eye.
const SHOTS: [(&str, u32, u64); 17] = [
    ("procgen:bigfish", 0, 60),
    ("procgen:bossfight", 0, 30),
    ("procgen:caveflyer", 0, 30),
    ("procgen:chaser", 0, 30),
    ("procgen:climber", 0, 30),
    ("procgen:coinrun", 0, 30),
    ("procgen:dodgeball", 0, 30),
    ("procgen:fruitbot", 0, 30),
    ("procgen:heist", 0, 30),
    ("procgen:jumper", 0, 30),
    ("procgen:leaper", 0, 30),
    ("procgen:maze", 0, 30),
    ("procgen:miner", 0, 30),
    ("procgen:ninja", 0, 30),
    ("procgen:plunder", 0, 30),
    ("procgen:starpilot", 0, 30),
    ("maze", 0, 30),
];
const COLUMNS: usize = 6;
/// Between frames, in pixels.
const GAP: u32 = 8;
/// Height of a line of text, in pixels.
const LABEL: u32 = 22;

#[derive(Args)]
pub struct Gallery {
    /// File to write
    #[arg(long, value_name = "FILE.png", default_value = "gallery.png")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Width and height of each frame in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 128, value_parser = clap::value_parser!(u32).range(64..=512))]
    size: u32,
    #[command(flatten)]
    art: Art,
    #[command(flatten)]
    output: Output,
}

impl Gallery {
    pub fn run(self) -> Result<ExitCode> {
        self.output.check()?;
        let (destination, _) = Destination::new(self.out, &[("png", Kind::Png)], self.force)?;
        let mut frames = Vec::new();
        for (environment, level, steps) in SHOTS {
            let scene = self.art.scene(Config::of_environment(environment, &[])?)?;
            let mut stage = scene.stage(Some(level), 1, 0)?;
            let mut actor = Actor::random(u64::from(level));
            for t in 0..steps {
                let chosen = actor.act(stage.spec(), stage.observations(), t);
                stage.step(chosen.actions(), &mut Vec::new());
            }
            let mut frame = Frame::new(self.size);
            let shown = frame.draw(scene.pictures(), |calls| stage.draw(0, self.size, calls));
            frames.push((environment, shown.to_vec()));
        }
        let sheet = Sheet { size: self.size, frames };
        let picture = plot::pixels(&sheet).map_err(|error| Error::Figure(error.to_string()))?;
        let (width, height) = (sheet.size().0 as usize, sheet.size().1 as usize);
        destination.write(&png(&picture, width, 1)?, (width, height), &self.output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Frames of `size * size` pixels with their names below.
struct Sheet {
    size: u32,
    frames: Vec<(&'static str, Vec<u8>)>,
}

impl Figure for Sheet {
    fn size(&self) -> (u32, u32) {
        let rows = self.frames.len().div_ceil(COLUMNS) as u32;
        let row = self.size + LABEL + GAP;
        (COLUMNS as u32 * (self.size + GAP) + GAP, rows * row + GAP)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (size, step) = (self.size as i32, (self.size + GAP) as i32);
        for (row, frames) in self.frames.chunks(COLUMNS).enumerate() {
            // The last row may be short; it stands in the middle.
            let left = GAP as i32 + (COLUMNS - frames.len()) as i32 * step / 2;
            let top = GAP as i32 + row as i32 * (step + LABEL as i32);
            for (column, (name, frame)) in frames.iter().enumerate() {
                let corner = (left + column as i32 * step, top);
                let image: BitMapElement<'_, _, RGBPixel> =
                    BitMapElement::with_ref(corner, (self.size, self.size), frame)
                        .expect("a frame has as many bytes as its size tells");
                area.draw(&image)?;
                let middle = (corner.0 + size / 2, top + size + LABEL as i32 / 2);
                let name = name.strip_prefix("procgen:").unwrap_or("the paper's maze");
                area.draw(&Text::new(name, middle, centred(15, INK)))?;
            }
        }
        Ok(())
    }
}
