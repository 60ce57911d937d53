//! A bunny with a double jump looks for the carrot in a cave.

use crate::{
    draw::{Call, Colour, Rect},
    procgen::{
        atan2::atan2f,
        engine::Engine,
        entity::{Entity, PLAYER, SPACE, TRAIL, WALL_OBJ},
        game::{Background, Facts, Game, Scores, Sprite},
        layout::Layout,
        options::Mode,
        paint::Canvas,
    },
};

const GOAL: i32 = 1;
/// A kind of cell while the level is made, of entity afterwards.
const SPIKE: i32 = 2;
const CAVEWALL: i32 = 6;
const CAVEWALL_TOP: i32 = 7;
const LEFT1: i32 = 10;
const LEFT2: i32 = 11;
const RIGHT1: i32 = 12;
const RIGHT2: i32 = 13;

const REWARD: f32 = 10.0;
const AGENT_RX: f32 = 0.254;
const AGENT_RY: f32 = 0.4;
const SPIKE_RX: f32 = 0.23;
const SPIKE_RY: f32 = 0.4;
const GRAVITY: f32 = 0.15;
/// Fastest fall that gravity still adds to.
const MAX_FALL: f32 = -2.0;
/// Jumps from one support to the next.
const JUMPS: i32 = 2;
/// Steps after a jump before the next is possible.
const JUMP_PAUSE: i32 = 3;
/// Side of a cell of the maze that the cave follows, in cells of the grid.
const MAZE_CELL: i32 = 3;
const WALL_THEMES: i32 = 4;
/// Width of the cave around the way to the goal, to either side.
const CAVE_WIDTH: u32 = 4;

const DISC: Colour = [168, 166, 158, 255];
const NEEDLE: Colour = [252, 186, 3, 255];
const PUFF: Colour = [255, 255, 255, 120];

#[derive(Clone)]
pub struct Jumper {
    /// Jumps left until the agent stands again.
    jump_count: i32,
    /// -1 in the step of a jump.
    jump_delta: i32,
    /// When it last jumped.
    jump_time: i32,
    has_support: bool,
    facing_right: bool,
    wall_theme: i32,
    /// Size of the compass in cells.
    compass_dim: f32,
}

impl Game for Jumper {
    const FACTS: &'static Facts = &Facts {
        name: "jumper",
        about: "find the carrot in a cave, with double jumps and a compass",
        scores: Scores { easy: (1.0, 10.0), hard: (1.0, 10.0) },
        memory: true,
        exploration: Some(1_434_825_276),
        rewards: (0.0, REWARD),
        background: Background::Platform,
        sprites: &[
            Sprite::new(PLAYER, &[("bunny/stand", 121, 191)]),
            Sprite::new(GOAL, &[("carrot", 78, 70)]),
            Sprite::new(SPIKE, &[("spikes", 90, 155)]),
            Sprite::new(
                CAVEWALL,
                &[
                    ("wall/blue", 64, 64),
                    ("wall/green", 64, 64),
                    ("wall/yellow", 64, 64),
                    ("wall/brown", 64, 64),
                ],
            ),
            Sprite::new(
                CAVEWALL_TOP,
                &[
                    ("wall/blue-top", 64, 64),
                    ("wall/green-top", 64, 64),
                    ("wall/yellow-top", 64, 64),
                    ("wall/brown-top", 64, 53),
                ],
            ),
            Sprite::new(LEFT1, &[("bunny/left1", 121, 201)]),
            Sprite::new(LEFT2, &[("bunny/left2", 121, 207)]),
            Sprite::new(RIGHT1, &[("bunny/right1", 121, 201)]),
            Sprite::new(RIGHT2, &[("bunny/right2", 121, 207)]),
        ],
        ..Facts::COMMON
    };

    fn new(_e: &mut Engine) -> Self {
        Self {
            jump_count: 0,
            jump_delta: 0,
            jump_time: 0,
            has_support: false,
            facing_right: true,
            wall_theme: 0,
            compass_dim: 0.0,
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("jump_count", &mut self.jump_count);
        io.int("jump_delta", &mut self.jump_delta);
        io.int("jump_time", &mut self.jump_time);
        io.require("jump_time", self.jump_time >= 0);
        io.bool("has_support", &mut self.has_support);
        io.bool("facing_right", &mut self.facing_right);
        io.int("wall_theme", &mut self.wall_theme);
        io.require("wall_theme", (0..WALL_THEMES).contains(&self.wall_theme));
        io.float("compass_dim", &mut self.compass_dim);
    }

    fn timeout(mode: Mode) -> i32 {
        if mode == Mode::Memory { 2000 } else { Self::FACTS.timeout }
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        let side = match e.mode() {
            Mode::Easy => 20,
            Mode::Memory => 45,
            _ => 40,
        };
        (e.main_width, e.main_height) = (side, side);
    }

    fn reset(&mut self, e: &mut Engine) {
        let easy = e.mode() == Mode::Easy;
        (e.visibility, self.compass_dim) = if easy { (12.0, 3.0) } else { (16.0, 2.0) };
        e.base_reset(self);
        e.out_of_bounds_object = WALL_OBJ;
        self.wall_theme = e.rng.randn(WALL_THEMES);
        (self.jump_count, self.jump_delta, self.jump_time) = (0, 0, 0);
        (self.has_support, self.facing_right) = (false, true);

        dig_cave(e);
        let start = place_goal(e);
        place_spikes(e);
        break_walls(e);

        let (x, y) = e.cell_xy(start);
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (AGENT_RX, AGENT_RY);
        (agent.x, agent.y) = (x as f32 + 0.5, y as f32 + AGENT_RY);
        for cell in e.cells_with_type(SPIKE) {
            let (x, y) = e.cell_xy(cell);
            let (x, y) = (x as f32 + 0.5, y as f32 + SPIKE_RY);
            e.set_obj_at(cell, SPACE);
            e.add(Entity::new(x, y, 0.0, 0.0, SPIKE_RX, SPIKE_RY, SPIKE));
        }
        for cell in e.cells_with_type(CAVEWALL) {
            let (x, y) = e.cell_xy(cell);
            if e.get_obj(x, y + 1) == SPACE {
                e.set_obj_at(cell, CAVEWALL_TOP);
            }
        }
        e.out_of_bounds_object = CAVEWALL;
    }

    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
        self.facing_right = e.faces_right(self.facing_right);
        let carries = |kind| is_wall(kind) || kind == e.out_of_bounds_object;
        self.has_support = e.cells_below_agent().into_iter().any(carries);
        if self.has_support {
            self.jump_count = JUMPS;
        }
        self.jump_delta = 0;
        let rested = e.cur_time - self.jump_time > JUMP_PAUSE;
        if e.action_vy == 1.0 && self.jump_count > 0 && rested {
            self.jump_count -= 1;
            self.jump_delta = -1;
            self.jump_time = e.cur_time;
        } else {
            e.action_vy = 0.0;
        }
    }

    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let keep = 1.0 - e.mixrate;
        let push = (e.mixrate * e.maxspeed) * e.action_vx;
        let jump = (e.maxspeed * e.action_vy) * 2.0;
        let jumps = e.action_vy != 0.0;
        let agent = e.agent_mut();
        agent.vx = keep * agent.vx + push;
        if jumps {
            agent.vy = jump;
        }
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        e.reflect_agent();
        let Entity { x, y, vx, vy, ry, .. } = *e.agent();
        if f64::from(vx.abs()) + f64::from(vy.abs()) > 0.05 {
            let feet = (f64::from(y) - f64::from(ry) * 0.5) as f32;
            e.add(Entity {
                expire_time: 8,
                alpha: 0.5,
                ..Entity::new(x, feet, 0.0, 0.01, 0.3, 0.2, TRAIL)
            });
        }
        if vy > MAX_FALL {
            e.agent_mut().vy -= GRAVITY;
        }
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            GOAL => e.complete(REWARD),
            SPIKE => e.done = true,
            _ => {}
        }
    }

    fn is_blocked(&mut self, e: &mut Engine, mover: usize, kind: i32, _horizontal: bool) -> bool {
        kind == WALL_OBJ
            || kind == e.out_of_bounds_object
            || e.entities[mover].kind == PLAYER && is_wall(kind)
    }

    fn stops(&self, e: &Engine, kind: i32) -> bool {
        kind == WALL_OBJ || kind == e.out_of_bounds_object || is_wall(kind)
    }

    fn image_for_type(&self, e: &Engine, kind: i32) -> i32 {
        let strides = if self.facing_right { [RIGHT1, RIGHT2] } else { [LEFT1, LEFT2] };
        match kind {
            PLAYER => e.stride(self.has_support, [PLAYER, strides[0], strides[1]]),
            _ => kind.abs(),
        }
    }

    fn theme_for_grid_obj(&self, _e: &Engine, kind: i32) -> i32 {
        if is_wall(kind) { self.wall_theme } else { 0 }
    }

    fn draw_overlay(&self, e: &Engine, canvas: &mut Canvas<'_>) {
        if e.mode() == Mode::Memory {
            return;
        }
        self.draw_compass(e, canvas);
        if self.jump_delta < 0 && !self.has_support {
            let Rect { x, y, w, h } = canvas.camera.entity_rect(e.agent());
            let y = y + h * 5.0 / 6.0;
            let rect = Rect::new(x.trunc(), y.trunc(), w.trunc(), (h / 3.0).trunc());
            canvas.call(Call::Ellipse { rect, colour: PUFF, border: false });
        }
    }
}

impl Jumper {
    /// Where the goal is: a needle that points at it, and a bar as long as the way there.
    fn draw_compass(&self, e: &Engine, canvas: &mut Canvas<'_>) {
        let Some(goal) = e.entities.iter().find(|entity| entity.kind == GOAL) else { return };
        let (dx, dy) = (goal.x - e.agent().x, goal.y - e.agent().y);
        let dim = self.compass_dim;
        let left = canvas.camera.view_dim() - dim - 0.25;

        let disc = canvas.camera.view_rect(left, 0.25, dim, dim);
        canvas.call(Call::Ellipse { rect: disc, colour: DISC, border: true });
        // The needle's ends are whole pixels, so every rounding on the way counts.
        let angle = f64::from(atan2f(dy, dx));
        let (x, y) = ((disc.x + disc.w / 2.0) as f32, (disc.y + disc.h / 2.0) as f32);
        let reach = f64::from((disc.w / 2.0 * 0.95) as f32);
        let tip_x = f64::from(x) + reach * libm::cos(angle);
        let tip_y = f64::from(y) - reach * libm::sin(angle);
        let (from, to) = ((x as i32, y as i32), (tip_x as i32, tip_y as i32));
        canvas.call(Call::Line { from, to, colour: NEEDLE });

        let distance = f64::from(dx * dx + dy * dy).sqrt();
        let share = distance / (f64::from(e.main_width) * std::f64::consts::SQRT_2);
        let length = (f64::from(dim) * share) as f32;
        let bar = canvas.camera.view_rect(left, 0.25 + dim, length, dim / 8.0);
        canvas.fill(bar, NEEDLE);
    }
}

fn is_wall(kind: i32) -> bool {
    matches!(kind, CAVEWALL | CAVEWALL_TOP)
}

/// Makes a cave along a maze: its largest room is empty, all else wall.
fn dig_cave(e: &mut Engine) {
    let (width, height) = (e.main_width, e.main_height);
    e.maze.generate_no_dead_ends(&mut e.rng, width / MAZE_CELL);
    for y in 0..height {
        for x in 0..width {
            let maze_wall = e.maze.get(x / MAZE_CELL, y / MAZE_CELL) == WALL_OBJ;
            let wall_prob: f32 = if maze_wall { 0.8 } else { 0.2 };
            let wall = e.rng.rand01() < wall_prob;
            e.set_obj(x, y, if wall { WALL_OBJ } else { SPACE });
        }
    }
    for _ in 0..2 {
        e.update_rooms();
    }
    e.fill_elem(0, 0, width, 1, CAVEWALL);
    e.fill_elem(0, height - 1, width, 1, CAVEWALL);
    e.fill_elem(0, 0, 1, height, CAVEWALL);
    e.fill_elem(width - 1, 0, 1, height, CAVEWALL);
    let room = e.find_best_room();
    e.fill_grid(CAVEWALL);
    e.set_all(&room, SPACE);
}

/// Chooses the goal and the agent's first cell, which it returns; keeps what is near the way.
fn place_goal(e: &mut Engine) -> i32 {
    let free = e.cells_with_type(SPACE);
    let goal = e.rng.choose_one(&free);
    let mut grounds = free;
    grounds.retain(|&cell| {
        let (x, y) = e.cell_xy(cell);
        is_on_ground(e, x, y)
    });
    let start = e.rng.choose_one(&grounds);
    if e.mode() != Mode::Memory {
        let path = e.find_path(start, goal);
        let cave = e.expand_room(&path, CAVE_WIDTH);
        e.fill_grid(CAVEWALL);
        e.set_all(&cave, SPACE);
    }
    e.spawn_entity_at_idx(goal, 0.5, GOAL);
    start
}

/// Whether something can stand in a cell, with another empty cell above it.
fn is_on_ground(e: &Engine, x: i32, y: i32) -> bool {
    let below = e.get_obj(x, y - 1);
    e.get_obj(x, y) == SPACE
        && e.get_obj(x, y + 1) == SPACE
        && (below == CAVEWALL || below == e.out_of_bounds_object)
}

/// Spikes stand on even ground and not side by side.
fn place_spikes(e: &mut Engine) {
    let spike_prob: f32 = if e.mode() == Mode::Memory { 0.0 } else { 0.2 };
    for y in 0..e.main_height {
        for x in 0..e.main_width {
            let even = [x, x - 1, x + 1].into_iter().all(|x| is_on_ground(e, x, y));
            if even && e.rng.rand01() < spike_prob {
                e.set_obj(x, y, SPIKE);
            }
        }
    }
}

/// Takes one of every three cells out of vertical walls, so that they can be climbed.
fn break_walls(e: &mut Engine) {
    for y in 0..e.main_height {
        for x in 0..e.main_width {
            for side in [1, -1] {
                let rises = |y| e.get_obj(x, y) == CAVEWALL && e.get_obj(x + side, y) == SPACE;
                if (y..y + 3).all(rises) {
                    let hole = y + e.rng.randn(3);
                    e.set_obj(x, hole, SPACE);
                }
            }
        }
    }
}
