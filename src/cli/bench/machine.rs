use super::{Repeated, threads};
use crate::{
    bench::{
        ceilings::{self, Triad},
        results::{self, Measurement, Results},
    },
    cli::start_threads,
    device::{self, Device, DeviceChoice},
    error::Result,
};
#[cfg(feature = "gpu")]
use crate::{
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
        if device.is_gpu() {
            add(of_device(&device, times)?);
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

/// Arithmetic and memory of a device, in this order; of a GPU also what it takes to reach it.
///
/// # Errors
/// The GPU was lost.
pub fn of_device(device: &Device, times: (f64, u32)) -> Result<Vec<Measurement>> {
    match device {
        Device::Cpu => Ok(rayon::scope(|_| of_cpu(times))),
        #[cfg(feature = "gpu")]
        Device::Gpu { device: gpu, adapter } => {
            let of_gpu = || of_gpu(&Gpu::new(gpu)?, adapter.software, times);
            device.work(of_gpu)?.map_err(|error| Error::Render {
                adapter: adapter.to_string(),
                error: Box::new(error),
            })
        }
    }
}

/// Arithmetic as Burn's product of two square matrices does it, memory as it adds up two vectors,
/// bytes to the GPU and back, and how often it can be asked for an answer.
#[cfg(feature = "gpu")]
fn of_gpu(
    gpu: &Gpu,
    software: bool,
    times: (f64, u32),
) -> std::result::Result<Vec<Measurement>, GpuError> {
    use burn::tensor::Tensor;
    let (side, numbers) = if software { (256_usize, 1 << 20) } else { (4096, 1 << 26) };
    let mut failed = None;
    let mut counted = |items: usize, done: std::result::Result<(), GpuError>| {
        failed = failed.take().or(done.err());
        items as f64
    };
    let matrix = Tensor::<2>::ones([side, side], gpu.device()) * 0.5;
    let sizes = [("side", side as u64)];
    let arithmetic = Measurement::of(("arithmetic", "f32 operations"), &sizes, times, || {
        let _product = matrix.clone().matmul(matrix.clone());
        counted(2 * side.pow(3), gpu.wait())
    });
    let vectors = [1.0, 2.0].map(|x| Tensor::<1>::ones([numbers], gpu.device()) * x);
    let sizes = [("numbers", numbers as u64)];
    let memory = Measurement::of(("memory", "bytes"), &sizes, times, || {
        let [a, b] = vectors.clone();
        let _sum = a + b;
        counted(3 * size_of::<f32>() * numbers, gpu.wait())
    });
    let bytes = vec![1; 64 << 20];
    let sizes = [("bytes", bytes.len() as u64)];
    let upload = Measurement::of(("upload", "bytes"), &sizes, times, || {
        let buffer = gpu.send(&bytes);
        counted(bytes.len(), gpu.check(&buffer).and_then(|()| gpu.wait()))
    });
    let resident = gpu.send(&bytes);
    let download = Measurement::of(("download", "bytes"), &sizes, times, || {
        counted(bytes.len(), gpu.read(resident.clone()).map(drop))
    });
    let latency = Measurement::of(("round trip", "answers"), &[("bytes", 4)], times, || {
        counted(1, gpu.read(gpu.send(&[0; 4])).map(drop))
    });
    failed.map_or(Ok(vec![arithmetic, memory, upload, download, latency]), Err)
}
