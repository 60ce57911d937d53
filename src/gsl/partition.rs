//! Algorithm 1, lines 6 and 7: which variations the generalist does worst on, and who takes them.

use super::{
    cluster::{balanced, standardised},
    config::{Config, Partition},
    evaluate::Evaluation,
};
use gslab_envs::{registry::Family, rng::Stream};

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
///
/// # Panics
/// They are to be dealt by shape, but variations of the family have none. Configurations that ask
/// for this are refused.
pub fn split(evaluation: &Evaluation, config: &Config, family: &dyn Family, seed: u64) -> Split {
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
        Partition::Pcd => {
            low.sort_unstable();
            subsets = alike(&low, specialists, family, seed);
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

/// Variations whose shapes are alike together.
fn alike(variations: &[u32], parts: usize, family: &dyn Family, seed: u64) -> Vec<Vec<u32>> {
    let describe = |&variation| family.descriptor(variation).expect("variations have shapes");
    let descriptors: Vec<Vec<f32>> = variations.iter().map(describe).collect();
    let clusters = balanced(&standardised(&descriptors), parts, Stream::new(seed, "partition"));
    clusters.iter().map(|rows| rows.iter().map(|&row| variations[row]).collect()).collect()
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
    use gslab_envs::{pushchair::chair::Chair, registry::find};

    fn chairs(n: u32) -> Box<dyn Family> {
        let options = toml::Table::from_iter([("chairs".into(), n.into())]);
        find("pushchair").unwrap().build(&options).unwrap()
    }

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

    fn by(partition: Partition, seed: u64) -> Split {
        split(&evaluation(), &config(partition), &*chairs(10), seed)
    }

    #[test]
    fn every_strategy_deals_the_lowest_evenly_and_disjointly() {
        for partition in [Partition::Random, Partition::Index, Partition::Return, Partition::Pcd] {
            let split = by(partition, 1);
            let mut low = split.low();
            low.sort_unstable();
            assert_eq!(low, [0, 2, 3, 5, 6, 9]);
            assert!(split.subsets.iter().all(|s| s.len() == 2), "{split:?}");
            assert_eq!(split.rest, [1, 4, 7, 8]);
        }
    }

    #[test]
    fn index_keeps_neighbours_and_return_spreads_them() {
        assert_eq!(by(Partition::Index, 1).subsets, [[0, 2], [3, 5], [6, 9]]);
        assert_eq!(by(Partition::Return, 1).subsets, [[0, 9], [2, 3], [5, 6]]);
    }

    #[test]
    fn random_depends_on_the_seed_alone() {
        let by = |seed| by(Partition::Random, seed);
        assert_eq!(by(1), by(1));
        assert!((2..10).any(|seed| by(seed) != by(1)));
    }

    #[test]
    fn never_more_specialists_than_variations() {
        for partition in [Partition::Random, Partition::Pcd] {
            let config = Config { specialists: 8, low_variations: 2, ..config(partition) };
            let split = split(&evaluation(), &config, &*chairs(10), 1);
            assert_eq!(split.subsets.len(), 2);
        }
    }

    /// The share of chairs that are of the archetype that most of their subset are of.
    fn purity(subsets: &[Vec<u32>]) -> f64 {
        let archetype = |&chair: &u32| Chair::new(chair.into()).unwrap().style.name;
        let most = subsets.iter().map(|subset| {
            let names: Vec<&str> = subset.iter().map(archetype).collect();
            names.iter().map(|name| names.iter().filter(|n| *n == name).count()).max().unwrap()
        });
        most.sum::<usize>() as f64 / subsets.concat().len() as f64
    }

    /// The tables of docs/gsl.md.
    #[test]
    fn chairs_of_an_archetype_share_a_specialist() {
        for specialists in [4, 2] {
            println!("8 chairs, {specialists} specialists");
            for subset in alike(&(0..8).collect::<Vec<_>>(), specialists, &*chairs(8), 0) {
                let names = subset.iter().map(|&v| Chair::new(v.into()).unwrap().style.name);
                println!("    {}", names.collect::<Vec<_>>().join(", "));
            }
        }
        let (all, family) = ((0..32).collect::<Vec<_>>(), chairs(32));
        for (specialists, least) in [(8, 0.8), (4, 0.45), (2, 0.25)] {
            let seeds = 0..10;
            let mean = |of: &dyn Fn(u64) -> Vec<Vec<u32>>| {
                seeds.clone().map(|seed| purity(&of(seed))).sum::<f64>() / 10.0
            };
            let by_shape = mean(&|seed| alike(&all, specialists, &*family, seed));
            let random = mean(&|seed| evenly(&all, specialists, seed));
            println!("32 chairs, {specialists} specialists: {by_shape:.2}, random {random:.2}");
            assert!(by_shape >= least && by_shape > random, "{by_shape} {random}");
        }
    }
}
