//! Where the time of a run goes: a row for each iteration in `timings.csv`, beside the metrics.
//!
//! Apart from them because no two runs take the same time, whereas metrics are the same bytes
//! however often a run was cut.

use super::{
    file::{FileError, write_atomic},
    metrics::read_csv,
};
use crate::{error::Result, learn::rollout::Stages};
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

/// Name of the table in the directory of a phase.
pub const FILE_NAME: &str = "timings.csv";

const HEADER: &str = "step,samples,wall_seconds,samples_per_second,draw_seconds,infer_seconds,\
                      simulate_seconds,learn_seconds,mean_return,normalised_return\n";

/// The table of a phase that is being trained.
pub struct Timings {
    path: PathBuf,
    file: File,
    /// Seconds that the phase had taken when this process went on with it.
    before: f64,
    began: Instant,
}

/// An iteration.
pub struct Row {
    /// From 0.
    pub step: u64,
    /// Samples so far.
    pub samples: u64,
    /// In this iteration.
    pub samples_per_second: f64,
    pub stages: Stages,
    /// Of the episodes that ended in this iteration, raw; NaN if none did.
    pub mean_return: f64,
    /// Mean of the last 100 episodes, normalised where the environment has a scale for it.
    pub normalised_return: f64,
}

impl Timings {
    /// Begins the table, or goes on with it after `iterations` iterations: rows of later ones are
    /// dropped, as these will be done again. A table that is missing or cut off loses rows, not
    /// the run.
    pub fn open(dir: &Path, iterations: u64) -> Result<Self> {
        let path = dir.join(FILE_NAME);
        let rows = match read_csv(&path) {
            Ok(table) if iterations > 0 => table.rows,
            _ => Vec::new(),
        };
        let kept: Vec<&Vec<f64>> = rows.iter().filter(|row| row[0] < iterations as f64).collect();
        let before = kept.last().map_or(0.0, |row| row[2]);
        let mut text = HEADER.to_owned();
        for row in kept {
            let cells: Vec<String> = row.iter().map(f64::to_string).collect();
            text += &(cells.join(",") + "\n");
        }
        write_atomic(&path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(FileError::io("open", &path))?;
        Ok(Self { path, file, before, began: Instant::now() })
    }

    pub fn append(&mut self, row: &Row) -> Result<()> {
        let wall = self.before + self.began.elapsed().as_secs_f64();
        let Stages { draw, infer, simulate, learn } = row.stages;
        let line = format!(
            "{},{},{wall:.3},{:.1},{draw:.4},{infer:.4},{simulate:.4},{learn:.4},{},{}\n",
            row.step, row.samples, row.samples_per_second, row.mean_return, row.normalised_return
        );
        Ok(self.file.write_all(line.as_bytes()).map_err(FileError::io("write", &self.path))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64) -> Row {
        Row {
            step,
            samples: 10 * (step + 1),
            samples_per_second: 100.0,
            stages: Stages { learn: 0.5, ..Stages::default() },
            mean_return: f64::NAN,
            normalised_return: 0.25,
        }
    }

    #[test]
    fn going_on_drops_what_will_be_done_again_and_the_clock_runs_on() {
        let dir = temp_dir::TempDir::new().unwrap();
        let mut timings = Timings::open(dir.path(), 0).unwrap();
        (0..4).for_each(|step| timings.append(&row(step)).unwrap());
        let table = || read_csv(&dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(table().column("learn_seconds").unwrap(), [0.5; 4]);
        let mut timings = Timings::open(dir.path(), 2).unwrap();
        timings.before += 1000.0;
        timings.append(&row(2)).unwrap();
        assert_eq!(table().column("step").unwrap(), [0.0, 1.0, 2.0]);
        assert!(table().column("wall_seconds").unwrap()[2] >= 1000.0);
        let timings = Timings::open(dir.path(), 3).unwrap();
        assert!(timings.before >= 1000.0);
        // Another phase, or the same from its start.
        Timings::open(dir.path(), 0).unwrap();
        assert!(table().rows.is_empty());
    }

    #[test]
    fn a_table_that_is_cut_off_does_not_stop_a_run() {
        let dir = temp_dir::TempDir::new().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), "step,sam").unwrap();
        Timings::open(dir.path(), 7).unwrap().append(&row(7)).unwrap();
        let table = read_csv(&dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(table.column("step").unwrap(), [7.0]);
    }
}
