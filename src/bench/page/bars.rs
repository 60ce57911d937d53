//! A bar for each name that was measured in the same way.

use crate::{
    bench::results::{Measurement, Per, Results, Spread, grouped},
    plot::{Area, BLUE, Drawn, Figure, INK, MUTED, line, text},
};
use plotters::prelude::*;

const ROW: i32 = 48;
const LEFT: i32 = 420;
const WIDTH: i32 = 1500;
/// Room right of the longest bar, for its number.
const RIGHT: i32 = 240;
const TOP: i32 = 60;

/// Rates as bars, the range of the runs as a line over each.
pub struct Bars<'a> {
    items: &'a str,
    sizes: String,
    bars: Vec<(&'a str, Spread)>,
}

impl<'a> Bars<'a> {
    /// One figure for all that count the same items at the same sizes.
    pub fn of(results: &'a Results) -> Vec<Self> {
        let mut figures: Vec<Self> = Vec::new();
        for m in &results.measurements {
            let bar = (&*m.name, m.rate(Per::CpuSecond));
            let fits = |f: &&mut Self| f.items == m.items && f.sizes == m.sizes();
            match figures.iter_mut().find(fits) {
                Some(figure) => figure.bars.push(bar),
                None => figures.push(Self::with(m, bar)),
            }
        }
        figures.retain(|figure| figure.bars.len() > 1);
        figures
    }

    fn with(m: &'a Measurement, bar: (&'a str, Spread)) -> Self {
        Self { items: &m.items, sizes: m.sizes(), bars: vec![bar] }
    }

    pub fn caption(&self) -> String {
        let Self { items, sizes, .. } = self;
        format!("{items} per CPU second with {sizes}: median, and the range of the runs")
    }
}

impl Figure for Bars<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + ROW * self.bars.len() as i32 + 20) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let most = self.bars.iter().map(|(_, rate)| rate.highest).fold(f64::MIN_POSITIVE, f64::max);
        let x = |rate: f64| LEFT + (f64::from(WIDTH - LEFT - RIGHT) * rate / most) as i32;
        let title = format!("{} per CPU second", self.items);
        area.draw(&Text::new(title, (20, TOP / 2), text(28, MUTED)))?;
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
