use super::{Repeated, threads};
use crate::{
    bench::{
        ceilings::{self, Triad},
        results::{self, Measurement, Results},
    },
    cli::start_threads,
    device::{self, DeviceChoice},
    error::Result,
};
#[cfg(feature = "gpu")]
use crate::{
    device::Device,
    error::Error,
    gpu::{Gpu, GpuError},
};
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Machine {
    /// The GPU whose transfers and launches are measured, too; none with cpu
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Worker threads, measured beside one [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    repeated: Repeated,
}

impl Machine {
    pub fn run(self) -> Result<ExitCode> {
        let output = &self.repeated.output;
        output.check()?;
        start_threads(self.threads)?;
        let device = device::open(self.device)?;
        let times = self.repeated.times();
        let mut measured = Vec::new();
        output.say(results::HEAD);
        let mut add = |done: Vec<Measurement>| {
            done.iter().for_each(|m| output.say(&results::line(m)));
            measured.extend(done);
        };
        if rayon::current_num_threads() > 1 {
            add(threads(1)?.install(|| of_cpu(times)));
        }
        add(rayon::scope(|_| of_cpu(times)));
        #[cfg(feature = "gpu")]
        if let Device::Gpu { device: gpu, adapter } = &device {
            let of_gpu = || of_gpu(&Gpu::new(gpu)?, times);
            add(device.work(of_gpu)?.map_err(|error| Error::Render {
                adapter: adapter.to_string(),
                error: Box::new(error),
            })?);
        }
        output.json(&Results::new("bench machine", device.describe().to_string(), measured))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Arithmetic and memory, on the threads of the pool that this runs in.
pub fn of_cpu(times: (f64, u32)) -> Vec<Measurement> {
    let threads = [("threads", rayon::current_num_threads() as u64)];
    let mut triad = Triad::new();
    vec![
        Measurement::of(("arithmetic", "f32 operations"), &threads, times, ceilings::multiply),
        Measurement::of(("memory", "bytes"), &threads, times, || triad.pass()),
    ]
}

/// Bytes to the GPU and back, and how often it can be asked for an answer.
#[cfg(feature = "gpu")]
fn of_gpu(gpu: &Gpu, times: (f64, u32)) -> std::result::Result<Vec<Measurement>, GpuError> {
    let bytes = vec![1; 64 << 20];
    let sizes = [("bytes", bytes.len() as u64)];
    let mut failed = None;
    let mut counted = |items: f64, done: std::result::Result<(), GpuError>| {
        failed = failed.take().or(done.err());
        items
    };
    let upload = Measurement::of(("upload", "bytes"), &sizes, times, || {
        let buffer = gpu.send(&bytes);
        counted(bytes.len() as f64, gpu.check(&buffer).and_then(|()| gpu.wait()))
    });
    let resident = gpu.send(&bytes);
    let download = Measurement::of(("download", "bytes"), &sizes, times, || {
        counted(bytes.len() as f64, gpu.read(resident.clone()).map(drop))
    });
    let latency = Measurement::of(("round trip", "answers"), &[("bytes", 4)], times, || {
        counted(1.0, gpu.read(gpu.send(&[0; 4])).map(drop))
    });
    failed.map_or(Ok(vec![upload, download, latency]), Err)
}
