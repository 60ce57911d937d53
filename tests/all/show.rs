//! Recording, the gallery and play: what is written, and what is refused.

#[cfg(feature = "gpu")]
use crate::common::ended;
use crate::common::{Place, TINY};
use image::ImageFormat;
use std::fs;

/// The frames of a GIF: width, height and bytes R, G, B, A of each.
fn frames(bytes: &[u8]) -> Vec<(u32, u32, Vec<u8>)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames.push((frame.width.into(), frame.height.into(), frame.buffer.to_vec()));
    }
    frames
}

fn png(bytes: &[u8]) -> image::RgbImage {
    image::load_from_memory_with_format(bytes, ImageFormat::Png).unwrap().into_rgb8()
}

/// The command ends with code 2 and just this message, and makes no file.
#[track_caller]
fn refused(arguments: &str, message: &str) {
    let place = Place::new();
    place.gslab(arguments).with(2, &format!("error: {message}"));
    assert!(place.tree(".").is_empty(), "{arguments} left something behind");
}

/// As [`refused`], for what clap finds.
#[track_caller]
fn misused(arguments: &str, first_line: &str) {
    let ended = Place::new().gslab(arguments);
    assert_eq!(ended.stderr.lines().next(), Some(first_line));
    assert_eq!(ended.code, Some(2));
}

#[test]
fn a_gif_has_a_frame_a_step_and_the_size_asked_for() {
    let place = Place::new();
    let command = "record procgen:starpilot --environments 5 --steps 40 --size 32 --scale 2";
    let said = place.gslab(&format!("{command} --json a.json")).well().stdout;
    // Three frames of 32 pixels beside one another, two below, 2 pixels between, twice as large.
    assert!(said.starts_with("procgen-starpilot.gif: 200x132 pixels, "), "{said}");
    let gif = place.read("procgen-starpilot.gif");
    let shown = frames(&gif);
    assert_eq!(shown.len(), 40);
    assert!(shown.iter().all(|frame| (frame.0, frame.1) == (200, 132)));
    assert!(shown.windows(2).all(|pair| pair[0] != pair[1]));
    let written: serde_json::Value = serde_json::from_slice(&place.read("a.json")).unwrap();
    assert_eq!(written["bytes"], gif.len());

    place.gslab(&format!("{command} --out again.gif")).well();
    assert!(place.read("again.gif") == gif);
    place.gslab(&format!("{command} --out other.gif --seed 1")).well();
    assert!(place.read("other.gif") != gif);
}

#[test]
fn a_png_is_the_last_frame() {
    let place = Place::new();
    // So few colours that the GIF has them all.
    let command = "record maze --level 2 --environments 2 --steps 30 --out";
    place.gslab(&format!("{command} a.png")).well();
    place.gslab(&format!("{command} a.gif")).well();
    let picture = png(&place.read("a.png"));
    let last = frames(&place.read("a.gif")).pop().unwrap();
    assert_eq!((picture.width(), picture.height()), (130, 64));
    let rgb = last.2.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec());
    assert!(picture.into_raw() == rgb.collect::<Vec<u8>>());
}

#[test]
fn levels_and_options_are_those_asked_for() {
    let place = Place::new();
    let record = |arguments: &str, name: &str| {
        let flags = "--environments 1 --steps 1 --quiet --out";
        place.gslab(&format!("record procgen:coinrun {arguments} {flags} {name}.png")).well();
        png(&place.read(&format!("{name}.png")))
    };
    let level = record("--level 7", "a");
    assert!(level != record("--level 8", "b"));
    // The range of levels of the options is another way to say it.
    assert!(level == record("--set env.start_level=7 --set env.num_levels=1", "c"));
    assert!(level != record("--level 7 --set env.use_backgrounds=false", "d"));
}

#[test]
fn a_run_is_recorded_by_its_policy() {
    let place = Place::new();
    place.train(&format!("train maze --out run {TINY} --set total_samples=1000")).well();
    place.gslab("record run --steps 3 --environments 5 --out run.gif").well();
    assert_eq!(frames(&place.read("run.gif")).len(), 3);
    place.gslab("record run --policy plateau --out plateau.gif").with(
        2,
        "error: --policy plateau: run/seed-0/plateau.bin does not exist; there are: final, train",
    );
    place
        .gslab("play procgen:coinrun --policy run")
        .with(2, "error: --policy run: it was trained on maze, not on procgen:coinrun");
}

/// The scripted pusher does the same whatever looks at it.
#[cfg(feature = "gpu")]
#[test]
fn a_gpu_takes_the_pictures_that_the_cpu_takes() {
    let place = Place::new();
    let command = "record pushchair --expert --environments 2 --steps 3 --size 48 --out";
    place.gslab(&format!("{command} cpu.png")).well();
    ended(place.on_gpu(&format!("{command} gpu.png"))).well();
    let [cpu, gpu] = ["cpu.png", "gpu.png"].map(|name| png(&place.read(name)).into_raw());
    assert_eq!(cpu.len(), gpu.len());
    let off = cpu.iter().zip(&gpu).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    assert!(off * 500 < cpu.len(), "{off} of {}", cpu.len());
}

#[test]
fn files_that_exist_are_replaced_only_if_told_so() {
    let place = Place::new();
    place.write("a.png", "precious");
    let exists = "error: a.png exists already: choose another --out, or replace it with --force";
    place.gslab("record maze --out a.png").with(2, exists);
    place.gslab("gallery --out a.png").with(2, exists);
    assert_eq!(place.text("a.png"), "precious");
    place.gslab("record maze --steps 1 --out a.png --force").well();
    png(&place.read("a.png"));
    fs::create_dir(place.path("b.png")).unwrap();
    place.gslab("record maze --out b.png --force").with(2, "error: --out b.png: is a directory");
}

#[test]
fn recordings_out_of_range_are_refused() {
    for out in ["a.jpg", "a"] {
        let message = format!("--out {out}: the name must end in .gif or .png");
        refused(&format!("record maze --out {out}"), &message);
    }
    refused("gallery --out a.gif", "--out a.gif: the name must end in .png");
    refused("record maze --out no/a.gif", "--out no/a.gif: no is no directory");
    refused("record maze --level 5", "--level 5: maze has the levels 0 to 4");
    refused(
        "record procgen:coinrun --level 2147483647",
        "--level 2147483647: procgen:coinrun has the levels 0 to 2147483646",
    );
    refused(
        "play procgen:coinrun --set env.mode=exploration --level 1",
        "--level 1: procgen:coinrun has the levels 0 to 0",
    );
    refused(
        "record maze --set ppo.gamma=0.9",
        "--set ppo.gamma=0.9: only options of the environment matter here, env.KEY=VALUE",
    );
    refused(
        "play procgen:bigfish --set env.mode=memory",
        "env.mode = memory: must be easy or hard",
    );
    refused(
        "record maze --environments 100 --size 512",
        "the picture would be 5138x5138 pixels, at most 4096 a side: lower --environments, --size \
         or --scale",
    );
    for (flag, range) in [
        ("--size 0", "0 is not in 8..=1024"),
        ("--size 5000", "5000 is not in 8..=1024"),
        ("--scale 0", "0 is not in 1..=16"),
        ("--steps 0", "0 is not in 1..=10000"),
        ("--environments 0", "0 is not in 1..=1024"),
    ] {
        let (name, value) = flag.split_once(' ').unwrap();
        let unit = if name == "--size" { "PIXELS" } else { "N" };
        let message = format!("error: invalid value '{value}' for '{name} <{unit}>': {range}");
        misused(&format!("record maze {flag}"), &message);
    }
    let assets = "nowhere: no such folder; it must be `procgen/data/assets` of the package procgen \
        0.10.7";
    for command in ["record procgen:maze", "gallery", "play procgen:maze"] {
        refused(&format!("{command} --procgen-assets nowhere"), assets);
    }
}

#[test]
fn the_gallery_shows_every_environment() {
    let place = Place::new();
    let said = place.gslab("gallery --size 64").well().stdout;
    assert!(said.starts_with("gallery.png: 440x290 pixels, "), "{said}");
    let picture = png(&place.read("gallery.png"));
    assert_eq!((picture.width(), picture.height()), (440, 290));
    // Frames are full of colours, the rest is white but for the names.
    let white = picture.pixels().filter(|pixel| pixel.0 == [255; 3]).count();
    assert!(white.abs_diff(440 * 290 - 18 * 64 * 64) < 5000, "{white}");
}

#[test]
fn play_without_a_place_to_be_shown_is_refused() {
    refused(
        "play procgen:coinrun --terminal",
        "--terminal: standard input and output must be a terminal",
    );
    refused("play nowhere --policy run", &{
        let names = gslab_envs::registry::ENVIRONMENTS.iter().map(|entry| entry.name);
        let names: Vec<_> = names.collect();
        format!("unknown environment `nowhere`; environments are: {}", names.join(", "))
    });
    refused(
        "play maze --policy nowhere",
        "nowhere is not the directory of a run: it has no run.toml",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_window_that_cannot_open_tells_of_the_terminal() {
    let place = Place::new();
    let mut command = place.command("play maze");
    command.env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET").env_remove("DISPLAY");
    crate::common::ended(command).with(
        2,
        if cfg!(feature = "window") {
            "error: no window can be opened (neither WAYLAND_DISPLAY nor WAYLAND_SOCKET nor DISPLAY \
             is set): play on the terminal instead, with `gslab play ENV --terminal`"
        } else {
            "error: this gslab was built without windows: build it with the Cargo feature `window` \
             (on by default), or use --terminal"
        },
    );
}
