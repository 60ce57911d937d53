//! Caves: a cellular automaton on the grid of the game, and the rooms that it leaves.

use super::{
    engine::Engine,
    entity::{SPACE, WALL_OBJ},
};
use std::collections::VecDeque;

impl Engine {
    /// One step of the automaton: a cell becomes wall where at least 5 of the 9 cells of its block
    /// are.
    pub fn update_rooms(&mut self) {
        let (width, height) = (self.main_width, self.main_height);
        let mut next = Vec::with_capacity(self.grid.cells().len());
        for y in 0..height {
            for x in 0..width {
                let block = (y - 1..=y + 1).flat_map(|j| (x - 1..=x + 1).map(move |i| (i, j)));
                let walls = block.filter(|&(i, j)| self.get_obj(i, j) == WALL_OBJ).count();
                next.push(if walls >= 5 { WALL_OBJ } else { SPACE });
            }
        }
        self.grid.cells_mut().copy_from_slice(&next);
    }

    /// The cells of the largest connected room, ascending; the first of several. A room of one
    /// cell counts as empty.
    pub fn find_best_room(&self) -> Vec<i32> {
        let mut seen = vec![false; self.grid.cells().len()];
        let mut best = Vec::new();
        let mut room = Vec::new();
        for start in 0..seen.len() as i32 {
            if self.get_obj_at(start) != SPACE || seen[start as usize] {
                continue;
            }
            room.clear();
            // The start is found anew from its neighbours, if it has any.
            let mut open = vec![start];
            while let Some(cell) = open.pop() {
                for next in self.neighbours(cell) {
                    if !seen[next as usize] {
                        seen[next as usize] = true;
                        room.push(next);
                        open.push(next);
                    }
                }
            }
            if room.len() > best.len() {
                std::mem::swap(&mut room, &mut best);
            }
        }
        best.sort_unstable();
        best
    }

    /// A shortest path between two cells of a room, both included; empty if there is none.
    pub fn find_path(&self, from: i32, to: i32) -> Vec<i32> {
        let mut seen = vec![false; self.grid.cells().len()];
        // Cells in the order of their discovery, with the position of who discovered them.
        let mut found = vec![(from, usize::MAX)];
        let mut at = 0;
        while let Some(&(cell, _)) = found.get(at) {
            if cell == to {
                let mut path = Vec::new();
                let mut step = at;
                while let Some(&(cell, before)) = found.get(step) {
                    path.push(cell);
                    step = before;
                }
                path.reverse();
                return path;
            }
            for next in self.neighbours(cell) {
                if !seen[next as usize] {
                    seen[next as usize] = true;
                    found.push((next, at));
                }
            }
            at += 1;
        }
        Vec::new()
    }

    /// Cells, and the empty cells within `n` king's moves of them, ascending.
    pub fn expand_room(&self, cells: &[i32], n: u32) -> Vec<i32> {
        let mut inside = vec![false; self.grid.cells().len()];
        for &cell in cells {
            inside[cell as usize] = true;
        }
        let mut wave: VecDeque<(i32, u32)> = cells.iter().map(|&cell| (cell, 0)).collect();
        while let Some((cell, distance)) = wave.pop_front() {
            if distance == n || self.get_obj_at(cell) != SPACE {
                continue;
            }
            let (x, y) = self.cell_xy(cell);
            for (i, j) in (-1..=1).flat_map(|j| (-1..=1).map(move |i| (x + i, y + j))) {
                let next = self.to_grid_idx(i, j);
                if next >= 0 && self.get_obj_at(next) == SPACE && !inside[next as usize] {
                    inside[next as usize] = true;
                    wave.push_back((next, distance + 1));
                }
            }
        }
        (0..inside.len() as i32).filter(|&cell| inside[cell as usize]).collect()
    }

    /// The empty cells next to a cell: left, below, above, right.
    fn neighbours(&self, cell: i32) -> impl Iterator<Item = i32> {
        let (x, y) = self.cell_xy(cell);
        [(x - 1, y), (x, y - 1), (x, y + 1), (x + 1, y)]
            .into_iter()
            .map(|(i, j)| self.to_grid_idx(i, j))
            .filter(|&next| next >= 0 && self.get_obj_at(next) == SPACE)
    }
}
