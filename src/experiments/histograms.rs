//! How many levels have which return, in the shape of Figure 8.

use crate::plot::{self, Area, Drawn, FAINT, Figure, INK, MUTED, centred, line, text, upright};
use plotters::prelude::*;

const WIDTH: u32 = 1600;
const ROW_HEIGHT: u32 = 450;
const BINS: usize = 20;

/// What a column of histograms shows.
#[derive(Clone, Debug)]
pub struct Column {
    pub title: String,
    pub color: RGBColor,
}

/// Histograms of normalised returns, in rows and columns with the same axes.
pub struct Histograms {
    rows: Vec<&'static str>,
    columns: Vec<Column>,
    /// `[row][column]`: share of values in each bin.
    panels: Vec<Vec<[f64; BINS]>>,
    bounds: (f64, f64),
}

impl Histograms {
    /// `values` are of a row and a column; values that are no numbers are left out.
    pub fn new(
        rows: &[&'static str],
        columns: &[Column],
        values: impl Fn(usize, usize) -> Vec<f64>,
    ) -> Self {
        let known = |row, column| -> Vec<f64> {
            values(row, column).into_iter().filter(|value| value.is_finite()).collect()
        };
        let panels: Vec<Vec<Vec<f64>>> = (0..rows.len())
            .map(|row| (0..columns.len()).map(|column| known(row, column)).collect())
            .collect();
        let all = || panels.iter().flatten().flatten().copied();
        let (low, high) = (all().fold(0.0, f64::min), all().fold(1.0, f64::max));
        let histogram = |values: &Vec<f64>| {
            let mut bins = [0.0; BINS];
            for value in values {
                let place = (value - low) / (high - low) * BINS as f64;
                bins[(place as usize).min(BINS - 1)] += 1.0 / values.len() as f64;
            }
            bins
        };
        let panels = panels.iter().map(|row| row.iter().map(histogram).collect()).collect();
        Self { rows: rows.to_vec(), columns: columns.to_vec(), panels, bounds: (low, high) }
    }
}

impl Figure for Histograms {
    fn size(&self) -> (u32, u32) {
        (WIDTH, ROW_HEIGHT * self.rows.len() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (low, high) = self.bounds;
        let tallest = self.panels.iter().flatten().flatten().copied().fold(0.05, f64::max);
        let rows = area.split_evenly((self.rows.len(), 1));
        for ((row, cells), name) in rows.iter().zip(&self.panels).zip(&self.rows) {
            let parts = row.split_evenly((1, self.columns.len()));
            for (i, (part, bins)) in parts.iter().zip(cells).enumerate() {
                let Column { title, color } = &self.columns[i];
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
                part.draw(&Text::new(title.clone(), middle, centred(26, INK)))?;
                if i == 0 {
                    let beside = (30, part.dim_in_pixel().1 as i32 / 2);
                    part.draw(&Text::new(*name, beside, upright(26, INK)))?;
                }
            }
        }
        Ok(())
    }
}
