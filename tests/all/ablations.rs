//! The ablations of Figures 6 to 9 run end to end, and what they compare is what they say.

use crate::common::{Place, assert_same};
use gslab::{gsl::snapshots::Start, learn::impala::cpu::Weights, run::file::load};
use serde_json::Value;

/// 10 iterations of a generalist on 6 levels; specialists have two.
const TINY: &str = "--game bigfish --scale 0.0001 --set env.num_levels=6 --set total_samples=1280 \
    --set ppo.samples=128 --set ppo.minibatch=64 --set ppo.environments=4 --set ppo.epochs=1 \
    --set impala.channels=[4,4] --set impala.hidden=16 --set checkpoint_every=1 \
    --set evaluation.episodes=1 --set gsl.specialists=2 --set gsl.low_variations=6 \
    --set gsl.specialist_environments=2 --set gsl.specialist_samples=128 --set gsl.window=2 \
    --set gsl.kernel=4";

fn ablation(figure: u8, out: &str, extra: &str) -> String {
    format!("reproduce ablation --figure {figure} --out {out} {TINY} {extra}")
}

fn result(place: &Place, out: &str) -> Value {
    serde_json::from_str(&place.text(&format!("{out}/result.json"))).expect("JSON")
}

/// Runs a figure whole, and killed as soon as `dir` has `rows` rows; both leave the same bytes.
fn whole_and_killed(place: &Place, figure: u8, dir: &str, rows: usize) {
    place.train(&ablation(figure, "whole", "--threads 2")).well();
    let mut running = place.start(&ablation(figure, "run", "--threads 1"));
    running.until(|| place.rows(&format!("run/{dir}")) >= rows);
    running.kill();
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), dir);
    for file in ["figure.svg", "figure.png", "report.html", "result.json"] {
        assert!(place.path("whole").join(file).is_file(), "{file}");
    }
    let report = place.text("whole/report.html");
    assert!(
        report.contains(&format!("gslab reproduce ablation --figure {figure} --game bigfish")),
        "how to get it again"
    );
}

#[test]
fn figure_6_spends_the_same_samples_whatever_the_levels_of_an_agent() {
    let place = Place::new();
    whole_and_killed(&place, 6, "seed-0/levels-4/agent-2", 3);
    let result = result(&place, "whole");
    let of = |group: &Value| {
        ["levels_each", "agents", "samples_each"].map(|key| group[key].as_u64().expect("a number"))
    };
    let groups: Vec<_> = result["groups"].as_array().expect("groups").iter().map(of).collect();
    assert_eq!(groups, [[4, 2, 640], [6, 1, 1280]]);
    // An iteration of an agent on few levels has 2 of 4 environments, so half the samples.
    assert_eq!(place.rows("whole/seed-0/levels-4/agent-1"), 10);
    assert_eq!(place.rows("whole/seed-0/levels-6/agent-1"), 10);
}

#[test]
fn figure_7_launches_from_the_generalist_as_it_was() {
    let place = Place::new();
    whole_and_killed(&place, 7, "seed-0/from-000003/specialist-1", 1);
    let launches = result(&place, "whole")["launches"].as_array().expect("launches").clone();
    let at: Vec<u64> = launches.iter().filter_map(|l| l["iteration"].as_u64()).collect();
    // 0, 4, 8, 16, 33 and 66 % of 10 iterations, each once.
    assert_eq!(at, [0, 1, 2, 3, 7]);
    // A generalist that was trained for no more than three iterations is the same one.
    let settings = TINY.replace("--game bigfish --scale 0.0001", "");
    let settings = settings.replace("total_samples=1280", "total_samples=384");
    place
        .train(&format!(
            "train procgen --out short {settings} --set env.levels=range --set env.start_level=2000"
        ))
        .well();
    let short: Weights = load(&place.path("short/seed-0/final.bin")).expect("weights");
    let start = |n: u64| -> Start<Weights> {
        load(&place.path(&format!("whole/seed-0/snapshots/{n:06}.bin"))).expect("a snapshot")
    };
    assert_eq!(start(3).weights, short);
    assert_ne!(start(2).weights, short);
}

#[test]
fn figure_8_measures_every_level_at_every_look() {
    let place = Place::new();
    whole_and_killed(&place, 8, "seed-0/generalist", 6);
    assert!(place.path("whole/levels.svg").is_file());
    let result = result(&place, "whole");
    let looks = result["looks"].as_array().expect("looks");
    let at: Vec<u64> = looks.iter().filter_map(|look| look["iteration"].as_u64()).collect();
    assert_eq!(at, [1, 3, 5, 10]);
    for (i, look) in looks.iter().enumerate() {
        let scores = result["evaluations"][0][i]["scores"].as_array().expect("scores");
        let returns: Vec<f64> =
            scores.iter().map(|score| score["mean_return"].as_f64().expect("a number")).collect();
        assert_eq!(returns.len(), 6);
        // Bigfish, easy: (R - 1) / (40 - 1).
        let mean = returns.iter().map(|r| (r - 1.0) / 39.0).sum::<f64>() / 6.0;
        assert!((look["mean"].as_f64().expect("a number") - mean).abs() < 1e-6);
        let shares = ["low", "middle", "high"].map(|key| look[key].as_f64().expect("a share"));
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn figure_9_finds_the_plateau_that_algorithm_1_finds() {
    let place = Place::new();
    whole_and_killed(&place, 9, "seed-0/generalist", 6);
    let result = result(&place, "whole");
    let iteration = result["fired"][0]["iteration"].as_u64();
    let settings = TINY.replace("--game bigfish --scale 0.0001", "");
    let levels = "--set env.levels=range --set env.start_level=2000";
    let more = "--set gsl.merge_samples=128 --set gsl.low_finetune_samples=0 \
        --set gsl.demonstration_samples=8 --set gsl.demonstration_threshold=-inf \
        --set gsl.generalist_demonstration_samples=0 --set dapg.minibatch=8";
    let ended = place.gslab(&format!("gsl procgen --out gsl {settings} {levels} {more}"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Algorithm 1 counts from 0.
    let expected = iteration.map(|n| format!("H fired: iteration {}", n - 1)).expect("H fires");
    assert!(ended.stderr.contains(&expected), "{expected}: {}", ended.stderr);
}

#[test]
fn an_ablation_must_be_one_that_there_is() {
    let place = Place::new();
    for (which, message) in [
        ("", "--figure <N>|--table <N>"),
        ("--figure 5", "5 is not in 6..=9"),
        ("--figure 6 --table 3", "cannot be used with"),
        ("--figure 7 --set gsl.specialists=9", "gsl.specialists = 9: must be at most"),
    ] {
        let ended = place.gslab(&format!("reproduce ablation {which} --out run --scale 0.0001"));
        assert_eq!(ended.code, Some(2), "{which}: {}", ended.stderr);
        assert!(ended.stderr.contains(message), "{which}: {}", ended.stderr);
        assert!(!place.path("run").exists());
    }
}
