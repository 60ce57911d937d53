//! A timeline in Chrome's trace event format, which Perfetto, speedscope and chrome://tracing read
//! ("Trace Event Format", Google, 2016).

use super::{Detail, Event, LANES, LISTED, Lane, STAGES, Stage, device, lock, record};
use crate::run::file::FileError;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often what was recorded is written.
const PERIOD: Duration = Duration::from_millis(200);
/// There is one process.
const PROCESS: u32 = 1;

/// A file that takes in every span until it is finished. One that was cut off can be read, too: the
/// bracket at the end of the array may be missing.
pub struct TraceFile {
    path: PathBuf,
    finish: Sender<()>,
    writer: JoinHandle<io::Result<()>>,
}

/// An event as the format has it; times in microseconds.
#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    ph: &'static str,
    pid: u32,
    tid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<&'a str, Argument<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Argument<'a> {
    Number(f64),
    Text(&'a str),
}

impl TraceFile {
    /// Begins the file and records from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = File::create(path).map_err(FileError::io("create", path))?;
        let mut file = BufWriter::new(file);
        write!(file, "[").map_err(FileError::io("write", path))?;
        record(Detail::Coarse);
        LISTED.store(true, Ordering::Relaxed);
        let (finish, finished) = channel();
        let writer = thread::Builder::new().name("trace".into()).spawn(move || {
            let written = Lines { file, first: true, named: 0 }.write(&finished);
            // Nobody takes in what would be listed.
            LISTED.store(false, Ordering::Relaxed);
            written
        });
        let writer = writer.map_err(FileError::io("write", path))?;
        Ok(Self { path: path.into(), finish, writer })
    }

    /// Records no more, and writes what is left.
    ///
    /// # Errors
    /// Something could not be written, now or before.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, finish, writer } = self;
        record(Detail::Off);
        drop(finish);
        let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("its writer ended")));
        written.map_err(FileError::io("write", &path))
    }
}

struct Lines<W> {
    file: W,
    first: bool,
    /// Lanes whose names are written.
    named: usize,
}

impl<W: Write> Lines<W> {
    /// Writes what is recorded until the sender is dropped.
    fn write(mut self, finished: &Receiver<()>) -> io::Result<()> {
        self.metadata("process_name", 0, "gslab")?;
        loop {
            let waited = finished.recv_timeout(PERIOD);
            self.drain()?;
            if waited != Err(RecvTimeoutError::Timeout) {
                writeln!(self.file, "\n]")?;
                return self.file.flush();
            }
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        device::settle();
        let lanes: Vec<Arc<Mutex<Lane>>> = lock(&LANES).clone();
        for (tid, lane) in lanes.iter().enumerate() {
            // What follows may take a while, in which the thread goes on.
            let (name, events) = {
                let mut lane = lock(lane);
                (lane.name.clone(), std::mem::take(&mut lane.events))
            };
            if tid >= self.named {
                self.named = tid + 1;
                self.metadata("thread_name", tid, &name)?;
            }
            events.iter().try_for_each(|event| self.event(tid, event))?;
        }
        self.file.flush()
    }

    fn metadata(&mut self, name: &str, tid: usize, value: &str) -> io::Result<()> {
        let args = BTreeMap::from([("name", Argument::Text(value))]);
        self.line(&Written { name, ph: "M", pid: PROCESS, tid, ts: None, dur: None, args })
    }

    fn event(&mut self, tid: usize, event: &Event) -> io::Result<()> {
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let written = |name, ph, at, dur, args| Written {
            name,
            ph,
            pid: PROCESS,
            tid,
            ts: Some(micros(at)),
            dur,
            args,
        };
        match *event {
            Event::Span { stage, began, nanos, short } => {
                let args = shorter(&short).map(|(name, n)| (name, Argument::Number(micros(n))));
                let dur = Some(micros(nanos));
                self.line(&written(stage.name(), "X", began, dur, args.collect()))
            }
            Event::Counter { name, at, value } => {
                let args = BTreeMap::from([("value", Argument::Number(value))]);
                self.line(&written(name, "C", at, None, args))
            }
        }
    }

    fn line(&mut self, event: &Written<'_>) -> io::Result<()> {
        writeln!(self.file, "{}", if std::mem::take(&mut self.first) { "" } else { "," })?;
        Ok(serde_json::to_writer(&mut self.file, event)?)
    }
}

/// Stages of which there were spans too short to be listed.
fn shorter(short: &[u64; STAGES]) -> impl Iterator<Item = (&'static str, u64)> {
    Stage::ALL.into_iter().map(Stage::name).zip(short.iter().copied()).filter(|&(_, n)| n > 0)
}
