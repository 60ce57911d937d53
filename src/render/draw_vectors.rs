//! Painter calls with the pixels that Qt 5.13.2 made of them: 272 frames of ten calls each.

use super::{
    cpu::Raster,
    item::{Builder, FILL, Image, Item, OPAQUE},
    pictures::Pictures,
    rgb::{Region, write_rgb},
};
use flate2::read::GzDecoder;
use gslab_envs::draw::{Call, DrawList, Picture, Rect};
use serde::Deserialize;
use std::fs::File;

#[cfg(feature = "gpu")]
#[path = "../../tests/all/common/gpu.rs"]
mod adapter;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/draw_vectors");
const SIZE: u32 = 64;

#[derive(Deserialize)]
struct Vectors {
    sprites: Vec<Sprite>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Sprite {
    name: String,
    rgb: bool,
    w: u32,
    h: u32,
}

#[derive(Deserialize)]
struct Case {
    group: String,
    /// Colour of pixel (0, 0), and what every channel grows by along x and y.
    init: [u32; 3],
    calls: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    op: String,
    rect: Option<[f64; 4]>,
    points: Option<[i32; 4]>,
    rgba: Option<u32>,
    sprite: Option<i32>,
    #[serde(default)]
    mirror: bool,
    opacity: Option<f64>,
    translate: Option<[f64; 2]>,
    rotate: Option<f64>,
    mode: Option<String>,
    crc: u32,
    items: Vec<[i32; 16]>,
}

fn read() -> (Vectors, Pictures) {
    let file = File::open(format!("{FOLDER}/vectors.json.gz")).unwrap();
    let vectors: Vectors = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    let mut pictures = Pictures::of_one_kind();
    for sprite in &vectors.sprites {
        let image = image::open(format!("{FOLDER}/{}.png", sprite.name)).unwrap();
        assert_eq!((image.width(), image.height()), (sprite.w, sprite.h));
        if sprite.rgb {
            pictures.add_background(&image.into_rgb8());
        } else {
            pictures.add_sprite(&image.into_rgba8());
        }
    }
    (vectors, pictures)
}

impl Case {
    /// The pixels that the calls are drawn on.
    fn start(&self) -> Vec<u32> {
        let [background, gx, gy] = self.init;
        let channel =
            |shift: u32, x: u32, y: u32| (((background >> shift) + gx * x + gy * y) & 255) << shift;
        let pixel = |i: u32| [16, 8, 0].map(|shift| channel(shift, i % SIZE, i / SIZE));
        (0..SIZE * SIZE).map(|i| 0xff00_0000 | pixel(i).iter().sum::<u32>()).collect()
    }
}

impl Recorded {
    fn build(&self, builder: &mut Builder, pictures: &Pictures) -> Vec<Item> {
        let mut items = Vec::new();
        let rect = self.rect.map(|[x, y, w, h]| Rect::new(x, y, w, h));
        let [a, r, g, b] = self.rgba.unwrap_or_default().to_be_bytes();
        let colour = [r, g, b, a];
        let call = match self.op.as_str() {
            "fill" => Call::Fill { rect: rect.unwrap(), colour },
            "line" => {
                let [x1, y1, x2, y2] = self.points.unwrap();
                Call::Line { from: (x1, y1), to: (x2, y2), colour }
            }
            "shadow" => Call::Ellipse { rect: rect.unwrap(), colour, border: false },
            "compass" => {
                let side = if self.mode.as_deref() == Some("easy") { 16.0 } else { 8.0 };
                let rect = Rect::new(63.0 - side, 1.0, side, side);
                Call::Ellipse { rect, colour, border: true }
            }
            "image" => {
                let picture = Picture::Sprite { kind: 0, theme: self.sprite.unwrap() };
                let (texture, opacity) = (pictures.texture(picture), self.opacity.unwrap_or(1.0));
                let image = Image::new(texture, rect.unwrap(), self.mirror, opacity);
                match (self.rotate, self.translate) {
                    _ if image.is_none() => {}
                    // The recorded rectangle lies around the origin already.
                    (Some(degrees), Some([tx, ty])) => {
                        builder.turn(&image.unwrap(), degrees, (tx, ty), &mut items);
                    }
                    (None, None) => builder.image(&image.unwrap(), None, &mut items),
                    odd => panic!("{odd:?}"),
                }
                return items;
            }
            op => panic!("{op}"),
        };
        let list = DrawList { calls: vec![call], ..DrawList::default() };
        builder.build(&list, 0..1, pictures, &mut items);
        items
    }
}

/// The words as the vectors have them: they count pictures and not texels, and know no hint.
fn words(item: &Item, pictures: &Pictures, sprites: i32) -> [i32; 16] {
    let mut words: [i32; 16] = bytemuck::cast(*item);
    words[14] &= !OPAQUE;
    if words[14] & 255 != FILL {
        let shown = |&theme: &i32| {
            let texture = pictures.texture(Picture::Sprite { kind: 0, theme });
            texture.first as i32 == words[12]
        };
        words[12] = (0..sprites).find(shown).unwrap();
    }
    words
}

#[test]
fn items_and_pixels_are_those_of_the_painter() {
    let (vectors, pictures) = read();
    let (mut raster, region, mut calls) = (Raster::new(SIZE), Region::all(SIZE), 0);
    let mut builder = Builder::new(SIZE);
    for case in &vectors.cases {
        raster.pixels().copy_from_slice(&case.start());
        for (i, call) in case.calls.iter().enumerate() {
            let items = call.build(&mut builder, &pictures);
            let ours: Vec<_> =
                items.iter().map(|i| words(i, &pictures, vectors.sprites.len() as i32)).collect();
            assert_eq!(ours, call.items, "{} {i}: {}", case.group, call.op);
            raster.draw(&items, &pictures);
            let mut rgb = vec![0; 3 * (SIZE * SIZE) as usize];
            write_rgb(raster.pixels(), &region, &mut rgb);
            assert_eq!(crc32fast::hash(&rgb), call.crc, "{} {i}: {}", case.group, call.op);
            calls += 1;
        }
    }
    assert_eq!(calls, 2720);
}

/// All frames at once: each shows one call more than the one before it, on what its case starts
/// with.
#[cfg(feature = "gpu")]
#[test]
fn a_gpu_draws_the_pixels_of_the_painter() {
    use super::gpu::{DrawLists, Renderer};
    use image::{Rgb, RgbImage};

    let (vectors, mut pictures) = read();
    let mut builder = Builder::new(SIZE);
    let mut lists = DrawLists::default();
    for (start, case) in (vectors.sprites.len() as i32..).zip(&vectors.cases) {
        let mut pixels = case.start().into_iter();
        pictures.add_background(&RgbImage::from_fn(SIZE, SIZE, |_, _| {
            let [_, r, g, b] = pixels.next().unwrap().to_be_bytes();
            Rgb([r, g, b])
        }));
        let texture = pictures.texture(Picture::Sprite { kind: 0, theme: start });
        let whole = Rect::new(0.0, 0.0, f64::from(SIZE), f64::from(SIZE));
        let mut items = Vec::new();
        builder.image(&Image::new(texture, whole, false, 1.0).unwrap(), None, &mut items);
        for call in &case.calls {
            items.extend(call.build(&mut builder, &pictures));
            lists.push_items(&items);
        }
    }
    let (device, _) = adapter::open();
    let mut renderer = Renderer::new(&device, &pictures).unwrap();
    let frames = renderer.draw(&lists).and_then(|frames| renderer.read(frames)).unwrap();
    let calls: Vec<_> = vectors.cases.iter().flat_map(|case| &case.calls).collect();
    let frames = frames.chunks_exact(3 * (SIZE * SIZE) as usize);
    assert_eq!((calls.len(), frames.len()), (2720, 2720));
    for (i, (call, frame)) in calls.into_iter().zip(frames).enumerate() {
        assert_eq!(crc32fast::hash(frame), call.crc, "{i}: {}", call.op);
    }
}
