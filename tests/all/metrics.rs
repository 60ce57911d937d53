//! The metrics' files: content, resuming, and an independent reader of TensorBoard's format.

use gslab::run::{
    events,
    metrics::{self, Error, Metrics, Offsets, read_csv},
};
use std::{fs, path::Path};

const COLUMNS: [&str; 3] = ["train/mean_reward", "train/success", "train/entropy"];

/// Rows with everything that is awkward to print.
const ROWS: [(u64, u64, [f64; 3]); 5] = [
    (1, 10_000, [-0.870_000_000_000_000_1, 0.0, 1.418_938_5]),
    (2, 20_000, [0.1 + 0.2, -0.0, f64::NAN]),
    (3, 30_000, [1e-300, 1.5e300, f64::INFINITY]),
    (4, 40_000, [f64::MIN_POSITIVE, f64::MAX, f64::NEG_INFINITY]),
    (1_000_000, 9_000_000_000_000_000, [1.0 / 3.0, 1.0, 5e-324]),
];

fn write(metrics: &mut Metrics, rows: &[(u64, u64, [f64; 3])]) {
    for (step, samples, values) in rows {
        metrics.append(*step, *samples, values).unwrap();
    }
}

fn bytes(dir: &Path) -> [Vec<u8>; 2] {
    [metrics::FILE_NAME, events::FILE_NAME].map(|name| fs::read(dir.join(name)).unwrap())
}

/// Bit by bit, from the polynomial of Castagnoli.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| (c >> 1) ^ (0x82f6_3b78 * (c & 1)))
    })
}

fn masked(bytes: &[u8]) -> u32 {
    let crc = crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The payloads of a TFRecord file.
fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let word = |b: &[u8]| u32::from_le_bytes(b.try_into().unwrap());
    let mut payloads = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        assert_eq!(word(&file[8..12]), masked(&file[..8]));
        let payload = &file[12..12 + length];
        assert_eq!(word(&file[12 + length..16 + length]), masked(payload));
        payloads.push(payload);
        file = &file[16 + length..];
    }
    payloads
}

/// A field of a protocol buffer: numbers as their bits.
#[derive(Debug, PartialEq)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Number and value of every field of a message.
fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let mut take = |n: usize| {
            let (taken, rest) = message.split_at(n);
            message = rest;
            taken
        };
        let field = match key & 7 {
            0 => Field::Number(varint(&mut message)),
            1 => Field::Number(u64::from_le_bytes(take(8).try_into().unwrap())),
            5 => Field::Number(u32::from_le_bytes(take(4).try_into().unwrap()).into()),
            2 => {
                let length = varint(&mut message) as usize;
                let (taken, rest) = message.split_at(length);
                message = rest;
                Field::Bytes(taken)
            }
            kind => panic!("wire type {kind}"),
        };
        found.push((key >> 3, field));
    }
    found
}

#[test]
fn the_readers_checksums_are_the_known_ones() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    // The head of every events file that TensorFlow 2 writes: length 24 and its checksum.
    assert_eq!(masked(&24u64.to_le_bytes()), u32::from_le_bytes([0xa3, 0x7f, 0x4b, 0x22]));
}

#[test]
fn csv_reads_back_bit_for_bit() {
    let dir = temp_dir::TempDir::new().unwrap();
    write(&mut Metrics::create(dir.path(), &COLUMNS).unwrap(), &ROWS);
    let table = read_csv(&dir.path().join(metrics::FILE_NAME)).unwrap();
    assert_eq!(table.columns, [&["step", "samples"], &COLUMNS[..]].concat());
    assert_eq!(table.rows.len(), ROWS.len());
    for (row, (step, samples, values)) in table.rows.iter().zip(&ROWS) {
        assert_eq!(row[..2], [*step as f64, *samples as f64]);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&row[2..]), bits(values));
    }
    assert_eq!(table.column("train/success").unwrap()[4], 1.0);
    assert_eq!(table.column("success"), None);
    let text = String::from_utf8(bytes(dir.path())[0].clone()).unwrap();
    assert!(text.starts_with(
        "step,samples,train/mean_reward,train/success,train/entropy\n\
         1,10000,-0.8700000000000001,0.0,1.4189385\n2,20000,0.30000000000000004,-0.0,NaN\n"
    ));
}

#[test]
fn events_hold_the_same_values() {
    let dir = temp_dir::TempDir::new().unwrap();
    write(&mut Metrics::create(dir.path(), &COLUMNS).unwrap(), &ROWS);
    let [_, file] = bytes(dir.path());
    let payloads = records(&file);
    assert_eq!(fields(payloads[0]), [(3, Field::Bytes(b"brain.Event:2"))]);
    assert_eq!(payloads.len(), 1 + ROWS.len());
    for (payload, (step, samples, values)) in payloads[1..].iter().zip(&ROWS) {
        let event = fields(payload);
        assert_eq!(event[0], (1, Field::Number((*samples as f64).to_bits())));
        assert_eq!(event[1], (2, Field::Number(*step)));
        let (5, Field::Bytes(summary)) = event[2] else { panic!("{event:?}") };
        let summary = fields(summary);
        assert_eq!(summary.len(), COLUMNS.len());
        for ((value, tag), number) in summary.iter().zip(COLUMNS).zip(values) {
            let (1, Field::Bytes(value)) = *value else { panic!("{value:?}") };
            let bits = Field::Number((*number as f32).to_bits().into());
            assert_eq!(fields(value), [(1, Field::Bytes(tag.as_bytes())), (2, bits)]);
        }
    }
}

#[test]
fn resuming_leaves_the_bytes_of_a_run_that_was_never_interrupted() {
    let whole = temp_dir::TempDir::new().unwrap();
    write(&mut Metrics::create(whole.path(), &COLUMNS).unwrap(), &ROWS);
    for checkpoint in 0..=ROWS.len() {
        for killed in checkpoint..=ROWS.len() {
            let dir = temp_dir::TempDir::new().unwrap();
            let mut metrics = Metrics::create(dir.path(), &COLUMNS).unwrap();
            write(&mut metrics, &ROWS[..checkpoint]);
            let offsets = metrics.offsets();
            write(&mut metrics, &ROWS[checkpoint..killed]);
            drop(metrics);
            let mut metrics = Metrics::resume(dir.path(), &COLUMNS, offsets).unwrap();
            assert_eq!(metrics.offsets(), offsets);
            write(&mut metrics, &ROWS[checkpoint..]);
            assert_eq!(bytes(dir.path()), bytes(whole.path()));
        }
    }
}

#[test]
fn creating_starts_over() {
    let dir = temp_dir::TempDir::new().unwrap();
    write(&mut Metrics::create(dir.path(), &["a"; 1]).unwrap(), &[]);
    write(&mut Metrics::create(dir.path(), &COLUMNS).unwrap(), &ROWS);
    let once = bytes(dir.path());
    write(&mut Metrics::create(dir.path(), &COLUMNS).unwrap(), &ROWS);
    assert_eq!(bytes(dir.path()), once);
}

#[test]
fn resuming_refuses_files_that_are_not_the_checkpoints() {
    let dir = temp_dir::TempDir::new().unwrap();
    let mut metrics = Metrics::create(dir.path(), &COLUMNS).unwrap();
    write(&mut metrics, &ROWS);
    let Offsets { csv, events } = metrics.offsets();
    let resume = |columns: &[&str], csv, events| {
        Metrics::resume(dir.path(), columns, Offsets { csv, events }).unwrap_err().to_string()
    };
    let lost = resume(&COLUMNS, csv + 1, events);
    assert!(lost.contains("metrics.csv") && lost.contains("metrics were lost"), "{lost}");
    let lost = resume(&COLUMNS, csv, events + 1);
    assert!(lost.contains("tfevents") && lost.contains("metrics were lost"), "{lost}");
    let other = resume(&COLUMNS[..2], csv, events);
    assert!(other.contains("train/entropy"), "{other}");
    assert!(resume(&COLUMNS, 5, events).contains("\"step,\""));
    assert!(resume(&COLUMNS, csv, 3).contains("tfevents"));
    // A refusal changes nothing.
    assert_eq!(bytes(dir.path()).map(|b| b.len() as u64), [csv, events]);
    fs::remove_file(dir.path().join(events::FILE_NAME)).unwrap();
    assert!(resume(&COLUMNS, csv, events).contains("cannot open"));
}

#[test]
fn a_malformed_table_is_named_by_file_and_line() {
    let dir = temp_dir::TempDir::new().unwrap();
    let path = dir.path().join("broken.csv");
    for (text, line, problem) in [
        ("", 1, "header"),
        ("a,b\n1,2\n", 1, "header"),
        ("step,samples,x", 1, "cut off"),
        ("step,samples,x\n1,2,3\n4,5,0.", 3, "cut off"),
        ("step,samples,x\n1,2,3\n4,5\n", 3, "2 values for 3 columns"),
        ("step,samples,x\n1,2,3,4\n", 2, "4 values for 3 columns"),
        ("step,samples,x\n1,2,three\n", 2, "\"three\" is not a number"),
        ("step,samples,x\n\n", 2, "\"\" is not a number"),
    ] {
        fs::write(&path, text).unwrap();
        let error = read_csv(&path).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }));
        let message = error.to_string();
        let start = format!("{}, line {line}: ", path.display());
        assert!(message.starts_with(&start) && message.contains(problem), "{text:?}: {message}");
    }
    let missing = read_csv(&dir.path().join("none.csv")).unwrap_err().to_string();
    assert!(missing.contains("none.csv"), "{missing}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let error = Metrics::create(Path::new("/nowhere"), &COLUMNS).unwrap_err().to_string();
    assert!(error.contains("/nowhere/metrics.csv"), "{error}");
}

/// Linux has a device on which every write fails as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    for name in [metrics::FILE_NAME, events::FILE_NAME] {
        let dir = temp_dir::TempDir::new().unwrap();
        let path = dir.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let error = Metrics::create(dir.path(), &COLUMNS).unwrap_err().to_string();
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
        assert!(error.to_lowercase().contains("no space"), "{error}");
    }
}

#[test]
#[should_panic(expected = "as a column's name")]
fn a_column_cannot_be_named_twice() {
    let dir = temp_dir::TempDir::new().unwrap();
    let _ = Metrics::create(dir.path(), &["a", "a"]);
}

/// Leaves a run's files in a directory for TensorBoard's own reader.
#[test]
fn write_for_tensorboard() {
    let Some(dir) = std::env::var_os("GSLAB_LOOK") else { return };
    let dir = Path::new(&dir).join("metrics");
    fs::create_dir_all(&dir).unwrap();
    write(&mut Metrics::create(&dir, &COLUMNS).unwrap(), &ROWS);
}
