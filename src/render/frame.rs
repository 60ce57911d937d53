//! What one world looks like, kept so that only what changed is drawn again.

use super::{
    cpu::{self, Region},
    item::{self, Item},
    pictures::Pictures,
};
use gslab_envs::draw::Call;

/// Fewer calls than this in common are not worth keeping: the black below and a scrolling
/// background never are.
const FEWEST_KEPT: usize = 2;
/// What is kept grows only by at least as many calls.
const GROWTH: usize = 8;

/// The frame of one world, `size * size` pixels.
///
/// Worlds draw what rarely changes first. The calls that stayed the same for two frames are kept
/// as pixels of their own (`base`), and a frame is those with the rest drawn on top, in no more
/// than the region that the rest covers now or covered before. Every byte is as if all had been
/// drawn anew.
#[derive(Clone, Debug)]
pub struct Frame {
    size: u32,
    /// The calls that are drawn, and where in `items` each ends.
    calls: Vec<Call>,
    ends: Vec<usize>,
    items: Vec<Item>,
    /// Calls of the next frame.
    next: Vec<Call>,
    /// Calls at the front that were the same in the last two frames.
    common: usize,
    /// Pixels after the first `kept` calls.
    base: Vec<u32>,
    kept: usize,
    pixels: Vec<u32>,
    rgb: Vec<u8>,
    /// What the calls after the kept ones cover.
    moving: Region,
    /// What is drawn again.
    region: Region,
}

impl Frame {
    pub fn new(size: u32) -> Self {
        let n = (size * size) as usize;
        Self {
            size,
            calls: Vec::new(),
            ends: Vec::new(),
            items: Vec::new(),
            next: Vec::new(),
            common: 0,
            base: vec![0; n],
            kept: 0,
            pixels: vec![0; n],
            rgb: vec![0; 3 * n],
            moving: Region::none(size),
            region: Region::none(size),
        }
    }

    /// Draws what `list` lists, which gets an empty list, and returns the frame: `[size, size, 3]`
    /// bytes R, G, B, row by row from the top.
    pub fn draw(&mut self, pictures: &Pictures, list: impl FnOnce(&mut Vec<Call>)) -> &[u8] {
        self.next.clear();
        list(&mut self.next);
        let common = self.calls.iter().zip(&self.next).take_while(|(a, b)| a == b).count();
        if common == self.calls.len() && common == self.next.len() && common > 0 {
            return &self.rgb;
        }
        let stable = common.min(self.common);
        self.common = common;
        std::mem::swap(&mut self.calls, &mut self.next);
        self.build(common, pictures);

        if stable < self.kept {
            self.kept = 0;
        }
        let grows = stable >= FEWEST_KEPT && stable >= self.kept + GROWTH.min(stable);
        if self.kept == 0 || grows {
            self.kept = if grows { stable } else { 0 };
            self.region.fill();
            let kept = self.items_of(self.kept);
            cpu::draw(&self.items[..kept], pictures, &self.region, &mut self.base);
            self.moving.clear();
        } else {
            self.region.clone_from(&self.moving);
        }

        let moving = &self.items[self.items_of(self.kept)..];
        self.moving.clear();
        moving.iter().for_each(|item| self.moving.add(item));
        self.region.join(&self.moving);
        if self.kept > 0 {
            let side = self.size as usize;
            for (y, left, right) in self.region.rows() {
                let row = y * side + left..y * side + right;
                self.pixels[row.clone()].copy_from_slice(&self.base[row]);
            }
        }
        cpu::draw(moving, pictures, &self.region, &mut self.pixels);
        cpu::write_rgb(&self.pixels, &self.region, &mut self.rgb);
        &self.rgb
    }

    /// Builds the items of all calls but the first `common`, which have theirs.
    fn build(&mut self, common: usize, pictures: &Pictures) {
        self.items.truncate(self.items_of(common));
        self.ends.truncate(common);
        for call in &self.calls[common..] {
            item::build(call, pictures, self.size, &mut self.items);
            self.ends.push(self.items.len());
        }
    }

    /// Number of items of the first `calls` calls.
    fn items_of(&self, calls: usize) -> usize {
        if calls == 0 { 0 } else { self.ends[calls - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::procgen::{Mode, Options, games::GAMES};

    /// Every game in every mode: a frame that keeps what it can is the frame drawn anew.
    #[test]
    fn keeping_changes_no_byte() {
        const MODES: [Mode; 5] =
            [Mode::Easy, Mode::Hard, Mode::Extreme, Mode::Memory, Mode::Exploration];
        for game in GAMES {
            let pictures = Pictures::built_in(&format!("procgen:{}", game.facts.name));
            for mode in MODES.into_iter().filter(|&mode| game.facts.has(mode)) {
                let options = Options { mode, ..Options::default() };
                let mut world = game.original(&options, 0, 7, 0).unwrap();
                let mut frame = Frame::new(64);
                for step in 0..300_u32 {
                    let kept = frame.draw(&pictures, |calls| world.draw(64, calls)).to_vec();
                    let mut anew = Frame::new(64);
                    let anew = anew.draw(&pictures, |calls| world.draw(64, calls));
                    assert!(kept == anew, "{} {mode:?} at step {step}", game.facts.name);
                    // Actions that are held for a while get somewhere.
                    world.act(((step / 7).wrapping_mul(2_654_435_761) >> 16) as i32 % 15);
                }
            }
        }
    }
}
