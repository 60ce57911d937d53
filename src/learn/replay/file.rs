//! The replay on disk: segments of a fixed number of rows, appended to before every checkpoint.
//!
//! A segment is named after its number. Which steps it holds is a function of that number, so a
//! run that was cut and resumed leaves the same files as one that never was. Segments that no row
//! of the ring lies in are removed once a checkpoint no longer needs them.

use super::{Form, Replay, Step};
use crate::run::file::FileError;
use gslab_envs::End;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Segments that a full ring spans, but for one that is being begun.
const SEGMENTS: usize = 8;

/// Where the replay on disk ends: part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Rows since the phase began.
    pub rows: u64,
    /// Bytes of the last segment.
    pub bytes: u64,
    /// First row that was ever there: 0, but where a phase began with another's replay.
    #[serde(default)]
    pub first: u64,
}

/// Rows of a segment of a replay, a multiple of the environments.
pub(super) fn segment_rows(capacity: usize, form: Form) -> u64 {
    ((capacity / SEGMENTS).max(1) as u64).next_multiple_of(form.environments as u64)
}

/// Where a segment of the replay in a directory is.
pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("replay-{number:06}.bin"))
}

/// The files of a phase's replay.
pub struct Files {
    dir: PathBuf,
    /// Rows of a segment, a multiple of the environments.
    segment: u64,
    kept: Kept,
}

impl Files {
    /// Takes up the replay of a phase in its directory as it was at a checkpoint: rows that were
    /// written later are dropped.
    ///
    /// # Errors
    /// A file is missing or shorter than it was.
    pub fn open(dir: &Path, replay: &mut Replay, kept: Kept) -> Result<Self, FileError> {
        let segment = segment_rows(replay.capacity, replay.form);
        let files = Self { dir: dir.into(), segment, kept };
        let (oldest, end) = (files.oldest(replay), files.segment_of(kept.rows));
        (replay.first, replay.written) = (oldest * segment, oldest * segment);
        for number in oldest..=end {
            let rows = segment.min(kept.rows - number * segment);
            if rows > 0 {
                let bytes = (number == end).then_some(kept.bytes);
                files.read(number, rows, bytes, replay)?;
            }
        }
        // What follows was written after the checkpoint.
        let after = if kept.rows.is_multiple_of(segment) { end } else { end + 1 };
        for path in (after..).map(|number| files.path(number)).take_while(|path| path.exists()) {
            fs::remove_file(&path).map_err(FileError::io("remove", &path))?;
        }
        files.tidy(replay)?;
        Ok(files)
    }

    fn path(&self, number: u64) -> PathBuf {
        segment_path(&self.dir, number)
    }

    fn segment_of(&self, row: u64) -> u64 {
        row / self.segment
    }

    /// The first segment that holds a row of the ring as it is on disk.
    fn oldest(&self, replay: &Replay) -> u64 {
        let oldest = self.kept.rows.saturating_sub(replay.capacity as u64);
        self.segment_of(oldest.max(self.kept.first))
    }

    /// Reads rows of a segment into the ring; `bytes` is how many they are, if a checkpoint says
    /// so.
    fn read(
        &self,
        number: u64,
        rows: u64,
        bytes: Option<u64>,
        replay: &mut Replay,
    ) -> Result<(), FileError> {
        let path = self.path(number);
        let mut content = Vec::new();
        let mut file = File::open(&path).map_err(FileError::io("open", &path))?;
        file.read_to_end(&mut content).map_err(FileError::io("read", &path))?;
        let damaged = |what: String| FileError::Damaged { path: path.clone(), what };
        let mut rest = match bytes {
            Some(bytes) => content.get(..bytes as usize).ok_or_else(|| {
                let found = content.len();
                damaged(format!(
                    "it has {found} bytes, but the checkpoint was taken when it had {bytes}"
                ))
            })?,
            None => &content,
        };
        for _ in 0..rows / replay.form.environments as u64 {
            rest = read_step(rest, replay)
                .ok_or_else(|| damaged("it holds fewer steps than it had".into()))?;
        }
        match rest.is_empty() {
            true => Ok(()),
            false => Err(damaged("it has bytes behind its end".into())),
        }
    }

    /// Writes the rows that were added since. They are on disk when this returns.
    ///
    /// # Panics
    /// If some of them were overwritten already.
    pub fn keep(&mut self, replay: &Replay) -> Result<Kept, FileError> {
        assert!(self.kept.rows >= replay.rows().start, "the ring went round between checkpoints");
        while self.kept.rows < replay.written {
            let number = self.segment_of(self.kept.rows);
            let end = replay.written.min((number + 1) * self.segment);
            if self.kept.rows.is_multiple_of(self.segment) {
                self.kept.bytes = 0;
            }
            let mut bytes = Vec::new();
            for row in (self.kept.rows..end).step_by(replay.form.environments) {
                write_step(&mut bytes, &replay.step(row));
            }
            self.append(number, &bytes)?;
            let bytes = self.kept.bytes + bytes.len() as u64;
            self.kept = Kept { rows: end, bytes, ..self.kept };
        }
        Ok(self.kept)
    }

    fn append(&self, number: u64, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(number);
        let io = |action| FileError::io(action, &path);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(io("open"))?;
        file.set_len(self.kept.bytes).map_err(io("truncate"))?;
        file.seek(SeekFrom::End(0)).map_err(io("seek in"))?;
        file.write_all(bytes).map_err(io("write"))?;
        file.sync_data().map_err(io("write"))
    }

    /// Removes the segments that no row of the ring lies in. To be done when a checkpoint has been
    /// stored: the one before may need them.
    pub fn tidy(&self, replay: &Replay) -> Result<(), FileError> {
        for number in (0..self.oldest(replay)).rev() {
            let path = self.path(number);
            if !path.exists() {
                break;
            }
            fs::remove_file(&path).map_err(FileError::io("remove", &path))?;
        }
        Ok(())
    }
}

/// Observations, actions, rewards, one byte for each end, then the last observations of the
/// episodes that ended; all numbers, and words of observations, little-endian.
pub(super) fn write_step(bytes: &mut Vec<u8>, step: &Step<'_, u32>) {
    let Step { observations, actions, rewards, ends, last } = step;
    observations.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    let mut numbers = |values: &[f32]| values.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
    numbers(actions);
    numbers(rewards);
    bytes.extend(ends.iter().map(|end| match end {
        End::Running => 0,
        End::Terminated => 1,
        End::Truncated => 2,
    }));
    last.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
}

/// Adds the step that bytes begin with to the ring; what follows it, or none if they are no step.
pub(super) fn read_step<'a>(bytes: &'a [u8], replay: &mut Replay) -> Option<&'a [u8]> {
    let Form { environments: n, action, .. } = replay.form;
    let width = replay.form.words();
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(taken)
    };
    let words = |bytes: &[u8]| -> Vec<u32> {
        bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
    };
    let numbers = |bytes: &[u8]| -> Vec<f32> {
        bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
    };
    let observations = words(take(4 * n * width)?);
    let actions = numbers(take(4 * n * action)?);
    let rewards = numbers(take(4 * n)?);
    let ends = take(n)?.iter().map(|byte| match byte {
        0 => Some(End::Running),
        1 => Some(End::Terminated),
        2 => Some(End::Truncated),
        _ => None,
    });
    let ends: Vec<End> = ends.collect::<Option<_>>()?;
    let ended = ends.iter().filter(|&&end| end != End::Running).count();
    let last = words(take(4 * ended * width)?);
    replay.push_packed(Step {
        observations: &observations,
        actions: &actions,
        rewards: &rewards,
        ends: &ends,
        last,
    });
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Transitions,
            tests::{FORM, Played},
        },
        *,
    };
    use std::collections::BTreeMap;

    fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
            .collect()
    }

    fn all(replay: &Replay) -> Transitions {
        replay.gather(&replay.rows().collect::<Vec<_>>())
    }

    /// A phase of 60 steps with checkpoints after some of them, cut after each.
    #[test]
    fn cut_anywhere_it_goes_on_with_the_same_rows_and_leaves_the_same_files() {
        let played = Played::new(60);
        let checkpoints = [0, 4, 9, 10, 24, 32, 33, 48, 60];
        // 48 rows: segments of two steps of three environments.
        let run = |dir: &Path, cut_after: usize| -> Replay {
            let mut replay = Replay::new(FORM, 48);
            let mut files = Files::open(dir, &mut replay, Kept::default()).unwrap();
            for pair in checkpoints.windows(2) {
                (pair[0]..pair[1]).for_each(|t| played.push(&mut replay, t));
                let before = files.kept;
                let kept = files.keep(&replay).unwrap();
                if pair[1] == cut_after {
                    // Killed before this checkpoint was stored: the one before is gone on from.
                    replay = Replay::new(FORM, 48);
                    files = Files::open(dir, &mut replay, before).unwrap();
                    (pair[0]..pair[1]).for_each(|t| played.push(&mut replay, t));
                    assert_eq!(files.keep(&replay).unwrap(), kept);
                    // Killed after it was stored, before its files were tidied.
                    replay = Replay::new(FORM, 48);
                    files = Files::open(dir, &mut replay, kept).unwrap();
                    replay.set_now(&played.observations[pair[1]]);
                }
                files.tidy(&replay).unwrap();
            }
            replay
        };
        let whole = temp_dir::TempDir::new().unwrap();
        let expected = all(&run(whole.path(), usize::MAX));
        let files = tree(whole.path());
        assert!((SEGMENTS..=SEGMENTS + 1).contains(&files.len()), "{:?}", files.keys());
        for cut_after in &checkpoints[1..] {
            let dir = temp_dir::TempDir::new().unwrap();
            let replay = run(dir.path(), *cut_after);
            assert_eq!(replay.rows(), 180 - 48..180);
            assert_eq!(all(&replay), expected, "cut after {cut_after}");
            assert!(tree(dir.path()) == files, "other files after a cut after {cut_after}");
        }
    }

    #[test]
    fn what_was_lost_is_noticed() {
        let played = Played::new(5);
        let dir = temp_dir::TempDir::new().unwrap();
        let mut replay = Replay::new(FORM, 48);
        let mut files = Files::open(dir.path(), &mut replay, Kept::default()).unwrap();
        (0..5).for_each(|t| played.push(&mut replay, t));
        let kept = files.keep(&replay).unwrap();
        let open = || Files::open(dir.path(), &mut Replay::new(FORM, 48), kept).map(drop);
        open().unwrap();
        for name in ["replay-000000.bin", "replay-000002.bin"] {
            let path = dir.path().join(name);
            let good = fs::read(&path).unwrap();
            fs::write(&path, &good[..good.len() - 1]).unwrap();
            let error = open().unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("is damaged"), "{error}");
            fs::remove_file(&path).unwrap();
            assert!(open().unwrap_err().to_string().contains(name));
            fs::write(&path, good).unwrap();
        }
    }
}
