//! The pictures that the games need, and the vector files they are drawn from.

use anyhow::{Context, Result, bail};
use gslab_envs::procgen::{game::Background, games::GAMES};
use image::{Rgba, RgbaImage};
use resvg::{tiny_skia, usvg};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Longest side of a sprite in texels.
const SPRITE_SIDE: f32 = 64.0;
/// Longest side of a background in texels.
const BACKGROUND_SIDE: f32 = 256.0;

/// A picture as the program embeds it.
pub struct Source {
    /// Path below this folder without the ending.
    pub name: String,
    /// Not premultiplied.
    pub image: RgbaImage,
}

impl Source {
    /// At half the scale.
    pub fn halved(&self) -> Self {
        Self { name: self.name.clone(), image: halved(&self.image) }
    }
}

/// Each texel the mean of four, colours weighted by their opacity.
fn halved(image: &RgbaImage) -> RgbaImage {
    let (width, height) = image.dimensions();
    RgbaImage::from_fn(width.div_ceil(2), height.div_ceil(2), |x, y| {
        let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| {
            let (x, y) = ((2 * x + dx).min(width - 1), (2 * y + dy).min(height - 1));
            image.get_pixel(x, y).0.map(u32::from)
        });
        let opacity: u32 = four.iter().map(|texel| texel[3]).sum();
        let colour = |c: usize| {
            let sum: u32 = four.iter().map(|texel| texel[c] * texel[3]).sum();
            (sum + opacity / 2).checked_div(opacity).unwrap_or(0) as u8
        };
        Rgba([colour(0), colour(1), colour(2), ((opacity + 2) / 4) as u8])
    })
}

/// Name of a picture that is drawn from another by exchanging colours; `of` tells which.
type Recolours = BTreeMap<String, BTreeMap<String, String>>;

/// All pictures, sorted by name.
///
/// # Errors
/// Names the pictures that are missing, files that no game needs, and what is wrong in a file.
pub fn all(root: &Path) -> Result<Vec<Source>> {
    let recolours = recolours(root)?;
    let wanted = wanted(root, &recolours);
    let missing: Vec<_> = wanted.keys().filter(|name| !exists(root, &recolours, name)).collect();
    if !missing.is_empty() {
        bail!("pictures without a source: {missing:#?}");
    }
    let needed: BTreeSet<&str> = wanted
        .keys()
        .flat_map(|name| [Some(name.as_str()), recolours.get(name).map(|r| r["of"].as_str())])
        .flatten()
        .collect();
    let mut files = Vec::new();
    list(root, root, &mut files)?;
    let idle: Vec<_> = files.iter().filter(|name| !needed.contains(name.as_str())).collect();
    if !idle.is_empty() {
        bail!("files that no game needs: {idle:#?}");
    }
    wanted.iter().map(|(name, &size)| draw(root, &recolours, name, size)).collect()
}

/// Those pictures with the prefix that have a source.
pub fn some(root: &Path, prefix: &str) -> Result<Vec<Source>> {
    let recolours = recolours(root)?;
    wanted(root, &recolours)
        .into_iter()
        .filter(|(name, _)| name.starts_with(prefix) && exists(root, &recolours, name))
        .map(|(name, size)| draw(root, &recolours, &name, size))
        .collect()
}

/// Names of all pictures with the original's sizes, which give the shape.
fn wanted(root: &Path, recolours: &Recolours) -> BTreeMap<String, (u16, u16)> {
    let mut wanted = BTreeMap::new();
    for game in GAMES {
        for sprite in game.facts.all_sprites() {
            for &(name, width, height) in sprite.themes {
                let own = format!("{}/{name}", game.facts.name);
                let name =
                    if exists(root, recolours, &own) { own } else { format!("shared/{name}") };
                wanted.insert(name, (width, height));
            }
        }
    }
    for set in [Background::Platform, Background::TopDown, Background::Water] {
        for (index, &size) in set.sizes().iter().enumerate() {
            wanted.insert(set.picture_name(index), size);
        }
    }
    wanted
}

/// Each folder of pictures may have a `recolours.toml`, where names lack the folder.
fn recolours(root: &Path) -> Result<Recolours> {
    let mut all = Recolours::new();
    for entry in fs::read_dir(root)? {
        let folder = entry?.path();
        let path = folder.join("recolours.toml");
        if !path.exists() {
            continue;
        }
        let reading = || format!("reading {}", path.display());
        let text = fs::read_to_string(&path).with_context(reading)?;
        let recolours: Recolours = toml::from_str(&text).with_context(reading)?;
        let game = folder.file_name().and_then(|name| name.to_str()).context("names are plain")?;
        for (name, mut recolour) in recolours {
            let Some(of) = recolour.get_mut("of") else {
                bail!("{}: {name} does not tell of which picture", path.display());
            };
            *of = format!("{game}/{of}");
            all.insert(format!("{game}/{name}"), recolour);
        }
    }
    Ok(all)
}

fn exists(root: &Path, recolours: &Recolours, name: &str) -> bool {
    recolours.contains_key(name) || root.join(format!("{name}.svg")).exists()
}

fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, names)?;
        } else if path.extension().is_some_and(|ending| ending == "svg") {
            let name = path.strip_prefix(root)?.with_extension("");
            names.push(name.to_str().context("names are plain")?.replace('\\', "/"));
        }
    }
    Ok(())
}

fn draw(root: &Path, recolours: &Recolours, name: &str, size: (u16, u16)) -> Result<Source> {
    let recolour = recolours.get(name);
    let source = recolour.map_or(name, |recolour| &recolour["of"]);
    let path = root.join(format!("{source}.svg"));
    let mut text =
        fs::read_to_string(&path).with_context(|| format!("{name}: {}", path.display()))?;
    for (from, to) in recolour.into_iter().flatten().filter(|(from, _)| *from != "of") {
        if !text.contains(from) {
            bail!("recolours of {name}: {source}.svg has no colour {from}");
        }
        // Marked, so that a colour that was put in is not exchanged again.
        text = text.replace(from, &to.replace('#', "#!"));
    }
    let text = text.replace("#!", "#");
    let tree = usvg::Tree::from_str(&text, &usvg::Options::default())
        .with_context(|| format!("{name}: {}", path.display()))?;

    let shape = tree.size();
    let (width, height) = (f32::from(size.0), f32::from(size.1));
    // Frames that belong together may differ by a pixel or two in the original.
    let ratio = (shape.width() / shape.height()) / (width / height);
    if !(0.9..1.1).contains(&ratio) {
        bail!(
            "{source}.svg is {}x{}, not in the shape of {width}x{height}",
            shape.width(),
            shape.height()
        );
    }
    let is_background = name.starts_with("backgrounds/");
    let side = if is_background { BACKGROUND_SIDE } else { SPRITE_SIDE };
    let scale = side / width.max(height);
    let pixels = |length: f32| (length * scale).round().max(1.0) as u32;
    let (w, h) = (pixels(width), pixels(height));
    let mut pixmap = tiny_skia::Pixmap::new(w, h).context("a picture has pixels")?;
    let fit = tiny_skia::Transform::from_scale(w as f32 / shape.width(), h as f32 / shape.height());
    resvg::render(&tree, fit, &mut pixmap.as_mut());
    let bytes = pixmap.pixels().iter().flat_map(|pixel| {
        let colour = pixel.demultiply();
        // Where shapes of a background meet, their smooth edges would let something through.
        let alpha = if is_background { 255 } else { colour.alpha() };
        [colour.red(), colour.green(), colour.blue(), alpha]
    });
    let image = RgbaImage::from_raw(w, h, bytes.collect()).context("as many bytes as pixels")?;
    Ok(Source { name: name.into(), image })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opacity_weighs_colours() {
        let image = RgbaImage::from_raw(3, 1, vec![200, 0, 0, 255, 0, 100, 0, 85, 9, 9, 9, 0]);
        let half = halved(&image.unwrap());
        assert_eq!(half.dimensions(), (2, 1));
        // Two texels of each, as a row has no other below it.
        assert_eq!(half.get_pixel(0, 0).0, [150, 25, 0, 170]);
        assert_eq!(half.get_pixel(1, 0).0, [0, 0, 0, 0]);
    }
}
