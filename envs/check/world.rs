//! What a single world promises.

use super::{Bench, Life, MANY, Verdict, require, same_bytes, same_numbers, same_step};
use crate::{Action, ActionSpace, End, Level, OptionError};
use std::{collections::HashSet, panic::resume_unwind, thread};

pub fn default_options_are_valid(b: &Bench<'_>) -> Verdict {
    b.subject.validate_default().map_err(|error: OptionError| error.to_string())
}

pub fn given_options_are_valid(b: &Bench<'_>) -> Verdict {
    b.subject.validate().map_err(|error: OptionError| error.to_string())
}

pub fn options_survive_toml(b: &Bench<'_>) -> Verdict {
    let before = b.subject.options()?;
    let back = b.subject.with(before.clone())?;
    let after = back.options()?;
    require(before == after, || format!("{before} became {after}"))?;
    let spec = back.spec();
    require(spec == b.spec, || format!("the specification {:?} became {spec:?}", b.spec))?;
    b.on_levels(|level, _| b.same_world(&*b.reset(level)?, &*back.reset(level)))
}

pub fn specification_is_constant(b: &Bench<'_>) -> Verdict {
    let spec = b.subject.spec();
    require(spec == b.spec, || format!("{:?} and then {spec:?}", b.spec))
}

pub fn specification_is_not_empty(b: &Bench<'_>) -> Verdict {
    let actions = match b.spec.action {
        ActionSpace::Continuous { dim } => dim,
        ActionSpace::Discrete { n } => n as usize,
    };
    let parts = [
        ("numbers in the observation", b.spec.observation),
        ("actions", actions),
        ("variations", b.spec.variations as usize),
        ("steps up to the horizon", b.spec.horizon as usize),
        ("worlds in a grain", b.spec.grain),
    ];
    match parts.into_iter().find(|&(_, size)| size == 0) {
        None => Ok(()),
        Some((part, _)) => Err(format!("there are 0 {part}")),
    }
}

pub fn reward_range_is_sane(b: &Bench<'_>) -> Verdict {
    let (low, high) = b.spec.reward_range;
    let sane = low.is_finite() && high.is_finite() && low <= high;
    require(sane, || format!("it runs from {low:?} to {high:?}"))
}

/// Up to [`MANY`] variations, spread evenly.
fn variations(b: &Bench<'_>) -> impl Iterator<Item = u32> {
    let all = u64::from(b.spec.variations);
    let some = all.min(MANY.into());
    (0..some).map(move |i| (i * all / some) as u32)
}

pub fn every_variation_resets(b: &Bench<'_>) -> Verdict {
    let seed = b.stream.seed(1, 0);
    for variation in variations(b) {
        b.reset(Level { variation, seed })
            .and_then(|world| world.bytes())
            .map_err(|seen| format!("variation {variation}, seed {seed}: {seen}"))?;
    }
    Ok(())
}

pub fn same_level_same_world(b: &Bench<'_>) -> Verdict {
    let once = b.levels().into_iter().map(|level| b.reset(level));
    let once = once.collect::<Result<Vec<_>, _>>()?;
    b.on_levels(|level, lane| b.same_world(&*once[lane as usize], &*b.reset(level)?))
}

/// A single variation may be all there is; several that are one and the same are a mistake.
pub fn variations_differ(b: &Bench<'_>) -> Verdict {
    let seed = b.stream.seed(1, 0);
    let mut worlds = HashSet::new();
    for variation in variations(b).take(64) {
        worlds.insert(b.reset(Level { variation, seed })?.bytes()?);
    }
    require(b.spec.variations < 2 || worlds.len() > 1, || {
        format!("with seed {seed} all variations tried give one and the same world")
    })
}

pub fn reset_forgets(b: &Bench<'_>) -> Verdict {
    b.on_levels(|level, lane| {
        let before = b.reset(level)?;
        for t in 0..3 {
            b.play(level, lane + t)?;
        }
        b.same_world(&*before, &*b.reset(level)?)
    })
}

/// Two fillings that no world writes: what shows through was not written.
pub fn sense_writes_all(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, _, _| {
        let filled = [0x7FC1_2345, 0xFFC5_4321].map(|filling| {
            let mut observation = vec![f32::from_bits(filling); b.spec.observation];
            world.sense(&mut observation);
            observation
        });
        let bits = |i: usize, k: usize| filled[k][i].to_bits();
        match (0..b.spec.observation).find(|&i| bits(i, 0) != bits(i, 1)) {
            None => Ok(()),
            Some(i) => {
                Err(format!("number {i} of the observation depends on what was there before"))
            }
        }
    })
}

pub fn sense_repeats(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, _, _| same_numbers(&b.sense(world), &b.sense(world)))
}

pub fn sense_changes_nothing(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, lane, t| {
        let (before, mut sensed, mut other) = (world.bytes()?, world.copy(), world.copy());
        for _ in 0..3 {
            b.sense(&*sensed);
        }
        same_bytes(&before, &sensed.bytes()?)?;
        same_step(b.act(&mut *sensed, lane, t)?, b.act(&mut *other, lane, t)?)?;
        same_bytes(&sensed.bytes()?, &other.bytes()?)
    })
}

pub fn observations_are_finite(b: &Bench<'_>) -> Verdict {
    b.on_levels(|level, lane| {
        let life = b.play(level, lane)?;
        let later = life.moments.iter().map(|moment| &moment.observation);
        for (t, observation) in [&life.first].into_iter().chain(later).enumerate() {
            if let Some(i) = observation.iter().position(|x| !x.is_finite()) {
                let x = observation[i];
                return Err(format!("after {t} steps number {i} is {x:?}"));
            }
        }
        Ok(())
    })
}

fn rewards(b: &Bench<'_>, fits: impl Fn(f32) -> bool, not: &str) -> Verdict {
    b.on_levels(|level, lane| {
        for (t, moment) in b.play(level, lane)?.moments.iter().enumerate() {
            let reward = moment.step.reward;
            require(fits(reward), || format!("step {t} gives {reward:?}, {not}"))?;
        }
        Ok(())
    })
}

pub fn rewards_are_finite(b: &Bench<'_>) -> Verdict {
    rewards(b, f32::is_finite, "which is not finite")
}

pub fn rewards_stay_in_range(b: &Bench<'_>) -> Verdict {
    let (low, high) = b.spec.reward_range;
    let outside = format!("outside of {low:?} to {high:?}");
    rewards(b, |r| r.is_nan() || (low..=high).contains(&r), &outside)
}

/// The number of steps of an episode and its end, played up to the horizon.
fn length(b: &Bench<'_>, level: Level, lane: u32) -> Result<(u64, End), String> {
    let mut world = b.reset(level)?;
    let horizon = u64::from(b.spec.horizon);
    for t in 0..horizon {
        let end = b.act(&mut *world, lane, t)?.end;
        if end != End::Running {
            return Ok((t + 1, end));
        }
    }
    Ok((horizon, End::Running))
}

pub fn ends_by_the_horizon(b: &Bench<'_>) -> Verdict {
    b.on_levels(|level, lane| {
        let (steps, end) = length(b, level, lane)?;
        require(end != End::Running, || format!("it still runs after {steps} steps, the horizon"))
    })
}

pub fn truncates_at_the_horizon(b: &Bench<'_>) -> Verdict {
    b.on_levels(|level, lane| {
        let (steps, end) = length(b, level, lane)?;
        let horizon = b.spec.horizon;
        require(end != End::Truncated || steps == u64::from(horizon), || {
            format!("it was truncated after {steps} steps, the horizon being {horizon}")
        })
    })
}

pub fn takes_every_action(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, _, _| {
        let take = |action: Action<'_>| {
            let step = super::guarded(|| world.copy().step(action));
            step.map_err(|seen| format!("{action:?} {seen}"))
        };
        match b.spec.action {
            ActionSpace::Continuous { dim } => {
                for x in [0.0, -0.0, 1.0, -1.0, 1e-40, 2.0, -1e30, f32::INFINITY] {
                    let mut numbers = vec![x; dim];
                    take(Action::Continuous(&numbers))?;
                    for d in 0..dim {
                        numbers[d] = -x;
                        take(Action::Continuous(&numbers))?;
                        numbers[d] = x;
                    }
                }
            }
            ActionSpace::Discrete { n } => {
                for choice in 0..n {
                    take(Action::Discrete(choice))?;
                }
            }
        }
        Ok(())
    })
}

pub fn clips_actions(b: &Bench<'_>) -> Verdict {
    let ActionSpace::Continuous { dim } = b.spec.action else {
        return Ok(());
    };
    b.on_states(|world, lane, t| {
        let [scale, ..] = b.stream.normal(lane, t);
        let wide: Vec<f32> = b.numbers(lane, t, dim).iter().map(|x| scale * x).collect();
        // No number: 0 times an infinite one.
        let wide: Vec<f32> = wide.iter().map(|&x| if x.is_nan() { 7.0 } else { x }).collect();
        let clipped: Vec<f32> = wide.iter().map(|x| x.clamp(-1.0, 1.0)).collect();
        let (mut one, mut other) = (world.copy(), world.copy());
        let steps = [(&mut one, &wide), (&mut other, &clipped)]
            .map(|(world, numbers)| world.step(Action::Continuous(numbers)));
        same_step(steps[0], steps[1])
            .and_then(|()| b.same_world(&*one, &*other))
            .map_err(|seen| format!("action {wide:?}: {seen}"))
    })
}

pub fn same_actions_same_episode(b: &Bench<'_>) -> Verdict {
    b.on_levels(|level, lane| b.play(level, lane)?.same(&b.play(level, lane)?))
}

/// Snapshots of the states before each step of an episode.
fn states(b: &Bench<'_>, level: Level, lane: u32) -> Result<Vec<Vec<u8>>, String> {
    let mut world = b.reset(level)?;
    let mut states = Vec::new();
    for t in 0..b.steps() {
        states.push(world.bytes()?);
        if b.act(&mut *world, lane, t)?.end != End::Running {
            break;
        }
    }
    Ok(states)
}

/// Goes through an episode backwards, a state at a time: what else a step looks at has changed.
pub fn step_is_a_function(b: &Bench<'_>) -> Verdict {
    b.on_levels(|level, lane| {
        let life = b.play(level, lane)?;
        for (t, state) in states(b, level, lane)?.iter().enumerate().rev() {
            let mut world = b.subject.revive(state)?;
            let step = b.act(&mut *world, lane, t as u64)?;
            same_step(life.moments[t].step, step)
                .and_then(|()| same_numbers(&life.moments[t].observation, &b.sense(&*world)))
                .map_err(|seen| format!("step {t}, taken again: {seen}"))?;
        }
        Ok(())
    })
}

pub fn solved_is_a_function(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, lane, t| {
        let (mut one, mut other) = (world.copy(), b.subject.revive(&world.bytes()?)?);
        let once = b.act(&mut *one, lane, t)?.solved;
        let again = b.act(&mut *other, lane, t)?.solved;
        require(once == again, || format!("solved is {once} and then {again}"))
    })
}

pub fn clone_plays_alike(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, lane, t| {
        let (one, other) = (world.copy(), world.copy());
        b.same_world(world, &*one)?;
        b.live(one, lane, t)?.same(&b.live(other, lane, t)?)
    })
}

pub fn clone_is_separate(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, lane, t| {
        let (before, observation) = (world.bytes()?, b.sense(world));
        b.live(world.copy(), lane, t)?;
        same_bytes(&before, &world.bytes()?)?;
        same_numbers(&observation, &b.sense(world))
    })
}

pub fn snapshot_is_exact(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, _, _| b.same_world(world, &*b.subject.revive(&world.bytes()?)?))
}

pub fn restored_plays_on(b: &Bench<'_>) -> Verdict {
    b.on_states(|world, lane, t| {
        let restored = b.subject.revive(&world.bytes()?)?;
        let on = b.live(world.copy(), lane, t)?;
        on.same(&b.live(restored, lane, t)?)
    })
}

/// With everything that the others played in between.
pub fn replays(b: &Bench<'_>) -> Verdict {
    let lives = lives(b, b.levels().into_iter().enumerate())?;
    let back = b.subject.with(b.subject.options()?)?;
    b.on_levels(|level, lane| {
        let again = b.live(back.reset(level), lane, 0)?;
        lives[lane as usize].same(&again)
    })
}

fn lives(b: &Bench<'_>, levels: impl Iterator<Item = (usize, Level)>) -> Result<Vec<Life>, String> {
    levels.map(|(lane, level)| b.play(level, lane as u32)).collect()
}

pub fn worlds_do_not_mix(b: &Bench<'_>) -> Verdict {
    let lives = lives(b, b.levels().into_iter().enumerate())?;
    let worlds = b.levels().into_iter().map(|level| b.reset(level));
    let mut worlds = worlds.collect::<Result<Vec<_>, _>>()?;
    for t in 0..b.steps() {
        // Alternately forwards and backwards.
        for k in 0..worlds.len() {
            let i = if t % 2 == 0 { k } else { worlds.len() - 1 - k };
            let Some(moment) = lives[i].moments.get(t as usize) else {
                continue;
            };
            let step = b.act(&mut *worlds[i], i as u32, t)?;
            same_step(moment.step, step)
                .and_then(|()| same_numbers(&moment.observation, &b.sense(&*worlds[i])))
                .map_err(|seen| format!("world {i} of {}, step {t}: {seen}", worlds.len()))?;
        }
    }
    Ok(())
}

pub fn threads_play_alike(b: &Bench<'_>) -> Verdict {
    let levels: Vec<(usize, Level)> = b.levels().into_iter().enumerate().collect();
    let here = lives(b, levels.iter().copied())?;
    let (forwards, backwards) = thread::scope(|scope| {
        let forwards = scope.spawn(|| lives(b, levels.iter().copied()));
        let backwards = scope.spawn(|| lives(b, levels.iter().rev().copied()));
        (forwards.join(), backwards.join())
    });
    let forwards = forwards.unwrap_or_else(|panic| resume_unwind(panic))?;
    let backwards = backwards.unwrap_or_else(|panic| resume_unwind(panic))?;
    b.on_levels(|_, lane| {
        let i = lane as usize;
        here[i].same(&forwards[i])?;
        here[i].same(&backwards[levels.len() - 1 - i])
    })
}

/// The second episode of one thread against the first of another.
pub fn episodes_are_fresh(b: &Bench<'_>) -> Verdict {
    let levels = b.levels();
    b.on_levels(|level, lane| {
        let fresh = thread::scope(|scope| scope.spawn(|| b.play(level, lane)).join())
            .unwrap_or_else(|panic| resume_unwind(panic))?;
        let before = (lane as usize + 1) % levels.len();
        b.play(levels[before], lane + 7)?;
        fresh.same(&b.play(level, lane)?)
    })
}
