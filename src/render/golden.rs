//! Frames of our own art, held to what they were.

use super::{frame::Painter, pictures::Pictures};
use gslab_envs::{
    draw::Picture,
    procgen::{Options, games::GAMES, options::TRAINING_LEVELS},
};
use std::sync::Arc;

/// CRC-32 of the frames of 64 x 64 and 160 x 160 pixels of the first ten training levels, drawn
/// every tenth step of a hundred. They change with the art and the rules of drawing, and with
/// nothing else; look at `gslab gallery` before a new value goes in here.
const FRAMES: [(&str, u32); 16] = [
    ("bigfish", 0xd2ab_ca8f),
    ("bossfight", 0xea6e_e03c),
    ("caveflyer", 0x3906_4f34),
    ("chaser", 0x2385_6dc9),
    ("climber", 0x5fbe_385f),
    ("coinrun", 0xac21_a3d3),
    ("dodgeball", 0x98b6_49a4),
    ("fruitbot", 0x5d8d_e5a9),
    ("heist", 0x031f_9844),
    ("jumper", 0x1458_ec25),
    ("leaper", 0x3ea8_b8d4),
    ("maze", 0xe7be_b084),
    ("miner", 0x7f2c_5e1c),
    ("ninja", 0xe351_077f),
    ("plunder", 0xa20c_c9c3),
    ("starpilot", 0xbb63_1d93),
];

#[test]
fn frames_of_our_own_art_are_what_they_were() {
    let drawn = GAMES.iter().map(|game| {
        let name = game.facts.name;
        let mut crc = crc32fast::Hasher::new();
        let mut painters = [64, 160].map(|size| {
            let pictures = Pictures::built_in(&format!("procgen:{name}"), size);
            Painter::new(Arc::new(pictures), size)
        });
        for level in TRAINING_LEVELS.0..TRAINING_LEVELS.0 + 10 {
            let options = Options { num_levels: 1, start_level: level, ..Options::default() };
            let mut world = game.original(&options, 0, 0, 0).unwrap();
            for step in 0..100 {
                if step % 10 == 0 {
                    for painter in &mut painters {
                        let size = painter.size();
                        crc.update(&painter.draw(|list| world.draw(size, list)));
                    }
                }
                world.act((level + step / 6 * 7) % 15);
            }
        }
        (name, crc.finalize())
    });
    assert_eq!(drawn.collect::<Vec<_>>(), FRAMES);
}

/// Each kind of sprite in each theme, and each background, in the shape that the rules know.
#[test]
fn no_picture_is_missing() {
    for game in GAMES {
        let pictures = Pictures::built_in(&format!("procgen:{}", game.facts.name), 65);
        let has_shape = |picture, (width, height): (u16, u16)| {
            let texture = pictures.texture(picture);
            let (w, h) = (f64::from(texture.width), f64::from(texture.height));
            // Whole texels: half a texel of the shorter side may be missing.
            let off = (w / h) / (f64::from(width) / f64::from(height));
            assert!((off - 1.0).abs() <= 0.6 / w.min(h), "{}: {picture:?}", game.facts.name);
            texture
        };
        for sprite in game.facts.all_sprites() {
            for (theme, &(_, width, height)) in sprite.themes.iter().enumerate() {
                let picture = Picture::Sprite { kind: sprite.kind, theme: theme as i32 };
                assert!(!has_shape(picture, (width, height)).background);
            }
        }
        for (index, &size) in game.facts.background.sizes().iter().enumerate() {
            let texture = has_shape(Picture::Background(index as i32), size);
            assert!(texture.background && texture.opaque);
        }
    }
}
