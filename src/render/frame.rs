//! What one world looks like, kept so that only what changed is drawn again.

#[cfg(feature = "gpu")]
use super::stage::StageCamera;
use super::{
    cpu::Raster,
    grid::Grid,
    item::{Builder, Item},
    pictures::Pictures,
    rgb::{Region, read_rgb, write_rgb},
};
use crate::pool::Pool;
use gslab_envs::{
    draw::{DrawList, Strokes},
    pushchair::picture::Stage,
};
use std::{ops::Range, sync::Arc};

/// Fewer strokes than this in common are not worth keeping: the black below and a scrolling
/// background never are.
const FEWEST_KEPT: usize = 2;
/// What is kept grows only by at least as many strokes.
const GROWTH: usize = 8;
/// To go through more items than this for what they cover takes longer than to convert all pixels.
const MANY: usize = 100;

/// Draws the frames of any number of worlds of one environment, one after another.
pub struct Painter {
    pictures: Arc<Pictures>,
    builder: Builder,
    /// The frame that is being drawn.
    list: DrawList,
    items: Vec<Item>,
    region: Region,
    raster: Raster,
    #[cfg(feature = "gpu")]
    camera: Option<Arc<StageCamera>>,
}

impl Painter {
    /// Of frames of `size * size` pixels.
    pub fn new(pictures: Arc<Pictures>, size: u32) -> Self {
        Self {
            pictures,
            builder: Builder::new(size),
            list: DrawList::default(),
            items: Vec::new(),
            region: Region::none(size),
            raster: Raster::new(size),
            #[cfg(feature = "gpu")]
            camera: None,
        }
    }

    /// Has a GPU take the pictures of stages. If that is lost drawing unwinds, which
    /// [`Device::work`](crate::device::Device::work) catches.
    #[cfg(feature = "gpu")]
    pub fn with_camera(self, camera: Arc<StageCamera>) -> Self {
        Self { camera: Some(camera), ..self }
    }

    /// Side of a frame in pixels.
    pub fn size(&self) -> u32 {
        self.builder.size()
    }

    /// One frame for itself, as [`Frame::draw`] would write it.
    pub fn draw(&mut self, list: impl FnOnce(&mut DrawList)) -> Vec<u8> {
        let mut out = vec![0; self.frame_bytes()];
        Frame::default().draw(self, list, &mut out);
        out
    }

    /// What people see of a world of a pool, as [`Frame::show`] would write it.
    pub fn show(&mut self, pool: &Pool, world: usize) -> Vec<u8> {
        let mut out = vec![0; self.frame_bytes()];
        Frame::default().show(self, pool, world, &mut out);
        out
    }
}

/// The frame of one world.
///
/// Worlds draw what rarely changes first. What the strokes that stayed the same for two frames look
/// like is kept, and a frame is that with the rest drawn on top. Every byte is as if all had been
/// drawn anew.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// What it shows; only the first strokes if those had changed.
    list: DrawList,
    /// Strokes at the front that were the same in the last two frames.
    common: usize,
    kept: Option<Kept>,
}

/// What a frame keeps of a world of which something stands still.
#[derive(Clone, Debug)]
struct Kept {
    /// How many strokes are drawn already.
    strokes: usize,
    /// What they look like: as bytes, since memory is what many worlds are short of.
    rgb: Vec<u8>,
}

impl Frame {
    /// Draws what `list` lists, which gets an empty list, to `out`: `[size, size, 3]` bytes R, G,
    /// B, row by row from the top. A frame must always be drawn by the same painter, or one of
    /// the same pictures and size.
    pub fn draw(
        &mut self,
        painter: &mut Painter,
        list: impl FnOnce(&mut DrawList),
        out: &mut [u8],
    ) {
        painter.list.clear();
        list(&mut painter.list);
        let common = self.remember(&painter.list);
        let stable = common.min(self.common);
        self.common = common;

        match &mut self.kept {
            Some(kept) if kept.strokes <= stable && stable < kept.strokes + GROWTH => {
                kept.draw(painter, out);
            }
            _ if stable >= FEWEST_KEPT => {
                let kept = self.kept.insert(Kept::new(stable, painter));
                kept.draw(painter, out);
            }
            _ => {
                self.kept = None;
                painter.draw_first(painter.list.len(), out);
            }
        }
    }

    /// Draws what people see of a world of a pool; see [`Frame::draw`].
    pub fn show(&mut self, painter: &mut Painter, pool: &Pool, world: usize, out: &mut [u8]) {
        let size = painter.size();
        match pool.stage(world) {
            Some(stage) => out.copy_from_slice(&painter.picture(&stage)),
            None => self.draw(painter, |list| pool.draw(world, size, list), out),
        }
    }

    /// Takes in what the next frame shows; how many strokes at the front are those of the last.
    fn remember(&mut self, next: &DrawList) -> usize {
        let common = self.list.common(next);
        let fewest = FEWEST_KEPT.min(next.len());
        self.list.follow(next, common, if common >= fewest { next.len() } else { fewest });
        common
    }
}

impl Painter {
    fn picture(&self, stage: &Stage) -> Vec<u8> {
        #[cfg(feature = "gpu")]
        if let Some(camera) = &self.camera {
            let taken = camera.picture(stage, self.size());
            return taken.unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error)));
        }
        let side = self.size() as usize;
        stage.picture((side, side))
    }

    fn frame_bytes(&self) -> usize {
        3 * (self.size() * self.size()) as usize
    }

    /// Turns strokes into items, but for the cells among them, whose grid it works out.
    fn build(&mut self, strokes: Range<usize>) -> Built<'_> {
        let Self { pictures, builder, list, items, region, raster, .. } = self;
        let Strokes { before, cells, after } = list.strokes(strokes);
        items.clear();
        builder.calls(before, pictures, items);
        let mut split = items.len();
        builder.calls(after, pictures, items);
        let cells = if cells.is_empty() {
            split = items.len();
            None
        } else {
            Some(Cells { grid: builder.grid(list, pictures), all: &list.cells, range: cells })
        };
        let (before, after) = items.split_at(split);
        Built { before, cells, after, pictures, region, raster }
    }

    /// Draws the first strokes on black.
    fn draw_first(&mut self, strokes: usize, out: &mut [u8]) {
        let Built { before, cells, after, pictures, region, raster } = self.build(0..strokes);
        raster.draw_on_black(before, pictures);
        if let Some(Cells { grid, all, range }) = cells {
            raster.draw_cells(grid, all, range, pictures);
            raster.draw(after, pictures);
        }
        region.fill();
        write_rgb(raster.pixels(), region, out);
    }
}

/// Strokes that are ready to be drawn, and with what.
struct Built<'a> {
    /// Items below the cells; all, if there are none.
    before: &'a [Item],
    cells: Option<Cells<'a>>,
    after: &'a [Item],
    pictures: &'a Pictures,
    region: &'a mut Region,
    raster: &'a mut Raster,
}

/// Some cells of a list.
struct Cells<'a> {
    grid: &'a Grid,
    all: &'a [u16],
    range: Range<usize>,
}

impl Kept {
    /// Keeps the first strokes of a frame.
    fn new(strokes: usize, painter: &mut Painter) -> Self {
        let mut rgb = vec![0; painter.frame_bytes()];
        painter.draw_first(strokes, &mut rgb);
        Self { strokes, rgb }
    }

    /// Draws the strokes that are not kept on top of those that are.
    fn draw(&self, painter: &mut Painter, out: &mut [u8]) {
        let rest = self.strokes..painter.list.len();
        let Built { before, cells, after, pictures, region, raster } = painter.build(rest);
        let n = cells.as_ref().map_or(0, |cells| cells.range.len());
        if before.len() + n + after.len() > MANY {
            region.fill();
        } else {
            region.clear();
            before.iter().chain(after).for_each(|item| region.add(item));
            if let Some(Cells { grid, all, range }) = &cells {
                grid.runs(all, range.clone(), |tile, column, rows| {
                    grid.items(tile, column, rows).for_each(|item| region.add(&item));
                });
            }
            out.copy_from_slice(&self.rgb);
        }
        read_rgb(&self.rgb, region, raster.pixels());
        raster.draw(before, pictures);
        if let Some(Cells { grid, all, range }) = cells {
            raster.draw_cells(grid, all, range, pictures);
            raster.draw(after, pictures);
        }
        write_rgb(raster.pixels(), region, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslab_envs::procgen::{Mode, Options, games::GAMES};

    #[test]
    fn what_nothing_covers_is_black() {
        use gslab_envs::draw::{Call, Rect};
        let mut painter = Painter::new(Arc::default(), 8);
        let fill = |x| Call::Fill { rect: Rect::new(x, 0.0, 4.0, 8.0), colour: [9, 9, 9, 255] };
        let left = painter.draw(|list| list.calls.push(fill(0.0)));
        let right = painter.draw(|list| list.calls.push(fill(4.0)));
        assert!(left.chunks_exact(24).all(|row| row[..12] == [9; 12] && row[12..] == [0; 12]));
        assert!(right.chunks_exact(24).all(|row| row[..12] == [0; 12] && row[12..] == [9; 12]));
    }

    /// Every game in every mode: a frame that keeps what it can is the frame drawn anew, and the
    /// frame drawn out of an item for each cell.
    #[test]
    fn keeping_and_cells_change_no_byte() {
        const MODES: [Mode; 5] =
            [Mode::Easy, Mode::Hard, Mode::Extreme, Mode::Memory, Mode::Exploration];
        let mut builder = Builder::new(64);
        for game in GAMES {
            let name = format!("procgen:{}", game.facts.name);
            let pictures = Arc::new(Pictures::built_in(&name, 64));
            let mut painter = Painter::new(pictures.clone(), 64);
            let mut raster = Raster::new(64);
            for mode in MODES.into_iter().filter(|&mode| game.facts.has(mode)) {
                let options = Options { mode, ..Options::default() };
                let mut world = game.original(&options, 0, 7, 0).unwrap();
                let mut frame = Frame::default();
                for step in 0..300_u32 {
                    let mut kept = vec![0; 3 * 64 * 64];
                    frame.draw(&mut painter, |list| world.draw(64, list), &mut kept);
                    let anew = painter.draw(|list| world.draw(64, list));
                    assert!(kept == anew, "{} {mode:?} at step {step}", game.facts.name);

                    let (mut list, mut items) = (DrawList::default(), Vec::new());
                    world.draw(64, &mut list);
                    builder.build(&list, 0..list.len(), &pictures, &mut items);
                    raster.draw_on_black(&items, &pictures);
                    let mut itemised = vec![0; 3 * 64 * 64];
                    write_rgb(raster.pixels(), &Region::all(64), &mut itemised);
                    assert!(itemised == anew, "{} {mode:?} at step {step}", game.facts.name);
                    // Actions that are held for a while get somewhere.
                    world.act(((step / 7).wrapping_mul(2_654_435_761) >> 16) as i32 % 15);
                }
            }
        }
    }
}
