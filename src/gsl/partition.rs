//! Algorithm 1, lines 6 and 7: which variations the generalist does worst on, and who takes them.

use super::{
    config::{Config, Partition},
    evaluate::Evaluation,
};
use gslab_envs::rng::Stream;

/// The variations dealt to specialists and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// One disjoint set for each specialist.
    pub subsets: Vec<Vec<u32>>,
    /// The variations on which the generalist is good enough.
    pub rest: Vec<u32>,
}

impl Split {
    /// E_low: every variation that a specialist takes.
    pub fn low(&self) -> Vec<u32> {
        self.subsets.concat()
    }
}

/// Takes the variations with the lowest mean return and deals them out evenly. There are never
/// more specialists than low-performing variations.
pub fn split(evaluation: &Evaluation, config: &Config, seed: u64) -> Split {
    let mut ranked = evaluation.scores.clone();
    ranked.sort_by(|a, b| {
        a.mean_return.total_cmp(&b.mean_return).then(a.variation.cmp(&b.variation))
    });
    let wanted = if config.low_success > 0.0 {
        ranked.iter().filter(|s| s.success < config.low_success).count()
    } else {
        config.low_variations
    };
    if config.low_success > 0.0 {
        ranked.sort_by(|a, b| a.success.total_cmp(&b.success).then(a.variation.cmp(&b.variation)));
    }
    let by_return: Vec<u32> = ranked.iter().map(|s| s.variation).collect();
    let (low, rest) = by_return.split_at(wanted.min(by_return.len()));
    let specialists = config.specialists.min(low.len());
    let mut low = low.to_vec();
    let mut subsets = vec![Vec::new(); specialists];
    match config.partition {
        Partition::Random => {
            low.sort_unstable();
            subsets = evenly(&low, specialists, seed);
        }
        Partition::Return => deal(&mut subsets, low.iter().copied()),
        Partition::Index => {
            low.sort_unstable();
            let n = low.len();
            for (i, subset) in subsets.iter_mut().enumerate() {
                *subset = low[i * n / specialists..(i + 1) * n / specialists].to_vec();
            }
        }
    }
    subsets.iter_mut().for_each(|s| s.sort_unstable());
    let mut rest = rest.to_vec();
    rest.sort_unstable();
    Split { subsets, rest }
}

/// Deals variations out to `parts` subsets in a random order, each sorted.
pub fn evenly(variations: &[u32], parts: usize, seed: u64) -> Vec<Vec<u32>> {
    let order = Stream::new(seed, "partition").permutation(0, variations.len());
    let mut subsets = vec![Vec::new(); parts];
    deal(&mut subsets, order.iter().map(|&i| variations[i as usize]));
    subsets.iter_mut().for_each(|s| s.sort_unstable());
    subsets
}

fn deal(hands: &mut [Vec<u32>], cards: impl Iterator<Item = u32>) {
    let n = hands.len();
    for (i, card) in cards.enumerate() {
        hands[i % n].push(card);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gsl::evaluate::Score;

    fn evaluation() -> Evaluation {
        // Variation v has return (v * 7) % 10: the lowest are 0, 3, 6, 9, 2, 5 …
        let scores = (0..10)
            .map(|v| Score { variation: v, mean_return: f64::from(v * 7 % 10), ..Score::default() })
            .collect();
        Evaluation { scores }
    }

    fn config(partition: Partition) -> Config {
        Config { specialists: 3, low_variations: 6, partition, ..Config::default() }
    }

    #[test]
    fn every_strategy_deals_the_lowest_evenly_and_disjointly() {
        for partition in [Partition::Random, Partition::Index, Partition::Return] {
            let split = split(&evaluation(), &config(partition), 1);
            let mut low = split.low();
            low.sort_unstable();
            assert_eq!(low, [0, 2, 3, 5, 6, 9]);
            assert!(split.subsets.iter().all(|s| s.len() == 2), "{split:?}");
            assert_eq!(split.rest, [1, 4, 7, 8]);
        }
    }

    #[test]
    fn index_keeps_neighbours_and_return_spreads_them() {
        let by = |partition| split(&evaluation(), &config(partition), 1).subsets;
        assert_eq!(by(Partition::Index), [[0, 2], [3, 5], [6, 9]]);
        assert_eq!(by(Partition::Return), [[0, 9], [2, 3], [5, 6]]);
    }

    #[test]
    fn random_depends_on_the_seed_alone() {
        let by = |seed| split(&evaluation(), &config(Partition::Random), seed);
        assert_eq!(by(1), by(1));
        assert!((2..10).any(|seed| by(seed) != by(1)));
    }

    #[test]
    fn never_more_specialists_than_variations() {
        let config = Config { specialists: 8, low_variations: 2, ..Config::default() };
        assert_eq!(split(&evaluation(), &config, 1).subsets.len(), 2);
    }
}
