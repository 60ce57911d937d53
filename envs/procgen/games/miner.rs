//! Dig for all diamonds under boulders that fall and roll, then go to the exit.

use crate::procgen::{
    engine::Engine,
    entity::{PLAYER, SPACE, WALL_OBJ},
    game::{Background, Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
};

const BOULDER: i32 = 1;
const DIAMOND: i32 = 2;
const MOVING_BOULDER: i32 = 3;
const MOVING_DIAMOND: i32 = 4;
const EXIT: i32 = 6;
const DIRT: i32 = 9;
const OOB_WALL: i32 = 10;

const DIAMOND_REWARD: f32 = 1.0;
const COMPLETION_BONUS: f32 = 10.0;
/// Shares of the cells.
const DIAMONDS: f32 = 12.0 / 400.0;
const BOULDERS: f32 = 80.0 / 400.0;

#[derive(Clone)]
pub struct Miner {
    /// At the end of the last step, be it of another level.
    diamonds_remaining: i32,
}

impl Game for Miner {
    const FACTS: &'static Facts = &Facts {
        name: "miner",
        about: "dig for all diamonds under falling boulders, then go to the exit",
        scores: Scores { easy: (1.5, 13.0), hard: (1.5, 20.0) },
        memory: true,
        rewards: (0.0, DIAMOND_REWARD + COMPLETION_BONUS),
        background: Background::Platform,
        sprites: &[
            Sprite::new(PLAYER, &[("miner", 158, 120)]),
            Sprite::new(BOULDER, &[("boulder", 70, 70)]),
            Sprite::new(DIAMOND, &[("diamond", 72, 51)]),
            Sprite::new(EXIT, &[("window", 128, 128)]),
            Sprite::new(DIRT, &[("dirt", 16, 16)]),
            Sprite::new(OOB_WALL, &[("wall/bricks", 64, 64)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.has_useful_vel_info = false;
        e.out_of_bounds_object = OOB_WALL;
        e.visibility = 8.0;
        Self { diamonds_remaining: 0 }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("diamonds_remaining", &mut self.diamonds_remaining);
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        let world_dim = match e.mode() {
            Mode::Easy => 10,
            Mode::Memory => 35,
            _ => 20,
        };
        (e.main_width, e.main_height) = (world_dim, world_dim);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.grid_step = true;
        e.settings.center_agent = e.mode() == Mode::Memory;
        let cells = e.grid.cells().len();
        let diamonds = (DIAMONDS * cells as f32) as usize;
        let boulders = (BOULDERS * cells as f32) as usize;
        let chosen = e.rng.simple_choose(cells, diamonds + boulders + 1);
        let (x, y) = e.cell_xy(chosen[0] as i32);
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (0.5, 0.5);
        (agent.x, agent.y) = (x as f32 + 0.5, y as f32 + 0.5);
        e.fill_grid(DIRT);
        for (k, &cell) in chosen[1..].iter().enumerate() {
            e.set_obj_at(cell as i32, if k < diamonds { DIAMOND } else { BOULDER });
        }
        // The agent's cell is among them.
        let mut exits = e.cells_with_type(DIRT);
        e.set_obj(x, y, SPACE);
        for i in x - 1..=x + 1 {
            for j in y - 1..=y + 1 {
                if e.get_obj(i, j) == BOULDER {
                    e.set_obj(i, j, DIRT);
                }
            }
        }
        // Nothing is to fall on the exit.
        exits.retain(|&cell| matches!(e.get_obj_at(cell + e.main_width), DIRT | OOB_WALL));
        let exit = e.rng.choose_one(&exits);
        e.set_obj_at(exit, SPACE);
        let exit = e.spawn_entity_at_idx(exit, 0.5, EXIT);
        e.entities[exit].render_z = -1;
    }

    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_straight_action_xy();
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        e.reflect_agent();
        push_boulder(e);
        let (x, y) = (e.agent().x as i32, e.agent().y as i32);
        let kind = e.get_obj(x, y);
        if kind == DIAMOND {
            e.reward += DIAMOND_REWARD;
        }
        if kind == DIAMOND || kind == DIRT {
            e.set_obj(x, y, SPACE);
        }
        self.diamonds_remaining = fall(e);
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        if e.entities[i].kind == EXIT && self.diamonds_remaining == 0 {
            e.complete(COMPLETION_BONUS);
        }
    }

    fn is_blocked(&mut self, e: &mut Engine, mover: usize, kind: i32, _horizontal: bool) -> bool {
        match kind {
            WALL_OBJ | OOB_WALL => true,
            BOULDER | MOVING_BOULDER => e.entities[mover].kind == PLAYER,
            _ => false,
        }
    }

    fn stops(&self, _e: &Engine, kind: i32) -> bool {
        matches!(kind, WALL_OBJ | OOB_WALL | BOULDER | MOVING_BOULDER)
    }

    fn image_for_type(&self, _e: &Engine, kind: i32) -> i32 {
        stationary(kind).abs()
    }
}

fn stationary(kind: i32) -> i32 {
    match kind {
        MOVING_BOULDER => BOULDER,
        MOVING_DIAMOND => DIAMOND,
        _ => kind,
    }
}

fn moving(kind: i32) -> i32 {
    match kind {
        BOULDER => MOVING_BOULDER,
        DIAMOND => MOVING_DIAMOND,
        _ => kind,
    }
}

/// Boulders and diamonds fall and roll.
fn is_round(kind: i32) -> bool {
    (BOULDER..=MOVING_DIAMOND).contains(&kind)
}

/// A blocked agent pushes a resting boulder that has room behind it, and follows.
fn push_boulder(e: &mut Engine) {
    let here = e.agent_index();
    let x = here % e.main_width;
    let (step, has_room) = match e.action_vx {
        1.0 => (1, x < e.main_width - 2),
        -1.0 => (-1, x > 1),
        _ => return,
    };
    let (next, behind) = (here.wrapping_add(step), here.wrapping_add(2 * step));
    if e.agent().vx == 0.0
        && has_room
        && e.get_obj_at(next) == BOULDER
        && e.get_obj_at(behind) == SPACE
    {
        e.set_obj_at(next, SPACE);
        e.set_obj_at(behind, BOULDER);
        e.agent_mut().x += step as f32;
    }
}

/// Lets everything round fall or roll off other round things, from the bottom row up; returns the
/// number of diamonds met, where one that rolls to the right is met again.
fn fall(e: &mut Engine) -> i32 {
    let (width, outside) = (e.main_width, e.out_of_bounds_object);
    let (x, y) = (f64::from(e.agent().x) - 0.5, f64::from(e.agent().y) - 0.5);
    let agent = (y * f64::from(width) + x) as i32;
    let agent_index = e.agent_index();
    let (mut diamonds, mut crushed) = (0, false);
    let cells = e.grid.cells_mut();
    let at = |cells: &[i32], i: i32| cells.get(i as usize).copied().unwrap_or(outside);
    let free = |cells: &[i32], i: i32| at(cells, i) == SPACE && agent_index != i;
    for here in 0..cells.len() {
        let kind = cells[here];
        if !is_round(kind) {
            continue;
        }
        let rest = stationary(kind);
        diamonds += i32::from(rest == DIAMOND);
        let i = here as i32;
        let below = i - width;
        let kind_below = at(cells, below);
        let over_agent = agent == below;
        cells[here] = rest;
        if kind_below == SPACE && !over_agent {
            cells[here] = SPACE;
            if let Some(cell) = cells.get_mut(below as usize) {
                *cell = moving(kind);
            }
        } else if over_agent && kind != rest {
            cells[here] = kind;
            crushed = true;
        } else if is_round(kind_below) {
            let x = i % width;
            if x > 0 && free(cells, i - 1) && free(cells, below - 1) {
                cells[here] = SPACE;
                cells[here - 1] = rest;
            } else if x < width - 1 && free(cells, i + 1) && free(cells, below + 1) {
                cells[here] = SPACE;
                cells[here + 1] = rest;
            }
        }
    }
    e.done |= crushed;
    diamonds
}
