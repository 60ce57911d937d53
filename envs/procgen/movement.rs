//! Movement of entities: small steps along one axis at a time, which stop at what blocks them.

use super::{
    engine::Engine,
    entity::{Entity, PLAYER},
    game::Game,
    grid::to_cell,
};

/// Most times that a push leads to another.
const MAX_DEPTH: u32 = 5;
/// Most small steps of one move, which no entity of a game is fast enough for; an altered state
/// may be.
const MAX_STEPS: i32 = 1000;
/// Corners are looked up a little inside of the box.
const CORNER: f32 = 0.98;
/// What rounding adds to a movement at most.
const SLACK: f32 = 0.005;
/// Entities may overlap by this much before they count as touching.
const TOUCH: f32 = -0.001;

impl Engine {
    /// Moves every entity, the last one first and hence the agent last.
    pub fn step_entities(&mut self, game: &mut impl Game) {
        let mut stoppers = std::mem::take(&mut self.stoppers);
        stoppers.clear();
        let kinds = self.entities.iter().map(|entity| entity.kind).enumerate();
        stoppers.extend(kinds.filter(|&(_, kind)| game.stops(self, kind)).map(|(i, _)| i as u32));
        self.stoppers = stoppers;
        let mut end = self.entities.len();
        while let Some(i) = self.entities[..end].iter().rposition(|e| e.smart_step) {
            self.entities[i + 1..end].iter_mut().for_each(Entity::step);
            self.basic_step_object(game, i);
            self.entities[i].step();
            end = i;
        }
        self.entities[..end].iter_mut().for_each(Entity::step);
    }

    fn basic_step_object(&mut self, game: &mut impl Game, i: usize) {
        let Entity { vx, vy, kind, will_erase, .. } = self.entities[i];
        if will_erase {
            return;
        }
        let n = if self.grid_step {
            1
        } else {
            ((4.0 * f64::from(vx * vx + vy * vy).sqrt()) as i32).clamp(4, MAX_STEPS)
        };
        let share = (1.0 / f64::from(n)) as f32;
        if self.way_is_free(game, i) {
            let o = &mut self.entities[i];
            for _ in 0..n {
                // A zero is added as well, along the other axis: it turns -0 into 0.
                o.x = (o.x + vx * share) + 0.0;
                o.y = (o.y + vy * share) + 0.0;
            }
            return;
        }
        let difference = vx.abs() - vy.abs();
        let mut x_first =
            if difference == 0.0 { self.step_rand_int % 2 == 0 } else { difference > 0.0 };
        if kind == PLAYER {
            if self.action_vx != 0.0 {
                x_first = true;
            }
            if self.action_vy != 0.0 {
                x_first = false;
            }
        }
        let (mut free_x, mut free_y) = (0.0, 0.0);
        for _ in 0..n {
            let (mut blocked_x, mut blocked_y) = (false, false);
            for along_x in [x_first, !x_first] {
                // Read anew each time: a bounce turns the velocity around.
                if along_x {
                    blocked_x = self.sub_step(game, i, self.entities[i].vx * share, 0.0, 0);
                } else {
                    blocked_y = self.sub_step(game, i, 0.0, self.entities[i].vy * share, 0);
                }
            }
            if !blocked_x {
                free_x += 1.0;
            }
            if !blocked_y {
                free_y += 1.0;
            }
            if blocked_x && blocked_y {
                break;
            }
        }
        let o = &mut self.entities[i];
        o.vx *= free_x / n as f32;
        o.vy *= free_y / n as f32;
    }

    /// Whether nothing can be in the way of an entity in this step: the cells that it may come to
    /// stop nothing, and the entities that stop others are far. Most steps are such, and need no
    /// look at every small step.
    fn way_is_free(&self, game: &impl Game, i: usize) -> bool {
        let Entity { x, y, vx, vy, rx, ry, .. } = self.entities[i];
        let (way_x, way_y) = (vx.abs() + SLACK, vy.abs() + SLACK);
        let far = |&m: &u32| {
            let other = &self.entities[m as usize];
            m as usize == i
                || (other.x - x).abs() > way_x + rx + other.rx
                || (other.y - y).abs() > way_y + ry + other.ry
        };
        let cells = |centre: f32, reach: f32| to_cell(centre - reach)..=to_cell(centre + reach);
        let mut columns = cells(x, rx * CORNER + way_x);
        columns.all(|column| {
            cells(y, ry * CORNER + way_y).all(|row| !game.stops(self, self.get_obj(column, row)))
        }) && self.stoppers.iter().all(far)
    }

    /// Moves an entity along one axis and says whether something was in the way. No displacement
    /// at all counts as vertical, and lifts an entity out of what it is stuck in.
    fn sub_step(&mut self, game: &mut impl Game, i: usize, dx: f32, dy: f32, depth: u32) -> bool {
        let Entity { x, y, rx, ry, kind, will_erase, .. } = self.entities[i];
        if will_erase {
            return false;
        }
        let (mut nx, mut ny) = (x + dx, y + dy);
        let horizontal = dx != 0.0;
        let (mut block, mut reflect) = (false, false);
        let columns = [nx - rx * CORNER, nx + rx * CORNER].map(to_cell);
        let rows = [ny - ry * CORNER, ny + ry * CORNER].map(to_cell);
        for column in columns {
            for row in rows {
                let cell = self.get_obj(column, row);
                block = block || game.is_blocked(self, i, cell, horizontal);
                reflect = reflect || game.will_reflect(self, kind, cell);
            }
        }
        if reflect {
            let o = &mut self.entities[i];
            if horizontal {
                nx += 2.0 * to_border(nx, rx, dx < 0.0);
                o.vx = -o.vx;
            } else {
                ny += 2.0 * to_border(ny, ry, dy < 0.0);
                o.vy = -o.vy;
            }
        } else if block {
            let grid_step = self.grid_step;
            let stop = |old: f32, new: f32, r: f32, forwards: bool| match (grid_step, forwards) {
                (true, _) => old,
                (false, true) => (new + r).floor() - r,
                (false, false) => (new - r).ceil() + r,
            };
            if horizontal {
                nx = stop(x, nx, rx, dx > 0.0);
            } else {
                ny = stop(y, ny, ry, dy > 0.0);
            }
        }
        let o = &mut self.entities[i];
        (o.x, o.y) = (nx, ny);

        let mut stopped = false;
        for k in (0..self.stoppers.len()).rev() {
            let m = self.stoppers[k] as usize;
            let (o, other) = (&self.entities[i], &self.entities[m]);
            if m == i || other.will_erase || !o.collides(other, TOUCH) {
                continue;
            }
            if game.is_blocked_ents(self, i, m, horizontal) {
                self.push(game, m, i, horizontal, depth);
                stopped = true;
            } else if game.will_reflect(self, kind, self.entities[m].kind) {
                let other = self.entities[m];
                let o = &mut self.entities[i];
                if horizontal {
                    o.x += bounce(other.x - o.x, other.rx + o.rx, dx > 0.0);
                    o.vx = -o.vx;
                } else {
                    o.y += bounce(other.y - o.y, other.ry + o.ry, dy > 0.0);
                    o.vy = -o.vy;
                }
            }
        }
        block || stopped
    }

    /// Moves `target` out of `source`, which it ran into.
    fn push(
        &mut self,
        game: &mut impl Game,
        source: usize,
        target: usize,
        horizontal: bool,
        depth: u32,
    ) {
        let (s, t) = (&self.entities[source], &self.entities[target]);
        let out = |from: f32, to: f32, distance: f32| {
            (f64::from(from) + sign(to - from) * f64::from(distance) - f64::from(to)) as f32
        };
        let (dx, dy) = if horizontal {
            (out(s.x, t.x, s.rx + t.rx), 0.0)
        } else {
            (0.0, out(s.y, t.y, s.ry + t.ry))
        };
        if depth < MAX_DEPTH {
            self.sub_step(game, target, dx, dy, depth + 1);
        }
        let t = &mut self.entities[target];
        if horizontal {
            t.vx = 0.0;
        } else {
            t.vy = 0.0;
        }
    }
}

/// The way from the side of a box back to the border of the cell that it ran into.
fn to_border(centre: f32, r: f32, backwards: bool) -> f32 {
    if backwards { (centre - r).ceil() - (centre - r) } else { (centre + r).floor() - (centre + r) }
}

/// The way out of an entity at a distance, and as far again.
fn bounce(distance: f32, touching: f32, forwards: bool) -> f32 {
    if forwards { -2.0 * (touching - distance) } else { 2.0 * (touching + distance) }
}

/// -1, 0 or 1.
pub fn sign(v: f32) -> f64 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        0.0
    }
}
