//! Eat smaller fish, avoid bigger ones.

use crate::procgen::{
    engine::Engine,
    entity::{Entity, PLAYER},
    game::{Background, Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
};

const FISH: i32 = 2;

/// Smallest and largest radius of a fish.
const FISH_MIN_R: f32 = 0.25;
const FISH_MAX_R: f32 = 2.0;
/// Fish to be eaten.
const FISH_QUOTA: i32 = 30;
const COMPLETION_BONUS: f32 = 10.0;
const POSITIVE_REWARD: f32 = 1.0;

#[derive(Clone)]
pub struct Bigfish {
    fish_eaten: i32,
    /// What the agent's radius grows by with every fish.
    r_inc: f32,
}

impl Game for Bigfish {
    const FACTS: &'static Facts = &Facts {
        name: "bigfish",
        about: "eat smaller fish, avoid bigger ones",
        scores: Scores { easy: (1.0, 40.0), hard: (0.0, 40.0) },
        timeout: 6000,
        // Several fish at once are possible, all thirty are not.
        rewards: (0.0, FISH_QUOTA as f32 + COMPLETION_BONUS),
        background: Background::Water,
        sprites: &[
            Sprite::new(PLAYER, &[("fish/own", 108, 76)]),
            Sprite::new(
                FISH,
                &[("fish/small", 78, 46), ("fish/round", 112, 88), ("fish/long", 108, 58)],
            ),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        (e.main_width, e.main_height) = (20, 20);
        Self { fish_eaten: 0, r_inc: 0.0 }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("fish_eaten", &mut self.fish_eaten);
        io.float("r_inc", &mut self.r_inc);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.settings.center_agent = false;
        self.fish_eaten = 0;
        let start_r = if e.mode() == Mode::Easy { 1.0 } else { 0.5 };
        self.r_inc = (FISH_MAX_R - start_r) / FISH_QUOTA as f32;
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (start_r, start_r);
        agent.y = 1.0 + agent.ry;
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        if e.rng.randn(10) == 1 {
            spawn_fish(e);
        }
        if self.fish_eaten >= FISH_QUOTA {
            e.complete(COMPLETION_BONUS);
        }
        e.reflect_agent();
    }

    fn handle_agent_collision(&mut self, e: &mut Engine, i: usize) {
        if e.entities[i].kind != FISH {
            return;
        }
        if e.entities[i].rx > e.agent().rx {
            e.done = true;
            return;
        }
        e.reward += POSITIVE_REWARD;
        e.entities[i].will_erase = true;
        let agent = e.agent_mut();
        agent.rx += self.r_inc;
        agent.ry += self.r_inc;
        self.fish_eaten += 1;
    }
}

/// A fish swims in from the left or the right.
fn spawn_fish(e: &mut Engine) {
    let share = libm::pow(f64::from(e.rng.rand01()), 1.4);
    let r = (f64::from(FISH_MAX_R - FISH_MIN_R) * share + f64::from(FISH_MIN_R)) as f32;
    let y = e.rng.rand01() * (e.main_height as f32 - 2.0 * r);
    let moves_right = e.rng.rand01() < 0.5;
    let direction = if moves_right { 1.0 } else { -1.0 };
    let vx = ((0.15 + f64::from(e.rng.rand01()) * 0.25) * direction) as f32;
    let x = if moves_right { -r } else { e.main_width as f32 + r };
    let mut fish = Entity::new(x, y, vx, 0.0, r, r, FISH);
    fish.is_reflected = !moves_right;
    fish.image_theme = e.random_theme(FISH);
    e.match_aspect_ratio(&mut fish);
    e.add(fish);
}
