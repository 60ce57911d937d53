//! Training curves of several agents in one frame: a line for each, over millions of samples.

use super::average::Spread;
use crate::plot::{self, Area, Drawn, FAINT, Figure, INK, MUTED, centred, line, text, upright};
use plotters::{element::DashedPathElement, prelude::*};

const SIZE: (u32, u32) = (1600, 760);
const ENTRY: i32 = 40;
const LEFT: i32 = 130;

/// One line.
#[derive(Clone, Debug)]
pub struct NamedLine {
    pub name: String,
    pub color: RGBColor,
    pub dashed: bool,
    /// The range is drawn as a band where it is not empty.
    pub points: Vec<Spread>,
}

/// A vertical line with a name above it.
#[derive(Clone, Debug)]
pub struct Mark {
    pub name: String,
    pub color: RGBColor,
    /// Millions of samples.
    pub x: f64,
}

/// Lines in one frame.
#[derive(Clone, Debug)]
pub struct Lines {
    pub y_title: &'static str,
    pub lines: Vec<NamedLine>,
    pub marks: Vec<Mark>,
}

impl Lines {
    fn bounds(&self) -> (f64, f64, f64) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let low = points().map(|p| p.low).fold(0.0, f64::min);
        let high = points().map(|p| p.high).fold(0.05, f64::max);
        let marks = self.marks.iter().map(|mark| mark.x);
        (low, high, points().map(|p| p.x).chain(marks).fold(0.001, f64::max))
    }
}

impl Figure for Lines {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (mut x, mut y) = (LEFT, ENTRY);
        for entry in &self.lines {
            let width = 70 + plot::width(area, &entry.name, &text(26, INK))? + 44;
            if x > LEFT && x + width > SIZE.0 as i32 {
                (x, y) = (LEFT, y + ENTRY);
            }
            let (stroke, style) = ([(x, y), (x + 56, y)], line(entry.color, 4));
            match entry.dashed {
                true => area.draw(&DashedPathElement::new(stroke, 14, 9, style))?,
                false => area.draw(&PathElement::new(stroke, style))?,
            }
            area.draw(&Text::new(entry.name.clone(), (x + 70, y), text(26, INK)))?;
            x += width;
        }
        let (_, plot) = area.split_vertically(y + ENTRY / 2);
        let (low, high, end) = self.bounds();
        let above = if self.marks.is_empty() { 16 } else { 44 };
        let mut chart = ChartBuilder::on(&plot)
            .margin_top(above)
            .margin_right(40)
            .x_label_area_size(84)
            .y_label_area_size(LEFT as u32)
            .build_cartesian_2d(0.0..end, 1.05 * low..1.05 * high)?;
        let mut mesh = chart.configure_mesh();
        // About ten labels, each a digit apart.
        let digits = (1.0 - end.log10()).ceil().max(1.0) as usize;
        mesh.disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(line(FAINT, 2))
            .axis_style(line(MUTED, 2))
            .x_labels(11)
            .y_labels(6)
            .label_style(text(26, INK))
            .y_label_formatter(&|v| plot::number(*v, 2))
            .x_label_formatter(&|v| plot::number(*v, digits))
            .x_desc("samples (millions)")
            .axis_desc_style(centred(28, INK))
            .draw()?;
        let middle = plot.dim_in_pixel().1 as i32 / 2;
        plot.draw(&Text::new(self.y_title, (34, middle), upright(28, INK)))?;
        for mark in &self.marks {
            let stroke = [(mark.x, 1.05 * low), (mark.x, 1.05 * high)];
            chart.draw_series(DashedLineSeries::new(stroke, 6, 8, line(mark.color, 3)))?;
            let left = LEFT + (mark.x / end * f64::from(SIZE.0 as i32 - LEFT - 40)) as i32;
            let place = (left, above / 2);
            plot.draw(&Text::new(mark.name.clone(), place, centred(24, mark.color)))?;
        }
        for entry in &self.lines {
            let forward = entry.points.iter().map(|p| (p.x, p.high));
            let back = entry.points.iter().rev().map(|p| (p.x, p.low));
            if entry.points.iter().any(|p| p.low < p.high) {
                let outline: Vec<_> = forward.chain(back).collect();
                chart.draw_series([Polygon::new(outline, entry.color.mix(0.12))])?;
            }
        }
        for entry in &self.lines {
            let (points, style) =
                (entry.points.iter().map(|p| (p.x, p.mean)), line(entry.color, 4));
            match entry.dashed {
                true => chart.draw_series(DashedLineSeries::new(points, 14, 9, style))?,
                false => chart.draw_series(LineSeries::new(points, style))?,
            };
        }
        Ok(())
    }
}
