//! Packs the vector art in this folder into the atlases that the program embeds.
//!
//! `cargo run -p gslab-art` packs; `cargo run -p gslab-art -- sheet OUT.png [PREFIX]` shows the
//! pictures whose names start with PREFIX, enlarged and as small as a game shows them.

mod pack;
mod sources;

use anyhow::{Context, Result, bail};
use std::path::Path;

/// Where this crate lies: the root of all sources.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(ROOT);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let assets = root.parent().context("the folder of all assets")?;
            let atlases = pack::atlases(&sources::all(root)?);
            atlases.iter().try_for_each(|atlas| atlas.write(assets))
        }
        ["sheet", out] => sheet(root, out, ""),
        ["sheet", out, prefix] => sheet(root, out, prefix),
        _ => bail!("usage: gslab-art [sheet OUT.png [PREFIX]]"),
    }
}

fn sheet(root: &Path, out: &str, prefix: &str) -> Result<()> {
    let mut pictures = sources::some(root, prefix)?;
    pictures.retain(|picture| picture.name.starts_with(prefix));
    if pictures.is_empty() {
        bail!("no picture has a name that starts with {prefix}");
    }
    for picture in &pictures {
        println!("{} {}x{}", picture.name, picture.image.width(), picture.image.height());
    }
    pack::sheet(&pictures).save(out).with_context(|| format!("writing {out}"))
}
