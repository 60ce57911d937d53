//! Counter-based randomness: every number is a function of (seed, stream, lane, index).
//!
//! Nothing is drawn "next": who asks for the 17th number of lane 3 gets it whatever was asked
//! before, so results depend neither on thread count, batch size, evaluation nor interruption.

/// Philox4x32-10 (Salmon et al., SC 2011): 128-bit counter and 64-bit key to 128 random bits.
#[inline]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    // Multipliers and Weyl increments: Salmon et al., section 3.3 and table 2.
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// An unbounded family of random numbers under one seed, for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    purpose: u32,
}

impl Stream {
    /// `purpose` names what the numbers are for; streams of different purposes are independent.
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], purpose: fnv1a(purpose) }
    }

    /// The key, low word first, and the last word of every counter: what another executor needs to
    /// draw the same bits.
    pub fn words(&self) -> [u32; 3] {
        [self.key[0], self.key[1], self.purpose]
    }

    /// 128 random bits at a position.
    #[inline]
    pub fn bits(&self, lane: u32, index: u64) -> [u32; 4] {
        let counter = [index as u32, (index >> 32) as u32, lane, self.purpose];
        philox(counter, self.key)
    }

    /// A 64-bit seed at a position.
    pub fn seed(&self, lane: u32, index: u64) -> u64 {
        let [a, b, ..] = self.bits(lane, index);
        u64::from(a) | u64::from(b) << 32
    }

    /// Four uniform numbers in the half-open interval (0, 1], multiples of 2^-24.
    #[inline]
    pub fn uniform(&self, lane: u32, index: u64) -> [f32; 4] {
        self.bits(lane, index).map(unit)
    }

    /// Four independent standard normal numbers (Box and Muller 1958).
    #[inline]
    pub fn normal(&self, lane: u32, index: u64) -> [f32; 4] {
        let [a, b, c, d] = self.uniform(lane, index);
        let pair = |u: f32, v: f32| {
            let radius = (-2.0 * u.ln()).sqrt();
            let (sin, cos) = (std::f32::consts::TAU * v).sin_cos();
            [radius * cos, radius * sin]
        };
        let ([p, q], [r, s]) = (pair(a, b), pair(c, d));
        [p, q, r, s]
    }

    /// A whole number in `0..n`, with a bias below n / 2^32. `n` must not be 0.
    pub fn below(&self, lane: u32, index: u64, n: u32) -> u32 {
        ((u64::from(self.bits(lane, index)[0]) * u64::from(n)) >> 32) as u32
    }

    /// A permutation of `0..n` (Fisher and Yates); `round` selects which.
    pub fn permutation(&self, round: u64, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            let [a, b, ..] = self.bits(i as u32, round);
            let wide = u64::from(a) | u64::from(b) << 32;
            order.swap(i, (wide % (i as u64 + 1)) as usize);
        }
        order
    }
}

/// The seed of a part of a larger run, for instance of one specialist.
pub fn derive_seed(seed: u64, part: &str) -> u64 {
    Stream::new(seed, part).seed(0, 0)
}

/// 32 random bits to (0, 1]; never 0, so that its logarithm is finite.
#[inline]
fn unit(bits: u32) -> f32 {
    ((bits >> 8) + 1) as f32 * (1.0 / 16_777_216.0)
}

/// The FNV-1a hash (Fowler, Noll, Vo), 32 bits: stable across platforms and versions.
pub(crate) fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 (`kat_vectors`, philox4x32-10).
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let stream = Stream::new(7, "test");
        let draws: Vec<f64> =
            (0..50_000).flat_map(|i| stream.normal(0, i)).map(f64::from).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let kurtosis = draws.iter().map(|x| (x - mean).powi(4)).sum::<f64>() / n;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
        assert!((kurtosis - 3.0).abs() < 0.1, "{kurtosis}");
    }

    #[test]
    fn permutation_holds_every_index_once() {
        let order = Stream::new(1, "test").permutation(3, 1000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<u32>>());
        assert_ne!(order, sorted);
        assert_ne!(order, Stream::new(1, "test").permutation(4, 1000));
    }

    #[test]
    fn uniform_stays_in_its_interval() {
        assert_eq!(unit(u32::MAX), 1.0);
        assert!(unit(0) > 0.0);
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let stream = Stream::new(5, "test");
        let mut counts = [0u32; 5];
        for i in 0..50_000 {
            counts[stream.below(0, i, 5) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_500..10_500).contains(&c)), "{counts:?}");
    }
}
