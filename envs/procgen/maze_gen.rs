//! Mazes: random spanning trees of the even cells (Kruskal), with loops, doors and keys on demand.

use super::{
    entity::{AGENT_OBJ, DOOR_OBJ, EXIT_OBJ, INVALID_OBJ, KEY_OBJ, SPACE, WALL_OBJ},
    mt19937::Mt19937,
};

/// A square maze of `dim * dim` cells, within a border of wall.
#[derive(Clone, Default)]
pub struct MazeGen {
    dim: i32,
    /// With the border: cell (x, y) is at `(y + 1) * (dim + 2) + x + 1`.
    cells: Vec<i32>,
    /// The carved cells as `y * dim + x`, in the order of carving; -1 where taken.
    free: Vec<i32>,
    /// Cells on both sides of each wall, as indices of `cells`.
    walls: Vec<(u32, u32)>,
    /// Union-find forest of the cells.
    parent: Vec<u32>,
}

impl MazeGen {
    /// The kind of cell (x, y); -1 and `dim` are the border.
    pub fn get(&self, x: i32, y: i32) -> i32 {
        self.cells[self.index(x, y)]
    }

    fn index(&self, x: i32, y: i32) -> usize {
        ((y + 1) * (self.dim + 2) + x + 1) as usize
    }

    fn root(&mut self, mut cell: u32) -> u32 {
        while self.parent[cell as usize] != cell {
            let next = self.parent[self.parent[cell as usize] as usize];
            self.parent[cell as usize] = next;
            cell = next;
        }
        cell
    }

    fn carve(&mut self, cell: usize) {
        if self.cells[cell] != SPACE {
            self.cells[cell] = SPACE;
            let stride = self.dim as usize + 2;
            let (x, y) = (cell % stride - 1, cell / stride - 1);
            self.free.push(y as i32 * self.dim + x as i32);
        }
    }

    /// A maze without loops. Even sizes keep a last row and column of wall.
    pub fn generate(&mut self, rng: &mut Mt19937, dim: i32) {
        self.dim = dim;
        let size = ((dim + 2) * (dim + 2)) as usize;
        self.cells.clear();
        self.cells.resize(size, WALL_OBJ);
        self.free.clear();
        self.parent.clear();
        self.parent.extend(0..size as u32);
        let start = self.index(0, 0);
        self.cells[start] = 0;

        let mut walls = std::mem::take(&mut self.walls);
        walls.clear();
        let between = |a: (i32, i32), b: (i32, i32)| {
            (self.index(a.0, a.1) as u32, self.index(b.0, b.1) as u32)
        };
        for i in (1..dim - 1).step_by(2) {
            walls.extend((0..dim).step_by(2).map(|j| between((i - 1, j), (i + 1, j))));
        }
        for i in (0..dim).step_by(2) {
            walls.extend((1..dim - 1).step_by(2).map(|j| between((i, j - 1), (i, j + 1))));
        }
        while !walls.is_empty() {
            let (a, b) = walls.remove(rng.index(walls.len()));
            let (root_a, root_b) = (self.root(a), self.root(b));
            if root_a != root_b {
                self.parent[root_a as usize] = root_b;
                self.carve(a as usize);
                self.carve((a + b) as usize / 2);
                self.carve(b as usize);
            }
        }
        self.walls = walls;
    }

    /// A maze in which every dead end has lost one of its walls.
    pub fn generate_no_dead_ends(&mut self, rng: &mut Mt19937, dim: i32) {
        self.generate(rng, dim);
        for cell in 0..self.cells.len() {
            if self.cells[cell] == SPACE && self.neighbours(cell, SPACE).count() == 1 {
                let walls = self.neighbours(cell, WALL_OBJ).count();
                if walls > 0 {
                    let wall = self.neighbours(cell, WALL_OBJ).nth(rng.index(walls));
                    self.cells[wall.expect("an index below the count")] = SPACE;
                }
            }
        }
    }

    /// Puts `first_kind`, `first_kind + 1`, ... into `n` carved cells other than (0, 0).
    pub fn place_objects(&mut self, rng: &mut Mt19937, first_kind: i32, n: i32) {
        for k in 0..n {
            let place = loop {
                let m = rng.index(self.free.len());
                if self.free[m] > 0 {
                    break std::mem::replace(&mut self.free[m], -1);
                }
            };
            let cell = self.index(place % self.dim, place / self.dim);
            self.cells[cell] = first_kind + k;
        }
    }

    /// A maze with up to `n` doors numbered from 1 ([`DOOR_OBJ`] + 1 ...), each with its key
    /// ([`KEY_OBJ`] + 1 ...) before it on the way from the agent to the exit.
    pub fn generate_with_doors(&mut self, rng: &mut Mt19937, dim: i32, n: i32) {
        self.generate(rng, dim);
        let forks: Vec<usize> = (0..self.cells.len())
            .filter(|&c| self.cells[c] == SPACE && self.neighbours(c, SPACE).count() > 2)
            .collect();
        let doors = rng.choose_n(&forks, n as usize);
        for &door in &doors {
            self.cells[door] = DOOR_OBJ;
        }
        let spaces: Vec<usize> =
            (0..self.cells.len()).filter(|&c| self.cells[c] == SPACE).collect();
        let agent = loop {
            let cell = rng.choose_one(&spaces);
            if self.neighbours(cell, DOOR_OBJ).next().is_none() {
                break cell;
            }
        };
        self.cells[agent] = AGENT_OBJ;

        let mut reached = vec![false; self.cells.len()];
        reached[agent] = true;
        for d in 0..=doors.len() as i32 {
            let last = d as usize == doors.len();
            let mut region = vec![false; self.cells.len()];
            let door = if last { None } else { self.expand(&reached, &mut region, DOOR_OBJ) };
            if let Some(door) = door {
                self.cells[door] = DOOR_OBJ + d + 1;
            }
            merge(&mut reached, &region);
            self.expand(&reached, &mut region, INVALID_OBJ);
            let cells: Vec<usize> = (0..region.len()).filter(|&c| region[c]).collect();
            self.cells[rng.choose_one(&cells)] = if last { EXIT_OBJ } else { KEY_OBJ + d + 1 };
            merge(&mut reached, &region);
            if let Some(door) = door {
                reached[door] = true;
            }
        }
    }

    /// Adds to `region` the empty cells that are reached from `from`, in waves, up to the first
    /// cell of a kind, which it returns.
    fn expand(&self, from: &[bool], region: &mut [bool], kind: i32) -> Option<usize> {
        let mut wave: Vec<usize> = (0..from.len()).filter(|&c| from[c]).collect();
        while !wave.is_empty() {
            let mut next = Vec::new();
            for cell in wave {
                for space in self.neighbours(cell, SPACE) {
                    if !from[space] && !region[space] {
                        region[space] = true;
                        next.push(space);
                    }
                }
                if let Some(found) = self.neighbours(cell, kind).next() {
                    return Some(found);
                }
            }
            next.sort_unstable();
            wave = next;
        }
        None
    }

    /// The neighbours of a kind: left, below, above, right. The border is none.
    fn neighbours(&self, cell: usize, kind: i32) -> impl Iterator<Item = usize> {
        let stride = self.dim as usize + 2;
        let inside = move |c: usize| {
            let (x, y) = (c % stride, c / stride);
            x > 0 && y > 0 && x < stride - 1 && y < stride - 1
        };
        let around = [
            cell.wrapping_sub(1),
            cell.wrapping_sub(stride),
            cell.wrapping_add(stride),
            cell.wrapping_add(1),
        ];
        around
            .into_iter()
            .filter(move |&c| self.cells.get(c).is_some_and(|&found| found == kind) && inside(c))
    }
}

fn merge(into: &mut [bool], from: &[bool]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into |= from;
    }
}
