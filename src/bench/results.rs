//! What benchmarks measure, as a file and as tables.

use crate::run::file::FileError;
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Raised whenever what is stored changes its meaning.
pub const FORMAT: u32 = 1;

/// A benchmark file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`FORMAT`] of the gslab that wrote it.
    pub format: u32,
    /// Version of that gslab.
    pub gslab: String,
    /// The command that measured, such as `bench envs`.
    pub command: String,
    pub host: Host,
    /// What computed, in words; see [`crate::device::Adapter`].
    pub device: String,
    pub measurements: Vec<Measurement>,
}

/// The machine that measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub processor: String,
    /// Hardware threads that the process may use.
    pub threads: usize,
    /// Bytes.
    pub memory: u64,
    pub system: String,
}

/// One thing that was measured, several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was at work: an environment, a network, a part of the machine.
    pub name: String,
    /// What is counted, in the plural, such as `frames`.
    pub items: String,
    /// Sizes, such as `environments`, `threads` and `batch`.
    pub parameters: BTreeMap<String, u64>,
    /// Floating-point operations that an item takes by the book, if that was counted: a convolution
    /// multiplies every weight with every pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<f64>,
    /// Bytes that an item moves at least, if that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<f64>,
    pub runs: Vec<Run>,
}

/// One repetition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub items: f64,
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds that all threads of the process computed, taken together.
    pub cpu: f64,
}

/// A number that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// Items per second of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// A second that one core computed.
    CpuSecond,
    /// A second on the clock.
    Second,
}

/// A benchmark file that is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} is no benchmark file: {what}. Give it a file that `gslab bench … --json FILE` wrote", path = .path.display())]
    NotResults { path: PathBuf, what: String },
    #[error(
        "{path} has format {found} of benchmark files, this gslab reads {FORMAT}: measure again, or \
         use the gslab that wrote it",
        path = .path.display()
    )]
    Format { path: PathBuf, found: u64 },
}

impl Results {
    pub fn new(command: &str, device: String, measurements: Vec<Measurement>) -> Self {
        let gslab = env!("CARGO_PKG_VERSION").into();
        let (command, host) = (command.into(), Host::this());
        Self { format: FORMAT, gslab, command, host, device, measurements }
    }

    /// Reads a file that `--json` wrote.
    ///
    /// # Errors
    /// It cannot be read, is no benchmark file, or one of another format.
    pub fn load(path: &Path) -> Result<Self, Unusable> {
        let text = fs::read_to_string(path).map_err(FileError::io("read", path))?;
        let damaged =
            |e: serde_json::Error| Unusable::NotResults { path: path.into(), what: e.to_string() };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(damaged)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(FORMAT) => {
                Err(Unusable::Format { path: path.into(), found })
            }
            _ => serde_json::from_value(value).map_err(damaged),
        }
    }
}

impl Host {
    /// The machine that this runs on.
    pub fn this() -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        system.refresh_cpu_all();
        let processor = system.cpus().first().map_or(String::new(), |cpu| cpu.brand().to_owned());
        Self {
            processor,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: system.total_memory(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl Measurement {
    /// Repeats some work, which returns how many items it did: about half of `seconds` of it to
    /// warm up, then `repetitions` runs of at least `seconds` CPU seconds, or as many on the clock.
    pub fn of(
        (name, items): (&str, &str),
        parameters: &[(&str, u64)],
        (seconds, repetitions): (f64, u32),
        mut work: impl FnMut() -> f64,
    ) -> Self {
        let mut run = |seconds: f64| {
            let (began, computed, mut items) = (Instant::now(), ProcessTime::now(), 0.0);
            loop {
                items += work();
                let (wall, cpu) = (began.elapsed().as_secs_f64(), computed.elapsed().as_secs_f64());
                if wall.max(cpu) >= seconds {
                    return Run { items, wall, cpu };
                }
            }
        };
        run(seconds / 2.0);
        Self {
            name: name.into(),
            items: items.into(),
            parameters: parameters.iter().map(|&(name, value)| (name.into(), value)).collect(),
            operations: None,
            bytes: None,
            runs: (0..repetitions).map(|_| run(seconds)).collect(),
        }
    }

    /// Items per second.
    pub fn rate(&self, per: Per) -> Spread {
        Spread::of(self.runs.iter().map(|run| match per {
            Per::CpuSecond => run.items / run.cpu,
            Per::Second => run.items / run.wall,
        }))
    }

    /// Whether both measured the same thing.
    pub fn is_same(&self, other: &Self) -> bool {
        let key = |m: &Self| (m.name.clone(), m.items.clone(), m.parameters.clone());
        key(self) == key(other)
    }

    /// Sizes in words.
    pub fn sizes(&self) -> String {
        let size = |(name, n): (&String, &u64)| match n {
            1 => format!("1 {}", name.strip_suffix('s').unwrap_or(name)),
            n => format!("{n} {name}"),
        };
        self.parameters.iter().map(size).collect::<Vec<_>>().join(", ")
    }
}

impl Spread {
    /// Of at least one value.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (n, middle) = (values.len(), values.len() / 2);
        let median =
            if n % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) };
        Self { median, lowest: values[0], highest: values[n - 1] }
    }
}

/// The measurements as a table for the terminal: a line each, and the geometric mean over names
/// where several were measured in the same way.
pub fn table(measurements: &[Measurement]) -> String {
    let mut text = format!("{HEAD}\n");
    for measurement in measurements {
        let _ = writeln!(text, "{}", line(measurement));
    }
    for (items, sizes, mean) in geometric_means(measurements) {
        let _ =
            writeln!(text, "{:20} {items:20} {sizes:34} {:>13}", "geometric mean", grouped(mean));
    }
    text.pop();
    text
}

/// What the columns of [`line`] are.
pub const HEAD: &str = "what                 items                sizes                               \
                        per CPU second           lowest to highest    per second";

/// A measurement as a line of [`table`].
pub fn line(measurement: &Measurement) -> String {
    let Measurement { name, items, .. } = measurement;
    let Spread { median, lowest, highest } = measurement.rate(Per::CpuSecond);
    let range = format!("{} to {}", grouped(lowest), grouped(highest));
    format!(
        "{name:20} {items:20} {:34} {:>13} {range:>27} {:>13}",
        measurement.sizes(),
        grouped(median),
        grouped(measurement.rate(Per::Second).median)
    )
}

/// What was measured of several members of a family, such as `procgen:…`, with the same sizes: items,
/// sizes, and the geometric mean of items per CPU second.
pub fn geometric_means(measurements: &[Measurement]) -> Vec<(String, String, f64)> {
    let mut logarithms: BTreeMap<(&str, &str, String), Vec<f64>> = BTreeMap::new();
    for m in measurements {
        // Stages of an iteration are no family.
        let Some((family, _)) = m.name.split_once(':').filter(|_| !m.name.contains(' ')) else {
            continue;
        };
        let rates = logarithms.entry((family, &m.items, m.sizes())).or_default();
        rates.push(m.rate(Per::CpuSecond).median.ln());
    }
    let several = logarithms.into_iter().filter(|(_, rates)| rates.len() > 1);
    let mean = |rates: &[f64]| (rates.iter().sum::<f64>() / rates.len() as f64).exp();
    several.map(|((_, items, sizes), rates)| (items.to_owned(), sizes, mean(&rates))).collect()
}

/// A rate with its digits in groups of three, or with decimals where it is small.
pub fn grouped(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    indicatif::HumanCount(value.round() as u64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn measured(name: &str, rates: &[f64]) -> Measurement {
        let runs = rates.iter().map(|&items| Run { items, wall: 1.0, cpu: 2.0 }).collect();
        Measurement {
            name: name.into(),
            items: "steps".into(),
            parameters: BTreeMap::from([("threads".into(), 1)]),
            operations: None,
            bytes: None,
            runs,
        }
    }

    #[test]
    fn a_rate_is_the_median_of_its_runs() {
        let m = measured("a", &[8.0, 2.0, 4.0]);
        assert_eq!(m.rate(Per::Second), Spread { median: 4.0, lowest: 2.0, highest: 8.0 });
        assert_eq!(m.rate(Per::CpuSecond), Spread { median: 2.0, lowest: 1.0, highest: 4.0 });
        assert_eq!(measured("a", &[8.0, 2.0]).rate(Per::Second).median, 5.0);
    }

    #[test]
    fn work_is_repeated_until_its_time_is_over() {
        let mut calls = 0;
        let m = Measurement::of(("spin", "loops"), &[("threads", 1)], (0.01, 3), || {
            calls += 1;
            let began = Instant::now();
            while began.elapsed().as_millis() < 2 {}
            7.0
        });
        assert_eq!(m.runs.len(), 3);
        // The time of the process is everybody's, so another test may end a run early.
        assert!(m.runs.iter().all(|run| run.wall.max(run.cpu) >= 0.01), "{m:?}");
        let items: f64 = m.runs.iter().map(|run| run.items).sum();
        assert!(items / 7.0 < f64::from(calls) && items % 7.0 == 0.0);
    }

    #[test]
    fn means_are_taken_over_families() {
        let of = |name, rate| measured(name, &[rate]);
        let means = geometric_means(&[of("x:a", 2.0), of("x:b", 32.0), of("c", 9.0)]);
        assert_eq!(means.len(), 1);
        assert!((means[0].2 - 4.0).abs() < 1e-12);
        assert!(geometric_means(&[of("x:a", 2.0), of("y:a", 2.0)]).is_empty());
        assert!(geometric_means(&[of("x:y: draw", 2.0), of("x:y: infer", 2.0)]).is_empty());
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_another_format_is_refused() {
        let dir = temp_dir::TempDir::new().unwrap();
        let path = dir.child("results.json");
        let results = Results::new("bench envs", "CPU".into(), vec![measured("a", &[1.5])]);
        let mut value = serde_json::to_value(&results).unwrap();
        fs::write(&path, value.to_string()).unwrap();
        assert_eq!(Results::load(&path).unwrap(), results);
        value["format"] = 99.into();
        fs::write(&path, value.to_string()).unwrap();
        assert!(matches!(Results::load(&path), Err(Unusable::Format { found: 99, .. })));
        fs::write(&path, "{}").unwrap();
        let error = Results::load(&path).unwrap_err().to_string();
        assert!(error.contains("is no benchmark file: missing field"), "{error}");
    }
}
