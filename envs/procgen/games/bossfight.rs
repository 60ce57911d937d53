//! Shoot the boss while its shields are down.

use crate::procgen::{
    engine::Engine,
    entity::{EXPLOSION, Entity, PLAYER},
    game::{Background, Facts, Game, Scores, Sprite, Theme},
    layout::Layout,
    options::Mode,
};
use std::f32::consts::PI;

const PLAYER_BULLET: i32 = 1;
const BOSS: i32 = 2;
const SHIELDS: i32 = 3;
const ENEMY_BULLET: i32 = 4;
/// Left behind by every [`ENEMY_BULLET`], whose picture it shows.
const LASER_TRAIL: i32 = 5;
/// A [`PLAYER_BULLET`] that the shields sent back.
const REFLECTED_BULLET: i32 = 6;
const BARRIER: i32 = 7;

const WORLD: i32 = 20;
const BOSS_R: f32 = 3.0;
/// The boss stays this far above the lower border, and barriers below.
const BOTTOM_MARGIN: f32 = 6.0;
const BARRIER_R: f32 = 0.6;
const LASER_THEMES: i32 = 3;
const ATTACK_MODES: i32 = 4;
/// Steps between two shots of the agent.
const RELOAD_TIME: i32 = 3;
/// Steps that the boss takes from one place to the next.
const BOSS_VEL_TIMEOUT: i32 = 20;
/// Flights of the boss for which its shields are down, unless it is defeated before.
const VULNERABLE_DURATION: i32 = 500;
/// Steps for which the boss does nothing after a lost round.
const DAMAGED_DURATION: i32 = 40;
/// Probability of a shot in a step while the shields are down.
const BASE_FIRE_PROB: f32 = 0.1;
/// Parts of the state without effect: barriers stay where they are, and no new ones come.
const BARRIER_VEL: f32 = 0.1;
const BARRIER_SPAWN_PROB: f32 = 0.025;

const POSITIVE_REWARD: f32 = 1.0;
const COMPLETION_BONUS: f32 = 10.0;

#[rustfmt::skip]
const SHIPS: &[Theme] = &[
    ("ship/blue", 99, 75), ("ship/green", 99, 75), ("ship/orange", 112, 75), ("ship/red", 98, 75),
];
#[rustfmt::skip]
const BOSSES: &[Theme] = &[
    ("boss/1", 93, 84), ("boss/2", 104, 84), ("boss/3", 103, 84), ("boss/4", 82, 84),
];
const LASERS: &[Theme] = &[("laser/green", 48, 46), ("laser/red", 37, 37), ("laser/blue", 48, 46)];
#[rustfmt::skip]
const METEORS: &[Theme] = &[
    ("meteor/1", 215, 211), ("meteor/2", 212, 218), ("meteor/3", 214, 227), ("meteor/4", 220, 221),
    ("meteor/5", 101, 84), ("meteor/6", 120, 98), ("meteor/7", 89, 82), ("meteor/8", 98, 96),
];

#[derive(Clone, Default)]
pub struct Bossfight {
    /// How the boss shoots in each round while its shields are up, see [`Bossfight::attack`].
    attack_modes: Vec<i32>,
    last_fire_time: i32,
    /// Flights of the boss until its shields go down or up.
    time_to_swap: i32,
    invulnerable_duration: i32,
    num_rounds: i32,
    round_num: i32,
    /// Hits that decide a round.
    round_health: i32,
    /// Steps until the boss heads for another place.
    curr_vel_timeout: i32,
    attack_mode: i32,
    player_laser_theme: i32,
    boss_laser_theme: i32,
    damaged_until_time: i32,
    shields_are_up: bool,
    barriers_moves_right: bool,
    boss_bullet_vel: f32,
    /// Random numbers of the step. A reset leaves them, and collisions of the next step see them.
    rand_pct: f32,
    rand_fire_pct: f32,
    rand_pct_x: f32,
    rand_pct_y: f32,
}

impl Game for Bossfight {
    const FACTS: &'static Facts = &Facts {
        name: "bossfight",
        about: "shoot the boss while its shields are down",
        scores: Scores { easy: (0.5, 13.0), hard: (0.5, 13.0) },
        timeout: 4000,
        // Two bullets at once can win the last round twice.
        rewards: (0.0, 2.0 * POSITIVE_REWARD + COMPLETION_BONUS),
        background: Background::Space,
        sprites: &[
            Sprite::new(PLAYER, SHIPS),
            Sprite::new(PLAYER_BULLET, LASERS),
            Sprite::new(BOSS, BOSSES),
            Sprite::new(SHIELDS, &[("shields", 143, 119)]),
            Sprite::new(ENEMY_BULLET, LASERS),
            Sprite::new(BARRIER, METEORS),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        (e.main_width, e.main_height) = (WORLD, WORLD);
        e.maxspeed = 0.85;
        Self::default()
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.ints("attack_modes", &mut self.attack_modes);
        io.require("attack_modes", !self.attack_modes.is_empty());
        io.int("last_fire_time", &mut self.last_fire_time);
        io.require("last_fire_time", self.last_fire_time >= 0);
        io.int("time_to_swap", &mut self.time_to_swap);
        io.int("invulnerable_duration", &mut self.invulnerable_duration);
        io.constant("vulnerable_duration", VULNERABLE_DURATION);
        io.int("num_rounds", &mut self.num_rounds);
        io.int("round_num", &mut self.round_num);
        io.require("round_num", (0..=self.num_rounds).contains(&self.round_num));
        io.int("round_health", &mut self.round_health);
        io.require("round_health", self.round_health > 0);
        io.constant("boss_vel_timeout", BOSS_VEL_TIMEOUT);
        io.int("curr_vel_timeout", &mut self.curr_vel_timeout);
        io.int("attack_mode", &mut self.attack_mode);
        io.int("player_laser_theme", &mut self.player_laser_theme);
        io.int("boss_laser_theme", &mut self.boss_laser_theme);
        io.int("damaged_until_time", &mut self.damaged_until_time);
        io.bool("shields_are_up", &mut self.shields_are_up);
        io.bool("barriers_moves_right", &mut self.barriers_moves_right);
        io.constant_float("base_fire_prob", BASE_FIRE_PROB);
        io.float("boss_bullet_vel", &mut self.boss_bullet_vel);
        io.constant_float("barrier_vel", BARRIER_VEL);
        io.constant_float("barrier_spawn_prob", BARRIER_SPAWN_PROB);
        io.float("rand_pct", &mut self.rand_pct);
        io.float("rand_fire_pct", &mut self.rand_fire_pct);
        io.float("rand_pct_x", &mut self.rand_pct_x);
        io.float("rand_pct_y", &mut self.rand_pct_y);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.settings.center_agent = false;
        self.damaged_until_time = 0;
        self.last_fire_time = 0;
        let easy = e.mode() == Mode::Easy;
        self.boss_bullet_vel = if easy { 0.5 } else { 0.75 };
        let max_extra_invulnerable = if easy { 1 } else { 3 };

        let mut boss = Entity::new(10.0, 10.0, 0.0, 0.0, BOSS_R, BOSS_R, BOSS);
        boss.image_theme = e.random_theme(BOSS);
        e.match_aspect_ratio(&mut boss);
        self.round_health = e.rng.randn(9) + 1;
        self.num_rounds = e.rng.randn(5) + 1;
        self.invulnerable_duration = e.rng.randn(max_extra_invulnerable + 1) + 2;
        boss.health = (self.round_health * self.num_rounds) as f32;
        e.add(boss);
        let around = |r: f32| (1.2 * f64::from(r)) as f32;
        let (rx, ry) = (around(boss.rx), around(boss.ry));
        e.add(Entity::new(boss.x, boss.y, 0.0, 0.0, rx, ry, SHIELDS));

        let mut agent = *e.agent();
        agent.image_theme = e.random_theme(PLAYER);
        self.player_laser_theme = e.rng.randn(LASER_THEMES);
        self.boss_laser_theme = e.rng.randn(LASER_THEMES);
        self.attack_modes.clear();
        self.attack_modes.extend((0..self.num_rounds).map(|_| e.rng.randn(ATTACK_MODES)));
        self.round_num = 0;
        self.prepare_round();

        agent.rx = 0.75;
        e.match_aspect_ratio(&mut agent);
        *e.agent_mut() = agent;
        e.reposition_agent();
        e.agent_mut().y = agent.ry;
        self.barriers_moves_right = e.rng.randbool();
        for _ in 0..e.rng.randn(3) + 1 {
            spawn_barrier(e);
        }
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        let (Some(boss), Some(shields)) = (find(e, BOSS), find(e, SHIELDS)) else { return };
        let Entity { x, y, .. } = e.entities[boss];
        (e.entities[shields].x, e.entities[shields].y) = (x, y);
        self.rand_pct = e.rng.rand01();
        self.rand_fire_pct = e.rng.rand01();
        self.rand_pct_x = e.rng.rand01();
        self.rand_pct_y = e.rng.rand01();
        self.steer(&mut e.entities[boss]);
        if e.special_action == 1 && e.cur_time - self.last_fire_time >= RELOAD_TIME {
            let Entity { x, y, .. } = *e.agent();
            let bullet = e.add_entity(x, y, 0.0, 1.0, 0.25, PLAYER_BULLET);
            let bullet = &mut e.entities[bullet];
            bullet.image_theme = self.player_laser_theme;
            bullet.collides_with_entities = true;
            bullet.expire_time = 25;
            self.last_fire_time = e.cur_time;
        }
        let boss = e.entities[boss];
        if self.damaged_until_time >= e.cur_time {
            if e.cur_time % 3 == 0 {
                let x = boss.x + (2.0 * self.rand_pct_x - 1.0) * boss.rx;
                let y = boss.y + (2.0 * self.rand_pct_y - 1.0) * boss.ry;
                e.add_entity(x, y, 0.0, 0.0, 0.75, EXPLOSION);
            }
        } else if self.shields_are_up {
            self.attack(e, &boss);
        } else if self.rand_fire_pct < BASE_FIRE_PROB {
            self.fire(e, &boss, PI * (1.0 + self.rand_pct));
        }
        self.leave_trails(e);
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        if matches!(e.entities[i].kind, BOSS | BARRIER | ENEMY_BULLET) {
            e.done = true;
        }
    }

    fn handle_collision(&mut self, e: &mut Engine, source: usize, target: usize) {
        match (e.entities[source].kind, e.entities[target].kind) {
            (PLAYER_BULLET, SHIELDS) if self.shields_are_up => {
                self.reflect(&mut e.entities[source]);
            }
            (PLAYER_BULLET, BOSS) if !self.shields_are_up => self.hit_boss(e, source, target),
            (BARRIER, ENEMY_BULLET | PLAYER_BULLET) => {
                e.entities[target].will_erase = true;
                e.spawn_child(target, EXPLOSION, 0.5 * e.entities[target].rx);
            }
            (BARRIER, LASER_TRAIL) => e.entities[target].will_erase = true,
            _ => {}
        }
    }

    fn should_draw(&self, _e: &Engine, entity: &Entity) -> bool {
        entity.kind != SHIELDS || self.shields_are_up
    }
}

impl Bossfight {
    /// Puts the shields up; the boss shoots as it does in this round.
    fn prepare_round(&mut self) {
        self.shields_are_up = true;
        self.curr_vel_timeout = BOSS_VEL_TIMEOUT;
        self.time_to_swap = self.invulnerable_duration;
        self.attack_mode = self.attack_modes[self.round_num as usize % self.attack_modes.len()];
    }

    /// Sends the boss elsewhere when it has arrived; shields go up and down only then.
    fn steer(&mut self, boss: &mut Entity) {
        if self.curr_vel_timeout > 0 {
            self.curr_vel_timeout -= 1;
            return;
        }
        let room = WORLD as f32 - 2.0 * BOSS_R;
        let x = self.rand_pct_x * room + BOSS_R;
        let y = ((self.rand_pct_y * (room - BOTTOM_MARGIN)) + BOSS_R) + BOTTOM_MARGIN;
        boss.vx = (x - boss.x) / BOSS_VEL_TIMEOUT as f32;
        boss.vy = (y - boss.y) / BOSS_VEL_TIMEOUT as f32;
        self.curr_vel_timeout = BOSS_VEL_TIMEOUT;
        if self.time_to_swap > 0 {
            self.time_to_swap -= 1;
        } else {
            self.time_to_swap = match self.shields_are_up {
                true => VULNERABLE_DURATION,
                false => self.invulnerable_duration,
            };
            self.shields_are_up = !self.shields_are_up;
        }
    }

    /// The shots of one step behind shields: a fan downwards, a cross that swings, rings at
    /// random angles, or single shots downwards.
    fn attack(&self, e: &mut Engine, boss: &Entity) {
        let time = e.cur_time;
        match self.attack_mode {
            0 if time % 8 == 0 => {
                for i in -2..=2 {
                    let off = (i as f32 * PI) / 8.0;
                    self.fire(e, boss, (f64::from(PI) * 1.5 + f64::from(off)) as f32);
                }
            }
            1 if time % 5 == 0 => {
                let swing = f64::from((8 - (time / 5) % 16).abs());
                let start = f64::from(PI) * (1.25 + 0.5 * swing / 8.0);
                for i in 0..4 {
                    let off = (i as f32 * PI) / 2.0;
                    self.fire(e, boss, (start + f64::from(off)) as f32);
                }
            }
            2 if time % 10 == 0 => {
                let off = (self.rand_pct * 2.0) * PI;
                for i in 0..8 {
                    self.fire(e, boss, ((2.0 * PI) / 8.0) * i as f32 + off);
                }
            }
            3 if time % 4 == 0 => self.fire(e, boss, PI * (1.0 + self.rand_pct)),
            _ => {}
        }
    }

    fn fire(&self, e: &mut Engine, boss: &Entity, angle: f32) {
        let (speed, angle) = (f64::from(self.boss_bullet_vel), f64::from(angle));
        let vx = (speed * libm::cos(angle)) as f32;
        let vy = (speed * libm::sin(angle)) as f32;
        e.add(Entity {
            image_theme: self.boss_laser_theme,
            expire_time: 50,
            vrot: PI / 8.0,
            ..Entity::new(boss.x, boss.y, vx, vy, 0.5, 0.5, ENEMY_BULLET)
        });
    }

    /// Every bullet of the boss leaves a copy that follows slowly and fades.
    fn leave_trails(&self, e: &mut Engine) {
        for i in (0..e.entities.len()).rev() {
            let Entity { x, y, vx, vy, rx, ry, kind, vrot, rotation, .. } = e.entities[i];
            if kind == ENEMY_BULLET {
                e.add(Entity {
                    alpha_decay: 0.7,
                    image_type: ENEMY_BULLET,
                    image_theme: self.boss_laser_theme,
                    vrot,
                    rotation,
                    expire_time: 8,
                    ..Entity::new(x, y, vx * 0.5, vy * 0.5, rx, ry, LASER_TRAIL)
                });
            }
        }
    }

    /// The shields send a bullet back, and it is no longer a danger to anyone.
    fn reflect(&self, bullet: &mut Entity) {
        bullet.kind = REFLECTED_BULLET;
        let angle = (f64::from(PI) * (1.25 + 0.5 * f64::from(self.rand_pct))) as f32;
        bullet.vy = (libm::sin(f64::from(angle)) * 0.5) as f32;
        bullet.vx = (libm::cos(f64::from(angle)) * 0.5) as f32;
        bullet.expire_time = 4;
        bullet.life_time = 0;
        bullet.alpha_decay = 0.8;
    }

    fn hit_boss(&mut self, e: &mut Engine, bullet: usize, i: usize) {
        e.entities[i].health -= 1.0;
        let health = e.entities[i].health;
        if health as i32 % self.round_health == 0 {
            e.reward += POSITIVE_REWARD;
            if health == 0.0 {
                e.complete(COMPLETION_BONUS);
            } else {
                self.round_num += 1;
                self.prepare_round();
                (e.entities[i].vx, e.entities[i].vy) = (0.0, 0.0);
                self.curr_vel_timeout = DAMAGED_DURATION;
                self.damaged_until_time = e.cur_time + DAMAGED_DURATION;
            }
        }
        e.entities[bullet].will_erase = true;
        let explosion = e.spawn_child(bullet, EXPLOSION, 0.5 * e.entities[bullet].rx);
        let Entity { vx, vy, .. } = e.entities[i];
        (e.entities[explosion].vx, e.entities[explosion].vy) = (vx, vy);
    }
}

fn find(e: &Engine, kind: i32) -> Option<usize> {
    e.entities.iter().position(|entity| entity.kind == kind)
}

/// Adds a barrier above the agent, unless there is something where it would be.
fn spawn_barrier(e: &mut Engine) {
    let min_y = (f64::from(2.0 * e.agent().ry + BARRIER_R) + 0.5) as f32;
    let y = e.rng.rand01() * ((BOTTOM_MARGIN - min_y) - BARRIER_R) + min_y;
    let x = e.rng.rand01() * (WORLD as f32 - 2.0 * BARRIER_R) + BARRIER_R;
    let mut barrier = Entity::new(x, y, 0.0, 0.0, BARRIER_R, BARRIER_R, BARRIER);
    barrier.image_theme = e.random_theme(BARRIER);
    e.match_aspect_ratio(&mut barrier);
    barrier.health = 3.0;
    barrier.collides_with_entities = true;
    if !e.has_any_collision(&barrier, 0.0) {
        e.add(barrier);
    }
}
