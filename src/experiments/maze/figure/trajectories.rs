//! Where the generalist walks, before and after.

use super::STAGES;
use crate::{
    experiments::maze::result::{MazeResult, Snapshot},
    plot::{
        self, Area, BLUE, Drawn, FAINT, Figure, GREEN, INK, MUTED, ORANGE, PURPLE, VERMILLION,
        centred, line, star, text,
    },
};
use gslab_envs::maze::{GOALS, Options};
use plotters::prelude::*;

const PANEL_WIDTH: u32 = 620;
const TITLE_HEIGHT: u32 = 56;
const LEGEND_HEIGHT: u32 = 62;
/// Pixels around a maze; the goals' numbers stand on the right.
const MARGIN: u32 = 30;
/// Trajectories drawn for each goal.
const SHOWN: usize = 4;
const COLORS: [RGBColor; GOALS] = [BLUE, ORANGE, GREEN, VERMILLION, PURPLE];

/// Trajectories of the first seed in the maze, one panel for each stage of the generalist.
pub struct Trajectories<'a> {
    seed: Option<u64>,
    panels: Vec<(&'static str, &'a Snapshot)>,
    options: Options,
    /// Pixels for each unit of the maze.
    scale: f64,
}

impl<'a> Trajectories<'a> {
    /// `options` are those of the maze that was trained on.
    pub fn new(result: &'a MazeResult, options: &Options) -> Self {
        let first = result.seeds.first();
        let panels = first.into_iter().flat_map(|seed| STAGES.map(|(name, of)| (name, of(seed))));
        Self {
            seed: first.map(|seed| seed.seed),
            panels: panels.collect(),
            options: *options,
            scale: f64::from(PANEL_WIDTH - 2 * MARGIN) / f64::from(options.tines_end()),
        }
    }

    /// What the figure shows, for the reader.
    pub fn caption(&self) -> String {
        let seed = self.seed.map_or_else(String::new, |seed| format!(" of seed {seed}"));
        format!(
            "The generalist: up to {SHOWN} episodes for each goal{seed}, sampled actions. The colour tells for which \
             goal (star) an episode was given the context; dots are where episodes ended."
        )
    }

    fn maze_height(&self) -> u32 {
        (f64::from(2.0 * self.options.top()) * self.scale).ceil() as u32
    }

    fn draw_panel<DB: DrawingBackend>(&self, area: &Area<DB>, snapshot: &Snapshot) -> Drawn<DB> {
        let o = &self.options;
        let at = |[x, y]: [f32; 2]| {
            let across = f64::from(MARGIN) + f64::from(x) * self.scale;
            let down = f64::from(o.top() - y) * self.scale + 8.0;
            (across.round() as i32, down.round() as i32)
        };
        let walls: Vec<_> = outline(o).into_iter().map(at).collect();
        area.draw(&Polygon::new(walls.clone(), FAINT.mix(0.55)))?;
        area.draw(&PathElement::new([walls.clone(), vec![walls[0]]].concat(), line(INK, 3)))?;
        let (left, below) = at([0.0, -o.half_width]);
        area.draw(&Text::new("start", (left, below + 22), text(24, MUTED)))?;
        let radius = (0.42 * self.scale).clamp(10.0, 20.0);
        for (goal, color) in COLORS.iter().enumerate() {
            let corners = star(at(o.goal(goal)), radius);
            area.draw(&Polygon::new(corners.clone(), color.filled()))?;
            area.draw(&PathElement::new(
                [corners.clone(), vec![corners[0]]].concat(),
                line(INK, 1),
            ))?;
        }
        // One trajectory of every goal, then the next, begun by another goal each time: no goal
        // hides the others.
        let of_goal = |goal| snapshot.trajectories.iter().filter(move |t| t.goal == goal);
        let order = (0..SHOWN * GOALS).map(|i| (i / GOALS, (i + i / GOALS) % GOALS));
        let shown: Vec<_> = order
            .filter_map(|(rank, goal)| Some((of_goal(goal).nth(rank)?, COLORS[goal])))
            .collect();
        for (trajectory, color) in &shown {
            let points: Vec<_> = trajectory.points.iter().map(|&p| at(p)).collect();
            area.draw(&PathElement::new(points, color.mix(0.75).stroke_width(2)))?;
        }
        for (trajectory, color) in &shown {
            let Some(&end) = trajectory.points.last() else { continue };
            area.draw(&Circle::new(at(end), 5, WHITE.filled()))?;
            area.draw(&Circle::new(at(end), 4, color.filled()))?;
        }
        Ok(())
    }

    fn draw_legend<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let style = text(27, INK);
        let names: Vec<String> = (1..=GOALS).map(|goal| format!("goal {goal}")).collect();
        let mut length = 0;
        for name in &names {
            length += 62 + plot::width(area, name, &style)?;
        }
        let (mut x, y) = ((self.size().0 as i32 - length) / 2, LEGEND_HEIGHT as i32 / 2);
        for (name, color) in names.iter().zip(COLORS) {
            area.draw(&Polygon::new(star((x + 12, y), 14.0), color.filled()))?;
            area.draw(&Text::new(name.as_str(), (x + 34, y), style.clone()))?;
            x += 62 + plot::width(area, name, &style)?;
        }
        Ok(())
    }
}

impl Figure for Trajectories<'_> {
    fn size(&self) -> (u32, u32) {
        let height = TITLE_HEIGHT + self.maze_height() + 16 + LEGEND_HEIGHT;
        (PANEL_WIDTH * STAGES.len() as u32, height)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let middle = PANEL_WIDTH as i32 / 2;
        let (panels, legend) = area.split_vertically(self.size().1 - LEGEND_HEIGHT);
        if self.panels.is_empty() {
            let place = (self.size().0 as i32 / 2, 100);
            return area.draw(&Text::new("no seeds", place, centred(32, MUTED)));
        }
        for (panel, (name, snapshot)) in
            panels.split_evenly((1, STAGES.len())).iter().zip(&self.panels)
        {
            let (title, maze) = panel.split_vertically(TITLE_HEIGHT);
            let success = plot::number(snapshot.sampled.success(), 2);
            let name = format!("{name}: success {success}");
            title.draw(&Text::new(name, (middle, TITLE_HEIGHT as i32 / 2), centred(28, INK)))?;
            self.draw_panel(&maze, snapshot)?;
        }
        self.draw_legend(&legend)
    }
}

/// The corners of free space, from the corridor's lower left, with the maze on the left hand.
fn outline(o: &Options) -> Vec<[f32; 2]> {
    let mut corners = vec![
        [0.0, o.half_width],
        [0.0, -o.half_width],
        [o.corridor_length, -o.half_width],
        [o.corridor_length, -o.top()],
    ];
    for goal in (0..GOALS).rev() {
        let (low, high) = (o.tine_y(goal) - o.half_width, o.tine_y(goal) + o.half_width);
        corners.extend([
            [o.tines_start(), low],
            [o.tines_end(), low],
            [o.tines_end(), high],
            [o.tines_start(), high],
        ]);
    }
    corners.extend([[o.corridor_length, o.top()], [o.corridor_length, o.half_width]]);
    corners
}
