//! The network against loops in double precision, written from algorithms.md §11.3.

use super::{
    Architecture, Config,
    network::{Network, Seen, Weights, matrix},
};
use crate::learn::{
    burn::read,
    layers::Matrix,
    pointnet::{Masked, PointNet},
    transformer::{Heads, Transformer},
};
use burn::tensor::{Device, Tensor, TensorData};
use gslab_envs::rng::Stream;

const STATE: usize = 3;
const ACTION: usize = 2;
const POINTS: usize = 7;
const CHANNELS: usize = 7;
const ROWS: usize = 4;

fn device() -> Device {
    Device::flex()
}

fn normal(lane: u32, n: usize) -> Vec<f32> {
    let stream = Stream::new(3, "cloud");
    (0..n).map(|i| stream.normal(lane, i as u64)[0]).collect()
}

fn architecture() -> Architecture {
    let config =
        Config { width: 6, blocks: 2, heads: 2, head_width: 4, hidden: vec![5], microbatch: 3 };
    Architecture { config, state: STATE, points: POINTS, action: ACTION, outputs: 3 }
}

/// Observations whose masks are mixed, empty, full, and mixed with points that pad the cloud.
fn observations() -> Vec<f32> {
    let mut rows = normal(0, ROWS * (STATE + POINTS * CHANNELS));
    for (row, observation) in rows.chunks_exact_mut(STATE + POINTS * CHANNELS).enumerate() {
        for (i, point) in observation[STATE..].chunks_exact_mut(CHANNELS).enumerate() {
            point[6] = match row {
                1 => 0.0,
                2 => 1.0,
                _ => f32::from(u8::from(i < 3)),
            };
            if row == 3 && i > 4 {
                point.fill(0.0);
            }
        }
    }
    rows
}

fn actions() -> Vec<f32> {
    normal(1, ROWS * ACTION).iter().map(|x| x.tanh()).collect()
}

/// New weights with biases and scales that are not what they begin with.
fn weights() -> Weights {
    let mut weights = Weights::new(architecture(), Stream::new(1, "weights"));
    let n = weights.parameters.len();
    weights.parameters.iter_mut().zip(normal(2, n)).for_each(|(p, x)| *p += 0.2 * x);
    weights
}

/// Flat parameters, taken matrix by matrix.
struct Naive<'a> {
    parameters: &'a [f64],
}

type Row = Vec<f64>;

fn times(x: &[f64], matrix: &[Row]) -> Row {
    let columns = matrix[0].len();
    (0..columns).map(|c| x.iter().zip(matrix).map(|(x, row)| x * row[c]).sum()).collect()
}

fn plus(a: &[f64], b: &[f64]) -> Row {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn relu(x: Row) -> Row {
    x.into_iter().map(|x| x.max(0.0)).collect()
}

impl Naive<'_> {
    fn matrix(&mut self, rows: usize, columns: usize) -> Vec<Row> {
        let (taken, rest) = self.parameters.split_at(rows * columns);
        self.parameters = rest;
        taken.chunks(columns).map(<[f64]>::to_vec).collect()
    }

    fn row(&mut self, columns: usize) -> Row {
        self.matrix(1, columns).remove(0)
    }

    fn mlp(&mut self, widths: &[usize]) -> impl Fn(&[f64]) -> Row + use<> {
        let layers: Vec<_> =
            widths.windows(2).map(|w| (self.matrix(w[0], w[1]), self.row(w[1]))).collect();
        move |x| {
            let mut x = x.to_vec();
            for (l, (weights, biases)) in layers.iter().enumerate() {
                x = plus(&times(&x, weights), biases);
                if l + 1 < layers.len() {
                    x = relu(x);
                }
            }
            x
        }
    }

    /// Features of the points in a mask.
    fn pointnet(&mut self, width: usize, points: &[&[f64]], mask: &[bool], state: &[f64]) -> Row {
        let of_point = self.mlp(&[9 + state.len(), width, width]);
        let global = self.mlp(&[width; 3]);
        let inside: Vec<&[f64]> =
            points.iter().zip(mask).filter(|(_, inside)| **inside).map(|(p, _)| *p).collect();
        let count = inside.len() as f64 + 1e-6;
        let mean: Row = (0..3).map(|d| inside.iter().map(|p| p[d]).sum::<f64>() / count).collect();
        let mut pooled = vec![0.0; width];
        for (i, point) in inside.iter().enumerate() {
            let place: Row = (0..3).map(|d| point[d] - mean[d]).collect();
            let x = of_point(&[&place, &point[3..6], &mean, state].concat());
            for c in 0..width / 2 {
                pooled[c] = if i == 0 { x[c] } else { pooled[c].max(x[c]) };
            }
            for c in width / 2..width {
                pooled[c] += x[c] / count;
            }
        }
        global(&pooled)
    }

    /// What one query a head gets, summed over the heads' outputs.
    fn attention(
        heads: (usize, usize),
        queries: &[f64],
        (keys, values, output): &(Vec<Row>, Vec<Row>, Vec<Row>),
        tokens: &[Row],
        present: &[bool],
    ) -> Row {
        let (count, width) = heads;
        let mut sum = vec![0.0; output[0].len()];
        for head in 0..count {
            let own = head * width..(head + 1) * width;
            let scores: Row = tokens
                .iter()
                .map(|token| {
                    let key = &times(token, keys)[own.clone()];
                    let dot: f64 = queries[own.clone()].iter().zip(key).map(|(q, k)| q * k).sum();
                    (dot / (width as f64).sqrt()).exp()
                })
                .collect();
            let scores: Row =
                scores.iter().zip(present).map(|(s, p)| if *p { *s } else { 0.0 }).collect();
            let total: f64 = scores.iter().sum();
            let mut answer = vec![0.0; width];
            for (token, score) in tokens.iter().zip(&scores) {
                let value = &times(token, values)[own.clone()];
                answer.iter_mut().zip(value).for_each(|(a, v)| *a += score / total * v);
            }
            sum = plus(&sum, &times(&answer, &output[own]));
        }
        sum
    }

    fn transformer(
        &mut self,
        (width, blocks, heads): (usize, usize, (usize, usize)),
        tokens: &[Row],
        present: &[bool],
    ) -> Row {
        let all = heads.0 * heads.1;
        let mut x = vec![self.row(width)];
        x.extend_from_slice(tokens);
        let present = [&[true], present].concat();
        let norm = |x: &[f64], scale: &[f64], shift: &[f64]| -> Row {
            let n = x.len() as f64;
            let mean = x.iter().sum::<f64>() / n;
            let std = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + 1e-5).sqrt();
            (0..x.len()).map(|i| (x[i] - mean) / std * scale[i] + shift[i]).collect()
        };
        for _ in 0..blocks {
            let queries = self.matrix(width, all);
            let others =
                (self.matrix(width, all), self.matrix(width, all), self.matrix(all, width));
            let mlp = self.mlp(&[width, 4 * width, width]);
            let (scale, shift) = (self.row(width), self.row(width));
            let attend = |token: &Row| {
                let answer = Self::attention(heads, &times(token, &queries), &others, &x, &present);
                let token = norm(&plus(token, &answer), &scale, &shift);
                norm(&plus(&token, &mlp(&token)), &scale, &shift)
            };
            x = x.iter().map(attend).collect();
        }
        let query = self.row(all);
        let others = (self.matrix(width, all), self.matrix(width, all), self.matrix(all, width));
        Self::attention(heads, &query, &others, &x, &present)
    }
}

/// Outputs of one row, by the definition.
pub fn naive(architecture: &Architecture, parameters: &[f64], row: &[f64], action: &[f64]) -> Row {
    let Architecture { config, state, outputs, .. } = architecture;
    let (seen, cloud) = row.split_at(*state);
    let state = [seen, action].concat();
    let width = config.width;
    let points: Vec<&[f64]> = cloud.chunks(CHANNELS).collect();
    let robot: Vec<bool> = points.iter().map(|p| p[6] == 1.0).collect();
    let masks = [robot.iter().map(|r| !r).collect(), robot, vec![true; points.len()]];

    let mut from = Naive { parameters };
    let mut tokens = vec![from.mlp(&[state.len(), width, width])(&state)];
    let mut present = vec![true];
    for mask in &masks {
        tokens.push(from.pointnet(width, &points, mask, &state));
        present.push(mask.contains(&true));
    }
    let heads = (config.heads, config.head_width);
    let x = from.transformer((width, config.blocks, heads), &tokens, &present);
    let out = from.mlp(&[&[width], &config.hidden[..], &[*outputs]].concat())(&x);
    assert!(from.parameters.is_empty(), "parameters are left");
    out
}

pub fn wide(values: &[f32]) -> Row {
    values.iter().map(|&x| f64::from(x)).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64], limit: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*f) - e).abs();
        assert!(error <= limit * (1.0 + e.abs()), "{i}: {f} against {e}");
    }
}

#[test]
fn outputs_equal_loops_in_double_precision() {
    let (weights, observations, actions) = (weights(), observations(), actions());
    let found = Network::new(weights.clone(), &device()).infer(&observations, &actions, ROWS);
    let parameters = wide(&weights.parameters);
    let rows = observations.chunks(observations.len() / ROWS).zip(actions.chunks(ACTION));
    let expected: Row = rows
        .flat_map(|(row, action)| {
            naive(&weights.architecture, &parameters, &wide(row), &wide(action))
        })
        .collect();
    assert!(expected.iter().any(|x| x.abs() > 0.1), "{expected:?}");
    assert_close(&found, &expected, 1e-5);
}

#[test]
fn gradients_equal_finite_differences_in_double_precision() {
    let (weights, observations, actions) = (weights(), observations(), actions());
    let mut parameters = wide(&weights.parameters);
    let rows: Vec<Row> = observations.chunks(observations.len() / ROWS).map(wide).collect();
    let acts: Vec<Row> = actions.chunks(ACTION).map(wide).collect();
    // Σ c output², of which every output's gradient differs.
    let c = |row: usize, column: usize| 0.1 + 0.2 * (row * 3 + column) as f64;
    let loss = |parameters: &[f64], acts: &[Row]| -> f64 {
        let of_row = |row: usize| {
            let out = naive(&weights.architecture, parameters, &rows[row], &acts[row]);
            (0..3).map(|i| c(row, i) * out[i] * out[i]).sum::<f64>()
        };
        (0..ROWS).map(of_row).sum()
    };
    let network = Network::new(weights.clone(), &device());
    let factors: Vec<f32> = (0..ROWS * 3).map(|i| c(i / 3, i % 3) as f32).collect();
    let device = device();
    let [seen, act, factors] =
        [&observations, &actions, &factors].map(|values| matrix(values, ROWS, &device).autodiff());
    let (gradient, tally) = network.gradient(ROWS, &|range, layers| {
        let of = |x: &Tensor<2>| x.clone().narrow(0, range.start, range.len());
        let out = layers.forward(&Seen::new(of(&seen), STATE), Some(of(&act)));
        vec![(out.square() * of(&factors)).sum()]
    });
    assert_close(&read(tally), &[loss(&parameters, &acts)], 1e-5);
    let gradient = read(gradient);
    let h = 1e-5;
    let mut moved = 0;
    for i in 0..parameters.len() {
        let value = parameters[i];
        parameters[i] = value + h;
        let above = loss(&parameters, &acts);
        parameters[i] = value - h;
        let slope = (above - loss(&parameters, &acts)) / (2.0 * h);
        parameters[i] = value;
        moved += usize::from(slope.abs() > 1e-3);
        assert_close(&gradient[i..=i], &[slope], 1e-3);
    }
    assert!(moved > parameters.len() / 2, "hardly a parameter mattered");

    // In the action, through layers that are constant.
    let act = act.inner().autodiff().require_grad();
    let out = network.constant().forward(&Seen::new(seen, STATE), Some(act.clone()));
    let gradients = (out.square() * factors).sum().backward();
    let found = read(act.grad(&gradients).expect("the action is a leaf"));
    for (i, found) in found.chunks(1).enumerate() {
        let moved = |by: f64| {
            let mut acts = acts.clone();
            acts[i / ACTION][i % ACTION] += by;
            loss(&parameters, &acts)
        };
        assert_close(found, &[(moved(h) - moved(-h)) / (2.0 * h)], 1e-3);
    }
}

#[test]
fn the_order_of_points_does_not_matter() {
    let (observations, actions) = (observations(), actions());
    let mut turned = observations.clone();
    for row in turned.chunks_exact_mut(STATE + POINTS * CHANNELS) {
        row[STATE..].rotate_left(3 * CHANNELS);
        let (first, rest) = row[STATE..].split_at_mut(CHANNELS);
        first.swap_with_slice(&mut rest[2 * CHANNELS..3 * CHANNELS]);
    }
    assert_ne!(turned, observations);
    let network = Network::new(weights(), &device());
    let expected = wide(&network.infer(&observations, &actions, ROWS));
    assert_close(&network.infer(&turned, &actions, ROWS), &expected, 1e-5);
}

/// Random layers of a part of a network.
fn drawn(lane: &mut u32, matrix: Matrix) -> Tensor<2> {
    *lane += 1;
    let numbers = matrix.numbers();
    let data = TensorData::new(normal(*lane, numbers), [matrix.rows, matrix.columns]);
    Tensor::from_data(data, &device())
}

#[test]
fn a_token_that_is_masked_out_is_as_good_as_removed() {
    let mut lane = 20;
    let heads = Heads { count: 2, width: 3 };
    let transformer = Transformer::new(4, 2, heads, &mut |matrix| drawn(&mut lane, matrix));
    let tokens = matrix(&normal(10, 2 * 3 * 4), 2, &device()).reshape([2, 3, 4]);
    let present = Tensor::<2>::from_data([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]], &device());
    let masked = read(transformer.forward(tokens.clone(), present.clone()));
    let kept = Tensor::cat(vec![tokens.clone().narrow(1, 0, 1), tokens.clone().narrow(1, 2, 1)], 1);
    let removed = read(transformer.forward(kept, Tensor::ones([2, 2], &device())));
    assert_close(&masked, &wide(&removed), 1e-6);
    let with_it = read(transformer.forward(tokens, present.ones_like()));
    assert!(masked.iter().zip(&with_it).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn an_empty_mask_has_no_features_and_is_not_attended_to() {
    let mut lane = 40;
    let net = PointNet::new(STATE, 4, &mut |matrix| drawn(&mut lane, matrix));
    let features = |points: u32, state: u32| {
        let points = matrix(&normal(points, 2 * 5 * 6), 2, &device()).reshape([2, 5, 6]);
        let masked = Masked::new(points, Tensor::zeros([2, 5, 1], &device()));
        assert_eq!(read(masked.present.clone()), [0.0, 0.0]);
        read(net.forward(&masked, matrix(&normal(state, 2 * STATE), 2, &device())))
    };
    let some = features(60, 61);
    assert!(some.iter().all(|x| x.is_finite()));
    assert_eq!(some, features(62, 63), "features of nothing are made of something");
    assert_eq!(some[..4], some[4..]);
}

/// The sum of algorithms.md §11.3, for its state of 68 numbers, and for ours of 90.
#[test]
fn the_network_has_as_many_parameters_as_the_original() {
    let count = |state: usize, action: usize, outputs: usize| {
        let config = Config::default();
        Architecture { config, state, points: 1200, action, outputs }.parameters()
    };
    let original = 3 * 126_144 + 50_304 + 789_120 + 192 + 73_856 + 30_380;
    assert_eq!(count(68, 0, 44), original);
    // A number of the state has a weight for each unit of four first layers.
    assert_eq!(count(90, 0, 44), original + 22 * 4 * 192);
    assert_eq!(count(90, 0, 44), 1_339_180);
    let head = |outputs: usize| 129 * outputs;
    assert_eq!(count(90, 22, 1), original + 44 * 4 * 192 - head(44) + head(1));
    let new = Weights::new(architecture(), Stream::new(1, "weights"));
    assert_eq!(new.parameters.len(), architecture().parameters());
}

#[test]
fn new_weights_have_the_variance_of_xavier_and_biases_of_zero() {
    let Matrix { rows, columns, .. } = Matrix::xavier(80, 120);
    let numbers = Matrix::xavier(80, 120).draw(Stream::new(5, "weights"), 3);
    let variance = numbers.iter().map(|x| f64::from(x * x)).sum::<f64>() / (rows * columns) as f64;
    assert!((variance * 100.0 - 1.0).abs() < 0.05, "{variance}");
    assert!(Matrix::zeros(7).draw(Stream::new(5, "weights"), 0).iter().all(|&x| x == 0.0));
    // A head's matrix is Xavier normal by itself.
    let heads = Matrix::side_by_side(80, 40, 4);
    assert_eq!((heads.rows, heads.columns), (80, 160));
    let variance = heads.draw(Stream::new(5, "weights"), 3).iter().map(|x| x * x).sum::<f32>();
    assert!((variance / 12_800.0 * 60.0 - 1.0).abs() < 0.05);
}
