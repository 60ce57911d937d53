//! Runs the program as a user does: as a process, in an empty directory.

// Tests that need a process of their own take a part of this.
#![allow(dead_code)]

#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(feature = "gpu")]
pub mod solids;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use temp_dir::TempDir;

/// Settings with which the whole maze experiment takes about a second.
pub const TINY: &str = "--set total_samples=60000 --set ppo.samples=1000 --set ppo.minibatch=500 \
    --set ppo.hidden=[16,16] --set gsl.specialist_samples=5000 --set gsl.merge_samples=5000 \
    --set gsl.window=5 --set gsl.demonstration_samples=150 --set evaluation.episodes=4 \
    --set checkpoint_every=3";

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Fails the test unless the command succeeded and was silent about it.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self
    }

    /// Fails the test unless the command ended with this code and just this on standard error.
    #[track_caller]
    pub fn with(self, code: i32, message: &str) -> Self {
        assert_eq!(self.stderr.trim_end(), message);
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""));
        self
    }
}

/// A place to run commands in; it goes away with the value.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(temp_dir::TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with arguments that are separated by blanks.
    pub fn command(&self, arguments: &str) -> Command {
        self.program(env!("CARGO_BIN_EXE_gslab"), arguments.split_whitespace())
    }

    /// Another program that starts gslab.
    pub fn program<'a>(&self, name: &str, arguments: impl Iterator<Item = &'a str>) -> Command {
        let mut command = Command::new(name);
        command.args(arguments).current_dir(self.0.path());
        command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
        command
    }

    /// Runs gslab to its end.
    pub fn gslab(&self, arguments: &str) -> Ended {
        ended(self.command(arguments))
    }

    /// Runs a command that trains, quietly, on the CPU.
    pub fn train(&self, arguments: &str) -> Ended {
        self.gslab(&format!("{arguments} --device cpu --quiet"))
    }

    /// Starts a command that trains.
    pub fn start(&self, arguments: &str) -> Running {
        Running::new(self.command(&format!("{arguments} --device cpu --quiet")))
    }

    /// A command that trains, quietly, on the first GPU there is, if only a software renderer.
    pub fn on_gpu(&self, arguments: &str) -> Command {
        let mut command = self.command(&format!("{arguments} --device gpu --quiet"));
        // Without a folder for it Mesa warns on standard error.
        command.env("GSLAB_SOFTWARE_GPU", "1").env("XDG_RUNTIME_DIR", self.0.path());
        command
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Replaces a part of a text file.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "no {from:?} in {text}");
        self.write(name, text.replace(from, to));
    }

    /// Every file below a directory but the lock, which holds the number of a process, and
    /// timings, which no two runs share.
    pub fn tree(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let root = self.path(name);
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let relative = path.strip_prefix(&root).unwrap().to_owned();
                if path.is_dir() {
                    // An empty directory counts too.
                    files.insert(relative, Vec::new());
                    open.push(path);
                } else if relative != Path::new("lock") && !relative.ends_with("timings.csv") {
                    files.insert(relative, fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// Rows of a phase's metrics so far.
    pub fn rows(&self, phase: &str) -> usize {
        let text = fs::read(self.path(phase).join("metrics.csv")).unwrap_or_default();
        text.iter().filter(|&&byte| byte == b'\n').count().saturating_sub(1)
    }
}

/// Runs a command to its end.
pub fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A process, killed at the latest when the value goes away.
pub struct Running(Option<Child>);

impl Running {
    pub fn new(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    pub fn id(&mut self) -> u32 {
        self.child().id()
    }

    /// Waits until something holds. False if the process ended before.
    #[track_caller]
    pub fn until(&mut self, holds: impl Fn() -> bool) -> bool {
        let begin = Instant::now();
        while !holds() {
            if self.child().try_wait().unwrap().is_some() {
                return false;
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "it takes too long");
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child().kill().unwrap();
        self.child().wait().unwrap();
    }

    pub fn signal(&mut self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end.
    pub fn ended(mut self) -> Ended {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Fails the test, with the names, unless two directories hold the same files and bytes.
#[track_caller]
pub fn assert_same(
    found: &BTreeMap<PathBuf, Vec<u8>>,
    expected: &BTreeMap<PathBuf, Vec<u8>>,
    what: &str,
) {
    let names = |tree: &BTreeMap<PathBuf, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}: other files");
    let differing: Vec<&PathBuf> = found.keys().filter(|&k| found[k] != expected[k]).collect();
    assert!(differing.is_empty(), "{what}: other bytes in {differing:?}");
}
