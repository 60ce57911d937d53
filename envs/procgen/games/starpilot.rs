//! Fly through a stream of enemies and shoot them.

use crate::{
    draw::{Picture, Rect},
    procgen::{
        engine::{Engine, layout_entities},
        entity::{EXPLOSION, Entity, PLAYER},
        game::{Background, Facts, Game, Scores, Sprite, Theme},
        layout::Layout,
        options::Mode,
        paint::Canvas,
        std_sort,
    },
};
use std::f32::consts::PI;

const BULLET_PLAYER: i32 = 1;
/// Of flyers.
const BULLET2: i32 = 2;
/// Of turrets.
const BULLET3: i32 = 3;
const FLYER: i32 = 4;
const METEOR: i32 = 5;
const CLOUD: i32 = 6;
const TURRET: i32 = 7;
const FAST_FLYER: i32 = 8;
const FINISH_LINE: i32 = 9;

const WORLD: i32 = 16;
/// Units a step for a speed of 1.
const V_SCALE: f32 = 2.0 / 5.0;
/// Speed of what does not fly by itself.
const SLOW_V: f32 = 0.5;
const FLYER_THEMES: i32 = 7;
const MAX_GROUP: i32 = 5;
/// Steps between the members of a group.
const GROUP_DELAY: i32 = 5;
/// Steps between two groups, the second exclusive.
const DELTA_T: (i32, i32) = (10, 30);
/// Share of the flyers that come from ahead.
const FROM_RIGHT: f32 = 0.9;
/// When the finish line comes, and nothing else any more.
const SHOOTER_WIN_TIME: i32 = 500;

const POSITIVE_REWARD: f32 = 1.0;
const COMPLETION_BONUS: f32 = 10.0;

#[rustfmt::skip]
const FLYERS: &[Theme] = &[
    ("flyer/1", 106, 80), ("flyer/2", 101, 74), ("flyer/3", 100, 94), ("flyer/4", 126, 108),
    ("flyer/5", 136, 84), ("flyer/6", 94, 148), ("flyer/7", 172, 151),
];
#[rustfmt::skip]
const METEORS: &[Theme] = &[
    ("meteor/1", 215, 211), ("meteor/2", 212, 218), ("meteor/3", 214, 227), ("meteor/4", 220, 221),
    ("meteor/5", 101, 84), ("meteor/6", 120, 98), ("meteor/7", 89, 82), ("meteor/8", 98, 96),
];
#[rustfmt::skip]
const CLOUDS: &[Theme] = &[
    ("cloud/1", 41, 42), ("cloud/2", 56, 49), ("cloud/3", 59, 55),
    ("cloud/4", 52, 50), ("cloud/5", 63, 65), ("cloud/6", 73, 72),
    ("cloud/7", 87, 100), ("cloud/8", 100, 102), ("cloud/9", 69, 71),
];
#[rustfmt::skip]
const FINISHES: &[Theme] = &[
    ("finish/1", 122, 374), ("finish/2", 157, 309), ("finish/3", 118, 315), ("finish/4", 136, 369),
];

#[derive(Clone, Default)]
pub struct Starpilot {
    /// What is still to come, with the next at the end.
    spawners: Vec<Entity>,
}

impl Game for Starpilot {
    const FACTS: &'static Facts = &Facts {
        name: "starpilot",
        about: "fly through a stream of enemies and shoot them",
        scores: Scores { easy: (2.5, 64.0), hard: (1.5, 35.0) },
        extreme: true,
        // Several enemies at once are possible, all of a level are not.
        rewards: (0.0, (SHOOTER_WIN_TIME / DELTA_T.0 * MAX_GROUP) as f32 + COMPLETION_BONUS),
        background: Background::Space,
        sprites: &[
            Sprite::new(PLAYER, &[("ship/own", 112, 75)]),
            Sprite::new(BULLET_PLAYER, &[("bullet/own", 60, 60)]),
            Sprite::new(BULLET2, &[("bullet/flyer", 68, 68)]),
            Sprite::new(BULLET3, &[("bullet/turret", 76, 76)]),
            Sprite::new(FLYER, FLYERS),
            Sprite::new(METEOR, METEORS),
            Sprite::new(CLOUD, CLOUDS),
            Sprite::new(TURRET, &[("turret/1", 172, 52), ("turret/2", 172, 52)]),
            Sprite::new(FAST_FLYER, FLYERS),
            Sprite::new(FINISH_LINE, FINISHES),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        (e.main_width, e.main_height) = (WORLD, WORLD);
        Self::default()
    }

    fn layout(&mut self, io: &mut impl Layout) {
        layout_entities(&mut self.spawners, "spawners", io);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.settings.center_agent = false;
        e.maxspeed = if e.mode() == Mode::Extreme { 0.5 } else { 0.75 };
        self.spawners.clear();
        self.add_spawners(e);
        // The order of those that come at once is that of the original's sort.
        std_sort::sort(&mut self.spawners, &|a, b| a.spawn_time > b.spawn_time);
        e.agent_mut().rotation = PI / 2.0;
        e.agent_mut().image_theme = e.random_theme(PLAYER);
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        for i in (0..e.entities.len()).rev() {
            if e.entities[i].kind != PLAYER {
                act(e, i);
            }
        }
        while let Some(next) = self.spawners.pop_if(|next| next.spawn_time == e.cur_time) {
            e.add(next);
        }
        if e.special_action != 0 {
            shoot(e);
        }
        if e.cur_time == SHOOTER_WIN_TIME {
            let width = e.main_width as f32;
            let middle = e.main_height as f32 / 2.0;
            let vx = -SLOW_V * V_SCALE;
            let mut finish = Entity::new(width, middle, vx, 0.0, 2.0, middle, FINISH_LINE);
            finish.image_theme = e.random_theme(FINISH_LINE);
            e.match_aspect_ratio_of_height(&mut finish);
            finish.x = width + finish.rx;
            e.add(finish);
        }
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        match e.entities[i].kind {
            FINISH_LINE => e.complete(COMPLETION_BONUS),
            BULLET2 | BULLET3 => e.done = true,
            kind if is_target(kind) => e.done = true,
            _ => {}
        }
    }

    fn handle_collision(&mut self, e: &mut Engine, source: usize, target: usize) {
        if e.entities[source].kind == BULLET_PLAYER && is_target(e.entities[target].kind) {
            e.entities[source].will_erase = true;
            e.entities[target].health -= 1.0;
            let Entity { vx, vy, .. } = e.entities[target];
            let Entity { x, y, rx, .. } = e.entities[source];
            e.add_entity(x, y, vx, vy, 0.5 * rx, EXPLOSION);
        }
    }

    /// Space passes by, three times as high as the view.
    fn draw_background(&self, e: &Engine, canvas: &mut Canvas<'_>) {
        let unit = (canvas.size / WORLD as u32) as f32;
        let left = -(e.cur_time as f32) * unit * SLOW_V * 2.0 / 5.0;
        let side = f64::from(canvas.size);
        let rect = Rect::new(left.into(), -side, 3.0 * 18.0 * side, 3.0 * side);
        canvas.tile(Picture::Background(e.background_index), rect, 1.0, false, 1.0);
    }
}

impl Starpilot {
    /// Plans who comes when and where.
    fn add_spawners(&mut self, e: &mut Engine) {
        let mut time = 1 + e.rng.randint(DELTA_T.0, DELTA_T.1);
        while time <= SHOOTER_WIN_TIME {
            self.add_group(e, time);
            time += e.rng.randint(DELTA_T.0, DELTA_T.1);
        }
    }

    fn add_group(&mut self, e: &mut Engine, time: i32) {
        let kind = random_kind(e);
        let drifts = matches!(kind, METEOR | CLOUD | TURRET);
        let r = if drifts { 2.0 } else { 0.5 };
        let flies = matches!(kind, FLYER | FAST_FLYER);
        let (mut group, mut theme) = (1, 0);
        if flies {
            group = e.rng.randint(0, MAX_GROUP) + 1;
            theme = e.rng.randn(FLYER_THEMES);
        }
        let y = e.rand_pos(r, 0.0, e.main_height as f32);
        for member in 0..group {
            let mut fire_time = e.rng.randint(10, 100);
            let sector = f64::from((2.0 * PI) / 4.0);
            let mut angle = ((f64::from(e.rng.rand01()) - 0.5) * sector) as f32;
            let mut speed = speed(e.mode(), kind);
            if e.rng.randint(0, 2) == 1 {
                angle = 0.0;
            }
            if drifts {
                (angle, speed, fire_time) = (0.0, SLOW_V, -1);
            }
            if kind == TURRET {
                fire_time = e.rng.randint(20, 30);
            }
            let speed = f64::from(speed * V_SCALE);
            let mut x = e.main_width as f32 + r;
            let mut vx = (-libm::cos(f64::from(angle)) * speed) as f32;
            let vy = (libm::sin(f64::from(angle)) * speed) as f32;
            if flies && e.rng.rand01() > FROM_RIGHT && e.mode() != Mode::Easy {
                (x, vx) = (-r, -vx);
            }
            let mut spawner = Entity::new(x, y, vx, vy, r, r, kind);
            spawner.fire_time = fire_time;
            spawner.spawn_time = time + GROUP_DELAY * member;
            spawner.health = health(e.mode(), kind);
            match kind {
                FLYER | FAST_FLYER => {
                    spawner.image_theme = theme;
                    spawner.rotation = (if vx > 0.0 { -PI } else { PI }) / 2.0;
                }
                METEOR => spawner.image_theme = e.random_theme(METEOR),
                CLOUD => {
                    spawner.render_z = 1;
                    spawner.image_theme = e.random_theme(CLOUD);
                }
                TURRET => {
                    spawner.image_theme = e.random_theme(TURRET);
                    e.match_aspect_ratio(&mut spawner);
                }
                _ => {}
            }
            self.spawners.push(spawner);
        }
    }
}

/// What can be shot.
fn is_target(kind: i32) -> bool {
    matches!(kind, FLYER | METEOR | TURRET | FAST_FLYER)
}

fn speed(mode: Mode, kind: i32) -> f32 {
    match (kind, mode) {
        (FLYER, Mode::Easy) => 0.75,
        (BULLET2, Mode::Easy) => 1.25,
        (FAST_FLYER, _) => 1.5,
        (BULLET_PLAYER | BULLET2 | BULLET3, _) => 2.0,
        _ => 1.0,
    }
}

fn health(mode: Mode, kind: i32) -> f32 {
    let extreme = mode == Mode::Extreme;
    match kind {
        FLYER if extreme => 5.0,
        FLYER => 2.0,
        METEOR => 500.0,
        TURRET if extreme => 10.0,
        TURRET => 5.0,
        FAST_FLYER if extreme => 2.0,
        FAST_FLYER => 1.0,
        _ => 0.0,
    }
}

fn bullet_r(mode: Mode) -> f32 {
    if mode == Mode::Extreme { 0.2 } else { 0.4 }
}

/// How often a kind comes in comparison with others.
fn weight(mode: Mode, kind: i32) -> f32 {
    match kind {
        FLYER => 3.0,
        METEOR | CLOUD | TURRET | FAST_FLYER if mode != Mode::Easy => 1.0,
        _ => 0.0,
    }
}

fn random_kind(e: &mut Engine) -> i32 {
    let kinds = BULLET2..=FAST_FLYER;
    let mode = e.mode();
    let total: f32 = kinds.clone().map(|kind| weight(mode, kind)).sum();
    let mut rest = e.rng.rand01() * total;
    for kind in kinds {
        rest -= weight(mode, kind);
        if rest <= 0.0 {
            return kind;
        }
    }
    FAST_FLYER
}

/// An entity shoots at the agent if it is time, and explodes if it was shot.
fn act(e: &mut Engine, i: usize) {
    let Entity { x, y, vx, vy, rx, kind, fire_time, spawn_time, .. } = e.entities[i];
    let age = e.cur_time.wrapping_sub(spawn_time);
    let fires = match kind {
        _ if fire_time <= 0 => false,
        TURRET => age % fire_time == 0,
        _ => age == fire_time,
    };
    if fires {
        let bullet = if kind == TURRET { BULLET3 } else { BULLET2 };
        let (dx, dy) = (e.agent().x - x, e.agent().y - y);
        let distance = f64::from(dx * dx + dy * dy).sqrt();
        let scale = (f64::from(speed(e.mode(), bullet) * V_SCALE) / distance) as f32;
        let (vx, vy) = (dx * scale, dy * scale);
        let bullet = e.add_entity(x, y, vx, vy, bullet_r(e.mode()), bullet);
        e.entities[bullet].face_direction(vx, vy, -PI / 2.0);
    }
    let shot = &mut e.entities[i];
    if shot.health <= 0.0 && is_target(kind) && !shot.will_erase {
        shot.will_erase = true;
        e.add_entity(x, y, vx, vy, 0.5 * rx, EXPLOSION);
        e.reward += POSITIVE_REWARD;
    }
}

/// The agent shoots ahead, or back with the second key.
fn shoot(e: &mut Engine) {
    let angle = f64::from(if e.special_action == 2 { PI } else { 0.0 });
    let speed = f64::from(speed(e.mode(), BULLET_PLAYER) * V_SCALE);
    let vx = (libm::cos(angle) * speed) as f32;
    let vy = (libm::sin(angle) * speed) as f32;
    let Entity { x, y, rx, .. } = *e.agent();
    let ahead = (f64::from(rx) * libm::cos(angle)) as f32;
    let bullet = e.add_entity(x + ahead, y, vx, vy, bullet_r(e.mode()), BULLET_PLAYER);
    let bullet = &mut e.entities[bullet];
    bullet.collides_with_entities = true;
    bullet.face_direction(vx, vy, 0.0);
    bullet.rotation -= PI / 2.0;
}
