//! Replays recordings of the original and tells what differs.

use super::{
    games,
    layout::Value,
    options::Mode,
    recording::{Record, Recording, RecordingError},
    world::Original,
};
use std::{collections::HashMap, io::BufRead};

/// What came of a replay.
#[derive(Clone, Debug)]
pub struct Report {
    pub game: &'static str,
    pub mode: Mode,
    /// Episodes that were begun.
    pub episodes: u32,
    pub steps: u32,
    /// Steps after which everything recorded is equal.
    pub equal: u32,
    /// Records whose observation was compared.
    pub frames: u32,
    /// The first record that differs.
    pub difference: Option<Difference>,
    /// The first whole state that differs.
    pub state: Option<Difference>,
}

impl Report {
    pub fn is_equal(&self) -> bool {
        self.difference.is_none() && self.state.is_none()
    }
}

/// Where a replay differs from the recording.
#[derive(Clone, Debug)]
pub struct Difference {
    /// 0 is the state at first, `k` that after step `k`.
    pub record: u32,
    pub fields: Vec<FieldDifference>,
}

/// A field that differs; one of the values is missing where a list is of another length.
#[derive(Clone, Debug)]
pub struct FieldDifference {
    pub name: String,
    pub ours: Option<Value>,
    pub theirs: Option<Value>,
}

impl std::fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |value: Option<Value>| value.map_or("nothing".into(), |v| v.to_string());
        write!(f, "{}: ours {}, theirs {}", self.name, text(self.ours), text(self.theirs))
    }
}

/// Paints the observation of a world, `64 * 64` pixels of red, green and blue, and returns its
/// CRC-32.
pub type FrameChecksum<'a> = dyn FnMut(&dyn Original) -> Result<u32, FrameError> + 'a;
pub type FrameError = Box<dyn std::error::Error + Send + Sync>;

/// Replays a recording and compares every record and every state in it; observations only if
/// there is a checksum, which must be of the original's images.
pub fn replay(
    input: impl BufRead,
    mut checksum: Option<&mut FrameChecksum<'_>>,
) -> Result<Report, RecordingError> {
    let mut recording = Recording::open(input)?;
    let header = &recording.header;
    let recorded = &header.options;
    let entry = games::find(&header.game)
        .ok_or_else(|| RecordingError::UnknownGame(header.game.clone()))?;
    if recorded.use_generated_assets {
        return Err(RecordingError::GeneratedAssets);
    }
    let mut world = entry.original(
        &recorded.options,
        recorded.debug_mode,
        recorded.rand_seed,
        header.env_index,
    )?;
    let mut report = Report {
        game: entry.facts.name,
        mode: recorded.options.mode,
        episodes: 0,
        steps: header.steps,
        equal: 0,
        frames: 0,
        difference: None,
        state: None,
    };

    let mut states = Vec::new();
    let mut scratch = Vec::new();
    let mut index = 0;
    while let Some(theirs) = recording.next_record()? {
        if index > 0 {
            world.act(theirs.action.into());
        }
        let theirs =
            Record { observation: theirs.observation.filter(|_| checksum.is_some()), ..theirs };
        let mut ours = observe(&mut *world, &theirs, &mut scratch);
        if let (Some(checksum), Some(_)) = (&mut checksum, theirs.observation) {
            ours.observation = Some(checksum(&*world).map_err(RecordingError::Frame)?);
            report.frames += 1;
        }
        report.episodes += u32::from(ours.first);
        if same(&ours, &theirs) {
            report.equal += u32::from(index > 0);
        } else if report.difference.is_none() {
            report.difference =
                Some(Difference { record: index, fields: differences(&ours, &theirs) });
        }
        if theirs.has_snapshot {
            states.push((index, world.digest()));
        }
        index += 1;
    }

    let mut states = states.into_iter();
    while let Some((record, theirs)) = recording.next_snapshot()? {
        let (_, ours) =
            states.next().filter(|&(k, _)| k == record).ok_or(RecordingError::Snapshots)?;
        if ours != theirs && report.state.is_none() {
            report.state = Some(Difference { record, fields: decode(&*world, &ours, theirs) });
        }
    }
    match states.next() {
        None => Ok(report),
        Some(_) => Err(RecordingError::Snapshots),
    }
}

/// The record of the state that a world is in, as far as the recording has it.
fn observe(world: &mut dyn Original, theirs: &Record, scratch: &mut Vec<u8>) -> Record {
    let outcome = world.outcome();
    let checksums = theirs.checksums.map(|_| world.checksums(scratch));
    let e = world.engine();
    let agent = e.agent();
    Record {
        first: outcome.first,
        level_complete: outcome.level_complete,
        reward: outcome.reward,
        prev_level_seed: outcome.prev_level_seed,
        level_seed: outcome.level_seed,
        cur_time: e.cur_time,
        entities: e.entities.len() as u32,
        agent: [agent.x, agent.y, agent.vx, agent.vy],
        rng_draws: e.rng.draws() as u32,
        checksums,
        ..*theirs
    }
}

fn same(ours: &Record, theirs: &Record) -> bool {
    ours.fields().zip(theirs.fields()).all(|((_, a), (_, b))| a.same(b))
}

fn differences(ours: &Record, theirs: &Record) -> Vec<FieldDifference> {
    let pairs = ours.fields().zip(theirs.fields());
    let differing = pairs.filter(|((_, a), (_, b))| !a.same(*b));
    differing
        .map(|((name, ours), (_, theirs))| FieldDifference {
            name: name.into(),
            ours: Some(ours),
            theirs: Some(theirs),
        })
        .collect()
}

/// The fields in which two digests of states differ; those that can be told apart.
fn decode(world: &dyn Original, ours: &[u8], theirs: &[u8]) -> Vec<FieldDifference> {
    let (ours, theirs) = match (world.fields(ours), world.fields(theirs)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (_, Err(error)) | (Err(error), _) => {
            let name = format!("the recorded state cannot be decoded: {error}");
            return vec![FieldDifference { name, ours: None, theirs: None }];
        }
    };
    let mut missing: HashMap<String, Value> = theirs.into_iter().collect();
    let mut differing = Vec::new();
    for (name, ours) in ours {
        let theirs = missing.remove(&name);
        if !theirs.is_some_and(|theirs| ours.same(theirs)) {
            differing.push(FieldDifference { name, ours: Some(ours), theirs });
        }
    }
    let mut missing: Vec<_> = missing.into_iter().collect();
    missing.sort_by(|a, b| a.0.cmp(&b.0));
    differing.extend(missing.into_iter().map(|(name, theirs)| FieldDifference {
        name,
        ours: None,
        theirs: Some(theirs),
    }));
    differing
}

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod tests;
