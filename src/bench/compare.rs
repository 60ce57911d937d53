//! Two benchmark files beside each other: ratios, and whether they are more than noise.

use super::results::{Measurement, Per, Results, Spread};

/// A thing that both files measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    pub name: String,
    pub items: String,
    pub sizes: String,
    /// Rate in the second file by rate in the first: of the medians, and the lowest and highest of
    /// any two runs.
    pub ratio: Spread,
    /// How likely so clear a difference would be if there were none.
    pub chance: f64,
}

/// A difference counts that chance would show less often.
const SIGNIFICANT: f64 = 0.05;

impl Ratio {
    fn of(a: &Measurement, b: &Measurement, per: Per) -> Self {
        let (x, y) = (a.rate(per), b.rate(per));
        let ratio = Spread {
            median: y.median / x.median,
            lowest: y.lowest / x.highest,
            highest: y.highest / x.lowest,
        };
        let rates = |m: &Measurement| -> Vec<f64> {
            let one = |run| Measurement { runs: vec![run], ..m.clone() }.rate(per).median;
            m.runs.iter().map(|&run| one(run)).collect()
        };
        let chance = rank_sum(&rates(a), &rates(b));
        Self { name: b.name.clone(), items: b.items.clone(), sizes: b.sizes(), ratio, chance }
    }

    /// `faster`, `slower`, or `noise`.
    pub fn verdict(&self) -> &'static str {
        match self.ratio.median {
            _ if self.chance >= SIGNIFICANT => "noise",
            r if r > 1.0 => "faster",
            _ => "slower",
        }
    }
}

/// Ratios of all that both measured, in the order of the second.
pub fn ratios(a: &Results, b: &Results, per: Per) -> Vec<Ratio> {
    let pairs = b.measurements.iter().filter_map(|of_b| {
        let of_a = a.measurements.iter().find(|of_a| of_a.is_same(of_b))?;
        Some(Ratio::of(of_a, of_b, per))
    });
    pairs.collect()
}

/// What makes a comparison say less about gslab: the names of what differs, with both values.
pub fn differences(a: &Results, b: &Results) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |what: &str, a: &str, b: &str| {
        if a != b {
            found.push(format!("the {what} differs: {a} and {b}"));
        }
    };
    note("format", &a.format.to_string(), &b.format.to_string());
    note("version of gslab", &a.gslab, &b.gslab);
    note("command", &a.command, &b.command);
    note("processor", &a.host.processor, &b.host.processor);
    note("number of threads", &a.host.threads.to_string(), &b.host.threads.to_string());
    note("system", &a.host.system, &b.host.system);
    note("device", &a.device, &b.device);
    found
}

/// The ratios as a table for the terminal.
pub fn table(ratios: &[Ratio]) -> String {
    let head = ("what", "items", "sizes", "ratio", "lowest to highest", "verdict");
    let line =
        |(name, items, sizes, ratio, range, verdict): (&str, &str, &str, &str, &str, &str)| {
            format!("{name:20} {items:20} {sizes:34} {ratio:>7} {range:>18} {verdict}\n")
        };
    let mut text = line(head);
    for of in ratios {
        let Ratio { name, items, sizes, ratio, .. } = of;
        let range = format!("{:.3} to {:.3}", ratio.lowest, ratio.highest);
        text += &line((name, items, sizes, &format!("{:.3}", ratio.median), &range, of.verdict()));
    }
    text.pop();
    text
}

/// How likely, if both samples came from one source, ranks would lie at least as far apart: the
/// exact two-sided test of Wilcoxon (1945) and of Mann and Whitney (1947). Of equal values each
/// counts half.
fn rank_sum(a: &[f64], b: &[f64]) -> f64 {
    // U in halves, so that it stays whole.
    let pair = |x: f64, y: f64| match x.total_cmp(&y) {
        std::cmp::Ordering::Less => 2,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Greater => 0,
    };
    let u: usize = a.iter().flat_map(|&x| b.iter().map(move |&y| pair(x, y))).sum();
    let (n, m) = (a.len(), b.len());
    let extreme = u.min(2 * n * m - u) / 2;
    let ways = ways(n, m);
    let tail: f64 = ways[..=extreme].iter().sum();
    (2.0 * tail / ways.iter().sum::<f64>()).min(1.0)
}

/// In how many of the orders of `n` and `m` different values U is 0, 1, … n m.
fn ways(n: usize, m: usize) -> Vec<f64> {
    // The Gaussian binomial coefficient: the product of (1 - q^(m + i)) / (1 - q^i).
    let mut ways = vec![0.0; n * m + 1];
    ways[0] = 1.0;
    for i in 1..=n {
        for u in (m + i..ways.len()).rev() {
            ways[u] -= ways[u - m - i];
        }
        for u in i..ways.len() {
            ways[u] += ways[u - i];
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::{super::results::Run, *};
    use std::collections::BTreeMap;

    fn measured(rates: &[f64]) -> Measurement {
        let run = |&items: &f64| Run { items, wall: 1.0, cpu: 1.0 };
        Measurement {
            name: "a".into(),
            items: "steps".into(),
            parameters: BTreeMap::new(),
            operations: None,
            bytes: None,
            runs: rates.iter().map(run).collect(),
        }
    }

    /// Every way of choosing which of the values are the first sample's.
    fn by_hand(a: &[f64], b: &[f64]) -> f64 {
        let all: Vec<f64> = a.iter().chain(b).copied().collect();
        let u = |chosen: u32| {
            let (x, y): (Vec<_>, Vec<_>) = (0..all.len()).partition(|i| chosen >> i & 1 == 1);
            x.iter().map(|&i| y.iter().filter(|&&j| all[i] < all[j]).count()).sum::<usize>()
        };
        let seen = u((1 << a.len()) - 1);
        let far = |u: usize| u.abs_diff(a.len() * b.len() - u);
        let choices = (0..1u32 << all.len()).filter(|c| c.count_ones() as usize == a.len());
        let (mut as_far, mut of) = (0.0, 0.0);
        for choice in choices {
            of += 1.0;
            as_far += f64::from(u8::from(far(u(choice)) >= far(seen)));
        }
        as_far / of
    }

    #[test]
    fn the_chance_is_that_of_all_orders() {
        let samples: [(&[f64], &[f64]); 5] = [
            (&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]),
            (&[1.0, 5.0, 3.0], &[4.0, 2.0, 6.0]),
            (&[1.0, 2.0, 3.0, 4.0, 7.0], &[5.0, 6.0, 8.0, 9.0, 10.0]),
            (&[3.0], &[1.0, 2.0]),
            (&[9.0, 8.0, 7.0, 1.0], &[2.0, 3.0, 4.0, 5.0, 6.0]),
        ];
        for (a, b) in samples {
            let (chance, expected) = (rank_sum(a, b), by_hand(a, b));
            assert!((chance - expected).abs() < 1e-12, "{a:?} {b:?}: {chance} {expected}");
        }
        // Five runs each that do not overlap: 2 of 252 orders.
        let (low, high) = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!((rank_sum(&low, &high) - 2.0 / 252.0).abs() < 1e-12);
    }

    #[test]
    fn equal_runs_are_noise() {
        let ratio = Ratio::of(&measured(&[3.0; 5]), &measured(&[3.0; 5]), Per::Second);
        assert_eq!((ratio.verdict(), ratio.ratio.median), ("noise", 1.0));
    }

    #[test]
    fn what_is_twice_as_fast_is_called_faster() {
        let (a, b) = (measured(&[1.0, 1.1, 0.9, 1.0, 1.2]), measured(&[2.0, 2.2, 1.9, 2.1, 2.0]));
        let ratio = Ratio::of(&a, &b, Per::CpuSecond);
        assert_eq!(ratio.verdict(), "faster");
        assert_eq!((ratio.ratio.median, ratio.ratio.highest), (2.0, 2.2 / 0.9));
        assert_eq!(Ratio::of(&b, &a, Per::CpuSecond).verdict(), "slower");
        // Two runs each can never tell.
        let ratio = Ratio::of(&measured(&[1.0, 1.1]), &measured(&[2.0, 2.2]), Per::Second);
        assert_eq!(ratio.verdict(), "noise");
    }

    #[test]
    fn what_differs_between_files_is_named() {
        let a = Results::new("bench envs", "CPU".into(), vec![measured(&[1.0])]);
        let mut b = a.clone();
        assert!(differences(&a, &b).is_empty());
        b.gslab = "9.9.9".into();
        b.host.processor = "another".into();
        let found = differences(&a, &b).join("; ");
        assert!(found.contains("version of gslab") && found.contains("processor"), "{found}");
        assert_eq!(ratios(&a, &b, Per::Second).len(), 1);
        b.measurements[0].name = "b".into();
        assert!(ratios(&a, &b, Per::Second).is_empty());
    }
}
