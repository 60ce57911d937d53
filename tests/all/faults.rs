//! Damaged files, full disks and training that goes wrong: what is said, and what is kept.

use crate::common::{Ended, Place, TINY, assert_same};
use gslab::run::{file, phase::Checkpoint};
use std::fs;

const CHECKPOINT: &str = "run/seed-0/generalist/checkpoint.bin";
/// Two hundred iterations of one policy: about a second.
const TRAIN: &str = "train maze --set total_samples=200000";

/// A run of Algorithm 1, killed in phase I.
fn killed_in_phase_one() -> Place {
    let place = Place::new();
    let long = "--set gsl.window=50 --set total_samples=5e6";
    let mut running = place.start(&format!("gsl maze --out run {TINY} {long}"));
    assert!(running.until(|| place.rows("run/seed-0/generalist") >= 8));
    running.kill();
    place
}

/// A run of `TRAIN` in `run`, killed, and the same in `whole`, not killed.
fn killed_and_whole() -> Place {
    let place = Place::new();
    place.train(&format!("{TRAIN} --out whole {TINY_TRAIN}")).well();
    let mut running = place.start(&format!("{TRAIN} --out run {TINY_TRAIN}"));
    assert!(running.until(|| place.rows("run/seed-0/train") >= 8));
    running.kill();
    place
}

const TINY_TRAIN: &str = "--set ppo.samples=1000 --set ppo.minibatch=500 --set ppo.hidden=[16,16] \
    --set evaluation.episodes=4 --set checkpoint_every=3";

#[track_caller]
fn resumes_to_the_same_bytes(place: &Place) {
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), "resumed");
}

#[test]
fn a_damaged_checkpoint_is_refused_and_left_as_it_is() {
    let place = killed_in_phase_one();
    let good = place.read(CHECKPOINT);
    let damaged = |what: &str| {
        format!(
            "error: {CHECKPOINT} is damaged: {what}. \
             Restore it from a copy, or delete it to redo its phase from the start"
        )
    };
    let refused = |bytes: &[u8], message: &str| {
        place.write(CHECKPOINT, bytes);
        let before = place.tree("run");
        place.train("resume run").with(2, message);
        place.train("eval run --policy generalist").with(2, message);
        assert_same(&place.tree("run"), &before, message);
    };
    let end = good.len();
    refused(&[], &damaged("it is shorter than its header"));
    refused(&good[..20], &damaged("it is shorter than its header"));
    refused(&good[..end / 2], &damaged("it is cut short or has bytes behind its end"));
    refused(&good[..end - 1], &damaged("it is cut short or has bytes behind its end"));
    for (byte, what) in [
        (0, "it does not begin like a file of gslab"),
        (12, "its checksum does not match"),
        (16, "it is cut short or has bytes behind its end"),
        (24, "its checksum does not match"),
        (end / 2, "its checksum does not match"),
        (end - 1, "its checksum does not match"),
    ] {
        let mut bytes = good.clone();
        bytes[byte] ^= 0x10;
        refused(&bytes, &damaged(what));
    }
    let mut newer = good.clone();
    newer[8] += 1;
    let version = format!(
        "error: {CHECKPOINT} has format version {}, this gslab reads version {}: \
         use the gslab that wrote it",
        newer[8], good[8]
    );
    refused(&newer, &version);

    place.write(CHECKPOINT, &good);
    place.train("eval run --policy generalist --episodes 1").well();
}

#[test]
fn a_damaged_checkpoint_can_be_deleted_to_redo_its_phase() {
    let place = killed_and_whole();
    fs::remove_file(place.path("run/seed-0/train/checkpoint.bin")).unwrap();
    resumes_to_the_same_bytes(&place);
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let place = killed_in_phase_one();
    place.edit("run/config.toml", "hidden = [16, 16]", "hidden = [8]");
    let before = place.tree("run");
    place.train("resume run").with(
        2,
        &format!(
            "error: {CHECKPOINT} was made for networks with layers [5, 16, 16, 2] and \
             [5, 16, 16, 1], the settings ask for networks with layers [5, 8, 2] and [5, 8, 1]: \
             resume with the settings it was made with"
        ),
    );
    assert_same(&place.tree("run"), &before, "refused");
}

#[test]
fn a_checkpoint_of_other_environments_is_refused() {
    let place = killed_in_phase_one();
    place.edit("run/config.toml", "environments = 5", "environments = 10");
    let before = place.tree("run");
    let ended = place.train("resume run");
    let start = format!("error: {CHECKPOINT} does not fit the settings (");
    assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
    let end = "): resume with the settings it was made with\n";
    assert!(ended.stderr.ends_with(end), "{}", ended.stderr);
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1));
    assert_same(&place.tree("run"), &before, "refused");
}

#[test]
fn a_run_of_another_version_or_with_a_damaged_manifest_is_refused() {
    let place = killed_in_phase_one();
    let ours = env!("CARGO_PKG_VERSION");
    place.edit("run/run.toml", ours, "0.0.1");
    place.train("resume run").with(
        2,
        &format!(
            "error: run was begun by gslab 0.0.1, this is {ours}: resume it with that version"
        ),
    );
    place.write("run/run.toml", "gslab = 3");
    let ended = place.train("resume run");
    assert!(ended.stderr.starts_with("error: run/run.toml: "), "{}", ended.stderr);
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1));
}

#[test]
fn lost_metrics_are_noticed() {
    let place = killed_in_phase_one();
    let checkpoint: Checkpoint = file::load(&place.path(CHECKPOINT)).unwrap();
    assert!(checkpoint.iterations >= 3);
    for name in ["metrics.csv", "events.out.tfevents.0.gslab"] {
        let path = format!("run/seed-0/generalist/{name}");
        let good = place.read(&path);
        place.write(&path, &good[..100]);
        let before = place.tree("run");
        let ended = place.train("resume run");
        let start =
            format!("error: {path} has 100 bytes, but the checkpoint was taken when it had ");
        assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
        let end = ": metrics were lost. Restore it from a copy\n";
        assert!(ended.stderr.ends_with(end), "{}", ended.stderr);
        assert_eq!(ended.code, Some(2));
        assert_same(&place.tree("run"), &before, "refused");
        place.write(&path, good);
    }
}

#[test]
fn half_a_line_of_metrics_is_cut_away() {
    let place = killed_and_whole();
    for name in ["metrics.csv", "events.out.tfevents.0.gslab"] {
        let path = format!("run/seed-0/train/{name}");
        let mut bytes = place.read(&path);
        bytes.extend(b"9,9000,-0.87");
        place.write(&path, bytes);
    }
    resumes_to_the_same_bytes(&place);
}

#[test]
fn an_unreadable_line_of_metrics_is_named() {
    let place = Place::new();
    place.train(&format!("reproduce maze --out run {TINY}")).well();
    let path = "run/seed-0/specialist-2/metrics.csv";
    let mut lines: Vec<String> = place.text(path).lines().map(str::to_owned).collect();
    lines[3].replace_range(..1, "x");
    place.write(path, lines.join("\n") + "\n");
    // The experiment's report is to be made anew from the files of its phases.
    fs::remove_file(place.path("run/seed-0/result.bin")).unwrap();
    place.train("resume run").with(2, &format!("error: {path}, line 4: \"x\" is not a number"));
}

#[test]
fn training_that_diverges_stops_and_keeps_the_last_good_checkpoint() {
    // Sixteen layers and steps of size 1: the first iteration overflows, if the mean may.
    let deep = "--set ppo.hidden=[64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64] \
        --set ppo.mean_bound=inf";
    let place = Place::new();
    let train = |out: &str, samples: u64, extra: &str| {
        place.train(&format!(
            "train maze --out {out} {TINY_TRAIN} {deep} --set total_samples={samples} {extra}"
        ))
    };
    let diverge = "--set ppo.learning_rate=1 --set ppo.max_grad_norm=inf";
    train("new", 9000, diverge).with(
        1,
        "error: seed 0, iteration 0: the loss is not a finite number, so training stopped. \
         The last good checkpoint is new/seed-0/train/checkpoint.bin",
    );
    place.train("eval new --policy train --episodes 1").well();

    // Goes wrong after four good iterations, and on as if nothing had been once that is mended.
    train("whole", 9000, "").well();
    train("run", 4000, "").well();
    place.edit("run/config.toml", "total_samples = 4000", "total_samples = 9000");
    let config = place.text("run/config.toml");
    place.edit("run/config.toml", "learning_rate = 0.0003", "learning_rate = 1.0");
    place.edit("run/config.toml", "max_grad_norm = 0.5", "max_grad_norm = inf");
    let checkpoint = place.read("run/seed-0/train/checkpoint.bin");
    let ended = place.train("resume run");
    // Soon, if not at once: one step too long need not be the end.
    let named = |i: &u32| ended.stderr.contains(&format!("iteration {i}:"));
    let iteration = (4..9).find(named).expect("the iteration is named");
    ended.with(
        1,
        &format!(
            "error: seed 0, iteration {iteration}: the loss is not a finite number, so training \
             stopped. The last good checkpoint is run/seed-0/train/checkpoint.bin"
        ),
    );
    assert_eq!(place.read("run/seed-0/train/checkpoint.bin"), checkpoint);
    place.write("run/config.toml", config);
    resumes_to_the_same_bytes(&place);
}

#[test]
fn no_demonstration_above_the_threshold_is_an_error_that_says_what_to_do() {
    let place = Place::new();
    for task in ["gsl", "reproduce"] {
        let threshold = "--set gsl.demonstration_threshold=1e9";
        place.train(&format!("{task} maze --out {task} {TINY} {threshold}")).with(
            1,
            "error: no episode that was to demonstrate had a return above 1000000000 in 37500 samples: \
             lower gsl.demonstration_threshold, or train specialists longer",
        );
    }
}

/// Runs gslab where no file may grow beyond a few KiB, less than a checkpoint has.
#[cfg(unix)]
fn with_a_full_disk(place: &Place, arguments: &str) -> Ended {
    let gslab = env!("CARGO_BIN_EXE_gslab");
    let line = format!("trap '' XFSZ; ulimit -f 8; exec {gslab} {arguments} --device cpu --quiet");
    crate::common::ended(place.program("sh", ["-c", line.as_str()].into_iter()))
}

#[track_caller]
fn names_the_file_and_leaves_no_part(place: &Place, ended: &Ended) {
    let reason = "File too large (os error 27)\n";
    assert!(ended.stderr.starts_with("error: cannot write run/seed-0/"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with(reason), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    for name in place.tree("run").keys() {
        assert!(name.extension().is_none_or(|e| e != "part"), "{} was left", name.display());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named_and_costs_nothing_but_time() {
    let place = killed_and_whole();
    let checkpoint = place.read("run/seed-0/train/checkpoint.bin");
    let ended = with_a_full_disk(&place, "resume run");
    names_the_file_and_leaves_no_part(&place, &ended);
    assert_eq!(place.read("run/seed-0/train/checkpoint.bin"), checkpoint);
    place.train("eval run --policy train --episodes 1").well();
    resumes_to_the_same_bytes(&place);
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_from_the_start_leaves_a_run_to_resume() {
    let place = Place::new();
    place.train(&format!("gsl maze --out whole {TINY}")).well();
    let ended = with_a_full_disk(&place, &format!("gsl maze --out run {TINY}"));
    names_the_file_and_leaves_no_part(&place, &ended);
    resumes_to_the_same_bytes(&place);
}
