//! How long rows of numbers are stored: as one run of bytes, four for each number, the lowest
//! first. A format that writes number by number, as MessagePack does, takes ten times as long and a
//! quarter more room. For `#[serde(with = "words")]` on a `Vec<f32>` or `Vec<u32>`.

use bytemuck::Pod;
use serde::{Deserializer, Serializer, de::Error};

pub fn serialize<T: Pod, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let words: &[u32] = bytemuck::cast_slice(values);
    let bytes: Vec<[u8; 4]> = words.iter().map(|word| word.to_le_bytes()).collect();
    serializer.serialize_bytes(bytes.as_flattened())
}

/// # Errors
/// What is stored is no bytes, or a part of a number is missing.
pub fn deserialize<'de, T: Pod, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let bytes: Vec<u8> = serde_bytes::deserialize(deserializer)?;
    let (words, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(D::Error::custom(format!("{} bytes are no whole numbers", bytes.len())));
    }
    Ok(bytemuck::cast_vec(words.iter().map(|word| u32::from_le_bytes(*word)).collect()))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Stored(#[serde(with = "super")] Vec<f32>);

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
}
