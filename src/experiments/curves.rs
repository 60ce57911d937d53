//! Training curves in the shape of Figures 2, 4 and 10: a measure over the samples that the whole
//! method consumed.

use super::average::{Line, SMOOTHING, Spread, mean, smooth, spread};
use crate::{
    error::Result,
    plot::{
        self, Area, BLUE, Drawn, FAINT, Figure, GREEN, INK, MUTED, VERMILLION, centred, line, text,
        upright,
    },
    run::metrics::read_csv,
};
use plotters::{
    chart::ChartContext, coord::types::RangedCoordf64, element::DashedPathElement, prelude::*,
};
use serde::{Deserialize, Serialize};
use std::{ops::Range, path::Path};

const WIDTH: u32 = 1600;
const LEGEND_HEIGHT: u32 = 64;
/// Of the first panel and of those below it.
const HEIGHTS: (u32, u32) = (620, 486);

/// One point of a training curve.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Point {
    /// Samples that the whole method had consumed at this point (specialists train side by side,
    /// so one sample of each of five advances this by five; gsl.md §4).
    pub samples: f64,
    /// Mean reward of a step over the iteration's samples.
    pub mean_reward: f64,
    /// Share of the iteration's episodes that ended solved.
    pub success: f64,
    /// Mean return of the last 100 episodes, normalised where the environment has a scale for it.
    pub recent: f64,
}

/// A phase's training curve: its own samples times `stretch`, from `start` on.
pub fn read(dir: &Path, start: f64, stretch: f64) -> Result<Vec<Point>> {
    let table = read_csv(&dir.join("metrics.csv"))?;
    let column = |name| table.column(name).unwrap_or_default();
    let [samples, reward, success, recent] =
        ["samples", "mean_reward", "success", "recent_normalised_return"].map(column);
    let point = |i: usize| Point {
        samples: start + stretch * samples[i],
        mean_reward: reward[i],
        success: success[i],
        recent: recent[i],
    };
    Ok((0..samples.len()).map(point).collect())
}

/// The curves of one seed.
pub struct Training<'a> {
    /// Continued to the end of the method; what lies past the plateau is drawn dashed.
    pub generalist: &'a [Point],
    pub specialists: &'a [Vec<Point>],
    /// Phase II.
    pub finetuned: &'a [Point],
    /// Iterations of the generalist up to the plateau.
    pub plateau_iteration: u64,
    /// Samples that the method consumed.
    pub total_samples: u64,
}

/// What a panel shows.
pub struct Measure {
    pub title: &'static str,
    pub of: fn(&Point) -> f64,
    /// Of the numbers on the axis.
    pub decimals: usize,
    /// The axis, given the lowest and highest value.
    pub bounds: fn(f64, f64) -> Range<f64>,
}

/// The training curves of all seeds, a panel for each measure.
///
/// Seeds reach the plateau at different times. The generalist is averaged at equal samples;
/// specialists and phase II are averaged at equal samples since their own start, and drawn from
/// the mean of these starts. Averaging all of it at equal samples would mix specialists of one
/// seed with phase II of another.
pub struct Curves {
    seeds: usize,
    specialists: usize,
    /// Millions of samples at which H fired, for each seed.
    plateaus: Vec<f64>,
    plateau: f64,
    phase2: f64,
    end: f64,
    panels: Vec<(&'static Measure, Panel)>,
}

/// What one measure looks like over training.
struct Panel {
    generalist: Vec<Spread>,
    specialists: Vec<Spread>,
    finetuned: Vec<Spread>,
}

impl Curves {
    pub fn new(seeds: &[Training<'_>], measures: &'static [Measure]) -> Self {
        let plateaus: Vec<f64> = seeds.iter().map(plateau).collect();
        let starts: Vec<f64> = seeds
            .iter()
            .map(|seed| {
                seed.finetuned.first().map_or(seed.total_samples as f64, |p| p.samples) / 1e6
            })
            .collect();
        let (plateau, phase2) = (mean(&plateaus), mean(&starts));
        let panel = |measure: fn(&Point) -> f64| {
            let generalist: Vec<Line> =
                seeds.iter().map(|s| smooth(s.generalist, measure)).collect();
            let specialists = seeds.iter().zip(&plateaus).map(|(seed, start)| {
                let curves: Vec<Line> =
                    seed.specialists.iter().map(|c| smooth(c, measure)).collect();
                let average = spread(&curves).into_iter().map(|s| (s.x + plateau - start, s.mean));
                average.collect::<Line>()
            });
            let finetuned = seeds.iter().zip(&starts).map(|(seed, start)| {
                let curve = smooth(seed.finetuned, measure).into_iter();
                curve.map(|(x, y)| (x + phase2 - start, y)).collect::<Line>()
            });
            Panel {
                specialists: spread(&specialists.collect::<Vec<_>>()),
                finetuned: spread(&finetuned.collect::<Vec<_>>()),
                generalist: spread(&generalist),
            }
        };
        let panels: Vec<(&Measure, Panel)> =
            measures.iter().map(|measure| (measure, panel(measure.of))).collect();
        let x = panels.iter().flat_map(|(_, panel)| panel.lines()).flatten().map(|s| s.x);
        Self {
            seeds: seeds.len(),
            specialists: seeds.iter().map(|s| s.specialists.len()).max().unwrap_or(0),
            plateau,
            phase2,
            plateaus,
            end: x.fold(0.001, f64::max),
            panels,
        }
    }

    /// What the figure shows, as a sentence or two for the reader.
    pub fn caption(&self) -> String {
        let seeds = match self.seeds {
            1 => "One seed.".to_owned(),
            n => format!(
                "Lines are means and bands the range over {n} seeds. Seeds reach the plateau at \
                 different times (teeth on the axes; H is their mean): specialists and phase II \
                 are averaged at equal samples since their own start and drawn from the mean start."
            ),
        };
        format!(
            "Training curves over all samples that the method consumed. {n} specialists train side by side, so one sample of each advances x by {n}. \
             At H the plateau criterion fired. {seeds} Smoothed lightly (running mean of \
             {SMOOTHING} iterations); actions are sampled.",
            n = self.specialists
        )
    }

    fn draw_panel<DB: DrawingBackend>(
        &self,
        area: &Area<DB>,
        panel: &Panel,
        y: Range<f64>,
        axis: &Axis,
    ) -> Drawn<DB> {
        let mut chart = ChartBuilder::on(area)
            .margin_top(axis.above)
            .margin_right(40)
            .x_label_area_size(if axis.last { 84 } else { 24 })
            .y_label_area_size(130)
            .build_cartesian_2d(0.0..self.end, y.clone())?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(line(FAINT, 2))
            .axis_style(line(MUTED, 2))
            .x_labels(11)
            .y_labels(6)
            .label_style(text(26, INK));
        let y_label = |v: &f64| plot::number(*v, axis.decimals);
        // About ten labels, each a digit apart.
        let digits = (1.0 - self.end.log10()).ceil().max(1.0) as usize;
        let x_label = |v: &f64| if axis.last { plot::number(*v, digits) } else { String::new() };
        mesh.y_label_formatter(&y_label).x_label_formatter(&x_label);
        if axis.last {
            mesh.x_desc("samples consumed by the whole method (millions)");
        }
        mesh.axis_desc_style(centred(28, INK)).draw()?;
        let middle = chart.plotting_area().get_y_axis_pixel_range();
        let top = area.get_base_pixel().1;
        let middle = (middle.start + middle.end) / 2 - top;
        area.draw(&Text::new(axis.title, (34, middle), upright(28, INK)))?;

        for x in [self.plateau, self.phase2] {
            let mark = [(x, y.start), (x, y.end)];
            chart.draw_series(DashedLineSeries::new(mark, 4, 8, line(MUTED, 2)))?;
        }
        self.draw_plateaus(&mut chart, &y)?;
        for (line, color) in panel.lines().into_iter().zip([BLUE, VERMILLION, GREEN]) {
            if self.seeds > 1 {
                let high = line.iter().map(|s| (s.x, s.high.clamp(y.start, y.end)));
                let low = line.iter().rev().map(|s| (s.x, s.low.clamp(y.start, y.end)));
                let outline: Vec<_> = high.chain(low).collect();
                chart.draw_series([Polygon::new(outline, color.mix(0.18))])?;
            }
        }
        let until = |end: f64| panel.generalist.iter().filter(move |s| s.x <= end);
        let from = |start: f64| panel.generalist.iter().filter(move |s| s.x >= start);
        let points = |s: &Spread| (s.x, s.mean);
        let continued: Line = from(self.plateau).map(points).collect();
        chart.draw_series(DashedLineSeries::new(continued, 14, 9, line(BLUE, 4)))?;
        let drawn = [
            (until(self.plateau).map(points).collect::<Line>(), BLUE),
            (panel.specialists.iter().map(points).collect(), VERMILLION),
            (panel.finetuned.iter().map(points).collect(), GREEN),
        ];
        for (points, color) in drawn {
            chart.draw_series(LineSeries::new(points, line(color, 4)))?;
        }
        Ok(())
    }

    /// A tooth on the axis for every seed's plateau.
    fn draw_plateaus<DB: DrawingBackend>(
        &self,
        chart: &mut ChartContext<'_, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
        y: &Range<f64>,
    ) -> Drawn<DB> {
        let foot = |&x: &f64| {
            let tooth = vec![(0, 0), (-8, -18), (8, -18)];
            EmptyElement::at((x, y.start)) + Polygon::new(tooth, MUTED.filled())
        };
        chart.draw_series(self.plateaus.iter().map(foot))?;
        Ok(())
    }

    /// What the colours mean, and above the plot the names of the phases.
    fn draw_legend<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let specialists = format!("mean of {} specialists", self.specialists);
        let entries = [
            ("generalist", BLUE, false),
            ("generalist, continued", BLUE, true),
            (&specialists, VERMILLION, false),
            ("generalist, phase II", GREEN, false),
        ];
        let style = text(26, INK);
        let y = LEGEND_HEIGHT as i32 / 2 + 6;
        let mut x = 130;
        for (name, color, dashed) in entries {
            let stroke = [(x, y), (x + 56, y)];
            if dashed {
                area.draw(&DashedPathElement::new(stroke, 14, 9, line(color, 4)))?;
            } else {
                area.draw(&PathElement::new(stroke, line(color, 4)))?;
            }
            area.draw(&Text::new(name, (x + 70, y), style.clone()))?;
            x += 70 + plot::width(area, name, &style)? + 44;
        }
        Ok(())
    }

    fn draw_phases<DB: DrawingBackend>(&self, area: &Area<DB>, above: i32) -> Drawn<DB> {
        let plot_width = f64::from(WIDTH - 130 - 40);
        let at = |x: f64| 130 + (x / self.end * plot_width).round() as i32;
        let phases = [
            ("phase I", 0.0, self.plateau),
            ("specialists", self.plateau, self.phase2),
            ("phase II", self.phase2, self.end),
        ];
        for (name, start, end) in phases {
            let place = (at((start + end) / 2.0), above / 2);
            if plot::width(area, name, &text(24, MUTED))? < at(end) - at(start) {
                area.draw(&Text::new(name, place, centred(24, MUTED)))?;
            }
        }
        area.draw(&Text::new("H", (at(self.plateau), above / 2), centred(26, INK)))
    }
}

impl Figure for Curves {
    fn size(&self) -> (u32, u32) {
        let below = HEIGHTS.1 * self.panels.len().saturating_sub(1) as u32;
        (WIDTH, LEGEND_HEIGHT + HEIGHTS.0 + below)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        if self.seeds == 0 {
            let middle = (WIDTH as i32 / 2, self.size().1 as i32 / 2);
            return area.draw(&Text::new("no seeds", middle, centred(32, MUTED)));
        }
        let (legend, mut rest) = area.split_vertically(LEGEND_HEIGHT);
        self.draw_legend(&legend)?;
        for (i, (measure, panel)) in self.panels.iter().enumerate() {
            let first = i == 0;
            let (mine, below) = rest.split_vertically(if first { HEIGHTS.0 } else { HEIGHTS.1 });
            rest = below;
            let &Measure { title, decimals, bounds, .. } = *measure;
            let last = i + 1 == self.panels.len();
            let axis = Axis { title, decimals, above: if first { 48 } else { 16 }, last };
            let values = || panel.lines().into_iter().flatten();
            let low = values().map(|s| s.low).fold(f64::INFINITY, f64::min);
            let high = values().map(|s| s.high).fold(f64::NEG_INFINITY, f64::max);
            self.draw_panel(&mine, panel, bounds(low, high), &axis)?;
            if first {
                self.draw_phases(&mine, axis.above as i32)?;
            }
        }
        Ok(())
    }
}

/// How a panel's frame is labelled.
struct Axis {
    title: &'static str,
    decimals: usize,
    /// Pixels kept free above the plot.
    above: u32,
    /// Whether the samples are written below it.
    last: bool,
}

impl Panel {
    fn lines(&self) -> [&Vec<Spread>; 3] {
        [&self.generalist, &self.specialists, &self.finetuned]
    }
}

/// Millions of samples at which the method took a seed's generalist.
fn plateau(seed: &Training<'_>) -> f64 {
    let used = seed.plateau_iteration.min(seed.generalist.len() as u64) as usize;
    seed.generalist[..used].last().map_or(0.0, |point| point.samples / 1e6)
}
