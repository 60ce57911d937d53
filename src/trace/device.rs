//! Times of a GPU itself: how long it worked on what was started within a span.
//!
//! Windows are opened and closed as spans are, and the GPU notes in each when its first kernel began
//! and its last one ended. What it noted is read later, when it is needed.

use super::{Event, LANES, LISTED, Lane, STAGES, Stage, epoch, lock, nanos};
use crate::gpu::{self, Gpu, Noted};
use burn::tensor::Device;
use std::{
    cell::OnceCell,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Stages of which a GPU does a part; none lies within another.
const TIMED: [Stage; 7] = [
    Stage::Draw,
    Stage::Infer,
    Stage::Sample,
    Stage::Advantages,
    Stage::Forward,
    Stage::Backward,
    Stage::Optimiser,
];

/// Whether the GPU that will be opened is to be timed some time.
static WANTED: AtomicBool = AtomicBool::new(false);
/// Whether it is timed now.
static TIMING: AtomicBool = AtomicBool::new(false);
/// The one that this process opens.
static GPU: OnceLock<Gpu> = OnceLock::new();
static PENDING: Mutex<Vec<Pending>> = Mutex::new(Vec::new());

/// A stage of which the GPU notes its part.
pub struct Window {
    stage: Stage,
    of: OfThread,
    open: gpu::Window,
}

/// What the GPU has noted of a window, or will have.
struct Pending {
    stage: Stage,
    of: OfThread,
    noted: Noted,
}

/// Where what a thread starts is listed.
#[derive(Clone)]
struct OfThread {
    lane: Arc<Mutex<Lane>>,
    /// What to add to the GPU's nanoseconds; its clock has another beginning.
    ahead: i128,
}

thread_local! {
    /// None for a thread on whose stream nothing can be timed.
    static THREAD: OnceCell<Option<OfThread>> = const { OnceCell::new() };
}

/// Tells that a GPU was opened.
pub fn opened(device: &Device) {
    if !WANTED.load(Ordering::Relaxed) {
        return;
    }
    if let Ok(gpu) = Gpu::new(device)
        && gpu.has_timestamps()
    {
        // There is but one.
        let _ = GPU.set(gpu);
    }
}

/// Says that the GPU that is opened from now on will be timed, once [`time`] says so.
pub fn want() {
    epoch();
    WANTED.store(true, Ordering::Relaxed);
}

/// Has spans time the GPU as well. Each then waits for what was started before its end: so wgpu 30
/// does, which submits nothing while it waits for notes.
pub fn time() {
    TIMING.store(true, Ordering::Relaxed);
}

/// Whether there is a GPU that can be timed.
pub fn is_timed() -> bool {
    GPU.get().is_some()
}

/// A window of a stage if the GPU does a part of it and is timed.
pub(super) fn begin(stage: Stage) -> Option<Window> {
    if !TIMING.load(Ordering::Relaxed) || !TIMED.contains(&stage) {
        return None;
    }
    let gpu = GPU.get()?;
    let of = THREAD.with(|thread| thread.get_or_init(|| of_thread(gpu)).clone())?;
    Some(Window { stage, of, open: gpu.open_window()? })
}

pub(super) fn end(Window { stage, of, open }: Window) {
    if let Some(noted) = GPU.get().and_then(|gpu| gpu.close_window(open)) {
        lock(&PENDING).push(Pending { stage, of, noted });
    }
}

/// Asks when on this thread's clock something ended on the GPU's.
fn of_thread(gpu: &Gpu) -> Option<OfThread> {
    let window = gpu.open_window()?;
    gpu.touch();
    let noted = gpu.close_window(window)?;
    let (began, took) = noted.wait(epoch())?;
    let ahead = i128::from(nanos(epoch().elapsed())) - (began + took).as_nanos() as i128;
    let mut lanes = lock(&LANES);
    let name = if lanes.iter().any(|lane| lock(lane).of_gpu) {
        format!("GPU, for {}", thread::current().name().unwrap_or("another thread"))
    } else {
        "GPU".into()
    };
    let lane = Arc::new(Mutex::new(Lane { name, of_gpu: true, ..Lane::default() }));
    lanes.push(lane.clone());
    Some(OfThread { lane, ahead })
}

/// Waits for the GPU's notes on all windows that are closed and takes them in.
pub(super) fn settle() {
    let pending = std::mem::take(&mut *lock(&PENDING));
    for Pending { stage, of: OfThread { lane, ahead }, noted } in pending {
        let Some((began, took)) = noted.wait(epoch()) else { continue };
        let mut lane = lock(&lane);
        let took = nanos(took);
        lane.totals.nanos[stage as usize] += took;
        lane.totals.spans[stage as usize] += 1;
        if LISTED.load(Ordering::Relaxed) {
            let began = (began.as_nanos() as i128 + ahead).max(0) as u64;
            lane.events.push(Event::Span { stage, began, nanos: took, short: [0; STAGES] });
        }
    }
}
