//! Averages of training curves.

use super::curves::Point;

/// Running mean, in iterations.
pub const SMOOTHING: usize = 5;
/// Points of a drawn line.
const RESOLUTION: usize = 240;

/// (millions of samples, value), by growing samples.
pub type Line = Vec<(f64, f64)>;

/// Mean and range over lines at x, in millions of samples.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub x: f64,
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Running mean of the finite values, over fewer of them at the ends.
pub fn smooth(points: &[Point], measure: fn(&Point) -> f64) -> Line {
    let raw: Line = points
        .iter()
        .map(|point| (point.samples / 1e6, measure(point)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let around = |i: usize| {
        let reach = (SMOOTHING / 2).min(i).min(raw.len() - 1 - i);
        let window = &raw[i - reach..=i + reach];
        window.iter().map(|(_, value)| value).sum::<f64>() / window.len() as f64
    };
    (0..raw.len()).map(|i| (raw[i].0, around(i))).collect()
}

/// Mean and range of the lines wherever at least half of them have a value.
pub fn spread(lines: &[Line]) -> Vec<Spread> {
    let starts = lines.iter().filter_map(|line| line.first());
    let ends = lines.iter().filter_map(|line| line.last());
    let start = starts.map(|p| p.0).fold(f64::INFINITY, f64::min);
    let end = ends.map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
    let at = |i: usize| {
        let x = start + (end - start) * i as f64 / (RESOLUTION - 1) as f64;
        let values: Vec<f64> = lines.iter().filter_map(|line| value_at(line, x)).collect();
        (!values.is_empty() && 2 * values.len() >= lines.len()).then(|| Spread {
            x,
            mean: mean(&values),
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    };
    (0..RESOLUTION).filter_map(at).collect()
}

/// Linear interpolation; `None` outside the line.
fn value_at(line: &Line, x: f64) -> Option<f64> {
    // Rounding must not lose the grid's last point.
    let slack = 1e-9;
    let (first, last) = (line.first()?, line.last()?);
    if x < first.0 - slack || x > last.0 + slack {
        return None;
    }
    let after = line.partition_point(|p| p.0 < x).clamp(1, line.len().max(2) - 1);
    let (Some(a), Some(b)) = (line.get(after - 1), line.get(after)) else {
        return Some(first.1);
    };
    let share = ((x - a.0) / (b.0 - a.0)).clamp(0.0, 1.0);
    Some(a.1 + share * (b.1 - a.1))
}
