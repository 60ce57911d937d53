//! SAC and GAIL through the program: every task, killed and resumed, on any number of threads.

use crate::common::{Place, assert_same};
use gslab::run::metrics::read_csv;
use std::{collections::BTreeSet, fs};

/// Settings with which all of Algorithm 1 takes a few seconds. The ring goes round, so that its
/// files are removed on the way.
const TINY: &str = "--set total_samples=6400 --set sac.samples=128 --set sac.capacity=2400 \
    --set sac.warm_up=256 --set sac.hidden=[16,16] --set sac.minibatch=32 --set gail.interval=8 \
    --set gail.minibatch=16 --set gsl.specialists=2 --set gsl.specialist_samples=1280 \
    --set gsl.merge_samples=1280 --set gsl.window=5 --set gsl.demonstration_samples=150 \
    --set gsl.good_enough=2 --set evaluation.episodes=2 --set checkpoint_every=3";

#[test]
fn killed_anywhere_it_ends_with_the_same_bytes_on_any_number_of_threads() {
    let place = Place::new();
    let gsl = |out: &str, extra: &str| {
        format!("gsl maze-sac --out {out} {TINY} --set gsl.inherit_replay=all {extra}")
    };
    place.train(&gsl("whole", "--threads 1")).well();
    let expected = place.tree("whole");
    let mut killed = 0;
    for (phase, rows) in
        [("generalist", 2), ("generalist", 17), ("specialist-1", 7), ("merge", 4), ("merge", 9)]
    {
        let mut running = place.start(&gsl("run", "--threads 3"));
        killed += u32::from(running.until(|| place.rows(&format!("run/seed-0/{phase}")) >= rows));
        running.kill();
        place.train("resume run").well();
        assert_same(&place.tree("run"), &expected, phase);
        fs::remove_dir_all(place.path("run")).unwrap();
    }
    assert!(killed >= 3, "only {killed} were killed");
}

#[test]
fn every_task_runs_and_metrics_show_what_is_learned_from() {
    let place = Place::new();
    place.train(&format!("gsl maze-sac --out run {TINY}")).well();
    let columns = |phase: &str, name: &str| {
        let table = read_csv(&place.path(&format!("run/seed-0/{phase}/metrics.csv"))).unwrap();
        table.column(name).unwrap_or_else(|| panic!("no column {name}"))
    };
    for (phase, shown) in [("generalist", false), ("specialist-2", false), ("merge", true)] {
        // Nothing is learned before the warm-up is over: in the second iteration. Phase II goes on
        // with what the generalist had played.
        let losses = columns(phase, "critic_loss");
        assert_eq!(losses[0].is_nan(), phase != "merge", "{phase}");
        assert!(losses[2..].iter().all(|x| x.is_finite()), "{phase}");
        for name in ["environment_reward", "imitation_reward", "discriminator_loss"] {
            let values = columns(phase, name);
            assert!(values[2..].iter().all(|x| x.is_finite() == shown), "{phase}: {name}");
        }
    }
    assert!(columns("merge", "imitation_reward")[2..].iter().all(|&r| r > 0.0));
    // Of 50 iterations' 6400 rows the last 2400 are kept, in segments of 300.
    let replays = |phase: &str| -> BTreeSet<String> {
        let names = fs::read_dir(place.path(&format!("run/seed-0/{phase}"))).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("replay-")).collect()
    };
    let [generalist, specialist, merge] = ["generalist", "specialist-2", "merge"].map(replays);
    assert!((8..=9).contains(&generalist.len()), "{generalist:?}");
    // A specialist has its own 1280 rows; phase II those after the generalist's.
    assert_eq!(specialist.last().unwrap(), "replay-000004.bin");
    assert!(merge.last().unwrap().as_str() > "replay-000006.bin", "{merge:?}");
    assert!(!place.path("run/seed-0/replay-at-plateau").exists());

    for policy in ["final", "plateau", "merge"] {
        let eval = format!("eval run --policy {policy} --episodes 2 --acting mean --device cpu");
        assert!(place.gslab(&eval).well().stdout.contains("success"));
    }
    place.gslab("record run --out run.gif").well();
    place.train(&format!("gsl maze-sac --out cloned {TINY} --set gsl.merge=bc")).well();
    assert!(!place.path("cloned/seed-0/replay-at-plateau").exists());
}

#[test]
fn training_stopped_twice_ends_with_the_same_bytes() {
    let place = Place::new();
    let command = |out| format!("train maze-sac --out {out} {TINY}");
    place.train(&command("whole")).well();
    for rows in [5, 30] {
        let start = if rows == 5 { command("run") } else { "resume run".into() };
        let mut running = place.start(&start);
        running.until(|| place.rows("run/seed-0/train") >= rows);
        running.signal("INT");
        assert_eq!(running.ended().code, Some(130));
    }
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), "stopped twice");
}

#[test]
fn a_replay_that_was_lost_is_named() {
    let place = Place::new();
    place.train(&format!("train maze-sac --out run {TINY}")).well();
    let longer = |place: &Place| {
        place.edit("run/config.toml", "total_samples = 6400", "total_samples = 12800")
    };
    longer(&place);
    let file = "run/seed-0/train/replay-000020.bin";
    let good = place.read(file);
    place.write(file, &good[..good.len() / 2]);
    let ended = place.train("resume run");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("replay-000020.bin is damaged"), "{}", ended.stderr);
    place.write(file, good);
    place.train("resume run").well();
}

#[test]
fn settings_that_make_no_sense_are_refused_with_what_is_allowed() {
    let place = Place::new();
    for (command, setting, message) in [
        ("train", "sac.gamma=1.5", "sac.gamma = 1.5: must be from 0 to 1"),
        ("train", "sac.tau=0", "sac.tau = 0: must be above 0, up to 1"),
        ("train", "sac.collect=30", "sac.collect = 30: must be a multiple of sac.environments = 4"),
        ("train", "sac.samples=100", "sac.samples = 100: must be a multiple of sac.collect = 64"),
        (
            "train",
            "sac.capacity=15999",
            "sac.capacity = 15999: must be at least checkpoint_every times sac.samples, which are \
             16000",
        ),
        ("train", "sac.hidden=[0]", "sac.hidden = [0]: must be up to 16 widths from 1 to 8192"),
        ("train", "gail.beta=-0.1", "gail.beta = -0.1: must be from 0 to 1"),
        (
            "train",
            "ppo.reward_gamma=0.99",
            "ppo.reward_gamma = 0.99: must be 0 with SAC, which learns from rewards as they are",
        ),
        (
            "gsl",
            "gsl.specialist_environments=3",
            "gsl.specialist_environments = 3: must be 0 or a divisor of sac.collect = 64",
        ),
        (
            "gsl",
            "gsl.inherit_replay=all --set gsl.specialist_environments=2",
            "gsl.specialist_environments = 2: must be 0 or sac.environments = 4, as in the replay \
             that specialists begin with (gsl.inherit_replay = all)",
        ),
        ("gsl", "gsl.merge=dapg", "gsl.merge = dapg: must be gail or bc: DAPG is for ppo and ppg"),
        (
            "gsl",
            "gsl.final_std=0.1",
            "gsl.final_std = 0.1: must be 0: the deviations of SAC are functions of the state",
        ),
    ] {
        let command = format!("{command} maze-sac --out run --set {setting} --device cpu");
        place.gslab(&command).with(2, &format!("error: {message}"));
    }
    place
        .gslab("gsl maze --out run --set gsl.merge=gail --device cpu")
        .with(2, "error: gsl.merge = gail: must be dapg or bc: GAIL is for sac");
    place
        .gslab("train procgen --out run --set algorithm=sac --device cpu")
        .with(2, "error: algorithm = sac: must be ppo or ppg: SAC is for continuous actions");
    place
        .gslab("train maze-sac --out run --device gpu")
        .with(2, "error: --device gpu: SAC on vectors runs on the CPU: use --device cpu");
    place
        .gslab("reproduce maze --out run --set algorithm=sac --device cpu --quiet")
        .with(2, "error: algorithm: must be ppo here, as in the paper");
    fs::remove_dir_all(place.path("run")).unwrap();
    let large = "--set sac.capacity=1e9 --set total_samples=1e12";
    let ended = place.gslab(&format!("train maze-sac --out run {large} --device cpu"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let message = "error: sac.capacity: 1000000000 transitions take 30.73 GiB of memory, ";
    assert!(ended.stderr.starts_with(message), "{}", ended.stderr);
    assert!(!place.path("run").exists(), "a run was begun that cannot be run");
}
