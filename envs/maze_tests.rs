use super::*;

/// One of the seven rectangles of free space: x from, x to, y from, y to.
type Rectangle = [f64; 4];
type Point = [f64; 2];

/// Free space as the documentation puts it, and nothing of the code under test.
fn rectangles(o: &Options) -> Vec<Rectangle> {
    let (length, spine) = (f64::from(o.corridor_length), f64::from(o.spine_width));
    let (neighbour, half) = (f64::from(o.middle_spacing), f64::from(o.half_width));
    let outermost = neighbour + f64::from(o.tine_spacing);
    let top = outermost + half;
    let mut all = vec![[0.0, length, -half, half], [length, length + spine, -top, top]];
    for y in [outermost, neighbour, 0.0, -neighbour, -outermost] {
        all.push([length + spine, length + spine + 5.0, y - half, y + half]);
    }
    all
}

/// Whether a point lies in free space, at most `slack` inside a wall.
fn inside(free: &[Rectangle], [x, y]: Point, slack: f64) -> bool {
    free.iter().any(|&[left, right, low, high]| {
        (left - slack..=right + slack).contains(&x) && (low - slack..=high + slack).contains(&y)
    })
}

fn wide(p: [f32; 2]) -> Point {
    p.map(f64::from)
}

fn maze(options: &Options, goal: usize) -> Maze {
    let variation = goal as u32;
    Maze::reset(options, Level { variation, seed: 1 })
}

/// A free position: one half somewhere, one half on a wall, some in a corner.
fn anywhere(free: &[Rectangle], stream: &Stream, index: u64) -> [f32; 2] {
    let [pick, on, ..] = stream.bits(0, index);
    let [u, v, ..] = stream.uniform(1, index);
    let [left, right, low, high] = free[pick as usize % free.len()];
    let along = |from: f64, to: f64, u: f32| from + (to - from) * f64::from(u);
    let (mut x, mut y) = (along(left, right, u), along(low, high, v));
    match on % 8 {
        0 => x = left,
        1 => x = right,
        2 => y = low,
        3 => y = high,
        4 => (x, y) = (right, low),
        _ => {}
    }
    [x as f32, y as f32]
}

/// Actions of all kinds: a little, at random, with full force along an axis or into a corner, far
/// beyond the range. Each is held for a few steps.
fn push(stream: &Stream, t: u64) -> [f32; 2] {
    let hold = t / 7;
    let [a, b, ..] = stream.uniform(2, hold).map(|u| 2.0 * u - 1.0);
    match stream.below(3, hold, 6) {
        0 => [0.05 * a, 0.05 * b],
        1 => [a, b],
        2 => [a.signum(), b.signum()],
        3 => [100.0 * a, b],
        4 => [a, 1e30 * b],
        _ => [a.signum(), 0.0],
    }
}

/// Geometries whose walls are exact in `f32`, and then some whose walls are rounded.
fn geometries() -> (Vec<Options>, Vec<Options>) {
    let of = |corridor_length, tine_spacing, speed| Options {
        corridor_length,
        middle_spacing: tine_spacing,
        tine_spacing,
        speed,
        ..Options::default()
    };
    let slim = |half_width, tine_spacing, spine_width| Options {
        half_width,
        middle_spacing: tine_spacing,
        tine_spacing,
        spine_width,
        ..Options::default()
    };
    let uneven = |middle_spacing, tine_spacing| Options {
        middle_spacing,
        tine_spacing,
        spine_width: 4.0,
        ..Options::default()
    };
    (
        vec![
            slim(0.25, 0.625, 2.0),
            slim(1.5, 4.0, 0.25),
            Options::default(),
            of(10.0, 2.0, 3.0),
            of(4.0, 1.25, 0.7),
            of(32.0, 5.0, 10.0),
            uneven(2.5, 1.25),
        ],
        vec![
            slim(0.3, 0.7, 1.9),
            of(2.1, 1.05, 0.3),
            of(7.7, 1.67, 0.9),
            of(10.0, 1.92, 2.0),
            of(31.4, 33.3, 10.0),
            uneven(1.07, 3.3),
            uneven(2.4, 1.1),
        ],
    )
}

/// Plays an episode without start noise and gives what `measure` says of each step, summed.
fn played(
    reward: Distance,
    goal: usize,
    policy: impl Fn(&Maze) -> [f32; 2],
    measure: impl Fn(&Maze, Step) -> f64,
) -> f64 {
    let options = Options { reward, start_noise: 0.0, ..Options::default() };
    let mut maze = maze(&options, goal);
    let mut total = 0.0;
    loop {
        let action = policy(&maze);
        let step = maze.step(Action::Continuous(&action));
        total += measure(&maze, step);
        if step.end != End::Running {
            return total;
        }
    }
}

/// Heads for a point along x alone, then along y alone.
fn along_axes(m: &Maze, [x, y]: [f32; 2]) -> [f32; 2] {
    let [dx, dy] = [x - m.position[0], y - m.position[1]].map(|d| d / m.options.speed);
    if dx.abs() > 1e-3 { [dx, 0.0] } else { [0.0, dy] }
}

fn stay(_: &Maze, _: usize) -> [f32; 2] {
    [0.0; 2]
}

fn wait_at_junction(m: &Maze, _: usize) -> [f32; 2] {
    along_axes(m, [10.5, 0.0])
}

fn always_middle(m: &Maze, _: usize) -> [f32; 2] {
    head_for(m, 2)
}

/// Knows the goal and turns at right angles: to the spine, along it, into the tine.
fn square_oracle(m: &Maze, goal: usize) -> [f32; 2] {
    let [x, y] = m.options.goal(goal);
    if (m.position[1] - y).abs() < 1e-3 { along_axes(m, [x, y]) } else { along_axes(m, [10.5, y]) }
}

/// Knows the goal and cuts corners.
fn oracle(m: &Maze, goal: usize) -> [f32; 2] {
    head_for(m, goal)
}

type Policy = fn(&Maze, usize) -> [f32; 2];

/// Mean return and those by goal, as published in docs/maze.md.
type Returns = (f64, Option<[f64; GOALS]>);

fn assert_returns(name: &str, (mean, by_goal): Returns, measured: [f64; GOALS]) {
    let seen = measured.iter().sum::<f64>() / GOALS as f64;
    assert!((seen / mean - 1.0).abs() < 0.01, "{name}: {seen}, not {mean}");
    for (seen, expected) in measured.iter().zip(by_goal.into_iter().flatten()) {
        assert!((seen - expected).abs() < 1.0, "{name}: {seen}, not {expected}");
    }
}

fn by_goal(reward: Distance, policy: Policy, measure: impl Fn(&Maze, Step) -> f64) -> [f64; GOALS] {
    std::array::from_fn(|goal| played(reward, goal, |m| policy(m, goal), &measure))
}

#[test]
fn an_action_that_is_no_number_moves_nowhere() {
    let options = Options { start_noise: 0.0, ..Options::default() };
    let mut maze = Maze::reset(&options, Level { variation: 0, seed: 1 });
    let before = maze.position();
    let step = maze.step(Action::Continuous(&[f32::NAN, 1.0]));
    assert_eq!(maze.position()[0], before[0]);
    assert!(maze.position()[1] > before[1] && step.reward.is_finite());
}

#[test]
fn scripted_policies_earn_the_published_returns() {
    let middle = Some([-52.0, -37.0, -22.0, -37.0, -52.0]);
    let right = Some([-36.0, -28.0, -22.0, -28.0, -36.0]);
    let table: [(&str, Policy, Returns); 5] = [
        ("stay at start", stay, (-130.5, None)),
        ("wait at junction", wait_at_junction, (-65.3, None)),
        ("always middle", always_middle, (-40.1, middle)),
        ("right-angled oracle", square_oracle, (-30.1, right)),
        // Diagonal steps in the spine gain up to 1.4 more.
        ("oracle", oracle, (-29.03, None)),
    ];
    for (name, policy, expected) in table {
        let rewards = by_goal(Distance::Approximate, policy, |_, s| s.reward.into());
        assert_returns(name, expected, rewards);
    }
}

/// The same table for the length of paths along the centre lines, around the walls, which the
/// reward does not offer: what makes the middle goal attractive is to look through the walls.
#[test]
fn scripted_policies_earn_the_published_returns_around_walls() {
    let around = |m: &Maze, _: Step| {
        let (o, [x, y]) = (&m.options, wide(m.position));
        let [goal_x, goal_y] = wide(o.goal(m.goal()));
        let along_x =
            if (goal_y - y).abs() > 0.5 { (x - 10.5).abs() + (goal_x - 10.5) } else { goal_x - x };
        -(along_x + (goal_y - y).abs()) / 20.0
    };
    let middle = Some([-102.0, -87.0, -22.0, -87.0, -102.0]);
    let table: [(&str, Policy, Returns); 4] = [
        ("stay at start", stay, (-130.5, None)),
        ("wait at junction", wait_at_junction, (-65.3, None)),
        ("always middle", always_middle, (-80.3, middle)),
        ("right-angled oracle", square_oracle, (-30.2, None)),
    ];
    for (name, policy, expected) in table {
        let rewards = by_goal(Distance::Approximate, policy, around);
        assert_returns(name, expected, rewards);
    }
}

/// With the length of the shortest path no policy that ignores the context should enter a tine.
#[test]
fn exact_reward_makes_waiting_better_than_the_middle() {
    let policies: [Policy; 4] = [stay, always_middle, wait_at_junction, oracle];
    let means = policies.map(|policy| {
        let rewards = by_goal(Distance::Exact, policy, |_, s| s.reward.into());
        let network = by_goal(Distance::Exact, policy, |m, _| {
            -Network::new(&m.options, m.goal()).distance(wide(m.position)) / 20.0
        });
        for (reward, expected) in rewards.iter().zip(network) {
            assert!((reward - expected).abs() < 1e-3, "{reward}, not {expected}");
        }
        rewards.iter().sum::<f64>() / GOALS as f64
    });
    assert!(means.is_sorted(), "{means:?}");
    // As docs/maze.md publishes them.
    for (mean, published) in means.iter().zip([-120.5, -69.3, -58.7, -26.2]) {
        assert!((mean - published).abs() < 0.1, "{means:?}");
    }
}

#[test]
fn no_wall_is_entered_in_a_million_steps() {
    let (exact, rounded) = geometries();
    let slack = [0.0, 1e-5];
    let all = [exact, rounded].into_iter().zip(slack);
    for (options, slack) in all.flat_map(|(list, s)| list.into_iter().map(move |o| (o, s))) {
        let free = rectangles(&options);
        let stream = Stream::new(3, "walls");
        let mut maze = maze(&options, 0);
        for t in 0..125_000 {
            if t % 100 == 0 {
                let place = anywhere(&free, &stream, t);
                // A rounded wall may lie on the other side of its point.
                if options.is_free(place) {
                    maze.place(place, [0.0; 2]);
                }
                maze.time = 0;
            }
            let (before, action) = (maze.position, push(&stream, t));
            maze.step(Action::Continuous(&action));
            let after = maze.position;
            let from = || format!("{before:?} {action:?} {after:?} {options:?}");
            assert!(inside(&free, wide(after), slack), "{}", from());
            assert!(options.is_free(after), "{}", from());
            let moved = [after[0] - before[0], after[1] - before[1]];
            assert_eq!(maze.velocity, moved, "{}", from());
            assert!(moved.iter().all(|d| d.abs() <= options.speed * 1.001), "{}", from());
        }
    }
}

/// Goes from a point along an axis in a thousand parts, and halves the part in which a wall is hit.
fn creep(free: &[Rectangle], from: Point, axis: usize, by: f64) -> (f64, bool) {
    let at = |part: f64| {
        let mut p = from;
        p[axis] += by * part;
        p
    };
    let ok = |part: f64| inside(free, at(part), 0.0);
    let Some(hit) = (1..=1000).find(|&i| !ok(f64::from(i) / 1000.0)) else {
        return (at(1.0)[axis], false);
    };
    let (mut open, mut shut) = (f64::from(hit - 1) / 1000.0, f64::from(hit) / 1000.0);
    for _ in 0..40 {
        let middle = (open + shut) / 2.0;
        *(if ok(middle) { &mut open } else { &mut shut }) = middle;
    }
    (at(open)[axis], true)
}

/// A step goes as far along x and then along y as creeping does: to 1e-5 where a wall stops it,
/// and exactly where none does, whatever stops the other axis.
#[test]
fn sliding_is_creeping() {
    for options in geometries().0 {
        let free = rectangles(&options);
        let stream = Stream::new(4, "slide");
        let mut slid = [0; 2];
        for t in 0..5_000 {
            let start = anywhere(&free, &stream, t);
            let by = push(&stream, 7 * t).map(|a| options.speed * a.clamp(-1.0, 1.0));
            let end = options.slide(start, by);
            let mut at = start;
            let mut hits = [false; 2];
            for axis in [0, 1] {
                let (reach, hit) = creep(&free, wide(at), axis, by[axis].into());
                let expected = if hit { reach as f32 } else { at[axis] + by[axis] };
                let off = (end[axis] - expected).abs();
                assert!(
                    off <= if hit { 1e-5 } else { 0.0 },
                    "{start:?} by {by:?} to {end:?}, axis {axis}: {expected}"
                );
                at[axis] = end[axis];
                hits[axis] = hit;
            }
            slid[0] += u32::from(hits[1] && !hits[0] && by[0] != 0.0);
            slid[1] += u32::from(hits[0] && !hits[1] && by[1] != 0.0);
        }
        // Enough slid along each kind of wall for the test to mean something.
        assert!(slid.iter().all(|&n| n > 100), "{slid:?} {options:?}");
    }
}

/// Walls belong to free space also where rounding moves them: else an agent that stands at the
/// wall of a tine counts as outside of it, and its next step throws it back to the spine.
#[test]
fn rounded_walls_are_free() {
    for i in 0..2_000 {
        let (middle_spacing, tine_spacing) = (1.05 + 0.01 * i as f32, 1.05 + 0.0037 * i as f32);
        let options = Options { middle_spacing, tine_spacing, ..Options::default() };
        for goal in 0..GOALS {
            let [x, y] = options.goal(goal);
            for up in [-1.0, 1.0] {
                let wall = options.slide([x, y], [0.0, up]);
                let seen = options.tine_at(wall);
                assert_eq!(seen, Some(goal), "{wall:?}, {options:?}");
                let along = options.slide(wall, [-0.25, up]);
                assert_eq!(along, [x - 0.25, wall[1]], "{options:?}");
            }
        }
    }
}

/// Shortest paths to one goal over the corners of walls that stick out into free space.
struct Network {
    free: Vec<Rectangle>,
    /// The goal, then the corners, with their distances to the goal.
    nodes: Vec<(Point, f64)>,
}

impl Network {
    fn new(o: &Options, goal: usize) -> Self {
        let free = rectangles(o);
        let [_, right, low, high] = free[2 + goal];
        let mut nodes = vec![([right - 0.5, (low + high) / 2.0], 0.0)];
        let mut corners = vec![[free[0][1], free[0][2]], [free[0][1], free[0][3]]];
        for (k, &[mouth, _, low, high]) in free[2..].iter().enumerate() {
            if k > 0 {
                corners.push([mouth, high]);
            }
            if k + 1 < GOALS {
                corners.push([mouth, low]);
            }
        }
        assert_eq!(corners.len(), 10);
        nodes.extend(corners.into_iter().map(|corner| (corner, f64::INFINITY)));
        let mut network = Self { free, nodes };
        // Relaxing as often as there are nodes settles every path (Bellman and Ford).
        for _ in 0..network.nodes.len() {
            for i in 1..network.nodes.len() {
                network.nodes[i].1 = network.distance(network.nodes[i].0);
            }
        }
        network
    }

    fn distance(&self, from: Point) -> f64 {
        let seen = self.nodes.iter().filter(|node| self.sees(from, node.0));
        seen.map(|&(p, rest)| (p[0] - from[0]).hypot(p[1] - from[1]) + rest)
            .fold(f64::INFINITY, f64::min)
    }

    /// Whether the rectangles cover the straight line between two points.
    fn sees(&self, a: Point, b: Point) -> bool {
        const SLACK: f64 = 1e-6;
        let mut parts: Vec<(f64, f64)> = self
            .free
            .iter()
            .filter_map(|&[left, right, low, high]| {
                let (mut from, mut to) = (0.0_f64, 1.0_f64);
                for (a, b, low, high) in [(a[0], b[0], left, right), (a[1], b[1], low, high)] {
                    let (low, high) = (low - SLACK, high + SLACK);
                    if a == b {
                        if a < low || a > high {
                            return None;
                        }
                    } else {
                        let (s, t) = ((low - a) / (b - a), (high - a) / (b - a));
                        from = from.max(s.min(t));
                        to = to.min(s.max(t));
                    }
                }
                (from <= to).then_some((from, to))
            })
            .collect();
        parts.sort_by(|p, q| p.0.total_cmp(&q.0));
        let covered =
            parts.iter().fold(
                0.0_f64,
                |covered, &(from, to)| {
                    if from <= covered { covered.max(to) } else { covered }
                },
            );
        covered >= 1.0
    }
}

#[test]
fn exact_distance_is_that_of_the_shortest_path() {
    let (mut all, rounded) = geometries();
    all.extend(rounded);
    for options in all {
        let free = rectangles(&options);
        let stream = Stream::new(5, "distance");
        for goal in 0..GOALS {
            let network = Network::new(&options, goal);
            let places = (0..3_000).map(|i| anywhere(&free, &stream, i));
            for place in places.filter(|&place| options.is_free(place)) {
                let exact = f64::from(options.geodesic_distance(place, goal));
                let expected = network.distance(wide(place));
                // 1e-6 of slack at corners and 24 bits.
                assert!(
                    (exact - expected).abs() <= 1e-4 + 1e-6 * expected,
                    "{place:?} to {goal}: {exact}, not {expected}, {options:?}"
                );
                let straight = distance(place, options.goal(goal));
                assert!(exact >= f64::from(straight) - 1e-4);
            }
        }
    }
}

/// Where the two distances agree and where not: the approximate one goes at right angles, which is
/// never shorter, but looks through the walls between tines, which is.
#[test]
fn approximate_distance_is_too_short_only_in_wrong_tines() {
    let options = Options::default();
    let free = rectangles(&options);
    let stream = Stream::new(6, "distance");
    for i in 0..20_000 {
        let place = anywhere(&free, &stream, i);
        for goal in 0..GOALS {
            let exact = options.geodesic_distance(place, goal);
            let approximate = options.approximate_distance(place, goal);
            let seen = || format!("{place:?} to {goal}: {exact} and {approximate}");
            match options.tine_at(place) {
                Some(tine) if tine != goal => {
                    // Near the mouth the corners that the exact path cuts weigh more.
                    let deep = place[0] - options.tines_start() >= 0.5;
                    assert!(!deep || exact > approximate, "{}", seen());
                }
                _ => {
                    assert!(exact <= approximate + 1e-4, "{}", seen());
                    assert!(exact >= approximate / 2.0_f32.sqrt() - 1e-4, "{}", seen());
                }
            }
        }
    }
}

#[test]
fn every_context_stands_for_its_goal() {
    let in_order = Options::default();
    let shuffled = Options { context_fifths: [3, 5, 1, 2, 4], ..in_order };
    for options in [in_order, shuffled] {
        for goal in 0..GOALS {
            // The paper's ((i - 1)/5, i/5].
            let i = f32::from(options.context_fifths[goal]);
            for part in 1..=65_536 {
                let c = options.context(goal, part as f32 / 65_536.0);
                assert!(c > (i - 1.0) / 5.0 && c <= i / 5.0, "{c}");
                assert_eq!(options.goal_of_context(c), goal, "{c}");
            }
        }
    }
    for (goal, end) in [0.2, 0.4, 0.6, 0.8, 1.0].into_iter().enumerate() {
        assert_eq!(in_order.goal_of_context(end), goal);
    }
    for (end, goal) in [(0.2, 2), (0.4, 3), (0.6, 0), (0.8, 4), (1.0, 1)] {
        assert_eq!(shuffled.goal_of_context(end), goal);
    }
}

#[test]
fn the_whole_end_wall_of_the_right_tine_is_success() {
    let options = Options::default();
    for goal in 0..GOALS {
        for tine in 0..GOALS {
            let mut maze = maze(&options, goal);
            for _ in 0..100 {
                let action = head_for(&maze, tine);
                maze.step(Action::Continuous(&action));
            }
            assert_eq!(options.tine_at(maze.position), Some(tine));
            // To the end wall, then along it from corner to corner.
            for t in 0..40 {
                let step = maze.step(Action::Continuous(&[1.0, if t < 10 { 1.0 } else { -0.17 }]));
                let [x, y] = maze.position;
                if t >= 10 {
                    assert_eq!(x, options.tines_end());
                    assert_eq!(step.solved, tine == goal, "y = {y}");
                }
            }
            assert_eq!(maze.position[1], options.tine_y(tine) - options.half_width);
        }
    }
}

#[test]
fn an_episode_is_truncated_after_exactly_150_steps() {
    for goal in 0..GOALS {
        let mut maze = maze(&Options::default(), goal);
        let mut solved = 0;
        for t in 1..=150 {
            let action = head_for(&maze, goal);
            let step = maze.step(Action::Continuous(&action));
            solved += u32::from(step.solved);
            let expected = if t < 150 { End::Running } else { End::Truncated };
            assert_eq!(step.end, expected, "step {t}");
        }
        // The goal was reached long before and ended nothing.
        assert!(solved > 60, "{solved}");
    }
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    type Set = fn(&mut Options, f32);
    let settings: [(&str, Set, [f32; 2]); 9] = [
        ("spine_width", |o, v| o.spine_width = v, [0.1, 100.0]),
        ("corridor_length", |o, v| o.corridor_length = v, [2.0, 1e3]),
        ("middle_spacing", |o, v| o.middle_spacing = v, [1.05, 100.0]),
        ("tine_spacing", |o, v| o.tine_spacing = v, [1.05, 100.0]),
        ("context_scale", |o, v| o.context_scale = v, [0.0, 1e6]),
        ("origin", |o, v| o.origin = v, [-1e3, 1e3]),
        ("speed", |o, v| o.speed = v, [1e-30, 10.0]),
        ("start_noise", |o, v| o.start_noise = v, [0.0, 0.5]),
        ("success_radius", |o, v| o.success_radius = v, [1e-30, 5.0]),
    ];
    for (key, set, [low, high]) in settings {
        let tried = |value: f32| {
            let mut options = Options::default();
            set(&mut options, value);
            Maze::validate(&options)
        };
        for value in [low, high] {
            assert_eq!(tried(value), Ok(()), "{key} = {value}");
        }
        let (below, above) = (low - 0.001 * low.abs().max(1.0), high * 1.001);
        for value in [below, above, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = tried(value).expect_err("out of range");
            assert_eq!(error.key, key, "{value}");
            assert_eq!(error.value, value.to_string());
            assert!(!error.allowed.is_empty());
        }
    }
    for half_width in [0.049, f32::NAN, 10.1] {
        let options = Options { half_width, ..Options::default() };
        assert_eq!(Maze::validate(&options).expect_err("out of range").key, "half_width");
    }
    for context_fifths in [[0, 1, 2, 3, 4], [1, 2, 3, 4, 6], [1, 2, 2, 4, 5]] {
        let options = Options { context_fifths, ..Options::default() };
        assert_eq!(Maze::validate(&options).expect_err("no order").key, "context_fifths");
    }
    for (horizon, fits) in [(0, false), (1, true), (1_000_000, true), (1_000_001, false)] {
        let options = Options { horizon, ..Options::default() };
        let key = Maze::validate(&options).err().map(|error| error.key);
        assert_eq!(key, (!fits).then_some("horizon"));
    }
}

#[test]
fn levels_place_agent_and_context_within_their_bounds() {
    for start_noise in [0.0, 0.1, 0.5] {
        let options = Options { start_noise, ..Options::default() };
        let mut reach = [0.0_f32; 4];
        for seed in 0..5_000 {
            let variation = (seed % GOALS as u64) as u32;
            let level = Level { variation, seed };
            let maze = Maze::reset(&options, level);
            assert_eq!(maze, Maze::reset(&options, level));
            assert_eq!(maze.goal(), variation as usize);
            assert_eq!(options.goal_of_context(maze.context), maze.goal());
            assert_eq!((maze.velocity, maze.time), ([0.0; 2], 0));
            assert!(options.is_free(maze.position));
            let [x, y] = maze.position;
            let sides = [x - START[0], START[0] - x, y - START[1], START[1] - y];
            for (reach, side) in reach.iter_mut().zip(sides) {
                *reach = reach.max(side);
            }
        }
        for side in reach {
            let share = 0.99 * start_noise..=start_noise + 1e-6;
            assert!(share.contains(&side), "{reach:?} for {start_noise}");
        }
    }
    let at = |variation, seed| Maze::reset(&Options::default(), Level { variation, seed });
    assert_ne!(at(1, 1), at(1, 2));
    // The goal is of the variation, the noise of the seed.
    assert_eq!(at(1, 1).position, at(2, 1).position);
}

#[test]
fn observations_are_position_velocity_and_context() {
    for (normalise_observations, origin, expected) in [
        (false, 0.0, [16.0, -4.5, 0.25, -0.25, 0.45]),
        (true, 0.0, [1.0, -1.0, 1.0, -1.0, 0.45]),
        (false, 12.0, [4.0, -4.5, 0.25, -0.25, 0.45]),
        (true, 12.0, [0.25, -1.0, 1.0, -1.0, 0.45]),
    ] {
        let options =
            Options { normalise_observations, origin, context_scale: 0.5, ..Options::default() };
        let mut maze = maze(&options, 4);
        maze.place([16.0, -4.5], [0.25, -0.25]);
        maze.set_context(0.9);
        let mut seen = [f32::NAN; 5];
        maze.sense(&mut seen);
        assert_eq!(seen, expected);
    }
}
