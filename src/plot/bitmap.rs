//! A bitmap with smooth thick lines.
//!
//! Plotters outlines a thick path by one polygon, which has spikes where the path turns sharply,
//! as trajectories do, and rounds its corners to pixels, which tilts walls.

use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

/// Draws paths by the distance of pixels to them, and everything else as the backend inside does.
pub struct Smooth<B>(pub B);

type Result<B, T = ()> = std::result::Result<T, DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

impl<B: DrawingBackend> DrawingBackend for Smooth<B> {
    type ErrorType = B::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> Result<B> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> Result<B> {
        self.0.present()
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Result<B> {
        self.0.draw_pixel(at, color)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Result<B> {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Result<B> {
        if fill || style.stroke_width() == 1 {
            return self.0.draw_rect(from, to, style, fill);
        }
        self.draw_path([from, (to.0, from.1), to, (from.0, to.1), from], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<B> {
        let path: Vec<BackendCoord> = path.into_iter().collect();
        let (width, color) = (style.stroke_width(), style.color());
        if width == 0 || color.alpha == 0.0 || path.is_empty() {
            return Ok(());
        }
        let radius = f64::from(width) / 2.0;
        let reach = radius.ceil() as i32 + 1;
        let (columns, rows) = self.0.get_size();
        let left = path.iter().map(|p| p.0).min().unwrap_or(0).saturating_sub(reach).max(0);
        let right = path.iter().map(|p| p.0).max().unwrap_or(0).saturating_add(reach);
        let top = path.iter().map(|p| p.1).min().unwrap_or(0).saturating_sub(reach).max(0);
        let bottom = path.iter().map(|p| p.1).max().unwrap_or(0).saturating_add(reach);
        let (right, bottom) = (right.min(columns as i32 - 1), bottom.min(rows as i32 - 1));
        if right < left || bottom < top {
            return Ok(());
        }
        // The largest coverage counts, so that a transparent path is not darker where it turns.
        let stride = (right - left + 1) as usize;
        let mut covered = vec![0.0f64; stride * (bottom - top + 1) as usize];
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            for y in (a.1.min(b.1) - reach).max(top)..=(a.1.max(b.1) + reach).min(bottom) {
                for x in (a.0.min(b.0) - reach).max(left)..=(a.0.max(b.0) + reach).min(right) {
                    let coverage = (radius + 0.5 - distance((x, y), a, b)).clamp(0.0, 1.0);
                    let cell = &mut covered[(y - top) as usize * stride + (x - left) as usize];
                    *cell = cell.max(coverage);
                }
            }
        }
        for (i, coverage) in covered.into_iter().enumerate().filter(|(_, c)| *c > 0.0) {
            let at = (left + (i % stride) as i32, top + (i / stride) as i32);
            self.0.draw_pixel(at, BackendColor { alpha: color.alpha * coverage, ..color })?;
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Result<B> {
        self.0.draw_circle(center, radius, style, fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Result<B> {
        self.0.fill_polygon(corners, style)
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: BackendCoord,
    ) -> Result<B> {
        self.0.draw_text(text, style, at)
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<B, (u32, u32)> {
        self.0.estimate_text_size(text, style)
    }
}

/// Distance of a pixel to the segment from `a` to `b`.
fn distance(pixel: BackendCoord, a: BackendCoord, b: BackendCoord) -> f64 {
    let minus = |p: BackendCoord, q: BackendCoord| (f64::from(p.0 - q.0), f64::from(p.1 - q.1));
    let (along, to_pixel) = (minus(b, a), minus(pixel, a));
    let squared = along.0 * along.0 + along.1 * along.1;
    let share = if squared > 0.0 {
        ((to_pixel.0 * along.0 + to_pixel.1 * along.1) / squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (to_pixel.0 - share * along.0).hypot(to_pixel.1 - share * along.1)
}
