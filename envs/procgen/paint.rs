//! The picture of a world as a list of painter calls.
//!
//! Rectangles are computed in the very mix of single and double precision of the original, so
//! that who paints them covers the same pixels.

use super::{
    camera::{Camera, VIEW},
    engine::Engine,
    entity::{Entity, INVALID_OBJ, SPACE},
    game::Game,
};
use crate::draw::{BLACK, Call, Colour, DrawList, EMPTY, Picture, Rect, Tile};
use std::ops::RangeInclusive;

/// Most tiles of a sprite. No game has more than some fifty; a state that was tampered with could
/// ask for billions.
const MAX_TILES: i32 = 512;

/// Cells are drawn larger by this on all sides, so that no gaps show.
const CELL_MARGIN: f32 = 0.02;

/// Collects the calls that paint one frame.
pub struct Canvas<'a> {
    /// The view that is painted.
    pub camera: Camera,
    /// Side of the frame in pixels.
    pub size: u32,
    list: &'a mut DrawList,
}

impl Canvas<'_> {
    #[inline]
    pub fn call(&mut self, call: Call) {
        self.list.calls.push(call);
    }

    pub fn fill(&mut self, rect: Rect, colour: Colour) {
        self.call(Call::Fill { rect, colour });
    }

    /// A picture stretched to a rectangle, or repeated as [`Game::tile_ratio`] tells.
    pub fn tile(&mut self, picture: Picture, rect: Rect, ratio: f32, mirror: bool, opacity: f32) {
        let mut image = |rect| {
            let turn = None;
            self.list.calls.push(Call::Image { picture, rect, mirror, opacity, turn });
        };
        let Rect { x, y, w, h } = rect;
        let shape = f64::from(ratio.abs());
        if ratio > 0.0 {
            let n = ((w / (h * shape)) as i32).clamp(1, MAX_TILES);
            let (width, height) = ((w / f64::from(n)) as f32, h as f32);
            for i in 0..n {
                let left = x + f64::from(width * i as f32);
                image(Rect::new(left, y, width.into(), height.into()));
            }
        } else if ratio < 0.0 {
            let n = ((h / (w * shape)) as i32).clamp(1, MAX_TILES);
            let (width, height) = (w as f32, (h / f64::from(n)) as f32);
            for i in 0..n {
                let top = y + f64::from(height * i as f32);
                image(Rect::new(x, top, width.into(), height.into()));
            }
        } else {
            image(rect);
        }
    }

    /// The background that the level has drawn, behind the whole world: tiled, or cropped at
    /// random where it is wider than the world.
    pub fn background(&mut self, e: &Engine) {
        let picture = Picture::Background(e.background_index);
        let (width, height) = (e.main_width as f32, e.main_height as f32);
        let world = self.camera.world_rect(0.0, height, width, height, 0.0);
        if e.bg_tile_ratio < 0.0 {
            self.tile(picture, world, e.bg_tile_ratio, false, 1.0);
            return;
        }
        let (w, h) = e.facts.background.sizes()[e.background_index as usize];
        let shape = f32::from(w) / f32::from(h);
        let world_shape = (f64::from(e.main_width) / f64::from(e.main_height)) as f32;
        let off = e.bg_pct_x * (shape - world_shape);
        let rect = world.part((-off).into(), 0.0, (shape / world_shape).into(), 1.0);
        self.tile(picture, rect, 0.0, false, 1.0);
    }

    fn entities<G: Game>(&mut self, game: &G, e: &Engine, render_z: i32) {
        for entity in e.entities.iter().filter(|entity| entity.render_z == render_z) {
            if game.should_draw(e, entity) {
                let rect = self.camera.entity_rect(entity);
                let ratio = game.tile_ratio(e, entity);
                self.sprite(game, e, rect, Look { ratio, ..Look::of(entity) });
            }
        }
    }

    fn cells<G: Game>(&mut self, game: &G, e: &Engine) {
        // Some games have a grid with nothing in it.
        let nothing = |kind: i32| (kind == INVALID_OBJ) | (kind == SPACE);
        let mut some = e.grid.cells().chunks(64);
        let empty = some.all(|kinds| kinds.iter().fold(true, |all, &kind| all & nothing(kind)));
        if empty && nothing(e.out_of_bounds_object) {
            return;
        }
        let range = |size: i32, center: f32| {
            if !e.settings.center_agent {
                return 0..=size - 1;
            }
            let margin = (f64::from(e.visibility) / 2.0 + 1.0) as f32;
            (center - margin) as i32..=(center + margin) as i32
        };
        let (center_x, center_y) = self.camera.center();
        let (across, up) = (range(e.main_width, center_x), range(e.main_height, center_y));
        let place = |x: i32, y: i32| {
            self.camera.world_rect(x as f32, y as f32 + 1.0, 1.0, 1.0, CELL_MARGIN)
        };
        let Rect { w, h, .. } = place(0, 0);
        let side = f64::from(self.size);
        let list = &mut *self.list;
        list.cell_size = (w, h);
        let left = edges_in_sight(across, |x| place(x, 0).x, (w, side), &mut list.columns);
        let lowest = edges_in_sight(up, |y| place(0, y).y, (h, side), &mut list.rows);
        list.before_cells = list.calls.len();
        let (columns, rows) = (list.columns.len(), list.rows.len());
        let shown = |kind| if nothing(kind) { None } else { tile(game, e, kind) };
        let mut tiles = Tiles::new(&mut list.tiles, shown);
        list.cells.resize(columns * rows, tiles.of(e.out_of_bounds_object));
        // Columns of the frame left of the grid, and of the grid left of the frame.
        let [outside, unseen] = [-left, left].map(|n| usize::try_from(n).unwrap_or(0));
        let columns = columns.saturating_sub(outside);
        let cells = &mut list.cells[..];
        for (row, y) in (0..rows).zip(lowest..) {
            let mut cell = outside * rows + row;
            for &kind in e.grid.row(y).iter().skip(unseen).take(columns) {
                cells[cell] = tiles.of(kind);
                cell += rows;
            }
        }
    }

    fn sprite<G: Game>(&mut self, game: &G, e: &Engine, rect: Rect, look: Look) {
        let kind = game.image_for_type(e, look.image_type);
        if kind < 0 {
            return;
        }
        let sprite_rect = game.sprite_rect(e, kind, rect);
        if look.rotation == 0.0 && !self.in_sight(sprite_rect) {
            return;
        }
        let theme = e.shown_theme(kind, look.theme);
        if e.settings.use_monochrome_assets {
            self.fill(rect, monochrome(kind, theme));
            return;
        }
        let picture = Picture::Sprite { kind, theme };
        let rect = sprite_rect;
        let Look { mirror, opacity, rotation, ratio, .. } = look;
        if rotation == 0.0 && ratio != 0.0 {
            self.tile(picture, rect, ratio, mirror, opacity);
        } else {
            let degrees = rotation * 180.0 / std::f32::consts::PI;
            let turn = (rotation != 0.0).then_some(degrees);
            self.call(Call::Image { picture, rect, mirror, opacity, turn });
        }
    }

    /// Whether a rectangle may show, however its edges are rounded. Most of a world that scrolls
    /// does not.
    fn in_sight(&self, Rect { x, y, w, h }: Rect) -> bool {
        let side = f64::from(self.size);
        let beside = |a: f64, b: f64| a.max(b) < -1.0 || a.min(b) > side + 1.0;
        !beside(x, x + w) && !beside(y, y + h)
    }

    /// The agent's velocity as two shades of grey.
    fn velocity(&mut self, e: &Engine) {
        let side = f64::from((f64::from(self.size) * 0.2) as f32);
        let agent = e.agent();
        let shades = [(agent.vx, e.maxspeed), (agent.vy, e.max_jump)];
        for (i, (speed, most)) in shades.into_iter().enumerate() {
            let share = (0.5 * f64::from(speed) / f64::from(most) + 0.5) as f32;
            let grey = ((share * 255.0) as i32).clamp(0, 255) as u8;
            let rect = Rect::new(i as f64 * side, 0.0, side, side);
            self.fill(rect, [grey, grey, grey, 255]);
        }
    }
}

/// How a sprite is to look.
struct Look {
    image_type: i32,
    theme: i32,
    mirror: bool,
    opacity: f32,
    /// Radians.
    rotation: f32,
    /// See [`Game::tile_ratio`].
    ratio: f32,
}

impl Look {
    fn of(entity: &Entity) -> Self {
        Self {
            image_type: entity.image_type,
            theme: entity.image_theme,
            mirror: entity.is_reflected,
            opacity: entity.alpha,
            rotation: entity.rotation,
            ratio: 0.0,
        }
    }
}

/// Appends where those columns, or rows, begin that may show; the first of them. `length` is that of
/// each, and `side` the frame's.
fn edges_in_sight(
    all: RangeInclusive<i32>,
    begin: impl Fn(i32) -> f64,
    (length, side): (f64, f64),
    edges: &mut Vec<f64>,
) -> i32 {
    let mut first = None;
    for i in all {
        let edge = begin(i);
        if edge <= side && edge + length >= 0.0 {
            edges.push(edge);
            first = first.or(Some(i));
        }
    }
    first.unwrap_or(0)
}

/// What cells of each kind show, asked of a game once for each kind.
struct Tiles<'a, F> {
    list: &'a mut Vec<Tile>,
    shown: F,
    /// The kinds so far, and the index of what they show, or [`EMPTY`].
    known: Vec<(i32, u16)>,
    /// Of those the last with each remainder: there a kind is found at once.
    latest: [(i32, u16); REMAINDERS],
}

const REMAINDERS: usize = 128;

impl<'a, F: FnMut(i32) -> Option<Tile>> Tiles<'a, F> {
    fn new(list: &'a mut Vec<Tile>, shown: F) -> Self {
        // No kind is found where another remainder belongs.
        let latest = std::array::from_fn(|remainder| (!(remainder as i32), EMPTY));
        Self { list, shown, known: Vec::new(), latest }
    }

    /// The index of what cells of a kind show, or [`EMPTY`].
    #[inline(always)]
    fn of(&mut self, kind: i32) -> u16 {
        let (latest, tile) = self.latest[kind as usize % REMAINDERS];
        if latest == kind { tile } else { self.find(kind) }
    }

    #[cold]
    fn find(&mut self, kind: i32) -> u16 {
        let known = self.known.iter().find(|known| known.0 == kind);
        let index = known.map(|known| known.1).unwrap_or_else(|| {
            let tile = (self.shown)(kind);
            let index = tile.map_or(EMPTY, |_| self.list.len() as u16);
            self.list.extend(tile);
            self.known.push((kind, index));
            index
        });
        self.latest[kind as usize % REMAINDERS] = (kind, index);
        index
    }
}

/// What cells of a kind show, if anything.
fn tile<G: Game>(game: &G, e: &Engine, kind: i32) -> Option<Tile> {
    if let Some(dot) = game.tile_for_grid_obj(kind) {
        return Some(dot);
    }
    let theme = game.theme_for_grid_obj(e, kind);
    let kind = game.image_for_type(e, kind);
    let theme = e.shown_theme(kind, theme);
    (kind >= 0).then(|| {
        if e.settings.use_monochrome_assets {
            Tile::Fill { colour: monochrome(kind, theme), margin: 0.0, side: 1.0 }
        } else {
            Tile::Picture(Picture::Sprite { kind, theme })
        }
    })
}

/// The colour that stands for a sprite.
fn monochrome(kind: i32, theme: i32) -> Colour {
    let n = ((29 * (kind + 1)) % 64 + 19 * theme) % 64;
    let level = |n: i32| (64 * (n + 1) - 1) as u8;
    [level(n / 16), level(n / 4 % 4), level(n % 4), 255]
}

/// Lists the calls that draw a frame of `size * size` pixels; [`VIEW`] is what an observation has.
pub(super) fn paint<G: Game>(game: &G, e: &Engine, size: u32, list: &mut DrawList) {
    let camera = if size == VIEW { e.camera } else { e.camera.sized(e.visibility, size) };
    let mut canvas = Canvas { camera, size, list };
    let side = f64::from(size);
    canvas.fill(Rect::new(0.0, 0.0, side, side), BLACK);
    if e.settings.use_backgrounds {
        game.draw_background(e, &mut canvas);
    }
    canvas.entities(game, e, -1);
    canvas.cells(game, e);
    canvas.entities(game, e, 0);
    canvas.entities(game, e, 1);
    if e.settings.paint_vel_info && e.has_useful_vel_info {
        canvas.velocity(e);
    }
    game.draw_overlay(e, &mut canvas);
}
