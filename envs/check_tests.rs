use super::*;
use crate::{
    OptionError,
    maze::{self, Distance, Maze},
};
use serde::{Deserialize, Deserializer, Serialize};
use std::{
    cell::Cell,
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};

fn broken<E: Env>(options: &E::Options, seed: u64) -> Vec<(&'static str, String)> {
    check::<E>(options, seed)
        .into_iter()
        .filter_map(|finding| Some((finding.property, finding.broken?)))
        .collect()
}

#[test]
fn at_least_25_properties_with_names_of_their_own() {
    let names: Vec<_> = properties().into_iter().map(|p| p.0).collect();
    assert!(names.len() >= 25);
    let distinct: HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn the_maze_keeps_every_promise() {
    let default = maze::Options::default;
    let variants = [
        default(),
        maze::Options { reward: Distance::Exact, ..default() },
        maze::Options { normalise_observations: true, context_scale: 0.2, ..default() },
        maze::Options { horizon: 1, start_noise: 0.0, ..default() },
        maze::Options {
            corridor_length: 2.0,
            middle_spacing: 1.05,
            tine_spacing: 1.05,
            speed: 10.0,
            horizon: 33,
            reward: Distance::Exact,
            ..default()
        },
        maze::Options {
            corridor_length: 31.4,
            tine_spacing: 3.7,
            start_noise: 0.5,
            horizon: 1500,
            success_radius: 0.1,
            ..default()
        },
    ];
    for options in variants {
        for seed in [0, 1, u64::MAX] {
            assert_eq!(broken::<Maze>(&options, seed), [], "{options:?}");
        }
    }
}

/// What is wrong with a [`Toy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Fault {
    #[default]
    None,
    OptionsRefused,
    DefaultRefused,
    OptionLost,
    SpecDrifts,
    NoHorizon,
    RewardRangeReversed,
    RewardRangeInfinite,
    PanicOnVariation,
    PanicOnStep,
    ResetCounts,
    ResetRemembers,
    AllAlike,
    SenseSkips,
    SenseAdds,
    SenseCounts,
    SenseMoves,
    ObservationNan,
    RewardNan,
    RewardInfinite,
    RewardTooHigh,
    NeverEnds,
    EndsLate,
    TruncatesEarly,
    RefusesExtremes,
    Unclipped,
    ClipsOneSide,
    KeepsRawAction,
    StepCounts,
    SolvedFlickers,
    UnsavedSense,
    UnsavedReward,
    CloneRestarts,
    CloneShares,
    RestoreDrifts,
    Mixes,
    ThreadBound,
}

/// A breakage and a property that has to notice it.
#[rustfmt::skip]
const BREAKAGES: &[(Fault, &str)] = &[
    (Fault::OptionsRefused, "the given options are valid"),
    (Fault::DefaultRefused, "the default options are valid"),
    (Fault::OptionLost, "options survive the way through TOML"),
    (Fault::OptionLost, "an episode replays from options, level and actions"),
    (Fault::SpecDrifts, "the specification is the same each time"),
    (Fault::NoHorizon, "the specification has no empty part"),
    (Fault::RewardRangeReversed, "the reward range is finite and ordered"),
    (Fault::RewardRangeInfinite, "the reward range is finite and ordered"),
    (Fault::PanicOnVariation, "every variation can be reset"),
    (Fault::PanicOnStep, "the same actions give the same episode"),
    (Fault::ResetCounts, "the same level gives the same world"),
    (Fault::ResetCounts, "after an end comes the next level's first observation"),
    (Fault::ResetCounts, "batches of one and of seven play alike"),
    (Fault::ResetCounts, "shards of a batch play as the whole"),
    (Fault::ResetRemembers, "resetting after a long play is as good as new"),
    (Fault::ResetRemembers, "an episode remembers nothing of the one before"),
    (Fault::AllAlike, "not all variations are alike"),
    (Fault::SenseSkips, "sensing writes every number of the observation"),
    (Fault::SenseAdds, "sensing writes every number of the observation"),
    (Fault::SenseCounts, "sensing twice tells the same"),
    (Fault::SenseCounts, "the last observation of an episode is kept"),
    (Fault::SenseCounts, "a batch senses what its last step wrote"),
    (Fault::SenseMoves, "sensing leaves the world as it was"),
    (Fault::ObservationNan, "observations are finite"),
    (Fault::RewardNan, "rewards are finite"),
    (Fault::RewardInfinite, "rewards are finite"),
    (Fault::RewardTooHigh, "rewards stay in their range"),
    (Fault::NeverEnds, "an episode ends by the horizon"),
    (Fault::EndsLate, "an episode ends by the horizon"),
    (Fault::TruncatesEarly, "an episode is truncated only at the horizon"),
    (Fault::RefusesExtremes, "every action is taken"),
    (Fault::Unclipped, "an action beyond the range counts as its nearest within"),
    (Fault::ClipsOneSide, "an action beyond the range counts as its nearest within"),
    (Fault::KeepsRawAction, "an action beyond the range counts as its nearest within"),
    (Fault::StepCounts, "the same actions give the same episode"),
    (Fault::StepCounts, "a batch steps as its worlds would alone"),
    (Fault::SolvedFlickers, "whether a step solves depends on state and action alone"),
    (Fault::SolvedFlickers, "a record of an episode says what its steps gave"),
    (Fault::UnsavedSense, "a snapshot restores the world byte for byte"),
    (Fault::UnsavedReward, "a restored world plays on as if never stopped"),
    (Fault::UnsavedReward, "a step depends on state and action alone"),
    (Fault::UnsavedReward, "a batch restored in mid-episode plays on as if never stopped"),
    (Fault::CloneRestarts, "a clone plays as its original"),
    (Fault::CloneShares, "stepping a clone leaves its original as it was"),
    (Fault::RestoreDrifts, "a snapshot of a batch restores byte for byte"),
    (Fault::Mixes, "worlds stepped in turn do not disturb each other"),
    (Fault::ThreadBound, "worlds play alike on every thread"),
    (Fault::ThreadBound, "shards play alike on every thread"),
];

/// Properties that rest on the batch itself: no environment can break them.
const OF_THE_BATCH: [&str; 3] = [
    "a snapshot of another size is refused",
    "a truncated snapshot is refused",
    "a batch in cycling order covers every variation",
];

#[test]
fn the_toy_without_a_fault_keeps_every_promise() {
    for discrete in [false, true] {
        for seed in 0..20 {
            let options = ToyOptions { discrete, ..ToyOptions::default() };
            assert_eq!(broken::<Toy>(&options, seed), [], "discrete: {discrete}");
        }
    }
}

#[test]
fn every_breakage_is_noticed_by_the_property_that_it_breaks() {
    for &(fault, property) in BREAKAGES {
        for seed in 0..3 {
            let found = broken_by(fault, seed);
            assert!(
                found.iter().any(|&(name, _)| name == property),
                "{fault:?} was not noticed by \"{property}\" but by {found:#?}"
            );
        }
    }
}

#[test]
fn every_property_is_broken_by_something() {
    let noticed: HashSet<&str> = BREAKAGES.iter().map(|&(_, property)| property).collect();
    for (property, _) in properties() {
        assert_ne!(noticed.contains(property), OF_THE_BATCH.contains(&property), "{property}");
    }
}

#[test]
fn a_finding_says_where_and_what() {
    let seen = |fault, property| {
        let found = broken_by(fault, 0);
        let found = found.into_iter().find(|&(name, _)| name == property);
        found.expect("the property is broken").1
    };
    let text = seen(Fault::PanicOnVariation, "resetting after a long play is as good as new");
    assert!(
        text.starts_with("variation 2, seed ") && text.ends_with("panicked with \"no world 2\""),
        "{text}"
    );
    let text = seen(Fault::ObservationNan, "observations are finite");
    assert!(text.ends_with("after 6 steps number 2 is NaN"), "{text}");
    let text = seen(Fault::RewardTooHigh, "rewards stay in their range");
    assert!(text.ends_with("gives 0.5, outside of -1.0 to 0.0"), "{text}");
    let text = seen(Fault::PanicOnStep, "rewards are finite");
    assert!(text.ends_with("step 6: panicked with \"tired\""), "{text}");
}

fn broken_by(fault: Fault, seed: u64) -> Vec<(&'static str, String)> {
    let options = ToyOptions { fault, unsaved: true, ..ToyOptions::default() };
    DEFAULT_REFUSED.set(fault == Fault::DefaultRefused);
    let found = broken::<Toy>(&options, seed);
    DEFAULT_REFUSED.set(false);
    found
}

// State outside of worlds, for faults to misuse.
static RESETS: AtomicU32 = AtomicU32::new(0);
static STEPS: AtomicU32 = AtomicU32::new(0);
static SENSES: AtomicU32 = AtomicU32::new(0);
static SPECS: AtomicU32 = AtomicU32::new(0);
thread_local! {
    static DEFAULT_REFUSED: Cell<bool> = const { Cell::new(false) };
    static STEPS_HERE: Cell<u32> = const { Cell::new(0) };
    static LAST_TIME: Cell<u32> = const { Cell::new(0) };
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ToyOptions {
    fault: Fault,
    discrete: bool,
    #[serde(skip)]
    unsaved: bool,
}

/// A point on a line that looks for a target, with a fault.
#[derive(Serialize, Deserialize)]
struct Toy {
    fault: Fault,
    position: f32,
    target: f32,
    time: u32,
    raw_action: f32,
    sensed: Tally,
    shared: Shared,
    /// 0, unless the fault is to grow.
    #[serde(deserialize_with = "grow")]
    growing: u32,
    #[serde(skip)]
    unsaved: u32,
}

/// Counts behind a shared reference.
#[derive(Default, Serialize, Deserialize)]
struct Tally(AtomicU32);

/// Counts for all clones together.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
struct Shared(Arc<AtomicU32>);

impl From<u32> for Shared {
    fn from(count: u32) -> Self {
        Self(Arc::new(AtomicU32::new(count)))
    }
}

impl From<Shared> for u32 {
    fn from(shared: Shared) -> Self {
        shared.0.load(Relaxed)
    }
}

fn grow<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    u32::deserialize(from).map(|n| if n == 0 { 0 } else { n + 1 })
}

impl Clone for Toy {
    fn clone(&self) -> Self {
        Self {
            time: if self.fault == Fault::CloneRestarts { 0 } else { self.time },
            sensed: Tally(self.sensed.0.load(Relaxed).into()),
            shared: self.shared.clone(),
            ..*self
        }
    }
}

const HORIZON: u32 = 20;

impl Env for Toy {
    type Options = ToyOptions;

    fn validate(o: &ToyOptions) -> Result<(), OptionError> {
        if o.fault == Fault::OptionsRefused || DEFAULT_REFUSED.get() {
            return Err(OptionError {
                key: "fault",
                value: format!("{:?}", o.fault),
                allowed: "something else",
            });
        }
        Ok(())
    }

    fn spec(o: &ToyOptions) -> Spec {
        let drift = SPECS.fetch_add(1, Relaxed);
        Spec {
            grain: 64,
            observation: 3,
            points: 0,
            action: if o.discrete {
                ActionSpace::Discrete { n: 3 }
            } else {
                ActionSpace::Continuous { dim: 2 }
            },
            variations: match o.fault {
                Fault::SpecDrifts => 3 + drift,
                _ => 3,
            },
            horizon: match o.fault {
                Fault::NoHorizon => 0,
                _ => HORIZON,
            },
            reward_range: match o.fault {
                Fault::RewardRangeReversed => (0.0, -1.0),
                Fault::RewardRangeInfinite => (f32::NEG_INFINITY, 0.0),
                _ => (-1.0, 0.0),
            },
            return_range: None,
        }
    }

    fn reset(o: &ToyOptions, level: Level) -> Self {
        let [u, ..] = Stream::new(level.seed, "toy").uniform(0, 0);
        let mut target = level.variation as f32 - 1.0 + 0.5 * u;
        match o.fault {
            Fault::PanicOnVariation if level.variation == 2 => panic!("no world {}", 2),
            Fault::ResetCounts => target += RESETS.fetch_add(1, Relaxed) as f32,
            Fault::ResetRemembers => target += STEPS_HERE.get() as f32,
            Fault::AllAlike => target = 1.0,
            Fault::OptionLost if o.unsaved => target += 1.0,
            _ => {}
        }
        LAST_TIME.set(0);
        Self {
            fault: o.fault,
            position: 0.0,
            target,
            time: 0,
            raw_action: 0.0,
            sensed: Tally::default(),
            shared: Shared::default(),
            growing: u32::from(o.fault == Fault::RestoreDrifts),
            unsaved: 0,
        }
    }

    fn step(&mut self, action: Action<'_>) -> Step {
        let fault = self.fault;
        let push = match action {
            Action::Discrete(choice) => choice as f32 - 1.0,
            Action::Continuous(&[a, b]) => {
                assert!(fault != Fault::RefusesExtremes || a.abs() <= 1.0, "{a} is too much");
                if fault == Fault::KeepsRawAction {
                    self.raw_action = a;
                }
                match fault {
                    Fault::Unclipped => a,
                    Fault::ClipsOneSide => a.min(1.0),
                    _ => a.clamp(-1.0, 1.0) + 0.1 * b.clamp(-1.0, 1.0),
                }
            }
            Action::Continuous(_) => panic!("{action:?} is not two numbers"),
        };
        self.position += 0.1 * push;
        self.time += 1;
        self.unsaved += 1;
        STEPS_HERE.set(STEPS_HERE.get() + 1);
        assert!(fault != Fault::PanicOnStep || self.time < 7, "tired");

        let distance = (self.target - self.position).abs();
        let mut step = Step {
            reward: (-0.1 * distance).max(-1.0),
            end: if distance < 0.2 {
                End::Terminated
            } else if self.time == HORIZON {
                End::Truncated
            } else {
                End::Running
            },
            solved: distance < 0.5,
        };
        match fault {
            Fault::RewardNan if self.time > 3 => step.reward = f32::NAN,
            Fault::RewardInfinite if self.time > 3 => step.reward = f32::NEG_INFINITY,
            Fault::RewardTooHigh if self.time > 3 => step.reward = 0.5,
            Fault::NeverEnds => step.end = End::Running,
            Fault::EndsLate if self.time == HORIZON => step.end = End::Running,
            Fault::TruncatesEarly if self.time == HORIZON - 1 => step.end = End::Truncated,
            Fault::StepCounts => step.reward -= 1e-6 * STEPS.fetch_add(1, Relaxed) as f32,
            Fault::SolvedFlickers => step.solved = STEPS.fetch_add(1, Relaxed).is_multiple_of(2),
            Fault::UnsavedReward if self.unsaved < self.time => step.reward = -1.0,
            Fault::SenseMoves if self.sensed.0.load(Relaxed) > 9 => step.reward = -1.0,
            Fault::Mixes if LAST_TIME.get() != self.time - 1 => step.reward = -1.0,
            Fault::CloneShares => {
                self.shared.0.fetch_add(1, Relaxed);
            }
            Fault::ThreadBound => {
                let id: String = format!("{:?}", thread::current().id());
                let id: u32 = id.bytes().map(u32::from).sum();
                step.reward -= 1e-4 * id as f32;
            }
            _ => {}
        }
        LAST_TIME.set(self.time);
        step
    }

    fn sense(&self, out: &mut [f32]) {
        let sensed = self.sensed.0.fetch_add(u32::from(self.fault == Fault::SenseMoves), Relaxed);
        let mut numbers = [self.position, self.target, self.time as f32 / HORIZON as f32];
        match self.fault {
            Fault::SenseSkips => return out[..2].copy_from_slice(&numbers[..2]),
            Fault::SenseAdds => numbers[2] += out[2],
            Fault::SenseCounts => numbers[0] = SENSES.fetch_add(1, Relaxed) as f32,
            Fault::SenseMoves => numbers[0] += sensed as f32,
            Fault::ObservationNan if self.time > 5 => numbers[2] = f32::NAN,
            Fault::UnsavedSense => numbers[2] += self.unsaved as f32,
            _ => {}
        }
        out.copy_from_slice(&numbers);
    }

    fn draw(&self, _size: u32, _list: &mut crate::draw::DrawList) {}
}
