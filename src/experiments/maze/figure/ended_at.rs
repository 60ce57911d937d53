//! Where episodes end, by the goal that the context stands for.

use super::{STAGES, Stage};
use crate::{
    experiments::maze::result::MazeResult,
    plot::{self, Area, Drawn, Figure, INK, MUTED, centred, line, upright},
};
use gslab_envs::maze::GOALS;
use plotters::prelude::*;

const PLACES: usize = GOALS + 1;
const CELL: i32 = 78;
/// Pixels left of the cells, for the goals.
const LEFT: i32 = 104;
/// Pixels above the cells, for the title.
const ABOVE: i32 = 64;
/// Pixels below the cells, for the places.
const BELOW: i32 = 100;
const PANEL_WIDTH: i32 = LEFT + CELL * PLACES as i32 + 24;

/// Heat maps of goal and final place, one for each stage of the generalist.
pub struct EndedAt {
    /// Share of a goal's episodes that ended at a place, mean over seeds: `[goal][place]`.
    panels: Vec<(&'static str, [[f64; PLACES]; GOALS])>,
    seeds: usize,
}

impl EndedAt {
    pub fn new(result: &MazeResult) -> Self {
        let panels = STAGES.map(|(name, of)| (name, shares(result, of))).to_vec();
        Self { panels, seeds: result.seeds.len() }
    }

    /// What the figure shows, for the reader.
    pub fn caption(&self) -> String {
        let seeds = match self.seeds {
            1 => "one seed".to_owned(),
            n => format!("mean over {n} seeds"),
        };
        format!(
            "The generalist: share of the episodes of a goal (row) that ended at each goal (column; \u{2013} is \
             anywhere else), sampled actions, {seeds}. Outlined cells are the right goal. A policy \
             that ignores the context has equal rows."
        )
    }
}

fn shares(result: &MazeResult, of: Stage) -> [[f64; PLACES]; GOALS] {
    let mut mean = [[0.0; PLACES]; GOALS];
    for seed in &result.seeds {
        for (row, counts) in mean.iter_mut().zip(&of(seed).ended_at) {
            let episodes = counts.iter().sum::<u32>().max(1);
            for (cell, &count) in row.iter_mut().zip(counts) {
                *cell += f64::from(count) / f64::from(episodes) / result.seeds.len() as f64;
            }
        }
    }
    mean
}

/// White to dark blue, darker evenly for the eye.
fn shade(share: f64) -> RGBColor {
    let stops: [[f64; 3]; 4] =
        [[255.0, 255.0, 255.0], [198.0, 219.0, 239.0], [66.0, 146.0, 198.0], [8.0, 69.0, 148.0]];
    let place = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let i = (place as usize).min(stops.len() - 2);
    let [r, g, b] = std::array::from_fn(|c| {
        (stops[i][c] + (place - i as f64) * (stops[i + 1][c] - stops[i][c])).round() as u8
    });
    RGBColor(r, g, b)
}

impl Figure for EndedAt {
    fn size(&self) -> (u32, u32) {
        let height = ABOVE + CELL * GOALS as i32 + BELOW;
        ((PANEL_WIDTH * STAGES.len() as i32) as u32, height as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        for (panel, (name, cells)) in area.split_evenly((1, STAGES.len())).iter().zip(&self.panels)
        {
            let (width, height) = (CELL * PLACES as i32, CELL * GOALS as i32);
            let title = (LEFT + width / 2, ABOVE / 2);
            panel.draw(&Text::new(*name, title, centred(28, INK)))?;
            let axis = centred(26, INK);
            for (goal, row) in cells.iter().enumerate() {
                let top = ABOVE + CELL * goal as i32;
                let label = (LEFT - 24, top + CELL / 2);
                panel.draw(&Text::new((goal + 1).to_string(), label, axis.clone()))?;
                for (place, &share) in row.iter().enumerate() {
                    let left = LEFT + CELL * place as i32;
                    let corners = [(left, top), (left + CELL, top + CELL)];
                    panel.draw(&Rectangle::new(corners, shade(share).filled()))?;
                    panel.draw(&Rectangle::new(corners, line(plot::FAINT, 1)))?;
                    let color = match share {
                        s if s > 0.5 => WHITE,
                        s if s < 0.005 => MUTED,
                        _ => INK,
                    };
                    let middle = (left + CELL / 2, top + CELL / 2);
                    panel.draw(&Text::new(plot::number(share, 2), middle, centred(25, color)))?;
                }
            }
            for place in 0..PLACES {
                let name = if place < GOALS { (place + 1).to_string() } else { "\u{2013}".into() };
                let label = (LEFT + CELL * place as i32 + CELL / 2, ABOVE + height + 26);
                panel.draw(&Text::new(name, label, axis.clone()))?;
            }
            for goal in 0..GOALS as i32 {
                let (left, top) = (LEFT + CELL * goal + 1, ABOVE + CELL * goal + 1);
                let (right, bottom) = (left + CELL - 2, top + CELL - 2);
                let corners =
                    [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
                // Not a Rectangle: SVG would draw it one pixel wide.
                panel.draw(&PathElement::new(corners, line(INK, 3)))?;
            }
            let below = (LEFT + width / 2, ABOVE + height + 70);
            panel.draw(&Text::new("goal where the episode ended", below, centred(26, MUTED)))?;
            let beside = (LEFT - 66, ABOVE + height / 2);
            panel.draw(&Text::new("goal of the context", beside, upright(26, MUTED)))?;
        }
        Ok(())
    }
}
