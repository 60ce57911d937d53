use super::*;
use gslab_envs::{draw::Picture, rng::Stream};
use image::{Rgba, RgbaImage};

#[test]
fn two_channels_at_once_round_as_one() {
    for x in 0..=255 {
        for a in 0..=255 {
            let t = x * a;
            let one = (t + (t >> 8) + 128) >> 8;
            assert_eq!(scale(x * 0x0101_0101, a), one * 0x0101_0101, "{x} * {a}");
            assert_eq!(scale(x << 16, a), one << 16);
        }
    }
}

/// The rule, a pixel at a time.
fn draw_pixels(item: &Item, texels: &[u32], side: i32, pixels: &mut [u32]) {
    for y in item.y0..item.y1 {
        let k = y - item.y0;
        let (left, right) = (item.xl + k * item.dxl, item.xr + k * item.dxr);
        for x in (left >> 16).max(0)..(right >> 16).min(side) {
            let along = |base: i32, dx: i32, dy: i32, last: i32| {
                let moved = x.wrapping_mul(dx).wrapping_add(y.wrapping_mul(dy));
                (base.wrapping_add(moved) >> 16).clamp(0, last)
            };
            let (width, height) = (item.size & 0xffff, item.size >> 16);
            let mut column = along(item.u0, item.dudx, item.dudy, width - 1);
            if item.mode & MIRRORED != 0 {
                column = width - 1 - column;
            }
            let row = along(item.v0, item.dvdx, item.dvdy, height - 1);
            let source = match item.mode & 255 {
                FILL => item.texel as u32,
                _ => {
                    scale(texels[(item.texel + row * width + column) as usize], item.opacity as u32)
                }
            };
            let pixel = &mut pixels[(y * side + x) as usize];
            *pixel = over(source, *pixel);
        }
    }
}

/// All kinds of items at all kinds of places, drawn twice, as what is kept is used the second
/// time.
#[test]
fn blocks_and_strips_are_the_rule_for_every_pixel() {
    const SIZES: [(u32, u32); 7] =
        [(1, 1), (3, 40), (32, 32), (31, 64), (200, 65), (255, 9), (300, 5)];
    let noise = Stream::new(1, "items");
    let mut drawn = 0;
    let mut random = |n: u32| {
        drawn += 1;
        noise.below(0, drawn, n) as i32
    };
    let mut pictures = Pictures::of_one_kind();
    for (i, (width, height)) in SIZES.into_iter().cycle().take(2 * SIZES.len()).enumerate() {
        let least = if i < SIZES.len() { 0 } else { 255 };
        pictures.add_sprite(&RgbaImage::from_fn(width, height, |_, _| {
            Rgba([random(256), random(256), random(256), random(256).max(least)].map(|c| c as u8))
        }));
    }
    for side in [1, 5, 8, 9, 64, 100] {
        let mut raster = Raster::new(side as u32);
        let mut expected = vec![0xff00_0000; (side * side) as usize];
        raster.pixels().copy_from_slice(&expected);
        for _ in 0..2000 {
            let mut item = Item { opacity: 255, ..Item::default() };
            (item.y0, item.xl) = (random(side as u32), random(side as u32) << 16);
            item.y1 = item.y0 + 1 + random((side - item.y0) as u32);
            item.xr = item.xl + ((1 + random((side - (item.xl >> 16)) as u32)) << 16);
            if random(8) == 0 {
                item.texel = [0x4020_3010, 0xff80_4020_u32 as i32][random(2) as usize];
                item.mode = if item.texel < 0 { FILL | OPAQUE } else { FILL };
                item.size = 1 | 1 << 16;
            } else {
                let theme = random(2 * SIZES.len() as u32);
                let texture = pictures.texture(Picture::Sprite { kind: 0, theme });
                (item.texel, item.mode) = (texture.first as i32, 1 + random(2) * MIRRORED);
                item.size = (texture.width | texture.height << 16) as i32;
                // A few ways of being sampled, which come again.
                (item.u0, item.dudx) = (random(4) << 17, (1 + random(5)) << 15);
                (item.v0, item.dvdy) = (random(9) << 15, random(200_000) - 50_000);
                if texture.opaque && random(2) == 0 {
                    item.mode |= OPAQUE;
                } else if random(4) == 0 {
                    item.opacity = 1 + random(255);
                }
                if random(4) == 0 {
                    (item.dvdx, item.dudy) = (random(90_000) - 45_000, random(90_000) - 45_000);
                    (item.dxl, item.dxr) = (random(90_000) - 45_000, random(90_000) - 45_000);
                    item.mode &= !OPAQUE;
                }
            }
            for _ in 0..2 {
                raster.draw(&[item], &pictures);
                draw_pixels(&item, pictures.texels(), side, &mut expected);
                assert!(raster.pixels() == expected, "side {side}: {item:?}");
            }
        }
    }
}
