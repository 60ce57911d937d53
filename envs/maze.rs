//! The brush maze of Section 4 and Figure 2 of the paper: a corridor, a spine, five tines.
//!
//! The paper publishes neither geometry nor code; what it does fix (five goals, a context scalar
//! in the goal's fifth of (0, 1], actions that set the velocity, an approximated negative geodesic
//! distance as reward, horizon 150) is kept, the rest is documented in docs/maze.md.

use crate::{
    Action, ActionSpace, End, Env, Level, OptionError, Spec, Step,
    draw::{Call, Colour, DrawList, Rect},
    rng::Stream,
};
use serde::{Deserialize, Serialize};

/// Number of goals, tines and variations.
pub const GOALS: usize = 5;
/// Length of a tine, from the spine to its end wall.
pub const TINE_LENGTH: f32 = 5.0;
/// Distance of a goal from the end wall of its tine.
const GOAL_FROM_WALL: f32 = 0.5;
/// The reward is the negative distance divided by this.
const REWARD_SCALE: f32 = 20.0;
/// Where an episode starts, before noise.
const START: [f32; 2] = [0.5, 0.0];

/// Colours of a frame.
const WALLS: Colour = [52, 58, 70, 255];
const FLOOR: Colour = [226, 224, 214, 255];
const OTHER_GOAL: Colour = [168, 170, 166, 255];
const OWN_GOAL: Colour = [214, 64, 48, 255];
const AGENT: Colour = [36, 92, 190, 255];

/// How the distance to the goal is measured for the reward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// |dx| + |dy|: exact but for the walls between tines. The paper's "approximated" distance.
    #[default]
    Approximate,
    /// The length of the shortest path.
    Exact,
}

/// Settings of the maze.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Length of the corridor; longer means a longer phase in which the context is useless.
    pub corridor_length: f32,
    /// Half the width of the corridor and of every tine.
    pub half_width: f32,
    /// Width of the spine, in x; wider means more time in which to turn.
    pub spine_width: f32,
    /// Distance between the centre lines of the middle tine and its neighbours; wider makes it
    /// costlier to leave the middle for a neighbour.
    pub middle_spacing: f32,
    /// Distance between the centre lines of an outermost tine and its neighbour.
    pub tine_spacing: f32,
    /// The observed context is this times c.
    pub context_scale: f32,
    /// Which fifth of (0, 1], from 1, holds the contexts of each tine's goal, the top tine's
    /// first. In order, a policy that merely leans up or down with the context already gains;
    /// out of order it need not.
    pub context_fifths: [u8; GOALS],
    /// The x from which observed positions are measured, on the corridor's axis. Near the fork a
    /// hidden unit can switch there at any context: far from it, only a large bias lets it.
    pub origin: f32,
    /// The distance in the reward.
    pub reward: Distance,
    /// Steps of an episode.
    pub horizon: u32,
    /// Distance covered in one step by an action of 1, for each axis.
    pub speed: f32,
    /// The start is displaced by up to this, uniformly, in each axis.
    pub start_noise: f32,
    /// An episode that ends within this distance of its goal, in its tine, counts as solved. At
    /// the default the whole end wall of the right tine counts.
    pub success_radius: f32,
    /// Observe positions as fractions of the maze and velocities as fractions of the speed.
    pub normalise_observations: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            corridor_length: 10.0,
            half_width: 0.5,
            spine_width: 1.0,
            middle_spacing: 2.0,
            tine_spacing: 2.0,
            context_scale: 1.0,
            context_fifths: [1, 2, 3, 4, 5],
            origin: 0.0,
            reward: Distance::Approximate,
            horizon: 150,
            speed: 0.25,
            start_noise: 0.1,
            success_radius: 0.75,
            normalise_observations: false,
        }
    }
}

impl Options {
    /// x where the spine ends and the tines begin.
    pub fn tines_start(&self) -> f32 {
        self.corridor_length + self.spine_width
    }

    /// x of the end walls of the tines: the rightmost free x.
    pub fn tines_end(&self) -> f32 {
        self.tines_start() + TINE_LENGTH
    }

    /// y of the centre line of tine `goal`, in `0..5` from the top.
    pub fn tine_y(&self, goal: usize) -> f32 {
        let from_middle = 2.0 - goal as f32;
        let beyond_neighbour = (from_middle.abs() - 1.0).max(0.0) * self.tine_spacing;
        let neighbour = from_middle.abs().min(1.0) * self.middle_spacing;
        (neighbour + beyond_neighbour).copysign(from_middle)
    }

    /// The highest free y, reached in the spine and the outer tines.
    pub fn top(&self) -> f32 {
        self.tine_y(0) + self.half_width
    }

    /// The goal at the end of tine `goal`.
    pub fn goal(&self, goal: usize) -> [f32; 2] {
        [self.tines_end() - GOAL_FROM_WALL, self.tine_y(goal)]
    }

    /// The tine whose band of y holds `y`, walls included.
    fn band(&self, y: f32) -> Option<usize> {
        // The very bounds that `free_y` clamps to, so that a wall touched is still inside.
        (0..GOALS).find(|&k| {
            let centre = self.tine_y(k);
            (centre - self.half_width..=centre + self.half_width).contains(&y)
        })
    }

    /// The tine that a free position lies in; `None` in the corridor and the spine.
    pub fn tine_at(&self, [x, y]: [f32; 2]) -> Option<usize> {
        if x > self.tines_start() { self.band(y) } else { None }
    }

    /// Whether a position is in free space, walls included.
    pub fn is_free(&self, [x, y]: [f32; 2]) -> bool {
        if x < 0.0 || x > self.tines_end() {
            false
        } else if x < self.corridor_length {
            y.abs() <= self.half_width
        } else if x <= self.tines_start() {
            y.abs() <= self.top()
        } else {
            self.band(y).is_some()
        }
    }

    /// The free interval of x through a free position.
    fn free_x(&self, [x, y]: [f32; 2]) -> (f32, f32) {
        let in_corridor_band = y.abs() <= self.half_width;
        let low = if in_corridor_band { 0.0 } else { self.corridor_length };
        // Left of the spine only the corridor's own band is free, and it runs into tine 2.
        let to_end =
            if x < self.corridor_length { in_corridor_band } else { self.band(y).is_some() };
        (low, if to_end { self.tines_end() } else { self.tines_start() })
    }

    /// The free interval of y through a free position.
    fn free_y(&self, [x, y]: [f32; 2]) -> (f32, f32) {
        if x < self.corridor_length {
            (-self.half_width, self.half_width)
        } else if x <= self.tines_start() {
            (-self.top(), self.top())
        } else {
            let centre = self
                .tine_y(self.band(y).expect("a free position right of the spine lies in a tine"));
            (centre - self.half_width, centre + self.half_width)
        }
    }

    /// Moves a free position: first along x, then along y, stopping at the walls.
    pub fn slide(&self, [x, y]: [f32; 2], [dx, dy]: [f32; 2]) -> [f32; 2] {
        let (low, high) = self.free_x([x, y]);
        let x = (x + dx).clamp(low, high);
        let (low, high) = self.free_y([x, y]);
        [x, (y + dy).clamp(low, high)]
    }

    /// The context of goal `goal`: `fraction` in (0, 1] is the place within its fifth of (0, 1].
    pub fn context(&self, goal: usize, fraction: f32) -> f32 {
        (f32::from(self.context_fifths[goal]) - 1.0 + fraction) / GOALS as f32
    }

    /// The goal that a context in (0, 1] stands for, in `0..5` from the top: the paper's
    /// interval i = ceil(5c), looked up in the fifths.
    pub fn goal_of_context(&self, context: f32) -> usize {
        let fifth = ((context * GOALS as f32).ceil() as usize).clamp(1, GOALS);
        let held = |&f: &u8| usize::from(f) == fifth;
        self.context_fifths.iter().position(held).expect("the fifths are a permutation")
    }

    /// Whether a position counts as having reached a goal: within the radius, in its own tine.
    pub fn reaches(&self, [x, y]: [f32; 2], goal: usize) -> bool {
        self.tine_at([x, y]) == Some(goal)
            && distance([x, y], self.goal(goal)) <= self.success_radius
    }

    /// |dx| + |dy| to a goal.
    pub fn approximate_distance(&self, [x, y]: [f32; 2], goal: usize) -> f32 {
        let [gx, gy] = self.goal(goal);
        (gx - x).abs() + (gy - y).abs()
    }

    /// Length of the shortest path from a free position to a goal.
    ///
    /// Free space is a chain of rectangles joined by vertical gates, so the shortest path is a
    /// taut string that bends only at gate ends; there are at most two gates.
    pub fn geodesic_distance(&self, from: [f32; 2], goal: usize) -> f32 {
        let to = self.goal(goal);
        let mouth = |k: usize| {
            (self.tines_start(), self.tine_y(k) - self.half_width, self.tine_y(k) + self.half_width)
        };
        match self.tine_at(from) {
            Some(tine) if tine == goal => distance(from, to),
            Some(tine) => {
                // Out of one tine and into another, bending at the ends that face each other.
                let facing =
                    |(x, low, high): (f32, f32, f32), up: bool| [x, if up { high } else { low }];
                let up = goal < tine;
                let (a, b) = (facing(mouth(tine), up), facing(mouth(goal), !up));
                distance(from, a) + distance(a, b) + distance(b, to)
            }
            None if from[0] >= self.corridor_length => taut(from, to, &[mouth(goal)]),
            None => taut(
                from,
                to,
                &[(self.corridor_length, -self.half_width, self.half_width), mouth(goal)],
            ),
        }
    }
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The shortest polyline from `from` to `to` through vertical gates (x, low, high) of growing x.
fn taut(from: [f32; 2], to: [f32; 2], gates: &[(f32, f32, f32)]) -> f32 {
    let Some((&(x, low, high), rest)) = gates.split_first() else {
        return distance(from, to);
    };
    let bent = [low, high]
        .map(|y| distance(from, [x, y]) + taut([x, y], to, rest))
        .into_iter()
        .fold(f32::INFINITY, f32::min);
    // Skipping the bend at this gate is allowed if the next leg passes it; the leg ends at `to`
    // or at an end of a later gate.
    let passes = |end: [f32; 2]| {
        let run = end[0] - from[0];
        let y =
            if run > 0.0 { from[1] + (end[1] - from[1]) * (x - from[0]) / run } else { from[1] };
        (low..=high).contains(&y)
    };
    let mut best = bent;
    if passes(to) && taut_straight(from, to, rest) {
        best = best.min(distance(from, to));
    }
    if let [(next_x, next_low, next_high)] = *rest {
        for corner in [[next_x, next_low], [next_x, next_high]] {
            if passes(corner) {
                best = best.min(distance(from, corner) + distance(corner, to));
            }
        }
    }
    best
}

fn taut_straight(from: [f32; 2], to: [f32; 2], gates: &[(f32, f32, f32)]) -> bool {
    gates.iter().all(|&(x, low, high)| {
        let y = from[1] + (to[1] - from[1]) * (x - from[0]) / (to[0] - from[0]);
        (low..=high).contains(&y)
    })
}

/// One maze with its agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maze {
    options: Options,
    goal: u8,
    context: f32,
    position: [f32; 2],
    /// The displacement of the last step.
    velocity: [f32; 2],
    time: u32,
}

impl Maze {
    /// Index of the goal, in `0..5` from the top.
    pub fn goal(&self) -> usize {
        usize::from(self.goal)
    }

    pub fn position(&self) -> [f32; 2] {
        self.position
    }

    /// Places the agent, for measurements at chosen states. `position` must be free.
    pub fn place(&mut self, position: [f32; 2], velocity: [f32; 2]) {
        assert!(self.options.is_free(position), "{position:?} is inside a wall");
        (self.position, self.velocity) = (position, velocity);
    }

    /// Replaces the context alone, for counterfactuals: the goal of the reward stays.
    pub fn set_context(&mut self, context: f32) {
        self.context = context;
    }

    fn distance_to_goal(&self) -> f32 {
        match self.options.reward {
            Distance::Approximate => self.options.approximate_distance(self.position, self.goal()),
            Distance::Exact => self.options.geodesic_distance(self.position, self.goal()),
        }
    }
}

impl Env for Maze {
    type Options = Options;

    fn validate(options: &Options) -> Result<(), OptionError> {
        let check = |ok: bool, key: &'static str, value: String, allowed: &'static str| {
            if ok { Ok(()) } else { Err(OptionError { key, value, allowed }) }
        };
        let o = options;
        let within = |v: f32, low: f32, high: f32| (low..=high).contains(&v);
        check(
            within(o.corridor_length, 2.0, 1000.0),
            "corridor_length",
            o.corridor_length.to_string(),
            "from 2 to 1000",
        )?;
        check(
            within(o.spine_width, 0.1, 100.0),
            "spine_width",
            o.spine_width.to_string(),
            "from 0.1 to 100",
        )?;
        check(
            within(o.half_width, 0.05, 10.0),
            "half_width",
            o.half_width.to_string(),
            "from 0.05 to 10",
        )?;
        for (key, spacing) in
            [("middle_spacing", o.middle_spacing), ("tine_spacing", o.tine_spacing)]
        {
            check(
                within(spacing, 2.1 * o.half_width, 100.0),
                key,
                spacing.to_string(),
                "from 2.1 half_width (tines must not touch) to 100",
            )?;
        }
        check(
            within(o.context_scale, 0.0, 1e6),
            "context_scale",
            o.context_scale.to_string(),
            "from 0 to 1e6",
        )?;
        check(within(o.origin, -1e3, 1e3), "origin", o.origin.to_string(), "from -1000 to 1000")?;
        let mut fifths = o.context_fifths;
        fifths.sort_unstable();
        check(
            fifths == [1, 2, 3, 4, 5],
            "context_fifths",
            format!("{:?}", o.context_fifths),
            "1, 2, 3, 4, 5 in any order",
        )?;
        check(
            (1..=1_000_000).contains(&o.horizon),
            "horizon",
            o.horizon.to_string(),
            "from 1 to 1000000",
        )?;
        check(o.speed > 0.0 && o.speed <= 10.0, "speed", o.speed.to_string(), "above 0, up to 10")?;
        check(
            within(o.start_noise, 0.0, o.half_width.min(START[0])),
            "start_noise",
            o.start_noise.to_string(),
            "from 0 to half_width, at most 0.5",
        )?;
        check(
            o.success_radius > 0.0 && o.success_radius <= 5.0,
            "success_radius",
            o.success_radius.to_string(),
            "above 0, up to 5 (a tine's length)",
        )
    }

    fn spec(options: &Options) -> Spec {
        let farthest = options.tines_end() + TINE_LENGTH + 2.0 * options.top();
        Spec {
            grain: 64,
            observation: 5,
            points: 0,
            action: ActionSpace::Continuous { dim: 2 },
            variations: GOALS as u32,
            horizon: options.horizon,
            reward_range: (-farthest / REWARD_SCALE, 0.0),
            return_range: None,
        }
    }

    fn reset(options: &Options, level: Level) -> Self {
        let stream = Stream::new(level.seed, "maze");
        let [u, dx, dy, _] = stream.uniform(0, 0);
        // Multiples of 2^-16 keep every context inside its own fifth after rounding.
        let fraction = ((u * 65536.0).floor() / 65536.0).max(1.0 / 65536.0);
        let noise = |u: f32| options.start_noise * (2.0 * u - 1.0);
        let goal = level.variation as usize;
        assert!(goal < GOALS, "variation {goal} of the maze, which has {GOALS}");
        Self {
            options: *options,
            goal: goal as u8,
            context: options.context(goal, fraction),
            position: [START[0] + noise(dx), START[1] + noise(dy)],
            velocity: [0.0; 2],
            time: 0,
        }
    }

    fn step(&mut self, action: Action<'_>) -> Step {
        let Action::Continuous(&[ax, ay]) = action else {
            panic!("the maze takes two real numbers, not {action:?}");
        };
        // A policy that has diverged is found out by its loss, not here.
        let push = |a: f32| match a.is_nan() {
            true => 0.0,
            false => self.options.speed * a.clamp(-1.0, 1.0),
        };
        let before = self.position;
        self.position = self.options.slide(before, [push(ax), push(ay)]);
        self.velocity = [self.position[0] - before[0], self.position[1] - before[1]];
        self.time += 1;
        Step {
            reward: -self.distance_to_goal() / REWARD_SCALE,
            end: if self.time < self.options.horizon { End::Running } else { End::Truncated },
            solved: self.options.reaches(self.position, self.goal()),
        }
    }

    fn sense(&self, out: &mut [f32]) {
        let o = &self.options;
        let (length, height, speed) = if o.normalise_observations {
            (o.tines_end(), o.top(), o.speed)
        } else {
            (1.0, 1.0, 1.0)
        };
        out.copy_from_slice(&[
            (self.position[0] - o.origin) / length,
            self.position[1] / height,
            self.velocity[0] / speed,
            self.velocity[1] / speed,
            self.context * o.context_scale,
        ]);
    }

    /// A picture for people: all of the maze, the goals, the agent.
    fn draw(&self, size: u32, list: &mut DrawList) {
        let o = &self.options;
        let (width, height) = (o.tines_end(), 2.0 * o.top());
        let unit = f64::from(size) / f64::from(1.1 * width.max(height));
        let half = f64::from(size) / 2.0;
        let rect = |x: f32, top: f32, w: f32, h: f32| {
            let x = half + unit * f64::from(x - width / 2.0);
            Rect::new(x, half - unit * f64::from(top), unit * f64::from(w), unit * f64::from(h))
        };
        let side = f64::from(size);
        let mut fill = |rect, colour| list.calls.push(Call::Fill { rect, colour });
        fill(Rect::new(0.0, 0.0, side, side), WALLS);
        fill(rect(0.0, o.half_width, o.corridor_length, 2.0 * o.half_width), FLOOR);
        fill(rect(o.corridor_length, o.top(), o.spine_width, height), FLOOR);
        for goal in 0..GOALS {
            let top = o.tine_y(goal) + o.half_width;
            fill(rect(o.tines_start(), top, TINE_LENGTH, 2.0 * o.half_width), FLOOR);
        }
        let mut disc = |[x, y]: [f32; 2], colour| {
            let r = 0.8 * o.half_width;
            let rect = rect(x - r, y + r, 2.0 * r, 2.0 * r);
            list.calls.push(Call::Ellipse { rect, colour, border: false });
        };
        for goal in 0..GOALS {
            disc(o.goal(goal), if goal == self.goal() { OWN_GOAL } else { OTHER_GOAL });
        }
        disc(self.position, AGENT);
    }
}

/// A scripted policy that knows the maze: heads for the end of tine `tine` and stays there.
pub fn head_for(maze: &Maze, tine: usize) -> [f32; 2] {
    let o = &maze.options;
    let [x, y] = maze.position;
    let [goal_x, goal_y] = o.goal(tine);
    let toward = |from: f32, to: f32| ((to - from) / o.speed).clamp(-1.0, 1.0);
    let in_line = (y - goal_y).abs() <= o.half_width;
    match o.tine_at(maze.position) {
        Some(here) if here == tine => [toward(x, goal_x), toward(y, goal_y)],
        Some(_) => [-1.0, 0.0],
        None if x < o.corridor_length => [1.0, toward(y, 0.0)],
        None if in_line => [toward(x, goal_x), toward(y, goal_y)],
        // Reach the middle of the spine, then its tine; sliding does both at once.
        None => [toward(x, o.corridor_length + o.spine_width / 2.0), toward(y, goal_y)],
    }
}

#[cfg(test)]
#[path = "maze_tests.rs"]
mod tests;
