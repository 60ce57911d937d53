//! TensorBoard's event files: TFRecords of `tensorflow.Event` messages.

use prost::Message;

/// Name of the events file in a run directory. TensorBoard looks for `tfevents` in it; the time
/// and host that TensorFlow puts there would differ between equal runs.
pub const FILE_NAME: &str = "events.out.tfevents.0.gslab";

/// The part of `tensorflow.Event` that gslab writes.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "Content", tags = "3, 5")]
    content: Option<Content>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Content {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    /// Optional because it is a member of a oneof: a zero must be written too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// The record that every events file begins with.
pub fn file_version() -> Vec<u8> {
    let content = Content::FileVersion("brain.Event:2".to_owned());
    record(&Event { wall_time: 0.0, step: 0, content: Some(content) }.encode_to_vec())
}

/// The record of one value for each tag. Its wall time is the number of samples in seconds, since
/// a clock would make equal runs differ; TensorBoard's "relative" axis thus shows samples.
pub fn scalars(step: u64, samples: u64, tags: &[String], values: &[f64]) -> Vec<u8> {
    let values = tags
        .iter()
        .zip(values)
        .map(|(tag, &value)| Value { tag: tag.clone(), simple_value: Some(value as f32) })
        .collect();
    let content = Content::Summary(Summary { values });
    let event = Event { wall_time: samples as f64, step: step as i64, content: Some(content) };
    record(&event.encode_to_vec())
}

/// A TFRecord: length, checksum of the length, payload, checksum of the payload.
fn record(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(payload.len() + 16);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&masked_crc(&length).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&masked_crc(payload).to_le_bytes());
    bytes
}

/// CRC-32C, rotated and shifted so that the checksum of data that holds checksums stays useful.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_masked_as_tensorflow_does() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        // ((c >> 15) | (c << 17)) + 0xa282ead8 of the above.
        assert_eq!(masked_crc(b"123456789"), 0x2507_c60d_u32.wrapping_add(0xa282_ead8));
    }
}
