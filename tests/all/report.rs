//! Figures and report of the maze experiment, on invented results.

use gslab::{
    experiments::{
        claim::Verdict,
        curves::Point,
        maze::{
            figure::{self, EndedAt, Trajectories, curves},
            report::{self, claims, summary_table, write_report},
            result::{Ignorance, MazeResult, SeedResult, Snapshot, Trajectory},
        },
    },
    gsl::evaluate::{Evaluation, Score},
    plot,
    run::config::Config,
};
use gslab_envs::{
    Action, Env, Level,
    maze::{GOALS, Maze, Options, head_for},
    rng::Stream,
};
use std::{fs, path::Path};

/// Numbers in -1..1 that look random.
struct Noise {
    stream: Stream,
    drawn: u64,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self { stream: Stream::new(seed, "invented results"), drawn: 0 }
    }

    fn next(&mut self) -> f64 {
        self.drawn += 1;
        let [a, b, ..] = self.stream.uniform(0, self.drawn);
        f64::from(a) + f64::from(b) - 1.0
    }
}

/// Results like those of the paper, for these seeds.
fn like_the_paper(seeds: u64) -> MazeResult {
    MazeResult { seeds: (0..seeds).map(seed_result).collect() }
}

fn seed_result(seed: u64) -> SeedResult {
    let mut noise = Noise::new(seed);
    let epoch = 1e4;
    let plateau_iteration = 118 + 17 * (seed * 3 % 5);
    let plateau = plateau_iteration as f64 * epoch;
    let (specialist_samples, merge_samples) = (5e5, 1e6);
    let total_samples = plateau + 5.0 * specialist_samples + 7500.0 + merge_samples;
    // From far away to the middle goal, with a late and slow use of the context.
    let mut curve =
        |start: f64, stride: f64, n: usize, from: [f64; 2], to: [f64; 2], speed: f64| {
            let mut points = Vec::new();
            for i in 0..n {
                let progress = 1.0 - (-(i as f64) / speed).exp();
                let between = |i: usize| from[i] + (to[i] - from[i]) * progress;
                points.push(Point {
                    recent: f64::NAN,
                    samples: start + (i as f64 + 1.0) * stride,
                    success: (between(0) + 0.035 * noise.next()).clamp(0.0, 1.0),
                    mean_reward: (between(1) + 0.006 * noise.next()).min(0.0),
                });
            }
            points
        };
    let iterations = |samples: f64| (samples / epoch) as usize;
    let low = 0.2 + 0.01 * seed as f64;
    let generalist = curve(0.0, epoch, iterations(total_samples), [0.0, -0.87], [low, -0.27], 14.0);
    let specialists = [0.24, 0.22, 0.16, 0.22, 0.24].map(|reward: f64| {
        let own = if reward < 0.2 { 0.98 } else { 0.01 };
        curve(plateau, 5.0 * epoch, 50, [own, -reward - 0.07], [0.985, -reward], 7.0)
    });
    let end = plateau + 5.0 * specialist_samples + 7500.0;
    let finetuned = curve(end, epoch, 100, [low, -0.27], [0.985, -0.205], 13.0);
    let uses_context = |share: f64| Use { share, options: Options::default(), seed };
    SeedResult {
        seed,
        plateau_detected: true,
        plateau_iteration,
        budget_iterations: 500,
        total_samples: total_samples as u64,
        generalist,
        specialists: specialists.to_vec(),
        finetuned,
        at_plateau: snapshot(&uses_context(0.0)),
        baseline: snapshot(&uses_context(0.06 * seed as f64)),
        final_generalist: snapshot(&uses_context(0.985)),
        cloned: snapshot(&uses_context(0.9)),
        specialist_success: vec![0.98, 0.97, 1.0, 0.99, 0.96],
        demonstration_likelihood: (0..100).map(|i| 0.3 + 0.5 * f64::from(i) / 100.0).collect(),
        max_advantage: (0..100).map(|i| 6.0 - 2.0 * f64::from(i) / 100.0).collect(),
    }
}

/// A policy that heads for the right goal in a share of its episodes and for the middle otherwise.
struct Use {
    share: f64,
    options: Options,
    seed: u64,
}

fn snapshot(policy: &Use) -> Snapshot {
    let mut noise = Noise::new(policy.seed ^ (1000.0 * policy.share) as u64);
    let mut ended_at = [[0; 6]; GOALS];
    let mut trajectories = Vec::new();
    let mut scores = Vec::new();
    for (goal, places) in ended_at.iter_mut().enumerate() {
        let n = 40;
        let right = (policy.share * f64::from(n)).round() as u32;
        places[goal] += right;
        places[2] += n - right - 1;
        places[5] += 1;
        for rank in 0..6u32 {
            let heads_right = f64::from(rank) < 6.0 * policy.share;
            let tine = if heads_right { goal } else { 2 };
            let level = Level { variation: goal as u32, seed: 17 * u64::from(rank) + policy.seed };
            let mut maze = Maze::reset(&policy.options, level);
            let mut points = vec![maze.position()];
            for _ in 0..150 {
                let toward = head_for(&maze, tine);
                let action = toward.map(|a| 0.7 * a + 0.5 * noise.next() as f32);
                maze.step(Action::Continuous(&action));
                points.push(maze.position());
            }
            trajectories.push(Trajectory { goal, points });
        }
        let success = f64::from(places[goal]) / f64::from(n);
        scores.push(Score {
            variation: goal as u32,
            episodes: n,
            mean_return: -40.0 + 12.0 * success,
            mean_reward: -0.27 + 0.08 * success,
            success,
            ever_solved: success,
        });
    }
    let evaluation = Evaluation { scores };
    let s = policy.share;
    Snapshot {
        mean: evaluation.clone(),
        sampled: evaluation,
        ended_at,
        ignorance: Ignorance {
            information: 2.2 * s,
            sensitivity: [0.01 + 0.1 * s, 0.03 + 1.3 * s, 0.02 + 0.8 * s],
            value_sensitivity: [0.1, 0.2 + s, 0.3 + s],
            jacobian_context: 0.05 + 2.0 * s,
            jacobian_position: 0.8,
            weights_context: 0.9 + s,
            weights_position: 3.1,
            counterfactual_distance: 0.4 + 7.6 * s,
            agreement: 0.3 + 0.6 * s,
            gradient_cosine: -0.31 + 0.2 * s,
        },
        trajectories,
    }
}

fn config() -> String {
    Config::from_preset("maze", &[]).unwrap().to_toml()
}

fn verdict(result: &MazeResult, title: &str) -> Verdict {
    let all = claims(result);
    all.iter().find(|claim| claim.title == title).unwrap().verdict
}

#[test]
fn results_like_the_papers_pass_every_claim() {
    for claim in claims(&like_the_paper(5)) {
        assert_eq!(claim.verdict, Verdict::Pass, "{claim:?}");
    }
}

#[test]
fn every_claim_can_fail() {
    type Break = fn(&mut SeedResult);
    let broken: [(&str, Break); 7] = [
        ("Plateau", |s| s.plateau_detected = false),
        ("Catastrophic ignorance", |s| s.at_plateau = s.final_generalist.clone()),
        ("Specialists", |s| s.specialist_success[4] = 0.89),
        ("Phase II", |s| s.final_generalist = s.baseline.clone()),
        ("Baseline", |s| s.baseline = s.final_generalist.clone()),
        ("Use of the context", |s| s.at_plateau.ignorance.sensitivity[1] = 0.2),
        ("Behaviour cloning", |s| s.cloned.sampled.scores.iter_mut().for_each(|s| s.success = 1.0)),
    ];
    for (title, break_it) in broken {
        let mut result = like_the_paper(5);
        result.seeds.iter_mut().for_each(break_it);
        assert_eq!(verdict(&result, title), Verdict::Fail, "{title}");
    }
}

#[test]
fn ignorance_is_judged_for_every_context() {
    let mut result = like_the_paper(5);
    for seed in &mut result.seeds {
        // The outermost goal alone is understood; pooled over goals 80 % would still hold.
        seed.at_plateau.ended_at = [[0, 0, 40, 0, 0, 0]; 5];
        seed.at_plateau.ended_at[0] = [40, 0, 0, 0, 0, 0];
    }
    assert_eq!(verdict(&result, "Catastrophic ignorance"), Verdict::Fail);
}

#[test]
fn four_seeds_of_five_are_enough() {
    let mut result = like_the_paper(5);
    result.seeds[2].final_generalist = result.seeds[2].at_plateau.clone();
    assert_eq!(verdict(&result, "Phase II"), Verdict::Pass);
    assert_eq!(verdict(&result, "Baseline"), Verdict::Pass);
    result.seeds[3].final_generalist = result.seeds[3].at_plateau.clone();
    assert_eq!(verdict(&result, "Phase II"), Verdict::Fail);
    assert_eq!(verdict(&result, "Baseline"), Verdict::Fail);
}

#[test]
fn few_seeds_are_called_few() {
    for seeds in 1..5 {
        let all = claims(&like_the_paper(seeds));
        let few = all.iter().find(|claim| claim.title == "Number of seeds").unwrap();
        assert_eq!(few.verdict, Verdict::Open);
        assert!(few.detail.contains("below the paper's"), "{few:?}");
    }
}

#[test]
fn figures_are_drawn_as_svg_and_png() {
    let dir = temp_dir::TempDir::new().unwrap();
    figure::save(dir.path(), &like_the_paper(5), &Options::default()).unwrap();
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let figures = ["ended_at", "figure", "trajectories"];
    assert_eq!(names, figures.map(|f| [format!("{f}.png"), format!("{f}.svg")]).concat());
    for name in figures {
        let png = image::open(dir.path().join(format!("{name}.png"))).unwrap().to_rgb8();
        let white = png.pixels().filter(|pixel| pixel.0 == [255; 3]).count();
        assert!(white < png.len() / 3, "{name} is blank");
        let svg = fs::read_to_string(dir.path().join(format!("{name}.svg"))).unwrap();
        assert!(svg.contains(&format!("width=\"{}\"", png.width())), "{name}");
    }
}

#[test]
fn figures_cope_with_any_result() {
    let mut odd = like_the_paper(2);
    let seed = &mut odd.seeds[0];
    seed.generalist.truncate(1);
    seed.generalist[0].success = f64::NAN;
    seed.specialists = vec![Vec::new(), seed.specialists[0][..3].to_vec()];
    seed.finetuned.clear();
    seed.plateau_iteration = 0;
    seed.at_plateau = Snapshot::default();
    seed.specialist_success.clear();
    seed.demonstration_likelihood.clear();
    let mut empty = like_the_paper(1);
    empty.seeds[0].generalist.clear();
    empty.seeds[0].specialists.clear();
    empty.seeds[0].finetuned.clear();
    let long = Options { corridor_length: 60.0, tine_spacing: 1.1, ..Options::default() };
    let tall = Options { corridor_length: 2.0, tine_spacing: 9.0, ..Options::default() };
    let dir = temp_dir::TempDir::new().unwrap();
    for result in [&odd, &empty, &like_the_paper(0), &like_the_paper(1)] {
        for options in [&long, &tall] {
            figure::save(dir.path(), result, options).unwrap();
        }
        write_report(dir.path(), result, &config()).unwrap();
        assert!(!summary_table(result).is_empty());
    }
}

#[test]
fn figures_are_equal_when_drawn_again() {
    let result = like_the_paper(3);
    let curves = curves(&result);
    assert_eq!(plot::svg(&curves).unwrap(), plot::svg(&curves).unwrap());
    assert_eq!(plot::png(&curves).unwrap(), plot::png(&curves).unwrap());
    assert!(EndedAt::new(&result).caption().contains("3 seeds"));
    assert!(Trajectories::new(&result, &Options::default()).caption().contains("seed 0"));
}

fn report_of(result: &MazeResult, config: &str) -> String {
    let dir = temp_dir::TempDir::new().unwrap();
    write_report(dir.path(), result, config).unwrap();
    fs::read_to_string(dir.path().join(report::FILE_NAME)).unwrap()
}

#[test]
fn report_is_one_file_and_equal_when_written_again() {
    let page = report_of(&like_the_paper(5), &config());
    assert_eq!(page, report_of(&like_the_paper(5), &config()));
    // The name of the SVG format is the only address.
    let addresses: Vec<_> =
        page.match_indices("://").map(|(at, _)| &page[at - 5..at + 22]).collect();
    assert!(addresses.iter().all(|a| a.contains("://www.w3.org/2000/svg")), "{addresses:?}");
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<svg").count(), 3);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    for claim in claims(&like_the_paper(5)) {
        assert!(page.contains(&claim.measured), "{claim:?}");
    }
    assert!(page.contains("initial_std = 1.5"), "the configuration is inside");
}

#[test]
fn report_escapes_what_it_is_given() {
    let config = format!("# <script>alert(\"&\")</script>\n{}", config());
    let page = report_of(&like_the_paper(1), &config);
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert(&quot;&amp;&quot;)"));
}

#[test]
fn report_says_how_to_reproduce_it() {
    let settings = ["env.corridor_length=12".to_owned(), "gsl.window=40".to_owned()];
    let config = Config::from_preset("maze", &settings).unwrap().to_toml();
    let page = report_of(&like_the_paper(2), &config);
    assert!(page.contains("gslab reproduce maze --seed 0 --seeds 2"));
    assert!(page.contains("--set 'env.corridor_length=12.0'"));
    assert!(page.contains("--set 'gsl.window=40'"));
    assert_eq!(page.matches("--set").count(), 2);
}

#[test]
fn report_needs_a_maze() {
    let dir = temp_dir::TempDir::new().unwrap();
    for config in ["[env]\nwidth = 3", "[env]\ncorridor_length = 'long'", "= 3"] {
        let error = write_report(dir.path(), &like_the_paper(1), config).unwrap_err();
        assert!(matches!(error, report::Error::Config(_)), "{error}");
    }
    let missing = Path::new("/nowhere/at all");
    let error = write_report(missing, &like_the_paper(1), &config()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at all"), "{error}");
}

#[test]
fn summary_fits_a_terminal() {
    for seeds in [0, 1, 5] {
        let mut result = like_the_paper(seeds);
        if let Some(seed) = result.seeds.first_mut() {
            (seed.seed, seed.plateau_detected) = (u64::MAX, false);
        }
        let text = summary_table(&result);
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert_eq!(text.contains("H did not fire"), seeds > 0, "{text}");
    }
}

/// Writes everything to a directory, to look at: `GSLAB_LOOK=/tmp/look cargo test --test report`.
#[test]
fn write_for_the_eye() {
    let Some(dir) = std::env::var_os("GSLAB_LOOK") else { return };
    let dir = Path::new(&dir);
    for seeds in [1, 5] {
        let dir = dir.join(format!("{seeds}"));
        fs::create_dir_all(&dir).unwrap();
        figure::save(&dir, &like_the_paper(seeds), &Options::default()).unwrap();
        write_report(&dir, &like_the_paper(seeds), &config()).unwrap();
        fs::write(dir.join("summary.txt"), summary_table(&like_the_paper(seeds))).unwrap();
    }
}
