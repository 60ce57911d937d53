//! How many levels have which return, in the shape of Figure 8.

use super::super::{protocol::Scores, result::ProcgenResult};
use crate::{
    experiments::procgen::result::SeedResult,
    gsl::evaluate::Evaluation,
    plot::{
        self, Area, BLUE, Drawn, FAINT, Figure, GREEN, INK, MUTED, ORANGE, centred, line, text,
        upright,
    },
};
use plotters::prelude::*;

const SIZE: (u32, u32) = (1600, 900);
const BINS: usize = 20;
type Stage = fn(&SeedResult) -> &Scores;
type Set = fn(&Scores) -> &Evaluation;

const COLUMNS: [(&str, Stage, RGBColor); 3] = [
    ("at the plateau", |seed| &seed.at_plateau, BLUE),
    ("continued, equal samples", |seed| &seed.baseline, ORANGE),
    ("after phase II", |seed| &seed.final_generalist, GREEN),
];
const ROWS: [(&str, Set); 2] = [("training levels", |s| &s.training), ("test levels", |s| &s.test)];

/// Histograms of the normalised return of a level, one for each stage of the generalist and each
/// set of levels, over all seeds.
pub struct Levels {
    /// `[row][column]`: share of levels in each bin.
    panels: Vec<Vec<[f64; BINS]>>,
    bounds: (f64, f64),
}

impl Levels {
    pub fn new(result: &ProcgenResult) -> Self {
        let returns = |row: usize, column: usize| -> Vec<f64> {
            let seeds = result.seeds.iter();
            let scores = seeds.flat_map(|seed| &ROWS[row].1(COLUMNS[column].1(seed)).scores);
            scores.map(|score| result.normalised(score.mean_return)).collect()
        };
        let all: Vec<f64> = (0..ROWS.len())
            .flat_map(|row| (0..COLUMNS.len()).flat_map(move |column| returns(row, column)))
            .collect();
        let low = all.iter().copied().fold(0.0, f64::min);
        let high = all.iter().copied().fold(1.0, f64::max);
        let histogram = |returns: Vec<f64>| {
            let mut bins = [0.0; BINS];
            for value in &returns {
                let place = (value - low) / (high - low) * BINS as f64;
                bins[(place as usize).min(BINS - 1)] += 1.0 / returns.len() as f64;
            }
            bins
        };
        let panels = (0..ROWS.len())
            .map(|row| (0..COLUMNS.len()).map(|c| histogram(returns(row, c))).collect())
            .collect();
        Self { panels, bounds: (low, high) }
    }

    /// What the figure shows, for the reader.
    pub fn caption(&self) -> String {
        "Share of levels by the normalised return of one episode with sampled actions, over all \
         seeds, as in Figure 8 of the paper. Specialists are for the levels that stay on the \
         left."
            .into()
    }
}

impl Figure for Levels {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (low, high) = self.bounds;
        let tallest = self.panels.iter().flatten().flatten().copied().fold(0.05, f64::max);
        let rows = area.split_evenly((ROWS.len(), 1));
        for ((row, cells), (name, _)) in rows.iter().zip(&self.panels).zip(ROWS) {
            let parts = row.split_evenly((1, COLUMNS.len()));
            for (i, (part, bins)) in parts.iter().zip(cells).enumerate() {
                let (title, _, color) = COLUMNS[i];
                let mut chart = ChartBuilder::on(part)
                    .margin_top(56)
                    .margin_right(24)
                    .x_label_area_size(78)
                    .y_label_area_size(if i == 0 { 120 } else { 40 })
                    .build_cartesian_2d(low..high, 0.0..1.05 * tallest)?;
                let mut mesh = chart.configure_mesh();
                mesh.disable_x_mesh()
                    .light_line_style(TRANSPARENT)
                    .bold_line_style(line(FAINT, 2))
                    .axis_style(line(MUTED, 2))
                    .x_labels(5)
                    .y_labels(5)
                    .label_style(text(24, INK));
                let y_label = |v: &f64| if i == 0 { plot::number(*v, 2) } else { String::new() };
                let x_label = |v: &f64| plot::number(*v, 1);
                mesh.y_label_formatter(&y_label).x_label_formatter(&x_label);
                mesh.x_desc("normalised return").axis_desc_style(centred(24, MUTED)).draw()?;
                let width = (high - low) / BINS as f64;
                chart.draw_series(bins.iter().enumerate().filter(|(_, s)| **s > 0.0).map(
                    |(bin, &share)| {
                        let left = low + bin as f64 * width;
                        Rectangle::new(
                            [(left + 0.06 * width, 0.0), (left + 0.94 * width, share)],
                            color.filled(),
                        )
                    },
                ))?;
                let middle = (part.dim_in_pixel().0 as i32 / 2, 28);
                part.draw(&Text::new(title, middle, centred(26, INK)))?;
                if i == 0 {
                    let beside = (30, part.dim_in_pixel().1 as i32 / 2);
                    part.draw(&Text::new(name, beside, upright(26, INK)))?;
                }
            }
        }
        Ok(())
    }
}
