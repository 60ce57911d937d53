//! A bar for each name that was measured in the same way.

use crate::{
    bench::results::{Measurement, Per, Results, Spread, grouped},
    plot::{Area, BLUE, Drawn, Figure, INK, MUTED, line, text},
};
use plotters::prelude::*;

const ROW: i32 = 48;
const LEFT: i32 = 260;
const WIDTH: i32 = 1500;
/// Room right of the longest bar, for its number.
const RIGHT: i32 = 240;
const TOP: i32 = 60;

/// Members of a family, such as `procgen:…`, by their rates, or the stages of an iteration by their
/// time; the range of the runs as a line over each bar.
pub struct Bars<'a> {
    /// What the bars have in common.
    of: &'a str,
    unit: String,
    sizes: String,
    bars: Vec<(&'a str, Spread)>,
}

impl<'a> Bars<'a> {
    /// One figure for all that were measured in the same way.
    pub fn of(results: &'a Results) -> Vec<Self> {
        let mut figures: Vec<Self> = Vec::new();
        for m in &results.measurements {
            let Some((of, name, unit, value)) = bar(m) else { continue };
            let sizes = m.sizes();
            let fits = |f: &&mut Self| f.of == of && f.unit == unit && f.sizes == sizes;
            match figures.iter_mut().find(fits) {
                Some(figure) => figure.bars.push((name, value)),
                None => figures.push(Self { of, unit, sizes, bars: vec![(name, value)] }),
            }
        }
        figures.retain(|figure| figure.bars.len() > 1);
        figures
    }

    pub fn caption(&self) -> String {
        let Self { of, unit, sizes, .. } = self;
        format!("{of}, {sizes}: {unit}, median, and the range of the runs")
    }
}

/// What it is a part of, its name there, the unit of its bar, and how long that is.
fn bar(m: &Measurement) -> Option<(&str, &str, String, Spread)> {
    if let Some((environment, stage)) = m.name.rsplit_once(": ") {
        let micros = m.runs.iter().map(|run| 1e6 * run.wall / run.items);
        return Some((environment, stage, "microseconds a sample".into(), Spread::of(micros)));
    }
    let (family, name) = m.name.split_once(':')?;
    Some((family, name, format!("{} per CPU second", m.items), m.rate(Per::CpuSecond)))
}

impl Figure for Bars<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + ROW * self.bars.len() as i32 + 20) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let most = self.bars.iter().map(|(_, rate)| rate.highest).fold(f64::MIN_POSITIVE, f64::max);
        let x = |rate: f64| LEFT + (f64::from(WIDTH - LEFT - RIGHT) * rate / most) as i32;
        area.draw(&Text::new(self.unit.clone(), (20, TOP / 2), text(28, MUTED)))?;
        for (i, (name, rate)) in self.bars.iter().enumerate() {
            let top = TOP + ROW * i as i32;
            let middle = top + ROW / 2;
            area.draw(&Text::new((*name).to_owned(), (20, middle), text(28, INK)))?;
            let corners = [(LEFT, top + 8), (x(rate.median), top + ROW - 8)];
            area.draw(&Rectangle::new(corners, BLUE.filled()))?;
            let range = [(x(rate.lowest), middle), (x(rate.highest), middle)];
            area.draw(&PathElement::new(range, line(INK, 3)))?;
            let at = (x(rate.highest.max(rate.median)) + 12, middle);
            area.draw(&Text::new(grouped(rate.median), at, text(28, INK)))?;
        }
        Ok(())
    }
}
