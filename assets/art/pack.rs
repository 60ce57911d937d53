//! Puts pictures side by side, as they are and at half the scale.

use crate::sources::Source;
use anyhow::{Context, Result};
use image::{DynamicImage, Rgba, RgbaImage, imageops};
use serde::Serialize;
use std::{collections::BTreeMap, fs, path::Path};

/// Width of an atlas in texels.
const WIDTH: u32 = 1024;

/// Where a picture lies: left, top, width, height in texels.
type Place = (u32, u32, u32, u32);

/// Sprites with their opacity, and opaque backgrounds, at one scale.
pub struct Atlas {
    /// Name of its folder below that of all assets.
    pub scale: &'static str,
    pub sprites: Sheet,
    pub backgrounds: Sheet,
}

pub struct Sheet {
    pub image: RgbaImage,
    pub places: BTreeMap<String, Place>,
}

#[derive(Serialize)]
struct Index<'a> {
    sprites: &'a BTreeMap<String, Place>,
    backgrounds: &'a BTreeMap<String, Place>,
}

/// The pictures for large frames, and for those that agents see.
pub fn atlases(pictures: &[Source]) -> [Atlas; 2] {
    let halves: Vec<_> = pictures.iter().map(Source::halved).collect();
    [Atlas::of("large", pictures), Atlas::of("small", &halves)]
}

impl Atlas {
    fn of(scale: &'static str, pictures: &[Source]) -> Self {
        let (backgrounds, sprites): (Vec<_>, Vec<_>) =
            pictures.iter().partition(|picture| picture.name.starts_with("backgrounds/"));
        Self { scale, sprites: Sheet::of(sprites), backgrounds: Sheet::of(backgrounds) }
    }

    /// Writes `sprites.png`, `backgrounds.png` and `atlas.json` into its folder.
    pub fn write(&self, assets: &Path) -> Result<()> {
        let folder = assets.join(self.scale);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join("sprites.png");
        self.sprites.image.save(&path).with_context(|| format!("writing {}", path.display()))?;
        let path = folder.join("backgrounds.png");
        let opaque = DynamicImage::ImageRgba8(self.backgrounds.image.clone()).into_rgb8();
        opaque.save(&path).with_context(|| format!("writing {}", path.display()))?;
        let index = Index { sprites: &self.sprites.places, backgrounds: &self.backgrounds.places };
        let path = folder.join("atlas.json");
        let text = serde_json::to_string(&index)?.replace("],", "],\n") + "\n";
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

impl Sheet {
    /// In rows, the tallest pictures first.
    fn of(mut pictures: Vec<&Source>) -> Self {
        pictures.sort_by_key(|picture| std::cmp::Reverse(picture.image.height()));
        let mut places = BTreeMap::new();
        let (mut left, mut top, mut row) = (0, 0, 0);
        for picture in &pictures {
            let (width, height) = picture.image.dimensions();
            if left + width > WIDTH {
                (left, top, row) = (0, top + row, 0);
            }
            places.insert(picture.name.clone(), (left, top, width, height));
            (left, row) = (left + width, row.max(height));
        }
        let mut image = RgbaImage::new(WIDTH, top + row);
        for picture in pictures {
            let (left, top, ..) = places[&picture.name];
            imageops::replace(&mut image, &picture.image, left.into(), top.into());
        }
        Self { image, places }
    }
}

/// Pictures on grey, doubled, and beside each what is left of it at the sizes of a frame.
pub fn sheet(pictures: &[Source]) -> RgbaImage {
    const COLUMNS: u32 = 8;
    let widest = pictures.iter().map(|p| p.image.width()).max().unwrap_or(1);
    let tallest = pictures.iter().map(|p| p.image.height()).max().unwrap_or(1);
    let large = if widest > 64 { 1 } else { 2 };
    let (width, height) = (widest * large + 60, tallest * large + 8);
    let columns = if widest > 64 { 3 } else { COLUMNS };
    let rows = (pictures.len() as u32).div_ceil(columns);
    let mut sheet = RgbaImage::from_pixel(columns * width, rows * height, Rgba([90, 96, 104, 255]));
    for (i, picture) in pictures.iter().enumerate() {
        let i = i as u32;
        let (left, top) = (i64::from(i % columns * width), i64::from(i / columns * height));
        let (w, h) = picture.image.dimensions();
        let nearest = imageops::FilterType::Nearest;
        let big = imageops::resize(&picture.image, w * large, h * large, nearest);
        imageops::overlay(&mut sheet, &big, left, top);
        // 12, 8 and 5 pixels wide, each shown enlarged four times.
        let mut y = top;
        for side in [12.0, 8.0, 5.0] {
            let shrink =
                |length: u32| (length as f32 * side / w.max(h) as f32).ceil().max(1.0) as u32;
            let small = imageops::resize(&picture.image, shrink(w), shrink(h), nearest);
            let shown = imageops::resize(&small, small.width() * 4, small.height() * 4, nearest);
            imageops::overlay(&mut sheet, &shown, left + i64::from(widest * large) + 4, y);
            y += i64::from(shown.height()) + 4;
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ROOT, sources};

    /// What the program embeds is what the sources give, but for the last bit of a colour.
    #[test]
    fn the_atlases_are_packed_from_the_sources() {
        for atlas in atlases(&sources::all(Path::new(ROOT)).unwrap()) {
            let folder = Path::new(ROOT).parent().unwrap().join(atlas.scale);
            let index =
                Index { sprites: &atlas.sprites.places, backgrounds: &atlas.backgrounds.places };
            let embedded = fs::read_to_string(folder.join("atlas.json")).unwrap();
            let embedded: serde_json::Value = serde_json::from_str(&embedded).unwrap();
            assert_eq!(embedded, serde_json::to_value(&index).unwrap());
            for (name, sheet) in [("sprites", &atlas.sprites), ("backgrounds", &atlas.backgrounds)]
            {
                let path = folder.join(format!("{name}.png"));
                let embedded = image::open(path).unwrap().into_rgba8();
                assert_eq!(embedded.dimensions(), sheet.image.dimensions());
                for (picture, &(left, top, width, height)) in &sheet.places {
                    let cut =
                        |image| imageops::crop_imm(image, left, top, width, height).to_image();
                    let (ours, theirs) = (cut(&sheet.image), cut(&embedded));
                    let off = ours.iter().zip(theirs.iter()).map(|(&a, &b)| a.abs_diff(b)).max();
                    assert!(off <= Some(2), "{} {picture}: {off:?}", atlas.scale);
                }
            }
        }
    }
}
