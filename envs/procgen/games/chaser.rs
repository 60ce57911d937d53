//! Collect all orbs in a maze, from enemies that a large orb makes edible for a while.

use crate::{
    draw::Tile,
    procgen::{
        engine::Engine,
        entity::{Entity, PLAYER, SPACE, WALL_OBJ},
        game::{Background, Facts, Game, Scores, Sprite},
        layout::Layout,
        options::Mode,
        sign,
    },
};

const LARGE_ORB: i32 = 2;
/// Picture of an enemy that can be eaten.
const ENEMY_WEAK: i32 = 3;
const ENEMY_EGG: i32 = 4;
const MAZE_WALL: i32 = 5;
/// Also the first of three pictures.
const ENEMY: i32 = 6;
const ENEMY2: i32 = 7;
const ENEMY3: i32 = 8;
/// A cell under a large orb while the level is made.
const MARKER: i32 = 1001;
const ORB: i32 = 1002;

const ORB_REWARD: f32 = 0.04;
const COMPLETION_BONUS: f32 = 10.0;
/// Most large orbs in a level.
const LARGE_ORBS: f32 = 5.0;
const LARGE_ORB_R: f32 = 0.4;
/// Side of an orb as a share of its cell.
const ORB_DIM: f32 = 0.3;
const ORB_COLOUR: [u8; 4] = [0, 255, 0, 255];
/// Steps for which enemies can be eaten.
const EAT_TIMEOUT: i32 = 75;
/// Steps after which an enemy leaves its egg.
const EGG_TIMEOUT: i32 = 50;
/// Speed of an enemy, and of one that can be eaten.
const ENEMY_SPEED: f32 = 0.5;
const WEAK_SPEED: f32 = 0.25;

#[derive(Clone)]
pub struct Chaser {
    /// All cells that are not wall, ascending.
    free_cells: Vec<i32>,
    /// The same cell by cell.
    is_space: Vec<bool>,
    /// When the last large orb was eaten.
    eat_time: i32,
    total_enemies: i32,
    total_orbs: i32,
    orbs_collected: i32,
    maze_dim: i32,
}

impl Game for Chaser {
    const FACTS: &'static Facts = &Facts {
        name: "chaser",
        about: "collect all orbs in a maze, from enemies that large orbs make edible",
        scores: Scores { easy: (0.5, 13.0), hard: (0.5, 14.2) },
        extreme: true,
        rewards: (0.0, COMPLETION_BONUS + (1.0 + LARGE_ORBS) * ORB_REWARD),
        background: Background::TopDownSimple,
        sprites: &[
            Sprite::new(PLAYER, &[("runner", 46, 46)]),
            Sprite::new(LARGE_ORB, &[("crystal", 36, 34)]),
            Sprite::new(ENEMY_WEAK, &[("bat/weak", 48, 48)]),
            Sprite::new(ENEMY_EGG, &[("egg", 44, 44)]),
            Sprite::new(MAZE_WALL, &[("wall/block", 16, 16)]),
            Sprite::new(ENEMY, &[("bat/up", 64, 64)]),
            Sprite::new(ENEMY2, &[("bat/level", 64, 64)]),
            Sprite::new(ENEMY3, &[("bat/down", 64, 64)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.mixrate = 1.0;
        e.has_useful_vel_info = false;
        Self {
            free_cells: Vec::new(),
            is_space: Vec::new(),
            eat_time: 0,
            total_enemies: 0,
            total_orbs: 0,
            orbs_collected: 0,
            maze_dim: 0,
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.ints("free_cells", &mut self.free_cells);
        io.bools("is_space_vec", &mut self.is_space);
        io.constant("eat_timeout", EAT_TIMEOUT);
        io.constant("egg_timeout", EGG_TIMEOUT);
        io.int("eat_time", &mut self.eat_time);
        io.int("total_enemies", &mut self.total_enemies);
        io.int("total_orbs", &mut self.total_orbs);
        io.int("orbs_collected", &mut self.orbs_collected);
        io.int("maze_dim", &mut self.maze_dim);
        let cells = 0..self.is_space.len() as i32;
        let inside = self.free_cells.iter().all(|cell| cells.contains(cell));
        io.require("free_cells", inside && !self.free_cells.is_empty());
        io.require("eat_time", (-EAT_TIMEOUT..=1 << 30).contains(&self.eat_time));
    }

    fn reset(&mut self, e: &mut Engine) {
        let (maze_dim, total_enemies, other_orbs) = match e.mode() {
            Mode::Easy => (11, 3, 1),
            Mode::Extreme => (19, 5, 2),
            _ => (13, 3, 0),
        };
        (self.maze_dim, self.total_enemies) = (maze_dim, total_enemies);
        (e.main_width, e.main_height) = (maze_dim, maze_dim);
        e.base_reset(self);
        e.settings.center_agent = false;
        self.eat_time = -EAT_TIMEOUT;
        e.maze.generate_no_dead_ends(&mut e.rng, maze_dim);
        let other_quadrant = e.rng.randn(4);
        for x in 0..maze_dim {
            for y in 0..maze_dim {
                let kind = e.maze.get(x, y);
                e.set_obj(x, y, if kind == WALL_OBJ { MAZE_WALL } else { kind });
            }
        }
        for quadrant in 0..4 {
            let orbs = if quadrant == other_quadrant { other_orbs } else { 1 };
            place_large_orbs(e, quadrant, orbs);
        }

        let free = e.cells_with_type(SPACE);
        let chosen = e.rng.simple_choose(free.len(), 1 + total_enemies as usize);
        let (x, y) = e.cell_xy(free[chosen[0]]);
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (0.5, 0.5);
        (agent.x, agent.y) = (x as f32 + 0.5, y as f32 + 0.5);
        for &i in &chosen[1..] {
            spawn_egg(e, free[i]);
        }
        self.total_orbs = free.len() as i32;
        self.orbs_collected = 0;
        self.free_cells.clear();
        self.is_space.clear();
        for (i, cell) in e.grid.cells_mut().iter_mut().enumerate() {
            match *cell {
                SPACE => *cell = ORB,
                MARKER => *cell = SPACE,
                _ => {}
            }
            self.is_space.push(*cell != MAZE_WALL);
            if *cell != MAZE_WALL {
                self.free_cells.push(i as i32);
            }
        }
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        if self.step_enemies(e) < self.total_enemies {
            let i = e.step_rand_int as usize % self.free_cells.len();
            spawn_egg(e, self.free_cells[i]);
        }
        let cell = e.agent_index();
        if e.get_obj_at(cell) == ORB {
            e.set_obj_at(cell, SPACE);
            e.reward += ORB_REWARD;
            self.orbs_collected += 1;
        }
        if self.orbs_collected == self.total_orbs {
            e.complete(COMPLETION_BONUS);
        }
    }

    /// Once in motion the agent keeps its speed, on both axes, until something stops it.
    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let (ax, ay, speed) = (e.action_vx, e.action_vy, e.maxspeed);
        let velocity = |v: f32, action: f32| {
            let v = if action == 0.0 { v } else { speed * action };
            (sign(v) * f64::from(speed)) as f32
        };
        let agent = e.agent_mut();
        agent.vx = velocity(agent.vx, ax);
        agent.vy = velocity(agent.vy, ay);
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            LARGE_ORB => {
                self.eat_time = e.cur_time;
                e.reward += ORB_REWARD;
                e.entities[i].will_erase = true;
            }
            ENEMY if self.can_eat(e) => e.entities[i].will_erase = true,
            ENEMY => e.done = true,
            _ => {}
        }
    }

    fn is_blocked(&mut self, e: &mut Engine, _mover: usize, kind: i32, _horizontal: bool) -> bool {
        self.stops(e, kind)
    }

    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == MAZE_WALL || kind == WALL_OBJ || kind == e.out_of_bounds_object
    }

    fn image_for_type(&self, e: &Engine, kind: i32) -> i32 {
        match kind {
            ENEMY if self.can_eat(e) => ENEMY_WEAK,
            ENEMY => [ENEMY, ENEMY2, ENEMY3, ENEMY2][(e.cur_time / 2 % 4) as usize],
            _ => kind.abs(),
        }
    }

    fn tile_for_grid_obj(&self, kind: i32) -> Option<Tile> {
        let (margin, side) = (f64::from((1.0 - ORB_DIM) / 2.0), f64::from(ORB_DIM));
        (kind == ORB).then_some(Tile::Fill { colour: ORB_COLOUR, margin, side })
    }
}

impl Chaser {
    fn can_eat(&self, e: &Engine) -> bool {
        e.cur_time - self.eat_time < EAT_TIMEOUT
    }

    fn is_space(&self, cell: i32) -> bool {
        self.is_space.get(cell as usize).is_some_and(|&space| space)
    }

    /// Lets eggs hatch and enemies choose their ways; the number of both before that.
    fn step_enemies(&self, e: &mut Engine) -> i32 {
        let mut enemies = 0;
        for i in (0..e.entities.len()).rev() {
            match e.entities[i].kind {
                ENEMY_EGG => {
                    enemies += 1;
                    let egg = &mut e.entities[i];
                    egg.health -= 1.0;
                    if egg.health == 0.0 {
                        egg.will_erase = true;
                        let enemy = e.spawn_child(i, ENEMY, 0.5);
                        e.entities[enemy].smart_step = true;
                    }
                }
                ENEMY => {
                    enemies += 1;
                    self.steer(e, i);
                }
                _ => {}
            }
        }
        enemies
    }

    /// In the middle of a cell an enemy chooses the next one, at random or, every other time,
    /// among those nearest to the agent, or farthest from it when it can be eaten. It turns back
    /// only from a stop.
    fn steer(&self, e: &mut Engine, i: usize) {
        let Entity { x, y, vx, vy, .. } = e.entities[i];
        let (x, y) = ((f64::from(x) - 0.5) as f32, (f64::from(y) - 0.5) as f32);
        let off = |v: f32| f64::from((v - v.round()).abs());
        let stopped = vx == 0.0 && vy == 0.0;
        if !stopped && off(x) + off(y) >= 0.01 {
            return;
        }
        let before = |v: f32, velocity: f32| (f64::from(v) - sign(velocity)) as i32;
        let previous = e.to_grid_idx(before(x, vx), before(y, vy));
        let can_eat = self.can_eat(e);
        let aggressive = e.step_rand_int % 2 == 0;
        let (agent_x, agent_y) = (e.agent().x as i32, e.agent().y as i32);
        let (cell_x, cell_y) = (x as i32, y as i32);
        let around = [(-1, 0), (0, -1), (0, 1), (1, 0)];
        let (mut ways, mut n) = ([(0, 0); 4], 0);
        let mut best = 2 * e.main_width;
        for (next_x, next_y) in around.map(|(dx, dy)| (cell_x + dx, cell_y + dy)) {
            let next = e.to_grid_idx(next_x, next_y);
            if next == previous || !self.is_space(next) {
                continue;
            }
            if aggressive {
                let distance = (next_x - agent_x).abs() + (next_y - agent_y).abs();
                let badness = if can_eat { -distance } else { distance };
                if badness > best {
                    continue;
                }
                if badness < best {
                    (best, n) = (badness, 0);
                }
            }
            ways[n] = (next_x, next_y);
            n += 1;
        }
        if n > 0 {
            let (next_x, next_y) = ways[e.step_rand_int as usize % n];
            let speed = if can_eat { WEAK_SPEED } else { ENEMY_SPEED };
            let enemy = &mut e.entities[i];
            enemy.vx = (next_x as f32 - x) * speed;
            enemy.vy = (next_y as f32 - y) * speed;
        }
    }
}

/// Puts large orbs on empty cells of a quarter of the maze: lower left, upper left, lower right,
/// upper right.
fn place_large_orbs(e: &mut Engine, quadrant: i32, n: usize) {
    let (size, middle) = (e.main_width, (e.main_width + 1) / 2);
    let half = |upper: bool| if upper { middle..size } else { 0..middle };
    let cells = half(quadrant / 2 == 1)
        .flat_map(|x| half(quadrant % 2 == 1).map(move |y| (x, y)))
        .filter(|&(x, y)| e.get_obj(x, y) == SPACE)
        .map(|(x, y)| y * size + x);
    let cells: Vec<i32> = cells.collect();
    for i in e.rng.simple_choose(cells.len(), n) {
        e.spawn_entity_at_idx(cells[i], LARGE_ORB_R, LARGE_ORB);
        e.set_obj_at(cells[i], MARKER);
    }
}

fn spawn_egg(e: &mut Engine, cell: i32) {
    let egg = e.spawn_entity_at_idx(cell, 0.5, ENEMY_EGG);
    e.entities[egg].health = EGG_TIMEOUT as f32;
}
