use super::{Output, start_threads};
use crate::{
    error::{Error, Result},
    render::{
        frame::{Frame, Painter},
        pictures::Originals,
    },
    run::progress::Progress,
};
use clap::{Args, ValueEnum};
use gslab_envs::procgen::{
    camera::VIEW,
    conformance::{Difference, FrameChecksum, Report, replay},
    world::Original,
};
use indicatif::HumanCount;
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Fields of a difference that are printed; a report names all.
const FIELDS: usize = 12;

#[derive(Args)]
pub struct Conformance {
    family: FamilyChoice,
    /// Recordings (.pgt), or folders of them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Compare pixels too, with the original's images: a copy of the folder `procgen/data/assets`
    /// of the package procgen 0.10.7
    #[arg(long, value_name = "DIR")]
    procgen_assets: Option<PathBuf>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum FamilyChoice {
    Procgen,
}

/// What came of the recordings of one game and mode.
#[derive(Default, Serialize)]
struct Line {
    game: String,
    mode: String,
    files: u64,
    episodes: u64,
    steps: u64,
    /// Steps after which everything recorded is equal.
    equal: u64,
    /// Frames whose pixels were compared.
    frames: u64,
    /// Files in which something differs.
    different: u64,
    first_difference: Option<Different>,
}

#[derive(Serialize)]
struct Different {
    file: PathBuf,
    /// Each with the record and the fields that differ.
    seen: Vec<String>,
}

impl Conformance {
    pub fn run(self) -> Result<ExitCode> {
        let FamilyChoice::Procgen = self.family;
        self.output.check()?;
        start_threads(self.threads)?;
        let files = recordings(&self.paths)?;
        let images = self.procgen_assets.as_deref().map(Originals::open).transpose()?;
        let progress = Progress::new(self.output.quiet);
        let bar = progress.work("replay", files.iter().map(|(_, size)| size).sum());
        let replayed: Vec<_> = files
            .par_iter()
            .map(|(path, size)| {
                let mut frame = Frame::default();
                let mut painter = None;
                let mut pixels = vec![0; (3 * VIEW * VIEW) as usize];
                let mut paint = images.as_ref().map(|images| {
                    move |world: &dyn Original| {
                        let painter = match &mut painter {
                            Some(painter) => painter,
                            none => none.insert(Painter::new(images.of(world.facts().name)?, VIEW)),
                        };
                        frame.draw(painter, |list| world.draw(VIEW, list), &mut pixels);
                        Ok(crc32fast::hash(&pixels))
                    }
                });
                let checksum = paint.as_mut().map(|paint| paint as &mut FrameChecksum<'_>);
                let report = File::open(path).map_err(|e| e.to_string()).and_then(|file| {
                    replay(BufReader::new(file), checksum).map_err(|e| e.to_string())
                });
                bar.inc(*size);
                (path, report)
            })
            .collect();
        bar.finish_and_clear();

        let mut lines: BTreeMap<(&str, String), Line> = BTreeMap::new();
        let mut broken = Vec::new();
        for (path, report) in replayed {
            match report {
                Ok(report) => {
                    let mode = format!("{:?}", report.mode).to_lowercase();
                    lines.entry((report.game, mode)).or_default().add(path, &report);
                }
                Err(error) => broken.push(format!("{}: {error}", path.display())),
            }
        }
        for ((game, mode), line) in &mut lines {
            (line.game, line.mode) = ((*game).into(), mode.clone());
            self.output.say(&line.text());
            if let Some(Different { file, seen }) = &line.first_difference {
                println!("  first difference, {}:", file.display());
                seen.iter().for_each(|line| println!("    {line}"));
            }
        }
        let all = |count: fn(&Line) -> u64| lines.values().map(count).sum::<u64>();
        let different = all(|line| line.different);
        self.output.say(&format!(
            "{} files, {} episodes, {} steps, {} equal, {} frames compared: {}",
            HumanCount(all(|line| line.files)),
            HumanCount(all(|line| line.episodes)),
            HumanCount(all(|line| line.steps)),
            HumanCount(all(|line| line.equal)),
            HumanCount(all(|line| line.frames)),
            if different == 0 { "no difference".into() } else { format!("{different} differ") },
        ));
        self.output.json(&lines.values().collect::<Vec<_>>())?;
        if let [first, rest @ ..] = &broken[..] {
            rest.iter().for_each(|error| eprintln!("error: {error}"));
            return Err(Error::Usage(first.clone()));
        }
        Ok(if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Line {
    fn add(&mut self, path: &Path, report: &Report) {
        self.files += 1;
        self.episodes += u64::from(report.episodes);
        self.steps += u64::from(report.steps);
        self.equal += u64::from(report.equal);
        self.frames += u64::from(report.frames);
        if report.is_equal() {
            return;
        }
        self.different += 1;
        if self.first_difference.is_none() {
            let mut seen = Vec::new();
            for (what, difference) in [("record", &report.difference), ("state", &report.state)] {
                if let Some(Difference { record, fields }) = difference {
                    seen.push(format!("{what} {record}:"));
                    seen.extend(fields.iter().take(FIELDS).map(|field| format!("  {field}")));
                    if fields.len() > FIELDS {
                        seen.push(format!("  and {} more", fields.len() - FIELDS));
                    }
                }
            }
            self.first_difference = Some(Different { file: path.into(), seen });
        }
    }

    fn text(&self) -> String {
        format!(
            "{:9}  {:11}  {:>3} files  {:>5} episodes  {:>9} steps  {:>9} equal",
            self.game,
            self.mode,
            self.files,
            HumanCount(self.episodes).to_string(),
            HumanCount(self.steps).to_string(),
            HumanCount(self.equal).to_string(),
        )
    }
}

/// All recordings among files and below folders, sorted, each with its size in bytes.
fn recordings(paths: &[PathBuf]) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        gather(path, true, &mut found)?;
        if found.len() == before {
            let message = format!("{}: no recording (.pgt) is in this folder", path.display());
            return Err(Error::Usage(message));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn gather(path: &Path, named: bool, found: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    let error = |e: std::io::Error| Error::Usage(format!("{}: {e}", path.display()));
    let metadata = fs::metadata(path).map_err(error)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(error)? {
            gather(&entry.map_err(error)?.path(), false, found)?;
        }
    } else if named || path.extension().is_some_and(|ending| ending == "pgt") {
        found.push((path.into(), metadata.len()));
    }
    Ok(())
}
