//! The ablations of Section 6, on a game of Procgen or, for Figure 7, on PushChair: one file each.

mod figure_6;
mod figure_7;
mod figure_8;
mod figure_9;
pub mod report;

use super::{procgen, pushchair};
use crate::{
    error::Result,
    experiments::{
        average::{Spread, smooth, spread},
        claim::{Claim, Verdict},
        curves::Point,
        histograms::Histograms,
        lines::Lines,
        print::millions,
    },
    gsl::{
        algorithm1::{Algorithm1, NewWeights},
        snapshots::{Snapshots, Start},
    },
    learn::agent::Agent,
    plot::{BLUE, GREEN, INK, ORANGE, PURPLE, VERMILLION},
    run::{
        config::Config,
        phase::{Checkpoint, Context, Flow, Seen},
    },
};
use plotters::style::RGBColor;
use serde::{Deserialize, Serialize};

/// Which figure of the paper, and at what scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// 6 to 9.
    pub figure: u8,
    pub first_seed: u64,
    pub seeds: u64,
    /// What the paper's budgets were multiplied by; the settings hold it already.
    pub scale: f64,
}

/// What an ablation measured and how it is shown.
pub struct Shown {
    pub title: &'static str,
    /// What was done, a sentence or two.
    pub lead: String,
    pub lines: Lines,
    pub lines_caption: String,
    /// Returns by level, and a caption.
    pub histograms: Option<(Histograms, String)>,
    /// Rows of cells, the header first.
    pub table: Vec<Vec<String>>,
    pub claims: Vec<Claim>,
    /// The content of `result.json`.
    pub result: serde_json::Value,
}

/// Levels of all ablations: the first seed and the number (Section 6: 256 levels).
const LEVELS: (i64, i64) = (2000, 256);
/// Specialists of 4 levels each (Section 6.2).
const SPECIALISTS: usize = 64;

/// Turns the settings of the experiment on a game or on PushChair into those of an ablation.
pub fn settings(config: &mut Config, figure: u8, by: f64) {
    if config.environment == pushchair::ENVIRONMENT {
        return pushchair::scale(config, by);
    }
    let options = &mut config.env;
    options.insert("levels".into(), "range".into());
    options.insert("start_level".into(), LEVELS.0.into());
    options.insert("num_levels".into(), LEVELS.1.into());
    config.gsl.specialists = SPECIALISTS;
    config.gsl.low_variations = LEVELS.1 as usize;
    if figure == 6 {
        config.total_samples = figure_6::SAMPLES;
    }
    procgen::scale::scale(config, by);
}

impl Ablation {
    /// Trains what the figure compares. What an interrupted run has finished is read, not done
    /// again. `new` makes a generalist.
    pub fn run<A: Agent>(self, context: &Context<'_>, new: NewWeights<'_, A>) -> Result<Shown> {
        let mut shown = match self.figure {
            6 => figure_6::run::<A>(self, context, new),
            7 => figure_7::run::<A>(self, context, new),
            8 => figure_8::run::<A>(self, context, new),
            _ => figure_9::run::<A>(self, context, new),
        }?;
        shown.claims.push(self.budget(context));
        Ok(shown)
    }

    /// Algorithm 1 for each seed; parts of it are what the figures need.
    fn each_seed<T, A: Agent>(
        self,
        context: &Context<'_>,
        new: NewWeights<'_, A>,
        work: impl Fn(&Algorithm1<'_, A>) -> Result<T>,
    ) -> Result<Vec<T>> {
        (self.first_seed..self.first_seed + self.seeds)
            .map(|seed| {
                let dir = context.run.join(format!("seed-{seed}"));
                let label = if self.seeds > 1 { format!("seed {seed}: ") } else { String::new() };
                work(&Algorithm1 { context, dir: &dir, seed, label, new })
            })
            .collect()
    }

    fn budget(self, context: &Context<'_>) -> Claim {
        let full = self.scale == 1.0;
        let paper = match context.config.environment == pushchair::ENVIRONMENT {
            true => "8 chairs; 20 M samples for the generalist.",
            false => {
                "256 levels; 200 M samples in Figure 6, 100 M for the generalists of the others."
            }
        };
        Claim {
            title: "Budget",
            paper,
            place: "Section 6",
            measured: format!(
                "the paper's budgets times {}: {} samples, {} variations",
                self.scale,
                millions(context.config.total_samples as f64),
                context.family.spec().variations
            ),
            verdict: if full { Verdict::Pass } else { Verdict::Open },
            detail: "Curves can be laid beside the paper's only at the full budget.".into(),
        }
    }
}

/// Iterations of the generalist's budget.
fn iterations<A: Agent>(config: &Config) -> u64 {
    A::schedule(&config.learning()).iterations(config.total_samples)
}

/// Samples of that many of the generalist's iterations.
fn samples<A: Agent>(config: &Config, iterations: u64) -> f64 {
    (iterations * A::schedule(&config.learning()).samples()) as f64
}

/// Shares of `all` iterations, in growing order, each once.
fn at_shares(shares: &[f64], all: u64) -> Vec<u64> {
    let mut at: Vec<u64> = shares.iter().map(|share| (share * all as f64).round() as u64).collect();
    at.dedup();
    at
}

/// A trained generalist, and what it was before.
type Trained<W> = (Checkpoint<W>, Vec<Start<W>>);

/// Trains a generalist on all its budget and keeps it as it was after the iterations `at`, from 0
/// (new weights) on.
fn generalist<A: Agent>(algorithm: &Algorithm1<'_, A>, at: &[u64]) -> Result<Trained<A::Weights>> {
    let phase = algorithm.generalist_phase();
    let snapshots = Snapshots { dir: algorithm.dir.join("snapshots") };
    snapshots.create()?;
    if at.first() == Some(&0) {
        snapshots.keep(0, || Start { weights: phase.weights.clone(), reward_scale: None })?;
    }
    let mut keep = |seen: &Seen<'_, A>| {
        let done = seen.curve.len();
        if at.contains(&(done as u64)) {
            snapshots.keep(done, || Start {
                weights: seen.agent.weights(),
                reward_scale: seen.reward_scale.cloned(),
            })?;
        }
        Ok(Flow::Continue)
    };
    let checkpoint =
        phase.run(algorithm.context, iterations::<A>(algorithm.context.config), &mut keep)?;
    let starts = at.iter().map(|&n| snapshots.get(n as usize)).collect::<Result<_>>()?;
    Ok((checkpoint, starts))
}

/// Of lines, in order; after the last it begins again.
const COLORS: [RGBColor; 6] = [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, INK];

fn color(line: usize) -> RGBColor {
    COLORS[line % COLORS.len()]
}

const Y_TITLE: &str = "normalised return, last 100 episodes";
/// Where returns have no scale.
const Y_TITLE_RAW: &str = "return, last 100 episodes";

/// Mean and range of the normalised return over curves.
fn average(curves: &[Vec<Point>]) -> Vec<Spread> {
    spread(&curves.iter().map(|curve| smooth(curve, |point| point.recent)).collect::<Vec<_>>())
}

/// Mean height of a line where x is in a share of the samples from its start to its end; NaN of
/// a line without points.
fn height(line: &[Spread], shares: std::ops::RangeInclusive<f64>) -> f64 {
    let (Some(first), Some(last)) = (line.first(), line.last()) else { return f64::NAN };
    let within = |point: &&Spread| {
        let share = (point.x - first.x) / (last.x - first.x).max(f64::MIN_POSITIVE);
        shares.contains(&share)
    };
    let heights: Vec<f64> = line.iter().filter(within).map(|point| point.mean).collect();
    heights.iter().sum::<f64>() / heights.len() as f64
}

/// The last tenth of a line.
fn end(line: &[Spread]) -> f64 {
    height(line, 0.9..=1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_of_section_6() {
        let mut config = Config::from_preset("procgen", &[]).unwrap();
        settings(&mut config, 6, 1.0);
        assert_eq!(config.family().unwrap().spec().variations, 256);
        assert_eq!((config.total_samples, config.gsl.specialists), (200_000_000, 64));
        let mut small = Config::from_preset("procgen", &[]).unwrap();
        settings(&mut small, 7, 0.01);
        assert_eq!(small.family().unwrap().spec().variations, 26);
        assert_eq!((small.total_samples, small.gsl.specialists), (1_000_000, 7));
        small.validate_split().unwrap();
        // Fewer levels than specialists of 4 levels would take.
        let mut tiny = Config::from_preset("procgen", &[]).unwrap();
        settings(&mut tiny, 7, 1e-4);
        tiny.validate_split().unwrap();
    }

    #[test]
    fn shares_of_few_iterations_name_none_twice() {
        assert_eq!(at_shares(&[0.0, 0.04, 0.5, 1.0], 6), [0, 3, 6]);
    }

    #[test]
    fn the_end_of_a_line_is_its_last_tenth() {
        let line: Vec<Spread> = (0..=100)
            .map(|i| {
                let mean = if i >= 90 { 3.0 } else { 1.0 };
                Spread { x: 5.0 + f64::from(i), mean, low: mean, high: mean }
            })
            .collect();
        assert_eq!((end(&line), height(&line, 0.0..=0.5)), (3.0, 1.0));
        assert!(end(&[]).is_nan());
    }
}
