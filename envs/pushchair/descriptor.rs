//! What a chair's shape is like in a few numbers, to tell which chairs are alike without a trained
//! network.

use super::{chair::Chair, solid::Solid, surface};
use crate::rng::Stream;
use rapier3d::math::Vector;

/// Points on a chair's surface that it is measured at.
const POINTS: usize = 1024;
/// Of the histogram of distances.
pub const BINS: usize = 64;
/// Numbers of a descriptor.
pub const LENGTH: usize = BINS + 6;

/// Metres that the histogram spans. The last bin takes what is longer; hardly a chair is.
const SPAN: f32 = 1.4;

/// Describes a chair at rest, by points spread evenly over all that is seen of it. It is a function
/// of the chair alone.
pub fn describe(chair: &Chair) -> [f32; LENGTH] {
    let solids: Vec<Solid> = chair.solids().collect();
    measure(&surface::sample(&solids, POINTS, Stream::new(0, "descriptor"), 0))
}

/// Measures points, in metres, z up. Nothing that it measures changes when the points are moved, or
/// turned around z.
///
/// | numbers | |
/// |---|---|
/// | [`BINS`] | shares of the distances between two points, the D2 distribution (Osada et al., Shape Distributions, 2002), which no motion changes |
/// | 3 | extents: the longest distance, the longest along z and the longest across it, in metres |
/// | 2 | ratios of second moments: that along z to the mean of those across it, the least to the greatest across it |
/// | 1 | skewness along z: whether more lies above the middle or below |
fn measure(points: &[Vector]) -> [f32; LENGTH] {
    let mut counts = [0u32; BINS];
    let (mut longest, mut highest, mut widest) = (0f32, 0f32, 0f32);
    for (i, &p) in points.iter().enumerate() {
        for &q in &points[i + 1..] {
            let (between, across) = ((p - q).length(), (p - q).truncate().length());
            counts[((between / SPAN * BINS as f32) as usize).min(BINS - 1)] += 1;
            longest = longest.max(between);
            highest = highest.max((p.z - q.z).abs());
            widest = widest.max(across);
        }
    }
    let pairs = (points.len() * (points.len() - 1) / 2) as f32;
    let n = points.len() as f32;
    let middle = points.iter().copied().sum::<Vector>() / n;
    let mean = |of: fn(Vector) -> f32| points.iter().map(|&p| of(p - middle)).sum::<f32>() / n;
    let [xx, xy, yy] = [mean(|d| d.x * d.x), mean(|d| d.x * d.y), mean(|d| d.y * d.y)];
    let zz = mean(|d| d.z * d.z);
    // Eigenvalues of the symmetric [[xx, xy], [xy, yy]].
    let half = (xx + yy) / 2.0;
    let apart = ((xx - yy).powi(2) / 4.0 + xy * xy).sqrt();
    let mut out = [0.0; LENGTH];
    let (histogram, rest) = out.split_at_mut(BINS);
    histogram.iter_mut().zip(counts).for_each(|(share, count)| *share = count as f32 / pairs);
    rest.copy_from_slice(&[
        longest,
        highest,
        widest,
        zz / half,
        (half - apart) / (half + apart),
        mean(|d| d.z.powi(3)) / (zz * zz.sqrt()),
    ]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rapier3d::math::{Pose, Rotation};

    fn points_of(seed: u64) -> Vec<Vector> {
        let solids: Vec<Solid> = Chair::new(seed).unwrap().solids().collect();
        surface::sample(&solids, POINTS, Stream::new(seed, "test"), 0)
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
    }

    /// Eight points whose measures follow from drawing them.
    #[test]
    fn the_corners_of_a_block_measure_as_by_hand() {
        let (x, y, z) = (0.3, 0.4, 0.6);
        let sign = |bit: usize| if bit == 0 { -0.5 } else { 0.5 };
        let corner = |i: usize| Vector::new(x * sign(i & 1), y * sign(i & 2), z * sign(i & 4));
        let found = measure(&(0..8).map(corner).collect::<Vec<_>>());
        let bin = |length: f32| (length / SPAN * BINS as f32) as usize;
        let mut histogram = [0.0; BINS];
        let diagonals = [x.hypot(y), y.hypot(z), z.hypot(x)];
        // Four edges each way, two diagonals on each of two sides, four through the middle.
        [x, y, z].iter().chain(&diagonals).for_each(|&l| histogram[bin(l)] += 4.0 / 28.0);
        let through = (x * x + y * y + z * z).sqrt();
        histogram[bin(through)] += 4.0 / 28.0;
        assert!(distance(&found[..BINS], &histogram) < 1e-6, "{found:?}");
        let across = (x * x + y * y) / 2.0;
        let rest = [through, z, x.hypot(y), z * z / across, x * x / (y * y), 0.0];
        assert!(distance(&found[BINS..], &rest) < 1e-5, "{found:?}");
    }

    #[test]
    fn it_does_not_change_when_a_chair_is_moved_and_turned_around_z() {
        for seed in 0..8 {
            let points = points_of(seed);
            let here = measure(&points);
            assert!((here[..BINS].iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let place = Vector::new(1.3, -0.4, 0.2);
            let pose = Pose::from_parts(place, Rotation::from_rotation_z(2.0));
            let moved: Vec<Vector> = points.iter().map(|&p| pose.transform_point(p)).collect();
            // Of half a million distances a few dozen lie on the edge of a bin.
            let off = distance(&here, &measure(&moved));
            assert!(off < 1e-3, "seed {seed}: {off}");
        }
    }

    /// Chance in the choice of points is to matter less than the chair.
    #[test]
    fn other_points_of_a_chair_are_nearer_than_any_other_chair() {
        let chairs: Vec<_> = (0..8).map(|seed| describe(&Chair::new(seed).unwrap())).collect();
        for seed in 0..8 {
            let again = measure(&points_of(seed));
            let off: Vec<f32> = chairs.iter().map(|chair| distance(chair, &again)).collect();
            let own = off[seed as usize];
            let others = (0..8).filter(|&i| i != seed as usize).map(|i| off[i]);
            let nearest = others.fold(f32::MAX, f32::min);
            assert!(own < nearest, "seed {seed}: {own} against {nearest}");
        }
    }

    #[test]
    fn hardly_a_chair_is_longer_than_the_histogram() {
        let long = (0..200).map(|seed| describe(&Chair::new(seed).unwrap()));
        let beyond = long.filter(|descriptor| descriptor[BINS] > SPAN).count();
        assert!(beyond <= 4, "{beyond} of 200");
    }
}
