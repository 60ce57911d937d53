//! A replay that a phase begins with: another phase's, as it was at some row.
//!
//! algorithms.md §6 proposes it for phase II: it goes on from the plateau, and with what the
//! generalist had played until then.

use super::{
    Form, Replay, Step,
    file::{Kept, read_step, segment_path, segment_rows, write_step},
};
use crate::run::file::{FileError, write_atomic};
use gslab_envs::End;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a replay that no phase writes to any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inherited {
    pub dir: PathBuf,
    /// Where they end.
    pub kept: Kept,
}

impl Inherited {
    /// Sets aside, in a directory of its own, what a phase's replay of `capacity` rows was when it
    /// had `rows` rows, which must be on disk. The phase may go on: whole segments are shared with
    /// it, the last is copied.
    ///
    /// Nothing, if the ring has gone round since, so that no row before that one is left.
    ///
    /// The last step is left out. It is what the step before led to, where that must end: nothing of
    /// another phase follows it.
    ///
    /// # Errors
    /// A file cannot be read or written, or is not what was written.
    pub fn set_aside(
        from: &Path,
        to: &Path,
        form: Form,
        capacity: usize,
        rows: u64,
    ) -> Result<Kept, FileError> {
        let n = form.environments as u64;
        if rows < 2 * n {
            return Ok(Kept::default());
        }
        let capacity = capacity.next_multiple_of(form.environments);
        let segment = segment_rows(capacity, form);
        let (last, left_out) = (rows - 2 * n, rows - n);
        let number = last / segment;
        if !segment_path(from, number).exists() {
            return Ok(Kept::default());
        }
        let begins = (0..=number).rev().take_while(|&n| segment_path(from, n).exists()).last();
        let oldest =
            begins.unwrap_or(number).max((rows - n).saturating_sub(capacity as u64) / segment);

        fs::create_dir_all(to).map_err(FileError::io("create", to))?;
        for number in oldest..number {
            share(&segment_path(from, number), &segment_path(to, number))?;
        }
        let mut read = Replay::new(form, segment as usize + form.environments);
        (read.first, read.written) = (number * segment, number * segment);
        for number in number..=left_out / segment {
            let path = segment_path(from, number);
            let content = fs::read(&path).map_err(FileError::io("read", &path))?;
            let (mut rest, end) = (&content[..], rows.min((number + 1) * segment));
            while read.written < end {
                rest = read_step(rest, &mut read).ok_or_else(|| FileError::Damaged {
                    path: path.clone(),
                    what: "it holds fewer steps than it had".into(),
                })?;
            }
        }
        let mut bytes = Vec::new();
        for row in (number * segment..last).step_by(form.environments) {
            write_step(&mut bytes, &read.step(row));
        }
        let step = read.step(last);
        let cut = |&end: &End| if end == End::Running { End::Truncated } else { end };
        let ends: Vec<End> = step.ends.iter().map(cut).collect();
        let led_to = (last..left_out).flat_map(|row| read.row(row).next).copied().collect();
        write_step(&mut bytes, &Step { ends: &ends, last: led_to, ..step });
        write_atomic(&segment_path(to, number), &bytes)?;
        Ok(Kept { rows: left_out, bytes: bytes.len() as u64, first: oldest * segment })
    }

    /// Makes these the first rows of a phase that has not begun, of the same form and capacity.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn begin(&self, to: &Path, form: Form, capacity: usize) -> Result<Kept, FileError> {
        let Self { dir, kept } = self;
        if kept.rows == 0 {
            return Ok(*kept);
        }
        let segment = segment_rows(capacity.next_multiple_of(form.environments), form);
        let last = (kept.rows - form.environments as u64) / segment;
        for number in kept.first / segment..last {
            share(&segment_path(dir, number), &segment_path(to, number))?;
        }
        let path = segment_path(dir, last);
        let bytes = fs::read(&path).map_err(FileError::io("read", &path))?;
        write_atomic(&segment_path(to, last), &bytes)?;
        Ok(*kept)
    }
}

/// One file under two names where the file system can, else a copy.
fn share(from: &Path, to: &Path) -> Result<(), FileError> {
    // There already, if the process was killed before the next checkpoint.
    if to.exists() {
        fs::remove_file(to).map_err(FileError::io("remove", to))?;
    }
    let shared = fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop));
    shared.map_err(FileError::io("copy", from))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Transitions,
            file::Files,
            tests::{FORM, Played},
        },
        *,
    };

    const CAPACITY: usize = 48;

    fn rows(replay: &Replay, rows: std::ops::Range<u64>) -> Transitions {
        replay.gather(&rows.collect::<Vec<_>>())
    }

    /// Sets aside at every step of a phase that has gone on since, begins another with it, and goes
    /// on there; segments are of two steps.
    #[test]
    fn a_phase_begins_with_the_rows_of_another_and_nothing_of_it_is_lost() {
        let played = Played::new(40);
        for (at, later) in [1, 2, 3, 8, 9, 10, 17, 18, 23, 24]
            .map(|at| (at, 2))
            .into_iter()
            .chain([(4, 22), (9, 9)])
        {
            let root = temp_dir::TempDir::new().unwrap();
            let (first, aside, second) = (root.child("a"), root.child("b"), root.child("c"));
            [&first, &second].into_iter().for_each(|dir| fs::create_dir(dir).unwrap());

            let mut replay = Replay::new(FORM, CAPACITY);
            let mut files = Files::open(&first, &mut replay, Kept::default()).unwrap();
            // That the phase was at its plateau is known a little later. It goes on, round the ring.
            let known = at as usize + later;
            let (mut kept, mut there, mut begins) = (Kept::default(), Transitions::default(), 0);
            for t in 0..40 {
                played.push(&mut replay, t);
                files.keep(&replay).unwrap();
                files.tidy(&replay).unwrap();
                if t + 1 == known {
                    kept = Inherited::set_aside(&first, &aside, FORM, CAPACITY, 3 * at).unwrap();
                    begins = replay.rows().start;
                    there = rows(&replay, begins..(3 * (at - 1)).max(begins));
                }
            }

            let inherited = Inherited { dir: aside.clone(), kept };
            for _killed_before_its_first_checkpoint in 0..2 {
                assert_eq!(inherited.begin(&second, FORM, CAPACITY).unwrap(), kept);
            }
            let mut new = Replay::new(FORM, CAPACITY);
            let mut files = Files::open(&second, &mut new, kept).unwrap();
            if later > 16 {
                assert_eq!(kept, Kept::default());
                continue;
            }
            assert_eq!(kept.rows, 3 * (at - 1));
            let start = new.rows().start.max(begins);
            let skipped = (start - begins) as usize;
            let found = rows(&new, start..kept.rows);
            assert_eq!(found.observations[..], there.observations[2 * skipped..], "{at}");
            assert_eq!(found.next_observations[..], there.next_observations[2 * skipped..], "{at}");
            assert_eq!(found.rewards[..], there.rewards[skipped..]);
            assert_eq!(found.terminated[..], there.terminated[skipped..]);

            // What the second phase plays, and keeps, changes nothing of what was set aside.
            let before: Vec<Vec<u8>> = content(&aside);
            for t in 0..6 {
                played.push(&mut new, t);
            }
            let left = new.rows().start.max(start)..kept.rows;
            let gone = (left.start - start) as usize;
            let found = &found.next_observations[2 * gone..];
            assert_eq!(rows(&new, left).next_observations[..], *found, "{at}");
            files.keep(&new).unwrap();
            files.tidy(&new).unwrap();
            assert_eq!(content(&aside), before);
        }
    }

    fn content(dir: &Path) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(dir).map(|all| all.map(|e| e.unwrap().path()).collect());
        let mut paths: Vec<PathBuf> = entries.unwrap_or_default();
        paths.sort();
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }
}
