//! Fly a ship through a cave to the goal.

use crate::procgen::{
    engine::Engine,
    entity::{EXPLOSION, Entity, PLAYER, SPACE, WALL_OBJ},
    game::{Background, Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
};
use std::f32::consts::FRAC_PI_2;

const GOAL: i32 = 1;
const OBSTACLE: i32 = 2;
const TARGET: i32 = 3;
const PLAYER_BULLET: i32 = 4;
const ENEMY: i32 = 5;
const CAVEWALL: i32 = 8;
const EXHAUST: i32 = 9;
/// A cell that is kept free while the level is populated.
const MARKER: i32 = 1003;

const GOAL_REWARD: f32 = 10.0;
const TARGET_REWARD: f32 = 3.0;
const TARGET_HEALTH: f32 = 5.0;
/// Steps that a bullet flies.
const BULLET_RANGE: i32 = 10;
/// Of obstacles, targets and enemies there is one each for so many free cells.
const CELLS_PER_KIND: usize = 80;
/// Width of the cave around the way to the goal, to either side.
const CAVE_WIDTH: u32 = 4;
/// Thrust backwards, as a share of that forwards.
const REVERSE: f32 = 0.33;

#[derive(Clone)]
pub struct Caveflyer;

impl Game for Caveflyer {
    const FACTS: &'static Facts = &Facts {
        name: "caveflyer",
        about: "fly a ship through a cave to the goal",
        scores: Scores { easy: (3.5, 12.0), hard: (2.0, 13.4) },
        memory: true,
        exploration: Some(1_259_048_185),
        // Each of the bullets in flight can destroy a target in the same step.
        rewards: (0.0, GOAL_REWARD + BULLET_RANGE as f32 * TARGET_REWARD),
        background: Background::Space,
        sprites: &[
            Sprite::new(PLAYER, &[("ship/red", 99, 75)]),
            Sprite::new(GOAL, &[("ufo/green", 91, 91)]),
            Sprite::new(OBSTACLE, &[("meteor/brown", 101, 84)]),
            Sprite::new(TARGET, &[("ufo/red", 91, 91)]),
            Sprite::new(PLAYER_BULLET, &[("laser/blue", 13, 37)]),
            Sprite::new(ENEMY, &[("ship/blue", 82, 84)]),
            Sprite::new(CAVEWALL, &[("wall/rock", 128, 128)]),
            Sprite::new(EXHAUST, &[("flame", 60, 60)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.mixrate = 0.9;
        Self
    }

    fn layout(&mut self, _io: &mut impl Layout) {}

    fn choose_world_dim(&mut self, e: &mut Engine) {
        let side = match e.mode() {
            Mode::Easy => 30,
            Mode::Memory => 60,
            _ => 40,
        };
        (e.main_width, e.main_height) = (side, side);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.out_of_bounds_object = WALL_OBJ;
        let path = dig_cave(e);
        populate(e, &path);
        e.out_of_bounds_object = CAVEWALL;
        e.visibility = if e.mode() == Mode::Easy { 10.0 } else { 16.0 };
    }

    /// The ship turns, and thrusts where it points; forwards it leaves a flame behind.
    fn set_action_xy(&mut self, e: &mut Engine) {
        let mut thrust = (e.move_action % 3 - 1) as f32;
        if thrust < 0.0 {
            thrust *= REVERSE;
        }
        let agent = *e.agent();
        let (heading, cos, sin) = heading(&agent);
        if thrust > 0.0 {
            let x = (f64::from(agent.x) - f64::from(agent.rx) * cos) as f32;
            let y = (f64::from(agent.y) - f64::from(agent.ry) * sin) as f32;
            let r = 0.5 * agent.rx;
            e.add(Entity {
                expire_time: 4,
                rotation: -heading - FRAC_PI_2,
                grow_rate: 1.25,
                alpha_decay: 0.8,
                ..Entity::new(x, y, 0.0, 0.0, r, r, EXHAUST)
            });
        }
        e.action_vx = (f64::from(thrust) * cos) as f32;
        e.action_vy = (f64::from(thrust) * sin) as f32;
        e.action_vrot = (e.move_action / 3 - 1) as f32;
    }

    /// Thrust adds to the velocity instead of being mixed into it.
    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let push = e.mixrate * e.maxspeed;
        let (ax, ay) = (push * e.action_vx, push * e.action_vy);
        let agent = e.agent_mut();
        agent.vx = (f64::from(agent.vx) + f64::from(ax) * 0.2) as f32;
        agent.vy = (f64::from(agent.vy) + f64::from(ay) * 0.2) as f32;
        e.decay_agent_velocity();
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        if e.special_action == 1 {
            let Entity { x, y, rotation, .. } = *e.agent();
            let (_, cos, sin) = heading(e.agent());
            e.add(Entity {
                expire_time: BULLET_RANGE,
                rotation,
                ..Entity::new(x, y, cos as f32, sin as f32, 0.1, 0.25, PLAYER_BULLET)
            });
        }
        for i in (0..e.entities.len()).rev() {
            let entity = &mut e.entities[i];
            if entity.kind == ENEMY {
                entity.face_direction(entity.vx, entity.vy, -FRAC_PI_2);
            } else if entity.kind == PLAYER_BULLET && touches_wall(e, i) {
                e.entities[i].will_erase = true;
                e.spawn_child(i, EXPLOSION, 0.5 * e.entities[i].rx);
            }
        }
        e.erase_if_needed();
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            GOAL => e.complete(GOAL_REWARD),
            OBSTACLE | ENEMY | TARGET => e.done = true,
            _ => {}
        }
    }

    fn handle_collision(&mut self, e: &mut Engine, i: usize, bullet: usize) {
        if e.entities[bullet].kind != PLAYER_BULLET {
            return;
        }
        let source = &mut e.entities[i];
        let Entity { vx, vy, .. } = *source;
        match source.kind {
            TARGET => {
                source.health -= 1.0;
                if source.health <= 0.0 && !source.will_erase {
                    source.will_erase = true;
                    let r = 0.5 * source.rx;
                    e.spawn_child(i, EXPLOSION, r);
                    e.reward += TARGET_REWARD;
                }
            }
            OBSTACLE | ENEMY | GOAL => {}
            _ => return,
        }
        if !e.entities[bullet].will_erase {
            e.entities[bullet].will_erase = true;
            let explosion = e.spawn_child(bullet, EXPLOSION, 0.5 * e.entities[bullet].rx);
            (e.entities[explosion].vx, e.entities[explosion].vy) = (vx, vy);
        }
    }

    fn will_reflect(&self, e: &Engine, mover_kind: i32, kind: i32) -> bool {
        mover_kind == ENEMY && (kind == CAVEWALL || kind == e.out_of_bounds_object)
    }

    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == CAVEWALL || kind == WALL_OBJ || kind == e.out_of_bounds_object
    }
}

/// The angle at which a ship points, counterclockwise from the right, with its cosine and sine.
fn heading(ship: &Entity) -> (f32, f64, f64) {
    let angle = -ship.rotation + FRAC_PI_2;
    (angle, libm::cos(angle.into()), libm::sin(angle.into()))
}

/// Whether a corner of an entity is in the rock.
fn touches_wall(e: &Engine, i: usize) -> bool {
    let Entity { x, y, rx, ry, .. } = e.entities[i];
    let corners = [(x - rx, y - ry), (x - rx, y + ry), (x + rx, y - ry), (x + rx, y + ry)];
    corners.into_iter().any(|(x, y)| e.get_obj_from_floats(x, y) == CAVEWALL)
}

/// Makes a cave with the agent and the goal in it; returns the way between them.
fn dig_cave(e: &mut Engine) -> Vec<i32> {
    for cell in e.grid.cells_mut() {
        *cell = if e.rng.rand01() < 0.5 { WALL_OBJ } else { SPACE };
    }
    for _ in 0..4 {
        e.update_rooms();
    }
    let room = e.find_best_room();
    e.fill_grid(WALL_OBJ);
    e.set_all(&room, SPACE);

    let ends = e.rng.simple_choose(room.len(), 2);
    let (start, goal) = (room[ends[0]], room[ends[1]]);
    let (x, y) = e.cell_xy(start);
    let agent = e.agent_mut();
    (agent.x, agent.y) = (x as f32 + 0.5, y as f32 + 0.5);
    let goal_entity = e.spawn_entity_at_idx(goal, 0.5, GOAL);
    e.entities[goal_entity].collides_with_entities = true;

    let path = e.find_path(start, goal);
    if e.mode() != Mode::Memory {
        let cave = e.expand_room(&path, CAVE_WIDTH);
        e.fill_grid(WALL_OBJ);
        e.set_all(&cave, SPACE);
    }
    for _ in 0..4 {
        e.update_rooms();
        e.set_all(&path, SPACE);
    }
    path
}

/// Puts obstacles, targets and enemies into the cave, but not on the way to the goal.
fn populate(e: &mut Engine, path: &[i32]) {
    e.set_all(path, MARKER);
    let free = e.cells_with_type(SPACE);
    for cell in e.grid.cells_mut() {
        if *cell == WALL_OBJ {
            *cell = CAVEWALL;
        }
    }
    let chunk = free.len() / CELLS_PER_KIND;
    let chosen = e.rng.simple_choose(free.len(), 3 * chunk);
    for (n, place) in chosen.into_iter().enumerate() {
        let kind = [OBSTACLE, TARGET, ENEMY][n / chunk];
        let i = e.spawn_entity_at_idx(free[place], 0.5, kind);
        e.entities[i].collides_with_entities = true;
        if kind == TARGET {
            e.entities[i].health = TARGET_HEALTH;
        } else if kind == ENEMY {
            let speed = 0.1 * f64::from(e.rng.rand01()) + 0.1;
            let velocity = (speed * f64::from(e.rng.randsign())) as f32;
            let horizontal = e.rng.rand01() < 0.5;
            let enemy = &mut e.entities[i];
            enemy.smart_step = true;
            if horizontal {
                enemy.vx = velocity;
            } else {
                enemy.vy = velocity;
            }
        }
    }
    e.set_all(path, SPACE);
}
