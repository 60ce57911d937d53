//! PPO on frames: it learns, and the settings and the seed decide every byte of it.

use crate::common::{Place, assert_same};
use gslab::{
    device::Device,
    gsl::evaluate::{Acting, evaluate},
    learn::{
        agent::{Agent, Learning},
        impala::{Architecture, cpu::Weights, initial::Initialisation},
        pixels::Pixels,
        ppo::Config,
        reward_scale::RewardScale,
    },
    pool::Pool,
};
use gslab_envs::{
    levels::{LevelSet, Order},
    registry,
    rng::Stream,
};
use std::fs;

const GAME: &str = "procgen:bigfish";
/// One easy level: eat the smaller fish.
const LEVEL: &str = "mode = \"easy\"\nnum_levels = 1\nstart_level = 3";

/// Trains a small network for some 20,000 frames; mean returns before and after.
fn returns(seed: u64) -> (f64, f64) {
    let entry = registry::find(GAME).expect("the game is registered");
    let family = entry.build(&LEVEL.parse().expect("valid TOML")).expect("valid options");
    let architecture = Architecture::new(vec![8, 8, 8], 64, 15, 1).expect("a network");
    let weights = Weights::new(architecture, Initialisation::TrainProcgen, seed);
    let config = Config {
        learning_rate: 1e-3,
        gamma: 0.99,
        samples: 1024,
        minibatch: 256,
        environments: 32,
        ..Config::procgen()
    };
    let mut agent: Pixels = Pixels::new(&Device::Cpu, GAME, weights);
    let measure =
        |agent: &mut Pixels| evaluate(&*family, agent, &[0], 50, Acting::Sampled, 99).mean_return();
    let before = measure(&mut agent);
    let levels = LevelSet::new(vec![0], Order::Uniform, seed).expect("a level");
    let mut pool = Pool::new(&*family, &levels, config.environments);
    let mut scale = RewardScale::new(config.environments, config.reward_gamma);
    let (noise, shuffle) = (Stream::new(seed, "noise"), Stream::new(seed, "shuffle"));
    let steps = config.samples / config.environments;
    let learning = Learning { ppo: config, ..Learning::default() };
    for iteration in 0..20 {
        let mut rollout = agent.collect(&mut pool, steps, noise, iteration * steps as u64);
        scale.apply(&mut rollout.rewards, &rollout.ends);
        agent.update(rollout, &learning, shuffle, iteration, None);
    }
    (before, measure(&mut agent))
}

#[test]
fn ppo_on_frames_becomes_clearly_better_than_chance_with_three_seeds() {
    for seed in 0..3 {
        let (before, after) = returns(seed);
        println!("seed {seed}: from {before} to {after}");
        assert!(after > 1.4 * before, "seed {seed}: from {before} to {after}");
    }
}

pub const TINY: &str = "--set env.mode=easy --set env.num_levels=2 --set env.start_level=3 \
    --set total_samples=512 --set ppo.samples=128 --set ppo.minibatch=64 \
    --set ppo.environments=4 --set ppo.epochs=1 --set impala.channels=[4,4] \
    --set impala.hidden=16 --set evaluation.episodes=1 --set checkpoint_every=1";

fn train(out: &str, extra: &str) -> String {
    format!("train {GAME} --out {out} {TINY} {extra}")
}

#[test]
fn every_number_of_threads_gives_the_same_bytes() {
    let place = Place::new();
    for threads in ["1", "2", "4"] {
        place.train(&train(threads, &format!("--threads {threads}"))).well();
    }
    let one = place.tree("1");
    assert_same(&place.tree("2"), &one, "2 threads");
    assert_same(&place.tree("4"), &one, "4 threads");
}

/// Algorithm 1 with all that the paper's settings for Procgen use of it.
pub const TINY_GSL: &str = "--set env.levels=range --set env.num_levels=6 --set env.start_level=3 \
    --set total_samples=1280 --set ppo.samples=128 --set ppo.minibatch=64 --set ppo.environments=4 \
    --set ppo.epochs=1 --set impala.channels=[4,4] --set impala.hidden=16 --set checkpoint_every=1 \
    --set evaluation.episodes=1 --set evaluation.every=2 --set gsl.specialists=2 \
    --set gsl.low_variations=4 --set gsl.specialist_environments=2 --set gsl.window=2 \
    --set gsl.specialist_samples=128 --set gsl.low_finetune_samples=128 --set gsl.kernel=4 \
    --set gsl.demonstration_samples=40 --set gsl.generalist_demonstration_samples=50 \
    --set gsl.demonstration_threshold=-inf --set gsl.merge_samples=256 --set dapg.minibatch=32";

#[test]
fn generalists_and_specialists_give_the_same_bytes_killed_or_not_on_any_number_of_threads() {
    let place = Place::new();
    let gsl = |out: &str, extra: &str| format!("gsl procgen --out {out} {TINY_GSL} {extra}");
    place.train(&gsl("whole", "--threads 1")).well();
    let expected = place.tree("whole");
    assert!(expected.keys().any(|path| path.ends_with("specialist-2/checkpoint.bin")));
    place.train(&gsl("three", "--threads 3")).well();
    assert_same(&place.tree("three"), &expected, "3 threads");
    for (phase, rows) in [("generalist", 2), ("finetune-low", 1), ("specialist-1", 1), ("merge", 1)]
    {
        let mut running = place.start(&gsl("run", "--threads 2"));
        running.until(|| place.rows(&format!("run/seed-0/{phase}")) >= rows);
        running.kill();
        place.train("resume run").well();
        assert_same(&place.tree("run"), &expected, phase);
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn the_experiment_of_a_game_leaves_figures_and_a_report_however_often_it_is_killed() {
    let place = Place::new();
    let levels = "--set env.levels=range --set env.num_levels=6 --set env.start_level=3";
    // Episodes without any reward are rejected.
    let settings = TINY_GSL.replace(levels, "").replace("threshold=-inf", "threshold=-0.03");
    assert!(settings.len() < TINY_GSL.len());
    let run = |out: &str| {
        let game = "--game starpilot --scale 0.0001";
        format!("reproduce ablation --table 3 {game} --out {out} {settings}")
    };
    place.train(&run("whole")).well();
    for file in ["figure.svg", "levels.png", "report.html", "result.json"] {
        assert!(place.path("whole").join(file).is_file(), "{file}");
    }
    let report = place.text("whole/report.html");
    assert!(report.contains("39.4 ± 1.4"), "Table 1 is beside it");
    assert!(report.contains("22.1 ± 0.9"), "Table 3 is beside it");
    assert!(report.contains("gslab reproduce ablation --table 3 --game starpilot"));
    assert!(report.contains("--game starpilot --algorithm ppo --scale 0.0001 --seed 0"));
    // The baseline has the samples of the whole method, demonstrations that were rejected included.
    let result: serde_json::Value =
        serde_json::from_str(&place.text("whole/result.json")).expect("JSON");
    let total = result["seeds"][0]["total_samples"].as_u64().expect("a number");
    let iterations = total.div_ceil(128) as usize;
    assert_eq!(place.rows("whole/seed-0/generalist"), iterations);
    let mut running = place.start(&run("run"));
    running.until(|| place.rows("run/seed-0/generalist") >= 5);
    running.kill();
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), "killed");
}

#[test]
fn levels_that_were_trained_on_are_no_test() {
    let place = Place::new();
    let settings = TINY.replace("env.start_level=3", "env.start_level=100005");
    place.train(&format!("train {GAME} --out run {settings}")).well();
    let eval = "eval run --device cpu --quiet --episodes 1 --test --test-levels";
    place.gslab(&format!("{eval} 6")).with(
        2,
        "error: env.levels = \"range\": must be levels that are not among the test levels 100000 \
         to 100005; --allow-overlap measures on them all the same",
    );
    place.gslab(&format!("{eval} 6 --allow-overlap")).well();
    place.gslab(&format!("{eval} 5")).well();
}

#[test]
fn demonstrations_that_are_all_too_bad_end_a_run_with_what_to_change() {
    let place = Place::new();
    let setting = "--set gsl.demonstration_threshold=1e6";
    let ended = place.train(&format!("gsl procgen --out run {TINY_GSL} {setting}"));
    assert_eq!(ended.code, Some(1));
    let message = "no episode that was to demonstrate had a return above 1000000 in";
    assert!(ended.stderr.contains(message), "{}", ended.stderr);
    assert!(ended.stderr.contains("lower gsl.demonstration_threshold"), "{}", ended.stderr);
}

#[test]
fn cloning_takes_the_place_of_phase_two_where_it_is_asked_for() {
    let place = Place::new();
    place.train(&format!("gsl procgen --out run {TINY_GSL} --set gsl.merge=bc")).well();
    assert!(place.path("run/seed-0/final.bin").exists());
    assert!(!place.path("run/seed-0/merge").exists());
}

#[test]
fn killed_at_any_iteration_it_ends_with_the_same_bytes() {
    let place = Place::new();
    place.train(&train("whole", "")).well();
    let mut killed = 0;
    for rows in 1..4 {
        let mut running = place.start(&train("run", ""));
        killed += usize::from(running.until(|| place.rows("run/seed-0/train") >= rows));
        running.kill();
        place.train("resume run").well();
        assert_same(&place.tree("run"), &place.tree("whole"), "killed");
        fs::remove_dir_all(place.path("run")).unwrap();
    }
    // A machine that is busy may be late.
    assert!(killed >= 1, "none was killed in time");
}

#[test]
fn a_policy_on_frames_is_measured_and_shown() {
    let place = Place::new();
    place.train(&train("run", "")).well();
    for (acting, policy) in [("sampled", "final"), ("mean", "train")] {
        let arguments =
            format!("eval run --device cpu --acting {acting} --policy {policy} --episodes 1");
        let said = place.gslab(&arguments).well().stdout;
        assert!(said.contains("variation"), "{said}");
    }
    let said =
        place.gslab("eval run --device cpu --test --test-levels 3 --episodes 1").well().stdout;
    for part in ["seed-0, training", "seed-0, test", "normalised"] {
        assert!(said.contains(part), "{said}");
    }
    place.gslab("record run --policy final --out film.gif").well();
    assert!(place.read("film.gif").starts_with(b"GIF89a"));
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_written() {
    let place = Place::new();
    for (extra, message) in [
        ("--set impala.channels=[]", "impala = channels = [], hidden = 16"),
        ("--set impala.channels=[999]", "a stack of 999 channels: give 1 to 256"),
        ("--set ppo.reward_gamma=1.5", "ppo.reward_gamma = 1.5: must be from 0 to 1"),
        ("--set ppo.value_clip=-1", "ppo.value_clip = -1: must be from 0 to"),
        ("--set ppo.standardise=none", "standardise"),
    ] {
        let ended = place.gslab(&train("run", extra));
        assert_eq!(ended.code, Some(2), "{extra}: {}", ended.stderr);
        assert!(ended.stderr.contains(message), "{extra}: {}", ended.stderr);
        assert!(!place.path("run").exists(), "{extra}");
    }
    place.gslab("reproduce procgen --out run --set gsl.merge=bc").with(
        2,
        "error: gsl.merge: must be dapg here; `gslab reproduce ablation --table 3` measures \
         behaviour cloning beside it",
    );
    let ended = place.gslab("reproduce procgen --out run --scale 2");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("must be above 0, up to 1"), "{}", ended.stderr);
    place.gslab(&format!("gsl {GAME} --out run --set env.num_levels=10")).with(
        2,
        "error: gsl.low_variations = 300: must be from 1 to the 10 variations of procgen:bigfish",
    );
    // 75 specialists show more frames than any memory holds.
    let ended =
        place.gslab("gsl procgen --out run --device cpu --set gsl.demonstration_samples=100000000");
    let message = "error: gsl.demonstration_samples: 7501482752 demonstrations, of all specialists \
                   and the generalist, take 83.86 TiB of memory, ";
    assert!(ended.stderr.starts_with(message), "{}", ended.stderr);
    assert!(ended.stderr.contains(" fit: lower gsl.demonstration_samples"), "{}", ended.stderr);
    assert_eq!(ended.code, Some(2));
    assert!(!place.path("run").exists());
}
