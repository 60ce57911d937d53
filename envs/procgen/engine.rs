//! What every game has in common: the state, and the order of things in a reset and in a step.

use super::{
    camera::Camera,
    entity::{Entity, PLAYER, SPACE},
    game::{Facts, Game},
    grid::Grid,
    layout::Layout,
    maze_gen::MazeGen,
    mt19937::Mt19937,
    options::{Mode, Settings},
};

/// Index of the agent among the entities.
pub const AGENT: usize = 0;
/// The action that does nothing.
pub(super) const NOOP: i32 = 4;
/// Room for entities from the start: more than any game has at once, so that steps allocate
/// nothing.
const ENTITIES: usize = 256;
/// Radius of a new agent.
const AGENT_RADIUS: f32 = 0.4;
/// Angular velocity that full turning tends to: 15 degrees a step.
const MAX_TURN: f32 = (15.0 * std::f32::consts::PI) / 180.0;

/// The state that all games share, with the names of the original.
///
/// A reset sets only what is documented to be reset; all else survives from the previous episode,
/// as it does in the original.
#[derive(Clone)]
pub struct Engine {
    pub facts: &'static Facts,
    pub settings: Settings,
    /// Draws the seeds of levels.
    pub level_rng: Mt19937,
    /// All other randomness; seeded with the seed of the level at every reset.
    pub rng: Mt19937,

    /// Of the current step.
    pub reward: f32,
    pub done: bool,
    pub level_complete: bool,
    pub action: i32,
    /// Steps after which an episode is cut.
    pub timeout: i32,
    pub current_level_seed: i32,
    pub prev_level_seed: i32,
    pub(super) episode_done: bool,
    pub(super) last_reward_timer: i32,
    pub(super) last_reward: f32,
    /// Steps taken in this level, the current one included.
    pub cur_time: i32,

    /// The agent is the first and stays so.
    pub entities: Vec<Entity>,
    pub grid: Grid,
    pub(super) grid_size: i32,
    pub background_index: i32,
    /// Not 0: the background is tiled, see [`Game::tile_ratio`].
    pub bg_tile_ratio: f32,
    /// Where the background is cropped, in `[0, 1]`.
    pub bg_pct_x: f32,
    pub(super) char_dim: f32,
    /// The last action that moved, in `0..9`.
    pub last_move_action: i32,
    /// `3 * (dx + 1) + dy + 1` of the current action.
    pub move_action: i32,
    /// 0, or which of the keys D, A, W, S, Q, E is pressed, from 1.
    pub special_action: i32,
    /// Share of the velocity that is new in every step.
    pub mixrate: f32,
    pub maxspeed: f32,
    pub max_jump: f32,
    pub action_vx: f32,
    pub action_vy: f32,
    pub action_vrot: f32,
    /// The agent starts anywhere in the world rather than in its corner.
    pub random_agent_start: bool,
    /// Whether there is a point in painting the velocity.
    pub has_useful_vel_info: bool,
    /// A random number in `0..1000000` for the whole step.
    pub step_rand_int: i32,
    /// The agent moves from cell to cell, a cell a step.
    pub grid_step: bool,
    /// Size of the world in cells.
    pub main_width: i32,
    pub main_height: i32,
    /// The kind of all cells outside of the grid.
    pub out_of_bounds_object: i32,
    /// Cells that the view shows, in each direction.
    pub visibility: f32,
    pub(super) min_visibility: f32,
    pub(super) camera: Camera,

    /// Makes mazes. Holds one only from making it to copying it.
    pub maze: MazeGen,
    /// Scratch of the movement: indices of the entities that may stop others.
    pub(super) stoppers: Vec<u32>,
}

impl Engine {
    pub(super) fn new(facts: &'static Facts, settings: Settings, timeout: i32) -> Self {
        Self {
            facts,
            settings,
            level_rng: Mt19937::default(),
            rng: Mt19937::default(),
            reward: 0.0,
            done: true,
            level_complete: false,
            action: NOOP,
            timeout,
            current_level_seed: 0,
            prev_level_seed: 0,
            episode_done: false,
            last_reward_timer: 0,
            last_reward: -1.0,
            cur_time: 0,
            entities: Vec::with_capacity(ENTITIES),
            grid: Grid::default(),
            grid_size: 0,
            background_index: 0,
            bg_tile_ratio: 0.0,
            bg_pct_x: 0.0,
            char_dim: 5.0,
            last_move_action: 7,
            move_action: 0,
            special_action: 0,
            mixrate: 0.5,
            maxspeed: 0.5,
            max_jump: 0.5,
            action_vx: 0.0,
            action_vy: 0.0,
            action_vrot: 0.0,
            random_agent_start: true,
            has_useful_vel_info: true,
            step_rand_int: 0,
            grid_step: false,
            main_width: 0,
            main_height: 0,
            out_of_bounds_object: -1,
            visibility: 16.0,
            min_visibility: 0.0,
            camera: Camera::default(),
            maze: MazeGen::default(),
            stoppers: Vec::with_capacity(ENTITIES),
        }
    }

    pub fn mode(&self) -> Mode {
        self.settings.mode
    }

    #[inline]
    pub fn agent(&self) -> &Entity {
        &self.entities[AGENT]
    }

    #[inline]
    pub fn agent_mut(&mut self) -> &mut Entity {
        &mut self.entities[AGENT]
    }

    /// The first part of every reset: an empty world with an agent. Two draws, or four where the
    /// agent starts anywhere.
    pub fn base_reset(&mut self, game: &mut impl Game) {
        game.choose_world_dim(self);
        self.bg_pct_x = self.rng.rand01();
        self.grid_size = self.main_width * self.main_height;
        self.background_index = self.rng.index(self.facts.background.sizes().len()) as i32;
        let (mut x, mut y) = (AGENT_RADIUS, AGENT_RADIUS);
        if self.random_agent_start {
            let mut anywhere =
                |size: i32| self.rng.rand01() * (size as f32 - 2.0 * AGENT_RADIUS) + AGENT_RADIUS;
            x = anywhere(self.main_width);
            y = anywhere(self.main_height);
        }
        self.entities.clear();
        self.entities.push(Entity {
            smart_step: true,
            render_z: 1,
            ..Entity::new(x, y, 0.0, 0.0, AGENT_RADIUS, AGENT_RADIUS, PLAYER)
        });
        self.grid.resize(self.main_width, self.main_height, SPACE);
    }

    /// The common part of every step: the action, movement, collisions, removals. One draw, which
    /// comes first.
    pub fn base_step(&mut self, game: &mut impl Game) {
        self.step_rand_int = self.rng.randint(0, 1_000_000);
        self.move_action = self.action % 9;
        self.special_action = 0;
        if self.action >= 9 {
            self.special_action = self.action - 8;
            self.move_action = NOOP;
        }
        if self.move_action != NOOP {
            self.last_move_action = self.move_action;
        }
        (self.action_vx, self.action_vy, self.action_vrot) = (0.0, 0.0, 0.0);
        game.set_action_xy(self);
        if self.grid_step {
            let (vx, vy) = (self.action_vx, self.action_vy);
            let agent = self.agent_mut();
            (agent.vx, agent.vy) = (vx, vy);
        } else {
            game.update_agent_velocity(self);
            let turn = (0.5 * MAX_TURN) * self.action_vrot;
            let agent = self.agent_mut();
            agent.vrot = 0.5 * agent.vrot + turn;
        }
        self.step_entities(game);
        self.collide(game);
        self.erase_if_needed();
        self.done |= self.agent_has_left();
    }

    /// The default meaning of an action: a direction.
    pub fn set_action_xy(&mut self) {
        self.action_vx = (self.move_action / 3 - 1) as f32;
        self.action_vy = (self.move_action % 3 - 1) as f32;
    }

    /// The meaning of an action where nothing moves diagonally: left and right go first.
    pub fn set_straight_action_xy(&mut self) {
        self.set_action_xy();
        if self.action_vx != 0.0 {
            self.action_vy = 0.0;
        }
    }

    /// Which of three pictures a runner shows: at rest on the ground, or one of two strides.
    pub fn stride<T>(&self, has_support: bool, [rest, first, second]: [T; 3]) -> T {
        let still = f64::from(self.agent().vx.abs()) < 0.01 && self.action_vx == 0.0;
        if still && has_support {
            rest
        } else if self.cur_time / 5 % 2 == 0 || !has_support {
            first
        } else {
            second
        }
    }

    /// Mixes the wanted velocity into that of the agent.
    pub fn accelerate_agent(&mut self) {
        let keep = 1.0 - self.mixrate;
        let push = self.mixrate * self.maxspeed;
        let (ax, ay) = (push * self.action_vx, push * self.action_vy);
        let agent = self.agent_mut();
        agent.vx = keep * agent.vx + ax;
        agent.vy = keep * agent.vy + ay;
    }

    /// Takes a tenth of the agent's velocity away.
    pub fn decay_agent_velocity(&mut self) {
        let agent = self.agent_mut();
        agent.vx = (0.9 * f64::from(agent.vx)) as f32;
        agent.vy = (0.9 * f64::from(agent.vy)) as f32;
    }

    /// Whether the agent faces right, which an action to either side changes.
    pub fn faces_right(&self, before: bool) -> bool {
        if self.action_vx == 0.0 { before } else { self.action_vx > 0.0 }
    }

    /// Mirrors the agent's sprite when it is moved to the left.
    pub fn reflect_agent(&mut self) {
        let vx = self.action_vx;
        if vx != 0.0 {
            self.agent_mut().is_reflected = vx < 0.0;
        }
    }

    /// Ends the episode with the level solved.
    pub fn complete(&mut self, reward: f32) {
        self.reward += reward;
        self.level_complete = true;
        self.done = true;
    }
}

/// The fields in the order of the original's `get_state`, in groups that recordings checksum.
impl Engine {
    pub(super) fn layout_options(&mut self, io: &mut impl Layout) {
        let s = &mut self.settings;
        io.bool("paint_vel_info", &mut s.paint_vel_info);
        io.constant("use_generated_assets", 0);
        io.bool("use_monochrome_assets", &mut s.use_monochrome_assets);
        io.bool("restrict_themes", &mut s.restrict_themes);
        io.bool("use_backgrounds", &mut s.use_backgrounds);
        io.bool("center_agent", &mut s.center_agent);
        io.int("debug_mode", &mut s.debug_mode);
        let mut mode = s.mode.number();
        io.int("distribution_mode", &mut mode);
        match Mode::from_number(mode).filter(|&mode| self.facts.has(mode)) {
            Some(mode) => s.mode = mode,
            None => io.require("distribution_mode", false),
        }
        io.bool("use_sequential_levels", &mut s.use_sequential_levels);
        io.constant("use_easy_jump", 0);
        io.constant("plain_assets", 0);
        io.constant("physics_mode", 0);
        io.bool("grid_step", &mut self.grid_step);
        io.int("level_seed_low", &mut s.level_seeds.0);
        io.int("level_seed_high", &mut s.level_seeds.1);
        io.require("level_seed_high", s.level_seeds.0 < s.level_seeds.1);
        io.constant("game_type", 0);
        io.int("game_n", &mut s.index);
    }

    pub(super) fn layout_generators(&mut self, io: &mut impl Layout) {
        io.rng("level_seed_rand_gen", &mut self.level_rng);
        io.rng("rand_gen", &mut self.rng);
    }

    pub(super) fn layout_step(&mut self, io: &mut impl Layout) {
        io.float("reward", &mut self.reward);
        io.bool("done", &mut self.done);
        io.bool("level_complete", &mut self.level_complete);
        io.int("action", &mut self.action);
        io.int("timeout", &mut self.timeout);
        io.int("current_level_seed", &mut self.current_level_seed);
        io.int("prev_level_seed", &mut self.prev_level_seed);
        io.constant("episodes_remaining", 0);
        io.bool("episode_done", &mut self.episode_done);
        io.int("last_reward_timer", &mut self.last_reward_timer);
        io.float("last_reward", &mut self.last_reward);
        io.constant("default_action", NOOP);
        io.constant("fixed_asset_seed", crate::rng::fnv1a(self.facts.name) as i32);
        io.int("cur_time", &mut self.cur_time);
        io.require("cur_time", (0..=1 << 30).contains(&self.cur_time));
        io.constant("is_waiting_for_step", 0);
    }

    pub(super) fn layout_entities(&mut self, io: &mut impl Layout) {
        layout_entities(&mut self.entities, "entities", io);
        let agents = self.entities.iter().filter(|e| e.kind == PLAYER).count();
        io.require("entities", agents == 1 && self.agent().kind == PLAYER);
    }

    pub(super) fn layout_action(&mut self, io: &mut impl Layout) {
        io.constant("use_procgen_background", 0);
        io.int("background_index", &mut self.background_index);
        let backgrounds = 0..self.facts.background.sizes().len() as i32;
        io.require("background_index", backgrounds.contains(&self.background_index));
        io.float("bg_tile_ratio", &mut self.bg_tile_ratio);
        io.float("bg_pct_x", &mut self.bg_pct_x);
        io.float("char_dim", &mut self.char_dim);
        io.int("last_move_action", &mut self.last_move_action);
        io.int("move_action", &mut self.move_action);
        io.int("special_action", &mut self.special_action);
        io.float("mixrate", &mut self.mixrate);
        io.require("mixrate", (0.0..=1.0).contains(&self.mixrate));
        io.float("maxspeed", &mut self.maxspeed);
        io.require("maxspeed", self.maxspeed.abs() <= 100.0);
        io.float("max_jump", &mut self.max_jump);
        io.require("max_jump", self.max_jump.abs() <= 100.0);
        io.float("action_vx", &mut self.action_vx);
        io.float("action_vy", &mut self.action_vy);
        io.float("action_vrot", &mut self.action_vrot);
    }

    pub(super) fn layout_flags(&mut self, io: &mut impl Layout) {
        io.bool("random_agent_start", &mut self.random_agent_start);
        io.bool("has_useful_vel_info", &mut self.has_useful_vel_info);
        io.int("step_rand_int", &mut self.step_rand_int);
    }

    pub(super) fn layout_world(&mut self, io: &mut impl Layout) {
        io.int("main_width", &mut self.main_width);
        io.int("main_height", &mut self.main_height);
        io.int("out_of_bounds_object", &mut self.out_of_bounds_object);
    }

    pub(super) fn layout_visibility(&mut self, io: &mut impl Layout) {
        io.float("visibility", &mut self.visibility);
        io.float("min_visibility", &mut self.min_visibility);
        let sane = |cells: f32| (0.0..=1024.0).contains(&cells);
        io.require("visibility", sane(self.visibility) && sane(self.min_visibility));
    }

    pub(super) fn layout_grid(&mut self, io: &mut impl Layout) {
        self.grid.layout(io);
        let size = (self.grid.width(), self.grid.height());
        io.require("main_width", size == (self.main_width, self.main_height));
        io.require("grid_size", self.grid_size == size.0 * size.1);
    }
}

/// A list of entities as states hold it; refuses places, sizes and speeds that no game reaches.
pub fn layout_entities(entities: &mut Vec<Entity>, name: &'static str, io: &mut impl Layout) {
    let n = io.count(name, entities.len());
    entities.resize(n, Entity::default());
    for (i, entity) in entities.iter_mut().enumerate() {
        io.enter(name, i);
        entity.layout(io);
        let sane = |bound: f32, values: [f32; 4]| values.iter().all(|v| v.abs() <= bound);
        let Entity { x, y, vx, vy, rx, ry, collision_margin, smart_step, grow_rate, .. } = *entity;
        io.require("x", sane(1000.0, [x, y, rx, ry]));
        io.require("vx", sane(100.0, [vx, vy, collision_margin, 0.0]));
        // What stops at cells looks at all that it covers, which must not grow without end.
        io.require("grow_rate", !smart_step || grow_rate == 1.0);
        io.leave();
    }
}
