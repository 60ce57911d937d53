//! Where time goes: spans of named stages on every thread.
//!
//! Off, a span costs one load. On, it is timed and counted to its stage without the spans within
//! it; [`chrome`] writes those that last to a file, too.

pub mod chrome;
#[cfg(feature = "gpu")]
pub mod device;
#[cfg(not(feature = "gpu"))]
#[path = "trace/no_device.rs"]
pub mod device;

use serde::{Deserialize, Serialize};
use std::{
    cell::RefCell,
    marker::PhantomData,
    ops::AddAssign,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What a program that learns does with its time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// An iteration of training; by itself what none of the others names.
    Iteration,
    /// A rollout; by itself the moving of what was seen to where it is kept.
    Collect,
    /// Worlds make a step, and their next levels.
    Simulate,
    /// Worlds list what they look like.
    DrawList,
    /// Lists become pixels; on a GPU the call that starts it.
    Draw,
    /// What the GPU needs crosses to it.
    Upload,
    /// Networks choose actions; on a GPU the call that starts it.
    Infer,
    /// Actions are drawn from the policy.
    Sample,
    /// Waiting for actions, and whatever else networks say of a world, to come back from the GPU.
    ActionsBack,
    /// Advantages and targets of the values.
    Advantages,
    /// An update; by itself the losses, the gathering of minibatches, and waiting for other
    /// threads.
    Update,
    Forward,
    Backward,
    /// Adding up of gradients, Adam, and what networks prepare for the next pass.
    Optimiser,
    /// Episodes that measure a policy.
    Evaluate,
    /// Writing of a checkpoint.
    Checkpoint,
    /// Metrics, TensorBoard events and progress.
    Logging,
}

/// Number of stages.
pub const STAGES: usize = 17;

impl Stage {
    /// Every stage, in the order in which tables list them.
    pub const ALL: [Self; STAGES] = {
        use Stage::*;
        [
            Iteration,
            Collect,
            Simulate,
            DrawList,
            Draw,
            Upload,
            Infer,
            Sample,
            ActionsBack,
            Advantages,
            Update,
            Forward,
            Backward,
            Optimiser,
            Evaluate,
            Checkpoint,
            Logging,
        ]
    };

    /// As tables and timelines call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iteration => "iteration",
            Self::Collect => "collect",
            Self::Simulate => "simulate",
            Self::DrawList => "draw list",
            Self::Draw => "draw",
            Self::Upload => "upload",
            Self::Infer => "infer",
            Self::Sample => "sample",
            Self::ActionsBack => "actions back",
            Self::Advantages => "advantages",
            Self::Update => "update",
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Optimiser => "optimiser",
            Self::Evaluate => "evaluate",
            Self::Checkpoint => "checkpoint",
            Self::Logging => "logging",
        }
    }
}

/// How much is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    Off = 0,
    /// What takes long against the two looks at the clock that a span costs.
    Coarse,
    /// Parts of a frame as well, which costs up to a hundredth of the time.
    Fine,
}

static DETAIL: AtomicU8 = AtomicU8::new(Detail::Off as u8);
/// Whether a file wants the spans themselves.
static LISTED: AtomicBool = AtomicBool::new(false);
static LANES: Mutex<Vec<Arc<Mutex<Lane>>>> = Mutex::new(Vec::new());

/// Spans that are shorter are not listed one by one but summed up in the span around them: worlds
/// as small as the maze make a hundred thousand a second.
const SHORTEST: Duration = Duration::from_micros(50);

/// What one thread recorded, or a GPU of what one thread started on it.
#[derive(Debug, Default)]
struct Lane {
    name: String,
    of_gpu: bool,
    totals: Totals,
    events: Vec<Event>,
}

/// Nanoseconds, spans and bytes of each stage on one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Without the spans within them.
    pub nanos: [u64; STAGES],
    pub spans: [u64; STAGES],
    /// That crossed to a GPU or back, likewise.
    pub bytes: [u64; STAGES],
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.nanos.iter_mut().zip(other.nanos).for_each(|(sum, n)| *sum += n);
        self.spans.iter_mut().zip(other.spans).for_each(|(sum, n)| *sum += n);
        self.bytes.iter_mut().zip(other.bytes).for_each(|(sum, n)| *sum += n);
    }
}

impl Totals {
    /// Seconds in a stage, without those of the spans within.
    pub fn seconds(&self, stage: Stage) -> f64 {
        1e-9 * self.nanos[stage as usize] as f64
    }
}

#[derive(Debug)]
enum Event {
    Span {
        stage: Stage,
        /// Nanoseconds since the recording's epoch.
        began: u64,
        nanos: u64,
        /// Nanoseconds of the shorter spans directly within.
        short: [u64; STAGES],
    },
    Counter {
        name: &'static str,
        at: u64,
        value: f64,
    },
}

#[derive(Default)]
struct Thread {
    lane: Option<Arc<Mutex<Lane>>>,
    open: Vec<Open>,
}

struct Open {
    stage: Stage,
    began: Instant,
    /// Nanoseconds of spans directly within.
    within: u64,
    short: [u64; STAGES],
}

thread_local! {
    static THREAD: RefCell<Thread> = RefCell::default();
}

/// Ends when it is dropped.
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    recorded: bool,
    window: Option<device::Window>,
    /// Spans of a thread lie within each other.
    of_thread: PhantomData<*const ()>,
}

/// Begins a span of a stage on this thread.
pub fn span(stage: Stage) -> Span {
    begin(stage, Detail::Coarse)
}

/// [`span`] for what is so short that only [`Detail::Fine`] records it.
pub fn fine_span(stage: Stage) -> Span {
    begin(stage, Detail::Fine)
}

/// Does some work as a span.
pub fn traced<T>(stage: Stage, work: impl FnOnce() -> T) -> T {
    let _span = span(stage);
    work()
}

/// Counts bytes that cross to a GPU or back to the innermost span of this thread.
pub fn crossed(bytes: usize) {
    if DETAIL.load(Ordering::Relaxed) == Detail::Off as u8 {
        return;
    }
    THREAD.with_borrow_mut(|thread| {
        if let Some(stage) = thread.open.last().map(|open| open.stage) {
            lock(thread.lane()).totals.bytes[stage as usize] += bytes as u64;
        }
    });
}

/// A number that changes over time, such as samples per second.
pub fn counter(name: &'static str, value: f64) {
    if LISTED.load(Ordering::Relaxed) {
        let event = Event::Counter { name, at: nanos(epoch().elapsed()), value };
        THREAD.with_borrow_mut(|thread| lock(thread.lane()).events.push(event));
    }
}

/// Begins to record, with totals of 0; or stops to.
pub fn record(detail: Detail) {
    epoch();
    device::settle();
    lock(&LANES).iter().for_each(|lane| lock(lane).totals = Totals::default());
    DETAIL.store(detail as u8, Ordering::Relaxed);
}

/// What was recorded so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded {
    /// Of this thread.
    pub mine: Totals,
    /// Of all threads taken together.
    pub all: Totals,
    /// What a GPU noted itself; nothing where it is not timed.
    pub gpu: Totals,
}

/// What was recorded so far. Waits for a GPU that is timed.
pub fn totals() -> Recorded {
    device::settle();
    let mine = THREAD.with_borrow_mut(|thread| thread.lane().clone());
    let mut recorded = Recorded { mine: lock(&mine).totals, ..Recorded::default() };
    for lane in &*lock(&LANES) {
        let lane = lock(lane);
        *(if lane.of_gpu { &mut recorded.gpu } else { &mut recorded.all }) += lane.totals;
    }
    recorded
}

fn begin(stage: Stage, detail: Detail) -> Span {
    let recorded = DETAIL.load(Ordering::Relaxed) >= detail as u8;
    let mut window = None;
    if recorded {
        window = device::begin(stage);
        THREAD.with_borrow_mut(|thread| {
            let (within, short) = (0, [0; STAGES]);
            thread.open.push(Open { stage, began: Instant::now(), within, short });
        });
    }
    Span { recorded, window, of_thread: PhantomData }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.recorded {
            if let Some(window) = self.window.take() {
                device::end(window);
            }
            let ended = Instant::now();
            // A thread that is being torn down has nobody left to tell.
            let _ = THREAD.try_with(|thread| thread.borrow_mut().close(ended));
        }
    }
}

impl Thread {
    fn lane(&mut self) -> &Arc<Mutex<Lane>> {
        self.lane.get_or_insert_with(|| {
            let mut lanes = lock(&LANES);
            let name = match thread::current().name() {
                Some(name) => name.to_owned(),
                None => format!("thread {}", lanes.len()),
            };
            let lane = Arc::new(Mutex::new(Lane { name, ..Lane::default() }));
            lanes.push(lane.clone());
            lane
        })
    }

    fn close(&mut self, ended: Instant) {
        let Some(Open { stage, began, within, short }) = self.open.pop() else { return };
        let took = nanos(ended.saturating_duration_since(began));
        let is_short = u128::from(took) < SHORTEST.as_nanos();
        if let Some(around) = self.open.last_mut() {
            around.within += took;
            if is_short {
                around.short[stage as usize] += took;
            }
        }
        let mut lane = lock(self.lane());
        lane.totals.nanos[stage as usize] += took.saturating_sub(within);
        lane.totals.spans[stage as usize] += 1;
        if !is_short && LISTED.load(Ordering::Relaxed) {
            let began = nanos(began.saturating_duration_since(epoch()));
            lane.events.push(Event::Span { stage, began, nanos: took, short });
        }
    }
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What a thread that panicked recorded is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
