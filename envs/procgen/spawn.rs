//! Where new entities go, and what they look like.

use super::{
    engine::{AGENT, Engine},
    entity::{Entity, PLAYER},
};

/// Times that a place is looked for before the last one is kept.
const RETRIES: usize = 100;

/// Where an entity is to be put: the corner of a rectangle and its size.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl Area {
    pub fn new(x: f32, y: f32, w: f32, h: f32) -> Self {
        Self { x, y, w, h }
    }
}

impl Engine {
    /// The whole world.
    pub fn world(&self) -> Area {
        Area::new(0.0, 0.0, self.main_width as f32, self.main_height as f32)
    }

    /// A coordinate in an interval for something of a radius; no draw if that leaves no choice.
    pub fn rand_pos(&mut self, r: f32, low: f32, high: f32) -> f32 {
        if high - low <= 2.0 * r {
            return (high + low) / 2.0;
        }
        ((high - low) - 2.0 * r) * self.rng.rand01() + r + low
    }

    /// Puts an entity somewhere in an area where it touches neither the agent nor, if `check`,
    /// any other; at the last place tried if there is none.
    pub fn reposition(&mut self, e: &mut Entity, area: Area, check: bool) {
        for _ in 0..=RETRIES {
            e.x = self.rand_pos(e.rx, area.x, area.x + area.w);
            e.y = self.rand_pos(e.ry, area.y, area.y + area.h);
            let hits_agent = e.kind != PLAYER && e.collides(self.agent(), e.collision_margin);
            let hits = hits_agent || check && self.has_any_collision(e, 0.0);
            if !hits {
                break;
            }
        }
    }

    /// Puts the agent somewhere in the world where it touches nothing.
    pub fn reposition_agent(&mut self) {
        for _ in 0..RETRIES {
            let Entity { rx, ry, .. } = *self.agent();
            let x = self.rng.rand01() * (self.main_width as f32 - 2.0 * rx) + rx;
            let y = self.rng.rand01() * (self.main_height as f32 - 2.0 * ry) + ry;
            let agent = self.agent_mut();
            (agent.x, agent.y) = (x, y);
            let (agent, others) = (&self.entities[AGENT], &self.entities[AGENT + 1..]);
            if !others.iter().any(|e| e.collides(agent, e.collision_margin)) {
                break;
            }
        }
    }

    /// Whether an entity that is not in the list touches one that is.
    pub fn has_any_collision(&self, e: &Entity, margin: f32) -> bool {
        self.entities.iter().any(|other| !other.avoids_collisions && e.collides(other, margin))
    }

    /// Appends an entity and returns its index.
    pub fn add(&mut self, e: Entity) -> usize {
        self.entities.push(e);
        self.entities.len() - 1
    }

    /// Appends a square of half size `r`.
    pub fn add_entity(&mut self, x: f32, y: f32, vx: f32, vy: f32, r: f32, kind: i32) -> usize {
        self.add(Entity::new(x, y, vx, vy, r, r, kind))
    }

    /// Appends a box at rest somewhere in an area where it touches nothing; two draws a try.
    pub fn spawn_entity_rxy(&mut self, rx: f32, ry: f32, kind: i32, area: Area) -> usize {
        let mut e = Entity::new(0.0, 0.0, 0.0, 0.0, rx, ry, kind);
        self.reposition(&mut e, area, true);
        self.add(e)
    }

    /// [`Engine::spawn_entity_rxy`] with a square.
    pub fn spawn_entity(&mut self, r: f32, kind: i32, area: Area) -> usize {
        self.spawn_entity_rxy(r, r, kind, area)
    }

    pub fn spawn_entities(&mut self, n: i32, r: f32, kind: i32, area: Area) {
        for _ in 0..n {
            self.spawn_entity(r, kind, area);
        }
    }

    /// Appends a square at rest in the middle of a cell.
    pub fn spawn_entity_at_idx(&mut self, index: i32, r: f32, kind: i32) -> usize {
        let (x, y) = self.cell_xy(index);
        self.add_entity(x as f32 + 0.5, y as f32 + 0.5, 0.0, 0.0, r, kind)
    }

    /// Appends a square at rest where another entity is.
    pub fn spawn_child(&mut self, source: usize, kind: i32, r: f32) -> usize {
        let Entity { x, y, .. } = self.entities[source];
        self.add_entity(x, y, 0.0, 0.0, r, kind)
    }

    /// The number of pictures of a kind.
    fn themes(&self, image_type: i32) -> usize {
        self.facts.sprite(image_type).map_or(1, |sprite| sprite.themes.len())
    }

    /// One of the pictures of a kind; a draw also where there is one only.
    pub fn random_theme(&mut self, image_type: i32) -> i32 {
        let themes = self.themes(image_type);
        self.rng.index(themes) as i32
    }

    pub fn choose_random_theme(&mut self, i: usize) {
        self.entities[i].image_theme = self.random_theme(self.entities[i].image_type);
    }

    /// A picture told by the step's random number, without a draw.
    pub fn choose_step_random_theme(&mut self, i: usize) {
        let themes = self.themes(self.entities[i].image_type) as i32;
        self.entities[i].image_theme = self.step_rand_int % themes;
    }

    /// The theme that is shown, which the options may restrict to the first.
    #[inline]
    pub fn shown_theme(&self, image_type: i32, theme: i32) -> i32 {
        let keeps = || self.facts.sprite(image_type).is_some_and(|sprite| sprite.keeps_theme);
        if self.settings.restrict_themes && !keeps() { 0 } else { theme }
    }

    /// Width by height of the picture that an entity shows.
    pub fn aspect_ratio(&self, e: &Entity) -> f32 {
        let theme = self.shown_theme(e.image_type, e.image_theme) as usize;
        let sprite = self.facts.sprite(e.image_type);
        match sprite.and_then(|sprite| sprite.themes.get(theme)) {
            Some(&(_, width, height)) => (f64::from(width) / f64::from(height)) as f32,
            None => 1.0,
        }
    }

    /// Sets the height of an entity so that its box has the shape of its picture.
    pub fn match_aspect_ratio(&self, e: &mut Entity) {
        e.ry = e.rx / self.aspect_ratio(e);
    }

    /// Sets the width of an entity so that its box has the shape of its picture.
    pub fn match_aspect_ratio_of_height(&self, e: &mut Entity) {
        e.rx = e.ry * self.aspect_ratio(e);
    }

    /// Shrinks the box of an entity to the shape of its picture.
    pub fn fit_aspect_ratio(&self, e: &mut Entity) {
        let ratio = self.aspect_ratio(e);
        if ratio > 1.0 {
            e.ry = e.rx / ratio;
        } else {
            e.rx = e.ry * ratio;
        }
    }
}
