//! How much a policy looks at the context: the measures of maze.md §5.

use super::{
    playout::{play, worlds},
    result::{Ignorance, Trajectory},
};
use crate::{
    gsl::evaluate::Acting,
    learn::{
        actor_critic::{ActorCritic, Weights},
        gae::{self, Discount, Trajectories},
        loss::Loss,
        mlp::{Scratch, backward, forward},
        ppo::{self, ClippedSurrogate, gather},
        rollout::collect,
    },
    pool::Pool,
};
use gslab_envs::{
    levels::{LevelSet, Order},
    maze::{GOALS, Options},
    registry::Family,
    rng::Stream,
};

/// Width of the maze's observation: x, y, vx, vy, c.
const OBSERVATION: usize = 5;
const CONTEXT: usize = 4;

/// Measures a policy. `ended_at` is `[goal][place]` as in [`super::result::Snapshot`], counted
/// in the episodes of `played`.
pub fn measure(
    options: &Options,
    family: &dyn Family,
    network: &mut dyn ActorCritic,
    config: &ppo::Config,
    played: &[Trajectory],
    ended_at: &[[u32; 6]; GOALS],
    seed: u64,
) -> Ignorance {
    let weights = network.weights();
    let sets = state_sets(options);
    let sensitivity = sets.each_ref().map(|states| policy_sensitivity(options, network, states));
    let value_sensitivity =
        sets.each_ref().map(|states| value_sensitivity(options, network, states));
    let (jacobian_context, jacobian_position) = jacobians(options, network, &sets[1]);
    let first = &weights.policy_shape.layers()[0];
    let row_norm = |input: usize| {
        let row = &weights.policy[input * first.outputs..(input + 1) * first.outputs];
        row.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>()
    };
    Ignorance {
        information: mutual_information(ended_at),
        sensitivity,
        value_sensitivity,
        jacobian_context,
        jacobian_position,
        weights_context: row_norm(CONTEXT).sqrt(),
        weights_position: (row_norm(0) + row_norm(1)).sqrt(),
        counterfactual_distance: counterfactual_distance(options, network, seed),
        agreement: agreement(options, played),
        gradient_cosine: gradient_cosine(options, family, network, &weights, config, seed),
    }
}

/// I(goal; place) in bits, from a table of counts.
pub fn mutual_information(counts: &[[u32; 6]; GOALS]) -> f64 {
    let total: f64 = counts.iter().flatten().map(|&n| f64::from(n)).sum();
    let rows: Vec<f64> = counts.iter().map(|r| r.iter().map(|&n| f64::from(n)).sum()).collect();
    let mut sum = 0.0;
    for place in 0..6 {
        let column: f64 = counts.iter().map(|r| f64::from(r[place])).sum();
        for (row, of_row) in counts.iter().zip(&rows) {
            let n = f64::from(row[place]);
            if n > 0.0 {
                sum += n / total * (n * total / (of_row * column)).log2();
            }
        }
    }
    // Rounding may leave a speck below 0.
    sum.max(0.0)
}

/// Share of the moves in the spine that lead to the right tine: up or down towards its row, or to
/// the right within it. 0 if no episode came as far as the spine.
fn agreement(options: &Options, trajectories: &[Trajectory]) -> f64 {
    let (mut agree, mut moves) = (0u32, 0u32);
    for trajectory in trajectories {
        for step in trajectory.points.windows(2) {
            let ([x, y], [next_x, next_y]) = (step[0], step[1]);
            if !(options.corridor_length..options.tines_start()).contains(&x) {
                continue;
            }
            let off = options.tine_y(trajectory.goal) - y;
            let right =
                if off.abs() > options.half_width { (next_y - y) * off > 0.0 } else { next_x > x };
            moves += 1;
            agree += u32::from(right);
        }
    }
    f64::from(agree) / f64::from(moves.max(1))
}

type State = [f32; 4];

/// States of the corridor, the junction (where corridor and spine meet) and the tines' mouths, as
/// (x, y, vx, vy), moving right.
fn state_sets(options: &Options) -> [Vec<State>; 3] {
    let grid = |xs: (f32, f32), ys: (f32, f32)| -> Vec<State> {
        const N: usize = 8;
        let at = |(low, high): (f32, f32), i: usize| low + (high - low) * i as f32 / (N - 1) as f32;
        (0..N * N).map(|i| [at(xs, i % N), at(ys, i / N), options.speed, 0.0]).collect()
    };
    let across = (-0.8 * options.half_width, 0.8 * options.half_width);
    let start = options.tines_start();
    let mouths = (0..GOALS).flat_map(|k| {
        let y = options.tine_y(k);
        grid((start - 0.5, start), (y + across.0, y + across.1))
    });
    [
        grid((1.0, options.corridor_length - 1.0), across),
        grid((options.corridor_length, start), across),
        mouths.collect(),
    ]
}

/// Observations of states, each under `contexts` contexts: row `state * contexts + context`.
fn observe(options: &Options, states: &[State], contexts: &[f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(states.len() * contexts.len() * OBSERVATION);
    for state in states {
        for &c in contexts {
            let mut row = [
                state[0] - options.origin,
                state[1],
                state[2],
                state[3],
                c * options.context_scale,
            ];
            if options.normalise_observations {
                row[0] /= options.tines_end();
                row[1] /= options.top();
                row[2] /= options.speed;
                row[3] /= options.speed;
            }
            out.extend(row);
        }
    }
    out
}

/// The middle of every goal's interval of contexts.
fn contexts(options: &Options) -> [f32; GOALS] {
    std::array::from_fn(|goal| options.context(goal, 0.5))
}

/// Mean actions as the world executes them, clipped.
fn actions(network: &mut dyn ActorCritic, observations: &[f32]) -> Vec<[f64; 2]> {
    let mut mean = vec![0.0; observations.len() / OBSERVATION * 2];
    network.policy_mean(observations, &mut mean);
    mean.chunks_exact(2).map(|m| [m[0], m[1]].map(|a| f64::from(a.clamp(-1.0, 1.0)))).collect()
}

fn policy_sensitivity(options: &Options, network: &mut dyn ActorCritic, states: &[State]) -> f64 {
    let actions = actions(network, &observe(options, states, &contexts(options)));
    let norm = |a: &[f64; 2]| a[0].hypot(a[1]);
    let size = actions.iter().map(norm).sum::<f64>() / actions.len() as f64;
    mean_over_pairs(&actions, |a, b| norm(&[a[0] - b[0], a[1] - b[1]])) / (size + 1e-6)
}

fn value_sensitivity(options: &Options, network: &mut dyn ActorCritic, states: &[State]) -> f64 {
    let observations = observe(options, states, &contexts(options));
    let mut values = vec![0.0; observations.len() / OBSERVATION];
    network.value(&observations, &mut values);
    let size = values.iter().map(|v| f64::from(v.abs())).sum::<f64>() / values.len() as f64;
    mean_over_pairs(&values, |a, b| f64::from((a - b).abs())) / (size + 1e-6)
}

/// Mean over states and over pairs of different contexts; `values` has [`GOALS`] rows a state.
fn mean_over_pairs<T>(values: &[T], difference: impl Fn(&T, &T) -> f64) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for of_state in values.chunks_exact(GOALS) {
        for i in 0..GOALS {
            for j in 0..i {
                sum += difference(&of_state[i], &of_state[j]);
                n += 1.0;
            }
        }
    }
    sum / n
}

/// Mean ‖∂μ/∂c‖ and ‖∂μ/∂(x, y)‖ by central differences, each times the range of its input.
fn jacobians(options: &Options, network: &mut dyn ActorCritic, states: &[State]) -> (f64, f64) {
    const STEP: f32 = 0.01;
    let slope = |network: &mut dyn ActorCritic, bump: &dyn Fn(State, f32, f32) -> (State, f32)| {
        let mut difference = Vec::new();
        for sign in [1.0, -1.0] {
            let mut observations = Vec::new();
            for &state in states {
                for c in contexts(options) {
                    let (state, c) = bump(state, c, sign * STEP);
                    observations.extend(observe(options, &[state], &[c]));
                }
            }
            difference.push(actions(network, &observations));
        }
        let scale = 2.0 * f64::from(STEP);
        let pairs = difference[0].iter().zip(&difference[1]);
        let squares: Vec<f64> = pairs
            .map(|(a, b)| ((a[0] - b[0]) / scale).powi(2) + ((a[1] - b[1]) / scale).powi(2))
            .collect();
        squares
    };
    let mean_root =
        |squares: Vec<f64>| squares.iter().map(|s| s.sqrt()).sum::<f64>() / squares.len() as f64;
    let by_c = slope(network, &|s, c, h| (s, c + h));
    let (length, height) = (options.tines_end(), 2.0 * options.top());
    let by_x = slope(network, &|s, c, h| ([s[0] + h * length, s[1], s[2], s[3]], c));
    let by_y = slope(network, &|s, c, h| ([s[0], s[1] + h * height, s[2], s[3]], c));
    let by_position = by_x.iter().zip(&by_y).map(|(x, y)| x + y).collect();
    (mean_root(by_c), mean_root(by_position))
}

/// Largest distance between final positions of episodes with the same start and noise that
/// differ in the context alone; mean over starts.
fn counterfactual_distance(options: &Options, network: &mut dyn ActorCritic, seed: u64) -> f64 {
    const STARTS: usize = 10;
    let bases: Vec<_> = worlds(options, STARTS, seed).into_iter().take(STARTS).collect();
    let ends: Vec<Vec<[f32; 2]>> = contexts(options)
        .into_iter()
        .map(|c| {
            let mut twins = bases.clone();
            twins.iter_mut().for_each(|world| world.set_context(c));
            // The same stream for every context: the noise is the same, too.
            let noise = Stream::new(seed, "counterfactual");
            let played = play(twins, network, Acting::Sampled, noise);
            played.iter().map(|t| t.points[t.points.len() - 1]).collect()
        })
        .collect();
    let largest = |start: usize| {
        let mut largest = 0.0f32;
        for a in &ends {
            for b in &ends {
                let ([ax, ay], [bx, by]) = (a[start], b[start]);
                largest = largest.max((ax - bx).hypot(ay - by));
            }
        }
        f64::from(largest)
    };
    (0..STARTS).map(largest).sum::<f64>() / STARTS as f64
}

/// Mean cosine between the policy gradients of different goals, from samples at the junction.
/// Gradients that pull apart have a negative one.
fn gradient_cosine(
    options: &Options,
    family: &dyn Family,
    network: &mut dyn ActorCritic,
    weights: &Weights,
    config: &ppo::Config,
    seed: u64,
) -> f64 {
    const EPISODES: usize = 40;
    let junction = |row: &[f32]| {
        let (mut x, mut y) = (row[0], row[1]);
        if options.normalise_observations {
            (x, y) = (x * options.tines_end(), y * options.top());
        }
        (options.corridor_length..=options.tines_start()).contains(&x)
            && y.abs() <= options.half_width
    };
    let gradients: Vec<Vec<f32>> = (0..GOALS)
        .map(|goal| {
            let levels = LevelSet::new(vec![goal as u32], Order::Cycle, seed)
                .expect("one goal is not an empty set");
            let mut pool = Pool::new(family, &levels, EPISODES);
            let noise = Stream::new(seed, "gradients");
            let rollout = collect(&mut pool, network, options.horizon as usize, noise, 0);
            let steps = Trajectories {
                n: rollout.n,
                rewards: &rollout.rewards,
                ends: &rollout.ends,
                values: &rollout.experience.estimates.values,
                next_values: &rollout.experience.estimates.next_values,
            };
            let discount = Discount { gamma: config.gamma, lambda: config.lambda };
            let (mut advantages, _) = gae::advantages(&steps, discount);
            gae::standardise(&mut advantages);
            let rows: Vec<u32> = (0..rollout.rows() as u32)
                .filter(|&r| junction(&rollout.experience.observations[r as usize * OBSERVATION..]))
                .collect();
            let of = rollout.rows();
            let loss = ClippedSurrogate {
                actions: gather(&rollout.experience.actions, &rows, of),
                old_log_densities: gather(&rollout.experience.estimates.log_densities, &rows, of),
                advantages: gather(&advantages, &rows, of),
                clip_range: config.clip_range,
                entropy_coefficient: 0.0,
            };
            policy_gradient(weights, &gather(&rollout.experience.observations, &rows, of), &loss)
        })
        .collect();
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
    };
    let (mut sum, mut n) = (0.0, 0.0);
    for i in 0..GOALS {
        for j in 0..i {
            let (a, b) = (&gradients[i], &gradients[j]);
            let size = (dot(a, a) * dot(b, b)).sqrt();
            // A goal whose episodes never pass the junction has no gradient there.
            if size > 0.0 {
                sum += dot(a, b) / size;
                n += 1.0;
            }
        }
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

fn policy_gradient(weights: &Weights, observations: &[f32], loss: &dyn Loss) -> Vec<f32> {
    let shape = &weights.policy_shape;
    let rows = loss.rows();
    let (network, log_std) = weights.policy.split_at(shape.parameters());
    let mut gradient = vec![0.0; shape.parameters()];
    if rows == 0 {
        return gradient;
    }
    let mut scratch = Scratch::default();
    forward(shape, network, observations, rows, &mut scratch);
    let mut d_output = vec![0.0; rows * shape.outputs()];
    let mut d_log_std = vec![0.0; log_std.len()];
    loss.gradient(0..rows, scratch.output(), log_std, &mut d_output, &mut d_log_std);
    let d_output = (&d_output).into();
    backward(shape, network, observations, rows, d_output, &mut scratch, &mut gradient);
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_zero_when_ignorant_and_log_five_when_perfect() {
        let ignorant = [[0, 0, 40, 0, 0, 0]; GOALS];
        assert_eq!(mutual_information(&ignorant), 0.0);
        let mut perfect = [[0; 6]; GOALS];
        (0..GOALS).for_each(|g| perfect[g][g] = 40);
        assert!((mutual_information(&perfect) - 5f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn moves_of_the_oracle_agree_and_those_of_others_do_not() {
        let options = Options::default();
        let [x, mouth] = [options.corridor_length, options.tines_start()];
        // In the corridor (not counted), up the spine, into the tine, and on in it (not counted).
        let up = vec![[x - 0.1, 0.0], [x, 0.0], [x + 0.2, 1.0], [x + 0.4, 2.0], [mouth, 2.0]];
        let of = |goal| agreement(&options, &[Trajectory { goal, points: up.clone() }]);
        assert_eq!(of(1), 1.0);
        // Up leads to the top tine, too, but not to the right at the row of its neighbour.
        assert_eq!(of(0), 2.0 / 3.0);
        assert_eq!(of(4), 0.0);
        // Goal 2 is straight ahead: only the first move begins in its row, and goes right.
        assert_eq!(of(2), 1.0 / 3.0);
        assert_eq!(agreement(&options, &[]), 0.0);
    }
}
