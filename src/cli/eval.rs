use super::Machine;
#[cfg(feature = "gpu")]
use crate::learn::{
    pixels::gpu::ResidentPixels, ppg::gpu::ResidentPhasic, sac::cloud::CloudNetworks,
};
use crate::{
    device::Device,
    error::{Error, Result},
    experiments::procgen::TEST,
    gsl::{
        algorithm1::Plateau,
        evaluate::{Acting, Evaluation, evaluate},
    },
    learn::{
        agent::Agent, pixels::Pixels, ppg::Phasic, sac::agent::SacAgent, vectors::GaussianAgent,
    },
    run::{
        config::{Algorithm, Config, Overlap},
        directory,
        file::load,
        phase::{CHECKPOINT, Checkpoint, FINAL},
    },
};
use clap::{Args, ValueEnum};
use gslab_envs::{ActionSpace, Spec, registry::Family, rng::derive_seed};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Args)]
pub struct Eval {
    /// Directory of a run
    run: PathBuf,
    /// Which policy: `final`, `plateau`, or a phase of the run such as `specialist-2` (its best
    /// checkpoint)
    #[arg(long, value_name = "NAME", default_value = "final")]
    policy: String,
    /// Episodes of every variation
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    episodes: u64,
    /// How to act
    #[arg(long, value_enum, default_value_t = ActingChoice::Sampled)]
    acting: ActingChoice,
    /// Seed of the levels and the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Measure a game of Procgen as the paper does: also on the levels 100000 to 100999
    #[arg(long)]
    test: bool,
    /// Number of test levels
    #[arg(long, value_name = "N", default_value_t = TEST, requires = "test", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    test_levels: u32,
    /// Measure on test levels even if the policy was trained on some of them
    #[arg(long, requires = "test")]
    allow_overlap: bool,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Clone, Copy, ValueEnum)]
enum ActingChoice {
    Mean,
    Sampled,
}

#[derive(Serialize)]
struct Measured {
    /// Name of the seed's directory.
    seed: String,
    /// `training` or `test`.
    levels: &'static str,
    /// Normalised mean return, where returns have a scale.
    normalised: Option<f64>,
    evaluation: Evaluation,
}

impl Eval {
    pub fn run(self) -> Result<ExitCode> {
        let (_, config) = directory::read(&self.run)?;
        let mut sets = vec![("training", config.family()?)];
        if self.test {
            let overlap = if self.allow_overlap { Overlap::Allow } else { Overlap::Refuse };
            sets.push(("test", config.on_test_levels(self.test_levels, overlap)?.family()?));
        }
        let spec = sets[0].1.spec();
        let (device, _) = self.machine.start_for(config.algorithm, spec)?;
        let measure = match (spec.action, config.algorithm) {
            #[cfg(feature = "gpu")]
            (ActionSpace::Continuous { .. }, Algorithm::Sac) if spec.points > 0 => {
                Self::measure::<SacAgent<CloudNetworks>>
            }
            (ActionSpace::Continuous { .. }, Algorithm::Sac) => Self::measure::<SacAgent>,
            (ActionSpace::Continuous { .. }, _) => Self::measure::<GaussianAgent>,
            #[cfg(feature = "gpu")]
            (_, Algorithm::Ppg) if device.is_gpu() => {
                Self::measure::<ResidentPixels<ResidentPhasic>>
            }
            (_, Algorithm::Ppg) => Self::measure::<Pixels<Phasic>>,
            #[cfg(feature = "gpu")]
            _ if device.is_gpu() => Self::measure::<ResidentPixels>,
            _ => Self::measure::<Pixels>,
        };
        let mut measured = Vec::new();
        for dir in seeds(&self.run)? {
            let seed = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for (levels, family) in &sets {
                let evaluation = measure(&self, &dir, &config, &**family, &device)?;
                let title = if self.test { format!("{seed}, {levels}") } else { seed.clone() };
                self.machine.output.say(&table(&title, &evaluation, family.spec()));
                let spec = family.spec();
                let normalised =
                    spec.return_range.map(|_| spec.normalised(evaluation.mean_return()));
                measured.push(Measured { seed: seed.clone(), levels, normalised, evaluation });
            }
        }
        self.machine.output.json(&measured)?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure<A: Agent>(
        &self,
        dir: &Path,
        config: &Config,
        family: &dyn Family,
        device: &Device,
    ) -> Result<Evaluation> {
        let weights = weights::<A::Weights>(dir, &self.policy)?;
        let acting = match self.acting {
            ActingChoice::Mean => Acting::Mean,
            ActingChoice::Sampled => Acting::Sampled,
        };
        let variations: Vec<u32> = (0..family.spec().variations).collect();
        Ok(device.work(|| {
            let mut agent = A::new(device, &config.environment, weights);
            let seed = derive_seed(self.seed, "eval");
            evaluate(family, &mut agent, &variations, self.episodes as usize, acting, seed)
        })?)
    }
}

/// The directories of a run's seeds, in the order of the seeds.
pub(super) fn seeds(run: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(run).map_err(crate::run::file::FileError::io("read", run))?;
    let mut found: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("seed-")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    if found.is_empty() {
        let run = run.display();
        return Err(Error::Usage(format!(
            "{run} has no trained policy yet: go on with `gslab resume {run}`"
        )));
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// A policy of a seed by name: `final`, `plateau`, or a phase.
pub(super) fn weights<W: DeserializeOwned + Clone>(dir: &Path, policy: &str) -> Result<W> {
    let file = match policy {
        "final" => dir.join(FINAL),
        "plateau" => dir.join("plateau.bin"),
        phase => dir.join(phase).join(CHECKPOINT),
    };
    if !file.is_file() {
        return Err(Error::Usage(format!(
            "--policy {policy}: {} does not exist; there are: {}",
            file.display(),
            policies(dir).join(", ")
        )));
    }
    Ok(match policy {
        "final" => load(&file)?,
        "plateau" => load::<Plateau<W>>(&file)?.weights,
        _ => load::<Checkpoint<W>>(&file)?.best_weights().clone(),
    })
}

/// The policies that a seed's directory holds.
fn policies(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(CHECKPOINT).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for (name, file) in [("final", FINAL), ("plateau", "plateau.bin")] {
        if dir.join(file).is_file() {
            names.push(name.into());
        }
    }
    names.sort();
    names
}

fn table(title: &str, evaluation: &Evaluation, spec: &Spec) -> String {
    let scaled = spec.return_range.is_some();
    let normalised = |total: f64| match scaled {
        true => format!("  {:>10.3}", spec.normalised(total)),
        false => String::new(),
    };
    let header = if scaled { "  normalised" } else { "" };
    let mut text =
        format!("{title}\n  variation  episodes  mean return{header}  success  ever solved\n");
    for s in &evaluation.scores {
        text += &format!(
            "  {:>9}  {:>8}  {:>11.2}{}  {:>7.3}  {:>11.3}\n",
            s.variation,
            s.episodes,
            s.mean_return,
            normalised(s.mean_return),
            s.success,
            s.ever_solved
        );
    }
    text + &format!(
        "  {:>9}  {:>8}  {:>11.2}{}  {:>7.3}",
        "mean",
        "",
        evaluation.mean_return(),
        normalised(evaluation.mean_return()),
        evaluation.success()
    )
}
