//! Sink the ships that are wanted and spare the others.

use crate::{
    draw::Colour,
    procgen::{
        engine::Engine,
        entity::{EXPLOSION, Entity},
        game::{Background, Facts, Game, Scores, Sprite, Theme},
        layout::Layout,
        options::Mode,
        paint::Canvas,
        spawn::Area,
    },
};
use std::f32::consts::PI;

const PLAYER_BULLET: i32 = 1;
/// Shows the ship that is wanted.
const TARGET_LEGEND: i32 = 2;
const TARGET_BACKGROUND: i32 = 3;
/// Stops bullets.
const PANEL: i32 = 6;
const SHIP: i32 = 7;

const WORLD: i32 = 20;
const SHIP_THEMES: i32 = 6;
/// Kinds of ships in a level; one of them is wanted.
const SHIP_TYPES: i32 = 2;
const NUM_LANES: i32 = 5;
const TARGET_QUOTA: i32 = 20;
/// Steps between two shots.
const RELOAD_TIME: i32 = 3;
/// Probability of a ship in a step.
const SPAWN_PROB: f32 = 0.06;
/// The legend takes the lower left corner, where the agent cannot go.
const LEGEND_R: f32 = 2.0;
/// The juice: what a step and a shot take, and what a ship gives or takes.
const STEP_JUICE: f32 = 0.0015;
const SHOT_JUICE: f32 = 0.02;
const SHIP_JUICE: f32 = 0.1;

const POSITIVE_REWARD: f32 = 1.0;
const COMPLETION_BONUS: f32 = 10.0;

const JUICE_COLOUR: Colour = [66, 245, 135, 255];
const TARGETS_COLOUR: Colour = [245, 66, 144, 255];

#[rustfmt::skip]
const BOATS: &[Theme] = &[
    ("boat/1", 113, 66), ("boat/2", 113, 66), ("boat/3", 113, 66),
    ("boat/4", 113, 66), ("boat/5", 113, 66), ("boat/6", 113, 66),
];

#[derive(Clone, Default)]
pub struct Plunder {
    last_fire_time: i32,
    /// Whether ships of a lane go to the right, and how fast.
    lane_directions: Vec<bool>,
    lane_vels: Vec<f32>,
    /// Whether ships of a theme are wanted.
    target_bools: Vec<bool>,
    /// Themes in random order: the first ones are those of the level.
    image_permutation: Vec<i32>,
    targets_hit: i32,
    /// The episode is over when there is none left.
    juice_left: f32,
    /// Radius of ships.
    r_scale: f32,
    min_agent_x: f32,
}

impl Game for Plunder {
    const FACTS: &'static Facts = &Facts {
        name: "plunder",
        about: "sink the ships that are wanted and spare the others",
        scores: Scores { easy: (4.5, 30.0), hard: (3.0, 30.0) },
        timeout: 4000,
        // Several ships at once are possible, all twenty are not.
        rewards: (0.0, TARGET_QUOTA as f32 * POSITIVE_REWARD + COMPLETION_BONUS),
        background: Background::WaterSurface,
        sprites: &[
            Sprite::new(PLAYER_BULLET, &[("cannonball", 10, 10)]),
            Sprite::new(TARGET_BACKGROUND, &[("target", 128, 128)]),
            Sprite::new(PANEL, &[("panel/wood", 128, 128)]),
            Sprite::keeping_theme(SHIP, BOATS),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        (e.main_width, e.main_height) = (WORLD, WORLD);
        e.maxspeed = 0.85;
        e.has_useful_vel_info = false;
        Self::default()
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("last_fire_time", &mut self.last_fire_time);
        io.require("last_fire_time", self.last_fire_time >= 0);
        io.bools("lane_directions", &mut self.lane_directions);
        io.require("lane_directions", self.lane_directions.len() == NUM_LANES as usize);
        io.bools("target_bools", &mut self.target_bools);
        io.require("target_bools", self.target_bools.len() == SHIP_THEMES as usize);
        io.ints("image_permutation", &mut self.image_permutation);
        io.require("image_permutation", self.image_permutation.len() == SHIP_THEMES as usize);
        io.floats("lane_vels", &mut self.lane_vels);
        io.require("lane_vels", self.lane_vels.len() == NUM_LANES as usize);
        io.constant("num_lanes", NUM_LANES);
        io.constant("num_current_ship_types", SHIP_TYPES);
        io.int("targets_hit", &mut self.targets_hit);
        io.constant("target_quota", TARGET_QUOTA);
        io.float("juice_left", &mut self.juice_left);
        io.float("r_scale", &mut self.r_scale);
        io.constant_float("spawn_prob", SPAWN_PROB);
        io.constant_float("legend_r", LEGEND_R);
        io.float("min_agent_x", &mut self.min_agent_x);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.settings.center_agent = false;
        self.last_fire_time = 0;
        self.juice_left = 1.0;
        self.targets_hit = 0;
        self.r_scale = if e.mode() == Mode::Easy { 1.5 } else { 1.0 };
        self.image_permutation = e.rng.choose_n(&[0, 1, 2, 3, 4, 5], SHIP_THEMES as usize);
        let wanted = self.image_permutation[0];
        self.target_bools.clear();
        self.target_bools.extend((0..SHIP_THEMES).map(|theme| theme == wanted));
        self.lane_directions.clear();
        self.lane_vels.clear();
        for _ in 0..NUM_LANES {
            self.lane_directions.push(e.rng.rand01() < 0.5);
            self.lane_vels.push((0.15 + 0.1 * f64::from(e.rng.rand01())) as f32);
        }
        let panels = if e.mode() == Mode::Easy { 0 } else { e.rng.randn(4) };
        for _ in 0..panels {
            e.spawn_entity_rxy(1.2, 0.5, PANEL, Area::new(0.0, 5.0, WORLD as f32, 5.0));
        }
        e.add_entity(LEGEND_R, LEGEND_R, 0.0, 0.0, LEGEND_R, TARGET_BACKGROUND);
        let legend_r = self.r_scale * 1.5;
        let legend = Entity::new(LEGEND_R, LEGEND_R, 0.0, 0.0, legend_r, legend_r, TARGET_LEGEND);
        let mut legend =
            Entity { image_type: SHIP, image_theme: wanted, rotation: PI / 2.0, ..legend };
        e.match_aspect_ratio(&mut legend);
        e.add(legend);

        // The agent's ship is never wanted.
        let own = e.rng.randn(SHIP_TYPES - 1) + 1;
        let mut agent = Entity {
            rx: self.r_scale,
            rotation: -PI / 2.0,
            image_type: SHIP,
            image_theme: self.image_permutation[own as usize],
            ..*e.agent()
        };
        e.match_aspect_ratio(&mut agent);
        *e.agent_mut() = agent;
        e.reposition_agent();
        self.min_agent_x = 2.0 * LEGEND_R + agent.rx;
        e.agent_mut().y = 1.0 + agent.ry;
        self.keep_agent_off_legend(e);
    }

    /// Left and right only.
    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_action_xy();
        e.action_vy = 0.0;
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        self.juice_left -= STEP_JUICE;
        if e.rng.rand01() < SPAWN_PROB {
            self.spawn_ship(e);
        }
        if e.special_action == 1 && e.cur_time - self.last_fire_time >= RELOAD_TIME {
            let Entity { x, y, .. } = *e.agent();
            let bullet = e.add_entity(x, y, 0.0, 1.0, 0.25, PLAYER_BULLET);
            e.entities[bullet].collides_with_entities = true;
            e.entities[bullet].expire_time = 50;
            self.last_fire_time = e.cur_time;
            self.juice_left -= SHOT_JUICE;
        }
        if self.juice_left <= 0.0 {
            e.done = true;
        } else if self.juice_left >= 1.0 {
            self.juice_left = 1.0;
        }
        if self.targets_hit >= TARGET_QUOTA {
            e.complete(COMPLETION_BONUS);
        }
        self.keep_agent_off_legend(e);
    }

    fn handle_collision(&mut self, e: &mut Engine, source: usize, target: usize) {
        if e.entities[source].kind != PLAYER_BULLET {
            return;
        }
        let Entity { x, y, vx, vy, rx, kind, image_theme, .. } = e.entities[target];
        if kind == SHIP {
            e.entities[source].will_erase = true;
            e.entities[target].will_erase = true;
            if self.target_bools.get(image_theme as usize) == Some(&true) {
                self.targets_hit += 1;
                e.reward += POSITIVE_REWARD;
                self.juice_left += SHIP_JUICE;
            } else {
                self.juice_left -= SHIP_JUICE;
            }
            e.add_entity(x, y, vx / 2.0, vy / 2.0, 0.5 * rx, EXPLOSION);
        } else if kind == PANEL {
            e.entities[source].will_erase = true;
        }
    }

    /// Two bars: the juice left, and the targets hit.
    fn draw_overlay(&self, e: &Engine, canvas: &mut Canvas<'_>) {
        let width = e.main_width as f32;
        let hit = width * self.targets_hit as f32 / TARGET_QUOTA as f32;
        let bar = |y, width| canvas.camera.view_rect(0.25, y, width, 0.5);
        let (juice, targets) = (bar(0.25, width * self.juice_left), bar(0.75, hit));
        canvas.fill(juice, JUICE_COLOUR);
        canvas.fill(targets, TARGETS_COLOUR);
    }
}

impl Plunder {
    fn keep_agent_off_legend(&self, e: &mut Engine) {
        let agent = e.agent_mut();
        if agent.x < self.min_agent_x {
            agent.x = self.min_agent_x;
        }
    }

    /// A ship enters one of the lanes, unless the entry is taken.
    fn spawn_ship(&self, e: &mut Engine) {
        let lane = e.rng.randn(NUM_LANES);
        let (r, half) = (self.r_scale, (WORLD / 2) as f32);
        let share = f64::from(lane) * 0.11 + 0.4;
        let y = (share * f64::from(half - r) + f64::from(half)) as f32;
        let moves_right = self.lane_directions[lane as usize];
        let direction = if moves_right { 1.0 } else { -1.0 };
        let vx = self.lane_vels[lane as usize] * direction;
        let x = if moves_right { -r } else { WORLD as f32 + r };
        let mut ship = Entity::new(x, y, vx, 0.0, r, r, SHIP);
        ship.image_theme = self.image_permutation[e.rng.randn(SHIP_TYPES) as usize];
        e.match_aspect_ratio(&mut ship);
        ship.is_reflected = !moves_right;
        if !e.has_any_collision(&ship, 0.0) {
            e.add(ship);
        }
    }
}
