//! PPG on frames: what each form of its networks learns from, that it learns, and that the settings
//! and the seed decide every byte of it.

use crate::common::{Place, assert_same};
use gslab::{
    device::Device,
    gsl::evaluate::{Acting, evaluate},
    learn::{
        agent::{Agent, Learning},
        impala::{
            Architecture, FRAME, Frames,
            cpu::{CpuImpala, Term, Weights},
            initial::Initialisation,
        },
        loss::Tally,
        pixels::Pixels,
        ppg::{self, Form, Phasic},
        ppo,
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

fn architecture() -> Architecture {
    Architecture::new(vec![8, 8, 8], 64, 15, 1).expect("a network")
}

#[test]
fn a_detached_value_learns_in_its_own_weights_alone() {
    let attached = Architecture::new(vec![4, 4], 8, 3, 2).expect("a network");
    let detached = attached.clone().with_detached_value();
    let noise = Stream::new(1, "test");
    let pixels: Vec<u8> = (0..2 * FRAME).map(|i| noise.below(0, i as u64, 256) as u8).collect();
    let gradient = |architecture: &Architecture, output: usize| {
        let mut network =
            CpuImpala::new(Weights::new(architecture.clone(), Initialisation::Ppg, 2));
        let loss = |_: std::ops::Range<usize>, _: &[f32], d_output: &mut [f32]| {
            d_output.chunks_exact_mut(5).for_each(|row| row[output] = 1.0);
            Tally::default()
        };
        let term = Term { frames: Frames::all(&pixels), loss: &loss };
        network.gradient(&[term]).0.to_vec()
    };
    // The last layer: 8 x 5 weights, 5 biases.
    let trunk = attached.parameters() - 45;
    // Logits and the auxiliary value are as they were.
    for output in 0..4 {
        assert_eq!(gradient(&attached, output), gradient(&detached, output));
    }
    let (all, own) = (gradient(&attached, 4), gradient(&detached, 4));
    assert_eq!(all[trunk..], own[trunk..]);
    assert!(own[trunk..].iter().any(|g| *g != 0.0));
    assert!(all[..trunk].iter().any(|g| *g != 0.0));
    assert!(own[..trunk].iter().all(|g| *g == 0.0));
}

/// Trains small networks for some 22,000 frames of one easy level; mean returns before and after.
fn returns() -> (f64, f64) {
    let entry = registry::find(GAME).expect("the game is registered");
    let level = "mode = \"easy\"\nnum_levels = 1\nstart_level = 3";
    let family = entry.build(&level.parse().expect("valid TOML")).expect("valid options");
    let ppo = ppo::Config {
        learning_rate: 1e-3,
        gamma: 0.99,
        entropy_coefficient: 0.0,
        standardise: ppo::Standardise::Batch,
        value_clip: 0.0,
        max_grad_norm: f32::INFINITY,
        epochs: 1,
        samples: 1024,
        minibatch: 128,
        environments: 32,
        ..ppo::Config::procgen()
    };
    let ppg = ppg::Config { policy_iterations: 7, auxiliary_epochs: 2, ..ppg::Config::default() };
    let learning = Learning { ppo, ppg, ..Learning::default() };
    let config = &learning.ppo;
    let weights = ppg::Weights::new(Form::Dual, &architecture(), Initialisation::Ppg, 0);
    let mut agent: Pixels<Phasic> = Pixels::new(&Device::Cpu, GAME, weights);
    let measure = |agent: &mut Pixels<Phasic>| {
        evaluate(&*family, agent, &[0], 50, Acting::Sampled, 99).mean_return()
    };
    let before = measure(&mut agent);
    let levels = LevelSet::new(vec![0], Order::Uniform, 0).expect("a level");
    let mut pool = Pool::new(&*family, &levels, config.environments);
    let mut scale = RewardScale::new(config.environments, config.reward_gamma);
    let (noise, shuffle) = (Stream::new(0, "noise"), Stream::new(0, "shuffle"));
    let steps = config.samples / config.environments;
    for iteration in 0..21 {
        let mut rollout = agent.collect(&mut pool, steps, noise, iteration * steps as u64);
        scale.apply(&mut rollout.rewards, &rollout.ends);
        agent.update(rollout, &learning, shuffle, iteration, None);
        let auxiliary = agent.measures();
        assert_eq!(auxiliary.iter().all(|m| m.is_finite()), iteration % 7 == 6);
        if iteration % 7 == 6 {
            assert!(agent.is_settled());
            // It changes the policy less than a step of PPO may.
            assert!(auxiliary[1] < 0.1, "{auxiliary:?}");
        }
    }
    (before, measure(&mut agent))
}

#[test]
fn ppg_on_frames_becomes_clearly_better_than_chance() {
    let (before, after) = returns();
    println!("from {before} to {after}");
    assert!(after > 1.3 * before, "from {before} to {after}");
}

const TINY: &str = "--set env.levels=range --set env.num_levels=6 --set env.start_level=3 \
    --set total_samples=640 --set ppo.samples=64 --set ppo.minibatch=32 --set ppo.environments=4 \
    --set impala.channels=[4,4] --set impala.hidden=16 --set checkpoint_every=1 \
    --set evaluation.episodes=1 --set evaluation.every=2 --set gsl.specialists=2 \
    --set gsl.low_variations=4 --set gsl.specialist_environments=2 --set gsl.window=2 \
    --set gsl.specialist_samples=128 --set gsl.kernel=4 --set gsl.demonstration_samples=40 \
    --set gsl.generalist_demonstration_samples=50 --set gsl.demonstration_threshold=-inf \
    --set gsl.merge_samples=256 --set dapg.minibatch=16 --set ppg.policy_iterations=3 \
    --set ppg.auxiliary_epochs=2 --set ppg.specialist_policy_iterations=2";

#[test]
fn killed_between_auxiliary_phases_it_ends_with_the_same_bytes_on_any_number_of_threads() {
    let place = Place::new();
    let gsl = |out: &str, extra: &str| format!("gsl procgen-ppg --out {out} {TINY} {extra}");
    place.train(&gsl("whole", "--threads 1")).well();
    let expected = place.tree("whole");
    let metrics = place.text("whole/seed-0/merge/metrics.csv");
    assert!(metrics.contains("auxiliary_divergence"), "{metrics}");
    for (phase, rows) in [("generalist", 4), ("specialist-1", 1), ("merge", 2)] {
        let mut running = place.start(&gsl("run", "--threads 3"));
        running.until(|| place.rows(&format!("run/seed-0/{phase}")) >= rows);
        running.kill();
        place.train("resume run").well();
        assert_same(&place.tree("run"), &expected, phase);
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn every_form_trains_and_is_measured_and_shown() {
    let place = Place::new();
    for form in ["dual", "shared", "detach"] {
        place.train(&format!("train procgen-ppg --out {form} {TINY} --set ppg.form={form}")).well();
        let said = place.gslab(&format!("eval {form} --device cpu --episodes 1")).well().stdout;
        assert!(said.contains("normalised"), "{said}");
    }
    place.gslab("record dual --policy final --out film.gif").well();
    assert!(place.read("film.gif").starts_with(b"GIF89a"));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let place = Place::new();
    for (source, extra, message) in [
        (
            "maze",
            "algorithm=ppg",
            "algorithm = ppg: must be ppo or sac: PPG is for what is seen in pixels",
        ),
        ("procgen-ppg", "ppg.policy_iterations=0", "ppg.policy_iterations = 0: must be from 1"),
        ("procgen-ppg", "ppg.auxiliary_epochs=0", "ppg.auxiliary_epochs = 0: must be at least 1"),
        ("procgen-ppg", "ppg.form=triple", "triple"),
    ] {
        let ended = place.gslab(&format!("train {source} --out run --set {extra}"));
        assert_eq!(ended.code, Some(2), "{extra}: {}", ended.stderr);
        assert!(ended.stderr.contains(message), "{extra}: {}", ended.stderr);
        assert!(!place.path("run").exists(), "{extra}");
    }
}
