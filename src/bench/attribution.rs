//! Where the time of an iteration of training goes, from what [`crate::trace`] recorded.

use super::results::{Measurement, Run};
use crate::{
    learn::{impala, mlp},
    trace::{Recorded, STAGES, Stage, Totals},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// What was recorded at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Seconds on the clock since some beginning.
    pub wall: f64,
    /// On the thread that drives the training, on all, and by a GPU.
    pub recorded: Recorded,
}

/// An iteration: seconds on the clock and seconds of all threads, of each stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Iteration {
    pub wall: f64,
    stages: [(f64, f64); STAGES],
    /// Seconds that a GPU worked; 0 where none is timed.
    on_gpu: [f64; STAGES],
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
        let seconds = |of: fn(&Recorded) -> &Totals, stage| {
            of(&to.recorded).seconds(stage) - of(&from.recorded).seconds(stage)
        };
        let driver = |stage| seconds(|recorded| &recorded.mine, stage);
        let all = |stage| seconds(|recorded| &recorded.all, stage);
        let mut stages = Stage::ALL.map(|stage| (driver(stage), all(stage)));
        for (whole, parts) in SHARED {
            let clock = driver(whole) + parts.iter().map(|&part| driver(part)).sum::<f64>();
            let mut own = clock;
            for &part in parts {
                // On a GPU the driver alone does it.
                let alone = all(part) == driver(part);
                let share = if alone { all(part) } else { all(part) / threads as f64 };
                let share = share.min(own);
                stages[part as usize].0 = share;
                own -= share;
            }
            stages[whole as usize].0 = own;
        }
        let on_gpu = Stage::ALL.map(|stage| seconds(|recorded| &recorded.gpu, stage));
        Self { wall: to.wall - from.wall, stages, on_gpu }
    }

    /// Seconds on the clock.
    pub fn seconds(&self, stage: Stage) -> f64 {
        self.stages[stage as usize].0
    }

    /// The same with the GPU's times of another iteration, in which it was timed.
    pub fn with_gpu_times(self, of: &Self) -> Self {
        Self { on_gpu: of.on_gpu, ..self }
    }

    /// Seconds that a GPU worked on it; 0 where none is timed.
    pub fn on_gpu(&self, stage: Stage) -> f64 {
        self.on_gpu[stage as usize]
    }

    /// Whether a GPU was timed.
    pub fn has_gpu_times(&self) -> bool {
        self.on_gpu.iter().any(|&seconds| seconds > 0.0)
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

/// Costs of PPO, and of PPG's policy phase, by so many passes over every sample, with an optimiser
/// step every `minibatch` samples. A backward pass multiplies twice as much as a forward pass, once
/// for the weights, once for what was fed in, and moves twice as much.
pub fn costs_of_ppo(network: Inference, passes: usize, minibatch: usize) -> Costs {
    let passes = passes as f64;
    Costs::from([
        (Stage::Infer, network.passes(1.0)),
        // Reads rewards, ends and values, writes advantages and targets.
        (Stage::Advantages, moved(5.0)),
        (Stage::Forward, network.passes(passes)),
        (Stage::Backward, network.passes(2.0 * passes)),
        (Stage::Optimiser, moved(network.of_adam() * passes / minibatch as f64)),
    ])
}

/// Costs of SAC, which learns from `rows` rows of the replay for every sample, `minibatch` of them
/// in an optimiser step. Targets take a pass of the policy and of both slow critics; both critics'
/// losses a pass of each and back; the policy's loss one of all three and back, where the critics'
/// weights are left alone.
pub fn costs_of_sac(policy: Inference, critic: Inference, rows: f64, minibatch: usize) -> Costs {
    let sum = |of_policy: f64, of_critic: f64| {
        let (p, c) = (policy.passes(rows * of_policy), critic.passes(rows * of_critic));
        let add = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Cost { operations: add(p.operations, c.operations), bytes: add(p.bytes, c.bytes) }
    };
    // The slow critics read two numbers for each that they write.
    let adam = policy.of_adam() + 2.0 * (critic.of_adam() + 3.0 * critic.parameters);
    Costs::from([
        (Stage::Infer, policy.passes(1.0)),
        (Stage::Forward, sum(2.0, 6.0)),
        (Stage::Backward, sum(2.0, 6.0)),
        (Stage::Optimiser, moved(adam * rows / minibatch as f64)),
    ])
}

/// Of numbers that are read or written.
fn moved(numbers: f64) -> Cost {
    Cost { operations: None, bytes: Some(size_of::<f32>() as f64 * numbers) }
}

impl Inference {
    /// So many passes.
    fn passes(&self, n: f64) -> Cost {
        Cost { operations: Some(n * self.operations), ..moved(n * self.activations) }
    }

    /// Numbers that a step of Adam moves: it reads the gradient, both moments and the parameters, and
    /// writes all but the gradient.
    fn of_adam(&self) -> f64 {
        7.0 * self.parameters
    }

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

/// How names of measurements end that a GPU made itself.
const ON_GPU: &str = " on the GPU";

/// Every stage that took time, as measurements of samples, one run for each iteration in which it
/// did; then every stage that a GPU worked on. Costs are those of the GPU if there is one.
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
    let busy = |i: &Iteration| i.stages.iter().map(|&(_, threads)| threads).sum();
    let mut all = vec![measured(environment.into(), Cost::default(), &|i| (i.wall, busy(i)))];
    let cost = |stage| costs.get(&stage).copied().unwrap_or_default();
    let timed = iterations.iter().any(Iteration::has_gpu_times);
    for stage in Stage::ALL {
        let name = if stage == Stage::Iteration { "not attributed" } else { stage.name() };
        let cost = if timed { Cost::default() } else { cost(stage) };
        all.push(measured(format!("{environment}: {name}"), cost, &|i| i.stages[stage as usize]));
    }
    for stage in Stage::ALL {
        let name = format!("{environment}: {}{ON_GPU}", stage.name());
        all.push(measured(name, cost(stage), &|i| (i.on_gpu(stage), i.on_gpu(stage))));
    }
    all.retain(|measured| !measured.runs.is_empty());
    all
}

/// Highest rates of the machine, per second, with all threads; of the GPU where that is timed.
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
    let is_of_gpu = |m: &&Measurement| m.name.ends_with(ON_GPU);
    let (of_gpu, stages): (Vec<_>, Vec<_>) = stages.iter().partition(is_of_gpu);
    let seconds = |m: &Measurement| mean_seconds(m, whole);
    let all = seconds(whole);
    let mut text = format!(
        "{:21} {:>10} {:>7} {:>10} {:>11} {:>16} {:>16}\n",
        "stage", "seconds", "share", "busy", "us/sample", "GFLOP/s (peak)", "GB/s (memory)"
    );
    let mut line = |name: &str, m: &Measurement| {
        let column = |rate: Option<f64>, ceiling: f64| {
            let share = |rate| format!("{:.2} ({:.0} %)", rate / 1e9, 100.0 * rate / ceiling);
            rate.map_or(String::new(), share)
        };
        let rates = Rates::of(m);
        let busy = m.runs.iter().map(|run| run.cpu).sum::<f64>() / whole.runs.len() as f64;
        let _ = writeln!(
            text,
            "{name:21} {:>10.4} {:>5.1} % {busy:>10.4} {:>11.3} {:>16} {:>16}",
            seconds(m),
            100.0 * seconds(m) / all,
            1e6 / rates.items,
            column(rates.operations, ceilings.operations),
            column(rates.bytes, ceilings.bytes),
        );
    };
    let is_listed = |m: &&&Measurement| {
        let name = named(m).trim_end_matches(ON_GPU);
        listed.is_empty() || listed.iter().any(|stage| stage.name() == name)
    };
    stages.iter().filter(is_listed).for_each(|m| line(named(m), m));
    line("iteration", whole);
    of_gpu.iter().filter(is_listed).for_each(|m| line(named(m), m));

    text + &verdict(whole, &stages, &of_gpu, ceilings)
}

/// What bounds the whole, in words.
fn verdict(
    whole: &Measurement,
    stages: &[&Measurement],
    of_gpu: &[&Measurement],
    ceilings: Ceilings,
) -> String {
    let seconds = |m: &Measurement| mean_seconds(m, whole);
    let all = seconds(whole);
    let longest = |of: &[&Measurement]| {
        of.iter().copied().max_by(|a, b| seconds(a).total_cmp(&seconds(b))).cloned()
    };
    let sum = |of: &[&Measurement]| of.iter().map(|m| seconds(m)).sum::<f64>();
    let busy = sum(of_gpu);
    let mut text = String::new();
    if busy > 0.0 {
        let _ = write!(text, "the GPU works {:.0} % of an iteration", 100.0 * busy / all);
        let are = |of: &[&Measurement], wanted: &[Stage]| {
            let is_wanted = |m: &&&Measurement| {
                wanted.iter().any(|stage| named(m).trim_end_matches(ON_GPU) == stage.name())
            };
            sum(&of.iter().filter(is_wanted).copied().collect::<Vec<_>>())
        };
        let waited = are(stages, &[Stage::ActionsBack]);
        let playing = are(of_gpu, &[Stage::Draw, Stage::Infer, Stage::Sample]);
        // Other agents wait for actions within the call that infers them.
        if waited > 0.0 {
            let _ = write!(
                text,
                "; {:.0} % of its work in rollouts is done while the program does something else \
                 than wait for it",
                100.0 * (1.0 - waited / playing).clamp(0.0, 1.0)
            );
        }
        text.push('\n');
    }
    let (longest, neither, uncounted) = match longest(of_gpu) {
        Some(longest) if busy > 0.5 * all => (
            Some(longest),
            "small kernels, or some that do not reach what a product of matrices does",
            "its kernels: no arithmetic or bytes are counted for it",
        ),
        _ => (
            longest(stages),
            "small pieces of work, and threads that wait for each other",
            "instructions of its threads: no arithmetic or bytes are counted for it",
        ),
    };
    let Some(longest) = longest else { return text };
    let name = named(&longest);
    let _ = write!(
        text,
        "{name} bounds the run: {:.0} % of an iteration\n{name} is bound by {}",
        100.0 * seconds(&longest) / all,
        Rates::of(&longest).limit(ceilings, neither, uncounted)
    );
    text
}

/// A measurement's seconds on the clock in an iteration: a mean, as means add up.
fn mean_seconds(m: &Measurement, whole: &Measurement) -> f64 {
    m.runs.iter().map(|run| run.wall).sum::<f64>() / whole.runs.len() as f64
}

/// The stage that a measurement is of.
fn named(m: &Measurement) -> &str {
    m.name.rsplit(": ").next().unwrap_or(&m.name)
}

/// What a stage does in a second.
struct Rates {
    items: f64,
    operations: Option<f64>,
    bytes: Option<f64>,
}

impl Rates {
    fn of(m: &Measurement) -> Self {
        let sum = |of: fn(&Run) -> f64| m.runs.iter().map(of).sum::<f64>();
        let items = sum(|run| run.items) / sum(|run| run.wall);
        let times = |cost: Option<f64>| cost.map(|cost| cost * items);
        Self { items, operations: times(m.operations), bytes: times(m.bytes) }
    }

    /// What keeps the stage from being faster, in words; these if it comes near neither ceiling, and
    /// if nothing was counted.
    fn limit(&self, ceilings: Ceilings, neither: &str, uncounted: &str) -> String {
        let arithmetic = self.operations.map(|rate| rate / ceilings.operations);
        let memory = self.bytes.map(|rate| rate / ceilings.bytes);
        match (arithmetic, memory) {
            (Some(arithmetic), _) if arithmetic >= 0.3 => format!(
                "arithmetic: it does {:.0} % of the operations that the machine could do",
                100.0 * arithmetic
            ),
            (_, Some(memory)) if memory >= 0.3 => format!(
                "memory: it moves {:.0} % of the bytes that the machine could move",
                100.0 * memory
            ),
            (Some(arithmetic), _) => format!(
                "neither arithmetic ({:.0} % of the machine's) nor memory: {neither}",
                100.0 * arithmetic
            ),
            _ => uncounted.into(),
        }
    }
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
        let mine = totals(&[
            (Iteration, 0.01),
            (Simulate, 0.2),
            (Update, 0.1),
            (Forward, 0.3),
            (Backward, 0.4),
        ]);
        let mut all = mine;
        all += totals(&[(Forward, 0.5), (Backward, 0.3)]);
        between(Recorded { mine, all, gpu: Totals::default() })
    }

    /// Of 1.01 s.
    fn between(recorded: Recorded) -> super::Iteration {
        let nothing = Moment { wall: 1.0, ..Moment::default() };
        super::Iteration::between(&nothing, &Moment { wall: 2.01, recorded }, 2)
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
        let costs = costs_of_ppo(network, 1, 100);
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
    fn a_gpus_times_are_listed_apart_and_bound_a_run_that_waits_for_it() {
        use Stage::*;
        let mine = totals(&[(Simulate, 0.2), (ActionsBack, 0.1), (Update, 0.7)]);
        let gpu = totals(&[(Draw, 0.1), (Infer, 0.3), (Backward, 0.5)]);
        let iteration = between(Recorded { mine, all: mine, gpu });
        let costs = Costs::from([(Backward, Cost { operations: Some(1e6), bytes: None })]);
        let measured = measurements("bigfish", &BTreeMap::new(), 1000.0, &[iteration], &costs);
        let text = table(&measured, Ceilings { operations: 4e9, bytes: 1e10 }, &[]);
        // 1000 samples of 10^6 operations in 0.5 s.
        let row = text.lines().find(|line| line.starts_with("backward on the GPU")).unwrap();
        assert!(row.contains("0.5000  49.5 %") && row.contains("2.00 (50 %)"), "{text}");
        assert!(text.contains("the GPU works 89 % of an iteration; 75 % of its work"), "{text}");
        assert!(text.contains("backward on the GPU bounds the run: 50 %"), "{text}");
        assert!(text.ends_with("50 % of the operations that the machine could do"), "{text}");
    }

    /// 2 · 10 operations a row of the policy and 2 · 6 of a critic, four rows a sample.
    #[test]
    fn a_step_of_sac_goes_through_its_networks_eight_times_and_back() {
        let policy = Inference::of_layers(&mlp::Shape::new(5, &[], 2));
        let critic = Inference::of_layers(&mlp::Shape::new(6, &[], 1));
        let costs = costs_of_sac(policy, critic, 4.0, 8);
        let of = |stage| costs[&stage];
        assert_eq!(of(Stage::Infer).operations, Some(20.0));
        assert_eq!(of(Stage::Forward).operations, Some(4.0 * (2.0 * 20.0 + 6.0 * 12.0)));
        assert_eq!(of(Stage::Backward), of(Stage::Forward));
        // Twelve parameters of the policy, seven of each critic; half a step a sample.
        let numbers = 7.0 * 12.0 + 2.0 * (7.0 + 3.0) * 7.0;
        assert_eq!(of(Stage::Optimiser).bytes, Some(0.5 * 4.0 * numbers));
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
