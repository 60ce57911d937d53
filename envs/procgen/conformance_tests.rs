//! Recordings of the original: some are committed, for every game and mode. Where the full set
//! is there, in the folder that the variable `PROCGEN_TRACES` names or else in
//! `shared/procgen/traces` beside the repository, all of it is replayed.

use super::{Report, games, replay};
use crate::{
    draw::DrawList,
    procgen::{Mode, Options, mt19937::Mt19937, world::Original},
};
use flate2::{
    Compression,
    read::{GzDecoder, GzEncoder},
};
use serde::Deserialize;
use std::{
    env,
    fs::{self, File},
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// The committed recordings.
fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/procgen/traces").into()
}

fn full_set() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/procgen/traces");
    env::var_os("PROCGEN_TRACES").map_or(beside.into(), PathBuf::from)
}

/// All files below a folder whose names end in `ending`.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn replayed(path: &Path) -> Report {
    let input = BufReader::new(File::open(path).unwrap());
    let report = replay(input, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(report.is_equal(), "{}: {report:#?}", path.display());
    assert_eq!(report.equal, report.steps);
    report
}

#[test]
fn recordings_of_every_game_and_mode_replay_exactly() {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for path in files(&folder(), ".pgt") {
        let report = replayed(&path);
        seen.push((report.game, format!("{:?}", report.mode)));
    }
    let modes = [Mode::Easy, Mode::Hard, Mode::Extreme, Mode::Memory];
    for game in games::GAMES {
        for mode in modes.into_iter().filter(|&mode| game.facts.has(mode)) {
            let both = (game.facts.name, format!("{mode:?}"));
            assert!(seen.contains(&both), "no recording of {both:?}");
        }
    }
}

#[test]
fn the_full_set_replays_exactly() {
    for path in files(&full_set(), ".pgt") {
        replayed(&path);
    }
}

/// How a sample of a state came about.
#[derive(Deserialize)]
struct Sample {
    game: String,
    mode: Mode,
    num_levels: i32,
    start_level: i32,
    rand_seed: i32,
    actions: Vec<i32>,
}

fn samples() -> impl Iterator<Item = (Sample, Vec<u8>)> {
    let folder = folder().with_file_name("state_samples");
    files(&folder, ".json").into_iter().map(|path| {
        let sample: Sample = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut state = Vec::new();
        let input = File::open(path.with_extension("state.gz")).unwrap();
        GzDecoder::new(input).read_to_end(&mut state).unwrap();
        (sample, state)
    })
}

fn played(sample: &Sample) -> Box<dyn Original> {
    let options = Options {
        mode: sample.mode,
        num_levels: sample.num_levels,
        start_level: sample.start_level,
        ..Options::default()
    };
    let entry = games::find(&sample.game).unwrap();
    let mut world = entry.original(&options, 0, sample.rand_seed, 0).unwrap();
    for &action in &sample.actions {
        world.act(action);
    }
    world
}

#[test]
fn states_of_the_original_come_about_and_come_back() {
    for (sample, state) in samples() {
        let name = format!("{} {:?}", sample.game, sample.mode);
        assert!(played(&sample).to_bytes() == state, "{name}: another state");
        let back = games::find(&sample.game).unwrap().from_bytes(&state).unwrap();
        assert!(back.to_bytes() == state, "{name}: not restored exactly");
    }
}

#[test]
fn states_of_the_original_play_on() {
    for (sample, state) in samples() {
        let mut played = played(&sample);
        let mut restored = games::find(&sample.game).unwrap().from_bytes(&state).unwrap();
        let mut rng = Mt19937::new(1);
        for step in 0..400 {
            let action = rng.randn(15);
            assert_eq!(played.act(action), restored.act(action));
            let (ours, theirs) = (restored.to_bytes(), played.to_bytes());
            assert!(ours == theirs, "{} {:?}: step {step}", sample.game, sample.mode);
        }
    }
}

#[test]
fn broken_states_are_refused() {
    for (sample, state) in samples() {
        let entry = games::find(&sample.game).unwrap();
        let refused = |bytes: &[u8]| assert!(entry.from_bytes(bytes).is_err(), "{}", sample.game);
        for length in (0..state.len()).step_by(97) {
            refused(&state[..length]);
        }
        refused(&[&state[..], &[0]].concat());
        for entry in games::GAMES.iter().filter(|entry| entry.facts.name != sample.game) {
            assert!(entry.from_bytes(&state).is_err());
        }
    }
}

/// Whatever one byte is replaced with, the state is refused or plays on.
#[test]
fn altered_states_do_no_harm() {
    let mut rng = Mt19937::new(2);
    for (sample, state) in samples() {
        let entry = games::find(&sample.game).unwrap();
        // Most of a state is the text of its random generators.
        let text = |byte: u8| byte == b' ' || byte.is_ascii_digit();
        let numbers: Vec<usize> = (0..state.len()).filter(|&i| !text(state[i])).collect();
        for _ in 0..300 {
            let mut state = state.clone();
            let at =
                if rng.randn(8) == 0 { rng.index(state.len()) } else { rng.choose_one(&numbers) };
            state[at] = rng.next_u32() as u8;
            if let Ok(mut world) = entry.from_bytes(&state) {
                for _ in 0..20 {
                    world.act(rng.randn(15));
                    world.draw(64, &mut DrawList::default());
                }
            }
        }
    }
}

/// The bytes of the first recording of every game, no longer packed.
fn recordings() -> impl Iterator<Item = Vec<u8>> {
    games::GAMES.iter().filter_map(|entry| {
        let path = files(&folder().join(entry.facts.name), ".pgt").into_iter().next()?;
        let mut bytes = Vec::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        Some(bytes)
    })
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

#[test]
fn truncated_recordings_are_refused() {
    for bytes in recordings() {
        assert!(replay(&*packed(&bytes), None).is_ok_and(|report| report.is_equal()));
        for length in (0..bytes.len()).step_by(bytes.len() / 50) {
            assert!(replay(&*packed(&bytes[..length]), None).is_err());
        }
        let packed = packed(&bytes);
        assert!(replay(&packed[..packed.len() - 9], None).is_err());
        assert!(replay(&b"no recording"[..], None).is_err());
    }
}

#[test]
fn altered_recordings_are_refused_or_differ() {
    let mut rng = Mt19937::new(3);
    for bytes in recordings() {
        let header = 12 + u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
        for k in 0..100 {
            let mut bytes = bytes.clone();
            let at = if k % 2 == 0 { rng.index(header) } else { rng.index(bytes.len()) };
            bytes[at] ^= 1 << rng.randn(8);
            // Some words of the header are but remarks: not every byte matters.
            drop(replay(&*packed(&bytes), None));
        }
        let mut reward = bytes.clone();
        reward[header + 72 + 4] ^= 1;
        let report = replay(&*packed(&reward), None).unwrap();
        let difference = report.difference.unwrap();
        assert_eq!((difference.record, &*difference.fields[0].name), (1, "reward"));
        assert_eq!(report.equal, report.steps - 1);
    }
}
