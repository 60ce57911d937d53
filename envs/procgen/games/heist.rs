//! Fetch keys, open the locks of their colours, steal the gem.

use crate::procgen::{
    engine::Engine,
    entity::{AGENT_OBJ, DOOR_OBJ, EXIT_OBJ, Entity, KEY_OBJ, PLAYER, SPACE, WALL_OBJ},
    game::{Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
    spawn::Area,
};
use std::f32::consts::PI;

const LOCKED_DOOR: i32 = 1;
const KEY: i32 = 2;
/// The gem.
const EXIT: i32 = 9;
/// A key in the corner of the screen, seen once it is fetched.
const KEY_ON_RING: i32 = 11;

const COMPLETION_BONUS: f32 = 10.0;
const MAX_KEYS: i32 = 3;
const AGENT_R: f32 = 0.375;
const ITEM_R: f32 = 0.375;
const DOOR_R: f32 = 0.5;
/// As a share of the view.
const RING_KEY_R: f32 = 0.03;

#[derive(Clone)]
pub struct Heist {
    num_keys: i32,
    world_dim: i32,
    /// By the theme of the key.
    has_keys: Vec<bool>,
}

impl Game for Heist {
    const FACTS: &'static Facts = &Facts {
        name: "heist",
        about: "fetch keys, open locks, steal the gem",
        scores: Scores { easy: (3.5, 10.0), hard: (2.0, 10.0) },
        memory: true,
        exploration: Some(876_640_971),
        rewards: (0.0, COMPLETION_BONUS),
        sprites: &[
            Sprite::new(PLAYER, &[("thief", 37, 44)]),
            Sprite::keeping_theme(
                LOCKED_DOOR,
                &[("lock/blue", 70, 70), ("lock/green", 70, 70), ("lock/red", 70, 70)],
            ),
            Sprite::keeping_theme(
                KEY,
                &[("key/blue", 84, 52), ("key/green", 84, 52), ("key/red", 84, 52)],
            ),
            Sprite::new(EXIT, &[("gem/yellow", 70, 48)]),
            Sprite::new(WALL_OBJ, &[("wall/dirt", 128, 128)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.has_useful_vel_info = false;
        e.out_of_bounds_object = WALL_OBJ;
        e.visibility = 8.0;
        Self { num_keys: 0, world_dim: 0, has_keys: Vec::new() }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("num_keys", &mut self.num_keys);
        io.int("world_dim", &mut self.world_dim);
        io.bools("has_keys", &mut self.has_keys);
        io.require("has_keys", self.has_keys.len() as i32 == self.num_keys);
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        self.world_dim = match e.mode() {
            Mode::Easy => 9,
            Mode::Memory => 23,
            _ => 13,
        };
        e.maxspeed = 0.75;
        (e.main_width, e.main_height) = (self.world_dim, self.world_dim);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        let memory = e.mode() == Mode::Memory;
        let difficulty = e.rng.randn((self.world_dim - 5) / 2 + 1);
        e.settings.center_agent = memory;
        let keys = if memory { e.rng.randn(4) } else { difficulty + e.rng.randn(2) };
        self.num_keys = keys.min(MAX_KEYS);
        self.has_keys.clear();
        self.has_keys.resize(self.num_keys as usize, false);
        let maze_dim = difficulty * 2 + 5;
        e.maze.generate_with_doors(&mut e.rng, maze_dim, self.num_keys);
        // Parked outside: what is put into cells before its own does not give way to it.
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (AGENT_R, AGENT_R);
        (agent.x, agent.y) = (-1.0, -1.0);
        let room = self.world_dim - maze_dim + 1;
        let (off_x, off_y) = (e.rng.randn(room), e.rng.randn(room));
        e.fill_grid(WALL_OBJ);
        for x in 0..maze_dim {
            for y in 0..maze_dim {
                let kind = e.maze.get(x, y);
                if kind != WALL_OBJ {
                    e.set_obj(off_x + x, off_y + y, SPACE);
                    furnish(e, (off_x + x) as f32, (off_y + y) as f32, kind);
                }
            }
        }
        for k in 0..self.num_keys {
            let r = f64::from(RING_KEY_R);
            let x = (1.0 - r * (2.0 * f64::from(k) + 1.25)) as f32;
            let y = (r * 0.75) as f32;
            let mut key = Entity {
                image_theme: k,
                image_type: KEY,
                rotation: PI / 2.0,
                render_z: 1,
                use_abs_coords: true,
                ..Entity::new(x, y, 0.0, 0.0, RING_KEY_R, RING_KEY_R, KEY_ON_RING)
            };
            e.match_aspect_ratio(&mut key);
            e.add(key);
        }
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        let (dx, dy) = (e.action_vx, e.action_vy);
        e.agent_mut().face_direction(dx, dy, 0.0);
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        let Entity { kind, image_theme, .. } = e.entities[i];
        match kind {
            EXIT => e.complete(COMPLETION_BONUS),
            KEY => {
                e.entities[i].will_erase = true;
                if let Some(has_key) = self.has_keys.get_mut(image_theme as usize) {
                    *has_key = true;
                }
            }
            LOCKED_DOOR if self.has_key(image_theme) => e.entities[i].will_erase = true,
            _ => {}
        }
    }

    fn is_blocked_ents(&mut self, e: &mut Engine, _mover: usize, target: usize, _: bool) -> bool {
        match e.entities[target].kind {
            LOCKED_DOOR => !self.has_key(e.entities[target].image_theme),
            kind => kind == WALL_OBJ,
        }
    }

    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == LOCKED_DOOR || kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    fn should_draw(&self, _e: &Engine, entity: &Entity) -> bool {
        entity.kind != KEY_ON_RING || self.has_key(entity.image_theme)
    }
}

impl Heist {
    fn has_key(&self, theme: i32) -> bool {
        self.has_keys.get(theme as usize).is_some_and(|&has_key| has_key)
    }
}

/// Puts what the maze has in a cell there; (x, y) is the lower left corner.
fn furnish(e: &mut Engine, x: f32, y: f32, kind: i32) {
    let cell = Area::new(x, y, 1.0, 1.0);
    if kind >= KEY_OBJ {
        add_item(e, cell, KEY, kind - KEY_OBJ - 1);
    } else if kind >= DOOR_OBJ {
        let door = e.add_entity(x + 0.5, y + 0.5, 0.0, 0.0, DOOR_R, LOCKED_DOOR);
        e.entities[door].image_theme = kind - DOOR_OBJ - 1;
    } else if kind == EXIT_OBJ {
        add_item(e, cell, EXIT, 0);
    } else if kind == AGENT_OBJ {
        let agent = e.agent_mut();
        (agent.x, agent.y) = (x + 0.5, y + 0.5);
    }
}

/// Puts something to be fetched anywhere in a cell.
fn add_item(e: &mut Engine, cell: Area, kind: i32, theme: i32) {
    let mut item = Entity::new(0.0, 0.0, 0.0, 0.0, ITEM_R, ITEM_R, kind);
    e.reposition(&mut item, cell, true);
    item.image_theme = theme;
    e.match_aspect_ratio(&mut item);
    e.add(item);
}
