//! The cells of the world.

use super::{engine::Engine, entity::Entity, layout::Layout};

/// No cell.
const INVALID_IDX: i32 = -2;
/// Widest grid of a state; the widest of a game is 64.
const MAX_SIDE: i32 = 256;

/// Kinds of cells, row by row from the bottom.
#[derive(Clone, Default)]
pub struct Grid {
    width: i32,
    height: i32,
    cells: Vec<i32>,
}

impl Grid {
    /// A grid with all cells of one kind.
    pub fn resize(&mut self, width: i32, height: i32, kind: i32) {
        (self.width, self.height) = (width, height);
        self.cells.clear();
        self.cells.resize((width * height) as usize, kind);
    }

    pub fn width(&self) -> i32 {
        self.width
    }

    pub fn height(&self) -> i32 {
        self.height
    }

    pub fn cells(&self) -> &[i32] {
        &self.cells
    }

    pub fn cells_mut(&mut self) -> &mut [i32] {
        &mut self.cells
    }

    /// The index of a cell, if it is one.
    #[inline]
    fn index(&self, x: i32, y: i32) -> Option<usize> {
        let inside = (x as u32) < self.width as u32 && (y as u32) < self.height as u32;
        inside.then(|| (y * self.width + x) as usize)
    }

    /// The kinds of row `y`, from the left; none if it is not in the grid.
    #[inline]
    pub fn row(&self, y: i32) -> &[i32] {
        let width = self.width as usize;
        match usize::try_from(y) {
            Ok(y) if y < self.height as usize => &self.cells[y * width..][..width],
            _ => &[],
        }
    }

    pub(super) fn layout(&mut self, io: &mut impl Layout) {
        io.int("grid.w", &mut self.width);
        io.int("grid.h", &mut self.height);
        let sane = (1..=MAX_SIDE).contains(&self.width) && (1..=MAX_SIDE).contains(&self.height);
        io.require("grid.w", sane);
        io.ints("grid", &mut self.cells);
        io.require("grid", sane && self.cells.len() as i32 == self.width * self.height);
    }
}

/// The column or row that holds a coordinate; -1 for all below 0.
#[inline]
pub(super) fn to_cell(v: f32) -> i32 {
    if v < 0.0 { -1 } else { v as i32 }
}

impl Engine {
    /// The kind of a cell; outside of the grid that is `out_of_bounds_object`.
    #[inline]
    pub fn get_obj(&self, x: i32, y: i32) -> i32 {
        match self.grid.index(x, y) {
            Some(i) => self.grid.cells[i],
            None => self.out_of_bounds_object,
        }
    }

    /// The kind of a cell by its index `y * main_width + x`, which wraps across rows.
    #[inline]
    pub fn get_obj_at(&self, index: i32) -> i32 {
        self.grid.cells.get(index as usize).copied().unwrap_or(self.out_of_bounds_object)
    }

    /// The kind of the cell that holds a point.
    #[inline]
    pub fn get_obj_from_floats(&self, x: f32, y: f32) -> i32 {
        self.get_obj(to_cell(x), to_cell(y))
    }

    /// Sets a cell; none outside of the grid.
    #[inline]
    pub fn set_obj(&mut self, x: i32, y: i32, kind: i32) {
        if let Some(i) = self.grid.index(x, y) {
            self.grid.cells[i] = kind;
        }
    }

    /// Sets a cell by its index; none outside of the grid.
    #[inline]
    pub fn set_obj_at(&mut self, index: i32, kind: i32) {
        if let Some(cell) = self.grid.cells.get_mut(index as usize) {
            *cell = kind;
        }
    }

    /// Fills `dx * dy` cells from (x, y) up and to the right.
    pub fn fill_elem(&mut self, x: i32, y: i32, dx: i32, dy: i32, kind: i32) {
        for j in y..y + dy {
            for i in x..x + dx {
                self.set_obj(i, j, kind);
            }
        }
    }

    pub fn fill_grid(&mut self, kind: i32) {
        self.grid.cells.fill(kind);
    }

    /// Sets cells by their indices.
    pub fn set_all(&mut self, cells: &[i32], kind: i32) {
        for &cell in cells {
            self.set_obj_at(cell, kind);
        }
    }

    /// The index of a cell; -2 outside of the grid.
    pub fn to_grid_idx(&self, x: i32, y: i32) -> i32 {
        self.grid.index(x, y).map_or(INVALID_IDX, |i| i as i32)
    }

    /// The index of the agent's cell, without a look at the bounds.
    pub fn agent_index(&self) -> i32 {
        let agent = self.agent();
        (agent.y as i32).wrapping_mul(self.main_width).wrapping_add(agent.x as i32)
    }

    /// The kinds of the cells just below the agent's left and right foot.
    pub fn cells_below_agent(&self) -> [i32; 2] {
        let Entity { x, y, rx, ry, .. } = *self.agent();
        let inset = f64::from(rx) - 0.01;
        let below = (f64::from(y) - (f64::from(ry) + 0.01)) as f32;
        [-inset, inset].map(|dx| self.get_obj_from_floats((f64::from(x) + dx) as f32, below))
    }

    /// Column and row of a cell.
    pub fn cell_xy(&self, index: i32) -> (i32, i32) {
        (index % self.main_width, index / self.main_width)
    }

    /// The indices of all cells of a kind, ascending.
    pub fn cells_with_type(&self, kind: i32) -> Vec<i32> {
        let cells = self.grid.cells.iter().enumerate();
        cells.filter(|&(_, &cell)| cell == kind).map(|(i, _)| i as i32).collect()
    }
}
