//! The settings and the seed decide every byte of a run; nothing else does.

use crate::common::{Place, TINY, assert_same, ended};

fn task(task: &str, out: &str, extra: &str) -> String {
    format!("{task} maze --out {out} {TINY} {extra}")
}

#[test]
fn every_number_of_threads_gives_the_same_bytes() {
    for name in ["reproduce", "train"] {
        let place = Place::new();
        for threads in ["1", "2", "4"] {
            place.train(&task(name, threads, &format!("--threads {threads}"))).well();
        }
        let one = place.tree("1");
        assert_same(&place.tree("2"), &one, "2 threads");
        assert_same(&place.tree("4"), &one, "4 threads");
    }
}

#[test]
fn saying_nothing_and_saying_something_give_the_same_bytes() {
    let place = Place::new();
    place.train(&task("reproduce", "quiet", "")).well();
    let said = ended(place.command(&(task("reproduce", "loud", "") + " --device cpu")));
    assert_eq!(said.code, Some(0));
    assert!(said.stdout.contains("report: loud/report.html"), "{}", said.stdout);
    // Not a terminal: lines, no moving bars.
    assert!(said.stderr.contains("specialist 5"), "{}", said.stderr);
    assert!(!said.stderr.contains(['\r', '\x1b']), "{}", said.stderr);
    assert_same(&place.tree("loud"), &place.tree("quiet"), "loud");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    for name in ["reproduce", "gsl", "train"] {
        let place = Place::new();
        place.train(&task(name, "a", "--seed 7")).well();
        place.train(&task(name, "b", "--seed 7")).well();
        place.train(&task(name, "c", "--seed 8")).well();
        assert_same(&place.tree("b"), &place.tree("a"), name);
        assert_ne!(place.read("a/seed-7/final.bin"), place.read("c/seed-8/final.bin"));
        let first = if name == "train" { "train" } else { "generalist" };
        let metrics = |run: &str| place.read(&format!("{run}/{first}/metrics.csv"));
        assert_ne!(metrics("a/seed-7"), metrics("c/seed-8"));
    }
}

#[test]
fn a_seed_does_not_depend_on_the_seeds_before_it() {
    let place = Place::new();
    place.train(&task("reproduce", "both", "--seed 0 --seeds 2")).well();
    place.train(&task("reproduce", "second", "--seed 1")).well();
    assert_same(&place.tree("both/seed-1"), &place.tree("second/seed-1"), "alone");
}

#[test]
fn an_evaluation_in_between_changes_nothing() {
    let place = Place::new();
    place.train(&task("reproduce", "whole", "")).well();
    let mut running = place.start(&task("reproduce", "run", ""));
    running.until(|| place.rows("run/seed-0/generalist") >= 8);
    running.kill();
    let before = place.tree("run");
    for policy in ["generalist", "generalist --acting mean --seed 5"] {
        place.train(&format!("eval run --episodes 3 --policy {policy}")).well();
    }
    assert_same(&place.tree("run"), &before, "evaluated");
    place.train("resume run").well();
    for policy in ["final", "plateau", "specialist-2", "generalist"] {
        place.train(&format!("eval run --episodes 3 --policy {policy}")).well();
    }
    assert_same(&place.tree("run"), &place.tree("whole"), "evaluated and resumed");
}

#[test]
fn an_evaluation_gives_the_same_numbers_again() {
    let place = Place::new();
    place.train(&task("train", "run", "")).well();
    for (out, extra) in [("a", "--threads 1"), ("b", "--threads 3"), ("c", "--seed 1")] {
        place.train(&format!("eval run --episodes 20 --json {out} {extra}")).well();
    }
    assert_eq!(place.text("a"), place.text("b"));
    assert_ne!(place.text("a"), place.text("c"));
}

#[test]
fn how_policies_are_measured_does_not_change_how_they_are_trained() {
    let place = Place::new();
    place.train(&task("reproduce", "a", "")).well();
    for (out, settings) in [
        ("b", "--set evaluation.every=1 --set evaluation.episodes=9"),
        ("c", "--set evaluation.every=1000 --set evaluation.acting=mean"),
    ] {
        place.train(&task("reproduce", out, settings)).well();
        // E_low is all five goals, so not even the specialists' training can change, unless
        // their order does.
        for phase in ["generalist", "specialist-1"] {
            let metrics = |run: &str| place.read(&format!("{run}/seed-0/{phase}/metrics.csv"));
            assert!(metrics(out) == metrics("a"), "{settings}: {phase}");
        }
    }
}

#[test]
fn how_often_checkpoints_are_written_changes_no_result() {
    let place = Place::new();
    place.train(&task("reproduce", "often", "--set checkpoint_every=1")).well();
    place.train(&task("reproduce", "seldom", "--set checkpoint_every=1000")).well();
    assert!(place.read("often/result.json") == place.read("seldom/result.json"));
    assert_same(&place.tree("often/seed-0"), &place.tree("seldom/seed-0"), "seldom");
}
