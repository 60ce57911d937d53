//! Arithmetic against what it moves (Williams, Waterman and Patterson 2009): a stage can be no
//! faster than the machine computes, nor than memory feeds it.

use crate::{
    bench::results::{Per, Results},
    plot::{Area, BLUE, Drawn, FAINT, Figure, INK, MUTED, VERMILLION, centred, line, text},
};
use plotters::prelude::*;

const SIZE: (i32, i32) = (1500, 900);
const LEFT: i32 = 130;
const RIGHT: i32 = 60;
const TOP: i32 = 70;
const BOTTOM: i32 = 110;

/// Stages of which operations and bytes were counted, below the roof of the machine.
pub struct Roofline<'a> {
    /// Operations and bytes per second.
    ceilings: (f64, f64),
    /// Name, operations per byte, operations per second.
    stages: Vec<(&'a str, f64, f64)>,
}

impl<'a> Roofline<'a> {
    /// None if the file has no stage or no ceilings.
    pub fn of(results: &'a Results) -> Option<Self> {
        let ceiling = |name: &str| {
            let of_machine = results.measurements.iter().filter(|m| m.name == name);
            of_machine.map(|m| m.rate(Per::Second).highest).reduce(f64::max)
        };
        let stages = results.measurements.iter().filter_map(|m| {
            let (operations, bytes) = (m.operations?, m.bytes?);
            Some((&*m.name, operations / bytes, operations * m.rate(Per::Second).median))
        });
        let stages: Vec<_> = stages.collect();
        let ceilings = (ceiling("arithmetic")?, ceiling("memory")?);
        (!stages.is_empty()).then_some(Self { ceilings, stages })
    }

    pub fn caption(&self) -> String {
        let (operations, bytes) = self.ceilings;
        format!(
            "Operations by the book per second against operations per byte of activations. The \
             roof is what this machine was measured to do: {:.0} GFLOP/s, {:.1} GB/s.",
            operations / 1e9,
            bytes / 1e9
        )
    }
}

impl Figure for Roofline<'_> {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let (peak, bandwidth) = self.ceilings;
        let intensities = || self.stages.iter().map(|&(_, i, _)| i).chain([peak / bandwidth]);
        let rates = || self.stages.iter().map(|&(.., r)| r).chain([peak]);
        let below = |x: f64| 10f64.powf(x.log10().floor());
        let above = |x: f64| 10f64.powf(x.log10().floor() + 1.0);
        let (x0, x1) = (
            below(intensities().fold(f64::INFINITY, f64::min)),
            above(intensities().fold(0.0, f64::max)),
        );
        let (y0, y1) =
            (below(rates().fold(f64::INFINITY, f64::min)), above(rates().fold(0.0, f64::max)));
        let width = f64::from(SIZE.0 - LEFT - RIGHT);
        let height = f64::from(SIZE.1 - TOP - BOTTOM);
        let x = |i: f64| LEFT + (width * (i / x0).log10() / (x1 / x0).log10()) as i32;
        let y = |r: f64| SIZE.1 - BOTTOM - (height * (r / y0).log10() / (y1 / y0).log10()) as i32;
        let decades = |from: f64, to: f64| {
            (from.log10().round() as i32..=to.log10().round() as i32).map(|e| 10f64.powi(e))
        };
        for rate in decades(y0, y1) {
            let ends = [(LEFT, y(rate)), (SIZE.0 - RIGHT, y(rate))];
            area.draw(&PathElement::new(ends, line(FAINT, 2)))?;
            area.draw(&Text::new(format!("{}", rate / 1e9), (24, y(rate)), text(24, MUTED)))?;
        }
        for intensity in decades(x0, x1) {
            let ends = [(x(intensity), TOP), (x(intensity), SIZE.1 - BOTTOM)];
            area.draw(&PathElement::new(ends, line(FAINT, 2)))?;
            let at = (x(intensity), SIZE.1 - BOTTOM + 26);
            area.draw(&Text::new(format!("{intensity}"), at, centred(24, MUTED)))?;
        }
        area.draw(&Text::new("GFLOP/s", (20, 30), text(28, INK)))?;
        let middle = (LEFT + (width / 2.0) as i32, SIZE.1 - 34);
        area.draw(&Text::new("operations per byte", middle, centred(28, INK)))?;
        let ridge = peak / bandwidth;
        let low = (y0 / bandwidth).max(x0);
        let roof = [(x(low), y(bandwidth * low)), (x(ridge), y(peak)), (x(x1), y(peak))];
        area.draw(&PathElement::new(roof, line(VERMILLION, 4)))?;
        for &(name, intensity, rate) in &self.stages {
            let at = (x(intensity), y(rate));
            area.draw(&Circle::new(at, 9, BLUE.filled()))?;
            area.draw(&Text::new(name.to_owned(), (at.0 + 16, at.1), text(26, INK)))?;
        }
        Ok(())
    }
}
