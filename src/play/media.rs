//! Frames as files: several in a grid, one after another in a GIF, or one as a PNG.

use gif::{Encoder, EncodingError, Frame, Repeat};
use image::{
    ExtendedColorType, ImageEncoder, ImageError,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use rayon::prelude::*;
use std::borrow::Cow;

/// Time for which a GIF shows a frame, in hundredths of a second: some 15 frames a second, the
/// pace at which the original of Procgen is played by people.
const DELAY: u16 = 7;
/// How fast colours are chosen for a frame that has more than 256; 1 is best and 30 is fastest.
const SPEED: i32 = 10;
/// Between the frames of a grid.
const GROUND: [u8; 3] = [24, 26, 30];
/// Pixels of a frame between two frames of a grid.
const GAP: usize = 2;

/// A picture could not be made into a file.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("cannot encode a GIF: {0}")]
    Gif(#[from] EncodingError),
    #[error("cannot encode a PNG: {0}")]
    Png(#[from] ImageError),
}

/// Frames of equal size beside and below one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    columns: usize,
    rows: usize,
    size: usize,
}

impl Grid {
    /// A grid, as square as can be, for `n` frames of `size * size` pixels, both at least 1.
    pub fn new(n: usize, size: usize) -> Self {
        let columns = (1..).find(|columns| columns * columns >= n).expect("numbers do not end");
        Self { columns, rows: n.div_ceil(columns), size }
    }

    /// Width and height in pixels.
    pub fn pixels(&self) -> (usize, usize) {
        let side = |n: usize| n * (self.size + GAP) - GAP;
        (side(self.columns), side(self.rows))
    }

    /// A picture of no frames yet: bytes R, G, B.
    pub fn empty(&self) -> Vec<u8> {
        let (width, height) = self.pixels();
        GROUND.repeat(width * height)
    }

    /// Puts frame number `i`, `[size, size, 3]`, into a picture.
    pub fn put(&self, i: usize, frame: &[u8], picture: &mut [u8]) {
        let (width, step) = (self.pixels().0, self.size + GAP);
        let (left, top) = (i % self.columns * step, i / self.columns * step);
        for (y, row) in frame.chunks_exact(3 * self.size).enumerate() {
            picture[3 * ((top + y) * width + left)..][..row.len()].copy_from_slice(row);
        }
    }
}

/// A picture of `width` pixels a row, `N` bytes each, with every pixel as `scale * scale`.
fn enlarged<const N: usize>(picture: &[u8], width: usize, scale: usize) -> Vec<u8> {
    let row = |row: &[u8]| {
        let pixels = row.as_chunks::<N>().0.iter();
        pixels.flat_map(|pixel| pixel.repeat(scale)).collect::<Vec<_>>().repeat(scale)
    };
    picture.chunks_exact(N * width).flat_map(row).collect()
}

/// A GIF in the making. Every frame has colours of its own.
pub struct Film {
    width: u16,
    height: u16,
    scale: u16,
    encoder: Encoder<Vec<u8>>,
    /// Frames to be encoded, on as many threads as there are.
    waiting: Vec<Vec<u8>>,
    frames: usize,
}

impl Film {
    /// No frames yet, of a width and a height in pixels, each of which is shown as
    /// `scale * scale`; enlarged they are below 65536.
    pub fn new(width: u16, height: u16, scale: u16) -> Result<Self, MediaError> {
        let mut encoder = Encoder::new(Vec::new(), width * scale, height * scale, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        Ok(Self { width, height, scale, encoder, waiting: Vec::new(), frames: 0 })
    }

    /// Number of frames so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Appends a frame: bytes R, G, B, row by row.
    pub fn push(&mut self, picture: Vec<u8>) -> Result<(), MediaError> {
        self.waiting.push(picture);
        self.frames += 1;
        if self.waiting.len() < 2 * rayon::current_num_threads() {
            return Ok(());
        }
        self.encode()
    }

    fn encode(&mut self) -> Result<(), MediaError> {
        let Self { width, height, scale, .. } = *self;
        let frame = |picture: &Vec<u8>| {
            let mut frame = Frame::from_rgb_speed(width, height, picture, SPEED);
            frame.buffer = enlarged::<1>(&frame.buffer, width.into(), scale.into()).into();
            (frame.width, frame.height, frame.delay) = (width * scale, height * scale, DELAY);
            frame.make_lzw_pre_encoded();
            frame
        };
        let frames: Vec<Frame<'_>> = self.waiting.par_iter().map(frame).collect();
        self.waiting.clear();
        for frame in &frames {
            self.encoder.write_lzw_pre_encoded_frame(frame)?;
        }
        Ok(())
    }

    /// The file.
    pub fn finish(mut self) -> Result<Vec<u8>, MediaError> {
        self.encode()?;
        Ok(self.encoder.into_inner()?)
    }
}

/// A picture, bytes R, G, B, as a PNG file with every pixel as `scale * scale`.
pub fn png(picture: &[u8], width: usize, scale: usize) -> Result<Vec<u8>, MediaError> {
    let height = picture.len() / (3 * width);
    let (width, height, picture) = match scale {
        1 => (width, height, Cow::Borrowed(picture)),
        _ => (width * scale, height * scale, enlarged::<3>(picture, width, scale).into()),
    };
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::Adaptive)
        .write_image(&picture, width as u32, height as u32, ExtendedColorType::Rgb8)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_in_rows_with_a_gap() {
        let grid = Grid::new(3, 1);
        assert_eq!(grid.pixels(), (2 + GAP, 2 + GAP));
        let mut picture = grid.empty();
        (1..4).for_each(|i| grid.put(i - 1, &[i as u8; 3], &mut picture));
        let far = 1 + GAP;
        let at = |x: usize, y: usize| picture[(y * (far + 1) + x) * 3];
        assert_eq!([at(0, 0), at(far, 0), at(0, far), at(far, far)], [1, 2, 3, GROUND[0]]);
        let pixels = |n| Grid::new(n, 64).pixels();
        assert_eq!([pixels(1), pixels(2)], [(64, 64), (128 + GAP, 64)]);
    }

    #[test]
    fn pixels_become_squares() {
        let large = enlarged::<2>(&[1, 2, 3, 4], 1, 2);
        assert_eq!(large, [1, 2, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4, 3, 4]);
    }
}
