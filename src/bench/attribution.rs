//! Where the time of an iteration of training goes, from what [`crate::trace`] recorded.

use super::results::{Measurement, Run};
use crate::{
    learn::{impala, mlp},
    trace::{STAGES, Stage, Totals},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// What was recorded at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Seconds on the clock since some beginning.
    pub wall: f64,
    /// Of the thread that drives the training.
    pub driver: Totals,
    /// Of all threads taken together, the driver included.
    pub all: Totals,
}

impl Moment {
    /// From what each thread recorded.
    pub fn new(wall: f64, driver: Totals, others: &[Totals]) -> Self {
        let mut all = driver;
        for other in others {
            all.nanos.iter_mut().zip(other.nanos).for_each(|(sum, n)| *sum += n);
            all.spans.iter_mut().zip(other.spans).for_each(|(sum, n)| *sum += n);
        }
        Self { wall, driver, all }
    }
}

/// An iteration: seconds on the clock and seconds of all threads, of each stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    pub wall: f64,
    stages: [(f64, f64); STAGES],
}

/// Stages that other threads take part in, and the part of each that is named apart.
const SHARED: [(Stage, &[Stage]); 2] = [
    (Stage::Update, &[Stage::Forward, Stage::Backward, Stage::Optimiser]),
    (Stage::Draw, &[Stage::DrawList]),
];

impl Iteration {
    /// What lies between two moments, on `threads` worker threads.
    ///
    /// The driver's spans tell how long it was in a stage on the clock. What all threads did within
    /// a stage that they share is divided by their number; what is left of the clock's time is the
    /// stage's own, the waiting for each other included.
    pub fn between(from: &Moment, to: &Moment, threads: usize) -> Self {
        let seconds =
            |of: fn(&Moment) -> &Totals, stage| of(to).seconds(stage) - of(from).seconds(stage);
        let driver = |stage| seconds(|moment| &moment.driver, stage);
        let all = |stage| seconds(|moment| &moment.all, stage);
        let mut stages = Stage::ALL.map(|stage| (driver(stage), all(stage)));
        for (whole, parts) in SHARED {
            let clock = driver(whole) + parts.iter().map(|&part| driver(part)).sum::<f64>();
            let mut own = clock;
            for &part in parts {
                let share = (all(part) / threads as f64).min(own);
                stages[part as usize].0 = share;
                own -= share;
            }
            stages[whole as usize].0 = own;
        }
        Self { wall: to.wall - from.wall, stages }
    }

    /// Seconds on the clock.
    pub fn seconds(&self, stage: Stage) -> f64 {
        self.stages[stage as usize].0
    }

    /// How much of the clock's time is some stage's.
    pub fn attributed(&self) -> f64 {
        let named = Stage::ALL.into_iter().filter(|&stage| stage != Stage::Iteration);
        named.map(|stage| self.seconds(stage)).sum::<f64>() / self.wall
    }
}

/// What a sample takes in a stage, by the book.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations.
    pub operations: Option<f64>,
    /// Bytes read or written.
    pub bytes: Option<f64>,
}

/// What a sample takes in each stage that was counted.
pub type Costs = BTreeMap<Stage, Cost>;

/// What an inference of one sample takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Inference {
    /// Floating-point operations: two for every weight and place that it is applied at.
    pub operations: f64,
    /// Numbers that go into and come out of its layers.
    pub activations: f64,
    /// Numbers that are learned.
    pub parameters: f64,
}

/// Costs of learning on the CPU by so many passes over every sample, with an optimiser step every
/// `minibatch` samples. A backward pass multiplies twice as much as a forward pass, once for the
/// weights, once for what was fed in, and moves twice as much.
pub fn costs_of_learning(network: Inference, passes: usize, minibatch: usize) -> Costs {
    let Inference { operations, activations, parameters } = network;
    let number = size_of::<f32>() as f64;
    let of_passes =
        |n: f64| Cost { operations: Some(n * operations), bytes: Some(n * number * activations) };
    let passes = passes as f64;
    // Reads the gradient, both moments and the parameters, writes all but the gradient.
    let moved = 7.0 * number * parameters * passes / minibatch as f64;
    Costs::from([
        (Stage::Infer, of_passes(1.0)),
        (Stage::Forward, of_passes(passes)),
        (Stage::Backward, of_passes(2.0 * passes)),
        (Stage::Optimiser, Cost { operations: None, bytes: Some(moved) }),
    ])
}

impl Inference {
    /// Of a frame.
    pub fn of_impala(architecture: &impala::Architecture) -> Self {
        let mut sum = Self::of_layers(&architecture.head());
        for layer in architecture.convs() {
            let (conv, places) = (layer.conv, layer.conv.size.pow(2));
            sum.operations += (2 * 9 * conv.inputs * conv.outputs * places) as f64;
            sum.activations += ((conv.inputs + conv.outputs) * places) as f64;
        }
        Self { parameters: architecture.parameters() as f64, ..sum }
    }

    /// Of a row of numbers.
    pub fn of_layers(shape: &mlp::Shape) -> Self {
        let mut sum = Self { parameters: shape.parameters() as f64, ..Self::default() };
        for layer in shape.layers() {
            sum.operations += (2 * layer.inputs * layer.outputs) as f64;
            sum.activations += (layer.inputs + layer.outputs) as f64;
        }
        sum
    }

    /// Of both networks.
    pub fn and(self, other: Self) -> Self {
        Self {
            operations: self.operations + other.operations,
            activations: self.activations + other.activations,
            parameters: self.parameters + other.parameters,
        }
    }
}

/// Every stage that took time, as measurements of samples, one run for each iteration in which it did.
pub fn measurements(
    environment: &str,
    parameters: &BTreeMap<String, u64>,
    samples: f64,
    iterations: &[Iteration],
    costs: &Costs,
) -> Vec<Measurement> {
    let measured = |name: String, cost: Cost, run: &dyn Fn(&Iteration) -> (f64, f64)| {
        let run = |iteration: &Iteration| {
            let (wall, cpu) = run(iteration);
            (wall > 0.0).then_some(Run { items: samples, wall, cpu })
        };
        Measurement {
            name,
            items: "samples".into(),
            parameters: parameters.clone(),
            operations: cost.operations,
            bytes: cost.bytes,
            runs: iterations.iter().filter_map(run).collect(),
        }
    };
    let took_time = |stage: &Stage| iterations.iter().any(|i| i.seconds(*stage) > 0.0);
    let stages = Stage::ALL.into_iter().filter(took_time).map(|stage| {
        let cost = costs.get(&stage).copied().unwrap_or_default();
        let name = if stage == Stage::Iteration { "not attributed" } else { stage.name() };
        measured(format!("{environment}: {name}"), cost, &|i| i.stages[stage as usize])
    });
    let busy = |i: &Iteration| i.stages.iter().map(|&(_, threads)| threads).sum();
    let whole = measured(environment.into(), Cost::default(), &|i| (i.wall, busy(i)));
    std::iter::once(whole).chain(stages).collect()
}

/// Highest rates of the machine, per second, with all threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Floating-point operations in single precision.
    pub operations: f64,
    /// Bytes of memory.
    pub bytes: f64,
}

/// What [`measurements`] gave as a table for the terminal, of some stages or, if none is given, all.
/// Its last lines say what bounds the whole.
pub fn table(measurements: &[Measurement], ceilings: Ceilings, listed: &[Stage]) -> String {
    let (whole, stages) = measurements.split_first().expect("the whole comes first");
    // Means, not medians: they add up.
    let sum = |m: &Measurement, of: fn(&Run) -> f64| m.runs.iter().map(of).sum::<f64>();
    let of_iteration = |seconds: f64| seconds / whole.runs.len() as f64;
    let seconds = |m: &Measurement| of_iteration(sum(m, |run| run.wall));
    let rate = |m: &Measurement| sum(m, |run| run.items) / sum(m, |run| run.wall);
    let all = seconds(whole);
    let mut text = format!(
        "{:16} {:>10} {:>7} {:>10} {:>11} {:>16} {:>16}\n",
        "stage", "seconds", "share", "busy", "us/sample", "GFLOP/s (peak)", "GB/s (memory)"
    );
    let share = |rate: f64, of: f64| format!("{:.2} ({:.0} %)", rate / 1e9, 100.0 * rate / of);
    let mut line = |name: &str, m: &Measurement| {
        let per_second = rate(m);
        let column = |cost: Option<f64>, ceiling| {
            cost.map_or(String::new(), |cost| share(cost * per_second, ceiling))
        };
        let busy = of_iteration(sum(m, |run| run.cpu));
        let _ = writeln!(
            text,
            "{name:16} {:>10.4} {:>5.1} % {busy:>10.4} {:>11.3} {:>16} {:>16}",
            seconds(m),
            100.0 * seconds(m) / all,
            1e6 / per_second,
            column(m.operations, ceilings.operations),
            column(m.bytes, ceilings.bytes),
        );
    };
    let named = |m: &Measurement| m.name.rsplit(": ").next().unwrap_or(&m.name).to_owned();
    let is_listed =
        |m: &&Measurement| listed.is_empty() || listed.iter().any(|stage| stage.name() == named(m));
    stages.iter().filter(is_listed).for_each(|m| line(&named(m), m));
    line("iteration", whole);
    let Some(slowest) = stages.iter().max_by(|a, b| seconds(a).total_cmp(&seconds(b))) else {
        return text;
    };
    let per_second = rate(slowest);
    let reached = |cost: Option<f64>, ceiling| cost.map(|cost| cost * per_second / ceiling);
    let name = named(slowest);
    let limit = match (
        reached(slowest.operations, ceilings.operations),
        reached(slowest.bytes, ceilings.bytes),
    ) {
        (Some(arithmetic), _) if arithmetic >= 0.3 => format!(
            "arithmetic: it does {:.0} % of the operations that the machine could do",
            100.0 * arithmetic
        ),
        (_, Some(memory)) if memory >= 0.3 => format!(
            "memory: it moves {:.0} % of the bytes that the machine could move",
            100.0 * memory
        ),
        (Some(arithmetic), _) => format!(
            "neither arithmetic ({:.0} % of the machine's) nor memory: small pieces of work, and \
             threads that wait for each other",
            100.0 * arithmetic
        ),
        _ => "instructions of its threads: no arithmetic or bytes are counted for it".into(),
    };
    let _ = write!(
        text,
        "{name} bounds the run: {:.0} % of an iteration\n{name} is bound by {limit}",
        100.0 * seconds(slowest) / all
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(seconds: &[(Stage, f64)]) -> Totals {
        let mut totals = Totals::default();
        for &(stage, s) in seconds {
            totals.nanos[stage as usize] = (1e9 * s) as u64;
        }
        totals
    }

    /// Two threads: the driver and one that helps.
    fn iteration() -> Iteration {
        use Stage::*;
        let nothing = Moment::new(1.0, Totals::default(), &[]);
        let driver = totals(&[
            (Iteration, 0.01),
            (Simulate, 0.2),
            (Update, 0.1),
            (Forward, 0.3),
            (Backward, 0.4),
        ]);
        let helper = totals(&[(Forward, 0.5), (Backward, 0.3)]);
        super::Iteration::between(&nothing, &Moment::new(2.01, driver, &[helper]), 2)
    }

    #[test]
    fn what_threads_share_is_divided_and_the_rest_is_the_stages_own() {
        let iteration = iteration();
        let close = |stage, expected: f64| {
            let seconds = iteration.seconds(stage);
            assert!((seconds - expected).abs() < 1e-6, "{stage:?}: {seconds} {expected}");
        };
        close(Stage::Simulate, 0.2);
        close(Stage::Forward, 0.4);
        close(Stage::Backward, 0.35);
        // 0.8 on the driver's clock.
        close(Stage::Update, 0.05);
        assert!((iteration.wall - 1.01).abs() < 1e-9);
        assert!((iteration.attributed() - 1.0 / 1.01).abs() < 1e-6);
    }

    #[test]
    fn the_table_says_what_bounds_the_run() {
        let network = Inference { operations: 1e6, activations: 1e3, parameters: 1e3 };
        let costs = costs_of_learning(network, 1, 100);
        let parameters = BTreeMap::from([("threads".into(), 2)]);
        let measured = measurements("maze", &parameters, 1000.0, &[iteration()], &costs);
        let ceilings = Ceilings { operations: 1e10, bytes: 1e10 };
        let text = table(&measured, ceilings, &[]);
        // 1000 samples of 10^6 operations in 0.4 s.
        assert!(text.contains("2.50 (25 %)"), "{text}");
        assert!(text.contains("forward bounds the run: 40 % of an iteration"), "{text}");
        let fast = Ceilings { operations: 5e9, ..ceilings };
        assert!(
            table(&measured, fast, &[Stage::Draw])
                .ends_with("50 % of the operations that the machine could do")
        );
    }

    #[test]
    fn operations_are_two_for_each_weight_and_place() {
        let shape = mlp::Shape::new(5, &[256, 256], 2);
        let of = Inference::of_layers(&shape);
        assert_eq!(of.operations, 2.0 * (5.0 * 256.0 + 65_536.0 + 512.0));
        assert_eq!(of.activations, 5.0 + 4.0 * 256.0 + 2.0);
        // One stack of one channel and one hidden unit: a frame of 64² with three colours, four
        // convolutions of 32², 1024 features, one unit, two outputs.
        let network = impala::Architecture::new(vec![1], 1, 1, 1).unwrap();
        let products = 9 * 3 * 64 * 64 + 4 * 9 * 32 * 32 + 1024 + 2;
        assert_eq!(Inference::of_impala(&network).operations, 2.0 * f64::from(products));
    }
}
