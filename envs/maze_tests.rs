use super::*;
use crate::levels::{LevelSet, Order};

/// Mean return of a scripted policy towards tine `aim(goal)` without start noise.
fn scripted_return(reward: Distance, goal: usize, policy: impl Fn(&Maze) -> [f32; 2]) -> f32 {
    let options = Options {
        reward,
        start_noise: 0.0,
        ..Options::default()
    };
    let mut maze = Maze::reset(
        &options,
        Level {
            variation: goal as u32,
            seed: 1,
        },
    );
    let mut total = 0.0;
    loop {
        let action = policy(&maze);
        let step = maze.step(Action::Continuous(&action));
        total += step.reward;
        if step.end != End::Running {
            return total;
        }
    }
}

#[test]
fn scripted_policies_have_the_returns_that_the_geometry_fixes() {
    let per_goal = |reward, aim: &dyn Fn(usize) -> usize| -> Vec<f32> {
        (0..GOALS)
            .map(|g| scripted_return(reward, g, |m| head_for(m, aim(g))))
            .collect()
    };
    for d in [Distance::Approximate, Distance::Exact] {
        println!(
            "{d:?} middle {:?} oracle {:?}",
            per_goal(d, &|_| 2),
            per_goal(d, &|g| g)
        );
    }
}

#[test]
fn dummy() {
    let _ = LevelSet::new(vec![0], Order::Cycle, 0);
}
