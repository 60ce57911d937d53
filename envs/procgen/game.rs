//! What a game adds to the engine.

use super::{
    engine::Engine,
    entity::{EXPLOSION, Entity, TRAIL, WALL_OBJ},
    layout::Layout,
    options::Mode,
    paint::Canvas,
};
use crate::draw::{Rect, Tile};

/// The fixed facts of a game.
pub struct Facts {
    pub name: &'static str,
    /// What the game is about, in one line.
    pub about: &'static str,
    /// Every game has easy and hard mode; these are the further ones.
    pub extreme: bool,
    pub memory: bool,
    /// Seed of the level of exploration mode.
    pub exploration: Option<i32>,
    /// Steps after which an episode is cut.
    pub timeout: i32,
    /// Lowest and highest reward of one step.
    pub rewards: (f32, f32),
    /// Returns that count as 0 and 1 in the normalised score, in easy and in hard mode
    /// (`constants.py` of openai/train-procgen).
    pub scores: Scores,
    pub background: Background,
    pub sprites: &'static [Sprite],
}

/// Returns that count as 0 and 1, by mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    pub easy: (f32, f32),
    pub hard: (f32, f32),
}

impl Scores {
    /// Those of a mode, if its returns were ever normalised.
    pub fn of(self, mode: Mode) -> Option<(f32, f32)> {
        match mode {
            Mode::Easy => Some(self.easy),
            Mode::Hard => Some(self.hard),
            Mode::Extreme | Mode::Memory | Mode::Exploration => None,
        }
    }
}

impl Facts {
    /// What most games have in common; the name, the sprites and the background are missing.
    pub const COMMON: Self = Self {
        name: "",
        about: "",
        extreme: false,
        memory: false,
        exploration: None,
        timeout: 1000,
        rewards: (0.0, 10.0),
        scores: Scores { easy: (0.0, 10.0), hard: (0.0, 10.0) },
        background: Background::TopDown,
        sprites: &[],
    };

    pub fn has(&self, mode: Mode) -> bool {
        match mode {
            Mode::Easy | Mode::Hard => true,
            Mode::Extreme => self.extreme,
            Mode::Memory => self.memory,
            Mode::Exploration => self.exploration.is_some(),
        }
    }

    /// The modes of the game in a sentence.
    pub fn mode_names(&self) -> &'static str {
        match (self.extreme, self.memory, self.exploration.is_some()) {
            (false, false, false) => "easy or hard",
            (false, false, true) => "easy, hard or exploration",
            (false, true, false) => "easy, hard or memory",
            (false, true, true) => "easy, hard, memory or exploration",
            (true, false, false) => "easy, hard or extreme",
            (true, false, true) => "easy, hard, extreme or exploration",
            (true, true, false) => "easy, hard, extreme or memory",
            (true, true, true) => "easy, hard, extreme, memory or exploration",
        }
    }

    /// The sprite of a kind, if it has one.
    #[inline]
    pub fn sprite(&self, kind: i32) -> Option<&'static Sprite> {
        self.all_sprites().find(|sprite| sprite.kind == kind)
    }

    /// The game's own sprites, then those that every game has.
    pub fn all_sprites(&self) -> impl Iterator<Item = &'static Sprite> + use<> {
        self.sprites.iter().chain(COMMON_SPRITES)
    }
}

/// The pictures of one kind.
pub struct Sprite {
    pub kind: i32,
    /// What is drawn, and for those whose sizes the rules know the size of the picture.
    pub themes: &'static [Theme],
    /// The theme is kept although the options restrict themes.
    pub keeps_theme: bool,
}

/// One picture of a kind: a name for what it shows, and the width and height in pixels of the
/// original's picture. Sizes of entities follow their ratio, so they are facts of the rules and
/// not of the picture that is drawn.
pub type Theme = (&'static str, u16, u16);

impl Sprite {
    pub const fn new(kind: i32, themes: &'static [Theme]) -> Self {
        Self { kind, themes, keeps_theme: false }
    }

    pub const fn keeping_theme(kind: i32, themes: &'static [Theme]) -> Self {
        Self { kind, themes, keeps_theme: true }
    }
}

/// Sprites that every game has.
const COMMON_SPRITES: &[Sprite] = &[
    Sprite::new(EXPLOSION, &[("explosion/1", 60, 60)]),
    Sprite::new(EXPLOSION + 1, &[("explosion/2", 57, 56)]),
    Sprite::new(EXPLOSION + 2, &[("explosion/3", 64, 63)]),
    Sprite::new(EXPLOSION + 3, &[("explosion/4", 46, 45)]),
    Sprite::new(EXPLOSION + 4, &[("explosion/5", 53, 52)]),
    Sprite::new(TRAIL, &[("trail", 17, 17)]),
];

/// A set of pictures to draw behind a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Background {
    Space,
    /// Landscapes, and [`Background::Space`].
    Platform,
    TopDown,
    /// The first of [`Background::TopDown`].
    TopDownSimple,
    Water,
    /// The first four of [`Background::Water`].
    WaterSurface,
}

impl Background {
    /// Widths and heights of the original's pictures, which decide on the crop.
    pub fn sizes(self) -> &'static [(u16, u16)] {
        match self {
            Self::Space => &PLATFORM[49..],
            Self::Platform => &PLATFORM,
            Self::TopDown => &TOP_DOWN,
            Self::TopDownSimple => &TOP_DOWN[..1],
            Self::Water => &WATER,
            Self::WaterSurface => &WATER[..4],
        }
    }

    /// Name of a picture of the set; sets that share pictures name them alike.
    pub fn picture_name(self, index: usize) -> String {
        let landscapes = PLATFORM.len() - Self::Space.sizes().len();
        let (set, index) = match self {
            Self::Space => ("space", index),
            Self::Platform if index >= landscapes => ("space", index - landscapes),
            Self::Platform => ("platform", index),
            Self::TopDown | Self::TopDownSimple => ("topdown", index),
            Self::Water | Self::WaterSurface => ("water", index),
        };
        format!("backgrounds/{set}/{index}")
    }
}

#[rustfmt::skip]
const PLATFORM: [(u16, u16); 62] = [
    (192, 176), (256, 176), (2000, 2000), (512, 288), (192, 176), (272, 160), (208, 112),
    (288, 176), (144, 144),
    (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080), (2048, 512),
    (1024, 1024), (1024, 1024), (1024, 1024), (1024, 1024),
    (1024, 1024), (1024, 1024), (1024, 1024), (1024, 1024),
    (1024, 600), (1024, 600), (1024, 600), (1024, 600),
    (1104, 621), (1104, 621), (1104, 621), (1104, 621), (1104, 621),
    (1104, 621), (1104, 621), (1104, 621), (1104, 621), (1104, 621),
    (1280, 720),
    (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080),
    (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080), (1920, 1080),
    (480, 270), (512, 288), (480, 270), (480, 270), (480, 270), (480, 270), (480, 270),
    (512, 288), (400, 300), (400, 300), (400, 300), (400, 300), (272, 160),
];

#[rustfmt::skip]
const TOP_DOWN: [(u16, u16); 9] = [
    (512, 512),
    (500, 500), (500, 500), (500, 500), (500, 500), (500, 500), (500, 500), (500, 500), (500, 500),
];

#[rustfmt::skip]
const WATER: [(u16, u16); 7] = [
    (342, 192), (342, 192), (342, 192), (342, 192), (980, 581), (2100, 1500), (2048, 1536),
];

/// The rules of one game: its own state, and what it does where the engine asks.
///
/// A value holds what the original serialises for the game ([`Game::layout`]) and parameters that
/// follow from the mode ([`Game::restored`]); everything else is the engine's. Functions that are
/// told of an entity get its index in `engine.entities`; the agent is `engine.agent()`.
pub trait Game: Clone + Send + Sync + 'static {
    const FACTS: &'static Facts;

    /// Sets what differs from [`Engine::new`] once and for all; the first reset follows.
    fn new(e: &mut Engine) -> Self;

    /// The game's own fields in the order in which the original serialises them.
    fn layout(&mut self, io: &mut impl Layout);

    /// Sets anew what depends on the mode alone, after a state was read.
    fn restored(&mut self, _e: &mut Engine) {}

    /// Steps after which an episode is cut.
    fn timeout(_mode: Mode) -> i32 {
        Self::FACTS.timeout
    }

    /// Sets `main_width` and `main_height`, if they are not always the same.
    fn choose_world_dim(&mut self, _e: &mut Engine) {}

    /// Builds the level that `e.rng` was seeded for; calls [`Engine::base_reset`].
    fn reset(&mut self, e: &mut Engine);

    /// Advances by one step; calls [`Engine::base_step`].
    fn step(&mut self, e: &mut Engine);

    /// Turns `e.move_action` into `action_vx`, `action_vy` and `action_vrot`, which are 0 before.
    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
    }

    /// Turns the action into the velocity of the agent, unless `grid_step` is on.
    fn update_agent_velocity(&mut self, e: &mut Engine) {
        e.accelerate_agent();
        e.decay_agent_velocity();
    }

    /// The agent touches an entity, which may be one that goes at the end of this step.
    fn handle_agent_collision(&mut self, _e: &mut Engine, _entity: usize) {}

    /// An entity with `collides_with_entities` touches another, the agent included.
    fn handle_collision(&mut self, _e: &mut Engine, _source: usize, _target: usize) {}

    /// An entity with `smart_step` overlaps the cell (x, y) that is not empty.
    fn handle_grid_collision(
        &mut self,
        _e: &mut Engine,
        _entity: usize,
        _kind: i32,
        _x: i32,
        _y: i32,
    ) {
    }

    /// Whether a kind of cell, or of entity, stops an entity that moves into it; empty cells
    /// never do.
    #[inline]
    fn is_blocked(&mut self, e: &mut Engine, _mover: usize, kind: i32, _horizontal: bool) -> bool {
        kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    /// Whether an entity stops another that moves into it.
    #[inline]
    fn is_blocked_ents(
        &mut self,
        e: &mut Engine,
        mover: usize,
        target: usize,
        horizontal: bool,
    ) -> bool {
        self.is_blocked(e, mover, e.entities[target].kind, horizontal)
    }

    /// Whether a kind of entity bounces off a kind of cell or entity, which is no empty
    /// cell; this goes before blocking.
    #[inline]
    fn will_reflect(&self, _e: &Engine, _mover_kind: i32, _kind: i32) -> bool {
        false
    }

    /// Whether cells or entities of a kind can stop or reflect anything at all: movement looks at
    /// no others. True at least where [`Game::is_blocked`], [`Game::is_blocked_ents`] or
    /// [`Game::will_reflect`] can be.
    #[inline]
    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    /// The centre of a view that follows the agent, and the number of cells it shows.
    fn choose_center(&self, e: &Engine) -> (f32, f32, f32) {
        let agent = e.agent();
        (agent.x, agent.y, e.visibility)
    }

    /// The kind whose picture stands for a kind; negative for none.
    #[inline]
    fn image_for_type(&self, _e: &Engine, kind: i32) -> i32 {
        kind.abs()
    }

    /// Which of the pictures of a kind a cell shows.
    #[inline]
    fn theme_for_grid_obj(&self, _e: &Engine, _kind: i32) -> i32 {
        0
    }

    fn should_draw(&self, _e: &Engine, _entity: &Entity) -> bool {
        true
    }

    /// Where the sprite of an entity goes whose box is `rect` on the screen.
    #[inline]
    fn sprite_rect(&self, _e: &Engine, _image_type: i32, rect: Rect) -> Rect {
        rect
    }

    /// How a sprite is repeated to fill its box: 0 not at all; else the width of a tile by its
    /// height, negative where tiles are stacked and not side by side.
    #[inline]
    fn tile_ratio(&self, _e: &Engine, _entity: &Entity) -> f32 {
        0.0
    }

    /// What cells of a kind show that show no sprite.
    fn tile_for_grid_obj(&self, _kind: i32) -> Option<Tile> {
        None
    }

    /// Draws what is behind everything, over black.
    fn draw_background(&self, e: &Engine, canvas: &mut Canvas<'_>) {
        canvas.background(e);
    }

    /// Draws what is before everything.
    fn draw_overlay(&self, _e: &Engine, _canvas: &mut Canvas<'_>) {}
}
