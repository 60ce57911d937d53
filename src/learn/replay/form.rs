//! What a row of a replay is made of, and how observations are stored in it.

use gslab_envs::{
    ActionSpace, Spec,
    pushchair::cloud::{self, CHANNELS, PACKED},
};
use serde::{Deserialize, Serialize};

/// Numbers that a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Environments that step together.
    pub environments: usize,
    /// Numbers of an observation.
    pub observation: usize,
    /// Points that it ends with, [`cloud::POINTS`] or none: they are stored packed.
    pub points: usize,
    /// Numbers of an action.
    pub action: usize,
}

impl Form {
    /// Of so many environments of a kind.
    pub fn of(spec: &Spec, environments: usize) -> Self {
        let action = match spec.action {
            ActionSpace::Continuous { dim } => dim,
            ActionSpace::Discrete { .. } => 1,
        };
        Self { environments, observation: spec.observation, points: spec.points, action }
    }

    /// Numbers of an observation before its points.
    fn state(&self) -> usize {
        self.observation - self.points * CHANNELS
    }

    /// Words of 32 bits that an observation is stored in: one a number, but for points.
    pub fn words(&self) -> usize {
        self.state() + if self.points > 0 { PACKED } else { 0 }
    }

    /// Observations, `[n, observation]`, as they are stored, `[n, words]`: the bits of numbers, then
    /// what [`cloud::pack`] makes of points.
    pub fn pack(&self, observations: &[f32]) -> Vec<u32> {
        if self.points == 0 {
            return observations.iter().map(|x| x.to_bits()).collect();
        }
        let rows = observations.len() / self.observation;
        let mut out = vec![0; rows * self.words()];
        let rows = observations.chunks_exact(self.observation);
        for (row, words) in rows.zip(out.chunks_exact_mut(self.words())) {
            let (state, points) = row.split_at(self.state());
            let (bits, packed) = words.split_at_mut(self.state());
            bits.iter_mut().zip(state).for_each(|(bits, x)| *bits = x.to_bits());
            cloud::pack(points, packed);
        }
        out
    }

    /// Appends the observation, `[observation]`, that was stored in `words`: the same bits that were
    /// packed.
    pub fn unpack(&self, words: &[u32], out: &mut Vec<f32>) {
        let (bits, packed) = words.split_at(self.state());
        out.extend(bits.iter().map(|&bits| f32::from_bits(bits)));
        if self.points > 0 {
            let start = out.len();
            out.resize(start + self.points * CHANNELS, 0.0);
            cloud::unpack(packed, &mut out[start..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Replay, Step, Transitions,
            file::{Files, Kept},
        },
        *,
    };
    use crate::pool::Pool;
    use gslab_envs::{
        End,
        batch::Actions,
        levels::{LevelSet, Order},
        pushchair::STATE,
        registry::find,
        rng::Stream,
    };

    fn bits(of: &[f32]) -> Vec<u32> {
        of.iter().map(|x| x.to_bits()).collect()
    }

    /// Steps of two robots that see clouds, in episodes of four steps: the transitions by what the
    /// pool gave, `[t, environment]`, and what happens for each step.
    fn play(steps: usize, mut each: impl FnMut(&Pool, Step<'_>)) -> (Form, Transitions) {
        let options = toml::toml! { observed = "cloud" chairs = 2 horizon = 4 };
        let family = find("pushchair").unwrap().build(&options).unwrap();
        let levels = LevelSet::new(vec![0, 1], Order::Cycle, 3).unwrap();
        let mut pool = Pool::new(&*family, &levels, 2);
        let form = Form::of(pool.spec(), 2);
        let mut seen = Transitions::default();
        for t in 0..steps as u64 {
            let observations = pool.observations().to_vec();
            let push = |i| Stream::new(1, "push").normal(t as u32, i)[0].clamp(-1.0, 1.0);
            let actions: Vec<f32> = (0..2 * form.action as u64).map(push).collect();
            pool.step(Actions::Continuous(&actions), &mut Vec::new()).unwrap();
            let ended = (0..2).filter(|&i| pool.ends()[i] != End::Running);
            let last = ended.flat_map(|i| pool.final_observation(i)).copied().collect();
            for i in 0..2 {
                let next = match pool.ends()[i] {
                    End::Running => {
                        &pool.observations()[i * form.observation..][..form.observation]
                    }
                    _ => pool.final_observation(i),
                };
                seen.append(&Transitions {
                    observations: observations[i * form.observation..][..form.observation].into(),
                    actions: actions[i * form.action..][..form.action].into(),
                    rewards: vec![pool.rewards()[i]],
                    next_observations: next.into(),
                    terminated: vec![pool.ends()[i] == End::Terminated],
                });
            }
            let (rewards, ends) = (pool.rewards(), pool.ends());
            let step = Step { observations: &observations, actions: &actions, rewards, ends, last };
            each(&pool, step);
        }
        (form, seen)
    }

    #[test]
    fn clouds_come_back_bit_for_bit_from_memory_and_from_files() {
        let form = play(0, |_, _| ()).0;
        assert_eq!(4 * form.words(), 4 * STATE + 10_952);
        let dir = temp_dir::TempDir::new().unwrap();
        let mut replay = Replay::new(form, 16);
        let mut files = Files::open(dir.path(), &mut replay, Kept::default()).unwrap();
        let mut now = Vec::new();
        let (_, seen) = play(6, |pool, step| {
            replay.push(step);
            now = pool.observations().to_vec();
        });
        replay.set_now(&now);
        let same = |replay: &Replay| {
            let found = replay.gather(&replay.rows().collect::<Vec<_>>());
            assert_eq!(found.rows(), 12);
            assert!(bits(&found.observations) == bits(&seen.observations));
            assert!(bits(&found.next_observations) == bits(&seen.next_observations));
            assert!(found == seen);
        };
        same(&replay);

        let kept = files.keep(&replay).unwrap();
        let sizes = std::fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().metadata().unwrap());
        // Two last observations, of the episodes that ended.
        let rows = 12 * (4 * (form.words() + form.action + 1) + 1) + 2 * 4 * form.words();
        assert_eq!(sizes.map(|of| of.len()).sum::<u64>(), rows as u64);
        let mut resumed = Replay::new(form, 16);
        Files::open(dir.path(), &mut resumed, kept).unwrap();
        resumed.set_now(&now);
        same(&resumed);
        let mut joined = Replay::new(form, 16);
        joined.extend(&resumed);
        same(&joined);
    }

    #[test]
    fn plain_numbers_are_stored_as_they_are() {
        let form = Form { environments: 1, observation: 4, points: 0, action: 1 };
        let numbers = [0.1, -0.0, f32::INFINITY, f32::from_bits(0x7fc0_1234)];
        assert_eq!((form.words(), form.pack(&numbers)), (4, bits(&numbers)));
        let mut back = Vec::new();
        form.unpack(&bits(&numbers), &mut back);
        assert_eq!(bits(&back), bits(&numbers));
    }
}
