use super::Output;
use crate::{
    device::{self, DeviceChoice},
    error::Result,
};
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Findings {
    gslab: &'static str,
    processor: String,
    threads: usize,
    /// Bytes.
    memory: u64,
    memory_free: u64,
    /// What `--device auto` takes.
    device: String,
    /// The GPU, or why there is none to use.
    gpu: String,
    /// Versions of the libraries that the results hang on.
    versions: Vec<(String, String)>,
}

impl Doctor {
    pub fn run(self) -> Result<ExitCode> {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        system.refresh_cpu_all();
        let processor = system.cpus().first().map_or(String::new(), |cpu| cpu.brand().to_owned());
        let gpu = match device::open(DeviceChoice::Gpu) {
            Ok(gpu) => gpu.describe().to_string(),
            Err(error) => format!("none: {error}"),
        };
        let findings = Findings {
            gslab: env!("CARGO_PKG_VERSION"),
            processor,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: system.total_memory(),
            memory_free: system.available_memory(),
            device: device::open(DeviceChoice::Auto)?.describe().to_string(),
            gpu,
            versions: versions(),
        };
        let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        let versions: Vec<String> =
            findings.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        self.output.say(&format!(
            "gslab      {}\nprocessor  {}\nthreads    {}\nmemory     {}, {} free\ndevice     {}\ngpu        {}\nversions   {}",
            findings.gslab,
            findings.processor,
            findings.threads,
            gib(findings.memory),
            gib(findings.memory_free),
            findings.device,
            findings.gpu,
            versions.join(", "),
        ));
        self.output.json(&findings)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Versions as the lock file that this program was built from has them.
fn versions() -> Vec<(String, String)> {
    let lock: toml::Table = include_str!("../../Cargo.lock").parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let built_in: &[&str] =
        if cfg!(feature = "gpu") { &["burn", "gemm", "wgpu"] } else { &["gemm"] };
    packages
        .into_iter()
        .flatten()
        .filter_map(|package| {
            let text = |key| package.get(key)?.as_str().map(str::to_owned);
            Some((text("name")?, text("version")?))
        })
        .filter(|(name, _)| built_in.contains(&name.as_str()))
        .collect()
}
