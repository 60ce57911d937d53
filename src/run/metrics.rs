//! The training curves of a run: one row for each iteration, to `metrics.csv` and, for
//! TensorBoard, to an events file beside it.
//!
//! Both files are pure functions of the rows, so a run that was resumed from a checkpoint leaves
//! the same bytes as one that was never interrupted.

use super::{events, file::FileError};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Name of the table in a run directory.
pub const FILE_NAME: &str = "metrics.csv";

/// Bytes that the names of all columns may take.
const MAX_HEADER: u64 = 1 << 20;

/// What can go wrong with the files of the metrics.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "{path} has {length} bytes, but the checkpoint was taken when it had {offset}: \
         metrics were lost. Restore it from a copy",
        path = .path.display()
    )]
    Lost { path: PathBuf, length: u64, offset: u64 },
    #[error(
        "{path} begins with {found:?}, where this run would have written {expected:?}",
        path = .path.display()
    )]
    Header { path: PathBuf, found: String, expected: String },
    #[error("{path}, line {line}: {problem}", path = .path.display())]
    Malformed { path: PathBuf, line: usize, problem: String },
}

/// Where both files ended, in bytes: part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offsets {
    pub csv: u64,
    pub events: u64,
}

/// The metrics of a run that is being trained.
#[derive(Debug)]
pub struct Metrics {
    tags: Vec<String>,
    csv: Appended,
    events: Appended,
}

impl Metrics {
    /// Starts both files in `dir`, in place of any that are there. A column's name is also its
    /// tag in TensorBoard, which groups tags by what stands before the slash: `train/success`.
    ///
    /// # Panics
    /// If a column's name is empty, repeated, `step` or `samples`, or holds a comma, a quote or a
    /// line break.
    pub fn create(dir: &Path, columns: &[&str]) -> Result<Self, Error> {
        let header = header(columns);
        let mut csv = Appended::create(dir.join(FILE_NAME))?;
        csv.append(header.as_bytes())?;
        let mut events = Appended::create(dir.join(events::FILE_NAME))?;
        events.append(&events::file_version())?;
        Ok(Self { tags: columns.iter().map(|c| (*c).to_owned()).collect(), csv, events })
    }

    /// Goes on after a checkpoint: rows that were written later than `offsets` are dropped.
    ///
    /// # Errors
    /// If a file is missing, shorter than its offset, or was not begun with these columns.
    ///
    /// # Panics
    /// As [`Metrics::create`].
    pub fn resume(dir: &Path, columns: &[&str], offsets: Offsets) -> Result<Self, Error> {
        let header = header(columns);
        // Nothing is cut before both files are known to be the checkpoint's.
        let mut csv = Appended::open(dir.join(FILE_NAME), offsets.csv)?;
        let start = csv.head(MAX_HEADER)?;
        if !start.starts_with(header.as_bytes()) {
            let first_line = |bytes: &[u8]| {
                String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
            };
            let (found, expected) = (first_line(&start), first_line(header.as_bytes()));
            return Err(Error::Header { path: csv.path, found, expected });
        }
        let mut events = Appended::open(dir.join(events::FILE_NAME), offsets.events)?;
        let version = events::file_version();
        if events.head(version.len() as u64)? != version {
            let what = "it does not begin like an events file of gslab".to_owned();
            return Err(FileError::Damaged { path: events.path, what }.into());
        }
        csv.cut()?;
        events.cut()?;
        Ok(Self { tags: columns.iter().map(|c| (*c).to_owned()).collect(), csv, events })
    }

    /// Writes one row: the iteration, the samples consumed so far and a value for each column.
    /// The row has reached the operating system when this returns.
    ///
    /// # Panics
    /// If there are more or fewer values than columns.
    pub fn append(&mut self, step: u64, samples: u64, values: &[f64]) -> Result<(), Error> {
        assert_eq!(values.len(), self.tags.len(), "one value for each of {:?}", self.tags);
        let mut row = format!("{step},{samples}");
        for value in values {
            // Debug is the shortest form that reads back as the same number.
            write!(row, ",{value:?}").expect("writing to a string cannot fail");
        }
        row.push('\n');
        self.csv.append(row.as_bytes())?;
        self.events.append(&events::scalars(step, samples, &self.tags, values))
    }

    /// Where both files end now: the offsets for a checkpoint. What lies before them is on disk
    /// when this returns, so that a power cut cannot leave a checkpoint without its metrics.
    pub fn synced_offsets(&self) -> Result<Offsets, Error> {
        for appended in [&self.csv, &self.events] {
            appended.file.sync_data().map_err(FileError::io("write", &appended.path))?;
        }
        Ok(self.offsets())
    }

    /// Where both files end now.
    pub fn offsets(&self) -> Offsets {
        Offsets { csv: self.csv.length, events: self.events.length }
    }
}

fn header(columns: &[&str]) -> String {
    let mut header = "step,samples".to_owned();
    for (i, column) in columns.iter().enumerate() {
        let new = !columns[..i].contains(column) && !["step", "samples", ""].contains(column);
        assert!(new && !column.contains([',', '"', '\n', '\r']), "{column:?} as a column's name");
        header.push(',');
        header.push_str(column);
    }
    header.push('\n');
    header
}

/// A file that only grows.
#[derive(Debug)]
struct Appended {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Appended {
    fn create(path: PathBuf) -> Result<Self, Error> {
        let file = File::create(&path).map_err(FileError::io("create", &path))?;
        Ok(Self { path, file, length: 0 })
    }

    /// Opens a file whose first `length` bytes are to be kept.
    fn open(path: PathBuf, length: u64) -> Result<Self, Error> {
        let io = |action| FileError::io(action, &path);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io("open"))?;
        let found = file.metadata().map_err(io("read"))?.len();
        if found < length {
            return Err(Error::Lost { path, length: found, offset: length });
        }
        Ok(Self { path, file, length })
    }

    /// The first bytes that are to be kept, up to `limit`.
    fn head(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut head = Vec::new();
        let read = (&self.file).take(self.length.min(limit)).read_to_end(&mut head);
        read.map_err(FileError::io("read", &self.path))?;
        Ok(head)
    }

    /// Drops what is not to be kept.
    fn cut(&mut self) -> Result<(), Error> {
        self.file.set_len(self.length).map_err(FileError::io("truncate", &self.path))?;
        let end = SeekFrom::Start(self.length);
        self.file.seek(end).map_err(FileError::io("seek in", &self.path))?;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(FileError::io("write", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// The content of a `metrics.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Names, `step` and `samples` first.
    pub columns: Vec<String>,
    /// One value for each column.
    pub rows: Vec<Vec<f64>>,
}

impl Table {
    /// The values of one column, from the first row to the last.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let index = self.columns.iter().position(|column| column == name)?;
        Some(self.rows.iter().map(|row| row[index]).collect())
    }
}

/// Reads a `metrics.csv`.
///
/// # Errors
/// If the file cannot be read, or a line is not one number for each column, ended by a line break
/// (the last line of a run that was killed may be cut). The error names file and line.
pub fn read_csv(path: &Path) -> Result<Table, Error> {
    let text = fs::read_to_string(path).map_err(FileError::io("read", path))?;
    let malformed = |line, problem| Error::Malformed { path: path.to_owned(), line, problem };
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let Some(line) = line.strip_suffix('\n') else {
            return Err(malformed(number, "the line is cut off".to_owned()));
        };
        let fields = line.split(',');
        if index == 0 {
            columns = fields.map(str::to_owned).collect();
            continue;
        }
        let row = fields
            .map(|field| {
                field.parse().map_err(|_| malformed(number, format!("{field:?} is not a number")))
            })
            .collect::<Result<Vec<f64>, _>>()?;
        if row.len() != columns.len() {
            let problem = format!("{} values for {} columns", row.len(), columns.len());
            return Err(malformed(number, problem));
        }
        rows.push(row);
    }
    if columns.first().is_none_or(|name| name != "step") {
        return Err(malformed(1, "the header, which begins with \"step\", is missing".to_owned()));
    }
    Ok(Table { columns, rows })
}
