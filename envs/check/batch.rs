//! What many worlds stepped together promise.

use super::{Bench, LONG, MANY, Verdict, guarded, require, same_bytes, same_numbers, same_step};
use crate::{
    ActionSpace, End, Step,
    batch::{Actions, Batch, Episode, SnapshotError, StepOut},
    levels::{LevelSet, Order},
};
use std::{collections::HashSet, ops::Range, panic::resume_unwind, thread};

/// Number of environments in a whole batch.
const WHOLE: u32 = 7;
/// Ways to cut it, as (first, number).
const SHARDS: [(u32, u32); 3] = [(0, 3), (3, 1), (4, 3)];
/// What stands where a batch wrote nothing.
const UNTOUCHED: u32 = 0x7FC1_2345;

/// What one step gave one environment.
struct Line {
    observation: Vec<f32>,
    reward: f32,
    end: End,
    last_observation: Vec<f32>,
    episode: Option<Episode>,
}

/// The lines of one environment.
type History = Vec<Line>;

impl Line {
    fn same(&self, other: &Self) -> Verdict {
        self.same_step(other)?;
        self.same_record(other)?;
        self.same_last(other)
    }

    fn same_step(&self, other: &Self) -> Verdict {
        // A line has no `solved`: it is in the record of the episode.
        let step = |line: &Self| Step { reward: line.reward, end: line.end, solved: false };
        same_step(step(self), step(other))?;
        same_numbers(&self.observation, &other.observation)
            .map_err(|seen| format!("the observation's {seen}"))
    }

    fn same_record(&self, other: &Self) -> Verdict {
        let (a, b) = (self.episode, other.episode);
        let total = |e: Option<Episode>| e.map(|e| e.total_reward.to_bits());
        let rest = |e: Option<Episode>| e.map(|e| Episode { total_reward: 0.0, ..e });
        require(total(a) == total(b) && rest(a) == rest(b), || {
            format!("the record is {a:?} and then {b:?}")
        })
    }

    fn same_last(&self, other: &Self) -> Verdict {
        same_numbers(&self.last_observation, &other.last_observation)
            .map_err(|seen| format!("the last observation's {seen}"))
    }
}

fn compare(one: &[History], other: &[History], same: impl Fn(&Line, &Line) -> Verdict) -> Verdict {
    for (i, (one, other)) in one.iter().zip(other).enumerate() {
        for (t, (a, b)) in one.iter().zip(other).enumerate() {
            same(a, b).map_err(|seen| format!("environment {i}, step {t}: {seen}"))?;
        }
    }
    Ok(())
}

impl Bench<'_> {
    fn level_set(&self, order: Order) -> Result<LevelSet, String> {
        let variations = (0..self.spec.variations.min(MANY)).collect();
        LevelSet::new(variations, order, self.stream.seed(2, 0)).map_err(|error| error.to_string())
    }

    fn batch(&self, first: u32, n: u32) -> Result<Box<dyn Batch>, String> {
        let levels = self.level_set(Order::Uniform)?;
        Ok(self.subject.batch(levels, first, n, WHOLE))
    }

    /// Long enough for every environment to end two episodes.
    fn batch_steps(&self) -> u64 {
        (2 * u64::from(self.spec.horizon) + 3).min(LONG)
    }

    /// Steps a batch that begins with environment `first`.
    fn roll(&self, batch: &mut dyn Batch, first: u32, times: Range<u64>) -> Vec<History> {
        let (n, width) = (batch.len(), self.spec.observation);
        let lanes = first..first + n as u32;
        let mut histories: Vec<History> = (0..n).map(|_| Vec::new()).collect();
        for t in times {
            let (mut numbers, mut choices) = (Vec::new(), Vec::new());
            let actions = match self.spec.action {
                ActionSpace::Continuous { dim } => {
                    numbers.extend(lanes.clone().flat_map(|lane| self.numbers(lane, t, dim)));
                    Actions::Continuous(&numbers)
                }
                ActionSpace::Discrete { n } => {
                    choices.extend(lanes.clone().map(|lane| self.choice(lane, t, n)));
                    Actions::Discrete(&choices)
                }
            };
            let blank = f32::from_bits(UNTOUCHED);
            let (mut rewards, mut ends) = (vec![blank; n], vec![End::Running; n]);
            let mut observations = vec![blank; n * width];
            let mut final_observations = observations.clone();
            let mut ended = Vec::new();
            let out = StepOut {
                observations: &mut observations,
                rewards: &mut rewards,
                ends: &mut ends,
                final_observations: &mut final_observations,
            };
            batch.step(actions, out, &mut ended);
            for (i, history) in histories.iter_mut().enumerate() {
                let row = i * width..(i + 1) * width;
                let environment = first + i as u32;
                history.push(Line {
                    observation: observations[row.clone()].to_vec(),
                    reward: rewards[i],
                    end: ends[i],
                    last_observation: final_observations[row].to_vec(),
                    episode: ended.iter().find(|e| e.environment == environment).copied(),
                });
            }
        }
        histories
    }

    /// The history of a new batch.
    fn history(&self, first: u32, n: u32) -> Result<Vec<History>, String> {
        Ok(self.roll(&mut *self.batch(first, n)?, first, 0..self.batch_steps()))
    }

    /// The history of one environment by its world alone: what a batch has to equal.
    fn alone(&self, environment: u32) -> Result<History, String> {
        let levels = self.level_set(Order::Uniform)?;
        let mut history = Vec::new();
        let mut steps = 0..self.batch_steps();
        for number in 0.. {
            let level = levels.level(environment, WHOLE, number);
            let mut world = self.reset(level)?;
            // The observation after an end is this episode's first.
            if let Some(Line { observation, .. }) = history.last_mut() {
                *observation = self.sense(&*world);
            }
            let (mut total_reward, mut length, mut ever_solved) = (0.0, 0, false);
            loop {
                let Some(t) = steps.next() else {
                    return Ok(history);
                };
                let Step { reward, end, solved } = self.act(&mut *world, environment, t)?;
                total_reward += reward;
                length += 1;
                ever_solved |= solved;
                let observation = self.sense(&*world);
                let over = end != End::Running;
                history.push(Line {
                    last_observation: if over {
                        observation.clone()
                    } else {
                        vec![f32::from_bits(UNTOUCHED); self.spec.observation]
                    },
                    observation,
                    reward,
                    end,
                    episode: over.then_some(Episode {
                        environment,
                        level,
                        total_reward,
                        length,
                        end,
                        solved,
                        ever_solved,
                        failed: world.failed(),
                    }),
                });
                if over {
                    break;
                }
            }
        }
        Ok(history)
    }

    fn all_alone(&self) -> Result<Vec<History>, String> {
        (0..WHOLE).map(|i| self.alone(i)).collect()
    }
}

pub fn steps_as_alone(b: &Bench<'_>) -> Verdict {
    compare(&b.all_alone()?, &b.history(0, WHOLE)?, Line::same_step)
}

pub fn records_are_true(b: &Bench<'_>) -> Verdict {
    compare(&b.all_alone()?, &b.history(0, WHOLE)?, Line::same_record)
}

pub fn keeps_last_observation(b: &Bench<'_>) -> Verdict {
    compare(&b.all_alone()?, &b.history(0, WHOLE)?, Line::same_last)
}

pub fn begins_the_next_level(b: &Bench<'_>) -> Verdict {
    let levels = b.level_set(Order::Uniform)?;
    for (environment, history) in (0..).zip(b.history(0, WHOLE)?) {
        let ended = history.iter().enumerate().filter(|(_, l)| l.end != End::Running);
        for (number, (t, line)) in (1..).zip(ended) {
            let level = levels.level(environment, WHOLE, number);
            same_numbers(&b.sense(&*b.reset(level)?), &line.observation)
                .map_err(|seen| format!("environment {environment}, step {t}: {seen}"))?;
        }
    }
    Ok(())
}

pub fn senses_what_it_wrote(b: &Bench<'_>) -> Verdict {
    let mut batch = b.batch(0, WHOLE)?;
    for t in 0..b.batch_steps() {
        let wrote = b.roll(&mut *batch, 0, t..t + 1);
        let wrote: Vec<f32> = wrote.into_iter().flatten().flat_map(|l| l.observation).collect();
        let mut sensed = vec![f32::from_bits(UNTOUCHED); wrote.len()];
        batch.sense(&mut sensed);
        same_numbers(&wrote, &sensed).map_err(|seen| format!("step {t}: {seen}"))?;
    }
    Ok(())
}

/// The histories of parts of a batch, in the order of the environments.
fn in_parts(
    b: &Bench<'_>,
    parts: impl Iterator<Item = (u32, u32)>,
) -> Result<Vec<History>, String> {
    let histories = parts.map(|(first, n)| b.history(first, n));
    Ok(histories.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub fn size_does_not_matter(b: &Bench<'_>) -> Verdict {
    let ones = in_parts(b, (0..WHOLE).map(|i| (i, 1)))?;
    compare(&ones, &b.history(0, WHOLE)?, Line::same)
}

pub fn shards_play_as_the_whole(b: &Bench<'_>) -> Verdict {
    let shards = in_parts(b, SHARDS.into_iter())?;
    compare(&b.history(0, WHOLE)?, &shards, Line::same)
}

/// Shards one after another here, and all at once, the last one first, on threads of their own.
pub fn shards_play_alike_on_threads(b: &Bench<'_>) -> Verdict {
    let here = in_parts(b, SHARDS.into_iter())?;
    let mut there = thread::scope(|scope| {
        let running: Vec<_> = SHARDS
            .into_iter()
            .rev()
            .map(|(first, n)| scope.spawn(move || b.history(first, n)))
            .collect();
        let done = running.into_iter().map(|thread| thread.join());
        done.map(|joined| joined.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    there.reverse();
    let there: Vec<History> = there.into_iter().flatten().collect();
    compare(&here, &there, Line::same)
}

pub fn restored_plays_on(b: &Bench<'_>) -> Verdict {
    let end = b.batch_steps();
    for stop in [0, 1, end / 3, end / 2 + 1] {
        let mut batch = b.batch(0, WHOLE)?;
        b.roll(&mut *batch, 0, 0..stop);
        let snapshot = batch.snapshot();
        let on = b.roll(&mut *batch, 0, stop..end);
        // Into a batch that is somewhere else.
        let mut restored = b.batch(0, WHOLE)?;
        b.roll(&mut *restored, 0, 0..3);
        restored.restore(&snapshot).map_err(|error| error.to_string())?;
        compare(&on, &b.roll(&mut *restored, 0, stop..end), Line::same)
            .and_then(|()| same_bytes(&batch.snapshot(), &restored.snapshot()))
            .map_err(|seen| format!("restored after {stop} steps: {seen}"))?;
    }
    Ok(())
}

pub fn snapshot_is_exact(b: &Bench<'_>) -> Verdict {
    let mut batch = b.batch(0, WHOLE)?;
    b.roll(&mut *batch, 0, 0..b.batch_steps() / 3);
    let mut restored = b.batch(0, WHOLE)?;
    let snapshot = batch.snapshot();
    restored.restore(&snapshot).map_err(|error| error.to_string())?;
    same_bytes(&snapshot, &restored.snapshot())
}

/// Lets a batch refuse a snapshot and looks whether that changed it.
fn unchanged(batch: &mut dyn Batch, snapshot: &[u8]) -> Result<SnapshotError, String> {
    let before = batch.snapshot();
    match guarded(|| batch.restore(snapshot))? {
        Ok(()) => Err("it was taken".into()),
        Err(error) => same_bytes(&before, &batch.snapshot())
            .map(|()| error)
            .map_err(|seen| format!("it was refused, but {seen}")),
    }
}

pub fn refuses_another_size(b: &Bench<'_>) -> Verdict {
    for n in [0, 1, WHOLE - 1, WHOLE + 1] {
        let snapshot = b.batch(0, n)?.snapshot();
        unchanged(&mut *b.batch(0, WHOLE)?, &snapshot)
            .and_then(|error| match error {
                SnapshotError::Size { .. } => Ok(()),
                SnapshotError::Decode(error) => Err(format!("it was called unreadable: {error}")),
            })
            .map_err(|seen| format!("{n} worlds restored to {WHOLE}: {seen}"))?;
    }
    Ok(())
}

pub fn refuses_truncated(b: &Bench<'_>) -> Verdict {
    let mut batch = b.batch(0, WHOLE)?;
    b.roll(&mut *batch, 0, 0..3);
    let snapshot = batch.snapshot();
    b.roll(&mut *batch, 0, 3..5);
    let whole = snapshot.len();
    for length in [0, 1, whole / 3, whole / 2, whole.saturating_sub(1)] {
        unchanged(&mut *batch, &snapshot[..length])
            .map_err(|seen| format!("{length} of {whole} bytes: {seen}"))?;
    }
    Ok(())
}

pub fn cycle_covers(b: &Bench<'_>) -> Verdict {
    let levels = b.level_set(Order::Cycle)?;
    let variations = levels.variations().len();
    let rounds = (variations as u64).div_ceil(WHOLE.into());
    let played = (0..rounds).flat_map(|round| (0..WHOLE).map(move |i| (i, round)));
    let played: HashSet<u32> =
        played.map(|(i, round)| levels.level(i, WHOLE, round).variation).collect();
    require(played.len() == variations, || {
        let played = played.len();
        format!("{rounds} episodes of {WHOLE} environments played {played} of {variations}")
    })
}
