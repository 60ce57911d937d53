//! Who touches whom, and who goes.

use super::{
    engine::{AGENT, Engine},
    entity::{Entity, PLAYER, SPACE},
    game::Game,
};

/// Added to the half sizes of a box when the cells under it are looked up.
const GRID_MARGIN: f32 = -0.001;

impl Engine {
    /// Tells the game of everything that touches, from the last entity to the first.
    pub(super) fn collide(&mut self, game: &mut impl Game) {
        for i in (0..self.entities.len()).rev() {
            let entity = &self.entities[i];
            // Also of entities that go at the end of this step.
            if entity.kind != PLAYER && entity.collides(self.agent(), entity.collision_margin) {
                game.handle_agent_collision(self, i);
            }
            if self.entities[i].collides_with_entities {
                // Entities that a collision adds are seen by later rounds of the outer loop.
                for j in (0..self.entities.len()).rev() {
                    let (a, b) = (&self.entities[i], &self.entities[j]);
                    if j != i && a.collides(b, a.collision_margin) && !a.will_erase && !b.will_erase
                    {
                        game.handle_collision(self, i, j);
                    }
                }
            }
            if self.entities[i].smart_step {
                self.check_grid_collisions(game, i);
            }
        }
    }

    fn check_grid_collisions(&mut self, game: &mut impl Game, i: usize) {
        let Entity { x, y, rx, ry, .. } = self.entities[i];
        let cells = |centre: f32, r: f32| {
            let r = r + GRID_MARGIN;
            (centre - r) as i32..=(centre + r) as i32
        };
        for cell_x in cells(x, rx) {
            for cell_y in cells(y, ry) {
                let kind = self.get_obj_from_floats(cell_x as f32, cell_y as f32);
                if kind != SPACE {
                    game.handle_grid_collision(self, i, kind, cell_x, cell_y);
                }
            }
        }
    }

    /// Removes what was marked or has left the world; the others keep their order. The agent
    /// stays: an episode whose agent has left is over.
    pub fn erase_if_needed(&mut self) {
        let mut entities = std::mem::take(&mut self.entities);
        let mut i = 0;
        entities.retain(|e| {
            i += 1;
            i - 1 == AGENT || !(e.will_erase || (e.auto_erase && self.out_of_bounds(e)))
        });
        self.entities = entities;
    }

    /// Whether an entity is wholly outside of the world.
    pub fn out_of_bounds(&self, e: &Entity) -> bool {
        e.x + e.rx < 0.0
            || e.y + e.ry < 0.0
            || e.x - e.rx > self.main_width as f32
            || e.y - e.ry > self.main_height as f32
    }
}
