//! Find the cheese in a maze.

use crate::procgen::{
    engine::Engine,
    entity::{PLAYER, SPACE, WALL_OBJ},
    game::{Facts, Game, Scores, Sprite},
    layout::Layout,
    options::Mode,
};

const GOAL: i32 = 2;

const REWARD: f32 = 10.0;

#[derive(Clone)]
pub struct Maze {
    /// Side of the maze in cells; the world may be larger.
    maze_dim: i32,
    world_dim: i32,
}

impl Game for Maze {
    const FACTS: &'static Facts = &Facts {
        name: "maze",
        about: "find the cheese in a maze",
        scores: Scores { easy: (5.0, 10.0), hard: (4.0, 10.0) },
        memory: true,
        exploration: Some(158_988_835),
        timeout: 500,
        rewards: (0.0, REWARD),
        sprites: &[
            Sprite::new(PLAYER, &[("mouse", 128, 128)]),
            Sprite::new(GOAL, &[("cheese", 27, 27)]),
            Sprite::new(WALL_OBJ, &[("wall/sand", 128, 128)]),
        ],
        ..Facts::COMMON
    };

    fn new(e: &mut Engine) -> Self {
        e.random_agent_start = false;
        e.has_useful_vel_info = false;
        e.out_of_bounds_object = WALL_OBJ;
        e.visibility = 8.0;
        Self { maze_dim: 0, world_dim: 0 }
    }

    fn layout(&mut self, io: &mut impl Layout) {
        io.int("maze_dim", &mut self.maze_dim);
        io.int("world_dim", &mut self.world_dim);
    }

    fn choose_world_dim(&mut self, e: &mut Engine) {
        self.world_dim = match e.mode() {
            Mode::Easy => 15,
            Mode::Memory => 31,
            _ => 25,
        };
        (e.main_width, e.main_height) = (self.world_dim, self.world_dim);
    }

    fn reset(&mut self, e: &mut Engine) {
        e.base_reset(self);
        e.grid_step = true;
        self.maze_dim = e.rng.randn((self.world_dim - 1) / 2) * 2 + 3;
        let margin = (self.world_dim - self.maze_dim) / 2;
        e.settings.center_agent = e.mode() == Mode::Memory;
        let agent = e.agent_mut();
        (agent.rx, agent.ry) = (0.5, 0.5);
        (agent.x, agent.y) = (margin as f32 + 0.5, margin as f32 + 0.5);
        e.maze.generate(&mut e.rng, self.maze_dim);
        e.maze.place_objects(&mut e.rng, GOAL, 1);
        e.fill_grid(WALL_OBJ);
        for x in 0..self.maze_dim {
            for y in 0..self.maze_dim {
                e.set_obj(margin + x, margin + y, e.maze.get(x, y));
            }
        }
    }

    fn set_action_xy(&mut self, e: &mut Engine) {
        e.set_straight_action_xy();
    }

    fn step(&mut self, e: &mut Engine) {
        e.base_step(self);
        let action_vx = e.action_vx;
        let agent = e.agent_mut();
        if action_vx != 0.0 {
            agent.is_reflected = action_vx > 0.0;
        }
        let (x, y) = (agent.x as i32, agent.y as i32);
        if e.get_obj(x, y) == GOAL {
            e.set_obj(x, y, SPACE);
            e.reward += REWARD;
            e.level_complete = true;
        }
        // An assignment: whatever else would have ended the episode does not.
        e.done = e.reward > 0.0;
    }
}
