//! Tries an environment's promises and says which do not hold.
//!
//! A property is one line of [`properties`] and one function: of a single world in
//! `check/world.rs`, of many stepped together in `check/batch.rs`.

mod batch;
mod subject;
mod world;

use subject::{Of, Subject, World};

use crate::{Action, ActionSpace, End, Env, Level, Spec, Step, rng::Stream};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// One property that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the environment promises, in a few words.
    pub property: &'static str,
    /// What was seen instead, if the promise was broken.
    pub broken: Option<String>,
}

/// Nothing, or what was seen instead of what was promised.
type Verdict = Result<(), String>;

/// A promise and the function that looks for a breach of it.
type Property = (&'static str, fn(&Bench<'_>) -> Verdict);

/// Every property, in the order in which it is tried and listed.
#[rustfmt::skip]
fn properties() -> Vec<Property> {
    vec![
        ("the default options are valid", world::default_options_are_valid),
        ("the given options are valid", world::given_options_are_valid),
        ("options survive the way through TOML", world::options_survive_toml),
        ("the specification is the same each time", world::specification_is_constant),
        ("the specification has no empty part", world::specification_is_not_empty),
        ("the reward range is finite and ordered", world::reward_range_is_sane),
        ("every variation can be reset", world::every_variation_resets),
        ("the same level gives the same world", world::same_level_same_world),
        ("not all variations are alike", world::variations_differ),
        ("resetting after a long play is as good as new", world::reset_forgets),
        ("sensing writes every number of the observation", world::sense_writes_all),
        ("sensing twice tells the same", world::sense_repeats),
        ("sensing leaves the world as it was", world::sense_changes_nothing),
        ("observations are finite", world::observations_are_finite),
        ("rewards are finite", world::rewards_are_finite),
        ("rewards stay in their range", world::rewards_stay_in_range),
        ("an episode ends by the horizon", world::ends_by_the_horizon),
        ("an episode is truncated only at the horizon", world::truncates_at_the_horizon),
        ("every action is taken", world::takes_every_action),
        ("an action beyond the range counts as its nearest within", world::clips_actions),
        ("the same actions give the same episode", world::same_actions_same_episode),
        ("a step depends on state and action alone", world::step_is_a_function),
        ("whether a step solves depends on state and action alone", world::solved_is_a_function),
        ("a clone plays as its original", world::clone_plays_alike),
        ("stepping a clone leaves its original as it was", world::clone_is_separate),
        ("a snapshot restores the world byte for byte", world::snapshot_is_exact),
        ("a restored world plays on as if never stopped", world::restored_plays_on),
        ("an episode replays from options, level and actions", world::replays),
        ("worlds stepped in turn do not disturb each other", world::worlds_do_not_mix),
        ("worlds play alike on every thread", world::threads_play_alike),
        ("an episode remembers nothing of the one before", world::episodes_are_fresh),
        ("a batch steps as its worlds would alone", batch::steps_as_alone),
        ("a record of an episode says what its steps gave", batch::records_are_true),
        ("the last observation of an episode is kept", batch::keeps_last_observation),
        ("after an end comes the next level's first observation", batch::begins_the_next_level),
        ("a batch senses what its last step wrote", batch::senses_what_it_wrote),
        ("batches of one and of seven play alike", batch::size_does_not_matter),
        ("shards of a batch play as the whole", batch::shards_play_as_the_whole),
        ("shards play alike on every thread", batch::shards_play_alike_on_threads),
        ("a batch restored in mid-episode plays on as if never stopped", batch::restored_plays_on),
        ("a snapshot of a batch restores byte for byte", batch::snapshot_is_exact),
        ("a snapshot of another size is refused", batch::refuses_another_size),
        ("a truncated snapshot is refused", batch::refuses_truncated),
        ("a batch in cycling order covers every variation", batch::cycle_covers),
    ]
}

/// Tries every property on an environment with given options.
///
/// An environment that panics breaks the properties in which it does so, no more.
pub fn check<E: Env>(options: &E::Options, seed: u64) -> Vec<Finding> {
    try_all(&Of::<E>(options.clone()), seed)
}

fn try_all(subject: &dyn Subject, seed: u64) -> Vec<Finding> {
    properties()
        .into_iter()
        .map(|(property, holds)| Finding {
            property,
            broken: guarded(|| holds(&Bench::new(subject, seed))).and_then(|verdict| verdict).err(),
        })
        .collect()
}

/// Number of levels that a property of single worlds is tried on.
const LEVELS: u64 = 6;
/// Longest part of an episode that is recorded, so that a long horizon stays affordable.
const LONG: u64 = 1000;
/// Most variations that are gone through one by one.
const MANY: u32 = 4096;

/// An environment on the test bench.
struct Bench<'a> {
    subject: &'a dyn Subject,
    spec: Spec,
    stream: Stream,
}

/// What one step gave and what was sensed after it.
struct Moment {
    step: Step,
    observation: Vec<f32>,
}

/// An episode, or the rest of one.
struct Life {
    first: Vec<f32>,
    moments: Vec<Moment>,
    /// The world in the end, serialised.
    last: Vec<u8>,
}

impl<'a> Bench<'a> {
    fn new(subject: &'a dyn Subject, seed: u64) -> Self {
        Self { subject, spec: subject.spec(), stream: Stream::new(seed, "check") }
    }

    /// Levels spread over all variations, the first and the last among them.
    fn levels(&self) -> Vec<Level> {
        let n = u64::from(self.spec.variations.max(1));
        (0..LEVELS)
            .map(|i| Level {
                variation: match n {
                    ..=LEVELS => i % n,
                    _ => i * (n - 1) / (LEVELS - 1),
                } as u32,
                seed: self.stream.seed(0, i),
            })
            .collect()
    }

    /// Tries every level; the second argument numbers the sequence of actions to play.
    fn on_levels(&self, trial: impl Fn(Level, u32) -> Verdict) -> Verdict {
        for (lane, level) in self.levels().into_iter().enumerate() {
            guarded(|| trial(level, lane as u32)).and_then(|verdict| verdict).map_err(|seen| {
                let Level { variation, seed } = level;
                format!("variation {variation}, seed {seed}: {seen}")
            })?;
        }
        Ok(())
    }

    /// Number of steps that are recorded at most.
    fn steps(&self) -> u64 {
        u64::from(self.spec.horizon).min(LONG)
    }

    fn reset(&self, level: Level) -> Result<Box<dyn World>, String> {
        guarded(|| self.subject.reset(level)).map_err(|seen| format!("reset: {seen}"))
    }

    /// Real numbers for step `t`: mostly within the range, some at its ends, some far beyond.
    /// Odd lanes hold an action for a while, to get somewhere.
    fn numbers(&self, lane: u32, t: u64, dim: usize) -> Vec<f32> {
        let t = if lane % 2 == 1 { t / 20 } else { t };
        let kind = self.stream.below(lane, t << 16 | 0xFFFF, 8);
        (0..dim as u64)
            .map(|d| {
                let [u, sign, ..] = self.stream.uniform(lane, t << 16 | d);
                let sign = if sign > 0.5 { 1.0 } else { -1.0 };
                match kind {
                    0..=3 => 2.0 * u - 1.0,
                    4 => 4.0 * (2.0 * u - 1.0),
                    5 => sign,
                    6 => 0.0,
                    _ => sign * if u > 0.5 { f32::INFINITY } else { f32::MAX },
                }
            })
            .collect()
    }

    fn choice(&self, lane: u32, t: u64, n: u32) -> u32 {
        let t = if lane % 2 == 1 { t / 20 } else { t };
        self.stream.below(lane, t << 16, n)
    }

    /// Takes the action of step `t` in a sequence of actions.
    fn act(&self, world: &mut dyn World, lane: u32, t: u64) -> Result<Step, String> {
        guarded(|| match self.spec.action {
            ActionSpace::Continuous { dim } => {
                world.step(Action::Continuous(&self.numbers(lane, t, dim)))
            }
            ActionSpace::Discrete { n } => world.step(Action::Discrete(self.choice(lane, t, n))),
        })
        .map_err(|seen| format!("step {t}: {seen}"))
    }

    fn sense(&self, world: &dyn World) -> Vec<f32> {
        let mut observation = vec![0.0; self.spec.observation];
        world.sense(&mut observation);
        observation
    }

    /// Plays on from step `from` to the end of the episode.
    fn live(&self, mut world: Box<dyn World>, lane: u32, from: u64) -> Result<Life, String> {
        let first = self.sense(&*world);
        let mut moments = Vec::new();
        for t in from..self.steps() {
            let step = self.act(&mut *world, lane, t)?;
            let observation = self.sense(&*world);
            moments.push(Moment { step, observation });
            if step.end != End::Running {
                break;
            }
        }
        Ok(Life { first, moments, last: world.bytes()? })
    }

    /// Plays a whole episode.
    fn play(&self, level: Level, lane: u32) -> Result<Life, String> {
        self.live(self.reset(level)?, lane, 0)
    }

    /// Plays an episode of every level and stops here and there before a step.
    fn on_states(&self, visit: impl Fn(&dyn World, u32, u64) -> Verdict) -> Verdict {
        let stride = (self.steps() / 8).max(1);
        self.on_levels(|level, lane| {
            let mut world = self.reset(level)?;
            for t in 0..self.steps() {
                if t < 3 || t % stride == 0 {
                    visit(&*world, lane, t).map_err(|seen| format!("step {t}: {seen}"))?;
                }
                if self.act(&mut *world, lane, t)?.end != End::Running {
                    break;
                }
            }
            Ok(())
        })
    }

    fn same_world(&self, one: &dyn World, other: &dyn World) -> Verdict {
        same_bytes(&one.bytes()?, &other.bytes()?)?;
        same_numbers(&self.sense(one), &self.sense(other))
            .map_err(|seen| format!("the observation's {seen}"))
    }
}

impl Life {
    fn same(&self, other: &Self) -> Verdict {
        let observation = |seen| format!("the observation's {seen}");
        same_numbers(&self.first, &other.first).map_err(observation)?;
        for (i, (a, b)) in self.moments.iter().zip(&other.moments).enumerate() {
            same_step(a.step, b.step)
                .and_then(|()| same_numbers(&a.observation, &b.observation).map_err(observation))
                .map_err(|seen| format!("after {} steps {seen}", i + 1))?;
        }
        let (a, b) = (self.moments.len(), other.moments.len());
        if a != b {
            return Err(format!("the episode lasts {a} steps and then {b}"));
        }
        same_bytes(&self.last, &other.last).map_err(|seen| format!("after {a} steps {seen}"))
    }
}

/// Does something that may panic.
fn guarded<T>(doing: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(doing))
        .map_err(|panic| format!("panicked with \"{}\"", message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

fn require(holds: bool, seen: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(seen()) }
}

fn same_bytes(one: &[u8], other: &[u8]) -> Verdict {
    match (0..one.len().max(other.len())).find(|&i| one.get(i) != other.get(i)) {
        None => Ok(()),
        Some(i) => Err(format!(
            "byte {i} of the serialised world differs ({} bytes and {} bytes)",
            one.len(),
            other.len()
        )),
    }
}

/// Compares bit for bit: a NaN equals itself, which is left to the properties about NaN.
fn same_numbers(one: &[f32], other: &[f32]) -> Verdict {
    match (0..one.len()).find(|&i| one[i].to_bits() != other[i].to_bits()) {
        None => Ok(()),
        Some(i) => Err(format!("number {i} is {:?} and then {:?}", one[i], other[i])),
    }
}

fn same_step(one: Step, other: Step) -> Verdict {
    let alike = one.reward.to_bits() == other.reward.to_bits()
        && one.end == other.end
        && one.solved == other.solved;
    require(alike, || format!("the step gives {one:?} and then {other:?}"))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
