//! The 32-bit Mersenne Twister (Matsumoto and Nishimura 1998) and what Procgen draws from it.

/// Words of state.
const N: usize = 624;
/// Offset of the word that a new word is mixed with.
const M: usize = 397;
/// The seed of a generator that was never seeded, as in the C++ standard library.
const DEFAULT_SEED: u32 = 5489;

/// A generator and what was drawn from it.
///
/// Every draw function takes exactly one word, unless it says otherwise. The modulo bias is that
/// of the original.
#[derive(Clone)]
pub struct Mt19937 {
    words: [u32; N],
    /// Index of the next word; [`N`] where a new block has to be made first.
    position: usize,
    seeded: bool,
    draws: u64,
}

/// Words before the first draw (`init_genrand` of the reference implementation).
const fn seeded(seed: u32) -> [u32; N] {
    let mut words = [seed; N];
    let mut i = 1;
    while i < N {
        let before = words[i - 1];
        words[i] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        i += 1;
    }
    words
}

/// The generator that was never seeded.
static UNSEEDED: Mt19937 =
    Mt19937 { words: seeded(DEFAULT_SEED), position: N, seeded: false, draws: 0 };

impl Default for Mt19937 {
    fn default() -> Self {
        UNSEEDED.clone()
    }
}

/// The words of a generator are not a state of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no state of a Mersenne Twister")]
pub struct NoGenerator;

impl Mt19937 {
    pub fn new(seed: u32) -> Self {
        Self { words: seeded(seed), position: N, seeded: true, draws: 0 }
    }

    /// Starts over.
    pub fn seed(&mut self, seed: u32) {
        *self = Self::new(seed);
    }

    /// Whether it was seeded at all.
    pub fn is_seeded(&self) -> bool {
        self.seeded
    }

    /// Index of the next word in `0..=624`.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Words drawn since it was seeded or, for a generator taken from text, since then.
    pub fn draws(&self) -> u64 {
        self.draws
    }

    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.position == N {
            self.twist();
        }
        let mut y = self.words[self.position];
        self.position += 1;
        self.draws += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    #[cold]
    fn twist(&mut self) {
        let mix = |high: u32, low: u32| {
            let y = (high & 0x8000_0000) | (low & 0x7FFF_FFFF);
            (y >> 1) ^ (0x9908_B0DF & (y & 1).wrapping_neg())
        };
        let w = &mut self.words;
        for i in 0..N - M {
            w[i] = w[i + M] ^ mix(w[i], w[i + 1]);
        }
        for i in N - M..N - 1 {
            w[i] = w[i + M - N] ^ mix(w[i], w[i + 1]);
        }
        w[N - 1] = w[M - 1] ^ mix(w[N - 1], w[0]);
        self.position = 0;
    }

    /// A whole number in `low..high`.
    #[inline]
    pub fn randint(&mut self, low: i32, high: i32) -> i32 {
        let n = high.wrapping_sub(low) as u32;
        low.wrapping_add((self.next_u32() % n) as i32)
    }

    /// A whole number in `0..n`.
    #[inline]
    pub fn randn(&mut self, n: i32) -> i32 {
        (self.next_u32() % n as u32) as i32
    }

    /// An index in `0..n`.
    #[inline]
    pub fn index(&mut self, n: usize) -> usize {
        self.next_u32() as usize % n
    }

    /// A number in `[0, 1]`: rounding to f32 reaches 1.
    #[inline]
    pub fn rand01(&mut self) -> f32 {
        (f64::from(self.next_u32()) / 4_294_967_296.0) as f32
    }

    #[inline]
    pub fn randrange(&mut self, low: f32, high: f32) -> f32 {
        self.rand01() * (high - low) + low
    }

    #[inline]
    pub fn randbool(&mut self) -> bool {
        self.rand01() > 0.5
    }

    /// +1 or -1, told by the lowest bit of one word.
    #[inline]
    pub fn randsign(&mut self) -> i32 {
        self.randn(2) * 2 - 1
    }

    /// Deals `x` ones into `n` heaps; `x` draws.
    pub fn partition(&mut self, x: i32, n: usize) -> Vec<i32> {
        let mut heaps = vec![0; n];
        for _ in 0..x {
            heaps[self.index(n)] += 1;
        }
        heaps
    }

    /// One of the items, of which there must be some.
    pub fn choose_one<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// `n` of the items in the order drawn; all of them in their order, without a draw, if there
    /// are fewer.
    pub fn choose_n<T: Copy>(&mut self, items: &[T], n: usize) -> Vec<T> {
        let mut rest = items.to_vec();
        if n > rest.len() {
            return rest;
        }
        (0..n).map(|_| rest.remove(self.index(rest.len()))).collect()
    }

    /// `k` different numbers in `0..n` in the order drawn; as many draws as it takes.
    /// No more than `n` of them.
    pub fn simple_choose(&mut self, n: usize, k: usize) -> Vec<usize> {
        let k = k.min(n);
        let mut taken = vec![false; n];
        let mut chosen = Vec::with_capacity(k);
        while chosen.len() < k {
            let i = self.index(n);
            if !taken[i] {
                taken[i] = true;
                chosen.push(i);
            }
        }
        chosen
    }

    /// The text form of the C++ standard library: words and position in decimal.
    pub fn write_text(&self, text: &mut Vec<u8>) {
        for word in self.words {
            push_decimal(text, word);
            text.push(b' ');
        }
        push_decimal(text, self.position as u32);
    }

    /// Reads the text form; nothing is known of the draws before.
    pub fn from_text(seeded: bool, text: &[u8]) -> Result<Self, NoGenerator> {
        let text = std::str::from_utf8(text).map_err(|_| NoGenerator)?;
        let mut numbers = text.split(' ').map(|word| word.parse::<u32>().map_err(|_| NoGenerator));
        let mut words = [0; N];
        for word in &mut words {
            *word = numbers.next().ok_or(NoGenerator)??;
        }
        let position = numbers.next().ok_or(NoGenerator)?? as usize;
        if numbers.next().is_some() {
            return Err(NoGenerator);
        }
        Self::from_words(words, position, seeded, 0)
    }

    /// The state words.
    pub fn words(&self) -> &[u32; N] {
        &self.words
    }

    pub fn from_words(
        words: [u32; N],
        position: usize,
        seeded: bool,
        draws: u64,
    ) -> Result<Self, NoGenerator> {
        if position > N {
            return Err(NoGenerator);
        }
        Ok(Self { words, position, seeded, draws })
    }
}

fn push_decimal(text: &mut Vec<u8>, mut number: u32) {
    let start = text.len();
    loop {
        text.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text[start..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C++ standard (26.6.5) gives the 10000th number of the default generator.
    #[test]
    fn known_answer() {
        let mut rng = Mt19937::default();
        assert!(!rng.is_seeded());
        let last = (0..10_000).map(|_| rng.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
        assert_eq!(rng.draws(), 10_000);
    }

    #[test]
    fn text_round_trip() {
        let mut rng = Mt19937::new(7);
        rng.next_u32();
        let mut text = Vec::new();
        rng.write_text(&mut text);
        let mut back = Mt19937::from_text(true, &text).unwrap();
        assert_eq!((back.words(), back.position()), (rng.words(), 1));
        assert_eq!(back.next_u32(), rng.next_u32());
        for bad in [&text[..text.len() - 2], &[&text[..], b" 1"].concat(), b"", b"\xFF"] {
            assert!(Mt19937::from_text(true, bad).is_err());
        }
    }

    #[test]
    fn too_few_items_are_taken_without_a_draw() {
        let mut rng = Mt19937::new(1);
        assert_eq!(rng.choose_n(&[4, 5], 3), [4, 5]);
        assert_eq!(rng.draws(), 0);
        let mut all = rng.choose_n(&[4, 5, 6], 3);
        all.sort_unstable();
        assert_eq!((all, rng.draws()), (vec![4, 5, 6], 3));
    }
}
