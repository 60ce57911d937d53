//! Jump from platform to platform and collect all crystals.

use crate::procgen::{
    engine::Engine,
    entity::{Entity, PLAYER, WALL_OBJ},
    game::{Background, Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
};

const COIN: i32 = 1;
const ENEMY: i32 = 5;
/// The two pictures of an enemy.
const ENEMY1: i32 = 6;
const ENEMY2: i32 = 7;
/// Pictures of the agent.
const PLAYER_JUMP: i32 = 9;
const PLAYER_RIGHT1: i32 = 12;
const PLAYER_RIGHT2: i32 = 13;
/// Walls: stop everything.
const WALL_MID: i32 = 15;
/// Floors and platforms: stop the agent.
const WALL_TOP: i32 = 16;
/// Turns enemies around; no level has any.
const ENEMY_BARRIER: i32 = 19;

const WALL_THEMES: i32 = 4;
const HEIGHT: i32 = 64;

const COIN_REWARD: f32 = 1.0;
const COMPLETION_BONUS: f32 = 10.0;
const ENEMY_SPEED: f64 = 0.15;
/// How far an enemy goes from where it started.
const PATROL: f32 = 4.0;
const MAX_JUMP: f32 = 1.5;
const TERMINAL_SPEED: f32 = 2.0;
/// Least and greatest distance of a platform from the one below: the agent jumps 5 cells high.
const MIN_RISE: i32 = 3;
const MAX_RISE: i32 = 5;
/// No enemies above platforms that end this near to a wall.
const MARGIN: i32 = 3;

#[rustfmt::skip]
const SPRITES: &[Sprite] = &[
    Sprite::new(PLAYER, &[
        ("climber/blue", 45, 54), ("climber/green", 38, 50),
        ("climber/grey", 36, 45), ("climber/red", 39, 48),
    ]),
    Sprite::new(PLAYER_JUMP, &[
        ("climber/blue-jump", 49, 45), ("climber/green-jump", 48, 43),
        ("climber/grey-jump", 48, 36), ("climber/red-jump", 49, 42),
    ]),
    Sprite::new(PLAYER_RIGHT1, &[
        ("climber/blue-walk1", 45, 54), ("climber/green-walk1", 38, 50),
        ("climber/grey-walk1", 36, 45), ("climber/red-walk1", 39, 48),
    ]),
    Sprite::new(PLAYER_RIGHT2, &[
        ("climber/blue-walk2", 45, 54), ("climber/green-walk2", 38, 48),
        ("climber/grey-walk2", 37, 43), ("climber/red-walk2", 39, 45),
    ]),
    Sprite::new(COIN, &[("crystal/yellow", 32, 30)]),
    Sprite::new(ENEMY1, &[("creature/walk1", 44, 32)]),
    Sprite::new(ENEMY2, &[("creature/walk2", 44, 32)]),
    Sprite::new(WALL_MID, &[
        ("tile/blue", 64, 64), ("tile/green", 64, 64),
        ("tile/yellow", 64, 64), ("tile/brown", 64, 64),
    ]),
    Sprite::new(WALL_TOP, &[
        ("tile/blue-top", 64, 64), ("tile/green-top", 64, 64),
        ("tile/yellow-top", 64, 64), ("tile/brown-top", 64, 53),
    ]),
];

#[derive(Clone)]
pub struct Climber {
    /// The agent stands on something.
    has_support: bool,
    facing_right: bool,
    coin_quota: i32,
    coins_collected: i32,
    wall_theme: i32,
    gravity: f32,
    /// Factor on the acceleration in the air.
    air_control: f32,
}

impl Game for Climber {
    const FACTS: &'static Facts = &Facts {
        name: "climber",
        about: "jump from platform to platform and collect all crystals",
        scores: Scores { easy: (2.0, 12.6), hard: (1.0, 12.6) },
        exploration: Some(1_561_126_160),
        rewards: (0.0, COIN_REWARD + COMPLETION_BONUS),
        background: Background::Platform,
        sprites: SPRITES,
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.out_of_bounds_object = WALL_MID;
        Self {
            has_support: false,
            facing_right: false,
            coin_quota: 0,
            coins_collected: 0,
            wall_theme: 0,
            gravity: 0.0,
            air_control: 0.0,
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.bool("has_support", &mut self.has_support);
        io.bool("facing_right", &mut self.facing_right);
        io.int("coin_quota", &mut self.coin_quota);
        io.int("coins_collected", &mut self.coins_collected);
        io.int("wall_theme", &mut self.wall_theme);
        io.require("wall_theme", (0..WALL_THEMES).contains(&self.wall_theme));
        io.float("gravity", &mut self.gravity);
        io.require("gravity", (0.0..=1.0).contains(&self.gravity));
        io.float("air_control", &mut self.air_control);
        io.require("air_control", (0.0..=1.0).contains(&self.air_control));
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        e.main_width = if e.mode() == Mode::Easy { 16 } else { 20 };
        e.main_height = HEIGHT;
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        self.gravity = 0.2;
        e.max_jump = MAX_JUMP;
        self.air_control = 0.15;
        e.maxspeed = 0.5;
        self.has_support = false;
        self.facing_right = true;
        let theme = e.random_theme(PLAYER);
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (0.5, 0.5);
        (agent.x, agent.y) = (1.5, 1.5);
        agent.image_theme = theme;
        self.wall_theme = e.rng.randn(WALL_THEMES);

        let width = e.main_width;
        e.fill_elem(0, 0, width, 1, WALL_TOP);
        e.fill_elem(0, 0, 1, HEIGHT, WALL_MID);
        e.fill_elem(width - 1, 0, 1, HEIGHT, WALL_MID);
        e.fill_elem(0, HEIGHT - 1, width, 1, WALL_MID);
        self.build_platforms(e);
    }

    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
        self.facing_right = e.faces_right(self.facing_right);
        let out = e.out_of_bounds_object;
        let supports = |kind: i32| kind == WALL_MID || kind == WALL_TOP || kind == out;
        self.has_support = e.cells_below_agent().into_iter().any(supports);
        let jumps = e.action_vy == 1.0 && self.has_support;
        e.action_vy = if jumps { 1.0 } else { 0.0 };
    }

    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let mix = if self.has_support { e.mixrate } else { e.mixrate * self.air_control };
        let push = (mix * e.maxspeed) * e.action_vx;
        let (jumps, max_jump) = (e.action_vy > 0.0, e.max_jump);
        let agent = e.agent_mut();
        agent.vx = (1.0 - mix) * agent.vx + push;
        if jumps {
            agent.vy = max_jump;
        }
        if !self.has_support && agent.vy > -TERMINAL_SPEED {
            agent.vy -= self.gravity;
        }
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        e.reflect_agent();
        let picture = if e.cur_time / 5 % 2 == 0 { ENEMY1 } else { ENEMY2 };
        for enemy in e.entities.iter_mut().filter(|entity| entity.kind == ENEMY) {
            if enemy.x > enemy.climber_spawn_x + PATROL {
                enemy.vx = -enemy.vx.abs();
            } else if enemy.x < enemy.climber_spawn_x - PATROL {
                enemy.vx = enemy.vx.abs();
            }
            enemy.image_type = picture;
            enemy.is_reflected = enemy.vx < 0.0;
        }
        if self.coin_quota == self.coins_collected {
            e.complete(COMPLETION_BONUS);
        }
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            ENEMY => e.done = true,
            COIN => {
                e.reward += COIN_REWARD;
                self.coins_collected += 1;
                e.entities[i].will_erase = true;
            }
            _ => {}
        }
    }

    #[inline]
    fn is_blocked(&mut self, e: &mut Engine, mover: usize, kind: i32, _horizontal: bool) -> bool {
        kind == WALL_OBJ
            || kind == e.out_of_bounds_object
            || (matches!(kind, WALL_MID | WALL_TOP) && e.entities[mover].kind == PLAYER)
    }

    #[inline]
    fn will_reflect(&self, _e: &Engine, mover_kind: i32, kind: i32) -> bool {
        mover_kind == ENEMY && matches!(kind, WALL_MID | WALL_TOP | ENEMY_BARRIER)
    }

    #[inline]
    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == e.out_of_bounds_object
            || matches!(kind, WALL_OBJ | WALL_MID | WALL_TOP | ENEMY_BARRIER)
    }

    /// The whole width of the world, with the agent in the lower part.
    fn choose_center(&self, e: &Engine) -> (f32, f32, f32) {
        let width = e.main_width as f32;
        let agent = e.agent();
        let y = f64::from(agent.y) + f64::from(width) / 2.0 - f64::from(5.0 * agent.ry);
        (width / 2.0, y as f32, width)
    }

    fn image_for_type(&self, e: &Engine, kind: i32) -> i32 {
        match kind {
            PLAYER if !self.has_support => PLAYER_JUMP,
            PLAYER if f64::from(e.agent().vx.abs()) < 0.01 && e.action_vx == 0.0 => PLAYER,
            PLAYER if e.cur_time / 5 % 2 == 0 => PLAYER_RIGHT1,
            PLAYER => PLAYER_RIGHT2,
            ENEMY_BARRIER => -1,
            _ => kind.abs(),
        }
    }

    fn theme_for_grid_obj(&self, _e: &Engine, kind: i32) -> i32 {
        if matches!(kind, WALL_MID | WALL_TOP) { self.wall_theme } else { 0 }
    }
}

impl Climber {
    /// Platforms one above the other, each of which starts over or under the last.
    fn build_platforms(&mut self, e: &mut Engine) {
        let difficulty = e.rng.randn(3);
        let fewest = difficulty * difficulty + 1;
        let most = (difficulty + 1) * (difficulty + 1) + 1;
        let platforms = e.rng.randn(most - fewest + 1) + fewest;
        (self.coin_quota, self.coins_collected) = (0, 0);
        let enemy_share = if e.mode() == Mode::Easy { 0.2 } else { 0.5 };
        let width = e.main_width;
        let mut x = e.rng.randn(width - 4) + 2;
        let mut y = 0;
        for i in 0..platforms {
            let rise = e.rng.randn(MAX_RISE - MIN_RISE + 1) + MIN_RISE;
            let open = x >= MARGIN && x <= width - MARGIN;
            if open && e.rng.rand01() < enemy_share {
                add_enemy(e, x, y);
            }
            y += rise;
            let length = 2 + e.rng.randn(10);
            let mut direction = e.rng.randsign();
            if x < MARGIN {
                direction = 1;
            }
            if x > width - MARGIN {
                direction = -1;
            }
            let mut built = 0;
            while built < length {
                let next = x + (built + 1) * direction;
                if next <= 0 || next >= width - 1 {
                    break;
                }
                e.set_obj(next, y, WALL_TOP);
                built += 1;
            }
            if e.rng.rand01() < 0.5 || i == platforms - 1 {
                let coin_x = x + (e.rng.randn(built) + 1) * direction;
                e.add_entity(coin_x as f32 + 0.5, y as f32 + 1.5, 0.0, 0.0, 0.3, COIN);
                self.coin_quota += 1;
            }
            x += (e.rng.randn(built) + 1) * direction;
        }
    }
}

/// An enemy flies to and fro above the place (x, y).
fn add_enemy(e: &mut Engine, x: i32, y: i32) {
    let vx = (ENEMY_SPEED * f64::from(e.rng.randsign())) as f32;
    let y = (y + e.rng.randn(2) + 2) as f32 + 0.5;
    let x = x as f32 + 0.5;
    let mut enemy = Entity::new(x, y, vx, 0.0, 0.5, 0.5, ENEMY);
    enemy.image_type = ENEMY1;
    enemy.smart_step = true;
    enemy.climber_spawn_x = x;
    e.match_aspect_ratio(&mut enemy);
    e.add(enemy);
}
