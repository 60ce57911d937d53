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
        let mut end = self.entities.len();
        while let Some(i) = self.concerned_before(end) {
            end = i;
            // Also of entities that go at the end of this step.
            if self.touches_agent(&self.entities[i]) {
                game.handle_agent_collision(self, i);
            }
            if self.entities[i].collides_with_entities {
                // Entities that a collision adds are seen by later rounds of the outer loop.
                let mut end = self.entities.len();
                while let Some(j) = self.touching_before(end, i) {
                    end = j;
                    game.handle_collision(self, i, j);
                }
            }
            if self.entities[i].smart_step {
                self.check_grid_collisions(game, i);
            }
        }
    }

    /// The last entity before `end` that may collide with anything.
    #[inline]
    fn concerned_before(&self, end: usize) -> Option<usize> {
        self.entities[..end]
            .iter()
            .rposition(|e| e.collides_with_entities || e.smart_step || self.touches_agent(e))
    }

    #[inline]
    fn touches_agent(&self, e: &Entity) -> bool {
        e.kind != PLAYER && e.collides(self.agent(), e.collision_margin)
    }

    /// The last entity before `end` that entity `i` touches, both being there to stay.
    #[inline]
    fn touching_before(&self, end: usize, i: usize) -> Option<usize> {
        let a = &self.entities[i];
        if a.will_erase {
            return None;
        }
        let touches =
            |(j, b): (usize, &Entity)| j != i && a.collides(b, a.collision_margin) && !b.will_erase;
        self.entities[..end].iter().enumerate().rev().find(|&e| touches(e)).map(|(j, _)| j)
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
        let (width, height) = (self.main_width as f32, self.main_height as f32);
        let goes = |e: &Entity| e.will_erase || (e.auto_erase && e.is_outside(width, height));
        // Up to the first that goes, to look is all there is to do.
        let (agent, others) = self.entities.split_at(AGENT + 1);
        let Some(first) = others.iter().position(goes) else { return };
        let mut kept = agent.len() + first;
        for i in kept + 1..self.entities.len() {
            if !goes(&self.entities[i]) {
                self.entities[kept] = self.entities[i];
                kept += 1;
            }
        }
        self.entities.truncate(kept);
    }

    /// Whether the agent is wholly outside of the world, which ends the episode.
    pub fn agent_has_left(&self) -> bool {
        self.agent().is_outside(self.main_width as f32, self.main_height as f32)
    }
}
