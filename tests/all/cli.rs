//! The command line: what it refuses and how it says so, and what it prints.

use crate::common::{Place, TINY};
use std::fs;

/// The command ends with code 2 and just this message, and makes no file.
#[track_caller]
fn refused(arguments: &str, message: &str) {
    let place = Place::new();
    place.gslab(arguments).with(2, message);
    assert!(place.tree(".").is_empty(), "{arguments} left something behind");
}

/// As [`refused`], for what clap finds: more lines follow, which say how to write it.
#[track_caller]
fn misused(arguments: &str, first_line: &str) {
    let place = Place::new();
    let ended = place.gslab(arguments);
    assert_eq!(ended.stderr.lines().next(), Some(first_line));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("--help"), "{}", ended.stderr);
    assert!(place.tree(".").is_empty(), "{arguments} left something behind");
}

/// A setting that every command which begins a run refuses.
#[track_caller]
fn setting_refused(setting: &str, message: &str) {
    for command in ["reproduce maze", "train maze", "gsl maze"] {
        refused(&format!("{command} --device cpu --quiet --out run --set {setting}"), message);
    }
    refused(&format!("config show maze --set {setting}"), message);
}

const GAMES: &str = "bigfish, bossfight, caveflyer, chaser, climber, coinrun, dodgeball, fruitbot, \
    heist, jumper, leaper, maze, miner, ninja, plunder, starpilot";

fn environments() -> String {
    let games = GAMES.split(", ").map(|game| format!("procgen:{game}"));
    format!("maze, pushchair, {}", games.collect::<Vec<_>>().join(", "))
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let environments = environments();
    refused(
        "check mazee",
        &format!(
            "error: unknown environment `mazee` (did you mean `maze`?); \
             environments are: {environments}"
        ),
    );
    let source = format!(
        "error: `mazee` is neither a preset, nor an environment, nor a file \
         (did you mean `maze`?); presets are: maze, maze-sac, procgen, procgen-ppg, pushchair, pushchair-cloud; environments are: {environments}"
    );
    refused("config show mazee", &source);
    refused("train mazee --out run", &source);
    refused("gsl mazee --out run", &source);
    refused(
        "gsl table.toml --out run",
        &format!(
            "error: `table.toml` is neither a preset, nor an environment, nor a file; \
             presets are: maze, maze-sac, procgen, procgen-ppg, pushchair, pushchair-cloud; environments are: {environments}"
        ),
    );
    let game =
        format!("error: unknown game `coinrum` (did you mean `coinrun`?); games are: {GAMES}");
    refused("levels audit coinrum", &game);
    refused(
        "bench envs coinrum",
        &format!(
            "error: unknown environment `coinrum` (did you mean `coinrun`?); environments are: \
             {environments}, {GAMES}"
        ),
    );
    misused("reproduce mazee --out run", "error: unrecognized subcommand 'mazee'");
    misused("trian maze", "error: unrecognized subcommand 'trian'");
    misused("train maze --outt run", "error: unexpected argument '--outt' found");
    misused("resume run --device tpu", "error: invalid value 'tpu' for '--device <DEVICE>'");
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    setting_refused("ppo.gama=0.9", "error: unknown key `ppo.gama` (did you mean `ppo.gamma`?)");
    setting_refused("gamma=0.9", "error: unknown key `gamma` (did you mean `ppo.gamma`?)");
    setting_refused(
        "env.horizn=9",
        "error: unknown key `env.horizn` (did you mean `env.horizon`?)",
    );
    setting_refused("nonsense=1", "error: unknown key `nonsense`");
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    for (setting, message) in [
        ("ppo.gamma=1.5", "ppo.gamma = 1.5: must be from 0 to 1"),
        ("ppo.gamma=nan", "ppo.gamma = NaN: must be from 0 to 1"),
        ("ppo.learning_rate=0", "ppo.learning_rate = 0: must be above 0, up to 1"),
        ("ppo.environments=0", "ppo.environments = 0: must be from 1 to 1000000"),
        ("ppo.samples=9e14", "ppo.samples = 900000000000000: must be from 5 to 100000000"),
        ("ppo.samples=9999", "ppo.samples = 9999: must be a multiple of ppo.environments = 5"),
        (
            "ppo.minibatch=10001",
            "ppo.minibatch = 10001: must be from 1 to the batch, ppo.samples = 10000",
        ),
        ("ppo.hidden=[0]", "ppo.hidden = [0]: must be up to 16 widths from 1 to 8192"),
        ("ppo.epochs=-1", "ppo.epochs = -1: must be at least 0"),
        ("env.horizon=0", "env.horizon = 0: must be from 1 to 1000000"),
        (
            "env.middle_spacing=1",
            "env.middle_spacing = 1: must be from 2.1 half_width (tines must not touch) to 100",
        ),
        (
            "env.context_fifths=[1,2,3,3,5]",
            "env.context_fifths = [1, 2, 3, 3, 5]: must be 1, 2, 3, 4, 5 in any order",
        ),
        ("env.origin=2000", "env.origin = 2000: must be from -1000 to 1000"),
        ("dapg.anneal_from=1.5", "dapg.anneal_from = 1.5: must be from 0 to 1"),
        ("dapg.epochs=-1", "dapg.epochs = -1: must be at least 0"),
        ("gsl.specialist_final_std=4", "gsl.specialist_final_std = 4: must be from 0 to 3"),
        ("gsl.merge_std=-1", "gsl.merge_std = -1: must be from 0 to 100"),
        (
            "gsl.merge_std_fall=[0.8,0.3]",
            "gsl.merge_std_fall = [0.8, 0.3]: must be two shares, the first below the second",
        ),
        ("env.horizon=-3", "env.horizon = -3: must be at least 0"),
        ("total_samples=0", "total_samples = 0: must be at least 1"),
        ("checkpoint_every=0", "checkpoint_every = 0: must be at least 1"),
        (
            "gsl.low_variations=0",
            "gsl.low_variations = 0: must be from 1 to the 5 variations of maze",
        ),
        (
            "gsl.low_variations=6",
            "gsl.low_variations = 6: must be from 1 to the 5 variations of maze",
        ),
        ("gsl.specialists=6", "gsl.specialists = 6: must be at most gsl.low_variations = 5"),
        (
            "gsl.demonstration_threshold=nan",
            "gsl.demonstration_threshold = nan: must be a number, or -inf for none",
        ),
    ] {
        setting_refused(setting, &format!("error: {message}"));
    }
}

#[test]
fn values_of_another_type_are_refused_with_the_type() {
    for (setting, message) in [
        ("ppo.gamma=high", "ppo.gamma = \"high\": must be of type float, like 0.95"),
        ("ppo.epochs=1.5", "ppo.epochs = 1.5: must be of type integer, like 1"),
        ("ppo.hidden=16", "ppo.hidden = 16: must be of type array, like [256, 256]"),
        ("ppo.hidden=[\"a\"]", "ppo.hidden = \"a\": must be of type integer, like 256"),
        ("gsl.plateau=3", "gsl.plateau = 3: must be of type string, like \"retro\""),
        (
            "gsl.plateau=never",
            "--set gsl.plateau=never: unknown variant `never`, expected `retro` or `online`",
        ),
        (
            "environment=chess",
            &format!("unknown environment `chess`; environments are: {}", environments()),
        ),
        ("ppo.gamma", "--set ppo.gamma: write it as key=value, for instance --set ppo.gamma=0.99"),
    ] {
        setting_refused(setting, &format!("error: {message}"));
    }
}

#[test]
fn flags_out_of_range_are_refused() {
    for command in ["reproduce maze --out run", "train maze --out run", "gsl maze --out run"] {
        refused(
            &format!("{command} --threads 0"),
            "error: --threads 0: must be from 1 to 4096; leave it out for one for each core",
        );
        misused(
            &format!("{command} --seeds 0"),
            "error: invalid value '0' for '--seeds <N>': 0 is not in 1..=10000",
        );
        misused(
            &format!("{command} --seed 18446744073709551615"),
            "error: invalid value '18446744073709551615' for '--seed <N>': \
             18446744073709551615 is not in 0..=9223372036854765807",
        );
    }
    misused(
        "eval run --episodes 0",
        "error: invalid value '0' for '--episodes <N>': 0 is not in 1..=1000000",
    );
}

#[test]
fn mistakes_in_a_file_of_settings_are_named_with_the_file() {
    let place = Place::new();
    for (content, message) in [
        ("ppo.gamma = 0.9", "error: my.toml: the key `environment` is missing"),
        (
            "environment = \"maze\"\nppo.gama = 1",
            "error: unknown key `ppo.gama` (did you mean `ppo.gamma`?)",
        ),
        (
            "environment = \"maze\"\ngsl.plateau = \"never\"",
            "error: my.toml: unknown variant `never`, expected `retro` or `online`",
        ),
    ] {
        place.write("my.toml", content);
        place.gslab("train my.toml --out run").with(2, message);
    }
    place.write("my.toml", "environment = \"maze\"\nppo.gamma =\n");
    let ended = place.gslab("train my.toml --out run");
    let first = ended.stderr.lines().next().unwrap();
    assert_eq!(first, "error: my.toml: TOML parse error at line 2, column 12");
    assert_eq!(ended.code, Some(2));
    assert!(!place.path("run").exists());
}

#[test]
fn what_exists_is_never_overwritten() {
    let place = Place::new();
    fs::create_dir(place.path("mine")).unwrap();
    // Named like a file of a run.
    place.write("mine/lock", "precious");
    place.write("file", "precious");
    for command in ["reproduce maze", "train maze", "gsl maze"] {
        let begin = |out| place.train(&format!("{command} --out {out}"));
        begin("mine").with(2, "error: mine exists already: choose another --out");
        begin("file").with(2, "error: file exists already: choose another --out");
    }
    assert_eq!(place.text("mine/lock"), "precious");
    assert_eq!(place.text("file"), "precious");
    assert_eq!(fs::read_dir(place.path("mine")).unwrap().count(), 1);

    place.train(&format!("train maze --out run {TINY} --set total_samples=1000")).well();
    let (before, lock) = (place.tree("run"), place.text("run/lock"));
    let exists =
        "error: run exists already: choose another --out, or go on with `gslab resume run`";
    place.train("reproduce maze --out run").with(2, exists);
    assert_eq!((place.tree("run"), place.text("run/lock")), (before, lock));
}

#[test]
fn a_run_without_a_directory_takes_the_first_free_one() {
    let place = Place::new();
    for n in 1..=2 {
        place.train(&format!("train maze {TINY} --set total_samples=1000")).well();
        assert!(place.path(&format!("runs/train-maze-{n}/seed-0/final.bin")).exists());
    }
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let place = Place::new();
    let mut running = place.start(&format!("train maze --out run {TINY} --set total_samples=1e9"));
    assert!(running.until(|| place.path("run/seed-0").exists()));
    let message =
        format!("error: run is in use by process {}: wait for it, or stop it", running.id());
    place.train("resume run").with(2, &message);
    place.train("reproduce maze --out run").with(2, &message);
    running.kill();
    // The lock ends with the process.
    place.train("reproduce maze --out run").with(
        2,
        "error: run exists already: choose another --out, or go on with `gslab resume run`",
    );
}

#[test]
fn a_directory_that_is_no_run_is_refused() {
    refused("resume nowhere", "error: nowhere is not the directory of a run: it has no run.toml");
    refused("eval nowhere", "error: nowhere is not the directory of a run: it has no run.toml");
    refused("resume .", "error: . is not the directory of a run: it has no run.toml");
    refused("eval .", "error: . is not the directory of a run: it has no run.toml");
}

#[test]
fn policies_that_are_not_there_are_refused_with_those_that_are() {
    let place = Place::new();
    place.train(&format!("train maze --out run {TINY} --set total_samples=1000")).well();
    place.train("eval run --policy plateau").with(
        2,
        "error: --policy plateau: run/seed-0/plateau.bin does not exist; there are: final, train",
    );
    fs::remove_dir_all(place.path("run/seed-0")).unwrap();
    place
        .train("eval run")
        .with(2, "error: run has no trained policy yet: go on with `gslab resume run`");
}

#[test]
#[cfg(unix)]
fn a_place_that_cannot_be_written_is_refused_by_name() {
    let place = Place::new();
    // For root too, nothing can be made here.
    let out = place.train("train maze --out /proc/gslab-run");
    assert_eq!((out.code, out.stdout.as_str()), (Some(2), ""));
    assert!(out.stderr.starts_with("error: cannot create /proc/gslab-run: "), "{}", out.stderr);
    assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);

    // Before a long run, not after it.
    place
        .train("train maze --out run --json nowhere/x.json")
        .with(2, "error: --json nowhere/x.json: nowhere is no directory");
    place.train("train maze --out run --json .").with(2, "error: --json .: is a directory");
    assert!(place.tree(".").is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_gpu_that_is_not_there_is_refused_with_the_way_out() {
    let place = Place::new();
    for command in [
        "train maze --out run",
        "reproduce maze --out run",
        "gsl maze --out run",
        "train procgen:bigfish --out run",
        "record pushchair --out run.png",
    ] {
        let mut command = place.command(&format!("{command} --device gpu --quiet"));
        for drivers in [
            "VK_DRIVER_FILES",
            "VK_ICD_FILENAMES",
            "__EGL_VENDOR_LIBRARY_FILENAMES",
            "LIBGL_DRIVERS_PATH",
        ] {
            command.env(drivers, "/nonexistent");
        }
        command.env_remove("GSLAB_SOFTWARE_GPU");
        let ended = crate::common::ended(command);
        let message = if cfg!(feature = "gpu") {
            "error: no GPU found"
        } else {
            "error: this gslab was built without support for GPUs: build it with the Cargo \
             feature `gpu` (on by default), or use --device cpu"
        };
        assert!(ended.stderr.starts_with(message), "{}", ended.stderr);
        assert!(ended.stderr.contains("use --device cpu"), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(place.tree(".").is_empty());
    }
}

#[test]
fn lists_name_everything_there_is() {
    let place = Place::new();
    let envs = place.gslab("envs --json envs.json").well().stdout;
    assert!(envs.starts_with("maze: "), "{envs}");
    assert!(envs.contains("\n  env.horizon = 150\n"), "{envs}");
    assert_eq!(json(&place, "envs.json")[0]["name"], "maze");
    let presets = place.gslab("config list --json presets.json").well().stdout;
    assert_eq!(presets, "maze\nmaze-sac\nprocgen\nprocgen-ppg\npushchair\npushchair-cloud\n");
    assert_eq!(
        json(&place, "presets.json"),
        serde_json::json!([
            "maze",
            "maze-sac",
            "procgen",
            "procgen-ppg",
            "pushchair",
            "pushchair-cloud"
        ])
    );
}

#[test]
fn settings_shown_are_a_file_that_gives_the_same_settings() {
    let place = Place::new();
    let shown = place.gslab("config show maze --set ppo.gamma=0.5 --json a.json").well().stdout;
    assert!(shown.contains("\ngamma = 0.5\n"), "{shown}");
    place.write("my.toml", &shown);
    assert_eq!(place.gslab("config show my.toml --json b.json").well().stdout, shown);
    assert_eq!(json(&place, "a.json"), json(&place, "b.json"));
}

#[test]
fn doctor_describes_the_machine() {
    let place = Place::new();
    // Drivers of GPUs have things to say on standard error.
    let ended = place.gslab("doctor --json doctor.json");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = ended.stdout;
    for line in ["gslab", "processor", "threads", "memory", "device", "gpu", "versions"] {
        assert!(said.lines().any(|l| l.starts_with(line)), "no {line}: {said}");
    }
    assert_eq!(json(&place, "doctor.json")["gslab"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn check_finds_the_maze_to_keep_its_promises() {
    let place = Place::new();
    let said = place.gslab("check maze --json check.json").well().stdout;
    assert!(said.trim_end().ends_with("properties tried, 0 broken"), "{said}");
    let tried = json(&place, "check.json");
    assert!(tried.as_array().unwrap().iter().all(|t| t["broken"].is_null()), "{tried}");
}

#[test]
fn results_are_written_as_json() {
    let place = Place::new();
    place.train(&format!("train maze --out a --json train.json --seeds 2 {TINY}")).well();
    let scores = json(&place, "train.json");
    assert_eq!(scores.as_array().unwrap().len(), 2);
    assert_eq!(scores[1]["seed"], 1);
    place.train("eval a --episodes 2 --json eval.json").well();
    assert_eq!(json(&place, "eval.json")[1]["seed"], "seed-1");
    place.train(&format!("reproduce maze --out b --json maze.json {TINY}")).well();
    assert_eq!(json(&place, "maze.json"), json(&place, "b/result.json"));
    // Asked for again, it is written again.
    place.train("resume b --json again.json").well();
    assert_eq!(place.read("again.json"), place.read("maze.json"));
}

#[test]
#[cfg(target_os = "linux")]
fn devices_are_written_to_and_never_replaced() {
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/full", place.path("full")).unwrap();
    let full = "No space left on device (os error 28)";
    place.gslab("envs --quiet --json full").with(2, &format!("error: cannot write full: {full}"));
    assert!(place.path("full").is_symlink());

    let mut command = place.command("config show maze");
    command.stdout(fs::File::create("/dev/full").unwrap());
    let ended = crate::common::ended(command);
    assert_eq!(ended.stderr, format!("error: cannot write to standard output: {full}\n"));
    assert_eq!(ended.code, Some(2));
}

#[test]
#[cfg(unix)]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new();
    let gslab = env!("CARGO_BIN_EXE_gslab");
    // Bash's exit code of a pipeline is its last command's, so the first's goes to a file.
    let train = format!("train maze --out run --device cpu {TINY}");
    for command in ["envs", train.as_str()] {
        let line = format!("( {gslab} {command} 2>&1; echo $? >code ) | true");
        crate::common::ended(place.program("sh", ["-c", line.as_str()].into_iter())).well();
        assert_eq!(place.text("code"), "0\n", "{command}");
    }
}

fn json(place: &Place, name: &str) -> serde_json::Value {
    serde_json::from_slice(&place.read(name)).unwrap()
}

#[test]
fn modes_and_levels_that_a_game_lacks_are_refused() {
    refused(
        "levels audit coinrun --mode memory",
        "error: --mode memory: coinrun has easy, hard or exploration",
    );
    refused("levels audit bigfish --mode wild", "error: --mode wild: bigfish has easy or hard");
    refused(
        "levels audit coinrun --mode exploration",
        "error: --mode exploration: it is one level only",
    );
    refused(
        "bench envs --no-draw heist ninja --set env.mode=memory",
        "error: env.mode = memory: must be easy, hard or exploration",
    );
    misused(
        "bench envs heist --no-draw --procgen-assets .",
        "error: the argument '--no-draw' cannot be used with '--procgen-assets <DIR>'",
    );
    refused(
        "bench envs heist --procgen-assets nowhere",
        "error: nowhere: no such folder; it must be `procgen/data/assets` of the package procgen 0.10.7",
    );
    for range in ["5..5", "6..5", "-1..5", "0..2147483648", "7"] {
        refused(
            &format!("levels audit maze --test={range}"),
            &format!(
                "error: --test {range}: must be FIRST..END with 0 <= FIRST < END <= 2147483647, \
                 like 1000..2024"
            ),
        );
    }
    for (setting, message) in [
        ("env.mode=extreme", "env.mode = extreme: must be easy, hard or exploration"),
        ("env.num_levels=-1", "env.num_levels = -1: must be at least 0"),
    ] {
        let command = format!("check procgen:coinrun --set {setting}");
        refused(&command, &format!("error: {message}"));
    }
}

fn recordings() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/procgen/traces").into()
}

#[test]
fn conformance_tells_what_was_replayed() {
    let ended = Place::new().gslab(&format!("conformance procgen {}/leaper", recordings())).well();
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("leaper     easy "), "{}", lines[0]);
    let last = lines.last().unwrap();
    assert!(last.ends_with("equal, 0 frames compared: no difference"), "{}", ended.stdout);
}

#[test]
fn conformance_refuses_what_is_no_recording() {
    let place = Place::new();
    fs::write(place.path("empty.pgt"), "").unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    let refused = |path: &str, message: &str| {
        let ended = place.gslab(&format!("conformance procgen --quiet {path}"));
        assert!(ended.stderr.starts_with(message), "{}", ended.stderr);
        assert_eq!(ended.code, Some(2));
    };
    refused("empty.pgt", "error: empty.pgt: it cannot be read");
    refused("nowhere", "error: nowhere: No such file or directory");
    refused("folder", "error: folder: no recording (.pgt) is in this folder");
}

#[test]
fn audits_replace_repeated_test_levels() {
    let place = Place::new();
    let ended = place.gslab(
        "levels audit maze --mode easy --training 0..100 --test 100..200 --replace new.toml \
         --json audit.json --quiet",
    );
    ended.well();
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(place.path(name)).unwrap()).unwrap()
    };
    let repeats = &read("audit.json")["same_world"];
    assert!(repeats["test_in_training"].as_u64().unwrap() > 0, "{repeats}");
    let new: toml::Table = fs::read_to_string(place.path("new.toml")).unwrap().parse().unwrap();
    let seeds: Vec<i64> = new["env"]["levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|level| level.as_integer().unwrap())
        .collect();
    assert_eq!(seeds.len(), 100);
    assert!(seeds.iter().any(|&seed| seed >= 200) && seeds.iter().all(|&seed| seed >= 100));
    // The list is an option of the environment.
    let levels = serde_json::to_string(&seeds).unwrap();
    place
        .gslab(&format!("check procgen:maze --set env.mode=\"easy\" --set env.levels={levels}"))
        .well();
}
