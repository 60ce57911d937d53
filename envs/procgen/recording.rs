//! Recordings of the original (`.pgt`), read as a stream.
//!
//! A recording is gzip of: 8 bytes `PGTRACE1`; the length of the header and the header in JSON;
//! one record for the state at first and one for the state after each step, all of one size; and
//! whole states of some of the records. Numbers are little endian.

use super::{
    conformance::FrameError,
    layout::Value,
    options::{Mode, Options},
    state::Checksums,
};
use crate::OptionError;
use flate2::bufread::GzDecoder;
use serde::{Deserialize, de::Error};
use std::io::{self, BufRead, Read};

const MAGIC: &[u8; 8] = b"PGTRACE1";
/// Longest header, and longest state, that is read.
const MAX_LENGTH: u32 = 1 << 24;

/// Most worlds of a vector environment that a recording may be of.
const MAX_WORLDS: u32 = 1 << 16;

/// The fields of a record; the last one may be missing.
const FIELDS: [&str; 21] = [
    "action",
    "first",
    "prev_level_complete",
    "has_snapshot",
    "reward",
    "prev_level_seed",
    "level_seed",
    "cur_time",
    "n_entities",
    "agent_x",
    "agent_y",
    "agent_vx",
    "agent_vy",
    "rng_draws",
    "crc_step",
    "crc_ents",
    "crc_basic",
    "crc_cam",
    "crc_grid",
    "crc_tail",
    "crc_obs",
];
/// Bytes of a record without and with the checksum of the observation.
const RECORD_SIZES: [usize; 2] = [68, 72];

/// A recording that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is not a recording: it does not begin with PGTRACE1")]
    Magic,
    #[error("its header cannot be read: {0}")]
    Header(#[from] serde_json::Error),
    #[error("it has records of {size} bytes with the fields {fields:?}, which are unknown")]
    Record { size: usize, fields: Vec<String> },
    #[error("its frames cannot be painted: {0}")]
    Frame(FrameError),
    #[error("it is of an unknown game, {0:?}")]
    UnknownGame(String),
    #[error("it uses generated assets, which are not supported")]
    GeneratedAssets,
    #[error("its options are invalid: {0}")]
    Option(#[from] OptionError),
    #[error("it is of world {0} of a vector environment, more than {MAX_WORLDS}")]
    Index(u32),
    #[error("it has a part of {0} bytes, which is too long")]
    TooLong(u32),
    #[error("it has more or fewer states than its records announce")]
    Snapshots,
}

/// What a recording says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    pub game: String,
    /// Keyword options of the environment in the names of the original.
    pub options: RecordedOptions,
    /// Which of the worlds that were seeded together.
    #[serde(default)]
    pub env_index: u32,
    /// Number of records but for the first.
    pub steps: u32,
    /// Number of states after the records.
    pub snapshots: u32,
    record_size: usize,
    record_fields: Vec<String>,
    /// There if records may lack checksums.
    #[serde(default)]
    sparse: Option<serde_json::Value>,
}

/// The options of a recording.
#[derive(Clone, Debug)]
pub struct RecordedOptions {
    pub options: Options,
    pub rand_seed: i32,
    pub debug_mode: i32,
    pub use_generated_assets: bool,
}

impl<'de> Deserialize<'de> for RecordedOptions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// What is not an option of a game, or is one under another name.
        #[derive(Deserialize)]
        struct Own {
            #[serde(default)]
            distribution_mode: Mode,
            rand_seed: i32,
            #[serde(default)]
            debug_mode: i32,
            #[serde(default)]
            use_generated_assets: bool,
        }
        const OWN: [&str; 6] = [
            "distribution_mode",
            "rand_seed",
            "debug_mode",
            "use_generated_assets",
            "env_name",
            "num_threads",
        ];
        let mut table = serde_json::Map::deserialize(deserializer)?;
        let own = serde_json::Value::Object(table.clone());
        let own: Own = serde_json::from_value(own).map_err(D::Error::custom)?;
        for key in OWN {
            table.remove(key);
        }
        let options: Options = serde_json::from_value(table.into()).map_err(D::Error::custom)?;
        Ok(Self {
            options: Options { mode: own.distribution_mode, ..options },
            rand_seed: own.rand_seed,
            debug_mode: own.debug_mode,
            use_generated_assets: own.use_generated_assets,
        })
    }
}

/// The state after a step, as far as a recording has it for every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// What led here; -128 in the first record.
    pub action: i8,
    pub first: bool,
    pub level_complete: bool,
    /// Whether the recording has the whole state.
    pub has_snapshot: bool,
    pub reward: f32,
    pub prev_level_seed: i32,
    pub level_seed: i32,
    pub cur_time: i32,
    pub entities: u32,
    /// x, y, vx and vy.
    pub agent: [f32; 4],
    /// Draws in this level.
    pub rng_draws: u32,
    pub checksums: Option<Checksums>,
    /// CRC-32 of the observation: `64 * 64` pixels of red, green and blue.
    pub observation: Option<u32>,
}

impl Record {
    /// Reads a record of one of [`RECORD_SIZES`].
    fn parse(bytes: &[u8], sparse: bool) -> Self {
        let word = |at: usize| {
            let bytes: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes)
        };
        let float = |at| f32::from_bits(word(at));
        let checksums = Checksums {
            step: word(44),
            entities: word(48),
            basic: word(52),
            camera: word(56),
            grid: word(60),
            tail: word(64),
        };
        let missing = sparse && bytes[44..].iter().all(|&byte| byte == 0);
        Self {
            action: bytes[0] as i8,
            first: bytes[1] != 0,
            level_complete: bytes[2] != 0,
            has_snapshot: bytes[3] != 0,
            reward: float(4),
            prev_level_seed: word(8) as i32,
            level_seed: word(12) as i32,
            cur_time: word(16) as i32,
            entities: word(20),
            agent: [float(24), float(28), float(32), float(36)],
            rng_draws: word(40),
            checksums: (!missing).then_some(checksums),
            observation: (!missing && bytes.len() > 68).then(|| word(68)),
        }
    }

    /// Names and values of what is compared, in the order in which a difference is best looked
    /// into.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let int = Value::Int;
        let Self { agent: [x, y, vx, vy], .. } = *self;
        let crc = |part: fn(&Checksums) -> u32| self.checksums.as_ref().map(part).map(Value::Crc);
        [
            ("level_seed", Some(int(self.level_seed))),
            ("prev_level_seed", Some(int(self.prev_level_seed))),
            ("rng_draws", Some(int(self.rng_draws as i32))),
            ("reward", Some(Value::Float(self.reward))),
            ("first", Some(int(self.first.into()))),
            ("prev_level_complete", Some(int(self.level_complete.into()))),
            ("cur_time", Some(int(self.cur_time))),
            ("n_entities", Some(int(self.entities as i32))),
            ("agent_x", Some(Value::Float(x))),
            ("agent_y", Some(Value::Float(y))),
            ("agent_vx", Some(Value::Float(vx))),
            ("agent_vy", Some(Value::Float(vy))),
            ("crc_grid", crc(|c| c.grid)),
            ("crc_ents", crc(|c| c.entities)),
            ("crc_tail", crc(|c| c.tail)),
            ("crc_basic", crc(|c| c.basic)),
            ("crc_step", crc(|c| c.step)),
            ("crc_cam", crc(|c| c.camera)),
            ("crc_obs", self.observation.map(Value::Crc)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A recording that is being read.
pub struct Recording<R: BufRead> {
    pub header: Header,
    input: GzDecoder<R>,
    buffer: Vec<u8>,
    records_left: u64,
    snapshots_left: u32,
}

impl<R: BufRead> Recording<R> {
    /// Reads up to the end of the header.
    pub fn open(input: R) -> Result<Self, RecordingError> {
        let mut input = GzDecoder::new(input);
        let mut magic = [0; 8];
        input.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(RecordingError::Magic);
        }
        let mut buffer = Vec::new();
        read_part(&mut input, &mut buffer)?;
        let header: Header = serde_json::from_slice(&buffer)?;
        let known = RECORD_SIZES
            .iter()
            .position(|&size| size == header.record_size)
            .is_some_and(|i| header.record_fields == FIELDS[..FIELDS.len() - 1 + i]);
        if !known {
            let (size, fields) = (header.record_size, header.record_fields);
            return Err(RecordingError::Record { size, fields });
        }
        if header.env_index >= MAX_WORLDS {
            return Err(RecordingError::Index(header.env_index));
        }
        let (records_left, snapshots_left) = (u64::from(header.steps) + 1, header.snapshots);
        Ok(Self { header, input, buffer, records_left, snapshots_left })
    }

    /// The next record, up to the last.
    pub fn next_record(&mut self) -> Result<Option<Record>, RecordingError> {
        if self.records_left == 0 {
            return Ok(None);
        }
        self.records_left -= 1;
        self.buffer.resize(self.header.record_size, 0);
        self.input.read_exact(&mut self.buffer)?;
        let sparse = self.header.sparse.as_ref().is_some_and(|sparse| *sparse != false);
        Ok(Some(Record::parse(&self.buffer, sparse)))
    }

    /// The number of the record of the next state, and the state; only after all records.
    pub fn next_snapshot(&mut self) -> Result<Option<(u32, &[u8])>, RecordingError> {
        if self.records_left > 0 {
            return Ok(None);
        }
        if self.snapshots_left == 0 {
            // The checksum of gzip comes last, and is looked at only when nothing else is left.
            return match self.input.read(&mut [0])? {
                0 => Ok(None),
                _ => Err(RecordingError::Snapshots),
            };
        }
        self.snapshots_left -= 1;
        let record = read_word(&mut self.input)?;
        read_part(&mut self.input, &mut self.buffer)?;
        Ok(Some((record, &self.buffer)))
    }
}

fn read_word(input: &mut impl Read) -> io::Result<u32> {
    let mut word = [0; 4];
    input.read_exact(&mut word)?;
    Ok(u32::from_le_bytes(word))
}

/// Reads a length and as many bytes.
fn read_part(input: &mut impl Read, buffer: &mut Vec<u8>) -> Result<(), RecordingError> {
    let length = read_word(input)?;
    if length > MAX_LENGTH {
        return Err(RecordingError::TooLong(length));
    }
    buffer.clear();
    input.take(length.into()).read_to_end(buffer)?;
    if buffer.len() < length as usize {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(())
}
