//! What every figure shares: the canvas, colours, text, and saving as SVG and PNG.
//!
//! A figure is drawn in whole pixels, so canvases are large (text of about 28) and are shown
//! smaller; SVG and PNG come from the same calls.

mod bitmap;

use crate::run::file::{FileError, write_atomic};
use bitmap::Smooth;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use plotters::{
    coord::Shift,
    prelude::*,
    style::{
        FontStyle, FontTransform, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};
use std::{path::Path, sync::Once};

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
/// Secondary text.
pub const MUTED: RGBColor = RGBColor(0x6b, 0x72, 0x7a);
/// Grid lines and the outside of mazes.
pub const FAINT: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);
// The colours of Okabe and Ito, which people with any common colour blindness can tell apart.
pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
pub const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);

/// DejaVu Sans, since a bitmap has no fonts of its own. Licence: assets/fonts.
static FONT: &[u8] = include_bytes!("../assets/fonts/DejaVuSans-subset.ttf");
const FAMILY: &str = "sans-serif";

/// A figure could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The drawing library failed.
    #[error("cannot draw the figure: {0}")]
    Draw(String),
    #[error("cannot encode the figure as PNG: {0}")]
    Encode(#[from] image::ImageError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// The canvas of a figure.
pub type Area<DB> = DrawingArea<DB, Shift>;
/// What drawing on a backend returns.
pub type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Something that can be drawn on any backend.
pub trait Figure {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws onto a white canvas of that size.
    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB>;
}

/// The figure as an `<svg>` element.
pub fn svg(figure: &impl Figure) -> Result<String, Error> {
    let mut text = String::new();
    paint(figure, SVGBackend::with_string(&mut text, figure.size()))?;
    Ok(text)
}

/// The figure as bytes R, G, B, row by row.
pub fn pixels(figure: &impl Figure) -> Result<Vec<u8>, Error> {
    let (width, height) = figure.size();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    paint(figure, Smooth(BitMapBackend::with_buffer(&mut pixels, (width, height))))?;
    Ok(pixels)
}

/// The figure as a PNG file.
pub fn png(figure: &impl Figure) -> Result<Vec<u8>, Error> {
    let (width, height) = figure.size();
    let pixels = pixels(figure)?;
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(&pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(file)
}

/// Writes `NAME.svg` and `NAME.png` into `dir`.
pub fn save(figure: &impl Figure, dir: &Path, name: &str) -> Result<(), Error> {
    write_atomic(&dir.join(format!("{name}.svg")), svg(figure)?.as_bytes())?;
    Ok(write_atomic(&dir.join(format!("{name}.png")), &png(figure)?)?)
}

fn paint<DB: DrawingBackend>(figure: &impl Figure, backend: DB) -> Result<(), Error> {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        let known = register_font(FAMILY, FontStyle::Normal, FONT);
        assert!(known.is_ok(), "the font in assets/fonts is a font");
    });
    let area = backend.into_drawing_area();
    area.fill(&WHITE)
        .and_then(|()| figure.draw(&area))
        .and_then(|()| area.present())
        .map_err(|error| Error::Draw(error.to_string()))
}

/// Text of `size` pixels whose place is given by its left edge and vertical middle.
pub fn text(size: u32, color: RGBColor) -> TextStyle<'static> {
    TextStyle {
        font: (FAMILY, size).into_font(),
        color: color.to_backend_color(),
        pos: Pos::new(HPos::Left, VPos::Center),
    }
}

/// The same, placed by its middle.
pub fn centred(size: u32, color: RGBColor) -> TextStyle<'static> {
    text(size, color).pos(Pos::new(HPos::Center, VPos::Center))
}

/// The same, placed by its middle and read from the bottom up.
pub fn upright(size: u32, color: RGBColor) -> TextStyle<'static> {
    centred(size, color).transform(FontTransform::Rotate270)
}

/// A line of a width in pixels.
pub fn line(color: RGBColor, width: u32) -> ShapeStyle {
    ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: width }
}

/// Width of a text in pixels.
pub fn width<DB: DrawingBackend>(
    area: &Area<DB>,
    text: &str,
    style: &TextStyle<'_>,
) -> Result<i32, DrawingAreaErrorKind<DB::ErrorType>> {
    Ok(area.estimate_text_size(text, style)?.0 as i32)
}

/// A number as it is printed, with a true minus sign.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let zero = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
    match text.strip_prefix('-') {
        Some(positive) if zero => positive.to_owned(),
        Some(positive) => format!("\u{2212}{positive}"),
        None => text,
    }
}

/// The corners of a five-pointed star.
pub fn star((x, y): (i32, i32), radius: f64) -> Vec<(i32, i32)> {
    let corner = |i: usize| {
        let (sin, cos) = (std::f64::consts::PI * i as f64 / 5.0).sin_cos();
        let r = if i.is_multiple_of(2) { radius } else { 0.45 * radius };
        (x + (r * sin).round() as i32, y - (r * cos).round() as i32)
    };
    (0..10).map(corner).collect()
}
