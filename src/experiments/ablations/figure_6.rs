//! Figure 6: agents that train on few levels each, from scratch, against one that trains on all.

use super::{Ablation, Shown, Y_TITLE, average, color, end, height};
use crate::{
    error::Result,
    experiments::{
        average::Spread,
        claim::{Claim, Verdict},
        curves,
        lines::{Lines, NamedLine},
        print::{fixed, millions},
    },
    gsl::{
        algorithm1::{Algorithm1, NewWeights},
        partition::evenly,
        side_by_side::side_by_side,
    },
    learn::agent::Agent,
    run::phase::{Context, Phase, unobserved},
};
use gslab_envs::rng::derive_seed;
use serde::Serialize;

/// That all agents of one size share.
pub const SAMPLES: u64 = 200_000_000;
/// K: levels of one agent. The last size is always all levels.
const SIZES: [usize; 3] = [4, 16, 64];
/// Up to this many levels an agent has the environments of a specialist, unless it is the one on
/// all levels.
const FEW: usize = 16;

/// Agents with as many levels each.
#[derive(Serialize)]
struct Group {
    levels_each: usize,
    agents: usize,
    samples_each: u64,
    /// Normalised return at the end: mean over the last tenth of the curve.
    end: f64,
}

pub fn run<A: Agent>(
    ablation: Ablation,
    context: &Context<'_>,
    new: NewWeights<'_, A>,
) -> Result<Shown> {
    let levels = context.variations();
    let total = context.config.total_samples;
    let mut groups = Vec::new();
    let mut lines: Vec<Vec<Spread>> = Vec::new();
    for size in sizes(levels.len()) {
        let agents = levels.len().div_ceil(size);
        let samples = total.div_ceil(agents as u64);
        let curves = ablation.each_seed::<_, A>(context, new, |algorithm| {
            train(algorithm, &levels, size, samples)
        })?;
        let line = average(&curves.concat());
        groups.push(Group { levels_each: size, agents, samples_each: samples, end: end(&line) });
        lines.push(line);
    }
    let claims = claims(&groups, &lines);
    let table = table(&groups, &lines);
    let named = groups.iter().zip(lines).enumerate().map(|(i, (group, points))| NamedLine {
        name: match group.agents {
            1 => "all levels, one agent".into(),
            n => format!("{} levels each, {n} agents", group.levels_each),
        },
        color: color(i),
        dashed: false,
        points,
    });
    Ok(Shown {
        title: "Levels of an agent (Figure 6)",
        lead: format!(
            "Agents train from scratch on 4, 16, 64 or all {} levels; those of one size share {} \
             samples.",
            levels.len(),
            millions(total as f64)
        ),
        lines: Lines { y_title: Y_TITLE, lines: named.collect(), marks: Vec::new() },
        lines_caption: "Mean and range over the agents of one size, each on its own levels; x \
                        counts the samples of all of them."
            .into(),
        histograms: None,
        table,
        claims,
        result: serde_json::json!({ "groups": groups }),
    })
}

/// Levels of an agent, in growing order.
fn sizes(levels: usize) -> Vec<usize> {
    SIZES.into_iter().filter(|&size| size < levels).chain([levels]).collect()
}

/// The curves of all agents of one size.
fn train<A: Agent>(
    algorithm: &Algorithm1<'_, A>,
    levels: &[u32],
    size: usize,
    samples: u64,
) -> Result<Vec<Vec<curves::Point>>> {
    let &Algorithm1 { context, dir, seed, .. } = algorithm;
    let seed = derive_seed(seed, &format!("{size} levels each"));
    let subsets = evenly(levels, levels.len().div_ceil(size), derive_seed(seed, "partition"));
    let stretch = subsets.len() as f64;
    let numbered: Vec<(usize, Vec<u32>)> = (1..).zip(subsets).collect();
    let trained = side_by_side(&numbered, |(number, variations)| {
        let seed = derive_seed(seed, &format!("agent {number}"));
        let phase = Phase::<A> {
            name: format!("{}agent {number} of {size} levels", algorithm.label),
            dir: dir.join(format!("levels-{size}")).join(format!("agent-{number}")),
            seed,
            variations: variations.clone(),
            weights: (algorithm.new)(seed),
            reward_scale: None,
            replay: None,
            learning: match size <= FEW && size < levels.len() {
                true => context.config.specialist_learning(),
                false => context.config.learning(),
            },
            demonstrations: None,
            anneal: None,
            keep_best: false,
        };
        let iterations = A::schedule(&phase.learning).iterations(samples);
        phase.run(context, iterations, &mut unobserved)?;
        curves::read(&phase.dir, 0.0, stretch)
    });
    trained.into_iter().collect()
}

/// Heights of a line when a quarter of the samples is spent and at its end.
fn early_and_late(line: &[Spread]) -> (f64, f64) {
    (height(line, 0.15..=0.25), end(line))
}

fn claims(groups: &[Group], lines: &[Vec<Spread>]) -> Vec<Claim> {
    let (few, all) = (&lines[0], &lines[lines.len() - 1]);
    let ((few_early, few_late), (all_early, all_late)) = (early_and_late(few), early_and_late(all));
    let verdict = |seen: bool| match groups.len() {
        1 => Verdict::Open,
        _ if [few_early, few_late, all_early, all_late].iter().any(|h| h.is_nan()) => Verdict::Open,
        _ => Verdict::of(seen),
    };
    let size = groups[0].levels_each;
    vec![
        Claim {
            title: "Early",
            paper: "At first the agent on all levels learns fastest for its samples.",
            place: "Section 6.1, Figure 6",
            measured: format!(
                "normalised return after a fifth of the samples: {} on all levels, {} with {size} \
                 levels each",
                fixed(all_early),
                fixed(few_early)
            ),
            verdict: verdict(all_early > few_early),
            detail: "Demanded: higher on all levels.".into(),
        },
        Claim {
            title: "Late",
            paper: "Agents on fewer levels cross over and end higher.",
            place: "Section 6.1, Figure 6",
            measured: format!(
                "normalised return at the end: {} on all levels, {} with {size} levels each",
                fixed(all_late),
                fixed(few_late)
            ),
            verdict: verdict(few_late > all_late),
            detail: "Demanded: higher with the fewest levels each. Each agent is measured on its \
                     own levels."
                .into(),
        },
    ]
}

fn table(groups: &[Group], lines: &[Vec<Spread>]) -> Vec<Vec<String>> {
    let header =
        ["levels each", "agents", "samples each", "after a fifth", "end"].map(str::to_owned);
    let rows = groups.iter().zip(lines).map(|(group, line)| {
        let (early, late) = early_and_late(line);
        vec![
            group.levels_each.to_string(),
            group.agents.to_string(),
            group.samples_each.to_string(),
            fixed(early),
            fixed(late),
        ]
    });
    [header.to_vec()].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_size_is_all_levels() {
        assert_eq!(sizes(256), [4, 16, 64, 256]);
        assert_eq!(sizes(26), [4, 16, 26]);
        assert_eq!(sizes(16), [4, 16]);
        assert_eq!(sizes(3), [3]);
    }

    #[test]
    fn crossing_over_is_seen_and_its_absence_too() {
        let line = |from: f64, to: f64| -> Vec<Spread> {
            let at = |i: u32| {
                let mean = from + (to - from) * f64::from(i) / 100.0;
                Spread { x: f64::from(i), mean, low: mean, high: mean }
            };
            (0..=100).map(at).collect()
        };
        let group = |levels_each| Group { levels_each, agents: 1, samples_each: 1, end: 0.0 };
        let groups = [group(4), group(256)];
        let verdicts = |few, all| -> Vec<Verdict> {
            claims(&groups, &[few, all]).iter().map(|claim| claim.verdict).collect()
        };
        let (steep, flat) = (|| line(0.0, 1.0), || line(0.3, 0.5));
        assert_eq!(verdicts(steep(), flat()), [Verdict::Pass, Verdict::Pass]);
        assert_eq!(verdicts(flat(), steep()), [Verdict::Fail, Verdict::Fail]);
        assert_eq!(verdicts(Vec::new(), steep()), [Verdict::Open, Verdict::Open]);
    }
}
