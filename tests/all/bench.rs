//! Benchmarks, timelines and soaks, from the command line: that they measure what they say, and
//! refuse what they cannot. How fast anything is, no test asks.

use crate::common::Place;
use serde_json::Value;

/// Sizes of a benchmark that takes no time.
const FEW: &str = "--seconds 0.001 --repetitions 3";

impl Place {
    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }
}

fn measured(results: &Value) -> Vec<(&str, &str, &Value)> {
    let all = results["measurements"].as_array().unwrap();
    all.iter()
        .map(|m| (m["name"].as_str().unwrap(), m["items"].as_str().unwrap(), &m["parameters"]))
        .collect()
}

#[test]
fn environments_are_measured_at_every_size() {
    let place = Place::new();
    place
        .gslab(&format!(
            "bench envs maze heist --environments 2,4 --threads 1,2 --json a.json --quiet {FEW}"
        ))
        .well();
    let results = place.json("a.json");
    let sizes = |m: &(&str, &str, &Value)| {
        let number = |key: &str| m.2[key].as_u64().unwrap();
        (m.0.to_owned(), m.1.to_owned(), number("environments"), number("threads"))
    };
    let all: Vec<_> = measured(&results).iter().map(sizes).collect();
    let expected = |name: &str, items: &str| {
        [(2, 1), (4, 1), (2, 2), (4, 2)].map(|(n, t)| (name.to_owned(), items.to_owned(), n, t))
    };
    assert_eq!(all, [expected("maze", "steps"), expected("procgen:heist", "frames")].concat());
    for m in results["measurements"].as_array().unwrap() {
        let runs = m["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 3);
        assert!(runs.iter().all(|run| run["items"].as_f64() > Some(0.0)));
    }
    assert_eq!(results["command"], "bench envs");

    // Files that are compared, tabled and drawn.
    let compared = place.gslab("bench --compare a.json a.json").well();
    assert_eq!(compared.stdout.matches(" noise\n").count(), 8, "{}", compared.stdout);
    place.edit("a.json", "\"gslab\": \"", "\"gslab\": \"9.");
    place.write("b.json", serde_json::to_string(&results).unwrap());
    let warned = place.gslab("bench --compare a.json b.json");
    assert!(warned.stderr.starts_with("warning: the version of gslab differs: 9."));
    assert_eq!(warned.code, Some(0));
    place.gslab("bench report a.json b.json --out page.html").well();
    assert!(place.text("page.html").contains("<h2>How it grows</h2>"));
    place.write("notes.md", "before\n<!-- bench -->\n<!-- /bench -->\nafter\n");
    place.gslab("bench report b.json --into notes.md").well();
    let notes = place.text("notes.md");
    assert!(notes.contains("| procgen:heist | frames | 4 environments, 2 threads |"), "{notes}");
    assert!(notes.starts_with("before\n<!-- bench -->\n| what") && notes.ends_with("after\n"));
}

#[test]
fn steps_and_levels_are_measured_apart() {
    let place = Place::new();
    place.gslab(&format!("bench envs bigfish --no-draw --quiet --json a.json {FEW}")).well();
    let results = place.json("a.json");
    let items: Vec<_> = measured(&results).iter().map(|m| m.1).collect();
    assert_eq!(items, ["steps", "steps within levels", "levels"]);
}

#[test]
fn networks_and_the_machine_are_measured() {
    let place = Place::new();
    for command in ["infer", "train"] {
        let arguments = "maze maze-sac --batch 8,16 --threads 1";
        place.gslab(&format!("bench {command} {arguments} --quiet --json a.json {FEW}")).well();
        let results = place.json("a.json");
        let batch = |m: &(&str, &str, &Value)| (m.0.to_owned(), m.2["batch"].as_u64().unwrap());
        let all: Vec<_> = measured(&results).iter().map(batch).collect();
        let expected = [("maze", 8), ("maze", 16), ("maze-sac", 8), ("maze-sac", 16)];
        assert_eq!(all, expected.map(|(name, n)| (name.to_owned(), n)));
    }
    place
        .gslab(&format!("bench machine --device cpu --threads 1 --quiet --json m.json {FEW}"))
        .well();
    let results = place.json("m.json");
    let all: Vec<_> = measured(&results).iter().map(|m| (m.0, m.1)).collect();
    assert_eq!(all, [("arithmetic", "f32 operations"), ("memory", "bytes")]);
}

#[test]
fn the_stages_of_an_iteration_add_up() {
    let place = Place::new();
    let small = "--set ppo.epochs=2 --set ppo.samples=500 --set ppo.minibatch=250";
    let ended = place.gslab(&format!(
        "bench pipeline maze --device cpu --threads 2 --iterations 3 {small} --json p.json"
    ));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with("maze on CPU") && lines[0].contains("3 iterations of 500 samples")
    );
    let [.., bounds, by] = &lines[..] else { panic!("{lines:?}") };
    assert!(bounds.contains(" bounds the run: ") && by.contains(" is bound "), "{lines:?}");
    let results = place.json("p.json");
    let all = results["measurements"].as_array().unwrap();
    let seconds = |name: &str| {
        let m = all.iter().find(|m| m["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        let runs = m["runs"].as_array().unwrap();
        assert!(runs.iter().all(|run| run["items"] == 500.0));
        runs.iter().map(|run| run["wall"].as_f64().unwrap()).sum::<f64>()
    };
    for stage in ["simulate", "infer", "sample", "advantages", "update", "forward", "backward"] {
        assert!(seconds(&format!("maze: {stage}")) > 0.0);
    }
    let names = all.iter().filter_map(|m| m["name"].as_str());
    let stages: f64 = names.filter(|name| name.starts_with("maze: ")).map(seconds).sum();
    // A checkpoint that is written counts to the iteration that the clock had left.
    assert!((stages / seconds("maze") - 1.0).abs() < 0.1, "{stages} {}", seconds("maze"));
}

/// Mesa's software renderer has timestamps, as most GPUs do.
#[cfg(feature = "gpu")]
#[test]
fn a_gpu_notes_its_own_times() {
    let place = Place::new();
    let small = "--set ppo.epochs=1 --set ppo.samples=64 --set ppo.minibatch=64 \
                 --set ppo.environments=8 --set impala.channels=[4] --set impala.hidden=8";
    let pipeline = format!(
        "bench pipeline procgen:bigfish --iterations 2 {small} --json p.json --trace t.json \
         --trace-gpu"
    );
    let ended = place.on_gpu(&pipeline).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let results = place.json("p.json");
    let all = results["measurements"].as_array().unwrap();
    let seconds = |name: &str| {
        let m = all.iter().find(|m| m["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        m["runs"].as_array().unwrap().iter().map(|run| run["wall"].as_f64().unwrap()).sum::<f64>()
    };
    let stages = ["draw", "infer", "sample", "advantages", "forward", "backward", "optimiser"];
    let on_gpu = stages.map(|stage| seconds(&format!("procgen:bigfish: {stage} on the GPU")));
    assert!(on_gpu.iter().all(|&seconds| seconds > 0.0), "{on_gpu:?}");
    let (worked, whole) = (on_gpu.iter().sum::<f64>(), seconds("procgen:bigfish"));
    assert!(worked <= 1.01 * whole, "{worked} of {whole}");

    // An action is a word. Lists cross, rows of minibatches, what was played.
    let bytes = |stage: &str| {
        let name = format!("procgen:bigfish: {stage}");
        all.iter().find(|m| m["name"] == name.as_str()).unwrap()["bytes"].as_f64().unwrap()
    };
    assert_eq!(bytes("actions back"), 4.0);
    assert!(bytes("upload") > 64.0, "{}", bytes("upload"));

    // The GPU begins a stage after it was told to, and is done when the iteration is: both clocks
    // are one.
    let events = place.json("t.json");
    let events = events.as_array().unwrap();
    let gpu = events.iter().find(|e| e["ph"] == "M" && e["args"]["name"] == "GPU").unwrap();
    let spans = |stage: &str, of_gpu: bool| -> Vec<(f64, f64)> {
        let is = |e: &&Value| e["name"] == stage && (e["tid"] == gpu["tid"]) == of_gpu;
        let span = |e: &Value| Some((e["ts"].as_f64()?, e["dur"].as_f64()?));
        events.iter().filter(is).filter_map(span).collect()
    };
    let iterations = spans("iteration", false);
    let backward = spans("backward", true);
    assert!(!backward.is_empty());
    for (began, took) in backward {
        let within = |&(from, long): &(f64, f64)| from <= began && began + took <= from + long;
        assert!(iterations.iter().any(within), "{began} {took} {iterations:?}");
    }
}

#[test]
fn a_timeline_changes_no_result() {
    let place = Place::new();
    let train = "train maze --seed 3 --threads 2 --set total_samples=2000 --set ppo.epochs=2";
    place.train(&format!("{train} --out plain")).well();
    place.train(&format!("{train} --out traced --trace trace.json")).well();
    let weights = "seed-3/final.bin";
    assert_eq!(place.read(&format!("plain/{weights}")), place.read(&format!("traced/{weights}")));
    let events = place.json("trace.json");
    let events = events.as_array().unwrap();
    let of = |name: &str| events.iter().filter(|e| e["name"] == name).collect::<Vec<_>>();
    let samples = events.iter().filter(|e| e["ph"] == "C" && e["name"] == "samples per second");
    assert_eq!(of("iteration").len(), samples.count());
    assert!(!of("update").is_empty() && !of("collect").is_empty());
    // Spans of one thread lie within each other or apart.
    let span = |e: &&Value| Some((e["tid"].as_u64()?, e["ts"].as_f64()?, e["dur"].as_f64()?));
    let spans: Vec<(u64, f64, f64)> = events.iter().filter_map(|e| span(&e)).collect();
    for a in &spans {
        for b in spans.iter().filter(|b| b.0 == a.0 && b.1 > a.1) {
            let (end_a, end_b) = (a.1 + a.2, b.1 + b.2);
            assert!(b.1 >= end_a - 0.002 || end_b <= end_a + 0.002, "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_soak_ends_in_time_and_says_what_it_saw() {
    let place = Place::new();
    let small = "--set ppo.samples=500 --set ppo.minibatch=250 --set ppo.epochs=1";
    let ended = place.gslab(&format!(
        "soak maze --minutes 0.03 --device cpu --threads 1 --quiet --json s.json {small}"
    ));
    assert_eq!(ended.stderr, "");
    let found = place.json("s.json");
    let sights = found["sights"].as_array().unwrap();
    assert!(sights.len() > 3);
    assert!(sights.iter().all(|s| s["host_memory"].as_u64() > Some(1 << 20)));
    // Whether memory grows in two seconds is chance; the exit code says the same as the file.
    assert_eq!(ended.code, Some(i32::from(found["memory_grows"] == true)));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let place = Place::new();
    place.write("empty.json", "{}");
    place.write("other.json", "{\"format\": 7}");
    place.gslab("bench --compare empty.json empty.json").with(
        2,
        "error: empty.json is no benchmark file: missing field `format`. Give it a file that \
         `gslab bench … --json FILE` wrote",
    );
    place.gslab("bench report other.json").with(
        2,
        "error: other.json has format 7 of benchmark files, this gslab reads 1: measure again, or \
         use the gslab that wrote it",
    );
    place
        .gslab("bench --compare none.json none.json")
        .with(2, "error: cannot read none.json: No such file or directory (os error 2)");
    place
        .gslab("train maze --out run --trace nowhere/trace.json")
        .with(2, "error: cannot create nowhere/trace.json: No such file or directory (os error 2)");
    let few = |arguments: &str| place.gslab(&format!("bench {arguments}"));
    let first = |arguments: &str| few(arguments).stderr.lines().next().unwrap_or("").to_owned();
    assert_eq!(
        first("envs maze --repetitions 0"),
        "error: invalid value '0' for '--repetitions <N>': 0 is not in 1..=1000"
    );
    assert_eq!(
        first("pipeline maze --iterations 0"),
        "error: invalid value '0' for '--iterations <N>': 0 is not in 1..=100000"
    );
    assert_eq!(
        first("infer maze --threads 0"),
        "error: invalid value '0' for '--threads <N,…>': 0 is not in 1..=4096"
    );
    let unknown = first("pipeline maze --stages simulate,drow");
    assert_eq!(unknown, "error: invalid value 'drow' for '--stages <STAGE,…>'");
    assert!(!place.path("run").exists());
    assert_eq!(place.tree(".").len(), 2);
}
