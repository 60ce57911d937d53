//! Clusters of equal size: k-means whose clusters may not grow beyond their share.

use gslab_envs::rng::Stream;

/// Times that clusters are begun anew; the best are taken.
const RESTARTS: u64 = 10;
/// Most rounds of assigning and averaging.
const ROUNDS: usize = 50;

/// Brings every column to mean 0 and variance 1; columns that do not vary become zeros. All rows
/// must have the same length.
pub fn standardised(rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().map(|&x| x.into()).collect()).collect();
    let n = out.len() as f64;
    for column in 0..out.first().map_or(0, Vec::len) {
        let mean = out.iter().map(|row| row[column]).sum::<f64>() / n;
        let variance = out.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / n;
        // What is left of rounding must not be blown up.
        let flat = variance.sqrt() <= 1e-9 * mean.abs();
        let scale = if flat { 0.0 } else { 1.0 / variance.sqrt() };
        out.iter_mut().for_each(|row| row[column] = (row[column] - mean) * scale);
    }
    out
}

/// Splits rows of the same length into `k` clusters, or as many as there are rows, whose sizes
/// differ by at most one, so that the squared distances to the clusters' means sum up to little.
/// Gives the numbers of each cluster's rows in ascending order, the clusters in that of their first
/// rows. The same arguments give the same clusters.
///
/// k-means++ (Arthur and Vassilvitskii 2007) begins; then every round goes through all pairs of a
/// row and a mean, nearest first, and gives the row to that cluster if it has none yet and the
/// cluster has room. The best of 10 starts is taken, each of at most 50 rounds. The best there is
/// need not be among them.
pub fn balanced(rows: &[Vec<f64>], k: usize, stream: Stream) -> Vec<Vec<usize>> {
    let k = k.min(rows.len());
    if k == 0 {
        return Vec::new();
    }
    let tries = (0..RESTARTS).map(|restart| descend(rows, seeds(rows, k, stream, restart)));
    let best = tries.min_by(|(a, _), (b, _)| a.total_cmp(b));
    let (_, of) = best.expect("there is more than one try");
    let mut clusters = vec![Vec::new(); k];
    of.iter().enumerate().for_each(|(row, &cluster)| clusters[cluster].push(row));
    clusters.sort_unstable();
    clusters
}

/// Means to begin with: a random row, then ever another, with a probability proportional to its
/// squared distance to the nearest so far.
fn seeds(rows: &[Vec<f64>], k: usize, stream: Stream, restart: u64) -> Vec<Vec<f64>> {
    let first = stream.below(0, restart, rows.len() as u32) as usize;
    let mut seeds = vec![rows[first].clone()];
    let mut nearest = vec![f64::INFINITY; rows.len()];
    for lane in 1..k as u32 {
        let newest = &seeds[seeds.len() - 1];
        for (row, nearest) in rows.iter().zip(&mut nearest) {
            *nearest = nearest.min(squared_distance(row, newest));
        }
        let [uniform, ..] = stream.uniform(lane, restart);
        let mut left = f64::from(uniform) * nearest.iter().sum::<f64>();
        let chosen = nearest.iter().position(|&distance| {
            left -= distance;
            left <= 0.0
        });
        // Rounding may leave something after the last.
        seeds.push(rows[chosen.unwrap_or(rows.len() - 1)].clone());
    }
    seeds
}

/// Assigns and averages until nothing changes or the rounds are over. The lowest cost and the
/// cluster of every row that it has.
fn descend(rows: &[Vec<f64>], mut means: Vec<Vec<f64>>) -> (f64, Vec<usize>) {
    let (mut lowest, mut best) = (f64::INFINITY, Vec::new());
    let mut last = Vec::new();
    for _ in 0..ROUNDS {
        let of = assign(rows, &means);
        if of == last {
            break;
        }
        means = averages(rows, &of, means.len());
        let cost = rows.iter().zip(&of).map(|(row, &c)| squared_distance(row, &means[c])).sum();
        // With room for so many alone, a round may also do worse than the one before.
        if cost < lowest {
            (lowest, best) = (cost, of.clone());
        }
        last = of;
    }
    (lowest, best)
}

/// The cluster of every row.
fn assign(rows: &[Vec<f64>], means: &[Vec<f64>]) -> Vec<usize> {
    let mut pairs = Vec::with_capacity(rows.len() * means.len());
    for (i, row) in rows.iter().enumerate() {
        pairs.extend(means.iter().enumerate().map(|(c, mean)| (squared_distance(row, mean), i, c)));
    }
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (share, mut one_more) = (rows.len() / means.len(), rows.len() % means.len());
    let mut of = vec![usize::MAX; rows.len()];
    let mut sizes = vec![0; means.len()];
    for (_, row, cluster) in pairs {
        let room = sizes[cluster] < share || sizes[cluster] == share && one_more > 0;
        if of[row] == usize::MAX && room {
            one_more -= usize::from(sizes[cluster] == share);
            sizes[cluster] += 1;
            of[row] = cluster;
        }
    }
    of
}

/// Means of `k` clusters, none of which is empty.
fn averages(rows: &[Vec<f64>], of: &[usize], k: usize) -> Vec<Vec<f64>> {
    let mut means = vec![vec![0.0; rows[0].len()]; k];
    let mut sizes = vec![0.0; k];
    for (row, &cluster) in rows.iter().zip(of) {
        means[cluster].iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        sizes[cluster] += 1.0;
    }
    for (mean, size) in means.iter_mut().zip(sizes) {
        mean.iter_mut().for_each(|sum| *sum /= size);
    }
    means
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize, width: usize, seed: u64) -> Vec<Vec<f64>> {
        let stream = Stream::new(seed, "rows");
        let number = |i: usize, c: usize| stream.normal(c as u32, i as u64)[0].into();
        (0..n).map(|i| (0..width).map(|c| number(i, c)).collect()).collect()
    }

    /// Three blobs far from each other, their rows mixed.
    fn blobs(sizes: [usize; 3]) -> (Vec<Vec<f64>>, Vec<usize>) {
        let mut of: Vec<usize> = (0..3).flat_map(|blob| vec![blob; sizes[blob]]).collect();
        let order = Stream::new(7, "mix").permutation(0, of.len());
        of = order.iter().map(|&i| of[i as usize]).collect();
        let mut rows = random(of.len(), 3, 4);
        rows.iter_mut().zip(&of).for_each(|(row, &blob)| row[blob] += 30.0);
        (rows, of)
    }

    fn cost(rows: &[Vec<f64>], clusters: &[Vec<usize>]) -> f64 {
        let mut of = vec![0; rows.len()];
        for (c, cluster) in clusters.iter().enumerate() {
            cluster.iter().for_each(|&row| of[row] = c);
        }
        let means = averages(rows, &of, clusters.len());
        rows.iter().zip(&of).map(|(row, &c)| squared_distance(row, &means[c])).sum()
    }

    /// The lowest cost of all ways to give rows from `next` on to clusters with so much room.
    fn lowest(rows: &[Vec<f64>], clusters: &mut Vec<Vec<usize>>, next: usize) -> f64 {
        let k = clusters.len();
        if next == rows.len() {
            return cost(rows, clusters);
        }
        let largest = rows.len().div_ceil(k);
        let mut best = f64::INFINITY;
        for c in 0..k {
            let full = clusters.iter().filter(|c| c.len() == largest).count();
            let most = if rows.len().is_multiple_of(k) { k } else { rows.len() % k };
            if clusters[c].len() + 1 > largest || clusters[c].len() + 1 == largest && full == most {
                continue;
            }
            clusters[c].push(next);
            best = best.min(lowest(rows, clusters, next + 1));
            clusters[c].pop();
            // Empty clusters are all the same.
            if clusters[c].is_empty() {
                break;
            }
        }
        best
    }

    #[test]
    fn hardly_any_balanced_split_costs_less() {
        let (mut ratios, mut equal) = (Vec::new(), 0);
        for seed in 0..30 {
            for (n, k) in [(8, 2), (8, 4), (9, 3), (7, 3), (10, 4)] {
                let rows = random(n, 2, seed);
                let ours = cost(&rows, &balanced(&rows, k, Stream::new(seed, "test")));
                let best = lowest(&rows, &mut vec![Vec::new(); k], 0);
                assert!(ours >= best - 1e-9);
                equal += usize::from(ours < best + 1e-9);
                ratios.push(ours / best);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let worst = ratios[ratios.len() - 1];
        println!("{equal} of {} the best, mean {mean}, worst {worst}", ratios.len());
        assert!(equal > 120 && mean < 1.03 && worst < 1.5);
    }

    #[test]
    fn sizes_differ_by_at_most_one_and_every_row_has_one_cluster() {
        for n in 1..20 {
            let rows = random(n, 3, n as u64);
            for k in 1..=n {
                let clusters = balanced(&rows, k, Stream::new(1, "test"));
                assert_eq!(clusters.len(), k);
                let sizes = clusters.iter().map(Vec::len);
                assert!(sizes.clone().all(|s| s == n / k || s == n.div_ceil(k)), "{clusters:?}");
                let mut all = clusters.concat();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..n));
            }
        }
        assert_eq!(balanced(&random(2, 3, 0), 5, Stream::new(1, "test")), [[0], [1]]);
        assert!(balanced(&[], 2, Stream::new(1, "test")).is_empty());
    }

    #[test]
    fn blobs_are_found_in_whatever_order_and_from_whatever_seed() {
        for sizes in [[6, 6, 6], [4, 5, 5], [1, 1, 1]] {
            let (rows, of) = blobs(sizes);
            for seed in 0..20 {
                for cluster in balanced(&rows, 3, Stream::new(seed, "test")) {
                    assert!(cluster.iter().all(|&row| of[row] == of[cluster[0]]), "{cluster:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_rows_twice_and_all_alike_are_split_evenly() {
        let alike = vec![vec![0.5, -1.0]; 7];
        let clusters = balanced(&alike, 3, Stream::new(3, "test"));
        assert_eq!(clusters.iter().map(Vec::len).max(), Some(3));
        assert_eq!(clusters, balanced(&alike, 3, Stream::new(3, "test")));

        let pairs: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(i / 2 * 5)]).collect();
        let clusters = balanced(&pairs, 4, Stream::new(0, "test"));
        assert_eq!(clusters, [[0, 1], [2, 3], [4, 5], [6, 7]]);
    }

    #[test]
    fn columns_count_alike_whatever_their_unit() {
        let rows = [vec![1.0, 200.0, 0.1], vec![2.0, 400.0, 0.1], vec![3.0, 600.0, 0.1]];
        for row in standardised(&rows) {
            assert!((row[0] - row[1]).abs() < 1e-9, "{row:?}");
            assert_eq!(row[2], 0.0);
        }
        let [low, _, high] = [0, 1, 2].map(|i| standardised(&rows)[i][0]);
        assert!((high - 1.5f64.sqrt()).abs() < 1e-9 && (low + high).abs() < 1e-9);
        assert!(standardised(&[]).is_empty());
    }
}
