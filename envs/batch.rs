//! Many worlds of one kind stepped together: auto-reset, episode bookkeeping, snapshots.

use crate::{
    Action, ActionSpace, End, Env, Level, Spec, draw::DrawList, levels::LevelSet,
    pushchair::picture::Stage,
};
use serde::{Deserialize, Serialize};

/// An episode that ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Index of the environment that played it.
    pub environment: u32,
    pub level: Level,
    /// Undiscounted sum of rewards.
    pub total_reward: f32,
    /// Number of steps.
    pub length: u32,
    pub end: End,
    /// Whether the last state counts as solved.
    pub solved: bool,
    /// Whether any state of the episode counted as solved.
    pub ever_solved: bool,
    /// Whether it ended because the world could not go on; see [`Env::failed`].
    pub failed: bool,
}

/// Actions for a batch of `n` worlds.
#[derive(Clone, Copy, Debug)]
pub enum Actions<'a> {
    /// Row-major `[n, dim]`.
    Continuous(&'a [f32]),
    /// `[n]`.
    Discrete(&'a [u32]),
}

/// Actions that a batch of worlds cannot take.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ActionError {
    #[error("the actions are of another kind than the action space, {0:?}")]
    Kind(ActionSpace),
    #[error("{found} numbers of actions were given; {expected} are needed")]
    Count { found: usize, expected: usize },
    #[error("action {action} of world {world} must be from 0 to {}", .n - 1)]
    Range { world: usize, action: u32, n: u32 },
}

impl<'a> Actions<'a> {
    /// Whether `worlds` worlds can take the actions. Real numbers may be any: worlds clip them.
    pub fn validate(&self, space: ActionSpace, worlds: usize) -> Result<(), ActionError> {
        let (found, expected) = match (self, space) {
            (Self::Continuous(a), ActionSpace::Continuous { dim }) => (a.len(), worlds * dim),
            (Self::Discrete(a), ActionSpace::Discrete { n }) => {
                if let Some(world) = a.iter().position(|&action| action >= n) {
                    return Err(ActionError::Range { world, action: a[world], n });
                }
                (a.len(), worlds)
            }
            _ => return Err(ActionError::Kind(space)),
        };
        if found == expected { Ok(()) } else { Err(ActionError::Count { found, expected }) }
    }

    /// The actions of the worlds `first .. first + n`.
    pub fn range(&self, space: ActionSpace, first: usize, n: usize) -> Actions<'a> {
        match (*self, space) {
            (Self::Continuous(a), ActionSpace::Continuous { dim }) => {
                Actions::Continuous(&a[first * dim..(first + n) * dim])
            }
            (Self::Discrete(a), ActionSpace::Discrete { .. }) => {
                Actions::Discrete(&a[first..first + n])
            }
            _ => panic!("actions of another kind than the action space {space:?}"),
        }
    }

    fn get(&self, space: ActionSpace, i: usize) -> Action<'a> {
        match self.range(space, i, 1) {
            Actions::Continuous(a) => Action::Continuous(a),
            Actions::Discrete(a) => Action::Discrete(a[0]),
        }
    }
}

/// Where a batch writes what one step gave; each slice has one entry (or row) a world.
pub struct StepOut<'a> {
    /// The observation to act on next: of the new episode where one ended. `[n, observation]`.
    pub observations: &'a mut [f32],
    pub rewards: &'a mut [f32],
    pub ends: &'a mut [End],
    /// The last observation of the old episode, written only where one ended.
    /// `[n, observation]`.
    pub final_observations: &'a mut [f32],
}

/// A snapshot did not fit.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("the environment snapshot cannot be read: {0}")]
    Decode(#[from] postcard::Error),
    /// Each is (first environment, environments in all, worlds of this batch).
    #[error("the environment snapshot is of another batch: {found:?} instead of {expected:?}")]
    Size { found: (u32, u32, usize), expected: (u32, u32, usize) },
}

/// A batch of worlds behind one dynamic dispatch a step.
pub trait Batch: Send + Sync {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Steps every world once, starting the next episode where one ends. Panics at actions that
    /// [`Actions::validate`] refuses.
    fn step(&mut self, actions: Actions<'_>, out: StepOut<'_>, ended: &mut Vec<Episode>);
    /// Writes the current observations, `[n, observation]`.
    fn sense(&self, observations: &mut [f32]);
    /// Lists what a world looks like; see [`Env::draw`].
    fn draw(&self, world: usize, size: u32, list: &mut DrawList);
    /// What people see of a world that is not drawn by a list; see [`Env::stage`].
    fn stage(&self, world: usize) -> Option<Stage>;
    /// What a scripted policy would do in a world; see [`Env::expert`].
    fn expert(&self, world: usize) -> Option<Vec<f32>>;
    /// Every world, level counter and running statistic as bytes.
    fn snapshot(&self) -> Vec<u8>;
    /// Continues exactly where [`Batch::snapshot`] was taken.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError>;
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
struct Slot<E: Env> {
    world: E,
    level: Level,
    /// Episodes that this environment began before the current one.
    episode: u64,
    total_reward: f32,
    length: u32,
    ever_solved: bool,
}

/// Worlds `first .. first + n` of a larger set of `of` environments.
pub struct Worlds<E: Env> {
    options: E::Options,
    spec: Spec,
    levels: LevelSet,
    first: u32,
    of: u32,
    slots: Vec<Slot<E>>,
}

impl<E: Env> Worlds<E> {
    pub fn new(options: &E::Options, levels: LevelSet, first: u32, n: u32, of: u32) -> Self {
        let slots = (first..first + n)
            .map(|environment| Self::begin(options, &levels, environment, of, 0))
            .collect();
        Self { options: options.clone(), spec: E::spec(options), levels, first, of, slots }
    }

    fn begin(
        options: &E::Options,
        levels: &LevelSet,
        environment: u32,
        of: u32,
        episode: u64,
    ) -> Slot<E> {
        let level = levels.level(environment, of, episode);
        Slot {
            world: E::reset(options, level),
            level,
            episode,
            total_reward: 0.0,
            length: 0,
            ever_solved: false,
        }
    }

    /// The worlds themselves, for measures that look behind the observation.
    pub fn worlds(&self) -> impl Iterator<Item = &E> {
        self.slots.iter().map(|slot| &slot.world)
    }
}

impl<E: Env> Batch for Worlds<E> {
    fn len(&self) -> usize {
        self.slots.len()
    }

    fn step(&mut self, actions: Actions<'_>, out: StepOut<'_>, ended: &mut Vec<Episode>) {
        let width = self.spec.observation;
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let step = slot.world.step(actions.get(self.spec.action, i));
            slot.total_reward += step.reward;
            slot.length += 1;
            slot.ever_solved |= step.solved;
            out.rewards[i] = step.reward;
            out.ends[i] = step.end;
            let row = i * width..(i + 1) * width;
            if step.end != End::Running {
                slot.world.sense(&mut out.final_observations[row.clone()]);
                let environment = self.first + i as u32;
                ended.push(Episode {
                    environment,
                    level: slot.level,
                    total_reward: slot.total_reward,
                    length: slot.length,
                    end: step.end,
                    solved: step.solved,
                    ever_solved: slot.ever_solved,
                    failed: slot.world.failed(),
                });
                let next = slot.episode + 1;
                *slot = Self::begin(&self.options, &self.levels, environment, self.of, next);
            }
            slot.world.sense(&mut out.observations[row]);
        }
    }

    fn sense(&self, observations: &mut [f32]) {
        let rows = observations.chunks_exact_mut(self.spec.observation);
        for (slot, row) in self.slots.iter().zip(rows) {
            slot.world.sense(row);
        }
    }

    fn draw(&self, world: usize, size: u32, list: &mut DrawList) {
        self.slots[world].world.draw(size, list);
    }

    fn stage(&self, world: usize) -> Option<Stage> {
        self.slots[world].world.stage()
    }

    fn expert(&self, world: usize) -> Option<Vec<f32>> {
        self.slots[world].world.expert()
    }

    fn snapshot(&self) -> Vec<u8> {
        postcard::to_stdvec(&(self.first, self.of, &self.slots))
            .expect("worlds are plain values that always serialise")
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let (first, of, slots): (u32, u32, Vec<Slot<E>>) = postcard::from_bytes(snapshot)?;
        let (found, expected) = ((first, of, slots.len()), (self.first, self.of, self.len()));
        if found != expected {
            return Err(SnapshotError::Size { found, expected });
        }
        self.slots = slots;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_that_do_not_fit_are_refused() {
        let keys = ActionSpace::Discrete { n: 15 };
        let refused = |actions: Actions<'_>, space| actions.validate(space, 2).unwrap_err();
        assert_eq!(Actions::Discrete(&[0, 14]).validate(keys, 2), Ok(()));
        let range = ActionError::Range { world: 1, action: 15, n: 15 };
        assert_eq!(refused(Actions::Discrete(&[0, 15]), keys), range);
        assert_eq!(range.to_string(), "action 15 of world 1 must be from 0 to 14");
        let count = ActionError::Count { found: 3, expected: 2 };
        assert_eq!(refused(Actions::Discrete(&[0; 3]), keys), count);
        assert_eq!(refused(Actions::Continuous(&[0.0; 2]), keys), ActionError::Kind(keys));
        let plane = ActionSpace::Continuous { dim: 2 };
        assert_eq!(Actions::Continuous(&[0.0; 4]).validate(plane, 2), Ok(()));
        let count = ActionError::Count { found: 5, expected: 4 };
        assert_eq!(refused(Actions::Continuous(&[0.0; 5]), plane), count);
    }
}
