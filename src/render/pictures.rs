//! The pictures of an environment as texels: our own art, or the original's images.

use super::columns::WINDOW;
use gslab_envs::{
    draw::Picture,
    procgen::{camera::VIEW, game::Facts, games},
};
use image::{DynamicImage, ImageReader, RgbImage, RgbaImage, imageops};
use serde::Deserialize;
use std::{
    collections::{HashMap, VecDeque},
    io::Cursor,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Our own art, unpacked when it is first needed.
static LARGE: LazyLock<Art> = LazyLock::new(|| {
    Art::unpack(
        include_str!("../../assets/large/atlas.json"),
        include_bytes!("../../assets/large/sprites.png"),
        include_bytes!("../../assets/large/backgrounds.png"),
    )
});
/// The same at half the scale: unpacking takes a quarter of the time.
static SMALL: LazyLock<Art> = LazyLock::new(|| {
    Art::unpack(
        include_str!("../../assets/small/atlas.json"),
        include_bytes!("../../assets/small/sprites.png"),
        include_bytes!("../../assets/small/backgrounds.png"),
    )
});
/// Which file of the original shows what.
const ORIGINALS: &str = include_str!("../../assets/procgen_originals.toml");

/// Where a picture's texels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texture {
    /// Index of the first of `width * height` texels, row by row.
    pub first: u32,
    pub width: u32,
    pub height: u32,
    /// Backgrounds are scaled by a rule of their own.
    pub background: bool,
    /// No texel lets anything through.
    pub opaque: bool,
}

/// All pictures of one environment.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// Premultiplied 0xAARRGGBB.
    texels: Vec<u32>,
    textures: Vec<Texture>,
    /// Of each kind of sprite the first texture.
    kinds: Vec<u32>,
    /// The first background's texture.
    backgrounds: u32,
}

/// An image of the original that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("{0}: no such folder; it must be `procgen/data/assets` of the package procgen 0.10.7")]
    Folder(PathBuf),
    #[error("{path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{path}: not a readable image: {error}")]
    Decode { path: PathBuf, error: image::ImageError },
    #[error(
        "{path} is {}x{}; the original's is {}x{}: take the files of procgen 0.10.7 as they are",
        found.0, found.1, expected.0, expected.1
    )]
    Size { path: PathBuf, found: (u32, u32), expected: (u32, u32) },
}

/// Left, top, width, height in texels.
type Place = (u32, u32, u32, u32);

/// Where in the images of an atlas the pictures are.
#[derive(Deserialize)]
struct Places {
    sprites: HashMap<String, Place>,
    backgrounds: HashMap<String, Place>,
}

/// An atlas: our own art at one scale.
struct Art {
    places: Places,
    sprites: RgbaImage,
    backgrounds: RgbImage,
}

impl Art {
    fn unpack(places: &str, sprites: &[u8], backgrounds: &[u8]) -> Self {
        let image = |bytes| image::load_from_memory(bytes).expect("the packer writes valid images");
        // Not by rayon: who waits in it may begin another task that needs the same pictures.
        let (sprites, backgrounds) = std::thread::scope(|scope| {
            let sprites = scope.spawn(|| image(sprites).into_rgba8());
            let backgrounds = image(backgrounds).into_rgb8();
            (sprites.join().expect("nothing panics there"), backgrounds)
        });
        let places = serde_json::from_str(places).expect("the packer writes valid JSON");
        Self { places, sprites, backgrounds }
    }

    fn sprite(&self, game: &str, name: &str) -> RgbaImage {
        let places = &self.places.sprites;
        let own = places.get(&format!("{game}/{name}"));
        let place = own.or_else(|| places.get(&format!("shared/{name}")));
        let (left, top, width, height) = *place.expect("the packer takes all sprites in");
        imageops::crop_imm(&self.sprites, left, top, width, height).to_image()
    }

    fn background(&self, name: &str) -> RgbImage {
        let place = self.places.backgrounds.get(name);
        let (left, top, width, height) = *place.expect("the packer takes all backgrounds in");
        imageops::crop_imm(&self.backgrounds, left, top, width, height).to_image()
    }
}

/// Unpacks our own art at the size of an observation, so that who needs it need not wait for it.
pub fn unpack() {
    LazyLock::force(&SMALL);
}

impl Pictures {
    /// Our own art of an environment, for frames of `size * size` pixels; an environment without
    /// pictures has none.
    ///
    /// At the size of an observation pictures have half their texels in each direction: most are
    /// smaller than that still, the fewer are skipped the better they can be read, and the memory
    /// of many worlds' backgrounds is what drawing waits for.
    pub fn built_in(environment: &str, size: u32) -> Self {
        let Some(facts) = facts(environment) else { return Self::default() };
        let art = if size > VIEW { &*LARGE } else { &*SMALL };
        let sprite = |name: &str, _| Ok(art.sprite(facts.name, name));
        let background = |index| Ok(art.background(&facts.background.picture_name(index)));
        let built: Result<Self, PictureError> = Self::collect(facts, sprite, background);
        built.expect("nothing is read from outside")
    }

    /// The original's images of an environment, out of a copy of the folder `procgen/data/assets`
    /// of the package `procgen` 0.10.7. An environment that is not of Procgen has none.
    ///
    /// # Errors
    /// Names the first file that is missing, no image, or of another size.
    pub fn original(environment: &str, folder: &Path) -> Result<Self, PictureError> {
        static FILES: LazyLock<HashMap<String, toml::Table>> =
            LazyLock::new(|| toml::from_str(ORIGINALS).expect("the table of files is valid"));
        let Some(facts) = facts(environment) else { return Ok(Self::default()) };
        if !folder.is_dir() {
            return Err(PictureError::Folder(folder.into()));
        }
        let sprite = |name: &str, size: (u16, u16)| {
            let tables = [facts.name, "common"].map(|table| &FILES[table]);
            let file = tables.iter().find_map(|table| table.get(name)?.as_str());
            Ok(read(&folder.join(file.expect("every sprite has a file")), size)?.into_rgba8())
        };
        let background = |index: usize| {
            let name = facts.background.picture_name(index);
            let mut parts = name.rsplit('/');
            let (number, set) = (parts.next(), parts.next());
            let number: usize = number.and_then(|n| n.parse().ok()).expect("names end in numbers");
            let set = &FILES["backgrounds"][set.expect("names have a set")];
            let file = set[number].as_str().expect("every background has a file");
            Ok(read(&folder.join(file), facts.background.sizes()[index])?.into_rgb8())
        };
        Self::collect(facts, sprite, background)
    }

    fn collect(
        facts: &Facts,
        mut sprite: impl FnMut(&str, (u16, u16)) -> Result<RgbaImage, PictureError>,
        mut background: impl FnMut(usize) -> Result<RgbImage, PictureError>,
    ) -> Result<Self, PictureError> {
        let mut pictures = Self::default();
        for kind in facts.all_sprites() {
            let slot = kind.kind as usize;
            if pictures.kinds.len() <= slot {
                pictures.kinds.resize(slot + 1, 0);
            }
            pictures.kinds[slot] = pictures.textures.len() as u32;
            for &(name, width, height) in kind.themes {
                pictures.add_sprite(&sprite(name, (width, height))?);
            }
        }
        pictures.backgrounds = pictures.textures.len() as u32;
        for index in 0..facts.background.sizes().len() {
            pictures.add_background(&background(index)?);
        }
        Ok(pictures)
    }

    /// No pictures yet, but a kind 0 whose themes they will be.
    #[cfg(test)]
    pub(super) fn of_one_kind() -> Self {
        Self { kinds: vec![0], ..Self::default() }
    }

    /// Premultiplied by rounding as the painter of Procgen does.
    pub(super) fn add_sprite(&mut self, image: &RgbaImage) {
        let texels = image.pixels().map(|pixel| {
            let [r, g, b, a] = pixel.0.map(u32::from);
            let times = |c: u32| {
                let t = c * a;
                (t + (t >> 8) + 128) >> 8
            };
            a << 24 | times(r) << 16 | times(g) << 8 | times(b)
        });
        self.add(image.dimensions(), texels, false);
    }

    /// Opaque: the original drops their opacity, the colours stay.
    pub(super) fn add_background(&mut self, image: &RgbImage) {
        let texels = image.pixels().map(|pixel| {
            let [r, g, b] = pixel.0.map(u32::from);
            0xff << 24 | r << 16 | g << 8 | b
        });
        self.add(image.dimensions(), texels, true);
    }

    fn add(
        &mut self,
        (width, height): (u32, u32),
        texels: impl Iterator<Item = u32>,
        background: bool,
    ) {
        let first = self.texels.len().saturating_sub(WINDOW);
        self.texels.truncate(first);
        self.texels.extend(texels);
        self.textures.push(Texture {
            first: first as u32,
            width,
            height,
            background,
            opaque: self.texels[first..].iter().all(|texel| texel >> 24 == 255),
        });
        self.texels.resize(self.texels.len() + WINDOW, 0);
    }

    /// Premultiplied 0xAARRGGBB of all pictures, and [`WINDOW`] more: a window may begin at any row.
    pub fn texels(&self) -> &[u32] {
        &self.texels
    }

    /// `picture` must be one that the environment names.
    #[inline]
    pub fn texture(&self, picture: Picture) -> Texture {
        let index = match picture {
            Picture::Sprite { kind, theme } => self.kinds[kind as usize] + theme as u32,
            Picture::Background(index) => self.backgrounds + index as u32,
        };
        self.textures[index as usize]
    }
}

/// The original's images of whatever Procgen game is asked for.
pub struct Originals {
    folder: PathBuf,
    /// Those used last: a game's images take up to some 300 MB.
    loaded: Mutex<VecDeque<(String, Arc<Pictures>)>>,
}

impl Originals {
    /// See [`Pictures::original`].
    ///
    /// # Errors
    /// There is no such folder; images are looked at when they are needed.
    pub fn open(folder: &Path) -> Result<Self, PictureError> {
        if !folder.is_dir() {
            return Err(PictureError::Folder(folder.into()));
        }
        Ok(Self { folder: folder.into(), loaded: Mutex::default() })
    }

    pub fn of(&self, game: &str) -> Result<Arc<Pictures>, PictureError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pictures)) = loaded.iter().find(|(name, _)| name == game) {
            return Ok(pictures.clone());
        }
        let pictures = Arc::new(Pictures::original(&format!("procgen:{game}"), &self.folder)?);
        if loaded.len() > rayon::current_num_threads() {
            loaded.pop_front();
        }
        loaded.push_back((game.into(), pictures.clone()));
        Ok(pictures)
    }
}

fn facts(environment: &str) -> Option<&'static Facts> {
    let game = environment.strip_prefix("procgen:")?;
    Some(games::find(game)?.facts)
}

/// An image of the expected size; of another, nothing but the head is read.
fn read(path: &Path, size: (u16, u16)) -> Result<DynamicImage, PictureError> {
    let expected = (size.0.into(), size.1.into());
    let decode = |error| PictureError::Decode { path: path.into(), error };
    let bytes =
        std::fs::read(path).map_err(|error| PictureError::Read { path: path.into(), error })?;
    let reader =
        || ImageReader::with_format(Cursor::new(bytes.as_slice()), image::ImageFormat::Png);
    let found = reader().into_dimensions().map_err(decode)?;
    if found != expected {
        return Err(PictureError::Size { path: path.into(), found, expected });
    }
    reader().decode().map_err(decode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use temp_dir::TempDir;

    /// What is said of a folder in which the first image that the maze needs is `bytes`.
    fn refused(bytes: Option<&[u8]>) -> String {
        let folder = TempDir::new().unwrap();
        if let Some(bytes) = bytes {
            std::fs::create_dir_all(folder.path().join("kenney/Enemies")).unwrap();
            std::fs::write(folder.path().join("kenney/Enemies/mouse_move.png"), bytes).unwrap();
        }
        let error = Pictures::original("procgen:maze", folder.path()).unwrap_err().to_string();
        error.replace(&*folder.path().to_string_lossy(), "DIR")
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn images_that_are_not_the_originals_are_refused_by_name() {
        let name = "DIR/kenney/Enemies/mouse_move.png";
        assert!(refused(None).starts_with(&format!("{name}: ")));
        for broken in [&b"no image"[..], &png(128, 128)[..100], b""] {
            assert!(refused(Some(broken)).starts_with(&format!("{name}: not a readable image: ")));
        }
        let size = format!(
            "{name} is 128x127; the original's is 128x128: take the files of procgen 0.10.7 as \
             they are"
        );
        assert_eq!(refused(Some(&png(128, 127))), size);
        // A head that promises 10 GB is not believed: only the head is read.
        let mut bomb = png(1, 1);
        bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        let crc = crc32fast::hash(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(refused(Some(&bomb)).starts_with(&format!("{name} is 50000x50000; ")));
        // The first image is right: the next is missing.
        assert!(!refused(Some(&png(128, 128))).contains("mouse_move"));
        let nowhere = Pictures::original("procgen:maze", Path::new("nowhere")).unwrap_err();
        assert!(matches!(nowhere, PictureError::Folder(_)), "{nowhere}");
    }
}
