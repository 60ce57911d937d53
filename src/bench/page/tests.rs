use super::*;
use crate::bench::results::Run;

fn measured(name: &str, threads: u64, rate: f64) -> Measurement {
    Measurement {
        name: name.into(),
        items: "steps".into(),
        parameters: [("threads".into(), threads)].into(),
        operations: None,
        bytes: None,
        runs: vec![Run { items: rate, wall: 1.0, cpu: threads as f64 }],
    }
}

fn results() -> Results {
    let stage = Measurement {
        operations: Some(1e6),
        bytes: Some(1e4),
        ..measured("maze: <forward>", 1, 5e3)
    };
    let ceiling = |name, rate| measured(name, 1, rate);
    let all = vec![
        measured("a", 1, 100.0),
        measured("a", 2, 190.0),
        measured("b", 1, 400.0),
        measured("x:a", 3, 1.0),
        measured("x:b", 3, 4.0),
        stage,
        ceiling("arithmetic", 1e11),
        ceiling("memory", 1e10),
    ];
    Results::new("bench envs", "CPU".into(), all)
}

#[test]
fn a_page_has_bars_scaling_and_a_roof_and_nothing_from_elsewhere() {
    let html = html(&[results()]).unwrap();
    for heading in ["Beside each other", "How it grows", "Roofline"] {
        assert!(html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert!(html.contains("100 GFLOP/s, 10.0 GB/s"));
    assert!(html.contains("maze: &lt;forward&gt;") && !html.contains("<forward>"));
    let links = html
        .match_indices("http")
        .filter(|&(i, _)| !html[i..].starts_with("http://www.w3.org/2000/svg"));
    assert_eq!(links.count(), 0);
}

#[test]
fn only_what_was_swept_has_a_curve() {
    let results = results();
    let scaling = Scaling::of(&results);
    assert_eq!(scaling.len(), 1);
    assert!(scaling[0].caption().starts_with("steps per second against the number of threads"));
}

#[test]
fn tables_in_markdown_hold_every_rate_and_the_mean() {
    let text = markdown(&results());
    assert!(text.contains("| a | steps | 2 threads | 95.00 | 95.00 to 95.00 | 190 |"), "{text}");
    assert!(text.contains("| geometric mean | steps | 3 threads | 0.67 |"), "{text}");
}
