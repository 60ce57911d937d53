//! Where the time of an iteration of training goes, from what [`crate::trace`] recorded.

use super::{
    costs::{Cost, Costs},
    results::{Measurement, Run},
};
use crate::trace::{Recorded, STAGES, Stage, Totals};
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
    /// Bytes that crossed to a GPU or back.
    crossed: [u64; STAGES],
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
        let bytes = |of: &Moment, stage: Stage| of.recorded.all.bytes[stage as usize];
        let crossed = Stage::ALL.map(|stage| bytes(to, stage) - bytes(from, stage));
        Self { wall: to.wall - from.wall, stages, on_gpu, crossed }
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

/// How names of measurements end that a GPU made itself.
const ON_GPU: &str = " on the GPU";

/// Every stage that took time, as measurements of samples, one run for each iteration in which it
/// did; then every stage that a GPU worked on. Costs are those of the GPU if there is one; bytes of
/// stages that move them there and back are counted, not by the book.
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
    let crossed = |stage| {
        let bytes: u64 = iterations.iter().map(|i| i.crossed[stage as usize]).sum();
        let bytes = bytes as f64 / (samples * iterations.len() as f64);
        Cost { operations: None, bytes: Some(bytes) }
    };
    let timed = iterations.iter().any(Iteration::has_gpu_times);
    for stage in Stage::ALL {
        let name = if stage == Stage::Iteration { "not attributed" } else { stage.name() };
        let cost = match stage {
            Stage::Upload | Stage::ActionsBack => crossed(stage),
            _ if timed => Cost::default(),
            _ => cost(stage),
        };
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
    /// Bytes to a GPU, and back; none where there is none.
    pub crossing: Option<(f64, f64)>,
}

impl Ceilings {
    /// Bytes that a stage could move, and what they would move through.
    fn bytes_of(&self, stage: &str) -> (f64, &'static str) {
        match self.crossing {
            Some((there, _)) if stage == Stage::Upload.name() => (there, "the way to the GPU"),
            Some((_, back)) if stage == Stage::ActionsBack.name() => (back, "the way back"),
            _ => (self.bytes, "memory"),
        }
    }
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
        "stage", "seconds", "share", "busy", "us/sample", "GFLOP/s (peak)", "GB/s (most)"
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
            column(rates.bytes, ceilings.bytes_of(named(m)).0),
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
            "by its kernels: no arithmetic or bytes are counted for it",
        ),
        _ => (
            longest(stages),
            "small pieces of work, and threads that wait for each other",
            "by instructions of its threads: no arithmetic or bytes are counted for it",
        ),
    };
    let Some(longest) = longest else { return text };
    let name = named(longest);
    let _ = write!(
        text,
        "{name} bounds the run: {:.0} % of an iteration\n{name} is bound {}",
        100.0 * seconds(longest) / all,
        Rates::of(longest).limit(name, ceilings, neither, uncounted)
    );
    text
}

/// The one that takes most of the clock's time.
fn longest<'a>(of: &[&'a Measurement]) -> Option<&'a Measurement> {
    let wall = |m: &Measurement| m.runs.iter().map(|run| run.wall).sum::<f64>();
    of.iter().copied().max_by(|a, b| wall(a).total_cmp(&wall(b)))
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
    fn limit(&self, stage: &str, ceilings: Ceilings, neither: &str, uncounted: &str) -> String {
        let (bytes, through) = ceilings.bytes_of(stage);
        let arithmetic = self.operations.map(|rate| rate / ceilings.operations);
        let moving = self.bytes.map(|rate| rate / bytes);
        match (arithmetic, moving) {
            (Some(arithmetic), _) if arithmetic >= 0.3 => format!(
                "by arithmetic: it does {:.0} % of the operations that the machine could do",
                100.0 * arithmetic
            ),
            (_, Some(moving)) if moving >= 0.3 => format!(
                "by {through}: it moves {:.0} % of the bytes that the machine could move",
                100.0 * moving
            ),
            (Some(arithmetic), _) => format!(
                "neither by arithmetic ({:.0} % of the machine's) nor by {through}: {neither}",
                100.0 * arithmetic
            ),
            (None, Some(moving)) => {
                format!("not by {through} ({:.0} % of the machine's): {neither}", 100.0 * moving)
            }
            (None, None) => uncounted.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::costs::{Inference, costs_of_ppo},
        *,
    };

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
        let ceilings = Ceilings { operations: 1e10, bytes: 1e10, crossing: None };
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
        let seconds = [(Simulate, 0.19), (Upload, 0.01), (ActionsBack, 0.1), (Update, 0.7)];
        let mut mine = totals(&seconds);
        mine.bytes[Upload as usize] = 8_000_000;
        let gpu = totals(&[(Draw, 0.1), (Infer, 0.3), (Backward, 0.5)]);
        let iteration = between(Recorded { mine, all: mine, gpu });
        let costs = Costs::from([(Backward, Cost { operations: Some(1e6), bytes: None })]);
        let measured = measurements("bigfish", &BTreeMap::new(), 1000.0, &[iteration], &costs);
        let crossing = Some((1e9, 2e9));
        let ceilings = Ceilings { operations: 4e9, bytes: 1e10, crossing };
        let text = table(&measured, ceilings, &[]);
        let row = text.lines().find(|line| line.starts_with("upload")).unwrap();
        assert!(row.ends_with("0.80 (80 %)"), "{text}");
        // 1000 samples of 10^6 operations in 0.5 s.
        let row = text.lines().find(|line| line.starts_with("backward on the GPU")).unwrap();
        assert!(row.contains("0.5000  49.5 %") && row.contains("2.00 (50 %)"), "{text}");
        assert!(text.contains("the GPU works 89 % of an iteration; 75 % of its work"), "{text}");
        assert!(text.contains("backward on the GPU bounds the run: 50 %"), "{text}");
        assert!(text.ends_with("50 % of the operations that the machine could do"), "{text}");
    }
}
