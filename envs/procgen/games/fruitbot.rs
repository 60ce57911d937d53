//! Fly through gaps, gather fruit, avoid all other food.

use crate::procgen::{
    engine::Engine,
    entity::{Entity, PLAYER},
    game::{Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
};
use std::f32::consts::PI;

const BARRIER: i32 = 1;
/// What is outside of the world.
const OUT_OF_BOUNDS_WALL: i32 = 2;
const PLAYER_BULLET: i32 = 3;
const BAD_OBJ: i32 = 4;
const GOOD_OBJ: i32 = 7;
const LOCKED_DOOR: i32 = 10;
const LOCK: i32 = 11;
const PRESENT: i32 = 12;

const HEIGHT: i32 = 60;
const GOOD_REWARD: f32 = 1.0;
const BAD_REWARD: f32 = -4.0;
/// For each present that is touched, which are two at most.
const COMPLETION_BONUS: f32 = 10.0;
/// Most good and most bad objects of a level.
const MAX_FOOD: i32 = 19;
/// Steps from one key to the next.
const RELOAD: i32 = 8;
/// Least distance between two walls, and from the last to the end.
const MIN_SEP: i32 = 4;
const END: i32 = 4;
/// Walls further than this from the one before may have a door.
const DOOR_DISTANCE: i32 = 5;
/// Half the thickness of walls and doors.
const WALL_RY: f32 = 0.3;
/// Width by height of a piece of door.
const DOOR_RATIO: f32 = 3.25;
const LOCK_RX: f32 = 0.25;
const LOCK_RY: f32 = 0.45;

#[derive(Clone)]
pub struct Fruitbot {
    min_dim: f32,
    /// Speed of keys.
    bullet_vscale: f32,
    last_fire_time: i32,
}

impl Game for Fruitbot {
    const FACTS: &'static Facts = &Facts {
        name: "fruitbot",
        about: "fly through gaps, gather fruit, avoid all other food",
        scores: Scores { easy: (-1.5, 32.4), hard: (-0.5, 27.2) },
        // Several objects at once are possible, all of them are not.
        rewards: (
            MAX_FOOD as f32 * BAD_REWARD,
            MAX_FOOD as f32 * GOOD_REWARD + 2.0 * COMPLETION_BONUS,
        ),
        sprites: &[
            Sprite::new(PLAYER, &[("robot", 148, 154)]),
            Sprite::new(BARRIER, &[("wall/block", 16, 16)]),
            Sprite::new(OUT_OF_BOUNDS_WALL, &[("wall/border", 16, 16)]),
            Sprite::new(PLAYER_BULLET, &[("key/fired", 32, 32)]),
            Sprite::new(
                BAD_OBJ,
                &[
                    ("food/bad1", 14, 25),
                    ("food/bad2", 28, 13),
                    ("food/bad3", 19, 19),
                    ("food/bad4", 21, 20),
                    ("food/bad5", 22, 24),
                    ("food/bad6", 22, 22),
                ],
            ),
            Sprite::new(
                GOOD_OBJ,
                &[
                    ("fruit/1", 27, 28),
                    ("fruit/2", 24, 30),
                    ("fruit/3", 30, 22),
                    ("fruit/4", 20, 31),
                    ("fruit/5", 23, 23),
                    ("fruit/6", 22, 26),
                ],
            ),
            Sprite::new(LOCKED_DOOR, &[("door/bars", 104, 32)]),
            Sprite::new(LOCK, &[("door/lock", 70, 105)]),
            Sprite::new(
                PRESENT,
                &[("present/1", 26, 26), ("present/2", 26, 26), ("present/3", 26, 26)],
            ),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.mixrate = 0.5;
        e.maxspeed = 0.85;
        e.bg_tile_ratio = -1.0;
        e.out_of_bounds_object = OUT_OF_BOUNDS_WALL;
        Self { min_dim: 5.0, bullet_vscale: 0.5, last_fire_time: 0 }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.float("min_dim", &mut self.min_dim);
        io.float("bullet_vscale", &mut self.bullet_vscale);
        io.require("bullet_vscale", self.bullet_vscale.abs() <= 10.0);
        io.int("last_fire_time", &mut self.last_fire_time);
        io.require("last_fire_time", (0..=1 << 30).contains(&self.last_fire_time));
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        e.main_width = if e.mode() == Mode::Easy { 10 } else { 20 };
        e.main_height = HEIGHT;
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        self.last_fire_time = 0;
        let easy = e.mode() == Mode::Easy;
        let (walls, group, door_share, min_gap) =
            if easy { (5, 2, 0.0, 0.2) } else { (10, 6, 0.125, 0.1) };
        let spare = e.rng.partition(HEIGHT - MIN_SEP * walls - END, walls as usize);
        let mut y = 0;
        for extra in spare {
            let distance = MIN_SEP + extra;
            y += distance;
            let has_door = distance > DOOR_DISTANCE && e.rng.rand01() < door_share;
            add_walls(e, y as f32, has_door, min_gap);
        }
        let agent = e.agent_mut();
        agent.y = agent.ry;
        let good = e.rng.randn(10) + 10;
        let bad = e.rng.randn(10) + 10;
        for x in 0..e.main_width {
            let (x, y) = (x as f32 + 0.5, HEIGHT as f32 - 0.5);
            let present = e.add_entity(x, y, 0.0, 0.0, 0.5, PRESENT);
            e.choose_random_theme(present);
        }
        e.spawn_entities(good, 0.5, GOOD_OBJ, e.world());
        e.spawn_entities(bad, 0.5, BAD_OBJ, e.world());
        for i in 0..e.entities.len() {
            let mut food = e.entities[i];
            if matches!(food.kind, GOOD_OBJ | BAD_OBJ) {
                food.image_theme = e.rng.randn(group);
                e.fit_aspect_ratio(&mut food);
                e.entities[i] = food;
            }
        }
        e.agent_mut().rotation = -PI / 2.0;
    }

    /// The robot always flies on.
    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
        e.action_vy = 0.2;
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        if e.special_action == 1 && e.cur_time - self.last_fire_time >= RELOAD {
            let Entity { x, y, .. } = *e.agent();
            e.add(Entity {
                expire_time: 8,
                collides_with_entities: true,
                ..Entity::new(x, y, 0.0, self.bullet_vscale, 0.25, 0.25, PLAYER_BULLET)
            });
            self.last_fire_time = e.cur_time;
        }
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            BARRIER | LOCKED_DOOR => e.done = true,
            BAD_OBJ => {
                e.reward += BAD_REWARD;
                e.entities[i].will_erase = true;
            }
            GOOD_OBJ => {
                e.reward += GOOD_REWARD;
                e.entities[i].will_erase = true;
            }
            PRESENT => e.complete(COMPLETION_BONUS),
            _ => {}
        }
    }

    /// Keys open the door beside the lock they hit.
    fn handle_collision(&mut self, e: &mut Engine, source: usize, target: usize) {
        if e.entities[source].kind != PLAYER_BULLET {
            return;
        }
        match e.entities[target].kind {
            BARRIER => e.entities[source].will_erase = true,
            LOCK => {
                e.entities[source].will_erase = true;
                e.entities[target].will_erase = true;
                let lock_y = e.entities[target].y;
                let beside =
                    |door: &&mut Entity| door.kind == LOCKED_DOOR && (door.y - lock_y).abs() < 1.0;
                if let Some(door) = e.entities.iter_mut().find(beside) {
                    door.will_erase = true;
                }
            }
            _ => {}
        }
    }

    /// The whole width of the world, with the robot at the lower end.
    fn choose_center(&self, e: &Engine) -> (f32, f32, f32) {
        let width = e.main_width as f32;
        let agent = e.agent();
        let y = f64::from(agent.y) + f64::from(width) / 2.0 - f64::from(2.0 * agent.ry);
        (width / 2.0, y as f32, width)
    }

    fn tile_ratio(&self, _e: &Engine, entity: &Entity) -> f32 {
        match entity.kind {
            BARRIER => 1.0,
            LOCKED_DOOR => DOOR_RATIO,
            _ => 0.0,
        }
    }
}

/// A wall with a gap of at least a share of the width, which a locked door may close.
fn add_walls(e: &mut Engine, y: f32, has_door: bool, min_gap: f32) {
    let width = e.main_width as f32;
    let mut share = (f64::from(min_gap) + 0.2 * f64::from(e.rng.rand01())) as f32;
    if has_door {
        // The gap is filled by a lock and whole pieces of door, and as wide as the lock again.
        share += 0.1;
        let lock = 2.0 * LOCK_RX / width;
        let piece = (WALL_RY * 2.0 * DOOR_RATIO) / width;
        let pieces = ((share - 2.0 * lock) / piece).ceil();
        share = 2.0 * lock + piece * pieces;
    }
    let gap = share * width;
    let left = e.rng.rand01() * (width - gap);
    let right = (width - left) - gap;
    add(e, left / 2.0, y, left / 2.0, WALL_RY, BARRIER);
    add(e, width - right / 2.0, y, right / 2.0, WALL_RY, BARRIER);
    if has_door {
        let side = e.rng.randn(2) as f32;
        let lock_x = (left + LOCK_RX) + side * (gap - 2.0 * LOCK_RX);
        let door_x = (left + gap / 2.0) - (side * 2.0 - 1.0) * LOCK_RX;
        add(e, door_x, y, gap / 2.0 - LOCK_RX, WALL_RY, LOCKED_DOOR);
        add(e, lock_x, (y - LOCK_RY) + WALL_RY, LOCK_RX, LOCK_RY, LOCK);
    }
}

/// Appends a box at rest.
fn add(e: &mut Engine, x: f32, y: f32, rx: f32, ry: f32, kind: i32) {
    e.add(Entity::new(x, y, 0.0, 0.0, rx, ry, kind));
}
