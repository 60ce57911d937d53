//! Transitions to be imitated, stored as a replay stores them.

use super::{Form, Transitions, span};
use crate::learn::{agent::Pairs, numbers};
use serde::{Deserialize, Serialize};

/// Transitions, one a row. An observation is stored once: what a row led to is what the next row
/// saw, or, where episodes meet, is kept beside the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Demonstrations {
    /// None as long as there are no rows.
    form: Option<Form>,
    /// `[rows, words]`
    #[serde(with = "numbers")]
    observations: Vec<u32>,
    /// `[rows, action]`
    #[serde(with = "numbers")]
    actions: Vec<f32>,
    #[serde(with = "numbers")]
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    /// What rows led to, in their order, unless it is what the next row saw.
    led_to: Vec<(u32, Box<[u32]>)>,
}

/// A transition with what it saw and led to in words.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    pub observation: &'a [u32],
    pub action: &'a [f32],
    pub reward: f32,
    /// What the step led to.
    pub next: &'a [u32],
    pub terminated: bool,
}

impl Demonstrations {
    /// Adds a row. All rows are of the same form; its environments do not matter.
    pub fn push(&mut self, form: Form, row: Packed<'_>) {
        self.form = Some(form);
        let number = self.rewards.len() as u32;
        if self
            .led_to
            .last()
            .is_some_and(|(at, led_to)| at + 1 == number && **led_to == *row.observation)
        {
            self.led_to.pop();
        }
        self.observations.extend_from_slice(row.observation);
        self.actions.extend_from_slice(row.action);
        self.rewards.push(row.reward);
        self.terminated.push(row.terminated);
        self.led_to.push((number, row.next.into()));
    }

    /// A row as it is stored; there must be one of that number.
    fn row(&self, form: Form, row: usize) -> Packed<'_> {
        let words = form.words();
        Packed {
            observation: span(&self.observations, words, row, 1),
            action: span(&self.actions, form.action, row, 1),
            reward: self.rewards[row],
            terminated: self.terminated[row],
            next: match self.led_to.binary_search_by_key(&(row as u32), |(at, _)| *at) {
                Ok(place) => &self.led_to[place].1,
                Err(_) => span(&self.observations, words, row + 1, 1),
            },
        }
    }

    /// Some rows, in this order.
    pub fn gather(&self, rows: &[u32]) -> Transitions {
        let mut out = Transitions::default();
        let Some(form) = self.form else { return out };
        for &row in rows {
            let Packed { observation, action, reward, next, terminated } =
                self.row(form, row as usize);
            form.unpack(observation, &mut out.observations);
            out.actions.extend_from_slice(action);
            out.rewards.push(reward);
            form.unpack(next, &mut out.next_observations);
            out.terminated.push(terminated);
        }
        out
    }
}

impl Pairs for Demonstrations {
    fn rows(&self) -> usize {
        self.rewards.len()
    }

    fn reserve(&mut self, rows: usize, like: &Self) {
        let Some(form) = like.form else { return };
        _ = self.observations.try_reserve_exact(rows.saturating_mul(form.words()));
        _ = self.actions.try_reserve_exact(rows.saturating_mul(form.action));
        _ = self.rewards.try_reserve_exact(rows);
        _ = self.terminated.try_reserve_exact(rows);
    }

    fn append(&mut self, other: &Self) {
        let Some(form) = other.form else { return };
        (0..other.rows()).for_each(|row| self.push(form, other.row(form, row)));
    }

    fn first(mut self, rows: usize) -> Self {
        let (Some(form), 1..) = (self.form, rows) else { return Self::default() };
        if rows < self.rows() {
            let next = self.row(form, rows - 1).next.into();
            let kept = self.led_to.partition_point(|(at, _)| *at < rows as u32 - 1);
            self.led_to.truncate(kept);
            self.led_to.push((rows as u32 - 1, next));
            self.observations.truncate(rows * form.words());
            self.actions.truncate(rows * form.action);
            self.rewards.truncate(rows);
            self.terminated.truncate(rows);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Replay,
            tests::{FORM, Played},
        },
        *,
    };
    use gslab_envs::End;

    /// Rows of one environment, in its order, and what they are by the replay.
    fn of_environment(replay: &Replay, i: u64) -> (Demonstrations, Transitions) {
        let rows: Vec<u64> = replay.rows().filter(|row| row % 3 == i).collect();
        (replay.demonstrations(&rows), replay.gather(&rows))
    }

    fn all(of: &Demonstrations) -> Transitions {
        of.gather(&(0..of.rows() as u32).collect::<Vec<_>>())
    }

    fn join(parts: &[Transitions]) -> Transitions {
        let mut joined = Transitions::default();
        parts.iter().for_each(|part| joined.append(part));
        joined
    }

    #[test]
    fn every_row_equals_that_of_the_replay_and_no_observation_is_stored_twice() {
        let played = Played::new(30);
        let mut replay = Replay::new(FORM, 90);
        (0..30).for_each(|t| played.push(&mut replay, t));
        let (one, rows_of_one) = of_environment(&replay, 0);
        let (two, rows_of_two) = of_environment(&replay, 1);
        assert_eq!(all(&one), rows_of_one);
        let ended = played.ends.iter().filter(|ends| ends[0] != End::Running).count();
        // And the last row, behind which nothing follows.
        let open = usize::from(played.ends[29][0] == End::Running);
        assert_eq!(one.led_to.len(), ended + open);
        let mut joined = one.clone();
        joined.append(&two);
        joined.append(&Demonstrations::default());
        assert_eq!(all(&joined), join(&[rows_of_one.clone(), rows_of_two]));
        assert_eq!(joined.gather(&[31, 0, 29, 31]), {
            let row = |k: u32| joined.gather(&[k]);
            join(&[row(31), row(0), row(29), row(31)])
        });
        for rows in [0, 1, 7, 29, 30, 31, 59, 60, 100] {
            let first = joined.clone().first(rows);
            assert_eq!(first.rows(), rows.min(60));
            let expected: Vec<u32> = (0..rows.min(60) as u32).collect();
            assert_eq!(all(&first), joined.gather(&expected), "the first {rows}");
        }
        // An episode that comes in parts is stored as if it had come at once.
        let parts = one.clone().first(13);
        let rest: Vec<u64> = (13..30).map(|t| 3 * t).collect();
        let mut parts = parts;
        parts.append(&replay.demonstrations(&rest));
        assert_eq!(parts, one);
    }
}
