//! Which level an environment plays next.

use crate::{Level, rng::Stream};
use serde::{Deserialize, Serialize};

/// How levels follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Each episode draws a variation at random: training.
    Uniform,
    /// Episode `e` of environment `i` among `n` plays the variation number `e * n + i`,
    /// wrapping around: evaluation, every variation equally often.
    Cycle,
}

/// A set of variations and the order in which episodes draw from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelSet {
    variations: Vec<u32>,
    order: Order,
    seed: u64,
}

/// The set of variations held nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the set of variations is empty: name at least one")]
pub struct EmptyLevelSet;

impl LevelSet {
    pub fn new(variations: Vec<u32>, order: Order, seed: u64) -> Result<Self, EmptyLevelSet> {
        if variations.is_empty() {
            return Err(EmptyLevelSet);
        }
        Ok(Self { variations, order, seed })
    }

    pub fn variations(&self) -> &[u32] {
        &self.variations
    }

    /// The level of an episode: a pure function of the environment's index in the batch, the
    /// batch size (which only [`Order::Cycle`] looks at) and the number of episodes it ended.
    pub fn level(&self, environment: u32, environments: u32, episode: u64) -> Level {
        let stream = Stream::new(self.seed, "level");
        let [pick, low, high, _] = stream.bits(environment, episode);
        let n = self.variations.len() as u64;
        let index = match self.order {
            Order::Uniform => (u64::from(pick) * n) >> 32,
            Order::Cycle => (episode * u64::from(environments) + u64::from(environment)) % n,
        };
        Level {
            variation: self.variations[index as usize],
            seed: u64::from(low) | u64::from(high) << 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_draws_only_members_and_all_of_them() {
        let set = LevelSet::new(vec![3, 1, 4], Order::Uniform, 9).unwrap();
        let mut counts = [0u32; 5];
        for episode in 0..9000 {
            counts[set.level(2, 8, episode).variation as usize] += 1;
        }
        assert_eq!(counts[0] + counts[2], 0);
        assert!([1, 3, 4].iter().all(|&v| (2800..3200).contains(&counts[v as usize])));
    }

    #[test]
    fn cycle_plays_every_variation_equally_often() {
        let set = LevelSet::new((0..5).collect(), Order::Cycle, 9).unwrap();
        let mut counts = [0u32; 5];
        for episode in 0..5 {
            for environment in 0..4 {
                counts[set.level(environment, 4, episode).variation as usize] += 1;
            }
        }
        assert_eq!(counts, [4; 5]);
    }

    #[test]
    fn empty_set_is_refused() {
        assert_eq!(LevelSet::new(vec![], Order::Uniform, 0), Err(EmptyLevelSet));
    }
}
