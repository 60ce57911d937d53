//! Cross roads and rivers to the finish line.

use crate::{
    draw::Rect,
    procgen::{
        engine::Engine,
        entity::{Entity, PLAYER},
        game::{Facts, Game, Scores, Sprite},
        layout::Layout,
        options::Mode,
        sign,
    },
};
use std::f32::consts::PI;

const LOG: i32 = 1;
const ROAD: i32 = 2;
const WATER: i32 = 3;
const CAR: i32 = 4;
const FINISH_LINE: i32 = 5;

const REWARD: f32 = 10.0;
/// What the agent starts a hop with, and what it loses of it in a step: a hop is one cell.
const MAX_SPEED: f32 = 0.5;
const SPEED_LOSS: f32 = MAX_SPEED / 5.0;
/// Pictures of a hop.
const HOP_FRAMES: i32 = 5;
const CAR_RX: f32 = 0.5;
const CAR_RY: f32 = 0.25;
const LOG_RADIUS: f32 = 0.45;
/// Distances in which a lane gets one vehicle on average.
const CAR_DISTANCE: f64 = 6.0;
const LOG_DISTANCE: f64 = 2.0;
/// More lanes than any level has.
const MAX_LANES: usize = 8;

#[derive(Clone)]
pub struct Leaper {
    bottom_road_y: i32,
    /// From the bottom; the sign tells the direction.
    road_lane_speeds: Vec<f32>,
    bottom_water_y: i32,
    water_lane_speeds: Vec<f32>,
    goal_y: i32,
}

/// Least and greatest speeds.
struct Speeds {
    car: (f32, f32),
    log: (f32, f32),
}

impl Game for Leaper {
    const FACTS: &'static Facts = &Facts {
        name: "leaper",
        about: "cross roads and rivers to the finish line",
        scores: Scores { easy: (1.5, 10.0), hard: (1.5, 10.0) },
        extreme: true,
        exploration: Some(1_318_677_581),
        timeout: 500,
        rewards: (0.0, REWARD),
        sprites: &[
            Sprite::keeping_theme(
                PLAYER,
                &[
                    ("frog/1", 91, 144),
                    ("frog/2", 93, 144),
                    ("frog/3", 93, 144),
                    ("frog/4", 94, 144),
                    ("frog/5", 93, 144),
                ],
            ),
            Sprite::new(LOG, &[("log", 70, 70)]),
            Sprite::new(ROAD, &[("road", 64, 48)]),
            Sprite::new(WATER, &[("water", 64, 64)]),
            Sprite::new(
                CAR,
                &[
                    ("car/1", 121, 70),
                    ("car/2", 131, 71),
                    ("car/3", 116, 71),
                    ("car/4", 131, 70),
                    ("car/5", 131, 70),
                ],
            ),
            Sprite::new(FINISH_LINE, &[("finish", 16, 16)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.maxspeed = MAX_SPEED;
        Self {
            bottom_road_y: 0,
            road_lane_speeds: Vec::new(),
            bottom_water_y: 0,
            water_lane_speeds: Vec::new(),
            goal_y: 0,
        }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("bottom_road_y", &mut self.bottom_road_y);
        layout_lanes(io, "road_lane_speeds", &mut self.road_lane_speeds);
        io.int("bottom_water_y", &mut self.bottom_water_y);
        layout_lanes(io, "water_lane_speeds", &mut self.water_lane_speeds);
        io.int("goal_y", &mut self.goal_y);
        let rows = [self.bottom_road_y, self.bottom_water_y, self.goal_y];
        io.require("goal_y", rows.into_iter().all(|y| (0..=64).contains(&y)));
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        let side = match e.mode() {
            Mode::Easy => 9,
            Mode::Extreme => 20,
            _ => 15,
        };
        (e.main_width, e.main_height) = (side, side);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.settings.center_agent = false;
        let agent = e.agent_mut();
        agent.y = agent.ry;
        let speeds = match e.mode() {
            Mode::Easy => Speeds { car: (0.03, 0.12), log: (0.025, 0.075) },
            Mode::Extreme => Speeds { car: (0.1, 0.3), log: (0.1, 0.2) },
            _ => Speeds { car: (0.05, 0.2), log: (0.05, 0.1) },
        };
        self.build_lanes(e, &speeds);

        // Cars and logs are spread over their lanes when the episode starts.
        let width = e.main_width as f32;
        let crossing = width / speeds.car.0.min(speeds.log.0);
        let mut i = 0;
        while (i as f32) < crossing {
            self.spawn_vehicles(e);
            e.step_entities(self);
            i += 1;
        }
        let (x, y) = (width / 2.0, self.goal_y as f32 - 0.5);
        e.add(Entity::new(x, y, 0.0, 0.0, x, 0.5, FINISH_LINE));
    }

    fn update_agent_velocity(&mut self, e: &mut Engine) {
        let (ax, ay, maxspeed) = (e.action_vx, e.action_vy, e.maxspeed);
        let agent = e.agent_mut();
        if agent.vx == 0.0 && agent.vy == 0.0 {
            if ax != 0.0 {
                agent.vx = maxspeed * ax;
                agent.image_theme = 1;
                agent.rotation = if agent.vx > 0.0 { PI / 2.0 } else { -PI / 2.0 };
            } else if ay != 0.0 {
                agent.vy = maxspeed * ay;
                agent.image_theme = 1;
                agent.rotation = if agent.vy > 0.0 { 0.0 } else { PI };
            }
        }
        let slower = |v: f32| {
            let speed = (f64::from(v.abs()) - f64::from(SPEED_LOSS)) as f32;
            speed.max(0.0) * sign(v) as f32
        };
        agent.vx = slower(agent.vx);
        agent.vy = slower(agent.vy);
    }

    fn step(&mut self, e: &mut Engine) {
        let agent = e.agent_mut();
        if agent.image_theme >= 1 {
            agent.image_theme = (agent.image_theme + 1) % HOP_FRAMES;
        }
        e.base_step(self);
        self.spawn_vehicles(e);

        let agent = *e.agent();
        let carries = |log: &&Entity| log.kind == LOG && agent.collides(log, -agent.rx);
        match e.entities.iter().rfind(carries).map(|log| log.vx) {
            Some(vx) => e.agent_mut().x += vx,
            None => {
                let over_water = e.get_obj(agent.x as i32, agent.y as i32) == WATER;
                if over_water && rests(&agent) {
                    e.done = true;
                }
            }
        }
        e.done |= e.agent_has_left();
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            CAR => e.done = true,
            FINISH_LINE if rests(e.agent()) => e.complete(REWARD),
            _ => {}
        }
    }

    /// The frog looks longer than it is.
    fn sprite_rect(&self, _e: &Engine, image_type: i32, rect: Rect) -> Rect {
        if image_type == PLAYER { rect.part(0.0, -0.275, 1.0, 1.55) } else { rect }
    }

    fn tile_ratio(&self, _e: &Engine, entity: &Entity) -> f32 {
        if entity.kind == FINISH_LINE { 1.0 } else { 0.0 }
    }
}

impl Leaper {
    /// Roads, water and the finish line, from below, with perhaps a free row between them.
    fn build_lanes(&mut self, e: &mut Engine, speeds: &Speeds) {
        let easy = e.mode() == Mode::Easy;
        let extra = |e: &mut Engine| if easy { 0 } else { e.rng.randn(2) };
        let width = e.main_width;

        self.bottom_road_y = extra(e) + 1;
        let difficulty = e.rng.randn(if easy { 4 } else { 5 });
        let addition = if easy { 0 } else { e.rng.randn(4) };
        self.road_lane_speeds.clear();
        let roads = difficulty + i32::from(addition == 2);
        for lane in 0..roads {
            let direction = random_sign(e);
            let speed = direction * e.rng.randrange(speeds.car.0, speeds.car.1);
            self.road_lane_speeds.push(speed);
            e.fill_elem(0, self.bottom_road_y + lane, width, 1, ROAD);
        }

        self.bottom_water_y = self.bottom_road_y + roads + extra(e) + 1;
        self.water_lane_speeds.clear();
        let waters = difficulty + i32::from(addition == 3);
        // Neighbouring lanes flow in opposite directions.
        let mut direction = random_sign(e);
        for lane in 0..waters {
            let speed = direction * e.rng.randrange(speeds.log.0, speeds.log.1);
            self.water_lane_speeds.push(speed);
            direction = -direction;
            e.fill_elem(0, self.bottom_water_y + lane, width, 1, WATER);
        }
        self.goal_y = self.bottom_water_y + waters + 1;
    }

    /// Cars and logs enter at the ends of their lanes where there is room.
    fn spawn_vehicles(&self, e: &mut Engine) {
        let width = e.main_width as f32;
        for (lane, &speed) in self.road_lane_speeds.iter().enumerate() {
            if e.rng.rand01() < (f64::from(speed.abs()) / CAR_DISTANCE) as f32 {
                let x = if speed > 0.0 { -CAR_RX / 2.0 } else { width + CAR_RX / 2.0 };
                let y = (self.bottom_road_y + lane as i32) as f32 + 0.5;
                let mut car = Entity::new(x, y, speed, 0.0, CAR_RX, CAR_RY, CAR);
                car.image_theme = e.random_theme(CAR);
                if speed < 0.0 {
                    car.rotation = PI;
                }
                if !e.has_any_collision(&car, 0.0) {
                    e.add(car);
                }
            }
        }
        for (lane, &speed) in self.water_lane_speeds.iter().enumerate() {
            if e.rng.rand01() < (f64::from(speed.abs()) / LOG_DISTANCE) as f32 {
                let x = if speed > 0.0 { -LOG_RADIUS } else { width + LOG_RADIUS };
                let y = (self.bottom_water_y + lane as i32) as f32 + 0.5;
                let log = Entity::new(x, y, speed, 0.0, LOG_RADIUS, LOG_RADIUS, LOG);
                if !e.has_any_collision(&log, 0.0) {
                    e.add(log);
                }
            }
        }
    }
}

fn layout_lanes(io: &mut impl Layout, name: &'static str, speeds: &mut Vec<f32>) {
    io.floats(name, speeds);
    let sane = speeds.len() <= MAX_LANES && speeds.iter().all(|v| v.abs() <= 1.0);
    io.require(name, sane);
}

fn random_sign(e: &mut Engine) -> f32 {
    if e.rng.rand01() < 0.5 { 1.0 } else { -1.0 }
}

/// Whether an agent is between two hops.
fn rests(agent: &Entity) -> bool {
    agent.vx == 0.0 && agent.vy == 0.0
}
