//! Run and jump to the coin at the right end.

use crate::{
    draw::Rect,
    procgen::{
        engine::Engine,
        entity::{Entity, PLAYER, TRAIL, WALL_OBJ},
        game::{Background, Facts, Game, Scores, Sprite},
        layout::Layout,
        options::Mode,
    },
};

const GOAL: i32 = 1;
/// A saw, and its two pictures.
const SAW: i32 = 2;
const SAW2: i32 = 3;
const ENEMY: i32 = 5;
/// The two pictures of an enemy.
const ENEMY1: i32 = 6;
const ENEMY2: i32 = 7;
/// Pictures of the agent.
const PLAYER_RIGHT1: i32 = 12;
const PLAYER_RIGHT2: i32 = 13;
/// The ground and its surface.
const WALL_MID: i32 = 15;
const WALL_TOP: i32 = 16;
const LAVA_MID: i32 = 17;
const LAVA_TOP: i32 = 18;
/// Turns enemies around; not seen.
const ENEMY_BARRIER: i32 = 19;
const CRATE: i32 = 20;

const WALL_THEMES: i32 = 6;
/// Side of the world.
const SIDE: i32 = 64;

const GOAL_REWARD: f32 = 10.0;
const ENEMY_SPEED: f64 = 0.15;
const MAX_JUMP: f32 = 1.5;
/// How far a jump goes up, and to the side.
const MAX_RISE: i32 = 5;
const MAX_GAP: i32 = 7;
/// Where the first section starts, and the room that the last one needs.
const START: i32 = 5;
const LAST_SECTION: i32 = 15;
/// Sections go down from here.
const HIGHEST: i32 = 20;

/// Bits of the debug mode that switch off parts of levels.
const NO_PITS: i32 = 2;
const NO_CRATES: i32 = 4;
const NO_RISE: i32 = 8;

#[rustfmt::skip]
const SPRITES: &[Sprite] = &[
    Sprite::new(PLAYER, &[
        ("runner/beige", 128, 256), ("runner/blue", 128, 256), ("runner/green", 128, 256),
        ("runner/pink", 128, 256), ("runner/yellow", 128, 256),
    ]),
    Sprite::new(PLAYER_RIGHT1, &[
        ("runner/beige-walk1", 128, 256), ("runner/blue-walk1", 128, 256),
        ("runner/green-walk1", 128, 256), ("runner/pink-walk1", 128, 256),
        ("runner/yellow-walk1", 128, 256),
    ]),
    Sprite::new(PLAYER_RIGHT2, &[
        ("runner/beige-walk2", 128, 256), ("runner/blue-walk2", 128, 256),
        ("runner/green-walk2", 128, 256), ("runner/pink-walk2", 128, 256),
        ("runner/yellow-walk2", 128, 256),
    ]),
    Sprite::new(GOAL, &[("coin/gold", 128, 128)]),
    Sprite::new(SAW, &[("saw/1", 128, 128)]),
    Sprite::new(SAW2, &[("saw/2", 128, 128)]),
    Sprite::new(ENEMY1, &[
        ("slime/block", 128, 128), ("slime/purple", 128, 128), ("slime/blue", 128, 128),
        ("slime/green", 128, 128), ("animal/mouse", 128, 128), ("animal/snail", 128, 128),
        ("animal/ladybug", 128, 128), ("worm/green", 128, 128), ("worm/pink", 128, 128),
    ]),
    Sprite::new(ENEMY2, &[
        ("slime/block-move", 128, 128), ("slime/purple-move", 128, 128),
        ("slime/blue-move", 128, 128), ("slime/green-move", 128, 128),
        ("animal/mouse-move", 128, 128), ("animal/snail-move", 128, 128),
        ("animal/ladybug-move", 128, 128), ("worm/green-move", 128, 128),
        ("worm/pink-move", 128, 128),
    ]),
    Sprite::new(WALL_MID, &[
        ("ground/dirt", 128, 128), ("ground/grass", 128, 128), ("ground/planet", 128, 128),
        ("ground/sand", 128, 128), ("ground/snow", 128, 128), ("ground/stone", 128, 128),
    ]),
    Sprite::new(WALL_TOP, &[
        ("ground/dirt-top", 128, 128), ("ground/grass-top", 128, 128),
        ("ground/planet-top", 128, 128), ("ground/sand-top", 128, 128),
        ("ground/snow-top", 128, 128), ("ground/stone-top", 128, 128),
    ]),
    Sprite::new(LAVA_MID, &[("lava/deep", 128, 128)]),
    Sprite::new(LAVA_TOP, &[("lava/top", 128, 128)]),
    Sprite::new(CRATE, &[
        ("crate/plain", 128, 128), ("crate/double", 128, 128), ("crate/single", 128, 128),
        ("crate/warning", 128, 128),
    ]),
];

#[derive(Clone)]
pub struct Coinrun {
    last_agent_y: f32,
    wall_theme: i32,
    /// The agent stands on something.
    has_support: bool,
    facing_right: bool,
    /// A crate has stopped a fall.
    is_on_crate: bool,
    gravity: f32,
    /// Factor on the acceleration in the air.
    air_control: f32,
}

impl Game for Coinrun {
    const FACTS: &'static Facts = &Facts {
        name: "coinrun",
        about: "run and jump to the coin at the right end",
        scores: Scores { easy: (5.0, 10.0), hard: (5.0, 10.0) },
        exploration: Some(1_949_448_038),
        rewards: (0.0, GOAL_REWARD),
        background: Background::Platform,
        sprites: SPRITES,
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        (e.main_width, e.main_height) = (SIDE, SIDE);
        e.visibility = 13.0;
        e.mixrate = 0.2;
        e.out_of_bounds_object = WALL_MID;
        Self {
            last_agent_y: 0.0,
            wall_theme: 0,
            has_support: false,
            facing_right: false,
            is_on_crate: false,
            gravity: 0.0,
            air_control: 0.0,
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.float("last_agent_y", &mut self.last_agent_y);
        io.int("wall_theme", &mut self.wall_theme);
        io.require("wall_theme", (0..WALL_THEMES).contains(&self.wall_theme));
        io.bool("has_support", &mut self.has_support);
        io.bool("facing_right", &mut self.facing_right);
        io.bool("is_on_crate", &mut self.is_on_crate);
        io.float("gravity", &mut self.gravity);
        io.require("gravity", (0.0..=1.0).contains(&self.gravity));
        io.float("air_control", &mut self.air_control);
        io.require("air_control", (0.0..=1.0).contains(&self.air_control));
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        self.gravity = 0.2;
        e.max_jump = MAX_JUMP;
        self.air_control = 0.15;
        e.maxspeed = 0.5;
        self.has_support = false;
        self.facing_right = true;
        if e.mode() == Mode::Easy {
            self.wall_theme = 0;
            e.background_index = 0;
        } else {
            e.agent_mut().image_theme = e.random_theme(PLAYER);
            self.wall_theme = e.rng.randn(WALL_THEMES);
        }
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (0.5, 0.5787);
        (agent.x, agent.y) = (1.5, 1.0 + agent.ry);
        self.last_agent_y = agent.y;
        self.is_on_crate = false;

        e.fill_elem(0, 0, SIDE, 1, WALL_TOP);
        e.fill_elem(0, 0, 1, SIDE, WALL_MID);
        e.fill_elem(SIDE - 1, 0, 1, SIDE, WALL_MID);
        e.fill_elem(0, SIDE - 1, SIDE, 1, WALL_MID);
        build_level(e);
    }

    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
        self.facing_right = e.faces_right(self.facing_right);
        let out = e.out_of_bounds_object;
        let supports = |kind: i32| kind == WALL_MID || kind == WALL_TOP || kind == out;
        let stands = self.is_on_crate || e.cells_below_agent().into_iter().any(supports);
        self.has_support = stands && e.agent().vy == 0.0;
        self.is_on_crate = false;
        if e.action_vy == 1.0 && !self.has_support {
            e.action_vy = 0.0;
        }
    }

    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let mix = if self.has_support { e.mixrate } else { e.mixrate * self.air_control };
        let (action_vx, action_vy) = (e.action_vx, e.action_vy);
        let (push, max_jump) = (mix * e.maxspeed, e.max_jump);
        let agent = e.agent_mut();
        agent.vx = (1.0 - mix) * agent.vx + push * action_vx;
        if agent.vx.abs() < push {
            agent.vx = 0.0;
        }
        if action_vy > 0.0 {
            agent.vy = max_jump;
        } else if self.has_support {
            agent.vy = (f64::from(agent.vy) + 0.2 * f64::from(action_vy)) as f32;
        }
        if !(self.has_support && action_vy > 0.0) {
            agent.vy -= self.gravity;
        }
        agent.vy = agent.vy.min(max_jump).max(-max_jump);
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        e.reflect_agent();
        let enemy_picture = if e.cur_time / 5 % 2 == 0 { ENEMY1 } else { ENEMY2 };
        let saw_picture = if e.cur_time % 2 == 0 { SAW } else { SAW2 };
        for i in (0..e.entities.len()).rev() {
            let entity = &mut e.entities[i];
            if entity.kind == ENEMY {
                entity.image_type = enemy_picture;
                entity.is_reflected = entity.vx > 0.0;
                let foot = (f64::from(entity.y) - f64::from(entity.ry) * 0.5) as f32;
                let mut trail = Entity::new(entity.x, foot, 0.0, 0.01, 0.3, 0.2, TRAIL);
                trail.expire_time = 8;
                trail.alpha = 0.5;
                e.add(trail);
            } else if entity.kind == SAW {
                entity.image_type = saw_picture;
            }
        }
        self.last_agent_y = e.agent().y;
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        if matches!(e.entities[i].kind, ENEMY | SAW) {
            e.done = true;
        }
    }

    fn handle_grid_collision(&mut self, e: &mut Engine, i: usize, kind: i32, _x: i32, _y: i32) {
        if e.entities[i].kind != PLAYER {
            return;
        }
        match kind {
            GOAL => e.complete(GOAL_REWARD),
            LAVA_MID | LAVA_TOP => e.done = true,
            _ => {}
        }
    }

    #[inline]
    fn is_blocked(&mut self, e: &mut Engine, mover: usize, kind: i32, _horizontal: bool) -> bool {
        kind == WALL_OBJ
            || kind == e.out_of_bounds_object
            || (matches!(kind, WALL_MID | WALL_TOP) && e.entities[mover].kind == PLAYER)
    }

    /// A crate stops who falls on it from above, unless the agent wants to go down. Whoever the
    /// mover is, it is the agent that is looked at.
    fn is_blocked_ents(
        &mut self,
        e: &mut Engine,
        mover: usize,
        target: usize,
        horizontal: bool,
    ) -> bool {
        let Entity { kind, y, ry, .. } = e.entities[target];
        if kind != CRATE || horizontal {
            return self.is_blocked(e, mover, kind, horizontal);
        }
        let agent = e.agent();
        if agent.vy >= 0.0 || e.action_vy < 0.0 || self.last_agent_y < (y + ry) + agent.ry {
            return false;
        }
        self.is_on_crate = true;
        true
    }

    #[inline]
    fn will_reflect(&self, _e: &Engine, mover_kind: i32, kind: i32) -> bool {
        mover_kind == ENEMY && matches!(kind, WALL_MID | WALL_TOP | ENEMY_BARRIER)
    }

    #[inline]
    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == e.out_of_bounds_object
            || matches!(kind, CRATE | WALL_OBJ | WALL_MID | WALL_TOP | ENEMY_BARRIER)
    }

    fn image_for_type(&self, e: &Engine, kind: i32) -> i32 {
        match kind {
            PLAYER => e.stride(self.has_support, [PLAYER, PLAYER_RIGHT1, PLAYER_RIGHT2]),
            ENEMY_BARRIER => -1,
            _ => kind.abs(),
        }
    }

    fn theme_for_grid_obj(&self, _e: &Engine, kind: i32) -> i32 {
        if matches!(kind, WALL_MID | WALL_TOP) { self.wall_theme } else { 0 }
    }

    /// The agent looks taller than it is.
    fn sprite_rect(&self, _e: &Engine, image_type: i32, rect: Rect) -> Rect {
        match image_type {
            PLAYER | PLAYER_RIGHT1 | PLAYER_RIGHT2 => rect.part(0.0, -0.7415, 1.0, 1.7415),
            _ => rect,
        }
    }
}

/// What is in the pits of a level.
#[derive(Clone, Copy)]
enum Danger {
    Lava,
    Saws,
    Enemies,
}

/// Sections of ground with things on it, or with a pit in the middle, one after the other.
fn build_level(e: &mut Engine) {
    let difficulty = e.rng.randn(3) + 1;
    let sections = e.rng.randn(difficulty) + difficulty;
    let danger = [Danger::Lava, Danger::Saws, Danger::Enemies][e.rng.index(3)];
    let debug = e.settings.debug_mode;
    let (mut x, mut y) = (START, 1);
    for _ in 0..sections {
        if x + LAST_SECTION >= SIDE {
            break;
        }
        let mut dy = e.rng.randn(4) + 1 + difficulty / 3;
        if debug & NO_RISE != 0 {
            dy = 0;
        }
        dy = dy.min(MAX_RISE);
        if y >= HIGHEST || (y >= 5 && e.rng.randn(2) == 1) {
            dy = -dy;
        }
        let dx = e.rng.randn(2 * difficulty) + 3 + difficulty / 3;
        y = (y + dy).max(1);
        let may_be_pit = debug & NO_PITS == 0 && dx > 7 && y > 3;
        if may_be_pit && e.rng.randn(20) >= difficulty {
            build_pit(e, x, y, dx, danger);
        } else {
            build_ground(e, x, y, dx, difficulty);
        }
        if !matches!(e.get_obj(x - 1, y), WALL_MID | WALL_TOP) {
            e.set_obj(x - 1, y, ENEMY_BARRIER);
        }
        x += dx;
        e.set_obj(x, y, ENEMY_BARRIER);
    }
    e.set_obj(x, y, GOAL);
    fill_ground(e, x, 0, 1, y);
    e.fill_elem(x + 1, 0, SIDE - x - 1, SIDE, WALL_MID);
}

/// A pit between two pieces of ground, with a ledge over it if it is wide.
fn build_pit(e: &mut Engine, x: i32, y: i32, dx: i32, danger: Danger) {
    let left = e.rng.randn(3) + 1;
    let mut right = e.rng.randn(3) + 1;
    let mut width = dx - left - right;
    if width > MAX_GAP {
        width = MAX_GAP;
        right = dx - left - width;
    }
    fill_ground(e, x, 0, left, y);
    fill_ground(e, x + dx - right, 0, right, y);
    let pit = x + left;
    let depth = e.rng.randn(y - 3) + 1;
    match danger {
        Danger::Lava => fill_block(e, pit, 1, width, depth, LAVA_MID, LAVA_TOP),
        Danger::Saws => (0..width).for_each(|i| add_saw(e, pit + i, 1)),
        Danger::Enemies => (0..width).for_each(|i| add_enemy(e, pit + i, 1)),
    }
    if width > 4 {
        let before = e.rng.randn(2) + if width == 5 { 1 } else { 2 };
        let ledge = match width {
            5 | 6 => 1 + e.rng.randn(2),
            _ => width - before - (2 + e.rng.randn(2)),
        };
        fill_ground(e, pit + before, y - 1, ledge, 1);
    }
}

/// Ground with perhaps a saw, an enemy and crates.
fn build_ground(e: &mut Engine, x: i32, y: i32, dx: i32, difficulty: i32) {
    fill_ground(e, x, 0, dx, y);
    let (mut saw_x, mut enemy_x) = (-1, -1);
    if e.rng.randn(10) < 2 * difficulty && dx > 3 {
        saw_x = x + e.rng.randn(dx - 2) + 1;
        add_saw(e, saw_x, y);
    }
    if e.rng.randn(10) < difficulty && dx > 3 && e.mode() != Mode::Easy {
        enemy_x = x + e.rng.randn(dx - 2) + 1;
        add_enemy(e, enemy_x, y);
    }
    if e.settings.debug_mode & NO_CRATES != 0 {
        return;
    }
    for _ in 0..2 {
        let crate_x = x + e.rng.randn(dx - 2) + 1;
        if e.rng.randn(2) == 1 && crate_x != saw_x && crate_x != enemy_x {
            for i in 0..e.rng.randn(3) + 1 {
                let (x, y) = (crate_x as f32 + 0.5, (y + i) as f32 + 0.5);
                let pile = e.add_entity(x, y, 0.0, 0.0, 0.5, CRATE);
                e.choose_random_theme(pile);
            }
        }
    }
}

fn add_saw(e: &mut Engine, x: i32, y: i32) {
    e.add_entity(x as f32 + 0.5, y as f32 + 0.5, 0.0, 0.0, 0.5, SAW);
}

fn add_enemy(e: &mut Engine, x: i32, y: i32) {
    let vx = (ENEMY_SPEED * f64::from(e.rng.randsign())) as f32;
    let image_theme = e.random_theme(ENEMY1);
    e.add(Entity {
        smart_step: true,
        image_type: ENEMY1,
        image_theme,
        render_z: 1,
        ..Entity::new(x as f32 + 0.5, y as f32 + 0.5, vx, 0.0, 0.5, 0.5, ENEMY)
    });
}

fn fill_ground(e: &mut Engine, x: i32, y: i32, dx: i32, dy: i32) {
    fill_block(e, x, y, dx, dy, WALL_MID, WALL_TOP);
}

/// Fills a rectangle with a kind of cell, and its uppermost row with another.
fn fill_block(e: &mut Engine, x: i32, y: i32, dx: i32, dy: i32, inner: i32, top: i32) {
    e.fill_elem(x, y, dx, dy - 1, inner);
    e.fill_elem(x, y + dy - 1, dx, 1, top);
}
