//! How many instructions the hot parts take, as `valgrind --tool=callgrind` counts them, beside
//! what `tests/instructions.toml` says: a slowdown shows in the change that makes it, on however
//! busy a machine. A part that has become cheaper fails, too: the file should say so.
//!
//! `GSLAB_COUNT=1 cargo test --workspace --test instructions` writes the file anew.

#[path = "../benches/parts/mod.rs"]
mod parts;

use libtest_mimic::{Arguments, Failed, Trial};
use parts::{PARTS, Part};
use std::{collections::BTreeMap, env, fs, process::Command};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/instructions.toml");
/// Names the part that a process under valgrind is for.
const PART: &str = "GSLAB_PART";
/// Set to 1, it has the file written.
const COUNT: &str = "GSLAB_COUNT";
/// The same program takes the same number to a few in a thousand. But what a compiler inlines hangs
/// on how it cuts a crate into parts, which any change of the crate may change: steps of Procgen
/// differed by 7 % for that.
const TOLERANCE: f64 = 0.1;

fn main() {
    if let Ok(name) = env::var(PART) {
        let part = PARTS.iter().find(|part| part.name == name).expect("it is asked for by name");
        let mut work = (part.prepare)();
        // Once before, so that nothing is made for the first time.
        work();
        counted_by_callgrind(&mut work);
        return;
    }
    let arguments = Arguments::from_args();
    if env::var_os(COUNT).is_some_and(|value| value == "1") {
        return write();
    }
    let trials = PARTS.iter().map(|part| Trial::test(part.name, || check(part))).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// What is counted: callgrind looks for the name.
#[inline(never)]
fn counted_by_callgrind(work: &mut dyn FnMut()) {
    work();
    std::hint::black_box(());
}

/// Instructions for an item.
fn count(part: &Part) -> Result<f64, Failed> {
    let this = env::current_exe().map_err(|e| e.to_string())?;
    let ended = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted_by_callgrind*")
        .arg(this)
        .env(PART, part.name)
        .output()
        .map_err(|e| format!("valgrind does not start ({e}): install it, as `./test` does"))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected = collected.and_then(|n| n.trim().parse::<f64>().ok());
    let collected = collected.ok_or_else(|| format!("valgrind counted nothing: {said}"))?;
    Ok(collected / part.items as f64)
}

fn check(part: &Part) -> Result<(), Failed> {
    let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
    let known: BTreeMap<String, f64> = toml::from_str(&text).map_err(|e| e.to_string())?;
    let Some(&known) = known.get(part.name) else {
        return Err(format!("{FILE} does not have it: write it anew with {COUNT}=1").into());
    };
    let counted = count(part)?;
    let ratio = counted / known;
    if (ratio - 1.0).abs() <= TOLERANCE {
        return Ok(());
    }
    let message = format!(
        "{counted:.1} instructions for an item, {ratio:.3} times the {known:.1} of {FILE}: if that \
         is meant to be, write the file anew with {COUNT}=1"
    );
    Err(message.into())
}

fn write() {
    let mut text = String::from(
        "# Instructions for an item of each part of benches/parts, in the profile of the tests.\n\
         # Written by `GSLAB_COUNT=1 cargo test --workspace --test instructions`.\n",
    );
    for part in PARTS {
        let counted =
            count(part).unwrap_or_else(|e| panic!("{}: {}", part.name, e.message().unwrap_or("")));
        println!("{:16} {counted:12.1}", part.name);
        text += &format!("{} = {counted:.1}\n", part.name);
    }
    fs::write(FILE, text).unwrap_or_else(|e| panic!("{FILE}: {e}"));
}
