//! PushChair through the program: the experiment, the ablation, learning from the scripted pusher.

use crate::common::{Place, assert_same};
use gslab::run::metrics::read_csv;
use serde_json::Value;

/// Episodes of 8 steps on two chairs, two of them in an iteration of four environments.
const TINY: &str = "--set env.horizon=8 --set env.chairs=2 --set total_samples=1280 \
    --set sac.samples=64 --set sac.collect=32 --set sac.warm_up=64 --set sac.hidden=[16,16] \
    --set sac.minibatch=32 --set sac.capacity=1200 --set gail.minibatch=16 \
    --set gail.interval=4 --set evaluation.episodes=1 --set checkpoint_every=3";
/// And of Algorithm 1.
const METHOD: &str = "--set gsl.specialists=2 --set gsl.low_variations=2 --set gsl.window=4 \
    --set gsl.kernel=4 --set gsl.specialist_samples=256 --set gsl.merge_samples=256 \
    --set gsl.demonstration_samples=16 --set gsl.demonstration_threshold=-inf";

#[test]
fn the_experiment_ends_with_the_same_report_when_it_was_killed() {
    let place = Place::new();
    let experiment = |out: &str, threads: u8| {
        format!("reproduce pushchair --scale 0.01 --out {out} --threads {threads} {TINY} {METHOD}")
    };
    place.train(&experiment("whole", 2)).well();
    let mut running = place.start(&experiment("run", 1));
    running.until(|| place.rows("run/seed-0/merge") >= 1);
    running.kill();
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), "merge");

    let result: Value = serde_json::from_str(&place.text("whole/result.json")).unwrap();
    assert_eq!(result["chairs"], serde_json::json!(["task chair", "executive chair"]));
    let scores = |of: &Value, set: &str| of[set]["scores"].as_array().unwrap().len();
    let (yardstick, seed) = (&result["yardstick"], &result["seeds"][0]);
    for policy in [&yardstick["pusher"], &seed["baseline"], &seed["final_generalist"]] {
        assert_eq!((scores(policy, "training"), scores(policy, "test")), (2, 8));
    }
    let mut taken: Vec<u64> =
        seed["low_levels"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    taken.sort_unstable();
    assert_eq!(taken, [0, 1]);
    let report = place.text("whole/report.html");
    for part in ["Beside Table 2", "−2.97", "executive chair", "gslab reproduce pushchair --scale"]
    {
        assert!(report.contains(part), "{part}");
    }
}

#[test]
fn figure_7_is_there_for_pushchair_and_the_others_are_refused() {
    let place = Place::new();
    let ablation = |figure: u8| {
        format!(
            "reproduce ablation --figure {figure} --game pushchair --scale 0.001 --out run \
             {TINY} {METHOD}"
        )
    };
    place
        .train(&ablation(9))
        .with(2, "error: --figure 9: must be 7 for --game pushchair; the others are about Procgen");
    place.train(&ablation(7)).well();
    let result: Value = serde_json::from_str(&place.text("run/result.json")).unwrap();
    let launches: Vec<u64> = result["launches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|launch| launch["iteration"].as_u64().unwrap())
        .collect();
    // Shares of the 20 iterations.
    assert_eq!(launches, [0, 1, 2, 3, 7, 13]);
    assert_eq!(place.rows("run/seed-0/from-000007/specialist-2"), 4);
}

#[test]
fn the_scripted_pusher_demonstrates() {
    let place = Place::new();
    let train =
        |out: &str, extra: &str| format!("train pushchair --out {out} {TINY} {METHOD} {extra}");
    let shown = "--set gail.expert_samples=64";
    place.train(&train("whole", shown)).well();
    let mut running = place.start(&train("run", shown));
    running.until(|| place.rows("run/seed-0/train") >= 7);
    running.kill();
    place.train("resume run").well();
    assert_same(&place.tree("run"), &place.tree("whole"), "train");
    let table = read_csv(&place.path("whole/seed-0/train/metrics.csv")).unwrap();
    let imitation = table.column("imitation_reward").unwrap();
    assert!(imitation[3..].iter().all(|&reward| reward > 0.0), "{imitation:?}");

    // No episode of eight steps is as good as that.
    place
        .train(&train("none", "--set gail.expert_samples=64 --set gsl.demonstration_threshold=100"))
        .with(
            1,
            "error: no episode that was to demonstrate had a return above 100 in 3200 samples: \
             lower gsl.demonstration_threshold, or train specialists longer",
        );
    place.train("train maze-sac --out maze --set gail.expert_samples=64").with(
        2,
        "error: gail.expert_samples = 64: must be 0 in an environment without a scripted policy; \
         pushchair has one",
    );
    place
        .train(&format!("gsl pushchair --out gsl {TINY} {METHOD} {shown}"))
        .with(2, "error: gail.expert_samples = 64: must be 0: in GSL the specialists demonstrate");
}
