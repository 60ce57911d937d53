//! A game in play: the life cycle that is the same for all.

use super::{
    engine::{Engine, NOOP},
    game::{Facts, Game},
    layout::Value,
    mt19937::Mt19937,
    options::{Options, Settings},
    paint,
    state::{Checksums, StateError},
};
use crate::{Action, ActionSpace, End, Env, Level, OptionError, Spec, Step, draw::DrawList};
use std::sync::LazyLock;

/// Number of discrete actions: nine directions and six keys.
pub const ACTIONS: u32 = 15;
/// Distance between the seeds of levels that follow one another within an episode.
const NEXT_LEVEL: i32 = 997;

/// What a step of the original's vector environment tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub reward: f32,
    /// Whether the state reached is the first of an episode.
    pub first: bool,
    /// Whether the step solved its level.
    pub level_complete: bool,
    pub prev_level_seed: i32,
    pub level_seed: i32,
}

/// The generator of level seeds of world number `index` of those with a `rand_seed`.
pub(super) fn level_rng(rand_seed: i32, index: u32) -> Mt19937 {
    let mut seeds = Mt19937::new(rand_seed as u32);
    for _ in 0..index {
        seeds.next_u32();
    }
    Mt19937::new(seeds.next_u32())
}

/// A game with its state.
#[derive(Clone)]
pub struct World<G: Game> {
    pub(super) engine: Engine,
    pub(super) game: G,
}

impl<G: Game> World<G> {
    /// World number `index` of those that the original makes with a `rand_seed`, in its first
    /// level.
    pub fn original(options: &Options, rand_seed: i32, index: u32) -> Result<Self, OptionError> {
        let settings = options.original_settings(G::FACTS, index)?;
        Ok(Self::start(settings, level_rng(rand_seed, index)))
    }

    pub(super) fn start(settings: Settings, level_rng: Mt19937) -> Self {
        let mut world = Self::unborn(settings);
        world.engine.level_rng = level_rng;
        world.reset();
        world.engine.prepare_camera(&world.game);
        world
    }

    /// A world as it is before its first level.
    pub(super) fn unborn(settings: Settings) -> Self {
        let timeout = G::timeout(settings.mode);
        let mut engine = Engine::new(G::FACTS, settings, timeout);
        let game = G::new(&mut engine);
        Self { engine, game }
    }

    /// Goes to the next level.
    fn reset(&mut self) {
        let e = &mut self.engine;
        if e.settings.use_sequential_levels && e.level_complete {
            e.current_level_seed = e.current_level_seed.wrapping_add(NEXT_LEVEL);
        } else {
            let (low, high) = e.settings.level_seeds;
            e.current_level_seed = e.level_rng.randint(low, high);
        }
        e.rng.seed(e.current_level_seed as u32);
        self.game.reset(e);
        e.cur_time = 0;
        e.action = NOOP;
    }

    /// Advances by one step within the level and says whether the game ended it: it may also end
    /// because it was cut, by action -1 or by the time limit.
    fn play(&mut self, action: i32) -> bool {
        let e = &mut self.engine;
        e.cur_time += 1;
        let forced = action == -1;
        e.action = if forced { NOOP } else { action };
        (e.reward, e.done, e.level_complete) = (0.0, false, false);
        self.game.step(e);
        let over = e.done;
        e.done = over || forced || e.cur_time >= e.timeout;
        if e.reward != 0.0 {
            e.last_reward_timer = 10;
            e.last_reward = e.reward;
        }
        e.prev_level_seed = e.current_level_seed;
        over
    }

    /// Whether the level just solved is followed by another within the episode.
    fn continues(&self) -> bool {
        self.engine.settings.use_sequential_levels && self.engine.level_complete
    }

    /// One step of the original's vector environment: the next level follows at once.
    ///
    /// Actions are `0..15`; -1 does nothing and ends the episode. Others are taken as the
    /// original takes them.
    pub fn act(&mut self, action: i32) -> Outcome {
        self.play(action);
        if self.engine.done {
            self.reset();
        }
        if self.continues() {
            self.engine.done = false;
        }
        self.engine.episode_done = self.engine.done;
        self.engine.prepare_camera(&self.game);
        self.outcome()
    }

    /// What the last step told; at first, what there is to tell before any.
    pub fn outcome(&self) -> Outcome {
        let e = &self.engine;
        Outcome {
            reward: e.reward,
            first: e.done,
            level_complete: e.level_complete,
            prev_level_seed: e.prev_level_seed,
            level_seed: e.current_level_seed,
        }
    }

    /// The state that all games have.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The state that this game adds.
    pub fn game(&self) -> &G {
        &self.game
    }
}

impl<G: Game> Env for World<G> {
    type Options = Options;

    fn validate(options: &Options) -> Result<(), OptionError> {
        options.validate(G::FACTS)
    }

    /// A variation is a level. The observation vector is not what the literature learns from: the
    /// agent's place as a share of the world, its velocity in cells a step, and the share of the
    /// time limit that is over.
    fn spec(options: &Options) -> Spec {
        Spec {
            grain: 64,
            observation: 5,
            points: 0,
            action: ActionSpace::Discrete { n: ACTIONS },
            variations: options.variations(G::FACTS),
            // Levels that follow one another have a time limit each, and no end in sight.
            horizon: match options.use_sequential_levels {
                true => u32::MAX,
                false => G::timeout(options.mode) as u32,
            },
            reward_range: G::FACTS.rewards,
            return_range: G::FACTS.scores.of(options.mode),
        }
    }

    /// The world that the original makes when it has this one level and `rand_seed` 0. Without a
    /// limit to the levels, the seed of the level in `0..2147483647` follows from `level.seed`.
    fn reset(options: &Options, level: Level) -> Self {
        static LEVEL_RNG: LazyLock<Mt19937> = LazyLock::new(|| level_rng(0, 0));
        let seed = options.level_seed(G::FACTS, level);
        let settings = Settings::new(options, (seed, seed + 1), 0);
        Self::start(settings, LEVEL_RNG.clone())
    }

    fn step(&mut self, action: Action<'_>) -> Step {
        let Action::Discrete(action) = action else {
            panic!("{} has discrete actions", G::FACTS.name);
        };
        let over = self.play(action.min(ACTIONS - 1) as i32);
        let end = match (self.engine.done, over) {
            _ if self.continues() => {
                self.reset();
                self.engine.done = false;
                End::Running
            }
            (false, _) => End::Running,
            (true, true) => End::Terminated,
            (true, false) => End::Truncated,
        };
        self.engine.episode_done = self.engine.done;
        self.engine.prepare_camera(&self.game);
        Step { reward: self.engine.reward, end, solved: self.engine.level_complete }
    }

    fn sense(&self, out: &mut [f32]) {
        let e = &self.engine;
        let agent = e.agent();
        out.copy_from_slice(&[
            agent.x / e.main_width as f32,
            agent.y / e.main_height as f32,
            agent.vx,
            agent.vy,
            e.cur_time as f32 / e.timeout as f32,
        ]);
    }

    /// 64 is the size of the original's observations, and the size at which pixels are the same.
    fn draw(&self, size: u32, list: &mut DrawList) {
        paint::paint(&self.game, &self.engine, size, list);
    }
}

/// A world of whatever game, driven as the original's vector environment.
pub trait Original: Send {
    fn facts(&self) -> &'static Facts;
    fn engine(&self) -> &Engine;
    /// See [`World::act`].
    fn act(&mut self, action: i32) -> Outcome;
    /// See [`World::outcome`].
    fn outcome(&self) -> Outcome;
    /// A step without the reset that may follow; whether the episode is over.
    fn step_within_level(&mut self, action: i32) -> bool;
    /// The reset that follows the end of an episode.
    fn next_level(&mut self);
    /// See [`Env::draw`].
    fn draw(&self, size: u32, list: &mut DrawList);
    /// See [`World::to_bytes`].
    fn to_bytes(&self) -> Vec<u8>;
    /// Takes the state of [`World::to_bytes`] over; keeps its own on an error.
    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError>;
    /// See [`World::checksums`].
    fn checksums(&mut self, scratch: &mut Vec<u8>) -> Checksums;
    /// See [`World::digest`].
    fn digest(&self) -> Vec<u8>;
    /// See [`World::fields`].
    fn fields(&self, digest: &[u8]) -> Result<Vec<(String, Value)>, StateError>;
}

impl<G: Game> Original for World<G> {
    fn facts(&self) -> &'static Facts {
        G::FACTS
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn act(&mut self, action: i32) -> Outcome {
        self.act(action)
    }

    fn outcome(&self) -> Outcome {
        self.outcome()
    }

    fn step_within_level(&mut self, action: i32) -> bool {
        self.play(action);
        self.engine.prepare_camera(&self.game);
        self.engine.done
    }

    fn next_level(&mut self) {
        self.reset();
    }

    fn draw(&self, size: u32, list: &mut DrawList) {
        Env::draw(self, size, list);
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        *self = Self::from_bytes(bytes)?;
        Ok(())
    }

    fn checksums(&mut self, scratch: &mut Vec<u8>) -> Checksums {
        self.checksums(scratch)
    }

    fn digest(&self) -> Vec<u8> {
        self.digest()
    }

    fn fields(&self, digest: &[u8]) -> Result<Vec<(String, Value)>, StateError> {
        self.fields(digest)
    }
}
