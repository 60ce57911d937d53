use super::{
    Output,
    record::{Recording, Who},
    shown::{Art, Destination, Kind},
};
use crate::{
    error::{Error, Result},
    play::media::png,
    plot::{self, Area, Drawn, Figure, INK, centred},
    run::config::Config,
};
use clap::Args;
use plotters::{backend::RGBPixel, element::BitMapElement, prelude::*};
use std::{path::PathBuf, process::ExitCode};

/// What is shown of each environment, chosen by eye: options, level and number of the frame, as in
/// `gslab record ENV --environments 1 --set … --level … --steps …`.
const SHOTS: [(&str, &[&str], u32, u64); 18] = [
    ("procgen:bigfish", EASY, 7, 100),
    ("procgen:bossfight", HARD, 2, 100),
    ("procgen:caveflyer", HARD, 8, 100),
    ("procgen:chaser", HARD, 10, 100),
    ("procgen:climber", HARD, 9, 100),
    ("procgen:coinrun", HARD, 8, 100),
    ("procgen:dodgeball", HARD, 8, 100),
    ("procgen:fruitbot", EASY, 4, 50),
    ("procgen:heist", EASY, 2, 20),
    ("procgen:jumper", HARD, 11, 40),
    ("procgen:leaper", EASY, 1, 20),
    ("procgen:maze", EASY, 7, 50),
    ("procgen:miner", EASY, 9, 50),
    ("procgen:ninja", HARD, 3, 100),
    ("procgen:plunder", HARD, 9, 100),
    ("procgen:starpilot", HARD, 1, 100),
    ("maze", &[], 1, 100),
    ("pushchair", &[], 5, 1),
];
const EASY: &[&str] = &["env.mode=easy"];
const HARD: &[&str] = &["env.mode=hard"];
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
    #[arg(long, value_name = "PIXELS", default_value_t = 160, value_parser = clap::value_parser!(u32).range(64..=512))]
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
        for (environment, settings, level, number) in SHOTS {
            let settings: Vec<String> = settings.iter().map(|&s| s.into()).collect();
            let scene = self.art.scene(Config::of_environment(environment, &settings)?)?;
            let mut recording = Recording::new(&scene, Some(level), 1, 0, Who::Chance)?;
            (1..number).for_each(|_| recording.step());
            frames.push((environment, scene.painter(self.size).show(&recording.worlds, 0)));
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
                let name = match *name {
                    "maze" => "maze of the paper",
                    name => name.strip_prefix("procgen:").unwrap_or(name),
                };
                area.draw(&Text::new(name, middle, centred(15, INK)))?;
            }
        }
        Ok(())
    }
}
