//! A run that was stopped or killed at any moment ends with the bytes of one that was not.

use crate::common::{Place, Running, TINY, assert_same};
use gslab::run::{file, phase::Checkpoint};
use std::{fs, time::Duration};

/// Goes on with `run` to its end, and compares it with `whole`.
#[track_caller]
fn resumes_to_the_same_bytes(place: &Place, what: &str) {
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), what);
}

/// Kills a command at a moment. False if it ended before.
fn kill_at(place: &Place, mut running: Running, moment: Moment) -> bool {
    let in_time = running.until(|| moment.has_come(place));
    running.kill();
    in_time
}

/// When a phase has so many rows of metrics, or a file is there.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Rows(&'static str, usize),
    File(&'static str),
}

impl Moment {
    fn has_come(self, place: &Place) -> bool {
        match self {
            Self::Rows(phase, rows) => place.rows(&format!("run/seed-0/{phase}")) >= rows,
            Self::File(name) => place.path(&format!("run/{name}")).exists(),
        }
    }
}

/// In the order in which a run comes to them.
const MOMENTS: [Moment; 12] = [
    Moment::File("run.toml"),
    Moment::File("seed-0/generalist/checkpoint.bin"),
    Moment::Rows("generalist", 8),
    Moment::Rows("generalist", 25),
    Moment::File("seed-0/plateau.bin"),
    Moment::File("seed-0/specialist-1/checkpoint.bin"),
    Moment::Rows("specialist-3", 2),
    Moment::File("seed-0/demonstrations.bin"),
    Moment::Rows("merge", 3),
    Moment::File("seed-0/final.bin"),
    Moment::File("seed-0/result.bin"),
    Moment::File("figure.svg"),
];

fn reproduce() -> String {
    format!("reproduce maze --out run {TINY}")
}

/// A place with the whole run in `whole`.
fn with_the_whole_run() -> Place {
    let place = Place::new();
    place.train(&format!("reproduce maze --out whole {TINY}")).well();
    place
}

#[test]
fn killed_once_at_any_moment_it_ends_with_the_same_bytes() {
    let place = with_the_whole_run();
    let mut killed = 0;
    for moment in MOMENTS {
        let in_time = kill_at(&place, place.start(&reproduce()), moment);
        killed += usize::from(in_time && !place.path("run/report.html").exists());
        resumes_to_the_same_bytes(&place, &format!("killed at {moment:?}"));
        fs::remove_dir_all(place.path("run")).unwrap();
    }
    // A machine that is busy may be late once or twice.
    assert!(killed >= 9, "only {killed} were killed");
}

#[test]
fn killed_at_every_moment_of_one_run_it_ends_with_the_same_bytes() {
    let place = with_the_whole_run();
    for (i, moment) in MOMENTS.into_iter().enumerate() {
        // The number of threads may change on the way.
        let command = match i {
            0 => reproduce(),
            _ => format!("resume run --threads {}", 1 + i % 3),
        };
        kill_at(&place, place.start(&command), moment);
    }
    resumes_to_the_same_bytes(&place, "killed often");
}

#[test]
fn killed_after_ever_longer_whiles_it_ends_with_the_same_bytes() {
    let place = with_the_whole_run();
    let mut running = place.start(&reproduce());
    assert!(running.until(|| place.path("run/run.toml").exists()));
    // Long enough in the end for whatever cannot be cut in parts.
    for milliseconds in (20..).step_by(13) {
        std::thread::sleep(Duration::from_millis(milliseconds));
        running.kill();
        if place.path("run/report.html").exists() {
            break;
        }
        running = place.start("resume run");
    }
    resumes_to_the_same_bytes(&place, "killed often");
}

#[test]
fn killed_while_tidying_up_it_leaves_nothing_behind() {
    let place = with_the_whole_run();
    fs::create_dir(place.path("run")).unwrap();
    for (name, bytes) in place.tree("whole") {
        let path = place.path("run").join(&name);
        if place.path("whole").join(name).is_dir() {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    // As between the store of plateau.bin and the removal of the snapshots, and in a write.
    fs::create_dir(place.path("run/seed-0/snapshots")).unwrap();
    place.write("run/seed-0/snapshots/000030.bin", "");
    for file in ["demonstrations.bin", "final.bin", "result.bin"] {
        fs::remove_file(place.path("run/seed-0").join(file)).unwrap();
        place.write(&format!("run/seed-0/{file}.part"), "half");
    }
    resumes_to_the_same_bytes(&place, "tidied up");
}

#[test]
fn training_and_algorithm_1_killed_in_either_seed_end_with_the_same_bytes() {
    for task in ["train", "gsl"] {
        let phase = if task == "train" { "train" } else { "generalist" };
        let place = Place::new();
        let command =
            |out| format!("{task} maze --seed 3 --seeds 2 --out {out} {TINY} --json {out}.json");
        place.train(&command("whole")).well();
        for seed in [3, 4] {
            let mut running = place.start(&command("run"));
            running.until(|| place.rows(&format!("run/seed-{seed}/{phase}")) >= 8);
            running.kill();
            place.train("resume run --json run.json").well();
            assert_same(&place.tree("run"), &place.tree("whole"), task);
            assert_eq!(place.read("run.json"), place.read("whole.json"));
            fs::remove_dir_all(place.path("run")).unwrap();
        }
    }
}

/// Stops a run with a signal when a phase that goes on for long has this many rows of metrics,
/// and checks that the phase's checkpoint is of the moment of stopping.
#[track_caller]
fn stops(place: &Place, command: &str, signal: &str, phase: &str, rows: usize) {
    let dir = format!("run/seed-0/{phase}");
    // A new row at least: before its first iteration a process need not listen to signals yet.
    let rows = rows.max(place.rows(&dir) + 1);
    let mut running = place.start(command);
    assert!(running.until(|| place.rows(&dir) >= rows), "it ended early");
    running.signal(signal);
    running.ended().with(
        130,
        "\nstopping after this iteration; again to stop at once\n\
         error: stopped as asked; go on with `gslab resume run`",
    );
    let path = place.path(&dir).join("checkpoint.bin");
    let checkpoint: Checkpoint = file::load(&path).unwrap();
    assert_eq!(checkpoint.iterations as usize, place.rows(&dir), "not the last iteration's");
}

#[test]
fn stopped_by_a_signal_it_says_how_to_go_on_and_ends_with_the_same_bytes() {
    let place = Place::new();
    // Longer, so that a signal surely comes before the end.
    let longer = "--set gsl.specialist_samples=20000 --set gsl.merge_samples=40000 \
        --set checkpoint_every=1000";
    let command = |out| format!("reproduce maze --out {out} {TINY} {longer}");
    place.train(&command("whole")).well();
    for (signal, phase, rows) in
        [("INT", "generalist", 8), ("TERM", "generalist", 20), ("INT", "specialist-2", 3)]
    {
        stops(&place, &command("run"), signal, phase, rows);
        // And once more on the way.
        stops(&place, "resume run", "TERM", "merge", 2);
        resumes_to_the_same_bytes(&place, signal);
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn training_stopped_by_a_signal_ends_with_the_same_bytes() {
    for (task, phase) in [("train", "train"), ("gsl", "generalist")] {
        let place = Place::new();
        let longer = "--set total_samples=200000 --set checkpoint_every=1000";
        let command = |out| format!("{task} maze --out {out} {TINY} {longer}");
        place.train(&command("whole")).well();
        stops(&place, &command("run"), "TERM", phase, 8);
        stops(&place, "resume run", "INT", phase, 16);
        resumes_to_the_same_bytes(&place, task);
    }
}

#[test]
fn a_finished_run_resumed_stays_as_it_is() {
    for task in ["train", "gsl", "reproduce"] {
        let place = Place::new();
        place.train(&format!("{task} maze --out run {TINY}")).well();
        let before = place.tree("run");
        place.train("resume run").well();
        assert_same(&place.tree("run"), &before, task);
    }
}
