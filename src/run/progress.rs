//! Progress on the terminal: one bar for each phase under way, with rate and time left.

use cpu_time::ProcessTime;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Where progress goes; clones share the terminal.
#[derive(Clone)]
pub struct Progress {
    bars: Arc<MultiProgress>,
    quiet: bool,
    terminal: bool,
    /// Samples trained on by this process.
    samples: Arc<AtomicU64>,
    began: (Instant, ProcessTime),
}

impl Progress {
    /// Bars on a terminal, a line for each finished phase elsewhere, nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self {
            bars: Arc::new(MultiProgress::with_draw_target(target)),
            quiet,
            terminal,
            samples: Arc::default(),
            began: (Instant::now(), ProcessTime::now()),
        }
    }

    /// A bar over `total` samples, of which `done` were made before.
    pub fn phase(&self, name: &str, done: u64, total: u64) -> PhaseBar {
        let style = ProgressStyle::with_template(
            "{prefix:28} {wide_bar:.cyan/dim} {percent:>3}% {human_pos:>9} {per_sec:>16} {eta:>4} left {msg}",
        )
        .expect("the template is a constant")
        .progress_chars("━╸─");
        let bar = self.bars.add(ProgressBar::new(total).with_style(style));
        bar.set_prefix(name.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        PhaseBar { bar, progress: self.clone(), name: name.into() }
    }

    /// A bar over other work than samples, in whatever `total` counts.
    pub fn work(&self, name: &str, total: u64) -> ProgressBar {
        let style = ProgressStyle::with_template(
            "{prefix:28} {wide_bar:.cyan/dim} {percent:>3}% {per_sec:>16} {eta:>4} left",
        )
        .expect("the template is a constant")
        .progress_chars("━╸─");
        let bar = self.bars.add(ProgressBar::new(total).with_style(style));
        bar.set_prefix(name.to_owned());
        bar
    }

    /// Prints while the bars are out of the way.
    pub fn clear(&self, print: impl FnOnce()) {
        self.bars.suspend(print);
    }

    /// What this process has done so far: samples, seconds, and samples per CPU second, with
    /// everything counted that the seconds went to.
    pub fn throughput(&self) -> String {
        let samples = self.samples.load(Ordering::Relaxed);
        let (wall, cpu) = (self.began.0.elapsed(), self.began.1.elapsed());
        format!(
            "{samples} samples in {:.1} s, {:.1} CPU s: {:.0} samples per CPU second",
            wall.as_secs_f64(),
            cpu.as_secs_f64(),
            samples as f64 / cpu.as_secs_f64()
        )
    }

    /// A line above the bars.
    pub fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.terminal {
            // An error here is an error of the terminal itself; there is nobody left to tell.
            let _ = self.bars.println(line);
        } else {
            // Nobody reading it, as in `gslab … 2>&1 | head`, is no reason to stop training.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// The bar of one phase; it goes away with the value.
pub struct PhaseBar {
    bar: ProgressBar,
    progress: Progress,
    name: String,
}

impl PhaseBar {
    /// The phase has now done `samples` samples.
    pub fn at(&self, samples: u64, message: String) {
        let new = samples.saturating_sub(self.bar.position());
        self.progress.samples.fetch_add(new, Ordering::Relaxed);
        self.bar.set_position(samples);
        self.bar.set_message(message);
    }

    pub fn finish(&self, message: &str) {
        self.bar.finish_and_clear();
        self.progress.say(&format!("{:28} {message}", self.name));
    }
}

impl Drop for PhaseBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
