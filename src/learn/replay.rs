//! What an off-policy algorithm learns from: the latest transitions of a phase, in a ring.
//!
//! An observation is stored once: what a transition led to is what its environment saw one step
//! later, or, where the episode ended, a last observation that is kept beside the ring. Clouds are
//! packed, which loses nothing.

pub mod demonstrations;
pub mod file;
pub mod form;
pub mod inherit;
pub mod memory;

pub use demonstrations::Demonstrations;
use demonstrations::Packed;
pub use form::Form;
use gslab_envs::{End, rng::Stream};
use std::{collections::VecDeque, ops::Range};

/// Transitions to learn from, one a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transitions {
    /// `[rows, observation]`
    pub observations: Vec<f32>,
    /// In [-1, 1], `[rows, action]`.
    pub actions: Vec<f32>,
    /// `[rows]`
    pub rewards: Vec<f32>,
    /// What the step led to, `[rows, observation]`.
    pub next_observations: Vec<f32>,
    /// Whether nothing follows that, `[rows]`. An episode cut by the time limit goes on.
    pub terminated: Vec<bool>,
}

impl Transitions {
    /// Number of transitions.
    pub fn rows(&self) -> usize {
        self.rewards.len()
    }

    /// Adds others after these.
    pub fn append(&mut self, other: &Self) {
        self.observations.extend_from_slice(&other.observations);
        self.actions.extend_from_slice(&other.actions);
        self.rewards.extend_from_slice(&other.rewards);
        self.next_observations.extend_from_slice(&other.next_observations);
        self.terminated.extend_from_slice(&other.terminated);
    }
}

/// One step of every environment. Observations are numbers, or words as a replay stores them.
pub struct Step<'a, T = f32> {
    /// `[environments, observation]`, or `[environments, words]`
    pub observations: &'a [T],
    /// `[environments, action]`
    pub actions: &'a [f32],
    /// `[environments]`
    pub rewards: &'a [f32],
    /// `[environments]`
    pub ends: &'a [End],
    /// The last observation of every episode that ended, in the order of the environments.
    pub last: Vec<T>,
}

/// The latest transitions. Rows are counted from the beginning of the phase: row
/// `t * environments + i` is step t of environment i.
pub struct Replay {
    form: Form,
    /// In rows, a multiple of the environments.
    capacity: usize,
    /// Row that the ring began with: 0, but for one that was read from files.
    first: u64,
    /// Rows so far, those that were overwritten included.
    written: u64,
    /// Words, as are all observations below.
    observations: Vec<u32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    ends: Vec<End>,
    /// Rows that ended an episode, in their order, with what the episode ended in.
    last: VecDeque<(u64, Box<[u32]>)>,
    /// What the environments see now: what the latest rows led to.
    now: Vec<u32>,
}

impl Replay {
    /// Of `capacity` rows, rounded up to a multiple of the environments.
    pub fn new(form: Form, capacity: usize) -> Self {
        Self {
            form,
            capacity: capacity.next_multiple_of(form.environments),
            first: 0,
            written: 0,
            observations: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            ends: Vec::new(),
            last: VecDeque::new(),
            now: Vec::new(),
        }
    }

    pub fn form(&self) -> Form {
        self.form
    }

    /// The rows that are there.
    pub fn rows(&self) -> Range<u64> {
        self.written - self.rewards.len() as u64..self.written
    }

    /// Adds a step, in place of the oldest if there is no more room. `now`, what the environments
    /// see after the last step so far, must be told before rows are gathered.
    pub fn push(&mut self, step: Step<'_>) {
        let Step { observations, actions, rewards, ends, last } = step;
        let [observations, last] = [observations, &last[..]].map(|seen| self.form.pack(seen));
        self.push_packed(Step { observations: &observations, actions, rewards, ends, last });
    }

    fn push_packed(&mut self, step: Step<'_, u32>) {
        let environments = self.form.environments;
        let at = self.place(self.written);
        let rows = (environments, self.capacity);
        put(&mut self.observations, at, rows, step.observations);
        put(&mut self.actions, at, rows, step.actions);
        put(&mut self.rewards, at, rows, step.rewards);
        put(&mut self.ends, at, rows, step.ends);
        let ended = (self.written..).zip(step.ends).filter(|(_, end)| **end != End::Running);
        let ended = ended.zip(step.last.chunks_exact(self.form.words()));
        self.last.extend(ended.map(|((row, _), last)| (row, last.into())));
        self.written += environments as u64;
        let oldest = self.rows().start;
        while self.last.front().is_some_and(|(row, _)| *row < oldest) {
            self.last.pop_front();
        }
    }

    /// What the environments see now, `[environments, observation]`.
    pub fn set_now(&mut self, now: &[f32]) {
        self.now = self.form.pack(now);
    }

    /// Adds what another replay of the same form holds.
    pub fn extend(&mut self, other: &Self) {
        for row in other.rows().step_by(self.form.environments) {
            self.push_packed(other.step(row));
        }
        self.now.clone_from(&other.now);
    }

    /// A step that is there, by its first row.
    fn step(&self, row: u64) -> Step<'_, u32> {
        let Form { environments: n, action, .. } = self.form;
        let at = self.place(row);
        let ends = &self.ends[at..at + n];
        let ended = (row..).zip(ends).filter(|(_, end)| **end != End::Running);
        Step {
            observations: span(&self.observations, self.form.words(), at, n),
            actions: span(&self.actions, action, at, n),
            rewards: &self.rewards[at..at + n],
            ends,
            last: ended.flat_map(|(row, _)| self.last_of(row)).copied().collect(),
        }
    }

    /// Where a row lies in the ring.
    fn place(&self, row: u64) -> usize {
        ((row - self.first) % self.capacity as u64) as usize
    }

    /// `count` rows drawn evenly, with replacement, from `of`, which must be there and not empty;
    /// the k-th at `index` depends on nothing else.
    pub fn draw(&self, of: Range<u64>, count: usize, draws: Stream, index: u64) -> Vec<u64> {
        let among = of.end - of.start;
        // Of 64 bits the bias towards some of the rows is below 2^-32.
        (0..count).map(|k| of.start + draws.seed(k as u32, index) % among).collect()
    }

    /// Rows that are there, in this order.
    pub fn gather(&self, rows: &[u64]) -> Transitions {
        let mut out = Transitions::default();
        for &row in rows {
            let Packed { observation, action, reward, next, terminated } = self.row(row);
            self.form.unpack(observation, &mut out.observations);
            out.actions.extend_from_slice(action);
            out.rewards.push(reward);
            self.form.unpack(next, &mut out.next_observations);
            out.terminated.push(terminated);
        }
        out
    }

    /// Rows that are there, in this order, to be imitated.
    pub fn demonstrations(&self, rows: &[u64]) -> Demonstrations {
        let mut demonstrations = Demonstrations::default();
        rows.iter().for_each(|&row| demonstrations.push(self.form, self.row(row)));
        demonstrations
    }

    fn row(&self, row: u64) -> Packed<'_> {
        let (words, at) = (self.form.words(), self.place(row));
        let next = row + self.form.environments as u64;
        Packed {
            observation: span(&self.observations, words, at, 1),
            action: span(&self.actions, self.form.action, at, 1),
            reward: self.rewards[at],
            terminated: self.ends[at] == End::Terminated,
            next: match self.ends[at] {
                End::Running if next < self.written => {
                    span(&self.observations, words, self.place(next), 1)
                }
                End::Running => span(&self.now, words, (next - self.written) as usize, 1),
                End::Terminated | End::Truncated => self.last_of(row),
            },
        }
    }

    /// What the episode that a row ended ended in.
    fn last_of(&self, row: u64) -> &[u32] {
        let place = self.last.binary_search_by_key(&row, |(row, _)| *row);
        &self.last[place.expect("it was pushed with every row that ends an episode")].1
    }
}

/// `count` rows of `width` numbers from row `at`.
fn span<T>(values: &[T], width: usize, at: usize, count: usize) -> &[T] {
    &values[at * width..(at + count) * width]
}

/// Writes `rows` rows at row `at` of a ring that grows to `capacity` rows.
fn put<T: Copy>(ring: &mut Vec<T>, at: usize, (rows, capacity): (usize, usize), values: &[T]) {
    let width = values.len() / rows;
    let start = at * width;
    if start < ring.len() {
        ring[start..start + values.len()].copy_from_slice(values);
        return;
    }
    if ring.capacity() < start + values.len() {
        // Doubling beyond the capacity would take memory that is never used.
        ring.reserve_exact(start.max(values.len()).min(capacity * width - start));
    }
    ring.extend_from_slice(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    pub const FORM: Form = Form { environments: 3, observation: 2, points: 0, action: 1 };

    /// Steps of three environments whose episodes end now and then.
    pub struct Played {
        pub observations: Vec<Vec<f32>>,
        pub actions: Vec<Vec<f32>>,
        pub rewards: Vec<Vec<f32>>,
        pub ends: Vec<Vec<End>>,
        pub last: Vec<Vec<f32>>,
    }

    impl Played {
        pub fn new(steps: usize) -> Self {
            let stream = Stream::new(5, "played");
            let numbers = |lane: u32, t: usize, n: usize| -> Vec<f32> {
                (0..n).map(|i| stream.normal(lane, (t * 16 + i) as u64)[0]).collect()
            };
            let ends = |t: usize| -> Vec<End> {
                let end = |i: u64| match stream.below(9, t as u64 * 3 + i, 7) {
                    0 => End::Terminated,
                    1 => End::Truncated,
                    _ => End::Running,
                };
                (0..3).map(end).collect()
            };
            let last = |t: usize| {
                let ended = ends(t).iter().filter(|&&end| end != End::Running).count();
                numbers(3, t, ended * 2)
            };
            Self {
                observations: (0..=steps).map(|t| numbers(0, t, 6)).collect(),
                actions: (0..steps).map(|t| numbers(1, t, 3)).collect(),
                rewards: (0..steps).map(|t| numbers(2, t, 3)).collect(),
                ends: (0..steps).map(ends).collect(),
                last: (0..steps).map(last).collect(),
            }
        }

        pub fn push(&self, replay: &mut Replay, t: usize) {
            replay.push(Step {
                observations: &self.observations[t],
                actions: &self.actions[t],
                rewards: &self.rewards[t],
                ends: &self.ends[t],
                last: self.last[t].clone(),
            });
            replay.set_now(&self.observations[t + 1]);
        }

        /// Row `t * 3 + i`, put together from everything that was ever seen.
        fn naive(&self, row: u64) -> Transitions {
            let (t, i) = (row as usize / 3, row as usize % 3);
            let end = self.ends[t][i];
            let next = match end {
                End::Running => &self.observations[t + 1][2 * i..2 * i + 2],
                _ => {
                    let before = self.ends[t][..i].iter().filter(|&&e| e != End::Running).count();
                    &self.last[t][2 * before..2 * before + 2]
                }
            };
            Transitions {
                observations: self.observations[t][2 * i..2 * i + 2].to_vec(),
                actions: vec![self.actions[t][i]],
                rewards: vec![self.rewards[t][i]],
                next_observations: next.to_vec(),
                terminated: vec![end == End::Terminated],
            }
        }
    }

    #[test]
    fn every_row_equals_that_of_a_naive_twin_before_and_after_the_ring_wraps() {
        let played = Played::new(40);
        let mut replay = Replay::new(FORM, 22);
        let mut ends = [0; 2];
        for t in 0..40 {
            played.push(&mut replay, t);
            let rows = replay.rows();
            // 22 rows are made 24: eight steps of three environments.
            assert_eq!(rows, (3 * (t as u64 + 1)).saturating_sub(24)..3 * (t as u64 + 1));
            for row in rows.clone() {
                let found = replay.gather(&[row]);
                assert_eq!(found, played.naive(row), "row {row} after step {t}");
                ends[0] += u32::from(found.terminated[0]);
                ends[1] +=
                    u32::from(played.ends[row as usize / 3][row as usize % 3] != End::Running);
            }
            let all: Vec<u64> = rows.collect();
            let mut naive = Transitions::default();
            all.iter().for_each(|&row| naive.append(&played.naive(row)));
            assert_eq!(replay.gather(&all), naive);
            assert!(replay.rewards.capacity() <= 24, "the ring grew beyond its capacity");
            assert!(replay.last.len() <= 24, "last observations of rows that are gone are kept");
        }
        assert!(ends[0] > 20 && ends[1] > ends[0], "no ends to speak of: {ends:?}");
    }

    #[test]
    fn joined_replays_equal_one() {
        let played = Played::new(20);
        let [mut whole, mut joined] = [(); 2].map(|()| Replay::new(FORM, 30));
        for start in (0..20).step_by(4) {
            let mut part = Replay::new(FORM, 12);
            (start..start + 4).for_each(|t| played.push(&mut part, t));
            (start..start + 4).for_each(|t| played.push(&mut whole, t));
            joined.extend(&part);
            let rows: Vec<u64> = joined.rows().collect();
            assert_eq!(joined.gather(&rows), whole.gather(&rows));
        }
        assert_eq!(joined.rows(), 30..60);
    }

    #[test]
    fn draws_are_even_and_each_depends_on_its_place_alone() {
        let played = Played::new(10);
        let mut replay = Replay::new(FORM, 24);
        (0..10).for_each(|t| played.push(&mut replay, t));
        let draws = Stream::new(2, "draws");
        let mut counts = [0u32; 30];
        for index in 0..2400 {
            for row in replay.draw(replay.rows(), 10, draws, index) {
                counts[row as usize] += 1;
            }
        }
        assert_eq!(counts[..6], [0; 6], "rows that are gone");
        assert!(counts[6..].iter().all(|c| (870..1130).contains(c)), "{counts:?}");
        let of = 12..20;
        let many = replay.draw(of.clone(), 10, draws, 3);
        assert!(many.iter().all(|row| of.contains(row)));
        assert_eq!(replay.draw(of, 4, draws, 3), many[..4]);
    }
}
