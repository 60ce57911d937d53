//! Files that are either whole or not there.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot {action} {path}: {error}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, error: io::Error },
    #[error(
        "{path} is damaged: {what}. Restore it from a copy, or delete it to redo its phase from the start",
        path = .path.display()
    )]
    Damaged { path: PathBuf, what: String },
    #[error(
        "{path} has format version {found}, this gslab reads version {VERSION}: use the gslab that wrote it",
        path = .path.display()
    )]
    Version { path: PathBuf, found: u32 },
}

impl FileError {
    /// For `map_err`: an I/O error with what was being done to which file.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { action, path, error }
    }
}

/// Writes a file under another name and renames it, so that a reader and a crash see the old
/// content or the new, never a part.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace(path, |file| file.write_all(bytes))
}

/// [`write_atomic`] of what `content` writes.
fn replace(
    path: &Path,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = PathBuf::from(temporary);
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        content(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself survives a power cut only once the directory is on disk.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        FileError::io("write", path)(error)
    })
}

const MAGIC: [u8; 8] = *b"gslab\0\r\n";
/// Raised whenever what is stored changes its meaning.
const VERSION: u32 = 3;
/// Magic, version, checksum, length.
const HEADER: usize = 8 + 4 + 4 + 8;
/// Bytes that are read at once.
const BLOCK: usize = 1 << 18;

/// Stores a value: a header with format version, CRC-32C and length, then MessagePack.
pub fn store<T: Serialize>(path: &Path, value: &T) -> Result<(), FileError> {
    replace(path, |file| {
        file.write_all(&[0; HEADER])?;
        let mut payload = BufWriter::new(Payload { file, length: 0, checksum: 0, error: None });
        let written = rmp_serde::encode::write_named(&mut payload, value);
        let flushed = payload.flush();
        let Payload { file, length, checksum, error } = payload.into_parts().0;
        // What the system said, which the serialiser does not pass on.
        error.map_or(Ok(()), Err).and(flushed)?;
        written.expect("what gslab stores is plain data that always serialises");
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&checksum.to_le_bytes());
        header.extend_from_slice(&length.to_le_bytes());
        file.rewind()?;
        file.write_all(&header)
    })
}

/// A file, and what its header will say of what is written to it.
struct Payload<'a> {
    file: &'a mut File,
    length: u64,
    checksum: u32,
    error: Option<io::Error>,
}

impl Write for Payload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes).map_err(|error| {
            let kind = error.kind();
            self.error = (kind != io::ErrorKind::Interrupted).then_some(error);
            kind
        })?;
        self.length += written as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads what [`store`] wrote, refusing anything that is not exactly that. The file itself is never
/// in memory as a whole.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let unreadable = || FileError::io("read", path);
    let damaged = |what: &str| FileError::Damaged { path: path.into(), what: what.into() };
    let read = || -> io::Result<_> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut file = BufReader::with_capacity(BLOCK, file);
        let mut header = [0; HEADER];
        let whole = size >= HEADER as u64;
        if whole {
            file.read_exact(&mut header)?;
        }
        Ok((file, whole.then_some(header), size.saturating_sub(HEADER as u64)))
    };
    let (mut file, header, size) = read().map_err(unreadable())?;
    let header = header.ok_or_else(|| damaged("it is shorter than its header"))?;
    if header[..8] != MAGIC {
        return Err(damaged("it does not begin like a file of gslab"));
    }
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    if word(8) != VERSION {
        return Err(FileError::Version { path: path.into(), found: word(8) });
    }
    let length = u64::from_le_bytes(header[16..].try_into().expect("eight bytes"));
    if length != size {
        return Err(damaged("it is cut short or has bytes behind its end"));
    }
    if checksum(&mut file).map_err(unreadable())? != word(12) {
        return Err(damaged("its checksum does not match"));
    }
    file.seek(SeekFrom::Start(HEADER as u64)).map_err(unreadable())?;
    rmp_serde::from_read(file).map_err(|e| damaged(&format!("its content cannot be read ({e})")))
}

/// Of what is left to read.
fn checksum(reader: &mut impl BufRead) -> io::Result<u32> {
    let mut checksum = 0;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(checksum);
        }
        checksum = crc32c::crc32c_append(checksum, bytes);
        let read = bytes.len();
        reader.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_leaves_nothing_behind() {
        let dir = temp_dir::TempDir::new().unwrap();
        let path = dir.path().join("value.bin");
        let value = (vec![1.5f32, f32::NEG_INFINITY], "name".to_string(), Some(7u64));
        store(&path, &value).unwrap();
        assert_eq!(load::<(Vec<f32>, String, Option<u64>)>(&path).unwrap(), value);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let dir = temp_dir::TempDir::new().unwrap();
        let path = dir.path().join("value.bin");
        store(&path, &vec![1u32, 2, 3]).unwrap();
        let good = fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bad).unwrap();
            assert!(load::<Vec<u32>>(&path).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert!(load::<Vec<u32>>(&path).is_err(), "cut to {length}");
        }
    }
}
