//! Batched environments on worker threads, written once for all of them.
//!
//! The environments are cut into shards of as many as are worth handing to a thread. Results do
//! not depend on the number of threads, nor on the number of shards.

use gslab_envs::{
    ActionSpace, End, Spec,
    batch::{ActionError, Actions, Batch, Episode, SnapshotError, StepOut},
    draw::DrawList,
    levels::LevelSet,
    pushchair::picture::Stage,
    registry::Family,
};
use rayon::prelude::*;
use serde_bytes::ByteBuf;
use std::ops::Range;

/// `n` environments stepped together, each starting its next episode when one ends.
pub struct Pool {
    spec: Spec,
    /// Environments per shard.
    shard: usize,
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
        // Worlds in which agents choose are looked at: they cost more, and there should be two
        // halves.
        let is_seen = matches!(spec.action, ActionSpace::Discrete { .. });
        let shard = if is_seen { spec.grain.min(environments.div_ceil(2)) } else { spec.grain };
        let shards: Vec<Shard> = (0..environments)
            .step_by(shard)
            .map(|first| {
                let n = shard.min(environments - first);
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
            shard,
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
        self.step_shards(0..self.shards.len(), actions, ended)
    }

    /// Two parts that can be stepped one after the other, as ranges of environments. Where there
    /// is one shard only the second is empty.
    pub fn halves(&self) -> [Range<usize>; 2] {
        let middle = (self.shards.len().div_ceil(2) * self.shard).min(self.len());
        [0..middle, middle..self.len()]
    }

    /// [`Pool::step`] for the environments of the first half, 0, or the second, 1. Who steps both
    /// has stepped all.
    ///
    /// # Errors
    /// As [`Pool::step`].
    pub fn step_half(
        &mut self,
        half: usize,
        actions: Actions<'_>,
        ended: &mut Vec<Episode>,
    ) -> Result<(), ActionError> {
        let middle = self.shards.len().div_ceil(2);
        let shards = [0..middle, middle..self.shards.len()];
        self.step_shards(shards[half].clone(), actions, ended)
    }

    /// `actions` are of these shards alone.
    fn step_shards(
        &mut self,
        shards: Range<usize>,
        actions: Actions<'_>,
        ended: &mut Vec<Episode>,
    ) -> Result<(), ActionError> {
        let (first, shard) = (shards.start * self.shard, self.shard);
        let n = (shards.end * shard).min(self.len()) - first;
        actions.validate(self.spec.action, n)?;
        let width = self.spec.observation;
        let action_space = self.spec.action;
        let wide = first * width..(first + n) * width;
        let work = self.shards[shards.clone()]
            .par_iter_mut()
            .zip(self.observations[wide.clone()].par_chunks_mut(shard * width))
            .zip(self.final_observations[wide].par_chunks_mut(shard * width))
            .zip(self.rewards[first..first + n].par_chunks_mut(shard))
            .zip(self.ends[first..first + n].par_chunks_mut(shard));
        work.for_each(|((((shard, observations), final_observations), rewards), ends)| {
            let actions = actions.range(action_space, shard.first - first, rewards.len());
            let out = StepOut { observations, rewards, ends, final_observations };
            shard.batch.step(actions, out, &mut shard.ended);
        });
        for shard in &mut self.shards[shards] {
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
        self.shards[i / self.shard].batch.draw(i % self.shard, size, list);
    }

    /// What people see of environment `i`, if a list does not draw it; see
    /// [`Env::stage`](gslab_envs::Env::stage).
    pub fn stage(&self, i: usize) -> Option<Stage> {
        self.shards[i / self.shard].batch.stage(i % self.shard)
    }

    /// What a scripted policy would do, `[n, dim]`; `None` where there is none. See
    /// [`Env::expert`](gslab_envs::Env::expert).
    pub fn expert(&self) -> Option<Vec<f32>> {
        let mut actions = Vec::new();
        for shard in &self.shards {
            for world in 0..shard.batch.len() {
                actions.extend(shard.batch.expert(world)?);
            }
        }
        Some(actions)
    }

    /// Every world and counter, one entry a shard.
    pub fn snapshot(&self) -> Vec<ByteBuf> {
        self.shards.iter().map(|shard| ByteBuf::from(shard.batch.snapshot())).collect()
    }

    /// Continues exactly where [`Pool::snapshot`] was taken.
    pub fn restore(&mut self, snapshot: &[ByteBuf]) -> Result<(), SnapshotError> {
        if snapshot.len() != self.shards.len() {
            let of = |shards: usize| (0, (shards * self.shard) as u32, shards * self.shard);
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
