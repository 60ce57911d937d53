//! Hit all enemies with balls and dodge theirs, then leave through the door.

use crate::procgen::{
    engine::{AGENT, Engine},
    entity::{Entity, PLAYER, WALL_OBJ},
    game::{Facts, Game, Scores, Sprite, Theme},
    layout::Layout,
    options::Mode,
    spawn::Area,
};
use std::f32::consts::PI;

/// Kills whom it touches.
const LAVA_WALL: i32 = 1;
const PLAYER_BALL: i32 = 3;
const ENEMY: i32 = 4;
const DOOR: i32 = 5;
const ENEMY_BALL: i32 = 6;
/// Picture of the door when all enemies are gone.
const DOOR_OPEN: i32 = 7;
const DUST_CLOUD: i32 = 8;
const OOB_WALL: i32 = 10;

const ENEMY_REWARD: f32 = 2.0;
const COMPLETION_BONUS: f32 = 10.0;
const MIN_ENEMIES: i32 = 3;
/// Most enemies beyond those, and in memory mode.
const MAX_EXTRA: i32 = 3;
const MAX_EXTRA_MEMORY: i32 = 16;
/// How many of the pictures of an enemy come up.
const ENEMY_THEMES: i32 = 7;
const ENEMY_SPEED: f32 = 0.05;
/// Steps between the balls of an enemy, and of the agent.
const ENEMY_FIRE_DELAY: i32 = 50;
const FIRE_DELAY: i32 = 7;
const BALL_EXPIRE_TIME: i32 = 50;
const BALL_V_ROT: f32 = PI * 0.23;
/// Half the thickness of a wall in extreme mode.
const THICKNESS: f32 = 0.3;

#[rustfmt::skip]
const ENEMIES: [Theme; 11] = [
    ("thrower/1", 35, 43), ("thrower/2", 35, 43), ("thrower/3", 35, 43), ("thrower/4", 35, 43),
    ("thrower/5", 35, 43), ("thrower/6", 35, 43), ("thrower/7", 35, 43), ("thrower/8", 35, 43),
    ("thrower/9", 38, 43), ("thrower/10", 38, 43), ("thrower/11", 38, 43),
];

#[rustfmt::skip]
const DUST: [Theme; 9] = [
    ("dust/1", 41, 42), ("dust/2", 56, 49), ("dust/3", 59, 55),
    ("dust/4", 52, 50), ("dust/5", 63, 65), ("dust/6", 73, 72),
    ("dust/7", 87, 100), ("dust/8", 100, 102), ("dust/9", 69, 71),
];

#[derive(Clone)]
pub struct Dodgeball {
    /// A room is divided further only if one of its sides has the first of these lengths and both
    /// have the second.
    min_dim: f32,
    hard_min_dim: f32,
    ball_vscale: f32,
    ball_r: f32,
    last_fire_time: i32,
    /// At the end of the last step.
    num_enemies: i32,
    /// Half the thickness of walls, while the level is made.
    thickness: f32,
    /// Rooms that may be divided, while the level is made.
    rooms: Vec<Area>,
}

impl Game for Dodgeball {
    const FACTS: &'static Facts = &Facts {
        name: "dodgeball",
        about: "hit all enemies with balls and dodge theirs, then leave through the door",
        scores: Scores { easy: (1.5, 19.0), hard: (1.5, 19.0) },
        extreme: true,
        memory: true,
        // Several enemies at once are possible, all are not.
        rewards: (0.0, ENEMY_REWARD * (MIN_ENEMIES + MAX_EXTRA_MEMORY) as f32 + COMPLETION_BONUS),
        sprites: &[
            Sprite::new(PLAYER, &[("thrower/own", 38, 43)]),
            Sprite::new(LAVA_WALL, &[("wall/stone", 12, 12)]),
            Sprite::new(PLAYER_BALL, &[("ball/own", 18, 18)]),
            Sprite::new(ENEMY, &ENEMIES),
            Sprite::new(DOOR, &[("door/closed", 64, 64)]),
            Sprite::new(ENEMY_BALL, &[("ball/enemy", 18, 18)]),
            Sprite::new(DOOR_OPEN, &[("door/open", 64, 64)]),
            Sprite::new(DUST_CLOUD, &DUST),
            Sprite::new(OOB_WALL, &[("wall/border", 12, 12)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.out_of_bounds_object = OOB_WALL;
        Self {
            min_dim: 0.0,
            hard_min_dim: 0.0,
            ball_vscale: 0.0,
            ball_r: 0.0,
            last_fire_time: 0,
            num_enemies: 0,
            thickness: 0.0,
            rooms: Vec::new(),
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.float("min_dim", &mut self.min_dim);
        io.float("hard_min_dim", &mut self.hard_min_dim);
        io.float("ball_vscale", &mut self.ball_vscale);
        io.float("ball_r", &mut self.ball_r);
        io.int("last_fire_time", &mut self.last_fire_time);
        io.int("num_enemies", &mut self.num_enemies);
        io.constant("enemy_fire_delay", ENEMY_FIRE_DELAY);
        io.require("last_fire_time", (0..=1 << 30).contains(&self.last_fire_time));
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        let world_dim = if e.mode() == Mode::Memory { 40 } else { 20 };
        (e.main_width, e.main_height) = (world_dim, world_dim);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        let mode = e.mode();
        e.settings.center_agent = mode == Mode::Memory;
        self.last_fire_time = 0;
        let agent_r = e.agent().rx;
        // Everything is larger and faster in the easier modes.
        let (thickness, enemy_r, ball_r, maxspeed, agent_r) = match mode {
            Mode::Easy => (THICKNESS * 2.0, 1.0, 0.5, 0.75, 1.0),
            Mode::Extreme => (THICKNESS, 0.5, 0.25, 0.25, agent_r),
            _ => ((f64::from(THICKNESS) * 1.5) as f32, 0.75, 0.375, 0.5, 0.75),
        };
        let (divisions, max_extra) = match mode {
            Mode::Easy => (2, MAX_EXTRA),
            Mode::Extreme => (8, MAX_EXTRA),
            Mode::Memory => (16, MAX_EXTRA_MEMORY),
            _ => (4, MAX_EXTRA),
        };
        let exit_r = if mode == Mode::Easy { 1.5 } else { 0.75 };
        e.maxspeed = maxspeed;
        (self.ball_r, self.ball_vscale, self.thickness) = (ball_r, ball_r, thickness);
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (agent_r, agent_r);
        self.hard_min_dim = (f64::from(4.0 * agent_r + 2.0 * thickness) + 0.5) as f32;
        self.min_dim = (f64::from(agent_r * 8.0) + 0.5) as f32;

        self.rooms.clear();
        self.rooms.push(e.world());
        for _ in 0..divisions {
            if self.rooms.is_empty() {
                break;
            }
            let room = self.rooms.remove(e.rng.index(self.rooms.len()));
            self.divide(e, room);
        }
        spawn_door(e, exit_r);
        e.reposition_agent();
        self.num_enemies = e.rng.randn(max_extra + 1) + MIN_ENEMIES;
        e.spawn_entities(self.num_enemies, enemy_r, ENEMY, e.world());
        let theme = e.rng.randn(ENEMY_THEMES);
        for i in 0..e.entities.len() {
            let entity = &mut e.entities[i];
            if entity.kind == ENEMY {
                entity.image_theme = theme;
                entity.fire_time = 10;
                entity.smart_step = true;
                choose_velocity(e, i);
                face_ahead(&mut e.entities[i]);
            }
            let entity = &mut e.entities[i];
            entity.collides_with_entities = matches!(entity.kind, ENEMY | LAVA_WALL);
        }
        e.agent_mut().face_direction(1.0, 0.0, 0.0);
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        // The direction outlasts the level.
        let dx = (e.last_move_action / 3 - 1) as f32;
        let dy = (e.last_move_action % 3 - 1) as f32;
        e.agent_mut().face_direction(dx, dy, 0.0);
        if e.special_action == 1 && e.cur_time - self.last_fire_time >= FIRE_DELAY {
            let ball = self.throw(e, AGENT, dx, dy, PLAYER_BALL);
            e.entities[ball].collides_with_entities = true;
            self.last_fire_time = e.cur_time;
        }
        self.num_enemies = 0;
        let (width, height) = (e.main_width as f32, e.main_height as f32);
        for i in (0..e.entities.len()).rev() {
            let entity = &mut e.entities[i];
            match entity.kind {
                ENEMY => {
                    self.num_enemies += 1;
                    self.step_enemy(e, i);
                }
                PLAYER_BALL | ENEMY_BALL => {
                    let Entity { x, y, rx, ry, .. } = *entity;
                    if x < rx || x > width - rx || y < ry || y > height - ry {
                        entity.will_erase = true;
                    }
                }
                _ => {}
            }
        }
        e.erase_if_needed();
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            ENEMY | ENEMY_BALL | LAVA_WALL => e.done = true,
            DOOR if self.num_enemies == 0 => e.complete(COMPLETION_BONUS),
            _ => {}
        }
    }

    fn handle_collision(&mut self, e: &mut Engine, source: usize, target: usize) {
        match (e.entities[source].kind, e.entities[target].kind) {
            (LAVA_WALL, PLAYER_BALL | ENEMY_BALL) => e.entities[target].will_erase = true,
            (ENEMY, PLAYER_BALL) => {
                e.entities[target].will_erase = true;
                let enemy = &mut e.entities[source];
                enemy.health -= 1.0;
                if enemy.health <= 0.0 && !enemy.will_erase {
                    enemy.will_erase = true;
                    let r = enemy.rx;
                    e.reward += ENEMY_REWARD;
                    raise_dust(e, source, r);
                }
            }
            _ => {}
        }
    }

    fn will_reflect(&self, e: &Engine, mover_kind: i32, kind: i32) -> bool {
        mover_kind == ENEMY && (kind == LAVA_WALL || kind == e.out_of_bounds_object)
    }

    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == LAVA_WALL || kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    fn image_for_type(&self, _e: &Engine, kind: i32) -> i32 {
        if kind == DOOR && self.num_enemies == 0 { DOOR_OPEN } else { kind.abs() }
    }

    fn tile_ratio(&self, _e: &Engine, entity: &Entity) -> f32 {
        match entity.kind {
            LAVA_WALL if entity.rx > entity.ry => 1.0,
            LAVA_WALL => -1.0,
            _ => 0.0,
        }
    }
}

impl Dodgeball {
    /// Puts a wall into the middle of a room that leaves a quarter or more of its length open.
    fn divide(&mut self, e: &mut Engine, room: Area) {
        let mut horizontal = e.rng.rand01() < 0.5;
        let at_start = e.rng.rand01() < 0.5;
        if room.w < self.min_dim {
            horizontal = false;
        }
        if room.h < self.min_dim {
            horizontal = true;
        }
        let gap = (0.25 * f64::from(e.rng.randn(3) + 1)) as f32;
        let share = 1.0 - gap;
        // Horizontal walls are made as vertical ones, with x and y swapped.
        let turned = |area: Area| if horizontal { transposed(area) } else { area };
        let Area { x, y, w, h } = turned(room);
        let length = share * h;
        let (start, rest) = if at_start { (y, y + length) } else { (y + (1.0 - share) * h, y) };

        let r = turned(Area::new(x + w / 2.0, start + length / 2.0, self.thickness, length / 2.0));
        e.add(Entity::new(r.x, r.y, 0.0, 0.0, r.w, r.h, LAVA_WALL));
        let width = w / 2.0 - self.thickness;
        let right = (x + w / 2.0) + self.thickness;
        let rooms = [
            Area::new(x, start, width, length),
            Area::new(right, start, width, length),
            Area::new(x, rest, w, h - length),
        ];
        let (min, hard_min) = (self.min_dim, self.hard_min_dim);
        let is_large = |room: &Area| {
            (room.w >= min || room.h >= min) && room.w >= hard_min && room.h >= hard_min
        };
        self.rooms.extend(rooms.into_iter().filter(is_large).map(turned));
    }

    fn step_enemy(&self, e: &mut Engine, i: usize) {
        if e.entities[i].spawn_time == 0 {
            choose_velocity(e, i);
        } else {
            e.entities[i].spawn_time -= 1;
        }
        let Entity { x, y, fire_time, .. } = e.entities[i];
        if e.cur_time.wrapping_sub(fire_time) >= ENEMY_FIRE_DELAY {
            let Entity { x: agent_x, y: agent_y, .. } = *e.agent();
            let towards = |from: f32, to: f32| if from < to { 1.0 } else { -1.0 };
            if (x - agent_x).abs() < 1.0 {
                self.attack(e, i, 0.0, towards(y, agent_y));
            } else if (y - agent_y).abs() < 1.0 {
                self.attack(e, i, towards(x, agent_x), 0.0);
            }
        }
        face_ahead(&mut e.entities[i]);
    }

    /// An enemy throws a ball and walks after it.
    fn attack(&self, e: &mut Engine, i: usize, dx: f32, dy: f32) {
        self.throw(e, i, dx, dy, ENEMY_BALL);
        let fire_time = e.cur_time + e.rng.randn(4);
        let enemy = &mut e.entities[i];
        enemy.fire_time = fire_time;
        (enemy.vx, enemy.vy) = (dx * ENEMY_SPEED, dy * ENEMY_SPEED);
    }

    /// Adds a ball that somebody throws in a direction.
    fn throw(&self, e: &mut Engine, thrower: usize, dx: f32, dy: f32, kind: i32) -> usize {
        let Entity { x, y, .. } = e.entities[thrower];
        let (vx, vy) = (dx * self.ball_vscale, dy * self.ball_vscale);
        e.add(Entity {
            expire_time: BALL_EXPIRE_TIME,
            vrot: BALL_V_ROT,
            ..Entity::new(x, y, vx, vy, self.ball_r, self.ball_r, kind)
        })
    }
}

fn transposed(area: Area) -> Area {
    Area::new(area.y, area.x, area.h, area.w)
}

/// Puts the door at one of the four borders.
fn spawn_door(e: &mut Engine, r: f32) {
    let Area { w, h, .. } = e.world();
    let border = match e.rng.randn(4) {
        0 => Area::new(0.0, 0.0, w, 2.0 * r),
        1 => Area::new(0.0, h - 2.0 * r, w, 2.0 * r),
        2 => Area::new(0.0, 0.0, 2.0 * r, h),
        _ => Area::new(w - 2.0 * r, 0.0, 2.0 * r, h),
    };
    e.spawn_entity(r, DOOR, border);
}

/// Lets an enemy walk along one of the axes, for a while.
fn choose_velocity(e: &mut Engine, i: usize) {
    let v = ENEMY_SPEED * e.rng.randsign() as f32;
    let along_x = e.rng.randn(2) == 0;
    let enemy = &mut e.entities[i];
    (enemy.vx, enemy.vy) = if along_x { (v, 0.0) } else { (0.0, v) };
    enemy.spawn_time = e.rng.randn(50) + 25;
}

fn face_ahead(entity: &mut Entity) {
    let Entity { vx, vy, .. } = *entity;
    entity.face_direction(vx, vy, 0.0);
}

/// Leaves a cloud where an enemy was.
fn raise_dust(e: &mut Engine, enemy: usize, r: f32) {
    let i = e.spawn_child(enemy, DUST_CLOUD, r);
    let dust = &mut e.entities[i];
    dust.vrot = PI / 0.3;
    dust.grow_rate = 1.0 / 1.2;
    dust.expire_time = 4;
    dust.alpha_decay = 0.9;
    e.choose_step_random_theme(i);
}
