//! How a rate grows with a size.

use super::super::results::grouped;
use crate::{
    bench::results::{Per, Results},
    plot::{
        Area, BLUE, Drawn, FAINT, Figure, GREEN, INK, MUTED, ORANGE, PURPLE, VERMILLION, centred,
        line, text,
    },
};
use plotters::{element::DashedPathElement, prelude::*};
use std::collections::BTreeMap;

const SIZE: (i32, i32) = (1500, 800);
const LEFT: i32 = 60;
const RIGHT: i32 = 420;
const TOP: i32 = 70;
const BOTTOM: i32 = 100;
const COLOURS: [RGBColor; 5] = [BLUE, GREEN, ORANGE, VERMILLION, PURPLE];

/// Rates of several names against one size, relative to each name's smallest.
pub struct Scaling<'a> {
    items: &'a str,
    /// The size that changes.
    size: &'a str,
    /// Of each name the sizes with the rates on the clock.
    curves: BTreeMap<&'a str, Vec<(u64, f64)>>,
}

impl<'a> Scaling<'a> {
    /// A figure for every size that was swept while the others stood at one value.
    pub fn of(results: &'a Results) -> Vec<Self> {
        let mut figures: Vec<Self> = Vec::new();
        for m in &results.measurements {
            for (size, &value) in &m.parameters {
                let others = |n: &BTreeMap<String, u64>| {
                    n.iter().filter(|(k, _)| *k != size).map(|(_, v)| *v).collect::<Vec<_>>()
                };
                // The smallest of the other sizes stand for all.
                let same =
                    results.measurements.iter().filter(|o| o.name == m.name && o.items == m.items);
                let smallest = same.map(|o| others(&o.parameters)).min();
                if smallest != Some(others(&m.parameters)) {
                    continue;
                }
                let point = (value, m.rate(Per::Second).median);
                let index = figures.iter().position(|f| f.items == m.items && f.size == size);
                let figure = match index {
                    Some(index) => &mut figures[index],
                    None => {
                        figures.push(Self { items: &m.items, size, curves: BTreeMap::new() });
                        figures.last_mut().expect("one was just pushed")
                    }
                };
                figure.curves.entry(&m.name).or_default().push(point);
            }
        }
        for figure in &mut figures {
            figure.curves.values_mut().for_each(|curve| curve.sort_by_key(|&(size, _)| size));
            figure.curves.retain(|_, curve| curve.len() > 1);
        }
        figures.retain(|figure| !figure.curves.is_empty());
        figures
    }

    pub fn caption(&self) -> String {
        let Self { items, size, .. } = self;
        format!(
            "{items} per second against the number of {size}, as multiples of the first; dashed: in proportion"
        )
    }
}

impl Figure for Scaling<'_> {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB> {
        let relative = |curve: &[(u64, f64)]| -> Vec<(u64, f64)> {
            curve.iter().map(|&(size, rate)| (size, rate / curve[0].1)).collect()
        };
        let curves: Vec<(&str, Vec<(u64, f64)>)> =
            self.curves.iter().map(|(name, curve)| (*name, relative(curve))).collect();
        let sizes = || curves.iter().flat_map(|(_, c)| c.iter().map(|&(size, _)| size));
        let (least, most) = (sizes().min().unwrap_or(1), sizes().max().unwrap_or(2));
        let top = curves.iter().flat_map(|(_, c)| c.iter().map(|&(_, r)| r)).fold(1.0, f64::max);
        let top = 1.1 * top;
        let log = |size: u64| (size.max(1) as f64 / least.max(1) as f64).ln();
        let width = f64::from(SIZE.0 - LEFT - RIGHT);
        let x = |size: u64| LEFT + (width * log(size) / log(most).max(1e-9)) as i32;
        let height = f64::from(SIZE.1 - TOP - BOTTOM);
        let y = |rate: f64| SIZE.1 - BOTTOM - (height * (rate / top).min(1.0)) as i32;

        let title = format!("{} per second, multiples of the first", self.items);
        area.draw(&Text::new(title, (20, 30), text(28, MUTED)))?;
        let step = (top / 6.0).ceil();
        for i in 0..=(top / step) as i32 {
            let rate = f64::from(i) * step;
            let ends = [(LEFT, y(rate)), (SIZE.0 - RIGHT, y(rate))];
            area.draw(&PathElement::new(ends, line(FAINT, 2)))?;
            area.draw(&Text::new(format!("{rate}"), (14, y(rate)), text(24, MUTED)))?;
        }
        let mut ticks: Vec<u64> = sizes().collect();
        ticks.sort_unstable();
        ticks.dedup();
        for &size in &ticks {
            let at = (x(size), SIZE.1 - BOTTOM + 28);
            area.draw(&Text::new(grouped(size as f64).replace(".00", ""), at, centred(24, MUTED)))?;
        }
        let middle = (LEFT + (width / 2.0) as i32, SIZE.1 - 28);
        area.draw(&Text::new(self.size.to_owned(), middle, centred(28, INK)))?;
        for pair in ticks.windows(2) {
            // In proportion, up to the frame.
            let ratio = |size: u64| size as f64 / least.max(1) as f64;
            if ratio(pair[1]) <= top {
                let ends = pair.iter().map(|&s| (x(s), y(ratio(s)))).collect::<Vec<_>>();
                area.draw(&DashedPathElement::new(ends, 10, 8, line(MUTED, 2)))?;
            }
        }
        // Names at the ends of their curves, pushed apart.
        let mut names: Vec<(i32, &str, RGBColor)> = Vec::new();
        for (i, (name, curve)) in curves.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            let points: Vec<_> = curve.iter().map(|&(s, r)| (x(s), y(r))).collect();
            names.push((points[points.len() - 1].1, name, colour));
            area.draw(&PathElement::new(points.clone(), line(colour, 4)))?;
            for point in points {
                area.draw(&Circle::new(point, 7, colour.filled()))?;
            }
        }
        names.sort_by_key(|&(at, ..)| at);
        let mut free = TOP;
        for (at, name, colour) in names {
            let at = at.max(free);
            free = at + 30;
            area.draw(&Text::new(name.to_owned(), (SIZE.0 - RIGHT + 20, at), text(26, colour)))?;
        }
        Ok(())
    }
}
