//! One description of the serialised state, walked to write, to read and to list it.
//!
//! Whatever has state says once which fields it has, in the order of the original's `get_state`;
//! a [`Writer`] turns them into bytes and a [`Reader`] takes them from bytes. All numbers are
//! little endian words of 32 bits.

use super::{
    mt19937::{Mt19937, NoGenerator},
    state::StateError,
};

/// Something that is told of every field of a state, in order.
pub trait Layout {
    fn int(&mut self, name: &'static str, value: &mut i32);
    fn float(&mut self, name: &'static str, value: &mut f32);
    fn rng(&mut self, name: &'static str, rng: &mut Mt19937);
    fn text(&mut self, name: &'static str, value: &'static str);
    fn rng_form(&self) -> RngForm;
    /// The number of items that follow; returns how many there are to be.
    fn count(&mut self, name: &'static str, n: usize) -> usize;
    /// Names what follows, up to [`Layout::leave`].
    fn enter(&mut self, _name: &'static str, _index: usize) {}
    fn leave(&mut self) {}
    /// Refuses a state in which the field has a value that the game cannot have.
    fn require(&mut self, _name: &'static str, _holds: bool) {}

    fn bool(&mut self, name: &'static str, value: &mut bool) {
        let mut word = i32::from(*value);
        self.int(name, &mut word);
        self.require(name, word == 0 || word == 1);
        *value = word == 1;
    }

    /// A field that never has another value.
    fn constant(&mut self, name: &'static str, value: i32) {
        let mut word = value;
        self.int(name, &mut word);
        self.require(name, word == value);
    }

    /// A real field that never has another value.
    fn constant_float(&mut self, name: &'static str, value: f32) {
        let mut number = value;
        self.float(name, &mut number);
        self.require(name, number == value);
    }

    fn ints(&mut self, name: &'static str, values: &mut Vec<i32>) {
        let n = self.count(name, values.len());
        values.resize(n, 0);
        for (i, value) in values.iter_mut().enumerate() {
            self.enter(name, i);
            self.int("", value);
            self.leave();
        }
    }

    fn floats(&mut self, name: &'static str, values: &mut Vec<f32>) {
        let n = self.count(name, values.len());
        values.resize(n, 0.0);
        for (i, value) in values.iter_mut().enumerate() {
            self.enter(name, i);
            self.float("", value);
            self.leave();
        }
    }

    fn bools(&mut self, name: &'static str, values: &mut Vec<bool>) {
        let n = self.count(name, values.len());
        values.resize(n, false);
        for (i, value) in values.iter_mut().enumerate() {
            self.enter(name, i);
            self.bool("", value);
            self.leave();
        }
    }
}

/// How a random generator is put into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RngForm {
    /// As the original does: the text form of the C++ standard library.
    Text,
    /// As in the snapshots of recordings: position and CRC-32 of the text form.
    Digest,
    /// Words, position and the number of draws: smaller, quicker and complete.
    Binary,
}

/// Writes fields as bytes.
pub struct Writer {
    pub bytes: Vec<u8>,
    form: RngForm,
}

impl Writer {
    pub fn new(form: RngForm) -> Self {
        Self { bytes: Vec::new(), form }
    }

    /// A writer of fields that are no random generators, into a buffer that it may use.
    pub fn over(bytes: Vec<u8>) -> Self {
        Self { bytes, form: RngForm::Digest }
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }
}

impl Layout for Writer {
    fn int(&mut self, _: &'static str, value: &mut i32) {
        self.word(*value as u32);
    }

    fn float(&mut self, _: &'static str, value: &mut f32) {
        self.word(value.to_bits());
    }

    fn rng_form(&self) -> RngForm {
        self.form
    }

    fn text(&mut self, _: &'static str, value: &'static str) {
        self.word(value.len() as u32);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    fn count(&mut self, _: &'static str, n: usize) -> usize {
        self.word(n as u32);
        n
    }

    fn rng(&mut self, _: &'static str, rng: &mut Mt19937) {
        self.word(rng.is_seeded().into());
        match self.form {
            RngForm::Text => {
                let start = self.bytes.len();
                self.word(0);
                rng.write_text(&mut self.bytes);
                let length = (self.bytes.len() - start - 4) as u32;
                self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
            }
            RngForm::Digest => {
                self.word(rng.position() as u32);
                let start = self.bytes.len();
                rng.write_text(&mut self.bytes);
                let crc = crc32fast::hash(&self.bytes[start..]);
                self.bytes.truncate(start);
                self.word(crc);
            }
            RngForm::Binary => {
                self.word(rng.position() as u32);
                self.bytes.extend_from_slice(&rng.draws().to_le_bytes());
                for word in rng.words() {
                    self.bytes.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Int(i32),
    Float(f32),
    Crc(u32),
}

impl Value {
    /// Whether both are the same bits.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Crc(a), Self::Crc(b)) => a == b,
            _ => false,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?} ({:08X})", value.to_bits()),
            Self::Crc(value) => write!(f, "{value:08X}"),
        }
    }
}

/// Takes fields from bytes.
///
/// After the first thing that is wrong it leaves all fields as they are; [`Reader::finish`] tells
/// what it was.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    form: RngForm,
    error: Option<StateError>,
    scopes: Vec<(&'static str, usize)>,
    listing: Option<Vec<(String, Value)>>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], form: RngForm) -> Self {
        Self { bytes, at: 0, form, error: None, scopes: Vec::new(), listing: None }
    }

    /// A reader that also remembers the names and values of the fields.
    pub fn listing(bytes: &'a [u8], form: RngForm) -> Self {
        Self { listing: Some(Vec::new()), ..Self::new(bytes, form) }
    }

    /// The fields read, if they were to be listed; an error if anything was wrong or left over.
    pub fn finish(mut self) -> Result<Vec<(String, Value)>, StateError> {
        if self.error.is_none() && self.at != self.bytes.len() {
            self.error = Some(StateError::TooLong { extra: self.bytes.len() - self.at });
        }
        match self.error {
            None => Ok(self.listing.unwrap_or_default()),
            Some(error) => Err(error),
        }
    }

    fn fail(&mut self, error: StateError) {
        self.error.get_or_insert(error);
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        if self.error.is_some() {
            return None;
        }
        let taken = self.bytes[self.at..].get(..n);
        match taken {
            Some(_) => self.at += n,
            None => self.fail(StateError::Truncated { length: self.bytes.len() }),
        }
        taken
    }

    fn word(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// The full name of a field.
    fn path(&self, name: &str) -> String {
        let mut path = String::new();
        for (scope, index) in &self.scopes {
            path += &format!("{scope}[{index}]");
            if !name.is_empty() {
                path.push('.');
            }
        }
        path + name
    }

    fn list(&mut self, name: &str, value: Value) {
        if self.listing.is_some() {
            let path = self.path(name);
            self.listing.get_or_insert_default().push((path, value));
        }
    }

    fn invalid(&mut self, name: &str) {
        if self.error.is_none() {
            self.error = Some(StateError::Invalid { field: self.path(name), at: self.at });
        }
    }

    fn generator(&mut self, seeded: bool) -> Option<Result<Mt19937, NoGenerator>> {
        if self.form == RngForm::Text {
            let length = self.word()? as usize;
            return Some(Mt19937::from_text(seeded, self.take(length)?));
        }
        let position = self.word()? as usize;
        let draws = u64::from(self.word()?) | u64::from(self.word()?) << 32;
        let mut words = [0; 624];
        for word in &mut words {
            *word = self.word()?;
        }
        Some(Mt19937::from_words(words, position, seeded, draws))
    }
}

impl Layout for Reader<'_> {
    fn int(&mut self, name: &'static str, value: &mut i32) {
        if let Some(word) = self.word() {
            *value = word as i32;
            self.list(name, Value::Int(*value));
        }
    }

    fn float(&mut self, name: &'static str, value: &mut f32) {
        if let Some(word) = self.word() {
            *value = f32::from_bits(word);
            self.list(name, Value::Float(*value));
        }
    }

    fn rng_form(&self) -> RngForm {
        self.form
    }

    fn text(&mut self, name: &'static str, value: &'static str) {
        let Some(length) = self.word() else { return };
        if let Some(found) = self.take(length as usize)
            && found != value.as_bytes()
        {
            let found = String::from_utf8_lossy(&found[..found.len().min(32)]).into_owned();
            self.fail(StateError::Other { field: name, found, expected: value });
        }
    }

    fn count(&mut self, name: &'static str, n: usize) -> usize {
        let Some(count) = self.word() else { return n };
        self.list(name, Value::Int(count as i32));
        // Every item takes at least a word, so that a wrong count cannot ask for much memory.
        if count as usize > (self.bytes.len() - self.at) / 4 {
            self.invalid(name);
            return n;
        }
        count as usize
    }

    fn rng(&mut self, name: &'static str, rng: &mut Mt19937) {
        let mut seeded = rng.is_seeded();
        self.enter(name, 0);
        self.bool("is_seeded", &mut seeded);
        if self.form == RngForm::Digest {
            // Only compared: a digest cannot be taken back.
            self.int("position", &mut 0);
            self.int("crc", &mut 0);
        } else if let Some(read) = self.generator(seeded) {
            match read {
                Ok(read) => *rng = read,
                Err(NoGenerator) => self.invalid("state"),
            }
        }
        self.leave();
    }

    fn enter(&mut self, name: &'static str, index: usize) {
        self.scopes.push((name, index));
    }

    fn leave(&mut self) {
        self.scopes.pop();
    }

    fn require(&mut self, name: &'static str, holds: bool) {
        if !holds {
            self.invalid(name);
        }
    }
}
