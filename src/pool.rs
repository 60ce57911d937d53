//! Batched environments on worker threads, written once for all of them.
//!
//! The environments are cut into shards of a fixed size; threads take whole shards. Results do
//! not depend on the number of threads, nor on the number of shards.

use gslab_envs::{
    End, Spec,
    batch::{ActionError, Actions, Batch, Episode, SnapshotError, StepOut},
    draw::DrawList,
    levels::LevelSet,
    registry::Family,
};
use rayon::prelude::*;

/// Environments per shard: enough work to be worth handing to a thread.
const SHARD: usize = 64;

/// `n` environments stepped together, each starting its next episode when one ends.
pub struct Pool {
    spec: Spec,
    shards: Vec<Shard>,
    observations: Vec<f32>,
    rewards: Vec<f32>,
    ends: Vec<End>,
    final_observations: Vec<f32>,
}

struct Shard {
    first: usize,
    batch: Box<dyn Batch>,
    ended: Vec<Episode>,
}

impl Pool {
    /// `environments` must be at least 1.
    pub fn new(family: &dyn Family, levels: &LevelSet, environments: usize) -> Self {
        let spec = family.spec().clone();
        let shards: Vec<Shard> = (0..environments)
            .step_by(SHARD)
            .map(|first| {
                let n = SHARD.min(environments - first);
                let batch =
                    family.batch(levels.clone(), first as u32, n as u32, environments as u32);
                Shard { first, batch, ended: Vec::new() }
            })
            .collect();
        let mut pool = Self {
            observations: vec![0.0; environments * spec.observation],
            rewards: vec![0.0; environments],
            ends: vec![End::Running; environments],
            final_observations: vec![0.0; environments * spec.observation],
            spec,
            shards,
        };
        pool.sense();
        pool
    }

    fn sense(&mut self) {
        for shard in &self.shards {
            let start = shard.first * self.spec.observation;
            let end = start + shard.batch.len() * self.spec.observation;
            shard.batch.sense(&mut self.observations[start..end]);
        }
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of environments.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Steps every environment once and appends the episodes that ended, by environment.
    ///
    /// # Errors
    /// The actions are of another kind or number than the environments take, or out of range;
    /// then none was stepped.
    pub fn step(
        &mut self,
        actions: Actions<'_>,
        ended: &mut Vec<Episode>,
    ) -> Result<(), ActionError> {
        actions.validate(self.spec.action, self.len())?;
        let width = self.spec.observation;
        let action_space = self.spec.action;
        let work = self
            .shards
            .par_iter_mut()
            .zip(self.observations.par_chunks_mut(SHARD * width))
            .zip(self.final_observations.par_chunks_mut(SHARD * width))
            .zip(self.rewards.par_chunks_mut(SHARD))
            .zip(self.ends.par_chunks_mut(SHARD));
        work.for_each(|((((shard, observations), final_observations), rewards), ends)| {
            let actions = actions.range(action_space, shard.first, rewards.len());
            let out = StepOut { observations, rewards, ends, final_observations };
            shard.batch.step(actions, out, &mut shard.ended);
        });
        for shard in &mut self.shards {
            ended.append(&mut shard.ended);
        }
        Ok(())
    }

    /// What to act on next, `[n, observation]`.
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// Rewards of the last step, `[n]`.
    pub fn rewards(&self) -> &[f32] {
        &self.rewards
    }

    /// How the last step left each episode, `[n]`.
    pub fn ends(&self) -> &[End] {
        &self.ends
    }

    /// The last observation of environment `i`'s old episode, if the last step ended it.
    pub fn final_observation(&self, i: usize) -> &[f32] {
        let width = self.spec.observation;
        &self.final_observations[i * width..(i + 1) * width]
    }

    /// Lists what environment `i` looks like on `size * size` pixels; `list` must be empty.
    pub fn draw(&self, i: usize, size: u32, list: &mut DrawList) {
        self.shards[i / SHARD].batch.draw(i % SHARD, size, list);
    }

    /// Every world and counter, one entry a shard.
    pub fn snapshot(&self) -> Vec<Vec<u8>> {
        self.shards.iter().map(|shard| shard.batch.snapshot()).collect()
    }

    /// Continues exactly where [`Pool::snapshot`] was taken.
    pub fn restore(&mut self, snapshot: &[Vec<u8>]) -> Result<(), SnapshotError> {
        if snapshot.len() != self.shards.len() {
            let of = |shards: usize| (0, (shards * SHARD) as u32, shards * SHARD);
            return Err(SnapshotError::Size {
                found: of(snapshot.len()),
                expected: of(self.shards.len()),
            });
        }
        for (shard, bytes) in self.shards.iter_mut().zip(snapshot) {
            shard.batch.restore(bytes)?;
        }
        self.sense();
        Ok(())
    }
}
