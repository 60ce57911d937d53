//! How long rows of numbers are stored: as runs of their bytes, the lowest of a number first. A format
//! that writes number by number, as MessagePack does, takes ten times as long and a quarter more
//! room. For `#[serde(with = "numbers")]` on a `Vec` of `f32`, `u32` or `u8`.
//!
//! A short row is one run, a longer one a sequence of them: MessagePack cannot tell the length of
//! a run of 4 GiB (it would note the lowest 32 bits of it), and what reads it holds a whole run
//! beside the row.

use bytemuck::Pod;
use serde::{
    Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_bytes::ByteBuf;
use std::{borrow::Cow, fmt, marker::PhantomData};

/// Most bytes of a run, a multiple of every number's.
const RUN: usize = 1 << 26;

pub fn serialize<T: Pod, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes = lowest_first(values);
    if bytes.len() <= RUN {
        return serializer.serialize_bytes(&bytes);
    }
    serializer.collect_seq(bytes.chunks(RUN).map(Run))
}

/// # Errors
/// What is stored is no bytes, or a part of a number is missing.
pub fn deserialize<'de, T: Pod, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(Runs(PhantomData))
}

struct Run<'a>(&'a [u8]);

impl Serialize for Run<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

struct Runs<T>(PhantomData<T>);

impl<'de, T: Pod> Visitor<'de> for Runs<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, or a sequence of bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<T>, E> {
        let mut values = Vec::new();
        append(&mut values, bytes)?;
        Ok(values)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut runs: A) -> Result<Vec<T>, A::Error> {
        // A file may lie about how many there are.
        let count = runs.size_hint().unwrap_or(0).min(1 << 10);
        let mut values = Vec::with_capacity(count * (RUN / size_of::<T>()));
        while let Some(run) = runs.next_element::<ByteBuf>()? {
            append(&mut values, &run)?;
        }
        Ok(values)
    }
}

/// Appends the numbers that a run holds.
fn append<T: Pod, E: Error>(values: &mut Vec<T>, bytes: &[u8]) -> Result<(), E> {
    if !bytes.len().is_multiple_of(size_of::<T>()) {
        return Err(E::custom(format!("{} bytes are no whole numbers", bytes.len())));
    }
    let start = values.len();
    values.resize(start + bytes.len() / size_of::<T>(), T::zeroed());
    let new: &mut [u8] = bytemuck::cast_slice_mut(&mut values[start..]);
    new.copy_from_slice(bytes);
    if cfg!(target_endian = "big") {
        new.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
    }
    Ok(())
}

fn lowest_first<T: Pod>(values: &[T]) -> Cow<'_, [u8]> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    if cfg!(target_endian = "little") {
        return bytes.into();
    }
    bytes.chunks_exact(size_of::<T>()).flat_map(|number| number.iter().rev()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::RUN;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Stored(#[serde(with = "super")] Vec<f32>);

    #[derive(Serialize, Deserialize, PartialEq)]
    struct Long {
        #[serde(with = "super")]
        bytes: Vec<u8>,
        #[serde(with = "super")]
        words: Vec<u32>,
    }

    #[test]
    fn every_bit_comes_back_and_a_cut_number_is_refused() {
        let values = vec![1.5, -0.0, f32::MIN_POSITIVE / 2.0, f32::NEG_INFINITY, f32::NAN];
        let bytes = rmp_serde::to_vec(&Stored(values.clone())).unwrap();
        // Two bytes say that bytes follow, and how many; then 1.5, its highest byte last.
        assert_eq!(bytes[..6], [0xc4, 20, 0, 0, 0xc0, 0x3f]);
        assert_eq!(bytes.len(), 2 + 4 * values.len());
        let Stored(back) = rmp_serde::from_slice(&bytes).unwrap();
        assert!(back.iter().map(|x| x.to_bits()).eq(values.iter().map(|x| x.to_bits())));
        let cut = rmp_serde::to_vec(serde_bytes::Bytes::new(&[0; 7])).unwrap();
        assert!(rmp_serde::from_slice::<Stored>(&cut).is_err());
    }

    #[test]
    fn rows_of_many_runs_come_back() {
        let words: Vec<u32> = (0..(2 * RUN / 4 + 3) as u32).map(|i| i.wrapping_mul(77)).collect();
        let bytes: Vec<u8> = (0..RUN + 1).map(|i| (i % 251) as u8).collect();
        let long = Long { bytes, words };
        let stored = rmp_serde::to_vec_named(&long).unwrap();
        // Runs of whole numbers, each with five bytes before it.
        assert!(stored.len() < 3 * RUN + 13 + 5 * 5 + 32, "{}", stored.len());
        assert!(rmp_serde::from_slice::<Long>(&stored).unwrap() == long);
        assert!(rmp_serde::from_read::<_, Long>(&stored[..]).unwrap() == long);
        assert!(rmp_serde::from_slice::<Long>(&stored[..stored.len() - 1]).is_err());
    }
}
