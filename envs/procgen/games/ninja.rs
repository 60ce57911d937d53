//! Charged jumps from platform to platform over a deadly floor, with throwing stars.

use crate::{
    draw::Colour,
    procgen::{
        engine::Engine,
        entity::{EXPLOSION, Entity, PLAYER, SPACE, WALL_OBJ},
        game::{Background, Facts, Game, Scores, Sprite},
        layout::Layout,
        options::Mode,
        paint::Canvas,
    },
};
use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

const GOAL: i32 = 1;
const BOMB: i32 = 6;
const THROWING_STAR: i32 = 7;
const RIGHT1: i32 = 12;
const RIGHT2: i32 = 13;
const FIRE: i32 = 14;
const WALL_MID: i32 = 20;

/// Side of the world in cells.
const SIDE: i32 = 64;
/// Where the first platform begins, and how high its ground is.
const START_X: i32 = 5;
const START_Y: i32 = 32;
/// Platforms keep this far from the right border and the ceiling.
const MARGIN: i32 = 15;

const REWARD: f32 = 10.0;
const GRAVITY: f32 = 0.2;
/// Control over the horizontal velocity in the air, as a share of that on the ground.
const AIR_CONTROL: f32 = 0.15;
/// Fastest fall that gravity still adds to.
const MAX_FALL: f32 = -2.0;
/// Steps from one throwing star to the next, and those that one flies.
const STAR_PAUSE: i32 = 3;
const STAR_RANGE: i32 = 15;
const WALL_THEMES: i32 = 3;

const CHARGE_BAR: Colour = [66, 245, 135, 255];

#[derive(Clone)]
pub struct Ninja {
    has_support: bool,
    facing_right: bool,
    last_fire_time: i32,
    wall_theme: i32,
    gravity: f32,
    air_control: f32,
    /// How high the next jump goes, up to 1.
    jump_charge: f32,
    /// What a step of holding "up" adds to it.
    jump_charge_inc: f32,
}

impl Game for Ninja {
    const FACTS: &'static Facts = &Facts {
        name: "ninja",
        about: "reach the mushroom with charged jumps and throwing stars",
        scores: Scores { easy: (3.5, 10.0), hard: (2.0, 10.0) },
        exploration: Some(1_123_500_215),
        rewards: (0.0, REWARD),
        background: Background::Platform,
        sprites: &[
            Sprite::new(PLAYER, &[("ninja/stand", 80, 110)]),
            Sprite::new(
                GOAL,
                &[
                    ("mushroom/1", 70, 70),
                    ("mushroom/2", 70, 70),
                    ("mushroom/3", 70, 70),
                    ("mushroom/4", 70, 70),
                    ("mushroom/5", 70, 70),
                    ("mushroom/6", 70, 70),
                ],
            ),
            Sprite::new(BOMB, &[("bomb", 128, 128)]),
            Sprite::new(THROWING_STAR, &[("star", 128, 128)]),
            Sprite::new(RIGHT1, &[("ninja/walk1", 80, 110)]),
            Sprite::new(RIGHT2, &[("ninja/walk2", 80, 110)]),
            // The floor looks like bombs in the original too.
            Sprite::new(FIRE, &[("bomb", 128, 128)]),
            Sprite::new(
                WALL_MID,
                &[("bricks/1", 64, 64), ("bricks/2", 64, 64), ("bricks/3", 64, 64)],
            ),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        (e.main_width, e.main_height) = (SIDE, SIDE);
        e.out_of_bounds_object = WALL_MID;
        Self {
            has_support: false,
            facing_right: true,
            last_fire_time: 0,
            wall_theme: 0,
            gravity: 0.0,
            air_control: 0.0,
            jump_charge: 0.0,
            jump_charge_inc: 0.0,
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.bool("has_support", &mut self.has_support);
        io.bool("facing_right", &mut self.facing_right);
        io.int("last_fire_time", &mut self.last_fire_time);
        io.require("last_fire_time", self.last_fire_time >= 0);
        io.int("wall_theme", &mut self.wall_theme);
        io.require("wall_theme", (0..WALL_THEMES).contains(&self.wall_theme));
        io.float("gravity", &mut self.gravity);
        io.float("air_control", &mut self.air_control);
        io.float("jump_charge", &mut self.jump_charge);
        io.float("jump_charge_inc", &mut self.jump_charge_inc);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        (self.gravity, self.air_control, e.maxspeed) = (GRAVITY, AIR_CONTROL, 0.5);
        (e.max_jump, self.jump_charge_inc, e.visibility) =
            if e.mode() == Mode::Easy { (1.25, 1.0, 10.0) } else { (1.5, 0.25, 16.0) };
        (self.has_support, self.facing_right, self.jump_charge) = (false, true, 0.0);
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (0.5, 0.5);
        (agent.x, agent.y) = (1.5, START_Y as f32 + 0.5);
        let difficulty = e.rng.randn(3) + 1;
        self.last_fire_time = 0;
        self.wall_theme = e.rng.randn(WALL_THEMES);
        build_level(e, difficulty);
    }

    /// A jump is charged on the ground and lost in the air.
    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
        self.facing_right = e.faces_right(self.facing_right);
        let carries = |kind| kind == WALL_MID || kind == e.out_of_bounds_object;
        self.has_support = e.cells_below_agent().into_iter().any(carries);
        if self.has_support && e.action_vy == 1.0 {
            self.jump_charge = (self.jump_charge + self.jump_charge_inc).min(1.0);
        } else {
            e.action_vy = 0.0;
        }
        if !self.has_support {
            self.jump_charge = 0.0;
        }
    }

    /// The jump comes when "up" is released.
    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let mix = if self.has_support { e.mixrate } else { e.mixrate * self.air_control };
        let push = (mix * e.maxspeed) * e.action_vx;
        let jumps = e.action_vy < 1.0 && self.jump_charge > 0.0;
        let jump = self.jump_charge * e.max_jump;
        let agent = e.agent_mut();
        agent.vx = (1.0 - mix) * agent.vx + push;
        if jumps {
            agent.vy = jump;
            self.jump_charge = 0.0;
        }
        if !self.has_support && agent.vy > MAX_FALL {
            agent.vy -= self.gravity;
        }
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        e.reflect_agent();
        if e.special_action > 0 && e.cur_time - self.last_fire_time >= STAR_PAUSE {
            self.last_fire_time = e.cur_time;
            throw_star(e);
        }
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            EXPLOSION => e.done = true,
            GOAL => e.complete(REWARD),
            _ => {}
        }
    }

    fn handle_grid_collision(&mut self, e: &mut Engine, i: usize, kind: i32, x: i32, y: i32) {
        match (e.entities[i].kind, kind) {
            (PLAYER, FIRE | BOMB) => e.done = true,
            (THROWING_STAR, BOMB) => {
                e.entities[i].will_erase = true;
                e.set_obj(x, y, SPACE);
                e.add_entity(x as f32 + 0.5, y as f32 + 0.5, 0.0, 0.0, 0.5, EXPLOSION);
            }
            (THROWING_STAR, WALL_MID) => e.entities[i].will_erase = true,
            _ => {}
        }
    }

    fn is_blocked(&mut self, e: &mut Engine, mover: usize, kind: i32, _horizontal: bool) -> bool {
        let mover = &mut e.entities[mover];
        if kind == WALL_MID && mover.kind == THROWING_STAR {
            // It sticks in the wall.
            (mover.vx, mover.vy) = (0.0, 0.0);
        }
        kind == WALL_MID || kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == WALL_MID || kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    fn image_for_type(&self, e: &Engine, kind: i32) -> i32 {
        match kind {
            PLAYER => e.stride(self.has_support, [PLAYER, RIGHT1, RIGHT2]),
            _ => kind.abs(),
        }
    }

    fn theme_for_grid_obj(&self, _e: &Engine, kind: i32) -> i32 {
        if kind == WALL_MID { self.wall_theme } else { 0 }
    }

    fn draw_overlay(&self, e: &Engine, canvas: &mut Canvas<'_>) {
        let height = 3.0 * self.jump_charge;
        let bar = canvas.camera.view_rect(0.25, e.visibility - 0.5 - height, 0.5, height);
        canvas.fill(bar, CHARGE_BAR);
    }
}

/// The keys throw ahead, diagonally up, up, diagonally down, and twice ahead again.
fn throw_star(e: &mut Engine) {
    let angle = match e.special_action {
        2 => FRAC_PI_4,
        3 => FRAC_PI_2,
        4 => -FRAC_PI_4,
        _ => 0.0,
    };
    let Entity { x, y, is_reflected, .. } = *e.agent();
    let angle = f64::from(if is_reflected { PI - angle } else { angle });
    let (vx, vy) = (libm::cos(angle) as f32, libm::sin(angle) as f32);
    e.add(Entity {
        collides_with_entities: true,
        expire_time: STAR_RANGE,
        smart_step: true,
        ..Entity::new(x, y, vx, vy, 0.25, 0.25, THROWING_STAR)
    });
}

/// Fills cells with wall; none if there is no height.
fn ground(e: &mut Engine, x: i32, y: i32, dx: i32, dy: i32) {
    e.fill_elem(x, y, dx, dy, WALL_MID);
}

/// Builds sections of platforms from the left to the right, each below a ceiling of its own, with
/// the goal at the end.
fn build_level(e: &mut Engine, difficulty: i32) {
    ground(e, 0, 0, SIDE, 1);
    ground(e, 0, 0, 1, SIDE);
    ground(e, SIDE - 1, 0, 1, SIDE);
    ground(e, 0, SIDE - 1, SIDE, 1);

    let (min_gap, platform_dx, climb) = match e.mode() {
        Mode::Easy => ((difficulty - 2).max(0), 3, 2),
        _ => (difficulty - 1, 1, 4),
    };
    let more_gap = if difficulty == 1 { 1 } else { 2 };
    let bomb_prob = (0.25 * f64::from(difficulty - 1)) as f32;
    let max_dy = (e.max_jump * e.max_jump / (2.0 * GRAVITY) - 0.5) as i32;
    let sections = e.rng.randn(difficulty) + difficulty;

    ground(e, 0, 0, START_X, START_Y);
    ground(e, 0, START_Y + 8, START_X, SIDE - START_Y - 8);
    let (mut x, mut y) = (START_X, START_Y);
    let mut min_y = START_Y;
    for _ in 0..sections {
        let (section_x, section_y) = (x, y);
        let mut max_y = -1;
        let mut last_y = -1;
        for edge in 0..e.rng.randn(2) + 1 {
            x = section_x + edge;
            if x + MARGIN >= SIDE {
                break;
            }
            let dy = (e.rng.randn(climb) + 1 + difficulty / 3).min(max_dy);
            let down = section_y >= SIDE - MARGIN || section_y >= 5 && e.rng.rand01() < 0.4;
            y = (if down { section_y - dy } else { section_y + dy }).max(3);
            if (y - last_y).abs() <= 1 {
                y = last_y + 2;
            }
            let dx = platform_dx + e.rng.randn(3);
            ground(e, x, y - 1, dx, 1);
            x += dx + min_gap + e.rng.randn(more_gap + 1);
            max_y = max_y.max(y);
            min_y = min_y.min(y);
            last_y = y;
        }
        if e.rng.rand01() < bomb_prob {
            let bomb_x = e.rng.randn(x - section_x + 1) + section_x;
            e.set_obj(bomb_x, max_y + 2, BOMB);
        }
        let ceiling = max_y + 10;
        ground(e, section_x, ceiling, x - section_x, SIDE - ceiling);
    }

    let goal = e.add_entity(x as f32 + 0.5, y as f32 + 0.5, 0.0, 0.0, 0.5, GOAL);
    e.choose_random_theme(goal);
    ground(e, x, y - 1, 1, 1);
    ground(e, x, y + 6, 1, SIDE - y - 6);
    let floor = (min_y - 2).max(1);
    ground(e, START_X, 0, SIDE - START_X, floor);
    e.fill_elem(START_X, floor, SIDE - START_X, 1, FIRE);
    ground(e, x + 1, 0, SIDE - x - 1, SIDE);
}
